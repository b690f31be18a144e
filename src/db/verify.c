/*
 * Verify: everything that can be checked is, and each thing that does not fit is reported. And the
 * renewal of all checksums after a crash in direct access.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/status.h"
#include "db/handle.h"
#include "format/sums.h"

#define SUMS_AT_ONCE 512u

struct verify {
    slot_txn *txn;
    slot_finding_fn report;
    void *context;
    uint64_t findings;
    bool stopped;     /* the callback has had enough */
    uint64_t root;    /* of the checksums as they are read */
    uint64_t data_at; /* up to here a hole is known */
    uint8_t *block;   /* one block */
    uint8_t sums[SUMS_AT_ONCE * SUM_BYTES];
};

static void found(struct verify *verify, const slot_finding *finding)
{
    verify->findings++;
    if (verify->report != NULL && !verify->report(verify->context, finding))
        verify->stopped = true;
}

/* A finding about a file as a whole, or a part of it that is no record's. */
static void found_in(struct verify *verify, const char *file, uint64_t offset, uint64_t length,
                     const char *what)
{
    slot_finding finding = {.file = file, .offset = offset, .length = length, .what = what};

    found(verify, &finding);
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

    found(verify, &finding);
}

static slot_status verify_meta(struct verify *verify, slot_error *err)
{
    const slot_db *db = verify->txn->db;
    uint8_t slots[META_SLOTS * META_SLOT_BYTES];
    os_result result = db->os->read_at(db->os, db->files.meta, 0, slots, sizeof slots);

    if (!os_ok(result))
        return error_os(err, result.status, result.code, FILE_META, 0, "the file cannot be read");
    for (uint32_t i = 0; i < META_SLOTS && !verify->stopped; i++) {
        struct meta meta;
        slot_error bad;

        if (meta_decode(slots + i * META_SLOT_BYTES, i, &meta, &bad) != SLOT_OK)
            found_in(verify, FILE_META, bad.offset, META_SLOT_BYTES, bad.what);
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
        return error_os(err, result.status, result.code, name, SLOT_NO_OFFSET,
                        "the size of the file cannot be had");
    if (size < least)
        found_in(verify, name, size, least - size, "the file is shorter than it must be");
    return SLOT_OK;
}

/* Whether the block lies in a hole, so that it is zero without being read. */
static bool in_hole(struct verify *verify, uint64_t offset, uint64_t n)
{
    const slot_db *db = verify->txn->db;

    if (offset + n > verify->data_at)
        verify->data_at = db->os->next_data(db->os, db->files.records, offset);
    return offset + n <= verify->data_at;
}

static void verify_block(struct verify *verify, uint64_t block, uint64_t sum)
{
    slot_db *db = verify->txn->db;
    uint64_t offset = block * db->block_bytes;
    uint64_t n = db_block_bytes(db, block);

    if (sum == 0 && in_hole(verify, offset, n))
        return;
    if (slot_get_range(verify->txn, block * db->block_records, n / db->record_size, verify->block,
                       NULL) != SLOT_OK)
        found_block(verify, block, n, "the block cannot be read");
    else if (sums_of_block(db->sums.seed, block, verify->block, (size_t)n) != sum)
        found_block(verify, block, n, "the block does not fit its checksum");
}

static slot_status verify_blocks(struct verify *verify, slot_error *err)
{
    const slot_db *db = verify->txn->db;
    uint64_t blocks = db_blocks_of(db, verify->txn->records);

    for (uint64_t first = 0; first < blocks && !verify->stopped; first += SUMS_AT_ONCE) {
        uint64_t count = min_u64(SUMS_AT_ONCE, blocks - first);
        os_result result = db->os->read_at(db->os, db->files.sums, first * SUM_BYTES, verify->sums,
                                           (size_t)(count * SUM_BYTES));

        if (result.status == SLOT_E_TRUNCATED)
            return SLOT_OK; /* verify_size has reported it */
        if (!os_ok(result))
            return error_os(err, result.status, result.code, FILE_SUMS, first * SUM_BYTES,
                            "checksums cannot be read");
        for (uint64_t i = 0; i < count && !verify->stopped; i++) {
            uint64_t sum = get_u64(verify->sums + i * SUM_BYTES);

            verify->root += sums_root_term(first + i, sum);
            verify_block(verify, first + i, sum);
        }
    }
    if (!verify->stopped && verify->root != db->sums.root)
        found_in(verify, FILE_SUMS, SLOT_NO_OFFSET, blocks * SUM_BYTES,
                 "the checksums do not fit their root in meta");
    return SLOT_OK;
}

static slot_status verify_all(struct verify *verify, slot_error *err)
{
    const slot_db *db = verify->txn->db;
    uint64_t records = verify->txn->records;
    bool stale = db->meta.sums_stale || (!db->marked && db->meta.access != META_ACCESS_CLEAN);
    slot_status status = verify_meta(verify, err);

    if (status == SLOT_OK && !verify->stopped)
        status =
            verify_size(verify, db->files.records, FILE_RECORDS, records * db->record_size, err);
    if (stale && status == SLOT_OK && !verify->stopped) {
        found_in(verify, FILE_SUMS, SLOT_NO_OFFSET, 0,
                 "the database was not closed cleanly: nobody can tell whether its records are "
                 "whole; look at them, then rebuild the checksums");
        return SLOT_OK;
    }
    if (status == SLOT_OK && !verify->stopped)
        status = verify_size(verify, db->files.sums, FILE_SUMS,
                             db_blocks_of(db, records) * SUM_BYTES, err);
    if (status == SLOT_OK && !verify->stopped)
        status = verify_blocks(verify, err);
    return status;
}

slot_status slot_verify(slot_db *db, slot_finding_fn report, void *context, slot_error *err)
{
    struct verify *verify = calloc(1, sizeof *verify);
    slot_status status;

    if (verify == NULL)
        return error_set(err, SLOT_E_NO_MEMORY, "", SLOT_NO_OFFSET, NULL);
    verify->report = report;
    verify->context = context;
    verify->block = malloc((size_t)db->block_bytes);
    if (verify->block == NULL)
        status = error_set(err, SLOT_E_NO_MEMORY, "", SLOT_NO_OFFSET, NULL);
    else
        status = slot_begin(db, SLOT_READ, &verify->txn, err);
    if (status == SLOT_OK) {
        status = verify_all(verify, err);
        slot_end(verify->txn);
    }
    if (status == SLOT_OK && verify->findings > 0)
        status = error_set(err, SLOT_DAMAGED, "", SLOT_NO_OFFSET, "%llu findings",
                           (unsigned long long)verify->findings);
    free(verify->block);
    free(verify);
    return status;
}

/* ---- renewal ---- */

/* The checksums of all blocks that are not in a hole. */
static slot_status sum_everything(slot_txn *txn, uint8_t *block_bytes, slot_error *err)
{
    slot_db *db = txn->db;
    uint64_t blocks = db_blocks_of(db, txn->records);
    slot_status status = SLOT_OK;

    for (uint64_t block = 0; block < blocks && status == SLOT_OK; block++) {
        uint64_t offset = block * db->block_bytes;
        uint64_t data_at = db->os->next_data(db->os, db->files.records, offset);
        uint64_t n = db_block_bytes(db, block);

        if (offset + n <= data_at) {
            block = max_u64(data_at / db->block_bytes, block + 1) - 1;
            continue;
        }
        status =
            slot_get_range(txn, block * db->block_records, n / db->record_size, block_bytes, err);
        if (status == SLOT_OK)
            status = sums_set(&db->sums, block,
                              sums_of_block(db->sums.seed, block, block_bytes, (size_t)n), err);
    }
    return status;
}

static slot_status rebuild(slot_txn *txn, slot_error *err)
{
    slot_db *db = txn->db;
    uint64_t blocks = db_blocks_of(db, txn->records);
    struct meta next = db->meta;
    slot_status status = SLOT_OK;

    /* From the first byte on and until the last, meta says that they cannot be trusted. */
    next.sums_stale = true;
    if (!db->meta.sums_stale)
        status = db_meta_write(db, &next, err);
    if (status == SLOT_OK)
        status = sums_clear(&db->sums, blocks, err);
    db->sync_needed = true; /* nobody has synced what a crash has left in the cache */
    if (status == SLOT_OK)
        status = sum_everything(txn, db->scratch, err);
    if (status == SLOT_OK)
        status = sums_flush(&db->sums, blocks, err);
    if (status == SLOT_OK)
        status = sums_sync(&db->sums, err);
    next.sums_stale = false;
    next.sums_root = db->sums.root;
    if (status == SLOT_OK)
        status = db_meta_write(db, &next, err);
    return status;
}

slot_status slot_rebuild_sums(slot_db *db, slot_error *err)
{
    slot_txn *txn = NULL;
    slot_status status = slot_begin(db, SLOT_WRITE, &txn, err);
    slot_status committed;

    if (status != SLOT_OK)
        return status;
    status = rebuild(txn, err);
    committed = slot_commit(txn, status == SLOT_OK ? err : NULL);
    return status != SLOT_OK ? status : committed;
}
