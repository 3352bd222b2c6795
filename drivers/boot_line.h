/* SPDX-License-Identifier: BSD-2-Clause
 * What the boot line says about cards. Host tests implement it in tests/host/machine.c.
 */
#ifndef DRIVERS_BOOT_LINE_H
#define DRIVERS_BOOT_LINE_H

#include "boot/cmdline.h"

/* portN=: the card that is to be port `port`. False: none is named, or the value is invalid. */
bool card_name_get(const struct cmdline *line, unsigned port, struct card_name *out);
/* portN.force=on: use the card even if it is refused. */
bool card_is_forced(const struct cmdline *line, unsigned port);
/* bringup=verbose: log the raw words of remapping units and of each card. */
bool bringup_is_verbose(const struct cmdline *line);

#endif
