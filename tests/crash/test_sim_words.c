/*
 * Words that processes share are never reached by read and write calls, which may tear them: not
 * those of an index either, when a handle has lent all of its map budget. The simulator tells of
 * any such call on a file that somebody has mapped for words.
 */
#include "support/fixture.h"

#include <string.h>

#include "crash/sim.h"
#include "db/handle.h"

#define PATH         "/x.slots"
#define RECORD_BYTES 1000u
#define RECORDS      3000u
#define CHANGED      7u /* each so manieth has a version in the log */
/* What is mapped for good, and four views of `records`: nothing is left for an index then. */
#define BUDGET_SMALL (SHARED_BYTES + LOG_WINDOW_BYTES + 4 * (VIEW_SIZE_MIN + OS_PAGE_SIZE))

static slot_db *open_with(struct sim_process *process, uint64_t budget)
{
    slot_options options;
    slot_db *db = NULL;

    slot_options_init(&options);
    options.map_budget = budget;
    options.log_limit_bytes = UINT64_C(4) << 20;
    options.sync = SLOT_SYNC_NORMAL;
    assert_int_equal(slot__db_open_on(&process->os, PATH, &options, &db, NULL), SLOT_OK);
    return db;
}

static void create(struct sim_process *process)
{
    slot_schema *schema = NULL;

    assert_int_equal(slot_schema_sized(RECORD_BYTES, &schema, NULL), SLOT_OK);
    assert_int_equal(slot__db_create_on(&process->os, PATH, schema, NULL, NULL), SLOT_OK);
    slot_schema_free(schema);
}

static void fill(slot_db *db)
{
    uint8_t record[RECORD_BYTES];
    slot_txn *txn = NULL;

    for (uint64_t n = 0; n < RECORDS; n++) {
        if (n % 500 == 0)
            assert_int_equal(slot_begin(db, SLOT_WRITE, &txn, NULL), SLOT_OK);
        record_fill(record, RECORD_BYTES, n, 0);
        assert_int_equal(slot_append(txn, record, 1, NULL, NULL), SLOT_OK);
        if (n % 500 == 499)
            assert_int_equal(slot_commit(txn, NULL), SLOT_OK);
    }
    assert_int_equal(slot_checkpoint(db, NULL), SLOT_OK);
}

/* One commit: a new version of each CHANGED-th record, from `first` on. */
static void change(slot_db *db, uint64_t first, uint64_t version)
{
    uint8_t record[RECORD_BYTES];
    slot_txn *txn = NULL;

    assert_int_equal(slot_begin(db, SLOT_WRITE, &txn, NULL), SLOT_OK);
    for (uint64_t n = first; n < RECORDS; n += CHANGED) {
        record_fill(record, RECORD_BYTES, n, version);
        assert_int_equal(slot_put(txn, n, record, NULL), SLOT_OK);
    }
    assert_int_equal(slot_commit(txn, NULL), SLOT_OK);
}

static void expect(slot_txn *txn, uint64_t recno, uint64_t version)
{
    uint8_t record[RECORD_BYTES];

    assert_int_equal(slot_get(txn, recno, record, NULL), SLOT_OK);
    assert_true(record_is(record, RECORD_BYTES, recno, version));
}

/* A reader that lends records of `records` until no view is left. */
static slot_txn *lend_everything(slot_db *db)
{
    slot_status status = SLOT_OK;
    slot_txn *txn = NULL;

    assert_int_equal(slot_begin(db, SLOT_READ, &txn, NULL), SLOT_OK);
    for (uint64_t n = 1; n < RECORDS && status == SLOT_OK; n++) {
        const void *lent = NULL;

        if (n % CHANGED != 0)
            status = slot_ref(txn, n, &lent, NULL);
    }
    assert_int_equal(status, SLOT_E_BUDGET);
    return txn;
}

static void test_words_without_views(void **state)
{
    struct sim_config config;
    struct sim_world *world;
    struct sim_process *wide, *tight;
    slot_db *db, *small;
    slot_txn *lender, *txn = NULL;

    (void)state;
    sim_config_init(&config);
    world = sim_world_make(&config);
    wide = sim_process_new(world);
    tight = sim_process_new(world);
    create(wide);
    db = open_with(wide, UINT64_C(16) << 20);
    small = open_with(tight, BUDGET_SMALL);
    fill(db);
    change(db, 0, 1);
    lender = lend_everything(small);
    for (uint64_t n = 0; n < RECORDS; n += CHANGED)
        expect(lender, n, 1);
    /* Who has no view publishes as well, and is seen by who has; and the other way round. */
    change(small, 0, 2);
    assert_int_equal(slot_begin(db, SLOT_READ, &txn, NULL), SLOT_OK);
    for (uint64_t n = 0; n < RECORDS; n += CHANGED)
        expect(txn, n, 2);
    slot_end(txn);
    change(db, 0, 3);
    assert_int_equal(slot_begin(small, SLOT_READ, &txn, NULL), SLOT_OK);
    for (uint64_t n = 0; n < RECORDS; n += CHANGED) {
        expect(txn, n, 3);
        expect(lender, n, 1);
    }
    slot_end(txn);
    slot_end(lender);
    assert_int_equal(slot_close(small, NULL), SLOT_OK);
    assert_int_equal(slot_close(db, NULL), SLOT_OK);
    assert_true(sim_process_is_clean(wide) && sim_process_is_clean(tight));
    sim_process_exit(tight);
    sim_process_exit(wide);
    sim_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_without_views),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
