/* OpenCL calls that fail: their names, and the macro that every call goes through. Only host/ocl
 * includes this. */
#ifndef CLM_OCL_ERROR_H
#define CLM_OCL_ERROR_H

#include "ocl/ocl.h"

#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS /* the 1.2 calls are what every device has */
#include <CL/cl.h>
#include <CL/cl_ext.h>

/* Makes an OpenCL call that returns its code; where it fails, records the call, the error's name,
 * what it was for (a format and its arguments, required) and the device (may be null), and returns
 * CLM_FAIL. */
#define CLM_CL(device, call, ...) CLM_CL_CODE(device, #call, call, __VA_ARGS__)

/* As CLM_CL for calls that return an object and leave the code in `code`. */
#define CLM_CL_CODE(device, name, code, ...)                                                       \
    do {                                                                                           \
        const cl_int clm_code_ = (code);                                                           \
        if (clm_code_ != CL_SUCCESS)                                                               \
            return clm_cl_fail(__FILE__, __LINE__, (device), (name), clm_code_, __VA_ARGS__);      \
    } while (0)

clm_status clm_cl_fail(const char *file, int line, const clm_device *device, const char *call,
                       cl_int code, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* "CL_INVALID_VALUE", or "an unknown error" for a code that no header names. */
const char *clm_cl_error_name(cl_int code);

#endif
