/* SPDX-License-Identifier: BSD-2-Clause
 * MDIO, its PHY and the link: a 10GBASE-T PHY at address 0 whose link partner supports 10G, 1G and
 * 100M without pause. Registers: facts, section 3; all others read 0.
 */
#include "x540_internal.h"

#define MDIO_NS    5000
#define SPEED_10G  3
#define SPEED_1G   2
#define SPEED_100M 1

/* Clause 45 devices of this PHY: PMA 1, PCS 3, PHY XS 4, AN 7, vendor 30; the X550 has no PHY XS,
 * but 29 and 31. */
#define DEVICES       (BIT(1) | BIT(3) | BIT(4) | BIT(7) | BIT(30))
#define DEVICES_X550  (BIT(1) | BIT(3) | BIT(7) | BIT(29) | BIT(30) | BIT(31))
#define PMA           1
#define PCS           3
#define PHY_XS        4
#define AN            7
#define VENDOR        30

#define AN_ENABLE     BIT(12)
#define AN_RESTART    BIT(9)
#define PHY_RESET     BIT(15)
#define PHY_LOW_POWER BIT(11)
#define ADV_100M      BIT(8)
#define ADV_10G       BIT(12)
#define ADV_1G        BIT(15)

enum { LATCH_PMA = BIT(0), LATCH_PCS = BIT(1), LATCH_AN = BIT(2), ALARM_AN = BIT(3) };

static uint16_t phy_id_low(const struct x540 *card)
{
    return card->config.kind == X540_X550 ? 0x0221 : 0x0200;
}

static void phy_defaults(struct x540 *card)
{
    card->phy_reset_at = card->now;
    card->phy_ctrl_an = AN_ENABLE | BIT(13);
    card->phy_adv = ADV_100M | 1;
    card->phy_10g = ADV_10G;
    card->phy_vendor = ADV_1G;
    card->phy_ctrl_30 = 0;
    card->phy_powered = true;
}

void x540_phy_power_on(struct x540 *card)
{
    phy_defaults(card);
    card->link_up = card->an_done = false;
    card->link_latched_down = true;
    card->phy_latched = LATCH_PMA | LATCH_PCS | LATCH_AN;
}

/* ---- Link ---- */

static uint8_t negotiated_speed(const struct x540 *card)
{
    if (card->phy_10g & ADV_10G)
        return SPEED_10G;
    if (card->phy_vendor & ADV_1G)
        return SPEED_1G;
    return card->phy_adv & ADV_100M ? SPEED_100M : 0;
}

static void link_set(struct x540 *card, bool up)
{
    if (card->link_up == up)
        return;
    card->link_up = up;
    card->phy_latched |= ALARM_AN;
    if (!up) {
        card->an_done = false;
        card->link_latched_down = true;
        card->phy_latched |= LATCH_PMA | LATCH_PCS | LATCH_AN;
    }
    x540_intr_other(card, EICR_LSC);
    if (up) {
        x540_tx_run(card);
        x540_rx_drain(card);
    }
}

/* Of an 82599 with an optical module. */
static bool laser_is_off(const struct x540 *card)
{
    return card->config.kind == X540_82599 && (REG(card, ESDP) & ESDP_SDP3);
}

void x540_link_restart(struct x540 *card)
{
    link_set(card, false);
    if (card->cable && card->phy_powered && !laser_is_off(card))
        x540_plan(card, EV_LINK, card->config.link_ns);
    else
        x540_plan_never(card, EV_LINK);
}

void x540_link_event(struct x540 *card)
{
    card->speed = negotiated_speed(card);
    card->an_done = true;
    if (card->speed)
        link_set(card, true);
}

void x540_set_cable(struct x540 *card, bool plugged)
{
    if (card->cable == plugged)
        return;
    card->cable = plugged;
    x540_link_restart(card);
}

bool x540_link_is_up(const struct x540 *card)
{
    return card->link_up;
}

bool x540_can_transmit(const struct x540 *card)
{
    return card->link_up || (REG(card, HLREG0) & HLREG0_LPBK) || (REG(card, MACC) & MACC_FLU);
}

uint32_t x540_links_read(struct x540 *card)
{
    bool up = card->link_up, steady = up && !card->link_latched_down;
    uint8_t speed = card->link_up ? card->speed : 0;
    uint32_t value = 0;

    if (card->evil[X540_EVIL_LINK_LIES] || (REG(card, MACC) & MACC_FLU)) {
        up = steady = true;
        speed = SPEED_10G;
    }
    value = (up ? LINKS_UP : 0) | (steady ? LINKS_LNK_STAT : 0); /* b7 alone is latched */
    value |= (uint32_t)speed << 28;
    card->link_latched_down = !card->link_up;
    return value;
}

void x540_phy_reset(struct x540 *card)
{
    phy_defaults(card);
    x540_link_restart(card);
}

void x540_check_veto(struct x540 *card, const char *name, uint32_t value)
{
    if (card->evil[X540_EVIL_VETO])
        x540_complain(card, RULE_VETO, "%s = 0x%04x drops the link while MMNGC.MNG_VETO is 1", name,
                      value);
}

/* ---- The PHY's registers ---- */

static uint16_t latched_low(struct x540 *card, uint16_t latch, uint16_t bit)
{
    bool down = card->phy_latched & latch;

    if (card->link_up)
        card->phy_latched &= (uint16_t)~latch;
    return down || !card->link_up ? 0 : bit;
}

static uint16_t an_register(struct x540 *card, uint32_t reg)
{
    uint16_t value;

    switch (reg) {
    case 0x0000:
        return card->phy_ctrl_an;
    case 0x0001:
        value = BIT(3) | BIT(0);
        return (uint16_t)(value | (card->an_done ? BIT(5) : 0) |
                          latched_low(card, LATCH_AN, BIT(2)));
    case 0x0010:
        return card->phy_adv;
    case 0x0013: /* the partner: 100M, no pause */
        return card->an_done ? ADV_100M | 1 : 0;
    case 0x0020:
        return card->phy_10g;
    case 0x0021: /* partner can do 10G; both receivers are fine */
        return card->link_up ? BIT(13) | BIT(12) | BIT(11) : 0;
    case 0xC400:
        return card->phy_vendor;
    case 0xC800:
        if (!card->link_up)
            return 0;
        return card->speed == SPEED_10G ? 7 : card->speed == SPEED_1G ? 5 : 3;
    case 0xE820:
        return card->an_done ? BIT(15) | BIT(11) : 0;
    case 0xCC01:
        value = card->phy_latched & ALARM_AN ? 1 : 0;
        card->phy_latched &= (uint16_t)~ALARM_AN;
        return value;
    }
    return 0;
}

static uint16_t phy_read(struct x540 *card, uint32_t device, uint32_t reg)
{
    bool x550 = card->config.kind == X540_X550;
    uint32_t devices = x550 ? DEVICES_X550 : DEVICES;

    if (card->now - card->phy_reset_at < card->evil[X540_EVIL_PHY_DUMB_NS])
        return 0xFFFF;
    if (!(devices >> device & 1))
        return x550 ? 0 : 0xFFFF;
    if (reg == 2)
        return 0x0154;
    if (reg == 3)
        return phy_id_low(card);
    if (reg == 5)
        return (uint16_t)devices;
    if (reg == 6)
        return (uint16_t)(devices >> 16);
    if (reg == 8)
        return 0x8000; /* a device responds here */
    switch (device) {
    case PMA:
        if (reg == 0)
            return 0x2040;
        if (reg == 1)
            return (uint16_t)(BIT(1) | latched_low(card, LATCH_PMA, BIT(2)));
        if (reg == 4)
            return BIT(0) | BIT(4) | BIT(5);
        return 0;
    case PCS:
        if (reg == 1)
            return latched_low(card, LATCH_PCS, BIT(2));
        return 0;
    case AN:
        return an_register(card, reg);
    case VENDOR:
        if (reg == 0)
            return card->phy_ctrl_30;
        if (reg == 1)
            return (uint16_t)((card->link_up ? BIT(3) : 0) |
                              (card->speed == SPEED_10G ? 0 : BIT(4)));
        if (reg == 0x20)
            return 0x0205; /* firmware version */
        return 0;
    }
    return 0;
}

static void phy_write(struct x540 *card, uint32_t device, uint32_t reg, uint16_t value)
{
    bool powered;

    if ((device == PHY_XS || device == PMA) && reg == 0 && (value & PHY_RESET)) {
        x540_check_veto(card, "PHY register 0", value);
        x540_phy_reset(card);
        return;
    }
    if (device == AN) {
        switch (reg) {
        case 0x0000:
            card->phy_ctrl_an = value & (uint16_t)(~(AN_RESTART | PHY_RESET));
            if (value & (AN_RESTART | PHY_RESET)) {
                x540_check_veto(card, "PHY register 7.0", value);
                x540_link_restart(card);
            }
            break;
        case 0x0010:
            card->phy_adv = value;
            break;
        case 0x0020:
            card->phy_10g = value;
            break;
        case 0xC400:
            card->phy_vendor = value;
            break;
        }
        return;
    }
    if (device == VENDOR && reg == 0) {
        card->phy_ctrl_30 = value & (uint16_t)~PHY_RESET;
        powered = !(value & PHY_LOW_POWER);
        if (powered != card->phy_powered || (value & PHY_RESET)) {
            x540_check_veto(card, "PHY register 30.0", value);
            card->phy_powered = powered;
            x540_link_restart(card);
        }
    }
}

/* ---- MDIO ---- */

static bool mdio_may(struct x540 *card, const char *name, uint32_t value)
{
    if (card->due[EV_MDIO] == NEVER)
        return true;
    x540_complain(card, RULE_MDIO_BUSY, "%s = 0x%08x while MSCA.MDI_COMMAND is set", name, value);
    return false;
}

void x540_msca_write(struct x540 *card, uint32_t value)
{
    if (!mdio_may(card, "MSCA", value))
        return;
    REG(card, MSCA) = value;
    if (!(value & MSCA_MDI_COMMAND))
        return;
    if (!x540_holds_phy(card))
        x540_complain(card, RULE_MDIO_SEMAPHORE,
                      "MSCA = 0x%08x with SW_FW_SYNC = 0x%08x: PHY%u not held", value,
                      x540_sync(card), card->config.lan_id);
    x540_plan(card, EV_MDIO, MDIO_NS);
}

void x540_msrwd_write(struct x540 *card, uint32_t value)
{
    if (mdio_may(card, "MSRWD", value))
        REG(card, MSRWD) = (REG(card, MSRWD) & 0xFFFF0000) | (value & 0xFFFF);
}

uint32_t x540_msrwd_read(struct x540 *card)
{
    if (card->due[EV_MDIO] != NEVER)
        x540_complain(card, RULE_MDIO_BUSY, "MSRWD read while MSCA.MDI_COMMAND is set");
    return REG(card, MSRWD);
}

/* The second frame of an access carries no address on the wire: the one latched before counts. */
static uint32_t mdio_address(struct x540 *card, uint32_t msca, uint32_t device)
{
    uint32_t latched = card->mdio_address[device];

    if (latched != (GET(MSCA_NP_ADDR, msca) | BIT(31)))
        x540_complain(card, RULE_MDIO_ADDRESS,
                      "MSCA = 0x%08x: the address cycle for device %u held 0x%04x", msca, device,
                      latched & 0xFFFF);
    return latched & 0xFFFF;
}

void x540_mdio_done(struct x540 *card)
{
    uint32_t msca = REG(card, MSCA), device = GET(MSCA_DEV_TYPE, msca), reg;
    /* On the X550 a PHY's address is its port's number (8.2.2.16.4). */
    uint32_t address = card->config.kind == X540_X550 ? card->config.lan_id : 0;
    bool mine = GET(MSCA_PHY_ADDR, msca) == address && card->config.kind != X540_82599 &&
                GET(MSCA_ST_CODE, msca) == 0;
    uint16_t value = 0xFFFF;

    if (card->evil[X540_EVIL_MDIO_STUCK])
        return;
    REG(card, MSCA) &= ~MSCA_MDI_COMMAND;
    switch (GET(MSCA_OP_CODE, msca)) {
    case 0:
        card->mdio_address[device] = GET(MSCA_NP_ADDR, msca) | BIT(31);
        break;
    case 1:
        reg = mdio_address(card, msca, device);
        if (mine)
            phy_write(card, device, reg, (uint16_t)REG(card, MSRWD));
        break;
    default:
        reg = mdio_address(card, msca, device);
        if (mine)
            value = phy_read(card, device, reg);
        REG(card, MSRWD) = (REG(card, MSRWD) & 0xFFFF) | (uint32_t)value << 16;
        if (GET(MSCA_OP_CODE, msca) == 2)
            card->mdio_address[device] = ((reg + 1) & 0xFFFF) | BIT(31);
        break;
    }
}
