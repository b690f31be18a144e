/*
 * Helpers of all cases: files, databases, records, the clock, and giving up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bench.h"
#include "peer.h"

#define WARM_TIMES     4u /* with fewer, every third pass is still slow */
#define WARM_BYTES_MAX (UINT64_C(256) << 20)

void bench_die(const char *what, ...)
{
    va_list arguments;

    va_start(arguments, what);
    fputs("slotfile_bench: ", stderr);
    vfprintf(stderr, what, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

void must(slot_status status, const slot_error *err, const char *what)
{
    if (status != SLOT_OK)
        bench_die("%s: %s (%s, system code %d)", what, err->what, slot_status_text(status),
                  err->os_code);
}

void must_os(os_result result, const char *what)
{
    if (!os_ok(result))
        bench_die("%s: %s (system code %d)", what, slot_status_text(result.status), result.code);
}

void *must_malloc(uint64_t n)
{
    void *memory = n <= SIZE_MAX ? malloc((size_t)n) : NULL;

    if (memory == NULL)
        bench_die("no memory for %llu bytes", (unsigned long long)n);
    return memory;
}

uint64_t clock_ns(const struct bench *bench)
{
#if defined(TIME_UTC)
    struct timespec now;

    (void)bench;
    if (timespec_get(&now, TIME_UTC) != TIME_UTC)
        bench_die("there is no clock");
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
#else
    /* A C library from before C11: good enough to see that everything runs. */
    return bench->os->clock_ms(bench->os) * UINT64_C(1000000);
#endif
}

uint64_t bench_scaled(const struct bench *bench, uint64_t at_million)
{
    uint64_t records = bench->records < 1000000 ? bench->records : 1000000;
    uint64_t scaled = at_million * records / 1000000;

    return scaled > 20 ? scaled : 20;
}

#define ENLARGED 16u

bool bench_enlarge(struct bench *bench)
{
    /* Record numbers have 32 bits here, and a mapping of the whole file has to find room. */
    if (bench->records > UINT32_MAX / ENLARGED ||
        bench->records * ENLARGED * RECORD_SIZE > SIZE_MAX / 4) {
        fprintf(stderr, "slotfile_bench: a case with 16 times the records is left out\n");
        return false;
    }
    bench->records *= ENLARGED;
    return true;
}

void bench_reduce(struct bench *bench)
{
    bench->records /= ENLARGED;
}

/* The quotes are those that both shells have, and `cd .` is there because cmd.exe drops the quotes
 * of a line that begins with one. */
void bench_run(const struct bench *bench, const char *program, const char *arguments,
               const char *output)
{
    size_t room = strlen(program) + strlen(arguments) + 2 * PATH_BYTES;
    char *line = must_malloc(room);
    char out[PATH_BYTES], err[PATH_BYTES], messages[PATH_BYTES];

    snprintf(messages, sizeof messages, "%s.messages", output); /* others may run meanwhile */
    bench_path(bench, output, out);
    bench_path(bench, messages, err);
    snprintf(line, room, "cd . && \"%s\" %s >\"%s\" 2>\"%s\"", program, arguments, out, err);
    if (system(line) != 0)
        bench_die("failed: %s", line);
    free(line);
    bench_remove_file(bench, messages);
}

/* ---- files ---- */

void bench_path(const struct bench *bench, const char *name, char *path)
{
    int n = snprintf(path, PATH_BYTES, "%s/%s", bench->dir, name);

    if (n < 0 || (unsigned)n >= PATH_BYTES)
        bench_die("%s: the path is too long", bench->dir);
}

struct os_file *bench_open_file(const struct bench *bench, const char *name, int flags)
{
    struct os_file *file = NULL;
    char path[PATH_BYTES];

    bench_path(bench, name, path);
    must_os(bench->os->open(bench->os, path, flags, &file), path);
    return file;
}

struct os_file *bench_open_records(const struct bench *bench, const char *name)
{
    char records[256];

    snprintf(records, sizeof records, "%s/records", name);
    return bench_open_file(bench, records, OS_READ | OS_WRITE);
}

void bench_remove_file(const struct bench *bench, const char *name)
{
    char path[PATH_BYTES];

    bench_path(bench, name, path);
    if (bench->os->kind(bench->os, path) != OS_KIND_NONE)
        must_os(bench->os->remove_file(bench->os, path), path);
}

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

void bench_destroy(const struct bench *bench, const char *name)
{
    char path[PATH_BYTES];
    slot_error err;

    bench_path(bench, name, path);
    if (bench->os->kind(bench->os, path) != OS_KIND_NONE)
        must(slot_destroy(path, NULL, &err), &err, path);
}

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
    if (bench->os->kind(bench->os, path) != OS_KIND_NONE)
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

slot_db *bench_open_with(const struct bench *bench, const char *name, const slot_options *options)
{
    char path[PATH_BYTES];
    slot_db *db = NULL;
    slot_error err;

    bench_path(bench, name, path);
    must(slot_open(path, options, &db, &err), &err, path);
    return db;
}

slot_db *bench_open(const struct bench *bench, const char *name, uint64_t budget)
{
    slot_options options;

    slot_options_init(&options);
    options.map_budget = budget;
    return bench_open_with(bench, name, &options);
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

slot_txn *bench_begin(slot_db *db, slot_mode mode)
{
    slot_txn *txn = NULL;
    slot_error err;

    must(slot_begin(db, mode, &txn, &err), &err, "begin");
    return txn;
}

void bench_commit(slot_txn *txn)
{
    slot_error err;

    must(slot_commit(txn, &err), &err, "commit");
}

void bench_close(slot_db *db)
{
    slot_error err;

    must(slot_close(db, &err), &err, "close");
}

#define RECORDS_APART 30u /* so many are less than a page of anybody */

void peer_break_in(const struct bench *bench, const struct peer *peer, struct peer_db *db)
{
    uint8_t record[RECORD_SIZE];

    peer->begin(db);
    for (uint64_t n = 0; n < bench->records; n += RECORDS_APART) {
        records_make(record, n, 1);
        peer->put(db, n, record);
    }
    peer->commit(db);
    peer->checkpoint(db);
}
