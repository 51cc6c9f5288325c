/* Loader: what stands between the program and the drivers. */
#define _GNU_SOURCE /* sched_getaffinity */
#include "base/text.h"

#define CL_USE_DEPRECATED_OPENCL_1_1_APIS /* a loader's own extensions belong to no platform */
#include "ocl/runtime.h"

#include <dlfcn.h>
#include <glob.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOADER_OPENCL = 1, LOADER_VERSION = 2, LOADER_NAME = 3 };
typedef cl_int loader_info(cl_uint what, size_t size, void *value, size_t *needed);

const char *clm_loader_version(clm_scope *scope)
{
    loader_info *info = NULL;
    void *const address = clGetExtensionFunctionAddress("clGetICDLoaderInfoOCLICD");
    memcpy(&info, &address, sizeof info); /* ISO C has no cast from data to functions */
    if (info == NULL) return NULL;
    char opencl[128] = "", version[128] = "", name[128] = "";
    if (info(LOADER_OPENCL, sizeof opencl - 1, opencl, NULL) != CL_SUCCESS ||
        info(LOADER_VERSION, sizeof version - 1, version, NULL) != CL_SUCCESS ||
        info(LOADER_NAME, sizeof name - 1, name, NULL) != CL_SUCCESS)
        return NULL;
    return clm_text(scope, "%s, %s %s", opencl, name, version);
}

/* Drivers that are met without the .icd file that names them to the loader: containers are lent the
 * first by the host's tools, which bring libraries only. */
static const char *const unregistered[] = {"libnvidia-opencl.so.1", "libpocl.so.2"};

static bool any_registered(clm_scope *scope)
{
    const char *asked = getenv("OPENCL_VENDOR_PATH");
    const char *folder = asked != NULL && asked[0] != '\0' ? asked : "/etc/OpenCL/vendors";
    glob_t files = {0};
    const int code = glob(clm_text(scope, "%s/*.icd", folder), GLOB_NOSORT, NULL, &files);
    globfree(&files);
    return code == 0;
}

/* PoCL's threads stay each on a processor of its own. Left free, two are often woken on the same one,
 * and the system does not part them within the few milliseconds of a launch. Only where they have
 * every processor: fewer would all take the first ones, those of other programs too, and a process
 * that may not use some would break out of that. */
static void settle_threads(void)
{
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    const char *most = getenv("POCL_MAX_PTHREAD_COUNT");
    cpu_set_t allowed;
    if (most != NULL && most[0] != '\0' && atol(most) < processors) return;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < processors)
        return;
    (void)setenv("POCL_AFFINITY", "1", 0);
}

void clm_loader_prepare(clm_scope *scope)
{
    settle_threads();
    const char *chosen = getenv("OCL_ICD_VENDORS");
    if ((chosen != NULL && chosen[0] != '\0') || any_registered(scope)) return;
    for (size_t i = 0; i < sizeof unregistered / sizeof *unregistered; i++) {
        if (dlopen(unregistered[i], RTLD_LAZY | RTLD_LOCAL) == NULL) continue; /* stays open */
        (void)setenv("OCL_ICD_VENDORS", unregistered[i], 1);
        return;
    }
}
