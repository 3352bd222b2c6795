# SPDX-License-Identifier: BSD-2-Clause
# The X540 model for the host: objects that tests, fuzzers and benchmarks link.
#   $(MODEL_OBJS)      -O2
#   $(MODEL_SAN_OBJS)  with ASan and UBSan
# make model builds both, make model-test runs the model's own unit tests. tests/fuzz/fuzz_model.c
# is the fuzzer.

MODEL_SRCS := $(filter-out tests/model/x540_qemu%.c,$(wildcard tests/model/*.c))
MODEL_HDRS := $(wildcard tests/model/x540_*.h)
MODEL_OBJS := $(MODEL_SRCS:tests/model/%.c=build/model/%.o)
MODEL_SAN_OBJS := $(MODEL_SRCS:tests/model/%.c=build/model/san/%.o)

MODEL_CC ?= gcc
MODEL_CFLAGS := -std=c11 -Wall -Wextra -Werror -fPIC -I.
MODEL_SAN := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all

build/model/%.o: tests/model/%.c $(MODEL_HDRS)
	@mkdir -p $(@D)
	$(MODEL_CC) $(MODEL_CFLAGS) -O2 -g -c -o $@ $<

build/model/san/%.o: tests/model/%.c $(MODEL_HDRS)
	@mkdir -p $(@D)
	$(MODEL_CC) $(MODEL_CFLAGS) $(MODEL_SAN) -c -o $@ $<

MODEL_TESTS := $(patsubst tests/unit/model/%.c,build/unit/%,$(wildcard tests/unit/model/test_*.c))

.PHONY: model model-test
model: $(MODEL_OBJS) $(MODEL_SAN_OBJS)

# The tests are built by tests/unit/rules.mk like all others.
model-test: $(MODEL_TESTS)
	@for test in $(MODEL_TESTS); do ./$$test || exit 1; done
