/*
 * The example of README.md, as a whole program: create, append, change, read, close.
 */
#include <slotfile/slotfile.h>
#include <stdio.h>

static int explain(const slot_error *err)
{
    fprintf(stderr, "%s: %s\n", slot_status_text(err->status), err->what);
    return 1;
}

int main(int argc, char **argv)
{
    static const char spec[] = "id:u64,name:text[20],balance:decimal[2]";
    const char *path = argc > 1 ? argv[1] : "people.slots";
    slot_schema *schema = NULL;
    slot_db *db = NULL;
    slot_txn *txn = NULL;
    slot_error err;
    char record[36] = {0};

    if (slot_schema_parse(spec, sizeof spec - 1, &schema, &err) ||
        slot_create(path, schema, NULL, &err) || slot_open(path, NULL, &db, &err))
        return explain(&err);
    slot_field_parse(slot_schema_find(schema, "name", 4), "Ada", 3, record, NULL);
    if (slot_begin(db, SLOT_WRITE, &txn, &err) || slot_append(txn, record, 1, NULL, &err) ||
        slot_commit(txn, &err))
        return explain(&err);
    if (slot_begin(db, SLOT_READ, &txn, &err) || slot_get(txn, 0, record, &err))
        return explain(&err);
    slot_end(txn);
    printf("%s has %s\n", path, record + 8);
    slot_schema_free(schema);
    return slot_close(db, &err) ? explain(&err) : 0;
}
