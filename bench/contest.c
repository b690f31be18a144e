#include "contest.h"

#include <assert.h>
#include <stdlib.h>

/* A contest while it runs. */
struct course {
    struct bench *bench;
    const struct contest *contest;
    const struct way *ways[WAYS_MAX]; /* those that take part, in the order of the results */
    struct results *results;
};

/* ---- rounds ---- */

static uint64_t run_pass(const struct course *course, unsigned i, unsigned round)
{
    const struct bench *bench = course->bench;
    const struct contest *contest = course->contest;
    const struct way *way = course->ways[i];
    struct result_way *result = &course->results->ways[i];
    double units = (double)result->units;
    uint64_t start, end, before, after, peak;

    if (way->ready != NULL)
        way->ready(contest->state, way);
    machine_reset_peak();
    before = contest->writes ? machine_written(&bench->machine) : MACHINE_UNKNOWN;
    start = clock_ns(bench);
    way->pass(contest->state, way);
    end = clock_ns(bench);
    after = contest->writes ? machine_written(&bench->machine) : MACHINE_UNKNOWN;
    peak = contest->elsewhere ? MACHINE_UNKNOWN : machine_peak();
    if (contest->ns != NULL)
        result->time[round] = (double)*contest->ns / units;
    else
        result->time[round] = end > start ? (double)(end - start) / units : 0;
    result->written[round] = -1;
    if (before != MACHINE_UNKNOWN && after != MACHINE_UNKNOWN)
        result->written[round] = (double)(after - before) / (contest->writes_each ? units : 1);
    result->peak[round] = peak != MACHINE_UNKNOWN ? (double)peak : -1;
    return way->done(contest->state, way);
}

static bool is_summed(const struct way *way)
{
    return way->part <= 1 && !way->other;
}

static void compare_sums(const struct course *course, const uint64_t *sums)
{
    unsigned count = course->results->ways_count, first = 0;

    while (first < count && !is_summed(course->ways[first]))
        first++;
    for (unsigned i = first + 1; i < count; i++) {
        if (is_summed(course->ways[i]) && sums[i] != sums[first])
            bench_die("%s: \"%s\" has the checksum %llx, \"%s\" has %llx", course->contest->name,
                      course->ways[i]->name, (unsigned long long)sums[i], course->ways[first]->name,
                      (unsigned long long)sums[first]);
    }
}

static void run_round(const struct course *course, unsigned turn, unsigned round)
{
    const struct contest *contest = course->contest;
    unsigned count = course->results->ways_count;
    uint64_t sums[WAYS_MAX];

    course->bench->round++;
    for (unsigned n = 0; n < count; n++) {
        unsigned i = (n + turn) % count;

        if (contest->new_files && !course->ways[i]->no_new_file && !course->bench->smoke)
            warm_page_cache(course->bench,
                            (uint64_t)((double)contest->count * contest->unit_bytes));
        sums[i] = run_pass(course, i, round);
    }
    compare_sums(course, sums);
}

/* ---- who takes part ---- */

static void copy_text(char *to, size_t room, const char *text)
{
    assert(strlen(text) < room);
    snprintf(to, room, "%s", text);
}

/* Why the way does not take part; NULL when it does. */
static const char *why_left_out(const struct way *way)
{
    if (way->left_out != NULL)
        return way->left_out;
    return way->peer != NULL && way->peer() == NULL ? "peer not built in" : NULL;
}

static enum result_kind kind_of(const struct way *way)
{
    if (way->raw)
        return KIND_RAW;
    if (way->rival || (way->peer != NULL && strncmp(way->name, "slotfile", 8) != 0))
        return KIND_PEER;
    return KIND_SLOTFILE;
}

static void admit(struct course *course, const struct way *way)
{
    struct results *results = course->results;
    const char *reason = why_left_out(way);

    if (reason != NULL) {
        struct left_out *left_out = &results->left_out[results->left_out_count++];

        copy_text(left_out->name, sizeof left_out->name, way->name);
        copy_text(left_out->reason, sizeof left_out->reason, reason);
    } else {
        struct result_way *result = &results->ways[results->ways_count];

        course->ways[results->ways_count++] = way;
        copy_text(result->name, sizeof result->name, way->name);
        result->kind = kind_of(way);
        result->units = way_share(way, course->contest->count);
    }
}

/* The way of that name among those that take part; NO_WAY: it was left out. A name that never was
 * one is a mistake. */
static uint32_t find_way(const struct course *course, const char *name)
{
    const struct results *results = course->results;

    for (uint32_t i = 0; i < results->ways_count; i++) {
        if (strcmp(results->ways[i].name, name) == 0)
            return i;
    }
    for (uint32_t i = 0; i < results->left_out_count; i++) {
        if (strcmp(results->left_out[i].name, name) == 0)
            return NO_WAY;
    }
    bench_die("%s: there is no way \"%s\"", results->name, name);
}

/* *named: it is a way, which may have been left out; else bytes, or the fastest raw way. */
static uint32_t find_reference(const struct course *course, const char *name, bool *named)
{
    *named = false;
    if (name == NULL)
        return NO_WAY;
    if (strcmp(name, DEVICE_BYTES) == 0)
        return DEVICE_WAY;
    if (strcmp(name, PEAK_BYTES) == 0)
        return PEAK_WAY;
    *named = true;
    return find_way(course, name);
}

static void set_goal(struct course *course, const struct goal *goal)
{
    struct results *results = course->results;
    struct result_goal *result = &results->goals[results->goals_count];
    bool named;

    result->way = find_way(course, goal->way);
    result->reference = find_reference(course, goal->reference, &named);
    result->at_least = goal->at_least;
    result->limit = goal->limit;
    if (result->way != NO_WAY && (!named || result->reference != NO_WAY))
        results->goals_count++;
}

static void fill_in(struct course *course)
{
    const struct contest *contest = course->contest;
    struct results *results = course->results;

    copy_text(results->name, sizeof results->name, contest->name);
    copy_text(results->what, sizeof results->what, contest->what);
    copy_text(results->cache, sizeof results->cache, contest->cache != NULL ? contest->cache : "");
    copy_text(results->unit, sizeof results->unit, contest->unit);
    results->units = contest->count;
    results->unit_bytes = contest->unit_bytes;
    results->writes = contest->writes;
    results->writes_each = contest->writes_each;
    results->ratios = !course->bench->smoke;
    results->rounds = course->bench->rounds;
    for (unsigned i = 0; i < contest->ways_count; i++)
        admit(course, &contest->ways[i]);
    for (unsigned i = 0; i < results->ways_count; i++)
        results->ways[i].against =
            course->ways[i]->against != NULL ? find_way(course, course->ways[i]->against) : NO_WAY;
    for (unsigned i = 0; i < contest->goals_count && results->ratios; i++)
        set_goal(course, &contest->goals[i]);
}

/* ---- all of it ---- */

void contest_run(struct bench *bench, const struct contest *contest)
{
    struct results *results = must_malloc(sizeof *results);
    struct course course = {.bench = bench, .contest = contest, .results = results};

    if (contest->ways_count > WAYS_MAX || contest->goals_count > GOALS_MAX ||
        bench->rounds > ROUNDS_MAX)
        bench_die("%s: too many ways, goals or rounds", contest->name);
    memset(results, 0, sizeof *results);
    fill_in(&course);
    if (!bench->smoke)
        run_round(&course, 0, 0); /* everybody's first time: not counted */
    for (unsigned r = 0; r < bench->rounds; r++)
        run_round(&course, r, r);
    results_send(results, stdout);
    free(results);
}
