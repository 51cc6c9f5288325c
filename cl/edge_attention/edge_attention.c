#include "cl/edge_attention/attention.h"

#include "nn/workload.h"

#include <math.h>
#include <stdio.h>

enum {
    QUERY,
    KV,
    SEGMENT_PTR,
    EDGE_PTR,
    SOURCE,
    SOURCE_PTR,
    SOURCE_EDGE,
    SOURCE_TARGET,
    OUT,
    LSE,
    ALPHA
};

static const clm_op edge_attention;

clm_tensor *clm_edge_attention(clm_tape *tape, clm_tensor *q, clm_tensor *kv,
                               const clm_edges *edges, int heads, clm_tensor **alpha)
{
    if (alpha) *alpha = NULL;
    if (!q || !kv || !edges->source) return NULL;
    const int64_t d = q->dim[1];
    clm_tensor *out = clm_activation(tape, "attention", q->type, 2, (int64_t[]){edges->nodes, d});
    clm_tensor *lse =
        clm_activation(tape, "attention.lse", CLM_F32, 2, (int64_t[]){edges->segments, heads});
    if (alpha)
        *alpha =
            clm_activation(tape, "attention.alpha", CLM_F32, 2, (int64_t[]){edges->edges, heads});
    clm_record(tape, &(clm_call){.op = &edge_attention,
                                 .arg = {q, kv, edges->segment_ptr, edges->edge_ptr, edges->source,
                                         edges->source_ptr, edges->source_edge,
                                         edges->source_target, out, lse, alpha ? *alpha : NULL}});
    return out;
}

static void grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *const *x = call->arg, *dout = clm_gradient_of(tape, x[OUT]);
    const bool wanted = clm_needs_gradient(tape, x[QUERY]) || clm_needs_gradient(tape, x[KV]);
    if (!dout || !wanted) return;
    const clm_attention a = clm_attention_sizes(call);
    clm_tensor *dq = clm_activation(tape, "attention.dq", x[QUERY]->type, 2, x[QUERY]->dim);
    clm_tensor *dkv = clm_activation(tape, "attention.dkv", x[KV]->type, 2, x[KV]->dim);
    clm_tensor *pd = clm_activation(tape, "attention.pd", CLM_F32, 3, (int64_t[]){a.m, 2, a.h});
    clm_record(tape, &(clm_call){.op = &clm_edge_attention_backward,
                                 .arg = {x[QUERY], x[KV], dout, x[LSE], x[SEGMENT_PTR], x[EDGE_PTR],
                                         x[SOURCE], x[SOURCE_PTR], x[SOURCE_EDGE], x[SOURCE_TARGET],
                                         dq, dkv, pd}});
    clm_gradient_add(tape, x[QUERY], dq);
    clm_gradient_add(tape, x[KV], dkv);
}

/* One segment and head: queries q, keys and values of row 0, both at the head's columns. Adds to y
 * and returns the log-sum-exp; p takes the weights of its edges. */
static double attend(const clm_attention *a, const double *q, const double *k, const double *v,
                     const int32_t *source, int32_t begin, int32_t end, double *p, double *y)
{
    const int64_t c = a->d / a->h;
    double most = -INFINITY, total = 0;
    for (int32_t e = begin; e < end; e++) {
        double x = 0;
        for (int64_t i = 0; i < c; i++)
            x += q[i] * k[source[e] * 2 * a->d + i];
        p[e * a->h] = x;
        most = fmax(most, x);
    }
    for (int32_t e = begin; e < end; e++)
        total += exp(p[e * a->h] - most);
    for (int32_t e = begin; e < end; e++) {
        p[e * a->h] = exp(p[e * a->h] - most) / total;
        for (int64_t i = 0; i < c; i++)
            y[i] += p[e * a->h] * v[source[e] * 2 * a->d + i];
    }
    return begin < end ? most + log(total) : 0;
}

static void reference(const clm_call *call)
{
    const clm_attention a = clm_attention_sizes(call);
    const int32_t *segment_ptr = clm_i32(call, SEGMENT_PTR), *edge_ptr = clm_i32(call, EDGE_PTR);
    const int32_t *source = clm_i32(call, SOURCE);
    const double *q = clm_f64(call, QUERY), *k = clm_f64(call, KV), *v = k + a.d;
    double *out = clm_f64(call, OUT), *lse = clm_f64(call, LSE), *alpha = clm_f64(call, ALPHA);
    clm_scope scope = {0};
    double *p = alpha ? alpha : clm_alloc_array(&scope, (size_t)(a.m * a.h), sizeof *p);
    for (int64_t n = 0; n < a.n; n++)
        for (int64_t h = 0; h < a.h; h++) {
            const int64_t at = h * a.d / a.h;
            double *y = out + n * a.d + at;
            for (int64_t i = 0; i < a.d / a.h; i++)
                y[i] = 0;
            for (int32_t g = segment_ptr[n]; g < segment_ptr[n + 1]; g++)
                lse[g * a.h + h] = attend(&a, q + n * a.d + at, k + at, v + at, source, edge_ptr[g],
                                          edge_ptr[g + 1], p + h, y);
        }
    clm_scope_end(&scope);
}

static clm_cost cost(const clm_call *call)
{
    const clm_attention a = clm_attention_sizes(call);
    const double n = (double)a.n, s = (double)a.s, m = (double)a.m, q = (double)a.q;
    const double d = (double)a.d, h = (double)a.h;
    return (clm_cost){.flops = m * (4 * d + 5 * h),
                      .exps = m * h,
                      .bytes = (2 * s * d + 2 * n * d) * clm_real_bytes(call) +
                               4 * (m + n + q + q * h + (call->arg[ALPHA] ? m * h : 0))};
}

static clm_status launch(clm_plan *plan, const clm_call *call, const clm_source *source,
                         const char *kernel, const clm_attention_build *build, clm_range range)
{
    const clm_attention a = clm_attention_sizes(call);
    clm_tensor *const *x = call->arg;
    return clm_launch_from(plan, source, kernel, build->options, range,
                           CLM_ARGS(clm_t(x[QUERY]), clm_t(x[KV]), clm_t(x[SEGMENT_PTR]),
                                    clm_t(x[EDGE_PTR]), clm_t(x[SOURCE]), clm_t(x[OUT]),
                                    clm_t(x[LSE]), clm_t(x[ALPHA]), clm_i(a.n), clm_i(a.m)));
}

static clm_status prepare_cpu(clm_plan *plan, const clm_call *call)
{
    const clm_attention a = clm_attention_sizes(call);
    const clm_attention_build build =
        clm_attention_build_cpu(call, call->arg[ALPHA], clm_tune(plan, "WIDTH"));
    const size_t work = (size_t)clm_tune(plan, "WORK");
    return launch(plan, call, &clm_source_edge_attention_cpu, "edge_attention_f32_cpu", &build,
                  (clm_range){{clm_round_up(a.n + a.m, work) / work}, {1}});
}

static clm_status prepare_gpu(clm_plan *plan, const clm_call *call)
{
    const clm_attention_build build = clm_attention_build_any(
        call, call->arg[ALPHA], clm_tune(plan, "WIDTH"), clm_tune(plan, "GROUP"));
    const size_t targets = (size_t)clm_dim(call, 'N');
    return launch(plan, call, &clm_source_edge_attention, "edge_attention_f32_gpu", &build,
                  (clm_range){{targets * build.targets}, {build.targets}});
}

static clm_status prepare_warp(clm_plan *plan, const clm_call *call)
{
    const clm_attention_build build = clm_attention_build_warp(plan, call, call->arg[ALPHA]);
    return launch(
        plan, call, &clm_source_edge_attention_warp, "edge_attention_f32_warp", &build,
        (clm_range){{clm_round_up(clm_dim(call, 'N') * 32, build.targets)}, {build.targets}});
}

static clm_status prepare_plain(clm_plan *plan, const clm_call *call)
{
    const clm_attention a = clm_attention_sizes(call);
    const clm_attention_build build = clm_attention_build_any(call, call->arg[ALPHA], 1, 0);
    return launch(plan, call, &clm_source_edge_attention, "edge_attention_f32_plain", &build,
                  (clm_range){{clm_round_up(a.n * a.h, 32)}, {32}});
}

static bool example(clm_example *example, int index)
{
    const clm_attention_places at = {SEGMENT_PTR, EDGE_PTR,    SOURCE,
                                     SOURCE_PTR,  SOURCE_EDGE, SOURCE_TARGET};
    clm_attention a;
    if (!clm_attention_example(example, index, &at, &a)) return false;
    clm_example_normal(example, QUERY, 0.7, CLM_DIMS(a.n, a.d));
    clm_example_normal(example, KV, 0.7, CLM_DIMS(a.s, 2 * a.d));
    clm_example_out(example, OUT, CLM_DIMS(a.n, a.d));
    clm_example_out(example, LSE, CLM_DIMS(a.q, a.h));
    if (index % 4 == 1) clm_example_out(example, ALPHA, CLM_DIMS(a.m, a.h));
    return true;
}

static void bench(clm_tape *tape, const clm_workload *w)
{
    const clm_typed_edges *g = &w->edge;
    const clm_edges edges = {
        .nodes = g->nodes,
        .rows = g->rows,
        .edges = g->edges,
        .segments = g->segments,
        .segment_ptr = clm_input_i32(tape, "segments", g->segment_ptr, CLM_DIMS(g->nodes + 1)),
        .edge_ptr = clm_input_i32(tape, "edge rows", g->edge_ptr, CLM_DIMS(g->segments + 1)),
        .source = clm_input_i32(tape, "sources", g->source, CLM_DIMS(g->edges)),
        .source_ptr = clm_input_i32(tape, "source rows", g->source_ptr, CLM_DIMS(g->rows + 1)),
        .source_edge = clm_input_i32(tape, "source edges", g->source_edge, CLM_DIMS(g->edges)),
        .source_target =
            clm_input_i32(tape, "source targets", g->source_target, CLM_DIMS(g->edges))};
    clm_tensor *q = clm_bench_rows(tape, "q", 0.5, CLM_DIMS(edges.nodes, w->width));
    clm_tensor *kv = clm_bench_rows(tape, "kv", 0.5, CLM_DIMS(edges.rows, 2 * w->width));
    clm_tensor *out = clm_edge_attention(tape, q, kv, &edges, (int)w->heads, NULL);
    if (out) clm_keep(tape, out);
}

static const clm_op edge_attention = {
    .name = "edge_attention",
    .about = "softmax attention along edges, by head",
    .paper = "Hu et al., WWW 2020, eqs. 3-6",
    .source = &clm_source_edge_attention,
    .operand = {{"q", CLM_IN, CLM_REAL, "N D", false, NULL},
                {"kv", CLM_IN, CLM_REAL, "S W", false, NULL},
                {"segment_ptr", CLM_IN, CLM_I32, "N+1", false, NULL},
                {"edge_ptr", CLM_IN, CLM_I32, "Q+1", false, NULL},
                {"source", CLM_IN, CLM_I32, "M", false, NULL},
                {"source_ptr", CLM_IN, CLM_I32, "S+1", false, NULL},
                {"source_edge", CLM_IN, CLM_I32, "M", false, NULL},
                {"source_target", CLM_IN, CLM_I32, "M", false, NULL},
                {"out", CLM_OUT, CLM_REAL, "N D", false, NULL},
                {"lse", CLM_OUT, CLM_F32, "Q H", false, NULL},
                {"alpha", CLM_OUT, CLM_F32, "M H", true, NULL}},
    .variant = {{.name = "cpu",
                 .classes = CLM_CPU,
                 .tunable = {{"WIDTH", 8, {4, 8, 16}, clm_pick_lanes},
                             {"AHEAD", 0, {4, 8, 12, 16, 24}, clm_pick_ahead},
                             {"WORK", 256, {64, 128, 256, 512, 1024}, NULL}},
                 .misfit = clm_attention_cpu_misfit,
                 .prepare = prepare_cpu},
                {.name = "warp",
                 .classes = CLM_GPU,
                 .features = CLM_FEATURE_SHUFFLE,
                 .emulates = true,
                 .tunable = {{"HEAVY", 128, {64, 128, 256, 512, 1024}, NULL}},
                 .misfit = clm_attention_warp_misfit,
                 .prepare = prepare_warp},
                {.name = "gpu",
                 .classes = CLM_GPU,
                 .tunable = {{"WIDTH", 4, {1, 4}, NULL}, {"GROUP", 64, {32, 64, 128}, NULL}},
                 .misfit = clm_attention_gpu_misfit,
                 .prepare = prepare_gpu},
                {.name = "plain", .classes = CLM_ANY_DEVICE, .prepare = prepare_plain}},
    .grad = grad,
    .reference = reference,
    .cost = cost,
    .suspect = 2e-6,
    .wrong = 2e-5,
    .example = example,
    .bench = bench,
};

const clm_op *const clm_ops_edge_attention[] = {&edge_attention, &clm_edge_attention_backward,
                                                NULL};
