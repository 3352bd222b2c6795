/* SPDX-License-Identifier: BSD-2-Clause
 * The current settings as a boot line (`show config`): each part of the program that has settings
 * adds its own.
 *
 *     static void put_level(struct config *config)
 *     {
 *         config_put(config, "loglevel", "%s", level_name);
 *     }
 *     CONFIG_PART(5, put_level, "loglevel");
 *
 * Keys of the boot line that belong to no part cannot change after boot; they are printed as given.
 */
#ifndef KERNEL_CONSOLE_CONFIG_H
#define KERNEL_CONSOLE_CONFIG_H

#include "arch/types.h"

struct config; /* the line that is being built; in config.c */

/* Add key=value to the line, with quotes if needed. The value has at most 255 bytes. A key that may
 * repeat (route=) is added once per value, in consecutive calls. */
void config_put(struct config *config, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Add the key as the boot line has it; nothing if it is absent or invalid. */
void config_keep(struct config *config, const char *key);

struct config_part {
    void (*put)(struct config *config); /* core 0, between bursts: adds non-default settings */
    const char *keys[4];                /* the part's keys, as named in the boot line's table */
};

/* `rank` (one digit) is the part's place in the line: 1 application, 2 ports, 3 and 4 settings of the
 * application, 5 machine. */
#define CONFIG_PART(rank, put_, ...)                                                               \
    static const struct config_part config_##put_                                                  \
        __attribute__((used, section("configs." #rank), aligned(8))) = {put_, {__VA_ARGS__}}

/* The collected table, by rank; linker.ld sorts it and defines the bounds. */
extern const struct config_part configs_start[], configs_end[];

#endif
