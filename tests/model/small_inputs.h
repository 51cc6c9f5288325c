/* What a network that predicts labels reads, small enough for finite differences: two graphs of 6
 * and 5 nodes, duplicate edges, nodes without edges, 7 features, 3 roles, 4 classes. */
#ifndef CLM_TESTS_MODEL_SMALL_INPUTS_H
#define CLM_TESTS_MODEL_SMALL_INPUTS_H

#include "model/task.h"

enum { SMALL_NODES = 11, SMALL_EDGES = 17, SMALL_FEATURES = 7, SMALL_ROLES = 3, SMALL_CLASSES = 4 };

extern const int32_t small_src[SMALL_EDGES], small_dst[SMALL_EDGES];

typedef struct small_form {
    bool sparse; /* features as compressed rows, else dense */
    bool graphs; /* labels of the two graphs, of a batch of three, else of nodes */
    int spare; /* rows past the live ones: NaN; edges past the live ones: of nodes there are not */
} small_form;

/* Feature c of node n, of which a third are 0; share r of roles, which add up to 1. */
float small_feature(int n, int c);
float small_role(int n, int r);

clm_task_inputs small_inputs(clm_tape *tape, small_form form);

#endif
