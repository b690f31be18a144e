/*
 * Creating, opening, locking, closing, destroying; what each refuses and how it says so.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/handle.h"
#include "format/meta.h"
#include "os/os.h"
#include "support/by_path.h"
#include "support/fixture.h"
#include "support/thread.h"

static slot_status open_with(struct fixture *f, slot_access access, uint32_t wait_ms, slot_db **db)
{
    slot_options options;

    slot_options_init(&options);
    options.access = access;
    options.wait_ms = wait_ms;
    return slot_open(f->path, &options, db, &f->err);
}

static void test_open__nothing_there(void **state)
{
    struct fixture *f = *state;
    slot_db *db = NULL;

    assert_status(f, slot_open(f->path, NULL, &db, &f->err), SLOT_E_NO_FILE);
    assert_null(db);
}

static void test_open__a_file_or_a_foreign_directory(void **state)
{
    const struct os *os = slot__os_native();
    struct fixture *f = *state;
    struct os_file *file = NULL;
    slot_db *db = NULL;

    assert_true(os_ok(by_path_open(os, f->path, OS_WRITE | OS_CREATE_NEW, &file)));
    os->close(os, file);
    assert_status(f, slot_open(f->path, NULL, &db, &f->err), SLOT_E_NOT_SLOTFILE);
    assert_true(os_ok(by_path_remove_file(os, f->path)));
    assert_true(os_ok(by_path_make_dir(os, f->path)));
    assert_status(f, slot_open(f->path, NULL, &db, &f->err), SLOT_E_NOT_SLOTFILE);
    assert_status(f, slot_destroy(f->path, NULL, &f->err), SLOT_E_NOT_SLOTFILE);
    f->damaged = true;
}

static void test_open__create_refuses_what_exists(void **state)
{
    struct fixture *f = *state;
    slot_schema *schema = NULL;
    char path[5000];

    fixture_create(f, 10);
    fixture_close(f);
    assert_ok(f, slot_schema_sized(10, &schema, &f->err));
    assert_status(f, slot_create(f->path, schema, NULL, &f->err), SLOT_E_EXISTS);
    snprintf(path, sizeof path, "%s/", f->path);
    assert_status(f, slot_create(path, schema, NULL, &f->err), SLOT_E_EXISTS);
    snprintf(path, sizeof path, "%s/missing/db.slots", f->dir);
    assert_status(f, slot_create(path, schema, NULL, &f->err), SLOT_E_NO_FILE);
    slot_schema_free(schema);
}

static bool count_name(void *context, const char *name)
{
    (void)name;
    ++*(int *)context;
    return true;
}

/* Nothing but the database itself is left in its directory. */
static void test_open__create_leaves_no_temporary(void **state)
{
    const struct os *os = slot__os_native();
    struct fixture *f = *state;
    int names = 0;

    fixture_create(f, 10);
    assert_true(os_ok(by_path_list(os, f->dir, count_name, &names)));
    assert_int_equal(names, 1);
}

static void test_open__one_writer_or_many_readers(void **state)
{
    struct fixture *f = *state;
    slot_db *one = NULL, *two = NULL, *three = NULL;

    fixture_create(f, 10);
    assert_status(f, open_with(f, SLOT_DIRECT, 0, &one), SLOT_E_BUSY);
    assert_status(f, open_with(f, SLOT_READ_ONLY, 30, &one), SLOT_E_BUSY);
    assert_status(f, slot_destroy(f->path, &(slot_options){.size = sizeof(slot_options)}, &f->err),
                  SLOT_E_BUSY);
    fixture_close(f);
    assert_ok(f, open_with(f, SLOT_READ_ONLY, 0, &one));
    assert_ok(f, open_with(f, SLOT_READ_ONLY, 0, &two));
    assert_status(f, open_with(f, SLOT_DIRECT, 0, &three), SLOT_E_BUSY);
    assert_ok(f, slot_close(one, &f->err));
    assert_ok(f, slot_close(two, &f->err));
    assert_ok(f, open_with(f, SLOT_DIRECT, 0, &three));
    assert_ok(f, slot_close(three, &f->err));
    assert_ok(f, slot_close(NULL, &f->err));
}

static void close_later(void *context)
{
    const struct os *os = slot__os_native();
    struct fixture *f = context;

    os->sleep_us(os, 100000);
    fixture_close(f);
}

/* A reader waits as everybody does. */
static void test_open__read_only_waits(void **state)
{
    struct fixture *f = *state;
    struct test_thread *thread;
    slot_db *db = NULL;
    slot_error err;

    fixture_create(f, 10);
    thread = test_thread_start(close_later, f);
    f->options.access = SLOT_READ_ONLY;
    f->options.wait_ms = 60000;
    assert_int_equal(slot_open(f->path, &f->options, &db, &err), SLOT_OK);
    test_thread_join(thread);
    assert_ok(f, slot_close(db, &f->err));
}

static void test_open__read_only_writes_nothing(void **state)
{
    static const char *const names[] = {"records", "schema", "meta", "sums", "lock"};
    struct fixture *f = *state;
    uint8_t *before[5], *after;
    size_t size[5], n;
    slot_txn *txn = NULL;

    fixture_create(f, 125);
    fixture_append(f, 100);
    fixture_close(f);
    for (int i = 0; i < 5; i++)
        before[i] = fixture_read_file(f, names[i], &size[i]);
    f->options.access = SLOT_READ_ONLY;
    fixture_open(f);
    fixture_check_records(f, 100);
    assert_status(f, slot_begin(f->db, SLOT_WRITE, &txn, &f->err), SLOT_E_READ_ONLY);
    assert_status(f, slot_rebuild_sums(f->db, &f->err), SLOT_E_READ_ONLY);
    assert_ok(f, slot_verify(f->db, NULL, NULL, &f->err));
    fixture_close(f);
    for (int i = 0; i < 5; i++) {
        after = fixture_read_file(f, names[i], &n);
        assert_int_equal(n, size[i]);
        assert_memory_equal(after, before[i], n);
        free(before[i]);
        free(after);
    }
}

static void test_open__budget_names_what_is_needed(void **state)
{
    struct fixture *f = *state;
    unsigned long long needed = 0;

    fixture_create(f, 1048576);
    fixture_close(f);
    f->options.map_budget = 1000000;
    assert_status(f, slot_open(f->path, &f->options, &f->db, &f->err), SLOT_E_BUDGET);
    assert_int_equal(sscanf(strstr(f->err.what, "needs"), "needs %llu", &needed), 1);
    f->options.map_budget = needed - 1;
    assert_status(f, slot_open(f->path, &f->options, &f->db, &f->err), SLOT_E_BUDGET);
    f->options.map_budget = needed;
    fixture_open(f);
    fixture_append(f, 5);
    fixture_check_records(f, 5);
}

static void test_open__options_without_a_size(void **state)
{
    struct fixture *f = *state;
    slot_options options;
    slot_db *db = NULL;

    fixture_create(f, 10);
    fixture_close(f);
    memset(&options, 0, sizeof options);
    assert_status(f, slot_open(f->path, &options, &db, &f->err), SLOT_E_ARG);
    options.size = sizeof options;
    options.access = (slot_access)7;
    assert_status(f, slot_open(f->path, &options, &db, &f->err), SLOT_E_ARG);
}

static void test_open__clean_is_told(void **state)
{
    struct fixture *f = *state;
    slot_stat_info info = {.size = sizeof info};

    fixture_create(f, 10);
    assert_ok(f, slot_stat(f->db, &info, &f->err));
    assert_true(info.clean);
    assert_false(info.sums_stale);
    fixture_append(f, 1);
    assert_ok(f, slot_stat(f->db, &info, &f->err));
    assert_false(info.clean);
    fixture_close(f);
    fixture_open(f);
    assert_ok(f, slot_stat(f->db, &info, &f->err));
    assert_true(info.clean);
    assert_int_equal(info.records, 1);
    assert_int_equal(info.block_records, 409);
    info.size = 1;
    assert_status(f, slot_stat(f->db, &info, &f->err), SLOT_E_ARG);
}

static void test_open__destroy(void **state)
{
    const struct os *os = slot__os_native();
    struct fixture *f = *state;
    struct os_file *file = NULL;
    char other[5000];

    assert_status(f, slot_destroy(f->path, NULL, &f->err), SLOT_E_NO_FILE);
    fixture_create(f, 10);
    fixture_append(f, 10);
    fixture_close(f);
    snprintf(other, sizeof other, "%s/letter.txt", f->path);
    assert_true(os_ok(by_path_open(os, other, OS_WRITE | OS_CREATE_NEW, &file)));
    os->close(os, file);
    assert_status(f, slot_destroy(f->path, NULL, &f->err), SLOT_E_EXISTS);
    assert_int_equal(by_path_kind(os, other), OS_KIND_FILE);
    assert_true(os_ok(by_path_remove_file(os, other)));
    assert_true(os_ok(by_path_remove_dir(os, f->path)));
    fixture_create(f, 10);
    fixture_close(f);
    assert_ok(f, slot_destroy(f->path, NULL, &f->err));
    assert_int_equal(by_path_kind(os, f->path), OS_KIND_NONE);
}

static void damage_slot(struct fixture *f)
{
    const struct os *os = slot__os_native();
    struct os_file *file = NULL;
    char meta[5000];

    snprintf(meta, sizeof meta, "%s/meta", f->path);
    assert_true(os_ok(by_path_open(os, meta, OS_WRITE, &file)));
    assert_true(os_ok(os->write_at(os, file, META_SLOT_BYTES + 100, "?", 1)));
    os->close(os, file);
}

/* Not what others have put into it, nor what nobody can know to be nothing. */
static void test_open__destroy_empty(void **state)
{
    struct fixture *f = *state;
    slot_options options;

    slot_options_init(&options);
    options.wait_ms = 0;
    assert_status(f, slot_destroy_empty(f->path, NULL, &f->err), SLOT_E_NO_FILE);
    fixture_create(f, 10);
    assert_status(f, slot_destroy_empty(f->path, &options, &f->err), SLOT_E_BUSY);
    fixture_append(f, 1);
    fixture_close(f);
    assert_status(f, slot_destroy_empty(f->path, NULL, &f->err), SLOT_E_EXISTS);
    fixture_open(f);
    fixture_check_records(f, 1);
    fixture_close(f);
    assert_ok(f, slot_destroy(f->path, NULL, &f->err));

    fixture_create(f, 10);
    fixture_close(f);
    damage_slot(f);
    assert_status(f, slot_destroy_empty(f->path, NULL, &f->err), SLOT_E_EXISTS);
    assert_ok(f, slot_destroy(f->path, NULL, &f->err));
    fixture_create(f, 10);
    fixture_close(f);
    assert_ok(f, slot_destroy_empty(f->path, NULL, &f->err));
    assert_int_equal(by_path_kind(slot__os_native(), f->path), OS_KIND_NONE);
}

static void test_open__schema_comes_back(void **state)
{
    static const char spec[] = "id:u64,name:text[20],\"odd, name\":decimal[2],fill:pad[9]";
    struct fixture *f = *state;
    slot_schema *schema = NULL;

    assert_ok(f, slot_schema_parse(spec, sizeof spec - 1, &schema, &f->err));
    fixture_create_spec(f, spec);
    fixture_close(f);
    fixture_open(f);
    assert_true(slot_schema_equal(schema, slot_db_schema(f->db)));
    assert_int_equal(slot_schema_record_size(slot_db_schema(f->db)), 45);
    slot_schema_free(schema);
}

static int busy_left; /* so often somebody else who asks to read has byte 4 */

static os_result lock_or_busy(const struct os *os, struct os_file *file, uint64_t byte,
                              bool exclusive)
{
    if (byte == LOCK_BYTE_RECOVERY && exclusive && busy_left > 0) {
        busy_left--;
        return (os_result){SLOT_E_BUSY, 0};
    }
    return slot__os_native()->lock(os, file, byte, exclusive);
}

/* The last one to close meets those who ask to read: it waits for them, or says so. */
static void test_open__close_beside_who_asks_to_read(void **state)
{
    struct fixture *f = *state;
    struct os os = *slot__os_native();
    struct meta meta;

    os.lock = lock_or_busy;
    fixture_create(f, 100);
    fixture_close(f);
    for (int round = 0; round < 2; round++) {
        bool forever = round == 1;
        slot_status status;

        busy_left = 0;
        assert_ok(f, slot__db_open_on(&os, f->path, &f->options, &f->db, &f->err));
        fixture_append(f, 10);
        busy_left = forever ? 1 << 30 : 3;
        status = slot_close(f->db, &f->err);
        f->db = NULL;
        assert_status(f, status, forever ? SLOT_E_BUSY : SLOT_OK);
        busy_left = 0;
        f->options.access = SLOT_READ_ONLY;
        status = slot_open(f->path, &f->options, &f->db, &f->err);
        assert_true(status == SLOT_OK || (forever && status == SLOT_E_NEEDS_RECOVERY));
        if (status == SLOT_OK) {
            meta = f->db->meta;
            assert_int_equal(meta.access == META_ACCESS_CLEAN, !forever);
            fixture_close(f);
        }
        f->options.access = SLOT_TRANSACTIONAL;
    }
    fixture_open(f);
    fixture_check_records(f, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test_both(test_open__nothing_there),
        fixture_test_both(test_open__a_file_or_a_foreign_directory),
        fixture_test_both(test_open__create_refuses_what_exists),
        fixture_test_both(test_open__create_leaves_no_temporary),
        fixture_test_direct(test_open__one_writer_or_many_readers),
        fixture_test(test_open__read_only_waits),
        fixture_test_both(test_open__read_only_writes_nothing),
        fixture_test_both(test_open__budget_names_what_is_needed),
        fixture_test_both(test_open__options_without_a_size),
        fixture_test_both(test_open__clean_is_told),
        fixture_test_both(test_open__destroy),
        fixture_test_both(test_open__destroy_empty),
        fixture_test_both(test_open__schema_comes_back),
        fixture_test(test_open__close_beside_who_asks_to_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
