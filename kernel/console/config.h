/* SPDX-License-Identifier: BSD-2-Clause
 * The running settings as a boot line (`show config`): each part of the program that has settings
 * adds its own, as they are now.
 *
 *     static void put_level(struct config *config)
 *     {
 *         config_put(config, "loglevel", "%s", level_name);
 *     }
 *     CONFIG_PART(put_level, "loglevel");
 *
 * Keys of the boot line that no part speaks for are settled at boot and stand as they were given.
 */
#ifndef KERNEL_CONSOLE_CONFIG_H
#define KERNEL_CONSOLE_CONFIG_H

#include "arch/types.h"

struct config; /* the line that is being made; in config.c */

/* Add key=value to the line, in quotes where it needs them. The value has at most 255 bytes. A key
 * that may repeat (route=) is put once for each value, in a row. */
void config_put(struct config *config, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

struct config_part {
    void (*put)(struct config *config); /* core 0, between bursts: puts what differs from default */
    const char *keys[4];                /* that it speaks for, as the boot line's table names them */
};

#define CONFIG_PART(put_, ...)                                                                     \
    static const struct config_part config_##put_                                                  \
        __attribute__((used, section("configs"), aligned(8))) = {put_, {__VA_ARGS__}}

/* The collected table: linker.ld keeps it between these two. */
extern const struct config_part configs_start[], configs_end[];

#endif
