/* SPDX-License-Identifier: BSD-2-Clause
 * The interrupt controller of each core, xAPIC or x2APIC behind one interface. x2APIC is used where
 * the CPU has it, and always where firmware left it on. Facts: Intel SDM volume 3, chapter 10.
 */
#ifndef ARCH_LAPIC_H
#define ARCH_LAPIC_H

#include "arch/mmio.h"
#include "arch/types.h"

enum lapic_mode { LAPIC_NONE, LAPIC_XAPIC, LAPIC_X2APIC };

/* Find this CPU's controller, choose the mode for all CPUs, map the registers, and enable it with
 * every local source masked, except a thermal interrupt that firmware sends to SMM. *paddr: the
 * MADT's address; becomes the MSR's if they differ. may_x2apic false: stay in xAPIC mode unless
 * firmware enabled x2APIC. Boot CPU, once. Errors, without a log line: ERR_NO_DEVICE: there is none;
 * those of paging_map_device for *paddr. */
#define LAPIC_BYTES 4096u
enum err lapic_init(paddr_t *paddr, bool may_x2apic) MUST_CHECK;
/* Enable this core's controller in the same mode. Every other core, once. */
void lapic_start(void);
/* Local pin 0 or 1 of this core delivers NMIs, as the MADT says. */
void lapic_nmi_pin(unsigned pin, bool is_low_active);

enum lapic_mode lapic_mode(void);
/* Its registers in xAPIC mode, for a self-test; base 0 in the other modes. */
mmio_t lapic_regs(void);
uint32_t lapic_id(void);
void lapic_eoi(void);
/* Read and clear this core's error bits. */
uint32_t lapic_errors(void);

/* Can an interrupt be sent to this id? In xAPIC mode ids have 8 bits; a longer one would be cut, and
 * would reach another core. All ones mean every core. */
bool lapic_can_address(uint32_t apic_id);

/* Send an interrupt to another core; nothing to an id that cannot be addressed. In xAPIC mode each
 * waits (bounded) until the previous one has been sent. */
void lapic_send_init(uint32_t apic_id);
void lapic_send_startup(uint32_t apic_id, uint8_t page); /* starts at page * 4096 */
void lapic_send_nmi(uint32_t apic_id);
void lapic_send(uint32_t apic_id, uint8_t vector);

/* Measure the timer's rate against the TSC; takes a millisecond or two. Boot CPU, after
 * tsc_calibrate. ERR_TIMEOUT: it does not count, and lapic_timer_arm then does nothing. */
enum err lapic_timer_calibrate(void) MUST_CHECK;
bool lapic_timer_is_known(void);
uint64_t lapic_timer_hz(void);
/* Raise IRQ_TIMER on this core once, after at most ns nanoseconds (much sooner if the counter is
 * too short); 0 disarms the timer. Does nothing before the timer is calibrated. */
void lapic_timer_arm(uint64_t ns);

#endif
