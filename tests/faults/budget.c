/*
 * Readers of the same handle have lent all of the map budget: one by slot_ref, then four threads
 * that scan all the time.
 *
 * Right: slot_put, slot_append, slot_delete, slot_insert, slot_commit do not need it. slot_edit is
 * SLOT_E_BUDGET only beyond the 1 MiB of blocks that the header names, changes nothing then, and
 * the transaction goes on. (slot_put said so, gave zeros to slot_get, and doomed the transaction.)
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "faults.h"

#define BUDGET_BYTES  (4u << 20)
#define RECORD_BYTES  4096
#define RECORDS       6144
#define SCANNERS      4
#define PUTS          60000u /* or as many as the second argument says */
#define PUTS_TOGETHER 2000u

static int wrong;

static void fill(unsigned char *record, uint64_t n, unsigned round)
{
    memset(record, (int)((n + round * 7) % 250 + 1), RECORD_BYTES);
}

static bool is_record(slot_txn *txn, uint64_t n, unsigned round)
{
    unsigned char want[RECORD_BYTES], got[RECORD_BYTES];
    slot_error error;
    slot_status status = slot_get(txn, n, got, &error);

    fill(want, n, round);
    if (status == SLOT_OK && memcmp(want, got, RECORD_BYTES) == 0)
        return true;
    printf("record %llu: %s, %d, must be %d\n", (unsigned long long)n, slot_status_text(status),
           got[0], want[0]);
    wrong++;
    return false;
}

static void expect_ok(slot_status status, const slot_error *error, const char *what)
{
    if (status == SLOT_OK)
        return;
    printf("%s: %s: %s\n", what, slot_status_text(status), error->what);
    wrong++;
}

/* A reader that lends until nothing is left. */
static slot_txn *lend_everything(slot_db *db)
{
    slot_status status = SLOT_OK;
    slot_error error;
    slot_txn *txn;
    const void *lent;

    MUST(slot_begin(db, SLOT_READ, &txn, &error));
    for (uint64_t n = 0; n < RECORDS && status == SLOT_OK; n += 16)
        status = slot_ref(txn, n, &lent, &error);
    return txn;
}

static void write_beside(slot_db *db)
{
    unsigned char record[RECORD_BYTES];
    slot_txn *reader = lend_everything(db), *txn;
    slot_status status = SLOT_OK;
    slot_error error;
    uint64_t n = 5;
    unsigned edits = 0;
    void *lent;

    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    for (uint64_t i = 0; i < 300; i++) {
        fill(record, i, 1);
        expect_ok(slot_put(txn, i, record, &error), &error, "slot_put");
    }
    for (; n < RECORDS && status == SLOT_OK; n += 7, edits += status == SLOT_OK) {
        status = slot_edit(txn, n, &lent, &error);
        if (status == SLOT_OK)
            fill(lent, n, 1);
    }
    if (status != SLOT_OK && (status != SLOT_E_BUDGET || edits < (1u << 20) / RECORD_BYTES)) {
        printf("%u edits, then %s\n", edits, slot_status_text(status));
        wrong++;
    }
    if (status != SLOT_OK)
        is_record(txn, n - 7, n - 7 < 300);
    expect_ok(slot_delete(txn, RECORDS - 1, &error), &error, "slot_delete");
    fill(record, RECORDS - 1, 2);
    expect_ok(slot_insert(txn, record, NULL, &error), &error, "slot_insert");
    expect_ok(slot_append(txn, record, 1, NULL, &error), &error, "slot_append");
    slot_end(reader);
    expect_ok(slot_edit(txn, n - 7, &lent, &error), &error, "slot_edit after the reader's end");
    fill(lent, n - 7, 1);
    reader = lend_everything(db);
    expect_ok(slot_commit(txn, &error), &error, "slot_commit");
    slot_end(reader);
    MUST(slot_begin(db, SLOT_READ, &txn, &error));
    for (uint64_t i = 0; i < RECORDS - 1 && wrong == 0; i++)
        is_record(txn, i, i < 300 || (i % 7 == 5 && i <= n - 7) ? 1 : 0);
    is_record(txn, RECORDS - 1, 2);
    slot_end(txn);
}

struct scanning {
    slot_db *db;
    atomic_bool stop;
};

static void *scan(void *argument)
{
    struct scanning *scanning = argument;
    slot_error error;
    slot_txn *txn;
    slot_run run;

    while (!atomic_load(&scanning->stop)) {
        MUST(slot_begin(scanning->db, SLOT_READ, &txn, &error));
        for (uint64_t n = 0; slot_scan(txn, n, UINT64_MAX, &run, &error) == SLOT_OK;
             n = run.first + run.count) {
        }
        slot_end(txn);
    }
    return NULL;
}

static void put_beside_scans(slot_db *db, uint32_t puts)
{
    struct scanning scanning = {.db = db};
    unsigned char record[RECORD_BYTES];
    pthread_t threads[SCANNERS];
    slot_error error;
    slot_txn *txn;

    for (int i = 0; i < SCANNERS; i++) {
        if (pthread_create(&threads[i], NULL, scan, &scanning) != 0)
            exit(FAULT_SETUP);
    }
    for (uint32_t put = 0; put < puts && wrong == 0; put += PUTS_TOGETHER) {
        uint32_t first = put / PUTS_TOGETHER * 97 % (RECORDS - 200);

        MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
        for (uint32_t i = 0; i < PUTS_TOGETHER && wrong == 0; i++) {
            fill(record, first + i % 100, put);
            expect_ok(slot_put(txn, first + i % 100, record, &error), &error, "slot_put");
        }
        expect_ok(slot_commit(txn, &error), &error, "slot_commit");
        MUST(slot_begin(db, SLOT_READ, &txn, &error));
        is_record(txn, first + 50, put);
        slot_end(txn);
    }
    atomic_store(&scanning.stop, true);
    for (int i = 0; i < SCANNERS; i++)
        pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
    unsigned char record[RECORD_BYTES];
    slot_options options;
    slot_error error;
    slot_db *db;
    slot_txn *txn;

    if (argc < 2)
        return FAULT_SETUP;
    fault_create(argv[1], RECORD_BYTES);
    slot_options_init(&options);
    options.map_budget = BUDGET_BYTES;
    options.sync = SLOT_SYNC_NORMAL;
    MUST(slot_open(argv[1], &options, &db, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    for (uint64_t n = 0; n < RECORDS; n++) {
        fill(record, n, 0);
        MUST(slot_append(txn, record, 1, NULL, &error));
    }
    MUST(slot_commit(txn, &error));
    MUST(slot_checkpoint(db, &error));
    write_beside(db);
    if (wrong == 0)
        put_beside_scans(db, argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : PUTS);
    expect_ok(slot_verify(db, NULL, NULL, &error), &error, "slot_verify");
    MUST(slot_close(db, &error));
    return wrong != 0 ? FAULT_WRONG : FAULT_RIGHT;
}
