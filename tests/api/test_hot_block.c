/*
 * A block that others change all the time, and a reader with an old snapshot: it goes along the
 * versions between once, and not at each look.
 */
#include "support/fixture.h"

#include "db/handle.h"

#define RECORD_BYTES 125u
#define CHANGES      3000u
#define LOOKS        10u

static uint64_t loads; /* guarded copies, one for each version on the way */

static os_result count_load(const struct os *os, void *to, const void *view, size_t n)
{
    const struct os *native = slot__os_native();

    (void)os;
    loads++;
    return native->load(native, to, view, n);
}

static void change(struct fixture *f, slot_db *db, uint64_t recno, uint64_t version)
{
    uint8_t record[RECORD_BYTES];
    slot_txn *txn = NULL;

    record_fill(record, RECORD_BYTES, recno, version);
    assert_ok(f, slot_begin(db, SLOT_WRITE, &txn, &f->err));
    assert_ok(f, slot_put(txn, recno, record, &f->err));
    assert_ok(f, slot_commit(txn, &f->err));
}

static uint64_t loads_of_look(struct fixture *f, slot_txn *txn, uint64_t recno, uint64_t version)
{
    uint8_t record[RECORD_BYTES];
    uint64_t before = loads;

    assert_ok(f, slot_get(txn, recno, record, &f->err));
    assert_true(record_is(record, RECORD_BYTES, recno, version));
    return loads - before;
}

/* The version that is seen is in the log when `in_log`, else in `records`. */
static void look_back(struct fixture *f, bool in_log)
{
    struct os counting = *slot__os_native();
    slot_txn *reader = NULL, *late = NULL;
    slot_db *db = NULL;

    counting.load = count_load;
    f->options.sync = SLOT_SYNC_NORMAL;
    fixture_create(f, RECORD_BYTES);
    fixture_append(f, 100);
    fixture_close(f);
    assert_ok(f, slot__db_open_on(&counting, f->path, &f->options, &db, &f->err));
    change(f, db, in_log ? 5 : 90, 1);
    assert_ok(f, slot_begin(db, SLOT_READ, &reader, &f->err));
    for (uint64_t i = 0; i < CHANGES; i++)
        change(f, db, 5, i + 2);
    assert_true(loads_of_look(f, reader, 5, in_log) >= CHANGES);
    for (unsigned i = 0; i < LOOKS; i++)
        assert_in_range(loads_of_look(f, reader, 5, in_log), 1, 2);
    change(f, db, 5, CHANGES + 2);
    assert_in_range(loads_of_look(f, reader, 5, in_log), 1, 2);
    /* Another snapshot, of the same handle, finds its own. */
    slot_end(reader);
    assert_ok(f, slot_begin(db, SLOT_READ, &late, &f->err));
    change(f, db, 5, CHANGES + 3);
    assert_in_range(loads_of_look(f, late, 5, CHANGES + 2), 1, 4);
    slot_end(late);
    assert_ok(f, slot_close(db, &f->err));
}

static void test_hot_block__old_version_in_the_log(void **state)
{
    look_back(*state, true);
}

static void test_hot_block__old_version_in_the_file(void **state)
{
    look_back(*state, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_hot_block__old_version_in_the_log),
        fixture_test(test_hot_block__old_version_in_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
