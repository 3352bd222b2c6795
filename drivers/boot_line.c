/* SPDX-License-Identifier: BSD-2-Clause
 * The boot keys about cards.
 */
#include "drivers/boot_line.h"
#include "kernel/lib/fmt.h"

BOOT_KEY("port#", CMDLINE_CARD);
BOOT_KEY("port#.force", CMDLINE_ENUM, .words = "off|on");
BOOT_KEY("bringup", CMDLINE_ENUM, .words = "brief|verbose");

bool card_name_get(const struct cmdline *line, unsigned port, struct card_name *out)
{
    char key[16];

    fmt_print(key, sizeof(key), "port%u", port);
    const char *value = line ? cmdline_get(line, key) : NULL;
    return value && parse_card(value, out);
}

bool card_is_forced(const struct cmdline *line, unsigned port)
{
    unsigned is_forced = 0;
    char key[16];

    fmt_print(key, sizeof(key), "port%u.force", port);
    return line && cmdline_enum(line, key, &is_forced) && is_forced;
}

bool bringup_is_verbose(const struct cmdline *line)
{
    unsigned is_verbose = 0;

    return line && cmdline_enum(line, "bringup", &is_verbose) && is_verbose;
}
