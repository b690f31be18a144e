/*
 * The machine that a measurement is about, as far as it tells: everything is read from /proc and
 * /sys, and is "unknown" where they are missing.
 */
#ifndef SLOT_BENCH_MACHINE_H
#define SLOT_BENCH_MACHINE_H

#include <stdint.h>

#define MACHINE_UNKNOWN UINT64_MAX

struct machine {
    char cpu[128];
    char cores[16];
    char memory[32];
    char kernel[128];
    char file_system[128]; /* that holds the files of the run */
    char read_ahead[32];
    char stat_path[64]; /* counters of its device, or "" */
};

/* `dir`: where the files of the run are. */
void machine_read(struct machine *machine, const char *dir);

/* Bytes that have reached the device of the files so far, whoever wrote them. */
uint64_t machine_written(const struct machine *machine);

/* The most bytes of this process that were resident at once since the last reset. */
uint64_t machine_peak(void);
void machine_reset_peak(void);

#endif
