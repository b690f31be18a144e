#include "crash/systematic.h"

#include <stdlib.h>
#include <string.h>

#include "db/handle.h"

#define RECORDS 11u /* of 5000 bytes: their frames nearly fill a segment of 64 KiB */

/* A writer that is dead before a story begins was killed at one of these points of its commit. */
#define DEAD_EVERY 35u
#define DEADS      6u

/* The same in stories whose survivor begins when process 0 is dead: every such point. */
#define ALONE_EVERY 5u
#define ALONES      50u

struct stage;

/* What one process does, from the moment at which both are ready. *db: NULL when it is not open. */
typedef void (*part_fn)(struct run *run, struct sim_process *process, slot_db **db);

struct story {
    const char *name;
    part_fn part[2];
    bool opens[2]; /* it is not open before its part */
    bool kill;     /* process 0 is killed in its part; process 1 survives */
    bool unclean;  /* whoever had it open before was killed */
    bool dead;     /* a third process was killed before, committing (unclean: in recovery) */
    bool alone;    /* process 1 begins when process 0 is dead */
};

/* One schedule under way. */
struct stage {
    struct run run;
    const struct story *story;
    uint32_t leader;         /* who begins; the other one waits */
    uint64_t release_at;     /* counted as preemptions are: from there on it goes, too */
    uint64_t kill_at;        /* point of process 0 in its part; 0: none */
    uint64_t dead_at;        /* point of the third one in its commit */
    uint64_t first;          /* point from which preemptions count */
    uint64_t last;           /* up to here: then both only close */
    uint64_t part_points[2]; /* that each has spent in its part */
    uint32_t ready, ended;
    bool survived; /* process 1 has read, written and made a checkpoint after the kill */
    struct sim_process *process[3];
};

/* ---- the parts ---- */

static bool is_open(struct run *run, struct sim_process *process, slot_db **db)
{
    if (*db == NULL)
        *db = run_open(run, process, &run->options);
    return *db != NULL;
}

static void open_it(struct run *run, struct sim_process *process, slot_db **db)
{
    (void)is_open(run, process, db);
}

static void close_it(struct run *run, struct sim_process *process, slot_db **db)
{
    (void)process;
    if (*db != NULL)
        run_close(run, *db);
    *db = NULL;
}

static void write_some(struct run *run, struct sim_process *process, slot_db **db)
{
    if (is_open(run, process, db))
        (void)run_write_once(run, process, *db);
}

static void check_once(struct run *run, struct sim_process *process, slot_db **db)
{
    slot_error err;
    slot_status status = is_open(run, process, db) ? slot_checkpoint(*db, &err) : SLOT_OK;

    if (status != SLOT_OK && status != SLOT_E_BUSY)
        run_wrong(run, "checkpoint: %s", err.what);
}

static void read_some(struct run *run, struct sim_process *process, slot_db **db)
{
    if (is_open(run, process, db))
        run_read_once(run, *db);
}

/* Nothing is damaged: nobody may say so. */
static void look_for_damage(struct run *run, struct sim_process *process, slot_db **db)
{
    static uint8_t records[RECORDS * 8192];
    slot_txn *txn = NULL;
    slot_error err = {0};
    slot_status status =
        is_open(run, process, db) ? slot_begin(*db, SLOT_READ, &txn, &err) : SLOT_OK;

    if (txn != NULL && status == SLOT_OK)
        status = slot_get_checked(txn, 0, RECORDS, records, &err);
    if (txn != NULL)
        slot_end(txn);
    if (*db != NULL && status == SLOT_OK)
        status = slot_verify(*db, NULL, NULL, &err);
    if (status != SLOT_OK && status != SLOT_E_BUSY)
        run_wrong(run, "a look for damage: %s: %s", err.file, err.what);
}

static void write_and_check(struct run *run, struct sim_process *process, slot_db **db)
{
    write_some(run, process, db);
    check_once(run, process, db);
    write_some(run, process, db);
}

static void write_and_check_twice(struct run *run, struct sim_process *process, slot_db **db)
{
    write_and_check(run, process, db);
    write_and_check(run, process, db);
}

static const struct story stories[] = {
    {.name = "write, checkpoint", .part = {write_some, check_once}},
    {.name = "write and checkpoint, read", .part = {write_and_check, read_some}},
    {.name = "write, write", .part = {write_some, write_some}},
    {.name = "open, close", .part = {write_some, close_it}, .opens = {true, false}},
    {.name = "write killed", .part = {write_some, write_and_check}, .kill = true},
    {.name = "checkpoint killed", .part = {check_once, write_and_check}, .kill = true},
    {.name = "write and checkpoint killed",
     .part = {write_and_check, write_and_check},
     .kill = true},
    {.name = "read killed", .part = {read_some, write_and_check}, .kill = true},
    {.name = "take-over killed", .part = {write_some, write_and_check}, .kill = true, .dead = true},
    {.name = "open killed",
     .part = {open_it, write_and_check},
     .opens = {true, false},
     .kill = true},
    {.name = "recovery killed",
     .part = {open_it, write_and_check},
     .opens = {true, true},
     .kill = true,
     .unclean = true,
     .dead = true,
     .alone = true},
    {.name = "close killed", .part = {close_it, write_and_check_twice}, .kill = true},
    {.name = "last close killed",
     .part = {close_it, write_and_check},
     .opens = {false, true},
     .kill = true,
     .dead = true,
     .alone = true},
    {.name = "write and checkpoint, look for damage", .part = {write_and_check, look_for_damage}},
};

#define STORIES (sizeof stories / sizeof stories[0])

/* ---- one schedule ---- */

/* One commit that leaves the head so near the end of its segment that the next begins another. */
static void fill_segment(struct run *run, slot_db *db)
{
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

/* Sleep until both are there, and then until it is one's turn. */
static void wait_at_the_gate(struct stage *stage, uint32_t number)
{
    struct run *run = &stage->run;
    struct sim_process *process = stage->process[number];
    struct sim_process *leader = stage->process[stage->leader];
    uint64_t points;

    if (++stage->ready == 2)
        stage->first = sim_points(run->world);
    while (stage->ready < 2 && run->wrong[0] == '\0')
        process->os.sleep_us(&process->os, 10);
    while (number != stage->leader && leader->alive && stage->ended == 0 &&
           sim_points(run->world) < stage->first + stage->release_at && run->wrong[0] == '\0')
        process->os.sleep_us(&process->os, 10);
    run_tell(run, "%llu goes: first %llu, release %llu, ended %u",
             (unsigned long long)process->number, (unsigned long long)stage->first,
             (unsigned long long)stage->release_at, (unsigned)stage->ended);
    points = sim_process_points(process);
    stage->part_points[number] = points;
    if (number == 0 && stage->kill_at != 0)
        sim_process_kill_at(process, stage->kill_at);
}

/* Whoever survives can do everything. */
static void go_on_after(struct stage *stage, slot_db **db)
{
    struct run *run = &stage->run;
    struct sim_process *process = stage->process[1];
    uint64_t commits;

    while (stage->process[0]->alive && run->wrong[0] == '\0')
        process->os.sleep_us(&process->os, 10);
    commits = run->commits;
    for (int i = 0; i < 9 && run->commits == commits && run->wrong[0] == '\0'; i++)
        write_some(run, process, db); /* now and then it aborts */
    read_some(run, process, db);
    check_once(run, process, db);
    read_some(run, process, db);
    stage->survived = *db != NULL && run->commits > commits && stage->process[0]->killed;
}

static void process_main(struct sim_process *process, void *argument)
{
    struct stage *stage = argument;
    struct run *run = &stage->run;
    uint32_t number = process == stage->process[0] ? 0 : 1;
    bool fills = !stage->story->unclean && (number == 0) != stage->story->opens[0];
    slot_db *db = NULL;

    if (!stage->story->opens[number])
        db = run_open(run, process, &run->options);
    if (db != NULL && fills)
        fill_segment(run, db);
    while (number == 0 && stage->story->dead && stage->process[2]->alive)
        process->os.sleep_us(&process->os, 10);
    wait_at_the_gate(stage, number);
    stage->story->part[number](run, process, &db);
    stage->part_points[number] = sim_process_points(process) - stage->part_points[number];
    if (++stage->ended == 2 || stage->kill_at != 0)
        stage->last = sim_points(run->world);
    if (number == 1 && stage->story->kill)
        go_on_after(stage, &db);
    close_it(run, process, &db);
}

/* It commits when both others have opened, and is killed in that. */
static void dead_main(struct sim_process *process, void *argument)
{
    struct stage *stage = argument;
    struct run *run = &stage->run;
    slot_db *db;

    while (run->model.newest == 0 && run->wrong[0] == '\0')
        process->os.sleep_us(&process->os, 10);
    if (stage->story->unclean)
        sim_process_kill_at(process, stage->dead_at);
    db = run_open(run, process, &run->options);
    if (!stage->story->unclean)
        sim_process_kill_at(process, stage->dead_at);
    if (db != NULL)
        (void)run_write_once(run, process, db);
}

/* What a schedule is, and what it came to. */
struct schedule {
    struct sim_preemption list[2];
    size_t count;
    uint32_t leader;
    uint64_t release_at, kill_at, dead_at;
    uint64_t preemptions; /* that have taken the turn from somebody */
};

/*
 * Run one story with the preemptions of the schedule, whose points count from where both are ready.
 * Returns the points that it took from there.
 */
static uint64_t run_schedule(const struct run *base, struct stage *stage, const struct story *story,
                             struct schedule *schedule)
{
    struct sim_schedule list;
    uint32_t processes = story->dead ? 3 : 2;

    memset(stage, 0, sizeof *stage);
    stage->run = *base;
    stage->run.world = sim_fork_crashed(base->world, SIM_CRASH_ALL, 0);
    stage->story = story;
    stage->leader = schedule->leader;
    stage->release_at = schedule->release_at;
    stage->kill_at = schedule->kill_at;
    stage->dead_at = schedule->dead_at;
    sim_schedule_init(&list);
    list.list = schedule->list;
    list.count = schedule->count;
    sim_set_schedule(stage->run.world, &list);
    for (uint32_t i = 0; i < processes; i++)
        stage->process[i] =
            sim_process_start(stage->run.world, i < 2 ? process_main : dead_main, stage);
    (void)sim_run(stage->run.world);
    schedule->preemptions = sim_preemptions(stage->run.world);
    if (stage->run.wrong[0] == '\0') {
        stage->run.depth = 9; /* no crashes within this recovery */
        run_check(&stage->run, sim_fork_crashed(stage->run.world, SIM_CRASH_NONE, 0), false);
    }
    return stage->last > stage->first ? stage->last - stage->first : 0;
}

/* ---- all of them ---- */

struct search {
    struct run base[2]; /* an empty database; one that was not closed: where schedules start */
    const struct systematic_settings *settings;
    struct systematic_result *result;
    struct systematic_count count; /* of the story under way */
    uint64_t turn;
    uint64_t dead_at; /* in a story with a dead one */
};

static bool failed(struct search *search, const struct stage *stage,
                   const struct schedule *schedule)
{
    struct systematic_count *count = &search->count;

    count->schedules++;
    count->preempted[schedule->preemptions < 2 ? schedule->preemptions : 2]++;
    count->kills += stage->process[0]->killed;
    count->survivors += stage->survived;
    if (stage->run.wrong[0] == '\0')
        return false;
    (void)snprintf(search->result->wrong, sizeof search->result->wrong,
                   "%s, process %u begins, kill at %llu, a dead one at %llu, %zu preemptions at "
                   "%llu %llu: %s",
                   stage->story->name, (unsigned)schedule->leader,
                   (unsigned long long)schedule->kill_at, (unsigned long long)schedule->dead_at,
                   schedule->count, (unsigned long long)schedule->list[0].point,
                   (unsigned long long)schedule->list[1].point, stage->run.wrong);
    return true;
}

/*
 * The leader is interrupted at point i, the other one at j; 0: not. With a kill process 1 leads and
 * is interrupted at i, and process 0 is killed at its point j. True when all is well.
 */
static bool try_one(struct search *search, const struct story *story, uint32_t leader,
                    uint64_t first, uint64_t i, uint64_t j, uint64_t *points, uint64_t *parts)
{
    static struct stage stage;
    struct schedule schedule = {
        .leader = leader, .release_at = i > 0 ? i : UINT64_MAX / 2, .dead_at = search->dead_at};

    if (story->kill && i == 0)
        schedule.leader = 0; /* the other one begins when it is dead */
    schedule.list[0] = (struct sim_preemption){first + i, 1 - leader};
    schedule.list[1] = (struct sim_preemption){first + j, leader};
    schedule.count = i == 0 ? 0 : j == 0 || story->kill ? 1 : 2;
    schedule.kill_at = story->kill ? j : 0;
    *points = run_schedule(&search->base[story->unclean], &stage, story, &schedule);
    if (parts != NULL)
        memcpy(parts, stage.part_points, sizeof stage.part_points);
    return !failed(search, &stage, &schedule);
}

/* Where preemptions begin to count in a story: the same in each run of it. */
static uint64_t first_point(const struct search *search, const struct story *story, uint32_t leader,
                            uint64_t *points, uint64_t *parts)
{
    static struct stage stage;
    struct schedule schedule = {
        .leader = leader, .release_at = UINT64_MAX / 2, .dead_at = search->dead_at};

    *points = run_schedule(&search->base[story->unclean], &stage, story, &schedule);
    memcpy(parts, stage.part_points, sizeof stage.part_points);
    return stage.first;
}

/* Whether this pair is one of this run: all of them, or as many as wanted, evenly. */
static bool is_chosen(struct search *search, uint64_t all)
{
    uint64_t most = search->settings->most;
    uint64_t turn = search->turn++;

    if (most != 0 && all > most) {
        if (turn * most / all == (turn + 1) * most / all)
            return false;
        turn = turn * most / all;
    }
    return turn % search->settings->parts == search->settings->part;
}

/* Each kill of process 0 in its part, at each point of what process 1 is doing. */
static bool search_kills(struct search *search, const struct story *story, uint64_t shares)
{
    uint64_t points, ignored, led[2], parts[2];
    uint64_t first = first_point(search, story, 1, &ignored, led);

    /* As many points as it has alone, and those that it needs when the other was interrupted. */
    (void)first_point(search, story, 0, &points, parts);
    for (uint64_t i = 0; i <= led[1]; i++) {
        for (uint64_t j = 1; j <= parts[0] + 1; j++) {
            if (!is_chosen(search, (led[1] + 1) * (parts[0] + 1) * shares))
                continue;
            if (!try_one(search, story, 1, first, i, j, &ignored, NULL))
                return false;
        }
    }
    return true;
}

/* Each kill of process 0 in its part, alone, after each of some deaths of a third one. */
static bool search_alone(struct search *search, const struct story *story)
{
    uint64_t ignored, parts[2];
    bool well = true;

    for (uint64_t i = 1; i <= ALONES && well; i++) {
        search->dead_at = i * ALONE_EVERY * (story->unclean ? 4 : 1);
        (void)first_point(search, story, 0, &ignored, parts);
        for (uint64_t j = 1; j <= parts[0] + 1 && well; j++) {
            if (is_chosen(search, (parts[0] + 1) * ALONES))
                well = try_one(search, story, 0, 0, 0, j, &ignored, NULL);
        }
    }
    search->dead_at = 0;
    return well;
}

/* The same when a third process has died before, at different points of its commit. */
static bool search_takeovers(struct search *search, const struct story *story)
{
    bool well = true;

    for (uint64_t i = 1; i <= DEADS && well; i++) {
        search->dead_at = i * DEAD_EVERY;
        search->turn = 0;
        well = search_kills(search, story, DEADS);
    }
    search->dead_at = 0;
    return well;
}

/* All pairs i < j in which the leader is interrupted, and then the other one. */
static bool search_pairs(struct search *search, const struct story *story, uint32_t leader)
{
    uint64_t baseline, points, ignored, parts[2];
    uint64_t first = first_point(search, story, leader, &baseline, parts);

    for (uint64_t i = 1; i <= parts[leader]; i++) {
        if (is_chosen(search, 1) && !try_one(search, story, leader, first, i, 0, &points, NULL))
            return false;
        for (uint64_t j = i + 1; search->settings->preemptions > 1 && j <= i + parts[1 - leader];
             j++) {
            if (is_chosen(search, 2 * parts[0] * parts[1]) &&
                !try_one(search, story, leader, first, i, j, &ignored, NULL))
                return false;
        }
    }
    return true;
}

/* Someone has filled a segment and was killed. */
static void leave_unclean(struct sim_process *process, void *argument)
{
    struct run *run = argument;
    slot_db *db = run_open(run, process, &run->options);

    if (db != NULL)
        fill_segment(run, db);
}

static void make_base(struct run *run, bool unclean)
{
    struct sim_config config;

    sim_config_init(&config);
    config.max_file_bytes = UINT64_C(1) << 20;
    config.holes = true;
    config.compare_every = 0;
    run_init(run, 4, &config); /* records of 5000 bytes: one in a block */
    run->options.log_limit_bytes = UINT64_C(3) << 16;
    run->options.checkpoint_bytes = UINT64_C(1) << 30; /* only when a story says so */
    run->transactions = 1000;
    if (!unclean)
        return;
    (void)sim_call(sim_process_new(run->world), leave_unclean, run);
    sim_world_restart(run->world);
}

/* What a story has to come to, or the search has searched nothing. */
static bool is_enough(struct search *search, const struct story *story)
{
    const struct systematic_count *count = &search->count;
    const char *missing = NULL;

    if (story->kill && count->survivors < search->settings->least)
        missing = "kills that somebody has survived";
    if (!story->kill && count->preempted[1] + count->preempted[2] == 0)
        missing = "schedules with an effective preemption";
    if (!story->kill && search->settings->preemptions > 1 && count->schedules > 2000 &&
        count->preempted[2] == 0)
        missing = "schedules with two effective preemptions";
    if (missing != NULL)
        (void)snprintf(search->result->wrong, sizeof search->result->wrong, "%s: too few %s",
                       story->name, missing);
    return missing == NULL;
}

bool systematic(const struct systematic_settings *settings, struct systematic_result *result)
{
    static struct search search;
    bool well = true;

    memset(result, 0, sizeof *result);
    search.settings = settings;
    search.result = result;
    make_base(&search.base[0], false);
    make_base(&search.base[1], true);
    search.base[0].wanted.told = search.base[1].wanted.told = settings->told;
    for (size_t i = 0; i < STORIES && well; i++) {
        const struct story *story = &stories[i];
        struct systematic_count *count = &result->count[result->stories++];

        if (settings->only != NULL && strcmp(settings->only, story->name) != 0) {
            result->stories--;
            continue;
        }
        memset(&search.count, 0, sizeof search.count);
        search.turn = 0;
        if (story->alone)
            well = search_alone(&search, story);
        else if (story->dead)
            well = search_takeovers(&search, story);
        else if (story->kill)
            well = search_kills(&search, story, 1);
        else
            well = search_pairs(&search, story, 0) && search_pairs(&search, story, 1);
        search.count.name = story->name;
        well = well && is_enough(&search, story);
        *count = search.count;
        result->schedules += search.count.schedules;
    }
    run_release(&search.base[0]);
    run_release(&search.base[1]);
    return well;
}
