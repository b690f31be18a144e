/*
 * Between the files of a simulated process's table, sim_table*.c: what all its functions do first,
 * and the functions, in the order of os.h.
 */
#ifndef SLOT_TESTS_CRASH_SIM_TABLE_H
#define SLOT_TESTS_CRASH_SIM_TABLE_H

#include "crash/sim_inside.h"

/* ---- sim_table.c ---- */

/* A point of a function that is about a name, or about a part of a file. */
void table_point(struct sim_process *process, enum sim_function function, const char *name,
                 bool changes);
void table_point_at(struct sim_process *process, enum sim_function function,
                    const struct node *node, uint64_t offset, uint64_t n, bool changes);

/* Count a call; whether it is to fail, and how: *half and *result are set only then. */
bool table_faulty(struct sim_process *process, enum sim_function function, bool *half,
                  os_result *result);
bool table_fails(struct sim_process *process, enum sim_function function, os_result *result);

os_result table_failure(slot_status status);

/* The node of an open file; a violation when it is not this process's. */
struct node *table_node(const struct sim_process *process, const struct os_file *file);

/* The node of an open directory; a violation when it is not this process's. */
uint32_t table_dir(const struct sim_process *process, const struct os_dir *dir);

/* The node of one name in an open directory, or NOWHERE. Also where it would be: place->parent is
 * NOWHERE when the directory was removed. */
uint32_t table_find(const struct sim_process *process, const struct os_dir *dir, const char *name,
                    struct place *place);

/* ---- sim_table_file.c ---- */

/* Put n bytes, sector by sector. */
void table_put(struct sim_process *process, struct node *node, uint64_t offset, const uint8_t *from,
               uint64_t n, uint64_t who);

/* Where the piece that begins at `at` ends: at a multiple of `piece`. */
uint64_t table_piece_end(uint64_t at, uint64_t end, uint64_t piece);

/* Whether a file may be cut or removed although it is mapped; `what` is done to it. */
os_result table_may_cut(const struct sim_process *process, uint32_t number, const char *what);

void table_close(struct sim_process *process, struct os_file *file);

os_result sim_open(const struct os *os, struct os_dir *dir, const char *name, int flags,
                   struct os_file **file);
void sim_close(const struct os *os, struct os_file *file);
os_result sim_size(const struct os *os, struct os_file *file, uint64_t *size);
os_result sim_resize(const struct os *os, struct os_file *file, uint64_t size);
os_result sim_allocate(const struct os *os, struct os_file *file, uint64_t offset, uint64_t n);
os_result sim_read_at(const struct os *os, struct os_file *file, uint64_t offset, void *buf,
                      size_t n);
os_result sim_write_at(const struct os *os, struct os_file *file, uint64_t offset, const void *buf,
                       size_t n);
os_result sim_sync(const struct os *os, struct os_file *file);
os_result sim_keep(const struct os *os, struct os_file *file, bool keep);
os_result sim_intact(const struct os *os, struct os_file *file);
void sim_start_writeback(const struct os *os, struct os_file *file, uint64_t offset, uint64_t n);
void sim_advise(const struct os *os, struct os_file *file, uint64_t offset, uint64_t n,
                os_advice advice);
uint64_t sim_next_data(const struct os *os, struct os_file *file, uint64_t offset);
bool sim_cached(const struct os *os, struct os_file *file, uint64_t offset, uint64_t n);

/* ---- sim_table_map.c ---- */

/* The ith view of a process goes. */
void table_unmap(struct sim_process *process, size_t i);

os_result sim_map(const struct os *os, struct os_file *file, uint64_t offset, size_t n,
                  os_map_mode mode, void **base);
void sim_unmap(const struct os *os, void *base, size_t n);
os_result sim_flush(const struct os *os, void *address, size_t n);
bool sim_views_apart(const struct os *os);
os_result sim_populate(const struct os *os, void *address, size_t n, bool for_write);
os_result sim_protect(const struct os *os, void *address, size_t n, bool writable);
void sim_advise_view(const struct os *os, void *address, size_t n, os_advice advice);
os_result sim_load(const struct os *os, void *to, const void *view, size_t n);
os_result sim_store(const struct os *os, void *view, const void *from, size_t n);

/* ---- sim_table_dir.c ---- */

os_result sim_lock(const struct os *os, struct os_file *file, uint64_t byte, bool exclusive);
void sim_unlock(const struct os *os, struct os_file *file, uint64_t byte);
os_result sim_held(const struct os *os, struct os_file *file, uint64_t byte, bool *held);
os_result sim_downgrade(const struct os *os, struct os_file *file, uint64_t byte);

void table_close_dir(struct sim_process *process, struct os_dir *dir);

os_result sim_open_dir(const struct os *os, struct os_dir *parent, const char *path,
                       struct os_dir **dir);
os_result sim_split_path(const struct os *os, const char *path, char **parent, char **name);
void sim_close_dir(const struct os *os, struct os_dir *dir);
os_result sim_make_dir(const struct os *os, struct os_dir *dir, const char *name);
os_result sim_remove_dir(const struct os *os, struct os_dir *dir, const char *name);
os_result sim_remove_file(const struct os *os, struct os_dir *dir, const char *name);
os_result sim_rename_new(const struct os *os, struct os_dir *dir, const char *from, const char *to);
os_result sim_sync_dir(const struct os *os, struct os_dir *dir);
os_result sim_list(const struct os *os, struct os_dir *dir, os_name_fn fn, void *context);
os_result sim_kind(const struct os *os, struct os_dir *dir, const char *name, os_kind *kind);

#endif
