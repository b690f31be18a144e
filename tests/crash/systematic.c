#include "crash/systematic.h"

#include <stdlib.h>
#include <string.h>

#include "db/handle.h"

#define RECORDS 11u /* of 5000 bytes: their frames nearly fill a segment of 64 KiB */

/* What one process does after both have opened the database. */
typedef void (*part_fn)(struct run *run, struct sim_process *process, slot_db *db);

struct story {
    const char *name;
    part_fn part[2];
    bool kill; /* the first preemption of process 0 is a kill */
};

/* One schedule under way. */
struct stage {
    struct run run;
    const struct story *story;
    uint32_t ready; /* processes that have opened */
    uint64_t first; /* point from which preemptions count */
    uint64_t last;  /* up to here: then both only close */
    uint32_t ended;
    uint64_t kill_point; /* 0: none */
    struct sim_process *process[2];
};

/* ---- the parts ---- */

static void write_some(struct run *run, struct sim_process *process, slot_db *db)
{
    for (int i = 0; i < 1 && run->wrong[0] == '\0'; i++)
        (void)run_write_once(run, process, db);
}

static void check_once(struct run *run, struct sim_process *process, slot_db *db)
{
    slot_error err;
    slot_status status = slot_checkpoint(db, &err);

    (void)process;
    if (status != SLOT_OK && status != SLOT_E_BUSY)
        run_wrong(run, "checkpoint: %s", err.what);
}

static void write_and_check(struct run *run, struct sim_process *process, slot_db *db)
{
    (void)run_write_once(run, process, db);
    check_once(run, process, db);
    (void)run_write_once(run, process, db);
}

static void read_some(struct run *run, struct sim_process *process, slot_db *db)
{
    (void)process;
    run_read_once(run, db);
}

static const struct story stories[] = {
    {"write, checkpoint", {write_some, check_once}, false},
    {"write and checkpoint, read", {write_and_check, read_some}, false},
    {"write, write", {write_some, write_some}, false},
    {"write killed, write", {write_some, write_and_check}, true},
    {"checkpoint killed, write and checkpoint", {check_once, write_and_check}, true},
    {"read killed, write and checkpoint", {read_some, write_and_check}, true},
};

/* ---- one schedule ---- */

/* One commit that leaves the head so near the end of its segment that the next begins another. */
static void fill_segment(struct stage *stage, slot_db *db)
{
    struct run *run = &stage->run;
    struct model_state *state = &run->model.state[1];
    uint8_t record[8192];
    slot_txn *txn = NULL;
    slot_error err = {0};
    slot_status status = slot_begin(db, SLOT_WRITE, &txn, &err);
    uint64_t io_bytes = db->io_bytes;

    db->io_bytes = UINT64_C(1) << 20; /* through the log */
    for (uint32_t i = 0; i < RECORDS && status == SLOT_OK; i++) {
        state->version[i] = i == 0 ? 1 : model_version(&run->model);
        model_fill(&run->model, record, i, state->version[i]);
        status = slot_append(txn, record, 1, NULL, &err);
    }
    state->records = RECORDS;
    if (status == SLOT_OK)
        status = slot_commit(txn, &err);
    db->io_bytes = io_bytes;
    if (status != SLOT_OK)
        run_wrong(run, "the first commit: %s", err.what);
    run->model.durable = run->model.visible = run->model.newest = 1;
}

static void process_main(struct sim_process *process, void *argument)
{
    struct stage *stage = argument;
    struct run *run = &stage->run;
    uint32_t number = process == stage->process[0] ? 0 : 1;
    slot_db *db = run_open(run, process, &run->options);

    if (db == NULL)
        return;
    if (number == 0)
        fill_segment(stage, db);
    stage->ready++;
    while (stage->ready < 2 && run->wrong[0] == '\0')
        process->os.sleep_us(&process->os, 10);
    if (stage->first == 0) {
        stage->first = sim_points(run->world);
        if (stage->kill_point != 0)
            sim_process_kill_at(stage->process[0], stage->kill_point);
    }
    stage->story->part[number](run, process, db);
    if (++stage->ended == 2 || stage->kill_point != 0)
        stage->last = sim_points(run->world);
    run_close(run, db);
}

/*
 * Run one story with the preemptions of `list`, whose points count from where both are ready.
 * Returns the points that it took from there.
 */
static uint64_t run_schedule(const struct run *base, struct stage *stage, const struct story *story,
                             uint64_t kill_point, const struct sim_preemption *list, size_t count)
{
    struct sim_schedule schedule;

    memset(stage, 0, sizeof *stage);
    stage->run = *base;
    stage->run.world = sim_fork_crashed(base->world, SIM_CRASH_ALL, 0);
    stage->story = story;
    stage->kill_point = kill_point;
    sim_schedule_init(&schedule);
    schedule.list = list;
    schedule.count = count;
    sim_set_schedule(stage->run.world, &schedule);
    for (int i = 0; i < 2; i++)
        stage->process[i] = sim_process_start(stage->run.world, process_main, stage);
    (void)sim_run(stage->run.world);
    if (stage->run.wrong[0] == '\0') {
        stage->run.depth = 9; /* no crashes within this recovery */
        run_check(&stage->run, sim_fork_crashed(stage->run.world, SIM_CRASH_NONE, 0), false);
    }
    return stage->last > stage->first ? stage->last - stage->first : 0;
}

/* ---- all of them ---- */

struct search {
    struct run base; /* an empty database, from which each schedule starts */
    uint32_t part, parts;
    uint64_t schedules;
    char *wrong;
    size_t n;
};

static bool failed(struct search *search, const struct stage *stage, uint64_t kill_point,
                   const struct sim_preemption *list, size_t count)
{
    search->schedules++;
    if (stage->run.wrong[0] == '\0')
        return false;
    (void)snprintf(search->wrong, search->n, "%s, kill at %llu, %zu preemptions at %llu %llu: %s",
                   stage->story->name, (unsigned long long)kill_point, count,
                   (unsigned long long)(count > 0 ? list[0].point : 0),
                   (unsigned long long)(count > 1 ? list[1].point : 0), stage->run.wrong);
    return true;
}

/* A schedule in which process 0 is interrupted at i and 1 at j; 0: not. True when all is well. */
static bool try_one(struct search *search, const struct story *story, uint64_t kill_point,
                    uint64_t first, uint64_t i, uint64_t j, uint64_t *points)
{
    static struct stage stage;
    const struct sim_preemption list[2] = {{first + i, 1}, {first + j, 0}};
    size_t count = i == 0 ? 0 : j == 0 ? 1 : 2;

    *points = run_schedule(&search->base, &stage, story, kill_point, list, count);
    return !failed(search, &stage, kill_point, list, count);
}

/* Where preemptions begin to count in a story: the same in each run of it. */
static uint64_t first_point(const struct search *search, const struct story *story,
                            uint64_t *points)
{
    static struct stage stage;

    *points = run_schedule(&search->base, &stage, story, 0, NULL, 0);
    return stage.first;
}

/* All pairs i < j; a story with a kill has it in place of the first preemption. */
static bool search_story(struct search *search, const struct story *story, uint32_t preemptions)
{
    uint64_t baseline, points, ignored;
    uint64_t first = first_point(search, story, &baseline);

    for (uint64_t i = 1; i <= baseline; i++) {
        uint64_t kill_point = story->kill ? i : 0;

        if (i % search->parts != search->part)
            continue;
        if (!try_one(search, story, kill_point, first, story->kill ? 0 : i, 0, &points))
            return false;
        for (uint64_t j = i + 1; preemptions > 1 && j <= points; j++) {
            if (!(story->kill ? try_one(search, story, kill_point, first, j, 0, &ignored)
                              : try_one(search, story, 0, first, i, j, &ignored)))
                return false;
        }
    }
    return true;
}

bool systematic(uint32_t preemptions, uint32_t part, uint32_t parts, uint64_t *schedules,
                char *wrong, size_t n)
{
    static struct search search;
    struct sim_config config;
    bool well = true;

    search.wrong = wrong;
    search.n = n;
    search.part = part;
    search.parts = parts;
    sim_config_init(&config);
    config.max_file_bytes = UINT64_C(1) << 20;
    config.compare_every = 0;
    run_init(&search.base, 4, &config); /* records of 5000 bytes: one in a block */
    search.base.options.log_limit_bytes = UINT64_C(3) << 16;
    search.base.options.checkpoint_bytes = UINT64_C(1) << 30; /* only when a story says so */
    search.base.transactions = 1000;
    for (size_t i = 0; i < sizeof stories / sizeof stories[0] && well; i++)
        well = search_story(&search, &stories[i], preemptions);
    *schedules = search.schedules;
    run_release(&search.base);
    return well;
}
