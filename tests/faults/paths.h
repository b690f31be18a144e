/*
 * What paths.c, chdir.c and rename.c share: children that commit and are killed.
 */
#ifndef TESTS_FAULTS_PATHS_H
#define TESTS_FAULTS_PATHS_H

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

enum { COMMITS = 5 };

/* One durable commit; what goes wrong is its status. */
static inline slot_status add_record(slot_db *db)
{
    slot_txn *txn = NULL;
    slot_status status = slot_begin(db, SLOT_WRITE, &txn, NULL);

    if (status != SLOT_OK)
        return status;
    status = slot_append(txn, "a record", 1, NULL, NULL);
    if (status == SLOT_OK)
        return slot_commit(txn, NULL);
    slot_abort(txn);
    return status;
}

static inline void add_records(slot_db *db)
{
    slot_error error = {0};

    for (int i = 0; i < COMMITS; i++)
        MUST(add_record(db));
}

/* The records of a database that is opened, which recovers it. */
static inline unsigned long long records_of(const char *path)
{
    slot_error error = {0};
    unsigned long long records;
    slot_txn *txn = NULL;
    slot_db *db = NULL;

    MUST(slot_open(path, NULL, &db, &error));
    MUST(slot_begin(db, SLOT_READ, &txn, &error));
    records = (unsigned long long)slot_records(txn);
    slot_end(txn);
    MUST(slot_close(db, &error));
    return records;
}

/* Run `work` in a child, which is killed or ends with a status. */
static inline int in_child(void (*work)(void))
{
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        work();
        kill(getpid(), SIGKILL);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

#endif
