/*
 * Small things need little: a database of ten records takes at most 512 KiB while it is open, and
 * takes them on a disk of 1 MiB, with the default options. When even that is too small, the message
 * says how much is wanted. After close, `records` has its exact size and the log one segment.
 *
 * The disk needs root; without, only the first part is tried.
 */
#include <dirent.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"

#define MOST_KIB 512

static int wrong;

/* What the files of a directory and those below it take, in KiB. */
static long kib_of(const char *directory)
{
    DIR *names = opendir(directory);
    struct dirent *name;
    struct stat info;
    char path[4096];
    long kib = 0;

    while (names != NULL && (name = readdir(names)) != NULL) {
        snprintf(path, sizeof path, "%s/%s", directory, name->d_name);
        if (strcmp(name->d_name, "..") == 0 || lstat(path, &info) != 0)
            continue;
        kib += (long)info.st_blocks / 2;
        if (S_ISDIR(info.st_mode) && strcmp(name->d_name, ".") != 0)
            kib += kib_of(path);
    }
    if (names != NULL)
        closedir(names);
    return kib;
}

/* Ten records, one a commit; SLOT_OK, or what the first call said that failed. */
static slot_status ten_records(const char *path, uint32_t record_size, slot_error *error)
{
    char *record = calloc(1, record_size);
    slot_db *db = NULL;
    slot_txn *txn;
    long kib;
    slot_status status = slot_open(path, NULL, &db, error);

    for (int i = 0; i < 10 && status == SLOT_OK; i++) {
        status = slot_begin(db, SLOT_WRITE, &txn, error);
        if (status != SLOT_OK)
            break;
        status = slot_append(txn, record, 1, NULL, error);
        if (status == SLOT_OK)
            status = slot_commit(txn, error);
        else
            slot_abort(txn);
    }
    kib = kib_of(path);
    if (status == SLOT_OK && kib > MOST_KIB) {
        printf("ten records of %u bytes take %ld KiB\n", record_size, kib);
        wrong = 1;
    }
    if (db != NULL && slot_close(db, error) != SLOT_OK)
        wrong = 1;
    free(record);
    return status;
}

static void on_a_small_disk(const char *path)
{
    slot_error error = {0};
    char database[4096];

    if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 || mkdir(path, 0700) != 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", path, "tmpfs", 0, "size=1m") != 0)
        return;
    snprintf(database, sizeof database, "%s/db", path);
    fault_create(database, 125);
    if (ten_records(database, 125, &error) != SLOT_OK) {
        printf("a disk of 1 MiB: %s: %s\n", error.file, error.what);
        wrong = 1;
    }
    MUST(slot_destroy(database, NULL, &error));
    if (mount("none", path, "tmpfs", MS_REMOUNT, "size=180k") != 0)
        return;
    fault_create(database, 125);
    if (ten_records(database, 125, &error) != SLOT_E_NO_SPACE ||
        strstr(error.what, "bytes") == NULL) {
        printf("a disk of 180 KiB: %s: %s\n", error.file, error.what);
        wrong = 1;
    }
    (void)umount2(path, MNT_DETACH);
}

int main(int argc, char **argv)
{
    static const uint32_t sizes[] = {1, 8, 125, 2100, 4096};
    slot_error error = {0};
    struct stat info;
    char path[4096];

    if (argc < 2)
        return FAULT_SETUP;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        snprintf(path, sizeof path, "%s-%u", argv[1], sizes[i]);
        fault_create(path, sizes[i]);
        MUST(ten_records(path, sizes[i], &error));
        snprintf(path, sizeof path, "%s-%u/records", argv[1], sizes[i]);
        if (stat(path, &info) != 0 || info.st_size != 10 * (off_t)sizes[i]) {
            printf("%s is not %u bytes long\n", path, 10 * sizes[i]);
            wrong = 1;
        }
        snprintf(path, sizeof path, "%s-%u", argv[1], sizes[i]);
        MUST(slot_destroy(path, NULL, &error));
    }
    on_a_small_disk(argv[1]);
    return wrong ? FAULT_WRONG : FAULT_RIGHT;
}
