/*
 * The frames of one write transaction: reserved one by one at the head of the log, filled by
 * whoever asked, sealed by the commit (headers, front to back, the commit header last), published
 * or given up.
 *
 *   reserve   space for a block at the head; nothing in the file says that it is there
 *   seal      headers and chain: from here on the transaction is in the log, whole or not
 *   publish   index words: from here on readers find the frames
 *   forget    the head goes back; nothing else was touched
 *
 * The bytes of a block are in private memory until then (bodies.h), as far as there is room: the
 * seal sums what the transaction has made, and stores it. What has no room is in its frame, from
 * where the seal reads it back; a disk that has failed meanwhile may have put something else there,
 * and so the commit header waits until the system says that nothing was lost. What was lent for
 * writing is copied once more by the seal and looked at, so that the checksum is that of the bytes
 * in the log whoever stores into them meanwhile.
 *
 * Invariants: frames of two transactions never interleave; no header is written before the seal;
 * a segment that was begun by a transaction is free again when the transaction is forgotten.
 */
#ifndef SLOT_LOG_BATCH_H
#define SLOT_LOG_BATCH_H

#include "log/log.h"

/* Where the log goes on; its owner is whoever holds the writer lock. */
struct log_head {
    uint64_t lsn;        /* end of the last transaction */
    uint64_t chain;      /* its chain value */
    uint64_t reserved;   /* end of the last reserved frame; lsn when none is */
    uint32_t file;       /* segment file that they are in; LOG_SEGMENTS: none yet */
    uint64_t start;      /* of that segment */
    uint32_t generation; /* likewise */
};

struct log_entry {
    uint64_t key;
    uint64_t address;
    uint64_t lsn;
    uint64_t previous; /* LSN of the version before; 0: it is in the file, or there is none */
    uint8_t *body;     /* its bytes, until the transaction ends; NULL: they are in the frame */
    bool lent;         /* somebody has a pointer for writing to them */
};

struct log_begun {
    uint32_t file;
    uint32_t generation;
    uint64_t start;
};

struct log_batch {
    struct log_entry *entries; /* in the order of the log */
    uint32_t n, capacity;
    uint32_t *table; /* open addressing over keys: entry number + 1; 0: empty */
    uint32_t table_size;
    bool in_frames; /* some bytes are, or were, in their frame before the seal */
    struct log_begun begun[LOG_SEGMENTS];
    uint32_t begun_n;
    struct log_head before; /* the head as the transaction has found it */
};

/* What the commit frame says beside the snapshot it makes; and what the seal does beside. */
struct log_commit {
    uint64_t records;
    uint64_t deleted;
    uint32_t direct_blocks;
    /* Called with the bytes of each block that was lent, before they are summed: they can be put
     * right. A failure ends the seal. */
    slot_status (*settle)(void *context, uint64_t key, uint8_t *body, slot_error *err);
    /* Called for each segment out of which bodies were read, before the commit header is stored: a
     * failure says that they may be others than were stored there. NULL: nobody asks. */
    slot_status (*intact)(void *context, uint32_t file, slot_error *err);
    void *context;
};

void slot__batch_init(struct log_batch *batch, const struct log_head *head);
void slot__batch_release(struct log_batch *batch);

/* The entry of a block, or NULL. Good until the next reserve. */
const struct log_entry *slot__batch_find(const struct log_batch *batch, uint64_t key);

/* From now on the bytes of the block `key`, which is in the batch, are in `body`. */
void slot__batch_keep(struct log_batch *batch, uint64_t key, uint8_t *body);

/* The block `key` is lent for writing, wherever its bytes are. */
void slot__batch_lend(struct log_batch *batch, uint64_t key);

/* Nothing is in private memory any more: what was there belongs to others now. */
void slot__batch_end_bodies(struct log_batch *batch);

/*
 * Space for another block, which is not in the batch yet; *address is that of its frame header, the
 * body follows it. Begins a new segment when the frame does not fit. SLOT_E_LOG_FULL when
 * `limit_segments` are in use; SLOT_E_NO_SPACE; SLOT_E_NO_MEMORY; SLOT_E_IO. Then nothing changed.
 */
slot_status slot__batch_reserve(struct log *log, struct log_head *head, struct log_batch *batch,
                                uint64_t key, uint64_t previous, uint32_t limit_segments,
                                uint64_t *address, slot_error *err);

/*
 * Write all headers, those of begun segments first. `scratch` has room for the largest body. After
 * SLOT_OK the head is behind the transaction; else it has to be forgotten. Errors as reserve;
 * SLOT_E_LOST; those of settle and intact.
 */
slot_status slot__batch_seal(struct log *log, struct log_head *head, struct log_batch *batch,
                             const struct log_commit *commit, uint32_t limit_segments,
                             uint8_t *scratch, slot_error *err);

/* Index words of all blocks. */
slot_status slot__batch_publish(struct log *log, const struct log_batch *batch, slot_error *err);

/* Put the head back, free the begun segments. */
void slot__batch_forget(struct log *log, struct log_head *head, struct log_batch *batch);

/* Note an entry that is in the log already, in place of an older one of its block.
 * SLOT_E_NO_MEMORY.
 */
slot_status slot__batch_note(struct log_batch *batch, const struct log_entry *entry,
                             slot_error *err);

#endif
