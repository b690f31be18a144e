/*
 * Opens databases that earlier versions have written, in the state that they were left in: closed,
 * killed, killed in a checkpoint. What was acknowledged then is there, or the database is refused.
 *
 *   test_golden exact|damaged FILE...    golden.h has the form of the files
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "golden.h"
#include "os/os.h"
#include "support/by_path.h"
#include "support/fixture.h"
#include "support/tmpdir.h"

#define LINE_BYTES 4096

/* A golden database: its states, and its directory as text. */
struct golden {
    uint32_t states; /* 2: the last commit was under way */
    struct golden_state state[2];
    struct fixture *f;
};

/* ---- unpacking ---- */

static void make_dir(const char *path)
{
    os_result result = by_path_make_dir(slot__os_native(), path);

    assert_true(os_ok(result) || result.status == SLOT_E_EXISTS);
}

/* One token of a file's bytes, into `bytes`. Returns how many there are. */
static size_t unpack_token(const char *token, uint8_t *bytes, size_t room)
{
    unsigned value = 0;
    unsigned long long count = 0;
    size_t n = strlen(token) / 2;

    if (strchr(token, '*') != NULL) {
        assert_int_equal(sscanf(token, "%2x*%llu", &value, &count), 2);
        assert_true(count <= room);
        memset(bytes, (int)value, (size_t)count);
        return (size_t)count;
    }
    assert_true(n <= room);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(sscanf(token + 2 * i, "%2x", &value), 1);
        bytes[i] = (uint8_t)value;
    }
    return n;
}

static void unpack_file(struct golden *golden, FILE *in, const char *name, size_t size)
{
    char token[LINE_BYTES], path[4300];
    uint8_t *bytes = malloc(size + 1);
    size_t at = 0;
    FILE *out;

    assert_non_null(bytes);
    while (at < size) {
        assert_int_equal(fscanf(in, "%4095s", token), 1);
        at += unpack_token(token, bytes + at, size - at);
    }
    snprintf(path, sizeof path, "%s/%s", golden->f->path, name);
    out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, size, out), size);
    assert_int_equal(fclose(out), 0);
    free(bytes);
}

static void unpack_state(struct golden *golden, FILE *in)
{
    struct golden_state *state = &golden->state[golden->states++];
    unsigned first, count, version;
    uint32_t at = 0;

    assert_true(golden->states <= 2);
    assert_int_equal(fscanf(in, "%u %u", &state->records, &state->deleted), 2);
    assert_true(state->records <= GOLDEN_RECORDS_MAX);
    while (at < state->records) {
        assert_int_equal(fscanf(in, " is %u %u %u", &first, &count, &version), 3);
        assert_int_equal(first, at);
        for (uint32_t i = 0; i < count; i++)
            state->version[at++] = (uint8_t)version;
    }
}

/* The database of that text at f->path, in place of what is there. */
static void unpack(struct golden *golden, struct fixture *f, const char *path)
{
    FILE *in = fopen(path, "r");
    char word[100], log[4200];
    unsigned long long size;

    assert_non_null(in);
    memset(golden, 0, sizeof *golden);
    golden->f = f;
    tmpdir_remove_tree(f->path);
    make_dir(f->path);
    snprintf(log, sizeof log, "%s/log", f->path);
    make_dir(log);
    assert_int_equal(fscanf(in, "golden %99s", word), 1);
    assert_string_equal(word, "1");
    while (fscanf(in, "%99s", word) == 1 && strcmp(word, "end") != 0) {
        if (strcmp(word, "state") == 0) {
            unpack_state(golden, in);
        } else {
            assert_string_equal(word, "file");
            assert_int_equal(fscanf(in, "%99s %llu", word, &size), 2);
            unpack_file(golden, in, word, (size_t)size);
        }
    }
    assert_string_equal(word, "end");
    assert_true(golden->states > 0);
    fclose(in);
}

/* ---- comparing ---- */

static bool is_state(struct fixture *f, const struct golden_state *state)
{
    slot_txn *txn = fixture_begin(f, SLOT_READ);
    uint8_t record[GOLDEN_RECORD_SIZE], want[GOLDEN_RECORD_SIZE];
    bool same =
        slot_records(txn) == state->records && slot_count(txn) == state->records - state->deleted;

    for (uint32_t i = 0; i < state->records && same; i++) {
        slot_status status = slot_get(txn, i, record, &f->err);

        if (state->version[i] == 0) {
            same = status == SLOT_DELETED;
            continue;
        }
        golden_fill(want, i, state->version[i]);
        same = status == SLOT_OK && memcmp(record, want, sizeof want) == 0;
    }
    slot_end(txn);
    return same;
}

/* What is open is one of the states; which one. */
static const struct golden_state *check(struct golden *golden)
{
    for (uint32_t i = 0; i < golden->states; i++) {
        if (is_state(golden->f, &golden->state[i]))
            return &golden->state[i];
    }
    print_error("%s: not the state that was acknowledged\n", golden->f->note);
    fail();
    return NULL;
}

static bool is_stale(struct fixture *f)
{
    slot_stat_info info = {.size = sizeof info};

    assert_ok(f, slot_stat(f->db, &info, &f->err));
    return info.sums_stale;
}

/* ---- the tests ---- */

static void start(struct fixture *f, struct golden *golden, const char *path, const char *note)
{
    const char *name = strrchr(path, '/');

    snprintf(f->note, sizeof f->note, "%.60s%s", name != NULL ? name + 1 : path, note);
    slot_options_init(&f->options);
    f->options.log_limit_bytes = 1 << 20;
    f->damaged = true; /* verified here */
    unpack(golden, f, path);
}

/* A transaction on top, and everything is there after another close and open. */
static void write_on(struct fixture *f, const struct golden_state *before)
{
    struct golden_state after = *before;
    slot_txn *txn = fixture_begin(f, SLOT_WRITE);
    uint8_t record[GOLDEN_RECORD_SIZE];

    for (uint32_t i = 0; i < after.records; i += 90) {
        if (after.version[i] == 0)
            continue;
        after.version[i] = 11;
        golden_fill(record, i, 11);
        assert_ok(f, slot_put(txn, i, record, &f->err));
    }
    golden_fill(record, after.records, 12);
    assert_ok(f, slot_append(txn, record, 1, NULL, &f->err));
    after.version[after.records++] = 12;
    fixture_commit(f, txn);
    assert_true(is_state(f, &after));
    fixture_close(f);
    fixture_open(f);
    assert_true(is_state(f, &after));
    if (!is_stale(f))
        assert_ok(f, slot_verify(f->db, NULL, NULL, &f->err));
    fixture_close(f);
}

static void rebuild_sums(struct fixture *f)
{
    fixture_close(f);
    f->options.access = SLOT_DIRECT;
    fixture_open(f);
    assert_ok(f, slot_rebuild_sums(f->db, &f->err));
    fixture_close(f);
    f->options.access = SLOT_TRANSACTIONAL;
    fixture_open(f);
}

/* A checksum of the files that a reader could change. */
static uint64_t fingerprint(struct fixture *f)
{
    static const char *const names[] = {"meta", "records", "sums", "log/00", "log/01"};
    uint64_t sum = 0;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[4300];
        size_t n;
        uint8_t *bytes;
        FILE *file;

        snprintf(path, sizeof path, "%s/%s", f->path, names[i]);
        file = fopen(path, "rb");
        if (file == NULL)
            continue;
        fclose(file);
        bytes = fixture_read_file(f, names[i], &n);
        sum = slot__checksum(bytes, n, sum);
        free(bytes);
    }
    return sum;
}

/* As it was left: nothing may be missing, and nothing may be refused, or changed by a reader. */
static void test_exact(struct fixture *f, const char *path)
{
    const struct golden_state *state;
    struct golden golden;
    uint64_t before;

    start(f, &golden, path, ", read only");
    before = fingerprint(f);
    f->options.access = SLOT_READ_ONLY;
    fixture_open(f);
    (void)check(&golden);
    if (!is_stale(f))
        assert_ok(f, slot_verify(f->db, NULL, NULL, &f->err));
    fixture_close(f);
    assert_true(fingerprint(f) == before);
    start(f, &golden, path, "");
    fixture_open(f);
    state = check(&golden);
    if (is_stale(f))
        rebuild_sums(f);
    assert_ok(f, slot_verify(f->db, NULL, NULL, &f->err));
    write_on(f, state);
}

/* With one damaged slot of `meta`: all of it, or refused. */
static void test_damaged(struct fixture *f, const char *path)
{
    static const size_t damage[] = {0, 2000, 4095};
    struct golden golden;

    for (size_t i = 0; i < 6; i++) {
        size_t n, at = i % 2 * 4096 + damage[i / 2];
        uint8_t *meta;
        char note[40];

        snprintf(note, sizeof note, ", meta byte %zu", at);
        start(f, &golden, path, note);
        meta = fixture_read_file(f, "meta", &n);
        meta[at] ^= 0x40;
        fixture_write_file(f, "meta", meta, n);
        free(meta);
        if (slot_open(f->path, &f->options, &f->db, &f->err) != SLOT_OK) {
            assert_int_equal(f->err.status, SLOT_E_CORRUPT);
            assert_string_equal(f->err.file, "meta");
            continue;
        }
        write_on(f, check(&golden));
    }
}

static void (*test)(struct fixture *f, const char *path);
static char **paths;
static int paths_n;

static void test_all(void **state)
{
    struct fixture *f = *state;

    assert_true(paths_n > 0);
    for (int i = 0; i < paths_n; i++)
        test(f, paths[i]);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {fixture_test(test_all)};

    test = argc > 1 && strcmp(argv[1], "damaged") == 0 ? test_damaged : test_exact;
    paths = argv + 2;
    paths_n = argc - 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
