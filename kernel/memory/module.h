/* SPDX-License-Identifier: BSD-2-Clause
 * Boot modules: files that the loader put into memory (GRUB's module2, QEMU's -initrd, module= in
 * ferrule.cfg), such as a table of routes. kernel/memory/memory.c leaves them where they are,
 * mapped read-only, and does not allocate their pages. Read next: boot/README.md, section
 * "Modules".
 */
#ifndef KERNEL_MEMORY_MODULE_H
#define KERNEL_MEMORY_MODULE_H

#include "arch/types.h"

struct bootinfo;

/* Use the modules listed in info, which must stay valid. Boot CPU, after memory_init. */
void module_init(const struct bootinfo *info);

/* Find the module called name: its bytes, and how many (at least 1). A module's name is the first
 * word that the loader passed with it, with or without its folders; a module without any word
 * (QEMU's -initrd) matches every name that no other module has. NULL: there is none. The bytes are
 * not NUL-terminated, and the content is not trusted. Any CPU, any time; they stay valid. */
const void *module_find(const char *name, size_t *bytes);

#endif
