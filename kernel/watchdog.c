/* SPDX-License-Identifier: BSD-2-Clause
 * Core 0 checks the other cores; see watchdog.h.
 */
#include "kernel/watchdog.h"
#include "arch/image.h"
#include "arch/trap.h"
#include "arch/tsc.h"
#include "kernel/ksym.h"
#include "kernel/log/log.h"

READ_MOSTLY uint64_t watchdog_stall_tsc = ~0ull;
static uint64_t silent_tsc;
static bool is_reported[CPUS_MAX];
static uint64_t nmis_reported[CPUS_MAX]; /* unexpected NMIs up to this count are not logged again */

void watchdog_init(void)
{
    watchdog_stall_tsc = tsc_ticks(WATCHDOG_STALL_NS);
    silent_tsc = tsc_ticks(WATCHDOG_SILENT_NS);
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

void watchdog_poll(void)
{
    for (unsigned i = 0; i < cpus_n; i++) {
        struct cpu *cpu = cpus[i];
        report_nmis(i);
        if (i == 0)
            continue;
        if (__atomic_load_n(&cpu->state, __ATOMIC_ACQUIRE) != CPU_RUNNING)
            continue;
        /* is_asleep first: a core that wakes stamps before it clears is_asleep. */
        bool is_asleep = __atomic_load_n(&cpu->is_asleep, __ATOMIC_ACQUIRE);
        uint64_t stamp = __atomic_load_n(&cpu->loop_tsc, __ATOMIC_RELAXED);
        int64_t silent = (int64_t)(cpu_tsc() + (uint64_t)cpu->tsc_skew - stamp);
        int64_t limit = (int64_t)silent_tsc;
        if (is_asleep) {
            if (silent > limit)
                smp_wake(i); /* a live core then makes a stamp */
            limit *= 1 + WATCHDOG_SLEEP_FACTOR;
        }
        if (silent < limit) {
            if (is_reported[i])
                log_warn("core %u responds again", i);
            is_reported[i] = false;
        } else if (!is_reported[i]) {
            is_reported[i] = true;
            bool has_answered = !is_asleep && smp_trace(i);
            log_error("core %u has been silent for %lu ms%s", i, tsc_ns((uint64_t)silent) / 1000000,
                      has_answered ? "; it is at"
                      : is_asleep  ? " and does not wake"
                                   : " and does not answer an NMI");
            if (has_answered)
                watchdog_log_trace(&cpu->trace);
        }
    }
}
