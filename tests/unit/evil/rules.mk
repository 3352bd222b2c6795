# SPDX-License-Identifier: BSD-2-Clause
# build/unit/test_evil: the image's own files are compiled by clang with a call at each load, for
# loads.c; EVIL_O=-O0 has one for each load of the source, not only for those that a compiler leaves.
#   make evil SEED=… STEPS=… APP=…    one campaign of STEPS steps for each application, or for APP

EVIL := tests/unit/evil/test_evil.c
EVIL_O ?= -O1
EVIL_LINKS := $(call links_of,$(EVIL))
EVIL_CFLAGS := -std=gnu11 -g $(EVIL_O) -fno-omit-frame-pointer $(HOST_WARN) -Itests/unit/evil/host $(HOST_INC) \
    -fsanitize=address,undefined -fno-sanitize-recover=all -MMD -MP

# clang's name for a copy with checks, and a comparison, lead to loads.c.
build/evil/seen/%.o: %.c tests/unit/evil/rules.mk
	@mkdir -p $(@D)
	$(CLANG) $(EVIL_CFLAGS) -fno-builtin-memcmp -fsanitize-coverage=func,trace-loads -c -o $@ $<
	objcopy --redefine-sym __asan_memcpy=loads_memcpy --redefine-sym __asan_memmove=loads_memmove \
	    --redefine-sym memcmp=loads_memcmp $@

build/evil/%.o: %.c tests/unit/evil/rules.mk
	@mkdir -p $(@D)
	$(CLANG) $(EVIL_CFLAGS) -c -o $@ $<

build/unit/test_evil: $(patsubst %.c,build/evil/seen/%.o,$(filter-out tests/%,$(EVIL_LINKS))) \
    $(patsubst %.c,build/evil/%.o,$(EVIL) $(filter tests/%,$(EVIL_LINKS))) tests/host/tables.ld
	@mkdir -p $(@D)
	$(CLANG) -fsanitize=address,undefined -o $@ $(filter-out %.ld,$^) -Wl,-T,tests/host/tables.ld -lcmocka -lm

-include $(shell find build/evil -name '*.d' 2>/dev/null)
