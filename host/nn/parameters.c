/* Weights, gradients and moments in arenas of one layout: every parameter starts at a multiple of
 * ALIGN elements, so that views of it are allowed on every device and one Adam launch covers all.
 */
#include "nn/parameters.h"

#include "base/philox.h"
#include "nn/parameters_internal.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 }; /* floats: 256 bytes, more than any device's base alignment seen so far */

clm_parameters *clm_parameters_new(clm_scope *scope, uint32_t seed)
{
    clm_parameters *p = clm_alloc(scope, sizeof *p);
    p->scope = scope;
    p->seed = seed;
    return p;
}

static int find(const clm_parameters *p, const char *name)
{
    for (int i = 0; i < p->count; i++)
        if (!strcmp(p->item[i].tensor.name, name)) return i;
    return -1;
}

/* Initial values: element i of parameter l takes word i % 4 of Philox(i / 4, 0, INIT, l); normal
 * numbers use the words in pairs. */
static void initialise(const clm_parameters *p, int index, float *value)
{
    const clm_parameter_item *item = &p->item[index];
    const int64_t n = clm_elements(&item->tensor);
    for (int64_t i = 0; i < n; i += 4) {
        const clm_philox r =
            clm_philox_draw((uint32_t)(i / 4), 0, CLM_STREAM_INIT, (uint32_t)index, p->seed);
        float normal[4];
        if (item->init == CLM_INIT_NORMAL) {
            clm_normal(r.word[0], r.word[1], normal);
            clm_normal(r.word[2], r.word[3], normal + 2);
        }
        for (int64_t j = i; j < i + 4 && j < n; j++) {
            const float u = 2 * clm_uniform(r.word[j - i]) - 1;
            switch (item->init) {
            case CLM_INIT_CONSTANT: value[j] = (float)item->bound; break;
            case CLM_INIT_UNIFORM: value[j] = (float)item->bound * u; break;
            case CLM_INIT_NORMAL: value[j] = (float)item->bound * normal[j - i]; break;
            }
        }
    }
}

/* A new item with its initial values, or the one of that name. */
static int declare(clm_parameters *p, const clm_parameter_item *as, const char *name, int rank,
                   const int64_t *dim)
{
    const int known = find(p, name);
    if (known >= 0) return known;
    if (p->count == CLM_PARAMETERS || p->allocated) abort(); /* more than any model, or too late */
    const int index = p->count++;
    clm_parameter_item *item = &p->item[index];
    int64_t *elements = as->statistic ? &p->statistics : &p->elements;
    *item = *as;
    item->offset = *elements;
    item->tensor = (clm_tensor){.name = clm_text(p->scope, "%s", name),
                                .type = CLM_F32,
                                .kind = CLM_PARAMETER,
                                .rank = rank,
                                .parameter = index};
    memcpy(item->tensor.dim, dim, (size_t)rank * sizeof *dim);
    const int64_t n = clm_elements(&item->tensor);
    *elements += (n + ALIGN - 1) / ALIGN * ALIGN;
    item->value = clm_alloc_array(p->scope, (size_t)n, sizeof(float));
    initialise(p, index, item->value);
    return index;
}

int clm_parameter(clm_parameters *p, const char *name, bool transposed, clm_init init, double bound,
                  int rank, const int64_t *dim)
{
    return declare(p, &(clm_parameter_item){.transposed = transposed, .init = init, .bound = bound},
                   name, rank, dim);
}

int clm_statistic(clm_parameters *p, const char *name, double initial, int rank, const int64_t *dim)
{
    return declare(
        p, &(clm_parameter_item){.statistic = true, .init = CLM_INIT_CONSTANT, .bound = initial},
        name, rank, dim);
}

void clm_parameter_part(clm_parameters *p, int parameter, const char *name, int64_t first,
                        int64_t rows, int64_t file_first, int64_t file_columns)
{
    for (int i = 0; i < p->parts; i++)
        if (p->part[i].parameter == parameter && p->part[i].first == first) return;
    if (p->parts == CLM_PARAMETERS) abort();
    p->part[p->parts++] = (clm_parameter_part_item){
        clm_text(p->scope, "%s", name), parameter, first, rows, file_first, file_columns};
}

void clm_parameter_in_file(clm_parameters *p, int index, const char *name, int64_t first, int rank,
                           const int64_t *dim)
{
    clm_parameter_item *item = &p->item[index];
    if (item->in_file.rank > 0) return;
    item->in_file = (clm_tensor){.name = clm_text(p->scope, "%s", name), .rank = rank};
    memcpy(item->in_file.dim, dim, (size_t)rank * sizeof *dim);
    item->file_first = first;
}

size_t clm_parameters_count(const clm_parameters *p) { return (size_t)p->count; }
const char *clm_parameter_name(const clm_parameters *p, int i) { return p->item[i].tensor.name; }
const clm_tensor *clm_parameter_tensor(const clm_parameters *p, int i)
{
    return &p->item[i].tensor;
}
float *clm_parameter_values(clm_parameters *p, int i) { return p->item[i].value; }
bool clm_parameter_is_statistic(const clm_parameters *p, int i) { return p->item[i].statistic; }
int64_t clm_parameter_offset(const clm_parameters *p, int i) { return p->item[i].offset; }

uint64_t clm_parameters_bytes(const clm_parameters *p, bool training)
{
    const int64_t arenas = training ? CLM_STATISTICS : 1;
    return (uint64_t)(p->elements * arenas + p->statistics) * sizeof(float);
}

static clm_tensor *arena(clm_parameters *p, int which)
{
    static const char *const name[CLM_ARENAS] = {"parameters", "gradients", "first moments",
                                                 "second moments", "statistics"};
    static const clm_tensor_kind kind[CLM_ARENAS] = {CLM_PARAMETER, CLM_GRADIENT, CLM_STATE,
                                                     CLM_STATE, CLM_STATE};
    clm_tensor *t = &p->arena[which];
    *t = (clm_tensor){.name = name[which],
                      .type = CLM_F32,
                      .kind = kind[which],
                      .rank = 1,
                      .dim = {which == CLM_STATISTICS ? p->statistics : p->elements},
                      .buffer = t->buffer,
                      .host = t->host,
                      .parameter = -1};
    return t;
}

/* One of those that only training needs. */
static clm_tensor *training_arena(clm_parameters *p, int which)
{
    p->training = true;
    return arena(p, which);
}

clm_tensor *clm_parameters_arena(clm_parameters *p) { return arena(p, CLM_WEIGHTS); }
clm_tensor *clm_gradients_arena(clm_parameters *p) { return training_arena(p, CLM_GRADIENTS); }
clm_tensor *clm_moments_arena(clm_parameters *p, int which)
{
    return training_arena(p, CLM_MOMENTS + which);
}
clm_tensor *clm_statistics_arena(clm_parameters *p) { return arena(p, CLM_STATISTICS); }

/* Whether an item has a view of the arena. */
static bool is_in(const clm_parameter_item *item, int which)
{
    return item->statistic ? which == CLM_STATISTICS
                           : which == CLM_WEIGHTS || which == CLM_GRADIENTS;
}

static clm_status allocate_arena(clm_parameters *p, clm_context *context, int which)
{
    clm_tensor *t = arena(p, which);
    if (t->buffer || clm_elements(t) == 0) return CLM_OK;
    CLM_TRY(clm_buffer_new(context, p->scope, t->name, clm_tensor_bytes(t), &t->buffer));
    CLM_TRY(clm_buffer_fill(t->buffer, 0, 0, clm_tensor_bytes(t)));
    for (int i = 0; i < p->count; i++) {
        clm_parameter_item *item = &p->item[i];
        if (!is_in(item, which)) continue;
        clm_buffer **view = &item->view[which == CLM_GRADIENTS];
        CLM_TRY(clm_buffer_view(p->scope, t->buffer, 4 * (uint64_t)item->offset,
                                clm_tensor_bytes(&item->tensor), view));
        if (which == CLM_GRADIENTS) continue;
        item->tensor.buffer = *view;
        CLM_TRY(clm_buffer_write(*view, 0, item->value, clm_tensor_bytes(&item->tensor)));
    }
    return CLM_OK;
}

clm_status clm_parameters_allocate(clm_parameters *p, clm_context *context)
{
    p->allocated = p->count > 0;
    for (int a = 0; a < CLM_ARENAS; a++)
        if (a == CLM_WEIGHTS || a == CLM_STATISTICS || p->training)
            CLM_TRY(allocate_arena(p, context, a));
    return CLM_OK;
}

clm_buffer *clm_parameter_view(const clm_parameters *p, int index, bool gradient)
{
    return p->item[index].view[gradient];
}

double *clm_parameter_host(const clm_parameters *p, int index, bool gradient)
{
    const clm_parameter_item *item = &p->item[index];
    const int which = item->statistic ? CLM_STATISTICS : gradient ? CLM_GRADIENTS : CLM_WEIGHTS;
    return (double *)p->arena[which].host + item->offset;
}

clm_status clm_parameters_upload(clm_parameters *p)
{
    for (int i = 0; i < p->count; i++)
        CLM_TRY(clm_buffer_write(p->item[i].view[0], 0, p->item[i].value,
                                 clm_tensor_bytes(&p->item[i].tensor)));
    return CLM_OK;
}

clm_status clm_parameters_download(clm_parameters *p)
{
    for (int i = 0; i < p->count; i++)
        if (p->item[i].view[0])
            CLM_TRY(clm_buffer_read(p->item[i].view[0], 0, p->item[i].value,
                                    clm_tensor_bytes(&p->item[i].tensor)));
    return CLM_OK;
}

void clm_parameters_reference(clm_parameters *p)
{
    for (int a = 0; a < CLM_ARENAS; a++) {
        clm_tensor *t = arena(p, a);
        const size_t elements = (size_t)clm_elements(t);
        if (!t->host) t->host = clm_alloc_array(p->scope, elements + 1, sizeof(double));
        memset(t->host, 0, elements * sizeof(double));
    }
    for (int i = 0; i < p->count; i++) {
        double *to = clm_parameter_host(p, i, false);
        for (int64_t j = 0; j < clm_elements(&p->item[i].tensor); j++)
            to[j] = p->item[i].value[j];
    }
}
