/* SPDX-License-Identifier: BSD-2-Clause
 * net/filter/cbpf.c compared with libpcap: programs that libpcap compiled from expressions, and
 * random programs, give the same result over captured and random frames; each instruction and limit
 * that is refused; how the text of `tcpdump -ddd` is read, as one word and as many.
 *
 * links: net/filter/cbpf.c -lpcap
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "net/filter/cbpf.h"
#include "tests/unit/net/captured.h"

static_assert(sizeof(struct bpf_insn) == sizeof(struct bpf_step), "one layout");

/* ---- Frames ---- */

static int gather(void **state)
{
    (void)state;
    keep_captured();
    keep_random(300);
    return 0;
}

/* ---- Comparison with libpcap ---- */

static unsigned matches, compared;

/* Run compare_over_frames over frames first..first+n; each copy has exactly the held bytes: ASan
 * sees an overrun. */
static void compare_over_frames(const struct bpf *ours, uint32_t cut, unsigned first, unsigned n)
{
    for (unsigned i = first; i < first + n; i++) {
        uint32_t length = frames[i].length, held = MIN(length, cut);
        uint8_t *frame = malloc(held + 1);
        memcpy(frame + 1, frames[i].bytes, held);
        uint32_t want = bpf_filter((const struct bpf_insn *)ours->step, frame + 1, length, held);
        uint32_t got = bpf_run(ours, frame + 1, held, length);
        free(frame);
        if (want != got)
            fail_msg("frame %u, held %u of %u: %u, libpcap gives %u", i, held, length, got, want);
        matches += got != 0;
        compared++;
    }
}

/* clang-format off */
static const char *const expressions[] = {
    "arp", "ip", "ip6", "tcp", "udp", "icmp", "icmp6", "igmp", "host 10.0.0.1", "src net 192.168",
    "net 10.0.0.0/8 and not tcp", "port 53", "udp port 53 or tcp port 80", "dst port 443",
    "portrange 1-1024", "src portrange 30000-65535", "ether host 00:11:22:33:44:55",
    "ether broadcast", "ether multicast", "ip broadcast or ip multicast", "less 100",
    "greater 200 and udp", "len = 60", "vlan", "vlan 5 and ip", "mpls", "pppoes", "ip proto 47",
    "ip6 proto 17", "ip protochain 17", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
    "icmp[icmptype] = icmp-echo or icmp[icmptype] = icmp-echoreply", "ip[6:2] & 0x1fff != 0",
    "ip[0] & 0xf > 5", "udp[4:2] > 100", "ether[12:2] > 1500", "ether[0] & 1 = 0 and ip[16] >= 224",
    "tcp[2:2] = 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)",
    "len / 3 % 7 = 2", "ip[2:2] * 2 - 5 > len", "(ip[8] ^ ip[9]) | 1 = 17", "ip[len - 40] = 0",
    "not (arp or ip or ip6)", "host 192.168.1.1 and (port 22 or port 53 or icmp)",
    "tcp and port 1 or port 2 or port 3 or port 4 or port 5 or port 6 or port 7 or port 8",
};
/* clang-format on */

static void expressions__compiled_by_libpcap__match_the_same_frames(void **state)
{
    (void)state;
    pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 65535);
    unsigned compiled = 0;
    matches = compared = 0;
    for (size_t i = 0; i < ARRAY_SIZE(expressions); i++)
        for (int optimize = 0; optimize < 2; optimize++) {
            struct bpf_program theirs;
            struct bpf ours;
            unsigned at;
            if (pcap_compile(pcap, &theirs, expressions[i], optimize, PCAP_NETMASK_UNKNOWN) != 0)
                continue; /* ip broadcast wants a netmask */
            if (theirs.bf_len <= BPF_STEPS_MAX) {
                ours.n = theirs.bf_len;
                memcpy(ours.step, theirs.bf_insns, ours.n * sizeof(ours.step[0]));
                const char *wrong = bpf_check(&ours, &at);
                /* protochain compiles to a backward jump, or to a Linux extension. */
                if (wrong != NULL && strstr(expressions[i], "protochain") == NULL)
                    fail_msg("%s, step %u: %s", expressions[i], at, wrong);
                if (wrong == NULL) {
                    compare_over_frames(&ours, UINT32_MAX, 0, frames_n);
                    compare_over_frames(&ours, random_next() % 64, 0, frames_n);
                    compiled++;
                }
            }
            pcap_freecode(&theirs);
        }
    pcap_close(pcap);
    assert_true(compiled > 70);
    assert_true(matches > compared / 100 && matches < compared);
}

/* Random programs: they store every memory word first, since libpcap does not clear memory. */
static const uint8_t codes[] = {
    0x00, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x60, 0x80, 0x01, 0x61, 0x81, 0xB1,
    0x02, 0x03, 0x04, 0x0C, 0x14, 0x1C, 0x24, 0x2C, 0x34, 0x3C, 0x44, 0x4C, 0x54,
    0x5C, 0x64, 0x6C, 0x74, 0x7C, 0x84, 0x94, 0x9C, 0xA4, 0xAC, 0x05, 0x15, 0x1D,
    0x25, 0x2D, 0x35, 0x3D, 0x45, 0x4D, 0x06, 0x16, 0x07, 0x87,
};

static struct bpf_step random_step(unsigned left)
{
    static const uint32_t limits[] = {0,   1,     2,          31,         32, 255,
                                      256, 65535, 0x7FFFFFFF, 0x80000000, ~0u};
    struct bpf_step s = {.code = codes[random_next() % sizeof(codes)], .k = random_next() % 100};
    unsigned class = s.code & 7;
    if (random_next() % 8 == 0)
        s.k = limits[random_next() % ARRAY_SIZE(limits)];
    if (class == BPF_ST || class == BPF_STX || (class < 2 && (s.code & 0xE0) == BPF_MEM))
        s.k %= 16;
    if (s.code == 0x34 || s.code == 0x94)
        s.k |= 1;
    if (s.code == 0x64 || s.code == 0x74)
        s.k %= 32;
    if (class == BPF_LD && (s.code & 0xE0) == BPF_ABS)
        s.k &= INT32_MAX;
    if (class == BPF_RET && left > 0 && random_next() % 4 != 0)
        s.code = 0x80;
    s.if_true = (uint8_t)(left > 1 ? random_next() % left : 0);
    s.if_false = (uint8_t)(left > 1 ? random_next() % left : 0);
    if (s.code == 0x05)
        s.k = left > 1 ? random_next() % left : 0;
    return s;
}

static void programs__random__give_the_same_result_as_libpcap(void **state)
{
    (void)state;
    matches = compared = 0;
    for (unsigned i = 0; i < 1500; i++) {
        struct bpf bpf = {.n = 18 + random_next() % 60};
        unsigned at;
        for (unsigned k = 0; k < 16; k++)
            bpf.step[k] = (struct bpf_step){.code = 0x02, .k = k};
        for (unsigned k = 16; k < bpf.n - 1; k++)
            bpf.step[k] = random_step(bpf.n - 1 - k);
        bpf.step[bpf.n - 1] =
            (struct bpf_step){.code = random_next() & 1 ? 0x06 : 0x16, .k = 1 + random_next() % 9};
        const char *wrong = bpf_check(&bpf, &at);
        if (wrong != NULL)
            fail_msg("step %u, code 0x%02x: %s", at, bpf.step[at].code, wrong);
        assert_true(bpf_validate((const struct bpf_insn *)bpf.step, (int)bpf.n));
        unsigned first = i % 2 ? frames_n - 60 : random_next() % (frames_n - 60);
        compare_over_frames(&bpf, i % 3 ? UINT32_MAX : random_next() % 64, first, 60);
    }
    assert_true(matches > compared / 20 && matches < compared);
}

/* ---- What is refused ---- */

static const char *check_of(unsigned n, const struct bpf_step *steps)
{
    struct bpf bpf = {.n = n};
    unsigned at;
    memcpy(bpf.step, steps, MIN(n, BPF_STEPS_MAX) * sizeof(steps[0]));
    return bpf_check(&bpf, &at);
}

#define REFUSED(text, ...)                                                                         \
    do {                                                                                           \
        const struct bpf_step steps_[] = {__VA_ARGS__, {0x06, 0, 0, 1}};                           \
        assert_string_equal(check_of(ARRAY_SIZE(steps_), steps_), text);                           \
    } while (0)
#define ACCEPTED(...)                                                                              \
    do {                                                                                           \
        const struct bpf_step steps_[] = {__VA_ARGS__, {0x06, 0, 0, 1}};                           \
        assert_null(check_of(ARRAY_SIZE(steps_), steps_));                                         \
    } while (0)

static void check__each_limit__is_exact(void **state)
{
    (void)state;
    ACCEPTED({0x02, 0, 0, 15}, {0x60, 0, 0, 15}, {0x61, 0, 0, 0});
    REFUSED("memory index beyond 15", {0x02, 0, 0, 16});
    REFUSED("memory index beyond 15", {0x03, 0, 0, ~0u});
    REFUSED("memory index beyond 15", {0x60, 0, 0, 16});
    REFUSED("memory index beyond 15", {0x61, 0, 0, 16});
    REFUSED("division by zero", {0x34, 0, 0, 0});
    REFUSED("division by zero", {0x94, 0, 0, 0});
    ACCEPTED({0x34, 0, 0, 1}, {0x3C, 0, 0, 0}, {0x9C, 0, 0, 0});
    REFUSED("shift by more than 31", {0x64, 0, 0, 32});
    REFUSED("shift by more than 31", {0x74, 0, 0, ~0u});
    ACCEPTED({0x64, 0, 0, 31}, {0x74, 0, 0, 0}, {0x6C, 0, 0, 32});
    ACCEPTED({0x05, 0, 0, 1}, {0x07, 0, 0, 0});
    REFUSED("jump beyond the end", {0x05, 0, 0, 2}, {0x07, 0, 0, 0});
    REFUSED("jump beyond the end", {0x05, 0, 0, ~0u}); /* backward */
    REFUSED("jump beyond the end", {0x15, 1, 0, 0});
    REFUSED("jump beyond the end", {0x15, 0, 1, 0});
    REFUSED("load from a negative offset", {0x30, 0, 0, 0xFFFFF030});
    ACCEPTED({0x30, 0, 0, INT32_MAX}, {0x50, 0, 0, ~0u});
    const struct bpf_step end = {0x07, 0, 0, 0};
    assert_string_equal(check_of(1, &end), "the last step does not return");
    assert_string_equal(check_of(0, &end), "no steps, or too many");
    static struct bpf_step many[BPF_STEPS_MAX + 1];
    for (unsigned i = 0; i < ARRAY_SIZE(many); i++)
        many[i] = (struct bpf_step){0x06, 0, 0, 1};
    assert_null(check_of(BPF_STEPS_MAX, many));
    assert_string_equal(check_of(BPF_STEPS_MAX + 1, many), "no steps, or too many");
}

static void check__every_code__is_known_to_both_or_refused(void **state)
{
    unsigned known = 0;
    (void)state;
    for (unsigned code = 0; code <= UINT16_MAX; code++) {
        const struct bpf_step steps[] = {{(uint16_t)code, 0, 0, code != 0x05}, {0x06, 0, 0, 1}};
        bool is_listed = code <= 0xFF && memchr(codes, (int)code, sizeof(codes)) != NULL;
        assert_int_equal(check_of(2, steps) == NULL, is_listed);
        if (is_listed)
            assert_true(bpf_validate((const struct bpf_insn *)steps, 2));
        known += is_listed;
    }
    assert_int_equal(known, sizeof(codes));
}

static void run__division_by_zero_and_huge_offsets__match_nothing(void **state)
{
    (void)state;
    static const struct bpf_step programs[][4] = {
        {{0x01, 0, 0, 0}, {0x3C, 0, 0, 0}, {0x06, 0, 0, 1}},
        {{0x01, 0, 0, 0}, {0x9C, 0, 0, 0}, {0x06, 0, 0, 1}},
        {{0x01, 0, 0, ~0u}, {0x50, 0, 0, 3}, {0x06, 0, 0, 1}}, /* does not wrap round to 2 */
        {{0x20, 0, 0, 61}, {0x06, 0, 0, 1}},
    };
    static const uint8_t frame[64];
    for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
        struct bpf bpf = {.n = i < 3 ? 3 : 2};
        unsigned at;
        memcpy(bpf.step, programs[i], sizeof(programs[i]));
        assert_null(bpf_check(&bpf, &at));
        assert_int_equal(bpf_run(&bpf, frame, 64, 64), 0);
    }
}

/* ---- Text ---- */

static const char *read_of(struct bpf *bpf, unsigned *at, const char *line)
{
    static char text[4096];
    const char *argv[512];
    unsigned argc = 0;
    snprintf(text, sizeof(text), "%s", line);
    for (char *word = strtok(text, "|"); word != NULL; word = strtok(NULL, "|"))
        argv[argc++] = word;
    return bpf_read(bpf, argc, argv, at, NULL);
}

static void text__numbers_separated_by_spaces_commas_or_words__are_read(void **state)
{
    /* clang-format off */
    static const char *const same[] = {
        "4,40 0 0 12,21 0 1 2048,6 0 0 262144,6 0 0 0", "4 40 0 0 12 21 0 1 2048 6 0 0 262144 6 0 0 0",
        "4,40,0,0,12,21,0,1,2048,6,0,0,262144,6,0,0,0,", "4|40|0|0|12|21|0|1|2048|6|0|0|262144|6|0|0|0",
        "4,40|0|0|12,21|0|1|2048,6|0|0|262144,6|0|0|0, ",
    };
    /* clang-format on */
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
        struct bpf bpf;
        unsigned at;
        assert_null(read_of(&bpf, &at, same[i]));
        assert_int_equal(bpf.n, 4);
        assert_int_equal(bpf.step[1].code, 0x15);
        assert_int_equal(bpf.step[1].if_false, 1);
        assert_int_equal(bpf.step[2].k, 262144);
        assert_int_equal(bpf_run(&bpf, (const uint8_t *)"............\x08\x00", 14, 60), 262144);
    }
}

static void text__anything_else__is_refused_with_its_step(void **state)
{
    static const struct {
        const char *text, *why;
        unsigned at;
    } rows[] = {
        {"", "the number of steps must come first, at most 1024", 0},
        {"udp", "the number of steps must come first, at most 1024", 0},
        {"1025", "the number of steps must come first, at most 1024", 0},
        {"99999999999999999999", "the number of steps must come first, at most 1024", 0},
        {"0", "no steps, or too many", 0},
        {"1", "a step needs four numbers", 0},
        {"2,6 0 0 1,6 0 0", "a step needs four numbers", 1},
        {"1,65536 0 0 1", "a step needs four numbers", 0},
        {"1,6 256 0 1", "a step needs four numbers", 0},
        {"1,6 0 256 1", "a step needs four numbers", 0},
        {"1,6 0 0 4294967296", "a step needs four numbers", 0},
        {"1,6 0 0 -1", "a step needs four numbers", 0},
        {"1,6 0 0 0x10", "text after the last step", 1},
        {"1,6 0 0 1 6", "text after the last step", 1},
        {"1,6 0 0 1|x", "text after the last step", 1},
        {"2,6 0 0 1,7 0 0 0", "the last step does not return", 1},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct bpf bpf;
        unsigned at;
        assert_string_equal(read_of(&bpf, &at, rows[i].text), rows[i].why);
        assert_int_equal(at, rows[i].at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions__compiled_by_libpcap__match_the_same_frames),
        cmocka_unit_test(programs__random__give_the_same_result_as_libpcap),
        cmocka_unit_test(check__each_limit__is_exact),
        cmocka_unit_test(check__every_code__is_known_to_both_or_refused),
        cmocka_unit_test(run__division_by_zero_and_huge_offsets__match_nothing),
        cmocka_unit_test(text__numbers_separated_by_spaces_commas_or_words__are_read),
        cmocka_unit_test(text__anything_else__is_refused_with_its_step),
    };
    return cmocka_run_group_tests(tests, gather, NULL);
}
