#include "results.h"

#include <stdlib.h>

#include "bench.h"

#define MAGIC UINT64_C(0x73746c757365721a)

/* ---- numbers ---- */

static int compare(const void *a, const void *b)
{
    double x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static struct summary summarize(const double *values, uint32_t n)
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

struct summary results_time(const struct results *results, uint32_t way)
{
    return summarize(results->ways[way].time, results->rounds);
}

struct summary results_written(const struct results *results, uint32_t way)
{
    return summarize(results->ways[way].written, results->rounds);
}

struct summary results_peak(const struct results *results, uint32_t way)
{
    return summarize(results->ways[way].peak, results->rounds);
}

struct summary results_ratio(const struct results *results, uint32_t way, uint32_t reference)
{
    double values[ROUNDS_MAX];

    for (uint32_t r = 0; r < results->rounds; r++)
        values[r] = results->ways[way].time[r] / results->ways[reference].time[r];
    return summarize(values, results->rounds);
}

/* ---- goals ---- */

static uint32_t fastest_raw(const struct results *results)
{
    uint32_t best = NO_WAY;

    for (uint32_t i = 0; i < results->ways_count; i++) {
        if (results->ways[i].kind == KIND_RAW &&
            (best == NO_WAY ||
             results_time(results, i).median < results_time(results, best).median))
            best = i;
    }
    if (best == NO_WAY)
        bench_die("%s: there is no raw way", results->name);
    return best;
}

struct verdict results_verdict(const struct results *results, uint32_t i)
{
    const struct result_goal *goal = &results->goals[i];
    uint32_t reference = goal->reference;
    struct verdict verdict = {.way = results->ways[goal->way].name,
                              .bytes = reference == DEVICE_WAY || reference == PEAK_WAY};
    bool met;

    if (reference == DEVICE_WAY) {
        verdict.reference = DEVICE_BYTES;
        verdict.value = results_written(results, goal->way);
    } else if (reference == PEAK_WAY) {
        verdict.reference = PEAK_BYTES;
        verdict.value = results_peak(results, goal->way);
    } else {
        reference = reference == NO_WAY ? fastest_raw(results) : reference;
        verdict.reference = results->ways[reference].name;
        verdict.value = results_ratio(results, goal->way, reference);
    }
    met =
        goal->at_least ? verdict.value.median >= goal->limit : verdict.value.median <= goal->limit;
    verdict.state = verdict.value.median < 0 ? GOAL_UNKNOWN : met ? GOAL_MET : GOAL_MISSED;
    return verdict;
}

/* ---- from process to process ---- */

struct envelope {
    uint64_t magic, size;
};

void results_send(const struct results *results, FILE *file)
{
    const struct envelope envelope = {MAGIC, sizeof *results};

    if (fwrite(&envelope, sizeof envelope, 1, file) != 1 ||
        fwrite(results, sizeof *results, 1, file) != 1 || fflush(file) != 0)
        bench_die("%s: the results cannot be handed over", results->name);
}

struct results *results_receive(FILE *file, bool *whole)
{
    struct envelope envelope = {0, 0};
    size_t n = fread(&envelope, 1, sizeof envelope, file);
    struct results *results = NULL;

    *whole = n == 0;
    if (n != sizeof envelope || envelope.magic != MAGIC || envelope.size != sizeof *results)
        return NULL;
    results = must_malloc(sizeof *results);
    *whole = fread(results, sizeof *results, 1, file) == 1;
    if (*whole)
        return results;
    free(results);
    return NULL;
}
