/* SPDX-License-Identifier: BSD-2-Clause
 * The boot line from arbitrary bytes: parsing, validating and reading values stay within their
 * memory, every returned word ends within the text, and parsing the same line twice gives the same.
 *
 * links: boot/cmdline.c boot/console_key.c build/unit/boot_keys.c kernel/lib/parse.c kernel/lib/fmt.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "boot/cmdline.h"

static void count_warning(void *context, const char *text)
{
    unsigned *n = context;
    if (strlen(text) == 0)
        abort();
    ++*n;
}

static void assert_inside(const struct cmdline *c, const char *word)
{
    if (word < c->text || word + strlen(word) >= c->text + sizeof c->text)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cmdline c, again;
    cmdline_parse(&c, (const char *)data, size);
    unsigned n = 0;
    if (cmdline_validate(&c, count_warning, &n) != n)
        abort();
    for (unsigned i = 0; i < c.n; i++) {
        assert_inside(&c, c.params[i].key);
        if (c.params[i].value)
            assert_inside(&c, c.params[i].value);
        char why[128] = "";
        if (cmdline_has_no_effect(&c, i, "echo", 2, why, sizeof why) &&
            !strstr(why, "has no effect"))
            abort();
    }
    uint64_t number;
    be32_t address;
    struct ipv4_prefix prefix;
    unsigned choice, cursor = 0;
    cmdline_u64(&c, "cpus", &number);
    cmdline_ipv4(&c, "port0.gw", &address);
    cmdline_prefix(&c, "port0.ip", &prefix);
    cmdline_enum(&c, "panic", &choice);
    while (cmdline_next(&c, "route", &cursor))
        ;
    cmdline_parse(&again, (const char *)data, size);
    if (c.n != again.n || memcmp(c.text, again.text, sizeof c.text) != 0)
        abort();
    return 0;
}
