/* SPDX-License-Identifier: BSD-2-Clause
 * A card's registers at an address of this process, for drivers that access them by plain loads and
 * stores. During bring-up each access traps (SIGSEGV) and calls a function. While loops run, the
 * pages with the queues' tail registers are plain memory, and the tails stored there are passed to
 * the card between two rounds. So a loop runs as on hardware, without any instruction of the model
 * inside.
 *
 * callgrind needs --px-file-backed=allregs-at-each-insn, else the trap reads stale registers.
 */
#ifndef TESTS_BENCH_BAR_H
#define TESTS_BENCH_BAR_H

#include <stddef.h>
#include <stdint.h>

#define BARS_MAX 4

/* The functions that handle accesses; addresses are those that the driver used. */
struct bar_access {
    uint64_t (*read)(uintptr_t address, uint32_t bytes);
    void (*write)(uintptr_t address, uint64_t value, uint32_t bytes);
};

/* Reserve addresses base..base + bytes, where every access traps. Ends the program on failure. */
void bar_trap(uintptr_t base, size_t bytes, struct bar_access access);
/* Make the pages of RDT and TDT of the card at base plain memory with the tails' current values.
 * Other registers in these pages cannot be used from then on. */
void bar_tails_are_memory(uintptr_t base);
/* Pass every changed tail to the card: receive tails, then transmit tails. */
void bar_sync(void);

#endif
