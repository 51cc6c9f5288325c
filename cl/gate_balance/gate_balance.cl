/* How evenly experts are used. E experts, K choices; COUNTS: the load counts gates.
 *
 * Rows of E numbers are read as one run in whole vectors. Every WIDTH numbers (the least common
 * multiple of E and VEC) a lane meets the same expert again, so that WIDTH / VEC accumulators serve
 * any E without a tail for each row. A job takes `block` rows and leaves the sums of its gates and
 * probabilities; the jobs are added in order, by the only job itself where there is one. */
#define LEAST 0.01f /* of the noise's size */
#define COMMON(a) ((a) % 16 == 0 ? 16 : (a) % 8 == 0 ? 8 : (a) % 4 == 0 ? 4 : (a) % 2 == 0 ? 2 : 1)
#define SHARED (COMMON(E) < VEC ? COMMON(E) : VEC) /* greatest common divisor of E and VEC */
#define WIDTH (E / SHARED * VEC)
#define ROWS (WIDTH / E)

/* The best expert that was not chosen; the lower index of equals. */
static inline int next_best(__global const float *logits, __global const int *topk)
{
    int next = -1;
    float best = 0.0f;
    for (int e = 0; e < E; e++) {
        bool taken = false;
        for (int j = 0; j < K; j++)
            taken |= topk[j] == e;
        if (!taken && (next < 0 || logits[e] > best)) {
            next = e;
            best = logits[e];
        }
    }
    return next;
}

/* For each element of ROWS rows from row r < end on: the logit that an expert above it has to
 * exceed, and the one that others have to. Rows past the end repeat the last one. */
static inline void thresholds(__global const float *logits, __global const int *topk, int r, int end,
                              float *above, float *below)
{
    for (int i = 0; i < ROWS; i++) {
        const int row = min(r + i, end - 1);
        __global const float *x = logits + (size_t)row * E;
        const float next = x[next_best(x, topk + row * K)], least = x[topk[row * K + K - 1]];
        for (int e = 0; e < E; e++) {
            above[i * E + e] = next;
            below[i * E + e] = least;
        }
    }
}

/* Unbiased variance over squared mean. */
static inline float cv2(__global const float *x)
{
    float mean = 0.0f, variance = 0.0f;
    for (int e = 0; e < E; e++)
        mean += x[e] / E;
    for (int e = 0; e < E; e++)
        variance += (x[e] - mean) * (x[e] - mean);
    return E > 1 ? variance / (E - 1) / (mean * mean + 1e-10f) : 0.0f;
}

/* dcv2 / dx of every expert, times d. */
static inline void cv2_slope(__global const float *x, float d, float *slope)
{
    float mean = 0.0f, variance = 0.0f;
    for (int e = 0; e < E; e++)
        mean += x[e] / E;
    for (int e = 0; e < E; e++)
        variance += (x[e] - mean) * (x[e] - mean);
    const float scale = E > 1 ? d / (mean * mean + 1e-10f) / (E - 1) : 0.0f;
    const float shift = mean * variance / (mean * mean + 1e-10f) / E;
    for (int e = 0; e < E; e++)
        slope[e] = 2.0f * scale * (x[e] - mean - shift);
}

__kernel void gate_balance_f32(__global const float *RST clean, __global const float *RST raw,
                               __global const float *RST logits, __global const int *RST topk,
                               __global const float *RST gate, __global const int *RST live, int n,
                               int block, int jobs, __global float *RST partial,
                               __global float *balance, __global float *importance,
                               __global float *load)
{
    const int job = get_global_id(0);
    if (job >= jobs) return;
    const int first = job * block, end = min(live ? live[1] : n, first + block);
    float use[2 * E]; /* importance, then load */
    for (int e = 0; e < 2 * E; e++)
        use[e] = 0.0f;
    for (int i = first * K; i < end * K; i++) {
        use[topk[i]] += gate[i];
        if (COUNTS) use[E + topk[i]] += gate[i] > 0.0f;
    }
#if !COUNTS
    floatv sum[WIDTH / VEC];
    float above[WIDTH], below[WIDTH];
    for (int v = 0; v < WIDTH / VEC; v++)
        sum[v] = 0.0f;
    for (int r = first; r < end; r += ROWS) {
        thresholds(logits, topk, r, end, above, below);
        for (int v = 0; v < WIDTH / VEC && v * VEC < (end - r) * E; v++) {
            const size_t at = (size_t)r * E + v * VEC;
            const int count = (end - r) * E - v * VEC;
            const floatv size = clm_softplus(clm_load(raw + at, count)) + LEAST;
            const floatv next = vloadv(v, above), least = vloadv(v, below);
            const floatv threshold = clm_load(logits + at, count) > next ? next : least;
            const floatv u = (clm_load(clean + at, count) - threshold) / size, t = clm_near(u);
            const floatv tail = clm_bell(t) * clm_mills(t);
            sum[v] += clm_first(u > 0.0f ? 1.0f - tail : tail, count);
        }
    }
    for (int v = 0; v < WIDTH / VEC; v++)
        vstorev(sum[v], v, above);
    for (int i = 0; i < WIDTH; i++)
        use[E + i % E] += above[i];
#endif
    if (jobs > 1) {
        for (int e = 0; e < 2 * E; e++)
            partial[(size_t)job * (2 * E) + e] = use[e];
        return;
    }
    for (int e = 0; e < E; e++) {
        importance[e] = use[e];
        load[e] = use[E + e];
    }
    balance[0] = cv2(importance) + cv2(load);
}

/* One work-group of LANES adds the jobs, each work-item every LANES-th sum. */
__kernel void gate_balance_sum_f32(__global const float *RST partial, int jobs,
                                   __global float *balance, __global float *importance,
                                   __global float *load)
{
    for (int e = get_local_id(0); e < 2 * E; e += LANES) {
        float sum = 0.0f;
        for (int job = 0; job < jobs; job++)
            sum += partial[(size_t)job * (2 * E) + e];
        (e < E ? importance : load - E)[e] = sum;
    }
#if LANES > 1
    barrier(CLK_GLOBAL_MEM_FENCE);
#endif
    if (get_local_id(0) == 0) balance[0] = cv2(importance) + cv2(load);
}

/* Rows of one job: dgate is the slope of the expert's importance; with u = (clean - threshold) /
 * size and the density phi, P = Phi(u) has the slopes phi / size by clean, the same negative by the
 * threshold, which is one of two logits, and -phi u / size by size. */
__kernel void gate_balance_backward_f32(__global const float *RST dbalance,
                                        __global const float *RST importance,
                                        __global const float *RST load,
                                        __global const float *RST clean,
                                        __global const float *RST raw,
                                        __global const float *RST logits,
                                        __global const int *RST topk,
                                        __global const int *RST live, int n, int block,
                                        __global float *RST dgate, __global float *RST dclean,
                                        __global float *RST d_raw, __global float *RST dlogits)
{
    const int first = get_global_id(0) * block, end = min(live ? live[1] : n, first + block);
    if (first >= end) return;
    float slope[E];
    cv2_slope(importance, dbalance[0], slope);
    for (int i = first * K; i < end * K; i++)
        dgate[i] = slope[topk[i]];
#if !COUNTS
    float slopes[WIDTH], above[WIDTH], below[WIDTH];
    cv2_slope(load, dbalance[0], slope);
    for (int i = 0; i < WIDTH; i++)
        slopes[i] = slope[i % E];
    for (int r = first; r < end; r += ROWS) {
        thresholds(logits, topk, r, end, above, below);
        for (int v = 0; v < WIDTH / VEC && v * VEC < (end - r) * E; v++) {
            const size_t at = (size_t)r * E + v * VEC;
            const int count = (end - r) * E - v * VEC;
            const floatv x = clm_load(raw + at, count), size = clm_softplus(x) + LEAST;
            const floatv next = vloadv(v, above), least = vloadv(v, below);
            const intv exceeds = clm_load(logits + at, count) > next;
            const floatv u = (clm_load(clean + at, count) - (exceeds ? next : least)) / size;
            const floatv g = vloadv(v, slopes) * clm_bell(clm_near(u)) / size;
            clm_store(g, dclean + at, count);
            clm_store(-g * u * clm_sigmoid(x), d_raw + at, count);
            vstorev(exceeds ? g : (floatv)(0.0f), v, above);
            vstorev(exceeds ? (floatv)(0.0f) : g, v, below);
        }
        for (int i = 0; i < ROWS && r + i < end; i++) {
            const size_t row = (size_t)(r + i) * E;
            float to_next = 0.0f, to_least = 0.0f;
            for (int e = 0; e < E; e++) {
                to_next += above[i * E + e];
                to_least += below[i * E + e];
                dlogits[row + e] = 0.0f;
            }
            __global const int *chosen = topk + (r + i) * K;
            dlogits[row + next_best(logits + row, chosen)] = -to_next;
            dlogits[row + chosen[K - 1]] = -to_least;
        }
    }
#endif
}
