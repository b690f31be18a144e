/*
 * Files opened with OS_BRIEF: they have a descriptor while they are used, and as long as something
 * that was written through it is not synced: a sync covers what was written before it began, and
 * other threads may write while it waits. A use opens the file again, in its directory, and looks
 * whether it still is the one that was opened.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "os/posix.h"

/* "log/07" of the database's directory: the one of the log need not stay open. */
static char *name_in(const struct os_dir *dir, const char *name)
{
    size_t before = dir->parent != NULL ? strlen(dir->name) : 0, n = strlen(name);
    char *whole = malloc(before + 1 + n + 1);

    if (whole == NULL)
        return NULL;
    memcpy(whole, dir->name, before);
    if (before > 0)
        whole[before++] = '/';
    memcpy(whole + before, name, n + 1);
    return whole;
}

bool slot__os_posix_make_brief(struct os_file *file, struct os_dir *dir, const char *name, int how,
                               const struct stat *st)
{
    struct os_brief *brief = calloc(1, sizeof *brief);

    if (brief == NULL)
        return false;
    brief->name = name_in(dir, name);
    if (brief->name == NULL) {
        free(brief);
        return false;
    }
    slot__os_mutex_init(&brief->mutex);
    brief->dir = dir->parent != NULL ? dir->parent : dir;
    brief->how = how & ~(O_CREAT | O_EXCL);
    brief->device = st->st_dev;
    brief->number = st->st_ino;
    file->brief = brief;
    return true;
}

void slot__os_posix_end_brief(struct os_file *file)
{
    if (file->brief == NULL)
        return;
    slot__os_mutex_release(&file->brief->mutex);
    free(file->brief->name);
    free(file->brief);
}

/* The mutex is held. */
static os_result open_again(struct os_file *file)
{
    const struct os_brief *brief = file->brief;
    int held = slot__os_posix_hold();
    int fd = openat(brief->dir->fd, brief->name, brief->how);
    os_result result = fd < 0 ? slot__os_posix_result(errno) : os_success();
    bool other = result.status == SLOT_E_UNSUPPORTED; /* a link, a directory */
    struct stat st;

    if (fd >= 0 &&
        (fstat(fd, &st) != 0 || st.st_dev != brief->device || st.st_ino != brief->number)) {
        close(fd);
        fd = -1;
        other = true;
    }
    if (other) /* the name has come to mean something else */
        result = slot__os_posix_result(ENOENT);
    slot__os_posix_let(held);
    file->fd = fd;
    return result;
}

int slot__os_posix_use(struct os_file *file)
{
    uint64_t writes;

    return slot__os_posix_use_to_sync(file, &writes);
}

int slot__os_posix_use_to_sync(struct os_file *file, uint64_t *writes)
{
    int fd;

    *writes = 0;
    if (file->brief == NULL)
        return file->fd;
    slot__os_mutex_lock(&file->brief->mutex);
    if (file->fd < 0)
        (void)open_again(file); /* then the call says that there is no such descriptor */
    file->brief->users++;
    fd = file->fd;
    *writes = file->brief->writes;
    slot__os_mutex_unlock(&file->brief->mutex);
    return fd;
}

/* The mutex is held. */
static void close_if_idle(struct os_file *file)
{
    const struct os_brief *brief = file->brief;
    int held;

    if (brief->users > 0 || brief->kept || brief->writes > brief->synced || file->fd < 0)
        return;
    held = slot__os_posix_hold();
    close(file->fd);
    slot__os_posix_let(held);
    file->fd = -1;
}

/* A use has ended, after which there are so many writes, and so many of them are synced. */
static void end_use(struct os_file *file, uint64_t more_writes, uint64_t synced)
{
    struct os_brief *brief = file->brief;

    if (brief == NULL)
        return;
    slot__os_mutex_lock(&brief->mutex);
    brief->users--;
    brief->writes += more_writes;
    brief->synced = max_u64(brief->synced, synced);
    close_if_idle(file);
    slot__os_mutex_unlock(&brief->mutex);
}

void slot__os_posix_used(struct os_file *file, enum os_use use)
{
    end_use(file, use == OS_USE_WRITE ? 1 : 0, 0);
}

void slot__os_posix_synced(struct os_file *file, uint64_t writes)
{
    end_use(file, 0, writes);
}

os_result slot__os_file_keep(const struct os *os, struct os_file *file, bool keep)
{
    os_result result = os_success();

    (void)os;
    if (file->brief == NULL)
        return result;
    slot__os_mutex_lock(&file->brief->mutex);
    if (keep && file->fd < 0)
        result = open_again(file);
    file->brief->kept = keep && os_ok(result);
    close_if_idle(file);
    slot__os_mutex_unlock(&file->brief->mutex);
    return result;
}
