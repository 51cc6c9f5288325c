/* What gate_balance and its backward operator share. */
#ifndef CLM_CL_GATE_BALANCE_INTERNAL_H
#define CLM_CL_GATE_BALANCE_INTERNAL_H

#include "cl/gate_balance/gate_balance.h"
#include "op/lanes.h"
#include "op/vector.h"

extern const clm_op clm_op_gate_balance_backward;
extern const clm_source clm_source_gate_balance;

/* Operands forward. */
enum { CLEAN, RAW, LOGITS, TOPK, GATE, LIVE, BALANCE, IMPORTANCE, LOAD, PARTIAL };

/* clang-format off */
#define CLM_GATE_BALANCE_VARIANTS(prepare)                                                         \
    {{"cpu", CLM_CPU, 0, {{"VEC", 16, {4, 8, 16}, clm_pick_lanes}, CLM_LANES(1, 1),                \
                          {"ROWS_OF_JOB", 1024, {256, 1024}, NULL}}, NULL, prepare},               \
     {"gpu", CLM_GPU, 0, {CLM_VEC(1), CLM_LANES(32, 32, 64),                                       \
                          {"ROWS_OF_JOB", 4, {4, 8, 16}, NULL}}, NULL, prepare},                   \
     {"plain", CLM_ANY_DEVICE, 0, {CLM_VEC(1), CLM_LANES(1, 1),                                    \
                                   {"ROWS_OF_JOB", 64, {64}, NULL}}, NULL, prepare}}
/* clang-format on */

/* Squared coefficient of variation of x [n], and the moments that it is made of. */
double clm_cv2(const double *x, int64_t n, double *mean, double *variance);

/* What decides about expert e of a row: (clean - threshold) / size, and where the threshold is. */
double clm_gate_margin(const double *clean, const double *raw, const double *logits,
                       int64_t experts, const int32_t *topk, int64_t k, int64_t e, double *size,
                       int64_t *threshold);

/* Jobs of a launch and rows of each. */
void clm_gate_balance_cut(const clm_plan *plan, const clm_call *call, int64_t *jobs,
                          int64_t *block);

/* Options of the kernels; `clean` null: they count. */
const char *clm_gate_balance_option(char text[64], const clm_call *call, const clm_tensor *clean,
                                    int64_t experts);

/* An example's sizes, and logits that prefer some experts, the best of each row and their gates. */
typedef struct clm_gate_example {
    int64_t n, experts, k;
    int32_t live; /* below 0: not given */
    bool counts;
    float *logits, *gate;
    int32_t *topk;
} clm_gate_example;

/* False when there are no more. */
bool clm_gate_balance_example(clm_example *e, int index, clm_gate_example *to);

/* Records the backward pass of a forward call. */
void clm_gate_balance_grad(clm_tape *tape, const clm_call *call);

#endif
