/*
 * Commits for scripts that watch them from outside. Marks go to stdout, each with one write.
 *
 *     commits run DB full|normal THREADS COUNT
 *         In a new database, COUNT commits by each of the threads, a checkpoint now and then;
 *         "BEGIN t n" before and "ACK t n" after a commit.
 *     commits ledger DB PAUSE MOST CHECKPOINT
 *         The ledger's transactions (ledger.h) in a database that is made when it is not there, at
 *         most until MOST are there; "ACK n" after each commit, n being there now. When PAUSE are
 *         there it writes "PAUSED" and waits for a line on stdin. The first commit that fails is
 *         "FAILED status"; three more are tried, "LATER status". It ends without closing.
 *         CHECKPOINT is checkpoint_bytes.
 *     commits check DB LEAST MOST
 *         "STATE n": the database is whole and holds n transactions, LEAST <= n <= MOST. Else the
 *         exit code is 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/fixture.h"
#include "support/thread.h"
#include "torture/ledger.h"

#define THREADS_MAX 8
#define RECORDS     2000

static void mark(const char *text)
{
    size_t n = strlen(text);

    if (write(STDOUT_FILENO, text, n) != (ssize_t)n)
        abort();
}

static void must(const char *call, slot_status status, const slot_error *err)
{
    if (status == SLOT_OK)
        return;
    fprintf(stderr, "ERROR: %s: %d (%s): %s, offset %lld: %s\n", call, (int)status,
            slot_status_text(status), err->file, (long long)err->offset, err->what);
    exit(1);
}

/* ---- run ------------------------------------------------------------------------------------- */

struct committing {
    slot_db *db;
    unsigned thread;
    uint64_t count;
};

static void commit_one(struct committing *c, uint64_t n, uint64_t *random)
{
    char record[LEDGER_RECORD_SIZE];
    slot_txn *txn = NULL;
    slot_error err;
    char text[64];

    must("slot_begin", slot_begin(c->db, SLOT_WRITE, &txn, &err), &err);
    for (int i = 0; i < 3; i++) {
        uint64_t recno = random_next(random) % RECORDS;

        record_fill(record, sizeof record, recno, n);
        must("slot_put", slot_put(txn, recno, record, &err), &err);
    }
    if (n % 10 == 0)
        must("slot_append", slot_append(txn, record, 1, NULL, &err), &err);
    snprintf(text, sizeof text, "BEGIN %u %llu\n", c->thread, (unsigned long long)n);
    mark(text);
    must("slot_commit", slot_commit(txn, &err), &err);
    snprintf(text, sizeof text, "ACK %u %llu\n", c->thread, (unsigned long long)n);
    mark(text);
}

static void commit_many(void *context)
{
    struct committing *c = context;
    uint64_t random = c->thread;
    slot_error err;

    for (uint64_t n = 1; n <= c->count; n++) {
        commit_one(c, n, &random);
        if (n % 50 == 0)
            must("slot_checkpoint", slot_checkpoint(c->db, &err), &err);
    }
}

/* RECORDS records, all in `records`: what is watched are the commits after that. */
static void make(const char *path, slot_options *options)
{
    slot_db *db = NULL;
    slot_txn *txn = NULL;
    slot_error err;

    must("slot_create", ledger_create(path, options, &err), &err);
    must("slot_open", slot_open(path, options, &db, &err), &err);
    must("slot_begin", slot_begin(db, SLOT_WRITE, &txn, &err), &err);
    must("slot_extend", slot_extend(txn, RECORDS, NULL, &err), &err);
    must("slot_commit", slot_commit(txn, &err), &err);
    must("slot_close", slot_close(db, &err), &err);
}

static int run(const char *path, const char *sync, unsigned threads, uint64_t count)
{
    struct committing committing[THREADS_MAX] = {0};
    struct test_thread *started[THREADS_MAX];
    slot_options options;
    slot_db *db = NULL;
    slot_error err;

    slot_options_init(&options);
    options.sync = strcmp(sync, "full") == 0 ? SLOT_SYNC_FULL : SLOT_SYNC_NORMAL;
    options.wait_ms = 60000;
    options.checkpoint_bytes = 1 << 20;
    make(path, &options);
    must("slot_open", slot_open(path, &options, &db, &err), &err);
    for (unsigned i = 0; i < threads && i < THREADS_MAX; i++) {
        committing[i].db = db;
        committing[i].thread = i;
        committing[i].count = count;
        started[i] = test_thread_start(commit_many, &committing[i]);
    }
    for (unsigned i = 0; i < threads && i < THREADS_MAX; i++)
        test_thread_join(started[i]);
    must("slot_close", slot_close(db, &err), &err);
    return 0;
}

/* ---- ledger ---------------------------------------------------------------------------------- */

static void mark_status(const char *what, slot_status status, const slot_error *err)
{
    char text[300];

    snprintf(text, sizeof text, "%s %d %s\n", what, (int)status,
             status == SLOT_OK ? "" : err->what);
    mark(text);
}

static slot_status commit_ledger(struct ledger *ledger, slot_db *db, uint64_t most, slot_error *err)
{
    slot_status status = SLOT_OK;
    char text[64];

    while (ledger->transactions < most) {
        status = ledger_commit(ledger, db, NULL, NULL, err);
        if (status != SLOT_OK)
            break;
        snprintf(text, sizeof text, "ACK %llu\n", (unsigned long long)ledger->transactions);
        mark(text);
    }
    return status;
}

static int run_ledger(const char *path, uint64_t pause, uint64_t most, uint64_t checkpoint_bytes)
{
    struct ledger ledger;
    slot_options options;
    slot_db *db = NULL;
    slot_error err = {0};
    slot_status status;

    slot_options_init(&options);
    options.checkpoint_bytes = checkpoint_bytes;
    ledger_init(&ledger);
    status = ledger_create(path, &options, &err);
    if (status != SLOT_E_EXISTS)
        must("slot_create", status, &err);
    must("slot_open", slot_open(path, &options, &db, &err), &err);
    if (!ledger_check(&ledger, db, 0, UINT64_MAX))
        return 1;
    status = commit_ledger(&ledger, db, pause, &err);
    if (status == SLOT_OK) {
        mark("PAUSED\n");
        (void)getchar();
        status = commit_ledger(&ledger, db, most, &err);
    }
    mark_status("FAILED", status, &err);
    for (int i = 0; i < 3; i++) {
        err.what[0] = '\0';
        mark_status("LATER", ledger_commit(&ledger, db, NULL, NULL, &err), &err);
    }
    _exit(0);
}

static int check(const char *path, uint64_t least, uint64_t most)
{
    struct ledger ledger;
    slot_db *db = NULL;
    slot_error err = {0};
    char text[64];

    ledger_init(&ledger);
    must("slot_open", slot_open(path, NULL, &db, &err), &err);
    if (!ledger_check(&ledger, db, least, most) || !ledger_verify(db))
        return 1;
    snprintf(text, sizeof text, "STATE %llu\n", (unsigned long long)ledger.transactions);
    mark(text);
    ledger_release(&ledger);
    must("slot_close", slot_close(db, &err), &err);
    return 0;
}

static uint64_t number(const char *text)
{
    return strtoull(text, NULL, 10);
}

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "run") == 0)
        return run(argv[2], argv[3], (unsigned)number(argv[4]), number(argv[5]));
    if (argc == 6 && strcmp(argv[1], "ledger") == 0)
        return run_ledger(argv[2], number(argv[3]), number(argv[4]), number(argv[5]));
    if (argc == 5 && strcmp(argv[1], "check") == 0)
        return check(argv[2], number(argv[3]), number(argv[4]));
    fprintf(stderr, "usage: see the top of commits.c\n");
    return 2;
}
