/* SPDX-License-Identifier: BSD-2-Clause
 * When each step of the start ended, for `show boot`.
 */
#ifndef KERNEL_BOOTLOG_H
#define KERNEL_BOOTLOG_H

#include "arch/types.h"

/* Keep the boot protocol and the loader's name; the strings must stay valid. */
void bootlog_set_loader(const char *path, const char *loader);

/* Record a step that ended at that TSC; at most 32 are recorded. Core 0. */
void bootlog_step(const char *name, uint64_t ended_tsc);

/* The same, with a log line: `what`, and the time since entry. */
void bootlog_say(const char *name, const char *what, uint64_t ended_tsc);

#endif
