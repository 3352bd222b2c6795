/* SPDX-License-Identifier: BSD-2-Clause
 * IOAPICs: an index register and a data register, through which two words per line are reached.
 */
#include "arch/ioapic.h"
#include "arch/paging.h"

#define REG_SELECT        0x00
#define REG_DATA          0x10

#define INDEX_VERSION     1
#define VERSION_LINE_LAST FIELD(23, 16)
#define INDEX_LINE(n)     (0x10 + 2 * (n)) /* low word; the high word follows */

#define LINE_LOW_ACTIVE   BIT64(13)
#define LINE_LEVEL        BIT64(15)
#define LINE_MASKED       BIT64(16)
#define LINE_DESTINATION  56 /* shift; eight bits */
#define LINE_ID_MAX       254u

static struct ioapic {
    mmio_t regs;
    uint32_t gsi_first, lines;
    uint8_t id;
} ioapics[IOAPICS_MAX];
static unsigned n_ioapics;

static uint32_t read(const struct ioapic *io, uint32_t index)
{
    mmio_write32(io->regs, REG_SELECT, index);
    return mmio_read32(io->regs, REG_DATA);
}
static void write(const struct ioapic *io, uint32_t index, uint32_t value)
{
    mmio_write32(io->regs, REG_SELECT, index);
    mmio_write32(io->regs, REG_DATA, value);
}

static const struct ioapic *find(uint32_t gsi)
{
    for (unsigned i = 0; i < n_ioapics; i++)
        if (gsi >= ioapics[i].gsi_first && gsi - ioapics[i].gsi_first < ioapics[i].lines)
            return &ioapics[i];
    return NULL;
}

uint64_t ioapic_read(uint32_t gsi)
{
    const struct ioapic *io = find(gsi);
    if (!io)
        return ~0ull;
    uint32_t index = INDEX_LINE(gsi - io->gsi_first);
    return read(io, index) | (uint64_t)read(io, index + 1) << 32;
}

void ioapic_write(uint32_t gsi, uint64_t entry)
{
    const struct ioapic *io = find(gsi);
    if (!io)
        return;
    uint32_t index = INDEX_LINE(gsi - io->gsi_first);
    write(io, index, (uint32_t)(entry | LINE_MASKED)); /* masked until both words are written */
    write(io, index + 1, (uint32_t)(entry >> 32));
    write(io, index, (uint32_t)entry);
}

enum err ioapic_add(uint8_t id, uint64_t paddr, uint32_t gsi_first)
{
    if (n_ioapics == IOAPICS_MAX)
        return ERR_NO_MEMORY;
    struct ioapic *io = &ioapics[n_ioapics];
    enum err e = paging_map_device((paddr_t){paddr}, IOAPIC_BYTES, &io->regs);
    if (e != OK)
        return e;
    uint32_t version = read(io, INDEX_VERSION);
    if (version == 0xFFFFFFFFu)
        return ERR_NO_DEVICE;
    io->id = id;
    io->gsi_first = gsi_first;
    io->lines = FIELD_GET(VERSION_LINE_LAST, version) + 1;
    n_ioapics++;
    for (uint32_t i = 0; i < io->lines; i++)
        ioapic_write(gsi_first + i, LINE_MASKED);
    return OK;
}

unsigned ioapic_count(void)
{
    return n_ioapics;
}

unsigned ioapic_lines(void)
{
    unsigned n = 0;
    for (unsigned i = 0; i < n_ioapics; i++)
        n += ioapics[i].lines;
    return n;
}

enum err ioapic_route(struct ioapic_line line, uint32_t apic_id, uint8_t vector)
{
    if (!find(line.gsi))
        return ERR_NO_DEVICE;
    if (apic_id > LINE_ID_MAX)
        return ERR_UNSUPPORTED;
    ioapic_write(line.gsi, (uint64_t)apic_id << LINE_DESTINATION | vector |
                               (line.is_low_active ? LINE_LOW_ACTIVE : 0) |
                               (line.is_level ? LINE_LEVEL : 0));
    return OK;
}

void ioapic_mask(uint32_t gsi)
{
    ioapic_write(gsi, LINE_MASKED);
}

int ioapic_id_of(uint32_t gsi)
{
    const struct ioapic *io = find(gsi);
    return io ? io->id : -1;
}
