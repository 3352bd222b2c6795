; SPDX-License-Identifier: BSD-2-Clause
; The kernel's first instructions, in long mode and the higher half. They set up what C code needs
; before it can run: a stack, and the stack protector's canary.
;
; In:  rdi = eax and rsi = ebx as the loader left them.
; Read next: kernel/main.c.

%include "boot/cpu.inc"

extern kmain
extern stack_boot_top
extern __stack_chk_guard
global kernel_start

section .text progbits alloc exec nowrite align=16
bits 64
kernel_start:
    load_segments
    mov rsp, stack_boot_top

    ; The canary: the TSC's bits spread over the word, exclusive or a word of RDRAND where there is one
    ; (CPUID.1:ECX, bit 30; it may have none ready, so it is asked ten times). Its lowest byte is 0, so
    ; that an overflowing string stops before it. arch/random.c serves all later needs.
    mov eax, 1
    cpuid
    xor r9d, r9d
    bt ecx, 30
    jnc .has_word
    mov ecx, 10
.again:
    rdrand r9
    jc .has_word
    dec ecx
    jnz .again
.has_word:
    rdtsc
    shl rdx, 32
    or rax, rdx
    mov rcx, 0x9E3779B97F4A7C15         ; 2^64 / golden ratio: spreads the low bits upward
    mul rcx
    xor rax, rdx
    xor rax, r9
    xor al, al
    mov [rel __stack_chk_guard], rax

    xor ebp, ebp                        ; ends the backtrace
    call kmain
.stop:
    cli
    hlt
    jmp .stop
