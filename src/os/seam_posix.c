/*
 * Time, waiting and chance on POSIX systems.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#if defined(__linux__)
#include <linux/futex.h>
#include <linux/types.h>
#include <sys/syscall.h>
#endif

#include "os/posix.h"

void slot__os_seam_install(void)
{
    slot__os_fork_install();
}

void slot__os_seam_yield(const struct os *os, const char *where)
{
    (void)os, (void)where;
}

uint64_t slot__os_seam_clock_ms(const struct os *os)
{
    struct timespec now;

    (void)os;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void slot__os_seam_sleep_us(const struct os *os, uint32_t us)
{
    struct timespec wait = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};
    int held = slot__os_posix_hold();

    (void)os;
    if (us == 0)
        (void)sched_yield(); /* nanosleep would round up to the timer's slack: 50 us on Linux */
    else
        (void)nanosleep(&wait, NULL);
    slot__os_posix_let(held);
}

#if defined(__linux__)

_Static_assert(sizeof(_Atomic uint32_t) == 4, "a futex is a plain word of 32 bits");

/* The wait as the system call reads it, which need not be the C library's struct timespec. */
#if defined(SYS_futex)
#define FUTEX SYS_futex
struct futex_wait {
    __kernel_long_t seconds, nanoseconds;
};
#else
#define FUTEX SYS_futex_time64
struct futex_wait {
    int64_t seconds, nanoseconds;
};
#endif

void slot__os_seam_park(const struct os *os, _Atomic uint32_t *word, uint32_t seen, uint32_t us)
{
    struct futex_wait wait = {(int32_t)(us / 1000000), (int32_t)(us % 1000000 * 1000)};

    (void)os;
    (void)syscall(FUTEX, word, FUTEX_WAIT_PRIVATE, seen, &wait, NULL, 0);
}

void slot__os_seam_unpark(const struct os *os, _Atomic uint32_t *word)
{
    (void)os;
    (void)syscall(FUTEX, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

#else

#define PARK_US_MAX 100u

static uint64_t clock_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Nothing that all these systems have wakes by address: look at the word again and again. */
void slot__os_seam_park(const struct os *os, _Atomic uint32_t *word, uint32_t seen, uint32_t us)
{
    uint64_t end = clock_us() + us, now;

    while (atomic_load(word) == seen && (now = clock_us()) < end)
        slot__os_seam_sleep_us(os, end - now < PARK_US_MAX ? (uint32_t)(end - now) : PARK_US_MAX);
}

void slot__os_seam_unpark(const struct os *os, _Atomic uint32_t *word)
{
    (void)os, (void)word;
}

#endif

uint64_t slot__os_seam_process(const struct os *os)
{
    (void)os;
    return (uint64_t)(slot__os_posix_pid != 0 ? slot__os_posix_pid : getpid());
}

void slot__os_seam_watch_forks(const struct os *os, struct os_fork_watch *watch)
{
    (void)os;
    slot__os_fork_block();
    slot__os_fork_watch(watch);
    slot__os_fork_unblock();
}

void slot__os_seam_unwatch_forks(const struct os *os, struct os_fork_watch *watch)
{
    (void)os;
    slot__os_fork_block();
    slot__os_fork_unwatch(watch);
    slot__os_fork_unblock();
}

#if defined(__linux__)

/* 36 characters, 32 of them hexadecimal digits: folded into 64 bits. */
uint64_t slot__os_seam_boot_id(const struct os *os)
{
    char text[64];
    uint64_t id = 0;
    ssize_t n = -1;
    int held = slot__os_posix_hold();
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

    (void)os;
    if (fd >= 0) {
        n = read(fd, text, sizeof text);
        close(fd);
    }
    slot__os_posix_let(held);
    for (ssize_t i = 0; i < n; i++) {
        unsigned letter = (unsigned char)text[i] | 0x20u;

        if (letter >= '0' && letter <= '9')
            id = (id << 4 | id >> 60) ^ (letter - '0');
        else if (letter >= 'a' && letter <= 'f')
            id = (id << 4 | id >> 60) ^ (letter - 'a' + 10);
    }
    return id;
}

#else

uint64_t slot__os_seam_boot_id(const struct os *os)
{
    (void)os;
    return 0;
}

#endif

os_result slot__os_seam_random(const struct os *os, void *bytes, size_t n)
{
    os_result result = os_success();
    uint8_t *to = bytes;
    int held = slot__os_posix_hold();
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);

    (void)os;
    if (fd < 0)
        result = slot__os_posix_result(errno);
    while (n > 0 && os_ok(result)) {
        ssize_t got = read(fd, to, n);

        if (got > 0) {
            to += got;
            n -= (size_t)got;
        } else if (got == 0 || errno != EINTR) {
            result = slot__os_posix_result(got == 0 ? EIO : errno);
        }
    }
    if (fd >= 0)
        close(fd);
    slot__os_posix_let(held);
    return result;
}
