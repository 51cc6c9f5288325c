/* The calls of profiles, one line each. */
#include "report/csv.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static const json_t *member(const json_t *object, const char *key)
{
    return json_object_get(object, key);
}

static void put_words(FILE *out, const char *text)
{
    fprintf(out, strpbrk(text != NULL ? text : "", ",\"") != NULL ? ",\"%s\"" : ",%s",
            text != NULL ? text : "");
}

static void put_number(FILE *out, const json_t *value, double factor)
{
    if (json_is_number(value))
        fprintf(out, ",%.10g", factor * json_number_value(value));
    else
        fputs(",NaN", out);
}

/* The name of the device as in roofs.csv: without what gnuplot does not read back. */
static void put_device(FILE *out, const clm_row *row)
{
    const char *name = NULL;
    for (size_t s = 0; s < row->planned && name == NULL; s++)
        name = json_string_value(member(member(row->record[s], "environment"), "device"));
    fputc(',', out);
    for (const char *c = name != NULL ? name : ""; *c != '\0'; c++)
        if (*c != '"') fputc(*c == ',' ? ';' : *c, out);
}

static void put_call(FILE *out, int number, const clm_row *row, size_t index, const json_t *call)
{
    static const char *const words[] = {"operator", "pass", "variant", "tunables", "operands"};
    static const char *const times[] = {"median", "min", "q1", "q3"};
    static const char *const numbers[] = {"launches",        "flops",  "bytes",
                                          "footprint_bytes", "gflops", "gbytes"};
    fprintf(out, "%d", number);
    put_words(out, row->data);
    put_words(out, row->label);
    fprintf(out, ",%zu", index + 1);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        put_words(out, json_string_value(member(call, words[i])));
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        put_number(out, member(member(call, "ns"), times[i]), 1e-6);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        put_number(out, member(call, numbers[i]), 1);
    put_number(out, member(member(call, "roof"), "share"), 1);
    put_words(out, json_string_value(member(member(call, "roof"), "bound")));
    put_device(out, row);
    fputc('\n', out);
}

/* The calls of the first seed that has any. */
static const json_t *calls_of(const clm_row *row)
{
    for (size_t s = 0; s < row->planned; s++) {
        const json_t *calls = member(member(row->record[s], "profile"), "calls");
        if (json_array_size(calls) > 0) return calls;
    }
    return NULL;
}

clm_status clm_csv_calls(clm_scope *scope, const clm_rows *rows, const char *path)
{
    (void)scope;
    size_t profiled = 0;
    for (size_t r = 0; r < rows->count; r++)
        profiled += calls_of(&rows->row[r]) != NULL;
    if (profiled == 0) return CLM_OK;
    FILE *out = fopen(path, "w");
    if (out == NULL)
        return clm_fail(CLM_ERROR_FAILED, "%s cannot be written: %s", path, strerror(errno));
    fputs("row,data,label,call,operator,pass,variant,tunables,operands,ms,ms_min,ms_q1,ms_q3,"
          "launches,flops,bytes,footprint_bytes,gflops,gbytes,roof_share,bound,device\n",
          out);
    for (size_t r = 0; r < rows->count; r++) {
        const json_t *call;
        size_t i;
        json_array_foreach(calls_of(&rows->row[r]), i, call)
            put_call(out, (int)r + 1, &rows->row[r], i, call);
    }
    const bool whole = ferror(out) == 0;
    if (fclose(out) == 0 && whole) return CLM_OK;
    return clm_fail(CLM_ERROR_FAILED, "%s cannot be written: %s", path, strerror(errno));
}
