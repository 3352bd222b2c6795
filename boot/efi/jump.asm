; SPDX-License-Identifier: BSD-2-Clause
; From UEFI's 64-bit mode to the kernel's 32-bit entry; and the kernel's file itself.
;
; jump_start..jump_end is position-independent: loader.c copies it to the start of a page below
; 4 GiB and calls it there with the page's address, after the boot services have ended. It first
; disables paging, while firmware's page tables are still intact; then copies the kernel's segments
; to their addresses, over any data of firmware there; then enters the kernel as GRUB does.
; Read next: entry32 in boot/entry.asm.

PARAMETERS  equ 2048                    ; struct jump of loader.c: entry, info, count, -, copies
MULTIBOOT2  equ 0x36D76289
CR0_PG      equ 31
CR4_PCIDE   equ 17
CR4_CET     equ 23
MSR_EFER    equ 0xC0000080
EFER_LME    equ 1 << 8

global jump_start, jump_end, kernel_file, kernel_file_end

section .rodata progbits alloc noexec nowrite align=16
bits 64
jump_start:
    cli
    cld
    mov rbx, rdi                        ; our page
    mov rax, cr4                        ; with either of these set, paging cannot be disabled
    btr rax, CR4_PCIDE
    btr rax, CR4_CET
    mov cr4, rax
    lea rax, [rbx + gdt - jump_start]
    mov [rbx + gdt_register - jump_start + 2], rax
    lgdt [rbx + gdt_register - jump_start]
    lea rax, [rbx + mode_32 - jump_start]
    push 0x08
    push rax
    o64 retf

bits 32
mode_32:                                ; compatibility mode, still with firmware's page tables
    mov eax, 0x10
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov ss, eax
    lea esp, [ebx + 4096]
    mov eax, cr0
    btr eax, CR0_PG
    mov cr0, eax                        ; long mode ends here
    mov ecx, MSR_EFER
    rdmsr
    and eax, ~EFER_LME
    wrmsr

    lea ebp, [ebx + PARAMETERS + 16]
    mov edx, [ebx + PARAMETERS + 8]     ; at least 1
.segment:
    mov esi, [ebp]
    mov edi, [ebp + 4]
    mov ecx, [ebp + 8]
    rep movsb
    xor eax, eax
    mov ecx, [ebp + 12]
    rep stosb
    add ebp, 16
    dec edx
    jnz .segment

    mov edx, [ebx + PARAMETERS]
    mov ebx, [ebx + PARAMETERS + 4]
    mov eax, MULTIBOOT2
    jmp edx

align 8
gdt:
    dq 0
    dq 0x00CF9A000000FFFF               ; 08  32-bit code
    dq 0x00CF92000000FFFF               ; 10  data
gdt_end:
gdt_register:
    dw gdt_end - gdt - 1
    dq 0
jump_end:

%if jump_end - jump_start > PARAMETERS
%error "the jump does not fit before its parameters"
%endif

align 16
kernel_file:
    incbin "build/image/stripped.elf"
kernel_file_end:
