#include "model/full_graph.h"

#include <math.h>
#include <string.h>

static clm_status features(clm_tape *tape, const clm_dataset *dataset, clm_sparse *x)
{
    clm_features f;
    CLM_TRY(clm_features_new(clm_tape_scope(tape), dataset, false, NULL, &f));
    *x = (clm_sparse){
        .rows = f.rows,
        .columns = f.columns,
        .row_ptr = clm_input_i32(tape, "feature rows", f.row_ptr, CLM_DIMS(f.rows + 1)),
        .col = clm_input_i32(tape, "feature columns", f.col, CLM_DIMS(f.nonzeros)),
        .val = clm_input_f32(tape, "feature values", f.val, CLM_DIMS(f.nonzeros)),
        .t_row_ptr =
            clm_input_i32(tape, "transposed feature rows", f.t_row_ptr, CLM_DIMS(f.columns + 1)),
        .t_col = clm_input_i32(tape, "transposed feature columns", f.t_col, CLM_DIMS(f.nonzeros)),
        .t_val = clm_input_f32(tape, "transposed feature values", f.t_val, CLM_DIMS(f.nonzeros))};
    return CLM_OK;
}

/* Edges by `key` in the order of the file: first[n] ... first[n + 1] - 1 lead to to[...]. */
static void sorted(const clm_relation *relation, int32_t nodes, const int32_t *key,
                   const int32_t *other, int32_t *first, int32_t *to)
{
    for (int32_t e = 0; e < relation->count; e++)
        first[key[e] + 1]++;
    for (int32_t n = 0; n < nodes; n++)
        first[n + 1] += first[n];
    for (int32_t e = 0; e < relation->count; e++)
        to[first[key[e]]++] = other[e];
    memmove(first + 1, first, (size_t)nodes * sizeof *first);
    first[0] = 0;
}

static clm_packed_edges edges(clm_tape *tape, const clm_graph *graph)
{
    clm_scope *scope = clm_tape_scope(tape);
    const clm_relation *r = &graph->relation[0];
    const int64_t n = graph->nodes, m = r->count;
    int32_t *row_ptr = clm_alloc_array(scope, 2 * (size_t)(n + 1), sizeof *row_ptr),
            *t_row_ptr = row_ptr + n + 1,
            *src = clm_alloc_array(scope, 2 * (size_t)m + 1, sizeof *src), *dst = src + m;
    float *factor = clm_alloc_array(scope, (size_t)n + 1, sizeof *factor);
    sorted(r, graph->nodes, r->dst, r->src, row_ptr, src);
    sorted(r, graph->nodes, r->src, r->dst, t_row_ptr, dst);
    for (int64_t i = 0; i < n; i++)
        factor[i] = 1 / sqrtf((float)(1 + t_row_ptr[i + 1] - t_row_ptr[i]));
    return (clm_packed_edges){.row_ptr = clm_input_i32(tape, "edge rows", row_ptr, CLM_DIMS(n + 1)),
                              .src = clm_input_i32(tape, "edge sources", src, CLM_DIMS(m)),
                              .t_row_ptr =
                                  clm_input_i32(tape, "edge columns", t_row_ptr, CLM_DIMS(n + 1)),
                              .dst = clm_input_i32(tape, "edge targets", dst, CLM_DIMS(m)),
                              .factor = clm_input_f32(tape, "degree factors", factor, CLM_DIMS(n))};
}

static void share(clm_tape *tape, const clm_task_inputs *like, clm_task_inputs *in)
{
    clm_tensor **const of[] = {&in->live,
                               &in->sparse.row_ptr,
                               &in->sparse.col,
                               &in->sparse.val,
                               &in->sparse.t_row_ptr,
                               &in->sparse.t_col,
                               &in->sparse.t_val,
                               &in->hop[0].row_ptr,
                               &in->hop[0].src,
                               &in->hop[0].t_row_ptr,
                               &in->hop[0].dst,
                               &in->hop[0].factor,
                               &in->roles};
    *in = *like;
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        if (*of[i]) *of[i] = clm_input_shared(tape, *of[i]);
}

clm_status clm_full_graph_inputs(clm_tape *tape, const clm_dataset *dataset,
                                 const clm_task_inputs *like, clm_task_inputs *in)
{
    const clm_graph *graph = &dataset->graph;
    const int32_t all[2] = {0, graph->nodes};
    *in = (clm_task_inputs){.nodes = graph->nodes, .outputs = graph->classes};
    if (like) {
        share(tape, like, in);
        return CLM_OK;
    }
    in->live = clm_input_i32(tape, "all nodes", all, CLM_DIMS(2));
    in->hop[0] = edges(tape, graph);
    return features(tape, dataset, &in->sparse);
}
