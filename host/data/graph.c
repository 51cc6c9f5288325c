#include "data/graph.h"

#include <string.h>

int32_t clm_graph_relation(const clm_graph *graph, const char *name)
{
    for (int32_t r = 0; r < graph->relations; r++)
        if (strcmp(graph->relation[r].name, name) == 0) return r;
    return -1;
}

int32_t clm_graph_type(const clm_graph *graph, const char *name)
{
    for (int32_t t = 0; t < graph->types; t++)
        if (strcmp(graph->type[t].name, name) == 0) return t;
    return -1;
}

int32_t clm_graph_relation_between(const clm_graph *graph, int32_t from, int32_t to)
{
    for (int32_t r = 0; r < graph->relations; r++)
        if (graph->relation[r].from == from && graph->relation[r].to == to) return r;
    return -1;
}

/* Moves the rows of one type down to the rows from `nodes` on. */
static void move_rows(clm_graph *graph, const clm_node_type *type, int32_t nodes)
{
    int64_t nonzeros = graph->row_ptr[nodes];
    for (int32_t i = 0; i < type->count; i++) {
        const int64_t first = graph->row_ptr[type->first + i];
        const int64_t end = graph->row_ptr[type->first + i + 1];
        memmove(graph->col + nonzeros, graph->col + first, (size_t)(end - first) * sizeof(int32_t));
        memmove(graph->val + nonzeros, graph->val + first, (size_t)(end - first) * sizeof(float));
        nonzeros += end - first;
        /* The new end of this row is at or before the old start of the next, so nothing that is
         * still to be read is overwritten. */
        graph->row_ptr[nodes + i] = nonzeros - (end - first);
        if (graph->label != NULL) graph->label[nodes + i] = graph->label[type->first + i];
        if (graph->role != NULL) graph->role[nodes + i] = graph->role[type->first + i];
    }
    graph->row_ptr[nodes + type->count] = nonzeros;
}

void clm_graph_drop(clm_graph *graph, const bool *kept, bool inner)
{
    int32_t relations = 0, types = 0, nodes = 0;
    for (int32_t r = 0; r < graph->relations; r++) {
        const clm_relation *relation = &graph->relation[r];
        if (kept[relation->from] && kept[relation->to] && (inner || relation->from != relation->to))
            graph->relation[relations++] = *relation;
    }
    graph->relations = relations;
    for (int32_t t = 0; t < graph->types; t++) {
        clm_node_type type = graph->type[t];
        if (!kept[t]) continue;
        const int32_t shift = type.first - nodes;
        for (int32_t r = 0; r < relations; r++) {
            clm_relation *relation = &graph->relation[r];
            for (int32_t e = 0; relation->from == t && e < relation->count; e++)
                relation->src[e] -= shift;
            for (int32_t e = 0; relation->to == t && e < relation->count; e++)
                relation->dst[e] -= shift;
        }
        if (shift > 0) move_rows(graph, &type, nodes);
        type.first = nodes;
        nodes += type.count;
        graph->type[types++] = type;
    }
    graph->nodes = nodes;
    for (int32_t r = 0; r < relations; r++) {
        int32_t from = 0, to = 0;
        for (int32_t t = 0; t < graph->relation[r].from; t++)
            from += kept[t] ? 1 : 0;
        for (int32_t t = 0; t < graph->relation[r].to; t++)
            to += kept[t] ? 1 : 0;
        graph->relation[r].from = from;
        graph->relation[r].to = to;
    }
    graph->types = types;
}
