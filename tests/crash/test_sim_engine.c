/*
 * The engine in direct access on the simulated machine: a power cut at every step of creating a
 * database and of appending to one, in every policy. What must hold is what slotfile.h says: a
 * database is there whole or not at all; what was committed is there; a count is that of a commit.
 */
#include "support/fixture.h"

#include <stdlib.h>
#include <string.h>

#include "crash/sim.h"
#include "db/handle.h"

#define PATH         "/people.slots"
#define RECORD_BYTES 125u
#define SEEDS        4u
#define COMMITS      4u
#define APPENDED     37u /* records in a commit: over the edge of a block of 32 */

/* What is known at any moment of a run, and what was seen after its crashes. */
struct run {
    struct sim_config config;
    struct sim_world *world;
    slot_schema *schema;
    slot_options options;
    bool created;          /* slot_create has said so */
    uint64_t acknowledged; /* records of the last commit that returned */
    uint64_t under_way;    /* records of the commit that has begun, or the same */
    bool whole;            /* nothing that is seen may be damaged: a torn meta slot is, later on */
    uint64_t states, with_database, with_more;
};

static void fail_at(struct run *run, const char *what, const slot_error *err)
{
    fprintf(stderr, "%s: %s: %s\n", what, err->file, err->what);
    sim_print(run->world, stderr);
    sim_print(sim_fork_crashed(run->world, SIM_CRASH_ALL, 0), stderr);
    fail_msg("%s", what);
}

static bool print_finding(void *context, const slot_finding *finding)
{
    (void)context;
    fprintf(stderr, "%s, offset %llu: %s\n", finding->file, (unsigned long long)finding->offset,
            finding->what);
    return true;
}

static void check_records(struct run *run, slot_db *db, uint64_t records)
{
    uint8_t record[RECORD_BYTES];
    slot_error err;
    slot_txn *txn = NULL;

    assert_int_equal(slot_begin(db, SLOT_READ, &txn, &err), SLOT_OK);
    assert_int_equal(slot_records(txn), records);
    for (uint64_t i = 0; i < records; i++) {
        if (slot_get(txn, i, record, &err) != SLOT_OK || !record_is(record, RECORD_BYTES, i, 0))
            fail_at(run, "a record that was committed", &err);
    }
    slot_end(txn);
}

/* The machine has come up again: open, look, close. */
static void check_after(struct run *run, struct sim_world *after)
{
    struct sim_process *process = sim_process_new(after);
    slot_error err;
    slot_stat_info info;
    slot_db *db = NULL;
    slot_status status;

    run->states++;
    run->options.access = SLOT_READ_ONLY;
    status = slot__db_open_on(&process->os, PATH, &run->options, &db, &err);
    if (status == SLOT_E_NO_FILE && !run->created)
        return;
    if (status != SLOT_OK)
        fail_at(run, "the database cannot be opened", &err);
    run->with_database++;
    info.size = sizeof info;
    assert_int_equal(slot_stat(db, &info, &err), SLOT_OK);
    assert_true(info.records == run->acknowledged || info.records == run->under_way);
    run->with_more += info.records > run->acknowledged;
    check_records(run, db, info.records);
    if (run->whole)
        assert_int_equal(slot_verify(db, print_finding, NULL, &err), SLOT_OK);
    assert_int_equal(slot_close(db, &err), SLOT_OK);
    assert_true(sim_process_is_clean(process));
    sim_process_exit(process);
}

static void crash_here(void *context, struct sim_world *world, const struct sim_step *step)
{
    struct run *run = context;
    uint64_t items = sim_unsynced(world);

    (void)step;
    for (int policy = 0; policy < SIM_CRASH_POLICIES; policy++) {
        bool one = policy == SIM_CRASH_NONE || policy == SIM_CRASH_ALL;
        bool counted = policy == SIM_CRASH_DROP_ONE || policy == SIM_CRASH_KEEP_ONE;
        uint64_t seeds = one ? 1 : counted ? items : SEEDS;

        for (uint64_t seed = 0; seed < seeds; seed++)
            check_after(run, sim_fork_crashed(world, (sim_policy)policy, seed));
    }
}

static int setup(void **state)
{
    struct run *run = calloc(1, sizeof *run);

    assert_non_null(run);
    sim_config_init(&run->config);
    run->config.compare_every = 64;
    slot_options_init(&run->options);
    run->world = sim_world_make(&run->config);
    assert_int_equal(slot_schema_sized(RECORD_BYTES, &run->schema, NULL), SLOT_OK);
    *state = run;
    return 0;
}

static int teardown(void **state)
{
    struct run *run = *state;

    sim_world_free(run->world);
    slot_schema_free(run->schema);
    free(run);
    return 0;
}

static void create(struct run *run, struct sim_process *process)
{
    slot_error err;

    assert_int_equal(slot__db_create_on(&process->os, PATH, run->schema, NULL, &err), SLOT_OK);
    assert_true(sim_process_is_clean(process));
    run->created = true;
}

/* Append, change a record of this commit in place through a lent pointer, commit. */
static void commit_more(struct run *run, struct sim_process *process, slot_db *db)
{
    uint8_t record[RECORD_BYTES];
    slot_error err;
    slot_txn *txn = NULL;
    uint64_t first = run->acknowledged;
    void *edited;

    assert_int_equal(slot_begin(db, SLOT_WRITE, &txn, &err), SLOT_OK);
    for (uint64_t i = first; i < first + APPENDED; i++) {
        record_fill(record, RECORD_BYTES, i, i == first + 1 ? 1 : 0);
        assert_int_equal(slot_append(txn, record, 1, NULL, &err), SLOT_OK);
    }
    assert_int_equal(slot_edit(txn, first + 1, &edited, &err), SLOT_OK);
    sim_lend(process, edited, RECORD_BYTES);
    record_fill(edited, RECORD_BYTES, first + 1, 0);
    record_fill(record, RECORD_BYTES, first + 2, 0);
    assert_int_equal(slot_put(txn, first + 2, record, &err), SLOT_OK);
    sim_unlend(process);
    run->under_way = first + APPENDED;
    assert_int_equal(slot_commit(txn, &err), SLOT_OK);
    run->acknowledged = run->under_way;
}

static void append_and_close(struct run *run, struct sim_process *process)
{
    slot_error err;
    slot_db *db = NULL;

    run->options.access = SLOT_DIRECT;
    assert_int_equal(slot__db_open_on(&process->os, PATH, &run->options, &db, &err), SLOT_OK);
    for (uint32_t i = 0; i < COMMITS; i++)
        commit_more(run, process, db);
    assert_int_equal(slot_close(db, &err), SLOT_OK);
    assert_true(sim_process_is_clean(process));
}

static void test_create(void **state)
{
    struct run *run = *state;

    run->whole = true;
    sim_on_step(run->world, crash_here, run);
    create(run, sim_process_new(run->world));
    crash_here(run, run->world, NULL);
    assert_true(run->with_database > 0 && run->with_database < run->states);
}

static void append_sweep(struct run *run)
{
    struct sim_process *process = sim_process_new(run->world);

    create(run, process);
    sim_on_step(run->world, crash_here, run);
    append_and_close(run, process);
    crash_here(run, run->world, NULL);
    assert_true(run->with_more > 0);
    assert_int_equal(run->with_database, run->states);
}

static void test_append(void **state)
{
    append_sweep(*state);
}

static void test_append_on_windows(void **state)
{
    struct run *run = *state;

    run->config.flavour = SIM_WINDOWS;
    sim_world_free(run->world);
    run->world = sim_world_make(&run->config);
    append_sweep(run);
}

/* Crash while appending, append again in what has come up, and crash that at each step. */
static void again(void *context, struct sim_world *world, const struct sim_step *step)
{
    struct run *run = context;
    struct run nested = *run;
    struct sim_process *process;

    if (step->step % 7 != 0)
        return;
    nested.world = sim_fork_crashed(world, SIM_CRASH_RANDOM, step->step);
    process = sim_process_new(nested.world);
    nested.options.access = SLOT_READ_ONLY;
    {
        slot_db *db = NULL;
        slot_stat_info info;

        info.size = sizeof info;
        assert_int_equal(slot__db_open_on(&process->os, PATH, &nested.options, &db, NULL), SLOT_OK);
        assert_int_equal(slot_stat(db, &info, NULL), SLOT_OK);
        nested.acknowledged = nested.under_way = info.records;
        assert_int_equal(slot_close(db, NULL), SLOT_OK);
    }
    sim_on_step(nested.world, crash_here, &nested);
    append_and_close(&nested, process);
    sim_on_step(nested.world, NULL, NULL);
    run->states += nested.states;
}

static void test_append_crash_append_crash(void **state)
{
    struct run *run = *state;
    struct sim_process *process = sim_process_new(run->world);

    create(run, process);
    sim_on_step(run->world, again, run);
    append_and_close(run, process);
    assert_true(run->states > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_create, setup, teardown),
        cmocka_unit_test_setup_teardown(test_append, setup, teardown),
        cmocka_unit_test_setup_teardown(test_append_on_windows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_append_crash_append_crash, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
