/*
 * Directories and names on POSIX systems. A directory is a descriptor: what happens to its path
 * while it is open means nothing.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/posix.h"

static bool is_one_name(const char *name)
{
    return name[0] != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

/* What `code` means of opening a directory, as a link or through links. */
static os_result open_result(int at, const char *path, bool links, int code)
{
    os_result result = slot__os_posix_result(code);
    struct stat st;

    /* ENOTDIR: it is no directory itself, or what should have led to it is not. */
    if (code == ENOTDIR && fstatat(at, path, &st, links ? 0 : AT_SYMLINK_NOFOLLOW) == 0)
        result.status = SLOT_E_UNSUPPORTED;
    if (code == ELOOP && links)
        result.status = SLOT_E_IO; /* they lead nowhere; else it is a link itself */
    return result;
}

os_result slot__os_dir_open(const struct os *os, struct os_dir *parent, const char *path,
                            struct os_dir **dir)
{
    const int how = O_DIRECTORY | O_CLOEXEC | (parent != NULL ? O_NOFOLLOW : 0);
    int at = parent != NULL ? parent->fd : AT_FDCWD;
    struct os_dir *opened = malloc(sizeof *opened);
    os_result result = os_success();
    int held;

    (void)os;
    assert(parent == NULL || is_one_name(path));
    if (opened == NULL)
        return slot__os_posix_result(ENOMEM);
    held = slot__os_posix_hold();
    opened->closed_to_us = false;
    opened->parent = NULL;
    opened->name[0] = '\0';
    if (parent != NULL && strlen(path) < sizeof opened->name) {
        opened->parent = parent;
        memcpy(opened->name, path, strlen(path) + 1);
    }
    opened->fd = openat(at, path, how | O_RDONLY);
#if defined(O_PATH)
    if (opened->fd < 0 && errno == EACCES) {
        /* Who may not list it may still use its names. */
        opened->closed_to_us = true;
        opened->fd = openat(at, path, how | O_PATH);
    }
#endif
    slot__os_posix_let(held);
    if (opened->fd < 0) {
        result = open_result(at, path, parent == NULL, errno);
        free(opened);
    } else {
        *dir = opened;
    }
    return result;
}

static char *copy_of(const char *text, size_t n)
{
    char *copy = malloc(n + 1);

    if (copy != NULL) {
        memcpy(copy, text, n);
        copy[n] = '\0';
    }
    return copy;
}

os_result slot__os_dir_split_path(const struct os *os, const char *path, char **parent, char **name)
{
    size_t end = strlen(path), start;
    char *last;

    (void)os;
    while (end > 0 && path[end - 1] == '/')
        end--;
    start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    last = copy_of(path + start, end - start);
    if (last == NULL)
        return slot__os_posix_result(ENOMEM);
    if (!is_one_name(last)) {
        free(last);
        return (os_result){SLOT_E_ARG, 0};
    }
    *parent = start == 0 ? copy_of(".", 1) : copy_of(path, start);
    if (*parent == NULL) {
        free(last);
        return slot__os_posix_result(ENOMEM);
    }
    *name = last;
    return os_success();
}

void slot__os_dir_close(const struct os *os, struct os_dir *dir)
{
    int held = slot__os_posix_hold();

    (void)os;
    close(dir->fd);
    slot__os_posix_let(held);
    free(dir);
}

os_result slot__os_dir_make(const struct os *os, struct os_dir *dir, const char *name)
{
    (void)os;
    assert(is_one_name(name));
    return mkdirat(dir->fd, name, 0777) == 0 ? os_success() : slot__os_posix_result(errno);
}

os_result slot__os_dir_remove(const struct os *os, struct os_dir *dir, const char *name)
{
    (void)os;
    assert(is_one_name(name));
    return unlinkat(dir->fd, name, AT_REMOVEDIR) == 0 ? os_success() : slot__os_posix_result(errno);
}

os_result slot__os_dir_remove_file(const struct os *os, struct os_dir *dir, const char *name)
{
    (void)os;
    assert(is_one_name(name));
    return unlinkat(dir->fd, name, 0) == 0 ? os_success() : slot__os_posix_result(errno);
}

/* Without a rename that refuses: look first. Another process may come between. */
static int rename_after_look(int fd, const char *from, const char *to)
{
    struct stat st;

    if (fstatat(fd, to, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return -1;
    }
    return renameat(fd, from, fd, to);
}

os_result slot__os_dir_rename_new(const struct os *os, struct os_dir *dir, const char *from,
                                  const char *to)
{
    int failed;

    (void)os;
    assert(is_one_name(from) && is_one_name(to));
#if defined(RENAME_NOREPLACE)
    failed = renameat2(dir->fd, from, dir->fd, to, RENAME_NOREPLACE);
    if (failed != 0 && (errno == EINVAL || errno == ENOSYS))
        failed = rename_after_look(dir->fd, from, to);
#else
    failed = rename_after_look(dir->fd, from, to);
#endif
    return failed == 0 ? os_success() : slot__os_posix_result(errno);
}

os_result slot__os_dir_sync(const struct os *os, struct os_dir *dir)
{
    os_result result = os_success();
    int held = slot__os_posix_hold();
    int fd = dir->fd;

    (void)os;
    if (dir->closed_to_us)
        fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        result = slot__os_posix_result(errno);
    while (fd >= 0 && fsync(fd) != 0) {
        if (errno == EINTR)
            continue;
        /* EINVAL: this file system cannot sync directories, and has no need to. */
        if (errno != EINVAL)
            result = slot__os_posix_result(errno);
        break;
    }
    if (fd >= 0 && fd != dir->fd)
        close(fd);
    slot__os_posix_let(held);
    return result;
}

os_result slot__os_dir_list(const struct os *os, struct os_dir *dir, os_name_fn fn, void *context)
{
    os_result result = os_success();
    struct dirent *entry;
    int held = slot__os_posix_hold();
    /* Another opening: how far it has been read is kept with it. */
    int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);

    (void)os;
    if (stream == NULL) {
        result = slot__os_posix_result(errno);
        if (fd >= 0)
            close(fd);
    }
    while (stream != NULL) {
        errno = 0;
        entry = readdir(stream);
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
    if (stream != NULL)
        closedir(stream);
    slot__os_posix_let(held);
    return result;
}

os_result slot__os_dir_kind(const struct os *os, struct os_dir *dir, const char *name,
                            os_kind *kind)
{
    struct stat st;

    (void)os;
    assert(is_one_name(name));
    if (fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno != ENOENT)
            return slot__os_posix_result(errno);
        *kind = OS_KIND_NONE;
    } else if (S_ISREG(st.st_mode)) {
        *kind = OS_KIND_FILE;
    } else {
        *kind = S_ISDIR(st.st_mode) ? OS_KIND_DIR : OS_KIND_OTHER;
    }
    return os_success();
}
