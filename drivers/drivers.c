/* SPDX-License-Identifier: BSD-2-Clause
 * Finds the cards: each PCI function, in PCI order, is offered to the driver (there is one); each
 * card that the driver brings up becomes the next port.
 */
#include "arch/image.h"
#include "boot/cmdline.h"
#include "drivers/nic.h"
#include "drivers/x540/x540.h"
#include "kernel/iommu/iommu.h"
#include "kernel/lib/fmt.h"
#include "kernel/log/log.h"
#include "kernel/leaving.h"
#include "kernel/start.h"

struct port ports[PORTS_MAX];
READ_MOSTLY unsigned ports_n;

static struct x540 cards[PORTS_MAX];

BOOT_KEY("port#.force", CMDLINE_ENUM, .words = "off|on");

struct offers {
    const struct cmdline *line; /* NULL in tests */
    unsigned beyond;            /* cards for which there is no port */
};

static bool is_forced(const struct cmdline *line, unsigned port)
{
    unsigned choice = 0;
    char key[16];

    fmt_print(key, sizeof(key), "port%u.force", port);
    return line && cmdline_enum(line, key, &choice) && choice == 1;
}

static void offer(const struct pci_dev *pci, void *context)
{
    struct offers *offers = context;

    if (!x540_match(pci))
        return;
    if (ports_n == PORTS_MAX) {
        offers->beyond++;
        return;
    }
    struct port *port = &ports[ports_n];
    *port = (struct port){.index = ports_n};
    fmt_print(port->pci, sizeof(port->pci), "%04x:%02x:%02x.%u", pci->segment, pci->bus,
              pci->device, pci->function);
    enum err err = iommu_confine(pci, port->index, &port->domain);
    if (!err)
        err = x540_probe(pci, &cards[ports_n], port, is_forced(offers->line, ports_n));
    if (err) {
        log_error("%s: card not used", port->pci);
        iommu_release(port->domain);
        return;
    }
    log_info("port%u: %s %s at %s, %pM", port->index, port->driver, port->model, port->pci,
             port->mac);
    ports_n++;
}

void drivers_quiet(void)
{
    for (unsigned i = 0; i < ports_n; i++)
        ports[i].ops->quiet(&ports[i]);
}

void drivers_cut_off(void)
{
    /* The card that is being probed too, which is not a port yet. */
    for (unsigned i = 0; i < PORTS_MAX && cards[i].port; i++)
        pci_command(&cards[i].pci, 0, PCI_COMMAND_MASTER);
}

void drivers_start(const struct cmdline *line)
{
    struct offers offers = {.line = line};

    pci_scan(offer, &offers);
    if (offers.beyond)
        log_warn("%u more ports found than the limit of %u; they are not used", offers.beyond,
                 PORTS_MAX);
    if (ports_n == 0)
        log_warn("no port: no working X540, 82599 or X550 was found");
}
