/* SPDX-License-Identifier: BSD-2-Clause
 * Reports of exceptions and panics. All of this may run on a broken machine: it takes no lock,
 * allocates no memory, and follows no pointer without looking it up in the page tables. If it
 * faults itself, it prints one line and stops.
 */
#include "arch/cpu.h"
#include "arch/image.h"
#include "arch/paging.h"
#include "arch/serial.h"
#include "arch/smp.h"
#include "arch/trap.h"
#include "kernel/ksym.h"
#include "kernel/leaving.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/str.h"
#include "kernel/log/log.h"
#include "kernel/log/screen.h"
#include "kernel/panic.h"
#include "kernel/power.h"

#define BACKTRACE_MAX    24
#define LOG_LINES        12
#define OTHERS_TRACE_MAX 4u

static enum panic_end end_wanted = PANIC_HALT;
static struct cpu *panicking;  /* the first core that panicked */
static const char *first_what; /* and why: text of panic() or the name of an exception */
static uint64_t first_rip;

void panic_set_end(enum panic_end end)
{
    end_wanted = end;
}

/* Print to the serial line and the screen directly: the log or its sink may be broken. */
static void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void print(const char *fmt, ...)
{
    char text[160];
    va_list args;
    va_start(args, fmt);
    size_t n = fmt_vprint(text, sizeof text, fmt, args);
    va_end(args);
    serial_write(text, n);
    screen_write(text, n);
}

static void print_bytes(void *context, const char *text, size_t n)
{
    (void)context;
    serial_write(text, n);
    screen_write(text, n);
}

static void print_code(const char *before, uint64_t address)
{
    uint64_t offset;
    const char *name = ksym_find(address, &offset);
    if (name)
        print("%s0x%016lx %s+0x%lx\n", before, address, name, offset);
    else
        print("%s0x%016lx\n", before, address);
}

/* Print a return address. The call is the instruction before it and may be the last of its
 * function, so the symbol is looked up one byte below. */
static void print_return(uint64_t address)
{
    uint64_t offset;
    const char *name = ksym_find(address - 1, &offset);
    print("  0x%016lx %s+0x%lx\n", address, name ? name : "?", name ? offset + 1 : 0);
}

static void print_backtrace(uint64_t rbp)
{
    uint64_t rip[BACKTRACE_MAX];
    unsigned n = trap_backtrace(rbp, rip, BACKTRACE_MAX);
    for (unsigned i = 0; i < n; i++)
        print_return(rip[i]);
}

/* Print where each of the other cores was when it was stopped. */
static void print_others(void)
{
    const struct cpu *self = cpu_this();
    for (unsigned i = 0; i < cpus_n; i++) {
        const struct cpu_trace *trace = &cpus[i]->trace;
        if (cpus[i] == self)
            continue;
        if (__atomic_load_n(&cpus[i]->state, __ATOMIC_ACQUIRE) != CPU_STOPPED) {
            print("core %u does not stop\n", i);
            continue;
        }
        print("core %u was at\n", i);
        print_code("  ", trace->rip[0]);
        for (unsigned k = 1; k < MIN(trace->n, OTHERS_TRACE_MAX); k++)
            print_return(trace->rip[k]);
    }
}

static bool is_between(uint64_t a, const void *start, const void *end)
{
    return a >= (uintptr_t)start && a < (uintptr_t)end;
}

/* The region of an address, as text. */
static const char *place(uint64_t a)
{
    if (a < PAGE_BYTES)
        return "the null page";
    if (is_between(a, stack_boot_guard, stack_boot_bottom))
        return "the guard page of the boot stack: stack overflow";
    if (is_between(a, stack_fault_guard, stack_fault_bottom) ||
        is_between(a, stack_nmi_guard, stack_nmi_bottom) ||
        is_between(a, stack_check_guard, stack_check_bottom))
        return "the guard page of an exception stack: stack overflow";
    if (is_between(a, stack_work_guard, stack_work_bottom))
        return "the guard page of the stack of core 0's sliced work: stack overflow";
    if (is_between(a, stack_task_guard, stack_task_bottom))
        return "the guard page of core 0's task stack: stack overflow";
    if (smp_is_guard(a))
        return "a guard page of a core's stacks: stack overflow";
    if (is_between(a, image_text_start, image_text_end))
        return "code of the image";
    if (is_between(a, image_rodata_start, image_rodata_end))
        return "constants of the image";
    if (is_between(a, image_sealed_start, image_sealed_end))
        return "data sealed after start";
    if (is_between(a, image_data_start, image_end))
        return "data of the image";
    if (a >= PHYSMAP_BASE && a < PHYSMAP_BASE + PHYSMAP_BYTES)
        return "the map of physical memory";
    if (a >= DEVICE_BASE && a < DEVICE_BASE + DEVICE_BYTES)
        return "the window of device registers";
    if (a >= STACKS_BASE && a < STACKS_BASE + STACKS_BYTES)
        return "the stacks of the cores";
    if (a < 1ull << 47)
        return "the lower half, which is never mapped; is it a physical address?";
    return "unknown region";
}

static void print_address(uint64_t a)
{
    struct paging_entry e = paging_lookup(a);
    print("address 0x%016lx: %s; ", a, place(a));
    if (e.is_present)
        print("mapped r%c%c to 0x%lx, page of %lu KiB\n", e.is_writable ? 'w' : '-',
              e.is_executable ? 'x' : '-', e.paddr, e.page_bytes / 1024);
    else
        print("not mapped\n");
}

static void print_registers(const struct trap_frame *f)
{
    print("rax %016lx rbx %016lx rcx %016lx\n", f->rax, f->rbx, f->rcx);
    print("rdx %016lx rsi %016lx rdi %016lx\n", f->rdx, f->rsi, f->rdi);
    print("rbp %016lx rsp %016lx r8  %016lx\n", f->rbp, f->rsp, f->r8);
    print("r9  %016lx r10 %016lx r11 %016lx\n", f->r9, f->r10, f->r11);
    print("r12 %016lx r13 %016lx r14 %016lx\n", f->r12, f->r13, f->r14);
    print("r15 %016lx rip %016lx rflags %08lx\n", f->r15, f->rip, f->rflags);
    print("cr0 %016lx cr3 %016lx cr4 %016lx\n", cpu_cr0_read(), cpu_cr3_read(), cpu_cr4_read());
}

/* Machine check banks (Intel SDM volume 3, chapter 16). */
#define MSR_MCG_CAP      0x179u
#define MSR_MCG_STATUS   0x17Au
#define MSR_MC_STATUS(n) (0x401u + 4 * (n))
#define MSR_MC_ADDR(n)   (0x402u + 4 * (n))
#define MC_VALID         BIT64(63)
#define MC_OVERFLOW      BIT64(62)
#define MC_UNCORRECTED   BIT64(61)
#define MC_HAS_ADDRESS   BIT64(58)
#define MC_CORRUPT       BIT64(57) /* the processor context is corrupt */

static void print_machine_check(void)
{
    unsigned banks = cpu_msr_read(MSR_MCG_CAP) & 0xFF;
    print("machine check: global status 0x%lx, %u banks\n", cpu_msr_read(MSR_MCG_STATUS), banks);
    for (unsigned i = 0; i < banks; i++) {
        uint64_t status = cpu_msr_read(MSR_MC_STATUS(i));
        if (!(status & MC_VALID))
            continue;
        print("bank %u: error code 0x%04lx, model's 0x%04lx,%s%s%s", i, status & 0xFFFF,
              status >> 16 & 0xFFFF, status & MC_UNCORRECTED ? " uncorrected" : " corrected",
              status & MC_CORRUPT ? ", context corrupt" : "",
              status & MC_OVERFLOW ? ", others lost" : "");
        if (status & MC_HAS_ADDRESS)
            print(", address 0x%lx\n", cpu_msr_read(MSR_MC_ADDR(i)));
        else
            print("\n");
    }
}

static void print_core(void)
{
    if (cpus_n > 1)
        print("on core %u of %u\n", cpu_this()->index, cpus_n);
}

static _Noreturn void end(void)
{
    print_others();
    log_take_over(); /* core 0 prints no more; its sink, the console's, may be broken */
    print("last log lines:\n");
    log_tail(LOG_LINES, print_bytes, NULL);
    /* Last: if a view faults, the rest has been printed. */
    for (panic_view *const *view = panic_views_start; view < panic_views_end; view++)
        (*view)(print);
    switch (end_wanted) {
    case PANIC_REBOOT:
        print("panic=reboot\n");
        power_reboot();
    case PANIC_EXIT:
        print("panic=exit\n");
        power_exit(PANIC_EXIT_CODE);
    case PANIC_HALT:
        break;
    }
    print("halted\n");
    power_halt();
}

/* Record the first panic; then, before a word is printed, stop the other cores, which would go on
 * writing to the serial line, and take bus mastering from the cards. Both take a second at most. A
 * second panic on the same core prints one line and ends; one on another core stops that core. */
static void begin(const char *what, uint64_t rip, uint64_t rbp)
{
    struct cpu *first = NULL, *self = cpu_this();
    if (__atomic_compare_exchange_n(&panicking, &first, self, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
        first_what = what;
        first_rip = rip;
        smp_stop_others();
        drivers_cut_off();
        screen_keep();
        return;
    }
    if (first != self) /* by itself, since it may be in an NMI's handler */
        smp_stop(rip, rbp);
    print("\npanic inside a panic: %s at 0x%lx; the first was: %s at 0x%lx; halted\n", what, rip,
          first_what, first_rip);
    if (end_wanted == PANIC_EXIT)
        power_exit(PANIC_EXIT_CODE);
    power_halt();
}

_Noreturn void panic(const char *fmt, ...)
{
    cpu_interrupts_off();
    uint64_t caller = (uintptr_t)__builtin_return_address(0);
    begin(fmt, caller, (uintptr_t)__builtin_frame_address(0));
    char text[160];
    va_list args;
    va_start(args, fmt);
    fmt_vprint(text, sizeof text, fmt, args);
    va_end(args);
    print("\nPANIC: %s\n", text);
    print_core();
    print("backtrace:\n");
    print_backtrace((uintptr_t)__builtin_frame_address(0));
    end();
}

void trap_dispatch(struct trap_frame *f)
{
    if (f->vector >= TRAP_EXCEPTIONS) {
        irq_handle(f->vector);
        return;
    }
    if (f->vector == TRAP_NMI && smp_nmi(f))
        return;
    uint64_t cr2 = cpu_cr2_read();
    begin(trap_name(f->vector), f->rip, f->rbp);
    char why[96];
    trap_explain(f, why, sizeof why);
    print("\nPANIC: %s%s%s (vector %lu, error code 0x%lx)\n", trap_name(f->vector),
          why[0] ? ": " : "", why, f->vector, f->error_code);
    print_core();
    if (f->vector == TRAP_PAGE_FAULT)
        print_address(cr2);
    if (f->vector == TRAP_MACHINE_CHECK)
        print_machine_check();
    /* A push onto a guard page faults again while its page fault is delivered. */
    if (f->vector == TRAP_DOUBLE_FAULT)
        print_address(f->rsp - 8);
    print_code("at ", f->rip);
    print_registers(f);
    print("backtrace:\n");
    print_code("  ", f->rip);
    /* A call to outside of the image: its return address is still on top of the stack. */
    uint64_t offset;
    if (!ksym_find(f->rip, &offset) && trap_is_frame(f->rsp))
        print_return(*(const uint64_t *)f->rsp);
    print_backtrace(f->rbp);
    end();
}

/* Called by code that the compiler adds to functions with arrays. */
_Noreturn void __stack_chk_fail(void);
READ_ONLY_AFTER_BOOT uint64_t __stack_chk_guard; /* set by boot/start.asm before any C runs */

_Noreturn void __stack_chk_fail(void)
{
    panic("a stack canary was overwritten: a buffer overflow in the function named below");
}
