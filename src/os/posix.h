/*
 * Private to the POSIX twins: open files and directories, and errno as an os_result.
 */
#ifndef SLOT_OS_POSIX_H
#define SLOT_OS_POSIX_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

struct stat;

#include "os/twin.h"

/*
 * A view keeps the open file description that it was made of alive, after close and in every child
 * made by fork, and that keeps its locks. So of a file opened with OS_LOCKS no view is made.
 */
struct os_file {
    int fd;                          /* -1 in a child that had to let go of it */
    int lock_fd;                     /* the same */
    bool locks;                      /* with OS_LOCKS */
    struct os_file *previous, *next; /* with OS_LOCKS, in the list of fork_posix.c */
    struct os_brief *brief;          /* with OS_BRIEF, else NULL: brief_posix.c */
};

/* What opens a brief file again, and when its descriptor can go. */
struct os_brief {
    struct os_mutex mutex;
    struct os_dir *dir; /* that `name` is in; outlives the file */
    char *name;
    int how;
    dev_t device;
    ino_t number;
    uint32_t users; /* calls under way */
    bool kept;
    /* Calls that wrote through the descriptor and have ended, and how many of them had when a sync
     * began that said OK. Others may not be on the disk. */
    uint64_t writes, synced;
};

enum os_use { OS_USE_READ, OS_USE_WRITE };

#define OS_DIR_NAME_MAX 16 /* of a directory in another one, its NUL included */

struct os_dir {
    int fd;
    struct os_dir *parent;      /* NULL: it was not opened in one that stays open */
    char name[OS_DIR_NAME_MAX]; /* in it */
    bool closed_to_us;          /* its names cannot be listed, only used */
};

/*
 * A thread that another one has asked to end (pthread_cancel) ends in the next call of the system
 * that may wait, and leaves locked what it had locked. No function of the table is such a place:
 * calls that are stand between hold and let. errno stays.
 */
static inline int slot__os_posix_hold(void)
{
    int before = 0;

#if !defined(__ANDROID__) /* has no such requests */
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
#endif
    return before;
}

static inline void slot__os_posix_let(int before)
{
#if !defined(__ANDROID__)
    (void)pthread_setcancelstate(before, NULL);
#else
    (void)before;
#endif
}

/* brief_posix.c: false when there is no memory. `end`, before the file is freed. Between use and
 * used there is a descriptor, or -1; of other files it is the one that they have. */
bool slot__os_posix_make_brief(struct os_file *file, struct os_dir *dir, const char *name, int how,
                               const struct stat *st);
void slot__os_posix_end_brief(struct os_file *file);
int slot__os_posix_use(struct os_file *file);
void slot__os_posix_used(struct os_file *file, enum os_use use);

/* The same for a sync; `synced` when it said OK, with the number of writes that came before it. */
int slot__os_posix_use_to_sync(struct os_file *file, uint64_t *writes);
void slot__os_posix_synced(struct os_file *file, uint64_t writes);

/* What errno value `code` means for the caller. */
os_result slot__os_posix_result(int code);

/*
 * guard_posix.c: make the page of `address`, a multiple of 4, present for writing by an atomic
 * change of nothing. SLOT_E_LOST.
 */
os_result slot__os_posix_touch(void *address) __attribute__((visibility("hidden")));

/* map_posix.c: whether madvise makes pages present; learned, and for a test to switch off. */
extern atomic_bool slot__os_posix_populates;

/* lock_posix.c: let go of all locks of an opening. */
void slot__os_posix_unlock_all(int fd);

/* fork_posix.c */

/* The number of this process; 0 when the system would not tell us of forks. */
extern pid_t slot__os_posix_pid;

void slot__os_fork_install(void); /* cheap when it is installed already */

/*
 * Between block and unblock no child is made, by any thread. A descriptor that a child must let go
 * of is opened and kept, or forgotten and closed, without a fork in between: one that comes then
 * would leave the child with a descriptor that it does not know of, or have it close a number that
 * means something else by now.
 */
void slot__os_fork_block(void);
void slot__os_fork_unblock(void);
void slot__os_fork_keep(struct os_file *file);
void slot__os_fork_forget(struct os_file *file);

/* Likewise: who is told in the child. */
void slot__os_fork_watch(struct os_fork_watch *watch);
void slot__os_fork_unwatch(struct os_fork_watch *watch);

#endif
