/* SPDX-License-Identifier: BSD-2-Clause
 * Self-check of receive-side scaling (RSS): the documents promise RSS for advanced receive
 * descriptors only, and lanes use legacy ones (RSS-LEGACY in drivers/x540/README.md).
 */
#ifndef NET_LANE_RSS_CHECK_H
#define NET_LANE_RSS_CHECK_H

#include "drivers/nic.h"

/* Log one warning if queue 0 of the port has received many frames of different flows and its other
 * queues none. Reads only; lanes do no work for it. Core 0, ten times a second. */
void rss_check(struct port *port);

#endif
