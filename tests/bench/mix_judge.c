/* SPDX-License-Identifier: BSD-2-Clause
 * The judge of the bench of mixes. For each input frame it notes what must come out: the port, and
 * a hash of the bytes. A frame that comes out must be one of those, and the next of its flow.
 * Forwarded and routed frames are compared byte by byte, but a router may pad with zeroes. An
 * answer by the stack is compared in all that RFCs 768, 791, 792 and 1122 prescribe; its
 * identification, DF, padding, and whether it repeats the sender's service are the host's choice.
 */
#include "tests/bench/mix_parts.h"

#include <stdlib.h>
#include <string.h>

enum { NOTES_MAX = 1 << 14, BUCKETS = 1 << 12, TTL = 64, NO_NOTE = -1, PADDING = 0x5A };

static struct note {
    uint64_t key, i;
    unsigned flow; /* with both ports */
    bool needs_sum;
    uint8_t ttl, service; /* of an answer's input frame */
    int next;
} notes[NOTES_MAX];
static int first[BUCKETS], unused;
static bool is_ready;
static uint64_t fed, fed_by[MIX_PORTS_MAX], outstanding, right, errors;
static uint64_t last[MIX_PORTS_MAX * MIX_PORTS_MAX * MIX_FLOWS];
static const char *fault;
bool mix_checks_order = true;

static void set_fault(const char *what)
{
    if (!fault)
        fault = what;
}

/* ---- What identifies an output ---- */

static uint64_t hash(uint64_t sum, const uint8_t *bytes, uint32_t n)
{
    uint64_t word;

    for (; n >= 8; n -= 8, bytes += 8) {
        memcpy(&word, bytes, 8);
        sum = (sum ^ word) * 0x9E3779B97F4A7C15ull;
        sum ^= sum >> 29;
    }
    word = 0;
    memcpy(&word, bytes, n);
    sum = (sum ^ word ^ (uint64_t)n << 56) * 0xBF58476D1CE4E5B9ull;
    return sum ^ sum >> 32;
}

/* The internet checksum over n bytes and `sum` is right if this is 0xFFFF. */
static uint32_t add_up(const uint8_t *bytes, uint32_t n, uint32_t sum)
{
    for (uint32_t i = 0; i < n; i++)
        sum += (uint32_t)bytes[i] << (i & 1 ? 0 : 8);
    while (sum >> 16)
        sum = (sum & 0xFFFF) + (sum >> 16);
    return sum;
}

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

/* Padding is what the sender's was, or zero; anything else would be bytes of another frame. */
static bool is_padding(const uint8_t *bytes, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (bytes[i] != 0 && bytes[i] != PADDING)
            return false;
    return true;
}

/* The key of a frame that is passed on. */
static uint64_t key_of(unsigned port, const uint8_t *bytes, uint32_t length)
{
    uint32_t used = 14 + get16(bytes + 16);

    if (mix->app != MIX_ROUTE || get16(bytes + 12) != 0x0800 || length != MIX_BYTES_MIN ||
        used > length || !is_padding(bytes + used, length - used))
        used = length;
    return hash(port, bytes, used);
}

/* What an answer says, and the fields that have a choice. */
struct answer {
    uint64_t key;
    bool has_sum;
    uint8_t ttl, service, type; /* of ICMP; else 0xFF */
};

/* False: it is no valid datagram of UDP or ICMP. A tag with VLAN id 0 counts as none. */
static bool read_answer(unsigned port, const uint8_t *bytes, uint32_t length, struct answer *out)
{
    uint32_t tag = 0, from = 12;

    if (length < MIX_BYTES_MIN)
        return false;
    if (get16(bytes + 12) == 0x8100) {
        tag = get16(bytes + 14);
        from = 16;
    }
    const uint8_t *ip = bytes + from + 2, *payload = ip + 4 * (ip[0] & 15);
    uint32_t header = 4 * (ip[0] & 15), total = get16(ip + 2);
    if (get16(bytes + from) != 0x0800 || ip[0] >> 4 != 4 || header < 20 || total < header + 8 ||
        from + 2 + total > length || (get16(ip + 6) & 0x3FFF) || add_up(ip, header, 0) != 0xFFFF)
        return false;
    if (length > MIX_BYTES_MIN + (from - 12) && length != from + 2 + total)
        return false; /* more padding than the shortest frame needs */
    if (!is_padding(ip + total, length - from - 2 - total))
        return false;
    uint32_t n = total - header;
    *out = (struct answer){.has_sum = true, .ttl = ip[8], .service = ip[1], .type = 0xFF};
    if (ip[9] == 17) {
        out->has_sum = get16(payload + 6) != 0;
        if (get16(payload + 4) != n ||
            (out->has_sum && add_up(payload, n, add_up(ip + 12, 8, 17 + n)) != 0xFFFF))
            return false;
        out->key = hash(hash(port, payload, 6), payload + 8, n - 8);
    } else if (ip[9] == 1) {
        if (add_up(payload, n, 0) != 0xFFFF)
            return false;
        out->type = payload[0];
        out->key = hash(port + 16, payload, n);
    } else {
        return false;
    }
    out->key = hash(hash(out->key, bytes, 12), ip + 12, 8) + (tag & 0xFFF ? tag : 0);
    return true;
}

static bool is_answered_by_stack(void)
{
    return mix->app != MIX_FORWARD && mix->what != MIX_ARP &&
           !(mix->app == MIX_ROUTE && mix->what == MIX_UDP);
}

/* The captures' frames may be anything: what a stack or a router makes of each is not predicted. */
static bool is_open(void)
{
    return mix->what == MIX_CAPTURES && mix->app != MIX_FORWARD;
}

/* ---- Notes ---- */

static void make_ready(void)
{
    for (int i = 0; i < NOTES_MAX; i++)
        notes[i].next = i + 1 < NOTES_MAX ? i + 1 : NO_NOTE;
    for (unsigned i = 0; i < BUCKETS; i++)
        first[i] = NO_NOTE;
    unused = 0;
    is_ready = true;
}

static void add_note(const struct mix_frame *f)
{
    int at = unused;

    if (at == NO_NOTE) {
        set_fault("frames were lost");
        return;
    }
    struct note *note = &notes[at];
    unused = note->next;
    *note = (struct note){.i = f->i, .next = NO_NOTE};
    note->flow = (f->port * MIX_PORTS_MAX + f->output) * MIX_FLOWS + f->flow;
    if (is_answered_by_stack()) {
        struct answer answer;
        const uint8_t *ip = f->bytes + (mix->tag ? 18 : 14);
        if (!read_answer(f->output, f->sent, f->sent_length, &answer))
            mix_fail("an expected answer is invalid");
        note->key = answer.key;
        note->needs_sum = answer.has_sum;
        note->ttl = ip[8];
        note->service = ip[1];
    } else {
        note->key = key_of(f->output, f->sent, f->sent_length);
    }
    /* At the end of its list: of equal frames, the oldest is found first. */
    int *link = &first[note->key % BUCKETS];
    while (*link != NO_NOTE)
        link = &notes[*link].next;
    *link = at;
    outstanding++;
}

/* Take the note with this key out of the lists; NULL: there is none. Valid until the next one. */
static const struct note *take_note(uint64_t key)
{
    int *link = &first[key % BUCKETS];

    while (*link != NO_NOTE && notes[*link].key != key)
        link = &notes[*link].next;
    if (*link == NO_NOTE)
        return NULL;
    int at = *link;
    *link = notes[at].next;
    notes[at].next = unused;
    unused = at;
    outstanding--;
    return &notes[at];
}

/* ---- In and out ---- */

uint32_t mix_next(unsigned port, uint8_t bytes[MIX_BYTES_MAX])
{
    static struct mix_frame f;

    if (!is_ready)
        make_ready();
    f.port = port;
    f.i = ++fed;
    f.k = fed_by[port]++;
    mix_make(&f);
    if (f.is_sent)
        add_note(&f);
    memcpy(bytes, f.bytes, f.length);
    return f.length;
}

void mix_sent(unsigned port, const uint8_t *bytes, uint32_t length)
{
    struct answer answer = {0};
    uint64_t key = key_of(port, bytes, length);

    if (is_open())
        return;
    if (is_answered_by_stack() || mix->kind == MIX_DROPPED) {
        if (!read_answer(port, bytes, length, &answer)) {
            set_fault("an answer is no valid datagram");
            return;
        }
        if (answer.type == 3 || answer.type == 11) {
            errors++;
            if (mix->kind != MIX_DROPPED)
                set_fault("an ICMP error was sent");
            return;
        }
        key = answer.key;
    }
    const struct note *note = take_note(key);
    if (!note) {
        set_fault("a frame came out with wrong contents, by the wrong port or twice");
        return;
    }
    if (is_answered_by_stack()) {
        bool ttl_is_right = answer.ttl == TTL || (answer.ttl == note->ttl && answer.ttl > TTL);
        if (!ttl_is_right || (answer.service != 0 && answer.service != note->service))
            set_fault("an answer has the wrong TTL or service");
        if (note->needs_sum && !answer.has_sum)
            set_fault("an answer has no UDP checksum");
    }
    if (mix_checks_order && note->i <= last[note->flow])
        set_fault("frames of one flow came out in another order");
    last[note->flow] = note->i;
    right++;
}

uint64_t mix_fed(void)
{
    return fed;
}

uint64_t mix_right(void)
{
    return right;
}

uint64_t mix_errors(void)
{
    return errors;
}

const char *mix_wrong(void)
{
    if (!fault && outstanding)
        return "frames were lost";
    return fault;
}
