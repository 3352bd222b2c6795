/* SPDX-License-Identifier: BSD-2-Clause
 * A TCG plugin that finds cache lines shared by the guest's cores. It records every store of every
 * core, and every load and store of the loops, which it recognizes by the address of the
 * instruction. A line that one core writes and another core's loop accesses is a finding. Options:
 *
 *     loop=START-END     instructions of the loop, hexadecimal; may be given several times
 *     begin=ADDRESS+N    watch from the N-th time that this instruction runs
 *     end=ADDRESS        until this one runs
 *     out=FILE           created when it begins; at exit it gets a line of totals and the findings
 */
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qemu-plugin.h>

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

enum { LINE_SHIFT = 6, RANGES_MAX = 16, CORES_MAX = 64 };

struct line {
    uint64_t writers;                   /* a bit for each core, any code */
    uint64_t users;                     /* a bit for each core whose loop accessed it */
    uint64_t write_pc, use_pc, address; /* an example of each */
};

static struct {
    uint64_t start, end;
} loops[RANGES_MAX];
static unsigned loops_n;
static uint64_t begin_at, begin_after, end_at;
static const char *out_path;
static gint begin_seen, is_watching;
static uint64_t accesses;
static GHashTable *lines;
static GMutex lock;

static bool is_in_loop(uint64_t pc)
{
    for (unsigned i = 0; i < loops_n; i++)
        if (pc >= loops[i].start && pc < loops[i].end)
            return true;
    return false;
}

static void touched(unsigned core, qemu_plugin_meminfo_t info, uint64_t address, void *pc_)
{
    uint64_t pc = (uintptr_t)pc_;
    bool is_store = qemu_plugin_mem_is_store(info), is_loop = is_in_loop(pc);

    if (!g_atomic_int_get(&is_watching) || core >= CORES_MAX || !(is_store || is_loop))
        return;
    struct qemu_plugin_hwaddr *where = qemu_plugin_get_hwaddr(info, address);
    if (where && qemu_plugin_hwaddr_is_io(where))
        return; /* device registers are not cached */
    g_mutex_lock(&lock);
    accesses++;
    gpointer key = (gpointer)(uintptr_t)(address >> LINE_SHIFT);
    struct line *line = g_hash_table_lookup(lines, key);
    if (!line) {
        line = g_new0(struct line, 1);
        line->address = address & ~(uint64_t)((1 << LINE_SHIFT) - 1);
        g_hash_table_insert(lines, key, line);
    }
    if (is_store) {
        line->writers |= UINT64_C(1) << core;
        line->write_pc = pc;
    }
    if (is_loop) {
        line->users |= UINT64_C(1) << core;
        line->use_pc = pc;
    }
    g_mutex_unlock(&lock);
}

static void began(unsigned core, void *unused)
{
    (void)core, (void)unused;
    if ((uint64_t)g_atomic_int_add(&begin_seen, 1) + 1 != begin_after)
        return;
    g_atomic_int_set(&is_watching, 1);
    FILE *out = fopen(out_path, "w"); /* an empty file shows that recording has begun */
    if (out)
        fclose(out);
}

static void ended(unsigned core, void *unused)
{
    (void)core, (void)unused;
    g_atomic_int_set(&is_watching, 0);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(block, i);
        uint64_t pc = qemu_plugin_insn_vaddr(insn);

        qemu_plugin_register_vcpu_mem_cb(insn, touched, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW,
                                         (void *)(uintptr_t)pc);
        if (pc == begin_at)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, began, QEMU_PLUGIN_CB_NO_REGS, NULL);
        if (pc == end_at)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, ended, QEMU_PLUGIN_CB_NO_REGS, NULL);
    }
}

/* Does a core write the line and another core's loop use it? */
static bool is_shared(const struct line *line)
{
    return line->writers && line->users &&
           ((line->writers | line->users) & ((line->writers | line->users) - 1)) != 0;
}

static void finished(qemu_plugin_id_t id, void *unused)
{
    (void)id, (void)unused;
    FILE *out = fopen(out_path, "w");
    GHashTableIter iter;
    gpointer value;
    unsigned of_loops = 0, findings = 0;

    if (!out)
        return;
    g_hash_table_iter_init(&iter, lines);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct line *line = value;
        of_loops += line->users != 0;
        findings += is_shared(line);
    }
    fprintf(out, "accesses %" PRIu64 " lines %u loop_lines %u findings %u\n", accesses,
            g_hash_table_size(lines), of_loops, findings);
    g_hash_table_iter_init(&iter, lines);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct line *line = value;
        if (is_shared(line))
            fprintf(out,
                    "line %" PRIx64 " written by cores %" PRIx64 " at %" PRIx64
                    ", in the loop of cores %" PRIx64 " at %" PRIx64 "\n",
                    line->address, line->writers, line->write_pc, line->users, line->use_pc);
    }
    fclose(out);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                           char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        const char *value = strchr(argv[i], '=');
        char *rest = NULL;

        if (!value)
            return -1;
        value++;
        if (g_str_has_prefix(argv[i], "loop=") && loops_n < RANGES_MAX) {
            loops[loops_n].start = strtoull(value, &rest, 16);
            loops[loops_n].end = *rest == '-' ? strtoull(rest + 1, NULL, 16) : 0;
            loops_n++;
        } else if (g_str_has_prefix(argv[i], "begin=")) {
            begin_at = strtoull(value, &rest, 16);
            begin_after = *rest == '+' ? strtoull(rest + 1, NULL, 10) : 1;
        } else if (g_str_has_prefix(argv[i], "end=")) {
            end_at = strtoull(value, NULL, 16);
        } else if (g_str_has_prefix(argv[i], "out=")) {
            out_path = g_strdup(value);
        } else {
            fprintf(stderr, "plugin_sharing: %s?\n", argv[i]);
            return -1;
        }
    }
    if (!loops_n || !begin_at || !end_at || !out_path)
        return -1;
    lines = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, finished, NULL);
    return 0;
}
