/* Models for tests of everything around models: they take no time and end in every way there is.
 *
 * A test that includes this has these instead of the models of the build, and its own binary as the
 * worker: its main begins with toy_main. */
#ifndef CLM_TESTS_TOY_H
#define CLM_TESTS_TOY_H

#include "unit.h"

#include "base/text.h"
#include "model/model.h"
#include "suite/run.h"
#include "suite/worker.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const toy_endings[] = {"ok",   "segfault", "abort", "exit",  "hang", "oom",
                                          "skip", "fail",     "wrong", "noise", NULL};
static const clm_parameter_spec toy_epochs = {.name = "epochs",
                                              .about = "epochs",
                                              .type = CLM_INTEGER,
                                              .value = "3",
                                              .least = 1,
                                              .most = 1000};
static const clm_parameter_spec toy_experts = {.name = "experts",
                                               .about = "experts E",
                                               .type = CLM_INTEGER,
                                               .value = "4",
                                               .least = 1,
                                               .most = 64};
static const clm_parameter_spec toy_top_k = {.name = "top_k",
                                             .about = "experts per node K",
                                             .type = CLM_INTEGER,
                                             .value = "1",
                                             .least = 1,
                                             .most = 8};
static const clm_parameter_spec toy_p = {
    .name = "p", .about = "masking rate", .type = CLM_NUMBER, .value = "0", .least = 0, .most = 1};
static const clm_parameter_spec toy_seed = {
    .name = "seed", .about = "seed", .type = CLM_INTEGER, .value = "0", .least = 0, .most = 1e6};
static const clm_parameter_spec toy_pause = {.name = "pause_ms",
                                             .about = "time of an epoch",
                                             .type = CLM_INTEGER,
                                             .value = "0",
                                             .least = 0,
                                             .most = 10000};
static const clm_parameter_spec toy_ending = {.name = "ending",
                                              .about = "how it ends",
                                              .type = CLM_CHOICE,
                                              .value = "ok",
                                              .choice = toy_endings};

/* Something a crash can happen at that no compiler removes. */
static volatile int *toy_nowhere;

static clm_status toy_end(const clm_cell *cell)
{
    const char *ending = clm_config_choice(cell->config, "ending");
    if (strcmp(ending, "segfault") == 0) {
        (void)signal(SIGSEGV, SIG_DFL); /* a sanitizer would turn it into an exit */
        (void)raise(SIGSEGV);
        *toy_nowhere = 1;
    }
    if (strcmp(ending, "abort") == 0) {
        fprintf(stderr, "driver: assertion failed\n");
        (void)signal(SIGABRT, SIG_DFL);
        abort();
    }
    if (strcmp(ending, "exit") == 0) {
        fprintf(stderr, "out of memory: 7 bytes\n");
        exit(1);
    }
    while (strcmp(ending, "hang") == 0)
        (void)pause();
    if (strcmp(ending, "oom") == 0) return clm_fail(CLM_ERROR_OOM, "no room for features");
    if (strcmp(ending, "skip") == 0) return clm_skip("this data set has no such features");
    if (strcmp(ending, "wrong") == 0) return clm_fail(CLM_ERROR_WRONG, "a result is wrong");
    if (strcmp(ending, "fail") == 0) return clm_fail(CLM_ERROR_FAILED, "lost the device");
    if (strcmp(ending, "noise") == 0) printf("{\"a library\": \"that talks\"}\n");
    return CLM_OK;
}

static clm_status toy_run(clm_scope *scope, const clm_cell *cell)
{
    (void)scope;
    const int epochs = clm_config_int(cell->config, "epochs");
    json_t *curve = json_array();
    for (int e = 1; e <= epochs; e++) {
        (void)usleep(1000 * (unsigned)clm_config_int(cell->config, "pause_ms"));
        if (cell->progress != NULL)
            cell->progress(cell->user, e, epochs, 1.0 / e, clm_metric_of_task(CLM_TASK_LINK), 0.5);
        json_array_append_new(curve, json_pack("{s:i,s:f,s:f,s:f}", "epoch", e, "seconds", 0.01 * e,
                                               "loss", 1.0 / e, "val", 0.5 + 0.1 * e / epochs));
    }
    json_object_set_new(cell->record, "curve", curve);
    const double score = 0.6 + 0.1 * clm_config_real(cell->config, "p") +
                         0.01 * clm_config_int(cell->config, "seed");
    json_object_set_new(cell->record, "metrics",
                        json_pack("{s:f,s:f,s:f,s:i}", "auc_test", score, "auc_val", score,
                                  "ap_test", score, "epoch", epochs));
    return toy_end(cell);
}

static clm_status toy_check(const clm_config *config)
{
    if (clm_config_int(config, "top_k") <= clm_config_int(config, "experts")) return CLM_OK;
    clm_fail(CLM_ERROR_USAGE, "top_k = %d exceeds experts = %d", clm_config_int(config, "top_k"),
             clm_config_int(config, "experts"));
    clm_error_advice("set top_k to at most experts");
    return CLM_FAIL;
}

static const clm_parameter_spec *const toy_parameters[] = {
    &toy_epochs, &toy_experts, &toy_top_k, &toy_p, &toy_seed, &toy_pause, &toy_ending, NULL};
static const clm_parameter_spec *const plain_parameters[] = {&toy_epochs, &toy_seed, NULL};

static clm_status plain_run(clm_scope *scope, const clm_cell *cell)
{
    (void)scope;
    json_object_set_new(cell->record, "metrics", json_pack("{s:f}", "auc_test", 0.5));
    return CLM_OK;
}

static const clm_model toy = {.name = "toy",
                              .about = "ends as told",
                              .parameters = toy_parameters,
                              .check = toy_check,
                              .run = toy_run};
static const clm_model plain = {
    .name = "plain", .about = "few parameters", .parameters = plain_parameters, .run = plain_run};
const clm_model *const clm_models[] = {&toy, &plain, NULL};

/* A fresh folder below the system's temporary one, for the life of the process. */
static inline const char *toy_folder(clm_scope *scope)
{
    char *folder = clm_text(scope, "%s/clmoe-test-XXXXXX",
                            getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(folder));
    return folder;
}

static inline void toy_remove(const char *folder)
{
    char command[512];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

static inline void toy_main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "worker") == 0) clm_worker();
}

#endif
