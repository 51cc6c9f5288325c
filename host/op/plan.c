/* Preparing calls: choose the variant, build its kernels, set their arguments once. */
#include "op/plan.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

typedef struct launch {
    clm_kernel *kernel;
    clm_range range;
    size_t call;
} launch;

struct clm_plan {
    clm_scope *scope;
    clm_context *context;
    launch *launch;
    size_t launches, launch_room;
    const clm_variant **variant; /* of each added call */
    size_t calls, call_room;
    const clm_call *call; /* being prepared */
    int tune[CLM_TUNABLES];
};

static void release(void *object)
{
    clm_plan *plan = object;
    free(plan->launch);
    free(plan->variant);
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

const char *clm_variant_misfit(const clm_variant *variant, const clm_call *call,
                               const clm_device *device)
{
    const uint32_t missing = variant->features & ~device->features;
    for (uint32_t bit = 1; bit && missing; bit <<= 1)
        if (missing & bit) return clm_feature_name(bit);
    return variant->misfit ? variant->misfit(call, device) : NULL;
}

static const clm_variant *choose(const clm_plan *plan, const clm_call *call)
{
    const clm_device *device = clm_context_device(plan->context);
    /* Long loops go wrong on some CPUs' implementations: GPU variants have short ones. */
    const bool short_loops = (device->quirks & CLM_QUIRK_SHORT_LOOPS) != 0;
    const int device_class = short_loops ? CLM_GPU : device->device_class;
    for (const clm_variant *v = call->op->variant; v->name; v++)
        if (v->classes & device_class && !clm_variant_misfit(v, call, device)) return v;
    return NULL;
}

clm_status clm_plan_add(clm_plan *plan, const clm_call *call, const clm_variant *variant)
{
    const clm_device *device = clm_context_device(plan->context);
    if (!variant) variant = choose(plan, call);
    if (!variant)
        return clm_fail(CLM_ERROR_FAILED, "%s: no variant computes this call on %s", call->op->name,
                        device->name);
    const char *misfit = clm_variant_misfit(variant, call, device);
    if (misfit)
        return clm_skip("%s variant %s cannot run here: %s", call->op->name, variant->name, misfit);
    for (int t = 0; t < CLM_TUNABLES && variant->tunable[t].name; t++) {
        const clm_tunable *tunable = &variant->tunable[t];
        plan->tune[t] = tunable->pick ? tunable->pick(device, call) : tunable->value;
    }
    plan->variant = grow(plan->variant, plan->calls, &plan->call_room, sizeof *plan->variant);
    plan->variant[plan->calls] = variant;
    plan->call = call;
    const clm_status status = variant->prepare(plan, call);
    if (status != CLM_OK)
        clm_error_during("preparing %s, variant %s", call->op->name, variant->name);
    plan->calls++;
    return status;
}

int clm_tune(const clm_plan *plan, const char *name)
{
    const clm_variant *variant = plan->variant[plan->calls];
    for (int t = 0; t < CLM_TUNABLES && variant->tunable[t].name; t++)
        if (!strcmp(variant->tunable[t].name, name)) return plan->tune[t];
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
    const clm_variant *variant = plan->variant[plan->calls];
    char all[1024];
    int used = snprintf(all, sizeof all, "%s", options);
    for (int t = 0; t < CLM_TUNABLES && variant->tunable[t].name; t++)
        used += snprintf(all + used, sizeof all - (size_t)used, " -D%s=%d",
                         variant->tunable[t].name, plan->tune[t]);
    plan->launch = grow(plan->launch, plan->launches, &plan->launch_room, sizeof *plan->launch);
    launch *l = &plan->launch[plan->launches];
    *l = (launch){.range = range, .call = plan->calls};
    CLM_TRY(clm_kernel_new(plan->context, plan->scope, source, name, all, &l->kernel));
    CLM_TRY(set_arguments(l->kernel, args, count));
    plan->launches++;
    return CLM_OK;
}

clm_status clm_plan_run(clm_plan *plan)
{
    for (size_t i = 0; i < plan->launches; i++)
        CLM_TRY(clm_kernel_launch(plan->launch[i].kernel, &plan->launch[i].range));
    return CLM_OK;
}

size_t clm_plan_launches(const clm_plan *plan) { return plan->launches; }
size_t clm_plan_launch_call(const clm_plan *plan, size_t i) { return plan->launch[i].call; }
