/*
 * A program has a SIGBUS handler of its own that leaves by siglongjmp, as is usual. Right: with a
 * database open every bus error that is not Slotfile's goes to that handler, the second one too;
 * and a SIGBUS that somebody has sent is neither lost nor taken for a bus error.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

static sigjmp_buf here;
static volatile sig_atomic_t seen;

static void jumps(int number)
{
    (void)number;
    seen++;
    siglongjmp(here, 1);
}

static void counts(int number)
{
    (void)number;
    seen++;
}

static void handle(void (*handler)(int))
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    sigaction(SIGBUS, &action, NULL);
}

/* In a child: a handler from before open, faults beyond the end of a file. */
static int faults_are_passed_on(const char *path, volatile char *lost)
{
    slot_error error = {0};
    slot_db *db;

    handle(jumps);
    MUST(slot_open(path, NULL, &db, &error));
    for (volatile int i = 0; i < 3; i++) {
        if (sigsetjmp(here, 1) == 0)
            _exit(lost[0] + 10); /* it did not fault */
    }
    return seen == 3 ? 0 : 1;
}

static int a_sent_one_is_passed_on(const char *path)
{
    slot_error error = {0};
    slot_db *db;

    handle(counts);
    MUST(slot_open(path, NULL, &db, &error));
    for (int i = 0; i < 3; i++)
        raise(SIGBUS);
    return seen == 3 ? 0 : 1;
}

static int a_sent_one_ends_the_process(const char *path)
{
    slot_error error = {0};
    slot_db *db;

    handle(SIG_DFL);
    MUST(slot_open(path, NULL, &db, &error));
    raise(SIGBUS);
    return 1; /* it was swallowed */
}

static int in_child(int which, const char *path, volatile char *lost)
{
    int status = -1;
    pid_t child = fork();

    if (child == 0)
        _exit(which == 0   ? faults_are_passed_on(path, lost)
              : which == 1 ? a_sent_one_is_passed_on(path)
                           : a_sent_one_ends_the_process(path));
    waitpid(child, &status, 0);
    printf("%d: %s %d\n", which, WIFSIGNALED(status) ? "signal" : "exit",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return which == 2 ? !(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS)
                      : !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    int fd, wrong = 0;
    void *lost;

    fd = open("empty", O_RDWR | O_CREAT, 0600);
    lost = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    if (fd < 0 || lost == MAP_FAILED)
        return FAULT_SETUP;
    fault_create("sigbus.slots", 100);
    for (int i = 0; i < 3; i++)
        wrong |= in_child(i, "sigbus.slots", lost);
    return wrong ? FAULT_WRONG : FAULT_RIGHT;
}
