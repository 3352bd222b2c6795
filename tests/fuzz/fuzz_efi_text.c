/* SPDX-License-Identifier: BSD-2-Clause
 * Text that firmware and the operator pass to BOOTX64.EFI, from arbitrary bytes: load options,
 * ferrule.cfg, the words of a module. For any input, the boot line and each name end within their
 * buffers, and accepted load options are plain text. The input is in memory of its exact size, so
 * that ASan detects an overrun.
 *
 * links: boot/efi/text.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "boot/efi/text.h"

#define LINE_BYTES 300 /* shorter than many inputs */

static void assert_terminated(const char *text, size_t n)
{
    if (strnlen(text, n) == n)
        abort();
}

static void check_module(void *context, const char *words)
{
    char file[16], name[24];
    unsigned *n = context;
    if (strchr(words, '\n'))
        abort();
    text_module(words, file, sizeof file, name, sizeof name);
    assert_terminated(file, sizeof file);
    assert_terminated(name, sizeof name);
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
    assert_terminated(line, sizeof line);
    for (const char *c = line; *c; c++)
        if ((*c < ' ' || *c > '~') && *c != '\t' && *c != '\r')
            abort();
    memset(line, 'x', sizeof line);
    text_from_config((const char *)data, size, line, sizeof line, check_module, &modules);
    assert_terminated(line, sizeof line);
    if (strchr(line, '\n') || modules > size / strlen("module="))
        abort();
    return 0;
}
