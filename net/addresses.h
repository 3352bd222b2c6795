/* SPDX-License-Identifier: BSD-2-Clause
 * The ports' addresses, MTUs and VLANs, from the boot line.
 */
#ifndef NET_ADDRESSES_H
#define NET_ADDRESSES_H

#include "net/app/app.h"

/* Read the keys of a port that has a card: portN.mtu=, its own address, which portN.vlan= puts into a
 * VLAN, and those of further VLANs, if the application has ports for them (net/lane/vlans.h). What is
 * invalid is logged and left out. Boot CPU, before run_start_app. */
void addresses_configure(const struct cmdline *line, struct port *port, const struct app *app);

#endif
