/*
 * Byte-range locks and mutexes on POSIX systems. Locks are open-file-description locks: classic
 * POSIX locks vanish as soon as the process closes any descriptor of the file, and two openings in
 * one process do not exclude each other.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>

#include "os/posix.h"

#if defined(F_OFD_SETLK)
#define SET_LOCK F_OFD_SETLK
#define GET_LOCK F_OFD_GETLK
#else
#error "no open-file-description locks here: with the classic ones two handles would destroy data"
#endif

/* `n` 0: all bytes from `byte` on. */
static int set_lock(int fd, uint64_t byte, uint64_t n, short type)
{
    struct flock range;

    memset(&range, 0, sizeof range);
    range.l_type = type;
    range.l_whence = SEEK_SET;
    range.l_start = (off_t)byte;
    range.l_len = (off_t)n;
    while (fcntl(fd, SET_LOCK, &range) != 0) {
        if (errno != EINTR)
            return errno;
    }
    return 0;
}

os_result slot__os_lock_try(const struct os *os, struct os_file *file, uint64_t byte,
                            bool exclusive)
{
    int code = set_lock(file->lock_fd, byte, 1, exclusive ? F_WRLCK : F_RDLCK);

    (void)os;
    if (code == EAGAIN || code == EACCES)
        return (os_result){SLOT_E_BUSY, code};
    return code == 0 ? os_success() : slot__os_posix_result(code);
}

void slot__os_lock_release(const struct os *os, struct os_file *file, uint64_t byte)
{
    (void)os;
    (void)set_lock(file->lock_fd, byte, 1, F_UNLCK);
}

/* Unlike locking, asking about an exclusive lock needs no permission to write. */
os_result slot__os_lock_held(const struct os *os, struct os_file *file, uint64_t byte, bool *held)
{
    struct flock range;

    (void)os;
    memset(&range, 0, sizeof range);
    range.l_type = F_WRLCK;
    range.l_whence = SEEK_SET;
    range.l_start = (off_t)byte;
    range.l_len = 1;
    while (fcntl(file->lock_fd, GET_LOCK, &range) != 0) {
        if (errno != EINTR)
            return slot__os_posix_result(errno);
    }
    *held = range.l_type != F_UNLCK;
    return os_success();
}

/* Locking what is locked already changes the kind of the lock, in one step. */
os_result slot__os_lock_downgrade(const struct os *os, struct os_file *file, uint64_t byte)
{
    int code = set_lock(file->lock_fd, byte, 1, F_RDLCK);

    (void)os;
    return code == 0 ? os_success() : slot__os_posix_result(code);
}

void slot__os_posix_unlock_all(int fd)
{
    (void)set_lock(fd, 0, 0, F_UNLCK);
}

_Static_assert(sizeof(pthread_mutex_t) <= sizeof(struct os_mutex), "os_mutex has no room");

static pthread_mutex_t *inner(struct os_mutex *mutex)
{
    return (pthread_mutex_t *)(void *)mutex;
}

void slot__os_mutex_init(struct os_mutex *mutex)
{
    pthread_mutexattr_t kind;
    int failed = pthread_mutexattr_init(&kind);

    assert(failed == 0);
#if defined(PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP)
    /* Critical sections are short: to look again is cheaper than to sleep. */
    (void)pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ADAPTIVE_NP);
#endif
    failed = pthread_mutex_init(inner(mutex), &kind);
    assert(failed == 0);
    (void)pthread_mutexattr_destroy(&kind);
    (void)failed;
}

void slot__os_mutex_lock(struct os_mutex *mutex)
{
    int failed = pthread_mutex_lock(inner(mutex));

    assert(failed == 0);
    (void)failed;
}

void slot__os_mutex_unlock(struct os_mutex *mutex)
{
    int failed = pthread_mutex_unlock(inner(mutex));

    assert(failed == 0);
    (void)failed;
}

void slot__os_mutex_release(struct os_mutex *mutex)
{
    (void)pthread_mutex_destroy(inner(mutex));
}
