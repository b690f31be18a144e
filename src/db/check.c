/*
 * Reading with a look at the checksums: what verify does with a whole database, here with the
 * blocks in which some records lie. The log checks its frames itself, so only blocks that come from
 * `records` are summed up. A checkpoint beside us may bring a block home between our looks at the
 * two, and so a block that does not fit is looked at again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/status.h"
#include "db/verify.h"

#define CHECK_BLOCKS 128u /* at a time */

struct check {
    slot_txn *txn;
    uint64_t damaged; /* the first block that does not fit; UINT64_MAX: none */
    uint8_t *block;   /* room for one, made when it is needed */
    uint8_t sums[CHECK_BLOCKS * SUM_BYTES];
};

/* The checksums of `count` blocks; behind the end of the file they are 0. */
static slot_status read_sums(struct check *check, uint64_t first, uint64_t count, slot_error *err)
{
    const slot_db *db = check->txn->db;
    uint64_t size = 0, n = count * SUM_BYTES;
    os_result result = db->os->size(db->os, db->files.sums, &size);

    memset(check->sums, 0, (size_t)n);
    n = size > first * SUM_BYTES ? min_u64(n, size - first * SUM_BYTES) : 0;
    if (os_ok(result) && n > 0)
        result = db->os->read_at(db->os, db->files.sums, first * SUM_BYTES, check->sums, (size_t)n);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, FILE_SUMS, first * SUM_BYTES,
                              "checksums cannot be read");
    return SLOT_OK;
}

static slot_status make_room(struct check *check, slot_error *err)
{
    if (check->block == NULL)
        check->block = malloc((size_t)check->txn->db->block_bytes);
    if (check->block == NULL)
        return slot__error_set(err, SLOT_E_NO_MEMORY, "", SLOT_NO_OFFSET, NULL);
    return SLOT_OK;
}

/* Compare block `block`. The records from `recno` to `end` of the database are at `bytes`. */
static slot_status check_block(struct check *check, uint64_t block, uint64_t sum, uint64_t recno,
                               uint64_t end, const uint8_t *bytes, slot_error *err)
{
    const slot_db *db = check->txn->db;
    uint64_t first = block * db->block_records;
    uint64_t count = min_u64(db->block_records, check->txn->records - first);
    bool damaged = false;
    slot_status status;

    if (check->damaged != UINT64_MAX)
        return SLOT_OK;
    if (first >= recno && first + count <= end &&
        slot__sums_of_block(db->sums.seed, block, bytes + (first - recno) * db->record_size,
                            (size_t)(count * db->record_size)) == sum)
        return SLOT_OK;
    status = make_room(check, err);
    if (status == SLOT_OK)
        status = slot__verify_is_damaged(check->txn, block, check->block, &damaged, err);
    if (damaged)
        check->damaged = block;
    return status;
}

/* Copy the records from `recno` to `end`, which lie in at most CHECK_BLOCKS blocks. */
static slot_status get_piece(struct check *check, uint64_t recno, uint64_t end, uint8_t *records,
                             slot_error *err)
{
    const slot_db *db = check->txn->db;
    uint64_t first = recno / db->block_records;
    uint64_t count = (end - 1) / db->block_records + 1 - first;
    slot_status status = read_sums(check, first, count, err);

    if (status == SLOT_OK)
        status = slot_get_range(check->txn, recno, end - recno, records, err);
    for (uint64_t i = 0; i < count && status == SLOT_OK; i++)
        status = check_block(check, first + i, get_u64(check->sums + i * SUM_BYTES), recno, end,
                             records, err);
    return status;
}

static slot_status damaged(const slot_txn *txn, uint64_t block, slot_error *err)
{
    const slot_db *db = txn->db;
    uint64_t first = block * db->block_records;
    uint64_t end = min_u64(first + db->block_records, txn->records);

    return slot__error_set(err, SLOT_DAMAGED, FILE_RECORDS, block * db->block_bytes,
                           "block %llu, records %llu:%llu, does not fit its checksum: run verify",
                           (unsigned long long)block, (unsigned long long)first,
                           (unsigned long long)end);
}

slot_status slot_get_checked(slot_txn *txn, uint64_t recno, uint64_t count, void *records,
                             slot_error *err)
{
    const slot_db *db = txn->db;
    struct check check = {.txn = txn, .damaged = UINT64_MAX};
    uint8_t *to = records;
    slot_status status = SLOT_OK;
    uint64_t end;

    if (txn->writing)
        return slot__error_set(err, SLOT_E_ARG, FILE_RECORDS, SLOT_NO_OFFSET,
                               "a write transaction reads what has no checksum yet");
    if (recno > txn->records || count > txn->records - recno || db->sums_stale)
        return slot_get_range(txn, recno, count, records, err);
    for (end = recno + count; recno < end && status == SLOT_OK;) {
        uint64_t edge = (recno / db->block_records + CHECK_BLOCKS) * db->block_records;
        uint64_t next = min_u64(end, edge);

        status = get_piece(&check, recno, next, to, err);
        to += (next - recno) * db->record_size;
        recno = next;
    }
    free(check.block);
    if (status == SLOT_OK && check.damaged != UINT64_MAX)
        status = damaged(txn, check.damaged, err);
    return status;
}
