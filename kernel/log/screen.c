/* SPDX-License-Identifier: BSD-2-Clause
 * See screen.h. Multiboot2 specification 3.6.12 for what a frame buffer tag means.
 */
#include "kernel/log/screen.h"
#include "arch/cpu.h"
#include "arch/mmio.h"
#include "arch/paging.h"
#include "arch/port.h"
#include "boot/bootinfo.h"
#include "kernel/lib/fmt.h"
#include "kernel/log/log.h"

/* Text memory: a character and its colours, 80 by 25. */
#define VGA_TEXT       0xB8000u
#define VGA_COLUMNS    80u
#define VGA_ROWS       25u
#define VGA_GREY       0x0700u
#define VGA_CELL       2u
#define VGA_GRAPHICS   0x3CEu /* index, then data at the next port */
#define GRAPHICS_MISC  6u
#define MISC_IS_PIXELS BIT(0)
#define MISC_PLACE     0x0Cu /* both bits set: text memory at B8000 */
#define VGA_CRTC       0x3D4u
#define CRTC_CURSOR    10u
#define CURSOR_OFF     BIT(5)

/* A letter's cell: 5 by 8 drawn, and a gap. */
#define FONT_COLUMNS    5u
#define FONT_ROWS       8u
#define CELL_COLUMNS    6u
#define CELL_ROWS       10u
#define SCREEN_SIDE_MAX 16384u /* pixels */
#define COLUMNS_WANTED  100u   /* letters are drawn larger while so many still fit */
#define ROWS_MAX        100u

#define QUEUE_BYTES     4096u
#define STEPS_MAX       128u /* of a round: about 10,000 instructions in text mode */

enum framebuffer_type { FRAMEBUFFER_RGB = 1, FRAMEBUFFER_TEXT = 2 };

extern const uint8_t screen_font[][FONT_COLUMNS]; /* from the space to the tilde */

static struct {
    mmio_t base, next_base; /* 0: not mapped */
    uint64_t paddr, bytes;  /* 0: no screen */
    uint32_t pitch, columns, rows;
    uint32_t pixel_bytes, scale, ink; /* pixel_bytes 0: text memory */
    uint32_t column, row;
    uint16_t used[ROWS_MAX]; /* letters in each row: the rest is blank */
    bool is_kept;            /* nothing is overwritten any more */
    bool is_sliced;          /* text is drawn by screen_poll */
} screen;

/* What is being drawn: one letter, then the rest of a row to clear, then the queue. */
static struct {
    uint32_t column, row, y; /* y: the next line of its pixels; cell_lines(): it is complete */
    char letter;
} cell;
static uint32_t clearing_row, clearing_n; /* its first clearing_n letters are to become blank */
static struct {
    char bytes[QUEUE_BYTES];
    uint32_t in, out; /* run free, masked at use */
    uint32_t lost_lines, told_lines;
} queue;

/* Lines of pixels of a letter, each at least one store. */
static uint32_t cell_lines(void)
{
    return screen.pixel_bytes ? CELL_ROWS * screen.scale : 1;
}
static uint32_t line_stores(void)
{
    uint32_t each = screen.pixel_bytes == 4 ? 1 : screen.pixel_bytes;
    return screen.pixel_bytes ? CELL_COLUMNS * screen.scale * each : 1;
}

static void put_pixel(mmio_t at, uint32_t colour)
{
    if (screen.pixel_bytes == 4) {
        mmio_write32(at, 0, colour);
        return;
    }
    for (uint32_t i = 0; i < screen.pixel_bytes; i++)
        mmio_write8(at, i, (uint8_t)(colour >> 8 * i));
}

/* Draw the next line of pixels of the cell. */
static void draw_line(void)
{
    uint32_t y = cell.y++;
    if (screen.pixel_bytes == 0) {
        mmio_write16(screen.base, cell.row * screen.pitch + cell.column * VGA_CELL,
                     VGA_GREY | (uint8_t)cell.letter);
        return;
    }
    char c = cell.letter;
    const uint8_t *letter = screen_font[(c < ' ' || c > '~' ? '?' : c) - ' '];
    mmio_t at =
        mmio_at(screen.base, (cell.row * CELL_ROWS * screen.scale + y) * screen.pitch +
                                 cell.column * CELL_COLUMNS * screen.scale * screen.pixel_bytes);
    uint32_t letter_row = y / screen.scale;
    for (uint32_t x = 0; x < CELL_COLUMNS; x++) {
        bool is_ink = x < FONT_COLUMNS && letter_row < FONT_ROWS && (letter[x] >> letter_row & 1);
        for (uint32_t i = 0; i < screen.scale; i++, at = mmio_at(at, screen.pixel_bytes))
            put_pixel(at, is_ink ? screen.ink : 0);
    }
}

static void start_cell(uint32_t column, uint32_t row, char letter)
{
    cell.column = column;
    cell.row = row;
    cell.letter = letter;
    cell.y = 0;
}

static void start_clearing(uint32_t row)
{
    clearing_row = row;
    clearing_n = screen.used[row];
    screen.used[row] = 0;
}

static void new_line(void)
{
    screen.column = 0;
    if (screen.is_kept) {
        screen.row++;
        return;
    }
    screen.row = (screen.row + 1) % screen.rows;
    start_clearing((screen.row + 1) % screen.rows); /* the one at screen.row is blank already */
}

/* The next byte of text: a letter becomes the cell to draw. */
static void start_letter(char c)
{
    if (c == '\n' || screen.column == screen.columns)
        new_line();
    if (c == '\n')
        return;
    if (clearing_n > 0) { /* the line goes on in the next row, which is blank: clear first */
        queue.out--;
        return;
    }
    if (screen.row >= screen.rows)
        return;
    if (c != ' ')
        start_cell(screen.column, screen.row, c);
    screen.column++;
    if (c != ' ')
        screen.used[screen.row] = (uint16_t)screen.column;
}

static void enqueue(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        queue.bytes[queue.in++ % QUEUE_BYTES] = text[i];
}

static void tell_lost(void)
{
    char text[64];
    queue.told_lines = queue.lost_lines;
    enqueue(text, fmt_print(text, sizeof text, "[screen: %u lines so far not shown]\n",
                            queue.lost_lines));
}

/* Do the next piece of what there is to draw: one line of pixels at most. False: nothing is left. */
static bool step(void)
{
    if (cell.y < cell_lines())
        draw_line();
    else if (clearing_n > 0)
        start_cell(--clearing_n, clearing_row, ' ');
    else if (queue.out != queue.in)
        start_letter(queue.bytes[queue.out++ % QUEUE_BYTES]);
    else if (queue.lost_lines != queue.told_lines)
        tell_lost();
    else
        return false;
    return true;
}

static void draw_all(void)
{
    while (step())
        ;
    cpu_fence(); /* the last stores leave the write-combining buffer */
}

static void clear(void)
{
    cell.y = cell_lines();
    for (uint32_t i = 0; i < screen.rows; i++) {
        screen.used[i] = (uint16_t)screen.columns;
        start_clearing(i);
        draw_all();
    }
    screen.column = screen.row = 0;
}

/* The queue is full: the older half of its lines is dropped, and counted. */
static void drop_oldest(void)
{
    bool is_line_end = false;
    while (queue.out != queue.in && (queue.in - queue.out > QUEUE_BYTES / 2 || !is_line_end)) {
        is_line_end = queue.bytes[queue.out++ % QUEUE_BYTES] == '\n';
        queue.lost_lines += is_line_end;
    }
}

void screen_write(const char *text, size_t n)
{
    if (!screen.base.base)
        return;
    while (n > 0) {
        size_t piece = MIN(n, QUEUE_BYTES / 2);
        if (piece > QUEUE_BYTES - (queue.in - queue.out))
            drop_oldest();
        enqueue(text, piece);
        text += piece;
        n -= piece;
        if (!screen.is_sliced)
            draw_all();
    }
}

void screen_poll(void)
{
    if (!screen_is_busy())
        return;
    const uint32_t line = line_stores(), max = MAX(SCREEN_STORES_MAX, line);
    uint32_t stores = 0;
    for (uint32_t steps = 0; steps < STEPS_MAX && stores + line <= max && screen_is_busy();
         steps++) {
        stores += cell.y < cell_lines() ? line : 0;
        (void)step();
    }
    cpu_fence();
}

bool screen_is_busy(void)
{
    return screen.is_sliced && screen.base.base &&
           (cell.y < cell_lines() || clearing_n > 0 || queue.out != queue.in ||
            queue.lost_lines != queue.told_lines);
}

void screen_slice(bool is_on)
{
    screen.is_sliced = is_on;
    if (!is_on && screen.base.base)
        draw_all();
}

void screen_keep(void)
{
    screen.is_kept = true;
    screen.is_sliced = false;
    queue.out = queue.in;
    queue.told_lines = queue.lost_lines;
    clearing_n = 0;
    if (screen.base.base)
        clear();
}

uint64_t screen_paddr(void)
{
    return screen.base.base ? screen.paddr : 0;
}

static void show_line(void *context, const char *text, size_t n)
{
    (void)context;
    screen_write(text, n);
}

/* The screen is mapped for the first time: show the log so far. */
static void open(mmio_t base)
{
    screen.base = base;
    clear();
    log_tail(screen.rows - 1, show_line, NULL);
    log_set_mirror(screen_write);
}

static bool vga_is_in_text_mode(void)
{
    port_out8(VGA_GRAPHICS, GRAPHICS_MISC);
    if ((port_in8(VGA_GRAPHICS + 1) & (MISC_IS_PIXELS | MISC_PLACE)) != MISC_PLACE)
        return false; /* an absent VGA reads FFh */
    mmio_t text = {PHYSMAP_BASE + VGA_TEXT};
    uint16_t before = mmio_read16(text, 0);
    mmio_write16(text, 0, 0x0755);
    bool is_memory = mmio_read16(text, 0) == 0x0755;
    mmio_write16(text, 0, before);
    return is_memory;
}

static void start_text(void)
{
    screen.paddr = VGA_TEXT;
    screen.pitch = VGA_COLUMNS * VGA_CELL;
    screen.columns = VGA_COLUMNS;
    screen.rows = VGA_ROWS;
    screen.bytes = VGA_ROWS * screen.pitch;
    port_out8(VGA_CRTC, CRTC_CURSOR);
    port_out8(VGA_CRTC + 1, CURSOR_OFF);
}

/* Does it overlap RAM, a boot module, or memory with ACPI's tables? */
static bool is_memory(const struct bootinfo *info, uint64_t start, uint64_t bytes)
{
    for (unsigned i = 0; i < info->n_ranges; i++) {
        const struct boot_range *r = &info->ranges[i];
        if ((r->type == BOOT_MEMORY_USABLE || r->type == BOOT_MEMORY_ACPI ||
             r->type == BOOT_MEMORY_NVS) &&
            r->start < start + bytes && start < r->start + r->bytes)
            return true;
    }
    for (unsigned i = 0; i < info->n_modules; i++) {
        const struct boot_module *m = &info->modules[i];
        if (m->start < start + bytes && start < m->start + m->bytes)
            return true;
    }
    return false;
}

/* Why this frame buffer cannot be used; NULL: it can, and *screen is set. */
static const char *start_pixels(const struct bootinfo *info)
{
    const struct boot_framebuffer *f = &info->framebuffer;
    uint32_t pixel_bytes = (f->bits + 7u) / 8;
    uint64_t bytes = (uint64_t)f->pitch_bytes * f->height;
    if (f->type != FRAMEBUFFER_RGB || pixel_bytes < 2 || pixel_bytes > 4 || f->red_at > 31 ||
        f->green_at > 31 || f->blue_at > 31)
        return "its colour format is unsupported";
    if (f->width > SCREEN_SIDE_MAX || f->height > SCREEN_SIDE_MAX ||
        f->pitch_bytes < f->width * pixel_bytes || bytes > UINT32_MAX ||
        f->start + bytes < f->start || f->width < 20 * CELL_COLUMNS || f->height < 5 * CELL_ROWS)
        return "its size is invalid";
    if (paging_ours((paddr_t){f->start}, bytes) || is_memory(info, f->start, bytes))
        return "it lies in RAM";
    screen.paddr = f->start;
    screen.bytes = bytes;
    screen.pitch = f->pitch_bytes;
    screen.pixel_bytes = pixel_bytes;
    screen.scale = MAX(1u, f->width / (CELL_COLUMNS * COLUMNS_WANTED));
    screen.columns = f->width / (CELL_COLUMNS * screen.scale);
    screen.rows = MIN(f->height / (CELL_ROWS * screen.scale), ROWS_MAX);
    screen.ink = (uint32_t)(BIT64(f->red_bits % 32) - 1) << f->red_at |
                 (uint32_t)(BIT64(f->green_bits % 32) - 1) << f->green_at |
                 (uint32_t)(BIT64(f->blue_bits % 32) - 1) << f->blue_at;
    return NULL;
}

void screen_start(const struct bootinfo *info, char *found, size_t n)
{
    const struct boot_framebuffer *f = &info->framebuffer;
    bool is_told = f->start != 0;
    if (is_told && f->type != FRAMEBUFFER_TEXT) {
        const char *why = start_pixels(info);
        if (why) {
            log_warn("screen: %u by %u pixels of %u bits at 0x%lx not used: %s", f->width,
                     f->height, f->bits, f->start, why);
            return;
        }
        fmt_print(found, n, "%u by %u pixels of %u bits at 0x%lx, %u by %u letters", f->width,
                  f->height, f->bits, f->start, screen.columns, screen.rows);
    } else if (vga_is_in_text_mode()) {
        start_text();
        fmt_print(found, n, "VGA text, %u by %u letters", screen.columns, screen.rows);
    } else {
        fmt_print(found, n, "none");
        return;
    }
    if (screen.paddr + screen.bytes <= PAGING_FIRST_BYTES)
        open((mmio_t){PHYSMAP_BASE + screen.paddr});
}

void screen_map(void)
{
    if (!screen.bytes)
        return;
    enum err e = paging_map_frame_buffer((paddr_t){screen.paddr}, screen.bytes, &screen.next_base);
    if (e != OK)
        log_warn("screen: its memory at 0x%lx, 0x%lx bytes, %s; no longer used", screen.paddr,
                 screen.bytes, paging_refusal(e, (paddr_t){screen.paddr}, screen.bytes));
}

void screen_moved(void)
{
    bool was_open = screen.base.base != 0;
    screen.base = screen.next_base;
    if (!was_open && screen.base.base)
        open(screen.base);
}
