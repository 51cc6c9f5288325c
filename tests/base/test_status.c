#include "base/status.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

static clm_status inner(clm_status status)
{
    if (status == CLM_FAIL) {
        (void)clm_fail(CLM_ERROR_OOM, "cannot allocate %d bytes", 12);
        clm_error_code(-4);
        clm_error_during("allocating features");
        clm_error_device("a device");
        clm_error_advice("a smaller graph");
    } else if (status == CLM_SKIP) {
        return clm_skip("needs %s", "fp64");
    }
    return status;
}

static clm_status outer(clm_status status, bool *reached)
{
    CLM_TRY(inner(status));
    *reached = true;
    return CLM_OK;
}

static void try_passes_everything_but_ok(void **state)
{
    (void)state;
    bool reached = false;
    assert_int_equal(outer(CLM_FAIL, &reached), CLM_FAIL);
    assert_false(reached);
    assert_int_equal(outer(CLM_SKIP, &reached), CLM_SKIP);
    assert_false(reached);
    assert_string_equal(clm_error_last()->what, "needs fp64");
    assert_int_equal(outer(CLM_OK, &reached), CLM_OK);
    assert_true(reached);
}

static void errors_print_what_is_known(void **state)
{
    (void)state;
    (void)inner(CLM_FAIL);
    clm_error_during("running a cell"); /* the innermost one stays */
    assert_int_equal(clm_error_last()->kind, CLM_ERROR_OOM);
    assert_int_equal(clm_error_last()->code, -4);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    clm_error_print(out);
    (void)fclose(out);
    const char *const expected[] = {
        "cannot allocate 12 bytes\n", "  while   allocating features\n", "  device  a device\n",
        "  at      tests/base/test_status.c:", "  try     a smaller graph\n"};
    const char *at = text;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        at = strstr(at, expected[i]);
        assert_non_null(at);
    }
    free(text);

    (void)inner(CLM_SKIP); /* a new error forgets all of the old one */
    assert_string_equal(clm_error_last()->during, "");
    assert_string_equal(clm_error_last()->advice, "");
    assert_int_equal(clm_error_last()->code, 0);
}

static void the_last_error_may_be_quoted(void **state)
{
    (void)state;
    (void)clm_fail(CLM_ERROR_FAILED, "the file is short");
    (void)clm_fail(CLM_ERROR_USAGE, "imdb: %s", clm_error_last()->what);
    assert_string_equal(clm_error_last()->what, "imdb: the file is short");
}

static void long_messages_keep_their_beginning(void **state)
{
    (void)state;
    char message[4096];
    memset(message, 'x', sizeof message);
    message[0] = 'a';
    message[sizeof message - 1] = '\0';
    (void)clm_fail(CLM_ERROR_FAILED, "%s", message);
    assert_int_equal(clm_error_last()->what[0], 'a');
    assert_int_equal(strlen(clm_error_last()->what), sizeof clm_error_last()->what - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(try_passes_everything_but_ok),
        cmocka_unit_test(errors_print_what_is_known),
        cmocka_unit_test(the_last_error_may_be_quoted),
        cmocka_unit_test(long_messages_keep_their_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
