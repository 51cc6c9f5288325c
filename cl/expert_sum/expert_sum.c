#include "cl/expert_sum/expert_sum.h"

#include "nn/workload.h"
#include "op/vector.h"

#include <stdio.h>

extern const clm_source clm_source_expert_sum;
static const clm_op expert_sum, expert_sum_backward;

enum { SCALE };

static const struct {
    int64_t n, k, d;
    int32_t missing; /* one choice in so many has no row; 0: each has one */
    double scale;
} list[] = {
    {1, 1, 1, 0, 1},     {3, 2, 4, 2, 0.5},   {7, 3, 24, 1, 1}, /* none at all */
    {33, 3, 65, 4, 0.2}, {257, 4, 64, 0, 1},  {40, 1, 150, 3, 0.125},
    {1021, 5, 17, 5, 1}, {999, 4, 150, 9, 1}, {301, 1, 128, 0, 0.125},
};
enum { EXAMPLES = sizeof list / sizeof *list };

static clm_status launch(clm_plan *plan, const clm_call *call, const char *kernel, int64_t teams,
                         const clm_arg *args, size_t count)
{
    char option[24];
    snprintf(option, sizeof option, "-DD=%d", (int)clm_dim(call, 'D'));
    return clm_launch(plan, call, kernel, option,
                      clm_lanes_range(teams, clm_tune(plan, "LANES"), clm_tune(plan, "TEAMS")),
                      args, count);
}

/* --- forward --- */

enum { V, GATE, SLOT, Y };

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    const int64_t n = clm_dim(call, 'N');
    return launch(plan, call, "expert_sum_f32", n,
                  CLM_ARGS(clm_t(a[V]), clm_t(a[GATE]), clm_t(a[SLOT]), clm_i(n),
                           clm_i(clm_dim(call, 'K')), clm_f(call->attribute[SCALE]), clm_t(a[Y])));
}

static void reference(const clm_call *call)
{
    const int64_t n = clm_dim(call, 'N'), d = clm_dim(call, 'D'), k = clm_dim(call, 'K');
    for (int64_t i = 0; i < n * d; i++) {
        double sum = 0;
        for (int64_t j = 0; j < k; j++) {
            const int32_t row = clm_i32(call, SLOT)[i / d * k + j];
            if (row >= 0)
                sum += clm_f64(call, GATE)[i / d * k + j] * clm_f64(call, V)[row * d + i % d];
        }
        clm_f64(call, Y)[i] = call->attribute[SCALE] * sum;
    }
}

static clm_cost cost(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N'), k = (double)clm_dim(call, 'K'),
                 d = (double)clm_dim(call, 'D');
    return (clm_cost){.flops = 2 * n * k * d,
                      .bytes = n * (k + 1) * d * clm_real_bytes(call) + 8 * n * k};
}

/* The operands that both directions read: all but dy. Returns the rows of v. */
static int64_t example_inputs(clm_example *e, int index)
{
    const int64_t n = list[index].n, k = list[index].k, d = list[index].d;
    int32_t *slot = clm_example_memory(e, (size_t)(n * k) * sizeof *slot), rows = 0;
    for (int64_t i = 0; i < n * k; i++) {
        const bool none = list[index].missing && clm_example_random(e, list[index].missing) == 0;
        slot[i] = none ? -1 : rows++;
    }
    for (int64_t i = 0; i < n * k; i++) /* not in the order of the choices */
        if (slot[i] >= 0) slot[i] = rows - 1 - slot[i];
    clm_example_call(e)->attribute[SCALE] = list[index].scale;
    clm_example_normal(e, V, 1, CLM_DIMS(rows + 2, d));
    clm_example_normal(e, GATE, 1, CLM_DIMS(n, k));
    clm_example_i32(e, SLOT, slot, CLM_DIMS(n, k));
    return rows + 2;
}

static bool example(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    (void)example_inputs(e, index);
    clm_example_out(e, Y, CLM_DIMS(list[index].n, list[index].d));
    return true;
}

/* --- backward --- */

enum { DY = 3, DV, DGATE };

static void grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    clm_call back = {.op = &expert_sum_backward,
                     .arg = {a[V], a[GATE], a[SLOT], clm_gradient_of(tape, a[Y])},
                     .attribute = {call->attribute[SCALE]}};
    back.arg[DV] = clm_activation(tape, "dv", a[V]->type, a[V]->rank, a[V]->dim);
    back.arg[DGATE] = clm_activation(tape, "dgate", CLM_F32, a[GATE]->rank, a[GATE]->dim);
    clm_record(tape, &back);
    clm_gradient_add(tape, a[V], back.arg[DV]);
    clm_gradient_add(tape, a[GATE], back.arg[DGATE]);
}

static clm_status prepare_backward(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    const int64_t k = clm_dim(call, 'K'), choices = clm_dim(call, 'N') * k;
    return launch(plan, call, "expert_sum_backward_f32", choices,
                  CLM_ARGS(clm_t(a[V]), clm_t(a[GATE]), clm_t(a[SLOT]), clm_t(a[DY]),
                           clm_i(choices), clm_i(k), clm_f(call->attribute[SCALE]), clm_t(a[DV]),
                           clm_t(a[DGATE])));
}

static void reference_backward(const clm_call *call)
{
    const int64_t n = clm_dim(call, 'N'), d = clm_dim(call, 'D'), k = clm_dim(call, 'K');
    const double scale = call->attribute[SCALE];
    for (int64_t i = 0; i < n * k; i++) {
        const int32_t row = clm_i32(call, SLOT)[i];
        double dot = 0;
        for (int64_t c = 0; row >= 0 && c < d; c++) {
            const double dy = clm_f64(call, DY)[i / k * d + c];
            dot += dy * clm_f64(call, V)[row * d + c];
            clm_f64(call, DV)[row * d + c] = scale * clm_f64(call, GATE)[i] * dy;
        }
        clm_f64(call, DGATE)[i] = scale * dot;
    }
}

static clm_cost cost_backward(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N'), k = (double)clm_dim(call, 'K'),
                 d = (double)clm_dim(call, 'D');
    return (clm_cost){.flops = 4 * n * k * d,
                      .bytes = n * (2 * k + 1) * d * clm_real_bytes(call) + 12 * n * k};
}

static bool example_backward(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    const int64_t n = list[index].n, k = list[index].k, d = list[index].d;
    const int64_t rows = example_inputs(e, index);
    clm_example_normal(e, DY, 1, CLM_DIMS(n, d));
    clm_example_out(e, DV, CLM_DIMS(rows, d));
    clm_example_out(e, DGATE, CLM_DIMS(n, k));
    return true;
}

/* --- the operators --- */

static void bench(clm_tape *tape, const clm_workload *w)
{
    clm_tensor *v = clm_bench_rows(tape, "v", 1, CLM_DIMS(w->nodes * w->top_k, w->width));
    const clm_bench_pairs pairs = clm_bench_sorted(tape, w);
    clm_tensor *gate = clm_bench_gates(tape, w);
    if (!pairs.slot) return;
    clm_tensor *slot =
        clm_input_i32(tape, "slots", pairs.slot->value, CLM_DIMS(w->nodes, w->top_k));
    clm_tensor *y = clm_expert_sum(tape, v, gate, slot, 1);
    if (y) clm_keep(tape, y);
}

static const clm_op expert_sum = {
    .name = "expert_sum",
    .about = "sum of the outputs of a node's experts, in rows by expert, by its gates",
    .paper = "Wang et al. 2023, eq. 2",
    .source = &clm_source_expert_sum,
    .operand = {{"v", CLM_IN, CLM_REAL, "Y D", false, NULL},
                {"gate", CLM_IN, CLM_F32, "N K", false, NULL},
                {"slot", CLM_IN, CLM_I32, "N K", false, NULL},
                {"y", CLM_OUT, CLM_REAL, "N D", false, NULL}},
    .attribute = {"scale"},
    .variant = CLM_ROW_VARIANTS(prepare, 32),
    .grad = grad,
    .reference = reference,
    .cost = cost,
    .suspect = 5e-7,
    .wrong = 2e-6,
    .example = example,
    .bench = bench,
};

static const clm_op expert_sum_backward = {
    .name = "expert_sum_backward",
    .about = "gradients of expert_sum",
    .paper = "Wang et al. 2023, eq. 2",
    .source = &clm_source_expert_sum,
    .operand = {{"v", CLM_IN, CLM_REAL, "Y D", false, NULL},
                {"gate", CLM_IN, CLM_F32, "N K", false, NULL},
                {"slot", CLM_IN, CLM_I32, "N K", false, NULL},
                {"dy", CLM_IN, CLM_REAL, "N D", false, NULL},
                {"dv", CLM_OUT, CLM_REAL, "Y D", false, NULL},
                {"dgate", CLM_OUT, CLM_F32, "N K", false, NULL}},
    .attribute = {"scale"},
    .variant = CLM_ROW_VARIANTS(prepare_backward, 32),
    .reference = reference_backward,
    .cost = cost_backward,
    .suspect = 1e-6,
    .wrong = 5e-6,
    .example = example_backward,
};

const clm_op *const clm_ops_expert_sum[] = {&expert_sum, &expert_sum_backward, NULL};

clm_tensor *clm_expert_sum(clm_tape *tape, clm_tensor *v, clm_tensor *gate, clm_tensor *slot,
                           double scale)
{
    if (!v || !gate || !slot) return NULL;
    clm_tensor *y = clm_activation(tape, "expert_sum", v->type, CLM_DIMS(slot->dim[0], v->dim[1]));
    clm_record(tape,
               &(clm_call){.op = &expert_sum, .arg = {v, gate, slot, y}, .attribute = {scale}});
    return y;
}
