/*
 * Tests of the simulated machine itself: a crash test is worth what its model is worth.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "crash/sim.h"
#include "support/by_path.h"

#define FILE_BYTES ((uint64_t)OS_GRANULARITY)

struct rig {
    struct sim_config config;
    struct sim_world *world;
    struct sim_process *process;
    jmp_buf violated;
    char what[256];
};

static void violated(void *context, const char *what)
{
    struct rig *r = context;

    snprintf(r->what, sizeof r->what, "%s", what);
    longjmp(r->violated, 1);
}

/* `call` is a violation that is told in words that contain `text`. */
#define assert_violation(r, call, text)                                                            \
    do {                                                                                           \
        (r)->what[0] = '\0';                                                                       \
        if (setjmp((r)->violated) == 0) {                                                          \
            call;                                                                                  \
        }                                                                                          \
        if (strstr((r)->what, text) == NULL)                                                       \
            fail_msg("\"%s\" is not \"%s\"", (r)->what, text);                                     \
    } while (0)

static int setup(void **state)
{
    struct rig *r = calloc(1, sizeof *r);

    assert_non_null(r);
    sim_config_init(&r->config);
    r->config.trace = true;
    r->config.violation = violated;
    r->config.violation_context = r;
    r->world = sim_world_make(&r->config);
    r->process = sim_process_new(r->world);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;

    sim_world_free(r->world);
    free(r);
    return 0;
}

#define sim_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void start_over(struct rig *r)
{
    sim_world_free(r->world);
    r->world = sim_world_make(&r->config);
    r->process = sim_process_new(r->world);
}

#define ok(result) assert_int_equal((result).status, SLOT_OK)

static struct os_file *open_file(struct sim_process *process, const char *path, int flags)
{
    struct os_file *file = NULL;

    ok(by_path_open(&process->os, path, flags, &file));
    return file;
}

/* A durable file of FILE_BYTES zeros in the root. */
static struct os_file *make_file(struct sim_process *process, const char *path)
{
    const struct os *os = &process->os;
    struct os_file *file = open_file(process, path, OS_WRITE | OS_CREATE_NEW);

    ok(os->resize(os, file, FILE_BYTES));
    ok(os->sync(os, file));
    ok(by_path_sync_dir(os, "/"));
    return file;
}

static uint8_t *map_file(struct sim_process *process, struct os_file *file, os_map_mode mode)
{
    void *base = NULL;

    ok(process->os.map(&process->os, file, 0, (size_t)FILE_BYTES, mode, &base));
    return base;
}

/* Fill n bytes at offset with one value, by write_at. */
static void write_byte(struct sim_process *process, struct os_file *file, uint64_t offset,
                       uint8_t value, size_t n)
{
    uint8_t bytes[SIM_PAGE];

    assert_true(n <= sizeof bytes);
    memset(bytes, value, n);
    ok(process->os.write_at(&process->os, file, offset, bytes, n));
}

static void store_byte(struct sim_process *process, uint8_t *to, uint8_t value, size_t n)
{
    uint8_t bytes[SIM_PAGE];

    assert_true(n <= sizeof bytes);
    memset(bytes, value, n);
    ok(process->os.store(&process->os, to, bytes, n));
}

/* The byte of a file after a crash; -1: no file, -2: behind its end. */
static int byte_after(struct rig *r, sim_policy policy, uint64_t seed, const char *path,
                      uint64_t offset)
{
    struct sim_world *after = sim_fork_crashed(r->world, policy, seed);
    uint64_t n = 0;
    const uint8_t *bytes = sim_cache_bytes(after, path, &n);

    return bytes == NULL ? -1 : offset >= n ? -2 : bytes[offset];
}

/* ---- durability ---- */

static void test_sync_makes_bytes_durable(void **state)
{
    struct rig *r = *state;
    const struct os *os = &r->process->os;
    struct os_file *file = make_file(r->process, "/a");

    assert_int_equal(sim_unsynced(r->world), 0);
    write_byte(r->process, file, 600, 7, 10);
    assert_int_equal(sim_unsynced(r->world), 1);
    assert_false(sim_is_durable(r->world, "/a", 600, 1));
    assert_true(sim_is_durable(r->world, "/a", 0, 600));
    assert_int_equal(byte_after(r, SIM_CRASH_NONE, 0, "/a", 600), 0);
    assert_int_equal(byte_after(r, SIM_CRASH_ALL, 0, "/a", 609), 7);
    ok(os->sync(os, file));
    assert_int_equal(sim_unsynced(r->world), 0);
    assert_true(sim_is_durable(r->world, "/a", 600, 1));
    for (uint64_t policy = 0; policy < SIM_CRASH_POLICIES; policy++)
        assert_int_equal(byte_after(r, (sim_policy)policy, 3, "/a", 609), 7);
}

static void test_a_name_needs_sync_dir(void **state)
{
    struct rig *r = *state;
    const struct os *os = &r->process->os;
    struct os_file *file = open_file(r->process, "/a", OS_WRITE | OS_CREATE_NEW);

    write_byte(r->process, file, 0, 1, 1);
    ok(os->sync(os, file));
    assert_int_equal(byte_after(r, SIM_CRASH_NONE, 0, "/a", 0), -1);
    assert_int_equal(byte_after(r, SIM_CRASH_ALL, 0, "/a", 0), 1);
    ok(by_path_sync_dir(os, "/"));
    assert_int_equal(byte_after(r, SIM_CRASH_NONE, 0, "/a", 0), 1);
    os->close(os, file);
    ok(by_path_remove_file(os, "/a"));
    assert_int_equal(by_path_kind(os, "/a"), OS_KIND_NONE);
    assert_int_equal(byte_after(r, SIM_CRASH_NONE, 0, "/a", 0), 1);
    assert_int_equal(byte_after(r, SIM_CRASH_ALL, 0, "/a", 0), -1);
    ok(by_path_sync_dir(os, "/"));
    assert_int_equal(byte_after(r, SIM_CRASH_NONE, 0, "/a", 0), -1);
}

static void test_a_rename_is_atomic(void **state)
{
    struct rig *r = *state;
    const struct os *os = &r->process->os;
    bool seen[2] = {false, false};
    struct os_file *file;

    ok(by_path_make_dir(os, "/t"));
    ok(by_path_sync_dir(os, "/"));
    file = open_file(r->process, "/t/a", OS_WRITE | OS_CREATE_NEW);
    write_byte(r->process, file, 0, 1, 1);
    ok(os->sync(os, file));
    ok(by_path_sync_dir(os, "/t"));
    os->close(os, file);
    ok(by_path_rename_new(os, "/t", "/t/../u"));
    for (uint64_t seed = 0; seed < 40; seed++) {
        bool old = byte_after(r, SIM_CRASH_RANDOM, seed, "/t/a", 0) == 1;
        bool new = byte_after(r, SIM_CRASH_RANDOM, seed, "/u/a", 0) == 1;

        assert_true(old != new);
        seen[new] = true;
    }
    assert_true(seen[0] && seen[1]);
    assert_int_equal(by_path_rename_new(os, "/t", "/v").status, SLOT_E_NO_FILE);
    ok(by_path_make_dir(os, "/t"));
    assert_int_equal(by_path_rename_new(os, "/t", "/u").status, SLOT_E_EXISTS);
    assert_int_equal(by_path_remove_dir(os, "/u").status, SLOT_E_EXISTS);
}

static void test_sizes_have_versions(void **state)
{
    struct rig *r = *state;
    const struct os *os = &r->process->os;
    struct os_file *file = open_file(r->process, "/a", OS_WRITE | OS_CREATE_NEW);
    int seen[4] = {0, 0, 0, 0};

    ok(by_path_sync_dir(os, "/"));
    for (uint8_t i = 0; i < 3; i++)
        write_byte(r->process, file, i * SIM_SECTOR, (uint8_t)(i + 1), SIM_SECTOR);
    for (uint64_t seed = 0; seed < 200; seed++) {
        uint64_t n = 0;
        const uint8_t *bytes =
            sim_cache_bytes(sim_fork_crashed(r->world, SIM_CRASH_RANDOM, seed), "/a", &n);

        assert_non_null(bytes);
        assert_true(n % SIM_SECTOR == 0 && n / SIM_SECTOR < 4);
        seen[n / SIM_SECTOR]++;
        for (uint64_t i = 0; i < n; i++)
            assert_true(bytes[i] == 0 || bytes[i] == i / SIM_SECTOR + 1);
        for (uint64_t i = n; i < 4 * SIM_SECTOR; i++)
            assert_int_equal(bytes[i], 0);
    }
    for (int i = 0; i < 4; i++)
        assert_true(seen[i] > 0);
    /* Delayed allocation: the size without the bytes. */
    assert_int_equal(byte_after(r, SIM_CRASH_ZEROED, 1, "/a", 2 * SIM_SECTOR), 0);
    ok(os->sync(os, file));
    ok(os->resize(os, file, 100));
    assert_int_equal(byte_after(r, SIM_CRASH_NONE, 0, "/a", 1024), 3);
    assert_int_equal(byte_after(r, SIM_CRASH_ALL, 0, "/a", 99), 1);
    assert_int_equal(byte_after(r, SIM_CRASH_ALL, 0, "/a", 100), -2);
    ok(os->resize(os, file, 1000));
    assert_int_equal(byte_after(r, SIM_CRASH_ALL, 0, "/a", 100), 0);
}

static void test_a_sector_has_all_its_versions(void **state)
{
    struct rig *r = *state;
    struct os_file *file = make_file(r->process, "/a");
    uint8_t *view = map_file(r->process, file, OS_MAP_WRITE);
    bool seen[5] = {false, false, false, false, false};

    for (uint8_t i = 1; i <= 4; i++)
        store_byte(r->process, view + 512, i, 512);
    for (uint64_t seed = 0; seed < 100; seed++)
        seen[byte_after(r, SIM_CRASH_RANDOM, seed, "/a", 700)] = true;
    for (int i = 0; i < 5; i++)
        assert_true(seen[i]);
    /* One item, so the seed numbers the versions. */
    for (uint64_t seed = 0; seed < 4; seed++) {
        assert_int_equal(byte_after(r, SIM_CRASH_DROP_ONE, seed, "/a", 700), seed);
        assert_int_equal(byte_after(r, SIM_CRASH_KEEP_ONE, seed, "/a", 700), seed + 1);
    }
}

static void test_drop_one_and_keep_one(void **state)
{
    struct rig *r = *state;
    struct os_file *file = make_file(r->process, "/a");

    for (uint8_t i = 0; i < 5; i++)
        write_byte(r->process, file, i * SIM_SECTOR, 9, 1);
    assert_int_equal(sim_unsynced(r->world), 5);
    for (uint64_t seed = 0; seed < 5; seed++) {
        for (uint64_t i = 0; i < 5; i++) {
            int dropped = byte_after(r, SIM_CRASH_DROP_ONE, seed, "/a", i * SIM_SECTOR);
            int kept = byte_after(r, SIM_CRASH_KEEP_ONE, seed, "/a", i * SIM_SECTOR);

            assert_int_equal(dropped, i == seed ? 0 : 9);
            assert_int_equal(kept, i == seed ? 9 : 0);
        }
    }
}

static void test_torn_sectors(void **state)
{
    struct rig *r = *state;
    struct os_file *file = make_file(r->process, "/a");
    int torn = 0;

    write_byte(r->process, file, 0, 1, SIM_SECTOR);
    write_byte(r->process, file, 0, 2, SIM_SECTOR);
    for (uint64_t seed = 0; seed < 50; seed++) {
        uint64_t n = 0;
        const uint8_t *bytes =
            sim_cache_bytes(sim_fork_crashed(r->world, SIM_CRASH_TORN, seed), "/a", &n);
        bool has[3] = {false, false, false};

        for (uint64_t i = 0; i < SIM_SECTOR; i++) {
            assert_int_equal(bytes[i], bytes[i / 8 * 8]);
            has[bytes[i]] = true;
        }
        assert_false(has[0] && has[2]); /* only successive versions */
        torn += has[0] + has[1] + has[2] == 2;
    }
    assert_true(torn > 30);
}

/* ---- forks ---- */

static void change_much(struct sim_process *process, const char *made, uint8_t value)
{
    const struct os *os = &process->os;
    struct os_file *file = open_file(process, "/a", OS_WRITE);
    struct os_file *new = open_file(process, made, OS_WRITE | OS_CREATE_NEW);

    for (uint64_t at = 0; at < FILE_BYTES; at += 1024)
        write_byte(process, file, at, value, 5);
    ok(os->resize(os, file, FILE_BYTES + value));
    write_byte(process, new, 0, value, 100);
    ok(os->sync(os, new));
    ok(os->sync(os, file));
    ok(by_path_sync_dir(os, "/"));
    sim_process_exit(process);
}

static void test_forks_do_not_touch_each_other(void **state)
{
    struct rig *r = *state;
    struct os_file *file = make_file(r->process, "/a");
    uint64_t before, hashes[20];

    for (uint8_t round = 1; round < 4; round++) {
        for (uint64_t at = 100; at < FILE_BYTES; at += 3000)
            write_byte(r->process, file, at, round, 700);
        before = sim_hash(r->world);
        for (uint64_t seed = 0; seed < 40; seed++) {
            struct sim_world *after =
                sim_fork_crashed(r->world, (sim_policy)(seed % 20 % SIM_CRASH_POLICIES), seed % 20);
            struct sim_world *again;

            if (seed < 20)
                hashes[seed] = sim_hash(after);
            assert_int_equal(sim_hash(after), hashes[seed % 20]);
            change_much(sim_process_new(after), "/new", (uint8_t)seed);
            again = sim_fork_crashed(after, SIM_CRASH_NONE, 0); /* all of it is durable */
            assert_true(sim_equal(after, again, stderr));
            change_much(sim_process_new(after), "/newer", 1);
            assert_int_equal(sim_hash(r->world), before);
        }
        ok(r->process->os.sync(&r->process->os, file));
    }
}

static void test_crash_in_place_is_the_fork(void **state)
{
    struct rig *r = *state;

    for (uint64_t seed = 0; seed < 40; seed++) {
        sim_policy policy = (sim_policy)(seed % SIM_CRASH_POLICIES);
        struct os_file *file;
        uint64_t hash;

        start_over(r);
        file = make_file(r->process, "/a");
        write_byte(r->process, file, 0, 1, 3000);
        write_byte(r->process, file, 2000, 2, 3000);
        write_byte(r->process, file, FILE_BYTES - 1, 3, 3000);
        (void)open_file(r->process, "/b", OS_WRITE | OS_CREATE_NEW);
        hash = sim_hash(sim_fork_crashed(r->world, policy, seed));
        sim_crash(r->world, policy, seed);
        assert_int_equal(sim_hash(r->world), hash);
        assert_int_equal(sim_unsynced(r->world), 0);
        assert_false(r->process->alive);
        assert_true(sim_equal(r->world, sim_fork_crashed(r->world, SIM_CRASH_NONE, 0), stderr));
    }
}

static void test_files_made_in_forks(void **state)
{
    struct rig *r = *state;
    struct sim_world *after, *later;

    make_file(r->process, "/a");
    after = sim_fork_crashed(r->world, SIM_CRASH_ALL, 0);
    change_much(sim_process_new(after), "/new", 77);
    later = sim_fork_crashed(after, SIM_CRASH_ALL, 0);
    assert_true(sim_equal(after, later, stderr));
    /* The parent now makes another file in the place where the child had its own. */
    make_file(r->process, "/other");
    after = sim_fork_crashed(r->world, SIM_CRASH_ALL, 0);
    assert_true(sim_equal(r->world, after, stderr));
    later = sim_fork_crashed(after, SIM_CRASH_ALL, 0);
    assert_true(sim_equal(r->world, later, stderr));
}

static void test_restart_keeps_the_cache(void **state)
{
    struct rig *r = *state;
    struct os_file *file = make_file(r->process, "/a");
    const struct os *os;

    write_byte(r->process, file, 0, 5, 1);
    sim_world_restart(r->world);
    assert_false(r->process->alive);
    r->process = sim_process_new(r->world);
    os = &r->process->os;
    file = open_file(r->process, "/a", OS_READ);
    assert_int_equal(sim_unsynced(r->world), 1);
    assert_int_equal(byte_after(r, SIM_CRASH_NONE, 0, "/a", 0), 0);
    ok(os->sync(os, file)); /* anybody's sync will do */
    assert_int_equal(byte_after(r, SIM_CRASH_NONE, 0, "/a", 0), 5);
}

/* ---- failing syncs ---- */

static void fail_sync_with(struct rig *r, sim_loss loss)
{
    const struct os *os = &r->process->os;
    struct os_file *file = make_file(r->process, "/a");
    struct os_file *other = open_file(r->process, "/a", OS_READ);
    struct os_file *late;
    uint64_t n = 0;
    uint64_t lost = UINT64_MAX;

    for (uint64_t i = 0; i < 8; i++)
        write_byte(r->process, file, i * SIM_PAGE, 6, 1);
    sim_fail_sync(r->process, 1, loss, 11);
    assert_int_equal(os->sync(os, file).status, SLOT_E_IO);
    assert_int_equal(sim_failed(r->process), 1);
    late = open_file(r->process, "/a", OS_READ);
    ok(os->sync(os, file)); /* a worthless success */
    assert_int_equal(os->sync(os, other).status, SLOT_E_IO);
    ok(os->sync(os, other));
    ok(os->sync(os, late));
    assert_int_equal(sim_unsynced(r->world), 0);
    for (uint64_t i = 0; i < 8; i++) {
        int after = byte_after(r, SIM_CRASH_ALL, i, "/a", i * SIM_PAGE);
        int now = sim_cache_bytes(r->world, "/a", &n)[i * SIM_PAGE];

        if (after == 0)
            lost = i;
        assert_int_equal(now, loss == SIM_LOSS_KEPT ? 6 : after);
    }
    assert_true(lost < 8);
    /* A store anywhere in the page writes all of it. */
    write_byte(r->process, file, lost * SIM_PAGE + 4000, 1, 1);
    ok(os->sync(os, file));
    assert_int_equal(byte_after(r, SIM_CRASH_NONE, 0, "/a", lost * SIM_PAGE),
                     loss == SIM_LOSS_KEPT ? 6 : 0);
}

static void test_a_failed_sync_that_keeps_the_cache(void **state)
{
    fail_sync_with(*state, SIM_LOSS_KEPT);
}

static void test_a_failed_sync_that_reverts_the_cache(void **state)
{
    fail_sync_with(*state, SIM_LOSS_REVERTED);
}

static void test_what_was_never_written_is_gone_when_the_cache_is_forgotten(void **state)
{
    struct rig *r = *state;
    const struct os *os = &r->process->os;
    struct os_file *file = make_file(r->process, "/a");
    uint8_t *view = map_file(r->process, file, OS_MAP_READ);
    uint64_t n = 0;

    write_byte(r->process, file, 0, 6, 1);
    sim_fail_writeback(r->world, "/a", SIM_LOSS_KEPT, 1);
    assert_int_equal(sim_losses(r->world), 1);
    os->advise(os, file, 0, 0, OS_ADVICE_FORGET);
    assert_int_equal(sim_cache_bytes(r->world, "/a", &n)[0], 6); /* the page is mapped */
    os->unmap(os, view, (size_t)FILE_BYTES);
    write_byte(r->process, file, SIM_PAGE, 7, 1);
    os->advise(os, file, 0, 0, OS_ADVICE_FORGET);
    assert_int_equal(sim_cache_bytes(r->world, "/a", &n)[0], 0);
    assert_int_equal(sim_cache_bytes(r->world, "/a", &n)[SIM_PAGE], 7); /* dirty */
}

static void test_a_failure_in_the_background_is_told_once(void **state)
{
    struct rig *r = *state;
    const struct os *os = &r->process->os;
    struct os_file *file = make_file(r->process, "/a");

    write_byte(r->process, file, 0, 6, 1);
    sim_fail_writeback(r->world, "/a", SIM_LOSS_KEPT, 1);
    assert_int_equal(os->sync(os, file).status, SLOT_E_IO);
    ok(os->sync(os, file));
    assert_int_equal(byte_after(r, SIM_CRASH_ALL, 0, "/a", 0), 0);
}

/* ---- the two flavours ---- */

static void test_windows_syncs_what_was_flushed(void **state)
{
    struct rig *r = *state;
    struct sim_process *other;
    struct os_file *file, *others_file;
    uint8_t *view, *others_view;
    const struct os *os;

    r->config.flavour = SIM_WINDOWS;
    start_over(r);
    os = &r->process->os;
    file = make_file(r->process, "/a");
    view = map_file(r->process, file, OS_MAP_WRITE);
    store_byte(r->process, view, 1, 1);
    ok(os->sync(os, file));
    assert_int_equal(byte_after(r, SIM_CRASH_NONE, 0, "/a", 0), 0); /* not flushed */
    ok(os->flush(os, view, 1));
    store_byte(r->process, view, 2, 1);
    ok(os->sync(os, file));
    assert_int_equal(byte_after(r, SIM_CRASH_NONE, 0, "/a", 0), 1); /* as it was then */
    assert_int_equal(byte_after(r, SIM_CRASH_ALL, 0, "/a", 0), 2);
    other = sim_process_new(r->world);
    others_file = open_file(other, "/a", OS_WRITE);
    others_view = map_file(other, others_file, OS_MAP_WRITE);
    ok(other->os.flush(&other->os, others_view, 1));
    ok(other->os.sync(&other->os, others_file));
    assert_int_equal(byte_after(r, SIM_CRASH_NONE, 0, "/a", 0), 1); /* not its stores */
    assert_int_equal(os->resize(os, file, 2 * FILE_BYTES).status, SLOT_OK);
    os->unmap(os, view, (size_t)FILE_BYTES);
    ok(other->os.flush(&other->os, others_view, 1)); /* nobody's any more */
    ok(other->os.sync(&other->os, others_file));
    assert_int_equal(byte_after(r, SIM_CRASH_NONE, 0, "/a", 0), 2);
    assert_int_equal(os->resize(os, file, 1).status, SLOT_E_BUSY);
    assert_int_equal(by_path_remove_file(os, "/a").status, SLOT_E_BUSY);
}

static void test_linux_syncs_views(void **state)
{
    struct rig *r = *state;
    const struct os *os = &r->process->os;
    struct os_file *file = make_file(r->process, "/a");
    uint8_t *view = map_file(r->process, file, OS_MAP_WRITE);

    store_byte(r->process, view + 1000, 1, 100);
    ok(os->sync(os, file));
    assert_int_equal(byte_after(r, SIM_CRASH_NONE, 0, "/a", 1099), 1);
    assert_violation(r, (void)os->resize(os, file, 1), "mapped");
}

/* ---- views ---- */

static void test_unannounced_stores_are_found(void **state)
{
    struct rig *r = *state;
    const struct os *os = &r->process->os;
    struct os_file *file = make_file(r->process, "/a");
    uint8_t *view = map_file(r->process, file, OS_MAP_WRITE);

    sim_lend(r->process, view + 500, 20);
    view[501] = 3;
    view[519] = 3;
    assert_int_equal(byte_after(r, SIM_CRASH_ALL, 0, "/a", 501), 3);
    os->yield(os, "test");
    assert_int_equal(sim_unsynced(r->world), 2);
    sim_check_stores(r->world);
    sim_unlend(r->process);
    view[501] = 4;
    assert_violation(r, (void)os->sync(os, file), "byte 501");
    start_over(r);
    file = make_file(r->process, "/a");
    view = map_file(r->process, file, OS_MAP_READ);
    view[9] = 1;
    assert_violation(r, sim_check_stores(r->world), "byte 9");
}

static void test_views_are_checked(void **state)
{
    struct rig *r = *state;
    const struct os *os = &r->process->os;
    struct os_file *file = make_file(r->process, "/a");
    uint8_t *view = map_file(r->process, file, OS_MAP_READ);
    uint8_t byte = 1;
    void *base;

    ok(os->load(os, &byte, view, 1));
    assert_int_equal(byte, 0);
    assert_violation(r, (void)os->store(os, view, &byte, 1), "writable");
    assert_violation(r, (void)os->load(os, &byte, view + FILE_BYTES, 1), "not in a view");
    assert_violation(r, os->unmap(os, view, 100), "a part of a view");
    assert_int_equal(os->map(os, file, 0, (size_t)FILE_BYTES + 1, OS_MAP_READ, &base).status,
                     SLOT_E_TRUNCATED);
    assert_false(sim_process_is_clean(r->process));
    os->unmap(os, view, (size_t)FILE_BYTES);
    view = map_file(r->process, file, OS_MAP_PRIVATE);
    store_byte(r->process, view, 8, 1);
    assert_int_equal(view[0], 8);
    ok(os->read_at(os, file, 0, &byte, 1));
    assert_int_equal(byte, 0);
    os->unmap(os, view, (size_t)FILE_BYTES);
    os->close(os, file);
    assert_true(sim_process_is_clean(r->process));
}

static void test_words_mean_nothing_after_a_crash(void **state)
{
    struct rig *r = *state;
    struct os_file *file = make_file(r->process, "/a");
    _Atomic uint64_t *word = (void *)map_file(r->process, file, OS_MAP_WORDS);
    int cached = 0, zero = 0, garbage = 0;

    atomic_store(word, 5);
    sim_check_stores(r->world);
    assert_int_equal(sim_unsynced(r->world), 0);
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct sim_world *after = sim_fork_crashed(r->world, SIM_CRASH_RANDOM, seed);
        uint64_t n, value;

        memcpy(&value, sim_cache_bytes(after, "/a", &n), sizeof value);
        cached += value == 5;
        zero += value == 0;
        garbage += value != 5 && value != 0;
    }
    assert_true(cached > 0 && zero > 0 && garbage > 0);
}

static void watch(void *context, struct sim_world *world, struct sim_process *process,
                  const void *bytes, uint64_t offset, uint64_t n)
{
    uint64_t *sum = context;

    (void)world, (void)process, (void)bytes;
    *sum += offset * 1000 + n;
}

static void test_watches(void **state)
{
    struct rig *r = *state;
    uint64_t sum = 0;
    struct os_file *file = make_file(r->process, "/a");
    uint8_t *view = map_file(r->process, file, OS_MAP_WRITE);

    sim_on_write(r->world, "a", watch, &sum);
    store_byte(r->process, view + 1, 1, 3);
    assert_int_equal(sum, 1003);
    sim_lend(r->process, view + 2, 1);
    view[2] = 9;
    write_byte(r->process, file, 4, 1, 1);
    assert_int_equal(sum, 1003 + 2001 + 4001);
}

/* ---- locks ---- */

static void test_locks(void **state)
{
    struct rig *r = *state;
    const struct os *os = &r->process->os;
    struct os_file *made = make_file(r->process, "/a");
    struct os_file *a = open_file(r->process, "/a", OS_WRITE | OS_LOCKS);
    struct os_file *b = open_file(r->process, "/a", OS_WRITE | OS_LOCKS);
    uint64_t far = UINT64_C(1) << 62;
    struct sim_process *other = sim_process_new(r->world);
    struct os_file *c = open_file(other, "/a", OS_WRITE | OS_LOCKS);
    struct os_file *brief;
    void *base;

    ok(os->lock(os, a, far, true));
    assert_int_equal(os->lock(os, b, far, false).status, SLOT_E_BUSY);
    assert_int_equal(other->os.lock(&other->os, c, far, false).status, SLOT_E_BUSY);
    ok(os->lock(os, b, far + 1, true));
    ok(os->downgrade(os, a, far));
    ok(os->lock(os, b, far, false));
    ok(other->os.lock(&other->os, c, far, false));
    os->unlock(os, b, far);
    os->close(os, a);
    assert_int_equal(os->lock(os, b, far, true).status, SLOT_E_BUSY);
    sim_process_kill(other);
    ok(os->lock(os, b, far, true));
    assert_violation(r, (void)os->lock(os, b, far, false), "twice");
    assert_violation(r, (void)os->downgrade(os, b, far + 7), "not locked");
    assert_violation(r, (void)os->lock(os, made, far + 8, true), "not opened for locks");
    assert_violation(r, (void)os->map(os, b, 0, 1, OS_MAP_READ, &base), "opened for locks");
    assert_violation(r, (void)by_path_open(os, "/a", OS_WRITE | OS_LOCKS | OS_BRIEF, &brief),
                     "when its descriptor does");
}

/* ---- processes ---- */

struct player {
    uint8_t value;
    uint32_t rounds;
    uint64_t sum;
    bool done;
};

/* Writes one value to 4 sectors again and again; its steps are what the others see. */
static void play(struct sim_process *process, void *argument)
{
    struct player *player = argument;
    const struct os *os = &process->os;
    struct os_file *file = open_file(process, "/a", OS_WRITE);
    uint8_t *view = map_file(process, file, OS_MAP_WRITE);

    for (uint32_t i = 0; i < player->rounds; i++) {
        store_byte(process, view, player->value, 4 * SIM_SECTOR);
        for (uint32_t k = 0; k < 4; k++)
            player->sum = player->sum * 31 + view[k * SIM_SECTOR];
        if (i % 4 == 3)
            os->sleep_us(os, 50);
    }
    os->unmap(os, view, (size_t)FILE_BYTES);
    os->close(os, file);
    player->done = true;
}

static uint64_t play_two(struct rig *r, uint64_t seed, struct player *players)
{
    struct sim_process *process;

    r->config.seed = seed;
    start_over(r);
    r->process->os.close(&r->process->os, make_file(r->process, "/a"));
    for (int i = 0; i < 2; i++) {
        players[i] = (struct player){(uint8_t)(i + 1), 20, 0, false};
        process = sim_process_start(r->world, play, &players[i]);
        assert_true(process->alive);
    }
    assert_int_equal(sim_run(r->world), SIM_END_ALL);
    assert_true(players[0].done && players[1].done);
    return sim_trace_hash(r->world);
}

static void test_equal_seeds_give_equal_runs(void **state)
{
    struct rig *r = *state;
    struct player a[2], b[2];
    uint64_t traces[10];

    for (uint64_t seed = 0; seed < 10; seed++) {
        traces[seed] = play_two(r, seed, a);
        assert_int_equal(play_two(r, seed, b), traces[seed]);
        assert_true(a[0].sum == b[0].sum && a[1].sum == b[1].sum);
        for (uint64_t other = 0; other < seed; other++)
            assert_true(traces[other] != traces[seed]);
    }
}

/* Adds 1 to what it finds, with a point in between. */
static void add_one(struct sim_process *process, void *argument)
{
    uint32_t *number = argument;
    uint32_t seen = *number;

    process->os.yield(&process->os, "between");
    *number = seen + 1;
}

static void test_listed_preemptions(void **state)
{
    struct rig *r = *state;
    struct sim_schedule schedule;
    const struct sim_preemption list[] = {{1, 1}};
    uint32_t number = 0;
    size_t n;

    sim_schedule_init(&schedule);
    schedule.list = list;
    sim_set_schedule(r->world, &schedule);
    sim_process_start(r->world, add_one, &number);
    sim_process_start(r->world, add_one, &number);
    sim_run(r->world);
    assert_int_equal(number, 2); /* no preemption in the list: one after the other */
    sim_world_restart(r->world);
    sim_reseed(r->world, 1);
    schedule.count = 1;
    sim_set_schedule(r->world, &schedule);
    number = 0;
    sim_process_start(r->world, add_one, &number);
    sim_process_start(r->world, add_one, &number);
    sim_run(r->world);
    assert_int_equal(number, 1); /* the classic */
    assert_int_equal(sim_points(r->world), 2);
    assert_int_equal(sim_trace(r->world, &n)[0].thread, 1);
    assert_int_equal(n, 2);
}

static void lock_and_play(struct sim_process *process, void *argument)
{
    struct os_file *file = open_file(process, "/a", OS_WRITE | OS_LOCKS);

    ok(process->os.lock(&process->os, file, 0, true));
    play(process, argument);
    process->os.close(&process->os, file);
}

static void test_kills_at_every_point(void **state)
{
    struct rig *r = *state;
    uint64_t nth = 1;
    bool ended = false;

    for (; !ended; nth++) {
        struct player players[2] = {{1, 2, 0, false}, {2, 2, 0, false}};
        struct sim_process *victim;
        struct os_file *file;

        start_over(r);
        r->process->os.close(&r->process->os, make_file(r->process, "/a"));
        victim = sim_process_start(r->world, lock_and_play, &players[0]);
        sim_process_start(r->world, play, &players[1]);
        sim_process_kill_at(victim, nth);
        assert_int_equal(sim_run(r->world), SIM_END_ALL);
        assert_true(players[1].done);
        assert_false(victim->alive);
        ended = players[0].done && sim_process_is_clean(victim);
        file = open_file(r->process, "/a", OS_WRITE | OS_LOCKS);
        ok(r->process->os.lock(&r->process->os, file, 0, true)); /* nobody has it any more */
    }
    assert_true(nth > 10);
}

static void test_kills_without_threads(void **state)
{
    struct rig *r = *state;
    struct player player = {1, 2, 0, false};
    uint64_t n;

    r->process->os.close(&r->process->os, make_file(r->process, "/a"));
    /* split_path, open_dir, open, close_dir, map, first sector, second sector */
    sim_process_kill_at(r->process, 7);
    assert_false(sim_call(r->process, play, &player));
    assert_false(player.done || r->process->alive);
    assert_int_equal(sim_cache_bytes(r->world, "/a", &n)[0], 1);
    assert_int_equal(sim_cache_bytes(r->world, "/a", &n)[SIM_SECTOR], 0);
    r->process = sim_process_new(r->world);
    assert_true(sim_call(r->process, play, &player));
    assert_true(player.done);
}

struct stopper {
    uint64_t at;
    uint64_t steps;
};

static void stop_at(void *context, struct sim_world *world, const struct sim_step *step)
{
    struct stopper *stopper = context;

    assert_true(step->changes);
    stopper->steps++;
    if (step->step == stopper->at)
        sim_stop(world);
}

static void test_stopping_and_going_on(void **state)
{
    struct rig *r = *state;
    struct player player = {1, 2, 0, false};
    struct stopper stopper = {0, 0};
    uint64_t before;

    r->process->os.close(&r->process->os, make_file(r->process, "/a"));
    before = sim_steps(r->world);
    stopper.at = before + 3;
    sim_on_step(r->world, stop_at, &stopper);
    sim_process_start(r->world, play, &player);
    assert_int_equal(sim_run(r->world), SIM_END_STOPPED);
    assert_int_equal(stopper.steps, 3);
    assert_false(player.done);
    assert_int_equal(byte_after(r, SIM_CRASH_ALL, 0, "/a", SIM_SECTOR), 1);
    assert_int_equal(byte_after(r, SIM_CRASH_ALL, 0, "/a", 2 * SIM_SECTOR), 0);
    assert_int_equal(sim_run(r->world), SIM_END_ALL);
    assert_true(player.done);
    assert_int_equal(stopper.steps, 8);
    assert_int_equal(sim_steps(r->world), before + 8);
}

struct pair {
    _Atomic uint32_t word;
    uint64_t waited_ms;
    bool woken;
};

static void wait_for_word(struct sim_process *process, void *argument)
{
    struct pair *pair = argument;
    const struct os *os = &process->os;
    uint64_t start = os->clock_ms(os);

    while (atomic_load(&pair->word) == 0 && os->clock_ms(os) < start + 5000)
        os->park(os, &pair->word, 0, 6000000);
    pair->waited_ms = os->clock_ms(os) - start;
    pair->woken = atomic_load(&pair->word) != 0;
}

static void set_word(struct sim_process *process, void *argument)
{
    struct pair *pair = argument;
    const struct os *os = &process->os;

    os->sleep_us(os, 20000);
    atomic_store(&pair->word, 1);
    os->unpark(os, &pair->word);
}

static void test_parking(void **state)
{
    struct rig *r = *state;
    struct sim_schedule schedule;
    struct sim_process *process;
    struct pair pair = {0, 0, false};

    sim_schedule_init(&schedule);
    schedule.oversleep_permille = 0;
    sim_set_schedule(r->world, &schedule);
    process = sim_process_start(r->world, wait_for_word, &pair);
    sim_thread_start(process, set_word, &pair);
    sim_run(r->world);
    assert_true(pair.woken);
    assert_in_range(pair.waited_ms, 19, 30);
    pair = (struct pair){0, 0, false};
    sim_process_start(r->world, wait_for_word, &pair);
    sim_run(r->world); /* nobody sets it */
    assert_false(pair.woken);
    assert_true(pair.waited_ms >= 5000);
}

/* ---- faults ---- */

static void test_faults(void **state)
{
    struct rig *r = *state;
    const struct os *os = &r->process->os;
    struct os_file *file = make_file(r->process, "/a");
    uint8_t bytes[1024];
    uint64_t n;

    memset(bytes, 4, sizeof bytes);
    sim_fail(r->process, "write_at", 2, SIM_HALF, SLOT_E_NO_SPACE, 28);
    ok(os->write_at(os, file, 8000, bytes, 1));
    assert_int_equal(os->write_at(os, file, 0, bytes, 1024).status, SLOT_E_NO_SPACE);
    assert_int_equal(sim_cache_bytes(r->world, "/a", &n)[511], 4);
    assert_int_equal(sim_cache_bytes(r->world, "/a", &n)[512], 0);
    ok(os->write_at(os, file, 0, bytes, 1024));
    sim_fail(r->process, NULL, 1, SIM_FOREVER, SLOT_E_IO, 5);
    assert_int_equal(os->sync(os, file).status, SLOT_E_IO);
    assert_int_equal(os->size(os, file, &n).status, SLOT_E_IO);
    assert_int_equal(byte_after(r, SIM_CRASH_NONE, 0, "/a", 0), 0);
    sim_mend(r->process);
    ok(os->sync(os, file));
    assert_int_equal(byte_after(r, SIM_CRASH_NONE, 0, "/a", 0), 4);
    assert_int_equal(sim_failed(r->process), 3);
    assert_int_equal(sim_calls(r->process, "write_at"), 3);
    assert_int_equal(os->resize(os, file, r->config.max_file_bytes + 1).status, SLOT_E_NO_SPACE);
}

/* Holes take no space, and a disk has an end. */
static void test_a_disk_gets_full(void **state)
{
    struct rig *r = *state;
    const struct os *os;
    uint8_t bytes[SIM_PAGE] = {1};
    struct os_file *file;
    uint8_t *view;

    r->config.disk_pages = 4;
    start_over(r);
    os = &r->process->os;
    file = make_file(r->process, "/a");
    assert_int_equal(os->allocate(os, file, 0, 5 * SIM_PAGE).status, SLOT_E_NO_SPACE);
    ok(os->allocate(os, file, 0, 3 * SIM_PAGE));
    ok(os->allocate(os, file, SIM_PAGE, 2 * SIM_PAGE)); /* it is there */
    view = map_file(r->process, file, OS_MAP_WRITE);
    ok(os->store(os, view + 2 * SIM_PAGE, bytes, sizeof bytes));
    assert_int_equal(os->populate(os, view + 10 * SIM_PAGE, 2 * SIM_PAGE, true).status,
                     SLOT_E_LOST);
    ok(os->populate(os, view + 10 * SIM_PAGE, SIM_PAGE, true));
    ok(os->store(os, view + 10 * SIM_PAGE, bytes, sizeof bytes));
    assert_int_equal(os->write_at(os, file, 5 * SIM_PAGE, bytes, sizeof bytes).status,
                     SLOT_E_NO_SPACE);
    os->unmap(os, view, (size_t)FILE_BYTES);
    ok(os->resize(os, file, SIM_PAGE));
    ok(os->write_at(os, file, 5 * SIM_PAGE, bytes, sizeof bytes));
    os->close(os, file);
}

/* A store into a hole is seen, also where an earlier life had its space. */
static void test_a_store_into_a_hole(void **state)
{
    struct rig *r = *state;
    const struct os *os;
    struct os_file *file;
    uint8_t byte = 1, *view;

    r->config.holes = true;
    start_over(r);
    os = &r->process->os;
    file = make_file(r->process, "/a");
    ok(os->allocate(os, file, 0, SIM_PAGE));
    view = map_file(r->process, file, OS_MAP_WRITE);
    ok(os->store(os, view + SIM_PAGE - 1, &byte, 1));
    assert_violation(r, (void)os->store(os, view + SIM_PAGE, &byte, 1), "hole");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sim_test(test_sync_makes_bytes_durable),
        sim_test(test_a_name_needs_sync_dir),
        sim_test(test_a_rename_is_atomic),
        sim_test(test_sizes_have_versions),
        sim_test(test_a_sector_has_all_its_versions),
        sim_test(test_drop_one_and_keep_one),
        sim_test(test_torn_sectors),
        sim_test(test_forks_do_not_touch_each_other),
        sim_test(test_crash_in_place_is_the_fork),
        sim_test(test_files_made_in_forks),
        sim_test(test_restart_keeps_the_cache),
        sim_test(test_a_failed_sync_that_keeps_the_cache),
        sim_test(test_a_failed_sync_that_reverts_the_cache),
        sim_test(test_what_was_never_written_is_gone_when_the_cache_is_forgotten),
        sim_test(test_a_failure_in_the_background_is_told_once),
        sim_test(test_windows_syncs_what_was_flushed),
        sim_test(test_linux_syncs_views),
        sim_test(test_unannounced_stores_are_found),
        sim_test(test_views_are_checked),
        sim_test(test_words_mean_nothing_after_a_crash),
        sim_test(test_watches),
        sim_test(test_locks),
        sim_test(test_equal_seeds_give_equal_runs),
        sim_test(test_listed_preemptions),
        sim_test(test_kills_at_every_point),
        sim_test(test_kills_without_threads),
        sim_test(test_stopping_and_going_on),
        sim_test(test_parking),
        sim_test(test_faults),
        sim_test(test_a_disk_gets_full),
        sim_test(test_a_store_into_a_hole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
