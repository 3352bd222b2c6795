/* SPDX-License-Identifier: BSD-2-Clause
 * Taps; see capture.h. First what each core runs, then what core 0 calls.
 */
#include "net/lane/capture.h"

#include "arch/image.h"
#include "arch/tsc.h"
#include "drivers/desc.h"
#include "kernel/lib/str.h"
#include "kernel/ask.h"
#include "kernel/memory/memory.h"
#include "net/lane/lane_control.h"
#include "net/lane/side.h"

enum { LOG_BYTES = 14336, ANSWER_US = 2000000, BRIEF_US = 1000 };

/* The tap of one core; written by that core only. */
struct tap {
    /* Shadow ring: the application polls it in place of the lane's ring. It holds the descriptors
     * recorded before the poll, and no later ones. Aligned to its size; all zero between polls. */
    struct descriptor ring[LANE_SLOTS];
    struct capture_request request;
    /* The log, which core 0 reads. */
    uint32_t generation; /* number of restarts */
    uint32_t used;       /* bytes, stored last */
    uint64_t missed;
    /* About the lane being polled. */
    uint32_t fed_at;      /* the requested port's feed before the poll: its next slot */
    uint64_t fed;         /* and the number of frames it had sent */
    uint32_t first, seen; /* position before the poll, and number of descriptors recorded */
    bool is_shadowed;     /* the shadow ring is installed; the originals: */
    struct descriptor *saved_ring;
    const uint32_t *saved_head;
    mmio_t saved_tdt;
    uint32_t tail; /* written by the application in place of TDT */
    uint64_t words[LANE_BURST];
    struct lane_note notes[LANE_BURST];
    uint8_t log[LOG_BYTES] __attribute__((aligned(8)));
} __attribute__((aligned(sizeof(struct descriptor) * LANE_SLOTS)));

static READ_MOSTLY struct tap *taps; /* by core; NULL: no memory */

/* ---- On the core of the lane ---- */

static bool matches(const struct tap *tap, const uint8_t *frame, uint32_t length)
{
    const struct bpf *filter = tap->request.filter;
    return !filter || bpf_run(filter, frame, MIN(length, SLOT_BYTES), length) != 0;
}

/* The size of a record in the log. */
static uint32_t record_bytes(uint16_t held)
{
    return (uint32_t)ALIGN_UP(sizeof(struct capture_record) + held, 8u);
}

/* Begin a record, with the frame's bytes if `frame`; `keep` publishes it to core 0. NULL: the log
 * is full; the frame is counted as missed. */
static struct capture_record *record(struct tap *tap, const uint8_t *frame, uint32_t length)
{
    uint16_t held = frame ? (uint16_t)MIN(length, SLOT_BYTES) : 0;

    if (record_bytes(held) > LOG_BYTES - tap->used) {
        tap->missed++;
        return NULL;
    }
    struct capture_record *r = (struct capture_record *)(tap->log + tap->used);
    *r = (struct capture_record){.ns = tsc_now_ns(),
                                 .length = (uint16_t)length,
                                 .held = held,
                                 .core = (uint8_t)(tap - taps)};
    if (frame)
        memcpy(r->bytes, frame, held);
    return r;
}

static void keep(struct tap *tap, const struct capture_record *r)
{
    /* Pairs with capture_next. */
    __atomic_store_n(&tap->used, tap->used + record_bytes(r->held), __ATOMIC_RELEASE);
}

/* A copy of a slot's frame, of SLOT_BYTES at most, which cannot change between the filter and the
 * record. */
static const uint8_t *frame_at(const struct lane *lane, uint32_t i, uint32_t length)
{
    return wire_copy(lane_frame(lane, i & (LANE_SLOTS - 1)), lane->core, MIN(length, SLOT_BYTES));
}

/* Install the shadow ring in the lane, with a variable for the tail register and a head that does
 * not change: the poll has no effect on the cards until remove_shadow. */
static void install_shadow(struct tap *tap, struct lane *lane)
{
    tap->saved_ring = lane->ring;
    tap->saved_head = lane->head;
    tap->saved_tdt = lane->tdt;
    lane->ring = tap->ring;
    lane->slot = &tap->ring[lane->next & (LANE_SLOTS - 1)];
    lane->head = &lane->head_seen;
    lane->tdt = (mmio_t){(uintptr_t)&tap->tail};
    tap->is_shadowed = true;
}

static void remove_shadow(struct tap *tap, struct lane *lane)
{
    for (uint32_t i = tap->first; i != (uint32_t)lane->next; i++) {
        struct descriptor *ours = &tap->ring[i & (LANE_SLOTS - 1)];
        dma_store64(&tap->saved_ring[i & (LANE_SLOTS - 1)].word, ours->word);
        ours->word = 0;
    }
    lane->ring = tap->saved_ring;
    lane->slot = &lane->ring[lane->next & (LANE_SLOTS - 1)];
    lane->head = tap->saved_head;
    lane->tdt = tap->saved_tdt;
    tap->is_shadowed = false;
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

/* The feed to capture, or NULL. Its frames are made within the poll and stay in their slots. */
static const struct side *feed_of(const struct tap *tap)
{
    const struct port *port = tap->request.port;
    bool is_fed = port && port_feeds(port) && !tap->request.is_trace;

    return is_fed ? &port_feeds(port)[tap - taps] : NULL;
}

static void capture_fed(struct tap *tap)
{
    const struct side *feed = feed_of(tap);

    for (; feed && tap->fed != feed->next; tap->fed++) {
        capture_sent(tap, side_frame(feed, tap->fed_at),
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
    lane->is_traced = tap->request.is_trace;
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
        if (!is_input || tap->request.is_trace || !slot_is_whole(word, lane_slots.bytes))
            continue;
        const uint8_t *frame = frame_at(lane, i, length);
        if (!matches(tap, frame, length))
            continue;
        struct capture_record *r = record(tap, frame, length);
        if (r) {
            r->word = word;
            keep(tap, r);
        }
    }
    install_shadow(tap, lane);
}

static void trace(struct tap *tap, const struct lane *lane, uint32_t i)
{
    const struct lane_note *note = &tap->notes[i % LANE_BURST];
    uint64_t word = tap->words[i % LANE_BURST];
    bool is_fast = note->fate == FATE_FAST; /* sent with the length received */
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
        if (!tap->request.is_trace && lane->out == tap->request.port && tap->is_shadowed) {
            uint32_t length = (uint32_t)(tap->ring[i & (LANE_SLOTS - 1)].word & TX_LENGTH);
            capture_sent(tap, frame_at(lane, i, length), length);
        }
        if (!tap->request.is_trace && lane->in == tap->request.port && !tap->is_shadowed)
            tap->missed++; /* a draining lane drops frames unrecorded */
    }
    lane->is_traced = false;
    if (tap->is_shadowed)
        remove_shadow(tap, lane);
    capture_fed(tap);
}

static void side_sent(const struct port *port, const uint8_t *frame, uint32_t length)
{
    struct tap *tap = &taps[cpu_this()->index];

    if (port == tap->request.port && !tap->request.is_trace)
        capture_sent(tap, frame, length);
}

/* ---- On core 0 ---- */

static void restart_log(void *context)
{
    struct tap *tap = context;

    tap->used = 0;
    /* Pairs with capture_next. */
    __atomic_store_n(&tap->generation, tap->generation + 1, __ATOMIC_RELEASE);
}

/* What each core is asked for, and the cores that have not carried it out, a bit each. */
static struct capture_request requests[QUEUES_MAX], wanted;
static uint64_t pending;

static void carry_out(void *context)
{
    const struct capture_request *request = context;
    struct tap *tap = &taps[request - requests];
    struct rare_work *work = &rare_work[tap - taps];

    work->n += (request->port != NULL) - (tap->request.port != NULL);
    work->notes = request->port && request->is_trace ? tap->notes : NULL;
    work->side_sent = request->port ? side_sent : NULL;
    sides_renew((unsigned)(tap - taps));
    if (request->port) {
        tap->missed = 0;
        restart_log(tap);
    }
    tap->request = *request;
    core_lanes[tap - taps].rounds_to_slow = 1; /* takes effect in the next round */
}

static struct question question(uint32_t max_us)
{
    return (struct question){.run = carry_out,
                             .contexts = requests,
                             .bytes = sizeof(requests[0]),
                             .request = &wanted,
                             .request_bytes = sizeof(wanted),
                             .max_us = max_us};
}

void capture_prepare(void)
{
    taps = memory_alloc(lanes_cores * sizeof(struct tap), sizeof(taps->ring));
}

/* How far core 0 has read each log, and which generation of it. */
static struct {
    uint32_t at, generation;
} reader[QUEUES_MAX];

bool capture_set(const struct capture_request *request)
{
    if (!taps)
        return false;
    wanted = *request;
    const struct question q = question(ANSWER_US);
    struct ask ask = ask_cores(0, lanes_cores, &q);
    pending = ask.silent | ask.absent; /* an absent core has no frame to record */
    return ask.silent == 0;
}

void capture_service(void)
{
    const struct question q = question(BRIEF_US);

    for (unsigned core = 0; pending != 0 && core < lanes_cores; core++)
        if ((pending & BIT64(core)) && ask_core(core, &q).err == OK)
            pending &= ~BIT64(core);
}

const struct capture_record *capture_next(void)
{
    const struct capture_record *oldest = NULL;

    for (unsigned core = 0; core < lanes_cores; core++) {
        struct tap *tap = &taps[core];

        /* Only a call of core 0 restarts a log. While one may still run, `used` and the records
         * may belong to either generation. */
        if (!mailbox_is_free(core))
            continue;
        uint32_t used = __atomic_load_n(&tap->used, __ATOMIC_ACQUIRE);
        uint32_t generation = __atomic_load_n(&tap->generation, __ATOMIC_ACQUIRE);
        if (generation != reader[core].generation) {
            reader[core].generation = generation;
            reader[core].at = 0;
        }
        if (reader[core].at < MIN(used, LOG_BYTES)) {
            const struct capture_record *r =
                (const struct capture_record *)(tap->log + reader[core].at);
            if (!oldest || r->ns < oldest->ns)
                oldest = r;
        } else if (used > LOG_BYTES / 2) {
            if (mailbox_call(core, restart_log, tap, BRIEF_US) != OK)
                continue; /* the next call tries again */
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
