#include "bench/tune.h"

#include "base/text.h"
#include "bench/tune_search.h"

#include <stdlib.h>
#include <string.h>

/* A shape class on the tapes. */
typedef struct kind {
    const char *shape;
    const clm_op *op;
    clm_tape *tape; /* of the first call of the class */
    size_t call;
    double ns; /* of all its calls in one replay of every tape */
} kind;

typedef struct kinds {
    clm_scope *scope;
    kind *kind;
    size_t count, room;
} kinds;

static void add_call(kinds *all, clm_tape *tape, size_t index, double ns)
{
    const clm_call *call = clm_tape_call(tape, index);
    const char *shape = clm_shape_class(all->scope, call);
    for (size_t i = 0; i < all->count; i++)
        if (all->kind[i].op == call->op && !strcmp(all->kind[i].shape, shape)) {
            all->kind[i].ns += ns;
            return;
        }
    if (all->count == all->room) {
        kind *larger = clm_alloc_array(all->scope, 2 * all->room + 32, sizeof *larger);
        if (all->count > 0) memcpy(larger, all->kind, all->count * sizeof *larger);
        all->kind = larger;
        all->room = 2 * all->room + 32;
    }
    all->kind[all->count++] = (kind){shape, call->op, tape, index, ns};
}

/* Times every call by itself in the second replay: the first one may still compile. */
static clm_status add_tape(kinds *all, clm_context *context, clm_tape *tape)
{
    CLM_TRY(clm_tape_run(tape, 0, 0));
    CLM_TRY(clm_finish(context));
    for (size_t i = 0; i < clm_tape_calls(tape); i++) {
        const double start = clm_now_ns();
        CLM_TRY(clm_tape_run_calls(tape, 0, 0, i, i + 1));
        CLM_TRY(clm_finish(context));
        add_call(all, tape, i, clm_now_ns() - start);
    }
    return CLM_OK;
}

static int heavier(const void *a, const void *b)
{
    const double x = ((const kind *)a)->ns, y = ((const kind *)b)->ns;
    return (x < y) - (x > y);
}

static bool complete(const clm_tune_job *tune, const kind *k)
{
    const clm_tuned *entry = clm_tuning_entry(tune->tuning, k->op->name, k->shape);
    return !tune->again && entry && entry->complete;
}

static clm_status tune_kind(const clm_tune_job *tune, const kind *k, double deadline)
{
    clm_scope scope = {0};
    const clm_tune_case one = {tune, k->tape, k->call, k->shape, deadline};
    const clm_status status = clm_tune_search(&scope, &one);
    clm_scope_end(&scope);
    return status;
}

/* What a case leaves of its share goes to those after it. */
static clm_status tune_kinds(const clm_tune_job *tune, const kinds *all)
{
    double left = 0;
    for (size_t i = 0; i < all->count; i++)
        left += complete(tune, &all->kind[i]) ? 0 : all->kind[i].ns;
    for (size_t i = 0; i < all->count; i++) {
        const kind *k = &all->kind[i];
        const double now = clm_now_ns();
        if (now >= tune->deadline_ns || (tune->interrupted && *tune->interrupted)) break;
        if (complete(tune, k)) continue;
        CLM_TRY(tune_kind(tune, k, now + (tune->deadline_ns - now) * k->ns / left));
        left -= k->ns;
    }
    return CLM_OK;
}

clm_status clm_tune_tapes(const clm_tune_job *tune, clm_tape *const *tape, size_t tapes)
{
    clm_scope scope = {0};
    kinds all = {.scope = &scope};
    clm_status status = CLM_OK;
    for (size_t t = 0; t < tapes && status == CLM_OK; t++)
        status = add_tape(&all, tune->context, tape[t]);
    if (all.count > 0) qsort(all.kind, all.count, sizeof *all.kind, heavier);
    for (size_t i = 0; i < all.count && tune->met; i++)
        tune->met(tune->user, all.kind[i].op, all.kind[i].shape, all.kind[i].ns);
    if (status == CLM_OK) status = tune_kinds(tune, &all);
    clm_scope_end(&scope);
    return status;
}
