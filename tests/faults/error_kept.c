/*
 * Calls whose first way fails and whose second does not: the first segment of the log has to be
 * made, and a budget that is lent as a whole makes a copy go through the file.
 *
 * Right: a call that returns SLOT_OK leaves the slot_error as it was. (slot_commit was SLOT_OK and
 * left SLOT_E_NO_FILE in it.)
 */
#include <string.h>

#include "faults.h"

#define RECORD_BYTES 4096
#define RECORDS      4096 /* 16 MiB */
#define BUDGET       (6u << 20)

static slot_error error;
static int wrong;

static void kept(slot_status status, const char *what)
{
    if (status == SLOT_OK && error.status == SLOT_E_LIMIT)
        return;
    printf("%s: %d, and the error says %d: %s\n", what, (int)status, (int)error.status, error.what);
    wrong++;
}

#define KEPT(call) (error.status = SLOT_E_LIMIT, kept((call), #call))

/* Until no view is left to be lent. */
static void lend_all(slot_txn *txn)
{
    slot_status status = SLOT_OK;
    const void *lent = NULL;
    slot_error other;

    for (uint64_t i = 0; i < RECORDS && status == SLOT_OK; i++)
        status = slot_ref(txn, i, &lent, &other);
    if (status != SLOT_E_BUDGET)
        exit(FAULT_SETUP);
}

int main(int argc, char **argv)
{
    static char record[RECORD_BYTES] = "record";
    slot_options options;
    slot_run run;
    slot_db *db;
    slot_txn *txn;

    if (argc < 2)
        return FAULT_SETUP;
    fault_create(argv[1], RECORD_BYTES);
    slot_options_init(&options);
    options.map_budget = BUDGET;
    MUST(slot_open(argv[1], &options, &db, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    for (int i = 0; i < RECORDS; i++)
        KEPT(slot_append(txn, record, 1, NULL, &error));
    KEPT(slot_commit(txn, &error));
    KEPT(slot_checkpoint(db, &error));
    KEPT(slot_begin(db, SLOT_READ, &txn, &error));
    lend_all(txn);
    KEPT(slot_get(txn, RECORDS - 1, record, &error));
    KEPT(slot_read(txn, RECORDS - 1, 5, 7, record, &error));
    KEPT(slot_scan(txn, RECORDS - 2, RECORDS, &run, &error));
    slot_end(txn);
    KEPT(slot_close(db, &error));
    return wrong != 0 ? FAULT_WRONG : FAULT_RIGHT;
}
