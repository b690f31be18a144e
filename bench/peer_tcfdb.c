/*
 * Tokyo Cabinet's database of records with a fixed length and a number, the closest relative of
 * Slotfile there is: one mapped file, record n at a multiple of its width. Numbers begin with 1.
 * Used by one thread, so without its mutexes.
 *
 * Durable: put, then tcfdbsync, which is msync of the whole mapping and fsync. That is not atomic:
 * its transactions (tcfdbtranbegin with FDBOTSYNC) are, but they sync the write-ahead log at each
 * put, so that a thousand changes cost a thousand flushes. Not durable: a put, and nothing more; a
 * crash of the machine may leave any mixture. There are no read transactions: a get sees whatever
 * was put.
 *
 * Where CMake did not find it, there is nothing here.
 */
#include "peer.h"

#if BENCH_TCFDB

#include <stdio.h>
#include <stdlib.h>
#include <tcfdb.h>

#include "bench.h"

struct peer_db {
    TCFDB *handle;
    uint64_t records; /* for a scan */
    bool durable;
};

static void must_tc(struct peer_db *db, bool done, const char *what)
{
    if (!done)
        bench_die("Tokyo Cabinet: %s: %s", what, tcfdberrmsg(tcfdbecode(db->handle)));
}

static void file_name(const char *name, char *file)
{
    snprintf(file, PATH_BYTES, "%s.tcf", name);
}

static void destroy(const struct bench *bench, const char *name)
{
    char file[PATH_BYTES];

    file_name(name, file);
    bench_remove_file(bench, file);
}

static struct peer_db *open_with(const struct bench *bench, const char *name, int flags)
{
    struct peer_db *db = must_malloc(sizeof *db);
    /* Each record has a byte for its length, and a header comes before all. */
    uint64_t limit = (bench->records + 1) * (RECORD_SIZE + 1u) + (UINT64_C(1) << 20);
    char file[PATH_BYTES], path[PATH_BYTES];

    file_name(name, file);
    bench_path(bench, file, path);
    db->handle = tcfdbnew();
    must_tc(db, tcfdbtune(db->handle, RECORD_SIZE, (int64_t)limit), "tune");
    must_tc(db, tcfdbopen(db->handle, path, FDBOWRITER | flags), path);
    db->records = tcfdbrnum(db->handle);
    return db;
}

static struct peer_db *open_database(const struct bench *bench, const char *name, bool durable)
{
    struct peer_db *db = open_with(bench, name, 0);

    db->durable = durable;
    return db;
}

static void close_database(struct peer_db *db)
{
    must_tc(db, tcfdbclose(db->handle), "close");
    tcfdbdel(db->handle);
    free(db);
}

static void make(const struct bench *bench, const char *name)
{
    close_database(open_with(bench, name, FDBOCREAT));
}

static void begin(struct peer_db *db)
{
    (void)db;
}

static void put(struct peer_db *db, uint64_t recno, const uint8_t *record)
{
    if (!tcfdbput(db->handle, (int64_t)recno + 1, record, (int)RECORD_SIZE))
        must_tc(db, false, "put");
}

static void append(struct peer_db *db, uint64_t recno, const uint8_t *record)
{
    put(db, recno, record);
    db->records = recno + 1;
}

static void commit(struct peer_db *db)
{
    if (db->durable)
        must_tc(db, tcfdbsync(db->handle), "sync");
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

static void get(struct peer_db *db, uint64_t recno, uint8_t *record)
{
    int n = tcfdbget4(db->handle, (int64_t)recno + 1, record, (int)RECORD_SIZE);

    if (n != (int)RECORD_SIZE)
        must_tc(db, false, "get");
}

static void end_read(struct peer_db *db)
{
    (void)db;
}

/* By number, all being there: its iterator does the same and looks for gaps besides. */
static uint64_t sum(struct peer_db *db)
{
    uint8_t record[RECORD_SIZE];
    uint64_t total = 0;

    for (uint64_t n = 0; n < db->records; n++) {
        get(db, n, record);
        total += record_field(record);
    }
    return total;
}

static const struct peer tcfdb = {
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

const struct peer *peer_tcfdb(void)
{
    return &tcfdb;
}

const char *peer_tcfdb_version(void)
{
    static char version[64];

    snprintf(version, sizeof version, "Tokyo Cabinet %s", tcversion);
    return version;
}

#else

PEER_NOT_BUILT_IN(tcfdb)

#endif
