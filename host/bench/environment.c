#include "bench/environment.h"

#include "base/sha256.h"
#include "base/text.h"
#include "bench/topology.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

extern char **environ;

/* Made by the build, from the version control. */
extern const char clm_commit[];
extern const int clm_commit_dirty; /* -1: unknown */

/* Sets a member; a null value goes with the reason why it is not known. */
static void set(json_t *object, const char *name, json_t *value, const char *reason)
{
    if (value != NULL) {
        (void)json_object_set_new(object, name, value);
        return;
    }
    (void)json_object_set_new(object, name, json_null());
    json_t *unknown = json_object_get(object, "unknown");
    if (unknown == NULL) {
        unknown = json_object();
        (void)json_object_set_new(object, "unknown", unknown);
    }
    (void)json_object_set_new(unknown, name, json_string(reason));
}

/* The first line of a file; null when there is none. */
static const char *first_line(clm_scope *scope, const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) return NULL;
    char line[4096] = "";
    const bool got = fgets(line, sizeof line, file) != NULL;
    (void)fclose(file);
    line[strcspn(line, "\n")] = '\0';
    return got ? clm_text(scope, "%s", line) : NULL;
}

static json_t *text_or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : json_string(text);
}

/* Percent of the last 10 s in which something waited ("some avg10=1.23 ..."). */
static json_t *pressure(clm_scope *scope, const char *of)
{
    const char *line = first_line(scope, clm_text(scope, "/proc/pressure/%s", of));
    double percent = 0;
    if (line == NULL || sscanf(line, "some avg10=%lf", &percent) != 1) return NULL;
    return json_real(percent);
}

static json_t *steal_ticks(clm_scope *scope)
{
    const char *line = first_line(scope, "/proc/stat");
    long long user, nice, system, idle, wait, irq, soft, steal;
    if (line == NULL || sscanf(line, "cpu %lld %lld %lld %lld %lld %lld %lld %lld", &user, &nice,
                               &system, &idle, &wait, &irq, &soft, &steal) != 8)
        return NULL;
    return json_integer(steal);
}

json_t *clm_host_load(void)
{
    clm_scope scope = {0};
    json_t *object = json_object();
    double load = 0;
    const char *no_pressure = "the kernel has no pressure stall information";
    set(object, "load_1min", getloadavg(&load, 1) == 1 ? json_real(load) : NULL,
        "the system does not say");
    set(object, "steal_ticks", steal_ticks(&scope), "/proc/stat does not say");
    set(object, "pressure_cpu", pressure(&scope, "cpu"), no_pressure);
    set(object, "pressure_memory", pressure(&scope, "memory"), no_pressure);
    set(object, "pressure_io", pressure(&scope, "io"), no_pressure);
    clm_scope_end(&scope);
    return object;
}

/* The path of this process's control group (version 2: "0::/path"). */
static const char *control_group(clm_scope *scope)
{
    FILE *file = fopen("/proc/self/cgroup", "r");
    if (file == NULL) return NULL;
    const char *path = NULL;
    char line[4096];
    while (path == NULL && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "0::/", 4) == 0) path = clm_text(scope, "/sys/fs/cgroup%s", line + 3);
    }
    (void)fclose(file);
    return path;
}

static void set_limits(clm_scope *scope, json_t *object)
{
    const char *group = control_group(scope);
    const char *reason = "no control group of version 2 limits this process";
    const char *cpu = NULL, *memory = NULL;
    if (group != NULL) {
        cpu = first_line(scope, clm_text(scope, "%s/cpu.max", group));
        memory = first_line(scope, clm_text(scope, "%s/memory.max", group));
    }
    set(object, "limit_cpu", text_or_null(cpu), reason);
    set(object, "limit_memory", text_or_null(memory), reason);
}

/* What steers the loader and the implementations, by the beginning of the name. */
static json_t *variables(void)
{
    static const char *const prefixes[] = {"OCL_",     "OPENCL_", "POCL_",     "CUDA_", "CL_",
                                           "RUSTICL_", "LP_",     "OCLGRIND_", "MESA_"};
    json_t *object = json_object();
    for (char **entry = environ; *entry != NULL; entry++) {
        const char *equals = strchr(*entry, '=');
        if (equals == NULL) continue;
        for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
            if (strncmp(*entry, prefixes[i], strlen(prefixes[i])) != 0) continue;
            json_t *value = json_string(equals + 1); /* null when it is not UTF-8 */
            (void)json_object_setn_new(object, *entry, (size_t)(equals - *entry),
                                       value == NULL ? json_null() : value);
        }
    }
    return object;
}

/* SHA-256 of the running program's file. */
static json_t *program_hash(void)
{
    FILE *file = fopen("/proc/self/exe", "rb");
    if (file == NULL) return NULL;
    clm_sha256 hash;
    char hex[65], part[65536];
    clm_sha256_start(&hash);
    for (size_t got; (got = fread(part, 1, sizeof part, file)) > 0;)
        clm_sha256_add(&hash, part, got);
    (void)fclose(file);
    clm_sha256_end(&hash, hex);
    return json_string(hex);
}

static void set_program(json_t *object)
{
    const char *reason = "built outside version control";
    set(object, "commit", text_or_null(clm_commit), reason);
    set(object, "dirty", clm_commit_dirty < 0 ? NULL : json_boolean(clm_commit_dirty), reason);
    set(object, "program_sha256", program_hash(), "/proc/self/exe cannot be read");
#ifdef __clang__
    set(object, "compiler", json_string(__VERSION__), "");
#else
    set(object, "compiler", json_string("gcc " __VERSION__), "");
#endif
#ifdef __OPTIMIZE__
    set(object, "optimised", json_true(), "");
#else
    set(object, "optimised", json_false(), "");
#endif
}

static void set_host(clm_scope *scope, json_t *object)
{
    struct utsname system;
    const bool named = uname(&system) == 0;
    set(object, "kernel",
        named ? json_string(clm_text(scope, "%s %s", system.sysname, system.release)) : NULL,
        "the system does not say");
    set(object, "machine", named ? json_string(system.machine) : NULL, "the system does not say");
    set(object, "governor",
        text_or_null(first_line(scope, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")),
        "the system offers no frequency scaling (a virtual machine?)");
    set(object, "topology", clm_topology(), "hwloc cannot read the topology");
    set_limits(scope, object);
    set(object, "load", clm_host_load(), "");
    set(object, "variables", variables(), "");
    set(object, "loader", text_or_null(clm_loader_version(scope)), "the loader does not say");
}

static void set_device(json_t *object, const clm_device *device)
{
    const struct {
        const char *name, *text;
    } texts[] = {{"device_id", device->id},          {"device_key", device->key},
                 {"device", device->name},           {"vendor", device->vendor},
                 {"platform", device->platform},     {"driver", device->driver},
                 {"device_version", device->version}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        set(object, texts[i].name, text_or_null(texts[i].text), "the device does not say");
    json_t *quirks = json_array();
    for (uint32_t bit = 1; clm_quirk_about(bit) != NULL; bit *= 2)
        if ((device->quirks & bit) != 0)
            (void)json_array_append_new(quirks, json_string(clm_quirk_about(bit)));
    set(object, "quirks", quirks, "");
    json_t *features = json_array();
    for (uint32_t bit = 1; clm_feature_name(bit) != NULL; bit *= 2)
        if ((device->features & bit) != 0)
            (void)json_array_append_new(features, json_string(clm_feature_name(bit)));
    set(object, "features", features, "");
}

json_t *clm_environment(const clm_device *device)
{
    clm_scope scope = {0};
    json_t *object = json_object();
    if (device != NULL) set_device(object, device);
    set_host(&scope, object);
    set_program(object);
    clm_scope_end(&scope);
    return object;
}
