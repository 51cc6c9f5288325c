/* Gates of all experts, one work-item per node: a few numbers each, whatever the device. */

__kernel void spread_gates_f32(__global const float *RST gate, __global const int *RST topk, int n,
                               int k, int experts, int first, __global float *RST all)
{
    const int row = get_global_id(0);
    if (row >= n) return;
    __global float *to = all + (size_t)row * experts;
    for (int e = 0; e < experts; e++)
        to[e] = 0.0f;
    for (int j = 0; j < k; j++) {
        const int e = topk[row * k + j] - first;
        if (e >= 0 && e < experts) to[e] = gate[row * k + j];
    }
}

__kernel void spread_gates_backward_f32(__global const int *RST topk, __global const float *RST dall,
                                        int n, int k, int experts, int first,
                                        __global float *RST dgate)
{
    const int row = get_global_id(0);
    if (row >= n) return;
    for (int j = 0; j < k; j++) {
        const int e = topk[row * k + j] - first;
        dgate[row * k + j] = e >= 0 && e < experts ? dall[(size_t)row * experts + e] : 0.0f;
    }
}
