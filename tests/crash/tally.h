/*
 * What runs were made of: which options each had and which events it met, how often two of them met
 * in one run, and how many crash states were checked behind each. A net that never had the fish's
 * size of mesh shows it here, and not years later.
 *
 * Options are drawn, and counted each by itself. Events are counted when they have happened, and in
 * pairs, too.
 */
#ifndef SLOT_TESTS_CRASH_TALLY_H
#define SLOT_TESTS_CRASH_TALLY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* X(name, what it says in the table) */
#define TALLY_OPTIONS(X)                                                                           \
    X(SIZE_64, "64-byte records, 64 in a block")                                                   \
    X(SIZE_124, "124-byte records, 33 in a block")                                                 \
    X(SIZE_500, "500-byte records, 8 in a block")                                                  \
    X(SIZE_700, "700-byte records, 5 in a block")                                                  \
    X(SIZE_1365, "1365-byte records, 3 in a block")                                                \
    X(SIZE_4096, "4096-byte records, 1 in a block")                                                \
    X(SIZE_5000, "5000-byte records, 1 in a block")                                                \
    X(LINUX, "a sync covers views")                                                                \
    X(WINDOWS, "a sync covers what was flushed")                                                   \
    X(FULL, "commits with sync=full")                                                              \
    X(NORMAL, "commits with sync=normal")                                                          \
    X(ONE_LIFE, "one life of the machine")                                                         \
    X(MORE_LIVES, "two or three lives")                                                            \
    X(SMALL_LOG, "a log of few segments")                                                          \
    X(LARGE_LOG, "a log of larger segments")                                                       \
    X(RARE_CHECKPOINTS, "commits make no checkpoints")                                             \
    X(OFTEN_CHECKPOINTS, "commits make checkpoints")                                               \
    X(TORN_STORES, "stores are seen in parts of a sector")                                         \
    X(FAST_DISK, "a sync takes no time")                                                           \
    X(SLOW_DISK, "a sync takes its time, and others go on")                                        \
    X(FULL_LOG, "no space for the log")                                                            \
    X(FULL_INDEX, "no space for an index")                                                         \
    X(FULL_RECORDS, "no space for records")                                                        \
    X(FULL_SUMS, "no space for sums")                                                              \
    X(FULL_DELETED, "no space for marks of deleted records")                                       \
    X(FULL_CREATE, "no space for a new database")

#define TALLY_EVENTS(X)                                                                            \
    X(TWO_WRITERS, "two or more handles have committed")                                           \
    X(THREADS, "threads of one handle have committed")                                             \
    X(BOTH_SYNCS, "full and normal commits")                                                       \
    X(READER, "a process that only reads")                                                         \
    X(READ_ONLY, "a handle for reading only")                                                      \
    X(CHECKPOINTER, "a process that only makes checkpoints")                                       \
    X(LOOPER, "a process that opens and closes in a loop")                                         \
    X(OTHER_LIMIT, "another log limit in the next life")                                           \
    X(TIGHT, "a handle with the smallest budget")                                                  \
    X(RENAMED, "the directory was renamed while it was open")                                      \
    X(REPLACED, "and another database came to its place")                                          \
    X(DISK_FULL, "the disk was full")                                                              \
    X(SLOW, "one process has slow calls")                                                          \
    X(KILLED, "a process was killed, others went on")                                              \
    X(ALL_KILLED, "all processes were killed at once")                                             \
    X(POWER_CUT, "a life ended with a power cut")                                                  \
    X(CALL_FAILED, "a call of the system failed")                                                  \
    X(CALL_SHORT, "a call did half of its work and failed")                                        \
    X(NO_MEMORY, "an allocation failed")                                                           \
    X(SYNC_KEPT, "a sync failed, the cache kept the bytes")                                        \
    X(SYNC_REVERTED, "a sync failed, the cache lost the bytes")                                    \
    X(EVICTED, "clean pages were dropped")                                                         \
    X(WENT_ON, "a commit was OK after a call before it failed")                                    \
    X(UNKNOWN, "a commit was unknown")                                                             \
    X(DAMAGED_META, "damage in meta")                                                              \
    X(DAMAGED_SCHEMA, "damage in schema")                                                          \
    X(DAMAGED_RECORDS, "damage in records")                                                        \
    X(DAMAGED_SUMS, "damage in sums")                                                              \
    X(DAMAGED_DELETED, "damage in deleted")                                                        \
    X(DAMAGED_LOG, "damage in the log")                                                            \
    X(DAMAGED_SHARED, "damage in shared")                                                          \
    X(DAMAGED_INDEX, "damage in an index")

enum tally_item {
#define X(name, text) TALLY_##name,
    TALLY_OPTIONS(X) TALLY_EVENTS(X)
#undef X
        TALLY_ITEMS
};

struct tally {
    uint64_t runs, states;
    uint64_t runs_with[TALLY_ITEMS];
    uint64_t pairs[TALLY_ITEMS][TALLY_ITEMS]; /* of events: the smaller number first */
    uint64_t states_after[TALLY_ITEMS];       /* checked when it had happened */
};

/* Items of a run, one bit for each. */
typedef uint64_t tally_set;

static inline tally_set tally_bit(enum tally_item item)
{
    return UINT64_C(1) << item;
}

/* One more state, checked after all in `items` had happened. */
void tally_state(struct tally *tally, tally_set items);

/* One more run. */
void tally_run(struct tally *tally, tally_set items);

/*
 * All of it into a file, in lines of text; and out of a file, added to what *tally has. False: the
 * file cannot be written; it is not what this program would have written.
 */
bool tally_write(const struct tally *tally, const char *path);
bool tally_add(struct tally *tally, const char *path);

/* The table, in lines of text. */
void tally_print(const struct tally *tally, FILE *out);

/*
 * Whether each option, event and pair of events was in at least `least` runs, and each event in one
 * of a hundred states; two or more handles that write, and a failed call, in a quarter of them.
 * What is missing is printed.
 */
bool tally_is_enough(const struct tally *tally, uint64_t least, FILE *out);

#endif
