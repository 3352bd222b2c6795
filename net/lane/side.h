/* SPDX-License-Identifier: BSD-2-Clause
 * Frames that a loop sends by another port than its lane's output: each is copied to a slot of the
 * port's side queue, and all of a round are handed to the card by one write of the tail.
 *
 *     if (side_has_place(side)) ... wire_move(side_place(side), ...); side_put(side, length);
 *     sides_flush(core);     each round
 *
 * Between two rounds nothing is left unflushed: side_send, an order to stop the queue and the ledger
 * find every frame with the card. All by the core that owns the queue.
 */
#ifndef NET_LANE_SIDE_H
#define NET_LANE_SIDE_H

#include "arch/bytes.h"
#include "drivers/desc.h"
#include "net/lane/ring.h"

/* The side queues of a core with frames that the card has not been told of: a byte for each port. */
struct sides_put {
    uint8_t ports[PORTS_MAX];
} __attribute__((aligned(CACHE_LINE_BYTES)));
static_assert(PORTS_MAX == sizeof(uint64_t), "all are loaded at once");
extern struct sides_put sides_put[QUEUES_MAX];

/* Is there a place for a frame? If not as of the last look at the head word: side_renew. */
static inline bool side_has_place(const struct side *side)
{
    return side->next != side->limit;
}
/* Look at the head word. False: no slot is free for frames other than ARP (SIDE_KEPT), the queue does
 * not run, or the core's tap is on, which sees the frames of side_send only. */
bool side_renew(struct side *side);
/* The same for all side queues of a core: its tap has been switched on or off. */
void sides_renew(unsigned core);

/* Where to write the next frame, all of its bytes, no more than SLOT_BYTES. The output card can read
 * the place; no card can write it. */
static inline wire_frame_t side_place(const struct side *side)
{
    return wire_frames(side_frame(side, (uint32_t)side->next & side->last));
}

/* The frame at side_place, of `length` bytes (FRAME_MIN..port_frame_most), is complete: it is sent with
 * the next flush, after all that were put or sent before, and counts as generated. */
static inline void side_put(struct side *side, size_t length)
{
    dma_store64(&side->ring[side->next & side->last].word, length | TX_EOP | TX_IFCS);
    side->next++;
    *side->put = 1;
}

/* Count a frame for which there was no place as generated and dropped (side_full). */
void side_refuse(struct side *side);

/* Hand all frames that were put to the cards: one write of the tail for each queue that has any. */
void sides_flush_all(unsigned core);
static inline void sides_flush(unsigned core)
{
    if (__builtin_expect(load64(sides_put[core].ports) != 0, 0))
        sides_flush_all(core);
}

#endif
