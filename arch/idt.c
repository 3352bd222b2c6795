/* SPDX-License-Identifier: BSD-2-Clause
 * 256 interrupt gates, each to its stub in vectors.asm. Interrupt gates, so that every handler
 * starts with interrupts off. Read next: arch/trap.h.
 */
#include "arch/gdt.h"
#include "arch/idt.h"
#include "arch/image.h"
#include "arch/trap.h"

#define STUB_BYTES     16
#define GATE_INTERRUPT 0x8E /* present, ring 0, 64-bit interrupt gate */

struct gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};
static_assert(sizeof(struct gate) == 16, "as the CPU reads it");

struct idt_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

extern const uint8_t vectors[256][STUB_BYTES];

static READ_ONLY_AFTER_BOOT struct gate idt[256];

static enum ist stack_of(unsigned vector)
{
    switch (vector) {
    case TRAP_DOUBLE_FAULT:
        return IST_DOUBLE_FAULT;
    case TRAP_NMI:
        return IST_NMI;
    case TRAP_MACHINE_CHECK:
        return IST_MACHINE_CHECK;
    default:
        return IST_NONE;
    }
}

void idt_init(void)
{
    for (unsigned v = 0; v < ARRAY_SIZE(idt); v++) {
        uint64_t stub = (uintptr_t)vectors[v];
        idt[v] = (struct gate){
            .offset_low = (uint16_t)stub,
            .offset_middle = (uint16_t)(stub >> 16),
            .offset_high = (uint32_t)(stub >> 32),
            .selector = GDT_CODE,
            .ist = (uint8_t)stack_of(v),
            .type = GATE_INTERRUPT,
        };
    }
    idt_load();
}

void idt_load(void)
{
    struct idt_register where = {sizeof idt - 1, (uintptr_t)idt};
    __asm__ volatile("lidt %0" ::"m"(where));
}
