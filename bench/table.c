/*
 * A report as text for a terminal.
 */
#include "report.h"

/* Paths are among the facts, and a terminal obeys control characters. Those from U+0080 to U+009F
 * are 0xc2 and their number. */
static void print_fact(const char *text, FILE *file)
{
    for (const unsigned char *c = (const unsigned char *)text; *c != 0; c++) {
        bool hidden = *c < 0x20 || *c == 0x7f;

        hidden |= c > (const unsigned char *)text && c[-1] == 0xc2 && *c < 0xa0;
        fputc(hidden ? '?' : *c, file);
    }
}

void table_facts(const struct report *report, FILE *file)
{
    for (unsigned i = 0; i < report->facts_count; i++) {
        const struct fact *fact = &report->facts[i];

        if (fact->text[0] == 0)
            continue;
        fprintf(file, "%-16s ", fact->label);
        print_fact(fact->text, file);
        fputc('\n', file);
    }
    fflush(file);
}

static void print_bytes(FILE *file, double bytes, bool mib)
{
    if (bytes < 0)
        fprintf(file, " %9s", "unknown");
    else
        fprintf(file, " %9.*f", mib ? 1 : 0, mib ? bytes / 1048576 : bytes);
}

static void print_header(const struct results *results, FILE *file)
{
    fprintf(file, "\n%s: %s\n", results->name, results->what);
    if (results->cache[0] != 0)
        fprintf(file, "  cache state: %s\n", results->cache);
    if (results->ratios)
        fprintf(file, "  rounds: %lu\n", (unsigned long)results->rounds);
    fprintf(file, "  %-36s %10s %21s %9s", "", "ns/", "(min..max)", "MB/s");
    if (results->writes)
        fprintf(file, " %9s", "device");
    fprintf(file, " %9s", "peak RSS");
    if (results->ratios)
        fprintf(file, "  ratio (min..max) against");
    fprintf(file, "\n  %-36s %10s %21s %9s", "contestant", results->unit, "", "");
    if (results->writes)
        fprintf(file, " %9s", results->writes_each ? "B each" : "MiB");
    fprintf(file, " %9s\n", "MiB");
}

static void print_way(const struct results *results, uint32_t i, FILE *file)
{
    const struct result_way *way = &results->ways[i];
    struct summary time = results_time(results, i);
    char range[96];

    snprintf(range, sizeof range, "(%s..%s)", show_number(time.least).text,
             show_number(time.most).text);
    fprintf(file, "  %-36s %10s %21s", way->name, show_number(time.median).text, range);
    if (time.median > 0)
        fprintf(file, " %9.0f", results->unit_bytes / time.median * 1000);
    else
        fprintf(file, " %9s", "-");
    if (results->writes)
        print_bytes(file, results_written(results, i).median, !results->writes_each);
    print_bytes(file, results_peak(results, i).median, true);
    if (results->ratios && way->against != NO_WAY) {
        struct summary to = results_ratio(results, i, way->against);

        fprintf(file, "  %.2f (%.2f..%.2f) %s", to.median, to.least, to.most,
                results->ways[way->against].name);
    }
    fputc('\n', file);
}

static void print_goal(const struct results *results, uint32_t i, FILE *file)
{
    const struct result_goal *goal = &results->goals[i];
    struct verdict verdict = results_verdict(results, i);
    int digits = verdict.bytes ? 0 : 2;

    fprintf(file, "  goal: %s%s%s %s %.*g: ", verdict.way, verdict.bytes ? ", " : " / ",
            verdict.reference, goal->at_least ? ">=" : "<=", verdict.bytes ? 9 : 4, goal->limit);
    if (verdict.state == GOAL_UNKNOWN)
        fputs("unknown\n", file);
    else
        fprintf(file, "%.*f (%.*f..%.*f) %s\n", digits, verdict.value.median, digits,
                verdict.value.least, digits, verdict.value.most,
                verdict.state == GOAL_MET ? "met" : "MISSED");
}

void table_case(const struct results *results, FILE *file)
{
    print_header(results, file);
    for (uint32_t i = 0; i < results->ways_count; i++)
        print_way(results, i, file);
    for (uint32_t i = 0; i < results->left_out_count; i++)
        fprintf(file, "  %-36s left out: %s\n", results->left_out[i].name,
                results->left_out[i].reason);
    for (uint32_t i = 0; i < results->goals_count; i++)
        print_goal(results, i, file);
    fflush(file);
}
