/* SPDX-License-Identifier: BSD-2-Clause
 * Starts the cores one after the other, by INIT and STARTUP (Intel SDM volume 3, section 9.4), and
 * parks them until they have work. The first instructions of a core are in boot/ap.asm.
 *
 * Each core but the first has STACK_STRIDE bytes at STACKS_BASE, with a hole below each stack:
 *
 *     hole  4 KiB | main 16 KiB | hole | #DF 8 KiB | hole | NMI 8 KiB | hole | #MC 8 KiB | hole |
 *     task 16 KiB | hole up to the next core's
 */
#include "arch/smp.h"
#include "arch/cpu.h"
#include "arch/features.h"
#include "arch/gdt.h"
#include "arch/idt.h"
#include "arch/image.h"
#include "arch/lapic.h"
#include "arch/paging.h"
#include "arch/tsc.h"
#include "kernel/lib/str.h"

#define MSR_GS_BASE     0xC0000101

#define STACK_STRIDE    131072u
#define STACK_MAIN      0x1000u
#define STACK_MAIN_END  0x5000u
#define STACK_FAULT     0x6000u
#define STACK_FAULT_END 0x8000u
#define STACK_NMI       0x9000u
#define STACK_NMI_END   0xB000u
#define STACK_CHECK     0xC000u
#define STACK_CHECK_END 0xE000u
#define STACK_TASK      0xF000u
#define STACK_TASK_END  0x13000u
static_assert(STACK_STRIDE * CPUS_MAX <= STACKS_BYTES, "room for every core's stacks");

#define LOW_END         0xA0000u /* no RAM from here to 1 MiB */

#define INIT_WAIT_US    10000u /* after INIT, before STARTUP */
#define STARTUP_WAIT_US 200u   /* before the second STARTUP */
#define STEP_NS         1000000u
/* The time that a core gets to begin. An emulated one on a busy host is slow, but tables that list
 * 64 absent cores must not hold up the boot for long: cores that do not answer one after another
 * share BEGIN_MS, and after that each gets BEGIN_LEAST_MS, in which a real core has long begun. */
#define BEGIN_MS       1000u
#define BEGIN_LEAST_MS 10u
#define FINISH_MS      1000u

#define TSC_ROUNDS     8u
#define TSC_ROUND_NS   20000000u
#define TSC_FIRST_NS   500000000u /* until core 0 begins */

/* At the end of the trampoline, see boot/ap.asm. */
struct ap_block {
    uint64_t cr3, stack, cpu, entry;
    uint32_t ticket; /* 1: one core may use the block; that core sets it to 0 */
    uint32_t far32;
    uint16_t far32_selector, padding;
    uint32_t far64;
    uint16_t far64_selector;
    uint16_t gdt_limit;
    uint32_t gdt_base;
} __attribute__((packed));
static_assert(offsetof(struct ap_block, ticket) == 32, "as in boot/ap.asm");
static_assert(sizeof(struct ap_block) == 56, "as in boot/ap.asm");

extern const uint8_t ap_code[], ap_code_end[], ap_block[];

/* A core's pages: its struct cpu, which other cores read too. Its GDT and TSS are read-only. */
struct area {
    struct cpu cpu;
    const struct gdt_area *tables;
};
#define TABLES_A_PAGE (PAGE_BYTES / sizeof(struct gdt_area))

struct cpu *cpus[CPUS_MAX];
unsigned cpus_n;

static struct area boot_area;
static void (*set_up_core)(struct cpu *cpu);

/* Core 0 and the core that is being started compare their TSCs through this. */
static struct {
    uint32_t asked, answered; /* rounds */
    uint64_t tsc;
} comparison __attribute__((aligned(CACHE_LINE_BYTES)));

static void set_this_cpu(struct cpu *cpu)
{
    cpu_msr_write(MSR_GS_BASE, (uintptr_t)cpu);
}

void smp_init(void)
{
    struct cpu *cpu = &boot_area.cpu;
    cpu->self = cpu;
    cpu->state = CPU_RUNNING;
    set_this_cpu(cpu);
    cpus[0] = cpu;
    cpus_n = 1;
}

/* --- on the new core --- */

static void set_state(struct cpu *cpu, enum cpu_state state)
{
    __atomic_store_n(&cpu->state, state, __ATOMIC_RELEASE);
}

static const uint8_t *stack_at(const struct cpu *cpu, uint64_t offset)
{
    return (const uint8_t *)cpu->stacks + offset;
}

static void answer_comparison(void)
{
    for (uint32_t round = 1; round <= TSC_ROUNDS; round++) {
        uint64_t start = cpu_tsc(), limit = tsc_ticks(round == 1 ? TSC_FIRST_NS : TSC_ROUND_NS);
        while (__atomic_load_n(&comparison.asked, __ATOMIC_ACQUIRE) != round) {
            if (cpu_tsc() - start > limit)
                return;
            cpu_pause();
        }
        comparison.tsc = cpu_tsc_ordered();
        __atomic_store_n(&comparison.answered, round, __ATOMIC_RELEASE);
    }
}

/* Enter the state, and wake core 0, which waits for it. */
static void report_state(struct cpu *cpu, enum cpu_state state)
{
    set_state(cpu, state);
    smp_wake(0);
}

static _Noreturn void park(struct cpu *cpu)
{
    for (;;) {
        void (*run)(void) = __atomic_load_n(&cpu->main, __ATOMIC_ACQUIRE);
        if (run) {
            set_state(cpu, CPU_RUNNING);
            cpu->loop_tsc = cpu_tsc();
            run();
            __atomic_store_n(&cpu->main, NULL, __ATOMIC_RELEASE);
            set_state(cpu, CPU_PARKED);
        }
        smp_sleep(0);
    }
}

/* A core's first C function, called by boot/ap.asm. Logs nothing: core 0 logs what became of it. */
static _Noreturn void core_main(struct cpu *cpu)
{
    paging_switch();
    features_enable();
    set_this_cpu(cpu);
    gdt_load(((struct area *)cpu)->tables);
    idt_load();
    lapic_start();
    set_up_core(cpu);
    report_state(cpu, CPU_COMPARING);
    answer_comparison();
    report_state(cpu, CPU_PARKED);
    park(cpu);
}

/* --- on core 0 --- */

/* By how much the other core's TSC is certainly ahead of ours: 0 if its readings can lie between
 * our readings before and after them. */
static int64_t compare_tsc(void)
{
    int64_t least = INT64_MIN, most = INT64_MAX;
    uint64_t limit = tsc_ticks(TSC_ROUND_NS);
    for (uint32_t round = 1; round <= TSC_ROUNDS; round++) {
        uint64_t before = cpu_tsc_ordered();
        __atomic_store_n(&comparison.asked, round, __ATOMIC_RELEASE);
        while (__atomic_load_n(&comparison.answered, __ATOMIC_ACQUIRE) != round) {
            if (cpu_tsc() - before > limit)
                return 0;
            cpu_pause();
        }
        uint64_t after = cpu_tsc_ordered();
        least = MAX(least, (int64_t)(comparison.tsc - after));
        most = MIN(most, (int64_t)(comparison.tsc - before));
    }
    return least > 0 ? least : most < 0 ? most : 0;
}

static uint64_t stacks_of(uint32_t index)
{
    return STACKS_BASE + (uint64_t)index * STACK_STRIDE;
}

/* The GDT and TSS of a core, whose stacks may not be mapped yet: filled in for a page of cores, which
 * is then made read-only. NULL: no memory. */
static const struct gdt_area *tables_of(uint32_t index)
{
    static const struct gdt_area *pages[CPUS_MAX / TABLES_A_PAGE + 1];
    const struct gdt_area **page = &pages[index / TABLES_A_PAGE];
    if (!*page) {
        struct gdt_area *areas = paging_take();
        for (uint32_t i = 0; areas && i < TABLES_A_PAGE; i++) {
            const uint8_t *stacks =
                (const uint8_t *)stacks_of((uint32_t)(index / TABLES_A_PAGE * TABLES_A_PAGE) + i);
            gdt_fill(&areas[i], stacks + STACK_FAULT_END, stacks + STACK_NMI_END,
                     stacks + STACK_CHECK_END);
        }
        if (areas && paging_protect(areas) == OK)
            *page = areas;
    }
    return *page ? &(*page)[index % TABLES_A_PAGE] : NULL;
}

/* Memory for a core: its area, and its stacks with holes between them. */
static struct cpu *make_core(uint32_t index, void *(*take)(size_t bytes))
{
    static const struct {
        uint32_t start, end;
    } parts[] = {
        {STACK_MAIN, STACK_MAIN_END},   {STACK_FAULT, STACK_FAULT_END}, {STACK_NMI, STACK_NMI_END},
        {STACK_CHECK, STACK_CHECK_END}, {STACK_TASK, STACK_TASK_END},
    };
    struct area *area = take(sizeof *area);
    if (!area)
        return NULL;
    area->tables = tables_of(index);
    if (!area->tables)
        return NULL;
    area->cpu.stacks = stacks_of(index);
    for (unsigned i = 0; i < ARRAY_SIZE(parts); i++) {
        uint32_t bytes = parts[i].end - parts[i].start;
        void *pages = take(bytes);
        if (!pages || paging_map(area->cpu.stacks + parts[i].start, paging_paddr(pages), bytes,
                                 PAGING_WRITE) != OK)
            return NULL;
    }
    area->cpu.self = &area->cpu;
    area->cpu.index = index;
    return &area->cpu;
}

static struct ap_block *trampoline(const struct smp_plan *plan)
{
    uint8_t *page = plan->low_pages;
    paddr_t at = paging_paddr(page);
    if (at.v + PAGE_BYTES > LOW_END)
        return NULL;
    memcpy(page, ap_code, (size_t)(ap_code_end - ap_code));
    struct ap_block *block = (struct ap_block *)(page + (ap_block - ap_code));
    block->entry = (uintptr_t)core_main;
    block->far32 += (uint32_t)at.v;
    block->far64 += (uint32_t)at.v;
    block->gdt_base += (uint32_t)at.v;
    return block;
}

static bool is_taken(const struct ap_block *block)
{
    return __atomic_load_n(&block->ticket, __ATOMIC_ACQUIRE) == 0;
}

/* Wait, halted, until the new core is in this state or a later one; it wakes core 0 then. */
static bool has_reached(const struct cpu *cpu, enum cpu_state state, uint32_t max_ms)
{
    uint64_t start = cpu_tsc(), limit = tsc_ticks(max_ms * 1000000ull);
    while (__atomic_load_n(&cpu->state, __ATOMIC_ACQUIRE) < state) {
        if (cpu_tsc() - start > limit)
            return false;
        smp_sleep(STEP_NS);
    }
    return true;
}

/* Returns NULL once the core is parked, else why it is not. *begin_ms: what is left of BEGIN_MS;
 * reduced by a core that does not begin. */
static const char *start_core(struct ap_block *block, struct cpu *cpu, uint32_t *begin_ms)
{
    uint8_t *start = (uint8_t *)block - (ap_block - ap_code);
    paddr_t at = paging_paddr(start);
    uint8_t page = (uint8_t)(at.v / PAGE_BYTES);
    /* Now that the stacks are mapped. */
    block->cr3 = paging_trampoline_tables(start + PAGE_BYTES, at).v;
    block->stack = (uintptr_t)stack_at(cpu, STACK_MAIN_END);
    block->cpu = (uintptr_t)cpu;
    comparison.asked = comparison.answered = 0;
    set_state(cpu, CPU_ABSENT);
    __atomic_store_n(&block->ticket, 1, __ATOMIC_RELEASE);

    lapic_send_startup(cpu->apic_id, page);
    tsc_wait_us(STARTUP_WAIT_US);
    if (!is_taken(block))
        lapic_send_startup(cpu->apic_id, page);
    uint32_t wait_ms = MAX(*begin_ms, BEGIN_LEAST_MS);
    if (!has_reached(cpu, CPU_COMPARING, wait_ms) && !is_taken(block)) {
        *begin_ms -= MIN(*begin_ms, wait_ms);
        return "it does not answer STARTUP";
    }
    if (!has_reached(cpu, CPU_COMPARING, FINISH_MS))
        return "it answered STARTUP but did not finish its set-up";
    *begin_ms = BEGIN_MS;
    cpu->tsc_skew = compare_tsc();
    return has_reached(cpu, CPU_PARKED, FINISH_MS) ? NULL : "it stopped during the TSC comparison";
}

unsigned smp_start(const struct smp_plan *plan)
{
    uint32_t own_id = lapic_id();
    cpus[0]->apic_id = own_id;
    unsigned max = MIN(plan->max, CPUS_MAX);
    uint32_t begin_ms = BEGIN_MS;
    struct ap_block *block = plan->low_pages ? trampoline(plan) : NULL;
    if (!block || lapic_mode() == LAPIC_NONE)
        return cpus_n;
    set_up_core = plan->set_up;

    /* INIT to all cores first, so that one wait is enough for all of them. */
    for (unsigned i = 0; i < plan->n; i++)
        if (plan->apic_ids[i] != own_id && lapic_can_address(plan->apic_ids[i]))
            lapic_send_init(plan->apic_ids[i]);
    tsc_wait_us(INIT_WAIT_US);

    struct cpu *cpu = NULL;
    for (unsigned i = 0; i < plan->n && cpus_n < max; i++) {
        uint32_t id = plan->apic_ids[i];
        if (id == own_id)
            continue;
        if (!lapic_can_address(id)) {
            plan->failed(id, "interrupts cannot be sent to this id without x2APIC");
            continue;
        }
        if (!cpu && !(cpu = make_core(cpus_n, plan->take))) {
            plan->failed(id, "no memory for its stacks");
            break;
        }
        cpu->apic_id = id;
        const char *why = start_core(block, cpu, &begin_ms);
        if (why) {
            /* INIT makes it wait for STARTUP again: it must not continue late on memory that the
             * next core gets. */
            block->ticket = 0;
            lapic_send_init(id);
            plan->failed(id, why);
            continue;
        }
        cpus[cpus_n] = cpu;
        cpus_n++;
        cpu = NULL;
    }
    return cpus_n;
}

void smp_run(void (*main)(void), unsigned n)
{
    for (unsigned i = 1; i < MIN(n, cpus_n); i++) {
        __atomic_store_n(&cpus[i]->main, main, __ATOMIC_RELEASE);
        smp_wake(i);
    }
}

/* --- sleeping --- */

void smp_sleep(uint64_t max_ns)
{
    struct cpu *cpu = cpu_this();
    if (max_ns) {
        if (!lapic_timer_is_known()) { /* nothing would end the sleep in time */
            cpu_pause();
            return;
        }
        lapic_timer_arm(max_ns);
    }
    cpu->sleeps++;
    __atomic_store_n(&cpu->is_asleep, true, __ATOMIC_RELAXED);
    cpu_sleep();
    /* The stamp first: a core that sees this one awake must see a fresh stamp. */
    __atomic_store_n(&cpu->loop_tsc, cpu_tsc(), __ATOMIC_RELAXED);
    __atomic_store_n(&cpu->is_asleep, false, __ATOMIC_RELEASE);
    if (max_ns)
        lapic_timer_arm(0);
}

void smp_wake(unsigned core)
{
    if (core < cpus_n)
        lapic_send(cpus[core]->apic_id, IRQ_WAKE);
}

uint8_t *smp_task_stack_top(void)
{
    uint64_t stacks = cpu_this()->stacks;

    return stacks ? (uint8_t *)(stacks + STACK_TASK_END) : stack_task_top;
}

bool smp_is_guard(uint64_t address)
{
    if (address < STACKS_BASE || address >= STACKS_BASE + STACKS_BYTES)
        return false;
    uint64_t in = address % STACK_STRIDE;
    return in < STACK_MAIN || (in >= STACK_MAIN_END && in < STACK_FAULT) ||
           (in >= STACK_FAULT_END && in < STACK_NMI) || (in >= STACK_NMI_END && in < STACK_CHECK) ||
           (in >= STACK_CHECK_END && in < STACK_TASK);
}
