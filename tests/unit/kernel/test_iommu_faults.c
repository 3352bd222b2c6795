/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/iommu/iommu.c with two simulated units: a card that faults loses its bus mastering, log
 * lines are limited, and the faults of a device without a port are recorded once.
 *
 * links: kernel/iommu/iommu.c kernel/iommu/policy.c kernel/firmware/dmar.c
 * kernel/firmware/acpi.c kernel/lib/fmt.c kernel/lib/ranges.c arch/vtd.c arch/vtd_table.c
 */
#include "tests/unit/kernel/iommu_host.h"

static uint64_t *context_at(unsigned unit, uint16_t source)
{
    uint64_t *root = paging_pointer((paddr_t){fakes[unit].rtaddr});
    return (uint64_t *)paging_pointer((paddr_t){root[2 * (source >> 8)] & ~0xFFFull}) +
           2 * (source & 255);
}

static void fault(unsigned unit, uint16_t source)
{
    fakes[unit].frcd[0] = 0x1234000;
    fakes[unit].frcd[1] = 1ull << 63 | 5ull << 32 | source;
    fakes[unit].fsts = 2;
}

static void poll__fault__clears_bus_mastering_and_names_the_port(void **state)
{
    (void)state;
    struct dma_domain *two, *three;
    init(IOMMU_ON);
    assert_int_equal(iommu_confine(&card_2, 4, &two), OK);
    assert_int_equal(iommu_confine(&card_3, 5, &three), OK);
    enum { AT = 0x5000 };
    assert_int_equal(two->map(two, (iova_t){AT}, (paddr_t){0x9000}, 4096, DMA_READ_WRITE), OK);
    assert_int_equal(three->map(three, (iova_t){AT}, (paddr_t){0xA000}, 4096, DMA_READ_WRITE), OK);
    commands[2 << 3] = commands[3 << 3] = PCI_COMMAND_MASTER;
    assert_int_equal(iommu_poll(), 0);
    fault(0, 2 << 3);
    assert_int_equal(iommu_poll(), 1 << 4);
    assert_int_equal(commands[2 << 3], 0);
    assert_int_equal(commands[3 << 3], PCI_COMMAND_MASTER);
    assert_non_null(strstr(log_text, "port4 (00:02.0) tried to write 0x1234000: no write "
                                     "permission for the page (reason 05h)"));
    fault(0, 2 << 3); /* still in flight: reported already */
    assert_int_equal(iommu_poll(), 0);
    fault(1, 2 << 3); /* of another unit: not one of our ports */
    assert_int_equal(iommu_poll(), 0);
    assert_non_null(strstr(log_text, "00:02.0 (no port) tried"));
    assert_true(iommu_is_cut_off(two));
    assert_false(iommu_is_cut_off(three) || iommu_is_cut_off(NULL));
    assert_int_equal(translate(0, 2 << 3, AT).rights, 0); /* not only by its own command register */
    assert_int_equal(translate(1, 3 << 3, AT).rights, DMA_READ_WRITE);
    assert_int_equal(iommu_readmit(two), OK);
    assert_false(iommu_is_cut_off(two));
    assert_int_equal(translate(0, 2 << 3, AT).rights, DMA_READ_WRITE);
    assert_int_equal(commands[2 << 3], 0); /* the driver enables it once the queues are off */
    fault(0, 2 << 3);
    assert_int_equal(iommu_poll(), 1 << 4);

    /* What is still recorded when a port is put back was done before; another port's counts. */
    assert_int_equal(iommu_readmit(two), OK);
    fault(0, 2 << 3);
    fault(1, 3 << 3);
    assert_int_equal(iommu_readmit(two), OK);
    assert_false(iommu_is_cut_off(two));
    assert_int_equal(translate(0, 2 << 3, AT).rights, DMA_READ_WRITE);
    assert_int_equal(iommu_poll(), 1 << 5);
    assert_int_equal(iommu_poll(), 0);
}

static void poll__many_faults__print_few_lines(void **state)
{
    (void)state;
    struct dma_domain *two;
    init(IOMMU_ON);
    assert_int_equal(iommu_confine(&card_2, 0, &two), OK);
    lines = 0;
    for (unsigned i = 0; i < 1000; i++) {
        fault(0, 2 << 3);
        iommu_poll();
    }
    assert_int_equal(lines, 8);
    assert_int_equal(iommu_units[0].faults, 1000);
    now_ns += 2000000000;
    fault(0, 2 << 3);
    iommu_poll();
    assert_non_null(strstr(log_text, "992 more faults were not printed"));
}

static void poll__many_records__prints_two_lines_and_counts_all(void **state)
{
    (void)state;
    init(IOMMU_ON);
    fakes[1].cap |= CAP_RECORDS;
    iommu_units[1].vtd.cap |= CAP_RECORDS;
    for (unsigned i = 0; i < RECORDS; i++) {
        fakes[1].frcd[2 * i] = 0x1234000;
        fakes[1].frcd[2 * i + 1] = 1ull << 63 | 5ull << 32 | (9 + i) << 3;
    }
    fakes[1].fsts = 2;
    lines = 0;
    iommu_poll();
    assert_int_equal(iommu_units[1].faults, RECORDS);
    assert_int_equal(lines, 2);
}

static void poll__unit_that_vanished__is_logged_once(void **state)
{
    (void)state;
    init(IOMMU_ON);
    lines = 0;
    fakes[1].is_dead = true;
    assert_int_equal(iommu_poll(), 0);
    assert_int_equal(iommu_poll(), 0);
    assert_int_equal(lines, 1);
}

static void poll__source_without_a_port__is_named_once_and_recorded_no_more(void **state)
{
    (void)state;
    put_reserved(0x8F000000, 0x8F000FFF, USB);
    init(IOMMU_ON);
    commands[USB << 3] = commands[5 << 3] = PCI_COMMAND_MASTER;
    assert_int_equal(*context_at(1, 5 << 3), 0);
    fault(1, 5 << 3);
    fault(1, 5 << 3);
    assert_int_equal(iommu_poll(), 0);
    assert_int_equal(*context_at(1, 5 << 3), 2); /* FPD, which counts without the present bit too */
    assert_non_null(strstr(log_text,
                           "00:05.0 (no port) tried to write 0x1234000: no write permission "
                           "for the page (reason 05h); more faults of it are not recorded"));
    uint64_t invalidations = iommu_units[1].vtd.invalidations;
    fault(1, USB << 3);
    assert_int_equal(iommu_poll(), 0);
    assert_int_equal(*context_at(1, USB << 3) & 3, 3);
    assert_true(iommu_units[1].vtd.invalidations > invalidations); /* the entry may be cached */
    assert_int_equal(translate(1, USB << 3, 0x8F000000).rights, DMA_READ_WRITE);
    assert_int_equal(commands[USB << 3] & commands[5 << 3], PCI_COMMAND_MASTER);
    fault(1, 0x500); /* a bus without functions: only the line */
    assert_int_equal(iommu_poll(), 0);
    assert_non_null(strstr(log_text,
                           "05:00.0 (no port) tried to write 0x1234000: no write permission "
                           "for the page (reason 05h)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(poll__fault__clears_bus_mastering_and_names_the_port),
        TEST(poll__many_faults__print_few_lines),
        TEST(poll__many_records__prints_two_lines_and_counts_all),
        TEST(poll__unit_that_vanished__is_logged_once),
        TEST(poll__source_without_a_port__is_named_once_and_recorded_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
