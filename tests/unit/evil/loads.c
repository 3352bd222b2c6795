/* SPDX-License-Identifier: BSD-2-Clause
 * See loads.h. clang calls __sanitizer_cov_loadN before each load; copies and comparisons are
 * functions, whose names rules.mk redirects to those here. A longer copy is made in two parts, so
 * that the card comes between its loads too.
 */
#include "tests/unit/evil/loads.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/memory/dma.h"
#include "tests/host/machine.h"

void (*loads_of_card)(unsigned card, uint64_t iova);
void (*loads_endless)(void);

enum { AREAS_MAX = 64 };

/* Memory that a card may write. */
static struct area {
    uintptr_t va;
    size_t bytes;
    uint64_t iova;
    unsigned card;
} areas[AREAS_MAX];
static unsigned areas_n;
static uintptr_t lowest = UINTPTR_MAX, highest;
static uint64_t loads;

void loads_learn_grants(void)
{
    struct machine_grant g;

    areas_n = 0;
    for (unsigned i = 0; machine_grant(i, &g); i++) {
        if (!(g.rights & DMA_WRITE))
            continue;
        if (areas_n == AREAS_MAX)
            abort();
        areas[areas_n++] = (struct area){(uintptr_t)g.va, g.bytes, g.iova, g.card};
        lowest = (uintptr_t)g.va < lowest ? (uintptr_t)g.va : lowest;
        highest = (uintptr_t)g.va + g.bytes > highest ? (uintptr_t)g.va + g.bytes : highest;
    }
}

void loads_begin_round(void)
{
    loads = 0;
}

/* Is it a card's? Then the card comes first. */
static bool load(const void *p)
{
    static unsigned last;
    const uintptr_t va = (uintptr_t)p;

    if (++loads >= LOADS_MAX && loads_endless) {
        loads = 0;
        loads_endless();
    }
    if (va < lowest || va >= highest || !loads_of_card)
        return false;
    for (unsigned i = 0; i < areas_n; i++) {
        const struct area *a = &areas[(last + i) % areas_n];
        if (va - a->va >= a->bytes)
            continue;
        last = (last + i) % areas_n;
        loads_of_card(a->card, a->iova + (va - a->va));
        return true;
    }
    return false;
}

void __sanitizer_cov_load1(const void *p);
void __sanitizer_cov_load2(const void *p);
void __sanitizer_cov_load4(const void *p);
void __sanitizer_cov_load8(const void *p);
void __sanitizer_cov_load16(const void *p);
void __sanitizer_cov_load1(const void *p)
{
    (void)load(p);
}
void __sanitizer_cov_load2(const void *p)
{
    (void)load(p);
}
void __sanitizer_cov_load4(const void *p)
{
    (void)load(p);
}
void __sanitizer_cov_load8(const void *p)
{
    (void)load(p);
}
void __sanitizer_cov_load16(const void *p)
{
    (void)load(p);
}

void *loads_memcpy(void *to, const void *from, size_t n);
void *loads_memmove(void *to, const void *from, size_t n);
int loads_memcmp(const void *a, const void *b, size_t n);

void *loads_memcpy(void *to, const void *from, size_t n)
{
    size_t at = 0;

    if (n > 0 && load(from) && n > 1) {
        at = n / 2;
        memcpy(to, from, at);
        (void)load((const uint8_t *)from + at);
    }
    memcpy((uint8_t *)to + at, (const uint8_t *)from + at, n - at);
    return to;
}

void *loads_memmove(void *to, const void *from, size_t n)
{
    if (n > 0)
        (void)load(from);
    return memmove(to, from, n);
}

int loads_memcmp(const void *a, const void *b, size_t n)
{
    if (n > 0) {
        (void)load(a);
        (void)load(b);
    }
    return memcmp(a, b, n);
}
