/* SPDX-License-Identifier: BSD-2-Clause
 * Names for code addresses. The table is made from the linked image by boot/ksym.awk and linked in
 * behind all other constants, so that it moves no code.
 */
#ifndef KERNEL_KSYM_H
#define KERNEL_KSYM_H

#include "arch/types.h"

/* The function that holds this address, and how far inside it is; NULL if it is not code of the
 * image. */
const char *ksym_find(uint64_t address, uint64_t *offset);

#endif
