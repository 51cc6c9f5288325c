#include "nn/small_graph.h"

#include "base/philox.h"

double small_normal(uint32_t element, uint32_t step)
{
    const clm_philox r = clm_philox_draw(element, step, CLM_STREAM_GENERATE, 77, 5);
    float pair[2];
    clm_normal(r.word[0], r.word[1], pair);
    return pair[0];
}

clm_dataset small_graph(clm_scope *scope)
{
    static const int32_t from[] = {0, 1, 1, 2, 0}, to[] = {1, 0, 2, 1, 2},
                         count[] = {9, 9, 8, 8, 0};
    clm_dataset data = {.name = "small", .target = -1, .reverse = -1};
    clm_graph *g = &data.graph;
    *g = (clm_graph){.name = "small", .nodes = 16, .types = 3, .relations = 5};
    g->type = clm_alloc_array(scope, 3, sizeof *g->type);
    for (int t = 0; t < 3; t++)
        g->type[t] = (clm_node_type){"", small_type_first[t],
                                     small_type_first[t + 1] - small_type_first[t], 2 + t};
    g->relation = clm_alloc_array(scope, 5, sizeof *g->relation);
    for (int r = 0; r < 5; r++) {
        clm_relation *e = &g->relation[r];
        *e = (clm_relation){.name = "", .from = from[r], .to = to[r], .count = count[r]};
        e->src = clm_alloc_array(scope, 16, 4);
        e->dst = clm_alloc_array(scope, 16, 4);
        for (int i = 0; i < count[r]; i++) {
            const clm_philox w =
                clm_philox_draw((uint32_t)i, (uint32_t)r, CLM_STREAM_GENERATE, 3, 1);
            e->src[i] = small_type_first[from[r]] +
                        (int32_t)clm_uniform_below(w.word[0], (uint32_t)g->type[from[r]].count);
            e->dst[i] = small_type_first[to[r]] +
                        (int32_t)clm_uniform_below(w.word[1], (uint32_t)g->type[to[r]].count - 1);
        }
    }
    g->row_ptr = clm_alloc_array(scope, 17, sizeof *g->row_ptr);
    g->col = clm_alloc_array(scope, 64, 4);
    g->val = clm_alloc_array(scope, 64, 4);
    for (int32_t i = 0; i < 16; i++) {
        const int t = i < 5 ? 0 : i < 9 ? 1 : 2;
        g->row_ptr[i + 1] = g->row_ptr[i];
        for (int32_t c = 0; c < g->type[t].dim; c++) {
            if (small_normal((uint32_t)(i * 8 + c), 5) < 0) continue;
            g->col[g->row_ptr[i + 1]] = c;
            g->val[g->row_ptr[i + 1]++] = (float)small_normal((uint32_t)(i * 8 + c), 6);
        }
    }
    return data;
}
