/*
 * Copying out of a file that is larger than what may be mapped of it: what is mapped and what is
 * read by calls for reads of different shapes, counted, never timed; and that what is read is right
 * and the budget holds whoever evicts whose views.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/by_path.h"
#include "support/fixture.h"
#include "support/os_faulty.h"
#include "support/thread.h"
#include "view/lease.h"
#include "view/pins.h"

#define RECORD  125u
#define FILE_MB 48u
#define BUDGET  (UINT64_C(4) << 20) /* views of 1 MiB and a tail: three */
#define RECORDS ((uint64_t)(FILE_MB << 20) / RECORD)

struct rig {
    struct os_faulty faulty;
    struct view_cache cache;
    struct view_file file;
    struct view_leases leases;
    uint64_t seed;
};

static uint8_t byte_at(uint64_t offset)
{
    return (uint8_t)(offset * 2654435761u >> 13);
}

static void rig_open(struct rig *rig, struct fixture *f, uint64_t budget)
{
    const struct os *os = &rig->faulty.os;
    const size_t piece = 1 << 20;
    uint8_t *bytes = malloc(piece);
    char path[5000];

    assert_non_null(bytes);
    memset(rig, 0, sizeof *rig);
    rig->seed = 7;
    os_faulty_init(&rig->faulty, slot__os_native());
    assert_ok(f, slot__view_cache_init(&rig->cache, os, budget, 4096, 0, 2, &f->err));
    snprintf(path, sizeof path, "%s/file", f->dir);
    assert_true(os_ok(by_path_open(os, path, OS_READ | OS_WRITE | OS_CREATE_NEW, &rig->file.file)));
    for (uint64_t at = 0; at < (uint64_t)FILE_MB << 20; at += piece) {
        for (size_t i = 0; i < piece; i++)
            bytes[i] = byte_at(at + i);
        assert_true(os_ok(os->write_at(os, rig->file.file, at, bytes, piece)));
    }
    free(bytes);
    rig->file.name = "test";
    rig->file.size = (uint64_t)FILE_MB << 20;
    rig->file.block_bytes = 4096;
    rig->file.mode = OS_MAP_READ;
    assert_true(slot__leases_wanted(&rig->cache, rig->file.size));
    slot__leases_init(&rig->leases, &rig->cache, &rig->file);
}

static void rig_close(struct rig *rig)
{
    slot__leases_release(&rig->leases);
    slot__view_cache_release(&rig->cache);
    rig->faulty.os.close(&rig->faulty.os, rig->file.file);
    assert_true(os_faulty_is_clean(&rig->faulty));
    os_faulty_release(&rig->faulty);
}

static bool copy_is_right(struct view_leases *leases, uint64_t recno)
{
    uint8_t record[RECORD];
    uint64_t offset = recno * RECORD;
    bool right = os_ok(slot__leases_copy(leases, offset, record, RECORD));

    for (uint32_t i = 0; i < RECORD && right; i++)
        right = record[i] == byte_at(offset + i);
    return right;
}

static void get(struct rig *rig, uint64_t recno)
{
    assert_true(copy_is_right(&rig->leases, recno));
    assert_true(rig->faulty.mapped_peak <= rig->cache.budget);
}

/* 95 of 100 reads go to the 2 % of the records from `hot` on. */
static uint64_t skewed(struct rig *rig, uint64_t hot)
{
    if (random_next(&rig->seed) % 100 < 95)
        return hot + random_next(&rig->seed) % (RECORDS / 50);
    return random_next(&rig->seed) % RECORDS;
}

static uint64_t maps(const struct rig *rig)
{
    return os_faulty_count(&rig->faulty, "map");
}

static uint64_t reads(const struct rig *rig)
{
    return os_faulty_count(&rig->faulty, "read_at");
}

/* Record by record: each window gets its view once, and nearly nothing is read by calls. */
static void test_lease__forward(void **state)
{
    struct rig rig;

    rig_open(&rig, *state, BUDGET);
    for (uint64_t recno = 0; recno < RECORDS; recno++)
        get(&rig, recno);
    assert_in_range(maps(&rig), FILE_MB, FILE_MB + 2);
    assert_true(reads(&rig) <= 16);
    rig_close(&rig);
}

static void test_lease__backward(void **state)
{
    struct rig rig;

    rig_open(&rig, *state, BUDGET);
    for (uint64_t recno = RECORDS; recno-- > 0;)
        get(&rig, recno);
    assert_in_range(maps(&rig), FILE_MB, FILE_MB + 2);
    assert_true(reads(&rig) <= 16);
    rig_close(&rig);
}

/* All over the file: nothing is worth a view, but what there is room for. */
static void test_lease__uniform(void **state)
{
    struct rig rig;

    rig_open(&rig, *state, BUDGET);
    for (int i = 0; i < 300000; i++)
        get(&rig, random_next(&rig.seed) % RECORDS);
    assert_true(maps(&rig) <= 6);
    assert_true(reads(&rig) > 300000 * 9 / 10);
    rig_close(&rig);
}

/* The same behind a scan, whose views are still there. */
static void test_lease__uniform_after_a_scan(void **state)
{
    struct rig rig;

    rig_open(&rig, *state, BUDGET);
    for (uint64_t recno = 0; recno < RECORDS / 4; recno++)
        get(&rig, recno);
    for (int i = 0; i < 300000; i++)
        get(&rig, random_next(&rig.seed) % RECORDS);
    assert_true(maps(&rig) <= FILE_MB / 4 + 8);
    rig_close(&rig);
}

/* A part that is read often gets its views, keeps them, and what is read besides gets none. */
static void test_lease__skewed(void **state)
{
    struct rig rig;
    uint64_t before;

    rig_open(&rig, *state, BUDGET);
    for (int i = 0; i < 20000; i++)
        get(&rig, skewed(&rig, RECORDS / 3));
    before = reads(&rig);
    for (int i = 0; i < 300000; i++)
        get(&rig, skewed(&rig, RECORDS / 3));
    assert_true(reads(&rig) - before <= 300000 * 6 / 100);
    assert_true(maps(&rig) <= 8);
    rig_close(&rig);
}

/* A scan beside it takes the views of none that is used. */
static void test_lease__skewed_beside_a_scan(void **state)
{
    struct rig rig;
    struct view_leases other;
    uint64_t before, recno = 0;

    rig_open(&rig, *state, BUDGET);
    slot__leases_init(&other, &rig.cache, &rig.file);
    for (int i = 0; i < 20000; i++)
        get(&rig, skewed(&rig, RECORDS / 3));
    before = reads(&rig);
    for (int i = 0; i < 300000; i++) {
        get(&rig, skewed(&rig, RECORDS / 3));
        assert_true(copy_is_right(&other, recno++ % RECORDS));
    }
    assert_true(reads(&rig) - before <= 300000 * 8 / 100);
    assert_true(maps(&rig) <= 300000 / 8388 * 2);
    slot__leases_release(&other);
    rig_close(&rig);
}

/* The part moves, again and again, and earns its views again each time. */
static void test_lease__moving(void **state)
{
    struct rig rig;

    rig_open(&rig, *state, BUDGET);
    for (uint64_t place = 0; place < 6; place++) {
        uint64_t hot = (place * 5 % 6) * (RECORDS / 7) + 1000, before;

        for (int i = 0; i < 300000; i++)
            get(&rig, skewed(&rig, hot));
        before = reads(&rig);
        for (int i = 0; i < 50000; i++)
            get(&rig, skewed(&rig, hot));
        assert_true(reads(&rig) - before <= 50000 * 6 / 100);
    }
    assert_true(maps(&rig) <= 6 * 8);
    rig_close(&rig);
}

/* Two parts in turns, each as large as the budget allows: no view goes back and forth. */
static void test_lease__alternating(void **state)
{
    struct rig rig;

    rig_open(&rig, *state, BUDGET);
    for (uint64_t i = 0; i < 400000; i++) {
        uint64_t part = i / 500 % 2 * (RECORDS / 2);

        get(&rig, part + random_next(&rig.seed) % (RECORDS / 20));
    }
    assert_true(maps(&rig) <= 200); /* of 800 turns */
    assert_true(reads(&rig) <= 400000 * 6 / 10);
    rig_close(&rig);
}

/* Somebody has lent pointers into all views there can be: reads go on without. */
static void test_lease__without_views(void **state)
{
    struct rig rig;
    struct view_pins pins;
    struct pin *pin;
    struct fixture *f = *state;
    uint64_t before;

    rig_open(&rig, f, BUDGET);
    slot__pins_init(&pins, &rig.cache, &rig.file, rig.file.size, 100);
    for (uint64_t i = 0; i < 3; i++) {
        assert_ok(f, pins_get(&pins, i << 20, 100, &pin, &f->err));
        assert_ok(f, slot__pins_lend(&pins, pin, &f->err));
    }
    before = maps(&rig);
    for (uint64_t recno = RECORDS / 2; recno < RECORDS / 2 + 1000; recno++)
        get(&rig, recno);
    for (int i = 0; i < 30000; i++)
        get(&rig, skewed(&rig, RECORDS / 2));
    assert_int_equal(maps(&rig), before);
    for (uint64_t recno = 0; recno < 1000; recno++)
        get(&rig, recno); /* what is mapped is used all the same */
    assert_true(reads(&rig) <= 31010);
    slot__pins_release(&pins);
    rig_close(&rig);
}

struct job {
    struct rig *rig;
    uint64_t seed;
    atomic_int *wrong;
};

/* Through the file, then all over a part of it, then elsewhere. */
static void read_mixed(void *context)
{
    struct job *job = context;
    struct view_leases leases;

    slot__leases_init(&leases, &job->rig->cache, &job->rig->file);
    for (uint64_t round = 0; round < 6; round++) {
        uint64_t at = random_next(&job->seed) % (RECORDS - RECORDS / 10);

        for (uint64_t i = 0; i < 12000; i++) {
            uint64_t recno = round % 2 == 0 ? at + i : at + random_next(&job->seed) % 9000;

            if (!copy_is_right(&leases, recno))
                atomic_fetch_add(job->wrong, 1);
        }
    }
    slot__leases_release(&leases);
}

static void test_lease__threads_evict_each_other(void **state)
{
    struct rig rig;
    struct test_thread *threads[3];
    struct job jobs[3];
    atomic_int wrong = 0;

    rig_open(&rig, *state, 1100 << 10); /* views of 256 KiB: four */
    for (int i = 0; i < 3; i++) {
        jobs[i] = (struct job){&rig, (uint64_t)i + 1, &wrong};
        threads[i] = test_thread_start(read_mixed, &jobs[i]);
    }
    for (int i = 0; i < 3; i++)
        test_thread_join(threads[i]);
    assert_int_equal(wrong, 0);
    assert_true(rig.faulty.mapped_peak <= rig.cache.budget);
    assert_true(slot__view_cache_counters(&rig.cache).evictions > 20);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_lease__forward),       fixture_test(test_lease__backward),
        fixture_test(test_lease__uniform),       fixture_test(test_lease__uniform_after_a_scan),
        fixture_test(test_lease__skewed),        fixture_test(test_lease__skewed_beside_a_scan),
        fixture_test(test_lease__moving),        fixture_test(test_lease__alternating),
        fixture_test(test_lease__without_views), fixture_test(test_lease__threads_evict_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
