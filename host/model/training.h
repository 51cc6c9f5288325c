/* What training runs have in common, whatever they predict: how tapes are made, what is measured,
 * what is left in the record. */
#ifndef CLM_MODEL_TRAINING_H
#define CLM_MODEL_TRAINING_H

#include "model/model.h"
#include "nn/profile.h"

/* An epoch; val NaN: not scored. */
typedef struct clm_training_point {
    int epoch;
    double seconds, loss, val;
} clm_training_point;

typedef struct clm_training {
    int epoch; /* the first best on validation */
    clm_training_point *curve;
    int points;
    int32_t done; /* optimiser steps, the first ones included */
    double *step_ns, *inference_ns;
    size_t steps, inferences;
    clm_profile *step_profile, *inference_profile; /* null: not asked for */
    double start_ns, setup_ns, build_ns, kernel_ns, transfer_ns;
} clm_training;

/* A new tape of the cell, with its seed, tuning and precision. */
clm_tape *clm_training_tape(clm_scope *scope, const clm_cell *cell, clm_parameters *parameters,
                            bool training);

/* Plans a tape that is timed. */
clm_status clm_training_plan(const clm_cell *cell, clm_tape *tape);

/* Records the way back from the loss and the optimiser, and plans the tape of a step. */
clm_status clm_training_plan_step(const clm_cell *cell, clm_tape *tape, clm_tensor *loss);

/* Room for so many epochs of so many steps; set-up begins. */
void clm_training_new(clm_scope *scope, int64_t epochs, int64_t steps, clm_training *training);

/* The tapes are there: what they took until now is set-up. The clock of the curve starts. */
void clm_training_ready(const clm_cell *cell, clm_training *training);

/* Replays the tape of a step once, to its end, and takes its time; the first few are not kept. */
clm_status clm_training_step(const clm_cell *cell, clm_tape *tape, clm_training *training);

/* Reads the loss of the last step; CLM_ERROR_WRONG when it is no number. It waits for the device:
 * once an epoch is often enough. */
clm_status clm_training_loss(const clm_cell *cell, clm_tape *tape, const clm_tensor *loss,
                             int epoch, double *value);

/* Adds an epoch to the curve and shows progress; CLM_FAIL when that asks to stop. */
clm_status clm_training_epoch(const clm_cell *cell, clm_training *training, int epoch, double loss,
                              double val);
/* Whether `patience` epochs have passed without a better score. */
bool clm_training_is_over(const clm_cell *cell, const clm_training *training, int epoch);

/* Times replays of the inference tape. */
clm_status clm_training_inference(const clm_cell *cell, clm_tape *tape, clm_training *training);

/* Device time of the kernels of one more training step, and the time to upload the inputs again.
 * Where the cell wants it, times of every call of a step and of an inference too. */
clm_status clm_training_profile(clm_scope *scope, const clm_cell *cell, clm_tape *step,
                                clm_tape *inference, clm_training *training);

/* Work of a mean step: nodes, edges, and the share of the tape's rows that are live. */
typedef struct clm_training_work {
    double nodes, edges, live;
} clm_training_work;

/* Adds curve, time_ns, rate, memory_bytes and profiles to cell->record. */
void clm_training_record(const clm_cell *cell, clm_tape *step, const clm_training *training,
                         clm_training_work work);

#endif
