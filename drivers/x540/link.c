/* SPDX-License-Identifier: BSD-2-Clause
 * The PHY and the link. The X540's PHY is on the chip, behind MDIO (clause 45), and negotiates by
 * itself after reset; it is only helped where somebody left it powered down or shy of 10 Gb/s.
 */
#include "drivers/x540/x540.h"
#include "drivers/x540/regs.h"
#include "kernel/log/log.h"

enum { MDIO_LIMIT_US = 1000 };

static enum err mdio_cycle(struct x540 *card, uint32_t mmd, uint32_t number, uint32_t op)
{
    mmio_write32(card->regs, MSCA,
                 FIELD_PUT(MSCA_NP_ADDR, number) | FIELD_PUT(MSCA_DEV_TYPE, mmd) |
                     FIELD_PUT(MSCA_PHY_ADDR, card->phy_address) | FIELD_PUT(MSCA_OP_CODE, op) |
                     MSCA_MDI_COMMAND);
    return x540_wait(card, MSCA, MSCA_MDI_COMMAND, 0, MDIO_LIMIT_US, "MSCA.MDI_COMMAND");
}

/* Both under the PHY lock of this port. */
static enum err mdio_read(struct x540 *card, uint32_t mmd, uint32_t number, uint16_t *value)
{
    enum err err = mdio_cycle(card, mmd, number, MSCA_OP_ADDRESS);
    if (!err)
        err = mdio_cycle(card, mmd, number, MSCA_OP_READ);
    if (!err)
        *value = (uint16_t)FIELD_GET(MSRWD_READ_DATA, mmio_read32(card->regs, MSRWD));
    return err;
}

static enum err mdio_write(struct x540 *card, uint32_t mmd, uint32_t number, uint16_t value)
{
    enum err err = mdio_cycle(card, mmd, number, MSCA_OP_ADDRESS);
    if (err)
        return err;
    mmio_write32(card->regs, MSRWD, FIELD_PUT(MSRWD_WRITE_DATA, value));
    return mdio_cycle(card, mmd, number, MSCA_OP_WRITE);
}

static enum err find_phy(struct x540 *card)
{
    uint32_t last_id = 0;

    for (card->phy_address = 0; card->phy_address < X540_NO_PHY; card->phy_address++) {
        uint16_t high = 0, low = 0;
        enum err err = mdio_read(card, PHY_PMA, PHY_PMA_ID_HIGH, &high);
        if (!err)
            err = mdio_read(card, PHY_PMA, PHY_PMA_ID_LOW, &low);
        if (err)
            return err;
        uint32_t id = (uint32_t)high << 16 | low;
        if ((id & card->family->phy_id_mask) == card->family->phy_id)
            return OK;
        if (id != 0 && id != 0xFFFFFFFFu)
            last_id = id;
    }
    log_error("x540 p%u: no PHY of id 0x%08x at MDIO addresses 0..31, last id read 0x%08x",
              card->port->index, card->family->phy_id, last_id);
    return ERR_NO_DEVICE;
}

static enum err wake_phy(struct x540 *card)
{
    uint16_t power = 0, advertised = 0, control = 0;

    enum err err = mdio_read(card, PHY_VENDOR, PHY_VENDOR_CONTROL, &power);
    if (!err)
        err = mdio_read(card, PHY_AN, PHY_AN_10GBT_CONTROL, &advertised);
    if (!err)
        err = mdio_read(card, PHY_AN, PHY_AN_CONTROL, &control);
    if (err)
        return err;
    if (!(power & PHY_VENDOR_CONTROL_LOW_POWER) && (advertised & PHY_AN_10GBT_ADVERTISE) &&
        (control & PHY_AN_CONTROL_ENABLE))
        return OK; /* it negotiates by itself: restarting it would only cost the link seconds */

    err = mdio_write(card, PHY_VENDOR, PHY_VENDOR_CONTROL,
                     (uint16_t)(power & ~PHY_VENDOR_CONTROL_LOW_POWER));
    if (!err)
        err = mdio_write(card, PHY_AN, PHY_AN_10GBT_CONTROL,
                         (uint16_t)(advertised | PHY_AN_10GBT_ADVERTISE));
    if (!err)
        err = mdio_write(card, PHY_AN, PHY_AN_CONTROL,
                         (uint16_t)(control | PHY_AN_CONTROL_ENABLE | PHY_AN_CONTROL_RESTART));
    return err;
}

enum err x540_phy_start(struct x540 *card)
{
    if (!card->family->has_copper_phy)
        return OK;
    enum err err = x540_lock(card, x540_phy_lock(card));
    if (err)
        return err;
    err = find_phy(card);
    if (!err)
        err = wake_phy(card);
    x540_unlock(card, x540_phy_lock(card));
    return err;
}

static uint32_t speed_of(uint32_t links)
{
    bool odd = links & LINKS_SPEED_NON_STD; /* X550 alone */

    if (!(links & LINKS_UP))
        return 0;
    switch (FIELD_GET(LINKS_SPEED, links)) {
    case 3:
        return odd ? 2500 : 10000;
    case 2:
        return 1000;
    case 1:
        return odd ? 5000 : 100;
    default:
        return 0;
    }
}

void x540_poll_link(struct port *port)
{
    struct x540 *card = port->driver_state;

    if (port->is_gone)
        return;
    (void)mmio_read32(card->regs, LINKS); /* latched low: this read only frees the latch */
    uint32_t links = mmio_read32(card->regs, LINKS);
    if (links == 0xFFFFFFFFu && mmio_read32(card->regs, STATUS) == 0xFFFFFFFFu) {
        log_error("x540 p%u: STATUS and LINKS read 0xffffffff: the card is gone", port->index);
        port->is_gone = true;
        port->link_is_up = false;
        port->speed_mbps = 0;
        return;
    }
    uint32_t speed_mbps = speed_of(links);
    bool is_up = speed_mbps != 0;
    if (is_up == port->link_is_up && speed_mbps == port->speed_mbps)
        return;
    port->link_is_up = is_up;
    port->speed_mbps = speed_mbps;
    port->link_changes++;
    if (is_up)
        log_info("port%u: link up, %u Mb/s", port->index, speed_mbps);
    else
        log_info("port%u: link down", port->index);
}
