/* The device that `run` would take, opened once for a program of tests:
 * cmocka_run_group_tests(tests, open_device, close_device). */
#ifndef CLM_TESTS_DEVICE_H
#define CLM_TESTS_DEVICE_H

#include "unit.h"

#include "ocl/ocl.h"

typedef struct fixture {
    clm_scope scope;
    clm_context *context; /* null: there is no device, and tests skip */
} fixture;

/* A device that is there and cannot be opened fails the program. */
static inline int open_device(void **state)
{
    static fixture f;
    const clm_device *device;
    size_t count;
    f = (fixture){0};
    *state = &f;
    if (clm_devices_select(&f.scope, NULL, &device, &count) != CLM_OK)
        return clm_error_last()->kind == CLM_ERROR_NO_DEVICE ? 0 : -1;
    return clm_context_open(&f.scope, device, NULL, &f.context) == CLM_OK ? 0 : -1;
}

static inline int close_device(void **state)
{
    clm_scope_end(&((fixture *)*state)->scope);
    return 0;
}

#endif
