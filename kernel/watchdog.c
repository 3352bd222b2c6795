/* SPDX-License-Identifier: BSD-2-Clause
 * Core 0 checks the other cores, core 1 checks core 0; see watchdog.h.
 */
#include "kernel/watchdog.h"
#include "arch/image.h"
#include "arch/lapic.h"
#include "arch/trap.h"
#include "arch/tsc.h"
#include "kernel/ksym.h"
#include "kernel/log/log.h"

READ_MOSTLY uint64_t watchdog_stall_tsc = ~0ull;
static uint64_t silent_tsc, core_0_tsc;
static bool is_reported[CPUS_MAX];
static uint64_t nmis_reported[CPUS_MAX]; /* unexpected NMIs up to this count are not logged again */

void watchdog_init(void)
{
    watchdog_stall_tsc = tsc_ticks(WATCHDOG_STALL_NS);
    silent_tsc = tsc_ticks(WATCHDOG_SILENT_NS);
    core_0_tsc = tsc_ticks(WATCHDOG_CORE_0_NS);
    cpu_this()->loop_tsc = cpu_tsc();
}

void watchdog_count_stall(struct cpu *cpu, uint64_t ticks)
{
    hist_add(&cpu->stalls, tsc_ns(ticks));
}

void watchdog_log_trace(const struct cpu_trace *trace)
{
    for (unsigned i = 0; i < trace->n; i++) {
        uint64_t offset;
        const char *name = ksym_find(trace->rip[i], &offset);
        if (name)
            log_warn("  0x%016lx %s+0x%lx", trace->rip[i], name, offset);
        else
            log_warn("  0x%016lx", trace->rip[i]);
    }
}

/* Log the first unexpected NMI, and then each time that their number has doubled. */
static void report_nmis(unsigned core)
{
    uint64_t n = __atomic_load_n(&cpus[core]->irqs[TRAP_NMI].count, __ATOMIC_ACQUIRE);
    if (n <= nmis_reported[core])
        return;
    nmis_reported[core] = 2 * n - 1;
    log_warn("core %u: %lu unexpected NMIs; at the last one it was at", core, n);
    watchdog_log_trace(&cpus[core]->trace);
}

static void report(unsigned core, uint64_t silent_ms, bool is_asleep)
{
    bool has_answered = !is_asleep && smp_trace(core);
    if (core == 0)
        log_stand_in(true); /* core 0 does not print this */
    log_error("core %u has been silent for %lu ms%s", core, silent_ms,
              has_answered ? "; it is at"
              : is_asleep  ? " and does not wake"
                           : " and does not answer an NMI");
    if (has_answered)
        watchdog_log_trace(&cpus[core]->trace);
}

static void report_end(unsigned core)
{
    if (core == 0)
        log_stand_in(false);
    log_warn("core %u responds again", core);
}

/* Look at another core's stamp, and log if it is silent for `limit` ticks or responds again. */
static void check(unsigned core, int64_t limit)
{
    struct cpu *cpu = cpus[core];
    if (__atomic_load_n(&cpu->state, __ATOMIC_ACQUIRE) != CPU_RUNNING)
        return;
    /* is_asleep first: a core that wakes stamps before it clears is_asleep. */
    bool is_asleep = __atomic_load_n(&cpu->is_asleep, __ATOMIC_ACQUIRE);
    uint64_t stamp = __atomic_load_n(&cpu->loop_tsc, __ATOMIC_RELAXED);
    int64_t skew = cpu->tsc_skew - cpu_this()->tsc_skew;
    int64_t silent = (int64_t)(cpu_tsc() + (uint64_t)skew - stamp);
    if (is_asleep) {
        if (silent > (int64_t)silent_tsc)
            smp_wake(core); /* a live core then makes a stamp */
        limit = (int64_t)silent_tsc * (1 + WATCHDOG_SLEEP_FACTOR);
    }
    if (silent < limit) {
        if (is_reported[core])
            report_end(core);
        is_reported[core] = false;
    } else if (!is_reported[core]) {
        is_reported[core] = true;
        report(core, tsc_ns((uint64_t)silent) / 1000000, is_asleep);
    }
}

void watchdog_poll(void)
{
    for (unsigned i = 0; i < cpus_n; i++) {
        report_nmis(i);
        if (i != 0)
            check(i, (int64_t)silent_tsc);
    }
}

void watchdog_poll_core_0(void)
{
    check(0, (int64_t)core_0_tsc);
}

uint64_t watchdog_sleep_ns(unsigned core)
{
    return core == WATCHDOG_OF_CORE_0 && lapic_timer_is_known() ? WATCHDOG_SILENT_NS : 0;
}
