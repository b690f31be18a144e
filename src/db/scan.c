/*
 * Going through records: runs of them that lie in one piece, in a view of `records` or in one block
 * of the log, forward and backward; and cursors, which put runs together.
 *
 * A run has RUN_BYTES at most, be the view larger, and the first of a scan less: with each step the
 * next pieces are announced, and who takes one run only should not have more read.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/status.h"
#include "db/handle.h"
#include "db/outcome.h"

#define RUN_BYTES       AHEAD_PIECE_BYTES
#define RUN_BYTES_FIRST (UINT64_C(256) << 10)

/* How long a run may be that begins (forward) or ends (backward) at that byte: a record at least.
 */
static uint64_t longest_run(const slot_txn *txn, uint64_t at)
{
    bool long_ones = txn->run == NULL && ahead_goes_on(&txn->ahead_scan, at);

    return max_u64(long_ones ? RUN_BYTES : RUN_BYTES_FIRST, txn->record_size);
}

/* ---- lending a piece ---- */

void slot__run_free(slot_txn *txn)
{
    free(txn->run);
    txn->run = NULL;
    txn->run_bytes = 0;
}

/* Memory of the transaction for a run of n bytes, in the place of the last one. */
static slot_status make_run(slot_txn *txn, uint64_t n, slot_error *err)
{
    if (txn->run_bytes >= n)
        return SLOT_OK;
    db_run_release(txn);
    txn->run = malloc((size_t)n);
    if (txn->run == NULL)
        return slot__error_set(err, SLOT_E_NO_MEMORY, FILE_RECORDS, SLOT_NO_OFFSET, NULL);
    txn->run_bytes = n;
    return SLOT_OK;
}

/* When others have lent all of the budget: a run is read into memory. */
static bool may_do_without(slot_status status)
{
    return status == SLOT_E_BUDGET || status == SLOT_E_NO_MEMORY;
}

static slot_status read_records(slot_txn *txn, uint64_t offset, uint64_t n, const void **bytes,
                                slot_error *err)
{
    const struct os *os = txn->os;
    slot_status status = make_run(txn, n, err);
    os_result result;

    if (status != SLOT_OK)
        return status;
    result = os->read_at(os, txn->db->files.records, offset, txn->run, (size_t)n);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, FILE_RECORDS, offset,
                              "records cannot be read: was the file truncated?");
    *bytes = txn->run;
    return SLOT_OK;
}

static slot_status read_version(slot_txn *txn, uint64_t address, uint64_t offset, uint64_t n,
                                const void **bytes, slot_error *err)
{
    slot_status status = make_run(txn, n, err);

    if (status == SLOT_OK)
        status = slot__version_copy(txn, address, offset, n, txn->run, err);
    if (status == SLOT_OK)
        *bytes = txn->run;
    return status;
}

/* A run of `least` to `n` bytes that are in `records`, in one view; *got gets how many. */
static slot_status lend_records(slot_txn *txn, uint64_t offset, uint64_t least, uint64_t n,
                                const void **bytes, uint64_t *got, slot_error *err)
{
    struct view *view = NULL;
    slot_error own;
    slot_status status;

    if (db_has_log(txn->db) && txn->log_pins.cache != NULL)
        slot__pins_end_run(&txn->log_pins, PINS_SCAN);
    status = slot__pins_run(&txn->pins, PINS_SCAN, offset, offset + least, &view, &own);
    if (may_do_without(status)) {
        *got = n;
        return read_records(txn, offset, n, bytes, err);
    }
    if (status != SLOT_OK)
        return error_hand_on(err, &own, status);
    *bytes = view->base + (offset - view->offset);
    *got = min_u64(n, view->offset + view->n - offset);
    return SLOT_OK;
}

/*
 * A run of `n` bytes within one block that has a version in the log. Not any more, perhaps, at this
 * second look: a checkpoint may have brought it home meanwhile, and a newer version that was made
 * after that does not lead to it. Then `records` holds it.
 */
static slot_status lend_block(slot_txn *txn, uint64_t offset, uint64_t n, const void **bytes,
                              uint64_t *got, slot_error *err)
{
    slot_db *db = txn->db;
    uint64_t block = offset / db->block_bytes;
    uint64_t address = LOG_NO_ADDRESS, at, within = offset - block * db->block_bytes;
    struct view *view = NULL;
    slot_status status = slot__version_find(txn, key_of_records(block), &address, NULL, err);

    if (status == SLOT_OK)
        status = deleted_zero_lent(txn, block, err);
    if (status != SLOT_OK)
        return status;
    if (address == LOG_NO_ADDRESS)
        return lend_records(txn, offset, n, n, bytes, got, err);
    slot__pins_end_run(&txn->pins, PINS_SCAN);
    *got = n;
    if (version_is_private(address)) {
        *bytes = slot__version_private(txn, address) + within;
        return SLOT_OK;
    }
    status = slot__version_pins(txn, address, err);
    if (status != SLOT_OK)
        return status;
    at = address + FRAME_HEADER_BYTES + within;
    status = slot__pins_run(&txn->log_pins, PINS_SCAN, at, at + n, &view, err);
    if (may_do_without(status))
        return read_version(txn, address, within, n, bytes, err);
    if (status != SLOT_OK)
        return status;
    *bytes = view->base + (log_offset_of(&db->log, at) - view->offset);
    return SLOT_OK;
}

/* ---- runs ---- */

/* The longest run from `recno` on that ends before `end`, both records there are. */
static slot_status run_forward(slot_txn *txn, uint64_t recno, uint64_t end, slot_run *run,
                               slot_error *err)
{
    slot_db *db = txn->db;
    uint64_t n = txn->record_size;
    uint64_t offset = recno * n, left = (end - recno) * n;
    uint64_t bytes = 0;
    slot_status status = slot__db_make_readable(txn, end * n, err);

    if (status == SLOT_OK)
        status =
            slot__version_plain(txn, offset, min_u64(left, longest_run(txn, offset)), &bytes, err);
    if (status != SLOT_OK)
        return status;
    if (bytes > 0)
        status = lend_records(txn, offset, n, bytes, &run->records, &bytes, err);
    else /* a version in the log: one block at a time */
        status = lend_block(txn, offset, min_u64(left, slot__db_rest_of_block(db, offset)),
                            &run->records, &bytes, err);
    if (status != SLOT_OK)
        return status;
    run->first = recno;
    run->count = bytes / n;
    run->step = 1;
    slot__ahead_forward(&txn->ahead_scan, db->os, db->files.records, offset,
                        offset + run->count * n, end * n);
    return SLOT_OK;
}

/* The first of the records that begin in the view where `recno` begins. */
static uint64_t first_in_view(const slot_txn *txn, uint64_t recno)
{
    uint64_t n = txn->record_size;
    uint64_t start = round_down(recno * n, txn->db->cache.view_size);

    return (start + n - 1) / n;
}

/* Where the blocks without a version in the log begin that end with the block at `from`; not below
 * `low`. */
static slot_status plain_back(slot_txn *txn, uint64_t from, uint64_t low, uint64_t *start,
                              slot_error *err)
{
    uint64_t block = from / txn->db->block_records;
    slot_status status = SLOT_OK;
    uint64_t address = LOG_NO_ADDRESS;

    if (!db_has_log(txn->db) || slot__version_none(txn)) {
        *start = low;
        return SLOT_OK;
    }
    while (status == SLOT_OK && block * txn->db->block_records > low) {
        status = slot__version_find(txn, key_of_records(block - 1), &address, NULL, err);
        if (address != LOG_NO_ADDRESS)
            break;
        block--;
    }
    if (status == SLOT_OK)
        *start = max_u64(low, block * txn->db->block_records);
    return status;
}

/* The longest run that ends with `recno` and begins at `low` or later; *first gets its begin. */
static slot_status run_backward(slot_txn *txn, uint64_t low, uint64_t recno, uint64_t *first,
                                const void **records, slot_error *err)
{
    slot_db *db = txn->db;
    uint64_t n = txn->record_size;
    uint64_t block_first = recno / db->block_records * db->block_records;
    uint64_t most = longest_run(txn, (recno + 1) * n) / n;
    uint64_t least = max_u64(low, recno + 1 - min_u64(recno + 1, most));
    uint64_t from = max_u64(low, block_first), bytes = 0;
    slot_status status = slot__db_make_readable(txn, (recno + 1) * n, err);

    if (status == SLOT_OK)
        status = slot__version_plain(txn, from * n, (recno + 1 - from) * n, &bytes, err);
    if (status == SLOT_OK && bytes == 0) {
        status = lend_block(txn, from * n, (recno + 1 - from) * n, records, &bytes, err);
    } else if (status == SLOT_OK) {
        status = plain_back(txn, recno, max_u64(least, first_in_view(txn, recno)), &from, err);
        bytes = (recno + 1 - from) * n; /* all of it: the run begins with the last record */
        if (status == SLOT_OK)
            status = lend_records(txn, from * n, bytes, bytes, records, &bytes, err);
    }
    if (status != SLOT_OK)
        return status;
    slot__ahead_backward(&txn->ahead_scan, db->os, db->files.records, from * n, (recno + 1) * n,
                         low * n);
    *first = from;
    return SLOT_OK;
}

static slot_status scan(slot_txn *txn, uint64_t recno, uint64_t end, slot_run *run, slot_error *err)
{
    slot_status status;

    end = min_u64(end, txn->records);
    if (recno >= end)
        return recno >= txn->records ? slot__db_not_found(txn, recno, err)
                                     : slot__db_none_left(err);
    status = run_forward(txn, recno, end, run, err);
    if (status == SLOT_OK)
        txn->lent = true;
    return status;
}

slot_status slot_scan(slot_txn *txn, uint64_t recno, uint64_t end, slot_run *run, slot_error *err)
{
    return outcome(txn, OUTCOME_OF_READ, scan(txn, recno, end, run, err));
}

/* ---- cursors ---- */

/* Where part `part` of `parts` of [first, end) begins: at a block, so that no two share one. */
static uint64_t part_begin(const slot_db *db, const slot_scan_options *options, uint64_t end,
                           uint32_t part)
{
    uint64_t n = end - options->first;
    uint64_t begin =
        options->first + n / options->parts * part + n % options->parts * part / options->parts;

    if (part == 0 || part == options->parts)
        return part == 0 ? options->first : end;
    return max_u64(begin - begin % db->block_records, options->first);
}

slot_status slot_cursor_init(slot_cursor *cursor, slot_txn *txn, const slot_scan_options *given,
                             slot_error *err)
{
    slot_scan_options options = *given;
    uint64_t end = min_u64(options.end, txn->records), begin, stride;

    if (options.parts == 0)
        options.parts = 1;
    if (options.part >= options.parts)
        return slot__error_set(err, SLOT_E_ARG, "", SLOT_NO_OFFSET,
                               "there is no part %u of %u parts: the first is 0", options.part,
                               options.parts);
    stride = min_u64(max_u64(options.stride, 1), INT64_MAX);
    memset(cursor, 0, sizeof *cursor);
    cursor->txn = txn;
    cursor->step = options.backward ? -(int64_t)stride : (int64_t)stride;
    if (options.first >= end)
        return SLOT_OK;
    begin = part_begin(txn->db, &options, end, options.part);
    end = part_begin(txn->db, &options, end, options.part + 1);
    begin = options.first + (begin - options.first + stride - 1) / stride * stride;
    if (begin >= end)
        return SLOT_OK;
    cursor->left = (end - begin - 1) / stride + 1;
    cursor->next = options.backward ? begin + (cursor->left - 1) * stride : begin;
    return SLOT_OK;
}

static slot_status next_forward(slot_cursor *cursor, uint64_t stride, slot_run *run,
                                slot_error *err)
{
    uint64_t end = cursor->next + (cursor->left - 1) * stride + 1;
    slot_status status = run_forward(cursor->txn, cursor->next, end, run, err);

    if (status == SLOT_OK)
        run->count = (run->count - 1) / stride + 1;
    return status;
}

static slot_status next_backward(slot_cursor *cursor, uint64_t stride, slot_run *run,
                                 slot_error *err)
{
    uint64_t low = cursor->next - (cursor->left - 1) * stride, first = 0;
    const void *records = NULL;
    slot_status status = run_backward(cursor->txn, low, cursor->next, &first, &records, err);

    if (status != SLOT_OK)
        return status;
    run->records = (const uint8_t *)records + (cursor->next - first) * cursor->txn->record_size;
    run->first = cursor->next;
    run->count = (cursor->next - first) / stride + 1;
    return SLOT_OK;
}

static slot_status cursor_next(slot_cursor *cursor, slot_run *run, slot_error *err)
{
    uint64_t stride = (uint64_t)(cursor->step < 0 ? -cursor->step : cursor->step);
    slot_status status;

    if (cursor->left == 0)
        return slot__db_none_left(err);
    status = cursor->step < 0 ? next_backward(cursor, stride, run, err)
                              : next_forward(cursor, stride, run, err);
    if (status != SLOT_OK)
        return status;
    cursor->txn->lent = true;
    run->step = cursor->step;
    cursor->left -= run->count;
    if (cursor->left > 0)
        cursor->next = cursor->step < 0 ? cursor->next - run->count * stride
                                        : cursor->next + run->count * stride;
    return SLOT_OK;
}

slot_status slot_cursor_next(slot_cursor *cursor, slot_run *run, slot_error *err)
{
    return outcome(cursor->txn, OUTCOME_OF_READ, cursor_next(cursor, run, err));
}
