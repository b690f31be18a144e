/*
 * The table of a simulated process: what its functions do first, the seams, the table, and faults.
 * Each function is, in this order, a point (others run, the hook is called, the process may be
 * killed), the fault that was asked for, and the effect.
 */
#include "crash/sim_table.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

/* ---- what all functions do ---- */

void table_point(struct sim_process *process, enum sim_function function, const char *name,
                 bool changes)
{
    struct sim_step step = {.function = function, .name = name, .changes = changes};

    sched_point(process, &step);
}

void table_point_at(struct sim_process *process, enum sim_function function,
                    const struct node *node, uint64_t offset, uint64_t n, bool changes)
{
    struct sim_step step = {.function = function,
                            .name = node_place(node)->name,
                            .changes = changes,
                            .offset = offset,
                            .n = n};

    sched_point(process, &step);
}

/* What touches pages can tell one thing only. */
static bool touches_pages(enum sim_function function)
{
    return function == SIM_FN_load || function == SIM_FN_store || function == SIM_FN_populate;
}

/* Count a call; whether it is to fail, and how. */
bool table_faulty(struct sim_process *process, enum sim_function function, bool *half,
                  os_result *result)
{
    struct sim_process_inside *in = process->inside;
    bool fails = false;

    in->calls++;
    in->calls_of[function]++;
    for (size_t i = 0; i < RULES_MAX; i++) {
        struct rule *rule = &in->rules[i];

        if (rule->left == 0 ||
            (rule->function != SIM_FUNCTION_COUNT && rule->function != (uint32_t)function))
            continue;
        if (rule->left == 1 && !fails) {
            fails = true;
            *half = (rule->how & SIM_HALF) != 0;
            process->world->shorts += *half;
            *result = rule->result;
            if (rule->function == SIM_FUNCTION_COUNT && touches_pages(function))
                *result = (os_result){SLOT_E_LOST, 0};
        }
        if (rule->left > 1 || (rule->how & SIM_FOREVER) == 0)
            rule->left--;
    }
    in->failed += fails;
    process->world->failures += fails;
    return fails;
}

bool table_fails(struct sim_process *process, enum sim_function function, os_result *result)
{
    bool half;

    return table_faulty(process, function, &half, result);
}

os_result table_failure(slot_status status)
{
    return (os_result){status, 0};
}

struct node *table_node(const struct sim_process *process, const struct os_file *file)
{
    if (file->process != process)
        sim_violation(process->world, "process %llu uses a file that it has not opened",
                      (unsigned long long)process->number);
    return process->world->nodes[file->node];
}

uint32_t table_dir(const struct sim_process *process, const struct os_dir *dir)
{
    if (dir->process != process)
        sim_violation(process->world, "process %llu uses a directory that it has not opened",
                      (unsigned long long)process->number);
    return dir->node;
}

uint32_t table_find(const struct sim_process *process, const struct os_dir *dir, const char *name,
                    struct place *place)
{
    const struct sim_world *world = process->world;
    uint32_t parent = table_dir(process, dir);
    bool gone = parent != ROOT && node_place(world->nodes[parent])->parent == NOWHERE;

    assert(name[0] != '\0' && strpbrk(name, "/\\") == NULL && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0 && strlen(name) < SIM_NAME_MAX);
    place->parent = gone ? NOWHERE : parent;
    strcpy(place->name, name);
    return gone ? NOWHERE : names_in(world, parent, name);
}

/* ---- seams ---- */

static void sim_yield(const struct os *os, const char *where)
{
    table_point(sim_self(os), SIM_FN_yield, where, false);
}

static uint64_t sim_clock_ms(const struct os *os)
{
    return sim_self(os)->world->clock_us / 1000;
}

static void sim_sleep_us(const struct os *os, uint32_t us)
{
    table_point(sim_self(os), SIM_FN_sleep_us, "", false);
    sched_sleep(sim_self(os), 0, us);
}

static void sim_park(const struct os *os, _Atomic uint32_t *word, uint32_t seen, uint32_t us)
{
    table_point(sim_self(os), SIM_FN_park, "", false);
    if (atomic_load(word) == seen)
        sched_sleep(sim_self(os), (uintptr_t)word, us);
}

static void sim_unpark(const struct os *os, _Atomic uint32_t *word)
{
    table_point(sim_self(os), SIM_FN_unpark, "", false);
    sched_wake(sim_self(os), (uintptr_t)word);
}

static uint64_t sim_process_number(const struct os *os)
{
    return sim_self(os)->number;
}

/* Forks are tested in torture. */
static void sim_watch_forks(const struct os *os, struct os_fork_watch *watch)
{
    (void)os, (void)watch;
}

static uint64_t sim_boot_id(const struct os *os)
{
    return UINT64_C(0xb0070000) + sim_self(os)->world->boots;
}

static os_result sim_random_bytes(const struct os *os, void *bytes, size_t n)
{
    struct sim_process *process = sim_self(os);
    uint8_t *to = bytes;
    os_result result;

    if (table_fails(process, SIM_FN_random, &result))
        return result;
    while (n > 0) {
        uint64_t number = sim_random(&process->world->random);
        size_t piece = n < sizeof number ? n : sizeof number;

        memcpy(to, &number, piece);
        to += piece;
        n -= piece;
    }
    return os_success();
}

const struct os sim_table = {
    .open = sim_open,
    .close = sim_close,
    .size = sim_size,
    .resize = sim_resize,
    .allocate = sim_allocate,
    .read_at = sim_read_at,
    .write_at = sim_write_at,
    .sync = sim_sync,
    .keep = sim_keep,
    .intact = sim_intact,
    .start_writeback = sim_start_writeback,
    .advise = sim_advise,
    .next_data = sim_next_data,
    .cached = sim_cached,
    .map = sim_map,
    .unmap = sim_unmap,
    .flush = sim_flush,
    .views_apart = sim_views_apart,
    .populate = sim_populate,
    .protect = sim_protect,
    .advise_view = sim_advise_view,
    .lock = sim_lock,
    .unlock = sim_unlock,
    .held = sim_held,
    .downgrade = sim_downgrade,
    .open_dir = sim_open_dir,
    .split_path = sim_split_path,
    .close_dir = sim_close_dir,
    .make_dir = sim_make_dir,
    .remove_dir = sim_remove_dir,
    .remove_file = sim_remove_file,
    .rename_new = sim_rename_new,
    .sync_dir = sim_sync_dir,
    .list = sim_list,
    .kind = sim_kind,
    .load = sim_load,
    .store = sim_store,
    .yield = sim_yield,
    .clock_ms = sim_clock_ms,
    .sleep_us = sim_sleep_us,
    .park = sim_park,
    .unpark = sim_unpark,
    .process = sim_process_number,
    .watch_forks = sim_watch_forks,
    .unwatch_forks = sim_watch_forks,
    .boot_id = sim_boot_id,
    .random = sim_random_bytes,
};

/* ---- processes: what they hold ---- */

void process_release(struct sim_process *process)
{
    while (process->inside->map_count > 0)
        table_unmap(process, process->inside->map_count - 1);
    process->inside->lent_count = 0;
    while (process->inside->files != NULL)
        table_close(process, process->inside->files);
    while (process->inside->dirs != NULL)
        table_close_dir(process, process->inside->dirs);
}

bool sim_process_is_clean(const struct sim_process *process)
{
    if (!process->alive)
        return !process->inside->left_behind;
    return process->inside->files == NULL && process->inside->dirs == NULL &&
           process->inside->map_count == 0;
}

/* ---- faults ---- */

static uint32_t by_name(const char *function)
{
    uint32_t i = 0;

    while (i < SIM_FUNCTION_COUNT && strcmp(sim_function_name((enum sim_function)i), function) != 0)
        i++;
    assert(i < SIM_FUNCTION_COUNT); /* a name that os.h has not */
    return i;
}

void sim_fail(struct sim_process *process, const char *function, uint64_t nth, int how,
              slot_status status, int code)
{
    size_t i = 0;

    assert(nth > 0 && status != SLOT_OK);
    while (i < RULES_MAX && process->inside->rules[i].left > 0)
        i++;
    assert(i < RULES_MAX);
    process->inside->rules[i].function = function != NULL ? by_name(function) : SIM_FUNCTION_COUNT;
    process->inside->rules[i].left = nth;
    process->inside->rules[i].how = how;
    process->inside->rules[i].result = (os_result){status, code};
}

void sim_mend_calls(struct sim_process *process)
{
    memset(process->inside->rules, 0, sizeof process->inside->rules);
}

void sim_mend(struct sim_process *process)
{
    sim_mend_calls(process);
    process->inside->sync_fails = 0;
}

uint64_t sim_calls(const struct sim_process *process, const char *function)
{
    return function != NULL ? process->inside->calls_of[by_name(function)] : process->inside->calls;
}

uint64_t sim_failed(const struct sim_process *process)
{
    return process->inside->failed;
}

void sim_fail_sync(struct sim_process *process, uint64_t nth, sim_loss loss, uint64_t seed)
{
    process->inside->sync_fails = nth;
    process->inside->sync_loss = loss;
    process->inside->sync_seed = seed;
}
