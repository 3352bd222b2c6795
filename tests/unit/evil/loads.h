/* SPDX-License-Identifier: BSD-2-Clause
 * Each load of the code under test, before it happens. The files of the image in this program are
 * compiled with a call at every load (rules.mk); where the memory is a card's to write, the card may
 * do so there and then, by X540_EVIL_REWRITE.
 */
#ifndef TESTS_UNIT_EVIL_LOADS_H
#define TESTS_UNIT_EVIL_LOADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who is told of each load of memory that a card may write: the card, and the bus address. */
extern void (*loads_of_card)(unsigned card, uint64_t iova);
/* Told when a round has made LOADS_MAX loads of any memory: it does not end. */
extern void (*loads_endless)(void);

/* Learn what has been granted; after all lanes are open. */
void loads_learn_grants(void);
/* A round begins: its loads are counted from 0. */
void loads_begin_round(void);

#define LOADS_MAX 30000000u

#endif
