#include "torture/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/fixture.h"

#define N LEDGER_RECORD_SIZE

/* What transaction `ledger->transactions` does to the state that the ledger is in. */
struct plan {
    uint64_t put[6];
    unsigned puts;
    uint64_t append;  /* records */
    uint64_t deletes; /* LEDGER_DELETED: nothing */
    uint64_t inserts; /* where the inserted one comes to lie; LEDGER_DELETED: nothing */
};

void ledger_init(struct ledger *ledger)
{
    memset(ledger, 0, sizeof *ledger);
}

void ledger_release(struct ledger *ledger)
{
    free(ledger->version);
    ledger_init(ledger);
}

static uint64_t lowest_deleted(const struct ledger *ledger, uint64_t also)
{
    for (uint64_t recno = 0; recno < ledger->records; recno++) {
        if (recno == also || ledger->version[recno] == LEDGER_DELETED)
            return recno;
    }
    return ledger->records;
}

static void plan_make(const struct ledger *ledger, struct plan *plan)
{
    uint64_t n = ledger->transactions;
    uint64_t random = n;

    memset(plan, 0, sizeof *plan);
    plan->deletes = plan->inserts = LEDGER_DELETED;
    if (n == 0) {
        plan->append = LEDGER_BASE;
        return;
    }
    plan->puts = 1; /* record 0 */
    while (plan->puts < 6) {
        uint64_t recno = random_next(&random) % ledger->records;

        if (ledger->version[recno] != LEDGER_DELETED)
            plan->put[plan->puts++] = recno;
    }
    if (n % 16 == 0)
        plan->deletes = plan->put[5] == 0 ? LEDGER_DELETED : plan->put[5];
    plan->append = n % 200 == 0 ? 500 : n % 8 == 0 ? 10 : 0;
    if (n % 24 == 0) {
        plan->inserts = lowest_deleted(ledger, plan->deletes);
        if (plan->inserts == ledger->records)
            plan->inserts += plan->append;
    }
}

static void set(struct ledger *ledger, uint64_t recno, uint64_t version)
{
    if (recno >= ledger->room) {
        ledger->room = recno * 2 + 4096;
        ledger->version = realloc(ledger->version, (size_t)ledger->room * sizeof *ledger->version);
        if (ledger->version == NULL)
            abort();
    }
    if (recno >= ledger->records)
        ledger->records = recno + 1;
    ledger->version[recno] = version;
}

static void advance(struct ledger *ledger)
{
    uint64_t n = ledger->transactions;
    struct plan plan;

    plan_make(ledger, &plan);
    for (unsigned i = 0; i < plan.puts; i++)
        set(ledger, plan.put[i], n);
    for (uint64_t i = 0; i < plan.append; i++)
        set(ledger, ledger->records, n);
    if (plan.deletes != LEDGER_DELETED)
        set(ledger, plan.deletes, LEDGER_DELETED);
    if (plan.inserts != LEDGER_DELETED)
        set(ledger, plan.inserts, n);
    ledger->transactions++;
}

/* Record 0 begins with the number of the last transaction. */
static void record_make(char *record, uint64_t recno, uint64_t version)
{
    record_fill(record, N, recno, version);
    if (recno == 0)
        memcpy(record, &version, sizeof version);
}

static slot_status append(const struct ledger *ledger, slot_txn *txn, uint64_t count,
                          slot_error *err)
{
    slot_status status = SLOT_OK;
    char record[N];

    for (uint64_t i = 0; i < count && status == SLOT_OK; i++) {
        record_make(record, ledger->records + i, ledger->transactions);
        status = slot_append(txn, record, 1, NULL, err);
    }
    return status;
}

static slot_status insert(const struct ledger *ledger, slot_txn *txn, uint64_t where,
                          slot_error *err)
{
    slot_status status;
    uint64_t recno = 0;
    char record[N];

    record_make(record, where, ledger->transactions);
    status = slot_insert(txn, record, &recno, err);
    if (status == SLOT_OK && recno != where) {
        fprintf(stderr, "ERROR: slot_insert gave %llu, not %llu\n", (unsigned long long)recno,
                (unsigned long long)where);
        abort();
    }
    return status;
}

static slot_status change(const struct ledger *ledger, slot_txn *txn, slot_error *err)
{
    slot_status status = SLOT_OK;
    struct plan plan;
    char record[N];

    plan_make(ledger, &plan);
    for (unsigned i = 0; i < plan.puts && status == SLOT_OK; i++) {
        record_make(record, plan.put[i], ledger->transactions);
        status = slot_put(txn, plan.put[i], record, err);
    }
    if (status == SLOT_OK)
        status = append(ledger, txn, plan.append, err);
    if (status == SLOT_OK && plan.deletes != LEDGER_DELETED)
        status = slot_delete(txn, plan.deletes, err);
    if (status == SLOT_OK && plan.inserts != LEDGER_DELETED)
        status = insert(ledger, txn, plan.inserts, err);
    return status;
}

slot_status ledger_create(const char *path, const slot_options *options, slot_error *err)
{
    slot_schema *schema = NULL;
    slot_status status = slot_schema_sized(N, &schema, err);

    if (status == SLOT_OK)
        status = slot_create(path, schema, options, err);
    slot_schema_free(schema);
    return status;
}

slot_status ledger_commit(struct ledger *ledger, slot_db *db, void (*before_commit)(void *context),
                          void *context, slot_error *err)
{
    slot_txn *txn = NULL;
    slot_status status = slot_begin(db, SLOT_WRITE, &txn, err);

    if (status != SLOT_OK)
        return status;
    status = change(ledger, txn, err);
    if (status != SLOT_OK) {
        slot_abort(txn);
        return status;
    }
    if (before_commit != NULL)
        before_commit(context);
    status = slot_commit(txn, err);
    if (status == SLOT_OK)
        advance(ledger);
    return status;
}

static enum ledger_state compare_record(slot_txn *txn, uint64_t recno, uint64_t version)
{
    char record[N], want[N];
    slot_error err = {0};
    slot_status status = slot_get(txn, recno, record, &err);

    if (version == LEDGER_DELETED && status == SLOT_DELETED)
        return LEDGER_RIGHT;
    if (status == SLOT_OK && version != LEDGER_DELETED) {
        record_make(want, recno, version);
        if (memcmp(record, want, N) == 0)
            return LEDGER_RIGHT;
    }
    fprintf(stderr, "record %llu is not of transaction %lld (status %d: %s)\n",
            (unsigned long long)recno, (long long)version, (int)status,
            status < 20 ? "" : err.what);
    return status < 20 ? LEDGER_WRONG : LEDGER_FAILED;
}

/* How many transactions the database says that it holds. */
static slot_status transactions_of(slot_txn *txn, uint64_t *n)
{
    char record[N];
    slot_error err = {0};
    slot_status status = SLOT_OK;

    *n = 0;
    if (slot_records(txn) == 0)
        return SLOT_OK;
    status = slot_get(txn, 0, record, &err);
    if (status != SLOT_OK) {
        fprintf(stderr, "record 0: status %d: %s\n", (int)status, err.what);
        return status;
    }
    memcpy(n, record, sizeof *n);
    ++*n;
    return SLOT_OK;
}

static enum ledger_state compare(struct ledger *ledger, slot_txn *txn, uint64_t least,
                                 uint64_t most)
{
    uint64_t have, deleted = 0;

    if (transactions_of(txn, &have) != SLOT_OK)
        return LEDGER_FAILED;
    if (have < least || have > most) {
        fprintf(stderr, "%lld transactions are there, not %llu to %llu\n", (long long)have,
                (unsigned long long)least, (unsigned long long)most);
        return LEDGER_WRONG;
    }
    ledger_release(ledger);
    while (ledger->transactions < have)
        advance(ledger);
    for (uint64_t recno = 0; recno < ledger->records; recno++) {
        enum ledger_state state = compare_record(txn, recno, ledger->version[recno]);

        if (state != LEDGER_RIGHT)
            return state;
        deleted += ledger->version[recno] == LEDGER_DELETED;
    }
    if (slot_records(txn) == ledger->records && slot_count(txn) == ledger->records - deleted)
        return LEDGER_RIGHT;
    fprintf(stderr, "%llu records and %llu without deleted ones, not %llu and %llu\n",
            (unsigned long long)slot_records(txn), (unsigned long long)slot_count(txn),
            (unsigned long long)ledger->records, (unsigned long long)(ledger->records - deleted));
    return LEDGER_WRONG;
}

enum ledger_state ledger_compare(struct ledger *ledger, slot_db *db, uint64_t least, uint64_t most)
{
    slot_txn *txn = NULL;
    slot_error err = {0};
    slot_status status = slot_begin(db, SLOT_READ, &txn, &err);
    enum ledger_state state;

    if (status != SLOT_OK) {
        fprintf(stderr, "slot_begin: %d: %s\n", (int)status, err.what);
        return LEDGER_FAILED;
    }
    state = compare(ledger, txn, least, most);
    slot_end(txn);
    return state;
}

bool ledger_check(struct ledger *ledger, slot_db *db, uint64_t least, uint64_t most)
{
    return ledger_compare(ledger, db, least, most) == LEDGER_RIGHT;
}

static bool print_finding(void *context, const slot_finding *finding)
{
    (void)context;
    fprintf(stderr, "verify: %s, offset %lld: %s\n", finding->file, (long long)finding->offset,
            finding->what);
    return true;
}

bool ledger_verify(slot_db *db)
{
    slot_error err = {0};
    slot_status status = slot_verify(db, print_finding, NULL, &err);

    if (status != SLOT_OK)
        fprintf(stderr, "slot_verify: %d: %s\n", (int)status, err.what);
    return status == SLOT_OK;
}
