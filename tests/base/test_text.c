#include "base/sha256.h"
#include "base/text.h"
#include "unit.h"

#include <math.h>
#include <string.h>

static void guesses_what_was_meant(void **state)
{
    (void)state;
    const char *const names[] = {"experts", "top_k", "width", "expert_width", "p", NULL};
    assert_string_equal(clm_did_you_mean("expertz", names), "experts");
    assert_string_equal(clm_did_you_mean("TOP_K", names), "top_k");
    assert_string_equal(clm_did_you_mean("with", names), "width");
    assert_string_equal(clm_did_you_mean("expert_widht", names), "expert_width");
    assert_null(clm_did_you_mean("banana", names));
    assert_null(clm_did_you_mean("", names));
    char longest[300];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_null(clm_did_you_mean(longest, names));
}

static void quantities_read_well(void **state)
{
    (void)state;
    clm_scope scope = {0};
    assert_string_equal(clm_text_bytes(&scope, 0), "0 B");
    assert_string_equal(clm_text_bytes(&scope, 1023), "1023 B");
    assert_string_equal(clm_text_bytes(&scope, 512 << 10), "512 KiB");
    assert_string_equal(clm_text_bytes(&scope, 3328599654), "3.1 GiB");
    assert_string_equal(clm_text_bytes(&scope, UINT64_MAX), "16 EiB");
    assert_string_equal(clm_text_ns(&scope, 12), "12 ns");
    assert_string_equal(clm_text_ns(&scope, 4100), "4.1 us");
    assert_string_equal(clm_text_ns(&scope, 87.3e6), "87.3 ms");
    assert_string_equal(clm_text_ns(&scope, 1.24e9), "1.24 s");
    assert_string_equal(clm_text_ns(&scope, 999.7), "1 us");
    assert_string_equal(clm_text_ns(&scope, 599e9), "599 s");
    assert_string_equal(clm_text_ns(&scope, 630e9), "10.5 min");
    assert_string_equal(clm_text_ns(&scope, 7.2e12), "2 h");
    assert_string_equal(clm_text_ns(&scope, INFINITY), "inf h");
    clm_scope_end(&scope);
}

static void check_sum(const char *text, size_t repeat, const char *expected)
{
    clm_sha256 hash;
    char hex[65];
    clm_sha256_start(&hash);
    for (size_t i = 0; i < repeat; i++)
        clm_sha256_add(&hash, text, strlen(text));
    clm_sha256_end(&hash, hex);
    assert_string_equal(hex, expected);
}

/* The examples of FIPS 180-4's validation: empty, one block, two blocks, many. */
static void sha256_has_the_known_answers(void **state)
{
    (void)state;
    check_sum("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check_sum("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check_sum("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    check_sum("a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guesses_what_was_meant),
        cmocka_unit_test(quantities_read_well),
        cmocka_unit_test(sha256_has_the_known_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
