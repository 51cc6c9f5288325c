#include "cl/gated_sum/gated_sum.h"

#include "nn/workload.h"
#include "op/vector.h"

#include <stdio.h>
#include <string.h>

extern const clm_source clm_source_gated_sum;
static const clm_op gated_sum, gated_sum_backward;

enum { SCALE, EXPERTS, FIRST }; /* attributes */

static const struct {
    int64_t n, d;
    int32_t live, experts, k; /* live < 0: not given; k 0: all experts, in order */
    double scale;
    int32_t first, more; /* experts before and behind those of v that are chosen too */
} list[] = {
    {1, 1, 1, 1, 1, 1, 0, 0},           {3, 4, -1, 2, 0, 0.5, 0, 0},
    {7, 24, 5, 4, 2, 1, 0, 0},          {33, 65, 33, 3, 3, 0.25, 0, 0},
    {257, 64, -1, 8, 4, 1, 0, 0},       {40, 150, 0, 4, 1, 1, 0, 0},
    {1021, 17, 1000, 5, 0, 1, 0, 0},    {999, 150, 731, 8, 4, 1, 0, 0},
    {301, 128, 299, 8, 1, 0.125, 0, 0}, {29, 10, 27, 2, 3, 0.5, 2, 1},
};
enum { EXAMPLES = sizeof list / sizeof *list };

static clm_status launch(clm_plan *plan, const clm_call *call, const char *kernel, int64_t teams,
                         const clm_arg *args, size_t count)
{
    char option[64];
    snprintf(option, sizeof option, "-DD=%d -DEXPERTS=%d -DFIRST=%d", (int)clm_dim(call, 'D'),
             (int)call->attribute[EXPERTS], (int)call->attribute[FIRST]);
    return clm_launch(plan, call, kernel, option,
                      clm_lanes_range(teams, clm_tune(plan, "LANES"), clm_tune(plan, "TEAMS")),
                      args, count);
}

enum { V, GATE, TOPK, LIVE, Y };

/* Rows that count. */
static int64_t live_rows(const clm_call *call, int operand)
{
    const int32_t *live = clm_i32(call, operand);
    return live ? live[1] : clm_dim(call, 'N');
}

/* Expert of v that choice j of a node is; -1: not in v. */
static int64_t expert_of(const clm_call *call, int64_t node, int64_t j)
{
    const int32_t *topk = clm_i32(call, TOPK);
    if (!topk) return j;
    const int64_t e = topk[node * clm_dim(call, 'K') + j] - (int64_t)call->attribute[FIRST];
    return e < (int64_t)call->attribute[EXPERTS] ? e : -1;
}

/* --- forward --- */

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    const int64_t n = clm_dim(call, 'N');
    return launch(plan, call, "gated_sum_f32", n,
                  CLM_ARGS(clm_t(a[V]), clm_t(a[GATE]), clm_t(a[TOPK]), clm_t(a[LIVE]), clm_i(n),
                           clm_i(clm_dim(call, 'K')), clm_f(call->attribute[SCALE]), clm_t(a[Y])));
}

static void reference(const clm_call *call)
{
    const int64_t d = clm_dim(call, 'D'), k = clm_dim(call, 'K'), row = clm_dim(call, 'C');
    for (int64_t n = 0; n < live_rows(call, LIVE); n++)
        for (int64_t c = 0; c < d; c++) {
            double sum = 0;
            for (int64_t j = 0; j < k; j++)
                if (expert_of(call, n, j) >= 0)
                    sum += clm_f64(call, GATE)[n * k + j] *
                           clm_f64(call, V)[n * row + expert_of(call, n, j) * d + c];
            clm_f64(call, Y)[n * d + c] = call->attribute[SCALE] * sum;
        }
}

static clm_cost cost(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N'), k = (double)clm_dim(call, 'K'),
                 d = (double)clm_dim(call, 'D');
    return (clm_cost){.flops = 2 * n * k * d,
                      .bytes = n * (k * d + d) * clm_real_bytes(call) +
                               4 * n * k * (call->arg[TOPK] ? 2 : 1)};
}

/* Different experts for the choices of a node. */
static void example_topk(clm_example *e, int operand, int64_t nodes, int32_t experts, int32_t k)
{
    int32_t *topk = clm_example_memory(e, (size_t)(nodes * k) * sizeof *topk);
    for (int64_t n = 0; n < nodes; n++) {
        const int32_t first = clm_example_random(e, experts);
        for (int32_t j = 0; j < k; j++)
            topk[n * k + j] = (first + j * (experts > 2 * k ? 2 : 1)) % experts;
    }
    clm_example_i32(e, operand, topk, CLM_DIMS(nodes, k));
}

/* The operands that both directions read: all but dy. */
static void example_inputs(clm_example *e, int index)
{
    const int64_t n = list[index].n;
    const int32_t experts = list[index].experts, k = list[index].k ? list[index].k : experts;
    clm_example_call(e)->attribute[SCALE] = list[index].scale;
    clm_example_call(e)->attribute[EXPERTS] = experts;
    clm_example_call(e)->attribute[FIRST] = list[index].first;
    clm_example_normal(e, V, 1, CLM_DIMS(n, experts * list[index].d));
    clm_example_normal(e, GATE, 1, CLM_DIMS(n, k));
    if (list[index].k) example_topk(e, TOPK, n, list[index].first + experts + list[index].more, k);
    if (list[index].live >= 0)
        clm_example_i32(e, LIVE, (const int32_t[]){0, list[index].live}, CLM_DIMS(2));
}

static bool example(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    example_inputs(e, index);
    clm_example_out(e, Y, CLM_DIMS(list[index].n, list[index].d));
    return true;
}

/* --- backward --- */

enum { DY = 4, DV, DGATE };

static void grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    clm_call back = {.op = &gated_sum_backward,
                     .arg = {a[V], a[GATE], a[TOPK], a[LIVE], clm_gradient_of(tape, a[Y])}};
    memcpy(back.attribute, call->attribute, sizeof back.attribute);
    back.arg[DV] = clm_activation(tape, "dv", a[V]->type, a[V]->rank, a[V]->dim);
    back.arg[DGATE] = clm_activation(tape, "dgate", CLM_F32, a[GATE]->rank, a[GATE]->dim);
    clm_record(tape, &back);
    clm_gradient_add(tape, a[V], back.arg[DV]);
    clm_gradient_add(tape, a[GATE], back.arg[DGATE]);
}

static clm_status prepare_backward(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    const int64_t n = clm_dim(call, 'N');
    return launch(plan, call, "gated_sum_backward_f32", n * (int64_t)call->attribute[EXPERTS],
                  CLM_ARGS(clm_t(a[V]), clm_t(a[GATE]), clm_t(a[TOPK]), clm_t(a[LIVE]),
                           clm_t(a[DY]), clm_i(n), clm_i(clm_dim(call, 'K')),
                           clm_f(call->attribute[SCALE]), clm_t(a[DV]), clm_t(a[DGATE])));
}

static void reference_backward(const clm_call *call)
{
    const int64_t d = clm_dim(call, 'D'), k = clm_dim(call, 'K'), row = clm_dim(call, 'C');
    const double scale = call->attribute[SCALE];
    for (int64_t n = 0; n < live_rows(call, LIVE); n++) {
        double *dv = clm_f64(call, DV) + n * row;
        for (int64_t c = 0; c < row; c++)
            dv[c] = 0;
        for (int64_t j = 0; j < k; j++) {
            const int64_t e = expert_of(call, n, j), at = e * d;
            double dot = 0;
            for (int64_t c = 0; e >= 0 && c < d; c++) {
                const double dy = clm_f64(call, DY)[n * d + c];
                dot += dy * clm_f64(call, V)[n * row + at + c];
                dv[at + c] = scale * clm_f64(call, GATE)[n * k + j] * dy;
            }
            clm_f64(call, DGATE)[n * k + j] = scale * dot;
        }
    }
}

static clm_cost cost_backward(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N'), k = (double)clm_dim(call, 'K'),
                 d = (double)clm_dim(call, 'D'), row = (double)clm_dim(call, 'C');
    return (clm_cost){.flops = 4 * n * k * d,
                      .bytes = n * (row + k * d + d) * clm_real_bytes(call) +
                               4 * n * k * (call->arg[TOPK] ? 3 : 2)};
}

static bool example_backward(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    const int64_t n = list[index].n;
    example_inputs(e, index);
    clm_example_normal(e, DY, 1, CLM_DIMS(n, list[index].d));
    clm_example_out(e, DV, CLM_DIMS(n, list[index].experts * list[index].d));
    clm_example_out(e, DGATE, CLM_DIMS(n, list[index].k ? list[index].k : list[index].experts));
    return true;
}

/* --- the operators --- */

static void bench(clm_tape *tape, const clm_workload *w)
{
    clm_tensor *v = clm_bench_rows(tape, "v", 1, CLM_DIMS(w->nodes, w->experts * w->width));
    clm_tensor *y = clm_gated_sum(tape, v, w->experts, clm_bench_gates(tape, w),
                                  clm_bench_keys(tape, w), NULL, 1);
    if (y) clm_keep(tape, y);
}

static const clm_op gated_sum = {
    .name = "gated_sum",
    .about = "sum of a node's experts, side by side in one row, by its gates",
    .paper = "Wang et al. 2023, eq. 2",
    .source = &clm_source_gated_sum,
    .operand = {{"v", CLM_IN, CLM_REAL, "N C", false, NULL},
                {"gate", CLM_IN, CLM_F32, "N K", false, NULL},
                {"topk", CLM_IN, CLM_I32, "N K", true, NULL},
                {"live", CLM_IN, CLM_I32, "2", true, NULL},
                {"y", CLM_OUT, CLM_REAL, "N D", false, NULL}},
    .attribute = {"scale", "experts", "first"},
    .variant = CLM_ROW_VARIANTS(prepare, 32),
    .grad = grad,
    .reference = reference,
    .cost = cost,
    .suspect = 5e-7,
    .wrong = 2e-6,
    .example = example,
    .bench = bench,
};

static const clm_op gated_sum_backward = {
    .name = "gated_sum_backward",
    .about = "gradients of gated_sum",
    .paper = "Wang et al. 2023, eq. 2",
    .source = &clm_source_gated_sum,
    .operand = {{"v", CLM_IN, CLM_REAL, "N C", false, NULL},
                {"gate", CLM_IN, CLM_F32, "N K", false, NULL},
                {"topk", CLM_IN, CLM_I32, "N K", true, NULL},
                {"live", CLM_IN, CLM_I32, "2", true, NULL},
                {"dy", CLM_IN, CLM_REAL, "N D", false, NULL},
                {"dv", CLM_OUT, CLM_REAL, "N C", false, NULL},
                {"dgate", CLM_OUT, CLM_F32, "N K", false, NULL}},
    .attribute = {"scale", "experts", "first"},
    .variant = CLM_ROW_VARIANTS(prepare_backward, 32),
    .reference = reference_backward,
    .cost = cost_backward,
    .suspect = 1e-6,
    .wrong = 5e-6,
    .example = example_backward,
};

const clm_op *const clm_ops_gated_sum[] = {&gated_sum, &gated_sum_backward, NULL};

clm_tensor *clm_gated_part(clm_tape *tape, clm_tensor *v, int64_t first, int64_t experts,
                           clm_tensor *gate, clm_tensor *topk, clm_tensor *live, double scale)
{
    if (!v || !gate) return NULL;
    clm_tensor *y =
        clm_activation(tape, "gated_sum", v->type, CLM_DIMS(v->dim[0], v->dim[1] / experts));
    clm_record(tape, &(clm_call){.op = &gated_sum,
                                 .arg = {v, gate, topk, live, y},
                                 .attribute = {scale, (double)experts, (double)first}});
    return y;
}

clm_tensor *clm_gated_sum(clm_tape *tape, clm_tensor *v, int64_t experts, clm_tensor *gate,
                          clm_tensor *topk, clm_tensor *live, double scale)
{
    return clm_gated_part(tape, v, 0, experts, gate, topk, live, scale);
}
