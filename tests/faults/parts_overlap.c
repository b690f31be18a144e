/*
 * Threads share a scan: each goes through one of its parts. A block mostly holds a number of
 * records that is no power of two, and a part that began at a multiple of the next smaller mask
 * began in the middle of the part before.
 *
 * Right: all parts together visit each record once, and none but the first begins inside a block.
 */
#include <string.h>

#include "faults.h"

#define RECORDS     800u
#define BLOCK_BYTES 4096u

static unsigned visits[RECORDS];

/* One part; false: it begins inside a block. */
static bool visit(slot_txn *txn, const slot_scan_options *options, uint32_t block_records)
{
    slot_error error = {0};
    slot_cursor cursor;
    slot_run run;
    uint64_t lowest = UINT64_MAX;

    MUST(slot_cursor_init(&cursor, txn, options, &error));
    while (slot_cursor_next(&cursor, &run, &error) == SLOT_OK) {
        for (uint64_t i = 0; i < run.count; i++) {
            uint64_t recno = run.first + (uint64_t)((int64_t)i * run.step);

            visits[recno]++;
            lowest = recno < lowest ? recno : lowest;
        }
    }
    return lowest == UINT64_MAX || lowest == options->first || lowest % block_records == 0;
}

static int check(slot_txn *txn, slot_scan_options options, uint32_t record_size)
{
    uint32_t block_records = record_size < BLOCK_BYTES ? BLOCK_BYTES / record_size : 1;
    bool whole_blocks = true;
    uint64_t wrong = 0;

    memset(visits, 0, sizeof visits);
    for (options.part = 0; options.part < options.parts; options.part++)
        whole_blocks = visit(txn, &options, block_records) && whole_blocks;
    for (uint64_t i = 0; i < RECORDS; i++)
        wrong += visits[i] != (i >= options.first && i < options.end);
    if (wrong == 0 && whole_blocks)
        return 0;
    printf("%u bytes, records %llu to %llu, %u parts: %llu not visited once, %s\n", record_size,
           (unsigned long long)options.first, (unsigned long long)options.end, options.parts,
           (unsigned long long)wrong, whole_blocks ? "at blocks" : "a part begins inside a block");
    return 1;
}

static int check_size(const char *root, uint32_t record_size)
{
    static const uint8_t zeros[4096];
    char path[4096];
    slot_error error = {0};
    slot_db *db;
    slot_txn *txn;
    int bad = 0;

    snprintf(path, sizeof path, "%s-%u", root, record_size);
    fault_create(path, record_size);
    MUST(slot_open(path, NULL, &db, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    for (uint64_t i = 0; i < RECORDS; i++)
        MUST(slot_append(txn, zeros, 1, NULL, &error));
    MUST(slot_commit(txn, &error));
    MUST(slot_begin(db, SLOT_READ, &txn, &error));
    for (uint32_t parts = 2; parts <= 32; parts *= 2) {
        for (uint64_t end = 50; end <= RECORDS; end *= 4) {
            slot_scan_options options = {.end = end, .parts = parts};

            bad += check(txn, options, record_size);
            options.backward = true;
            options.first = 7;
            bad += check(txn, options, record_size);
        }
    }
    slot_end(txn);
    MUST(slot_close(db, &error));
    return bad;
}

int main(int argc, char **argv)
{
    static const uint32_t sizes[] = {1, 30, 64, 100, 124, 125, 500, 1365, 4095};
    int bad = 0;

    if (argc < 2)
        return FAULT_SETUP;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        bad += check_size(argv[1], sizes[i]);
    return bad == 0 ? FAULT_RIGHT : FAULT_WRONG;
}
