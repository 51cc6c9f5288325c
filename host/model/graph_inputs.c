#include "model/graph_inputs.h"

#include "nn/typed_rows.h"

#include <string.h>

/* CSR with one column of ones per type appended, so that biases are rows of the projection. */
static void append_bias_columns(clm_tape *tape, int types, const int32_t *type_first,
                                const clm_features *f, clm_sparse *out)
{
    clm_scope *scope = clm_tape_scope(tape);
    const int64_t n = f->rows, nonzeros = f->nonzeros + n, columns = f->columns + types;
    int32_t *row_ptr = clm_alloc_array(scope, (size_t)n + 1, 4),
            *col = clm_alloc_array(scope, (size_t)nonzeros, 4);
    float *val = clm_alloc_array(scope, (size_t)nonzeros, 4);
    for (int t = 0; t < types; t++)
        for (int32_t i = type_first[t]; i < type_first[t + 1]; i++) {
            const int32_t count = f->row_ptr[i + 1] - f->row_ptr[i], to = f->row_ptr[i] + i;
            memcpy(col + to, f->col + f->row_ptr[i], (size_t)count * 4);
            memcpy(val + to, f->val + f->row_ptr[i], (size_t)count * 4);
            col[to + count] = f->columns + t;
            val[to + count] = 1;
            row_ptr[i + 1] = to + count + 1;
        }
    int32_t *t_row_ptr = clm_alloc_array(scope, (size_t)columns + 1, 4);
    int32_t *t_col = clm_alloc_array(scope, (size_t)nonzeros, 4);
    float *t_val = clm_alloc_array(scope, (size_t)nonzeros, 4);
    memcpy(t_row_ptr, f->t_row_ptr, ((size_t)f->columns + 1) * 4);
    memcpy(t_col, f->t_col, (size_t)f->nonzeros * 4);
    memcpy(t_val, f->t_val, (size_t)f->nonzeros * 4);
    for (int t = 0; t < types; t++) {
        t_row_ptr[f->columns + t + 1] = (int32_t)f->nonzeros + type_first[t + 1];
        for (int32_t i = type_first[t]; i < type_first[t + 1]; i++) {
            t_col[f->nonzeros + i] = i;
            t_val[f->nonzeros + i] = 1;
        }
    }
    *out = (clm_sparse){
        .rows = n,
        .columns = columns,
        .row_ptr = clm_input_i32(tape, "feature rows", row_ptr, CLM_DIMS(n + 1)),
        .col = clm_input_i32(tape, "feature columns", col, CLM_DIMS(nonzeros)),
        .val = clm_input_f32(tape, "feature values", val, CLM_DIMS(nonzeros)),
        .t_row_ptr =
            clm_input_i32(tape, "transposed feature rows", t_row_ptr, CLM_DIMS(columns + 1)),
        .t_col = clm_input_i32(tape, "transposed feature columns", t_col, CLM_DIMS(nonzeros)),
        .t_val = clm_input_f32(tape, "transposed feature values", t_val, CLM_DIMS(nonzeros)),
    };
}

static clm_sparse share_sparse(clm_tape *tape, const clm_sparse *x)
{
    return (clm_sparse){.rows = x->rows,
                        .columns = x->columns,
                        .row_ptr = clm_input_shared(tape, x->row_ptr),
                        .col = clm_input_shared(tape, x->col),
                        .val = clm_input_shared(tape, x->val),
                        .t_row_ptr = clm_input_shared(tape, x->t_row_ptr),
                        .t_col = clm_input_shared(tape, x->t_col),
                        .t_val = clm_input_shared(tape, x->t_val)};
}

static void record_edges(clm_tape *tape, const clm_adjacency *a, clm_edges *edges)
{
    *edges = (clm_edges){
        .nodes = a->nodes,
        .rows = a->rows,
        .edges = a->edges,
        .segments = a->segments,
        .segment_ptr =
            clm_input_i32(tape, "attention segments", a->segment_ptr, CLM_DIMS(a->nodes + 1)),
        .edge_ptr = clm_input_i32(tape, "edge rows", a->edge_ptr, CLM_DIMS(a->segments + 1)),
        .source = clm_input_i32(tape, "edge sources", a->source, CLM_DIMS(a->edges)),
        .source_ptr = clm_input_i32(tape, "source rows", a->source_ptr, CLM_DIMS(a->rows + 1)),
        .source_edge = clm_input_i32(tape, "source edges", a->source_edge, CLM_DIMS(a->edges)),
        .source_target =
            clm_input_i32(tape, "source targets", a->source_target, CLM_DIMS(a->edges)),
    };
}

static clm_message_graph message_graph(clm_tape *tape, const clm_adjacency *adjacency)
{
    clm_message_graph graph = {0};
    record_edges(tape, adjacency, &graph.edges);
    clm_typed_rows(tape, adjacency->nodes, adjacency->relations, adjacency->row_first,
                   adjacency->row_node, &graph.projected, &graph.projected_offsets);
    return graph;
}

static void record_types(clm_tape *tape, const clm_graph_source *source, clm_graph_inputs *in)
{
    const int32_t *first = source->type_first;
    int32_t *type = clm_alloc_array(clm_tape_scope(tape), (size_t)in->nodes + 1, sizeof *type);
    for (int t = 0; t < source->types; t++)
        for (int32_t i = first[t]; i < first[t + 1]; i++)
            type[i] = t;
    in->type = clm_input_i32(tape, "node types", type, CLM_DIMS(in->nodes));
    in->type_offsets = clm_input_i32(tape, "type offsets", first, CLM_DIMS(source->types + 1));
}

void clm_graph_inputs_record(clm_tape *tape, const clm_graph_source *source,
                             const clm_graph_inputs *like, clm_graph_inputs *in)
{
    const clm_adjacency *adjacency = source->adjacency;
    *in = (clm_graph_inputs){.types = source->types,
                             .relations = adjacency ? adjacency->relations : 0,
                             .nodes = source->type_first[source->types],
                             .type_first = source->type_first,
                             .read = source->read,
                             .column_first =
                                 source->features ? source->features->column_first : NULL};
    if (like) {
        in->features = share_sparse(tape, &like->features);
        in->type = clm_input_shared(tape, like->type);
        in->type_offsets = clm_input_shared(tape, like->type_offsets);
    } else {
        record_types(tape, source, in);
        if (source->features)
            append_bias_columns(tape, source->types, source->type_first, source->features,
                                &in->features);
    }
    if (!adjacency) return;
    in->source_type =
        clm_input_i32(tape, "source types", adjacency->source_type, CLM_DIMS(adjacency->relations));
    in->last = in->graph = message_graph(tape, adjacency);
    if (source->last) in->last = message_graph(tape, source->last);
}
