/* Operator: data plus a few functions; the tape, verification, benchmarks and tests loop over them.
 *
 * Folder cl/<op>/ holds one operator and its backward passes: <op>.cl the kernels, <op>.h the
 * functions that record it on a tape, with the docstring, and <op>.c all the host must know, ending
 * in the list that the build collects:
 *
 *     const clm_op *const clm_ops_<op>[] = {&layer_norm, &layer_norm_backward, NULL};
 *
 * Dimensions have one letter everywhere; in code the lower-case letter is the variable:
 *
 *   N  nodes (rows)              D  hidden width
 *   M  edges                     F  input features
 *   T  node types                H  attention heads
 *   R  relations (edge types)    E  experts
 *   B  graphs, edges in a batch  K  experts per node (top-k)
 *   C  classes or tasks          L  layers
 *   W  expert inner width        G  groups of a grouped GEMM
 */
#ifndef CLM_OP_OP_H
#define CLM_OP_OP_H

#include "ocl/clblast.h"
#include "op/tensor.h"

#include <stdbool.h>

enum { CLM_OPERANDS = 20, CLM_ATTRIBUTES = 8, CLM_TUNABLES = 6, CLM_VARIANTS = 10 };

typedef struct clm_op clm_op;
typedef struct clm_tape clm_tape;
typedef struct clm_plan clm_plan;
typedef struct clm_example clm_example;
typedef struct clm_workload clm_workload; /* nn/workload.h */

typedef enum clm_role {
    CLM_IN,
    CLM_OUT,
    CLM_INOUT,   /* updated in place: Adam's parameters and moments */
    CLM_SCRATCH, /* an output that nobody reads: the reference leaves it alone */
} clm_role;

/* One operand. `shape` names its dimensions in the letters above, separated by blanks, each with an
 * optional "+1" ("N D", "G+1", "1"); equal letters must agree within a call, which recording
 * checks. Further letters may be used freely within one operator.
 *
 * Operands of type CLM_REAL hold what there is much of, rows and gradients of rows; statistics,
 * logits, parameters and their gradients are CLM_F32. Docstrings call the former `real` and state
 * costs in f32; kernels read and write it by the conversions of cl/common.clh, which clm_launch
 * tells the type. */
typedef struct clm_operand {
    const char *name;
    clm_role role;
    clm_type type;
    const char *shape;
    bool optional;
    const char
        *reuses; /* name of an input whose storage this output may take when that input is not
                           used later: only where element i is read before element i is written, by
                           the same work-item */
} clm_operand;

/* One use of an operator: its operands (null: absent) and attributes (integers are exact). */
typedef struct clm_call {
    const clm_op *op;
    clm_tensor *arg[CLM_OPERANDS];
    double attribute[CLM_ATTRIBUTES];
    /* A function that records several calls may know a better backward pass than the sum of its
     * parts: it gives its last call this function and what that needs, the others clm_no_grad.
     * Null: op->grad. */
    void (*grad)(clm_tape *tape, const struct clm_call *call);
    const void *composite;
} clm_call;

void clm_no_grad(clm_tape *tape, const clm_call *call);

/* Size of the dimension that `letter` names in this call; 0 when no present operand has it. */
int64_t clm_dim(const clm_call *call, char letter);

/* Type of the call's CLM_REAL operands; CLM_F32 when it has none. */
clm_type clm_call_real(const clm_call *call);
/* Bytes of one of their elements, for costs. */
static inline double clm_real_bytes(const clm_call *call)
{
    return (double)clm_type_bytes(clm_call_real(call));
}

/* Host storage of an operand, for references: doubles, integers; null when absent. */
double *clm_f64(const clm_call *call, int operand);
int32_t *clm_i32(const clm_call *call, int operand);

typedef struct clm_cost {
    double flops; /* useful floating-point operations; an exp, erf or division counts 1 */
    double bytes; /* compulsory traffic: every input read once, every output written once */
    double exps;  /* those of the flops that are an exp, or hold one as GELU does */
} clm_cost;

/* A compile-time number of a kernel: becomes -D<name>=<value>. */
typedef struct clm_tunable {
    const char *name;
    int value;     /* the default */
    int choice[8]; /* the range `tune` searches, ends with 0 */
    int (*pick)(const clm_device *device,
                const clm_call *call); /* default by device, 0: off, which no search changes; null:
                                          value */
} clm_tunable;

/* Beside the classes of a variant: a vendor's library computes it, and it is taken only where it is
 * asked for, by its name or by the lane vendor. */
enum { CLM_LIBRARY = 8 };

/* A way to compute an operator. The first variant whose classes contain the device's, whose
 * features it has and that fits the call is the default; the last variant of every operator runs
 * on any OpenCL 1.2 device (classes = CLM_ANY_DEVICE, no features, no fits). */
typedef struct clm_variant {
    const char *name; /* cpu, gpu, plain */
    int classes;      /* CLM_CPU | ...: devices for which it is meant; verify runs it on all */
    uint32_t features;
    clm_tunable tunable[CLM_TUNABLES]; /* ends with a null name */
    /* Null when it fits; else why it cannot compute this call here ("D/H > 128"). May be null. */
    const char *(*misfit)(const clm_call *call, const clm_device *device);
    /* Adds the launches that compute `call` to the plan. */
    clm_status (*prepare)(clm_plan *plan, const clm_call *call);
    /* Where a device lacks the features, the kernels emulate them: right and slow, for verify. */
    bool emulates;
    /* Tolerance of a variant that rounds more than the operator allows; 0: the operator's. Such a
     * one is never the default, but has to be asked for. */
    double suspect, wrong;
    const char *precision; /* of its products on matrix units: tf32, bf16; null: the operands' */
} clm_variant;

struct clm_op {
    const char *name;  /* edge_attention, edge_attention_backward */
    const char *about; /* one line */
    const char *paper; /* paper and equation; null: common knowledge */
    const clm_source *source;
    clm_operand operand[CLM_OPERANDS];     /* ends with a null name */
    const char *attribute[CLM_ATTRIBUTES]; /* their names */
    clm_variant variant[CLM_VARIANTS];     /* ends with a null name */
    /* Records the operators of the backward pass. Null: nothing flows back. */
    void (*grad)(clm_tape *tape, const clm_call *call);
    void (*reference)(const clm_call *call); /* the obvious loop in double */
    clm_cost (*cost)(const clm_call *call);
    /* Relative error norm(got - expected) / norm(expected) per output, in f32; stored in a lower
     * type its rounding is allowed besides (op/verify.h). */
    double suspect, wrong;
    /* Fills in example `index` (operands by the clm_example_ functions, attributes); false when
     * there are no more. The first few are tiny (they run on an interpreter too); together they
     * cover the sizes that break kernels: 1, a prime, one over a tile, empty groups, isolated
     * nodes, one expert taking everything. */
    bool (*example)(clm_example *example, int index);
    /* Records the operator at a workload, for measuring and tuning: inputs that ask for their
     * gradients, results kept. Null: another operator's bench or backward pass reaches it. */
    void (*bench)(clm_tape *tape, const clm_workload *workload);
};

/* All operators, in the order of their folders; null past the end. */
const clm_op *clm_op_at(size_t index);

/* --- for `prepare` ------------------------------------------------------------------------- */

/* Value of a tunable of the variant being prepared. */
int clm_tune(const clm_plan *plan, const char *name);
const clm_device *clm_plan_device(const clm_plan *plan);

/* One kernel argument: clm_t(tensor or null), clm_i(int32), clm_f(float), clm_l(local bytes). */
typedef struct clm_arg {
    enum { CLM_ARG_TENSOR, CLM_ARG_I32, CLM_ARG_F32, CLM_ARG_LOCAL } what;
    const clm_tensor *tensor;
    int32_t i;
    float f;
    size_t bytes;
} clm_arg;

static inline clm_arg clm_t(const clm_tensor *t)
{
    return (clm_arg){.what = CLM_ARG_TENSOR, .tensor = t};
}
static inline clm_arg clm_i(int64_t i) { return (clm_arg){.what = CLM_ARG_I32, .i = (int32_t)i}; }
static inline clm_arg clm_f(double f) { return (clm_arg){.what = CLM_ARG_F32, .f = (float)f}; }
static inline clm_arg clm_l(size_t bytes)
{
    return (clm_arg){.what = CLM_ARG_LOCAL, .bytes = bytes};
}

/* Adds one launch: kernel `name` of the operator's source, built with the variant's tunables and
 * `options` (formatted by the caller, "" for none, e.g. "-DHAS_BIAS=1 -DHEADS=4"; single letters
 * may be names in Philox), over `range`, with the arguments in order. Usage:
 *   return clm_launch(plan, call, "add_f32", "", (clm_range){{n}, {64}}, CLM_ARGS(clm_t(a), clm_i(n)));
 */
#define CLM_ARGS(...)                                                                              \
    (const clm_arg[]){__VA_ARGS__}, sizeof((const clm_arg[]){__VA_ARGS__}) / sizeof(clm_arg)
clm_status clm_launch(clm_plan *plan, const clm_call *call, const char *name, const char *options,
                      clm_range range, const clm_arg *args, size_t count);
/* The same for an operator whose variants have files of their own (cl/<op>/<source>.cl). */
clm_status clm_launch_from(clm_plan *plan, const clm_source *source, const char *name,
                           const char *options, clm_range range, const clm_arg *args, size_t count);

/* Adds a product by the library CLBlast. CLM_SKIP with the reason when it cannot be used. */
clm_status clm_launch_sgemm(clm_plan *plan, const clm_sgemm *gemm);

/* Smallest multiple of `step` that is >= n. */
static inline size_t clm_round_up(int64_t n, size_t step)
{
    return ((size_t)n + step - 1) / step * step;
}

/* --- for `example` ------------------------------------------------------------------------- */

/* The call being filled in; set `attribute` directly. */
clm_call *clm_example_call(clm_example *example);
/* Operand of standard normal numbers times `scale`, of the given shape; the same for every
 * device. */
void clm_example_normal(clm_example *example, int operand, double scale, int rank,
                        const int64_t *dim);
/* Operand with the given values (copied). */
void clm_example_f32(clm_example *example, int operand, const float *value, int rank,
                     const int64_t *dim);
void clm_example_i32(clm_example *example, int operand, const int32_t *value, int rank,
                     const int64_t *dim);
/* Operand of uniform integers in [0, bound). */
void clm_example_below(clm_example *example, int operand, int32_t bound, int rank,
                       const int64_t *dim);
/* Operand of uniform row numbers in [0, bound), now and then -1: none. */
void clm_example_rows(clm_example *example, int operand, int32_t bound, int rank,
                      const int64_t *dim);
/* An output or scratch operand: filled with NaN (integers: 0x7fc00000) before the run. */
void clm_example_out(clm_example *example, int operand, int rank, const int64_t *dim);
/* Random words for building index structures: uniform in [0, bound). */
int32_t clm_example_random(clm_example *example, int32_t bound);
/* Scratch memory for building values, freed with the example. */
void *clm_example_memory(clm_example *example, size_t bytes);
/* Dimensions as a literal: clm_example_normal(e, X, 1, CLM_DIMS(n, d)). */
#define CLM_DIMS(...)                                                                              \
    (int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[])             \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

#endif
