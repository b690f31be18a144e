/*
 * The name that a database has while it is created, and what is left under such names by creations
 * that were killed.
 */
#ifndef SLOT_DB_LEFTOVER_H
#define SLOT_DB_LEFTOVER_H

#include "os/os.h"

#define TEMPORARY_MARK ".tmp-" /* 16 hexadecimal digits follow */
#define LEFTOVERS_MAX  64u     /* that one creation removes */

/* "name.tmp-0123456789abcdef", with digits that nobody can foresee, in fresh memory. */
slot_status slot__leftover_name(const struct os *os, const char *name, char **temporary,
                                slot_error *err);

/*
 * Remove from `parent` what creations of the database `name` have left. A creation that is still at
 * work finds its directory gone (SLOT_E_NO_FILE when it is to be renamed) and begins anew. What
 * fails is left for the next one.
 */
void slot__leftover_remove(const struct os *os, struct os_dir *parent, const char *name);

#endif
