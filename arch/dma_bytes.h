/* SPDX-License-Identifier: BSD-2-Clause
 * Numbers at any address of memory that a device may write at any time: received frames. Each
 * function loads its number once, and what it returns is all that the compiler knows: the empty asm
 * statement hides that the value comes from memory, so it is not loaded again later. (A volatile
 * load would do that too, but is not folded into the instruction that uses it.) All little-endian.
 */
#ifndef ARCH_DMA_BYTES_H
#define ARCH_DMA_BYTES_H

#include "arch/bytes.h"
#include "arch/types.h"

/* Such memory. Volatile and incomplete, so that a pointer to it becomes no other pointer, not even
 * to void, without a cast. */
typedef volatile struct dma_bytes *dma_bytes_t;

static inline uint64_t dma_pin64(uint64_t v)
{
    __asm__ volatile("" : "+r"(v));
    return v;
}
static inline uint32_t dma_pin32(uint32_t v)
{
    __asm__ volatile("" : "+r"(v));
    return v;
}
static inline uint64_t dma_once64(const void *p)
{
    return dma_pin64(load64(p));
}
static inline uint32_t dma_once32(const void *p)
{
    return dma_pin32(load32(p));
}
/* These bits of the number; `from` less the number. */
static inline uint64_t dma_bits64(const void *p, uint64_t bits)
{
    return dma_pin64(load64(p) & bits);
}
static inline uint64_t dma_subtract64(uint64_t from, const void *p)
{
    return dma_pin64(from - load64(p));
}
/* Zero-extended by the load itself, and so an index without a further instruction. */
static inline size_t dma_once16(const void *p)
{
    return dma_pin64(load16(p));
}
static inline size_t dma_once8(const uint8_t *p)
{
    return dma_pin64(*p);
}

/* Is the number equal to `value`; is it below `limit`; is any of the bits set in it? One instruction
 * in place, which the compiler would need two for. */
typedef uint64_t __attribute__((may_alias, aligned(1))) dma_any64;
typedef uint32_t __attribute__((may_alias, aligned(1))) dma_any32;
typedef uint16_t __attribute__((may_alias, aligned(1))) dma_any16;
static inline __attribute__((always_inline)) bool dma_is32(const void *p, uint32_t value)
{
    bool is;
    __asm__ volatile("cmpl %2, %1" : "=@cce"(is) : "m"(*(const dma_any32 *)p), "ri"(value));
    return is;
}
static inline __attribute__((always_inline)) bool dma_is_below16(const void *p, uint16_t limit)
{
    bool is;
    __asm__ volatile("cmpw %2, %1" : "=@ccb"(is) : "m"(*(const dma_any16 *)p), "ri"(limit));
    return is;
}
static inline __attribute__((always_inline)) bool dma_tests64(const void *p, uint64_t bits)
{
    bool is;
    __asm__ volatile("testq %2, %1" : "=@ccnz"(is) : "m"(*(const dma_any64 *)p), "r"(bits));
    return is;
}
static inline __attribute__((always_inline)) bool dma_tests8(const uint8_t *p, uint8_t bits)
{
    bool is;
    __asm__ volatile("testb %2, %1" : "=@ccnz"(is) : "m"(*p), "qi"(bits));
    return is;
}

/* Copy `bytes` bytes, at least 8, between places that do not overlap, and none beyond: some of the
 * last 16 may be copied twice. For loops: no call. 40 to 56 bytes by seven moves; others by one
 * instruction that copies words, which takes some 10 to 30 cycles to begin. */
static inline __attribute__((always_inline)) void dma_copy(void *to, const void *from, size_t bytes)
{
    uint8_t *d = to;
    const uint8_t *s = from;

    if (__builtin_expect(bytes - 40 > 16, 0)) {
        size_t n = dma_pin64(bytes) / 8; /* pinned: nothing of it is computed before the test */
        d = (uint8_t *)dma_pin64((uintptr_t)to);
        s = (const uint8_t *)dma_pin64((uintptr_t)from);
        __asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(n)::"memory");
        n = dma_pin64(bytes) & 7; /* bytes behind the words */
        store64(d + n - 8, load64(s + n - 8));
        return;
    }
    store64(d, load64(s));
    store64(d + 8, load64(s + 8));
    store64(d + 16, load64(s + 16));
    store64(d + 24, load64(s + 24));
    store64(d + 32, load64(s + 32));
    store64(d + bytes - 16, load64(s + bytes - 16));
    store64(d + bytes - 8, load64(s + bytes - 8));
}

#endif
