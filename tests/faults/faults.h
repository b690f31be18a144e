/*
 * What the programs of tests/faults share: calls that must succeed, and a fresh database.
 */
#ifndef TESTS_FAULTS_FAULTS_H
#define TESTS_FAULTS_FAULTS_H

#include <stdio.h>
#include <stdlib.h>

#include "slotfile/slotfile.h"

enum { FAULT_RIGHT = 0, FAULT_WRONG = 1, FAULT_SETUP = 2, FAULT_SKIPPED = 77 };

/* A call that has nothing to do with the fault: the program ends when it fails. `error` is that of
 * the program. */
#define MUST(call)                                                                                 \
    do {                                                                                           \
        slot_status must_status = (call);                                                          \
        if (must_status != SLOT_OK) {                                                              \
            fprintf(stderr, "%s:%d: %s: %s: %s\n", __FILE__, __LINE__, #call,                      \
                    slot_status_text(must_status), error.what);                                    \
            exit(FAULT_SETUP);                                                                     \
        }                                                                                          \
    } while (0)

/* A new database at `path` with records of `record_size` bytes without fields. */
static inline void fault_create(const char *path, uint32_t record_size)
{
    slot_error error = {0};
    slot_schema *schema = NULL;

    MUST(slot_schema_sized(record_size, &schema, &error));
    MUST(slot_create(path, schema, NULL, &error));
    slot_schema_free(schema);
}

#endif
