#ifndef CLM_CL_DISPATCH_H
#define CLM_CL_DISPATCH_H

#include "nn/tape.h"

/* Tensors that clm_dispatch makes; all null after an error. */
typedef struct clm_dispatched {
    clm_tensor *offsets, *order, *slot, *row;
} clm_dispatched;

/* dispatch: stable counting sort of keys into groups; only indices move, never rows.
 *
 *   key      [S]      i32  group of each item, at least 0; from G on: none. Any shape, read flat
 *   offsets  [G + 1]  i32  slots of group g: offsets[g] <= slot < offsets[g + 1]; offsets[G] == C
 *   order    [C]      i32  item of each slot; items of one group stay in order
 *   slot     [S]      i32  slot of each item, the inverse of order; -1: of no group
 *   row      [C]      i32  order / divide: the node of a slot when an item is (node, choice)
 *
 * `kept` = C is the number of items that belong to a group, known beforehand. Nothing is read back:
 * later kernels read the group boundaries from `offsets`. Not differentiable.
 *
 * Cost     0 flop; 4 (2 S + 2 C + G + 1) bytes
 * Source   Knuth, The Art of Computer Programming 3, section 5.2, distribution counting */
clm_dispatched clm_dispatch(clm_tape *tape, clm_tensor *key, int64_t groups, int divide,
                            int64_t kept);

#endif
