/*
 * Which windows of a file earn a view when not all of it can be mapped at a time.
 *
 * Mapping a window for one record costs ten times the read call that it replaces (map, fault,
 * unmap; more beside a busy thread). So a random read that misses is served by a read call, and
 * counts for its window. Counts are halved every ADMISSION_EPOCH misses, so that what counts is the
 * recent past. A window whose count comes to `needed` may have a view: `needed` is a little where
 * there is room, and more than twice the uses of the view that would have to go where there is
 * none. With uniform reads no window ever stands out that much, and nothing is mapped in vain.
 *
 * Counts are shared by all threads and kept without a lock: an update that is lost is one miss of
 * many. Windows share counters, so that a count may be too high: then a view comes too early.
 */
#ifndef SLOT_VIEW_ADMISSION_H
#define SLOT_VIEW_ADMISSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define ADMISSION_COUNTERS 2048u /* a power of two */
#define ADMISSION_EPOCH    2048u /* misses */
#define ADMISSION_ROOM     32u   /* misses that earn a view where there is room */
#define ADMISSION_MARGIN   16u   /* beyond twice the uses of another view */

struct admission {
    _Atomic uint32_t needed;
    _Atomic uint32_t misses; /* of this epoch, of those that were handed in */
    _Atomic uint16_t counts[ADMISSION_COUNTERS];
};

void slot__admission_init(struct admission *admission);

/* One more miss of a window, any number that names it. Whether it may have earned a view. */
bool slot__admission_miss(struct admission *admission, uint64_t window);

/* So many misses were counted by this thread. Whether the epoch is over: for one caller of all. */
bool slot__admission_passed(struct admission *admission, uint32_t misses);

/* A new epoch: halve all counts. By one thread at a time. */
void slot__admission_halve(struct admission *admission);

/* The misses of a window, the recent ones. */
uint32_t slot__admission_count(const struct admission *admission, uint64_t window);

/* The misses that earn the place of a view with so many recent uses. */
uint32_t slot__admission_price(uint32_t score);

/* From now on so many misses are needed: `room` says that no view would have to go, else the next
 * to go has that score. */
void slot__admission_require(struct admission *admission, bool room, uint32_t score);

#endif
