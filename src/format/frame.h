/*
 * What a log segment holds: a header of 4 KiB, then frames, each a header of 64 bytes and, mostly,
 * one block behind it.
 *
 *   segment   |header, 4096|frame|frame|..commit|pad|frame|...        segment_bytes, a power of two
 *   frame     |header, 64|body: a block|zeros to a multiple of 64|
 *
 * LSN: the segment's start plus the frame's offset in it. A segment starts where the frames of the
 * one before it end. The frame that ends a transaction (FRAME_COMMIT) is padded to a multiple of
 * 4 KiB, so that the next transaction never shares a page with it.
 *
 * Segment header
 *   offset size field
 *        0    8 magic          "SLOTSEGM"
 *        8    4 version        1
 *       12    4 header_bytes   4096
 *       16   16 file_id        of the database
 *       32    8 start          LSN of the segment's first byte
 *       40    8 chain          chain value before its first frame
 *       48    4 generation     random, not 0, another one each time the file is used again
 *       52    4 record_size    of the database
 *       56    8 segment_bytes  the file's size
 *       64 4024 reserved       zero
 *     4088    8 checksum       xxh3-64 of bytes 0 .. 4087, seed 0
 *
 * Frame header
 *        0    8 lsn            of its first byte
 *        8    8 previous       LSN of the frame with the version before of the same block; 0: none
 *       16    8 block          bits 0..42 its number, bit 43: 0 records, 1 deleted; from 56: flags
 *       24    4 generation     of the segment
 *       28    4 length         bytes to the next frame, a multiple of 64
 *       32    4 undurable      64-byte units from the durable LSN at writing to lsn; saturates
 *       36    4 direct_blocks  FRAME_COMMIT: new blocks that were written to `records` itself
 *       40    6 records        FRAME_COMMIT: number of records, deleted ones included; else 0
 *       46    2 check, low     of bytes 0..55 without the check: low 32 bits of their xxh3-64, so
 *       48    6 deleted        FRAME_COMMIT: how many of them are deleted; else 0
 *       54    2 check, high    that a header can be believed by itself, wherever it is found
 *       56    8 chain          xxh3-64 of the body, seeded with xxh3-64 of bytes 0..55, seeded with
 *                              the chain value before
 *
 * Pure: bytes to struct and back. Headers are checked by their check, frames with their bodies by
 * the chain.
 */
#ifndef SLOT_FORMAT_FRAME_H
#define SLOT_FORMAT_FRAME_H

#include "slotfile/slotfile.h"

#define SEGMENT_HEADER_BYTES 4096u
#define SEGMENT_BYTES_MIN    (UINT64_C(64) << 10)
#define SEGMENT_BYTES_MAX    (UINT64_C(64) << 20)
#define FRAME_HEADER_BYTES   64u
#define FRAME_UNIT           64u   /* of frame lengths and offsets */
#define FRAME_COMMIT_UNIT    4096u /* of where a transaction begins */
#define FRAME_FILE_ID_BYTES  16u
#define LSN_MAX              (UINT64_C(1) << 62)

#define BITMAP_BLOCK_BYTES   4096u /* of the file `deleted` */
#define BITMAP_BLOCK_RECORDS (BITMAP_BLOCK_BYTES * 8u)

enum { FRAME_COMMIT = 1, FRAME_BODY = 2 };

/* A block of either file, as one number: what indexes and maps of the log look for. */
#define KEY_BITS    44u
#define KEY_DELETED (UINT64_C(1) << 43)

static inline uint64_t key_of_records(uint64_t block)
{
    return block;
}

static inline uint64_t key_of_deleted(uint64_t block)
{
    return block | KEY_DELETED;
}

static inline bool key_is_deleted(uint64_t key)
{
    return (key & KEY_DELETED) != 0;
}

static inline uint64_t key_block(uint64_t key)
{
    return key & (KEY_DELETED - 1);
}

struct segment_header {
    uint8_t file_id[FRAME_FILE_ID_BYTES];
    uint64_t start;
    uint64_t chain;
    uint32_t generation;
    uint32_t record_size;
    uint64_t segment_bytes;
};

struct frame {
    uint64_t lsn;
    uint64_t previous;
    uint64_t key;
    uint32_t flags;
    uint32_t generation;
    uint32_t length;
    uint32_t direct_blocks;
    uint64_t durable; /* at most this much was; encoded as `undurable` */
    uint64_t records;
    uint64_t deleted;
    uint64_t chain;
};

void slot__segment_header_encode(const struct segment_header *header, uint8_t *bytes);

/* Whether the SEGMENT_HEADER_BYTES bytes are a header, as it was written. */
bool slot__segment_header_decode(const uint8_t *bytes, struct segment_header *header);

/* Bytes from a frame's header to the next frame, without the padding behind a commit. */
uint32_t slot__frame_length(uint32_t body_bytes);

/* The length of a frame that ends a transaction, at `offset` of its segment. */
uint32_t slot__frame_commit_length(uint64_t offset, uint32_t body_bytes);

/* The 64 bytes that stand for *frame, its chain value included. */
void slot__frame_encode(const struct frame *frame, uint8_t *bytes);

/*
 * The frame whose header these 64 bytes are, or false when they are not one that was written whole.
 */
bool slot__frame_decode(const uint8_t *bytes, struct frame *frame);

/* The chain value of an encoded frame (which does not depend on the value in it); n may be 0. */
uint64_t slot__frame_chain(uint64_t before, const uint8_t *header, const void *body, size_t n);

#endif
