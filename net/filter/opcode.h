/* SPDX-License-Identifier: BSD-2-Clause
 * The codes of classic BPF's steps. Pure.
 */
#ifndef NET_FILTER_OPCODE_H
#define NET_FILTER_OPCODE_H

/* A code is a class plus, depending on the class, an operation and operand, or a size and mode. */
enum {
    /* clang-format off */
    LD = 0, LDX, ST, STX, ALU, JMP, RET, MISC, /* class: & 7 */
    X = 8,                                     /* JMP, ALU: operand X; else k */
    HALF = 0x08, BYTE = 0x10, SIZE = 0x18,     /* LD: else 32 bits */
    IMM = 0x00, ABS = 0x20, IND = 0x40, MEM = 0x60, LEN = 0x80, MSH = 0xA0, /* LD, LDX: & 0xE0 */
    ADD = 0x00, SUB = 0x10, MUL = 0x20, DIV = 0x30, OR = 0x40, AND = 0x50, LSH = 0x60, RSH = 0x70,
    NEG = 0x80, MOD = 0x90, XOR = 0xA0, /* ALU: & 0xF0 */
    JA = 0x00, JEQ = 0x10, JGT = 0x20, JGE = 0x30, JSET = 0x40, /* JMP: & 0xF0 */
    RET_A = 0x16,
    TAX = 0x07, TXA = 0x87,
    /* clang-format on */
};

#endif
