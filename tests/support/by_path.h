/*
 * What the functions of os.h do with a directory and a name, for programs that have a path. The
 * library never does so after open: a path may mean something else at any time.
 */
#ifndef SLOT_TESTS_SUPPORT_BY_PATH_H
#define SLOT_TESTS_SUPPORT_BY_PATH_H

#include "os/os.h"

os_result by_path_open(const struct os *os, const char *path, int flags, struct os_file **file);
os_result by_path_make_dir(const struct os *os, const char *path);
os_result by_path_remove_dir(const struct os *os, const char *path);
os_result by_path_remove_file(const struct os *os, const char *path);

/* Both in one directory. */
os_result by_path_rename_new(const struct os *os, const char *from, const char *to);

/* `path` is that of the directory itself. */
os_result by_path_sync_dir(const struct os *os, const char *path);
os_result by_path_list(const struct os *os, const char *path, os_name_fn fn, void *context);

/* OS_KIND_NONE also where there is no parent, OS_KIND_OTHER when the system does not tell. */
os_kind by_path_kind(const struct os *os, const char *path);

#endif
