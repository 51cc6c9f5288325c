#include "cl/router/router.h"

#include "nn/workload.h"

#include <math.h>
#include <stdio.h>

extern const clm_source clm_source_router, clm_source_router_cpu;

enum { LOGITS, POOL, PROBABILITY, TOPK, GATE, KEY };
enum { B_PROBABILITY, B_TOPK, B_GATE, B_DPROBABILITY, B_DGATE, B_DLOGITS };
enum { RENORMALISE };

static const clm_op router, router_backward;

static int vector(const clm_device *device, const clm_call *call)
{
    (void)call;
    return device->vector_width >= 16 ? 16 : 8;
}

/* Blocks of VEC rows that are asked for ahead; 0 where the compiler has no builtin for that. */
static int ahead(const clm_device *device, const clm_call *call)
{
    (void)call;
    return (device->features & CLM_FEATURE_PREFETCH) != 0;
}

/* Options of every kernel here; `tile` 0: none. */
static const char *options(char text[96], const clm_call *call, int tile)
{
    const int used = snprintf(text, 96, "-DE=%d -DK=%d -DRENORMALISE=%d", (int)clm_dim(call, 'E'),
                              (int)clm_dim(call, 'K'), (int)call->attribute[RENORMALISE]);
    if (tile > 0) snprintf(text + used, 96 - (size_t)used, " -DTILE=%d", tile);
    return text;
}

/* Compilers that vectorise across work-items take explicit vectors apart: minutes for this kernel.
 */
static const char *misfit_cpu(const clm_call *call, const clm_device *device)
{
    if (device->vector_width < 4) return "the device's native vectors have less than 4 floats";
    return clm_dim(call, 'E') > 512 ? "E > 512: rows of VEC nodes exceed the first-level cache"
                                    : NULL;
}

enum { MOST_NODES = 64 }; /* of a work-group, and its work-items */

/* Nodes of a work-group, so that `tiles` arrays of rows take at most 16 KiB of local memory. */
static int tile_of(const clm_call *call, int tiles)
{
    int tile = MOST_NODES;
    while (tile * tiles * ((int)clm_dim(call, 'E') + 1) * 4 > 16384)
        tile /= 2;
    return tile;
}

static const char *misfit_gpu(const clm_call *call, const clm_device *device)
{
    if (device->max_work_group < 64) return "work-groups of 64 work-items are too large";
    if (device->local_bytes < 16384) return "less than 16 KiB of local memory";
    return clm_dim(call, 'E') > 255 ? "E > 255: too few rows fit into local memory" : NULL;
}

/* Nodes of a work-item on a CPU: eight work-items for each core, whole vectors. */
static int64_t block_of(const clm_plan *plan, const clm_call *call)
{
    const int64_t parts = 8 * (int64_t)clm_plan_device(plan)->compute_units;
    const int64_t nodes = clm_dim(call, 'N');
    return (int64_t)clm_round_up((nodes + parts - 1) / parts, (size_t)clm_tune(plan, "VEC"));
}

static clm_status prepare_cpu(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    char text[96];
    const int64_t nodes = clm_dim(call, 'N'), block = block_of(plan, call);
    return clm_launch_from(plan, &clm_source_router_cpu, "router_f32_cpu", options(text, call, 0),
                           (clm_range){{(size_t)((nodes + block - 1) / block)}, {1}},
                           CLM_ARGS(clm_t(a[LOGITS]), clm_t(a[POOL]), clm_t(a[PROBABILITY]),
                                    clm_t(a[TOPK]), clm_t(a[GATE]), clm_t(a[KEY]), clm_i(nodes),
                                    clm_i(block)));
}

/* A work-item for each node, or work-groups of MOST_NODES work-items for `tile` nodes. */
static clm_status launch_nodes(clm_plan *plan, const clm_call *call, const char *kernel, int tile)
{
    clm_tensor *const *a = call->arg;
    char text[96];
    const int64_t nodes = clm_dim(call, 'N'), of_group = tile > 0 ? tile : MOST_NODES;
    const size_t groups = (size_t)((nodes + of_group - 1) / of_group);
    return clm_launch(plan, call, kernel, options(text, call, tile),
                      (clm_range){{groups * MOST_NODES}, {MOST_NODES}},
                      CLM_ARGS(clm_t(a[0]), clm_t(a[1]), clm_t(a[2]), clm_t(a[3]), clm_t(a[4]),
                               clm_t(a[5]), clm_i(nodes)));
}

static clm_status prepare_gpu(clm_plan *plan, const clm_call *call)
{
    return launch_nodes(plan, call, "router_f32_gpu", tile_of(call, 1));
}

static clm_status prepare_plain(clm_plan *plan, const clm_call *call)
{
    return launch_nodes(plan, call, "router_f32_plain", 0);
}

static clm_status prepare_backward_cpu(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    char text[96];
    const int64_t nodes = clm_dim(call, 'N'), block = block_of(plan, call);
    return clm_launch_from(plan, &clm_source_router_cpu, "router_backward_f32_cpu",
                           options(text, call, 0),
                           (clm_range){{(size_t)((nodes + block - 1) / block)}, {1}},
                           CLM_ARGS(clm_t(a[B_PROBABILITY]), clm_t(a[B_TOPK]), clm_t(a[B_GATE]),
                                    clm_t(a[B_DPROBABILITY]), clm_t(a[B_DGATE]),
                                    clm_t(a[B_DLOGITS]), clm_i(nodes), clm_i(block)));
}

static clm_status prepare_backward_gpu(clm_plan *plan, const clm_call *call)
{
    return launch_nodes(plan, call, "router_backward_f32_gpu", tile_of(call, 2));
}

static clm_status prepare_backward_plain(clm_plan *plan, const clm_call *call)
{
    return launch_nodes(plan, call, "router_backward_f32_plain", 0);
}

/* The largest of the logits that is not chosen yet; the lower index of equals. */
static int best(const double *logit, int64_t experts, const int32_t *chosen, int64_t count)
{
    int found = -1;
    for (int e = 0; e < experts; e++) {
        bool taken = false;
        for (int64_t j = 0; j < count; j++)
            taken |= chosen[j] == e;
        if (!taken && (found < 0 || logit[e] > logit[found])) found = e;
    }
    return found;
}

static void reference(const clm_call *call)
{
    const int64_t nodes = clm_dim(call, 'N'), experts = clm_dim(call, 'E'), k = clm_dim(call, 'K');
    const bool renormalise = call->attribute[RENORMALISE] != 0;
    const int32_t *pool = clm_i32(call, POOL);
    for (int64_t n = 0; n < nodes; n++) {
        const double *x = clm_f64(call, LOGITS) + n * experts;
        double *p = clm_f64(call, PROBABILITY) + n * experts;
        int32_t *topk = clm_i32(call, TOPK) + n * k, *key = clm_i32(call, KEY) + n * k;
        double *gate = clm_f64(call, GATE) + n * k;
        for (int64_t j = 0; j < k; j++)
            topk[j] = best(x, experts, topk, j);
        double sum = 0, chosen = 0;
        for (int64_t e = 0; e < experts; e++)
            sum += exp(x[e] - x[topk[0]]);
        for (int64_t e = 0; e < experts; e++)
            p[e] = exp(x[e] - x[topk[0]]) / sum;
        for (int64_t j = 0; j < k; j++)
            chosen += p[topk[j]];
        for (int64_t j = 0; j < k; j++) {
            gate[j] = p[topk[j]] / (renormalise ? chosen : 1);
            key[j] = (int32_t)((pool ? pool[n] : 0) * experts) + topk[j];
        }
    }
}

static void reference_backward(const clm_call *call)
{
    const int64_t nodes = clm_dim(call, 'N'), experts = clm_dim(call, 'E'), k = clm_dim(call, 'K');
    const bool renormalise = call->attribute[RENORMALISE] != 0;
    const double *dprobability = clm_f64(call, B_DPROBABILITY), *dgate = clm_f64(call, B_DGATE);
    for (int64_t n = 0; n < nodes; n++) {
        const double *p = clm_f64(call, B_PROBABILITY) + n * experts;
        const double *gate = clm_f64(call, B_GATE) + n * k;
        const int32_t *topk = clm_i32(call, B_TOPK) + n * k;
        double *dx = clm_f64(call, B_DLOGITS) + n * experts;
        double chosen = 0, mean = 0, sum = 0;
        for (int64_t j = 0; dgate && j < k; j++) {
            chosen += p[topk[j]];
            mean += gate[j] * dgate[n * k + j];
        }
        /* First the gradient of the probabilities, then that of the softmax. */
        for (int64_t e = 0; e < experts; e++)
            dx[e] = dprobability ? dprobability[n * experts + e] : 0;
        for (int64_t j = 0; dgate && j < k; j++)
            dx[topk[j]] += renormalise ? (dgate[n * k + j] - mean) / chosen : dgate[n * k + j];
        for (int64_t e = 0; e < experts; e++)
            sum += p[e] * dx[e];
        for (int64_t e = 0; e < experts; e++)
            dx[e] = p[e] * (dx[e] - sum);
    }
}

static clm_cost cost(const clm_call *call)
{
    const double nodes = (double)clm_dim(call, 'N'), experts = (double)clm_dim(call, 'E');
    const double k = (double)clm_dim(call, 'K');
    return (clm_cost){.flops = nodes * (4 * experts + 2 * k),
                      .exps = nodes * experts,
                      .bytes = 4 * nodes * (2 * experts + 3 * k + (call->arg[POOL] ? 1 : 0))};
}

static clm_cost cost_backward(const clm_call *call)
{
    const double nodes = (double)clm_dim(call, 'N'), experts = (double)clm_dim(call, 'E');
    const double k = (double)clm_dim(call, 'K');
    const bool dp = call->arg[B_DPROBABILITY] != NULL, dgate = call->arg[B_DGATE] != NULL;
    return (clm_cost){.flops = nodes * ((dp ? 4 : 2) * experts + (dgate ? 4 * k : 0)),
                      .bytes = 4 * nodes * ((dp ? 3 : 2) * experts + (dgate ? 3 * k : 0))};
}

typedef struct size {
    int32_t nodes, experts, k, pools; /* pools 0: none given */
    bool renormalise, ties, skewed;
} size;

static const size list[] = {
    {1, 4, 1, 0, true, false, false},      {7, 4, 2, 0, true, false, false},
    {17, 16, 4, 3, true, true, false},     {5, 1, 1, 0, false, false, false},
    {257, 16, 4, 2, false, false, false},  {33, 24, 3, 0, true, false, false},
    {65, 5, 5, 0, false, true, false},     {1031, 8, 2, 3, true, false, true},
    {500, 64, 8, 0, true, false, false},   {301, 128, 4, 0, false, true, false},
    {67, 600, 4, 0, true, false, false},   {2000, 16, 1, 0, true, false, false},
    {11616, 16, 4, 0, true, false, false}, {4000, 2, 2, 0, true, false, false},
};

/* Logits: normal; with ties: whole numbers from 0 to 3; skewed: expert 0 always wins. */
static void example_logits(clm_example *e, const size *s)
{
    const int64_t count = (int64_t)s->nodes * s->experts;
    if (!s->ties && !s->skewed) {
        clm_example_normal(e, LOGITS, 2, CLM_DIMS(s->nodes, s->experts));
        return;
    }
    float *logit = clm_example_memory(e, (size_t)count * sizeof *logit);
    for (int64_t i = 0; i < count; i++) {
        const int32_t bound = s->ties ? 4 : 1000;
        logit[i] = (float)clm_example_random(e, bound) / (float)(bound / 4);
        if (s->skewed && i % s->experts == 0) logit[i] = 40;
    }
    clm_example_f32(e, LOGITS, logit, CLM_DIMS(s->nodes, s->experts));
}

static bool example(clm_example *e, int index)
{
    if (index >= (int)(sizeof list / sizeof *list)) return false;
    const size *s = &list[index];
    clm_example_call(e)->attribute[RENORMALISE] = s->renormalise;
    example_logits(e, s);
    if (s->pools > 0) clm_example_below(e, POOL, s->pools, CLM_DIMS(s->nodes));
    clm_example_out(e, PROBABILITY, CLM_DIMS(s->nodes, s->experts));
    clm_example_out(e, TOPK, CLM_DIMS(s->nodes, s->k));
    clm_example_out(e, GATE, CLM_DIMS(s->nodes, s->k));
    clm_example_out(e, KEY, CLM_DIMS(s->nodes, s->k));
    return true;
}

/* Any probabilities, gates and different experts will do: the formulas hold for all. */
static void example_choice(clm_example *e, const size *s)
{
    const size_t nodes = (size_t)s->nodes, experts = (size_t)s->experts, k = (size_t)s->k;
    float *p = clm_example_memory(e, nodes * experts * sizeof *p);
    float *gate = clm_example_memory(e, nodes * k * sizeof *gate);
    int32_t *topk = clm_example_memory(e, nodes * k * sizeof *topk);
    for (size_t n = 0; n < nodes; n++) {
        const size_t first = (size_t)clm_example_random(e, s->experts);
        float sum = 0, chosen = 0;
        for (size_t i = 0; i < experts; i++)
            sum += p[n * experts + i] = (float)(1 + clm_example_random(e, 1000));
        for (size_t i = 0; i < experts; i++)
            p[n * experts + i] /= sum;
        for (size_t j = 0; j < k; j++) {
            topk[n * k + j] = (int32_t)((first + j) % experts);
            chosen += gate[n * k + j] = p[n * experts + (first + j) % experts];
        }
        for (size_t j = 0; s->renormalise && j < k; j++)
            gate[n * k + j] /= chosen;
    }
    clm_example_f32(e, B_PROBABILITY, p, CLM_DIMS(s->nodes, s->experts));
    clm_example_i32(e, B_TOPK, topk, CLM_DIMS(s->nodes, s->k));
    clm_example_f32(e, B_GATE, gate, CLM_DIMS(s->nodes, s->k));
}

static bool example_backward(clm_example *e, int index)
{
    if (index >= (int)(sizeof list / sizeof *list)) return false;
    const size *s = &list[index];
    clm_example_call(e)->attribute[RENORMALISE] = s->renormalise;
    example_choice(e, s);
    /* Each of the three cases occurs: both gradients, only one, only the other. */
    if (index % 4 != 1) clm_example_normal(e, B_DPROBABILITY, 1, CLM_DIMS(s->nodes, s->experts));
    if (index % 4 != 3) clm_example_normal(e, B_DGATE, 1, CLM_DIMS(s->nodes, s->k));
    clm_example_out(e, B_DLOGITS, CLM_DIMS(s->nodes, s->experts));
    return true;
}

static void grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    clm_tensor *dprobability = clm_gradient_of(tape, a[PROBABILITY]);
    clm_tensor *dgate = clm_gradient_of(tape, a[GATE]);
    if (!clm_needs_gradient(tape, a[LOGITS]) || (!dprobability && !dgate)) return;
    clm_tensor *dlogits =
        clm_activation(tape, "dlogits", CLM_F32, CLM_DIMS(a[LOGITS]->dim[0], a[LOGITS]->dim[1]));
    clm_record(tape,
               &(clm_call){.op = &router_backward,
                           .arg = {a[PROBABILITY], a[TOPK], a[GATE], dprobability, dgate, dlogits},
                           .attribute = {call->attribute[RENORMALISE]}});
    clm_gradient_add(tape, a[LOGITS], dlogits);
}

static void bench(clm_tape *tape, const clm_workload *w)
{
    clm_tensor *logits = clm_bench_logits(tape, w);
    const clm_routing made = clm_router(tape, logits, (clm_pools){0}, (int)w->top_k, true);
    if (made.gate) clm_keep(tape, made.gate);
    if (made.gate) clm_keep(tape, made.probability);
}

static const clm_op router = {
    .name = "router",
    .about = "softmax over experts and choice of the most probable",
    .paper = "Shazeer et al., Outrageously Large Neural Networks, ICLR 2017, section 2.1",
    .source = &clm_source_router,
    .operand = {{"logits", CLM_IN, CLM_F32, "N E", false, NULL},
                {"pool", CLM_IN, CLM_I32, "N", true, NULL},
                {"probability", CLM_OUT, CLM_F32, "N E", false, NULL},
                {"topk", CLM_OUT, CLM_I32, "N K", false, NULL},
                {"gate", CLM_OUT, CLM_F32, "N K", false, NULL},
                {"key", CLM_OUT, CLM_I32, "N K", false, NULL}},
    .attribute = {"renormalise"},
    .variant = {{.name = "cpu",
                 .classes = CLM_CPU,
                 .tunable = {{"VEC", 16, {8, 16}, vector}, {"AHEAD", 0, {1, 2, 4}, ahead}},
                 .misfit = misfit_cpu,
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

static const clm_op router_backward = {
    .name = "router_backward",
    .about = "gradient of the router's logits",
    .source = &clm_source_router,
    .operand = {{"probability", CLM_IN, CLM_F32, "N E", false, NULL},
                {"topk", CLM_IN, CLM_I32, "N K", false, NULL},
                {"gate", CLM_IN, CLM_F32, "N K", false, NULL},
                {"dprobability", CLM_IN, CLM_F32, "N E", true, NULL},
                {"dgate", CLM_IN, CLM_F32, "N K", true, NULL},
                {"dlogits", CLM_OUT, CLM_F32, "N E", false, "dprobability"}},
    .attribute = {"renormalise"},
    .variant =
        {{.name = "cpu",
          .classes = CLM_CPU,
          .tunable = {{"VEC", 16, {8, 16}, vector}, {"AHEAD", 0, {1, 2, 4}, ahead}},
          .misfit = misfit_cpu,
          .prepare = prepare_backward_cpu},
         {.name = "gpu", .classes = CLM_GPU, .misfit = misfit_gpu, .prepare = prepare_backward_gpu},
         {.name = "plain", .classes = CLM_ANY_DEVICE, .prepare = prepare_backward_plain}},
    .reference = reference_backward,
    .cost = cost_backward,
    .suspect = 1e-6,
    .wrong = 1e-5,
    .example = example_backward,
};

const clm_op *const clm_ops_router[] = {&router, &router_backward, NULL};

clm_routing clm_router(clm_tape *tape, clm_tensor *logits, clm_pools pools, int top_k,
                       bool renormalise)
{
    clm_routing made = {0};
    if (!logits) return made;
    const int64_t nodes = logits->dim[0], experts = logits->dim[1];
    made.pairs = (nodes - pools.without) * top_k;
    made.probability = clm_activation(tape, "probability", CLM_F32, CLM_DIMS(nodes, experts));
    made.topk = clm_activation(tape, "topk", CLM_I32, CLM_DIMS(nodes, top_k));
    made.gate = clm_activation(tape, "gate", CLM_F32, CLM_DIMS(nodes, top_k));
    made.key = clm_activation(tape, "key", CLM_I32, CLM_DIMS(nodes, top_k));
    clm_record(tape, &(clm_call){.op = &router,
                                 .arg = {logits, pools.of_node, made.probability, made.topk,
                                         made.gate, made.key},
                                 .attribute = {renormalise}});
    return made;
}
