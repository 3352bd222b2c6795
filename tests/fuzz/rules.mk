# SPDX-License-Identifier: BSD-2-Clause
# Fuzzers: every tests/fuzz/fuzz_*.c becomes build/fuzz/fuzz_* by clang and libFuzzer, linked with
# what its links comment names (see tests/unit/rules.mk). Seeds: tests/fuzz/corpus/<name>/, where
# <name> is the file's name without fuzz_ and .c; the input of a crash is added there once it is
# fixed.

FUZZ_CFLAGS := -std=gnu11 -g -O1 -fno-omit-frame-pointer $(HOST_WARN) $(HOST_INC) \
    -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -MMD -MP

FUZZ_SRCS := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_BINS := $(FUZZ_SRCS:tests/fuzz/%.c=build/fuzz/%)

build/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_CFLAGS) -c -o $@ $<

define fuzz_program
build/fuzz/$(1): $(patsubst %.c,build/fuzz/obj/%.o,tests/fuzz/$(1).c $(call links_of,tests/fuzz/$(1).c)) tests/host/tables.ld
	$$(CLANG) -fsanitize=fuzzer,address,undefined -o $$@ $$(filter-out %.ld,$$^) -Wl,-T,tests/host/tables.ld -lm
endef
$(foreach t,$(FUZZ_SRCS:tests/fuzz/%.c=%),$(eval $(call fuzz_program,$(t))))

.PHONY: fuzz-programs
fuzz-programs: $(FUZZ_BINS)

-include $(shell find build/fuzz/obj -name '*.d' 2>/dev/null)
