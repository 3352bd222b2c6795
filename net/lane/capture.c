/* SPDX-License-Identifier: BSD-2-Clause
 * Taps; see capture.h. First a core's side, then core 0's.
 */
#include "net/lane/capture.h"

#include "arch/image.h"
#include "arch/tsc.h"
#include "drivers/desc.h"
#include "kernel/lib/str.h"
#include "kernel/ask.h"
#include "kernel/memory/memory.h"
#include "net/lane/lane_control.h"

enum { LOG_BYTES = 14336, ANSWER_US = 2000000, BRIEF_US = 1000 };

/* One core's; that core alone writes it. */
struct tap {
    /* What the application is shown in place of the lane's ring: the frames that were looked at, and
     * none that came later. On a multiple of its size, as rings are; all zero between polls. */
    struct descriptor ring[LANE_SLOTS];
    struct capture_request request;
    /* The log, which core 0 reads. */
    uint32_t generation; /* how often it was begun again */
    uint32_t used; /* bytes, stored last */
    uint64_t missed;
    /* The lane that is being polled. */
    uint32_t fed_at;  /* of the requested port's feed: the slot, */
    uint64_t fed;     /* and how many it had sent */
    uint32_t first, seen; /* position, and frames that were looked at before the poll */
    bool is_shown;        /* it has our ring; its own things meanwhile: */
    struct descriptor *lane_ring;
    const uint32_t *lane_head;
    mmio_t lane_tdt;
    uint32_t tail; /* what the application wrote to TDT */
    uint64_t words[LANE_BURST];
    struct lane_note notes[LANE_BURST];
    uint8_t log[LOG_BYTES] __attribute__((aligned(8)));
} __attribute__((aligned(sizeof(struct descriptor) * LANE_SLOTS)));

static READ_MOSTLY struct tap *taps; /* by core; NULL: no memory */

/* ---- The core that looks ---- */

static bool matches(const struct tap *tap, const uint8_t *frame, uint32_t length)
{
    const struct bpf *filter = tap->request.filter;
    return !filter || bpf_run(filter, frame, length, length) != 0;
}

/* What a record takes in the log. */
static uint32_t record_bytes(uint16_t held)
{
    return (uint32_t)ALIGN_UP(sizeof(struct capture_record) + held, 8u);
}

/* Keep a record, with the frame's bytes if `frame`. It shows to core 0 once it is `kept`. */
static struct capture_record *record(struct tap *tap, const uint8_t *frame, uint32_t length)
{
    uint16_t held = frame ? (uint16_t)length : 0;

    if (record_bytes(held) > LOG_BYTES - tap->used) {
        tap->missed++;
        return NULL;
    }
    struct capture_record *r = (struct capture_record *)(tap->log + tap->used);
    *r = (struct capture_record){
        .ns = tsc_now_ns(), .length = (uint16_t)length, .held = held, .core = (uint8_t)(tap - taps)};
    if (frame)
        memcpy(r->bytes, frame, length);
    return r;
}

static void keep(struct tap *tap, const struct capture_record *r)
{
    /* Pairs with capture_next. */
    __atomic_store_n(&tap->used, tap->used + record_bytes(r->held), __ATOMIC_RELEASE);
}

static const uint8_t *frame_at(const struct lane *lane, uint32_t i)
{
    return lane->frames + (size_t)(i & (LANE_SLOTS - 1)) * SLOT_BYTES;
}

/* Give the lane our ring, a tail register that is memory, and a head that does not move: what the
 * poll does to them reaches no card before `unshow`. */
static void show(struct tap *tap, struct lane *lane)
{
    tap->lane_ring = lane->ring;
    tap->lane_head = lane->head;
    tap->lane_tdt = lane->tdt;
    lane->ring = tap->ring;
    lane->slot = &tap->ring[lane->next & (LANE_SLOTS - 1)];
    lane->head = &lane->head_seen;
    lane->tdt = (mmio_t){(uintptr_t)&tap->tail};
    tap->is_shown = true;
}

static void unshow(struct tap *tap, struct lane *lane)
{
    for (uint32_t i = tap->first; i != (uint32_t)lane->next; i++) {
        struct descriptor *ours = &tap->ring[i & (LANE_SLOTS - 1)];
        dma_store64(&tap->lane_ring[i & (LANE_SLOTS - 1)].word, ours->word);
        ours->word = 0;
    }
    lane->ring = tap->lane_ring;
    lane->slot = &lane->ring[lane->next & (LANE_SLOTS - 1)];
    lane->head = tap->lane_head;
    lane->tdt = tap->lane_tdt;
    tap->is_shown = false;
    if ((uint32_t)lane->next != tap->first && !lane->is_sink)
        mmio_write32(lane->tdt, 0, (uint32_t)lane->next & (LANE_SLOTS - 1));
    uint32_t head = dma_load32(lane->head);
    if (head != lane->head_seen)
        lane_collect(lane, head);
}

static void capture_sent(struct tap *tap, const uint8_t *frame, uint32_t length)
{
    if (length == 0 || !matches(tap, frame, length))
        return;
    struct capture_record *r = record(tap, frame, length);
    if (r) {
        r->is_sent = true;
        keep(tap, r);
    }
}

/* A feed makes its frames within the poll, in slots that stay as they are for a round of its ring. */
static const struct side *feed_of(const struct tap *tap)
{
    const struct port *port = tap->request.port;
    return port && port_feeds(port) && !tap->request.is_trace ? &port_feeds(port)[tap - taps] : NULL;
}

static void capture_fed(struct tap *tap)
{
    const struct side *feed = feed_of(tap);

    for (; feed && tap->fed != feed->next; tap->fed++) {
        capture_sent(tap, feed->frames + (size_t)tap->fed_at * SLOT_BYTES,
                     (uint32_t)(feed->ring[tap->fed_at].word & TX_LENGTH));
        tap->fed_at = tap->fed_at + 1 == feed->slots ? 0 : tap->fed_at + 1;
    }
}

void capture_before(struct lane *lane)
{
    struct tap *tap = &taps[lane->core];
    const struct side *feed = feed_of(tap);
    bool is_input = lane->in == tap->request.port;
    uint32_t i = tap->first = (uint32_t)lane->next, most = LANE_BURST - i % LANE_BURST;

    memset(tap->words, 0, sizeof(tap->words));
    memset(tap->notes, 0, sizeof(tap->notes)); /* FATE_FAST */
    tap->seen = 0;
    tap->fed = feed ? feed->next : 0;
    tap->fed_at = feed ? feed->at : 0;
    if (lane->state != LANE_RUNNING || !(is_input || lane->out == tap->request.port))
        return;
    for (; tap->seen < most; tap->seen++, i++) {
        uint64_t word = dma_load64(&lane->ring[i & (LANE_SLOTS - 1)].word);
        uint32_t length = (uint32_t)(word & RX_LENGTH);

        if (!(word & RX_DD))
            break;
        tap->ring[i & (LANE_SLOTS - 1)].word = word;
        tap->words[i % LANE_BURST] = word;
        if (!is_input || tap->request.is_trace || !slot_is_whole(word) ||
            !matches(tap, frame_at(lane, i), length))
            continue;
        struct capture_record *r = record(tap, frame_at(lane, i), length);
        if (r) {
            r->word = word;
            keep(tap, r);
        }
    }
    show(tap, lane);
}

static void trace(struct tap *tap, const struct lane *lane, uint32_t i)
{
    const struct lane_note *note = &tap->notes[i % LANE_BURST];
    uint64_t word = tap->words[i % LANE_BURST];
    bool is_fast = note->fate == FATE_FAST; /* it went on as long as it came */
    struct capture_record *r = record(tap, NULL, is_fast ? word & RX_LENGTH : note->length);

    if (!r)
        return;
    r->word = word;
    r->fate = note->fate;
    r->sent = !is_fast ? note->sent : lane->is_sink ? 0 : r->length;
    r->output = (uint8_t)lane->out->index;
    keep(tap, r);
}

void capture_after(struct lane *lane)
{
    struct tap *tap = &taps[lane->core];

    for (uint32_t i = tap->first; lane->state != LANE_PARKED && i != (uint32_t)lane->next; i++) {
        if (tap->request.is_trace && lane->in == tap->request.port)
            trace(tap, lane, i);
        if (!tap->request.is_trace && lane->out == tap->request.port && tap->is_shown)
            capture_sent(tap, frame_at(lane, i),
                         (uint32_t)(tap->ring[i & (LANE_SLOTS - 1)].word & TX_LENGTH));
        if (!tap->request.is_trace && lane->in == tap->request.port && !tap->is_shown)
            tap->missed++; /* a lane without output drops what comes, unlooked at */
    }
    if (tap->is_shown)
        unshow(tap, lane);
    capture_fed(tap);
}

static void side_sent(const struct port *port, const uint8_t *frame, uint32_t length)
{
    struct tap *tap = &taps[cpu_this()->index];

    if (port == tap->request.port && !tap->request.is_trace)
        capture_sent(tap, frame, length);
}

/* ---- What core 0 asks ---- */

static void restart_log(void *context)
{
    struct tap *tap = context;

    tap->used = 0;
    /* Pairs with capture_next. */
    __atomic_store_n(&tap->generation, tap->generation + 1, __ATOMIC_RELEASE);
}

static struct capture_request requested;

static void carry_out(void *context)
{
    struct tap *tap = context;
    struct rare_work *work = &rare_work[tap - taps];

    work->n += (requested.port != NULL) - (tap->request.port != NULL);
    work->notes = requested.port && requested.is_trace ? tap->notes : NULL;
    work->side_sent = requested.port ? side_sent : NULL;
    if (requested.port) {
        tap->missed = 0;
        restart_log(tap);
    }
    tap->request = requested;
    core_lanes[tap - taps].rounds_to_slow = 1; /* from the next round on */
}

void capture_prepare(void)
{
    taps = memory_alloc(lanes_cores * sizeof(struct tap), sizeof(taps->ring));
}

/* How far core 0 has read each log, and in which generation of it. */
static struct {
    uint32_t at, generation;
} reader[QUEUES_MAX];

bool capture_set(const struct capture_request *request)
{
    requested = *request;
    if (!taps)
        return false;
    struct ask ask = ask_cores(0, lanes_cores, carry_out, taps, sizeof(taps[0]), ANSWER_US);
    for (unsigned core = 0; core < lanes_cores; core++)
        if (ask.absent & BIT64(core))
            carry_out(&taps[core]); /* it has not come to its loop yet */
    return ask.silent == 0;
}

const struct capture_record *capture_next(void)
{
    const struct capture_record *oldest = NULL;

    for (unsigned core = 0; core < lanes_cores; core++) {
        struct tap *tap = &taps[core];
        uint32_t generation = __atomic_load_n(&tap->generation, __ATOMIC_ACQUIRE);
        uint32_t used = __atomic_load_n(&tap->used, __ATOMIC_ACQUIRE);

        if (generation != reader[core].generation) {
            reader[core].generation = generation;
            reader[core].at = 0;
        }
        if (reader[core].at < used) {
            const struct capture_record *r =
                (const struct capture_record *)(tap->log + reader[core].at);
            if (!oldest || r->ns < oldest->ns)
                oldest = r;
        } else if (used > LOG_BYTES / 2) {
            if (mailbox_call(core, restart_log, tap, BRIEF_US) != OK)
                continue; /* if not now, then the next time */
        }
    }
    if (oldest)
        reader[oldest->core].at += record_bytes(oldest->held);
    return oldest;
}

uint64_t capture_missed(void)
{
    uint64_t missed = 0;

    for (unsigned core = 0; core < lanes_cores; core++)
        missed += __atomic_load_n(&taps[core].missed, __ATOMIC_RELAXED);
    return missed;
}
