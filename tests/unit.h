/* cmocka, which wants these headers before its own, and what several unit tests need. */
#ifndef CLM_TESTS_UNIT_H
#define CLM_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/status.h"

/* Fails the test with the last error shown. */
#define assert_ok(call)                                                                            \
    do {                                                                                           \
        if ((call) != CLM_OK) {                                                                    \
            clm_error_print(stderr);                                                               \
            fail_msg("%s", #call);                                                                 \
        }                                                                                          \
    } while (0)

#endif
