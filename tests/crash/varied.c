#include "crash/varied.h"

#include <string.h>

#include "base/checked.h"
#include "crash/damage.h"
#include "crash/mishaps.h"
#include "crash/sim_heap.h"
#include "db/handle.h"

#define LIVES_MAX     3u
#define PROCESSES_MAX 5u
#define ROUNDS_MAX    20u /* of those who do not write */

/* One process: what it does and how. */
struct actor {
    struct run *run;
    struct sim_process *process;
    slot_options options;
    uint32_t threads; /* of a shared handle, that have not ended */
    slot_db *shared;  /* the handle that they share */
    uint32_t commits; /* by this process or its threads */
    bool patient;     /* stays with its handle after a failure */
    bool other_syncs; /* another sync at each opening */
    bool clumsy;      /* calls fail in the midst of its transactions, again and again */
    bool opened;      /* the shared handle was tried */
};

/* Most lives are drawn freely; in some, what has to meet is put together. */
enum theme {
    FREELY,
    MIXED_SYNCS, /* threads with sync=full, slow, beside sync=normal and checkpoints */
    LOST_SYNC,   /* a sync fails under threads that share it, one of them slow */
    THEMES
};

/* A run under way. */
struct varied {
    struct run *run;
    struct actor actor[PROCESSES_MAX];
    uint32_t actors;
    uint32_t images;
    uint64_t permille; /* of the steps that are looked at */
    uint64_t stop_at;  /* step at which the life ends; 0: when all have ended */
    uint64_t from;     /* step at which it began */
    uint64_t early;    /* of so many of the first steps, one in four is looked at */
    sim_loss loss;
    uint64_t log_syncs; /* syncs of the log, by anybody, until one fails; 0: none does */
    enum theme theme;
    struct mishaps mishaps;
    bool fills; /* the disk may get full */
    bool cut;   /* the last life ended with a power cut */
};

/* ---- drawing ---- */

static bool chance(struct run *run, uint32_t percent)
{
    return run_random(run, 100) < percent;
}

static uint32_t draw_size(uint64_t seed, tally_set *items)
{
    static const struct {
        uint32_t bytes;
        enum tally_item item;
    } sizes[] = {{64, TALLY_SIZE_64},    {124, TALLY_SIZE_124},   {500, TALLY_SIZE_500},
                 {700, TALLY_SIZE_700},  {1365, TALLY_SIZE_1365}, {4096, TALLY_SIZE_4096},
                 {5000, TALLY_SIZE_5000}};
    size_t i = (size_t)(seed % (sizeof sizes / sizeof sizes[0]));

    *items |= tally_bit(sizes[i].item);
    return sizes[i].bytes;
}

static uint64_t segment_bytes(const struct run *run, uint64_t limit)
{
    uint32_t records = slot__meta_block_records(run->model.record_size);

    return slot__log_segment_bytes(limit, records * run->model.record_size);
}

/* A few of the smallest segments, or more that are larger. */
static uint64_t draw_limit(struct run *run)
{
    uint64_t smallest = segment_bytes(run, 1);

    if (chance(run, 50)) {
        run_met(run, TALLY_LARGE_LOG);
        return 17 * smallest;
    }
    run_met(run, TALLY_SMALL_LOG);
    return (3 + run_random(run, 3)) * smallest;
}

static uint64_t draw_checkpoint(struct run *run)
{
    if (chance(run, 30)) {
        run_met(run, TALLY_RARE_CHECKPOINTS);
        return UINT64_C(1) << 30;
    }
    run_met(run, TALLY_OFTEN_CHECKPOINTS);
    return (1 + run_random(run, 4)) << 14;
}

static void draw_budget(struct run *run, slot_options *options)
{
    options->map_budget = run->options.map_budget;
    if (chance(run, 25)) {
        options->map_budget = run->least_budget;
        run_met(run, TALLY_TIGHT);
    }
}

static void draw_sync(struct run *run, slot_options *options)
{
    options->sync = chance(run, 40) ? SLOT_SYNC_NORMAL : SLOT_SYNC_FULL;
}

/* As init_cache in open.c counts it: three views, a frame beside each, a window, what all share. */
static uint64_t least_budget(const struct run *run)
{
    uint32_t size = run->model.record_size;
    uint64_t block = (uint64_t)slot__meta_block_records(size) * size;
    uint64_t frame =
        slot__frame_length((uint32_t)(block > BITMAP_BLOCK_BYTES ? block : BITMAP_BLOCK_BYTES));

    return SHARED_BYTES + LOG_WINDOW_BYTES + 3 * (VIEW_SIZE_MIN + round_up(frame, OS_PAGE_SIZE));
}

/* ---- what processes do ---- */

static bool goes_on(const struct run *run)
{
    return run->transactions > 0 && run->wrong[0] == '\0';
}

static void count_commits(struct actor *actor, uint64_t before)
{
    if (actor->run->commits > before)
        actor->commits++;
}

/* A call of the next transaction, or an allocation in it. */
static void fail_soon(struct run *run, struct sim_process *process)
{
#ifdef CRASH_HAS_HEAP
    if (chance(run, 20)) {
        sim_heap_fail(process, 1 + run_random(run, 12), SIM_ONCE);
        return;
    }
#endif
    sim_fail(process, NULL, 1 + run_random(run, 80), chance(run, 50) ? SIM_HALF : SIM_ONCE,
             chance(run, 50) ? SLOT_E_IO : SLOT_E_NO_SPACE, 5);
}

/* One transaction, or now and then something else that a writer may want. */
static bool write_or_look(struct actor *actor, slot_db *db)
{
    struct run *run = actor->run;
    uint64_t before = run->commits;
    slot_error err;
    slot_status status;
    bool well;

    run->transactions -= run->transactions > 0;
    if (chance(run, 10)) {
        run_read_once(run, db);
        return true;
    }
    if (chance(run, actor->threads > 0 ? 15 : 6)) {
        status = slot_checkpoint(db, &err);
        if (status != SLOT_OK && !run_tolerates_of(run, db, status))
            run_wrong(run, "checkpoint: %s: %s (%s)", err.file, err.what, slot_status_text(status));
        return status == SLOT_OK;
    }
    if (actor->clumsy && chance(run, 50))
        fail_soon(run, actor->process);
    well = run_write_once(run, actor->process, db);
    if (actor->clumsy)
        sim_mend_calls(actor->process);
    count_commits(actor, before);
    return well;
}

static void write_main(struct sim_process *process, void *argument)
{
    struct actor *actor = argument;
    struct run *run = actor->run;

    while (goes_on(run)) {
        slot_db *db;

        if (actor->other_syncs) {
            draw_sync(run, &actor->options);
            draw_budget(run, &actor->options);
            actor->options.checkpoint_bytes = draw_checkpoint(run);
        }
        db = run_open(run, process, &actor->options);
        if (db == NULL) {
            run->transactions -= run->transactions > 0;
            continue;
        }
        for (uint64_t n = 1 + run_random(run, 8); n > 0 && goes_on(run); n--) {
            if (!write_or_look(actor, db) && !actor->patient)
                break;
        }
        run_close(run, db);
    }
}

static void shared_main(struct sim_process *process, void *argument)
{
    struct actor *actor = argument;
    struct run *run = actor->run;

    actor->shared = run_open(run, process, &actor->options);
    actor->opened = true;
    while (actor->threads > 0)
        process->os.sleep_us(&process->os, 500);
    if (actor->shared != NULL)
        run_close(run, actor->shared);
}

static void thread_main(struct sim_process *process, void *argument)
{
    struct actor *actor = argument;
    struct run *run = actor->run;

    while (!actor->opened)
        process->os.sleep_us(&process->os, 500);
    while (actor->shared != NULL && goes_on(run)) {
        if (!write_or_look(actor, actor->shared) && !actor->patient)
            break;
    }
    actor->threads--;
}

static void read_main(struct sim_process *process, void *argument)
{
    struct actor *actor = argument;
    struct run *run = actor->run;

    for (uint32_t i = 0; i < ROUNDS_MAX && goes_on(run); i++) {
        slot_db *db = run_open(run, process, &actor->options);

        for (uint64_t n = 1 + run_random(run, 5); db != NULL && n > 0 && goes_on(run); n--)
            run_read_once(run, db);
        if (db != NULL)
            run_close(run, db);
        process->os.sleep_us(&process->os, 200);
    }
}

static void checkpoint_main(struct sim_process *process, void *argument)
{
    struct actor *actor = argument;
    struct run *run = actor->run;

    for (uint32_t i = 0; i < ROUNDS_MAX && goes_on(run); i++) {
        slot_db *db = run_open(run, process, &actor->options);
        slot_error err;

        for (uint64_t n = 1 + run_random(run, 9); db != NULL && n > 0 && goes_on(run); n--) {
            slot_status status = slot_checkpoint(db, &err);

            if (status != SLOT_OK && !run_tolerates_of(run, db, status))
                run_wrong(run, "checkpoint: %s: %s (%s)", err.file, err.what,
                          slot_status_text(status));
            process->os.sleep_us(&process->os, (uint32_t)run_random(run, 400));
        }
        if (db != NULL)
            run_close(run, db);
    }
}

static void loop_main(struct sim_process *process, void *argument)
{
    struct actor *actor = argument;
    struct run *run = actor->run;

    for (uint32_t i = 0; i < ROUNDS_MAX && goes_on(run); i++) {
        slot_db *db = run_open(run, process, &actor->options);

        if (db != NULL)
            run_close(run, db);
        if (chance(run, 30))
            mishaps_look_back(run, process);
        if (chance(run, 30))
            mishaps_create(run, process);
        process->os.sleep_us(&process->os, (uint32_t)run_random(run, 400));
    }
}

/* ---- a life ---- */

static struct actor *new_actor(struct varied *varied, sim_main main)
{
    struct run *run = varied->run;
    struct actor *actor = &varied->actor[varied->actors++];

    memset(actor, 0, sizeof *actor);
    actor->run = run;
    actor->options = run->options;
    actor->options.checkpoint_bytes = draw_checkpoint(run);
    if (chance(run, 30)) /* counts if it is the first who opens */
        actor->options.log_limit_bytes = draw_limit(run);
    draw_sync(run, &actor->options);
    draw_budget(run, &actor->options);
    actor->patient = chance(run, 60);
    actor->clumsy = varied->theme != MIXED_SYNCS && chance(run, 50);
    actor->other_syncs = chance(run, 40);
    actor->process = sim_process_start(run->world, main, actor);
    return actor;
}

static void start_threads(struct varied *varied)
{
#ifdef CRASH_HAS_HEAP
    struct actor *actor = new_actor(varied, shared_main);

    actor->threads = 2 + (uint32_t)run_random(varied->run, 3);
    if (varied->theme != FREELY || chance(varied->run, 70))
        actor->options.sync = SLOT_SYNC_FULL; /* so that they share flushes */
    for (uint32_t i = actor->threads; i > 0; i--)
        sim_thread_start(actor->process, thread_main, actor);
#else
    (void)shared_main;
    (void)thread_main;
    (void)new_actor(varied, write_main);
#endif
}

static void start_writers(struct varied *varied)
{
    struct run *run = varied->run;

    if (varied->theme != FREELY || chance(run, 50))
        start_threads(varied);
    if (varied->actors == 0 || varied->theme == MIXED_SYNCS || chance(run, 60)) {
        struct actor *actor = new_actor(varied, write_main);

        if (varied->theme == MIXED_SYNCS) {
            actor->options.sync = SLOT_SYNC_NORMAL;
            actor->other_syncs = false;
        }
    }
    if (chance(run, 30))
        (void)new_actor(varied, write_main);
}

static void start_actors(struct varied *varied)
{
    struct run *run = varied->run;

    varied->actors = 0;
    start_writers(varied);
    if (chance(run, 45)) {
        (void)new_actor(varied, read_main);
        run_met(run, TALLY_READER);
    }
    if (varied->actors < PROCESSES_MAX && chance(run, varied->theme == MIXED_SYNCS ? 80 : 45)) {
        (void)new_actor(varied, checkpoint_main);
        run_met(run, TALLY_CHECKPOINTER);
    }
    if (varied->actors < PROCESSES_MAX && chance(run, 35)) {
        new_actor(varied, read_main)->options.access = SLOT_READ_ONLY;
        run_met(run, TALLY_READ_ONLY);
    }
    if (varied->actors < PROCESSES_MAX && chance(run, 35)) {
        (void)new_actor(varied, loop_main);
        run_met(run, TALLY_LOOPER);
    }
}

/* One of the processes, writers more often than others. */
static struct actor *any_actor(struct varied *varied)
{
    uint32_t first = (uint32_t)run_random(varied->run, varied->actors);
    uint32_t second = (uint32_t)run_random(varied->run, varied->actors);

    return &varied->actor[first < second ? first : second];
}

static void break_something(struct varied *varied)
{
    struct run *run = varied->run;
    bool lost = varied->theme == LOST_SYNC;
    struct sim_process *process = lost ? varied->actor[0].process : any_actor(varied)->process;
    slot_status status = chance(run, 50) ? SLOT_E_IO : SLOT_E_NO_SPACE;

    if (chance(run, lost ? 60 : 30)) {
        varied->log_syncs = 1 + run_random(run, 8);
        return;
    }
    if (lost || chance(run, 30)) {
        sim_fail_sync(process, 1 + run_random(run, lost ? 15 : 30), varied->loss,
                      run_random(run, 1000));
        return;
    }
#ifdef CRASH_HAS_HEAP
    if (chance(run, 30)) {
        sim_heap_fail(process, 1 + run_random(run, 80), SIM_ONCE);
        return;
    }
#endif
    for (uint64_t n = 1 + run_random(run, 3); n > 0; n--)
        sim_fail(process, NULL, 1 + run_random(run, chance(run, 50) ? 300 : 3000),
                 chance(run, 50) ? SIM_HALF : SIM_ONCE, status, 5);
}

static void slow_down(struct varied *varied)
{
    struct run *run = varied->run;
    struct actor *actor = varied->theme != FREELY ? &varied->actor[0] : any_actor(varied);

    sim_slow(actor->process, 1 + (uint32_t)run_random(run, 30),
             200 + (uint32_t)run_random(run, 4000));
    run_met(run, TALLY_SLOW);
}

static void begin_life(struct varied *varied, uint32_t life)
{
    struct run *run = varied->run;
    uint64_t limit = run->options.log_limit_bytes;

    if (life > 0 && chance(run, 60)) {
        run->options.log_limit_bytes = draw_limit(run);
        if (segment_bytes(run, limit) != segment_bytes(run, run->options.log_limit_bytes))
            run_met(run, TALLY_OTHER_LIMIT);
    }
    varied->theme = (enum theme)(chance(run, 55) ? FREELY : 1 + run_random(run, THEMES - 1));
    run->transactions = 8 + (uint32_t)run_random(run, 24);
    run->changes = varied->theme == MIXED_SYNCS ? 16 : 5;
    if (varied->theme == MIXED_SYNCS)
        run->transactions += 30;
    varied->log_syncs = 0;
    start_actors(varied);
    if (varied->theme == LOST_SYNC || chance(run, varied->theme == MIXED_SYNCS ? 20 : 60))
        break_something(varied);
    if (varied->theme != FREELY || chance(run, 30))
        slow_down(varied);
    if (varied->theme != MIXED_SYNCS && chance(run, 50))
        sim_process_kill_at(any_actor(varied)->process, 50 + run_random(run, 5000));
    varied->from = sim_steps(run->world);
    mishaps_draw(run, &varied->mishaps, varied->fills);
    run->writer = 0;
    varied->stop_at =
        varied->theme != MIXED_SYNCS && chance(run, 55) ? 20 + run_random(run, 1200) : 0;
    varied->early = life > 0 && chance(run, 15) ? 80 : 0;
}

/* What has failed by now is known to those who count states. */
static void note_failures(struct varied *varied)
{
    struct run *run = varied->run;

    if (sim_failures(run->world) > 0)
        run_met(run, TALLY_CALL_FAILED);
    if (sim_shorts(run->world) > 0)
        run_met(run, TALLY_CALL_SHORT);
    if (sim_losses(run->world) > 0)
        run_met(run, varied->loss == SIM_LOSS_KEPT ? TALLY_SYNC_KEPT : TALLY_SYNC_REVERTED);
#ifdef CRASH_HAS_HEAP
    for (uint32_t i = 0; i < varied->actors; i++) {
        if (sim_heap_failed(varied->actor[i].process) > 0)
            run_met(run, TALLY_NO_MEMORY);
    }
#endif
}

/* Who has written and who was killed by now. */
static void note_actors(struct varied *varied)
{
    struct run *run = varied->run;
    uint32_t writers = 0, alive = 0;
    bool killed = false;

    for (uint32_t i = 0; i < varied->actors; i++) {
        const struct actor *actor = &varied->actor[i];

        writers += actor->commits > 0;
        alive += actor->process->alive;
        if (actor->commits > 1 && actor->opened)
            run_met(run, TALLY_THREADS);
        killed = killed || actor->process->killed;
    }
    if (writers > 1)
        run_met(run, TALLY_TWO_WRITERS);
    if (killed && alive > 0)
        run_met(run, TALLY_KILLED);
    if ((run->items & tally_bit(TALLY_FULL)) != 0 && (run->items & tally_bit(TALLY_NORMAL)) != 0)
        run_met(run, TALLY_BOTH_SYNCS);
}

/* The sync of a segment that is about to begin: a commit may wait for it. */
static void fail_log_sync(struct varied *varied, const struct sim_step *step)
{
    if (varied->log_syncs > 0 && step->function == SIM_FN_sync && strlen(step->name) == 2 &&
        --varied->log_syncs == 0)
        sim_fail_sync(step->process, 1, varied->loss, run_random(varied->run, 1000));
}

static void look_here(void *context, struct sim_world *world, const struct sim_step *step)
{
    struct varied *varied = context;
    struct run *run = varied->run;

    if (run->wrong[0] != '\0')
        return;
    mishaps_step(run, &varied->mishaps, step->step);
    fail_log_sync(varied, step);
    note_failures(varied);
    note_actors(varied);
    if (varied->stop_at != 0 && step->step >= varied->from + varied->stop_at)
        sim_stop(world);
    if ((step->step * 7919 + run->seed * 104729) % 1000 >= varied->permille &&
        (step->step >= varied->from + varied->early || step->step % 4 != 0))
        return;
    run_crash_images(run, world, varied->images);
    if (run->wrong[0] != '\0' && !run->wanted.quiet)
        fprintf(stderr, "at step %llu, point %llu: %s of `%s` at %llu\n",
                (unsigned long long)step->step, (unsigned long long)step->point,
                sim_function_name(step->function), step->name, (unsigned long long)step->offset);
}

/* ---- between two lives ---- */

/* All processes are gone: how, is drawn. */
static void end_life(struct varied *varied, sim_end end)
{
    struct run *run = varied->run;
    bool cut = chance(run, end == SIM_END_STOPPED ? 50 : 35);

    varied->cut = cut;
    if (cut || chance(run, 50))
        mishaps_end(run);
    run->homing = damage_homing(run);
    note_failures(varied);
    note_actors(varied);
    run_tell(run, "the life ends: %s, %s", end == SIM_END_STOPPED ? "stopped" : "all have ended",
             cut ? "power cut" : "no power cut");
    if (cut) {
        sim_crash(run->world, (sim_policy)run_random(run, SIM_CRASH_POLICIES), run->seed);
        run->model.visible = run->model.durable;
        run_met(run, TALLY_POWER_CUT);
    } else {
        sim_world_restart(run->world);
        if (end == SIM_END_STOPPED)
            run_met(run, TALLY_ALL_KILLED);
    }
    if (chance(run, 60) && sim_losses(run->world) > 0) {
        sim_evict(run->world);
        run_met(run, TALLY_EVICTED);
    }
    if (sim_losses(run->world) != run->losses)
        run->model.visible = run->model.durable;
    if (!run->wanted.unharmed)
        damage_each(run);
}

/* The machine has gone on: what is there now is at least what all saw, but for damage. */
static void check_end(struct varied *varied)
{
    struct run *run = varied->run;

    mishaps_end(run);
    if (!run->wanted.unharmed && !varied->cut && chance(run, 70)) {
        damage_one(run);
        return;
    }
    run->model.durable = run->model.visible;
    run_count_state(run);
    run_check(run, run->world, true);
}

static void one_life(struct varied *varied, uint32_t life)
{
    struct run *run = varied->run;

    varied->loss = chance(run, 50) ? SIM_LOSS_KEPT : SIM_LOSS_REVERTED;
    run->reverts = varied->loss == SIM_LOSS_REVERTED;
    begin_life(varied, life);
    end_life(varied, sim_run(run->world));
}

void varied_run(struct run *run, uint64_t seed, uint32_t images, uint32_t steps)
{
    static struct varied varied; /* fibers of a run that went wrong still point to it */
    struct sim_config config;
    tally_set items = 0;
    uint32_t lives;
    uint32_t size = draw_size(seed, &items);

    sim_config_init(&config);
    config.seed = seed;
    config.max_file_bytes = UINT64_C(1) << 20;
    config.holes = true;
    config.max_points = 3000000;
    config.compare_every = 8192;
    config.flavour = seed / 7 % 4 == 3 ? SIM_WINDOWS : SIM_LINUX;
    config.store_piece = seed / 28 % 3 == 0 ? 64 : SIM_SECTOR;
    config.keeps_space = seed / 420 % 2 == 0;
    config.sync_us = seed / 84 % 5 < 2 ? 0 : seed / 84 % 5 == 2 ? 60 : 1500;
    run_init_sized(run, seed, &config, size);
    run->varied = true;
    run->goes_on = true;
    run->items |= items;
    run_met(run, config.flavour == SIM_WINDOWS ? TALLY_WINDOWS : TALLY_LINUX);
    if (config.store_piece != SIM_SECTOR)
        run_met(run, TALLY_TORN_STORES);
    run_met(run, config.sync_us > 0 ? TALLY_SLOW_DISK : TALLY_FAST_DISK);
    memset(&varied, 0, sizeof varied);
    varied.run = run;
    varied.images = images;
    varied.permille = steps;
    varied.fills = config.keeps_space;
    run->options.log_limit_bytes = draw_limit(run);
    run->least_budget = least_budget(run);
    if (chance(run, 80))
        mishaps_make_other(run);
    sim_watch_in(run->world, run->path);
    sim_on_step(run->world, look_here, &varied);
    run_watch_records(run);
    lives = 1 + (uint32_t)run_random(run, LIVES_MAX);
    run_met(run, lives > 1 ? TALLY_MORE_LIVES : TALLY_ONE_LIFE);
    for (uint32_t i = 0; i < lives && run->wrong[0] == '\0'; i++)
        one_life(&varied, i);
    sim_on_step(run->world, NULL, NULL);
    if (run->wrong[0] == '\0')
        check_end(&varied);
}
