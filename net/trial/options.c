/* SPDX-License-Identifier: BSD-2-Clause
 * Options and rates of a trial; see options.h. Every number typed by the operator is range-checked
 * before it is multiplied: all products below fit in 128 bits.
 */
#include "net/trial/options.h"

#include "kernel/lib/parse.h"
#include "kernel/lib/str.h"
#include "net/stack/eth.h"
#include "net/stack/ip.h"

typedef unsigned __int128 u128;

#define MICRO      1000000ull
#define VALUE_MAX  1000000000000ull /* of a rate or a count, before its fraction */
#define NS_PER_S   1000000000ull
#define QUANTUM_US 2u

/* The low 64 bits of n / d, by long division, since the image is not linked with libgcc. d is not
 * 0. */
static uint64_t divide(u128 n, u128 d)
{
    u128 rest = 0;
    uint64_t q = 0;

    for (unsigned i = 0; i < 128; i++) {
        rest = rest << 1 | n >> 127;
        n <<= 1;
        q <<= 1;
        if (rest >= d) {
            rest -= d;
            q |= 1;
        }
    }
    return q;
}

uint64_t trial_scale(uint64_t a, uint64_t b, uint64_t c)
{
    u128 product = (u128)a * b;

    if (c == 0 || (uint64_t)(product >> 64) >= c)
        return UINT64_MAX;
    return divide(product, c);
}

/* ---- Options ---- */

/* Parse "2.5G" into millionths: digits, at most six of them after a point, and k, M or G (powers of
 * 1000). Returns the end of the number, NULL if there is none or it is too large. */
static const char *take_micro(const char *p, uint64_t *micro)
{
    static const char units[] = "kmg";
    uint64_t whole = 0, scale = MICRO;
    const char *start = p;

    for (; *p >= '0' && *p <= '9'; p++)
        if ((whole = whole * 10 + (uint64_t)(*p - '0')) > VALUE_MAX)
            return NULL;
    if (p == start)
        return NULL;
    whole *= MICRO;
    if (*p == '.')
        for (p++; *p >= '0' && *p <= '9'; p++) {
            if (scale == 1)
                return NULL;
            scale /= 10;
            whole += (uint64_t)(*p - '0') * scale;
        }
    if (p[-1] == '.')
        return NULL;
    const char *unit = *p != 0 ? strchr(units, *p | 0x20) : NULL;
    /* The m of "ms" is not a factor. */
    if (unit != NULL && !str_equal(p, "ms")) {
        for (long i = unit - units; i >= 0; i--) {
            if (whole > VALUE_MAX * MICRO / 1000)
                return NULL;
            whole *= 1000;
        }
        p++;
    }
    *micro = whole;
    return p;
}

static bool set_rate(struct trial_options *o, const char *value)
{
    uint64_t micro;
    const char *unit = take_micro(value, &micro);

    if (unit == NULL)
        return false;
    if (*unit == 0 || str_equal(unit, "pps"))
        o->unit = TRIAL_PPS;
    else if (str_equal(unit, "bps"))
        o->unit = TRIAL_BPS;
    else if (str_equal(unit, "%") && micro <= 100 * MICRO)
        o->unit = TRIAL_PERCENT;
    else
        return false;
    o->rate_micro = micro;
    return true;
}

static bool set_size(struct trial_options *o, const char *value)
{
    /* 64, 594 and 1518 in the proportion 7 : 4 : 1, interleaved. */
    static const uint16_t imix[] = {64, 594, 64, 64, 594, 64, 1518, 594, 64, 64, 594, 64};
    uint16_t sizes[TRIAL_SIZES_MAX];
    unsigned n = 0;

    if (str_equal(value, "imix")) {
        memcpy(sizes, imix, sizeof(imix));
        n = ARRAY_SIZE(imix);
    } else {
        for (;;) {
            unsigned size = 0;
            while (*value >= '0' && *value <= '9' && size < 10000)
                size = size * 10 + (unsigned)(*value++ - '0');
            if (size < ETH_MIN + CRC_BYTES || size > ETH_MAX + CRC_BYTES || n == TRIAL_SIZES_MAX)
                return false;
            sizes[n++] = (uint16_t)size;
            if (*value == 0)
                break;
            if (*value++ != ',')
                return false;
        }
    }
    memcpy(o->sizes, sizes, sizeof(sizes));
    o->sizes_n = n;
    return true;
}

/* A whole number above 0. */
static bool take_whole(const char *value, uint64_t max, uint64_t *out)
{
    uint64_t micro;
    const char *end = take_micro(value, &micro);

    if (end == NULL || *end != 0 || micro % MICRO != 0 || micro == 0 || micro / MICRO > max)
        return false;
    *out = micro / MICRO;
    return true;
}

static bool set_flows(struct trial_options *o, const char *value)
{
    uint64_t flows;

    if (!take_whole(value, TRIAL_FLOWS_MAX, &flows))
        return false;
    o->flows = (uint32_t)flows;
    return true;
}

static bool set_count(struct trial_options *o, const char *value)
{
    return take_whole(value, VALUE_MAX, &o->count);
}

static bool set_duration(struct trial_options *o, const char *value)
{
    uint64_t micro;
    const char *unit = take_micro(value, &micro);
    uint64_t unit_us = 0;

    if (unit != NULL && str_equal(unit, "s"))
        unit_us = 1000000;
    else if (unit != NULL && str_equal(unit, "ms"))
        unit_us = 1000;
    /* At most a million seconds, at least a microsecond. */
    if (unit_us == 0 || micro > 1000000000000ull * (1000000 / unit_us) || micro * unit_us < 1000000)
        return false;
    o->duration_ns = micro * unit_us / 1000;
    return true;
}

static bool set_dst(struct trial_options *o, const char *value)
{
    be32_t address;

    if (!parse_ipv4(value, &address) || !ip_is_host(be32_get(address)))
        return false;
    o->dst = be32_get(address);
    return true;
}

static bool set_dst_mac(struct trial_options *o, const char *value)
{
    uint8_t mac[6];

    for (unsigned i = 0; i < 12; i++) {
        unsigned c = (uint8_t)*value++, digit = (c | 0x20) - 'a' + 10;
        if (c >= '0' && c <= '9')
            digit = c - '0';
        else if ((c | 0x20) < 'a' || (c | 0x20) > 'f')
            return false;
        mac[i / 2] = (uint8_t)(i & 1 ? mac[i / 2] << 4 | digit : digit);
        if ((i & 1) && i < 11 && *value++ != ':')
            return false;
    }
    if (*value != 0 || mac_is_zero(mac))
        return false;
    memcpy(o->dst_mac, mac, 6);
    o->has_dst_mac = true;
    return true;
}

static bool set_ports(struct trial_options *o, const char *value)
{
    uint32_t ports = 0;

    do {
        if (*value < '0' || *value > '7')
            return false;
        ports |= BIT(*value++ - '0');
    } while (*value == ',' && *++value != 0);
    if (*value != 0 || value[-1] == ',')
        return false;
    o->ports = ports;
    return true;
}

static const struct {
    const char *key, *wanted;
    bool (*set)(struct trial_options *options, const char *value);
} keys[] = {
    {"rate", "frames (20k, 1.5Mpps), bits (2.5Gbps) or a share of the link (10%)", set_rate},
    {"size", "64 to 1518 bytes with the CRC, up to 16 with commas, or imix", set_size},
    {"flows", "1 to 4096", set_flows},
    {"count", "a number of frames, 1 to 10^12, such as 5000 or 2M", set_count},
    {"duration", "a time such as 10s or 500ms", set_duration},
    {"dst", "the address of a host, such as 192.0.2.2", set_dst},
    {"dstmac", "a MAC address such as 02:00:00:00:00:01", set_dst_mac},
    {"ports", "numbers of ports with commas, such as 0 or 0,1", set_ports},
};

void trial_defaults(struct trial_options *options)
{
    *options = (struct trial_options){.sizes = {64}, .sizes_n = 1, .flows = 1, .ports = 1};
}

const char *trial_key(unsigned i)
{
    return i < ARRAY_SIZE(keys) ? keys[i].key : NULL;
}

bool trial_set(struct trial_options *options, const char *key, const char *value,
               const char **wanted)
{
    *wanted = NULL;
    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
        if (str_equal(key, keys[i].key)) {
            *wanted = keys[i].wanted;
            return keys[i].set(options, value);
        }
    return false;
}

/* ---- Rates ---- */

/* Frames per second as a fraction. num <= 2^64, den <= 2^38: multiplied by 2^12 flows, a TSC of
 * 2^35 Hz or a duration of 2^50 ns they fit in 128 bits. */
struct fraction {
    u128 num, den;
};

static struct fraction frames_per_s(const struct trial_options *o, uint32_t link_mbps)
{
    struct fraction f = {o->rate_micro, MICRO};
    uint64_t bytes = 0;

    for (unsigned i = 0; i < o->sizes_n; i++)
        bytes += o->sizes[i] + (o->unit == TRIAL_PERCENT ? WIRE_EXTRA : 0);
    if (o->unit != TRIAL_PPS) {
        f.num *= o->sizes_n;
        f.den *= 8 * bytes;
    }
    if (o->unit == TRIAL_PERCENT)
        f.num *= (uint64_t)link_mbps * 10000; /* 1 % of the link, in bits per second */
    return f;
}

uint64_t trial_frames(const struct trial_options *o, uint32_t link_mbps)
{
    struct fraction f = frames_per_s(o, link_mbps);
    uint64_t frames = o->count ? o->count : TRIAL_FOREVER;

    if (o->duration_ns != 0) {
        u128 n = f.num * o->duration_ns, d = f.den * NS_PER_S;
        uint64_t due = divide(n + d - 1, d);
        frames = MIN(frames, due);
    }
    return frames;
}

struct trial_share trial_share(const struct trial_options *o, unsigned core, unsigned cores,
                               uint64_t tsc_hz, uint32_t link_mbps)
{
    struct trial_share s = {0};
    struct fraction f = frames_per_s(o, link_mbps);
    uint32_t first = (uint32_t)((uint64_t)o->flows * core / cores);
    uint32_t end = (uint32_t)((uint64_t)o->flows * (core + 1) / cores);
    uint64_t frames = trial_frames(o, link_mbps);

    if (first == end || f.num == 0 || tsc_hz == 0)
        return s;
    s.flow_first = first;
    s.flows_n = end - first;
    s.frames = frames == TRIAL_FOREVER
                   ? frames
                   : trial_scale(frames, end, o->flows) - trial_scale(frames, first, o->flows);
    /* All flows have the same rate. */
    f.num *= s.flows_n;
    f.den *= o->flows;

    u128 ticks = f.den * tsc_hz; /* for f.num frames */
    if (f.num >= ticks)
        s.tick_q24 = 1u << 24;
    else if ((ticks << 24 >> 64) >= f.num) /* does not fit in 64 bits: years between two frames */
        s.tick_q24 = UINT64_MAX;
    else
        s.tick_q24 = divide(ticks << 24, f.num);
    /* num * 2^64 / ticks by long division: the product does not fit in 128 bits. */
    if (f.num >= ticks) {
        s.per_tick = UINT64_MAX;
    } else {
        u128 rest = f.num;
        for (unsigned i = 0; i < 64; i++) {
            rest <<= 1;
            s.per_tick <<= 1;
            if (rest >= ticks) {
                rest -= ticks;
                s.per_tick |= 1;
            }
        }
    }
    uint64_t together = divide(f.num * QUANTUM_US, f.den * 1000000);
    s.quantum = (uint32_t)MIN(MAX(together, 1ull), (uint64_t)TRIAL_QUANTUM_MAX);
    return s;
}
