/* SPDX-License-Identifier: BSD-2-Clause
 * The boot line's grammar; the known keys are declared where they are used, see BOOT_KEY.
 */
#include "boot/cmdline.h"
#include "boot/console_key.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/str.h"

/* The largest spelling distance of a key that is suggested. */
#define DISTANCE_MAX 3

/* A number at *given, of at most `digits` digits, up to `most`, and move behind it. */
static bool take_number(const char **given, unsigned digits, unsigned most, unsigned *number)
{
    const char *start = *given;

    *number = 0;
    while (**given >= '0' && **given <= '9' && *given - start < digits)
        *number = *number * 10 + (unsigned)(*(*given)++ - '0');
    return *given != start && *number <= most && (*start != '0' || *given - start == 1);
}

/* What a name's '#' and '*' stand for in a key. */
struct key_numbers {
    unsigned port, vlan;
};

/* Does the given key match a name of the table? */
static bool key_fits(const char *name, const char *given, struct key_numbers *numbers)
{
    for (; *name; name++) {
        if (*name == '#') {
            if (!take_number(&given, 2, 31, &numbers->port))
                return false;
        } else if (*name == '*') {
            if (!take_number(&given, 4, 4095, &numbers->vlan))
                return false;
        } else if (*name != *given++) {
            return false;
        }
    }
    return *given == 0;
}

const struct cmdline_key *cmdline_find(const char *given)
{
    struct key_numbers numbers;
    for (const struct cmdline_key *key = boot_keys_start; key < boot_keys_end; key++)
        if (key_fits(key->name, given, &numbers))
            return key;
    return NULL;
}

/* Copy a key with every '#', '*' and number replaced by '0', so that names of the table and given
 * keys can be compared by spelling. */
static void copy_without_numbers(char *to, size_t n, const char *key)
{
    size_t len = 0;
    for (bool in_number = false; *key && len + 1 < n; key++) {
        bool is_digit = *key == '#' || *key == '*' || (*key >= '0' && *key <= '9');
        if (!is_digit || !in_number)
            to[len++] = is_digit ? '0' : *key;
        in_number = is_digit;
    }
    to[len] = 0;
}

/* The number of letters of a that do not occur in b. */
static unsigned letters_missing(const char *a, const char *b)
{
    unsigned n = 0;
    for (; *a; a++)
        n += strchr(b, *a) == NULL;
    return n;
}

/* The key with the nearest spelling. Of equally near ones, that whose letters differ least ("pi" is
 * "ip" rather than "gw"), then the first by name: the order of the table is that of linking. */
static const char *key_nearest(const char *given)
{
    char a[32], b[32];
    copy_without_numbers(a, sizeof a, given);
    const char *best = NULL;
    unsigned best_distance = DISTANCE_MAX + 1, best_letters = 0;
    for (const struct cmdline_key *key = boot_keys_start; key < boot_keys_end; key++) {
        copy_without_numbers(b, sizeof b, key->name);
        unsigned distance = parse_distance(a, b);
        unsigned letters = letters_missing(a, b) + letters_missing(b, a);
        bool is_nearer =
            distance < best_distance ||
            (best && distance == best_distance &&
             (letters < best_letters || (letters == best_letters && strcmp(key->name, best) < 0)));
        /* If all letters differ it is not a spelling mistake. */
        if (is_nearer && distance < MIN(strlen(a), strlen(b))) {
            best = key->name;
            best_distance = distance;
            best_letters = letters;
        }
    }
    return best;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Parse the word at *at in c->text, resolving quotes and backslashes in place, and move *at past
 * it. The first '=' separates key and value. */
static struct cmdline_param take_word(struct cmdline *c, char **at)
{
    char *from = *at, *to = *at;
    struct cmdline_param p = {.key = to};
    bool in_quotes = false;
    for (; *from && (in_quotes || !is_blank(*from)); from++) {
        if (*from == '\\' && (from[1] == '"' || from[1] == '\\' || from[1] == '\'')) {
            *to++ = *++from;
        } else if (*from == '"') {
            in_quotes = !in_quotes;
        } else if (*from == '=' && !p.value) {
            *to++ = 0;
            p.value = to;
        } else {
            *to++ = *from;
        }
    }
    c->quote_is_open |= in_quotes;
    *at = *from ? from + 1 : from; /* before the NUL is written: to may equal from */
    *to = 0;
    return p;
}

void cmdline_parse(struct cmdline *c, const char *line, size_t max)
{
    memset(c, 0, sizeof *c);
    size_t len = strnlen(line, max);
    if (len >= sizeof c->text) {
        /* Drop the incomplete last word: half an address would be a wrong address. */
        len = sizeof c->text - 1;
        while (len > 0 && !is_blank(line[len - 1]))
            len--;
        c->is_cut = true;
    }
    memcpy(c->text, line, len);
    char *at = c->text;
    for (;;) {
        while (is_blank(*at))
            at++;
        if (!*at)
            return;
        if (c->n == CMDLINE_PARAMS_MAX) {
            c->is_cut = true;
            return;
        }
        c->params[c->n++] = take_word(c, &at);
    }
}

static bool is_route(const char *value)
{
    char prefix[20];
    const char *comma = strchr(value, ',');
    struct ipv4_prefix p;
    be32_t gateway;
    unsigned port, vlan;
    if (!comma || (size_t)(comma - value) >= sizeof prefix)
        return false;
    memcpy(prefix, value, (size_t)(comma - value));
    prefix[comma - value] = 0;
    const char *via = comma + 1;
    return parse_prefix(prefix, &p) &&
           (parse_ipv4(via, &gateway) || str_equal(via, "reject") || parse_port(via, &port, &vlan));
}

static bool value_fits(const struct cmdline_key *key, const char *value)
{
    struct console_key console;
    struct card_name card;
    uint8_t mac[6];
    uint64_t number = 0;
    unsigned position;
    be32_t address;
    struct ipv4_prefix prefix, prefixes[PREFIXES_MAX];
    switch (key->kind) {
    case CMDLINE_COUNT:
        return parse_u64(value, &number);
    case CMDLINE_ENUM:
        return parse_enum(value, key->words, &position);
    case CMDLINE_IPV4:
        return parse_ipv4(value, &address);
    case CMDLINE_PREFIX:
        return parse_prefix(value, &prefix);
    case CMDLINE_PREFIXES:
        return parse_prefixes(value, prefixes, &position);
    case CMDLINE_ROUTE:
        return is_route(value);
    case CMDLINE_CONSOLE:
        return console_key_parse(value, &console);
    case CMDLINE_CARD:
        return parse_card(value, &card);
    case CMDLINE_NEIGHBOUR:
        return parse_neighbour(value, &address, mac);
    case CMDLINE_TEXT:
        break;
    }
    return true;
}

static const char *expected_value(const struct cmdline_key *key)
{
    switch (key->kind) {
    case CMDLINE_COUNT:
        return "a number";
    case CMDLINE_ENUM:
        return key->words;
    case CMDLINE_IPV4:
        return "an address such as 192.0.2.1";
    case CMDLINE_PREFIX:
        return "an address such as 192.0.2.1/24";
    case CMDLINE_PREFIXES:
        return "up to 16 prefixes such as 10.0.0.0/24,192.0.2.1";
    case CMDLINE_ROUTE:
        return "prefix,gateway such as 10.0.0.0/8,192.0.2.254 (the gateway may be portN or reject)";
    case CMDLINE_CONSOLE:
        return "ttyS0 to ttyS3, uart,io|mmio|mmio16|mmio32,ADDRESS or pciserial,BB:DD.F, with a "
               "rate such as ,9600n8 if not the usual one";
    case CMDLINE_CARD:
        return "a PCI address such as 0000:03:00.0 or a MAC address such as 02:00:00:00:00:01";
    case CMDLINE_NEIGHBOUR:
        return "an address and a MAC address such as 192.0.2.7,02:00:00:00:00:07";
    case CMDLINE_TEXT:
        break;
    }
    return "a value";
}

/* Write the error in parameter i into text; false if there is none. */
static bool find_error(const struct cmdline *c, unsigned i, char *text, size_t n)
{
    const struct cmdline_param *p = &c->params[i];
    const struct cmdline_key *key = cmdline_find(p->key);
    if (!key) {
        const char *nearest = key_nearest(p->key);
        fmt_print(text, n, "unknown key \"%.40s\"", p->key);
        if (nearest)
            fmt_append(text, n, "; did you mean \"%s\"?", nearest);
        return true;
    }
    if (!p->value) {
        fmt_print(text, n, "%s has no value; expected %s", p->key, expected_value(key));
        return true;
    }
    if (!value_fits(key, p->value)) {
        fmt_print(text, n, "%s=%.60s is invalid; expected %s", p->key, p->value,
                  expected_value(key));
        return true;
    }
    for (unsigned later = i + 1; !key->repeats && later < c->n; later++)
        if (str_equal(c->params[later].key, p->key)) {
            fmt_print(text, n, "%s=%.60s is overridden by a later %s=", p->key, p->value, p->key);
            return true;
        }
    return false;
}

bool cmdline_is_valid(const struct cmdline *c, unsigned i)
{
    char text[192];
    return !find_error(c, i, text, sizeof text);
}

unsigned cmdline_validate(const struct cmdline *c, void (*warn)(void *context, const char *text),
                          void *context)
{
    unsigned n = 0;
    char text[192];
    for (unsigned i = 0; i < c->n; i++)
        if (find_error(c, i, text, sizeof text)) {
            warn(context, text);
            n++;
        }
    if (c->quote_is_open) {
        warn(context, "a quote is not closed; the value ends with the line");
        n++;
    }
    if (c->is_cut) {
        fmt_print(text, sizeof text,
                  "too long (at most %u bytes and %u words); the rest is ignored",
                  CMDLINE_BYTES_MAX - 1, CMDLINE_PARAMS_MAX);
        warn(context, text);
        n++;
    }
    return n;
}

/* Does the parameter set the address that `given` is about ("port1.gw", "port1.10.gw"), or any if
 * `given` is NULL? */
static bool is_address_of(const struct cmdline_param *p, const char *given)
{
    struct ipv4_prefix prefix;
    struct key_numbers numbers;

    if (!p->value || !parse_prefix(p->value, &prefix) ||
        !(key_fits("port#.ip", p->key, &numbers) || key_fits("port#.*.ip", p->key, &numbers)))
        return false;
    size_t same = strlen(p->key) - strlen("ip");
    return !given || (strncmp(p->key, given, same) == 0 && !strchr(given + same, '.'));
}

bool cmdline_has_no_effect(const struct cmdline *c, unsigned i, const char *app, unsigned ports_n,
                           char *text, size_t n)
{
    const char *given = c->params[i].key;
    const struct cmdline_key *key = cmdline_find(given);
    bool has_address = false;
    struct key_numbers numbers;

    if (!cmdline_is_valid(c, i))
        return false;
    fmt_print(text, n, "%s= has no effect ", given);
    if (key->app && !str_equal(key->app, app)) {
        fmt_append(text, n, "with app=%s: it is for app=%s", app, key->app);
        return true;
    }
    if (strchr(key->name, '#') && key_fits(key->name, given, &numbers) && numbers.port >= ports_n) {
        fmt_append(text, n, "with %u ports", ports_n);
        return true;
    }
    for (unsigned other = 0; other < c->n; other++)
        has_address |= is_address_of(&c->params[other], strchr(key->name, '#') ? given : NULL);
    fmt_append(text, n, "without an address (port#.ip=)");
    return key->needs_address && !has_address;
}

const char *cmdline_next(const struct cmdline *c, const char *key, unsigned *cursor)
{
    while (*cursor < c->n) {
        const struct cmdline_param *p = &c->params[(*cursor)++];
        if (p->value && str_equal(p->key, key))
            return p->value;
    }
    return NULL;
}

bool cmdline_next_vlan(const struct cmdline *c, unsigned port, unsigned *cursor, unsigned *vlan)
{
    struct key_numbers numbers;

    while (*cursor < c->n)
        if (key_fits("port#.*.ip", c->params[(*cursor)++].key, &numbers) && numbers.port == port &&
            cmdline_is_valid(c, *cursor - 1)) {
            *vlan = numbers.vlan;
            return true;
        }
    return false;
}

const char *cmdline_get(const struct cmdline *c, const char *key)
{
    const char *last = NULL;
    unsigned cursor = 0;
    for (const char *v; (v = cmdline_next(c, key, &cursor)) != NULL;)
        last = v;
    return last;
}

bool cmdline_u64(const struct cmdline *c, const char *key, uint64_t *out)
{
    const char *value = cmdline_get(c, key);
    return value && parse_u64(value, out);
}

bool cmdline_ipv4(const struct cmdline *c, const char *key, be32_t *out)
{
    const char *value = cmdline_get(c, key);
    return value && parse_ipv4(value, out);
}

bool cmdline_prefix(const struct cmdline *c, const char *key, struct ipv4_prefix *out)
{
    const char *value = cmdline_get(c, key);
    return value && parse_prefix(value, out);
}

bool cmdline_prefixes(const struct cmdline *c, const char *key,
                      struct ipv4_prefix out[PREFIXES_MAX], unsigned *n)
{
    const char *value = cmdline_get(c, key);
    return value && parse_prefixes(value, out, n);
}

bool cmdline_enum(const struct cmdline *c, const char *key, unsigned *out)
{
    const char *value = cmdline_get(c, key);
    const struct cmdline_key *known = cmdline_find(key);
    return value && known && known->words && parse_enum(value, known->words, out);
}
