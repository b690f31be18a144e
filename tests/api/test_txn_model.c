/*
 * Transactional access against a model: random transactions of every call there is, each kept in
 * plain memory as well, committed, aborted, checkpointed and reopened; beside them readers that
 * keep their snapshot. After every step both have to say the same.
 */
#include <stdlib.h>
#include <string.h>

#include "support/fixture.h"

#define READERS 3

/* What the records are: their bytes, and which of them are deleted (those are zeros). */
struct state {
    uint8_t *bytes;
    bool *deleted;
    uint64_t count, deleted_count;
};

struct model {
    struct fixture *f;
    uint32_t n;    /* record size */
    uint64_t most; /* records */
    uint64_t seed;
    struct state now; /* as the write transaction sees it, or as it is committed */
    struct state committed;
    slot_txn *writer;
    slot_txn *reader[READERS];
    struct state seen[READERS];
    uint8_t *record;
    uint8_t *range;
};

static uint64_t pick(struct model *m, uint64_t below)
{
    return below == 0 ? 0 : random_next(&m->seed) % below;
}

/* ---- states ---- */

static void state_init(const struct model *m, struct state *state)
{
    state->bytes = calloc((size_t)m->most, m->n);
    state->deleted = calloc((size_t)m->most, sizeof *state->deleted);
    assert_non_null(state->bytes);
    assert_non_null(state->deleted);
    state->count = state->deleted_count = 0;
}

static void state_copy(const struct model *m, struct state *to, const struct state *from)
{
    memcpy(to->bytes, from->bytes, (size_t)(from->count * m->n));
    memcpy(to->deleted, from->deleted, (size_t)from->count * sizeof *to->deleted);
    to->count = from->count;
    to->deleted_count = from->deleted_count;
}

static void state_release(struct state *state)
{
    free(state->bytes);
    free(state->deleted);
}

static uint8_t *bytes_of(const struct model *m, const struct state *state, uint64_t recno)
{
    return state->bytes + recno * m->n;
}

/* ---- reading ---- */

/* A small budget holds the views of few transactions at a time. */
static void make_room(struct model *m)
{
    if (m->writer != NULL)
        slot_unpin(m->writer);
    for (int i = 0; i < READERS; i++) {
        if (m->reader[i] != NULL)
            slot_unpin(m->reader[i]);
    }
}

/* A pointer is lent as long as there is room; then all are given back, and asked for once more. */
static const void *ref(struct model *m, slot_txn *txn, uint64_t recno)
{
    const void *lent = NULL;
    slot_status status = slot_ref(txn, recno, &lent, &m->f->err);

    if (status == SLOT_E_BUDGET) {
        make_room(m);
        slot_unpin(txn);
        status = slot_ref(txn, recno, &lent, &m->f->err);
    }
    assert_status(m->f, status, SLOT_OK);
    return lent;
}

static void check_record(struct model *m, slot_txn *txn, const struct state *state, uint64_t recno)
{
    slot_status want = state->deleted[recno] ? SLOT_DELETED : SLOT_OK;
    const uint8_t *bytes = bytes_of(m, state, recno);
    uint32_t at = (uint32_t)pick(m, m->n);
    uint32_t part = (uint32_t)pick(m, m->n - at + 1);
    const void *lent;

    assert_status(m->f, slot_get(txn, recno, m->record, &m->f->err), want);
    if (want == SLOT_OK)
        assert_memory_equal(m->record, bytes, m->n);
    assert_status(m->f, slot_read(txn, recno, at, part, m->record, &m->f->err), want);
    if (want == SLOT_OK)
        assert_memory_equal(m->record, bytes + at, part);
    if (want != SLOT_OK)
        assert_status(m->f, slot_ref(txn, recno, &lent, &m->f->err), want);
    else
        assert_memory_equal(ref(m, txn, recno), bytes, m->n);
}

static void check_range(struct model *m, slot_txn *txn, const struct state *state)
{
    uint64_t first = pick(m, state->count + 1);
    uint64_t count = pick(m, state->count - first + 1);

    assert_ok(m->f, slot_get_range(txn, first, count, m->range, &m->f->err));
    assert_memory_equal(m->range, bytes_of(m, state, first), (size_t)(count * m->n));
}

static void check_scan(struct model *m, slot_txn *txn, const struct state *state, uint64_t from,
                       uint64_t to)
{
    slot_run run;

    make_room(m);
    slot_unpin(txn);
    for (uint64_t recno = from; recno < to; recno += run.count) {
        assert_ok(m->f, slot_scan(txn, recno, to, &run, &m->f->err));
        assert_int_equal(run.first, recno);
        assert_in_range(run.count, 1, to - recno);
        assert_memory_equal(run.records, bytes_of(m, state, recno), (size_t)(run.count * m->n));
    }
}

static void check_some(struct model *m, slot_txn *txn, const struct state *state)
{
    assert_int_equal(slot_records(txn), state->count);
    assert_int_equal(slot_count(txn), state->count - state->deleted_count);
    for (int i = 0; i < 4 && state->count > 0; i++)
        check_record(m, txn, state, pick(m, state->count));
    if (pick(m, 4) == 0)
        check_range(m, txn, state);
    if (pick(m, 4) == 0) {
        uint64_t from = pick(m, state->count + 1);

        check_scan(m, txn, state, from, from + pick(m, state->count - from + 1));
    }
    assert_status(m->f, slot_get(txn, state->count, m->record, &m->f->err), SLOT_NOT_FOUND);
}

static void check_all(struct model *m, slot_txn *txn, const struct state *state)
{
    assert_int_equal(slot_records(txn), state->count);
    assert_ok(m->f, slot_get_range(txn, 0, state->count, m->range, &m->f->err));
    assert_memory_equal(m->range, state->bytes, (size_t)(state->count * m->n));
    check_scan(m, txn, state, 0, state->count);
    for (uint64_t recno = 0; recno < state->count; recno++) {
        if (state->deleted[recno])
            assert_status(m->f, slot_get(txn, recno, m->record, &m->f->err), SLOT_DELETED);
    }
}

/* ---- writing: each function does one thing in both ---- */

static void new_bytes(struct model *m, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        record_fill(m->range + i * m->n, m->n, pick(m, 1000), pick(m, UINT32_MAX));
}

/* Full is an answer that ends the transaction; everything else is a failure of the test. */
static bool went_in(struct model *m, slot_status status)
{
    if (status == SLOT_E_LOG_FULL || status == SLOT_E_TXN_TOO_LARGE)
        return false;
    assert_status(m->f, status, SLOT_OK);
    return true;
}

static bool do_put(struct model *m, slot_txn *txn, uint64_t recno)
{
    uint32_t at = pick(m, 2) == 0 ? 0 : (uint32_t)pick(m, m->n);
    uint32_t part = at == 0 ? m->n : (uint32_t)pick(m, m->n - at + 1);
    slot_status status;

    new_bytes(m, 1);
    status = at == 0 ? slot_put(txn, recno, m->range, &m->f->err)
                     : slot_write(txn, recno, at, part, m->range, &m->f->err);
    if (m->now.deleted[recno]) {
        assert_status(m->f, status, SLOT_DELETED);
        return true;
    }
    if (!went_in(m, status))
        return false;
    memcpy(bytes_of(m, &m->now, recno) + at, m->range, part);
    return true;
}

static bool do_edit(struct model *m, slot_txn *txn, uint64_t recno)
{
    void *lent = NULL;
    slot_status status = slot_edit(txn, recno, &lent, &m->f->err);

    if (status == SLOT_E_BUDGET) {
        make_room(m);
        status = slot_edit(txn, recno, &lent, &m->f->err);
    }
    if (m->now.deleted[recno]) {
        assert_status(m->f, status, SLOT_DELETED);
        return true;
    }
    if (!went_in(m, status))
        return false;
    assert_memory_equal(lent, bytes_of(m, &m->now, recno), m->n);
    new_bytes(m, 1);
    memcpy(lent, m->range, m->n);
    memcpy(bytes_of(m, &m->now, recno), m->range, m->n);
    return true;
}

static bool do_append(struct model *m, slot_txn *txn)
{
    uint64_t room = m->most - m->now.count, first = 0;
    uint64_t count = pick(m, pick(m, 8) == 0 ? room + 1 : (room < 40 ? room : 40) + 1);

    new_bytes(m, count);
    if (!went_in(m, slot_append(txn, m->range, count, &first, &m->f->err)))
        return false;
    assert_int_equal(first, m->now.count);
    memcpy(bytes_of(m, &m->now, m->now.count), m->range, (size_t)(count * m->n));
    memset(m->now.deleted + m->now.count, 0, (size_t)count * sizeof *m->now.deleted);
    m->now.count += count;
    return true;
}

static bool do_extend(struct model *m, slot_txn *txn)
{
    uint64_t room = m->most - m->now.count, first = 0;
    uint64_t count = pick(m, pick(m, 8) == 0 ? room + 1 : (room < 100 ? room : 100) + 1);

    if (!went_in(m, slot_extend(txn, count, &first, &m->f->err)))
        return false;
    assert_int_equal(first, m->now.count);
    memset(bytes_of(m, &m->now, m->now.count), 0, (size_t)(count * m->n));
    memset(m->now.deleted + m->now.count, 0, (size_t)count * sizeof *m->now.deleted);
    m->now.count += count;
    return true;
}

static bool do_delete(struct model *m, slot_txn *txn, uint64_t recno)
{
    slot_status status = slot_delete(txn, recno, &m->f->err);

    if (m->now.deleted[recno]) {
        assert_status(m->f, status, SLOT_DELETED);
        return true;
    }
    if (!went_in(m, status))
        return false;
    memset(bytes_of(m, &m->now, recno), 0, m->n);
    m->now.deleted[recno] = true;
    m->now.deleted_count++;
    return true;
}

/* The lowest deleted number, or a new one. */
static bool do_insert(struct model *m, slot_txn *txn)
{
    uint64_t want = 0, recno = UINT64_MAX;

    while (want < m->now.count && !m->now.deleted[want])
        want++;
    if (want == m->most)
        return true;
    new_bytes(m, 1);
    if (!went_in(m, slot_insert(txn, m->range, &recno, &m->f->err)))
        return false;
    assert_int_equal(recno, want);
    memcpy(bytes_of(m, &m->now, recno), m->range, m->n);
    if (recno == m->now.count)
        m->now.count++;
    else
        m->now.deleted_count--;
    m->now.deleted[recno] = false;
    return true;
}

static bool do_something(struct model *m, slot_txn *txn)
{
    uint64_t count = m->now.count;

    switch (pick(m, 12)) {
    case 0:
    case 1:
        return do_append(m, txn);
    case 2:
        return do_extend(m, txn);
    case 3:
    case 4:
        return count == 0 || do_delete(m, txn, pick(m, count));
    case 5:
    case 6:
        return do_insert(m, txn);
    case 7:
    case 8:
        return count == 0 || do_edit(m, txn, pick(m, count));
    default:
        return count == 0 || do_put(m, txn, pick(m, count));
    }
}

/* ---- readers beside ---- */

static void slot__reader_end(struct model *m, int i)
{
    if (m->reader[i] == NULL)
        return;
    check_all(m, m->reader[i], &m->seen[i]);
    slot_end(m->reader[i]);
    m->reader[i] = NULL;
}

static void readers_end(struct model *m)
{
    for (int i = 0; i < READERS; i++)
        slot__reader_end(m, i);
}

static void reader_change(struct model *m)
{
    int i = (int)pick(m, READERS);

    if (m->reader[i] != NULL) {
        slot__reader_end(m, i);
        return;
    }
    m->reader[i] = fixture_begin(m->f, SLOT_READ);
    state_copy(m, &m->seen[i], &m->committed);
}

static void readers_check(struct model *m)
{
    for (int i = 0; i < READERS; i++) {
        if (m->reader[i] != NULL) {
            check_some(m, m->reader[i], &m->seen[i]);
            slot_unpin(m->reader[i]);
        }
    }
}

/* ---- the run ---- */

static void transaction(struct model *m)
{
    slot_txn *txn = fixture_begin(m->f, SLOT_WRITE);
    uint64_t steps = pick(m, 25);
    slot_status status = SLOT_OK;
    bool full = false, committed = false;

    m->writer = txn;
    for (uint64_t i = 0; i < steps && !full; i++) {
        full = !do_something(m, txn);
        if (!full && pick(m, 3) == 0)
            check_some(m, txn, &m->now);
        if (pick(m, 4) == 0)
            readers_check(m);
    }
    m->writer = NULL;
    if (!full && pick(m, 5) > 0) {
        status = slot_commit(txn, &m->f->err);
        committed = went_in(m, status);
        full = !committed;
    } else {
        slot_abort(txn);
    }
    if (full)
        readers_end(m); /* they keep the log from being used again */
    if (committed)
        state_copy(m, &m->committed, &m->now);
    else
        state_copy(m, &m->now, &m->committed);
    txn = fixture_begin(m->f, SLOT_READ);
    check_some(m, txn, &m->committed);
    slot_end(txn);
}

static void between(struct model *m)
{
    if (pick(m, 3) == 0)
        reader_change(m);
    readers_check(m);
    if (pick(m, 4) == 0)
        assert_ok(m->f, slot_checkpoint(m->f->db, &m->f->err));
    readers_check(m);
    if (pick(m, 12) == 0) {
        readers_end(m);
        fixture_close(m->f);
        fixture_open(m->f);
    }
    if (pick(m, 12) == 0)
        assert_ok(m->f, slot_verify(m->f->db, NULL, NULL, &m->f->err));
}

static void model_init(struct model *m, struct fixture *f, uint32_t n, uint64_t most, uint64_t seed)
{
    memset(m, 0, sizeof *m);
    m->f = f;
    m->n = n;
    m->most = most;
    m->seed = seed;
    state_init(m, &m->now);
    state_init(m, &m->committed);
    for (int i = 0; i < READERS; i++)
        state_init(m, &m->seen[i]);
    m->record = malloc(n);
    m->range = malloc((size_t)(most * n));
    assert_non_null(m->record);
    assert_non_null(m->range);
}

static void model_release(struct model *m)
{
    state_release(&m->now);
    state_release(&m->committed);
    for (int i = 0; i < READERS; i++)
        state_release(&m->seen[i]);
    free(m->record);
    free(m->range);
}

static void run(struct fixture *f, uint32_t n, uint64_t most, uint64_t seed, int rounds)
{
    struct model m;
    slot_txn *txn;

    model_init(&m, f, n, most, seed);
    fixture_create(f, n);
    for (int round = 0; round < rounds; round++) {
        transaction(&m);
        between(&m);
    }
    readers_end(&m);
    fixture_close(f);
    fixture_open(f);
    txn = fixture_begin(f, SLOT_READ);
    check_all(&m, txn, &m.committed);
    slot_end(txn);
    assert_ok(f, slot_verify(f->db, NULL, NULL, &f->err));
    model_release(&m);
}

#define MODEL(name, n, most, rounds)                                                               \
    static void test_txn_model__##name(void **state)                                               \
    {                                                                                              \
        for (uint64_t seed = 1; seed <= 2; seed++) {                                               \
            run(*state, n, most, seed *UINT64_C(0x1234567), rounds);                               \
            again(*state);                                                                         \
        }                                                                                          \
    }

/* The database of the first seed goes. */
static void again(struct fixture *f)
{
    fixture_close(f);
    assert_ok(f, slot_destroy(f->path, NULL, &f->err));
}

MODEL(of_1_byte, 1, 100000, 60)
MODEL(of_7_bytes, 7, 40000, 60)
MODEL(of_125_bytes, 125, 3000, 120)
MODEL(of_4095_bytes, 4095, 300, 100)
MODEL(of_4096_bytes, 4096, 300, 100)
MODEL(of_4097_bytes, 4097, 300, 100)
MODEL(of_65536_bytes, 65536, 40, 60)
MODEL(of_1_mib, 1048576, 6, 40)

/* So small a log that it is full now and then, and used again all the time. */
static void test_txn_model__small_log(void **state)
{
    struct fixture *f = *state;

    f->options.log_limit_bytes = 256 << 10;
    f->options.checkpoint_bytes = 64 << 10;
    run(f, 125, 3000, 77, 200);
}

static void test_txn_model__sync_normal(void **state)
{
    struct fixture *f = *state;

    f->options.sync = SLOT_SYNC_NORMAL;
    f->options.log_limit_bytes = 512 << 10;
    run(f, 125, 3000, 78, 300);
}

static void test_txn_model__small_budget(void **state)
{
    struct fixture *f = *state;

    f->options.map_budget = 2 << 20;
    f->options.log_limit_bytes = 1 << 20;
    run(f, 125, 20000, 79, 100);
}

static void test_txn_model__appends_beside_the_log(void **state)
{
    struct fixture *f = *state;

    f->options.log_limit_bytes = 8 << 20;
    run(f, 1000, 8000, 80, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_txn_model__of_1_byte),
        fixture_test(test_txn_model__of_7_bytes),
        fixture_test(test_txn_model__of_125_bytes),
        fixture_test(test_txn_model__of_4095_bytes),
        fixture_test(test_txn_model__of_4096_bytes),
        fixture_test(test_txn_model__of_4097_bytes),
        fixture_test(test_txn_model__of_65536_bytes),
        fixture_test(test_txn_model__of_1_mib),
        fixture_test(test_txn_model__small_log),
        fixture_test(test_txn_model__sync_normal),
        fixture_test(test_txn_model__small_budget),
        fixture_test(test_txn_model__appends_beside_the_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
