/*
 * What each twin provides: the functions behind the native table, in the order of os.h, where they
 * are specified. native.c puts them into the table; nobody else calls them.
 */
#ifndef SLOT_OS_TWIN_H
#define SLOT_OS_TWIN_H

#include "os/os.h"

/* file_posix.c, file_win32.c */
os_result slot__os_file_open(const struct os *os, struct os_dir *dir, const char *name, int flags,
                             struct os_file **file);
os_result slot__os_file_keep(const struct os *os, struct os_file *file, bool keep);
void slot__os_file_close(const struct os *os, struct os_file *file);
os_result slot__os_file_size(const struct os *os, struct os_file *file, uint64_t *size);
os_result slot__os_file_resize(const struct os *os, struct os_file *file, uint64_t size);
os_result slot__os_file_allocate(const struct os *os, struct os_file *file, uint64_t offset,
                                 uint64_t n);
os_result slot__os_file_read_at(const struct os *os, struct os_file *file, uint64_t offset,
                                void *buf, size_t n);
os_result slot__os_file_write_at(const struct os *os, struct os_file *file, uint64_t offset,
                                 const void *buf, size_t n);
os_result slot__os_file_sync(const struct os *os, struct os_file *file);
os_result slot__os_file_intact(const struct os *os, struct os_file *file);
void slot__os_file_start_writeback(const struct os *os, struct os_file *file, uint64_t offset,
                                   uint64_t n);
void slot__os_file_advise(const struct os *os, struct os_file *file, uint64_t offset, uint64_t n,
                          os_advice advice);
uint64_t slot__os_file_next_data(const struct os *os, struct os_file *file, uint64_t offset);
bool slot__os_file_cached(const struct os *os, struct os_file *file, uint64_t offset, uint64_t n);

/* map_posix.c, map_win32.c */
os_result slot__os_map_open(const struct os *os, struct os_file *file, uint64_t offset, size_t n,
                            os_map_mode mode, void **base);
void slot__os_map_close(const struct os *os, void *base, size_t n);
os_result slot__os_map_flush(const struct os *os, void *address, size_t n);
bool slot__os_map_apart(const struct os *os);
os_result slot__os_map_populate(const struct os *os, void *address, size_t n, bool for_write);
os_result slot__os_map_protect(const struct os *os, void *address, size_t n, bool writable);
void slot__os_map_advise(const struct os *os, void *address, size_t n, os_advice advice);

/* lock_posix.c, lock_win32.c: byte-range locks, and the mutexes of os.h */
os_result slot__os_lock_try(const struct os *os, struct os_file *file, uint64_t byte,
                            bool exclusive);
void slot__os_lock_release(const struct os *os, struct os_file *file, uint64_t byte);
os_result slot__os_lock_held(const struct os *os, struct os_file *file, uint64_t byte, bool *held);
os_result slot__os_lock_downgrade(const struct os *os, struct os_file *file, uint64_t byte);

/* dir_posix.c, dir_win32.c */
os_result slot__os_dir_open(const struct os *os, struct os_dir *parent, const char *path,
                            struct os_dir **dir);
os_result slot__os_dir_split_path(const struct os *os, const char *path, char **parent,
                                  char **name);
void slot__os_dir_close(const struct os *os, struct os_dir *dir);
os_result slot__os_dir_make(const struct os *os, struct os_dir *dir, const char *name);
os_result slot__os_dir_remove(const struct os *os, struct os_dir *dir, const char *name);
os_result slot__os_dir_remove_file(const struct os *os, struct os_dir *dir, const char *name);
os_result slot__os_dir_rename_new(const struct os *os, struct os_dir *dir, const char *from,
                                  const char *to);
os_result slot__os_dir_sync(const struct os *os, struct os_dir *dir);
os_result slot__os_dir_list(const struct os *os, struct os_dir *dir, os_name_fn fn, void *context);
os_result slot__os_dir_kind(const struct os *os, struct os_dir *dir, const char *name,
                            os_kind *kind);

/* guard_posix.c, guard_win32.c */
os_result slot__os_guard_load(const struct os *os, void *to, const void *view, size_t n);
os_result slot__os_guard_store(const struct os *os, void *view, const void *from, size_t n);
void slot__os_guard_install(void); /* cheap when it is installed already */

/* seam_posix.c, seam_win32.c */
void slot__os_seam_install(void); /* cheap when it is installed already */
void slot__os_seam_yield(const struct os *os, const char *where);
uint64_t slot__os_seam_clock_ms(const struct os *os);
void slot__os_seam_sleep_us(const struct os *os, uint32_t us);
void slot__os_seam_park(const struct os *os, _Atomic uint32_t *word, uint32_t seen, uint32_t us);
void slot__os_seam_unpark(const struct os *os, _Atomic uint32_t *word);
uint64_t slot__os_seam_process(const struct os *os);
void slot__os_seam_watch_forks(const struct os *os, struct os_fork_watch *watch);
void slot__os_seam_unwatch_forks(const struct os *os, struct os_fork_watch *watch);
uint64_t slot__os_seam_boot_id(const struct os *os);
os_result slot__os_seam_random(const struct os *os, void *bytes, size_t n);

#endif
