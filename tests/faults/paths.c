/*
 * The directory of an open database is moved away, and one whose process was killed is put in its
 * place, log and all. Right: the handle that is still open, its first write and its last close
 * remove nothing there. Also when the files themselves are replaced in the directory that it has
 * open, it removes no log that is not its own.
 */
#include "paths.h"

static void commit_and_die(void)
{
    slot_error error = {0};
    slot_db *db = NULL;

    MUST(slot_open("other", NULL, &db, &error));
    add_records(db);
}

static void move(const char *from, const char *to)
{
    if (rename(from, to) != 0)
        exit(FAULT_SETUP);
}

static slot_db *open_mine(void)
{
    slot_error error = {0};
    slot_db *db = NULL;

    fault_create("mine", 8);
    fault_create("other", 8);
    if (in_child(commit_and_die) != 0)
        exit(FAULT_SETUP);
    MUST(slot_open("mine", NULL, &db, &error));
    return db;
}

static unsigned long long directory_replaced(void)
{
    slot_db *db = open_mine();

    move("mine", "away");
    move("other", "mine");
    (void)add_record(db);
    (void)slot_close(db, NULL);
    return records_of("mine");
}

/* As one who restores a backup into the directory of a database that is in use. */
static unsigned long long files_replaced(void)
{
    slot_db *db = open_mine();

    if (system("cp -R mine kept && rm -rf mine/* && cp -R other/. mine") != 0)
        exit(FAULT_SETUP);
    (void)add_record(db);
    (void)slot_close(db, NULL);
    return records_of("mine");
}

int main(void)
{
    unsigned long long first, second;

    first = directory_replaced();
    if (system("rm -rf mine other away") != 0)
        return FAULT_SETUP;
    second = files_replaced();
    printf("%llu and %llu of %d records are left\n", first, second, COMMITS);
    return first == COMMITS && second == COMMITS ? FAULT_RIGHT : FAULT_WRONG;
}
