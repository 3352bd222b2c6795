/* SPDX-License-Identifier: BSD-2-Clause
 * Each rule of the model, broken on purpose: the card must tell on the driver by the rule's name,
 * with the severity that x540_rules.h gives, and a good bring-up must break none. The breaches of
 * queues stand in model_breaches.c. A rule that no breach breaks, or that the model's README does
 * not list, fails the last tests.
 */
/* links: $(MODEL) tests/unit/model/model_breaches.c */
#include "tests/unit/model/model_breach.h"

#include <stdio.h>

/* ---- Accesses ---- */
static void access_size(struct bench *b)
{
    assert_int_equal(x540_read(b->card, STATUS, 1), 0xFF);
    assert_int_equal(x540_read(b->card, STATUS + 2, 4), 0xFFFFFFFF);
    x540_write(b->card, RXCTRL, 1, 2);
    assert_int_equal(rd(b, RXCTRL), 0);
}
static void access_beyond(struct bench *b)
{
    assert_int_equal(rd(b, 0x20000), 0xFFFFFFFF);
}
static void unknown_register(struct bench *b)
{
    wr(b, 0x1FFF0, 5);
    assert_int_equal(rd(b, 0x1FFF0), 5);
}
static void write_read_only(struct bench *b)
{
    wr(b, LINKS, ~rd(b, LINKS));
}
static void reserved_bits(struct bench *b)
{
    wr(b, RXCTRL, 0x80);
}
static void bus_master_off(struct bench *b)
{
    rx_prepared(b);
    x540_set_bus_master(b->card, false);
    rx_on(b);
}
static void dma_refused(struct bench *b)
{
    struct ring r = tx_ring(b, 0, 64, false);

    link_up(b);
    tx_put(b, &r, 0x1000, 100 | TX_USUAL);
    tx_kick(b, &r);
    assert_int_equal(b->frames, 0);
    assert_true(rd(b, EICR) & EICR_PCI);
}

/* ---- Reset ---- */
static void to_reset(struct bench *b, bool semaphore)
{
    if (semaphore)
        take(b, SYNC_PHY0);
    set(b, CTRL, CTRL_RST);
}
static void quiesce(struct bench *b)
{
    set(b, CTRL, CTRL_GIO_DIS);
    await(b, CTRL, CTRL_GIO_DIS, CTRL_GIO_DIS);
    await(b, STATUS, STATUS_GIO, 0);
}
static void gio_read_back(struct bench *b)
{
    quiesce(b);
    expect_no_complaint(b);
    wr(b, CTRL, 0);
    wr(b, CTRL, CTRL_GIO_DIS);
    rd(b, STATUS);
}
static void left_running(struct bench *b)
{
    x540_pci_reset(b->card); /* DRV_LOAD is 1 */
}
static void left_queue_0(struct bench *b)
{
    clear(b, CTRL_EXT, CTRL_EXT_DRV_LOAD);
    clear(b, DMATXCTL, DMATXCTL_TE);
    set(b, DMATXCTL, DMATXCTL_TE);
    x540_pci_reset(b->card);
}
static void left_receiving(struct bench *b)
{
    clear(b, CTRL_EXT, CTRL_EXT_DRV_LOAD);
    x540_pci_reset(b->card);
    assert_null(complaint(b, "left-running"));
    open_receive(b);
    x540_pci_reset(b->card);
}
static void veto_lrst(struct bench *b)
{
    x540_set_evil(b->card, X540_EVIL_VETO, 1);
    quiesce(b);
    take(b, SYNC_PHY0);
    set(b, CTRL, CTRL_LNK_RST);
}
static void veto_phy(struct bench *b)
{
    x540_set_evil(b->card, X540_EVIL_VETO, 1);
    take(b, SYNC_PHY0);
    mdio_write(b, 7, 0x10, BIT(8) | 1); /* what the link is made of may change */
    expect_no_complaint(b);
    mdio_write(b, 7, 0, BIT(12) | BIT(9));
}
static void veto_phy_reset(struct bench *b)
{
    x540_set_evil(b->card, X540_EVIL_VETO, 1);
    take(b, SYNC_PHY0);
    mdio_write(b, 1, 0, BIT(15));
}
static void veto_sleep(struct bench *b)
{
    x540_set_evil(b->card, X540_EVIL_VETO, 1);
    take(b, SYNC_PHY0);
    mdio_write(b, 30, 0, BIT(11));
}
static void reset_interrupts_on(struct bench *b)
{
    wr(b, EIMS, EICR_LSC);
    quiesce(b);
    to_reset(b, true);
}
static void reset_running(struct bench *b)
{
    rx_prepared(b);
    rx_on(b);
    quiesce(b);
    to_reset(b, true);
}
static void reset_master(struct bench *b)
{
    to_reset(b, true);
}
static void reset_master_not_waited(struct bench *b)
{
    set(b, CTRL, CTRL_GIO_DIS);
    to_reset(b, true);
}
static void reset_semaphore(struct bench *b)
{
    quiesce(b);
    to_reset(b, false);
}
static void access_in_reset(struct bench *b)
{
    quiesce(b);
    to_reset(b, true);
    assert_int_equal(rd(b, RAL), 0xFFFFFFFF);
}
static void nvm_not_loaded(struct bench *b)
{
    quiesce(b);
    to_reset(b, true);
    await(b, CTRL, CTRL_RST, 0);
    assert_int_equal(rd(b, RAL), 0);
}
static void nvm_not_loaded_eerd(struct bench *b)
{
    quiesce(b);
    take(b, SYNC_EEP);
    to_reset(b, true);
    await(b, CTRL, CTRL_RST, 0);
    wr(b, EERD, EE_START);
}
static void nothing_polled(struct bench *b)
{
    stop_card(b);
    to_reset(b, true);
    release(b, SYNC_PHY0);
    wait_ms(b, 100);
    wr(b, RDRXCTL, RDRXCTL_CRCSTRIP | RDRXCTL_RSCACKC | RDRXCTL_FCOE_WRFIX);
    receive(b);
}
static void dma_not_ready(struct bench *b)
{
    quiesce(b);
    to_reset(b, true);
    await(b, CTRL, CTRL_RST, 0);
    rx_on(b);
}

/* ---- Semaphores, NVM, MDIO, firmware ---- */
static void sync_without_smbi(struct bench *b)
{
    rd(b, SWFW_SYNC);
}
static void sync_without_regsmp(struct bench *b)
{
    rd(b, SWSM);
    wr(b, SWFW_SYNC, SYNC_EEP);
}
static void sync_stolen(struct bench *b)
{
    rd(b, SWSM);
    rd(b, SWFW_SYNC);
    wr(b, SWFW_SYNC, BIT(5));
}
static void smbi_held(struct bench *b)
{
    rd(b, SWSM);
    wait_ms(b, 1500);
}
static void regsmp_held(struct bench *b)
{
    rd(b, SWSM);
    rd(b, SWFW_SYNC);
    wr(b, SWSM, 0);
    wait_ms(b, 10);
    assert_null(complaint(b, "regsmp-held"));
    wait_ms(b, 1);
}
static void lock_held(struct bench *b)
{
    take(b, SYNC_SW_MNG);
    wait_ms(b, 1000);
    assert_null(complaint(b, "lock-held"));
    wait_ms(b, 1);
}
static void mdio_semaphore(struct bench *b)
{
    wr(b, MSCA, MSCA_MDI_COMMAND | 1u << 16 | 2);
}
static void mdio_busy(struct bench *b)
{
    take(b, SYNC_PHY0);
    wr(b, MSCA, MSCA_MDI_COMMAND | 1u << 16 | 2);
    wr(b, MSCA, MSCA_MDI_COMMAND | 3u << 26 | 1u << 16 | 2);
}
static void mdio_address(struct bench *b)
{
    take(b, SYNC_PHY0);
    wr(b, MSCA, MSCA_MDI_COMMAND | 3u << 26 | 1u << 16 | 2);
    await(b, MSCA, MSCA_MDI_COMMAND, 0);
}
static void nvm_semaphore(struct bench *b)
{
    wr(b, EERD, EE_START);
}
static void nvm_busy(struct bench *b)
{
    take(b, SYNC_EEP);
    wr(b, EERD, EE_START);
    wr(b, EERD, 1u << 2 | EE_START);
}
static void host_if_semaphore(struct bench *b)
{
    wr(b, HICR, HICR_C);
}

/* ---- Interrupts ---- */
static void eiac_other(struct bench *b)
{
    wr(b, EIAC, EICR_LSC);
}
static void eicr_read(struct bench *b)
{
    x540_set_msix_enabled(b->card, true);
    wr(b, GPIE, GPIE_MSIX_MODE);
    wr(b, IVAR, 0x80);
    wr(b, EIMS_EX, 1);
    receive(b);
    assert_int_equal(b->messages[0], 1);
    rd(b, EICR);
}
static void eicr_read_ocd(struct bench *b)
{
    x540_set_msix_enabled(b->card, true);
    wr(b, GPIE, GPIE_MSIX_MODE | GPIE_OCD);
    wr(b, IVAR, 0x80);
    wr(b, EIMS_EX, 1);
    receive(b);
    rd(b, EICR);
    assert_null(complaint(b, "eicr-read-in-msix-mode"));
}
static void msix_mode(struct bench *b)
{
    wr(b, GPIE, GPIE_MSIX_MODE);
    wr(b, IVAR, 0x80);
    wr(b, EIMS_EX, 1);
    receive(b);
}

/* ---- Flow director ---- */
static void fdir_init(struct bench *b)
{
    wr(b, FDIRCMD, 1);
}

static const struct breach card_breaches[] = {
    {"access-size", "byte, half word, unaligned", access_size, false},
    {"access-beyond-registers", "read in the flash", access_beyond, false},
    {"unknown-register", "hole in the map", unknown_register, false},
    {"write-to-read-only", "LINKS", write_read_only, false},
    {"reserved-bits", "RXCTRL bit 7", reserved_bits, false},
    {"bus-master-off", "queue enabled", bus_master_off, false},
    {"dma-refused", "buffer outside memory", dma_refused, false},
    {"reset-interrupts-enabled", "EIMS not 0", reset_interrupts_on, false},
    {"reset-while-running", "a queue is on", reset_running, false},
    {"reset-without-master-disable", "GIO_DIS not set", reset_master, false},
    {"reset-without-master-disable", "STATUS.GIO not waited for", reset_master_not_waited, false},
    {"gio-dis-not-read-back", "STATUS read at once", gio_read_back, false},
    {"left-running", "DRV_LOAD", left_running, false},
    {"left-running", "a queue", left_queue_0, false},
    {"left-running", "RXEN", left_receiving, false},
    {"link-dropped-under-veto", "LRST", veto_lrst, false},
    {"link-dropped-under-veto", "negotiates anew", veto_phy, false},
    {"link-dropped-under-veto", "PHY reset", veto_phy_reset, false},
    {"link-dropped-under-veto", "low power", veto_sleep, false},
    {"reset-without-phy-semaphore", "no PHY bit", reset_semaphore, false},
    {"access-during-reset", "RAL0", access_in_reset, false},
    {"nvm-not-loaded", "RAL0", nvm_not_loaded, false},
    {"nvm-not-loaded", "EERD", nvm_not_loaded_eerd, false},
    {"ard-not-polled", "waits by the clock only", nothing_polled, true},
    {"dmaidone-not-polled", "waits by the clock only", nothing_polled, true},
    {"dma-not-ready", "queue enabled at once", dma_not_ready, false},
    {"sync-without-smbi", "read", sync_without_smbi, false},
    {"sync-without-regsmp", "write", sync_without_regsmp, false},
    {"sync-bits-stolen", "FW_EEP_SM", sync_stolen, false},
    {"semaphore-never-released", "SMBI", smbi_held, false},
    {"regsmp-held", "11 ms", regsmp_held, false},
    {"lock-held", "the host interface's", lock_held, false},
    {"mdio-without-semaphore", "MSCA", mdio_semaphore, false},
    {"mdio-busy", "MSCA twice", mdio_busy, false},
    {"mdio-address-cycle", "read without", mdio_address, false},
    {"nvm-without-semaphore", "EERD", nvm_semaphore, false},
    {"nvm-busy", "EERD twice", nvm_busy, false},
    {"host-interface-without-semaphore", "HICR", host_if_semaphore, false},
    {"eiac-other-cause", "LSC", eiac_other, false},
    {"eicr-read-in-msix-mode", "after a frame", eicr_read, false},
    {"eicr-read-with-ocd", "after a frame", eicr_read_ocd, false},
    {"msix-mode-mismatch", "GPIE only", msix_mode, false},
    {"fdir-not-initialised", "add", fdir_init, false},
};
#define CARD_BREACHES (sizeof(card_breaches) / sizeof(card_breaches[0]))

static const struct breach *breach_at(uint32_t i)
{
    return i < CARD_BREACHES ? &card_breaches[i] : &queue_breaches[i - CARD_BREACHES];
}

static uint32_t breaches(void)
{
    return CARD_BREACHES + queue_breach_count;
}

static void breach__is_told_by_name(void **state)
{
    const struct breach *breach = *state;
    struct bench *b = breach->from_power_on ? bench_new(NULL) : ready();
    const struct x540_complaint *c;

    expect_no_complaint(b);
    breach->commit(b);
    expect_rule(b, breach->rule);
    c = complaint(b, breach->rule);
    for (uint32_t i = 0; i < RULE_COUNT; i++)
        if (!strcmp(x540_rule_info(i)->name, c->rule))
            assert_int_equal(c->error, x540_rule_info(i)->error);
    assert_true(c->count >= 1 && c->text[0] && c->first_ns <= b->now);
    bench_free(b);
}

static void rules__each_one__has_a_breach_and_a_name_of_its_own(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < RULE_COUNT; i++) {
        bool found = false;

        for (uint32_t k = 0; k < breaches(); k++)
            found |= !strcmp(breach_at(k)->rule, x540_rule_info(i)->name);
        if (!found)
            fail_msg("rule %s has no test", x540_rule_info(i)->name);
        for (uint32_t k = 0; k < i; k++)
            assert_string_not_equal(x540_rule_info(i)->name, x540_rule_info(k)->name);
    }
    assert_null(x540_rule_info(RULE_COUNT));
}

/* The README's table, a row a rule: | `name` | error or advice | section | sentence | */
static void rules__each_one__stands_in_the_readme(void **state)
{
    static char text[131072];
    FILE *readme = fopen("tests/model/README.md", "r");
    size_t n;

    (void)state;
    assert_non_null(readme);
    n = fread(text, 1, sizeof(text) - 1, readme);
    text[n] = 0;
    fclose(readme);
    for (uint32_t i = 0; i < RULE_COUNT; i++) {
        const struct x540_rule_info *rule = x540_rule_info(i);
        char row[320];

        snprintf(row, sizeof(row), "| `%s` | %s | %s | %s |", rule->name,
                 rule->error ? "error" : "advice", rule->section, rule->text);
        if (!strstr(text, row))
            fail_msg("not in the README: %s", row);
    }
}

static void complaints__forgotten__start_again(void **state)
{
    struct bench *b = ready();

    (void)state;
    wr(b, EIAC, EICR_LSC);
    wr(b, EIAC, EICR_LSC);
    assert_int_equal(complaint(b, "eiac-other-cause")->count, 2);
    x540_forget_complaints(b->card);
    expect_no_complaint(b);
    wr(b, EIAC, EICR_LSC);
    assert_int_equal(complaint(b, "eiac-other-cause")->count, 1);
    bench_free(b);
}

#define BREACHES_MAX 256

int main(void)
{
    static struct CMUnitTest tests[BREACHES_MAX + 3];
    static char names[BREACHES_MAX][96];
    uint32_t n = breaches();

    if (n > BREACHES_MAX)
        return 1;
    for (uint32_t i = 0; i < n; i++) {
        const struct breach *breach = breach_at(i);

        snprintf(names[i], sizeof(names[i]), "%s__%s__is_told", breach->rule, breach->how);
        tests[i].name = names[i];
        tests[i].test_func = breach__is_told_by_name;
        tests[i].initial_state = (void *)breach;
    }
    tests[n++] =
        (struct CMUnitTest)cmocka_unit_test(rules__each_one__has_a_breach_and_a_name_of_its_own);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(rules__each_one__stands_in_the_readme);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(complaints__forgotten__start_again);
    return _cmocka_run_group_tests("model rules", tests, n, NULL, NULL);
}
