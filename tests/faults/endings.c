/*
 * A program, or a binding whose objects go in any order, ends transactions by the call of the other
 * kind, or closes a database while one is open.
 *
 * Right: slot_end and slot_abort end both kinds, slot_commit of a read transaction is its end, and
 * nothing is changed by any of them; slot_close says SLOT_E_BUSY, and the transaction that ends
 * last closes. (Assertions ended the program, and without them the handle was gone.)
 */
#include <string.h>

#include "faults.h"

#define RECORD_BYTES 100

enum ending { END, ABORT, COMMIT, ENDINGS };

static int wrong;

static void expect(bool right, const char *what, slot_access access)
{
    if (!right)
        printf("access %d: %s\n", (int)access, what);
    wrong += !right;
}

static slot_db *open_as(const char *path, slot_access access)
{
    slot_options options;
    slot_error error;
    slot_db *db = NULL;

    slot_options_init(&options);
    options.access = access;
    options.wait_ms = 0; /* who has not let go is seen at once */
    MUST(slot_open(path, &options, &db, &error));
    return db;
}

static slot_status end(slot_txn *txn, enum ending ending)
{
    slot_error error;

    if (ending == COMMIT)
        return slot_commit(txn, &error);
    if (ending == ABORT)
        slot_abort(txn);
    else
        slot_end(txn);
    return SLOT_OK;
}

static uint64_t count(slot_db *db)
{
    slot_error error;
    slot_txn *txn;
    uint64_t n;

    MUST(slot_begin(db, SLOT_READ, &txn, &error));
    n = slot_records(txn);
    slot_end(txn);
    return n;
}

/* A write transaction that appends a record, or a read transaction. */
static slot_txn *begin(slot_db *db, slot_mode mode)
{
    char record[RECORD_BYTES] = "record";
    slot_error error;
    slot_txn *txn;

    MUST(slot_begin(db, mode, &txn, &error));
    if (mode == SLOT_WRITE)
        MUST(slot_append(txn, record, 1, NULL, &error));
    return txn;
}

/* Each ending of each kind; afterwards both kinds can begin. */
static void try_endings(const char *path, slot_access access)
{
    slot_db *db = open_as(path, access);
    slot_error error;

    for (int i = 0; i < 2 * ENDINGS; i++) {
        slot_mode mode = i % 2 == 0 ? SLOT_READ : SLOT_WRITE;
        uint64_t before = count(db);

        expect(end(begin(db, mode), (enum ending)(i / 2)) == SLOT_OK, "an ending", access);
        expect(count(db) == before + (mode == SLOT_WRITE && i / 2 == COMMIT), "records", access);
    }
    MUST(slot_close(db, &error));
}

/* The handle is closed while `readers` are open, and a writer where it does not wait for them. */
static void try_close(const char *path, slot_access access, enum ending ending)
{
    bool both = access == SLOT_TRANSACTIONAL;
    slot_db *db = open_as(path, access), *next;
    slot_txn *reader = begin(db, SLOT_READ), *writer = both ? begin(db, SLOT_WRITE) : NULL;
    uint64_t before = slot_records(reader);
    char record[RECORD_BYTES];
    slot_error error = {0};

    expect(slot_close(db, &error) == SLOT_E_BUSY && error.status == SLOT_E_BUSY, "busy", access);
    expect(slot_get(reader, 0, record, &error) == SLOT_OK, "a transaction goes on", access);
    expect(end(reader, ending) == SLOT_OK, "the ending of a reader", access);
    if (both)
        expect(end(writer, ending) == SLOT_OK, "the ending of the writer", access);
    next = open_as(path, SLOT_DIRECT); /* nobody else has it open */
    expect(count(next) == before + (both && ending == COMMIT), "records at the end", access);
    MUST(slot_verify(next, NULL, NULL, &error));
    MUST(slot_close(next, &error));
}

int main(int argc, char **argv)
{
    slot_error error;
    slot_db *db;

    if (argc < 2)
        return FAULT_SETUP;
    fault_create(argv[1], RECORD_BYTES);
    db = open_as(argv[1], SLOT_TRANSACTIONAL);
    MUST(slot_commit(begin(db, SLOT_WRITE), &error));
    MUST(slot_close(db, &error));
    for (int i = 0; i < 2; i++) {
        slot_access access = i == 0 ? SLOT_TRANSACTIONAL : SLOT_DIRECT;

        try_endings(argv[1], access);
        for (int ending = 0; ending < ENDINGS; ending++)
            try_close(argv[1], access, (enum ending)ending);
    }
    return wrong != 0 ? FAULT_WRONG : FAULT_RIGHT;
}
