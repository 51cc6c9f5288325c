/* Faults on demand: the n-th OpenCL call, or the n-th host allocation, of the program under test
 * fails. Works by the linker's --wrap, so only calls from clmoe's own objects are counted. */
#ifndef CLM_TESTS_FAULT_H
#define CLM_TESTS_FAULT_H

#include <stdbool.h>
#include <stddef.h>

typedef enum fault_kind { FAULT_NONE, FAULT_OPENCL, FAULT_ALLOCATION } fault_kind;

/* The n-th call (from 1) of this kind fails from now on; counting starts anew. */
void fault_arm(fault_kind kind, size_t n);
void fault_disarm(void);

/* The name of the call that failed; null while none has. */
const char *fault_hit(void);

/* Calls of the armed kind seen since fault_arm. */
size_t fault_calls(void);

/* OpenCL objects that were made and not yet released. */
long fault_live_objects(void);

/* What the failing OpenCL calls return: CL_OUT_OF_HOST_MEMORY, which every call may. */
enum { FAULT_CODE = -6 };

#endif
