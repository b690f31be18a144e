#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 4096u

/* ---- files of text ---- */

/* The value behind `key` and a colon in a file of lines, or "unknown"; returns how many lines. */
static unsigned find_value(const char *path, const char *key, char *value, size_t room)
{
    FILE *file = fopen(path, "r");
    char line[LINE_BYTES];
    unsigned found = 0;

    snprintf(value, room, "unknown");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *colon = strchr(line, ':');

        if (colon == NULL || strncmp(line, key, strlen(key)) != 0)
            continue;
        found++;
        colon += 1 + strspn(colon + 1, " \t");
        snprintf(value, room, "%.*s", (int)strcspn(colon, "\n"), colon);
    }
    if (file != NULL)
        fclose(file);
    return found;
}

static void first_line(const char *path, char *value, size_t room)
{
    FILE *file = fopen(path, "r");
    char line[LINE_BYTES];

    snprintf(value, room, "unknown");
    if (file == NULL)
        return;
    if (fgets(line, sizeof line, file) != NULL)
        snprintf(value, room, "%.*s", (int)strcspn(line, "\n"), line);
    fclose(file);
}

/* ---- the file system ---- */

/* Without links or dots resolved: good enough to find the mount point it is under. */
static void absolute(const char *dir, char *path, size_t room)
{
    const char *working = getenv("PWD");

    if (dir[0] == '/' || working == NULL)
        snprintf(path, room, "%s", dir);
    else
        snprintf(path, room, "%s/%s", working, dir);
}

static size_t match_length(const char *mount, const char *path)
{
    size_t n = strlen(mount);

    if (strcmp(mount, "/") == 0)
        return 1;
    return strncmp(mount, path, n) == 0 && (path[n] == '/' || path[n] == 0) ? n : 0;
}

/* The line of the longest mount point that `dir` is under. */
static void find_file_system(struct machine *machine, const char *dir)
{
    FILE *file = fopen("/proc/self/mountinfo", "r");
    char path[LINE_BYTES], line[LINE_BYTES];
    size_t best = 0;

    snprintf(machine->file_system, sizeof machine->file_system, "unknown");
    snprintf(machine->read_ahead, sizeof machine->read_ahead, "unknown");
    machine->stat_path[0] = 0;
    absolute(dir, path, sizeof path);
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char mount[1024], type[64], source[256], read_ahead_path[96];
        unsigned major, minor;
        const char *rest = strstr(line, " - ");
        size_t n;

        if (rest == NULL || sscanf(line, "%*u %*u %u:%u %*s %1023s", &major, &minor, mount) != 3 ||
            sscanf(rest, " - %63s %255s", type, source) != 2)
            continue;
        n = match_length(mount, path);
        if (n < best || n == 0)
            continue;
        best = n;
        snprintf(machine->file_system, sizeof machine->file_system, "%.40s on %.80s", type, source);
        snprintf(machine->stat_path, sizeof machine->stat_path, "/sys/dev/block/%u:%u/stat", major,
                 minor);
        snprintf(read_ahead_path, sizeof read_ahead_path,
                 "/sys/dev/block/%u:%u/queue/read_ahead_kb", major, minor);
        first_line(read_ahead_path, machine->read_ahead, sizeof machine->read_ahead);
    }
    if (file != NULL)
        fclose(file);
}

void machine_read(struct machine *machine, const char *dir)
{
    char value[128];
    unsigned cores;

    memset(machine, 0, sizeof *machine);
    cores = find_value("/proc/cpuinfo", "model name", machine->cpu, sizeof machine->cpu);
    snprintf(machine->cores, sizeof machine->cores, "unknown");
    if (cores > 0)
        snprintf(machine->cores, sizeof machine->cores, "%u", cores);
    find_value("/proc/meminfo", "MemTotal", machine->memory, sizeof machine->memory);
    first_line("/proc/sys/kernel/osrelease", value, sizeof value);
    first_line("/proc/sys/kernel/ostype", machine->kernel, sizeof machine->kernel);
    if (strcmp(value, "unknown") != 0)
        snprintf(machine->kernel + strlen(machine->kernel),
                 sizeof machine->kernel - strlen(machine->kernel), " %.80s", value);
    find_file_system(machine, dir);
}

/* ---- counters ---- */

uint64_t machine_written(const struct machine *machine)
{
    FILE *file = machine->stat_path[0] != 0 ? fopen(machine->stat_path, "r") : NULL;
    unsigned long long sectors;
    uint64_t written = MACHINE_UNKNOWN;

    if (file == NULL)
        return MACHINE_UNKNOWN;
    if (fscanf(file, "%*u %*u %*u %*u %*u %*u %llu", &sectors) == 1)
        written = sectors * 512u;
    fclose(file);
    return written;
}

uint64_t machine_peak(void)
{
    char value[64];

    find_value("/proc/self/status", "VmHWM", value, sizeof value);
    return strcmp(value, "unknown") == 0 ? MACHINE_UNKNOWN : strtoull(value, NULL, 10) * 1024u;
}

void machine_reset_peak(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "w");

    if (file == NULL)
        return;
    fputs("5", file);
    fclose(file);
}
