/* SPDX-License-Identifier: BSD-2-Clause
 * Parsing of words. Every number is checked for overflow.
 */
#include "kernel/lib/parse.h"
#include "kernel/lib/str.h"

#define WORD_MAX 31

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 99;
}

/* Parse digits from *s on and move *s past them; false if there are none or the number does not
 * fit.
 */
static bool take_number(const char **s, unsigned base, uint64_t *out)
{
    uint64_t v = 0;
    const char *start = *s;
    for (; digit_of(**s) < (int)base; ++*s) {
        if (__builtin_mul_overflow(v, base, &v) ||
            __builtin_add_overflow(v, (uint64_t)digit_of(**s), &v))
            return false;
    }
    *out = v;
    return *s > start;
}

bool parse_u64(const char *word, uint64_t *out)
{
    uint64_t v;
    unsigned base = 10;
    if (word[0] == '0' && (word[1] == 'x' || word[1] == 'X')) {
        base = 16;
        word += 2;
    }
    if (!take_number(&word, base, &v))
        return false;
    uint64_t scale = 1;
    switch (*word) {
    case 'k':
    case 'K':
        scale = 1000;
        break;
    case 'm':
    case 'M':
        scale = 1000000;
        break;
    case 'g':
    case 'G':
        scale = 1000000000;
        break;
    default:
        break;
    }
    if (scale != 1)
        word++;
    if (*word || __builtin_mul_overflow(v, scale, &v))
        return false;
    *out = v;
    return true;
}

bool parse_port(const char *word, unsigned *port, unsigned *vlan)
{
    uint64_t n, tag = 0;

    if (!str_starts(word, "port"))
        return false;
    word += strlen("port");
    if (!take_number(&word, 10, &n) || n > 31)
        return false;
    if (*word == '.') {
        word++;
        if (!take_number(&word, 10, &tag) || tag < 1 || tag > 4094)
            return false;
    }
    if (*word)
        return false;
    *port = (unsigned)n;
    *vlan = (unsigned)tag;
    return true;
}

/* Parse a.b.c.d from *s on and move *s past it. */
static bool take_ipv4(const char **s, be32_t *out)
{
    uint32_t address = 0;
    for (unsigned i = 0; i < 4; i++) {
        const char *start = *s;
        uint64_t part;
        if (i > 0 && *start++ != '.')
            return false;
        *s = start;
        if (!take_number(s, 10, &part) || part > 255 || (*start == '0' && *s > start + 1))
            return false;
        address = address << 8 | (uint32_t)part;
    }
    *out = be32_of(address);
    return true;
}

bool parse_ipv4(const char *word, be32_t *out)
{
    be32_t address;
    if (!take_ipv4(&word, &address) || *word)
        return false;
    *out = address;
    return true;
}

/* Parse address/bits or address from *s on and move *s past it. */
static bool take_prefix(const char **s, struct ipv4_prefix *out)
{
    out->bits = 32;
    if (!take_ipv4(s, &out->address))
        return false;
    if (**s == '/') {
        uint64_t bits;
        const char *start = ++*s;
        if (!take_number(s, 10, &bits) || bits > 32 || *s > start + 2)
            return false;
        out->bits = (uint8_t)bits;
    }
    return true;
}

bool parse_prefix(const char *word, struct ipv4_prefix *out)
{
    struct ipv4_prefix p;
    if (!take_prefix(&word, &p) || *word)
        return false;
    *out = p;
    return true;
}

bool parse_prefixes(const char *word, struct ipv4_prefix out[PREFIXES_MAX], unsigned *n)
{
    unsigned found = 0;
    do {
        if (found == PREFIXES_MAX || !take_prefix(&word, &out[found++]))
            return false;
    } while (*word++ == ',');
    if (word[-1] != 0)
        return false;
    *n = found;
    return true;
}

bool parse_enum(const char *word, const char *words, unsigned *out)
{
    size_t n = strlen(word);
    for (unsigned i = 0;; i++) {
        const char *end = strchr(words, '|');
        size_t len = end ? (size_t)(end - words) : strlen(words);
        if (len == n && n > 0 && strncmp(word, words, n) == 0) {
            *out = i;
            return true;
        }
        if (!end)
            return false;
        words = end + 1;
    }
}

/* One to digits_max hexadecimal digits, then `end`, which *s moves past. */
static bool take_hex(const char **s, unsigned digits_max, char end, uint64_t *out)
{
    const char *start = *s;

    if (!take_number(s, 16, out) || *s > start + digits_max || **s != end)
        return false;
    *s += end != 0;
    return true;
}

bool parse_mac(const char *word, uint8_t mac[6])
{
    uint64_t bytes[6];

    for (unsigned i = 0; i < 6; i++)
        if (!take_hex(&word, 2, i < 5 ? ':' : 0, &bytes[i]))
            return false;
    for (unsigned i = 0; i < 6; i++)
        mac[i] = (uint8_t)bytes[i];
    return true;
}

bool parse_neighbour(const char *word, be32_t *ip, uint8_t mac[6])
{
    char address[16];
    const char *comma = strchr(word, ',');
    be32_t parsed;

    if (!comma || (size_t)(comma - word) >= sizeof(address))
        return false;
    memcpy(address, word, (size_t)(comma - word));
    address[comma - word] = 0;
    if (!parse_ipv4(address, &parsed) || !parse_mac(comma + 1, mac))
        return false;
    *ip = parsed;
    return true;
}

bool parse_card(const char *word, struct card_name *out)
{
    struct card_name card = {.is_mac = true};
    uint64_t segment = 0, bus, device, function;
    const char *at = word, *colon = strchr(word, ':');

    if (!parse_mac(word, card.mac)) {
        card = (struct card_name){0};
        if (colon && strchr(colon + 1, ':') && !take_hex(&at, 4, ':', &segment))
            return false;
        if (!take_hex(&at, 2, ':', &bus) || !take_hex(&at, 2, '.', &device) ||
            !take_hex(&at, 1, 0, &function) || device > 31 || function > 7)
            return false;
        card.segment = (uint16_t)segment;
        card.bus = (uint8_t)bus;
        card.device = (uint8_t)device;
        card.function = (uint8_t)function;
    }
    *out = card;
    return true;
}

unsigned parse_distance(const char *a, const char *b)
{
    /* One row at a time: row[j] is the distance of a's first i letters to b's first j letters. */
    size_t a_len = strnlen(a, WORD_MAX), b_len = strnlen(b, WORD_MAX);
    uint8_t row[WORD_MAX + 1];
    for (size_t j = 0; j <= b_len; j++)
        row[j] = (uint8_t)j;
    for (size_t i = 1; i <= a_len; i++) {
        uint8_t diagonal = row[0];
        row[0] = (uint8_t)i;
        for (size_t j = 1; j <= b_len; j++) {
            uint8_t changed = diagonal + (a[i - 1] != b[j - 1]);
            uint8_t deleted_or_added = MIN(row[j], row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = MIN(changed, deleted_or_added);
        }
    }
    return row[b_len];
}
