/*
 * What a child made by fork may not share with its parent: the number of the process; files that
 * are used for locks; and what transactions have at hand, whose handles are told. A lock belongs to
 * an open file description and lives as long as anybody has a descriptor of it, so a child that
 * kept one would hold the lock of a parent that is gone.
 *
 * A child that was made past the C library (a bare clone) is not seen here.
 */
#include <pthread.h>
#include <unistd.h>

#include "os/posix.h"

pid_t slot__os_posix_pid;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct os_file *first;
static struct os_fork_watch *watches;

void slot__os_fork_block(void)
{
    pthread_mutex_lock(&mutex);
}

void slot__os_fork_unblock(void)
{
    pthread_mutex_unlock(&mutex);
}

void slot__os_fork_keep(struct os_file *file)
{
    file->previous = NULL;
    file->next = first;
    if (first != NULL)
        first->previous = file;
    first = file;
}

void slot__os_fork_forget(struct os_file *file)
{
    if (file->previous != NULL)
        file->previous->next = file->next;
    else
        first = file->next;
    if (file->next != NULL)
        file->next->previous = file->previous;
}

void slot__os_fork_watch(struct os_fork_watch *watch)
{
    watch->previous = NULL;
    watch->next = watches;
    if (watches != NULL)
        watches->previous = watch;
    watches = watch;
}

void slot__os_fork_unwatch(struct os_fork_watch *watch)
{
    if (watch->previous != NULL)
        watch->previous->next = watch->next;
    else
        watches = watch->next;
    if (watch->next != NULL)
        watch->next->previous = watch->previous;
}

/* No thread but the one that forked is here, and it has the mutex. */
static void in_child(void)
{
    slot__os_posix_pid = getpid();
    for (struct os_file *file = first; file != NULL; file = file->next) {
        close(file->fd);
        file->lock_fd = file->fd = -1;
    }
    first = NULL;
    for (const struct os_fork_watch *watch = watches; watch != NULL; watch = watch->next)
        watch->forked(watch->context);
    slot__os_fork_unblock();
}

static void install(void)
{
    if (pthread_atfork(slot__os_fork_block, slot__os_fork_unblock, in_child) == 0)
        slot__os_posix_pid = getpid();
}

void slot__os_fork_install(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, install);
}
