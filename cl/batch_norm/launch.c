#include "cl/batch_norm/internal.h"

#include <stdio.h>

extern const clm_source clm_source_batch_norm, clm_source_batch_norm_cpu;

enum { MOST_PARTS = 64, LEAST_PARTS = 4 };

int64_t clm_norm_partial(int64_t groups) { return groups * (2 * MOST_PARTS + 1); }

/* Parts that a CPU cuts every group into: so many for all that each unit gets some, and not only one
 * however many groups there are, for one of them may have all the rows. */
static int64_t parts_of(const clm_plan *plan, int64_t groups)
{
    const int64_t wanted =
        clm_tune(plan, "SHARES") * (int64_t)clm_plan_device(plan)->compute_units / groups;
    return wanted < LEAST_PARTS ? LEAST_PARTS : wanted > MOST_PARTS ? MOST_PARTS : wanted;
}

clm_range clm_norm_parts(const clm_plan *plan, const clm_norm_launch *l, char option[64])
{
    const int64_t parts = parts_of(plan, l->groups);
    int vec = clm_tune(plan, "WIDTH");
    while (vec > (l->widest ? l->widest : l->columns))
        vec = vec > 4 ? vec / 2 : 1;
    snprintf(option, 64, "-DRELU=%d -DVEC=%d -DC=%d -DPARTS=%d", l->relu, vec, (int)l->columns,
             (int)parts);
    return (clm_range){{(size_t)parts, (size_t)l->groups}, {1, 1}};
}

static clm_range columns(const clm_plan *plan, const clm_norm_launch *l, char option[64])
{
    const size_t lanes = (size_t)clm_tune(plan, "LANES"), width = (size_t)clm_tune(plan, "COLUMNS");
    snprintf(option, 64, "-DRELU=%d", l->relu);
    return (clm_range){{clm_round_up(l->columns, width), lanes * (size_t)l->groups},
                       {width, lanes}};
}

clm_status clm_launch_norm_sums(clm_plan *plan, const clm_norm_launch *l)
{
    char option[64];
    const clm_range range = clm_norm_parts(plan, l, option);
    return clm_launch_from(plan, &clm_source_batch_norm_cpu, "batch_norm_sums_f32_cpu", option,
                           range, CLM_ARGS(clm_t(l->x), clm_t(l->offsets), clm_t(l->partial)));
}

static clm_status launch_cpu(clm_plan *plan, const clm_norm_launch *l)
{
    char option[64];
    const clm_range range = clm_norm_parts(plan, l, option);
    CLM_TRY(clm_launch_norm_sums(plan, l));
    return clm_launch_from(plan, &clm_source_batch_norm_cpu, "batch_norm_f32_cpu", option, range,
                           CLM_ARGS(clm_t(l->x), clm_t(l->w), clm_t(l->b), clm_t(l->offsets),
                                    clm_t(l->partial), clm_t(l->mean_estimate),
                                    clm_t(l->variance_estimate), clm_t(l->y), clm_t(l->mean),
                                    clm_t(l->rstd)));
}

clm_status clm_launch_norm(clm_plan *plan, const clm_norm_launch *l)
{
    if (l->cpu) return launch_cpu(plan, l);
    char option[64];
    const clm_range range = columns(plan, l, option);
    return clm_launch_from(plan, &clm_source_batch_norm, "batch_norm_f32", option, range,
                           CLM_ARGS(clm_t(l->x), clm_t(l->w), clm_t(l->b), clm_t(l->offsets),
                                    clm_t(l->mean_estimate), clm_t(l->variance_estimate),
                                    clm_i(l->columns), clm_t(l->y), clm_t(l->mean),
                                    clm_t(l->rstd)));
}

static clm_status launch_backward_cpu(clm_plan *plan, const clm_norm_launch *l)
{
    char option[64];
    const clm_range range = clm_norm_parts(plan, l, option);
    CLM_TRY(clm_launch_from(
        plan, &clm_source_batch_norm_cpu, "batch_norm_backward_sums_f32_cpu", option, range,
        CLM_ARGS(clm_t(l->x), clm_t(l->w), clm_t(l->b), clm_t(l->offsets), clm_t(l->dy),
                 clm_t(l->mean), clm_t(l->rstd), clm_t(l->partial))));
    return clm_launch_from(plan, &clm_source_batch_norm_cpu, "batch_norm_backward_f32_cpu", option,
                           range,
                           CLM_ARGS(clm_t(l->x), clm_t(l->w), clm_t(l->b), clm_t(l->offsets),
                                    clm_t(l->dy), clm_t(l->mean), clm_t(l->rstd), clm_t(l->partial),
                                    clm_t(l->dx), clm_t(l->dw), clm_t(l->db)));
}

clm_status clm_launch_norm_backward(clm_plan *plan, const clm_norm_launch *l)
{
    if (l->cpu) return launch_backward_cpu(plan, l);
    char option[64];
    const clm_range range = columns(plan, l, option);
    return clm_launch_from(plan, &clm_source_batch_norm, "batch_norm_backward_f32", option, range,
                           CLM_ARGS(clm_t(l->x), clm_t(l->w), clm_t(l->b), clm_t(l->offsets),
                                    clm_t(l->dy), clm_t(l->mean), clm_t(l->rstd), clm_t(l->weight),
                                    clm_i(l->columns), clm_i(l->d), clm_t(l->dx), clm_t(l->dw),
                                    clm_t(l->db)));
}

clm_status clm_launch_norm_evaluate(clm_plan *plan, const clm_norm_launch *l)
{
    char option[64];
    const clm_range range = (l->cpu ? clm_norm_parts : columns)(plan, l, option);
    if (l->cpu)
        return clm_launch_from(
            plan, &clm_source_batch_norm_cpu, "batch_norm_evaluate_f32_cpu", option, range,
            CLM_ARGS(clm_t(l->x), clm_t(l->w), clm_t(l->b), clm_t(l->offsets),
                     clm_t(l->mean_estimate), clm_t(l->variance_estimate), clm_t(l->y)));
    return clm_launch_from(plan, &clm_source_batch_norm, "batch_norm_evaluate_f32", option, range,
                           CLM_ARGS(clm_t(l->x), clm_t(l->w), clm_t(l->b), clm_t(l->offsets),
                                    clm_t(l->mean_estimate), clm_t(l->variance_estimate),
                                    clm_i(l->columns), clm_t(l->y)));
}
