#include "cl/edge_mean/edge_mean.h"

#include "nn/workload.h"
#include "op/vector.h"

extern const clm_source clm_source_edge_mean;
static const clm_op edge_mean;

enum { ROW_PTR, DST, FACTOR, T_FACTOR };

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    const int64_t n = clm_dim(call, 'N');
    clm_tensor *const *x = call->arg;
    CLM_TRY(clm_launch(plan, call, "edge_mean_f32", "", clm_vector_range(n, 1),
                       CLM_ARGS(clm_t(x[ROW_PTR]), clm_i(n), clm_t(x[FACTOR]))));
    if (!x[DST]) return CLM_OK;
    return clm_launch(plan, call, "edge_mean_source_f32", "",
                      clm_vector_range(clm_dim(call, 'M'), 1),
                      CLM_ARGS(clm_t(x[ROW_PTR]), clm_t(x[DST]), clm_i(n), clm_t(x[T_FACTOR])));
}

static void reference(const clm_call *call)
{
    const int32_t *row_ptr = clm_i32(call, ROW_PTR), *dst = clm_i32(call, DST);
    const int64_t n = clm_dim(call, 'N');
    for (int64_t i = 0; i < n; i++)
        for (int32_t e = row_ptr[i]; e < row_ptr[i + 1]; e++)
            clm_f64(call, FACTOR)[e] = 1.0 / (row_ptr[i + 1] - row_ptr[i]);
    for (int32_t e = 0; dst && e < row_ptr[n]; e++)
        clm_f64(call, T_FACTOR)[e] = 1.0 / (row_ptr[dst[e] + 1] - row_ptr[dst[e]]);
}

static clm_cost cost(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N'), m = (double)clm_dim(call, 'M');
    const bool both = call->arg[DST] != NULL;
    return (clm_cost){.flops = (both ? 2 : 1) * m, .bytes = 4 * (n + (both ? 3 : 1) * m)};
}

static bool example(clm_example *e, int index)
{
    static const struct {
        int64_t nodes;
        int mean; /* in-edges */
        bool both, spare;
    } item[] = {{1, 1, true, false},  {5, 2, true, true},    {13, 0, true, true},
                {65, 3, false, true}, {1021, 4, true, true}, {20000, 5, true, false}};
    if (index >= (int)(sizeof item / sizeof *item)) return false;
    const int64_t n = item[index].nodes;
    int32_t *row_ptr = clm_example_memory(e, (size_t)(n + 1) * sizeof *row_ptr);
    for (int64_t i = 0; i < n; i++)
        row_ptr[i + 1] = row_ptr[i] + clm_example_random(e, 2 * item[index].mean + 1);
    const int32_t live = row_ptr[n], edges = live + (item[index].spare || live == 0 ? 7 : 0);
    int32_t *dst = clm_example_memory(e, (size_t)edges * sizeof *dst);
    for (int64_t i = 0; i < n; i++)
        for (int32_t at = row_ptr[i]; at < row_ptr[i + 1]; at++)
            dst[at] = (int32_t)i;
    for (int32_t i = live - 1; i > 0; i--) { /* any order will do */
        const int32_t j = clm_example_random(e, i + 1), kept = dst[i];
        dst[i] = dst[j];
        dst[j] = kept;
    }
    for (int32_t i = live; i < edges; i++)
        dst[i] = INT32_MAX; /* reading a row of it would be seen */
    clm_example_i32(e, ROW_PTR, row_ptr, CLM_DIMS(n + 1));
    clm_example_out(e, FACTOR, CLM_DIMS(edges));
    if (!item[index].both) return true;
    clm_example_i32(e, DST, dst, CLM_DIMS(edges));
    clm_example_out(e, T_FACTOR, CLM_DIMS(edges));
    return true;
}

static const clm_op edge_mean = {
    .name = "edge_mean",
    .about = "factors that make a sum over in-edges their mean",
    .source = &clm_source_edge_mean,
    .operand = {{"row_ptr", CLM_IN, CLM_I32, "N+1", false, NULL},
                {"dst", CLM_IN, CLM_I32, "M", true, NULL},
                {"factor", CLM_OUT, CLM_F32, "M", false, NULL},
                {"t_factor", CLM_OUT, CLM_F32, "M", true, NULL}},
    .variant = {{.name = "plain", .classes = CLM_ANY_DEVICE, .prepare = prepare}},
    .grad = clm_no_grad,
    .reference = reference,
    .cost = cost,
    .suspect = 2e-7,
    .wrong = 1e-6,
    .example = example,
};

const clm_op *const clm_ops_edge_mean[] = {&edge_mean, NULL};

clm_tensor *clm_edge_mean(clm_tape *tape, clm_tensor *row_ptr, clm_tensor *dst, int64_t edges,
                          clm_tensor **t_factor)
{
    if (!row_ptr) return NULL;
    clm_call call = {.op = &edge_mean, .arg = {row_ptr, dst}};
    call.arg[FACTOR] = clm_activation(tape, "edge_mean", CLM_F32, CLM_DIMS(edges));
    if (dst) call.arg[T_FACTOR] = clm_activation(tape, "edge_mean back", CLM_F32, CLM_DIMS(edges));
    clm_record(tape, &call);
    if (t_factor) *t_factor = call.arg[T_FACTOR];
    return call.arg[FACTOR];
}
