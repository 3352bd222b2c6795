/* SPDX-License-Identifier: BSD-2-Clause
 * The RSS key (net/lane/rss_key.c), judged by a second Toeplitz hash, which is checked by
 * Microsoft's verification suite:
 *  - every key that is made spreads 64 flows that differ in six bits of one field to the frame;
 *  - a symmetric key gives both directions one hash, and each exclusive or of the words another;
 *  - keys differ from boot to boot, in every bit;
 *  - a key that does not spread is recognized;
 *  - rss= and rss.key=: words that are accepted or refused.
 */
/* links: net/lane/rss_key.c boot/cmdline.c boot/console_key.c
 * kernel/lib/parse.c kernel/lib/fmt.c tests/host/machine.c
 * $(MODEL) drivers/drivers.c drivers/x540/access.c drivers/x540/x540.c drivers/x540/lock.c
 * drivers/x540/nvm.c drivers/x540/link.c drivers/x540/rx.c drivers/x540/tx.c drivers/x540/intr.c
 * drivers/x540/stats.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/cmdline.h"
#include "net/lane/rss_key.h"
#include "tests/host/machine.h"

#define MICROSOFT "6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa"

enum { IPV4_BYTES = 12, IPV6_BYTES = 36, KEYS = 300 };

static uint32_t toeplitz(const uint8_t *key, const uint8_t *input, unsigned bytes)
{
    uint32_t hash = 0, window = (uint32_t)key[0] << 24 | key[1] << 16 | key[2] << 8 | key[3];

    for (unsigned i = 0; i < bytes * 8; i++) {
        if (input[i / 8] & 0x80 >> i % 8)
            hash ^= window;
        window = window << 1 | (key[i / 8 + 4] >> (7 - i % 8) & 1);
    }
    return hash;
}

static void toeplitz__verification_suite__is_right(void **state)
{
    static const struct {
        uint8_t input[IPV4_BYTES]; /* source, destination, their ports */
        uint32_t hash;
    } vectors[] = {
        {{66, 9, 149, 187, 161, 142, 100, 80, 2794 >> 8, 2794 & 255, 1766 >> 8, 1766 & 255},
         0x51ccc178},
        {{199, 92, 111, 2, 65, 69, 140, 83, 14230 >> 8, 14230 & 255, 4739 >> 8, 4739 & 255},
         0xc626b0ea},
    };
    uint8_t key[RSS_KEY_BYTES];
    (void)state;

    assert_true(rss_key_parse(MICROSOFT, key));
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(toeplitz(key, vectors[i].input, IPV4_BYTES), vectors[i].hash);
}

/* Do 64 flows whose `field` (ending at byte `end`) takes 64 values in a row reach each of n queues
 * equally often? */
static bool is_even(const uint8_t *key, unsigned bytes, unsigned end, unsigned n)
{
    uint8_t input[IPV6_BYTES];
    unsigned used[QUEUES_MAX] = {0};

    for (unsigned i = 0; i < bytes; i++)
        input[i] = (uint8_t)rand();
    for (unsigned i = 0; i < 64; i++) {
        input[end - 1] = (uint8_t)((input[end - 1] & 0xC0) | i);
        used[toeplitz(key, input, bytes) % 128 % n]++;
    }
    for (unsigned q = 0; q < n; q++)
        if (used[q] != 64 / n)
            return false;
    return true;
}

static const unsigned v4_ends[] = {4, 8, 10, 12}, v6_ends[] = {16, 32, 34, 36};

static bool spreads(const uint8_t *key)
{
    for (unsigned i = 0; i < 4; i++)
        if (!is_even(key, IPV4_BYTES, v4_ends[i], 16) || !is_even(key, IPV6_BYTES, v6_ends[i], 16))
            return false;
    return true;
}

static void key__made__spreads_flows_to_the_frame(void **state)
{
    (void)state;
    srand(1);
    for (unsigned i = 0; i < KEYS; i++)
        for (enum rss_kind kind = RSS_RANDOM; kind <= RSS_SYMMETRIC; kind++) {
            uint8_t key[RSS_KEY_BYTES];
            rss_key_make(kind, key);
            assert_true(spreads(key));
            for (unsigned n = 2; n <= QUEUES_MAX; n *= 2)
                for (unsigned field = 0; field < 4; field++)
                    assert_true(is_even(key, IPV4_BYTES, v4_ends[field], n));
        }
}

static void key__any__is_judged_by_what_it_does(void **state)
{
    unsigned good = 0;
    (void)state;
    srand(2);
    for (unsigned i = 0; i < 3000; i++) {
        uint8_t key[RSS_KEY_BYTES];
        for (unsigned k = 0; k < RSS_KEY_BYTES; k++)
            key[k] = (uint8_t)rand();
        assert_int_equal(rss_key_spreads(key), spreads(key));
        good += rss_key_spreads(key);
    }
    assert_in_range(good, 600, 1500); /* TRIES of rss_key.c */
    assert_true(rss_key_spreads(rss_key()));
    assert_false(rss_key_spreads((const uint8_t[RSS_KEY_BYTES]){0}));
}

static void key__symmetric__both_directions_have_one_hash(void **state)
{
    static uint8_t seen[65536];
    (void)state;
    srand(3);
    for (unsigned i = 0; i < 20; i++) {
        uint8_t key[RSS_KEY_BYTES];
        rss_key_make(RSS_SYMMETRIC, key);
        for (unsigned k = 2; k < RSS_KEY_BYTES; k++)
            assert_int_equal(key[k], key[k % 2]);
        for (unsigned k = 0; k < 200; k++) {
            uint8_t there[IPV4_BYTES], back[IPV4_BYTES];
            for (unsigned b = 0; b < IPV4_BYTES; b++)
                there[b] = (uint8_t)rand();
            memcpy(back, there + 4, 4);
            memcpy(back + 4, there, 4);
            memcpy(back + 8, there + 10, 2);
            memcpy(back + 10, there + 8, 2);
            assert_int_equal(toeplitz(key, there, IPV4_BYTES), toeplitz(key, back, IPV4_BYTES));
        }
        memset(seen, 0, sizeof(seen));
        for (unsigned port = 0; port < 65536; port++) {
            uint8_t input[IPV4_BYTES] = {[8] = (uint8_t)(port >> 8), [9] = (uint8_t)port};
            uint8_t *is_seen = &seen[toeplitz(key, input, IPV4_BYTES) & 0xFFFF];
            assert_int_equal(*is_seen, 0);
            *is_seen = 1;
        }
    }
}

static void key__many_boots__every_bit_differs(void **state)
{
    unsigned ones[2][RSS_KEY_BYTES * 8] = {{0}};
    (void)state;
    for (unsigned i = 0; i < KEYS; i++)
        for (enum rss_kind kind = RSS_RANDOM; kind <= RSS_SYMMETRIC; kind++) {
            uint8_t key[RSS_KEY_BYTES];
            rss_key_make(kind, key);
            for (unsigned bit = 0; bit < RSS_KEY_BYTES * 8; bit++)
                ones[kind][bit] += key[bit / 8] >> bit % 8 & 1;
        }
    for (unsigned bit = 0; bit < RSS_KEY_BYTES * 8; bit++)
        for (unsigned kind = 0; kind < 2; kind++)
            assert_in_range(ones[kind][bit], KEYS / 4, KEYS * 3 / 4);
}

static void parse__words__are_accepted_or_refused(void **state)
{
    uint8_t key[RSS_KEY_BYTES], again[RSS_KEY_BYTES];
    char text[3 * RSS_KEY_BYTES + 2];
    (void)state;

    assert_true(rss_key_parse(MICROSOFT, key));
    assert_int_equal(key[0] << 8 | key[39], 0x6DFA);
    for (unsigned i = 0; i < RSS_KEY_BYTES; i++)
        snprintf(text + 3 * i, 4, "%02X:", key[i]);
    memset(again, 0, sizeof(again));
    assert_false(rss_key_parse(text, again)); /* a colon at the end */
    text[3 * RSS_KEY_BYTES - 1] = 0;
    assert_true(rss_key_parse(text, again));
    assert_memory_equal(key, again, sizeof(key));
    for (size_t n = 0; n < 2 * RSS_KEY_BYTES; n++) { /* cut, and with a letter that is no digit */
        snprintf(text, sizeof(text), "%.*s", (int)n, MICROSOFT);
        assert_false(rss_key_parse(text, again));
        snprintf(text, sizeof(text), "%s", MICROSOFT);
        text[n] = n % 2 ? 'g' : ':';
        assert_false(rss_key_parse(text, again));
    }
    assert_false(rss_key_parse(MICROSOFT "0", again));
    assert_memory_equal(key, again, sizeof(key)); /* untouched by what was refused */
}

static bool is_symmetric(const uint8_t *key)
{
    return memcmp(key, key + 2, RSS_KEY_BYTES - 2) == 0;
}

static void choose(const char *words)
{
    static struct cmdline line;

    cmdline_parse(&line, words, strlen(words));
    rss_key_choose(&line);
}

static void choose__boot_line__decides(void **state)
{
    uint8_t key[RSS_KEY_BYTES];
    (void)state;

    choose("");
    assert_false(is_symmetric(rss_key()));
    memcpy(key, rss_key(), sizeof(key));
    choose("");
    assert_memory_not_equal(key, rss_key(), sizeof(key));
    choose("rss=symmetric");
    assert_true(is_symmetric(rss_key()));
    choose("rss=random");
    assert_false(is_symmetric(rss_key()));
    choose("rss=symmetric rss.key=" MICROSOFT);
    assert_true(rss_key_parse(MICROSOFT, key));
    assert_memory_equal(key, rss_key(), sizeof(key));
    assert_null(machine_log_has("rss.key"));
    choose("rss.key=6d5a");
    assert_non_null(
        machine_log_has("rss.key=6d5a: not 80 hexadecimal digits; a random key is used"));
    assert_memory_not_equal(key, rss_key(), sizeof(key));
    assert_true(rss_key_spreads(rss_key()));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(toeplitz__verification_suite__is_right),
        cmocka_unit_test(key__made__spreads_flows_to_the_frame),
        cmocka_unit_test(key__any__is_judged_by_what_it_does),
        cmocka_unit_test(key__symmetric__both_directions_have_one_hash),
        cmocka_unit_test(key__many_boots__every_bit_differs),
        cmocka_unit_test(parse__words__are_accepted_or_refused),
        cmocka_unit_test(choose__boot_line__decides),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
