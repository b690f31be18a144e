/*
 * Helpers of all cases: paths, files, handles, the clock, and giving up.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "support/by_path.h"
#include "system.h"

static int say_status(const char *where, const slot_error *err)
{
    fprintf(stderr, "slotfile_bench: %s: %s (%s, system code %d)\n", where, err->what,
            slot_status_text(err->status), err->os_code);
    return 1;
}

static void tell(const char *what)
{
    fprintf(stderr, "slotfile_bench: %s\n", what);
}

static struct bench_errors errors = {1, tell, say_status};

void bench_set_errors(const struct bench_errors *wanted)
{
    errors = *wanted;
}

SLOT_PRINTF(1, 0)
static void complain(const char *what, va_list arguments)
{
    char line[PATH_BYTES + 256];

    vsnprintf(line, sizeof line, what, arguments);
    errors.tell(line);
}

int bench_complain(const char *what, ...)
{
    va_list arguments;

    va_start(arguments, what);
    complain(what, arguments);
    va_end(arguments);
    return errors.exit_code;
}

void bench_die(const char *what, ...)
{
    va_list arguments;

    va_start(arguments, what);
    complain(what, arguments);
    va_end(arguments);
    exit(errors.exit_code);
}

void must(slot_status status, const slot_error *err, const char *what)
{
    if (status != SLOT_OK)
        exit(errors.say(what, err));
}

void must_os(os_result result, const char *what)
{
    slot_error err = {.status = result.status, .os_code = result.code, .offset = SLOT_NO_OFFSET};

    if (os_ok(result))
        return;
    snprintf(err.what, sizeof err.what, "%s", slot_status_text(result.status));
    exit(errors.say(what, &err));
}

void *must_malloc(uint64_t n)
{
    void *memory = n <= SIZE_MAX ? malloc((size_t)n) : NULL;

    if (memory == NULL)
        bench_die("no memory for %llu bytes", (unsigned long long)n);
    return memory;
}

void bench_together(unsigned count, void (*work)(void *context), void *contexts, size_t size)
{
    struct system_thread *threads[THREADS_MAX];
    uint8_t *context = contexts;

    assert(count <= THREADS_MAX);
    for (unsigned i = 0; i < count; i++, context += size) {
        threads[i] = system_thread_start(work, context);
        if (threads[i] == NULL)
            bench_die("no thread can be started");
    }
    for (unsigned i = 0; i < count; i++)
        system_thread_join(threads[i]);
}

uint64_t clock_ns(const struct bench *bench)
{
    (void)bench;
    return system_clock_ns();
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
        bench_complain("a case with 16 times the records is left out");
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
    char out[PATH_BYTES], err[PATH_BYTES];

    bench_path(bench, output, out);
    bench_path(bench, "messages", err);
    snprintf(line, room, "cd . && \"%s\" %s >\"%s\" 2>\"%s\"", program, arguments, out, err);
    if (system(line) != 0)
        bench_die("failed: %s", line);
    free(line);
    bench_remove_file(bench, "messages");
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
    must_os(by_path_open(bench->os, path, flags, &file), path);
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
    if (by_path_kind(bench->os, path) != OS_KIND_NONE)
        must_os(by_path_remove_file(bench->os, path), path);
}

/* Any name in a directory; it ends the list. */
static bool take_name(void *context, const char *name)
{
    snprintf(context, PATH_BYTES, "%s", name);
    return false;
}

void bench_remove_tree(const struct bench *bench, const char *path)
{
    const struct os *os = bench->os;
    char name[PATH_BYTES], inside[PATH_BYTES];

    if (by_path_kind(os, path) != OS_KIND_DIR) {
        must_os(by_path_remove_file(os, path), path);
        return;
    }
    for (;;) {
        name[0] = 0;
        must_os(by_path_list(os, path, take_name, name), path);
        if (name[0] == 0)
            break;
        if (snprintf(inside, sizeof inside, "%s/%s", path, name) >= (int)sizeof inside)
            bench_die("%s: the path is too long", path);
        bench_remove_tree(bench, inside);
    }
    must_os(by_path_remove_dir(os, path), path);
}

void bench_make_dir(struct bench *bench, const char *dir)
{
    unsigned long long name = 0;

    must_os(bench->os->random(bench->os, &name, sizeof name), "random");
    if (snprintf(bench->dir, sizeof bench->dir, "%s/slotfile-bench-%08llx", dir,
                 name & 0xffffffffu) >= (int)sizeof bench->dir)
        bench_die("%s: the path is too long", dir);
    must_os(by_path_make_dir(bench->os, bench->dir), bench->dir);
}

/* ---- databases ---- */

void bench_destroy(const struct bench *bench, const char *name)
{
    char path[PATH_BYTES];
    slot_error err;

    bench_path(bench, name, path);
    if (by_path_kind(bench->os, path) != OS_KIND_NONE)
        must(slot_destroy(path, NULL, &err), &err, path);
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
