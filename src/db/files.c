#include "db/files.h"

#include <string.h>

#include "base/status.h"
#include "db/gate.h"
#include "db/handle.h"
#include "log/log.h"

const char *const slot__db_file_names[] = {FILE_RECORDS, FILE_SCHEMA, FILE_META, FILE_SUMS,
                                           FILE_DELETED, FILE_SHARED, FILE_LOCK, NULL};

slot_status slot__db_dir_open(const struct os *os, struct os_dir *parent, const char *path,
                              struct os_dir **dir, slot_error *err)
{
    os_result result = os->open_dir(os, parent, path, dir);

    if (result.status == SLOT_E_NO_FILE)
        return slot__error_os(err, SLOT_E_NO_FILE, result.code, "", SLOT_NO_OFFSET, NULL);
    if (result.status == SLOT_E_UNSUPPORTED)
        return slot__error_os(err, SLOT_E_NOT_SLOTFILE, result.code, "", SLOT_NO_OFFSET,
                              "not a Slotfile database: it is not a directory");
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, "", SLOT_NO_OFFSET,
                              "the directory of the database cannot be opened");
    return SLOT_OK;
}

slot_status slot__db_not_cut(const struct os *os, struct os_file *file, const char *name,
                             uint64_t least, uint64_t *size, slot_error *err)
{
    os_result result = os->size(os, file, size);

    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, name, SLOT_NO_OFFSET,
                              "the size of the file cannot be had");
    if (*size < least)
        return slot__error_set(err, SLOT_E_TRUNCATED, name, *size,
                               "another program has cut the file from %llu bytes to %llu: close "
                               "the database everywhere and restore a backup",
                               (unsigned long long)least, (unsigned long long)*size);
    return SLOT_OK;
}

slot_status slot__db_file_open(const struct os *os, struct os_dir *dir, const char *name, int flags,
                               struct os_file **file, slot_error *err)
{
    slot_status status = SLOT_OK;
    os_result result = os->open(os, dir, name, flags, file);

    if (result.status == SLOT_E_NO_FILE && (flags & OS_CREATE_NEW) == 0)
        status = slot__error_os(err, SLOT_E_CORRUPT, result.code, name, SLOT_NO_OFFSET,
                                "the file is missing: restore it from a backup");
    else if (result.status == SLOT_E_UNSUPPORTED)
        status = slot__error_os(err, SLOT_E_CORRUPT, result.code, name, SLOT_NO_OFFSET,
                                "not a regular file");
    else if (!os_ok(result))
        status = slot__error_os(err, result.status, result.code, name, SLOT_NO_OFFSET,
                                "the file cannot be opened");
    return status;
}

slot_status slot__db_meta_in(const struct os *os, struct os_dir *dir, struct meta *meta,
                             struct meta_doubt *doubt, slot_error *err)
{
    uint8_t slots[META_SLOTS * META_SLOT_BYTES];
    struct os_file *file = NULL;
    slot_status status = slot__db_file_open(os, dir, FILE_META, OS_READ, &file, err);
    os_result result;

    if (status != SLOT_OK)
        return status;
    result = os->read_at(os, file, 0, slots, sizeof slots);
    os->close(os, file);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, FILE_META, 0,
                              "the file cannot be read");
    return slot__meta_pick(slots, meta, doubt, err);
}

slot_status slot__db_check_owner(const struct os *os, struct os_dir *dir, const uint8_t *file_id,
                                 slot_error *err)
{
    struct meta_doubt doubt;
    struct meta meta;
    slot_status status = slot__db_meta_in(os, dir, &meta, &doubt, err);

    if (status == SLOT_OK && memcmp(meta.file_id, file_id, sizeof meta.file_id) != 0)
        status = slot__error_set(
            err, SLOT_E_CORRUPT, FILE_META, 0,
            "another program has replaced the file by that of another database: nothing is "
            "removed");
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
    if (files->dir != NULL)
        os->close_dir(os, files->dir);
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
