/*
 * A reader of the same handle has lent all of the map budget. What another one copies or goes
 * through does not need views: slot_scan was SLOT_E_BUDGET.
 *
 * Right: slot_get, slot_get_range, slot_scan and cursors in both directions give all records, those
 * in the log too, and never SLOT_E_BUDGET.
 */
#include <string.h>

#include "faults.h"

#define BUDGET_BYTES (4u << 20)
#define RECORD_BYTES 4096u
#define RECORDS      6144u
#define CHANGED      50u /* one of so many has its version in the log */

static int wrong;

static uint8_t value_of(uint64_t recno)
{
    return (uint8_t)(recno % 250 + 1 + (recno % CHANGED == 0));
}

static void make(slot_db *db)
{
    static uint8_t record[RECORD_BYTES];
    slot_error error = {0};
    slot_txn *txn;

    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    for (uint64_t n = 0; n < RECORDS; n++) {
        memset(record, (int)(n % 250 + 1), sizeof record);
        MUST(slot_append(txn, record, 1, NULL, &error));
    }
    MUST(slot_commit(txn, &error));
    MUST(slot_checkpoint(db, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    for (uint64_t n = 0; n < RECORDS; n += CHANGED) {
        memset(record, value_of(n), sizeof record);
        MUST(slot_put(txn, n, record, &error));
    }
    MUST(slot_commit(txn, &error));
}

/* A reader that lends until nothing is left. */
static slot_txn *lend_everything(slot_db *db)
{
    slot_status status = SLOT_OK;
    slot_error error = {0};
    slot_txn *txn;
    const void *lent;

    MUST(slot_begin(db, SLOT_READ, &txn, &error));
    for (uint64_t n = 1; n < RECORDS && status == SLOT_OK; n += 16)
        status = slot_ref(txn, n, &lent, &error);
    if (status != SLOT_E_BUDGET)
        exit(FAULT_SETUP);
    return txn;
}

static void see(const void *bytes, uint64_t recno)
{
    const uint8_t *record = bytes;

    if (record[0] != value_of(recno) || record[RECORD_BYTES - 1] != value_of(recno))
        wrong++;
}

static void expect(const char *what, slot_status status, slot_status wanted, uint64_t seen,
                   const slot_error *error)
{
    if (status == wanted && seen == RECORDS)
        return;
    printf("%s: %s after %llu records: %s\n", what, slot_status_text(status),
           (unsigned long long)seen, error->what);
    wrong++;
}

static void scan(slot_txn *txn)
{
    slot_status status;
    slot_error error = {0};
    slot_run run;
    uint64_t n = 0;

    while ((status = slot_scan(txn, n, UINT64_MAX, &run, &error)) == SLOT_OK) {
        for (uint64_t i = 0; i < run.count; i++)
            see((const uint8_t *)run.records + i * RECORD_BYTES, n++);
    }
    expect("slot_scan", status, SLOT_NOT_FOUND, n, &error);
}

static void go_back(slot_txn *txn)
{
    const slot_scan_options options = {.end = UINT64_MAX, .backward = true};
    slot_status status;
    slot_error error = {0};
    slot_cursor cursor;
    slot_run run;
    uint64_t n = RECORDS;

    MUST(slot_cursor_init(&cursor, txn, &options, &error));
    while ((status = slot_cursor_next(&cursor, &run, &error)) == SLOT_OK) {
        for (int64_t i = 0; i < (int64_t)run.count; i++)
            see((const uint8_t *)run.records + i * run.step * (int64_t)RECORD_BYTES, --n);
    }
    expect("backward", status, SLOT_NOT_FOUND, RECORDS - n, &error);
}

static void copy(slot_txn *txn)
{
    static uint8_t records[64 * RECORD_BYTES];
    slot_status status = SLOT_OK;
    slot_error error = {0};
    uint64_t n = 0;

    for (; n < RECORDS && status == SLOT_OK; n += status == SLOT_OK) {
        status = slot_get(txn, n, records, &error);
        see(records, n);
    }
    expect("slot_get", status, SLOT_OK, n, &error);
    for (n = 0; n < RECORDS && status == SLOT_OK; n += status == SLOT_OK ? 64 : 0) {
        status = slot_get_range(txn, n, 64, records, &error);
        for (uint64_t i = 0; i < 64; i++)
            see(records + i * RECORD_BYTES, n + i);
    }
    expect("slot_get_range", status, SLOT_OK, n, &error);
}

int main(int argc, char **argv)
{
    slot_error error = {0};
    slot_options options;
    slot_db *db;
    slot_txn *lender, *txn;

    if (argc < 2)
        return FAULT_SETUP;
    slot_options_init(&options);
    options.map_budget = BUDGET_BYTES;
    fault_create(argv[1], RECORD_BYTES);
    MUST(slot_open(argv[1], &options, &db, &error));
    make(db);
    lender = lend_everything(db);
    MUST(slot_begin(db, SLOT_READ, &txn, &error));
    scan(txn);
    go_back(txn);
    copy(txn);
    slot_end(txn);
    slot_end(lender);
    MUST(slot_close(db, &error));
    return wrong == 0 ? FAULT_RIGHT : FAULT_WRONG;
}
