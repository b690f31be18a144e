/*
 * A pointer of slot_edit is good until the transaction ends. The program deletes the record and
 * stores through it all the same; or stores behind the end of the last record.
 *
 * Right: a deleted record is zeros, for slot_get_range, slot_verify and who opens the file, and a
 * record that comes later is zeros at first.
 */
#include <string.h>

#include "faults.h"

#define RECORD_BYTES 64

static int wrong;

static void expect(bool right, const char *what)
{
    if (!right)
        printf("%s\n", what);
    wrong += !right;
}

static void look(slot_db *db, const char *when)
{
    char records[3 * RECORD_BYTES];
    slot_error error;
    slot_txn *txn;

    puts(when);
    expect(slot_verify(db, NULL, NULL, &error) == SLOT_OK, "verify finds damage");
    MUST(slot_begin(db, SLOT_READ, &txn, &error));
    MUST(slot_get_range(txn, 6, 3, records, &error));
    expect(records[0] == 'e' && records[2 * RECORD_BYTES] == 'e', "records that were edited");
    expect(records[RECORD_BYTES] == 0, "the deleted record has bytes");
    expect(slot_get(txn, 7, records, &error) == SLOT_DELETED, "the deleted record is there");
    MUST(slot_get(txn, 100, records, &error));
    expect(records[0] == 0, "the record that came later has bytes");
    slot_end(txn);
}

int main(int argc, char **argv)
{
    char record[RECORD_BYTES];
    slot_error error;
    slot_db *db;
    slot_txn *txn;
    void *lent[100];

    if (argc < 2)
        return FAULT_SETUP;
    fault_create(argv[1], RECORD_BYTES);
    MUST(slot_open(argv[1], NULL, &db, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    memset(record, '.', sizeof record);
    for (int i = 0; i < 100; i++)
        MUST(slot_append(txn, record, 1, NULL, &error));
    for (uint64_t i = 0; i < 100; i++)
        MUST(slot_edit(txn, i, &lent[i], &error));
    MUST(slot_delete(txn, 7, &error));
    memset(lent[7], 'D', RECORD_BYTES);
    memset(lent[6], 'e', RECORD_BYTES);
    memset(lent[8], 'e', RECORD_BYTES);
    memset((char *)lent[99] + RECORD_BYTES, 'B', RECORD_BYTES);
    MUST(slot_commit(txn, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    MUST(slot_extend(txn, 1, NULL, &error));
    MUST(slot_commit(txn, &error));
    look(db, "after the commit");
    MUST(slot_close(db, &error));
    MUST(slot_open(argv[1], NULL, &db, &error));
    look(db, "opened again");
    MUST(slot_close(db, &error));
    return wrong != 0 ? FAULT_WRONG : FAULT_RIGHT;
}
