/* SPDX-License-Identifier: BSD-2-Clause
 * Preloaded into QEMU: memcpy and memmove that count copies of frames of 1237 bytes and of legacy
 * receive descriptors of such a frame. At the end they write a line with both counts to QEMU's log.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { FRAME = 1237, DD_EOP = 3 };

static unsigned long frames, write_backs;

static int is_descriptor_of_frame(const uint8_t *word)
{
    return word[0] == (FRAME & 0xFF) && word[1] == FRAME >> 8 && (word[4] & DD_EOP) == DD_EOP;
}

void *memmove(void *to, const void *from, size_t n)
{
    volatile uint8_t *t = to; /* else the compiler would call memmove */
    const uint8_t *f = from;

    frames += n == FRAME;
    for (size_t at = n == 8 ? 0 : 8; n % 8 == 0 && n <= 64 && at + 8 <= n; at += 16)
        write_backs += is_descriptor_of_frame(f + at);
    if ((uintptr_t)t - (uintptr_t)f >= n)
        for (size_t i = 0; i < n; i++)
            t[i] = f[i];
    else
        while (n-- > 0)
            t[n] = f[n];
    return to;
}

void *memcpy(void *to, const void *from, size_t n)
{
    return memmove(to, from, n);
}

__attribute__((destructor)) static void print_counts(void)
{
    fprintf(stderr, "copies: frames %lu, write-backs %lu\n", frames, write_backs);
}
