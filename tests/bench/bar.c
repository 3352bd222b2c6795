/* SPDX-License-Identifier: BSD-2-Clause
 * See bar.h. The trap handler decodes the moves that compilers generate for a volatile access: 1 to
 * 8 bytes between a general register (or a constant) and memory. For any other instruction it
 * prints the instruction's bytes and ends the program.
 */
#define _GNU_SOURCE /* for the names of registers in a signal context */
#include "tests/bench/bar.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

enum { PAGE = 4096, QUEUES = 64, RDT = 0x1018, TDT = 0x6018, STRIDE = 0x40 };

static struct bar_access card;
static struct {
    uintptr_t base;
    uint32_t rdt[QUEUES], tdt[QUEUES]; /* last values passed to the card */
} bars[BARS_MAX];
static unsigned bars_n;
static struct {
    uintptr_t from, to;
} ranges[BARS_MAX];
static unsigned ranges_n;

static void fail(const char *what)
{
    fprintf(stderr, "bar: %s\n", what);
    _Exit(1);
}

/* ---- The trap ---- */

/* From register numbers in instructions to indices in the signal context. */
static const int place[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                              REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                              REG_R12, REG_R13, REG_R14, REG_R15};

struct move {
    uintptr_t address;
    uint32_t bytes;     /* of memory */
    uint32_t reg_bytes; /* of the register: more if zero-extended */
    unsigned reg;
    bool is_store, is_constant;
    uint64_t constant;
    unsigned length; /* of the instruction */
};

static bool decode(const uint8_t *code, const greg_t *regs, struct move *m)
{
    const uint8_t *at = code;
    bool is_16 = false;
    uint8_t rex = 0;

    if (*at == 0x66)
        is_16 = *at++;
    if ((*at & 0xF0) == 0x40)
        rex = *at++;
    m->reg_bytes = rex & 8 ? 8 : is_16 ? 2 : 4;
    m->bytes = m->reg_bytes;
    m->is_store = m->is_constant = false;
    switch (*at++) {
    case 0x88:
        m->bytes = m->reg_bytes = 1;
        m->is_store = true;
        break;
    case 0x89:
        m->is_store = true;
        break;
    case 0x8A:
        m->bytes = m->reg_bytes = 1;
        break;
    case 0x8B:
        break;
    case 0xC6:
        m->bytes = 1;
        m->is_store = m->is_constant = true;
        break;
    case 0xC7:
        m->is_store = m->is_constant = true;
        break;
    case 0x0F: /* zero-extending moves */
        if ((*at & 0xFE) != 0xB6)
            return false;
        m->bytes = *at++ & 1 ? 2 : 1;
        break;
    default:
        return false;
    }
    unsigned mode = *at >> 6, rm = *at & 7;
    m->reg = (*at >> 3 & 7) | (rex & 4) << 1;
    at++;
    if (mode == 3 || (mode == 0 && rm == 5))
        return false; /* no memory operand, or a RIP-relative one */
    uintptr_t address = 0;
    if (rm == 4) {
        unsigned base = *at & 7, index = (*at >> 3 & 7) | (rex & 2) << 2;
        if (index != 4)
            address += (uintptr_t)regs[place[index]] << (*at >> 6);
        at++;
        if (base == 5 && mode == 0) {
            int32_t disp;
            memcpy(&disp, at, 4);
            at += 4;
            address += (uintptr_t)(intptr_t)disp;
        } else {
            address += (uintptr_t)regs[place[base | (rex & 1) << 3]];
        }
    } else {
        address += (uintptr_t)regs[place[rm | (rex & 1) << 3]];
    }
    if (mode == 1) {
        address += (uintptr_t)(intptr_t)(int8_t)*at++;
    } else if (mode == 2) {
        int32_t disp;
        memcpy(&disp, at, 4);
        at += 4;
        address += (uintptr_t)(intptr_t)disp;
    }
    if (m->is_constant) {
        int32_t value = 0;
        memcpy(&value, at, m->bytes > 4 ? 4 : m->bytes);
        at += m->bytes > 4 ? 4 : m->bytes;
        m->constant = (uint64_t)(int64_t)value;
    }
    m->address = address;
    m->length = (unsigned)(at - code);
    return m->reg_bytes != 1 || m->is_constant || rex || m->reg < 4; /* not AH, CH, DH, BH */
}

static void trapped(int signal, siginfo_t *info, void *context)
{
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    const uint8_t *code = (const uint8_t *)regs[REG_RIP];
    struct move m;
    bool is_ours = false;

    (void)signal;
    if (!decode(code, regs, &m)) {
        fprintf(stderr,
                "bar: access to %p by %02x %02x %02x %02x %02x %02x at %p cannot be decoded\n",
                info->si_addr, code[0], code[1], code[2], code[3], code[4], code[5],
                (const void *)code);
        _Exit(1);
    }
    for (unsigned i = 0; i < ranges_n; i++)
        is_ours |= m.address >= ranges[i].from && m.address < ranges[i].to;
    if (!is_ours) {
        fprintf(stderr, "bar: access to %#lx at %p is outside every card\n", m.address,
                (const void *)code);
        _Exit(1);
    }
    if (m.is_store) {
        card.write(m.address, m.is_constant ? m.constant : (uint64_t)regs[place[m.reg]], m.bytes);
    } else {
        greg_t *to = &regs[place[m.reg]];
        uint64_t value = card.read(m.address, m.bytes);
        uint64_t kept = m.reg_bytes == 1 ? ~0xFFull : m.reg_bytes == 2 ? ~0xFFFFull : 0;
        uint64_t mask = m.bytes == 8 ? ~0ull : (1ull << 8 * m.bytes) - 1;
        *to = (greg_t)(((uint64_t)*to & kept) | (value & mask));
    }
    regs[REG_RIP] += m.length;
}

void bar_trap(uintptr_t base, size_t bytes, struct bar_access to)
{
    struct sigaction action = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO};

    if (ranges_n == BARS_MAX)
        fail("too many cards");
    card = to;
    if (mmap((void *)base, bytes, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
             0) != (void *)base)
        fail("these addresses are in use");
    ranges[ranges_n].from = base;
    ranges[ranges_n++].to = base + bytes;
    if (sigaction(SIGSEGV, &action, NULL) != 0)
        fail("no handler for SIGSEGV");
}

/* ---- Tails in memory ---- */

static uint32_t *tail(uintptr_t base, uint32_t first, unsigned queue)
{
    return (uint32_t *)(base + first + queue * STRIDE);
}

void bar_tails_are_memory(uintptr_t base)
{
    if (bars_n == BARS_MAX)
        fail("too many cards");
    bars[bars_n].base = base;
    for (unsigned q = 0; q < QUEUES; q++) {
        bars[bars_n].rdt[q] = (uint32_t)card.read((uintptr_t)tail(base, RDT, q), 4);
        bars[bars_n].tdt[q] = (uint32_t)card.read((uintptr_t)tail(base, TDT, q), 4);
    }
    if (mprotect((void *)(base + RDT / PAGE * PAGE), PAGE, PROT_READ | PROT_WRITE) ||
        mprotect((void *)(base + TDT / PAGE * PAGE), PAGE, PROT_READ | PROT_WRITE))
        fail("mprotect");
    for (unsigned q = 0; q < QUEUES; q++) {
        *tail(base, RDT, q) = bars[bars_n].rdt[q];
        *tail(base, TDT, q) = bars[bars_n].tdt[q];
    }
    bars_n++;
}

static void pass_tails(uintptr_t base, uint32_t first, uint32_t *seen)
{
    for (unsigned q = 0; q < QUEUES; q++) {
        uint32_t now = *(volatile uint32_t *)tail(base, first, q);
        if (now == seen[q])
            continue;
        seen[q] = now;
        card.write((uintptr_t)tail(base, first, q), now, 4);
    }
}

void bar_sync(void)
{
    for (unsigned i = 0; i < bars_n; i++)
        pass_tails(bars[i].base, RDT, bars[i].rdt);
    for (unsigned i = 0; i < bars_n; i++)
        pass_tails(bars[i].base, TDT, bars[i].tdt);
}
