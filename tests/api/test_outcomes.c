/*
 * What a failed call has done to its write transaction is what outcome.h says of the call and the
 * status: every pair of its table is made to happen (support/outcomes.h has the model).
 *
 *   sweeps     each call of the system fails in turn, within transactions that use every call
 *   answers    of a record that is not there, and the like
 *   troubles   what no failing call makes: a full log, a small budget, damage, a child made by fork
 *
 * A pair that was never met fails the test, and so does one that is not in the table.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/by_path.h"
#include "support/outcomes.h"

/* ---- sweeps ---- */

static void arm_call(struct outcomes *run, const struct outcomes_breaker *breaker, uint64_t nth)
{
    run->faulty.failed = 0;
    os_faulty_fail(&run->faulty, nth, breaker->how, breaker->status, 5);
}

static bool mend_call(struct outcomes *run, const struct outcomes_breaker *breaker)
{
    bool met = run->faulty.failed > 0;

    (void)breaker;
    os_faulty_mend(&run->faulty);
    return met;
}

/* What a system says when a call fails, whatever the call. */
static void sweep_calls(struct outcomes *run)
{
    static const slot_status statuses[] = {SLOT_E_IO,         SLOT_E_NO_SPACE, SLOT_E_NO_MEMORY,
                                           SLOT_E_BUSY,       SLOT_E_NO_FILE,  SLOT_E_LOST,
                                           SLOT_E_PERMISSION, SLOT_E_TRUNCATED};

    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        struct outcomes_breaker breaker = {arm_call,    mend_call,      "call",
                                           statuses[i], OS_FAULTY_ONCE, false};

        outcomes_fresh(run, SWEPT_BYTES, SWEPT_BASE);
        outcomes_sweep(run, &breaker);
        breaker.how = OS_FAULTY_FOREVER;
        outcomes_sweep(run, &breaker);
    }
    if (run->transactional) {
        const struct outcomes_breaker first = {arm_call,  mend_call,      "first call",
                                               SLOT_E_IO, OS_FAULTY_ONCE, true};

        outcomes_sweep(run, &first);
    }
}

/* ---- answers ---- */

/* Record 7 is deleted, as only transactional access can. */
static void delete_one(struct outcomes *run)
{
    slot_access access = run->f->options.access;
    slot_txn *txn;

    outcomes_close(run);
    run->f->options.access = SLOT_TRANSACTIONAL;
    fixture_open(run->f);
    txn = fixture_begin(run->f, SLOT_WRITE);
    assert_ok(run->f, slot_delete(txn, 7, &run->f->err));
    fixture_commit(run->f, txn);
    fixture_close(run->f);
    run->f->options.access = access;
    run->model.version[7] = OUTCOMES_DELETED;
    outcomes_open(run);
}

static void ask(struct outcomes *run)
{
    uint8_t record[OUTCOMES_BYTES] = {0};
    uint64_t recno;
    slot_txn *txn;

    outcomes_fresh(run, SWEPT_BYTES, SWEPT_BASE);
    delete_one(run);
    txn = outcomes_begin(run);
    outcomes_look(run, txn, 7);
    (void)outcomes_done(run, OUTCOME_OF_WRITE, slot_put(txn, 7, record, NULL));
    (void)outcomes_done(run, OUTCOME_OF_READ, slot_get(txn, SWEPT_BASE, record, NULL));
    (void)outcomes_done(run, OUTCOME_OF_WRITE, slot_put(txn, SWEPT_BASE, record, NULL));
    (void)outcomes_done(run, OUTCOME_OF_READ, slot_read(txn, 0, SWEPT_BYTES, 1, record, NULL));
    (void)outcomes_done(run, OUTCOME_OF_WRITE, slot_write(txn, 0, SWEPT_BYTES, 1, record, NULL));
    if (!run->transactional) {
        (void)outcomes_done(run, OUTCOME_OF_WRITE, slot_delete(txn, 0, NULL));
        (void)outcomes_done(run, OUTCOME_OF_APPEND, slot_insert(txn, record, &recno, NULL));
    }
    outcomes_put(run, txn, 0);
    assert_int_equal(outcomes_end(run, txn), SLOT_OK);
    outcomes_compare(run);
}

/* ---- troubles ---- */

/*
 * Something that lasts from `set` until `unset`, or until the database is opened again, and in
 * which calls of some kinds fail with `status`. `prepare` comes before the transaction.
 */
struct trouble {
    slot_status status;
    void (*prepare)(struct outcomes *run);
    void (*set)(struct outcomes *run, slot_txn *txn);
    void (*unset)(struct outcomes *run, slot_txn *txn);
    uint32_t bytes;
    uint64_t base;
    bool in_edit; /* a put gets through */
    bool only_commit;
};

/* Another handle, and its reader. */
static struct {
    slot_db *db;
    slot_txn *reader;
} other;

static void end_other(struct outcomes *run, slot_txn *txn)
{
    (void)txn;
    if (other.reader != NULL)
        slot_end(other.reader);
    other.reader = NULL;
    assert_ok(run->f, slot_close(other.db, &run->f->err));
    other.db = NULL;
}

/* Committed transactions fill the log, of which a reader needs all. */
static void fill_log(struct outcomes *run)
{
    slot_error *err = &run->f->err;

    assert_ok(run->f, slot_open(run->f->path, &run->f->options, &other.db, err));
    assert_ok(run->f, slot_begin(other.db, SLOT_READ, &other.reader, err));
    for (uint64_t n = 0;; n = (n + 1) % (run->model.records - 1)) {
        uint64_t met = run->pairs[SLOT_E_LOG_FULL][OUTCOME_OF_WRITE];
        slot_txn *txn = outcomes_begin(run);

        outcomes_put(run, txn, n);
        if (run->pairs[SLOT_E_LOG_FULL][OUTCOME_OF_WRITE] > met) {
            slot_abort(txn);
            return;
        }
        assert_int_equal(outcomes_end(run, txn), SLOT_OK);
    }
}

/* The log is full, and the next frame makes a checkpoint. */
static void fill_log_alone(struct outcomes *run)
{
    fill_log(run);
    end_other(run, NULL);
}

static void set_nothing(struct outcomes *run, slot_txn *txn)
{
    (void)run, (void)txn;
}

/* As another handle does whose flush has failed. */
static void set_poison(struct outcomes *run, slot_txn *txn)
{
    (void)txn;
    shared_set_poison(&run->db->shared, 1);
}

/* The transaction has used up the log. */
static void set_large(struct outcomes *run, slot_txn *txn)
{
    uint64_t met = run->pairs[SLOT_E_TXN_TOO_LARGE][OUTCOME_OF_WRITE];

    for (uint64_t n = 0; run->pairs[SLOT_E_TXN_TOO_LARGE][OUTCOME_OF_WRITE] == met; n++)
        outcomes_put(run, txn, n);
}

/* A byte of a file is another one, until it is changed once more. */
static void flip(struct outcomes *run, const char *name, uint64_t offset)
{
    const struct os *os = slot__os_native();
    struct os_file *file = NULL;
    char path[4200];
    uint8_t byte;

    (void)snprintf(path, sizeof path, "%s/%s", run->f->path, name);
    assert_true(os_ok(by_path_open(os, path, OS_READ | OS_WRITE, &file)));
    assert_true(os_ok(os->read_at(os, file, offset, &byte, 1)));
    byte ^= 1;
    assert_true(os_ok(os->write_at(os, file, offset, &byte, 1)));
    os->close(os, file);
}

/* In the first frame that a checkpoint will read. */
static void flip_log(struct outcomes *run, slot_txn *txn)
{
    (void)txn;
    flip(run, "log/00", SEGMENT_HEADER_BYTES + FRAME_HEADER_BYTES + 10);
}

/* In the block that the records end in. */
static void flip_record(struct outcomes *run, slot_txn *txn)
{
    (void)txn;
    flip(run, "records", (run->model.records - 1) * run->bytes);
}

/* As many new blocks as a commit can say. */
static void set_blocks(struct outcomes *run, slot_txn *txn)
{
    (void)run;
    txn->direct_blocks += UINT32_MAX - 1;
}

static void unset_blocks(struct outcomes *run, slot_txn *txn)
{
    (void)run;
    txn->direct_blocks -= UINT32_MAX - 1;
}

static uint64_t another_process(const struct os *os)
{
    return slot__os_native()->process(os) + 1;
}

static void set_forked(struct outcomes *run, slot_txn *txn)
{
    (void)txn;
    run->faulty.os.process = another_process;
}

static void unset_forked(struct outcomes *run, slot_txn *txn)
{
    (void)txn;
    run->faulty.os.process = slot__os_native()->process;
}

/* All of the map budget is lent, but for what is needed to write. */
static void lend_all(struct outcomes *run, slot_txn *txn)
{
    slot_status status = SLOT_OK;
    const void *lent;

    for (uint64_t n = 1; n < 3 && run->transactional; n++)
        outcomes_edit(run, txn, n); /* private memory */
    for (uint64_t n = 10; status == SLOT_OK && n < run->model.records - 40; n += 20)
        status = slot_ref(txn, n, &lent, NULL);
    assert_int_equal(status, SLOT_E_BUDGET);
}

static void unpin(struct outcomes *run, slot_txn *txn)
{
    (void)run;
    slot_unpin(txn);
}

/* A view had to go and could not be flushed. */
static void fail_flush(struct outcomes *run, slot_txn *txn)
{
    run->faulty.failed = 0;
    os_faulty_fail_only(&run->faulty, "flush", 1, OS_FAULTY_FOREVER, SLOT_E_IO, 5);
    for (uint64_t n = 0; run->faulty.failed == 0 && n < run->model.records - 100; n += 100)
        outcomes_put(run, txn, n);
    assert_true(run->faulty.failed > 0);
    os_faulty_mend(&run->faulty);
}

static void fail_sync(struct outcomes *run, slot_txn *txn)
{
    outcomes_put(run, txn, 0);
    os_faulty_fail_only(&run->faulty, "sync", 1, OS_FAULTY_FOREVER, SLOT_E_IO, 5);
}

/* Something else has the name of a segment. */
static void find_other(struct outcomes *run, slot_txn *txn)
{
    (void)txn;
    os_faulty_fail_only(&run->faulty, "open", 1, OS_FAULTY_FOREVER, SLOT_E_UNSUPPORTED, 0);
}

/* Another program makes files there. */
static void fail_open(struct outcomes *run, slot_txn *txn)
{
    (void)txn;
    os_faulty_fail_only(&run->faulty, "open", 1, OS_FAULTY_FOREVER, SLOT_E_EXISTS, 17);
}

static void mend(struct outcomes *run, slot_txn *txn)
{
    (void)txn;
    os_faulty_mend(&run->faulty);
}

/* A call of one kind that needs what is in trouble. A record was appended, and waits in the
 * buffer. */
static void call_one(struct outcomes *run, const struct trouble *trouble, enum outcome_call call,
                     slot_txn *txn)
{
    if (call == OUTCOME_OF_READ)
        outcomes_look(run, txn, (trouble->in_edit ? run->model.records : run->now.records) - 1);
    else if (call == OUTCOME_OF_WRITE && trouble->in_edit)
        outcomes_edit(run, txn, run->model.records - 1);
    else if (call == OUTCOME_OF_WRITE)
        outcomes_put(run, txn, run->model.records - 1);
    else
        outcomes_extend(run, txn, 1);
}

/* A child's commit has done nothing; here, the transaction is the parent's. */
static void abort_after_fork(struct outcomes *run, slot_txn *txn)
{
    atomic_fetch_add(&run->db->open_count, 1);
    slot_abort(txn);
}

/* slot_commit fails, has done what its class says, and the next transaction is as any other. */
static void provoke_commit(struct outcomes *run, const struct trouble *trouble, slot_txn *txn)
{
    assert_int_equal(outcomes_end(run, txn), trouble->status);
    if (trouble->unset != NULL)
        trouble->unset(run, txn);
    else if (slot__outcome_class(run->transactional, OUTCOME_OF_COMMIT, trouble->status) ==
             OUTCOME_none)
        outcomes_find_out(run);
    if (trouble->status == SLOT_E_FORKED)
        abort_after_fork(run, txn);
}

/* The call fails; then the transaction goes on, or says so at each call. */
static void provoke_call(struct outcomes *run, const struct trouble *trouble,
                         enum outcome_call call, slot_txn *txn)
{
    enum outcome class = slot__outcome_class(run->transactional, call, trouble->status);

    call_one(run, trouble, call, txn);
    if (trouble->unset != NULL)
        trouble->unset(run, txn);
    if (class == OUTCOME_same && trouble->unset != NULL) {
        call_one(run, trouble, call, txn);
        assert_int_equal(outcomes_end(run, txn), SLOT_OK);
        return;
    }
    assert_int_equal(outcomes_end(run, txn), trouble->status);
    if (trouble->unset == NULL &&
        slot__outcome_class(run->transactional, OUTCOME_OF_COMMIT, trouble->status) == OUTCOME_none)
        outcomes_find_out(run);
}

static void provoke(struct outcomes *run, const struct trouble *trouble, enum outcome_call call)
{
    uint64_t before = run->pairs[trouble->status][call];
    slot_txn *txn;

    (void)snprintf(run->f->note, sizeof run->f->note, "%s, call %d",
                   slot_status_text(trouble->status), (int)call);
    outcomes_fresh(run, trouble->bytes, trouble->base);
    if (trouble->prepare != NULL)
        trouble->prepare(run);
    txn = outcomes_begin(run);
    outcomes_append(run, txn, 1);
    trouble->set(run, txn);
    if (call == OUTCOME_OF_COMMIT)
        provoke_commit(run, trouble, txn);
    else
        provoke_call(run, trouble, call, txn);
    if (run->pairs[trouble->status][call] == before)
        fail_msg("%s: was not met", run->f->note);
    if (other.db != NULL)
        end_other(run, NULL);
    outcomes_compare(run);
    txn = outcomes_begin(run);
    outcomes_put(run, txn, 3);
    assert_int_equal(outcomes_end(run, txn), SLOT_OK);
    outcomes_compare(run);
    run->f->note[0] = '\0';
}

/* In each call for which the table has something to say. */
static void provoke_all(struct outcomes *run, const struct trouble *troubles, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct trouble *trouble = &troubles[i];

        for (int call = trouble->only_commit ? OUTCOME_OF_COMMIT : 0; call < OUTCOMES_CALLS; call++)
            if (slot__outcome_class(run->transactional, (enum outcome_call)call, trouble->status) !=
                OUTCOME_never)
                provoke(run, trouble, (enum outcome_call)call);
    }
}

static void in_transactional_access(struct outcomes *run)
{
    static const struct trouble troubles[] = {
        {SLOT_E_LOG_FULL, fill_log, set_nothing, end_other, 4000, 300, false, false},
        {SLOT_E_POISONED, fill_log_alone, set_poison, NULL, 4000, 300, false, false},
        {SLOT_E_CORRUPT, fill_log_alone, flip_log, flip_log, 4000, 300, false, false},
        {SLOT_E_TXN_TOO_LARGE, NULL, set_large, NULL, 4000, 300, false, false},
        {SLOT_E_LIMIT, NULL, set_blocks, unset_blocks, 4000, 300, false, false},
        {SLOT_E_FORKED, NULL, set_forked, unset_forked, 4000, 300, false, false},
        {SLOT_E_EXISTS, NULL, fail_open, mend, 4000, 300, false, false},
        {SLOT_E_CORRUPT, NULL, find_other, mend, 4000, 300, false, false},
    };
    static const struct trouble budget[] = {
        {SLOT_E_BUDGET, NULL, lend_all, unpin, 4000, 300, true, false},
    };
    static const struct trouble unknown[] = {
        {SLOT_E_UNKNOWN, NULL, fail_sync, mend, SWEPT_BYTES, SWEPT_BASE, false, true},
    };

    provoke_all(run, troubles, sizeof troubles / sizeof troubles[0]);
    outcomes_close(run);
    fixture_budget(run->f, 2 * (266 << 10));
    outcomes_open(run);
    provoke_all(run, budget, sizeof budget / sizeof budget[0]);
    run->f->options.sync = SLOT_SYNC_FULL;
    provoke_all(run, unknown, sizeof unknown / sizeof unknown[0]);
}

static void in_direct_access(struct outcomes *run)
{
    static const struct trouble troubles[] = {
        {SLOT_E_CORRUPT, NULL, flip_record, flip_record, SWEPT_BYTES, SWEPT_BASE, false, false},
        {SLOT_E_FORKED, NULL, set_forked, unset_forked, SWEPT_BYTES, SWEPT_BASE, false, false},
    };
    static const struct trouble small[] = {
        {SLOT_E_BUDGET, NULL, lend_all, unpin, SWEPT_BYTES, 10001, false, false},
        {SLOT_E_POISONED, NULL, fail_flush, NULL, SWEPT_BYTES, 10001, false, false},
    };
    slot_txn *txn;

    provoke_all(run, troubles, sizeof troubles / sizeof troubles[0]);
    outcomes_close(run);
    fixture_budget(run->f, 2 * (266 << 10));
    outcomes_open(run);
    provoke_all(run, small, sizeof small / sizeof small[0]);
    txn = outcomes_begin(run);
    outcomes_extend(run, txn, SLOT_RECORDS_MAX); /* SLOT_E_LIMIT */
    assert_int_equal(outcomes_end(run, txn), SLOT_OK);
}

/* ---- the whole table ---- */

static void check_row(const struct outcomes *run, slot_status status, const char *name,
                      bool *complete)
{
    static const char *const calls[OUTCOMES_CALLS] = {"reads", "writes", "appends", "commit"};
    const uint64_t *met = run->pairs[status];

    print_message("%-22s reads %u writes %u appends %u commit %u\n", name, (unsigned)met[0],
                  (unsigned)met[1], (unsigned)met[2], (unsigned)met[3]);
    for (int call = 0; call < OUTCOMES_CALLS; call++) {
        enum outcome class =
            slot__outcome_class(run->transactional, (enum outcome_call)call, status);

        if ((class != OUTCOME_never) == (met[call] > 0))
            continue;
        *complete = false;
        print_error("%s of %s: %s\n", name, calls[call],
                    met[call] > 0 ? "is not in the table" : "was never met");
    }
}

static void test_outcomes__each_pair_is_met(void **state)
{
    struct outcomes *run = malloc(sizeof *run);
    struct fixture *f = *state;
    bool complete = true;

    f->options.sync = SLOT_SYNC_NORMAL; /* a flush that fails is an unknown commit: fail_sync */
    f->options.log_limit_bytes = 1 << 20;
    f->options.wait_ms = 100;
    assert_non_null(run);
    outcomes_init(run, f);
    sweep_calls(run);
    ask(run);
    if (run->transactional)
        in_transactional_access(run);
    else
        in_direct_access(run);
#define X(status, ...) check_row(run, status, #status, &complete);
    OUTCOME_MAP(X)
#undef X
    assert_true(complete);
    outcomes_release(run);
    free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test_both(test_outcomes__each_pair_is_met),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
