#include "cl/relation_fold/relation_fold.h"

#include "cl/relation_fold/fold.h"
#include "nn/workload.h"

#include <math.h>

enum { W_K, B_K, W_V, B_V, W_ATT, W_MSG, MU, SOURCE_TYPE, W, B };

static const clm_op relation_fold;

clm_tensor *clm_relation_fold(clm_tape *tape, const clm_hgt_weights *x, clm_tensor *source_type,
                              clm_tensor **bias)
{
    *bias = NULL;
    if (x->w_k == NULL || source_type == NULL) return NULL;
    const int64_t d = x->w_k->dim[1], r = source_type->dim[0];
    clm_tensor *w = clm_activation(tape, "relation_fold.w", CLM_F32, 3, (int64_t[]){r, d, 2 * d});
    clm_tensor *b = clm_activation(tape, "relation_fold.b", CLM_F32, 2, (int64_t[]){r, 2 * d});
    clm_record(tape, &(clm_call){.op = &relation_fold,
                                 .arg = {x->w_k, x->b_k, x->w_v, x->b_v, x->w_att, x->w_msg, x->mu,
                                         source_type, w, b}});
    *bias = b;
    return w;
}

static void grad(clm_tape *tape, const clm_call *call)
{
    clm_relation_fold_backward(tape,
                               &(clm_hgt_weights){call->arg[W_K], call->arg[B_K], call->arg[W_V],
                                                  call->arg[B_V], call->arg[W_ATT],
                                                  call->arg[W_MSG], call->arg[MU]},
                               call->arg[SOURCE_TYPE], clm_gradient_of(tape, call->arg[W]),
                               clm_gradient_of(tape, call->arg[B]));
}

/* to[n] = the heads of from[n], each times its C x C matrix and factor, for n in 0 .. rows - 1;
 * rows of `to` are 2 D apart. */
static void fold(const clm_fold *f, const double *from, const double *matrix, const double *factor,
                 int64_t rows, double *to)
{
    for (int64_t n = 0; n < rows; n++)
        for (int64_t h = 0; h < f->h; h++)
            for (int64_t out = 0; out < f->c; out++) {
                double sum = 0;
                for (int64_t in = 0; in < f->c; in++)
                    sum += from[n * f->d + h * f->c + in] * matrix[(h * f->c + in) * f->c + out];
                to[2 * n * f->d + h * f->c + out] =
                    sum * (factor != NULL ? factor[h] / sqrt((double)f->c) : 1);
            }
}

static void reference(const clm_call *call)
{
    const clm_fold f = clm_fold_sizes(call);
    const int32_t *source_type = clm_i32(call, SOURCE_TYPE);
    const double *att = clm_f64(call, W_ATT), *msg = clm_f64(call, W_MSG), *mu = clm_f64(call, MU);
    double *w = clm_f64(call, W), *b = clm_f64(call, B);
    const int64_t square = f.d * f.d, matrices = f.h * f.c * f.c;
    for (int64_t r = 0; r < f.r; r++) {
        const int64_t type = source_type[r];
        double *wr = w + 2 * r * square, *br = b + 2 * r * f.d;
        const double *a = att + r * matrices, *m = msg + r * matrices, *prior = mu + r * f.h;
        fold(&f, clm_f64(call, W_K) + type * square, a, prior, f.d, wr);
        fold(&f, clm_f64(call, B_K) + type * f.d, a, prior, 1, br);
        fold(&f, clm_f64(call, W_V) + type * square, m, NULL, f.d, wr + f.d);
        fold(&f, clm_f64(call, B_V) + type * f.d, m, NULL, 1, br + f.d);
    }
}

static clm_cost cost(const clm_call *call)
{
    const clm_fold f = clm_fold_sizes(call);
    const double d = (double)f.d, c = (double)f.c, t = (double)f.t, r = (double)f.r;
    return (clm_cost){.flops = 4 * r * (d + 1) * d * c,
                      .bytes = 4 * ((2 * t + 2 * r) * (d + 1) * d + 2 * r * d * c)};
}

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    const clm_fold f = clm_fold_sizes(call);
    clm_tensor *const *x = call->arg;
    return clm_fold_launch(plan, call, "relation_fold_f32", 2 * f.r * (f.d + 1) * f.d,
                           CLM_ARGS(clm_t(x[W_K]), clm_t(x[B_K]), clm_t(x[W_V]), clm_t(x[B_V]),
                                    clm_t(x[W_ATT]), clm_t(x[W_MSG]), clm_t(x[MU]),
                                    clm_t(x[SOURCE_TYPE]), clm_t(x[W]), clm_t(x[B])));
}

static bool example(clm_example *example, int index)
{
    clm_fold f;
    if (!clm_fold_example_sizes(index, &f)) return false;
    for (int i = 0; i < 2; i++) {
        clm_example_normal(example, W_K + 2 * i, 1, CLM_DIMS(f.t, f.d, f.d));
        clm_example_normal(example, B_K + 2 * i, 1, CLM_DIMS(f.t, f.d));
    }
    clm_example_normal(example, W_ATT, 1, CLM_DIMS(f.r, f.h, f.c, f.c));
    clm_example_normal(example, W_MSG, 1, CLM_DIMS(f.r, f.h, f.c, f.c));
    clm_example_normal(example, MU, 1, CLM_DIMS(f.r, f.h));
    clm_example_below(example, SOURCE_TYPE, (int32_t)f.t, CLM_DIMS(f.r));
    clm_example_out(example, W, CLM_DIMS(f.r, f.d, 2 * f.d));
    clm_example_out(example, B, CLM_DIMS(f.r, 2 * f.d));
    return true;
}

static void bench(clm_tape *tape, const clm_workload *w)
{
    const int64_t t = w->edge.types, r = w->edge.relations, d = w->width, h = w->heads, c = d / h;
    const clm_hgt_weights x = {.w_k = clm_bench_normal(tape, "w_k", 1, CLM_DIMS(t, d, d)),
                               .b_k = clm_bench_normal(tape, "b_k", 1, CLM_DIMS(t, d)),
                               .w_v = clm_bench_normal(tape, "w_v", 1, CLM_DIMS(t, d, d)),
                               .b_v = clm_bench_normal(tape, "b_v", 1, CLM_DIMS(t, d)),
                               .w_att = clm_bench_normal(tape, "w_att", 1, CLM_DIMS(r, h, c, c)),
                               .w_msg = clm_bench_normal(tape, "w_msg", 1, CLM_DIMS(r, h, c, c)),
                               .mu = clm_bench_normal(tape, "mu", 1, CLM_DIMS(r, h))};
    clm_tensor *bias = NULL,
               *source = clm_input_i32(tape, "source types", w->edge.source_type, CLM_DIMS(r));
    clm_tensor *y = clm_relation_fold(tape, &x, source, &bias);
    if (y) clm_keep(tape, y);
    if (y) clm_keep(tape, bias);
}

static const clm_op relation_fold = {
    .name = "relation_fold",
    .about = "HGT's relation matrices and priors multiplied into the projections",
    .paper = "Hu et al., WWW 2020, eqs. 3-5",
    .source = &clm_source_relation_fold,
    .operand = {{"w_k", CLM_IN, CLM_F32, "T D D", false, NULL},
                {"b_k", CLM_IN, CLM_F32, "T D", false, NULL},
                {"w_v", CLM_IN, CLM_F32, "T D D", false, NULL},
                {"b_v", CLM_IN, CLM_F32, "T D", false, NULL},
                {"w_att", CLM_IN, CLM_F32, "R H C C", false, NULL},
                {"w_msg", CLM_IN, CLM_F32, "R H C C", false, NULL},
                {"mu", CLM_IN, CLM_F32, "R H", false, NULL},
                {"source_type", CLM_IN, CLM_I32, "R", false, NULL},
                {"w", CLM_OUT, CLM_F32, "R D W", false, NULL},
                {"b", CLM_OUT, CLM_F32, "R W", false, NULL}},
    .variant = {CLM_FOLD_VARIANTS(prepare)},
    .grad = grad,
    .reference = reference,
    .cost = cost,
    .suspect = 1e-6,
    .wrong = 1e-5,
    .example = example,
    .bench = bench,
};

const clm_op *const clm_ops_relation_fold[] = {&relation_fold, &clm_relation_fold_projection,
                                               &clm_relation_fold_relation, NULL};
