/*
 * The log by itself, without a database around it: indexes, batches of frames, and reading them
 * back along the chain.
 */
#include <stdlib.h>
#include <string.h>

#include "log/batch.h"
#include "log/scan.h"
#include "support/fixture.h"
#include "support/os_faulty.h"

#define BLOCK 4000u
#define LIMIT 4u /* segments */

static struct shared words; /* of the rig there is */

/* One log in the fixture's directory, as one open handle has it. */
struct rig {
    struct fixture *f;
    struct os_faulty faulty;
    struct shared_map shared;
    struct view_cache cache;
    struct log log;
    struct log_head head;
    struct os_dir *dir;
    uint8_t *scratch;
};

static void rig_open(struct rig *rig, struct fixture *f, uint64_t budget)
{
    memset(rig, 0, sizeof *rig);
    rig->f = f;
    os_faulty_init(&rig->faulty, slot__os_native());
    rig->shared.os = &rig->faulty.os;
    rig->shared.words = &words;
    rig->scratch = malloc(BITMAP_BLOCK_BYTES);
    assert_non_null(rig->scratch);
    memset((void *)&words, 0, sizeof words);
    for (uint32_t i = 0; i < SHARED_SEGMENTS; i++)
        shared_set_segment(&rig->shared, i, SHARED_FREE);
    rig->log.block_bytes = BLOCK;
    rig->log.record_size = 125;
    memset(rig->log.file_id, 3, sizeof rig->log.file_id);
    assert_ok(f, slot__view_cache_init(&rig->cache, &rig->faulty.os, budget, 8192, 0, 2, &f->err));
    assert_true(os_ok(rig->faulty.os.open_dir(&rig->faulty.os, NULL, f->dir, &rig->dir)));
    (void)rig->faulty.os.make_dir(&rig->faulty.os, rig->dir, LOG_DIR); /* a test may open twice */
    slot__log_init(&rig->log, &rig->faulty.os, &rig->shared, &rig->cache, rig->dir, 65536);
    rig->head.file = LOG_SEGMENTS;
}

static void rig_close(struct rig *rig)
{
    slot__log_release(&rig->log);
    rig->faulty.os.close_dir(&rig->faulty.os, rig->dir);
    slot__view_cache_release(&rig->cache);
    free(rig->scratch);
    assert_true(os_faulty_is_clean(&rig->faulty));
    os_faulty_release(&rig->faulty);
}

/* The bytes of a body: those of record `key` in version `version`, as tests make records. */
static void fill_body(struct rig *rig, uint64_t key, uint64_t address, uint64_t version)
{
    uint32_t n = slot__log_body_bytes(&rig->log, key);
    uint64_t at = log_offset_of(&rig->log, address) + FRAME_HEADER_BYTES;
    struct view *view = NULL;
    uint8_t *body = malloc(n);

    assert_non_null(body);
    record_fill(body, n, key, version);
    assert_ok(rig->f, slot__view_acquire(&rig->cache,
                                         &rig->log.open_frames[log_file_of(&rig->log, address)], at,
                                         at + n, VIEW_SINGLE, &view, &rig->f->err));
    memcpy(view->base + (at - view->offset), body, n);
    slot__view_unpin(&rig->cache, view);
    free(body);
}

static slot_status add(struct rig *rig, struct log_batch *batch, uint64_t key, uint64_t version)
{
    uint64_t address = 0;
    slot_status status =
        slot__batch_reserve(&rig->log, &rig->head, batch, key, 0, LIMIT, &address, &rig->f->err);

    if (status == SLOT_OK)
        fill_body(rig, key, address, version);
    return status;
}

/* A transaction of `count` blocks from `key` on. */
static void commit(struct rig *rig, uint64_t key, uint64_t count, uint64_t version)
{
    const struct log_commit what = {.records = version * 10, .deleted = version};
    struct log_batch batch;

    slot__batch_init(&batch, &rig->head);
    for (uint64_t i = 0; i < count; i++)
        assert_ok(rig->f, add(rig, &batch, key + i, version));
    assert_ok(rig->f, slot__batch_seal(&rig->log, &rig->head, &batch, &what, LIMIT, rig->scratch,
                                       &rig->f->err));
    assert_ok(rig->f, slot__batch_publish(&rig->log, &batch, &rig->f->err));
    slot__batch_release(&batch);
}

/* ---- index ---- */

static void test_log__index(void **state)
{
    struct rig rig;
    uint64_t offset = 1;
    uint32_t frames;

    rig_open(&rig, *state, 1 << 24);
    assert_ok(rig.f, slot__log_create_segment(&rig.log, 0, &rig.f->err));
    assert_ok(rig.f, slot__index_clear(&rig.log, 0, rig.log.index_words, &rig.f->err));
    frames = (uint32_t)(65536 / slot__frame_length(BLOCK));
    assert_true(rig.log.index_words >= 2 * frames);
    for (uint64_t key = 0; key < frames;
         key++) /* keys that are far apart, and next to each other */
        assert_ok(rig.f, slot__index_insert(&rig.log, 0, key % 2 == 0 ? key : key << 30,
                                            4096 + key * 64, &rig.f->err));
    for (uint64_t key = 0; key < frames; key++) {
        assert_ok(rig.f, slot__index_find(&rig.log, 0, key % 2 == 0 ? key : key << 30, &offset,
                                          &rig.f->err));
        assert_int_equal(offset, 4096 + key * 64);
        assert_ok(rig.f, slot__index_find(&rig.log, 0, key_of_deleted(key), &offset, &rig.f->err));
        assert_int_equal(offset, 0);
    }
    assert_ok(rig.f, slot__index_insert(&rig.log, 0, 4, 8192, &rig.f->err)); /* a newer frame */
    assert_ok(rig.f, slot__index_find(&rig.log, 0, 4, &offset, &rig.f->err));
    assert_int_equal(offset, 8192);
    assert_ok(rig.f, slot__index_clear(&rig.log, 0, rig.log.index_words, &rig.f->err));
    assert_ok(rig.f, slot__index_find(&rig.log, 0, 4, &offset, &rig.f->err));
    assert_int_equal(offset, 0);
    rig_close(&rig);
}

/* Keys that are far apart, and next to each other. */
static uint64_t key_of(uint64_t i)
{
    return i % 2 == 0 ? i : i << 30;
}

static uint64_t look_up(struct rig *rig, const struct log_live *live, uint64_t key)
{
    uint64_t found = slot__index_look(&rig->log, live, key), offset = 0;

    if (found == INDEX_ASK) {
        assert_ok(rig->f, slot__index_find(&rig->log, 0, key, &offset, &rig->f->err));
        return offset;
    }
    return found == INDEX_NONE ? 0 : (uint32_t)found * (uint64_t)FRAME_UNIT;
}

/*
 * An index gets wider and wider, over words of an earlier life: each key is found at its newest
 * frame, and who knows of fewer words finds what there was when he was told.
 */
static void test_log__index_gets_wider(void **state)
{
    struct log_live before[4], live;
    uint64_t newest[64] = {0}, seen[4][64];
    uint32_t known[4], widths = 0;
    struct rig rig;

    rig_open(&rig, *state, 1 << 24);
    rig.log.index_first = SHARED_INDEX_LEAST;
    rig.log.frame_least = 512; /* so many frames that all widths come */
    assert_ok(rig.f, slot__log_create_segment(&rig.log, 0, &rig.f->err));
    for (uint64_t key = 0; key < 512; key++) /* full of a life before */
        assert_ok(rig.f, slot__index_insert(&rig.log, 0, key + 1000, 4096, &rig.f->err));
    assert_ok(rig.f, slot__index_clear(&rig.log, 0, SHARED_INDEX_LEAST, &rig.f->err));
    shared_set_segment_words(&rig.shared, 0, 64000, SHARED_INDEX_LEAST);
    for (uint64_t offset = 4096; offset < 65536; offset += 512) {
        uint64_t i = offset / 512 * 7 % 64;

        slot__log_live(&rig.log, 0, UINT64_MAX - 1, &live);
        if (widths < 4 && (widths == 0 || live.mask[0] + 1 != known[widths - 1])) {
            known[widths] = live.mask[0] + 1;
            memcpy(seen[widths], newest, sizeof newest);
            before[widths++] = live;
        }
        assert_ok(rig.f, slot__index_insert(&rig.log, 0, key_of(i), offset, &rig.f->err));
        newest[i] = offset;
        slot__log_live(&rig.log, 0, UINT64_MAX - 1, &live);
        for (uint64_t k = 0; k < 64; k++) {
            uint64_t found = 0;

            assert_ok(rig.f, slot__index_find(&rig.log, 0, key_of(k), &found, &rig.f->err));
            assert_int_equal(found, newest[k]);
            assert_int_equal(look_up(&rig, &live, key_of(k)), newest[k]);
            for (uint32_t w = 0; w < widths; w++)
                assert_true(look_up(&rig, &before[w], key_of(k)) >= seen[w][k]);
        }
        assert_int_equal(look_up(&rig, &live, 1001), 0); /* nothing of the life before */
    }
    assert_int_equal(widths, 4);
    assert_int_equal(live.mask[0] + 1, 512);
    rig_close(&rig);
}

/* Bytes of both files of segment 0 that have their space. */
static uint64_t space_of(struct rig *rig)
{
    return rig->log.space[0] + slot__index_words_for(&rig->log, rig->log.space[0]) * 8;
}

/* Space comes as the log grows, doubling; on a full disk what is needed and no more, and when that
 * is not there, it says how much it wants and nothing has changed. */
static void test_log__space_is_taken_as_it_grows(void **state)
{
    uint64_t before;
    struct rig rig;

    rig_open(&rig, *state, 1 << 24);
    slot__log_release(&rig.log);
    slot__log_init(&rig.log, &rig.faulty.os, &rig.shared, &rig.cache, rig.dir, 16 << 20);
    commit(&rig, 0, 3, 1);
    before = space_of(&rig);
    assert_true(before <= (128 << 10) + 4096);
    assert_true(rig.log.space[0] >= SEGMENT_HEADER_BYTES + slot__log_reserve_bytes(&rig.log));
    commit(&rig, 100, 60, 2);
    assert_int_equal(rig.log.space[0], 256 << 10);
    os_faulty_fail_only(&rig.faulty, "allocate", 1, OS_FAULTY_FOREVER, SLOT_E_NO_SPACE, 28);
    before = rig.head.lsn;
    for (struct log_batch batch;;) {
        slot_status status;

        slot__batch_init(&batch, &rig.head);
        status = add(&rig, &batch, 7, 3);
        if (status == SLOT_OK) {
            const struct log_commit what = {.records = 30, .deleted = 3};

            assert_ok(rig.f, slot__batch_seal(&rig.log, &rig.head, &batch, &what, LIMIT,
                                              rig.scratch, &rig.f->err));
            slot__batch_release(&batch);
            before = rig.head.lsn;
            continue;
        }
        assert_int_equal(status, SLOT_E_NO_SPACE);
        assert_int_equal(rig.head.reserved, before);
        assert_int_equal(batch.n, 0);
        assert_non_null(strstr(rig.f->err.what, "bytes"));
        slot__batch_forget(&rig.log, &rig.head, &batch);
        slot__batch_release(&batch);
        break;
    }
    assert_int_equal(rig.log.space[0], 256 << 10);
    os_faulty_mend(&rig.faulty);
    commit(&rig, 50, 20, 4);
    rig_close(&rig);
}

/* Somebody has filled all words: an error, no endless search. */
static void test_log__index_that_is_full(void **state)
{
    struct rig rig;
    uint64_t offset;

    rig_open(&rig, *state, 1 << 24);
    assert_ok(rig.f, slot__log_create_segment(&rig.log, 0, &rig.f->err));
    assert_ok(rig.f, slot__index_clear(&rig.log, 0, rig.log.index_words, &rig.f->err));
    for (uint64_t key = 0; key < rig.log.index_words; key++)
        assert_ok(rig.f, slot__index_insert(&rig.log, 0, key, 4096, &rig.f->err));
    assert_ok(rig.f, slot__index_find(&rig.log, 0, 5, &offset, &rig.f->err));
    assert_status(rig.f, slot__index_find(&rig.log, 0, 1 << 20, &offset, &rig.f->err),
                  SLOT_E_CORRUPT);
    assert_status(rig.f, slot__index_insert(&rig.log, 0, 1 << 20, 4096, &rig.f->err),
                  SLOT_E_CORRUPT);
    rig_close(&rig);
}

/* ---- batch ---- */

static void test_log__batch_entries(void **state)
{
    struct log_head head = {.file = LOG_SEGMENTS};
    struct fixture *f = *state;
    struct log_batch batch;

    slot__batch_init(&batch, &head);
    assert_null(slot__batch_find(&batch, 0));
    for (uint64_t i = 0; i < 1000; i++) {
        struct log_entry entry = {.key = i * i, .address = i, .lsn = i, .previous = 0};

        assert_ok(f, slot__batch_note(&batch, &entry, &f->err));
    }
    for (uint64_t i = 0; i < 1000; i++) {
        struct log_entry entry = {.key = i * i, .address = i + 1, .lsn = i + 1, .previous = i};

        assert_non_null(slot__batch_find(&batch, i * i));
        assert_int_equal(slot__batch_find(&batch, i * i)->lsn, i);
        assert_ok(f, slot__batch_note(&batch, &entry, &f->err)); /* in its place */
        assert_int_equal(slot__batch_find(&batch, i * i)->lsn, i + 1);
        assert_null(slot__batch_find(&batch, i * i + 1 + (i == 0)));
    }
    assert_int_equal(batch.n, 1000);
    slot__batch_release(&batch);
}

static void test_log__batch_that_is_forgotten(void **state)
{
    struct rig rig;
    struct log_batch batch;
    struct log_head before;
    uint64_t offset;

    rig_open(&rig, *state, 1 << 24);
    commit(&rig, 0, 3, 1);
    before = rig.head;
    slot__batch_init(&batch, &rig.head);
    for (uint64_t key = 0; key < 30; key++) /* into a second and a third segment */
        assert_ok(rig.f, add(&rig, &batch, key, 2));
    assert_int_equal(batch.begun_n, 2);
    assert_int_not_equal(shared_segment(&rig.shared, 2), SHARED_FREE);
    slot__batch_forget(&rig.log, &rig.head, &batch);
    slot__batch_release(&batch);
    assert_memory_equal(&before, &rig.head, sizeof before);
    assert_true(shared_segment(&rig.shared, 1) == SHARED_FREE);
    assert_true(shared_segment(&rig.shared, 2) == SHARED_FREE);
    assert_ok(rig.f, slot__index_find(&rig.log, 0, 29, &offset, &rig.f->err));
    assert_int_equal(offset, 0);
    commit(&rig, 50, 3, 2); /* goes on where the first ended */
    rig_close(&rig);
}

static void test_log__batch_fills_the_log(void **state)
{
    struct rig rig;
    struct log_batch batch;
    slot_status status = SLOT_OK;
    uint64_t key = 0;

    rig_open(&rig, *state, 1 << 24);
    slot__batch_init(&batch, &rig.head);
    while (status == SLOT_OK)
        status = add(&rig, &batch, key++, 1);
    assert_int_equal(status, SLOT_E_LOG_FULL);
    assert_int_equal(batch.begun_n, LIMIT);
    assert_int_equal(batch.n, LIMIT * ((65536 - 4096) / slot__frame_length(BLOCK)));
    assert_null(slot__batch_find(&batch, key - 1)); /* the one that did not fit */
    slot__batch_forget(&rig.log, &rig.head, &batch);
    slot__batch_release(&batch);
    rig_close(&rig);
}

/* ---- scan ---- */

static slot_status start(struct rig *rig, struct log_scan *scan)
{
    return slot__scan_init(scan, &rig->log, NULL, 0, 0, &rig->f->err);
}

/* All frames of the log come back in order, with the bytes that went in. */
static void test_log__scan_reads_what_was_sealed(void **state)
{
    static const uint64_t counts[] = {1, 7, 20, 0, 3};
    struct log_scan scan;
    struct scan_frame found;
    uint64_t lsn = 0;
    struct rig rig;

    rig_open(&rig, *state, 1 << 24);
    for (uint64_t i = 0; i < 5; i++)
        commit(&rig, i * 100, counts[i], i + 1);
    assert_ok(rig.f, start(&rig, &scan));
    for (uint64_t i = 0; i < 5; i++) {
        for (uint64_t k = 0; k < (counts[i] == 0 ? 1 : counts[i]); k++) {
            bool last = counts[i] == 0 || k + 1 == counts[i];

            assert_ok(rig.f, slot__scan_next(&scan, &found, &rig.f->err));
            assert_true(found.frame.lsn > lsn);
            lsn = found.frame.lsn;
            assert_int_equal((found.frame.flags & FRAME_COMMIT) != 0, last);
            if (last)
                assert_int_equal(found.frame.records, (i + 1) * 10);
            if (counts[i] == 0) {
                assert_null(found.body);
                continue;
            }
            assert_int_equal(found.frame.key, i * 100 + k);
            assert_true(record_is(found.body, BLOCK, i * 100 + k, i + 1));
        }
    }
    assert_true(scan.lsn == rig.head.lsn && scan.chain == rig.head.chain);
    assert_status(rig.f, slot__scan_next(&scan, &found, &rig.f->err), SLOT_NOT_FOUND);
    assert_ok(rig.f, slot__scan_is_torn(&scan, &rig.f->err));
    slot__scan_release(&scan);
    rig_close(&rig);
}

/* The end is the last commit: what has no commit behind it does not count. */
static void test_log__scan_finds_the_end(void **state)
{
    struct snapshot end = {0, 5, 6, 0};
    struct log_scan scan;
    struct rig rig;
    struct log_head whole;
    uint8_t zeros[64] = {0};

    rig_open(&rig, *state, 1 << 24);
    commit(&rig, 0, 1, 1);
    whole = rig.head;
    commit(&rig, 0, 3, 2);
    assert_true(os_ok(rig.faulty.os.write_at(
        &rig.faulty.os, rig.log.files[0], whole.lsn + 2 * slot__frame_length(BLOCK), zeros, 64)));
    assert_ok(rig.f, start(&rig, &scan));
    assert_ok(rig.f, slot__scan_find_end(&scan, &end, &rig.f->err));
    assert_true(end.lsn == whole.lsn && end.chain == whole.chain);
    assert_int_equal(end.records, 10);
    assert_int_equal(scan.lsn, whole.lsn + 2 * slot__frame_length(BLOCK));
    assert_ok(rig.f, slot__scan_is_torn(&scan, &rig.f->err));
    slot__scan_release(&scan);
    rig_close(&rig);
}

/* A frame behind the damage that says that it was durable. */
static void test_log__scan_tells_damage_from_a_torn_end(void **state)
{
    struct snapshot end = {0, 0, 0, 0};
    struct log_scan scan;
    struct rig rig;
    uint8_t zeros[64] = {0};

    rig_open(&rig, *state, 1 << 24);
    commit(&rig, 0, 2, 1);
    shared_raise_durable(&rig.shared, rig.head.lsn);
    commit(&rig, 0, 2, 2);
    assert_true(
        os_ok(rig.faulty.os.write_at(&rig.faulty.os, rig.log.files[0], 4096 + 500, zeros, 64)));
    assert_ok(rig.f, start(&rig, &scan));
    assert_ok(rig.f, slot__scan_find_end(&scan, &end, &rig.f->err));
    assert_int_equal(end.lsn, 0);
    assert_status(rig.f, slot__scan_is_torn(&scan, &rig.f->err), SLOT_E_CORRUPT);
    slot__scan_release(&scan);
    rig_close(&rig);
}

/* From a place in the middle, whose chain value is known; with a wrong value nothing is found. */
static void test_log__scan_from_a_checkpoint(void **state)
{
    struct log_scan scan;
    struct scan_frame found;
    struct log_head at;
    struct rig rig;

    rig_open(&rig, *state, 1 << 24);
    commit(&rig, 0, 12, 1);
    at = rig.head;
    commit(&rig, 70, 9, 2);
    assert_ok(rig.f, slot__scan_init(&scan, &rig.log, NULL, at.lsn, at.chain, &rig.f->err));
    for (uint64_t i = 0; i < 9; i++) {
        assert_ok(rig.f, slot__scan_next(&scan, &found, &rig.f->err));
        assert_int_equal(found.frame.key, 70 + i);
    }
    assert_status(rig.f, slot__scan_next(&scan, &found, &rig.f->err), SLOT_NOT_FOUND);
    slot__scan_release(&scan);
    assert_ok(rig.f, slot__scan_init(&scan, &rig.log, NULL, at.lsn, at.chain + 1, &rig.f->err));
    assert_status(rig.f, slot__scan_next(&scan, &found, &rig.f->err), SLOT_NOT_FOUND);
    slot__scan_release(&scan);
    rig_close(&rig);
}

/* A next life begins behind everything that is there, with another chain. */
static void test_log__next_life(void **state)
{
    uint64_t lsn = 0, chain = 0, other = 0;
    struct rig rig;

    rig_open(&rig, *state, 1 << 24);
    commit(&rig, 0, 20, 1);
    lsn = rig.head.lsn;
    assert_ok(rig.f, slot__log_next_life(&rig.log, &lsn, &chain, &rig.f->err));
    assert_true(lsn >= rig.head.start + 65536);
    assert_int_equal(lsn % FRAME_COMMIT_UNIT, 0);
    assert_ok(rig.f, slot__log_next_life(&rig.log, &lsn, &other, &rig.f->err));
    assert_true(chain != other);
    slot__log_close_segments(&rig.log);
    assert_ok(rig.f, slot__log_remove_segments(&rig.faulty.os, rig.dir, &rig.f->err));
    rig_close(&rig);
}

static void test_log__segment_sizes(void **state)
{
    (void)state;
    assert_int_equal(slot__log_segment_bytes(0, 4000), 64 << 10);
    assert_int_equal(slot__log_segment_bytes(256 << 10, 4000), 64 << 10);
    assert_int_equal(slot__log_segment_bytes(64 << 20, 4000), 4 << 20);
    assert_int_equal(slot__log_segment_bytes(1 << 30, 4000), 64 << 20);
    assert_int_equal(slot__log_segment_bytes(UINT64_C(4) << 30, 4000), 64 << 20);
    assert_int_equal(slot__log_segment_bytes(UINT64_C(1) << 40, 4000), 64 << 20);
    assert_true(slot__log_segment_bytes(0, 1048576) >= 4 * 1048576 + 4096);
}

/* Segments between a checkpoint and a snapshot, newest first, and where a position is in them. */
static void test_log__live_segments(void **state)
{
    struct log_live live;
    struct rig rig;

    rig_open(&rig, *state, 1 << 24);
    shared_set_segment(&rig.shared, 3, 0);
    shared_set_segment(&rig.shared, 1, 60032);
    shared_set_segment(&rig.shared, 2, 120064);
    slot__log_live(&rig.log, 0, 130000, &live);
    assert_int_equal(live.n, 3);
    assert_int_equal(live.file[0], 2);
    assert_int_equal(live.file[2], 3);
    assert_true(slot__log_address(&rig.log, &live, 64192) == (UINT64_C(1) << 16 | 4160));
    assert_true(slot__log_address(&rig.log, &live, 124160) == (UINT64_C(2) << 16 | 4096));
    slot__log_live(&rig.log, 70000, 110000, &live);
    assert_int_equal(live.n, 1);
    assert_int_equal(live.file[0], 1);
    assert_true(slot__log_address(&rig.log, &live, 64) == LOG_NO_ADDRESS);
    slot__log_live(&rig.log, 120064, 120064, &live);
    assert_int_equal(live.n, 0);
    slot__log_live(&rig.log, 120063, 120065, &live);
    assert_int_equal(live.n, 2);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_log__index),
        fixture_test(test_log__index_that_is_full),
        fixture_test(test_log__index_gets_wider),
        fixture_test(test_log__space_is_taken_as_it_grows),
        fixture_test(test_log__batch_entries),
        fixture_test(test_log__batch_that_is_forgotten),
        fixture_test(test_log__batch_fills_the_log),
        fixture_test(test_log__scan_reads_what_was_sealed),
        fixture_test(test_log__scan_finds_the_end),
        fixture_test(test_log__scan_tells_damage_from_a_torn_end),
        fixture_test(test_log__scan_from_a_checkpoint),
        fixture_test(test_log__next_life),
        fixture_test(test_log__segment_sizes),
        fixture_test(test_log__live_segments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
