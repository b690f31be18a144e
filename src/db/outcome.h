/*
 * What a failed call has done to its write transaction: one class for each call and status, so that
 * a program may go on after the first, and knows what a commit has left.
 *
 *   same     nothing was changed: go on, and commit
 *   doomed   the transaction can only be ended; each call that writes, and slot_commit, say so
 *            with the same status again
 *   none     of slot_commit: ended, and nothing of the transaction is in the database
 *   unknown  of slot_commit: ended, and the next to open the database sees what there is
 *   -        this call does not return this status
 *
 * Every return of a public call passes the table, which decides: a doomed transaction is marked
 * here. Where SLOT_CHECK_OUTCOMES is defined, as in all builds with tests, a pair that is not
 * declared ends the program, and so does a transaction that was doomed under another class.
 *
 *   reads    slot_get, slot_get_range, slot_get_checked, slot_read, slot_ref, slot_scan, cursors
 *   writes   slot_put, slot_write, slot_edit, slot_delete
 *   appends  slot_append, slot_extend, slot_insert
 *
 * tests/tidy/outcomes.sh keeps the header and docs/durability.md in step with this table.
 */
#ifndef SLOT_DB_OUTCOME_H
#define SLOT_DB_OUTCOME_H

#include "db/handle.h"

/* clang-format off */
#define OUTCOME_MAP(X)                                                                             \
    /*                         transactional access              direct access               */    \
    /* status                  reads   writes  appends commit    reads   writes  appends commit */ \
    X(SLOT_NOT_FOUND,           same,   same,   never,  never,   same,   same,   never,  never)    \
    X(SLOT_DELETED,             same,   same,   never,  never,   same,   same,   never,  never)    \
    X(SLOT_E_ARG,               same,   same,   never,  never,   same,   same,   never,  never)    \
    X(SLOT_E_EXISTS,            same,   same,   doomed, none,    never,  never,  never,  never)    \
    X(SLOT_E_BUDGET,            same,   same,   never,  never,   same,   same,   same,   none)     \
    X(SLOT_E_LIMIT,             never,  never,  same,   never,   never,  never,  same,   never)    \
    X(SLOT_E_UNSUPPORTED,       never,  never,  never,  never,   never,  same,   same,   never)    \
    X(SLOT_E_TXN_TOO_LARGE,     same,   same,   doomed, none,    never,  never,  never,  never)    \
    X(SLOT_E_FORKED,            same,   same,   same,   none,    same,   same,   same,   none)     \
    X(SLOT_E_IO,                same,   same,   doomed, none,    same,   same,   doomed, unknown)  \
    X(SLOT_E_NO_SPACE,          same,   same,   doomed, none,    same,   same,   doomed, unknown)  \
    X(SLOT_E_NO_MEMORY,         same,   same,   doomed, none,    same,   same,   doomed, unknown)  \
    X(SLOT_E_BUSY,              same,   same,   doomed, none,    same,   same,   doomed, unknown)  \
    X(SLOT_E_POISONED,          same,   same,   doomed, none,    same,   same,   doomed, unknown)  \
    X(SLOT_E_PERMISSION,        same,   same,   doomed, none,    same,   same,   doomed, unknown)  \
    X(SLOT_E_NO_FILE,           same,   same,   doomed, none,    same,   same,   doomed, unknown)  \
    X(SLOT_E_LOST,              doomed, doomed, doomed, none,    same,   doomed, doomed, unknown)  \
    X(SLOT_E_LOG_FULL,          same,   same,   doomed, none,    never,  never,  never,  never)    \
    X(SLOT_E_UNKNOWN,           never,  never,  never,  unknown, never,  never,  never,  never)    \
    X(SLOT_E_CORRUPT,           same,   same,   doomed, none,    same,   same,   same,   none)     \
    X(SLOT_E_TRUNCATED,         same,   same,   doomed, none,    same,   same,   doomed, unknown)
/* clang-format on */

enum outcome { OUTCOME_never, OUTCOME_same, OUTCOME_doomed, OUTCOME_none, OUTCOME_unknown };

enum outcome_call { OUTCOME_OF_READ, OUTCOME_OF_WRITE, OUTCOME_OF_APPEND, OUTCOME_OF_COMMIT };

/* The class of a status that is not SLOT_OK. */
enum outcome slot__outcome_class(bool transactional, enum outcome_call call, slot_status status);

/* What a call on a write transaction returns, when it is not SLOT_OK. */
slot_status slot__outcome(slot_txn *txn, enum outcome_call call, slot_status status);

/* The same for slot_commit: there is no transaction any more. */
slot_status slot__outcome_of_commit(bool transactional, slot_status status);

static inline slot_status outcome(slot_txn *txn, enum outcome_call call, slot_status status)
{
    return status == SLOT_OK || !txn->writing ? status : slot__outcome(txn, call, status);
}

#endif
