/*
 * Bringing blocks home: from the log into `records`, `deleted` and `sums`, in the order that a
 * crash at any point allows to start over (docs/protocol.md section 6, steps 3 to 5).
 *
 *   collect   newest version of each block between two commits
 *   1         their bytes into `records` and `deleted`; both synced
 *   2         their checksums into `sums`; synced
 *   3         the slots of meta, the older one first
 *
 * Blocks that lie close behind each other go in one write of up to 1 MiB. Of the last block only
 * the bytes below the number of records are written and summed up.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/status.h"
#include "db/handle.h"
#include "format/sums.h"
#include "log/scan.h"

#define GAP_BYTES           4096u  /* closed between two blocks (reaches) */
#define COLD_GAP_BYTES      65536u /* the same, when pages written in part would first be read */
#define HOLE_BYTES          1024u  /* the smallest piece of a file that may have no space */
#define ANNOUNCED_GAP_BYTES 65536u /* between two blocks that are announced together */
#define ANNOUNCED_BLOCKS    2048u  /* so far ahead of the block that is written */
#define WRITEBACK_BYTES     (UINT64_C(256) << 10) /* written at once: worth to be started early */

/* What is being copied: the files, and the bytes that wait to be written in one piece. */
struct copy {
    slot_db *db;
    struct home *home;
    struct sums_file sums; /* of this checkpoint alone; the writer has its own */
    struct view_pins pins; /* frames */
    struct os_file *file;  /* that the buffer is for */
    const char *name;
    uint64_t start, fill, capacity;
    uint8_t *buffer;
    uint64_t deleted_blocks;
    bool cold; /* the files are not in memory */
};

/* ---- collecting ---- */

void slot__home_init(struct home *home)
{
    struct log_head none;

    memset(&none, 0, sizeof none);
    memset(home, 0, sizeof *home);
    slot__batch_init(&home->blocks, &none);
}

void slot__home_release(struct home *home)
{
    slot__batch_release(&home->blocks);
}

slot_status slot__home_collect(struct home *home, struct log_scan *scan, uint64_t lsn,
                               slot_error *err)
{
    struct scan_frame found;
    slot_status status = SLOT_OK;

    while (scan->lsn < lsn && status == SLOT_OK) {
        status = slot__scan_next(scan, &found, err);
        if (status == SLOT_OK && (found.frame.flags & FRAME_BODY) != 0) {
            const struct log_entry entry = {
                .key = found.frame.key, .address = found.address, .lsn = found.frame.lsn};

            status = slot__batch_note(&home->blocks, &entry, err);
        }
        if (status == SLOT_OK && (found.frame.flags & FRAME_COMMIT) != 0) {
            home->end.lsn = scan->lsn;
            home->end.records = found.frame.records;
            home->end.deleted = found.frame.deleted;
            home->end.chain = scan->chain;
        }
    }
    if (status == SLOT_NOT_FOUND || (status == SLOT_OK && home->end.lsn != lsn))
        status =
            slot__error_set(err, SLOT_E_CORRUPT, "log", SLOT_NO_OFFSET,
                            "the log is damaged at position %llu, before its published end %llu: "
                            "restore a backup",
                            (unsigned long long)scan->lsn, (unsigned long long)lsn);
    return status;
}

static int by_key(const void *a, const void *b)
{
    const struct log_entry *x = a, *y = b;

    return x->key < y->key ? -1 : x->key > y->key;
}

/* ---- step 1 ---- */

static slot_status write_buffer(struct copy *copy, slot_error *err)
{
    slot_db *db = copy->db;
    os_result result;

    if (copy->fill == 0)
        return SLOT_OK;
    result = db->os->write_at(db->os, copy->file, copy->start, copy->buffer, (size_t)copy->fill);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, copy->name, copy->start,
                              "changed blocks cannot be written home: they stay in the log");
    if (copy->fill >= WRITEBACK_BYTES) /* so that the sync at the end has less to wait for */
        db->os->start_writeback(db->os, copy->file, copy->start, copy->fill);
    copy->fill = 0;
    return SLOT_OK;
}

/* Whether bytes [from, from + n) of a file, which are here, may have a hole in them: a unit of the
 * smallest file systems that is zeros. */
static bool may_have_hole(const uint8_t *bytes, uint64_t from, uint64_t n)
{
    uint64_t at = round_up(from, HOLE_BYTES);

    while (at + HOLE_BYTES <= from + n) {
        const uint8_t *unit = bytes + (at - from);

        if (unit[0] == 0 && memcmp(unit, unit + 1, HOLE_BYTES - 1) == 0)
            return true;
        at += HOLE_BYTES;
    }
    return false;
}

/*
 * Whether what waits reaches up to `offset`, with room for n bytes there. A small gap of unchanged
 * bytes is closed with what the file has: one write of a megabyte costs less than two of a part,
 * and much less when the pages that both share would have to be read first. A gap with a hole in it
 * is not: its space was not set aside, and the disk may be full.
 */
static bool reaches(struct copy *copy, struct os_file *file, uint64_t offset, uint64_t n)
{
    const struct os *os = copy->db->os;
    uint64_t from = copy->start + copy->fill, gap = offset - from;

    if (copy->file != file || gap > (copy->cold ? COLD_GAP_BYTES : GAP_BYTES) ||
        copy->fill + gap + n > copy->capacity)
        return false;
    if (gap > 0 && (!os_ok(os->read_at(os, file, from, copy->buffer + copy->fill, (size_t)gap)) ||
                    may_have_hole(copy->buffer + copy->fill, from, gap)))
        return false;
    copy->fill += gap;
    return true;
}

/* Room for n bytes of `file` at `offset`, behind what waits already or alone. */
static slot_status buffer_for(struct copy *copy, struct os_file *file, const char *name,
                              uint64_t offset, uint64_t n, uint8_t **bytes, slot_error *err)
{
    slot_status status = SLOT_OK;

    if (copy->fill > 0 && !reaches(copy, file, offset, n))
        status = write_buffer(copy, err);
    if (status != SLOT_OK)
        return status;
    if (copy->fill == 0) {
        copy->file = file;
        copy->name = name;
        copy->start = offset;
    }
    *bytes = copy->buffer + copy->fill;
    return SLOT_OK;
}

/* The first n bytes of a frame's body. */
static slot_status load_body(struct copy *copy, uint64_t address, uint8_t *bytes, uint64_t n,
                             slot_error *err)
{
    struct log *log = &copy->db->log;
    uint64_t at = address + FRAME_HEADER_BYTES;
    struct pin *pin = NULL;
    os_result result;
    slot_status status = pins_get(&copy->pins, at, n, &pin, err);

    if (status == SLOT_OK)
        result = log->os->load(log->os, bytes, pin->base + (at - pin->offset), (size_t)n);
    else if (status == SLOT_E_BUDGET || status == SLOT_E_NO_MEMORY)
        result = log->os->read_at(log->os, log->files[log_file_of(log, address)],
                                  log_offset_of(log, at), bytes, (size_t)n);
    else
        return status;
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code,
                              slot__log_name(log_file_of(log, address)),
                              log_offset_of(log, address), "the log cannot be read");
    return SLOT_OK;
}

/* A block of `records`; its checksum is kept in entry->previous, which nobody needs any more. */
static slot_status copy_records(struct copy *copy, struct log_entry *entry, slot_error *err)
{
    slot_db *db = copy->db;
    uint64_t offset = entry->key * db->block_bytes;
    uint64_t end = copy->home->end.records * db->record_size;
    uint64_t n = offset < end ? min_u64(db->block_bytes, end - offset) : 0;
    uint8_t *bytes = NULL;
    slot_status status;

    if (n == 0)
        return SLOT_OK;
    status = buffer_for(copy, db->files.records, FILE_RECORDS, offset, n, &bytes, err);
    if (status == SLOT_OK)
        status = load_body(copy, entry->address, bytes, n, err);
    if (status != SLOT_OK)
        return status;
    entry->previous = slot__sums_of_block(db->sums.seed, entry->key, bytes, (size_t)n);
    copy->fill += n;
    return SLOT_OK;
}

static slot_status copy_deleted(struct copy *copy, const struct log_entry *entry, slot_error *err)
{
    slot_db *db = copy->db;
    uint64_t offset = key_block(entry->key) * BITMAP_BLOCK_BYTES;
    uint8_t *bytes = NULL;
    slot_status status = slot__deleted_create(db, err);

    if (status == SLOT_OK)
        status = buffer_for(copy, db->files.deleted, FILE_DELETED, offset, BITMAP_BLOCK_BYTES,
                            &bytes, err);
    if (status == SLOT_OK)
        status = load_body(copy, entry->address, bytes, BITMAP_BLOCK_BYTES, err);
    if (status != SLOT_OK)
        return status;
    copy->fill += BITMAP_BLOCK_BYTES;
    copy->deleted_blocks = max_u64(copy->deleted_blocks, key_block(entry->key) + 1);
    return SLOT_OK;
}

static slot_status sync_file(slot_db *db, enum flush_file file, slot_error *err)
{
    return slot__flush_file(db, file, "changed blocks cannot be made durable: they stay in the log",
                            err);
}

/*
 * Let the system read what the next blocks share pages with, all at once: otherwise each write
 * would read a page and wait for it. From block `i` on as many as lie close together, at most a
 * megabyte of them. Returns the first that was not announced.
 */
static uint32_t announce(const struct copy *copy, uint32_t i)
{
    slot_db *db = copy->db;
    const struct log_batch *blocks = &copy->home->blocks;
    uint64_t first = blocks->entries[i].key, last = first;

    if (key_is_deleted(first))
        return blocks->n; /* they come last */
    for (i++; i < blocks->n && last - first < db->io_bytes / db->block_bytes; i++) {
        uint64_t next = blocks->entries[i].key;

        if (key_is_deleted(next) || (next - last) * db->block_bytes > ANNOUNCED_GAP_BYTES)
            break;
        last = next;
    }
    db->os->advise(db->os, db->files.records, first * db->block_bytes,
                   (last + 1 - first) * db->block_bytes, OS_ADVICE_WILLNEED);
    return i;
}

/* Every block into its file, and both files durable. */
static slot_status copy_blocks(struct copy *copy, slot_error *err)
{
    slot_db *db = copy->db;
    struct log_batch *blocks = &copy->home->blocks;
    uint32_t announced = copy->cold ? 0 : blocks->n;
    bool deleted = false;
    slot_status status = SLOT_OK;

    for (uint32_t i = 0; i < blocks->n && status == SLOT_OK; i++) {
        struct log_entry *entry = &blocks->entries[i];

        while (announced < blocks->n && announced < i + ANNOUNCED_BLOCKS)
            announced = announce(copy, announced);
        deleted = deleted || key_is_deleted(entry->key);
        status = key_is_deleted(entry->key) ? copy_deleted(copy, entry, err)
                                            : copy_records(copy, entry, err);
    }
    if (status == SLOT_OK)
        status = write_buffer(copy, err);
    if (status == SLOT_OK)
        status = sync_file(db, FLUSH_RECORDS, err);
    if (status == SLOT_OK && deleted)
        status = sync_file(db, FLUSH_DELETED, err);
    return status;
}

/* ---- step 2 ---- */

/*
 * Add to the root what is in the file for blocks [from, to), of which nothing is changed in memory
 * alone. Records that slot_extend has made are a hole here too: nobody walks it.
 */
static slot_status add_to_root(struct sums_file *sums, uint64_t from, uint64_t to, slot_error *err)
{
    slot_status status = SLOT_OK;
    uint64_t next;

    for (uint64_t block = from; block < to && status == SLOT_OK; block = next) {
        uint64_t sum = 0, at = block * SUM_BYTES;

        status = slot__sums_get(sums, block, &sum, err);
        sums->root += slot__sums_root_term(block, sum);
        next = block + 1;
        if (sum == 0 && (block == from || at % SUMS_PAGE_BYTES == 0)) /* once in a page */
            next = max_u64(next, sums->os->next_data(sums->os, sums->file, at) / SUM_BYTES);
    }
    return status;
}

/* Checksums of zero blocks are not written: the file has to be long enough all the same. */
static slot_status reach_last(struct sums_file *sums, uint64_t blocks, slot_error *err)
{
    uint8_t last[SUM_BYTES] = {0};
    uint64_t size = 0, at = (blocks - 1) * SUM_BYTES;
    os_result result = blocks == 0 ? os_success() : sums->os->size(sums->os, sums->file, &size);

    if (blocks > 0 && os_ok(result) && size < blocks * SUM_BYTES)
        result = sums->os->write_at(sums->os, sums->file, at, last, sizeof last);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, FILE_SUMS, at,
                              "checksums cannot be written");
    return SLOT_OK;
}

/*
 * Renew the checksums. New blocks count with what is in the file for them: right for those that
 * were appended directly, and the change of all others starts from there.
 */
static slot_status copy_sums(struct copy *copy, uint64_t old_blocks, bool whole_root,
                             slot_error *err)
{
    slot_db *db = copy->db;
    const struct log_batch *blocks = &copy->home->blocks;
    uint64_t new_blocks = slot__db_blocks_of(db, copy->home->end.records);
    slot_status status = SLOT_OK;

    if (!whole_root)
        status = add_to_root(&copy->sums, old_blocks, new_blocks, err);
    for (uint32_t i = 0; i < blocks->n && status == SLOT_OK; i++) {
        const struct log_entry *entry = &blocks->entries[i];

        if (!key_is_deleted(entry->key) && entry->key < new_blocks)
            status = slot__sums_set(&copy->sums, entry->key, entry->previous, err);
    }
    if (status == SLOT_OK)
        status = slot__sums_write(&copy->sums, err);
    if (status == SLOT_OK && whole_root) {
        copy->sums.root = 0;
        status = add_to_root(&copy->sums, 0, new_blocks, err);
    }
    if (status == SLOT_OK)
        status = reach_last(&copy->sums, new_blocks, err);
    if (status == SLOT_OK)
        status = sync_file(db, FLUSH_SUMS, err);
    return status;
}

/* ---- all of it ---- */

static slot_status copy_init(struct copy *copy, slot_db *db, struct home *home,
                             const struct meta *from, slot_error *err)
{
    memset(copy, 0, sizeof *copy);
    copy->db = db;
    copy->home = home;
    copy->cold = db->log.recovering;
    copy->capacity = max_u64(db->io_bytes, max_u64(db->block_bytes, BITMAP_BLOCK_BYTES));
    copy->deleted_blocks = from->deleted_blocks;
    copy->buffer = malloc((size_t)copy->capacity);
    if (copy->buffer == NULL)
        return slot__error_set(err, SLOT_E_NO_MEMORY, "", SLOT_NO_OFFSET, NULL);
    slot__sums_init(&copy->sums, db->os, db->files.sums, 0, db->sums.seed, from->sums_root);
    slot__pins_init_files(&copy->pins, &db->cache, db->log.frames, db->log.segment_shift,
                          UINT64_MAX >> 1, 1);
    return SLOT_OK;
}

static void copy_release(struct copy *copy)
{
    if (copy->pins.cache != NULL)
        slot__pins_release(&copy->pins);
    slot__sums_release(&copy->sums);
    free(copy->buffer);
}

/* Nobody has cut the files: what is written behind the cut would hide that from all who come. */
static slot_status check_lengths(slot_db *db, const struct meta *next, slot_error *err)
{
    uint64_t blocks = slot__db_blocks_of(db, next->records), size = 0;
    slot_status status = slot__db_not_cut(db->os, db->files.records, FILE_RECORDS,
                                          next->records * db->record_size, &size, err);

    if (status == SLOT_OK && !db->log.recovering && !db->sums_stale && !next->sums_stale)
        status =
            slot__db_not_cut(db->os, db->files.sums, FILE_SUMS, blocks * SUM_BYTES, &size, err);
    if (status == SLOT_OK)
        status = slot__deleted_check_size(db, err);
    return status;
}

slot_status slot__home_copy(slot_db *db, struct home *home, struct meta *next, bool whole_root,
                            slot_error *err)
{
    struct log_batch *blocks = &home->blocks;
    struct copy copy;
    slot_status status = copy_init(&copy, db, home, next, err);

    if (blocks->n > 1)
        qsort(blocks->entries, blocks->n, sizeof *blocks->entries, by_key);
    if (status == SLOT_OK)
        status = check_lengths(db, next, err);
    if (status == SLOT_OK)
        status = copy_blocks(&copy, err);
    if (status == SLOT_OK)
        status = copy_sums(&copy, slot__db_blocks_of(db, next->records), whole_root, err);
    /* A sync of another that has failed may have had these bytes in it, and told nobody else. */
    if (status == SLOT_OK && slot__db_is_poisoned(db))
        status = slot__error_set(err, SLOT_E_POISONED, "", SLOT_NO_OFFSET, NULL);
    if (status == SLOT_OK) {
        next->records = home->end.records;
        next->deleted = home->end.deleted;
        next->deleted_blocks = copy.deleted_blocks;
        next->sums_root = copy.sums.root;
        status = slot__db_meta_write_both(db, next, err);
    }
    copy_release(&copy);
    return status;
}

/* ---- the ends of the files ---- */

static os_result cut(const struct os *os, struct os_file *file, uint64_t n)
{
    uint64_t size = 0;
    os_result result = os->size(os, file, &size);

    if (!os_ok(result) || size <= n)
        return result;
    result = os->resize(os, file, n);
    return os_ok(result) ? os->sync(os, file) : result;
}

slot_status slot__home_cut(slot_db *db, slot_error *err)
{
    os_result result;

    slot__view_drop_all(&db->cache, &db->records);
    result = cut(db->os, db->files.records, db->meta.records * db->record_size);
    if (os_ok(result))
        result = cut(db->os, db->files.sums, slot__db_blocks_of(db, db->meta.records) * SUM_BYTES);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, FILE_RECORDS, SLOT_NO_OFFSET,
                              "the files cannot be cut to their length");
    return SLOT_OK;
}
