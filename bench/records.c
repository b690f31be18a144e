/*
 * The databases and files of the project's own cases, all of records of RECORD_SIZE bytes.
 */
#include <stdlib.h>

#include "bench.h"
#include "support/by_path.h"

#define WARM_TIMES     4u /* with fewer, every third pass is still slow */
#define WARM_BYTES_MAX (UINT64_C(256) << 20)

uint64_t file_sum(const struct bench *bench, struct os_file *file)
{
    const struct os *os = bench->os;
    uint64_t step = BUFFER_BYTES / RECORD_SIZE * RECORD_SIZE;
    uint8_t *buffer = must_malloc(step);
    uint64_t size = 0, sum = 0;

    must_os(os->size(os, file, &size), "size");
    for (uint64_t at = 0; at < size; at += step) {
        uint64_t n = size - at < step ? size - at : step;

        must_os(os->read_at(os, file, at, buffer, (size_t)n), "read");
        sum += records_sum(buffer, n / RECORD_SIZE);
    }
    free(buffer);
    return sum;
}

/* ---- page cache ---- */

static void warm_file(const struct bench *bench, const char *name, uint64_t n, uint64_t piece)
{
    struct os_file *file = bench_open_file(bench, name, OS_WRITE | OS_CREATE_NEW);
    uint8_t *buffer = must_malloc(piece);

    memset(buffer, 1, (size_t)piece);
    for (uint64_t at = 0; at < n; at += piece)
        must_os(bench->os->write_at(bench->os, file, at, buffer, (size_t)piece), "write");
    free(buffer);
    bench->os->close(bench->os, file);
}

/* Pieces that fit large pages and pieces that do not: each wants memory of another kind. */
void warm_page_cache(const struct bench *bench, uint64_t n)
{
    n = n < WARM_BYTES_MAX ? n : WARM_BYTES_MAX;
    warm_file(bench, "warm1", WARM_TIMES * n, BUFFER_BYTES);
    warm_file(bench, "warm2", WARM_TIMES * n, BUFFER_BYTES / RECORD_SIZE * RECORD_SIZE);
    bench_remove_file(bench, "warm1");
    bench_remove_file(bench, "warm2");
}

/* ---- records ---- */

void records_make(uint8_t *records, uint64_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++, records += RECORD_SIZE) {
        uint64_t number = first + i;

        memset(records, (int)(number & 0xff), RECORD_SIZE);
        memcpy(records, &number, sizeof number);
    }
}

uint64_t records_sum(const void *records, uint64_t count)
{
    const uint8_t *record = records;
    uint64_t sum = 0;

    for (uint64_t i = 0; i < count; i++, record += RECORD_SIZE)
        sum += record_field(record);
    return sum;
}

uint64_t record_use(const uint8_t *record)
{
    return record_field(record) + record[RECORD_SIZE - 1];
}

/* ---- databases ---- */

void bench_create(const struct bench *bench, const char *name)
{
    slot_schema *schema = NULL;
    char path[PATH_BYTES];
    slot_error err;

    bench_destroy(bench, name);
    bench_path(bench, name, path);
    must(slot_schema_sized(RECORD_SIZE, &schema, &err), &err, "schema");
    must(slot_create(path, schema, NULL, &err), &err, path);
    slot_schema_free(schema);
}

void bench_have_database(const struct bench *bench, const char *name)
{
    uint8_t *batch;
    char path[PATH_BYTES];
    slot_error err;
    slot_txn *txn;
    slot_db *db;

    bench_path(bench, name, path);
    if (by_path_kind(bench->os, path) != OS_KIND_NONE)
        return;
    bench_create(bench, name);
    batch = must_malloc(BATCH_RECORDS * RECORD_SIZE);
    db = bench_open(bench, name, 0);
    txn = bench_begin(db, SLOT_WRITE);
    for (uint64_t at = 0; at < bench->records; at += BATCH_RECORDS) {
        uint64_t left = bench->records - at;
        uint64_t count = left < BATCH_RECORDS ? left : BATCH_RECORDS;

        records_make(batch, at, count);
        must(slot_append(txn, batch, count, NULL, &err), &err, "append");
    }
    bench_commit(txn);
    bench_close(db);
    free(batch);
}

uint64_t bench_sum(slot_db *db)
{
    slot_txn *txn = bench_begin(db, SLOT_READ);
    slot_status status;
    uint64_t sum = 0;
    slot_error err;
    slot_run run;

    for (uint64_t n = 0; (status = slot_scan(txn, n, UINT64_MAX, &run, &err)) == SLOT_OK;
         n = run.first + run.count)
        sum += records_sum(run.records, run.count);
    if (status != SLOT_NOT_FOUND)
        must(status, &err, "scan");
    slot_end(txn);
    return sum;
}
