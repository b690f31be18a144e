/*
 * Slotfile in transactional access, with the options that everybody gets; and without checkpoints,
 * to see what commits cost by themselves.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "peer.h"

struct peer_db {
    slot_db *db;
    slot_txn *txn;
};

static struct peer_db *open_with(const struct bench *bench, const char *name, bool durable,
                                 uint64_t checkpoint_bytes)
{
    struct peer_db *db = must_malloc(sizeof *db);
    slot_options options;

    slot_options_init(&options);
    options.sync = durable ? SLOT_SYNC_FULL : SLOT_SYNC_NORMAL;
    options.checkpoint_bytes = checkpoint_bytes;
    db->db = bench_open_with(bench, name, &options);
    db->txn = NULL;
    return db;
}

static struct peer_db *open_database(const struct bench *bench, const char *name, bool durable)
{
    return open_with(bench, name, durable, 0);
}

/* As much as the log may get. */
static struct peer_db *open_no_checkpoints(const struct bench *bench, const char *name,
                                           bool durable)
{
    return open_with(bench, name, durable, UINT64_C(1) << 30);
}

static void close_database(struct peer_db *db)
{
    bench_close(db->db);
    free(db);
}

static void put_record(slot_txn *txn, uint64_t recno, const uint8_t *record)
{
    slot_error err;
    slot_status status = slot_put(txn, recno, record, &err);

    if (status != SLOT_OK)
        must(status, &err, "put");
}

static void begin(struct peer_db *db)
{
    db->txn = bench_begin(db->db, SLOT_WRITE);
}

static void put(struct peer_db *db, uint64_t recno, const uint8_t *record)
{
    put_record(db->txn, recno, record);
}

static void append(struct peer_db *db, uint64_t recno, const uint8_t *record)
{
    slot_error err;
    slot_status status = slot_append(db->txn, record, 1, NULL, &err);

    (void)recno;
    if (status != SLOT_OK)
        must(status, &err, "append");
}

static void commit(struct peer_db *db)
{
    bench_commit(db->txn);
}

static void put_alone(struct peer_db *db, uint64_t recno, const uint8_t *record)
{
    slot_txn *txn = bench_begin(db->db, SLOT_WRITE);

    put_record(txn, recno, record);
    bench_commit(txn);
}

static void checkpoint(struct peer_db *db)
{
    slot_error err;

    must(slot_checkpoint(db->db, &err), &err, "checkpoint");
}

static void begin_read(struct peer_db *db)
{
    db->txn = bench_begin(db->db, SLOT_READ);
}

static void get(struct peer_db *db, uint64_t recno, uint8_t *record)
{
    slot_error err;
    slot_status status = slot_get(db->txn, recno, record, &err);

    if (status != SLOT_OK)
        must(status, &err, "get");
}

static void end_read(struct peer_db *db)
{
    slot_end(db->txn);
}

static uint64_t sum(struct peer_db *db)
{
    return bench_sum(db->db);
}

/* What both have in common. */
#define CALLS                                                                                      \
    .make = bench_create, .destroy = bench_destroy, .close = close_database, .begin = begin,       \
    .put = put, .append = append, .commit = commit, .put_alone = put_alone,                        \
    .checkpoint = checkpoint, .begin_read = begin_read, .get = get, .end_read = end_read,          \
    .sum = sum

static const struct peer slotfile = {CALLS, .open = open_database};
static const struct peer no_checkpoints = {CALLS, .open = open_no_checkpoints};

const struct peer *peer_slotfile(void)
{
    return &slotfile;
}

const struct peer *peer_slotfile_no_checkpoints(void)
{
    return &no_checkpoints;
}
