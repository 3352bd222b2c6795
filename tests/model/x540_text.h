/* SPDX-License-Identifier: BSD-2-Clause
 * The enumerations and structures of x540_core.h as text, for command lines and scripts. Used by
 * x540_qemu.c; host programs use the C interface.
 */
#ifndef TESTS_MODEL_X540_TEXT_H
#define TESTS_MODEL_X540_TEXT_H

#include <stdio.h>

#include "x540_core.h"

/* "name" or "name:arg"; arg is 1 where none is given. Returns what is wrong with the text, NULL if
 * nothing; only then *what and *arg are set. */
const char *x540_evil_parse(const char *text, enum x540_evil *what, uint64_t *arg);
/* The same for damage: how, and for how many frames. */
const char *x540_damage_parse(const char *text, enum x540_damage *how, uint64_t *frames);

const char *x540_evil_name(enum x540_evil what);
const char *x540_damage_name(enum x540_damage how);

/* All complaints of a card as an array in JSON. */
void x540_print_complaints(const struct x540 *card, FILE *out);
/* The true numbers of a card, and whether its link is up, as members of an object in JSON. */
void x540_print_truth(const struct x540 *card, FILE *out);
/* What each register holds, as an object in JSON: "CTRL", "RXDCTL[3]", … with their values as
 * numbers. Nothing of the card changes by it. Left out is what a card composes at a read: STATUS,
 * LINKS, causes, semaphores, counters. */
void x540_print_registers(const struct x540 *card, FILE *out);

#endif
