/* SPDX-License-Identifier: BSD-2-Clause
 * The screen (kernel/log/screen.c) with a frame buffer of the host's, where each store is counted:
 *  - in pieces: no store when text is written, and at most SCREEN_STORES_MAX in each round, at every
 *    size and depth; at 100 ns a store less than the 34 us in which a ring of 512 fills up;
 *  - the picture is the one that is drawn at once, wrapped lines and reused rows included;
 *  - text that comes too fast: the newest lines are shown, and the number of lost ones;
 *  - a panic, and the console's end, draw at once;
 *  - the frame buffer is mapped write-combining.
 *
 * links: kernel/log/screen.c kernel/lib/fmt.c
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
#include "boot/bootinfo.h"
#include "kernel/log/log.h"
#include "kernel/log/screen.h"

#define PADDR     0x80000000ull
#define BYTES_MAX (3840u * 2160u * 4u)
enum { STORE_NS = 100, RING_FULL_NS = 34000 };

static uint8_t *pixels, *picture;
static uint64_t stores;
static unsigned combining;
static void (*mirror)(const char *text, size_t n);

/* The first column of a letter is its code. */
uint8_t screen_font[95][5];

static void put(uintptr_t at, uint64_t value, uint32_t bytes)
{
    uint64_t offset = at - PHYSMAP_BASE - PADDR;
    assert_true(offset + bytes <= BYTES_MAX);
    memcpy(pixels + offset, &value, bytes);
    stores++;
}
void machine_write(uintptr_t at, uint64_t value, uint32_t bytes)
{
    put(at, value, bytes);
}
void machine_write32(uintptr_t at, uint32_t value)
{
    put(at, value, 4);
}
uint64_t machine_read(uintptr_t at, uint32_t bytes)
{
    (void)at, (void)bytes;
    fail_msg("a frame buffer is never read");
    return 0;
}
enum err paging_map_frame_buffer(paddr_t paddr, uint64_t bytes, mmio_t *out)
{
    (void)bytes;
    combining++;
    out->base = PHYSMAP_BASE + paddr.v;
    return OK;
}
const char *paging_ours(paddr_t paddr, uint64_t bytes)
{
    (void)paddr, (void)bytes;
    return NULL;
}
const char *paging_refusal(enum err err, paddr_t paddr, uint64_t bytes)
{
    (void)err, (void)paddr, (void)bytes;
    return "is refused";
}
void log_line(enum log_level level, const char *fmt, ...)
{
    (void)level, (void)fmt;
}
void log_set_mirror(void (*write)(const char *text, size_t n))
{
    mirror = write;
}
void log_tail(unsigned max, void (*visit)(void *context, const char *text, size_t n), void *context)
{
    (void)max, (void)visit, (void)context;
}

static const struct boot_framebuffer sizes[] = {
    {.width = 1920, .height = 1080, .bits = 32},
    {.width = 3840, .height = 2160, .bits = 32},
    {.width = 1024, .height = 768, .bits = 24},
    {.width = 640, .height = 480, .bits = 16},
};
static uint32_t columns, rows, scale, pixel_bytes, pitch;

static void start(const struct boot_framebuffer *size)
{
    static struct bootinfo info;
    info.framebuffer = *size;
    info.framebuffer.start = PADDR;
    info.framebuffer.type = 1;
    info.framebuffer.red_bits = info.framebuffer.green_bits = info.framebuffer.blue_bits = 8;
    pixel_bytes = size->bits / 8;
    info.framebuffer.pitch_bytes = pitch = size->width * pixel_bytes;
    info.framebuffer.red_at = pixel_bytes == 2 ? 8 : 16;
    info.framebuffer.green_at = pixel_bytes == 2 ? 4 : 8;
    scale = size->width / 600 ? size->width / 600 : 1;
    columns = size->width / (6 * scale);
    rows = size->height / (10 * scale);
    rows = rows < 100 ? rows : 100;
    memset(pixels, 0x55, BYTES_MAX);
    char found[100];
    screen_slice(false);
    screen_start(&info, found, sizeof found);
    assert_ptr_equal(mirror, screen_write);
}

static char letter_at(uint32_t row, uint32_t column)
{
    unsigned code = 0;
    for (unsigned y = 0; y < 8; y++) {
        size_t at = (size_t)(row * 10 + y) * scale * pitch + column * 6 * scale * pixel_bytes;
        code |= (pixels[at] != 0 || pixels[at + pixel_bytes - 1] != 0) << y;
    }
    return (char)(code ? code : ' ');
}

static const char *row_text(uint32_t row)
{
    static char text[256];
    memset(text, 0, sizeof text);
    for (uint32_t i = 0; i < columns; i++)
        text[i] = letter_at(row, i);
    for (uint32_t i = columns; i-- > 0 && text[i] == ' ';)
        text[i] = 0;
    return text;
}

/* Rounds of the console until everything is drawn. */
static unsigned poll_all(void)
{
    unsigned rounds = 0;
    while (screen_is_busy()) {
        uint64_t before = stores;
        screen_poll();
        assert_true(stores - before <= SCREEN_STORES_MAX);
        assert_true((stores - before) * STORE_NS < RING_FULL_NS);
        rounds++;
    }
    return rounds;
}

static unsigned write_lines(unsigned n, bool is_polled)
{
    unsigned rounds = 0;
    for (unsigned i = 0; i < n; i++) {
        char text[300];
        int length =
            snprintf(text, sizeof text, "line %u %.*s\n", i, (int)(i * 37 % 250),
                     "a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f g "
                     "0123456789012345678901234567890123456789012345678901234567890123456"
                     "0123456789012345678901234567890123456789012345678901234567890123456"
                     "0123456789012345678901234567890123456789012345678901234567890123456");
        screen_write(text, (size_t)length);
        if (is_polled)
            rounds += poll_all();
    }
    return rounds;
}

static void poll__every_size__stores_little_in_a_round(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        start(&sizes[i]);
        write_lines(230, false);
        memcpy(picture, pixels, BYTES_MAX);
        start(&sizes[i]);
        screen_slice(true);
        uint64_t before = stores;
        screen_write("nothing yet\n", 12);
        assert_int_equal(stores, before);
        screen_slice(false);
        start(&sizes[i]);
        screen_slice(true);
        unsigned rounds = write_lines(230, true);
        assert_memory_equal(pixels, picture, BYTES_MAX);
        assert_true(rounds > 230);
    }
}

static void write__faster_than_it_is_drawn__shows_the_newest_lines(void **state)
{
    (void)state;
    start(&sizes[0]);
    screen_slice(true);
    for (unsigned i = 0; i < 1000; i++) {
        char text[64];
        screen_write(text, (size_t)snprintf(text, sizeof text, "number %u of many lines\n", i));
    }
    poll_all();
    unsigned lost = 0;
    bool has_last = false;
    for (uint32_t row = 0; row < rows; row++) {
        const char *text = row_text(row), *at = strstr(text, "[screen: ");
        if (at)
            lost = (unsigned)strtoul(at + strlen("[screen: "), NULL, 10);
        has_last |= strstr(text, "number 999 of many lines") != NULL;
    }
    assert_true(has_last);
    assert_in_range(lost, 800, 950);
}

static void keep__in_the_middle_of_a_letter__draws_at_once(void **state)
{
    (void)state;
    start(&sizes[0]);
    screen_slice(true);
    screen_write("ordinary line\nanother\n", 22);
    screen_poll();
    assert_true(screen_is_busy());
    screen_slice(false); /* as at the console's end */
    assert_string_equal(row_text(0), "ordinary line");
    assert_string_equal(row_text(1), "another");
    screen_slice(true);
    screen_write("lost", 4);
    screen_poll();
    screen_keep();
    screen_write("PANIC: why\n", 11);
    assert_string_equal(row_text(0), "PANIC: why");
    for (unsigned i = 1; i < 200; i++)
        screen_write("more\n", 5);
    assert_string_equal(row_text(0), "PANIC: why");
    assert_string_equal(row_text(rows - 1), "more");
}

static void map__frame_buffer__is_write_combining(void **state)
{
    (void)state;
    screen_map();
    screen_moved();
    assert_int_equal(combining, 1);
}

int main(void)
{
    pixels = malloc(BYTES_MAX);
    picture = malloc(BYTES_MAX);
    for (unsigned i = 0; i < 95; i++)
        screen_font[i][0] = i ? (uint8_t)(' ' + i) : 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(poll__every_size__stores_little_in_a_round),
        cmocka_unit_test(write__faster_than_it_is_drawn__shows_the_newest_lines),
        cmocka_unit_test(map__frame_buffer__is_write_combining),
        cmocka_unit_test(
            keep__in_the_middle_of_a_letter__draws_at_once), /* the last: it is for ever */
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
