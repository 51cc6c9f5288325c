#include "cl/type_gate/type_gate.h"

#include "nn/workload.h"
#include "op/lanes.h"

#include <math.h>

extern const clm_source clm_source_type_gate;

enum { H, A, TABLE, TYPE, GIVEN, STEP, Z };
enum { DZ = Z, DH, DA, DTERM }; /* of the backward pass, after the same first six */

static const clm_op type_gate, type_gate_backward;

#define MASK_ARGS(call)                                                                            \
    clm_i((int64_t)(call)->attribute[CLM_MASK_MODE]),                                              \
        clm_f((call)->attribute[CLM_MASK_FACTOR_OF]), clm_f((call)->attribute[CLM_MASK_P]),        \
        clm_i((int64_t)(call)->attribute[CLM_MASK_LAYER])
#define INPUTS(a)                                                                                  \
    clm_t((a)[H]), clm_t((a)[A]), clm_t((a)[TABLE]), clm_t((a)[TYPE]), clm_t((a)[GIVEN]),          \
        clm_t((a)[STEP])
#define GRADIENTS(a) clm_t((a)[DZ]), clm_t((a)[DH]), clm_t((a)[DA]), clm_t((a)[DTERM])

/* Nodes of a work-item on a CPU. */
static int64_t block_of(const clm_plan *plan, const clm_call *call)
{
    const int64_t shares = 16 * (int64_t)clm_plan_device(plan)->compute_units;
    return (clm_dim(call, 'N') + shares - 1) / shares;
}

static clm_range blocks(const clm_call *call, int64_t block)
{
    return (clm_range){{(size_t)((clm_dim(call, 'N') + block - 1) / block)}, {1}};
}

/* Work-items (vector of a row, node). */
static clm_range vectors(const clm_plan *plan, const clm_call *call)
{
    const int vec = clm_tune(plan, "VEC");
    const int64_t count = (clm_dim(call, 'D') + vec - 1) / vec;
    return (clm_range){{clm_round_up(count, 16), clm_round_up(clm_dim(call, 'N'), 4)}, {16, 4}};
}

static clm_status prepare_cpu(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    const int64_t block = block_of(plan, call);
    return clm_launch(plan, call, "type_gate_f32_rows", "", blocks(call, block),
                      CLM_ARGS(INPUTS(a), clm_t(a[Z]), clm_i(clm_dim(call, 'N')),
                               clm_i(clm_dim(call, 'D')), clm_i(block), MASK_ARGS(call)));
}

static clm_status prepare_vectors(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    return clm_launch(plan, call, "type_gate_f32_vectors", "", vectors(plan, call),
                      CLM_ARGS(INPUTS(a), clm_t(a[Z]), clm_i(clm_dim(call, 'N')),
                               clm_i(clm_dim(call, 'D')), MASK_ARGS(call)));
}

static clm_status prepare_backward_cpu(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    const int64_t block = block_of(plan, call);
    return clm_launch(plan, call, "type_gate_backward_f32_rows", "", blocks(call, block),
                      CLM_ARGS(INPUTS(a), GRADIENTS(a), clm_i(clm_dim(call, 'N')),
                               clm_i(clm_dim(call, 'D')), clm_i(block), MASK_ARGS(call)));
}

static clm_status prepare_backward_vectors(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    return clm_launch(plan, call, "type_gate_backward_f32_vectors", "", vectors(plan, call),
                      CLM_ARGS(INPUTS(a), GRADIENTS(a), clm_i(clm_dim(call, 'N')),
                               clm_i(clm_dim(call, 'D')), MASK_ARGS(call)));
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

/* m[n] table[type[n], column]. */
static double embedding(const clm_call *call, int64_t n, int64_t column)
{
    const double m = clm_type_mask_weight(call, clm_f64(call, GIVEN), clm_i32(call, STEP), n);
    return m * clm_f64(call, TABLE)[clm_i32(call, TYPE)[n] * clm_dim(call, 'D') + column];
}

static void reference(const clm_call *call)
{
    const int64_t nodes = clm_dim(call, 'N'), d = clm_dim(call, 'D');
    for (int64_t i = 0; i < nodes * d; i++) {
        const double s = sigmoid(clm_f64(call, A)[i]);
        clm_f64(call, Z)[i] = s * clm_f64(call, H)[i] + (1 - s) * embedding(call, i / d, i % d);
    }
}

static void reference_backward(const clm_call *call)
{
    const int64_t nodes = clm_dim(call, 'N'), d = clm_dim(call, 'D');
    for (int64_t i = 0; i < nodes * d; i++) {
        const double s = sigmoid(clm_f64(call, A)[i]), dz = clm_f64(call, DZ)[i];
        const double difference = clm_f64(call, H)[i] - embedding(call, i / d, i % d);
        clm_f64(call, DH)[i] = s * dz;
        clm_f64(call, DA)[i] = s * (1 - s) * difference * dz;
        clm_f64(call, DTERM)[i] = (1 - s) * dz;
    }
}

static clm_cost cost_of(const clm_call *call, double flops, double arrays)
{
    const double nodes = (double)clm_dim(call, 'N'), d = (double)clm_dim(call, 'D');
    const double table = (double)clm_dim(call, 'T') * d;
    return (clm_cost){flops * nodes * d, arrays * nodes * d * clm_real_bytes(call) +
                                             4 * (table + nodes * (call->arg[GIVEN] ? 2 : 1))};
}

static clm_cost cost(const clm_call *call) { return cost_of(call, 7, 3); }
static clm_cost cost_backward(const clm_call *call) { return cost_of(call, 10, 6); }

static const struct {
    int32_t nodes, types, d;
    int mode;
    bool given;
} list[] = {
    {1, 1, 1, CLM_MASK_FACTOR, false},     {7, 3, 4, CLM_MASK_DRAWN, false},
    {33, 2, 24, CLM_MASK_DRAWN, true},     {1031, 5, 130, CLM_MASK_DRAWN, false},
    {4001, 4, 64, CLM_MASK_FACTOR, false}, {11616, 3, 64, CLM_MASK_DRAWN, false},
};

static bool example_inputs(clm_example *e, int index)
{
    if (index >= (int)(sizeof list / sizeof *list)) return false;
    const int64_t nodes = list[index].nodes, d = list[index].d;
    clm_example_normal(e, H, 1, CLM_DIMS(nodes, d));
    clm_example_normal(e, A, 2, CLM_DIMS(nodes, d));
    clm_example_normal(e, TABLE, 1, CLM_DIMS(list[index].types, d));
    clm_type_mask_example(e, nodes, list[index].types, TYPE, -1, list[index].given ? GIVEN : -1,
                          STEP, list[index].mode);
    return true;
}

static bool example(clm_example *e, int index)
{
    if (!example_inputs(e, index)) return false;
    clm_example_out(e, Z, CLM_DIMS(list[index].nodes, list[index].d));
    return true;
}

static bool example_backward(clm_example *e, int index)
{
    if (!example_inputs(e, index)) return false;
    const int64_t nodes = list[index].nodes, d = list[index].d;
    clm_example_normal(e, DZ, 1, CLM_DIMS(nodes, d));
    for (int o = DH; o <= DTERM; o++)
        clm_example_out(e, o, CLM_DIMS(nodes, d));
    return true;
}

static void grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    clm_tensor *dz = clm_gradient_of(tape, a[Z]);
    clm_call back = {.op = &type_gate_backward,
                     .arg = {a[H], a[A], a[TABLE], a[TYPE], a[GIVEN], a[STEP], dz}};
    static const char *const name[] = {[DH] = "dh", [DA] = "da", [DTERM] = "dterm"};
    for (int o = DH; o <= DTERM; o++)
        back.arg[o] = clm_activation(tape, name[o], a[H]->type, a[H]->rank, a[H]->dim);
    clm_type_mask_attributes(call->composite, back.attribute);
    clm_record(tape, &back);
    clm_gradient_add(tape, a[H], back.arg[DH]);
    clm_gradient_add(tape, a[A], back.arg[DA]);
    if (clm_needs_gradient(tape, a[TABLE]))
        clm_gradient_add(tape, a[TABLE],
                         clm_type_table_gradient(tape, back.arg[DTERM], call->composite));
}

#define INPUT_OPERANDS                                                                             \
    {"h", CLM_IN, CLM_REAL, "N D", false, NULL}, {"a", CLM_IN, CLM_REAL, "N D", false, NULL},      \
        {"table", CLM_IN, CLM_F32, "T D", false, NULL},                                            \
        {"type", CLM_IN, CLM_I32, "N", false, NULL}, {"given", CLM_IN, CLM_F32, "N", true, NULL},  \
    {                                                                                              \
        "step", CLM_IN, CLM_I32, "8", true, NULL                                                   \
    }

#define VARIANTS(cpu_prepare, vectors_prepare)                                                     \
    {                                                                                              \
        {.name = "cpu",                                                                            \
         .classes = CLM_CPU,                                                                       \
         .tunable = {{"VEC", 16, {4, 8, 16}, clm_pick_lanes}},                                     \
         .prepare = cpu_prepare},                                                                  \
            {.name = "gpu",                                                                        \
             .classes = CLM_GPU,                                                                   \
             .tunable = {{"VEC", 4, {1, 4}, NULL}},                                                \
             .prepare = vectors_prepare},                                                          \
        {                                                                                          \
            .name = "plain", .classes = CLM_ANY_DEVICE, .tunable = {{"VEC", 1, {1, 4}, NULL}},     \
            .prepare = vectors_prepare                                                             \
        }                                                                                          \
    }

static void bench(clm_tape *tape, const clm_workload *w)
{
    clm_tensor *h = clm_bench_rows(tape, "h", 1, CLM_DIMS(w->nodes, w->width));
    clm_tensor *a = clm_bench_rows(tape, "a", 1, CLM_DIMS(w->nodes, w->width));
    clm_tensor *table = clm_bench_normal(tape, "table", 1, CLM_DIMS(w->edge.types, w->width));
    clm_tensor *z = clm_type_gate(tape, h, a, table,
                                  &(clm_type_mask){.type = clm_bench_types(tape, w),
                                                   .type_offsets = clm_bench_type_offsets(tape, w),
                                                   .mode = CLM_MASK_DRAWN,
                                                   .p = 0.3});
    if (z) clm_keep(tape, z);
}

static const clm_op type_gate = {
    .name = "type_gate",
    .about = "gate between a row and the masked embedding of its type",
    .paper = "Shakirov and Arakelov, arXiv 2511.07603, eqs. 8 and 9",
    .source = &clm_source_type_gate,
    .operand = {INPUT_OPERANDS, {"z", CLM_OUT, CLM_REAL, "N D", false, NULL}},
    .attribute = {"mode", "factor", "p", "layer"},
    .variant = VARIANTS(prepare_cpu, prepare_vectors),
    .reference = reference,
    .cost = cost,
    .suspect = 1e-6,
    .wrong = 1e-5,
    .example = example,
    .bench = bench,
};

static const clm_op type_gate_backward = {
    .name = "type_gate_backward",
    .about = "gradients of the gate between a row and its type",
    .source = &clm_source_type_gate,
    .operand = {INPUT_OPERANDS,
                {"dz", CLM_IN, CLM_REAL, "N D", false, NULL},
                {"dh", CLM_OUT, CLM_REAL, "N D", false, "dz"},
                {"da", CLM_OUT, CLM_REAL, "N D", false, NULL},
                {"dterm", CLM_OUT, CLM_REAL, "N D", false, NULL}},
    .attribute = {"mode", "factor", "p", "layer"},
    .variant = VARIANTS(prepare_backward_cpu, prepare_backward_vectors),
    .reference = reference_backward,
    .cost = cost_backward,
    .suspect = 1e-6,
    .wrong = 1e-5,
    .example = example_backward,
};

const clm_op *const clm_ops_type_gate[] = {&type_gate, &type_gate_backward, NULL};

clm_tensor *clm_type_gate(clm_tape *tape, clm_tensor *h, clm_tensor *a, clm_tensor *table,
                          const clm_type_mask *mask)
{
    if (!h || !a || !table) return NULL;
    clm_tensor *z = clm_activation(tape, "gated", h->type, h->rank, h->dim);
    clm_type_mask *kept = clm_alloc(clm_tape_scope(tape), sizeof *kept);
    *kept = *mask;
    clm_call call = {
        .op = &type_gate,
        .arg = {h, a, table, mask->type, mask->given, clm_type_mask_step(tape, mask), z},
        .grad = grad,
        .composite = kept};
    clm_type_mask_attributes(mask, call.attribute);
    clm_record(tape, &call);
    return z;
}
