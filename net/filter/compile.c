/* SPDX-License-Identifier: BSD-2-Clause
 * The grammar of filter expressions. See compile.h.
 *
 * Operands are coded while they are read, so their order in the program is that of the text.
 */
#include "net/filter/internal.h"
#include "net/filter/opcode.h"

/* The words before an address, port or number: `udp dst port`. Those of the last operand also stand
 * before a bare number or address behind `and` and `or`: port 53 or 54. */
struct qualifiers {
    bool is_valid;
    const struct filter_protocol *protocol; /* NULL: none */
    enum filter_direction direction;
    enum filter_kind kind; /* FW_HOST, FW_NET, FW_PORT, FW_PORTRANGE, FW_PROTO; FW_END: none */
};

/* What has been read: a condition, or a term that a comparison must follow. */
struct part {
    struct test test;
    struct qualifiers last;
    unsigned term;
    bool is_term;
};

static struct part list(struct filter_work *work, struct qualifiers before, bool wants_value,
                        unsigned depth);

static struct part refuse(struct filter_work *work, const char *what)
{
    filter_missing(work, what);
    return (struct part){0};
}

/* A number, perhaps in parentheses. False: there is none. */
static bool number(struct filter_work *work, uint32_t *out)
{
    struct filter_word first = work->word;
    unsigned depth = 0;

    for (; filter_is_sign(work, '('); depth++)
        filter_next(work);
    if (work->word.kind != FW_NUMBER) {
        work->word = first;
        return false;
    }
    *out = work->word.value;
    for (filter_next(work); depth > 0; depth--)
        filter_expect(work, ')', "a closing parenthesis");
    return true;
}

/* --- addresses, ports and numbers behind qualifiers --- */

/* TCP, UDP or SCTP before a port; 0: none. */
static uint32_t port_protocol(struct filter_work *work, const struct filter_protocol *protocol)
{
    if (protocol && (protocol->layer != FILTER_IP_ANY ||
                     (protocol->number != 6 && protocol->number != 17 && protocol->number != 132)))
        filter_wrong(&work->code, "port may follow tcp, udp or sctp, not %s", protocol->name);
    return protocol ? protocol->number : 0;
}

static struct test one_port(struct filter_work *work, struct qualifiers q, uint32_t least,
                            uint32_t most, uint32_t only)
{
    uint32_t protocol = port_protocol(work, q.protocol);

    if (MAX(least, most) > UINT16_MAX)
        filter_wrong(&work->code, "port %u: at most 65535", MAX(least, most));
    if (only && protocol && only != protocol)
        filter_wrong(&work->code, "this port's name is not one of %s", q.protocol->name);
    return filter_ports(&work->code, protocol ? protocol : only, q.direction, least, most);
}

/* A number, whose meaning the qualifiers decide. */
static struct test by_number(struct filter_work *work, struct qualifiers q, uint32_t n)
{
    uint32_t mask = UINT32_MAX;

    switch (q.kind) {
    case FW_PORT:
    case FW_PORTRANGE:
        return one_port(work, q, n, n, 0);
    case FW_PROTO:
        if (q.direction != ANY_DIRECTION)
            filter_wrong(&work->code, "proto has no direction");
        return filter_proto(&work->code, q.protocol, n);
    case FW_NET:
        for (; n != 0 && n >> 24 == 0; n <<= 8)
            mask <<= 8; /* net 10 is 10.0.0.0/8 */
        return filter_net(&work->code, q.protocol, q.direction, n, mask);
    default:
        return filter_net(&work->code, q.protocol, q.direction, n, mask);
    }
}

/* "1-1024", one word. */
static bool port_range(const struct filter_word *word, uint32_t *least, uint32_t *most,
                       uint32_t *only)
{
    size_t minus = 0;
    uint32_t other;

    while (minus < word->n && word->at[minus] != '-')
        minus++;
    if (minus == word->n)
        return filter_port_number(word->at, word->n, least, only) &&
               filter_port_number(word->at, word->n, most, only);
    return filter_port_number(word->at, minus, least, only) &&
           filter_port_number(word->at + minus + 1, word->n - minus - 1, most, &other);
}

static struct test by_name(struct filter_work *work, struct qualifiers q,
                           const struct filter_word *word)
{
    uint32_t n = 0, most = 0, only = 0;
    bool is_known = false;

    if (q.kind == FW_PROTO)
        is_known = q.protocol && q.protocol->layer == FILTER_LINK ? filter_ether_number(word, &n)
                                                                  : filter_ip_number(word, &n);
    else if (q.kind == FW_PORT || q.kind == FW_PORTRANGE)
        is_known = port_range(word, &n, &most, &only);
    if (!is_known)
        filter_wrong(&work->code, "\"%.*s\" is not known; write it as a number or an address",
                     (int)MIN(word->n, (size_t)20), word->at);
    if (q.kind == FW_PROTO)
        return by_number(work, q, n);
    return one_port(work, q, n, most, only);
}

/* Behind net: /bits, or mask and an address. Returns the mask. */
static uint32_t net_mask(struct filter_work *work, uint32_t address, unsigned bits)
{
    uint32_t mask = bits == 32 ? UINT32_MAX : ~(UINT32_MAX >> bits);

    if (filter_is_sign(work, '/')) {
        filter_next(work);
        if (work->word.kind != FW_NUMBER || work->word.value > 32)
            filter_missing(work, "a prefix length up to 32");
        else
            mask = work->word.value == 0 ? 0 : UINT32_MAX << (32 - work->word.value);
        filter_next(work);
    } else if (work->word.kind == FW_MASK) {
        filter_next(work);
        if (work->word.kind != FW_IPV4)
            filter_missing(work, "a mask such as 255.255.0.0");
        mask = work->word.value;
        filter_next(work);
    } else {
        return mask;
    }
    if (address & ~mask)
        filter_wrong(&work->code, "the net's address has bits outside its mask");
    return mask;
}

static struct test by_address(struct filter_work *work, struct qualifiers q,
                              const struct filter_word *word)
{
    struct code *code = &work->code;
    unsigned bits = 128;
    bool is_net = q.kind == FW_NET;

    if (q.kind != FW_HOST && !is_net && q.kind != FW_END)
        filter_wrong(code, "an address may follow host or net, not port or proto");
    if (word->kind == FW_IPV4) {
        bool is_masked = filter_is_sign(work, '/') || work->word.kind == FW_MASK;
        if (is_masked && !is_net)
            filter_wrong(code, "only net has a mask");
        return filter_net(code, q.protocol, q.direction, word->value,
                          net_mask(work, word->value, word->bits));
    }
    if (word->kind == FW_MAC) {
        if (is_net || !q.protocol || q.protocol->layer != FILTER_LINK)
            filter_wrong(code, "a MAC address may follow ether host, ether src and ether dst");
        return filter_mac(code, q.direction, word->bytes);
    }
    if (filter_is_sign(work, '/')) {
        filter_next(work);
        bits = work->word.value;
        if (work->word.kind != FW_NUMBER || bits > 128 || (!is_net && bits != 128))
            filter_missing(work, "a prefix length up to 128, behind net,");
        filter_next(work);
    }
    for (unsigned i = MIN(bits, 128u); i < 128; i++)
        if (word->bytes[i / 8] & 128 >> i % 8)
            filter_wrong(code, "the net's address has bits outside its mask");
    return filter_net6(code, q.protocol, q.direction, word->bytes, MIN(bits, 128u));
}

/* --- operands and lists of them --- */

/* src or dst, src and dst, src, dst; or none. */
static enum filter_direction direction(struct filter_work *work)
{
    const enum filter_kind first = work->word.kind;

    if (first != FW_SRC && first != FW_DST)
        return ANY_DIRECTION;
    filter_next(work);
    const struct filter_word between = work->word;
    if (between.kind == FW_AND || between.kind == FW_OR) {
        filter_next(work);
        if (work->word.kind == (first == FW_SRC ? FW_DST : FW_SRC)) {
            filter_next(work);
            return between.kind == FW_AND ? BOTH : ANY_DIRECTION;
        }
        work->word = between;
    }
    return first == FW_SRC ? FROM : TO;
}

static bool is_kind(enum filter_kind kind)
{
    return kind == FW_HOST || kind == FW_NET || kind == FW_PORT || kind == FW_PORTRANGE ||
           kind == FW_PROTO;
}

/* The end of an operand: a value behind the qualifiers q. */
static struct part operand_of(struct filter_work *work, struct qualifiers q, unsigned depth)
{
    const struct filter_word word = work->word;
    struct part part = {.last = q};

    if (depth > FILTER_DEPTH_MAX) {
        filter_wrong(&work->code, "more than %u levels of parentheses", FILTER_DEPTH_MAX);
        return refuse(work, "the end");
    }
    if (filter_is_sign(work, '(')) {
        filter_next(work);
        part = list(work, q, true, depth + 1);
        filter_expect(work, ')', "a closing parenthesis");
        return part;
    }
    if (filter_is_sign(work, '!')) {
        filter_next(work);
        part = operand_of(work, q, depth + 1);
        part.test = filter_not(part.test);
        return part;
    }
    filter_next(work);
    if (word.kind == FW_NUMBER)
        part.test = by_number(work, q, word.value);
    else if (word.kind == FW_IPV4 || word.kind == FW_IPV6 || word.kind == FW_MAC)
        part.test = by_address(work, q, &word);
    else if (word.kind == FW_NAME || (word.kind == FW_PROTOCOL && q.kind == FW_PROTO))
        part.test = by_name(work, q, &word);
    else {
        work->word = word;
        return refuse(work, "an address, a port or a number");
    }
    return part;
}

/* A number that may follow vlan, mpls and pppoes. */
static struct test encapsulation(struct filter_work *work, enum filter_kind kind)
{
    uint32_t n;
    const uint32_t *wanted = number(work, &n) ? &n : NULL;

    return kind == FW_VLAN   ? filter_vlan(&work->code, wanted)
           : kind == FW_MPLS ? filter_mpls(&work->code, wanted)
                             : filter_pppoes(&work->code, wanted);
}

/* less N, greater N, byte N op N. */
static struct test by_length(struct filter_work *work, enum filter_kind kind)
{
    struct code *code = &work->code;
    uint32_t n = work->word.value, op;

    if (work->word.kind != FW_NUMBER)
        filter_missing(work, "a number");
    filter_next(work);
    if (kind == FW_BYTE) {
        op = work->word.value;
        if (work->word.kind != FW_SIGN)
            filter_missing(work, "<, > or =");
        filter_next(work);
        if (work->word.kind != FW_NUMBER)
            filter_missing(work, "a number");
        uint32_t value = work->word.value;
        filter_next(work);
        return filter_byte(code, n, op, value);
    }
    filter_step(code, LD | LEN, 0);
    return kind == FW_GREATER ? filter_jump(code, JGE, n) : filter_not(filter_jump(code, JGT, n));
}

/* One operand. `before`: the qualifiers that a bare value has. */
static struct part term(struct filter_work *work, struct qualifiers before, unsigned depth)
{
    const struct filter_word first = work->word;
    struct part part = {0};
    struct qualifiers q = {.is_valid = true};

    if (depth > FILTER_DEPTH_MAX) {
        filter_wrong(&work->code, "more than %u levels of parentheses", FILTER_DEPTH_MAX);
        return refuse(work, "the end");
    }
    switch (first.kind) {
    case FW_SIGN:
        if (first.value == '!') {
            filter_next(work);
            part = term(work, before, depth + 1);
            if (part.is_term)
                return refuse(work, "a comparison (=, !=, <, >, <=, >=)");
            part.test = filter_not(part.test);
            return part;
        }
        if (first.value == '(') {
            filter_next(work);
            part = list(work, before, false, depth + 1);
            filter_expect(work, ')', "a closing parenthesis");
            if (!part.is_term) {
                part.last = before;
                return part;
            }
            part.term = filter_arithmetic_from(work, part.term, depth + 1);
            break;
        }
        part.term = filter_arithmetic(work, depth + 1);
        break;
    case FW_NUMBER:
    case FW_LEN:
        part.term = filter_arithmetic(work, depth + 1);
        break;
    case FW_NAME:
    case FW_IPV4:
    case FW_IPV6:
    case FW_MAC:
        if (!before.is_valid)
            return refuse(work, "host, net, port or the like");
        return operand_of(work, before, depth + 1);
    case FW_LESS:
    case FW_GREATER:
    case FW_BYTE:
        filter_next(work);
        return (struct part){.test = by_length(work, first.kind)};
    case FW_VLAN:
    case FW_MPLS:
    case FW_PPPOES:
        filter_next(work);
        return (struct part){.test = encapsulation(work, first.kind)};
    case FW_PPPOED:
        filter_next(work);
        return (struct part){.test = filter_link_type(&work->code, 0x8863)};
    case FW_PROTOCOL:
        q.protocol = &filter_protocols[first.value];
        filter_next(work);
        if (filter_is_sign(work, '[')) {
            work->word = first;
            part.term = filter_arithmetic(work, depth + 1);
            break;
        }
        if (work->word.kind != FW_BROADCAST && work->word.kind != FW_MULTICAST &&
            work->word.kind != FW_SRC && work->word.kind != FW_DST && !is_kind(work->word.kind))
            return (struct part){.test = filter_protocol_test(&work->code, q.protocol)};
        /* fall through */
    default:
        if (work->word.kind == FW_BROADCAST || work->word.kind == FW_MULTICAST) {
            bool is_broadcast = work->word.kind == FW_BROADCAST;
            filter_next(work);
            part.test = is_broadcast ? filter_broadcast(&work->code, q.protocol)
                                     : filter_multicast(&work->code, q.protocol);
            return part;
        }
        if (work->word.kind != FW_SRC && work->word.kind != FW_DST && !is_kind(work->word.kind))
            return refuse(work, "an expression such as udp, host, port or len");
        q.direction = direction(work);
        if (is_kind(work->word.kind)) {
            q.kind = work->word.kind;
            filter_next(work);
        }
        return operand_of(work, q, depth + 1);
    }
    /* Arithmetic: a comparison follows; or it stands in parentheses, so that more arithmetic may
     * follow; or it is a number that stands for an address, a port or a protocol. */
    if (filter_is_sign(work, ')')) {
        part.is_term = true;
        part.last = before;
        return part;
    }
    bool is_value =
        work->term[part.term].kind == TERM_NUMBER && before.is_valid &&
        (work->word.kind == FW_END || work->word.kind == FW_AND || work->word.kind == FW_OR);
    if (!is_value)
        return (struct part){.test = filter_comparison(work, part.term, depth)};
    part.is_term = false;
    part.test = by_number(work, before, work->term[part.term].value);
    part.last = before;
    work->terms = 0;
    return part;
}

/* Operands with `and` and `or` between them, which bind alike, from left to right. With
 * wants_value only values behind the qualifiers `before`. */
static struct part list(struct filter_work *work, struct qualifiers before, bool wants_value,
                        unsigned depth)
{
    struct code *code = &work->code;
    struct part all = wants_value ? operand_of(work, before, depth) : term(work, before, depth);

    while (!all.is_term && (work->word.kind == FW_AND || work->word.kind == FW_OR)) {
        bool is_and = work->word.kind == FW_AND;
        filter_next(work);
        filter_here(code, is_and ? all.test.yes : all.test.no);
        struct part more =
            wants_value ? operand_of(work, before, depth) : term(work, all.last, depth);
        if (more.is_term) { /* (port 53 or 54) */
            if (!all.last.is_valid || work->term[more.term].kind != TERM_NUMBER)
                return refuse(work, "a comparison (=, !=, <, >, <=, >=)");
            more.test = by_number(work, all.last, work->term[more.term].value);
            more.is_term = false;
            work->terms = 0;
        }
        more.test =
            is_and ? filter_and(code, all.test, more.test) : filter_or(code, all.test, more.test);
        all = more;
    }
    return all;
}

const char *filter_compile(struct filter_work *work, const char *text, struct bpf *out)
{
    filter_code_begin(&work->code);
    work->terms = 0;
    work->word = filter_word(text);
    struct part all = {0};
    if (work->word.kind == FW_END) {
        filter_step(&work->code, LD | LEN, 0);
        all.test = filter_jump(&work->code, JGE, 0);
    } else {
        all = list(work, (struct qualifiers){0}, false, 0);
        if (work->word.kind != FW_END || all.is_term)
            filter_missing(work, "and or or");
    }
    return filter_code_end(&work->code, all.test, out) ? NULL : work->code.wrong;
}
