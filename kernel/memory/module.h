/* SPDX-License-Identifier: BSD-2-Clause
 * Boot modules: files that the loader put into memory for us (GRUB's module2, QEMU's -initrd,
 * module= in ferrule.cfg), such as a table of routes. kernel/memory/memory.c has left them where
 * they are, mapped read-only, and gives them to nobody else. Read next: boot/README.md, section
 * "Modules".
 */
#ifndef KERNEL_MEMORY_MODULE_H
#define KERNEL_MEMORY_MODULE_H

#include "arch/types.h"

struct bootinfo;

/* Remember what the loader told; info is kept for ever. Boot CPU, after memory_init. */
void module_init(const struct bootinfo *info);

/* The bytes of the module called name, and how many (at least 1). Its name is the first word that
 * the loader passed with it, with or without the folders before it; a module without any word
 * (QEMU's -initrd) answers to every name that no other module has. NULL: there is none. The bytes
 * are not text: no NUL ends them, and whoever wrote the file is not trusted. Any CPU, any time;
 * they stay. */
const void *module_find(const char *name, size_t *bytes);

#endif
