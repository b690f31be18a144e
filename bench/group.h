/*
 * Each group of cases runs in a process of its own: what one leaves behind in memory, in its
 * mappings or in its counters is nothing to the next. The process is another run of this program,
 * which measures and writes nothing to stdout but results.
 */
#ifndef SLOT_BENCH_GROUP_H
#define SLOT_BENCH_GROUP_H

#include "report.h"

/*
 * Run `arguments`, the program first and NULL at the end, and add all results that it hands over to
 * the report. Returns its exit code, 0 when all went well; when something else is returned, it has
 * been said why on stderr. `name` is what the group is called in messages.
 */
int group_run(const char *name, const char *const *arguments, struct report *report);

/* Whether `name` is in the list of names with commas; everything is in none. */
bool group_listed(const char *list, const char *name);

/* The first name of the list that is not among `names`, or NULL. It ends with a comma or 0. */
const char *group_unknown(const char *list, const char *const *names, size_t count);

#endif
