/*
 * The slots of `meta`: what is encoded comes back, and each field that can be corrupt has an error
 * of its own, even when somebody has made the checksum fit.
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
#include "format/meta.h"

static struct meta sample(uint64_t generation)
{
    struct meta meta;

    memset(&meta, 0, sizeof meta);
    memset(meta.file_id, 0x5a, sizeof meta.file_id);
    meta.generation = generation;
    meta.record_size = 125;
    meta.access = META_ACCESS_DIRECT;
    meta.records = 1000000;
    meta.deleted = 17;
    meta.checkpoint_lsn = 18 * 64;
    meta.checkpoint_chain = 19;
    meta.deleted_blocks = 20;
    meta.schema_hash = 21;
    meta.schema_bytes = 22;
    meta.data_offset = 23;
    meta.attached = true;
    meta.sums_stale = true;
    meta.sums_root = 24;
    return meta;
}

static void seal(uint8_t *slot)
{
    put_u64(slot + 4088, slot__checksum(slot, 4088, 0));
}

static void test_meta__round_trip(void **state)
{
    struct meta in = sample(6), out;
    uint8_t slot[META_SLOT_BYTES];

    (void)state;
    memset(&out, 0, sizeof out);
    slot__meta_encode(&in, slot);
    assert_int_equal(slot__meta_decode(slot, 0, &out, NULL), SLOT_OK);
    assert_memory_equal(&in, &out, sizeof in);
}

/* The layout is what docs/format.md says, byte by byte. */
static void test_meta__layout(void **state)
{
    struct meta in = sample(6);
    uint8_t slot[META_SLOT_BYTES];

    (void)state;
    slot__meta_encode(&in, slot);
    assert_memory_equal(slot, "SLOTMETA\1\0\0\0\0\x10\0\0", 16);
    assert_int_equal(get_u64(slot + 16), 0);
    assert_int_equal(slot[24], 0x5a);
    assert_int_equal(slot[39], 0x5a);
    assert_int_equal(get_u64(slot + 40), 6);
    assert_int_equal(get_u32(slot + 48), 125);
    assert_int_equal(get_u32(slot + 52), 1);
    assert_int_equal(get_u64(slot + 56), 1000000);
    for (uint64_t i = 0; i < 7; i++) /* deleted .. data_offset */
        assert_int_equal(get_u64(slot + 64 + 8 * i), i == 1 ? 18 * 64 : 17 + i);
    assert_int_equal(get_u32(slot + 120), 1);
    assert_int_equal(get_u32(slot + 124), 1);
    assert_int_equal(get_u64(slot + 128), 24);
    for (size_t i = 136; i < 4088; i++)
        assert_int_equal(slot[i], 0);
}

static void test_meta__every_flipped_bit_is_found(void **state)
{
    struct meta in = sample(6), out;
    uint8_t slot[META_SLOT_BYTES];

    (void)state;
    slot__meta_encode(&in, slot);
    for (size_t bit = 0; bit < META_SLOT_BYTES * 8; bit++) {
        slot[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(slot__meta_decode(slot, 0, &out, NULL), SLOT_OK);
        slot[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

/* Put `bytes` at `at` into a good slot 0, make the checksum fit, and see it refused right there. */
static void refuse(size_t at, const void *bytes, size_t n, slot_status want, const char *word)
{
    struct meta in = sample(6), out;
    uint8_t slot[META_SLOT_BYTES];
    slot_error err;

    slot__meta_encode(&in, slot);
    memcpy(slot + at, bytes, n);
    if (at != 4088)
        seal(slot);
    assert_int_equal(slot__meta_decode(slot, 0, &out, &err), want);
    assert_int_equal(err.status, want);
    assert_string_equal(err.file, "meta");
    assert_int_equal(err.offset, at);
    assert_non_null(strstr(err.what, word));
}

static const uint8_t ones[8] = {255, 255, 255, 255, 255, 255, 255, 255};
static const uint8_t zeros[16] = {0};

#define CORRUPT(field, at, bytes, n, want, word)                                                   \
    static void test_meta__corrupt_##field(void **state)                                           \
    {                                                                                              \
        (void)state;                                                                               \
        refuse(at, bytes, n, want, word);                                                          \
    }
CORRUPT(magic, 0, "SLOTMETB", 8, SLOT_E_NOT_SLOTFILE, "SLOTMETA")
CORRUPT(version, 8, "\2", 1, SLOT_E_VERSION, "version 2")
CORRUPT(slot_bytes, 12, zeros, 4, SLOT_E_CORRUPT, "slot size")
CORRUPT(features, 16, "\1", 1, SLOT_E_VERSION, "feature bits")
CORRUPT(file_id, 24, zeros, 16, SLOT_E_CORRUPT, "file id")
CORRUPT(generation, 40, "\7", 1, SLOT_E_CORRUPT, "generation 7")
CORRUPT(generation_zero, 40, zeros, 8, SLOT_E_CORRUPT, "generation 0")
CORRUPT(record_size, 48, zeros, 4, SLOT_E_CORRUPT, "record size 0")
CORRUPT(record_size_large, 48, "\1\0\x10\0", 4, SLOT_E_CORRUPT, "record size 1048577")
CORRUPT(access, 52, "\3", 1, SLOT_E_CORRUPT, "access")
CORRUPT(records, 56, ones, 8, SLOT_E_CORRUPT, "records")
CORRUPT(deleted, 64, ones, 8, SLOT_E_CORRUPT, "deleted")
CORRUPT(deleted_blocks, 88, ones, 8, SLOT_E_CORRUPT, "deletion marks")
CORRUPT(schema_bytes, 104, ones, 8, SLOT_E_CORRUPT, "schema")
CORRUPT(data_offset, 112, ones, 8, SLOT_E_CORRUPT, "data offset")
CORRUPT(attached, 120, "\2", 1, SLOT_E_CORRUPT, "attached")
CORRUPT(sums_stale, 124, "\2", 1, SLOT_E_CORRUPT, "sums_stale")
CORRUPT(checksum, 4088, zeros, 8, SLOT_E_CORRUPT, "checksum")

static void test_meta__corrupt_reserved(void **state)
{
    struct meta in = sample(6), out;
    uint8_t slot[META_SLOT_BYTES];
    slot_error err;

    (void)state;
    for (size_t at = 136; at < 4088; at += 13) {
        slot__meta_encode(&in, slot);
        slot[at] = 1;
        seal(slot);
        assert_int_equal(slot__meta_decode(slot, 0, &out, &err), SLOT_E_CORRUPT);
        assert_non_null(strstr(err.what, "reserved"));
    }
}

static void encode_pair(uint8_t *slots, uint64_t even, uint64_t odd)
{
    struct meta meta = sample(even);

    slot__meta_encode(&meta, slots);
    meta = sample(odd);
    meta.records++;
    slot__meta_encode(&meta, slots + META_SLOT_BYTES);
}

static void test_meta__the_newest_valid_slot_wins(void **state)
{
    uint8_t slots[META_SLOTS * META_SLOT_BYTES];
    struct meta meta;
    struct meta_doubt doubt;

    (void)state;
    encode_pair(slots, 4, 5);
    assert_int_equal(slot__meta_pick(slots, &meta, &doubt, NULL), SLOT_OK);
    assert_int_equal(meta.generation, 5);
    encode_pair(slots, 6, 5);
    assert_int_equal(slot__meta_pick(slots, &meta, &doubt, NULL), SLOT_OK);
    assert_int_equal(meta.generation, 6);
    assert_int_equal(doubt.slot, META_SLOTS);
    slots[100] ^= 1; /* torn: the other one may be in force */
    assert_int_equal(slot__meta_pick(slots, &meta, &doubt, NULL), SLOT_OK);
    assert_int_equal(meta.generation, 5);
    assert_int_equal(doubt.slot, 0);
    assert_int_equal(doubt.said.generation, 6);
    assert_int_equal(meta.records, 1000001);
    slots[META_SLOT_BYTES + 100] ^= 1;
    assert_int_equal(slot__meta_pick(slots, &meta, &doubt, NULL), SLOT_E_CORRUPT);
}

static void test_meta__slots_in_each_others_place(void **state)
{
    uint8_t slots[META_SLOTS * META_SLOT_BYTES], swapped[sizeof slots];
    struct meta meta;
    struct meta_doubt doubt;

    (void)state;
    encode_pair(slots, 4, 5);
    memcpy(swapped, slots + META_SLOT_BYTES, META_SLOT_BYTES);
    memcpy(swapped + META_SLOT_BYTES, slots, META_SLOT_BYTES);
    assert_int_equal(slot__meta_pick(swapped, &meta, &doubt, NULL), SLOT_E_CORRUPT);
}

static void test_meta__slots_of_two_databases(void **state)
{
    uint8_t slots[META_SLOTS * META_SLOT_BYTES];
    struct meta meta;
    struct meta_doubt doubt;

    (void)state;
    encode_pair(slots, 4, 5);
    slots[30] ^= 1;
    seal(slots);
    assert_int_equal(slot__meta_pick(slots, &meta, &doubt, NULL), SLOT_E_CORRUPT);
}

static void test_meta__a_slot_of_a_newer_program(void **state)
{
    uint8_t slots[META_SLOTS * META_SLOT_BYTES];
    struct meta meta;
    struct meta_doubt doubt;

    (void)state;
    for (uint32_t i = 0; i < META_SLOTS; i++) {
        uint8_t *slot = slots + i * META_SLOT_BYTES;

        encode_pair(slots, 4, 5);
        slot[16] = 1;                                                           /* a feature */
        assert_int_equal(slot__meta_pick(slots, &meta, &doubt, NULL), SLOT_OK); /* a flipped bit */
        seal(slot);
        assert_int_equal(slot__meta_pick(slots, &meta, &doubt, NULL), SLOT_E_VERSION);
    }
}

static void test_meta__block_records(void **state)
{
    (void)state;
    assert_int_equal(slot__meta_block_records(1), 4096);
    assert_int_equal(slot__meta_block_records(125), 32);
    assert_int_equal(slot__meta_block_records(128), 32);
    assert_int_equal(slot__meta_block_records(4095), 1);
    assert_int_equal(slot__meta_block_records(4096), 1);
    assert_int_equal(slot__meta_block_records(4097), 1);
    assert_int_equal(slot__meta_block_records(1048576), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meta__round_trip),
        cmocka_unit_test(test_meta__layout),
        cmocka_unit_test(test_meta__every_flipped_bit_is_found),
        cmocka_unit_test(test_meta__corrupt_magic),
        cmocka_unit_test(test_meta__corrupt_version),
        cmocka_unit_test(test_meta__corrupt_slot_bytes),
        cmocka_unit_test(test_meta__corrupt_features),
        cmocka_unit_test(test_meta__corrupt_file_id),
        cmocka_unit_test(test_meta__corrupt_generation),
        cmocka_unit_test(test_meta__corrupt_generation_zero),
        cmocka_unit_test(test_meta__corrupt_record_size),
        cmocka_unit_test(test_meta__corrupt_record_size_large),
        cmocka_unit_test(test_meta__corrupt_access),
        cmocka_unit_test(test_meta__corrupt_records),
        cmocka_unit_test(test_meta__corrupt_deleted),
        cmocka_unit_test(test_meta__corrupt_deleted_blocks),
        cmocka_unit_test(test_meta__corrupt_schema_bytes),
        cmocka_unit_test(test_meta__corrupt_data_offset),
        cmocka_unit_test(test_meta__corrupt_attached),
        cmocka_unit_test(test_meta__corrupt_sums_stale),
        cmocka_unit_test(test_meta__corrupt_reserved),
        cmocka_unit_test(test_meta__corrupt_checksum),
        cmocka_unit_test(test_meta__the_newest_valid_slot_wins),
        cmocka_unit_test(test_meta__slots_in_each_others_place),
        cmocka_unit_test(test_meta__slots_of_two_databases),
        cmocka_unit_test(test_meta__a_slot_of_a_newer_program),
        cmocka_unit_test(test_meta__block_records),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
