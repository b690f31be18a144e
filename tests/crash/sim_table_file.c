/*
 * The table of a simulated process: files.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "crash/sim_table.h"
#include "db/files.h"

#define CODE_IO   5    /* what an injected failure of a sync shows */
#define CODE_BUSY 1224 /* of Windows, when a file is mapped */

static os_result open_now(struct sim_process *process, struct os_dir *dir, const char *name,
                          int flags, uint32_t *number)
{
    struct sim_world *world = process->world;
    struct place place;

    *number = table_find(process, dir, name, &place);
    if (*number != NOWHERE && (flags & OS_CREATE_NEW) != 0)
        return table_failure(SLOT_E_EXISTS);
    if (*number != NOWHERE)
        return world->nodes[*number]->is_dir ? table_failure(SLOT_E_UNSUPPORTED) : os_success();
    if ((flags & OS_CREATE_NEW) == 0 || place.parent == NOWHERE)
        return table_failure(SLOT_E_NO_FILE);
    assert((flags & OS_WRITE) != 0);
    *number = names_make(world, &place, false);
    return os_success();
}

os_result sim_open(const struct os *os, struct os_dir *dir, const char *name, int flags,
                   struct os_file **file)
{
    struct sim_process *process = sim_self(os);
    struct os_file *opened;
    uint32_t number;
    os_result result;

    if ((flags & OS_LOCKS) != 0 && (flags & OS_BRIEF) != 0)
        sim_violation(process->world, "%s is opened for locks, which go when its descriptor does",
                      name);
    table_point(process, SIM_FN_open, name, (flags & OS_CREATE_NEW) != 0);
    if (table_fails(process, SIM_FN_open, &result))
        return result;
    result = open_now(process, dir, name, flags, &number);
    if (!os_ok(result))
        return result;
    opened = sim_take(sizeof *opened);
    opened->process = process;
    opened->node = number;
    opened->flags = flags;
    opened->errors_told = process->world->nodes[number]->errors_seen;
    opened->previous = NULL;
    opened->next = process->inside->files;
    if (opened->next != NULL)
        opened->next->previous = opened;
    process->inside->files = opened;
    process->world->nodes[number]->opens++;
    *file = opened;
    return os_success();
}

void table_close(struct sim_process *process, struct os_file *file)
{
    struct node *node = process->world->nodes[file->node];
    uint32_t kept = 0;

    for (uint32_t i = 0; i < node->lock_count; i++) {
        if (node->locks[i].file != file)
            node->locks[kept++] = node->locks[i];
    }
    node->lock_count = kept;
    node->opens--;
    *(file->previous != NULL ? &file->previous->next : &process->inside->files) = file->next;
    if (file->next != NULL)
        file->next->previous = file->previous;
    free(file);
    names_drop_unreachable(process->world, node);
}

void sim_close(const struct os *os, struct os_file *file)
{
    struct sim_process *process = sim_self(os);

    table_point_at(process, SIM_FN_close, table_node(process, file), 0, 0, false);
    table_close(process, file);
}

os_result sim_size(const struct os *os, struct os_file *file, uint64_t *size)
{
    struct sim_process *process = sim_self(os);
    os_result result;

    table_point_at(process, SIM_FN_size, table_node(process, file), 0, 0, false);
    if (table_fails(process, SIM_FN_size, &result))
        return result;
    *size = node_size(table_node(process, file));
    return os_success();
}

static bool maps_it(const struct sim_process *process, uint32_t number)
{
    for (size_t i = 0; i < process->inside->map_count; i++) {
        if (process->inside->maps[i].node == number)
            return true;
    }
    return false;
}

/* Whether a file may be cut or removed although it is mapped. */
os_result table_may_cut(const struct sim_process *process, uint32_t number, const char *what)
{
    struct sim_world *world = process->world;
    const struct node *node = world->nodes[number];

    if (node->views == 0)
        return os_success();
    if (maps_it(process, number))
        sim_violation(world, "%s is %s by process %llu, which has it mapped",
                      node_place(node)->name, what, (unsigned long long)process->number);
    if (world->config.flavour == SIM_WINDOWS)
        return (os_result){SLOT_E_BUSY, CODE_BUSY};
    if (!world->config.cut_mapped)
        sim_violation(world, "%s is %s while another process has it mapped", node_place(node)->name,
                      what);
    return os_success();
}

os_result sim_resize(const struct os *os, struct os_file *file, uint64_t size)
{
    struct sim_process *process = sim_self(os);
    struct node *node = table_node(process, file);
    os_result result;

    assert((file->flags & OS_WRITE) != 0);
    table_point_at(process, SIM_FN_resize, node, 0, size, true);
    if (table_fails(process, SIM_FN_resize, &result))
        return result;
    if (size > process->world->config.max_file_bytes)
        return table_failure(SLOT_E_NO_SPACE);
    result = size < node_size(node) ? table_may_cut(process, file->node, "cut") : os_success();
    if (os_ok(result))
        disk_resize(process->world, process, node, size);
    return result;
}

/* Make the file so long at least. False: the disk is full. */
static bool reach(struct sim_process *process, struct node *node, uint64_t offset, uint64_t n)
{
    uint64_t end;

    if (!add_u64(offset, n, &end) || end > process->world->config.max_file_bytes)
        return false;
    if (end > node_size(node))
        disk_resize(process->world, process, node, end);
    return true;
}

os_result sim_allocate(const struct os *os, struct os_file *file, uint64_t offset, uint64_t n)
{
    struct sim_process *process = sim_self(os);
    struct node *node = table_node(process, file);
    os_result result;
    uint64_t end;

    assert((file->flags & OS_WRITE) != 0);
    table_point_at(process, SIM_FN_allocate, node, offset, n, true);
    if (table_fails(process, SIM_FN_allocate, &result))
        return result;
    if (!add_u64(offset, n, &end) || end > process->world->config.max_file_bytes ||
        !disk_take(process->world, node, offset, n))
        return table_failure(SLOT_E_NO_SPACE);
    return reach(process, node, offset, n) ? os_success() : table_failure(SLOT_E_NO_SPACE);
}

/* Windows' locks are mandatory: bytes that another opening has locked cannot be read or written. */
static void check_locks(const struct sim_process *process, const struct os_file *file,
                        uint64_t offset, size_t n)
{
    const struct node *node = table_node(process, file);

    for (uint32_t i = 0; i < node->lock_count; i++) {
        if (node->locks[i].file != file && node->locks[i].byte >= offset &&
            node->locks[i].byte - offset < n)
            sim_violation(process->world, "%s: byte %llu holds data and is locked",
                          node_place(node)->name, (unsigned long long)node->locks[i].byte);
    }
}

/*
 * A call may copy a word in pieces: what somebody has mapped for words is not read and not written.
 * Of `shared` the first opener reads what the last session has left, when nobody else is there.
 */
static void check_words(const struct sim_process *process, const struct node *node, uint64_t offset,
                        size_t n)
{
    if (node->views > 0 && offset < node->words_to && n > 0 && offset + n > node->words_from &&
        strcmp(node_place(node)->name, FILE_SHARED) != 0)
        sim_violation(process->world, "%s: a call reaches words at %llu that others may store",
                      node_place(node)->name, (unsigned long long)offset);
}

os_result sim_read_at(const struct os *os, struct os_file *file, uint64_t offset, void *buf,
                      size_t n)
{
    struct sim_process *process = sim_self(os);
    struct node *node = table_node(process, file);
    os_result result = os_success();
    bool half = false;

    table_point_at(process, SIM_FN_read_at, node, offset, n, false);
    check_locks(process, file, offset, n);
    check_words(process, node, offset, n);
    if (table_faulty(process, SIM_FN_read_at, &half, &result))
        n = half ? n / 2 : 0;
    if (offset > node_size(node) || n > node_size(node) - offset)
        return table_failure(SLOT_E_TRUNCATED);
    if (n > 0)
        memcpy(buf, node->cache + offset, n);
    return result;
}

/* Where the piece that begins at `at` ends: at a multiple of `piece`. */
uint64_t table_piece_end(uint64_t at, uint64_t end, uint64_t piece)
{
    return min_u64((at / piece + 1) * piece, end);
}

void table_put(struct sim_process *process, struct node *node, uint64_t offset, const uint8_t *from,
               uint64_t n, uint64_t who)
{
    for (uint64_t at = offset, next; at < offset + n; at = next) {
        next = table_piece_end(at, offset + n, SIM_SECTOR);
        disk_put(process->world, process, node, at, from + (at - offset), (size_t)(next - at), who);
    }
}

os_result sim_write_at(const struct os *os, struct os_file *file, uint64_t offset, const void *buf,
                       size_t n)
{
    struct sim_process *process = sim_self(os);
    struct node *node = table_node(process, file);
    os_result result = os_success();
    uint64_t end;
    bool half = false;

    assert((file->flags & OS_WRITE) != 0);
    check_locks(process, file, offset, n);
    check_words(process, node, offset, n);
    if (table_faulty(process, SIM_FN_write_at, &half, &result))
        n = half ? n / 2 : 0;
    if (!add_u64(offset, n, &end) || end > process->world->config.max_file_bytes)
        return table_failure(SLOT_E_NO_SPACE);
    if (n == 0)
        table_point_at(process, SIM_FN_write_at, node, offset, 0, false);
    for (uint64_t at = offset, next; at < end; at = next) {
        next = table_piece_end(at, end, process->world->config.write_piece);
        table_point_at(process, SIM_FN_write_at, node, at, next - at, true);
        if (!disk_take(process->world, node, at, next - at))
            return table_failure(SLOT_E_NO_SPACE);
        (void)reach(process, node, at, next - at);
        table_put(process, node, at, (const uint8_t *)buf + (at - offset), next - at, 0);
    }
    return result;
}

/* Whether a failure is due now, and then do it. */
static bool sync_fails(struct sim_process *process, struct os_file *file, struct node *node)
{
    struct sim_process_inside *in = process->inside;

    if (in->sync_fails == 0 || --in->sync_fails > 0)
        return false;
    disk_sync_failed(process->world, node, in->sync_loss, in->sync_seed);
    file->errors_told = node->errors_seen = node->errors;
    in->failed++;
    process->world->failures++;
    return true;
}

/* What was lost before, which this opening was not told of. */
static os_result told_now(struct os_file *file, struct node *node)
{
    bool lost = file->errors_told != node->errors;

    file->errors_told = node->errors_seen = node->errors;
    return lost ? (os_result){SLOT_E_IO, CODE_IO} : os_success();
}

static os_result sync_now(struct sim_process *process, struct os_file *file, struct node *node)
{
    os_result result;

    if (table_fails(process, SIM_FN_sync, &result))
        return result;
    if (sync_fails(process, file, node))
        return (os_result){SLOT_E_IO, CODE_IO};
    disk_sync(process->world, node);
    return told_now(file, node);
}

/* A disk takes its time, and others run meanwhile. */
static void wait_for_disk(struct sim_process *process)
{
    struct sim_world *world = process->world;

    if (world->config.sync_us > 0 && world->current != NULL)
        sched_sleep(process, 0,
                    (uint32_t)(sim_random(&world->schedule_random) % world->config.sync_us));
}

os_result sim_sync(const struct os *os, struct os_file *file)
{
    struct sim_process *process = sim_self(os);
    struct node *node = table_node(process, file);
    os_result result;

    table_point_at(process, SIM_FN_sync, node, 0, 0, true);
    if (process->world->config.compare_syncs && node->writable_views > 0)
        disk_compare(process->world, node, 0, node_size(node));
    wait_for_disk(process);
    result = sync_now(process, file, node);
    wait_for_disk(process);
    table_point_at(process, SIM_FN_sync, node, 0, 0, false);
    return result;
}

os_result sim_intact(const struct os *os, struct os_file *file)
{
    struct sim_process *process = sim_self(os);
    os_result result;

    table_point_at(process, SIM_FN_intact, table_node(process, file), 0, 0, false);
    if (table_fails(process, SIM_FN_intact, &result))
        return result;
    return told_now(file, table_node(process, file));
}

os_result sim_keep(const struct os *os, struct os_file *file, bool keep)
{
    (void)os, (void)file, (void)keep;
    return os_success();
}

void sim_start_writeback(const struct os *os, struct os_file *file, uint64_t offset, uint64_t n)
{
    (void)os, (void)file, (void)offset, (void)n;
}

/* Of what the system may be told only this is visible: what was never written is gone then. */
void sim_advise(const struct os *os, struct os_file *file, uint64_t offset, uint64_t n,
                os_advice advice)
{
    struct sim_process *process = sim_self(os);

    if (advice == OS_ADVICE_FORGET)
        disk_forget(process->world, table_node(process, file), file->node,
                    round_up(offset, SIM_PAGE), n == 0 ? UINT64_MAX - offset : n);
}

/* Nothing: so what is announced for a cold file is announced here. */
bool sim_cached(const struct os *os, struct os_file *file, uint64_t offset, uint64_t n)
{
    (void)os, (void)file, (void)offset, (void)n;
    return false;
}

uint64_t sim_next_data(const struct os *os, struct os_file *file, uint64_t offset)
{
    struct sim_process *process = sim_self(os);

    table_point_at(process, SIM_FN_next_data, table_node(process, file), offset, 0, false);
    return offset;
}
