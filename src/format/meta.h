/*
 * The file `meta`: two slots of 4 KiB, written alternately, each checksummed. The newest valid one
 * is in force; when one of them is not valid, db/meta_doubt.c has the rule. Slot i holds the even
 * (0) or odd (1) generations, so a new one never overwrites the one in force.
 *
 *   offset size field
 *        0    8 magic            "SLOTMETA"
 *        8    4 version          1
 *       12    4 slot_bytes       4096
 *       16    8 features         bits that a reader must know; unknown = refuse; none are defined
 *       24   16 file_id          random, never all zero; seeds the block checksums
 *       40    8 generation       from 2 on, +1 with each slot written; its low bit is the slot
 *       48    4 record_size      1 .. 1,048,576
 *       52    4 access           0 closed cleanly, 1 open in direct access, 2 transactional
 *       56    8 records          number of records, deleted ones included
 *       64    8 deleted          how many of them are deleted
 *       72    8 checkpoint_lsn   K: what `records` holds
 *       80    8 checkpoint_chain chain value of the log at K
 *       88    8 deleted_blocks   length of the file `deleted` in blocks
 *       96    8 schema_hash      xxh3-64 of the file `schema`
 *      104    8 schema_bytes     its size
 *      112    8 data_offset      byte of `records` at which record 0 begins
 *      120    4 attached         1: `records` is the file beside this directory
 *      124    4 sums_stale       1: the checksums do not vouch for the records (see format.md)
 *      128    8 sums_root        set sum over all (block, checksum)
 *      136 3952 reserved         zero; anything else is refused
 *     4088    8 checksum         xxh3-64 of bytes 0 .. 4087, seed 0
 *
 * Pure: bytes to struct and back. Everything that is read is checked; the order is magic, version,
 * size, checksum, fields, and every field has an error of its own.
 */
#ifndef SLOT_FORMAT_META_H
#define SLOT_FORMAT_META_H

#include "slotfile/slotfile.h"

#define META_SLOT_BYTES       4096u
#define META_SLOTS            2u
#define META_FILE_ID_BYTES    16u
#define META_GENERATION_MIN   2u
#define META_SCHEMA_BYTES_MAX (UINT64_C(4) << 20)

enum { META_ACCESS_CLEAN = 0, META_ACCESS_DIRECT = 1, META_ACCESS_TRANSACTIONAL = 2 };

struct meta {
    uint64_t features;
    uint8_t file_id[META_FILE_ID_BYTES];
    uint64_t generation;
    uint32_t record_size;
    uint32_t access;
    uint64_t records;
    uint64_t deleted;
    uint64_t checkpoint_lsn;
    uint64_t checkpoint_chain;
    uint64_t deleted_blocks;
    uint64_t schema_hash;
    uint64_t schema_bytes;
    uint64_t data_offset;
    bool attached;
    bool sums_stale;
    uint64_t sums_root;
};

/* Records in a block of that record size: the R of the design, max(1, floor(4096 / size)). */
uint32_t slot__meta_block_records(uint32_t record_size);

/* The slot of META_SLOT_BYTES bytes that stands for *meta. */
void slot__meta_encode(const struct meta *meta, uint8_t *slot);

/*
 * Decode slot number `index` (0, 1). SLOT_E_NOT_SLOTFILE (magic), SLOT_E_VERSION (version,
 * features), SLOT_E_CORRUPT (all else), with the offset in the file `meta`.
 */
slot_status slot__meta_decode(const uint8_t *slot, uint32_t index, struct meta *meta,
                              slot_error *err);

/* A slot that is not valid, and what it seems to say: nothing of it is believed, but it may count
 * against the other slot. */
struct meta_doubt {
    uint32_t slot;    /* META_SLOTS: both are valid */
    uint64_t offset;  /* in the file `meta`: where it is wrong */
    struct meta said; /* its fields, unchecked */
};

/*
 * The newest valid one of the two slots (META_SLOTS * META_SLOT_BYTES bytes), and the one that is
 * not valid: then whether the other is believed is up to the caller. When neither is valid, the
 * error of one of them; when both are but belong to different databases, SLOT_E_CORRUPT; when a
 * newer program has written one, SLOT_E_VERSION.
 */
slot_status slot__meta_pick(const uint8_t *slots, struct meta *meta, struct meta_doubt *doubt,
                            slot_error *err);

#endif
