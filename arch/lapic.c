/* SPDX-License-Identifier: BSD-2-Clause
 * xAPIC and x2APIC. A register of the xAPIC at offset n is MSR 800h + n / 16 of the x2APIC, except
 * that there the two halves of the interrupt command are one 64-bit write.
 */
#include "arch/lapic.h"
#include "arch/cpu.h"
#include "arch/features.h"
#include "arch/idle.h"
#include "arch/image.h"
#include "arch/irq.h"
#include "arch/paging.h"
#include "arch/tsc.h"

#define MSR_APIC_BASE     0x1B
#define BASE_X2APIC       BIT64(10)
#define BASE_ENABLE       BIT64(11)
#define BASE_ADDRESS      0x000FFFFFFFFFF000ull
#define MSR_X2APIC        0x800
#define XAPIC_PADDR       0xFEE00000ull

#define REG_ID            0x020 /* xAPIC: id in [31:24]; x2APIC: all of it */
#define REG_VERSION       0x030
#define REG_TPR           0x080
#define TPR_NO_EXCEPTIONS 0x10 /* blocks messages with vectors 0 to 31, the exceptions' */
#define REG_EOI           0x0B0
#define REG_SVR           0x0F0
#define SVR_ENABLE        BIT(8)
#define REG_ISR(n)        (0x100 + 0x10 * (n)) /* in service: 8 words of 32 vectors */
#define REG_ESR           0x280                /* write, then read */
#define REG_ICR           0x300
#define REG_ICR_HIGH      0x310 /* xAPIC: destination in [31:24] */
#define ICR_NMI           (4u << 8)
#define ICR_INIT          (5u << 8)
#define ICR_STARTUP       (6u << 8)
#define ICR_PENDING       BIT(12) /* xAPIC only */
#define ICR_ASSERT        BIT(14)
#define REG_LVT_CMCI      0x2F0 /* present if version[23:16] >= 6 */
#define REG_LVT_TIMER     0x320 /* [18:17] = 0: one shot */
#define REG_LVT_THERMAL   0x330 /* >= 5 */
#define REG_LVT_COUNTERS  0x340 /* >= 4 */
#define REG_LVT_PIN(n)    (0x350 + 0x10 * (n))
#define REG_LVT_ERROR     0x370
#define LVT_NMI           (4u << 8)
#define LVT_LOW_ACTIVE    BIT(13)
#define REG_TIMER_INITIAL 0x380
#define REG_TIMER_CURRENT 0x390
#define REG_TIMER_DIVIDE  0x3E0
#define DIVIDE_BY_1       0x0B

#define CALIBRATE_US      500u
#define TIMER_MAX         0xFFFFFFFFu
#define SEND_READS        100000u /* of ICR_PENDING: some 10 ms */

static enum lapic_mode mode;
static mmio_t regs;
static uint64_t timer_hz;
static READ_ONLY_AFTER_BOOT uint32_t thermal; /* LVT entry of every core */

static uint32_t read(uint32_t reg)
{
    if (mode == LAPIC_X2APIC)
        return (uint32_t)cpu_msr_read(MSR_X2APIC + reg / 16);
    return mmio_read32(regs, reg);
}
static void write(uint32_t reg, uint32_t value)
{
    if (mode == LAPIC_X2APIC)
        cpu_msr_write(MSR_X2APIC + reg / 16, value);
    else
        mmio_write32(regs, reg, value);
}

/* Put this CPU's controller into the chosen mode. x2APIC can only be entered from xAPIC. */
static void enter_mode(void)
{
    uint64_t base = cpu_msr_read(MSR_APIC_BASE);
    if (!(base & BASE_ENABLE)) {
        base |= BASE_ENABLE;
        cpu_msr_write(MSR_APIC_BASE, base);
    }
    if (mode == LAPIC_X2APIC && !(base & BASE_X2APIC))
        cpu_msr_write(MSR_APIC_BASE, base | BASE_X2APIC);
}

static bool is_in_service(void)
{
    uint32_t any = 0;
    for (unsigned i = 0; i < 8; i++)
        any |= read(REG_ISR(i));
    return any != 0;
}

static void set_up(void)
{
    unsigned lvt_max = read(REG_VERSION) >> 16 & 0xFF;
    write(REG_LVT_TIMER, LVT_MASKED | IRQ_TIMER);
    write(REG_LVT_PIN(0), LVT_MASKED);
    write(REG_LVT_PIN(1), LVT_MASKED);
    if (lvt_max >= 4)
        write(REG_LVT_COUNTERS, LVT_MASKED);
    if (lvt_max >= 5)
        write(REG_LVT_THERMAL, thermal);
    if (lvt_max >= 6)
        write(REG_LVT_CMCI, LVT_MASKED);
    write(REG_TPR, TPR_NO_EXCEPTIONS);
    write(REG_SVR, SVR_ENABLE | IRQ_SPURIOUS);
    (void)lapic_errors();
    write(REG_LVT_ERROR, IRQ_APIC_ERROR);
    write(REG_TIMER_INITIAL, 0);
    write(REG_TIMER_DIVIDE, DIVIDE_BY_1);
    write(REG_LVT_TIMER, IRQ_TIMER);
    /* An interrupt that firmware left in service would block its priority class for ever. */
    for (unsigned i = 0; i < IRQ_VECTORS && is_in_service(); i++)
        lapic_eoi();
}

enum err lapic_init(paddr_t *paddr, bool may_x2apic)
{
    if (!(cpu_id(1, 0).edx & BIT(9)) && !(cpu_msr_read(MSR_APIC_BASE) & BASE_ENABLE))
        return ERR_NO_DEVICE;
    uint64_t base = cpu_msr_read(MSR_APIC_BASE);
    if (base & BASE_ADDRESS)
        paddr->v = base & BASE_ADDRESS;
    if (!paddr->v)
        paddr->v = XAPIC_PADDR;
    bool is_x2apic = (base & BASE_ENABLE) && (base & BASE_X2APIC);
    if (is_x2apic || (may_x2apic && features()->has_x2apic)) {
        mode = LAPIC_X2APIC;
    } else {
        enum err e = paging_map_device(*paddr, LAPIC_BYTES, &regs);
        if (e != OK)
            return e;
        mode = LAPIC_XAPIC;
    }
    enter_mode();
    if ((read(REG_VERSION) >> 16 & 0xFF) >= 5)
        thermal = idle_thermal_entry(read(REG_LVT_THERMAL));
    lapic_start();
    return OK;
}

void lapic_start(void)
{
    enter_mode();
    set_up();
}

void lapic_nmi_pin(unsigned pin, bool is_low_active)
{
    write(REG_LVT_PIN(pin), LVT_NMI | (is_low_active ? LVT_LOW_ACTIVE : 0));
}

enum lapic_mode lapic_mode(void)
{
    return mode;
}

/* Destinations that mean every core. */
#define XAPIC_BROADCAST  0xFFu
#define X2APIC_BROADCAST 0xFFFFFFFFu

mmio_t lapic_regs(void)
{
    return mode == LAPIC_XAPIC ? regs : (mmio_t){0};
}

uint32_t lapic_id(void)
{
    uint32_t id = mode == LAPIC_NONE ? cpu_id(1, 0).ebx : read(REG_ID);
    return mode == LAPIC_X2APIC ? id : id >> 24;
}

void lapic_eoi(void)
{
    if (mode != LAPIC_NONE)
        write(REG_EOI, 0);
}

uint32_t lapic_errors(void)
{
    write(REG_ESR, 0);
    return read(REG_ESR);
}

bool lapic_can_address(uint32_t apic_id)
{
    switch (mode) {
    case LAPIC_XAPIC:
        return apic_id < XAPIC_BROADCAST;
    case LAPIC_X2APIC:
        return apic_id != X2APIC_BROADCAST;
    case LAPIC_NONE:
        break;
    }
    return false;
}

static void send(uint32_t apic_id, uint32_t command)
{
    if (!lapic_can_address(apic_id))
        return;
    if (mode == LAPIC_X2APIC) {
        cpu_fence(); /* this MSR write is not ordered after earlier stores */
        cpu_msr_write(MSR_X2APIC + REG_ICR / 16, (uint64_t)apic_id << 32 | command);
        return;
    }
    for (uint32_t i = 0; i < SEND_READS && (read(REG_ICR) & ICR_PENDING); i++)
        cpu_pause();
    write(REG_ICR_HIGH, apic_id << 24);
    write(REG_ICR, command);
}

void lapic_send_init(uint32_t apic_id)
{
    send(apic_id, ICR_INIT | ICR_ASSERT);
}
void lapic_send_startup(uint32_t apic_id, uint8_t page)
{
    send(apic_id, ICR_STARTUP | ICR_ASSERT | page);
}
void lapic_send_nmi(uint32_t apic_id)
{
    send(apic_id, ICR_NMI | ICR_ASSERT);
}
void lapic_send(uint32_t apic_id, uint8_t vector)
{
    send(apic_id, ICR_ASSERT | vector);
}

/* Read the timer and the TSC together: of three tries the one whose read was shortest, since an
 * interruption between the two reads would make them disagree. */
static uint32_t timer_read(uint64_t *tsc)
{
    uint64_t best = ~0ull;
    uint32_t ticks = 0;
    *tsc = 0;
    for (unsigned i = 0; i < 3; i++) {
        uint64_t before = cpu_tsc();
        uint32_t now = read(REG_TIMER_CURRENT);
        uint64_t took = cpu_tsc() - before;
        if (took < best) {
            best = took;
            *tsc = before;
            ticks = now;
        }
    }
    return ticks;
}

enum err lapic_timer_calibrate(void)
{
    if (mode == LAPIC_NONE)
        return ERR_NO_DEVICE;
    write(REG_LVT_TIMER, LVT_MASKED | IRQ_TIMER);
    write(REG_TIMER_INITIAL, TIMER_MAX);
    uint64_t before, after;
    uint32_t first = timer_read(&before);
    tsc_wait_us(CALIBRATE_US);
    uint32_t last = timer_read(&after);
    uint64_t took = tsc_ns(after - before);
    write(REG_TIMER_INITIAL, 0);
    write(REG_LVT_TIMER, IRQ_TIMER);
    uint32_t ticks = first - last;
    /* A timer slower than 1 MHz is unusable, and one that stands still is broken. */
    if (took == 0 || ticks < CALIBRATE_US)
        return ERR_TIMEOUT;
    timer_hz = (uint64_t)ticks * 1000000000ull / took;
    tsc_set_alarm(lapic_timer_arm);
    return OK;
}

bool lapic_timer_is_known(void)
{
    return timer_hz != 0;
}

uint64_t lapic_timer_hz(void)
{
    return timer_hz;
}

void lapic_timer_arm(uint64_t ns)
{
    if (!timer_hz)
        return;
    const uint64_t ns_max = 1000000000ull; /* the product below must fit */
    uint64_t ticks = MIN(ns, ns_max) * timer_hz / 1000000000ull;
    if (ns && ticks == 0)
        ticks = 1;
    write(REG_TIMER_INITIAL, (uint32_t)MIN(ticks, (uint64_t)TIMER_MAX));
}
