/* What the forward and the backward operators of gated_norm share. */
#ifndef CLM_CL_GATED_NORM_INTERNAL_H
#define CLM_CL_GATED_NORM_INTERNAL_H

#include "cl/batch_norm/internal.h"
#include "cl/gated_norm/gated_norm.h"

extern const clm_op clm_op_gated_norm_backward;
extern const clm_source clm_source_gated_norm, clm_source_batch_norm_cpu_gated;

enum { SCALE, FIRST, EXPERTS }; /* attributes of all of them */

/* Operands of all of them; each has its own behind these. */
enum { V, W, B, GATE, TOPK, LIVE, OWN };
enum { MEAN_ESTIMATE = OWN, VARIANCE_ESTIMATE, Y, MEAN, RSTD, PARTIAL }; /* forward, in training */

/* clang-format off */
#define CLM_GATED_NORM_OPERANDS                                                                    \
    {"v", CLM_IN, CLM_REAL, "N C", false, NULL}, {"w", CLM_IN, CLM_F32, "P", false, NULL},         \
    {"b", CLM_IN, CLM_F32, "P", false, NULL}, {"gate", CLM_IN, CLM_F32, "N K", false, NULL},       \
    {"topk", CLM_IN, CLM_I32, "N K", true, NULL}, {"live", CLM_IN, CLM_I32, "2", false, NULL}
/* clang-format on */

/* Options of the kernels but those of the norm, which are `more`. */
void clm_gated_norm_options(const clm_call *call, bool evaluate, char text[160], const char *more);

/* Columns of v as one norm over the live rows. */
clm_norm_launch clm_gated_norm_launch(const clm_call *call);

/* Options and range of the variant cpu: the norm's, with vectors that an expert's columns hold. */
clm_range clm_gated_norm_parts(const clm_plan *plan, const clm_call *call, bool evaluate,
                               char text[160]);

/* Choice j of a node within v; below 0: v does not have it. */
int64_t clm_gated_norm_expert(const clm_call *call, int64_t n, int64_t j);

/* Operands V to LIVE of example `index`; false when there are no more. */
bool clm_gated_norm_example(clm_example *e, int index);

/* Records the backward pass of a forward call. */
void clm_gated_norm_grad(clm_tape *tape, const clm_call *call);

#endif
