#include "cl/grouped_gemm/internal.h"

#include <stdio.h>

enum { X, X_GATHER, DY, DY_GATHER, SCALE, SCALE_INDEX, OFFSETS, DW, DB, PARTIAL }; /* operands */
enum { ROWS, CHUNK };                                                              /* attributes */
enum {
    MOST_DEPTH = 1024, /* K of the variant cpu: rows are staged in private memory */
    MOST_BLOCK = 512,  /* its columns of a work-item */
    CHUNKS = 64,       /* of many rows: what large devices need to be busy */
    LEAST_CHUNK = 256,
    MOST_CHUNK = 4096,
    ITEMS_PER_UNIT = 6, /* of the variant cpu */
    NEAR = 1 << 16,     /* its sums of a work-item that stay in a second-level cache */
};

extern const clm_source clm_source_grouped_gemm, clm_source_grouped_gemm_weight;

static int64_t clamp(int64_t x, int64_t least, int64_t most)
{
    return x < least ? least : x > most ? most : x;
}

/* Shape of the scratch for `chunk` rows at a time: matrices of whole tiles, whatever the variant's.
 */
static void partial_shape(int64_t rows, int64_t chunk, int64_t groups, int64_t depth,
                          int64_t columns, int64_t *shape)
{
    shape[0] = (rows + chunk - 1) / chunk + groups;
    shape[1] = (int64_t)clm_round_up(depth, 16) + 1;
    shape[2] = (int64_t)clm_round_up(columns, 64);
}

clm_tensor *clm_gemm_weight_call(clm_tape *tape, const clm_gemm_weight *gemm, clm_tensor **db)
{
    if (db) *db = NULL;
    if (!gemm->x || !gemm->dy || !gemm->offsets) return NULL;
    const int64_t groups = gemm->offsets->dim[0] - 1, depth = gemm->x->dim[1],
                  columns = gemm->dy->dim[1];
    const int64_t chunk = clamp((gemm->rows + CHUNKS - 1) / CHUNKS, LEAST_CHUNK, MOST_CHUNK);
    int64_t shape[3];
    partial_shape(gemm->rows, chunk, groups, depth, columns, shape);
    clm_tensor *dw = clm_activation(tape, "dw", CLM_F32, CLM_DIMS(groups, depth, columns)),
               *bias = NULL;
    if (gemm->want_bias) bias = clm_activation(tape, "db", CLM_F32, CLM_DIMS(groups, columns));
    clm_tensor *partial = clm_activation(tape, "dw_partial", CLM_F32, 3, shape);
    clm_record(tape,
               &(clm_call){.op = &clm_op_grouped_gemm_weight,
                           .arg = {gemm->x, gemm->x_gather, gemm->dy, gemm->dy_gather, gemm->scale,
                                   gemm->scale_index, gemm->offsets, dw, bias, partial},
                           .attribute = {(double)gemm->rows, (double)chunk},
                           .grad = clm_no_grad});
    if (db) *db = bias;
    return dw;
}

static void reference(const clm_call *call)
{
    const double *x = clm_f64(call, X), *dy = clm_f64(call, DY), *scale = clm_f64(call, SCALE);
    const int32_t *x_gather = clm_i32(call, X_GATHER), *dy_gather = clm_i32(call, DY_GATHER);
    const int32_t *scale_index = clm_i32(call, SCALE_INDEX), *offsets = clm_i32(call, OFFSETS);
    double *dw = clm_f64(call, DW), *db = clm_f64(call, DB);
    const int64_t groups = clm_dim(call, 'G'), depth = clm_dim(call, 'K'),
                  columns = clm_dim(call, 'N');
    for (int64_t i = 0; i < groups * depth * columns; i++)
        dw[i] = 0;
    for (int64_t i = 0; db && i < groups * columns; i++)
        db[i] = 0;
    for (int64_t g = 0; g < groups; g++)
        for (int64_t i = offsets[g]; i < offsets[g + 1]; i++)
            for (int64_t n = 0; n < columns; n++) {
                const double *row = x + (x_gather ? x_gather[i] : i) * depth;
                const double factor = scale ? scale[scale_index ? scale_index[i] : i] : 1;
                const double value = factor * dy[(dy_gather ? dy_gather[i] : i) * columns + n];
                for (int64_t k = 0; k < depth; k++)
                    dw[(g * depth + k) * columns + n] += row[k] * value;
                if (db) db[g * columns + n] += value;
            }
}

static clm_cost cost(const clm_call *call)
{
    const int more = (call->arg[SCALE] != NULL) + (call->arg[DB] != NULL);
    const double products = call->attribute[ROWS] * (double)clm_dim(call, 'N');
    return (clm_cost){.flops = products * (2 * (double)clm_dim(call, 'K') + more),
                      .bytes = clm_gemm_bytes(call)};
}

/* --- variants --- */

/* Vectors of dy and columns of x of a tile: 16 accumulators, or 8 of the 16 registers of AVX2, hide
 * the latency of their updates. Two vectors take fewer loads for as many products than one. */
static int pick_vectors(const clm_device *device, const clm_call *call)
{
    return clm_dim(call, 'N') > clm_gemm_pick_lanes(device, call) ? 2 : 1;
}

static int pick_strip(const clm_device *device, const clm_call *call)
{
    return (device->vector_width >= 16 ? 16 : 8) / pick_vectors(device, call);
}

/* Columns of a work-item of the variant cpu. */
static int64_t block_columns(const clm_call *call)
{
    const int64_t columns = clm_dim(call, 'N'), blocks = (columns + MOST_BLOCK - 1) / MOST_BLOCK;
    return blocks > 1 ? (int64_t)clm_round_up((columns + blocks - 1) / blocks, 32) : columns;
}

/* Rows that are staged at a time: more where the sums, read and written once for them, are far. */
static int pick_rows(const clm_device *device, const clm_call *call)
{
    (void)device;
    return clm_dim(call, 'K') * block_columns(call) > NEAR ? 128 : 64;
}

static const char *misfit_cpu(const clm_call *call, const clm_device *device)
{
    return clm_dim(call, 'K') > MOST_DEPTH ? "K > 1024" : clm_gemm_misfit(device);
}

/* The first stage fills the sums of chunks of rows, the second, built with `sum_options` and as many
 * lanes, adds them by group. size: rows of a chunk, or in the variant cpu the number of chunks. */
static clm_status launch(clm_plan *plan, const clm_call *call, const clm_source *source,
                         const char *kernel, const char *options, clm_range range, int64_t size,
                         const char *sum_options, int lanes)
{
    clm_tensor *const *a = call->arg;
    const int64_t rows = (int64_t)call->attribute[ROWS], groups = clm_dim(call, 'G');
    const int64_t depth = clm_dim(call, 'K'), columns = clm_dim(call, 'N');
    const int64_t height = a[PARTIAL]->dim[1] - 1, stride = a[PARTIAL]->dim[2];
    CLM_TRY(
        clm_launch_from(plan, source, kernel, options, range,
                        CLM_ARGS(clm_t(a[X]), clm_t(a[X_GATHER]), clm_t(a[DY]), clm_t(a[DY_GATHER]),
                                 clm_t(a[SCALE]), clm_t(a[SCALE_INDEX]), clm_t(a[OFFSETS]),
                                 clm_t(a[PARTIAL]), clm_i(rows), clm_i(groups), clm_i(depth),
                                 clm_i(columns), clm_i(height), clm_i(stride), clm_i(size))));
    const int64_t vectors = (columns + lanes - 1) / lanes;
    return clm_launch_from(
        plan, &clm_source_grouped_gemm_weight, "grouped_gemm_weight_sum_f32", sum_options,
        (clm_range){{clm_round_up((depth + 1) * vectors, 64), (size_t)groups}, {64, 1}},
        CLM_ARGS(clm_t(a[PARTIAL]), clm_t(a[OFFSETS]), clm_t(a[DW]), clm_t(a[DB]), clm_i(rows),
                 clm_i(depth), clm_i(columns), clm_i(height), clm_i(stride), clm_i(size)));
}

clm_status clm_gemm_weight_launch_pieces(clm_plan *plan, const clm_call *call,
                                         const clm_source *source, const char *kernel,
                                         const char *options, clm_range range)
{
    const int64_t rows = (int64_t)call->attribute[ROWS], chunk = (int64_t)call->attribute[CHUNK];
    range.global[2] = clm_gemm_pieces(call, rows, chunk);
    return launch(plan, call, source, kernel, options, range, chunk, "-DWEIGHT_SUM -DVEC=4", 4);
}

static clm_status prepare_cpu(clm_plan *plan, const clm_call *call)
{
    const int64_t rows = (int64_t)call->attribute[ROWS], least = (int64_t)call->attribute[CHUNK];
    const int64_t block = block_columns(call), blocks = (clm_dim(call, 'N') + block - 1) / block;
    const int64_t all = ITEMS_PER_UNIT * (int64_t)clm_plan_device(plan)->compute_units;
    const int64_t items = (all + blocks - 1) / blocks, even = (rows + items - 1) / items;
    const int64_t chunk = clamp(even, least, least > MOST_CHUNK ? least : MOST_CHUNK);
    const int64_t chunks = (rows + chunk - 1) / chunk;
    const int staged = clm_gemm_capacity(block);
    char options[96];
    snprintf(options, sizeof options, "-DWEIGHT_SUM -DKMAX=%d -DBLOCK=%d -DNMAX=%d",
             clm_gemm_capacity(clm_dim(call, 'K')), blocks > 1 ? (int)block : staged, staged);
    return launch(plan, call, &clm_source_grouped_gemm_weight, "grouped_gemm_weight_f32_cpu",
                  options, (clm_range){{(size_t)chunks, (size_t)blocks}, {1, 1}}, chunks, options,
                  clm_tune(plan, "VEC"));
}

static clm_status prepare_plain(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    const int64_t groups = clm_dim(call, 'G'), depth = clm_dim(call, 'K'),
                  columns = clm_dim(call, 'N');
    const size_t elements = clm_round_up((depth + (a[DB] != NULL)) * columns, 64);
    return clm_launch_from(plan, &clm_source_grouped_gemm_weight, "grouped_gemm_weight_f32_plain",
                           "-DWEIGHT_PLAIN", (clm_range){{elements, (size_t)groups}, {64, 1}},
                           CLM_ARGS(clm_t(a[X]), clm_t(a[X_GATHER]), clm_t(a[DY]),
                                    clm_t(a[DY_GATHER]), clm_t(a[SCALE]), clm_t(a[SCALE_INDEX]),
                                    clm_t(a[OFFSETS]), clm_t(a[DW]), clm_t(a[DB]), clm_i(depth),
                                    clm_i(columns)));
}

static bool example(clm_example *example, int index)
{
    enum { PLAIN = 0, BIAS = 1, X_GATHERED = 2, DY_GATHERED = 4, SCALED = 8, INDEXED = 16 };
    static const struct {
        int64_t rows, groups, depth, columns, chunk;
        int layout, with;
    } size[] = {
        {7, 2, 16, 16, 4, CLM_GEMM_EVEN, BIAS | X_GATHERED},
        {13, 3, 8, 24, 5, CLM_GEMM_HOLES, BIAS | DY_GATHERED | SCALED | INDEXED},
        {1, 1, 1, 1, 1, CLM_GEMM_EVEN, PLAIN},
        {97, 5, 64, 4, 128, CLM_GEMM_MARGINS, BIAS},
        {193, 16, 24, 128, 64, CLM_GEMM_HOLES, X_GATHERED | SCALED},
        {1021, 7, 64, 64, 256, CLM_GEMM_ONE, BIAS | X_GATHERED | DY_GATHERED | SCALED | INDEXED},
        {1021, 16, 64, 128, 100, CLM_GEMM_MARGINS, BIAS | X_GATHERED | SCALED},
        {1021, 16, 128, 64, 512, CLM_GEMM_EVEN, BIAS | DY_GATHERED},
        {300, 4, 100, 50, 37, CLM_GEMM_EVEN, BIAS | X_GATHERED | DY_GATHERED | SCALED},
        {577, 1, 64, 16, 256, CLM_GEMM_EVEN, BIAS},
        {67, 40, 150, 84, 16, CLM_GEMM_MARGINS, X_GATHERED},
        {61, 2, 20, 1100, 32, CLM_GEMM_HOLES, BIAS},
        {29, 3, 4, 20, 5, CLM_GEMM_HOLES, BIAS | SCALED},
        {417, 6, 136, 72, 64, CLM_GEMM_MARGINS, BIAS | X_GATHERED | DY_GATHERED | SCALED | INDEXED},
    };
    if (index >= (int)(sizeof size / sizeof *size)) return false;
    const int64_t rows = size[index].rows, groups = size[index].groups, depth = size[index].depth;
    const int64_t columns = size[index].columns, chunk = size[index].chunk, have = rows / 2 + 1;
    const int with = size[index].with;
    clm_example_normal(example, X, 1, CLM_DIMS(with & X_GATHERED ? have : rows, depth));
    if (with & X_GATHERED) clm_example_below(example, X_GATHER, (int32_t)have, CLM_DIMS(rows));
    clm_example_normal(example, DY, 1, CLM_DIMS(with & DY_GATHERED ? have : rows, columns));
    if (with & DY_GATHERED) clm_example_below(example, DY_GATHER, (int32_t)have, CLM_DIMS(rows));
    if (with & SCALED)
        clm_example_normal(example, SCALE, 1, CLM_DIMS(with & INDEXED ? have : rows));
    if (with & INDEXED) clm_example_below(example, SCALE_INDEX, (int32_t)have, CLM_DIMS(rows));
    clm_gemm_example_offsets(example, OFFSETS, groups, rows, size[index].layout);
    clm_example_out(example, DW, CLM_DIMS(groups, depth, columns));
    if (with & BIAS) clm_example_out(example, DB, CLM_DIMS(groups, columns));
    int64_t shape[3];
    partial_shape(rows, chunk, groups, depth, columns, shape);
    clm_example_out(example, PARTIAL, 3, shape);
    clm_example_call(example)->attribute[ROWS] = (double)rows;
    clm_example_call(example)->attribute[CHUNK] = (double)chunk;
    return true;
}

const clm_op clm_op_grouped_gemm_weight = {
    .name = "grouped_gemm_weight",
    .about = "gradients of the weights and biases of grouped_gemm",
    .paper = "Gale et al., MegaBlocks, MLSys 2023, section 4",
    .source = &clm_source_grouped_gemm,
    .operand = {{"x", CLM_IN, CLM_REAL, "X K", false, NULL},
                {"x_gather", CLM_IN, CLM_I32, "Y", true, NULL},
                {"dy", CLM_IN, CLM_REAL, "V N", false, NULL},
                {"dy_gather", CLM_IN, CLM_I32, "Y", true, NULL},
                {"scale", CLM_IN, CLM_F32, "S", true, NULL},
                {"scale_index", CLM_IN, CLM_I32, "Y", true, NULL},
                {"offsets", CLM_IN, CLM_I32, "G+1", false, NULL},
                {"dw", CLM_OUT, CLM_F32, "G K N", false, NULL},
                {"db", CLM_OUT, CLM_F32, "G N", true, NULL},
                {"partial", CLM_SCRATCH, CLM_F32, "P A B", false, NULL}},
    .attribute = {"rows", "chunk"},
    .variant = {{.name = "cpu",
                 .classes = CLM_CPU,
                 .tunable = {{"VEC", 16, {4, 8, 16}, clm_gemm_pick_lanes},
                             {"TK", 16, {4, 8, 16}, pick_strip},
                             {"NV", 1, {1, 2, 4}, pick_vectors},
                             {"ROWS", 64, {16, 32, 64, 128}, pick_rows},
                             {"AHEAD", 1, {1}, clm_gemm_pick_ahead}},
                 .misfit = misfit_cpu,
                 .prepare = prepare_cpu},
                {.name = "mma_3xtf32",
                 .precision = "tf32",
                 .classes = CLM_GPU,
                 .features = CLM_GEMM_TF32_FEATURES,
                 .emulates = true,
                 .tunable = CLM_GEMM_MMA_TUNABLES(clm_gemm_pick_depth, 16),
                 .misfit = clm_gemm_misfit_mma_tf32,
                 .prepare = clm_gemm_prepare_weight_mma_3xtf32},
                {.name = "mma_tf32",
                 .precision = "tf32",
                 .classes = CLM_GPU,
                 .features = CLM_GEMM_TF32_FEATURES,
                 .emulates = true,
                 .suspect = CLM_GEMM_TF32,
                 .wrong = 2 * CLM_GEMM_TF32,
                 .tunable = CLM_GEMM_MMA_TUNABLES(clm_gemm_pick_depth, 16),
                 .misfit = clm_gemm_misfit_mma_tf32,
                 .prepare = clm_gemm_prepare_weight_mma_tf32},
                {.name = "mma_bf16",
                 .precision = "bf16",
                 .classes = CLM_GPU,
                 .features = CLM_GEMM_BF16_FEATURES,
                 .emulates = true,
                 .tunable = CLM_GEMM_MMA_TUNABLES(clm_gemm_pick_depth, 32),
                 .misfit = clm_gemm_misfit_weight_mma_bf16,
                 .prepare = clm_gemm_prepare_weight_mma_bf16},
                {.name = "gpu",
                 .classes = CLM_GPU,
                 .tunable = {{"TILE", 64, {32, 64, 128}, clm_gemm_pick_depth}},
                 .misfit = clm_gemm_misfit_gpu,
                 .prepare = clm_gemm_prepare_weight_gpu},
                {.name = "plain", .classes = CLM_ANY_DEVICE, .prepare = prepare_plain}},
    .reference = reference,
    .cost = cost,
    .suspect = 4e-6, /* what 16 digits of a scaled row leave (mma_bf16) */
    .wrong = 2e-5,
    .example = example,
};
