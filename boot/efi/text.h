/* SPDX-License-Identifier: BSD-2-Clause
 * Where the boot line comes from when firmware starts us: plain text out of load options and out of
 * ferrule.cfg. Pure; also linked into the unit tests.
 */
#ifndef BOOT_EFI_TEXT_H
#define BOOT_EFI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

size_t text_length(const char *text);

/* The boot line in load options: UTF-16 as the UEFI shell and firmware's menus pass it, or ASCII as
 * efibootmgr may. A first word without `=` is the program's name and left out. False, and an empty
 * line: there is nothing, or what is there is no text (firmware keeps numbers of its own there). */
bool text_from_options(const void *options, size_t bytes, char *line, size_t n);

/* The boot line in ferrule.cfg: all lines, joined by spaces. Lines that begin with `#` are left out;
 * module is called with the words behind each `module=`. A line too long is cut. */
void text_from_config(const char *text, size_t bytes, char *line, size_t n,
                      void (*module)(void *context, const char *words), void *context);

/* Split the words of `module=FILE WORDS`: the file, and what the kernel is told of it, the words or
 * without words the file's name. Both are cut to fit. */
void text_module(const char *words, char *file, size_t file_n, char *name, size_t name_n);

#endif
