/*
 * Making files durable: who syncs what, and who is told how it ended (protocol.md 6.8 to 6.11).
 *
 * One owner of a sync.  A system reports bytes that did not get to the disk once for each opening
 * of the file. Of two threads that sync one opening, one is told, and the other gets OK about the
 * same bytes. So each file has a turn in the handle: who has it syncs, sets the poison when that
 * failed, and gives the turn away; the next looks at the poison before it syncs. Nobody acts on an
 * OK while another sync of the file has not told its result.
 *
 * Flushes that nobody told the end of.  Another process has openings of its own, and is told of
 * what it may have lost; but not when it opened a segment after the error had been told to a
 * process that was killed then, or has yet to say so. A word of `shared` is odd as long as that may
 * be. Who may have missed something stores that part of the log again, holding a slot with c = 0:
 * then nothing that is stored can become free meanwhile, and so not be begun anew either.
 *
 * Invariants: a failed sync is never repeated; the poison is set before anybody can see a result;
 * `durable` is raised to what was chosen before the flush.
 */
#ifndef SLOT_DB_FLUSH_H
#define SLOT_DB_FLUSH_H

#include "log/log.h"

/* The files of a handle that more than one thread may sync; last the segments of the log. */
enum flush_file {
    FLUSH_RECORDS,
    FLUSH_SUMS,
    FLUSH_DELETED,
    FLUSH_SEGMENT,
    FLUSH_FILES = FLUSH_SEGMENT + (int)LOG_SEGMENTS
};

/* All zero at the start. */
struct flush {
    _Atomic uint32_t turn[FLUSH_FILES];
    atomic_bool busy[SHARED_ROLES]; /* this handle flushes the log in that role now */
    /* Of a checkpointer that was killed in a flush, and that this handle could not answer for yet:
     * the number that it has left, and `begun` as it was then. */
    uint64_t left_number, left_begun;
};

/*
 * Make one file durable. After a failure the handle is poisoned, and so is its session: nobody
 * knows what is on the disk. `what` is said of it. SLOT_E_IO and the like; SLOT_E_POISONED.
 */
slot_status slot__flush_file(slot_db *db, enum flush_file file, const char *what, slot_error *err);

/* Whether nothing was lost of what this handle has stored in a segment since it was synced. The
 * writer lock and turn are ours. A failure is one of slot__flush_file, and poisons likewise. */
slot_status slot__flush_intact(slot_db *db, uint32_t file, slot_error *err);

/*
 * Make the log durable up to `to`, whoever has stored it, and raise `durable`. The lock of the role
 * is ours. `slot` is a reader slot that is ours and free, in case something has to be stored again,
 * or SHARED_SLOTS: then one is taken. A failure without poison has changed nothing.
 */
slot_status slot__flush_log(slot_db *db, enum shared_role role, uint32_t slot, uint64_t to,
                            slot_error *err);

/* The same for a take-over: what a dead writer has stored through its views is stored again where
 * no sync reaches it otherwise. */
slot_status slot__flush_adopted(slot_db *db, uint64_t to, slot_error *err);

/* Whether the last writer was killed while the system told it what was lost. Its lock is ours. */
bool slot__flush_unanswered(const slot_db *db);

/* Whether that may be so of anybody: then some of what a transaction had stored may be lost. */
bool slot__flush_open(const slot_db *db);

/* Recovery, alone: store the log in (from, to] again and make it durable. */
slot_status slot__flush_recovered(slot_db *db, const struct log_live *live, uint64_t from,
                                  uint64_t to, slot_error *err);

/*
 * Before a commit is published, in every `sync`: where the system's sync does not reach what other
 * processes' views have dirtied, what this handle has stored is handed to the system.
 */
slot_status slot__flush_views(slot_db *db, slot_error *err);

#endif
