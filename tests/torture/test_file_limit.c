/*
 * A limit on the size of files (RLIMIT_FSIZE; the signal is ignored, as programs that have such a
 * limit do) at every size: a status, what was acknowledged stays, and without the limit writing
 * goes on.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "support/fixture.h"
#include "support/tmpdir.h"
#include "torture/ledger.h"

static void limit(rlim_t bytes)
{
    struct rlimit now;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &now), 0);
    now.rlim_cur = bytes == RLIM_INFINITY || bytes > now.rlim_max ? now.rlim_max : bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
}

static bool says_full(slot_status status)
{
    return status == SLOT_E_NO_SPACE || status == SLOT_E_LOG_FULL;
}

/* Commits under the limit, as far as they go. */
static void commit_some(struct fixture *f, struct ledger *ledger)
{
    slot_status status = SLOT_OK;
    uint64_t have;

    for (int i = 0; i < 400 && status == SLOT_OK; i++)
        status = ledger_commit(ledger, f->db, NULL, NULL, &f->err);
    assert_true(status == SLOT_OK || says_full(status));
    have = ledger->transactions;
    assert_true(ledger_check(ledger, f->db, have, have));
}

static void try_limit(struct fixture *f, uint64_t bytes)
{
    struct ledger ledger;
    slot_status status;
    uint64_t have;

    ledger_init(&ledger);
    assert_ok(f, ledger_create(f->path, &f->options, &f->err));
    limit((rlim_t)bytes);
    status = slot_open(f->path, &f->options, &f->db, &f->err);
    assert_true(status == SLOT_OK || says_full(status));
    if (status == SLOT_OK) {
        commit_some(f, &ledger);
        status = slot_close(f->db, &f->err);
        assert_true(status == SLOT_OK || says_full(status));
        f->db = NULL;
    }
    limit(RLIM_INFINITY);
    fixture_open(f);
    have = ledger.transactions;
    assert_true(ledger_check(&ledger, f->db, have, have));
    assert_true(ledger_verify(f->db));
    for (int i = 0; i < 30; i++)
        assert_ok(f, ledger_commit(&ledger, f->db, NULL, NULL, &f->err));
    fixture_close(f);
    ledger_release(&ledger);
}

static void test_file_limit__every_size(void **state)
{
    struct fixture *f = *state;

    f->options.log_limit_bytes = 4 << 20;
    f->options.sync = SLOT_SYNC_NORMAL;
    for (uint64_t kib = 64; kib <= 4096; kib += kib / 2) {
        try_limit(f, kib * 1024);
        assert_ok(f, slot_destroy(f->path, NULL, &f->err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_file_limit__every_size),
    };

    (void)signal(SIGXFSZ, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
