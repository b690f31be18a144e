/*
 * Files on POSIX systems.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__linux__)
#include <sys/syscall.h>
#endif

#include "os/posix.h"

/* One call never moves more than the smallest limit of all systems. */
#define IO_BYTES_MAX ((size_t)1 << 30)

/* Behind the end of every segment, and within what Linux looks at where a long has 32 bits. */
#define NO_BYTES_AT ((off_t)1 << 43)

os_result slot__os_posix_result(int code)
{
    os_result result = {SLOT_E_IO, code};

    switch (code) {
    case ENOENT:
    case ENOTDIR:
        result.status = SLOT_E_NO_FILE;
        break;
    case EEXIST:
    case ENOTEMPTY:
        result.status = SLOT_E_EXISTS;
        break;
    case EACCES:
    case EPERM:
    case EROFS:
        result.status = SLOT_E_PERMISSION;
        break;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        result.status = SLOT_E_NO_SPACE;
        break;
    case ENOMEM:
        result.status = SLOT_E_NO_MEMORY;
        break;
    case ENAMETOOLONG:
        result.status = SLOT_E_ARG;
        break;
    case EISDIR:
    case ELOOP:
    case EOPNOTSUPP:
        result.status = SLOT_E_UNSUPPORTED;
        break;
    default:
        break;
    }
    return result;
}

static void close_file(int fd)
{
    int held = slot__os_posix_hold();

    close(fd);
    slot__os_posix_let(held);
}

static os_result open_regular(struct os_dir *dir, const char *name, int how, int *fd,
                              struct stat *st)
{
    os_result result = os_success();
    int held = slot__os_posix_hold();

    *fd = openat(dir->fd, name, how, 0666);
    slot__os_posix_let(held);
    if (*fd < 0)
        return slot__os_posix_result(errno);
    if (fstat(*fd, st) != 0)
        result = slot__os_posix_result(errno);
    else if (!S_ISREG(st->st_mode))
        result = slot__os_posix_result(EOPNOTSUPP);
    if (!os_ok(result))
        close_file(*fd);
    return result;
}

os_result slot__os_file_open(const struct os *os, struct os_dir *dir, const char *name, int flags,
                             struct os_file **file)
{
    struct os_file *opened = calloc(1, sizeof *opened);
    /* O_NONBLOCK: opening a FIFO that somebody put there must not hang. */
    int how = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    bool locks = (flags & OS_LOCKS) != 0;
    os_result result;
    struct stat st;

    (void)os;
    assert(!locks || (flags & OS_BRIEF) == 0); /* locks go with the descriptor */
    if (opened == NULL || (locks && slot__os_posix_pid == 0)) {
        free(opened);
        return slot__os_posix_result(ENOMEM);
    }
    how |= (flags & OS_WRITE) != 0 ? O_RDWR : O_RDONLY;
    if ((flags & OS_CREATE_NEW) != 0)
        how |= O_CREAT | O_EXCL;
    if (locks)
        slot__os_fork_block();
    result = open_regular(dir, name, how, &opened->fd, &st);
    opened->lock_fd = opened->fd;
    opened->locks = locks;
    if (os_ok(result) && locks)
        slot__os_fork_keep(opened);
    if (locks)
        slot__os_fork_unblock();
    if (os_ok(result) && (flags & OS_BRIEF) != 0 &&
        !slot__os_posix_make_brief(opened, dir, name, how, &st)) {
        close_file(opened->fd);
        result = slot__os_posix_result(ENOMEM);
    }
    if (os_ok(result))
        *file = opened;
    else
        free(opened);
    return result;
}

void slot__os_file_close(const struct os *os, struct os_file *file)
{
    bool locks = file->locks;

    (void)os;
    if (locks) {
        slot__os_fork_block();
        /* Not left to close: a child that has yet to exec may keep the opening alive. */
        slot__os_posix_unlock_all(file->lock_fd);
        slot__os_fork_forget(file);
    }
    if (file->fd >= 0)
        close_file(file->fd);
    if (locks)
        slot__os_fork_unblock();
    slot__os_posix_end_brief(file);
    free(file);
}

static os_result size_fd(const struct os *os, int fd, uint64_t *size)
{
    struct stat st;

    (void)os;
    if (fstat(fd, &st) != 0)
        return slot__os_posix_result(errno);
    *size = (uint64_t)st.st_size;
    return os_success();
}

os_result slot__os_file_size(const struct os *os, struct os_file *file, uint64_t *size)
{
    os_result result = size_fd(os, slot__os_posix_use(file), size);

    slot__os_posix_used(file, OS_USE_READ);
    return result;
}

static os_result resize_fd(const struct os *os, int fd, uint64_t size)
{
    (void)os;
    if (size > INT64_MAX)
        return slot__os_posix_result(EFBIG);
    while (ftruncate(fd, (off_t)size) != 0) {
        if (errno != EINTR)
            return slot__os_posix_result(errno);
    }
    return os_success();
}

os_result slot__os_file_resize(const struct os *os, struct os_file *file, uint64_t size)
{
    os_result result = resize_fd(os, slot__os_posix_use(file), size);

    slot__os_posix_used(file, OS_USE_READ);
    return result;
}

#if defined(__linux__)
static int allocate(int fd, int mode, uint64_t offset, uint64_t n)
{
    int held = slot__os_posix_hold();
    int code;

    do
        code = fallocate(fd, mode, (off_t)offset, (off_t)n) == 0 ? 0 : errno;
    while (code == EINTR);
    slot__os_posix_let(held);
    return code;
}
#endif

static os_result allocate_fd(const struct os *os, int fd, uint64_t offset, uint64_t n)
{
    os_result result = os_success();
    uint64_t before = 0;
    int code;

    if (offset > INT64_MAX || n > INT64_MAX - offset)
        return slot__os_posix_result(EFBIG);
    result = size_fd(os, fd, &before);
    if (!os_ok(result) || n == 0)
        return result;
#if defined(__linux__)
    /* Not posix_fallocate: where the file system cannot, glibc would write zeros block by block. */
    /* First without the size, then with it: a disk that is full never leaves the file longer, and
     * nothing has to be cut off, which might be what another process has just written there. */
    code = allocate(fd, FALLOC_FL_KEEP_SIZE, offset, n);
    if (code == 0)
        code = allocate(fd, 0, offset, n);
#else
    do
        code = posix_fallocate(fd, (off_t)offset, (off_t)n);
    while (code == EINTR);
#endif
    if (code != 0) {
        result = slot__os_posix_result(code == EINVAL || code == ENOSYS ? EOPNOTSUPP : code);
#if !defined(__linux__)
        /* Some leave the file longer by what they could get before the disk was full. */
        (void)resize_fd(os, fd, before);
#endif
    }
    return result;
}

os_result slot__os_file_allocate(const struct os *os, struct os_file *file, uint64_t offset,
                                 uint64_t n)
{
    os_result result = allocate_fd(os, slot__os_posix_use(file), offset, n);

    slot__os_posix_used(file, OS_USE_READ);
    return result;
}

static os_result read_at_fd(const struct os *os, int fd, uint64_t offset, void *buf, size_t n)
{
    uint8_t *to = buf;

    (void)os;
    while (n > 0) {
        int held = slot__os_posix_hold();
        ssize_t got = pread(fd, to, n < IO_BYTES_MAX ? n : IO_BYTES_MAX, (off_t)offset);

        slot__os_posix_let(held);
        if (got == 0)
            return (os_result){SLOT_E_TRUNCATED, 0};
        if (got < 0 && errno != EINTR)
            return slot__os_posix_result(errno);
        if (got > 0) {
            to += got;
            offset += (uint64_t)got;
            n -= (size_t)got;
        }
    }
    return os_success();
}

os_result slot__os_file_read_at(const struct os *os, struct os_file *file, uint64_t offset,
                                void *buf, size_t n)
{
    os_result result = read_at_fd(os, slot__os_posix_use(file), offset, buf, n);

    slot__os_posix_used(file, OS_USE_READ);
    return result;
}

static os_result write_at_fd(const struct os *os, int fd, uint64_t offset, const void *buf,
                             size_t n)
{
    const uint8_t *from = buf;

    (void)os;
    while (n > 0) {
        int held = slot__os_posix_hold();
        ssize_t put = pwrite(fd, from, n < IO_BYTES_MAX ? n : IO_BYTES_MAX, (off_t)offset);

        slot__os_posix_let(held);
        if (put < 0 && errno != EINTR)
            return slot__os_posix_result(errno);
        if (put > 0) {
            from += put;
            offset += (uint64_t)put;
            n -= (size_t)put;
        }
    }
    return os_success();
}

os_result slot__os_file_write_at(const struct os *os, struct os_file *file, uint64_t offset,
                                 const void *buf, size_t n)
{
    os_result result = write_at_fd(os, slot__os_posix_use(file), offset, buf, n);

    slot__os_posix_used(file, OS_USE_WRITE);
    return result;
}

static os_result sync_fd(const struct os *os, int fd)
{
    int held = slot__os_posix_hold();
    int failed;

    (void)os;
    do {
#if defined(F_FULLFSYNC)
        /* macOS: fsync leaves the bytes in the drive's cache; not every file system can do more. */
        failed = fcntl(fd, F_FULLFSYNC);
        if (failed != 0 && (errno == ENOTSUP || errno == EINVAL))
            failed = fsync(fd);
#elif defined(_POSIX_SYNCHRONIZED_IO) && _POSIX_SYNCHRONIZED_IO > 0
        failed = fdatasync(fd);
#else
        failed = fsync(fd);
#endif
    } while (failed != 0 && errno == EINTR);
    slot__os_posix_let(held);
    return failed == 0 ? os_success() : slot__os_posix_result(errno);
}

os_result slot__os_file_sync(const struct os *os, struct os_file *file)
{
    uint64_t writes;
    os_result result = sync_fd(os, slot__os_posix_use_to_sync(file, &writes));

    if (os_ok(result))
        slot__os_posix_synced(file, writes);
    else
        slot__os_posix_used(file, OS_USE_WRITE);
    return result;
}

/* To wait for a part of the file that holds nothing is to be told of what was lost until now. */
os_result slot__os_file_intact(const struct os *os, struct os_file *file)
{
#if defined(__linux__)
    int held = slot__os_posix_hold();
    int failed =
        sync_file_range(slot__os_posix_use(file), NO_BYTES_AT, 1, SYNC_FILE_RANGE_WAIT_BEFORE);
    int code = failed == 0 ? 0 : errno;

    slot__os_posix_used(file, code == EIO ? OS_USE_WRITE : OS_USE_READ);
    slot__os_posix_let(held);
    if (code != ENOSYS && code != EINVAL)
        return code == 0 ? os_success() : slot__os_posix_result(code);
#endif
    return slot__os_file_sync(os, file);
}

static void start_writeback_fd(const struct os *os, int fd, uint64_t offset, uint64_t n)
{
    (void)os;
#if defined(__linux__)
    int held = slot__os_posix_hold();

    (void)sync_file_range(fd, (off_t)offset, (off_t)n, SYNC_FILE_RANGE_WRITE);
    slot__os_posix_let(held);
#else
    (void)fd, (void)offset, (void)n;
#endif
}

void slot__os_file_start_writeback(const struct os *os, struct os_file *file, uint64_t offset,
                                   uint64_t n)
{
    start_writeback_fd(os, slot__os_posix_use(file), offset, n);
    slot__os_posix_used(file, OS_USE_READ);
}

static void advise_fd(const struct os *os, int fd, uint64_t offset, uint64_t n, os_advice advice)
{
    (void)os;
#if defined(POSIX_FADV_NORMAL)
    static const int words[] = {
        [OS_ADVICE_NORMAL] = POSIX_FADV_NORMAL,   [OS_ADVICE_SEQUENTIAL] = POSIX_FADV_SEQUENTIAL,
        [OS_ADVICE_RANDOM] = POSIX_FADV_RANDOM,   [OS_ADVICE_WILLNEED] = POSIX_FADV_WILLNEED,
        [OS_ADVICE_FORGET] = POSIX_FADV_DONTNEED,
    };
    (void)posix_fadvise(fd, (off_t)offset, (off_t)n, words[advice]);
#else
    (void)fd, (void)offset, (void)n, (void)advice;
#endif
}

void slot__os_file_advise(const struct os *os, struct os_file *file, uint64_t offset, uint64_t n,
                          os_advice advice)
{
    advise_fd(os, slot__os_posix_use(file), offset, n, advice);
    slot__os_posix_used(file, OS_USE_READ);
}

static uint64_t next_data_fd(const struct os *os, int fd, uint64_t offset)
{
    uint64_t next = offset;

#if defined(SEEK_DATA)
    off_t data = lseek(fd, (off_t)offset, SEEK_DATA);

    if (data >= 0)
        next = (uint64_t)data;
    else if (errno == ENXIO) /* nothing but a hole up to the end */
        (void)size_fd(os, fd, &next);
#else
    (void)fd;
#endif
    (void)os;
    return next;
}

uint64_t slot__os_file_next_data(const struct os *os, struct os_file *file, uint64_t offset)
{
    uint64_t result = next_data_fd(os, slot__os_posix_use(file), offset);

    slot__os_posix_used(file, OS_USE_READ);
    return result;
}

#if defined(__linux__)

/* What Linux counts of a range since 6.5 (include/uapi/linux/mman.h), in pages. */
struct range_of_file {
    uint64_t offset, n;
};
struct pages_of_range {
    uint64_t cached, dirty, in_writeback, evicted, recently_evicted;
};

#if !defined(SYS_cachestat)
#define SYS_cachestat 451 /* the same number for all processors */
#endif

bool slot__os_file_cached(const struct os *os, struct os_file *file, uint64_t offset, uint64_t n)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    struct range_of_file range = {offset, n};
    struct pages_of_range pages = {0};

    bool told = syscall(SYS_cachestat, slot__os_posix_use(file), &range, &pages, 0) == 0;

    (void)os;
    slot__os_posix_used(file, OS_USE_READ);
    return told && pages.cached >= (offset + n - 1) / page - offset / page + 1;
}

#else

bool slot__os_file_cached(const struct os *os, struct os_file *file, uint64_t offset, uint64_t n)
{
    (void)os, (void)file, (void)offset, (void)n;
    return false;
}

#endif
