/* SPDX-License-Identifier: BSD-2-Clause
 * The router's untrusted input: a file of routes, or the header of a forwarded datagram; the first
 * byte selects which. A file: every route is within the limits of the format and every line is read
 * once. A header that ip_parse accepts: option processing stays within the header, and the
 * fragments are valid datagrams that add up to the original.
 *
 * links: net/route/text.c net/route/fragment.c net/route/ip_option.c net/stack/ip.c
 * net/stack/csum.c kernel/lib/parse.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/route/fragment.h"
#include "net/route/ip_option.h"
#include "net/route/text.h"
#include "net/stack/csum.h"
#include "net/stack/eth.h"
#include "net/stack/ip.h"

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void read_routes(const uint8_t *data, size_t size)
{
    struct route_text text = {.at = (const char *)data, .bytes = size};
    struct route_line line;
    const char *wrong;
    uint32_t before = 0, lines = 1;

    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    while (route_text_next(&text, &line, &wrong)) {
        require(text.number > before && text.number <= lines);
        require((const uint8_t *)text.at <= data + size);
        before = text.number;
        if (wrong) {
            require(*wrong != 0);
            continue;
        }
        require(line.bits <= 32 && (line.bits == 32 || line.prefix << line.bits == 0));
        require(line.via != ROUTE_VIA_PORT || line.port < 32);
    }
    require(text.bytes == 0 && !route_text_next(&text, &line, &wrong));
}

static bool is_ours(uint32_t ip)
{
    return ip & 1;
}

static void forward_datagram(const uint8_t *data, size_t size, uint32_t mtu)
{
    static uint8_t payload[65536];
    const struct ip_router router = {0xC0000201, 12345, is_ours};
    struct ip_view view, part;

    if (size < IP_BYTES || size > 1500)
        return;
    uint8_t *p = malloc(size), *out = malloc(mtu); /* of exact size: ASan detects an overrun */
    memcpy(p, data, size);
    uint32_t header = (p[IP_VERSION_IHL] & 15u) * 4;
    if (header >= IP_BYTES && header <= size) {
        wire_put16(p + IP_CHECKSUM, 0);
        wire_put16(p + IP_CHECKSUM, csum_close(csum_bytes(p, header)));
    }
    if (ip_parse(p, (uint32_t)size, &view) == DROP_NONE) {
        uint8_t bad = ip_options_forward(p, view.header_bytes, &router);
        require(bad == 0 || (bad >= IP_BYTES && bad < view.header_bytes));
        require(memcmp(p, data, 10) == 0 && memcmp(p + 12, data + 12, 8) == 0);
        require(memcmp(p + view.header_bytes, data + view.header_bytes, size - view.header_bytes) ==
                0);
        struct fragmenter f = {.datagram = p, .ip = &view, .mtu = mtu};
        uint32_t bytes, end = 0, all = view.total_bytes - view.header_bytes;
        while ((bytes = fragment_next(&f, out)) != 0) {
            require(bytes <= mtu && ip_parse(out, bytes, &part) == DROP_NONE);
            require(part.total_bytes == bytes && part.src == view.src && part.dst == view.dst);
            uint32_t n = bytes - part.header_bytes;
            memcpy(payload + end, out + part.header_bytes, n);
            end += n;
            require(end == all || n % 8 == 0);
        }
        require(end == all && memcmp(payload, p + view.header_bytes, all) == 0);
    }
    free(p);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    if (data[0] & 1)
        read_routes(data + 1, size - 1);
    else
        forward_datagram(data + 2, size - 2, 68 + data[1] * 6u);
    return 0;
}
