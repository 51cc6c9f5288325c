#define _GNU_SOURCE /* sched_getaffinity */
#include "base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

/* Ranges for each thread, so that none waits long for another; at least so many indices each. */
enum { RANGES = 8, LEAST = 64, MOST_THREADS = 256 };

typedef struct loop {
    int64_t count, ranges;
    _Atomic int64_t next;
    void (*part)(void *user, int64_t first, int64_t end);
    void *user;
} loop;

static void *work(void *argument)
{
    loop *all = argument;
    for (int64_t i; (i = atomic_fetch_add(&all->next, 1)) < all->ranges;)
        all->part(all->user, all->count * i / all->ranges, all->count * (i + 1) / all->ranges);
    return NULL;
}

static int64_t cores(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    const int64_t count = CPU_COUNT(&set);
    return count < MOST_THREADS ? count : MOST_THREADS;
}

void clm_parallel(int64_t count, void (*part)(void *user, int64_t first, int64_t end), void *user)
{
    if (count <= 0) return;
    const int64_t threads = cores(), least = (count + LEAST - 1) / LEAST;
    const int64_t ranges = threads * RANGES < least ? threads * RANGES : least;
    loop all = {.count = count, .ranges = ranges, .part = part, .user = user};
    pthread_t thread[MOST_THREADS];
    int64_t started = 0;
    while (started + 1 < threads && started + 1 < ranges &&
           pthread_create(&thread[started], NULL, work, &all) == 0)
        started++;
    (void)work(&all); /* all of it where no thread could be had */
    for (int64_t i = 0; i < started; i++)
        (void)pthread_join(thread[i], NULL);
}
