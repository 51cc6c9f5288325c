/* Mini-batches of graphs on a device against a loop over the graphs, edge by edge, on the host. */
#include "device.h"

#include "base/philox.h"
#include "data/data.h"
#include "data/two_hop.h"
#include "model/graph_batches.h"

#include <math.h>

enum { SEED = 7, EPOCHS = 2 };

/* A tape that packs, and what it should find. */
typedef struct check {
    clm_scope *scope;
    const clm_graph *graph;
    clm_relation relation[2]; /* one hop, two hops */
    clm_graph_batches *batches;
    clm_graph_batch batch;
    clm_tape *tape;
    int32_t *node, *row; /* expected: [N] node of each row; [nodes] row of each node, or -1 */
    int32_t *graph_ptr;
} check;

static void *values(const check *c, const clm_tensor *t)
{
    void *value = clm_alloc(c->scope, clm_tensor_bytes(t) + 4);
    assert_ok(clm_tensor_read(c->tape, t, value));
    return value;
}

typedef struct keyed {
    uint32_t word;
    int32_t node;
} keyed;

static int by_word(const void *a, const void *b)
{
    const keyed *x = a, *y = b;
    if (x->word != y->word) return x->word < y->word ? -1 : 1;
    return x->node < y->node ? -1 : 1;
}

/* Marks the nodes of graph g that stay in a step with the row -2. */
static void keep(const check *c, int32_t g, int32_t step)
{
    const int32_t first = c->graph->graph_first[g], count = c->graph->graph_first[g + 1] - first;
    const double drop = c->batches->choice.drop;
    const int32_t kept = count < 5 ? count : count - (int32_t)(drop * count);
    keyed *list = clm_alloc_array(c->scope, (size_t)count, sizeof *list);
    for (int32_t i = 0; i < count; i++) {
        const uint32_t word =
            clm_philox_draw((uint32_t)(first + i), (uint32_t)step, CLM_STREAM_MASK, 0, SEED)
                .word[0];
        list[i] = (keyed){word, first + i};
        c->row[first + i] = -1;
    }
    if (drop > 0) qsort(list, (size_t)count, sizeof *list, by_word);
    for (int32_t i = 0; i < kept; i++)
        c->row[list[i].node] = -2;
}

/* Rows of the step's batch; returns how many. */
static int32_t expect_rows(check *c, const int32_t *order, int32_t step)
{
    const clm_batch_choice *choice = &c->batches->choice;
    int32_t rows = 0;
    c->graph_ptr[0] = 0;
    for (int32_t v = 0; v < c->graph->nodes; v++)
        c->row[v] = -1;
    for (int64_t b = 0; b < choice->graphs; b++) {
        const int64_t at = step % c->batches->steps * choice->graphs + b;
        if (at < choice->count) {
            const int32_t g = order[at];
            keep(c, g, step);
            for (int32_t v = c->graph->graph_first[g]; v < c->graph->graph_first[g + 1]; v++) {
                if (c->row[v] != -2) continue;
                c->node[rows] = v;
                c->row[v] = rows++;
            }
        }
        c->graph_ptr[b + 1] = rows;
    }
    return rows;
}

static void check_nodes(const check *c, int32_t rows)
{
    const int32_t *live = values(c, c->batch.live), *node = values(c, c->batch.node);
    const int32_t *graph_of = values(c, c->batch.graph_of);
    assert_int_equal(live[0], 0);
    assert_int_equal(live[1], rows);
    assert_memory_equal(node, c->node, (size_t)rows * sizeof *node);
    assert_memory_equal(values(c, c->batch.graph_ptr), c->graph_ptr,
                        (size_t)(c->batch.graphs + 1) * sizeof *node);
    for (int32_t r = 0; r < rows; r++)
        assert_true(c->graph_ptr[graph_of[r]] <= r && r < c->graph_ptr[graph_of[r] + 1]);
    const clm_categories *category = &c->graph->category;
    const int32_t *got = category->fields ? values(c, c->batch.category) : NULL;
    for (int32_t r = 0; r < rows && got; r++)
        for (int32_t f = 0, above = 0; f < category->fields; above += category->size[f++])
            assert_int_equal(got[r * category->fields + f],
                             above + category->value[node[r] * category->fields + f]);
    const int64_t width = c->graph->type[0].dim;
    float *feature = width ? values(c, c->batch.feature) : NULL;
    for (int32_t r = 0; r < rows && feature; r++) {
        for (int64_t i = c->graph->row_ptr[node[r]]; i < c->graph->row_ptr[node[r] + 1]; i++) {
            assert_true(feature[r * width + c->graph->col[i]] == c->graph->val[i]);
            feature[r * width + c->graph->col[i]] = 0;
        }
        for (int64_t i = 0; i < width; i++)
            assert_true(feature[r * width + i] == 0);
    }
}

static void check_labels(const check *c, const int32_t *order, int32_t step)
{
    const void *label = values(c, c->batch.label);
    const int64_t tasks = c->graph->target ? c->graph->tasks : 1;
    for (int64_t b = 0; b < c->batch.graphs; b++) {
        const int64_t at = step % c->batches->steps * c->batch.graphs + b;
        const int32_t g = at < c->batches->choice.count ? order[at] : -1;
        for (int64_t t = 0; t < tasks; t++) {
            if (!c->graph->target) {
                assert_int_equal(((const int32_t *)label)[b],
                                 g < 0 ? -1 : c->graph->graph_label[g]);
                continue;
            }
            const float expected = g < 0 ? NAN : c->graph->target[g * tasks + t];
            const float got = ((const float *)label)[b * tasks + t];
            assert_true(isnan(expected) ? isnan(got) : got == expected);
        }
    }
}

/* One direction of a list: the kept edges of each row are those of its node, in the order of the
 * file. */
static void check_list(const check *c, const clm_packed_edges *packed, const clm_relation *list,
                       bool by_source, int32_t rows)
{
    const int32_t *ptr = values(c, by_source ? packed->t_row_ptr : packed->row_ptr);
    const int32_t *other = values(c, by_source ? packed->dst : packed->src);
    const int32_t *kind =
        packed->kind ? values(c, by_source ? packed->t_kind : packed->kind) : NULL;
    const int32_t *tuple = kind ? packed->kinds->value : NULL, fields = list->category.fields;
    const float *factor = values(c, packed->factor);
    int32_t *next = clm_alloc_array(c->scope, (size_t)rows + 1, sizeof *next);
    assert_int_equal(ptr[0], 0);
    assert_int_equal(kind != NULL, fields > 0);
    for (int32_t r = 0; r < rows; r++)
        next[r] = ptr[r];
    for (int32_t e = 0; e < list->count; e++) {
        const int32_t key = c->row[by_source ? list->src[e] : list->dst[e]];
        const int32_t end = c->row[by_source ? list->dst[e] : list->src[e]];
        if (key < 0 || end < 0) continue;
        assert_int_equal(other[next[key]], end);
        for (int32_t f = 0, above = 0; f < fields; above += list->category.size[f++])
            assert_int_equal(tuple[kind[next[key]] * fields + f],
                             above + list->category.value[e * fields + f]);
        next[key]++;
    }
    for (int32_t r = 0; r < rows; r++) {
        assert_int_equal(next[r], ptr[r + 1]);
        if (by_source) assert_true(fabs(factor[r] - 1 / sqrt(1.0 + next[r] - ptr[r])) < 1e-6);
    }
    for (int64_t r = rows; r < c->batch.nodes; r++)
        assert_int_equal(ptr[r + 1], ptr[rows]);
}

/* Runs `steps` steps from `step` on and compares each; the largest batch goes to `most`. */
static void check_steps(check *c, const int32_t *order, int32_t step, int64_t steps, int64_t *most)
{
    for (const int32_t end = step + (int32_t)steps; step < end; step++) {
        clm_scope scope = {0}, *outer = c->scope;
        c->scope = &scope;
        const int32_t rows = expect_rows(c, order, step);
        assert_true(rows <= c->batch.nodes);
        if (rows > *most) *most = rows;
        assert_ok(clm_tape_run(c->tape, step, 0));
        check_nodes(c, rows);
        check_labels(c, order, step);
        for (int h = 0; h < c->batches->set->hops; h++) {
            check_list(c, &c->batch.hop[h], &c->relation[h], false, rows);
            check_list(c, &c->batch.hop[h], &c->relation[h], true, rows);
        }
        clm_scope_end(&scope);
        c->scope = outer;
    }
}

static void record(const fixture *f, check *c)
{
    c->tape = clm_tape_new(c->scope, f->context, NULL, SEED);
    c->batch = clm_graph_batch_record(c->tape, c->batches);
    clm_tensor *const kept[] = {c->batch.live,     c->batch.node,     c->batch.graph_ptr,
                                c->batch.graph_of, c->batch.category, c->batch.feature,
                                c->batch.label};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (kept[i]) clm_keep(c->tape, kept[i]);
    for (int h = 0; h < c->batches->set->hops; h++) {
        const clm_packed_edges *p = &c->batch.hop[h];
        clm_tensor *const list[] = {p->row_ptr, p->src,    p->kind,  p->t_row_ptr,
                                    p->dst,     p->t_kind, p->factor};
        for (size_t i = 0; i < sizeof list / sizeof *list; i++)
            if (list[i]) clm_keep(c->tape, list[i]);
    }
    assert_ok(clm_tape_plan(c->tape));
    c->node = clm_alloc_array(c->scope, (size_t)c->batch.nodes + 1, sizeof *c->node);
    c->row = clm_alloc_array(c->scope, (size_t)c->graph->nodes, sizeof *c->row);
    c->graph_ptr = clm_alloc_array(c->scope, (size_t)c->batch.graphs + 1, sizeof *c->graph_ptr);
}

/* Property: batches are what a loop over their graphs makes, in every step of two shuffled epochs
 * with random node drop, then for the same graphs on a second tape, in their own order and whole;
 * the largest batch fills the capacity exactly, and a last batch of one graph is left out of
 * training alone. */
static void check_set(fixture *f, clm_scope *scope, const clm_graph *graph, clm_two_hops two_hops,
                      const int32_t *id, int32_t count, int64_t graphs)
{
    clm_batch_set set;
    assert_ok(clm_batch_set_new(scope, graph, two_hops, &set));
    clm_batch_choice choice = {
        .id = id, .count = count, .graphs = graphs, .epochs = EPOCHS, .seed = SEED, .drop = 0.2};
    clm_graph_batches train, score;
    assert_ok(clm_graph_batches_new(scope, &set, &choice, &train));
    choice.epochs = 0;
    choice.drop = 0;
    assert_ok(clm_graph_batches_new(scope, &set, &choice, &score));
    assert_int_equal(score.steps, (count + graphs - 1) / graphs);
    assert_int_equal(train.steps, score.steps - (count % graphs == 1 && count > 1));
    check c = {.scope = scope, .graph = graph, .batches = &train};
    c.relation[0] = graph->relation[0];
    if (set.hops > 1)
        assert_ok(clm_two_hop(scope, graph, two_hops == CLM_TWO_HOPS_RELEASED, &c.relation[1]));
    record(f, &c);
    int32_t *order = clm_alloc_array(scope, (size_t)count, sizeof *order);
    int64_t most = 0;
    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++) {
        assert_ok(clm_graph_batches_shuffle(&train, epoch));
        clm_permutation(order, count, SEED, CLM_STREAM_SHUFFLE, epoch);
        for (int32_t i = 0; i < count; i++)
            order[i] = id[order[i]];
        check_steps(&c, order, (int32_t)(epoch * train.steps), train.steps, &most);
    }
    assert_int_equal(most, train.nodes);
    c.batches = &score;
    record(f, &c);
    most = 0;
    check_steps(&c, id, 0, score.steps, &most);
    assert_int_equal(most, score.nodes);
    check_steps(&c, id, (int32_t)score.steps, 1, &most); /* windows start again */
}

/* Graphs of 1 to 12 nodes: without edges, with an isolated node, a path, rings; edges there and
 * back, in no order; two categories of nodes and of edges. */
static clm_graph small_set(clm_scope *scope, bool categories)
{
    static const int32_t count[] = {1, 2, 3, 4, 5, 6, 12, 7, 1};
    enum { GRAPHS = sizeof count / sizeof *count, NODES = 41, EDGES = 2 * 33 };
    static const int32_t sizes[] = {5, 3};
    clm_graph graph = {.name = "small", .graphs = GRAPHS};
    clm_graph_single(scope, &graph, "node", NODES, "edge", EDGES);
    graph.graph_first = clm_alloc_array(scope, GRAPHS + 1, 4);
    clm_relation *edge = &graph.relation[0];
    int32_t edges = 0;
    for (int32_t g = 0; g < GRAPHS; g++) {
        const int32_t first = graph.graph_first[g], n = count[g];
        graph.graph_first[g + 1] = first + n;
        const int32_t joined = g == 1 ? 0 : g == 5 ? n - 2 : g < 4 ? n - 1 : n == 1 ? 0 : n;
        for (int32_t i = 0; i < joined; i++) { /* the ring's last edge comes first */
            const int32_t u = first + (n - 1 - i) % n, v = first + (n - i) % n;
            edge->src[edges] = edge->dst[edges + 1] = u;
            edge->dst[edges] = edge->src[edges + 1] = v;
            edges += 2;
        }
    }
    assert_int_equal(graph.graph_first[GRAPHS], NODES);
    assert_int_equal(edges, EDGES);
    graph.graph_label = clm_alloc_array(scope, GRAPHS, 4);
    for (int32_t g = 0; g < GRAPHS; g++)
        graph.graph_label[g] = g % 4;
    if (!categories) return graph;
    graph.category = (clm_categories){2, sizes, clm_alloc_array(scope, 2 * NODES, 4)};
    edge->category = (clm_categories){2, sizes, clm_alloc_array(scope, 2 * EDGES, 4)};
    for (int32_t i = 0; i < 2 * NODES; i++)
        graph.category.value[i] = i * 7 % sizes[i % 2];
    for (int32_t i = 0; i < 2 * EDGES; i++)
        edge->category.value[i] = i * 11 % sizes[i % 2];
    graph.tasks = 2;
    graph.target = clm_alloc_array(scope, 2 * GRAPHS, sizeof *graph.target);
    for (int32_t i = 0; i < 2 * GRAPHS; i++)
        graph.target[i] = i % 5 == 3 ? NAN : (float)i;
    return graph;
}

static void small_sets_are_packed(void **state)
{
    fixture *f = *state;
    if (!f->context) skip();
    static const int32_t all[] = {3, 1, 8, 0, 6, 5, 2, 7, 4};
    for (int i = 0; i < 6; i++) {
        static const int64_t batch[] = {1, 2, 4, 5, 9, 16};
        clm_scope scope = {0};
        const clm_graph graph = small_set(&scope, i % 2 == 0);
        check_set(f, &scope, &graph, (clm_two_hops)(i % 3), all, 9, batch[i]);
        clm_scope_end(&scope);
    }
}

/* The graphs of the published training part, or the first ones. */
static void check_published(fixture *f, const char *name, clm_two_hops two_hops)
{
    clm_scope scope = {0};
    const clm_graph *graph = &load_or_skip(&scope, name)->graph;
    int32_t *id = clm_alloc_array(&scope, (size_t)graph->graphs, sizeof *id), count = 0;
    for (int32_t g = 0; g < graph->graphs; g++)
        if (!graph->part || graph->part[g] == CLM_PART_TRAIN) id[count++] = g;
    check_set(f, &scope, graph, two_hops, id, count, 32);
    clm_scope_end(&scope);
}

static void molecules_are_packed(void **state)
{
    fixture *f = *state;
    if (!f->context) skip();
    check_published(f, "ogbg_molfreesolv", CLM_TWO_HOPS); /* 513 graphs train: one is left over */
    check_published(f, "ogbg_molbbbp", CLM_TWO_HOPS_RELEASED);
}

static void proteins_are_packed(void **state)
{
    fixture *f = *state;
    if (!f->context) skip();
    check_published(f, "ENZYMES", CLM_TWO_HOPS_NONE);
}

/* Errors: a graph that is no set, and batches of nothing. */
static void no_batch_is_refused(void **state)
{
    (void)state;
    clm_scope scope = {0};
    clm_graph graph = small_set(&scope, true);
    clm_batch_set set;
    clm_graph_batches batches;
    assert_ok(clm_batch_set_new(&scope, &graph, CLM_TWO_HOPS_NONE, &set));
    assert_int_equal(
        clm_graph_batches_new(&scope, &set, &(clm_batch_choice){.graphs = 4}, &batches), CLM_FAIL);
    graph.graphs = 0;
    assert_int_equal(clm_batch_set_new(&scope, &graph, CLM_TWO_HOPS_NONE, &set), CLM_FAIL);
    clm_scope_end(&scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_sets_are_packed), cmocka_unit_test(molecules_are_packed),
        cmocka_unit_test(proteins_are_packed), cmocka_unit_test(no_batch_is_refused)};
    return cmocka_run_group_tests(tests, open_device, close_device);
}
