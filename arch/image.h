/* SPDX-License-Identifier: BSD-2-Clause
 * The bounds of the image, as linker.ld sets them. Virtual addresses, except the two _paddr.
 */
#ifndef ARCH_IMAGE_H
#define ARCH_IMAGE_H

#include "arch/types.h"

extern const uint8_t image_start_paddr[], image_end_paddr[]; /* the addresses are the values */
extern const uint8_t image_text_start[], image_text_end[];
extern const uint8_t image_rodata_start[], image_rodata_end[];
extern uint8_t image_data_start[], image_end[];

/* Data that is written during boot only: kernel/main.c calls paging_seal when the machine is up,
 * and from then on a write is a page fault. */
#define READ_ONLY_AFTER_BOOT __attribute__((section(".bss.sealed"))) /* starts as zeroes */
extern uint8_t image_sealed_start[], image_sealed_end[];

/* Each stack: guard page, bottom, top. */
extern uint8_t stack_boot_guard[], stack_boot_bottom[], stack_boot_top[];
extern uint8_t stack_fault_guard[], stack_fault_bottom[], stack_fault_top[];
extern uint8_t stack_nmi_guard[], stack_nmi_bottom[], stack_nmi_top[];
extern uint8_t stack_check_guard[], stack_check_bottom[], stack_check_top[];
extern uint8_t stack_work_guard[], stack_work_bottom[], stack_work_top[];
extern uint8_t stack_task_guard[], stack_task_bottom[], stack_task_top[];

/* Data that is written during boot, some of it after paging_seal, and read by every core's loop. It
 * has cache lines to itself, so that no other store invalidates them in a loop's cache. */
#define READ_MOSTLY __attribute__((section(".data.settled")))

#endif
