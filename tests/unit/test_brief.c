/*
 * Brief files of POSIX systems: when the descriptor goes. It stays as long as a write through it is
 * not covered by a sync, whose answer is the only word of what the system has lost.
 */
#include "support/fixture.h"

#include <stdlib.h>

#include "os/posix.h"

static const struct os *os;

static int set_up(void **state)
{
    int failed = fixture_setup(state);

    os = slot__os_native();
    return failed;
}

/* As an opener of segments makes it. */
static struct os_file *make_brief(void **state, struct os_dir **dir)
{
    struct fixture *f = *state;
    struct os_file *file = NULL;

    assert_true(os_ok(os->open_dir(os, NULL, f->dir, dir)));
    assert_true(
        os_ok(os->open(os, *dir, "brief", OS_READ | OS_WRITE | OS_CREATE_NEW | OS_BRIEF, &file)));
    return file;
}

static void end(struct os_file *file, struct os_dir *dir)
{
    os->close(os, file);
    os->close_dir(os, dir);
}

static void test_brief__closed_when_synced(void **state)
{
    struct os_dir *dir = NULL;
    struct os_file *file = make_brief(state, &dir);
    uint8_t byte = 1;

    assert_true(os_ok(os->read_at(os, file, 0, &byte, 0)));
    assert_int_equal(file->fd, -1);
    assert_true(os_ok(os->write_at(os, file, 0, &byte, 1)));
    assert_true(file->fd >= 0);
    assert_true(os_ok(os->read_at(os, file, 0, &byte, 1)));
    assert_true(file->fd >= 0);
    assert_true(os_ok(os->sync(os, file)));
    assert_int_equal(file->fd, -1);
    end(file, dir);
}

/* A thread writes while the sync of another one waits, which need not cover that. */
static void test_brief__written_in_a_sync(void **state)
{
    struct os_dir *dir = NULL;
    struct os_file *file = make_brief(state, &dir);
    uint64_t first = 0, second = 0;
    uint8_t byte = 1;

    assert_true(os_ok(os->write_at(os, file, 0, &byte, 1)));
    assert_true(slot__os_posix_use_to_sync(file, &first) >= 0);
    assert_true(os_ok(os->write_at(os, file, 1, &byte, 1)));
    slot__os_posix_synced(file, first);
    assert_true(file->fd >= 0);
    /* Two syncs, and the one that began first answers last. */
    assert_true(slot__os_posix_use_to_sync(file, &first) >= 0);
    assert_true(os_ok(os->write_at(os, file, 2, &byte, 1)));
    assert_true(slot__os_posix_use_to_sync(file, &second) >= 0);
    slot__os_posix_synced(file, second);
    assert_true(file->fd >= 0); /* it is in use */
    slot__os_posix_synced(file, first);
    assert_int_equal(file->fd, -1);
    end(file, dir);
}

/* One that began before the sync and ends after it, and one whose sync has failed. */
static void test_brief__not_covered(void **state)
{
    struct os_dir *dir = NULL;
    struct os_file *file = make_brief(state, &dir);
    uint64_t writes = 0;

    assert_true(slot__os_posix_use(file) >= 0);
    assert_true(os_ok(os->sync(os, file)));
    slot__os_posix_used(file, OS_USE_WRITE);
    assert_true(file->fd >= 0);
    assert_true(slot__os_posix_use_to_sync(file, &writes) >= 0);
    slot__os_posix_used(file, OS_USE_WRITE);
    assert_true(file->fd >= 0);
    assert_true(os_ok(os->sync(os, file)));
    assert_int_equal(file->fd, -1);
    end(file, dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_brief__closed_when_synced, set_up, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_brief__written_in_a_sync, set_up, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_brief__not_covered, set_up, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
