/* SPDX-License-Identifier: BSD-2-Clause
 * Sorted ranges in a fixed table. Sets have about ten ranges, so all searches are linear.
 */
#include "kernel/lib/ranges.h"
#include "kernel/lib/str.h"

static void delete_at(struct ranges *m, unsigned i)
{
    m->n--;
    memmove(&m->ranges[i], &m->ranges[i + 1], (m->n - i) * sizeof m->ranges[0]);
}

/* False if the table is full. */
static bool insert_at(struct ranges *m, unsigned i, uint64_t start, uint64_t end)
{
    if (m->n == RANGES_MAX)
        return false;
    memmove(&m->ranges[i + 1], &m->ranges[i], (m->n - i) * sizeof m->ranges[0]);
    m->ranges[i] = (struct range){start, end};
    m->n++;
    return true;
}

void ranges_add(struct ranges *m, uint64_t start, uint64_t end)
{
    if (start >= end)
        return;
    unsigned i = 0;
    while (i < m->n && m->ranges[i].end < start)
        i++;
    /* Merge every range that overlaps or is adjacent. */
    while (i < m->n && m->ranges[i].start <= end) {
        start = MIN(start, m->ranges[i].start);
        end = MAX(end, m->ranges[i].end);
        delete_at(m, i);
    }
    if (!insert_at(m, i, start, end))
        m->lost_bytes += end - start;
}

void ranges_remove(struct ranges *m, uint64_t start, uint64_t end)
{
    if (start >= end)
        return;
    for (unsigned i = 0; i < m->n;) {
        struct range *r = &m->ranges[i];
        if (r->end <= start || r->start >= end) {
            i++;
        } else if (r->start >= start && r->end <= end) {
            delete_at(m, i);
        } else if (r->start >= start) {
            r->start = end;
            i++;
        } else {
            uint64_t old_end = r->end;
            r->end = start;
            i++;
            if (old_end > end && !insert_at(m, i, end, old_end))
                m->lost_bytes += old_end - end;
        }
    }
}

bool ranges_take(struct ranges *m, uint64_t bytes, uint64_t align, uint64_t below, uint64_t *start)
{
    bool is_found = false;
    uint64_t best_start = 0, best_size = ~0ull;
    for (unsigned i = 0; i < m->n; i++) {
        const struct range *r = &m->ranges[i];
        uint64_t end = MIN(r->end, below);
        if (end < bytes)
            continue;
        uint64_t at = (end - bytes) & ~(align - 1);
        uint64_t size = r->end - r->start;
        if (at >= r->start && size <= best_size) {
            is_found = true;
            best_start = at;
            best_size = size;
        }
    }
    if (!is_found)
        return false;
    ranges_remove(m, best_start, best_start + bytes);
    *start = best_start;
    return true;
}

uint64_t ranges_bytes(const struct ranges *m)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < m->n; i++)
        sum += m->ranges[i].end - m->ranges[i].start;
    return sum;
}
