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

/* Show text, if there is a screen. Core 0; in a panic, the panicking core. */
void screen_write(const char *text, size_t n);

/* A panic begins: clear the screen and stop at its last row, so that the first lines of the panic
 * stay visible. */
void screen_keep(void);

#endif
