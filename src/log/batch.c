#include "log/batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/status.h"

void slot__batch_init(struct log_batch *batch, const struct log_head *head)
{
    memset(batch, 0, sizeof *batch);
    batch->before = *head;
}

void slot__batch_release(struct log_batch *batch)
{
    free(batch->entries);
    free(batch->table);
    batch->entries = NULL;
    batch->table = NULL;
    batch->n = batch->capacity = batch->table_size = 0;
}

/* ---- entries, and the table over them ---- */

static uint32_t *place_of(const struct log_batch *batch, uint64_t key)
{
    uint32_t mask = batch->table_size - 1;
    uint32_t i = (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & mask;

    while (batch->table[i] != 0 && batch->entries[batch->table[i] - 1].key != key)
        i = (i + 1) & mask;
    return &batch->table[i];
}

const struct log_entry *slot__batch_find(const struct log_batch *batch, uint64_t key)
{
    uint32_t number = batch->n == 0 ? 0 : *place_of(batch, key);

    return number == 0 ? NULL : &batch->entries[number - 1];
}

/* Room for one more entry; the table is never more than half full. */
static slot_status grow(struct log_batch *batch, slot_error *err)
{
    uint32_t capacity = batch->capacity == 0 ? 4 : batch->capacity * 2;
    struct log_entry *entries;
    uint32_t *table;

    if (batch->n < batch->capacity)
        return SLOT_OK;
    entries = realloc(batch->entries, capacity * sizeof *entries);
    if (entries != NULL)
        batch->entries = entries;
    table = calloc((size_t)capacity * 2, sizeof *table);
    if (entries == NULL || table == NULL) {
        free(table);
        return slot__error_set(err, SLOT_E_NO_MEMORY, "log", SLOT_NO_OFFSET, NULL);
    }
    free(batch->table);
    batch->table = table;
    batch->table_size = capacity * 2;
    batch->capacity = capacity;
    for (uint32_t i = 0; i < batch->n; i++)
        *place_of(batch, batch->entries[i].key) = i + 1;
    return SLOT_OK;
}

/* The entry of a block that is there. */
static struct log_entry *entry_of(struct log_batch *batch, uint64_t key)
{
    uint32_t number = *place_of(batch, key);

    assert(number != 0);
    return &batch->entries[number - 1];
}

void slot__batch_keep(struct log_batch *batch, uint64_t key, uint8_t *body)
{
    entry_of(batch, key)->body = body;
}

void slot__batch_lend(struct log_batch *batch, uint64_t key)
{
    entry_of(batch, key)->lent = true;
}

void slot__batch_end_bodies(struct log_batch *batch)
{
    for (uint32_t i = 0; i < batch->n; i++)
        batch->entries[i].body = NULL;
}

slot_status slot__batch_note(struct log_batch *batch, const struct log_entry *entry,
                             slot_error *err)
{
    slot_status status = grow(batch, err);
    uint32_t *place;

    if (status != SLOT_OK)
        return status;
    place = place_of(batch, entry->key);
    if (*place != 0) {
        batch->entries[*place - 1] = *entry;
        return SLOT_OK;
    }
    batch->entries[batch->n++] = *entry;
    *place = batch->n;
    return SLOT_OK;
}

/* ---- reserving ---- */

static slot_status random_generation(struct log *log, uint32_t *generation, slot_error *err)
{
    os_result result;

    do
        result = log->os->random(log->os, generation, sizeof *generation);
    while (os_ok(result) && *generation == 0);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, "log", SLOT_NO_OFFSET,
                              "the system gives no random numbers");
    return SLOT_OK;
}

/* Whether another segment may be begun. */
static slot_status check_limit(struct log *log, uint32_t limit_segments, slot_error *err)
{
    uint32_t used = 0;

    for (uint32_t i = 0; i < LOG_SEGMENTS; i++)
        used += shared_segment(log->shared, i) != SHARED_FREE;
    if (used >= limit_segments || used == LOG_SEGMENTS)
        return slot__error_set(err, SLOT_E_LOG_FULL, "log", SLOT_NO_OFFSET,
                               "all %u segments of the log are in use", used);
    return SLOT_OK;
}

/* Free segment file `i` open, with space for n bytes of frames. */
static slot_status make_ready(struct log *log, uint32_t i, uint64_t n, bool *existed,
                              slot_error *err)
{
    slot_error own;
    slot_status status = slot__log_open_segment(log, i, &own);

    *existed = status != SLOT_E_NO_FILE;
    if (status == SLOT_E_NO_FILE) /* only then: others may have it open */
        status = slot__log_create_segment(log, i, err);
    else
        status = error_hand_on(err, &own, status);
    if (status == SLOT_OK)
        status = slot__log_give_space(log, i, SEGMENT_HEADER_BYTES + n, err);
    return status;
}

/*
 * A free segment file with space for n bytes of frames: the one of the lowest number. On a full
 * disk another that is there may have the space, but one that is not there has none.
 */
static slot_status find_free(struct log *log, uint64_t n, uint32_t limit_segments, uint32_t *file,
                             slot_error *err)
{
    slot_status status = check_limit(log, limit_segments, err);
    bool existed = true;

    if (status != SLOT_OK)
        return status;
    status = SLOT_E_NO_SPACE;
    for (uint32_t i = 0; i < LOG_SEGMENTS && existed && status == SLOT_E_NO_SPACE; i++) {
        if (shared_segment(log->shared, i) != SHARED_FREE)
            continue;
        /* Loads of `segment` above come before all stores into what is reused. */
        atomic_thread_fence(memory_order_release);
        status = make_ready(log, i, n, &existed, err);
        *file = i;
    }
    return status;
}

/* Begin a segment where the head is: in a file that was used before, or in a new one. */
static slot_status begin_segment(struct log *log, struct log_head *head, struct log_batch *batch,
                                 uint64_t n, uint32_t limit_segments, slot_error *err)
{
    struct log_begun begun = {LOG_SEGMENTS, 0, head->reserved};
    slot_status status = random_generation(log, &begun.generation, err);
    uint32_t words;

    if (status == SLOT_OK)
        status = find_free(log, n, limit_segments, &begun.file, err);
    if (status == SLOT_OK)
        status = slot__log_name_segment(log, begun.file, err);
    if (status == SLOT_OK)
        status = slot__log_wake(log, begun.file, err);
    if (status != SLOT_OK)
        return status;
    words = slot__index_words_for(log, log->space[begun.file]);
    status = slot__index_clear(log, begun.file, words, err);
    if (status != SLOT_OK)
        return status;
    shared_set_segment_words(log->shared, begun.file, begun.start, words);
    /* The one before, when a sync has answered for all that it holds. */
    if (head->file < LOG_SEGMENTS && head->file != begun.file && head->reserved == head->lsn &&
        atomic_load_explicit(&log->synced[head->file], memory_order_relaxed) >= head->lsn)
        slot__log_rest(log, head->file, slot__log_wakes(log, head->file));
    batch->begun[batch->begun_n++] = begun;
    head->file = begun.file;
    head->start = begun.start;
    head->generation = begun.generation;
    head->reserved = begun.start + SEGMENT_HEADER_BYTES;
    return SLOT_OK;
}

/* The segment that was begun last holds nothing yet, and never will: as if it had not been. */
static void undo_begin(struct log *log, struct log_head *head, struct log_batch *batch,
                       const struct log_head *before)
{
    shared_set_segment(log->shared, batch->begun[--batch->begun_n].file, SHARED_FREE);
    *head = *before;
}

/*
 * Before the first frame of a transaction: space for eight blocks, here and in the next segment
 * when this one ends before. On a full disk that cannot be had further on, and what makes space
 * again, a transaction that deletes, has to get through; slot__commit_make_room has the segment
 * begun again then. Only a lack of space is told, of which nothing else depends.
 */
static slot_status give_reserve(struct log *log, const struct log_head *head, uint32_t n,
                                uint32_t limit_segments, slot_error *err)
{
    uint64_t at = head->reserved - head->start;
    uint64_t reserve = max_u64(n, slot__log_reserve_bytes(log));
    slot_status status = SLOT_OK;
    uint32_t next;

    if (head->file < LOG_SEGMENTS) {
        status =
            slot__log_give_space(log, head->file, min_u64(at + reserve, log->segment_bytes), err);
        if (status == SLOT_OK && reserve > log->segment_bytes - at)
            status = find_free(log, reserve, limit_segments, &next, err);
    }
    return status == SLOT_E_NO_SPACE ? status : SLOT_OK;
}

/* Space for n bytes at the head, in one segment. When it fails, the head is where it was. */
static slot_status reserve_bytes(struct log *log, struct log_head *head, struct log_batch *batch,
                                 uint32_t n, uint32_t limit_segments, slot_error *err)
{
    bool fits = head->file < LOG_SEGMENTS &&
                n <= log->segment_bytes - min_u64(head->reserved - head->start, log->segment_bytes);
    const struct log_head before = *head;
    slot_status status = SLOT_OK;

    assert(head->reserved < LSN_MAX);
    if (batch->n == 0)
        status = give_reserve(log, head, n, limit_segments, err);
    if (status == SLOT_OK && !fits)
        status = begin_segment(log, head, batch, max_u64(n, slot__log_reserve_bytes(log)),
                               limit_segments, err);
    if (status != SLOT_OK)
        return status;
    status = slot__log_give_space(log, head->file, head->reserved - head->start + n, err);
    if (status == SLOT_OK)
        status = slot__log_populate(log, head->file, head->reserved - head->start,
                                    head->reserved - head->start + n, err);
    if (status != SLOT_OK && !fits)
        undo_begin(log, head, batch, &before);
    return status;
}

static uint64_t head_address(const struct log *log, const struct log_head *head, uint64_t lsn)
{
    return (uint64_t)head->file << log->segment_shift | (lsn - head->start);
}

slot_status slot__batch_reserve(struct log *log, struct log_head *head, struct log_batch *batch,
                                uint64_t key, uint64_t previous, uint32_t limit_segments,
                                uint64_t *address, slot_error *err)
{
    uint32_t length = slot__frame_length(slot__log_body_bytes(log, key));
    struct log_entry entry = {.key = key, .previous = previous};
    slot_status status = grow(batch, err);

    if (status == SLOT_OK)
        status = reserve_bytes(log, head, batch, length, limit_segments, err);
    if (status != SLOT_OK)
        return status;
    entry.lsn = head->reserved;
    entry.address = head_address(log, head, entry.lsn);
    head->reserved += length;
    *address = entry.address;
    return slot__batch_note(batch, &entry, err);
}

/* ---- sealing ---- */

/* A position in the log while headers are written, and the view it is in. */
struct sealing {
    struct log *log;
    const struct log_commit *commit;
    struct view *view;
    uint64_t chain;
    uint64_t durable;
    uint32_t generation;
    uint32_t next_begun;
};

static void let_go(struct sealing *sealing)
{
    if (sealing->view != NULL)
        slot__view_unpin(sealing->log->cache, sealing->view);
    sealing->view = NULL;
}

/* The n bytes at an address in a writable view, which is pinned until the next call. */
static slot_status reach(struct sealing *sealing, uint64_t address, uint64_t n, uint8_t **bytes,
                         slot_error *err)
{
    struct log *log = sealing->log;
    struct view_file *file = &log->open_frames[log_file_of(log, address)];
    uint64_t offset = log_offset_of(log, address);
    struct view *view = sealing->view;
    slot_status status = SLOT_OK;

    if (view == NULL || view->file != file || offset < view->offset ||
        offset + n > view->offset + view->n) {
        let_go(sealing);
        status = slot__view_acquire(log->cache, file, offset, offset + n, VIEW_SINGLE,
                                    &sealing->view, err);
    }
    if (status == SLOT_OK)
        *bytes = sealing->view->base + (offset - sealing->view->offset);
    return status;
}

static slot_status lost(uint64_t offset, uint32_t file, os_result result, slot_error *err)
{
    return slot__error_os(err, result.status, result.code, slot__log_name(file), offset,
                          "the log cannot be written: was it truncated, or is the disk failing?");
}

/* Store n bytes at an address and mark all of `marked` bytes from there for the flush. Without a
 * view, as others may have lent all of the budget, through the file: its sync covers that, too. */
static slot_status store(struct sealing *sealing, uint64_t address, const uint8_t *from, uint32_t n,
                         uint32_t marked, slot_error *err)
{
    struct log *log = sealing->log;
    uint64_t offset = log_offset_of(log, address);
    uint8_t *bytes = NULL;
    slot_status status = reach(sealing, address, n, &bytes, err);
    os_result result;

    if (log_may_do_without(status))
        result = log->os->write_at(log->os, log->files[log_file_of(log, address)], offset, from, n);
    else if (status == SLOT_OK)
        result = log->os->store(log->os, bytes, from, n);
    else
        return status;
    if (!os_ok(result))
        return lost(offset, log_file_of(log, address), result, err);
    if (status == SLOT_OK)
        slot__view_mark_range(log->cache, sealing->view, offset, marked);
    return SLOT_OK;
}

/* The body of the frame at an address. */
static slot_status load(struct sealing *sealing, uint64_t address, uint8_t *to, uint32_t n,
                        slot_error *err)
{
    struct log *log = sealing->log;
    uint64_t offset = log_offset_of(log, address) + FRAME_HEADER_BYTES;
    uint8_t *bytes = NULL;
    slot_status status = reach(sealing, address, FRAME_HEADER_BYTES + (uint64_t)n, &bytes, err);
    os_result result;

    if (log_may_do_without(status))
        result = log->os->read_at(log->os, log->files[log_file_of(log, address)], offset, to, n);
    else if (status == SLOT_OK)
        result = log->os->load(log->os, to, bytes + FRAME_HEADER_BYTES, n);
    else
        return status;
    return os_ok(result) ? SLOT_OK : lost(offset, log_file_of(log, address), result, err);
}

/* The header of a segment that this transaction has begun; its frames are next. */
static slot_status seal_segment(struct sealing *sealing, const struct log_begun *begun,
                                slot_error *err)
{
    struct log *log = sealing->log;
    struct segment_header header = {.start = begun->start,
                                    .chain = sealing->chain,
                                    .generation = begun->generation,
                                    .record_size = log->record_size,
                                    .segment_bytes = log->segment_bytes};
    uint8_t bytes[SEGMENT_HEADER_BYTES];

    memcpy(header.file_id, log->file_id, sizeof header.file_id);
    slot__segment_header_encode(&header, bytes);
    sealing->generation = begun->generation;
    return store(sealing, (uint64_t)begun->file << log->segment_shift, bytes, sizeof bytes,
                 sizeof bytes, err);
}

/*
 * The body of an entry as it is summed, in *body, and in its frame. What is in private memory is
 * the transaction's own, and the frame gets it. What was lent is taken as it is at this moment,
 * looked at, and stored, where it was not yet, or through a view that nobody flushes.
 */
static slot_status seal_body(struct sealing *sealing, const struct log_entry *entry, uint32_t n,
                             uint8_t *scratch, const uint8_t **body, slot_error *err)
{
    const struct log_commit *commit = sealing->commit;
    slot_status status = SLOT_OK;

    *body = entry->body != NULL && !entry->lent ? entry->body : scratch;
    if (entry->body == NULL)
        status = load(sealing, entry->address, scratch, n, err);
    else if (entry->lent)
        memcpy(scratch, entry->body, n);
    if (status == SLOT_OK && entry->lent && commit->settle != NULL)
        status = commit->settle(commit->context, entry->key, scratch, err);
    if (status == SLOT_OK && (entry->body != NULL || entry->lent))
        status = store(sealing, entry->address + FRAME_HEADER_BYTES, *body, n, n, err);
    return status;
}

/*
 * All bodies are summed, and no commit header says yes to them. Those that were read back out of
 * their frames are what was stored there if no write of these segments has failed until now: a
 * system may put what the disk has in the place of what it could not write.
 */
static slot_status check_read_back(const struct sealing *sealing, const struct log_batch *batch,
                                   slot_error *err)
{
    const struct log_commit *commit = sealing->commit;
    uint32_t first = log_file_of(sealing->log, batch->entries[0].address);
    slot_status status = SLOT_OK;

    if (!batch->in_frames || commit->intact == NULL)
        return SLOT_OK;
    if (batch->begun_n == 0 || batch->begun[0].file != first)
        status = commit->intact(commit->context, first, err);
    for (uint32_t i = 0; i < batch->begun_n && status == SLOT_OK; i++)
        status = commit->intact(commit->context, batch->begun[i].file, err);
    return status;
}

/* One frame: its header, for the n bytes of its body in `body`. */
static slot_status seal_frame(struct sealing *sealing, struct frame *frame, uint64_t address,
                              const uint8_t *body, uint32_t n, slot_error *err)
{
    uint8_t header[FRAME_HEADER_BYTES];

    frame->generation = sealing->generation;
    frame->durable = sealing->durable;
    slot__frame_encode(frame, header);
    frame->chain = slot__frame_chain(sealing->chain, header, body, n);
    slot__frame_encode(frame, header);
    sealing->chain = frame->chain;
    return store(sealing, address, header, sizeof header, FRAME_HEADER_BYTES + n, err);
}

/* Entry i of the batch; the last one is the commit. */
static slot_status seal_entry(struct sealing *sealing, const struct log_batch *batch, uint32_t i,
                              uint32_t last_length, uint8_t *scratch, slot_error *err)
{
    const struct log_entry *entry = &batch->entries[i];
    const struct log_commit *commit = sealing->commit;
    uint32_t n = slot__log_body_bytes(sealing->log, entry->key);
    const uint8_t *body = NULL;
    bool last = i + 1 == batch->n;
    struct frame frame = {.lsn = entry->lsn,
                          .previous = entry->previous,
                          .key = entry->key,
                          .flags = last ? FRAME_BODY | FRAME_COMMIT : FRAME_BODY,
                          .length = last ? last_length : slot__frame_length(n)};
    slot_status status = SLOT_OK;

    if (last) {
        frame.records = commit->records;
        frame.deleted = commit->deleted;
        frame.direct_blocks = commit->direct_blocks;
    }
    if (sealing->next_begun < batch->begun_n &&
        entry->lsn > batch->begun[sealing->next_begun].start)
        status = seal_segment(sealing, &batch->begun[sealing->next_begun++], err);
    if (status == SLOT_OK)
        status = seal_body(sealing, entry, n, scratch, &body, err);
    if (status == SLOT_OK && last)
        status = check_read_back(sealing, batch, err);
    if (status == SLOT_OK)
        status = seal_frame(sealing, &frame, entry->address, body, n, err);
    return status;
}

/* A transaction that has changed no block still has a commit frame: it names the counts. */
static slot_status seal_empty(struct sealing *sealing, const struct log_head *head,
                              const struct log_batch *batch, const struct log_commit *commit,
                              uint64_t lsn, uint32_t length, slot_error *err)
{
    struct frame frame = {.lsn = lsn,
                          .flags = FRAME_COMMIT,
                          .length = length,
                          .records = commit->records,
                          .deleted = commit->deleted,
                          .direct_blocks = commit->direct_blocks};
    slot_status status = SLOT_OK;

    if (batch->begun_n > 0)
        status = seal_segment(sealing, &batch->begun[0], err);
    if (status == SLOT_OK)
        status = seal_frame(sealing, &frame, head_address(sealing->log, head, lsn), NULL, 0, err);
    return status;
}

slot_status slot__batch_seal(struct log *log, struct log_head *head, struct log_batch *batch,
                             const struct log_commit *commit, uint32_t limit_segments,
                             uint8_t *scratch, slot_error *err)
{
    struct sealing sealing = {.log = log,
                              .commit = commit,
                              .chain = head->chain,
                              .durable = shared_durable(log->shared),
                              .generation = batch->before.generation};
    slot_status status = SLOT_OK;
    uint64_t last;
    uint32_t body = 0, length;

    if (batch->n == 0) {
        status = reserve_bytes(log, head, batch, FRAME_HEADER_BYTES, limit_segments, err);
        last = head->reserved;
    } else {
        last = batch->entries[batch->n - 1].lsn;
        body = slot__log_body_bytes(log, batch->entries[batch->n - 1].key);
    }
    assert(status != SLOT_OK || last >= head->start); /* the head is where the last frame is */
    length = slot__frame_commit_length(last - head->start, body);
    if (status == SLOT_OK && batch->n == 0)
        status = seal_empty(&sealing, head, batch, commit, last, length, err);
    for (uint32_t i = 0; i < batch->n && status == SLOT_OK; i++)
        status = seal_entry(&sealing, batch, i, length, scratch, err);
    let_go(&sealing);
    if (status != SLOT_OK)
        return status;
    head->lsn = head->reserved = last + length;
    head->chain = sealing.chain;
    return SLOT_OK;
}

/* ---- afterwards ---- */

slot_status slot__batch_publish(struct log *log, const struct log_batch *batch, slot_error *err)
{
    slot_status status = SLOT_OK;

    for (uint32_t i = 0; i < batch->n && status == SLOT_OK; i++) {
        const struct log_entry *entry = &batch->entries[i];

        status = slot__index_insert(log, log_file_of(log, entry->address), entry->key,
                                    log_offset_of(log, entry->address), err);
    }
    return status;
}

void slot__batch_forget(struct log *log, struct log_head *head, struct log_batch *batch)
{
    for (uint32_t i = 0; i < batch->begun_n; i++)
        shared_set_segment(log->shared, batch->begun[i].file, SHARED_FREE);
    batch->begun_n = 0;
    *head = batch->before;
}
