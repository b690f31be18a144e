/*
 * Creating and destroying databases. A new one is made under a temporary name beside its place,
 * every file synced, the directory synced, renamed into place, and the parent synced: after a crash
 * there is a whole database or none (a directory *.tmp-<hex> may be left, which nobody opens).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/status.h"
#include "db/handle.h"
#include "log/log.h"

#define TEMPORARY_SUFFIX_BYTES 22u /* ".tmp-", 16 hexadecimal digits, NUL */

/* "path.tmp-0123456789abcdef", in fresh memory. */
static slot_status temporary_path(const struct os *os, const char *path, char **temporary,
                                  slot_error *err)
{
    size_t n = strlen(path) + TEMPORARY_SUFFIX_BYTES;
    unsigned long long number = 0;
    os_result result = os->random(os, &number, sizeof number);
    char *made;

    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, "", SLOT_NO_OFFSET,
                              "the system gives no random numbers");
    made = malloc(n);
    if (made == NULL)
        return slot__error_set(err, SLOT_E_NO_MEMORY, "", SLOT_NO_OFFSET, NULL);
    snprintf(made, n, "%s.tmp-%016llx", path, number);
    *temporary = made;
    return SLOT_OK;
}

/* Write one new file, synced. n may be 0. */
static slot_status write_file(const struct os *os, const char *directory, const char *name,
                              const void *bytes, size_t n, slot_error *err)
{
    struct os_file *file = NULL;
    slot_status status =
        slot__db_file_open(os, directory, name, OS_READ | OS_WRITE | OS_CREATE_NEW, &file, err);
    os_result result;

    if (status != SLOT_OK)
        return status;
    result = os->write_at(os, file, 0, bytes, n);
    if (os_ok(result))
        result = os->sync(os, file);
    if (!os_ok(result))
        status =
            slot__error_os(err, result.status, result.code, name, 0, "the file cannot be written");
    os->close(os, file);
    return status;
}

/* Both slots of an empty database: the same state twice, so that one damaged slot loses nothing. */
static slot_status first_meta(const struct os *os, const slot_schema *schema, uint8_t *slots,
                              slot_error *err)
{
    struct meta meta;
    const char *text;
    size_t n;
    os_result result;

    memset(&meta, 0, sizeof meta);
    result = os->random(os, meta.file_id, sizeof meta.file_id);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, "", SLOT_NO_OFFSET,
                              "the system gives no random numbers");
    text = slot_schema_text(schema, &n);
    meta.record_size = slot_schema_record_size(schema);
    meta.schema_hash = slot__checksum(text, n, 0);
    meta.schema_bytes = n;
    for (uint32_t i = 0; i < META_SLOTS; i++) {
        meta.generation = META_GENERATION_MIN + i;
        slot__meta_encode(&meta, slots + i * META_SLOT_BYTES);
    }
    return SLOT_OK;
}

static slot_status write_files(const struct os *os, const char *directory,
                               const slot_schema *schema, slot_error *err)
{
    uint8_t slots[META_SLOTS * META_SLOT_BYTES];
    const char *text;
    size_t n;
    slot_status status = first_meta(os, schema, slots, err);
    os_result result;

    text = slot_schema_text(schema, &n);
    if (status == SLOT_OK)
        status = write_file(os, directory, FILE_LOCK, "", 0, err);
    if (status == SLOT_OK)
        status = write_file(os, directory, FILE_RECORDS, "", 0, err);
    if (status == SLOT_OK)
        status = write_file(os, directory, FILE_SUMS, "", 0, err);
    if (status == SLOT_OK)
        status = write_file(os, directory, FILE_SCHEMA, text, n, err);
    if (status == SLOT_OK)
        status = write_file(os, directory, FILE_META, slots, sizeof slots, err);
    if (status != SLOT_OK)
        return status;
    result = os->sync_dir(os, directory);
    if (!os_ok(result))
        status = slot__error_os(err, result.status, result.code, "", SLOT_NO_OFFSET,
                                "the new directory cannot be made durable");
    return status;
}

static void remove_log(const struct os *os, const char *directory, os_result *first)
{
    char *log = slot__db_path(directory, DIR_LOG);
    os_result result = {SLOT_E_NO_MEMORY, 0};
    slot_error err;

    if (log != NULL)
        result = os->kind(os, log) == OS_KIND_DIR ? os_success() : (os_result){SLOT_E_NO_FILE, 0};
    if (os_ok(result) && slot__log_remove_segments(os, log, &err) != SLOT_OK)
        result = (os_result){err.status, err.os_code};
    if (os_ok(result))
        result = os->remove_dir(os, log);
    if (os_ok(*first) && !os_ok(result) && result.status != SLOT_E_NO_FILE)
        *first = result;
    free(log);
}

static void remove_one(const struct os *os, const char *directory, const char *name,
                       os_result *first)
{
    char *path = slot__db_path(directory, name);
    os_result result = {SLOT_E_NO_MEMORY, 0};

    if (path != NULL)
        result = os->remove_file(os, path);
    free(path);
    if (os_ok(*first) && !os_ok(result) && result.status != SLOT_E_NO_FILE)
        *first = result;
}

/*
 * Remove our files and the directory. The first failure is returned; all is tried. `lock`, when not
 * NULL, is open, and held against all others until nothing is left that could be opened: `meta`
 * goes last but one, so that what a cut leaves behind is still a database to be destroyed. It is
 * closed here: some systems keep a directory until then.
 */
static os_result remove_all(const struct os *os, const char *directory, struct os_file *lock)
{
    os_result first = os_success();
    os_result result;

    remove_log(os, directory, &first);
    for (size_t i = 0; slot__db_file_names[i] != NULL; i++) {
        if (strcmp(slot__db_file_names[i], FILE_META) != 0 &&
            strcmp(slot__db_file_names[i], FILE_LOCK) != 0)
            remove_one(os, directory, slot__db_file_names[i], &first);
    }
    remove_one(os, directory, FILE_META, &first);
    remove_one(os, directory, FILE_LOCK, &first);
    result = os->remove_dir(os, directory);
    if (lock != NULL)
        os->close(os, lock);
    if (lock != NULL && result.status == SLOT_E_EXISTS)
        result = os->remove_dir(os, directory);
    return os_ok(first) ? result : first;
}

/* Put the finished directory into its place, for good. */
static slot_status publish(const struct os *os, const char *temporary, const char *path,
                           slot_error *err)
{
    char *parent = slot__db_path(path, "..");
    os_result result;

    if (parent == NULL)
        return slot__error_set(err, SLOT_E_NO_MEMORY, "", SLOT_NO_OFFSET, NULL);
    result = os->rename_new(os, temporary, path);
    if (!os_ok(result)) {
        free(parent);
        return slot__error_os(err, result.status, result.code, "", SLOT_NO_OFFSET,
                              result.status == SLOT_E_EXISTS
                                  ? "there is something of that name already"
                                  : "the new database cannot be renamed");
    }
    result = os->sync_dir(os, parent);
    free(parent);
    if (!os_ok(result)) {
        (void)remove_all(os, path, NULL);
        return slot__error_os(err, result.status, result.code, "", SLOT_NO_OFFSET,
                              "the name of the new database cannot be made durable");
    }
    return SLOT_OK;
}

static slot_status create_at(const struct os *os, const char *path, const slot_schema *schema,
                             slot_error *err)
{
    char *temporary = NULL;
    slot_status status = temporary_path(os, path, &temporary, err);
    os_result result;

    if (status != SLOT_OK)
        return status;
    result = os->make_dir(os, temporary);
    if (!os_ok(result)) {
        status = slot__error_os(err, result.status, result.code, "", SLOT_NO_OFFSET,
                                "the directory of the new database cannot be made");
        goto done;
    }
    status = write_files(os, temporary, schema, err);
    if (status == SLOT_OK)
        status = publish(os, temporary, path, err);
    if (status != SLOT_OK)
        (void)remove_all(os, temporary, NULL);
done:
    free(temporary);
    return status;
}

slot_status slot__db_create_on(const struct os *os, const char *path, const slot_schema *schema,
                               const slot_options *options, slot_error *err)
{
    slot_options used;
    slot_status status = slot__db_options(options, &used, err);
    char *trimmed;

    if (status != SLOT_OK)
        return status;
    trimmed = slot__db_path_trimmed(path);
    if (trimmed == NULL)
        return slot__error_set(err, SLOT_E_NO_MEMORY, "", SLOT_NO_OFFSET, NULL);
    if (os->kind(os, trimmed) != OS_KIND_NONE)
        status = slot__error_set(err, SLOT_E_EXISTS, "", SLOT_NO_OFFSET,
                                 "there is something of that name already");
    else
        status = create_at(os, trimmed, schema, err);
    free(trimmed);
    return status;
}

slot_status slot_create(const char *path, const slot_schema *schema, const slot_options *options,
                        slot_error *err)
{
    return slot__db_create_on(slot__os_native(), path, schema, options, err);
}

/* Make sure that nothing is in a database that nobody has open. */
static slot_status must_be_empty(const struct os *os, const char *path, slot_error *err)
{
    uint8_t slots[META_SLOTS * META_SLOT_BYTES];
    struct os_file *file = NULL;
    struct meta_doubt doubt;
    struct meta meta;
    slot_status status = slot__db_file_open(os, path, FILE_META, OS_READ, &file, err);
    os_result result;

    if (status != SLOT_OK)
        return status;
    result = os->read_at(os, file, 0, slots, sizeof slots);
    os->close(os, file);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, FILE_META, 0,
                              "the file cannot be read");
    status = slot__meta_pick(slots, &meta, &doubt, err);
    if (status == SLOT_OK &&
        (doubt.slot != META_SLOTS || meta.access != META_ACCESS_CLEAN || meta.records != 0))
        status = slot__error_set(err, SLOT_E_EXISTS, FILE_META, SLOT_NO_OFFSET,
                                 "it may hold records: it stays");
    return status;
}

/* Make sure that it is a database and that nobody has it open, now or until *lock is closed. */
static slot_status may_destroy(const struct os *os, const char *path, uint32_t wait_ms,
                               bool only_empty, struct os_file **lock, slot_error *err)
{
    char *meta = slot__db_path(path, FILE_META);
    slot_status status = SLOT_OK;

    if (meta == NULL)
        return slot__error_set(err, SLOT_E_NO_MEMORY, "", SLOT_NO_OFFSET, NULL);
    if (os->kind(os, path) == OS_KIND_NONE)
        status = slot__error_set(err, SLOT_E_NO_FILE, "", SLOT_NO_OFFSET, NULL);
    else if (os->kind(os, meta) != OS_KIND_FILE)
        status = slot__error_set(err, SLOT_E_NOT_SLOTFILE, "", SLOT_NO_OFFSET,
                                 "not a Slotfile database: it has no file `meta`");
    free(meta);
    if (status == SLOT_OK)
        status = slot__db_file_open(os, path, FILE_LOCK, OS_READ | OS_WRITE | OS_LOCKS, lock, err);
    if (status != SLOT_OK)
        return status;
    status = slot__db_lock(os, *lock, LOCK_BYTE_ALIVE, true, wait_ms, err);
    if (status == SLOT_OK)
        status = slot__db_lock(os, *lock, LOCK_BYTE_RECOVERY, true, wait_ms, err);
    if (status == SLOT_OK && only_empty)
        status = must_be_empty(os, path, err);
    if (status != SLOT_OK)
        os->close(os, *lock);
    return status;
}

static slot_status destroy(const struct os *os, const char *path, const slot_options *options,
                           bool only_empty, slot_error *err)
{
    slot_options used;
    struct os_file *lock = NULL;
    slot_status status = slot__db_options(options, &used, err);
    os_result result;

    if (status == SLOT_OK)
        status = may_destroy(os, path, used.wait_ms, only_empty, &lock, err);
    if (status != SLOT_OK)
        return status;
    result = remove_all(os, path, lock);
    if (!os_ok(result))
        status = slot__error_os(err, result.status, result.code, "", SLOT_NO_OFFSET,
                                result.status == SLOT_E_EXISTS
                                    ? "the directory holds files that are not Slotfile's: it stays"
                                    : "the database cannot be removed");
    return status;
}

slot_status slot__db_destroy_on(const struct os *os, const char *path, const slot_options *options,
                                slot_error *err)
{
    return destroy(os, path, options, false, err);
}

slot_status slot_destroy(const char *path, const slot_options *options, slot_error *err)
{
    return slot__db_destroy_on(slot__os_native(), path, options, err);
}

slot_status slot_destroy_empty(const char *path, const slot_options *options, slot_error *err)
{
    return destroy(slot__os_native(), path, options, true, err);
}
