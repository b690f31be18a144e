/*
 * A workload whose state after n transactions is known for every n, so that any database that it
 * has left behind can be checked: it must hold the transactions 0 .. P and nothing of others, with
 * P between what was acknowledged and what was tried.
 *
 * Transaction 0 appends LEDGER_BASE records. Each later one stores its number in record 0 and
 * changes five records; every 8th appends ten, every 16th deletes one, every 24th inserts one,
 * every 200th appends 500.
 */
#ifndef SLOT_TESTS_TORTURE_LEDGER_H
#define SLOT_TESTS_TORTURE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "slotfile/slotfile.h"

#define LEDGER_RECORD_SIZE 125
#define LEDGER_BASE        1000

struct ledger {
    uint64_t transactions; /* in the model below; transaction 0 is one */
    uint64_t records, room;
    uint64_t *version; /* of each record: the transaction that stored it, or LEDGER_DELETED */
};

#define LEDGER_DELETED UINT64_MAX

void ledger_init(struct ledger *ledger);
void ledger_release(struct ledger *ledger);

/* Create the database at `path`, without a transaction in it. */
slot_status ledger_create(const char *path, const slot_options *options, slot_error *err);

/*
 * Do the next transaction. The ledger moves on when it is SLOT_OK; for a commit whose outcome is
 * unknown ledger_check tells where the database is. `before_commit` is called right before
 * slot_commit, may be NULL.
 */
slot_status ledger_commit(struct ledger *ledger, slot_db *db, void (*before_commit)(void *context),
                          void *context, slot_error *err);

enum ledger_state {
    LEDGER_RIGHT,
    LEDGER_FAILED, /* a call has returned an error: what is there was not said to be right */
    LEDGER_WRONG   /* all calls were fine, and what they gave is wrong */
};

/*
 * Does the database hold exactly P transactions, least <= P <= most? Then the ledger is moved
 * there, else stderr tells why.
 */
enum ledger_state ledger_compare(struct ledger *ledger, slot_db *db, uint64_t least, uint64_t most);

/* The same; whether it is right. */
bool ledger_check(struct ledger *ledger, slot_db *db, uint64_t least, uint64_t most);

/* Verify; false: something was found, or it failed. */
bool ledger_verify(slot_db *db);

#endif
