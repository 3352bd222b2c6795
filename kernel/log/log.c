/* SPDX-License-Identifier: BSD-2-Clause
 * The log. A line begins with the seconds since entry, or with dashes while the TSC's rate is
 * unknown.
 */
#include "arch/cpu.h"
#include "arch/serial.h"
#include "arch/smp.h"
#include "arch/tsc.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/str.h"
#include "kernel/log/log.h"
#include "kernel/slice.h"

#define RING_BYTES 16384u
#define SCAN_BYTES 256u /* looked at between two spendings of */
#define BYTE_COST  12u  /* instructions for a byte */

/* The lines in sequence, each with its newline; `ring_end` is a free-running index. Without the
 * lock, bytes of two lines may mix, but no index leaves its array: so all of this is atomic. */
static char ring[RING_BYTES];
static uint64_t ring_end;

static enum log_level level_max = LOG_INFO;
static void (*sink)(const char *text, size_t n) = serial_write;
static void (*mirror)(const char *text, size_t n); /* NULL: none */

/* The core that writes to the sink: core 0, unless log_take_over has made it another. */
static uint32_t printer;
static bool is_standing_in; /* core 0 may still be inside the sink or the mirror */

/* Lines queued for the printer: those of the other cores, and while there is a sink its own too, so
 * that a line costs its writer little and is printed when there is time. Free-running indices; no
 * more than PENDING_BYTES are between them. */
#define PENDING_BYTES 16384u
static char pending[PENDING_BYTES];
static uint64_t pending_in, pending_out;
static unsigned pending_lost;

/* Keeps the lines in the ring and in `pending` whole. A holder takes microseconds; after LOCK_TRIES
 * it is considered dead, and the line, which may be the reason, is logged without the lock. */
#ifndef LOCK_TRIES /* the unit test has fewer */
#define LOCK_TRIES 1000000u
#endif
static uint32_t lock;

static void lock_take(void)
{
    for (uint32_t i = 0; i < LOCK_TRIES && __atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE); i++)
        cpu_pause();
}
static void lock_give(void)
{
    __atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

static void put(char *at, char c)
{
    __atomic_store_n(at, c, __ATOMIC_RELAXED);
}
static char get(const char *at)
{
    return __atomic_load_n(at, __ATOMIC_RELAXED);
}

static void ring_add(const char *text, size_t n)
{
    uint64_t at = __atomic_fetch_add(&ring_end, n, __ATOMIC_RELAXED);
    for (size_t i = 0; i < n; i++)
        put(&ring[(at + i) % RING_BYTES], text[i]);
}

/* Check for room and take it in one step: two cores without the lock get different parts. */
static void pending_add(const char *text, size_t n)
{
    uint64_t at = __atomic_load_n(&pending_in, __ATOMIC_RELAXED);
    do {
        if (at + n - __atomic_load_n(&pending_out, __ATOMIC_RELAXED) > PENDING_BYTES) {
            __atomic_fetch_add(&pending_lost, 1, __ATOMIC_RELAXED);
            return;
        }
    } while (!__atomic_compare_exchange_n(&pending_in, &at, at + n, false, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    for (size_t i = 0; i < n; i++)
        put(&pending[(at + i) % PENDING_BYTES], text[i]);
}

/* Take the first line, or as much of it as fits; 0: none is queued. The printer only. */
static size_t pending_take(char *text, size_t max)
{
    size_t n = 0;
    lock_take();
    uint64_t at = __atomic_load_n(&pending_out, __ATOMIC_RELAXED);
    while (n < max && at + n != __atomic_load_n(&pending_in, __ATOMIC_RELAXED)) {
        text[n] = get(&pending[(at + n) % PENDING_BYTES]);
        if (text[n++] == '\n')
            break;
    }
    __atomic_store_n(&pending_out, at + n, __ATOMIC_RELAXED);
    lock_give();
    return n;
}

static void show(const char *text, size_t n)
{
    if (is_standing_in) {
        serial_write(text, n);
        return;
    }
    sink(text, n);
    if (mirror)
        mirror(text, n);
}

void log_pump(void)
{
    char text[LOG_LINE_BYTES + 1];

    if (!log_is_pending() || cpu_this()->index != __atomic_load_n(&printer, __ATOMIC_RELAXED))
        return;
    size_t n = pending_take(text, sizeof text);
    if (n > 0) {
        show(text, n);
        return;
    }
    unsigned lost = __atomic_exchange_n(&pending_lost, 0, __ATOMIC_RELAXED);
    n = fmt_print(text, sizeof text, "[log: %u lines were not printed, see show log]\n", lost);
    show(text, n);
}

/* All that is queued now; other cores may go on. */
static void print_all(void)
{
    uint64_t end = __atomic_load_n(&pending_in, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < PENDING_BYTES && log_is_pending(); i++) {
        if ((int64_t)(__atomic_load_n(&pending_out, __ATOMIC_RELAXED) - end) > 0)
            break;
        log_pump();
    }
}

static void stamp(char *buf, size_t n)
{
    if (!tsc_is_known()) {
        fmt_print(buf, n, "   -.------ ");
        return;
    }
    uint64_t us = tsc_now_ns() / 1000;
    fmt_print(buf, n, "%4lu.%06lu ", us / 1000000, us % 1000000);
}

void log_vline(enum log_level level, const char *fmt, va_list args)
{
    static const char *const marks[] = {"error: ", "warning: ", "", ""};
    char text[LOG_LINE_BYTES + 1];
    stamp(text, sizeof text);
    fmt_append(text, sizeof text, "%s", marks[MIN(level, LOG_DEBUG)]);
    size_t len = strlen(text);
    len += fmt_vprint(text + len, sizeof text - 1 - len, fmt, args);
    text[len++] = '\n';
    bool is_printed = level <= level_max;
    bool is_now = cpu_this()->index == __atomic_load_n(&printer, __ATOMIC_RELAXED) &&
                  (sink == serial_write || is_standing_in);
    lock_take();
    ring_add(text, len);
    if (is_printed && !is_now)
        pending_add(text, len);
    lock_give();
    if (is_printed && is_now) {
        print_all();
        show(text, len);
    }
}

bool log_is_pending(void)
{
    return __atomic_load_n(&pending_in, __ATOMIC_RELAXED) !=
               __atomic_load_n(&pending_out, __ATOMIC_RELAXED) ||
           __atomic_load_n(&pending_lost, __ATOMIC_RELAXED) != 0;
}

static void print_here(void)
{
    __atomic_store_n(&printer, cpu_this()->index, __ATOMIC_RELAXED);
    print_all();
}

void log_stand_in(bool is_on)
{
    is_standing_in = is_on;
    if (is_on)
        print_here();
    else
        __atomic_store_n(&printer, 0, __ATOMIC_RELEASE);
}

void log_take_over(void)
{
    __atomic_store_n(&lock, 0, __ATOMIC_RELAXED);
    log_set_sink(NULL);
    is_standing_in = false;
    print_here();
}

void log_line(enum log_level level, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    log_vline(level, fmt, args);
    va_end(args);
}

void log_set_level(enum log_level level)
{
    level_max = level;
}

enum log_level log_level(void)
{
    return level_max;
}

void log_set_sink(void (*write)(const char *text, size_t n))
{
    sink = write ? write : serial_write;
}

void log_set_mirror(void (*write)(const char *text, size_t n))
{
    mirror = write;
}

/* The oldest byte that the ring still holds. */
static uint64_t ring_oldest(void)
{
    const uint64_t end = __atomic_load_n(&ring_end, __ATOMIC_RELAXED);
    return end > RING_BYTES ? end - RING_BYTES : 0;
}

/* The first line that begins at `at` or later. */
static uint64_t next_line(uint64_t at)
{
    for (unsigned i = 0; i <= LOG_LINE_BYTES && at > 0; i++, at++)
        if (get(&ring[(at - 1) % RING_BYTES]) == '\n')
            break;
    return at;
}

void log_tail(unsigned max, void (*visit)(void *context, const char *text, size_t n), void *context)
{
    /* Go back over max + 1 newlines; the first is that of the last line. */
    const uint64_t end = __atomic_load_n(&ring_end, __ATOMIC_RELAXED);
    uint64_t start = end;
    unsigned found = 0;
    while (start > ring_oldest() &&
           !(get(&ring[(start - 1) % RING_BYTES]) == '\n' && found++ == max))
        if (--start % SCAN_BYTES == 0)
            slice_spend(SCAN_BYTES * BYTE_COST);
    if (start == ring_oldest()) /* if the ring has wrapped, its oldest line is incomplete */
        start = next_line(start);
    char line[LOG_LINE_BYTES + 1];
    size_t n = 0;
    for (uint64_t at = start; at < end; at++) {
        if (n == 0 && at < ring_oldest()) /* overwritten while earlier lines were printed */
            at = next_line(ring_oldest());
        char c = get(&ring[at % RING_BYTES]);
        if (n < sizeof line)
            line[n++] = c;
        if (c == '\n') {
            slice_spend((uint32_t)n * BYTE_COST);
            visit(context, line, n);
            n = 0;
        }
    }
}
