#include "db/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "db/gate.h"

const char *const slot__db_file_names[] = {FILE_RECORDS, FILE_SCHEMA, FILE_META, FILE_SUMS,
                                           FILE_DELETED, FILE_SHARED, FILE_LOCK, NULL};

char *slot__db_path(const char *directory, const char *name)
{
    size_t n = strlen(directory) + 1 + strlen(name) + 1;
    char *path = malloc(n);

    if (path != NULL)
        snprintf(path, n, "%s/%s", directory, name);
    return path;
}

char *slot__db_path_trimmed(const char *path)
{
    size_t n = strlen(path);
    char *copy = malloc(n + 1);

    if (copy == NULL)
        return NULL;
    memcpy(copy, path, n + 1);
    while (n > 1 && copy[n - 1] == '/')
        copy[--n] = '\0';
    return copy;
}

slot_status slot__db_file_open(const struct os *os, const char *directory, const char *name,
                               int flags, struct os_file **file, slot_error *err)
{
    char *path = slot__db_path(directory, name);
    slot_status status = SLOT_OK;
    os_result result;

    if (path == NULL)
        return slot__error_set(err, SLOT_E_NO_MEMORY, name, SLOT_NO_OFFSET, NULL);
    result = os->open(os, path, flags, file);
    if (result.status == SLOT_E_NO_FILE && (flags & OS_CREATE_NEW) == 0)
        status = slot__error_os(err, SLOT_E_CORRUPT, result.code, name, SLOT_NO_OFFSET,
                                "the file is missing: restore it from a backup");
    else if (result.status == SLOT_E_UNSUPPORTED)
        status = slot__error_os(err, SLOT_E_CORRUPT, result.code, name, SLOT_NO_OFFSET,
                                "not a regular file");
    else if (!os_ok(result))
        status = slot__error_os(err, result.status, result.code, name, SLOT_NO_OFFSET,
                                "the file cannot be opened");
    free(path);
    return status;
}

void slot__db_files_close(const struct os *os, struct db_files *files)
{
    struct os_file *const open[] = {files->records, files->sums,   files->deleted,
                                    files->meta,    files->shared, files->lock};

    /* The lock goes last: until then nobody else may find the others half closed. */
    for (size_t i = 0; i < sizeof open / sizeof open[0]; i++) {
        if (open[i] != NULL)
            os->close(os, open[i]);
    }
    memset(files, 0, sizeof *files);
}

/* What it means that somebody else has the byte. */
static const char *holder(uint64_t byte)
{
    switch (byte) {
    case LOCK_BYTE_ALIVE:
        return "the database is in use by another process or handle";
    case LOCK_BYTE_WRITER:
        return "another process or handle writes";
    case LOCK_BYTE_CHECKPOINTER:
        return "another checkpoint is being made";
    default:
        return "others read the database, or make it ready";
    }
}

slot_status slot__db_lock(const struct os *os, struct os_file *lock, uint64_t byte, bool exclusive,
                          uint32_t wait_ms, slot_error *err)
{
    struct wait wait;
    os_result result;

    slot__wait_init(&wait, os, wait_ms);
    do
        result = os->lock(os, lock, byte, exclusive);
    while (result.status == SLOT_E_BUSY && slot__wait_more(&wait, "slot__db_lock"));
    if (result.status == SLOT_E_BUSY)
        return slot__error_os(err, SLOT_E_BUSY, result.code, FILE_LOCK, byte, "%s (waited %u ms)",
                              holder(byte), wait_ms);
    if (!os_ok(result))
        return slot__error_os(
            err, result.status, result.code, FILE_LOCK, byte,
            "the database cannot be locked: does this file system support locks?");
    return SLOT_OK;
}
