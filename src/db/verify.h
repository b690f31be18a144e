/*
 * What the parts of verify share: the checks of blocks (verify.c), of the log and of the deletion
 * marks (verify_log.c).
 */
#ifndef SLOT_DB_VERIFY_H
#define SLOT_DB_VERIFY_H

#include "db/handle.h"
#include "format/sums.h"

#define VERIFY_CHUNK_BLOCKS_MAX 512u

struct verify {
    slot_txn *txn;
    struct meta meta; /* in force when the transaction began */
    slot_finding_fn report;
    void *context;
    uint64_t findings;
    bool stopped;     /* the callback has had enough */
    uint64_t data_at; /* up to here a hole is known */
    uint8_t *bytes;   /* of one chunk */
    uint8_t sums[VERIFY_CHUNK_BLOCKS_MAX * SUM_BYTES];
};

/* Report a finding. */
void slot__verify_found(struct verify *verify, const slot_finding *finding);

/* One about a file as a whole, or a part of it that is no record's. */
void slot__verify_found_in(struct verify *verify, const char *file, uint64_t offset,
                           uint64_t length, const char *what);

/*
 * Whether a block whose bytes did not fit its checksum is damaged. Not so one that is in the log,
 * which is verified by itself; one that was lent for writing in direct access; and one that a
 * checkpoint has brought home between the looks at its bytes and at its checksum: once it is not in
 * the log, neither changes again as long as the transaction lives, and both are looked at again.
 * `room` is for one block. An error: it cannot be told.
 */
slot_status slot__verify_is_damaged(slot_txn *txn, uint64_t block, uint8_t *room, bool *damaged,
                                    slot_error *err);

/* Every frame between the checkpoint that the transaction found and its snapshot. */
slot_status slot__verify_log(struct verify *verify, slot_error *err);

/* As many marks as records are deleted, none beyond the end, all marked records zero. */
slot_status slot__verify_deleted(struct verify *verify, slot_error *err);

#endif
