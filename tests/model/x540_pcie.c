/* SPDX-License-Identifier: BSD-2-Clause
 * What the port's accesses are on a PCIe link; the assumptions are in x540_core.h.
 */
#include "x540_internal.h"

enum {
    AROUND = 8, /* STP and END, sequence number, LCRC */
    HEADER = 12,
    HEADER_64 = 16,
    PAGE = 4096, /* no packet crosses a multiple */
    PAYLOAD_MAX = 256,
    REQUEST_MAX = 512,
    COMPLETION_ALIGN = 64,
    WORD = 4,
};

const char *x540_pcie_name(enum x540_pcie_kind kind)
{
    static const char *const names[X540_PCIE_KINDS] = {
        "receive descriptors",  "received frame",     "receive write-back",
        "transmit descriptors", "frame to send",      "transmit write-back",
        "head write-back",      "interrupt messages", "registers"};

    return names[kind];
}

struct x540_pcie x540_pcie(const struct x540 *card)
{
    return card->pcie;
}

static uint32_t header(uint64_t addr)
{
    return AROUND + (addr >> 32 ? HEADER_64 : HEADER);
}

/* Bytes from addr to the next multiple of `align`, at most `most` and `len`. */
static uint32_t part(uint64_t addr, uint32_t len, uint32_t most, uint32_t align)
{
    uint32_t n = align - (uint32_t)(addr % align);

    n = n < most ? n : most;
    return n < len ? n : len;
}

/* The payload of n bytes: whole words. */
static uint32_t words(uint64_t addr, uint32_t n)
{
    return ((uint32_t)(addr % WORD) + n + WORD - 1) / WORD * WORD;
}

void x540_pcie_write(struct x540 *card, enum x540_pcie_kind kind, uint64_t addr, uint32_t len)
{
    struct x540_pcie_count *count = &card->pcie.kind[kind];

    while (len) {
        uint32_t n = part(addr, len, PAYLOAD_MAX, PAGE);
        count->packets_up++;
        count->bytes_up += header(addr) + words(addr, n);
        addr += n;
        len -= n;
    }
}

void x540_pcie_read(struct x540 *card, enum x540_pcie_kind kind, uint64_t addr, uint32_t len,
                    uint32_t most)
{
    struct x540_pcie_count *count = &card->pcie.kind[kind];

    while (len) {
        uint32_t n = part(addr, len, most < REQUEST_MAX ? most : REQUEST_MAX, PAGE);
        count->packets_up++;
        count->bytes_up += header(addr);
        len -= n;
        while (n) {
            /* All but the last completion end at a multiple of the alignment. */
            uint32_t k = PAYLOAD_MAX - (uint32_t)(addr % COMPLETION_ALIGN);
            k = k < n ? k : n;
            count->packets_down++;
            count->bytes_down += AROUND + HEADER + words(addr, k);
            addr += k;
            n -= k;
        }
    }
}

void x540_pcie_register(struct x540 *card, bool is_read)
{
    struct x540_pcie_count *count = &card->pcie.kind[X540_PCIE_REGISTER];

    count->packets_down++;
    count->bytes_down += AROUND + HEADER + (is_read ? 0 : WORD);
    if (!is_read)
        return;
    count->packets_up++;
    count->bytes_up += AROUND + HEADER + WORD;
}
