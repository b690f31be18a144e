#include "format/frame.h"

#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/checksum.h"

#define SEGMENT_VERSION 1u
#define FLAGS_SHIFT     56u
#define FLAGS_KNOWN     (FRAME_COMMIT | FRAME_BODY)
#define KEY_MASK        ((UINT64_C(1) << KEY_BITS) - 1)
#define CHECKSUM_AT     (SEGMENT_HEADER_BYTES - 8u)
#define CHAIN_AT        56u

static const uint8_t segment_magic[8] = {'S', 'L', 'O', 'T', 'S', 'E', 'G', 'M'};

void slot__segment_header_encode(const struct segment_header *header, uint8_t *bytes)
{
    memset(bytes, 0, SEGMENT_HEADER_BYTES);
    memcpy(bytes, segment_magic, sizeof segment_magic);
    put_u32(bytes + 8, SEGMENT_VERSION);
    put_u32(bytes + 12, SEGMENT_HEADER_BYTES);
    memcpy(bytes + 16, header->file_id, FRAME_FILE_ID_BYTES);
    put_u64(bytes + 32, header->start);
    put_u64(bytes + 40, header->chain);
    put_u32(bytes + 48, header->generation);
    put_u32(bytes + 52, header->record_size);
    put_u64(bytes + 56, header->segment_bytes);
    put_u64(bytes + CHECKSUM_AT, slot__checksum(bytes, CHECKSUM_AT, 0));
}

bool slot__segment_header_decode(const uint8_t *bytes, struct segment_header *header)
{
    struct segment_header read;

    if (memcmp(bytes, segment_magic, sizeof segment_magic) != 0 ||
        get_u32(bytes + 8) != SEGMENT_VERSION || get_u32(bytes + 12) != SEGMENT_HEADER_BYTES ||
        get_u64(bytes + CHECKSUM_AT) != slot__checksum(bytes, CHECKSUM_AT, 0))
        return false;
    memcpy(read.file_id, bytes + 16, FRAME_FILE_ID_BYTES);
    read.start = get_u64(bytes + 32);
    read.chain = get_u64(bytes + 40);
    read.generation = get_u32(bytes + 48);
    read.record_size = get_u32(bytes + 52);
    read.segment_bytes = get_u64(bytes + 56);
    if (read.start > LSN_MAX || read.start % FRAME_UNIT != 0 || read.generation == 0 ||
        read.segment_bytes < SEGMENT_BYTES_MIN || read.segment_bytes > SEGMENT_BYTES_MAX ||
        !is_power_of_two(read.segment_bytes))
        return false;
    *header = read;
    return true;
}

uint32_t slot__frame_length(uint32_t body_bytes)
{
    return (uint32_t)round_up((uint64_t)FRAME_HEADER_BYTES + body_bytes, FRAME_UNIT);
}

uint32_t slot__frame_commit_length(uint64_t offset, uint32_t body_bytes)
{
    uint64_t end = round_up(offset + FRAME_HEADER_BYTES + body_bytes, FRAME_COMMIT_UNIT);

    return (uint32_t)(end - offset);
}

#define COUNT_MASK ((UINT64_C(1) << 48) - 1)

/* The check of an encoded header, whatever check is in it now. */
static uint32_t header_check(const uint8_t *bytes)
{
    uint8_t copy[CHAIN_AT];

    memcpy(copy, bytes, sizeof copy);
    put_u16(copy + 46, 0);
    put_u16(copy + 54, 0);
    return (uint32_t)slot__checksum(copy, sizeof copy, 0);
}

void slot__frame_encode(const struct frame *frame, uint8_t *bytes)
{
    uint32_t check;
    uint64_t undurable = frame->lsn > frame->durable ? frame->lsn - frame->durable : 0;

    put_u64(bytes, frame->lsn);
    put_u64(bytes + 8, frame->previous);
    put_u64(bytes + 16, frame->key | (uint64_t)frame->flags << FLAGS_SHIFT);
    put_u32(bytes + 24, frame->generation);
    put_u32(bytes + 28, frame->length);
    put_u32(bytes + 32, (uint32_t)min_u64((undurable + FRAME_UNIT - 1) / FRAME_UNIT, UINT32_MAX));
    put_u32(bytes + 36, frame->direct_blocks);
    put_u64(bytes + 40, frame->records);
    put_u64(bytes + 48, frame->deleted);
    check = header_check(bytes);
    put_u16(bytes + 46, (uint16_t)check);
    put_u16(bytes + 54, (uint16_t)(check >> 16));
    put_u64(bytes + CHAIN_AT, frame->chain);
}

bool slot__frame_decode(const uint8_t *bytes, struct frame *frame)
{
    uint64_t block = get_u64(bytes + 16);
    uint32_t undurable = get_u32(bytes + 32);
    uint64_t behind = (uint64_t)undurable * FRAME_UNIT;
    struct frame read = {
        .lsn = get_u64(bytes),
        .previous = get_u64(bytes + 8),
        .key = block & KEY_MASK,
        .flags = (uint32_t)(block >> FLAGS_SHIFT),
        .generation = get_u32(bytes + 24),
        .length = get_u32(bytes + 28),
        .direct_blocks = get_u32(bytes + 36),
        .records = get_u64(bytes + 40) & COUNT_MASK,
        .deleted = get_u64(bytes + 48) & COUNT_MASK,
        .chain = get_u64(bytes + CHAIN_AT),
    };

    read.durable = undurable == UINT32_MAX || behind > read.lsn ? 0 : read.lsn - behind;
    if ((read.flags & ~(uint32_t)FLAGS_KNOWN) != 0 || read.flags == 0 ||
        (block & ~KEY_MASK) >> KEY_BITS != (uint64_t)read.flags << (FLAGS_SHIFT - KEY_BITS))
        return false;
    if (read.length < FRAME_HEADER_BYTES || read.length % FRAME_UNIT != 0 ||
        read.lsn % FRAME_UNIT != 0 || read.lsn > LSN_MAX || read.previous % FRAME_UNIT != 0 ||
        read.previous >= read.lsn)
        return false;
    if (read.records > SLOT_RECORDS_MAX || read.deleted > read.records ||
        header_check(bytes) != (get_u16(bytes + 46) | (uint32_t)get_u16(bytes + 54) << 16))
        return false;
    *frame = read;
    return true;
}

uint64_t slot__frame_chain(uint64_t before, const uint8_t *header, const void *body, size_t n)
{
    uint64_t chain = slot__checksum(header, CHAIN_AT, before);

    return n > 0 ? slot__checksum(body, n, chain) : chain;
}
