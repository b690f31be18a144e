#include "support/people.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Some with letters of several bytes, some with commas and quotes, for which CSV needs quotes. */
static const char *const first_names[] = {
    "悠斗",     "Grace",      "Edsger",   "Barbara", "Donald", "Frances", "Анна",  "Radia",
    "Dennis",   "Margaret",   "Niklaus",  "Sophie",  "Alan",   "Jean",    "Tony",  "Shafi",
    "José",     "Zoë",        "Łukasz",   "Søren",   "Ken",    "Ada",     "Ωmega", "Jürgen",
    "Mary Ann", "J. \"Bob\"", "Kim, Jr.", "\"Q\"",   "Björk",  "Li",      "Noor",  "Xi"};
static const char *const last_names[] = {"Lovelace",
                                         "Hopper",
                                         "Dijkstra",
                                         "Liskov",
                                         "Knuth",
                                         "Allen",
                                         "Thompson",
                                         "Perlman",
                                         "Ritchie",
                                         "Hamilton",
                                         "Wirth",
                                         "Wilson",
                                         "Turing",
                                         "Bartik",
                                         "Hoare",
                                         "Goldwasser",
                                         "O'Brien",
                                         "Müller",
                                         "Smith",
                                         "de la Cruz",
                                         "Нгуен",
                                         "山田",
                                         "García",
                                         "Kathe",
                                         "Smith, Esq.",
                                         "van \"Ray\" Dyk",
                                         "Featherstonehaugh",
                                         "Ng",
                                         "Øst",
                                         "Brown",
                                         "Jones",
                                         "Wu"};

#define NAMES 32u

/* splitmix64: a good 64-bit mix of a counter, so that person n needs no person before. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* ---- Text ---- */

static char *put_text(char *p, const char *text)
{
    size_t n = strlen(text);

    memcpy(p, text, n);
    return p + n;
}

/* At least `width` digits. */
static char *put_number(char *p, uint64_t value, int width)
{
    char digits[20];
    int n = 0;

    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0 || n < width);
    while (n > 0)
        *p++ = digits[--n];
    return p;
}

static char *put_quoted(char *p, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL)
        return put_text(p, text);
    *p++ = '"';
    for (; *text != '\0'; text++) {
        if (*text == '"')
            *p++ = '"';
        *p++ = *text;
    }
    *p++ = '"';
    return p;
}

/* The date of a day since 1970-01-01, from the day's place in the cycle of 400 years that begins on
 * the first of March of the year 0. Only for days after that. */
static char *put_date(char *p, int64_t day)
{
    uint64_t since = (uint64_t)(day + 719468);
    uint64_t cycle = since / 146097;
    uint64_t in_cycle = since % 146097;
    uint64_t year = (in_cycle - in_cycle / 1460 + in_cycle / 36524 - in_cycle / 146096) / 365;
    uint64_t in_year = in_cycle - (365 * year + year / 4 - year / 100);
    uint64_t month = (5 * in_year + 2) / 153;

    p = put_number(p, cycle * 400 + year + (month >= 10), 4);
    *p++ = '-';
    p = put_number(p, month < 10 ? month + 3 : month - 9, 2);
    *p++ = '-';
    return put_number(p, in_year - (153 * month + 2) / 5 + 1, 2);
}

static char *put_timestamp(char *p, int64_t microseconds)
{
    uint64_t time = (uint64_t)microseconds % UINT64_C(86400000000);
    uint64_t fraction = time % 1000000;
    uint64_t second = time / 1000000;

    p = put_date(p, microseconds / INT64_C(86400000000));
    *p++ = 'T';
    p = put_number(p, second / 3600, 2);
    *p++ = ':';
    p = put_number(p, second / 60 % 60, 2);
    *p++ = ':';
    p = put_number(p, second % 60, 2);
    if (fraction != 0) {
        *p++ = '.';
        p = put_number(p, fraction, 6);
    }
    *p++ = 'Z';
    return p;
}

static char *put_hundredths(char *p, int64_t value)
{
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    if (value < 0)
        *p++ = '-';
    p = put_number(p, magnitude / 100, 1);
    *p++ = '.';
    return put_number(p, magnitude % 100, 2);
}

/* The fewest digits that read back as the same number. Nearly always 16 or 17 are needed, so the
 * search begins there. */
static char *put_double(char *p, double value)
{
    char text[32];
    int digits = 16;

    snprintf(text, sizeof text, "%.16g", value);
    if (strtod(text, NULL) != value) {
        snprintf(text, sizeof text, "%.17g", value);
        return put_text(p, text);
    }
    do {
        p[0] = '\0';
        memcpy(p, text, strlen(text) + 1);
        snprintf(text, sizeof text, "%.*g", --digits, value);
    } while (digits > 0 && strtod(text, NULL) == value);
    return p + strlen(p);
}

size_t people_row(const person *who, char *row)
{
    char *p = put_number(row, who->id, 1);

    *p++ = ',';
    p = put_quoted(p, who->first);
    *p++ = ',';
    p = put_quoted(p, who->last);
    *p++ = ',';
    p = put_text(p, who->email);
    *p++ = ',';
    p = put_date(p, who->born);
    *p++ = ',';
    p = put_timestamp(p, who->joined);
    *p++ = ',';
    p = put_hundredths(p, who->balance);
    *p++ = ',';
    p = put_double(p, who->score);
    *p++ = ',';
    p = put_number(p, who->visits, 1);
    p = put_text(p, who->active ? ",true\n" : ",false\n");
    return (size_t)(p - row);
}

/* ---- Bytes ---- */

static unsigned char *put_bytes(unsigned char *p, uint64_t value, int n)
{
    for (int i = 0; i < n; i++)
        *p++ = (unsigned char)(value >> (8 * i));
    return p;
}

static unsigned char *put_padded(unsigned char *p, const char *text, size_t n)
{
    memset(p, 0, n);
    memcpy(p, text, strlen(text));
    return p + n;
}

void people_record(const person *who, void *record)
{
    unsigned char *p = record;
    uint64_t score;

    memcpy(&score, &who->score, sizeof score);
    p = put_bytes(p, who->id, 8);
    p = put_padded(p, who->first, 20);
    p = put_padded(p, who->last, 20);
    p = put_padded(p, who->email, 40);
    p = put_bytes(p, (uint64_t)who->born, 4);
    p = put_bytes(p, (uint64_t)who->joined, 8);
    p = put_bytes(p, (uint64_t)who->balance, 8);
    p = put_bytes(p, score, 8);
    p = put_bytes(p, who->visits, 4);
    p = put_bytes(p, who->active, 1);
    put_bytes(p, 0, 4);
}

/* ---- People ---- */

/* A number of 1 .. 1024 with all 52 bits of its fraction random: what is hardest to print. */
static double random_score(uint64_t random)
{
    uint64_t bits = (random & UINT64_C(0xfffffffffffff)) | (1023 + (random >> 52) % 10) << 52;
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

void people_make(uint64_t seed, uint64_t n, person *who)
{
    static const char *const hosts[] = {"@example.org", "@example.com", "@mail.example.net",
                                        "@x.test"};
    uint64_t state = seed * UINT64_C(0xd1342543de82ef95) + n * UINT64_C(0x2545f4914f6cdd1d);
    uint64_t random = next_random(&state);
    char *p = who->email;

    who->id = n;
    who->first = first_names[random % NAMES];
    who->last = last_names[random / NAMES % NAMES];
    p = put_text(p, "person");
    p = put_number(p, n, 1);
    p = put_text(p, hosts[random >> 62]);
    *p = '\0';
    who->born = (int32_t)((random >> 20) % 36525) - 18262; /* 1920 .. 2019 */
    who->active = (uint8_t)(random >> 60 & 1);
    random = next_random(&state);
    who->joined = (int64_t)(random % UINT64_C(800000000000000)) + INT64_C(946684800000000);
    if (random >> 60 == 0)
        who->joined -= who->joined % 1000000; /* some at a whole second */
    random = next_random(&state);
    who->balance = (int64_t)(random % 2000000) - 500000;
    who->visits = (uint32_t)(random >> 32) >> (random >> 24 & 31);
    who->score = random_score(next_random(&state));
}
