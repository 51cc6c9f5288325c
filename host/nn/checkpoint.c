/* Kernels want weights as [.., in, out], files hold [.., out, in]; stacked or split parameters
 * appear in files by their parts. One description of each file tensor serves reading and writing.
 */
#include "nn/checkpoint.h"

#include "base/text.h"
#include "nn/parameters_internal.h"

#include <string.h>

/* One tensor of the file and where its elements are in the arena. */
typedef struct mapping {
    const char *name;
    int rank;
    int64_t dim[CLM_RANK];
    int64_t batch, rows, columns;     /* of the parameter's part: [batch, rows, columns] */
    int64_t offset;                   /* of the part in the arena */
    bool transposed;                  /* file element (b, c, r) is arena element (b, r, c) */
    int64_t file_first, file_columns; /* the part's rows within a row of the file's tensor */
    int64_t file_offset;              /* of element (0, 0, 0) in the file's tensor */
} mapping;

static mapping whole(const clm_parameters *p, int index)
{
    const clm_parameter_item *item = &p->item[index];
    const clm_tensor *t = &item->tensor;
    mapping m = {.name = t->name,
                 .rank = t->rank,
                 .batch = 1,
                 .rows = 1,
                 .columns = t->dim[t->rank - 1],
                 .offset = item->offset,
                 .transposed = item->transposed};
    memcpy(m.dim, t->dim, sizeof m.dim);
    if (t->rank > 1) m.rows = t->dim[t->rank - 2];
    for (int i = 0; i + 2 < t->rank; i++)
        m.batch *= t->dim[i];
    m.file_columns = m.transposed ? m.rows : m.columns;
    if (m.transposed) {
        m.dim[t->rank - 2] = m.columns;
        m.dim[t->rank - 1] = m.rows;
    }
    if (item->in_file.rank > 0) {
        m.name = item->in_file.name;
        m.rank = item->in_file.rank;
        memcpy(m.dim, item->in_file.dim, sizeof m.dim);
        m.file_offset = item->file_first;
    }
    return m;
}

static mapping part(const clm_parameters *p, const clm_parameter_part_item *part)
{
    const clm_parameter_item *item = &p->item[part->parameter];
    const int64_t columns = item->tensor.dim[item->tensor.rank - 1];
    const bool row = part->file_columns == 0;
    return (mapping){.name = part->name,
                     .rank = row ? 1 : 2,
                     .dim = {columns, part->file_columns},
                     .batch = 1,
                     .rows = part->rows,
                     .columns = columns,
                     .offset = item->offset + part->first * columns,
                     .transposed = !row,
                     .file_first = part->file_first,
                     .file_columns = row ? columns : part->file_columns};
}

static bool has_parts(const clm_parameters *p, int index)
{
    for (int i = 0; i < p->parts; i++)
        if (p->part[i].parameter == index) return true;
    return false;
}

/* Copies between a file's tensor and the arena, either way. */
static void copy(const mapping *m, float *arena, float *tensor, bool to_arena)
{
    float *file = tensor + m->file_offset;
    for (int64_t b = 0; b < m->batch; b++)
        for (int64_t r = 0; r < m->rows; r++)
            for (int64_t c = 0; c < m->columns; c++) {
                float *a = &arena[m->offset + (b * m->rows + r) * m->columns + c];
                float *f = m->transposed
                               ? &file[(b * m->columns + c) * m->file_columns + m->file_first + r]
                               : &file[(b * m->rows + r) * m->columns + c];
                *(to_arena ? a : f) = *(to_arena ? f : a);
            }
}

/* Shapes agree when they do without their leading ones. */
static bool same_shape(const mapping *m, const clm_file_tensor *t)
{
    int i = 0, j = 0;
    while (i < m->rank && m->dim[i] == 1)
        i++;
    while (j < t->rank && t->dim[j] == 1)
        j++;
    for (; i < m->rank && j < t->rank; i++, j++)
        if (m->dim[i] != t->dim[j]) return false;
    return i == m->rank && j == t->rank && t->type == CLM_F32;
}

static clm_status load(clm_parameters *p, const mapping *m, float *arena,
                       const clm_safetensors *file, const char *prefix)
{
    char name[256];
    snprintf(name, sizeof name, "%s%s", prefix, m->name);
    const clm_file_tensor *t = clm_safetensors_find(file, name);
    if (!t) {
        clm_fail(CLM_ERROR_USAGE, "the checkpoint has no tensor \"%s\"", name);
        clm_error_advice("the model and parameters that the weights are of; those of clmoe forward "
                         "without a checkpoint have every name");
        return CLM_FAIL;
    }
    if (!same_shape(m, t)) {
        const char *expected = "";
        for (int i = 0; i < m->rank; i++)
            expected =
                clm_text(p->scope, "%s%s%lld", expected, i ? ", " : "", (long long)m->dim[i]);
        clm_fail(CLM_ERROR_USAGE, "the checkpoint's tensor \"%s\" is not float32 of shape [%s]",
                 name, expected);
        clm_error_advice("the model, parameters and data set that the weights are of");
        return CLM_FAIL;
    }
    copy(m, arena, t->data, true);
    return CLM_OK;
}

clm_status clm_checkpoint_load(clm_parameters *p, const clm_safetensors *file, const char *prefix)
{
    float *weights = clm_alloc_array(p->scope, (size_t)p->elements + 1, sizeof *weights);
    float *statistics = clm_alloc_array(p->scope, (size_t)p->statistics + 1, sizeof *statistics);
    for (int i = 0; i < p->count; i++) {
        if (has_parts(p, i)) continue;
        const mapping m = whole(p, i);
        CLM_TRY(load(p, &m, p->item[i].statistic ? statistics : weights, file, prefix));
    }
    for (int i = 0; i < p->parts; i++) {
        const mapping m = part(p, &p->part[i]);
        const bool statistic = p->item[p->part[i].parameter].statistic;
        CLM_TRY(load(p, &m, statistic ? statistics : weights, file, prefix));
    }
    for (int i = 0; i < p->count; i++) {
        const clm_parameter_item *item = &p->item[i];
        memcpy(item->value, (item->statistic ? statistics : weights) + item->offset,
               clm_tensor_bytes(&item->tensor));
    }
    return CLM_OK;
}

static float *room(clm_scope *scope, const mapping *m, const char *prefix, clm_safetensors *file)
{
    const char *name = clm_text(scope, "%s%s", prefix, m->name);
    const clm_file_tensor *known =
        clm_safetensors_find(file, name); /* two parameters side by side */
    if (known) return known->data;
    clm_file_tensor t = {.name = name, .type = CLM_F32, .rank = m->rank};
    memcpy(t.dim, m->dim, sizeof t.dim);
    size_t n = 1;
    for (int i = 0; i < t.rank; i++)
        n *= (size_t)t.dim[i];
    t.data = clm_alloc_array(scope, n + 1, sizeof(float));
    clm_safetensors_add(scope, file, t);
    return t.data;
}

static void add(clm_scope *scope, const clm_parameters *p, bool statistics, const float *values,
                const char *prefix, clm_safetensors *file)
{
    for (int i = 0; i < p->count; i++) {
        if (has_parts(p, i) || p->item[i].statistic != statistics) continue;
        const mapping m = whole(p, i);
        copy(&m, (float *)(uintptr_t)values, room(scope, &m, prefix, file), false);
    }
    for (int i = 0; i < p->parts; i++) {
        if (p->item[p->part[i].parameter].statistic != statistics) continue;
        const mapping m = part(p, &p->part[i]);
        copy(&m, (float *)(uintptr_t)values, room(scope, &m, prefix, file), false);
    }
}

void clm_checkpoint_add(clm_scope *scope, const clm_parameters *p, const float *values,
                        const char *prefix, clm_safetensors *file)
{
    add(scope, p, false, values, prefix, file);
}

void clm_checkpoint_add_statistics(clm_scope *scope, const clm_parameters *p, const float *values,
                                   const char *prefix, clm_safetensors *file)
{
    add(scope, p, true, values, prefix, file);
}
