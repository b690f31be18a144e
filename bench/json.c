/*
 * A report as one JSON object.
 */
#include <float.h>

#include "report.h"

static void put_text(FILE *file, const char *text)
{
    fputc('"', file);
    for (; *text != 0; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            fprintf(file, "\\%c", c);
        else if (c < ' ' || c == 0x7f || c == '<')
            fprintf(file, "\\u%04x", c);
        else
            fputc(c, file);
    }
    fputc('"', file);
}

static void put_key(FILE *file, const char *key)
{
    fprintf(file, ",\"%s\":", key);
}

/* Nothing here is negative but what is unknown; and JSON knows no infinity, which a clock that
 * stood still can give. */
static void put_number(FILE *file, double number)
{
    if (number >= 0 && number <= DBL_MAX)
        fprintf(file, "%.10g", number);
    else
        fputs("null", file);
}

static void put_summary(FILE *file, const char *key, struct summary summary)
{
    put_key(file, key);
    fputs("{\"median\":", file);
    put_number(file, summary.median);
    fputs(",\"min\":", file);
    put_number(file, summary.least);
    fputs(",\"max\":", file);
    put_number(file, summary.most);
    fputc('}', file);
}

static void put_bytes(FILE *file, const char *key, double bytes)
{
    put_key(file, key);
    put_number(file, bytes);
}

/* Every round; null: unknown. */
static void put_rounds(FILE *file, const char *key, const double *values, uint32_t n)
{
    put_key(file, key);
    fputc('[', file);
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0)
            fputc(',', file);
        put_number(file, values[i]);
    }
    fputc(']', file);
}

static void put_way(const struct results *results, uint32_t i, FILE *file)
{
    static const char *const kinds[KINDS] = {"slotfile", "raw", "peer"};
    const struct result_way *way = &results->ways[i];
    const char *device = results->writes_each ? "device_bytes_each" : "device_bytes";

    fprintf(file, "%s\n  {\"contestant\":", i > 0 ? "," : "");
    put_text(file, way->name);
    fprintf(file, ",\"kind\":\"%s\",\"units\":%llu", kinds[way->kind],
            (unsigned long long)way->units);
    put_summary(file, "ns", results_time(results, i));
    if (results->writes)
        put_bytes(file, device, results_written(results, i).median);
    put_bytes(file, "peak_rss_bytes", results_peak(results, i).median);
    if (results->ratios && way->against != NO_WAY) {
        put_summary(file, "ratio", results_ratio(results, i, way->against));
        put_key(file, "against");
        put_text(file, results->ways[way->against].name);
    }
    fprintf(file, ",\n   \"rounds\":{\"count\":%lu", (unsigned long)results->rounds);
    put_rounds(file, "ns", way->time, results->rounds);
    if (results->writes)
        put_rounds(file, device, way->written, results->rounds);
    put_rounds(file, "peak_rss_bytes", way->peak, results->rounds);
    fputs("}}", file);
}

static void put_goal(const struct results *results, uint32_t i, FILE *file)
{
    const struct result_goal *goal = &results->goals[i];
    struct verdict verdict = results_verdict(results, i);

    fprintf(file, "%s\n  {\"contestant\":", i > 0 ? "," : "");
    put_text(file, verdict.way);
    put_key(file, "against");
    put_text(file, verdict.reference);
    put_key(file, goal->at_least ? "at_least" : "at_most");
    put_number(file, goal->limit);
    if (verdict.state != GOAL_UNKNOWN) {
        put_summary(file, verdict.bytes ? "bytes" : "ratio", verdict.value);
        fprintf(file, ",\"met\":%s", verdict.state == GOAL_MET ? "true" : "false");
    }
    fputc('}', file);
}

static void put_case(const struct results *results, bool first, FILE *file)
{
    fprintf(file, "%s\n {\"case\":", first ? "" : ",");
    put_text(file, results->name);
    put_key(file, "what");
    put_text(file, results->what);
    put_key(file, "cache_state");
    put_text(file, results->cache);
    put_key(file, "unit");
    put_text(file, results->unit);
    fprintf(file, ",\"units\":%llu,\"unit_bytes\":", (unsigned long long)results->units);
    put_number(file, results->unit_bytes);
    fputs(",\"ways\":[", file);
    for (uint32_t i = 0; i < results->ways_count; i++)
        put_way(results, i, file);
    fputs("],\"left_out\":[", file);
    for (uint32_t i = 0; i < results->left_out_count; i++) {
        fprintf(file, "%s\n  {\"contestant\":", i > 0 ? "," : "");
        put_text(file, results->left_out[i].name);
        put_key(file, "reason");
        put_text(file, results->left_out[i].reason);
        fputc('}', file);
    }
    fputs("],\"goals\":[", file);
    for (uint32_t i = 0; i < results->goals_count; i++)
        put_goal(results, i, file);
    fputs("]}", file);
}

void json_report(const struct report *report, FILE *file)
{
    fputc('{', file);
    for (unsigned i = 0; i < report->facts_count; i++) {
        const struct fact *fact = &report->facts[i];

        fprintf(file, "%s\"%s\":", i > 0 ? "," : "", fact->key);
        if (fact->number)
            fputs(fact->text, file);
        else
            put_text(file, fact->text);
    }
    fprintf(file, "%s\"cases\":[", report->facts_count > 0 ? "," : "");
    for (unsigned i = 0; i < report->cases_count; i++)
        put_case(report->cases[i], i == 0, file);
    fputs("\n]}\n", file);
}
