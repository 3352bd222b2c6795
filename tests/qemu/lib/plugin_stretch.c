/* SPDX-License-Identifier: BSD-2-Clause
 * A TCG plugin that measures stretches: what a core of the guest executes from one poll of its queues
 * to the next. It counts instructions, and reads of a card's registers, in each function. Options:
 *
 *     poll=ADDRESS     the function that polls, hexadecimal; a stretch ends where it begins
 *     mark=ADDRESS     a function that ends an epoch when it begins
 *     symbols=FILE     the functions: a line "ADDRESS NAME" each, ascending
 *     device=NAME      the memory region of a card's registers
 *     out=FILE         gets a line for each epoch: the core, instructions and reads of its longest
 *                      stretch, and the functions where most of them were executed; then the same
 *                      for the stretch with the most reads
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>
#include <qemu-plugin.h>

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

enum { FUNCTIONS_MAX = 8192, CORES_MAX = 16, SHOWN = 8 };

static struct {
    uint64_t at;
    char name[64];
} functions[FUNCTIONS_MAX];
static uint32_t functions_n;
static uint64_t poll_at, mark_at;
static const char *device = "";
static FILE *out;
static GMutex lock;

/* What a core has executed since its last poll. */
static struct stretch {
    uint64_t instructions, reads;
    uint32_t touched_n;
    uint32_t touched[FUNCTIONS_MAX]; /* functions with a count */
    uint64_t count[FUNCTIONS_MAX];
    int has_begun;
} cores[CORES_MAX];

/* The worst of an epoch, by instructions and by reads. */
static struct worst {
    unsigned core;
    uint64_t instructions, reads;
    char text[1024];
} longest, most_reads;

/* The function that contains an address; index 0 is code outside of them all. */
static uint32_t function_of(uint64_t at)
{
    uint32_t low = 0, high = functions_n;

    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (functions[middle].at <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void keep(struct worst *worst, unsigned core, struct stretch *s)
{
    size_t at = 0;
    uint32_t shown[SHOWN];

    worst->core = core;
    worst->instructions = s->instructions;
    worst->reads = s->reads;
    worst->text[0] = 0;
    for (int n = 0; n < SHOWN; n++) {
        uint32_t best = 0;
        uint64_t most = 0;
        for (uint32_t i = 0; i < s->touched_n; i++) {
            uint32_t f = s->touched[i];
            int is_shown = 0;
            for (int k = 0; k < n; k++)
                is_shown |= shown[k] == f;
            if (!is_shown && s->count[f] > most) {
                best = f;
                most = s->count[f];
            }
        }
        if (most == 0)
            break;
        shown[n] = best;
        at += (size_t)snprintf(worst->text + at, sizeof(worst->text) - at, " %s:%" PRIu64,
                               functions[best].name, most);
    }
}

static void polled(unsigned core, void *unused)
{
    (void)unused;
    struct stretch *s = &cores[core % CORES_MAX];

    if (s->has_begun) {
        g_mutex_lock(&lock);
        if (s->instructions > longest.instructions)
            keep(&longest, core, s);
        if (s->reads > most_reads.reads)
            keep(&most_reads, core, s);
        g_mutex_unlock(&lock);
    }
    for (uint32_t i = 0; i < s->touched_n; i++)
        s->count[s->touched[i]] = 0;
    s->instructions = s->reads = s->touched_n = 0;
    s->has_begun = 1;
}

static void print(const struct worst *worst)
{
    fprintf(out, "%u %" PRIu64 " %" PRIu64 "%s\n", worst->core, worst->instructions, worst->reads,
            worst->text);
}

static void marked(unsigned core, void *unused)
{
    (void)core, (void)unused;
    g_mutex_lock(&lock);
    print(&longest);
    print(&most_reads);
    fflush(out);
    memset(&longest, 0, sizeof(longest));
    memset(&most_reads, 0, sizeof(most_reads));
    g_mutex_unlock(&lock);
}

/* A block of code: its function, and the number of its instructions. */
static void executed(unsigned core, void *block)
{
    struct stretch *s = &cores[core % CORES_MAX];
    uint32_t f = (uint32_t)((uintptr_t)block >> 16), n = (uintptr_t)block & 0xFFFF;

    s->instructions += n;
    if (s->count[f] == 0)
        s->touched[s->touched_n++] = f;
    s->count[f] += n;
}

static void loaded(unsigned core, qemu_plugin_meminfo_t info, uint64_t address, void *unused)
{
    (void)unused;
    if (qemu_plugin_mem_is_store(info)) /* QEMU 7.2 calls for stores if asked for loads alone */
        return;
    struct qemu_plugin_hwaddr *where = qemu_plugin_get_hwaddr(info, address);

    if (where && qemu_plugin_hwaddr_is_io(where) &&
        strcmp(qemu_plugin_hwaddr_device_name(where), device) == 0)
        cores[core % CORES_MAX].reads++;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    uint64_t at = qemu_plugin_tb_vaddr(tb);
    size_t n = qemu_plugin_tb_n_insns(tb);

    /* A function that is called begins a block. */
    if (at == poll_at)
        qemu_plugin_register_vcpu_tb_exec_cb(tb, polled, QEMU_PLUGIN_CB_NO_REGS, NULL);
    if (at == mark_at)
        qemu_plugin_register_vcpu_tb_exec_cb(tb, marked, QEMU_PLUGIN_CB_NO_REGS, NULL);
    qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, QEMU_PLUGIN_CB_NO_REGS,
                                         (void *)((uintptr_t)function_of(at) << 16 | n));
    for (size_t i = 0; i < n; i++)
        qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(tb, i), loaded,
                                         QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, NULL);
}

static int read_symbols(const char *path)
{
    FILE *f = fopen(path, "r");

    strcpy(functions[functions_n++].name, "outside");
    while (f && functions_n < FUNCTIONS_MAX &&
           fscanf(f, "%" SCNx64 " %63s", &functions[functions_n].at, functions[functions_n].name) ==
               2)
        functions_n++;
    if (f)
        fclose(f);
    return functions_n > 1;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                           char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++)
        if (strncmp(argv[i], "poll=", 5) == 0)
            poll_at = strtoull(argv[i] + 5, NULL, 16);
        else if (strncmp(argv[i], "mark=", 5) == 0)
            mark_at = strtoull(argv[i] + 5, NULL, 16);
        else if (strncmp(argv[i], "symbols=", 8) == 0 && !read_symbols(argv[i] + 8))
            return -1;
        else if (strncmp(argv[i], "device=", 7) == 0)
            device = strdup(argv[i] + 7);
        else if (strncmp(argv[i], "out=", 4) == 0)
            out = fopen(argv[i] + 4, "w");
    if (!out || !poll_at || functions_n == 0)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
