/*
 * A child made by fork has the memory of its parent and none of its database: its handle is dead,
 * closing it or ending does no harm, and it keeps no lock when the parent has been killed.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os.h"
#include "support/fixture.h"
#include "support/thread.h"
#include "torture/board.h"

#define N       125
#define RECORDS 1000
#define WAIT_MS 30000

/* Run `fn` in a child; its result is the exit code, and must be 0. */
static void in_child(struct fixture *f, int (*fn)(struct fixture *f, slot_txn *txn), slot_txn *txn)
{
    pid_t child = fork();
    int status = -1;

    assert_true(child >= 0);
    if (child == 0)
        _exit(fn(f, txn));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void put_one(struct fixture *f, slot_txn *txn, uint64_t recno, uint64_t version)
{
    char record[N];

    record_fill(record, N, recno, version);
    assert_ok(f, slot_put(txn, recno, record, &f->err));
}

static void expect_one(struct fixture *f, slot_txn *txn, uint64_t recno, uint64_t version)
{
    char record[N];

    assert_ok(f, slot_get(txn, recno, record, &f->err));
    assert_true(record_is(record, N, recno, version));
}

static void make(struct fixture *f)
{
    fixture_create(f, N);
    fixture_append(f, RECORDS);
}

/* ---- the handle is dead ---------------------------------------------------------------------- */

static int begins(struct fixture *f, slot_txn *txn)
{
    (void)txn;
    if (slot_begin(f->db, SLOT_READ, &txn, &f->err) != SLOT_E_FORKED)
        return 1;
    if (slot_begin(f->db, SLOT_WRITE, &txn, &f->err) != SLOT_E_FORKED)
        return 2;
    return f->err.what[0] != '\0' ? 0 : 3;
}

static void test_fork__begin(void **state)
{
    struct fixture *f = *state;

    make(f);
    in_child(f, begins, NULL);
    fixture_check_records(f, RECORDS);
}

/* Whatever else it calls is an error too, and never writes. */
static int calls_the_rest(struct fixture *f, slot_txn *txn)
{
    if (slot_checkpoint(f->db, &f->err) == SLOT_OK)
        return 1;
    if (slot_commit(txn, &f->err) == SLOT_OK)
        return 2;
    return 0;
}

static void test_fork__commit_of_the_parents_transaction(void **state)
{
    struct fixture *f = *state;
    slot_txn *txn;

    make(f);
    txn = fixture_begin(f, SLOT_WRITE);
    put_one(f, txn, 5, 1);
    in_child(f, calls_the_rest, txn);
    put_one(f, txn, 500, 1);
    fixture_commit(f, txn);
    txn = fixture_begin(f, SLOT_READ);
    expect_one(f, txn, 5, 1);
    expect_one(f, txn, 500, 1);
    slot_end(txn);
}

/* ---- closing, ending ------------------------------------------------------------------------- */

static int aborts_and_closes(struct fixture *f, slot_txn *txn)
{
    slot_abort(txn);
    return slot_close(f->db, &f->err) == SLOT_OK ? 0 : 1;
}

static int ends_and_closes(struct fixture *f, slot_txn *txn)
{
    slot_end(txn);
    return slot_close(f->db, &f->err) == SLOT_OK ? 0 : 1;
}

/* The transaction stays open: it may be that of a thread that is not here. */
static int only_closes(struct fixture *f, slot_txn *txn)
{
    (void)txn;
    return slot_close(f->db, &f->err) == SLOT_OK ? 0 : 1;
}

static int only_ends(struct fixture *f, slot_txn *txn)
{
    (void)f, (void)txn;
    return 0;
}

/* The parent's write transaction goes on as if there had been no child. */
static void during_a_write(struct fixture *f, int (*fn)(struct fixture *f, slot_txn *txn))
{
    slot_txn *txn;

    make(f);
    txn = fixture_begin(f, SLOT_WRITE);
    put_one(f, txn, 5, 1);
    put_one(f, txn, 999, 1);
    in_child(f, fn, txn);
    expect_one(f, txn, 5, 1);
    put_one(f, txn, 500, 1);
    fixture_commit(f, txn);
    in_child(f, fn, NULL);
    fixture_close(f);
    fixture_open(f);
    txn = fixture_begin(f, SLOT_READ);
    expect_one(f, txn, 5, 1);
    expect_one(f, txn, 500, 1);
    expect_one(f, txn, 999, 1);
    expect_one(f, txn, 6, 0);
    slot_end(txn);
}

static void test_fork__closes_during_a_write(void **state)
{
    during_a_write(*state, aborts_and_closes);
}

static void test_fork__only_closes_during_a_write(void **state)
{
    during_a_write(*state, only_closes);
}

static void test_fork__ends_during_a_write(void **state)
{
    during_a_write(*state, only_ends);
}

/* A snapshot of the parent is still protected after the child has ended its copy. */
static void test_fork__ends_a_read(void **state)
{
    struct fixture *f = *state;
    slot_txn *reader, *writer;
    const void *lent = NULL;

    make(f);
    reader = fixture_begin(f, SLOT_READ);
    assert_ok(f, slot_ref(reader, 5, &lent, &f->err));
    in_child(f, ends_and_closes, reader);
    for (uint64_t version = 1; version <= 3; version++) {
        writer = fixture_begin(f, SLOT_WRITE);
        put_one(f, writer, 5, version);
        fixture_commit(f, writer);
        assert_ok(f, slot_checkpoint(f->db, &f->err));
    }
    assert_true(record_is(lent, N, 5, 0));
    expect_one(f, reader, 5, 0);
    slot_end(reader);
}

/* The child opens the database itself, beside its parent. */
static int opens_its_own(struct fixture *f, slot_txn *txn)
{
    slot_db *db = NULL;
    char record[N];

    if (slot_open(f->path, &f->options, &db, &f->err) != SLOT_OK)
        return 1;
    if (slot_begin(db, SLOT_WRITE, &txn, &f->err) != SLOT_OK)
        return 2;
    record_fill(record, N, 7, 3);
    if (slot_put(txn, 7, record, &f->err) != SLOT_OK)
        return 3;
    if (slot_commit(txn, &f->err) != SLOT_OK)
        return 4;
    if (slot_close(f->db, &f->err) != SLOT_OK)
        return 5;
    return slot_close(db, &f->err) == SLOT_OK ? 0 : 6;
}

static void test_fork__opens_its_own(void **state)
{
    struct fixture *f = *state;
    slot_txn *txn;

    make(f);
    in_child(f, opens_its_own, NULL);
    txn = fixture_begin(f, SLOT_WRITE);
    expect_one(f, txn, 7, 3);
    put_one(f, txn, 8, 3);
    fixture_commit(f, txn);
}

/* ---- locks ----------------------------------------------------------------------------------- */

/* A process that has the database open and a transaction going, makes a child that lives on, and
 * is killed. */
static void holder(struct fixture *f, struct board *board, slot_mode mode)
{
    slot_txn *txn = NULL;
    slot_db *db = NULL;
    char record[N];

    if (slot_open(f->path, &f->options, &db, NULL) != SLOT_OK ||
        slot_begin(db, mode, &txn, NULL) != SLOT_OK)
        _exit(1);
    record_fill(record, N, 3, 5);
    if (mode == SLOT_WRITE && slot_put(txn, 3, record, NULL) != SLOT_OK)
        _exit(1);
    if (fork() != 0) {
        (void)board_await(board, 1, WAIT_MS);
        (void)kill(getpid(), SIGKILL);
    }
    atomic_store(&board->step, 1);
    (void)board_await(board, 2, 2 * WAIT_MS);
    _exit(0);
}

static void holder_dies(struct fixture *f, slot_mode mode)
{
    char path[4200];
    struct board *board;
    slot_txn *txn;
    pid_t child;
    int status = 0;

    f->options.wait_ms = 5000;
    make(f);
    fixture_close(f);
    snprintf(path, sizeof path, "%s/board", f->dir);
    board = board_make(path);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        holder(f, board, mode);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    /* The grandchild lives. We are the first to open: byte 0 of the dead is free. */
    fixture_open(f);
    txn = fixture_begin(f, SLOT_WRITE);
    expect_one(f, txn, 3, 0);
    put_one(f, txn, 3, 6);
    fixture_commit(f, txn);
    assert_ok(f, slot_checkpoint(f->db, &f->err));
    fixture_close(f);
    /* Direct access is for one alone: nobody else has it. */
    f->options.access = SLOT_DIRECT;
    fixture_open(f);
    fixture_close(f);
    atomic_store(&board->step, 2);
    board_close(board);
}

static void test_fork__a_writer_is_killed(void **state)
{
    holder_dies(*state, SLOT_WRITE);
}

static void test_fork__a_reader_is_killed(void **state)
{
    holder_dies(*state, SLOT_READ);
}

/* ---- forks beside threads that commit -------------------------------------------------------- */

struct writing {
    struct fixture *f;
    _Atomic int stop;
    uint64_t commits;
};

static void keep_writing(void *context)
{
    struct writing *writing = context;

    while (!writing->stop) {
        slot_txn *txn = NULL;
        char record[N];

        writing->commits++;
        record_fill(record, N, 11, writing->commits);
        if (slot_begin(writing->f->db, SLOT_WRITE, &txn, NULL) != SLOT_OK ||
            slot_put(txn, 11, record, NULL) != SLOT_OK || slot_commit(txn, NULL) != SLOT_OK)
            abort();
        slot__os_native()->sleep_us(slot__os_native(), 300); /* leave the others their turn */
    }
}

static void test_fork__beside_a_thread_that_commits(void **state)
{
    struct fixture *f = *state;
    struct writing writing = {.f = f};
    struct test_thread *thread;
    slot_txn *txn;

    make(f);
    thread = test_thread_start(keep_writing, &writing);
    for (int i = 0; i < 50; i++)
        in_child(f, i % 2 == 0 ? begins : opens_its_own, NULL);
    writing.stop = 1;
    test_thread_join(thread);
    txn = fixture_begin(f, SLOT_READ);
    expect_one(f, txn, 11, writing.commits);
    expect_one(f, txn, 7, 3);
    slot_end(txn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_fork__begin),
        fixture_test(test_fork__commit_of_the_parents_transaction),
        fixture_test(test_fork__closes_during_a_write),
        fixture_test(test_fork__only_closes_during_a_write),
        fixture_test(test_fork__ends_during_a_write),
        fixture_test(test_fork__ends_a_read),
        fixture_test(test_fork__opens_its_own),
        fixture_test(test_fork__a_writer_is_killed),
        fixture_test(test_fork__a_reader_is_killed),
        fixture_test(test_fork__beside_a_thread_that_commits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
