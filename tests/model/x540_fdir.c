/* SPDX-License-Identifier: BSD-2-Clause
 * Flow director: filters that send one flow to one queue, found by a hash of the packet. Signature
 * filters match a flow by two hashes of it, perfect filters by its fields under global masks; in
 * both modes the driver computes the hashes, so a filter with a wrong one never matches.
 *
 * The hash input is a stream of big-endian words: pool, flow type and VLAN tag in the first, then
 * destination address, source address (4 words each), ports, and the flexible bytes. All words but
 * the first are XORed into one, so that source and destination may be swapped and still match.
 */
#include <stdlib.h>
#include <string.h>

#include "x540_internal.h"

#define FILTERS_MAX       32768u
#define BUCKETS           32768u
#define HASH_BITS         0x7FFFu /* signature mode */
#define PERFECT_BITS      0x1FFFu /* perfect mode */

#define CMD               FIELD(1, 0)
#define CMD_ADD           1
#define CMD_REMOVE        2
#define CMD_QUERY         3
#define CMD_FILTER_VALID  BIT(2)
#define CMD_FILTER_UPDATE BIT(3)
#define CMD_FLOW          FIELD(7, 5) /* L4TYPE and IPV6 */
#define CMD_CLEARHT       BIT(8)
#define CMD_DROP          BIT(9)
#define CMD_COLLISION     BIT(12)
#define CMD_QUEUE_EN      BIT(15)
#define CMD_RX_QUEUE      FIELD(22, 16)

#define M_VLANID          BIT(0)
#define M_VLANP           BIT(1)
#define M_L4P             BIT(3)
#define M_FLEX            BIT(4)

static bool perfect(const struct x540 *card)
{
    return REG(card, FDIRCTRL) & FDIRCTRL_PERFECT;
}

static uint32_t capacity(const struct x540 *card)
{
    uint32_t code = GET(FDIRCTRL_PBALLOC, REG(card, FDIRCTRL));

    if (!code)
        return 0;
    return (perfect(card) ? 1024u << code : 4096u << code) - 2;
}

void x540_fdir_empty(struct x540 *card)
{
    if (!card->fdir_used)
        return;
    memset(card->fdir_bucket, 0, BUCKETS * sizeof(card->fdir_bucket[0]));
    memset(card->fdir, 0, FILTERS_MAX * sizeof(card->fdir[0]));
    card->fdir_used = 0;
}

void x540_fdir_init_done(struct x540 *card)
{
    if (GET(FDIRCTRL_PBALLOC, REG(card, FDIRCTRL)))
        REG(card, FDIRCTRL) |= FDIRCTRL_INIT_DONE;
}

/* ---- Hashes ---- */

struct stream {
    uint32_t first;  /* pool, flow type, VLAN tag */
    uint32_t common; /* all the rest, XORed */
};

static uint32_t hash(const struct stream *stream, uint32_t key)
{
    uint32_t high = stream->common, low = high >> 16 | high << 16, value;

    high ^= stream->first ^ stream->first >> 16;
    value = (key & 1 ? low : 0) ^ (key & BIT(16) ? high : 0);
    low ^= stream->first ^ stream->first << 16; /* bit 0 was taken without it */
    for (uint32_t n = 1; n < 16; n++) {
        if (key >> n & 1)
            value ^= low >> n;
        if (key >> (n + 16) & 1)
            value ^= high >> n;
    }
    return value;
}

/* ---- Fields of a packet, as registers hold them ---- */

struct fields {
    uint32_t flow; /* L4TYPE, and bit 2 for IPv6 */
    uint32_t saddr, daddr, ports, vlan, flex;
};

static uint32_t wire32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Bit 15 of a port mask register stands for bit 0 of the port, and so on. */
static uint32_t port_mask(uint32_t value)
{
    uint32_t ports = 0;

    for (uint32_t i = 0; i < 16; i++) {
        ports |= (value >> (15 - i) & 1) << i;
        ports |= (value >> (31 - i) & 1) << (i + 16);
    }
    return ~ports;
}

static uint32_t vlan_mask(uint32_t fdirm)
{
    return (fdirm & M_VLANID ? 0 : 0x0FFF) | (fdirm & M_VLANP ? 0 : 0xE000);
}

static uint32_t ports_mask_of(const struct x540 *card, uint32_t flow)
{
    static const uint32_t registers[4] = {0, FDIRUDPM, FDIRTCPM, FDIRSCTPM};

    if (!(flow & 3) || (REG(card, FDIRM) & M_L4P))
        return 0;
    return port_mask(REG(card, registers[flow & 3]));
}

static uint32_t flex_of(const struct x540 *card, const struct packet *packet)
{
    uint32_t at = 2 * GET(FDIRCTRL_FLEX, REG(card, FDIRCTRL));

    if (at + 2 > packet->len || (REG(card, FDIRM) & M_FLEX))
        return 0;
    return (uint32_t)packet->data[at] | (uint32_t)packet->data[at + 1] << 8;
}

static struct fields fields_of(const struct x540 *card, const struct packet *packet)
{
    const uint8_t *ip = packet->data + packet->l3, *l4 = packet->data + packet->l4;
    uint32_t fdirm = REG(card, FDIRM);
    struct fields f = {0};

    if (packet->l4)
        f.flow = packet->flags & PK_UDP ? 1 : packet->flags & PK_TCP ? 2 : 3;
    if (packet->flags & PK_IPV6)
        f.flow |= 4;
    if (fdirm & M_L4P)
        f.flow &= 4;
    if (packet->flags & PK_IPV4) {
        f.saddr = wire32(ip + 12) & ~REG(card, FDIRSIP4M);
        f.daddr = wire32(ip + 16) & ~REG(card, FDIRDIP4M);
    }
    if (packet->l4)
        f.ports = ((uint32_t)load16be(l4 + 2) << 16 | load16be(l4)) & ports_mask_of(card, f.flow);
    f.vlan = (packet->flags & PK_TAGGED ? packet->tci : 0) & vlan_mask(fdirm);
    f.flex = flex_of(card, packet);
    return f;
}

static struct stream stream_of(const struct packet *packet, const struct fields *f)
{
    struct stream s = {.first = f->flow << 16 | f->vlan};
    const uint8_t *ip = packet->data + packet->l3;

    if (packet->flags & PK_IPV6)
        for (uint32_t i = 8; i < 40; i += 4)
            s.common ^= load32be(ip + i);
    else
        s.common = __builtin_bswap32(f->saddr) ^ __builtin_bswap32(f->daddr);
    s.common ^= f->ports << 16 | f->ports >> 16; /* source port first */
    s.common ^= (uint32_t)__builtin_bswap16((uint16_t)f->flex) << 16;
    return s;
}

/* ---- The table ---- */

static struct fdir_filter *find(struct x540 *card, uint32_t bucket, uint32_t id, uint32_t flow)
{
    bool by_flow = !perfect(card);

    for (uint32_t i = card->fdir_bucket[bucket]; i; i = card->fdir[i - 1].next) {
        struct fdir_filter *filter = &card->fdir[i - 1];

        if (filter->id == id && (!by_flow || filter->flow == flow))
            return filter;
    }
    return NULL;
}

static struct fdir_filter *insert(struct x540 *card, uint32_t bucket)
{
    uint32_t most = capacity(card);

    if (card->fdir_used >= most)
        return NULL;
    for (uint32_t i = 0; i < most; i++) {
        uint32_t at = (card->fdir_turn + i) % most;
        struct fdir_filter *filter = &card->fdir[at];

        if (filter->used)
            continue;
        card->fdir_turn = at + 1;
        memset(filter, 0, sizeof(*filter));
        filter->used = true;
        filter->next = card->fdir_bucket[bucket];
        card->fdir_bucket[bucket] = (uint16_t)(at + 1);
        card->fdir_used++;
        return filter;
    }
    return NULL;
}

static void take_out(struct x540 *card, uint32_t bucket, struct fdir_filter *gone)
{
    uint16_t *link = &card->fdir_bucket[bucket];

    while (*link && &card->fdir[*link - 1] != gone)
        link = &card->fdir[*link - 1].next;
    if (!*link)
        return;
    *link = gone->next;
    gone->used = false;
    card->fdir_used--;
}

/* One of two counters in a register: of 16 bits each in FDIRUSTAT, of 8 in FDIRFSTAT. */
static void count_part(struct x540 *card, uint32_t offset, uint32_t shift, uint32_t most)
{
    if ((REG(card, offset) >> shift & most) < most)
        REG(card, offset) += 1u << shift;
}

static void warn_if_full(struct x540 *card)
{
    uint32_t left = capacity(card) - card->fdir_used;

    if (left < 16 * (REG(card, FDIRCTRL) >> 28))
        x540_intr_other(card, EICR_FLOW_DIR);
}

static uint32_t add(struct x540 *card, uint32_t bucket, uint32_t id, uint32_t command)
{
    uint32_t flow = GET(CMD_FLOW, command), fdirm = REG(card, FDIRM);
    struct fdir_filter *filter = find(card, bucket, id, flow);

    if (filter && !(command & CMD_FILTER_UPDATE)) {
        count_part(card, FDIRFSTAT, 0, 0xFF);
        return command | CMD_COLLISION;
    }
    if (!filter && !(filter = insert(card, bucket))) {
        count_part(card, FDIRFSTAT, 0, 0xFF);
        return command;
    }
    filter->id = (uint16_t)id;
    filter->drop = command & CMD_DROP;
    filter->queue_enabled = command & CMD_QUEUE_EN;
    filter->queue = (uint8_t)GET(CMD_RX_QUEUE, command);
    filter->flow = (uint8_t)(fdirm & M_L4P && perfect(card) ? flow & 4 : flow);
    filter->saddr = REG(card, FDIRIPSA) & ~REG(card, FDIRSIP4M);
    filter->daddr = REG(card, FDIRIPDA) & ~REG(card, FDIRDIP4M);
    filter->ports = REG(card, FDIRPORT) & ports_mask_of(card, filter->flow);
    filter->vlan = (uint16_t)(REG(card, FDIRVLAN) & vlan_mask(fdirm));
    filter->flex = fdirm & M_FLEX ? 0 : (uint16_t)(REG(card, FDIRVLAN) >> 16);
    count_part(card, FDIRUSTAT, 0, 0xFFFF);
    warn_if_full(card);
    return command | CMD_FILTER_VALID;
}

static void command(struct x540 *card, uint32_t value)
{
    uint32_t fdirhash = REG(card, FDIRHASH), id = fdirhash >> 16 & 0x7FFF;
    uint32_t bucket = fdirhash & (perfect(card) ? PERFECT_BITS : HASH_BITS);
    struct fdir_filter *filter;

    if (value & CMD_CLEARHT)
        x540_fdir_empty(card);
    REG(card, FDIRCMD) = value & ~(CMD | CMD_COLLISION);
    if (!GET(CMD, value))
        return;
    if (!(REG(card, FDIRCTRL) & FDIRCTRL_INIT_DONE)) {
        x540_complain(card, RULE_FDIR_INIT, "FDIRCMD = 0x%08x with FDIRCTRL = 0x%08x", value,
                      REG(card, FDIRCTRL));
        return;
    }
    filter = find(card, bucket, id, GET(CMD_FLOW, value));
    switch (GET(CMD, value)) {
    case CMD_ADD:
        REG(card, FDIRCMD) = add(card, bucket, id, value) & ~CMD;
        break;
    case CMD_REMOVE:
        if (filter) {
            take_out(card, bucket, filter);
            count_part(card, FDIRUSTAT, 16, 0xFFFF);
        } else {
            count_part(card, FDIRFSTAT, 8, 0xFF);
        }
        break;
    case CMD_QUERY:
        REG(card, FDIRCMD) = (value & ~(CMD | CMD_FILTER_VALID)) | (filter ? CMD_FILTER_VALID : 0);
        break;
    }
}

/* ---- Registers; false: plain memory ---- */

bool x540_fdir_write(struct x540 *card, uint32_t offset, uint32_t value)
{
    bool x550 = card->config.kind == X540_X550;

    switch (offset) {
    case FDIRCTRL:
        REG(card, FDIRCTRL) = value & (0xFF1F7FB3 | (x550 ? FDIRCTRL_DROP_NO_MATCH : 0));
        x540_fdir_empty(card);
        x540_rx_buffer_size(card);
        x540_plan(card, EV_FDIR, card->config.enable_ns);
        return true;
    case FDIRCMD:
        command(card, value);
        return true;
    case FDIRFREE:
        return true;
    }
    return false;
}

uint32_t x540_fdir_read(struct x540 *card, uint32_t offset)
{
    uint32_t value = REG(card, offset);

    if (offset == FDIRFREE)
        return capacity(card) - card->fdir_used;
    if (offset == FDIRUSTAT)
        REG(card, offset) = 0;
    return value;
}

/* ---- Packets ---- */

static bool same(const struct fdir_filter *filter, const struct fields *f)
{
    return filter->flow == f->flow && filter->saddr == f->saddr && filter->daddr == f->daddr &&
           filter->ports == f->ports && filter->vlan == f->vlan && filter->flex == f->flex;
}

static struct fdir_filter *match(struct x540 *card, const struct fields *f, uint32_t bucket,
                                 uint32_t signature)
{
    if (!perfect(card))
        return find(card, bucket, signature, f->flow);
    for (uint32_t i = card->fdir_bucket[bucket]; i; i = card->fdir[i - 1].next)
        if (same(&card->fdir[i - 1], f))
            return &card->fdir[i - 1];
    return NULL;
}

static void missed(struct x540 *card, struct packet *packet)
{
    uint32_t fdirctrl = REG(card, FDIRCTRL);

    if (!packet->again)
        x540_stats_add(card, FDIRMISS, 1);
    if (fdirctrl & FDIRCTRL_DROP_NO_MATCH) {
        packet->drop = true;
        packet->queue = (uint8_t)GET(FDIRCTRL_DROP_Q, fdirctrl);
    }
}

void x540_fdir_match(struct x540 *card, struct packet *packet)
{
    uint32_t fdirctrl = REG(card, FDIRCTRL), bucket, signature = 0;
    struct fdir_filter *filter;
    struct fields f;
    struct stream s;

    if (!(packet->flags & (PK_IPV4 | PK_IPV6)) || (packet->flags & PK_FRAGMENT))
        return;
    if (!card->fdir_used) {
        missed(card, packet);
        return;
    }
    f = fields_of(card, packet);
    s = stream_of(packet, &f);
    bucket = hash(&s, REG(card, FDIRHKEY)) & (perfect(card) ? PERFECT_BITS : HASH_BITS);
    if (!perfect(card))
        signature = hash(&s, REG(card, FDIRSKEY)) & HASH_BITS;
    filter = match(card, &f, bucket, signature);
    if (filter || (fdirctrl & FDIRCTRL_REPORT_ALWAYS)) {
        packet->fdir_report = fdirctrl & (FDIRCTRL_REPORT_STATUS | FDIRCTRL_REPORT_ALWAYS);
        packet->fdir_id = bucket | (uint32_t)(filter ? filter->id : signature) << 16;
    }
    if (!filter) {
        missed(card, packet);
        return;
    }
    if (!packet->again)
        x540_stats_add(card, FDIRMATCH, 1);
    packet->drop = filter->drop;
    packet->fdir_hit = true;
    packet->fdir_queued = filter->queue_enabled;
    packet->queue = filter->drop ? (uint8_t)GET(FDIRCTRL_DROP_Q, fdirctrl) : filter->queue;
}

void x540_fdir_create(struct x540 *card)
{
    card->fdir = calloc(FILTERS_MAX, sizeof(card->fdir[0]));
    card->fdir_bucket = calloc(BUCKETS, sizeof(card->fdir_bucket[0]));
}
