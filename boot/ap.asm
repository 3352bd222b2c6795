; SPDX-License-Identifier: BSD-2-Clause
; The first instructions of every core but the first, from STARTUP to C: real mode, protected mode,
; long mode. The bytes between ap_code and ap_code_end are copied to a page below 640 KiB
; (arch/smp.c), where the core starts with cs = page / 16; so all addresses are relative to the
; start of the page. Core 0 fills in the block at the end for each core before it sends STARTUP.
;
; The first page tables map the page at its physical address, read-only and executable, and the
; kernel's half of the address space. The C function switches to the final ones.

%include "boot/cpu.inc"

%define AT(label) ((label) - ap_code)

global ap_code, ap_code_end, ap_block

section .rodata progbits alloc noexec nowrite align=16
align 16
bits 16
ap_code:
    cli
    cld
    mov ax, cs
    mov ds, ax
    ; The block is for one core: a core that starts late, when core 0 has given up on it, finds the
    ; ticket already taken and stops.
    xor eax, eax
    xchg [AT(ap_ticket)], eax
    test eax, eax
    jz .stop
    xor ebx, ebx
    mov bx, cs
    shl ebx, 4                          ; the page's address
    o32 lgdt [AT(ap_gdt_register)]
    mov eax, CR0_ET | CR0_PE
    mov cr0, eax
    jmp dword far [AT(ap_far32)]
.stop:
    hlt
    jmp .stop

bits 32
ap32:
    load_segments
    mov eax, CR4_PAE
    mov cr4, eax
    mov eax, [ebx + AT(ap_cr3)]
    enter_long_mode
    jmp far [ebx + AT(ap_far64)]

bits 64
ap64:
    mov ebx, ebx
    mov rsp, [rbx + AT(ap_stack)]
    mov rdi, [rbx + AT(ap_cpu)]
    mov rax, [rbx + AT(ap_entry)]
    xor ebp, ebp                        ; ends the backtrace
    call rax
.stop:
    hlt
    jmp .stop

align 8
ap_gdt:
    dq 0
    dq 0x00AF9B000000FFFF               ; 08  64-bit code
    dq 0x00CF93000000FFFF               ; 10  data
    dq 0x00CF9B000000FFFF               ; 18  32-bit code
ap_gdt_end:

; struct ap_block of arch/smp.c.
align 8
ap_block:
ap_cr3:          dq 0
ap_stack:        dq 0
ap_cpu:          dq 0
ap_entry:        dq 0
ap_ticket:       dd 0                   ; 1: one core may use the block
ap_far32:        dd AT(ap32)            ; + the page's address
                 dw 0x18, 0
ap_far64:        dd AT(ap64)            ; the same
                 dw 0x08
ap_gdt_register: dw ap_gdt_end - ap_gdt - 1
                 dd AT(ap_gdt)          ; the same
ap_code_end:
