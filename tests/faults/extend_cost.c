/*
 * slot_extend costs the same whatever the number of records, says the header: the new ones are a
 * hole. But the checkpoint that brought them home read the checksum of each of their blocks, a hole
 * of zeros, to add it up: 19 seconds for 10,000,000,000 records.
 *
 * Right: extending by 10,000 times as many records takes not one system call more for each hundred.
 */
#include <dlfcn.h>
#include <unistd.h>

#include "faults.h"

#define RECORD_SIZE 125u

static unsigned long calls;

/* By both names: one of them is what the library was compiled to call. */
#define COUNTED(name, offset)                                                                      \
    ssize_t name(int file, void *to, size_t n, offset at)                                          \
    {                                                                                              \
        static ssize_t (*real)(int, void *, size_t, offset);                                       \
                                                                                                   \
        calls++;                                                                                   \
        if (real == NULL)                                                                          \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                                             \
        return real(file, to, n, at);                                                              \
    }
COUNTED(pread, off_t)
COUNTED(pread64, off64_t)

#define SOUGHT(name, offset)                                                                       \
    offset name(int file, offset at, int whence)                                                   \
    {                                                                                              \
        static offset (*real)(int, offset, int);                                                   \
                                                                                                   \
        calls++;                                                                                   \
        if (real == NULL)                                                                          \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                                             \
        return real(file, at, whence);                                                             \
    }
SOUGHT(lseek, off_t)
SOUGHT(lseek64, off64_t)

/* Calls to extend a new database, change the last record and close it; and it is right. */
static unsigned long count(const char *root, uint64_t records, int *bad)
{
    static const uint8_t last[RECORD_SIZE] = {1};
    slot_error error = {0};
    char path[4096];
    uint8_t found[RECORD_SIZE];
    unsigned long before;
    slot_db *db;
    slot_txn *txn;

    snprintf(path, sizeof path, "%s-%llu", root, (unsigned long long)records);
    fault_create(path, RECORD_SIZE);
    MUST(slot_open(path, NULL, &db, &error));
    before = calls;
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    MUST(slot_extend(txn, records, NULL, &error));
    MUST(slot_put(txn, records - 1, last, &error));
    MUST(slot_commit(txn, &error));
    MUST(slot_close(db, &error));
    before = calls - before;
    MUST(slot_open(path, NULL, &db, &error));
    MUST(slot_begin(db, SLOT_READ, &txn, &error));
    MUST(slot_get(txn, records - 1, found, &error));
    *bad += found[0] != 1 || slot_records(txn) != records;
    slot_end(txn);
    MUST(slot_close(db, &error));
    return before;
}

int main(int argc, char **argv)
{
    unsigned long few, many;
    int bad = 0;

    if (argc < 2)
        return FAULT_SETUP;
    few = count(argv[1], 100000, &bad);
    many = count(argv[1], 1000000000, &bad);
    printf("%lu calls for 100,000 records, %lu for 1,000,000,000\n", few, many);
    return bad == 0 && many <= few + few / 100 + 8 ? FAULT_RIGHT : FAULT_WRONG;
}
