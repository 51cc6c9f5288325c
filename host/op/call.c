/* Calls: dimensions by letter, and the check of operands against what the operator declares. */
#include "base/text.h"
#include "op/plan.h"

#include <string.h>

extern const clm_op *const *const clm_op_folders[]; /* collected by the build, ends with null */

const clm_op *clm_op_at(size_t index)
{
    for (const clm_op *const *const *folder = clm_op_folders; *folder; folder++)
        for (const clm_op *const *op = *folder; *op; op++)
            if (index-- == 0) return *op;
    return NULL;
}

void clm_no_grad(clm_tape *tape, const clm_call *call) { (void)tape, (void)call; }

/* Sizes of the letters of an operand's shape, in order: a shape of one letter takes a tensor of any
 * rank, flattened. Returns the number of letters. */
static int letters(const clm_operand *operand, const clm_tensor *t, char *letter, int64_t *size)
{
    int n = 0;
    for (const char *s = operand->shape; *s; s++) {
        if (*s == ' ') continue;
        if (*s == '+') {
            s++;
            size[n - 1] -= *s - '0';
            continue;
        }
        letter[n] = *s;
        size[n] = n < t->rank ? t->dim[n] : -1;
        n++;
    }
    if (n == 1) size[0] += clm_elements(t) - t->dim[0] * (t->rank > 0);
    return n;
}

int64_t clm_dim(const clm_call *call, char wanted)
{
    for (int o = 0; o < CLM_OPERANDS && call->op->operand[o].name; o++) {
        if (!call->arg[o]) continue;
        char letter[8];
        int64_t size[8];
        const int n = letters(&call->op->operand[o], call->arg[o], letter, size);
        for (int i = 0; i < n; i++)
            if (letter[i] == wanted) return size[i];
    }
    return 0;
}

clm_type clm_call_real(const clm_call *call)
{
    for (int o = 0; o < CLM_OPERANDS && call->op->operand[o].name; o++)
        if (call->arg[o] && call->op->operand[o].type == CLM_REAL) return call->arg[o]->type;
    return CLM_F32;
}

double *clm_f64(const clm_call *call, int operand)
{
    return call->arg[operand] ? call->arg[operand]->host : NULL;
}

int32_t *clm_i32(const clm_call *call, int operand)
{
    return call->arg[operand] ? call->arg[operand]->host : NULL;
}

static clm_status mismatch(const clm_call *call, const clm_operand *operand, const clm_tensor *t,
                           const char *why)
{
    char dims[96] = "";
    for (int i = 0; i < t->rank; i++)
        snprintf(dims + strlen(dims), sizeof dims - strlen(dims), "%s%lld", i ? ", " : "",
                 (long long)t->dim[i]);
    return clm_fail(CLM_ERROR_FAILED, "%s: operand %s is [%s] %s (%s), which %s \"%s\"",
                    call->op->name, operand->name, dims, clm_type_name(t->type),
                    t->name ? t->name : "unnamed", why, operand->shape);
}

clm_status clm_call_check(const clm_call *call)
{
    for (int o = 0; o < CLM_OPERANDS && call->op->operand[o].name; o++) {
        const clm_operand *operand = &call->op->operand[o];
        const clm_tensor *t = call->arg[o];
        if (!t && operand->optional) continue;
        if (!t)
            return clm_fail(CLM_ERROR_FAILED, "%s: operand %s is missing", call->op->name,
                            operand->name);
        if (operand->type != CLM_REAL && t->type != operand->type)
            return mismatch(call, operand, t, "has not the type of");
        if (operand->type == CLM_REAL && (t->type == CLM_I32 || t->type != clm_call_real(call)))
            return mismatch(call, operand, t, "is stored unlike others of");
        char letter[8];
        int64_t size[8];
        const int n = letters(operand, t, letter, size);
        if (n != 1 && n != t->rank) return mismatch(call, operand, t, "has not the rank of");
        for (int i = 0; i < n; i++) {
            const int64_t expected =
                letter[i] >= '0' && letter[i] <= '9' ? letter[i] - '0' : clm_dim(call, letter[i]);
            if (size[i] != expected)
                return mismatch(call, operand, t, "disagrees with another operand in a letter of");
        }
    }
    return CLM_OK;
}
