/* SPDX-License-Identifier: BSD-2-Clause
 * pci_isolate (kernel/pci.c): ACS of the bridges above a card is enabled where the bridge has its
 * control register, which on the root ports of some Intel chipsets is not where it belongs. A bridge
 * that does not keep what was written costs a line and counts as one without ACS. And the windows of
 * memory addresses that a bridge passes on.
 *
 * links: kernel/pci.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/paging.h"
#include "kernel/log/log.h"
#include "kernel/pci.h"

#define ECAM   0x10000000u
#define BRIDGE 0x1C
#define ACS    0x140 /* where the bridge has the capability */
#define WANTED 0x1D  /* SV, RR, CR, UF */

enum kind { AS_SPECIFIED, DWORDS, STUCK, PARTIAL, ABSENT };

/* --- bus 0 with the bridge 00:1c.0 alone; what is below it has nothing to say --- */

static uint32_t config[1024]; /* of the bridge */
static enum kind kind;
static char log_text[512];

static uint32_t *word(uint64_t at)
{
    at -= ECAM;
    return at >> 12 == BRIDGE << 3 ? &config[(at & 0xFFF) / 4] : NULL;
}
uint64_t machine_read(uintptr_t at, uint32_t bytes)
{
    uint32_t *w = word(at);
    return (w ? (uint64_t)*w >> 8 * (at & 3) : UINT64_MAX) & UINT64_MAX >> (64 - 8 * bytes);
}
void machine_write32(uintptr_t at, uint32_t v)
{
    machine_write(at, v, 4);
}
void machine_write(uintptr_t at, uint64_t v, uint32_t bytes)
{
    uint32_t offset = at & 0xFFF;
    assert_non_null(word(at));
    if (kind == DWORDS && offset == ACS + 8 && bytes == 4)
        config[ACS / 4 + 2] = (uint32_t)v;
    if ((kind == AS_SPECIFIED || kind == PARTIAL) && offset == ACS + 6 && bytes == 2)
        config[ACS / 4 + 1] = (config[ACS / 4 + 1] & 0xFFFF) | (uint32_t)v << 16;
}
enum err paging_map_device(paddr_t paddr, uint64_t bytes, mmio_t *out)
{
    (void)bytes;
    out->base = paddr.v;
    return OK;
}
const char *paging_refusal(enum err err, paddr_t paddr, uint64_t bytes)
{
    (void)err, (void)paddr, (void)bytes;
    return "";
}
void log_line(enum log_level level, const char *fmt, ...)
{
    va_list args;
    size_t n = strlen(log_text);
    (void)level;
    va_start(args, fmt);
    vsnprintf(log_text + n, sizeof(log_text) - n, fmt, args);
    va_end(args);
}

static unsigned isolate(uint16_t device, enum kind bridge)
{
    const struct pci_dev card = {.bus = 1};

    kind = bridge;
    log_text[0] = 0;
    memset(config, 0, sizeof(config));
    config[0] = 0x8086 | (uint32_t)device << 16;
    config[2] = 0x06040000;
    config[3] = 1 << 16;               /* a bridge */
    config[6] = 1 << 8 | 1 << 16;      /* to bus 1 */
    config[0x100 / 4] = 1 | ACS << 20; /* AER comes first */
    config[ACS / 4] = kind == ABSENT ? 0x2 : PCI_EXTENDED_ACS;
    config[ACS / 4 + 1] = kind == PARTIAL ? WANTED & ~4 : WANTED;
    pci_init(&(struct pci_ecam){.base = {ECAM}, .last_bus = 1}, 1);
    return pci_isolate(&card);
}

/* The bridge's window n, of these registers; {0, 0}: it is closed. */
static struct range window_of(unsigned n, uint32_t plain, uint32_t prefetchable,
                              uint64_t upper_base, uint64_t upper_limit)
{
    const struct pci_dev dev = {
        .ecam = {ECAM + (BRIDGE << 15)}, .device = BRIDGE, .header_type = 0x81};
    struct range window;

    config[0x20 / 4] = plain;
    config[0x24 / 4] = prefetchable;
    config[0x28 / 4] = (uint32_t)upper_base;
    config[0x2C / 4] = (uint32_t)upper_limit;
    return pci_bridge_window(&dev, n, &window) ? window : (struct range){0};
}

static void bridge_window__open_or_closed__is_as_its_registers_say(void **state)
{
    (void)state;
    struct range w = window_of(0, 0xC0F0C000, 0, 0, 0);
    assert_int_equal(w.start, 0xC0000000);
    assert_int_equal(w.end, 0xC1000000);
    assert_int_equal(window_of(0, 0x0000FFF0, 0, 0, 0).end, 0); /* base above limit: closed */
    w = window_of(1, 0, 0xD000D000, 1, 1);                      /* 32 bits: no upper halves */
    assert_int_equal(w.start, 0xD0000000);
    assert_int_equal(w.end, 0xD0100000);
    w = window_of(1, 0, 0xD001D001, 1, 2);
    assert_int_equal(w.start, 0x1D0000000);
    assert_int_equal(w.end, 0x2D0100000);
    struct range none;
    assert_false(pci_bridge_window(&(struct pci_dev){.header_type = 0}, 0, &none));
    assert_false(pci_bridge_window(&(struct pci_dev){.header_type = 1}, 2, &none));
}

static void isolate__bridge_with_acs__is_enabled(void **state)
{
    (void)state;
    assert_int_equal(isolate(0x2030, AS_SPECIFIED), 0);
    assert_int_equal(config[ACS / 4 + 1], WANTED << 16 | WANTED);
    assert_string_equal(log_text, "");
}

static void isolate__control_register_at_another_place__is_found(void **state)
{
    (void)state;
    static const uint16_t devices[] = {0xA110, 0xA11F, 0xA167, 0xA16A, 0xA290,
                                       0xA29F, 0xA2E7, 0xA2EE, 0x9D10, 0x9D1B};
    static const uint16_t others[] = {0xA10F, 0xA120, 0xA166, 0xA16B, 0xA28F,
                                      0xA2A0, 0xA2E6, 0xA2EF, 0x9D0F, 0x9D1C};
    for (unsigned i = 0; i < ARRAY_SIZE(devices); i++) {
        assert_int_equal(isolate(devices[i], DWORDS), 0);
        assert_int_equal(config[ACS / 4 + 2], WANTED);
        assert_int_equal(config[ACS / 4 + 1], WANTED);
        assert_int_equal(isolate(others[i], AS_SPECIFIED), 0);
        assert_int_equal(config[ACS / 4 + 1], WANTED << 16 | WANTED);
    }
}

static void isolate__bridge_that_keeps_nothing__is_named_and_counted(void **state)
{
    (void)state;
    assert_int_equal(isolate(0x2030, STUCK), 1);
    assert_non_null(strstr(log_text, "pci 00:1c.0: ACS control reads 0x0000, 0x001d was written"));
    assert_int_equal(isolate(0xA110, STUCK), 1);
    assert_non_null(strstr(log_text, "pci 00:1c.0: ACS control reads 0x0000, 0x001d was written"));
    assert_int_equal(isolate(0x2030, DWORDS), 1); /* a chipset not yet known as one of those */
    assert_int_equal(isolate(0x2030, PARTIAL), 1);
    assert_int_equal(isolate(0x2030, ABSENT), 1);
    assert_string_equal(log_text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bridge_window__open_or_closed__is_as_its_registers_say),
        cmocka_unit_test(isolate__bridge_with_acs__is_enabled),
        cmocka_unit_test(isolate__control_register_at_another_place__is_found),
        cmocka_unit_test(isolate__bridge_that_keeps_nothing__is_named_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
