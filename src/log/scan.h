/*
 * Reading the log front to back, as checkpoint, take-over, recovery and verify do: frame after
 * frame along the chain, each checked completely before it is shown.
 *
 * The scan starts behind a place whose chain value is known and goes on as long as header, lengths,
 * generation and chain fit. Where they do not, the log ends: at a torn tail, or at damage; see
 * slot__scan_is_torn. Reads through the file, not through views, a few frames at once.
 */
#ifndef SLOT_LOG_SCAN_H
#define SLOT_LOG_SCAN_H

#include "log/log.h"

struct scan_segment {
    uint32_t file;
    bool damaged; /* no valid header: nothing in it is believed, but what it says counts against us
                   */
    struct segment_header header;
};

struct log_scan {
    struct log *log;
    uint64_t lsn;   /* end of what was read */
    uint64_t chain; /* its chain value */
    uint32_t segments;
    struct scan_segment segment[LOG_SEGMENTS];
    uint64_t frames;               /* of those that were read: how many have a body */
    uint64_t frames_to_end;        /* the same, up to the last commit (slot__scan_find_end) */
    bool looking;                  /* ahead: choose_branch */
    const struct scan_segment *in; /* the one that lsn is in; NULL: none yet */
    struct log_live visited;       /* those that frames were found in */
    /* What was read ahead: bytes [ahead_at, ahead_at + ahead_n) of file `ahead_file`. */
    uint8_t *ahead;
    uint64_t ahead_at, ahead_n, ahead_size;
    uint32_t ahead_file;
};

/* A frame that fits the chain. Its body is good until the next call. */
struct scan_frame {
    struct frame frame;
    uint64_t address;
    const uint8_t *body; /* NULL: it has none */
};

/*
 * Start behind `lsn`. `live` NULL: all segment files that are there take part (recovery); else
 * those of `live`. SLOT_E_NO_MEMORY; SLOT_E_IO. slot__scan_release in any case.
 */
slot_status slot__scan_init(struct log_scan *scan, struct log *log, const struct log_live *live,
                            uint64_t lsn, uint64_t chain, slot_error *err);
void slot__scan_release(struct log_scan *scan);

/* The header of segment file `i`, open; *valid: it is one, of this database and this log. */
slot_status slot__log_read_header(struct log *log, uint32_t i, bool *valid,
                                  struct segment_header *header, slot_error *err);

/* The next frame. SLOT_NOT_FOUND: nothing that fits follows; SLOT_E_IO. */
slot_status slot__scan_next(struct log_scan *scan, struct scan_frame *found, slot_error *err);

/* Read on to the last commit; *end gets the state that it makes, as it was when there is none.
 * The scan stands behind the last frame that fits. */
slot_status slot__scan_find_end(struct log_scan *scan, struct snapshot *end, slot_error *err);

/*
 * Whether what lies behind the end of the scan can be the rest of a torn write: SLOT_OK. When some
 * frame there says that the log was durable beyond that end, it cannot: SLOT_E_CORRUPT, because
 * acknowledged transactions are behind the damage.
 */
slot_status slot__scan_is_torn(struct log_scan *scan, slot_error *err);

/* Whether the log passes through that place with that chain value: a frame ends there, or a segment
 * begins. Nothing has to follow. */
slot_status slot__scan_passes(struct log_scan *scan, uint64_t lsn, uint64_t chain, bool *passes,
                              slot_error *err);

/* Whether that place lies within a segment, by the headers. */
bool slot__scan_within(const struct log_scan *scan, uint64_t lsn);

#endif
