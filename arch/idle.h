/* SPDX-License-Identifier: BSD-2-Clause
 * Two decisions about what firmware set up in a core for heat and for idle times. Pure.
 */
#ifndef ARCH_IDLE_H
#define ARCH_IDLE_H

#include "arch/types.h"

#define LVT_MASKED   BIT(16)
#define LVT_DELIVERY FIELD(10, 8)
#define LVT_SMI      2u

/* The thermal entry of a local APIC, from the one that firmware left on the boot CPU. Where it sends
 * an SMI, firmware's handler slows the CPU down or starts the fans: kept, and set on the other cores
 * alike, whose entries INIT has masked. All else is masked. */
static inline uint32_t idle_thermal_entry(uint32_t firmware)
{
    return FIELD_GET(LVT_DELIVERY, firmware) == LVT_SMI ? firmware : LVT_MASKED;
}

/* AMD's families 0Fh and 10h enter C1E when all cores have halted, if MSR C001_0055 says so: by an SMI
 * (bit 27) or by themselves (bit 28). Their local APIC timers stop then (erratum 400), and a core that
 * sleeps until its timer would sleep on. Clearing both bits leaves C1. Not in a virtual machine. */
#define MSR_AMD_INTERRUPT_PENDING 0xC0010055u
#define AMD_C1E                   (BIT64(27) | BIT64(28))

/* Does this CPU have the MSR and the erratum? ebx: of CPUID leaf 0; version: eax of leaf 1. */
static inline bool idle_may_stop_timer(uint32_t ebx, uint32_t version, bool has_hypervisor)
{
    const uint32_t authentic_amd = 0x68747541; /* "Auth" */
    uint32_t family = (version >> 8 & 15) + ((version >> 8 & 15) == 15 ? version >> 20 & 255 : 0);
    return ebx == authentic_amd && !has_hypervisor && (family == 0x0F || family == 0x10);
}

#endif
