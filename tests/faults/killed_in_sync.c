/*
 * Processes are killed in fdatasync, in commits and in checkpoints, beside one that lives on. The
 * bytes of the dead are in the page cache, and a sync that did not fail has lost nothing.
 *
 * Right: the next commit of the survivor is OK, and nothing acknowledged is missing. 1,000 kills
 * with SLOT_TEST_LONG=1. It shows that the words which say that a flush is under way poison nobody
 * when their owner is killed: a survivor that takes an odd word for a failure fails here. That such
 * bytes are stored again is seen where the disk can lose them: mutants dead-flusher-not-seen and
 * again-without-header of the crash simulator.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

enum { RECORD_SIZE = 500, RECORDS = 2, KILLS = 60, KILLS_LONG = 1000, NONE = -1 };

/* What all processes see. */
struct board {
    _Atomic uint64_t acknowledged[RECORDS]; /* record 0: of those to be killed; 1: the survivor's */
    _Atomic int asked, answered;            /* commits of the survivor */
    _Atomic int status;                     /* of the last one */
    _Atomic int until_kill;                 /* syncs of the victim */
    _Atomic int inside;                     /* the victim waits in a sync for its end */
};

static struct board *board;
static bool victim, before;

int fdatasync(int fd)
{
    bool last = victim && atomic_fetch_sub(&board->until_kill, 1) == 0;
    int failed = last && before ? 0 : (int)syscall(SYS_fdatasync, fd);

    while (last) {
        atomic_store(&board->inside, 1);
        usleep(1000);
    }
    return failed;
}

/* One commit of record `recno`, with the next number. */
static slot_status commit_next(slot_db *db, uint64_t recno)
{
    char record[RECORD_SIZE] = {0};
    uint64_t next = atomic_load(&board->acknowledged[recno]) + 1;
    slot_txn *txn = NULL;
    slot_status status = slot_begin(db, SLOT_WRITE, &txn, NULL);

    if (status != SLOT_OK)
        return status;
    memcpy(record, &next, sizeof next);
    status = slot_put(txn, recno, record, NULL);
    if (status == SLOT_OK)
        status = slot_commit(txn, NULL);
    else
        slot_abort(txn);
    if (status == SLOT_OK)
        atomic_store(&board->acknowledged[recno], next);
    return status;
}

static slot_db *open_with(const char *path, slot_sync sync)
{
    slot_error error = {0};
    slot_options options;
    slot_db *db;

    slot_options_init(&options);
    options.sync = sync;
    options.log_limit_bytes = 1 << 20;
    MUST(slot_open(path, &options, &db, &error));
    return db;
}

static _Noreturn void be_victim(const char *path, int n)
{
    slot_db *db = open_with(path, n % 2 == 0 ? SLOT_SYNC_FULL : SLOT_SYNC_NORMAL);

    before = n / 2 % 2 == 0;
    victim = true;
    for (int i = 0;; i++) {
        (void)commit_next(db, 0);
        if (n % 2 != 0 || i % 4 == 3)
            (void)slot_checkpoint(db, NULL);
    }
}

/* Everything that was acknowledged is there. */
static slot_status look(slot_db *db)
{
    char record[RECORD_SIZE];
    uint64_t known[RECORDS], found = 0;
    slot_txn *txn = NULL;
    slot_status status;

    for (uint64_t i = 0; i < RECORDS; i++)
        known[i] = atomic_load(&board->acknowledged[i]);
    status = slot_begin(db, SLOT_READ, &txn, NULL);
    for (uint64_t i = 0; i < RECORDS && status == SLOT_OK; i++) {
        status = slot_get(txn, i, record, NULL);
        memcpy(&found, record, sizeof found);
        if (status == SLOT_OK && found < known[i])
            status = SLOT_E_LOST;
        if (status == SLOT_OK) /* what nobody could acknowledge any more counts from now on */
            atomic_store(&board->acknowledged[i], found);
    }
    if (txn != NULL)
        slot_end(txn);
    return status;
}

static _Noreturn void be_survivor(const char *path, slot_sync sync)
{
    slot_db *db = open_with(path, sync);

    for (;;) {
        slot_status status;

        while (atomic_load(&board->asked) == atomic_load(&board->answered))
            usleep(50);
        status = look(db);
        if (status == SLOT_OK)
            status = commit_next(db, 1);
        atomic_store(&board->status, (int)status);
        atomic_fetch_add(&board->answered, 1);
    }
}

static slot_status ask_survivor(void)
{
    int asked = atomic_fetch_add(&board->asked, 1) + 1;

    for (int i = 0; i < 200000 && atomic_load(&board->answered) != asked; i++)
        usleep(50);
    return atomic_load(&board->answered) == asked ? (slot_status)atomic_load(&board->status)
                                                  : SLOT_E_BUSY;
}

static void kill_one(const char *path, int n)
{
    pid_t child;

    atomic_store(&board->inside, 0);
    atomic_store(&board->until_kill, n * 7 % 11);
    child = fork();
    if (child == 0)
        be_victim(path, n);
    if (child < 0)
        exit(FAULT_SETUP);
    while (!atomic_load(&board->inside))
        usleep(50);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static int run(const char *path, slot_sync sync, int kills)
{
    slot_error error = {0};
    slot_db *db;
    slot_txn *txn;
    pid_t survivor;
    slot_status status = SLOT_OK;

    memset(board, 0, sizeof *board);
    atomic_store(&board->until_kill, NONE);
    fault_create(path, RECORD_SIZE);
    survivor = fork();
    if (survivor == 0) {
        db = open_with(path, sync);
        MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
        MUST(slot_extend(txn, RECORDS, NULL, &error));
        MUST(slot_commit(txn, &error));
        MUST(slot_close(db, &error));
        be_survivor(path, sync);
    }
    status = ask_survivor();
    for (int n = 0; n < kills && status == SLOT_OK; n++) {
        kill_one(path, n);
        status = ask_survivor();
        if (status != SLOT_OK)
            printf("after kill %d in a sync: %s\n", n, slot_status_text(status));
    }
    kill(survivor, SIGKILL);
    waitpid(survivor, NULL, 0);
    if (status != SLOT_OK)
        return FAULT_WRONG;
    db = open_with(path, sync);
    status = look(db);
    if (status == SLOT_OK)
        status = slot_verify(db, NULL, NULL, &error);
    if (status != SLOT_OK)
        printf("when all were killed: %s\n", slot_status_text(status));
    MUST(slot_close(db, &error));
    return status == SLOT_OK ? FAULT_RIGHT : FAULT_WRONG;
}

int main(int argc, char **argv)
{
    int kills = getenv("SLOT_TEST_LONG") != NULL ? KILLS_LONG / 2 : KILLS / 2;
    char path[4096];
    int result;

    if (argc < 2)
        return FAULT_SETUP;
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED)
        return FAULT_SETUP;
    result = run(argv[1], SLOT_SYNC_FULL, kills);
    (void)snprintf(path, sizeof path, "%s-normal", argv[1]);
    return result != FAULT_RIGHT ? result : run(path, SLOT_SYNC_NORMAL, kills);
}
