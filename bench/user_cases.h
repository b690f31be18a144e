/*
 * The cases of `slotfile bench`: what they share. The user's database has records of any size, so
 * nothing here knows RECORD_SIZE but what works on the temporary one.
 */
#ifndef SLOT_BENCH_USER_CASES_H
#define SLOT_BENCH_USER_CASES_H

#include "contest.h"
#include "user.h"

#define TEMPORARY "bench.slots" /* the database that is read when the user has named none */

/* A case in its process. */
struct user_case {
    struct bench bench;
    const char *path; /* of the database that is read */
    slot_access access;
    uint64_t small_budget;
    uint32_t wait_ms;
};

/* user_scan.c */
void user_scan(struct user_case *user);

/* user_get.c */
void user_get(struct user_case *user);
void user_skewed(struct user_case *user);
void user_threads(struct user_case *user);

/* user_write.c; only without a database of the user's */
void user_make(struct user_case *user); /* the temporary database: no case, nothing is measured */
void user_append(struct user_case *user);
void user_commit(struct user_case *user);
void user_update(struct user_case *user);

#endif
