/* SPDX-License-Identifier: BSD-2-Clause
 * The value of console=; see console_key.h.
 */
#include "boot/console_key.h"
#include "kernel/lib/parse.h"
#include "kernel/lib/str.h"

#define BAUD_MAX  115200u
#define PORT_LAST 0xFFF8u /* eight registers */

/* The word at *at up to the next comma, cut off there; *at moves past the comma, to the end after the
 * last word. False: longer than `max` - 1. */
static bool next_word(const char **at, char *word, size_t max)
{
    size_t n = 0;
    while ((*at)[n] && (*at)[n] != ',') {
        if (n + 1 == max)
            return false;
        word[n] = (*at)[n];
        n++;
    }
    word[n] = 0;
    *at += n + ((*at)[n] == ',');
    return true;
}

/* 115200, 115200n8: no parity and eight bits are all that there is. */
static bool parse_rate(const char *word, uint32_t *baud)
{
    char digits[12];
    uint64_t rate;
    size_t n = strnlen(word, sizeof digits);
    if (n == sizeof digits)
        return false;
    memcpy(digits, word, n + 1);
    if (n > 2 && str_equal(digits + n - 2, "n8"))
        digits[n - 2] = 0;
    if (!parse_u64(digits, &rate) || rate == 0 || rate > BAUD_MAX || BAUD_MAX % rate != 0)
        return false;
    *baud = (uint32_t)rate;
    return true;
}

static bool parse_hex(const char **at, unsigned digits_max, char end, uint8_t *out)
{
    unsigned value = 0, n = 0;
    for (; **at && **at != end; (*at)++, n++) {
        char c = **at;
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                : 16;
        if (digit == 16 || n == digits_max)
            return false;
        value = value * 16 + digit;
    }
    if (n == 0 || **at != end)
        return false;
    *at += end != 0;
    *out = (uint8_t)value;
    return true;
}

/* 00:16.3 */
static bool parse_pci(const char *word, struct console_key *key)
{
    return parse_hex(&word, 2, ':', &key->bus) && parse_hex(&word, 2, '.', &key->device) &&
           parse_hex(&word, 1, 0, &key->function) && key->device < 32 && key->function < 8;
}

/* io,0x2f8 or mmio32,0xfedc9000 */
static bool parse_uart(const char **at, struct console_key *key)
{
    static const struct {
        const char *word;
        enum console_where where;
        uint8_t bytes;
    } kinds[] = {
        {"io", CONSOLE_PORT, 1},
        {"mmio", CONSOLE_MEMORY, 1},
        {"mmio16", CONSOLE_MEMORY, 2},
        {"mmio32", CONSOLE_MEMORY, 4},
    };
    char word[24];
    if (!next_word(at, word, sizeof word))
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (!str_equal(word, kinds[i].word))
            continue;
        key->where = kinds[i].where;
        key->bytes = kinds[i].bytes;
        return next_word(at, word, sizeof word) && parse_u64(word, &key->base) && key->base != 0 &&
               key->base % key->bytes == 0 &&
               (key->where != CONSOLE_PORT || key->base <= PORT_LAST);
    }
    return false;
}

bool console_key_parse(const char *value, struct console_key *out)
{
    static const uint16_t coms[] = {0x3F8, 0x2F8, 0x3E8, 0x2E8};
    struct console_key key = {0};
    const char *at = value;
    char word[24];
    size_t n = strnlen(value, 64);
    if (n == 64 || n == 0 || value[n - 1] == ',' || !next_word(&at, word, sizeof word))
        return false;
    if (str_starts(word, "ttyS")) {
        if (word[4] < '0' || word[4] > '3' || word[5])
            return false;
        key.base = coms[word[4] - '0'];
        key.baud = BAUD_MAX;
    } else if (str_equal(word, "uart") || str_equal(word, "uart8250")) {
        if (!parse_uart(&at, &key))
            return false;
    } else if (str_equal(word, "pciserial")) {
        const char *after = at;
        key.where = CONSOLE_PCI;
        key.is_any = true;
        if (*at && next_word(&after, word, sizeof word) && parse_pci(word, &key)) {
            key.is_any = false;
            at = after;
        }
    } else {
        return false;
    }
    if (*at && (!next_word(&at, word, sizeof word) || !parse_rate(word, &key.baud) || *at))
        return false;
    *out = key;
    return true;
}
