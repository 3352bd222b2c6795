# SPDX-License-Identifier: BSD-2-Clause
# The model as a plugin for the installed QEMU. The object fits one build of QEMU only, so it is
# made again when the installed package changes.

QEMU_PACKAGE_FILE := build/qemu-package

build/x540.so: $(wildcard tests/model/*.c tests/model/*.h) tests/model/qemu_build.py \
               $(QEMU_PACKAGE_FILE)
	@$(or $(PYTHON),python3) tests/model/qemu_build.py --out $@

$(QEMU_PACKAGE_FILE): FORCE
	@mkdir -p $(@D)
	@dpkg-query -W -f '$${Version}\n' qemu-system-x86 >$@.new 2>/dev/null || true
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

.PHONY: FORCE
FORCE:
