/* SPDX-License-Identifier: BSD-2-Clause
 * Interrupt vectors. Each core has its own table, so that vectors never run out: a queue's interrupt
 * takes one vector of one core. Interrupts are taken only while a core sleeps (arch/smp.h); most
 * handlers have nothing to do, for the wake-up is all that is wanted.
 */
#ifndef ARCH_IRQ_H
#define ARCH_IRQ_H

#include "arch/types.h"

/* 32..47 are where the masked 8259s would send what they still hold; the top belongs to the LAPIC. */
#define IRQ_VECTORS     256u
#define IRQ_FIRST       48u
#define IRQ_LAST        239u
#define IRQ_TIMER       240u /* each core's own LAPIC timer */
#define IRQ_WAKE        241u /* IPI: there is something to do */
#define IRQ_APIC_ERROR  242u
#define IRQ_SPURIOUS    255u /* old LAPICs hardwire the low four bits to ones */

struct irq_slot {
    void (*handler)(void *context); /* NULL: waking is all */
    void *context;
    const char *name; /* NULL: free */
    uint64_t count;
};

/* Mask the two 8259s. Boot CPU, once, interrupts off. */
void irq_init(void);

/* Take a vector of a started core for an interrupt called `name` (which must live on). handler may
 * be NULL; it runs on that core with interrupts off, on whatever stack the core sleeps on, and must
 * not wait. Core 0, also while the core runs. ERR_BAD_VALUE: no such core. ERR_BUSY: all its
 * vectors are taken. */
enum err irq_alloc(unsigned core, void (*handler)(void *context), void *context, const char *name,
                   uint8_t *vector) MUST_CHECK;

/* What to write into an MSI or MSI-X entry so that it raises this vector on this core.
 * ERR_UNSUPPORTED: the core's id does not fit into the message (needs interrupt remapping). */
enum err msi_compose(unsigned core, uint8_t vector, uint64_t *address, uint32_t *data) MUST_CHECK;

/* A vector of 32 or more has come: count, handle, acknowledge. Called by the trap's upcall. */
void irq_handle(uint64_t vector);

#endif
