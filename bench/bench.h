/*
 * What all parts of the benchmark share: the options of a run, the groups of cases, and small
 * helpers around files and databases. A call that fails ends the program: a measurement that went
 * wrong half-way is no measurement.
 *
 * The raw ways go through os.h as well: read_at is pread or ReadFile, map is mmap or MapViewOfFile,
 * flush and sync are msync and fdatasync or FlushViewOfFile and FlushFileBuffers. So there is one
 * source for all systems.
 */
#ifndef SLOT_BENCH_BENCH_H
#define SLOT_BENCH_BENCH_H

#include <string.h>

#include "base/status.h"
#include "machine.h"
#include "os/os.h"
#include "slotfile/slotfile.h"

#define RECORD_SIZE   125u
#define BATCH_RECORDS 1000u               /* records of one slot_append, gets of a transaction */
#define BUFFER_BYTES  (UINT64_C(1) << 20) /* of the buffered ways */
#define SMALL_BUDGET  (UINT64_C(4) << 20)
#define PATH_BYTES    4096u

struct bench {
    const struct os *os;
    uint64_t records;
    unsigned rounds;           /* 0: as each group has them */
    bool smoke;                /* does it run? one round, no ratios */
    uint64_t round;            /* another number in each round of each case */
    char dir[PATH_BYTES];      /* where the files go: made for this run, removed at its end */
    char slotfile[PATH_BYTES]; /* the command, or "" */
    char self[PATH_BYTES];     /* this program, or "" */
    char people[PATH_BYTES];   /* the program that makes CSV, or "" */
    struct machine machine;
};

/* ---- groups of cases, one file each ---- */

void bench_scan(struct bench *bench);
void bench_get(struct bench *bench);
void bench_get16(struct bench *bench);
void bench_budget(struct bench *bench);
void bench_readers(struct bench *bench);
void bench_processes(struct bench *bench);
void bench_cold(struct bench *bench);
void bench_put(struct bench *bench);
void bench_append(struct bench *bench);
void bench_csv(struct bench *bench);
void bench_commits(struct bench *bench);
void bench_threads(struct bench *bench);
void bench_normal(struct bench *bench);
void bench_update(struct bench *bench);
void bench_logget(struct bench *bench);
void bench_tail(struct bench *bench);
void bench_deleted(struct bench *bench);
void bench_recovery(struct bench *bench);

/* What another run of this program does for the case `recovery`: see there. Ends the program. */
_Noreturn void bench_leave_log(struct bench *bench, uint64_t commits, uint64_t seed);

/* And for the case `processes`: `what` is a text between the two. */
_Noreturn void bench_read_along(struct bench *bench, const char *what);

/* ---- support.c ---- */

/* How this program speaks of failures; slotfile_bench's way unless another one is set. */
struct bench_errors {
    int exit_code; /* of bench_die */
    /* One line on stderr. */
    void (*tell)(const char *what);
    /* Say on stderr what went wrong there; returns the exit code. */
    int (*say)(const char *where, const slot_error *err);
};

void bench_set_errors(const struct bench_errors *errors);

/* One line on stderr. Returns the exit code of bench_die. */
int bench_complain(const char *what, ...) SLOT_PRINTF(1, 2);

/* The same, and end the program. */
_Noreturn void bench_die(const char *what, ...) SLOT_PRINTF(1, 2);

/* End the program unless the call was successful. `what` names it. */
void must(slot_status status, const slot_error *err, const char *what);
void must_os(os_result result, const char *what);

void *must_malloc(uint64_t n);

#define THREADS_MAX 32u

/* Run work(context) for each of `count` contexts of `size` bytes that lie one behind the other,
 * each in a thread of its own, and wait for all. */
void bench_together(unsigned count, void (*work)(void *context), void *contexts, size_t size);

/* Nanoseconds of a clock, from any beginning. */
uint64_t clock_ns(const struct bench *bench);

/* `at_million`, or its share when there are less than a million records; at least 20. */
uint64_t bench_scaled(const struct bench *bench, uint64_t at_million);

/* For a case with 16 times the records. False, and a word about it, when that is too many. */
bool bench_enlarge(struct bench *bench);
void bench_reduce(struct bench *bench);

/*
 * Run a program and wait; it has to return 0. Its output goes to the file `output` in the directory
 * of the run, which the caller removes.
 */
void bench_run(const struct bench *bench, const char *program, const char *arguments,
               const char *output);

/* Make the directory of this run in `dir`, and remove one with all that is in it. */
void bench_make_dir(struct bench *bench, const char *dir);
void bench_remove_tree(const struct bench *bench, const char *path);

/* `name` in the directory of this run. */
void bench_path(const struct bench *bench, const char *name, char *path);

/* The file `records` of the database `name`. */
struct os_file *bench_open_records(const struct bench *bench, const char *name);
struct os_file *bench_open_file(const struct bench *bench, const char *name, int flags);
void bench_remove_file(const struct bench *bench, const char *name);

void bench_destroy(const struct bench *bench, const char *name);

/* Transactional access with all defaults; a budget of 0 is the default too. */
slot_db *bench_open(const struct bench *bench, const char *name, uint64_t budget);
slot_db *bench_open_with(const struct bench *bench, const char *name, const slot_options *options);
slot_txn *bench_begin(slot_db *db, slot_mode mode);
void bench_commit(slot_txn *txn);
void bench_close(slot_db *db);

/* ---- records.c: what is made of records of RECORD_SIZE bytes ---- */

/* An empty database `name`; what is there already is removed first. */
void bench_create(const struct bench *bench, const char *name);

/* A database of bench->records records, appended in one transaction; made once, then kept. */
void bench_have_database(const struct bench *bench, const char *name);

/* Make the `count` records from `first` on, as all ways of appending write them. */
void records_make(uint8_t *records, uint64_t first, uint64_t count);

/* The 8-byte field that scans and gets add up, and its sum over `count` records. */
static inline uint64_t record_field(const uint8_t *record)
{
    uint64_t field;

    memcpy(&field, record, sizeof field);
    return field;
}

/* Not inline: the same loop for all, wherever its code happens to lie. */
uint64_t records_sum(const void *records, uint64_t count);

/*
 * Use a copied record: its field, and its last byte. Not inline, so that no compiler copies only
 * the bytes that it sees used.
 */
uint64_t record_use(const uint8_t *record);

/* The sum of a whole file, through a buffer, and that of a database as its last commit left it. */
uint64_t file_sum(const struct bench *bench, struct os_file *file);
uint64_t bench_sum(slot_db *db);

/*
 * Have the system find page cache for several times the `n` bytes that a pass will write, in pieces
 * of the sizes that it may want, and let go of it again. A virtual machine gives free memory back
 * to its host, and getting it again costs whoever writes a file up to five times what the writing
 * does, or nothing. The files are removed before they reach the disk.
 */
void warm_page_cache(const struct bench *bench, uint64_t n);

/* splitmix64, and one of `n` numbers from it without a bias that matters here. */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline uint64_t random_below(uint64_t *state, uint64_t n)
{
    return (random_next(state) >> 32) * n >> 32; /* n is below 2^32 */
}

/* The state after `count` numbers more. */
static inline uint64_t random_skip(uint64_t state, uint64_t count)
{
    return state + count * UINT64_C(0x9e3779b97f4a7c15);
}

/*
 * The next random put of a series: where it goes, and what. What depends on where and on the series
 * alone, so that threads may do their parts of a series in any order.
 */
static inline uint64_t random_put(uint64_t *state, uint64_t records, uint64_t series,
                                  uint8_t *record)
{
    uint64_t recno = random_below(state, records);
    uint64_t value = recno * UINT64_C(0x9e3779b97f4a7c15) + series;

    memset(record, (int)(value & 0xff), RECORD_SIZE);
    memcpy(record, &value, sizeof value);
    return recno;
}

#endif
