/* SPDX-License-Identifier: BSD-2-Clause
 * The interrupt controller of each core, xAPIC or x2APIC behind one interface. x2APIC is chosen
 * where the CPU has it, and always where firmware left it on. Facts: Intel SDM volume 3, chapter 10.
 */
#ifndef ARCH_LAPIC_H
#define ARCH_LAPIC_H

#include "arch/types.h"

enum lapic_mode { LAPIC_NONE, LAPIC_XAPIC, LAPIC_X2APIC };

/* Find this CPU's controller, choose the mode for all, map the registers, switch it on with every
 * local source masked. paddr: what the MADT says; the MSR's address wins where they differ.
 * may_x2apic false: stay in xAPIC mode if firmware does. Boot CPU, once. ERR_NO_DEVICE after no
 * line: there is none, or it is switched off for good. */
enum err lapic_init(uint64_t paddr, bool may_x2apic) MUST_CHECK;
/* The same mode on this core: each other core, once. */
void lapic_start(void);
/* Local pin 0 or 1 of this core delivers NMIs, as the MADT says. */
void lapic_nmi_pin(unsigned pin, bool is_low_active);

enum lapic_mode lapic_mode(void);
uint32_t lapic_id(void);
void lapic_eoi(void);
/* Read and clear this core's error bits. */
uint32_t lapic_errors(void);

/* Interrupts between cores. Each waits (bounded) until the last one has left. */
void lapic_send_init(uint32_t apic_id);
void lapic_send_startup(uint32_t apic_id, uint8_t page); /* starts at page * 4096 */
void lapic_send_nmi(uint32_t apic_id);
void lapic_send(uint32_t apic_id, uint8_t vector);

/* Find out how fast the timer counts, against the TSC; takes a millisecond or two. Boot CPU, after
 * tsc_calibrate. ERR_TIMEOUT: it does not count; then nothing waits by it. */
enum err lapic_timer_calibrate(void) MUST_CHECK;
bool lapic_timer_is_known(void);
uint64_t lapic_timer_hz(void);
/* Raise IRQ_TIMER on this core once, in at most ns (sooner if the counter is too short); 0: not at
 * all. Without a known timer it does nothing. */
void lapic_timer_arm(uint64_t ns);

#endif
