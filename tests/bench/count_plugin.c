/* SPDX-License-Identifier: BSD-2-Clause
 * A plugin for QEMU (TCG): counts the guest's instructions, on all its CPUs, between markers. A
 * marker is an address given as `at=ADDRESS` (hex, up to 16 of them): each time it is reached, the
 * count so far is printed to standard error. tests/qemu/test_size.py passes functions of the image.
 * With `profile=FILE`, the code executed between the first marker and the last is written there at
 * the end: a line for each instruction, with its address and its count; see boot_profile.py.
 * With `round=ADDRESS` and `busy=ADDRESS`, a round is the code from one execution of the first
 * address to the next; the plugin prints the sums of rounds that reached the second address and of
 * the others.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qemu-plugin.h>

#define MARKERS_MAX 16

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static uint64_t markers[MARKERS_MAX];
static int markers_n;
static uint64_t count; /* increments by several CPUs may be lost: measured runs have one CPU */

/* Counts by address, open addressing; an address keeps its place. */
#define PLACES (1u << 18)
static struct place {
    uint64_t at, n;
} places[PLACES];
static const char *profile;
static int profiling;

static struct place *place_of(uint64_t at)
{
    uint32_t i = (uint32_t)((at * 0x9E3779B97F4A7C15u) >> 46);
    while (places[i].at && places[i].at != at)
        i = (i + 1) % PLACES;
    places[i].at = at;
    return &places[i];
}

static void profiled(unsigned int cpu, void *place)
{
    (void)cpu;
    ((struct place *)place)->n += profiling;
}

static void write_profile(qemu_plugin_id_t id, void *unused)
{
    (void)id, (void)unused;
    FILE *f = fopen(profile, "w");
    for (uint32_t i = 0; f && i < PLACES; i++)
        if (places[i].n)
            fprintf(f, "%" PRIx64 " %" PRIu64 "\n", places[i].at, places[i].n);
    if (f)
        fclose(f);
}

/* Rounds of a loop. */
static uint64_t round_at, busy_at, round_began;
static int is_busy;
static struct {
    uint64_t n, instructions;
} rounds[2];

static void busy(unsigned int cpu, void *unused)
{
    (void)cpu, (void)unused;
    is_busy = 1;
}

static void next_round(unsigned int cpu, void *unused)
{
    (void)cpu, (void)unused;
    uint64_t now = __atomic_load_n(&count, __ATOMIC_RELAXED);
    if (round_began) {
        rounds[is_busy].n++;
        rounds[is_busy].instructions += now - round_began;
    }
    is_busy = 0;
    round_began = now;
}

static void print_rounds(qemu_plugin_id_t id, void *unused)
{
    (void)id, (void)unused;
    for (int i = 0; i < 2; i++)
        fprintf(stderr, "rounds: %" PRIu64 " %s, %" PRIu64 " instructions\n", rounds[i].n,
                i ? "busy" : "idle", rounds[i].instructions);
}

static void executed(unsigned int cpu, void *n)
{
    (void)cpu;
    __atomic_fetch_add(&count, (uint64_t)(uintptr_t)n, __ATOMIC_RELAXED);
}

static void reached(unsigned int cpu, void *marker)
{
    fprintf(stderr, "count: %" PRIu64 " at %" PRIx64 " on cpu %u\n",
            __atomic_load_n(&count, __ATOMIC_RELAXED), *(uint64_t *)marker, cpu);
    if (marker == &markers[0])
        profiling = 1;
    else if (marker == &markers[markers_n - 1])
        profiling = 0;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    size_t n = qemu_plugin_tb_n_insns(tb);
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint64_t at = qemu_plugin_insn_vaddr(insn);
        for (int k = 0; k < markers_n; k++)
            if (markers[k] == at)
                qemu_plugin_register_vcpu_insn_exec_cb(insn, reached, QEMU_PLUGIN_CB_NO_REGS,
                                                       &markers[k]);
        if (at == round_at)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, next_round, QEMU_PLUGIN_CB_NO_REGS, NULL);
        if (at == busy_at)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, busy, QEMU_PLUGIN_CB_NO_REGS, NULL);
        qemu_plugin_register_vcpu_insn_exec_cb(insn, executed, QEMU_PLUGIN_CB_NO_REGS, (void *)1);
        if (profile)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, profiled, QEMU_PLUGIN_CB_NO_REGS,
                                                   place_of(at));
    }
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                           char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++)
        if (strncmp(argv[i], "at=", 3) == 0 && markers_n < MARKERS_MAX)
            markers[markers_n++] = strtoull(argv[i] + 3, NULL, 16);
        else if (strncmp(argv[i], "profile=", 8) == 0)
            profile = argv[i] + 8;
        else if (strncmp(argv[i], "round=", 6) == 0)
            round_at = strtoull(argv[i] + 6, NULL, 16);
        else if (strncmp(argv[i], "busy=", 5) == 0)
            busy_at = strtoull(argv[i] + 5, NULL, 16);
    if (round_at)
        qemu_plugin_register_atexit_cb(id, print_rounds, NULL);
    if (profile) {
        profile = strdup(profile);
        qemu_plugin_register_atexit_cb(id, write_profile, NULL);
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
