/* Golden tensors: files whose outputs and gradients another program computed in double. */
#ifndef CLM_MODEL_GOLDEN_H
#define CLM_MODEL_GOLDEN_H

#include "ocl/ocl.h"

/* Checks every .safetensors file of `folder` on the device by what its metadata says, and prints
 * one line per tensor with its error and the limit 1e-4 norm(expected) + 1e-5, then a last line
 * with files, tensors, over limit and worst. Returns an exit code: 0, 1 (cannot read), 4 (a
 * tensor is over), 5 (no file). */
int clm_golden_check(clm_scope *scope, const clm_device *device, const char *folder);

#endif
