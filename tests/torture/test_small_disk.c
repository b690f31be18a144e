/*
 * A file system that becomes full, at every place: a status and never a signal, what was
 * acknowledged stays, and when there is space again writing goes on.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os.h"
#include "support/by_path.h"
#include "support/fixture.h"
#include "support/tmpdir.h"
#include "torture/ledger.h"
#include "torture/small_disk.h"

#define KIB UINT64_C(1024)

static bool have_disk;

struct small {
    struct fixture *f;
    struct ledger ledger;
    char *disk;
};

/* A disk of `kib` with an empty ledger on it, open. */
static void small_begin(struct small *small, struct fixture *f, uint64_t kib)
{
    if (!have_disk)
        skip();
    small->f = f;
    small->disk = tmpdir_join(f->dir, "disk");
    ledger_init(&small->ledger);
    assert_true(os_ok(by_path_make_dir(slot__os_native(), small->disk)));
    assert_true(small_disk_mount(small->disk, kib));
    snprintf(f->path, sizeof f->path, "%s/test.slots", small->disk);
    f->options.log_limit_bytes = 2048 * KIB;
    f->options.wait_ms = 2000;
}

static void small_release(struct small *small)
{
    small->f->damaged = true; /* not there any more at teardown */
    small_disk_unmount(small->disk);
    assert_true(os_ok(by_path_remove_dir(slot__os_native(), small->disk)));
    ledger_release(&small->ledger);
    free(small->disk);
}

/* Everything that was acknowledged is there, the database is whole and takes more. */
static void small_end(struct small *small)
{
    struct fixture *f = small->f;
    uint64_t have;

    small_disk_give(small->disk);
    if (f->db != NULL)
        (void)slot_close(f->db, &f->err);
    f->db = NULL;
    fixture_open(f);
    have = small->ledger.transactions;
    assert_true(ledger_check(&small->ledger, f->db, have, have));
    assert_true(ledger_verify(f->db));
    for (int i = 0; i < 30; i++)
        assert_ok(f, ledger_commit(&small->ledger, f->db, NULL, NULL, &f->err));
    fixture_close(f);
    fixture_open(f);
    have = small->ledger.transactions;
    assert_true(ledger_check(&small->ledger, f->db, have, have));
    assert_true(ledger_verify(f->db));
    fixture_close(f);
    small_release(small);
}

static bool says_full(slot_status status)
{
    return status == SLOT_E_NO_SPACE || status == SLOT_E_LOG_FULL;
}

/* Commit until there is no space; everything is readable then. */
static void fill(struct small *small)
{
    struct fixture *f = small->f;
    uint64_t have;
    slot_status status;

    do
        status = ledger_commit(&small->ledger, f->db, NULL, NULL, &f->err);
    while (status == SLOT_OK && small->ledger.transactions < 100000);
    assert_true(says_full(status));
    assert_true(strlen(f->err.what) > 10);
    for (int i = 0; i < 5; i++) {
        status = ledger_commit(&small->ledger, f->db, NULL, NULL, &f->err);
        assert_true(status == SLOT_OK || says_full(status));
    }
    have = small->ledger.transactions;
    assert_true(ledger_check(&small->ledger, f->db, have, have));
}

static void test_small_disk__filled_by_us(void **state)
{
    static const uint64_t sizes[] = {3072, 4096, 6000, 8192};
    struct fixture *f = *state;
    struct small small;

    for (int i = 0; i < 8; i++) {
        f->options.sync = i < 4 ? SLOT_SYNC_NORMAL : SLOT_SYNC_FULL;
        small_begin(&small, f, sizes[i % 4] + 512);
        small_disk_take(small.disk, sizes[i % 4] * KIB);
        assert_ok(f, ledger_create(f->path, &f->options, &f->err));
        fixture_open(f);
        fill(&small);
        small_end(&small);
    }
}

/* D4: records of 125 bytes until there is no space, which is what the error is called, too. */
static void test_small_disk__d4_disk_full_is_an_error(void **state)
{
    static const slot_access accesses[] = {SLOT_TRANSACTIONAL, SLOT_DIRECT};
    struct fixture *f = *state;

    for (int i = 0; i < 2; i++) {
        slot_status status = SLOT_OK;
        struct small small;

        small_begin(&small, f, 8192);
        f->options.access = accesses[i];
        fixture_create(f, LEDGER_RECORD_SIZE);
        for (uint64_t done = 0; status == SLOT_OK && done < 200000; done += 1000) {
            char records[1000 * LEDGER_RECORD_SIZE];
            slot_txn *txn = fixture_begin(f, SLOT_WRITE);

            memset(records, 'x', sizeof records);
            status = slot_append(txn, records, 1000, NULL, &f->err);
            if (status == SLOT_OK)
                status = slot_commit(txn, &f->err);
            else
                slot_abort(txn);
        }
        assert_status(f, status, SLOT_E_NO_SPACE);
        assert_true(ledger_verify(f->db));
        (void)slot_close(f->db, &f->err);
        f->db = NULL;
        small_release(&small);
    }
}

/* Close and open again while it is full: that may fail, and changes nothing. */
static void test_small_disk__opened_while_full(void **state)
{
    struct fixture *f = *state;
    struct small small;

    f->options.sync = SLOT_SYNC_NORMAL;
    small_begin(&small, f, 5120);
    small_disk_take(small.disk, 4096 * KIB);
    assert_ok(f, ledger_create(f->path, &f->options, &f->err));
    fixture_open(f);
    for (int i = 0; i < 5; i++) {
        uint64_t have = small.ledger.transactions;
        slot_status status;

        if (f->db != NULL) {
            fill(&small);
            have = small.ledger.transactions;
            status = slot_close(f->db, &f->err);
            assert_true(status == SLOT_OK || says_full(status));
            f->db = NULL;
        }
        small_disk_take(small.disk, 0);
        status = slot_open(f->path, &f->options, &f->db, &f->err);
        assert_true(status == SLOT_OK || says_full(status));
        if (status == SLOT_OK)
            assert_true(ledger_check(&small.ledger, f->db, have, have));
    }
    small_end(&small);
}

/* One process commits on a disk that is nearly full, and is killed. */
static uint64_t commit_and_die(struct small *small)
{
    struct fixture *f = small->f;
    uint64_t acknowledged = small->ledger.transactions;
    int pipes[2], status = 0;
    pid_t child;

    assert_int_equal(pipe(pipes), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (slot_open(f->path, &f->options, &f->db, &f->err) != SLOT_OK)
            _exit(0);
        while (small->ledger.transactions < 5000 &&
               ledger_commit(&small->ledger, f->db, NULL, NULL, &f->err) == SLOT_OK)
            if (write(pipes[1], &small->ledger.transactions, 8) != 8)
                _exit(1);
        (void)kill(getpid(), SIGKILL);
    }
    close(pipes[1]);
    while (read(pipes[0], &acknowledged, 8) == 8)
        ;
    close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
    return acknowledged;
}

static void test_small_disk__killed_while_full(void **state)
{
    struct fixture *f = *state;
    struct small small;
    uint64_t have;

    small_begin(&small, f, 8192);
    assert_ok(f, ledger_create(f->path, &f->options, &f->err));
    for (uint64_t left = 0; left < 3072; left += 171) {
        small_disk_give(small.disk);
        small_disk_take(small.disk, left * KIB);
        have = commit_and_die(&small);
        if (slot_open(f->path, &f->options, &f->db, &f->err) != SLOT_OK) {
            assert_true(says_full(f->err.status));
            small_disk_give(small.disk);
            fixture_open(f);
        }
        assert_true(ledger_check(&small.ledger, f->db, have, have));
        small_disk_give(small.disk);
        fixture_close(f);
    }
    small_end(&small);
}

/* Each kind of call, with every amount of free space: it works or says that there is none. */
typedef slot_status (*change_fn)(struct fixture *f, slot_txn *txn);

static slot_status change_put(struct fixture *f, slot_txn *txn)
{
    char record[LEDGER_RECORD_SIZE] = "put";
    slot_status status = SLOT_OK;

    for (uint64_t recno = 0; recno < 900 && status == SLOT_OK; recno += 37)
        status = slot_put(txn, recno, record, &f->err);
    return status;
}

static slot_status change_edit(struct fixture *f, slot_txn *txn)
{
    slot_status status = SLOT_OK;
    void *record = NULL;

    for (uint64_t recno = 0; recno < 900 && status == SLOT_OK; recno += 37) {
        status = slot_edit(txn, recno, &record, &f->err);
        if (status == SLOT_OK)
            memset(record, 'e', LEDGER_RECORD_SIZE);
    }
    return status;
}

static slot_status change_append(struct fixture *f, slot_txn *txn)
{
    char record[LEDGER_RECORD_SIZE] = "append";

    return slot_append(txn, record, 1, NULL, &f->err);
}

static slot_status change_append_2_mib(struct fixture *f, slot_txn *txn)
{
    char record[LEDGER_RECORD_SIZE] = "append";
    slot_status status = SLOT_OK;

    for (int i = 0; i < 2 * 1024 * 1024 / LEDGER_RECORD_SIZE && status == SLOT_OK; i++)
        status = slot_append(txn, record, 1, NULL, &f->err);
    return status;
}

static slot_status change_extend(struct fixture *f, slot_txn *txn)
{
    char record[LEDGER_RECORD_SIZE] = "into the hole";
    uint64_t first = 0;
    slot_status status = slot_extend(txn, 5000, &first, &f->err);

    return status == SLOT_OK ? slot_put(txn, first + 2500, record, &f->err) : status;
}

static slot_status change_delete(struct fixture *f, slot_txn *txn)
{
    return slot_delete(txn, 700, &f->err);
}

/* Try it, and keep nothing of it when it fails; the database is as it was, or changed and whole. */
static void try_change(struct small *small, change_fn change)
{
    struct fixture *f = small->f;
    slot_txn *txn = NULL;
    uint64_t have = small->ledger.transactions;
    slot_status status = slot_begin(f->db, SLOT_WRITE, &txn, &f->err);

    if (status == SLOT_OK) {
        status = change(f, txn);
        if (status == SLOT_OK)
            status = slot_commit(txn, &f->err);
        else
            slot_abort(txn);
    }
    if (status == SLOT_OK)
        return;
    assert_true(says_full(status));
    assert_true(ledger_check(&small->ledger, f->db, have, have));
}

static void test_small_disk__every_call(void **state)
{
    static const change_fn changes[] = {change_put,          change_edit,   change_append,
                                        change_append_2_mib, change_extend, change_delete};
    struct fixture *f = *state;
    struct small small;

    for (int i = 0; i < 6; i++) {
        for (uint64_t left = 0; left < 4096; left = left < 64 ? left + 4 : left * 5 / 4) {
            slot_status status;

            small_begin(&small, f, 12288);
            assert_ok(f, ledger_create(f->path, &f->options, &f->err));
            fixture_open(f);
            assert_ok(f, ledger_commit(&small.ledger, f->db, NULL, NULL, &f->err));
            small_disk_take(small.disk, left * KIB);
            try_change(&small, changes[i]);
            status = slot_checkpoint(f->db, &f->err);
            assert_true(status == SLOT_OK || says_full(status));
            small_disk_give(small.disk);
            assert_true(ledger_verify(f->db));
            (void)slot_close(f->db, &f->err);
            f->db = NULL;
            fixture_open(f);
            assert_true(ledger_verify(f->db));
            fixture_close(f);
            small_release(&small);
        }
    }
}

/* Nothing is left of a database that could not be made. */
static void test_small_disk__create(void **state)
{
    const struct os *os = slot__os_native();
    struct fixture *f = *state;
    struct small small;
    slot_status status = SLOT_E_NO_SPACE;

    small_begin(&small, f, 4096);
    for (uint64_t left = 0; left < 1024 && status != SLOT_OK; left += 4) {
        uint64_t available;

        small_disk_take(small.disk, left * KIB);
        available = small_disk_free(small.disk);
        status = ledger_create(f->path, &f->options, &f->err);
        assert_true(status == SLOT_OK || status == SLOT_E_NO_SPACE);
        if (status != SLOT_OK) {
            assert_int_equal(by_path_kind(os, f->path), OS_KIND_NONE);
            assert_int_equal(small_disk_free(small.disk), available);
        }
        small_disk_give(small.disk);
    }
    assert_ok(f, status);
    small_end(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_small_disk__filled_by_us),
        fixture_test(test_small_disk__d4_disk_full_is_an_error),
        fixture_test(test_small_disk__opened_while_full),
        fixture_test(test_small_disk__killed_while_full),
        fixture_test(test_small_disk__every_call),
        fixture_test(test_small_disk__create),
    };

    have_disk = small_disk_begin();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
