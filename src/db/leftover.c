/*
 * What a creation leaves behind that was killed: NAME.tmp- and 16 hexadecimal digits, a directory
 * that was never a database. The next creation of that name removes it.
 *
 * One that is still at work looks the same, so nobody asks: the directory is given another name
 * first. A creator whose directory is gone from its name can publish nothing, and begins anew;
 * whatever it still makes lies in a directory that was given up. So no order of steps makes half a
 * database.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "db/files.h"
#include "db/leftover.h"

#define HEX_DIGITS 16u

static bool is_hex(const char *text)
{
    size_t n = strspn(text, "0123456789abcdef");

    return n == HEX_DIGITS && text[n] == '\0';
}

slot_status slot__leftover_name(const struct os *os, const char *name, char **temporary,
                                slot_error *err)
{
    size_t n = strlen(name) + sizeof TEMPORARY_MARK + HEX_DIGITS;
    unsigned long long number = 0;
    os_result result = os->random(os, &number, sizeof number);
    char *made;

    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, "", SLOT_NO_OFFSET,
                              "the system gives no random numbers");
    made = malloc(n);
    if (made == NULL)
        return slot__error_set(err, SLOT_E_NO_MEMORY, "", SLOT_NO_OFFSET, NULL);
    snprintf(made, n, "%s" TEMPORARY_MARK "%016llx", name, number);
    *temporary = made;
    return SLOT_OK;
}

/* ---- what may be removed ---- */

/* The size of a file, 0 when there is none, UINT64_MAX when nobody can tell. */
static uint64_t size_of(const struct os *os, struct os_dir *dir, const char *name)
{
    struct os_file *file = NULL;
    uint64_t size = 0;
    os_result result = os->open(os, dir, name, OS_READ, &file);

    if (result.status == SLOT_E_NO_FILE)
        return 0;
    if (!os_ok(result))
        return UINT64_MAX;
    if (!os_ok(os->size(os, file, &size)))
        size = UINT64_MAX;
    os->close(os, file);
    return size;
}

/* Whether a creation makes a file of that name. */
static bool note_name(void *context, const char *name)
{
    static const char *const made[] = {FILE_LOCK, FILE_RECORDS, FILE_SUMS, FILE_SCHEMA, FILE_META};
    bool *strange = context;
    size_t i = 0;

    while (i < sizeof made / sizeof made[0] && strcmp(name, made[i]) != 0)
        i++;
    *strange = i == sizeof made / sizeof made[0];
    return !*strange;
}

/* Whether nothing is in the directory that a creation has not put there: somebody may have given
 * such a name to a database. */
static bool is_leftover(const struct os *os, struct os_dir *dir)
{
    bool strange = false;

    return os_ok(os->list(os, dir, note_name, &strange)) && !strange &&
           size_of(os, dir, FILE_RECORDS) == 0 && size_of(os, dir, FILE_SUMS) == 0;
}

/* ---- removing ---- */

struct search {
    const char *name; /* of the database */
    char *found[LEFTOVERS_MAX];
    size_t count;
};

static bool take_name(void *context, const char *name)
{
    struct search *search = context;
    size_t n = strlen(search->name), mark = strlen(TEMPORARY_MARK);
    char *copy;

    if (strncmp(name, search->name, n) != 0 || strncmp(name + n, TEMPORARY_MARK, mark) != 0 ||
        !is_hex(name + n + mark))
        return true;
    copy = malloc(strlen(name) + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, name, strlen(name) + 1);
    search->found[search->count++] = copy;
    return search->count < LEFTOVERS_MAX;
}

/* Open a directory of that name if it is a leftover. */
static struct os_dir *open_leftover(const struct os *os, struct os_dir *parent, const char *name)
{
    struct os_dir *dir = NULL;

    if (!os_ok(os->open_dir(os, parent, name, &dir)))
        return NULL;
    if (is_leftover(os, dir))
        return dir;
    os->close_dir(os, dir);
    return NULL;
}

static void remove_one(const struct os *os, struct os_dir *parent, const char *name,
                       const char *found)
{
    struct os_dir *dir = open_leftover(os, parent, found);
    char *given_up = NULL;

    if (dir == NULL)
        return;
    os->close_dir(os, dir); /* some systems rename no directory that is open */
    if (slot__leftover_name(os, name, &given_up, NULL) != SLOT_OK)
        return;
    dir = NULL;
    if (os_ok(os->rename_new(os, parent, found, given_up)))
        dir = open_leftover(os, parent, given_up);
    for (size_t i = 0; dir != NULL && slot__db_file_names[i] != NULL; i++)
        (void)os->remove_file(os, dir, slot__db_file_names[i]);
    if (dir != NULL) {
        os->close_dir(os, dir);
        (void)os->remove_dir(os, parent, given_up);
    }
    free(given_up);
}

void slot__leftover_remove(const struct os *os, struct os_dir *parent, const char *name)
{
    struct search search = {.name = name};

    (void)os->list(os, parent, take_name, &search);
    for (size_t i = 0; i < search.count; i++) {
        remove_one(os, parent, name, search.found[i]);
        free(search.found[i]);
    }
}
