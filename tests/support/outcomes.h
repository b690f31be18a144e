/*
 * What a failed call has done to its write transaction is what src/db/outcome.h says of the call
 * and the status. Transactions that use every call run on a database beside a model of it; calls
 * fail within them, the caller goes on after "same", ends what is doomed, commits, and compares.
 * What was met is counted by status and call.
 */
#ifndef SLOT_TESTS_SUPPORT_OUTCOMES_H
#define SLOT_TESTS_SUPPORT_OUTCOMES_H

#include "db/handle.h"
#include "db/outcome.h"
#include "support/fixture.h"
#include "support/os_faulty.h"

#define OUTCOMES_STATUSES 64
#define OUTCOMES_CALLS    4
#define OUTCOMES_RECORDS  12000u /* most that the model holds */
#define OUTCOMES_APPENDS  500u   /* more than the buffer of these tests holds */
#define OUTCOMES_BYTES    4096u  /* of the largest record */

/* What sweeps begin with. */
#define SWEPT_BYTES 100u
#define SWEPT_BASE  300u

/* What the records are: the version of each. */
#define OUTCOMES_UNSURE  UINT32_MAX /* one version or another */
#define OUTCOMES_DELETED (UINT32_MAX - 1)
struct outcomes_model {
    uint32_t version[OUTCOMES_RECORDS];
    uint64_t records;
};

/* A way to make the nth call from now on fail. `mend` tells whether it did. */
struct outcomes;
struct outcomes_breaker {
    void (*arm)(struct outcomes *run, const struct outcomes_breaker *breaker, uint64_t nth);
    bool (*mend)(struct outcomes *run, const struct outcomes_breaker *breaker);
    const char *name;
    slot_status status;
    int how;    /* OS_FAULTY_ONCE, OS_FAULTY_FOREVER */
    bool stops; /* the caller commits after the first failure; each time on a new database */
};

struct outcomes {
    struct fixture *f;
    struct os_faulty faulty;
    slot_db *db;
    bool transactional;
    uint32_t bytes;                   /* of a record */
    struct outcomes_model model, now; /* committed; as the open transaction has left it */
    bool doomed, failed;              /* the open one; some call of it */
    uint32_t version;
    const struct outcomes_breaker *breaker;            /* armed */
    bool met;                                          /* the last one made something fail */
    uint64_t pairs[OUTCOMES_STATUSES][OUTCOMES_CALLS]; /* how often each was met */
};

void outcomes_init(struct outcomes *run, struct fixture *f);
void outcomes_release(struct outcomes *run);

/* A new database of `base` records of `bytes` bytes, opened; the one before is destroyed. */
void outcomes_fresh(struct outcomes *run, uint32_t bytes, uint64_t base);

/* Open what was closed; close it. */
void outcomes_open(struct outcomes *run);
void outcomes_close(struct outcomes *run);

/* A write transaction, and its end: by a commit that does what its class says. */
slot_txn *outcomes_begin(struct outcomes *run);
slot_status outcomes_end(struct outcomes *run, slot_txn *txn);

/* Whether the call did what it should; else what its status says is noted. */
bool outcomes_done(struct outcomes *run, enum outcome_call call, slot_status status);

/* Changes, of which a failure is noted. */
void outcomes_put(struct outcomes *run, slot_txn *txn, uint64_t recno);
void outcomes_edit(struct outcomes *run, slot_txn *txn, uint64_t recno);
void outcomes_append(struct outcomes *run, slot_txn *txn, uint64_t count);
void outcomes_extend(struct outcomes *run, slot_txn *txn, uint64_t count);

/* What the transaction sees of a record is the model, or an answer that says why not. */
void outcomes_look(struct outcomes *run, slot_txn *txn, uint64_t recno);

/* The database is as the model says. */
void outcomes_compare(struct outcomes *run);

/* Close all and open again: what was unknown is known then. */
void outcomes_find_out(struct outcomes *run);

/* Transactions in which the first, the second, ... call from their begin on fails, until one has
 * not so many. */
void outcomes_sweep(struct outcomes *run, const struct outcomes_breaker *breaker);

#endif
