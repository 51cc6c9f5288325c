/* What the forward and the backward operator of edge_attention share. */
#ifndef CLM_CL_EDGE_ATTENTION_ATTENTION_H
#define CLM_CL_EDGE_ATTENTION_ATTENTION_H

#include "cl/edge_attention/edge_attention.h"
#include "op/lanes.h"

extern const clm_source clm_source_edge_attention;
extern const clm_op clm_edge_attention_backward;

typedef struct clm_attention {
    int64_t n, s, m, q, d, h; /* targets, source rows, edges, segments, width, heads */
} clm_attention;

clm_attention clm_attention_sizes(const clm_call *call);

/* Why the variant cpu cannot compute a call; null when it can. */
const char *clm_attention_misfit(const clm_call *call, const clm_device *device);

/* Options of a build for vectors of at most `lanes` lanes: with `cpu` such that heads fill vectors,
 * otherwise such that vectors divide heads; alpha wanted or not. Returns the vector width. */
int clm_attention_options(const clm_call *call, bool cpu, bool with_alpha, int lanes, char *text,
                          size_t size);

/* Structure of an example, at the operands' places in the forward call. */
typedef struct clm_attention_places {
    int segment_ptr, edge_ptr, source, target, source_ptr, source_edge;
} clm_attention_places;

/* Fills in the structure of example `index` of both operators; false when there are no more. */
bool clm_attention_example(clm_example *example, int index, const clm_attention_places *at,
                           clm_attention *sizes);

#endif
