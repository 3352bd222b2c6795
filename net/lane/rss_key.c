/* SPDX-License-Identifier: BSD-2-Clause
 * See rss_key.h.
 */
#include "net/lane/rss_key.h"
#include "arch/random.h"
#include "boot/cmdline.h"
#include "kernel/lib/str.h"
#include "kernel/log/log.h"

enum {
    TRIES = 100,    /* a random key spreads with a probability of about a third */
    FIELD_BITS = 6, /* the last ones of each field */
    QUEUE_BITS = 4, /* the last ones of the hash: QUEUES_MAX is 16 */
    HASH_BITS = 32,
};

BOOT_KEY("rss", CMDLINE_ENUM, .words = "random|symmetric");
BOOT_KEY("rss.key", CMDLINE_TEXT);

static uint8_t chosen[RSS_KEY_BYTES] = {0x6D, 0x5A, 0x6D, 0x5A, 0x6D, 0x5A, 0x6D, 0x5A, 0x6D, 0x5A,
                                        0x6D, 0x5A, 0x6D, 0x5A, 0x6D, 0x5A, 0x6D, 0x5A, 0x6D, 0x5A,
                                        0x6D, 0x5A, 0x6D, 0x5A, 0x6D, 0x5A, 0x6D, 0x5A, 0x6D, 0x5A,
                                        0x6D, 0x5A, 0x6D, 0x5A, 0x6D, 0x5A, 0x6D, 0x5A, 0x6D, 0x5A};

const uint8_t *rss_key(void)
{
    return chosen;
}

/* The last QUEUE_BITS bits that an input bit at this position contributes to the hash. */
static unsigned contribution(const uint8_t *key, unsigned position)
{
    unsigned at = position + HASH_BITS - QUEUE_BITS;
    unsigned two_bytes =
        (unsigned)key[at / 8] << 8 | (at / 8 + 1 < RSS_KEY_BYTES ? key[at / 8 + 1] : 0);

    return two_bytes >> (16 - QUEUE_BITS - at % 8) & (BIT(QUEUE_BITS) - 1);
}

/* Do the last bits of the field that ends at position `end` reach all queues? They do, and equally
 * often, if QUEUE_BITS of their contributions are linearly independent. */
static bool field_spreads(const uint8_t *key, unsigned end)
{
    unsigned basis[QUEUE_BITS] = {0}, rank = 0;

    for (unsigned position = end - FIELD_BITS; position < end; position++) {
        unsigned v = contribution(key, position);
        for (unsigned bit = 0; bit < QUEUE_BITS; bit++) {
            if (!(v & BIT(bit)))
                continue;
            if (basis[bit] == 0) {
                basis[bit] = v;
                rank++;
                break;
            }
            v ^= basis[bit];
        }
    }
    return rank == QUEUE_BITS;
}

bool rss_key_spreads(const uint8_t key[RSS_KEY_BYTES])
{
    /* Addresses and ports of IPv4, then of IPv6. */
    static const uint16_t ends[] = {32, 64, 80, 96, 128, 256, 272, 288};
    bool all = true;

    for (unsigned i = 0; i < ARRAY_SIZE(ends); i++)
        all &= field_spreads(key, ends[i]);
    return all;
}

void rss_key_make(enum rss_kind kind, uint8_t key[RSS_KEY_BYTES])
{
    static_assert(RSS_KEY_BYTES % 8 == 0, "whole words");
    for (unsigned i = 0; i < TRIES; i++) {
        uint64_t word = random_u64();
        for (unsigned at = 0; at < RSS_KEY_BYTES; at += 8) {
            if (kind == RSS_SYMMETRIC)
                word = (word & 0xFFFF) * 0x0001000100010001ull;
            memcpy(key + at, &word, 8);
            if (kind == RSS_RANDOM)
                word = random_u64();
        }
        /* An even number of ones in the repeated word would give each hash twice. */
        if (rss_key_spreads(key) &&
            (kind == RSS_RANDOM || __builtin_parity((unsigned)word & 0xFFFF)))
            return;
    }
}

static int digit(char c)
{
    const char *digits = "0123456789abcdefABCDEF", *at = c ? strchr(digits, c) : NULL;

    return !at ? -1 : at - digits < 16 ? (int)(at - digits) : (int)(at - digits) - 6;
}

bool rss_key_parse(const char *text, uint8_t key[RSS_KEY_BYTES])
{
    uint8_t parsed[RSS_KEY_BYTES];

    for (unsigned i = 0; i < RSS_KEY_BYTES; i++) {
        text += i > 0 && *text == ':';
        if (digit(text[0]) < 0 || digit(text[1]) < 0)
            return false;
        parsed[i] = (uint8_t)(digit(text[0]) << 4 | digit(text[1]));
        text += 2;
    }
    if (*text)
        return false;
    memcpy(key, parsed, sizeof(parsed));
    return true;
}

void rss_key_choose(const struct cmdline *line)
{
    const char *given = cmdline_get(line, "rss.key");
    unsigned kind = RSS_RANDOM;

    (void)cmdline_enum(line, "rss", &kind);
    if (given && rss_key_parse(given, chosen))
        return;
    if (given)
        log_error("rss.key=%.100s: not %u hexadecimal digits; a random key is used", given,
                  2 * RSS_KEY_BYTES);
    rss_key_make((enum rss_kind)kind, chosen);
}
