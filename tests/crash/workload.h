/*
 * What simulated processes do with a database, and what must be true of it at any moment.
 *
 * A run is one machine, one database and a model of it (model.h). Writers, readers and whoever
 * makes checkpoints work on it by chance, out of the run's seed, and check all that they are told;
 * run_check opens what a power cut has left and checks that. Whatever is wrong ends up in
 * `run->wrong`, with the run's seed; the first counts.
 */
#ifndef SLOT_TESTS_CRASH_WORKLOAD_H
#define SLOT_TESTS_CRASH_WORKLOAD_H

#include "crash/model.h"
#include "crash/sim.h"
#include "crash/tally.h"
#include "format/meta.h"

#define RUN_PATH     "/x.slots"
#define RUN_PATH_MAX 64u

/* What whoever makes a run wants of it; it stays when the run is initialised. */
struct run_wanted {
    struct tally *tally; /* NULL: nobody counts */
    bool quiet;          /* do not print what is wrong */
    bool unharmed;       /* no damage between lives */
    bool told;           /* print what processes do, and what they are told */
};

/* Another database on the same disk, whose record 0 is a number (mishaps.h). */
struct other {
    bool there;
    uint32_t acknowledged, tried; /* numbers */
    char path[32];
};

struct run {
    uint64_t seed;
    uint64_t random; /* of the workload */
    struct sim_world *world;
    struct model model;
    slot_options options;
    uint64_t states;       /* crash images that were checked */
    uint64_t commits;      /* acknowledged */
    uint64_t again;        /* pieces of the log that were stored again beside others */
    uint32_t transactions; /* that each writer still makes */
    bool disturbed;        /* syncs are (flushes.h) */
    bool lossy;            /* and one of them may fail */
    uint32_t changes;      /* of a transaction, at most */
    uint32_t lenient;      /* faults are injected: errors are expected, wrong answers are not */
    slot_db *shared;       /* of run_shared_*: opened by one thread, used by all */
    uint32_t users;        /* threads that still do */
    uint32_t depth;        /* crashes within the recovery of crashes */
    bool varied;           /* varied.h: errors only where something was made to fail */
    bool goes_on;          /* callers go on after calls that have failed */
    bool reverts;          /* a sync that fails takes bytes from the caches */
    uint64_t session;      /* that was looked into last, */
    uint64_t losses;       /* and how many syncs had failed when it began */
    uint64_t unknown;      /* the session in which a commit was unknown last */
    uint64_t tickets;      /* commits that were called */
    struct run_wanted wanted;
    tally_set items;  /* what this run has had so far */
    uint64_t homing;  /* as damage_homing says, when the last life ended */
    char path[32];    /* where the database is now */
    char left[32];    /* and where it was before it was renamed */
    uint32_t moves;   /* so often it was */
    uint32_t created; /* databases beside it */
    struct other other;
    uint8_t file_id[META_FILE_ID_BYTES];
    uint64_t least_budget; /* that a handle can have */
    bool full_once;        /* a disk that gets full has room as soon as somebody was told */
    uint64_t writer;       /* the process that has committed first in this life */
    char wrong[400];
};

/* A machine with an empty database. Everything else follows from the seed. */
void run_init(struct run *run, uint64_t seed, const struct sim_config *config);

/* The same with records of that size. */
void run_init_sized(struct run *run, uint64_t seed, const struct sim_config *config,
                    uint32_t record_size);
void run_release(struct run *run);

/* Check every write to `records` against the durable log (wal_rule.c). */
void run_watch_records(struct run *run);

/* Check every piece of the log that is stored again (again_rule.c). */
void run_watch_log(struct run *run);

/* The path of one of the database's files, of RUN_PATH_MAX bytes. */
void run_file(const struct run *run, const char *name, char *path);

/* A number below n. */
uint64_t run_random(struct run *run, uint64_t n);

/* Note what is wrong: a printf format. */
void run_wrong(struct run *run, const char *what, ...) __attribute__((format(printf, 2, 3)));

/* A line on stderr, if they are wanted. */
void run_tell(const struct run *run, const char *what, ...) __attribute__((format(printf, 2, 3)));

/* Something has happened, or was chosen. */
void run_met(struct run *run, enum tally_item item);

/* One more state is about to be checked. */
void run_count_state(struct run *run);

/* Whether a call may return that, with all that was made to fail so far. */
bool run_tolerates(const struct run *run, slot_status status);

/* The same for a call about an open handle, from under which a failed sync may have taken bytes. */
bool run_tolerates_of(const struct run *run, const slot_db *db, slot_status status);

/* Whether an open was refused because the disk is full: what processes share gets its space when a
 * database is opened for the first time, or anew after a power cut; and that may have taken what
 * was set aside for the log to go home. */
bool run_is_first_on_full(const struct run *run, const slot_error *err);

/* The parts of what follows: open and close a handle, one write or read transaction with all
 * checks. NULL and false: it cannot go on, which need not be wrong. */
slot_db *run_open(struct run *run, struct sim_process *process, const slot_options *options);
void run_close(struct run *run, slot_db *db);
bool run_write_once(struct run *run, struct sim_process *process, slot_db *db);
void run_read_once(struct run *run, slot_db *db);

/* One whole life of a process: open, transactions, close. argument is the run. */
void run_writer(struct sim_process *process, void *argument);
void run_reader(struct sim_process *process, void *argument);
void run_checkpointer(struct sim_process *process, void *argument);

/* Threads of one process: the first opens and, when the others have ended, closes. */
void run_shared_open(struct sim_process *process, void *argument);
void run_shared_writer(struct sim_process *process, void *argument);

/*
 * The machine comes up in `world`: the database opens, holds a state that may be there, whole,
 * verifies, and takes a commit. `thorough`: and a second recovery changes nothing.
 */
void run_check(struct run *run, struct sim_world *world, bool thorough);

/* Check crash images of now: `images` of each policy that has many, one of the others. */
void run_crash_images(struct run *run, struct sim_world *world, uint32_t images);

#endif
