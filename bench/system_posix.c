#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

uint64_t system_clock_ns(void)
{
    struct timespec now = {0, 0};

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

void system_self(const char *fallback, char *path, size_t room)
{
    char *real = realpath("/proc/self/exe", NULL);

    snprintf(path, room, "%s", real != NULL ? real : fallback);
    free(real);
}

void system_binary_stdout(void)
{
}

/* ---- interruptions ---- */

static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

#define ENDING (sizeof ending / sizeof ending[0])

static struct sigaction before[ENDING]; /* what each did before it was held */
static volatile sig_atomic_t is_held;
static volatile sig_atomic_t noted; /* the signal that came, or 0 */
static volatile sig_atomic_t child; /* the process that was started, or 0 */

static void on_interrupt(int number)
{
    int error = errno;

    noted = number;
    if (child > 0)
        kill((pid_t)child, number);
    errno = error;
}

void system_hold_interrupts(void)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};

    is_held = 1;
    for (size_t i = 0; i < ENDING; i++) {
        if (sigaction(ending[i], NULL, &before[i]) == 0 && before[i].sa_handler != SIG_IGN)
            sigaction(ending[i], &action, NULL);
    }
}

bool system_interrupted(void)
{
    return noted != 0;
}

void system_release_interrupts(void)
{
    for (size_t i = 0; i < ENDING; i++)
        sigaction(ending[i], &before[i], NULL);
    is_held = 0;
    if (noted != 0)
        raise((int)noted);
}

/* ---- processes ---- */

struct system_process {
    pid_t id;
    struct sigaction interrupt, quit; /* as they were */
};

/* Only the other end of the pipe is for the child, as its stdout; signals are as they were. */
static bool spawn(struct system_process *process, const char *const *arguments, const int *ends)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t signals;
    bool done = false;

    if (posix_spawn_file_actions_init(&actions) != 0)
        return false;
    if (posix_spawnattr_init(&attributes) == 0) {
        sigemptyset(&signals);
        sigaddset(&signals, SIGINT);
        sigaddset(&signals, SIGQUIT);
        done = posix_spawnattr_setsigdefault(&attributes, &signals) == 0 &&
               posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF) == 0 &&
               posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO) == 0 &&
               posix_spawnp(&process->id, arguments[0], &actions, &attributes,
                            (char *const *)(uintptr_t)arguments, environ) == 0;
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return done;
}

static void ignore(struct system_process *process)
{
    struct sigaction action = {.sa_handler = SIG_IGN};

    if (is_held)
        return;
    sigaction(SIGINT, &action, &process->interrupt);
    sigaction(SIGQUIT, &action, &process->quit);
}

static void restore(const struct system_process *process)
{
    child = 0;
    if (is_held)
        return;
    sigaction(SIGINT, &process->interrupt, NULL);
    sigaction(SIGQUIT, &process->quit, NULL);
}

struct system_process *system_start(const char *const *arguments, FILE **output)
{
    struct system_process *process = malloc(sizeof *process);
    int ends[2] = {-1, -1};
    FILE *reader = NULL;
    bool done = false;

    if (process == NULL || pipe(ends) != 0)
        goto out;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    reader = fdopen(ends[0], "rb");
    if (reader == NULL)
        goto out;
    ignore(process);
    done = spawn(process, arguments, ends);
    if (done)
        child = (sig_atomic_t)process->id;
    else
        restore(process);
    if (done && noted != 0) /* it came while there was no process to pass it on to */
        kill(process->id, (int)noted);
out:
    if (ends[1] >= 0)
        close(ends[1]);
    if (done) {
        *output = reader;
        return process;
    }
    if (reader != NULL)
        fclose(reader);
    else if (ends[0] >= 0)
        close(ends[0]);
    free(process);
    return NULL;
}

int system_finish(struct system_process *process)
{
    int status = 0;
    pid_t id;

    do
        id = waitpid(process->id, &status, 0);
    while (id < 0 && errno == EINTR);
    restore(process);
    free(process);
    return id > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- threads ---- */

struct system_thread {
    void (*work)(void *context);
    void *context;
    pthread_t id;
};

static void *run(void *argument)
{
    struct system_thread *thread = argument;

    thread->work(thread->context);
    return NULL;
}

struct system_thread *system_thread_start(void (*work)(void *context), void *context)
{
    struct system_thread *thread = malloc(sizeof *thread);

    if (thread == NULL)
        return NULL;
    thread->work = work;
    thread->context = context;
    if (pthread_create(&thread->id, NULL, run, thread) == 0)
        return thread;
    free(thread);
    return NULL;
}

void system_thread_join(struct system_thread *thread)
{
    pthread_join(thread->id, NULL);
    free(thread);
}
