/*
 * A record as put, append and insert take it from the command line: FIELD=VALUE for some or all of
 * its fields, or all its bytes from a file. Everything is checked before a transaction begins, so
 * that a refused value leaves the database untouched.
 */
#ifndef SLOTFILE_TOOLS_RECORD_H
#define SLOTFILE_TOOLS_RECORD_H

#include "cli.h"

typedef struct record_input {
    const char *command;
    const char *path;   /* of the database */
    const char *raw;    /* a file name or "-"; NULL: fields */
    char **assignments; /* FIELD=VALUE */
    int count;
    const slot_schema *schema;
    size_t record_size;
    char *bytes; /* record_size of them: the new values in their places, zeros elsewhere */
} record_input;

#define RECORD_HELP                                                                                \
    "  FIELD=VALUE             a field is named once; a name may stand in double quotes, and "     \
    "has\n"                                                                                        \
    "                          to when it could be read as another one: '\"a=b\"=1'\n"             \
    "  --raw FILE              the new bytes, exactly one record, as they are: no value is "       \
    "checked\n"

/* Take the operands from argv[first] on. CLI_DONE, or CLI_USAGE unless there are either some or
 * --raw. */
int record_operands(record_input *input, int argc, char **argv, int first);

/* Make the bytes, or say what is wrong. Returns the exit code. record_release is allowed, and
 * needed, in all cases. */
int record_read(record_input *input, const slot_db *db);

/* Copy what was given into `record`: the named fields, or everything. */
void record_assign(const record_input *input, void *record);

void record_release(record_input *input);

/* slot_append of one record, and slot_insert. */
typedef slot_status (*record_add_fn)(slot_txn *txn, const void *record, uint64_t *recno,
                                     slot_error *err);

/* All of append and insert: store the record that the arguments describe and print its number.
 * Returns the exit code. */
int record_add(int argc, char **argv, record_add_fn add);

#endif
