#include "crash/tally.h"

#include <string.h>

enum {
#define X(name, text) +1
    OPTIONS = 0 TALLY_OPTIONS(X)
#undef X
};

static const char *const texts[TALLY_ITEMS] = {
#define X(name, text) text,
    TALLY_OPTIONS(X) TALLY_EVENTS(X)
#undef X
};

void tally_state(struct tally *tally, tally_set items)
{
    tally->states++;
    for (int i = 0; i < TALLY_ITEMS; i++)
        tally->states_after[i] += items >> i & 1;
}

void tally_run(struct tally *tally, tally_set items)
{
    tally->runs++;
    for (int i = 0; i < TALLY_ITEMS; i++) {
        if ((items >> i & 1) == 0)
            continue;
        tally->runs_with[i]++;
        for (int k = i + 1; i >= OPTIONS && k < TALLY_ITEMS; k++)
            tally->pairs[i][k] += items >> k & 1;
    }
}

/* ---- files ---- */

bool tally_write(const struct tally *tally, const char *path)
{
    FILE *out = fopen(path, "w");
    bool well = out != NULL;

    if (!well)
        return false;
    fprintf(out, "%d %llu %llu\n", TALLY_ITEMS, (unsigned long long)tally->runs,
            (unsigned long long)tally->states);
    for (int i = 0; i < TALLY_ITEMS; i++) {
        fprintf(out, "%llu %llu", (unsigned long long)tally->runs_with[i],
                (unsigned long long)tally->states_after[i]);
        for (int k = 0; k < TALLY_ITEMS; k++)
            fprintf(out, " %llu", (unsigned long long)tally->pairs[i][k]);
        fprintf(out, " %s\n", texts[i]);
    }
    well = ferror(out) == 0;
    return fclose(out) == 0 && well;
}

static bool add_number(FILE *in, uint64_t *to)
{
    unsigned long long number;

    if (fscanf(in, "%llu", &number) != 1)
        return false;
    *to += number;
    return true;
}

static bool add_item(FILE *in, struct tally *tally, int i)
{
    bool well = add_number(in, &tally->runs_with[i]) && add_number(in, &tally->states_after[i]);
    char text[80] = "";

    for (int k = 0; k < TALLY_ITEMS && well; k++)
        well = add_number(in, &tally->pairs[i][k]);
    return well && fscanf(in, " %79[^\n]", text) == 1 && strcmp(text, texts[i]) == 0;
}

bool tally_add(struct tally *tally, const char *path)
{
    FILE *in = fopen(path, "r");
    uint64_t items = 0;
    bool well = in != NULL && add_number(in, &items) && items == TALLY_ITEMS &&
                add_number(in, &tally->runs) && add_number(in, &tally->states);

    for (int i = 0; i < TALLY_ITEMS && well; i++)
        well = add_item(in, tally, i);
    if (in != NULL)
        (void)fclose(in);
    return well;
}

/* ---- the table ---- */

/* The event that was met least often together with event i. */
static int rarest_with(const struct tally *tally, int i)
{
    int rarest = -1;
    uint64_t least = UINT64_MAX;

    for (int k = OPTIONS; k < TALLY_ITEMS; k++) {
        uint64_t n = tally->pairs[i < k ? i : k][i < k ? k : i];

        if (k != i && n < least) {
            least = n;
            rarest = k;
        }
    }
    return rarest;
}

void tally_print(const struct tally *tally, FILE *out)
{
    fprintf(out, "%8s %8s %6s  of %llu runs, %llu states\n", "runs", "states", "%",
            (unsigned long long)tally->runs, (unsigned long long)tally->states);
    for (int i = 0; i < TALLY_ITEMS; i++) {
        double percent =
            tally->states > 0 ? 100.0 * (double)tally->states_after[i] / (double)tally->states : 0;

        fprintf(out, "%8llu %8llu %6.1f  %s", (unsigned long long)tally->runs_with[i],
                (unsigned long long)tally->states_after[i], percent, texts[i]);
        if (i >= OPTIONS) {
            int k = rarest_with(tally, i);

            fprintf(out, " (rarest with: %llu, %s)",
                    (unsigned long long)tally->pairs[i < k ? i : k][i < k ? k : i], texts[k]);
        }
        fputc('\n', out);
    }
}

/* What of all states, in percent, must have been checked after this. */
static uint64_t percent_of(int item)
{
    if (item == TALLY_TWO_WRITERS || item == TALLY_CALL_FAILED)
        return 25;
    return item < OPTIONS ? 0 : 1;
}

bool tally_is_enough(const struct tally *tally, uint64_t least, FILE *out)
{
    bool enough = true;

    for (int i = 0; i < TALLY_ITEMS; i++) {
        if (tally->runs_with[i] < least ||
            tally->states_after[i] * 100 < tally->states * percent_of(i)) {
            fprintf(out, "too few: %s: %llu runs, %llu states\n", texts[i],
                    (unsigned long long)tally->runs_with[i],
                    (unsigned long long)tally->states_after[i]);
            enough = false;
        }
        for (int k = i + 1; i >= OPTIONS && k < TALLY_ITEMS; k++) {
            if (tally->pairs[i][k] >= least)
                continue;
            fprintf(out, "too few: %llu runs with both: %s; %s\n",
                    (unsigned long long)tally->pairs[i][k], texts[i], texts[k]);
            enough = false;
        }
    }
    return enough;
}
