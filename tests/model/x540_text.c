/* SPDX-License-Identifier: BSD-2-Clause
 * Names of what a card may do wrong, and its complaints and numbers in JSON: see x540_text.h.
 */
#include "x540_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "x540_internal.h"

static const char *const evil_names[X540_EVIL_COUNT] = {
    [X540_EVIL_RX_LENGTH] = "rx-length",
    [X540_EVIL_RX_NO_EOP] = "rx-no-eop",
    [X540_EVIL_RX_ERROR] = "rx-error",
    [X540_EVIL_RX_OUT_OF_ORDER] = "rx-out-of-order",
    [X540_EVIL_HEAD_JUMP] = "head-jump",
    [X540_EVIL_HEAD_STUCK] = "head-stuck",
    [X540_EVIL_TX_STUCK] = "tx-stuck",
    [X540_EVIL_ALL_ONES] = "all-ones",
    [X540_EVIL_SEMAPHORE_STUCK] = "semaphore-stuck",
    [X540_EVIL_RESET_STUCK] = "reset-stuck",
    [X540_EVIL_MASTER_STUCK] = "master-stuck",
    [X540_EVIL_ENABLE_STUCK] = "enable-stuck",
    [X540_EVIL_MDIO_STUCK] = "mdio-stuck",
    [X540_EVIL_EERD_STUCK] = "eerd-stuck",
    [X540_EVIL_DMAIDONE_STUCK] = "dmaidone-stuck",
    [X540_EVIL_EEC_STUCK] = "eec-stuck",
    [X540_EVIL_NVM_CHECKSUM] = "nvm-checksum",
    [X540_EVIL_BAD_MAC] = "bad-mac",
    [X540_EVIL_IRQ_STORM] = "irq-storm",
    [X540_EVIL_IRQ_SILENT] = "irq-silent",
    [X540_EVIL_LINK_LIES] = "link-lies",
    [X540_EVIL_DMA] = "dma",
    [X540_EVIL_MSI] = "msi",
    [X540_EVIL_FIRMWARE_REGSMP] = "firmware-regsmp",
    [X540_EVIL_FIRMWARE_LOCKS] = "firmware-locks",
    [X540_EVIL_FIRMWARE_FLIPS] = "firmware-flips",
    [X540_EVIL_FIRMWARE_SHARES] = "firmware-shares",
    [X540_EVIL_DEAD_LOCKS] = "dead-locks",
    [X540_EVIL_CFG_DONE_NS] = "cfg-done-ns",
    [X540_EVIL_VETO] = "veto",
    [X540_EVIL_ENABLE_NS] = "enable-ns",
    [X540_EVIL_EICS_ZERO] = "eics-zero",
    [X540_EVIL_PHY_DUMB_NS] = "phy-dumb-ns",
    [X540_EVIL_FWSM] = "fwsm",
    [X540_EVIL_NVM_ABSENT] = "nvm-absent",
    [X540_EVIL_LEFT_RECEIVING] = "left-receiving",
    [X540_EVIL_CAUSES] = "causes",
    [X540_EVIL_HOT] = "hot",
    [X540_EVIL_NULL_RS_SILENT] = "null-rs-silent",
    [X540_EVIL_LEGACY_SCTP] = "legacy-sctp",
    [X540_EVIL_RSS_LEGACY] = "rss-legacy",
    [X540_EVIL_RDH_KEPT] = "rdh-kept",
    [X540_EVIL_REWRITE] = "rewrite",
    [X540_EVIL_RX_LATE] = "rx-late",
};

static const char *const damage_names[] = {
    [X540_BAD_CRC] = "crc",
    [X540_BAD_SYMBOL] = "symbol",
    [X540_BAD_LENGTH] = "length",
};

const char *x540_evil_name(enum x540_evil what)
{
    return evil_names[what];
}

const char *x540_damage_name(enum x540_damage how)
{
    return damage_names[how];
}

/* "name" or "name:number", one of n names. */
static const char *parse(const char *text, const char *const *names, uint32_t n, uint32_t *index,
                         uint64_t *number)
{
    const char *colon = strchr(text, ':');
    size_t length = colon ? (size_t)(colon - text) : strlen(text);
    uint64_t value = 1;

    if (colon) {
        char *end;
        errno = 0;
        value = strtoull(colon + 1, &end, 0);
        if (end == colon + 1 || *end || errno)
            return "what follows the colon is no number";
    }
    for (uint32_t i = 0; i < n; i++)
        if (strlen(names[i]) == length && memcmp(names[i], text, length) == 0) {
            *index = i;
            *number = value;
            return NULL;
        }
    return "there is nothing of this name";
}

const char *x540_evil_parse(const char *text, enum x540_evil *what, uint64_t *arg)
{
    uint32_t i;
    const char *wrong = parse(text, evil_names, X540_EVIL_COUNT, &i, arg);

    if (!wrong)
        *what = (enum x540_evil)i;
    return wrong;
}

const char *x540_damage_parse(const char *text, enum x540_damage *how, uint64_t *frames)
{
    uint32_t i;
    const char *wrong = parse(text, damage_names, X540_BAD_LENGTH + 1, &i, frames);

    if (!wrong)
        *how = (enum x540_damage)i;
    return wrong;
}

static void print_text(const char *text, FILE *out)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
    }
    fputc('"', out);
}

void x540_print_complaints(const struct x540 *card, FILE *out)
{
    const struct x540_complaint *complaint;

    fputc('[', out);
    for (uint32_t i = 0; (complaint = x540_complaint(card, i)); i++) {
        fputs(i ? ",{\"rule\":" : "{\"rule\":", out);
        print_text(complaint->rule, out);
        fputs(",\"text\":", out);
        print_text(complaint->text, out);
        fprintf(out, ",\"error\":%s,\"count\":%" PRIu64 ",\"first_ns\":%" PRIu64 "}",
                complaint->error ? "true" : "false", complaint->count, complaint->first_ns);
    }
    fputc(']', out);
}

void x540_print_truth(const struct x540 *card, FILE *out)
{
    const struct x540_truth t = x540_truth(card);
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
#define TRUTH(field) {#field, t.field}
        TRUTH(frames_in),        TRUTH(bytes_in),          TRUTH(frames_to_host),
        TRUTH(bytes_to_host),    TRUTH(frames_out),        TRUTH(bytes_out),
        TRUTH(dropped_filter),   TRUTH(dropped_missed),    TRUTH(dropped_no_descriptor),
        TRUTH(dropped_error),    TRUTH(dropped_link_down), TRUTH(dropped_rx_off),
        TRUTH(dropped_oversize), TRUTH(dropped_undersize), TRUTH(dma_refused),
        TRUTH(interrupts),       TRUTH(stray_bytes),       TRUTH(rewrites),
#undef TRUTH
    };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        fprintf(out, "\"%s\":%" PRIu64 ",", numbers[i].name, numbers[i].value);
    fprintf(out, "\"link_is_up\":%s", x540_link_is_up(card) ? "true" : "false");
}

/* The value of a register without the effects of a read; false: no value of it is kept, because the
 * card composes it at each read (status, semaphores, counters) or because it is write-only. */
static bool kept(const struct x540 *card, const struct x540_register *row, uint32_t offset,
                 uint32_t *value)
{
    const uint32_t word = offset & 4 ? 32 : 0; /* of the _EX pairs */

    *value = REG(card, offset);
    switch (row->behaviour) {
    case B_STATUS:
    case B_FRTIMER:
    case B_EEC:
    case B_SWSM:
    case B_SWFW_SYNC:
    case B_MSRWD:
    case B_LINKS:
    case B_EICR:
    case B_EICS:
    case B_EICS_EX:
    case B_EIMC:
    case B_EIMC_EX:
    case B_PER_TXQ:
    case B_STAT:
    case B_STAT_LOW:
    case B_STAT_HIGH:
        return false;
    case B_EIMS:
        *value = card->other_mask | (uint32_t)(card->vector_mask & 0xFFFF);
        break;
    case B_EIAM:
        *value = card->other_automask | (uint32_t)(card->vector_automask & 0xFFFF);
        break;
    case B_EIMS_EX:
        *value = (uint32_t)(card->vector_mask >> word);
        break;
    case B_EIAM_EX:
        *value = (uint32_t)(card->vector_automask >> word);
        break;
    case B_RDH:
        *value = card->rxq[rx_queue_of(offset)].ring.head;
        break;
    case B_TDH:
        *value = card->txq[tx_queue_of(offset)].ring.head;
        break;
    }
    return true;
}

void x540_print_registers(const struct x540 *card, FILE *out)
{
    const char *before = "{";
    uint32_t rows, value;
    const struct x540_register *row = x540_registers(&rows);
    char name[32];

    for (uint32_t r = 0; r < rows; r++, row++)
        for (uint32_t i = 0; i < row->count; i++) {
            uint32_t offset = row->offset + i * row->stride;

            if (!kept(card, row, offset, &value))
                continue;
            fprintf(out, "%s\"%s\":%" PRIu32, before, x540_register_name(card, offset, name),
                    value);
            before = ",";
        }
    fputc('}', out);
}
