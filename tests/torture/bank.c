#include "torture/bank.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char name[64] = "parent";

void bank_name(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
}

_Noreturn void bank_fail(const char *format, ...)
{
    char text[600];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "FAILED: %s: %s\n", name, text);
    /* Other threads of this process may be anywhere: nothing of them is waited for. */
    _Exit(1);
}

_Noreturn void bank_fail_status(const char *call, slot_status status, const slot_error *err)
{
    bool told = err->status == status;

    bank_fail("%s: %d (%s); file \"%s\", offset %lld, system code %d: %s", call, (int)status,
              slot_status_text(status), told ? err->file : "", told ? (long long)err->offset : -1,
              told ? err->os_code : 0, told ? err->what : "");
}

uint64_t bank_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint64_t bank_below(uint64_t *state, uint64_t n)
{
    return bank_random(state) % n;
}

static uint64_t filling_start(const struct bank_record *record)
{
    uint64_t state = record->recno;

    state = bank_random(&state) ^ (uint64_t)record->balance;
    state = bank_random(&state) ^ record->writer << 56 ^ record->number;
    return state;
}

void bank_record_make(struct bank_record *record, uint64_t recno, int64_t balance, uint64_t writer,
                      uint64_t number)
{
    uint64_t state;

    record->recno = recno;
    record->balance = balance;
    record->writer = writer;
    record->number = number;
    state = filling_start(record);
    for (int i = 0; i < BANK_WORDS - 4; i++)
        record->filling[i] = bank_random(&state);
}

bool bank_record_read(struct bank_record *record, const void *bytes, uint64_t recno)
{
    uint64_t state, wrong;

    memcpy(record, bytes, sizeof *record);
    wrong = record->recno ^ recno;
    wrong |= record->writer >= BOARD_WRITERS;
    state = filling_start(record);
    for (int i = 0; i < BANK_WORDS - 4; i++)
        wrong |= record->filling[i] ^ bank_random(&state);
    return wrong == 0;
}

static void append_all(slot_txn *txn)
{
    struct bank_record record;
    slot_error err;
    slot_status status;

    for (uint64_t recno = 0; recno < BOARD_WRITERS + BANK_ACCOUNTS; recno++) {
        bool account = recno >= BOARD_WRITERS;

        bank_record_make(&record, recno, account ? BANK_SUM / BANK_ACCOUNTS : 0,
                         account ? 0 : recno, 0);
        status = slot_append(txn, &record, 1, NULL, &err);
        if (status != SLOT_OK)
            bank_fail_status("slot_append", status, &err);
    }
}

void bank_create(const char *path, const slot_options *options)
{
    slot_schema *schema = NULL;
    slot_db *db = NULL;
    slot_txn *txn = NULL;
    slot_error err;
    slot_status status = slot_schema_sized(BANK_RECORD_SIZE, &schema, &err);

    if (status == SLOT_OK)
        status = slot_create(path, schema, options, &err);
    slot_schema_free(schema);
    if (status == SLOT_OK)
        status = slot_open(path, options, &db, &err);
    if (status == SLOT_OK)
        status = slot_begin(db, SLOT_WRITE, &txn, &err);
    if (status != SLOT_OK)
        bank_fail_status("making the bank", status, &err);
    append_all(txn);
    status = slot_commit(txn, &err);
    if (status != SLOT_OK)
        bank_fail_status("slot_commit", status, &err);
    status = slot_close(db, &err);
    if (status != SLOT_OK)
        bank_fail_status("slot_close", status, &err);
}

/* The records of the writers, which all others are held against. */
static void look_at_writers(slot_txn *txn, struct bank_view *view)
{
    struct bank_record record;
    slot_error err;

    for (uint64_t w = 0; w < BOARD_WRITERS; w++) {
        char bytes[BANK_RECORD_SIZE];
        slot_status status = slot_get(txn, w, bytes, &err);

        if (status != SLOT_OK)
            bank_fail_status("slot_get of a writer's record", status, &err);
        if (!bank_record_read(&record, bytes, w) || record.writer != w || record.balance != 0)
            bank_fail("record %u, the writer's own, is not whole", (unsigned)w);
        view->number[w] = record.number;
    }
}

static bool is_zero(const uint64_t *words)
{
    uint64_t any = 0;

    for (int i = 0; i < BANK_WORDS; i++)
        any |= words[i];
    return any == 0;
}

/* One record of a scan; returns its balance. */
static int64_t look_at(const uint8_t *bytes, uint64_t recno, struct bank_view *view)
{
    uint64_t words[BANK_WORDS];
    struct bank_record record;

    memcpy(words, bytes, sizeof words);
    for (int i = 0; i < BANK_WORDS; i++)
        view->hash = (view->hash ^ words[i]) * UINT64_C(0x100000001b3) + 1;
    if (is_zero(words))
        return 0; /* deleted: slot_count tells whether that is right */
    if (!bank_record_read(&record, words, recno))
        bank_fail("record %llu is torn (it says %llu, transaction %llu of writer %llu)",
                  (unsigned long long)recno, (unsigned long long)record.recno,
                  (unsigned long long)record.number, (unsigned long long)record.writer);
    if (record.number > view->number[record.writer])
        bank_fail("record %llu is of transaction %llu of writer %llu, whose own record says %llu",
                  (unsigned long long)recno, (unsigned long long)record.number,
                  (unsigned long long)record.writer,
                  (unsigned long long)view->number[record.writer]);
    view->live++;
    return record.balance;
}

bool bank_look(slot_txn *txn, struct bank_view *view)
{
    uint64_t records = slot_records(txn);
    uint64_t recno = 0;
    int64_t sum = 0;
    slot_run run;
    slot_error err;
    slot_status status;

    memset(view, 0, sizeof *view);
    look_at_writers(txn, view);
    while ((status = slot_scan(txn, recno, UINT64_MAX, &run, &err)) == SLOT_OK) {
        if (run.first != recno || run.count == 0 || run.count > records - recno)
            bank_fail("slot_scan at %llu of %llu gave %llu records from %llu",
                      (unsigned long long)recno, (unsigned long long)records,
                      (unsigned long long)run.count, (unsigned long long)run.first);
        for (uint64_t i = 0; i < run.count; i++)
            sum += look_at((const uint8_t *)run.records + i * BANK_RECORD_SIZE, recno + i, view);
        recno += run.count;
    }
    if (status == SLOT_E_BUDGET)
        return false;
    if (status != SLOT_NOT_FOUND)
        bank_fail_status("slot_scan", status, &err);
    if (recno != records)
        bank_fail("slot_scan ended at %llu of %llu", (unsigned long long)recno,
                  (unsigned long long)records);
    if (sum != BANK_SUM)
        bank_fail("the balances are %lld, not %lld", (long long)sum, (long long)BANK_SUM);
    if (view->live != slot_count(txn))
        bank_fail("%llu records are there, slot_count says %llu", (unsigned long long)view->live,
                  (unsigned long long)slot_count(txn));
    return true;
}
