/* SPDX-License-Identifier: BSD-2-Clause
 * A struct out that keeps what is written, for tests to compare.
 */
#ifndef TESTS_UNIT_KEPT_TEXT_H
#define TESTS_UNIT_KEPT_TEXT_H

#include <string.h>

#include "kernel/console/command.h"

static char text[8192];
static size_t used;

static void keep(void *opaque, const char *bytes, size_t n)
{
    (void)opaque;
    assert_true(used + n < sizeof(text));
    memcpy(text + used, bytes, n);
    text[used += n] = 0;
}

static const struct out out = {keep, NULL};

#endif
