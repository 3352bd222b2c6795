# SPDX-License-Identifier: BSD-2-Clause
# The native benchmark of the image's loops: the same sources and optimisation as the image, with
# tests/host instead of hardware.

BENCH_INC := -Itests/bench/host $(HOST_INC)
BENCH_CFLAGS := $(filter-out -mpreferred-stack-boundary=3 -mcmodel=kernel -mstack-protector-guard=global -I.,$(IMAGE_CFLAGS)) \
    -fomit-frame-pointer $(BENCH_INC) -MMD -MP
BENCH_REGISTERS := 0x2000000000ull
BENCH_MODEL_CFLAGS := -std=gnu11 -g -O2 -fno-pic $(HOST_WARN) $(BENCH_INC) -DREGISTERS=$(BENCH_REGISTERS) -MMD -MP

BENCH_OURS := drivers/drivers.c $(wildcard drivers/x540/*.c net/app/*.c) \
    $(LOOP) $(STACK) $(ROUTER) $(GENERATOR) \
    boot/cmdline.c boot/console_key.c kernel/lib/parse.c kernel/lib/fmt.c
BENCH_HOST := tests/bench/bench_loop.c tests/bench/traffic.c tests/bench/probes.c tests/bench/bar.c tests/bench/routes.c tests/host/machine.c tests/host/trial_cmd.c
# The bench of mixes: the table, its frames and its judge, for both sides.
BENCH_MIXES := $(addprefix tests/bench/,mixes.c mix_frames.c mix_judge.c traffic.c routes.c fib.c bar.c)

# Our loops over the model, and again with other ring sizes, which are constants of the image: $1 is the
# program, $2 the folder of its objects, $3 their additional flags. Only the model's objects do not
# depend on the size, and are shared. (A ring of 64 slots is too small: it cannot hold a received burst
# of 32 and another one that is being sent.)
define BENCH_LOOP_RULES
$(patsubst %.c,build/bench/$2/%.o,$(BENCH_OURS)): build/bench/$2/%.o: %.c tests/bench/rules.mk Makefile
	@mkdir -p $$(@D)
	$$(CC) $$(BENCH_CFLAGS) $3 -c -o $$@ $$<

$(patsubst %.c,build/bench/$2/%.o,$(BENCH_HOST) $(MODEL)): build/bench/$2/%.o: %.c tests/bench/rules.mk Makefile
	@mkdir -p $$(@D)
	$$(CC) $$(BENCH_MODEL_CFLAGS) $3 -c -o $$@ $$<

build/bench/$1: $(patsubst %.c,build/bench/$2/%.o,$(BENCH_OURS) $(BENCH_HOST)) $(MODEL:%.c=build/bench/obj/%.o) tests/host/tables.ld
	$$(CC) -no-pie -o $$@ $$(filter-out %.ld,$$^) -Wl,-T,tests/host/tables.ld
endef
BENCH_RINGS := 128 256 1024 2048 4096
BENCH_RING_PROGRAMS := $(addprefix build/bench/bench_loop-,$(BENCH_RINGS))
$(eval $(call BENCH_LOOP_RULES,bench_loop,obj,))
$(foreach n,$(BENCH_RINGS),$(eval $(call BENCH_LOOP_RULES,bench_loop-$n,ring/$n,-DLANE_SLOTS=$nu)))

# The rows of mixes.c through the image's net_start and net_run; the table of applications is the
# linker's, as in the image.
BENCH_MIX_OURS := net/lane/ledger.c
BENCH_MIX_HOST := tests/bench/bench_mix.c $(filter-out $(BENCH_HOST),$(BENCH_MIXES))
build/bench/obj/$(BENCH_MIX_OURS:.c=.o): $(BENCH_MIX_OURS) tests/bench/rules.mk Makefile
	@mkdir -p $(@D)
	$(CC) $(BENCH_CFLAGS) -c -o $@ $<

$(BENCH_MIX_HOST:%.c=build/bench/obj/%.o): build/bench/obj/%.o: %.c tests/bench/rules.mk Makefile
	@mkdir -p $(@D)
	$(CC) $(BENCH_MODEL_CFLAGS) -c -o $@ $<

build/bench/bench_mix: $(patsubst %.c,build/bench/obj/%.o,$(BENCH_OURS) $(BENCH_MIX_OURS) $(BENCH_MIX_HOST) \
    $(filter-out tests/bench/bench_loop.c tests/bench/probes.c,$(BENCH_HOST)) $(MODEL)) tests/host/tables.ld
	$(CC) -no-pie -o $@ $(filter-out %.ld,$^) -Wl,-T,tests/host/tables.ld,--defsym=apps_start=__start_apps,--defsym=apps_end=__stop_apps

# DPDK's driver on the same model: Debian's static libraries, and the three drivers that are needed,
# with --whole-archive, since they register themselves.
DPDK_DIR := $(shell pkg-config --variable=libdir libdpdk 2>/dev/null)
DPDK_WHOLE := $(addprefix -l:librte_,bus_pci.a mempool_ring.a net_ixgbe.a)
DPDK_LIBS := $(patsubst %,-l:librte_%.a,$(foreach l,security cryptodev ethdev lpm hash rcu timer meter \
    net mbuf mempool ring pci eal kvargs telemetry log,$(if $(wildcard $(DPDK_DIR)/librte_$l.a),$l)))
BENCH_DPDK_SIDE := tests/bench/dpdk_cards.c tests/bench/bench_dpdk.c tests/bench/bench_dpdk_mix.c
BENCH_DPDK := tests/bench/dpdk_cards.c tests/bench/bench_dpdk.c tests/bench/traffic.c tests/bench/routes.c tests/bench/bar.c $(MODEL_SRCS)

BENCH_DPDK_MIX := tests/bench/dpdk_cards.c tests/bench/bench_dpdk_mix.c $(BENCH_MIXES) $(MODEL_SRCS)

$(BENCH_DPDK_SIDE:%.c=build/bench/obj/%.o): build/bench/obj/%.o: %.c tests/bench/rules.mk Makefile
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -g -O2 -fno-pic -Wall -Wextra -DALLOW_EXPERIMENTAL_API $(HOST_INC) $$(pkg-config --cflags libdpdk) -MMD -MP -c -o $@ $<

build/bench/bench_dpdk: $(patsubst %.c,build/bench/obj/%.o,$(BENCH_DPDK))
build/bench/bench_dpdk_mix: $(patsubst %.c,build/bench/obj/%.o,$(BENCH_DPDK_MIX))
build/bench/bench_dpdk build/bench/bench_dpdk_mix:
	$(CC) -no-pie -Wl,--wrap=rte_pci_map_device,--wrap=rte_delay_us_sleep,--wrap=rte_intr_callback_register,--wrap=rte_intr_enable,--wrap=rte_intr_disable -o $@ $^ -L$(DPDK_DIR) \
	    -Wl,--whole-archive $(DPDK_WHOLE) -Wl,--no-whole-archive \
	    -Wl,--start-group $(DPDK_LIBS) -Wl,--end-group \
	    $$(pkg-config --libs --static libdpdk | tr ' ' '\n' | grep -xE -e '-l(archive|bsd|numa|fdt)') \
	    -lpthread -lm -ldl

# The program for the Linux guest: static, at an address that no other program uses.
build/bench/linux_end: tests/bench/linux_end.c tests/bench/rules.mk Makefile
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 $(HOST_WARN) -static -no-pie -Wl,-Ttext-segment=0x40000000 -o $@ $<

BENCH_PROGRAMS := build/bench/bench_loop build/bench/bench_dpdk build/bench/bench_mix \
    build/bench/bench_dpdk_mix
.PHONY: bench-programs
bench-programs: $(BENCH_PROGRAMS)

# Counts guest instructions. QEMU's plugin header comes with those that build/x540.so is built with.
build/bench/count.so: tests/bench/count_plugin.c build/x540.so
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 -g -fPIC -shared $(HOST_WARN) -fvisibility=hidden \
	    -I$(lastword $(sort $(wildcard build/qemu-src-*/include/qemu))) \
	    $$(pkg-config --cflags glib-2.0) -o $@ $<

-include $(shell find build/bench/obj build/bench/ring -name '*.d' 2>/dev/null)
