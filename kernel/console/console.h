/* SPDX-License-Identifier: BSD-2-Clause
 * The operator's console: the shell of kernel/console/shell.h on the serial line. Commands run in
 * slices (kernel/slice.h). Their output goes into a ring, which is sent as fast as the line takes
 * it, so that no core ever waits for a terminal; a command goes on when the ring has room again. Log
 * lines appear above the line that is being edited, or between two lines of a command.
 */
#ifndef KERNEL_CONSOLE_CONSOLE_H
#define KERNEL_CONSOLE_CONSOLE_H

#include "arch/types.h"

struct cmdline;

/* Take over the serial line and the log's output; run the commands of the boot line's run=, then
 * show the prompt. console_poll sends all output. `line` must stay valid. Boot CPU, once, after
 * serial_init and tsc_calibrate. */
void console_start(const struct cmdline *line);

/* One round every 100 us: at most 16 bytes of input and 16 of output, and a log line, a slice of the
 * shell, or what the screen draws. With is_idle (the queues were empty) a command that is running gets
 * its next slice at once. Another call costs a read of the TSC. Core 0, between bursts. */
void console_poll(bool is_idle);

/* True while output or log lines are pending or a command is running: core 0 then has work without
 * frames. */
bool console_is_busy(void);

/* True if the console lets core 0 sleep: no work, no pending output, no input. Called with
 * interrupts off, right before the halt. */
bool console_may_sleep(void);

/* The longest sleep of core 0 that keeps typed input prompt, UINT64_MAX if an interrupt reports it;
 * and to be called after each sleep. Core 0. */
uint64_t console_nap_ns(void);
void console_woke(void);

/* Send all pending output, waiting for the line (bounded, see serial_write), and let the log write
 * to the line directly again: before power off and in a panic. */
void console_release(void);

/* The boot line that was passed to console_start. */
const struct cmdline *console_boot_line(void);

#endif
