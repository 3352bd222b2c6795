/* SPDX-License-Identifier: BSD-2-Clause
 * The model's register file as JSON. Covers: each value is what a read brings; printing changes
 * nothing of the card; what a card composes at a read is left out.
 */
/* links: $(MODEL) */
#include "tests/unit/model/model_bench.h"

#include "tests/model/x540_internal.h" /* the whole state, to compare */
#include "tests/model/x540_text.h"

/* In memory of the C library's. */
static char *printed(const struct x540 *card)
{
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);

    x540_print_registers(card, out);
    fclose(out);
    return text;
}

static bool printed_value(const char *text, const char *name, uint32_t *value)
{
    char wanted[40];
    const char *found;
    int n = snprintf(wanted, sizeof(wanted), "\"%s\":", name);

    found = strstr(text, wanted);
    if (!found)
        return false;
    *value = (uint32_t)strtoul(found + n, NULL, 10);
    return true;
}

static struct pair busy_card(void)
{
    struct pair p = bring_up(LEGACY, true);
    uint8_t frame[100];

    wr(p.b, EIMS, EICR_LSC | 0x3);
    wr(p.b, EIMS_EX + 4, 0x80000000);
    wr(p.b, EIAM, 0x1);
    x540_frame_in(p.b->card, frame, make_frame(frame, 100, 1));
    tx_frame(p.b, &p.tx, frame, 100);
    return p;
}

static void registers__printed__are_what_reads_bring(void **state)
{
    struct pair p = busy_card();
    uint32_t rows, value, seen = 0;
    const struct x540_register *table = x540_registers(&rows);
    char *text = printed(p.b->card), name[32];

    (void)state;
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t i = 0; i < table[r].count; i++) {
            uint32_t offset = table[r].offset + i * table[r].stride;

            if (!printed_value(text, x540_register_name(p.b->card, offset, name), &value))
                continue;
            seen++;
            if (value != rd(p.b, offset))
                fail_msg("%s: printed 0x%08x, reads 0x%08x", name, value, rd(p.b, offset));
        }
    assert_true(seen > 5000);
    assert_true(printed_value(text, "EIMS", &value));
    assert_int_equal(value, EICR_LSC | 0x3);
    assert_true(printed_value(text, "TDH[0]", &value));
    assert_int_equal(value, 1);
    free(text);
    bench_free(p.b);
}

static void registers__printed__leave_the_card_as_it_was(void **state)
{
    struct pair p = busy_card();
    struct x540 *before = malloc(sizeof(*before));

    (void)state;
    memcpy(before, p.b->card, sizeof(*before));
    free(printed(p.b->card));
    assert_memory_equal(before, p.b->card, sizeof(*before));
    free(before);
    bench_free(p.b);
}

static void registers__composed_at_a_read__are_left_out(void **state)
{
    static const char *const names[] = {"STATUS", "LINKS",     "EICR", "EICS",     "EIMC",
                                        "SWSM",   "SWFW_SYNC", "GPRC", "QBRC_L[0]"};
    struct pair p = busy_card();
    char *text = printed(p.b->card);
    uint32_t value;

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (printed_value(text, names[i], &value))
            fail_msg("%s is printed", names[i]);
    free(text);
    bench_free(p.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers__printed__are_what_reads_bring),
        cmocka_unit_test(registers__printed__leave_the_card_as_it_was),
        cmocka_unit_test(registers__composed_at_a_read__are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
