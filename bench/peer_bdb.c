/*
 * Berkeley DB's Queue, its access method for records with a fixed length and a number, in a
 * transactional environment: a log, a page cache that holds all records, a checkpoint for every
 * 64 MiB of log. Numbers begin with 1. One process and one thread use it, so the environment is
 * private to the process and has no locks, as the manual allows.
 *
 * Durable: DB_TXN_SYNC. Others: DB_TXN_WRITE_NOSYNC, the log is written and not flushed. Queue
 * has no snapshots, and without locks a read transaction would do nothing: reads are single gets,
 * and a bulk cursor for a scan.
 *
 * Where CMake did not find it, there is nothing here.
 */
#include "peer.h"

#if BENCH_BDB

#include <db.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "support/by_path.h"

#define FILE_NAME        "queue"
#define LOG_BUFFER       (UINT32_C(4) << 20)
#define LOG_FILE         (UINT32_C(64) << 20)
#define CHECKPOINT_KIB   (UINT32_C(64) << 10)
#define BULK_BYTES       (UINT32_C(1) << 20)
#define CACHED_BYTES     160u /* for each record: its share of a page, and what the cache adds */
#define CACHE_LEAST      (UINT64_C(32) << 20)
#define DIRECTORY_ENDING ".bdb"

struct peer_db {
    DB_ENV *env;
    DB *handle;
    DB_TXN *txn;
    uint8_t *bulk;
};

static void must_bdb(int result, const char *what)
{
    if (result != 0)
        bench_die("Berkeley DB: %s: %s", what, db_strerror(result));
}

static void directory(const struct bench *bench, const char *name, char *path)
{
    char file[PATH_BYTES];

    snprintf(file, sizeof file, "%s" DIRECTORY_ENDING, name);
    bench_path(bench, file, path);
}

/* ---- files ---- */

struct listing {
    char first[256]; /* some name in the directory, or "" */
};

static bool take_first(void *context, const char *name)
{
    struct listing *listing = context;

    snprintf(listing->first, sizeof listing->first, "%s", name);
    return false;
}

static void destroy(const struct bench *bench, const char *name)
{
    const struct os *os = bench->os;
    char path[PATH_BYTES], file[PATH_BYTES + 512];
    struct listing listing = {""};

    directory(bench, name, path);
    if (by_path_kind(os, path) == OS_KIND_NONE)
        return;
    must_os(by_path_list(os, path, take_first, &listing), path);
    while (listing.first[0] != 0) {
        snprintf(file, sizeof file, "%s/%s", path, listing.first);
        must_os(by_path_remove_file(os, file), file);
        listing.first[0] = 0;
        must_os(by_path_list(os, path, take_first, &listing), path);
    }
    must_os(by_path_remove_dir(os, path), path);
}

/* ---- opening ---- */

static DB_ENV *open_environment(const struct bench *bench, const char *path, bool durable)
{
    uint64_t cache = bench->records * CACHED_BYTES + CACHE_LEAST;
    u_int32_t flags = DB_CREATE | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_MPOOL | DB_PRIVATE |
                      DB_RECOVER; /* whose end a private environment does not remember */
    DB_ENV *env;

    must_bdb(db_env_create(&env, 0), "environment");
    must_bdb(env->set_cachesize(env, (u_int32_t)(cache >> 30), (u_int32_t)(cache & 0x3fffffff), 1),
             "cache size");
    must_bdb(env->set_lg_bsize(env, LOG_BUFFER), "log buffer");
    must_bdb(env->set_lg_max(env, LOG_FILE), "log file");
    must_bdb(env->log_set_config(env, DB_LOG_AUTO_REMOVE, 1), "log removal");
    if (!durable)
        must_bdb(env->set_flags(env, DB_TXN_WRITE_NOSYNC, 1), "no sync");
    must_bdb(env->open(env, path, flags, 0), path);
    return env;
}

static struct peer_db *open_database(const struct bench *bench, const char *name, bool durable)
{
    struct peer_db *db = must_malloc(sizeof *db);
    char path[PATH_BYTES];

    directory(bench, name, path);
    db->env = open_environment(bench, path, durable);
    db->bulk = must_malloc(BULK_BYTES);
    db->txn = NULL;
    must_bdb(db_create(&db->handle, db->env, 0), "handle");
    must_bdb(db->handle->set_re_len(db->handle, RECORD_SIZE), "record length");
    must_bdb(db->handle->open(db->handle, NULL, FILE_NAME, NULL, DB_QUEUE,
                              DB_CREATE | DB_AUTO_COMMIT, 0),
             "open");
    return db;
}

static void close_database(struct peer_db *db)
{
    must_bdb(db->handle->close(db->handle, 0), "close");
    must_bdb(db->env->txn_checkpoint(db->env, 0, 0, 0), "checkpoint");
    must_bdb(db->env->close(db->env, 0), "close");
    free(db->bulk);
    free(db);
}

/* Opening makes the rest. */
static void make(const struct bench *bench, const char *name)
{
    char path[PATH_BYTES];

    directory(bench, name, path);
    must_os(by_path_make_dir(bench->os, path), path);
}

/* ---- writing ---- */

static void write_home(struct peer_db *db, u_int32_t log_kib)
{
    must_bdb(db->env->txn_checkpoint(db->env, log_kib, 0, 0), "checkpoint");
}

/* The log of large transactions goes home before the next one. */
static void begin(struct peer_db *db)
{
    write_home(db, CHECKPOINT_KIB);
    must_bdb(db->env->txn_begin(db->env, NULL, &db->txn, 0), "begin");
}

static void put_with(struct peer_db *db, DB_TXN *txn, uint64_t recno, const uint8_t *record)
{
    db_recno_t number = (db_recno_t)recno + 1;
    DBT key = {.data = &number, .size = sizeof number};
    DBT data = {.data = (void *)(uintptr_t)record, .size = RECORD_SIZE};
    int result = db->handle->put(db->handle, txn, &key, &data, 0);

    if (result != 0)
        must_bdb(result, "put");
}

static void put(struct peer_db *db, uint64_t recno, const uint8_t *record)
{
    put_with(db, db->txn, recno, record);
}

static void commit(struct peer_db *db)
{
    must_bdb(db->txn->commit(db->txn, 0), "commit");
    db->txn = NULL;
}

/* The handle makes a transaction of it. */
static void put_alone(struct peer_db *db, uint64_t recno, const uint8_t *record)
{
    put_with(db, NULL, recno, record);
    write_home(db, CHECKPOINT_KIB);
}

static void checkpoint(struct peer_db *db)
{
    write_home(db, 0);
}

/* ---- reading ---- */

static void begin_read(struct peer_db *db)
{
    (void)db;
}

static void get(struct peer_db *db, uint64_t recno, uint8_t *record)
{
    db_recno_t number = (db_recno_t)recno + 1;
    DBT key = {.data = &number, .size = sizeof number};
    DBT data = {.data = record, .ulen = RECORD_SIZE, .flags = DB_DBT_USERMEM};
    int result = db->handle->get(db->handle, NULL, &key, &data, 0);

    if (result != 0 || data.size != RECORD_SIZE)
        must_bdb(result != 0 ? result : DB_NOTFOUND, "get");
}

static void end_read(struct peer_db *db)
{
    (void)db;
}

static uint64_t sum_bulk(DBT *data)
{
    uint64_t total = 0;
    void *at, *record;
    size_t n;

    DB_MULTIPLE_INIT(at, data);
    for (;;) {
        DB_MULTIPLE_NEXT(at, data, record, n);
        if (record == NULL)
            return total;
        if (n != RECORD_SIZE)
            bench_die("Berkeley DB: a record has another size");
        total += record_field(record);
    }
}

static uint64_t sum(struct peer_db *db)
{
    DBT key = {.data = NULL};
    DBT data = {.data = db->bulk, .ulen = BULK_BYTES, .flags = DB_DBT_USERMEM};
    uint64_t total = 0;
    DBC *cursor;
    int result;

    must_bdb(db->handle->cursor(db->handle, NULL, &cursor, 0), "cursor");
    while ((result = cursor->get(cursor, &key, &data, DB_MULTIPLE | DB_NEXT)) == 0)
        total += sum_bulk(&data);
    if (result != DB_NOTFOUND)
        must_bdb(result, "next");
    must_bdb(cursor->close(cursor), "cursor");
    return total;
}

static const struct peer bdb = {
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

const struct peer *peer_bdb(void)
{
    return &bdb;
}

const char *peer_bdb_version(void)
{
    static char version[64];
    int major, minor, patch;

    (void)db_version(&major, &minor, &patch);
    snprintf(version, sizeof version, "Berkeley DB %d.%d.%d", major, minor, patch);
    return version;
}

#else

PEER_NOT_BUILT_IN(bdb)

#endif
