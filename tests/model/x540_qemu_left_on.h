/* SPDX-License-Identifier: GPL-2.0-or-later
 * Registers QEMU's device type "left-on"; see x540_qemu_left_on.c.
 */
#ifndef TESTS_MODEL_LEFT_ON_H
#define TESTS_MODEL_LEFT_ON_H

void left_on_register(void);

#endif
