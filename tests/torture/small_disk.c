#include "torture/small_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0)
        close(fd);
    return done;
}

/* Be root of a namespace of our own; outside of it nothing changes. */
static bool become_root(void)
{
    unsigned user = geteuid(), group = getegid();
    char users[64], groups[64];

    snprintf(users, sizeof users, "0 %u 1", user);
    snprintf(groups, sizeof groups, "0 %u 1", group);
    return unshare(CLONE_NEWUSER) == 0 && write_text("/proc/self/setgroups", "deny") &&
           write_text("/proc/self/uid_map", users) && write_text("/proc/self/gid_map", groups);
}

bool small_disk_begin(void)
{
    if ((geteuid() == 0 || become_root()) && unshare(CLONE_NEWNS) == 0 &&
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
        return true;
    fprintf(stderr, "no mount namespace can be had: %s\n", strerror(errno));
    return false;
}

bool small_disk_mount(const char *directory, uint64_t kib)
{
    char options[64];

    snprintf(options, sizeof options, "mode=0777,size=%lluk", (unsigned long long)kib);
    return mount("none", directory, "tmpfs", 0, options) == 0;
}

void small_disk_unmount(const char *directory)
{
    (void)umount2(directory, MNT_DETACH);
}

uint64_t small_disk_free(const char *directory)
{
    struct statvfs info;

    if (statvfs(directory, &info) != 0)
        abort();
    return (uint64_t)info.f_bavail * info.f_frsize;
}

static void ballast(char *path, size_t room, const char *directory)
{
    snprintf(path, room, "%s/ballast", directory);
}

void small_disk_take(const char *directory, uint64_t left)
{
    uint64_t available = small_disk_free(directory);
    struct stat info;
    char path[4200];
    int fd;

    ballast(path, sizeof path, directory);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0 || fstat(fd, &info) != 0)
        abort();
    if (available > left) {
        uint64_t n = available - left;

        (void)posix_fallocate(fd, info.st_size, (off_t)n);
    } else if ((uint64_t)info.st_size > left - available) {
        if (ftruncate(fd, info.st_size - (off_t)(left - available)) != 0)
            abort();
    }
    close(fd);
}

void small_disk_give(const char *directory)
{
    char path[4200];

    ballast(path, sizeof path, directory);
    (void)unlink(path);
}
