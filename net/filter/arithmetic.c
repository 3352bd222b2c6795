/* SPDX-License-Identifier: BSD-2-Clause
 * Arithmetic in filter expressions. Its terms are kept while it is read, since the conditions under
 * which its loads exist are coded first. See internal.h.
 */
#include "net/filter/internal.h"
#include "net/filter/opcode.h"

static unsigned new_term(struct filter_work *work, struct term term)
{
    if (work->terms == FILTER_TERMS_MAX) {
        filter_wrong(&work->code, "more than %u terms in one comparison", FILTER_TERMS_MAX);
        return 0;
    }
    work->term[work->terms] = term;
    return work->terms++;
}

/* How tightly an operator binds; 0: the word is none. % and ^ have no rank in libpcap's grammar:
 * they bind to all that follows. */
static unsigned rank(const struct filter_word *word, unsigned *op)
{
    static const struct {
        uint32_t sign;
        uint8_t op, rank;
    } operators[] = {{'|', OR, 1},  {'&', AND, 2}, {FILTER_LSH, LSH, 3}, {FILTER_RSH, RSH, 3},
                     {'+', ADD, 4}, {'-', SUB, 4}, {'*', MUL, 5},        {'/', DIV, 5},
                     {'%', MOD, 7}, {'^', XOR, 7}};

    for (size_t i = 0; word->kind == FW_SIGN && i < ARRAY_SIZE(operators); i++)
        if (word->value == operators[i].sign) {
            *op = operators[i].op;
            return operators[i].rank;
        }
    return 0;
}

static uint32_t calculate(unsigned op, uint32_t a, uint32_t b)
{
    switch (op) {
    case ADD:
        return a + b;
    case SUB:
        return a - b;
    case MUL:
        return a * b;
    case DIV:
        return a / b;
    case MOD:
        return a % b;
    case OR:
        return a | b;
    case AND:
        return a & b;
    case LSH:
        return a << b;
    case RSH:
        return a >> b;
    default:
        return a ^ b;
    }
}

/* May this be the right side of an operation in a step itself? The checker refuses the others, as
 * libpcap does when they are written. A calculated one goes by X: then a division by zero ends the
 * program without a match, and a shift by more than 31 gives 0. */
static bool fits(unsigned op, uint32_t right)
{
    return op == DIV || op == MOD ? right != 0 : (op != LSH && op != RSH) || right < 32;
}

static unsigned operation(struct filter_work *work, unsigned op, unsigned left, unsigned right)
{
    const struct term *a = &work->term[left], *b = &work->term[right];

    if (b->kind == TERM_NUMBER && !b->is_result && !fits(op, b->value))
        filter_wrong(&work->code,
                     op == DIV || op == MOD ? "division by zero" : "shift by more than 31");
    else if (a->kind == TERM_NUMBER && b->kind == TERM_NUMBER && fits(op, b->value))
        return new_term(work, (struct term){.kind = TERM_NUMBER,
                                            .is_result = true,
                                            .value = calculate(op, a->value, b->value)});
    return new_term(work,
                    (struct term){.kind = TERM_OPERATION, .op = op, .left = left, .right = right});
}

static unsigned arithmetic(struct filter_work *work, unsigned left, unsigned least, unsigned depth);

/* [index] or [index:size] behind a protocol. */
static unsigned load(struct filter_work *work, const struct filter_protocol *protocol,
                     unsigned depth)
{
    struct term term = {.kind = TERM_LOAD, .protocol = protocol, .size = BYTE};

    if (!protocol->has_bytes)
        filter_wrong(&work->code, "%s[...] is not supported", protocol->name);
    filter_next(work);
    term.left = arithmetic(work, FILTER_TERMS_MAX, 1, depth + 1);
    if (filter_is_sign(work, ':')) {
        filter_next(work);
        if (work->word.kind != FW_NUMBER)
            filter_missing(work, "1, 2 or 4, the number of bytes,");
        else if (work->word.value == 1 || work->word.value == 2 || work->word.value == 4)
            term.size = work->word.value == 1 ? BYTE : work->word.value == 2 ? HALF : 0;
        else
            filter_wrong(&work->code, "%s[...] has 1, 2 or 4 bytes, not %u", protocol->name,
                         work->word.value);
        filter_next(work);
    }
    filter_expect(work, ']', "]");
    return new_term(work, term);
}

/* What arithmetic begins with: a number, len, protocol[...], a minus, a parenthesis. */
static unsigned operand(struct filter_work *work, unsigned depth)
{
    const struct filter_word word = work->word;
    unsigned inner;

    if (depth > FILTER_DEPTH_MAX) {
        filter_wrong(&work->code, "more than %u levels of parentheses", FILTER_DEPTH_MAX);
        work->word = (struct filter_word){.kind = FW_END, .at = ""};
        return 0;
    }
    filter_next(work);
    switch (word.kind) {
    case FW_NUMBER:
        return new_term(work, (struct term){.kind = TERM_NUMBER, .value = word.value});
    case FW_LEN:
        return new_term(work, (struct term){.kind = TERM_LENGTH});
    case FW_PROTOCOL:
        if (filter_is_sign(work, '['))
            return load(work, &filter_protocols[word.value], depth);
        break;
    case FW_SIGN:
        if (word.value == '-') {
            inner = arithmetic(work, FILTER_TERMS_MAX, 6, depth + 1);
            if (work->term[inner].kind == TERM_NUMBER)
                return new_term(work, (struct term){.kind = TERM_NUMBER,
                                                    .is_result = true,
                                                    .value = 0 - work->term[inner].value});
            return new_term(work, (struct term){.kind = TERM_NEGATION, .left = inner});
        }
        if (word.value == '(') {
            inner = arithmetic(work, FILTER_TERMS_MAX, 1, depth + 1);
            filter_expect(work, ')', "a closing parenthesis");
            return inner;
        }
        break;
    default:
        break;
    }
    work->word = word;
    filter_missing(work, "a number");
    return 0;
}

/* Read operators of at least this rank with what follows them. `left`: what stands before them;
 * FILTER_TERMS_MAX: it is read first. */
static unsigned arithmetic(struct filter_work *work, unsigned left, unsigned least, unsigned depth)
{
    unsigned op = 0, of;

    if (left == FILTER_TERMS_MAX)
        left = operand(work, depth);
    while ((of = rank(&work->word, &op)) >= least) {
        filter_next(work);
        left = operation(work, op, left,
                         arithmetic(work, FILTER_TERMS_MAX, of == 7 ? 1 : of + 1, depth + 1));
    }
    return left;
}

unsigned filter_arithmetic(struct filter_work *work, unsigned depth)
{
    return arithmetic(work, FILTER_TERMS_MAX, 1, depth);
}

unsigned filter_arithmetic_from(struct filter_work *work, unsigned left, unsigned depth)
{
    return arithmetic(work, left, 1, depth);
}

/* Add a condition to those that must hold. */
struct all {
    struct test test;
    bool has_any;
};

static void begin(struct code *code, const struct all *all)
{
    if (all->has_any)
        filter_here(code, all->test.yes);
}

static void add(struct code *code, struct all *all, struct test test)
{
    all->test = all->has_any ? filter_and(code, all->test, test) : test;
    all->has_any = true;
}

/* Code the conditions under which the bytes of a term's loads exist: the protocol is there. As in
 * libpcap, those of an operation's right side are not checked. */
static void conditions(struct filter_work *work, unsigned at, struct all *all)
{
    struct code *code = &work->code;
    const struct term *term = &work->term[at];
    const struct filter_protocol *protocol = term->protocol;
    bool is_behind_ipv4;

    if (term->kind == TERM_OPERATION || term->kind == TERM_NEGATION)
        conditions(work, term->left, all);
    if (term->kind != TERM_LOAD)
        return;
    (void)filter_begin(code, protocol, &is_behind_ipv4);
    if (is_behind_ipv4) {
        begin(code, all);
        add(code, all, filter_link_type(code, 0x0800));
    }
    conditions(work, term->left, all);
    if (protocol->layer == FILTER_LINK)
        return;
    begin(code, all);
    if (protocol->layer == FILTER_IPV6) {
        add(code, all, filter_link_type(code, 0x86DD));
        begin(code, all);
        add(code, all, filter_next_header(code, protocol->number));
    } else {
        add(code, all, filter_protocol_test(code, protocol));
    }
    if (is_behind_ipv4) {
        begin(code, all);
        add(code, all, filter_first_fragment(code));
    }
}

/* Code the value of a term, into A. `held`: how many words of memory have values that are still
 * needed. */
static void value(struct filter_work *work, unsigned at, unsigned held)
{
    struct code *code = &work->code;
    const struct term *term = &work->term[at], *right = &work->term[term->right];
    bool is_behind_ipv4 = false;
    uint32_t from;

    if (held >= BPF_WORDS) {
        filter_wrong(code, "arithmetic needs more than %u values at once", BPF_WORDS);
        return;
    }
    switch (term->kind) {
    case TERM_NUMBER:
        filter_step(code, LD | IMM, term->value);
        break;
    case TERM_LENGTH:
        filter_step(code, LD | LEN, 0);
        break;
    case TERM_LOAD:
        from = filter_begin(code, term->protocol, &is_behind_ipv4);
        if (work->term[term->left].kind == TERM_NUMBER &&
            from + work->term[term->left].value <= INT32_MAX) {
            from += work->term[term->left].value;
            if (is_behind_ipv4)
                filter_step(code, LDX | BYTE | MSH, code->payload + code->network);
            filter_step(code, LD | term->size | (is_behind_ipv4 ? IND : ABS), from);
            break;
        }
        value(work, term->left, held);
        if (is_behind_ipv4) {
            filter_step(code, LDX | BYTE | MSH, code->payload + code->network);
            filter_step(code, ALU | ADD | X, 0);
        }
        filter_step(code, TAX, 0);
        filter_step(code, LD | IND | term->size, from);
        break;
    case TERM_NEGATION:
        value(work, term->left, held);
        filter_step(code, ALU | NEG, 0);
        break;
    case TERM_OPERATION:
        if (right->kind == TERM_NUMBER && fits(term->op, right->value)) {
            value(work, term->left, held);
            filter_step(code, ALU | term->op, right->value);
            break;
        }
        value(work, term->right, held);
        filter_step(code, ST, held);
        value(work, term->left, held + 1);
        filter_step(code, LDX | MEM, held);
        filter_step(code, ALU | term->op | X, 0);
        break;
    }
}

struct test filter_comparison(struct filter_work *work, unsigned left, unsigned depth)
{
    static const struct {
        uint32_t sign;
        uint8_t op;
        bool is_not;
    } signs[] = {{'=', JEQ, false},      {'>', JGT, false}, {FILTER_GE, JGE, false},
                 {FILTER_NE, JEQ, true}, {'<', JGE, true},  {FILTER_LE, JGT, true}};
    struct code *code = &work->code;
    struct all all = {0};
    size_t i = 0;

    while (i < ARRAY_SIZE(signs) && !filter_is_sign(work, signs[i].sign))
        i++;
    if (i == ARRAY_SIZE(signs)) {
        filter_missing(work, "a comparison (=, !=, <, >, <=, >=)");
        return (struct test){0};
    }
    filter_next(work);
    unsigned right = arithmetic(work, FILTER_TERMS_MAX, 1, depth + 1);
    conditions(work, left, &all);
    conditions(work, right, &all);
    begin(code, &all);
    struct test test;
    if (work->term[right].kind == TERM_NUMBER) {
        value(work, left, 0);
        test = filter_jump(code, signs[i].op, work->term[right].value);
    } else {
        value(work, right, 0);
        filter_step(code, ST, 0);
        value(work, left, 1);
        filter_step(code, LDX | MEM, 0);
        test = filter_jump(code, signs[i].op | X, 0);
    }
    work->terms = 0;
    add(code, &all, signs[i].is_not ? filter_not(test) : test);
    return all.test;
}
