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
#include "kernel/panic.h"
#include "kernel/slice.h"
#include "kernel/console/serial_line.h"
#include "kernel/watchdog.h"

#define OUT_BYTES 16384u /* a power of two */
#define OUT_BUSY                                                                                   \
    8192u /* with more pending bytes, the shell does not go on and no log line is shown:
                          * one slice, or one line, adds a few hundred */
#define IN_MAX      16u /* bytes a round, as many as a UART's FIFO holds */
#define ROUND_NS    100000u
#define PIECE       64u  /* bytes written between two spendings of */
#define BYTE_COST   100u /* instructions for a byte of output, with all that made it */
#define LINES_FIRST 16u  /* log lines shown before one of a command */

/* Positions run free and are masked at use. */
static struct {
    char bytes[OUT_BYTES];
    uint32_t in, out;
    bool is_in_line; /* the last byte did not end a line */
} ring;

static struct shell shell;
static const struct commands table = {commands_start, commands_end, slice_spend};
static const struct cmdline *boot_line;
static uint64_t round_ticks, round_at;
static bool is_working;      /* the shell had work in the last round */
static bool is_screens_turn; /* the screen has one round of two */

static void ring_put(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        ring.bytes[ring.in++ % OUT_BYTES] = text[i];
    if (bytes > 0)
        ring.is_in_line = text[bytes - 1] != '\n';
}

static uint32_t ring_pending(void)
{
    return ring.in - ring.out;
}

/* A command's output is written in slices; what it has logged is shown before. A line that is being
 * edited is drawn at once, so that a log line always finds it whole. After ^C the command runs to its
 * end, and the line that it is printing too; the rest is not shown. */
static void write_out(void *opaque, const char *text, size_t bytes)
{
    (void)opaque;
    if (!shell_is_printing(&shell)) {
        ring_put(text, bytes);
        return;
    }
    for (unsigned i = 0; i < LINES_FIRST && !ring.is_in_line && log_is_pending(); i++)
        (void)slice_end();
    while (bytes > 0 && (ring.is_in_line || !shell.is_interrupted)) {
        size_t piece = MIN(bytes, PIECE);
        ring_put(text, piece);
        text += piece;
        bytes -= piece;
        slice_spend((uint32_t)piece * BYTE_COST);
    }
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
    return MIN(ring_pending(), OUT_BYTES - at);
}

static void ring_drain(void)
{
    ring.out += (uint32_t)serial_write_some(ring.bytes + ring.out % OUT_BYTES, ring_piece());
}

BOOT_KEY("run", CMDLINE_TEXT);
BOOT_KEY("run-fail", CMDLINE_ENUM, .words = "prompt|exit");

/* What follows a command of run= that fails: with run-fail=exit, or panic=exit, QEMU ends with status
 * 3, so that a script which waits for it sees the failure. */
static const char *on_failure(const struct cmdline *line)
{
    unsigned exits = 0, panic = PANIC_HALT;

    (void)cmdline_enum(line, "panic", &panic);
    if (!cmdline_enum(line, "run-fail", &exits))
        exits = panic == PANIC_EXIT;
    return exits ? "exit 1" : NULL;
}

void console_start(const struct cmdline *line)
{
    boot_line = line;
    round_ticks = tsc_ticks(ROUND_NS);
    round_at = cpu_tsc();
    shell_init(&shell, &table, &out, "ferrule> ");
    log_set_sink(write_log);
    screen_slice(true);
    if (!shell_start(&shell, cmdline_get(line, "run"), on_failure(line)))
        log_error("run=: more than %u bytes, or not plain text: not run", SHELL_LINE_MAX);
}

/* May a log line be shown now? Not within a line that a command prints. */
static bool may_show_log(void)
{
    return !slice_is_suspended() || (shell_is_printing(&shell) && !ring.is_in_line);
}

static void step(void)
{
    is_working = shell_poll(&shell);
}

static void read_input(void)
{
    for (unsigned i = 0; i < IN_MAX && shell_room(&shell) > 0; i++) {
        int byte = serial_read();
        if (byte < 0)
            break;
        shell_feed(&shell, (uint8_t)byte);
    }
}

void console_poll(bool is_idle)
{
    uint64_t now = cpu_tsc();
    bool is_due = (int64_t)(now - round_at) >= 0;

    if (!is_due && !(is_idle && slice_is_suspended()))
        return;
    if (is_due) {
        round_at = now + round_ticks;
        (void)watchdog_part("console");
        read_input();
        ring_drain();
        is_screens_turn = screen_is_busy() && !is_screens_turn;
        if (is_screens_turn) {
            (void)watchdog_part("log screen");
            screen_poll();
        }
    }
    bool may_print = ring_pending() < OUT_BUSY && !(is_due && is_screens_turn);
    if (may_print && log_is_pending() && may_show_log()) {
        (void)watchdog_part("log");
        log_pump();
    } else if (may_print) {
        (void)watchdog_part("console");
        (void)slice_run(step);
    }
    (void)watchdog_part(NULL);
}

bool console_is_busy(void)
{
    return is_working || slice_is_suspended() || log_is_pending() || screen_is_busy() ||
           ring_pending() != 0;
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
