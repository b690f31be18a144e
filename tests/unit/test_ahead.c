/*
 * What a scan announces: nothing at its first step, more with each that goes on from the last, each
 * byte once and none beyond the end, in pieces that are not in memory.
 */
#include <stdlib.h>
#include <string.h>

#include "support/fixture.h"
#include "view/ahead.h"

#define MIB   (UINT64_C(1) << 20)
#define STEP  (2 * MIB)
#define PIECE AHEAD_PIECE_BYTES
#define MOST  256u

/* An os that only listens. */
struct listener {
    struct os os; /* must be first */
    struct {
        uint64_t from, to;
    } told[MOST];
    size_t count;
    uint64_t cached_from, cached_to; /* this is in memory */
    size_t looks;
};

static void listen_advise(const struct os *os, struct os_file *file, uint64_t offset, uint64_t n,
                          os_advice advice)
{
    struct listener *listener = (struct listener *)(uintptr_t)os;

    (void)file;
    assert_int_equal(advice, OS_ADVICE_WILLNEED);
    assert_in_range(listener->count, 0, MOST - 1);
    listener->told[listener->count].from = offset;
    listener->told[listener->count++].to = offset + n;
}

static bool listen_cached(const struct os *os, struct os_file *file, uint64_t offset, uint64_t n)
{
    struct listener *listener = (struct listener *)(uintptr_t)os;

    (void)file;
    listener->looks++;
    return offset >= listener->cached_from && offset + n <= listener->cached_to;
}

static void listener_init(struct listener *listener)
{
    memset(listener, 0, sizeof *listener);
    listener->os = *slot__os_native();
    listener->os.advise = listen_advise;
    listener->os.cached = listen_cached;
}

static void test_ahead__forward(void **state)
{
    struct listener heard;
    struct ahead ahead = {0, 0, 0, 0};
    const uint64_t begin = 5 * MIB, end = 101 * MIB;

    (void)state;
    listener_init(&heard);
    slot__ahead_forward(&ahead, &heard.os, NULL, begin, begin + STEP, end);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.told[0].to, begin + STEP);
    for (uint64_t at = begin + STEP; at < end; at += STEP) {
        uint64_t to = at + STEP < end ? at + STEP : end;

        slot__ahead_forward(&ahead, &heard.os, NULL, at, to, end);
        assert_true(heard.count > 0);
        assert_true(heard.told[heard.count - 1].to <= end);
        assert_true(heard.told[heard.count - 1].to <= to + AHEAD_BYTES + PIECE);
        if (at > begin + 6 * STEP && to + AHEAD_BYTES <= end)
            assert_true(heard.told[heard.count - 1].to >= to + AHEAD_BYTES);
    }
    for (size_t i = 1; i < heard.count; i++) /* each byte once */
        assert_int_equal(heard.told[i].from, heard.told[i - 1].to);
    assert_int_equal(heard.told[heard.count - 1].to, end);
}

static void test_ahead__backward(void **state)
{
    struct listener heard;
    struct ahead ahead = {0, 0, 0, 0};
    const uint64_t begin = 101 * MIB, end = 5 * MIB;

    (void)state;
    listener_init(&heard);
    slot__ahead_backward(&ahead, &heard.os, NULL, begin - STEP, begin, end);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.told[0].from, begin - STEP);
    for (uint64_t at = begin - STEP; at > end; at -= at - end < STEP ? at - end : STEP) {
        uint64_t from = at - end < STEP ? end : at - STEP;

        slot__ahead_backward(&ahead, &heard.os, NULL, from, at, end);
        assert_true(heard.count > 0);
        assert_true(heard.told[heard.count - 1].from >= end);
        assert_true(heard.told[heard.count - 1].from + AHEAD_BYTES + PIECE >= from);
    }
    for (size_t i = 1; i < heard.count; i++)
        assert_int_equal(heard.told[i].to, heard.told[i - 1].from);
    assert_int_equal(heard.told[heard.count - 1].from, end);
}

/* Whoever jumps about is not going through the file. */
static void test_ahead__jumps(void **state)
{
    struct listener heard;
    struct ahead ahead = {0, 0, 0, 0};
    uint64_t seed = 3;

    (void)state;
    listener_init(&heard);
    for (int i = 0; i < 1000; i++) {
        uint64_t at = (random_next(&seed) % 1000 * 2 + 1) * MIB / 2;

        slot__ahead_forward(&ahead, &heard.os, NULL, at, at + 5000, 1000 * MIB);
        assert_int_equal(heard.count, 1);
        assert_true(heard.told[0].to - heard.told[0].from <= PIECE);
        heard.count = 0;
    }
}

static void test_ahead__what_is_in_memory(void **state)
{
    struct listener heard;
    struct ahead ahead = {0, 0, 0, 0};

    (void)state;
    listener_init(&heard);
    heard.cached_from = 0;
    heard.cached_to = 50 * MIB;
    for (uint64_t at = MIB; at < 101 * MIB; at += STEP)
        slot__ahead_forward(&ahead, &heard.os, NULL, at, at + STEP, 101 * MIB);
    assert_in_range(heard.told[0].from, 50 * MIB - AHEAD_BYTES - PIECE, 50 * MIB);
    assert_true(heard.looks < 50 / 2 / 3 + heard.count + 10);
    for (size_t i = 1; i < heard.count; i++)
        assert_int_equal(heard.told[i].from, heard.told[i - 1].to);
    assert_int_equal(heard.told[heard.count - 1].to, 101 * MIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ahead__forward),
        cmocka_unit_test(test_ahead__backward),
        cmocka_unit_test(test_ahead__jumps),
        cmocka_unit_test(test_ahead__what_is_in_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
