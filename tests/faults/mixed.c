/*
 * Threads of one process commit with sync=full, another process commits with sync=normal, a third
 * makes checkpoints; reads of the log by the first take their time, as from a busy disk. Who
 * flushes must not store old bytes over a segment that was freed and begun anew meanwhile. Then all
 * are killed. 25 seconds with SLOT_TEST_LONG=1, in which 257ae6c mostly loses the log.
 *
 * Right: nobody finds damage, every record is what somebody wrote, what was acknowledged with
 * sync=full is there, and the database verifies.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

enum {
    RECORD_SIZE = 2000,
    RECORDS = 3000,
    THREADS = 10,
    PROCESSES = 3,
    SECONDS = 8,
    SECONDS_LONG = 25
};

struct board {
    atomic_int stop;
    _Atomic uint64_t acknowledged[THREADS];
};

static struct board *board;
static slot_db *db;
static slot_options options;
static bool slow;

static bool is_log(int fd)
{
    char link[64], path[4096] = "";

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return readlink(link, path, sizeof path - 1) > 0 && strstr(path, "/log/") != NULL;
}

ssize_t pread64(int fd, void *bytes, size_t n, off64_t at)
{
    ssize_t got = syscall(SYS_pread64, fd, bytes, n, at);

    if (slow && n > 4096 && is_log(fd))
        usleep((unsigned)(rand() % 20000));
    return got;
}

ssize_t pread(int fd, void *bytes, size_t n, off_t at)
{
    return pread64(fd, bytes, n, at);
}

static void fill(unsigned char *record, uint64_t recno, uint64_t stamp)
{
    memset(record, (int)((recno * 7 + stamp * 31) & 0xff), RECORD_SIZE);
    memcpy(record, &recno, sizeof recno);
    memcpy(record + 8, &stamp, sizeof stamp);
    memcpy(record + RECORD_SIZE - 8, &stamp, sizeof stamp);
}

/* The stamp of a record that somebody wrote whole. */
static bool read_stamp(const unsigned char *record, uint64_t recno, uint64_t *stamp)
{
    unsigned char want[RECORD_SIZE];

    memcpy(stamp, record + 8, sizeof *stamp);
    fill(want, recno, *stamp);
    return memcmp(want, record, RECORD_SIZE) == 0;
}

/* What is no answer to somebody who has to wait for others. */
static bool is_wrong(const char *who, slot_status status, const slot_error *error)
{
    if (status == SLOT_OK || status == SLOT_E_BUSY || status == SLOT_E_LOG_FULL ||
        status == SLOT_E_TXN_TOO_LARGE)
        return false;
    if (atomic_exchange(&board->stop, 2) != 2)
        printf("%s: %s: %s\n", who, slot_status_text(status), error->what);
    (void)fflush(stdout);
    return true;
}

static slot_status commit_one(uint64_t *seed, uint64_t own, uint64_t n, int puts, slot_error *error)
{
    unsigned char record[RECORD_SIZE];
    slot_txn *txn = NULL;
    slot_status status = slot_begin(db, SLOT_WRITE, &txn, error);

    if (status != SLOT_OK)
        return status;
    fill(record, own, n);
    status = slot_put(txn, own, record, error);
    for (int i = 0; i < puts && status == SLOT_OK; i++) {
        uint64_t recno;

        *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        recno = THREADS + 1 + (*seed >> 33) % (RECORDS - THREADS - 1);
        fill(record, recno, n);
        status = slot_put(txn, recno, record, error);
    }
    if (status == SLOT_OK)
        return slot_commit(txn, error);
    slot_abort(txn);
    return status;
}

static void *full_thread(void *number)
{
    uint64_t own = *(const uint64_t *)number, seed = own + 99;

    for (uint64_t n = 1; atomic_load(&board->stop) == 0; n++) {
        slot_error error = {0};
        slot_status status = commit_one(&seed, own, n, 100, &error);

        if (status == SLOT_OK)
            atomic_store(&board->acknowledged[own], n);
        (void)is_wrong("a full commit", status, &error);
    }
    return NULL;
}

static void be_full(void)
{
    pthread_t threads[THREADS];
    uint64_t numbers[THREADS];

    slow = true;
    for (uint64_t i = 0; i < THREADS; i++) {
        numbers[i] = i;
        if (pthread_create(&threads[i], NULL, full_thread, &numbers[i]) != 0)
            exit(FAULT_SETUP);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void be_normal(void)
{
    uint64_t seed = 7;

    for (uint64_t n = 1; atomic_load(&board->stop) == 0; n++) {
        slot_error error = {0};

        (void)is_wrong("a normal commit", commit_one(&seed, THREADS, n, 150, &error), &error);
    }
}

static void be_checkpointer(void)
{
    while (atomic_load(&board->stop) == 0) {
        slot_error error = {0};

        usleep(20000);
        (void)is_wrong("a checkpoint", slot_checkpoint(db, &error), &error);
    }
}

static void start(const char *path, int number, pid_t *process)
{
    slot_error error = {0};

    *process = fork();
    if (*process < 0)
        exit(FAULT_SETUP);
    if (*process > 0)
        return;
    options.sync = number == 0 ? SLOT_SYNC_FULL : SLOT_SYNC_NORMAL;
    MUST(slot_open(path, &options, &db, &error));
    if (number == 0)
        be_full();
    else if (number == 1)
        be_normal();
    else
        be_checkpointer();
    raise(SIGKILL);
}

static int look(void)
{
    slot_error error = {0};
    unsigned char record[RECORD_SIZE];
    slot_txn *txn;
    int wrong = 0;

    MUST(slot_begin(db, SLOT_READ, &txn, &error));
    for (uint64_t i = 0; i < RECORDS; i++) {
        uint64_t stamp;

        MUST(slot_get(txn, i, record, &error));
        if (!read_stamp(record, i, &stamp))
            wrong++;
        else if (i < THREADS && stamp < atomic_load(&board->acknowledged[i]))
            wrong++;
    }
    slot_end(txn);
    return wrong;
}

static void make(const char *path)
{
    slot_error error = {0};
    unsigned char record[RECORD_SIZE];
    slot_txn *txn;

    fault_create(path, RECORD_SIZE);
    MUST(slot_open(path, &options, &db, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    for (uint64_t i = 0; i < RECORDS; i++) {
        fill(record, i, 0);
        MUST(slot_append(txn, record, 1, NULL, &error));
    }
    MUST(slot_commit(txn, &error));
    MUST(slot_close(db, &error));
}

int main(int argc, char **argv)
{
    slot_error error = {0};
    int seconds = getenv("SLOT_TEST_LONG") != NULL ? SECONDS_LONG : SECONDS;
    pid_t process[PROCESSES];
    slot_status status;
    int wrong;

    if (argc < 2)
        return FAULT_SETUP;
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED)
        return FAULT_SETUP;
    slot_options_init(&options);
    options.log_limit_bytes = 16 << 20;
    options.checkpoint_bytes = 1u << 30; /* only who asks for one */
    make(argv[1]);
    for (int i = 0; i < PROCESSES; i++)
        start(argv[1], i, &process[i]);
    for (int i = 0; i < seconds * 10 && atomic_load(&board->stop) == 0; i++)
        usleep(100000);
    wrong = atomic_exchange(&board->stop, 1) == 2;
    for (int i = 0; i < PROCESSES; i++)
        waitpid(process[i], NULL, 0);
    status = slot_open(argv[1], &options, &db, &error);
    if (status != SLOT_OK) {
        printf("open: %s: %s\n", slot_status_text(status), error.what);
        return FAULT_WRONG;
    }
    wrong += look();
    status = slot_verify(db, NULL, NULL, &error);
    MUST(slot_close(db, &error));
    if (wrong > 0 || status != SLOT_OK)
        printf("%d wrong, verify: %s\n", wrong, slot_status_text(status));
    return wrong > 0 || status != SLOT_OK ? FAULT_WRONG : FAULT_RIGHT;
}
