/*
 * The calendar repeats after 400 years, 146,097 days. Counted from 1 March of a year that 400
 * divides, the leap day is the last day of every kind of cycle, so that plain divisions find the
 * place in it: of the century, the year, and (months from March on are 31, 30, 31, 30, 31, 31, 30,
 * 31, 30, 31, 31 days) of the month, where (153 * month + 2) / 5 days precede month 0 .. 11.
 */
#include "format/time_text.h"

#include <stdbool.h>
#include <string.h>

#include "format/digits.h"

#define DAYS_400_YEARS 146097
#define DAYS_100_YEARS 36524
#define DAYS_4_YEARS   1461

/* From 0000-03-01 to 1970-01-01. */
#define DAYS_TO_1970 719468

/* Whole cycles that make each year and day that occurs positive. */
#define CYCLES 30000

#define YEAR_MAX 9999999 /* that is read; far more than a date can hold */

#define SECOND             INT64_C(1000000)
#define MICROSECOND_DIGITS 6
#define DAY                (86400 * SECOND)

struct civil {
    int32_t year;
    uint32_t month; /* 1 .. 12 */
    uint32_t day;   /* 1 .. 31 */
};

static struct civil civil_from_days(int32_t days)
{
    uint64_t shifted = (uint64_t)((int64_t)days + DAYS_TO_1970 + (int64_t)CYCLES * DAYS_400_YEARS);
    uint32_t cycle = (uint32_t)(shifted / DAYS_400_YEARS);
    uint32_t rest = (uint32_t)(shifted % DAYS_400_YEARS);
    /* Leave out the leap days before this day; then every year has 365. */
    uint32_t year =
        (rest - rest / (DAYS_4_YEARS - 1) + rest / DAYS_100_YEARS - rest / (DAYS_400_YEARS - 1)) /
        365;
    uint32_t day = rest - (365 * year + year / 4 - year / 100);
    uint32_t month = (5 * day + 2) / 153;
    struct civil date;

    date.day = day - (153 * month + 2) / 5 + 1;
    date.month = month < 10 ? month + 3 : month - 9;
    date.year = (int32_t)(400 * cycle + year) - 400 * CYCLES + (month >= 10);
    return date;
}

static int64_t days_from_civil(struct civil date)
{
    uint32_t year = (uint32_t)(date.year + 400 * CYCLES) - (date.month <= 2);
    uint32_t month = date.month <= 2 ? date.month + 9 : date.month - 3;
    uint32_t in_cycle = year % 400;
    uint32_t day =
        365 * in_cycle + in_cycle / 4 - in_cycle / 100 + (153 * month + 2) / 5 + date.day - 1;

    return ((int64_t)(year / 400) - CYCLES) * DAYS_400_YEARS + day - DAYS_TO_1970;
}

static uint32_t days_of_month(int32_t year, uint32_t month)
{
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return month == 2 ? (leap ? 29 : 28) : 30 + ((month + (month > 7)) & 1);
}

/* ---------------------------------------------------------------------------------------------
 * Writing
 * ------------------------------------------------------------------------------------------- */

size_t slot__date_format(int32_t days, char *text)
{
    struct civil date = civil_from_days(days);
    uint32_t year = (uint32_t)(date.year < 0 ? -date.year : date.year);
    size_t digits = year > 9999 ? digits_count(year) : 4;
    size_t n = 0;

    if (date.year < 0)
        text[n++] = '-';
    else if (date.year > 9999)
        text[n++] = '+';
    digits_write_n(text + n, year, digits);
    n += digits;
    text[n] = '-';
    digits_write_n(text + n + 1, date.month, 2);
    text[n + 3] = '-';
    digits_write_n(text + n + 4, date.day, 2);
    return n + 6;
}

size_t slot__timestamp_format(int64_t microseconds, char *text)
{
    int64_t days = microseconds / DAY - (microseconds % DAY < 0);
    /* Modulo 2^64, because days * DAY alone may be below INT64_MIN. */
    uint64_t rest = (uint64_t)microseconds - (uint64_t)days * (uint64_t)DAY;
    uint32_t seconds = (uint32_t)(rest / (uint64_t)SECOND);
    uint32_t fraction = (uint32_t)(rest % (uint64_t)SECOND);
    size_t n = slot__date_format((int32_t)days, text);

    text[n] = 'T';
    digits_write_n(text + n + 1, seconds / 3600, 2);
    text[n + 3] = ':';
    digits_write_n(text + n + 4, seconds / 60 % 60, 2);
    text[n + 6] = ':';
    digits_write_n(text + n + 7, seconds % 60, 2);
    n += 9;
    if (fraction != 0) {
        text[n] = '.';
        digits_write_n(text + n + 1, fraction, 6);
        n += 7;
    }
    text[n] = 'Z';
    return n + 1;
}

/* ---------------------------------------------------------------------------------------------
 * Reading
 * ------------------------------------------------------------------------------------------- */

/* Two digits as a number, or something above 99. */
static uint32_t two_digits(const char *p)
{
    return is_digit(p[0]) && is_digit(p[1]) ? (uint32_t)(p[0] - '0') * 10 + (uint32_t)(p[1] - '0')
                                            : 100;
}

/* A year of any number of digits, perhaps with a sign; as read_year. */
static bool read_long_year(const char **p, const char *end, int32_t *year)
{
    const char *at = *p;
    bool sign = at < end && (*at == '-' || *at == '+');
    bool negative = sign && *at == '-';
    bool fits = true;
    uint64_t value = 0;
    const char *first = at + sign;
    ptrdiff_t digits;
    bool ok;

    at = digits_read(first, end, &value, &fits);
    digits = at - first;
    ok = fits && value <= YEAR_MAX && (digits == 4 || (digits > 4 && *first != '0'));
    if (sign)
        ok = ok && (negative ? value > 0 : value > 9999);
    else
        ok = ok && digits == 4;
    if (ok) {
        *year = negative ? -(int32_t)value : (int32_t)value;
        *p = at;
    }
    return ok;
}

/* The year at *p, which is moved behind it; false when it is not written as in the header. */
static bool read_year(const char **p, const char *end, int32_t *year)
{
    const char *at = *p;

    if (end - at >= 5 && at[4] == '-') {
        uint32_t century = two_digits(at), rest = two_digits(at + 2);

        if (century <= 99 && rest <= 99) {
            *year = (int32_t)(century * 100 + rest);
            *p = at + 4;
            return true;
        }
    }
    return read_long_year(p, end, year);
}

/* The date at *p, which is moved behind it. Days are not yet limited to the range of a date. */
static const char *read_date(const char **p, const char *end, int64_t *days)
{
    struct civil date;
    const char *reason = NULL;
    const char *at = *p;

    if (!read_year(&at, end, &date.year)) {
        reason = "not a date (write YYYY-MM-DD; years beyond 0000 to 9999 with a sign)";
    } else if (end - at < 6 || at[0] != '-' || at[3] != '-' || !is_digit(at[1]) ||
               !is_digit(at[2]) || !is_digit(at[4]) || !is_digit(at[5])) {
        reason = "not a date (write YYYY-MM-DD, with two digits each for month and day)";
    } else {
        date.month = two_digits(at + 1);
        date.day = two_digits(at + 4);
        if (date.month < 1 || date.month > 12)
            reason = "no such month (months are 01 to 12, and the order is YYYY-MM-DD)";
        else if (date.day < 1 || date.day > days_of_month(date.year, date.month))
            reason = "no such day in that month (check the date)";
    }
    if (reason == NULL) {
        *days = days_from_civil(date);
        *p = at + 6;
    }
    return reason;
}

/* [.f]Z up to the end: the fraction in microseconds. */
static const char *read_fraction(const char *p, const char *end, uint32_t *fraction)
{
    const char *reason = NULL;
    uint64_t value = 0;

    if (p < end && *p == '.') {
        const char *first = p + 1;
        bool fits = true;

        p = digits_read(first, end, &value, &fits);
        if (p == first)
            reason = "no digit after the decimal point (write one, or leave out the point)";
        else if (p - first > MICROSECOND_DIGITS)
            reason = "more than 6 digits of a second (round it to microseconds)";
        else
            value *= digits_pow10[MICROSECOND_DIGITS - (p - first)];
    }
    if (reason == NULL && (end - p != 1 || *p != 'Z'))
        reason = "the timestamp must end in Z (convert it to UTC)";
    if (reason == NULL)
        *fraction = (uint32_t)value;
    return reason;
}

/* HH:MM:SS[.f]Z up to the end, in microseconds. */
static const char *read_time(const char *p, const char *end, int64_t *microseconds)
{
    const char *reason = NULL;
    uint32_t hour = 100;
    uint32_t minute = 100;
    uint32_t second = 100;
    uint32_t fraction = 0;

    if (end - p >= 8 && p[2] == ':' && p[5] == ':') {
        hour = two_digits(p);
        minute = two_digits(p + 3);
        second = two_digits(p + 6);
    }
    if (hour > 99 || minute > 99 || second > 99)
        reason = "not a time (write HH:MM:SS with two digits each)";
    else if (second == 60)
        reason = "leap seconds cannot be stored (write :59.999999, or the next second)";
    else if (hour > 23 || minute > 59 || second > 59)
        reason = "no such time (hours are 00 to 23, minutes and seconds 00 to 59)";
    else
        reason = read_fraction(p + 8, end, &fraction);
    if (reason == NULL)
        *microseconds = (INT64_C(3600) * hour + 60 * minute + second) * SECOND + fraction;
    return reason;
}

const char *slot__date_parse(const char *text, size_t n, int32_t *days)
{
    const char *end = text + n;
    const char *p = text;
    int64_t value = 0;
    const char *reason;

    if (n == 0)
        reason = "empty date (write YYYY-MM-DD)";
    else
        reason = read_date(&p, end, &value);
    if (reason == NULL && p != end)
        reason = "something follows the date (write YYYY-MM-DD only)";
    else if (reason == NULL && (value < INT32_MIN || value > INT32_MAX))
        reason = "date out of range (-5877641-06-23 to +5881580-07-11 can be stored)";
    if (reason == NULL)
        *days = (int32_t)value;
    return reason;
}

const char *slot__timestamp_parse(const char *text, size_t n, int64_t *microseconds)
{
    const char *end = text + n;
    const char *p = text;
    int64_t days = 0;
    int64_t rest = 0;
    const char *reason;

    if (n == 0)
        reason = "empty timestamp (write YYYY-MM-DDTHH:MM:SSZ)";
    else
        reason = read_date(&p, end, &days);
    if (reason == NULL && (p == end || (*p != 'T' && *p != ' ')))
        reason = "no time after the date (write YYYY-MM-DDTHH:MM:SSZ)";
    if (reason == NULL)
        reason = read_time(p + 1, end, &rest);
    /* The first day begins, and the last ends, outside the range: count from the nearer side. */
    if (reason == NULL && days < 0) {
        days++;
        rest -= DAY;
    }
    if (reason == NULL &&
        (days < INT64_MIN / DAY || days > INT64_MAX / DAY ||
         (rest < 0 ? days * DAY < INT64_MIN - rest : days * DAY > INT64_MAX - rest)))
        reason = "timestamp out of range (years -290308 to 294247 can be stored)";
    if (reason == NULL)
        *microseconds = days * DAY + rest;
    return reason;
}
