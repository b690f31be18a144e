/*
 * Opening and closing. Open believes nothing: meta, schema and the sizes of all files are checked
 * against each other before the handle exists. It walks no file and, but for recovery after a crash
 * (recover.c) and a damaged slot of meta, writes nothing; the first write transaction does.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/checksum.h"
#include "base/status.h"
#include "db/handle.h"
#include "format/sums.h"

#define WAIT_MS_DEFAULT          5000u
#define IO_BYTES                 (UINT64_C(1) << 20)
#define LEND_BYTES               (UINT64_C(1) << 20)   /* the header names it */
#define KEEP_BYTES               (UINT64_C(256) << 10) /* more leaves the processor's cache */
#define LOG_LIMIT_DEFAULT        (UINT64_C(1) << 30)
#define LOG_LIMIT_MAX            (LOG_SEGMENTS * LOG_SEGMENT_BYTES_MAX)
#define CHECKPOINT_BYTES_DEFAULT (UINT64_C(256) << 20) /* or a quarter of the limit */

/* ---- options ---- */

void slot_options_init(slot_options *options)
{
    memset(options, 0, sizeof *options);
    options->size = sizeof *options;
    options->wait_ms = WAIT_MS_DEFAULT;
}

slot_status slot__db_options(const slot_options *given, slot_options *used, slot_error *err)
{
    slot_options_init(used);
    if (given == NULL)
        return SLOT_OK;
    if (given->size != sizeof *given)
        return slot__error_set(err, SLOT_E_ARG, "", SLOT_NO_OFFSET,
                               "options of %zu bytes: call slot_options_init first", given->size);
    if (given->access != SLOT_TRANSACTIONAL && given->access != SLOT_DIRECT &&
        given->access != SLOT_READ_ONLY)
        return slot__error_set(err, SLOT_E_ARG, "", SLOT_NO_OFFSET, "there is no access %d",
                               (int)given->access);
    if (given->sync != SLOT_SYNC_FULL && given->sync != SLOT_SYNC_NORMAL)
        return slot__error_set(err, SLOT_E_ARG, "", SLOT_NO_OFFSET, "there is no sync %d",
                               (int)given->sync);
    if (given->log_limit_bytes > LOG_LIMIT_MAX)
        return slot__error_set(err, SLOT_E_ARG, "", SLOT_NO_OFFSET,
                               "a log of %llu bytes is more than the %llu there can be",
                               (unsigned long long)given->log_limit_bytes,
                               (unsigned long long)LOG_LIMIT_MAX);
    *used = *given;
    return SLOT_OK;
}

/* Address space is plenty on 64-bit systems: then views stay mapped. */
static uint64_t default_budget(void)
{
    return sizeof(void *) >= 8 ? UINT64_C(1) << 40 : UINT64_C(128) << 20;
}

/* ---- the steps of open ---- */

/* The directory that the user has named, or why there is none. */
static slot_status open_directory(slot_db *db, const char *path, slot_error *err)
{
    const struct os *os = db->os;
    slot_status status = slot__db_dir_open(os, NULL, path, &db->files.dir, err);
    os_kind kind = OS_KIND_NONE;
    os_result result;

    if (status != SLOT_OK)
        return status;
    result = os->kind(os, db->files.dir, FILE_META, &kind);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, FILE_META, SLOT_NO_OFFSET,
                              "the directory of the database cannot be used");
    if (kind == OS_KIND_NONE)
        return slot__error_set(err, SLOT_E_NOT_SLOTFILE, "", SLOT_NO_OFFSET,
                               "not a Slotfile database: it has no file `meta`");
    return SLOT_OK;
}

/* Byte 4, shared, and whether somebody who may write has the database open: then not. */
static slot_status try_read_only(slot_db *db, bool *held, slot_error *err)
{
    const struct os *os = db->os;
    slot_status status =
        slot__db_lock(os, db->files.lock, LOCK_BYTE_RECOVERY, false, db->wait_ms, err);
    os_result result;

    if (status != SLOT_OK)
        return status;
    result = os->held(os, db->files.lock, LOCK_BYTE_ALIVE, held);
    if (!os_ok(result))
        return slot__error_os(
            err, result.status, result.code, FILE_LOCK, LOCK_BYTE_ALIVE,
            "the database cannot be locked: does this file system support locks?");
    if (*held) /* whoever it is may need it to get ready, or to close */
        os->unlock(os, db->files.lock, LOCK_BYTE_RECOVERY);
    return SLOT_OK;
}

/* Read-only: nobody can come and change the files while we are here, and nobody is there. */
static slot_status lock_read_only(slot_db *db, slot_error *err)
{
    bool held = false;
    struct wait wait;
    slot_status status;

    slot__wait_init(&wait, db->os, db->wait_ms);
    do
        status = try_read_only(db, &held, err);
    while (status == SLOT_OK && held && slot__wait_more(&wait, "lock_read_only"));
    if (status == SLOT_OK && held)
        status = slot__error_set(
            err, SLOT_E_BUSY, FILE_LOCK, LOCK_BYTE_ALIVE,
            "the database is in use by another process or handle, which may write: read it in "
            "transactional access (waited %u ms)",
            db->wait_ms);
    return status;
}

/* Direct access is for one alone: neither openers nor readers beside it. */
static slot_status lock_direct(slot_db *db, slot_error *err)
{
    slot_status status =
        slot__db_lock(db->os, db->files.lock, LOCK_BYTE_ALIVE, true, db->wait_ms, err);

    if (status == SLOT_OK)
        status = slot__db_lock(db->os, db->files.lock, LOCK_BYTE_RECOVERY, true, db->wait_ms, err);
    if (status == SLOT_OK)
        status = slot__session_forget(db, err);
    return status;
}

static slot_status open_files(slot_db *db, bool *first, slot_error *err)
{
    const struct os *os = db->os;
    int flags = db->access != SLOT_READ_ONLY ? OS_READ | OS_WRITE : OS_READ;
    slot_status status =
        slot__db_file_open(os, db->files.dir, FILE_LOCK, flags | OS_LOCKS, &db->files.lock, err);

    *first = true;
    if (status == SLOT_OK && db->access == SLOT_READ_ONLY)
        status = lock_read_only(db, err);
    else if (status == SLOT_OK && db->access == SLOT_DIRECT)
        status = lock_direct(db, err);
    else if (status == SLOT_OK)
        status = slot__session_join(db, first, err);
    if (status == SLOT_OK)
        status = slot__db_file_open(os, db->files.dir, FILE_META, flags | OS_BRIEF, &db->files.meta,
                                    err);
    if (status == SLOT_OK)
        status =
            slot__db_file_open(os, db->files.dir, FILE_RECORDS, flags, &db->files.records, err);
    if (status == SLOT_OK)
        status = slot__db_file_open(os, db->files.dir, FILE_SUMS, flags, &db->files.sums, err);
    return status;
}

static slot_status read_meta(slot_db *db, slot_error *err)
{
    slot_status status = slot__db_meta_read(db, err);

    if (status != SLOT_OK)
        return status;
    if (db->meta.attached || db->meta.data_offset != 0)
        return slot__error_set(err, SLOT_E_UNSUPPORTED, FILE_META, SLOT_NO_OFFSET,
                               "the database is attached to a file, which this version cannot do");
    db->record_size = db->meta.record_size;
    db->block_records = slot__meta_block_records(db->record_size);
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
        return slot__error_set(err, SLOT_E_CORRUPT, FILE_SCHEMA, min_u64(size, n),
                               "%llu bytes long, meta says %llu", (unsigned long long)size,
                               (unsigned long long)n);
    bytes = malloc(n + 1);
    if (bytes == NULL)
        return slot__error_set(err, SLOT_E_NO_MEMORY, FILE_SCHEMA, SLOT_NO_OFFSET, NULL);
    if (os_ok(result))
        result = db->os->read_at(db->os, file, 0, bytes, n);
    if (!os_ok(result)) {
        free(bytes);
        return slot__error_os(err, result.status, result.code, FILE_SCHEMA, 0,
                              "the file cannot be read");
    }
    if (slot__checksum(bytes, n, 0) != db->meta.schema_hash) {
        free(bytes);
        return slot__error_set(err, SLOT_E_CORRUPT, FILE_SCHEMA, 0,
                               "its checksum is not the one in meta: restore it from a backup");
    }
    *text = bytes;
    return SLOT_OK;
}

static slot_status read_schema(slot_db *db, slot_error *err)
{
    struct os_file *file = NULL;
    char *text = NULL;
    slot_status status =
        slot__db_file_open(db->os, db->files.dir, FILE_SCHEMA, OS_READ, &file, err);

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
        status = slot__error_set(err, SLOT_E_CORRUPT, FILE_SCHEMA, 0,
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
        return slot__error_os(err, result.status, result.code, name, SLOT_NO_OFFSET,
                              "the size of the file cannot be had");
    if (*size < least)
        return slot__error_set(err, SLOT_E_TRUNCATED, name, *size,
                               "%llu bytes long, meta says at least %llu: restore a backup",
                               (unsigned long long)*size, (unsigned long long)least);
    return SLOT_OK;
}

static slot_status check_sizes(slot_db *db, slot_error *err)
{
    const struct meta *meta = &db->meta;
    uint64_t records_bytes, size = 0;
    uint64_t sums_bytes = slot__db_blocks_of(db, meta->records) * SUM_BYTES;
    slot_status status;

    /* slot__meta_decode has checked records and their size: at most 2^42 times 2^20. */
    if (!mul_u64(meta->records, db->record_size, &records_bytes) || records_bytes > INT64_MAX)
        return slot__error_set(err, SLOT_E_CORRUPT, FILE_META, SLOT_NO_OFFSET,
                               "%llu records of %u bytes are more than any file holds",
                               (unsigned long long)meta->records, db->record_size);
    status = check_size(db->os, db->files.records, FILE_RECORDS, records_bytes, &size, err);
    if (status == SLOT_OK) {
        bool trusted = meta->access == META_ACCESS_CLEAN && !meta->sums_stale;

        status =
            check_size(db->os, db->files.sums, FILE_SUMS, trusted ? sums_bytes : 0, &size, err);
    }
    if (status == SLOT_OK)
        status = slot__deleted_check_size(db, err);
    if (status != SLOT_OK)
        return status;
    db->records.name = FILE_RECORDS;
    db->records.file = db->files.records;
    db->records.size = records_bytes;
    db->records.block_bytes = db->block_bytes;
    db->records.mode = db->access == SLOT_DIRECT ? OS_MAP_WRITE : OS_MAP_READ;
    db->records.settle = slot__db_block_settle;
    db->records.context = db;
    slot__sums_init(&db->sums, db->os, db->files.sums, size, slot__sums_seed(meta->file_id),
                    meta->sums_root);
    return SLOT_OK;
}

static slot_status init_cache(slot_db *db, uint64_t budget, slot_error *err)
{
    bool shared = db->access == SLOT_TRANSACTIONAL;
    bool in_log = shared || db->meta.access == META_ACCESS_TRANSACTIONAL;
    uint64_t frame = slot__frame_length((uint32_t)max_u64(db->block_bytes, BITMAP_BLOCK_BYTES));
    uint64_t reserved = shared ? SHARED_BYTES + LOG_WINDOW_BYTES : 0;

    return slot__view_cache_init(&db->cache, db->os, budget != 0 ? budget : default_budget(),
                                 in_log ? frame : db->block_bytes, reserved, in_log ? 3 : 2, err);
}

/* The log as all processes have it, and `ready` when we are the first. */
static slot_status join_log(slot_db *db, bool first, slot_error *err)
{
    slot_status status = slot__session_geometry(db, first, err);

    if (status != SLOT_OK)
        return status;
    slot__log_init(&db->log, db->os, &db->shared, &db->cache, db->files.dir,
                   slot__log_segment_bytes(db->log_limit_bytes, (uint32_t)db->block_bytes));
    return first ? slot__session_ready(db, err) : SLOT_OK;
}

/* What the log needs to know of the database, whoever uses it. */
static void describe_log(slot_db *db)
{
    memcpy(db->log.file_id, db->meta.file_id, sizeof db->log.file_id);
    db->log.record_size = db->record_size;
    db->log.block_bytes = (uint32_t)db->block_bytes;
    db->log.unsynced = db->sync == SLOT_SYNC_NORMAL;
}

/* A slot of meta that is not valid, and whose state the other one tells, is written anew. */
static slot_status mend_meta(slot_db *db, bool first, slot_error *err)
{
    struct meta again = db->meta;

    if (!first || db->doubt.slot == META_SLOTS || db->access == SLOT_READ_ONLY)
        return SLOT_OK;
    return slot__db_meta_write_both(db, &again, err);
}

static slot_status open_all(slot_db *db, const char *path, uint64_t budget, slot_error *err)
{
    bool first = false;
    uint64_t checkpoint = 0;
    slot_status status = open_directory(db, path, err);

    if (status == SLOT_OK)
        status = open_files(db, &first, err);
    if (status == SLOT_OK && !first)
        checkpoint = shared_checkpoint(&db->shared); /* before meta is read */
    if (status == SLOT_OK && first && db->access != SLOT_READ_ONLY)
        status = slot__recover_settle(db, db->files.meta, FILE_META, err);
    if (status == SLOT_OK)
        status = read_meta(db, err);
    if (status == SLOT_OK)
        status = first ? slot__meta_believe(db, err) : slot__meta_believe_live(db, checkpoint, err);
    if (status == SLOT_OK)
        status = read_schema(db, err);
    if (status == SLOT_OK)
        status = init_cache(db, budget, err);
    if (status != SLOT_OK)
        return status;
    db->opened_cache = true;
    db->sums_stale = slot__db_sums_stale(db, &db->meta);
    describe_log(db);
    status = check_sizes(db, err);
    if (status == SLOT_OK && db->access == SLOT_READ_ONLY &&
        db->meta.access == META_ACCESS_TRANSACTIONAL) {
        status = slot__overlay_load(db, err);
    } else if (status == SLOT_OK && first && db->meta.access == META_ACCESS_TRANSACTIONAL) {
        status = slot__recover(db, err);
        if (status == SLOT_OK)
            status = check_sizes(db, err);
    }
    if (status == SLOT_OK)
        status = mend_meta(db, first, err);
    if (status == SLOT_OK && db->access == SLOT_TRANSACTIONAL)
        status = join_log(db, first, err);
    return status;
}

static slot_db *new_handle(const struct os *os, const slot_options *used)
{
    slot_db *db = calloc(1, sizeof *db);

    if (db == NULL)
        return NULL;
    db->os = os;
    db->access = used->access;
    db->sync = used->sync;
    db->wait_ms = used->wait_ms;
    db->process = os->process(os);
    db->io_bytes = IO_BYTES;
    db->lend_bytes = LEND_BYTES;
    db->keep_bytes = KEEP_BYTES;
    db->doubt.slot = META_SLOTS;
    db->log_limit_bytes = used->log_limit_bytes != 0 ? used->log_limit_bytes : LOG_LIMIT_DEFAULT;
    db->checkpoint_bytes = used->checkpoint_bytes != 0
                               ? used->checkpoint_bytes
                               : min_u64(db->log_limit_bytes / 4, CHECKPOINT_BYTES_DEFAULT);
    slot__os_mutex_init(&db->stat_mutex);
    slot__os_mutex_init(&db->pool_mutex);
    slot__os_mutex_init(&db->writer.mutex);
    db->forks.forked = slot__reader_forked;
    db->forks.context = db;
    os->watch_forks(os, &db->forks);
    return db;
}

/* Everything that the handle has in memory and in the system, however far it got. */
static void free_handle(slot_db *db)
{
    db->os->unwatch_forks(db->os, &db->forks);
    slot__reader_release_all(db);
    slot__overlay_release(db);
    slot__log_release(&db->log);
    if (db->opened_cache)
        slot__view_cache_release(&db->cache);
    slot__session_leave(db);
    slot__sums_release(&db->sums);
    slot__db_files_close(db->os, &db->files);
    slot__os_mutex_release(&db->writer.mutex);
    slot__os_mutex_release(&db->pool_mutex);
    slot__os_mutex_release(&db->stat_mutex);
    slot_schema_free(db->schema);
    free(db->writer.scratch);
    slot__bodies_release(&db->writer.bodies);
    slot__lent_release(&db->lent);
    free(db->scratch);
    free(db);
}

slot_status slot__db_open_on(const struct os *os, const char *path, const slot_options *options,
                             slot_db **db, slot_error *err)
{
    slot_options used;
    slot_db *opened = NULL;
    slot_status status = slot__db_options(options, &used, err);

    if (status == SLOT_OK && path == NULL)
        status = slot__error_set(err, SLOT_E_ARG, "", SLOT_NO_OFFSET, "the path is NULL");
    if (status != SLOT_OK)
        return status;
    opened = new_handle(os, &used);
    if (opened == NULL)
        return slot__error_set(err, SLOT_E_NO_MEMORY, "", SLOT_NO_OFFSET, NULL);
    status = open_all(opened, path, used.map_budget, err);
    if (status != SLOT_OK)
        free_handle(opened);
    else
        *db = opened;
    return status;
}

slot_status slot_open(const char *path, const slot_options *options, slot_db **db, slot_error *err)
{
    return slot__db_open_on(slot__os_native(), path, options, db, err);
}

/* ---- close ---- */

/* Leave the session. The last one cuts and removes files, which some systems refuse while anybody
 * has them mapped: so we let go of ours before we say that we are gone. */
static slot_status leave(slot_db *db, slot_error *err)
{
    bool poisoned = slot__db_is_poisoned(db);
    bool last = false;
    slot_status status;

    slot__view_drop_all(&db->cache, &db->records);
    slot__log_close_segments(&db->log);
    status = slot__session_last(db, &last, err);
    if (last)
        status = slot__checkpoint_close(db, err);
    if (poisoned && status == SLOT_OK)
        status = slot__error_set(err, SLOT_E_POISONED, "", SLOT_NO_OFFSET, NULL);
    return status;
}

slot_status slot__db_close_now(slot_db *db, slot_error *err)
{
    slot_status status = SLOT_OK;

    if (db->access == SLOT_DIRECT)
        status = slot__direct_close(db, err);
    else if (db->access == SLOT_TRANSACTIONAL)
        status = leave(db, err);
    free_handle(db);
    return status;
}

slot_status slot_close(slot_db *db, slot_error *err)
{
    if (db == NULL)
        return SLOT_OK;
    if (db->os->process(db->os) != db->process) {
        /* The parent's. Another thread of it may have been anywhere when we were forked: its
         * memory is left as it is, its views and locks are not ours. */
        slot__db_files_close(db->os, &db->files);
        return SLOT_OK;
    }
    if (atomic_fetch_add_explicit(&db->open_count, DB_CLOSED, memory_order_acq_rel) == 0)
        return slot__db_close_now(db, err);
    return slot__error_set(err, SLOT_E_BUSY, "", SLOT_NO_OFFSET,
                           "a transaction of this handle is open: the last one to end closes it");
}

/* ---- what is known without a transaction ---- */

const slot_schema *slot_db_schema(const slot_db *db)
{
    return db->schema;
}

bool slot__db_sums_stale(const slot_db *db, const struct meta *meta)
{
    return meta->sums_stale || (!db->marked && meta->access == META_ACCESS_DIRECT);
}

/* What the processes that have it open agree on. */
static void stat_log(slot_db *db, slot_stat_info *info)
{
    /* In this order: then no checkpoint is ahead of what was published. */
    uint64_t checkpoint = shared_checkpoint(&db->shared);
    uint64_t durable = shared_durable(&db->shared);
    struct snapshot now = shared_snapshot(&db->shared);
    struct oldest_reader oldest = slot__reader_oldest(db, SHARED_SLOTS);

    info->clean = info->clean && shared_marked(&db->shared) == 0;
    info->records = now.records;
    info->deleted = now.deleted;
    info->published_lsn = now.lsn;
    info->durable_lsn = durable;
    info->checkpoint_lsn = checkpoint;
    info->log_limit_bytes = db->log_limit_bytes;
    info->oldest_reader_lsn = oldest.snap;
    info->readers = oldest.readers;
    info->reader_slots = SHARED_SLOTS;
    for (uint32_t i = 0; i < LOG_SEGMENTS; i++)
        info->segments += shared_segment(&db->shared, i) != SHARED_FREE;
    info->log_bytes = info->segments * db->log.segment_bytes;
}

static void stat_views(slot_db *db, slot_stat_info *info)
{
    struct view_counters counters = slot__view_cache_counters(&db->cache);

    info->map_budget = db->cache.budget;
    info->view_bytes = db->cache.view_size + round_up(db->block_bytes, OS_PAGE_SIZE);
    info->mapped = counters.mapped;
    info->mapped_peak = counters.mapped_peak;
    info->views_mapped = counters.maps;
    info->views_evicted = counters.evictions;
    info->views_flushed = counters.flushes;
}

slot_status slot_stat(slot_db *db, slot_stat_info *info, slot_error *err)
{
    struct meta meta;
    slot_status status = db_check_process(db, err);

    if (status != SLOT_OK)
        return status;
    if (info->size != sizeof *info)
        return slot__error_set(err, SLOT_E_ARG, "", SLOT_NO_OFFSET,
                               "info of %zu bytes: set its size before the call", info->size);
    memset(info, 0, sizeof *info);
    info->size = sizeof *info;
    slot__os_mutex_lock(&db->stat_mutex);
    meta = db->meta;
    info->sums_stale = slot__db_sums_stale(db, &meta);
    slot__os_mutex_unlock(&db->stat_mutex);
    info->records = meta.records;
    info->deleted = meta.deleted;
    info->generation = meta.generation;
    info->record_size = meta.record_size;
    info->block_records = db->block_records;
    info->clean = meta.access == META_ACCESS_CLEAN;
    memcpy(info->file_id, meta.file_id, sizeof info->file_id);
    if (db->overlay.in_use) {
        info->records = db->overlay.end.records;
        info->deleted = db->overlay.end.deleted;
    }
    stat_views(db, info);
    if (db->access == SLOT_TRANSACTIONAL)
        stat_log(db, info);
    info->records_bytes = info->records * meta.record_size;
    return SLOT_OK;
}
