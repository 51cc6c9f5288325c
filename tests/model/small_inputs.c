#include "model/small_inputs.h"

#include "base/philox.h"

#include <math.h>
#include <string.h>

const int32_t small_src[SMALL_EDGES] = {0, 1, 1, 2, 3, 0, 3, 1, 5, 7, 8, 8, 6, 9, 7, 7, 10},
              small_dst[SMALL_EDGES] = {1, 0, 2, 1, 0, 3, 2, 2, 0, 6, 6, 7, 8, 8, 10, 10, 7};

static float uniform(int i, int j, uint32_t stream)
{
    return clm_uniform(
        clm_philox_draw((uint32_t)i, (uint32_t)j, CLM_STREAM_GENERATE, stream, 3).word[0]);
}

float small_feature(int n, int c)
{
    return uniform(n, c, 1) < 0.33F ? 0 : 2 * uniform(n, c, 2) - 1;
}

float small_role(int n, int r)
{
    float sum = 0;
    for (int i = 0; i < SMALL_ROLES; i++)
        sum += uniform(n, i, 4);
    return uniform(n, r, 4) / sum;
}

/* Edges by `key`, in their order within a node; rows past the live ones have none. */
static void edges(clm_tape *tape, const int32_t *key, const int32_t *other, int spare,
                  clm_tensor **row_ptr, clm_tensor **end)
{
    int32_t *ptr =
        clm_alloc_array(clm_tape_scope(tape), (size_t)SMALL_NODES + (size_t)spare + 1, 4);
    int32_t *sorted = clm_alloc_array(clm_tape_scope(tape), SMALL_EDGES + (size_t)spare, 4);
    int32_t count = 0;
    for (int32_t n = 0; n < SMALL_NODES + spare; n++) {
        for (int e = 0; e < SMALL_EDGES; e++)
            if (key[e] == n) sorted[count++] = other[e];
        ptr[n + 1] = count;
    }
    for (int e = SMALL_EDGES; e < SMALL_EDGES + spare; e++)
        sorted[e] = INT32_MAX;
    *row_ptr = clm_input_i32(tape, "rows", ptr, CLM_DIMS(SMALL_NODES + spare + 1));
    *end = clm_input_i32(tape, "ends", sorted, CLM_DIMS(SMALL_EDGES + spare));
}

/* One order of the features in compressed rows: by node, or by column. */
static void compressed(clm_tape *tape, bool by_column, clm_tensor **row_ptr, clm_tensor **col,
                       clm_tensor **val)
{
    enum { MOST = SMALL_NODES * SMALL_FEATURES };
    const int rows = by_column ? SMALL_FEATURES : SMALL_NODES;
    const int columns = by_column ? SMALL_NODES : SMALL_FEATURES;
    int32_t ptr[MOST] = {0}, index[MOST], count = 0;
    float value[MOST];
    for (int r = 0; r < rows; r++, ptr[r] = count)
        for (int c = 0; c < columns; c++) {
            const float x = by_column ? small_feature(c, r) : small_feature(r, c);
            if (x == 0) continue;
            index[count] = c;
            value[count++] = x;
        }
    *row_ptr = clm_input_i32(tape, "feature rows", ptr, CLM_DIMS(rows + 1));
    *col = clm_input_i32(tape, "feature columns", index, CLM_DIMS(count));
    *val = clm_input_f32(tape, "feature values", value, CLM_DIMS(count));
}

clm_task_inputs small_inputs(clm_tape *tape, small_form form)
{
    static const int32_t graph_ptr[] = {0, 6, 11, 11};
    const int rows = SMALL_NODES + form.spare;
    float *feature = clm_alloc_array(clm_tape_scope(tape), (size_t)rows * SMALL_FEATURES, 4);
    float *role = clm_alloc_array(clm_tape_scope(tape), (size_t)rows * SMALL_ROLES, 4);
    int32_t *graph_of = clm_alloc_array(clm_tape_scope(tape), (size_t)rows, 4);
    for (int n = 0; n < rows; n++) {
        const bool live = n < SMALL_NODES;
        for (int c = 0; c < SMALL_FEATURES; c++)
            feature[n * SMALL_FEATURES + c] = live ? small_feature(n, c) : NAN;
        for (int r = 0; r < SMALL_ROLES; r++)
            role[n * SMALL_ROLES + r] = live ? small_role(n, r) : NAN;
        graph_of[n] = live ? n >= graph_ptr[1] : -1;
    }
    clm_task_inputs in = {.nodes = rows, .outputs = SMALL_CLASSES};
    in.live = clm_input_i32(tape, "live", (int32_t[]){0, SMALL_NODES}, CLM_DIMS(2));
    in.roles = clm_input_f32(tape, "roles", role, CLM_DIMS(rows, SMALL_ROLES));
    clm_packed_edges *hop = &in.hop[0];
    edges(tape, small_dst, small_src, form.spare, &hop->row_ptr, &hop->src);
    edges(tape, small_src, small_dst, form.spare, &hop->t_row_ptr, &hop->dst);
    if (form.sparse) {
        clm_sparse *x = &in.sparse;
        *x = (clm_sparse){.rows = SMALL_NODES, .columns = SMALL_FEATURES};
        compressed(tape, false, &x->row_ptr, &x->col, &x->val);
        compressed(tape, true, &x->t_row_ptr, &x->t_col, &x->t_val);
    } else {
        in.dense = clm_input_f32(tape, "features", feature, CLM_DIMS(rows, SMALL_FEATURES));
    }
    if (!form.graphs) return in;
    in.graphs = 3;
    in.graph_ptr = clm_input_i32(tape, "graphs", graph_ptr, CLM_DIMS(in.graphs + 1));
    in.graph_of = clm_input_i32(tape, "graph of a node", graph_of, CLM_DIMS(rows));
    return in;
}
