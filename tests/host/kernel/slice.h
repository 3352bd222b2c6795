/* SPDX-License-Identifier: BSD-2-Clause
 * The host's stand-in for kernel/slice.h: work is done in one slice.
 */
#ifndef KERNEL_SLICE_H
#define KERNEL_SLICE_H

#include "arch/types.h"

#define SLICE_INSTRUCTIONS 6000u
#define SLICE_READ         (SLICE_INSTRUCTIONS / 3)

static inline void slice_spend(uint32_t instructions)
{
    (void)instructions;
}
static inline bool slice_end(void)
{
    return false;
}
static inline bool slice_wait(void)
{
    return false;
}
static inline bool slice_is_waiting(void)
{
    return false;
}

#endif
