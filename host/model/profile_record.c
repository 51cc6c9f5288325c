#include "model/profile_record.h"

#include <math.h>
#include <string.h>

json_t *clm_number_json(double x) { return isfinite(x) ? json_real(x) : json_null(); }

json_t *clm_summary_json(const clm_summary *s)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:I}", "median", clm_number_json(s->median), "min",
                     clm_number_json(s->min), "q1", clm_number_json(s->q1), "q3",
                     clm_number_json(s->q3), "n", (json_int_t)s->n);
}

/* "x 10000x64, w 16x64x128": the operands that are there. */
static json_t *operands(const clm_call *call)
{
    char text[1024] = "";
    size_t used = 0;
    for (int o = 0; o < CLM_OPERANDS && call->op->operand[o].name; o++) {
        const clm_tensor *t = call->arg[o];
        if (!t) continue;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s ", used > 0 ? ", " : "",
                                 call->op->operand[o].name);
        for (int i = 0; i < t->rank; i++)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%lld", i > 0 ? "x" : "",
                                     (long long)t->dim[i]);
    }
    return json_string(text);
}

/* What its products are computed in, for the roof that they can come to: that of matrix units where
 * the variant uses them, however many products take the place of one. */
static const char *precision(const clm_call_profile *c)
{
    for (const clm_variant *v = c->call->op->variant; v->name; v++)
        if (strcmp(v->name, c->variant) == 0) return v->precision ? v->precision : "f32";
    return "f32";
}

static bool in_place(const clm_call *call)
{
    for (int o = 0; o < CLM_OPERANDS && call->op->operand[o].name; o++)
        if (call->arg[o] && call->op->operand[o].role == CLM_INOUT) return true;
    return false;
}

/* Rates: per nanosecond are thousand millions per second. */
static void put_work(json_t *to, double ns, double flops, double bytes, double launches)
{
    json_object_set_new(to, "flops", json_real(flops));
    json_object_set_new(to, "bytes", json_real(bytes));
    json_object_set_new(to, "launches", json_integer((json_int_t)launches));
    json_object_set_new(to, "gflops", clm_number_json(flops / ns));
    json_object_set_new(to, "gbytes", clm_number_json(bytes / ns));
}

static json_t *call_json(const clm_call_profile *c, bool forward)
{
    json_t *json =
        json_pack("{s:s,s:s,s:o,s:s,s:s,s:s?,s:o,s:f,s:s,s:b}", "operator", c->call->op->name,
                  "pass", forward ? "forward" : "backward", "operands", operands(c->call),
                  "variant", c->variant, "tunables", c->tunables, "library", c->library, "ns",
                  clm_summary_json(&c->ns), "footprint_bytes", c->footprint_bytes, "precision",
                  precision(c), "in_place", in_place(c->call));
    put_work(json, c->ns.median, c->cost.flops, c->cost.bytes, (double)c->launches);
    json_object_set_new(json, "exps", json_real(c->cost.exps));
    return json;
}

static json_t *pass_json(const clm_profile *p, size_t first, size_t end)
{
    double flops = 0, bytes = 0, launches = 0;
    for (size_t c = first; c < end; c++) {
        flops += p->call[c].cost.flops;
        bytes += p->call[c].cost.bytes;
        launches += (double)p->call[c].launches;
    }
    if (first == end) return json_null();
    const double ns = clm_profile_ns(p, first, end);
    json_t *json = json_pack("{s:f}", "ns", ns);
    put_work(json, ns, flops, bytes, launches);
    return json;
}

/* The kernels of one replay, for a trace: [call, queued, start, end]. */
static json_t *launches(const clm_profile *p)
{
    if (!p->launch) return json_null();
    json_t *list = json_array();
    for (size_t i = 0; i < p->launches; i++) {
        const clm_launch_profile *l = &p->launch[i];
        json_array_append_new(
            list, json_pack("[I,f,f,f]", (json_int_t)l->call, l->queued, l->start, l->end));
    }
    return list;
}

json_t *clm_profile_json(const clm_profile *p, size_t forward, size_t first)
{
    json_t *calls = json_array();
    for (size_t c = 0; c < p->calls; c++)
        json_array_append_new(calls, call_json(&p->call[c], c < forward));
    return json_pack("{s:s,s:o,s:i,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "timer", p->timer, "why",
                     p->why ? json_string(p->why) : json_null(), "replays", p->replays, "samples",
                     (json_int_t)p->wall_ns.n, "wall_ns", clm_summary_json(&p->wall_ns), "overhead",
                     clm_number_json(p->overhead), "calls", calls, "forward",
                     pass_json(p, 0, forward), "backward", pass_json(p, forward, p->calls), "total",
                     pass_json(p, first, p->calls), "launches", launches(p));
}
