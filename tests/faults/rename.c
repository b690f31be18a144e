/*
 * An open database is renamed, and a new one is put in its place. Right: what the handle commits is
 * in the database that it has opened, and survives a kill.
 */
#include "paths.h"

static void rename_and_commit(void)
{
    slot_error error = {0};
    slot_db *db = NULL;

    MUST(slot_open("db", NULL, &db, &error));
    if (rename("db", "old") != 0)
        _exit(FAULT_SETUP);
    fault_create("db", 8);
    add_records(db);
}

int main(void)
{
    unsigned long long old, new;
    int failed;

    fault_create("db", 8);
    failed = in_child(rename_and_commit);
    old = records_of("old");
    new = records_of("db");
    printf("%llu of %d records in the old one, %llu in the new one; %d\n", old, COMMITS, new,
           failed);
    return failed == 0 && old == COMMITS && new == 0 ? FAULT_RIGHT : FAULT_WRONG;
}
