/*
 * One thread opens databases while another forks, and the child opens one. Right: the child never
 * finds a lock of the library held by a thread that it does not have.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

enum { FORKS = 2000 };

static atomic_bool stop;

static void *open_often(void *unused)
{
    (void)unused;
    while (!atomic_load(&stop)) {
        slot_db *db = NULL;
        slot_error error;

        (void)slot_open("/nonexistent/x", NULL, &db, &error);
    }
    return NULL;
}

static bool child_hangs(void)
{
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        slot_db *db = NULL;
        slot_error error;

        alarm(10);
        (void)slot_open("/nonexistent/x", NULL, &db, &error);
        _exit(0);
    }
    waitpid(child, &status, 0);
    return WIFSIGNALED(status);
}

int main(void)
{
    pthread_t thread;
    bool hung = false;
    int forks = 0;

    if (pthread_create(&thread, NULL, open_often, NULL) != 0)
        return FAULT_SETUP;
    for (; forks < FORKS && !hung; forks++)
        hung = child_hangs();
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    printf("%d forks, %s\n", forks, hung ? "the last child hung" : "no child hung");
    return hung ? FAULT_WRONG : FAULT_RIGHT;
}
