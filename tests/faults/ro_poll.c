/*
 * A process polls the database with read-only opens while another one opens, writes and closes. Who
 * asks to read has a lock for a moment; the last close found it taken, left the log, and said OK.
 *
 * Right: a close that says OK has brought everything home: the log is empty.
 */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

#define ROUNDS 60

static void poll_for_ever(const char *path)
{
    slot_error error = {0};
    slot_options options;
    slot_db *db;

    slot_options_init(&options);
    options.access = SLOT_READ_ONLY;
    options.wait_ms = 0;
    for (;;) {
        if (slot_open(path, &options, &db, &error) == SLOT_OK)
            (void)slot_close(db, &error);
    }
}

/* Whether meta says that it was closed cleanly: `access` of its newest slot is 0. */
static int is_clean(const char *path)
{
    unsigned char slots[8192];
    unsigned long long generation[2];
    char name[4096];
    FILE *file;
    size_t n;

    snprintf(name, sizeof name, "%s/meta", path);
    file = fopen(name, "rb");
    n = file == NULL ? 0 : fread(slots, 1, sizeof slots, file);
    if (file != NULL)
        fclose(file);
    if (n != sizeof slots)
        exit(FAULT_SETUP);
    for (int i = 0; i < 2; i++)
        memcpy(&generation[i], slots + 4096 * i + 40, sizeof generation[i]);
    return slots[(generation[1] > generation[0] ? 4096 : 0) + 52] == 0;
}

static slot_status write_and_close(const char *path)
{
    slot_error error = {0};
    char record[128] = {1};
    slot_db *db;
    slot_txn *txn;

    MUST(slot_open(path, NULL, &db, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    MUST(slot_append(txn, record, 1, NULL, &error));
    MUST(slot_commit(txn, &error));
    return slot_close(db, &error);
}

int main(int argc, char **argv)
{
    int left = 0, busy = 0;
    pid_t child;

    if (argc < 2)
        return FAULT_SETUP;
    fault_create(argv[1], 128);
    child = fork();
    if (child == 0)
        poll_for_ever(argv[1]);
    if (child < 0)
        return FAULT_SETUP;
    for (int i = 0; i < ROUNDS; i++) {
        slot_status status = write_and_close(argv[1]);

        busy += status == SLOT_E_BUSY;
        left += status == SLOT_OK && !is_clean(argv[1]);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    printf("%d of %d closes said OK and left the log, %d said busy\n", left, ROUNDS, busy);
    return left > 0 || busy == ROUNDS ? FAULT_WRONG : FAULT_RIGHT;
}
