/* Record: what is known about one (cell, seed), one JSON line of results/<run>/records.jsonl.
 *
 *   schema, suite, model, data, device, lane, tuning{file, sha256, seconds, entries, ignored,
 *   warning} or {library}, seed,
 *   params, status, reason,
 *   metrics{<metric>_test, <metric>_val, epoch, ...}, curve[{epoch, seconds, loss, val}]
 *   with the metric auc, rocauc, rmse or accuracy (model/metric.h); absent where none was measured,
 *   time_ns{train_step{median, min, q1, q3, n}, inference{...}, kernel, transfer, build, setup},
 *   rate{nodes, edges, gflops} per second, graph{nodes, edges} of the data set,
 *   memory_bytes{planned, device}, routing{load, imbalance, entropy, rows{routed, read, dense} of
 *   a sparse mixture}, environment
 *
 * What is unknown is null, and `reason` of the record or of the group says why. */
#ifndef CLM_SUITE_RECORD_H
#define CLM_SUITE_RECORD_H

#include "suite/plan.h"

/* A record that knows only its cell, with status "failed". New reference. */
json_t *clm_record_new(const clm_run_plan *plan, const clm_run_cell *cell);

/* Sets status and reason (null: none) and fills in null for whatever is missing. */
void clm_record_finish(json_t *record, const char *status, const char *reason);

/* The same from an error: skipped, oom, wrong, unsupported or failed, with all its parts in words.
 */
void clm_record_fail(json_t *record, clm_status status, const clm_error *error);

/* One line without its end. Caller frees. */
char *clm_record_text(const json_t *record);

/* What clm_setting says of the record's cell. */
const char *clm_record_setting(clm_scope *scope, const json_t *record);

/* The cell's record among `lines` (borrowed), the last where there are several, or null. */
const json_t *clm_record_find(clm_scope *scope, const json_t *lines, const clm_run_cell *cell);

/* --- the file --- */

typedef struct clm_records clm_records;

/* Makes the run's folder with plan.json and an empty records.jsonl. Errors: the folder holds a run
 * already, cannot be written. */
clm_status clm_records_create(clm_scope *scope, const char *folder, const clm_run_plan *plan,
                              clm_records **records);

/* Opens a run to continue it: reads its plan and records; a torn last line, which a killed run may
 * leave, is cut off. Errors: no run there, a line that is no record, another process runs it. */
clm_status clm_records_open(clm_scope *scope, const char *folder, const clm_run_plan **plan,
                            clm_records **records);

/* Records that are kept in memory alone (--out none). */
clm_records *clm_records_none(clm_scope *scope);

/* Every record of a run's folder, as an array that lives as long as `scope`. */
clm_status clm_records_lines(clm_scope *scope, const char *folder, const json_t **lines);

/* As clm_records_open without the right to append: nothing is locked or changed. */
clm_status clm_records_read(clm_scope *scope, const char *folder, const clm_run_plan **plan,
                            const json_t **lines);

/* The cell's record (borrowed), or null. */
json_t *clm_records_find(const clm_records *records, const clm_run_cell *cell);

/* Appends one line by one write and waits until it is on the disk; what a full disk leaves of it is
 * cut off again. */
clm_status clm_records_append(clm_records *records, json_t *record);

#endif
