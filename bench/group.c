#include "group.h"

#include <string.h>

#include "bench.h"
#include "system.h"

int group_run(const char *name, const char *const *arguments, struct report *report)
{
    FILE *output = NULL;
    struct system_process *process = system_start(arguments, &output);
    struct results *results;
    bool whole;
    int code;

    if (process == NULL)
        return bench_complain("%s: %s cannot be started", name, arguments[0]);
    while ((results = results_receive(output, &whole)) != NULL)
        report_add(report, results);
    fclose(output);
    code = system_finish(process);
    if (system_interrupted())
        return 1; /* the program ends by that signal, when it has cleaned up */
    if (code < 0)
        return bench_complain("the process of %s was killed, so the run ends here", name);
    if (code > 0)
        bench_complain("%s has failed, so the run ends here", name);
    else if (!whole)
        code = bench_complain("%s has written something to stdout that is no result", name);
    return code;
}

bool group_listed(const char *list, const char *name)
{
    size_t n = strlen(name);

    for (const char *at = list; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, n) == 0 && (at[n] == ',' || at[n] == 0))
            return true;
    }
    return list == NULL;
}

const char *group_unknown(const char *list, const char *const *names, size_t count)
{
    size_t n;

    for (const char *at = list; at != NULL && *at != 0; at += n + (at[n] == ',')) {
        bool known = false;

        n = strcspn(at, ",");
        for (size_t i = 0; i < count; i++)
            known |= strlen(names[i]) == n && strncmp(names[i], at, n) == 0;
        if (!known)
            return at;
    }
    return NULL;
}
