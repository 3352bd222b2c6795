/* SPDX-License-Identifier: BSD-2-Clause
 * Steps, jumps and their targets. See code.h.
 */
#include "net/filter/code.h"

#include <stdarg.h>

#include "kernel/lib/fmt.h"
#include "kernel/lib/str.h"
#include "net/filter/opcode.h"

/* libpcap's default length of a captured frame: what a match returns. */
#define MATCH       262144u
#define STEPS_SPENT 64u /* steps of which the work is counted at a time */

void filter_code_begin(struct code *code)
{
    code->n = 0;
    code->link = 0;
    code->type = 12;
    code->payload = 14;
    code->network = 0;
    code->labels = 0;
    code->is_ppp = false;
    code->wrong[0] = 0;
}

void filter_wrong(struct code *code, const char *fmt, ...)
{
    va_list args;

    if (code->wrong[0])
        return;
    va_start(args, fmt);
    fmt_vprint(code->wrong, sizeof(code->wrong), fmt, args);
    va_end(args);
}

/* Two more steps, which end every program, must fit too. */
static bool has_room(struct code *code)
{
    if (code->n < BPF_STEPS_MAX - 2)
        return true;
    filter_wrong(code, "the filter needs more than %u steps", BPF_STEPS_MAX);
    return false;
}

void filter_step(struct code *code, unsigned op, uint32_t k)
{
    if (has_room(code))
        code->step[code->n++] = (struct bpf_step){.code = (uint16_t)op, .k = k};
}

/* A list is a chain through `target` of places: 2 * step + (0 if true, 1 if false) + 1. */
static uint16_t *next_in(struct code *code, uint16_t place)
{
    return &code->target[(place - 1) / 2][(place - 1) % 2];
}

struct test filter_jump(struct code *code, unsigned op, uint32_t k)
{
    unsigned at = code->n;

    filter_step(code, JMP | op, k);
    if (code->n == at)
        return (struct test){0};
    code->target[at][0] = code->target[at][1] = 0;
    return (struct test){(uint16_t)(2 * at + 1), (uint16_t)(2 * at + 2)};
}

static void set_target(struct code *code, uint16_t list, unsigned target)
{
    while (list != 0) {
        uint16_t *place = next_in(code, list);
        list = *place;
        *place = (uint16_t)target;
    }
}

void filter_here(struct code *code, uint16_t list)
{
    set_target(code, list, code->n);
}

static uint16_t joined(struct code *code, uint16_t a, uint16_t b)
{
    uint16_t *end = &a;

    while (*end != 0)
        end = next_in(code, *end);
    *end = b;
    return a;
}

struct test filter_and(struct code *code, struct test a, struct test b)
{
    return (struct test){b.yes, joined(code, a.no, b.no)};
}

struct test filter_or(struct code *code, struct test a, struct test b)
{
    return (struct test){joined(code, a.yes, b.yes), b.no};
}

struct test filter_not(struct test a)
{
    return (struct test){a.no, a.yes};
}

static bool is_jump(const struct bpf_step *step)
{
    return (step->code & 7) == JMP;
}

/* A conditional jump skips at most 255 steps. One that must go further jumps to an unconditional
 * jump right behind it: `far` has the number of those for each of its two targets. Each round
 * moves steps apart, which may make another jump too short, until none is. Returns the number of
 * steps. */
static unsigned place(struct code *code)
{
    uint16_t *at = code->at;
    uint8_t(*far)[2] = code->far;
    bool is_stable = false;

    while (!is_stable) {
        unsigned n = 0;
        is_stable = true;
        for (unsigned i = 0; i < code->n; i++) {
            at[i] = (uint16_t)n;
            n += 1u + far[i][0] + far[i][1];
        }
        for (unsigned i = 0; i < code->n; i++) {
            if (i % STEPS_SPENT == 0)
                filter_spend(code, STEPS_SPENT * 30);
            for (unsigned side = 0; is_jump(&code->step[i]) && side < 2; side++)
                if (!far[i][side] && at[code->target[i][side]] - at[i] - 1 > UINT8_MAX) {
                    far[i][side] = 1;
                    is_stable = false;
                }
        }
    }
    return code->n ? at[code->n - 1] + 1u : 0;
}

bool filter_code_end(struct code *code, struct test all, struct bpf *out)
{
    const uint16_t *at = code->at;
    const uint8_t(*far)[2] = code->far;

    if (code->wrong[0])
        return false;
    memset(code->far, 0, sizeof(code->far));
    set_target(code, all.yes, code->n);
    code->step[code->n++] = (struct bpf_step){.code = RET, .k = MATCH};
    set_target(code, all.no, code->n);
    code->step[code->n++] = (struct bpf_step){.code = RET, .k = 0};
    out->n = place(code);
    if (out->n > BPF_STEPS_MAX) {
        filter_wrong(code, "the filter needs more than %u steps", BPF_STEPS_MAX);
        return false;
    }
    for (unsigned i = 0; i < code->n; i++) {
        struct bpf_step *step = &out->step[at[i]];
        if (i % STEPS_SPENT == 0)
            filter_spend(code, STEPS_SPENT * 60);
        *step = code->step[i];
        if (!is_jump(step))
            continue;
        uint8_t skip[2];
        for (unsigned side = 0; side < 2; side++) {
            unsigned target = at[code->target[i][side]], behind = side ? far[i][0] : 0;
            skip[side] = (uint8_t)(far[i][side] ? behind : target - at[i] - 1);
            if (far[i][side])
                step[1 + behind] =
                    (struct bpf_step){.code = JMP | JA, .k = target - at[i] - 2 - behind};
        }
        step->if_true = skip[0];
        step->if_false = skip[1];
    }
    return true;
}
