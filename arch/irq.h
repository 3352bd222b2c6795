/* SPDX-License-Identifier: BSD-2-Clause
 * Interrupt vectors. Each core has its own table, so that vectors do not run out: a queue's
 * interrupt takes one vector on one core. Interrupts are taken only while a core sleeps
 * (arch/smp.h); most handlers are empty, as the interrupt only has to wake the core.
 */
#ifndef ARCH_IRQ_H
#define ARCH_IRQ_H

#include "arch/types.h"

/* 32..47: what the masked 8259s may still deliver. From IRQ_TIMER on: the LAPIC's own. */
#define IRQ_VECTORS    256u
#define IRQ_FIRST      48u
#define IRQ_LAST       239u
#define IRQ_TIMER      240u /* each core's own LAPIC timer */
#define IRQ_WAKE       241u /* IPI: wake up and look for work */
#define IRQ_APIC_ERROR 242u
#define IRQ_SPURIOUS   255u /* old LAPICs hardwire the low four bits to ones */

struct irq_slot {
    void (*handler)(void *context); /* NULL: the interrupt only wakes the core */
    void *context;
    const char *name; /* NULL: free */
    uint64_t count;
};

/* Mask the two 8259s. Boot CPU, once, interrupts off. */
void irq_init(void);

/* Take a vector of a started core for an interrupt called `name` (the string must stay valid).
 * handler may be NULL; it runs on that core with interrupts off, on the stack on which the core
 * sleeps, and must not wait. Core 0, also while the core runs. ERR_BAD_VALUE: no such core.
 * ERR_BUSY: all its vectors are taken. */
enum err irq_alloc(unsigned core, void (*handler)(void *context), void *context, const char *name,
                   uint8_t *vector) MUST_CHECK;

/* Get the address and data of an MSI or MSI-X entry that raises this vector on this core.
 * ERR_UNSUPPORTED: the core's id does not fit into the message (needs interrupt remapping). */
enum err msi_compose(unsigned core, uint8_t vector, uint64_t *address, uint32_t *data) MUST_CHECK;

/* Count, handle and acknowledge an interrupt of vector 32 or more. Called by trap_dispatch. */
void irq_handle(uint64_t vector);

#endif
