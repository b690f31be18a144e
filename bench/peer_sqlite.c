/*
 * SQLite in WAL mode: a table of blobs by rowid, statements prepared once, the file mapped, a page
 * cache that holds all of it, everything else as it comes (pages of 4 KiB, a checkpoint every 1000
 * pages of log). Durable: synchronous=FULL. Others: synchronous=NORMAL, which syncs at checkpoints
 * only. And once more with a rollback journal, which fills an empty file faster: there is nothing
 * to roll back, and nothing is written twice. Where CMake did not find it, there is nothing here.
 */
#include "peer.h"

#if BENCH_SQLITE

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

#define WAIT_MS 5000 /* for another process, as Slotfile does by default */

enum { BEGIN, COMMIT, BEGIN_READ, UPDATE, INSERT, SELECT, STATEMENTS };

static const char *const texts[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [BEGIN_READ] = "BEGIN",
    [UPDATE] = "UPDATE record SET bytes = ?2 WHERE number = ?1",
    [INSERT] = "INSERT INTO record VALUES (?1, ?2)",
    [SELECT] = "SELECT bytes FROM record WHERE number = ?1",
};

struct peer_db {
    sqlite3 *handle;
    sqlite3_stmt *statements[STATEMENTS];
};

static void must_sqlite(struct peer_db *db, int result, const char *what)
{
    if (result != SQLITE_OK && result != SQLITE_DONE && result != SQLITE_ROW)
        bench_die("SQLite: %s: %s", what, sqlite3_errmsg(db->handle));
}

static void execute(struct peer_db *db, const char *text)
{
    must_sqlite(db, sqlite3_exec(db->handle, text, NULL, NULL, NULL), text);
}

static sqlite3_stmt *prepare(struct peer_db *db, const char *text)
{
    sqlite3_stmt *statement;

    must_sqlite(db, sqlite3_prepare_v2(db->handle, text, -1, &statement, NULL), text);
    return statement;
}

/* Run a statement that gives no rows, and make it ready for the next time. */
static void run(struct peer_db *db, sqlite3_stmt *statement)
{
    must_sqlite(db, sqlite3_step(statement), sqlite3_sql(statement));
    must_sqlite(db, sqlite3_reset(statement), sqlite3_sql(statement));
}

static void file_name(const char *name, const char *ending, char *file)
{
    snprintf(file, PATH_BYTES, "%s.sqlite%s", name, ending);
}

static void destroy(const struct bench *bench, const char *name)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    char file[PATH_BYTES];

    for (unsigned i = 0; i < sizeof endings / sizeof *endings; i++) {
        file_name(name, endings[i], file);
        bench_remove_file(bench, file);
    }
}

/* Twice the bytes of the records hold the tree. What SQLite may map at most is its own to say. */
static void give_memory(struct peer_db *db, const struct bench *bench)
{
    unsigned long long room = bench->records * RECORD_SIZE * 2 + (UINT64_C(16) << 20);
    char text[64];

    snprintf(text, sizeof text, "PRAGMA mmap_size = %llu", room);
    execute(db, text);
    snprintf(text, sizeof text, "PRAGMA cache_size = -%llu", room / 1024);
    execute(db, text);
}

/* Open without statements: the table may not be there yet. */
static struct peer_db *open_file(const struct bench *bench, const char *name)
{
    struct peer_db *db = must_malloc(sizeof *db);
    char file[PATH_BYTES], path[PATH_BYTES];

    file_name(name, "", file);
    bench_path(bench, file, path);
    must_sqlite(db, sqlite3_open(path, &db->handle), path);
    must_sqlite(db, sqlite3_busy_timeout(db->handle, WAIT_MS), "busy timeout");
    give_memory(db, bench);
    for (unsigned i = 0; i < STATEMENTS; i++)
        db->statements[i] = NULL;
    return db;
}

static struct peer_db *open_with(const struct bench *bench, const char *name, bool durable,
                                 const char *journal)
{
    struct peer_db *db = open_file(bench, name);

    execute(db, journal);
    execute(db, durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
    for (unsigned i = 0; i < STATEMENTS; i++)
        db->statements[i] = prepare(db, texts[i]);
    return db;
}

static struct peer_db *open_database(const struct bench *bench, const char *name, bool durable)
{
    return open_with(bench, name, durable, "PRAGMA journal_mode = WAL");
}

static struct peer_db *open_journal(const struct bench *bench, const char *name, bool durable)
{
    return open_with(bench, name, durable, "PRAGMA journal_mode = DELETE");
}

/* The last one to close makes a checkpoint and removes the log. */
static void close_database(struct peer_db *db)
{
    for (unsigned i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(db->statements[i]);
    must_sqlite(db, sqlite3_close(db->handle), "close");
    free(db);
}

static void begin(struct peer_db *db)
{
    run(db, db->statements[BEGIN]);
}

static void bind(struct peer_db *db, sqlite3_stmt *statement, uint64_t recno, const uint8_t *record)
{
    must_sqlite(db, sqlite3_bind_int64(statement, 1, (sqlite3_int64)recno), "bind");
    if (record != NULL)
        must_sqlite(db, sqlite3_bind_blob(statement, 2, record, RECORD_SIZE, SQLITE_STATIC),
                    "bind");
}

static void put(struct peer_db *db, uint64_t recno, const uint8_t *record)
{
    bind(db, db->statements[UPDATE], recno, record);
    run(db, db->statements[UPDATE]);
}

static void commit(struct peer_db *db)
{
    run(db, db->statements[COMMIT]);
}

/* Outside of a transaction a statement is one. */
static void put_alone(struct peer_db *db, uint64_t recno, const uint8_t *record)
{
    put(db, recno, record);
}

static void append(struct peer_db *db, uint64_t recno, const uint8_t *record)
{
    bind(db, db->statements[INSERT], recno, record);
    run(db, db->statements[INSERT]);
}

static void make(const struct bench *bench, const char *name)
{
    struct peer_db *db = open_file(bench, name);

    execute(db, "CREATE TABLE record (number INTEGER PRIMARY KEY, bytes BLOB)");
    close_database(db);
}

/* Closing does it. */
static void checkpoint(struct peer_db *db)
{
    (void)db;
}

static void begin_read(struct peer_db *db)
{
    run(db, db->statements[BEGIN_READ]);
}

static void get(struct peer_db *db, uint64_t recno, uint8_t *record)
{
    sqlite3_stmt *select = db->statements[SELECT];

    bind(db, select, recno, NULL);
    must_sqlite(db, sqlite3_step(select), "get");
    if (sqlite3_column_bytes(select, 0) != (int)RECORD_SIZE)
        bench_die("SQLite: a record has another size");
    memcpy(record, sqlite3_column_blob(select, 0), RECORD_SIZE);
    must_sqlite(db, sqlite3_reset(select), "get");
}

static void end_read(struct peer_db *db)
{
    commit(db);
}

static uint64_t sum(struct peer_db *db)
{
    sqlite3_stmt *all = prepare(db, "SELECT bytes FROM record");
    uint64_t total = 0;
    int result;

    while ((result = sqlite3_step(all)) == SQLITE_ROW)
        total += record_field(sqlite3_column_blob(all, 0));
    must_sqlite(db, result, "next");
    sqlite3_finalize(all);
    return total;
}

/* What both have in common. */
#define CALLS                                                                                      \
    .make = make, .destroy = destroy, .close = close_database, .begin = begin, .put = put,         \
    .append = append, .commit = commit, .put_alone = put_alone, .checkpoint = checkpoint,          \
    .begin_read = begin_read, .get = get, .end_read = end_read, .sum = sum

static const struct peer sqlite = {CALLS, .open = open_database};
static const struct peer journal = {CALLS, .open = open_journal};

const struct peer *peer_sqlite(void)
{
    return &sqlite;
}

const struct peer *peer_sqlite_journal(void)
{
    return &journal;
}

const char *peer_sqlite_version(void)
{
    return "SQLite " SQLITE_VERSION;
}

#else

const struct peer *peer_sqlite(void)
{
    return 0;
}

const struct peer *peer_sqlite_journal(void)
{
    return 0;
}

const char *peer_sqlite_version(void)
{
    return "";
}

#endif
