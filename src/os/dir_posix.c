/*
 * Directories and names on POSIX systems.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/posix.h"

os_result slot__os_dir_make(const struct os *os, const char *path)
{
    (void)os;
    return mkdir(path, 0777) == 0 ? os_success() : slot__os_posix_result(errno);
}

os_result slot__os_dir_remove(const struct os *os, const char *path)
{
    (void)os;
    return rmdir(path) == 0 ? os_success() : slot__os_posix_result(errno);
}

os_result slot__os_dir_remove_file(const struct os *os, const char *path)
{
    (void)os;
    return unlink(path) == 0 ? os_success() : slot__os_posix_result(errno);
}

/* Without a rename that refuses: look first. Another process may come between. */
static int rename_after_look(const char *from, const char *to)
{
    struct stat st;

    if (lstat(to, &st) == 0) {
        errno = EEXIST;
        return -1;
    }
    return rename(from, to);
}

os_result slot__os_dir_rename_new(const struct os *os, const char *from, const char *to)
{
    int failed;

    (void)os;
#if defined(RENAME_NOREPLACE)
    failed = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
    if (failed != 0 && (errno == EINVAL || errno == ENOSYS))
        failed = rename_after_look(from, to);
#else
    failed = rename_after_look(from, to);
#endif
    return failed == 0 ? os_success() : slot__os_posix_result(errno);
}

os_result slot__os_dir_sync(const struct os *os, const char *path)
{
    os_result result = os_success();
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)os;
    if (fd < 0)
        return slot__os_posix_result(errno);
    while (fsync(fd) != 0) {
        if (errno == EINTR)
            continue;
        /* EINVAL: this file system cannot sync directories, and has no need to. */
        if (errno != EINVAL)
            result = slot__os_posix_result(errno);
        break;
    }
    close(fd);
    return result;
}

os_result slot__os_dir_list(const struct os *os, const char *path, os_name_fn fn, void *context)
{
    os_result result = os_success();
    struct dirent *entry;
    DIR *dir = opendir(path);

    (void)os;
    if (dir == NULL)
        return slot__os_posix_result(errno);
    for (;;) {
        errno = 0;
        entry = readdir(dir);
        if (entry == NULL) {
            if (errno != 0)
                result = slot__os_posix_result(errno);
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (!fn(context, entry->d_name))
            break;
    }
    closedir(dir);
    return result;
}

os_kind slot__os_dir_kind(const struct os *os, const char *path)
{
    struct stat st;

    (void)os;
    if (stat(path, &st) != 0)
        return errno == ENOENT || errno == ENOTDIR ? OS_KIND_NONE : OS_KIND_OTHER;
    if (S_ISREG(st.st_mode))
        return OS_KIND_FILE;
    return S_ISDIR(st.st_mode) ? OS_KIND_DIR : OS_KIND_OTHER;
}
