/* SPDX-License-Identifier: BSD-2-Clause
 * Random words, for values that a stranger must not guess: the key of a hash, the first of a
 * sequence of identifications. boot/start.asm makes the stack protector's canary before this runs.
 */
#ifndef ARCH_RANDOM_H
#define ARCH_RANDOM_H

#include "arch/types.h"

/* A word from RDSEED or RDRAND, mixed with the time and with all earlier words. Where the CPU has
 * neither, or both fail RANDOM_TRIES times, the word comes from the jitter of the TSC alone: it
 * then differs between boots and calls, but is no secret from one who can measure this machine.
 * Each call takes some microseconds at most. Any core, after features_init; not for the data path.
 */
uint64_t random_u64(void);

/* Intel's software implementation guide for these instructions (section 5.2.1) asks for ten. */
#define RANDOM_TRIES 10u

#endif
