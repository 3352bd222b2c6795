/* SPDX-License-Identifier: BSD-2-Clause
 * Classic BPF: reader, checker, interpreter. See cbpf.h.
 */
#include "net/filter/cbpf.h"

#include "net/filter/opcode.h"

static bool is_known(uint16_t code)
{
    unsigned op = code & 0xF0, mode = code & 0xE0;

    if (code > 0xFF)
        return false;
    switch (code & 7) {
    case LD:
        if (mode == ABS || mode == IND)
            return (code & SIZE) != SIZE;
        return (code & SIZE) == 0 && mode <= LEN;
    case LDX:
        return code == (LDX | BYTE | MSH) || code == (LDX | IMM) || code == (LDX | MEM) ||
               code == (LDX | LEN);
    case ALU:
        return op <= XOR && code != (ALU | NEG | X);
    case JMP:
        return op <= JSET && code != (JMP | JA | X);
    case RET:
        return code == RET || code == RET_A;
    case MISC:
        return code == TAX || code == TXA;
    default:
        return code == ST || code == STX;
    }
}

static const char *fault(const struct bpf_step *s, unsigned left)
{
    unsigned class = s->code & 7, op = s->code & 0xF0;
    bool is_memory = class == ST || class == STX || (class <= LDX && (s->code & 0xE0) == MEM);

    if (!is_known(s->code))
        return "unknown code";
    if (is_memory && s->k >= BPF_WORDS)
        return "memory index beyond 15";
    if (class == LD && (s->code & 0xE0) == ABS && s->k > INT32_MAX)
        return "load from a negative offset";
    if (class == ALU && !(s->code & X) && (op == DIV || op == MOD) && s->k == 0)
        return "division by zero";
    if (class == ALU && !(s->code & X) && (op == LSH || op == RSH) && s->k >= 32)
        return "shift by more than 31";
    if (class == JMP && (op == JA ? s->k : MAX(s->if_true, s->if_false)) >= left)
        return "jump beyond the end";
    return left == 0 && class != RET ? "the last step does not return" : NULL;
}

const char *bpf_check(const struct bpf *bpf, unsigned *at)
{
    *at = 0;
    if (bpf->n == 0 || bpf->n > BPF_STEPS_MAX)
        return "no steps, or too many";
    for (; *at < bpf->n; ++*at) {
        const char *wrong = fault(&bpf->step[*at], bpf->n - 1 - *at);
        if (wrong)
            return wrong;
    }
    return NULL;
}

/* Reads numbers from words; read_number returns false if the next text is no number up to max. */
struct reader {
    unsigned argc;
    const char *const *argv;
    const char *next;
};

static bool read_number(struct reader *r, uint64_t max, uint32_t *out)
{
    uint64_t value = 0;

    while (*r->next == ' ' || *r->next == ',' || (*r->next == 0 && r->argc > 1))
        if (*r->next++ == 0) {
            r->next = *++r->argv;
            r->argc--;
        }
    if (*r->next < '0' || *r->next > '9')
        return false;
    while (*r->next >= '0' && *r->next <= '9' && value <= max)
        value = value * 10 + (uint64_t)(*r->next++ - '0');
    *out = (uint32_t)value;
    return value <= max;
}

#define STEP_COST 400u /* instructions to read a step and to check it */

const char *bpf_read(struct bpf *bpf, unsigned argc, const char *const *argv, unsigned *at,
                     void (*spend)(uint32_t instructions))
{
    struct reader r = {argc, argv, argc > 0 ? argv[0] : ""};
    uint32_t n, code, if_true, if_false;

    bpf->n = 0;
    *at = 0;
    if (!read_number(&r, BPF_STEPS_MAX, &n))
        return "the number of steps must come first, at most 1024";
    for (; *at < n; ++*at) {
        struct bpf_step *s = &bpf->step[*at];
        if (spend)
            spend(STEP_COST);
        if (!read_number(&r, UINT16_MAX, &code) || !read_number(&r, UINT8_MAX, &if_true) ||
            !read_number(&r, UINT8_MAX, &if_false) || !read_number(&r, UINT32_MAX, &s->k))
            return "a step needs four numbers";
        s->code = (uint16_t)code;
        s->if_true = (uint8_t)if_true;
        s->if_false = (uint8_t)if_false;
    }
    while (*r.next == ' ' || *r.next == ',')
        r.next++;
    if (*r.next != 0 || r.argc > 1)
        return "text after the last step";
    bpf->n = n;
    return bpf_check(bpf, at);
}

/* Load from the frame, big-endian; false: beyond `held`. */
static bool load(const uint8_t *frame, uint32_t held, uint64_t from, unsigned code, uint32_t *out)
{
    unsigned bytes = code & BYTE ? 1 : code & HALF ? 2 : 4;

    if (from + bytes > held)
        return false;
    for (*out = 0; bytes > 0; bytes--)
        *out = *out << 8 | frame[from++];
    return true;
}

static bool alu(unsigned op, uint32_t *a, uint32_t with)
{
    switch (op) {
    case ADD:
        *a += with;
        return true;
    case SUB:
        *a -= with;
        return true;
    case MUL:
        *a *= with;
        return true;
    case DIV:
    case MOD:
        if (with == 0)
            return false;
        *a = op == DIV ? *a / with : *a % with;
        return true;
    case OR:
        *a |= with;
        return true;
    case AND:
        *a &= with;
        return true;
    case LSH:
        *a = with < 32 ? *a << with : 0;
        return true;
    case RSH:
        *a = with < 32 ? *a >> with : 0;
        return true;
    case XOR:
        *a ^= with;
        return true;
    default:
        *a = 0 - *a;
        return true;
    }
}

static bool compare(unsigned op, uint32_t a, uint32_t with)
{
    switch (op) {
    case JEQ:
        return a == with;
    case JGT:
        return a > with;
    case JGE:
        return a >= with;
    default:
        return (a & with) != 0;
    }
}

uint32_t bpf_run(const struct bpf *bpf, const uint8_t *frame, uint32_t held, uint32_t length)
{
    uint32_t words[BPF_WORDS] = {0}, a = 0, x = 0;

    for (const struct bpf_step *s = bpf->step;; s++) {
        unsigned op = s->code & 0xF0, mode = s->code & 0xE0;
        uint32_t with = s->code & X ? x : s->k, *to = s->code & 1 ? &x : &a;

        switch (s->code & 7) {
        case LD:
        case LDX:
            if (mode == IMM)
                *to = s->k;
            else if (mode == MEM)
                *to = words[s->k];
            else if (mode == LEN)
                *to = length;
            else if (!load(frame, held, (uint64_t)s->k + (mode == IND ? x : 0), s->code, to))
                return 0;
            if (mode == MSH)
                x = (x & 15) << 2;
            break;
        case ST:
            words[s->k] = a;
            break;
        case STX:
            words[s->k] = x;
            break;
        case ALU:
            if (!alu(op, &a, with))
                return 0;
            break;
        case JMP:
            s += op == JA ? s->k : compare(op, a, with) ? s->if_true : s->if_false;
            break;
        case RET:
            return s->code == RET_A ? a : s->k;
        default:
            if (s->code == TAX)
                x = a;
            else
                a = x;
        }
    }
}
