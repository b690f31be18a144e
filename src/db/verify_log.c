/*
 * Verify, continued: the log along its chain, and the deletion marks.
 */
#include <string.h>

#include "base/checked.h"
#include "base/status.h"
#include "db/verify.h"
#include "log/scan.h"

#define PIECE_BYTES 512u /* of marks, looked at together */

slot_status slot__verify_log(struct verify *verify, slot_error *err)
{
    slot_txn *txn = verify->txn;
    struct log *log = &txn->db->log;
    struct scan_frame frame;
    struct log_live live;
    struct log_scan scan;
    slot_status status;

    if (verify->meta.checkpoint_lsn >= txn->seen.lsn)
        return SLOT_OK;
    if (txn->db->overlay.in_use)
        live = txn->db->overlay.live;
    else
        slot__log_live(log, verify->meta.checkpoint_lsn, txn->seen.lsn, &live);
    status = slot__scan_init(&scan, log, &live, verify->meta.checkpoint_lsn,
                             verify->meta.checkpoint_chain, err);
    while (status == SLOT_OK && scan.lsn < txn->seen.lsn)
        status = slot__scan_next(&scan, &frame, err);
    if (status == SLOT_NOT_FOUND || (status == SLOT_OK && scan.chain != txn->seen.chain)) {
        slot__verify_found_in(verify, LOG_DIR, SLOT_NO_OFFSET, txn->seen.lsn - scan.lsn,
                              "the log is damaged before its published end");
        status = SLOT_OK;
    }
    slot__scan_release(&scan);
    return status;
}

/* ---- deletion marks ---- */

static void found_record(struct verify *verify, uint64_t recno, const char *what)
{
    slot_finding finding = {.file = FILE_DELETED,
                            .offset = recno / 8,
                            .length = 1,
                            .first_record = recno,
                            .record_count = 1,
                            .what = what};

    slot__verify_found(verify, &finding);
}

/* A marked record: it exists, and its bytes are zeros. */
static slot_status verify_mark(struct verify *verify, uint64_t recno, slot_error *err)
{
    slot_txn *txn = verify->txn;
    uint8_t *record = verify->bytes;
    slot_status status;

    if (recno >= txn->records) {
        found_record(verify, recno, "a record beyond the last one is marked as deleted");
        return SLOT_OK;
    }
    status = slot_get_range(txn, recno, 1, record, err);
    if (status == SLOT_OK &&
        (record[0] != 0 || memcmp(record, record + 1, (size_t)txn->record_size - 1) != 0))
        found_record(verify, recno, "a record that is marked as deleted is not zero");
    return status;
}

static slot_status verify_piece(struct verify *verify, uint64_t first, const uint8_t *bits,
                                uint64_t *marks, slot_error *err)
{
    slot_status status = SLOT_OK;

    for (uint32_t i = 0; i < PIECE_BYTES * 8 && status == SLOT_OK && !verify->stopped; i++) {
        if (bits[i / 8] == 0) {
            i += 7;
        } else if ((bits[i / 8] >> i % 8 & 1) != 0) {
            (*marks)++;
            status = verify_mark(verify, first + i, err);
        }
    }
    return status;
}

slot_status slot__verify_deleted(struct verify *verify, slot_error *err)
{
    slot_txn *txn = verify->txn;
    uint64_t end = round_up(txn->records, BITMAP_BLOCK_RECORDS);
    uint64_t marks = 0;
    uint8_t bits[PIECE_BYTES];
    slot_status status = SLOT_OK;

    for (uint64_t at = 0; at < end && status == SLOT_OK && !verify->stopped;
         at += PIECE_BYTES * 8) {
        status =
            slot__marks_read(txn, at / BITMAP_BLOCK_RECORDS,
                             (uint32_t)(at % BITMAP_BLOCK_RECORDS / 8), bits, PIECE_BYTES, err);
        if (status == SLOT_E_TRUNCATED) {
            slot__verify_found_in(verify, FILE_DELETED, SLOT_NO_OFFSET, 0,
                                  "the file is shorter than it must be");
            return SLOT_OK;
        }
        if (status == SLOT_OK)
            status = verify_piece(verify, at, bits, &marks, err);
    }
    if (status == SLOT_OK && !verify->stopped && marks != txn->deleted)
        slot__verify_found_in(verify, FILE_DELETED, SLOT_NO_OFFSET, 0,
                              "the number of marks is not the number of deleted records");
    return status;
}
