/* SPDX-License-Identifier: BSD-2-Clause
 * Frames over which filters are compared with libpcap: captured ones, and such of random bytes.
 */
#ifndef TESTS_UNIT_NET_CAPTURED_H
#define TESTS_UNIT_NET_CAPTURED_H

#include "arch/types.h"
#include <pcap/pcap.h>
#define pcap_file capture_file /* libpcap has one of this name, too */
#include "tests/unit/pcap.h"
#include "tests/unit/random.h"

#define FRAMES_MAX 3000
static struct {
    uint8_t bytes[1600];
    uint32_t length;
} frames[FRAMES_MAX];
static unsigned frames_n;

static inline void keep(void *context, const char *file, const uint8_t *frame, size_t n)
{
    (void)context, (void)file;
    if (frames_n == FRAMES_MAX || n > sizeof(frames[0].bytes))
        return;
    memcpy(frames[frames_n].bytes, frame, n);
    frames[frames_n++].length = (uint32_t)n;
}

static inline void keep_captured(void)
{
    pcap_folder("tests/data/pcap", keep, NULL);
    assert_true(frames_n > 500);
}

static inline void keep_random(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint32_t n = random_next() % 130;
        uint8_t bytes[130];
        for (uint32_t k = 0; k < n; k++)
            bytes[k] = (uint8_t)random_next();
        keep(NULL, NULL, bytes, n);
    }
}

#endif
