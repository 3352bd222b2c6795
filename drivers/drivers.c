/* SPDX-License-Identifier: BSD-2-Clause
 * Finds the cards and gives each its place, which is its port's number: those that the boot line
 * names (portN=) go to theirs, the others fill the free ones in PCI order. The driver (there is one)
 * then brings up each card. One that fails keeps its place, so that the others keep their numbers.
 */
#include "arch/image.h"
#include "drivers/boot_line.h"
#include "drivers/nic.h"
#include "drivers/x540/x540.h"
#include "kernel/iommu/iommu.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/str.h"
#include "kernel/log/log.h"
#include "kernel/leaving.h"
#include "kernel/start.h"

#define FOUND_MAX 32u /* cards beyond the places too, since a name may choose one of them */

struct port ports[PORTS_MAX];
READ_MOSTLY unsigned ports_n, ports_all;

static struct found {
    struct pci_dev pci;
    struct x540 card;
    uint8_t mac[6];
    bool has_mac; /* `mac` has been read */
    bool has_place;
} found[FOUND_MAX];
static unsigned found_n;

/* ---- The operations of a port without a working card ---- */

static enum err no_rx_start(struct port *port, unsigned q, iova_t ring, uint32_t n, mmio_t *tail)
{
    (void)port, (void)q, (void)ring, (void)n, (void)tail;
    return ERR_NO_DEVICE;
}

static enum err no_tx_start(struct port *port, unsigned q, iova_t ring, uint32_t n, iova_t head,
                            mmio_t *tail)
{
    (void)port, (void)q, (void)ring, (void)n, (void)head, (void)tail;
    return ERR_NO_DEVICE;
}

static enum err no_rx_stop(struct port *port, unsigned q)
{
    (void)port, (void)q;
    return OK;
}

static enum err no_tx_stop(struct port *port, unsigned q, uint32_t *head)
{
    (void)port, (void)q, (void)head;
    return OK;
}

static uint32_t no_tx_head(struct port *port, unsigned q)
{
    (void)port, (void)q;
    return 0xFFFFFFFFu;
}

static void no_set_queues(struct port *port, unsigned n, bool by_address, const uint8_t *hash_key)
{
    (void)port, (void)n, (void)by_address, (void)hash_key;
}

static enum err no_irq_set(struct port *port, unsigned vector, uint64_t address, uint32_t data)
{
    (void)port, (void)vector, (void)address, (void)data;
    return ERR_NO_DEVICE;
}

static void no_irq_arm(struct port *port, unsigned vector)
{
    (void)port, (void)vector;
}

static bool no_poll_counter_group(struct port *port, unsigned group)
{
    (void)port, (void)group;
    return false;
}

static uint32_t no_irq_causes(struct port *port)
{
    (void)port;
    return 0;
}

static void no_set(struct port *port, bool value)
{
    (void)port, (void)value;
}

static enum err no_reset(struct port *port)
{
    (void)port;
    return ERR_NO_DEVICE;
}

static void nothing(struct port *port)
{
    (void)port;
}

static const struct port_ops no_ops = {
    .rx_start = no_rx_start,
    .tx_start = no_tx_start,
    .rx_stop = no_rx_stop,
    .tx_stop = no_tx_stop,
    .receive = nothing,
    .tx_head = no_tx_head,
    .poll_link = nothing,
    .tend = nothing,
    .poll_counters = nothing,
    .poll_counter_group = no_poll_counter_group,
    .set_queues = no_set_queues,
    .set_control_queue = no_set,
    .irq_set = no_irq_set,
    .irq_arm = no_irq_arm,
    .irq_causes = no_irq_causes,
    .set_promiscuous = no_set,
    .reset = no_reset,
    .link_off = nothing,
    .read_register = x540_read_register,
    .quiet = nothing,
};

static void have_no_card(struct port *port, const char *why)
{
    port->no_card = why;
    port->ops = &no_ops;
    port->domain = NULL;
    port->is_gone = port->is_down = true;
    port->link_is_up = false;
    port->speed_mbps = 0;
}

/* ---- Places ---- */

static void collect(const struct pci_dev *pci, void *beyond)
{
    if (!x540_match(pci))
        return;
    if (found_n == FOUND_MAX)
        ++*(unsigned *)beyond;
    else
        found[found_n++] = (struct found){.pci = *pci};
}

static bool is_named(struct found *card, const struct card_name *name)
{
    const struct pci_dev *pci = &card->pci;

    if (card->has_place)
        return false;
    if (!name->is_mac)
        return pci->segment == name->segment && pci->bus == name->bus &&
               pci->device == name->device && pci->function == name->function;
    if (!card->has_mac)
        x540_peek_mac(pci, &card->card, card->mac);
    card->has_mac = true;
    return memcmp(card->mac, name->mac, 6) == 0;
}

/* The card that portN= names. NULL, after a warning: there is none. */
static struct found *find_named(unsigned place, const struct card_name *name)
{
    char text[24];

    for (unsigned i = 0; i < found_n; i++)
        if (is_named(&found[i], name))
            return &found[i];
    if (name->is_mac)
        fmt_print(text, sizeof(text), "%pM", name->mac);
    else
        fmt_print(text, sizeof(text), "%04x:%02x:%02x.%u", name->segment, name->bus, name->device,
                  name->function);
    log_warn("port%u=%s: no such card, or an earlier port has it; port%u stays empty", place, text,
             place);
    return NULL;
}

/* Give each card found a place; *n becomes the number of places. Returns how many cards get none. */
static unsigned assign(const struct cmdline *line, struct found *at[PORTS_MAX], unsigned *n)
{
    struct card_name name;
    unsigned beyond = 0, place = 0;
    uint32_t taken = 0;

    *n = 0;
    for (unsigned i = 0; i < PORTS_MAX; i++) {
        if (!card_name_get(line, i, &name))
            continue;
        taken |= BIT(i);
        at[i] = find_named(i, &name);
        if (at[i])
            at[i]->has_place = true;
        *n = i + 1;
    }
    for (unsigned i = 0; i < found_n; i++) {
        while (place < PORTS_MAX && (taken & BIT(place)))
            place++;
        if (found[i].has_place)
            continue;
        if (place == PORTS_MAX) {
            beyond++;
            continue;
        }
        at[place++] = &found[i];
        *n = MAX(*n, place);
    }
    return beyond;
}

/* Bring up the card of the next place; NULL: it is empty. */
static void start_place(struct found *card, const struct cmdline *line)
{
    struct port *port = &ports[ports_n];
    struct card_name name;

    *port = (struct port){
        .index = ports_n,
        .wire = port,
        .driver = "",
        .model = "",
        .mtu = MTU_USUAL,
        .slot_bytes = SLOT_BYTES,
        .frame_max = FRAME_USUAL,
    };
    if (!card) {
        have_no_card(port, "none");
        return;
    }
    const struct pci_dev *pci = &card->pci;
    fmt_print(port->pci, sizeof(port->pci), "%04x:%02x:%02x.%u", pci->segment, pci->bus,
              pci->device, pci->function);
    enum err err = iommu_confine(pci, port->index, &port->domain);
    if (!err)
        err = x540_probe(pci, &card->card, port, card_is_forced(line, ports_n));
    if (bringup_is_verbose(line))
        x540_log_raw(port);
    if (err) {
        log_error("%s: card not used; it keeps its number, port%u", port->pci, port->index);
        iommu_release(port->domain);
        have_no_card(port, "failed");
        return;
    }
    log_info("port%u: %s %s at %s, %pM", port->index, port->driver, port->model, port->pci,
             port->mac);
    if (card_name_get(line, port->index, &name) && name.is_mac &&
        memcmp(name.mac, port->mac, 6) != 0)
        log_warn("port%u: its address before the card's reset was %pM", port->index, name.mac);
}

void drivers_quiet(void)
{
    for (unsigned i = 0; i < ports_n; i++)
        ports[i].ops->quiet(&ports[i]);
}

void drivers_cut_off(void)
{
    /* The card that is being probed too, which is not a port yet. */
    for (unsigned i = 0; i < found_n; i++)
        if (found[i].card.port)
            pci_command(&found[i].pci, 0, PCI_COMMAND_MASTER);
}

void drivers_start(const struct cmdline *line)
{
    struct found *at[PORTS_MAX] = {NULL};
    unsigned beyond = 0, n = 0;
    bool works = false;

    if (bringup_is_verbose(line))
        iommu_log_raw();
    found_n = 0;
    pci_scan(collect, &beyond);
    beyond += assign(line, at, &n);
    for (; ports_n < n; ports_n++) {
        start_place(at[ports_n], line);
        works |= !ports[ports_n].no_card;
    }
    ports_all = ports_n;
    if (beyond)
        log_warn("%u more ports found than the limit of %u; they are not used", beyond, PORTS_MAX);
    if (!works)
        log_warn("no port: no working X540, 82599 or X550 was found");
}
