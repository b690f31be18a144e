/*
 * Views on POSIX systems.
 */
#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"
#include "os/posix.h"

/* A child made by fork will not have this mapping. */
static int keep_from_children(void *base, size_t n)
{
#if defined(MADV_DONTFORK)
    return madvise(base, n, MADV_DONTFORK);
#elif defined(__APPLE__)
    return minherit(base, n, VM_INHERIT_NONE);
#else
    return minherit(base, n, INHERIT_NONE);
#endif
}

os_result slot__os_map_open(const struct os *os, struct os_file *file, uint64_t offset, size_t n,
                            os_map_mode mode, void **base)
{
    bool reading = mode == OS_MAP_READ || mode == OS_MAP_LENT;
    int protection = reading ? PROT_READ : PROT_READ | PROT_WRITE;
    int sharing = mode == OS_MAP_PRIVATE ? MAP_PRIVATE : MAP_SHARED;
    uint64_t size = 0;
    os_result result;
    void *mapped;

    assert(offset % OS_GRANULARITY == 0 && n > 0);
    assert(!file->locks); /* a child made by fork would keep the locks with the view */
    result = slot__os_file_size(os, file, &size);
    if (!os_ok(result))
        return result;
    if (offset > size || n > size - offset)
        return (os_result){SLOT_E_TRUNCATED, 0};
    mapped = mmap(NULL, n, protection, sharing, slot__os_posix_use(file), (off_t)offset);
    if (mapped == MAP_FAILED)
        result = slot__os_posix_result(errno);
    slot__os_posix_used(file, OS_USE_READ);
    if (!os_ok(result))
        return result;
    if (mode == OS_MAP_LENT && keep_from_children(mapped, n) != 0) {
        result = slot__os_posix_result(errno);
        (void)munmap(mapped, n);
        return result;
    }
    *base = mapped;
    return os_success();
}

void slot__os_map_close(const struct os *os, void *base, size_t n)
{
    (void)os;
    (void)munmap(base, n);
}

/* madvise and msync want whole pages: widen [address, address + n) to them. */
static void *page_range(void *address, size_t *n)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t start = (uintptr_t)address & ~(page - 1);

    *n += (size_t)((uintptr_t)address - start);
    return (uint8_t *)address - ((uintptr_t)address - start);
}

os_result slot__os_map_flush(const struct os *os, void *address, size_t n)
{
    void *start = page_range(address, &n);
    int held = slot__os_posix_hold();
    int failed;

    (void)os;
#if defined(__linux__)
    /* Linux has one page cache: the dirty pages are the file's already, and the fdatasync that
     * must follow writes them. MS_SYNC here would wait for the disk a second time. */
    failed = msync(start, n, MS_ASYNC);
#else
    failed = msync(start, n, MS_SYNC);
#endif
    slot__os_posix_let(held);
    return failed == 0 ? os_success() : slot__os_posix_result(errno);
}

/* One page cache for views and files is what Linux has; POSIX does not promise it. */
bool slot__os_map_apart(const struct os *os)
{
    (void)os;
#if defined(__linux__)
    return false;
#else
    return true;
#endif
}

#if defined(__linux__) && !defined(MADV_POPULATE_READ) /* of Linux 5.14, newer than some headers */
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

#if defined(MADV_POPULATE_READ)
atomic_bool slot__os_posix_populates = true;
#else
atomic_bool slot__os_posix_populates = false;
#endif

/* Touch every page under the guard: for systems whose madvise cannot do it. */
static os_result touch_pages(const struct os *os, void *start, size_t n, bool for_write)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    os_result result = os_success();

    for (size_t at = 0; at < n && os_ok(result); at += page) {
        uint8_t *there = (uint8_t *)start + at;
        uint8_t byte;

        /* Dirtied by an atomic change of nothing, which races with nobody. Under the guard: a page
         * that could be read may go, or have no space behind it. */
        result = for_write ? slot__os_posix_touch(there) : slot__os_guard_load(os, &byte, there, 1);
    }
    return result;
}

os_result slot__os_map_populate(const struct os *os, void *address, size_t n, bool for_write)
{
    void *start = page_range(address, &n);

#if defined(MADV_POPULATE_READ)
    int failed;

    if (!atomic_load_explicit(&slot__os_posix_populates, memory_order_relaxed))
        return touch_pages(os, start, n, for_write);
    do
        failed = madvise(start, n, for_write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
    while (failed != 0 && errno == EINTR);
    if (failed == 0)
        return os_success();
    if (errno == EFAULT || errno == EHWPOISON)
        return (os_result){SLOT_E_LOST, errno};
    if (errno == ENOMEM)
        return slot__os_posix_result(ENOMEM);
    if (errno == EINVAL) /* a system before 5.14, or one that only looks like Linux */
        atomic_store_explicit(&slot__os_posix_populates, false, memory_order_relaxed);
#endif
    return touch_pages(os, start, n, for_write);
}

os_result slot__os_map_protect(const struct os *os, void *address, size_t n, bool writable)
{
    (void)os;
    if (mprotect(address, n, writable ? PROT_READ | PROT_WRITE : PROT_READ) != 0)
        return slot__os_posix_result(errno);
    return os_success();
}

void slot__os_map_advise(const struct os *os, void *address, size_t n, os_advice advice)
{
    static const int words[] = {
        [OS_ADVICE_NORMAL] = POSIX_MADV_NORMAL, [OS_ADVICE_SEQUENTIAL] = POSIX_MADV_SEQUENTIAL,
        [OS_ADVICE_RANDOM] = POSIX_MADV_RANDOM, [OS_ADVICE_WILLNEED] = POSIX_MADV_WILLNEED,
        [OS_ADVICE_FORGET] = POSIX_MADV_NORMAL,
    };
    void *start = page_range(address, &n);

    (void)os;
#if defined(__linux__)
    if (advice == OS_ADVICE_FORGET) { /* posix_madvise has a word for it, and does nothing */
        (void)madvise(start, n, MADV_DONTNEED);
        return;
    }
#endif
    (void)posix_madvise(start, n, words[advice]);
}
