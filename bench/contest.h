/*
 * Several ways of doing the same thing, measured against each other. Each round lets every way do
 * one pass, in an order that rotates, so that a disturbance from outside hits all of them alike;
 * ratios are taken within a round, and what is shown is the median of all rounds with its range.
 */
#ifndef SLOT_BENCH_CONTEST_H
#define SLOT_BENCH_CONTEST_H

#include "bench.h"
#include "peer.h"
#include "results.h"

struct way {
    const char *name;
    const char *against; /* the way that its ratio is taken against; NULL: none */
    bool raw;            /* no library: a candidate for "the fastest raw way" */
    bool rival;          /* another product, though it has no `peer` */
    unsigned part;       /* it does only 1/part of the work, being slow; 0: all of it */
    bool other;          /* it does something else that should cost as much: no checksum */
    bool no_new_file;    /* it writes none, though others of its contest do */
    uint64_t setting;    /* of the callbacks: a map budget, say */
    /* Not NULL: the reason why it is left out of this run. */
    const char *left_out;
    /* Whose database it is, for the callbacks; where that is not built in (NULL is returned), the
     * way is left out. NULL: the callbacks know. */
    const struct peer *(*peer)(void);
    /* Before each pass, not measured; may be NULL. */
    void (*ready)(void *state, const struct way *way);
    /* What is measured. */
    void (*pass)(void *state, const struct way *way);
    /* After each pass, not measured. Returns a checksum of the result: equal for all ways of a
     * round that did all of it, or the program ends. */
    uint64_t (*done)(void *state, const struct way *way);
};

/* What contests say about the cache, most of them. */
#define CACHE_WARM "warm: the page cache has all of the files"
#define CACHE_COLD "cold: before each pass the page cache forgets the file"
#define CACHE_NEW  "new files, for which memory is at hand"

/* What the median of the ratios should be: this way's time over the reference's. */
struct goal {
    const char *way;
    const char *reference; /* a way, DEVICE_BYTES, PEAK_BYTES; NULL: the fastest raw way */
    bool at_least;         /* the value may not be smaller than `limit`; else not larger */
    double limit;
};

struct contest {
    const char *name;
    const char *what;  /* what is done, and the state it begins in */
    const char *cache; /* what of the files is in memory when a pass begins */
    const char *unit;  /* what a pass does `count` times */
    uint64_t count;
    double unit_bytes;
    bool writes;      /* show the bytes that reached the device, */
    bool writes_each; /* for one unit, not for the pass */
    bool new_files;   /* passes write new files: have page cache at hand for them */
    bool elsewhere;   /* other processes do the work: what this one has in memory says nothing */
    uint64_t *ns;     /* not NULL: a pass takes its time itself and puts it here */
    const struct way *ways;
    unsigned ways_count;
    const struct goal *goals;
    unsigned goals_count;
    void *state;
};

/* Run it and hand the results over on stdout: group.h says to whom. */
void contest_run(struct bench *bench, const struct contest *contest);

/* How many of `count` the way does. */
static inline uint64_t way_share(const struct way *way, uint64_t count)
{
    return way->part > 1 ? count / way->part : count;
}

#define COUNT_OF(array) ((unsigned)(sizeof(array) / sizeof *(array)))

#endif
