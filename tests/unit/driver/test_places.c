/* SPDX-License-Identifier: BSD-2-Clause
 * Which card gets which port number. Covers:
 *  - a card that fails keeps its place: the others have the numbers that they would have with it;
 *  - a port without a card answers every operation and reaches no register;
 *  - cards named by PCI address or MAC address get their ports, the others the free ones;
 *  - a name without a card leaves its port empty; one card has one port;
 *  - the registers that can be shown have their names and offsets, and reading them changes nothing;
 *  - bringup=verbose logs the raw words of a card, also of one that fails;
 *  - a card that does not answer is found by PCI address only.
 */
/* links: drivers/drivers.c drivers/x540/access.c drivers/x540/x540.c drivers/x540/lock.c
 * drivers/x540/nvm.c drivers/x540/link.c drivers/x540/rx.c drivers/x540/tx.c drivers/x540/intr.c
 * drivers/x540/stats.c kernel/lib/fmt.c
 * tests/host/machine.c $(MODEL) */
#include "kernel/leaving.h"
#include "tests/unit/driver/card_host.h"

static void add_cards(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        machine_add_card(NULL); /* its MAC address ends with i + 1 */
}

static void name_by_pci(unsigned port, unsigned card)
{
    const struct pci_dev *pci = &machine_cards[card].pci;

    machine_names[port] = (struct card_name){
        .bus = pci->bus, .device = pci->device, .function = pci->function, .segment = pci->segment};
    machine_named |= BIT(port);
}

static void name_by_mac(unsigned port, unsigned card)
{
    machine_names[port] = (struct card_name){
        .is_mac = true, .mac = {0x02, 0x00, 0x5E, 0x10, 0x00, (uint8_t)(card + 1)}};
    machine_named |= BIT(port);
}

/* The cards by port: 1.. by MAC address, '-' none, 'x' failed. */
static void starts_as(const char *want)
{
    char got[PORTS_MAX + 1] = {0};

    drivers_start(NULL);
    for (unsigned i = 0; i < ports_n; i++) {
        assert_int_equal(ports[i].index, i);
        got[i] = (char)('0' + ports[i].mac[5]);
        if (ports[i].no_card)
            got[i] = strcmp(ports[i].no_card, "failed") == 0 ? 'x' : '-';
    }
    assert_string_equal(got, want);
    assert_int_equal(machine_complaints(), 0);
}

static void use_every_operation(struct port *port)
{
    static const uint8_t key[RSS_KEY_BYTES];
    const struct port_ops *ops = port->ops;
    uint32_t head;
    mmio_t tail;

    assert_int_equal(ops->rx_start(port, 0, (iova_t){0}, 8, &tail), ERR_NO_DEVICE);
    assert_int_equal(ops->tx_start(port, 0, (iova_t){0}, 8, (iova_t){0}, &tail), ERR_NO_DEVICE);
    assert_int_equal(ops->rx_stop(port, 0), OK);
    assert_int_equal(ops->tx_stop(port, 0, &head), OK);
    ops->receive(port);
    assert_int_equal(ops->tx_head(port, 0), 0xFFFFFFFFu);
    ops->poll_link(port);
    ops->poll_counters(port);
    ops->set_queues(port, 1, false, key);
    ops->set_control_queue(port, true);
    assert_int_equal(ops->irq_set(port, 0, 0, 0), ERR_NO_DEVICE);
    ops->irq_arm(port, 0);
    assert_int_equal(ops->irq_causes(port), 0);
    ops->set_promiscuous(port, true);
    assert_int_equal(ops->reset(port), ERR_NO_DEVICE);
    ops->link_off(port);
    ops->quiet(port);
    assert_true(port->is_gone && port->is_down && !port->link_is_up);
}

static bool has_written;
static void on_write(unsigned card, uint32_t offset, uint32_t value)
{
    (void)card, (void)offset, (void)value;
    has_written = true;
}

static void places__first_card_fails__others_keep_their_numbers(void **state)
{
    (void)state;
    add_cards(3);
    x540_set_evil(machine_cards[0].model, X540_EVIL_NVM_CHECKSUM, 1);
    starts_as("x23");
    assert_string_equal(ports[0].pci, "0000:01:00.0");
    assert_non_null(machine_log_has("card not used; it keeps its number, port0"));
    assert_null(port_partner(&ports[1]));
    assert_false(machine_cards[0].command & PCI_COMMAND_MASTER);
    use_every_operation(&ports[0]);
    drivers_quiet();
    drivers_cut_off();
}

static void places__all_cards_fail__no_port_works(void **state)
{
    (void)state;
    add_cards(1);
    x540_set_evil(machine_cards[0].model, X540_EVIL_NVM_CHECKSUM, 1);
    starts_as("x");
    machine_on_write = on_write;
    has_written = false;
    use_every_operation(&ports[0]);
    machine_on_write = NULL;
    assert_false(has_written);
    assert_non_null(machine_log_has("no port: no working"));
}

static void places__named_by_pci_address__others_fill_the_rest(void **state)
{
    (void)state;
    add_cards(3);
    name_by_pci(0, 2);
    starts_as("312");
}

static void places__named_by_mac__others_fill_the_rest(void **state)
{
    (void)state;
    add_cards(3);
    name_by_mac(1, 0);
    name_by_mac(2, 1);
    starts_as("312");
}

static void places__named_beyond_the_cards__leave_empty_ones(void **state)
{
    (void)state;
    add_cards(2);
    name_by_mac(3, 0);
    starts_as("2--1");
    use_every_operation(&ports[1]);
}

static void places__name_without_a_card__stays_empty(void **state)
{
    (void)state;
    add_cards(2);
    name_by_mac(0, 7);
    starts_as("-12");
    assert_non_null(machine_log_has("port0=02:00:5e:10:00:08: no such card"));
}

static void places__one_card_named_twice__gets_one(void **state)
{
    (void)state;
    add_cards(2);
    name_by_pci(0, 1);
    name_by_mac(1, 1);
    starts_as("2-1");
    assert_non_null(machine_log_has("port1=02:00:5e:10:00:02: no such card, or an earlier"));
}

static void places__card_that_is_asleep__is_found_by_mac(void **state)
{
    (void)state;
    add_cards(2);
    machine_cards[1].pm_control = 3;
    name_by_mac(0, 1);
    starts_as("21");
}

static void places__named_card_fails__keeps_its_port(void **state)
{
    (void)state;
    add_cards(2);
    x540_set_evil(machine_cards[1].model, X540_EVIL_NVM_CHECKSUM, 1);
    name_by_pci(0, 1);
    starts_as("x1");
}

static void registers__read_one_by_one__change_nothing(void **state)
{
    (void)state;
    struct port_register r;
    uint32_t n, shown = 0;
    const struct x540_register *known = x540_registers(&n);

    add_cards(1);
    starts_as("1");
    wait_for_link(&ports[0], true);
    for (unsigned q = 0; q < 128; q += 127)
        for (unsigned i = 0; ports[0].ops->read_register(&ports[0], i, q, &r); i++, shown++) {
            bool is_known = false;
            for (uint32_t k = 0; k < n; k++) {
                uint32_t at = r.offset - known[k].offset;
                uint32_t stride = known[k].stride ? known[k].stride : 4;
                if (r.offset >= known[k].offset && at % stride == 0 &&
                    at / stride < known[k].count) {
                    is_known = true;
                    if (known[k].rc)
                        fail_msg("%s at 0x%05x clears when it is read", r.name, r.offset);
                }
            }
            if (!is_known)
                fail_msg("%s at 0x%05x is no register of the model", r.name, r.offset);
            if (i == 0)
                assert_int_equal(r.offset, STATUS);
        }
    assert_true(shown > 200 && shown < 512);
    assert_int_equal(machine_complaints(), 0);
}

static void bringup__verbose__logs_raw_words(void **state)
{
    (void)state;
    add_cards(2);
    x540_set_evil(machine_cards[0].model, X540_EVIL_NVM_CHECKSUM, 1);
    machine_is_verbose = true;
    starts_as("x2");
    assert_non_null(machine_log_has("x540 p0: STATUS 0x"));
    assert_non_null(machine_log_has("x540 p0: NVM 0x38:"));
    assert_non_null(machine_log_has("x540 p1: LINKS 0x"));
    assert_non_null(machine_log_has("x540 p1: PHY at MDIO address 0: id 0x01540200, 1.1 0x"));
    assert_non_null(machine_log_has("x540 p1: PCI command 0x0406, MSI-X at 0x"));
}

#define TEST(name) cmocka_unit_test_setup(name, reset)
int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(places__first_card_fails__others_keep_their_numbers),
        TEST(places__all_cards_fail__no_port_works),
        TEST(places__named_by_pci_address__others_fill_the_rest),
        TEST(places__named_by_mac__others_fill_the_rest),
        TEST(places__named_beyond_the_cards__leave_empty_ones),
        TEST(places__name_without_a_card__stays_empty),
        TEST(places__one_card_named_twice__gets_one),
        TEST(places__card_that_is_asleep__is_found_by_mac),
        TEST(registers__read_one_by_one__change_nothing),
        TEST(bringup__verbose__logs_raw_words),
        TEST(places__named_card_fails__keeps_its_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
