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
    const struct contest *contest;
    unsigned rounds;
    struct series ways[WAYS_MAX];
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

static unsigned find_way(const struct contest *contest, const char *name)
{
    unsigned i = 0;

    while (i < contest->ways_count && strcmp(contest->ways[i].name, name) != 0)
        i++;
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
    series->time[round] =
        end > start ? (double)(end - start) / (double)way_share(way, contest->count) : 0;
    series->written[round] =
        before != MACHINE_UNKNOWN && after != MACHINE_UNKNOWN ? (double)(after - before) : -1;
    series->peak[round] = peak != MACHINE_UNKNOWN ? (double)peak : -1;
    return way->done(contest->state, way);
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
    for (unsigned i = 1; i < contest->ways_count; i++) {
        if (contest->ways[i].part <= 1 && sums[i] != sums[0])
            bench_die("%s: \"%s\" has the checksum %llx, \"%s\" has %llx", contest->name,
                      contest->ways[i].name, (unsigned long long)sums[i], contest->ways[0].name,
                      (unsigned long long)sums[0]);
    }
}

/* ---- the table ---- */

static void print_mib(double bytes)
{
    if (bytes < 0)
        printf(" %9s", "unknown");
    else
        printf(" %9.1f", bytes / 1048576);
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
        printf(" %9s", "MiB");
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
        print_mib(summarize(results->ways[i].written, results->rounds).median);
    print_mib(summarize(results->ways[i].peak, results->rounds).median);
    if (!bench->smoke && way->against != NULL) {
        struct summary to = ratio(results, i, find_way(contest, way->against));

        printf("  %.2f (%.2f..%.2f) %s", to.median, to.least, to.most, way->against);
    }
    putchar('\n');
}

static unsigned goal_reference(const struct results *results, const struct goal *goal)
{
    return goal->reference != NULL ? find_way(results->contest, goal->reference)
                                   : fastest_raw(results);
}

static bool goal_is_met(const struct goal *goal, double value)
{
    return goal->at_least ? value >= goal->limit : value <= goal->limit;
}

static void print_goal(const struct results *results, const struct goal *goal)
{
    const struct contest *contest = results->contest;
    unsigned reference = goal_reference(results, goal);
    struct summary value = ratio(results, find_way(contest, goal->way), reference);

    printf("  goal: %s / %s %s %.4g: %.2f (%.2f..%.2f) %s\n", goal->way,
           contest->ways[reference].name, goal->at_least ? ">=" : "<=", goal->limit, value.median,
           value.least, value.most, goal_is_met(goal, value.median) ? "met" : "MISSED");
}

static void print_table(const struct bench *bench, const struct results *results)
{
    const struct contest *contest = results->contest;

    print_header(bench, contest);
    for (unsigned i = 0; i < contest->ways_count; i++)
        print_way(bench, results, i);
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
        json_bytes("device_bytes", summarize(results->ways[i].written, results->rounds).median);
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
    unsigned reference = goal_reference(results, goal);
    struct summary value = ratio(results, find_way(results->contest, goal->way), reference);

    printf("%s\n  {\"contestant\":\"%s\",\"against\":\"%s\",\"%s\":%g", i > 0 ? "," : "", goal->way,
           results->contest->ways[reference].name, goal->at_least ? "at_least" : "at_most",
           goal->limit);
    json_summary("ratio", value);
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

void contest_run(struct bench *bench, const struct contest *contest)
{
    struct results *results = must_malloc(sizeof *results);

    results->contest = contest;
    results->rounds = bench->rounds;
    if (contest->ways_count > WAYS_MAX || bench->rounds > ROUNDS_MAX)
        bench_die("%s: too many ways or rounds", contest->name);
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
