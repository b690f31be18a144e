/*
 * Creating and destroying databases. A new one is made under a temporary name beside its place,
 * every file synced, the directory synced, renamed into place, and the parent synced: after a crash
 * there is a whole database or none (a directory *.tmp-<hex> may be left, which nobody opens, and
 * which the next creation of that name removes).
 *
 * The parent is opened first, and all names are looked up in it: whoever moves it, or changes the
 * working directory, cannot turn a removal to another database.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/status.h"
#include "db/handle.h"
#include "db/leftover.h"
#include "log/log.h"

#define RENAME_TRIES 50
#define CREATE_TRIES 100 /* each costs another creation of the same name that begins meanwhile */

/* ---- the place ---- */

/* Where a database is or will be. */
struct place {
    struct os_dir *parent;
    char *name;
};

static void leave_place(const struct os *os, struct place *place)
{
    if (place->parent != NULL)
        os->close_dir(os, place->parent);
    free(place->name);
}

/* The parent stays open for the whole call: all is done to names in that very directory. */
static slot_status find_place(const struct os *os, const char *path, struct place *place,
                              slot_error *err)
{
    char *parent = NULL;
    os_result result;

    place->parent = NULL;
    place->name = NULL;
    if (path == NULL)
        return slot__error_set(err, SLOT_E_ARG, "", SLOT_NO_OFFSET, "the path is NULL");
    result = os->split_path(os, path, &parent, &place->name);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, "", SLOT_NO_OFFSET,
                              result.status == SLOT_E_ARG
                                  ? "the path must end in the name of the database"
                                  : "the path cannot be used");
    result = os->open_dir(os, NULL, parent, &place->parent);
    free(parent);
    if (os_ok(result))
        return SLOT_OK;
    free(place->name);
    place->name = NULL;
    return slot__error_os(err, result.status == SLOT_E_UNSUPPORTED ? SLOT_E_NO_FILE : result.status,
                          result.code, "", SLOT_NO_OFFSET,
                          "the directory that holds the database cannot be opened");
}

/* ---- creating ---- */

/* Write one new file, synced. n may be 0. */
static slot_status write_file(const struct os *os, struct os_dir *dir, const char *name,
                              const void *bytes, size_t n, slot_error *err)
{
    struct os_file *file = NULL;
    slot_status status =
        slot__db_file_open(os, dir, name, OS_READ | OS_WRITE | OS_CREATE_NEW, &file, err);
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
                              uint8_t *file_id, slot_error *err)
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
    memcpy(file_id, meta.file_id, sizeof meta.file_id);
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

static slot_status write_files(const struct os *os, struct os_dir *dir, const slot_schema *schema,
                               uint8_t *file_id, slot_error *err)
{
    uint8_t slots[META_SLOTS * META_SLOT_BYTES];
    const char *text;
    size_t n;
    slot_status status = first_meta(os, schema, slots, file_id, err);
    os_result result;

    text = slot_schema_text(schema, &n);
    if (status == SLOT_OK)
        status = write_file(os, dir, FILE_LOCK, "", 0, err);
    if (status == SLOT_OK)
        status = write_file(os, dir, FILE_RECORDS, "", 0, err);
    if (status == SLOT_OK)
        status = write_file(os, dir, FILE_SUMS, "", 0, err);
    if (status == SLOT_OK)
        status = write_file(os, dir, FILE_SCHEMA, text, n, err);
    if (status == SLOT_OK)
        status = write_file(os, dir, FILE_META, slots, sizeof slots, err);
    if (status != SLOT_OK)
        return status;
    result = os->sync_dir(os, dir);
    if (!os_ok(result))
        status = slot__error_os(err, result.status, result.code, "", SLOT_NO_OFFSET,
                                "the new directory cannot be made durable");
    return status;
}

static void remove_log(const struct os *os, struct os_dir *dir, os_result *first)
{
    slot_error err;
    os_result result = os_success();

    if (slot__log_remove_segments(os, dir, &err) != SLOT_OK)
        result = (os_result){err.status, err.os_code};
    if (os_ok(result))
        result = os->remove_dir(os, dir, LOG_DIR);
    if (os_ok(*first) && !os_ok(result) && result.status != SLOT_E_NO_FILE)
        *first = result;
}

static void remove_one(const struct os *os, struct os_dir *dir, const char *name, os_result *first)
{
    os_result result = os->remove_file(os, dir, name);

    if (os_ok(*first) && !os_ok(result) && result.status != SLOT_E_NO_FILE)
        *first = result;
}

/*
 * Remove our files, close the directory, and remove it. The first failure is returned; all is
 * tried. `lock`, when not NULL, is open, and held against all others until nothing is left that
 * could be opened: `meta` goes last but one, so that what a cut leaves behind is still a database
 * to be destroyed. It is closed here: some systems keep a directory until then.
 */
static os_result remove_all(const struct os *os, const struct place *place, const char *name,
                            struct os_dir *dir, struct os_file *lock)
{
    os_result first = os_success();
    os_result result;

    remove_log(os, dir, &first);
    for (size_t i = 0; slot__db_file_names[i] != NULL; i++) {
        if (strcmp(slot__db_file_names[i], FILE_META) != 0 &&
            strcmp(slot__db_file_names[i], FILE_LOCK) != 0)
            remove_one(os, dir, slot__db_file_names[i], &first);
    }
    remove_one(os, dir, FILE_META, &first);
    remove_one(os, dir, FILE_LOCK, &first);
    os->close_dir(os, dir);
    result = os->remove_dir(os, place->parent, name);
    if (lock != NULL)
        os->close(os, lock);
    if (lock != NULL && result.status == SLOT_E_EXISTS)
        result = os->remove_dir(os, place->parent, name);
    return os_ok(first) ? result : first;
}

/* Take back a database that has its name already, if that still means what we have made. */
static void take_back(const struct os *os, const struct place *place, const uint8_t *file_id)
{
    struct os_dir *dir = NULL;

    if (!os_ok(os->open_dir(os, place->parent, place->name, &dir)))
        return;
    if (slot__db_check_owner(os, dir, file_id, NULL) == SLOT_OK)
        (void)remove_all(os, place, place->name, dir, NULL);
    else
        os->close_dir(os, dir);
}

/* Some systems rename no directory that somebody has open: who looks for leftovers has ours open
 * for a moment. */
static os_result rename_patiently(const struct os *os, const struct place *place,
                                  const char *temporary)
{
    os_result result = os->rename_new(os, place->parent, temporary, place->name);

    for (int i = 0;
         i < RENAME_TRIES && (result.status == SLOT_E_BUSY || result.status == SLOT_E_PERMISSION);
         i++) {
        os->sleep_us(os, 2000);
        result = os->rename_new(os, place->parent, temporary, place->name);
    }
    return result;
}

/* Put the finished directory into its place, for good. */
static slot_status publish(const struct os *os, const struct place *place, const char *temporary,
                           const uint8_t *file_id, slot_error *err)
{
    os_result result = rename_patiently(os, place, temporary);
    struct os_dir *dir = NULL;

    if (!os_ok(result)) {
        if (os_ok(os->open_dir(os, place->parent, temporary, &dir)))
            (void)remove_all(os, place, temporary, dir, NULL);
        return slot__error_os(err, result.status, result.code, "", SLOT_NO_OFFSET,
                              result.status == SLOT_E_EXISTS
                                  ? "there is something of that name already"
                                  : "the new database cannot be renamed");
    }
    result = os->sync_dir(os, place->parent);
    if (!os_ok(result)) {
        take_back(os, place, file_id);
        return slot__error_os(err, result.status, result.code, "", SLOT_NO_OFFSET,
                              "the name of the new database cannot be made durable");
    }
    return SLOT_OK;
}

/* Make the directory under its temporary name, open it, and fill it. */
static slot_status make_files(const struct os *os, const struct place *place, const char *temporary,
                              const slot_schema *schema, uint8_t *file_id, slot_error *err)
{
    struct os_dir *dir = NULL;
    slot_status status;
    os_result result = os->make_dir(os, place->parent, temporary);

    if (os_ok(result)) {
        result = os->open_dir(os, place->parent, temporary, &dir);
        if (!os_ok(result))
            (void)os->remove_dir(os, place->parent, temporary);
    }
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, "", SLOT_NO_OFFSET,
                              "the directory of the new database cannot be made");
    status = write_files(os, dir, schema, file_id, err);
    if (status == SLOT_OK)
        os->close_dir(os, dir); /* some systems rename no directory that is open */
    else
        (void)remove_all(os, place, temporary, dir, NULL);
    return status;
}

static slot_status try_to_create(const struct os *os, const struct place *place,
                                 const slot_schema *schema, slot_error *err)
{
    uint8_t file_id[sizeof((struct meta *)0)->file_id];
    char *temporary = NULL;
    slot_status status = slot__leftover_name(os, place->name, &temporary, err);

    if (status == SLOT_OK)
        status = make_files(os, place, temporary, schema, file_id, err);
    if (status == SLOT_OK)
        status = publish(os, place, temporary, file_id, err);
    free(temporary);
    return status;
}

static slot_status create_at(const struct os *os, const struct place *place,
                             const slot_schema *schema, slot_error *err)
{
    os_kind kind = OS_KIND_NONE;
    slot_status status = SLOT_E_NO_FILE;
    os_result result;

    slot__leftover_remove(os, place->parent, place->name);
    result = os->kind(os, place->parent, place->name, &kind);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, "", SLOT_NO_OFFSET,
                              "the name of the database cannot be used");
    if (kind != OS_KIND_NONE)
        return slot__error_set(err, SLOT_E_EXISTS, "", SLOT_NO_OFFSET,
                               "there is something of that name already");
    /* Whoever begins meanwhile takes our directory for one that was left, see leftover.c. */
    for (int i = 0; i < CREATE_TRIES && status == SLOT_E_NO_FILE; i++)
        status = try_to_create(os, place, schema, err);
    return status;
}

slot_status slot__db_create_on(const struct os *os, const char *path, const slot_schema *schema,
                               const slot_options *options, slot_error *err)
{
    slot_options used;
    struct place place;
    slot_status status = slot__db_options(options, &used, err);

    if (status == SLOT_OK)
        status = find_place(os, path, &place, err);
    if (status != SLOT_OK)
        return status;
    status = create_at(os, &place, schema, err);
    leave_place(os, &place);
    return status;
}

slot_status slot_create(const char *path, const slot_schema *schema, const slot_options *options,
                        slot_error *err)
{
    return slot__db_create_on(slot__os_native(), path, schema, options, err);
}

/* ---- destroying ---- */

/* Make sure that nothing is in a database that nobody has open. */
static slot_status must_be_empty(const struct os *os, struct os_dir *dir, slot_error *err)
{
    struct meta_doubt doubt;
    struct meta meta;
    slot_status status = slot__db_meta_in(os, dir, &meta, &doubt, err);

    if (status == SLOT_OK &&
        (doubt.slot != META_SLOTS || meta.access != META_ACCESS_CLEAN || meta.records != 0))
        status = slot__error_set(err, SLOT_E_EXISTS, FILE_META, SLOT_NO_OFFSET,
                                 "it may hold records: it stays");
    return status;
}

/* Make sure that it is a database and that nobody has it open, now or until *lock is closed. */
static slot_status may_destroy(const struct os *os, struct os_dir *dir, uint32_t wait_ms,
                               bool only_empty, struct os_file **lock, slot_error *err)
{
    os_kind kind = OS_KIND_NONE;
    os_result result = os->kind(os, dir, FILE_META, &kind);
    slot_status status;

    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, FILE_META, SLOT_NO_OFFSET,
                              "the directory of the database cannot be used");
    if (kind != OS_KIND_FILE)
        return slot__error_set(err, SLOT_E_NOT_SLOTFILE, "", SLOT_NO_OFFSET,
                               "not a Slotfile database: it has no file `meta`");
    status = slot__db_file_open(os, dir, FILE_LOCK, OS_READ | OS_WRITE | OS_LOCKS, lock, err);
    if (status != SLOT_OK)
        return status;
    status = slot__db_lock(os, *lock, LOCK_BYTE_ALIVE, true, wait_ms, err);
    if (status == SLOT_OK)
        status = slot__db_lock(os, *lock, LOCK_BYTE_RECOVERY, true, wait_ms, err);
    if (status == SLOT_OK && only_empty)
        status = must_be_empty(os, dir, err);
    if (status != SLOT_OK)
        os->close(os, *lock);
    return status;
}

/* The database in its opened directory; the name goes last. */
static slot_status destroy_at(const struct os *os, const struct place *place, uint32_t wait_ms,
                              bool only_empty, slot_error *err)
{
    struct os_dir *dir = NULL;
    struct os_file *lock = NULL;
    slot_status status = slot__db_dir_open(os, place->parent, place->name, &dir, err);
    os_result result;

    if (status != SLOT_OK)
        return status;
    status = may_destroy(os, dir, wait_ms, only_empty, &lock, err);
    if (status != SLOT_OK) {
        os->close_dir(os, dir);
        return status;
    }
    result = remove_all(os, place, place->name, dir, lock);
    if (!os_ok(result))
        status = slot__error_os(err, result.status, result.code, "", SLOT_NO_OFFSET,
                                result.status == SLOT_E_EXISTS
                                    ? "the directory holds files that are not Slotfile's: it stays"
                                    : "the database cannot be removed");
    return status;
}

static slot_status destroy(const struct os *os, const char *path, const slot_options *options,
                           bool only_empty, slot_error *err)
{
    slot_options used;
    struct place place;
    slot_status status = slot__db_options(options, &used, err);

    if (status == SLOT_OK)
        status = find_place(os, path, &place, err);
    if (status != SLOT_OK)
        return status;
    status = destroy_at(os, &place, used.wait_ms, only_empty, err);
    leave_place(os, &place);
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
