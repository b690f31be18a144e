#include "format/meta.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/checksum.h"
#include "base/status.h"
#include "format/frame.h"

#define META_VERSION 1u

/* Offsets within a slot: the table in meta.h. */
enum {
    AT_MAGIC = 0,
    AT_VERSION = 8,
    AT_SLOT_BYTES = 12,
    AT_FEATURES = 16,
    AT_FILE_ID = 24,
    AT_GENERATION = 40,
    AT_RECORD_SIZE = 48,
    AT_ACCESS = 52,
    AT_RECORDS = 56,
    AT_DELETED = 64,
    AT_CHECKPOINT_LSN = 72,
    AT_CHECKPOINT_CHAIN = 80,
    AT_DELETED_BLOCKS = 88,
    AT_SCHEMA_HASH = 96,
    AT_SCHEMA_BYTES = 104,
    AT_DATA_OFFSET = 112,
    AT_ATTACHED = 120,
    AT_SUMS_STALE = 124,
    AT_SUMS_ROOT = 128,
    AT_RESERVED = 136,
    AT_CHECKSUM = 4088
};
_Static_assert(AT_GENERATION == AT_FILE_ID + META_FILE_ID_BYTES, "the id fills its place");
_Static_assert(AT_RESERVED == AT_SUMS_ROOT + 8, "no byte is left out");
_Static_assert(AT_CHECKSUM + 8 == META_SLOT_BYTES, "the checksum ends the slot");

static const char magic[8] = {'S', 'L', 'O', 'T', 'M', 'E', 'T', 'A'};

uint32_t slot__meta_block_records(uint32_t record_size)
{
    assert(record_size > 0);
    return record_size > 4096 ? 1 : 4096 / record_size;
}

void slot__meta_encode(const struct meta *meta, uint8_t *slot)
{
    memset(slot, 0, META_SLOT_BYTES);
    memcpy(slot + AT_MAGIC, magic, sizeof magic);
    put_u32(slot + AT_VERSION, META_VERSION);
    put_u32(slot + AT_SLOT_BYTES, META_SLOT_BYTES);
    put_u64(slot + AT_FEATURES, meta->features);
    memcpy(slot + AT_FILE_ID, meta->file_id, META_FILE_ID_BYTES);
    put_u64(slot + AT_GENERATION, meta->generation);
    put_u32(slot + AT_RECORD_SIZE, meta->record_size);
    put_u32(slot + AT_ACCESS, meta->access);
    put_u64(slot + AT_RECORDS, meta->records);
    put_u64(slot + AT_DELETED, meta->deleted);
    put_u64(slot + AT_CHECKPOINT_LSN, meta->checkpoint_lsn);
    put_u64(slot + AT_CHECKPOINT_CHAIN, meta->checkpoint_chain);
    put_u64(slot + AT_DELETED_BLOCKS, meta->deleted_blocks);
    put_u64(slot + AT_SCHEMA_HASH, meta->schema_hash);
    put_u64(slot + AT_SCHEMA_BYTES, meta->schema_bytes);
    put_u64(slot + AT_DATA_OFFSET, meta->data_offset);
    put_u32(slot + AT_ATTACHED, meta->attached ? 1 : 0);
    put_u32(slot + AT_SUMS_STALE, meta->sums_stale ? 1 : 0);
    put_u64(slot + AT_SUMS_ROOT, meta->sums_root);
    put_u64(slot + AT_CHECKSUM, slot__checksum(slot, AT_CHECKSUM, 0));
}

/* Whether the slot is one of ours, of this version, and as it was written. */
static slot_status check_frame(const uint8_t *slot, uint64_t base, slot_error *err)
{
    if (memcmp(slot + AT_MAGIC, magic, sizeof magic) != 0)
        return slot__error_set(err, SLOT_E_NOT_SLOTFILE, "meta", base + AT_MAGIC,
                               "not a Slotfile database: the slot does not begin with SLOTMETA");
    if (get_u32(slot + AT_VERSION) != META_VERSION)
        return slot__error_set(err, SLOT_E_VERSION, "meta", base + AT_VERSION,
                               "format version %u, this program knows %u: use a newer program",
                               get_u32(slot + AT_VERSION), META_VERSION);
    if (get_u32(slot + AT_SLOT_BYTES) != META_SLOT_BYTES)
        return slot__error_set(err, SLOT_E_CORRUPT, "meta", base + AT_SLOT_BYTES,
                               "slot size %u instead of %u", get_u32(slot + AT_SLOT_BYTES),
                               META_SLOT_BYTES);
    if (get_u64(slot + AT_CHECKSUM) != slot__checksum(slot, AT_CHECKSUM, 0))
        return slot__error_set(err, SLOT_E_CORRUPT, "meta", base + AT_CHECKSUM,
                               "the slot's checksum does not fit its bytes");
    return SLOT_OK;
}

static bool all_zero(const uint8_t *bytes, size_t n)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0;
}

/* What does not depend on other fields. */
static slot_status check_fields(const uint8_t *slot, uint32_t index, slot_error *err)
{
    static const struct {
        uint32_t at;
        uint32_t max;
        const char *name;
    } small[] = {
        {AT_ACCESS, META_ACCESS_TRANSACTIONAL, "access"},
        {AT_ATTACHED, 1, "attached"},
        {AT_SUMS_STALE, 1, "sums_stale"},
    };
    uint64_t base = (uint64_t)index * META_SLOT_BYTES;
    uint32_t record_size = get_u32(slot + AT_RECORD_SIZE);

    if (get_u64(slot + AT_FEATURES) != 0)
        return slot__error_set(err, SLOT_E_VERSION, "meta", base + AT_FEATURES,
                               "feature bits %#llx are not known: use a newer program",
                               (unsigned long long)get_u64(slot + AT_FEATURES));
    if (all_zero(slot + AT_FILE_ID, META_FILE_ID_BYTES))
        return slot__error_set(err, SLOT_E_CORRUPT, "meta", base + AT_FILE_ID,
                               "the file id is zero");
    if (get_u64(slot + AT_GENERATION) < META_GENERATION_MIN ||
        get_u64(slot + AT_GENERATION) % META_SLOTS != index)
        return slot__error_set(err, SLOT_E_CORRUPT, "meta", base + AT_GENERATION,
                               "generation %llu cannot be in slot %u",
                               (unsigned long long)get_u64(slot + AT_GENERATION), index);
    if (record_size == 0 || record_size > SLOT_RECORD_SIZE_MAX)
        return slot__error_set(err, SLOT_E_CORRUPT, "meta", base + AT_RECORD_SIZE,
                               "record size %u is not within 1 and %u", record_size,
                               SLOT_RECORD_SIZE_MAX);
    for (size_t i = 0; i < sizeof small / sizeof small[0]; i++) {
        if (get_u32(slot + small[i].at) > small[i].max)
            return slot__error_set(err, SLOT_E_CORRUPT, "meta", base + small[i].at,
                                   "%s is %u, more than %u", small[i].name,
                                   get_u32(slot + small[i].at), small[i].max);
    }
    if (!all_zero(slot + AT_RESERVED, AT_CHECKSUM - AT_RESERVED))
        return slot__error_set(err, SLOT_E_CORRUPT, "meta", base + AT_RESERVED,
                               "reserved bytes are not zero");
    return SLOT_OK;
}

/* Counts and sizes: that no product of them can overflow, and that they fit each other. */
static slot_status check_counts(const uint8_t *slot, uint64_t base, slot_error *err)
{
    uint64_t records = get_u64(slot + AT_RECORDS);
    uint64_t deleted = get_u64(slot + AT_DELETED);

    if (records > SLOT_RECORDS_MAX)
        return slot__error_set(err, SLOT_E_CORRUPT, "meta", base + AT_RECORDS,
                               "%llu records are more than the format allows",
                               (unsigned long long)records);
    if (deleted > records)
        return slot__error_set(err, SLOT_E_CORRUPT, "meta", base + AT_DELETED,
                               "%llu of %llu records are deleted", (unsigned long long)deleted,
                               (unsigned long long)records);
    if (get_u64(slot + AT_DELETED_BLOCKS) > records / 32768 + 1)
        return slot__error_set(err, SLOT_E_CORRUPT, "meta", base + AT_DELETED_BLOCKS,
                               "%llu blocks of deletion marks are too many for %llu records",
                               (unsigned long long)get_u64(slot + AT_DELETED_BLOCKS),
                               (unsigned long long)records);
    if (get_u64(slot + AT_CHECKPOINT_LSN) > LSN_MAX ||
        get_u64(slot + AT_CHECKPOINT_LSN) % FRAME_UNIT != 0)
        return slot__error_set(err, SLOT_E_CORRUPT, "meta", base + AT_CHECKPOINT_LSN,
                               "%llu is not a position in any log",
                               (unsigned long long)get_u64(slot + AT_CHECKPOINT_LSN));
    if (get_u64(slot + AT_SCHEMA_BYTES) > META_SCHEMA_BYTES_MAX)
        return slot__error_set(err, SLOT_E_CORRUPT, "meta", base + AT_SCHEMA_BYTES,
                               "a schema of %llu bytes is larger than any",
                               (unsigned long long)get_u64(slot + AT_SCHEMA_BYTES));
    if (get_u64(slot + AT_DATA_OFFSET) > INT64_MAX / 2)
        return slot__error_set(err, SLOT_E_CORRUPT, "meta", base + AT_DATA_OFFSET,
                               "data offset %llu is beyond any file",
                               (unsigned long long)get_u64(slot + AT_DATA_OFFSET));
    return SLOT_OK;
}

static void read_fields(const uint8_t *slot, struct meta *meta)
{
    meta->features = get_u64(slot + AT_FEATURES);
    memcpy(meta->file_id, slot + AT_FILE_ID, META_FILE_ID_BYTES);
    meta->generation = get_u64(slot + AT_GENERATION);
    meta->record_size = get_u32(slot + AT_RECORD_SIZE);
    meta->access = get_u32(slot + AT_ACCESS);
    meta->records = get_u64(slot + AT_RECORDS);
    meta->deleted = get_u64(slot + AT_DELETED);
    meta->checkpoint_lsn = get_u64(slot + AT_CHECKPOINT_LSN);
    meta->checkpoint_chain = get_u64(slot + AT_CHECKPOINT_CHAIN);
    meta->deleted_blocks = get_u64(slot + AT_DELETED_BLOCKS);
    meta->schema_hash = get_u64(slot + AT_SCHEMA_HASH);
    meta->schema_bytes = get_u64(slot + AT_SCHEMA_BYTES);
    meta->data_offset = get_u64(slot + AT_DATA_OFFSET);
    meta->attached = get_u32(slot + AT_ATTACHED) != 0;
    meta->sums_stale = get_u32(slot + AT_SUMS_STALE) != 0;
    meta->sums_root = get_u64(slot + AT_SUMS_ROOT);
}

slot_status slot__meta_decode(const uint8_t *slot, uint32_t index, struct meta *meta,
                              slot_error *err)
{
    uint64_t base = (uint64_t)index * META_SLOT_BYTES;
    slot_status status = check_frame(slot, base, err);

    if (status == SLOT_OK)
        status = check_fields(slot, index, err);
    if (status == SLOT_OK)
        status = check_counts(slot, base, err);
    if (status != SLOT_OK)
        return status;
    read_fields(slot, meta);
    return SLOT_OK;
}

/* Whether a newer program has written the slot, and not a fault: its checksum fits. */
static bool is_newer(const uint8_t *slot, slot_status status)
{
    return status == SLOT_E_VERSION &&
           get_u64(slot + AT_CHECKSUM) == slot__checksum(slot, AT_CHECKSUM, 0);
}

slot_status slot__meta_pick(const uint8_t *slots, struct meta *meta, struct meta_doubt *doubt,
                            slot_error *err)
{
    struct meta found[META_SLOTS];
    slot_error errors[META_SLOTS];
    bool valid[META_SLOTS];
    uint32_t best, other;

    for (uint32_t i = 0; i < META_SLOTS; i++) {
        const uint8_t *slot = slots + i * META_SLOT_BYTES;
        slot_status status = slot__meta_decode(slot, i, &found[i], &errors[i]);

        valid[i] = status == SLOT_OK;
        if (is_newer(slot, status)) {
            if (err != NULL)
                *err = errors[i];
            return status;
        }
    }
    if (!valid[0] && !valid[1]) {
        /* One that is nearly right tells more than one that seems to be something else. */
        const slot_error *why =
            &errors[errors[1].status == SLOT_E_CORRUPT && errors[0].status != SLOT_E_CORRUPT];

        if (err != NULL)
            *err = *why;
        return why->status;
    }
    if (valid[0] && valid[1] &&
        (memcmp(found[0].file_id, found[1].file_id, META_FILE_ID_BYTES) != 0 ||
         found[0].record_size != found[1].record_size ||
         found[0].schema_hash != found[1].schema_hash))
        return slot__error_set(err, SLOT_E_CORRUPT, "meta", AT_FILE_ID,
                               "the two slots belong to different databases: restore a backup");
    best = valid[0] && (!valid[1] || found[0].generation > found[1].generation) ? 0 : 1;
    other = 1 - best;
    *meta = found[best];
    doubt->slot = valid[other] ? META_SLOTS : other;
    if (!valid[other]) {
        doubt->offset = errors[other].offset;
        read_fields(slots + other * META_SLOT_BYTES, &doubt->said);
    }
    return SLOT_OK;
}
