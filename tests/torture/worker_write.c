/*
 * A writer's transaction: money moves between accounts, in one of several ways, and all balances
 * together stay what they are. The writer's own record counts its transactions.
 */
#include <string.h>

#include "torture/worker.h"

/* A transaction on its way. After the first status that is not SLOT_OK nothing more is done. */
struct transfer {
    struct worker_thread *thread;
    slot_txn *txn;
    uint64_t number;
    slot_status status;
    slot_error err;
};

/* Fetch an account; false when it was deleted. */
static bool fetch(struct transfer *t, uint64_t recno, struct bank_record *record)
{
    char bytes[BANK_RECORD_SIZE];

    if (t->status != SLOT_OK)
        return false;
    t->status = slot_get(t->txn, recno, bytes, &t->err);
    if (t->status == SLOT_DELETED) {
        t->status = SLOT_OK;
        return false;
    }
    if (t->status != SLOT_OK)
        return false;
    if (!bank_record_read(record, bytes, recno))
        bank_fail("record %llu is torn", (unsigned long long)recno);
    return true;
}

static uint64_t any_account(struct transfer *t)
{
    return BOARD_WRITERS + bank_below(&t->thread->random, slot_records(t->txn) - BOARD_WRITERS);
}

/* Some account that is there; there are always many more than not. */
static bool pick(struct transfer *t, struct bank_record *record)
{
    for (int i = 0; i < 1000 && t->status == SLOT_OK; i++) {
        if (fetch(t, any_account(t), record))
            return true;
    }
    if (t->status == SLOT_OK)
        bank_fail("no account is left");
    return false;
}

/* Store an account, by one of the three calls that can. */
static void store(struct transfer *t, uint64_t recno, int64_t balance)
{
    struct bank_record record;
    void *place = NULL;

    if (t->status != SLOT_OK)
        return;
    bank_record_make(&record, recno, balance, t->thread->writer, t->number);
    switch (bank_below(&t->thread->random, 3)) {
    case 0:
        t->status = slot_put(t->txn, recno, &record, &t->err);
        break;
    case 1:
        t->status = slot_edit(t->txn, recno, &place, &t->err);
        if (t->status == SLOT_OK)
            memcpy(place, &record, sizeof record);
        break;
    default:
        t->status = slot_write(t->txn, recno, 0, 101, &record, &t->err);
        if (t->status == SLOT_OK)
            t->status = slot_write(t->txn, recno, 101, BANK_RECORD_SIZE - 101,
                                   (const char *)&record + 101, &t->err);
    }
    /* No view can be had for the pointer: by copying it always works. */
    if (t->status == SLOT_E_BUDGET)
        t->status = slot_put(t->txn, recno, &record, &t->err);
}

/* Take at most `most` from some account; returns how much. */
static int64_t take(struct transfer *t, uint64_t most)
{
    struct bank_record from;
    int64_t amount = (int64_t)bank_below(&t->thread->random, most) + 1;

    if (!pick(t, &from))
        return 0;
    store(t, from.recno, from.balance - amount);
    return amount;
}

static void give(struct transfer *t, int64_t amount)
{
    struct bank_record to;

    if (pick(t, &to))
        store(t, to.recno, to.balance + amount);
}

static void do_transfer(struct transfer *t)
{
    uint64_t pairs = 1 + bank_below(&t->thread->random, 4);

    for (uint64_t i = 0; i < pairs; i++)
        give(t, take(t, 100));
}

/* Append `count` accounts, one of which gets something. */
static void append(struct transfer *t, uint64_t count)
{
    uint64_t first = slot_records(t->txn);
    int64_t amount;

    if (first + count > WORKER_RECORDS_MAX) {
        do_transfer(t);
        return;
    }
    amount = take(t, 50);
    for (uint64_t i = 0; i < count && t->status == SLOT_OK; i++) {
        struct bank_record record;
        uint64_t recno = 0;

        bank_record_make(&record, first + i, i == count / 2 ? amount : 0, t->thread->writer,
                         t->number);
        t->status = slot_append(t->txn, &record, 1, &recno, &t->err);
        if (t->status == SLOT_OK && recno != first + i)
            bank_fail("slot_append gave %llu, not %llu", (unsigned long long)recno,
                      (unsigned long long)(first + i));
    }
    /* A new one is changed again, wherever it lies. */
    store(t, first + count / 3, count / 3 == count / 2 ? amount : 0);
    atomic_fetch_add(&t->thread->board->appended, count);
}

static void do_append_few(struct transfer *t)
{
    append(t, 1 + bank_below(&t->thread->random, 5));
}

static void do_append_blocks(struct transfer *t)
{
    append(t, 50 + bank_below(&t->thread->random, 300));
}

/* More than 1 MiB: their blocks do not go through the log. */
static void do_append_many(struct transfer *t)
{
    if (bank_below(&t->thread->random, 4) == 0)
        append(t, 5300 + bank_below(&t->thread->random, 1000));
    else
        do_transfer(t);
}

static void do_extend(struct transfer *t)
{
    uint64_t count = 1 + bank_below(&t->thread->random, 60);
    uint64_t first = 0;

    if (slot_records(t->txn) + count > WORKER_RECORDS_MAX) {
        do_transfer(t);
        return;
    }
    t->status = slot_extend(t->txn, count, &first, &t->err);
    for (uint64_t i = 0; i < count; i++)
        store(t, first + i, 0);
    give(t, take(t, 50));
}

static void do_delete(struct transfer *t)
{
    struct bank_record gone;

    if (slot_count(t->txn) < BANK_ACCOUNTS / 2 + BOARD_WRITERS) {
        do_transfer(t);
        return;
    }
    if (!pick(t, &gone))
        return;
    t->status = slot_delete(t->txn, gone.recno, &t->err);
    atomic_fetch_add(&t->thread->board->deleted, 1);
    give(t, gone.balance);
}

static void do_insert(struct transfer *t)
{
    int64_t amount = take(t, 50);
    struct bank_record record, old;
    uint64_t recno = 0;

    if (t->status != SLOT_OK)
        return;
    /* The number is not known before: make it right afterwards. */
    bank_record_make(&record, 0, amount, t->thread->writer, t->number);
    t->status = slot_insert(t->txn, &record, &recno, &t->err);
    if (t->status == SLOT_OK && recno < BOARD_WRITERS)
        bank_fail("slot_insert gave %llu, which was never deleted", (unsigned long long)recno);
    store(t, recno, amount);
    if (fetch(t, recno, &old) && old.balance != amount)
        bank_fail("record %llu is not what was inserted", (unsigned long long)recno);
    atomic_fetch_add(&t->thread->board->inserted, 1);
}

static void do_delete_and_insert(struct transfer *t)
{
    do_delete(t);
    do_insert(t);
    do_insert(t);
}

/* The kinds and how often, of 100. */
static const struct {
    uint64_t share;
    void (*change)(struct transfer *t);
} kinds[] = {{60, do_transfer},   {8, do_append_few},       {4, do_append_blocks},
             {1, do_append_many}, {2, do_extend},           {12, do_delete},
             {10, do_insert},     {3, do_delete_and_insert}};

static void change(struct transfer *t)
{
    uint64_t chance = bank_below(&t->thread->random, 100);
    unsigned kind = 0;

    while (chance >= kinds[kind].share)
        chance -= kinds[kind++].share;
    kinds[kind].change(t);
}

/* The writer's own record: as this process left it; when it has not left it yet, between what the
 * dead ones before it were told and what they had tried. */
static void look_at_own(struct transfer *t)
{
    struct worker_thread *thread = t->thread;
    struct board_writer *told = &thread->board->writer[thread->writer];
    unsigned long long acknowledged = atomic_load(&told->acknowledged);
    unsigned long long attempted = atomic_load(&told->attempted);
    struct bank_record own;

    if (!fetch(t, thread->writer, &own))
        return;
    if (thread->number_known && own.number != thread->number[0])
        bank_fail("writer %llu is at %llu and not where this process left it, at %llu",
                  (unsigned long long)thread->writer, (unsigned long long)own.number,
                  (unsigned long long)thread->number[0]);
    if (own.number < acknowledged || own.number > attempted)
        bank_fail("writer %llu is at %llu; acknowledged %llu, attempted %llu",
                  (unsigned long long)thread->writer, (unsigned long long)own.number, acknowledged,
                  attempted);
    thread->number[0] = own.number;
    thread->number_known = true;
    t->number = own.number + 1;
}

static void store_own(struct transfer *t)
{
    struct bank_record own;

    if (t->status != SLOT_OK)
        return;
    bank_record_make(&own, t->thread->writer, 0, t->thread->writer, t->number);
    t->status = slot_put(t->txn, t->thread->writer, &own, &t->err);
}

static void commit(struct transfer *t)
{
    struct worker_thread *thread = t->thread;
    struct board_writer *told = &thread->board->writer[thread->writer];
    slot_status status;

    worker_beat(thread, DOING_COMMIT);
    atomic_store(&told->attempted, t->number);
    status = slot_commit(t->txn, &t->err);
    /* What is refused has changed nothing: look_at_own sees to that next time. */
    if (worker_refused(thread, "slot_commit", status, &t->err))
        return;
    atomic_store(&told->acknowledged, t->number);
    thread->number[0] = t->number;
    atomic_fetch_add(
        thread->sync_full ? &thread->board->commits_full : &thread->board->commits_normal, 1);
    worker_beat(thread, DOING_NOTHING);
}

static void checkpoint(struct worker_thread *thread)
{
    slot_error err;
    slot_status status;

    worker_beat(thread, DOING_CHECKPOINT);
    status = slot_checkpoint(thread->db, &err);
    if (!worker_refused(thread, "slot_checkpoint", status, &err))
        atomic_fetch_add(&thread->board->checkpoints, 1);
}

void worker_write(struct worker_thread *thread)
{
    struct transfer t = {.thread = thread, .status = SLOT_OK};
    uint64_t chance = bank_below(&thread->random, 200);
    slot_status status;

    if (chance == 0)
        checkpoint(thread);
    atomic_store(&thread->process->doing, DOING_BEGIN);
    status = slot_begin(thread->db, SLOT_WRITE, &t.txn, &t.err);
    if (worker_refused(thread, "slot_begin(SLOT_WRITE)", status, &t.err))
        return;
    atomic_store(&thread->process->doing, DOING_WRITE);
    look_at_own(&t);
    change(&t);
    store_own(&t);
    if (worker_refused(thread, "a call of a write transaction", t.status, &t.err)) {
        slot_abort(t.txn);
    } else if (chance <= 10) {
        slot_abort(t.txn);
        atomic_fetch_add(&thread->board->aborts, 1);
        worker_beat(thread, DOING_NOTHING);
    } else {
        commit(&t);
    }
}
