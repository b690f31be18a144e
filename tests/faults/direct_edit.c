/*
 * Direct access: the program stores through a pointer of slot_edit after the file has grown (its
 * view was replaced by a longer one and flushed), and after its transaction, before the close.
 *
 * Right: a late store changes that record and nothing else: no call takes the block for damaged,
 * and after the next open everything fits. (The block had lost its dirty mark.)
 */
#include <string.h>

#include "faults.h"

#define RECORD_BYTES 8
#define RECORDS      135000

static int wrong;

static void expect(slot_status status, slot_error *error, const char *what)
{
    if (status == SLOT_OK)
        return;
    printf("%s: %s: %s\n", what, slot_status_text(status), error->what);
    wrong++;
}

/* The neighbours of the record in its block are written without complaint. */
static void write_neighbours(slot_db *db, const char *when)
{
    slot_error error;
    slot_txn *txn;
    void *lent;

    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    expect(slot_put(txn, 50030, "neighbou", &error), &error, when);
    expect(slot_edit(txn, 50031, &lent, &error), &error, when);
    expect(slot_commit(txn, &error), &error, when);
    expect(slot_verify(db, NULL, NULL, &error), &error, when);
}

static void look(slot_db *db, const char *want)
{
    char record[RECORD_BYTES];
    slot_error error;
    slot_txn *txn;

    MUST(slot_begin(db, SLOT_READ, &txn, &error));
    MUST(slot_get(txn, 50005, record, &error));
    if (memcmp(record, want, RECORD_BYTES) != 0) {
        printf("the record is '%.8s', not '%.8s'\n", record, want);
        wrong++;
    }
    MUST(slot_get(txn, 50006, record, &error));
    wrong += memcmp(record, "abcdefg", RECORD_BYTES) != 0;
    slot_end(txn);
}

static void edit_and_grow(slot_txn *txn)
{
    slot_error error;
    void *lent, *other;

    MUST(slot_edit(txn, 50005, &lent, &error));
    MUST(slot_append(txn, "abcdefg", 1, NULL, &error));
    MUST(slot_extend(txn, 8, NULL, &error));
    MUST(slot_put(txn, slot_records(txn) - 1, "abcdefg", &error));
    memcpy(lent, "in time.", RECORD_BYTES);
    expect(slot_edit(txn, 50030, &other, &error), &error, "edit of a neighbour");
}

/* Through a pointer whose transaction has ended. Its view is as long as the file: one that was
 * replaced would be gone, and the store the program's fault. */
static void store_late(slot_db *db, const char *record)
{
    slot_error error;
    slot_txn *txn;
    void *lent;

    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    MUST(slot_edit(txn, 50005, &lent, &error));
    MUST(slot_commit(txn, &error));
    memcpy(lent, record, RECORD_BYTES);
}

int main(int argc, char **argv)
{
    slot_options options;
    slot_error error;
    slot_db *db;
    slot_txn *txn;

    if (argc < 2)
        return FAULT_SETUP;
    fault_create(argv[1], RECORD_BYTES);
    slot_options_init(&options);
    options.access = SLOT_DIRECT;
    MUST(slot_open(argv[1], &options, &db, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    for (int i = 0; i < RECORDS; i++)
        MUST(slot_append(txn, "abcdefg", 1, NULL, &error));
    MUST(slot_commit(txn, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    edit_and_grow(txn);
    expect(slot_commit(txn, &error), &error, "commit");
    store_late(db, "too late");
    write_neighbours(db, "after a store that was late");
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    edit_and_grow(txn);
    slot_abort(txn);
    write_neighbours(db, "after an abort");
    store_late(db, "the last");
    expect(slot_close(db, &error), &error, "close");
    MUST(slot_open(argv[1], NULL, &db, &error));
    look(db, "the last");
    expect(slot_verify(db, NULL, NULL, &error), &error, "opened again");
    MUST(slot_close(db, &error));
    return wrong != 0 ? FAULT_WRONG : FAULT_RIGHT;
}
