# SPDX-License-Identifier: BSD-2-Clause
# Targets only. How each thing is made stands beside it: boot/rules.mk (the image), tests/model/*.mk
# (the X540 model and its shared object for QEMU), tests/unit, tests/fuzz and tests/bench/rules.mk.
# `make help` lists the targets; the comment after each target's name is its help.

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

PYTHON := /usr/bin/python3
CC := gcc
CLANG := clang
CLANG_FORMAT := clang-format

FUZZ_SECONDS ?= 10
BOOTS ?= 200

IMAGE := build/ferrule.elf
MODEL_SO := build/x540.so

# The fragments. Each file may be absent in a part of the tree's history; a goal that needs it then
# fails by its name.
-include boot/rules.mk
-include tests/model/rules.mk
-include tests/model/qemu.mk
-include tests/unit/rules.mk
-include tests/fuzz/rules.mk
-include tests/bench/rules.mk

.PHONY: all iso efi netboot run demo qemu qemu-gdb test unit tables system fuzz evil bench bench-quick bench-mixes boots lint format help setup clean

all: $(IMAGE) $(MODEL_SO) ## build the image and the X540 model for the installed QEMU

iso: build/ferrule.iso ## build the ISO that boots on BIOS and UEFI

efi: build/BOOTX64.EFI ## build the UEFI program that carries the kernel

netboot: build/netboot ## build the folder that a TFTP server hands out for network boot

run: ## install what is missing, build, boot PORTS (2) ports under QEMU with the console here
	@tests/tools/setup.sh run
	@+$(MAKE) --no-print-directory -s all
	@$(PYTHON) tests/tools/run.py

demo: ## live traffic through app=forward, and the ledger moving
	@tests/tools/setup.sh run
	@+$(MAKE) --no-print-directory -s all
	@$(PYTHON) tests/tools/demo.py

qemu: all ## boot with the boot line in APP and more of QEMU's options in QEMU_ARGS
	@$(PYTHON) tests/tools/run.py --plain

qemu-gdb: all ## the same, waiting for gdb on a socket in build/
	@$(PYTHON) tests/tools/run.py --plain --gdb

test: ## install what is missing, then run every test; the last line counts them
	@tests/tools/setup.sh test
	@+$(PYTHON) tests/tools/check.py lint unit fuzz tables bench system

unit: ## host unit tests, with address and undefined-behaviour sanitizers
	@+$(PYTHON) tests/tools/check.py unit

tables: ## firmware tables of real machines, as our parsers and as iasl see them
	@+$(PYTHON) tests/tools/check.py tables

system: ## the image under QEMU, driven as a person and a wire would
	@+$(PYTHON) tests/tools/check.py system

fuzz: ## each fuzzer for FUZZ_SECONDS (10); crashes are kept in build/fuzz/crashes
	@+$(PYTHON) tests/tools/check.py --fuzz-seconds $(FUZZ_SECONDS) fuzz

evil: ## a card that rewrites what it delivered at any load: STEPS (1000000) for each application, SEED, APP
	@+$(MAKE) --no-print-directory -s build/unit/test_evil
	@EVIL_SEED=$(SEED) EVIL_STEPS=$(or $(STEPS),1000000) EVIL_APP=$(APP) EVIL_KINDS=$(KINDS) build/unit/test_evil

bench: ## our loops beside DPDK's, curves, the whole image; writes tests/bench/README.md
	@tests/tools/setup.sh test
	@+$(MAKE) --no-print-directory -s all $(BENCH_PROGRAMS) $(BENCH_RING_PROGRAMS) build/bench/count.so build/bench/linux_end
	@$(PYTHON) tests/bench/bench.py full

bench-quick: ## counts of the loops against those recorded, as CI runs it
	@tests/tools/setup.sh test
	@+$(MAKE) --no-print-directory -s $(BENCH_PROGRAMS)
	@$(PYTHON) tests/bench/bench.py quick

bench-mixes: ## every kind of frame through our loops and DPDK's, counted and timed; writes the pages' tables
	@tests/tools/setup.sh test
	@+$(MAKE) --no-print-directory -s $(BENCH_PROGRAMS)
	@$(PYTHON) tests/bench/bench.py mixes

boots: all ## BOOTS (200) boots of 16 cores on a busy host; every lane receives after each
	@$(PYTHON) tests/tools/boots.py --count $(BOOTS)

lint: ## layers, formatting, licence lines, pages, documented commands and boot keys, tables of RFCs
	@+$(PYTHON) tests/tools/check.py lint

format: ## apply .clang-format to every C file; `make lint` checks the result
	@git ls-files -z '*.c' '*.h' ':!tests/data' | xargs -0 $(CLANG_FORMAT) -i

setup: ## install what the tests need, through apt
	@tests/tools/setup.sh test

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r t h; do \
	    printf '  make %-11s %s\n' "$$t" "$$h"; done

clean: ## remove everything that was built
	rm -rf build
