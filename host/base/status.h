/* Status and error: every call is checked, in every build, one at a time.
 *
 * A function that can fail returns clm_status and leaves the reason in the error of this process.
 * A message says what failed, while doing what, where, and what to do. */
#ifndef CLM_BASE_STATUS_H
#define CLM_BASE_STATUS_H

#include <stdbool.h>
#include <stdio.h>

typedef enum clm_status {
    CLM_OK,
    CLM_SKIP, /* this device or data set cannot; the reason is in the error */
    CLM_FAIL,
} clm_status;

typedef enum clm_error_kind {
    CLM_ERROR_FAILED,    /* anything else */
    CLM_ERROR_USAGE,     /* the user's input is wrong */
    CLM_ERROR_OOM,       /* an allocation failed on the device or host */
    CLM_ERROR_TOO_LARGE, /* the memory plan exceeds the device: nothing was allocated */
    CLM_ERROR_WRONG,     /* a result is wrong */
    CLM_ERROR_NO_DEVICE, /* there is no OpenCL device to run on */
} clm_error_kind;

typedef struct clm_error {
    clm_error_kind kind;
    int code;         /* OpenCL's error code, errno, or 0 */
    char what[2048];  /* what failed; several lines where input is shown with a caret */
    char during[512]; /* while doing what; empty: unknown */
    char device[256]; /* on which device; empty: none involved */
    char at[160];     /* source file and line */
    char advice[512]; /* what to do; empty: nothing known */
} clm_error;

/* Records a failure (kind, message) with its place in the source. Always returns CLM_FAIL. */
#define clm_fail(kind, ...) clm_fail_at(__FILE__, __LINE__, (kind), __VA_ARGS__)
clm_status clm_fail_at(const char *file, int line, clm_error_kind kind, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Records why something is skipped. Always returns CLM_SKIP. */
#define clm_skip(...) clm_skip_at(__FILE__, __LINE__, __VA_ARGS__)
clm_status clm_skip_at(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds to the last error: what was being done, and what the reader can do about it. `during` is
 * kept when already set, so that the innermost, most specific one wins. Return nothing. */
void clm_error_during(const char *format, ...) __attribute__((format(printf, 1, 2)));
void clm_error_advice(const char *format, ...) __attribute__((format(printf, 1, 2)));
void clm_error_code(int code);
void clm_error_device(const char *name);

/* The last error of this process. */
const clm_error *clm_error_last(void);

/* Prints the last error, one indented "word   text" line per part that is known. */
void clm_error_print(FILE *out);

/* Passes a status that is not CLM_OK up. */
#define CLM_TRY(call)                                                                              \
    do {                                                                                           \
        const clm_status clm_status_ = (call);                                                     \
        if (clm_status_ != CLM_OK) return clm_status_;                                             \
    } while (0)

#endif
