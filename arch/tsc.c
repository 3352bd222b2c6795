/* SPDX-License-Identifier: BSD-2-Clause
 * The TSC's rate, from the best source available. Every wait is limited by the clock that is read
 * and by a count of reads, so that a clock that stands still costs milliseconds.
 */
#include "arch/cpu.h"
#include "arch/mmio.h"
#include "arch/port.h"
#include "arch/smp.h"
#include "arch/tsc.h"

#define GUESS_HZ 2000000000ull
#define NS_PER_S 1000000000ull

/* CPUID 15h: TSC = crystal * ebx / eax; 16h: base frequency in MHz; 40000010h: TSC in kHz (under
 * KVM and VMware). */
#define LEAF_CRYSTAL        0x15
#define LEAF_MHZ            0x16
#define LEAF_HYPERVISOR     0x40000000
#define LEAF_HYPERVISOR_TSC 0x40000010

#define PM_HZ               3579545u
#define PM_WINDOW           17898u /* ticks: 5 ms, so that one tick of error is 60 ppm */

/* HPET (IA-PC HPET specification 1.0a, section 2.3). */
#define HPET_CAPS                     0x000 /* [63:32] femtoseconds per tick */
#define HPET_CONFIG                   0x010
#define HPET_ENABLE                   BIT64(0)
#define HPET_COUNTER                  0x0F0
#define HPET_PERIOD_MAX_FS            100000000u
#define FS_PER_S                      1000000000000000ull
#define WINDOWS_PER_S                 1000u /* 1 ms: one tick of error is at most 100 ppm */

#define PIT_HZ                        1193182u
#define PIT_WINDOW                    5966u /* ticks: 5 ms */
#define PIT_TRIES                     5u
#define PIT_CHANNEL_2                 0x42
#define PIT_COMMAND                   0x43
#define PIT_CHANNEL_2_LOW_HIGH_MODE_0 0xB0
#define PORT_61                       0x61
#define PORT_61_GATE                  0x01
#define PORT_61_SPEAKER               0x02
#define PIT_LATCH_2                   0x80

/* A clock counts as dead after READS_MAX reads and TICKS_MAX ticks of the TSC, both. Reads alone
 * would end too early where an emulator counts instructions as time (a read takes nanoseconds
 * there), ticks alone where the host ran other work meanwhile. */
#define READS_MAX 200000u
#define TICKS_MAX 400000000ull

/* Waits of at least this length halt; for shorter ones the halt does not pay. */
#define HALT_NS 50000u

uint64_t entry_tsc; /* by boot/entry.asm */
static uint64_t hz = GUESS_HZ;
static const char *source; /* NULL while hz is the guess */
static mmio_t hpet;
static uint64_t hpet_hz; /* 0: none */
static uint16_t pm_port;
static uint32_t pm_mask;
static void (*alarm)(uint64_t ns); /* NULL: waits do not halt */

/* A source that gives a rate outside of these bounds is wrong. No CPU states less than 100 MHz; a clock
 * may measure less, in an emulator whose TSC counts instructions. */
#define STATED_MIN_HZ   100000000ull
#define MEASURED_MIN_HZ 1000000ull
#define RATE_MAX_HZ     20000000000ull

static void accept_rate(uint64_t rate, uint64_t min_hz, const char *from)
{
    if (rate < min_hz || rate > RATE_MAX_HZ)
        return;
    hz = rate;
    source = from;
}

static void read_rate_from_cpuid(void)
{
    uint32_t max = cpu_id(0, 0).eax;
    if (max >= LEAF_CRYSTAL) {
        struct cpuid r = cpu_id(LEAF_CRYSTAL, 0);
        if (r.eax && r.ebx && r.ecx)
            accept_rate((uint64_t)r.ecx * r.ebx / r.eax, STATED_MIN_HZ, "CPUID leaf 15h");
    }
    bool has_hypervisor = cpu_id(1, 0).ecx & BIT(31);
    if (!source && has_hypervisor && cpu_id(LEAF_HYPERVISOR, 0).eax >= LEAF_HYPERVISOR_TSC &&
        cpu_id(LEAF_HYPERVISOR, 0).eax <= LEAF_HYPERVISOR + 0xFFFF)
        accept_rate(cpu_id(LEAF_HYPERVISOR_TSC, 0).eax * 1000ull, STATED_MIN_HZ,
                    "CPUID leaf 40000010h");
}

void tsc_start(void)
{
    read_rate_from_cpuid();
}

void tsc_offer_pm_timer(uint16_t port, bool is_32_bit)
{
    pm_port = port;
    pm_mask = is_32_bit ? 0xFFFFFFFFu : 0x00FFFFFFu;
}

void tsc_offer_hpet(mmio_t regs)
{
    uint64_t period_fs = mmio_read64(regs, HPET_CAPS) >> 32;
    if (period_fs == 0 || period_fs > HPET_PERIOD_MAX_FS)
        return;
    hpet = regs;
    hpet_hz = FS_PER_S / period_fs;
    mmio_write64(regs, HPET_CONFIG, mmio_read64(regs, HPET_CONFIG) | HPET_ENABLE);
}

static uint32_t pm_read(void)
{
    return port_in32(pm_port);
}
/* Channel 2 counts down and wraps; the speaker stays off. */
static uint32_t pit_read(void)
{
    port_out8(PIT_COMMAND, PIT_LATCH_2);
    uint32_t low = port_in8(PIT_CHANNEL_2);
    return 0xFFFF - (low | (uint32_t)port_in8(PIT_CHANNEL_2) << 8);
}
static uint32_t hpet_read(void)
{
    return mmio_read32(hpet, HPET_COUNTER);
}

/* A clock that counts up: its bits that count, and how many ticks a measurement takes. */
struct clock {
    const char *name;
    uint32_t (*read)(void);
    uint64_t hz;
    uint32_t mask, window;
};

/* Read the TSC and the clock together: of five tries the one whose read was shortest, since an
 * interruption between the two reads would make them disagree. */
static void read_together(const struct clock *clock, uint64_t *tsc, uint32_t *count)
{
    uint64_t best = ~0ull;
    for (unsigned i = 0; i < 5; i++) {
        uint64_t before = cpu_tsc();
        uint32_t now = clock->read() & clock->mask;
        uint64_t took = cpu_tsc() - before;
        if (took < best) {
            best = took;
            *tsc = before + took / 2;
            *count = now;
        }
    }
}

static bool is_dead(uint32_t reads, uint64_t since_tsc)
{
    return reads > READS_MAX && cpu_tsc() - since_tsc > TICKS_MAX;
}

/* The TSC's rate measured against this clock; 0 if the clock does not move. */
static uint64_t rate_by(const struct clock *clock)
{
    uint64_t tsc_before, tsc_after;
    uint32_t before, after;
    read_together(clock, &tsc_before, &before);
    for (uint32_t i = 0; ((clock->read() - before) & clock->mask) < clock->window; i++) {
        if (is_dead(i, tsc_before))
            return 0;
        cpu_pause();
    }
    read_together(clock, &tsc_after, &after);
    return (tsc_after - tsc_before) * clock->hz / ((after - before) & clock->mask);
}

static void calibrate_against(const struct clock *clock)
{
    accept_rate(rate_by(clock), MEASURED_MIN_HZ, clock->name);
}

/* The PIT wraps after 55 ms, and an emulated CPU may not run for that long: two measurements in a
 * row must agree. */
static void calibrate_against_pit(void)
{
    const struct clock pit = {"PIT", pit_read, PIT_HZ, 0xFFFF, PIT_WINDOW};
    uint8_t saved = port_in8(PORT_61);
    port_out8(PORT_61, (saved & ~PORT_61_SPEAKER) | PORT_61_GATE);
    port_out8(PIT_COMMAND, PIT_CHANNEL_2_LOW_HIGH_MODE_0);
    port_out8(PIT_CHANNEL_2, 0xFF);
    port_out8(PIT_CHANNEL_2, 0xFF);
    uint64_t last = 0, rate = rate_by(&pit);
    for (unsigned i = 1; i < PIT_TRIES && rate != 0; i++) {
        last = rate;
        rate = rate_by(&pit);
        if (MAX(rate, last) - MIN(rate, last) < rate / 100)
            break;
    }
    port_out8(PORT_61, saved);
    accept_rate(rate, MEASURED_MIN_HZ, pit.name);
}

/* Skylake and Kaby Lake state the ratio but no crystal; the TSC then runs at about the base frequency,
 * which leaf 16h gives in MHz. On servers it is up to 0.3 % off, so any clock is better. */
static void take_base_frequency(void)
{
    if (cpu_id(0, 0).eax < LEAF_MHZ)
        return;
    struct cpuid r = cpu_id(LEAF_CRYSTAL, 0);
    if (r.eax && r.ebx)
        accept_rate(cpu_id(LEAF_MHZ, 0).eax * 1000000ull, STATED_MIN_HZ, "CPUID leaf 16h");
}

enum err tsc_calibrate(void)
{
    if (!source && hpet_hz)
        calibrate_against(&(struct clock){"HPET", hpet_read, hpet_hz, UINT32_MAX,
                                          (uint32_t)(hpet_hz / WINDOWS_PER_S)});
    if (!source && pm_port)
        calibrate_against(&(struct clock){"ACPI PM timer", pm_read, PM_HZ, pm_mask, PM_WINDOW});
    if (!source)
        calibrate_against_pit();
    if (!source)
        take_base_frequency();
    return source ? OK : ERR_TIMEOUT;
}

bool tsc_is_known(void)
{
    return source != NULL;
}

const char *tsc_source(void)
{
    return source ? source : "a guess";
}

uint64_t tsc_hz(void)
{
    return hz;
}

uint64_t tsc_ns(uint64_t ticks)
{
    return ticks / hz * NS_PER_S + ticks % hz * NS_PER_S / hz;
}

uint64_t tsc_now_ns(void)
{
    return tsc_ns(cpu_tsc() - (uint64_t)cpu_this()->tsc_skew - entry_tsc);
}

uint64_t tsc_ticks(uint64_t ns)
{
    return ns / NS_PER_S * hz + ns % NS_PER_S * hz / NS_PER_S;
}

void tsc_set_alarm(void (*arm)(uint64_t ns))
{
    alarm = arm;
}

void tsc_wait_us(uint32_t us)
{
    uint64_t start = cpu_tsc(), ticks = tsc_ticks(us * 1000ull), gone;
    bool can_halt = alarm && !cpu_interrupts_are_on();
    uint64_t halt_ticks = can_halt ? tsc_ticks(HALT_NS) : ~0ull;
    while ((gone = cpu_tsc() - start) < ticks) {
        if (ticks - gone >= halt_ticks) {
            alarm(tsc_ns(ticks - gone));
            cpu_sleep();
        } else {
            cpu_pause();
        }
    }
    if (can_halt && us * 1000ull >= HALT_NS)
        alarm(0);
}
