/*
 * A reader's transaction: the bank is right, stays as it is for as long as the transaction lives,
 * pointers that were lent too, and it is neither older than what was acknowledged before it began
 * nor newer than what was tried when it had begun.
 */
#include <string.h>

#include "os/os.h"
#include "torture/worker.h"

#define LENT 8

struct lent {
    uint64_t recno;
    const void *at;
    char bytes[BANK_RECORD_SIZE];
};

/* Lend a few records and keep copies. Deleted ones and those that no view can be had for are left
 * out. Returns how many it got. */
static unsigned lend(struct worker_thread *thread, slot_txn *txn, struct lent *lent)
{
    unsigned count = 0;
    slot_error err;

    for (unsigned i = 0; i < LENT; i++) {
        uint64_t recno = bank_below(&thread->random, slot_records(txn));
        slot_status status = slot_ref(txn, recno, &lent[count].at, &err);

        if (status == SLOT_DELETED || status == SLOT_E_BUDGET)
            continue;
        if (status != SLOT_OK)
            bank_fail_status("slot_ref", status, &err);
        lent[count].recno = recno;
        memcpy(lent[count].bytes, lent[count].at, BANK_RECORD_SIZE);
        count++;
    }
    return count;
}

static void check_lent(slot_txn *txn, const struct lent *lent, unsigned count)
{
    char bytes[BANK_RECORD_SIZE];
    slot_error err;

    for (unsigned i = 0; i < count; i++) {
        slot_status status = slot_get(txn, lent[i].recno, bytes, &err);

        if (memcmp(lent[i].at, lent[i].bytes, BANK_RECORD_SIZE) != 0)
            bank_fail("record %llu has changed behind a pointer that was lent",
                      (unsigned long long)lent[i].recno);
        if (status != SLOT_OK)
            bank_fail_status("slot_get of a lent record", status, &err);
        if (memcmp(bytes, lent[i].bytes, BANK_RECORD_SIZE) != 0)
            bank_fail("record %llu is not what was lent", (unsigned long long)lent[i].recno);
    }
}

/* Mostly not at all, sometimes for a while, during which others commit and make checkpoints. */
static void linger(struct worker_thread *thread)
{
    const struct os *os = slot__os_native();
    uint64_t chance = bank_below(&thread->random, 100);
    uint64_t most_us = chance < 60 ? 0 : chance < 90 ? 2000 : chance < 98 ? 20000 : 200000;

    if (most_us != 0)
        os->sleep_us(os, (uint32_t)bank_below(&thread->random, most_us));
}

static void check_numbers(struct worker_thread *thread, const struct bank_view *view,
                          const uint64_t *acknowledged, const uint64_t *attempted)
{
    for (unsigned w = 0; w < BOARD_WRITERS; w++) {
        unsigned long long n = view->number[w];

        if (n < acknowledged[w])
            bank_fail("writer %u is at %llu: its transaction %llu is lost", w, n,
                      (unsigned long long)acknowledged[w]);
        if (n > attempted[w])
            bank_fail("writer %u is at %llu and has tried only %llu", w, n,
                      (unsigned long long)attempted[w]);
        if (n < thread->number[w])
            bank_fail("writer %u is at %llu and was at %llu before", w, n,
                      (unsigned long long)thread->number[w]);
        thread->number[w] = n;
    }
}

static void check_snapshot(struct worker_thread *thread, slot_txn *txn,
                           const uint64_t *acknowledged)
{
    uint64_t attempted[BOARD_WRITERS];
    struct lent lent[LENT];
    struct bank_view first, second;
    unsigned count;

    for (unsigned w = 0; w < BOARD_WRITERS; w++)
        attempted[w] = atomic_load(&thread->board->writer[w].attempted);
    if (!bank_look(txn, &first))
        return;
    check_numbers(thread, &first, acknowledged, attempted);
    count = lend(thread, txn, lent);
    linger(thread);
    check_lent(txn, lent, count);
    if (bank_below(&thread->random, 2) == 0)
        slot_unpin(txn);
    if (bank_look(txn, &second) && memcmp(&first, &second, sizeof first) != 0)
        bank_fail("a snapshot has changed while its transaction lived");
}

void worker_read(struct worker_thread *thread)
{
    uint64_t acknowledged[BOARD_WRITERS];
    slot_txn *txn = NULL;
    slot_error err;
    slot_status status;

    for (unsigned w = 0; w < BOARD_WRITERS; w++)
        acknowledged[w] = atomic_load(&thread->board->writer[w].acknowledged);
    status = slot_begin(thread->db, SLOT_READ, &txn, &err);
    if (worker_refused(thread, "slot_begin(SLOT_READ)", status, &err))
        return;
    worker_beat(thread, DOING_READ);
    check_snapshot(thread, txn, acknowledged);
    slot_end(txn);
    atomic_fetch_add(thread->access == SLOT_READ_ONLY ? &thread->board->reads_without_permission
                                                      : &thread->board->reads,
                     1);
    worker_beat(thread, DOING_NOTHING);
}
