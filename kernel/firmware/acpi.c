/* SPDX-License-Identifier: BSD-2-Clause
 * ACPI tables. Layouts: ACPI specification 6.4, chapter 5 (RSDP 5.2.5.3, header 5.2.6, FADT 5.2.9),
 * PCI Firmware specification 3.2, section 4.1.2 (MCFG).
 */
#include "kernel/firmware/acpi.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/str.h"

#define RSDP_BYTES_V0     20u
#define RSDP_REVISION     15
#define RSDP_RSDT         16
#define RSDP_LENGTH       20
#define RSDP_XSDT         24

#define HEADER_LENGTH     4

#define BIOS_EBDA_SEGMENT 0x40E /* real-mode segment of the extended BIOS data area */
#define BIOS_EBDA_BYTES   1024u
#define BIOS_AREA         0xE0000u
#define BIOS_AREA_BYTES   0x20000u

#define MCFG_ENTRIES      44u
#define MCFG_ENTRY_BYTES  16u

/* The sum of all bytes, modulo 256. */
static uint8_t sum(const uint8_t *p, size_t n)
{
    uint8_t s = 0;
    for (size_t i = 0; i < n; i++)
        s += p[i];
    return s;
}

bool acpi_is_rsdp(const uint8_t *p, size_t n)
{
    if (n < RSDP_BYTES_V0 || memcmp(p, "RSD PTR ", 8) != 0 || sum(p, RSDP_BYTES_V0) != 0)
        return false;
    if (p[RSDP_REVISION] < 2 || n < ACPI_RSDP_BYTES)
        return true; /* version 0, or only its part is present, which has its own checksum */
    uint32_t length = acpi_u32(p + RSDP_LENGTH);
    return length >= ACPI_RSDP_BYTES && length <= n && sum(p, length) == 0;
}

/* Search [paddr, paddr + bytes) on 16-byte boundaries. */
static bool scan_for_rsdp(struct acpi *a, uint64_t paddr, uint32_t bytes,
                          uint8_t rsdp[ACPI_RSDP_BYTES])
{
    const uint8_t *area = a->map(paddr, bytes);
    if (!area)
        return false;
    for (uint32_t i = 0; i + RSDP_BYTES_V0 <= bytes; i += 16)
        if (acpi_is_rsdp(area + i, bytes - i)) {
            uint32_t n = MIN(bytes - i, ACPI_RSDP_BYTES);
            memset(rsdp, 0, ACPI_RSDP_BYTES);
            memcpy(rsdp, area + i, n);
            if (n < ACPI_RSDP_BYTES)
                rsdp[RSDP_REVISION] = 0; /* truncated by the end of the area */
            return true;
        }
    return false;
}

bool acpi_find_rsdp(struct acpi *a, uint8_t rsdp[ACPI_RSDP_BYTES])
{
    const uint8_t *segment = a->map(BIOS_EBDA_SEGMENT, 2);
    uint64_t ebda = segment ? (uint64_t)acpi_u16(segment) << 4 : 0;
    /* An EBDA lies below 640 KiB; any other value is not its segment. */
    if (ebda >= 0x400 && ebda <= 0xA0000 - BIOS_EBDA_BYTES &&
        scan_for_rsdp(a, ebda, BIOS_EBDA_BYTES, rsdp))
        return true;
    return scan_for_rsdp(a, BIOS_AREA, BIOS_AREA_BYTES, rsdp);
}

/* The signature as text, with '?' for unprintable bytes. */
static const char *printable(const uint8_t *signature, char text[5])
{
    for (unsigned i = 0; i < 4; i++)
        text[i] = signature[i] >= ' ' && signature[i] < 127 ? (char)signature[i] : '?';
    text[4] = 0;
    return text;
}

/* Warn about a table, once however often it is searched. */
static void warn_about(struct acpi *a, const uint8_t *signature, uint64_t paddr, const char *what)
{
    char text[128], name[5];
    for (unsigned i = 0; i < a->warned_n; i++)
        if (a->warned[i] == paddr)
            return;
    if (a->warned_n < ACPI_WARNED_MAX)
        a->warned[a->warned_n++] = paddr;
    fmt_print(text, sizeof text, "ACPI table %s at 0x%lx %s", printable(signature, name), paddr,
              what);
    a->warn(text);
}

/* Number and addresses of the tables that the root table lists. */
static uint32_t listed_n(const struct acpi *a)
{
    uint32_t width = a->root_is_xsdt ? 8 : 4;
    return MIN((a->root_bytes - ACPI_HEADER_BYTES) / width, ACPI_TABLES_MAX);
}
static uint64_t listed_paddr(const struct acpi *a, const uint8_t *root, uint32_t i)
{
    uint32_t width = a->root_is_xsdt ? 8 : 4;
    const uint8_t *at = root + ACPI_HEADER_BYTES + i * width;
    return a->root_is_xsdt ? acpi_u64(at) : acpi_u32(at);
}

struct acpi_table acpi_table_at(struct acpi *a, uint64_t paddr, const char signature[4])
{
    const struct acpi_table none = {0};
    const uint8_t *header = a->map(paddr, ACPI_HEADER_BYTES);
    if (!header || memcmp(header, signature, 4) != 0)
        return none;
    uint32_t bytes = acpi_u32(header + HEADER_LENGTH);
    if (bytes < ACPI_HEADER_BYTES || bytes > ACPI_TABLE_BYTES_MAX) {
        warn_about(a, header, paddr, "has an invalid length; not used");
        return none;
    }
    const uint8_t *at = a->map(paddr, bytes);
    if (!at) {
        warn_about(a, header, paddr, "is not in readable memory; not used");
        return none;
    }
    if (sum(at, bytes) != 0)
        warn_about(a, at, paddr, "has a wrong checksum; used all the same");
    return (struct acpi_table){at, bytes, paddr};
}

struct acpi_table acpi_find(struct acpi *a, const char signature[4], unsigned instance)
{
    const uint8_t *root = a->root_paddr ? a->map(a->root_paddr, a->root_bytes) : NULL;
    if (!root)
        return (struct acpi_table){0};
    for (uint32_t i = 0, n = listed_n(a); i < n; i++) {
        uint64_t paddr = listed_paddr(a, root, i);
        if (!paddr)
            continue; /* an empty entry */
        struct acpi_table table = acpi_table_at(a, paddr, signature);
        if (table.bytes && instance-- == 0)
            return table;
    }
    return (struct acpi_table){0};
}

static bool take_root(struct acpi *a, uint64_t paddr, const char *signature)
{
    struct acpi_table root = paddr ? acpi_table_at(a, paddr, signature) : (struct acpi_table){0};
    a->root_paddr = root.paddr;
    a->root_bytes = root.bytes;
    a->root_is_xsdt = signature[0] == 'X';
    return root.bytes != 0;
}

bool acpi_open(struct acpi *a, const uint8_t *rsdp, size_t n)
{
    a->root_paddr = 0;
    if (!acpi_is_rsdp(rsdp, n)) {
        a->warn("the ACPI root pointer (RSDP) is damaged");
        return false;
    }
    bool has_xsdt = rsdp[RSDP_REVISION] >= 2 && n >= ACPI_RSDP_BYTES;
    if (has_xsdt && take_root(a, acpi_u64(rsdp + RSDP_XSDT), "XSDT"))
        return true;
    if (take_root(a, acpi_u32(rsdp + RSDP_RSDT), "RSDT"))
        return true;
    a->warn("the ACPI root pointer (RSDP) names no usable XSDT or RSDT");
    return false;
}

struct acpi_walk acpi_walk(const struct acpi_table *table, uint32_t offset, bool is_wide)
{
    struct acpi_walk walk = {.is_wide = is_wide};
    if (offset > table->bytes) {
        walk.is_broken = true;
        return walk;
    }
    walk.at = table->at + offset;
    walk.end = table->at + table->bytes;
    return walk;
}

bool acpi_walk_next(struct acpi_walk *walk, struct acpi_entry *entry)
{
    uint32_t head = walk->is_wide ? 4 : 2;
    size_t left = (size_t)(walk->end - walk->at);
    if (walk->is_broken || left == 0)
        return false;
    uint32_t type = 0, bytes = 0;
    if (left >= head) {
        type = walk->is_wide ? acpi_u16(walk->at) : walk->at[0];
        bytes = walk->is_wide ? acpi_u16(walk->at + 2) : walk->at[1];
    }
    if (bytes < head || bytes > left) {
        walk->is_broken = true;
        return false;
    }
    *entry = (struct acpi_entry){walk->at, type, bytes};
    walk->at += bytes;
    return true;
}

bool acpi_mcfg_entry(const struct acpi_table *mcfg, unsigned i, struct acpi_mcfg *out)
{
    if (mcfg->bytes < MCFG_ENTRIES || i >= (mcfg->bytes - MCFG_ENTRIES) / MCFG_ENTRY_BYTES)
        return false;
    const uint8_t *at = mcfg->at + MCFG_ENTRIES + i * MCFG_ENTRY_BYTES;
    *out = (struct acpi_mcfg){
        .base = acpi_u64(at),
        .segment = acpi_u16(at + 8),
        .first_bus = at[10],
        .last_bus = at[11],
    };
    /* One MiB per bus, aligned to one MiB; 256 of them must not wrap. */
    if (out->first_bus > out->last_bus || out->base % (1u << 20) || out->base >> 52)
        out->base = 0;
    return true;
}

/* --- SPCR --- */

#define SPCR_INTERFACE  36 /* u8: 0 16550, 1 16450-like, 18 16550 with the address's access size */
#define SPCR_ADDRESS    40 /* generic address */
#define SPCR_IRQ_TYPE   52 /* u8 */
#define SPCR_IRQ        53 /* u8, of an 8259 */
#define SPCR_GSI        54 /* u32, of an IOAPIC */
#define SPCR_BAUD       58 /* u8 */
#define SPCR_BYTES      60u

#define SPCR_IRQ_8259   BIT(0)
#define SPCR_IRQ_IOAPIC BIT(1)

bool acpi_spcr_read(const struct acpi_table *spcr, struct acpi_spcr *out)
{
    static const uint32_t bauds[] = {0, 0, 0, 9600, 19200, 0, 57600, 115200};
    memset(out, 0, sizeof *out);
    if (spcr->bytes < SPCR_BYTES)
        return false;
    const uint8_t *at = spcr->at, *gas = at + SPCR_ADDRESS;
    bool is_16550 = at[SPCR_INTERFACE] <= 1 || at[SPCR_INTERFACE] == 18;
    out->address = acpi_u64(gas + 4);
    out->baud = at[SPCR_BAUD] < ARRAY_SIZE(bauds) ? bauds[at[SPCR_BAUD]] : 0;
    out->is_port = is_16550 && gas[0] == ACPI_IO && out->address <= 0xFFF8;
    /* Access size 1 to 3: 8 to 32 bits; 0, of old tables: as wide as the register. */
    unsigned width = MAX(gas[1] / 8u, 1u);
    out->bytes = (uint8_t)(gas[3] ? 1u << (MIN(gas[3], 4u) - 1) : width);
    out->stride = (uint8_t)MAX(width, out->bytes);
    out->is_memory = is_16550 && gas[0] == ACPI_MEMORY && out->bytes <= 4;
    out->irq = at[SPCR_IRQ_TYPE] & SPCR_IRQ_8259 ? at[SPCR_IRQ] : ACPI_NO_IRQ;
    out->gsi = at[SPCR_IRQ_TYPE] & SPCR_IRQ_IOAPIC ? acpi_u32(at + SPCR_GSI) : ACPI_NO_IRQ;
    return out->address != 0;
}

/* --- FADT --- */

#define FADT_DSDT               40
#define FADT_SMI_COMMAND        48
#define FADT_ACPI_ENABLE        52
#define FADT_PM1A_CONTROL       64
#define FADT_PM1B_CONTROL       68
#define FADT_PM_TIMER           76
#define FADT_PM_TIMER_LENGTH    91
#define FADT_FLAGS              112
#define FADT_FLAGS_TIMER_32_BIT BIT(8)
#define FADT_FLAGS_RESET        BIT(10)
#define FADT_FLAGS_REDUCED      BIT(20) /* hardware-reduced ACPI, section 4.1 */
#define FADT_BYTES_V1           116u
#define FADT_RESET              116 /* generic address, then the value */
#define FADT_RESET_VALUE        128
#define FADT_X_DSDT             140
#define FADT_X_PM1A_CONTROL     172
#define FADT_X_PM1B_CONTROL     184
#define FADT_X_PM_TIMER         208
#define FADT_SLEEP_CONTROL      244 /* generic address */
#define FADT_SLEEP_STATUS       256 /* generic address */

/* Generic address: u8 space, u8 bits, u8 offset, u8 access size, u64 address. */
#define GAS_BYTES 12u

/* An I/O port: from the extended field if it is present and names a port, else from the old one. */
static uint16_t port_at(const struct acpi_table *fadt, uint32_t old, uint32_t extended)
{
    if (fadt->bytes >= extended + GAS_BYTES) {
        const uint8_t *gas = fadt->at + extended;
        uint64_t address = acpi_u64(gas + 4);
        if (gas[0] == ACPI_IO && address && address <= 0xFFFF)
            return (uint16_t)address;
    }
    uint32_t port = acpi_u32(fadt->at + old);
    return port <= 0xFFFF ? (uint16_t)port : 0;
}

/* A register of hardware-reduced ACPI; address 0 if the table has none that can be used. */
static struct acpi_register register_at(const struct acpi_table *fadt, uint32_t at)
{
    if (fadt->bytes < at + GAS_BYTES)
        return (struct acpi_register){0};
    const uint8_t *gas = fadt->at + at;
    uint64_t address = acpi_u64(gas + 4);
    if (gas[0] != ACPI_MEMORY && (gas[0] != ACPI_IO || address > 0xFFFF))
        return (struct acpi_register){0};
    return (struct acpi_register){address, gas[0]};
}

bool acpi_fadt_read(const struct acpi_table *fadt, struct acpi_fadt *out)
{
    memset(out, 0, sizeof *out);
    if (fadt->bytes < FADT_BYTES_V1)
        return false;
    const uint8_t *at = fadt->at;
    uint32_t flags = acpi_u32(at + FADT_FLAGS);
    uint32_t smi = acpi_u32(at + FADT_SMI_COMMAND);

    out->dsdt_paddr = acpi_u32(at + FADT_DSDT);
    if (fadt->bytes >= FADT_X_DSDT + 8 && acpi_u64(at + FADT_X_DSDT))
        out->dsdt_paddr = acpi_u64(at + FADT_X_DSDT);
    out->smi_port = smi <= 0xFFFF ? (uint16_t)smi : 0;
    out->acpi_enable = at[FADT_ACPI_ENABLE];
    out->pm1a_control = port_at(fadt, FADT_PM1A_CONTROL, FADT_X_PM1A_CONTROL);
    out->pm1b_control = port_at(fadt, FADT_PM1B_CONTROL, FADT_X_PM1B_CONTROL);
    if (at[FADT_PM_TIMER_LENGTH] == 4)
        out->pm_timer = port_at(fadt, FADT_PM_TIMER, FADT_X_PM_TIMER);
    out->pm_timer_is_32_bit = flags & FADT_FLAGS_TIMER_32_BIT;
    if ((flags & FADT_FLAGS_RESET) && fadt->bytes > FADT_RESET_VALUE) {
        out->reset_space = at[FADT_RESET];
        out->reset_address = acpi_u64(at + FADT_RESET + 4);
        out->reset_value = at[FADT_RESET_VALUE];
    }
    out->is_reduced = flags & FADT_FLAGS_REDUCED;
    if (out->is_reduced) {
        out->sleep_control = register_at(fadt, FADT_SLEEP_CONTROL);
        out->sleep_status = register_at(fadt, FADT_SLEEP_STATUS);
    }
    return true;
}

/* --- \_S5: Name (\_S5, Package {a, b, ...}), searched as bytes --- */

#define AML_ZERO    0x00
#define AML_ONE     0x01
#define AML_NAME    0x08
#define AML_BYTE    0x0A
#define AML_WORD    0x0B
#define AML_DWORD   0x0C
#define AML_PACKAGE 0x12
#define AML_ROOT    '\\'
#define NAME_S5     0x5F35535Fu /* "_S5_" */

/* Read an integer constant of at most three bits (SLP_TYP) at *p, and move *p past it. */
static bool aml_integer(const uint8_t **p, const uint8_t *end, uint8_t *out)
{
    uint32_t operand = 0;
    if (*p == end)
        return false;
    switch (*(*p)++) {
    case AML_ZERO:
        *out = 0;
        return true;
    case AML_ONE:
        *out = 1;
        return true;
    case AML_BYTE:
        operand = 1;
        break;
    case AML_WORD:
        operand = 2;
        break;
    case AML_DWORD:
        operand = 4;
        break;
    default:
        return false;
    }
    if ((size_t)(end - *p) < operand || **p > 7)
        return false;
    *out = **p;
    *p += operand;
    return true;
}

/* p is just past the name: PackageOp, PkgLength (1 to 4 bytes), NumElements, elements. */
static bool s5_package(const uint8_t *p, const uint8_t *end, struct acpi_fadt *out)
{
    if (end - p < 2 || *p++ != AML_PACKAGE)
        return false;
    size_t length_bytes = 1u + (*p >> 6);
    if ((size_t)(end - p) < length_bytes + 1)
        return false;
    p += length_bytes;
    uint8_t n = *p++, a, b;
    if (n < 1 || !aml_integer(&p, end, &a))
        return false;
    if (n < 2 || !aml_integer(&p, end, &b))
        b = a; /* some firmware has a single element; PM1b is rare */
    out->s5_type_a = a;
    out->s5_type_b = b;
    out->has_s5 = true;
    return true;
}

bool acpi_s5_find(const struct acpi_table *dsdt, struct acpi_fadt *out)
{
    if (dsdt->bytes == 0)
        return false;
    const uint8_t *end = dsdt->at + dsdt->bytes;
    for (const uint8_t *p = dsdt->at + ACPI_HEADER_BYTES + 1; p + 4 <= end; p++) {
        if (acpi_u32(p) != NAME_S5)
            continue;
        bool is_name = p[-1] == AML_NAME || (p[-1] == AML_ROOT && p[-2] == AML_NAME);
        if (is_name && s5_package(p + 4, end, out))
            return true;
    }
    return false;
}
