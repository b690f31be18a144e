#include "log/scan.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/status.h"

#define AHEAD_BYTES (UINT64_C(256) << 10)

static slot_status read_error(slot_error *err, uint32_t file, uint64_t offset, os_result result)
{
    return slot__error_os(err, result.status, result.code, slot__log_name(file), offset,
                          "the log cannot be read");
}

/* ---- which segments take part ---- */

slot_status slot__log_read_header(struct log *log, uint32_t i, bool *valid,
                                  struct segment_header *header, slot_error *err)
{
    uint8_t bytes[SEGMENT_HEADER_BYTES];
    os_result result = log->os->read_at(log->os, log->files[i], 0, bytes, sizeof bytes);

    *valid = false;
    if (!os_ok(result))
        return read_error(err, i, 0, result);
    if (slot__segment_header_decode(bytes, header))
        *valid = memcmp(header->file_id, log->file_id, sizeof header->file_id) == 0 &&
                 header->record_size == log->record_size &&
                 header->segment_bytes == log->segment_bytes;
    return SLOT_OK;
}

/*
 * A segment without a valid header takes part in one way only: when its first frame looks like one,
 * its frames may tell that the log was durable beyond the damage.
 */
static slot_status guess_header(struct log *log, uint32_t i, bool *guessed,
                                struct segment_header *header, slot_error *err)
{
    uint8_t bytes[FRAME_HEADER_BYTES];
    struct frame frame;
    os_result result =
        log->os->read_at(log->os, log->files[i], SEGMENT_HEADER_BYTES, bytes, sizeof bytes);

    *guessed = false;
    if (!os_ok(result))
        return read_error(err, i, SEGMENT_HEADER_BYTES, result);
    if (slot__frame_decode(bytes, &frame) && frame.lsn >= SEGMENT_HEADER_BYTES) {
        memset(header, 0, sizeof *header);
        header->start = frame.lsn - SEGMENT_HEADER_BYTES;
        header->generation = frame.generation;
        *guessed = true;
    }
    return SLOT_OK;
}

static slot_status add_segment(struct log_scan *scan, uint32_t i, slot_error *err)
{
    struct scan_segment *segment = &scan->segment[scan->segments];
    bool valid = false;
    slot_status status = slot__log_open_segment(scan->log, i, err);

    if (status == SLOT_OK)
        status = slot__log_read_header(scan->log, i, &valid, &segment->header, err);
    segment->damaged = !valid;
    if (status == SLOT_OK && !valid)
        status = guess_header(scan->log, i, &valid, &segment->header, err);
    if (status == SLOT_OK && valid) {
        segment->file = i;
        scan->segments++;
    }
    return status;
}

slot_status slot__scan_init(struct log_scan *scan, struct log *log, const struct log_live *live,
                            uint64_t lsn, uint64_t chain, slot_error *err)
{
    slot_status status = SLOT_OK;

    memset(scan, 0, sizeof *scan);
    scan->log = log;
    scan->lsn = lsn;
    scan->chain = chain;
    scan->ahead_file = LOG_SEGMENTS;
    scan->ahead_size = max_u64(min_u64(AHEAD_BYTES, log->segment_bytes), slot__log_frame_max(log));
    scan->ahead = malloc((size_t)scan->ahead_size);
    if (scan->ahead == NULL)
        return slot__error_set(err, SLOT_E_NO_MEMORY, "log", SLOT_NO_OFFSET, NULL);
    for (uint32_t i = 0; i < (live != NULL ? live->n : LOG_SEGMENTS) && status == SLOT_OK; i++) {
        if (live == NULL && log->passed_over[i])
            continue;
        status = add_segment(scan, live != NULL ? live->file[i] : i, err);
        if (live == NULL && status == SLOT_E_NO_FILE)
            status = SLOT_OK;
    }
    return status;
}

void slot__scan_release(struct log_scan *scan)
{
    free(scan->ahead);
    scan->ahead = NULL;
}

/* ---- reading ahead ---- */

/* The n bytes at `offset` of a segment file, out of what was read ahead. */
static slot_status look(struct log_scan *scan, uint32_t file, uint64_t offset, uint64_t n,
                        const uint8_t **bytes, slot_error *err)
{
    struct log *log = scan->log;

    if (scan->ahead_file != file || offset < scan->ahead_at ||
        offset + n > scan->ahead_at + scan->ahead_n) {
        uint64_t length = min_u64(scan->ahead_size, log->segment_bytes - offset);
        os_result result =
            log->os->read_at(log->os, log->files[file], offset, scan->ahead, (size_t)length);

        scan->ahead_file = LOG_SEGMENTS;
        if (!os_ok(result))
            return read_error(err, file, offset, result);
        scan->ahead_file = file;
        scan->ahead_at = offset;
        scan->ahead_n = length;
    }
    *bytes = scan->ahead + (offset - scan->ahead_at);
    return SLOT_OK;
}

/* ---- one frame ---- */

/* Whether a decoded header is that of a frame at `offset` of the segment. */
static bool fits(const struct log *log, const struct scan_segment *segment, uint64_t offset,
                 const struct frame *frame)
{
    uint32_t body = (frame->flags & FRAME_BODY) != 0 ? slot__log_body_bytes(log, frame->key) : 0;
    bool commit = (frame->flags & FRAME_COMMIT) != 0;

    return frame->lsn == segment->header.start + offset &&
           frame->generation == segment->header.generation &&
           frame->length ==
               (commit ? slot__frame_commit_length(offset, body) : slot__frame_length(body)) &&
           frame->length <= log->segment_bytes - offset;
}

/* Try the frame at `offset` of `segment`, which has to continue the chain. */
static slot_status try_frame(struct log_scan *scan, const struct scan_segment *segment,
                             uint64_t offset, struct scan_frame *found, slot_error *err)
{
    struct log *log = scan->log;
    const uint8_t *bytes = NULL;
    struct frame frame;
    uint32_t body;
    slot_status status;

    if (offset < SEGMENT_HEADER_BYTES || offset > log->segment_bytes - FRAME_HEADER_BYTES)
        return SLOT_NOT_FOUND;
    status = look(scan, segment->file, offset, FRAME_HEADER_BYTES, &bytes, err);
    if (status != SLOT_OK)
        return status;
    if (!slot__frame_decode(bytes, &frame) || !fits(log, segment, offset, &frame))
        return SLOT_NOT_FOUND;
    body = (frame.flags & FRAME_BODY) != 0 ? slot__log_body_bytes(log, frame.key) : 0;
    status = look(scan, segment->file, offset, FRAME_HEADER_BYTES + (uint64_t)body, &bytes, err);
    if (status != SLOT_OK)
        return status;
    if (slot__frame_chain(scan->chain, bytes, bytes + FRAME_HEADER_BYTES, body) != frame.chain)
        return SLOT_NOT_FOUND;
    found->frame = frame;
    found->address = (uint64_t)segment->file << log->segment_shift | offset;
    found->body = body != 0 ? bytes + FRAME_HEADER_BYTES : NULL;
    return SLOT_OK;
}

/*
 * The segment that the first frame is in: the one that was begun last before lsn. It is believed
 * when the frame in it fits the chain value that we come with. (A lost segment of an earlier life
 * may have the same start; then each is tried.)
 */
static slot_status try_first(struct log_scan *scan, struct scan_frame *found, slot_error *err)
{
    slot_status status = SLOT_NOT_FOUND;

    for (uint32_t i = 0; i < scan->segments && status == SLOT_NOT_FOUND; i++) {
        const struct scan_segment *segment = &scan->segment[i];

        if (segment->damaged || segment->header.start >= scan->lsn ||
            scan->lsn - segment->header.start >= scan->log->segment_bytes)
            continue;
        status = try_frame(scan, segment, scan->lsn - segment->header.start, found, err);
        if (status == SLOT_OK)
            scan->in = segment;
    }
    return status;
}

/* The first frame of a segment that begins exactly here. */
static slot_status try_next_segment(struct log_scan *scan, struct scan_frame *found,
                                    slot_error *err)
{
    slot_status status = SLOT_NOT_FOUND;

    for (uint32_t i = 0; i < scan->segments && status == SLOT_NOT_FOUND; i++) {
        const struct scan_segment *segment = &scan->segment[i];

        if (segment->damaged || segment->header.start != scan->lsn ||
            segment->header.chain != scan->chain)
            continue;
        status = try_frame(scan, segment, SEGMENT_HEADER_BYTES, found, err);
        if (status == SLOT_OK)
            scan->in = segment;
    }
    return status;
}

static slot_status try_here(struct log_scan *scan, struct scan_frame *found, slot_error *err)
{
    if (scan->in == NULL)
        return try_first(scan, found, err);
    return try_frame(scan, scan->in, scan->lsn - scan->in->header.start, found, err);
}

static bool begins_here(const struct log_scan *scan)
{
    for (uint32_t i = 0; i < scan->segments; i++) {
        const struct scan_segment *segment = &scan->segment[i];

        if (!segment->damaged && segment->header.start == scan->lsn &&
            segment->header.chain == scan->chain)
            return true;
    }
    return false;
}

/*
 * The log goes on in this segment, and another one begins here: one of the two is what a dead or
 * failed writer has left of a transaction without an end. Go on here if that leads to a commit.
 */
static slot_status choose_branch(struct log_scan *scan, const struct scan_segment *before,
                                 struct scan_frame *found, slot_error *err)
{
    const struct scan_segment *in = before;
    struct log_live visited = scan->visited;
    uint64_t lsn = scan->lsn, chain = scan->chain, frames = scan->frames;
    bool whole = false;
    slot_status status = SLOT_OK;

    scan->looking = true;
    scan->in = in;
    while (!whole && (status = slot__scan_next(scan, found, err)) == SLOT_OK)
        whole = (found->frame.flags & FRAME_COMMIT) != 0;
    scan->looking = false;
    scan->in = in;
    scan->lsn = lsn;
    scan->chain = chain;
    scan->visited = visited;
    scan->frames = frames;
    if (status != SLOT_OK && status != SLOT_NOT_FOUND)
        return status;
    return whole ? try_here(scan, found, err) : SLOT_NOT_FOUND;
}

slot_status slot__scan_next(struct log_scan *scan, struct scan_frame *found, slot_error *err)
{
    const struct scan_segment *before = scan->in;
    slot_status status;

    status = try_here(scan, found, err);
    if (status == SLOT_OK && !scan->looking && begins_here(scan))
        status = choose_branch(scan, before, found, err);
    if (status == SLOT_NOT_FOUND)
        status = try_next_segment(scan, found, err);
    if (status == SLOT_OK) {
        uint32_t file = scan->in->file;

        if (scan->visited.n == 0 || scan->visited.file[0] != file)
            slot__live_insert(&scan->visited, file, scan->in->header.start);
        scan->lsn = found->frame.lsn + found->frame.length;
        scan->chain = found->frame.chain;
        scan->frames += (found->frame.flags & FRAME_BODY) != 0;
    }
    return status;
}

slot_status slot__scan_find_end(struct log_scan *scan, struct snapshot *end, slot_error *err)
{
    struct scan_frame found;
    slot_status status;

    while ((status = slot__scan_next(scan, &found, err)) == SLOT_OK) {
        if ((found.frame.flags & FRAME_COMMIT) != 0) {
            const struct snapshot state = {scan->lsn, found.frame.records, found.frame.deleted,
                                           scan->chain};

            *end = state;
            scan->frames_to_end = scan->frames;
        }
    }
    return status == SLOT_NOT_FOUND ? SLOT_OK : status;
}

/* ---- the end ---- */

/* Look through one segment behind the end, at every place where a frame can be. */
static slot_status search_durable(struct log_scan *scan, const struct scan_segment *segment,
                                  slot_error *err)
{
    struct log *log = scan->log;
    uint64_t offset = SEGMENT_HEADER_BYTES;
    slot_status status = SLOT_OK;

    if (scan->lsn > segment->header.start)
        offset = max_u64(offset, scan->lsn - segment->header.start);
    for (; offset <= log->segment_bytes - FRAME_HEADER_BYTES && status == SLOT_OK;
         offset += FRAME_UNIT) {
        const uint8_t *bytes = NULL;
        struct frame frame;

        status = look(scan, segment->file, offset, FRAME_HEADER_BYTES, &bytes, err);
        if (status == SLOT_OK && slot__frame_decode(bytes, &frame) &&
            fits(log, segment, offset, &frame) && frame.durable > scan->lsn)
            status = slot__error_set(
                err, SLOT_E_CORRUPT, slot__log_name(segment->file), offset,
                "a frame behind damage at log position %llu says that it was durable up to %llu: "
                "acknowledged transactions would be lost; restore a backup",
                (unsigned long long)scan->lsn, (unsigned long long)frame.durable);
    }
    return status;
}

slot_status slot__scan_is_torn(struct log_scan *scan, slot_error *err)
{
    slot_status status = SLOT_OK;

    for (uint32_t i = 0; i < scan->segments && status == SLOT_OK; i++) {
        if (scan->segment[i].header.start + scan->log->segment_bytes > scan->lsn)
            status = search_durable(scan, &scan->segment[i], err);
    }
    return status;
}

/* Whether one of the frames of a segment, from header to header, ends at `lsn`. */
static slot_status frame_ends(struct log_scan *scan, const struct scan_segment *segment,
                              uint64_t lsn, uint64_t chain, bool *ends, slot_error *err)
{
    struct log *log = scan->log;
    uint64_t offset = SEGMENT_HEADER_BYTES;

    while (!*ends && segment->header.start + offset < lsn &&
           offset <= log->segment_bytes - FRAME_HEADER_BYTES) {
        const uint8_t *bytes = NULL;
        struct frame frame;
        slot_status status = look(scan, segment->file, offset, FRAME_HEADER_BYTES, &bytes, err);

        if (status != SLOT_OK)
            return status;
        if (!slot__frame_decode(bytes, &frame) || !fits(log, segment, offset, &frame))
            break;
        offset += frame.length;
        *ends = segment->header.start + offset == lsn && frame.chain == chain;
    }
    return SLOT_OK;
}

slot_status slot__scan_passes(struct log_scan *scan, uint64_t lsn, uint64_t chain, bool *passes,
                              slot_error *err)
{
    slot_status status = SLOT_OK;

    *passes = false;
    for (uint32_t i = 0; i < scan->segments && status == SLOT_OK && !*passes; i++) {
        const struct scan_segment *segment = &scan->segment[i];

        if (segment->damaged)
            continue;
        if (segment->header.start == lsn)
            *passes = segment->header.chain == chain;
        else
            status = frame_ends(scan, segment, lsn, chain, passes, err);
    }
    return status;
}

bool slot__scan_within(const struct log_scan *scan, uint64_t lsn)
{
    for (uint32_t i = 0; i < scan->segments; i++) {
        uint64_t start = scan->segment[i].header.start;

        if (!scan->segment[i].damaged && start < lsn && lsn - start < scan->log->segment_bytes)
            return true;
    }
    return false;
}
