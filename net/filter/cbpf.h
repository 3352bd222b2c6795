/* SPDX-License-Identifier: BSD-2-Clause
 * Packet filters in classic BPF (McCanne and Jacobson, 1993), as tcpdump compiles them. A program
 * is read from the output of `tcpdump -ddd`, checked once, then run over frames. A checked program
 * ends after at most as many steps as it has, and reads the frame and 16 words of its own only.
 * Pure.
 */
#ifndef NET_FILTER_CBPF_H
#define NET_FILTER_CBPF_H

#include "arch/types.h"

#define BPF_STEPS_MAX 1024u
#define BPF_WORDS     16u

struct bpf_step {
    uint16_t code;
    uint8_t if_true, if_false; /* jumps: number of steps to skip */
    uint32_t k;
};
static_assert(sizeof(struct bpf_step) == 8, "the layout of struct sock_filter");

struct bpf {
    unsigned n;
    struct bpf_step step[BPF_STEPS_MAX];
};

/* Read a program from words: the number of steps, then four decimal numbers per step, separated by
 * spaces, commas or the end of a word; then check it. Returns NULL if it is valid, else what is
 * wrong, with the step's index in *at. spend, if not NULL, is called for each step, with the number of
 * instructions that it takes. */
const char *bpf_read(struct bpf *bpf, unsigned argc, const char *const *argv, unsigned *at,
                     void (*spend)(uint32_t instructions));

/* Check a program. Invalid: no step, or more than BPF_STEPS_MAX; an unknown code; a jump beyond the
 * end; a last step that does not return; a word outside the 16; division by a constant zero; a
 * shift by 32 or more; a load from a negative offset (an extension of Linux). Returns as bpf_read.
 */
const char *bpf_check(const struct bpf *bpf, unsigned *at);

/* Run a checked program over the first `held` bytes of a frame of `length` bytes. Returns 0 if the
 * frame does not match, which is also the result of a load beyond `held` and a division by zero. */
uint32_t bpf_run(const struct bpf *bpf, const uint8_t *frame, uint32_t held, uint32_t length);

#endif
