/*
 * Processes and whose turn it is. Each thread of a process that was started has a fiber; exactly
 * one runs, and gives up its turn in sched_point, sched_sleep, or by ending. Time is counted: one
 * microsecond for each point, and jumps to the next sleeper when nobody else is ready.
 *
 *     sim_run  --switch-->  thread 0 .. point --switch--> thread 1 .. end --switch--> thread 0 ..
 *        ^                                                                               |
 *        +------------------------- all have ended, or sim_stop -------------------------+
 */
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "crash/sim_inside.h"

#define LONELY_YIELDS 200u /* in a row by one thread: with a fixed schedule, others get a turn */
#define SPURIOUS      32u  /* one in so many parks does not sleep */
#define WHO_BITS      62u

_Thread_local struct sim_process *volatile sim_running;

/* ---- processes ---- */

static struct sim_process *make_process(struct sim_world *world)
{
    struct sim_process *process = sim_take(sizeof *process);

    process->inside = sim_take(sizeof *process->inside);
    process->os = sim_table;
    process->world = world;
    return process;
}

/* Empty it, but for its memory. */
static void reset_process(struct sim_process *process)
{
    struct sim_process_inside *in = process->inside;
    struct sim_process_inside kept = *in;

    memset(in, 0, sizeof *in);
    in->maps = kept.maps;
    in->map_room = kept.map_room;
    in->lent = kept.lent;
    in->lent_room = kept.lent_room;
}

struct sim_process *sim_process_new(struct sim_world *world)
{
    struct sim_process *process;

    if (world->process_count == world->process_made) {
        world->processes = sim_grow(world->processes, world->process_made, &world->process_room,
                                    sizeof *world->processes);
        world->processes[world->process_made++] = make_process(world);
    }
    process = world->processes[world->process_count];
    reset_process(process);
    process->number = FIRST_NUMBER + world->next_number++;
    process->context = NULL;
    process->alive = true;
    process->killed = false;
    process->inside->who = UINT64_C(1) << (world->process_count % WHO_BITS);
    world->process_count++;
    return process;
}

struct sim_process *sim_process_start(struct sim_world *world, sim_main main, void *argument)
{
    struct sim_process *process = sim_process_new(world);

    process->inside->threaded = true;
    (void)sim_thread_start(process, main, argument);
    return process;
}

/* Whoever ends or is killed: all that the system holds for it goes. */
static void end_process(struct sim_process *process, bool killed)
{
    struct sim_world *world = process->world;
    struct sim_heap *heap = &process->inside->heap;

    process->inside->left_behind = !sim_process_is_clean(process);
    process->alive = false;
    process->killed = killed;
    process_release(process);
    if (heap->give_up != NULL)
        heap->give_up(process->inside, killed);
    process->inside->threads = 0;
    for (size_t i = 0; i < world->thread_count; i++) {
        if (world->threads[i]->process == process)
            world->threads[i]->state = THREAD_ENDED;
    }
}

void sim_process_exit(struct sim_process *process)
{
    assert(process->alive && !process->inside->threaded);
    process_absorb(process);
    end_process(process, false);
}

void sim_process_kill(struct sim_process *process)
{
    if (!process->alive)
        return;
    process_absorb(process);
    end_process(process, true);
}

void sim_process_kill_at(struct sim_process *process, uint64_t nth)
{
    process->inside->kill_at = nth > 0 ? process->inside->points + nth : 0;
}

uint64_t sim_process_points(const struct sim_process *process)
{
    return process->inside->points;
}

bool sim_call(struct sim_process *process, sim_main main, void *argument)
{
    struct sim_process *volatile kept = process;
    struct sim_process *volatile before = sim_running;

    assert(!process->inside->threaded && !process->inside->landing_set);
    process->inside->landing_set = true;
    if (setjmp(process->inside->landing) == 0) {
        sim_running = process;
        main(process, argument);
    }
    sim_running = before;
    kept->inside->landing_set = false;
    return kept->alive;
}

/* ---- threads ---- */

static void switch_to(struct sim_world *world, struct sim_thread *next)
{
    struct sim_thread *before = world->current;

    if (next == before)
        return;
    world->current = next;
    sim_running = next != NULL ? next->process : NULL;
    fiber_switch(before != NULL ? before->fiber : world->caller,
                 next != NULL ? next->fiber : world->caller);
}

static struct sim_thread *next_of_all(struct sim_world *world);

/* The turn of the thread that runs is its last one. */
static _Noreturn void leave(struct sim_world *world)
{
    switch_to(world, next_of_all(world));
    abort(); /* nobody switches to a thread that has ended */
}

static void run_thread(void *argument)
{
    struct sim_thread *thread = argument;
    struct sim_process *process = thread->process;

    thread->main(process, thread->argument);
    thread->state = THREAD_ENDED;
    process_absorb(process);
    if (--process->inside->threads == 0)
        end_process(process, false);
    leave(process->world);
}

static struct sim_thread *make_thread(void)
{
    struct sim_thread *thread = sim_take(sizeof *thread);
    struct sim_process *running = sim_running;

    sim_running = NULL; /* it outlives the process that asks for it */
    thread->fiber = fiber_make();
    sim_running = running;
    return thread;
}

struct sim_thread *sim_thread_start(struct sim_process *process, sim_main main, void *argument)
{
    struct sim_world *world = process->world;
    struct sim_thread *thread;

    assert(process->inside->threaded && process->alive);
    if (world->thread_count == world->thread_made) {
        world->threads = sim_grow(world->threads, world->thread_made, &world->thread_room,
                                  sizeof *world->threads);
        thread = make_thread();
        world->threads[world->thread_made++] = thread;
    }
    thread = world->threads[world->thread_count];
    thread->process = process;
    thread->number = (uint32_t)world->thread_count++;
    thread->state = THREAD_READY;
    thread->word = 0;
    thread->yields = 0;
    thread->main = main;
    thread->argument = argument;
    fiber_prepare(thread->fiber, run_thread, thread);
    process->inside->threads++;
    return thread;
}

/* ---- whose turn ---- */

static void wake_up(struct sim_world *world, struct sim_thread *thread)
{
    if (thread->wake_us > world->clock_us)
        world->clock_us = thread->wake_us;
    thread->state = THREAD_READY;
    thread->word = 0;
}

/* Of those that are not `except`: the nth that is ready, or NULL. */
static struct sim_thread *ready(struct sim_world *world, const struct sim_thread *except,
                                uint64_t nth)
{
    for (size_t i = 0; i < world->thread_count; i++) {
        struct sim_thread *thread = world->threads[i];

        if (thread->state == THREAD_SLEEPING && thread->wake_us <= world->clock_us)
            wake_up(world, thread);
        if (thread->state == THREAD_READY && thread != except && nth-- == 0)
            return thread;
    }
    return NULL;
}

static uint64_t count_ready(struct sim_world *world, const struct sim_thread *except)
{
    uint64_t n = 0;

    while (ready(world, except, n) != NULL)
        n++;
    return n;
}

static struct sim_thread *first_sleeper(struct sim_world *world)
{
    struct sim_thread *first = NULL;

    for (size_t i = 0; i < world->thread_count; i++) {
        struct sim_thread *thread = world->threads[i];

        if (thread->state == THREAD_SLEEPING && (first == NULL || thread->wake_us < first->wake_us))
            first = thread;
    }
    return first;
}

/* The next ready one behind number `after`, cyclic, not itself. */
static struct sim_thread *next_in_order(struct sim_world *world, uint32_t after)
{
    (void)ready(world, NULL, UINT64_MAX); /* wakes who has slept enough */
    for (size_t i = 1; i <= world->thread_count; i++) {
        struct sim_thread *thread = world->threads[(after + i) % world->thread_count];

        if (thread->state == THREAD_READY && thread != world->current)
            return thread;
    }
    return NULL;
}

static struct sim_thread *other(struct sim_world *world, const struct sim_thread *thread)
{
    uint64_t n;

    if (world->schedule.list != NULL)
        return next_in_order(world,
                             thread != NULL ? thread->number : (uint32_t)world->thread_count - 1);
    n = count_ready(world, thread);
    return n > 0 ? ready(world, thread, sim_random(&world->schedule_random) % n) : NULL;
}

/* Somebody must run, the present one cannot; NULL when all have ended. */
static struct sim_thread *next_of_all(struct sim_world *world)
{
    struct sim_thread *next = world->thread_count > 0 ? other(world, world->current) : NULL;

    if (next == NULL) {
        next = first_sleeper(world);
        if (next != NULL)
            wake_up(world, next);
    }
    return next;
}

/* The schedule's list: who runs from this point on. */
static struct sim_thread *listed(struct sim_world *world, struct sim_thread *thread)
{
    const struct sim_schedule *schedule = &world->schedule;
    struct sim_thread *next = thread;

    while (world->preempted < schedule->count &&
           schedule->list[world->preempted].point <= world->points) {
        const struct sim_preemption *entry = &schedule->list[world->preempted++];

        if (entry->point < world->points || entry->thread >= world->thread_count)
            continue;
        next = world->threads[entry->thread];
        if (next->state == THREAD_ENDED)
            next = thread;
        else if (next->state == THREAD_SLEEPING)
            wake_up(world, next);
        world->preemptions += next != thread;
    }
    if (next == thread && thread->yields >= LONELY_YIELDS) {
        thread->yields = 0;
        next = next_of_all(world);
    }
    return next != NULL ? next : thread;
}

static struct sim_thread *by_chance(struct sim_world *world, struct sim_thread *thread,
                                    enum sim_function function)
{
    const struct sim_schedule *schedule = &world->schedule;
    uint32_t permille =
        function == SIM_FN_yield ? schedule->yield_permille : schedule->switch_permille;
    uint64_t chance = sim_random(&world->schedule_random);
    struct sim_thread *next = NULL;

    if ((chance >> 32) % 1000 < schedule->oversleep_permille)
        next = first_sleeper(world);
    if (next != NULL)
        wake_up(world, next);
    else if (chance % 1000 < permille)
        next = other(world, thread);
    return next != NULL ? next : thread;
}

/* ---- points ---- */

static void note(struct sim_world *world, const struct sim_step *step)
{
    world->trace_hash =
        sim_mix(world->trace_hash, (uint64_t)step->thread << 8 | (uint64_t)step->function) ^
        step->offset;
    if (world->config.trace) {
        struct sim_mark *mark;

        world->trace =
            sim_grow(world->trace, world->trace_count, &world->trace_room, sizeof *world->trace);
        mark = &world->trace[world->trace_count++];
        mark->point = step->point;
        mark->thread = step->thread;
        mark->function = (uint8_t)step->function;
        mark->changes = step->changes;
        mark->offset = step->offset;
    }
    /* One by one: they were stored so just now, and a copy of several at once waits for that. */
    world->last.process = step->process;
    world->last.point = step->point;
    world->last.step = step->step;
    world->last.thread = step->thread;
    world->last.function = step->function;
    world->last.changes = step->changes;
    world->last.name = step->name;
    world->last.offset = step->offset;
    world->last.n = step->n;
}

/* The process that runs has been killed: get out of the call of its table. */
static _Noreturn void land(struct sim_process *process)
{
    if (process->world->current != NULL)
        leave(process->world);
    if (!process->inside->landing_set)
        sim_violation(process->world, "a process was killed that runs outside of sim_call");
    longjmp(process->inside->landing, 1);
}

static void take_turns(struct sim_process *process, enum sim_function function)
{
    struct sim_world *world = process->world;
    struct sim_thread *thread = world->current;

    if (thread == NULL)
        return;
    if (thread->process != process)
        sim_violation(world, "the table of process %llu is used by process %llu",
                      (unsigned long long)process->number,
                      (unsigned long long)thread->process->number);
    thread->yields = function == SIM_FN_yield ? thread->yields + 1 : 0;
    switch_to(world, world->schedule.list != NULL ? listed(world, thread)
                                                  : by_chance(world, thread, function));
}

static void call_hook(struct sim_process *process, const struct sim_step *step)
{
    struct sim_world *world = process->world;
    struct sim_process *running = sim_running;

    world->in_hook = true;
    sim_running = NULL;
    world->on_step(world->on_step_context, world, step);
    sim_running = running;
    world->in_hook = false;
    if (world->stop && world->current != NULL) {
        world->stopped = process->alive ? world->current : NULL;
        switch_to(world, NULL);
    }
    if (!process->alive)
        land(process);
}

void sim_slow(struct sim_process *process, uint32_t permille, uint32_t us)
{
    process->inside->slow_permille = permille;
    process->inside->slow_us = us;
}

/* A call that takes its time: everybody else runs meanwhile. */
static void dawdle(struct sim_process *process)
{
    struct sim_world *world = process->world;
    uint64_t chance;

    if (process->inside->slow_permille == 0 || world->current == NULL)
        return;
    chance = sim_random(&world->schedule_random);
    if (chance % 1000 < process->inside->slow_permille)
        sched_sleep(process, 0, 1 + (uint32_t)((chance >> 16) % process->inside->slow_us));
}

void sched_point(struct sim_process *process, struct sim_step *step)
{
    struct sim_world *world = process->world;
    struct sim_process_inside *in = process->inside;
    uint64_t number;

    if (!process->alive || world->in_hook)
        sim_violation(world, "process %llu: a call of %s %s", (unsigned long long)process->number,
                      sim_function_name(step->function),
                      process->alive ? "from within a hook" : "after its end");
    process_absorb(process);
    if (world->config.compare_every != 0 && --world->until_compare == 0)
        sim_check_stores(world);
    number = ++world->points;
    if (number > world->config.max_points)
        sim_violation(world, "no end after %llu points", (unsigned long long)number);
    world->clock_us++;
    in->points++;
    if (in->kill_at != 0 && in->points >= in->kill_at) {
        end_process(process, true);
        land(process);
    }
    take_turns(process, step->function);
    dawdle(process);
    step->process = process;
    step->point = number;
    step->thread = world->current != NULL ? world->current->number : UINT32_MAX;
    if (step->changes)
        world->steps++;
    step->step = world->steps;
    note(world, step);
    if (step->changes && world->on_step != NULL)
        call_hook(process, step);
}

/* ---- sleep ---- */

void sched_sleep(struct sim_process *process, uintptr_t word, uint32_t us)
{
    struct sim_world *world = process->world;
    struct sim_thread *thread = world->current;

    if (thread == NULL) {
        world->clock_us += us;
        return;
    }
    if (word != 0 && sim_random(&world->schedule_random) % SPURIOUS == 0)
        return;
    thread->state = THREAD_SLEEPING;
    thread->wake_us = world->clock_us + us;
    thread->word = word;
    switch_to(world, next_of_all(world));
}

void sched_wake(struct sim_process *process, uintptr_t word)
{
    struct sim_world *world = process->world;
    bool woken = false;

    for (size_t i = 0; i < world->thread_count && !woken; i++) {
        struct sim_thread *thread = world->threads[i];

        if (thread->state == THREAD_SLEEPING && thread->process == process &&
            thread->word == word) {
            thread->state = THREAD_READY;
            thread->word = 0;
            woken = true;
        }
    }
}

/* ---- running ---- */

void sim_schedule_init(struct sim_schedule *schedule)
{
    memset(schedule, 0, sizeof *schedule);
    schedule->switch_permille = 100;
    schedule->yield_permille = 500;
    schedule->oversleep_permille = 10;
}

void sim_set_schedule(struct sim_world *world, const struct sim_schedule *schedule)
{
    world->schedule = *schedule;
    world->preempted = 0;
    world->preemptions = 0;
}

uint64_t sim_preemptions(const struct sim_world *world)
{
    return world->preemptions;
}

sim_end sim_run(struct sim_world *world)
{
    struct sim_thread *first = world->stopped;
    struct sim_process *running = sim_running;

    assert(!world->running);
    world->running = true;
    world->stop = false;
    world->stopped = NULL;
    world->caller = fiber_of_caller();
    if (first == NULL || first->state == THREAD_ENDED)
        first = next_of_all(world);
    if (first != NULL)
        switch_to(world, first);
    sim_running = running;
    fiber_free(world->caller);
    world->caller = NULL;
    world->running = false;
    return world->stop ? SIM_END_STOPPED : SIM_END_ALL;
}

void sim_stop(struct sim_world *world)
{
    world->stop = true;
}

uint64_t sim_points(const struct sim_world *world)
{
    return world->points;
}

uint64_t sim_steps(const struct sim_world *world)
{
    return world->steps;
}

const struct sim_mark *sim_trace(const struct sim_world *world, size_t *n)
{
    *n = world->trace_count;
    return world->trace;
}

uint64_t sim_trace_hash(const struct sim_world *world)
{
    return world->trace_hash;
}

void sim_on_step(struct sim_world *world, sim_step_fn fn, void *context)
{
    world->on_step = fn;
    world->on_step_context = context;
}

/* ---- beginning and end ---- */

void sched_kill_all(struct sim_world *world)
{
    assert(!world->running);
    for (size_t i = 0; i < world->process_count; i++)
        sim_process_kill(world->processes[i]);
    world->process_count = 0;
    world->thread_count = 0;
    world->stopped = NULL;
    world->stop = false;
}

void sim_world_restart(struct sim_world *world)
{
    assert(!world->in_hook);
    sched_kill_all(world);
}

void sim_reseed(struct sim_world *world, uint64_t seed)
{
    world->config.seed = seed;
    world->schedule_random = sim_mix(seed, 1);
    world->random = sim_mix(seed, 2);
    world->preempted = 0;
    world->points = world->steps = 0;
    world->until_compare = world->config.compare_every;
    world->next_number = 0;
    world->trace_hash = 0;
    world->trace_count = 0;
    memset(&world->last, 0, sizeof world->last);
}

void sched_free(struct sim_world *world)
{
    for (size_t i = 0; i < world->process_made; i++) {
        free(world->processes[i]->inside->maps);
        free(world->processes[i]->inside->lent);
        free(world->processes[i]->inside);
        free(world->processes[i]);
    }
    for (size_t i = 0; i < world->thread_made; i++) {
        fiber_free(world->threads[i]->fiber);
        free(world->threads[i]);
    }
    free(world->processes);
    free(world->threads);
    free(world->trace);
}
