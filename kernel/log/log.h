/* SPDX-License-Identifier: BSD-2-Clause
 * The log: whole lines, kept in a ring and printed on the console.
 */
#ifndef KERNEL_LOG_LOG_H
#define KERNEL_LOG_LOG_H

#include <stdarg.h>

#include "arch/types.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

#define LOG_LINE_BYTES 200

/* Log one line (fmt without newline; see kernel/lib/fmt.h for the formats), at most 200 bytes. It
 * is kept in the ring, and printed if level <= that of the boot line's `loglevel=`. Not for the
 * data path. Any core, not in interrupts. Core 0 prints its own lines at once until there is a sink,
 * which takes milliseconds at 115200 baud; all others are queued, see log_pump. */
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_vline(enum log_level level, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

/* Print the first line that is queued, if there is one. Core 0. */
void log_pump(void);
/* Is a line queued, or has one been lost without a word? Any core. */
bool log_is_pending(void);

/* Make this core the one that prints, on the serial line, and print what waits for that. For a
 * panic: the others are stopped, one of them perhaps while it held the lock. */
void log_take_over(void);

/* While core 0 hangs: this core prints, on the serial line alone, since core 0 may be inside the
 * sink or the mirror. false: core 0 prints again. A core other than core 0. */
void log_stand_in(bool is_on);

/* Print lines up to this level; LOG_INFO at start. */
void log_set_level(enum log_level level);
enum log_level log_level(void);

/* Print lines (each with its newline) by write instead of serial_write; the console uses it to
 * redraw its prompt. NULL: back to the serial line. */
void log_set_sink(void (*write)(const char *text, size_t n));

/* Print lines by write as well as by the sink; registered by the screen. */
void log_set_mirror(void (*write)(const char *text, size_t n));

/* Call visit for the last `max` lines in the ring, oldest first, each with its newline. Spends
 * (kernel/slice.h); lines that are overwritten meanwhile are left out. */
void log_tail(unsigned max, void (*visit)(void *context, const char *text, size_t n),
              void *context);

#endif
