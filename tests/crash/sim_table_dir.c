/*
 * The table of a simulated process: locks and names.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "crash/sim_table.h"

/* ---- lock ---- */

static struct held_lock *find_lock(struct node *node, const struct os_file *file, uint64_t byte)
{
    for (uint32_t i = 0; i < node->lock_count; i++) {
        if (node->locks[i].file == file && node->locks[i].byte == byte)
            return &node->locks[i];
    }
    return NULL;
}

static bool is_held_by_others(const struct node *node, const struct os_file *file, uint64_t byte,
                              bool exclusive)
{
    for (uint32_t i = 0; i < node->lock_count; i++) {
        if (node->locks[i].file != file && node->locks[i].byte == byte &&
            (exclusive || node->locks[i].exclusive))
            return true;
    }
    return false;
}

os_result sim_lock(const struct os *os, struct os_file *file, uint64_t byte, bool exclusive)
{
    struct sim_process *process = sim_self(os);
    struct node *node = table_node(process, file);
    struct held_lock held = {file, byte, exclusive};
    size_t room = node->lock_room;
    os_result result;

    assert((file->flags & (exclusive ? OS_WRITE : OS_READ | OS_WRITE)) != 0);
    if ((file->flags & OS_LOCKS) == 0)
        sim_violation(process->world, "%s is locked, and was not opened for locks",
                      node_place(node)->name);
    table_point_at(process, SIM_FN_lock, node, byte, 1, false);
    if (table_fails(process, SIM_FN_lock, &result))
        return result;
    if (find_lock(node, file, byte) != NULL)
        sim_violation(process->world, "%s: byte %llu is locked twice by one opening",
                      node_place(node)->name, (unsigned long long)byte);
    if (is_held_by_others(node, file, byte, exclusive))
        return table_failure(SLOT_E_BUSY);
    node->locks = sim_grow(node->locks, node->lock_count, &room, sizeof *node->locks);
    node->lock_room = (uint32_t)room;
    node->locks[node->lock_count++] = held;
    return os_success();
}

/* The lock that this opening has, or a violation. */
static struct held_lock *own_lock(struct sim_process *process, struct os_file *file, uint64_t byte)
{
    struct node *node = table_node(process, file);
    struct held_lock *lock = find_lock(node, file, byte);

    if (lock == NULL)
        sim_violation(process->world, "%s: byte %llu is not locked by this opening",
                      node_place(node)->name, (unsigned long long)byte);
    return lock;
}

void sim_unlock(const struct os *os, struct os_file *file, uint64_t byte)
{
    struct sim_process *process = sim_self(os);
    struct node *node = table_node(process, file);
    struct held_lock *lock;

    table_point_at(process, SIM_FN_unlock, node, byte, 1, false);
    lock = own_lock(process, file, byte);
    *lock = node->locks[--node->lock_count];
}

os_result sim_held(const struct os *os, struct os_file *file, uint64_t byte, bool *held)
{
    struct sim_process *process = sim_self(os);
    struct node *node = table_node(process, file);
    os_result result;

    table_point_at(process, SIM_FN_held, node, byte, 1, false);
    if (table_fails(process, SIM_FN_held, &result))
        return result;
    *held = is_held_by_others(node, file, byte, true);
    return os_success();
}

os_result sim_downgrade(const struct os *os, struct os_file *file, uint64_t byte)
{
    struct sim_process *process = sim_self(os);
    struct held_lock *lock;
    os_result result;

    table_point_at(process, SIM_FN_downgrade, table_node(process, file), byte, 1, false);
    if (table_fails(process, SIM_FN_downgrade, &result))
        return result;
    lock = own_lock(process, file, byte);
    if (!lock->exclusive)
        sim_violation(process->world, "byte %llu is downgraded and was not exclusive",
                      (unsigned long long)byte);
    lock->exclusive = false;
    return os_success();
}

/* ---- dir ---- */

/* The directory that `path` means: one name in the parent, or all the way from the root. */
static os_result find_dir(struct sim_process *process, const struct os_dir *parent,
                          const char *path, uint32_t *number)
{
    struct place place;

    *number = parent != NULL ? table_find(process, parent, path, &place)
                             : names_find(process->world, path, &place);
    if (*number == NOWHERE)
        return table_failure(SLOT_E_NO_FILE);
    return process->world->nodes[*number]->is_dir ? os_success()
                                                  : table_failure(SLOT_E_UNSUPPORTED);
}

os_result sim_open_dir(const struct os *os, struct os_dir *parent, const char *path,
                       struct os_dir **dir)
{
    struct sim_process *process = sim_self(os);
    struct os_dir *opened;
    uint32_t number;
    os_result result;

    table_point(process, SIM_FN_open_dir, path, false);
    if (table_fails(process, SIM_FN_open_dir, &result))
        return result;
    result = find_dir(process, parent, path, &number);
    if (!os_ok(result))
        return result;
    opened = sim_take(sizeof *opened);
    opened->process = process;
    opened->node = number;
    opened->previous = NULL;
    opened->next = process->inside->dirs;
    if (opened->next != NULL)
        opened->next->previous = opened;
    process->inside->dirs = opened;
    process->world->nodes[number]->opens++;
    *dir = opened;
    return os_success();
}

os_result sim_split_path(const struct os *os, const char *path, char **parent, char **name)
{
    struct sim_process *process = sim_self(os);
    const char *last = strrchr(path, '/');
    size_t before = last != NULL ? (size_t)(last + 1 - path) : 0;
    os_result result;

    assert(last != NULL && last[1] != '\0'); /* all paths of a simulation begin at its root */
    table_point(process, SIM_FN_split_path, last + 1, false);
    if (table_fails(process, SIM_FN_split_path, &result))
        return result;
    *parent = malloc(before + 1);
    *name = malloc(strlen(last + 1) + 1);
    if (*parent == NULL || *name == NULL) {
        free(*parent);
        free(*name);
        return table_failure(SLOT_E_NO_MEMORY);
    }
    memcpy(*parent, path, before);
    (*parent)[before] = '\0';
    strcpy(*name, last + 1);
    return os_success();
}

void table_close_dir(struct sim_process *process, struct os_dir *dir)
{
    struct node *node = process->world->nodes[dir->node];

    node->opens--;
    *(dir->previous != NULL ? &dir->previous->next : &process->inside->dirs) = dir->next;
    if (dir->next != NULL)
        dir->next->previous = dir->previous;
    if (dir->node != ROOT)
        names_drop_unreachable(process->world, node);
    free(dir);
}

void sim_close_dir(const struct os *os, struct os_dir *dir)
{
    struct sim_process *process = sim_self(os);

    table_point(process, SIM_FN_close_dir,
                node_place(process->world->nodes[table_dir(process, dir)])->name, false);
    table_close_dir(process, dir);
}

os_result sim_make_dir(const struct os *os, struct os_dir *dir, const char *name)
{
    struct sim_process *process = sim_self(os);
    struct place place;
    os_result result;

    table_point(process, SIM_FN_make_dir, name, true);
    if (table_fails(process, SIM_FN_make_dir, &result))
        return result;
    if (table_find(process, dir, name, &place) != NOWHERE)
        return table_failure(SLOT_E_EXISTS);
    if (place.parent == NOWHERE)
        return table_failure(SLOT_E_NO_FILE);
    (void)names_make(process->world, &place, true);
    return os_success();
}

static void remove_node(struct sim_process *process, uint32_t number)
{
    static const struct place nowhere = {NOWHERE, ""};
    struct node *node = process->world->nodes[number];

    names_move(process->world, node, &nowhere);
    names_drop_unreachable(process->world, node);
}

static bool is_empty(const struct sim_world *world, uint32_t directory)
{
    for (uint32_t i = 1; i < world->node_count; i++) {
        if (world->nodes[i]->used && node_place(world->nodes[i])->parent == directory)
            return false;
    }
    return true;
}

/* Windows takes no name from a directory that somebody has open. Its own process has closed it. */
static os_result may_take_name(struct sim_process *process, uint32_t directory)
{
    struct sim_world *world = process->world;

    for (const struct os_dir *dir = process->inside->dirs; dir != NULL; dir = dir->next) {
        if (dir->node == directory)
            sim_violation(world, "%s is removed or renamed by process %llu, which has it open",
                          node_place(world->nodes[directory])->name,
                          (unsigned long long)process->number);
    }
    if (world->config.flavour == SIM_WINDOWS && world->nodes[directory]->opens > 0)
        return table_failure(SLOT_E_BUSY);
    return os_success();
}

os_result sim_remove_dir(const struct os *os, struct os_dir *dir, const char *name)
{
    struct sim_process *process = sim_self(os);
    struct place place;
    uint32_t number;
    os_result result;

    table_point(process, SIM_FN_remove_dir, name, true);
    if (table_fails(process, SIM_FN_remove_dir, &result))
        return result;
    number = table_find(process, dir, name, &place);
    if (number == NOWHERE || !process->world->nodes[number]->is_dir)
        return table_failure(SLOT_E_NO_FILE);
    if (!is_empty(process->world, number))
        return table_failure(SLOT_E_EXISTS);
    result = may_take_name(process, number);
    if (!os_ok(result))
        return result;
    remove_node(process, number);
    return os_success();
}

os_result sim_remove_file(const struct os *os, struct os_dir *dir, const char *name)
{
    struct sim_process *process = sim_self(os);
    struct place place;
    uint32_t number;
    os_result result;

    table_point(process, SIM_FN_remove_file, name, true);
    if (table_fails(process, SIM_FN_remove_file, &result))
        return result;
    number = table_find(process, dir, name, &place);
    if (number == NOWHERE || process->world->nodes[number]->is_dir)
        return table_failure(SLOT_E_NO_FILE);
    result = table_may_cut(process, number, "removed");
    if (os_ok(result))
        remove_node(process, number);
    return result;
}

/* Windows does not rename a directory in which anything is open. */
static void check_nothing_open(struct sim_world *world, uint32_t directory)
{
    for (uint32_t i = 1; i < world->node_count; i++) {
        const struct node *node = world->nodes[i];

        if (node->used && node->opens > 0 && node_place(node)->parent == directory)
            sim_violation(world, "%s is open while its directory is renamed",
                          node_place(node)->name);
    }
}

os_result sim_rename_new(const struct os *os, struct os_dir *dir, const char *from, const char *to)
{
    struct sim_process *process = sim_self(os);
    struct sim_world *world = process->world;
    struct place old, new;
    uint32_t number;
    os_result result;

    table_point(process, SIM_FN_rename_new, from, true);
    if (table_fails(process, SIM_FN_rename_new, &result))
        return result;
    number = table_find(process, dir, from, &old);
    if (number == NOWHERE)
        return table_failure(SLOT_E_NO_FILE);
    if (table_find(process, dir, to, &new) != NOWHERE)
        return table_failure(SLOT_E_EXISTS);
    result = world->nodes[number]->is_dir ? may_take_name(process, number) : os_success();
    if (!os_ok(result))
        return result;
    check_nothing_open(world, number);
    names_move(world, world->nodes[number], &new);
    return os_success();
}

os_result sim_sync_dir(const struct os *os, struct os_dir *dir)
{
    struct sim_process *process = sim_self(os);
    uint32_t number = table_dir(process, dir);
    const char *name = node_place(process->world->nodes[number])->name;
    os_result result;

    table_point(process, SIM_FN_sync_dir, name, true);
    if (table_fails(process, SIM_FN_sync_dir, &result))
        return result;
    names_sync(process->world, number);
    table_point(process, SIM_FN_sync_dir, name, false);
    return os_success();
}

os_result sim_list(const struct os *os, struct os_dir *dir, os_name_fn fn, void *context)
{
    struct sim_process *process = sim_self(os);
    struct sim_world *world = process->world;
    uint32_t number = table_dir(process, dir);
    struct place place;
    os_result result;

    table_point(process, SIM_FN_list, node_place(world->nodes[number])->name, false);
    if (table_fails(process, SIM_FN_list, &result))
        return result;
    for (uint32_t i = 1; i < world->node_count; i++) {
        if (!world->nodes[i]->used || node_place(world->nodes[i])->parent != number)
            continue;
        place = *node_place(world->nodes[i]); /* fn may remove it */
        if (!fn(context, place.name))
            break;
    }
    return os_success();
}

os_result sim_kind(const struct os *os, struct os_dir *dir, const char *name, os_kind *kind)
{
    struct sim_process *process = sim_self(os);
    struct place place;
    uint32_t number;
    os_result result;

    table_point(process, SIM_FN_kind, name, false);
    if (table_fails(process, SIM_FN_kind, &result))
        return result;
    number = table_find(process, dir, name, &place);
    *kind = number == NOWHERE                       ? OS_KIND_NONE
            : process->world->nodes[number]->is_dir ? OS_KIND_DIR
                                                    : OS_KIND_FILE;
    return os_success();
}
