/* SPDX-License-Identifier: BSD-2-Clause
 * Simulated physical memory for host tests of boot/bootinfo.c and kernel/firmware/acpi.c: blocks at
 * given addresses. physical_look returns a copy of exactly the bytes asked for, so that the address
 * sanitizer detects a read of the first byte beyond them.
 */
#ifndef TESTS_UNIT_PHYSICAL_H
#define TESTS_UNIT_PHYSICAL_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PHYSICAL_PIECES_MAX 64

static struct {
    uint64_t paddr;
    size_t bytes;
    uint8_t *at;
} physical_pieces[PHYSICAL_PIECES_MAX];
static unsigned physical_n;

/* Copies that physical_look returned; physical_clear frees them. */
static void **physical_copies;
static size_t physical_copies_n;

static inline void physical_clear(void)
{
    for (unsigned i = 0; i < physical_n; i++)
        free(physical_pieces[i].at);
    for (size_t i = 0; i < physical_copies_n; i++)
        free(physical_copies[i]);
    free(physical_copies);
    physical_copies = NULL;
    physical_copies_n = 0;
    physical_n = 0;
}

/* Store n bytes at paddr; the caller may change them through the returned pointer. */
static inline uint8_t *physical_put(uint64_t paddr, const void *bytes, size_t n)
{
    if (physical_n == PHYSICAL_PIECES_MAX)
        abort();
    uint8_t *at = malloc(n ? n : 1);
    if (n)
        memcpy(at, bytes, n);
    physical_pieces[physical_n].paddr = paddr;
    physical_pieces[physical_n].bytes = n;
    physical_pieces[physical_n].at = at;
    physical_n++;
    return at;
}

static inline const void *physical_look(uint64_t paddr, size_t bytes)
{
    for (unsigned i = 0; i < physical_n; i++) {
        if (paddr < physical_pieces[i].paddr)
            continue;
        uint64_t inside = paddr - physical_pieces[i].paddr;
        if (inside > physical_pieces[i].bytes || bytes > physical_pieces[i].bytes - inside)
            continue;
        void *copy = malloc(bytes ? bytes : 1);
        memcpy(copy, physical_pieces[i].at + inside, bytes);
        physical_copies =
            realloc(physical_copies, (physical_copies_n + 1) * sizeof physical_copies[0]);
        physical_copies[physical_copies_n++] = copy;
        return copy;
    }
    return NULL;
}

#endif
