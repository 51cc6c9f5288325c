#define _GNU_SOURCE /* posix_spawn_file_actions_addchdir_np */

#include "report/figures.h"

#include "base/share.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* What every script loads. */
static const char style[] = "style.gnuplot";

static clm_status copy_file(clm_scope *scope, const char *relative, const char *folder)
{
    const char *from;
    CLM_TRY(clm_share(scope, clm_text(scope, "plots/%s", relative), &from));
    const char *to = clm_text(scope, "%s/%s", folder, relative);
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    char block[1 << 14];
    bool copied = in != NULL && out != NULL;
    for (size_t got; copied && (got = fread(block, 1, sizeof block, in)) > 0;)
        copied = fwrite(block, 1, got, out) == got;
    copied = copied && ferror(in) == 0;
    if (in != NULL) (void)fclose(in);
    if (out != NULL && fclose(out) != 0) copied = false;
    if (copied) return CLM_OK;
    return clm_fail(CLM_ERROR_FAILED, "%s cannot be copied to %s: %s", from, to, strerror(errno));
}

/* Runs gnuplot on a script in its folder; its messages go to <script>.log there. */
static int run_gnuplot(const char *folder, const char *script, const char *log, int *status)
{
    char program[] = "gnuplot";
    char *const arguments[] = {program, (char *)script, NULL};
    posix_spawn_file_actions_t files;
    pid_t pid;
    (void)posix_spawn_file_actions_init(&files);
    (void)posix_spawn_file_actions_addchdir_np(&files, folder);
    (void)posix_spawn_file_actions_addopen(&files, STDERR_FILENO, log, O_WRONLY | O_CREAT | O_TRUNC,
                                           0666);
    (void)posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
    const int code = posix_spawnp(&pid, program, &files, NULL, arguments, environ);
    (void)posix_spawn_file_actions_destroy(&files);
    if (code != 0) return code;
    while (waitpid(pid, status, 0) < 0 && errno == EINTR)
        continue;
    return 0;
}

static const char *last_words(clm_scope *scope, const char *path)
{
    char text[4096];
    FILE *file = fopen(path, "r");
    if (file == NULL) return "no message";
    const size_t got = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[got] = '\0';
    /* The last line that says something; warnings come before it. */
    size_t end = got;
    while (end > 0 && (text[end - 1] == '\n' || text[end - 1] == ' '))
        text[--end] = '\0';
    const char *line = strrchr(text, '\n');
    return clm_text(scope, "%s", line != NULL ? line + 1 : text);
}

/* What a script that failed leaves is no figure. */
static void remove_drawing(clm_scope *scope, const char *folder, const char *figure)
{
    (void)unlink(clm_text(scope, "%s/%s.png", folder, figure));
    (void)unlink(clm_text(scope, "%s/%s.svg", folder, figure));
}

static clm_status draw(clm_scope *scope, const char *folder, const char *figure, bool *missing,
                       bool *drawn)
{
    const char *script = clm_text(scope, "%s.gp", figure);
    const char *log = clm_text(scope, "%s.log", figure);
    const char *log_path = clm_text(scope, "%s/%s", folder, log);
    CLM_TRY(copy_file(scope, script, folder));
    *drawn = false;
    if (*missing) return CLM_OK;
    int status = 0;
    const int code = run_gnuplot(folder, script, log, &status);
    if (code == ENOENT) {
        *missing = true;
        (void)unlink(log_path);
        fprintf(stderr,
                "gnuplot is missing, so no figures were drawn; scripts and data are in %s\n"
                "  try     apt-get install gnuplot-nox, then: cd %s && gnuplot %s\n",
                folder, folder, script);
    } else if (code != 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        remove_drawing(scope, folder, figure);
        fprintf(stderr, "figure %s was not drawn: %s\n  see     %s\n", figure,
                code != 0 ? strerror(code) : last_words(scope, log_path), log_path);
    } else {
        *drawn = true;
        (void)unlink(log_path);
    }
    return CLM_OK;
}

clm_status clm_figures_draw(clm_scope *scope, const char *folder, const char *const *figure,
                            size_t count, size_t *drawn)
{
    bool missing = false;
    *drawn = 0;
    if (count > 0) CLM_TRY(copy_file(scope, style, folder));
    for (size_t i = 0; i < count; i++) {
        bool done;
        CLM_TRY(draw(scope, folder, figure[i], &missing, &done));
        *drawn += done;
    }
    return CLM_OK;
}
