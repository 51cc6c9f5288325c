#include "cl/expert_sum/expert_sum.h"

#include "nn/workload.h"
#include "op/vector.h"

#include <stdio.h>

extern const clm_source clm_source_expert_sum;
static const clm_op expert_sum, expert_sum_backward;

enum { SCALE };
enum { SIDE_BY_SIDE = -1 };

static const struct {
    int64_t n, k, d;
    int32_t missing; /* one choice in so many has no row; 0: each has one; SIDE_BY_SIDE: no slots */
    int32_t live;    /* below 0: not given */
    double scale;
} list[] = {
    {1, 1, 1, 0, -1, 1},
    {3, 2, 4, 2, -1, 0.5},
    {7, 3, 24, 1, -1, 1}, /* none at all */
    {33, 3, 65, 4, 30, 0.2},
    {257, 4, 64, 0, -1, 1},
    {40, 1, 150, 3, -1, 0.125},
    {1021, 5, 17, 5, -1, 1},
    {999, 4, 150, 9, -1, 1},
    {301, 1, 128, 0, 0, 0.125},
    {1, 1, 1, SIDE_BY_SIDE, 1, 1},
    {3, 2, 4, SIDE_BY_SIDE, -1, 0.5},
    {40, 4, 150, SIDE_BY_SIDE, 0, 1},
    {1021, 5, 17, SIDE_BY_SIDE, 1000, 1},
    {301, 8, 128, SIDE_BY_SIDE, 299, 0.125},
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

enum { V, GATE, SLOT, LIVE, Y };

/* Row of v, cut into rows of D, of choice i; below 0: none. */
static int64_t row_of(const clm_call *call, int64_t i)
{
    return call->arg[SLOT] ? clm_i32(call, SLOT)[i] : i;
}

static int64_t live_nodes(const clm_call *call)
{
    return call->arg[LIVE] ? clm_i32(call, LIVE)[1] : clm_dim(call, 'N');
}

/* Of elements of v and choices, in so many bytes each. */
static double bytes_of(const clm_call *call, double elements, int each)
{
    const double choices = (double)clm_dim(call, 'N') * (double)clm_dim(call, 'K');
    return elements * clm_real_bytes(call) + choices * (call->arg[SLOT] ? each : each - 4);
}

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    const int64_t n = clm_dim(call, 'N');
    return launch(plan, call, "expert_sum_f32", n,
                  CLM_ARGS(clm_t(a[V]), clm_t(a[GATE]), clm_t(a[SLOT]), clm_t(a[LIVE]), clm_i(n),
                           clm_i(clm_dim(call, 'K')), clm_f(call->attribute[SCALE]), clm_t(a[Y])));
}

static void reference(const clm_call *call)
{
    const int64_t d = clm_dim(call, 'D'), k = clm_dim(call, 'K');
    for (int64_t i = 0; i < live_nodes(call) * d; i++) {
        double sum = 0;
        for (int64_t j = 0; j < k; j++) {
            const int64_t row = row_of(call, i / d * k + j);
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
    return (clm_cost){.flops = 2 * n * k * d, .bytes = bytes_of(call, n * (k + 1) * d, 8)};
}

/* Slots not in the order of the choices; returns how many rows there are. */
static int64_t example_slots(clm_example *e, int index)
{
    const int64_t choices = list[index].n * list[index].k;
    int32_t *slot = clm_example_memory(e, (size_t)choices * sizeof *slot), rows = 0;
    for (int64_t i = 0; i < choices; i++) {
        const bool none = list[index].missing && clm_example_random(e, list[index].missing) == 0;
        slot[i] = none ? -1 : rows++;
    }
    for (int64_t i = 0; i < choices; i++)
        if (slot[i] >= 0) slot[i] = rows - 1 - slot[i];
    clm_example_i32(e, SLOT, slot, CLM_DIMS(list[index].n, list[index].k));
    return rows;
}

/* The operands that both directions read: all but dy. */
static bool example_inputs(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    const int64_t n = list[index].n, k = list[index].k, d = list[index].d;
    clm_example_call(e)->attribute[SCALE] = list[index].scale;
    if (list[index].missing == SIDE_BY_SIDE) {
        clm_example_normal(e, V, 1, CLM_DIMS(n, k * d));
    } else {
        const int64_t rows = example_slots(e, index) + 2;
        clm_example_normal(e, V, 1, CLM_DIMS(rows, d));
    }
    clm_example_normal(e, GATE, 1, CLM_DIMS(n, k));
    if (list[index].live >= 0)
        clm_example_i32(e, LIVE, (const int32_t[]){0, list[index].live}, CLM_DIMS(2));
    return true;
}

static bool example(clm_example *e, int index)
{
    if (!example_inputs(e, index)) return false;
    clm_example_out(e, Y, CLM_DIMS(list[index].n, list[index].d));
    return true;
}

/* --- backward --- */

enum { DY = 4, DV, DGATE };

static void grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    clm_call back = {.op = &expert_sum_backward,
                     .arg = {a[V], a[GATE], a[SLOT], a[LIVE], clm_gradient_of(tape, a[Y])},
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
    const int64_t n = clm_dim(call, 'N'), k = clm_dim(call, 'K');
    return launch(plan, call, "expert_sum_backward_f32", n * k,
                  CLM_ARGS(clm_t(a[V]), clm_t(a[GATE]), clm_t(a[SLOT]), clm_t(a[LIVE]),
                           clm_t(a[DY]), clm_i(n), clm_i(k), clm_f(call->attribute[SCALE]),
                           clm_t(a[DV]), clm_t(a[DGATE])));
}

static void reference_backward(const clm_call *call)
{
    const int64_t d = clm_dim(call, 'D'), k = clm_dim(call, 'K');
    const double scale = call->attribute[SCALE];
    for (int64_t i = 0; i < live_nodes(call) * k; i++) {
        const int64_t row = row_of(call, i);
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
    return (clm_cost){.flops = 4 * n * k * d, .bytes = bytes_of(call, n * (2 * k + 1) * d, 12)};
}

static bool example_backward(clm_example *e, int index)
{
    if (!example_inputs(e, index)) return false;
    const clm_tensor *v = clm_example_call(e)->arg[V];
    clm_example_normal(e, DY, 1, CLM_DIMS(list[index].n, list[index].d));
    clm_example_out(e, DV, v->rank, v->dim);
    clm_example_out(e, DGATE, CLM_DIMS(list[index].n, list[index].k));
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
    clm_tensor *y = clm_expert_sum(tape, v, gate, slot, NULL, 1);
    if (y) clm_keep(tape, y);
}

static const clm_op expert_sum = {
    .name = "expert_sum",
    .about = "sum of the outputs of a node's experts by its gates",
    .paper = "Wang et al. 2023, eq. 2",
    .source = &clm_source_expert_sum,
    .operand = {{"v", CLM_IN, CLM_REAL, "Y C", false, NULL},
                {"gate", CLM_IN, CLM_F32, "N K", false, NULL},
                {"slot", CLM_IN, CLM_I32, "N K", true, NULL},
                {"live", CLM_IN, CLM_I32, "2", true, NULL},
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
    .operand = {{"v", CLM_IN, CLM_REAL, "Y C", false, NULL},
                {"gate", CLM_IN, CLM_F32, "N K", false, NULL},
                {"slot", CLM_IN, CLM_I32, "N K", true, NULL},
                {"live", CLM_IN, CLM_I32, "2", true, NULL},
                {"dy", CLM_IN, CLM_REAL, "N D", false, NULL},
                {"dv", CLM_OUT, CLM_REAL, "Y C", false, NULL},
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
                           clm_tensor *live, double scale)
{
    if (!v || !gate) return NULL;
    const int64_t d = slot ? v->dim[1] : v->dim[1] / gate->dim[1];
    clm_tensor *y = clm_activation(tape, "expert_sum", v->type, CLM_DIMS(gate->dim[0], d));
    clm_record(tape, &(clm_call){
                         .op = &expert_sum, .arg = {v, gate, slot, live, y}, .attribute = {scale}});
    return y;
}
