#include "cl/balance_loss/balance_loss.h"

#include "nn/workload.h"
#include "op/lanes.h"

#include <stdio.h>

extern const clm_source clm_source_balance_loss;

enum { PROBABILITY, TOPK, GATE, POOL_OFFSETS, LOSS, F, P, PARTIAL };
enum { B_DLOSS, B_TOPK, B_POOL_OFFSETS, B_F, B_P, B_DPROBABILITY, B_DGATE };

static const clm_op balance_loss, balance_loss_backward;

/* Number of parts that the nodes of each pool are summed in: enough for a GPU's work-items, of at
 * least 128 nodes on average. */
static int64_t parts_of(int64_t nodes)
{
    const int64_t parts = nodes / 128;
    return parts < 1 ? 1 : parts > 256 ? 256 : parts;
}

static const char *options(char text[32], const clm_call *call)
{
    snprintf(text, 32, "-DE=%d -DK=%d", (int)clm_dim(call, 'E'), (int)clm_dim(call, 'K'));
    return text;
}

static clm_status launch_sum(clm_plan *plan, const clm_call *call, const char *kernel, size_t items)
{
    clm_tensor *const *a = call->arg;
    char text[32];
    return clm_launch(plan, call, kernel, options(text, call), (clm_range){{items}, {items}},
                      CLM_ARGS(clm_t(a[PARTIAL]), clm_t(a[POOL_OFFSETS]), clm_t(a[LOSS]),
                               clm_t(a[F]), clm_t(a[P]), clm_i(clm_dim(call, 'Q')),
                               clm_i(a[PARTIAL]->dim[1])));
}

static clm_status prepare_cpu(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    char text[32];
    const int64_t parts = a[PARTIAL]->dim[1];
    CLM_TRY(clm_launch(plan, call, "balance_loss_f32_cpu", options(text, call),
                       (clm_range){{(size_t)(clm_dim(call, 'Q') * parts)}, {1}},
                       CLM_ARGS(clm_t(a[PROBABILITY]), clm_t(a[TOPK]), clm_t(a[GATE]),
                                clm_t(a[POOL_OFFSETS]), clm_t(a[PARTIAL]), clm_i(parts))));
    return launch_sum(plan, call, "balance_loss_f32_sum", 1);
}

/* Work-items (column, row). */
static clm_range columns(int64_t count, int64_t rows)
{
    return (clm_range){{clm_round_up(count, 16), clm_round_up(rows, 4)}, {16, 4}};
}

static clm_status launch_columns(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    char text[32];
    const int64_t parts = a[PARTIAL]->dim[1], pools = clm_dim(call, 'Q');
    return clm_launch(plan, call, "balance_loss_f32_columns", options(text, call),
                      columns(clm_dim(call, 'E'), pools * parts),
                      CLM_ARGS(clm_t(a[PROBABILITY]), clm_t(a[TOPK]), clm_t(a[GATE]),
                               clm_t(a[POOL_OFFSETS]), clm_t(a[PARTIAL]), clm_i(pools),
                               clm_i(parts)));
}

static clm_status prepare_gpu(clm_plan *plan, const clm_call *call)
{
    CLM_TRY(launch_columns(plan, call));
    return launch_sum(plan, call, "balance_loss_f32_gpu_sum", 128);
}

static clm_status prepare_plain(clm_plan *plan, const clm_call *call)
{
    CLM_TRY(launch_columns(plan, call));
    return launch_sum(plan, call, "balance_loss_f32_sum", 1);
}

static const char *misfit_gpu(const clm_call *call, const clm_device *device)
{
    (void)call;
    return device->max_work_group < 128 ? "work-groups of 128 work-items are too large" : NULL;
}

#define BACKWARD_ARGS(a)                                                                           \
    clm_t((a)[B_DLOSS]), clm_t((a)[B_TOPK]), clm_t((a)[B_POOL_OFFSETS]), clm_t((a)[B_F]),          \
        clm_t((a)[B_P]), clm_t((a)[B_DPROBABILITY]), clm_t((a)[B_DGATE])

static clm_status prepare_backward_cpu(clm_plan *plan, const clm_call *call)
{
    char text[32];
    const int64_t nodes = clm_dim(call, 'N');
    const int64_t shares = 8 * (int64_t)clm_plan_device(plan)->compute_units;
    const int64_t block = (nodes + shares - 1) / shares;
    return clm_launch(plan, call, "balance_loss_backward_f32_cpu", options(text, call),
                      (clm_range){{(size_t)((nodes + block - 1) / block)}, {1}},
                      CLM_ARGS(BACKWARD_ARGS(call->arg), clm_i(clm_dim(call, 'Q')), clm_i(block)));
}

static clm_status prepare_backward_columns(clm_plan *plan, const clm_call *call)
{
    char text[32];
    const int64_t nodes = clm_dim(call, 'N');
    return clm_launch(plan, call, "balance_loss_backward_f32_columns", options(text, call),
                      columns(clm_dim(call, 'E') + clm_dim(call, 'K'), nodes),
                      CLM_ARGS(BACKWARD_ARGS(call->arg), clm_i(clm_dim(call, 'Q')), clm_i(nodes)));
}

static void reference(const clm_call *call)
{
    const int64_t pools = clm_dim(call, 'Q'), experts = clm_dim(call, 'E'), k = clm_dim(call, 'K');
    const int32_t *offsets = clm_i32(call, POOL_OFFSETS);
    double sum = 0;
    int used = 0;
    for (int64_t q = 0; q < pools; q++) {
        const int32_t count = offsets[q + 1] - offsets[q];
        double *f = clm_f64(call, F) + q * experts, *p = clm_f64(call, P) + q * experts;
        for (int64_t e = 0; e < experts; e++)
            f[e] = p[e] = 0;
        for (int64_t n = offsets[q]; n < offsets[q + 1]; n++) {
            for (int64_t e = 0; e < experts; e++)
                p[e] += clm_f64(call, PROBABILITY)[n * experts + e] / count;
            for (int64_t j = n * k; j < (n + 1) * k; j++)
                f[clm_i32(call, TOPK)[j]] += clm_f64(call, GATE)[j] / count;
        }
        for (int64_t e = 0; e < experts; e++)
            sum += (double)experts * f[e] * p[e];
        used += count > 0;
    }
    clm_f64(call, LOSS)[0] = used > 0 ? sum / used : 0;
}

static void reference_backward(const clm_call *call)
{
    const int64_t pools = clm_dim(call, 'Q'), experts = clm_dim(call, 'E'), k = clm_dim(call, 'K');
    const int32_t *offsets = clm_i32(call, B_POOL_OFFSETS);
    int used = 0;
    for (int64_t q = 0; q < pools; q++)
        used += offsets[q + 1] > offsets[q];
    for (int64_t q = 0; q < pools; q++) {
        const double *f = clm_f64(call, B_F) + q * experts, *p = clm_f64(call, B_P) + q * experts;
        const double c = clm_f64(call, B_DLOSS)[0] * (double)experts /
                         ((double)(offsets[q + 1] - offsets[q]) * used);
        for (int64_t n = offsets[q]; n < offsets[q + 1]; n++) {
            for (int64_t e = 0; e < experts; e++)
                clm_f64(call, B_DPROBABILITY)[n * experts + e] = c * f[e];
            for (int64_t j = n * k; j < (n + 1) * k; j++)
                clm_f64(call, B_DGATE)[j] = c * p[clm_i32(call, B_TOPK)[j]];
        }
    }
}

static clm_cost cost(const clm_call *call)
{
    const double nodes = (double)clm_dim(call, 'N'), experts = (double)clm_dim(call, 'E');
    const double k = (double)clm_dim(call, 'K'), pools = (double)clm_dim(call, 'Q');
    return (clm_cost){nodes * (experts + k) + 2 * pools * experts,
                      4 * (nodes * (experts + 2 * k) + 2 * pools * experts + pools + 2)};
}

static clm_cost cost_backward(const clm_call *call)
{
    const double nodes = (double)clm_dim(call, 'N'), experts = (double)clm_dim(call, 'E');
    const double k = (double)clm_dim(call, 'K'), pools = (double)clm_dim(call, 'Q');
    return (clm_cost){nodes * (experts + k),
                      4 * (nodes * (experts + 2 * k) + 2 * pools * experts + pools + 2)};
}

static const struct {
    int32_t nodes, experts, k, pools;
} list[] = {
    {1, 1, 1, 1},   {7, 4, 2, 1},      {37, 16, 4, 3},    {101, 24, 3, 2},
    {513, 5, 5, 6}, {1031, 128, 4, 4}, {3001, 200, 1, 1}, {11616, 16, 4, 1},
};

/* Pools of unequal sizes; the first of several has no nodes. */
static void example_pools(clm_example *e, int operand, int64_t nodes, int32_t pools)
{
    int32_t *offsets = clm_example_memory(e, (size_t)(pools + 1) * sizeof *offsets);
    for (int32_t q = 0; q <= pools; q++)
        offsets[q] = q == 1 && pools > 1 ? 0 : (int32_t)(nodes * q * q / ((int64_t)pools * pools));
    clm_example_i32(e, operand, offsets, CLM_DIMS(pools + 1));
}

/* Positive numbers up to 2 / width, as shares of `width` are: their sums do not cancel. */
static void example_shares(clm_example *e, int operand, int64_t nodes, int64_t width)
{
    float *share = clm_example_memory(e, (size_t)(nodes * width) * sizeof *share);
    for (int64_t i = 0; i < nodes * width; i++)
        share[i] = (float)(1 + clm_example_random(e, 1000)) / (500 * (float)width);
    clm_example_f32(e, operand, share, CLM_DIMS(nodes, width));
}

static bool example(clm_example *e, int index)
{
    if (index >= (int)(sizeof list / sizeof *list)) return false;
    const int64_t nodes = list[index].nodes, experts = list[index].experts, k = list[index].k;
    const int64_t pools = list[index].pools;
    example_shares(e, PROBABILITY, nodes, experts);
    clm_example_below(e, TOPK, index == 5 ? 1 : (int32_t)experts, CLM_DIMS(nodes, k));
    example_shares(e, GATE, nodes, k);
    example_pools(e, POOL_OFFSETS, nodes, list[index].pools);
    clm_example_out(e, LOSS, CLM_DIMS(1));
    clm_example_out(e, F, CLM_DIMS(pools, experts));
    clm_example_out(e, P, CLM_DIMS(pools, experts));
    clm_example_out(e, PARTIAL, CLM_DIMS(pools, parts_of(nodes), 2, experts));
    return true;
}

static bool example_backward(clm_example *e, int index)
{
    if (index >= (int)(sizeof list / sizeof *list)) return false;
    const int64_t nodes = list[index].nodes, experts = list[index].experts, k = list[index].k;
    const int64_t pools = list[index].pools;
    clm_example_normal(e, B_DLOSS, 1, CLM_DIMS(1));
    clm_example_below(e, B_TOPK, (int32_t)experts, CLM_DIMS(nodes, k));
    example_pools(e, B_POOL_OFFSETS, nodes, list[index].pools);
    clm_example_normal(e, B_F, 1, CLM_DIMS(pools, experts));
    clm_example_normal(e, B_P, 1, CLM_DIMS(pools, experts));
    clm_example_out(e, B_DPROBABILITY, CLM_DIMS(nodes, experts));
    clm_example_out(e, B_DGATE, CLM_DIMS(nodes, k));
    return true;
}

static void grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    clm_tensor *dloss = clm_gradient_of(tape, a[LOSS]);
    if (!dloss) return;
    clm_tensor *dprobability =
        clm_activation(tape, "dprobability", CLM_F32, a[PROBABILITY]->rank, a[PROBABILITY]->dim);
    clm_tensor *dgate = clm_activation(tape, "dgate", CLM_F32, a[GATE]->rank, a[GATE]->dim);
    clm_record(tape, &(clm_call){.op = &balance_loss_backward,
                                 .arg = {dloss, a[TOPK], a[POOL_OFFSETS], a[F], a[P], dprobability,
                                         dgate}});
    clm_gradient_add(tape, a[PROBABILITY], dprobability);
    clm_gradient_add(tape, a[GATE], dgate);
}

static void bench(clm_tape *tape, const clm_workload *w)
{
    const clm_routing routing = {
        .probability = clm_bench_normal(tape, "probability", 1, CLM_DIMS(w->nodes, w->experts)),
        .topk = clm_bench_keys(tape, w),
        .gate = clm_bench_gates(tape, w)};
    clm_tensor *loss =
        clm_balance_loss(tape, &routing, clm_bench_segments(tape, "one pool", 1, w->nodes));
    if (loss) clm_keep(tape, loss);
}

static const clm_op balance_loss = {
    .name = "balance_loss",
    .about = "load balancing loss of the router",
    .paper = "Shakirov and Arakelov, arXiv 2511.07603, eqs. 13-15",
    .source = &clm_source_balance_loss,
    .operand = {{"probability", CLM_IN, CLM_F32, "N E", false, NULL},
                {"topk", CLM_IN, CLM_I32, "N K", false, NULL},
                {"gate", CLM_IN, CLM_F32, "N K", false, NULL},
                {"pool_offsets", CLM_IN, CLM_I32, "Q+1", false, NULL},
                {"loss", CLM_OUT, CLM_F32, "1", false, NULL},
                {"f", CLM_OUT, CLM_F32, "Q E", false, NULL},
                {"p", CLM_OUT, CLM_F32, "Q E", false, NULL},
                {"partial", CLM_SCRATCH, CLM_F32, "Q C 2 E", false, NULL}},
    .variant = {{.name = "cpu",
                 .classes = CLM_CPU,
                 .tunable = {{"VEC", 16, {4, 8, 16}, clm_pick_lanes}},
                 .prepare = prepare_cpu},
                {.name = "gpu", .classes = CLM_GPU, .misfit = misfit_gpu, .prepare = prepare_gpu},
                {.name = "plain", .classes = CLM_ANY_DEVICE, .prepare = prepare_plain}},
    .grad = grad,
    .reference = reference,
    .cost = cost,
    .suspect = 1e-6,
    .wrong = 1e-5,
    .example = example,
    .bench = bench,
};

static const clm_op balance_loss_backward = {
    .name = "balance_loss_backward",
    .about = "gradients of the load balancing loss",
    .source = &clm_source_balance_loss,
    .operand = {{"dloss", CLM_IN, CLM_F32, "1", false, NULL},
                {"topk", CLM_IN, CLM_I32, "N K", false, NULL},
                {"pool_offsets", CLM_IN, CLM_I32, "Q+1", false, NULL},
                {"f", CLM_IN, CLM_F32, "Q E", false, NULL},
                {"p", CLM_IN, CLM_F32, "Q E", false, NULL},
                {"dprobability", CLM_OUT, CLM_F32, "N E", false, NULL},
                {"dgate", CLM_OUT, CLM_F32, "N K", false, NULL}},
    .variant = {{.name = "cpu",
                 .classes = CLM_CPU,
                 .tunable = {{"VEC", 16, {4, 8, 16}, clm_pick_lanes}},
                 .prepare = prepare_backward_cpu},
                {.name = "gpu", .classes = CLM_GPU, .prepare = prepare_backward_columns},
                {.name = "plain", .classes = CLM_ANY_DEVICE, .prepare = prepare_backward_columns}},
    .reference = reference_backward,
    .cost = cost_backward,
    .suspect = 1e-6,
    .wrong = 1e-5,
    .example = example_backward,
};

const clm_op *const clm_ops_balance_loss[] = {&balance_loss, &balance_loss_backward, NULL};

clm_tensor *clm_balance_loss(clm_tape *tape, const clm_routing *routing, clm_tensor *pool_offsets)
{
    if (!routing->probability || !pool_offsets) return NULL;
    const int64_t nodes = routing->probability->dim[0], experts = routing->probability->dim[1];
    const int64_t pools = clm_elements(pool_offsets) - 1;
    clm_tensor *loss = clm_activation(tape, "balance", CLM_F32, CLM_DIMS(1));
    clm_record(tape, &(clm_call){
                         .op = &balance_loss,
                         .arg = {routing->probability, routing->topk, routing->gate, pool_offsets,
                                 loss, clm_activation(tape, "f", CLM_F32, CLM_DIMS(pools, experts)),
                                 clm_activation(tape, "p", CLM_F32, CLM_DIMS(pools, experts)),
                                 clm_activation(tape, "partial", CLM_F32,
                                                CLM_DIMS(pools, parts_of(nodes), 2, experts))}});
    return loss;
}
