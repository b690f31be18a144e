/*
 * Opening and closing. Open believes nothing: meta, schema and the sizes of all files are checked
 * against each other before the handle exists. It walks no file and writes nothing; the first write
 * transaction does (txn.c).
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/checksum.h"
#include "base/status.h"
#include "db/handle.h"
#include "format/sums.h"

#define WAIT_MS_DEFAULT 5000u

/* ---- options ---- */

void slot_options_init(slot_options *options)
{
    memset(options, 0, sizeof *options);
    options->size = sizeof *options;
    options->wait_ms = WAIT_MS_DEFAULT;
}

slot_status db_options(const slot_options *given, slot_options *used, slot_error *err)
{
    slot_options_init(used);
    if (given == NULL)
        return SLOT_OK;
    if (given->size != sizeof *given)
        return error_set(err, SLOT_E_ARG, "", SLOT_NO_OFFSET,
                         "options of %zu bytes: call slot_options_init first", given->size);
    if (given->access != SLOT_DIRECT && given->access != SLOT_READ_ONLY)
        return error_set(err, SLOT_E_ARG, "", SLOT_NO_OFFSET, "there is no access %d",
                         (int)given->access);
    *used = *given;
    return SLOT_OK;
}

/* Address space is plenty on 64-bit systems: then views stay mapped. */
static uint64_t default_budget(void)
{
    return sizeof(void *) >= 8 ? UINT64_C(1) << 40 : UINT64_C(128) << 20;
}

/* ---- the steps of open ---- */

static slot_status check_directory(const struct os *os, const char *path, slot_error *err)
{
    os_kind kind = os->kind(os, path);
    char *meta;
    slot_status status = SLOT_OK;

    if (kind == OS_KIND_NONE)
        return error_set(err, SLOT_E_NO_FILE, "", SLOT_NO_OFFSET, NULL);
    if (kind != OS_KIND_DIR)
        return error_set(err, SLOT_E_NOT_SLOTFILE, "", SLOT_NO_OFFSET,
                         "not a Slotfile database: it is not a directory");
    meta = db_path(path, FILE_META);
    if (meta == NULL)
        return error_set(err, SLOT_E_NO_MEMORY, "", SLOT_NO_OFFSET, NULL);
    if (os->kind(os, meta) == OS_KIND_NONE)
        status = error_set(err, SLOT_E_NOT_SLOTFILE, "", SLOT_NO_OFFSET,
                           "not a Slotfile database: it has no file `meta`");
    free(meta);
    return status;
}

static slot_status open_files(slot_db *db, const char *path, slot_error *err)
{
    const struct os *os = db->os;
    bool writing = db->access != SLOT_READ_ONLY;
    int flags = writing ? OS_READ | OS_WRITE : OS_READ;
    slot_status status = db_file_open(os, path, FILE_LOCK, flags, &db->files.lock, err);

    if (status == SLOT_OK)
        status = db_lock(os, db->files.lock, writing, db->wait_ms, err);
    if (status == SLOT_OK)
        status = db_file_open(os, path, FILE_META, flags, &db->files.meta, err);
    if (status == SLOT_OK)
        status = db_file_open(os, path, FILE_RECORDS, flags, &db->files.records, err);
    if (status == SLOT_OK)
        status = db_file_open(os, path, FILE_SUMS, flags, &db->files.sums, err);
    return status;
}

static slot_status read_meta(slot_db *db, slot_error *err)
{
    slot_status status = db_meta_read(db->os, db->files.meta, &db->meta, err);

    if (status != SLOT_OK)
        return status;
    if (db->meta.attached || db->meta.data_offset != 0 || db->meta.deleted != 0 ||
        db->meta.access == META_ACCESS_TRANSACTIONAL)
        return error_set(err, SLOT_E_UNSUPPORTED, FILE_META, SLOT_NO_OFFSET,
                         "the database uses what this version does not have: attached files, "
                         "deleted records or a log");
    db->record_size = db->meta.record_size;
    db->block_records = meta_block_records(db->record_size);
    db->block_bytes = (uint64_t)db->block_records * db->record_size;
    return SLOT_OK;
}

/* The text of `schema`, whose size and hash meta knows, in fresh memory. */
static slot_status read_schema_text(slot_db *db, struct os_file *file, char **text, slot_error *err)
{
    size_t n = (size_t)db->meta.schema_bytes;
    uint64_t size = 0;
    char *bytes;
    os_result result = db->os->size(db->os, file, &size);

    if (os_ok(result) && size != n)
        return error_set(err, SLOT_E_CORRUPT, FILE_SCHEMA, min_u64(size, n),
                         "%llu bytes long, meta says %llu", (unsigned long long)size,
                         (unsigned long long)n);
    bytes = malloc(n + 1);
    if (bytes == NULL)
        return error_set(err, SLOT_E_NO_MEMORY, FILE_SCHEMA, SLOT_NO_OFFSET, NULL);
    if (os_ok(result))
        result = db->os->read_at(db->os, file, 0, bytes, n);
    if (!os_ok(result)) {
        free(bytes);
        return error_os(err, result.status, result.code, FILE_SCHEMA, 0, "the file cannot be read");
    }
    if (checksum(bytes, n, 0) != db->meta.schema_hash) {
        free(bytes);
        return error_set(err, SLOT_E_CORRUPT, FILE_SCHEMA, 0,
                         "its checksum is not the one in meta: restore it from a backup");
    }
    *text = bytes;
    return SLOT_OK;
}

static slot_status read_schema(slot_db *db, const char *path, slot_error *err)
{
    struct os_file *file = NULL;
    char *text = NULL;
    slot_status status = db_file_open(db->os, path, FILE_SCHEMA, OS_READ, &file, err);

    if (status != SLOT_OK)
        return status;
    status = read_schema_text(db, file, &text, err);
    db->os->close(db->os, file);
    if (status != SLOT_OK)
        return status;
    status = slot_schema_parse(text, (size_t)db->meta.schema_bytes, &db->schema, err);
    free(text);
    if (status == SLOT_E_SCHEMA) { /* its hash fits: somebody made it so */
        if (err != NULL)
            err->status = SLOT_E_CORRUPT;
        return SLOT_E_CORRUPT;
    }
    if (status == SLOT_OK && slot_schema_record_size(db->schema) != db->record_size)
        status = error_set(err, SLOT_E_CORRUPT, FILE_SCHEMA, 0,
                           "record size %u in the schema, %u in meta",
                           slot_schema_record_size(db->schema), db->record_size);
    return status;
}

/* A file that must be at least so long; *size gets how long it is. */
static slot_status check_size(const struct os *os, struct os_file *file, const char *name,
                              uint64_t least, uint64_t *size, slot_error *err)
{
    os_result result = os->size(os, file, size);

    if (!os_ok(result))
        return error_os(err, result.status, result.code, name, SLOT_NO_OFFSET,
                        "the size of the file cannot be had");
    if (*size < least)
        return error_set(err, SLOT_E_TRUNCATED, name, *size,
                         "%llu bytes long, meta says at least %llu: restore a backup",
                         (unsigned long long)*size, (unsigned long long)least);
    return SLOT_OK;
}

static slot_status check_sizes(slot_db *db, slot_error *err)
{
    const struct meta *meta = &db->meta;
    uint64_t records_bytes, size = 0;
    uint64_t sums_bytes = db_blocks_of(db, meta->records) * SUM_BYTES;
    slot_status status;

    /* Records and their size are within limits that meta_decode has checked: 2^42 times 2^20. */
    if (!mul_u64(meta->records, db->record_size, &records_bytes) || records_bytes > INT64_MAX)
        return error_set(err, SLOT_E_CORRUPT, FILE_META, SLOT_NO_OFFSET,
                         "%llu records of %u bytes are more than any file holds",
                         (unsigned long long)meta->records, db->record_size);
    status = check_size(db->os, db->files.records, FILE_RECORDS, records_bytes, &size, err);
    if (status == SLOT_OK) {
        bool trusted = meta->access == META_ACCESS_CLEAN && !meta->sums_stale;

        status =
            check_size(db->os, db->files.sums, FILE_SUMS, trusted ? sums_bytes : 0, &size, err);
    }
    if (status != SLOT_OK)
        return status;
    db->records.name = FILE_RECORDS;
    db->records.file = db->files.records;
    db->records.size = records_bytes;
    db->records.block_bytes = db->block_bytes;
    db->records.mode = db->access == SLOT_READ_ONLY ? OS_MAP_READ : OS_MAP_WRITE;
    db->records.settle = db_block_settle;
    db->records.context = db;
    sums_init(&db->sums, db->os, db->files.sums, size, sums_seed(meta->file_id), meta->sums_root);
    return SLOT_OK;
}

slot_status db_open_on(const struct os *os, const char *path, const slot_options *options,
                       slot_db **db, slot_error *err)
{
    slot_options used;
    slot_db *opened = NULL;
    slot_status status = db_options(options, &used, err);

    if (status == SLOT_OK)
        status = check_directory(os, path, err);
    if (status != SLOT_OK)
        return status;
    opened = calloc(1, sizeof *opened);
    if (opened == NULL)
        return error_set(err, SLOT_E_NO_MEMORY, "", SLOT_NO_OFFSET, NULL);
    opened->os = os;
    opened->access = used.access;
    opened->wait_ms = used.wait_ms;
    status = open_files(opened, path, err);
    if (status == SLOT_OK)
        status = read_meta(opened, err);
    if (status == SLOT_OK)
        status = read_schema(opened, path, err);
    if (status == SLOT_OK)
        status = check_sizes(opened, err);
    if (status == SLOT_OK)
        status = view_cache_init(&opened->cache, os,
                                 used.map_budget != 0 ? used.map_budget : default_budget(),
                                 opened->block_bytes, err);
    if (status != SLOT_OK) {
        slot_schema_free(opened->schema);
        db_files_close(os, &opened->files);
        free(opened);
        return status;
    }
    os_mutex_init(&opened->stat_mutex);
    *db = opened;
    return SLOT_OK;
}

slot_status slot_open(const char *path, const slot_options *options, slot_db **db, slot_error *err)
{
    return db_open_on(os_native(), path, options, db, err);
}

/* ---- close ---- */

/*
 * Everything that was changed is durable, then meta says clean: in both slots, so that rot in one
 * of them takes nothing away.
 */
static slot_status close_cleanly(slot_db *db, slot_error *err)
{
    struct meta next = db->meta;
    slot_status status = SLOT_OK;

    if (db->sync_needed) {
        os_result result = db->os->sync(db->os, db->files.records);

        if (!os_ok(result))
            return error_os(err, result.status, result.code, FILE_RECORDS, SLOT_NO_OFFSET,
                            "records cannot be made durable");
    }
    next.access = META_ACCESS_CLEAN;
    next.sums_root = db->sums.root;
    status = sums_sync(&db->sums, err);
    for (uint32_t i = 0; i < META_SLOTS && status == SLOT_OK; i++)
        status = db_meta_write(db, &next, err);
    return status;
}

slot_status slot_close(slot_db *db, slot_error *err)
{
    slot_status status = SLOT_OK;

    if (db == NULL)
        return SLOT_OK;
    assert(atomic_load(&db->gate.inside) == 0); /* all transactions have ended */
    if (atomic_load(&db->poisoned))
        status = error_set(err, SLOT_E_POISONED, "", SLOT_NO_OFFSET, NULL);
    else if (db->marked)
        status = close_cleanly(db, err);
    view_cache_release(&db->cache);
    sums_release(&db->sums);
    db_files_close(db->os, &db->files);
    os_mutex_release(&db->stat_mutex);
    slot_schema_free(db->schema);
    free(db->scratch);
    free(db);
    return status;
}

/* ---- what is known without a transaction ---- */

const slot_schema *slot_db_schema(const slot_db *db)
{
    return db->schema;
}

bool db_sums_stale(const slot_db *db, const struct meta *meta)
{
    return meta->sums_stale || (!db->marked && meta->access != META_ACCESS_CLEAN);
}

slot_status slot_stat(slot_db *db, slot_stat_info *info, slot_error *err)
{
    struct view_counters counters = view_cache_counters(&db->cache);
    struct meta meta;

    if (info->size != sizeof *info)
        return error_set(err, SLOT_E_ARG, "", SLOT_NO_OFFSET,
                         "info of %zu bytes: set its size before the call", info->size);
    os_mutex_lock(&db->stat_mutex);
    meta = db->meta;
    info->sums_stale = db_sums_stale(db, &meta);
    os_mutex_unlock(&db->stat_mutex);
    info->records = meta.records;
    info->deleted = meta.deleted;
    info->records_bytes = meta.records * meta.record_size;
    info->generation = meta.generation;
    info->record_size = meta.record_size;
    info->block_records = db->block_records;
    info->clean = meta.access == META_ACCESS_CLEAN;
    memcpy(info->file_id, meta.file_id, sizeof info->file_id);
    info->map_budget = db->cache.budget;
    info->view_bytes = db->cache.view_size + round_up(db->block_bytes, OS_PAGE_SIZE);
    info->mapped = counters.mapped;
    info->mapped_peak = counters.mapped_peak;
    info->views_mapped = counters.maps;
    info->views_evicted = counters.evictions;
    info->views_flushed = counters.flushes;
    return SLOT_OK;
}
