/* SPDX-License-Identifier: BSD-2-Clause
 * The operator's console: the shell of kernel/console/shell.h on the serial line. What commands
 * print goes into a ring and leaves as fast as the line takes it, so that no core ever waits for a
 * terminal; the next command runs when the ring has room again. Log lines come up above the line
 * that is being edited.
 */
#ifndef KERNEL_CONSOLE_CONSOLE_H
#define KERNEL_CONSOLE_CONSOLE_H

#include "arch/types.h"

struct cmdline;

/* Take over the serial line and the log's output; run the commands of the boot line's run=, then
 * prompt. All output comes in console_poll. `line` must live on. Boot CPU, once, after
 * serial_init and tsc_calibrate. */
void console_start(const struct cmdline *line);

/* One round: at most 16 bytes in, one piece of work (a command, a look at the one that waits, or
 * some editing), at most 16 bytes out. Looks at the line only every 100 us, in between it costs a
 * read of the TSC. Core 0, between bursts. */
void console_poll(void);

/* True while text waits to leave or a command is under way: core 0 then has work without frames. */
bool console_is_busy(void);

/* True if core 0 may sleep as far as the console goes: nothing to do, nothing to write, no byte has
 * come in. Asked with interrupts off, right before the halt. */
bool console_may_sleep(void);

/* Write out all that is left, waiting for the line (bounded, see serial_write), and hand the log
 * back to it: before power off and in a panic. */
void console_release(void);

/* The boot line that console_start was given, for commands that show it. */
const struct cmdline *console_boot_line(void);

#endif
