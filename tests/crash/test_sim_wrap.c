/*
 * Memory and mutexes of simulated processes; and the engine, killed at each point of a commit, with
 * nothing left behind.
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
#include "db/handle.h"

#define PATH         "/people.slots"
#define RECORD_BYTES 125u

static struct sim_world *make_world(uint64_t seed)
{
    struct sim_config config;

    sim_config_init(&config);
    config.seed = seed;
    return sim_world_make(&config);
}

/* ---- memory ---- */

static void take_memory(struct sim_process *process, void *argument)
{
    uint8_t **kept = argument;
    uint8_t *given = calloc(3, 5);
    uint8_t *volatile refused; /* or the compiler takes malloc for one that never fails */

    assert_non_null(given);
    assert_int_equal(given[14], 0);
    given = realloc(given, 100000);
    assert_non_null(given);
    assert_int_equal(given[14], 0);
    assert_int_equal(sim_heap_pieces(process), 1);
    free(given);
    assert_int_equal(sim_heap_pieces(process), 0);
    sim_heap_fail(process, 2, SIM_ONCE);
    kept[0] = malloc(10);
    assert_non_null(kept[0]);
    refused = malloc(10);
    assert_null(refused);
    kept[1] = malloc(10);
    assert_non_null(kept[1]);
    process->os.yield(&process->os, "here");
}

static void test_memory(void **state)
{
    struct sim_world *world = make_world(1);
    struct sim_process *process = sim_process_new(world);
    uint8_t *kept[2];

    (void)state;
    assert_true(sim_call(process, take_memory, kept));
    assert_int_equal(sim_heap_pieces(process), 2);
    sim_process_exit(process);
    assert_int_equal(sim_heap_pieces(process), 2);
    assert_int_equal(sim_heap_calls(process), 5);
    free(kept[0]);
    free(kept[1]);
    process = sim_process_start(world, take_memory, kept);
    sim_process_kill_at(process, 1);
    sim_run(world); /* what is kept is gone: the leak checker would know */
    assert_false(process->alive);
    sim_world_free(world);
}

/* ---- mutexes ---- */

struct common {
    struct os_mutex mutex;
    uint32_t inside, entered;
};

static void enter(struct sim_process *process, void *argument)
{
    struct common *shared = argument;

    for (int i = 0; i < 50; i++) {
        slot__os_mutex_lock(&shared->mutex);
        assert_int_equal(shared->inside++, 0);
        process->os.yield(&process->os, "in the critical section");
        shared->inside--;
        shared->entered++;
        slot__os_mutex_unlock(&shared->mutex);
    }
}

static void test_mutexes(void **state)
{
    struct sim_world *world = make_world(1);
    struct common shared = {.inside = 0, .entered = 0};
    struct sim_process *process;

    (void)state;
    slot__os_mutex_init(&shared.mutex);
    process = sim_process_start(world, enter, &shared);
    sim_thread_start(process, enter, &shared);
    sim_thread_start(process, enter, &shared);
    sim_run(world);
    assert_int_equal(shared.entered, 150);
    slot__os_mutex_release(&shared.mutex);
    sim_world_free(world);
}

/* ---- the engine ---- */

struct job {
    slot_status status;
    bool done;
};

/* Create, or open; append; commit; close. */
static void work(struct sim_process *process, void *argument)
{
    struct job *job = argument;
    uint8_t record[RECORD_BYTES] = {1};
    slot_schema *schema = NULL;
    slot_db *db = NULL;
    slot_txn *txn = NULL;
    slot_options options;
    slot_error err;

    slot_options_init(&options);
    options.log_limit_bytes = UINT64_C(1) << 18; /* files of this machine are small */
    job->status = slot_schema_sized(RECORD_BYTES, &schema, &err);
    if (job->status == SLOT_OK)
        job->status = slot__db_create_on(&process->os, PATH, schema, NULL, &err);
    if (job->status == SLOT_E_EXISTS)
        job->status = SLOT_OK;
    slot_schema_free(schema);
    if (job->status == SLOT_OK)
        job->status = slot__db_open_on(&process->os, PATH, &options, &db, &err);
    if (job->status == SLOT_OK)
        job->status = slot_begin(db, SLOT_WRITE, &txn, &err);
    if (job->status == SLOT_OK)
        job->status = slot_append(txn, record, 1, NULL, &err);
    if (job->status == SLOT_OK)
        job->status = slot_commit(txn, &err);
    else
        slot_abort(txn);
    if (db != NULL)
        (void)slot_close(db, &err);
    job->done = true;
}

static void test_kills_of_the_engine_leak_nothing(void **state)
{
    struct job job = {SLOT_OK, false};

    (void)state;
    for (uint64_t nth = 1; !job.done; nth++) {
        struct sim_world *world = make_world(nth);
        struct sim_process *process = sim_process_new(world);
        struct job second = {SLOT_OK, false};

        sim_process_kill_at(process, nth);
        (void)sim_call(process, work, &job);
        assert_int_equal(process->alive, job.done);
        sim_process_start(world, work, &second); /* in what the killed one has left */
        if (job.done)
            sim_process_exit(process);
        sim_run(world);
        assert_int_equal(second.status, SLOT_OK);
        sim_world_free(world);
    }
}

static void test_no_memory_at_any_call(void **state)
{
    struct job job = {SLOT_E_NO_MEMORY, false};

    (void)state;
    for (uint64_t nth = 1; job.status != SLOT_OK; nth++) {
        struct sim_world *world = make_world(nth);
        struct sim_process *process = sim_process_new(world);

        sim_heap_fail(process, nth, SIM_ONCE);
        assert_true(sim_call(process, work, &job));
        assert_true(job.status == SLOT_OK || job.status == SLOT_E_NO_MEMORY);
        assert_true(sim_process_is_clean(process));
        assert_int_equal(sim_heap_pieces(process), 0);
        sim_world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_mutexes),
        cmocka_unit_test(test_kills_of_the_engine_leak_nothing),
        cmocka_unit_test(test_no_memory_at_any_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
