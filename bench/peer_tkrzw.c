/*
 * Tkrzw's HashDBM, the fastest of that library on disk: keys are record numbers of 8 bytes, as many
 * buckets as records, the file mapped as it comes. Values are read in place by a callback, which
 * spares a copy on the heap.
 *
 * Durable: set, then synchronize with `hard`. That is not atomic, and there are no transactions
 * over several records. Not durable: a set, and nothing more; a crash of the machine may leave any
 * mixture. There are no read transactions: a get sees whatever was set.
 *
 * Where CMake did not find it, there is nothing here.
 */
#include "peer.h"

#if BENCH_TKRZW

#include <stdio.h>
#include <stdlib.h>
#include <tkrzw_langc.h>

#include "bench.h"

struct peer_db {
    TkrzwDBM *handle;
    bool durable;
};

static void must_tkrzw(bool done, const char *what)
{
    if (!done)
        bench_die("Tkrzw: %s: %s", what, tkrzw_get_last_status_message());
}

static void file_name(const char *name, char *file)
{
    snprintf(file, PATH_BYTES, "%s.tkh", name);
}

static void destroy(const struct bench *bench, const char *name)
{
    char file[PATH_BYTES];

    file_name(name, file);
    bench_remove_file(bench, file);
}

static struct peer_db *open_database(const struct bench *bench, const char *name, bool durable)
{
    struct peer_db *db = must_malloc(sizeof *db);
    char file[PATH_BYTES], path[PATH_BYTES], options[128];

    file_name(name, file);
    bench_path(bench, file, path);
    snprintf(options, sizeof options, "dbm=HashDBM,num_buckets=%llu",
             (unsigned long long)bench->records);
    db->handle = tkrzw_dbm_open(path, true, options);
    must_tkrzw(db->handle != NULL, path);
    db->durable = durable;
    return db;
}

static void close_database(struct peer_db *db)
{
    must_tkrzw(tkrzw_dbm_close(db->handle), "close");
    free(db);
}

/* Opening makes it. */
static void make(const struct bench *bench, const char *name)
{
    (void)bench, (void)name;
}

static void begin(struct peer_db *db)
{
    (void)db;
}

static void put(struct peer_db *db, uint64_t recno, const uint8_t *record)
{
    char key[sizeof recno];

    memcpy(key, &recno, sizeof key);
    if (!tkrzw_dbm_set(db->handle, key, sizeof key, (const char *)record, RECORD_SIZE, true))
        must_tkrzw(false, "set");
}

static void commit(struct peer_db *db)
{
    if (db->durable)
        must_tkrzw(tkrzw_dbm_synchronize(db->handle, true, NULL, NULL, ""), "synchronize");
}

static void put_alone(struct peer_db *db, uint64_t recno, const uint8_t *record)
{
    put(db, recno, record);
    commit(db);
}

/* Everything is in its final place already. */
static void checkpoint(struct peer_db *db)
{
    (void)db;
}

static void begin_read(struct peer_db *db)
{
    (void)db;
}

static const char *copy_out(void *context, const char *key, int32_t key_bytes, const char *value,
                            int32_t value_bytes, int32_t *new_bytes)
{
    (void)key, (void)key_bytes, (void)new_bytes;
    if (value_bytes != (int32_t)RECORD_SIZE)
        bench_die("Tkrzw: a record is missing or has another size");
    memcpy(context, value, RECORD_SIZE);
    return TKRZW_REC_PROC_NOOP;
}

static void get(struct peer_db *db, uint64_t recno, uint8_t *record)
{
    char key[sizeof recno];

    memcpy(key, &recno, sizeof key);
    if (!tkrzw_dbm_process(db->handle, key, sizeof key, copy_out, record, false))
        must_tkrzw(false, "process");
}

static void end_read(struct peer_db *db)
{
    (void)db;
}

/* Called once before the first and once behind the last, too, without a value. */
static const char *add_up(void *context, const char *key, int32_t key_bytes, const char *value,
                          int32_t value_bytes, int32_t *new_bytes)
{
    uint64_t *total = context;

    (void)key, (void)key_bytes, (void)new_bytes;
    if (value_bytes == (int32_t)RECORD_SIZE)
        *total += record_field((const uint8_t *)value);
    return TKRZW_REC_PROC_NOOP;
}

static uint64_t sum(struct peer_db *db)
{
    uint64_t total = 0;

    must_tkrzw(tkrzw_dbm_process_each(db->handle, add_up, &total, false), "process each");
    return total;
}

static const struct peer tkrzw = {
    .make = make,
    .destroy = destroy,
    .open = open_database,
    .close = close_database,
    .begin = begin,
    .put = put,
    .append = put,
    .commit = commit,
    .put_alone = put_alone,
    .checkpoint = checkpoint,
    .begin_read = begin_read,
    .get = get,
    .end_read = end_read,
    .sum = sum,
};

const struct peer *peer_tkrzw(void)
{
    return &tkrzw;
}

const char *peer_tkrzw_version(void)
{
    static char version[64];

    snprintf(version, sizeof version, "Tkrzw %s", TKRZW_PACKAGE_VERSION);
    return version;
}

#else

PEER_NOT_BUILT_IN(tkrzw)

#endif
