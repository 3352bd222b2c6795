/* SPDX-License-Identifier: BSD-2-Clause
 * The CPU's features, read from CPUID once.
 */
#ifndef ARCH_FEATURES_H
#define ARCH_FEATURES_H

#include "arch/types.h"

struct features {
    char brand[49]; /* CPUID's brand string, trimmed; without one, the vendor's 12 letters */
    unsigned physical_bits;
    bool has_pages_1g, has_global_pages, has_pat;
    bool has_smep, has_smap, has_umip;
    bool has_x2apic, has_rdrand, has_rdseed, has_invariant_tsc, has_hypervisor;
    bool has_la57; /* 5-level paging exists; it is off, see boot/entry.asm */
};

/* Read CPUID. Boot CPU, once; then features() is valid on any CPU. */
void features_init(void);
const struct features *features(void);

/* Enable WP, SMEP, SMAP, UMIP and global pages; set the PAT, alike on each CPU: as at reset, but with
 * write-combining in entry 1; switch C1E off where it would stop the timers (arch/idle.h). Each CPU,
 * once, with the final page tables in use, before the frame buffer is accessed through them. */
void features_enable(void);

#endif
