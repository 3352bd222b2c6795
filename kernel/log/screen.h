/* SPDX-License-Identifier: BSD-2-Clause
 * The screen: the log once more, for machines without a serial port. Text memory of a VGA, or a
 * frame buffer with the letters of font.txt. Nothing is ever read back from the screen: the
 * newest line goes below the one before, after the last one again on top, with an empty line behind
 * it. So a slow, uncached frame buffer costs what the letters cost, and no scrolling.
 */
#ifndef KERNEL_LOG_SCREEN_H
#define KERNEL_LOG_SCREEN_H

#include "arch/types.h"

struct bootinfo;

/* Find the screen by what the loader said; without a word of it, look for a VGA in text mode. Shows
 * the log so far, and says in `found` what is there. Boot CPU, on the first page tables. */
void screen_start(const struct bootinfo *info, char *found, size_t n);

/* The change of page tables: screen_map before it, with the new ones made, and screen_moved after. */
void screen_map(void);
void screen_moved(void);

/* Show text, where there is a screen. Core 0; in a panic, the core that panics. */
void screen_write(const char *text, size_t n);

/* A panic begins: from an empty screen on, and what does not fit any more is left out, so that its
 * first lines stay. */
void screen_keep(void);

#endif
