# SPDX-License-Identifier: BSD-2-Clause
# The image: build/ferrule.elf (with symbols and line numbers: what boots, and what gdb and nm read),
# build/image/stripped.elf (the same without them), build/ferrule.iso (GRUB on BIOS and UEFI),
# build/BOOTX64.EFI (stripped.elf inside a UEFI program).
# Included by the top Makefile.

IMAGE_CC      ?= gcc
IMAGE_AS      ?= nasm
IMAGE_LD      ?= ld
IMAGE_OBJCOPY ?= objcopy

IMAGE_OUT     := build/image

# Every C and assembly file of the image's layers.
IMAGE_C       := $(wildcard boot/*.c arch/*.c kernel/*.c kernel/*/*.c drivers/*.c drivers/*/*.c net/*.c net/*/*.c)
IMAGE_ASM     := $(wildcard boot/*.asm arch/*.asm)
IMAGE_OBJ     := $(IMAGE_C:%.c=$(IMAGE_OUT)/%.o) $(IMAGE_ASM:%.asm=$(IMAGE_OUT)/%.asm.o) \
                 $(IMAGE_OUT)/font.asm.o $(IMAGE_OUT)/version.asm.o

# -fbuiltin: copies of a constant size are instructions, not calls, although -ffreestanding. No SSE:
# interrupts need not save its registers. No red zone: exceptions use the same stack. The stack
# canary is a global variable, set before the first C function.
IMAGE_CFLAGS  := -std=c11 -O2 -g -Wall -Wextra -Werror -Wstrict-prototypes -ffreestanding -fbuiltin -fno-pic -mcmodel=kernel -mno-red-zone -mgeneral-regs-only \
                 -mpreferred-stack-boundary=3 \
                 -fno-strict-aliasing -fno-common -ffunction-sections \
                 -fdata-sections -fno-asynchronous-unwind-tables -fcf-protection=none \
                 -fno-omit-frame-pointer -fstack-protector-strong -mstack-protector-guard=global \
                 -I.
IMAGE_LDFLAGS := -O2 -nostdlib -static -T linker.ld --gc-sections -z max-page-size=64 -z noexecstack \
                 --build-id=none

# The compiler must not turn the body of memset into a call of memset.
$(IMAGE_OUT)/kernel/lib/str.o: IMAGE_CFLAGS += -fno-builtin -fno-tree-loop-distribute-patterns

# The loops of the applications use rbp as a general register; a backtrace leaves their frames out.
$(IMAGE_OUT)/net/app/%.o: IMAGE_CFLAGS += -fomit-frame-pointer

$(IMAGE_OBJ): boot/rules.mk

$(IMAGE_OUT)/%.o: %.c
	@mkdir -p $(@D)
	$(IMAGE_CC) $(IMAGE_CFLAGS) -MMD -MP -c -o $@ $<

$(IMAGE_OUT)/%.asm.o: %.asm
	@mkdir -p $(@D)
	$(IMAGE_AS) -f elf64 -g -F dwarf -MD $(@:.o=.d) -o $@ $<

# Linked twice: first to get the addresses of the functions, then with the table of their names.
$(IMAGE_OUT)/no_symbols.asm.o: boot/ksym.awk
	@mkdir -p $(@D)
	awk -f boot/ksym.awk /dev/null > $(@:.o=)
	$(IMAGE_AS) -f elf64 -o $@ $(@:.o=)

$(IMAGE_OUT)/first.elf: $(IMAGE_OBJ) $(IMAGE_OUT)/no_symbols.asm.o linker.ld
	$(IMAGE_LD) $(IMAGE_LDFLAGS) -o $@ $(IMAGE_OBJ) $(IMAGE_OUT)/no_symbols.asm.o

$(IMAGE_OUT)/symbols.asm.o: $(IMAGE_OUT)/first.elf boot/ksym.awk
	nm -n $< | awk -f boot/ksym.awk > $(@:.o=)
	$(IMAGE_AS) -f elf64 -o $@ $(@:.o=)

$(IMAGE_OUT)/font.asm.o: kernel/log/font.txt boot/font.awk
	@mkdir -p $(@D)
	awk -f boot/font.awk $< > $(@:.o=)
	$(IMAGE_AS) -f elf64 -o $@ $(@:.o=)

# Asked of git each time; made anew, and all that follows from it, only if the answer has changed.
.PHONY: version_is_asked
$(IMAGE_OUT)/version.asm: boot/version.sh version_is_asked
	@mkdir -p $(@D)
	@boot/version.sh $@

$(IMAGE_OUT)/version.asm.o: $(IMAGE_OUT)/version.asm
	$(IMAGE_AS) -f elf64 -o $@ $<

build/ferrule.elf: $(IMAGE_OUT)/symbols.asm.o
	$(IMAGE_LD) $(IMAGE_LDFLAGS) -o $@ $(IMAGE_OBJ) $(IMAGE_OUT)/symbols.asm.o
	@nm -n $(IMAGE_OUT)/first.elf | awk '$$2 ~ /[tT]/' > $(IMAGE_OUT)/first.text
	@nm -n $@ | awk '$$2 ~ /[tT]/' | cmp - $(IMAGE_OUT)/first.text \
	    || { echo "$@: the symbol table moved code; see linker.ld" >&2; rm -f $@; exit 1; }

$(IMAGE_OUT)/stripped.elf: build/ferrule.elf
	$(IMAGE_OBJCOPY) --strip-all $< $@

build/ferrule.iso: build/ferrule.elf boot/grub.cfg
	rm -rf $(IMAGE_OUT)/iso
	mkdir -p $(IMAGE_OUT)/iso/boot/grub
	cp build/ferrule.elf $(IMAGE_OUT)/iso/boot/
	cp boot/grub.cfg $(IMAGE_OUT)/iso/boot/grub/
	grub-mkrescue -o $@ $(IMAGE_OUT)/iso 2> $(IMAGE_OUT)/iso.log || { cat $(IMAGE_OUT)/iso.log >&2; exit 1; }

# The UEFI program: the same kernel inside a small loader (gnu-efi's crt and headers). It is a PE file of
# position-independent code; only calls to firmware use UEFI's calling convention.
EFI_OUT     := build/efi
EFI_OBJ     := $(EFI_OUT)/loader.o $(EFI_OUT)/text.o $(EFI_OUT)/jump.o
EFI_CFLAGS  := -std=gnu11 -O2 -Wall -Wextra -Werror -ffreestanding -fpic -fshort-wchar -mno-red-zone \
               -mgeneral-regs-only -fno-stack-protector -fno-strict-aliasing -fcf-protection=none \
               -fno-asynchronous-unwind-tables -DGNU_EFI_USE_MS_ABI -maccumulate-outgoing-args \
               -isystem /usr/include/efi -isystem /usr/include/efi/x86_64 -I.

$(EFI_OUT)/%.o: boot/efi/%.c boot/efi/text.h boot/rules.mk
	@mkdir -p $(@D)
	$(IMAGE_CC) $(EFI_CFLAGS) -c -o $@ $<

$(EFI_OUT)/jump.o: boot/efi/jump.asm $(IMAGE_OUT)/stripped.elf
	@mkdir -p $(@D)
	$(IMAGE_AS) -f elf64 -o $@ $<

$(EFI_OUT)/loader.so: $(EFI_OBJ)
	$(IMAGE_LD) -nostdlib -z nocombreloc -z noexecstack -shared -Bsymbolic -T /usr/lib/elf_x86_64_efi.lds -o $@ \
	    /usr/lib/crt0-efi-x86_64.o $(EFI_OBJ) -L/usr/lib -lefi -lgnuefi

build/BOOTX64.EFI: $(EFI_OUT)/loader.so
	$(IMAGE_OBJCOPY) -j .text -j .sdata -j .data -j .rodata -j .dynamic -j .dynsym -j .rel -j .rela \
	    -j '.rel.*' -j '.rela.*' -j .reloc --target=efi-app-x86_64 $< $@

# The files for a TFTP or web server: GRUB for BIOS and UEFI with its menu, the UEFI program, the ISO,
# iPXE scripts.
build/netboot: build/ferrule.elf build/ferrule.iso build/BOOTX64.EFI boot/grub.cfg $(wildcard boot/*.ipxe)
	rm -rf $@
	mkdir -p $@/boot
	grub-mknetdir --net-directory=$@ --subdir=boot/grub --locales= --fonts= > $(IMAGE_OUT)/netboot.log 2>&1 \
	    || { cat $(IMAGE_OUT)/netboot.log >&2; rm -rf $@; exit 1; }
	cp build/ferrule.elf $@/boot/
	cp boot/grub.cfg $@/boot/grub/
	cp build/BOOTX64.EFI build/ferrule.iso boot/*.ipxe $@/
	touch $@

-include $(IMAGE_OBJ:.o=.d)
