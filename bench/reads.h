/*
 * Reads of one database, random ones that copy records out and scans, for all cases that compare
 * the ways of doing so: by which means, and the callbacks of a contest. The state of such a contest
 * is a struct reads, or begins with one.
 */
#ifndef SLOT_BENCH_READS_H
#define SLOT_BENCH_READS_H

#include "contest.h"
#include "series.h"

struct reads {
    struct bench *bench;
    const char *database; /* the name of all databases of the contest */
    uint64_t count;       /* reads of a whole pass */
    struct series series; /* where each pass begins */
    struct os_file *file; /* `records` of the Slotfile database, for the raw ways */
    uint64_t size;
    uint8_t *base;
    slot_db *db;
    struct peer_db *peer_db;
    uint64_t sum;
};

/* Make Slotfile's database and open the file; `count` reads, uniform. */
void reads_begin(struct reads *reads, struct bench *bench, const char *database, uint64_t count);
void reads_end(struct reads *reads);

/* The same with a database of each peer that is built in. */
void reads_make_peers(const struct reads *reads, const struct way *ways, unsigned ways_count);
void reads_destroy_peers(const struct reads *reads, const struct way *ways, unsigned ways_count);

/* The next `count` reads of a series; return the sum of what they found. */
uint64_t reads_mapped(const struct reads *reads, struct series *series, uint64_t count);
uint64_t reads_called(const struct reads *reads, struct series *series, uint64_t count);
uint64_t reads_slots(const struct reads *reads, struct series *series, uint64_t count,
                     uint64_t per_txn);
uint64_t reads_in_txn(const struct reads *reads, slot_txn *txn, struct series *series,
                      uint64_t count);

/* The sum of the records that a cursor goes through, in a transaction of its own. */
uint64_t reads_cursor(slot_db *db, const slot_scan_options *options);

void reads_map(struct reads *reads);
void reads_unmap(struct reads *reads);

/* ---- callbacks ---- */

/* The raw mapping, every page touched before. */
void reads_raw_warm_ready(void *state, const struct way *way);
void reads_raw_warm_pass(void *state, const struct way *way);
uint64_t reads_raw_warm_done(void *state, const struct way *way);

/* Mapped and unmapped by the pass. */
void reads_raw_fresh_pass(void *state, const struct way *way);

/* A read call for each. */
void reads_call_pass(void *state, const struct way *way);

/* Slotfile, so many gets in a transaction as way->setting says; with a budget of 4 MiB; every page
 * touched before; in direct access, likewise. `fresh` closes in the pass. */
void reads_slot_ready(void *state, const struct way *way);
void reads_slot_small_ready(void *state, const struct way *way);
void reads_slot_warm_ready(void *state, const struct way *way);
void reads_direct_warm_ready(void *state, const struct way *way);
void reads_slot_pass(void *state, const struct way *way);
void reads_slot_fresh_pass(void *state, const struct way *way);
uint64_t reads_slot_done(void *state, const struct way *way);

/* A peer, BATCH_RECORDS gets in a transaction, everything read once before. */
void reads_peer_ready(void *state, const struct way *way);
void reads_peer_pass(void *state, const struct way *way);
uint64_t reads_peer_done(void *state, const struct way *way);

/* Scans: the sum over the mapping, by runs, and through read calls of 1 MiB. */
void reads_walk_pass(void *state, const struct way *way);
void reads_scan_pass(void *state, const struct way *way);
void reads_calls_pass(void *state, const struct way *way);

uint64_t reads_done(void *state, const struct way *way);

/* The fields of a way that reads a peer's database. */
#define READS_PEER(whose)                                                                          \
    .peer = (whose), .ready = reads_peer_ready, .pass = reads_peer_pass, .done = reads_peer_done

#endif
