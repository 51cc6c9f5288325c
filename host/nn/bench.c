/* Benches: operators and groups of operators recorded at a workload. */
#include "base/philox.h"
#include "cl/grouped_gemm/grouped_gemm.h"
#include "nn/expert_ffn.h"
#include "nn/mean_aggregate.h"
#include "nn/tape_internal.h"
#include "nn/typed_rows.h"
#include "nn/workload.h"

#include <math.h>
#include <string.h>

/* --- inputs --- */

/* Values matter little to time: a block of them is repeated, its length a prime, so that rows
 * differ. */
enum { BLOCK = 65521 };

clm_tensor *clm_bench_constant(clm_tape *tape, const char *name, clm_type type, double scale,
                               int rank, const int64_t *dim)
{
    clm_tensor *t = type == CLM_F32 ? clm_input_f32(tape, name, NULL, rank, dim)
                                    : clm_input_real(tape, name, NULL, rank, dim);
    if (!t) return NULL;
    clm_scope scope = {0};
    float *value = clm_alloc_array(&scope, BLOCK + 1, sizeof *value);
    const int64_t n = clm_elements(t), drawn = n < BLOCK ? n : BLOCK;
    for (int64_t i = 0; i < drawn; i += 2) {
        const clm_philox word =
            clm_philox_draw((uint32_t)i, (uint32_t)tape->nodes, CLM_STREAM_GENERATE, 0, tape->seed);
        clm_normal(word.word[0], word.word[1], value + i);
        value[i] *= (float)scale;
        value[i + 1] *= (float)scale;
    }
    clm_floats_stored(t->type, value, drawn, t->value);
    clm_scope_end(&scope);
    const uint64_t each = clm_type_bytes(t->type);
    for (int64_t i = drawn; i < n; i += drawn)
        memcpy((char *)t->value + (uint64_t)i * each, t->value,
               (uint64_t)(n - i < drawn ? n - i : drawn) * each);
    return t;
}

clm_tensor *clm_bench_normal(clm_tape *tape, const char *name, double scale, int rank,
                             const int64_t *dim)
{
    clm_tensor *t = clm_bench_constant(tape, name, CLM_F32, scale, rank, dim);
    if (t) clm_want_gradient(tape, t);
    return t;
}

clm_tensor *clm_bench_rows(clm_tape *tape, const char *name, double scale, int rank,
                           const int64_t *dim)
{
    clm_tensor *t = clm_bench_constant(tape, name, CLM_REAL, scale, rank, dim);
    if (t) clm_want_gradient(tape, t);
    return t;
}

clm_tensor *clm_bench_keys(clm_tape *tape, const clm_workload *w)
{
    return clm_input_i32(tape, "keys", w->key, CLM_DIMS(w->nodes, w->top_k));
}

clm_tensor *clm_bench_gates(clm_tape *tape, const clm_workload *w)
{
    clm_tensor *t = clm_input_f32(tape, "gates", NULL, CLM_DIMS(w->nodes, w->top_k));
    if (!t) return NULL;
    float *value = t->value;
    for (int64_t i = 0; i < w->nodes * w->top_k; i++)
        value[i] = 1 / (float)w->top_k;
    clm_want_gradient(tape, t);
    return t;
}

clm_tensor *clm_bench_logits(clm_tape *tape, const clm_workload *w)
{
    clm_tensor *t = clm_bench_normal(tape, "logits", 1, CLM_DIMS(w->nodes, w->experts));
    if (!t) return NULL;
    float *value = t->value;
    for (int64_t i = 0; i < w->nodes * w->top_k; i++)
        value[i / w->top_k * w->experts + w->key[i]] = (float)(10 + w->top_k - i % w->top_k);
    return t;
}

clm_tensor *clm_bench_types(clm_tape *tape, const clm_workload *w)
{
    clm_tensor *t = clm_input_i32(tape, "node types", NULL, CLM_DIMS(w->nodes));
    if (!t) return NULL;
    int32_t *value = t->value;
    for (int32_t type = 0; type < w->edge.types; type++)
        for (int32_t i = w->edge.type_first[type]; i < w->edge.type_first[type + 1]; i++)
            value[i] = type;
    return t;
}

clm_tensor *clm_bench_type_offsets(clm_tape *tape, const clm_workload *w)
{
    return clm_input_i32(tape, "type offsets", w->edge.type_first, CLM_DIMS(w->edge.types + 1));
}

clm_tensor *clm_bench_below(clm_tape *tape, const char *name, int32_t bound, int64_t n)
{
    clm_tensor *t = clm_input_i32(tape, name, NULL, CLM_DIMS(n));
    if (!t) return NULL;
    int32_t *value = t->value;
    for (int64_t i = 0; i < n; i++) {
        const clm_philox word =
            clm_philox_draw((uint32_t)i, (uint32_t)tape->nodes, CLM_STREAM_GENERATE, 0, tape->seed);
        value[i] = (int32_t)clm_uniform_below(word.word[0], (uint32_t)bound);
    }
    return t;
}

clm_tensor *clm_bench_segments(clm_tape *tape, const char *name, int64_t n, int64_t each)
{
    clm_tensor *t = clm_input_i32(tape, name, NULL, CLM_DIMS(n + 1));
    if (!t) return NULL;
    int32_t *value = t->value;
    for (int64_t i = 0; i <= n; i++)
        value[i] = (int32_t)(i * each);
    return t;
}

clm_bench_pairs clm_bench_sorted(clm_tape *tape, const clm_workload *w)
{
    const int64_t pairs = w->nodes * w->top_k;
    clm_bench_pairs made = {
        .offsets = clm_input_i32(tape, "expert offsets", NULL, CLM_DIMS(w->experts + 1)),
        .row = clm_input_i32(tape, "node of pair", NULL, CLM_DIMS(pairs)),
        .slot = clm_input_i32(tape, "place of pair", NULL, CLM_DIMS(pairs))};
    if (!made.slot) return made;
    int32_t *offsets = made.offsets->value, *row = made.row->value;
    int32_t *slot = made.slot->value;
    int32_t *next = clm_alloc_array(tape->scope, (size_t)w->experts, sizeof *next);
    for (int64_t e = 0; e < w->experts; e++) {
        next[e] = offsets[e];
        offsets[e + 1] = offsets[e] + w->loads[e];
    }
    for (int64_t i = 0; i < pairs; i++) {
        slot[i] = next[w->key[i]]++;
        row[slot[i]] = (int32_t)(i / w->top_k);
    }
    return made;
}

/* --- what several operators do together --- */

static void expert_ffn(clm_tape *tape, const clm_workload *w)
{
    const int64_t d = w->width, inner = w->inner, e = w->experts;
    const double in = 1 / sqrt((double)d), out = 1 / sqrt((double)inner);
    const clm_experts experts = {.w1 = clm_bench_normal(tape, "w1", in, CLM_DIMS(e, d, inner)),
                                 .b1 = clm_bench_normal(tape, "b1", in, CLM_DIMS(e, inner)),
                                 .w2 = clm_bench_normal(tape, "w2", out, CLM_DIMS(e, inner, d)),
                                 .b2 = clm_bench_normal(tape, "b2", out, CLM_DIMS(e, d))};
    const clm_routing routing = {.gate = clm_bench_gates(tape, w),
                                 .key = clm_bench_keys(tape, w),
                                 .pairs = w->nodes * w->top_k};
    clm_tensor *z = clm_bench_rows(tape, "z", 1, CLM_DIMS(w->nodes, d));
    clm_tensor *y = clm_expert_ffn(tape, z, &routing, &experts, NULL);
    if (y) clm_keep(tape, y);
}

static void typed_projection(clm_tape *tape, const clm_workload *w)
{
    const clm_typed_edges *g = &w->edge;
    const int64_t d = w->width, r = g->relations;
    clm_rows made;
    clm_tensor *offsets;
    clm_typed_rows(tape, w->nodes, g->relations, g->row_first, g->row_node, &made, &offsets);
    clm_tensor *x = clm_bench_rows(tape, "x", 1, CLM_DIMS(w->nodes, d));
    clm_tensor *weight = clm_bench_normal(tape, "w", 1 / sqrt((double)d), CLM_DIMS(r, d, 2 * d));
    clm_tensor *bias = clm_bench_normal(tape, "b", 1, CLM_DIMS(r, 2 * d));
    clm_tensor *y = clm_grouped_gemm(tape, x, made, weight, bias, offsets, g->rows);
    if (y) clm_keep(tape, y);
}

static void dense_gemm(clm_tape *tape, const clm_workload *w)
{
    const double scale = 1 / sqrt((double)w->width);
    clm_tensor *x = clm_bench_rows(tape, "x", 1, CLM_DIMS(w->nodes, w->width));
    clm_tensor *weight = clm_bench_rows(tape, "w", scale, CLM_DIMS(1, w->width, w->inner));
    clm_tensor *y = clm_grouped_gemm(tape, x, (clm_rows){0}, weight, NULL,
                                     clm_bench_segments(tape, "one group", 1, w->nodes), w->nodes);
    if (y) clm_keep(tape, y);
}

/* Along the graph's edges, from its rows of keys and values to its nodes. */
static void mean_aggregate(clm_tape *tape, const clm_workload *w)
{
    const clm_typed_edges *g = &w->edge;
    int32_t *row_ptr = clm_alloc_array(tape->scope, (size_t)g->nodes + 1, sizeof *row_ptr);
    for (int32_t i = 0; i <= g->nodes; i++)
        row_ptr[i] = g->edge_ptr[g->segment_ptr[i]];
    const clm_mean_edges edges =
        clm_mean_edges_new(tape, clm_input_i32(tape, "rows", row_ptr, CLM_DIMS(g->nodes + 1)),
                           clm_input_i32(tape, "sources", g->source, CLM_DIMS(g->edges)),
                           clm_input_i32(tape, "rows back", g->source_ptr, CLM_DIMS(g->rows + 1)),
                           clm_input_i32(tape, "targets", g->source_target, CLM_DIMS(g->edges)));
    clm_tensor *y =
        clm_mean_aggregate(tape, clm_bench_rows(tape, "x", 1, CLM_DIMS(g->rows, w->width)), &edges);
    if (y) clm_keep(tape, y);
}

static const clm_bench composites[] = {
    {"expert_ffn", "feed-forward experts on routed rows: sort, two products, combination",
     expert_ffn},
    {"typed_projection", "keys and values of a typed graph as one grouped GEMM", typed_projection},
    {"dense_gemm", "[N, D] x [D, W], one group", dense_gemm},
    {"mean_aggregate", "mean of rows over in-edges: the edges' factors, then their sum",
     mean_aggregate},
};

/* --- the list --- */

bool clm_bench_at(size_t index, clm_bench *bench)
{
    const clm_op *op;
    for (size_t i = 0; (op = clm_op_at(i)) != NULL; i++)
        if (op->bench && index-- == 0) {
            *bench = (clm_bench){op->name, op->about, op->bench};
            return true;
        }
    if (index >= sizeof composites / sizeof *composites) return false;
    *bench = composites[index];
    return true;
}

bool clm_bench_find(const char *name, clm_bench *bench)
{
    for (size_t i = 0; clm_bench_at(i, bench); i++)
        if (strcmp(bench->name, name) == 0) return true;
    return false;
}

/* Backward from everything that is kept and has a gradient. */
static void backward(clm_tape *tape)
{
    const size_t leaves = tape->nodes;
    clm_tensor **output = clm_alloc_array(tape->scope, leaves, sizeof *output);
    clm_tensor **cotangent = clm_alloc_array(tape->scope, leaves, sizeof *cotangent);
    int n = 0;
    for (size_t i = 0; i < leaves; i++) {
        clm_tensor *t = &tape->node[i]->tensor;
        if (t->kind != CLM_OUTPUT || t->type == CLM_I32 || !tape->node[i]->needs_gradient) continue;
        output[n] = t;
        cotangent[n++] = clm_bench_constant(tape, "cotangent", t->type, 1, t->rank, t->dim);
    }
    clm_tape_backward_from(tape, n, output, cotangent);
}

void clm_bench_record(clm_tape *tape, const clm_bench *bench, const clm_workload *workload,
                      bool with_backward)
{
    clm_tape_set_training(tape, with_backward);
    bench->record(tape, workload);
    if (with_backward) backward(tape);
}

static clm_status check_finite(clm_tape *tape, const clm_tensor *t, float *value)
{
    CLM_TRY(clm_tensor_read(tape, t, value));
    for (int64_t i = 0; i < clm_elements(t); i++)
        if (!isfinite(value[i])) {
            clm_fail(CLM_ERROR_WRONG, "element %lld of %s is %g", (long long)i, t->name, value[i]);
            clm_error_advice("clmoe verify names the operator that is wrong on this device");
            return CLM_FAIL;
        }
    return CLM_OK;
}

clm_status clm_bench_check(clm_tape *tape)
{
    enum { NOT_A_NUMBER = 0x7fc00000 };
    clm_scope scope = {0};
    int64_t most = 0;
    for (size_t i = 0; i < tape->nodes; i++)
        if (tape->node[i]->tensor.kind == CLM_OUTPUT && clm_elements(&tape->node[i]->tensor) > most)
            most = clm_elements(&tape->node[i]->tensor);
    float *value = clm_alloc_array(&scope, (size_t)most + 1, sizeof *value);
    clm_status status = CLM_OK;
    for (int c = 0; c < tape->chunks && status == CLM_OK; c++)
        status = clm_buffer_fill(tape->chunk[c].buffer, 0, NOT_A_NUMBER, tape->chunk[c].bytes);
    if (status == CLM_OK) status = clm_tape_run(tape, 0, 0);
    for (size_t i = 0; i < tape->nodes && status == CLM_OK; i++) {
        const clm_tensor *t = &tape->node[i]->tensor;
        if (t->kind == CLM_OUTPUT && t->type != CLM_I32 && t->buffer)
            status = check_finite(tape, t, value);
    }
    clm_scope_end(&scope);
    return status;
}
