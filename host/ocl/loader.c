#include "base/text.h"

#define CL_USE_DEPRECATED_OPENCL_1_1_APIS /* a loader's own extensions belong to no platform */
#include "ocl/runtime.h"

#include <string.h>

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
