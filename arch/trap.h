/* SPDX-License-Identifier: BSD-2-Clause
 * Exceptions and interrupts: the saved state of the CPU, explanations, backtraces.
 */
#ifndef ARCH_TRAP_H
#define ARCH_TRAP_H

#include "arch/types.h"

/* The saved registers, as vectors.asm pushes them. */
struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector, error_code;
    uint64_t rip, cs, rflags, rsp, ss; /* pushed by the CPU */
};
static_assert(sizeof(struct trap_frame) == 22 * 8, "as vectors.asm pushes it");

#define TRAP_EXCEPTIONS    32 /* vectors below are the CPU's own */
#define TRAP_NMI           2
#define TRAP_DOUBLE_FAULT  8
#define TRAP_PAGE_FAULT    14
#define TRAP_MACHINE_CHECK 18

/* The name of an exception ("page fault"), never NULL. */
const char *trap_name(uint64_t vector);

/* Write the meaning of the error code into buf: "write to a page that is not present". Empty for
 * exceptions without an error code. */
void trap_explain(const struct trap_frame *frame, char *buf, size_t n);

/* Can 16 bytes (a saved rbp and a return address) be read at rbp? */
bool trap_is_frame(uint64_t rbp);

/* Collect the return addresses from a frame pointer on, innermost first, at most max; returns how
 * many. Reads only mapped memory, and stops at an address outside the image's code. Safe in any
 * trap. */
unsigned trap_backtrace(uint64_t rbp, uint64_t *rip, unsigned max);

/* The upcall for every vector, with interrupts off, on the stack of the interrupt. Returning
 * resumes what was interrupted. Implemented in kernel/panic.c. */
void trap_dispatch(struct trap_frame *frame);

#endif
