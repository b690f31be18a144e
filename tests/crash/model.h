/*
 * What a database under test must hold: the states that its transactions have made, one after the
 * other, and which of them may be there now.
 *
 *     states   0    1    2    3    4    5
 *                        |         |    |
 *                        durable   |    newest: its commit has begun
 *                                  visible: acknowledged
 *
 * Record 0 of each state holds the state's number, so that whoever looks knows which one it sees.
 * After a power cut any state from `durable` to `newest` may be there, whole; a reader that begins
 * now sees one from `visible` to `newest`.
 */
#ifndef SLOT_TESTS_CRASH_MODEL_H
#define SLOT_TESTS_CRASH_MODEL_H

#include "slotfile/slotfile.h"

#define MODEL_RECORDS 160u
#define MODEL_STATES  400u
#define MODEL_SEEN    512u /* snapshots that are remembered */

/* Versions of a record; all others are what model_fill makes. */
#define MODEL_DELETED 0u
#define MODEL_ZERO    UINT32_MAX /* made by slot_extend */

struct model_state {
    uint32_t records;
    uint32_t deleted;
    uint32_t version[MODEL_RECORDS];
};

/* Which state a snapshot is: positions in the log mean something within one session. */
struct model_seen {
    uint64_t session, lsn;
    uint32_t number;
};

struct model {
    uint32_t record_size;
    uint32_t durable, visible, newest;
    uint32_t next_version;
    struct model_state state[MODEL_STATES];
    struct model_seen seen[MODEL_SEEN];
    uint32_t seen_count; /* so far; the oldest are forgotten */
};

void model_init(struct model *model, uint32_t record_size);

/* The bytes of record `recno` in `version`. */
void model_fill(const struct model *model, uint8_t *record, uint64_t recno, uint32_t version);

/* A version that was never used. */
uint32_t model_version(struct model *model);

/*
 * Which state a transaction sees: its number, or -1 when it sees none, half of one or damage; then
 * *why is a static sentence. MODEL_UNREADABLE says that a call has failed, which is no lie.
 */
extern const char MODEL_UNREADABLE[];
extern slot_status model_refusal; /* what that call has said */
int model_look(const struct model *model, slot_txn *txn, const char **why);

/*
 * Somebody has found state `number` in the snapshot at `lsn`. False when that snapshot was found to
 * be another state, *other: a newer one, though whole, is not what its transaction was promised.
 */
bool model_note(struct model *model, uint64_t session, uint64_t lsn, uint32_t number,
                uint32_t *other);

/* Whether the transaction sees exactly this state. */
bool model_sees(const struct model *model, const struct model_state *state, slot_txn *txn,
                const char **why);

#endif
