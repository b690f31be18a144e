/*
 * The faulty OS table: that it fails the call it was told to and no other, does nothing when it
 * fails, and keeps its account right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/by_path.h"
#include "support/os_faulty.h"
#include "support/thread.h"
#include "support/tmpdir.h"

#define NEW (OS_READ | OS_WRITE | OS_CREATE_NEW)

static struct os_faulty faulty;
static const struct os *os;
static char *dir;
static char *path; /* of a file in dir that is not there yet */

static int set_up(void **state)
{
    (void)state;
    os_faulty_init(&faulty, slot__os_native());
    os = &faulty.os;
    dir = tmpdir_make();
    path = tmpdir_join(dir, "file");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    os_faulty_release(&faulty);
    free(path);
    tmpdir_remove(dir);
    return 0;
}

static struct os_file *new_file(uint64_t size)
{
    struct os_file *file = NULL;

    assert_true(os_ok(by_path_open(os, path, NEW, &file)));
    assert_true(os_ok(os->resize(os, file, size)));
    return file;
}

static void test_faulty__passes_on(void **state)
{
    struct os_file *file = new_file(100);
    uint64_t size = 0;
    char seen[3];

    (void)state;
    assert_true(os_ok(os->write_at(os, file, 10, "abc", 3)));
    assert_true(os_ok(os->read_at(os, file, 10, seen, 3)));
    assert_memory_equal(seen, "abc", 3);
    assert_true(os_ok(os->size(os, file, &size)));
    assert_int_equal(size, 100);
    os->close(os, file);
    assert_int_equal(by_path_kind(slot__os_native(), path), OS_KIND_FILE);
    assert_int_equal(faulty.calls, 7);
    assert_int_equal(os_faulty_count(&faulty, "read_at"), 1);
    assert_int_equal(os_faulty_count(&faulty, "sync"), 0);
    assert_int_equal(faulty.failed, 0);
    assert_string_equal(os_faulty_failed_name(&faulty), "");
}

static void test_faulty__fails_once(void **state)
{
    struct os_file *file = new_file(100);
    uint64_t size = 7;
    os_result result;

    (void)state;
    os_faulty_fail(&faulty, 3, OS_FAULTY_ONCE, SLOT_E_NO_SPACE, 28);
    assert_true(os_ok(os->sync(os, file)));
    assert_true(os_ok(os->sync(os, file)));
    result = os->size(os, file, &size);
    assert_int_equal(result.status, SLOT_E_NO_SPACE);
    assert_int_equal(result.code, 28);
    assert_int_equal(size, 7);
    assert_string_equal(os_faulty_failed_name(&faulty), "size");
    assert_true(os_ok(os->size(os, file, &size)));
    assert_int_equal(size, 100);
    assert_int_equal(faulty.failed, 1);
    os->close(os, file);
}

static void test_faulty__fails_forever(void **state)
{
    struct os_file *file = new_file(0);

    (void)state;
    os_faulty_fail(&faulty, 2, OS_FAULTY_FOREVER, SLOT_E_IO, 5);
    assert_true(os_ok(os->sync(os, file)));
    for (int i = 0; i < 10; i++)
        assert_int_equal(os->sync(os, file).status, SLOT_E_IO);
    assert_int_equal(faulty.failed, 10);
    os_faulty_mend(&faulty);
    assert_true(os_ok(os->sync(os, file)));
    os->close(os, file);
}

static void test_faulty__fails_only_one_function(void **state)
{
    struct os_file *file = new_file(0);

    (void)state;
    os_faulty_fail_only(&faulty, "write_at", 2, OS_FAULTY_ONCE, SLOT_E_IO, 5);
    assert_true(os_ok(os->sync(os, file)));
    assert_true(os_ok(os->write_at(os, file, 0, "a", 1)));
    assert_true(os_ok(os->sync(os, file)));
    assert_int_equal(os->write_at(os, file, 1, "b", 1).status, SLOT_E_IO);
    assert_true(os_ok(os->write_at(os, file, 1, "c", 1)));
    os->close(os, file);
}

/* A failing call of any kind leaves its out-parameters and the world alone. */
static void test_faulty__does_nothing_when_it_fails(void **state)
{
    struct os_file *file = new_file(OS_GRANULARITY), *other = NULL;
    struct os_dir *here = NULL, *there = NULL;
    char *parent = NULL, *name = NULL;
    os_kind kind = OS_KIND_OTHER;
    uint8_t byte = 1, view[1] = {2};
    void *base = NULL;

    (void)state;
    assert_true(os_ok(os->open_dir(os, NULL, dir, &here)));
    os_faulty_fail(&faulty, 1, OS_FAULTY_FOREVER, SLOT_E_IO, 5);
    assert_false(os_ok(os->open_dir(os, NULL, dir, &there)));
    assert_null(there);
    assert_false(os_ok(os->split_path(os, path, &parent, &name)));
    assert_null(parent);
    assert_false(os_ok(os->open(os, here, "file", OS_READ, &other)));
    assert_null(other);
    assert_false(os_ok(os->kind(os, here, "file", &kind)));
    assert_int_equal(kind, OS_KIND_OTHER);
    assert_false(os_ok(os->map(os, file, 0, 1, OS_MAP_READ, &base)));
    assert_null(base);
    assert_false(os_ok(os->read_at(os, file, 0, &byte, 1)));
    assert_false(os_ok(os->load(os, &byte, view, 1)));
    assert_int_equal(byte, 1);
    assert_false(os_ok(os->store(os, view, &byte, 1)));
    assert_int_equal(view[0], 2);
    assert_false(os_ok(os->random(os, &byte, 1)));
    assert_false(os_ok(os->resize(os, file, 0)));
    assert_false(os_ok(os->allocate(os, file, 0, OS_GRANULARITY * 2)));
    assert_false(os_ok(os->lock(os, file, 0, true)));
    assert_false(os_ok(os->make_dir(os, here, "new")));
    assert_false(os_ok(os->remove_file(os, here, "file")));
    assert_false(os_ok(os->remove_dir(os, here, "new")));
    assert_false(os_ok(os->rename_new(os, here, "file", "other")));
    assert_false(os_ok(os->sync_dir(os, here)));
    assert_false(os_ok(os->list(os, here, NULL, NULL)));
    assert_false(os_ok(os->flush(os, view, 1)));
    assert_false(os_ok(os->populate(os, view, 1, true)));
    assert_int_equal(faulty.failed, 20);
    assert_int_equal(faulty.dirs, 1);
    assert_int_equal(faulty.files, 1);
    assert_int_equal(faulty.views, 0);
    assert_int_equal(faulty.locks, 0);
    os->close(os, file);
    assert_false(os_faulty_is_clean(&faulty));
    os->close_dir(os, here);
    assert_true(os_faulty_is_clean(&faulty));
}

static void test_faulty__half_a_write(void **state)
{
    struct os_file *file = new_file(8);
    char seen[8];

    (void)state;
    os_faulty_fail(&faulty, 1, OS_FAULTY_ONCE | OS_FAULTY_HALF, SLOT_E_NO_SPACE, 28);
    assert_int_equal(os->write_at(os, file, 0, "abcdefgh", 8).status, SLOT_E_NO_SPACE);
    assert_true(os_ok(os->read_at(os, file, 0, seen, 8)));
    assert_memory_equal(seen, "abcd\0\0\0\0", 8);
    memset(seen, 'x', sizeof seen);
    os_faulty_fail(&faulty, 1, OS_FAULTY_ONCE | OS_FAULTY_HALF, SLOT_E_IO, 5);
    assert_int_equal(os->read_at(os, file, 0, seen, 6).status, SLOT_E_IO);
    assert_memory_equal(seen, "abcxxxxx", 8);
    os->close(os, file);
}

static void test_faulty__keeps_account_of_views(void **state)
{
    struct os_file *file = new_file(4 * OS_GRANULARITY);
    void *a = NULL, *b = NULL;

    (void)state;
    assert_true(os_ok(os->map(os, file, 0, 1000, OS_MAP_READ, &a)));
    assert_true(os_ok(os->map(os, file, OS_GRANULARITY, 5000, OS_MAP_READ, &b)));
    assert_int_equal(faulty.mapped_bytes, 6000);
    os->unmap(os, a, 1000);
    assert_int_equal(faulty.mapped_bytes, 5000);
    assert_int_equal(faulty.mapped_peak, 6000);
    assert_int_equal(faulty.views, 1);
    os->close(os, file);
    assert_false(os_faulty_is_clean(&faulty));
    os->unmap(os, b, 5000);
    assert_true(os_faulty_is_clean(&faulty));
    assert_int_equal(faulty.mapped_peak, 6000);
}

static void test_faulty__keeps_account_of_locks(void **state)
{
    struct os_file *a = new_file(0), *b = NULL;

    (void)state;
    assert_true(os_ok(by_path_open(os, path, OS_READ | OS_WRITE, &b)));
    assert_int_equal(faulty.files, 2);
    assert_true(os_ok(os->lock(os, a, 1, true)));
    assert_true(os_ok(os->lock(os, a, 2, false)));
    assert_true(os_ok(os->lock(os, b, 2, false)));
    assert_int_equal(os->lock(os, b, 1, true).status, SLOT_E_BUSY);
    assert_int_equal(faulty.locks, 3);
    os->unlock(os, a, 1);
    assert_int_equal(faulty.locks, 2);
    os->close(os, a);
    assert_int_equal(faulty.locks, 1);
    os->close(os, b);
    assert_true(os_faulty_is_clean(&faulty));
}

static void test_faulty__a_downgraded_lock_is_held(void **state)
{
    struct os_file *a = new_file(0), *b = NULL;

    (void)state;
    assert_true(os_ok(by_path_open(os, path, OS_READ | OS_WRITE | OS_LOCKS, &b)));
    assert_true(os_ok(os->lock(os, a, 1, true)));
    os_faulty_fail_only(&faulty, "downgrade", 1, OS_FAULTY_ONCE, SLOT_E_IO, 5);
    assert_int_equal(os->downgrade(os, a, 1).status, SLOT_E_IO);
    assert_int_equal(os->lock(os, b, 1, false).status, SLOT_E_BUSY);
    assert_int_equal(faulty.locks, 1);
    assert_true(os_ok(os->downgrade(os, a, 1)));
    assert_int_equal(os_faulty_count(&faulty, "downgrade"), 2);
    assert_int_equal(faulty.locks, 1);
    assert_true(os_ok(os->lock(os, b, 1, false)));
    assert_int_equal(faulty.locks, 2);
    os->unlock(os, a, 1);
    assert_int_equal(faulty.locks, 1);
    os->close(os, a);
    os->close(os, b);
    assert_true(os_faulty_is_clean(&faulty));
}

static void test_faulty__passes_on_what_cannot_fail(void **state)
{
    struct os_file *file = new_file(OS_GRANULARITY);
    void *words = NULL;
    uint64_t calls;

    (void)state;
    assert_true(os_ok(os->map(os, file, 0, OS_PAGE_SIZE, OS_MAP_WORDS, &words)));
    calls = faulty.calls;
    os_faulty_fail(&faulty, 1, OS_FAULTY_FOREVER, SLOT_E_IO, 5);
    os->park(os, words, 1, UINT32_MAX);
    os->park(os, words, 0, 1);
    os->unpark(os, words);
    assert_true(os->process(os) == slot__os_native()->process(slot__os_native()));
    assert_int_equal(faulty.calls, calls);
    os->unmap(os, words, OS_PAGE_SIZE);
    os->close(os, file);
    assert_true(os_faulty_is_clean(&faulty));
}

/* The canary of every sweep: N = 1, 2, 3 ... until nothing fails any more. */
static void test_faulty__sweep_ends(void **state)
{
    uint64_t n = 0;
    bool done = false;

    (void)state;
    while (!done && n < 100) {
        struct os_file *file = NULL;
        os_result result;

        os_faulty_fail(&faulty, ++n, OS_FAULTY_ONCE, SLOT_E_IO, 5);
        result = by_path_open(os, path, NEW, &file);
        if (os_ok(result)) {
            result = os->resize(os, file, 10);
            if (os_ok(result))
                result = os->sync(os, file);
            os->close(os, file);
        }
        done = os_ok(result);
        os_faulty_mend(&faulty);
        (void)by_path_remove_file(os, path);
    }
    assert_int_equal(n, 6); /* split_path, open_dir, open, resize, sync: each once */
    assert_int_equal(faulty.failed, 5);
    assert_true(os_faulty_is_clean(&faulty));
}

static void store_often(void *context)
{
    uint8_t to = 0;

    (void)context;
    for (int i = 0; i < 10000; i++)
        (void)os->store(os, &to, "x", 1);
}

static void test_faulty__two_threads(void **state)
{
    struct test_thread *one, *two;

    (void)state;
    os_faulty_fail_only(&faulty, "store", 15000, OS_FAULTY_ONCE, SLOT_E_LOST, 0);
    one = test_thread_start(store_often, NULL);
    two = test_thread_start(store_often, NULL);
    test_thread_join(one);
    test_thread_join(two);
    assert_int_equal(os_faulty_count(&faulty, "store"), 20000);
    assert_int_equal(faulty.failed, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_faulty__passes_on),
        TEST(test_faulty__fails_once),
        TEST(test_faulty__fails_forever),
        TEST(test_faulty__fails_only_one_function),
        TEST(test_faulty__does_nothing_when_it_fails),
        TEST(test_faulty__half_a_write),
        TEST(test_faulty__keeps_account_of_views),
        TEST(test_faulty__keeps_account_of_locks),
        TEST(test_faulty__a_downgraded_lock_is_held),
        TEST(test_faulty__passes_on_what_cannot_fail),
        TEST(test_faulty__sweep_ends),
        TEST(test_faulty__two_threads),
    };

    return cmocka_run_group_tests_name("os_faulty", tests, NULL, NULL);
}
