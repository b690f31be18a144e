/*
 * A child made by fork reads with a transaction that its parent has open.
 *
 * Right: each read is SLOT_E_FORKED, also of records that the transaction had at hand, in each kind
 * of access. (slot_get and slot_ref of such gave an answer with SLOT_OK: as soon as the parent's
 * transaction has ended, checkpoints change what the child still has mapped, and the answer is half
 * of one state and half of another.)
 */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

#define RECORD_BYTES 64
#define RECORDS      1000
#define IN_LOG       30 /* the first ones have a version in the log, where there is one */

static int wrong;

static void expect_forked(const char *call, unsigned access, uint64_t recno, slot_status status)
{
    if (status == SLOT_E_FORKED)
        return;
    printf("access %u: %s of record %llu in the child: %s\n", access, call,
           (unsigned long long)recno, slot_status_text(status));
    wrong++;
}

static void read_all(slot_txn *txn)
{
    char record[RECORD_BYTES];
    slot_error error = {0};
    const void *lent;

    for (uint64_t n = 0; n < RECORDS; n++) {
        MUST(slot_get(txn, n, record, &error));
        MUST(slot_ref(txn, n, &lent, &error));
    }
}

static void child_reads(slot_txn *txn, unsigned access)
{
    char record[RECORD_BYTES];
    slot_error error;
    const void *lent;
    slot_run run;

    for (uint64_t n = 0; n < RECORDS; n += IN_LOG - 1) {
        expect_forked("slot_get", access, n, slot_get(txn, n, record, &error));
        expect_forked("slot_ref", access, n, slot_ref(txn, n, &lent, &error));
        expect_forked("slot_read", access, n, slot_read(txn, n, 0, 1, record, &error));
        expect_forked("slot_get_range", access, n, slot_get_range(txn, n, 1, record, &error));
        expect_forked("slot_scan", access, n, slot_scan(txn, n, UINT64_MAX, &run, &error));
    }
    slot_end(txn);
}

static void change(slot_db *db, uint64_t first, uint64_t end, char byte)
{
    char record[RECORD_BYTES];
    slot_error error = {0};
    slot_txn *txn;

    memset(record, byte, sizeof record);
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    for (uint64_t n = first; n < end; n++) {
        if (n < slot_records(txn))
            MUST(slot_put(txn, n, record, &error));
        else
            MUST(slot_append(txn, record, 1, NULL, &error));
    }
    MUST(slot_commit(txn, &error));
}

/* All that the transaction has read is at hand; then a child is made. */
static void fork_with(const char *path, slot_access access)
{
    slot_error error = {0};
    slot_options options;
    slot_db *db;
    slot_txn *txn;
    int status = 0;
    pid_t child;

    slot_options_init(&options);
    options.access = access;
    MUST(slot_open(path, &options, &db, &error));
    if (access == SLOT_TRANSACTIONAL)
        change(db, 0, IN_LOG, 'b');
    MUST(slot_begin(db, SLOT_READ, &txn, &error));
    read_all(txn);
    child = fork();
    if (child == 0) {
        child_reads(txn, (unsigned)access);
        MUST(slot_close(db, &error));
        fflush(stdout);
        _exit(wrong != 0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        exit(FAULT_SETUP);
    wrong += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    read_all(txn); /* the parent's goes on */
    slot_end(txn);
    MUST(slot_close(db, &error));
}

int main(int argc, char **argv)
{
    slot_error error = {0};
    slot_db *db;

    if (argc < 2)
        return FAULT_SETUP;
    fault_create(argv[1], RECORD_BYTES);
    MUST(slot_open(argv[1], NULL, &db, &error));
    change(db, 0, RECORDS, 'a');
    MUST(slot_close(db, &error));
    fork_with(argv[1], SLOT_TRANSACTIONAL);
    fork_with(argv[1], SLOT_DIRECT);
    fork_with(argv[1], SLOT_READ_ONLY);
    return wrong != 0 ? FAULT_WRONG : FAULT_RIGHT;
}
