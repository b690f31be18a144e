/*
 * Two hundred databases are open at once in a program that may have 1,024 descriptors: of each at
 * most five are taken while everything is durable and no transaction is open, also when records
 * were deleted and when the log has many segments.
 */
#include <dirent.h>
#include <sys/resource.h>

#include "faults.h"

#define DATABASES   200
#define MOST        5
#define RECORD_SIZE 100

static int wrong;

static int descriptors(void)
{
    DIR *names = opendir("/proc/self/fd");
    int n = -1; /* the one that looks */

    if (names == NULL)
        exit(FAULT_SKIPPED);
    for (struct dirent *name; (name = readdir(names)) != NULL;)
        n += name->d_name[0] != '.';
    closedir(names);
    return n;
}

static void check(const char *when, int before, int databases)
{
    int n = descriptors() - before;

    if (n > MOST * databases) {
        printf("%s: %d descriptors for %d databases\n", when, n, databases);
        wrong = 1;
    }
}

/* Append, delete, read: every file of a database is used. */
static void use(slot_db *db, uint64_t records)
{
    slot_error error = {0};
    char record[RECORD_SIZE] = "x";
    slot_txn *txn;

    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    for (uint64_t i = 0; i < records; i++)
        MUST(slot_append(txn, record, 1, NULL, &error));
    MUST(slot_delete(txn, slot_records(txn) / 2, &error));
    MUST(slot_commit(txn, &error));
    MUST(slot_begin(db, SLOT_READ, &txn, &error));
    MUST(slot_get(txn, 0, record, &error));
    if (slot_get(txn, slot_records(txn) / 2, record, &error) != SLOT_DELETED)
        wrong = 1;
    slot_end(txn);
}

static void many_segments(const char *path, const slot_options *options)
{
    slot_error error = {0};
    slot_options small = *options;
    int before = descriptors();
    slot_db *db, *other;
    slot_txn *txn;

    small.log_limit_bytes = 4 << 20; /* sixteen segments */
    small.checkpoint_bytes = 4 << 20;
    fault_create(path, RECORD_SIZE);
    MUST(slot_open(path, &small, &db, &error));
    MUST(slot_open(path, &small, &other, &error));
    for (int i = 0; i < 100; i++)
        use(db, 200);
    MUST(slot_begin(other, SLOT_READ, &txn, &error));
    for (uint64_t i = 0; i < slot_records(txn); i += 10) {
        char record[RECORD_SIZE];
        slot_status status = slot_get(txn, i, record, &error);

        if (status != SLOT_OK && status != SLOT_DELETED)
            wrong = 1;
    }
    slot_end(txn);
    check("with many segments", before, 2);
    MUST(slot_checkpoint(other, &error));
    use(other, 10);
    use(db, 10);
    check("after a checkpoint", before, 2);
    MUST(slot_close(other, &error));
    MUST(slot_close(db, &error));
    if (descriptors() != before) {
        puts("descriptors are left");
        wrong = 1;
    }
    MUST(slot_destroy(path, NULL, &error));
}

int main(int argc, char **argv)
{
    struct rlimit limit = {1024, 1024};
    slot_error error = {0};
    slot_options options;
    slot_db *db[DATABASES];
    char path[4096];
    int before;

    if (argc < 2 || setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return FAULT_SETUP;
    slot_options_init(&options);
    many_segments(argv[1], &options);
    before = descriptors();
    for (int i = 0; i < DATABASES; i++) {
        snprintf(path, sizeof path, "%s-%d", argv[1], i);
        fault_create(path, RECORD_SIZE);
        if (slot_open(path, &options, &db[i], &error) != SLOT_OK) {
            printf("database %d: %s: %s\n", i, error.file, error.what);
            return FAULT_WRONG;
        }
        use(db[i], 10);
    }
    check("all open", before, DATABASES);
    for (int i = 0; i < DATABASES; i++) {
        use(db[i], 10);
        MUST(slot_verify(db[i], NULL, NULL, &error));
        MUST(slot_close(db[i], &error));
        snprintf(path, sizeof path, "%s-%d", argv[1], i);
        MUST(slot_destroy(path, NULL, &error));
    }
    return wrong ? FAULT_WRONG : FAULT_RIGHT;
}
