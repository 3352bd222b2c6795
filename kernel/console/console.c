/* SPDX-License-Identifier: BSD-2-Clause
 * The console; see console.h.
 */
#include "kernel/console/console.h"

#include "arch/cpu.h"
#include "arch/serial.h"
#include "arch/tsc.h"
#include "boot/cmdline.h"
#include "kernel/console/command.h"
#include "kernel/console/shell.h"
#include "kernel/lib/str.h"
#include "kernel/log/log.h"
#include "kernel/log/screen.h"
#include "kernel/memory/module.h"
#include "kernel/console/serial_line.h"

#define OUT_BYTES 131072u /* a power of two; the longest output fits: that of `show iommu -j` */
#define OUT_BUSY  16384u  /* with more pending bytes, no command is started */
#define IN_MAX    16u     /* bytes a round, as many as a UART's FIFO holds */
#define ROUND_NS  100000u

/* Positions run free and are masked at use. */
static struct {
    char bytes[OUT_BYTES];
    uint32_t in, out;
    uint32_t lost; /* bytes dropped since the last message about them, because the ring was full */
} ring;

static struct shell shell;
static const struct commands table = {commands_start, commands_end};
static const struct cmdline *boot_line;
static uint64_t round_ticks, round_at;
static bool is_working; /* the shell had work in the last round */

static void ring_put(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (ring.in - ring.out == OUT_BYTES)
            ring.lost++;
        else
            ring.bytes[ring.in++ % OUT_BYTES] = text[i];
    }
}

static void write_out(void *opaque, const char *text, size_t bytes)
{
    (void)opaque;
    ring_put(text, bytes);
}

static const struct out out = {write_out, NULL};

static void write_log(const char *text, size_t bytes)
{
    shell_interject(&shell, text, bytes);
}

/* The number of pending bytes that are contiguous in the ring. */
static size_t ring_piece(void)
{
    uint32_t at = ring.out % OUT_BYTES;
    return MIN(ring.in - ring.out, OUT_BYTES - at);
}

static void ring_drain(void)
{
    ring.out += (uint32_t)serial_write_some(ring.bytes + ring.out % OUT_BYTES, ring_piece());
    if (ring.lost > 0 && ring.in - ring.out < OUT_BUSY) {
        uint32_t lost = ring.lost;
        ring.lost = 0;
        out_printf(&out, "\n[console: %u bytes lost here]\n", lost);
    }
}

BOOT_KEY("run", CMDLINE_TEXT);

void console_start(const struct cmdline *line)
{
    boot_line = line;
    round_ticks = tsc_ticks(ROUND_NS);
    round_at = cpu_tsc();
    shell_init(&shell, &table, &out, "ferrule> ");
    log_set_sink(write_log);
    screen_slice(true);
    if (!shell_start(&shell, cmdline_get(line, "run")))
        log_error("run=: more than %u bytes, or not plain text: not run", SHELL_LINE_MAX);
}

void console_poll(void)
{
    uint64_t now = cpu_tsc();
    if ((int64_t)(now - round_at) < 0)
        return;
    round_at = now + round_ticks;

    log_pump();
    for (unsigned i = 0; i < IN_MAX && shell_room(&shell) > 0; i++) {
        int byte = serial_read();
        if (byte < 0)
            break;
        shell_feed(&shell, (uint8_t)byte);
    }
    if (ring.in - ring.out < OUT_BUSY)
        is_working = shell_poll(&shell);
    ring_drain();
    screen_poll();
}

bool console_is_busy(void)
{
    return is_working || screen_is_busy() || ring.in != ring.out;
}

bool console_may_sleep(void)
{
    serial_line_arm();
    return !console_is_busy() && !serial_has_input();
}

uint64_t console_nap_ns(void)
{
    return serial_line_nap_ns();
}

void console_woke(void)
{
    serial_line_woke();
}

void console_release(void)
{
    log_set_sink(NULL);
    screen_slice(false);
    while (ring.in != ring.out) {
        size_t bytes = ring_piece();
        serial_write(ring.bytes + ring.out % OUT_BYTES, bytes);
        ring.out += (uint32_t)bytes;
    }
}

static enum command_result run_module(const struct call *call)
{
    size_t bytes;
    const char *text = call->argc == 1 ? module_find(call->argv[0], &bytes) : NULL;
    if (call->argc != 1)
        return command_fail(call, "usage: run MODULE");
    if (text == NULL)
        return command_fail(call, "there is no boot module %.40s", call->argv[0]);
    if (!shell_run_file(&shell, call->argv[0], text, bytes))
        return command_fail(call, "run must be the last command of a line, and not in a file");
    return COMMAND_DONE;
}
COMMAND("run", "<module>", "run the lines of a boot module", run_module);

const struct cmdline *console_boot_line(void)
{
    return boot_line;
}
