# SPDX-License-Identifier: BSD-2-Clause
# The image: build/ferrule.elf (stripped, what boots), build/ferrule.debug (the same with symbols and
# line numbers, for gdb), build/ferrule.iso (GRUB on BIOS and UEFI). Included by the top Makefile.

IMAGE_CC      ?= gcc
IMAGE_AS      ?= nasm
IMAGE_LD      ?= ld
IMAGE_OBJCOPY ?= objcopy

IMAGE_OUT     := build/image

# Every C and assembly file of the image's layers.
IMAGE_C       := $(wildcard boot/*.c arch/*.c kernel/*.c drivers/*.c drivers/*/*.c net/*.c net/*/*.c)
IMAGE_ASM     := $(wildcard boot/*.asm arch/*.asm)
IMAGE_OBJ     := $(IMAGE_C:%.c=$(IMAGE_OUT)/%.o) $(IMAGE_ASM:%.asm=$(IMAGE_OUT)/%.asm.o)

# No SSE: the loops stay free of state that interrupts would have to save. No red zone: exceptions
# use the same stack. The canary is a global variable, set before the first C function.
IMAGE_CFLAGS  := -std=c11 -O2 -g -Wall -Wextra -Werror -Wstrict-prototypes -ffreestanding -fno-pic -mcmodel=kernel -mno-red-zone -mgeneral-regs-only \
                 -fno-strict-aliasing -fno-common -ffunction-sections \
                 -fdata-sections -fno-asynchronous-unwind-tables -fcf-protection=none \
                 -fno-omit-frame-pointer -fstack-protector-strong -mstack-protector-guard=global \
                 -I.
IMAGE_LDFLAGS := -nostdlib -static -T linker.ld --gc-sections -z max-page-size=4096 -z noexecstack \
                 --build-id=none

# What runs once or for a person is built small; but not what loops over memory, tables and buses.
$(IMAGE_OUT)/boot/%.o $(IMAGE_OUT)/arch/%.o $(IMAGE_OUT)/kernel/%.o: IMAGE_CFLAGS += -Os
$(foreach f,kernel/str kernel/pci kernel/acpi arch/paging,$(IMAGE_OUT)/$(f).o): IMAGE_CFLAGS += -O2
# The compiler must not turn the body of memset into a call of memset.
$(IMAGE_OUT)/kernel/str.o: IMAGE_CFLAGS += -fno-tree-loop-distribute-patterns

# The loops of the applications want every register; a backtrace leaves them out.
$(IMAGE_OUT)/net/app/%.o: IMAGE_CFLAGS += -fomit-frame-pointer

$(IMAGE_OBJ): boot/rules.mk

$(IMAGE_OUT)/%.o: %.c
	@mkdir -p $(@D)
	$(IMAGE_CC) $(IMAGE_CFLAGS) -MMD -MP -c -o $@ $<

$(IMAGE_OUT)/%.asm.o: %.asm
	@mkdir -p $(@D)
	$(IMAGE_AS) -f elf64 -g -F dwarf -MD $(@:.o=.d) -o $@ $<

# Linked twice: once to learn where the functions are, then with the table of their names.
$(IMAGE_OUT)/no_symbols.asm.o:
	@mkdir -p $(@D)
	awk -f boot/ksym.awk /dev/null > $(@:.o=)
	$(IMAGE_AS) -f elf64 -o $@ $(@:.o=)

$(IMAGE_OUT)/first.elf: $(IMAGE_OBJ) $(IMAGE_OUT)/no_symbols.asm.o linker.ld
	$(IMAGE_LD) $(IMAGE_LDFLAGS) -o $@ $(IMAGE_OBJ) $(IMAGE_OUT)/no_symbols.asm.o

$(IMAGE_OUT)/symbols.asm.o: $(IMAGE_OUT)/first.elf boot/ksym.awk
	nm -n $< | awk -f boot/ksym.awk > $(@:.o=)
	$(IMAGE_AS) -f elf64 -o $@ $(@:.o=)

build/ferrule.debug: $(IMAGE_OUT)/symbols.asm.o
	$(IMAGE_LD) $(IMAGE_LDFLAGS) -o $@ $(IMAGE_OBJ) $(IMAGE_OUT)/symbols.asm.o
	@nm -n $(IMAGE_OUT)/first.elf | awk '$$2 ~ /[tT]/' > $(IMAGE_OUT)/first.text
	@nm -n $@ | awk '$$2 ~ /[tT]/' | cmp - $(IMAGE_OUT)/first.text \
	    || { echo "$@: the symbol table moved code; see linker.ld" >&2; rm -f $@; exit 1; }

build/ferrule.elf: build/ferrule.debug
	$(IMAGE_OBJCOPY) --strip-all $< $@

build/ferrule.iso: build/ferrule.elf boot/grub.cfg
	rm -rf $(IMAGE_OUT)/iso
	mkdir -p $(IMAGE_OUT)/iso/boot/grub
	cp build/ferrule.elf $(IMAGE_OUT)/iso/boot/
	cp boot/grub.cfg $(IMAGE_OUT)/iso/boot/grub/
	grub-mkrescue -o $@ $(IMAGE_OUT)/iso 2> $(IMAGE_OUT)/iso.log || { cat $(IMAGE_OUT)/iso.log >&2; exit 1; }

-include $(IMAGE_OBJ:.o=.d)
