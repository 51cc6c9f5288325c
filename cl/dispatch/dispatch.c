#include "cl/dispatch/dispatch.h"

#include "nn/workload.h"

#include <string.h>

extern const clm_source clm_source_dispatch;

enum { KEY, OFFSETS, ORDER, SLOT, ROW, COUNTS, MOVED_KEY, MOVED_ITEM };
enum { DIVIDE };

enum {
    ONE_PASS_GROUPS = 2048, /* more than this: two passes */
    BLOCK_MIN = 1024,       /* keys of a block, at least, and at least as many as bins */
};

static const clm_op dispatch;

/* How keys are cut into digits; entry 1 is used in the second of two passes. */
typedef struct digits {
    int passes, shift[2];
    int64_t bins[2];
} digits;

static digits cut(int64_t groups)
{
    const int64_t keys = groups + 1; /* the last: items of no group */
    if (keys <= ONE_PASS_GROUPS) return (digits){.passes = 1, .bins = {keys}};
    int bits = 1;
    while ((INT64_C(1) << 2 * bits) < keys)
        bits++;
    const int64_t low = INT64_C(1) << bits;
    return (digits){2, {0, bits}, {low, (keys + low - 1) / low}};
}

/* Integers of scratch for the counts: blocks of the smallest size and a row of sums, so that counts
 * never take more room than twice the keys and bins. */
static int64_t counts_room(int64_t items, int64_t groups)
{
    const int64_t bins = cut(groups).bins[0];
    const int64_t block = bins > BLOCK_MIN ? bins : BLOCK_MIN;
    return ((items + block - 1) / block + 1) * bins;
}

static clm_arg moved(const clm_call *call, int pass, int operand)
{
    return clm_t(pass == 0 ? NULL : call->arg[operand]);
}

/* Arguments shared by the passes of both kinds of variant. */
typedef struct pass {
    int number;
    bool last;
    int64_t items, groups, block, blocks, bins;
    int shift, mask;
    clm_arg key, item, offsets;
} pass;

/* Pass `number` in blocks of `block` keys, or of the least number that the scratch holds. */
static pass pass_of(const clm_call *call, int number, int64_t block)
{
    const int64_t items = clm_dim(call, 'S'), groups = clm_dim(call, 'G');
    const digits d = cut(groups);
    if (block < d.bins[0]) block = d.bins[0];
    if (block < BLOCK_MIN) block = BLOCK_MIN;
    return (pass){
        .number = number,
        .last = number + 1 == d.passes,
        .items = items,
        .groups = groups,
        .block = block,
        .blocks = (items + block - 1) / block,
        .bins = d.bins[number],
        .shift = d.shift[number],
        .mask = d.passes == 1 ? -1 : (1 << d.shift[1]) - 1,
        .key = clm_t(call->arg[number == 0 ? KEY : MOVED_KEY]),
        .item = moved(call, number, MOVED_ITEM),
        .offsets = clm_t(d.passes == 1 ? call->arg[OFFSETS] : NULL),
    };
}

/* In work-groups of `local`, `chunk` groups for each work-item. */
static clm_status launch_offsets(clm_plan *plan, const clm_call *call, int64_t chunk, size_t local)
{
    const int64_t groups = clm_dim(call, 'G');
    return clm_launch(plan, call, "dispatch_i32_offsets", "",
                      (clm_range){{clm_round_up((groups + chunk) / chunk, local)}, {local}},
                      CLM_ARGS(clm_t(call->arg[KEY]), clm_t(call->arg[ORDER]),
                               clm_t(call->arg[OFFSETS]), clm_i(clm_dim(call, 'C')), clm_i(groups),
                               clm_i(chunk)));
}

static clm_status launch_serial_pass(clm_plan *plan, const clm_call *call, const pass *p)
{
    clm_tensor *const *a = call->arg;
    const clm_range blocks = {{(size_t)p->blocks}, {1}};
    CLM_TRY(
        clm_launch(plan, call, "dispatch_i32_serial_count", "", blocks,
                   CLM_ARGS(p->key, clm_t(a[COUNTS]), clm_i(p->items), clm_i(p->block),
                            clm_i(p->shift), clm_i(p->mask), clm_i(p->bins), clm_i(p->groups))));
    CLM_TRY(clm_launch(plan, call, "dispatch_i32_serial_scan", "", (clm_range){{1}, {1}},
                       CLM_ARGS(clm_t(a[COUNTS]), p->offsets, clm_i(p->blocks), clm_i(p->bins))));
    if (!p->last)
        return clm_launch(plan, call, "dispatch_i32_serial_move", "", blocks,
                          CLM_ARGS(p->key, clm_t(a[COUNTS]), clm_t(a[MOVED_KEY]),
                                   clm_t(a[MOVED_ITEM]), clm_i(p->items), clm_i(p->block),
                                   clm_i(p->shift), clm_i(p->mask), clm_i(p->bins),
                                   clm_i(p->groups)));
    return clm_launch(plan, call, "dispatch_i32_serial_place", "", blocks,
                      CLM_ARGS(p->key, p->item, clm_t(a[COUNTS]), clm_t(a[ORDER]), clm_t(a[SLOT]),
                               clm_t(a[ROW]), clm_i(p->items), clm_i(p->block), clm_i(p->shift),
                               clm_i(p->mask), clm_i(p->bins), clm_i(p->groups),
                               clm_i((int64_t)call->attribute[DIVIDE])));
}

static clm_status prepare_serial(clm_plan *plan, const clm_call *call, int64_t block)
{
    const int passes = cut(clm_dim(call, 'G')).passes;
    for (int i = 0; i < passes; i++) {
        const pass p = pass_of(call, i, block);
        CLM_TRY(launch_serial_pass(plan, call, &p));
    }
    return passes == 1 ? CLM_OK : launch_offsets(plan, call, 4096, 1);
}

/* Few blocks, so that counts stay small: eight for each core to balance the load. */
static clm_status prepare_cpu(clm_plan *plan, const clm_call *call)
{
    const int64_t blocks = 8 * (int64_t)clm_plan_device(plan)->compute_units;
    return prepare_serial(plan, call, (clm_dim(call, 'S') + blocks - 1) / blocks);
}

static clm_status prepare_plain(clm_plan *plan, const clm_call *call)
{
    return prepare_serial(plan, call, BLOCK_MIN);
}

static clm_status launch_gpu_pass(clm_plan *plan, const clm_call *call, const pass *p)
{
    enum { GROUP = 256 };
    clm_tensor *const *a = call->arg;
    const clm_range blocks = {{(size_t)p->blocks * GROUP}, {GROUP}};
    const clm_arg next = clm_l((size_t)p->bins * sizeof(int32_t));
    CLM_TRY(
        clm_launch(plan, call, "dispatch_i32_gpu_count", "", blocks,
                   CLM_ARGS(p->key, clm_t(a[COUNTS]), next, clm_i(p->items), clm_i(p->block),
                            clm_i(p->shift), clm_i(p->mask), clm_i(p->bins), clm_i(p->groups))));
    CLM_TRY(clm_launch(plan, call, "dispatch_i32_gpu_scan", "",
                       (clm_range){{(size_t)p->bins * GROUP}, {GROUP}},
                       CLM_ARGS(clm_t(a[COUNTS]), clm_i(p->blocks))));
    if (!p->last)
        return clm_launch(plan, call, "dispatch_i32_gpu_move", "", blocks,
                          CLM_ARGS(p->key, clm_t(a[COUNTS]), clm_t(a[MOVED_KEY]),
                                   clm_t(a[MOVED_ITEM]), next, clm_i(p->items), clm_i(p->block),
                                   clm_i(p->shift), clm_i(p->mask), clm_i(p->bins),
                                   clm_i(p->groups)));
    return clm_launch(plan, call, "dispatch_i32_gpu_place", "", blocks,
                      CLM_ARGS(p->key, p->item, clm_t(a[COUNTS]), p->offsets, clm_t(a[ORDER]),
                               clm_t(a[SLOT]), clm_t(a[ROW]), next, clm_i(p->items),
                               clm_i(p->block), clm_i(p->shift), clm_i(p->mask), clm_i(p->bins),
                               clm_i(p->groups), clm_i((int64_t)call->attribute[DIVIDE])));
}

static clm_status prepare_gpu(clm_plan *plan, const clm_call *call)
{
    const int passes = cut(clm_dim(call, 'G')).passes;
    for (int i = 0; i < passes; i++) {
        const pass p = pass_of(call, i, BLOCK_MIN);
        CLM_TRY(launch_gpu_pass(plan, call, &p));
    }
    return passes == 1 ? CLM_OK : launch_offsets(plan, call, 1, 64);
}

static const char *misfit_gpu(const clm_call *call, const clm_device *device)
{
    if (device->max_work_group < 256) return "work-groups of 256 work-items are too large";
    const uint64_t bins = (uint64_t)cut(clm_dim(call, 'G')).bins[0];
    return bins * 4 + 2048 > device->local_bytes ? "the counts exceed local memory" : NULL;
}

static void reference(const clm_call *call)
{
    const int64_t items = clm_dim(call, 'S'), groups = clm_dim(call, 'G');
    const int divide = (int)call->attribute[DIVIDE];
    const int32_t *key = clm_i32(call, KEY);
    int32_t *offsets = clm_i32(call, OFFSETS), *order = clm_i32(call, ORDER);
    int32_t *slot = clm_i32(call, SLOT), *row = clm_i32(call, ROW);
    memset(offsets, 0, ((size_t)groups + 1) * sizeof *offsets);
    for (int64_t s = 0; s < items; s++)
        if (key[s] < groups) offsets[key[s] + 1]++;
    for (int64_t g = 0; g < groups; g++)
        offsets[g + 1] += offsets[g];
    /* offsets[g] runs through the slots of group g, to the first of g + 1; then it moves back. */
    for (int64_t s = 0; s < items; s++) {
        slot[s] = key[s] < groups ? offsets[key[s]]++ : -1;
        if (slot[s] < 0) continue;
        order[slot[s]] = (int32_t)s;
        row[slot[s]] = (int32_t)s / divide;
    }
    memmove(offsets + 1, offsets, (size_t)groups * sizeof *offsets);
    offsets[0] = 0;
}

static clm_cost cost(const clm_call *call)
{
    return (clm_cost){
        0, 4.0 * (double)(2 * (clm_dim(call, 'S') + clm_dim(call, 'C')) + clm_dim(call, 'G') + 1)};
}

/* Keys below `used`; returns how many are groups. */
static int64_t keys(clm_example *e, int64_t rows, int64_t divide, int32_t used, int64_t groups)
{
    int32_t *key = clm_example_memory(e, (size_t)(rows * divide) * sizeof *key);
    int64_t kept = 0;
    for (int64_t s = 0; s < rows * divide; s++) {
        key[s] = clm_example_random(e, used);
        kept += key[s] < groups;
    }
    clm_example_i32(e, KEY, key, CLM_DIMS(rows, divide));
    return kept;
}

static void shapes(clm_example *e, int64_t items, int64_t kept, int64_t groups)
{
    clm_example_out(e, OFFSETS, CLM_DIMS(groups + 1));
    clm_example_out(e, ORDER, CLM_DIMS(kept));
    clm_example_out(e, SLOT, CLM_DIMS(items));
    clm_example_out(e, ROW, CLM_DIMS(kept));
    clm_example_out(e, COUNTS, CLM_DIMS(counts_room(items, groups)));
    if (cut(groups).passes == 1) return;
    clm_example_out(e, MOVED_KEY, CLM_DIMS(items));
    clm_example_out(e, MOVED_ITEM, CLM_DIMS(items));
}

static bool example(clm_example *e, int index)
{
    static const struct {
        int32_t rows, divide, groups, used; /* used: keys are below this; from groups on: none */
    } list[] = {
        {1, 1, 1, 1},
        {5, 2, 3, 3},
        {7, 3, 5, 2}, /* groups 2 to 4 are empty */
        {11, 2, 3, 5},
        {71, 1, 2500, 2500}, /* two passes */
        {257, 4, 16, 16},
        {1025, 1, 128, 1}, /* one expert takes everything */
        {6007, 4, 48, 48},
        {5003, 4, 16, 32},
        {3001, 2, 2500, 4000},
        {20011, 2, 128, 128},
        {3001, 1, 2048, 2048},
        {3001, 1, 2049, 2049},
        {40009, 1, 30011, 9}, /* two passes, nearly all empty */
        {4099, 2, 1000003, 1000003},
    };
    if (index >= (int)(sizeof list / sizeof *list)) return false;
    const int64_t rows = list[index].rows, divide = list[index].divide;
    clm_example_call(e)->attribute[DIVIDE] = (double)divide;
    const int64_t kept = keys(e, rows, divide, list[index].used, list[index].groups);
    shapes(e, rows * divide, kept, list[index].groups);
    return true;
}

static int vector(const clm_device *device, const clm_call *call)
{
    (void)call;
    return device->vector_width >= 16 ? 16 : 8;
}

static void bench(clm_tape *tape, const clm_workload *w)
{
    const clm_dispatched made =
        clm_dispatch(tape, clm_bench_keys(tape, w), w->experts, (int)w->top_k, w->nodes * w->top_k);
    if (made.row) clm_keep(tape, made.row);
}

static const clm_op dispatch = {
    .name = "dispatch",
    .about = "stable counting sort of keys into groups",
    .paper = NULL,
    .source = &clm_source_dispatch,
    .operand = {{"key", CLM_IN, CLM_I32, "S", false, NULL},
                {"offsets", CLM_OUT, CLM_I32, "G+1", false, NULL},
                {"order", CLM_OUT, CLM_I32, "C", false, NULL},
                {"slot", CLM_OUT, CLM_I32, "S", false, NULL},
                {"row", CLM_OUT, CLM_I32, "C", false, NULL},
                {"counts", CLM_SCRATCH, CLM_I32, "A", false, NULL},
                {"moved_key", CLM_SCRATCH, CLM_I32, "S", true, NULL},
                {"moved_item", CLM_SCRATCH, CLM_I32, "S", true, NULL}},
    .attribute = {"divide"},
    .variant = {{.name = "cpu",
                 .classes = CLM_CPU,
                 .tunable = {{"VEC", 16, {8, 16}, vector}},
                 .prepare = prepare_cpu},
                {.name = "gpu", .classes = CLM_GPU, .misfit = misfit_gpu, .prepare = prepare_gpu},
                {.name = "plain", .classes = CLM_ANY_DEVICE, .prepare = prepare_plain}},
    .reference = reference,
    .cost = cost,
    .example = example,
    .bench = bench,
};

const clm_op *const clm_ops_dispatch[] = {&dispatch, NULL};

clm_dispatched clm_dispatch(clm_tape *tape, clm_tensor *key, int64_t groups, int divide,
                            int64_t kept)
{
    clm_dispatched made = {0};
    if (!key) return made;
    const int64_t items = clm_elements(key);
    made.offsets = clm_activation(tape, "offsets", CLM_I32, CLM_DIMS(groups + 1));
    made.order = clm_activation(tape, "order", CLM_I32, CLM_DIMS(kept));
    made.slot = clm_activation(tape, "slot", CLM_I32, CLM_DIMS(items));
    made.row = clm_activation(tape, "row", CLM_I32, CLM_DIMS(kept));
    clm_call call = {.op = &dispatch,
                     .arg = {[KEY] = key,
                             [OFFSETS] = made.offsets,
                             [ORDER] = made.order,
                             [SLOT] = made.slot,
                             [ROW] = made.row},
                     .attribute = {divide}};
    call.arg[COUNTS] =
        clm_activation(tape, "counts", CLM_I32, CLM_DIMS(counts_room(items, groups)));
    if (cut(groups).passes == 2) {
        call.arg[MOVED_KEY] = clm_activation(tape, "moved_key", CLM_I32, CLM_DIMS(items));
        call.arg[MOVED_ITEM] = clm_activation(tape, "moved_item", CLM_I32, CLM_DIMS(items));
    }
    clm_record(tape, &call);
    return made;
}
