; SPDX-License-Identifier: BSD-2-Clause
; From the loader's 32-bit protected mode to long mode, and to the kernel's first instruction in the
; higher half.
;
; In:  eax = multiboot2's magic number or anything (PVH), ebx = physical address of the boot
;      information, paging off, flat segments, interrupts off.
; Out: rdi = eax, rsi = ebx, on the first page tables, which arch/paging.c replaces:
;
;      0                    first 4 GiB of physical memory, where this file runs
;      PHYSMAP_BASE         the same 4 GiB, for reading the boot information
;      KERNEL_BASE          first 1 GiB, the image
;
; It checks that the CPU can run the image. If not, it prints a line on COM1 and in VGA text memory,
; and halts.
; Read next: start.asm.

%include "boot/cpu.inc"
%include "boot/layout.inc"

EFLAGS_ID   equ 1 << 21
CPUID_LM    equ 29                      ; leaf 80000001h, edx
CPUID_NX    equ 20

PTE_PRESENT equ 1 << 0
PTE_WRITE   equ 1 << 1
PTE_LARGE   equ 1 << 7

COM1        equ 0x3F8
COM_LSR     equ COM1 + 5
LSR_THRE    equ 1 << 5

%define PHYS(symbol) (symbol - KERNEL_BASE)

extern stack_boot_top
extern first_tables
extern entry_tsc
extern kernel_start
global entry32

; The first page tables, in the kernel's .bss, which the loader has zeroed.
%define first_pml4      first_tables
%define first_pdpt_low  first_tables + 1 * 4096 ; shared by address 0 and PHYSMAP_BASE
%define first_pdpt_top  first_tables + 2 * 4096
%define first_pds       first_tables + 3 * 4096 ; four of them: 4 GiB in 2 MiB pages

section .boot.text progbits alloc exec nowrite align=16
bits 32
entry32:
    cli
    cld
    mov esp, PHYS(stack_boot_top)
    mov edi, eax                        ; kmain's two arguments: cpuid changes eax and ebx
    mov esi, ebx

    ; CPUID exists if bit 21 of eflags can be changed.
    pushfd
    pop eax
    mov ecx, eax
    xor eax, EFLAGS_ID
    push eax
    popfd
    pushfd
    pop eax
    cmp eax, ecx
    mov ebp, no_long_mode
    je refuse

    mov eax, 0x80000000
    cpuid
    cmp eax, 0x80000001
    jb refuse
    mov eax, 0x80000001
    cpuid
    bt edx, CPUID_LM
    jnc refuse
    mov ebp, no_nx
    bt edx, CPUID_NX
    jnc refuse

    rdtsc                               ; time of entry, for `show boot`
    mov [PHYS(entry_tsc)], eax
    mov [PHYS(entry_tsc) + 4], edx

    ; 2048 entries of 2 MiB cover 4 GiB.
    mov eax, PTE_PRESENT | PTE_WRITE | PTE_LARGE
    mov ebx, PHYS(first_pds)
    mov ecx, 2048
.fill:
    mov [ebx], eax
    add eax, 0x200000
    add ebx, 8
    loop .fill

    mov dword [PHYS(first_pdpt_low) + 0 * 8], PHYS(first_pds) + 0 * 4096 + PTE_PRESENT + PTE_WRITE
    mov dword [PHYS(first_pdpt_low) + 1 * 8], PHYS(first_pds) + 1 * 4096 + PTE_PRESENT + PTE_WRITE
    mov dword [PHYS(first_pdpt_low) + 2 * 8], PHYS(first_pds) + 2 * 4096 + PTE_PRESENT + PTE_WRITE
    mov dword [PHYS(first_pdpt_low) + 3 * 8], PHYS(first_pds) + 3 * 4096 + PTE_PRESENT + PTE_WRITE
    mov dword [PHYS(first_pdpt_top) + 510 * 8], PHYS(first_pds) + PTE_PRESENT + PTE_WRITE
    mov dword [PHYS(first_pml4) + 0 * 8], PHYS(first_pdpt_low) + PTE_PRESENT + PTE_WRITE
    mov dword [PHYS(first_pml4) + PHYSMAP_SLOT * 8], PHYS(first_pdpt_low) + PTE_PRESENT + PTE_WRITE
    mov dword [PHYS(first_pml4) + 511 * 8], PHYS(first_pdpt_top) + PTE_PRESENT + PTE_WRITE

    ; CR4 is written whole, which also clears LA57 (5-level paging) if a loader has set it: that is
    ; possible only while paging is off.
    mov eax, CR4_PAE
    mov cr4, eax
    mov eax, PHYS(first_pml4)
    enter_long_mode
    lgdt [first_gdt_register]
    jmp 0x08:entry64

bits 64
entry64:
    mov edi, edi                        ; upper halves are undefined after the mode switch
    mov esi, esi
    mov rax, kernel_start
    jmp rax

bits 32
; ebp = a line to print. Every wait has a limit.
refuse:
    mov dx, COM1 + 3                    ; 115200 8N1: the loader may not have set the UART up
    mov al, 0x80
    out dx, al
    mov dx, COM1
    mov al, 1
    out dx, al
    mov dx, COM1 + 1
    mov al, 0
    out dx, al
    mov dx, COM1 + 3
    mov al, 0x03
    out dx, al
    mov edi, 0xB8000                    ; VGA text memory, as a BIOS leaves it
.next:
    mov bl, [ebp]
    inc ebp
    test bl, bl
    jz .stop
    mov bh, 0x4F                        ; white on red
    mov [edi], bx
    add edi, 2
    mov dx, COM_LSR
    mov ecx, 100000
.wait:
    in al, dx
    test al, LSR_THRE
    loopz .wait
    mov dx, COM1
    mov al, bl
    out dx, al
    jmp .next
.stop:
    hlt
    jmp .stop

no_long_mode: db "ferrule: this CPU has no 64-bit mode, which is required. Halted.", 13, 10, 0
no_nx:        db "ferrule: this CPU cannot mark pages non-executable (NX), as required. Halted.", 13, 10, 0

align 8
first_gdt:
    dq 0
    dq 0x00AF9A000000FFFF               ; 08  64-bit code
    dq 0x00CF92000000FFFF               ; 10  data
first_gdt_end:
first_gdt_register:
    dw first_gdt_end - first_gdt - 1
    dd first_gdt
