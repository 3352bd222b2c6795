/* SPDX-License-Identifier: BSD-2-Clause
 * A TCG plugin: which cache lines does each core of the guest read and write? It counts between two
 * moments: when the file `go` appears in the folder of its argument dir=, and when `stop` does; then
 * it writes `lines` there, one row a line of memory that one core wrote and another one touched:
 *
 *     <address> {<core> <loads> <stores> <instruction that loaded> <instruction that stored>} ...
 *
 * and `done`. Each core has a table of its own, so nothing is locked. See test_sharing.py.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qemu/qemu-plugin.h>

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

#define CORES_MAX  64u
#define SLOTS      (1u << 17) /* lines a core may touch; more are counted as lost */
#define LINE_SHIFT 6

struct slot {
    uint64_t line; /* address >> LINE_SHIFT; 0: free */
    uint64_t loads, stores, load_at, store_at;
};

static struct slot *tables[CORES_MAX];
static uint64_t lost[CORES_MAX];
static bool is_on;
static char folder[512];

static struct slot *find(unsigned core, uint64_t line)
{
    uint64_t at = line * 0x9E3779B97F4A7C15ull >> 47;
    for (unsigned i = 0; i < 64; i++, at++) {
        struct slot *slot = &tables[core][at % SLOTS];
        if (slot->line == line || slot->line == 0) {
            slot->line = line;
            return slot;
        }
    }
    return NULL;
}

static void on_access(unsigned core, qemu_plugin_meminfo_t info, uint64_t address, void *pc)
{
    if (!__atomic_load_n(&is_on, __ATOMIC_RELAXED) || core >= CORES_MAX)
        return;
    struct slot *slot = find(core, address >> LINE_SHIFT);
    if (!slot) {
        lost[core]++;
    } else if (qemu_plugin_mem_is_store(info)) {
        slot->stores++;
        slot->store_at = (uintptr_t)pc;
    } else {
        slot->loads++;
        slot->load_at = (uintptr_t)pc;
    }
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(block, i);
        qemu_plugin_register_vcpu_mem_cb(insn, on_access, QEMU_PLUGIN_CB_NO_REGS,
                                         QEMU_PLUGIN_MEM_RW,
                                         (void *)(uintptr_t)qemu_plugin_insn_vaddr(insn));
    }
}

static const struct slot *look(unsigned core, uint64_t line)
{
    uint64_t at = line * 0x9E3779B97F4A7C15ull >> 47;
    for (unsigned i = 0; i < 64; i++, at++)
        if (tables[core][at % SLOTS].line == line)
            return &tables[core][at % SLOTS];
    return NULL;
}

static void report(void)
{
    char path[600];
    snprintf(path, sizeof(path), "%s/lines", folder);
    FILE *out = fopen(path, "w");
    if (!out)
        return;
    for (unsigned core = 0; core < CORES_MAX; core++) {
        if (lost[core])
            fprintf(out, "lost %u %lu\n", core, lost[core]);
        for (unsigned i = 0; i < SLOTS; i++) {
            const struct slot *mine = &tables[core][i];
            unsigned first = 0, others = 0;
            bool is_written = false;
            if (mine->line == 0)
                continue;
            for (unsigned c = CORES_MAX; c-- > 0;) {
                const struct slot *its = look(c, mine->line);
                if (its) {
                    first = c;
                    others++;
                    is_written |= its->stores != 0;
                }
            }
            if (first != core || others < 2 || !is_written)
                continue; /* each line once, by its first core */
            fprintf(out, "%lx", mine->line << LINE_SHIFT);
            for (unsigned c = core; c < CORES_MAX; c++) {
                const struct slot *its = look(c, mine->line);
                if (its)
                    fprintf(out, " %u %lu %lu %lx %lx", c, its->loads, its->stores, its->load_at,
                            its->store_at);
            }
            fprintf(out, "\n");
        }
    }
    fclose(out);
    snprintf(path, sizeof(path), "%s/done", folder);
    out = fopen(path, "w");
    if (out)
        fclose(out);
}

static bool has_come(const char *name)
{
    char path[600];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

static void *wait_for_words(void *none)
{
    (void)none;
    while (!has_come("go"))
        usleep(5000);
    __atomic_store_n(&is_on, true, __ATOMIC_RELAXED);
    while (!has_come("stop"))
        usleep(5000);
    __atomic_store_n(&is_on, false, __ATOMIC_RELAXED);
    usleep(50000); /* accesses under way */
    report();
    return NULL;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                           char **argv)
{
    (void)info;
    if (argc != 1 || strncmp(argv[0], "dir=", 4) != 0)
        return -1;
    snprintf(folder, sizeof(folder), "%s", argv[0] + 4);
    for (unsigned i = 0; i < CORES_MAX; i++) {
        tables[i] = calloc(SLOTS, sizeof(struct slot));
        if (!tables[i])
            return -1;
    }
    pthread_t thread;
    if (pthread_create(&thread, NULL, wait_for_words, NULL) != 0)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    return 0;
}
