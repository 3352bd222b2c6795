/* SPDX-License-Identifier: BSD-2-Clause
 * Names for code addresses. boot/ksym.awk makes the table from the linked image; it is linked after
 * all other constants, so that it moves no code.
 */
#ifndef KERNEL_KSYM_H
#define KERNEL_KSYM_H

#include "arch/types.h"

/* The function that contains this address, and the address's offset in it; NULL if it is not code
 * of the image. */
const char *ksym_find(uint64_t address, uint64_t *offset);

#endif
