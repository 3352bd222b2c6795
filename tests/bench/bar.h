/* SPDX-License-Identifier: BSD-2-Clause
 * A card's registers at an address of this process, for drivers that reach them by plain loads and
 * stores: while a driver brings the card up each access traps (SIGSEGV) and is handed to a function;
 * once its loops run, the pages that hold the queues' tail registers are plain memory, and what was
 * stored there is handed over between two rounds. So a loop runs as it would on hardware, with no
 * foreign instruction inside.
 *
 * Under callgrind: --px-file-backed=allregs-at-mem-access, or the trap sees old registers.
 */
#ifndef TESTS_BENCH_BAR_H
#define TESTS_BENCH_BAR_H

#include <stddef.h>
#include <stdint.h>

#define BARS_MAX 2

/* What answers: addresses are those that the driver used. */
struct bar_access {
    uint64_t (*read)(uintptr_t address, uint32_t bytes);
    void (*write)(uintptr_t address, uint64_t value, uint32_t bytes);
};

/* Reserve addresses base..base + bytes, where every access traps. Ends the program on failure. */
void bar_trap(uintptr_t base, size_t bytes, struct bar_access access);
/* The pages of RDT and TDT of the card at base become memory that holds `tails` as they are. Other
 * registers in these pages answer no more. */
void bar_tails_are_memory(uintptr_t base);
/* Hand over every tail that has changed since: receive tails, then transmit tails. */
void bar_sync(void);

#endif
