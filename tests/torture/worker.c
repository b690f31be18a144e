#include "torture/worker.h"

#include <stdio.h>
#include <stdlib.h>

#include "os/os.h"
#include "support/thread.h"

#define ORPHAN_MS 60000

void worker_paths(const char *dir, char *board, char *bank, unsigned room)
{
    snprintf(board, room, "%s/board", dir);
    snprintf(bank, room, "%s/bank.slots", dir);
}

void worker_options(slot_options *options, uint64_t *random)
{
    static const uint32_t wait_ms[] = {0, 20, 500, 5000};
    static const uint64_t checkpoint_bytes[] = {0, 64 << 10, 256 << 10, 1 << 20};
    static const uint64_t map_budget[] = {0, 8 << 20, 8 << 20, 64 << 20};

    slot_options_init(options);
    options->sync = bank_below(random, 2) == 0 ? SLOT_SYNC_FULL : SLOT_SYNC_NORMAL;
    options->wait_ms = wait_ms[bank_below(random, 4)];
    options->log_limit_bytes = WORKER_LOG_LIMIT;
    options->checkpoint_bytes = checkpoint_bytes[bank_below(random, 4)];
    options->map_budget = map_budget[bank_below(random, 4)];
}

void worker_beat(struct worker_thread *thread, enum board_doing doing)
{
    thread->stuck_since = 0;
    atomic_store(&thread->process->doing, doing);
    atomic_fetch_add(&thread->process->beat, 1);
}

bool worker_refused(struct worker_thread *thread, const char *call, slot_status status,
                    const slot_error *err)
{
    const struct os *os = slot__os_native();
    uint64_t now = os->clock_ms(os);

    if (status == SLOT_OK)
        return false;
    if (status == SLOT_E_BUSY)
        atomic_fetch_add(&thread->board->busy, 1);
    else if (status == SLOT_E_LOG_FULL)
        atomic_fetch_add(&thread->board->log_full, 1);
    else if (status != SLOT_E_NEEDS_RECOVERY || thread->access != SLOT_READ_ONLY)
        bank_fail_status(call, status, err);
    if (thread->stuck_since == 0)
        thread->stuck_since = now;
    else if (now - thread->stuck_since > WORKER_PATIENCE_MS)
        bank_fail_status(call, status, err);
    os->sleep_us(os, (uint32_t)bank_below(&thread->random, 3000));
    return true;
}

/* Told to stop, or left alone by a parent that was killed. */
static bool must_stop(struct worker_thread *thread)
{
    const struct os *os = slot__os_native();
    uint64_t now = os->clock_ms(os);
    uint64_t beat = atomic_load(&thread->board->parent);

    if (beat != thread->parent || thread->parent_seen == 0) {
        thread->parent = beat;
        thread->parent_seen = now;
    }
    return atomic_load(&thread->board->stop) != 0 || now - thread->parent_seen > ORPHAN_MS;
}

static void run_writer(void *context)
{
    struct worker_thread *thread = context;

    while (thread->transactions-- > 0 && !must_stop(thread))
        worker_write(thread);
}

static void run_reader(void *context)
{
    struct worker_thread *thread = context;

    while (thread->transactions-- > 0 && !must_stop(thread))
        worker_read(thread);
}

/* Open, with patience; false when told to stop meanwhile. */
static bool open_bank(struct worker_thread *thread, const char *path, const slot_options *options)
{
    slot_status status;
    slot_error err;

    atomic_store(&thread->process->doing, DOING_OPEN);
    do {
        if (must_stop(thread))
            return false;
        status = slot_open(path, options, &thread->db, &err);
    } while (worker_refused(thread, "slot_open", status, &err));
    atomic_fetch_add(&thread->board->opens, 1);
    return true;
}

static void close_bank(struct worker_thread *thread)
{
    slot_error err;
    slot_status status;

    worker_beat(thread, DOING_CLOSE);
    status = slot_close(thread->db, &err);
    if (status != SLOT_OK)
        bank_fail_status("slot_close", status, &err);
}

/* From open to close: one or two threads on a handle, as many transactions as chance says. */
static void session(struct worker_thread *thread, const char *path, bool writes)
{
    struct worker_thread *with = thread + 1;
    uint64_t random = thread->random;
    struct test_thread *second;
    slot_options options;

    worker_options(&options, &random);
    if (!writes && bank_below(&random, 4) == 0)
        options.access = SLOT_READ_ONLY;
    thread->access = options.access;
    thread->sync_full = options.sync == SLOT_SYNC_FULL;
    thread->transactions = bank_below(&random, 8) == 0 ? 3 : bank_below(&random, 3000);
    thread->random = bank_random(&random);
    if (!open_bank(thread, path, &options))
        return;
    with->db = thread->db;
    with->access = thread->access;
    with->sync_full = thread->sync_full;
    with->transactions = thread->transactions;
    with->random = bank_random(&random);
    second = bank_below(&random, 2) == 0 ? test_thread_start(writes ? run_writer : run_reader, with)
                                         : NULL;
    if (writes)
        run_writer(thread);
    else
        run_reader(thread);
    if (second != NULL)
        test_thread_join(second);
    close_bank(thread);
}

int worker_main(const char *dir, unsigned index, uint64_t seed)
{
    struct worker_thread threads[WORKER_THREADS] = {0};
    char board[4096], bank[4096];
    bool writes = index < WORKER_WRITERS;

    bank_name("%s process %u, seed %llu", writes ? "writing" : "reading", index,
              (unsigned long long)seed);
    worker_paths(dir, board, bank, sizeof bank);
    threads[0].board = board_open(board);
    threads[0].random = seed;
    for (unsigned i = 0; i < WORKER_THREADS; i++) {
        threads[i].board = threads[0].board;
        threads[i].process = &threads[0].board->process[index];
        threads[i].writer = writes ? index * WORKER_THREADS + i : 0;
    }
    while (!must_stop(&threads[0]))
        session(threads, bank, writes);
    board_close(threads[0].board);
    return 0;
}

int worker_open_main(const char *dir, uint64_t seed)
{
    struct worker_thread thread = {.random = seed, .access = SLOT_TRANSACTIONAL};
    char board[4096], bank[4096];
    slot_options options;

    bank_name("opening process, seed %llu", (unsigned long long)seed);
    worker_paths(dir, board, bank, sizeof bank);
    thread.board = board_open(board);
    thread.process = &thread.board->process[WORKER_PROCESSES];
    worker_options(&options, &thread.random);
    if (open_bank(&thread, bank, &options))
        close_bank(&thread);
    board_close(thread.board);
    return 0;
}
