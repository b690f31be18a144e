/*
 * Proves about opening a database after a crash, whatever is in its files: there is an answer, and
 * what can be opened can be read, verified, changed and closed, without a crash or an end that
 * never comes. An input says which bytes of which files to change; some inputs have the frames of
 * the log sealed again, so that what they say is believed.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checksum.h"
#include "db/handle.h"
#include "support/by_path.h"
#include "support/fixture.h"
#include "support/tmpdir.h"

#define N      125
#define LIMIT  (256u << 10)
#define INPUTS 1500u /* of the many that come without an engine */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"log/00",  "log/01", "meta",   "shared",
                                    "deleted", "sums",   "records"};
#define NAMES (sizeof names / sizeof names[0])

static struct image {
    char *dir, *path;
    slot_options options;
    struct os os;
    uint8_t *bytes[NAMES];
    size_t n[NAMES];
} image;

static os_result no_sync(const struct os *os, struct os_file *file)
{
    (void)os, (void)file;
    return os_success();
}

static void must(bool good)
{
    if (!good)
        abort();
}

static void remove_image(void)
{
    tmpdir_remove(image.dir);
    free(image.path);
    for (size_t i = 0; i < NAMES; i++)
        free(image.bytes[i]);
}

static void file_io(size_t which, bool write)
{
    char *path = tmpdir_join(image.path, names[which]);
    const struct os *os = &image.os;
    struct os_file *file = NULL;
    uint64_t size = image.n[which];

    if (!write || os_ok(by_path_remove_file(os, path)) || size > 0) {
        os_result result =
            by_path_open(os, path, write ? OS_WRITE | OS_CREATE_NEW : OS_READ, &file);

        if (result.status == SLOT_E_NO_FILE && !write) {
            image.n[which] = 0;
        } else {
            must(os_ok(result));
            if (!write) {
                must(os_ok(os->size(os, file, &size)));
                image.n[which] = (size_t)size;
                image.bytes[which] = malloc((size_t)size + 1);
                must(image.bytes[which] != NULL &&
                     os_ok(os->read_at(os, file, 0, image.bytes[which], (size_t)size)));
            } else {
                must(os_ok(os->write_at(os, file, 0, image.bytes[which], (size_t)size)));
            }
            os->close(os, file);
        }
    }
    free(path);
}

/* Some transactions behind the last checkpoint, as a crash leaves them. */
static void make_image(void)
{
    slot_schema *schema = NULL;
    slot_db *db = NULL;
    uint8_t record[N];

    image.dir = tmpdir_make();
    image.path = tmpdir_join(image.dir, "test.slots");
    image.os = *slot__os_native();
    image.os.sync = no_sync;
    slot_options_init(&image.options);
    image.options.log_limit_bytes = LIMIT;
    image.options.checkpoint_bytes = LIMIT;
    image.options.wait_ms = 0;
    must(slot_schema_sized(N, &schema, NULL) == SLOT_OK);
    must(slot__db_create_on(&image.os, image.path, schema, &image.options, NULL) == SLOT_OK);
    slot_schema_free(schema);
    must(slot__db_open_on(&image.os, image.path, &image.options, &db, NULL) == SLOT_OK);
    for (uint64_t i = 0; i < 4; i++) {
        slot_txn *txn = NULL;

        must(slot_begin(db, SLOT_WRITE, &txn, NULL) == SLOT_OK);
        for (uint64_t k = 0; k < (i == 0 ? 120u : 100u); k++) {
            record_fill(record, N, k, i);
            must((i == 0 ? slot_append(txn, record, 1, NULL, NULL)
                         : slot_put(txn, k, record, NULL)) == SLOT_OK);
        }
        must(slot_delete(txn, 120 - i - 1, NULL) == SLOT_OK);
        if (i > 0)
            must(slot_insert(txn, record, NULL, NULL) == SLOT_OK);
        must(slot_commit(txn, NULL) == SLOT_OK);
        if (i == 0)
            must(slot_checkpoint(db, NULL) == SLOT_OK);
    }
    for (size_t i = 0; i < NAMES; i++)
        file_io(i, false);
    must(slot_close(db, NULL) == SLOT_OK);
    (void)atexit(remove_image);
}

/* Header checks and chain of all frames of a segment, made to fit from front to back. */
static void seal_again(uint8_t *bytes, size_t n)
{
    uint64_t chain;

    if (n < SEGMENT_HEADER_BYTES)
        return;
    put_u64(bytes + 4088, slot__checksum(bytes, 4088, 0));
    chain = get_u64(bytes + 40);
    for (size_t at = SEGMENT_HEADER_BYTES; at + FRAME_HEADER_BYTES <= n;) {
        uint8_t *header = bytes + at;
        uint32_t length = get_u32(header + 28);
        uint64_t key = get_u64(header + 16);
        size_t body = (key >> 56 & FRAME_BODY) == 0 ? 0
                      : key_is_deleted(key)         ? BITMAP_BLOCK_BYTES
                                                    : 4000;
        uint64_t check;

        if (length < FRAME_HEADER_BYTES || length > n - at || body > n - at - FRAME_HEADER_BYTES)
            return;
        put_u16(header + 46, 0);
        put_u16(header + 54, 0);
        check = slot__checksum(header, 56, 0);
        put_u16(header + 46, (uint16_t)check);
        put_u16(header + 54, (uint16_t)(check >> 16));
        chain = slot__frame_chain(chain, header, header + FRAME_HEADER_BYTES, body);
        put_u64(header + 56, chain);
        at += length;
    }
}

/* Where in a file: mostly where headers are. */
static size_t place(size_t which, uint32_t word)
{
    size_t n = image.n[which];

    if (which < 2 && word % 4 != 0) /* the header of a frame */
        return (SEGMENT_HEADER_BYTES + word / 64 % 16 * 4096 + word % 64) % n;
    if (which == 2)
        return (word % 2 * 4096 + word / 2 % 144) % n;
    return word % n;
}

static void apply(const uint8_t *data, size_t size)
{
    uint8_t *kept[NAMES];
    bool seal = size > 0 && data[0] % 2 == 0, sum = size > 0 && data[0] % 4 < 2;

    for (size_t i = 0; i < NAMES; i++) {
        kept[i] = image.bytes[i];
        image.bytes[i] = malloc(image.n[i] + 1);
        must(image.bytes[i] != NULL);
        if (image.n[i] > 0)
            memcpy(image.bytes[i], kept[i], image.n[i]);
    }
    for (size_t at = 1; at + 5 <= size && at < 60; at += 5) {
        size_t which = data[at] % 16 < 9 ? 0 : data[at] % 16 - 9u;

        if (image.n[which] > 0)
            image.bytes[which][place(which, get_u32(data + at + 1))] ^= data[at] >> 4 | 1;
    }
    for (size_t i = 0; i < 2 && seal; i++)
        seal_again(image.bytes[i], image.n[i]);
    for (size_t slot = 0; slot + 4096 <= image.n[2] && sum; slot += 4096)
        put_u64(image.bytes[2] + slot + 4088, slot__checksum(image.bytes[2] + slot, 4088, 0));
    for (size_t i = 0; i < NAMES; i++) {
        file_io(i, true);
        free(image.bytes[i]);
        image.bytes[i] = kept[i];
    }
}

/* Everything that can be done with it, whatever the answers. */
static void use(slot_db *db)
{
    slot_txn *txn = NULL;
    uint8_t record[N];
    slot_run run;

    (void)slot_verify(db, NULL, NULL, NULL);
    if (slot_begin(db, SLOT_READ, &txn, NULL) == SLOT_OK) {
        for (uint64_t recno = 0; recno < 200; recno++)
            (void)slot_get(txn, recno, record, NULL);
        (void)slot_get(txn, slot_records(txn) - 1, record, NULL);
        (void)slot_scan(txn, 3, UINT64_MAX, &run, NULL);
        slot_end(txn);
    }
    if (slot_begin(db, SLOT_WRITE, &txn, NULL) == SLOT_OK) {
        (void)slot_put(txn, 5, record, NULL);
        (void)slot_delete(txn, 6, NULL);
        (void)slot_insert(txn, record, NULL, NULL);
        (void)slot_commit(txn, NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint32_t inputs;
    slot_db *db = NULL;
    char *log;

#ifndef SLOT_FUZZ_ENGINE
    if (inputs >= INPUTS)
        return 0;
#endif
    if (inputs++ == 0)
        make_image();
    log = tmpdir_join(image.path, "log");
    (void)by_path_make_dir(&image.os, log);
    free(log);
    apply(data, size);
    if (slot__db_open_on(&image.os, image.path, &image.options, &db, NULL) == SLOT_OK) {
        use(db);
        (void)slot_close(db, NULL);
    }
    return 0;
}
