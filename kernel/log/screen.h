/* SPDX-License-Identifier: BSD-2-Clause
 * The screen shows the log too, for machines without a serial port: the text memory of a VGA, or a
 * frame buffer with the letters of font.txt. There is no scrolling, since reading an uncached frame
 * buffer is slow: after the bottom row the next line is written to the top row, and the row after
 * the newest line is kept empty.
 */
#ifndef KERNEL_LOG_SCREEN_H
#define KERNEL_LOG_SCREEN_H

#include "arch/types.h"

struct bootinfo;

/* Use the screen in the boot information; if there is none, look for a VGA in text mode. Shows the
 * log so far and describes the screen in `found` (n bytes). Boot CPU, on the first page tables. */
void screen_start(const struct bootinfo *info, char *found, size_t n);

/* Move the screen to the final page tables: screen_map maps it in them, screen_moved is called
 * after the switch. */
void screen_map(void);
void screen_moved(void);

/* The physical address of the screen in use; 0: none. */
uint64_t screen_paddr(void);

/* Show text, if there is a screen: at once, or after screen_slice through a queue that screen_poll
 * draws. If text comes faster than that, the oldest lines are dropped; the screen tells how many, and
 * `show log` has them. Core 0; in a panic, the panicking core. */
void screen_write(const char *text, size_t n);

/* true: from now on screen_poll draws, in pieces of at most SCREEN_STORES_MAX stores (or one line of
 * a letter's pixels, if that is more), so that a frame buffer whose stores take 100 ns holds up core
 * 0 for 26 us at a time: a card's ring of 512 fills up in 34 us at line rate. false: draw what is
 * left, and from now on at once. */
#define SCREEN_STORES_MAX 256u
void screen_slice(bool is_on);
/* Draw one piece. Core 0, in each round of the console. */
void screen_poll(void);
/* Is there text to draw in pieces? */
bool screen_is_busy(void);

/* A panic begins: draw at once again, clear the screen and stop at its last row, so that the first
 * lines of the panic stay visible. */
void screen_keep(void);

#endif
