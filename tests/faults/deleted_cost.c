/*
 * One deleted record somewhere made every look at another one ask the system for the size of the
 * file `deleted`, and for a piece of it: slot_ref cost 90 times as much, slot_edit ten times.
 *
 * Right: once the marks are mapped, no call that reads, lends or changes a record makes a system
 * call for a mark: not with the marks in the file, not with some of them in the log. A transaction
 * of one record makes none either: another one has asked for the size of the file, since when
 * there was no checkpoint. (It was asked for in each, by a descriptor that was opened for it: a
 * commit of one record took half as long again.)
 */
#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"

#define RECORDS     100000u
#define RECORD_SIZE 125u

/* Calls of the library that read from a file or ask for its size. */
static unsigned calls;

ssize_t pread(int file, void *to, size_t n, off_t at)
{
    static ssize_t (*real)(int, void *, size_t, off_t);

    calls++;
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "pread");
    return real(file, to, n, at);
}

ssize_t pread64(int file, void *to, size_t n, off64_t at)
{
    static ssize_t (*real)(int, void *, size_t, off64_t);

    calls++;
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "pread64");
    return real(file, to, n, at);
}

int fstat(int file, struct stat *found)
{
    static int (*real)(int, struct stat *);

    calls++;
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "fstat");
    return real(file, found);
}

int fstat64(int file, struct stat64 *found)
{
    static int (*real)(int, struct stat64 *);

    calls++;
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "fstat64");
    return real(file, found);
}

static void ask(slot_txn *txn, uint64_t recno)
{
    static uint8_t record[RECORD_SIZE];
    slot_error error = {0};
    const void *lent;

    MUST(slot_get(txn, recno, record, &error));
    MUST(slot_ref(txn, recno, &lent, &error));
    MUST(slot_read(txn, recno, 8, 4, record, &error));
}

static void change(slot_txn *txn, uint64_t recno)
{
    static const uint8_t record[RECORD_SIZE] = {2};
    slot_error error = {0};
    void *lent;

    MUST(slot_put(txn, recno, record, &error));
    MUST(slot_write(txn, recno, 8, 4, record, &error));
    MUST(slot_edit(txn, recno, &lent, &error));
}

/* How many calls it takes to do it with each seventh record, once each block is at hand. */
static unsigned count(slot_db *db, slot_mode mode, void (*what)(slot_txn *txn, uint64_t recno))
{
    slot_error error = {0};
    slot_txn *txn;
    unsigned before = 0;

    MUST(slot_begin(db, mode, &txn, &error));
    for (unsigned round = 0; round < 2; round++) {
        before = calls;
        for (uint64_t recno = 1; recno < RECORDS; recno += 7)
            what(txn, recno);
    }
    if (mode == SLOT_WRITE)
        slot_abort(txn);
    else
        slot_end(txn);
    return calls - before;
}

/* The same in transactions of one record each. */
static unsigned count_short(slot_db *db, slot_mode mode,
                            void (*what)(slot_txn *txn, uint64_t recno))
{
    slot_error error = {0};
    slot_txn *txn;
    unsigned before = calls;

    for (uint64_t recno = 1; recno < RECORDS; recno += 77) {
        MUST(slot_begin(db, mode, &txn, &error));
        what(txn, recno);
        if (mode == SLOT_WRITE)
            slot_abort(txn);
        else
            slot_end(txn);
    }
    return calls - before;
}

static int check(slot_db *db, const char *where)
{
    unsigned read = count(db, SLOT_READ, ask);
    unsigned changed = count(db, SLOT_WRITE, change);
    unsigned short_read = count_short(db, SLOT_READ, ask);
    unsigned short_changed = count_short(db, SLOT_WRITE, change);

    if (read + changed + short_read + short_changed == 0)
        return 0;
    printf("%s: %u system calls to read %u records, %u to change them; %u and %u in transactions "
           "of one record\n",
           where, read, RECORDS / 7, changed, short_read, short_changed);
    return 1;
}

static void delete_one(slot_db *db, uint64_t recno)
{
    slot_error error = {0};
    slot_txn *txn;

    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    MUST(slot_delete(txn, recno, &error));
    MUST(slot_commit(txn, &error));
}

int main(int argc, char **argv)
{
    static const uint8_t record[RECORD_SIZE] = {1};
    slot_error error = {0};
    slot_options options;
    slot_db *db;
    slot_txn *txn;
    int bad = 0;

    if (argc < 2)
        return FAULT_SETUP;
    slot_options_init(&options);
    options.sync = SLOT_SYNC_NORMAL;
    fault_create(argv[1], RECORD_SIZE);
    MUST(slot_open(argv[1], &options, &db, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    for (unsigned i = 0; i < RECORDS; i++)
        MUST(slot_append(txn, record, 1, NULL, &error));
    MUST(slot_commit(txn, &error));
    delete_one(db, RECORDS - 2);
    MUST(slot_checkpoint(db, &error));
    bad += check(db, "in the file");
    delete_one(db, 0);
    bad += check(db, "in the file and the log");
    MUST(slot_close(db, &error));
    return bad == 0 ? FAULT_RIGHT : FAULT_WRONG;
}
