/* What the forward and the backward operators of relation_fold share. */
#ifndef CLM_CL_RELATION_FOLD_FOLD_H
#define CLM_CL_RELATION_FOLD_FOLD_H

#include "cl/relation_fold/relation_fold.h"
#include "op/lanes.h"

#include <stdio.h>

extern const clm_source clm_source_relation_fold;
extern const clm_op clm_relation_fold_projection, clm_relation_fold_relation;

/* Records the gradients of all weights from those of w [R, D, 2 D] and b [R, 2 D]. */
void clm_relation_fold_backward(clm_tape *tape, const clm_hgt_weights *weights,
                                clm_tensor *source_type, clm_tensor *dw, clm_tensor *db);

typedef struct clm_fold {
    int64_t t, r, d, h, c; /* types, relations, width, heads, width of a head */
} clm_fold;

static inline clm_fold clm_fold_sizes(const clm_call *call)
{
    const int64_t r = clm_dim(call, 'R'), d = clm_dim(call, 'D'), h = clm_dim(call, 'H');
    return (clm_fold){clm_dim(call, 'T'), r, d, h, d / h};
}

/* Sizes of the examples of all three operators. */
static inline bool clm_fold_example_sizes(int index, clm_fold *f)
{
    static const clm_fold size[] = {{1, 1, 4, 1, 4},   {2, 3, 8, 2, 4},   {3, 1, 6, 3, 2},
                                    {4, 6, 64, 4, 16}, {2, 2, 24, 3, 8},  {1, 5, 128, 8, 16},
                                    {3, 4, 64, 1, 64}, {5, 2, 10, 10, 1}, {2, 7, 33, 3, 11}};
    if (index >= (int)(sizeof size / sizeof *size)) return false;
    *f = size[index];
    return true;
}

/* A launch of one work-item per vector of `elements` elements; vectors do not cross heads. */
static inline clm_status clm_fold_launch(clm_plan *plan, const clm_call *call, const char *kernel,
                                         int64_t elements, const clm_arg *args, size_t count)
{
    const clm_fold f = clm_fold_sizes(call);
    const size_t group = (size_t)clm_tune(plan, "GROUP");
    const int vec = clm_cut_row(f.c, clm_tune(plan, "WIDTH"), 1).vec;
    char options[96];
    snprintf(options, sizeof options, "-DTYPES=%d -DRELATIONS=%d -DD=%d -DHEADS=%d -DVEC=%d",
             (int)f.t, (int)f.r, (int)f.d, (int)f.h, vec);
    return clm_launch(plan, call, kernel, options,
                      (clm_range){{clm_round_up(elements / vec, group)}, {group}}, args, count);
}

#define CLM_FOLD_VARIANTS(prepared)                                                                \
    {.name = "cpu",                                                                                \
     .classes = CLM_CPU,                                                                           \
     .tunable = {{"WIDTH", 8, {4, 8, 16}, clm_pick_lanes}, {"GROUP", 16, {1, 4, 16, 64}, NULL}},   \
     .prepare = (prepared)},                                                                       \
        {.name = "gpu",                                                                            \
         .classes = CLM_GPU,                                                                       \
         .tunable = {{"WIDTH", 1, {1, 4}, NULL}, {"GROUP", 64, {32, 64, 128, 256}, NULL}},         \
         .prepare = (prepared)},                                                                   \
    {                                                                                              \
        .name = "plain", .classes = CLM_ANY_DEVICE,                                                \
        .tunable = {{"WIDTH", 1, {1}, NULL}, {"GROUP", 32, {32}, NULL}}, .prepare = (prepared)     \
    }

#endif
