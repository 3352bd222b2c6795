/* SPDX-License-Identifier: BSD-2-Clause
 * Transmit, from the ring to the wire: descriptors fetched in batches, packets gathered, handed to
 * x540_offload.c and on to the MAC, and reported by DD or by head write-back. A packet whose last
 * descriptor is not there yet, or that the wire refuses, stays where it is and is gathered again.
 */
#include <string.h>

#include "x540_internal.h"

#define WINDOW         64u
#define CHAIN_MAX      40u
#define TX_RETRY_NS    50000

#define Q1_EOP         BIT64(24)
#define Q1_RS          BIT64(27)
#define Q1_DEXT        BIT64(29)
#define Q1_DD          BIT64(32)
#define DTYP(q1)       ((uint32_t)((q1) >> 20) & 15)
#define IS_CONTEXT(q1) ((Q1_DEXT & (q1)) && DTYP(q1) == 2)

bool x540_tx_gate_open(const struct x540 *card)
{
    return (REG(card, DMATXCTL) & DMATXCTL_TE) && !(REG(card, RTTDCS) & RTTDCS_ARBDIS) &&
           !(REG(card, SECTXCTRL) & SECTXCTRL_TX_DIS) && x540_can_transmit(card) &&
           x540_dma_allowed(card) && !card->evil[X540_EVIL_TX_STUCK];
}

/* ---- The MAC ---- */

static void count_sent(struct x540 *card, uint32_t queue, const uint8_t *frame, uint32_t len)
{
    uint32_t total = len + 4, counter = card->txq[queue].counter;

    x540_stats_add(card, TPT, 1);
    if (total >= 64) {
        x540_stats_add(card, GPTC, 1);
        x540_stats_bytes(card, GOTCL, total);
    }
    x540_stats_add(card, TXDGPC, 1);
    x540_stats_size(card, PTC64, total);
    x540_stats_add(card, QPTC(counter), 1);
    x540_stats_bytes(card, QBTC_L(counter), total);
    if ((frame[0] & frame[1] & frame[2] & frame[3] & frame[4] & frame[5]) == 0xFF)
        x540_stats_add(card, BPTC, 1);
    else if (frame[0] & 1)
        x540_stats_add(card, MPTC, 1);
}

/* A pause frame leaves with the timer of FCTTV, whatever software has put there. */
static void set_pause_timer(const struct x540 *card, uint8_t *frame, uint32_t len)
{
    if (len >= 18 && load16be(frame + 12) == 0x8808 && load16be(frame + 14) == 0x0001)
        store16be(frame + 16, REG(card, FCTTV));
}

bool x540_mac_transmit(struct x540 *card, uint32_t queue, uint8_t *frame, uint32_t len)
{
    if (len < 60 && (REG(card, HLREG0) & HLREG0_TXPADEN)) {
        memset(frame + len, 0, 60 - len);
        len = 60;
    }
    set_pause_timer(card, frame, len);
    if (REG(card, HLREG0) & HLREG0_LPBK) {
        count_sent(card, queue, frame, len);
        card->truth.frames_looped++;
        x540_mac_receive(card, frame, len, PK_LOOPBACK);
        return true;
    }
    if (card->link_up) {
        if (!card->env.frame_out(card->env.opaque, frame, len))
            return false;
        card->truth.frames_out++;
        card->truth.bytes_out += len;
    } /* else forced up by MACC.FLU: sent into the air */
    count_sent(card, queue, frame, len);
    return true;
}

/* ---- One run over one queue ---- */

struct run {
    struct x540 *card;
    struct tx_queue *queue;
    uint32_t n;                  /* the queue's number */
    uint32_t head;               /* first descriptor not finished */
    uint32_t at, got;            /* window[] holds descriptors at .. at + got - 1 */
    uint32_t done_from, done_to; /* of these, DD is set here and not yet in memory */
    uint32_t reports, last_report, report_before;
    struct descriptor window[WINDOW];
};

static uint32_t next_index(const struct run *run, uint32_t index)
{
    return index + 1 == run->queue->ring.size ? 0 : index + 1;
}

/* Write DD back, in one go for all that the window has: those in between still are the card's. */
static void put_done(struct run *run)
{
    uint32_t n = run->done_to - run->done_from;

    if (n)
        x540_post_words(run->card, run->queue->ring.base + 16ull * (run->at + run->done_from),
                        &run->window[run->done_from], 16 * n, X540_PCIE_TX_DONE);
    run->done_from = run->done_to = 0;
}

/* How many descriptors a request brings: a loaded card asks as soon as HTHRESH wait in memory, and
 * without that threshold when its own are used up. An assumption: the packets cannot be seen. */
static uint32_t fetched_at_once(const struct run *run)
{
    uint32_t least = GET(TXDCTL_HTHRESH, REG(run->card, TXDCTL(run->n)));

    return least ? least : PREFETCH;
}

static const struct descriptor *peek(struct run *run, uint32_t index)
{
    uint32_t n, tail = run->queue->ring.tail;

    if (index - run->at < run->got)
        return &run->window[index - run->at];
    n = tail > index ? tail - index : run->queue->ring.size - index;
    if (n > WINDOW)
        n = WINDOW;
    put_done(run);
    run->got = 0;
    if (!x540_fetch(run->card, run->queue->ring.base + 16ull * index, run->window, 16 * n,
                    X540_PCIE_TX_FETCH, 16 * fetched_at_once(run))) {
        run->queue->ring.hung = true;
        return NULL;
    }
    run->at = index;
    run->got = n;
    return &run->window[0];
}

/* A packet in the ring. */
struct chain {
    uint32_t end;   /* the index after its last descriptor */
    uint32_t n;     /* data descriptors */
    uint32_t bytes; /* gathered */
    uint64_t first, last;
    bool too_long;
    uint32_t rs_count;
    uint32_t rs_index[CHAIN_MAX];
    uint32_t rs_word[CHAIN_MAX]; /* upper half of q1 */
};

static void take_context(struct run *run, const struct descriptor *given)
{
    struct tx_context *context = &run->queue->context[given->q1 >> 36 & 1];

    context->valid = true;
    context->q0 = given->q0;
    context->q1 = given->q1;
}

static bool add_data(struct run *run, struct chain *chain, const struct descriptor *given)
{
    uint32_t len = (uint32_t)given->q1 & 0xFFFF;

    if (chain->bytes + len > TX_PACKET_MAX - TX_HEADROOM - 64)
        chain->too_long = true;
    if (chain->too_long || !len)
        return true;
    if (!x540_fetch(run->card, given->q0, run->card->tx_packet + TX_HEADROOM + chain->bytes, len,
                    X540_PCIE_TX_FRAME, UINT32_MAX)) {
        run->queue->ring.hung = true;
        return false;
    }
    chain->bytes += len;
    return true;
}

static void hang(struct run *run, enum x540_rule rule, uint32_t index, uint64_t q1, uint32_t limit)
{
    run->queue->ring.hung = true;
    x540_complain(run->card, rule, "queue %u descriptor %u, q1 = 0x%016llx (limit %u)", run->n,
                  index, (unsigned long long)q1, limit);
}

/* Gather the packet that starts at the head. false: it is not complete, or the queue hangs. */
static bool gather(struct run *run, struct chain *chain)
{
    uint32_t wthresh = GET(TXDCTL_WTHRESH, REG(run->card, TXDCTL(run->n)));
    uint32_t index = run->head, limit = CHAIN_MAX > wthresh ? CHAIN_MAX - wthresh : 1;
    uint32_t advised = limit > 3 ? limit - 2 : 1;

    chain->n = chain->bytes = chain->rs_count = 0;
    chain->first = 0;
    chain->too_long = false;
    for (; index != run->queue->ring.tail; index = next_index(run, index)) {
        const struct descriptor *given = peek(run, index);
        uint64_t q1;

        if (!given)
            return false;
        q1 = given->q1;
        if (IS_CONTEXT(q1)) {
            take_context(run, given);
            run->queue->since_report++;
            if (!chain->n)
                run->head = next_index(run, index);
            continue;
        }
        if ((q1 & Q1_DEXT) && DTYP(q1) != 3) {
            hang(run, RULE_TX_DESC, index, q1, 3);
            return false;
        }
        if (chain->n == limit) {
            hang(run, RULE_TX_CHAIN, index, q1, limit);
            return false;
        }
        if (chain->n == advised)
            x540_complain(run->card, RULE_TX_CHAIN_LIMIT,
                          "queue %u descriptor %u: a packet of more than %u data descriptors",
                          run->n, index, advised);
        if (!chain->n)
            chain->first = q1;
        if (q1 & Q1_RS) {
            chain->rs_index[chain->rs_count] = index;
            chain->rs_word[chain->rs_count++] = (uint32_t)(q1 >> 32);
        }
        chain->n++;
        if (!add_data(run, chain, given))
            return false;
        if (q1 & Q1_EOP) {
            chain->last = q1;
            chain->end = next_index(run, index);
            return true;
        }
    }
    return false;
}

/* Set DD in the descriptor: in the window, or where that has moved on, in memory at once. */
static void set_done(struct run *run, uint32_t index, uint32_t word)
{
    uint32_t at = index - run->at;

    if (at >= run->got) {
        word |= 1;
        x540_post_words(run->card, run->queue->ring.base + 16ull * index + 12, &word, 4,
                        X540_PCIE_TX_DONE);
        return;
    }
    run->window[at].q1 |= Q1_DD;
    if (run->done_from == run->done_to)
        run->done_from = at;
    run->done_to = at + 1;
}

static void report(struct run *run, const struct chain *chain)
{
    struct tx_queue *queue = run->queue;

    queue->since_report += chain->n;
    if (!chain->rs_count) {
        if (queue->since_report >= queue->ring.size - 1)
            x540_complain(run->card, RULE_TX_NO_RS,
                          "queue %u: %u descriptors without RS in a ring of %u", run->n,
                          queue->since_report, queue->ring.size);
        return;
    }
    queue->since_report = 0;
    if (queue->head_mode && !chain->bytes && run->card->evil[X540_EVIL_NULL_RS_SILENT])
        return;
    run->report_before = run->last_report;
    run->last_report = chain->end;
    run->reports++;
    if (queue->head_mode)
        return;
    for (uint32_t i = 0; i < chain->rs_count; i++)
        set_done(run, chain->rs_index[i], chain->rs_word[i]);
}

static void write_head(struct run *run, uint32_t value)
{
    struct x540 *card = run->card;

    if (card->evil[X540_EVIL_HEAD_JUMP])
        value = (uint32_t)card->evil[X540_EVIL_HEAD_JUMP];
    if (!card->evil[X540_EVIL_HEAD_STUCK])
        x540_post_words(card, run->queue->head_at, &value, 4, X540_PCIE_HEAD);
}

/* Report the progress of the run to the host. One write-back of the head may stand for several RS,
 * and hold the head of that moment: every fourth run of a queue includes the descriptors after the
 * last RS, the others do not. With relaxed ordering two head write-backs may overtake each other:
 * here they always do. */
static void finish(struct run *run)
{
    struct x540 *card = run->card;

    if (!run->reports)
        return;
    put_done(run);
    if (run->queue->head_mode) {
        write_head(run, ++run->queue->head_writes % 4 ? run->last_report : run->queue->ring.head);
        if (run->reports > 1 && (REG(card, DCA_TXCTRL(run->n)) & DCA_TXCTRL_DESC_WRO))
            write_head(run, run->report_before);
    }
    x540_intr_tx(card, run->n);
}

static enum tx_result send(struct run *run, struct chain *chain)
{
    if (chain->too_long) {
        x540_complain(run->card, RULE_TX_LONG, "queue %u descriptor %u: a packet of over %u bytes",
                      run->n, run->head, TX_PACKET_MAX);
        return TX_DROPPED;
    }
    if (chain->first & Q1_DEXT)
        return x540_tx_advanced(run->card, run->n, chain->first, chain->bytes);
    return x540_tx_legacy(run->card, run->n, chain->first, chain->bytes);
}

void x540_tx_queue_run(struct x540 *card, uint32_t n)
{
    struct tx_queue *queue = &card->txq[n];
    struct run run;
    struct chain chain;
    uint32_t resets = card->resets;
    enum tx_result result = TX_SENT;

    if (card->in_transmit) { /* called out of a callback: the next x540_run finds the work */
        x540_plan(card, EV_TX_RETRY, 0);
        return;
    }
    run.card = card;
    run.queue = queue;
    run.n = n;
    run.head = queue->ring.head;
    run.at = run.got = run.reports = 0;
    run.done_from = run.done_to = 0;
    run.last_report = run.report_before = queue->ring.head;
    card->in_transmit = true;
    while (queue->ring.state == QUEUE_ON && !queue->ring.hung && x540_tx_gate_open(card) &&
           gather(&run, &chain)) {
        result = send(&run, &chain);
        if (card->resets != resets) { /* by the driver, out of a callback */
            card->in_transmit = false;
            return;
        }
        if (result == TX_REFUSED)
            break;
        queue->segments_sent = 0;
        run.head = chain.end;
        queue->ring.head = run.head;
        report(&run, &chain);
    }
    card->in_transmit = false;
    queue->ring.head = run.head;
    if (result == TX_REFUSED)
        x540_plan_at(card, EV_TX_RETRY,
                     (card->target > card->now ? card->target : card->now) + TX_RETRY_NS);
    else if (queue->ring.head == queue->ring.tail || queue->ring.hung || x540_tx_gate_open(card))
        bit_put(card->tx_work, n, false); /* done, or nothing to do before the tail moves */
    finish(&run);
}

void x540_tx_run(struct x540 *card)
{
    uint32_t first = card->tx_turn;

    if (!(card->tx_work[0] | card->tx_work[1]) || card->in_transmit || !x540_tx_gate_open(card))
        return;
    card->tx_turn = (first + 1) & (QUEUES - 1); /* round robin */
    for (uint32_t i = 0; i < QUEUES; i++) {
        uint32_t n = (first + i) & (QUEUES - 1);

        if (bit_test(card->tx_work, n) && card->txq[n].ring.state == QUEUE_ON)
            x540_tx_queue_run(card, n);
    }
}
