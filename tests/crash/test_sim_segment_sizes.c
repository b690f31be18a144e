/*
 * Two lives with another log_limit_bytes each, and the power is cut at steps of the second
 * one's open and first commit: an old segment whose removal was undone may stand beside a new one
 * of another size. Nothing acknowledged is missing, and nothing is refused. And a life that begins
 * with a segment whose length a killed closer was about to renew.
 */
#include "support/fixture.h"

#include <string.h>

#include "crash/sim.h"
#include "db/handle.h"

#define PATH         "/x.slots"
#define RECORD_BYTES 4096u
#define BATCH        20

static struct {
    slot_options options;
    uint64_t acknowledged; /* records */
    uint64_t images;
    uint64_t every;                /* so many steps from image to image */
    uint32_t resizes, kill_behind; /* of the segment that is kept */
} play;

static void commit(slot_db *db)
{
    uint8_t record[RECORD_BYTES];
    slot_txn *txn = NULL;

    assert_int_equal(slot_begin(db, SLOT_WRITE, &txn, NULL), SLOT_OK);
    for (int i = 0; i < BATCH; i++) {
        record_fill(record, RECORD_BYTES, slot_records(txn), 0);
        assert_int_equal(slot_append(txn, record, 1, NULL, NULL), SLOT_OK);
    }
    assert_int_equal(slot_commit(txn, NULL), SLOT_OK);
    play.acknowledged += BATCH;
}

static slot_db *open_with(struct sim_process *process, uint64_t limit)
{
    slot_error err = {0};
    slot_db *db = NULL;

    play.options.log_limit_bytes = limit;
    if (slot__db_open_on(&process->os, PATH, &play.options, &db, &err) != SLOT_OK)
        print_error("%s: %s\n", err.file, err.what);
    assert_non_null(db);
    db->io_bytes = 1 << 20;
    return db;
}

static void check_image(struct sim_world *after)
{
    struct sim_process *process = sim_process_new(after);
    slot_db *db = open_with(process, play.options.log_limit_bytes);
    uint8_t record[RECORD_BYTES];
    slot_txn *txn = NULL;

    play.images++;
    assert_int_equal(slot_begin(db, SLOT_READ, &txn, NULL), SLOT_OK);
    assert_true(slot_records(txn) >= play.acknowledged);
    for (uint64_t i = 0; i < play.acknowledged; i++) {
        assert_int_equal(slot_get(txn, i, record, NULL), SLOT_OK);
        assert_true(record_is(record, RECORD_BYTES, i, 0));
    }
    slot_end(txn);
    assert_int_equal(slot_close(db, NULL), SLOT_OK);
    sim_process_exit(process);
}

static void crash_here(void *context, struct sim_world *world, const struct sim_step *step)
{
    (void)context;
    if (step->step % play.every != 0)
        return;
    for (int policy = 0; policy < SIM_CRASH_POLICIES; policy++)
        check_image(sim_fork_crashed(world, (sim_policy)policy, step->step));
}

/* The first life leaves segments of one size, closed or cut; the second one makes others. */
static void two_lives(uint64_t first, uint64_t second, bool cut)
{
    struct sim_config config;
    struct sim_world *world;
    struct sim_process *process;
    slot_schema *schema = NULL;
    slot_db *db;

    memset(&play, 0, sizeof play);
    play.every = cut ? 11 : 3;
    sim_config_init(&config);
    world = sim_world_make(&config);
    slot_options_init(&play.options);
    play.options.map_budget = UINT64_C(16) << 20;
    play.options.wait_ms = 0;
    process = sim_process_new(world);
    assert_int_equal(slot_schema_sized(RECORD_BYTES, &schema, NULL), SLOT_OK);
    assert_int_equal(slot__db_create_on(&process->os, PATH, schema, &play.options, NULL), SLOT_OK);
    slot_schema_free(schema);
    db = open_with(process, first);
    for (int i = 0; i < 4; i++)
        commit(db);
    if (cut) {
        sim_crash(world, SIM_CRASH_ALL, 0);
        process = sim_process_new(world);
        sim_on_step(world, crash_here, NULL);
    } else {
        assert_int_equal(slot_close(db, NULL), SLOT_OK);
    }
    db = open_with(process, second);
    sim_on_step(world, crash_here, NULL);
    commit(db);
    sim_on_step(world, NULL, NULL);
    assert_int_equal(slot_close(db, NULL), SLOT_OK);
    sim_process_exit(process);
    sim_world_free(world);
    assert_true(play.images > 100);
    print_message("%llu images\n", (unsigned long long)play.images);
}

/* The closer is killed behind one of the calls by which it gives the space of a segment back. */
static void kill_closer(void *context, struct sim_world *world, const struct sim_step *step)
{
    (void)context;
    (void)world;
    if (step->function == SIM_FN_resize && strcmp(step->name, "00") == 0 &&
        ++play.resizes == play.kill_behind)
        sim_process_kill_at(step->process, 1);
}

static void close_main(struct sim_process *process, void *argument)
{
    (void)process;
    (void)slot_close(argument, NULL);
}

static void killed_in_a_close(uint32_t behind)
{
    struct sim_config config;
    struct sim_world *world;
    struct sim_process *process;
    slot_schema *schema = NULL;
    slot_db *db;

    memset(&play, 0, sizeof play);
    play.every = 1;
    play.kill_behind = behind;
    sim_config_init(&config);
    world = sim_world_make(&config);
    slot_options_init(&play.options);
    play.options.map_budget = UINT64_C(16) << 20;
    process = sim_process_new(world);
    assert_int_equal(slot_schema_sized(RECORD_BYTES, &schema, NULL), SLOT_OK);
    assert_int_equal(slot__db_create_on(&process->os, PATH, schema, &play.options, NULL), SLOT_OK);
    slot_schema_free(schema);
    db = open_with(process, 4 << 20);
    commit(db);
    sim_on_step(world, kill_closer, NULL);
    assert_false(sim_call(process, close_main, db));
    process = sim_process_new(world);
    sim_on_step(world, crash_here, NULL);
    db = open_with(process, 4 << 20);
    commit(db);
    sim_on_step(world, NULL, NULL);
    assert_int_equal(slot_close(db, NULL), SLOT_OK);
    sim_process_exit(process);
    sim_world_free(world);
}

static void test_killed_in_a_close(void **state)
{
    (void)state;
    killed_in_a_close(1);
    killed_in_a_close(2);
}

static void test_smaller_after_a_close(void **state)
{
    (void)state;
    two_lives(4 << 20, 1 << 20, false);
}

static void test_larger_after_a_close(void **state)
{
    (void)state;
    two_lives(1 << 20, 4 << 20, false);
}

static void test_smaller_after_a_power_cut(void **state)
{
    (void)state;
    two_lives(4 << 20, 1 << 20, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_smaller_after_a_close),
        cmocka_unit_test(test_larger_after_a_close),
        cmocka_unit_test(test_smaller_after_a_power_cut),
        cmocka_unit_test(test_killed_in_a_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
