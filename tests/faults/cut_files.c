/*
 * Another program cuts `records`, `sums` or `deleted` while the database is open. The program
 * appends, extends or makes a checkpoint, all of which make the files longer.
 *
 * Right: some call up to the close says SLOT_E_TRUNCATED, and the file is not longer than what the
 * cut has left, so that the next to open it, or verify, sees the loss. (Everything was SLOT_OK, the
 * file was grown over the gap, and the lost records were zeros for good.)
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"

#define RECORD_BYTES 100
#define RECORDS      1000 /* whole blocks */
#define MANY         30000

static char records[MANY * RECORD_BYTES];

enum change { APPEND, APPEND_MANY, EXTEND, CHECKPOINT, CHANGES };

static const char *const changes[] = {"append", "append many", "extend", "checkpoint"};

/* The first failure, or SLOT_OK. */
struct story {
    const char *path, *file;
    slot_access access;
    enum change change;
    off_t left; /* of the file */
    slot_status first;
};

static void note(struct story *story, slot_status status)
{
    if (story->first == SLOT_OK)
        story->first = status;
}

static off_t size_of(const struct story *story)
{
    char name[4096];
    struct stat is;

    snprintf(name, sizeof name, "%s/%s", story->path, story->file);
    return stat(name, &is) == 0 ? is.st_size : 0;
}

static void cut(struct story *story)
{
    char name[4096];

    snprintf(name, sizeof name, "%s/%s", story->path, story->file);
    story->left = strcmp(story->file, "records") == 0 ? 8192 : 64;
    if (truncate(name, story->left) != 0)
        exit(FAULT_SETUP);
}

static slot_status write_some(slot_txn *txn, enum change change, slot_error *error)
{
    if (change == APPEND)
        return slot_append(txn, records, 1, NULL, error);
    if (change == APPEND_MANY)
        return slot_append(txn, records, MANY, NULL, error);
    return slot_extend(txn, MANY, NULL, error);
}

/* What was committed before the cut goes home after it. */
static void cut_before_checkpoint(struct story *story, slot_db *db)
{
    slot_error error;
    slot_txn *txn;

    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    MUST(slot_put(txn, RECORDS - 1, records, &error));
    MUST(slot_delete(txn, RECORDS - 2, &error));
    MUST(slot_append(txn, records, 70, NULL, &error));
    MUST(slot_commit(txn, &error));
    cut(story);
    note(story, slot_checkpoint(db, &error));
}

static void cut_before_change(struct story *story, slot_db *db)
{
    slot_error error;
    slot_txn *txn;

    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    cut(story);
    note(story, write_some(txn, story->change, &error));
    note(story, slot_commit(txn, &error));
}

/* How the database opens afterwards, or what verify says. */
static slot_status open_again(const char *path)
{
    slot_error error;
    slot_db *db;
    slot_status status = slot_open(path, NULL, &db, &error);

    if (status != SLOT_OK)
        return status;
    status = slot_verify(db, NULL, NULL, &error);
    MUST(slot_close(db, &error));
    return status;
}

static void make(const char *path)
{
    slot_error error;
    slot_db *db;
    slot_txn *txn;

    fault_create(path, RECORD_BYTES);
    MUST(slot_open(path, NULL, &db, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    MUST(slot_append(txn, records, RECORDS, NULL, &error));
    MUST(slot_delete(txn, 3, &error));
    MUST(slot_commit(txn, &error));
    MUST(slot_close(db, &error));
}

static int try(struct story *story)
{
    slot_options options;
    slot_status again;
    slot_error error;
    slot_db *db;
    bool right;

    make(story->path);
    slot_options_init(&options);
    options.access = story->access;
    MUST(slot_open(story->path, &options, &db, &error));
    if (story->change == CHECKPOINT)
        cut_before_checkpoint(story, db);
    else
        cut_before_change(story, db);
    note(story, slot_close(db, &error));
    right = story->first == SLOT_E_TRUNCATED && size_of(story) <= story->left;
    again = open_again(story->path);
    right = right && again != SLOT_OK;
    if (!right)
        printf("access %d, %s, %s cut: status %d, %lld bytes after %lld, opened again %d\n",
               (int)story->access, changes[story->change], story->file, (int)story->first,
               (long long)size_of(story), (long long)story->left, (int)again);
    return right ? FAULT_RIGHT : FAULT_WRONG;
}

int main(int argc, char **argv)
{
    static const char *const files[] = {"records", "sums", "deleted"};
    int worst = FAULT_RIGHT;
    char path[4096];

    if (argc < 2)
        return FAULT_SETUP;
    memset(records, 'r', sizeof records);
    for (int i = 0; i < 2 * 3 * CHANGES; i++) {
        struct story story = {.path = path, .file = files[i / 2 % 3]};
        int result;

        story.access = i % 2 == 0 ? SLOT_TRANSACTIONAL : SLOT_DIRECT;
        story.change = (enum change)(i / 2 / 3);
        /* Marks go home with a checkpoint only, and direct access makes none. */
        if ((story.access == SLOT_DIRECT || story.change != CHECKPOINT) &&
            (story.change == CHECKPOINT || strcmp(story.file, "deleted") == 0))
            continue;
        snprintf(path, sizeof path, "%s.%d", argv[1], i);
        result = try(&story);
        worst = result > worst ? result : worst;
    }
    return worst;
}
