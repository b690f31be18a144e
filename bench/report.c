#include "report.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include "bench.h"

static struct fact *add_fact(struct report *report, const char *key, const char *label)
{
    struct fact *fact = &report->facts[report->facts_count++];

    assert(report->facts_count <= FACTS_MAX);
    fact->key = key;
    fact->label = label;
    return fact;
}

void report_number(struct report *report, const char *key, const char *label, uint64_t number)
{
    struct fact *fact = add_fact(report, key, label);

    fact->number = true;
    snprintf(fact->text, sizeof fact->text, "%llu", (unsigned long long)number);
}

void report_text(struct report *report, const char *key, const char *label, const char *text)
{
    struct fact *fact = add_fact(report, key, label);

    fact->number = false;
    snprintf(fact->text, sizeof fact->text, "%s", text);
}

static const char *compiler(void)
{
#if defined(__clang__)
    return __VERSION__;
#elif defined(__GNUC__)
    return "gcc " __VERSION__;
#else
    return "unknown";
#endif
}

void report_machine(struct report *report, const struct machine *machine)
{
    time_t now = time(NULL);
    const struct tm *utc = gmtime(&now);
    char date[32] = "unknown";

    if (utc != NULL)
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", utc);
    report_text(report, "date", "date", date);
    report_text(report, "cpu", "processor", machine->cpu);
    report_text(report, "cores", "cores", machine->cores);
    report_text(report, "memory", "memory", machine->memory);
    report_text(report, "kernel", "kernel", machine->kernel);
    report_text(report, "file_system", "file system", machine->file_system);
    report_text(report, "read_ahead_kib", "read-ahead, KiB", machine->read_ahead);
    report_text(report, "slotfile", "slotfile", slot_version());
    report_text(report, "compiler", "compiler", compiler());
}

void report_add(struct report *report, struct results *results)
{
    if (report->cases_count == CASES_MAX)
        bench_die("%s: too many cases", results->name);
    report->cases[report->cases_count++] = results;
}

void report_release(struct report *report)
{
    for (unsigned i = 0; i < report->cases_count; i++)
        free(report->cases[i]);
    report->cases_count = 0;
}

struct shown show_number(double number)
{
    struct shown shown;

    if (number >= 1000 && number < 1e30)
        snprintf(shown.text, sizeof shown.text, "%.0f", number);
    else
        snprintf(shown.text, sizeof shown.text, "%.4g", number);
    return shown;
}
