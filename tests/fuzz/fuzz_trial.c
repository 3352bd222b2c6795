/* SPDX-License-Identifier: BSD-2-Clause
 * A trial's options from arbitrary words: `key=value` lines. An accepted value is within its
 * bounds, a refused one changes nothing and gives the reason, and the shares of all cores add up to
 * the whole.
 *
 * links: net/trial/options.c kernel/lib/parse.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/trial/options.h"

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void set(struct trial_options *o, char *line)
{
    char *value = strchr(line, '=');
    struct trial_options before = *o;
    const char *wanted = NULL;
    bool is_key = false;

    if (value == NULL)
        return;
    *value++ = 0;
    for (unsigned i = 0; trial_key(i) != NULL; i++)
        is_key |= strcmp(trial_key(i), line) == 0;
    if (!trial_set(o, line, value, &wanted)) {
        require(memcmp(o, &before, sizeof(before)) == 0);
        require((wanted != NULL) == is_key);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trial_options o;
    char *text = malloc(size + 1);

    memset(&o, 0, sizeof(o));
    trial_defaults(&o);
    memcpy(text, data, size);
    text[size] = 0;
    for (char *line = text, *end; line < text + size; line = end + 1) {
        end = strchr(line, '\n');
        end = end ? end : line + strlen(line);
        *end = 0;
        set(&o, line);
    }
    free(text);

    require(o.sizes_n >= 1 && o.sizes_n <= TRIAL_SIZES_MAX);
    for (unsigned i = 0; i < o.sizes_n; i++)
        require(o.sizes[i] >= 64 && o.sizes[i] <= 1518);
    require(o.flows >= 1 && o.flows <= TRIAL_FLOWS_MAX && o.ports >= 1 && o.ports <= 0xFF);
    require(o.unit != TRIAL_PERCENT || o.rate_micro <= 100000000);
    unsigned cores = 1 + size % 16;
    uint64_t frames = trial_frames(&o, 10000), sum = 0;
    uint32_t flows = 0;
    for (unsigned core = 0; core < cores; core++) {
        struct trial_share s = trial_share(&o, core, cores, 2400000000, 10000);
        flows += s.flows_n;
        sum += s.frames;
        require(s.flows_n == 0 || (s.quantum >= 1 && s.quantum <= TRIAL_QUANTUM_MAX));
    }
    require(o.rate_micro == 0 ? flows == 0 : flows == o.flows);
    require(frames == TRIAL_FOREVER || o.rate_micro == 0 || sum == frames);
    return 0;
}
