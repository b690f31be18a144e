/*
 * Keepers of numbered records that the benchmark compares: Slotfile in transactional access, and
 * the databases beside it, all behind the same few calls, so that one loop drives them all. An
 * indirect call costs each of them the same nanosecond.
 *
 * A database holds bench->records records of RECORD_SIZE bytes under the numbers from 0 on. Its
 * files are in the directory of the run, their names begin with the name of the database and of the
 * peer. A call that fails ends the program.
 */
#ifndef SLOT_BENCH_PEER_H
#define SLOT_BENCH_PEER_H

#include <stdbool.h>
#include <stdint.h>

struct bench;
struct peer_db; /* an open database; each peer has its own idea of it */

struct peer {
    /* An empty database, where there is none. */
    void (*make)(const struct bench *bench, const char *name);
    void (*destroy)(const struct bench *bench, const char *name);

    /*
     * Open; `durable` commits are on disk when they return, others are whole after a crash of the
     * machine, and the last ones may be missing. The first write of a handle may cost more than
     * the next ones: `open` does not hide that.
     */
    struct peer_db *(*open)(const struct bench *bench, const char *name, bool durable);
    void (*close)(struct peer_db *db);

    /* One write transaction. */
    void (*begin)(struct peer_db *db);
    void (*put)(struct peer_db *db, uint64_t recno, const uint8_t *record);
    /* The record behind the last one, in the way that fills a database fastest. */
    void (*append)(struct peer_db *db, uint64_t recno, const uint8_t *record);
    void (*commit)(struct peer_db *db);

    /* One record in a transaction of its own, in the cheapest way that the peer has. Slotfile: by
     * any number of threads at once. */
    void (*put_alone)(struct peer_db *db, uint64_t recno, const uint8_t *record);

    /* What a user does who wants everything in its final place, when closing does not do it. */
    void (*checkpoint)(struct peer_db *db);

    /* One read transaction, or where there is none, what comes nearest: the file of the peer says
     * what. */
    void (*begin_read)(struct peer_db *db);
    void (*get)(struct peer_db *db, uint64_t recno, uint8_t *record);
    void (*end_read)(struct peer_db *db);

    /* The sum of record_field over all records, in a read transaction of its own. */
    uint64_t (*sum)(struct peer_db *db);
};

const struct peer *peer_slotfile(void);
const struct peer *peer_slotfile_no_checkpoints(void); /* but those that are asked for */

/* Append records as records_make makes them, bench->records of them, in one transaction. */
void peer_fill(const struct bench *bench, const struct peer *peer, struct peer_db *db);

/* A database that is filled like that and closed; what is there already is removed first. */
void peer_create(const struct bench *bench, const struct peer *peer, const char *name);

/* Change all over the place and bring it home: then the files, and those of a log, have the size
 * that they keep. */
void peer_break_in(const struct bench *bench, const struct peer *peer, struct peer_db *db);

/* NULL where the library was not found when this was built. */
const struct peer *peer_lmdb(void);
const struct peer *peer_sqlite(void);
const struct peer *peer_sqlite_journal(void); /* a rollback journal for WAL */
const struct peer *peer_tcfdb(void);
const struct peer *peer_bdb(void);
const struct peer *peer_tkrzw(void);

/* What stands for a peer whose library was not found. */
#define PEER_NOT_BUILT_IN(name)                                                                    \
    const struct peer *peer_##name(void)                                                           \
    {                                                                                              \
        return 0;                                                                                  \
    }                                                                                              \
    const char *peer_##name##_version(void)                                                        \
    {                                                                                              \
        return "";                                                                                 \
    }

/* "LMDB 0.9.31", or "" when it is not built in. */
const char *peer_lmdb_version(void);
const char *peer_sqlite_version(void);
const char *peer_tcfdb_version(void);
const char *peer_bdb_version(void);
const char *peer_tkrzw_version(void);

#endif
