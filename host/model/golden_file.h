/* One golden file being checked: its tensors, and how what was computed is held against them. */
#ifndef CLM_MODEL_GOLDEN_FILE_H
#define CLM_MODEL_GOLDEN_FILE_H

#include "nn/checkpoint.h"
#include "nn/tape.h"

typedef struct clm_golden {
    clm_scope *scope;
    clm_context *context;
    const char *name; /* of the file, without its folder */
    clm_safetensors file;
    json_t *about; /* the metadata's description, an object */
    int tensors, over;
    double worst; /* largest error as a multiple of its limit */
} clm_golden;

/* Inputs of the file; a missing one is an error of the file (CLM_FAIL). */
clm_status clm_golden_f32(const clm_golden *golden, const char *name,
                          const clm_file_tensor **tensor);
clm_status clm_golden_i32(const clm_golden *golden, const char *name,
                          const clm_file_tensor **tensor);
/* Switches of the description; missing: the given default. */
const char *clm_golden_word(const clm_golden *golden, const char *key, const char *otherwise);
int clm_golden_int(const clm_golden *golden, const char *key, int otherwise);
bool clm_golden_flag(const clm_golden *golden, const char *key);

/* Compares n values with the file's tensor and prints one line: name, error norm(got - expected),
 * limit 1e-4 norm(expected) + 1e-5. Integers must be equal. `counts` (may be null) says which
 * elements count. A tensor that the file does not have is not compared. */
void clm_golden_compare(clm_golden *golden, const char *name, const float *got, const bool *counts);
void clm_golden_compare_i32(clm_golden *golden, const char *name, const int32_t *got);

/* Reads a tensor of a tape and compares it. */
clm_status clm_golden_compare_tensor(clm_golden *golden, const char *name, clm_tape *tape,
                                     const clm_tensor *tensor);
/* Compares sum(y * cotangent) + extra with out.loss. */
clm_status clm_golden_compare_loss(clm_golden *golden, clm_tape *tape, const clm_tensor *y,
                                   const clm_file_tensor *cotangent, double extra);
/* Compares the gradient of every parameter with grad.param.<name>. */
clm_status clm_golden_compare_gradients(clm_golden *golden, clm_parameters *parameters);

/* The kinds of files, by the beginning of the description's "what". */
typedef struct clm_golden_kind {
    const char *what;
    clm_status (*check)(clm_golden *golden);
} clm_golden_kind;
clm_status clm_golden_hgt(clm_golden *golden);
clm_status clm_golden_moe(clm_golden *golden);
clm_status clm_golden_her(clm_golden *golden);
clm_status clm_golden_layer_norm(clm_golden *golden);
clm_status clm_golden_metrics(clm_golden *golden);
clm_status clm_golden_sage(clm_golden *golden);
clm_status clm_golden_gmoe(clm_golden *golden);

#endif
