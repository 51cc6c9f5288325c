/* Worker: one cell with one seed in a process of its own, so that a crash, a hang or a lost device
 * costs that cell and nothing else.
 *
 * The parent starts its own binary as `clmoe worker`, writes the cell as JSON to its standard input
 * and reads one JSON record from its standard output; standard error is for messages. On descriptor
 * 3 come lines: "plan WEIGHTS REST" with the bytes of the memory plan, before anything is
 * allocated, and after each epoch "epoch NUMBER OF LOSS METRIC VALIDATION". */
#ifndef CLM_SUITE_WORKER_H
#define CLM_SUITE_WORKER_H

#include "model/metric.h"
#include "suite/plan.h"

#include <stdint.h>
#include <stdio.h>

enum { CLM_WORKER_PROGRESS = 3 };

/* The worker's side: reads the cell, trains, prints the record. Does not return: drivers that crash
 * while the process ends would cost a finished cell. */
_Noreturn void clm_worker(void);

/* --- the parent's side --- */

typedef enum clm_ending {
    CLM_ENDED,       /* by itself */
    CLM_TIMED_OUT,   /* killed after the time limit */
    CLM_INTERRUPTED, /* killed because *interrupted was set */
} clm_ending;

typedef struct clm_worker_job {
    const clm_run_plan *plan;
    const clm_run_cell *cell;
    double timeout_s;
    const volatile int *interrupted;
    void (*planned)(void *user, uint64_t weights, uint64_t rest);
    void (*progress)(void *user, int epoch, int epochs, double loss, const clm_metric *metric,
                     double val);
    void *user;
} clm_worker_job;

/* Runs a worker to its end. *record (new reference) is complete, whatever happened: without one
 * from the worker it is made from the way the worker ended; null when interrupted. Messages of the
 * worker are appended to `log` (may be null). Fails only when no process can be started. */
clm_status clm_worker_launch(const clm_worker_job *job, FILE *log, json_t **record,
                             clm_ending *ending);

#endif
