/* What operators share that work element by element, in vectors of VEC lanes (cl/common.clh): the
 * same kernel serves every class of device, with a different vector width. */
#ifndef CLM_OP_VECTOR_H
#define CLM_OP_VECTOR_H

#include "op/op.h"

/* VEC by device: its native vector width, as 4, 8 or 16; in operators with rows of D elements
 * the widest not above it that divides D, if any of at least 4 does. */
int clm_pick_vector(const clm_device *device, const clm_call *call);

/* clang-format off */

/* The tunables VEC, fixed or by device; LANES, work-items that share a job (cl/common.clh);
 * TEAMS, how many teams of LANES sit in one work-group. */
#define CLM_VEC(width) {"VEC", width, {1, 4, 8, 16}, NULL}
#define CLM_VEC_OF_DEVICE {"VEC", 16, {4, 8, 16}, clm_pick_vector}
#define CLM_LANES(n, ...) {"LANES", n, {__VA_ARGS__}, NULL}
#define CLM_TEAMS(n, ...) {"TEAMS", n, {__VA_ARGS__}, NULL}

/* The variants of an operator whose kernel is the same everywhere, element by element. */
#define CLM_VECTOR_VARIANTS(prepare)                                                               \
    {{"cpu", CLM_CPU, 0, {CLM_VEC_OF_DEVICE}, NULL, prepare},                                      \
     {"gpu", CLM_GPU, 0, {CLM_VEC(4)}, NULL, prepare},                                             \
     {"plain", CLM_ANY_DEVICE, 0, {CLM_VEC(1)}, NULL, prepare}}

/* Of one that works in jobs: a work-item each on a CPU, a work-group on a GPU. */
#define CLM_LANES_VARIANTS(prepare)                                                                \
    {{"cpu", CLM_CPU, 0, {CLM_VEC_OF_DEVICE, CLM_LANES(1, 1)}, NULL, prepare},                     \
     {"gpu", CLM_GPU, 0, {CLM_VEC(4), CLM_LANES(64, 32, 64, 128, 256)}, NULL, prepare},            \
     {"plain", CLM_ANY_DEVICE, 0, {CLM_VEC(1), CLM_LANES(1, 1)}, NULL, prepare}}

/* Of one whose teams take rows; `cpu_teams`: how many sit in a CPU's group, where a team is one
 * work-item: 1 when it has much to do. */
#define CLM_ROW_VARIANTS(prepare, cpu_teams)                                                       \
    {{"cpu", CLM_CPU, 0, {CLM_VEC_OF_DEVICE, CLM_LANES(1, 1), CLM_TEAMS(cpu_teams, 1, 8, 32)},     \
      NULL, prepare},                                                                              \
     {"gpu", CLM_GPU, 0, {CLM_VEC(4), CLM_LANES(16, 8, 16, 32), CLM_TEAMS(4, 2, 4, 8)}, NULL,      \
      prepare},                                                                                    \
     {"plain", CLM_ANY_DEVICE, 0, {CLM_VEC(1), CLM_LANES(1, 1), CLM_TEAMS(32, 32)}, NULL, prepare}}

/* clang-format on */

/* What operators have in common whose operands all have the one shape [N], inputs first, one output
 * last, each element made from those at its place. */

/* Launches kernel <op>_f32(inputs, n, output) of VEC elements a work-item. */
clm_status clm_elementwise_prepare(clm_plan *plan, const clm_call *call);
/* Normal numbers of twice the standard width: a vector and less, a prime, over a work-group. */
bool clm_elementwise_example(clm_example *example, int index);

/* One work-item for each started vector of n elements, in work-groups of 64. */
static inline clm_range clm_vector_range(int64_t n, int vec)
{
    return (clm_range){{clm_round_up((n + vec - 1) / vec, 64)}, {64}};
}

/* Work-groups of `teams` teams of `lanes` work-items for n jobs: a job has global id 1. */
static inline clm_range clm_lanes_range(int64_t n, int lanes, int teams)
{
    return (clm_range){{(size_t)lanes, clm_round_up(n, (size_t)teams)},
                       {(size_t)lanes, (size_t)teams}};
}

/* Number of jobs to cut n elements into, at least `least` in each, at most 256 of them: enough for
 * any device to be busy, few enough for one work-item to add what they leave. */
static inline int64_t clm_jobs(int64_t n, int64_t least)
{
    const int64_t jobs = (n + least - 1) / least;
    return jobs < 1 ? 1 : jobs < 256 ? jobs : 256;
}

#endif
