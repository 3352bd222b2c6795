/* SPDX-License-Identifier: BSD-2-Clause
 * net/filter compared with libpcap: the expressions of tests/data/filters.txt, and random ones,
 * match the same frames, captured and random, whole and cut off. What libpcap refuses is refused,
 * and so is, by a name or a position, all that is not built.
 *
 * links: net/filter/compile.c net/filter/arithmetic.c net/filter/reader.c net/filter/code.c
 *        net/filter/primitives.c net/filter/words.c net/filter/cbpf.c kernel/lib/fmt.c -lpcap
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "net/filter/compile.h"
#include "tests/unit/net/captured.h"

/* ---- Frames ---- */

/* Captured frames; the same below a VLAN tag, an MPLS label and PPPoE; and some of random bytes. */
static int gather(void **state)
{
    static const struct {
        uint8_t n, bytes[10];
    } headers[] = {{4, {0x81, 0x00, 0x00, 0x05}},
                   {4, {0x88, 0xA8, 0x20, 0x07}},
                   {6, {0x88, 0x47, 0x00, 0x01, 0x01, 0x40}},
                   {10, {0x88, 0x47, 0x00, 0x01, 0x00, 0x40, 0x00, 0x02, 0x01, 0x40}},
                   {10, {0x88, 0x64, 0x11, 0x00, 0x00, 0x07, 0x00, 0x20, 0x00, 0x21}}};
    (void)state;
    keep_captured();
    const unsigned captured = frames_n;
    for (unsigned i = 0; i < captured; i++) {
        const uint8_t *from = frames[i].bytes;
        uint8_t bytes[1600], n = headers[i % 5].n;
        unsigned skipped = i % 5 < 2 ? 12 : 14; /* a label or PPP stands for the type */
        if (frames[i].length < 60 || frames[i].length + n > sizeof(bytes))
            continue;
        memcpy(bytes, from, 12);
        memcpy(bytes + 12, headers[i % 5].bytes, n);
        memcpy(bytes + 12 + n, from + skipped, frames[i].length - skipped);
        keep(NULL, NULL, bytes, frames[i].length + n - (skipped - 12));
    }
    keep_random(200);
    return 0;
}

/* ---- Comparison ---- */

static struct filter_work work;
static unsigned matches, compared;

/* libpcap's optimizer drops loads that change nothing, so a frame that is cut off before one of
 * them may match where it does not match the plain program: there both results are libpcap's. */
static void compare_with(const struct bpf_program theirs[2], const struct bpf *ours,
                         const char *expression, unsigned first, unsigned step)
{
    for (unsigned i = first; i < frames_n; i += step) {
        uint32_t length = frames[i].length, held = i % 3 ? length : MIN(length, random_next() % 80);
        uint8_t *frame = malloc(held + 1); /* exactly what is held: ASan sees more */
        memcpy(frame + 1, frames[i].bytes, held);
        bool wanted = bpf_filter(theirs[0].bf_insns, frame + 1, length, held) != 0;
        bool is_sure = wanted == (bpf_filter(theirs[1].bf_insns, frame + 1, length, held) != 0);
        bool got = bpf_run(ours, frame + 1, held, length) != 0;
        free(frame);
        if (wanted != got && is_sure)
            fail_msg("%s: frame %u, held %u of %u: libpcap %s", expression, i, held, length,
                     wanted ? "matches" : "does not match");
        matches += got;
        compared++;
    }
}

/* Does libpcap compile it? If so, ours must, and match the same frames. Some expressions match no
 * frame at all, for the optimizer of libpcap an error. */
static bool compare(pcap_t *pcap, const char *expression, unsigned first, unsigned step)
{
    struct bpf_program theirs[2];
    struct bpf ours;
    unsigned at;
    const char *wrong = filter_compile(&work, expression, &ours);

    if (pcap_compile(pcap, &theirs[1], expression, 1, PCAP_NETMASK_UNKNOWN) != 0)
        return false;
    assert_int_equal(pcap_compile(pcap, &theirs[0], expression, 0, PCAP_NETMASK_UNKNOWN), 0);
    if (wrong)
        fail_msg("%s: %s", expression, wrong);
    wrong = bpf_check(&ours, &at);
    if (wrong)
        fail_msg("%s: step %u: %s", expression, at, wrong);
    compare_with(theirs, &ours, expression, first, step);
    pcap_freecode(&theirs[0]);
    pcap_freecode(&theirs[1]);
    return true;
}

static void expressions__of_the_list__match_the_frames_that_libpcaps_do(void **state)
{
    char line[1024];
    unsigned n = 0;
    FILE *file = fopen("tests/data/filters.txt", "r");
    pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 262144);

    (void)state;
    assert_non_null(file);
    matches = compared = 0;
    while (fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = 0;
        if (line[0] == '#' || line[0] == 0)
            continue;
        if (!compare(pcap, line, 0, 1))
            fail_msg("%s: libpcap: %s", line, pcap_geterr(pcap));
        n++;
    }
    fclose(file);
    pcap_close(pcap);
    assert_true(n >= 300);
    assert_true(matches > compared / 50 && matches < compared);
}

/* ---- Random expressions ---- */

static char text[4096];

static void put(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void put(const char *fmt, ...)
{
    va_list args;
    size_t at = strlen(text);
    va_start(args, fmt);
    vsnprintf(text + at, sizeof(text) - at, fmt, args);
    va_end(args);
}

#define ONE_OF(...)                                                                                \
    ((const char *const[]){                                                                        \
        __VA_ARGS__}[random_next() % (sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))])

static void arithmetic(unsigned depth)
{
    switch (random_next() % (depth > 2 ? 3 : 6)) {
    case 0:
        put("%u", random_next() % 3 ? random_next() % 70 : random_next());
        break;
    case 1:
        put("%s", ONE_OF("len", "0x11", "tcp-syn", "icmp-echo"));
        break;
    case 2:
        put("%s[", ONE_OF("ip", "tcp", "udp", "ether", "ip6", "icmp", "arp", "icmp6"));
        if (random_next() % 4 || depth > 1)
            put("%u", random_next() % 20);
        else
            arithmetic(depth + 1);
        put("%s]", ONE_OF("", ":1", ":2", ":4"));
        break;
    case 3:
        put("-");
        arithmetic(depth + 1);
        break;
    case 4:
        put("(");
        arithmetic(depth + 1);
        put(")");
        break;
    default:
        arithmetic(depth + 1);
        put(" %s ", ONE_OF("+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"));
        arithmetic(depth + 1);
    }
}

static void primitive(void)
{
    switch (random_next() % 12) {
    case 0:
        put("%s",
            ONE_OF("ip", "ip6", "arp", "tcp", "udp", "icmp", "sctp", "stp", "ipx", "iso", "esp"));
        break;
    case 1:
        put("%s%shost %s", ONE_OF("", "ip ", "arp "), ONE_OF("", "src ", "dst ", "src and dst "),
            ONE_OF("10.0.0.1", "192.168.1.1", "127.0.0.1", "224.0.0.5"));
        break;
    case 2:
        put("%snet %s", ONE_OF("", "src ", "dst ", "src or dst "),
            ONE_OF("10", "10.0.0.0/8", "192.168", "0.0.0.0/0", "128.0.0.0/1",
                   "224.0.0.0 mask 240.0.0.0"));
        break;
    case 3:
        put("%s%sport %s", ONE_OF("", "udp ", "tcp "), ONE_OF("", "src ", "dst "),
            ONE_OF("53", "80", "(53 or 80)", "179 or 646", "520"));
        break;
    case 4:
        put("%sportrange %s", ONE_OF("", "udp ", "tcp src "), ONE_OF("1-1023", "1024-65535", "53"));
        break;
    case 5:
        put("%s", ONE_OF("vlan", "vlan 5", "mpls", "mpls 16", "pppoes", "pppoes 7", "pppoed"));
        break;
    case 6:
        put("ether %s %s", ONE_OF("src", "dst", "host"),
            ONE_OF("ff:ff:ff:ff:ff:ff", "1:2:3:4:5:6", "0180.c200.0000"));
        break;
    case 7:
        put("%s",
            ONE_OF("broadcast", "multicast", "ip multicast", "ip6 multicast", "less 60",
                   "greater 100", "ether proto 0x88cc", "ip proto 89", "proto 17", "ip6 proto 58"));
        break;
    case 8:
        put("host %s", ONE_OF("fe80::1", "::", "ff02::2", "2001:db8::1:2"));
        break;
    default:
        arithmetic(0);
        put(" %s ", ONE_OF("=", "==", "!=", "<", ">", "<=", ">="));
        arithmetic(0);
    }
}

static void any(unsigned depth)
{
    unsigned n = 1 + random_next() % 3;

    for (unsigned i = 0; i < n; i++) {
        put("%s%s", i ? ONE_OF(" and ", " or ", " && ", " || ") : "", ONE_OF("", "", "not ", "! "));
        if (depth < 3 && random_next() % 4 == 0) {
            put("(");
            any(depth + 1);
            put(")");
        } else {
            primitive();
        }
    }
}

static void expressions__random__match_the_frames_that_libpcaps_do(void **state)
{
    unsigned compiled = 0;
    pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 262144);

    (void)state;
    matches = compared = 0;
    for (unsigned i = 0; i < 3000; i++) {
        text[0] = 0;
        any(0);
        compiled += compare(pcap, text, i % 16, 16);
    }
    pcap_close(pcap);
    assert_true(compiled > 1500);
    assert_true(matches > compared / 50 && matches < compared);
}

/* ---- Limits, and what is refused ---- */

static void expression__longer_than_a_short_jump__matches_alike(void **state)
{
    pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 262144);

    (void)state;
    text[0] = 0;
    for (unsigned i = 0; i < 20; i++)
        put("%snet %u.%u.%u.0/24", i ? " or " : "", i % 4 ? 10 + i : 192, i % 4 ? i : 168, i);
    assert_true(compare(pcap, text, 0, 1));
    struct bpf ours;
    assert_null(filter_compile(&work, text, &ours));
    assert_in_range(ours.n, 256, 500);
    put(" and not (tcp or len > 100)");
    assert_true(compare(pcap, text, 0, 1));
    pcap_close(pcap);
    for (unsigned i = 0; i < 60; i++)
        put(" or net 10.%u.0.0/16", i);
    assert_string_equal(filter_compile(&work, text, &ours),
                        "the filter needs more than 1024 steps");
}

static void expression__not_built_or_not_valid__is_refused_in_words(void **state)
{
    static const char *const rows[][2] = {
        {"ip protochain 17", "protochain is not supported"},
        {"protochain 17", "protochain is not supported"},
        {"gateway 10.0.0.1", "gateway is not supported"},
        {"host example", "\"example\" is not known; write it as a number or an address"},
        {"port nosuch", "\"nosuch\" is not known; write it as a number or an address"},
        {"udp port", "an address, a port or a number is missing at the end"},
        {"port 65536", "port 65536: at most 65535"},
        {"port 10.0.0.1", "an address may follow host or net, not port or proto"},
        {"icmp port 5", "port may follow tcp, udp or sctp, not icmp"},
        {"tcp host 10.0.0.1", "an IPv4 address may follow ip, arp or rarp, not tcp"},
        {"host 1:2:3:4:5:6", "a MAC address may follow ether host, ether src and ether dst"},
        {"net 10.0.0.1/8", "the net's address has bits outside its mask"},
        {"net 10.0.0.0/33", "a prefix length up to 32 is missing before \"33\""},
        {"host 10.0.0.0/8", "only net has a mask"},
        {"net fe80::1/64", "the net's address has bits outside its mask"},
        {"10.0.0.1", "host, net, port or the like is missing before \"10.0.0.1\""},
        {"tcp and 80", "a comparison (=, !=, <, >, <=, >=) is missing at the end"},
        {"(host 10.0.0.1", "a closing parenthesis is missing at the end"},
        {"host 10.0.0.1)", "and or or is missing before \")\""},
        {"tcp udp", "and or or is missing before \"udp\""},
        {"ip[0:3] = 1", "ip[...] has 1, 2 or 4 bytes, not 3"},
        {"esp[0] = 1", "esp[...] is not supported"},
        {"len / 0 = 1", "division by zero"},
        {"1 << 32 = len", "shift by more than 31"},
        {"len =", "a number is missing at the end"},
        {"len = 4294967296", "a number is missing before \"4294967296\""},
        {"ip broadcast", "ip broadcast: the subnet's mask is not known here"},
        {"vlan 4096", "vlan 4096: at most 4095"},
        {"mpls and arp", "behind mpls only ip and ip6 can be told apart"},
        {"ether", "ether needs host, proto, broadcast, multicast or [...] behind it"},
        {"udp and @", "an expression such as udp, host, port or len is missing before \"@\""},
    };
    pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 262144);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct bpf ours;
        struct bpf_program theirs;
        const char *wrong = filter_compile(&work, rows[i][0], &ours);
        if (!wrong)
            fail_msg("%s: accepted", rows[i][0]);
        assert_string_equal(wrong, rows[i][1]);
        if (i < 3) /* libpcap has these */
            continue;
        if (pcap_compile(pcap, &theirs, rows[i][0], 0, PCAP_NETMASK_UNKNOWN) == 0)
            fail_msg("%s: libpcap accepts it", rows[i][0]);
    }
    pcap_close(pcap);
}

static uint32_t spent;

static void note_spent(uint32_t instructions)
{
    assert_in_range(instructions, 1, 6000);
    spent += instructions;
}

static void expression__long__spends_as_it_goes(void **state)
{
    struct bpf ours;

    (void)state;
    text[0] = 0;
    for (unsigned i = 0; i < 40; i++)
        put("%snet 10.%u.0.0/16", i ? " or " : "", i);
    spent = 0;
    work.code.spend = note_spent;
    assert_null(filter_compile(&work, text, &ours));
    work.code.spend = NULL;
    assert_in_range(spent, 300000, 1000000); /* callgrind counts 303,000 */
}

static void expression__deep_or_with_many_terms__is_refused(void **state)
{
    struct bpf ours;

    (void)state;
    text[0] = 0;
    for (unsigned i = 0; i < 1000; i++)
        put("(");
    assert_string_equal(filter_compile(&work, text, &ours), "more than 16 levels of parentheses");
    text[0] = 0;
    for (unsigned i = 0; i < 1000; i++)
        put("not ");
    assert_string_equal(filter_compile(&work, text, &ours), "more than 16 levels of parentheses");
    text[0] = 0;
    for (unsigned i = 0; i < 1000; i++)
        put("-");
    assert_string_equal(filter_compile(&work, text, &ours), "more than 16 levels of parentheses");
    snprintf(text, sizeof(text), "len = 1");
    for (unsigned i = 0; i < 100; i++)
        put(" + len");
    assert_string_equal(filter_compile(&work, text, &ours), "more than 64 terms in one comparison");
    assert_null(filter_compile(&work, "", &ours));
    assert_int_not_equal(bpf_run(&ours, NULL, 0, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions__of_the_list__match_the_frames_that_libpcaps_do),
        cmocka_unit_test(expressions__random__match_the_frames_that_libpcaps_do),
        cmocka_unit_test(expression__longer_than_a_short_jump__matches_alike),
        cmocka_unit_test(expression__not_built_or_not_valid__is_refused_in_words),
        cmocka_unit_test(expression__long__spends_as_it_goes),
        cmocka_unit_test(expression__deep_or_with_many_terms__is_refused),
    };
    return cmocka_run_group_tests(tests, gather, NULL);
}
