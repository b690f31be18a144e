/*
 * Answers that are no failures: no such record, no record left, deleted. A program that looks for
 * its records one by one gets millions of them, so their sentences are put together here and not by
 * printf, which would cost twenty times what the look costs.
 */
#include <string.h>

#include "db/handle.h"
#include "format/digits.h"

/* A sentence that is being written: the bound is that of slot_error.what. */
struct sentence {
    char *text;
    size_t n;
};

#define LONGEST_PART 48u

_Static_assert(2 * LONGEST_PART + 2 * U64_DIGITS_MAX < sizeof((slot_error *)0)->what,
               "two parts and two numbers fit");

static void say(struct sentence *sentence, const char *part)
{
    size_t n = strlen(part);

    memcpy(sentence->text + sentence->n, part, n);
    sentence->n += n;
}

static void say_number(struct sentence *sentence, uint64_t number)
{
    sentence->n += digits_write(sentence->text + sentence->n, number);
}

static struct sentence begin(slot_error *err, slot_status status, uint64_t offset)
{
    err->status = status;
    err->os_code = 0;
    err->file = FILE_RECORDS;
    err->offset = offset;
    return (struct sentence){err->what, 0};
}

static void end(const struct sentence *sentence)
{
    sentence->text[sentence->n] = '\0';
}

slot_status slot__db_not_found(const slot_txn *txn, uint64_t recno, slot_error *err)
{
    if (err != NULL) {
        struct sentence sentence = begin(err, SLOT_NOT_FOUND, SLOT_NO_OFFSET);

        say(&sentence, "there is no record ");
        say_number(&sentence, recno);
        say(&sentence, ": the database has ");
        say_number(&sentence, txn->records);
        end(&sentence);
    }
    return SLOT_NOT_FOUND;
}

slot_status slot__db_none_left(slot_error *err)
{
    if (err != NULL) {
        struct sentence sentence = begin(err, SLOT_NOT_FOUND, SLOT_NO_OFFSET);

        say(&sentence, "no record is left: the scan is at its end");
        end(&sentence);
    }
    return SLOT_NOT_FOUND;
}

slot_status slot__db_is_deleted(const slot_txn *txn, uint64_t recno, slot_error *err)
{
    if (err != NULL) {
        struct sentence sentence = begin(err, SLOT_DELETED, recno * txn->record_size);

        say(&sentence, "record ");
        say_number(&sentence, recno);
        say(&sentence, " was deleted");
        end(&sentence);
    }
    return SLOT_DELETED;
}
