/* Sparse mixtures of graph convolutions against dense ones: an expert that runs on few rows gives
 * there what it gives when it runs on all. */
#include "unit.h"

#include "base/philox.h"
#include "cl/expert_pairs/expert_pairs.h"
#include "cl/expert_sum/expert_sum.h"
#include "cl/spread_gates/spread_gates.h"
#include "nn/pick_rows.h"
#include "op/verify.h"

#include <math.h>

enum { N = 41, LIVE = 37, DEGREE = 3, M = LIVE * DEGREE, D = 6, E = 5, K = 2, Q = 4 };

enum { GATE, X, BOND, ROOT, EPS, W, B, LEAVES };

typedef struct mixture {
    clm_tape *tape;
    clm_tensor *live, *topk, *leaf[LEAVES], *gradient[LEAVES];
    clm_packed_edges edges;
    clm_expert_pairs pairs; /* of the sparse forms */
    clm_tensor *y;
} mixture;

static float normal(uint32_t i, uint32_t what)
{
    const clm_philox r = clm_philox_draw(i, what, CLM_STREAM_GENERATE, 0, 5);
    float pair[2];
    clm_normal(r.word[0], r.word[1], pair);
    return pair[0];
}

static int32_t below(uint32_t i, uint32_t what, uint32_t bound)
{
    return (int32_t)clm_uniform_below(clm_philox_draw(i, what, CLM_STREAM_GENERATE, 1, 5).word[0],
                                      bound);
}

/* Normal numbers; `wide`: element (e, i, c) of [E, rows, D] is at (i, e, c). */
static clm_tensor *leaf(clm_tape *tape, uint32_t what, int64_t rows, bool wide, int rank,
                        const int64_t *dim)
{
    clm_tensor *t = clm_input_f32(tape, "leaf", NULL, rank, dim);
    for (uint32_t i = 0; i < clm_elements(t); i++) {
        const int64_t e = i / (rows * D), r = i / D % rows, c = i % D;
        ((float *)t->value)[wide ? (r * E + e) * D + c : i] = normal(i, what);
    }
    return t;
}

/* Edges by one of their ends, in order. */
static void by_end(clm_scope *scope, const int32_t *key, const int32_t *other, const int32_t *kind,
                   clm_tape *tape, clm_tensor **ptr, clm_tensor **end, clm_tensor **end_kind)
{
    int32_t *first = clm_alloc_array(scope, N + 1, 4), sorted[M], kinds[M], count = 0;
    for (int32_t n = 0; n < N; n++) {
        for (int32_t i = 0; i < M; i++) {
            if (key[i] != n) continue;
            sorted[count] = other[i];
            kinds[count++] = kind[i];
        }
        first[n + 1] = count;
    }
    *ptr = clm_input_i32(tape, "ptr", first, CLM_DIMS(N + 1));
    *end = clm_input_i32(tape, "end", sorted, CLM_DIMS(M));
    *end_kind = clm_input_i32(tape, "kind", kinds, CLM_DIMS(M));
}

/* Inputs of all forms: the same numbers, weights side by side or one after the other. Gates of all
 * experts are 0 where one is not chosen. */
static mixture inputs(clm_scope *scope, clm_context *context, bool wide, bool all_gates)
{
    mixture m = {.tape = clm_tape_new(scope, context, NULL, 0)};
    int32_t src[M], dst[M], kind[M], topk[N * K];
    float factor[N], gate[N * K], all[N * E] = {0};
    clm_tape_set_training(m.tape, true);
    for (uint32_t i = 0; i < M; i++) {
        src[i] = below(i, 0, LIVE);
        dst[i] = below(i, 1, LIVE / 2); /* the others have no in-edge */
        kind[i] = below(i, 2, Q);
    }
    for (uint32_t n = 0; n < N; n++) {
        factor[n] = 0.3F + 0.1F * (float)(n % 7);
        for (uint32_t j = 0; j < K; j++) {
            topk[n * K + j] = (below(n, 3, E - 1) + (int32_t)j) % E;
            gate[n * K + j] = 0.2F + 0.3F * (float)((n + j) % 3);
            all[n * E + (uint32_t)topk[n * K + j]] = gate[n * K + j];
        }
    }
    by_end(scope, dst, src, kind, m.tape, &m.edges.row_ptr, &m.edges.src, &m.edges.kind);
    by_end(scope, src, dst, kind, m.tape, &m.edges.t_row_ptr, &m.edges.dst, &m.edges.t_kind);
    m.edges.factor = clm_input_f32(m.tape, "factor", factor, CLM_DIMS(N));
    m.live = clm_input_i32(m.tape, "live", (const int32_t[]){0, LIVE}, CLM_DIMS(2));
    m.topk = clm_input_i32(m.tape, "topk", topk, CLM_DIMS(N, K));
    m.leaf[GATE] = all_gates ? clm_input_f32(m.tape, "gates", all, CLM_DIMS(N, E))
                             : clm_input_f32(m.tape, "gates", gate, CLM_DIMS(N, K));
    m.leaf[X] = leaf(m.tape, X, 1, false, CLM_DIMS(N, D));
    m.leaf[EPS] = clm_input_f32(m.tape, "eps", factor, CLM_DIMS(E));
    if (wide) {
        m.leaf[W] = leaf(m.tape, W, D, true, CLM_DIMS(1, D, E * D));
        m.leaf[B] = leaf(m.tape, B, 1, true, CLM_DIMS(1, E * D));
        m.leaf[BOND] = leaf(m.tape, BOND, Q, true, CLM_DIMS(Q, E * D));
        m.leaf[ROOT] = leaf(m.tape, ROOT, 1, true, CLM_DIMS(1, E * D));
    } else {
        m.leaf[W] = leaf(m.tape, W, D, false, CLM_DIMS(E, D, D));
        m.leaf[B] = leaf(m.tape, B, 1, false, CLM_DIMS(E, D));
        m.leaf[BOND] = leaf(m.tape, BOND, Q, true, CLM_DIMS(Q * E, D));
        m.leaf[ROOT] = leaf(m.tape, ROOT, 1, false, CLM_DIMS(E, D));
    }
    for (int i = 0; i < LEAVES; i++)
        clm_want_gradient(m.tape, m.leaf[i]);
    return m;
}

static const double scale = 0.25;

static void dense_gcn(mixture *m)
{
    const clm_message_edges edges = {.row_ptr = m->edges.row_ptr,
                                     .src = m->edges.src,
                                     .kind = m->edges.kind,
                                     .t_row_ptr = m->edges.t_row_ptr,
                                     .dst = m->edges.dst,
                                     .t_kind = m->edges.t_kind,
                                     .factor = m->edges.factor,
                                     .x_factor = m->edges.factor,
                                     .live = m->live};
    clm_tensor *h =
        clm_grouped_gemm(m->tape, m->leaf[X], (clm_rows){0}, m->leaf[W], m->leaf[B], m->live, N);
    h = clm_gcn_sum(m->tape, h, m->leaf[BOND], m->leaf[ROOT], &edges);
    m->y = clm_expert_sum(m->tape, h, clm_spread_gates(m->tape, m->leaf[GATE], m->topk, 0, E), NULL,
                          m->live, scale);
}

static void sparse_gcn(mixture *m)
{
    const clm_expert_pairs *p = &m->pairs;
    m->pairs = clm_expert_pairs_new(m->tape, m->topk, 0, E, m->live, &m->edges, false);
    clm_tensor *h = clm_grouped_gemm(m->tape, m->leaf[X], p->rows, m->leaf[W], m->leaf[B],
                                     p->x_offsets, p->needed);
    h = clm_gcn_sum(m->tape, h, m->leaf[BOND], m->leaf[ROOT], &p->edges);
    m->y = clm_expert_sum(m->tape, h, m->leaf[GATE], p->slot, NULL, scale);
}

/* GIN in rows by expert: of the experts in `topk`, null: all. */
static void rows_gin(mixture *m, clm_tensor *topk)
{
    clm_packed_edges edges = m->edges;
    edges.factor = NULL;
    m->pairs = clm_expert_pairs_new(m->tape, topk, 0, E, m->live, &edges, false);
    clm_tensor *h = clm_gin_sum(m->tape, clm_pick_rows(m->tape, m->leaf[X], &m->pairs.rows),
                                m->leaf[BOND], m->leaf[EPS], &m->pairs.edges);
    h = clm_grouped_gemm(m->tape, h, (clm_rows){0}, m->leaf[W], m->leaf[B], m->pairs.offsets,
                         m->pairs.routed);
    m->y = clm_expert_sum(m->tape, h, m->leaf[GATE], m->pairs.slot, NULL, scale);
}

/* Records the backward pass from normal numbers, none past the live rows. */
static void backward(mixture *m)
{
    float *c = NULL;
    clm_tensor *cotangent = clm_input_f32(m->tape, "cotangent", NULL, CLM_DIMS(N, D));
    assert_non_null(cotangent);
    c = cotangent->value;
    for (uint32_t i = 0; i < LIVE * D; i++)
        c[i] = normal(i, 20);
    clm_keep(m->tape, m->y);
    clm_tape_backward_from(m->tape, 1, &m->y, &cotangent);
    for (int i = 0; i < LEAVES; i++) {
        m->gradient[i] = clm_gradient_of(m->tape, m->leaf[i]);
        if (m->gradient[i]) clm_keep(m->tape, m->gradient[i]);
    }
    assert_ok(clm_tape_reference_begin(m->tape));
    clm_tape_reference_run(m->tape, 0, 0);
}

static void same(const char *what, const double *a, const double *b, int64_t n)
{
    double norm = 0, difference = 0;
    for (int64_t i = 0; i < n; i++) {
        norm += a[i] * a[i];
        difference += (a[i] - b[i]) * (a[i] - b[i]);
    }
    if (!(norm > 0 && difference <= 1e-24 * norm))
        fail_msg("%s: norm %g, difference %g", what, sqrt(norm), sqrt(difference));
}

/* Property: experts that run only on what is routed to them give the sum, and the gradients of rows,
 * gates, bond vectors and root vectors or eps, that experts give which run everywhere; and they run
 * on no more pairs than are routed. Exact: the reference is in double. */
static void sparse_equals_dense(void **state)
{
    (void)state;
    for (int gin = 0; gin < 2; gin++) {
        clm_scope scope = {0};
        mixture dense = inputs(&scope, NULL, !gin, gin),
                sparse = inputs(&scope, NULL, false, false);
        if (gin) {
            rows_gin(&dense, NULL);
            rows_gin(&sparse, sparse.topk);
        } else {
            dense_gcn(&dense);
            sparse_gcn(&sparse);
        }
        backward(&dense);
        backward(&sparse);
        same("sum", dense.y->host, sparse.y->host, LIVE * D);
        same("rows", dense.gradient[X]->host, sparse.gradient[X]->host, LIVE * D);
        same("bonds", dense.gradient[BOND]->host, sparse.gradient[BOND]->host, Q * E * D);
        if (gin)
            same("eps", dense.gradient[EPS]->host, sparse.gradient[EPS]->host, E);
        else
            same("roots", dense.gradient[ROOT]->host, sparse.gradient[ROOT]->host, E * D);
        const double *gate[2] = {dense.gradient[GATE]->host, sparse.gradient[GATE]->host};
        const int32_t *topk = sparse.topk->host;
        for (int i = 0; i < LIVE * K; i++)
            assert_true(fabs(gate[1][i] - gate[0][gin ? i / K * E + topk[i] : i]) < 1e-12);
        const int32_t *rows = sparse.pairs.offsets->host, *needed = sparse.pairs.x_offsets->host;
        assert_int_equal(rows[E], LIVE * K);
        assert_in_range(needed[E], rows[E], LIVE * E - 1);
        clm_scope_end(&scope);
    }
}

/* Property: on a device they give what they give in double. */
static void device_equals_reference(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_device *devices;
    clm_context *context;
    size_t count;
    const bool found = clm_devices_select(&scope, NULL, &devices, &count) == CLM_OK;
    if (found) assert_ok(clm_context_open(&scope, devices, NULL, &context));
    for (int gin = 0; found && gin < 2; gin++) {
        mixture m = inputs(&scope, context, false, false);
        if (gin)
            rows_gin(&m, m.topk);
        else
            sparse_gcn(&m);
        backward(&m);
        assert_ok(clm_tape_plan(m.tape));
        assert_ok(clm_tape_run(m.tape, 0, 0));
        float got[Q * E * D + N * D];
        assert_ok(clm_tensor_read(m.tape, m.y, got));
        assert_true(clm_relative_error(got, m.y->host, LIVE * D) < 1e-6);
        for (int i = 0; i < LEAVES; i++) {
            if (!m.gradient[i]) continue;
            const int64_t n = i == X ? LIVE * D : clm_elements(m.gradient[i]);
            assert_ok(clm_tensor_read(m.tape, m.gradient[i], got));
            assert_true(clm_relative_error(got, m.gradient[i]->host, n) < 2e-6);
        }
    }
    clm_scope_end(&scope);
    if (!found) skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sparse_equals_dense),
                                       cmocka_unit_test(device_equals_reference)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
