#include "base/scope.h"
#include "unit.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char order[8];

static void note(void *object)
{
    strncat(order, object, 1);
}

/* Property: releases run in reverse order, once, and the scope can be used again. */
static void releases_in_reverse_order(void **state)
{
    (void)state;
    clm_scope scope = {0};
    order[0] = '\0';
    clm_scope_defer(&scope, note, "a");
    char *memory = clm_alloc(&scope, 3);
    clm_scope_defer(&scope, note, "b");
    memcpy(memory, "x", 2);
    clm_scope_end(&scope);
    assert_string_equal(order, "ba");
    clm_scope_end(&scope);
    assert_string_equal(order, "ba");
    clm_scope_defer(&scope, note, "c");
    clm_scope_end(&scope);
    assert_string_equal(order, "bac");
}

static void memory_is_zeroed_and_aligned(void **state)
{
    (void)state;
    clm_scope scope = {0};
    for (size_t bytes = 0; bytes < 100; bytes += 7) {
        const uint8_t *memory = clm_alloc(&scope, bytes);
        assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < bytes; i++) assert_int_equal(memory[i], 0);
    }
    clm_scope_end(&scope);
}

/* Runs the allocation in a child, whose exit status and message are what is tested. */
static void dies(size_t count, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        (void)dup2(ends[1], 2);
        clm_scope scope = {0};
        (void)clm_alloc_array(&scope, count, size);
        _exit(0);
    }
    (void)close(ends[1]);
    char message[256] = "";
    (void)!read(ends[0], message, sizeof message - 1);
    (void)close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_non_null(strstr(message, "out of memory"));
}

static void out_of_memory_ends_the_process(void **state)
{
    (void)state;
    dies(SIZE_MAX / 4, 8); /* the product overflows */
    dies(1, SIZE_MAX);     /* the header overflows */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(releases_in_reverse_order),
        cmocka_unit_test(memory_is_zeroed_and_aligned),
        cmocka_unit_test(out_of_memory_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
