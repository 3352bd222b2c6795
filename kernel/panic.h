/* SPDX-License-Identifier: BSD-2-Clause
 * The end: our own invariant is broken. Everything that explains it is printed, then the machine
 * does what `panic=` says. A bad card, packet, table or boot line is never a reason; a memory map that
 * cannot be run on is one, and iommu=require where no unit works.
 */
#ifndef KERNEL_PANIC_H
#define KERNEL_PANIC_H

#include "arch/types.h"

/* In the order of the boot line's panic=halt|reboot|exit. */
enum panic_end { PANIC_HALT, PANIC_REBOOT, PANIC_EXIT };

/* The code that panic=exit leaves through isa-debug-exit; QEMU's status is then 3. */
#define PANIC_EXIT_CODE 1

void panic_set_end(enum panic_end end);

/* Print the line, a backtrace and the last log lines, and end. Any CPU, any context. */
_Noreturn void panic(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* For what cannot happen: unlike assert, in every build. */
#define CHECK(claim)                                                                               \
    do {                                                                                           \
        if (!(claim))                                                                              \
            panic("%s:%d: not so: %s", __FILE__, __LINE__, #claim);                                \
    } while (0)

/* A part's view of itself in a panic: calls print for each line. Everything may be broken and the
 * other cores are stopped: nothing is waited for, nothing changed. Any core.
 *
 *     PANIC_VIEW(lanes_view);
 */
typedef void panic_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
typedef void panic_view(panic_print *print);
#define PANIC_VIEW(view_)                                                                          \
    static panic_view *const panic_view_##view_ __attribute__((used, section("panic_views"))) =    \
        view_

/* The collected table: linker.ld keeps it between these two. */
extern panic_view *const panic_views_start[], *const panic_views_end[];

#endif
