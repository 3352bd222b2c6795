/* SPDX-License-Identifier: BSD-2-Clause
 * The boot line when firmware starts the program: from the load options or from ferrule.cfg. Pure;
 * also linked into the unit tests.
 */
#ifndef BOOT_EFI_TEXT_H
#define BOOT_EFI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

size_t text_length(const char *text);

/* Get the boot line from load options: UTF-16 as the UEFI shell and firmware's menus pass it, or
 * ASCII as efibootmgr may. A first word without `=` is the program's name and is left out. False,
 * with an empty line: there are no options, or they are not text (some firmware stores binary
 * data).
 */
bool text_from_options(const void *options, size_t bytes, char *line, size_t n);

/* Get the boot line from ferrule.cfg: all lines, joined by spaces. Lines that begin with `#` are
 * left out; module is called with the words after each `module=`. Too long a line is truncated. */
void text_from_config(const char *text, size_t bytes, char *line, size_t n,
                      void (*module)(void *context, const char *words), void *context);

/* Split the words of `module=FILE WORDS` into the file and the module's name for the kernel: the
 * words, or the file if there are none. Both are truncated to fit. */
void text_module(const char *words, char *file, size_t file_n, char *name, size_t name_n);

#endif
