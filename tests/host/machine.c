/* SPDX-License-Identifier: BSD-2-Clause
 * See machine.h. Registers of card i are at REGISTERS + i GiB in an address space of their own, so
 * that code which uses such an address as a pointer crashes. IOVAs are pointers plus a constant, so
 * that DMA to a pointer is refused.
 */
#include "tests/host/machine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "arch/cpu.h"
#include "arch/irq.h"
#include "arch/random.h"
#include "arch/task.h"
#include "arch/tsc.h"
#include "drivers/boot_line.h"
#include "kernel/console/console.h"
#include "kernel/memory/dma.h"
#include "kernel/lib/fmt.h"
#include "kernel/iommu/iommu.h"
#include "kernel/log/log.h"
#include "kernel/memory/memory.h"
#include "kernel/bootlog.h"
#include "kernel/memory/module.h"
#include "kernel/watchdog.h"

#ifndef REGISTERS /* the benchmark has them at addresses that trap */
#define REGISTERS 0x1000000000000000ull
#endif
#define CARD_SPAN  0x40000000ull
#define MSIX_BAR   0x20000000ull /* within a card's span */
#define IOVA_SHIFT 0x0010000000000000ull

enum {
    WRITE_NS = 20,
    PIECES_MAX = 1024,
    GRANTS_MAX = 2048,
    LOG_MAX = 4096,
    LOG_BYTES = 256,
    MSIX_CAPABILITY = 0x70,
    PM_CAPABILITY = 0x40,
    FIRST_BAR = 0x10,
    PM_D3HOT = 3,
    PM_AWAKE_NS = 10000000, /* from D3hot to D0 */
};

static struct piece {
    uint8_t *va;
    size_t bytes;
} pieces[PIECES_MAX];
static struct grant {
    struct dma_domain *domain;
    uint64_t iova;
    size_t bytes;
    unsigned rights;
} grants[GRANTS_MAX];
static unsigned pieces_n, grants_n;
static struct dma_domain domains[MACHINE_CARDS];
uint64_t machine_clock_ns; /* read by tests/host/arch/cpu.h */
uint64_t machine_read_ns = MACHINE_READ_NS, machine_reads;
static char log_lines[LOG_MAX][LOG_BYTES];
static unsigned log_n;
static bool is_running_models;

struct machine_card machine_cards[MACHINE_CARDS];
unsigned machine_cards_n;
uint32_t machine_cut_off;
void (*machine_on_write)(unsigned card, uint32_t offset, uint32_t value);

/* ---- Time ---- */

uint64_t machine_now_ns(void)
{
    return machine_clock_ns;
}

void machine_wait_ns(uint64_t ns)
{
    uint64_t end_ns = machine_clock_ns + ns;

    /* Called from within a model: do not run the models recursively. */
    if (is_running_models) {
        machine_clock_ns = end_ns;
        return;
    }
    is_running_models = true;
    for (;;) {
        uint64_t due_ns = end_ns;
        for (unsigned i = 0; i < machine_cards_n; i++) {
            uint64_t t = x540_next_event_ns(machine_cards[i].model);
            due_ns = t < due_ns ? t : due_ns;
        }
        machine_clock_ns = due_ns > machine_clock_ns ? due_ns : machine_clock_ns;
        for (unsigned i = 0; i < machine_cards_n; i++)
            x540_run(machine_cards[i].model, machine_clock_ns);
        if (machine_clock_ns >= end_ns)
            break;
    }
    is_running_models = false;
}

enum err tsc_calibrate(void)
{
    return OK;
}
uint64_t tsc_hz(void)
{
    return 1000000000;
}
/* The same words in each run, so that tests repeat. */
uint64_t random_u64(void)
{
    static uint64_t state;
    uint64_t x = state += 0x9E3779B97F4A7C15ull;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ull;
    return x ^ x >> 31;
}

uint64_t tsc_now_ns(void)
{
    machine_wait_ns(20);
    return machine_clock_ns;
}
uint64_t tsc_ticks(uint64_t ns)
{
    return ns;
}
void tsc_wait_us(uint32_t us)
{
    machine_wait_ns(us * 1000ull);
}

uint64_t tsc_ns(uint64_t ticks)
{
    return ticks;
}

/* ---- Tasks ---- */

bool machine_tasks_in_steps;
static struct {
    ucontext_t loop, own;
    void (*run)(void *context);
    void *context;
    uint64_t due_ns;
    unsigned left;
    bool is_made, is_busy, is_running;
    uint8_t stack[1 << 18];
} task;

static void task_main(void)
{
    for (;;) {
        task.run(task.context);
        task.is_busy = false;
        swapcontext(&task.own, &task.loop);
    }
}

void task_start(void (*run)(void *context), void *context)
{
    if (!machine_tasks_in_steps) {
        bool was_busy = task.is_busy;
        task.is_busy = true;
        run(context);
        task.is_busy = was_busy;
        return;
    }
    if (!task.is_made) {
        getcontext(&task.own);
        task.own.uc_stack.ss_sp = task.stack;
        task.own.uc_stack.ss_size = sizeof(task.stack);
        makecontext(&task.own, task_main, 0);
        task.is_made = true;
    }
    task.run = run;
    task.context = context;
    task.due_ns = 0;
    task.is_busy = true;
}

bool task_is_busy(void)
{
    return task.is_busy;
}

bool task_is_running(void)
{
    return task.is_running;
}

bool task_step(void)
{
    if (!task.is_busy || machine_clock_ns < task.due_ns)
        return false;
    task.left = TASK_STEP_UNITS;
    task.is_running = true;
    swapcontext(&task.loop, &task.own);
    task.is_running = false;
    return true;
}

void task_pause(void)
{
    if (task.is_running)
        swapcontext(&task.own, &task.loop);
}

void task_wait_us(uint32_t us)
{
    if (!task.is_running) {
        machine_wait_ns(us * 1000ull);
        return;
    }
    task.due_ns = machine_clock_ns + us * 1000ull;
    task_pause();
}

void task_pay(unsigned units)
{
    if (!task.is_running)
        return;
    if (task.left < units)
        task_pause();
    task.left -= units;
}

/* ---- Stubs of what a single core does not need ---- */

uint64_t watchdog_stall_tsc = UINT64_MAX;

void bootlog_say(const char *name, const char *what, uint64_t ended_tsc)
{
    (void)name, (void)what, (void)ended_tsc;
}
void watchdog_count_stall(struct cpu *cpu, uint64_t ticks)
{
    (void)cpu, (void)ticks;
}

void watchdog_poll_core_0(void)
{
}

uint64_t watchdog_sleep_ns(unsigned core)
{
    (void)core;
    return 0;
}

void watchdog_poll(void)
{
}

void (*machine_on_console)(void);

void console_poll(bool is_idle)
{
    (void)is_idle;
    if (machine_on_console)
        machine_on_console();
}

bool console_is_busy(void)
{
    return false;
}

bool console_may_sleep(void)
{
    return true;
}

uint64_t console_nap_ns(void)
{
    return UINT64_MAX;
}

void console_woke(void)
{
}

void smp_run(void (*main)(void), unsigned n)
{
    (void)main, (void)n;
}

enum err irq_alloc(unsigned core, void (*handler)(void *context), void *context, const char *name,
                   uint8_t *vector)
{
    (void)core, (void)handler, (void)context, (void)name;
    *vector = IRQ_FIRST;
    return OK;
}

enum err msi_compose(unsigned core, uint8_t vector, uint64_t *address, uint32_t *data)
{
    *address = 0xFEE00000 | core << 12;
    *data = vector;
    return OK;
}

/* ---- Registers ---- */

static struct machine_card *card_at(uintptr_t address, uint32_t *offset)
{
    uint64_t i = (address - REGISTERS) / CARD_SPAN;

    if (address < REGISTERS || i >= machine_cards_n) {
        fprintf(stderr, "machine: register access outside every card: %#lx\n", address);
        abort();
    }
    *offset = (uint32_t)((address - REGISTERS) % CARD_SPAN);
    return &machine_cards[i];
}

uint64_t machine_read(uintptr_t address, uint32_t bytes)
{
    uint32_t offset;
    struct machine_card *card = card_at(address, &offset);

    machine_reads++;
    machine_wait_ns(machine_read_ns);
    if (card->pm_control == PM_D3HOT || machine_clock_ns < card->awake_ns || !card->bars[0])
        return UINT64_MAX >> (64 - 8 * bytes);
    if (offset >= MSIX_BAR)
        return ((uint32_t *)card->msix)[(offset - MSIX_BAR) / 4 % (X540_MSIX_VECTORS * 4)];
    return x540_read(card->model, offset, bytes);
}

uint64_t machine_store_ns = 100, machine_stores;

static bool is_on_screen(uintptr_t address)
{
    return address - MACHINE_SCREEN < 64ull << 20;
}

void machine_write(uintptr_t address, uint64_t value, uint32_t bytes)
{
    uint32_t offset;

    if (is_on_screen(address)) {
        machine_stores++;
        machine_wait_ns(machine_store_ns);
        return;
    }
    struct machine_card *card = card_at(address, &offset);

    if (machine_on_write)
        machine_on_write((unsigned)(card - machine_cards), offset, (uint32_t)value);
    if (offset >= MSIX_BAR)
        ((uint32_t *)card->msix)[(offset - MSIX_BAR) / 4 % (X540_MSIX_VECTORS * 4)] =
            (uint32_t)value;
    else
        x540_write(card->model, offset, value, bytes);
    machine_wait_ns(WRITE_NS);
}

/* A tail register may be memory, for net/lane/capture.c: then it is in a block that dma_alloc
 * returned. */
void machine_write32(uintptr_t address, uint32_t value)
{
    for (unsigned i = 0; i < pieces_n; i++)
        if (address - (uintptr_t)pieces[i].va < pieces[i].bytes) {
            *(uint32_t *)address = value;
            return;
        }
    machine_write(address, value, 4);
}

/* ---- Memory ---- */

enum err dma_alloc(size_t bytes, size_t align, struct dma_buf *out)
{
    void *va = NULL;

    bytes = ALIGN_UP(bytes, (size_t)PAGE_BYTES);
    if (pieces_n == PIECES_MAX || posix_memalign(&va, align, bytes) != 0)
        return ERR_NO_MEMORY;
    memset(va, 0, bytes);
    pieces[pieces_n++] = (struct piece){va, bytes};
    *out = (struct dma_buf){va, {(uint64_t)(uintptr_t)va + IOVA_SHIFT}, bytes};
    return OK;
}

enum err dma_alloc_frames(size_t bytes, size_t align, struct dma_buf *out)
{
    enum err err = dma_alloc(bytes, align, out);
    if (err == OK)
        memset(out->va, 0xA5, out->bytes); /* stands for stale contents */
    return err;
}

void *memory_alloc(size_t bytes, size_t align)
{
    struct dma_buf buf;

    return dma_alloc(bytes, MAX(align, (size_t)PAGE_BYTES), &buf) == OK ? buf.va : NULL;
}

void *memory_alloc_uninitialized(size_t bytes, size_t align)
{
    return memory_alloc(bytes, align);
}

uint64_t machine_free_bytes = 1ull << 30;

uint64_t memory_free_bytes(void)
{
    return machine_free_bytes;
}

const char *machine_module;

const void *module_find(const char *name, size_t *bytes)
{
    (void)name;
    *bytes = machine_module ? strlen(machine_module) : 0;
    return machine_module;
}

enum err dma_grant(struct dma_domain *domain, const struct dma_buf *buf, enum dma_rights rights)
{
    if (grants_n == GRANTS_MAX)
        return ERR_NO_MEMORY;
    grants[grants_n++] = (struct grant){domain, buf->iova.v, buf->bytes, rights};
    return OK;
}

enum err iommu_confine(const struct pci_dev *pci, unsigned port, struct dma_domain **out)
{
    (void)port;
    *out = machine_cards[pci->device].domain;
    return OK;
}
void iommu_release(struct dma_domain *domain)
{
    (void)domain;
}
uint32_t iommu_poll(void)
{
    uint32_t cut_off = machine_cut_off;

    machine_cut_off = 0;
    for (unsigned i = 0; i < machine_cards_n; i++)
        if (cut_off & BIT(i)) {
            machine_cards[i].is_cut_off = true;
            pci_command(&machine_cards[i].pci, 0, PCI_COMMAND_MASTER);
        }
    return cut_off;
}
void iommu_log_raw(void)
{
}
enum err iommu_msi(struct dma_domain *domain, unsigned core, uint8_t vector, uint64_t *address,
                   uint32_t *data)
{
    (void)domain;
    return msi_compose(core, vector, address, data);
}
bool iommu_is_cut_off(const struct dma_domain *domain)
{
    for (unsigned i = 0; i < machine_cards_n; i++)
        if (domain && machine_cards[i].domain == domain)
            return machine_cards[i].is_cut_off;
    return false;
}
enum err iommu_readmit(struct dma_domain *domain)
{
    for (unsigned i = 0; i < machine_cards_n; i++)
        if (machine_cards[i].domain == domain)
            machine_cards[i].is_cut_off = false;
    return OK;
}

void *machine_dma(unsigned card, uint64_t iova, uint32_t bytes, unsigned rights)
{
    for (unsigned i = 0; i < grants_n; i++) {
        const struct grant *g = &grants[i];
        if (g->domain == machine_cards[card].domain && (g->rights & rights) == rights &&
            iova >= g->iova && iova - g->iova <= g->bytes && bytes <= g->bytes - (iova - g->iova))
            return (void *)(uintptr_t)(iova - IOVA_SHIFT);
    }
    return NULL;
}

bool machine_grant(unsigned i, struct machine_grant *out)
{
    if (i >= grants_n)
        return false;
    const struct grant *g = &grants[i];
    *out = (struct machine_grant){(unsigned)(g->domain - domains),
                                  (void *)(uintptr_t)(g->iova - IOVA_SHIFT), g->iova, g->bytes,
                                  g->rights};
    return true;
}

static void *translate(void *opaque, uint64_t address, uint32_t bytes, unsigned rights)
{
    struct machine_card *card = opaque;
    void *p = machine_dma((unsigned)(card - machine_cards), address, bytes, rights);

    if (!p)
        card->dma_refused++;
    return p;
}

static bool dma_read(void *opaque, uint64_t address, void *to, uint32_t bytes)
{
    const void *p = translate(opaque, address, bytes, DMA_READ);
    if (p)
        memcpy(to, p, bytes);
    return p != NULL;
}

static bool dma_write(void *opaque, uint64_t address, const void *from, uint32_t bytes)
{
    void *p = translate(opaque, address, bytes, DMA_WRITE);
    if (p)
        memcpy(p, from, bytes);
    return p != NULL;
}

/* ---- Cards ---- */

static void interrupt(void *opaque, uint32_t vector, bool asserted)
{
    struct machine_card *card = opaque;

    (void)asserted;
    if (vector >= X540_MSIX_VECTORS)
        return;
    if (card->msix[vector][3] & 1)
        card->messages_masked++;
    else
        card->messages[vector]++;
}

static bool frame_out(void *opaque, const uint8_t *frame, uint32_t length)
{
    struct machine_card *card = opaque;

    if (card->wire_is_full)
        return false;
    card->frames_out++;
    if (card->on_frame)
        card->on_frame(card->opaque, frame, length);
    return true;
}

unsigned machine_add_card(const struct x540_config *config)
{
    static const uint16_t ids[] = {0x1528, 0x1560, 0x10FB, 0x1563};
    unsigned i = machine_cards_n;
    struct machine_card *card = &machine_cards[i];
    struct x540_config standard = {
        .kind = X540_AT2,
        .mac = {0x02, 0x00, 0x5E, 0x10, 0x00, (uint8_t)(i + 1)},
        .lan_id = i & 1,
        .link_at_start = true,
    };
    const struct x540_env env = {card, dma_read, dma_write, dma_write, interrupt, frame_out};

    if (i == MACHINE_CARDS)
        abort();
    if (!config)
        config = &standard;
    memset(card, 0, sizeof(*card));
    card->model = x540_create(config, &env);
    if (!card->model)
        abort();
    card->domain = &domains[i];
    card->bars[0] = 0xF0000000u + (i << 22);
    card->bars[4] = 0xF8000000u + (i << 22);
    card->pci = (struct pci_dev){
        .bus = 1,
        .device = (uint8_t)i,
        .vendor_id = 0x8086,
        .device_id = ids[config->kind],
        .class_code = 2,
    };
    machine_cards_n++;
    machine_wait_ns(0);
    return i;
}

void machine_frame_in(unsigned card, const uint8_t *frame, uint32_t length)
{
    x540_frame_in(machine_cards[card].model, frame, length);
    machine_wait_ns(0);
}

void machine_reset(void)
{
    machine_named = 0;
    machine_is_verbose = false;
    for (unsigned i = 0; i < machine_cards_n; i++)
        x540_destroy(machine_cards[i].model);
    for (unsigned i = 0; i < pieces_n; i++)
        free(pieces[i].va);
    machine_cards_n = 0;
    pieces_n = 0;
    grants_n = 0;
    machine_on_write = NULL;
    machine_clock_ns = 0;
    machine_read_ns = MACHINE_READ_NS;
    machine_free_bytes = 1ull << 30;
    machine_tasks_in_steps = false;
    machine_on_console = NULL;
    task.is_made = task.is_busy = false;
    log_n = 0;
}

/* ---- PCI ---- */

static struct machine_card *slot_of(const struct pci_dev *dev)
{
    return &machine_cards[dev->device];
}

uint16_t pci_read16(const struct pci_dev *dev, uint32_t offset)
{
    switch (offset) {
    case PCI_VENDOR:
        return dev->vendor_id;
    case PCI_DEVICE:
        return dev->device_id;
    case PCI_COMMAND:
        return slot_of(dev)->command;
    case PM_CAPABILITY + 4:
        return slot_of(dev)->pm_control;
    case MSIX_CAPABILITY + 2:
        return (uint16_t)(slot_of(dev)->msix_control | (X540_MSIX_VECTORS - 1));
    case 0xA8: /* PCIe Device Control */
        return slot_of(dev)->device_control;
    case 0xC8: /* PCIe Device Control 2 */
        return slot_of(dev)->device_control_2;
    case 0xAA: /* PCIe Device Status */
        return x540_transactions_pending(slot_of(dev)->model) ? BIT(5) : 0;
    default:
        return 0;
    }
}

uint32_t pci_read32(const struct pci_dev *dev, uint32_t offset)
{
    if (offset >= FIRST_BAR && offset < FIRST_BAR + sizeof(slot_of(dev)->bars))
        return slot_of(dev)->bars[(offset - FIRST_BAR) / 4];
    return offset == MSIX_CAPABILITY + 4 ? 4 : 0; /* table: BAR 4, offset 0 */
}

void pci_write32(const struct pci_dev *dev, uint32_t offset, uint32_t value)
{
    if (offset >= FIRST_BAR && offset < FIRST_BAR + sizeof(slot_of(dev)->bars))
        slot_of(dev)->bars[(offset - FIRST_BAR) / 4] = value;
}

void pci_write16(const struct pci_dev *dev, uint32_t offset, uint16_t value)
{
    if (offset == MSIX_CAPABILITY + 2) {
        slot_of(dev)->msix_control = value & 0xC000;
        x540_set_msix_enabled(slot_of(dev)->model, value & BIT(15));
    }
    if (offset == PM_CAPABILITY + 4) {
        struct machine_card *card = slot_of(dev);
        if (card->pm_control == PM_D3HOT && !(value & PM_D3HOT)) {
            card->awake_ns = machine_clock_ns + PM_AWAKE_NS;
            if (card->loses_bars) {
                memset(card->bars, 0, sizeof(card->bars));
                card->device_control = card->device_control_2 = 0;
            }
        }
        card->pm_control = value & PM_D3HOT;
    }
    if (offset == 0xA8)
        slot_of(dev)->device_control = value;
    if (offset == 0xC8)
        slot_of(dev)->device_control_2 = value;
}

uint32_t pci_capability(const struct pci_dev *dev, uint8_t id)
{
    (void)dev;
    return id == PCI_CAP_MSIX ? MSIX_CAPABILITY : id == PCI_CAP_PM ? PM_CAPABILITY : 0;
}

void pci_command(const struct pci_dev *dev, uint16_t set, uint16_t clear)
{
    struct machine_card *card = slot_of(dev);

    card->command = (uint16_t)((card->command & ~clear) | set);
    x540_set_bus_master(card->model, card->command & PCI_COMMAND_MASTER);
}

enum err pci_map_bar(const struct pci_dev *dev, unsigned n, mmio_t *out, uint64_t *bytes)
{
    if ((n != 0 && n != 4) || !slot_of(dev)->bars[n])
        return ERR_BAD_VALUE;
    out->base = REGISTERS + dev->device * CARD_SPAN + (n == 4 ? MSIX_BAR : 0);
    *bytes = n == 4 ? 0x4000 : X540_BAR0_BYTES;
    return OK;
}

void pci_scan(void (*visit)(const struct pci_dev *dev, void *context), void *context)
{
    for (unsigned i = 0; i < machine_cards_n; i++)
        visit(&machine_cards[i].pci, context);
}

/* ---- The boot line ---- */

struct card_name machine_names[PORTS_MAX];
uint32_t machine_named;

bool card_name_get(const struct cmdline *line, unsigned port, struct card_name *out)
{
    (void)line;
    *out = machine_names[port];
    return machine_named & BIT(port);
}

uint32_t machine_forced;

bool card_is_forced(const struct cmdline *line, unsigned port)
{
    (void)line;
    return machine_forced & BIT(port);
}

bool machine_is_verbose;
bool bringup_is_verbose(const struct cmdline *line)
{
    (void)line;
    return machine_is_verbose;
}

/* ---- The log, and rules that the models report as broken ---- */

void log_line(enum log_level level, const char *fmt, ...)
{
    va_list args;
    char *line = log_lines[log_n % LOG_MAX];

    (void)level;
    va_start(args, fmt);
    fmt_vprint(line, LOG_BYTES, fmt, args);
    va_end(args);
    log_n++;
    if (getenv("FERRULE_VERBOSE"))
        fprintf(stderr, "%12lu %s\n", machine_clock_ns, line);
}

const char *machine_log_has(const char *text)
{
    for (unsigned i = log_n; i > 0 && log_n - i < LOG_MAX; i--)
        if (strstr(log_lines[(i - 1) % LOG_MAX], text))
            return log_lines[(i - 1) % LOG_MAX];
    return NULL;
}

const char *machine_log_line(unsigned i)
{
    return log_lines[i % LOG_MAX];
}

unsigned machine_log_lines(void)
{
    return log_n;
}

unsigned machine_complaints(void)
{
    const struct x540_complaint *c;
    unsigned n = 0;

    for (unsigned i = 0; i < machine_cards_n; i++)
        for (uint32_t k = 0; (c = x540_complaint(machine_cards[i].model, k)) != NULL; k++) {
            if (!c->error)
                continue; /* a warning: some real drivers break this rule too */
            fprintf(stderr, "card %u: rule %s broken %lu times: %s\n", i, c->rule, c->count,
                    c->text);
            n++;
        }
    return n;
}

bool machine_complains(unsigned card, const char *rule)
{
    const struct x540_complaint *c;

    for (uint32_t k = 0; (c = x540_complaint(machine_cards[card].model, k)) != NULL; k++)
        if (strcmp(c->rule, rule) == 0)
            return true;
    return false;
}
