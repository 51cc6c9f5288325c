#include "base/philox.h"
#include "unit.h"

#include <math.h>
#include <string.h>

/* Known answers of Random123 1.14, examples/kat_vectors; its key's second word is 0 here, so only
 * the first applies as it stands. */
static void philox_has_the_known_answer(void **state)
{
    (void)state;
    const clm_philox zero = clm_philox_draw(0, 0, 0, 0, 0);
    const uint32_t expected[4] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    assert_memory_equal(zero.word, expected, sizeof expected);
}

/* Philox4x32-10 written out from Salmon et al., SC 2011, section 3, to check what the known answer
 * with an all-zero counter cannot: which word goes where. */
static void reference(uint32_t c[4], uint32_t seed)
{
    uint32_t k0 = seed, k1 = 0;
    for (int round = 0; round < 10; round++) {
        const uint64_t a = (uint64_t)0xD2511F53 * c[0], b = (uint64_t)0xCD9E8D57 * c[2];
        const uint32_t next[4] = {(uint32_t)(b >> 32) ^ c[1] ^ k0, (uint32_t)b,
                                  (uint32_t)(a >> 32) ^ c[3] ^ k1, (uint32_t)a};
        memcpy(c, next, sizeof next);
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
}

static void counter_words_are_in_order(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 1000; i++) {
        uint32_t c[4] = {i, 3 * i + 1, i % 8, i % 5};
        const clm_philox drawn = clm_philox_draw(c[0], c[1], c[2], c[3], 77 * i);
        reference(c, 77 * i);
        assert_memory_equal(drawn.word, c, sizeof c);
    }
}

static void uniform_leaves_out_both_ends(void **state)
{
    (void)state;
    assert_true(clm_uniform(0) > 0);
    assert_true(clm_uniform(UINT32_MAX) < 1);
    assert_true(clm_uniform(0) == 0x1p-24f);
    assert_true(clm_uniform(1u << 31) == 0.5f + 0x1p-24f);
    double sum = 0;
    const uint32_t n = 100000;
    for (uint32_t i = 0; i < n; i++) sum += clm_uniform(clm_philox_draw(i, 0, 1, 0, 5).word[0]);
    /* 4 standard errors of the mean of n uniforms. */
    assert_true(fabs(sum / n - 0.5) < 4 / sqrt(12.0 * n));
}

static void bounded_integers_cover_their_range(void **state)
{
    (void)state;
    assert_int_equal(clm_uniform_below(0, 7), 0);
    assert_int_equal(clm_uniform_below(UINT32_MAX, 7), 6);
    assert_int_equal(clm_uniform_below(12345, 1), 0);
    uint32_t seen[7] = {0};
    for (uint32_t i = 0; i < 7000; i++)
        seen[clm_uniform_below(clm_philox_draw(i, 0, 2, 0, 0).word[1], 7)]++;
    for (int i = 0; i < 7; i++) assert_in_range(seen[i], 850, 1150);
}

static void normal_numbers_have_mean_0_and_variance_1(void **state)
{
    (void)state;
    double sum = 0, squares = 0, products = 0;
    const uint32_t pairs = 50000;
    for (uint32_t i = 0; i < pairs; i++) {
        const clm_philox drawn = clm_philox_draw(i, 0, CLM_STREAM_INIT, 0, 9);
        float z[2];
        clm_normal(drawn.word[0], drawn.word[1], z);
        sum += (double)z[0] + (double)z[1];
        squares += (double)z[0] * (double)z[0] + (double)z[1] * (double)z[1];
        products += (double)z[0] * (double)z[1];
    }
    const double n = 2.0 * pairs;
    assert_true(fabs(sum / n) < 4 / sqrt(n));
    assert_true(fabs(squares / n - 1) < 4 * sqrt(2 / n));
    assert_true(fabs(products / pairs) < 4 / sqrt(pairs));
    float ends[2];
    clm_normal(0, 0, ends);
    assert_true(isfinite(ends[0]) && isfinite(ends[1]));
}

static void permutations_hold_each_number_once(void **state)
{
    (void)state;
    enum { N = 1001 };
    int32_t a[N], b[N];
    bool seen[N] = {false};
    clm_permutation(a, N, 3, CLM_STREAM_SHUFFLE, 0);
    for (int i = 0; i < N; i++) {
        assert_in_range(a[i], 0, N - 1);
        assert_false(seen[a[i]]);
        seen[a[i]] = true;
    }
    clm_permutation(b, N, 3, CLM_STREAM_SHUFFLE, 0);
    assert_memory_equal(a, b, sizeof a);
    clm_permutation(b, N, 4, CLM_STREAM_SHUFFLE, 0);
    assert_memory_not_equal(a, b, sizeof a);
    clm_permutation(b, 0, 4, CLM_STREAM_SHUFFLE, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_has_the_known_answer),
        cmocka_unit_test(counter_words_are_in_order),
        cmocka_unit_test(uniform_leaves_out_both_ends),
        cmocka_unit_test(bounded_integers_cover_their_range),
        cmocka_unit_test(normal_numbers_have_mean_0_and_variance_1),
        cmocka_unit_test(permutations_hold_each_number_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
