/*
 * Proves about frame and segment headers, for any bytes: decoding returns, reads nothing outside,
 * and what it accepts encodes to the same bytes and has a length that makes sense. The checks are
 * made to fit first, or nothing would get past them.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checksum.h"
#include "format/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void frame(const uint8_t *data, size_t size)
{
    uint8_t bytes[FRAME_HEADER_BYTES], again[FRAME_HEADER_BYTES];
    struct frame out, good;
    uint64_t check;

    memset(&good, 0, sizeof good);
    good.lsn = 640;
    good.flags = FRAME_COMMIT | FRAME_BODY;
    good.generation = 1;
    good.length = 4096;
    good.records = 100;
    slot__frame_encode(&good, bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i * 5 % sizeof bytes] ^= data[i] >> (i % 4 + 2);
    put_u16(bytes + 46, 0);
    put_u16(bytes + 54, 0);
    check = slot__checksum(bytes, 56, 0);
    put_u16(bytes + 46, (uint16_t)check);
    put_u16(bytes + 54, (uint16_t)(check >> 16));
    if (!slot__frame_decode(bytes, &out))
        return;
    slot__frame_encode(&out, again);
    /* `durable` before the beginning of all logs comes back as the beginning. */
    if (out.durable != 0 && memcmp(bytes, again, sizeof bytes) != 0)
        abort();
    if (out.length < FRAME_HEADER_BYTES || out.length % FRAME_UNIT != 0 ||
        out.previous >= out.lsn || out.deleted > out.records || out.records > SLOT_RECORDS_MAX)
        abort();
}

static void segment(const uint8_t *data, size_t size)
{
    uint8_t bytes[SEGMENT_HEADER_BYTES], again[SEGMENT_HEADER_BYTES];
    struct segment_header out, good;

    memset(&good, 0, sizeof good);
    good.generation = 1;
    good.record_size = 125;
    good.segment_bytes = 65536;
    slot__segment_header_encode(&good, bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i * 3 % 64] ^= data[i] >> (i % 5 + 3);
    put_u64(bytes + 4088, slot__checksum(bytes, 4088, 0));
    if (!slot__segment_header_decode(bytes, &out))
        return;
    slot__segment_header_encode(&out, again);
    if (memcmp(bytes, again, sizeof bytes) != 0)
        abort();
    if (out.segment_bytes < SEGMENT_HEADER_BYTES || out.start > LSN_MAX)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct frame out;

    frame(data, size);
    segment(data, size);
    if (size >= FRAME_HEADER_BYTES)
        (void)slot__frame_decode(data, &out);
    return 0;
}
