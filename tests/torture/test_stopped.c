/*
 * Processes that stand still, or die, in the middle of a transaction: a reader keeps its snapshot
 * over checkpoints of others and holds up nobody; the next writer waits as long as it was told to
 * and not longer; what the dead had, others get. Where the system cannot stop a process it waits
 * at the same place by itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "support/by_path.h"
#include "support/fixture.h"
#include "torture/board.h"
#include "torture/process.h"

#define N       125
#define RECORDS 1000
#define WAIT_MS 30000

static const char *program;

/* ---- the child ------------------------------------------------------------------------------- */

struct child {
    struct board *board;
    slot_db *db;
    slot_txn *txn;
    slot_error err;
};

static void need(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "ERROR: child: %s\n", what);
    _Exit(1);
}

static void need_ok(struct child *child, const char *what, slot_status status)
{
    if (status == SLOT_OK)
        return;
    fprintf(stderr, "ERROR: child: %s: %d (%s): %s\n", what, (int)status, slot_status_text(status),
            child->err.what);
    _Exit(1);
}

static void begin(struct child *child, slot_mode mode)
{
    need_ok(child, "slot_begin", slot_begin(child->db, mode, &child->txn, &child->err));
}

/* Tell the parent that we are there, and stand still until it says go on. */
static void stand(struct child *child)
{
    atomic_store(&child->board->step, 1);
    need(board_await(child->board, 2, 2 * WAIT_MS), "the parent does not go on");
}

/* Lend all records, stand still, find them as they were. */
static void child_reads(struct child *child)
{
    const void *lent[RECORDS];
    char record[N];

    begin(child, SLOT_READ);
    for (uint64_t recno = 0; recno < RECORDS; recno++)
        need_ok(child, "slot_ref", slot_ref(child->txn, recno, &lent[recno], &child->err));
    stand(child);
    need(slot_records(child->txn) == RECORDS, "the number of records");
    for (uint64_t recno = 0; recno < RECORDS; recno++) {
        need(record_is(lent[recno], N, recno, 0), "a lent record has changed");
        need_ok(child, "slot_get", slot_get(child->txn, recno, record, &child->err));
        need(record_is(record, N, recno, 0), "a record has changed");
    }
    slot_end(child->txn);
}

/* Change all records and append some, stand still, commit. */
static void child_writes(struct child *child)
{
    char record[N];

    begin(child, SLOT_WRITE);
    for (uint64_t recno = 0; recno < RECORDS; recno++) {
        record_fill(record, N, recno, 7);
        need_ok(child, "slot_put", slot_put(child->txn, recno, record, &child->err));
    }
    record_fill(record, N, RECORDS, 7);
    need_ok(child, "slot_append", slot_append(child->txn, record, 1, NULL, &child->err));
    stand(child);
    need_ok(child, "slot_commit", slot_commit(child->txn, &child->err));
}

/* As many read transactions at once as half the slots there are. */
static void child_fills_slots(struct child *child)
{
    slot_stat_info info = {.size = sizeof info};

    need_ok(child, "slot_stat", slot_stat(child->db, &info, &child->err));
    for (uint32_t i = 0; i < info.reader_slots / 2; i++)
        begin(child, SLOT_READ);
    stand(child);
    need(false, "was not killed");
}

static int child_main(const char *what, const char *path, const char *board)
{
    struct child child = {.board = board_open(board)};

    need_ok(&child, "slot_open", slot_open(path, NULL, &child.db, &child.err));
    if (strcmp(what, "reads") == 0)
        child_reads(&child);
    else if (strcmp(what, "writes") == 0)
        child_writes(&child);
    else
        child_fills_slots(&child);
    need_ok(&child, "slot_close", slot_close(child.db, &child.err));
    board_close(child.board);
    return 0;
}

/* ---- the parent ------------------------------------------------------------------------------ */

struct pair {
    struct board *board;
    char board_path[4200];
    struct process *child;
};

/* A child that does `what` and now stands still in the middle of it. */
static void pair_start(struct fixture *f, struct pair *pair, const char *what)
{
    const char *arguments[] = {"--child", what, f->path, pair->board_path, NULL};

    snprintf(pair->board_path, sizeof pair->board_path, "%s/board", f->dir);
    pair->board = board_make(pair->board_path);
    pair->child = process_start(program, arguments);
    assert_true(board_await(pair->board, 1, WAIT_MS));
    (void)process_stop(pair->child);
}

static void pair_release(struct pair *pair)
{
    const struct os *os = slot__os_native();

    process_release(pair->child);
    board_close(pair->board);
    assert_true(os_ok(by_path_remove_file(os, pair->board_path)));
}

/* Let it go on to its end, which is a good one. */
static void pair_finish(struct pair *pair)
{
    struct process_end end = {false, -1};

    atomic_store(&pair->board->step, 2);
    (void)process_continue(pair->child);
    assert_true(process_wait(pair->child, WAIT_MS, &end));
    assert_false(end.killed);
    assert_int_equal(end.code, 0);
    pair_release(pair);
}

static void pair_kill(struct pair *pair)
{
    struct process_end end = {false, -1};

    process_kill(pair->child);
    assert_true(process_wait(pair->child, WAIT_MS, &end));
    assert_true(end.killed);
    pair_release(pair);
}

static void make(struct fixture *f)
{
    fixture_create(f, N);
    fixture_append(f, RECORDS);
}

/* All records in their version `version`, in one transaction. */
static slot_status change_all(struct fixture *f, uint64_t version)
{
    slot_txn *txn = NULL;
    char record[N];
    slot_status status = slot_begin(f->db, SLOT_WRITE, &txn, &f->err);

    for (uint64_t recno = 0; recno < RECORDS && status == SLOT_OK; recno++) {
        record_fill(record, N, recno, version);
        status = slot_put(txn, recno, record, &f->err);
    }
    if (status == SLOT_OK)
        return slot_commit(txn, &f->err);
    slot_abort(txn);
    return status;
}

static void check_all(struct fixture *f, uint64_t version)
{
    slot_txn *txn = fixture_begin(f, SLOT_READ);
    char record[N];

    for (uint64_t recno = 0; recno < RECORDS; recno++) {
        assert_ok(f, slot_get(txn, recno, record, &f->err));
        assert_true(record_is(record, N, recno, version));
    }
    slot_end(txn);
}

static slot_stat_info stat_of(struct fixture *f)
{
    slot_stat_info info = {.size = sizeof info};

    assert_ok(f, slot_stat(f->db, &info, &f->err));
    return info;
}

static void test_stopped__reader_over_3_checkpoints(void **state)
{
    struct fixture *f = *state;
    struct pair pair;
    uint64_t seen;

    make(f);
    pair_start(f, &pair, "reads");
    seen = stat_of(f).published_lsn;
    for (uint64_t round = 1; round <= 3; round++) {
        assert_ok(f, change_all(f, round));
        assert_ok(f, change_all(f, 100 + round));
        assert_ok(f, slot_checkpoint(f->db, &f->err));
        check_all(f, 100 + round);
        assert_int_equal(stat_of(f).oldest_reader_lsn, seen);
        assert_true(stat_of(f).checkpoint_lsn <= seen);
    }
    pair_finish(&pair);
    assert_ok(f, slot_checkpoint(f->db, &f->err));
    assert_int_equal(stat_of(f).checkpoint_lsn, stat_of(f).published_lsn);
    check_all(f, 103);
}

/* Commits beside a reader that keeps all of the log, until it is full; returns how many. */
static uint64_t fill_log(struct fixture *f, struct pair *pair)
{
    slot_status status = SLOT_OK;
    uint64_t version = 0;

    f->options.log_limit_bytes = 4 << 20;
    f->options.sync = SLOT_SYNC_NORMAL;
    make(f);
    pair_start(f, pair, "reads");
    while (version < 1000 && (status = change_all(f, version + 1)) == SLOT_OK)
        version++;
    assert_status(f, status, SLOT_E_LOG_FULL);
    return version;
}

/* With the log at its limit the writer is told so, and by whom. */
static void test_stopped__reader_until_the_log_is_full(void **state)
{
    struct fixture *f = *state;
    struct pair pair;
    uint64_t version;

    version = fill_log(f, &pair);
    assert_true(version > 3);
    check_all(f, version);
    assert_status(f, change_all(f, version + 1), SLOT_E_LOG_FULL);
    pair_finish(&pair);
    for (uint64_t i = 1; i <= 100; i++)
        assert_ok(f, change_all(f, version + i));
    check_all(f, version + 100);
}

static void test_stopped__reader_killed_with_the_log_full(void **state)
{
    struct fixture *f = *state;
    struct pair pair;
    uint64_t version;

    version = fill_log(f, &pair);
    pair_kill(&pair);
    for (uint64_t i = 1; i <= 100; i++)
        assert_ok(f, change_all(f, version + i));
    check_all(f, version + 100);
}

/* The next writer gives up when it was told to; readers do not notice. */
static void expect_busy(struct fixture *f)
{
    const struct os *os = slot__os_native();
    uint64_t started = os->clock_ms(os);
    slot_txn *txn = NULL;

    assert_status(f, slot_begin(f->db, SLOT_WRITE, &txn, &f->err), SLOT_E_BUSY);
    /* Not a measurement: a hang would be caught here with a message. */
    assert_true(os->clock_ms(os) - started >= f->options.wait_ms / 2);
    assert_true(os->clock_ms(os) - started < 20000);
    check_all(f, 0);
}

static void test_stopped__writer_goes_on(void **state)
{
    struct fixture *f = *state;
    struct pair pair;

    f->options.wait_ms = 300;
    make(f);
    pair_start(f, &pair, "writes");
    expect_busy(f);
    expect_busy(f);
    pair_finish(&pair);
    check_all(f, 7);
    assert_ok(f, change_all(f, 8));
    check_all(f, 8);
}

static void test_stopped__writer_is_killed(void **state)
{
    struct fixture *f = *state;
    struct pair pair;
    slot_txn *txn;

    f->options.wait_ms = 300;
    make(f);
    for (int i = 0; i < 3; i++) {
        pair_start(f, &pair, "writes");
        expect_busy(f);
        pair_kill(&pair);
        f->options.wait_ms = 300;
    }
    check_all(f, 0);
    txn = fixture_begin(f, SLOT_READ);
    assert_int_equal(slot_records(txn), RECORDS);
    slot_end(txn);
    assert_ok(f, change_all(f, 9));
    check_all(f, 9);
}

/* A writer stands still: checkpoints of others wait for nothing that it has. */
static void test_stopped__checkpoint_beside_a_writer(void **state)
{
    struct fixture *f = *state;
    slot_status status;
    struct pair pair;

    f->options.wait_ms = 300;
    make(f);
    pair_start(f, &pair, "writes");
    status = slot_checkpoint(f->db, &f->err);
    assert_true(status == SLOT_OK || status == SLOT_E_BUSY);
    check_all(f, 0);
    pair_finish(&pair);
    check_all(f, 7);
}

/* The slots of killed readers are found and used again, three times over. */
static void test_stopped__reader_slots_of_the_dead(void **state)
{
    struct fixture *f = *state;
    struct pair pair;

    make(f);
    for (uint64_t i = 1; i <= 6; i++) {
        pair_start(f, &pair, "fills slots");
        pair_kill(&pair);
        assert_ok(f, change_all(f, i));
        check_all(f, i);
    }
    assert_ok(f, slot_checkpoint(f->db, &f->err));
    assert_int_equal(stat_of(f).checkpoint_lsn, stat_of(f).published_lsn);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_stopped__reader_over_3_checkpoints),
        fixture_test(test_stopped__reader_until_the_log_is_full),
        fixture_test(test_stopped__reader_killed_with_the_log_full),
        fixture_test(test_stopped__writer_goes_on),
        fixture_test(test_stopped__writer_is_killed),
        fixture_test(test_stopped__checkpoint_beside_a_writer),
        fixture_test(test_stopped__reader_slots_of_the_dead),
    };

    if (argc == 5 && strcmp(argv[1], "--child") == 0)
        return child_main(argv[2], argv[3], argv[4]);
    program = argv[0];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
