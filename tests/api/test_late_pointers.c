/*
 * Random calls against a model, with pointers of slot_edit that are stored through late: after
 * other calls of their transaction, of which some move the block, make the file longer or delete
 * the record; and after its end. In transactional access the latter changes nothing, in direct
 * access that record and nothing else, and nobody ever takes it for damage.
 */
#include <stdlib.h>
#include <string.h>

#include "db/handle.h"
#include "support/fixture.h"

#define N        64u
#define MOST     4000u
#define POINTERS 200u
#define STEPS    40u

struct lent {
    uint64_t recno;
    uint8_t *at;
};

struct state {
    uint8_t bytes[MOST][N];
    bool deleted[MOST];
    uint64_t count;
};

struct model {
    struct fixture *f;
    uint64_t seed;
    uint64_t lend_bytes; /* of the handle; 0: as it comes */
    bool direct, late;   /* store when the transaction has ended, too */
    struct state now, committed;
    struct lent lent[POINTERS]; /* by the open transaction, or the last one */
    uint32_t lent_n;
};

static uint64_t pick(struct model *m, uint64_t below)
{
    return random_next(&m->seed) % below;
}

static void fill(struct model *m, void *record)
{
    record_fill(record, N, pick(m, 1000000), 1);
}

static void open_db(struct model *m)
{
    fixture_open(m->f);
    if (m->lend_bytes != 0)
        m->f->db->lend_bytes = m->lend_bytes;
}

/* ---- calls ---- */

static void put(struct model *m, slot_txn *txn, uint64_t recno)
{
    uint8_t record[N];

    fill(m, record);
    if (m->now.deleted[recno]) {
        assert_status(m->f, slot_put(txn, recno, record, &m->f->err), SLOT_DELETED);
        return;
    }
    assert_ok(m->f, slot_put(txn, recno, record, &m->f->err));
    memcpy(m->now.bytes[recno], record, N);
}

static void edit(struct model *m, slot_txn *txn, uint64_t recno)
{
    void *lent;

    if (m->now.deleted[recno] || m->lent_n == POINTERS)
        return;
    assert_ok(m->f, slot_edit(txn, recno, &lent, &m->f->err));
    assert_memory_equal(lent, m->now.bytes[recno], N);
    m->lent[m->lent_n++] = (struct lent){recno, lent};
}

/* In its transaction: it is the record, unless that was deleted. */
static void store(struct model *m)
{
    const struct lent *lent;

    if (m->lent_n == 0)
        return;
    lent = &m->lent[pick(m, m->lent_n)];
    fill(m, lent->at);
    if (!m->now.deleted[lent->recno])
        memcpy(m->now.bytes[lent->recno], lent->at, N);
}

static void grow(struct model *m, slot_txn *txn)
{
    uint64_t count = pick(m, 200) + 1;
    uint8_t records[200][N];
    bool append = pick(m, 2) == 0;

    if (m->now.count + count > MOST)
        return;
    memset(records, 0, sizeof records);
    for (uint64_t i = 0; append && i < count; i++)
        fill(m, records[i]);
    if (append)
        assert_ok(m->f, slot_append(txn, records, count, NULL, &m->f->err));
    else
        assert_ok(m->f, slot_extend(txn, count, NULL, &m->f->err));
    memcpy(m->now.bytes[m->now.count], records, (size_t)count * N);
    memset(&m->now.deleted[m->now.count], 0, (size_t)count * sizeof m->now.deleted[0]);
    m->now.count += count;
}

static void delete_one(struct model *m, slot_txn *txn, uint64_t recno)
{
    if (m->direct || m->now.deleted[recno])
        return;
    assert_ok(m->f, slot_delete(txn, recno, &m->f->err));
    m->now.deleted[recno] = true;
    memset(m->now.bytes[recno], 0, N);
}

static void insert(struct model *m, slot_txn *txn)
{
    uint8_t record[N];
    uint64_t recno;

    if (m->direct || slot_count(txn) == slot_records(txn))
        return;
    fill(m, record);
    assert_ok(m->f, slot_insert(txn, record, &recno, &m->f->err));
    assert_true(m->now.deleted[recno]);
    m->now.deleted[recno] = false;
    memcpy(m->now.bytes[recno], record, N);
}

static void look(struct model *m, slot_txn *txn, uint64_t recno)
{
    uint8_t record[N];
    const void *lent;
    slot_status status = slot_get(txn, recno, record, &m->f->err);

    /* What was stored into a deleted record is not kept, but seen until the commit. */
    if (m->now.deleted[recno])
        return;
    assert_ok(m->f, status);
    assert_memory_equal(record, m->now.bytes[recno], N);
    assert_ok(m->f, slot_ref(txn, recno, &lent, &m->f->err));
    assert_memory_equal(lent, m->now.bytes[recno], N);
}

static void do_something(struct model *m, slot_txn *txn)
{
    uint64_t recno = pick(m, m->now.count);

    if (m->lent_n > 0 && pick(m, 2) == 0)
        recno = m->lent[pick(m, m->lent_n)].recno;
    switch (pick(m, 10)) {
    case 0:
        put(m, txn, recno);
        break;
    case 1:
    case 2:
    case 3:
        edit(m, txn, recno);
        break;
    case 4:
    case 5:
        store(m);
        break;
    case 6:
        grow(m, txn);
        break;
    case 7:
        delete_one(m, txn, recno);
        break;
    case 8:
        insert(m, txn);
        break;
    default:
        look(m, txn, recno);
    }
}

/* ---- transactions, and what comes between ---- */

static void check_all(struct model *m)
{
    slot_txn *txn = fixture_begin(m->f, SLOT_READ);
    uint8_t record[N];

    assert_int_equal(slot_records(txn), m->committed.count);
    for (uint64_t n = 0; n < m->committed.count; n++) {
        slot_status status = slot_get(txn, n, record, &m->f->err);

        assert_int_equal(status, m->committed.deleted[n] ? SLOT_DELETED : SLOT_OK);
        if (status == SLOT_OK)
            assert_memory_equal(record, m->committed.bytes[n], N);
    }
    slot_end(txn);
    assert_ok(m->f, slot_verify(m->f->db, NULL, NULL, &m->f->err));
}

static void transaction(struct model *m)
{
    slot_txn *txn = fixture_begin(m->f, SLOT_WRITE);
    uint64_t before = m->now.count;

    m->lent_n = 0;
    for (uint64_t steps = pick(m, STEPS); steps > 0; steps--)
        do_something(m, txn);
    if (pick(m, 4) != 0) {
        fixture_commit(m->f, txn);
        m->committed = m->now;
        if (m->direct && m->now.count != before)
            m->lent_n = 0; /* the last view was replaced, perhaps: a store would be a fault */
        return;
    }
    slot_abort(txn);
    if (m->direct) {
        m->now.count = before; /* what was changed in place stays */
        m->committed = m->now;
        m->lent_n = 0;
    }
    m->now = m->committed;
}

/* Through pointers of a transaction that has ended. */
static void store_late(struct model *m)
{
    for (uint32_t i = 0; m->late && i < m->lent_n; i++) {
        if (pick(m, 2) == 0)
            continue;
        fill(m, m->lent[i].at);
        if (m->direct)
            memcpy(m->committed.bytes[m->lent[i].recno], m->lent[i].at, N);
    }
    m->now = m->committed;
}

static void between(struct model *m)
{
    store_late(m);
    if (pick(m, 5) == 0)
        assert_ok(m->f, slot_checkpoint(m->f->db, &m->f->err));
    if (pick(m, 10) == 0) {
        fixture_close(m->f);
        open_db(m);
        m->lent_n = 0;
    }
    if (pick(m, 3) == 0)
        check_all(m);
}

static void run(struct fixture *f, uint64_t seed, uint64_t lend_bytes, bool late, int rounds)
{
    struct model *m = calloc(1, sizeof *m);
    slot_txn *txn;

    assert_non_null(m);
    m->f = f;
    m->seed = seed;
    m->lend_bytes = lend_bytes;
    m->late = late;
    m->direct = f->options.access == SLOT_DIRECT;
    f->options.sync = SLOT_SYNC_NORMAL;
    f->options.log_limit_bytes = 1 << 20; /* segments are begun again */
    fixture_create(f, N);
    fixture_close(f);
    open_db(m);
    txn = fixture_begin(f, SLOT_WRITE);
    assert_ok(f, slot_extend(txn, 300, NULL, &f->err));
    fixture_commit(f, txn);
    m->now.count = 300;
    m->committed = m->now;
    for (int i = 0; i < rounds; i++) {
        transaction(m);
        between(m);
    }
    check_all(m);
    free(m);
}

static void test_late_pointers__behind_their_transaction(void **state)
{
    run(*state, 11, 0, true, 150);
}

/* Pages of the log are lent, so that a store behind the end would be a fault. */
static void test_late_pointers__in_pages_of_the_log(void **state)
{
    run(*state, 12, 4096, false, 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test_both(test_late_pointers__behind_their_transaction),
        fixture_test(test_late_pointers__in_pages_of_the_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
