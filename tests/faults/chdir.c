/*
 * A database is opened by a relative path, and then the process changes its working directory to
 * where another database has that name. Right: the handle works on the one that it has opened.
 */
#include "paths.h"

static void enter(const char *directory)
{
    if (chdir(directory) != 0)
        _exit(FAULT_SETUP);
}

static slot_db *open_in_a(void)
{
    slot_error error = {0};
    slot_db *db = NULL;

    enter("A");
    MUST(slot_open("db", NULL, &db, &error));
    enter("../B");
    return db;
}

static void commit_and_die(void)
{
    add_records(open_in_a());
}

static void commit_to_b_and_die(void)
{
    slot_error error = {0};
    slot_db *db = NULL;

    MUST(slot_open("B/db", NULL, &db, &error));
    add_records(db);
}

/* The handle of A has written; its last close removes the segments of its log. */
static void write_and_close(void)
{
    slot_error error = {0};
    slot_db *db = open_in_a();

    MUST(add_record(db));
    MUST(slot_close(db, &error));
}

int main(void)
{
    unsigned long long a, b;
    int failed;

    if (mkdir("A", 0700) != 0 || mkdir("B", 0700) != 0)
        return FAULT_SETUP;
    fault_create("A/db", 8);
    fault_create("B/db", 8);
    failed = in_child(commit_and_die);
    a = records_of("A/db");
    failed |= in_child(commit_to_b_and_die);
    failed |= in_child(write_and_close);
    b = records_of("B/db");
    printf("A: %llu of %d records, and then %llu; B: %llu of %d; %d\n", a, COMMITS,
           records_of("A/db"), b, COMMITS, failed);
    return failed == 0 && a == COMMITS && b == COMMITS && records_of("A/db") == COMMITS + 1
               ? FAULT_RIGHT
               : FAULT_WRONG;
}
