/*
 * The table of a simulated process: locks and names.
 */
#include <assert.h>

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

os_result sim_make_dir(const struct os *os, const char *path)
{
    struct sim_process *process = sim_self(os);
    struct place place;
    os_result result;

    table_point(process, SIM_FN_make_dir, table_last_part(path), true);
    if (table_fails(process, SIM_FN_make_dir, &result))
        return result;
    if (names_find(process->world, path, &place) != NOWHERE)
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

os_result sim_remove_dir(const struct os *os, const char *path)
{
    struct sim_process *process = sim_self(os);
    struct place place;
    uint32_t number;
    os_result result;

    table_point(process, SIM_FN_remove_dir, table_last_part(path), true);
    if (table_fails(process, SIM_FN_remove_dir, &result))
        return result;
    number = names_find(process->world, path, &place);
    if (number == NOWHERE || !process->world->nodes[number]->is_dir)
        return table_failure(SLOT_E_NO_FILE);
    if (number == ROOT || !is_empty(process->world, number))
        return table_failure(SLOT_E_EXISTS);
    remove_node(process, number);
    return os_success();
}

os_result sim_remove_file(const struct os *os, const char *path)
{
    struct sim_process *process = sim_self(os);
    struct place place;
    uint32_t number;
    os_result result;

    table_point(process, SIM_FN_remove_file, table_last_part(path), true);
    if (table_fails(process, SIM_FN_remove_file, &result))
        return result;
    number = names_find(process->world, path, &place);
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

os_result sim_rename_new(const struct os *os, const char *from, const char *to)
{
    struct sim_process *process = sim_self(os);
    struct sim_world *world = process->world;
    struct place old, new;
    uint32_t number;
    os_result result;

    table_point(process, SIM_FN_rename_new, table_last_part(from), true);
    if (table_fails(process, SIM_FN_rename_new, &result))
        return result;
    number = names_find(world, from, &old);
    if (number == NOWHERE)
        return table_failure(SLOT_E_NO_FILE);
    if (names_find(world, to, &new) != NOWHERE)
        return table_failure(SLOT_E_EXISTS);
    if (new.parent != old.parent)
        sim_violation(world, "%s is renamed into another directory", old.name);
    check_nothing_open(world, number);
    names_move(world, world->nodes[number], &new);
    return os_success();
}

os_result sim_sync_dir(const struct os *os, const char *path)
{
    struct sim_process *process = sim_self(os);
    struct place place;
    uint32_t number;
    os_result result;

    table_point(process, SIM_FN_sync_dir, table_last_part(path), true);
    if (table_fails(process, SIM_FN_sync_dir, &result))
        return result;
    number = names_find(process->world, path, &place);
    if (number == NOWHERE || !process->world->nodes[number]->is_dir)
        return table_failure(SLOT_E_NO_FILE);
    names_sync(process->world, number);
    table_point(process, SIM_FN_sync_dir, table_last_part(path), false);
    return os_success();
}

os_result sim_list(const struct os *os, const char *path, os_name_fn fn, void *context)
{
    struct sim_process *process = sim_self(os);
    struct sim_world *world = process->world;
    struct place place;
    uint32_t number;
    os_result result;

    table_point(process, SIM_FN_list, table_last_part(path), false);
    if (table_fails(process, SIM_FN_list, &result))
        return result;
    number = names_find(world, path, &place);
    if (number == NOWHERE || !world->nodes[number]->is_dir)
        return table_failure(SLOT_E_NO_FILE);
    for (uint32_t i = 1; i < world->node_count; i++) {
        if (!world->nodes[i]->used || node_place(world->nodes[i])->parent != number)
            continue;
        place = *node_place(world->nodes[i]); /* fn may remove it */
        if (!fn(context, place.name))
            break;
    }
    return os_success();
}

os_kind sim_kind(const struct os *os, const char *path)
{
    const struct sim_world *world = sim_self(os)->world;
    struct place place;
    uint32_t number = names_find(world, path, &place);

    if (number == NOWHERE)
        return OS_KIND_NONE;
    return world->nodes[number]->is_dir ? OS_KIND_DIR : OS_KIND_FILE;
}
