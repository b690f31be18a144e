/*
 * Frames and segment headers: what is encoded comes back, every bit counts, and what cannot be one
 * is refused even when somebody has made the checks fit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "base/bytes.h"
#include "base/checksum.h"
#include "format/frame.h"

static struct segment_header sample_segment(void)
{
    struct segment_header header;

    memset(&header, 0, sizeof header);
    memset(header.file_id, 0x5a, sizeof header.file_id);
    header.start = 4096 * 17;
    header.chain = 18;
    header.generation = 19;
    header.record_size = 125;
    header.segment_bytes = 65536;
    return header;
}

static struct frame sample_frame(void)
{
    struct frame frame;

    memset(&frame, 0, sizeof frame);
    frame.lsn = 64 * 1000;
    frame.previous = 64 * 900;
    frame.key = key_of_deleted(12345);
    frame.flags = FRAME_COMMIT | FRAME_BODY;
    frame.generation = 19;
    frame.length = 8192;
    frame.direct_blocks = 20;
    frame.durable = 64 * 990;
    frame.records = 1000000;
    frame.deleted = 21;
    frame.chain = 22;
    return frame;
}

/* ---- segments ---- */

static void test_frame__segment_round_trip(void **state)
{
    struct segment_header in = sample_segment(), out;
    uint8_t bytes[SEGMENT_HEADER_BYTES];

    (void)state;
    memset(&out, 0, sizeof out);
    slot__segment_header_encode(&in, bytes);
    assert_true(slot__segment_header_decode(bytes, &out));
    assert_memory_equal(&in, &out, sizeof in);
}

/* The layout is what docs/format.md says, byte by byte. */
static void test_frame__segment_layout(void **state)
{
    struct segment_header in = sample_segment();
    uint8_t bytes[SEGMENT_HEADER_BYTES];

    (void)state;
    slot__segment_header_encode(&in, bytes);
    assert_memory_equal(bytes, "SLOTSEGM\1\0\0\0\0\x10\0\0", 16);
    assert_int_equal(bytes[16], 0x5a);
    assert_int_equal(bytes[31], 0x5a);
    assert_int_equal(get_u64(bytes + 32), 4096 * 17);
    assert_int_equal(get_u64(bytes + 40), 18);
    assert_int_equal(get_u32(bytes + 48), 19);
    assert_int_equal(get_u32(bytes + 52), 125);
    assert_int_equal(get_u64(bytes + 56), 65536);
    for (size_t i = 64; i < 4088; i++)
        assert_int_equal(bytes[i], 0);
    assert_true(get_u64(bytes + 4088) == slot__checksum(bytes, 4088, 0));
}

static void test_frame__segment_every_flipped_bit_is_found(void **state)
{
    struct segment_header in = sample_segment(), out;
    uint8_t bytes[SEGMENT_HEADER_BYTES];

    (void)state;
    slot__segment_header_encode(&in, bytes);
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(slot__segment_header_decode(bytes, &out));
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

/* Put a value at `at` into a good header and make the checksum fit: refused all the same. */
static void refuse_segment(size_t at, uint64_t value, int bytes_of_value)
{
    struct segment_header in = sample_segment(), out;
    uint8_t bytes[SEGMENT_HEADER_BYTES];

    slot__segment_header_encode(&in, bytes);
    if (bytes_of_value == 8)
        put_u64(bytes + at, value);
    else
        put_u32(bytes + at, (uint32_t)value);
    put_u64(bytes + 4088, slot__checksum(bytes, 4088, 0));
    assert_false(slot__segment_header_decode(bytes, &out));
}

static void test_frame__segment_that_cannot_be(void **state)
{
    (void)state;
    refuse_segment(0, 1, 8);                  /* magic */
    refuse_segment(8, 2, 4);                  /* version */
    refuse_segment(12, 8192, 4);              /* header_bytes */
    refuse_segment(32, LSN_MAX + 64, 8);      /* start */
    refuse_segment(32, UINT64_MAX - 63, 8);   /* start */
    refuse_segment(32, 63, 8);                /* start */
    refuse_segment(48, 0, 4);                 /* generation */
    refuse_segment(56, 0, 8);                 /* segment_bytes */
    refuse_segment(56, 65535, 8);             /* segment_bytes */
    refuse_segment(56, UINT64_C(1) << 40, 8); /* segment_bytes */
    refuse_segment(56, 65536 + 4096, 8);      /* segment_bytes */
}

/* ---- frames ---- */

static void test_frame__round_trip(void **state)
{
    static const uint32_t flags[] = {FRAME_COMMIT, FRAME_BODY, FRAME_COMMIT | FRAME_BODY};
    uint8_t bytes[FRAME_HEADER_BYTES];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct frame in = sample_frame(), out;

        in.flags = flags[i];
        memset(&out, 0, sizeof out);
        slot__frame_encode(&in, bytes);
        assert_true(slot__frame_decode(bytes, &out));
        assert_memory_equal(&in, &out, sizeof in);
    }
}

static void test_frame__layout(void **state)
{
    struct frame in = sample_frame();
    uint8_t bytes[FRAME_HEADER_BYTES], plain[56];
    uint64_t check;

    (void)state;
    slot__frame_encode(&in, bytes);
    assert_int_equal(get_u64(bytes), 64000);
    assert_int_equal(get_u64(bytes + 8), 57600);
    assert_true(get_u64(bytes + 16) == (12345 | UINT64_C(1) << 43 | UINT64_C(3) << 56));
    assert_int_equal(get_u32(bytes + 24), 19);
    assert_int_equal(get_u32(bytes + 28), 8192);
    assert_int_equal(get_u32(bytes + 32), 10);
    assert_int_equal(get_u32(bytes + 36), 20);
    memcpy(plain, bytes, sizeof plain);
    put_u16(plain + 46, 0);
    put_u16(plain + 54, 0);
    assert_int_equal(get_u64(plain + 40), 1000000);
    assert_int_equal(get_u64(plain + 48), 21);
    check = slot__checksum(plain, sizeof plain, 0);
    assert_int_equal(get_u16(bytes + 46), check & 0xffff);
    assert_int_equal(get_u16(bytes + 54), check >> 16 & 0xffff);
    assert_int_equal(get_u64(bytes + 56), 22);
}

/* The chain value is no part of the header's check: it is checked by the chain. */
static void test_frame__every_flipped_bit_is_found(void **state)
{
    struct frame in = sample_frame(), out;
    uint8_t bytes[FRAME_HEADER_BYTES];

    (void)state;
    slot__frame_encode(&in, bytes);
    for (size_t bit = 0; bit < 56 * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(slot__frame_decode(bytes, &out));
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

/* A frame that its own rules forbid, encoded with a check that fits. */
static void refuse(void (*change)(struct frame *frame))
{
    struct frame frame = sample_frame(), out;
    uint8_t bytes[FRAME_HEADER_BYTES];

    change(&frame);
    slot__frame_encode(&frame, bytes);
    assert_false(slot__frame_decode(bytes, &out));
}

#define CANNOT_BE(name, statement)                                                                 \
    static void set_##name(struct frame *frame)                                                    \
    {                                                                                              \
        statement;                                                                                 \
    }
CANNOT_BE(no_flags, frame->flags = 0)
CANNOT_BE(unknown_flags, frame->flags = 5)
CANNOT_BE(short_length, frame->length = 0)
CANNOT_BE(odd_length, frame->length = 8191)
CANNOT_BE(odd_lsn, frame->lsn++)
CANNOT_BE(large_lsn, frame->lsn = LSN_MAX + 64)
CANNOT_BE(odd_previous, frame->previous++)
CANNOT_BE(own_previous, frame->previous = frame->lsn)
CANNOT_BE(later_previous, frame->previous = frame->lsn + 64)
CANNOT_BE(many_records, frame->records = SLOT_RECORDS_MAX + 1)
CANNOT_BE(many_deleted, frame->deleted = frame->records + 1)

static void test_frame__that_cannot_be(void **state)
{
    (void)state;
    refuse(set_no_flags);
    refuse(set_unknown_flags);
    refuse(set_short_length);
    refuse(set_odd_length);
    refuse(set_odd_lsn);
    refuse(set_large_lsn);
    refuse(set_odd_previous);
    refuse(set_own_previous);
    refuse(set_later_previous);
    refuse(set_many_records);
    refuse(set_many_deleted);
}

/* How far the log was durable, to 64 bytes and rounded down, or as far back as 32 bits reach. */
static void test_frame__durable(void **state)
{
    static const struct {
        uint64_t lsn, durable, comes_back;
    } cases[] = {
        {64000, 64000, 64000},
        {64000, 64001, 64000},
        {64000, 63999, 63936},
        {64000, 1, 0},
        {64000, 0, 0},
        {UINT64_C(1) << 50, 64, 0},
        {UINT64_C(1) << 50, (UINT64_C(1) << 50) - 4096, (UINT64_C(1) << 50) - 4096},
    };
    uint8_t bytes[FRAME_HEADER_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct frame in = sample_frame(), out;

        in.lsn = cases[i].lsn;
        in.durable = cases[i].durable;
        slot__frame_encode(&in, bytes);
        assert_true(slot__frame_decode(bytes, &out));
        assert_true(out.durable == cases[i].comes_back);
    }
}

static void test_frame__lengths(void **state)
{
    (void)state;
    assert_int_equal(slot__frame_length(0), 64);
    assert_int_equal(slot__frame_length(1), 128);
    assert_int_equal(slot__frame_length(4000), 4096);
    assert_int_equal(slot__frame_length(4032), 4096);
    assert_int_equal(slot__frame_length(4096), 4160);
    assert_int_equal(slot__frame_length(1048576), 1048640);
    assert_int_equal(slot__frame_commit_length(4096, 0), 4096);
    assert_int_equal(slot__frame_commit_length(4096, 4032), 4096);
    assert_int_equal(slot__frame_commit_length(4096, 4033), 8192);
    assert_int_equal(slot__frame_commit_length(4160, 4000), 8192 - 64);
    for (uint64_t offset = 4096; offset < 20000; offset += 64)
        assert_int_equal((offset + slot__frame_commit_length(offset, 4000)) % 4096, 0);
}

/* The chain depends on everything before it, and on each bit of header and body. */
static void test_frame__chain(void **state)
{
    uint8_t header[FRAME_HEADER_BYTES] = {0}, body[4000] = {0};
    uint64_t chain = slot__frame_chain(7, header, body, sizeof body);

    (void)state;
    assert_true(chain != slot__frame_chain(8, header, body, sizeof body));
    assert_true(chain != slot__frame_chain(7, header, body, sizeof body - 1));
    assert_true(chain != slot__frame_chain(7, header, NULL, 0));
    for (size_t bit = 0; bit < sizeof body * 8; bit += 37) {
        body[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_true(chain != slot__frame_chain(7, header, body, sizeof body));
        body[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 56 * 8; bit++) {
        header[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_true(chain != slot__frame_chain(7, header, body, sizeof body));
        header[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    header[56] = 1; /* where the chain value itself is */
    assert_true(chain == slot__frame_chain(7, header, body, sizeof body));
}

static void test_frame__keys(void **state)
{
    (void)state;
    assert_true(key_of_records(5) != key_of_deleted(5));
    assert_false(key_is_deleted(key_of_records((UINT64_C(1) << 42))));
    assert_true(key_is_deleted(key_of_deleted(0)));
    assert_int_equal(key_block(key_of_deleted(77)), 77);
    assert_int_equal(key_block(key_of_records(77)), 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frame__segment_round_trip),
        cmocka_unit_test(test_frame__segment_layout),
        cmocka_unit_test(test_frame__segment_every_flipped_bit_is_found),
        cmocka_unit_test(test_frame__segment_that_cannot_be),
        cmocka_unit_test(test_frame__round_trip),
        cmocka_unit_test(test_frame__layout),
        cmocka_unit_test(test_frame__every_flipped_bit_is_found),
        cmocka_unit_test(test_frame__that_cannot_be),
        cmocka_unit_test(test_frame__durable),
        cmocka_unit_test(test_frame__lengths),
        cmocka_unit_test(test_frame__chain),
        cmocka_unit_test(test_frame__keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
