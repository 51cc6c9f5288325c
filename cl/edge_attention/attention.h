/* What the forward and the backward operator of edge_attention share. */
#ifndef CLM_CL_EDGE_ATTENTION_ATTENTION_H
#define CLM_CL_EDGE_ATTENTION_ATTENTION_H

#include "cl/edge_attention/edge_attention.h"
#include "op/lanes.h"

extern const clm_source clm_source_edge_attention, clm_source_edge_attention_cpu,
    clm_source_edge_attention_cpu_backward, clm_source_edge_attention_warp,
    clm_source_edge_attention_warp_backward;
extern const clm_op clm_edge_attention_backward;

typedef struct clm_attention {
    int64_t n, s, m, q, d, h; /* targets, source rows, edges, segments, width, heads */
} clm_attention;

clm_attention clm_attention_sizes(const clm_call *call);

/* Why the variants cpu and gpu cannot compute a call; null when they can. */
const char *clm_attention_cpu_misfit(const clm_call *call, const clm_device *device);
const char *clm_attention_gpu_misfit(const clm_call *call, const clm_device *device);

/* A build of the kernels. */
typedef struct clm_attention_build {
    char options[128];
    size_t targets, sources; /* work-items in the work-group of a target, and of a source row */
    int vectors;             /* of a row */
} clm_attention_build;

/* For vectors of at most `width` lanes: edge_attention_cpu.cl, and edge_attention.cl with
 * work-groups of about `group` work-items, or without them when `group` is 0. */
clm_attention_build clm_attention_build_cpu(const clm_call *call, bool alpha, int width);
clm_attention_build clm_attention_build_any(const clm_call *call, bool alpha, int width, int group);

/* The variants warp, in work-groups of CLM_ATTENTION_ITEMS: one warp of 32 for each target, or source
 * row. */
enum { CLM_ATTENTION_ITEMS = 128 };
const char *clm_attention_warp_misfit(const clm_call *call, const clm_device *device);
clm_attention_build clm_attention_build_warp(const clm_plan *plan, const clm_call *call,
                                             bool alpha);

/* Structure of an example, at the operands' places in the forward call. */
typedef struct clm_attention_places {
    int segment_ptr, edge_ptr, source, source_ptr, source_edge, source_target;
} clm_attention_places;

/* Fills in the structure of example `index` of both operators; false when there are no more. */
bool clm_attention_example(clm_example *example, int index, const clm_attention_places *at,
                           clm_attention *sizes);

#endif
