/* SPDX-License-Identifier: BSD-2-Clause
 * What every other file uses: sized integers, address types that the compiler keeps apart, bit
 * fields written as in a datasheet, and the errors that set-up code returns. Pure: it includes only
 * freestanding headers. Read next: arch/mmio.h.
 */
#ifndef ARCH_TYPES_H
#define ARCH_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define static_assert _Static_assert

/* An address as the CPU's page tables hold it. Never dereferenced: paging_pointer makes a pointer
 * of it. */
typedef struct {
    uint64_t v;
} paddr_t;

/* An address as a card sees it. Behind an IOMMU the iova of a buffer or ring never equals its
 * physical address (kernel/memory/dma.h), so that a mix-up fails in the first test. */
typedef struct {
    uint64_t v;
} iova_t;

/* Big-endian numbers, as on the wire. */
typedef struct {
    uint16_t v;
} be16_t;
typedef struct {
    uint32_t v;
} be32_t;

static inline uint16_t be16_get(be16_t x)
{
    return __builtin_bswap16(x.v);
}
static inline be16_t be16_of(uint16_t x)
{
    return (be16_t){__builtin_bswap16(x)};
}
static inline uint32_t be32_get(be32_t x)
{
    return __builtin_bswap32(x.v);
}
static inline be32_t be32_of(uint32_t x)
{
    return (be32_t){__builtin_bswap32(x)};
}

#define BIT(n)   (1u << (n))
#define BIT64(n) (1ull << (n))

/* FIELD(hi, lo): the mask of bits hi..lo of a 32-bit register, both inclusive. */
#define FIELD(hi, lo) ((0xFFFFFFFFu >> (31 - (hi))) & (0xFFFFFFFFu << (lo)))
/* FIELD_PUT: the value v shifted into the field. FIELD_GET: the field of the word w as a number. */
#define FIELD_PUT(field, v) (((uint32_t)(v) * ((field) & (0u - (field)))) & (field))
#define FIELD_GET(field, w) (((w) & (field)) / ((field) & (0u - (field))))

#define ARRAY_SIZE(a)       (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)           ((a) < (b) ? (a) : (b))
#define MAX(a, b)           ((a) > (b) ? (a) : (b))
/* clang-format off */
#define ALIGN_UP(x, a) (((x) + (a) - 1) & ~((__typeof__(x))(a) - 1))
/* clang-format on */

#define CACHE_LINE_BYTES 64u
#define PAGE_BYTES       4096u

/* Results of set-up code; before it returns an error it logs what it expected and what it read. */
enum err {
    OK = 0,
    ERR_TIMEOUT,     /* a wait reached its limit */
    ERR_NO_DEVICE,   /* no device, or its registers read all ones */
    ERR_UNSUPPORTED, /* a device of an unsupported kind */
    ERR_BAD_VALUE,   /* firmware, card or operator gave an invalid value */
    ERR_NO_MEMORY,
    ERR_BUSY, /* a semaphore or resource is in use */
};
#define MUST_CHECK __attribute__((warn_unused_result))

#endif
