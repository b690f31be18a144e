/*
 * What a file can do for threads that commit one page each and share the flushes, with nothing of a
 * database around it: a mapped file that is there already, a mutex, a flush for all who wait.
 */
#ifndef SLOT_BENCH_RAW_GROUP_H
#define SLOT_BENCH_RAW_GROUP_H

#include "bench.h"

struct raw_group;

/* A file of so many pages, all on disk. */
struct raw_group *raw_group_create(struct bench *bench, uint64_t pages);
void raw_group_destroy(struct raw_group *group);

/* Begin at the first page again. Nobody commits meanwhile. */
void raw_group_rewind(struct raw_group *group);

/* The next page, all bytes `value`, is on disk when this returns. By any thread, as often as there
 * are pages. */
void raw_group_commit(struct raw_group *group, int value);

#endif
