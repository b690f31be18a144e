/*
 * What calls answer, in words: a mode that there is not, the end of a scan whose next record
 * exists, a writer that waits for another handle of its own process. And answers that are no
 * failures are not put together by printf: with a slot_error, a look for a record that is not there
 * cost thirty times what it costs without.
 *
 * Right: the statuses and sentences below, and no call of vsnprintf for an answer.
 */
#include <dlfcn.h>
#include <stdarg.h>
#include <string.h>

#include "faults.h"

#define RECORDS 10u

static int printed, wrong;

/* In the place of the C library's, also for the library. */
int vsnprintf(char *text, size_t n, const char *format, va_list args)
{
    static int (*real)(char *, size_t, const char *, va_list);

    printed++;
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "vsnprintf");
    return real(text, n, format, args);
}

static void expect(const char *call, slot_status got, slot_status wanted, const slot_error *error,
                   const char *word, bool there)
{
    if (got == wanted && (strstr(error->what, word) != NULL) == there)
        return;
    fprintf(stderr, "%s: %d (%s), expected %d %s \"%s\"\n", call, (int)got, error->what,
            (int)wanted, there ? "with" : "without", word);
    wrong++;
}

static void check_mode(slot_db *db)
{
    slot_error error = {0};
    slot_txn *txn = NULL;
    slot_status status = slot_begin(db, (slot_mode)7, &txn, &error);

    expect("slot_begin, mode 7", status, SLOT_E_ARG, &error, "7", true);
    slot_end(txn);
}

static void check_ends(slot_txn *txn)
{
    const slot_scan_options options = {.end = UINT64_MAX, .stride = 3, .backward = true};
    slot_error error = {0};
    slot_cursor cursor;
    slot_run run;
    slot_status status = slot_scan(txn, 5, 5, &run, &error);

    expect("slot_scan, no record between", status, SLOT_NOT_FOUND, &error, "there is no record",
           false);
    status = slot_scan(txn, RECORDS, UINT64_MAX, &run, &error);
    expect("slot_scan, behind the last", status, SLOT_NOT_FOUND, &error,
           "there is no record 10: the database has 10", true);
    MUST(slot_cursor_init(&cursor, txn, &options, &error));
    do
        status = slot_cursor_next(&cursor, &run, &error);
    while (status == SLOT_OK);
    expect("the end of a cursor", status, SLOT_NOT_FOUND, &error, "there is no record", false);
}

static void check_answers(slot_txn *txn)
{
    slot_error error = {0};
    char record[64];
    int before = printed;
    slot_status status = slot_get(txn, UINT64_MAX, record, &error);

    expect("slot_get, beyond the end", status, SLOT_NOT_FOUND, &error,
           "there is no record 18446744073709551615: the database has 10", true);
    status = slot_get(txn, 3, record, &error);
    expect("slot_get, deleted", status, SLOT_DELETED, &error, "record 3 was deleted", true);
    if (printed == before)
        return;
    fprintf(stderr, "answers were put together by printf\n");
    wrong++;
}

/* Two handles of one process: no other process has anything to do with it. */
static void check_busy(const char *path, slot_db *db)
{
    slot_error error = {0};
    slot_options options;
    slot_db *second;
    slot_txn *first, *txn;
    slot_status status;

    slot_options_init(&options);
    options.wait_ms = 1;
    MUST(slot_open(path, &options, &second, &error));
    MUST(slot_begin(db, SLOT_WRITE, &first, &error));
    status = slot_begin(second, SLOT_WRITE, &txn, &error);
    expect("slot_begin beside another handle", status, SLOT_E_BUSY, &error, "handle", true);
    slot_abort(first);
    MUST(slot_close(second, &error));
}

int main(int argc, char **argv)
{
    static const char record[64] = "a record";
    slot_error error = {0};
    slot_db *db;
    slot_txn *txn;

    if (argc < 2)
        return FAULT_SETUP;
    fault_create(argv[1], sizeof record);
    MUST(slot_open(argv[1], NULL, &db, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    for (unsigned i = 0; i < RECORDS; i++)
        MUST(slot_append(txn, record, 1, NULL, &error));
    MUST(slot_delete(txn, 3, &error));
    MUST(slot_commit(txn, &error));
    check_mode(db);
    MUST(slot_begin(db, SLOT_READ, &txn, &error));
    check_ends(txn);
    check_answers(txn);
    slot_end(txn);
    check_busy(argv[1], db);
    MUST(slot_close(db, &error));
    return wrong == 0 ? FAULT_RIGHT : FAULT_WRONG;
}
