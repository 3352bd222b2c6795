/* SPDX-License-Identifier: BSD-2-Clause
 * Multiboot2 tags (Multiboot2 specification 2.0, section 3.6) and PVH start info (Xen public header
 * arch-x86/hvm/start_info.h) to struct bootinfo.
 */
#include "boot/bootinfo.h"
#include "kernel/lib/str.h"

/* Longer information counts as damaged. */
#define MULTIBOOT2_BYTES_MAX   (1u << 20)

#define PVH_MAGIC              0x336EC578u
#define PVH_VERSION_MEMORY_MAP 1 /* the memory map exists from this version on */

struct pvh_start_info {
    uint32_t magic, version, flags, n_modules;
    uint64_t modules_paddr, line_paddr, rsdp_paddr;
    uint64_t memory_map_paddr; /* this and the next two: from version 1 on */
    uint32_t n_memory_map, reserved;
};
static_assert(sizeof(struct pvh_start_info) == 56, "as the loader writes it");
#define PVH_BYTES_VERSION_0 40

struct pvh_module {
    uint64_t paddr, bytes, line_paddr, reserved;
};
static_assert(sizeof(struct pvh_module) == 32, "as the loader writes it");

struct pvh_range {
    uint64_t start, bytes;
    uint32_t type, reserved;
};
static_assert(sizeof(struct pvh_range) == 24, "as the loader writes it");

enum multiboot2_tag {
    TAG_END = 0,
    TAG_LINE = 1,
    TAG_LOADER = 2,
    TAG_MODULE = 3,
    TAG_MEMORY_MAP = 6,
    TAG_FRAMEBUFFER = 8,
    TAG_ACPI_OLD = 14,
    TAG_ACPI_NEW = 15,
};

struct tag {
    uint32_t type, bytes;
};
struct tag_module {
    struct tag tag;
    uint32_t start, end; /* then the line */
};
struct tag_memory_map {
    struct tag tag;
    uint32_t entry_bytes, entry_version;
};
struct memory_map_entry {
    uint64_t start, bytes;
    uint32_t type, reserved;
};
struct tag_framebuffer {
    struct tag tag;
    uint64_t start;
    uint32_t pitch_bytes, width, height;
    uint8_t bits, type;
    uint16_t reserved;
};
static_assert(sizeof(struct memory_map_entry) == 24, "as the loader writes it");
static_assert(sizeof(struct tag_framebuffer) == 32, "as the loader writes it");

static void damaged(struct bootinfo *info, const char *what)
{
    if (!info->damage)
        info->damage = what;
}

/* Copy text of at most max bytes, possibly without a NUL; what does not fit is cut off. */
static void copy_text(char *to, size_t to_bytes, const char *text, size_t max)
{
    size_t n = MIN(strnlen(text, max), to_bytes - 1);
    memcpy(to, text, n);
    to[n] = 0;
}

/* Copy NUL-terminated text of unknown length from physical memory, as far as it is readable and
 * fits.
 */
static void copy_text_at(char *to, size_t to_bytes, uint64_t paddr, boot_map_callback look)
{
    size_t n = 0;
    for (const char *c; n < to_bytes - 1 && (c = look(paddr + n, 1)) != NULL && *c; n++)
        to[n] = *c;
    to[n] = 0;
}

static void add_range(struct bootinfo *info, uint64_t start, uint64_t bytes, uint32_t type)
{
    if (bytes == 0)
        return;
    if (start + (bytes - 1) < start) {
        damaged(info, "a memory range wraps around the end of the address space");
        bytes = 0 - start;
    }
    struct boot_range range = {start, bytes, type};
    if (info->n_ranges < BOOTINFO_RANGES_MAX) {
        info->ranges[info->n_ranges++] = range;
        return;
    }
    /* The table is full: drop the smallest usable range, since a dropped reserved range would be
     * taken for RAM. If no range is usable, there is no RAM anyway. */
    struct boot_range *least = type == BOOT_MEMORY_USABLE ? &range : NULL;
    for (struct boot_range *r = info->ranges; r < info->ranges + BOOTINFO_RANGES_MAX; r++)
        if (r->type == BOOT_MEMORY_USABLE && (!least || r->bytes < least->bytes))
            least = r;
    if (least)
        *least = range;
    info->n_lost++;
}

static struct boot_module *add_module(struct bootinfo *info, uint64_t start, uint64_t bytes)
{
    if (bytes == 0 || start + (bytes - 1) < start) {
        damaged(info, "a boot module is empty or wraps");
        return NULL;
    }
    if (info->n_modules == BOOTINFO_MODULES_MAX) {
        info->n_lost++;
        return NULL;
    }
    struct boot_module *m = &info->modules[info->n_modules++];
    *m = (struct boot_module){.start = start, .bytes = bytes};
    return m;
}

/* --- multiboot2 --- */

static void read_memory_map(struct bootinfo *info, const uint8_t *at, uint32_t bytes)
{
    struct tag_memory_map head;
    struct memory_map_entry entry;
    if (bytes < sizeof head) {
        damaged(info, "the memory map tag is truncated");
        return;
    }
    memcpy(&head, at, sizeof head);
    if (head.entry_bytes < sizeof entry) {
        damaged(info, "the memory map's entries are too small");
        return;
    }
    for (uint32_t i = sizeof head; bytes - i >= head.entry_bytes; i += head.entry_bytes) {
        memcpy(&entry, at + i, sizeof entry);
        add_range(info, entry.start, entry.bytes, entry.type);
    }
}

static void read_module(struct bootinfo *info, const uint8_t *at, uint32_t bytes)
{
    struct tag_module head;
    if (bytes < sizeof head) {
        damaged(info, "a module tag is truncated");
        return;
    }
    memcpy(&head, at, sizeof head);
    if (head.end <= head.start) {
        damaged(info, "a boot module is empty or wraps");
        return;
    }
    struct boot_module *m = add_module(info, head.start, head.end - head.start);
    if (m)
        copy_text(m->name, sizeof m->name, (const char *)at + sizeof head, bytes - sizeof head);
}

static void read_framebuffer(struct bootinfo *info, const uint8_t *at, uint32_t bytes)
{
    struct tag_framebuffer head;
    if (bytes < sizeof head) {
        damaged(info, "the framebuffer tag is truncated");
        return;
    }
    memcpy(&head, at, sizeof head);
    info->framebuffer = (struct boot_framebuffer){
        .start = head.start,
        .pitch_bytes = head.pitch_bytes,
        .width = head.width,
        .height = head.height,
        .bits = head.bits,
        .type = head.type,
    };
    struct boot_framebuffer *f = &info->framebuffer;
    if (head.type == 1 && bytes >= sizeof head + 6) {
        const uint8_t *colour = at + sizeof head;
        f->red_at = colour[0];
        f->red_bits = colour[1];
        f->green_at = colour[2];
        f->green_bits = colour[3];
        f->blue_at = colour[4];
        f->blue_bits = colour[5];
    }
}

static void read_rsdp(struct bootinfo *info, const uint8_t *at, uint32_t bytes)
{
    uint32_t n = MIN(bytes - (uint32_t)sizeof(struct tag), (uint32_t)sizeof info->rsdp);
    if (n < info->rsdp_bytes)
        return; /* the newer of the two was read already */
    memcpy(info->rsdp, at + sizeof(struct tag), n);
    info->rsdp_bytes = n;
}

/* bytes: of the whole tag, at least of its head. */
static void read_tag(struct bootinfo *info, uint32_t type, const uint8_t *at, uint32_t bytes)
{
    const char *text = (const char *)at + sizeof(struct tag);
    size_t text_bytes = bytes - sizeof(struct tag);
    switch (type) {
    case TAG_LINE:
        copy_text(info->line, sizeof info->line, text, text_bytes);
        break;
    case TAG_LOADER:
        copy_text(info->loader, sizeof info->loader, text, text_bytes);
        break;
    case TAG_MODULE:
        read_module(info, at, bytes);
        break;
    case TAG_MEMORY_MAP:
        read_memory_map(info, at, bytes);
        break;
    case TAG_FRAMEBUFFER:
        read_framebuffer(info, at, bytes);
        break;
    case TAG_ACPI_OLD:
    case TAG_ACPI_NEW:
        read_rsdp(info, at, bytes);
        break;
    default:
        break;
    }
}

static bool read_multiboot2(uint32_t paddr, boot_map_callback look, struct bootinfo *info)
{
    const uint8_t *start = look(paddr, 8);
    if (!start)
        return false;
    uint32_t total;
    memcpy(&total, start, sizeof total);
    if (total > MULTIBOOT2_BYTES_MAX) {
        damaged(info, "multiboot2 information claims more than 1 MiB");
        total = MULTIBOOT2_BYTES_MAX;
    }
    start = look(paddr, total);
    if (total < 8 || !start) {
        damaged(info, "multiboot2 information is empty or cannot be read");
        return false;
    }
    info->path = BOOT_MULTIBOOT2;
    for (uint32_t at = 8;;) {
        struct tag tag;
        if (total - at < sizeof tag) {
            damaged(info, "multiboot2 tags do not end");
            return true;
        }
        memcpy(&tag, start + at, sizeof tag);
        if (tag.type == TAG_END)
            return true;
        if (tag.bytes < sizeof tag || tag.bytes > total - at) {
            damaged(info, "a multiboot2 tag has an invalid length; the tags after it are ignored");
            return true;
        }
        read_tag(info, tag.type, start + at, tag.bytes);
        uint32_t step = ALIGN_UP(tag.bytes, 8u);
        if (step > total - at) {
            damaged(info, "multiboot2 tags do not end");
            return true;
        }
        at += step;
    }
}

/* --- PVH --- */

static void read_pvh_map(struct bootinfo *info, const struct pvh_start_info *head,
                         boot_map_callback look)
{
    for (uint32_t i = 0; i < head->n_memory_map; i++) {
        if (i == 4 * BOOTINFO_RANGES_MAX) {
            damaged(info, "the PVH memory map claims too many ranges");
            return;
        }
        struct pvh_range range;
        const void *at = look(head->memory_map_paddr + i * sizeof range, sizeof range);
        if (!at) {
            damaged(info, "the PVH memory map cannot be read to its end");
            return;
        }
        memcpy(&range, at, sizeof range);
        add_range(info, range.start, range.bytes, range.type);
    }
}

static void read_pvh_modules(struct bootinfo *info, const struct pvh_start_info *head,
                             boot_map_callback look)
{
    for (uint32_t i = 0; i < head->n_modules; i++) {
        if (i == 4 * BOOTINFO_MODULES_MAX) {
            damaged(info, "PVH information claims too many modules");
            return;
        }
        struct pvh_module module;
        const void *at = look(head->modules_paddr + i * sizeof module, sizeof module);
        if (!at) {
            damaged(info, "the PVH module list cannot be read to its end");
            return;
        }
        memcpy(&module, at, sizeof module);
        struct boot_module *m = add_module(info, module.paddr, module.bytes);
        if (m && module.line_paddr)
            copy_text_at(m->name, sizeof m->name, module.line_paddr, look);
    }
}

static bool read_pvh(uint32_t paddr, boot_map_callback look, struct bootinfo *info)
{
    struct pvh_start_info head = {0};
    const void *at = look(paddr, PVH_BYTES_VERSION_0);
    if (!at)
        return false;
    memcpy(&head, at, PVH_BYTES_VERSION_0);
    if (head.magic != PVH_MAGIC)
        return false;
    info->path = BOOT_PVH;
    copy_text(info->loader, sizeof info->loader, "PVH", 3);
    info->rsdp_paddr = head.rsdp_paddr;
    if (head.line_paddr)
        copy_text_at(info->line, sizeof info->line, head.line_paddr, look);
    read_pvh_modules(info, &head, look);
    if (head.version < PVH_VERSION_MEMORY_MAP) {
        damaged(info, "PVH information of version 0 has no memory map");
        return true;
    }
    at = look(paddr, sizeof head);
    if (!at) {
        damaged(info, "PVH information cannot be read to its end");
        return true;
    }
    memcpy(&head, at, sizeof head);
    read_pvh_map(info, &head, look);
    return true;
}

bool bootinfo_read(uint32_t eax, uint32_t ebx, boot_map_callback look, struct bootinfo *info)
{
    memset(info, 0, sizeof *info);
    return eax == BOOTINFO_MULTIBOOT2_MAGIC ? read_multiboot2(ebx, look, info)
                                            : read_pvh(ebx, look, info);
}

const char *bootinfo_path_name(enum boot_path path)
{
    switch (path) {
    case BOOT_PVH:
        return "PVH";
    case BOOT_MULTIBOOT2:
        return "multiboot2";
    default:
        return "unknown";
    }
}
