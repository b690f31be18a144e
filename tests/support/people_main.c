/*
 * people N [SEED] [--raw]: N people as canonical CSV, or as records, on standard output. It is
 * started by the command line's host, which makes standard output binary everywhere.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "support/people.h"

static size_t write_person(const person *who, int raw, char *text)
{
    if (!raw)
        return people_row(who, text);
    people_record(who, text);
    return PEOPLE_RECORD_SIZE;
}

int slotfile_main(int argc, char **argv)
{
    static char buffer[65536 + PEOPLE_ROW_MAX];
    int raw = argc > 1 && strcmp(argv[argc - 1], "--raw") == 0;
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    uint64_t seed = argc > 2 + raw ? strtoull(argv[2], NULL, 10) : PEOPLE_SEED;
    size_t filled = 0;
    person who;

    if (argc < 2 + raw || argc > 3 + raw) {
        fputs("usage: people N [SEED] [--raw]\n", stderr);
        return 2;
    }
    if (!raw)
        fputs(PEOPLE_HEADER, stdout);
    for (uint64_t n = 0; n < count; n++) {
        people_make(seed, n, &who);
        filled += write_person(&who, raw, buffer + filled);
        if (filled >= 65536 || n + 1 == count) {
            fwrite(buffer, 1, filled, stdout);
            filled = 0;
        }
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("people: cannot write\n", stderr);
        return 3;
    }
    return 0;
}
