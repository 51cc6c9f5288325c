/* The gradients of relation_fold: of the projections, and of the relations' matrices and priors. */
#include "cl/relation_fold/fold.h"

#include <math.h>

enum { DW, DB, W_ATT, W_MSG, MU, SOURCE_TYPE, DW_K, DB_K, DW_V, DB_V };
enum { W_K = 2, B_K, W_V, B_V, ATT, PRIOR, TYPE, DW_ATT, DW_MSG, DMU, PART };

static clm_tensor *like(clm_tape *tape, const char *name, const clm_tensor *t)
{
    return clm_activation(tape, name, CLM_F32, t->rank, t->dim);
}

void clm_relation_fold_backward(clm_tape *tape, const clm_hgt_weights *x, clm_tensor *source_type,
                                clm_tensor *dw, clm_tensor *db)
{
    clm_tensor *dw_k = like(tape, "d_w_k", x->w_k), *db_k = like(tape, "d_b_k", x->b_k);
    clm_tensor *dw_v = like(tape, "d_w_v", x->w_v), *db_v = like(tape, "d_b_v", x->b_v);
    clm_record(tape, &(clm_call){.op = &clm_relation_fold_projection,
                                 .arg = {dw, db, x->w_att, x->w_msg, x->mu, source_type, dw_k, db_k,
                                         dw_v, db_v}});
    clm_tensor *dw_att = like(tape, "d_w_att", x->w_att), *dw_msg = like(tape, "d_w_msg", x->w_msg);
    clm_tensor *dmu = like(tape, "d_mu", x->mu), *part = like(tape, "d_mu.part", x->w_att);
    clm_record(tape, &(clm_call){.op = &clm_relation_fold_relation,
                                 .arg = {dw, db, x->w_k, x->b_k, x->w_v, x->b_v, x->w_att, x->mu,
                                         source_type, dw_att, dw_msg, dmu, part}});
    clm_tensor *const of[] = {x->w_k, x->b_k, x->w_v, x->b_v, x->w_att, x->w_msg, x->mu};
    clm_tensor *const gradient[] = {dw_k, db_k, dw_v, db_v, dw_att, dw_msg, dmu};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        clm_gradient_add(tape, of[i], gradient[i]);
}

/* Row `row` of projection g: of its weights, or its bias for row D. */
static double *row_of(double *w, double *b, const clm_fold *f, int64_t g, int64_t row)
{
    return row < f->d ? w + (g * f->d + row) * f->d : b + g * f->d;
}

/* The same of the folded projection of a relation: keys, and values at column D. */
static double *folded_row(double *w, double *b, const clm_fold *f, int64_t r, int64_t row)
{
    return row < f->d ? w + 2 * (r * f->d + row) * f->d : b + 2 * r * f->d;
}

/* to += from A^T for each head, times its factor. */
static void unfold(const clm_fold *f, const double *from, const double *matrix,
                   const double *factor, double *to)
{
    for (int64_t h = 0; h < f->h; h++)
        for (int64_t in = 0; in < f->c; in++)
            for (int64_t out = 0; out < f->c; out++)
                to[h * f->c + in] += from[h * f->c + out] * matrix[(h * f->c + in) * f->c + out] *
                                     (factor != NULL ? factor[h] / sqrt((double)f->c) : 1);
}

static void projection_reference(const clm_call *call)
{
    const clm_fold f = clm_fold_sizes(call);
    const int32_t *source_type = clm_i32(call, SOURCE_TYPE);
    const int64_t matrices = f.h * f.c * f.c;
    double *dw = clm_f64(call, DW), *db = clm_f64(call, DB);
    for (int64_t t = 0; t < f.t; t++)
        for (int64_t row = 0; row <= f.d; row++) {
            double *dk = row_of(clm_f64(call, DW_K), clm_f64(call, DB_K), &f, t, row);
            double *dv = row_of(clm_f64(call, DW_V), clm_f64(call, DB_V), &f, t, row);
            for (int64_t c = 0; c < f.d; c++) {
                dk[c] = dv[c] = 0;
            }
            for (int64_t r = 0; r < f.r; r++) {
                if (source_type[r] != t) continue;
                const double *from = folded_row(dw, db, &f, r, row);
                unfold(&f, from, clm_f64(call, W_ATT) + r * matrices, clm_f64(call, MU) + r * f.h,
                       dk);
                unfold(&f, from + f.d, clm_f64(call, W_MSG) + r * matrices, NULL, dv);
            }
        }
}

/* The product, over the rows of a projection, of element i of its row with element j of the
 * gradient of its folded row. */
static double product(const clm_fold *f, double *w, double *b, int64_t type, double *dw, double *db,
                      int64_t relation, int64_t i, int64_t j)
{
    double sum = 0;
    for (int64_t row = 0; row <= f->d; row++)
        sum += row_of(w, b, f, type, row)[i] * folded_row(dw, db, f, relation, row)[j];
    return sum;
}

static void relation_reference(const clm_call *call)
{
    const clm_fold f = clm_fold_sizes(call);
    const int32_t *source_type = clm_i32(call, TYPE);
    double *dw = clm_f64(call, DW), *db = clm_f64(call, DB);
    for (int64_t r = 0; r < f.r; r++)
        for (int64_t h = 0; h < f.h; h++) {
            double dmu = 0;
            for (int64_t in = 0; in < f.c; in++)
                for (int64_t out = 0; out < f.c; out++) {
                    const int64_t i = h * f.c + in, j = h * f.c + out;
                    const int64_t at = (r * f.d + i) * f.c + out, type = source_type[r];
                    const double key =
                        product(&f, clm_f64(call, W_K), clm_f64(call, B_K), type, dw, db, r, i, j) /
                        sqrt((double)f.c);
                    clm_f64(call, DW_ATT)[at] = key * clm_f64(call, PRIOR)[r * f.h + h];
                    clm_f64(call, DW_MSG)[at] = product(&f, clm_f64(call, W_V), clm_f64(call, B_V),
                                                        type, dw, db, r, i, f.d + j);
                    dmu += key * clm_f64(call, ATT)[at];
                }
            clm_f64(call, DMU)[r * f.h + h] = dmu;
        }
}

static clm_cost projection_cost(const clm_call *call)
{
    const clm_fold f = clm_fold_sizes(call);
    const double d = (double)f.d, c = (double)f.c, t = (double)f.t, r = (double)f.r;
    return (clm_cost){.flops = 4 * r * (d + 1) * d * c,
                      .bytes = 4 * ((2 * r + 2 * t) * (d + 1) * d + 2 * r * d * c)};
}

static clm_cost relation_cost(const clm_call *call)
{
    const clm_fold f = clm_fold_sizes(call);
    const double d = (double)f.d, c = (double)f.c, t = (double)f.t, r = (double)f.r;
    return (clm_cost){.flops = 4 * r * (d + 1) * d * c + 2 * r * d * c,
                      .bytes = 4 * ((2 * r + 2 * t) * (d + 1) * d + 3 * r * d * c)};
}

static clm_status projection_prepare(clm_plan *plan, const clm_call *call)
{
    const clm_fold f = clm_fold_sizes(call);
    clm_tensor *const *x = call->arg;
    return clm_fold_launch(plan, call, "relation_fold_projection_f32", 2 * f.t * (f.d + 1) * f.d,
                           CLM_ARGS(clm_t(x[DW]), clm_t(x[DB]), clm_t(x[W_ATT]), clm_t(x[W_MSG]),
                                    clm_t(x[MU]), clm_t(x[SOURCE_TYPE]), clm_t(x[DW_K]),
                                    clm_t(x[DB_K]), clm_t(x[DW_V]), clm_t(x[DB_V])));
}

static clm_status relation_prepare(clm_plan *plan, const clm_call *call)
{
    const clm_fold f = clm_fold_sizes(call);
    clm_tensor *const *x = call->arg;
    CLM_TRY(clm_fold_launch(plan, call, "relation_fold_relation_f32", 2 * f.r * f.d * f.c,
                            CLM_ARGS(clm_t(x[DW]), clm_t(x[DB]), clm_t(x[W_K]), clm_t(x[B_K]),
                                     clm_t(x[W_V]), clm_t(x[B_V]), clm_t(x[ATT]), clm_t(x[PRIOR]),
                                     clm_t(x[TYPE]), clm_t(x[DW_ATT]), clm_t(x[DW_MSG]),
                                     clm_t(x[PART]))));
    return clm_fold_launch(plan, call, "relation_fold_prior_f32", f.r * f.h * f.c,
                           CLM_ARGS(clm_t(x[PART]), clm_t(x[DMU])));
}

static bool projection_example(clm_example *example, int index)
{
    clm_fold f;
    if (!clm_fold_example_sizes(index, &f)) return false;
    clm_example_normal(example, DW, 1, CLM_DIMS(f.r, f.d, 2 * f.d));
    clm_example_normal(example, DB, 1, CLM_DIMS(f.r, 2 * f.d));
    clm_example_normal(example, W_ATT, 1, CLM_DIMS(f.r, f.h, f.c, f.c));
    clm_example_normal(example, W_MSG, 1, CLM_DIMS(f.r, f.h, f.c, f.c));
    clm_example_normal(example, MU, 1, CLM_DIMS(f.r, f.h));
    clm_example_below(example, SOURCE_TYPE, (int32_t)f.t, CLM_DIMS(f.r));
    for (int i = 0; i < 2; i++) {
        clm_example_out(example, DW_K + 2 * i, CLM_DIMS(f.t, f.d, f.d));
        clm_example_out(example, DB_K + 2 * i, CLM_DIMS(f.t, f.d));
    }
    return true;
}

static bool relation_example(clm_example *example, int index)
{
    clm_fold f;
    if (!clm_fold_example_sizes(index, &f)) return false;
    clm_example_normal(example, DW, 1, CLM_DIMS(f.r, f.d, 2 * f.d));
    clm_example_normal(example, DB, 1, CLM_DIMS(f.r, 2 * f.d));
    clm_example_normal(example, W_K, 1, CLM_DIMS(f.t, f.d, f.d));
    clm_example_normal(example, B_K, 1, CLM_DIMS(f.t, f.d));
    clm_example_normal(example, W_V, 1, CLM_DIMS(f.t, f.d, f.d));
    clm_example_normal(example, B_V, 1, CLM_DIMS(f.t, f.d));
    clm_example_normal(example, ATT, 1, CLM_DIMS(f.r, f.h, f.c, f.c));
    clm_example_normal(example, PRIOR, 1, CLM_DIMS(f.r, f.h));
    clm_example_below(example, TYPE, (int32_t)f.t, CLM_DIMS(f.r));
    clm_example_out(example, DW_ATT, CLM_DIMS(f.r, f.h, f.c, f.c));
    clm_example_out(example, DW_MSG, CLM_DIMS(f.r, f.h, f.c, f.c));
    clm_example_out(example, DMU, CLM_DIMS(f.r, f.h));
    clm_example_out(example, PART, CLM_DIMS(f.r, f.h, f.c, f.c));
    return true;
}

const clm_op clm_relation_fold_projection = {
    .name = "relation_fold_projection",
    .about = "gradient of relation_fold in the projections",
    .paper = "Hu et al., WWW 2020, eqs. 3-5",
    .source = &clm_source_relation_fold,
    .operand = {{"dw", CLM_IN, CLM_F32, "R D W", false, NULL},
                {"db", CLM_IN, CLM_F32, "R W", false, NULL},
                {"w_att", CLM_IN, CLM_F32, "R H C C", false, NULL},
                {"w_msg", CLM_IN, CLM_F32, "R H C C", false, NULL},
                {"mu", CLM_IN, CLM_F32, "R H", false, NULL},
                {"source_type", CLM_IN, CLM_I32, "R", false, NULL},
                {"dw_k", CLM_OUT, CLM_F32, "T D D", false, NULL},
                {"db_k", CLM_OUT, CLM_F32, "T D", false, NULL},
                {"dw_v", CLM_OUT, CLM_F32, "T D D", false, NULL},
                {"db_v", CLM_OUT, CLM_F32, "T D", false, NULL}},
    .variant = {CLM_FOLD_VARIANTS(projection_prepare)},
    .reference = projection_reference,
    .cost = projection_cost,
    .suspect = 1e-6,
    .wrong = 1e-5,
    .example = projection_example,
};

const clm_op clm_relation_fold_relation = {
    .name = "relation_fold_relation",
    .about = "gradient of relation_fold in the relations' matrices and priors",
    .paper = "Hu et al., WWW 2020, eqs. 3-5",
    .source = &clm_source_relation_fold,
    .operand = {{"dw", CLM_IN, CLM_F32, "R D W", false, NULL},
                {"db", CLM_IN, CLM_F32, "R W", false, NULL},
                {"w_k", CLM_IN, CLM_F32, "T D D", false, NULL},
                {"b_k", CLM_IN, CLM_F32, "T D", false, NULL},
                {"w_v", CLM_IN, CLM_F32, "T D D", false, NULL},
                {"b_v", CLM_IN, CLM_F32, "T D", false, NULL},
                {"w_att", CLM_IN, CLM_F32, "R H C C", false, NULL},
                {"mu", CLM_IN, CLM_F32, "R H", false, NULL},
                {"source_type", CLM_IN, CLM_I32, "R", false, NULL},
                {"dw_att", CLM_OUT, CLM_F32, "R H C C", false, NULL},
                {"dw_msg", CLM_OUT, CLM_F32, "R H C C", false, NULL},
                {"dmu", CLM_OUT, CLM_F32, "R H", false, NULL},
                {"part", CLM_SCRATCH, CLM_F32, "R H C C", false, NULL}},
    .variant = {CLM_FOLD_VARIANTS(relation_prepare)},
    .reference = relation_reference,
    .cost = relation_cost,
    .suspect = 1e-6,
    .wrong = 1e-5,
    .example = relation_example,
};
