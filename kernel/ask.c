/* SPDX-License-Identifier: BSD-2-Clause
 * Questions to cores; see ask.h.
 */
#include "kernel/ask.h"
#include "arch/cpu.h"
#include "arch/tsc.h"

struct answer ask_core(unsigned core, const struct question *question)
{
    void *context = (uint8_t *)question->contexts + core * question->bytes;
    uint64_t start = cpu_tsc();

    enum err err = ERR_BUSY;
    mailbox_wait_for_other(core, question->max_us);
    if (mailbox_is_free(core)) { /* tested once: if an earlier call ended between two tests, its
 request would be carried out again */
        if (question->request)
            memcpy(context, question->request, question->request_bytes);
        err = mailbox_call(core, question->run, context, question->max_us);
    }
    return (struct answer){err, (uint32_t)(tsc_ns(cpu_tsc() - start) / 1000)};
}

struct ask ask_cores(unsigned first, unsigned n, const struct question *question)
{
    struct ask ask = {0};

    for (unsigned core = first; core < n; core++) {
        enum err err = ask_core(core, question).err;
        if (err == OK) {
            ask.answered |= BIT64(core);
        } else if (err == ERR_NO_DEVICE) {
            ask.absent |= BIT64(core);
            ask.absent_n++;
        } else {
            ask.silent |= BIT64(core);
            ask.silent_n++;
        }
    }
    return ask;
}

const char *ask_error_text(enum err err)
{
    return err == ERR_NO_DEVICE ? "runs no loop"
           : err == ERR_TIMEOUT ? "did not begin, withdrawn"
                                : "has not ended, or is at an earlier call";
}
