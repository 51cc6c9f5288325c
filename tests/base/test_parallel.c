/* A parallel loop takes every index once. */
#include "unit.h"

#include "base/parallel.h"

enum { MOST = 10000 };
static int taken[MOST];

static void take(void *user, int64_t first, int64_t end)
{
    for (int64_t i = first; i < end; i++)
        taken[i] += *(const int *)user;
}

static void every_index_is_taken_once(void **state)
{
    (void)state;
    static const int64_t counts[] = {0, 1, 63, 64, 65, 1000, MOST};
    int one = 1;
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        for (int i = 0; i < MOST; i++)
            taken[i] = 0;
        clm_parallel(counts[c], take, &one);
        for (int i = 0; i < MOST; i++)
            assert_int_equal(taken[i], i < counts[c] ? 1 : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_index_is_taken_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
