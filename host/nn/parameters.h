/* Parameters: all weights of a model in one arena, with gradients and Adam's moments laid out
 * alike, so that one launch updates everything and tapes of one model share their weights. Beside
 * them, in an arena of its own, what a model keeps without training it: running statistics. */
#ifndef CLM_NN_PARAMETERS_H
#define CLM_NN_PARAMETERS_H

#include "op/tensor.h"

typedef enum clm_init {
    CLM_INIT_CONSTANT, /* bound */
    CLM_INIT_UNIFORM,  /* U(-bound, bound) */
    CLM_INIT_NORMAL,   /* N(0, bound^2) */
} clm_init;

typedef struct clm_parameters clm_parameters;

clm_parameters *clm_parameters_new(clm_scope *scope, uint32_t seed);

/* Declares a weight; the first declaration of `name` creates it, a later one (from another tape
 * of the same model) must have the same shape and returns the same index. `transposed`: files
 * hold its last two dimensions swapped ([.., out, in] as in PyTorch, while kernels want [.., in,
 * out]). Initial values come from Philox on the host with stream INIT and one layer number per
 * parameter in order of declaration. */
int clm_parameter(clm_parameters *parameters, const char *name, bool transposed, clm_init init,
                  double bound, int rank, const int64_t *dim);

/* Declares numbers that calls update in place and no optimiser sees, such as the running statistics
 * of a batch norm; all `initial` at first. Otherwise like a weight, with which it shares names and
 * indices: declared once, shared by tapes, in checkpoints. */
int clm_statistic(clm_parameters *parameters, const char *name, double initial, int rank,
                  const int64_t *dim);

/* What files call a part of a matrix parameter [rows, columns]: its rows first .. first + rows -
 * 1 are columns file_first .. file_first + rows - 1 of the file's tensor `name` [columns,
 * file_columns] ("input.0.w" is some rows of the stacked projection, "w_fuse" two parameters side
 * by side). file_columns 0: one row, the file's tensor is [columns] ("input.0.b"). A parameter
 * with parts is read and written by them alone. */
void clm_parameter_part(clm_parameters *parameters, int parameter, const char *name, int64_t first,
                        int64_t rows, int64_t file_first, int64_t file_columns);

/* Files hold a parameter, its last two dimensions swapped where it is transposed, as the elements
 * from `first` on of a tensor `name` of shape `dim`: weights [1, in, 4 * out] of four experts side
 * by side are a part of [experts, out, in]. Several parameters may share such a tensor. */
void clm_parameter_in_file(clm_parameters *parameters, int parameter, const char *name,
                           int64_t first, int rank, const int64_t *dim);

size_t clm_parameters_count(const clm_parameters *parameters);
bool clm_parameter_is_statistic(const clm_parameters *parameters, int index);
const char *clm_parameter_name(const clm_parameters *parameters, int index);
const clm_tensor *clm_parameter_tensor(const clm_parameters *parameters, int index);

/* Allocates the arenas on the device and uploads the values; gradients and moments only where a
 * tape asked for them. After the last declaration; does nothing the second time. */
clm_status clm_parameters_allocate(clm_parameters *parameters, clm_context *context);
/* Bytes of the arenas (weights and statistics; with `training` gradients and moments too). */
uint64_t clm_parameters_bytes(const clm_parameters *parameters, bool training);

/* The arenas as flat tensors [elements with padding], for Adam. */
clm_tensor *clm_parameters_arena(clm_parameters *parameters);
clm_tensor *clm_gradients_arena(clm_parameters *parameters);
clm_tensor *clm_moments_arena(clm_parameters *parameters, int which); /* 0: first, 1: second */
clm_tensor *clm_statistics_arena(clm_parameters *parameters);

/* Double storage of the arenas for references, from the host values; moments and gradients zero. */
void clm_parameters_reference(clm_parameters *parameters);
/* First element of a weight in its arenas, of a statistic in its own. */
int64_t clm_parameter_offset(const clm_parameters *parameters, int index);

/* Values on the host, floats in kernel layout (uploaded by allocate; read back when allocated). */
float *clm_parameter_values(clm_parameters *parameters, int index);
clm_status clm_parameters_upload(clm_parameters *parameters);
clm_status clm_parameters_download(clm_parameters *parameters);

#endif
