/* Memory by lifetime: activations share few large buffers. Calls are walked in order; what a call
 * makes goes into the smallest hole that fits, what it uses last becomes a hole afterwards. No
 * buffer exceeds the largest that the device allocates. */
#include "base/text.h"
#include "nn/tape_internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef struct hole {
    int chunk;
    uint64_t offset, bytes;
} hole;

typedef struct layout {
    clm_tape *tape;
    hole *hole;
    size_t holes, room;
    uint64_t align, limit; /* of one buffer */
} layout;

static void find_lifetimes(clm_tape *tape)
{
    for (size_t i = 0; i < tape->calls; i++) {
        const clm_call *call = tape->call[i];
        for (int o = 0; o < CLM_OPERANDS && call->op->operand[o].name; o++) {
            clm_tensor *t = call->arg[o];
            if (!t) continue;
            const bool makes =
                call->op->operand[o].role == CLM_OUT || call->op->operand[o].role == CLM_SCRATCH;
            if (makes && t->first < 0) t->first = (int)i;
            if (t->last < (int)i) t->last = (int)i;
            if (t->kind == CLM_OUTPUT) t->last = INT_MAX;
        }
    }
}

static void add_hole(layout *l, hole h)
{
    for (size_t i = 0; i < l->holes; i++) { /* merge with neighbours */
        hole *o = &l->hole[i];
        const bool before = o->chunk == h.chunk && o->offset + o->bytes == h.offset;
        const bool after = o->chunk == h.chunk && h.offset + h.bytes == o->offset;
        if (!before && !after) continue;
        h = (hole){h.chunk, before ? o->offset : h.offset, h.bytes + o->bytes};
        *o = l->hole[--l->holes];
        i = (size_t)-1; /* the merged hole may touch another one */
    }
    l->hole = clm_tape_grow(l->hole, l->holes, &l->room, sizeof *l->hole);
    l->hole[l->holes++] = h;
}

/* At the end of the first buffer with room left, or in a new one. A hole at the buffer's end is
 * used up first. */
static void extend(layout *l, clm_node *n, uint64_t bytes)
{
    clm_tape *tape = l->tape;
    for (int c = 0; c < tape->chunks; c++) {
        uint64_t start = tape->chunk[c].bytes;
        size_t last = SIZE_MAX;
        for (size_t i = 0; i < l->holes; i++)
            if (l->hole[i].chunk == c && l->hole[i].offset + l->hole[i].bytes == start) last = i;
        if (last != SIZE_MAX) start = l->hole[last].offset;
        if (start + bytes > l->limit) continue;
        if (last != SIZE_MAX) l->hole[last] = l->hole[--l->holes];
        n->chunk = c;
        n->chunk_offset = start;
        tape->chunk[c].bytes = start + bytes;
        return;
    }
    n->chunk = tape->chunks++;
    n->chunk_offset = 0;
    tape->chunk[n->chunk] = (clm_chunk){.bytes = bytes};
}

static void allocate(layout *l, clm_node *n)
{
    const uint64_t bytes = (clm_tensor_bytes(&n->tensor) + l->align) / l->align * l->align;
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < l->holes; i++)
        if (l->hole[i].bytes >= bytes &&
            (best == SIZE_MAX || l->hole[i].bytes < l->hole[best].bytes))
            best = i;
    if (best == SIZE_MAX) {
        extend(l, n, bytes);
        return;
    }
    hole *h = &l->hole[best];
    n->chunk = h->chunk;
    n->chunk_offset = h->offset;
    h->offset += bytes;
    h->bytes -= bytes;
    if (h->bytes == 0) *h = l->hole[--l->holes];
}

static bool stored_by_lifetime(const clm_tensor *t)
{
    return t && (t->kind == CLM_ACTIVATION || t->kind == CLM_OUTPUT);
}

/* The input whose storage this output may take over: it ends here and has as many bytes. */
static clm_node *reusable(const clm_call *call, int index, int operand)
{
    const char *wanted = call->op->operand[operand].reuses;
    if (!wanted) return NULL;
    for (int o = 0; o < CLM_OPERANDS && call->op->operand[o].name; o++) {
        clm_tensor *t = call->arg[o];
        if (strcmp(call->op->operand[o].name, wanted) != 0 || !t || t->kind != CLM_ACTIVATION)
            continue;
        for (int other = 0; other < CLM_OPERANDS && call->op->operand[other].name; other++)
            if (other != o && call->arg[other] == t) return NULL; /* read twice in this call */
        if (t->last == index && clm_tensor_bytes(t) == clm_tensor_bytes(call->arg[operand]))
            return clm_node_of(t);
    }
    return NULL;
}

static void lay_out_call(layout *l, int index)
{
    const clm_call *call = l->tape->call[index];
    bool taken[CLM_OPERANDS] = {false};
    for (int o = 0; o < CLM_OPERANDS && call->op->operand[o].name; o++) {
        clm_tensor *t = call->arg[o];
        if (!stored_by_lifetime(t) || t->first != index || clm_node_of(t)->chunk >= 0) continue;
        clm_node *from = reusable(call, index, o), *n = clm_node_of(t);
        if (from) {
            n->chunk = from->chunk;
            n->chunk_offset = from->chunk_offset;
            for (int i = 0; i < CLM_OPERANDS && call->op->operand[i].name; i++)
                if (call->arg[i] == &from->tensor) taken[i] = true;
        } else {
            allocate(l, n);
        }
    }
    for (int o = 0; o < CLM_OPERANDS && call->op->operand[o].name; o++) {
        clm_tensor *t = call->arg[o];
        if (!stored_by_lifetime(t) || t->last != index || taken[o]) continue;
        bool freed = false; /* the same tensor may appear twice */
        for (int before = 0; before < o; before++)
            freed |= call->arg[before] == t;
        if (!freed)
            add_hole(l, (hole){clm_node_of(t)->chunk, clm_node_of(t)->chunk_offset,
                               (clm_tensor_bytes(t) + l->align) / l->align * l->align});
    }
}

clm_status clm_tape_layout(clm_tape *tape)
{
    if (tape->status != CLM_OK || tape->laid_out) return tape->status;
    const clm_device *device = clm_context_device(tape->context);
    layout l = {
        .tape = tape, .align = device->base_align_bytes, .limit = device->max_allocation_bytes};
    tape->chunk = clm_alloc_array(tape->scope, tape->nodes + 1, sizeof *tape->chunk);
    clm_tape_drop_unused(tape);
    find_lifetimes(tape);
    for (size_t i = 0; i < tape->nodes; i++) {
        const clm_tensor *t = &tape->node[i]->tensor;
        tape->node[i]->chunk = -1;
        if (t->kind == CLM_INPUT && !tape->node[i]->shared)
            tape->input_bytes += clm_tensor_bytes(t);
        if (clm_tensor_bytes(t) <= l.limit) continue;
        free(l.hole);
        clm_fail(CLM_ERROR_TOO_LARGE, "%s needs %s in one piece, device allocates at most %s",
                 t->name, clm_text_bytes(tape->scope, clm_tensor_bytes(t)),
                 clm_text_bytes(tape->scope, l.limit));
        clm_error_advice(
            "a smaller width or a smaller graph, or --device with more memory (`clmoe devices`)");
        return CLM_FAIL;
    }
    for (size_t i = 0; i < tape->calls; i++)
        lay_out_call(&l, (int)i);
    free(l.hole);
    tape->laid_out = true;
    return CLM_OK;
}

uint64_t clm_tape_bytes(const clm_tape *tape)
{
    uint64_t bytes = tape->input_bytes;
    for (int c = 0; c < tape->chunks; c++)
        bytes += tape->chunk[c].bytes;
    return bytes;
}
