/* SPDX-License-Identifier: BSD-2-Clause
 * CPUID into one struct, and the control bits that follow from it. Long mode and NX are not checked
 * here: boot/entry.asm refuses CPUs without them.
 */
#include "arch/cpu.h"
#include "arch/features.h"
#include "arch/idle.h"
#include "arch/image.h"
#include "kernel/lib/str.h"

#define CR0_EM   BIT64(2)
#define CR0_TS   BIT64(3) /* an FPU or SSE instruction faults; the image has none */
#define CR0_WP   BIT64(16)
#define CR0_NW   BIT64(29)
#define CR0_CD   BIT64(30)
#define CR4_PGE  BIT64(7)
#define CR4_MCE  BIT64(6)
#define CR4_UMIP BIT64(11)
#define CR4_SMEP BIT64(20)
#define CR4_SMAP BIT64(21)
#define MSR_PAT  0x277
#define PAT_VALUE                                                                                  \
    0x0007040600070106ull /* entries 0..7: WB WC UC- UC WB WT UC- UC; 1 is WT at reset */

static READ_ONLY_AFTER_BOOT struct features found;

static void brand_read(char brand[49], uint32_t max_extended)
{
    if (max_extended >= 0x80000004) {
        for (uint32_t i = 0; i < 3; i++) {
            struct cpuid r = cpu_id(0x80000002 + i, 0);
            memcpy(brand + 16 * i, &r, 16);
        }
    } else {
        struct cpuid r = cpu_id(0, 0);
        memcpy(brand, &r.ebx, 4);
        memcpy(brand + 4, &r.edx, 4);
        memcpy(brand + 8, &r.ecx, 4);
    }
    brand[48] = 0;
    size_t lead = 0;
    while (brand[lead] == ' ')
        lead++;
    memmove(brand, brand + lead, 49 - lead);
    for (size_t n = strlen(brand); n > 0 && brand[n - 1] == ' '; n--)
        brand[n - 1] = 0;
}

void features_init(void)
{
    uint32_t max_basic = cpu_id(0, 0).eax;
    uint32_t max_extended = cpu_id(0x80000000, 0).eax;
    struct cpuid basic = cpu_id(1, 0);
    struct cpuid extended = cpu_id(0x80000001, 0);
    struct cpuid structured = max_basic >= 7 ? cpu_id(7, 0) : (struct cpuid){0};

    brand_read(found.brand, max_extended);
    found.physical_bits = max_extended >= 0x80000008 ? cpu_id(0x80000008, 0).eax & 0xFF : 36;
    if (found.physical_bits < 32 || found.physical_bits > 52)
        found.physical_bits = 36; /* no CPU has such a width; use the minimum of long mode */
    found.has_pages_1g = extended.edx & BIT(26);
    found.has_global_pages = basic.edx & BIT(13);
    found.has_pat = basic.edx & BIT(16);
    found.has_x2apic = basic.ecx & BIT(21);
    found.has_rdrand = basic.ecx & BIT(30);
    found.has_hypervisor = basic.ecx & BIT(31);
    found.has_smep = structured.ebx & BIT(7);
    found.has_smap = structured.ebx & BIT(20);
    found.has_rdseed = structured.ebx & BIT(18);
    found.has_umip = structured.ecx & BIT(2);
    found.has_la57 = structured.ecx & BIT(16);
    found.has_invariant_tsc =
        max_extended >= 0x80000007 && (cpu_id(0x80000007, 0).edx & BIT(8)) != 0;
}

const struct features *features(void)
{
    return &found;
}

void features_enable(void)
{
    /* Before CR4.PGE, whose change flushes the TLB. No page of the new type has been accessed yet. */
    if (found.has_pat)
        cpu_msr_write(MSR_PAT, PAT_VALUE);
    uint64_t cr4 = cpu_cr4_read() | CR4_MCE;
    if (found.has_global_pages)
        cr4 |= CR4_PGE;
    if (found.has_smep)
        cr4 |= CR4_SMEP;
    if (found.has_smap)
        cr4 |= CR4_SMAP;
    if (found.has_umip)
        cr4 |= CR4_UMIP;
    cpu_cr4_write(cr4);
    cpu_cr0_write((cpu_cr0_read() | CR0_WP | CR0_TS) & ~(CR0_NW | CR0_CD | CR0_EM));
    if (idle_may_stop_timer(cpu_id(0, 0).ebx, cpu_id(1, 0).eax, found.has_hypervisor)) {
        uint64_t pending = cpu_msr_read(MSR_AMD_INTERRUPT_PENDING);
        if (pending & AMD_C1E)
            cpu_msr_write(MSR_AMD_INTERRUPT_PENDING, pending & ~AMD_C1E);
    }
}
