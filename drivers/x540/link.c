/* SPDX-License-Identifier: BSD-2-Clause
 * The PHY and the link. The X540's PHY is on the chip, behind MDIO (clause 45), and negotiates by
 * itself after reset; it is configured only where an earlier driver left it powered down, without
 * a speed, with pause advertised or with a link that is slower than both ends can do. A PHY that
 * does not answer is looked for some seconds more while the port is in service, then left as it
 * is: LINKS shows the state of its link.
 */
#include "drivers/x540/x540.h"
#include "arch/tsc.h"
#include "drivers/x540/regs.h"
#include "kernel/log/log.h"

enum {
    MDIO_LIMIT_US = 1000,
    /* Until its id can be read: after power-on or a reset of its own it loads an image. */
    PHY_LIMIT_US = 5000000,
    PHY_STEP_US = 500000,
    PHY_ADDRESSES_NEAR = 2, /* those of both ports */
    LASER_SETTLE_US = 100000,
    CFG_DONE_LIMIT_US = 1000000,
};

/* One MDIO cycle (X550 3.7.2). A time-out is not logged: a PHY in reset completes no cycle, and the
 * caller retries. */
static enum err mdio_cycle(struct x540 *card, uint32_t mmd, uint32_t number, uint32_t op)
{
    uint32_t value = 0;
    enum err err = x540_poll(card, MSCA, MSCA_MDI_COMMAND, 0, MDIO_LIMIT_US, &value);

    if (err)
        return err; /* another cycle is under way */
    x540_write(card, MSCA,
               FIELD_PUT(MSCA_NP_ADDR, number) | FIELD_PUT(MSCA_DEV_TYPE, mmd) |
                   FIELD_PUT(MSCA_PHY_ADDR, card->phy_address) | FIELD_PUT(MSCA_OP_CODE, op) |
                   MSCA_MDI_COMMAND);
    return x540_poll(card, MSCA, MSCA_MDI_COMMAND, 0, MDIO_LIMIT_US, &value);
}

/* Read or write a PHY register (X550 3.7.2). The caller holds the PHY lock of this port. */
static enum err mdio_read(struct x540 *card, uint32_t mmd, uint32_t number, uint16_t *value)
{
    enum err err = mdio_cycle(card, mmd, number, MSCA_OP_ADDRESS);
    if (!err)
        err = mdio_cycle(card, mmd, number, MSCA_OP_READ);
    if (!err)
        *value = (uint16_t)FIELD_GET(MSRWD_READ_DATA, x540_read(card, MSRWD));
    return err;
}

static enum err mdio_write(struct x540 *card, uint32_t mmd, uint32_t number, uint16_t value)
{
    enum err err = mdio_cycle(card, mmd, number, MSCA_OP_ADDRESS);
    if (err)
        return err;
    x540_write(card, MSRWD, FIELD_PUT(MSRWD_WRITE_DATA, value));
    return mdio_cycle(card, mmd, number, MSCA_OP_WRITE);
}

/* Read the id at the first n MDIO addresses, the port's own number first (X550 8.2.2.16.4,
 * 10.4.3-4). */
static enum err scan_for_phy(struct x540 *card, uint32_t n, uint32_t *last_id)
{
    for (uint32_t i = 0; i < n; i++) {
        uint16_t high = 0, low = 0;

        card->phy_address = i ^ card->lan_id;
        enum err err = mdio_read(card, PHY_PMA, PHY_PMA_ID_HIGH, &high);
        if (!err)
            err = mdio_read(card, PHY_PMA, PHY_PMA_ID_LOW, &low);
        if (err)
            return err;
        uint32_t id = (uint32_t)high << 16 | low;
        if ((id & card->family->phy_id_mask) == card->family->phy_id)
            return OK;
        if (id != 0 && id != 0xFFFFFFFFu)
            *last_id = id;
    }
    return ERR_NO_DEVICE;
}

/* X550 4.2.1.8, 8.2.2.16.8 */
bool x540_link_is_vetoed(struct x540 *card)
{
    return x540_read(card, MMNGC) & MMNGC_MNG_VETO;
}

/* The speed in Mb/s; 0: no link (X550 8.2.2.16.7). */
static uint32_t speed_of(uint32_t links)
{
    bool non_standard = links & LINKS_SPEED_NON_STD; /* X550 only */

    if (!(links & LINKS_UP))
        return 0;
    switch (FIELD_GET(LINKS_SPEED, links)) {
    case 3:
        return non_standard ? 2500 : 10000;
    case 2:
        return 1000;
    case 1:
        return non_standard ? 5000 : 100;
    default:
        return 0;
    }
}

/* What of the PHY's registers decides whether it is left as it is. */
struct phy_state {
    uint16_t power, base, advertised, vendor, control, partner;
};

static enum err read_phy(struct x540 *card, struct phy_state *state)
{
    const struct {
        uint32_t mmd, number;
        uint16_t *value;
    } reads[] = {
        {PHY_VENDOR, PHY_VENDOR_CONTROL, &state->power},
        {PHY_AN, PHY_AN_ADVERTISE, &state->base},
        {PHY_AN, PHY_AN_10GBT_CONTROL, &state->advertised},
        {PHY_AN, PHY_AN_VENDOR, &state->vendor},
        {PHY_AN, PHY_AN_CONTROL, &state->control},
        {PHY_AN, PHY_AN_10GBT_STATUS, &state->partner},
    };
    enum err err = OK;

    for (size_t i = 0; i < ARRAY_SIZE(reads) && !err; i++)
        err = mdio_read(card, reads[i].mmd, reads[i].number, reads[i].value);
    return err;
}

/* A link below 10 Gb/s although the partner can do that: it was negotiated with another
 * advertisement than what stands there now. */
static bool is_too_slow(struct x540 *card, const struct phy_state *state)
{
    uint32_t speed_mbps = speed_of(x540_read(card, LINKS));

    return speed_mbps != 0 && speed_mbps < 10000 && (state->partner & PHY_AN_10GBT_PARTNER);
}

/* Wake the PHY and correct what it advertises (X550 3.7.3.2-3, 10.4, 10.6.1). Negotiation is
 * restarted only where something differs, since a restart takes the link down for seconds. Pause is
 * not advertised, because this driver ignores pause frames. */
static enum err wake_phy(struct x540 *card)
{
    struct phy_state state = {0};
    enum err err = read_phy(card, &state);

    if (err)
        return err;
    if (!(state.power & PHY_VENDOR_CONTROL_LOW_POWER) && !(state.base & PHY_AN_ADVERTISE_PAUSE) &&
        (state.advertised & PHY_AN_10GBT_ADVERTISE) && (state.vendor & PHY_AN_VENDOR_1G) &&
        (state.control & PHY_AN_CONTROL_ENABLE) && !is_too_slow(card, &state))
        return OK;
    if (x540_link_is_vetoed(card)) {
        log_warn("x540 p%u: MMNGC.MNG_VETO is 1: the management controller forbids link changes, "
                 "PHY left as it is (30.0 0x%04x, 7.10h 0x%04x, 7.20h 0x%04x, 7.C400h 0x%04x, 7.0 "
                 "0x%04x)",
                 card->port->index, state.power, state.base, state.advertised, state.vendor,
                 state.control);
        return OK;
    }
    const struct {
        uint32_t mmd, number, value;
    } writes[] = {
        {PHY_VENDOR, PHY_VENDOR_CONTROL, state.power & ~PHY_VENDOR_CONTROL_LOW_POWER},
        {PHY_AN, PHY_AN_ADVERTISE, state.base & ~PHY_AN_ADVERTISE_PAUSE},
        {PHY_AN, PHY_AN_10GBT_CONTROL, state.advertised | PHY_AN_10GBT_ADVERTISE},
        {PHY_AN, PHY_AN_VENDOR, state.vendor | PHY_AN_VENDOR_1G},
        {PHY_AN, PHY_AN_CONTROL, state.control | PHY_AN_CONTROL_ENABLE | PHY_AN_CONTROL_RESTART},
    };
    for (size_t i = 0; i < ARRAY_SIZE(writes) && !err; i++)
        err = mdio_write(card, writes[i].mmd, writes[i].number, (uint16_t)writes[i].value);
    return err;
}

/* Look once for the PHY and correct it. Not found: again PHY_STEP_US later, until phy_end_ns; the
 * looks between the first and the last one are at the usual addresses only, which takes less than
 * 1 ms of core 0 (X550 8.2.2.16.4, 10.4.3-4). */
static void look_for_phy(struct x540 *card, uint32_t addresses)
{
    uint32_t last_id = 0;

    uint64_t now_ns = tsc_now_ns();
    bool is_last = now_ns >= card->phy_end_ns;
    card->phy_next_ns = MIN(now_ns + PHY_STEP_US * 1000ull, card->phy_end_ns);
    if (is_last)
        addresses = X540_NO_PHY;
    enum err err = x540_lock(card, x540_phy_lock(card));
    bool is_locked = err == OK;
    if (!err)
        err = scan_for_phy(card, addresses, &last_id);
    if (!err) {
        card->phy_end_ns = 0;
        if (wake_phy(card) != OK)
            log_warn("x540 p%u: MSCA.MDI_COMMAND (0x%05x) reads 0x%08x: the PHY has stopped "
                     "answering",
                     card->port->index, MSCA, x540_read(card, MSCA));
    } else {
        card->phy_address = X540_NO_PHY;
    }
    if (is_locked)
        x540_unlock(card, x540_phy_lock(card));
    if (!err || (is_locked && !is_last))
        return;
    card->phy_end_ns = 0;
    if (!is_locked)
        return; /* x540_lock has said so; it is not waited for twice */
    log_warn("x540 p%u: no PHY of id 0x%08x at MDIO addresses 0..31 after %u ms, last id read "
             "0x%08x, MSCA.MDI_COMMAND (0x%05x) reads 0x%08x: left as it is, its link is used",
             card->port->index, card->family->phy_id, PHY_LIMIT_US / 1000, last_id, MSCA,
             x540_read(card, MSCA));
}

/* Wait until the firmware has configured the port's PHY (X550 4.6.3 step 4). On a card without such
 * firmware CFG_DONE stays 0: only the first bring-up waits. */
static void wait_for_firmware(struct x540 *card)
{
    const uint32_t done = EEMNGCTL_CFG_DONE0 << card->lan_id;
    uint32_t value = 0;

    if (card->cfg_done_timed_out ||
        x540_poll(card, EEMNGCTL, done, done, CFG_DONE_LIMIT_US, &value) == OK)
        return;
    card->cfg_done_timed_out = true;
    log_warn("x540 p%u: EEMNGCTL.CFG_DONE (0x%05x) reads 0x%08x after %u ms, 0x%08x expected: not "
             "waited for again",
             card->port->index, EEMNGCTL, value, CFG_DONE_LIMIT_US / 1000, done);
}

/* 82599: firmware or another driver may have left the laser of an optical module off. ESDP
 * survives every reset. */
static void laser_on(struct x540 *card)
{
    if (!(x540_read(card, ESDP) & ESDP_SDP3))
        return;
    log_info("x540 p%u: ESDP (0x%05x) reads 0x%08x: laser was off, is switched on",
             card->port->index, ESDP, x540_read(card, ESDP));
    x540_change(card, ESDP, ESDP_SDP3, 0);
    task_wait_us(LASER_SETTLE_US);
}

/* X550 4.6.3 step 6 */
void x540_phy_start(struct x540 *card)
{
    if (!card->family->has_copper_phy) {
        laser_on(card);
        return;
    }
    wait_for_firmware(card);
    card->phy_end_ns = tsc_now_ns() + PHY_LIMIT_US * 1000ull;
    look_for_phy(card, X540_NO_PHY);
}

/* Power the PHY down (X550 10.6.1). The caller holds the PHY lock. */
static enum err sleep_phy(struct x540 *card)
{
    uint16_t power = 0;

    enum err err = mdio_read(card, PHY_VENDOR, PHY_VENDOR_CONTROL, &power);
    if (!err)
        err = mdio_write(card, PHY_VENDOR, PHY_VENDOR_CONTROL,
                         (uint16_t)(power | PHY_VENDOR_CONTROL_LOW_POWER));
    return err;
}

/* X550 10.6.1, 4.2.1.8 */
void x540_link_off(struct port *port)
{
    struct x540 *card = port->driver_state;
    const char *why = NULL;

    if (port->is_gone)
        return;
    (void)x540_rx_pause(card); /* clears RXEN even if the data path does not drain in time */
    x540_change(card, SECRXCTRL, SECRXCTRL_RX_DIS, 0);
    card->receive_is_on = false;
    card->phy_end_ns = 0;
    if (!card->family->has_copper_phy || card->phy_address == X540_NO_PHY)
        why = "its PHY cannot be reached by MDIO";
    else if (x540_link_is_vetoed(card))
        why = "its management controller forbids dropping it (MMNGC.MNG_VETO is 1)";
    else if (x540_lock(card, x540_phy_lock(card)) != OK)
        why = "its PHY is locked";
    if (!why) {
        why = sleep_phy(card) == OK ? NULL : "its PHY does not answer";
        x540_unlock(card, x540_phy_lock(card));
    }
    if (why)
        log_warn("port%u: link stays up: %s", port->index, why);
}

/* X550 8.2.2.16.7 */
void x540_poll_link(struct port *port)
{
    struct x540 *card = port->driver_state;

    if (port->is_gone)
        return;
    uint32_t since_last = x540_read(card, LINKS); /* re-arms the latch of UP_SINCE_READ */
    uint32_t links = x540_read(card, LINKS);
    if (links == 0xFFFFFFFFu && x540_read(card, STATUS) == 0xFFFFFFFFu) {
        log_error("x540 p%u: STATUS and LINKS read 0xffffffff: the card is gone", port->index);
        port->is_gone = true;
        port->link_is_up = false;
        port->speed_mbps = 0;
        return;
    }
    /* A port with a link is left in peace until the last look. */
    uint64_t next_ns = links & LINKS_UP ? card->phy_end_ns : card->phy_next_ns;
    port->needs_tending = card->phy_end_ns && tsc_now_ns() >= next_ns;
    uint32_t speed_mbps = speed_of(links);
    bool is_up = speed_mbps != 0;
    if (is_up == port->link_is_up && speed_mbps == port->speed_mbps) {
        if (is_up && !(since_last & LINKS_UP_SINCE_READ)) {
            port->link_changes += 2;
            log_info("port%u: link was down for a moment", port->index);
        }
        return;
    }
    card->link_moved = !card->link_cause_seen;
    card->link_cause_seen = false;
    port->link_is_up = is_up;
    port->speed_mbps = speed_mbps;
    port->link_changes++;
    if (is_up)
        log_info("port%u: link up, %u Mb/s", port->index, speed_mbps);
    else
        log_info("port%u: link down", port->index);
}

void x540_tend(struct port *port)
{
    struct x540 *card = port->driver_state;

    port->needs_tending = false;
    if (card->phy_end_ns && !port->is_gone)
        look_for_phy(card, PHY_ADDRESSES_NEAR);
}

void x540_phy_log(struct x540 *card)
{
    static const struct {
        uint8_t mmd, number;
    } words[] = {{PHY_PMA, PHY_PMA_ID_HIGH},
                 {PHY_PMA, PHY_PMA_ID_LOW},
                 {PHY_PMA, PHY_STATUS},
                 {PHY_AN, PHY_AN_CONTROL},
                 {PHY_AN, PHY_STATUS},
                 {PHY_AN, PHY_AN_ADVERTISE},
                 {PHY_AN, PHY_AN_10GBT_CONTROL},
                 {PHY_AN, PHY_AN_10GBT_STATUS},
                 {PHY_VENDOR, PHY_VENDOR_CONTROL}};
    uint16_t value[ARRAY_SIZE(words)] = {0};

    if (card->phy_address == X540_NO_PHY) {
        log_info("x540 p%u: PHY: none by MDIO", card->port->index);
        return;
    }
    enum err err = x540_lock(card, x540_phy_lock(card));
    if (err)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(words) && !err; i++)
        err = mdio_read(card, words[i].mmd, words[i].number, &value[i]);
    x540_unlock(card, x540_phy_lock(card));
    log_info("x540 p%u: PHY at MDIO address %u: id 0x%04x%04x, 1.1 0x%04x, 7.0 0x%04x, 7.1 0x%04x, "
             "7.10h 0x%04x, 7.20h 0x%04x, 7.21h 0x%04x, 30.0 0x%04x%s",
             card->port->index, card->phy_address, value[0], value[1], value[2], value[3], value[4],
             value[5], value[6], value[7], value[8], err ? "; it stopped answering" : "");
}
