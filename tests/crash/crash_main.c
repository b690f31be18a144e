/*
 * The crash test: runs by seed, each a small story of transactions on a simulated machine that
 * loses its power at every step, or whose processes are killed while others go on.
 *
 *   crash [--from N] [--seeds N] [--states N] [--only KIND] [--images N] [--every N]
 *         [-v]
 *   crash --systematic N [--from N] [--seeds N]
 *   crash [--states N] [--least N] --sum FILE...
 *
 * KIND is single, many, threads, faults, flushes or varied; --every 8 checks crash images at an
 * eighth of the steps that the kind would check. Runs seeds from N on until both the number of
 * seeds and the number of crash states are reached; the last line says how many. The first thing
 * that is wrong ends it with status 1, and the line before tells the seed: the same seed does the
 * same again. --tally FILE keeps what the runs were made of (tally.h); --sum adds such files up and
 * fails when they are fewer states than --states, or less varied than tally_is_enough says.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crash/flushes.h"
#include "crash/systematic.h"
#include "crash/varied.h"
#include "crash/workload.h"

struct settings {
    uint64_t from, seeds, states;
    uint64_t least, most;
    uint32_t images, every;
    uint32_t steps;
    uint32_t preemptions;
    uint32_t part, parts;
    const char *only;
    bool verbose, told, unharmed;
    const char *tally;    /* a file for it */
    char **sums, **ended; /* files that are added up */
};

/* A run and how it is crashed. */
struct plan {
    struct run run;
    uint32_t images;
    uint32_t permille; /* of the steps: at one in `every` of these crash images are checked */
    uint32_t every;
    uint32_t steps; /* varied: of 1,000 */
};

static void crash_here(void *context, struct sim_world *world, const struct sim_step *step)
{
    struct plan *plan = context;

    flushes_disturb(&plan->run, step);
    if (plan->run.wrong[0] != '\0' ||
        (step->step * 7919 + plan->run.seed * 104729) % (1000 * plan->every) >= plan->permille)
        return;
    run_crash_images(&plan->run, world, plan->images);
    if (plan->run.wrong[0] != '\0' && !plan->run.wanted.quiet)
        fprintf(stderr, "at step %llu, point %llu: %s of `%s` at %llu\n",
                (unsigned long long)step->step, (unsigned long long)step->point,
                sim_function_name(step->function), step->name, (unsigned long long)step->offset);
}

/* One process, a power cut at each of its steps. */
static void run_single(struct plan *plan, uint64_t seed, const struct sim_config *config)
{
    struct run *run = &plan->run;
    struct sim_process *process;

    run_init(run, seed, config);
    run->transactions = 12;
    plan->permille = 1000;
    sim_on_step(run->world, crash_here, plan);
    run_watch_records(run);
    process = sim_process_new(run->world);
    run_writer(process, run);
    run_crash_images(run, run->world, plan->images);
}

/* Several processes at once, some of them killed, a power cut at some steps. */
static void run_many(struct plan *plan, uint64_t seed, const struct sim_config *config)
{
    struct run *run = &plan->run;
    uint32_t writers;

    run_init(run, seed, config);
    run->transactions = 24;
    plan->permille = 40;
    sim_on_step(run->world, crash_here, plan);
    run_watch_records(run);
    writers = 1 + (uint32_t)run_random(run, 2);
    for (uint32_t i = 0; i < writers + 2; i++) {
        sim_main main = i < writers ? run_writer : i == writers ? run_reader : run_checkpointer;
        struct sim_process *process = sim_process_start(run->world, main, run);

        if (run_random(run, 2) == 0)
            sim_process_kill_at(process, 50 + run_random(run, 6000));
    }
    (void)sim_run(run->world);
    if (run->wrong[0] == '\0') {
        sim_world_restart(run->world);
        run_check(run, run->world, true);
    }
}

/* Threads of one process share a handle and its flushes; a reader of another process looks on. */
static void run_threads(struct plan *plan, uint64_t seed, const struct sim_config *config)
{
    struct run *run = &plan->run;
    struct sim_process *process;
    uint64_t threads;

    run_init(run, seed, config);
    run->transactions = 24;
    plan->permille = 40;
    sim_on_step(run->world, crash_here, plan);
    run_watch_records(run);
    threads = 2 + run_random(run, 2);
    process = sim_process_start(run->world, run_shared_open, run);
    for (uint64_t i = 0; i < threads; i++)
        sim_thread_start(process, run_shared_writer, run);
    sim_process_start(run->world, run_reader, run);
    if (run_random(run, 3) == 0)
        sim_process_kill_at(process, 200 + run_random(run, 8000));
    (void)sim_run(run->world);
    if (run->wrong[0] == '\0') {
        sim_world_restart(run->world);
        run_check(run, run->world, true);
    }
}

/* Syncs fail, writes fail: errors are right, wrong answers are not. */
static void run_faults(struct plan *plan, uint64_t seed, const struct sim_config *config)
{
    struct run *run = &plan->run;
    struct sim_process *process;

    run_init(run, seed, config);
    run->transactions = 12;
    run->lenient = 1;
    plan->permille = 100;
    sim_on_step(run->world, crash_here, plan);
    process = sim_process_new(run->world);
    if (run_random(run, 2) == 0)
        sim_fail_sync(process, 1 + run_random(run, 20),
                      run_random(run, 2) == 0 ? SIM_LOSS_KEPT : SIM_LOSS_REVERTED, seed);
    else
        sim_fail(process, NULL, 1 + run_random(run, 400),
                 run_random(run, 2) == 0 ? SIM_ONCE : SIM_HALF,
                 run_random(run, 2) == 0 ? SLOT_E_IO : SLOT_E_NO_SPACE, 5);
    run_writer(process, run);
    sim_mend(process);
    sim_process_exit(process);
    if (run->wrong[0] == '\0')
        run_crash_images(run, run->world, plan->images);
}

/* Processes are killed in a sync, which may have failed. */
static void run_flushes(struct plan *plan, uint64_t seed, const struct sim_config *config)
{
    struct run *run = &plan->run;

    run_init(run, seed, config);
    plan->permille = 40;
    sim_on_step(run->world, crash_here, plan);
    run_watch_log(run);
    flushes_start(run);
    (void)sim_run(run->world);
    if (run->wrong[0] == '\0') {
        run->disturbed = false;
        sim_world_restart(run->world);
        run_check(run, run->world, !run->lenient);
    }
}

static void run_varied(struct plan *plan, uint64_t seed, const struct sim_config *config)
{
    (void)config; /* it draws its own */
    varied_run(&plan->run, seed, plan->images, plan->steps);
}

/* What runs now, should the program fall in it. */
static const char *now_kind = "";
static uint64_t now_seed;

static void tell_seed(int number)
{
    printf("%s, seed %llu: signal %d\nFAILED at seed %llu\n", now_kind,
           (unsigned long long)now_seed, number, (unsigned long long)now_seed);
    (void)fflush(stdout);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static bool wanted(const struct settings *settings, const char *kind)
{
    return settings->only == NULL || strcmp(settings->only, kind) == 0;
}

static bool one_seed(const struct settings *settings, uint64_t seed, struct tally *tally,
                     uint64_t *states, uint64_t *commits)
{
    static const struct {
        const char *name;
        void (*run)(struct plan *plan, uint64_t seed, const struct sim_config *config);
    } kinds[] = {{"single", run_single}, {"many", run_many},       {"threads", run_threads},
                 {"faults", run_faults}, {"flushes", run_flushes}, {"varied", run_varied}};
    static struct plan plan;

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct sim_config config;
        bool wrong;

        if (!wanted(settings, kinds[i].name))
            continue;
        sim_config_init(&config);
        config.seed = seed;
        config.max_file_bytes = UINT64_C(1) << 20;
        config.holes = true;
        config.flavour = seed % 4 == 3 ? SIM_WINDOWS : SIM_LINUX;
        plan.images = settings->images;
        plan.every = settings->every;
        plan.steps = settings->steps;
        plan.run.wanted = (struct run_wanted){
            .tally = tally, .told = settings->told, .unharmed = settings->unharmed};
        now_kind = kinds[i].name;
        now_seed = seed;
        kinds[i].run(&plan, seed, &config);
        tally_run(tally, plan.run.items);
        *states += plan.run.states;
        *commits += plan.run.commits;
        wrong = plan.run.wrong[0] != '\0';
        if (wrong || settings->verbose)
            printf("%s, seed %llu: %s (%llu states, %llu commits, %llu pieces stored again)\n",
                   kinds[i].name, (unsigned long long)seed, wrong ? plan.run.wrong : "ok",
                   (unsigned long long)plan.run.states, (unsigned long long)plan.run.commits,
                   (unsigned long long)plan.run.again);
        run_release(&plan.run);
        if (wrong)
            return false;
    }
    return true;
}

static uint64_t number(const char *text)
{
    return strtoull(text, NULL, 10);
}

static bool parse(struct settings *settings, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";

        if (strcmp(argv[i], "-v") == 0) {
            settings->verbose = true;
            continue;
        }
        if (strcmp(argv[i], "--tell") == 0) {
            settings->told = true;
            continue;
        }
        if (strcmp(argv[i], "--unharmed") == 0) {
            settings->unharmed = true;
            continue;
        }
        if (strcmp(argv[i], "--sum") == 0) {
            settings->sums = argv + i + 1;
            settings->ended = argv + argc;
            return true;
        }
        if (strcmp(argv[i], "--tally") == 0)
            settings->tally = value;
        else if (strcmp(argv[i], "--from") == 0)
            settings->from = number(value);
        else if (strcmp(argv[i], "--seeds") == 0)
            settings->seeds = number(value);
        else if (strcmp(argv[i], "--states") == 0)
            settings->states = number(value);
        else if (strcmp(argv[i], "--images") == 0)
            settings->images = (uint32_t)number(value);
        else if (strcmp(argv[i], "--every") == 0)
            settings->every = (uint32_t)number(value);
        else if (strcmp(argv[i], "--systematic") == 0)
            settings->preemptions = (uint32_t)number(value);
        else if (strcmp(argv[i], "--part") == 0)
            settings->part = (uint32_t)number(value);
        else if (strcmp(argv[i], "--parts") == 0)
            settings->parts = (uint32_t)number(value);
        else if (strcmp(argv[i], "--steps") == 0)
            settings->steps = (uint32_t)number(value);
        else if (strcmp(argv[i], "--most") == 0)
            settings->most = number(value);
        else if (strcmp(argv[i], "--least") == 0)
            settings->least = number(value);
        else if (strcmp(argv[i], "--only") == 0)
            settings->only = value;
        else
            return false;
        i++;
    }
    return true;
}

static void print_stories(const struct systematic_result *result)
{
    printf("%9s %9s %9s %9s %9s %9s\n", "schedules", "0 preempt", "1", "2", "kills", "survived");
    for (uint32_t i = 0; i < result->stories; i++) {
        const struct systematic_count *count = &result->count[i];

        printf("%9llu %9llu %9llu %9llu %9llu %9llu  %s\n", (unsigned long long)count->schedules,
               (unsigned long long)count->preempted[0], (unsigned long long)count->preempted[1],
               (unsigned long long)count->preempted[2], (unsigned long long)count->kills,
               (unsigned long long)count->survivors, count->name != NULL ? count->name : "");
    }
}

static int run_systematic(const struct settings *settings)
{
    static struct systematic_result result;
    const struct systematic_settings search = {.preemptions = settings->preemptions,
                                               .part = settings->part,
                                               .parts = settings->parts,
                                               .most = settings->most,
                                               .least = settings->least,
                                               .only = settings->only,
                                               .told = settings->told};
    bool well = systematic(&search, &result);

    print_stories(&result);
    if (!well) {
        printf("FAILED after %llu schedules: %s\n", (unsigned long long)result.schedules,
               result.wrong);
        return 1;
    }
    printf("PASSED %llu schedules with at most %u preemptions\n",
           (unsigned long long)result.schedules, settings->preemptions);
    return 0;
}

/* What several runs of this program have met together. */
static int sum_up(const struct settings *settings, struct tally *tally)
{
    for (char **path = settings->sums; path < settings->ended; path++) {
        if (!tally_add(tally, *path)) {
            printf("FAILED: %s is no tally of this program\n", *path);
            return 1;
        }
    }
    tally_print(tally, stdout);
    if (tally->states < settings->states || !tally_is_enough(tally, settings->least, stdout)) {
        printf("FAILED: %llu crash states are too few, or not varied enough\n",
               (unsigned long long)tally->states);
        return 1;
    }
    printf("PASSED %llu crash states in %llu runs\n", (unsigned long long)tally->states,
           (unsigned long long)tally->runs);
    return 0;
}

int main(int argc, char **argv)
{
    struct settings settings = {
        .from = 1, .seeds = 1, .images = 2, .every = 1, .steps = 10, .parts = 1};
    static struct tally tally;
    uint64_t states = 0, commits = 0, seed;

    if (!parse(&settings, argc, argv)) {
        fprintf(stderr, "usage: crash [--from N] [--seeds N] [--states N] [--images N] [-v]\n"
                        "             [--every N] [--only single|many|threads|faults|flushes]\n"
                        "             [--tally FILE] [--systematic N [--part N --parts N]]\n"
                        "       crash [--states N] [--least N] --sum FILE...\n");
        return 2;
    }
    (void)signal(SIGSEGV, tell_seed);
    (void)signal(SIGABRT, tell_seed);
    (void)signal(SIGFPE, tell_seed);
    if (settings.preemptions > 0)
        return run_systematic(&settings);
    if (settings.sums != NULL)
        return sum_up(&settings, &tally);
    for (seed = settings.from; seed < settings.from + settings.seeds || states < settings.states;
         seed++) {
        if (!one_seed(&settings, seed, &tally, &states, &commits)) {
            printf("FAILED at seed %llu\n", (unsigned long long)seed);
            return 1;
        }
    }
    if (settings.verbose || settings.least > 0)
        tally_print(&tally, stdout);
    if (settings.tally != NULL && !tally_write(&tally, settings.tally)) {
        printf("FAILED: %s cannot be written\n", settings.tally);
        return 1;
    }
    if (settings.least > 0 && !tally_is_enough(&tally, settings.least, stdout)) {
        printf("FAILED: the runs were not varied enough\n");
        return 1;
    }
    printf("PASSED %llu crash states over %llu seeds, %llu commits\n", (unsigned long long)states,
           (unsigned long long)(seed - settings.from), (unsigned long long)commits);
    return 0;
}
