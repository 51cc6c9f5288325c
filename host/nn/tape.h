/* The tape: define once, replay many.
 *
 * Recording makes calls of operators; clm_tape_backward asks each operator for its gradient; the
 * planner lays all activations out by lifetime and says what that takes before anything is
 * allocated; a replay enqueues the same kernels with the same arguments. What changes from step
 * to step lives in the tensor `step`. Errors stick to the tape: recording functions return null
 * from then on and accept null, and clm_tape_plan returns the error. */
#ifndef CLM_NN_TAPE_H
#define CLM_NN_TAPE_H

#include "nn/parameters.h"
#include "op/tuning.h"

/* Words of the tensor `step` [8] i32, read by kernels: */
enum {
    CLM_STEP_INDEX,         /* optimiser steps done before this one: 0, 1, 2 ... */
    CLM_STEP_SEED,          /* key of every Philox draw */
    CLM_STEP_LEARNING_RATE, /* bits of the float */
    CLM_STEP_WORDS = 8
};

/* A tape that lives as long as `scope`. `context` may be null: then only the reference runs. */
clm_tape *clm_tape_new(clm_scope *scope, clm_context *context, clm_parameters *parameters,
                       uint32_t seed);
clm_tensor *clm_tape_step(clm_tape *tape);
clm_scope *clm_tape_scope(clm_tape *tape);
clm_parameters *clm_tape_parameters(clm_tape *tape); /* null: none */

/* Whether dropout, masks and noise are drawn: models ask this while recording. Default false. */
void clm_tape_set_training(clm_tape *tape, bool training);
bool clm_tape_training(const clm_tape *tape);

/* Storage type of activations recorded as CLM_REAL: CLM_F32 (the default), CLM_BF16 or CLM_F16. Set
 * before recording. */
void clm_tape_set_precision(clm_tape *tape, clm_type precision);
clm_type clm_tape_precision(const clm_tape *tape);

/* --- recording: leaves --- */

/* A tensor that the host fills with `value` (copied; null: zeros). */
clm_tensor *clm_input_f32(clm_tape *tape, const char *name, const float *value, int rank,
                          const int64_t *dim);
clm_tensor *clm_input_i32(clm_tape *tape, const char *name, const int32_t *value, int rank,
                          const int64_t *dim);
/* The same with floats that are stored in the tape's precision. */
clm_tensor *clm_input_real(clm_tape *tape, const char *name, const float *value, int rank,
                           const int64_t *dim);
/* An input of another tape of the same context, with its storage. That tape is planned first. */
clm_tensor *clm_input_shared(clm_tape *tape, const clm_tensor *input);
/* The tensor of a parameter (nn/parameters.h) on this tape; a statistic has no gradient. */
clm_tensor *clm_weight(clm_tape *tape, int parameter);

/* --- recording: calls (used by the operators' own functions) --- */

/* A tensor made by a call; CLM_REAL: stored in the tape's precision. */
clm_tensor *clm_activation(clm_tape *tape, const char *name, clm_type type, int rank,
                           const int64_t *dim);
/* Records a call; checks types, shapes and letters. */
void clm_record(clm_tape *tape, const clm_call *call);
/* Gives the last recorded call the backward pass of all calls that its function recorded; they
 * carry clm_no_grad. `composite` is what it needs, owned by the tape's scope. */
void clm_composite(clm_tape *tape, void (*grad)(clm_tape *tape, const clm_call *call),
                   const void *composite);
/* Keeps an activation's value until the host has read it after the replay. */
void clm_keep(clm_tape *tape, clm_tensor *tensor);

/* --- gradients --- */

/* Records the backward pass of scalar `loss` [1] for all parameters and for the inputs that were
 * asked for with clm_want_gradient. A tape of precision f16 scales the loss for it, and takes that
 * out of the gradients of parameters (cl/loss_scale). */
void clm_tape_backward(clm_tape *tape, clm_tensor *loss);
/* The same for sum(output[i] * cotangent[i]) over n tensors of any shape. */
void clm_tape_backward_from(clm_tape *tape, int n, clm_tensor *const *output,
                            clm_tensor *const *cotangent);
void clm_want_gradient(clm_tape *tape, clm_tensor *input);
/* After clm_tape_backward in f16: [1] i32, whether a gradient overflowed and the step is not to be
 * made. Null otherwise. */
clm_tensor *clm_tape_skip(const clm_tape *tape);
/* Inside `grad`: gradient of an output of the call; after the backward pass: of an input that was
 * asked for. Null when nothing flows into it. */
clm_tensor *clm_gradient_of(clm_tape *tape, const clm_tensor *tensor);
/* Inside `grad`: whether anybody needs the gradient of this operand (null operands: no). */
bool clm_needs_gradient(const clm_tape *tape, const clm_tensor *tensor);
/* Inside `grad`: adds a contribution to the gradient of an operand; several are summed in the order
 * of recording by the operator `add`. */
void clm_gradient_add(clm_tape *tape, const clm_tensor *tensor, clm_tensor *contribution);

/* --- plan and replay --- */

/* Calls are computed as `tuning` says of their shapes, from the next clm_tape_plan on; null, as at
 * first: by default. */
void clm_tape_set_tuning(clm_tape *tape, clm_tuning *tuning);

/* Drops the calls whose results reach nothing that is kept, updated or a parameter's gradient;
 * planning does so first. The replay in double then leaves them out too. */
void clm_tape_drop_unused(clm_tape *tape);
/* Lays out memory and prepares every launch. The error of recording, CLM_ERROR_TOO_LARGE when the
 * plan exceeds the device, or CLM_ERROR_OOM. */
clm_status clm_tape_plan(clm_tape *tape);
/* Uses the activation memory of another tape of the context, planned before, where it is large
 * enough: for tapes that never run at the same time and whose kept values are read before the
 * other one runs. */
void clm_tape_share_memory(clm_tape *tape, const clm_tape *other);
/* Before planning: operators that have a variant of this name are computed by it, whatever the
 * device; the plan is CLM_SKIP where it cannot. Null: by the first that is meant for the device. */
void clm_tape_set_variant(clm_tape *tape, const char *name);
/* Bytes of the plan: activations at their peak plus inputs; valid after clm_tape_layout or plan. */
uint64_t clm_tape_bytes(const clm_tape *tape);
/* Only the layout, nothing allocated. */
clm_status clm_tape_layout(clm_tape *tape);

/* Writes the step tensor and enqueues every launch. Returns at once. */
clm_status clm_tape_run(clm_tape *tape, int32_t step_index, float learning_rate);
/* The same with the launches of the calls first ... end - 1 alone. */
clm_status clm_tape_run_calls(clm_tape *tape, int32_t step_index, float learning_rate, size_t first,
                              size_t end);

/* Writes all inputs to the device again, as planning did: what a transfer costs. */
clm_status clm_tape_upload_inputs(clm_tape *tape);

/* Gives an input new values [its elements], floats or int32 (copied), also on the tapes that share it: on
 * the device after what was enqueued before, in double from the next clm_tape_reference_begin on.
 */
clm_status clm_tensor_write(clm_tensor *input, const void *value);

/* Copies a tensor to the host, as floats whatever its storage, or int32, after waiting for the
 * device: 4 bytes an element. */
clm_status clm_tensor_read(clm_tape *tape, const clm_tensor *tensor, void *to);

/* --- the same tape in double on the host --- */

/* Allocates host storage, copies inputs and parameters in from the values given at recording (or,
 * where the device has them, from the device), zeroed elsewhere. */
clm_status clm_tape_reference_begin(clm_tape *tape);
/* Runs every call's reference in order; tensor->host holds the results. */
void clm_tape_reference_run(clm_tape *tape, int32_t step_index, float learning_rate);

/* --- looking inside --- */
size_t clm_tape_calls(const clm_tape *tape);
/* Number of calls of the forward pass: the first ones. */
size_t clm_tape_forward_calls(const clm_tape *tape);
const clm_call *clm_tape_call(const clm_tape *tape, size_t index);
/* Number of kernel launches of one replay. */
size_t clm_tape_launches(const clm_tape *tape);
/* Device nanoseconds of each launch of the last replay go to the call they belong to (profile
 * contexts). */
clm_status clm_tape_call_ns(clm_tape *tape, double *call_ns);

#endif
