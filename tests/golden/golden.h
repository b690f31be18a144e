/*
 * What the generator of the golden databases and the test that opens them share: the bytes of a
 * record, and the text form of a database directory in git.
 *
 *   golden 1
 *   state RECORDS DELETED      what was acknowledged; a second one: what may be there instead,
 *                              because its commit was under way
 *   is FIRST COUNT VERSION     records of that state, in order; version 0: deleted
 *   file NAME SIZE             a file of the directory, and then its bytes in tokens: XXXX.. in
 *   XXXX.. XX*COUNT ..         hexadecimal, or one byte COUNT times
 *   end
 *
 * Records are mostly one byte over and over, so that this stays small.
 */
#ifndef TESTS_GOLDEN_GOLDEN_H
#define TESTS_GOLDEN_GOLDEN_H

#include <stdint.h>
#include <string.h>

#define GOLDEN_RECORD_SIZE 125u
#define GOLDEN_RECORDS_MAX 1000u

/* The state that one commit has made. */
struct golden_state {
    uint32_t records, deleted;
    uint8_t version[GOLDEN_RECORDS_MAX]; /* of each record; 0: it is deleted */
};

/* The bytes of record `recno` in its version `version`; zeros for version 0, as a deleted one. */
static inline void golden_fill(uint8_t *record, uint32_t recno, uint8_t version)
{
    memset(record, version == 0 ? 0 : (int)(1 + (recno * 7u + version * 13u) % 251u),
           GOLDEN_RECORD_SIZE);
    if (version == 0)
        return;
    record[0] = (uint8_t)recno;
    record[1] = (uint8_t)(recno >> 8);
    record[2] = version;
}

#endif
