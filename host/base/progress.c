#include "base/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { BAR_WIDTH = 24 };

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

clm_progress_bar clm_progress_bar_new(double total)
{
    const char *no_colour = getenv("NO_COLOR"), *kind = getenv("TERM");
    const bool dumb = kind == NULL || (kind[0] == 'd' && kind[1] == 'u'); /* "dumb" */
    const bool terminal = isatty(STDERR_FILENO) == 1 && !dumb;
    return (clm_progress_bar){
        .terminal = terminal,
        .colour = terminal && (no_colour == NULL || no_colour[0] == '\0'),
        .start_s = now_s(),
        .total = total,
    };
}

/* "1:02:03 left  " or "02:03 left  "; empty while too little is done to tell. */
static void write_time_left(const clm_progress_bar *bar, char *text, size_t size)
{
    const double elapsed = now_s() - bar->start_s;
    if (bar->done <= 0 || elapsed < 0.5) {
        text[0] = '\0';
        return;
    }
    const long s = (long)(elapsed * (bar->total - bar->done) / bar->done + 0.5);
    if (s >= 3600)
        (void)snprintf(text, size, "%ld:%02ld:%02ld left  ", s / 3600, s / 60 % 60, s % 60);
    else
        (void)snprintf(text, size, "%02ld:%02ld left  ", s / 60, s % 60);
}

static void draw(const clm_progress_bar *bar, double fraction, const char *left)
{
    char line[512];
    char blocks[BAR_WIDTH + 1];
    for (int i = 0; i < BAR_WIDTH; i++)
        blocks[i] = i < (int)(fraction * BAR_WIDTH + 0.5) ? '=' : ' ';
    blocks[BAR_WIDTH] = '\0';
    const int room = columns() - 1;
    (void)snprintf(line, sizeof line, "[%s] %3.0f %%  %s%s", blocks, 100 * fraction, left,
                   bar->what);
    fprintf(stderr, "\r\033[K%s%.*s%s", bar->colour ? "\033[36m" : "", room, line,
            bar->colour ? "\033[0m" : "");
    (void)fflush(stderr);
}

static void erase(const clm_progress_bar *bar)
{
    if (bar->terminal) fputs("\r\033[K", stderr);
}

void clm_progress_bar_show(clm_progress_bar *bar, double done, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    (void)vsnprintf(bar->what, sizeof bar->what, format, list);
    va_end(list);
    bar->done = done < bar->total ? done : bar->total;
    const double fraction = bar->total > 0 ? bar->done / bar->total : 1;
    char left[32];
    write_time_left(bar, left, sizeof left);
    if (fraction >= 1) left[0] = '\0';
    if (bar->terminal) {
        const double now = now_s();
        if (now - bar->shown_s < 0.1) return;
        bar->shown_s = now;
        draw(bar, fraction, left);
    } else if ((int)(10 * fraction) > bar->tenth) {
        bar->tenth = (int)(10 * fraction);
        fprintf(stderr, "%3d %%  %s%s\n", 10 * bar->tenth, left, bar->what);
    }
}

void clm_progress_bar_say(clm_progress_bar *bar, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    erase(bar);
    (void)vfprintf(stderr, format, list);
    (void)fputc('\n', stderr);
    va_end(list);
    bar->shown_s = 0;
}

void clm_progress_bar_end(clm_progress_bar *bar)
{
    erase(bar);
    (void)fflush(stderr);
}
