#include "torture/process.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os.h"

extern char **environ;

struct process {
    pid_t pid;
    bool ended;
    struct process_end end;
};

struct process *process_start(const char *program, const char *const *arguments)
{
    struct process *process = calloc(1, sizeof *process);
    char *argv[PROCESS_ARGUMENTS_MAX + 2] = {NULL};
    int failed;

    if (process == NULL)
        abort();
    argv[0] = strdup(program);
    for (int i = 0; i < PROCESS_ARGUMENTS_MAX && arguments[i] != NULL; i++)
        argv[i + 1] = strdup(arguments[i]);
    failed = posix_spawn(&process->pid, program, NULL, NULL, argv, environ);
    if (failed != 0) {
        fprintf(stderr, "ERROR: cannot start %s: %s\n", program, strerror(failed));
        abort();
    }
    for (int i = 0; argv[i] != NULL; i++)
        free(argv[i]);
    return process;
}

void process_kill(struct process *process)
{
    if (!process->ended)
        (void)kill(process->pid, SIGKILL);
}

_Noreturn void process_kill_self(void)
{
    (void)kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

bool process_stop(struct process *process)
{
    return !process->ended && kill(process->pid, SIGSTOP) == 0;
}

bool process_continue(struct process *process)
{
    return !process->ended && kill(process->pid, SIGCONT) == 0;
}

static bool has_ended(struct process *process)
{
    int status = 0;
    pid_t got;

    if (process->ended)
        return true;
    do
        got = waitpid(process->pid, &status, WNOHANG);
    while (got < 0 && errno == EINTR);
    if (got == 0)
        return false;
    process->ended = true;
    process->end.killed = got > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    process->end.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return true;
}

bool process_wait(struct process *process, uint32_t wait_ms, struct process_end *end)
{
    const struct os *os = slot__os_native();
    uint64_t until = os->clock_ms(os) + wait_ms;

    while (!has_ended(process)) {
        if (os->clock_ms(os) >= until)
            return false;
        os->sleep_us(os, 200);
    }
    *end = process->end;
    return true;
}

void process_release(struct process *process)
{
    free(process);
}

bool process_cut(const char *path, uint64_t size)
{
    return truncate(path, (off_t)size) == 0;
}
