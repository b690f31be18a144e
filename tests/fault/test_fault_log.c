/*
 * Transactional access: every call of the operating system fails once, and from then on, in every
 * way, one after the other: create, open, recover, commit, insert, delete, abort, checkpoint,
 * close. What was acknowledged is there when a healthy system opens the database again; what was
 * refused is not; what is unknown is there whole or not at all, and stays so. Nothing is leaked,
 * and every database verifies.
 *
 * Power cuts are the crash simulator's: here, syncs do nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/handle.h"
#include "support/fixture.h"
#include "support/os_faulty.h"
#include "support/tmpdir.h"

#define N      4000  /* a record is a block */
#define BASE   40u   /* records in state 0 */
#define STATES 3u    /* transactions that are made */
#define ROUNDS 4000u /* more calls than any operation makes */
#define LIMIT  (256u << 10)

static const struct {
    slot_status status;
    int code;
    int way;
    uint64_t step; /* each call, or every so many; all of them in a long run */
} faults[] = {
    {SLOT_E_IO, 5, OS_FAULTY_ONCE, 1},
    {SLOT_E_IO, 5, OS_FAULTY_FOREVER, 7},
    {SLOT_E_IO, 5, OS_FAULTY_ONCE | OS_FAULTY_HALF, 13},
    {SLOT_E_IO, 5, OS_FAULTY_FOREVER | OS_FAULTY_HALF, 13},
    {SLOT_E_NO_SPACE, 28, OS_FAULTY_ONCE, 13},
    {SLOT_E_NO_SPACE, 28, OS_FAULTY_FOREVER | OS_FAULTY_HALF, 13},
    {SLOT_E_NO_MEMORY, 12, OS_FAULTY_ONCE, 13},
    {SLOT_E_NO_MEMORY, 12, OS_FAULTY_FOREVER, 13},
};

/* ---- a system that does not wait for its disk ---- */

static os_result no_sync(const struct os *os, struct os_file *file)
{
    (void)os, (void)file;
    return os_success();
}

static os_result no_sync_dir(const struct os *os, struct os_dir *dir)
{
    (void)os, (void)dir;
    return os_success();
}

static os_result no_flush(const struct os *os, void *address, size_t n)
{
    (void)os, (void)address, (void)n;
    return os_success();
}

static const struct os *hasty(void)
{
    static struct os os;

    os = *slot__os_native();
    os.sync = no_sync;
    os.sync_dir = no_sync_dir;
    os.flush = no_flush;
    return &os;
}

/* ---- the states: state i is what transaction i has made of state i - 1 ---- */

static slot_status put_step(slot_txn *txn, uint64_t state)
{
    slot_status status = SLOT_OK;
    uint8_t record[N];

    for (uint64_t recno = 0; recno < BASE && status == SLOT_OK; recno += 8) {
        record_fill(record, N, recno, state);
        status = slot_put(txn, recno, record, NULL);
    }
    return status;
}

static slot_status append_some(slot_txn *txn, uint64_t count)
{
    slot_status status = SLOT_OK;
    uint8_t record[N];

    for (uint64_t i = 0; i < count && status == SLOT_OK; i++) {
        record_fill(record, N, slot_records(txn), 0);
        status = slot_append(txn, record, 1, NULL, NULL);
    }
    return status;
}

static slot_status insert_one(slot_txn *txn, uint64_t want)
{
    uint64_t recno = UINT64_MAX;
    uint8_t record[N];
    slot_status status;

    record_fill(record, N, want, 7);
    status = slot_insert(txn, record, &recno, NULL);
    if (status == SLOT_OK)
        assert_int_equal(recno, want);
    return status;
}

/* What transaction `state` does, all of it or until something fails. */
static slot_status change(slot_txn *txn, uint64_t state)
{
    slot_status status = put_step(txn, state);
    void *edit = NULL;

    if (status == SLOT_OK && state == 1) {
        status = slot_delete(txn, 10, NULL);
        if (status == SLOT_OK)
            status = slot_delete(txn, 30, NULL);
        if (status == SLOT_OK)
            status = append_some(txn, 7);
    } else if (status == SLOT_OK && state == 2) {
        status = insert_one(txn, 10);
        if (status == SLOT_OK)
            status = slot_extend(txn, 10, NULL, NULL);
    } else if (status == SLOT_OK) {
        status = insert_one(txn, 30);
        if (status == SLOT_OK)
            status = insert_one(txn, BASE + 17);
        if (status == SLOT_OK)
            status = slot_edit(txn, 3, &edit, NULL);
        if (status == SLOT_OK)
            record_fill(edit, N, 3, 3);
    }
    return status;
}

/* What record recno is in a state: its version, or one of these. */
#define ZERO    UINT64_MAX
#define DELETED (UINT64_MAX - 1)

static uint64_t version_in(uint64_t recno, uint64_t state)
{
    if (recno < BASE && recno % 8 == 0)
        return state;
    if (recno == 10 || recno == 30)
        return state == 0 ? 0 : state >= (recno == 10 ? 2u : 3u) ? 7 : DELETED;
    if (recno == 3)
        return state == 3 ? 3 : 0;
    if (recno >= BASE + 17)
        return 7;
    return recno >= BASE + 7 ? ZERO : 0;
}

static uint64_t records_in(uint64_t state)
{
    static const uint64_t records[] = {BASE, BASE + 7, BASE + 17, BASE + 18};

    return records[state];
}

static bool is_record(slot_txn *txn, uint64_t recno, uint64_t version)
{
    static const uint8_t zeros[N];
    uint8_t record[N];
    slot_status status = slot_get(txn, recno, record, NULL);

    if (version == DELETED)
        return status == SLOT_DELETED;
    if (status != SLOT_OK)
        return false;
    return version == ZERO ? memcmp(record, zeros, N) == 0 : record_is(record, N, recno, version);
}

/* The state that the database is in, or STATES + 1: a mixture. */
static uint64_t state_of(struct fixture *f)
{
    slot_txn *txn = fixture_begin(f, SLOT_READ);
    uint64_t state = 0;

    while (state <= STATES && records_in(state) != slot_records(txn))
        state++;
    for (uint64_t recno = 0; state <= STATES && recno < records_in(state); recno++) {
        if (!is_record(txn, recno, version_in(recno, state)))
            state = STATES + 1;
    }
    slot_end(txn);
    return state;
}

/* ---- the operation ---- */

struct outcome {
    slot_status status; /* the first that was not SLOT_OK */
    uint64_t state;     /* acknowledged */
    bool unknown;       /* one more transaction may be there */
};

static void note(struct outcome *outcome, slot_status status)
{
    if (outcome->status == SLOT_OK)
        outcome->status = status;
}

static void transaction(slot_db *db, struct outcome *outcome, bool aborted)
{
    slot_txn *txn = NULL;
    slot_status status = slot_begin(db, SLOT_WRITE, &txn, NULL);

    note(outcome, status);
    if (status != SLOT_OK)
        return;
    status = change(txn, outcome->state + 1);
    if (status != SLOT_OK || aborted) {
        note(outcome, status);
        slot_abort(txn);
        return;
    }
    status = slot_commit(txn, NULL);
    note(outcome, status);
    if (status == SLOT_OK)
        outcome->state++;
    else if (status == SLOT_E_UNKNOWN)
        outcome->unknown = true;
}

/* What is read is right, whatever has failed. */
static void look(slot_db *db, struct outcome *outcome)
{
    slot_txn *txn = NULL;
    slot_status status = slot_begin(db, SLOT_READ, &txn, NULL);
    uint8_t record[N];

    note(outcome, status);
    if (status != SLOT_OK)
        return;
    for (uint64_t recno = 0; recno < BASE; recno += 5) {
        uint64_t version = version_in(recno, outcome->state);

        status = slot_get(txn, recno, record, NULL);
        if (status == SLOT_OK && !record_is(record, N, recno, version))
            assert_true(outcome->unknown &&
                        record_is(record, N, recno, version_in(recno, outcome->state + 1)));
        note(outcome, status == SLOT_DELETED && version == DELETED ? SLOT_OK : status);
    }
    slot_end(txn);
}

/* All transactions from `state` on, with what else there is between them. */
static struct outcome work(struct fixture *f, const struct os *os, uint64_t state)
{
    struct outcome outcome = {SLOT_OK, state, false};
    slot_db *db = NULL;

    outcome.status = slot__db_open_on(os, f->path, &f->options, &db, &f->err);
    if (outcome.status != SLOT_OK)
        return outcome;
    while (outcome.state < STATES) {
        uint64_t before = outcome.state;

        transaction(db, &outcome, true);
        transaction(db, &outcome, false);
        look(db, &outcome);
        if (outcome.state == 2)
            note(&outcome, slot_checkpoint(db, NULL));
        if (outcome.state == before)
            break;
    }
    note(&outcome, slot_close(db, NULL));
    return outcome;
}

static struct outcome from_the_start(struct fixture *f, const struct os *os)
{
    return work(f, os, 0);
}

/* The image of a crash in state 2: open recovers. */
static struct outcome from_a_crash(struct fixture *f, const struct os *os)
{
    return work(f, os, 2);
}

/* ---- images to start from ---- */

/* Keep what is at f->path as the image that every run starts with. */
static char *keep_image(struct fixture *f)
{
    char *image = tmpdir_join(f->dir, "image");

    fixture_copy_tree(f->path, image);
    return image;
}

/* Make the database in a healthy way up to `state`, and leave it as a crash or a close does. */
static char *make_image(struct fixture *f, uint64_t state, bool crashed)
{
    struct outcome outcome = {SLOT_OK, 0, false};
    slot_schema *schema = NULL;
    slot_txn *txn = NULL;
    slot_db *db = NULL;
    char *image;

    f->options.log_limit_bytes = LIMIT;
    f->options.checkpoint_bytes = LIMIT;
    f->options.wait_ms = 0;
    assert_ok(f, slot_schema_sized(N, &schema, &f->err));
    assert_ok(f, slot__db_create_on(hasty(), f->path, schema, &f->options, &f->err));
    slot_schema_free(schema);
    assert_ok(f, slot__db_open_on(hasty(), f->path, &f->options, &db, &f->err));
    assert_ok(f, slot_begin(db, SLOT_WRITE, &txn, &f->err));
    assert_ok(f, append_some(txn, BASE));
    assert_ok(f, slot_commit(txn, &f->err));
    assert_ok(f, slot_checkpoint(db, &f->err));
    while (outcome.state < state)
        transaction(db, &outcome, false);
    assert_ok(f, outcome.status);
    image = crashed ? keep_image(f) : NULL;
    assert_ok(f, slot_close(db, &f->err));
    return crashed ? image : keep_image(f);
}

/* ---- the sweep ---- */

static void healthy_open(struct fixture *f)
{
    assert_ok(f, slot__db_open_on(hasty(), f->path, &f->options, &f->db, &f->err));
}

/* Half a meta slot is what a failed write leaves; the next one mends it. */
static bool only_meta(void *context, const slot_finding *finding)
{
    *(bool *)context = *(bool *)context && strcmp(finding->file, "meta") == 0;
    return true;
}

static void verify_but_meta(struct fixture *f)
{
    bool good = true;
    slot_status status = slot_verify(f->db, only_meta, &good, &f->err);

    if (status != SLOT_DAMAGED)
        assert_ok(f, status);
    assert_true(good);
}

/* One more transaction that changes nothing, so that meta is written. */
static void touch(struct fixture *f)
{
    slot_txn *txn = fixture_begin(f, SLOT_WRITE);

    assert_ok(f, put_step(txn, STATES));
    fixture_commit(f, txn);
}

/* The database is what the outcome says, stays so, and goes on from there. */
static void check(struct fixture *f, struct outcome outcome)
{
    uint64_t state;

    healthy_open(f);
    state = state_of(f);
    assert_in_range(state, 0, STATES);
    if (outcome.unknown)
        assert_in_range(state, outcome.state, outcome.state + 1);
    else
        assert_int_equal(state, outcome.state);
    verify_but_meta(f);
    fixture_close(f);
    outcome = work(f, hasty(), state);
    assert_ok(f, outcome.status);
    healthy_open(f);
    assert_int_equal(state_of(f), STATES);
    if (state == STATES)
        touch(f);
    fixture_close(f);
    healthy_open(f);
    assert_int_equal(state_of(f), STATES);
    assert_ok(f, slot_verify(f->db, NULL, NULL, &f->err));
    fixture_close(f);
}

typedef struct outcome (*operation_fn)(struct fixture *f, const struct os *os);

/* Whether the run met its failure; the caller goes on until it does not. */
static bool run_once(struct fixture *f, operation_fn operation, uint64_t nth, size_t fault,
                     struct outcome *outcome)
{
    struct os_faulty faulty;
    bool failed;

    os_faulty_init(&faulty, hasty());
    os_faulty_fail(&faulty, nth, faults[fault].way, faults[fault].status, faults[fault].code);
    *outcome = operation(f, &faulty.os);
    failed = faulty.failed > 0;
    snprintf(f->note, sizeof f->note, "call %llu (%s), fault %zu", (unsigned long long)nth,
             os_faulty_failed_name(&faulty), fault);
    if (!os_faulty_is_clean(&faulty))
        fail_msg("%s: something was left open, mapped or locked", f->note);
    os_faulty_release(&faulty);
    return failed;
}

static void sweep(struct fixture *f, operation_fn operation, const char *image)
{
    uint64_t total = 0;
    bool all = getenv("SLOT_TEST_LONG") != NULL;

    for (size_t fault = 0; fault < sizeof faults / sizeof faults[0]; fault++) {
        uint64_t step = all ? 1 : faults[fault].step;
        uint64_t nth = step == 1 ? 1 : 1 + fault % step;
        struct outcome outcome;

        for (bool met = true; met; nth += step) {
            assert_true(nth < ROUNDS);
            fixture_copy_tree(image, f->path);
            met = run_once(f, operation, nth, fault, &outcome);
            if (!met)
                assert_int_equal(outcome.status, SLOT_OK);
            check(f, outcome);
            total++;
        }
    }
    f->note[0] = '\0';
    print_message("%llu runs\n", (unsigned long long)total);
}

static void test_fault_log__from_the_start(void **state)
{
    char *image = make_image(*state, 0, false);

    sweep(*state, from_the_start, image);
    free(image);
}

static void test_fault_log__from_a_crash(void **state)
{
    char *image = make_image(*state, 2, true);

    sweep(*state, from_a_crash, image);
    free(image);
}

/* ---- flushes that fail ---- */

/*
 * Nobody knows what a failed sync has left: the commit is unknown, no handle of the session takes
 * more writes, and whatever the next one to open finds stays so.
 */
static void poison(struct fixture *f, const char *function, uint64_t nth)
{
    struct os_faulty faulty;
    slot_db *db = NULL, *other = NULL;
    slot_txn *txn = NULL;
    uint64_t state;
    char *image = make_image(f, 0, false);

    free(image);
    os_faulty_init(&faulty, slot__os_native());
    assert_ok(f, slot__db_open_on(&faulty.os, f->path, &f->options, &db, &f->err));
    assert_ok(f, slot_open(f->path, &f->options, &other, &f->err));
    assert_ok(f, slot_begin(db, SLOT_WRITE, &txn, &f->err));
    slot_abort(txn); /* meta is marked now */
    assert_ok(f, slot_begin(db, SLOT_WRITE, &txn, &f->err));
    assert_ok(f, change(txn, 1));
    assert_true(is_record(txn, BASE + 6, 0)); /* what was appended is in the log */
    os_faulty_fail_only(&faulty, function, nth, OS_FAULTY_ONCE, SLOT_E_IO, 5);
    assert_status(f, slot_commit(txn, &f->err), SLOT_E_UNKNOWN);
    assert_int_equal(faulty.failed, 1);
    assert_status(f, slot_begin(db, SLOT_WRITE, &txn, &f->err), SLOT_E_POISONED);
    assert_status(f, slot_begin(other, SLOT_WRITE, &txn, &f->err), SLOT_E_POISONED);
    assert_status(f, slot_checkpoint(db, &f->err), SLOT_E_POISONED);
    assert_status(f, slot_checkpoint(other, &f->err), SLOT_E_POISONED);
    assert_ok(f, slot_begin(db, SLOT_READ, &txn, &f->err)); /* reading goes on */
    assert_true(is_record(txn, 0, 0));
    slot_end(txn);
    assert_status(f, slot_close(db, &f->err), SLOT_E_POISONED);
    assert_status(f, slot_close(other, &f->err), SLOT_E_POISONED);
    assert_true(os_faulty_is_clean(&faulty));
    os_faulty_release(&faulty);
    fixture_open(f);
    state = state_of(f);
    assert_in_range(state, 0, 1);
    assert_ok(f, slot_verify(f->db, NULL, NULL, &f->err));
    for (int i = 0; i < 3; i++) {
        fixture_close(f);
        fixture_open(f);
        assert_int_equal(state_of(f), state);
    }
}

static void test_fault_log__a_failed_sync_poisons(void **state)
{
    poison(*state, "sync", 1);
}

static void test_fault_log__a_failed_flush_poisons(void **state)
{
    poison(*state, "flush", 1);
}

/* ---- the map budget ---- */

/* What the system was really asked to map never exceeds it. */
static void budget_is_hard(struct fixture *f, uint64_t budget)
{
    struct os_faulty faulty;
    slot_db *db = NULL;
    uint64_t seed = 5;

    fixture_create(f, 125);
    fixture_append(f, 60000); /* 7.5 MB */
    fixture_close(f);
    os_faulty_init(&faulty, slot__os_native());
    f->options.map_budget = budget;
    f->options.log_limit_bytes = 8 << 20;
    assert_ok(f, slot__db_open_on(&faulty.os, f->path, &f->options, &db, &f->err));
    for (int round = 0; round < 30; round++) {
        slot_txn *reader = NULL, *txn = NULL;
        uint8_t record[125];

        assert_ok(f, slot_begin(db, SLOT_READ, &reader, &f->err));
        assert_ok(f, slot_begin(db, SLOT_WRITE, &txn, &f->err));
        for (int i = 0; i < 300; i++) {
            uint64_t recno = random_next(&seed) % 60000;
            const void *lent;

            record_fill(record, 125, recno, 0);
            if (slot_ref(reader, recno, &lent, &f->err) == SLOT_E_BUDGET)
                slot_unpin(reader);
            if (slot_put(txn, recno, record, &f->err) == SLOT_E_BUDGET) {
                slot_unpin(reader);
                slot_unpin(txn);
                assert_ok(f, slot_put(txn, recno, record, &f->err));
            }
            assert_ok(f, slot_get(txn, recno, record, &f->err));
            assert_true(record_is(record, 125, recno, 0));
            assert_ok(f, slot_get(reader, recno, record, &f->err));
            assert_true(record_is(record, 125, recno, 0));
        }
        slot_unpin(reader);
        assert_ok(f, slot_commit(txn, &f->err));
        slot_end(reader);
        if (round % 10 == 9)
            assert_ok(f, slot_checkpoint(db, &f->err));
    }
    assert_ok(f, slot_verify(db, NULL, NULL, &f->err));
    assert_ok(f, slot_close(db, &f->err));
    assert_true(faulty.mapped_peak <= budget);
    assert_true(faulty.mapped_peak > budget / 2);
    assert_true(os_faulty_is_clean(&faulty));
    os_faulty_release(&faulty);
}

static void test_fault_log__budget_of_1_mib(void **state)
{
    budget_is_hard(*state, 1 << 20);
}

static void test_fault_log__budget_of_4_mib(void **state)
{
    budget_is_hard(*state, 4 << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_fault_log__from_the_start),
        fixture_test(test_fault_log__from_a_crash),
        fixture_test(test_fault_log__a_failed_sync_poisons),
        fixture_test(test_fault_log__a_failed_flush_poisons),
        fixture_test(test_fault_log__budget_of_1_mib),
        fixture_test(test_fault_log__budget_of_4_mib),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
