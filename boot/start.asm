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

    ; The canary. It differs from boot to boot, which is enough to detect overflows. Its lowest byte
    ; is 0, so that an overflowing string stops before it.
    rdtsc
    shl rdx, 32
    or rax, rdx
    mov rcx, 0x9E3779B97F4A7C15         ; 2^64 / golden ratio: spreads the low bits upward
    mul rcx
    xor rax, rdx
    xor al, al
    mov [rel __stack_chk_guard], rax

    xor ebp, ebp                        ; ends the backtrace
    call kmain
.stop:
    cli
    hlt
    jmp .stop
