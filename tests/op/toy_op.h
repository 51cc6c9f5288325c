/* An operator for tests of what chooses among variants and tunables, in place of the registry of
 * the build: y = 2 x, slow by ROUNDS of the identity. KIND says how it goes wrong. */
#ifndef CLM_TESTS_TOY_OP_H
#define CLM_TESTS_TOY_OP_H

#include "op/plan.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    TOY_RIGHT = 1,
    TOY_WRONG,      /* fast, and off by a thousandth where N is larger than in any example */
    TOY_WRONG_TAIL, /* fast, and right where N is a multiple of 4 */
    TOY_NO_BUILD,
    TOY_ENDS, /* the process ends while it is built, when `toy_dangerous` */
};

static bool toy_dangerous; /* drivers that crash are tried in processes of their own */

static const clm_source toy_source = {
    "toy_op",
    "#if KIND == 4\n"
    "#error does not build\n"
    "#endif\n"
    "__kernel void toy_double(__global const float *RST x, __global float *RST y, float one,\n"
    "                         float zero, int n)\n"
    "{\n"
    "    const int i = get_global_id(0);\n"
    "    float z = x[i < n ? i : 0];\n"
    "    for (int r = 0; r < 16 * ROUNDS && KIND == 1; r++)\n"
    "        z = fma(z, one, zero);\n"
    "    if (i < n && (KIND != 3 || i < n / 4 * 4))\n"
    "        y[i] = KIND == 2 && n > 4096 ? 2.002f * z : 2 * z;\n"
    "}\n",
};

static clm_status toy_prepare(clm_plan *plan, const clm_call *call)
{
    const int64_t n = clm_dim(call, 'N');
    if (clm_tune(plan, "KIND") == TOY_ENDS) {
        if (toy_dangerous) {
            (void)signal(SIGSEGV, SIG_DFL); /* a sanitizer would turn it into an exit */
            (void)raise(SIGSEGV);
        }
        return clm_fail(CLM_ERROR_FAILED, "the driver would have crashed");
    }
    return clm_launch(
        plan, call, "toy_double", "", (clm_range){{clm_round_up(n, 64)}, {64}},
        CLM_ARGS(clm_t(call->arg[0]), clm_t(call->arg[1]), clm_f(1), clm_f(0), clm_i(n)));
}

static void toy_reference(const clm_call *call)
{
    const double *x = clm_f64(call, 0);
    double *y = clm_f64(call, 1);
    for (int64_t i = 0; i < clm_dim(call, 'N'); i++)
        y[i] = 2 * x[i];
}

static clm_cost toy_cost(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N');
    return (clm_cost){.flops = n, .bytes = 8 * n};
}

static bool toy_example(clm_example *example, int index)
{
    static const int64_t n[] = {8, 1, 37, 1021};
    if (index >= (int)(sizeof n / sizeof *n)) return false;
    clm_example_normal(example, 0, 1, CLM_DIMS(n[index]));
    clm_example_out(example, 1, CLM_DIMS(n[index]));
    return true;
}

static const clm_op toy_op = {
    .name = "toy_double",
    .about = "y = 2 x",
    .source = &toy_source,
    .operand = {{"x", CLM_IN, CLM_F32, "N", false, NULL},
                {"y", CLM_OUT, CLM_REAL, "N", false, NULL},
                {"extra", CLM_IN, CLM_F32, "S T", true, NULL}},
    .variant = {{.name = "plain",
                 .classes = CLM_ANY_DEVICE,
                 .tunable = {{"KIND", TOY_RIGHT, {1, 2, 3, 4, 5}, NULL},
                             {"ROUNDS", 64, {64, 16, 4}, NULL}},
                 .prepare = toy_prepare}},
    .reference = toy_reference,
    .cost = toy_cost,
    .suspect = 1e-6,
    .wrong = 1e-5,
    .example = toy_example,
};

const clm_op *const clm_ops_toy[] = {&toy_op, NULL};
extern const clm_op *const *const clm_op_folders[];
const clm_op *const *const clm_op_folders[] = {clm_ops_toy, NULL};

#endif
