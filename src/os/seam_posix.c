/*
 * Time and chance on POSIX systems.
 */
#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "os/posix.h"

void os_seam_yield(const struct os *os, const char *where)
{
    (void)os, (void)where;
}

uint64_t os_seam_clock_ms(const struct os *os)
{
    struct timespec now;

    (void)os;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void os_seam_sleep_us(const struct os *os, uint32_t us)
{
    struct timespec wait = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};

    (void)os;
    (void)nanosleep(&wait, NULL);
}

os_result os_seam_random(const struct os *os, void *bytes, size_t n)
{
    os_result result = os_success();
    uint8_t *to = bytes;
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);

    (void)os;
    if (fd < 0)
        return os_posix_result(errno);
    while (n > 0 && os_ok(result)) {
        ssize_t got = read(fd, to, n);

        if (got > 0) {
            to += got;
            n -= (size_t)got;
        } else if (got == 0 || errno != EINTR) {
            result = os_posix_result(got == 0 ? EIO : errno);
        }
    }
    close(fd);
    return result;
}
