/* Features of all node types as one sparse matrix and its transpose, by counting sorts. */
#include "data/graph.h"

#include <string.h>

/* Features of one node type as CSR, columns within the type. `row_ptr` has count + 1 entries and
 * may start above 0. Null: the type has none and gets one column of ones. */
typedef struct type_rows {
    const int64_t *row_ptr;
    const int32_t *col;
    const float *val;
} type_rows;

/* Edges of the target grouped by start node: end nodes of i are to[ptr[i] .. ptr[i + 1]). */
typedef struct neighbours {
    int64_t *ptr;
    int32_t *to;
} neighbours;

static neighbours group(clm_scope *work, const clm_node_type *from, const clm_pairs_host *pairs)
{
    neighbours by = {clm_alloc_array(work, (size_t)from->count + 1, sizeof(int64_t)),
                     clm_alloc_array(work, (size_t)pairs->count, sizeof(int32_t))};
    int64_t *next = clm_alloc_array(work, (size_t)from->count + 1, sizeof *next);
    for (int32_t e = 0; e < pairs->count; e++)
        by.ptr[pairs->u[e] - from->first + 1]++;
    for (int32_t i = 0; i < from->count; i++)
        by.ptr[i + 1] += by.ptr[i];
    memcpy(next, by.ptr, ((size_t)from->count + 1) * sizeof *next);
    for (int32_t e = 0; e < pairs->count; e++)
        by.to[next[pairs->u[e] - from->first]++] = pairs->v[e];
    return by;
}

/* Largest number of entries that the union of all neighbours' rows can have. */
static int64_t count_terms(const clm_graph *graph, const clm_pairs_host *pairs)
{
    int64_t terms = 0;
    for (int32_t e = 0; e < pairs->count; e++)
        terms += graph->row_ptr[pairs->v[e] + 1] - graph->row_ptr[pairs->v[e]];
    return terms;
}

/* Rows of the start type as mean or union of its neighbours' rows; the sum of a column is kept in
 * double, and which columns a row touches in `touched`, in the order of first touch. */
static type_rows recompute(clm_scope *work, const clm_dataset *dataset, const clm_pairs_host *train)
{
    const clm_graph *graph = &dataset->graph;
    const clm_relation *target = &graph->relation[dataset->target];
    const clm_node_type *from = &graph->type[target->from];
    const size_t dim = (size_t)graph->type[target->to].dim;
    const neighbours by = group(work, from, train);
    const int64_t terms = count_terms(graph, train);
    int64_t *row_ptr = clm_alloc_array(work, (size_t)from->count + 1, sizeof *row_ptr);
    int32_t *col = clm_alloc_array(work, (size_t)terms, sizeof *col);
    float *val = clm_alloc_array(work, (size_t)terms, sizeof *val);
    double *sum = clm_alloc_array(work, dim, sizeof *sum);
    int32_t *touched_by = clm_alloc_array(work, dim, sizeof *touched_by); /* row + 1 */
    int64_t nonzeros = 0;
    for (int32_t i = 0; i < from->count; i++) {
        const int64_t first = nonzeros, degree = by.ptr[i + 1] - by.ptr[i];
        for (int64_t n = by.ptr[i]; n < by.ptr[i + 1]; n++) {
            for (int64_t k = graph->row_ptr[by.to[n]]; k < graph->row_ptr[by.to[n] + 1]; k++) {
                const int32_t c = graph->col[k];
                if (touched_by[c] != i + 1) {
                    touched_by[c] = i + 1;
                    sum[c] = 0;
                    col[nonzeros++] = c;
                }
                sum[c] += (double)graph->val[k];
            }
        }
        const int64_t end = nonzeros;
        nonzeros = first;
        for (int64_t k = first; k < end; k++) {
            const double mean = sum[col[k]] / (double)degree;
            const float value = dataset->made == CLM_MADE_MEAN ? (float)mean
                                : mean > 0                     ? 1.0f
                                                               : 0.0f;
            if (!(value > 0 || value < 0)) continue;
            col[nonzeros] = col[k];
            val[nonzeros++] = value;
        }
        row_ptr[i + 1] = nonzeros;
    }
    return (type_rows){row_ptr, col, val};
}

static clm_status can_recompute(const clm_dataset *dataset)
{
    const clm_graph *graph = &dataset->graph;
    if (dataset->made == CLM_MADE_NONE || dataset->target < 0)
        return clm_skip("features=train_only cannot be had for %s: %s", dataset->name,
                        dataset->made_unsupported != NULL ? dataset->made_unsupported
                                                          : "there is no link to predict");
    const clm_relation *target = &graph->relation[dataset->target];
    const clm_node_type *from = &graph->type[target->from], *to = &graph->type[target->to];
    if (from->dim == to->dim) return CLM_OK;
    return clm_skip("features=train_only cannot be had for %s: %s has %d features, %s %d",
                    dataset->name, from->name, from->dim, to->name, to->dim);
}

/* Sizes and row_ptr; `rows` are the features of each type. */
static clm_status measure(clm_scope *scope, const clm_dataset *dataset, const type_rows *rows,
                          clm_features *features)
{
    const clm_graph *graph = &dataset->graph;
    *features = (clm_features){.rows = graph->nodes};
    features->column_first = clm_alloc_array(scope, (size_t)graph->types + 1, sizeof(int32_t));
    features->row_ptr = clm_alloc_array(scope, (size_t)graph->nodes + 1, sizeof(int32_t));
    int64_t columns = 0, nonzeros = 0;
    for (int32_t t = 0; t < graph->types; t++) {
        const clm_node_type *type = &graph->type[t];
        columns += type->dim > 0 ? type->dim : 1;
        nonzeros += type->dim > 0 ? rows[t].row_ptr[type->count] - rows[t].row_ptr[0] : type->count;
        if (columns > INT32_MAX || nonzeros > INT32_MAX)
            return clm_fail(CLM_ERROR_TOO_LARGE, "%s: more than 2^31 feature columns or nonzeros",
                            dataset->name);
        features->column_first[t + 1] = (int32_t)columns;
        for (int32_t i = 0; i < type->count; i++) {
            const int64_t length = type->dim > 0 ? rows[t].row_ptr[i + 1] - rows[t].row_ptr[i] : 1;
            features->row_ptr[type->first + i + 1] =
                features->row_ptr[type->first + i] + (int32_t)length;
        }
    }
    features->columns = (int32_t)columns;
    features->nonzeros = nonzeros;
    return CLM_OK;
}

static void copy_rows(clm_scope *scope, const clm_graph *graph, const type_rows *rows,
                      clm_features *features)
{
    features->col = clm_alloc_array(scope, (size_t)features->nonzeros, sizeof(int32_t));
    features->val = clm_alloc_array(scope, (size_t)features->nonzeros, sizeof(float));
    for (int32_t t = 0; t < graph->types; t++) {
        const clm_node_type *type = &graph->type[t];
        const int32_t first = features->row_ptr[type->first], column = features->column_first[t];
        const int32_t end = features->row_ptr[type->first + type->count];
        const int64_t from = type->dim > 0 ? rows[t].row_ptr[0] : 0;
        for (int32_t k = first; k < end; k++) {
            const int64_t k_from = from + (k - first);
            features->col[k] = column + (type->dim > 0 ? rows[t].col[k_from] : 0);
            features->val[k] = type->dim > 0 ? rows[t].val[k_from] : 1;
        }
    }
}

/* Sorted by column; within a column by row, because rows are visited in order. */
static void transpose(clm_scope *scope, clm_scope *work, clm_features *features)
{
    const size_t columns = (size_t)features->columns, nonzeros = (size_t)features->nonzeros;
    features->t_row_ptr = clm_alloc_array(scope, columns + 1, sizeof(int32_t));
    features->t_col = clm_alloc_array(scope, nonzeros, sizeof(int32_t));
    features->t_val = clm_alloc_array(scope, nonzeros, sizeof(float));
    int32_t *next = clm_alloc_array(work, columns + 1, sizeof *next);
    for (size_t k = 0; k < nonzeros; k++)
        features->t_row_ptr[features->col[k] + 1]++;
    for (size_t c = 0; c < columns; c++)
        features->t_row_ptr[c + 1] += features->t_row_ptr[c];
    memcpy(next, features->t_row_ptr, (columns + 1) * sizeof *next);
    for (int32_t row = 0; row < features->rows; row++) {
        for (int32_t k = features->row_ptr[row]; k < features->row_ptr[row + 1]; k++) {
            const int32_t at = next[features->col[k]]++;
            features->t_col[at] = row;
            features->t_val[at] = features->val[k];
        }
    }
}

/* Columns of each row in increasing order, out of the transpose: rows that were recomputed have
 * them in the order in which the neighbours did. */
static void sort_rows(clm_scope *work, clm_features *features)
{
    int32_t *next = clm_alloc_array(work, (size_t)features->rows + 1, sizeof *next);
    memcpy(next, features->row_ptr, ((size_t)features->rows + 1) * sizeof *next);
    for (int32_t column = 0; column < features->columns; column++) {
        for (int32_t k = features->t_row_ptr[column]; k < features->t_row_ptr[column + 1]; k++) {
            const int32_t at = next[features->t_col[k]]++;
            features->col[at] = column;
            features->val[at] = features->t_val[k];
        }
    }
}

static clm_status build(clm_scope *scope, clm_scope *work, const clm_dataset *dataset,
                        const clm_pairs_host *train, clm_features *features)
{
    const clm_graph *graph = &dataset->graph;
    type_rows *rows = clm_alloc_array(work, (size_t)graph->types, sizeof *rows);
    for (int32_t t = 0; t < graph->types; t++)
        rows[t] = (type_rows){graph->row_ptr + graph->type[t].first, graph->col, graph->val};
    if (train != NULL) {
        CLM_TRY(can_recompute(dataset));
        rows[graph->relation[dataset->target].from] = recompute(work, dataset, train);
    }
    CLM_TRY(measure(scope, dataset, rows, features));
    copy_rows(scope, graph, rows, features);
    transpose(scope, work, features);
    if (train != NULL) sort_rows(work, features);
    return CLM_OK;
}

clm_status clm_features_new(clm_scope *scope, const clm_dataset *dataset, bool train_only,
                            const clm_pairs_host *train, clm_features *features)
{
    clm_scope work = {0};
    const clm_status status = build(scope, &work, dataset, train_only ? train : NULL, features);
    clm_scope_end(&work);
    return status;
}
