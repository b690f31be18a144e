/*
 * LMDB as its manual has it: integer keys in the one unnamed database, durable commits unless
 * asked for others. Where CMake did not find it, there is nothing here.
 */
#include "peer.h"

#if BENCH_LMDB

#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

struct peer_db {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    bool has_dbi; /* a handle lasts once the transaction that opened it was committed */
};

static void must_lmdb(int result, const char *what)
{
    if (result != MDB_SUCCESS)
        bench_die("LMDB: %s: %s", what, mdb_strerror(result));
}

static void file_name(const char *name, const char *ending, char *file)
{
    snprintf(file, PATH_BYTES, "%s.lmdb%s", name, ending);
}

static void destroy(const struct bench *bench, const char *name)
{
    char file[PATH_BYTES];

    file_name(name, "", file);
    bench_remove_file(bench, file);
    file_name(name, "-lock", file);
    bench_remove_file(bench, file);
}

/* Room for the records, for the tree's pages being half full, and for as many again: a transaction
 * writes new pages before it can free old ones. */
static size_t map_size(const struct bench *bench)
{
    return (size_t)(bench->records * (RECORD_SIZE + 24u) * 5 + (UINT64_C(64) << 20));
}

static struct peer_db *open_database(const struct bench *bench, const char *name, bool durable)
{
    struct peer_db *db = must_malloc(sizeof *db);
    char file[PATH_BYTES], path[PATH_BYTES];
    unsigned flags = MDB_NOSUBDIR | (durable ? 0u : (unsigned)MDB_NOMETASYNC);

    db->has_dbi = false;
    file_name(name, "", file);
    bench_path(bench, file, path);
    must_lmdb(mdb_env_create(&db->env), "create");
    must_lmdb(mdb_env_set_mapsize(db->env, map_size(bench)), "map size");
    must_lmdb(mdb_env_open(db->env, path, flags, 0644), path);
    return db;
}

static void close_database(struct peer_db *db)
{
    mdb_env_close(db->env);
    free(db);
}

static void begin_with(struct peer_db *db, unsigned flags)
{
    must_lmdb(mdb_txn_begin(db->env, NULL, flags, &db->txn), "begin");
    if (!db->has_dbi) {
        unsigned create_too = (flags & MDB_RDONLY) != 0 ? 0u : (unsigned)MDB_CREATE;

        must_lmdb(mdb_dbi_open(db->txn, NULL, MDB_INTEGERKEY | create_too, &db->dbi), "dbi");
        db->has_dbi = true;
    }
}

static void begin(struct peer_db *db)
{
    begin_with(db, 0);
}

static void put_with(struct peer_db *db, uint64_t recno, const uint8_t *record, unsigned flags)
{
    size_t number = (size_t)recno;
    MDB_val key = {sizeof number, &number};
    MDB_val value = {RECORD_SIZE, (void *)(uintptr_t)record};

    must_lmdb(mdb_put(db->txn, db->dbi, &key, &value, flags), "put");
}

static void put(struct peer_db *db, uint64_t recno, const uint8_t *record)
{
    put_with(db, recno, record, 0);
}

static void commit(struct peer_db *db)
{
    must_lmdb(mdb_txn_commit(db->txn), "commit");
}

static void put_alone(struct peer_db *db, uint64_t recno, const uint8_t *record)
{
    begin(db);
    put(db, recno, record);
    commit(db);
}

static void append(struct peer_db *db, uint64_t recno, const uint8_t *record)
{
    put_with(db, recno, record, MDB_APPEND);
}

/* The first write transaction makes it. */
static void make(const struct bench *bench, const char *name)
{
    (void)bench, (void)name;
}

/* Everything is in its final place already. */
static void checkpoint(struct peer_db *db)
{
    (void)db;
}

static void begin_read(struct peer_db *db)
{
    begin_with(db, MDB_RDONLY);
}

static void get(struct peer_db *db, uint64_t recno, uint8_t *record)
{
    size_t number = (size_t)recno;
    MDB_val key = {sizeof number, &number}, value;

    must_lmdb(mdb_get(db->txn, db->dbi, &key, &value), "get");
    memcpy(record, value.mv_data, RECORD_SIZE);
}

/* Not abort: the handle of the database would be gone. */
static void end_read(struct peer_db *db)
{
    commit(db);
}

static uint64_t sum(struct peer_db *db)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    uint64_t total = 0;
    int result;

    begin_read(db);
    must_lmdb(mdb_cursor_open(db->txn, db->dbi, &cursor), "cursor");
    while ((result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == MDB_SUCCESS)
        total += record_field(value.mv_data);
    if (result != MDB_NOTFOUND)
        must_lmdb(result, "next");
    mdb_cursor_close(cursor);
    end_read(db);
    return total;
}

static const struct peer lmdb = {
    .make = make,
    .destroy = destroy,
    .open = open_database,
    .close = close_database,
    .begin = begin,
    .put = put,
    .append = append,
    .commit = commit,
    .put_alone = put_alone,
    .checkpoint = checkpoint,
    .begin_read = begin_read,
    .get = get,
    .end_read = end_read,
    .sum = sum,
};

const struct peer *peer_lmdb(void)
{
    return &lmdb;
}

const char *peer_lmdb_version(void)
{
    static char version[32];
    int major, minor, patch;

    (void)mdb_version(&major, &minor, &patch);
    snprintf(version, sizeof version, "LMDB %d.%d.%d", major, minor, patch);
    return version;
}

#else

PEER_NOT_BUILT_IN(lmdb)

#endif
