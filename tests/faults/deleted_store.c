/*
 * The program edits records, deletes some of them in the same transaction, and stores through the
 * pointers all the same, which it may: they are good until the transaction ends.
 *
 * Right: those records are deleted, whichever call asks, before the commit and after it: zeros in
 * ranges and runs. (slot_get and slot_read gave the bytes that were stored.)
 */
#include <string.h>

#include "faults.h"

#define RECORD_BYTES 64
#define RECORDS      24576 /* 1.5 MiB: more than a transaction lends in private memory */
#define EVERY        97

static const char zeros[RECORD_BYTES];
static char records[RECORDS * RECORD_BYTES];
static void *lent[RECORDS];
static int wrong;

static void expect(bool right, const char *what, uint64_t recno)
{
    if (!right && wrong < 20)
        printf("record %llu: %s\n", (unsigned long long)recno, what);
    wrong += !right;
}

static bool is_deleted(uint64_t recno)
{
    return recno % EVERY == 4;
}

static void store_all(void)
{
    for (int i = 0; i < RECORDS; i++)
        memset(lent[i], 'e', RECORD_BYTES);
}

static void look_at(uint64_t recno, const char *bytes, const char *what)
{
    expect(is_deleted(recno) ? memcmp(bytes, zeros, RECORD_BYTES) == 0
                             : bytes[0] == 'e' && bytes[RECORD_BYTES - 1] == 'e',
           what, recno);
}

static void look_each(slot_txn *txn)
{
    char record[RECORD_BYTES];
    const void *at = NULL;
    slot_error error;

    for (uint64_t i = 0; i < RECORDS; i++) {
        slot_status right = is_deleted(i) ? SLOT_DELETED : SLOT_OK;

        expect(slot_get(txn, i, record, &error) == right, "slot_get", i);
        expect(slot_read(txn, i, 7, 9, record, &error) == right, "slot_read", i);
        expect(slot_ref(txn, i, &at, &error) == right, "slot_ref", i);
    }
}

/* Records in one piece: each way by itself, as runs make zeros of what they pass. */
static void look_in_runs(slot_txn *txn, bool stores)
{
    slot_scan_options options = {.end = UINT64_MAX, .backward = true};
    uint64_t n, seen = 0;
    slot_cursor cursor;
    slot_error error;
    slot_run run;

    MUST(slot_get_range(txn, 0, RECORDS, records, &error));
    for (n = 0; n < RECORDS; n++)
        look_at(n, records + n * RECORD_BYTES, "slot_get_range");
    if (stores)
        store_all();
    for (n = 0; slot_scan(txn, n, UINT64_MAX, &run, &error) == SLOT_OK; n = run.first + run.count)
        for (uint64_t i = 0; i < run.count; i++)
            look_at(n + i, (const char *)run.records + i * RECORD_BYTES, "slot_scan");
    expect(n == RECORDS, "slot_scan ends", n);
    if (stores)
        store_all();
    MUST(slot_cursor_init(&cursor, txn, &options, &error));
    while (slot_cursor_next(&cursor, &run, &error) == SLOT_OK) {
        for (uint64_t i = 0; i < run.count; i++)
            look_at(run.first - i, (const char *)run.records - i * RECORD_BYTES, "a cursor");
        seen += run.count;
    }
    expect(seen == RECORDS, "a cursor ends", seen);
}

static void look(slot_txn *txn, bool stores)
{
    expect(slot_count(txn) == RECORDS - (RECORDS - 4 + EVERY - 1) / EVERY, "slot_count", 0);
    look_each(txn);
    look_in_runs(txn, stores);
}

int main(int argc, char **argv)
{
    slot_error error;
    slot_db *db;
    slot_txn *txn;

    if (argc < 2)
        return FAULT_SETUP;
    fault_create(argv[1], RECORD_BYTES);
    memset(records, '.', sizeof records);
    MUST(slot_open(argv[1], NULL, &db, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    MUST(slot_append(txn, records, RECORDS, NULL, &error));
    MUST(slot_commit(txn, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    for (uint64_t i = 0; i < RECORDS; i++)
        MUST(slot_edit(txn, i, &lent[i], &error));
    for (uint64_t i = 0; i < RECORDS; i++)
        if (is_deleted(i))
            MUST(slot_delete(txn, i, &error));
    store_all();
    look(txn, true);
    MUST(slot_commit(txn, &error));
    MUST(slot_begin(db, SLOT_READ, &txn, &error));
    look(txn, false);
    slot_end(txn);
    MUST(slot_close(db, &error));
    return wrong != 0 ? FAULT_WRONG : FAULT_RIGHT;
}
