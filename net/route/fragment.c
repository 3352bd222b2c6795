/* SPDX-License-Identifier: BSD-2-Clause
 * Fragments; see fragment.h.
 */
#include "net/route/fragment.h"

#include "kernel/lib/str.h"
#include "net/stack/csum.h"
#include "net/stack/eth.h"
#include "net/stack/ip.h"

#define OPTION_END    0u
#define OPTION_NOP    1u
#define OPTION_COPIED 0x80u

/* The header of a fragment after the first: 20 bytes and the options with the copied flag. */
static uint32_t copy_header(const uint8_t *header, uint32_t bytes, uint8_t *out)
{
    uint32_t n = IP_BYTES;

    memcpy(out, header, IP_BYTES);
    for (uint32_t at = IP_BYTES; at < bytes && header[at] != OPTION_END;) {
        if (header[at] == OPTION_NOP) {
            at++;
            continue;
        }
        uint32_t size = at + 1 < bytes ? header[at + 1] : 0;
        if (size < 2 || size > bytes - at)
            break; /* ip_parse has rejected such headers */
        if (header[at] & OPTION_COPIED) {
            memcpy(out + n, header + at, size);
            n += size;
        }
        at += size;
    }
    while (n % 4 != 0)
        out[n++] = OPTION_END;
    out[IP_VERSION_IHL] = (uint8_t)(0x40 | n / 4);
    return n;
}

uint32_t fragment_next(struct fragmenter *f, uint8_t *out)
{
    const uint8_t *in = f->datagram;
    uint32_t in_header = f->ip->header_bytes, header = in_header;
    uint32_t payload = f->ip->total_bytes - in_header;
    uint16_t flags = f->ip->fragment;

    if (f->at >= payload)
        return 0;
    if (f->at == 0)
        memcpy(out, in, in_header);
    else
        header = copy_header(in, in_header, out);
    uint32_t left = payload - f->at, bytes = MIN(left, (f->mtu - header) & ~7u);
    memcpy(out + header, in + in_header + f->at, bytes);
    /* The last fragment keeps the datagram's own more-fragments flag. */
    uint32_t more = bytes < left ? IP_FRAGMENT_MORE : flags & IP_FRAGMENT_MORE;
    uint32_t offset = (flags & IP_FRAGMENT_OFFSET) + f->at / 8;
    wire_put16(out + IP_FRAGMENT,
               (uint16_t)((flags & ~(IP_FRAGMENT_MORE | IP_FRAGMENT_OFFSET)) | more | offset));
    wire_put16(out + IP_TOTAL, (uint16_t)(header + bytes));
    wire_put16(out + IP_CHECKSUM, 0);
    wire_put16(out + IP_CHECKSUM, csum_close(csum_bytes(out, header)));
    f->at += bytes;
    return header + bytes;
}
