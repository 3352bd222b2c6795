/* SPDX-License-Identifier: BSD-2-Clause
 * The longest stretch between two polls of a core's queues, and which part of the core's work took
 * most of it. Parts are named by watchdog_part (kernel/watchdog.h). Pure.
 */
#ifndef ARCH_STRETCH_H
#define ARCH_STRETCH_H

#include "arch/types.h"

struct stretch {
    const char *part;     /* the part under way; NULL: the lanes */
    uint64_t part_tsc;    /* since when; not valid before the stretch's first part */
    const char *most;     /* of the parts that have ended, the longest; NULL: none has */
    uint64_t most_ticks;  /* how long it took */
    const char *max_part; /* of the longest stretch so far */
    uint64_t max_ticks;
};

/* The part under way ends, and `part` (a constant, or NULL) begins; began: the last poll's stamp.
 * Returns the part that has ended. */
static inline const char *stretch_part(struct stretch *s, const char *part, uint64_t now,
                                       uint64_t began)
{
    const char *ended = s->part;
    uint64_t ticks = now - (s->most ? s->part_tsc : began);

    if (!s->most || ticks > s->most_ticks) {
        s->most = ended ? ended : "lanes";
        s->most_ticks = ticks;
    }
    s->part = part;
    s->part_tsc = now;
    return ended;
}

/* A poll ends the stretch. */
static inline void stretch_end(struct stretch *s, uint64_t now, uint64_t began)
{
    uint64_t ticks = now - began;

    if (__builtin_expect(ticks > s->max_ticks, 0)) {
        (void)stretch_part(s, NULL, now, began);
        s->max_part = s->most;
        s->max_ticks = ticks;
    }
    if (s->most) {
        s->part = s->most = NULL;
        s->most_ticks = 0;
    }
}

#endif
