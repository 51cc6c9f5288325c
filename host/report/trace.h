/* Trace: when the kernels of profiled replays ran, for chrome://tracing or Perfetto. */
#ifndef CLM_REPORT_TRACE_H
#define CLM_REPORT_TRACE_H

#include "report/rows.h"

/* Writes trace.json in Chrome's trace event format: a process for each profiled cell, a thread each
 * for its step and its inference, an event for each kernel from start to end with operator, operands,
 * variant, tunables and the wait since it was enqueued. Nothing where no cell has launches. */
clm_status clm_trace_write(clm_scope *scope, const clm_rows *rows, const char *path);

#endif
