/* Progress of long work on standard error: a bar with the time left on a terminal, otherwise one
 * line per 10 %. NO_COLOR is honoured. */
#ifndef CLM_BASE_PROGRESS_H
#define CLM_BASE_PROGRESS_H

#include <stdbool.h>

typedef struct clm_progress_bar {
    bool terminal, colour;
    double start_s, total, done, shown_s; /* work in any unit; shown_s: when it was last drawn */
    int tenth;                            /* last 10 % that had a line */
    char what[160];
} clm_progress_bar;

/* A bar over `total` units of work. */
clm_progress_bar clm_progress_bar_new(double total);

/* Shows that `done` units are done and what is going on; at most ten times a second. */
void clm_progress_bar_show(clm_progress_bar *bar, double done, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A line for the reader; the bar goes on below it. */
void clm_progress_bar_say(clm_progress_bar *bar, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Removes the bar. */
void clm_progress_bar_end(clm_progress_bar *bar);

#endif
