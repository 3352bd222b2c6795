/* SPDX-License-Identifier: BSD-2-Clause
 * test_log.c under the thread sanitizer, which finds what two cores access without order.
 *
 * links: kernel/lib/fmt.c
 */
#include "tests/unit/kernel/test_log.c"
