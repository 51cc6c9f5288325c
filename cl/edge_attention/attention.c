#include "cl/edge_attention/attention.h"

#include <stdio.h>

enum { WARP = 32, LEAST_LOCAL = 32 << 10 }; /* of the variants warp */

clm_attention clm_attention_sizes(const clm_call *call)
{
    return (clm_attention){clm_dim(call, 'N'), clm_dim(call, 'S'), clm_dim(call, 'M'),
                           clm_dim(call, 'Q'), clm_dim(call, 'D'), clm_dim(call, 'H')};
}

static bool power_of_two(int64_t x) { return x > 0 && (x & (x - 1)) == 0; }

/* The widest vector of at most `lanes` lanes that is filled by whole rows and holds all heads, the
 * columns of at most four of them; 0: there is none. */
static int cpu_width(const clm_attention *a, int lanes)
{
    const int64_t c = a->d / a->h;
    for (int vec = lanes; vec >= 4; vec /= 2)
        if (a->d % vec == 0 && a->h <= vec && 4 * c >= vec) return vec;
    return 0;
}

const char *clm_attention_cpu_misfit(const clm_call *call, const clm_device *device)
{
    const clm_attention a = clm_attention_sizes(call);
    if (!power_of_two(a.h) || !power_of_two(a.d / a.h))
        return "heads or their width are no powers of two";
    if (a.d / a.h > 128) return "heads are wider than 128";
    return cpu_width(&a, clm_pick_lanes(device, call)) ? NULL : "more heads than vector lanes";
}

enum { MOST_GROUP = 256, MOST_LOCAL_FLOATS = 4096 };

const char *clm_attention_gpu_misfit(const clm_call *call, const clm_device *device)
{
    (void)device;
    const clm_attention a = clm_attention_sizes(call);
    if (a.h > MOST_GROUP) return "more than 256 heads";
    return a.d / clm_cut_row(a.d / a.h, 4, 1).vec > MOST_GROUP ? "rows of more than 256 vectors"
                                                               : NULL;
}

clm_attention_build clm_attention_build_cpu(const clm_call *call, bool alpha, int width)
{
    const clm_attention a = clm_attention_sizes(call);
    int vec =
        0; /* as asked for, or as wide as the heads need: the misfit says that some width is */
    for (int lanes = width; vec == 0 && lanes <= 16; lanes *= 2)
        vec = cpu_width(&a, lanes);
    clm_attention_build b = {.targets = 1, .sources = 1, .vectors = (int)a.d / vec};
    snprintf(b.options, sizeof b.options, "-DD=%d -DHEADS=%d -DVEC=%d -DHAS_ALPHA=%d", (int)a.d,
             (int)a.h, vec, alpha);
    return b;
}

static int64_t between(int64_t low, int64_t x, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

clm_attention_build clm_attention_build_any(const clm_call *call, bool alpha, int width, int group)
{
    const clm_attention a = clm_attention_sizes(call);
    const int vec = clm_cut_row(a.d / a.h, width, 1).vec;
    clm_attention_build b = {.targets = 1, .sources = 1, .vectors = (int)a.d / vec};
    int used = snprintf(b.options, sizeof b.options, "-DD=%d -DHEADS=%d -DVEC=%d -DHAS_ALPHA=%d",
                        (int)a.d, (int)a.h, vec, alpha);
    if (group == 0) return b;
    const int64_t slots = between(1, group / a.h, between(1, MOST_LOCAL_FLOATS / a.d, MOST_GROUP));
    const int64_t row_slots = between(1, group / b.vectors, MOST_GROUP);
    b.targets = (size_t)(slots * a.h);
    b.sources = (size_t)(row_slots * b.vectors);
    snprintf(b.options + used, sizeof b.options - (size_t)used,
             " -DSLOTS=%d -DCOLUMNS=%d -DROW_SLOTS=%d", (int)slots,
             (int)((a.d + slots * a.h - 1) / (slots * a.h)), (int)row_slots);
    return b;
}

/* Every lane has D / 32 columns of one head. */
const char *clm_attention_warp_misfit(const clm_call *call, const clm_device *device)
{
    const clm_attention a = clm_attention_sizes(call);
    const int64_t own = a.d / WARP;
    const bool emulated = (device->features & CLM_FEATURE_SHUFFLE) == 0;
    if (emulated && (device->quirks & CLM_QUIRK_BARRIER_LOOPS) != 0)
        return "emulated, and barriers in nested loops go wrong";
    if (a.h > WARP || !power_of_two(a.h)) return "H is no power of two, or above 32";
    if (a.d % WARP != 0 || own > 16 || !power_of_two(own))
        return "D is not 32, 64, 128, 256 or 512";
    if (device->max_work_group < CLM_ATTENTION_ITEMS) return "work-groups of 128 are too large";
    return device->local_bytes < LEAST_LOCAL ? "less than 32 KiB of local memory" : NULL;
}

clm_attention_build clm_attention_build_warp(const clm_plan *plan, const clm_call *call, bool alpha)
{
    const clm_attention a = clm_attention_sizes(call);
    const bool ptx = (clm_plan_device(plan)->features & CLM_FEATURE_SHUFFLE) != 0;
    clm_attention_build b = {.targets = CLM_ATTENTION_ITEMS};
    snprintf(b.options, sizeof b.options, "-DMMA=%d -DD=%d -DHEADS=%d -DVEC=%d -DHAS_ALPHA=%d%s",
             CLM_ATTENTION_ITEMS, (int)a.d, (int)a.h, a.d >= 4 * WARP ? 4 : 1, alpha,
             ptx ? " -DPTX" : "");
    return b;
}

/* Segments of 0 .. 2 * mean edges with random sources: hub 1: all edges in one segment, hub 2: all
 * from one source row. */
static void edges_example(clm_example *example, const clm_attention_places *at, clm_attention *a,
                          int relations, int mean, int hub)
{
    int32_t *segment_ptr = clm_example_memory(example, (size_t)(a->n + 1) * 4);
    const int64_t most_segments = a->n * relations, most = most_segments * 2 * mean + 1;
    int32_t *edge_ptr = clm_example_memory(example, (size_t)(most_segments + 1) * 4);
    int32_t *target = clm_example_memory(example, (size_t)most * 4);
    int32_t *source = clm_example_memory(example, (size_t)most * 4);
    int32_t *source_ptr = clm_example_memory(example, (size_t)(a->s + 2) * 4);
    int32_t *source_edge = clm_example_memory(example, (size_t)most * 4);
    int32_t *source_target = clm_example_memory(example, (size_t)most * 4);
    int32_t q = 0, m = 0;
    for (int64_t n = 0; n < a->n; n++) {
        segment_ptr[n] = q;
        const int32_t segments = relations == 1 ? 1 : clm_example_random(example, relations + 1);
        for (int32_t g = 0; g < segments; g++) {
            edge_ptr[q++] = m;
            int32_t edges = clm_example_random(example, 2 * mean + 1);
            if (hub == 1) edges = n == a->n / 2 ? (int32_t)(a->n * mean) : 0;
            for (int32_t i = 0; i < edges; i++) {
                target[m] = (int32_t)n;
                source[m] =
                    hub == 2 ? (int32_t)a->s - 1 : clm_example_random(example, (int32_t)a->s);
                source_ptr[source[m++] + 2]++;
            }
        }
    }
    segment_ptr[a->n] = q;
    edge_ptr[q] = m;
    for (int64_t s = 2; s <= a->s; s++)
        source_ptr[s] += source_ptr[s - 1]; /* source_ptr[s + 1]: where row s goes on */
    for (int32_t e = 0; e < m; e++) {
        const int32_t i = source_ptr[source[e] + 1]++;
        source_edge[i] = e;
        source_target[i] = target[e];
    }
    a->q = q;
    a->m = m;
    clm_example_i32(example, at->segment_ptr, segment_ptr, CLM_DIMS(a->n + 1));
    clm_example_i32(example, at->edge_ptr, edge_ptr, CLM_DIMS(q + 1));
    clm_example_i32(example, at->source, source, CLM_DIMS(m));
    clm_example_i32(example, at->source_ptr, source_ptr, CLM_DIMS(a->s + 1));
    clm_example_i32(example, at->source_edge, source_edge, CLM_DIMS(m));
    clm_example_i32(example, at->source_target, source_target, CLM_DIMS(m));
}

bool clm_attention_example(clm_example *example, int index, const clm_attention_places *at,
                           clm_attention *sizes)
{
    static const struct {
        int64_t n, s, d, h;
        int relations, mean, hub;
    } size[] = {
        {3, 4, 4, 1, 1, 2, 0},       {5, 3, 16, 4, 3, 1, 0},     {4, 6, 24, 3, 2, 2, 0},
        {1, 1, 64, 4, 1, 1, 1},      {211, 101, 64, 4, 1, 3, 0}, {67, 89, 64, 4, 3, 4, 0},
        {83, 50, 64, 4, 1, 3, 1},    {83, 50, 64, 4, 1, 3, 2},   {97, 64, 128, 8, 1, 9, 0},
        {33, 31, 64, 4, 1, 40, 0},   {40, 31, 64, 8, 2, 5, 0},   {40, 31, 64, 1, 1, 5, 0},
        {700, 300, 256, 4, 1, 2, 0}, {40, 31, 150, 3, 2, 5, 0},  {40, 31, 64, 16, 1, 5, 0},
    };
    if (index >= (int)(sizeof size / sizeof *size)) return false;
    *sizes = (clm_attention){
        .n = size[index].n, .s = size[index].s, .d = size[index].d, .h = size[index].h};
    edges_example(example, at, sizes, size[index].relations, size[index].mean, size[index].hub);
    return true;
}
