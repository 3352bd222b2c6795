/* SPDX-License-Identifier: BSD-2-Clause
 * Every field of every header at its bounds, alone, in pairs and in threes, with checksums stale
 * and recomputed, in frames of every kind that the stack handles, untagged and tagged; each
 * truncated at each byte and extended; and the captures of tests/data/pcap. An oracle that shares
 * no code with the stack (netif_oracle.h) gives the expected result of each: answered, consumed, or
 * dropped with which reason, and which ICMP error is sent, if any. An answer is compared byte by
 * byte.
 *
 * links: $(STACK)
 */
#include "tests/unit/stack/netif_host.h"
#include "tests/unit/stack/netif_oracle.h"
#include "tests/unit/pcap.h"

#include "net/stack/services.h"

/* ---- One frame ---- */

static uint64_t frames_n;
static uint64_t seen[DROP_COUNT], seen_answers, seen_errors;
static unsigned vlan;

static void fail_at(const char *what, size_t n)
{
    for (size_t i = 0; i < MIN(n, 80u); i++)
        print_message("%02x%s", sent[i], i % 16 == 15 ? "\n" : " ");
    fail_msg("frame %lu of %zu bytes: %s", (unsigned long)frames_n, n, what);
}

/* The answer to an ICMP or UDP echo: the request with its addresses and ports swapped, no
 * options. */
static void check_answer(const uint8_t *asked, const uint8_t *answer, size_t n)
{
    if (get16(asked + 12) != 0x0800)
        return;
    const uint8_t *ip = asked + 14, *p = ip + ip[0] % 16 * 4, *q = answer + 34;
    size_t bytes = get16(ip + 2) - (size_t)(p - ip);
    if (memcmp(answer, asked + 6, 6) != 0 || get32(answer + 30) != get32(ip + 12) ||
        answer[15] != ip[1] || answer[23] != ip[9])
        fail_at("answer has wrong addresses, TOS or protocol", n);
    if (ip[9] == 1) {
        if (get16(answer + 16) != 20 + bytes || q[0] != 0 || q[1] != 0 ||
            memcmp(q + 4, p + 4, bytes - 4) != 0)
            fail_at("echo reply differs", n);
        return;
    }
    size_t length = get16(p + 4);
    if (get16(q) != get16(p + 2) || get16(q + 2) != get16(p))
        fail_at("ports are not swapped", n);
    if (get16(p + 2) == 7 && (get16(q + 4) != length || memcmp(q + 8, p + 8, length - 8) != 0))
        fail_at("UDP echo differs", n);
    if (get16(p + 2) == 862 && (get16(q + 4) != MAX(length, 49u) || memcmp(q + 32, p + 8, 14) != 0))
        fail_at("TWAMP answer differs", n);
}

static void compare_with_oracle(size_t n)
{
    uint64_t drops[DROP_COUNT], consumed_before = nif.consumed;
    memcpy(drops, nif.drops, sizeof(drops));
    struct oracle want = oracle_of(frame, n, vlan);
    uint8_t asked[ETH_BUFFER];
    unsigned tag = vlan != 0 || (n >= 18 && get16(frame + 12) == 0x8100) ? 4 : 0;
    if (vlan != 0 && n >= 22 && get16(frame + 12) == 0x8100 && get16(frame + 14) % 4096 == 0)
        tag = 8;
    memcpy(asked, frame, 12);
    memcpy(asked + 12, frame + 12 + tag, n > 12 + tag ? n - 12 - tag : 0);

    frames_n++;
    nif.now_ns += ICMP_GAP_NS; /* the rate limit suppresses no error */
    if (nif.is_refused || nif.conflicts > 0) {
        nif.is_refused = false;
        nif.conflicts = 0;
    }
    /* Input it twice, as netif_host.h's input does, except that answers may have a tag. */
    struct netif before = nif;
    memcpy(sent, frame, n);
    uint32_t got = 0;
    uint8_t answer[ETH_BUFFER];
    for (unsigned time = 0; time < 2; time++) {
        nif = before;
        memcpy(frame, sent, n);
        memset(frame + n, time ? 0x5A : 0xA5, ETH_BUFFER - n);
        out_n = 0;
        uint32_t bytes = netif_input(&nif, frame, (uint32_t)n).length;
        if (time > 0 && (bytes != got || memcmp(frame, answer, bytes) != 0))
            fail_at("bytes after its end changed the result", n);
        got = bytes;
        memcpy(answer, frame, bytes);
    }

    if ((got != 0) != (want.what == ORACLE_ANSWERS))
        fail_at(got != 0 ? "must not be answered" : "is not answered", n);
    if (nif.consumed - consumed_before != (want.what == ORACLE_CONSUMES))
        fail_at("the counter `consumed` is wrong", n);
    for (unsigned i = 0; i < DROP_COUNT; i++)
        if (nif.drops[i] - drops[i] != (want.what == ORACLE_DROPS && want.why == i))
            fail_at("a drop counter is wrong", n);
    if (want.what == ORACLE_DROPS)
        seen[want.why]++;
    if (out_n != (want.error != 0))
        fail_at(out_n != 0 ? "caused an ICMP error" : "caused no ICMP error", n);
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *made = i == 0 ? answer : out[0];
        uint32_t bytes = i == 0 ? got : out_n != 0 ? out_bytes[0] : 0;
        if (bytes == 0)
            continue;
        if (vlan != 0) {
            if (get16(made + 12) != 0x8100 || get16(made + 14) % 4096 != vlan)
                fail_at("a frame was sent without its tag", n);
            memmove(made + 12, made + 16, bytes - 16);
            bytes -= 4;
        }
        const char *fault = fault_of(made, bytes);
        if (fault != NULL)
            fail_at(fault, n);
    }
    if (got != 0) {
        check_answer(asked, answer, n);
        seen_answers++;
    }
    if (want.error != 0) {
        uint32_t quoted = MIN(get16(asked + 16), 548u);
        if (get16(out[0] + 34) != want.error || get32(out[0] + 38) != want.error_at << 24 ||
            memcmp(out[0] + 42, asked + 14, quoted) != 0 || get16(out[0] + 16) != 28 + quoted)
            fail_at("ICMP error differs", n);
        seen_errors++;
    }
}

/* ---- Frames of each kind, and their fields ---- */

struct field {
    uint8_t at, bits, shift; /* `bits` of the 1, 2 or 4 bytes at `at`, from `shift` on */
};

/* clang-format off */
#define ETHERNET {0, 8, 0}, {5, 8, 0}, {6, 8, 0}, {12, 16, 0}
#define IPV4                                                                                       \
    {14, 4, 4}, {14, 4, 0}, {15, 8, 0}, {16, 16, 0}, {18, 16, 0}, {20, 3, 13}, {20, 13, 0},        \
        {22, 8, 0}, {23, 8, 0}, {24, 16, 0}, {26, 32, 0}, {26, 8, 0}, {30, 32, 0}, {30, 8, 0}

static const struct field arp_fields[] = {
    ETHERNET,   {14, 16, 0}, {16, 16, 0}, {18, 8, 0},  {19, 8, 0},  {20, 16, 0}, {22, 8, 0},
    {26, 16, 0}, {28, 32, 0}, {28, 8, 0},  {32, 8, 0},  {38, 32, 0}, {38, 8, 0},  {0}};
static const struct field icmp_fields[] = {ETHERNET,    IPV4,        {34, 8, 0},  {35, 8, 0},
                                           {36, 16, 0}, {38, 16, 0}, {40, 16, 0}, {0}};
static const struct field error_fields[] = {
    ETHERNET,   IPV4,       {34, 8, 0},  {35, 8, 0},  {36, 16, 0}, {38, 32, 0}, {42, 4, 4},
    {42, 4, 0}, {51, 8, 0}, {54, 32, 0}, {58, 32, 0}, {62, 8, 0},  {66, 16, 0}, {0}};
static const struct field udp_fields[] = {ETHERNET,    IPV4,        {34, 16, 0}, {36, 16, 0},
                                          {38, 16, 0}, {40, 16, 0}, {0}};
static const struct field option_fields[] = {
    ETHERNET,   IPV4,       {34, 8, 0},  {35, 8, 0},  {36, 8, 0},  {41, 8, 0}, {42, 8, 0},
    {43, 8, 0}, {45, 8, 0}, {46, 16, 0}, {48, 16, 0}, {50, 16, 0}, {0}};
/* clang-format on */

static size_t make_kind(unsigned kind)
{
    size_t n;
    memset(frame, 0, 256);
    switch (kind) {
    case 0:
        return make_arp(frame, 1, ALL_MAC, PEER_MAC, PEER_IP, "\0\0\0\0\0\0", US_IP);
    case 1:
        return make_arp(frame, 2, US_MAC, PEER_MAC, PEER_IP, US_MAC, US_IP);
    case 2:
        return make_icmp(frame, 8, 0x1234, 5, 0, 30);
    case 3: /* an ICMP error about our datagram */
        memcpy(frame + 34,
               "\x03\x01\x00\x00\x00\x00\x00\x00\x45\x00\x00\x54\x00\x00\x00\x00\x01\x11", 18);
        put32(frame + 54, US_IP);
        put32(frame + 58, PEER_IP);
        return make_ip(frame, 1, PEER_IP, US_IP, 0, 36);
    case 4:
        return make_udp(frame, 4000, 7, 0, 30);
    case 5:
        return make_udp(frame, 4000, 862, 0, 60);
    case 6:
        return make_udp(frame, 4000, 9, 0, 0);
    case 7: /* record route with one slot, no-operation, an unknown option */
        n = make_udp(frame, 4000, 7, 12, 20);
        memcpy(frame + 34, "\x07\x07\x04\x00\x00\x00\x00\x01\x5E\x03\x00\x00", 12);
        break;
    default: /* to a closed port, in a padded frame */
        n = make_udp(frame, 4000, 53, 0, 2);
        memset(frame + n, 0, 60 - n);
        return 60;
    }
    fix_ip(frame);
    return n;
}

static const struct field *const fields_of[] = {arp_fields,   arp_fields,    icmp_fields,
                                                error_fields, udp_fields,    udp_fields,
                                                udp_fields,   option_fields, udp_fields};
#define KINDS ARRAY_SIZE(fields_of)

static uint32_t mask_of(const struct field *field)
{
    return field->bits == 32 ? 0xFFFFFFFF : (1u << field->bits) - 1;
}

static unsigned bytes_of(const struct field *field)
{
    unsigned top = field->bits + field->shift;
    return top <= 8 ? 1 : top <= 16 ? 2 : 4;
}

static uint32_t read_word(const struct field *field)
{
    unsigned bytes = bytes_of(field);
    return bytes == 1   ? frame[field->at]
           : bytes == 2 ? get16(frame + field->at)
                        : get32(frame + field->at);
}

static void set_field(const struct field *field, uint32_t value)
{
    uint32_t mask = mask_of(field) << field->shift;
    uint32_t word = (read_word(field) & ~mask) | (value << field->shift & mask);
    unsigned bytes = bytes_of(field);
    if (bytes == 1)
        frame[field->at] = (uint8_t)word;
    else if (bytes == 2)
        put16(frame + field->at, word);
    else
        put32(frame + field->at, word);
}

/* The values to try: the field's bounds, its value and the neighbouring ones, the lengths of the
 * frame and of its parts; numbers with a meaning: a header's length, echo's port and type, a source
 * route, the reflector's port. */
#define VALUES 22
static uint32_t value_of(const struct field *field, unsigned i, size_t n)
{
    uint32_t max = mask_of(field), held = read_word(field) >> field->shift & max;
    /* clang-format off */
    const uint32_t values[VALUES] = {
        0,        max,      held + 1, 1,          max - 1,  max / 2, max / 2 + 1, held - 1, held ^ 1, 2,
        (uint32_t)n - 14, (uint32_t)n - 13, (uint32_t)n - 15, (uint32_t)n - 34, (uint32_t)n - 33,
        (uint32_t)n - 35, 20, 7, 8, 0x80 & max, 131, 862};
    /* clang-format on */
    return values[i] & max;
}

static void fix_checksums(size_t n)
{
    if (get16(frame + 12) != 0x0800)
        return;
    fix_payload(frame, n);
    fix_ip(frame);
}

/* Add a tag if the host has one, then compare. */
static void compare_tagged(size_t n)
{
    if (vlan != 0 && frame[12] != 0x81) {
        memmove(frame + 16, frame + 12, n - 12);
        put16(frame + 12, 0x8100);
        put16(frame + 14, 3 << 13 | vlan);
        n += 4;
    }
    compare_with_oracle(n);
}

/* Change `of` fields at once in frames of each kind, each to the first `values` of its values. */
static void change_fields(unsigned of, unsigned values, bool is_fixed)
{
    for (unsigned kind = 0; kind < KINDS; kind++) {
        const struct field *fields = fields_of[kind];
        unsigned n_fields = 0;
        while (fields[n_fields].bits != 0)
            n_fields++;
        for (unsigned a = 0; a < n_fields; a++)
            for (unsigned b = of > 1 ? a + 1 : a; b < (of > 1 ? n_fields : a + 1); b++)
                for (unsigned c = of > 2 ? b + 1 : b; c < (of > 2 ? n_fields : b + 1); c++) {
                    const struct field *chosen[3] = {&fields[a], &fields[b], &fields[c]};
                    unsigned runs = values;
                    for (unsigned i = 1; i < of; i++)
                        runs *= values;
                    for (unsigned run = 0; run < runs; run++) {
                        size_t n = make_kind(kind);
                        uint32_t to[3];
                        for (unsigned i = 0, rest = run; i < of; i++, rest /= values)
                            to[i] = value_of(chosen[i], rest % values, n);
                        for (unsigned i = 0; i < of; i++)
                            set_field(chosen[i], to[i]);
                        if (is_fixed)
                            fix_checksums(n);
                        compare_tagged(n);
                    }
                }
    }
}

static int start_bounds(void **state)
{
    start(state);
    assert_true(netif_bind(&nif, 862, udp_twamp, NULL));
    vlan = 0;
    frames_n = seen_answers = seen_errors = 0;
    memset(seen, 0, sizeof(seen));
    return 0;
}

static int start_tagged(void **state)
{
    start_bounds(state);
    nif.vlan = 100;
    vlan = 100;
    return 0;
}

/* Each drop reason that these frames can cause was seen, and answers and errors too. */
static void check_seen(void)
{
    static const enum drop names[] = {
        DROP_eth_other,    DROP_ip_header,   DROP_ip_source, DROP_ip_fragment,   DROP_ip_not_ours,
        DROP_ip_broadcast, DROP_ip_protocol, DROP_icmp_bad,  DROP_icmp_other,    DROP_udp_length,
        DROP_udp_no_port,  DROP_udp_loop,    DROP_arp_bad,   DROP_ip_link_group, DROP_ip_option};
    print_message("%lu frames, %lu answers, %lu errors\n", (unsigned long)frames_n,
                  (unsigned long)seen_answers, (unsigned long)seen_errors);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (seen[names[i]] == 0)
            fail_msg("drop %d was never seen", names[i]);
    assert_true(seen_answers > 0 && seen_errors > 0);
}

static void one_field__at_each_bound__matches_the_oracle(void **state)
{
    (void)state;
    change_fields(1, VALUES, false);
    change_fields(1, VALUES, true);
    check_seen();
    assert_true(seen[DROP_ip_checksum] > 0 && seen[DROP_udp_checksum] > 0);
}

static void two_fields__at_each_bound__match_the_oracle(void **state)
{
    (void)state;
    change_fields(2, 12, true);
    change_fields(2, 3, false);
    check_seen();
}

static void three_fields__at_their_bounds__match_the_oracle(void **state)
{
    (void)state;
    change_fields(3, 3, true);
    check_seen();
}

static void frames__truncated_and_extended__match_the_oracle(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        size_t whole = make_kind(kind);
        for (size_t n = 12; n <= whole + 64; n++) {
            memset(frame, 0xEE, 256);
            make_kind(kind);
            if (vlan != 0 && n >= 16) {
                compare_tagged(n);
            } else if (vlan == 0) {
                compare_with_oracle(n);
            }
        }
    }
}

static void compare_every_tag(void)
{
    for (unsigned tag = 0; tag < 65536; tag++) {
        size_t n = make_kind(tag % KINDS);
        memmove(frame + 16, frame + 12, n - 12);
        put16(frame + 12, 0x8100);
        put16(frame + 14, tag);
        compare_with_oracle(n + 4);
    }
}

/* One and two fields of frames with a tag; the answers must have it too. */
static void tagged__fields_at_their_bounds__match_the_oracle(void **state)
{
    (void)state;
    change_fields(1, VALUES, true);
    change_fields(2, 5, true);
    compare_every_tag();
    assert_true(seen[DROP_eth_vlan] > 0 && seen_answers > 0 && seen_errors > 0);
}

static void untagged__any_tag__matches_the_oracle(void **state)
{
    (void)state;
    compare_every_tag();
    assert_true(seen[DROP_eth_vlan] > 60000 && seen_answers > 0);
}

/* ---- Captured frames ---- */

/* Compare a captured frame unchanged, and then addressed to us with checksums recomputed. */
static void compare_captured(void *context, const char *file, const uint8_t *bytes, size_t n)
{
    (void)context;
    (void)file;
    if (n > 1514)
        return;
    memcpy(frame, bytes, n);
    compare_with_oracle(n);
    if (n < 34)
        return;
    memcpy(frame, bytes, n);
    memcpy(frame, US_MAC, 6);
    frame[6] &= 0xFE;
    if (get16(frame + 12) == 0x0806 && n >= 42)
        put32(frame + 38, US_IP);
    if (get16(frame + 12) == 0x0800 && n >= 14 + (frame[14] % 16) * 4u) {
        put32(frame + 30, US_IP);
        fix_payload(frame, n);
        fix_ip(frame);
    }
    compare_with_oracle(n);
    /* And with one field at its bounds, as in the frames built above. */
    static uint8_t kept[ETH_BUFFER];
    memcpy(kept, frame, n);
    const struct field *fields = get16(kept + 12) == 0x0806   ? arp_fields
                                 : get16(kept + 12) != 0x0800 ? NULL
                                 : kept[23] == 17             ? udp_fields
                                                              : icmp_fields;
    for (; n >= 60 && fields != NULL && fields->bits != 0; fields++)
        for (unsigned i = 0; i < 8; i++) {
            memcpy(frame, kept, n);
            set_field(fields, value_of(fields, i, n));
            if (get16(frame + 12) == 0x0800 && n >= 14 + (frame[14] % 16) * 4u)
                fix_checksums(n);
            compare_with_oracle(n);
        }
}

static void captures__unchanged_and_addressed_to_us__match_the_oracle(void **state)
{
    (void)state;
    unsigned n = pcap_folder("tests/data/pcap", compare_captured, NULL);
    print_message("%u captured frames; %lu inputs, %lu answers, %lu errors\n", n,
                  (unsigned long)frames_n, (unsigned long)seen_answers, (unsigned long)seen_errors);
    assert_true(n > 500 && seen_answers > 0 && seen_errors > 0);
}

#define TEST_BOUNDS(name) cmocka_unit_test_setup_teardown(name, start_bounds, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_BOUNDS(one_field__at_each_bound__matches_the_oracle),
        TEST_BOUNDS(two_fields__at_each_bound__match_the_oracle),
        TEST_BOUNDS(three_fields__at_their_bounds__match_the_oracle),
        TEST_BOUNDS(frames__truncated_and_extended__match_the_oracle),
        cmocka_unit_test_setup_teardown(frames__truncated_and_extended__match_the_oracle,
                                        start_tagged, stop),
        cmocka_unit_test_setup_teardown(tagged__fields_at_their_bounds__match_the_oracle,
                                        start_tagged, stop),
        TEST_BOUNDS(untagged__any_tag__matches_the_oracle),
        TEST_BOUNDS(captures__unchanged_and_addressed_to_us__match_the_oracle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
