#include "cl/type_fusion/type_fusion.h"

#include "base/philox.h"
#include "nn/workload.h"
#include "op/lanes.h"

extern const clm_source clm_source_type_fusion;

enum { H, TABLE, TYPE, GIVEN, STEP, Z };
enum { B_DZ, B_TYPE_OFFSETS, B_GIVEN, B_STEP, B_DTABLE, B_PARTIAL };

static const clm_op type_fusion, type_fusion_backward;

void clm_type_mask_attributes(const clm_type_mask *mask, double *attribute)
{
    attribute[CLM_MASK_MODE] = mask->mode;
    attribute[CLM_MASK_FACTOR_OF] = mask->factor;
    attribute[CLM_MASK_P] = mask->p;
    attribute[CLM_MASK_LAYER] = mask->layer;
}

clm_tensor *clm_type_mask_step(clm_tape *tape, const clm_type_mask *mask)
{
    return mask->mode == CLM_MASK_DRAWN && !mask->given ? clm_tape_step(tape) : NULL;
}

double clm_type_mask_weight(const clm_call *call, const double *given, const int32_t *step,
                            int64_t n)
{
    if (given) return given[n];
    if ((int)call->attribute[CLM_MASK_MODE] == CLM_MASK_FACTOR)
        return (float)call->attribute[CLM_MASK_FACTOR_OF];
    const clm_philox r =
        clm_philox_draw((uint32_t)n, (uint32_t)step[CLM_STEP_INDEX], CLM_STREAM_MASK,
                        (uint32_t)call->attribute[CLM_MASK_LAYER], (uint32_t)step[CLM_STEP_SEED]);
    return clm_uniform(r.word[0]) < (float)call->attribute[CLM_MASK_P] ? 0 : 1;
}

/* Number of parts that the nodes of each type are summed in: enough for a GPU's work-items, of at
 * least 128 nodes on average. */
static int64_t parts_of(int64_t nodes)
{
    const int64_t parts = nodes / 128;
    return parts < 1 ? 1 : parts > 256 ? 256 : parts;
}

/* The last arguments of the kernels. */
#define MASK_ARGS(call)                                                                            \
    clm_i((int64_t)(call)->attribute[CLM_MASK_MODE]),                                              \
        clm_f((call)->attribute[CLM_MASK_FACTOR_OF]), clm_f((call)->attribute[CLM_MASK_P]),        \
        clm_i((int64_t)(call)->attribute[CLM_MASK_LAYER])

/* Work-items (vector of a row, row). */
static clm_range vectors(const clm_plan *plan, int64_t d, int64_t rows)
{
    const int vec = clm_tune(plan, "VEC");
    return (clm_range){{clm_round_up((d + vec - 1) / vec, 16), clm_round_up(rows, 4)}, {16, 4}};
}

static clm_status prepare_cpu(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    const int64_t nodes = clm_dim(call, 'N'), d = clm_dim(call, 'D');
    const int64_t shares = 16 * (int64_t)clm_plan_device(plan)->compute_units;
    const int64_t block = (nodes + shares - 1) / shares;
    return clm_launch(plan, call, "type_fusion_f32_rows", "",
                      (clm_range){{(size_t)((nodes + block - 1) / block)}, {1}},
                      CLM_ARGS(clm_t(a[H]), clm_t(a[TABLE]), clm_t(a[TYPE]), clm_t(a[GIVEN]),
                               clm_t(a[STEP]), clm_t(a[Z]), clm_i(nodes), clm_i(d), clm_i(block),
                               MASK_ARGS(call)));
}

static clm_status prepare_vectors(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    const int64_t nodes = clm_dim(call, 'N'), d = clm_dim(call, 'D');
    return clm_launch(plan, call, "type_fusion_f32_vectors", "", vectors(plan, d, nodes),
                      CLM_ARGS(clm_t(a[H]), clm_t(a[TABLE]), clm_t(a[TYPE]), clm_t(a[GIVEN]),
                               clm_t(a[STEP]), clm_t(a[Z]), clm_i(nodes), clm_i(d),
                               MASK_ARGS(call)));
}

static clm_status launch_sum(clm_plan *plan, const clm_call *call, int64_t parts)
{
    clm_tensor *const *a = call->arg;
    const int64_t types = clm_dim(call, 'T'), d = clm_dim(call, 'D');
    return clm_launch(
        plan, call, "type_fusion_backward_f32_sum", "", vectors(plan, d, types),
        CLM_ARGS(clm_t(a[B_PARTIAL]), clm_t(a[B_DTABLE]), clm_i(d), clm_i(types), clm_i(parts)));
}

static clm_status prepare_backward_cpu(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    const int64_t parts = a[B_PARTIAL]->dim[1], d = clm_dim(call, 'D');
    CLM_TRY(clm_launch(plan, call, "type_fusion_backward_f32_rows", "",
                       (clm_range){{(size_t)(clm_dim(call, 'T') * parts)}, {1}},
                       CLM_ARGS(clm_t(a[B_DZ]), clm_t(a[B_TYPE_OFFSETS]), clm_t(a[B_GIVEN]),
                                clm_t(a[B_STEP]), clm_t(a[B_PARTIAL]), clm_i(d), clm_i(parts),
                                MASK_ARGS(call))));
    return launch_sum(plan, call, parts);
}

static clm_status prepare_backward_vectors(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    const int64_t parts = a[B_PARTIAL]->dim[1], types = clm_dim(call, 'T');
    const int64_t d = clm_dim(call, 'D');
    CLM_TRY(clm_launch(
        plan, call, "type_fusion_backward_f32_vectors", "", vectors(plan, d, types * parts),
        CLM_ARGS(clm_t(a[B_DZ]), clm_t(a[B_TYPE_OFFSETS]), clm_t(a[B_GIVEN]), clm_t(a[B_STEP]),
                 clm_t(a[B_PARTIAL]), clm_i(d), clm_i(types), clm_i(parts), MASK_ARGS(call))));
    return launch_sum(plan, call, parts);
}

static void reference(const clm_call *call)
{
    const int64_t nodes = clm_dim(call, 'N'), d = clm_dim(call, 'D');
    const double *h = clm_f64(call, H), *table = clm_f64(call, TABLE);
    double *z = clm_f64(call, Z);
    for (int64_t n = 0; n < nodes; n++) {
        const double m = clm_type_mask_weight(call, clm_f64(call, GIVEN), clm_i32(call, STEP), n);
        for (int64_t c = 0; c < d; c++)
            z[n * d + c] = h[n * d + c] + m * table[clm_i32(call, TYPE)[n] * d + c];
    }
}

static void reference_backward(const clm_call *call)
{
    const int64_t types = clm_dim(call, 'T'), d = clm_dim(call, 'D');
    const int32_t *offsets = clm_i32(call, B_TYPE_OFFSETS);
    const double *dz = clm_f64(call, B_DZ);
    for (int64_t t = 0; t < types; t++) {
        double *dtable = clm_f64(call, B_DTABLE) + t * d;
        for (int64_t c = 0; c < d; c++)
            dtable[c] = 0;
        for (int64_t n = offsets[t]; n < offsets[t + 1]; n++) {
            const double m =
                clm_type_mask_weight(call, clm_f64(call, B_GIVEN), clm_i32(call, B_STEP), n);
            for (int64_t c = 0; c < d; c++)
                dtable[c] += m * dz[n * d + c];
        }
    }
}

static clm_cost cost(const clm_call *call)
{
    const double nodes = (double)clm_dim(call, 'N'), d = (double)clm_dim(call, 'D');
    const double types = (double)clm_dim(call, 'T');
    return (clm_cost){2 * nodes * d, 2 * nodes * d * clm_real_bytes(call) +
                                         4 * (types * d + nodes * (call->arg[GIVEN] ? 2 : 1))};
}

static clm_cost cost_backward(const clm_call *call)
{
    const double nodes = (double)clm_dim(call, 'N'), d = (double)clm_dim(call, 'D');
    const double types = (double)clm_dim(call, 'T');
    return (clm_cost){2 * nodes * d,
                      nodes * d * clm_real_bytes(call) +
                          4 * (types * d + types + 1 + (call->arg[B_GIVEN] ? nodes : 0))};
}

void clm_type_mask_example(clm_example *e, int64_t nodes, int32_t types, int type, int type_offsets,
                           int given, int step, int mode)
{
    int32_t *of = clm_example_memory(e, (size_t)nodes * sizeof *of);
    int32_t *offsets = clm_example_memory(e, (size_t)(types + 1) * sizeof *offsets);
    for (int32_t t = 0; t <= types; t++)
        offsets[t] = t == 1 && types > 1 ? 0 : (int32_t)(nodes * t / types);
    for (int32_t t = 0; t < types; t++)
        for (int32_t n = offsets[t]; n < offsets[t + 1]; n++)
            of[n] = t;
    if (type >= 0) clm_example_i32(e, type, of, CLM_DIMS(nodes));
    if (type_offsets >= 0) clm_example_i32(e, type_offsets, offsets, CLM_DIMS(types + 1));
    if (given >= 0) clm_example_normal(e, given, 1, CLM_DIMS(nodes));
    const clm_type_mask mask = {.mode = mode, .factor = 0.75, .p = 0.3, .layer = 2};
    clm_type_mask_attributes(&mask, clm_example_call(e)->attribute);
    if (mode == CLM_MASK_DRAWN && given < 0)
        clm_example_i32(e, step, (const int32_t[CLM_STEP_WORDS]){41, 7}, CLM_DIMS(CLM_STEP_WORDS));
}

static const struct {
    int32_t nodes, types, d;
    int mode;
    bool given;
} list[] = {
    {1, 1, 1, CLM_MASK_FACTOR, false},     {7, 3, 4, CLM_MASK_DRAWN, false},
    {33, 2, 24, CLM_MASK_DRAWN, true},     {101, 4, 16, CLM_MASK_FACTOR, false},
    {1031, 5, 130, CLM_MASK_DRAWN, false}, {4001, 4, 64, CLM_MASK_FACTOR, true},
    {11616, 3, 64, CLM_MASK_DRAWN, false}, {26128, 4, 64, CLM_MASK_FACTOR, false},
};

static bool example(clm_example *e, int index)
{
    if (index >= (int)(sizeof list / sizeof *list)) return false;
    const int64_t nodes = list[index].nodes, d = list[index].d;
    clm_example_normal(e, H, 1, CLM_DIMS(nodes, d));
    clm_example_normal(e, TABLE, 1, CLM_DIMS(list[index].types, d));
    clm_type_mask_example(e, nodes, list[index].types, TYPE, -1, list[index].given ? GIVEN : -1,
                          STEP, list[index].mode);
    clm_example_out(e, Z, CLM_DIMS(nodes, d));
    return true;
}

static bool example_backward(clm_example *e, int index)
{
    if (index >= (int)(sizeof list / sizeof *list)) return false;
    const int64_t nodes = list[index].nodes, d = list[index].d, types = list[index].types;
    clm_example_normal(e, B_DZ, 1, CLM_DIMS(nodes, d));
    clm_type_mask_example(e, nodes, list[index].types, -1, B_TYPE_OFFSETS,
                          list[index].given ? B_GIVEN : -1, B_STEP, list[index].mode);
    clm_example_out(e, B_DTABLE, CLM_DIMS(types, d));
    clm_example_out(e, B_PARTIAL, CLM_DIMS(types, parts_of(nodes), d));
    return true;
}

/* What the backward pass needs of the recorded call's mask. */
static const clm_type_mask *keep_mask(clm_tape *tape, const clm_type_mask *mask)
{
    clm_type_mask *kept = clm_alloc(clm_tape_scope(tape), sizeof *kept);
    *kept = *mask;
    return kept;
}

static void grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *dz = clm_gradient_of(tape, call->arg[Z]);
    clm_gradient_add(tape, call->arg[H], dz);
    if (clm_needs_gradient(tape, call->arg[TABLE]))
        clm_gradient_add(tape, call->arg[TABLE],
                         clm_type_table_gradient(tape, dz, call->composite));
}

static void bench(clm_tape *tape, const clm_workload *w)
{
    clm_tensor *h = clm_bench_rows(tape, "h", 1, CLM_DIMS(w->nodes, w->width));
    clm_tensor *table = clm_bench_normal(tape, "table", 1, CLM_DIMS(w->edge.types, w->width));
    clm_tensor *z =
        clm_type_fusion(tape, h, table,
                        &(clm_type_mask){.type = clm_bench_types(tape, w),
                                         .type_offsets = clm_bench_type_offsets(tape, w),
                                         .mode = CLM_MASK_DRAWN,
                                         .p = 0.3});
    if (z) clm_keep(tape, z);
}

static const clm_op type_fusion = {
    .name = "type_fusion",
    .about = "adds the masked embedding of each node's type",
    .paper = "Shakirov and Arakelov, arXiv 2511.07603, eqs. 8 and 9",
    .source = &clm_source_type_fusion,
    .operand = {{"h", CLM_IN, CLM_REAL, "N D", false, NULL},
                {"table", CLM_IN, CLM_F32, "T D", false, NULL},
                {"type", CLM_IN, CLM_I32, "N", false, NULL},
                {"given", CLM_IN, CLM_F32, "N", true, NULL},
                {"step", CLM_IN, CLM_I32, "8", true, NULL},
                {"z", CLM_OUT, CLM_REAL, "N D", false, NULL}},
    .attribute = {"mode", "factor", "p", "layer"},
    .variant = {{.name = "cpu",
                 .classes = CLM_CPU,
                 .tunable = {{"VEC", 16, {4, 8, 16}, clm_pick_lanes}},
                 .prepare = prepare_cpu},
                {.name = "gpu",
                 .classes = CLM_GPU,
                 .tunable = {{"VEC", 4, {1, 4}, NULL}},
                 .prepare = prepare_vectors},
                {.name = "plain",
                 .classes = CLM_ANY_DEVICE,
                 .tunable = {{"VEC", 1, {1, 4}, NULL}},
                 .prepare = prepare_vectors}},
    .reference = reference,
    .cost = cost,
    .suspect = 3e-7,
    .wrong = 1e-6,
    .example = example,
    .bench = bench,
};

static const clm_op type_fusion_backward = {
    .name = "type_fusion_backward",
    .about = "gradient of the embeddings of the types",
    .source = &clm_source_type_fusion,
    .operand = {{"dz", CLM_IN, CLM_REAL, "N D", false, NULL},
                {"type_offsets", CLM_IN, CLM_I32, "T+1", false, NULL},
                {"given", CLM_IN, CLM_F32, "N", true, NULL},
                {"step", CLM_IN, CLM_I32, "8", true, NULL},
                {"dtable", CLM_OUT, CLM_F32, "T D", false, NULL},
                {"partial", CLM_SCRATCH, CLM_F32, "T C D", false, NULL}},
    .attribute = {"mode", "factor", "p", "layer"},
    .variant = {{.name = "cpu",
                 .classes = CLM_CPU,
                 .tunable = {{"VEC", 16, {4, 8, 16}, clm_pick_lanes}},
                 .prepare = prepare_backward_cpu},
                {.name = "gpu",
                 .classes = CLM_GPU,
                 .tunable = {{"VEC", 4, {1, 4}, NULL}},
                 .prepare = prepare_backward_vectors},
                {.name = "plain",
                 .classes = CLM_ANY_DEVICE,
                 .tunable = {{"VEC", 1, {1, 4}, NULL}},
                 .prepare = prepare_backward_vectors}},
    .reference = reference_backward,
    .cost = cost_backward,
    .suspect = 1e-6,
    .wrong = 1e-5,
    .example = example_backward,
};

const clm_op *const clm_ops_type_fusion[] = {&type_fusion, &type_fusion_backward, NULL};

clm_tensor *clm_type_fusion(clm_tape *tape, clm_tensor *h, clm_tensor *table,
                            const clm_type_mask *mask)
{
    if (!h || !table) return NULL;
    clm_tensor *z = clm_activation(tape, "fused", h->type, h->rank, h->dim);
    clm_call call = {.op = &type_fusion,
                     .arg = {h, table, mask->type, mask->given, clm_type_mask_step(tape, mask), z},
                     .grad = grad,
                     .composite = keep_mask(tape, mask)};
    clm_type_mask_attributes(mask, call.attribute);
    clm_record(tape, &call);
    return z;
}

clm_tensor *clm_type_table_gradient(clm_tape *tape, clm_tensor *dz, const clm_type_mask *mask)
{
    if (!dz) return NULL;
    const int64_t types = mask->type_offsets ? clm_elements(mask->type_offsets) - 1 : 0;
    const int64_t d = dz->dim[1];
    clm_tensor *dtable = clm_activation(tape, "dtable", CLM_F32, CLM_DIMS(types, d));
    clm_tensor *partial =
        clm_activation(tape, "partial", CLM_F32, CLM_DIMS(types, parts_of(dz->dim[0]), d));
    clm_call call = {.op = &type_fusion_backward,
                     .arg = {dz, mask->type_offsets, mask->given, clm_type_mask_step(tape, mask),
                             dtable, partial}};
    clm_type_mask_attributes(mask, call.attribute);
    clm_record(tape, &call);
    return dtable;
}
