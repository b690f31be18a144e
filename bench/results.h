/*
 * What one contest has given: every number of every round, and what is said about them. It holds
 * no pointers, so that a process can hand it to another run of the same program as it is.
 */
#ifndef SLOT_BENCH_RESULTS_H
#define SLOT_BENCH_RESULTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define WAYS_MAX       24u
#define GOALS_MAX      20u
#define ROUNDS_MAX     101u
#define NAME_BYTES     80u
#define SENTENCE_BYTES 512u

#define NO_WAY     UINT32_MAX       /* in place of a way's index: none */
#define DEVICE_WAY (UINT32_MAX - 1) /* the bytes that reach the device for one unit */
#define PEAK_WAY   (UINT32_MAX - 2) /* the most bytes that were resident at once */

/* What the last two are called where a goal names its reference. */
#define DEVICE_BYTES "device bytes"
#define PEAK_BYTES   "bytes of peak RSS"

enum result_kind { KIND_SLOTFILE, KIND_RAW, KIND_PEER, KINDS };

struct result_way {
    char name[NAME_BYTES];
    uint32_t kind;
    uint32_t against; /* the way that its ratio is taken against, or NO_WAY */
    uint64_t units;   /* of a pass */
    /* By round; negative: unknown. */
    double time[ROUNDS_MAX]; /* ns for one unit */
    double written[ROUNDS_MAX];
    double peak[ROUNDS_MAX];
};

struct result_goal {
    uint32_t way;
    uint32_t reference; /* NO_WAY: the fastest raw way */
    bool at_least;
    double limit;
};

struct left_out {
    char name[NAME_BYTES];
    char reason[SENTENCE_BYTES];
};

struct results {
    char name[NAME_BYTES];
    char what[SENTENCE_BYTES];
    char cache[SENTENCE_BYTES]; /* what of the files is in memory; "": that does not matter */
    char unit[NAME_BYTES];
    uint64_t units;
    double unit_bytes;
    bool writes;      /* the bytes that reached the device are known, */
    bool writes_each; /* for one unit, not for the pass */
    bool ratios;      /* false: it was only to see that everything runs */
    uint32_t rounds, ways_count, goals_count, left_out_count;
    struct result_way ways[WAYS_MAX];
    struct result_goal goals[GOALS_MAX];
    struct left_out left_out[WAYS_MAX];
};

/* The median of all rounds with its range. */
struct summary {
    double median, least, most;
};

struct summary results_time(const struct results *results, uint32_t way);
struct summary results_written(const struct results *results, uint32_t way);
struct summary results_peak(const struct results *results, uint32_t way);

/* Of the ratios within each round. */
struct summary results_ratio(const struct results *results, uint32_t way, uint32_t reference);

enum goal_state { GOAL_UNKNOWN, GOAL_MET, GOAL_MISSED };

/* A goal with what was found: a ratio, or bytes. */
struct verdict {
    const char *way;
    const char *reference;
    bool bytes;
    struct summary value; /* unless the state is GOAL_UNKNOWN */
    enum goal_state state;
};

struct verdict results_verdict(const struct results *results, uint32_t goal);

/* Hand results to the process that reads the other end of `file`, and take them there. */
void results_send(const struct results *results, FILE *file);

/* The next ones, which the caller frees, or NULL at the end; *whole is false when that is not an
 * end but something else. */
struct results *results_receive(FILE *file, bool *whole);

#endif
