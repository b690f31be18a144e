/*
 * Made-up people, the data of examples, tests and measurements: person n of a seed is always the
 * same, as a record of 125 bytes and as a row of canonical CSV. Neither uses the library, so that
 * both can be held against what the library makes of the other.
 */
#ifndef SLOTFILE_TESTS_PEOPLE_H
#define SLOTFILE_TESTS_PEOPLE_H

#include <stddef.h>
#include <stdint.h>

#define PEOPLE_SCHEMA                                                                              \
    "id:u64,first:text[20],last:text[20],email:text[40],born:date,joined:timestamp,"               \
    "balance:decimal[2],score:f64,visits:u32,active:bool,pad:pad[4]"
#define PEOPLE_HEADER      "id,first,last,email,born,joined,balance,score,visits,active\n"
#define PEOPLE_RECORD_SIZE 125
#define PEOPLE_ROW_MAX     300 /* bytes of a row, its line feed included */
#define PEOPLE_SEED        1993

typedef struct person {
    uint64_t id;
    const char *first; /* static, at most 20 bytes */
    const char *last;  /* static, at most 20 bytes */
    char email[41];
    int32_t born;    /* days since 1970-01-01 */
    int64_t joined;  /* microseconds since then */
    int64_t balance; /* hundredths */
    double score;    /* 1 to 1024, all bits of its fraction random */
    uint32_t visits;
    uint8_t active;
} person;

void people_make(uint64_t seed, uint64_t n, person *who);

/* The record of PEOPLE_RECORD_SIZE bytes. */
void people_record(const person *who, void *record);

/* The row, at most PEOPLE_ROW_MAX bytes without a NUL; returns its length. */
size_t people_row(const person *who, char *row);

#endif
