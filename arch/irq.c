/* SPDX-License-Identifier: BSD-2-Clause
 * Vectors and the 8259s; see irq.h.
 */
#include "arch/irq.h"
#include "arch/lapic.h"
#include "arch/port.h"
#include "arch/smp.h"

/* The 8259 pair (Intel 8259A datasheet): each takes four initialization words, then a mask. */
#define PIC_MAIN         0x20
#define PIC_SECOND       0xA0
#define PIC_DATA         1 /* offset of the data port from each */
#define ICW1_INIT_ICW4   0x11
#define ICW3_MAIN        0x04 /* the second 8259 is on line 2 */
#define ICW3_SECOND      0x02
#define ICW4_8086        0x01
#define PIC_MASK_ALL     0xFF
#define PIC_VECTOR_FIRST 32

#define MSI_ADDRESS      0xFEE00000ull
#define MSI_DESTINATION  12 /* shift of the core's id: eight bits, physical, fixed */
#define MSI_ID_MAX       254u

void irq_init(void)
{
    /* Initialized before they are masked, so that an interrupt that is already being delivered, or
     * a spurious one, arrives at 32..47 and not at an exception's vector. */
    port_out8(PIC_MAIN, ICW1_INIT_ICW4);
    port_out8(PIC_SECOND, ICW1_INIT_ICW4);
    port_out8(PIC_MAIN + PIC_DATA, PIC_VECTOR_FIRST);
    port_out8(PIC_SECOND + PIC_DATA, PIC_VECTOR_FIRST + 8);
    port_out8(PIC_MAIN + PIC_DATA, ICW3_MAIN);
    port_out8(PIC_SECOND + PIC_DATA, ICW3_SECOND);
    port_out8(PIC_MAIN + PIC_DATA, ICW4_8086);
    port_out8(PIC_SECOND + PIC_DATA, ICW4_8086);
    port_out8(PIC_MAIN + PIC_DATA, PIC_MASK_ALL);
    port_out8(PIC_SECOND + PIC_DATA, PIC_MASK_ALL);
}

enum err irq_alloc(unsigned core, void (*handler)(void *context), void *context, const char *name,
                   uint8_t *vector)
{
    if (core >= cpus_n || !name)
        return ERR_BAD_VALUE;
    for (unsigned v = IRQ_FIRST; v <= IRQ_LAST; v++) {
        struct irq_slot *slot = &cpus[core]->irqs[v];
        if (slot->name)
            continue;
        slot->handler = handler;
        slot->context = context;
        slot->count = 0;
        __atomic_store_n(&slot->name, name, __ATOMIC_RELEASE);
        *vector = (uint8_t)v;
        return OK;
    }
    return ERR_BUSY;
}

enum err msi_compose(unsigned core, uint8_t vector, uint64_t *address, uint32_t *data)
{
    if (core >= cpus_n)
        return ERR_BAD_VALUE;
    if (cpus[core]->apic_id > MSI_ID_MAX)
        return ERR_UNSUPPORTED;
    *address = MSI_ADDRESS | (uint64_t)cpus[core]->apic_id << MSI_DESTINATION;
    *data = vector; /* edge, fixed delivery */
    return OK;
}

/* Every vector is acknowledged. A spurious interrupt or one of an 8259 is not in service in the
 * LAPIC, and since handlers never nest, an extra EOI ends nothing else. A message with such a
 * vector is in service, and without EOI would block all interrupts of lower priority for ever. */
void irq_handle(uint64_t vector)
{
    struct cpu *cpu = cpu_this();
    struct irq_slot *slot = &cpu->irqs[vector];
    cpu->interrupts++;
    slot->count++;
    if (vector == IRQ_APIC_ERROR)
        (void)lapic_errors();
    if (slot->handler)
        slot->handler(slot->context);
    lapic_eoi();
}
