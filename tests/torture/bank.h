/*
 * A bank, whose invariants any reader can check in any snapshot, at any time:
 *
 *   record 0 .. 7     of writer w: the number of its last transaction
 *   record 8 ..       accounts, some of them deleted
 *
 *   - all balances together are always BANK_SUM;
 *   - every record is whole: all its bytes follow from the first 32, and those name the record;
 *   - a record that transaction n of writer w has changed is never seen without record w at n or
 *     later: half a transaction shows;
 *   - record w is between what the writer's program was told to be committed and what it has tried:
 *     a lost transaction shows, and one that came back.
 */
#ifndef SLOT_TESTS_TORTURE_BANK_H
#define SLOT_TESTS_TORTURE_BANK_H

#include <stdbool.h>
#include <stdint.h>

#include "slotfile/slotfile.h"
#include "torture/board.h"

#define BANK_RECORD_SIZE 200
#define BANK_WORDS       (BANK_RECORD_SIZE / 8)
#define BANK_ACCOUNTS    2000
#define BANK_SUM         (INT64_C(1000) * BANK_ACCOUNTS)

struct bank_record {
    uint64_t recno;
    int64_t balance;
    uint64_t writer;
    uint64_t number; /* of the writer's transaction that stored it */
    uint64_t filling[BANK_WORDS - 4];
};

/* What a look at all records has found. */
struct bank_view {
    uint64_t hash; /* of all bytes */
    uint64_t live;
    uint64_t number[BOARD_WRITERS];
};

/* Where and why the test has failed: on stderr; then the process ends with exit code 1. */
#if defined(__MINGW_PRINTF_FORMAT)
#define BANK_PRINTF(at, first) __attribute__((format(__MINGW_PRINTF_FORMAT, at, first)))
#else
#define BANK_PRINTF(at, first) __attribute__((format(printf, at, first)))
#endif
_Noreturn void bank_fail(const char *format, ...) BANK_PRINTF(1, 2);
_Noreturn void bank_fail_status(const char *call, slot_status status, const slot_error *err);

/* Name this process in messages. */
void bank_name(const char *format, ...) BANK_PRINTF(1, 2);

/* Make the record that these numbers stand for. */
void bank_record_make(struct bank_record *record, uint64_t recno, int64_t balance, uint64_t writer,
                      uint64_t number);

/* Copy a record out of possibly lent memory; false when it is not whole. */
bool bank_record_read(struct bank_record *record, const void *bytes, uint64_t recno);

/* A new database with BANK_ACCOUNTS accounts. */
void bank_create(const char *path, const slot_options *options);

/*
 * Look at all records, by slot_scan, and check what holds in every snapshot. False: that cannot be
 * done now, for others have lent all the views that the budget allows.
 */
bool bank_look(slot_txn *txn, struct bank_view *view);

/* splitmix64, and a number below n. */
uint64_t bank_random(uint64_t *state);
uint64_t bank_below(uint64_t *state, uint64_t n);

#endif
