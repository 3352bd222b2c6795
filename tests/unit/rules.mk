# SPDX-License-Identifier: BSD-2-Clause
# Host unit tests: every tests/unit/ROOM/test_*.c becomes build/unit/test_*, linked with the sources that
# a comment in its first lines names (the comment may span lines):
#
#     /* links: net/lane/lane.c tests/host/machine.c $(STACK) $(MODEL) */
#
# Objects are shared between tests. -Itests/host comes first, so that hardware headers are the
# fakes.

MODEL := $(MODEL_SRCS)
# The whole stack, which many tests need.
STACK := net/stack/netif.c net/stack/addr.c net/stack/netif_ip.c net/stack/quick.c net/stack/reass.c net/stack/services.c net/stack/arp.c net/stack/ip.c net/stack/icmp.c \
    net/stack/udp.c net/stack/csum.c
# The sources of app=route, without the stack.
ROUTER := net/route/table.c net/route/text.c net/route/hops.c net/route/router.c net/route/waiting.c net/route/setup.c net/route/fragment.c \
    net/route/ip_option.c kernel/grace.c
# The sources of app=generate and app=sink, without their commands.
GENERATOR := net/trial/generator.c net/trial/receiver.c net/trial/options.c net/trial/probe.c net/trial/measure.c
# A core's loop, without applications.
LOOP := net/lane/lane.c net/lane/side.c net/lane/supervise.c kernel/ask.c net/lane/wire.c net/lane/to_stack.c net/lane/rss_check.c net/lane/rss_key.c net/lane/control.c net/run.c net/addresses.c net/lane/capture.c net/filter/cbpf.c net/lane/vlans.c

# Every BOOT_KEY of the image in one file, for programs that link few of the files that use them.
build/unit/boot_keys.c: $(filter-out boot/%,$(IMAGE_C)) tests/unit/rules.mk
	@mkdir -p $(@D)
	{ echo '#include "boot/cmdline.h"'; awk '/^BOOT_KEY\(/,/;$$/' $(filter %.c,$^); } > $@

HOST_WARN := -Wall -Wextra -Werror
HOST_INC := -Itests/host -I.
UNIT_SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all
UNIT_CFLAGS := -std=gnu11 -g -O1 -fno-omit-frame-pointer $(HOST_WARN) $(HOST_INC) -MMD -MP

# $(call links_of,FILE): the words of the file's links comment, with $(MODEL), $(STACK) etc.
# expanded.
links_of = $(subst $$(LOOP),$(LOOP),$(subst $$(GENERATOR),$(GENERATOR),$(subst $$(ROUTER),$(ROUTER),$(subst $$(STACK),$(STACK),$(subst $$(MODEL),$(MODEL),\
    $(shell sed -n '1,40{/links:/,/\*\//p}' $(1) | \
    sed 's/^.*links://;s/\*\/.*//;s/^ *\*//'))))))

UNIT_SRCS := $(sort $(wildcard tests/unit/*/test_*.c))
UNIT_BINS := $(addprefix build/unit/,$(basename $(notdir $(UNIT_SRCS))))

build/unit/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) $(UNIT_SANITIZERS) -c -o $@ $<

build/unit/obj/%.asm.o: %.asm
	@mkdir -p $(@D)
	nasm -f elf64 -o $@ $<

define unit_program
build/unit/$(basename $(notdir $(1))): $(patsubst %.asm,build/unit/obj/%.asm.o,$(patsubst %.c,build/unit/obj/%.o,$(1) $(call links_of,$(1)))) tests/host/tables.ld
	$$(CC) $(UNIT_SANITIZERS) -o $$@ $$(filter-out %.ld,$$^) -Wl,-T,tests/host/tables.ld -lcmocka -lm
endef
# test_evil is made otherwise.
$(foreach t,$(filter-out tests/unit/evil/% %_threads.c,$(UNIT_SRCS)),$(eval $(call unit_program,$(t))))
include tests/unit/evil/rules.mk

# A test_NAME_threads.c has the thread sanitizer instead.
build/unit/obj/threads/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -fsanitize=thread -c -o $@ $<

define threads_program
build/unit/$(basename $(notdir $(1))): $(patsubst %.c,build/unit/obj/threads/%.o,$(1) $(call links_of,$(1)))
	$$(CC) -fsanitize=thread -o $$@ $$^ -lcmocka
endef
$(foreach t,$(filter %_threads.c,$(UNIT_SRCS)),$(eval $(call threads_program,$(t))))

.PHONY: unit-programs
unit-programs: $(UNIT_BINS)
.SECONDARY:

-include $(shell find build/unit/obj -name '*.d' 2>/dev/null)
