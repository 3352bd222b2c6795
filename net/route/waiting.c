/* SPDX-License-Identifier: BSD-2-Clause
 * Frames that wait for neighbours; see waiting.h.
 */
#include "net/route/waiting.h"

#include "drivers/nic.h"
#include "kernel/lib/str.h"

static uint32_t heads_for(uint32_t n)
{
    return n > 1 ? 1u << (32 - __builtin_clz(n - 1)) : 2;
}

size_t waiting_bytes(uint32_t n)
{
    return n * sizeof(struct waiting) + heads_for(n) * sizeof(uint32_t);
}

void waiting_init(struct waiting_frames *all, void *memory, uint8_t *frames, uint32_t n,
                  uint32_t factor)
{
    memset(all, 0, sizeof(*all));
    all->places = memory;
    all->heads = (uint32_t *)(all->places + n);
    all->shift = (unsigned)__builtin_clz(heads_for(n)) + 1;
    all->factor = factor;
    all->max = n;
    for (uint32_t i = 0; i < n; i++)
        all->places[i].frame = frames + waiting_frame_bytes(i);
}

static uint32_t *chain_of(const struct waiting_frames *all, const struct port *out, uint32_t next)
{
    return &all->heads[(next ^ out->index << 29) * all->factor >> all->shift];
}

static uint32_t link_to(const struct waiting_frames *all, const struct waiting *w)
{
    return (uint32_t)(w - all->places) + 1;
}

struct waiting *waiting_find(const struct waiting_frames *all, const struct port *out,
                             uint32_t next)
{
    for (uint32_t link = *chain_of(all, out, next); link != 0;) {
        struct waiting *w = &all->places[link - 1];
        if (w->next == next && w->out == out)
            return w;
        link = w->chain;
    }
    return NULL;
}

static void set_n(struct waiting_frames *all, uint32_t n)
{
    __atomic_store_n(&all->n, n, __ATOMIC_RELEASE); /* pairs with waiting_n */
}

void waiting_remove(struct waiting_frames *all, struct waiting *frame)
{
    uint32_t link = link_to(all, frame), *at = chain_of(all, frame->out, frame->next);

    while (*at != link)
        at = &all->places[*at - 1].chain;
    *at = frame->chain;
    *(frame->before ? &all->places[frame->before - 1].after : &all->oldest) = frame->after;
    *(frame->after ? &all->places[frame->after - 1].before : &all->newest) = frame->before;
    frame->length = 0;
    frame->after = all->free;
    all->free = link;
    set_n(all, all->n - 1);
    if (all->n == 0)
        all->used = all->free = 0;
}

struct waiting *waiting_add(struct waiting_frames *all, struct port *out, uint32_t next,
                            struct port **lost)
{
    struct waiting *w = waiting_find(all, out, next);

    if (!w && all->n == all->max)
        w = &all->places[all->oldest - 1];
    *lost = w ? w->in : NULL;
    if (w)
        waiting_remove(all, w);
    if (all->free != 0) {
        w = &all->places[all->free - 1];
        all->free = w->after;
    } else {
        w = &all->places[all->used++];
    }
    uint32_t *head = chain_of(all, out, next), link = link_to(all, w);
    *w = (struct waiting){
        .frame = w->frame, .out = out, .next = next, .chain = *head, .before = all->newest};
    *head = link;
    *(all->newest ? &all->places[all->newest - 1].after : &all->oldest) = link;
    all->newest = link;
    set_n(all, all->n + 1);
    return w;
}
