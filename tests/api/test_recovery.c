/*
 * What is left when nobody closes: the files of an open database are copied, and the copy is opened
 * as after a crash. Everything that was committed is there again; what was damaged since then is
 * told from what was torn.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/frame.h"
#include "os/os.h"
#include "support/by_path.h"
#include "support/fixture.h"
#include "support/tmpdir.h"

#define N       125
#define COUNT   200u
#define SEGMENT 65536u
#define LIMIT   (512u << 10)

/* ---- crash images ---- */

/* A fixture for the image of another one's database, in the same directory. */
static struct fixture image_of(struct fixture *f, const char *name)
{
    struct fixture image = *f;

    image.db = NULL;
    snprintf(image.path, sizeof image.path, "%s/%s", f->dir, name);
    fixture_copy_tree(f->path, image.path);
    return image;
}

/* The same as after a restart of the system, or a power cut: `shared` is evidence of nothing. */
static struct fixture cut_image_of(struct fixture *f, const char *name)
{
    struct fixture image = image_of(f, name);
    char path[5000];

    snprintf(path, sizeof path, "%s/shared", image.path);
    tmpdir_remove_tree(path);
    return image;
}

/* ---- the database: version v of everything is the state after v transactions ---- */

static void make_with(struct fixture *f, uint64_t limit)
{
    f->options.log_limit_bytes = limit;
    f->options.checkpoint_bytes = limit; /* only when the test says so */
    fixture_create(f, N);
    fixture_append(f, COUNT);
    assert_ok(f, slot_checkpoint(f->db, &f->err));
}

static void make(struct fixture *f)
{
    make_with(f, LIMIT);
}

static void put_version(struct fixture *f, uint64_t version)
{
    slot_txn *txn = fixture_begin(f, SLOT_WRITE);
    uint8_t record[N];

    for (uint64_t recno = version % 3; recno < COUNT; recno += 3) {
        record_fill(record, N, recno, version);
        assert_ok(f, slot_put(txn, recno, record, &f->err));
    }
    fixture_commit(f, txn);
}

/* The version of record recno in state v: the last of 1..v that has put it. */
static uint64_t version_of(uint64_t recno, uint64_t v)
{
    while (v > 0 && v % 3 != recno % 3)
        v--;
    return v;
}

static bool is_state(struct fixture *f, slot_db *db, uint64_t v)
{
    slot_txn *txn = NULL;
    uint8_t record[N];
    bool same = true;

    assert_ok(f, slot_begin(db, SLOT_READ, &txn, &f->err));
    assert_int_equal(slot_records(txn), COUNT);
    for (uint64_t recno = 0; recno < COUNT && same; recno++) {
        assert_ok(f, slot_get(txn, recno, record, &f->err));
        same = record_is(record, N, recno, version_of(recno, v));
    }
    slot_end(txn);
    return same;
}

/* Open the image: it is in state v, whole, takes writes, and is so again after a clean close. Who
 * may only read finds the same before. */
static void expect_state(struct fixture *image, uint64_t v)
{
    image->options.access = SLOT_READ_ONLY;
    fixture_open(image);
    assert_true(is_state(image, image->db, v));
    assert_ok(image, slot_verify(image->db, NULL, NULL, &image->err));
    fixture_close(image);
    image->options.access = SLOT_TRANSACTIONAL;
    fixture_open(image);
    assert_true(is_state(image, image->db, v));
    assert_ok(image, slot_verify(image->db, NULL, NULL, &image->err));
    put_version(image, v + 1);
    assert_true(is_state(image, image->db, v + 1));
    fixture_close(image);
    fixture_open(image);
    assert_true(is_state(image, image->db, v + 1));
    assert_ok(image, slot_verify(image->db, NULL, NULL, &image->err));
    fixture_close(image);
}

static void expect_refused(struct fixture *image, slot_status want)
{
    static const slot_access accesses[] = {SLOT_READ_ONLY, SLOT_TRANSACTIONAL};

    for (size_t i = 0; i < 2; i++) {
        image->options.access = accesses[i];
        assert_status(image, slot_open(image->path, &image->options, &image->db, &image->err),
                      want);
        assert_true(strlen(image->err.what) > 10);
        assert_null(image->db);
    }
}

/* A new segment gets its zeros piece by piece, each from whoever writes there first; what another
 * has written meanwhile stays. */
static void test_recovery__two_writers_of_a_segment(void **state)
{
    struct fixture *f = *state, image;
    slot_db *one, *other = NULL;
    uint64_t version = 1;

    f->options.sync = SLOT_SYNC_NORMAL;
    make_with(f, 64 << 20);
    one = f->db;
    assert_ok(f, slot_open(f->path, &f->options, &other, &f->err));
    put_version(f, version++);
    f->db = other;
    while (version < 70) /* 28 KiB each: well into the second piece */
        put_version(f, version++);
    f->db = one;
    put_version(f, version);
    image = image_of(f, "image");
    expect_state(&image, version);
    assert_true(is_state(f, other, version));
    assert_ok(f, slot_close(other, &f->err));
}

static void test_recovery__everything_committed(void **state)
{
    struct fixture *f = *state;

    make(f);
    for (uint64_t v = 1; v <= 12; v++) {
        struct fixture image;
        slot_txn *open;
        uint8_t record[N] = {0};

        put_version(f, v);
        if (v % 5 == 0)
            assert_ok(f, slot_checkpoint(f->db, &f->err));
        open = fixture_begin(f, SLOT_WRITE); /* one that is not committed */
        assert_ok(f, slot_put(open, 0, record, &f->err));
        assert_ok(f, slot_append(open, record, 1, NULL, &f->err));
        image = image_of(f, "image.slots");
        slot_abort(open);
        expect_state(&image, v);
    }
}

/* Appends of both kinds, extended and deleted records. */
static void test_recovery__new_and_deleted_records(void **state)
{
    struct fixture *f = *state;
    struct fixture image;
    uint8_t *many = calloc(20000, N), record[N];
    slot_txn *txn;

    assert_non_null(many);
    make(f);
    for (uint64_t i = 0; i < 20000; i++)
        record_fill(many + i * N, N, COUNT + i, 0);
    txn = fixture_begin(f, SLOT_WRITE);
    assert_ok(f, slot_append(txn, many, 20000, NULL, &f->err)); /* beside the log, mostly */
    fixture_commit(f, txn);
    txn = fixture_begin(f, SLOT_WRITE);
    assert_ok(f, slot_extend(txn, 40000, NULL, &f->err));
    assert_ok(f, slot_delete(txn, 17, &f->err));
    assert_ok(f, slot_delete(txn, 50000, &f->err));
    fixture_commit(f, txn);
    fixture_append(f, 3);
    image = image_of(f, "image.slots");
    for (int round = 0; round < 2; round++) {
        fixture_open(&image);
        txn = fixture_begin(&image, SLOT_READ);
        assert_int_equal(slot_records(txn), 60003 + COUNT);
        assert_int_equal(slot_count(txn), 60001 + COUNT);
        assert_status(f, slot_get(txn, 17, record, &f->err), SLOT_DELETED);
        assert_status(f, slot_get(txn, 50000, record, &f->err), SLOT_DELETED);
        for (uint64_t recno = 18; recno < 20000 + COUNT; recno++) {
            assert_ok(f, slot_get(txn, recno, record, &f->err));
            assert_true(record_is(record, N, recno, 0));
        }
        assert_ok(f, slot_get(txn, 60002 + COUNT, record, &f->err));
        assert_true(record_is(record, N, 60002 + COUNT, 0));
        slot_end(txn);
        assert_ok(f, slot_verify(image.db, NULL, NULL, &f->err));
        fixture_close(&image);
    }
    free(many);
}

/* ---- damage ---- */

/* A frame as it lies in a segment of an image. */
struct place {
    char name[40];
    size_t offset;
    struct frame frame;
};

/* The frame with the highest LSN (nth = 0), the one before, .. of one kind. */
static struct place find_frame(struct fixture *image, bool commit, int nth)
{
    struct place found = {.offset = 0};
    uint64_t below = UINT64_MAX;

    for (int i = 0; i <= nth; i++) {
        struct place best = {.offset = 0};

        for (int segment = 0; segment < 8; segment++) {
            struct place at;
            char path[5000];
            uint8_t *bytes;
            size_t n;

            snprintf(at.name, sizeof at.name, "log/%02d", segment);
            snprintf(path, sizeof path, "%s/%s", image->path, at.name);
            if (by_path_kind(slot__os_native(), path) != OS_KIND_FILE)
                continue;
            bytes = fixture_read_file(image, at.name, &n);
            for (at.offset = SEGMENT_HEADER_BYTES; at.offset < n; at.offset += FRAME_UNIT) {
                if (slot__frame_decode(bytes + at.offset, &at.frame) &&
                    ((at.frame.flags & FRAME_COMMIT) != 0) == commit && at.frame.lsn < below &&
                    (best.offset == 0 || at.frame.lsn > best.frame.lsn))
                    best = at;
            }
            free(bytes);
        }
        assert_int_not_equal(best.offset, 0);
        below = best.frame.lsn;
        found = best;
    }
    return found;
}

/* Change [offset, offset + n) of a file: zeros, or all bits flipped. Whether that is a change. */
static bool damage(struct fixture *image, const char *name, size_t offset, size_t n, bool zeros)
{
    size_t size;
    uint8_t *bytes = fixture_read_file(image, name, &size);
    bool changed = false;

    assert_true(offset + n <= size);
    for (size_t i = offset; i < offset + n; i++) {
        changed = changed || !zeros || bytes[i] != 0;
        bytes[i] = zeros ? 0 : (uint8_t)~bytes[i];
    }
    fixture_write_file(image, name, bytes, size);
    free(bytes);
    return changed;
}

static void prepare_three(struct fixture *f)
{
    make(f);
    for (uint64_t v = 1; v <= 3; v++)
        put_version(f, v);
}

static void remove_named(struct fixture *image, const char *name)
{
    char path[5000];

    snprintf(path, sizeof path, "%s/%s", image->path, name);
    assert_true(os_ok(by_path_remove_file(slot__os_native(), path)));
}

/* The last transaction as a power cut can leave it: any sectors of it are missing. */
static void test_recovery__torn_at_each_sector(void **state)
{
    struct fixture *f = *state;
    struct fixture image;
    struct place last, before;

    prepare_three(f);
    image = image_of(f, "image.slots");
    last = find_frame(&image, true, 0);
    before = find_frame(&image, true, 1);
    assert_string_equal(last.name, before.name);
    for (size_t at = before.offset + before.frame.length; at < last.offset + last.frame.length;
         at += 512) {
        image = cut_image_of(f, "image.slots");
        expect_state(&image, damage(&image, last.name, at, 512, true) ? 2 : 3);
    }
    for (size_t at = last.offset; at < last.offset + last.frame.length; at += 1024) {
        size_t rest = last.offset + last.frame.length - at;

        image = cut_image_of(f, "image.slots");
        expect_state(&image, damage(&image, last.name, at, rest, true) ? 2 : 3);
    }
}

/* A frame in the middle that is bad, and behind it one that says that it was durable. */
static void test_recovery__damage_before_durable_frames(void **state)
{
    struct fixture *f = *state;
    struct fixture image;
    struct place bad;

    prepare_three(f);
    for (int nth = 1; nth < 3; nth++) {
        for (size_t at = 0; at < 4096; at += 1000) {
            image = image_of(f, "image.slots");
            bad = find_frame(&image, true, nth);
            damage(&image, bad.name, bad.offset + at, 8, false);
            expect_refused(&image, SLOT_E_CORRUPT);
            assert_int_equal(strncmp(image.err.file, "log", 3), 0);
            expect_refused(&image, SLOT_E_CORRUPT); /* at every open, until a backup is restored */
        }
    }
}

static void test_recovery__twice_and_once_more(void **state)
{
    struct fixture *f = *state;
    struct fixture image, again;

    prepare_three(f);
    image = image_of(f, "image.slots");
    fixture_open(&image);
    again = image_of(&image, "again.slots"); /* recovered, and crashed again */
    expect_state(&again, 3);
    put_version(&image, 4);
    again = image_of(&image, "again.slots");
    expect_state(&again, 4);
    fixture_close(&image);
    expect_state(&image, 4);
}

/* Neither indexes nor `shared` are needed, whatever is in them. */
static void test_recovery__what_it_does_not_need(void **state)
{
    struct fixture *f = *state;
    struct fixture image;
    uint8_t *garbage = malloc(65536);
    uint64_t seed = 9;

    assert_non_null(garbage);
    prepare_three(f);
    for (size_t i = 0; i < 65536; i++)
        garbage[i] = (uint8_t)random_next(&seed);
    for (int how = 0; how < 6; how++) {
        image = image_of(f, "image.slots");
        if (how == 0)
            fixture_write_file(&image, "shared", garbage, 65536);
        else if (how == 1)
            fixture_write_file(&image, "shared", garbage, 100);
        else if (how == 2)
            remove_named(&image, "shared");
        else if (how == 3)
            fixture_write_file(&image, "log/00.index", garbage, 4096);
        else if (how == 4)
            remove_named(&image, "log/00.index");
        else
            fixture_write_file(&image, "log/00.index", garbage, 1);
        expect_state(&image, 3);
    }
    free(garbage);
}

/* Two segments of the log: which file they are in does not matter, what they hold does. */
static void test_recovery__segments_swapped_short_and_missing(void **state)
{
    struct fixture *f = *state;
    struct fixture image;
    uint8_t *one, *two;
    size_t n, m;

    make(f);
    for (uint64_t v = 1; v <= 5; v++) /* 28 KiB each: two in a segment */
        put_version(f, v);
    image = image_of(f, "image.slots");
    one = fixture_read_file(&image, "log/00", &n);
    two = fixture_read_file(&image, "log/01", &m);
    assert_int_equal(n, SEGMENT);
    assert_int_equal(m, SEGMENT);
    fixture_write_file(&image, "log/00", two, m);
    fixture_write_file(&image, "log/01", one, n);
    expect_state(&image, 5);

    image = image_of(f, "image.slots");
    remove_named(&image, "log/00"); /* what follows was durable */
    expect_refused(&image, SLOT_E_CORRUPT);

    image = image_of(f, "image.slots");
    fixture_write_file(&image, "log/00", one, n - 512);
    expect_refused(&image, SLOT_E_TRUNCATED);

    image = image_of(f, "image.slots");
    damage(&image, "log/00", 100, 1, false); /* its header */
    expect_refused(&image, SLOT_E_CORRUPT);
    free(one);
    free(two);
}

/* A segment of another database, or of an earlier life, is nobody's. */
static void test_recovery__segments_of_others(void **state)
{
    struct fixture *f = *state;
    struct fixture image, other;
    const struct os *os = slot__os_native();
    struct os_file *file = NULL;
    char path[5000];
    uint8_t *bytes;
    size_t n;

    prepare_three(f);
    image = image_of(f, "image.slots");
    other = image_of(f, "other.slots");
    bytes = fixture_read_file(&other, "log/00", &n);
    expect_state(&other, 3);
    fixture_open(&other); /* it goes on in a new life, with the old segment in its log */
    put_version(&other, 5);
    image = image_of(&other, "image.slots");
    snprintf(path, sizeof path, "%s/log/05", image.path);
    assert_true(os_ok(by_path_open(os, path, OS_WRITE | OS_CREATE_NEW, &file)));
    assert_true(os_ok(os->write_at(os, file, 0, bytes, n)));
    os->close(os, file);
    fixture_open(&image);
    assert_ok(&image, slot_verify(image.db, NULL, NULL, &image.err));
    fixture_close(&image);
    fixture_close(&other);
    free(bytes);
}

/*
 * Any damage anywhere in the log: an older state, or an error; never a mixed one, never a crash.
 * An older state only where nobody can tell damage from a torn write: after a power cut, or when
 * nothing behind the checkpoint was ever durable.
 */
static void test_recovery__random_damage(void **state)
{
    enum { CUT, DURABLE, NOTHING_DURABLE, KINDS };
    struct fixture *f = *state, nothing, other;
    uint64_t seed = 31, refused[KINDS] = {0}, older[KINDS] = {0}, same[KINDS] = {0};

    f->options.sync = SLOT_SYNC_NORMAL; /* frames do not say that others were durable */
    make(f);
    for (uint64_t v = 1; v <= 4; v++)
        put_version(f, v);
    other = *f;
    other.db = NULL;
    other.options.sync = SLOT_SYNC_FULL;
    fixture_open(&other); /* of the last commit only `shared` says that it was durable */
    nothing = image_of(f, "nothing.slots");
    put_version(&other, 5);
    for (int round = 0; round < 225; round++) {
        int kind = round % KINDS;
        uint64_t newest = kind == NOTHING_DURABLE ? 4 : 5, v = newest + 1;
        struct fixture image = kind == CUT
                                   ? cut_image_of(f, "image.slots")
                                   : image_of(kind == DURABLE ? f : &nothing, "image.slots");
        char name[40];

        snprintf(name, sizeof name, "log/%02d",
                 (int)(random_next(&seed) % (newest / 2 + newest % 2)));
        damage(&image, name, (size_t)(random_next(&seed) % (SEGMENT - 64)),
               (size_t)(random_next(&seed) % 64 + 1), random_next(&seed) % 2 == 0);
        if (slot_open(image.path, &image.options, &image.db, &image.err) != SLOT_OK) {
            assert_in_range(image.err.status, SLOT_E_NOT_SLOTFILE, SLOT_E_TRUNCATED);
            refused[kind]++;
            continue;
        }
        while (v > 0 && !is_state(&image, image.db, v - 1))
            v--;
        assert_true(v > 0); /* one of the states that there were */
        assert_true(kind != DURABLE || v == newest + 1);
        same[kind] += v == newest + 1;
        older[kind] += v < newest + 1;
        assert_ok(&image, slot_verify(image.db, NULL, NULL, &image.err));
        fixture_close(&image);
    }
    fixture_close(&other);
    for (int kind = 0; kind < KINDS; kind++)
        print_message("%u refused, %u older, %u same\n", (unsigned)refused[kind],
                      (unsigned)older[kind], (unsigned)same[kind]);
    assert_true(same[CUT] > 0 && older[CUT] > 0);
    assert_true(same[DURABLE] > 0 && refused[DURABLE] > 0);
    assert_true(same[NOTHING_DURABLE] > 0 && older[NOTHING_DURABLE] > 0);
}

/* Whoever opens it for writing recovers it first. */
static void test_recovery__by_direct_access(void **state)
{
    struct fixture *f = *state;
    struct fixture image;

    prepare_three(f);
    image = image_of(f, "image.slots");
    image.options.access = SLOT_DIRECT;
    fixture_open(&image);
    assert_true(is_state(&image, image.db, 3));
    fixture_close(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_recovery__everything_committed),
        fixture_test(test_recovery__two_writers_of_a_segment),
        fixture_test(test_recovery__new_and_deleted_records),
        fixture_test(test_recovery__torn_at_each_sector),
        fixture_test(test_recovery__damage_before_durable_frames),
        fixture_test(test_recovery__twice_and_once_more),
        fixture_test(test_recovery__what_it_does_not_need),
        fixture_test(test_recovery__segments_swapped_short_and_missing),
        fixture_test(test_recovery__segments_of_others),
        fixture_test(test_recovery__random_damage),
        fixture_test(test_recovery__by_direct_access),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
