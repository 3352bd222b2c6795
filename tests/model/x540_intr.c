/* SPDX-License-Identifier: BSD-2-Clause
 * Interrupts: causes, masks, auto-clear and auto-mask, throttling, MSI-X messages and the legacy
 * line. The low 16 bits of EICR, EIMS and EIAM and the first words of the _EX registers are one and
 * the same bits, kept here as 64 vectors; bits 31:16 are the other causes.
 */
#include "x540_internal.h"

#define OTHERS     0x3FFF0000u /* causes that IVAR_MISC byte 1 maps; bit 31 is their summary */
#define NO_VECTOR  0xFFu
#define MESSAGE_AT 0xFEE00000u /* an interrupt message's address, as far as its size matters */

static bool msix_mode(const struct x540 *card)
{
    return REG(card, GPIE) & GPIE_MSIX_MODE;
}

static uint64_t interval_ns(const struct x540 *card, uint32_t v)
{
    uint32_t eitr = v < 24 ? REG(card, EITR + 4 * v) : REG(card, EITR_H + 4 * (v - 24));

    return (uint64_t)GET(EITR_INTERVAL, eitr) * (card->speed == 1 ? 20480 : 2048);
}

static uint32_t eitr_of(const struct x540 *card, uint32_t v)
{
    return v < 24 ? REG(card, EITR + 4 * v) : REG(card, EITR_H + 4 * (v - 24));
}

/* The vector that a byte of IVAR or IVAR_MISC names. Those of IVAR_MISC have 7 bits, of which 0 to
 * 63 may be written. */
static uint32_t ivar_vector(const struct x540 *card, uint32_t offset, uint32_t byte)
{
    uint32_t entry = REG(card, offset) >> (8 * byte) & 0xFF;

    return (entry & IVAR_VALID) && (entry & 0x7F) < VECTORS ? entry & 0x7F : NO_VECTOR;
}

static uint32_t eicr(const struct x540 *card)
{
    return card->other_cause | (card->other_cause & card->other_mask & OTHERS ? EICR_OTHER : 0) |
           (uint32_t)(card->vector_cause & EICR_QUEUES);
}

static uint32_t eims(const struct x540 *card)
{
    return card->other_mask | (uint32_t)(card->vector_mask & EICR_QUEUES);
}

static bool may_signal(const struct x540 *card)
{
    return !card->evil[X540_EVIL_IRQ_SILENT] && !card->evil[X540_EVIL_ALL_ONES];
}

/* Is a cause of this vector pending and enabled? */
static bool vector_due(const struct x540 *card, uint32_t v)
{
    uint32_t others = card->other_cause & card->other_mask;

    if (card->vector_cause & card->vector_mask & BIT64(v))
        return true;
    if ((others & OTHERS) && ivar_vector(card, IVAR_MISC, 1) == v)
        return true;
    return (others & EICR_TCP_TIMER) && ivar_vector(card, IVAR_MISC, 0) == v;
}

static void auto_clear_and_mask(struct x540 *card, uint32_t v)
{
    uint32_t others = 0;
    bool queue_cause = card->vector_cause & card->vector_mask & BIT64(v);

    if (ivar_vector(card, IVAR_MISC, 1) == v)
        others |= card->other_cause & card->other_mask & OTHERS;
    if (ivar_vector(card, IVAR_MISC, 0) == v)
        others |= card->other_cause & card->other_mask & EICR_TCP_TIMER;
    if (queue_cause) {
        /* Vectors above 15 have no bit in EICR and EIAC: they always clear by themselves. */
        if (v >= 16 || REG(card, EIAC) >> v & 1)
            card->vector_cause &= ~BIT64(v);
        if (REG(card, GPIE) & GPIE_EIAME)
            card->vector_mask &= ~(card->vector_automask & BIT64(v));
    }
    card->other_cause &= ~(others & REG(card, EIAC));
    if (REG(card, GPIE) & GPIE_EIAME)
        card->other_mask &= ~(others & card->other_automask);
}

static void message(struct x540 *card, uint32_t v)
{
    card->vector_wait &= ~BIT64(v);
    if (!card->msix_enabled) {
        x540_complain(card, RULE_MSIX_MODE,
                      "GPIE.MSIX_MODE = 1 but MSI-X is off in configuration space");
        return;
    }
    if (!card->bus_master || !may_signal(card))
        return;
    card->vector[v].next = card->now + interval_ns(card, v);
    card->vector_told |= BIT64(v);
    auto_clear_and_mask(card, v);
    card->truth.interrupts++;
    x540_pcie_write(card, X540_PCIE_MESSAGE, MESSAGE_AT, 4);
    card->env.interrupt(card->env.opaque, v, true);
}

/* One message now, or when the vector's interval is over. */
static void vector_signal(struct x540 *card, uint32_t v, bool at_once)
{
    struct vector *vector = &card->vector[v];

    if (card->now >= vector->next) {
        vector->credits = (uint8_t)GET(EITR_LLI_CREDIT, eitr_of(card, v));
        message(card, v);
        return;
    }
    if (at_once && (eitr_of(card, v) & EITR_LLI_MOD)) { /* low latency, but rationed */
        at_once = vector->credits > 0;
        vector->credits -= at_once;
    }
    if (at_once) {
        message(card, v);
        return;
    }
    card->vector_wait |= BIT64(v);
    if (vector->next < card->due[EV_VECTORS])
        x540_plan_at(card, EV_VECTORS, vector->next);
}

/* The legacy line (or MSI): one level for everything, throttled by EITR[0]. */
static void line(struct x540 *card)
{
    bool wanted = (eicr(card) & eims(card)) != 0 && may_signal(card);

    if (wanted == card->level)
        return;
    if (wanted && card->now < card->vector[0].next) {
        card->vector_wait |= 1;
        if (card->vector[0].next < card->due[EV_VECTORS])
            x540_plan_at(card, EV_VECTORS, card->vector[0].next);
        return;
    }
    card->vector_wait &= ~1ull;
    card->level = wanted;
    if (wanted) {
        card->truth.interrupts++;
        card->vector[0].next = card->now + interval_ns(card, 0);
    }
    if (wanted && card->msix_enabled) /* MSI-X in one-vector fashion */
        card->env.interrupt(card->env.opaque, 0, true);
    else if (!card->msix_enabled)
        card->env.interrupt(card->env.opaque, X540_INTX, wanted);
}

void x540_intr_line_off(struct x540 *card)
{
    if (card->level && !card->msix_enabled)
        card->env.interrupt(card->env.opaque, X540_INTX, false);
    card->level = false;
}

void x540_intr_line(struct x540 *card)
{
    if (!msix_mode(card))
        line(card);
}

void x540_intr_vectors_due(struct x540 *card)
{
    uint64_t wait = card->vector_wait, next = NEVER;

    if (!msix_mode(card)) {
        card->vector_wait = 0;
        line(card);
        return;
    }
    for (uint32_t v = 0; v < VECTORS; v++) {
        if (!(wait >> v & 1))
            continue;
        if (card->vector[v].next > card->now) {
            if (card->vector[v].next < next)
                next = card->vector[v].next;
        } else if (vector_due(card, v)) {
            vector_signal(card, v, false);
        } else {
            card->vector_wait &= ~BIT64(v);
        }
    }
    if (next != NEVER)
        x540_plan_at(card, EV_VECTORS, next);
}

/* ---- Causes ---- */

static void queue_cause(struct x540 *card, uint32_t v, bool at_once)
{
    if (v == NO_VECTOR)
        return;
    if (!msix_mode(card)) {
        card->vector_cause |= BIT64(v & 15);
        line(card);
        return;
    }
    if (!(card->vector_cause & BIT64(v)))
        card->vector_told &= ~BIT64(v);
    card->vector_cause |= BIT64(v);
    /* One message an assertion: what is pending and told says nothing new. */
    if (card->vector_mask & ~card->vector_told & BIT64(v))
        vector_signal(card, v, at_once);
}

void x540_intr_rx(struct x540 *card, uint32_t queue, bool low_latency)
{
    queue_cause(card, ivar_vector(card, IVAR + 4 * (queue >> 1), 2 * (queue & 1)), low_latency);
}

void x540_intr_tx(struct x540 *card, uint32_t queue)
{
    queue_cause(card, ivar_vector(card, IVAR + 4 * (queue >> 1), 2 * (queue & 1) + 1), false);
}

/* Tell of other causes that have just become visible (set, or enabled). */
static void others_visible(struct x540 *card, uint32_t causes)
{
    uint32_t v;

    causes &= card->other_cause & card->other_mask;
    if (!msix_mode(card)) {
        line(card);
        return;
    }
    v = ivar_vector(card, IVAR_MISC, 1);
    if ((causes & OTHERS) && v != NO_VECTOR)
        vector_signal(card, v, false);
    v = ivar_vector(card, IVAR_MISC, 0);
    if ((causes & EICR_TCP_TIMER) && v != NO_VECTOR)
        vector_signal(card, v, false);
}

void x540_intr_other(struct x540 *card, uint32_t causes)
{
    uint32_t fresh = causes & ~card->other_cause;

    card->other_cause |= causes;
    if (fresh)
        others_visible(card, fresh);
}

static void software_causes(struct x540 *card, uint64_t vectors, uint32_t others)
{
    bool at_once = REG(card, GPIE) & GPIE_EIMEN;

    /* Where EIAM has the bit, EICS enables what it raises (X550 7.3.1.7). */
    card->vector_mask |= vectors & card->vector_automask;
    card->other_mask |= others & card->other_automask;
    for (uint32_t v = 0; vectors; v++, vectors >>= 1)
        if (vectors & 1)
            queue_cause(card, v, at_once);
    if (others)
        x540_intr_other(card, others & (OTHERS | EICR_TCP_TIMER));
}

void x540_intr_storm(struct x540 *card)
{
    for (uint32_t v = 0; v < VECTORS && msix_mode(card); v++)
        if ((card->vector_mask >> v & 1) && card->msix_enabled && card->bus_master) {
            card->truth.interrupts++;
            x540_pcie_write(card, X540_PCIE_MESSAGE, MESSAGE_AT, 4);
            card->env.interrupt(card->env.opaque, v, true);
        }
    if (!msix_mode(card) && eims(card)) {
        card->vector_cause |= card->vector_mask & EICR_QUEUES;
        line(card);
    }
}

/* ---- Registers ---- */

/* Causes are cleared by a read or by writing 1 to them; what EIAM has of these is masked then. */
static void clear_causes(struct x540 *card, uint32_t causes)
{
    card->vector_cause &= ~(uint64_t)(causes & EICR_QUEUES);
    card->other_cause &= ~causes;
    card->vector_mask &= ~(card->vector_automask & causes & EICR_QUEUES);
    card->other_mask &= ~(card->other_automask & causes);
    if (!msix_mode(card))
        line(card);
}

/* X550 7.3.1.3: all causes, or with GPIE.OCD those of 29:16 only. */
static uint32_t eicr_read(struct x540 *card)
{
    uint32_t value = eicr(card);
    bool others_only = REG(card, GPIE) & GPIE_OCD;

    if (msix_mode(card) && card->msix_enabled && card->vector_mask && (value & EICR_QUEUES)) {
        if (others_only)
            x540_complain(card, RULE_EICR_READ_OCD,
                          "EICR read as 0x%08x in MSI-X mode with OCD = 1: use EICS", value);
        else
            x540_complain(card, RULE_EICR_READ,
                          "EICR read as 0x%08x in MSI-X mode: its queue causes are lost", value);
    }
    clear_causes(card, others_only ? OTHERS : UINT32_MAX);
    return value;
}

uint32_t x540_intr_read(struct x540 *card, uint32_t offset, uint32_t behaviour)
{
    uint32_t word = offset & 4 ? 32 : 0; /* of the _EX pairs */

    switch (behaviour) {
    case B_EICR:
        return eicr_read(card);
    case B_EICS:
        return card->evil[X540_EVIL_EICS_ZERO] ? 0 : eicr(card);
    case B_EIMS:
    case B_EIMC:
        return eims(card);
    case B_EIAM:
        return card->other_automask | (uint32_t)(card->vector_automask & EICR_QUEUES);
    case B_EICS_EX:
        return card->evil[X540_EVIL_EICS_ZERO] ? 0 : (uint32_t)(card->vector_cause >> word);
    case B_EIMS_EX:
    case B_EIMC_EX:
        return (uint32_t)(card->vector_mask >> word);
    default:
        return (uint32_t)(card->vector_automask >> word);
    }
}

static void enable_vectors(struct x540 *card, uint64_t vectors)
{
    uint64_t pending = vectors & card->vector_cause;

    card->vector_mask |= vectors;
    if (!msix_mode(card)) {
        line(card);
        return;
    }
    for (uint32_t v = 0; pending; v++, pending >>= 1)
        if (pending & 1)
            vector_signal(card, v, false);
}

static void check_receive_if_open(struct x540 *card)
{
    if ((REG(card, RXCTRL) & RXCTRL_RXEN) && !card->rx_checked)
        x540_rx_check(card);
}

static void eitr_write(struct x540 *card, uint32_t offset, uint32_t value)
{
    uint32_t v = offset < 0x1000 ? (offset - EITR) >> 2 : 24 + ((offset - EITR_H) >> 2);

    REG(card, offset) = value & ~EITR_CNT_WDIS & (EITR_INTERVAL | EITR_LLI_MOD | EITR_LLI_CREDIT);
    if (!(value & EITR_CNT_WDIS) && v < VECTORS) {
        card->vector[v].next = card->now; /* the running counter is reset */
        if (card->vector_wait >> v & 1)
            x540_plan_at(card, EV_VECTORS, card->now);
    }
}

void x540_intr_write(struct x540 *card, uint32_t offset, uint32_t behaviour, uint32_t value)
{
    uint32_t word = offset & 4 ? 32 : 0;
    uint64_t vectors = (uint64_t)value << word;

    switch (behaviour) {
    case B_EICR:
        clear_causes(card, value);
        break;
    case B_EICS:
        software_causes(card, value & EICR_QUEUES, value & ~EICR_QUEUES);
        break;
    case B_EICS_EX:
        software_causes(card, vectors, 0);
        break;
    case B_EIMS:
        card->other_mask |= value & ~EICR_QUEUES;
        enable_vectors(card, value & EICR_QUEUES);
        others_visible(card, value & ~EICR_QUEUES);
        if (value)
            check_receive_if_open(card);
        break;
    case B_EIMS_EX:
        enable_vectors(card, vectors);
        if (value)
            check_receive_if_open(card);
        break;
    case B_EIMC:
        card->other_mask &= ~value;
        card->vector_mask &= ~(uint64_t)(value & EICR_QUEUES);
        if (!msix_mode(card))
            line(card);
        break;
    case B_EIMC_EX:
        card->vector_mask &= ~vectors;
        if (!msix_mode(card))
            line(card);
        break;
    case B_EIAC:
        if (value & ~(EICR_QUEUES | EICR_TCP_TIMER))
            x540_complain(card, RULE_EIAC_OTHER,
                          "EIAC = 0x%08x: only queue causes and the TCP timer may clear by "
                          "themselves",
                          value);
        REG(card, EIAC) = value;
        break;
    case B_EIAM:
        card->other_automask = value & ~EICR_QUEUES;
        card->vector_automask =
            (card->vector_automask & ~(uint64_t)EICR_QUEUES) | (value & EICR_QUEUES);
        break;
    case B_EIAM_EX:
        card->vector_automask = (card->vector_automask & ~((uint64_t)UINT32_MAX << word)) | vectors;
        break;
    case B_GPIE:
        REG(card, GPIE) = value;
        break;
    default:
        eitr_write(card, offset, value);
        break;
    }
}

void x540_intr_reset(struct x540 *card)
{
    x540_intr_line_off(card);
    card->vector_cause = card->vector_mask = card->vector_automask = card->vector_wait = 0;
    card->vector_told = 0;
    card->other_cause = card->other_mask = card->other_automask = 0;
    for (uint32_t v = 0; v < VECTORS; v++)
        card->vector[v] = (struct vector){0};
}

/* ---- TCP timer ---- */

static uint64_t tcp_duration_ns(const struct x540 *card)
{
    uint32_t ms = GET(TCPTIMER_DURATION, REG(card, TCPTIMER));

    return (ms ? ms : 1) * 1000000ull;
}

void x540_tcp_timer_write(struct x540 *card, uint32_t value)
{
    REG(card, TCPTIMER) = value & (TCPTIMER_DURATION | TCPTIMER_COUNT_EN | TCPTIMER_LOOP);
    if (value & TCPTIMER_COUNT_FINISH) /* software makes it fire */
        x540_intr_other(card, EICR_TCP_TIMER);
    if (!(value & TCPTIMER_COUNT_EN))
        x540_plan_never(card, EV_TCP);
    else if (value & TCPTIMER_KICKSTART)
        x540_plan(card, EV_TCP, tcp_duration_ns(card));
}

void x540_tcp_timer_due(struct x540 *card)
{
    uint64_t period = tcp_duration_ns(card), late = card->target - card->now;

    x540_intr_other(card, EICR_TCP_TIMER);
    if (REG(card, TCPTIMER) & TCPTIMER_LOOP) /* rounds that a jump in time leaves out are one */
        x540_plan(card, EV_TCP, period + late / period * period);
}
