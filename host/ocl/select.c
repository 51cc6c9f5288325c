/* --device: classes, ids and fragments of names, several with commas. */
#include "base/text.h"
#include "ocl/ocl.h"

#include <string.h>
#include <strings.h>

static bool contains(const char *text, const char *fragment)
{
    const size_t length = strlen(fragment);
    for (; strlen(text) >= length; text++)
        if (strncasecmp(text, fragment, length) == 0) return true;
    return false;
}

static int class_named(const char *word)
{
    static const struct {
        const char *name;
        int classes;
    } names[] = {{"cpu", CLM_CPU},
                 {"gpu", CLM_GPU},
                 {"accelerator", CLM_ACCELERATOR},
                 {"all", CLM_ANY_DEVICE}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(word, names[i].name) == 0) return names[i].classes;
    return 0;
}

/* Marks the devices that one word means; an exact id means that device alone. */
static size_t choose(const char *word, const clm_device *devices, size_t count, bool *chosen)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, devices[i].id) != 0) continue;
        chosen[i] = true;
        return 1;
    }
    const int classes = class_named(word);
    size_t fitting = 0;
    for (size_t i = 0; i < count; i++) {
        const clm_device *device = &devices[i];
        const bool fits = classes != 0
                              ? (device->device_class & classes) != 0
                              : contains(device->name, word) || contains(device->platform, word) ||
                                    contains(device->id, word);
        if (!fits) continue;
        chosen[i] = true;
        fitting++;
    }
    return fitting;
}

static const char *class_name(int device_class)
{
    return device_class == CLM_CPU ? "cpu" : device_class == CLM_GPU ? "gpu" : "accelerator";
}

static clm_status nothing_fits(clm_scope *scope, const char *word, const clm_device *devices,
                               size_t count)
{
    char *list = "";
    const char **names = clm_alloc_array(scope, 2 * count + 5, sizeof *names);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        list = clm_text(scope, "%s\n  %-11s %s (%s, %s)", list, class_name(devices[i].device_class),
                        devices[i].id, devices[i].name, devices[i].platform);
        names[used++] = devices[i].name;
        names[used++] = devices[i].platform;
    }
    names[used++] = "cpu";
    names[used++] = "gpu";
    names[used++] = "accelerator";
    names[used++] = "all";
    (void)clm_fail(CLM_ERROR_USAGE, "no device fits \"%s\"; there are:%s", word, list);
    const char *near = clm_did_you_mean(word, names);
    if (near != NULL)
        clm_error_advice("did you mean \"%s\"?", near);
    else
        clm_error_advice("--device with cpu, gpu, accelerator, all, an id, or part of a name");
    return CLM_FAIL;
}

/* The first GPU, else the first CPU, else the first device. */
static size_t preferred(const clm_device *devices, size_t count)
{
    static const int order[] = {CLM_GPU, CLM_CPU};
    for (size_t c = 0; c < sizeof order / sizeof *order; c++)
        for (size_t i = 0; i < count; i++)
            if (devices[i].device_class == order[c]) return i;
    return 0;
}

/* The next word of the list, without blanks around it; commas inside quotes do not part words.
 * Null at the end. */
static char *next_word(clm_scope *scope, const char **at)
{
    if (*at == NULL) return NULL;
    const char *end = *at;
    for (bool quoted = false; *end != '\0' && (quoted || *end != ','); end++)
        if (*end == '"') quoted = !quoted;
    const char *start = *at, *stop = end;
    while (start < stop && *start == ' ')
        start++;
    while (stop > start && stop[-1] == ' ')
        stop--;
    *at = *end == '\0' ? NULL : end + 1;
    return clm_text(scope, "%.*s", (int)(stop - start), start);
}

clm_status clm_devices_select(clm_scope *scope, const char *selector, const clm_device **devices,
                              size_t *count)
{
    const clm_device *all = NULL;
    size_t all_count = 0;
    *devices = NULL;
    *count = 0;
    CLM_TRY(clm_devices(scope, &all, &all_count));
    bool *chosen = clm_alloc_array(scope, all_count, sizeof *chosen);
    if (selector == NULL) {
        chosen[preferred(all, all_count)] = true;
    } else {
        const char *at = selector;
        for (char *word; (word = next_word(scope, &at)) != NULL;)
            if (word[0] == '\0' || choose(word, all, all_count, chosen) == 0)
                return nothing_fits(scope, word, all, all_count);
    }
    clm_device *selected = clm_alloc_array(scope, all_count, sizeof *selected);
    for (size_t i = 0; i < all_count; i++)
        if (chosen[i]) selected[(*count)++] = all[i];
    *devices = selected;
    return CLM_OK;
}
