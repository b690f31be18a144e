/*
 * What is done in the same way with every peer.
 */
#include "peer.h"

#include "bench.h"

#define RECORDS_APART 30u /* so many are less than a page of anybody */

void peer_fill(const struct bench *bench, const struct peer *peer, struct peer_db *db)
{
    uint8_t record[RECORD_SIZE];

    peer->begin(db);
    for (uint64_t n = 0; n < bench->records; n++) {
        records_make(record, n, 1);
        peer->append(db, n, record);
    }
    peer->commit(db);
}

void peer_create(const struct bench *bench, const struct peer *peer, const char *name)
{
    struct peer_db *db;

    peer->destroy(bench, name);
    peer->make(bench, name);
    db = peer->open(bench, name, true);
    peer_fill(bench, peer, db);
    peer->close(db);
}

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
