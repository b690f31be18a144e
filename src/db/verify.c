/*
 * Verify: everything that can be checked is, and each thing that does not fit is reported. And the
 * renewal of all checksums after a crash in direct access.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/status.h"
#include "db/verify.h"

#define CHUNK_BYTES (UINT64_C(1) << 20) /* read at once */

/* Blocks in a chunk: as many as are read at once. */
static uint64_t chunk_blocks(const slot_db *db)
{
    return max_u64(min_u64(CHUNK_BYTES / db->block_bytes, VERIFY_CHUNK_BLOCKS_MAX), 1);
}

/* Copy `count` blocks from `first` on; the last one may be cut by the end of the records. */
static slot_status load_blocks(slot_txn *txn, uint64_t first, uint64_t count, uint8_t *bytes,
                               slot_error *err)
{
    const slot_db *db = txn->db;
    uint64_t recno = first * db->block_records;

    return slot_get_range(txn, recno, min_u64(count * db->block_records, txn->records - recno),
                          bytes, err);
}

void slot__verify_found(struct verify *verify, const slot_finding *finding)
{
    if (!finding->note)
        verify->findings++;
    if (verify->report != NULL && !verify->report(verify->context, finding))
        verify->stopped = true;
}

void slot__verify_found_in(struct verify *verify, const char *file, uint64_t offset,
                           uint64_t length, const char *what)
{
    slot_finding finding = {.file = file, .offset = offset, .length = length, .what = what};

    slot__verify_found(verify, &finding);
}

static void found_block(struct verify *verify, uint64_t block, uint64_t n, const char *what)
{
    const slot_db *db = verify->txn->db;
    slot_finding finding = {
        .file = FILE_RECORDS,
        .offset = block * db->block_bytes,
        .length = n,
        .first_record = block * db->block_records,
        .record_count = n / db->record_size,
        .what = what,
    };

    slot__verify_found(verify, &finding);
}

/* Bytes of block `block` that the transaction's records have in it. */
static uint64_t bytes_of(const slot_txn *txn, uint64_t block)
{
    const slot_db *db = txn->db;

    return min_u64(db->block_bytes, txn->records * db->record_size - block * db->block_bytes);
}

static slot_status verify_meta(struct verify *verify, slot_error *err)
{
    const slot_db *db = verify->txn->db;
    uint8_t slots[META_SLOTS * META_SLOT_BYTES];
    os_result result = db->os->read_at(db->os, db->files.meta, 0, slots, sizeof slots);

    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, FILE_META, 0,
                              "the file cannot be read");
    for (uint32_t i = 0; i < META_SLOTS && !verify->stopped; i++) {
        struct meta meta;
        slot_error bad;

        /* The other one was believed: nothing is lost, and the next writer mends it. */
        if (slot__meta_decode(slots + i * META_SLOT_BYTES, i, &meta, &bad) != SLOT_OK) {
            slot_finding note = {.file = FILE_META,
                                 .offset = bad.offset,
                                 .length = META_SLOT_BYTES,
                                 .what = bad.what,
                                 .note = true};

            slot__verify_found(verify, &note);
        }
    }
    return SLOT_OK;
}

static slot_status verify_size(struct verify *verify, struct os_file *file, const char *name,
                               uint64_t least, slot_error *err)
{
    const slot_db *db = verify->txn->db;
    uint64_t size = 0;
    os_result result = db->os->size(db->os, file, &size);

    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, name, SLOT_NO_OFFSET,
                              "the size of the file cannot be had");
    if (size < least)
        slot__verify_found_in(verify, name, size, least - size,
                              "the file is shorter than it must be");
    return SLOT_OK;
}

/* Whether all n bytes from `offset` on lie in a hole, so that they are zero without being read. */
static bool in_hole(const slot_db *db, uint64_t offset, uint64_t n, uint64_t *data_at)
{
    if (offset + n > *data_at)
        *data_at = db->os->next_data(db->os, db->files.records, offset);
    return offset + n <= *data_at;
}

static uint64_t sum_in(const struct verify *verify, uint64_t i)
{
    return get_u64(verify->sums + i * SUM_BYTES);
}

/* Whether the block has the checksum of zeros and lies in a hole. */
static bool is_hole(struct verify *verify, uint64_t block, uint64_t sum)
{
    const slot_db *db = verify->txn->db;

    return sum == 0 &&
           in_hole(db, block * db->block_bytes, bytes_of(verify->txn, block), &verify->data_at);
}

/* Whether the block's newest version is in the log. */
static slot_status find_in_log(slot_txn *txn, uint64_t block, bool *found, slot_error *err)
{
    uint64_t address = LOG_NO_ADDRESS;
    slot_status status = SLOT_OK;

    if (db_has_log(txn->db) && !slot__version_none(txn))
        status = slot__version_find(txn, key_of_records(block), &address, NULL, err);
    *found = address != LOG_NO_ADDRESS;
    return status;
}

/* The sum of block `block` as `sums` has it; beyond the end of the file it is 0. */
static slot_status load_sum(const slot_db *db, uint64_t block, uint64_t *sum, slot_error *err)
{
    uint8_t bytes[SUM_BYTES] = {0};
    uint64_t size = 0;
    os_result result = db->os->size(db->os, db->files.sums, &size);

    if (os_ok(result) && size >= (block + 1) * SUM_BYTES)
        result = db->os->read_at(db->os, db->files.sums, block * SUM_BYTES, bytes, sizeof bytes);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, FILE_SUMS, block * SUM_BYTES,
                              "a checksum cannot be read");
    *sum = get_u64(bytes);
    return SLOT_OK;
}

slot_status slot__verify_is_damaged(slot_txn *txn, uint64_t block, uint8_t *room, bool *damaged,
                                    slot_error *err)
{
    const slot_db *db = txn->db;
    size_t n = (size_t)bytes_of(txn, block);
    uint64_t sum = 0;
    bool in_log = false;
    slot_status status = find_in_log(txn, block, &in_log, err);

    *damaged = false;
    if (status != SLOT_OK || in_log || slot__lent_has(&db->lent, block))
        return status;
    status = load_sum(db, block, &sum, err);
    if (status == SLOT_OK)
        status = load_blocks(txn, block, 1, room, err);
    if (status == SLOT_OK)
        *damaged = slot__sums_of_block(db->sums.seed, block, room, n) != sum;
    return status;
}

static void verify_block(struct verify *verify, uint64_t block, uint8_t *bytes, uint64_t sum)
{
    slot_txn *txn = verify->txn;
    uint64_t n = bytes_of(txn, block);
    bool damaged = false;

    if (slot__sums_of_block(txn->db->sums.seed, block, bytes, (size_t)n) == sum)
        return;
    if (slot__verify_is_damaged(txn, block, bytes, &damaged, NULL) != SLOT_OK)
        found_block(verify, block, n, "the block cannot be read");
    else if (damaged)
        found_block(verify, block, n, "the block does not fit its checksum");
}

/* Blocks first + from .. first + to - 1 of a chunk that begins with block `first`. */
static void verify_run(struct verify *verify, uint64_t first, uint64_t from, uint64_t to)
{
    const slot_db *db = verify->txn->db;
    bool whole = load_blocks(verify->txn, first + from, to - from, verify->bytes, NULL) == SLOT_OK;
    bool in_log = false;

    for (uint64_t i = from; i < to && !verify->stopped; i++) {
        uint8_t *bytes = verify->bytes + (whole ? i - from : 0) * db->block_bytes;

        if (whole || load_blocks(verify->txn, first + i, 1, bytes, NULL) == SLOT_OK)
            verify_block(verify, first + i, bytes, sum_in(verify, i));
        else if (find_in_log(verify->txn, first + i, &in_log, NULL) != SLOT_OK || !in_log)
            found_block(verify, first + i, bytes_of(verify->txn, first + i),
                        "the block cannot be read");
    }
}

/* A chunk whose checksums have been read: what is not a hole is read, run by run. */
static void verify_chunk(struct verify *verify, uint64_t first, uint64_t count)
{
    uint64_t from = 0;

    while (from < count && !verify->stopped) {
        uint64_t to = from;

        while (to < count && !is_hole(verify, first + to, sum_in(verify, to)))
            to++;
        if (to > from)
            verify_run(verify, first, from, to);
        from = to + 1; /* block `to` is a hole */
    }
}

/* The checksums of `count` blocks; behind the end of the file they are 0. */
static slot_status read_sums(struct verify *verify, uint64_t first, uint64_t count, slot_error *err)
{
    const slot_db *db = verify->txn->db;
    uint64_t size = 0, n = count * SUM_BYTES;
    os_result result = db->os->size(db->os, db->files.sums, &size);

    memset(verify->sums, 0, (size_t)n);
    n = size > first * SUM_BYTES ? min_u64(n, size - first * SUM_BYTES) : 0;
    if (os_ok(result) && n > 0)
        result =
            db->os->read_at(db->os, db->files.sums, first * SUM_BYTES, verify->sums, (size_t)n);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, FILE_SUMS, first * SUM_BYTES,
                              "checksums cannot be read");
    return SLOT_OK;
}

static slot_status verify_blocks(struct verify *verify, slot_error *err)
{
    const slot_db *db = verify->txn->db;
    uint64_t blocks = slot__db_blocks_of(db, verify->txn->records);
    uint64_t step = chunk_blocks(db);
    slot_status status = SLOT_OK;

    for (uint64_t first = 0; first < blocks && !verify->stopped && status == SLOT_OK;
         first += step) {
        uint64_t count = min_u64(step, blocks - first);

        status = read_sums(verify, first, count, err);
        if (status == SLOT_OK)
            verify_chunk(verify, first, count);
    }
    return status;
}

/* All checksums against their root in meta, as of the checkpoint. */
static slot_status verify_root(struct verify *verify, slot_error *err)
{
    const slot_db *db = verify->txn->db;
    uint64_t blocks = slot__db_blocks_of(db, verify->meta.records);
    uint64_t root = 0;
    slot_status status = SLOT_OK;

    for (uint64_t first = 0; first < blocks && status == SLOT_OK;
         first += VERIFY_CHUNK_BLOCKS_MAX) {
        uint64_t count = min_u64(VERIFY_CHUNK_BLOCKS_MAX, blocks - first);

        status = read_sums(verify, first, count, err);
        for (uint64_t i = 0; i < count && status == SLOT_OK; i++)
            root += slot__sums_root_term(first + i, sum_in(verify, i));
    }
    if (status == SLOT_OK && root != verify->meta.sums_root)
        slot__verify_found_in(verify, FILE_SUMS, SLOT_NO_OFFSET, blocks * SUM_BYTES,
                              "the checksums do not fit their root in meta");
    return status;
}

/* Also when all that it holds is in the log now: the next checkpoint would not make it whole. */
static slot_status verify_deleted_size(struct verify *verify, slot_error *err)
{
    slot_error cut;
    slot_status status = slot__deleted_check_size(verify->txn->db, &cut);

    if (status == SLOT_E_TRUNCATED || status == SLOT_E_CORRUPT)
        slot__verify_found_in(verify, FILE_DELETED, cut.offset, 0,
                              "the file is shorter than it must be");
    else if (status != SLOT_OK && err != NULL)
        *err = cut;
    return status == SLOT_E_TRUNCATED || status == SLOT_E_CORRUPT ? SLOT_OK : status;
}

/* What a checkpoint would change under our hands: nobody makes one meanwhile. */
static slot_status verify_still(struct verify *verify, bool stale, slot_error *err)
{
    const slot_db *db = verify->txn->db;
    slot_status status = verify_meta(verify, err);

    if (status == SLOT_OK && !verify->stopped)
        status = verify_size(verify, db->files.records, FILE_RECORDS,
                             verify->meta.records * db->record_size, err);
    if (status == SLOT_OK && !verify->stopped)
        status = verify_deleted_size(verify, err);
    if (status == SLOT_OK && !verify->stopped && !stale)
        status = verify_size(verify, db->files.sums, FILE_SUMS,
                             slot__db_blocks_of(db, verify->meta.records) * SUM_BYTES, err);
    /* A killed checkpointer leaves checksums of which some are renewed: the next one settles it. */
    if (db->overlay.in_use ||
        (db->access == SLOT_TRANSACTIONAL && shared_settling(&db->shared) != 0))
        stale = true;
    if (status == SLOT_OK && !verify->stopped && !stale)
        status = verify_root(verify, err);
    return status;
}

/* Begin the transaction and check what has to stand still, at one checkpoint. */
static slot_status begin(struct verify *verify, slot_db *db, slot_error *err)
{
    bool in_log = db->access == SLOT_TRANSACTIONAL;
    slot_status status = in_log ? slot__checkpoint_lock(db, db->wait_ms, err) : SLOT_OK;

    if (status != SLOT_OK)
        return status;
    if (in_log)
        status = slot__db_meta_refresh(db, err);
    if (status == SLOT_OK)
        status = slot_begin(db, SLOT_READ, &verify->txn, err);
    if (status == SLOT_OK) {
        verify->meta = db->meta;
        if (!in_log)
            verify->meta.sums_root = db->sums.root; /* direct access: as it is in memory */
        status = verify_still(verify, slot__db_sums_stale(db, &verify->meta), err);
    }
    if (in_log)
        slot__checkpoint_unlock(db);
    return status;
}

static slot_status verify_all(struct verify *verify, slot_error *err)
{
    slot_status status = SLOT_OK;

    if (slot__db_sums_stale(verify->txn->db, &verify->meta)) {
        slot__verify_found_in(
            verify, FILE_SUMS, SLOT_NO_OFFSET, 0,
            "the database was not closed cleanly: nobody can tell whether its records "
            "are whole; look at them, then rebuild the checksums (verify --rebuild-sums)");
        return SLOT_OK;
    }
    if (!verify->stopped)
        status = verify_blocks(verify, err);
    if (status == SLOT_OK && !verify->stopped && db_has_log(verify->txn->db))
        status = slot__verify_log(verify, err);
    if (status == SLOT_OK && !verify->stopped)
        status = slot__verify_deleted(verify, err);
    return status;
}

slot_status slot_verify(slot_db *db, slot_finding_fn report, void *context, slot_error *err)
{
    slot_status status = db_check_process(db, err);
    struct verify *verify;

    if (status != SLOT_OK)
        return status;
    verify = calloc(1, sizeof *verify);
    if (verify == NULL)
        return slot__error_set(err, SLOT_E_NO_MEMORY, "", SLOT_NO_OFFSET, NULL);
    verify->report = report;
    verify->context = context;
    verify->bytes = malloc((size_t)(chunk_blocks(db) * db->block_bytes));
    if (verify->bytes == NULL)
        status = slot__error_set(err, SLOT_E_NO_MEMORY, "", SLOT_NO_OFFSET, NULL);
    if (status == SLOT_OK)
        status = begin(verify, db, err);
    if (status == SLOT_OK && !verify->stopped)
        status = verify_all(verify, err);
    if (verify->txn != NULL)
        slot_end(verify->txn);
    if (status == SLOT_OK && verify->findings > 0)
        status = slot__error_set(err, SLOT_DAMAGED, "", SLOT_NO_OFFSET, "%llu findings",
                                 (unsigned long long)verify->findings);
    free(verify->bytes);
    free(verify);
    return status;
}

/* ---- renewal ---- */

static slot_status sum_chunk(slot_txn *txn, uint64_t first, uint64_t count, uint8_t *bytes,
                             slot_error *err)
{
    slot_db *db = txn->db;
    slot_status status = load_blocks(txn, first, count, bytes, err);

    for (uint64_t i = 0; i < count && status == SLOT_OK; i++)
        status = slot__sums_set(&db->sums, first + i,
                                slot__sums_of_block(db->sums.seed, first + i,
                                                    bytes + i * db->block_bytes,
                                                    (size_t)slot__db_block_bytes(db, first + i)),
                                err);
    return status;
}

/* The checksums of all blocks; those in holes are 0 already. */
static slot_status sum_everything(slot_txn *txn, slot_error *err)
{
    slot_db *db = txn->db;
    uint64_t blocks = slot__db_blocks_of(db, txn->records);
    uint64_t step = chunk_blocks(db), data_at = 0;
    uint8_t *bytes = malloc((size_t)(step * db->block_bytes));
    slot_status status = SLOT_OK;

    if (bytes == NULL)
        return slot__error_set(err, SLOT_E_NO_MEMORY, "", SLOT_NO_OFFSET, NULL);
    for (uint64_t first = 0; first < blocks && status == SLOT_OK; first += step) {
        uint64_t count = min_u64(step, blocks - first);
        uint64_t offset = first * db->block_bytes;
        uint64_t n = min_u64(count * db->block_bytes, db->records.size - offset);

        if (!in_hole(db, offset, n, &data_at))
            status = sum_chunk(txn, first, count, bytes, err);
    }
    free(bytes);
    return status;
}

static slot_status rebuild(slot_txn *txn, slot_error *err)
{
    slot_db *db = txn->db;
    uint64_t blocks = slot__db_blocks_of(db, txn->records);
    struct meta next = db->meta;
    slot_status status = SLOT_OK;
    os_result result = db->os->sync(db->os, db->files.records); /* and what an abort has cut */

    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, FILE_RECORDS, SLOT_NO_OFFSET,
                              "records cannot be made durable");
    /* From the first byte on and until the last, meta says that they cannot be trusted. */
    next.sums_stale = true;
    if (!db->meta.sums_stale)
        status = slot__db_meta_write_both(db, &next, err);
    if (status == SLOT_OK)
        status = slot__sums_clear(&db->sums, blocks, err);
    db->sync_needed = true; /* nobody has synced what a crash has left in the cache */
    if (status == SLOT_OK)
        status = sum_everything(txn, err);
    if (status == SLOT_OK)
        status = slot__sums_flush(&db->sums, blocks, err);
    if (status == SLOT_OK)
        status = slot__direct_sync_sums(db, err);
    next.sums_stale = false;
    next.sums_root = db->sums.root;
    if (status == SLOT_OK)
        status = slot__db_meta_write_both(db, &next, err);
    return status;
}

slot_status slot_rebuild_sums(slot_db *db, slot_error *err)
{
    slot_txn *txn = NULL;
    slot_status committed, status = SLOT_OK;

    if (db->access == SLOT_TRANSACTIONAL)
        return slot__error_set(err, SLOT_E_UNSUPPORTED, FILE_SUMS, SLOT_NO_OFFSET,
                               "checksums are rebuilt in direct access");
    status = slot_begin(db, SLOT_WRITE, &txn, err);
    if (status != SLOT_OK)
        return status;
    status = rebuild(txn, err);
    committed = slot_commit(txn, status == SLOT_OK ? err : NULL);
    return status != SLOT_OK ? status : committed;
}
