#include "model/golden.h"

#include "base/text.h"
#include "model/golden_file.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const clm_golden_kind kinds[] = {
    {"one HGT layer", clm_golden_hgt},
    {"mixture-of-experts layer", clm_golden_moe},
    {"HER: ", clm_golden_her},
    {"layer norm over D", clm_golden_layer_norm},
    {"ROC-AUC with ties", clm_golden_metrics},
    {"one GraphSAGE-MoE layer", clm_golden_sage},
    {"one GMoE layer", clm_golden_gmoe},
};

static clm_status lacks(const clm_golden *g, const char *name, const char *type)
{
    return clm_fail(CLM_ERROR_USAGE, "%s has no tensor %s of type %s", g->name, name, type);
}

clm_status clm_golden_f32(const clm_golden *g, const char *name, const clm_file_tensor **tensor)
{
    *tensor = clm_safetensors_find(&g->file, name);
    return *tensor && (*tensor)->type == CLM_F32 ? CLM_OK : lacks(g, name, "F32");
}

clm_status clm_golden_i32(const clm_golden *g, const char *name, const clm_file_tensor **tensor)
{
    *tensor = clm_safetensors_find(&g->file, name);
    return *tensor && (*tensor)->type == CLM_I32 ? CLM_OK : lacks(g, name, "I32");
}

const char *clm_golden_word(const clm_golden *g, const char *key, const char *otherwise)
{
    const char *word = json_string_value(json_object_get(g->about, key));
    return word ? word : otherwise;
}

int clm_golden_int(const clm_golden *g, const char *key, int otherwise)
{
    const json_t *value = json_object_get(g->about, key);
    return json_is_integer(value) ? (int)json_integer_value(value) : otherwise;
}

bool clm_golden_flag(const clm_golden *g, const char *key)
{
    return json_is_true(json_object_get(g->about, key));
}

static int64_t elements(const clm_file_tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->rank; i++)
        n *= t->dim[i];
    return n;
}

static void verdict(clm_golden *g, const char *name, double error, double limit)
{
    const bool over = !(error <= limit);
    printf("%-5s %-34s %-34s error %.2e  limit %.2e\n", over ? "OVER" : "ok", g->name, name, error,
           limit);
    g->tensors++;
    g->over += over;
    const double times = limit > 0 ? error / limit : error;
    if (!(times <= g->worst)) g->worst = times;
}

void clm_golden_compare(clm_golden *g, const char *name, const float *got, const bool *counts)
{
    const clm_file_tensor *t = clm_safetensors_find(&g->file, name);
    if (!t) return;
    const float *expected = t->data;
    double difference = 0, norm = 0;
    for (int64_t i = 0; i < elements(t); i++) {
        if (counts && !counts[i]) continue;
        difference += ((double)got[i] - expected[i]) * ((double)got[i] - expected[i]);
        norm += (double)expected[i] * expected[i];
    }
    verdict(g, name, sqrt(difference), 1e-4 * sqrt(norm) + 1e-5);
}

void clm_golden_compare_i32(clm_golden *g, const char *name, const int32_t *got)
{
    const clm_file_tensor *t = clm_safetensors_find(&g->file, name);
    if (!t) return;
    double different = 0;
    for (int64_t i = 0; i < elements(t); i++)
        different += got[i] != ((const int32_t *)t->data)[i];
    verdict(g, name, different, 0);
}

clm_status clm_golden_compare_tensor(clm_golden *g, const char *name, clm_tape *tape,
                                     const clm_tensor *tensor)
{
    const clm_file_tensor *t = clm_safetensors_find(&g->file, name);
    if (!t) return CLM_OK;
    if (elements(t) != clm_elements(tensor))
        return clm_fail(CLM_ERROR_USAGE, "%s: %s has %lld elements, the model makes %lld", g->name,
                        name, (long long)elements(t), (long long)clm_elements(tensor));
    void *got = clm_alloc(g->scope, clm_tensor_bytes(tensor) + 4);
    CLM_TRY(clm_tensor_read(tape, tensor, got));
    if (tensor->type == CLM_F32)
        clm_golden_compare(g, name, got, NULL);
    else
        clm_golden_compare_i32(g, name, got);
    return CLM_OK;
}

clm_status clm_golden_compare_loss(clm_golden *g, clm_tape *tape, const clm_tensor *y,
                                   const clm_file_tensor *cotangent, double extra)
{
    float *value = clm_alloc(g->scope, clm_tensor_bytes(y) + 4);
    CLM_TRY(clm_tensor_read(tape, y, value));
    double sum = extra;
    for (int64_t i = 0; i < clm_elements(y); i++)
        sum += (double)value[i] * ((const float *)cotangent->data)[i];
    clm_golden_compare(g, "out.loss", &(float){(float)sum}, NULL);
    return CLM_OK;
}

clm_status clm_golden_compare_gradients(clm_golden *g, clm_parameters *parameters)
{
    const clm_tensor *arena = clm_gradients_arena(parameters);
    float *values = clm_alloc(g->scope, clm_tensor_bytes(arena) + 4);
    CLM_TRY(clm_finish(g->context));
    CLM_TRY(clm_buffer_read(arena->buffer, 0, values, clm_tensor_bytes(arena)));
    clm_safetensors got = {0};
    clm_checkpoint_add(g->scope, parameters, values, "grad.param.", &got);
    for (size_t i = 0; i < got.count; i++)
        clm_golden_compare(g, got.tensor[i].name, got.tensor[i].data, NULL);
    return CLM_OK;
}

/* --- a folder --- */

typedef struct totals {
    int files, unchecked, tensors, over;
    double worst;
} totals;

static clm_status check_file(clm_scope *scope, clm_context *context, const char *path,
                             const char *name, totals *total)
{
    clm_golden g = {.scope = scope, .context = context, .name = name};
    CLM_TRY(clm_safetensors_read(scope, path, &g.file));
    const char *about = json_string_value(json_object_get(g.file.metadata, "about"));
    g.about = about ? json_loads(about, 0, NULL) : NULL;
    if (!json_is_object(g.about)) {
        json_decref(g.about);
        return clm_fail(CLM_ERROR_USAGE, "%s says nothing about itself in __metadata__.about",
                        path);
    }
    const char *what = clm_golden_word(&g, "what", "");
    clm_status (*check)(clm_golden *) = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strncmp(what, kinds[i].what, strlen(kinds[i].what))) check = kinds[i].check;
    clm_status status = CLM_OK;
    if (check)
        status = check(&g);
    else
        printf("skip  %-34s there is no check for: %s\n", name, what);
    json_decref(g.about);
    total->files += check != NULL;
    total->unchecked += check == NULL;
    total->tensors += g.tensors;
    total->over += g.over;
    if (!(g.worst <= total->worst)) total->worst = g.worst;
    return status;
}

static int is_safetensors(const struct dirent *entry)
{
    const char *end = strrchr(entry->d_name, '.');
    return end && !strcmp(end, ".safetensors");
}

int clm_golden_check(clm_scope *scope, const clm_device *device, const char *folder)
{
    struct dirent **entry;
    const int count = scandir(folder, &entry, is_safetensors, alphasort);
    if (count <= 0) {
        fprintf(stderr, "clmoe: %s: %s\n", folder,
                count < 0 ? strerror(errno) : "holds no .safetensors file");
        return count < 0 ? 1 : 5;
    }
    totals total = {0};
    clm_context *context = NULL;
    printf("%s, %s, driver %s\n", device->name, device->platform, device->driver);
    clm_status status = clm_context_open(scope, device, NULL, &context);
    for (int i = 0; i < count; i++) {
        clm_scope file = {0};
        if (status == CLM_OK)
            status = check_file(&file, context, clm_text(&file, "%s/%s", folder, entry[i]->d_name),
                                entry[i]->d_name, &total);
        if (status == CLM_FAIL) clm_error_during("checking %s", entry[i]->d_name);
        clm_scope_end(&file);
        free(entry[i]);
    }
    free(entry);
    if (status != CLM_OK) {
        clm_error_print(stderr);
        return 1;
    }
    printf("%d files, %d tensors, %d over the limit, worst %.3f of its limit", total.files,
           total.tensors, total.over, total.worst);
    printf(total.unchecked ? "; %d files without a check\n" : "\n", total.unchecked);
    return total.over ? 4 : total.files ? 0 : 5;
}
