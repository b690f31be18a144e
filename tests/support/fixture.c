#include "support/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "support/by_path.h"
#include "support/tmpdir.h"

void assert_status_at(struct fixture *f, slot_status got, slot_status want, const char *call,
                      const char *file, int line)
{
    if (got == want)
        return;
    /* Not through cmocka, which keeps its text until the test has ended: teardown may not survive a
     * transaction that was left open. */
    fprintf(stderr, "%s:%d: %s\n  is %d (%s), not %d (%s)\n", file, line, call, got,
            slot_status_text(got), want, slot_status_text(want));
    if (f->note[0] != '\0')
        fprintf(stderr, "  %s\n", f->note);
    if (got != SLOT_OK && f->err.status == got)
        fprintf(stderr, "  %s, offset %llu: %s (system code %d)\n", f->err.file,
                (unsigned long long)f->err.offset, f->err.what, f->err.os_code);
    _fail(file, line);
}

int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->dir = tmpdir_make();
    assert_non_null(f->dir);
    slot_options_init(&f->options);
    snprintf(f->path, sizeof f->path, "%s/test.slots", f->dir);
    *state = f;
    return 0;
}

int fixture_setup_direct(void **state)
{
    struct fixture *f;
    int result = fixture_setup(state);

    f = *state;
    f->options.access = SLOT_DIRECT;
    return result;
}

void fixture_budget(struct fixture *f, uint64_t bytes)
{
    uint64_t more = f->options.access == SLOT_TRANSACTIONAL ? 448 << 10 : 0;

    f->options.map_budget = bytes + more;
}

static bool print_finding(void *context, const slot_finding *finding)
{
    (void)context;
    print_error("verify at teardown: %s, offset %llu: %s\n", finding->file,
                (unsigned long long)finding->offset, finding->what);
    return true;
}

/* Open read-only and verify; a test that leaves something else behind has failed. */
static void verify_left_behind(struct fixture *f)
{
    const struct os *os = slot__os_native();
    slot_db *db = NULL;

    if (f->damaged || by_path_kind(os, f->path) == OS_KIND_NONE)
        return;
    f->options.access = SLOT_READ_ONLY;
    assert_ok(f, slot_open(f->path, &f->options, &db, &f->err));
    assert_ok(f, slot_verify(db, print_finding, NULL, &f->err));
    assert_ok(f, slot_close(db, &f->err));
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    if (f->note[0] != '\0')
        fprintf(stderr, "at %s\n", f->note);
    if (f->db != NULL)
        fixture_close(f);
    verify_left_behind(f);
    tmpdir_remove(f->dir);
    free(f);
    return 0;
}

static void create(struct fixture *f, slot_schema *schema)
{
    assert_ok(f, slot_create(f->path, schema, &f->options, &f->err));
    slot_schema_free(schema);
    fixture_open(f);
}

void fixture_create(struct fixture *f, uint32_t record_size)
{
    slot_schema *schema = NULL;

    assert_ok(f, slot_schema_sized(record_size, &schema, &f->err));
    create(f, schema);
}

void fixture_create_spec(struct fixture *f, const char *spec)
{
    slot_schema *schema = NULL;

    assert_ok(f, slot_schema_parse(spec, strlen(spec), &schema, &f->err));
    create(f, schema);
}

void fixture_open(struct fixture *f)
{
    assert_null(f->db);
    assert_ok(f, slot_open(f->path, &f->options, &f->db, &f->err));
}

void fixture_close(struct fixture *f)
{
    slot_db *db = f->db;

    f->db = NULL;
    assert_ok(f, slot_close(db, &f->err));
}

slot_txn *fixture_begin(struct fixture *f, slot_mode mode)
{
    slot_txn *txn = NULL;

    assert_ok(f, slot_begin(f->db, mode, &txn, &f->err));
    return txn;
}

void fixture_commit(struct fixture *f, slot_txn *txn)
{
    assert_ok(f, slot_commit(txn, &f->err));
}

static uint32_t record_size_of(const struct fixture *f)
{
    return slot_schema_record_size(slot_db_schema(f->db));
}

void fixture_append(struct fixture *f, uint64_t count)
{
    uint32_t n = record_size_of(f);
    slot_txn *txn = fixture_begin(f, SLOT_WRITE);
    uint64_t first = slot_records(txn);
    uint8_t *record = malloc(n);

    assert_non_null(record);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t recno = 0;

        record_fill(record, n, first + i, 0);
        assert_ok(f, slot_append(txn, record, 1, &recno, &f->err));
        assert_int_equal(recno, first + i);
    }
    fixture_commit(f, txn);
    free(record);
}

static void check_by_copy(struct fixture *f, slot_txn *txn, uint64_t count, uint32_t n)
{
    uint8_t *record = malloc(n);

    assert_non_null(record);
    for (uint64_t recno = 0; recno < count; recno++) {
        const void *lent = NULL;

        assert_ok(f, slot_get(txn, recno, record, &f->err));
        assert_true(record_is(record, n, recno, 0));
        assert_ok(f, slot_ref(txn, recno, &lent, &f->err));
        assert_true(record_is(lent, n, recno, 0));
        if (recno % 16 == 15 || n > 65536)
            slot_unpin(txn); /* a small budget holds few views */
    }
    assert_status(f, slot_get(txn, count, record, &f->err), SLOT_NOT_FOUND);
    free(record);
}

static void check_by_scan(struct fixture *f, slot_txn *txn, uint64_t count, uint32_t n)
{
    uint64_t recno = 0;
    slot_run run;

    slot_unpin(txn);
    while (recno < count) {
        assert_ok(f, slot_scan(txn, recno, UINT64_MAX, &run, &f->err));
        assert_int_equal(run.first, recno);
        assert_true(run.count > 0);
        for (uint64_t i = 0; i < run.count; i++)
            assert_true(record_is((const uint8_t *)run.records + i * n, n, recno + i, 0));
        recno += run.count;
    }
    assert_int_equal(recno, count);
    assert_status(f, slot_scan(txn, recno, UINT64_MAX, &run, &f->err), SLOT_NOT_FOUND);
}

void fixture_check_records(struct fixture *f, uint64_t count)
{
    slot_txn *txn = fixture_begin(f, SLOT_READ);
    uint32_t n = record_size_of(f);

    assert_int_equal(slot_records(txn), count);
    check_by_copy(f, txn, count, n);
    check_by_scan(f, txn, count, n);
    slot_end(txn);
}

static struct os_file *open_file(struct fixture *f, const char *name)
{
    const struct os *os = slot__os_native();
    struct os_file *file = NULL;
    char path[5000];

    snprintf(path, sizeof path, "%s/%s", f->path, name);
    assert_true(os_ok(by_path_open(os, path, OS_READ | OS_WRITE, &file)));
    return file;
}

uint8_t *fixture_read_file(struct fixture *f, const char *name, size_t *n)
{
    const struct os *os = slot__os_native();
    struct os_file *file = open_file(f, name);
    uint64_t size = 0;
    uint8_t *bytes;

    assert_true(os_ok(os->size(os, file, &size)));
    bytes = malloc((size_t)size + 1);
    assert_non_null(bytes);
    assert_true(os_ok(os->read_at(os, file, 0, bytes, (size_t)size)));
    os->close(os, file);
    *n = (size_t)size;
    return bytes;
}

void fixture_write_file(struct fixture *f, const char *name, const void *bytes, size_t n)
{
    const struct os *os = slot__os_native();
    struct os_file *file = open_file(f, name);

    assert_true(os_ok(os->resize(os, file, n)));
    assert_true(os_ok(os->write_at(os, file, 0, bytes, n)));
    os->close(os, file);
}

struct copying {
    const char *from, *to;
};

static bool copy_name(void *context, const char *name)
{
    const struct os *os = slot__os_native();
    const struct copying *copying = context;
    char *from = tmpdir_join(copying->from, name), *to = tmpdir_join(copying->to, name);
    struct copying inner = {from, to};
    struct os_file *in = NULL, *out = NULL;
    uint64_t size = 0;
    uint8_t *bytes;

    if (by_path_kind(os, from) == OS_KIND_DIR) {
        assert_true(os_ok(by_path_make_dir(os, to)));
        assert_true(os_ok(by_path_list(os, from, copy_name, &inner)));
    } else {
        assert_true(os_ok(by_path_open(os, from, OS_READ, &in)));
        assert_true(os_ok(by_path_open(os, to, OS_WRITE | OS_CREATE_NEW, &out)));
        assert_true(os_ok(os->size(os, in, &size)));
        bytes = malloc((size_t)size + 1);
        assert_non_null(bytes);
        assert_true(os_ok(os->read_at(os, in, 0, bytes, (size_t)size)));
        assert_true(os_ok(os->write_at(os, out, 0, bytes, (size_t)size)));
        free(bytes);
        os->close(os, in);
        os->close(os, out);
    }
    free(from);
    free(to);
    return true;
}

void fixture_copy_tree(const char *from, const char *to)
{
    const struct os *os = slot__os_native();
    struct copying copying = {from, to};

    tmpdir_remove_tree(to);
    assert_true(os_ok(by_path_make_dir(os, to)));
    assert_true(os_ok(by_path_list(os, from, copy_name, &copying)));
}

uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void record_fill(void *record, uint32_t n, uint64_t recno, uint64_t version)
{
    uint64_t state = recno * 2654435761u + version * 40503u + 1;
    uint8_t *to = record;

    for (uint32_t at = 0; at < n; at += 8) {
        uint64_t word = random_next(&state);
        uint32_t left = n - at < 8 ? n - at : 8;

        memcpy(to + at, &word, left);
    }
}

bool record_is(const void *record, uint32_t n, uint64_t recno, uint64_t version)
{
    uint64_t state = recno * 2654435761u + version * 40503u + 1;
    const uint8_t *from = record;

    for (uint32_t at = 0; at < n; at += 8) {
        uint64_t word = random_next(&state);
        uint32_t left = n - at < 8 ? n - at : 8;

        if (memcmp(from + at, &word, left) != 0)
            return false;
    }
    return true;
}
