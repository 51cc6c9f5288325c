/* What the operators of this folder share with each other, and with those that do more in one go
 * (cl/gated_norm). Their variants have the tunables of CLM_NORM_VARIANTS. */
#ifndef CLM_CL_BATCH_NORM_INTERNAL_H
#define CLM_CL_BATCH_NORM_INTERNAL_H

#include "cl/batch_norm/batch_norm.h"
#include "op/lanes.h"
#include "op/vector.h"

typedef struct clm_norm_launch {
    bool cpu; /* by the variant cpu's kernels */
    bool relu;
    int64_t columns, groups;
    const clm_tensor *x, *w, *b, *offsets, *mean, *rstd, *partial;
    const clm_tensor *mean_estimate, *variance_estimate, *y; /* y null: the statistics alone */
    /* Backward. weight: null, or [R, columns / d] f32: dy [R, d] counts so much in each run of d
     * columns; not for the variant cpu. */
    const clm_tensor *dy, *weight, *dx, *dw, *db;
    int64_t d;
    int64_t widest; /* most lanes of a vector of the variant cpu; 0: as many as columns */
} clm_norm_launch;

clm_status clm_launch_norm(clm_plan *plan, const clm_norm_launch *launch);
/* The first of the variant cpu's launches: distances and squares summed by parts. */
clm_status clm_launch_norm_sums(clm_plan *plan, const clm_norm_launch *launch);
clm_status clm_launch_norm_backward(clm_plan *plan, const clm_norm_launch *launch);
clm_status clm_launch_norm_evaluate(clm_plan *plan, const clm_norm_launch *launch);

/* Rows of the scratch tensor `partial` [., C]: sums of the parts into which each group's rows are
 * cut, for most groups and parts that any device makes. */
int64_t clm_norm_partial(int64_t groups);

/* clang-format off */
#define CLM_NORM_VARIANTS(prepare_cpu, prepare)                                                    \
    {{"cpu", CLM_CPU, 0,                                                                           \
      {{"WIDTH", 16, {4, 8, 16}, clm_pick_lanes}, {"SHARES", 2, {1, 2, 4}, NULL}}, NULL,           \
      prepare_cpu},                                                                                \
     {"gpu", CLM_GPU, 0, {CLM_LANES(16, 8, 16, 32), {"COLUMNS", 32, {16, 32}, NULL}}, NULL,        \
      prepare},                                                                                    \
     {"plain", CLM_ANY_DEVICE, 0, {CLM_LANES(1, 1), {"COLUMNS", 32, {32}, NULL}}, NULL, prepare}}
/* clang-format on */

/* Options and work-items (part, group) of the variant cpu's kernels. */
clm_range clm_norm_parts(const clm_plan *plan, const clm_norm_launch *launch, char option[64]);

/* Rows about `mean`, positive numbers about 1, for examples. */
void clm_norm_example_rows(clm_example *example, int operand, float mean, int64_t rows,
                           int64_t columns);
void clm_norm_example_spread(clm_example *example, int operand, int64_t n);

/* Fills in the first operands x, w, b, offsets and the first attribute, relu; the sizes of the
 * example. False when there are no more. */
typedef struct clm_norm_size {
    int64_t rows, columns;
    int32_t live, groups;
    bool relu;
    float mean; /* of x, in standard deviations */
} clm_norm_size;
bool clm_norm_example(clm_example *example, int index, clm_norm_size *size);

extern const clm_op clm_op_batch_norm_evaluate;

#endif
