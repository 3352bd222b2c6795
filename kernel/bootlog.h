/* SPDX-License-Identifier: BSD-2-Clause
 * When each step of the start ended, for `show boot`.
 */
#ifndef KERNEL_BOOTLOG_H
#define KERNEL_BOOTLOG_H

#include "arch/types.h"

/* How we were booted, and by which loader; the texts stay. */
void bootlog_set_loader(const char *path, const char *loader);

/* One more step, which ended at that TSC. Of more than 32 the later ones are left out. Core 0. */
void bootlog_step(const char *name, uint64_t ended_tsc);

/* The same, and a log line: what happened, and how long after entry. */
void bootlog_say(const char *name, const char *what, uint64_t ended_tsc);

#endif
