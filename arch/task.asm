; SPDX-License-Identifier: BSD-2-Clause
; void task_switch(uint64_t *save, uint64_t sp): from one stack of a core to another; see arch/task.c.
; The registers that a function may change are the caller's to save. Interrupts are off on both sides.

global task_switch

section .text progbits alloc exec nowrite align=16
bits 64
align 16
task_switch:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov [rdi], rsp
    mov rsp, rsi
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret
