/* Preparing calls: choose the variant, build its kernels, set their arguments once. */
#include "op/plan.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

typedef struct launch {
    clm_kernel *kernel;
    const clm_sgemm *library; /* instead of a kernel; null: none */
    clm_range range;
    size_t call;
} launch;

struct clm_plan {
    clm_scope *scope;
    clm_context *context;
    launch *launch;
    size_t launches, launch_room;
    clm_choice *choice; /* of each added call; the last one of the call being prepared */
    size_t calls, call_room;
    const clm_call *call; /* being prepared */
    clm_tuning *tuning;   /* null: defaults */
};

static void release(void *object)
{
    clm_plan *plan = object;
    free(plan->launch);
    free(plan->choice);
}

clm_plan *clm_plan_new(clm_scope *scope, clm_context *context)
{
    clm_plan *plan = clm_alloc(scope, sizeof *plan);
    plan->scope = scope;
    plan->context = context;
    clm_scope_defer(scope, release, plan);
    return plan;
}

/* Room for one more element of `size` bytes in a growing array; ends the process when the host is
 * out of memory, as clm_alloc does. */
static void *grow(void *array, size_t count, size_t *room, size_t size)
{
    if (count < *room) return array;
    *room = *room ? 2 * *room : 64;
    array = realloc(array, *room * size);
    if (array) return array;
    fprintf(stderr, "clmoe: the host is out of memory for a plan of %zu launches\n", *room);
    exit(1);
}

void clm_plan_set_tuning(clm_plan *plan, clm_tuning *tuning) { plan->tuning = tuning; }

/* The choice with every value filled in; variant null: none computes the call. */
static clm_choice resolve(const clm_plan *plan, const clm_call *call, const clm_choice *asked)
{
    const clm_device *device = clm_context_device(plan->context);
    clm_choice tuned;
    if (asked) return asked->fixed ? *asked : clm_choice_of(asked->variant, call, device);
    if (plan->tuning && clm_tuning_find(plan->tuning, call, device, &tuned)) return tuned;
    return clm_choice_default(call, device);
}

clm_status clm_plan_add(clm_plan *plan, const clm_call *call, const clm_choice *asked)
{
    const clm_device *device = clm_context_device(plan->context);
    const clm_choice choice = resolve(plan, call, asked);
    const clm_variant *variant = choice.variant;
    if (!variant)
        return clm_fail(CLM_ERROR_FAILED, "%s: no variant computes this call on %s", call->op->name,
                        device->name);
    const char *misfit = clm_variant_misfit(variant, call, device);
    if (misfit)
        return clm_skip("%s variant %s cannot run here: %s", call->op->name, variant->name, misfit);
    plan->choice = grow(plan->choice, plan->calls, &plan->call_room, sizeof *plan->choice);
    plan->choice[plan->calls] = choice;
    plan->call = call;
    const clm_status status = variant->prepare(plan, call);
    if (status != CLM_OK)
        clm_error_during("preparing %s, variant %s", call->op->name, variant->name);
    plan->calls++;
    return status;
}

const clm_choice *clm_plan_choice(const clm_plan *plan, size_t call) { return &plan->choice[call]; }

int clm_tune(const clm_plan *plan, const char *name)
{
    const clm_choice *choice = &plan->choice[plan->calls];
    for (int t = 0; t < clm_tunables(choice->variant); t++)
        if (!strcmp(choice->variant->tunable[t].name, name)) return choice->tune[t];
    abort(); /* the operator asks for a tunable it does not declare */
}

const clm_device *clm_plan_device(const clm_plan *plan)
{
    return clm_context_device(plan->context);
}

static clm_status set_arguments(clm_kernel *kernel, const clm_arg *args, size_t count)
{
    for (unsigned i = 0; i < count; i++)
        switch (args[i].what) {
        case CLM_ARG_TENSOR:
            CLM_TRY(
                clm_kernel_arg_buffer(kernel, i, args[i].tensor ? args[i].tensor->buffer : NULL));
            break;
        case CLM_ARG_I32: CLM_TRY(clm_kernel_arg_i32(kernel, i, args[i].i)); break;
        case CLM_ARG_F32: CLM_TRY(clm_kernel_arg_f32(kernel, i, args[i].f)); break;
        case CLM_ARG_LOCAL: CLM_TRY(clm_kernel_arg_local(kernel, i, args[i].bytes)); break;
        }
    return CLM_OK;
}

clm_status clm_launch(clm_plan *plan, const clm_call *call, const char *name, const char *options,
                      clm_range range, const clm_arg *args, size_t count)
{
    return clm_launch_from(plan, call->op->source, name, options, range, args, count);
}

clm_status clm_launch_from(clm_plan *plan, const clm_source *source, const char *name,
                           const char *options, clm_range range, const clm_arg *args, size_t count)
{
    for (int i = 0; i < 3; i++)
        if (range.global[i] == 0 && (i == 0 || range.local[i] != 0)) return CLM_OK; /* no work */
    const clm_choice *choice = &plan->choice[plan->calls];
    char all[1024];
    int used = snprintf(all, sizeof all, "%s", options);
    for (int t = 0; t < clm_tunables(choice->variant); t++)
        used += snprintf(all + used, sizeof all - (size_t)used, " -D%s=%d",
                         choice->variant->tunable[t].name, choice->tune[t]);
    const clm_type real = clm_call_real(plan->call);
    if (real != CLM_F32)
        snprintf(all + used, sizeof all - (size_t)used, " -DCLM_REAL=CLM_%s",
                 real == CLM_BF16 ? "BF16" : "F16");
    plan->launch = grow(plan->launch, plan->launches, &plan->launch_room, sizeof *plan->launch);
    launch *l = &plan->launch[plan->launches];
    *l = (launch){.range = range, .call = plan->calls};
    CLM_TRY(clm_kernel_new(plan->context, plan->scope, source, name, all, &l->kernel));
    CLM_TRY(set_arguments(l->kernel, args, count));
    plan->launches++;
    return CLM_OK;
}

clm_status clm_launch_sgemm(clm_plan *plan, const clm_sgemm *gemm)
{
    CLM_TRY(clm_clblast_use(plan->context, &gemm->parameters));
    clm_sgemm *kept = clm_alloc(plan->scope, sizeof *kept);
    *kept = *gemm;
    plan->launch = grow(plan->launch, plan->launches, &plan->launch_room, sizeof *plan->launch);
    plan->launch[plan->launches++] = (launch){.library = kept, .call = plan->calls};
    return CLM_OK;
}

static clm_status enqueue(clm_plan *plan, const launch *l)
{
    if (l->library) return clm_clblast_sgemm(plan->context, l->library);
    return clm_kernel_launch(l->kernel, &l->range);
}

clm_status clm_plan_run_calls(clm_plan *plan, size_t first, size_t end)
{
    for (size_t i = 0; i < plan->launches; i++)
        if (plan->launch[i].call >= first && plan->launch[i].call < end)
            CLM_TRY(enqueue(plan, &plan->launch[i]));
    return CLM_OK;
}

clm_status clm_plan_run(clm_plan *plan) { return clm_plan_run_calls(plan, 0, plan->calls); }

size_t clm_plan_launches(const clm_plan *plan) { return plan->launches; }
size_t clm_plan_launch_call(const clm_plan *plan, size_t i) { return plan->launch[i].call; }
