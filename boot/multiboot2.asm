; SPDX-License-Identifier: BSD-2-Clause
; The headers that loaders search for: multiboot2 (GRUB) and the PVH note (QEMU -kernel, Xen,
; Firecracker). Both enter at entry32 in entry.asm, with paging off and flat 32-bit segments.

MULTIBOOT2_MAGIC    equ 0xE85250D6
ARCH_I386           equ 0               ; the state at entry: 32-bit protected mode
TAG_END             equ 0
TAG_INFO_REQUEST    equ 1
TAG_MODULE_ALIGN    equ 6               ; modules begin on a page: they are mapped read-only
TAG_FLAG_OPTIONAL   equ 1
INFO_CMDLINE        equ 1
INFO_MODULES        equ 3
INFO_MEMORY_MAP     equ 6
INFO_FRAMEBUFFER    equ 8
INFO_ACPI_OLD       equ 14
INFO_ACPI_NEW       equ 15

XEN_ELFNOTE_PHYS32_ENTRY equ 18

extern entry32

section .boot.multiboot2 progbits alloc noexec nowrite align=8
header:
    dd MULTIBOOT2_MAGIC
    dd ARCH_I386
    dd header_end - header
    dd -(MULTIBOOT2_MAGIC + ARCH_I386 + (header_end - header))

align 8
request:
    dw TAG_INFO_REQUEST
    dw TAG_FLAG_OPTIONAL                ; the kernel itself reports what is missing
    dd request_end - request
    dd INFO_CMDLINE, INFO_MODULES, INFO_MEMORY_MAP, INFO_FRAMEBUFFER, INFO_ACPI_OLD, INFO_ACPI_NEW
request_end:

align 8
    dw TAG_MODULE_ALIGN
    dw 0
    dd 8

align 8
    dw TAG_END
    dw 0
    dd 8
header_end:

section .note.pvh note alloc noexec nowrite align=4
    dd 4                                ; bytes of the name
    dd 8                                ; bytes of the value
    dd XEN_ELFNOTE_PHYS32_ENTRY
    db "Xen", 0
    dq entry32
