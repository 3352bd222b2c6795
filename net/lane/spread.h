/* SPDX-License-Identifier: BSD-2-Clause
 * The self-check of receive-side scaling: cards of this family promise it for another format of
 * receive descriptors than the lane's (RSS-LEGACY in drivers/x540/README.md).
 */
#ifndef NET_SPREAD_H
#define NET_SPREAD_H

#include "drivers/nic.h"

/* Have many frames come in by queue 0 of the port and none by its others, though their flows differ?
 * Then a line says so, once. Costs the lanes nothing. Core 0, ten times a second. */
void spread_check(struct port *port);

#endif
