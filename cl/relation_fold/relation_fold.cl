/* relation_fold: HGT's relation matrices multiplied into the projections, and the way back.
 *
 * A few megaflops on weights alone, independent of the graph: every work-item makes VEC
 * neighbouring elements and loops over the D/H inputs of their head; no more is worth the trouble.
 * Row D of a projection stands for its bias, so that weights and biases are one loop.
 *
 * Built with TYPES, RELATIONS, D, HEADS, VEC (VEC divides C = D / HEADS). Matrices are [.., C, C]
 * and [.., D, D], [in, out]. */

#define C (D / HEADS)
#define ROWS (D + 1)

/* Row `row` of the projection of a type: of the weights, or the bias after them. FOLDED: of that of
 * a relation, D columns of keys and D of values. */
#define ROW(w, b, type, row)                                                                       \
    ((row) < D ? (w) + ((size_t)(type)*D + (size_t)(row)) * D : (b) + (size_t)(type)*D)
#define FOLDED(w, b, r, row)                                                                       \
    ((row) < D ? (w) + ((size_t)(r)*D + (size_t)(row)) * 2 * D : (b) + (size_t)(r)*2 * D)

/* One work-item per VEC elements of w or b. */
__kernel void relation_fold_f32(__global const float *RST w_k, __global const float *RST b_k,
                                __global const float *RST w_v, __global const float *RST b_v,
                                __global const float *RST w_att, __global const float *RST w_msg,
                                __global const float *RST mu, __global const int *RST source_type,
                                __global float *RST w, __global float *RST b)
{
    const int id = (int)get_global_id(0);
    const int at = id % (2 * D / VEC) * VEC, row = id / (2 * D / VEC) % ROWS;
    const int relation = id / (2 * D / VEC) / ROWS;
    if (relation >= RELATIONS) return;
    const bool key = at < D;
    const int column = key ? at : at - D, head = column / C, type = source_type[relation];
    __global const float *from =
        (key ? ROW(w_k, b_k, type, row) : ROW(w_v, b_v, type, row)) + head * C;
    __global const float *matrix =
        (key ? w_att : w_msg) + (size_t)(relation * HEADS + head) * C * C + (column - head * C);
    floatv sum = (floatv)(0.0f);
    for (int c = 0; c < C; c++)
        sum = fma((floatv)(from[c]), vloadv(0, matrix + c * C), sum);
    vstorev(key ? sum * (mu[relation * HEADS + head] * rsqrt((float)C)) : sum, 0,
            FOLDED(w, b, relation, row) + at);
}

/* sum_r dw_r A_r^T for the relations r from `type`, at VEC inputs from `column` on; dw and db
 * start at the first relation's group. */
static inline floatv unfold(__global const float *RST dw, __global const float *RST db,
                            __global const float *RST matrix, __global const float *RST factor,
                            __global const int *RST source_type, int side, int type, int row,
                            int column)
{
    const int head = column / C;
    floatv sum = (floatv)(0.0f);
    for (int r = 0; r < RELATIONS; r++) {
        if (source_type[r] != type) continue;
        __global const float *from = FOLDED(dw, db, r, row) + side + head * C;
        __global const float *m =
            matrix + (size_t)(r * HEADS + head) * C * C + (column - head * C) * C;
        float lane[VEC]; /* lane i: input column + i of the head, row i of the matrix */
        for (int i = 0; i < VEC; i++) {
            floatv dot = (floatv)(0.0f);
            for (int c = 0; c < C; c += VEC)
                dot = fma(vloadv(0, from + c), vloadv(0, m + i * C + c), dot);
            lane[i] = sumv(dot);
        }
        const float scale = factor ? factor[r * HEADS + head] * rsqrt((float)C) : 1.0f;
        sum += vloadv(0, lane) * scale;
    }
    return sum;
}

/* One work-item per VEC elements of the gradients of keys and values (third dimension of the
 * count). */
__kernel void
relation_fold_projection_f32(__global const float *RST dw, __global const float *RST db,
                             __global const float *RST w_att, __global const float *RST w_msg,
                             __global const float *RST mu, __global const int *RST source_type,
                             __global float *RST dw_k, __global float *RST db_k,
                             __global float *RST dw_v, __global float *RST db_v)
{
    const int id = (int)get_global_id(0);
    const int column = id % (D / VEC) * VEC, row = id / (D / VEC) % ROWS;
    const int type = id / (D / VEC) / ROWS % TYPES, which = id / (D / VEC) / ROWS / TYPES;
    if (which == 0)
        vstorev(unfold(dw, db, w_att, mu, source_type, 0, type, row, column), 0,
                ROW(dw_k, db_k, type, row) + column);
    else if (which == 1)
        vstorev(unfold(dw, db, w_msg, 0, source_type, D, type, row, column), 0,
                ROW(dw_v, db_v, type, row) + column);
}

/* One work-item per VEC elements of a row of dw_att (first RELATIONS relations) and dw_msg (next
 * RELATIONS). For dw_att it leaves its part of dmu in `part` [R, H, C, C / VEC]. */
__kernel void
relation_fold_relation_f32(__global const float *RST dw, __global const float *RST db,
                           __global const float *RST w_k, __global const float *RST b_k,
                           __global const float *RST w_v, __global const float *RST b_v,
                           __global const float *RST w_att, __global const float *RST mu,
                           __global const int *RST source_type, __global float *RST dw_att,
                           __global float *RST dw_msg, __global float *RST part)
{
    const int id = (int)get_global_id(0);
    const int out = id % (C / VEC) * VEC, in = id / (C / VEC) % C;
    const int head = id / (C / VEC) / C % HEADS, group = id / (C / VEC) / C / HEADS;
    if (group >= 2 * RELATIONS) return;
    const bool key = group < RELATIONS;
    const int relation = key ? group : group - RELATIONS, type = source_type[relation];
    floatv sum = (floatv)(0.0f);
    for (int row = 0; row < ROWS; row++) {
        __global const float *from = key ? ROW(w_k, b_k, type, row) : ROW(w_v, b_v, type, row);
        __global const float *d =
            FOLDED(dw, db, relation, row) + (key ? 0 : D) + head * C + out;
        sum = fma((floatv)(from[head * C + in]), vloadv(0, d), sum);
    }
    const size_t at = ((size_t)(relation * HEADS + head) * C + (size_t)in) * C + (size_t)out;
    if (key) {
        sum *= rsqrt((float)C);
        part[at / VEC] = sumv(sum * vloadv(0, w_att + at));
        vstorev(sum * mu[relation * HEADS + head], 0, dw_att + at);
    } else
        vstorev(sum, 0, dw_msg + at);
}

/* One work-item per element of dmu; adds row by row, which loses less than one long sum. */
__kernel void relation_fold_prior_f32(__global const float *RST part, __global float *RST dmu)
{
    const int id = (int)get_global_id(0);
    if (id >= RELATIONS * HEADS) return;
    float sum = 0.0f;
    for (int in = 0; in < C; in++) {
        float row = 0.0f;
        for (int i = 0; i < C / VEC; i++)
            row += part[((size_t)id * C + in) * (C / VEC) + i];
        sum += row;
    }
    dmu[id] = sum;
}
