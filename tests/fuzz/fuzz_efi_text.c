/* SPDX-License-Identifier: BSD-2-Clause
 * What firmware and an operator hand to BOOTX64.EFI, from any bytes: load options, ferrule.cfg, the
 * words of a module. Whatever comes in, the boot line and each name end inside their room; load
 * options that are taken are plain text; and no byte beyond the input is read: it lies in memory of
 * just its size.
 *
 * links: boot/efi/text.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "boot/efi/text.h"

#define LINE_BYTES 300 /* shorter than many an input */

static void ends_inside(const char *text, size_t n)
{
    if (strnlen(text, n) == n)
        abort();
}

static void take_module(void *context, const char *words)
{
    char file[16], name[24];
    unsigned *n = context;
    if (strchr(words, '\n'))
        abort();
    text_module(words, file, sizeof file, name, sizeof name);
    ends_inside(file, sizeof file);
    ends_inside(name, sizeof name);
    if (strchr(file, ' ') || (file[0] && !name[0]))
        abort();
    ++*n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char line[LINE_BYTES];
    unsigned modules = 0;

    memset(line, 'x', sizeof line);
    if (text_from_options(data, size, line, sizeof line) != (line[0] != 0))
        abort();
    ends_inside(line, sizeof line);
    for (const char *c = line; *c; c++)
        if ((*c < ' ' || *c > '~') && *c != '\t' && *c != '\r')
            abort();
    memset(line, 'x', sizeof line);
    text_from_config((const char *)data, size, line, sizeof line, take_module, &modules);
    ends_inside(line, sizeof line);
    if (strchr(line, '\n') || modules > size / strlen("module="))
        abort();
    return 0;
}
