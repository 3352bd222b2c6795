/* SPDX-License-Identifier: BSD-2-Clause
 * net/filter/cbpf.c with arbitrary programs and frames: a program that the checker accepts must end,
 * stay within its memory, and give the same result twice. The first byte selects how the rest is
 * divided: the text of a program (read as typed) or the program's bytes, then the frame.
 *
 * links: net/filter/cbpf.c
 */
#include <stdlib.h>
#include <string.h>

#include "net/filter/cbpf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bpf bpf;
    unsigned at;

    if (size < 2)
        return 0;
    size_t cut = MIN((size_t)data[1] * 4, size - 2);
    if (data[0] & 1) {
        char *text = malloc(cut + 1);
        memcpy(text, data + 2, cut);
        text[cut] = 0;
        const char *words[4];
        unsigned n = 0;
        for (char *word = text; word < text + cut && n < 4; word += strlen(word) + 1)
            words[n++] = word;
        const char *wrong = bpf_read(&bpf, n, words, &at, NULL);
        free(text);
        if (wrong)
            return 0;
    } else {
        bpf.n = (unsigned)MIN(cut / sizeof(struct bpf_step), (size_t)BPF_STEPS_MAX);
        memcpy(bpf.step, data + 2, bpf.n * sizeof(struct bpf_step));
        if (bpf_check(&bpf, &at)) {
            if (bpf.n > 0 && at >= bpf.n)
                abort();
            return 0;
        }
    }
    uint32_t held = (uint32_t)(size - 2 - cut);
    uint8_t *frame = malloc(held + 1);
    memcpy(frame, data + 2 + cut, held);
    uint32_t first = bpf_run(&bpf, frame, held, held);
    if (first != bpf_run(&bpf, frame, held, held))
        abort();
    free(frame);
    return 0;
}
