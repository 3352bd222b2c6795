/* SPDX-License-Identifier: BSD-2-Clause
 * Silencing what firmware left on (kernel/silence.c, kernel/usb.c), on a machine of root ports with
 * live devices below them, reached by ports CF8h and CFCh:
 *  - no request of a device below a bridge is refused: endpoints lose bus mastering first, bridges last
 *    and the deepest first;
 *  - even one refused request raises no system error: reports are off meanwhile, and as before after;
 *  - the display that shows the screen keeps bus mastering, with the bridges above it; others lose it;
 *  - USB controllers (xHCI, EHCI, OHCI, UHCI) are handed over before they lose bus mastering, so no SMI
 *    stalls; one that is not let go of costs a line and a bounded wait, and its SMIs are off as well;
 *  - lists of capabilities that run in circles, lie outside or read all ones end.
 *
 * links: kernel/silence.c kernel/usb.c kernel/pci.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "arch/paging.h"
#include "kernel/log/log.h"
#include "kernel/silence.h"
#include "kernel/usb.h"

/* clang-format off */
enum { MASTER = 4, ON = 0x107 /* I/O, memory, master, SERR# */ };
#define XHCI_BAR 0xFE000000u
#define EHCI_BAR 0xFE100000u
#define OHCI_BAR 0xFE200000u
#define SCREEN   0xE0000000u
enum { ROOT1, NIC, ROOT2, SWITCH, DISK, XHCI, EHCI, OHCI, UHCI, DISPLAY, OTHER_DISPLAY, ROOT3,
       FUNCTIONS };
/* clang-format on */

static struct function {
    uint8_t bus, device, config[256];
    int parent; /* -1: on bus 0 */
    bool is_bridge;
} functions[FUNCTIONS];

static uint32_t selected;
static unsigned refused, nmis, stalls, delays, lines, reads;
static bool is_stubborn; /* firmware does not let go */
static bool late_write;  /* a device below ROOT1 writes when the root port is cut */
static char log_text[256];
static uint32_t xhci[0x4000 / 4], ehci[16], ohci[16];

static uint16_t get16(const struct function *f, unsigned at)
{
    return (uint16_t)(f->config[at] | f->config[at + 1] << 8);
}
static void put(struct function *f, unsigned at, uint32_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        f->config[at + i] = (uint8_t)(value >> 8 * i);
}
static uint32_t get32(const struct function *f, unsigned at)
{
    return get16(f, at) | (uint32_t)get16(f, at + 2) << 16;
}
static bool is_master(int i)
{
    return get16(&functions[i], 4) & MASTER;
}

/* A request of this device on its way up. */
static void request(int i)
{
    for (int up = functions[i].parent; up >= 0; up = functions[up].parent) {
        struct function *f = &functions[up];
        if (get16(f, 4) & MASTER)
            continue;
        refused++;
        if ((get16(f, 4) & 0x100) || (get16(f, 0x3E) & 2) || (get16(f, 0x48) & 0xF) ||
            (get16(f, 0x5C) & 7))
            nmis++;
        put(f, 0x4A, 9, 2);      /* device status: unsupported request, correctable */
        put(f, 0x1E, 0x2000, 2); /* secondary status: received master abort */
    }
}

/* Firmware's SMM looks after its controllers at each SMI: one without bus mastering stalls it. */
static void smm(void)
{
    stalls += (xhci[0x2000 / 4] & 1u << 16) && !is_master(XHCI);
    stalls += (get32(&functions[EHCI], 0x60) & 1u << 16) && !is_master(EHCI);
    stalls += (ohci[1] & 1u << 8) && !is_master(OHCI);
    stalls += (get16(&functions[UHCI], 0xC0) & 0xFF) && !is_master(UHCI);
    if (is_stubborn)
        return;
    if (xhci[0x2000 / 4] & 1u << 24)
        xhci[0x2000 / 4] &= ~(1u << 16);
    if (functions[EHCI].config[0x63] & 1)
        functions[EHCI].config[0x62] &= 0xFE;
    if (ohci[2] & 8)
        ohci[1] &= ~(1u << 8);
}

/* --- ports --- */

static struct function *selected_function(void)
{
    for (unsigned i = 0; i < FUNCTIONS; i++)
        if (functions[i].bus == (selected >> 16 & 0xFF) &&
            functions[i].device == (selected >> 11 & 31) && (selected >> 8 & 7) == 0)
            return &functions[i];
    return NULL;
}

uint32_t machine_port_in(uint16_t port, unsigned bytes)
{
    if (port == 0x80 && ++delays % 16 == 0)
        smm();
    struct function *f = port >= 0xCFC && port < 0xD00 ? selected_function() : NULL;
    if (!f)
        return 0xFFFFFFFF;
    reads++;
    uint32_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint32_t)f->config[(selected & 0xFC) + (port & 3) + i] << 8 * i;
    return value;
}

static bool is_write_1_to_clear(const struct function *f, unsigned at)
{
    return at == 6 || (f->is_bridge && (at == 0x1E || at == 0x4A));
}

void machine_port_out(uint16_t port, uint32_t value, unsigned bytes)
{
    if (port == 0xCF8) {
        selected = value;
        return;
    }
    struct function *f = port >= 0xCFC && port < 0xD00 ? selected_function() : NULL;
    if (!f)
        return;
    unsigned at = (selected & 0xFC) + (port & 3);
    if (is_write_1_to_clear(f, at)) {
        put(f, at, get16(f, at) & ~value, bytes);
        return;
    }
    put(f, at, value, bytes);
    if (f == &functions[XHCI] && at == 0x10 && value == 0xFFFFFFFF)
        put(f, at, 0xFFFFC004, 4); /* the BAR is sized */
    if (at == 4 && late_write && f == &functions[ROOT1] && !(value & MASTER)) {
        late_write = false;
        request(NIC);
    }
    for (int i = 0; i < FUNCTIONS; i++)
        if (is_master(i))
            request(i);
    smm();
}

/* --- registers --- */

static uint32_t *reg(uintptr_t at)
{
    uint64_t p = at - PHYSMAP_BASE;
    if (p - XHCI_BAR < sizeof xhci)
        return &xhci[(p - XHCI_BAR) / 4];
    if (p - EHCI_BAR < sizeof ehci)
        return &ehci[(p - EHCI_BAR) / 4];
    if (p - OHCI_BAR < sizeof ohci)
        return &ohci[(p - OHCI_BAR) / 4];
    return NULL;
}
uint64_t machine_read(uintptr_t at, uint32_t bytes)
{
    assert_int_equal(bytes, 4);
    reads++;
    return reg(at) ? *reg(at) : 0xFFFFFFFF;
}
void machine_write32(uintptr_t at, uint32_t value)
{
    assert_non_null(reg(at));
    *reg(at) = value;
    smm();
}
void machine_write(uintptr_t at, uint64_t value, uint32_t bytes)
{
    assert_int_equal(bytes, 4);
    machine_write32(at, (uint32_t)value);
}
enum err paging_map_device(paddr_t paddr, uint64_t bytes, mmio_t *out)
{
    (void)bytes;
    out->base = PHYSMAP_BASE + (uint32_t)paddr.v;
    return OK;
}
const char *paging_refusal(enum err err, paddr_t paddr, uint64_t bytes)
{
    (void)err, (void)paddr, (void)bytes;
    return "is refused";
}
void log_line(enum log_level level, const char *fmt, ...)
{
    (void)level;
    va_list args;
    va_start(args, fmt);
    vsnprintf(log_text, sizeof log_text, fmt, args);
    va_end(args);
    lines++;
}

/* --- the machine --- */

static void add(int i, int parent, uint8_t bus, uint8_t device, uint32_t class, uint32_t bar)
{
    struct function *f = &functions[i];
    f->bus = bus;
    f->device = device;
    f->parent = parent;
    put(f, 0, 0x12348086, 4);
    put(f, 4, ON, 2);
    put(f, 8, class << 8, 4);
    put(f, 0x10, bar, 4);
}

static void add_bridge(int i, int parent, uint8_t bus, uint8_t device, uint8_t below, uint8_t last,
                       uint8_t type)
{
    struct function *f = &functions[i];
    add(i, parent, bus, device, 0x060400, 0);
    f->is_bridge = true;
    f->config[0x0E] = 1;
    f->config[0x18] = bus;
    f->config[0x19] = below;
    f->config[0x1A] = last;
    put(f, 6, 0x10, 2);
    f->config[0x34] = 0x40;
    put(f, 0x40, 0x10, 2);
    put(f, 0x42, type << 4 | 2, 2);
    put(f, 0x48, 0x281F, 2);
    put(f, 0x5C, 7, 2);
    put(f, 0x3E, 3, 2);
}

static int set_up(void **state)
{
    (void)state;
    memset(functions, 0, sizeof functions);
    memset(xhci, 0, sizeof xhci);
    memset(ehci, 0, sizeof ehci);
    memset(ohci, 0, sizeof ohci);
    refused = nmis = stalls = delays = lines = reads = 0;
    is_stubborn = late_write = false;
    log_text[0] = 0;
    add_bridge(ROOT1, -1, 0, 1, 1, 1, 4);
    add(NIC, ROOT1, 1, 0, 0x020000, 0xFD000000);
    add_bridge(ROOT2, -1, 0, 2, 2, 4, 4);
    add_bridge(SWITCH, ROOT2, 2, 0, 3, 3, 5);
    add(DISK, SWITCH, 3, 0, 0x010802, 0xFD100000);
    add(XHCI, -1, 0, 0x14, 0x0C0330, XHCI_BAR);
    add(EHCI, -1, 0, 0x1D, 0x0C0320, EHCI_BAR);
    add(OHCI, -1, 0, 0x12, 0x0C0310, OHCI_BAR);
    add(UHCI, -1, 0, 0x1A, 0x0C0300, 0);
    add_bridge(ROOT3, -1, 0, 3, 5, 5, 4);
    add(DISPLAY, ROOT3, 5, 0, 0x030000, 0xFC000000);
    put(&functions[DISPLAY], 0x14, SCREEN | 8, 4);
    add(OTHER_DISPLAY, -1, 0, 5, 0x038000, 0xD0000000);
    xhci[0x10 / 4] = 0x800u << 16;
    xhci[0x2000 / 4] = 0x00010401; /* USBLEGSUP, owned by firmware, then another at 0x2010 */
    xhci[0x2004 / 4] = 0xE000E011;
    xhci[0x2010 / 4] = 2;
    ehci[2] = 0x6000;
    put(&functions[EHCI], 0x60, 0x00010001, 4);
    put(&functions[EHCI], 0x64, 0xE000003F, 4);
    ohci[1] = 0x100 | 0x80;
    put(&functions[UHCI], 0xC0, 0x00BF, 2);
    return 0;
}

static struct silenced silence_both(uint64_t screen)
{
    silence_devices();
    pci_init(NULL, 0);
    return silence_all(screen);
}

static void bridges__live_devices_below__refuse_nothing(void **state)
{
    (void)state;
    struct silenced all = silence_both(0);
    for (int i = 0; i < FUNCTIONS; i++)
        assert_false(is_master(i));
    assert_int_equal(all.functions, FUNCTIONS);
    assert_int_equal(all.bridges, 4);
    assert_int_equal(all.masters, FUNCTIONS);
    assert_int_equal(refused, 0);
    assert_int_equal(nmis, 0);
    assert_int_equal(lines, 0);
}

/* A write that was under way for too long: it is refused, but no NMI follows, and reporting is as
 * firmware left it, with nothing recorded. */
static void bridges__refused_write__raises_no_system_error(void **state)
{
    (void)state;
    late_write = true;
    silence_both(0);
    assert_true(refused > 0);
    assert_int_equal(nmis, 0);
    for (int i = 0; i < FUNCTIONS; i++) {
        const struct function *f = &functions[i];
        if (!f->is_bridge)
            continue;
        assert_int_equal(get16(f, 4), ON & ~MASTER);
        assert_int_equal(get16(f, 0x3E), 3);
        assert_int_equal(get16(f, 0x48), 0x281F);
        assert_int_equal(get16(f, 0x5C), 7);
        assert_int_equal(get16(f, 0x4A), 0);
        assert_int_equal(get16(f, 0x1E), 0);
    }
}

static void display__shows_the_screen__keeps_bus_mastering(void **state)
{
    (void)state;
    struct silenced all = silence_both(SCREEN + 0x1000);
    assert_true(all.has_display);
    assert_int_equal(all.display.bus, 5);
    for (int i = 0; i < FUNCTIONS; i++)
        assert_int_equal(is_master(i), i == DISPLAY || i == ROOT3);
    assert_int_equal(all.masters, FUNCTIONS - 2);
    assert_int_equal(refused, 0);
}

static void display__text_memory__is_that_of_the_vga(void **state)
{
    (void)state;
    silence_both(0xB8000);
    assert_true(is_master(DISPLAY));
    assert_false(is_master(OTHER_DISPLAY));
}

static void usb__owned_by_firmware__is_handed_over_first(void **state)
{
    (void)state;
    silence_devices();
    assert_int_equal(stalls, 0);
    assert_int_equal(lines, 0);
    assert_false(is_master(XHCI) || is_master(EHCI) || is_master(OHCI) || is_master(UHCI));
    assert_int_equal(xhci[0x2000 / 4], 0x01000401);
    assert_int_equal(xhci[0x2004 / 4] & 0xE011, 0);
    assert_int_equal(get32(&functions[EHCI], 0x60), 0x01000001);
    assert_int_equal(get32(&functions[EHCI], 0x64) & 0x3F, 0);
    assert_int_equal(ohci[1], 0x80);
    assert_int_equal(get16(&functions[UHCI], 0xC0), 0x8F00);
    assert_true(delays < 1000);
}

static void usb__firmware_does_not_let_go__costs_a_line(void **state)
{
    (void)state;
    is_stubborn = true;
    functions[EHCI].config[0x62] = 0;
    ohci[1] = 0;
    silence_devices();
    assert_int_equal(lines, 1);
    assert_non_null(strstr(log_text, "firmware does not let go of it"));
    assert_int_equal(delays, USB_WAIT_READS);
    assert_false(is_master(XHCI));
    assert_int_equal(xhci[0x2000 / 4] >> 16 & 1, 0);
    assert_int_equal(xhci[0x2004 / 4] & 0xE011, 0);
}

/* Beyond the first page tables: it loses bus mastering at once and is handed over by silence_all. */
static void usb__registers_beyond_4_gib__are_handed_over_later(void **state)
{
    (void)state;
    put(&functions[XHCI], 0x10, XHCI_BAR | 4, 4);
    put(&functions[XHCI], 0x14, 0x60, 4);
    silence_devices();
    assert_false(is_master(XHCI));
    assert_int_equal(xhci[0x2000 / 4] >> 16, 1);
    pci_init(NULL, 0);
    silence_all(0);
    assert_int_equal(xhci[0x2000 / 4], 0x01000401);
    assert_int_equal(lines, 0);
}

static void usb__damaged_capability_lists__end(void **state)
{
    (void)state;
    static const uint32_t heads[] = {0xFFFFFFFF, 0x00000102, 0x0000FF02, 0x00000002, 0};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        set_up(NULL);
        for (unsigned at = 0; at < sizeof xhci / 4; at++)
            xhci[at] = heads[i];
        put(&functions[EHCI], 0x60, 0x6002, 4); /* its own successor */
        put(&functions[EHCI], 0x04, 0, 2);
        put(&functions[EHCI], 0x04, ON, 2);
        silence_devices();
        assert_true(reads < 20000);
        assert_false(is_master(XHCI) || is_master(EHCI));
    }
    set_up(NULL);
    put(&functions[XHCI], 0x04, MASTER, 2); /* does not decode its registers */
    put(&functions[EHCI], 0x10, 0, 4);
    silence_devices();
    assert_int_equal(xhci[0x2000 / 4], 0x00010401);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(bridges__live_devices_below__refuse_nothing, set_up),
        cmocka_unit_test_setup(bridges__refused_write__raises_no_system_error, set_up),
        cmocka_unit_test_setup(display__shows_the_screen__keeps_bus_mastering, set_up),
        cmocka_unit_test_setup(display__text_memory__is_that_of_the_vga, set_up),
        cmocka_unit_test_setup(usb__owned_by_firmware__is_handed_over_first, set_up),
        cmocka_unit_test_setup(usb__firmware_does_not_let_go__costs_a_line, set_up),
        cmocka_unit_test_setup(usb__registers_beyond_4_gib__are_handed_over_later, set_up),
        cmocka_unit_test_setup(usb__damaged_capability_lists__end, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
