/* SPDX-License-Identifier: BSD-2-Clause
 * The stack of one port with a sequence of frames: each is counted once or held, and every frame
 * that the stack sends is valid. The input is a sequence of [flags, length (2 bytes), frame]; the
 * flags give the frame our addresses and right checksums, add a tag, split it into
 * fragments, or advance time, so that the fuzzer gets past the first comparison.
 *
 * links: $(STACK)
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/stack/eth.h"
#include "net/stack/netif.h"
#include "net/stack/services.h"
#include "tests/unit/frames.h"

#define FLAG_US       1 /* to our MAC address, from a unicast one */
#define FLAG_ADDRESS  2 /* to our IP address, or ARP about it */
#define FLAG_CHECKSUM 4
#define FLAG_TIME     8   /* two seconds pass; the stack is polled */
#define FLAG_LOOK_UP  16  /* resolve and ping the frame's source address */
#define FLAG_TAG      32  /* the frame has the tag of our VLAN, or a priority */
#define FLAG_VLAN     64  /* switches our VLAN on or off */
#define FLAG_CUT      128 /* the frame comes in two fragments, the second first */

static struct reass reass;

static void require(bool is_true, const char *what)
{
    if (is_true)
        return;
    fprintf(stderr, "fuzz_netif: %s\n", what);
    abort();
}

static uint64_t counted(const struct netif *nif)
{
    uint64_t sum = nif->answered + nif->consumed + netif_held(nif);
    for (unsigned i = 0; i < DROP_COUNT; i++)
        sum += nif->drops[i];
    return sum;
}

/* Check a frame that the stack sent: our tag, if we have one; a valid datagram or fragment. */
static void check_sent(const struct netif *nif, const uint8_t *frame, uint32_t n)
{
    uint8_t plain[ETH_BUFFER + VLAN_BYTES];
    memcpy(plain, frame, n);
    if (nif->vlan != 0) {
        require(n >= 64 && get16(plain + 12) == 0x8100 && get16(plain + 14) % 4096 == nif->vlan,
                "tag");
        memmove(plain + 12, plain + 16, n - 16);
        n -= 4;
    }
    unsigned field = get16(plain + 20);
    if (get16(plain + 12) == 0x0800 && field != 0) {
        unsigned total = get16(plain + 16);
        require(n >= 60 && n <= 1514 && total > 20 && total + 14 <= n, "lengths of a fragment");
        require(slow_sum(plain + 14, 20, 0) == 0xFFFF, "header checksum of a fragment");
        require(field < 0x4000 && (!(field & 0x2000) || total % 8 == 4),
                "a fragment has a wrong length or flag");
        require((field & 0x1FFF) * 8 + total <= 65535, "end of a fragment");
        return;
    }
    if (get16(plain + 12) == 0x0800 && plain[22] == 255) /* only the reflector's TTL is 255 */
        require(plain[23] == 17 && get16(plain + 34) == 862, "TTL");
    const char *fault = fault_of(plain, n);
    require(fault == NULL, fault);
}

static unsigned sent_n;
static void send(void *context, const uint8_t *frame, uint32_t n)
{
    check_sent(context, frame, n);
    sent_n++;
}

static void input(struct netif *nif, uint8_t flags, const uint8_t *bytes, size_t n)
{
    uint8_t *frame = malloc(ETH_BUFFER);
    memset(frame, 0xA5, ETH_BUFFER);
    memcpy(frame, bytes, n);
    if (flags & FLAG_TAG && n >= 14 && n + 4 <= ETH_BUFFER) {
        memmove(frame + 16, frame + 12, n - 12);
        put16(frame + 12, 0x8100);
        put16(frame + 14, 5 << 13 | nif->vlan);
        n += 4;
    }
    uint64_t before = counted(nif);
    sent_n = 0;
    uint32_t answer = netif_input(nif, frame, (uint32_t)n).length;
    require(counted(nif) == before + 1, "frame neither counted once nor held");
    require(sent_n <= 46 + REASS_SLOTS, "too many frames sent for one");
    require(netif_held(nif) <= 65536, "held");
    if (answer != 0)
        check_sent(nif, frame, answer);
    free(frame);
}

/* Input the IPv4 frame as two fragments, split in the middle; false: it cannot be split. */
static bool input_fragments(struct netif *nif, uint8_t flags, const uint8_t *bytes, size_t n)
{
    size_t header = n >= 34 ? (bytes[14] & 15u) * 4u : 0, total = n >= 34 ? get16(bytes + 16) : 0;
    if (get16(bytes + 12) != 0x0800 || header < 20 || total + 14 > n || total < header + 16)
        return false;
    size_t at = (total - header) / 2 / 8 * 8;
    for (unsigned i = 0; i < 2; i++) {
        bool is_head = i == 1;
        uint8_t piece[ETH_BUFFER];
        size_t skip = is_head ? 0 : at, length = is_head ? at : total - header - at;
        memcpy(piece, bytes, 14 + header);
        memcpy(piece + 14 + header, bytes + 14 + header + skip, length);
        put16(piece + 16, (unsigned)(header + length));
        put16(piece + 20, (get16(bytes + 20) + (unsigned)skip / 8) | (is_head ? 0x2000 : 0));
        fix_ip(piece);
        input(nif, flags, piece, 14 + header + length);
    }
    return true;
}

static void step(struct netif *nif, uint8_t flags, uint8_t *frame, size_t n, uint64_t *now)
{
    uint8_t made[ETH_BUFFER], mac[6];

    if (flags & FLAG_VLAN)
        nif->vlan = nif->vlan != 0 ? 0 : 100;
    if (n >= 34) {
        if (flags & FLAG_US) {
            memcpy(frame, US_MAC, 6);
            frame[6] &= 0xFE;
        }
        if (flags & FLAG_ADDRESS)
            put32(frame + (get16(frame + 12) == 0x0806 && n >= 42 ? 38 : 30), US_IP);
        if (flags & FLAG_CHECKSUM && n >= 14u + (frame[14] & 15u) * 4) {
            fix_payload(frame, n);
            fix_ip(frame);
        }
        if (flags & FLAG_LOOK_UP) {
            uint32_t ip = get32(frame + (get16(frame + 12) == 0x0806 ? 28 : 26));
            if (netif_resolve(nif, ip, mac) == NETIF_READY)
                check_sent(nif, made, netif_ping(nif, made, mac, ip, 1, 1, n));
        }
    }
    if (flags & FLAG_TIME) {
        *now += 2000000000u;
        unsigned frames = 0;
        for (uint32_t made_n; (made_n = netif_poll(nif, *now, made)) != 0; frames++)
            check_sent(nif, made, made_n);
        require(frames <= ARP_ENTRIES + 1, "poll makes too many frames");
    }
    if (!(flags & FLAG_CUT) || !input_fragments(nif, flags, frame, n))
        input(nif, flags, frame, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct netif nif;
    uint64_t now = 1000000000;

    memset(&nif, 0, sizeof(nif));
    reass.held = 0;
    for (unsigned i = 0; i < REASS_SLOTS; i++) {
        reass.slots[i].state = REASS_FREE;
        reass.slots[i].frames = 0;
    }
    nif.reass = &reass;
    nif.send = send;
    nif.send_context = &nif;
    require(netif_bind(&nif, 862, udp_twamp, NULL), "bind");
    require(netif_configure(&nif, (const uint8_t *)US_MAC, US_IP, 24,
                            (uint32_t[2]){IP(192, 0, 2, 254)}) == NULL,
            "configuration");
    while (size >= 3) {
        uint8_t flags = data[0];
        size_t n = get16(data + 1) % (ETH_BUFFER + 1);
        data += 3;
        size -= 3;
        if (n > size)
            n = size;
        uint8_t frame[ETH_BUFFER] = {0};
        memcpy(frame, data, n);
        step(&nif, flags, frame, n, &now);
        data += n;
        size -= n;
    }
    return 0;
}
