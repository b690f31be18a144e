#include "contest.h"

#include <stdio.h>
#include <stdlib.h>

/* What the rounds of one way have given, and a summary of one such series. */
struct series {
    double time[ROUNDS_MAX]; /* ns for one unit */
    double written[ROUNDS_MAX];
    double peak[ROUNDS_MAX];
};

struct summary {
    double median, least, most;
};

struct results {
    const struct contest *contest; /* without the ways and goals that are not built in */
    unsigned rounds;
    struct series ways[WAYS_MAX];
    const char *left_out[WAYS_MAX];
    unsigned left_out_count;
};

/* ---- numbers ---- */

static int compare(const void *a, const void *b)
{
    double x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static struct summary summarize(const double *values, unsigned n)
{
    double sorted[ROUNDS_MAX];
    struct summary summary;

    memcpy(sorted, values, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare);
    summary.median = n % 2 != 0 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
    summary.least = sorted[0];
    summary.most = sorted[n - 1];
    return summary;
}

/* Of the ratios within each round. */
static struct summary ratio(const struct results *results, unsigned way, unsigned reference)
{
    double values[ROUNDS_MAX];

    for (unsigned r = 0; r < results->rounds; r++)
        values[r] = results->ways[way].time[r] / results->ways[reference].time[r];
    return summarize(values, results->rounds);
}

static struct summary time_of(const struct results *results, unsigned way)
{
    return summarize(results->ways[way].time, results->rounds);
}

/* The number of ways when there is none of that name. */
static unsigned look_for_way(const struct contest *contest, const char *name)
{
    unsigned i = 0;

    while (i < contest->ways_count && strcmp(contest->ways[i].name, name) != 0)
        i++;
    return i;
}

static unsigned find_way(const struct contest *contest, const char *name)
{
    unsigned i = look_for_way(contest, name);

    if (i == contest->ways_count)
        bench_die("%s: there is no way \"%s\"", contest->name, name);
    return i;
}

static unsigned fastest_raw(const struct results *results)
{
    const struct contest *contest = results->contest;
    unsigned best = contest->ways_count;

    for (unsigned i = 0; i < contest->ways_count; i++) {
        if (contest->ways[i].raw && (best == contest->ways_count ||
                                     time_of(results, i).median < time_of(results, best).median))
            best = i;
    }
    if (best == contest->ways_count)
        bench_die("%s: there is no raw way", contest->name);
    return best;
}

/* ---- rounds ---- */

static uint64_t run_pass(struct bench *bench, const struct contest *contest, unsigned i,
                         struct series *series, unsigned round)
{
    const struct way *way = &contest->ways[i];
    double units = (double)way_share(way, contest->count);
    uint64_t start, end, before, after, peak;

    if (way->ready != NULL)
        way->ready(contest->state, way);
    machine_reset_peak();
    before = contest->writes ? machine_written(&bench->machine) : MACHINE_UNKNOWN;
    start = clock_ns(bench);
    way->pass(contest->state, way);
    end = clock_ns(bench);
    after = contest->writes ? machine_written(&bench->machine) : MACHINE_UNKNOWN;
    peak = machine_peak();
    if (contest->ns != NULL)
        series->time[round] = (double)*contest->ns / units;
    else
        series->time[round] = end > start ? (double)(end - start) / units : 0;
    series->written[round] = -1;
    if (before != MACHINE_UNKNOWN && after != MACHINE_UNKNOWN)
        series->written[round] = (double)(after - before) / (contest->writes_each ? units : 1);
    series->peak[round] = peak != MACHINE_UNKNOWN ? (double)peak : -1;
    return way->done(contest->state, way);
}

static bool is_summed(const struct way *way)
{
    return way->part <= 1 && !way->other;
}

static void compare_sums(const struct contest *contest, const uint64_t *sums)
{
    unsigned first = 0;

    while (first < contest->ways_count && !is_summed(&contest->ways[first]))
        first++;
    for (unsigned i = first + 1; i < contest->ways_count; i++) {
        if (is_summed(&contest->ways[i]) && sums[i] != sums[first])
            bench_die("%s: \"%s\" has the checksum %llx, \"%s\" has %llx", contest->name,
                      contest->ways[i].name, (unsigned long long)sums[i], contest->ways[first].name,
                      (unsigned long long)sums[first]);
    }
}

static void run_round(struct bench *bench, struct results *results, unsigned turn, unsigned round)
{
    const struct contest *contest = results->contest;
    uint64_t sums[WAYS_MAX];

    bench->round++;
    for (unsigned n = 0; n < contest->ways_count; n++) {
        unsigned i = (n + turn) % contest->ways_count;

        if (contest->new_files && !bench->smoke)
            warm_page_cache(bench, (uint64_t)((double)contest->count * contest->unit_bytes));
        sums[i] = run_pass(bench, contest, i, &results->ways[i], round);
    }
    compare_sums(contest, sums);
}

/* ---- the table ---- */

static void print_bytes(double bytes, bool mib)
{
    if (bytes < 0)
        printf(" %9s", "unknown");
    else
        printf(" %9.*f", mib ? 1 : 0, mib ? bytes / 1048576 : bytes);
}

static void print_header(const struct bench *bench, const struct contest *contest)
{
    printf("\n%s: %s\n", contest->name, contest->what);
    printf("  %-36s %10s %21s %9s", "", "ns/", "(min..max)", "MB/s");
    if (contest->writes)
        printf(" %9s", "device");
    printf(" %9s", "peak RSS");
    if (!bench->smoke)
        printf("  ratio (min..max) against");
    printf("\n  %-36s %10s %21s %9s", "contestant", contest->unit, "", "");
    if (contest->writes)
        printf(" %9s", contest->writes_each ? "B each" : "MiB");
    printf(" %9s\n", "MiB");
}

static void print_way(const struct bench *bench, const struct results *results, unsigned i)
{
    const struct contest *contest = results->contest;
    const struct way *way = &contest->ways[i];
    struct summary time = time_of(results, i);
    char range[48];

    snprintf(range, sizeof range, "(%.4g..%.4g)", time.least, time.most);
    printf("  %-36s %10.4g %21s", way->name, time.median, range);
    if (time.median > 0)
        printf(" %9.0f", contest->unit_bytes / time.median * 1000);
    else
        printf(" %9s", "-");
    if (contest->writes)
        print_bytes(summarize(results->ways[i].written, results->rounds).median,
                    !contest->writes_each);
    print_bytes(summarize(results->ways[i].peak, results->rounds).median, true);
    if (!bench->smoke && way->against != NULL) {
        struct summary to = ratio(results, i, find_way(contest, way->against));

        printf("  %.2f (%.2f..%.2f) %s", to.median, to.least, to.most, way->against);
    }
    putchar('\n');
}

static bool is_device(const struct goal *goal)
{
    return goal->reference != NULL && strcmp(goal->reference, DEVICE_BYTES) == 0;
}

/* What a goal is about; a negative median: nobody knows. */
static struct summary goal_value(const struct results *results, const struct goal *goal,
                                 const char **reference)
{
    unsigned way = find_way(results->contest, goal->way), other;

    if (is_device(goal)) {
        *reference = DEVICE_BYTES;
        return summarize(results->ways[way].written, results->rounds);
    }
    other = goal->reference != NULL ? find_way(results->contest, goal->reference)
                                    : fastest_raw(results);
    *reference = results->contest->ways[other].name;
    return ratio(results, way, other);
}

static bool goal_is_met(const struct goal *goal, double value)
{
    return goal->at_least ? value >= goal->limit : value <= goal->limit;
}

static void print_goal(const struct results *results, const struct goal *goal)
{
    const char *reference;
    struct summary value = goal_value(results, goal, &reference);
    int digits = is_device(goal) ? 0 : 2;

    printf("  goal: %s%s%s %s %.4g: ", goal->way, is_device(goal) ? ", " : " / ", reference,
           goal->at_least ? ">=" : "<=", goal->limit);
    if (value.median < 0)
        puts("unknown");
    else
        printf("%.*f (%.*f..%.*f) %s\n", digits, value.median, digits, value.least, digits,
               value.most, goal_is_met(goal, value.median) ? "met" : "MISSED");
}

static void print_table(const struct bench *bench, const struct results *results)
{
    const struct contest *contest = results->contest;

    print_header(bench, contest);
    for (unsigned i = 0; i < contest->ways_count; i++)
        print_way(bench, results, i);
    for (unsigned i = 0; i < results->left_out_count; i++)
        printf("  %-36s peer not built in\n", results->left_out[i]);
    for (unsigned i = 0; i < contest->goals_count && !bench->smoke; i++)
        print_goal(results, &contest->goals[i]);
    fflush(stdout);
}

/* ---- JSON: one object for each case; main.c prints what is around them ---- */

static void json_summary(const char *key, struct summary summary)
{
    printf(",\"%s\":{\"median\":%.6g,\"min\":%.6g,\"max\":%.6g}", key, summary.median,
           summary.least, summary.most);
}

static void json_bytes(const char *key, double bytes)
{
    if (bytes < 0)
        printf(",\"%s\":null", key);
    else
        printf(",\"%s\":%.0f", key, bytes);
}

static void json_way(const struct bench *bench, const struct results *results, unsigned i)
{
    const struct contest *contest = results->contest;
    const struct way *way = &contest->ways[i];

    printf("%s\n  {\"contestant\":\"%s\"", i > 0 ? "," : "", way->name);
    json_summary("ns", time_of(results, i));
    if (contest->writes)
        json_bytes(contest->writes_each ? "device_bytes_each" : "device_bytes",
                   summarize(results->ways[i].written, results->rounds).median);
    json_bytes("peak_rss_bytes", summarize(results->ways[i].peak, results->rounds).median);
    if (!bench->smoke && way->against != NULL) {
        json_summary("ratio", ratio(results, i, find_way(contest, way->against)));
        printf(",\"against\":\"%s\"", way->against);
    }
    putchar('}');
}

static void json_goal(const struct results *results, unsigned i)
{
    const struct goal *goal = &results->contest->goals[i];
    const char *reference;
    struct summary value = goal_value(results, goal, &reference);

    printf("%s\n  {\"contestant\":\"%s\",\"against\":\"%s\",\"%s\":%g", i > 0 ? "," : "", goal->way,
           reference, goal->at_least ? "at_least" : "at_most", goal->limit);
    if (value.median < 0) {
        printf("}");
        return;
    }
    json_summary(is_device(goal) ? "bytes" : "ratio", value);
    printf(",\"met\":%s}", goal_is_met(goal, value.median) ? "true" : "false");
}

static void print_json(struct bench *bench, const struct results *results)
{
    const struct contest *contest = results->contest;

    printf("%s\n {\"case\":\"%s\",\"what\":\"%s\",\"unit\":\"%s\",\"units\":%llu,"
           "\"unit_bytes\":%.6g,\"ways\":[",
           bench->first_case ? "" : ",", contest->name, contest->what, contest->unit,
           (unsigned long long)contest->count, contest->unit_bytes);
    bench->first_case = false;
    for (unsigned i = 0; i < contest->ways_count; i++)
        json_way(bench, results, i);
    printf("],\"goals\":[");
    for (unsigned i = 0; i < contest->goals_count && !bench->smoke; i++)
        json_goal(results, i);
    printf("]}");
    fflush(stdout);
}

/* ---- all of it ---- */

static bool is_left_out(const struct contest *whole, const struct contest *contest,
                        const char *name)
{
    (void)find_way(whole, name); /* a name that never was one is a mistake */
    return look_for_way(contest, name) == contest->ways_count;
}

/* The contest without the ways whose peer is not built in, and without the goals about them. */
static void leave_out(struct results *results, struct contest *contest, struct way *ways,
                      struct goal *goals)
{
    const struct contest whole = *contest;

    contest->ways = ways;
    contest->ways_count = 0;
    for (unsigned i = 0; i < whole.ways_count; i++) {
        const struct way *way = &whole.ways[i];

        if (way->peer != NULL && way->peer() == NULL)
            results->left_out[results->left_out_count++] = way->name;
        else
            ways[contest->ways_count++] = *way;
    }
    contest->goals = goals;
    contest->goals_count = 0;
    for (unsigned i = 0; i < whole.goals_count; i++) {
        const struct goal *goal = &whole.goals[i];

        if (is_left_out(&whole, contest, goal->way) ||
            (goal->reference != NULL && !is_device(goal) &&
             is_left_out(&whole, contest, goal->reference)))
            continue;
        goals[contest->goals_count++] = *goal;
    }
}

void contest_run(struct bench *bench, const struct contest *whole)
{
    struct results *results = must_malloc(sizeof *results);
    struct contest contest = *whole;
    struct way ways[WAYS_MAX];
    struct goal goals[GOALS_MAX];

    if (whole->ways_count > WAYS_MAX || whole->goals_count > GOALS_MAX ||
        bench->rounds > ROUNDS_MAX)
        bench_die("%s: too many ways, goals or rounds", whole->name);
    results->contest = &contest;
    results->rounds = bench->rounds;
    results->left_out_count = 0;
    leave_out(results, &contest, ways, goals);
    if (!bench->smoke)
        run_round(bench, results, 0, 0); /* everybody's first time: not counted */
    for (unsigned r = 0; r < bench->rounds; r++)
        run_round(bench, results, r, r);
    if (bench->json)
        print_json(bench, results);
    else
        print_table(bench, results);
    free(results);
}
