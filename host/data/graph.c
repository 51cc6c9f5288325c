#include "data/graph.h"

#include <math.h>
#include <string.h>

const char *clm_task_name(clm_task task)
{
    static const char *const names[] = {"link", "accuracy", "rocauc", "rmse"};
    return names[task];
}

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

void clm_graph_single(clm_scope *scope, clm_graph *graph, const char *type, int32_t nodes,
                      const char *relation, int32_t edges)
{
    graph->nodes = nodes;
    graph->types = graph->relations = 1;
    graph->type = clm_alloc(scope, sizeof *graph->type);
    *graph->type = (clm_node_type){.name = type, .count = nodes};
    graph->relation = clm_alloc(scope, sizeof *graph->relation);
    *graph->relation = (clm_relation){.name = relation, .count = edges};
    graph->relation->src = clm_alloc_array(scope, (size_t)edges, sizeof(int32_t));
    graph->relation->dst = clm_alloc_array(scope, (size_t)edges, sizeof(int32_t));
    graph->row_ptr = clm_alloc_array(scope, (size_t)nodes + 1, sizeof *graph->row_ptr);
}

int64_t clm_graph_labels(const clm_graph *graph)
{
    int64_t labels = 0;
    for (int64_t i = 0; graph->target != NULL && i < (int64_t)graph->graphs * graph->tasks; i++)
        labels += isnan(graph->target[i]) ? 0 : 1;
    for (int32_t g = 0; graph->graph_label != NULL && g < graph->graphs; g++)
        labels += graph->graph_label[g] >= 0 ? 1 : 0;
    for (int32_t v = 0; graph->label != NULL && v < graph->nodes; v++)
        labels += graph->label[v] >= 0 ? 1 : 0;
    return labels;
}

void clm_graph_parts(const clm_graph *graph, int32_t count[4])
{
    for (int p = 0; p < 4; p++)
        count[p] = 0;
    const int32_t members = graph->graphs > 0 ? graph->graphs : graph->nodes;
    for (int32_t i = 0; graph->part != NULL && i < members; i++)
        count[graph->part[i]]++;
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
