/*
 * Another program cuts a file of the database, while it is open, after it was closed, or after the
 * process that had it open was killed. Copying calls return a status, whatever they meet; verify
 * never finds a cut file in order; and a database that opens and verifies holds everything.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "support/by_path.h"
#include "support/fixture.h"
#include "support/tmpdir.h"
#include "torture/ledger.h"
#include "torture/process.h"

#define HOME 300 /* transactions that are in `records` when the database is opened */
#define LOG  5   /* and those after them, which are in the log: not every block is */

static const char *program;

static uint64_t size_of(struct fixture *f, const char *name)
{
    const struct os *os = slot__os_native();
    char *path = tmpdir_join(f->path, name);
    struct os_file *file = NULL;
    uint64_t size = 0;

    if (os_ok(by_path_open(os, path, OS_READ, &file))) {
        assert_true(os_ok(os->size(os, file, &size)));
        os->close(os, file);
    }
    free(path);
    return size;
}

/* False: the system does not let anybody do that. */
static bool cut(struct fixture *f, const char *name, uint64_t size)
{
    char *path = tmpdir_join(f->path, name);
    bool done = process_cut(path, size);

    free(path);
    return done;
}

static slot_status commit_to(struct fixture *f, struct ledger *ledger, uint64_t transactions)
{
    slot_status status = SLOT_OK;

    while (status == SLOT_OK && ledger->transactions < transactions)
        status = ledger_commit(ledger, f->db, NULL, NULL, &f->err);
    return status;
}

/* A new database, closed, with HOME transactions. */
static void make(struct fixture *f, struct ledger *ledger)
{
    ledger_init(ledger);
    f->damaged = true;
    f->options.sync = SLOT_SYNC_NORMAL;
    f->options.log_limit_bytes = 8 << 20;
    assert_ok(f, ledger_create(f->path, &f->options, &f->err));
    fixture_open(f);
    assert_ok(f, commit_to(f, ledger, HOME));
    fixture_close(f);
}

/*
 * Open it, if that can be done, and look. Then nobody may find it in order who does not find
 * everything: least to most transactions.
 */
static void expect_no_lie(struct fixture *f, struct ledger *ledger, uint64_t least, uint64_t most)
{
    static const slot_access accesses[] = {SLOT_READ_ONLY, SLOT_TRANSACTIONAL, SLOT_READ_ONLY};

    for (int i = 0; i < 3; i++) {
        slot_status status;

        f->options.access = accesses[i];
        status = slot_open(f->path, &f->options, &f->db, &f->err);
        if (status == SLOT_OK) {
            enum ledger_state state = ledger_compare(ledger, f->db, least, most);
            bool found = !ledger_verify(f->db);

            assert_true(found || state == LEDGER_RIGHT);
            (void)slot_close(f->db, &f->err);
            f->db = NULL;
        } else {
            assert_true(status >= 40);
            assert_true(strlen(f->err.what) > 10);
        }
    }
    f->options.access = SLOT_TRANSACTIONAL;
}

/* ---- while it is open ------------------------------------------------------------------------ */

/* Every kind of call. Results are of no interest: that it returns is. */
static void use(struct fixture *f, struct ledger *ledger)
{
    static char all[20000 * LEDGER_RECORD_SIZE];
    slot_txn *txn = NULL;
    uint64_t count;

    (void)ledger_compare(ledger, f->db, ledger->transactions, ledger->transactions);
    if (slot_begin(f->db, SLOT_READ, &txn, &f->err) == SLOT_OK) {
        count = slot_records(txn) < 20000 ? slot_records(txn) : 20000;
        (void)slot_get_range(txn, 0, count, all, &f->err);
        for (uint64_t recno = 0; recno < count; recno++)
            (void)slot_read(txn, recno, 100, 25, all, &f->err);
        slot_end(txn);
    }
    if (slot_begin(f->db, SLOT_WRITE, &txn, &f->err) == SLOT_OK) {
        for (uint64_t recno = 0; recno < slot_records(txn); recno += 5)
            (void)slot_write(txn, recno, 0, 50, all, &f->err);
        (void)slot_insert(txn, all, NULL, &f->err);
        (void)slot_delete(txn, 33, &f->err);
        (void)slot_append(txn, all, 100, NULL, &f->err);
        slot_abort(txn);
    }
}

static void cut_while_open(struct fixture *f, const char *name, uint64_t to)
{
    struct ledger ledger;
    uint64_t least, most;
    slot_status status;

    make(f, &ledger);
    fixture_open(f);
    assert_ok(f, commit_to(f, &ledger, HOME + LOG));
    assert_true(size_of(f, name) > to);
    if (cut(f, name, to)) {
        assert_false(ledger_verify(f->db));
        use(f, &ledger);
        status = commit_to(f, &ledger, HOME + LOG + 30);
        /* What failed may be there or not when nobody knows. */
        least = ledger.transactions;
        most = least + (status == SLOT_E_UNKNOWN);
        (void)slot_checkpoint(f->db, &f->err);
        use(f, &ledger);
        (void)slot_close(f->db, &f->err);
        f->db = NULL;
        expect_no_lie(f, &ledger, least, most);
    } else {
        fixture_close(f);
    }
    ledger_release(&ledger);
    tmpdir_remove_tree(f->path);
}

static void test_cut__records_while_open(void **state)
{
    static const uint64_t to[] = {0, 1, 4096, 50000, LEDGER_BASE * LEDGER_RECORD_SIZE - 1};

    for (int i = 0; i < 5; i++)
        cut_while_open(*state, "records", to[i]);
}

static void test_cut__log_while_open(void **state)
{
    static const uint64_t to[] = {0, 100, 4096, 20000, 100000};

    for (int i = 0; i < 5; i++)
        cut_while_open(*state, "log/00", to[i]);
}

static void test_cut__sums_while_open(void **state)
{
    cut_while_open(*state, "sums", 0);
    cut_while_open(*state, "sums", 100);
}

static void test_cut__deleted_while_open(void **state)
{
    cut_while_open(*state, "deleted", 0);
    cut_while_open(*state, "deleted", 50);
}

/* ---- after it was closed --------------------------------------------------------------------- */

static void cut_when_closed(struct fixture *f, const char *name)
{
    static const uint64_t eighths[] = {0, 1, 4, 7};

    for (int i = 0; i < 5; i++) {
        struct ledger ledger;
        uint64_t size;

        make(f, &ledger);
        size = size_of(f, name);
        assert_true(size > 0);
        assert_true(cut(f, name, i == 4 ? size - 1 : size / 8 * eighths[i]));
        for (int n = 0; n < 2; n++) {
            f->options.access = n == 0 ? SLOT_TRANSACTIONAL : SLOT_READ_ONLY;
            if (slot_open(f->path, &f->options, &f->db, &f->err) == SLOT_OK) {
                assert_false(ledger_verify(f->db));
                use(f, &ledger);
                (void)slot_close(f->db, &f->err);
                f->db = NULL;
            }
        }
        expect_no_lie(f, &ledger, HOME, HOME);
        ledger_release(&ledger);
        tmpdir_remove_tree(f->path);
    }
}

static void test_cut__records_when_closed(void **state)
{
    cut_when_closed(*state, "records");
}

static void test_cut__sums_when_closed(void **state)
{
    cut_when_closed(*state, "sums");
}

static void test_cut__deleted_when_closed(void **state)
{
    cut_when_closed(*state, "deleted");
}

/* ---- after a kill ---------------------------------------------------------------------------- */

/* The child: LOG transactions, and the end of it. */
static int child_main(const char *path)
{
    struct ledger ledger;
    struct fixture f = {0};

    slot_options_init(&f.options);
    f.options.sync = SLOT_SYNC_NORMAL;
    f.options.log_limit_bytes = 8 << 20;
    ledger_init(&ledger);
    if (slot_open(path, &f.options, &f.db, &f.err) == SLOT_OK &&
        ledger_check(&ledger, f.db, HOME, HOME) && commit_to(&f, &ledger, HOME + LOG) == SLOT_OK)
        process_kill_self();
    fprintf(stderr, "ERROR: child: %s\n", f.err.what);
    return 1;
}

/* A database whose last LOG transactions are in the log only. */
static void make_killed(struct fixture *f, struct ledger *ledger)
{
    const char *arguments[] = {"--child", f->path, NULL};
    struct process_end end = {false, 0};
    struct process *child;

    make(f, ledger);
    child = process_start(program, arguments);
    assert_true(process_wait(child, 30000, &end));
    assert_true(end.killed);
    process_release(child);
}

static void cut_when_killed(struct fixture *f, const char *name, uint64_t to)
{
    struct ledger ledger;

    make_killed(f, &ledger);
    assert_true(size_of(f, name) > to);
    assert_true(cut(f, name, to));
    expect_no_lie(f, &ledger, HOME + LOG, HOME + LOG);
    ledger_release(&ledger);
    tmpdir_remove_tree(f->path);
}

static void test_cut__nothing_when_killed(void **state)
{
    struct fixture *f = *state;
    struct ledger ledger;

    make_killed(f, &ledger);
    fixture_open(f);
    assert_true(ledger_check(&ledger, f->db, HOME + LOG, HOME + LOG));
    assert_true(ledger_verify(f->db));
    fixture_close(f);
    ledger_release(&ledger);
}

static void test_cut__records_when_killed(void **state)
{
    cut_when_killed(*state, "records", 0);
    cut_when_killed(*state, "records", 1);
    cut_when_killed(*state, "records", 77777);
    cut_when_killed(*state, "records", LEDGER_BASE * LEDGER_RECORD_SIZE - 1);
}

static void test_cut__sums_when_killed(void **state)
{
    cut_when_killed(*state, "sums", 0);
    cut_when_killed(*state, "sums", 100);
}

static void test_cut__deleted_when_killed(void **state)
{
    cut_when_killed(*state, "deleted", 0);
    cut_when_killed(*state, "deleted", 50);
}

static void test_cut__log_when_killed(void **state)
{
    cut_when_killed(*state, "log/00", 0);
    cut_when_killed(*state, "log/00", 100);
    cut_when_killed(*state, "log/00", 4096);
    cut_when_killed(*state, "log/00", 30000);
    cut_when_killed(*state, "log/00", 100000);
}

static void test_cut__log_index_when_killed(void **state)
{
    cut_when_killed(*state, "log/00.index", 0);
    cut_when_killed(*state, "log/00.index", 100);
}

static void test_cut__shared_when_killed(void **state)
{
    cut_when_killed(*state, "shared", 0);
    cut_when_killed(*state, "shared", 4097);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_cut__records_while_open),    fixture_test(test_cut__log_while_open),
        fixture_test(test_cut__sums_while_open),       fixture_test(test_cut__deleted_while_open),
        fixture_test(test_cut__records_when_closed),   fixture_test(test_cut__sums_when_closed),
        fixture_test(test_cut__deleted_when_closed),   fixture_test(test_cut__nothing_when_killed),
        fixture_test(test_cut__records_when_killed),   fixture_test(test_cut__sums_when_killed),
        fixture_test(test_cut__deleted_when_killed),   fixture_test(test_cut__log_when_killed),
        fixture_test(test_cut__log_index_when_killed), fixture_test(test_cut__shared_when_killed),
    };

    if (argc == 3 && strcmp(argv[1], "--child") == 0)
        return child_main(argv[2]);
    program = argv[0];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
