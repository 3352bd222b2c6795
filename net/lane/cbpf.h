/* SPDX-License-Identifier: BSD-2-Clause
 * Filters as tcpdump makes them: classic BPF (McCanne and Jacobson, 1993). A program is read from
 * what `tcpdump -ddd` prints, checked once, then run over frames. A checked program ends after at
 * most as many steps as it has, and touches the frame and 16 words of its own, nothing else. Pure.
 */
#ifndef NET_LANE_CBPF_H
#define NET_LANE_CBPF_H

#include "arch/types.h"

#define BPF_STEPS_MAX 128u
#define BPF_WORDS     16u

struct bpf_step {
    uint16_t code;
    uint8_t if_true, if_false; /* a jump: how many steps to leave out */
    uint32_t k;
};
static_assert(sizeof(struct bpf_step) == 8, "as in the files and system calls of others");

struct bpf {
    unsigned n;
    struct bpf_step step[BPF_STEPS_MAX];
};

/* Read a program: the number of steps, then four decimal numbers for each, with spaces, commas or
 * the end of a word between them; then check it. NULL: it can be run. Else what is wrong, and *at
 * is the step, from 0 on. */
const char *bpf_read(struct bpf *bpf, unsigned argc, const char *const *argv, unsigned *at);

/* Refused: no step, or more than BPF_STEPS_MAX; an unknown code; a jump beyond the end; an end that
 * does not return; a word outside the 16; division by a constant zero, a shift by 32 or more; a load
 * from a negative offset (Linux has extensions there). NULL: it can be run. */
const char *bpf_check(const struct bpf *bpf, unsigned *at);

/* Run a checked program over `held` bytes of a frame that was `length` bytes long. 0: the frame does
 * not match; a load beyond what is held and a division by zero end it so. */
uint32_t bpf_run(const struct bpf *bpf, const uint8_t *frame, uint32_t held, uint32_t length);

#endif
