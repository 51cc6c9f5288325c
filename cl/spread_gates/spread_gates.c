#include "cl/spread_gates/spread_gates.h"

#include "nn/workload.h"

extern const clm_source clm_source_spread_gates;
static const clm_op spread_gates, spread_gates_backward;

enum { FIRST }; /* attribute */

static const struct {
    int64_t n;
    int32_t experts, k, first, more; /* experts of other pools before and behind */
} list[] = {{1, 1, 1, 0, 0}, {7, 4, 2, 0, 0}, {65, 2, 2, 2, 1}, {257, 3, 4, 0, 5}};
enum { EXAMPLES = sizeof list / sizeof *list };

/* --- forward --- */

enum { GATE, TOPK, ALL };

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    const int64_t n = clm_dim(call, 'N');
    return clm_launch(plan, call, "spread_gates_f32", "", (clm_range){{clm_round_up(n, 64)}, {64}},
                      CLM_ARGS(clm_t(a[GATE]), clm_t(a[TOPK]), clm_i(n), clm_i(clm_dim(call, 'K')),
                               clm_i(clm_dim(call, 'E')), clm_i((int64_t)call->attribute[FIRST]),
                               clm_t(a[ALL])));
}

/* Expert of a choice within the pool; -1: it is of another one. */
static int64_t expert_of(const clm_call *call, int32_t topk)
{
    const int64_t e = topk - (int64_t)call->attribute[FIRST];
    return e >= 0 && e < clm_dim(call, 'E') ? e : -1;
}

static void reference(const clm_call *call)
{
    const int64_t n = clm_dim(call, 'N'), k = clm_dim(call, 'K'), experts = clm_dim(call, 'E');
    double *all = clm_f64(call, ALL);
    for (int64_t i = 0; i < n * experts; i++)
        all[i] = 0;
    for (int64_t i = 0; i < n * k; i++) {
        const int64_t e = expert_of(call, clm_i32(call, TOPK)[i]);
        if (e >= 0) all[i / k * experts + e] = clm_f64(call, GATE)[i];
    }
}

static clm_cost cost(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N');
    return (clm_cost){.bytes = 4 * n * (double)(2 * clm_dim(call, 'K') + clm_dim(call, 'E'))};
}

static void example_topk(clm_example *e, int index, int operand)
{
    const int64_t n = list[index].n, k = list[index].k;
    const int32_t total = list[index].first + list[index].experts + list[index].more;
    int32_t *topk = clm_example_memory(e, (size_t)(n * k) * sizeof *topk);
    for (int64_t i = 0; i < n; i++) {
        const int32_t start = clm_example_random(e, total);
        for (int32_t j = 0; j < k; j++)
            topk[i * k + j] = (start + j) % total;
    }
    clm_example_call(e)->attribute[FIRST] = list[index].first;
    clm_example_i32(e, operand, topk, CLM_DIMS(n, k));
}

static bool example(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    clm_example_normal(e, GATE, 1, CLM_DIMS(list[index].n, list[index].k));
    example_topk(e, index, TOPK);
    clm_example_out(e, ALL, CLM_DIMS(list[index].n, list[index].experts));
    return true;
}

/* --- backward --- */

enum { BACK_TOPK, DALL, DGATE };

static void grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *gate = call->arg[GATE];
    clm_call back = {.op = &spread_gates_backward,
                     .arg = {call->arg[TOPK], clm_gradient_of(tape, call->arg[ALL])},
                     .attribute = {call->attribute[FIRST]}};
    back.arg[DGATE] = clm_activation(tape, "dgate", CLM_F32, gate->rank, gate->dim);
    clm_record(tape, &back);
    clm_gradient_add(tape, gate, back.arg[DGATE]);
}

static clm_status prepare_backward(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    const int64_t n = clm_dim(call, 'N');
    return clm_launch(plan, call, "spread_gates_backward_f32", "",
                      (clm_range){{clm_round_up(n, 64)}, {64}},
                      CLM_ARGS(clm_t(a[BACK_TOPK]), clm_t(a[DALL]), clm_i(n),
                               clm_i(clm_dim(call, 'K')), clm_i(clm_dim(call, 'E')),
                               clm_i((int64_t)call->attribute[FIRST]), clm_t(a[DGATE])));
}

static void reference_backward(const clm_call *call)
{
    const int64_t n = clm_dim(call, 'N'), k = clm_dim(call, 'K'), experts = clm_dim(call, 'E');
    for (int64_t i = 0; i < n * k; i++) {
        const int64_t e = expert_of(call, clm_i32(call, BACK_TOPK)[i]);
        clm_f64(call, DGATE)[i] = e >= 0 ? clm_f64(call, DALL)[i / k * experts + e] : 0;
    }
}

static bool example_backward(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    example_topk(e, index, BACK_TOPK);
    clm_example_normal(e, DALL, 1, CLM_DIMS(list[index].n, list[index].experts));
    clm_example_out(e, DGATE, CLM_DIMS(list[index].n, list[index].k));
    return true;
}

/* --- the operators --- */

static void bench(clm_tape *tape, const clm_workload *w)
{
    clm_tensor *all =
        clm_spread_gates(tape, clm_bench_gates(tape, w), clm_bench_keys(tape, w), 0, w->experts);
    if (all) clm_keep(tape, all);
}

static const clm_op spread_gates = {
    .name = "spread_gates",
    .about = "gates of all experts, zero where a node did not choose one",
    .source = &clm_source_spread_gates,
    .operand = {{"gate", CLM_IN, CLM_F32, "N K", false, NULL},
                {"topk", CLM_IN, CLM_I32, "N K", false, NULL},
                {"all", CLM_OUT, CLM_F32, "N E", false, NULL}},
    .attribute = {"first"},
    .variant = {{.name = "plain", .classes = CLM_ANY_DEVICE, .prepare = prepare}},
    .grad = grad,
    .reference = reference,
    .cost = cost,
    .suspect = 1e-9,
    .wrong = 1e-8,
    .example = example,
    .bench = bench,
};

static const clm_op spread_gates_backward = {
    .name = "spread_gates_backward",
    .about = "gradient of spread_gates",
    .source = &clm_source_spread_gates,
    .operand = {{"topk", CLM_IN, CLM_I32, "N K", false, NULL},
                {"dall", CLM_IN, CLM_F32, "N E", false, NULL},
                {"dgate", CLM_OUT, CLM_F32, "N K", false, NULL}},
    .attribute = {"first"},
    .variant = {{.name = "plain", .classes = CLM_ANY_DEVICE, .prepare = prepare_backward}},
    .reference = reference_backward,
    .cost = cost,
    .suspect = 1e-9,
    .wrong = 1e-8,
    .example = example_backward,
};

const clm_op *const clm_ops_spread_gates[] = {&spread_gates, &spread_gates_backward, NULL};

clm_tensor *clm_spread_gates(clm_tape *tape, clm_tensor *gate, clm_tensor *topk, int64_t first,
                             int64_t experts)
{
    if (!gate || !topk) return NULL;
    clm_tensor *all = clm_activation(tape, "all_gates", CLM_F32, CLM_DIMS(gate->dim[0], experts));
    clm_record(
        tape,
        &(clm_call){.op = &spread_gates, .arg = {gate, topk, all}, .attribute = {(double)first}});
    return all;
}
