/*
 * The native OS table against its contract in os.h, the same on every system: files, views, locks,
 * directories, guarded copies, seams. And, where a process can be doubled, what its child gets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#if __has_include(<sys/wait.h>) /* where there is fork, what it must not break is tested */
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#define HAS_FORK 1
#else
#define HAS_FORK 0
#endif

#include "os/os.h"
#include "support/by_path.h"
#include "support/lost_view.h"
#include "support/thread.h"
#include "support/tmpdir.h"

#define KIB ((size_t)1024)
#define MIB (KIB * KIB)
#define NEW (OS_READ | OS_WRITE | OS_CREATE_NEW)

/* An e with an accent, a kanji, and a character outside the first 65,536. */
#define STRANGE_NAME "caf\xc3\xa9 \xe8\xa8\x98 \xf0\x9f\x97\x84"

static const struct os *os;
static char *dir;

static int set_up(void **state)
{
    (void)state;
    os = slot__os_native();
    dir = tmpdir_make();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tmpdir_remove(dir);
    return 0;
}

static void expect_at(os_result result, slot_status status, int line)
{
    if (result.status != status)
        print_error("line %d: status %d with code %d instead of %d\n", line, (int)result.status,
                    result.code, (int)status);
    assert_int_equal(result.status, status);
}

#define expect(result, status) expect_at(result, status, __LINE__)

/* The one-path functions, on a name in the test's directory. */
typedef os_result (*path_fn)(const struct os *table, const char *path);

static os_result in_dir(path_fn fn, const char *name)
{
    char *path = tmpdir_join(dir, name);
    os_result result = fn(os, path);

    free(path);
    return result;
}

static os_result try_open(const char *name, int flags, struct os_file **file)
{
    char *path = tmpdir_join(dir, name);
    os_result result = by_path_open(os, path, flags, file);

    free(path);
    return result;
}

static struct os_file *open_file(const char *name, int flags)
{
    struct os_file *file = NULL;

    expect(try_open(name, flags, &file), SLOT_OK);
    assert_non_null(file);
    return file;
}

static struct os_file *new_file(const char *name, uint64_t size)
{
    struct os_file *file = open_file(name, NEW);

    expect(os->resize(os, file, size), SLOT_OK);
    return file;
}

static os_kind kind_of(const char *name)
{
    char *path = tmpdir_join(dir, name);
    os_kind kind = by_path_kind(os, path);

    free(path);
    return kind;
}

static os_result rename_in_dir(const char *from, const char *to)
{
    char *from_path = tmpdir_join(dir, from);
    char *to_path = tmpdir_join(dir, to);
    os_result result = by_path_rename_new(os, from_path, to_path);

    free(from_path);
    free(to_path);
    return result;
}

static uint64_t size_of(struct os_file *file)
{
    uint64_t size = UINT64_MAX;

    expect(os->size(os, file, &size), SLOT_OK);
    return size;
}

static uint8_t *map(struct os_file *file, uint64_t offset, size_t n, os_map_mode mode)
{
    void *base = NULL;

    expect(os->map(os, file, offset, n, mode, &base), SLOT_OK);
    assert_non_null(base);
    return base;
}

static void fill(uint8_t *bytes, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)((i * 31 + i / 251 + seed) & 0xff);
}

static bool all_zero(const uint8_t *bytes, size_t n)
{
    size_t i = 0;

    while (i < n && bytes[i] == 0)
        i++;
    return i == n;
}

/* ---- file ------------------------------------------------------------------------------------ */

static void test_open__what_is_not_there(void **state)
{
    struct os_file *file = NULL;

    (void)state;
    expect(try_open("missing", OS_READ, &file), SLOT_E_NO_FILE);
    expect(try_open("missing", OS_READ | OS_WRITE, &file), SLOT_E_NO_FILE);
    expect(try_open("missing/file", OS_READ, &file), SLOT_E_NO_FILE);
    expect(try_open("missing/file", NEW, &file), SLOT_E_NO_FILE);
    assert_null(file);
    assert_int_equal(kind_of("missing"), OS_KIND_NONE);
}

static void test_open__below_a_file(void **state)
{
    struct os_file *file = NULL;

    (void)state;
    os->close(os, new_file("file", 0));
    expect(try_open("file/below", OS_READ, &file), SLOT_E_NO_FILE);
}

static void test_open__a_directory(void **state)
{
    struct os_file *file = NULL;

    (void)state;
    expect(in_dir(by_path_make_dir, "sub"), SLOT_OK);
    expect(try_open("sub", OS_READ, &file), SLOT_E_UNSUPPORTED);
    expect(try_open("sub", OS_READ | OS_WRITE, &file), SLOT_E_UNSUPPORTED);
    expect(try_open("sub", NEW, &file), SLOT_E_EXISTS);
    assert_null(file);
}

static void test_open__create_new(void **state)
{
    struct os_file *file = open_file("file", NEW);
    struct os_file *second = NULL;

    (void)state;
    assert_int_equal(size_of(file), 0);
    assert_int_equal(kind_of("file"), OS_KIND_FILE);
    expect(try_open("file", NEW, &second), SLOT_E_EXISTS);
    assert_null(second);
    os->close(os, file);
    expect(try_open("file", NEW, &second), SLOT_E_EXISTS);
}

static void test_open__a_symbolic_link(void **state)
{
    char *target = tmpdir_join(dir, "target");
    char *link = tmpdir_join(dir, "link");
    char *hanging = tmpdir_join(dir, "hanging");
    bool possible = tmpdir_symlink(target, link) && tmpdir_symlink("nowhere", hanging);
    struct os_file *file = NULL;

    (void)state;
    if (possible) {
        os->close(os, new_file("target", 10));
        assert_int_equal(by_path_kind(os, link), OS_KIND_OTHER);
        expect(by_path_open(os, link, OS_READ, &file), SLOT_E_UNSUPPORTED);
        expect(by_path_open(os, link, OS_READ | OS_WRITE, &file), SLOT_E_UNSUPPORTED);
        expect(by_path_open(os, link, NEW, &file), SLOT_E_EXISTS);
        expect(by_path_open(os, hanging, NEW, &file), SLOT_E_EXISTS);
        assert_int_equal(by_path_kind(os, hanging), OS_KIND_OTHER);
        assert_null(file);
    }
    free(target);
    free(link);
    free(hanging);
    if (!possible)
        skip();
}

static void test_open__several_at_once(void **state)
{
    struct os_file *a = new_file("file", 4);
    struct os_file *b = open_file("file", OS_READ | OS_WRITE);
    struct os_file *c = open_file("file", OS_READ);
    char seen[4];

    (void)state;
    expect(os->write_at(os, b, 0, "abcd", 4), SLOT_OK);
    expect(os->read_at(os, c, 0, seen, 4), SLOT_OK);
    assert_memory_equal(seen, "abcd", 4);
    os->close(os, a);
    expect(os->read_at(os, c, 1, seen, 3), SLOT_OK);
    os->close(os, b);
    os->close(os, c);
}

static void test_open__read_only_cannot_write(void **state)
{
    struct os_file *file;

    (void)state;
    os->close(os, new_file("file", 4));
    file = open_file("file", OS_READ);
    assert_false(os_ok(os->write_at(os, file, 0, "x", 1)));
    assert_false(os_ok(os->resize(os, file, 0)));
    assert_int_equal(size_of(file), 4);
    os->close(os, file);
}

static void test_write_at__then_read(void **state)
{
    const uint64_t at = 100001;
    const size_t n = 300007;
    uint8_t *put = malloc(n);
    uint8_t *got = calloc(1, n);
    struct os_file *file = new_file("file", 0);

    (void)state;
    fill(put, n, 7);
    expect(os->write_at(os, file, at, put, n), SLOT_OK);
    assert_int_equal(size_of(file), at + n);
    expect(os->read_at(os, file, at, got, n), SLOT_OK);
    assert_memory_equal(got, put, n);
    expect(os->read_at(os, file, 0, got, (size_t)at), SLOT_OK);
    assert_true(all_zero(got, (size_t)at));
    expect(os->write_at(os, file, 3, put, 0), SLOT_OK);
    assert_int_equal(size_of(file), at + n);
    os->close(os, file);
    free(put);
    free(got);
}

static void test_read_at__over_the_end(void **state)
{
    struct os_file *file = new_file("file", 100);
    uint8_t buf[200];

    (void)state;
    expect(os->read_at(os, file, 0, buf, 100), SLOT_OK);
    expect(os->read_at(os, file, 0, buf, 101), SLOT_E_TRUNCATED);
    expect(os->read_at(os, file, 99, buf, 2), SLOT_E_TRUNCATED);
    expect(os->read_at(os, file, 100, buf, 1), SLOT_E_TRUNCATED);
    expect(os->read_at(os, file, UINT64_C(1) << 40, buf, 1), SLOT_E_TRUNCATED);
    expect(os->read_at(os, file, 100, buf, 0), SLOT_OK);
    os->close(os, file);
}

static void test_write_at__beyond_4_gib(void **state)
{
    const uint64_t at = (UINT64_C(5) << 30) + 3;
    struct os_file *file = new_file("file", 0);
    char seen[4] = {0};

    (void)state;
    expect(os->write_at(os, file, at, "here", 4), SLOT_OK);
    assert_int_equal(size_of(file), at + 4);
    expect(os->read_at(os, file, at, seen, 4), SLOT_OK);
    assert_memory_equal(seen, "here", 4);
    os->close(os, file);
}

static void test_resize__new_bytes_are_zero(void **state)
{
    struct os_file *file = new_file("file", 0);
    uint8_t buf[200];

    (void)state;
    memset(buf, 0xff, sizeof buf);
    expect(os->write_at(os, file, 0, buf, 200), SLOT_OK);
    expect(os->resize(os, file, 50), SLOT_OK);
    assert_int_equal(size_of(file), 50);
    expect(os->read_at(os, file, 0, buf, 51), SLOT_E_TRUNCATED);
    expect(os->resize(os, file, 200), SLOT_OK);
    expect(os->read_at(os, file, 0, buf, 200), SLOT_OK);
    assert_int_equal(buf[49], 0xff);
    assert_true(all_zero(buf + 50, 150));
    os->close(os, file);
}

static void test_resize__too_large(void **state)
{
    struct os_file *file = new_file("file", 50);

    (void)state;
    expect(os->resize(os, file, UINT64_MAX), SLOT_E_NO_SPACE);
    expect(os->resize(os, file, (uint64_t)INT64_MAX + 1), SLOT_E_NO_SPACE);
    assert_int_equal(size_of(file), 50);
    os->close(os, file);
}

static void test_allocate(void **state)
{
    struct os_file *file = new_file("file", 0);
    uint8_t put[5000], got[5000];
    os_result result;

    (void)state;
    fill(put, sizeof put, 1);
    expect(os->write_at(os, file, 0, put, sizeof put), SLOT_OK);
    result = os->allocate(os, file, 4096, MIB);
    if (result.status == SLOT_E_UNSUPPORTED) {
        assert_int_equal(size_of(file), sizeof put);
        os->close(os, file);
        skip();
    }
    expect(result, SLOT_OK);
    assert_int_equal(size_of(file), 4096 + MIB);
    expect(os->allocate(os, file, 0, 100), SLOT_OK);
    expect(os->allocate(os, file, 2 * MIB, 0), SLOT_OK);
    assert_int_equal(size_of(file), 4096 + MIB);
    expect(os->read_at(os, file, 0, got, sizeof got), SLOT_OK);
    assert_memory_equal(got, put, sizeof put);
    expect(os->read_at(os, file, MIB, got, 4096), SLOT_OK);
    assert_true(all_zero(got, 4096));
    os->close(os, file);
}

static void test_allocate__too_large(void **state)
{
    struct os_file *file = new_file("file", 50);

    (void)state;
    expect(os->allocate(os, file, UINT64_MAX, 1), SLOT_E_NO_SPACE);
    expect(os->allocate(os, file, 1, UINT64_MAX), SLOT_E_NO_SPACE);
    expect(os->allocate(os, file, INT64_MAX, 1), SLOT_E_NO_SPACE);
    assert_int_equal(size_of(file), 50);
    os->close(os, file);
}

static void test_next_data(void **state)
{
    struct os_file *file = new_file("file", 2 * MIB);
    uint64_t next;

    (void)state;
    expect(os->write_at(os, file, MIB, "data", 4), SLOT_OK);
    next = os->next_data(os, file, 0);
    assert_true(next <= MIB);
    assert_int_equal(os->next_data(os, file, MIB + 2), MIB + 2);
    next = os->next_data(os, file, MIB + 512 * KIB);
    assert_in_range(next, MIB + 512 * KIB, 2 * MIB);
    assert_int_equal(os->next_data(os, file, 2 * MIB), 2 * MIB);
    os->close(os, file);
}

/* Whether something is in memory, not every system knows; what is certain: asking does no harm, and
 * what is not there is not. */
static void test_cached(void **state)
{
    struct os_file *file = new_file("file", MIB);
    uint8_t bytes[100] = {1};

    (void)state;
    expect(os->write_at(os, file, 4096, bytes, sizeof bytes), SLOT_OK);
    (void)os->cached(os, file, 4096, sizeof bytes);
    (void)os->cached(os, file, 0, MIB);
    assert_false(os->cached(os, file, 0, 1024 * MIB));
    expect(os->read_at(os, file, 4096, bytes, 1), SLOT_OK);
    assert_int_equal(bytes[0], 1);
    os->close(os, file);
}

/* Hints have no result; they must only do no harm. */
static void test_hints(void **state)
{
    struct os_file *file = new_file("file", MIB);
    uint8_t byte = 1;
    uint8_t *view;

    (void)state;
    expect(os->write_at(os, file, 5, "x", 1), SLOT_OK);
    view = map(file, 0, MIB, OS_MAP_READ);
    os->start_writeback(os, file, 0, MIB);
    os->advise(os, file, 0, MIB, OS_ADVICE_RANDOM);
    os->advise(os, file, 4096, 100, OS_ADVICE_SEQUENTIAL);
    os->advise(os, file, 0, 2 * MIB, OS_ADVICE_WILLNEED);
    os->advise(os, file, 0, MIB, OS_ADVICE_NORMAL);
    os->advise_view(os, view, MIB, OS_ADVICE_RANDOM);
    os->advise_view(os, view + 100, 1, OS_ADVICE_WILLNEED);
    expect(os->read_at(os, file, 5, &byte, 1), SLOT_OK);
    assert_int_equal(byte, 'x');
    os->unmap(os, view, MIB);
    os->close(os, file);
}

/* ---- map ------------------------------------------------------------------------------------- */

static void test_map__a_slice(void **state)
{
    const size_t n = 4 * (size_t)OS_GRANULARITY + 1000;
    uint8_t *put = malloc(n);
    struct os_file *file = new_file("file", 0);

    (void)state;
    fill(put, n, 3);
    expect(os->write_at(os, file, 0, put, n), SLOT_OK);
    for (size_t at = 0; at < n; at += (size_t)OS_GRANULARITY) {
        uint8_t *view = map(file, at, n - at, OS_MAP_READ);

        assert_memory_equal(view, put + at, n - at);
        os->unmap(os, view, n - at);
        view = map(file, at, 1, OS_MAP_READ);
        assert_int_equal(view[0], put[at]);
        os->unmap(os, view, 1);
    }
    os->close(os, file);
    free(put);
}

static void test_map__beyond_the_end(void **state)
{
    struct os_file *file = new_file("file", OS_GRANULARITY + 10);
    struct os_file *empty = new_file("empty", 0);
    void *base = NULL;

    (void)state;
    expect(os->map(os, file, 0, OS_GRANULARITY + 11, OS_MAP_WRITE, &base), SLOT_E_TRUNCATED);
    expect(os->map(os, file, OS_GRANULARITY, 11, OS_MAP_READ, &base), SLOT_E_TRUNCATED);
    expect(os->map(os, file, 2 * OS_GRANULARITY, 1, OS_MAP_PRIVATE, &base), SLOT_E_TRUNCATED);
    expect(os->map(os, empty, 0, 1, OS_MAP_WRITE, &base), SLOT_E_TRUNCATED);
    assert_null(base);
    assert_int_equal(size_of(file), OS_GRANULARITY + 10);
    assert_int_equal(size_of(empty), 0);
    os->close(os, file);
    os->close(os, empty);
}

static void test_map__outlives_the_file_handle(void **state)
{
    struct os_file *file = new_file("file", MIB);
    uint8_t *view = map(file, OS_GRANULARITY, 100, OS_MAP_WRITE);
    uint8_t byte = 0;

    (void)state;
    os->close(os, file);
    expect(os->store(os, view + 7, "z", 1), SLOT_OK);
    expect(os->flush(os, view, 100), SLOT_OK);
    os->unmap(os, view, 100);
    file = open_file("file", OS_READ);
    expect(os->read_at(os, file, OS_GRANULARITY + 7, &byte, 1), SLOT_OK);
    assert_int_equal(byte, 'z');
    os->close(os, file);
}

static void test_map__coherent_with_everything(void **state)
{
    struct os_file *a = new_file("file", MIB);
    struct os_file *b = open_file("file", OS_READ | OS_WRITE);
    uint8_t *one = map(a, 0, MIB, OS_MAP_WRITE);
    uint8_t *two = map(a, OS_GRANULARITY, MIB - (size_t)OS_GRANULARITY, OS_MAP_WRITE);
    uint8_t *three = map(b, 0, MIB, OS_MAP_READ);
    uint8_t seen[5];

    (void)state;
    expect(os->write_at(os, b, 70000, "hello", 5), SLOT_OK);
    assert_memory_equal(one + 70000, "hello", 5);
    assert_memory_equal(two + 70000 - OS_GRANULARITY, "hello", 5);
    expect(os->store(os, two + 80000, "world", 5), SLOT_OK);
    assert_memory_equal(one + 80000 + OS_GRANULARITY, "world", 5);
    assert_memory_equal(three + 80000 + OS_GRANULARITY, "world", 5);
    expect(os->read_at(os, b, 80000 + OS_GRANULARITY, seen, 5), SLOT_OK);
    assert_memory_equal(seen, "world", 5);
    os->unmap(os, one, MIB);
    os->unmap(os, two, MIB - (size_t)OS_GRANULARITY);
    os->unmap(os, three, MIB);
    os->close(os, a);
    os->close(os, b);
}

static void test_map__grow_while_mapped(void **state)
{
    struct os_file *file = new_file("file", OS_GRANULARITY);
    uint8_t *before = map(file, 0, (size_t)OS_GRANULARITY, OS_MAP_WRITE);
    uint8_t *after;

    (void)state;
    before[0] = 42;
    expect(os->resize(os, file, 3 * OS_GRANULARITY), SLOT_OK);
    after = map(file, 0, 3 * (size_t)OS_GRANULARITY, OS_MAP_WRITE);
    assert_int_equal(after[0], 42);
    assert_true(all_zero(after + OS_GRANULARITY, 2 * (size_t)OS_GRANULARITY));
    after[1] = 43;
    assert_int_equal(before[1], 43);
    os->unmap(os, before, (size_t)OS_GRANULARITY);
    os->unmap(os, after, 3 * (size_t)OS_GRANULARITY);
    os->close(os, file);
}

static void test_map__private(void **state)
{
    struct os_file *file;
    uint8_t *private, *shared;
    uint8_t byte = 9;

    (void)state;
    os->close(os, new_file("file", MIB));
    file = open_file("file", OS_READ);
    private = map(file, 0, MIB, OS_MAP_PRIVATE);
    shared = map(file, 0, MIB, OS_MAP_READ);
    expect(os->store(os, private + 1000, "p", 1), SLOT_OK);
    expect(os->populate(os, private, MIB, true), SLOT_OK);
    assert_int_equal(private[1000], 'p');
    assert_int_equal(shared[1000], 0);
    os->unmap(os, private, MIB);
    expect(os->read_at(os, file, 1000, &byte, 1), SLOT_OK);
    assert_int_equal(byte, 0);
    os->unmap(os, shared, MIB);
    os->close(os, file);
}

static void test_map__writable_needs_write(void **state)
{
    struct os_file *file;
    void *base = NULL;

    (void)state;
    os->close(os, new_file("file", MIB));
    file = open_file("file", OS_READ);
    assert_false(os_ok(os->map(os, file, 0, MIB, OS_MAP_WRITE, &base)));
    assert_null(base);
    os->close(os, file);
}

static void test_flush__then_sync(void **state)
{
    struct os_file *file = new_file("file", MIB);
    uint8_t *view = map(file, 0, MIB, OS_MAP_WRITE);
    uint8_t seen[3];

    (void)state;
    expect(os->store(os, view + 500000, "abc", 3), SLOT_OK);
    expect(os->flush(os, view + 500000, 3), SLOT_OK);
    expect(os->sync(os, file), SLOT_OK);
    expect(os->flush(os, view, MIB), SLOT_OK);
    expect(os->flush(os, view + MIB - 1, 1), SLOT_OK);
    expect(os->sync(os, file), SLOT_OK);
    expect(os->read_at(os, file, 500000, seen, 3), SLOT_OK);
    assert_memory_equal(seen, "abc", 3);
    os->unmap(os, view, MIB);
    os->close(os, file);
}

static void test_populate__changes_nothing(void **state)
{
    struct os_file *file = new_file("file", MIB);
    uint8_t *put = malloc(MIB);
    uint8_t *view;

    (void)state;
    fill(put, MIB, 11);
    expect(os->write_at(os, file, 0, put, MIB / 2), SLOT_OK);
    memset(put + MIB / 2, 0, MIB / 2);
    view = map(file, 0, MIB, OS_MAP_WRITE);
    expect(os->populate(os, view, MIB, false), SLOT_OK);
    expect(os->populate(os, view + 4095, 2, true), SLOT_OK);
    expect(os->populate(os, view, MIB, true), SLOT_OK);
    expect(os->populate(os, view + MIB - 1, 1, true), SLOT_OK);
    assert_memory_equal(view, put, MIB);
    os->unmap(os, view, MIB);
    os->close(os, file);
    free(put);
}

/* That a store faults, tests/faults/late_store.c shows. */
static void test_protect__leaves_the_rest(void **state)
{
    struct os_file *file = new_file("file", MIB);
    uint8_t *closed = map(file, 0, MIB, OS_MAP_LENT);
    uint8_t *open = map(file, 0, MIB, OS_MAP_WRITE);
    const size_t granularity = (size_t)OS_GRANULARITY;
    uint8_t byte = 'a';

    (void)state;
    expect(os->store(os, open + 5, &byte, 1), SLOT_OK);
    assert_int_equal(closed[5], 'a');
    expect(os->protect(os, closed + granularity, granularity, true), SLOT_OK);
    expect(os->store(os, closed + granularity, &byte, 1), SLOT_OK);
    expect(os->store(os, closed + 2 * granularity - 1, &byte, 1), SLOT_OK);
    assert_int_equal(open[granularity], 'a');
    expect(os->protect(os, closed + granularity, granularity, false), SLOT_OK);
    assert_int_equal(closed[2 * granularity - 1], 'a');
    os->unmap(os, closed, MIB);
    os->unmap(os, open, MIB);
    os->close(os, file);
}

static void test_populate__lost_pages(void **state)
{
    char *path = tmpdir_join(dir, "lost");
    uint8_t *view = lost_view_make(path, MIB);

    (void)state;
    expect(os->populate(os, view, MIB, false), SLOT_E_LOST);
    expect(os->populate(os, view + 5000, 1, true), SLOT_E_LOST);
    lost_view_release(view, MIB);
    free(path);
}

/* ---- lock ------------------------------------------------------------------------------------ */

#define LOCK_BYTE (UINT64_C(1) << 40)

static void test_lock__exclusive(void **state)
{
    struct os_file *a = new_file("lock", 0);
    struct os_file *b = open_file("lock", OS_READ | OS_WRITE);

    (void)state;
    expect(os->lock(os, a, 5, true), SLOT_OK);
    expect(os->lock(os, b, 5, true), SLOT_E_BUSY);
    expect(os->lock(os, b, 5, false), SLOT_E_BUSY);
    expect(os->lock(os, b, 4, true), SLOT_OK);
    expect(os->lock(os, b, 6, true), SLOT_OK);
    expect(os->lock(os, a, 4, false), SLOT_E_BUSY);
    os->unlock(os, a, 5);
    expect(os->lock(os, b, 5, true), SLOT_OK);
    expect(os->lock(os, a, 5, true), SLOT_E_BUSY);
    assert_int_equal(size_of(a), 0);
    os->close(os, a);
    os->close(os, b);
}

static void test_lock__shared(void **state)
{
    struct os_file *a = new_file("lock", 10);
    struct os_file *b = open_file("lock", OS_READ);
    struct os_file *c = open_file("lock", OS_READ | OS_WRITE);

    (void)state;
    expect(os->lock(os, a, LOCK_BYTE, false), SLOT_OK);
    expect(os->lock(os, b, LOCK_BYTE, false), SLOT_OK);
    expect(os->lock(os, c, LOCK_BYTE, true), SLOT_E_BUSY);
    os->unlock(os, a, LOCK_BYTE);
    expect(os->lock(os, c, LOCK_BYTE, true), SLOT_E_BUSY);
    os->unlock(os, b, LOCK_BYTE);
    expect(os->lock(os, c, LOCK_BYTE, true), SLOT_OK);
    expect(os->lock(os, b, LOCK_BYTE, false), SLOT_E_BUSY);
    os->close(os, a);
    os->close(os, b);
    os->close(os, c);
}

static void test_lock__close_lets_go(void **state)
{
    struct os_file *a = new_file("lock", 0);
    struct os_file *b = open_file("lock", OS_READ | OS_WRITE);
    struct os_file *c = open_file("lock", OS_READ | OS_WRITE);

    (void)state;
    expect(os->lock(os, a, 0, true), SLOT_OK);
    expect(os->lock(os, a, 1, false), SLOT_OK);
    /* Closing another opening of the same file takes nothing away. */
    os->close(os, b);
    expect(os->lock(os, c, 0, true), SLOT_E_BUSY);
    os->close(os, a);
    expect(os->lock(os, c, 0, true), SLOT_OK);
    expect(os->lock(os, c, 1, true), SLOT_OK);
    os->close(os, c);
}

static void test_downgrade__lets_readers_in(void **state)
{
    struct os_file *a = new_file("lock", 0);
    struct os_file *b = open_file("lock", OS_READ | OS_WRITE | OS_LOCKS);

    (void)state;
    expect(os->lock(os, a, LOCK_BYTE, true), SLOT_OK);
    expect(os->lock(os, b, LOCK_BYTE, false), SLOT_E_BUSY);
    expect(os->downgrade(os, a, LOCK_BYTE), SLOT_OK);
    expect(os->lock(os, b, LOCK_BYTE, true), SLOT_E_BUSY);
    expect(os->lock(os, b, LOCK_BYTE, false), SLOT_OK);
    os->unlock(os, b, LOCK_BYTE);
    expect(os->lock(os, b, LOCK_BYTE, true), SLOT_E_BUSY);
    /* One lock is left, and one unlock lets go of it. */
    os->unlock(os, a, LOCK_BYTE);
    expect(os->lock(os, b, LOCK_BYTE, true), SLOT_OK);
    expect(os->lock(os, a, LOCK_BYTE, false), SLOT_E_BUSY);
    os->close(os, a);
    os->close(os, b);
}

#define DOWNGRADES UINT64_C(1000)

struct grabber {
    struct os_file *file;
    _Atomic uint64_t byte;  /* to try for; DOWNGRADES: stop */
    _Atomic uint64_t tried; /* bytes that were tried for */
    uint64_t got;
};

static void grab(void *context)
{
    struct grabber *grabber = context;
    uint64_t byte;

    while ((byte = atomic_load(&grabber->byte)) < DOWNGRADES) {
        if (os_ok(os->lock(os, grabber->file, byte, true)))
            grabber->got++;
        atomic_store(&grabber->tried, byte + 1);
    }
}

static void test_downgrade__never_unlocked(void **state)
{
    struct os_file *file = new_file("lock", 0);
    struct grabber grabber = {.file = open_file("lock", OS_READ | OS_WRITE)};
    struct test_thread *thread;

    (void)state;
    expect(os->lock(os, file, 0, true), SLOT_OK);
    thread = test_thread_start(grab, &grabber);
    for (uint64_t i = 0; i < DOWNGRADES; i++) {
        while (atomic_load(&grabber.tried) <= i)
            os->sleep_us(os, 1);
        expect(os->downgrade(os, file, i), SLOT_OK);
        /* Locked before the other thread hears of it, and never unlocked. */
        expect(os->lock(os, file, i + 1, true), SLOT_OK);
        atomic_store(&grabber.byte, i + 1);
    }
    test_thread_join(thread);
    assert_int_equal(grabber.got, 0);
    os->close(os, grabber.file);
    os->close(os, file);
}

struct counter {
    struct os_mutex mutex;
    long value;
};

static void count_up(void *context)
{
    struct counter *counter = context;

    for (int i = 0; i < 20000; i++) {
        slot__os_mutex_lock(&counter->mutex);
        counter->value++;
        slot__os_mutex_unlock(&counter->mutex);
    }
}

static void test_mutex__two_threads(void **state)
{
    struct counter counter = {.value = 0};
    struct test_thread *one, *two;

    (void)state;
    slot__os_mutex_init(&counter.mutex);
    one = test_thread_start(count_up, &counter);
    two = test_thread_start(count_up, &counter);
    test_thread_join(one);
    test_thread_join(two);
    slot__os_mutex_release(&counter.mutex);
    assert_int_equal(counter.value, 40000);
}

/* ---- dir ------------------------------------------------------------------------------------- */

static void test_dir__make_and_remove(void **state)
{
    (void)state;
    expect(in_dir(by_path_make_dir, "sub"), SLOT_OK);
    assert_int_equal(kind_of("sub"), OS_KIND_DIR);
    expect(in_dir(by_path_make_dir, "sub"), SLOT_E_EXISTS);
    os->close(os, new_file("sub/file", 1));
    expect(in_dir(by_path_make_dir, "sub/file"), SLOT_E_EXISTS);
    expect(in_dir(by_path_make_dir, "missing/sub"), SLOT_E_NO_FILE);
    expect(in_dir(by_path_remove_dir, "sub"), SLOT_E_EXISTS);
    assert_int_equal(kind_of("sub/file"), OS_KIND_FILE);
    expect(in_dir(by_path_remove_file, "sub/file"), SLOT_OK);
    expect(in_dir(by_path_remove_dir, "sub"), SLOT_OK);
    assert_int_equal(kind_of("sub"), OS_KIND_NONE);
    expect(in_dir(by_path_remove_dir, "sub"), SLOT_E_NO_FILE);
    expect(in_dir(by_path_remove_file, "missing"), SLOT_E_NO_FILE);
    expect(in_dir(by_path_remove_file, "missing/file"), SLOT_E_NO_FILE);
}

static void test_rename_new__a_file(void **state)
{
    (void)state;
    os->close(os, new_file("a", 1));
    os->close(os, new_file("b", 2));
    expect(rename_in_dir("a", "b"), SLOT_E_EXISTS);
    expect(in_dir(by_path_make_dir, "empty"), SLOT_OK);
    expect(rename_in_dir("a", "empty"), SLOT_E_EXISTS);
    expect(rename_in_dir("a", "c"), SLOT_OK);
    assert_int_equal(kind_of("a"), OS_KIND_NONE);
    assert_int_equal(kind_of("c"), OS_KIND_FILE);
    assert_int_equal(kind_of("empty"), OS_KIND_DIR);
    expect(rename_in_dir("a", "d"), SLOT_E_NO_FILE);
    expect(in_dir(by_path_sync_dir, "."), SLOT_OK);
}

static void test_rename_new__a_directory(void **state)
{
    (void)state;
    expect(in_dir(by_path_make_dir, "a"), SLOT_OK);
    os->close(os, new_file("a/file", 1));
    expect(in_dir(by_path_make_dir, "empty"), SLOT_OK);
    os->close(os, new_file("file", 1));
    expect(rename_in_dir("a", "empty"), SLOT_E_EXISTS);
    expect(rename_in_dir("a", "file"), SLOT_E_EXISTS);
    expect(rename_in_dir("a", "b"), SLOT_OK);
    assert_int_equal(kind_of("a"), OS_KIND_NONE);
    assert_int_equal(kind_of("b/file"), OS_KIND_FILE);
    assert_int_equal(kind_of("file"), OS_KIND_FILE);
}

static void test_sync_dir(void **state)
{
    (void)state;
    os->close(os, new_file("file", 1));
    expect(by_path_sync_dir(os, dir), SLOT_OK);
    expect(in_dir(by_path_sync_dir, "missing"), SLOT_E_NO_FILE);
}

struct seen {
    const char *name[4];
    int times[4];
    int others, calls, most;
};

static bool see(void *context, const char *name)
{
    struct seen *seen = context;
    bool known = false;

    for (int i = 0; i < 4; i++) {
        if (seen->name[i] != NULL && strcmp(seen->name[i], name) == 0) {
            seen->times[i]++;
            known = true;
        }
    }
    seen->others += known ? 0 : 1;
    seen->calls++;
    return seen->calls < seen->most;
}

static void test_list(void **state)
{
    struct seen all = {.name = {"a", "sub", STRANGE_NAME}, .most = 100};
    struct seen one = {.most = 1};
    char *missing = tmpdir_join(dir, "missing");

    (void)state;
    expect(by_path_list(os, dir, see, &all), SLOT_OK);
    assert_int_equal(all.calls, 0);
    os->close(os, new_file("a", 0));
    os->close(os, new_file(STRANGE_NAME, 0));
    expect(in_dir(by_path_make_dir, "sub"), SLOT_OK);
    os->close(os, new_file("sub/not listed", 0));
    expect(by_path_list(os, dir, see, &all), SLOT_OK);
    assert_int_equal(all.calls, 3);
    assert_int_equal(all.others, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(all.times[i], 1);
    expect(by_path_list(os, dir, see, &one), SLOT_OK);
    assert_int_equal(one.calls, 1);
    expect(by_path_list(os, missing, see, &one), SLOT_E_NO_FILE);
    assert_int_equal(one.calls, 1);
    free(missing);
}

static void test_names__not_ascii(void **state)
{
    struct os_file *file;

    (void)state;
    expect(in_dir(by_path_make_dir, STRANGE_NAME), SLOT_OK);
    file = new_file(STRANGE_NAME "/" STRANGE_NAME, 5);
    os->close(os, file);
    assert_int_equal(kind_of(STRANGE_NAME "/" STRANGE_NAME), OS_KIND_FILE);
    expect(rename_in_dir(STRANGE_NAME "/" STRANGE_NAME, STRANGE_NAME "/\xc3\xbc"), SLOT_OK);
    file = open_file(STRANGE_NAME "/\xc3\xbc", OS_READ);
    assert_int_equal(size_of(file), 5);
    os->close(os, file);
    expect(in_dir(by_path_remove_file, STRANGE_NAME "/\xc3\xbc"), SLOT_OK);
    expect(in_dir(by_path_remove_dir, STRANGE_NAME), SLOT_OK);
}

/* Longer than the 260 characters that Windows allows by default. */
static void test_names__long_path(void **state)
{
    struct seen seen = {.most = 100};
    char name[601] = "";
    struct os_file *file;
    char *path;

    (void)state;
    for (int i = 0; i < 6; i++) {
        memset(name + strlen(name), 'a' + i, 98);
        expect(in_dir(by_path_make_dir, name), SLOT_OK);
        strcat(name, "/");
    }
    strcat(name, "f");
    file = new_file(name, 3);
    os->close(os, file);
    assert_int_equal(kind_of(name), OS_KIND_FILE);
    name[strlen(name) - 2] = '\0';
    path = tmpdir_join(dir, name);
    expect(by_path_list(os, path, see, &seen), SLOT_OK);
    expect(by_path_sync_dir(os, path), SLOT_OK);
    assert_int_equal(seen.calls, 1);
    free(path);
}

/* ---- guard ----------------------------------------------------------------------------------- */

static void test_guard__copies_any_length(void **state)
{
    struct os_file *file = new_file("file", MIB);
    uint8_t *view = map(file, 0, MIB, OS_MAP_WRITE);
    uint8_t put[300], got[302];

    (void)state;
    for (size_t n = 0; n <= sizeof put; n++) {
        fill(put, n, (unsigned)n);
        expect(os->store(os, view + 4000 + n % 17, put, n), SLOT_OK);
        memset(got, 0xee, sizeof got);
        expect(os->load(os, got + 1, view + 4000 + n % 17, n), SLOT_OK);
        assert_memory_equal(got + 1, put, n);
        assert_int_equal(got[0], 0xee);
        assert_int_equal(got[n + 1], 0xee);
    }
    os->unmap(os, view, MIB);
    os->close(os, file);
}

static void test_guard__lost_pages(void **state)
{
    char *path = tmpdir_join(dir, "lost");
    struct os_file *file = new_file("file", MIB);
    uint8_t *good = map(file, 0, MIB, OS_MAP_WRITE);
    uint8_t *lost = lost_view_make(path, MIB);
    uint8_t buf[10000] = {1};

    (void)state;
    for (int i = 0; i < 100; i++) {
        expect(os->load(os, buf, lost + 1000 * i, sizeof buf), SLOT_E_LOST);
        expect(os->store(os, lost + 1000 * i, buf, 1), SLOT_E_LOST);
        expect(os->load(os, buf, lost, 0), SLOT_OK);
        expect(os->store(os, good + i, "g", 1), SLOT_OK);
        expect(os->load(os, buf, good + i, 1), SLOT_OK);
        assert_int_equal(buf[0], 'g');
    }
    lost_view_release(lost, MIB);
    os->unmap(os, good, MIB);
    os->close(os, file);
    free(path);
}

struct faults {
    uint8_t *view;
    int lost;
};

static void fault_often(void *context)
{
    struct faults *faults = context;
    uint8_t buf[100];

    for (int i = 0; i < 500; i++) {
        if (os->load(os, buf, faults->view + i, sizeof buf).status == SLOT_E_LOST)
            faults->lost++;
        if (os->store(os, faults->view + i, buf, 1).status == SLOT_E_LOST)
            faults->lost++;
    }
}

static void test_guard__two_threads_at_once(void **state)
{
    char *path = tmpdir_join(dir, "lost");
    uint8_t *view = lost_view_make(path, MIB);
    struct faults a = {view, 0}, b = {view + MIB / 2, 0};
    struct test_thread *one = test_thread_start(fault_often, &a);
    struct test_thread *two = test_thread_start(fault_often, &b);

    (void)state;
    test_thread_join(one);
    test_thread_join(two);
    assert_int_equal(a.lost, 1000);
    assert_int_equal(b.lost, 1000);
    lost_view_release(view, MIB);
    free(path);
}

/* ---- seams ----------------------------------------------------------------------------------- */

static void test_clock__goes_on(void **state)
{
    uint64_t start = os->clock_ms(os);

    (void)state;
    os->yield(os, "test");
    os->sleep_us(os, 1);
    os->sleep_us(os, 500);
    os->sleep_us(os, 60000);
    /* Clocks tick in steps of up to 16 ms. */
    assert_in_range(os->clock_ms(os) - start, 40, 30000);
}

/* None of these wakes by its time: it would be more than an hour. */
static void test_park__not_when_the_word_differs(void **state)
{
    _Atomic uint32_t word = 7;

    (void)state;
    os->park(os, &word, 6, UINT32_MAX);
    os->park(os, &word, 8, UINT32_MAX);
    os->unpark(os, &word);
}

static void test_park__until_its_time(void **state)
{
    uint64_t start = os->clock_ms(os);
    _Atomic uint32_t word = 7;

    (void)state;
    os->park(os, &word, 7, 0);
    os->park(os, &word, 7, 1);
    for (int i = 0; i < 20; i++)
        os->park(os, &word, 7, 10000);
    /* It may wake for no reason, but not each time. */
    assert_in_range(os->clock_ms(os) - start, 40, 30000);
}

struct sleeper {
    _Atomic uint32_t *word;
    _Atomic uint32_t *asleep;
};

static void sleep_until_changed(void *context)
{
    struct sleeper *sleeper = context;

    atomic_fetch_add(sleeper->asleep, 1);
    while (atomic_load(sleeper->word) == 0)
        os->park(os, sleeper->word, 0, UINT32_MAX);
}

/* A call for each; one call alone may leave one asleep. */
static void test_unpark__wakes_one_at_a_time(void **state)
{
    _Atomic uint32_t word = 0, asleep = 0;
    struct sleeper sleeper = {&word, &asleep};
    struct test_thread *one = test_thread_start(sleep_until_changed, &sleeper);
    struct test_thread *two = test_thread_start(sleep_until_changed, &sleeper);

    (void)state;
    while (atomic_load(&asleep) < 2)
        os->sleep_us(os, 100);
    os->sleep_us(os, 10000);
    os->unpark(os, &word); /* for no reason: it goes on sleeping */
    os->sleep_us(os, 10000);
    atomic_store(&word, 1);
    os->unpark(os, &word);
    os->unpark(os, &word);
    test_thread_join(one);
    test_thread_join(two);
}

static void test_process__stays(void **state)
{
    uint64_t process = os->process(os);

    (void)state;
    assert_true(process != 0);
    assert_true(os->process(os) == process);
    assert_true(slot__os_native()->process(os) == process);
}

static void test_boot_id__stays(void **state)
{
    uint64_t id = os->boot_id(os);

    (void)state;
    assert_true(os->boot_id(os) == id);
}

static void test_random__differs(void **state)
{
    enum { N = 100000 };
    uint8_t *a = calloc(1, N);
    uint8_t *b = calloc(1, N);

    (void)state;
    expect(os->random(os, a, N), SLOT_OK);
    expect(os->random(os, b, N), SLOT_OK);
    assert_memory_not_equal(a, b, 16);
    assert_memory_not_equal(a + N - 16, b + N - 16, 16);
    assert_false(all_zero(a + N - 16, 16));
    expect(os->random(os, a, 0), SLOT_OK);
    free(a);
    free(b);
}

/* ---- fork ------------------------------------------------------------------------------------ */

#if HAS_FORK

/*
 * A child says one byte when it is there, and whether all was well with it, then lives until the
 * parent lets it go.
 */
struct pipes {
    int hello[2], end[2];
};

static void pipes_open(struct pipes *pipes)
{
    assert_int_equal(pipe(pipes->hello), 0);
    assert_int_equal(pipe(pipes->end), 0);
}

/* In the child. It ends itself if the parent never does. */
static _Noreturn void live(struct pipes *pipes, bool well)
{
    char byte = well ? 'y' : 'n';

    alarm(100);
    close(pipes->end[1]);
    if (write(pipes->hello[1], &byte, 1) == 1)
        (void)!read(pipes->end[0], &byte, 1);
    _exit(0);
}

static bool child_is_well(struct pipes *pipes)
{
    char byte = 0;

    return read(pipes->hello[0], &byte, 1) == 1 && byte == 'y';
}

static void let_go(struct pipes *pipes)
{
    for (int i = 0; i < 2; i++) {
        close(pipes->hello[i]);
        close(pipes->end[i]);
    }
}

/* In the child: all that is asked of a file that it had to let go of fails, and does no harm. */
static bool has_let_go(struct os_file *file)
{
    uint64_t size = 0;
    uint8_t byte;
    bool well = !os_ok(os->size(os, file, &size)) && !os_ok(os->read_at(os, file, 0, &byte, 1)) &&
                !os_ok(os->lock(os, file, 0, true)) && !os_ok(os->downgrade(os, file, 0));

    os->unlock(os, file, 0);
    os->close(os, file);
    return well;
}

static void wait_for(pid_t child)
{
    int status = -1;

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void test_fork__another_process(void **state)
{
    uint64_t mine = os->process(os);
    struct pipes pipes;
    pid_t child;

    (void)state;
    pipes_open(&pipes);
    child = fork();
    if (child == 0)
        live(&pipes, os->process(os) != mine && os->process(os) == (uint64_t)getpid());
    assert_true(child_is_well(&pipes));
    assert_true(os->process(os) == mine);
    let_go(&pipes);
    wait_for(child);
}

static void test_fork__closed_by_the_parent(void **state)
{
    struct os_file *other, *file = open_file("lock", NEW | OS_LOCKS);
    struct pipes pipes;
    pid_t child;

    (void)state;
    expect(os->resize(os, file, OS_GRANULARITY), SLOT_OK);
    other = open_file("lock", OS_READ | OS_WRITE | OS_LOCKS);
    expect(os->lock(os, file, LOCK_BYTE, true), SLOT_OK);
    pipes_open(&pipes);
    child = fork();
    if (child == 0)
        live(&pipes, has_let_go(file));
    assert_true(child_is_well(&pipes));
    expect(os->lock(os, other, LOCK_BYTE, true), SLOT_E_BUSY); /* not what a child has a say in */
    os->close(os, file);
    expect(os->lock(os, other, LOCK_BYTE, true), SLOT_OK);
    os->close(os, other);
    let_go(&pipes);
    wait_for(child);
}

/* A process that locks, has a child, and ends without closing anything. */
static _Noreturn void hold_and_die(struct pipes *pipes)
{
    char *path = tmpdir_join(dir, "lock");
    struct os_file *file = NULL;
    bool well = os_ok(by_path_open(os, path, OS_READ | OS_WRITE | OS_LOCKS, &file)) &&
                os_ok(os->lock(os, file, 3, true)) && os_ok(os->lock(os, file, 4, false));

    if (well && fork() == 0)
        live(pipes, os->process(os) == (uint64_t)getpid());
    _exit(well ? 0 : 1);
}

static void test_fork__of_a_holder_that_dies(void **state)
{
    struct os_file *file = new_file("lock", OS_GRANULARITY);
    struct pipes pipes;
    pid_t holder;

    (void)state;
    pipes_open(&pipes);
    holder = fork();
    if (holder == 0)
        hold_and_die(&pipes);
    wait_for(holder);
    assert_true(child_is_well(&pipes));
    expect(os->lock(os, file, 3, true), SLOT_OK);
    expect(os->lock(os, file, 4, true), SLOT_OK);
    let_go(&pipes);
    os->close(os, file);
}

static void test_fork__other_files_stay(void **state)
{
    struct os_file *file = new_file("file", 5);
    struct os_file *lock = open_file("file", OS_READ | OS_LOCKS);
    uint64_t size = 0;
    struct pipes pipes;
    pid_t child;

    (void)state;
    pipes_open(&pipes);
    child = fork();
    if (child == 0)
        live(&pipes, os_ok(os->size(os, file, &size)) && size == 5 && has_let_go(lock));
    assert_true(child_is_well(&pipes));
    assert_int_equal(size_of(lock), 5);
    let_go(&pipes);
    wait_for(child);
    os->close(os, lock);
    os->close(os, file);
}

static int count_descriptors(void)
{
    int n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    return n;
}

struct opener {
    struct os_dir *dir;
    atomic_bool stop;
    int failed;
};

static void open_often(void *context)
{
    struct opener *opener = context;

    while (!atomic_load(&opener->stop)) {
        struct os_file *file = NULL;

        if (!os_ok(os->open(os, opener->dir, "lock", OS_READ | OS_WRITE | OS_LOCKS, &file))) {
            opener->failed++;
            continue;
        }
        /* Nobody else takes it. */
        if (!os_ok(os->lock(os, file, 0, true)))
            opener->failed++;
        os->close(os, file);
    }
}

/* Whatever the other thread is doing: a child has none of its files, and can open its own. */
static void test_fork__while_files_are_opened(void **state)
{
    struct opener opener = {.dir = NULL};
    struct test_thread *thread;
    int descriptors;

    (void)state;
    os->close(os, new_file("lock", 0));
    expect(os->open_dir(os, NULL, dir, &opener.dir), SLOT_OK);
    descriptors = count_descriptors();
    thread = test_thread_start(open_often, &opener);
    for (int i = 0; i < 100; i++) {
        pid_t child = fork();

        if (child == 0) {
            struct os_file *file = NULL;

            alarm(100);
            if (count_descriptors() != descriptors ||
                !os_ok(os->open(os, opener.dir, "lock", OS_READ | OS_WRITE | OS_LOCKS, &file)))
                _exit(1);
            os->close(os, file);
            _exit(0);
        }
        wait_for(child);
    }
    atomic_store(&opener.stop, true);
    test_thread_join(thread);
    assert_int_equal(opener.failed, 0);
    os->close_dir(os, opener.dir);
}

#endif

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_open__what_is_not_there),
        TEST(test_open__below_a_file),
        TEST(test_open__a_directory),
        TEST(test_open__create_new),
        TEST(test_open__a_symbolic_link),
        TEST(test_open__several_at_once),
        TEST(test_open__read_only_cannot_write),
        TEST(test_write_at__then_read),
        TEST(test_read_at__over_the_end),
        TEST(test_write_at__beyond_4_gib),
        TEST(test_resize__new_bytes_are_zero),
        TEST(test_resize__too_large),
        TEST(test_allocate),
        TEST(test_allocate__too_large),
        TEST(test_next_data),
        TEST(test_cached),
        TEST(test_hints),
        TEST(test_map__a_slice),
        TEST(test_map__beyond_the_end),
        TEST(test_map__outlives_the_file_handle),
        TEST(test_map__coherent_with_everything),
        TEST(test_map__grow_while_mapped),
        TEST(test_map__private),
        TEST(test_map__writable_needs_write),
        TEST(test_flush__then_sync),
        TEST(test_populate__changes_nothing),
        TEST(test_populate__lost_pages),
        TEST(test_protect__leaves_the_rest),
        TEST(test_lock__exclusive),
        TEST(test_lock__shared),
        TEST(test_lock__close_lets_go),
        TEST(test_downgrade__lets_readers_in),
        TEST(test_downgrade__never_unlocked),
        TEST(test_mutex__two_threads),
        TEST(test_dir__make_and_remove),
        TEST(test_rename_new__a_file),
        TEST(test_rename_new__a_directory),
        TEST(test_sync_dir),
        TEST(test_list),
        TEST(test_names__not_ascii),
        TEST(test_names__long_path),
        TEST(test_guard__copies_any_length),
        TEST(test_guard__lost_pages),
        TEST(test_guard__two_threads_at_once),
        TEST(test_clock__goes_on),
        TEST(test_park__not_when_the_word_differs),
        TEST(test_park__until_its_time),
        TEST(test_unpark__wakes_one_at_a_time),
        TEST(test_process__stays),
        TEST(test_boot_id__stays),
        TEST(test_random__differs),
#if HAS_FORK
        TEST(test_fork__another_process),
        TEST(test_fork__closed_by_the_parent),
        TEST(test_fork__of_a_holder_that_dies),
        TEST(test_fork__other_files_stay),
        TEST(test_fork__while_files_are_opened),
#endif
    };

    return cmocka_run_group_tests_name("os", tests, NULL, NULL);
}
