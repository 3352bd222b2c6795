; SPDX-License-Identifier: BSD-2-Clause
; Change to another stack; see kernel/slice.c and arch/task.c, which alone do so. Saved are the registers that a C
; function keeps; interrupts are off, and neither FPU nor SSE registers are in use.

global stack_switch

section .text progbits alloc exec nowrite align=16
bits 64

; void stack_switch(uint64_t *from, uint64_t to): leave this stack, whose pointer goes to *from, and return
; on the other one, at the call that left it. A new stack holds six words for the registers, then the
; address of a function.
align 16
stack_switch:
    push rbp
    push rbx
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
    pop rbx
    pop rbp
    ret

section .note.GNU-stack noalloc noexec nowrite progbits  ; for tests, which run it on a host
