/* Layer normalisation over rows of D elements (a compile-time number, so that loops unroll).
 *
 * A team of LANES work-items takes a row: one of them on a CPU, where the three passes over a row
 * hit the first-level cache, sixteen neighbours on a GPU. The variance is the mean of squared
 * distances from the mean, in a second pass: the difference of moments would cancel. */
#define EPSILON 1e-5f
#define VECTORS ((D + LANES * VEC - 1) / (LANES * VEC)) /* of one lane */
#define COLUMN(k) (((k) * LANES + lane) * VEC)

/* y and x may be the same storage: no restrict. */
__kernel void layer_norm_f32(__global const real *x, __global const float *RST w,
                             __global const float *RST b, int n, __global real *y,
                             __global float *RST mean, __global float *RST rstd)
{
    CLM_LANES_MEMORY
    const int lane = get_local_id(0), row = get_global_id(1);
    const size_t start = (size_t)min(row, n - 1) * D;
    floatv sum = 0.0f;
    for (int k = 0; k < VECTORS; k++)
        if (COLUMN(k) < D) sum += clm_load_real(x + start + COLUMN(k), D - COLUMN(k));
    const float m = sumv(clm_lanes_sum(sum)) / D;
    sum = 0.0f;
    for (int k = 0; k < VECTORS; k++)
        if (COLUMN(k) < D) {
            const floatv distance = clm_load_real(x + start + COLUMN(k), D - COLUMN(k)) - m;
            sum += clm_first(distance * distance, D - COLUMN(k));
        }
    const float r = 1.0f / sqrt(sumv(clm_lanes_sum(sum)) / D + EPSILON);
    if (row < n) {
        for (int k = 0; k < VECTORS; k++)
            if (COLUMN(k) < D) {
                const int c = COLUMN(k), count = D - c;
                const floatv normal = (clm_load_real(x + start + c, count) - m) * r;
                clm_store_real(normal * clm_load(w + c, count) + clm_load(b + c, count), y + start + c,
                          count);
            }
        if (lane == 0) {
            mean[row] = m;
            rstd[row] = r;
        }
    }
}

/* dx, and the sums over the rows of a job for dw and db, kept in registers: rows are read once for
 * both. With xhat = (x - mean) rstd and g = dy w:
 *
 *     dx = rstd (g - mean(g) - xhat mean(g xhat)),  dw = sum of dy xhat,  db = sum of dy
 *
 * dx and dy may be the same storage: no restrict. */
__kernel void layer_norm_backward_f32(__global const real *RST x, __global const float *RST w,
                                      __global const real *dy, __global const float *RST mean,
                                      __global const float *RST rstd, int n, int rows, int jobs,
                                      __global real *dx, __global float *RST partial)
{
    CLM_LANES_MEMORY
    const int lane = get_local_id(0), job = get_global_id(1);
    floatv dw[VECTORS], db[VECTORS];
    for (int k = 0; k < VECTORS; k++) dw[k] = db[k] = 0.0f;
    for (int i = 0; i < rows; i++) { /* as often in every team: there are barriers inside */
        const int row = job * rows + i;
        const size_t at = min(row, n - 1), start = at * D;
        const float m = mean[at], r = rstd[at];
        floatv g_sum = 0.0f, gx_sum = 0.0f;
        for (int k = 0; k < VECTORS; k++)
            if (COLUMN(k) < D) {
                const int c = COLUMN(k), count = D - c;
                const floatv d = clm_load_real(dy + start + c, count);
                const floatv xhat = (clm_load_real(x + start + c, count) - m) * r;
                const floatv g = d * clm_load(w + c, count);
                g_sum += g;
                gx_sum += g * xhat;
                if (row < n) {
                    dw[k] += d * xhat;
                    db[k] += d;
                }
            }
        const float a = sumv(clm_lanes_sum(g_sum)) / D, b = sumv(clm_lanes_sum(gx_sum)) / D;
        if (row < n)
            for (int k = 0; k < VECTORS; k++)
                if (COLUMN(k) < D) {
                    const int c = COLUMN(k), count = D - c;
                    const floatv xhat = (clm_load_real(x + start + c, count) - m) * r;
                    const floatv g = clm_load_real(dy + start + c, count) * clm_load(w + c, count);
                    clm_store_real(r * (g - a - xhat * b), dx + start + c, count);
                }
    }
    if (job < jobs)
        for (int k = 0; k < VECTORS; k++)
            if (COLUMN(k) < D) {
                __global float *to = partial + (size_t)job * 2 * D + COLUMN(k);
                clm_store(dw[k], to, D - COLUMN(k));
                clm_store(db[k], to + D, D - COLUMN(k));
            }
}

/* Second stage: a team adds VEC columns of dw, or of db, over the jobs. */
__kernel void layer_norm_backward_sum_f32(__global const float *RST partial, int jobs,
                                          __global float *RST dw, __global float *RST db)
{
    CLM_LANES_MEMORY
    const int lane = get_local_id(0), per_output = (D + VEC - 1) / VEC;
    const int task = min((int)get_global_id(1), 2 * per_output - 1), which = task / per_output;
    const int c = (task - which * per_output) * VEC, count = D - c;
    floatv sum = 0.0f;
    for (int i = lane; i < jobs; i += LANES)
        sum += clm_load(partial + (size_t)(2 * i + which) * D + c, count);
    sum = clm_lanes_sum(sum);
    if (lane == 0) clm_store(sum, (which ? db : dw) + c, count);
}
