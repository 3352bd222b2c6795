/* SPDX-License-Identifier: BSD-2-Clause
 * ACPI tables; AML is never executed. Firmware is not trusted: every length is checked against what
 * remains, and no step of zero is taken. A table with a wrong checksum is used, with a warning, as
 * Linux and FreeBSD do: machines are sold with such tables, and nothing here trusts the bytes of a
 * table with a right one. Pure: the caller supplies the callbacks map and warn. Read next:
 * kernel/steps.c.
 */
#ifndef KERNEL_FIRMWARE_ACPI_H
#define KERNEL_FIRMWARE_ACPI_H

#include "arch/types.h"

#define ACPI_HEADER_BYTES    36u
#define ACPI_RSDP_BYTES      36u        /* of version 2; version 0 has 20 */
#define ACPI_TABLE_BYTES_MAX (4u << 20) /* real tables are shorter; DSDTs reach some 500 KiB */
#define ACPI_TABLES_MAX      512u       /* entries of the XSDT that are used */
#define ACPI_WARNED_MAX      16u        /* tables of which warnings are not repeated */

struct acpi {
    /* Set by the caller. map: map physical memory, NULL if it cannot be read. warn: log a warning.
     */
    const void *(*map)(uint64_t paddr, size_t bytes);
    void (*warn)(const char *text);
    /* Set by acpi_open. */
    uint64_t root_paddr;
    uint32_t root_bytes;
    bool root_is_xsdt;
    uint64_t warned[ACPI_WARNED_MAX]; /* addresses of tables that were warned about */
    unsigned warned_n;
};

/* One table, header included, whose length is valid. bytes 0: none. */
struct acpi_table {
    const uint8_t *at;
    uint32_t bytes;
    uint64_t paddr;
};

/* Is there a valid RSDP of at most n bytes at p? Checks its length and checksums, not the tables.
 */
bool acpi_is_rsdp(const uint8_t *p, size_t n);

/* Search the RSDP where a BIOS puts it: the first KiB of the EBDA, then E0000h to FFFFFh. False:
 * not found. */
bool acpi_find_rsdp(struct acpi *a, uint8_t rsdp[ACPI_RSDP_BYTES]);

/* Use the tables of this RSDP (n bytes): its XSDT, else its RSDT. False, after a warning: neither
 * is usable. */
bool acpi_open(struct acpi *a, const uint8_t *rsdp, size_t n);

/* The table with this signature and index `instance` (0 = first). One with an invalid length or
 * address causes a warning and is skipped. bytes is 0 if there is none. */
struct acpi_table acpi_find(struct acpi *a, const char signature[4], unsigned instance);

/* The table at this address, if it is readable and has this signature; else bytes is 0. */
struct acpi_table acpi_table_at(struct acpi *a, uint64_t paddr, const char signature[4]);

/* --- structures inside a table: MADT's have 8-bit type and length, DMAR's 16-bit ones --- */

struct acpi_entry {
    const uint8_t *at; /* the whole structure, its type and length included */
    uint32_t type, bytes;
};
struct acpi_walk {
    const uint8_t *at, *end;
    bool is_wide;   /* 16-bit type and length */
    bool is_broken; /* stopped at an invalid length */
};
/* Start at `offset` of the table. An offset past the end gives a broken walk without entries. */
struct acpi_walk acpi_walk(const struct acpi_table *table, uint32_t offset, bool is_wide);
/* False at the end or once broken. */
bool acpi_walk_next(struct acpi_walk *walk, struct acpi_entry *entry);

/* --- little-endian fields at any alignment; the caller has checked the length --- */

static inline uint16_t acpi_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}
static inline uint32_t acpi_u32(const uint8_t *p)
{
    return acpi_u16(p) | (uint32_t)acpi_u16(p + 2) << 16;
}
static inline uint64_t acpi_u64(const uint8_t *p)
{
    return acpi_u32(p) | (uint64_t)acpi_u32(p + 4) << 32;
}

/* --- MCFG: where the configuration space of a PCI segment is --- */

struct acpi_mcfg {
    uint64_t base; /* of bus 0, also if first_bus is larger */
    uint16_t segment;
    uint8_t first_bus, last_bus;
};
/* Entry i; false past the end. An invalid entry gives base 0. */
bool acpi_mcfg_entry(const struct acpi_table *mcfg, unsigned i, struct acpi_mcfg *out);

/* --- SPCR: the serial line that firmware uses --- */

#define ACPI_NO_IRQ 0xFFFFFFFFu

struct acpi_spcr {
    uint64_t address;
    uint32_t baud;         /* 0: keep the current rate */
    bool is_port;          /* a 16550 or compatible at an I/O port */
    bool is_memory;        /* one in memory */
    uint8_t bytes, stride; /* in memory: of an access, and from one register to the next */
    uint32_t irq;          /* its ISA interrupt, or ACPI_NO_IRQ */
    uint32_t gsi;          /* its global interrupt number, or ACPI_NO_IRQ */
};
/* False: there is no table, or it names no line. */
bool acpi_spcr_read(const struct acpi_table *spcr, struct acpi_spcr *out);

/* --- FADT and the \_S5 package of the DSDT or of an SSDT: power --- */

enum acpi_space { ACPI_MEMORY = 0, ACPI_IO = 1, ACPI_PCI = 2 };

/* A byte-wide register: the fields of a generic address that are used. */
struct acpi_register {
    uint64_t address; /* of enum acpi_space `space`; 0: none */
    uint8_t space;    /* ACPI_MEMORY or ACPI_IO */
};

struct acpi_fadt {
    uint64_t dsdt_paddr;
    uint16_t smi_port; /* 0: ACPI is always on */
    uint8_t acpi_enable;
    uint16_t pm1a_control, pm1b_control; /* I/O ports; 0: none */
    uint16_t pm_timer;                   /* I/O port; 0: none */
    bool pm_timer_is_32_bit;
    uint8_t reset_space;    /* enum acpi_space */
    uint64_t reset_address; /* 0: none */
    uint8_t reset_value;
    bool is_reduced; /* hardware-reduced ACPI: no PM1 registers, no ACPI mode */
    struct acpi_register sleep_control,
        sleep_status; /* of hardware-reduced ACPI; address 0: none */
    bool has_s5;
    uint8_t s5_type_a, s5_type_b; /* SLP_TYP for the two PM1 control registers */
};
/* False: the table is too short for the fields needed. has_s5 is left false. */
bool acpi_fadt_read(const struct acpi_table *fadt, struct acpi_fadt *out);
/* Search the \_S5 package in the bytes of a DSDT or SSDT, and fill s5_type_*. False: not found. */
bool acpi_s5_find(const struct acpi_table *dsdt, struct acpi_fadt *out);

#endif
