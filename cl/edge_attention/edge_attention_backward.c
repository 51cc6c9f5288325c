/* The gradient of edge_attention in queries, keys and values. */
#include "cl/edge_attention/attention.h"

#include <math.h>

enum {
    QUERY,
    KV,
    DOUT,
    LSE,
    SEGMENT_PTR,
    EDGE_PTR,
    SOURCE,
    SOURCE_PTR,
    SOURCE_EDGE,
    SOURCE_TARGET,
    DQUERY,
    DKV,
    PD
};

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static void reference(const clm_call *call)
{
    const clm_attention a = clm_attention_sizes(call);
    const int32_t *segment_ptr = clm_i32(call, SEGMENT_PTR), *edge_ptr = clm_i32(call, EDGE_PTR);
    const int32_t *source = clm_i32(call, SOURCE);
    const double *q = clm_f64(call, QUERY), *k = clm_f64(call, KV), *v = k + a.d;
    const double *dout = clm_f64(call, DOUT), *lse = clm_f64(call, LSE);
    double *dq = clm_f64(call, DQUERY), *dk = clm_f64(call, DKV), *dv = dk + a.d;
    const int64_t c = a.d / a.h;
    for (int64_t i = 0; i < a.n * a.d; i++)
        dq[i] = 0;
    for (int64_t i = 0; i < 2 * a.s * a.d; i++)
        dk[i] = 0;
    for (int64_t n = 0; n < a.n; n++)
        for (int64_t at = 0; at < a.d; at += c)
            for (int32_t g = segment_ptr[n]; g < segment_ptr[n + 1]; g++) {
                const int64_t x = n * a.d + at;
                const double norm = lse[g * a.h + at / c];
                double mean = 0;
                for (int32_t e = edge_ptr[g]; e < edge_ptr[g + 1]; e++) {
                    const int64_t y = source[e] * 2 * a.d + at;
                    mean += exp(dot(q + x, k + y, c) - norm) * dot(dout + x, v + y, c);
                }
                for (int32_t e = edge_ptr[g]; e < edge_ptr[g + 1]; e++) {
                    const int64_t y = source[e] * 2 * a.d + at;
                    const double p = exp(dot(q + x, k + y, c) - norm);
                    const double ds = p * (dot(dout + x, v + y, c) - mean);
                    for (int64_t i = 0; i < c; i++) {
                        dq[x + i] += ds * k[y + i];
                        dk[y + i] += ds * q[x + i];
                        dv[y + i] += p * dout[x + i];
                    }
                }
            }
}

static clm_cost cost(const clm_call *call)
{
    const clm_attention a = clm_attention_sizes(call);
    const double n = (double)a.n, s = (double)a.s, m = (double)a.m, q = (double)a.q;
    const double d = (double)a.d, h = (double)a.h;
    return (clm_cost){.flops = m * (10 * d + 8 * h),
                      .exps = m * h,
                      .bytes = (4 * s * d + 3 * n * d) * clm_real_bytes(call) +
                               4 * (3 * m + n + s + q + q * h)};
}

static clm_status launch_targets(clm_plan *plan, const clm_call *call, const clm_source *source,
                                 const char *kernel, const clm_attention_build *build,
                                 clm_range range)
{
    const clm_attention a = clm_attention_sizes(call);
    clm_tensor *const *x = call->arg;
    return clm_launch_from(plan, source, kernel, build->options, range,
                           CLM_ARGS(clm_t(x[QUERY]), clm_t(x[KV]), clm_t(x[DOUT]), clm_t(x[LSE]),
                                    clm_t(x[SEGMENT_PTR]), clm_t(x[EDGE_PTR]), clm_t(x[SOURCE]),
                                    clm_t(x[DQUERY]), clm_t(x[PD]), clm_i(a.n), clm_i(a.m)));
}

static clm_status launch_sources(clm_plan *plan, const clm_call *call, const clm_source *source,
                                 const char *kernel, const clm_attention_build *build,
                                 clm_range range)
{
    const clm_attention a = clm_attention_sizes(call);
    clm_tensor *const *x = call->arg;
    return clm_launch_from(plan, source, kernel, build->options, range,
                           CLM_ARGS(clm_t(x[QUERY]), clm_t(x[DOUT]), clm_t(x[SOURCE_PTR]),
                                    clm_t(x[SOURCE_EDGE]), clm_t(x[SOURCE_TARGET]), clm_t(x[PD]),
                                    clm_t(x[DKV]), clm_i(a.s), clm_i(a.m)));
}

/* The pass by target, then the pass by source row. */
static clm_status launch(clm_plan *plan, const clm_call *call, const clm_source *source,
                         const char *targets_kernel, const char *sources_kernel,
                         const clm_attention_build *build, clm_range targets, clm_range sources)
{
    CLM_TRY(launch_targets(plan, call, source, targets_kernel, build, targets));
    return launch_sources(plan, call, source, sources_kernel, build, sources);
}

static clm_status prepare_cpu(clm_plan *plan, const clm_call *call)
{
    const clm_attention a = clm_attention_sizes(call);
    const clm_attention_build build = clm_attention_build_cpu(call, false, clm_tune(plan, "WIDTH"));
    const size_t work = (size_t)clm_tune(plan, "WORK");
    return launch(plan, call, &clm_source_edge_attention_cpu_backward,
                  "edge_attention_targets_f32_cpu", "edge_attention_sources_f32_cpu", &build,
                  (clm_range){{clm_round_up(a.n + a.m, work) / work}, {1}},
                  (clm_range){{clm_round_up(a.s + a.m, work) / work}, {1}});
}

static clm_status prepare_gpu(clm_plan *plan, const clm_call *call)
{
    const clm_attention a = clm_attention_sizes(call);
    const clm_attention_build build =
        clm_attention_build_any(call, false, clm_tune(plan, "WIDTH"), clm_tune(plan, "GROUP"));
    return launch(plan, call, &clm_source_edge_attention, "edge_attention_targets_f32_gpu",
                  "edge_attention_sources_f32_gpu", &build,
                  (clm_range){{(size_t)a.n * build.targets}, {build.targets}},
                  (clm_range){{(size_t)a.s * build.sources}, {build.sources}});
}

static clm_status prepare_warp(clm_plan *plan, const clm_call *call)
{
    const clm_attention a = clm_attention_sizes(call);
    const clm_attention_build build = clm_attention_build_warp(plan, call, false);
    return launch(plan, call, &clm_source_edge_attention_warp_backward,
                  "edge_attention_targets_f32_warp", "edge_attention_sources_f32_warp", &build,
                  (clm_range){{clm_round_up(a.n * 32, build.targets)}, {build.targets}},
                  (clm_range){{clm_round_up(a.s * 32, build.targets)}, {build.targets}});
}

static clm_status prepare_plain(clm_plan *plan, const clm_call *call)
{
    const clm_attention a = clm_attention_sizes(call);
    const clm_attention_build build = clm_attention_build_any(call, false, 1, 0);
    return launch(plan, call, &clm_source_edge_attention, "edge_attention_targets_f32_plain",
                  "edge_attention_sources_f32_plain", &build,
                  (clm_range){{clm_round_up(a.n * a.h, 32)}, {32}},
                  (clm_range){{clm_round_up(a.s * build.vectors, 32)}, {32}});
}

static bool example(clm_example *example, int index)
{
    const clm_attention_places at = {SEGMENT_PTR, EDGE_PTR,    SOURCE,
                                     SOURCE_PTR,  SOURCE_EDGE, SOURCE_TARGET};
    clm_attention a;
    if (!clm_attention_example(example, index, &at, &a)) return false;
    const double scale = 0.7 / sqrt((double)a.d / (double)a.h);
    clm_example_normal(example, QUERY, scale, CLM_DIMS(a.n, a.d));
    clm_example_normal(example, KV, scale, CLM_DIMS(a.s, 2 * a.d));
    clm_example_normal(example, DOUT, 1, CLM_DIMS(a.n, a.d));
    clm_example_normal(example, LSE, 1, CLM_DIMS(a.q, a.h));
    clm_example_out(example, DQUERY, CLM_DIMS(a.n, a.d));
    clm_example_out(example, DKV, CLM_DIMS(a.s, 2 * a.d));
    clm_example_out(example, PD, CLM_DIMS(a.m, 2, a.h));
    return true;
}

const clm_op clm_edge_attention_backward = {
    .name = "edge_attention_backward",
    .about = "gradient of edge_attention in queries, keys and values",
    .paper = "Hu et al., WWW 2020, eqs. 3-6",
    .source = &clm_source_edge_attention,
    .operand = {{"q", CLM_IN, CLM_REAL, "N D", false, NULL},
                {"kv", CLM_IN, CLM_REAL, "S W", false, NULL},
                {"dout", CLM_IN, CLM_REAL, "N D", false, NULL},
                {"lse", CLM_IN, CLM_F32, "Q H", false, NULL},
                {"segment_ptr", CLM_IN, CLM_I32, "N+1", false, NULL},
                {"edge_ptr", CLM_IN, CLM_I32, "Q+1", false, NULL},
                {"source", CLM_IN, CLM_I32, "M", false, NULL},
                {"source_ptr", CLM_IN, CLM_I32, "S+1", false, NULL},
                {"source_edge", CLM_IN, CLM_I32, "M", false, NULL},
                {"source_target", CLM_IN, CLM_I32, "M", false, NULL},
                {"dq", CLM_OUT, CLM_REAL, "N D", false, NULL},
                {"dkv", CLM_OUT, CLM_REAL, "S W", false, NULL},
                {"pd", CLM_SCRATCH, CLM_F32, "M P H", false, NULL}},
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
    .reference = reference,
    .cost = cost,
    .suspect = 2e-6,
    .wrong = 2e-5,
    .example = example,
};
