/*
 * A child made by fork goes on with the write transaction that its parent has open.
 *
 * Right: each of its calls is SLOT_E_FORKED, and the parent's commit is what the parent wrote.
 * (The log is a mapping that both share: the child's bytes were in the parent's commit.)
 */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

#define RECORD_BYTES 64
#define RECORDS      1000

static int wrong;

static void expect_forked(const char *call, slot_status status)
{
    if (status == SLOT_E_FORKED)
        return;
    printf("%s in the child: %s\n", call, slot_status_text(status));
    wrong++;
}

static void child_writes(slot_txn *txn)
{
    char record[RECORD_BYTES];
    slot_error error;
    void *edited;

    memset(record, 'C', sizeof record);
    expect_forked("slot_put", slot_put(txn, 2, record, &error));
    expect_forked("slot_put of a block that is not touched", slot_put(txn, 500, record, &error));
    expect_forked("slot_write", slot_write(txn, 3, 0, 1, record, &error));
    expect_forked("slot_edit", slot_edit(txn, 4, &edited, &error));
    expect_forked("slot_append", slot_append(txn, record, 1, NULL, &error));
    expect_forked("slot_extend", slot_extend(txn, 1, NULL, &error));
    expect_forked("slot_delete", slot_delete(txn, 5, &error));
    expect_forked("slot_insert", slot_insert(txn, record, NULL, &error));
}

static void child_reads(slot_db *db, slot_txn *txn)
{
    char record[RECORD_BYTES];
    slot_error error;
    const void *lent;
    slot_run run;

    expect_forked("slot_get", slot_get(txn, 900, record, &error));
    expect_forked("slot_read", slot_read(txn, 900, 0, 1, record, &error));
    expect_forked("slot_get_range", slot_get_range(txn, 900, 1, record, &error));
    expect_forked("slot_ref", slot_ref(txn, 900, &lent, &error));
    expect_forked("slot_scan", slot_scan(txn, 0, UINT64_MAX, &run, &error));
    expect_forked("slot_verify", slot_verify(db, NULL, NULL, &error));
}

/* What the parent wrote, and nothing else. */
static void look(slot_db *db)
{
    char record[RECORD_BYTES];
    slot_error error;
    slot_txn *txn;

    MUST(slot_begin(db, SLOT_READ, &txn, &error));
    for (uint64_t n = 0; n < RECORDS; n++) {
        char want = n == 1 ? 'p' : n == 900 ? 'q' : '.';

        MUST(slot_get(txn, n, record, &error));
        if (record[0] != want) {
            printf("record %llu is '%c', not '%c'\n", (unsigned long long)n, record[0], want);
            wrong++;
        }
    }
    slot_end(txn);
}

int main(int argc, char **argv)
{
    char record[RECORD_BYTES];
    slot_error error;
    slot_db *db;
    slot_txn *txn;
    int status = 0;
    pid_t child;

    if (argc < 2)
        return FAULT_SETUP;
    fault_create(argv[1], RECORD_BYTES);
    MUST(slot_open(argv[1], NULL, &db, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    memset(record, '.', sizeof record);
    for (int i = 0; i < RECORDS; i++)
        MUST(slot_append(txn, record, 1, NULL, &error));
    MUST(slot_commit(txn, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    memset(record, 'p', sizeof record);
    MUST(slot_put(txn, 1, record, &error));
    child = fork();
    if (child == 0) {
        child_writes(txn);
        child_reads(db, txn);
        slot_abort(txn);
        fflush(stdout);
        _exit(wrong != 0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        return FAULT_SETUP;
    memset(record, 'q', sizeof record);
    MUST(slot_put(txn, 900, record, &error));
    MUST(slot_commit(txn, &error));
    look(db);
    MUST(slot_close(db, &error));
    return wrong != 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0 ? FAULT_WRONG : FAULT_RIGHT;
}
