#include "cl/grouped_gemm/internal.h"

#include "base/scope.h"
#include "cl/cast/cast.h"
#include "cl/gather_sum/gather_sum.h"
#include "cl/transpose/transpose.h"
#include "nn/workload.h"

#include <math.h>

enum { X, W, BIAS, OFFSETS, GATHER, SCALE, SCALE_INDEX, MULTIPLY, Y, SLOPE }; /* operands */
enum { ACTIVATION };                                                          /* attributes */

extern const clm_source clm_source_grouped_gemm;
static const clm_op grouped_gemm;

/* --- recording --- */

clm_tensor *clm_gemm_call(clm_tape *tape, const clm_gemm *gemm, clm_tensor **slope)
{
    if (slope) *slope = NULL;
    if (!gemm->x || !gemm->w || !gemm->offsets) return NULL;
    const int64_t columns = gemm->w->dim[2];
    const clm_type type = gemm->x->type;
    clm_tensor *w = clm_cast(tape, gemm->w, type);
    clm_tensor *y = clm_activation(tape, "grouped_gemm", type, CLM_DIMS(gemm->rows, columns));
    clm_tensor *kept = NULL;
    if (gemm->gelu && gemm->want_slope)
        kept = clm_activation(tape, "gelu_slope", type, CLM_DIMS(gemm->rows, columns));
    clm_record(tape, &(clm_call){.op = &grouped_gemm,
                                 .arg = {gemm->x, w, gemm->bias, gemm->offsets, gemm->gather,
                                         gemm->scale, gemm->scale_index, gemm->multiply, y, kept},
                                 .attribute = {gemm->gelu},
                                 .grad = clm_no_grad});
    if (slope) *slope = kept;
    return y;
}

static void gradient_of_rows(clm_tape *tape, const clm_call *call, clm_tensor *dy)
{
    const clm_rows *rows = call->composite;
    const clm_gemm back = {.x = dy,
                           .w = clm_transpose(tape, call->arg[W]),
                           .offsets = call->arg[OFFSETS],
                           .rows = call->arg[Y]->dim[0]};
    clm_tensor *dx = clm_gemm_call(tape, &back, NULL);
    if (rows->index)
        dx = clm_gather_sum(tape, dx, rows->inverse_offsets, rows->inverse, NULL, NULL);
    clm_gradient_add(tape, call->arg[X], dx);
}

static void grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *dy = clm_gradient_of(tape, call->arg[Y]), *db = NULL;
    if (clm_needs_gradient(tape, call->arg[X])) gradient_of_rows(tape, call, dy);
    const bool wants_bias = clm_needs_gradient(tape, call->arg[BIAS]);
    if (!wants_bias && !clm_needs_gradient(tape, call->arg[W])) return;
    const clm_gemm_weight weight = {.x = call->arg[X],
                                    .x_gather = call->arg[GATHER],
                                    .dy = dy,
                                    .offsets = call->arg[OFFSETS],
                                    .rows = call->arg[Y]->dim[0],
                                    .want_bias = wants_bias};
    clm_tensor *dw = clm_gemm_weight_call(tape, &weight, &db);
    clm_gradient_add(tape, call->arg[W], dw);
    if (wants_bias) clm_gradient_add(tape, call->arg[BIAS], db);
}

clm_tensor *clm_grouped_gemm(clm_tape *tape, clm_tensor *x, clm_rows rows, clm_tensor *w,
                             clm_tensor *bias, clm_tensor *offsets, int64_t y_rows)
{
    if (!x || !w || !offsets) return NULL;
    w = clm_cast(tape, w, x->type);
    clm_rows *kept = clm_alloc(clm_tape_scope(tape), sizeof *kept);
    *kept = rows;
    clm_tensor *y = clm_activation(tape, "grouped_gemm", x->type, CLM_DIMS(y_rows, w->dim[2]));
    clm_record(tape, &(clm_call){.op = &grouped_gemm,
                                 .arg = {[X] = x,
                                         [W] = w,
                                         [BIAS] = bias,
                                         [OFFSETS] = offsets,
                                         [GATHER] = rows.index,
                                         [Y] = y},
                                 .grad = grad,
                                 .composite = kept});
    return y;
}

clm_gemm clm_gemm_of(const clm_call *call, clm_tensor **y)
{
    clm_tensor *const *a = call->arg;
    if (y) *y = a[Y];
    return (clm_gemm){.x = a[X],
                      .w = a[W],
                      .bias = a[BIAS],
                      .offsets = a[OFFSETS],
                      .gather = a[GATHER],
                      .scale = a[SCALE],
                      .scale_index = a[SCALE_INDEX],
                      .multiply = a[MULTIPLY],
                      .rows = a[Y]->dim[0],
                      .gelu = call->attribute[ACTIVATION] != 0,
                      .want_slope = a[SLOPE] != NULL};
}

/* --- reference and cost --- */

static double activated(double x, double *slope)
{
    const double below = 0.5 * erfc(-x * M_SQRT1_2);
    *slope = below + x * exp(-0.5 * x * x) * (0.5 * M_2_SQRTPI * M_SQRT1_2);
    return x * below;
}

static void reference(const clm_call *call)
{
    const double *x = clm_f64(call, X), *w = clm_f64(call, W), *bias = clm_f64(call, BIAS);
    const double *scale = clm_f64(call, SCALE), *multiply = clm_f64(call, MULTIPLY);
    const int32_t *offsets = clm_i32(call, OFFSETS), *gather = clm_i32(call, GATHER);
    const int32_t *scale_index = clm_i32(call, SCALE_INDEX);
    double *y = clm_f64(call, Y), *slope = clm_f64(call, SLOPE);
    const int64_t groups = clm_dim(call, 'G'), depth = clm_dim(call, 'K'),
                  columns = clm_dim(call, 'N');
    for (int64_t g = 0; g < groups; g++)
        for (int64_t i = offsets[g]; i < offsets[g + 1]; i++)
            for (int64_t n = 0; n < columns; n++) {
                const double *row = x + (gather ? gather[i] : i) * depth;
                double sum = bias ? bias[g * columns + n] : 0, ignored;
                for (int64_t k = 0; k < depth; k++)
                    sum += row[k] * w[(g * depth + k) * columns + n];
                if (call->attribute[ACTIVATION] != 0)
                    sum = activated(sum, slope ? &slope[i * columns + n] : &ignored);
                if (scale) sum *= scale[scale_index ? scale_index[i] : i];
                y[i * columns + n] = multiply ? sum * multiply[i * columns + n] : sum;
            }
}

double clm_gemm_bytes(const clm_call *call)
{
    double bytes = 0;
    for (int o = 0; o < CLM_OPERANDS && call->op->operand[o].name; o++)
        if (call->arg[o] && call->op->operand[o].role != CLM_SCRATCH)
            bytes += (double)clm_tensor_bytes(call->arg[o]);
    return bytes;
}

static clm_cost cost(const clm_call *call)
{
    const double y = (double)clm_elements(call->arg[Y]);
    const int more = (call->arg[BIAS] != NULL) + (call->attribute[ACTIVATION] != 0) +
                     (call->arg[SCALE] != NULL) + (call->arg[MULTIPLY] != NULL);
    return (clm_cost){.flops = y * (2 * (double)clm_dim(call, 'K') + more),
                      .exps = call->attribute[ACTIVATION] != 0 ? y : 0,
                      .bytes = clm_gemm_bytes(call)};
}

/* --- variants --- */

clm_status clm_gemm_launch(clm_plan *plan, const clm_call *call, const clm_source *source,
                           const char *kernel, const char *options, clm_range range)
{
    clm_tensor *const *a = call->arg;
    const clm_arg args[] = {clm_t(a[X]),
                            clm_t(a[W]),
                            clm_t(a[BIAS]),
                            clm_t(a[OFFSETS]),
                            clm_t(a[GATHER]),
                            clm_t(a[SCALE]),
                            clm_t(a[SCALE_INDEX]),
                            clm_t(a[MULTIPLY]),
                            clm_t(a[Y]),
                            clm_t(a[SLOPE]),
                            clm_i(a[Y]->dim[0]),
                            clm_i(clm_dim(call, 'G')),
                            clm_i(clm_dim(call, 'K')),
                            clm_i(clm_dim(call, 'N')),
                            clm_i((int64_t)call->attribute[ACTIVATION])};
    return clm_launch_from(plan, source, kernel, options, range, args, sizeof args / sizeof *args);
}

static clm_status prepare_plain(clm_plan *plan, const clm_call *call)
{
    return clm_gemm_launch(plan, call, &clm_source_grouped_gemm, "grouped_gemm_f32_plain", "",
                           (clm_range){{clm_round_up(clm_elements(call->arg[Y]), 64)}, {64}});
}

/* --- examples --- */

void clm_gemm_example_offsets(clm_example *example, int operand, int64_t groups, int64_t rows,
                              int layout)
{
    int32_t *offsets = clm_example_memory(example, ((size_t)groups + 1) * sizeof *offsets);
    const int32_t first = layout == CLM_GEMM_MARGINS ? (int32_t)(rows / 8) : 0;
    const int32_t last = (int32_t)rows - first;
    for (int64_t g = 0; g <= groups; g++) {
        int64_t at = (last - first) * g / groups;
        if (layout == CLM_GEMM_ONE) at = g > groups / 2 ? last : 0;
        if (layout == CLM_GEMM_HOLES) at = (last - first) * ((g + 1) / 2) / ((groups + 1) / 2);
        offsets[g] = first + (int32_t)at;
    }
    for (int64_t g = 1; g < groups && layout == CLM_GEMM_MARGINS; g++) {
        const int32_t room = offsets[g + 1] - offsets[g - 1];
        offsets[g] = offsets[g - 1] + clm_example_random(example, room + 1);
    }
    clm_example_i32(example, operand, offsets, CLM_DIMS(groups + 1));
}

static bool example(clm_example *example, int index)
{
    enum {
        PLAIN = 0,
        B = 1,
        GATHERED = 2,
        SCALED = 4,
        INDEXED = 8,
        MULTIPLIED = 16,
        GELU = 32,
        KEPT = 64
    };
    static const struct {
        int64_t rows, groups, depth, columns;
        int layout, with;
    } size[] = {
        {7, 2, 16, 16, CLM_GEMM_EVEN, B | GATHERED},
        {13, 3, 8, 24, CLM_GEMM_HOLES, B | GELU | KEPT | MULTIPLIED},
        {1, 1, 1, 1, CLM_GEMM_EVEN, PLAIN},
        {97, 5, 64, 4, CLM_GEMM_MARGINS, B},
        {193, 16, 24, 128, CLM_GEMM_HOLES, GATHERED | SCALED},
        {211, 7, 64, 64, CLM_GEMM_ONE, B | GELU},
        {1021, 16, 64, 128, CLM_GEMM_MARGINS, B | GATHERED | GELU | KEPT},
        {1021, 16, 128, 64, CLM_GEMM_EVEN, SCALED | INDEXED | MULTIPLIED},
        {300, 4, 100, 50, CLM_GEMM_EVEN,
         B | GATHERED | SCALED | INDEXED | MULTIPLIED | GELU | KEPT},
        {577, 1, 64, 16, CLM_GEMM_EVEN, B},
        {67, 40, 150, 84, CLM_GEMM_MARGINS, GATHERED},
        {130, 2, 1100, 33, CLM_GEMM_EVEN, B},
        {29, 3, 4, 20, CLM_GEMM_HOLES, B | SCALED},
        {417, 6, 136, 72, CLM_GEMM_MARGINS, B | GATHERED | GELU | KEPT},
    };
    if (index >= (int)(sizeof size / sizeof *size)) return false;
    const int64_t rows = size[index].rows, groups = size[index].groups, depth = size[index].depth;
    const int64_t columns = size[index].columns, have = rows / 2 + 1;
    const int with = size[index].with;
    clm_example_normal(example, X, 1, CLM_DIMS(with & GATHERED ? have : rows, depth));
    clm_example_normal(example, W, 1 / sqrt((double)depth), CLM_DIMS(groups, depth, columns));
    if (with & B) clm_example_normal(example, BIAS, 1, CLM_DIMS(groups, columns));
    clm_gemm_example_offsets(example, OFFSETS, groups, rows, size[index].layout);
    if (with & GATHERED) clm_example_below(example, GATHER, (int32_t)have, CLM_DIMS(rows));
    if (with & SCALED)
        clm_example_normal(example, SCALE, 1, CLM_DIMS(with & INDEXED ? have : rows));
    if (with & INDEXED) clm_example_below(example, SCALE_INDEX, (int32_t)have, CLM_DIMS(rows));
    if (with & MULTIPLIED) clm_example_normal(example, MULTIPLY, 1, CLM_DIMS(rows, columns));
    clm_example_out(example, Y, CLM_DIMS(rows, columns));
    if (with & KEPT) clm_example_out(example, SLOPE, CLM_DIMS(rows, columns));
    clm_example_call(example)->attribute[ACTIVATION] = (with & GELU) != 0;
    return true;
}

static void bench(clm_tape *tape, const clm_workload *w)
{
    /* the first product of an expert FFN: rows gathered by expert */
    const clm_bench_pairs pairs = clm_bench_sorted(tape, w);
    const clm_rows rows = {pairs.row, clm_bench_segments(tape, "first pair", w->nodes, w->top_k),
                           pairs.slot};
    const double scale = 1 / sqrt((double)w->width);
    clm_tensor *y =
        clm_grouped_gemm(tape, clm_bench_rows(tape, "x", 1, CLM_DIMS(w->nodes, w->width)), rows,
                         clm_bench_rows(tape, "w", scale, CLM_DIMS(w->experts, w->width, w->inner)),
                         clm_bench_normal(tape, "bias", 1, CLM_DIMS(w->experts, w->inner)),
                         pairs.offsets, w->nodes * w->top_k);
    if (y) clm_keep(tape, y);
}

static const clm_op grouped_gemm = {
    .name = "grouped_gemm",
    .about = "a matrix product per group of rows, rows gathered, bias, GELU and factors fused",
    .paper = "Gale et al., MegaBlocks, MLSys 2023, section 4",
    .source = &clm_source_grouped_gemm,
    .operand = {{"x", CLM_IN, CLM_REAL, "X K", false, NULL},
                {"w", CLM_IN, CLM_REAL, "G K N", false, NULL},
                {"bias", CLM_IN, CLM_F32, "G N", true, NULL},
                {"offsets", CLM_IN, CLM_I32, "G+1", false, NULL},
                {"gather", CLM_IN, CLM_I32, "Y", true, NULL},
                {"scale", CLM_IN, CLM_F32, "S", true, NULL},
                {"scale_index", CLM_IN, CLM_I32, "Y", true, NULL},
                {"multiply", CLM_IN, CLM_REAL, "Y N", true, NULL},
                {"y", CLM_OUT, CLM_REAL, "Y N", false, "multiply"},
                {"slope", CLM_OUT, CLM_REAL, "Y N", true, NULL}},
    .attribute = {"activation"},
    .variant = {{.name = "cpu",
                 .classes = CLM_CPU,
                 .tunable = {{"VEC", 16, {4, 8, 16}, clm_gemm_pick_lanes},
                             {"MR", 6, {4, 6, 8, 12}, clm_gemm_pick_height},
                             {"NV", 4, {1, 2, 3, 4}, clm_gemm_pick_vectors},
                             {"AHEAD", 1, {1, 2, 3}, clm_gemm_pick_ahead},
                             {"STREAM", 1, {1, 2}, clm_gemm_pick_stream}},
                 .misfit = clm_gemm_misfit_cpu,
                 .prepare = clm_gemm_prepare_cpu},
                {.name = "mma_3xtf32",
                 .precision = "tf32",
                 .classes = CLM_GPU,
                 .features = CLM_GEMM_TF32_FEATURES,
                 .emulates = true,
                 .tunable = CLM_GEMM_MMA_TUNABLES(clm_gemm_pick_rows, 16),
                 .misfit = clm_gemm_misfit_mma_tf32,
                 .prepare = clm_gemm_prepare_mma_3xtf32},
                {.name = "mma_tf32",
                 .precision = "tf32",
                 .classes = CLM_GPU,
                 .features = CLM_GEMM_TF32_FEATURES,
                 .emulates = true,
                 .suspect = CLM_GEMM_TF32,
                 .wrong = 2 * CLM_GEMM_TF32,
                 .tunable = CLM_GEMM_MMA_TUNABLES(clm_gemm_pick_rows, 16),
                 .misfit = clm_gemm_misfit_mma_tf32,
                 .prepare = clm_gemm_prepare_mma_tf32},
                {.name = "mma_bf16",
                 .precision = "bf16",
                 .classes = CLM_GPU,
                 .features = CLM_GEMM_BF16_FEATURES,
                 .emulates = true,
                 .tunable = CLM_GEMM_MMA_TUNABLES(clm_gemm_pick_rows, 32),
                 .misfit = clm_gemm_misfit_mma_bf16,
                 .prepare = clm_gemm_prepare_mma_bf16},
                {.name = "gpu",
                 .classes = CLM_GPU,
                 .tunable = {{"TILE", 64, {32, 64, 128}, clm_gemm_pick_rows}},
                 .misfit = clm_gemm_misfit_gpu,
                 .prepare = clm_gemm_prepare_gpu},
                {.name = "clblast",
                 .classes = CLM_ANY_DEVICE | CLM_LIBRARY,
                 .misfit = clm_gemm_misfit_clblast,
                 .prepare = clm_gemm_prepare_clblast},
                {.name = "clblast_override",
                 .classes = CLM_CPU | CLM_LIBRARY,
                 .tunable = {{"VWM", 16, {4, 8, 16}, clm_gemm_pick_clblast_vector},
                             {"MWG", 16, {16, 32, 64}, clm_gemm_pick_clblast_tile},
                             {"NDIMC", 1, {1, 4, 8, 16}, clm_gemm_pick_clblast_threads}},
                 .misfit = clm_gemm_misfit_clblast,
                 .prepare = clm_gemm_prepare_clblast_override},
                {.name = "plain", .classes = CLM_ANY_DEVICE, .prepare = prepare_plain}},
    .reference = reference,
    .cost = cost,
    .suspect = 2e-6,
    .wrong = 2e-5,
    .example = example,
    .bench = bench,
};

const clm_op *const clm_ops_grouped_gemm[] = {&grouped_gemm, &clm_op_grouped_gemm_weight, NULL};
