/* SPDX-License-Identifier: BSD-2-Clause
 * Names and causes of exceptions as text, and backtraces. kernel/panic.c handles the exceptions.
 */
#include "arch/trap.h"
#include "arch/image.h"
#include "arch/paging.h"
#include "kernel/lib/fmt.h"

/* Error code of a page fault (Intel SDM volume 3, section 4.7). */
#define PF_PRESENT  BIT(0)
#define PF_WRITE    BIT(1)
#define PF_RESERVED BIT(3)
#define PF_FETCH    BIT(4)

/* Error code of a fault that names a segment or a gate (section 6.13). */
#define SEL_EXTERNAL BIT(0)
#define SEL_IDT      BIT(1)
#define SEL_LDT      BIT(2)
#define SEL_INDEX    FIELD(15, 3)

static const char *const names[TRAP_EXCEPTIONS] = {
    [0] = "divide error",
    [1] = "debug exception",
    [2] = "non-maskable interrupt",
    [3] = "breakpoint",
    [4] = "overflow",
    [5] = "bound range exceeded",
    [6] = "invalid opcode",
    [7] = "device not available (an FPU or SSE instruction)",
    [8] = "double fault",
    [10] = "invalid TSS",
    [11] = "segment not present",
    [12] = "stack fault",
    [13] = "general protection fault",
    [14] = "page fault",
    [16] = "x87 floating-point error",
    [17] = "alignment check",
    [18] = "machine check",
    [19] = "SIMD floating-point error",
    [20] = "virtualization exception",
    [21] = "control protection exception",
    [28] = "hypervisor injection exception",
    [29] = "VMM communication exception",
    [30] = "security exception",
};

const char *trap_name(uint64_t vector)
{
    if (vector >= TRAP_EXCEPTIONS)
        return "interrupt";
    return names[vector] ? names[vector] : "reserved exception";
}

bool trap_is_frame(uint64_t rbp)
{
    if (rbp % 8 != 0)
        return false;
    /* Until our page tables are live, this is the only stack, and paging_lookup finds nothing. */
    if (rbp >= (uintptr_t)stack_boot_bottom && rbp + 15 < (uintptr_t)stack_boot_top)
        return true;
    return rbp && paging_lookup(rbp).is_present && paging_lookup(rbp + 15).is_present;
}

unsigned trap_backtrace(uint64_t rbp, uint64_t *rip, unsigned max)
{
    unsigned n = 0;
    while (n < max && trap_is_frame(rbp)) {
        const uint64_t *frame = (const uint64_t *)rbp;
        if (frame[1] < (uintptr_t)image_text_start || frame[1] >= (uintptr_t)image_text_end)
            break;
        rip[n++] = frame[1];
        if (frame[0] <= rbp) /* stacks grow down, so callers lie above */
            break;
        rbp = frame[0];
    }
    return n;
}

void trap_explain(const struct trap_frame *frame, char *buf, size_t n)
{
    uint32_t code = (uint32_t)frame->error_code;
    buf[0] = 0;
    switch (frame->vector) {
    case TRAP_PAGE_FAULT:
        fmt_print(buf, n, "%s %s",
                  code & PF_FETCH   ? "execution of"
                  : code & PF_WRITE ? "write to"
                                    : "read of",
                  code & PF_RESERVED  ? "a page with reserved bits set in its entry"
                  : code & PF_PRESENT ? "a page that does not allow it"
                                      : "a page that is not present");
        break;
    case 10:
    case 11:
    case 12:
    case 13:
        if (code)
            fmt_print(buf, n, "%s entry %u%s",
                      code & SEL_IDT   ? "IDT"
                      : code & SEL_LDT ? "LDT"
                                       : "GDT",
                      FIELD_GET(SEL_INDEX, code),
                      code & SEL_EXTERNAL ? ", while delivering an external event" : "");
        else
            fmt_print(buf, n, "no segment named; often a non-canonical address");
        break;
    default:
        break;
    }
}
