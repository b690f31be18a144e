/*
 * Temporary directories for tests, and a few things that tests need from the system beyond os.h.
 * This folder is the only one of the tests that may ask which system it runs on.
 */
#ifndef SLOT_TESTS_SUPPORT_TMPDIR_H
#define SLOT_TESTS_SUPPORT_TMPDIR_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Make a new, empty directory under $TMPDIR, or where the system keeps temporary files. The result
 * is its path; tmpdir_remove frees it. Ends the program when it cannot.
 */
char *tmpdir_make(void);

/* Remove the directory with all that is in it, and free `path`. NULL is allowed. */
void tmpdir_remove(char *path);

/* Remove a file, or a directory with all that is in it. Links are removed, never followed. */
void tmpdir_remove_tree(const char *path);

/* "dir/name", to be freed by the caller. */
char *tmpdir_join(const char *dir, const char *name);

/* Make a symbolic link; false where that cannot be done. */
bool tmpdir_symlink(const char *target, const char *link);

#endif
