/*
 * Threads that copy out of one file through leases, with room for two views only, so that each
 * evicts what the others use: in any order of their steps the bytes are right, no view is used that
 * is gone, and the budget holds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "crash/sim_heap.h"
#include "support/by_path.h"
#include "view/lease.h"

#define RECORD     125u
#define FILE_BYTES (UINT64_C(2) << 20)
#define RECORDS    (FILE_BYTES / RECORD)
#define BUDGET     (UINT64_C(540) << 10) /* two views of 256 KiB with their tails */
#define THREADS    3u
#define SEEDS      150u

struct common {
    struct view_cache cache;
    struct view_file file;
    uint64_t copies, wrong;
    uint32_t working; /* threads */
    struct view_counters counters;
};

struct job {
    struct common *common;
    uint64_t random;
};

static uint8_t byte_at(uint64_t offset)
{
    return (uint8_t)(offset * 2654435761u >> 13);
}

static uint64_t next(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *random >> 33;
}

static void copy(struct common *common, struct view_leases *leases, uint64_t recno)
{
    uint8_t record[RECORD];
    uint64_t offset = recno * RECORD;
    bool right = os_ok(slot__leases_copy(leases, offset, record, RECORD));

    for (uint32_t i = 0; i < RECORD && right; i++)
        right = record[i] == byte_at(offset + i);
    common->copies++;
    common->wrong += !right;
}

/* In turns: on from some place, all over a part, all over the file. */
static void work(struct sim_process *process, void *argument)
{
    struct job *job = argument;
    struct view_leases leases;

    slot__leases_init(&leases, &job->common->cache, &job->common->file);
    for (uint32_t turn = 0; turn < 12; turn++) {
        uint64_t at = next(&job->random) % (RECORDS - 2100);

        for (uint32_t i = 0; i < 300; i++)
            copy(job->common, &leases, at + i);
        for (uint32_t i = 0; i < 200; i++)
            copy(job->common, &leases, at + next(&job->random) % 2000);
        for (uint32_t i = 0; i < 20; i++)
            copy(job->common, &leases, next(&job->random) % RECORDS);
    }
    slot__leases_release(&leases);
    if (--job->common->working > 0)
        return;
    job->common->counters = slot__view_cache_counters(&job->common->cache);
    slot__view_cache_release(&job->common->cache);
    process->os.close(&process->os, job->common->file.file);
}

static void make_file(struct common *common, const struct os *os)
{
    uint8_t *bytes = malloc((size_t)FILE_BYTES);

    assert_non_null(bytes);
    for (uint64_t i = 0; i < FILE_BYTES; i++)
        bytes[i] = byte_at(i);
    assert_true(
        os_ok(by_path_open(os, "/a", OS_READ | OS_WRITE | OS_CREATE_NEW, &common->file.file)));
    assert_true(os_ok(os->write_at(os, common->file.file, 0, bytes, (size_t)FILE_BYTES)));
    free(bytes);
    common->file.name = "a";
    common->file.size = FILE_BYTES;
    common->file.block_bytes = 4000;
    common->file.mode = OS_MAP_READ;
}

/* The first thread makes what all use, and starts the others. */
struct whole {
    struct common common;
    struct job jobs[THREADS];
};

static void begin(struct sim_process *process, void *argument)
{
    struct whole *whole = argument;

    make_file(&whole->common, &process->os);
    assert_int_equal(
        slot__view_cache_init(&whole->common.cache, &process->os, BUDGET, 4000, 0, 2, NULL),
        SLOT_OK);
    assert_true(slot__leases_wanted(&whole->common.cache, FILE_BYTES));
    whole->common.working = THREADS;
    for (uint32_t i = 1; i < THREADS; i++)
        sim_thread_start(process, work, &whole->jobs[i]);
    work(process, &whole->jobs[0]);
}

static void one_world(uint64_t seed)
{
    struct sim_config config;
    struct sim_world *world;
    struct whole *whole = calloc(1, sizeof *whole);

    assert_non_null(whole);
    sim_config_init(&config);
    config.seed = seed;
    config.compare_every = 0; /* nobody stores */
    world = sim_world_make(&config);
    for (uint32_t i = 0; i < THREADS; i++)
        whole->jobs[i] = (struct job){&whole->common, seed * 10 + i};
    sim_process_start(world, begin, whole);
    assert_int_equal(sim_run(world), SIM_END_ALL);
    assert_int_equal(whole->common.copies, THREADS * 12 * 520);
    assert_int_equal(whole->common.wrong, 0);
    assert_true(whole->common.counters.evictions > 10);
    assert_true(whole->common.counters.mapped_peak <= BUDGET);
    sim_world_free(world);
    free(whole);
}

static void test_leases_under_each_other(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        one_world(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leases_under_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
