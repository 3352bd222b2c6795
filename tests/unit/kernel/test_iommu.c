/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/iommu/iommu.c with two simulated units and a few cards: the unit that DMAR assigns to a
 * card gets the card's context entry, reserved memory is mapped only for the card that RMRR names,
 * rights follow the units' ZLR, and a card that cannot be confined is refused, or runs unconfined
 * unless iommu=require. Units of displays and audio devices stay off, cards' addresses below 4 GiB
 * are where nothing else is, and reserved memory of other devices is mapped for them.
 *
 * links: kernel/iommu/iommu.c kernel/iommu/policy.c kernel/firmware/dmar.c
 * kernel/firmware/acpi.c kernel/lib/fmt.c kernel/lib/ranges.c arch/vtd.c arch/vtd_table.c
 */
#include "tests/unit/kernel/iommu_host.h"

static void confine__unit_that_names_the_card__gets_its_context_entry(void **state)
{
    (void)state;
    struct dma_domain *two, *three;
    init(IOMMU_ON);
    assert_int_equal(translated_bits, 39);
    assert_int_equal(iommu_confine(&card_2, 0, &two), OK);
    assert_int_equal(iommu_confine(&card_3, 1, &three), OK);
    assert_int_equal(two->map(two, (iova_t){0x5000}, (paddr_t){0x9000}, 4096, DMA_READ), OK);
    assert_int_equal(three->map(three, (iova_t){0x5000}, (paddr_t){0xA000}, 4096, DMA_READ), OK);
    assert_int_equal(translate(0, 2 << 3, 0x5000).paddr, 0x9000);
    assert_int_equal(translate(1, 3 << 3, 0x5000).paddr, 0xA000);
    assert_int_equal(translate(1, 2 << 3, 0x5000).rights, 0);
    assert_int_equal(translate(0, 3 << 3, 0x5000).rights, 0);
    assert_int_equal(translate(1, 4 << 3, 0x5000).rights, 0);
    iommu_release(two);
    assert_int_equal(translate(0, 2 << 3, 0x5000).rights, 0);
    assert_int_equal(translate(1, 3 << 3, 0x5000).rights, DMA_READ);
}

static void card_addresses__below_4_gib__are_where_nothing_else_is(void **state)
{
    (void)state;
    init(IOMMU_ON); /* firmware lists all of it: there are none */
    assert_int_equal(translated_first.start, translated_first.end);

    power_on(NULL);
    ranges_add(&unlisted, 0, 0x8000000);
    ranges_add(&unlisted, 0x10000000, 0x100000000);
    init(IOMMU_ON);
    assert_int_equal(translated_first.start, 0x10000000);
    assert_int_equal(translated_first.end, 0xFEC00000); /* below IOAPICs and interrupts */

    power_on(NULL);
    ranges_add(&unlisted, 0, 0x8000000);
    ranges_add(&unlisted, 0x10000000, 0x100000000);
    window = (struct range){0xC0000000, 0xC8000000};
    put_reserved(0x1F000000, 0x1F0FFFFF, 3);
    init(IOMMU_ON);
    assert_int_equal(translated_first.start, 0x1F100000);
    assert_int_equal(translated_first.end, 0xC0000000);

    power_on(NULL);
    ranges_add(&unlisted, 0, 0x2000000); /* the first 16 MiB are left to legacy devices */
    init(IOMMU_ON);
    assert_int_equal(translated_first.start, 0x1000000);
    assert_int_equal(translated_first.end, 0x2000000);
}

static void confine__reserved_memory__is_mapped_only_for_its_card(void **state)
{
    (void)state;
    struct dma_domain *two, *three;
    put_reserved(0x20000000, 0x20002FFF, 3); /* in the hole in our RAM */
    put_reserved(0x8F000000, 0x8F0FFFFF, 2);
    put_reserved(0x1000000, 0x1FFFFFF, 3);   /* our RAM: the firmware is wrong */
    put_reserved(0x200FF000, 0x20100FFF, 3); /* begins in the hole, ends in our RAM */
    put_reserved(0, 0, 3);
    init(IOMMU_ON);
    assert_int_equal(iommu_confine(&card_2, 0, &two), OK);
    assert_int_equal(iommu_confine(&card_3, 1, &three), OK);
    assert_int_equal(translate(1, 3 << 3, 0x20000000).paddr, 0x20000000);
    assert_int_equal(translate(1, 3 << 3, 0x20002FFF).rights, DMA_READ_WRITE);
    assert_int_equal(translate(1, 3 << 3, 0x20003000).rights, 0);
    assert_int_equal(translate(1, 3 << 3, 0x1FFFF000).rights, 0);
    assert_int_equal(translate(1, 3 << 3, 0x8F000000).rights, 0);
    assert_int_equal(translate(0, 2 << 3, 0x8F0FFFFF).rights, DMA_READ_WRITE);
    assert_int_equal(translate(0, 2 << 3, 0x20000000).rights, 0);
    assert_int_equal(translate(1, 3 << 3, 0x1000000).rights, 0);
    assert_int_equal(translate(1, 3 << 3, 0x200FF000).rights, 0);
    assert_int_equal(translate(1, 3 << 3, 0).rights, 0);
    assert_non_null(strstr(log_text, "overlaps RAM in use; not mapped"));
    assert_non_null(strstr(log_text, "is empty or ends before it begins; ignored"));
}

static void map__write_only__needs_zlr(void **state)
{
    (void)state;
    for (unsigned has_zlr = 0; has_zlr < 2; has_zlr++) {
        struct dma_domain *d;
        power_on(NULL);
        fakes[0].cap |= has_zlr ? CAP_ZLR : 0;
        init(IOMMU_ON);
        assert_int_equal(iommu_confine(&card_2, 0, &d), OK);
        assert_int_equal(d->map(d, (iova_t){0x5000}, (paddr_t){0x9000}, 4096, DMA_WRITE), OK);
        assert_int_equal(d->map(d, (iova_t){0x7000}, (paddr_t){0x7000}, 4096, DMA_READ), OK);
        assert_int_equal(translate(0, 2 << 3, 0x5000).rights, has_zlr ? DMA_WRITE : DMA_READ_WRITE);
        assert_int_equal(translate(0, 2 << 3, 0x7000).rights, DMA_READ);
    }
}

static void map__after_start__panics(void **state)
{
    (void)state;
    struct dma_domain *d;
    init(IOMMU_ON);
    assert_int_equal(iommu_confine(&card_2, 0, &d), OK);
    iommu_seal();
    if (setjmp(end) == 0) {
        (void)!d->map(d, (iova_t){0x5000}, (paddr_t){0x9000}, 4096, DMA_READ);
        fail_msg("a mapping after the start was accepted");
    }
}

/* They come at once, from as many functions. */
static void confine__unit_that_is_dead__refuses_its_card_if_required(void **state)
{
    (void)state;
    struct dma_domain *two, *three;
    fakes[0].is_dead = true;
    init(IOMMU_REQUIRE);
    assert_int_equal(translated_bits, 39);
    assert_int_equal(iommu_confine(&card_2, 0, &two), ERR_NO_DEVICE);
    assert_null(two);
    assert_int_equal(iommu_confine(&card_3, 1, &three), OK);
    assert_non_null(strstr(log_text, "00:02.0 cannot be confined: no working unit covers it"));
}

/* All ports share rings, so all addresses are physical then; the other card is still confined. */
static void confine__unit_that_is_dead__lets_its_card_run_with_a_warning(void **state)
{
    (void)state;
    struct dma_domain *two, *three;
    fakes[0].is_dead = true;
    init(IOMMU_ON);
    assert_int_equal(translated_bits, 0);
    assert_int_equal(iommu_confine(&card_2, 0, &two), OK);
    assert_null(two);
    assert_non_null(strstr(log_text,
                           "port0: no working unit covers 00:02.0: it may touch all memory; "
                           "iommu=require would refuse it"));
    assert_int_equal(iommu_confine(&card_3, 1, &three), OK);
    assert_non_null(three);
    assert_int_equal(translate(1, 3 << 3, 0x5000).rights, 0);
}

static bool is_on(unsigned unit)
{
    return fakes[unit].gsts >> 31;
}

static void init__unit_of_displays_or_audio__stays_off_unless_required(void **state)
{
    (void)state;
    static const struct {
        uint8_t class, subclass;
        bool is_on;
        const char *line;
    } rows[] = {
        {DISPLAY, 0, false,
         "unit 0 at 0xfed90000 stays off: only displays are below it; not confined: 00:02.0"},
        {MULTIMEDIA, HD_AUDIO, false,
         "stays off: only audio devices are below it; not confined: 00:02.0"},
        {MULTIMEDIA, AUDIO, false, "stays off: only audio devices are below it"},
        {MULTIMEDIA, VIDEO, true, ""},
        {NETWORK, 0, true, ""},
        {0, 0, false, "stays off: none of its devices is present"},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        for (enum iommu_mode mode = IOMMU_REQUIRE; mode <= IOMMU_ON; mode++) {
            power_on(NULL);
            classes[2][0] = rows[i].class, classes[2][1] = rows[i].subclass;
            fakes[0].gsts = 1u << 31; /* a loader's translation ends in any case */
            init(mode);
            assert_int_equal(is_on(0), rows[i].is_on || mode == IOMMU_REQUIRE);
            assert_true(is_on(1));
            assert_int_equal(translated_bits, 39);
            assert_true(mode == IOMMU_REQUIRE || strstr(log_text, rows[i].line));
            bool is_named = mode == IOMMU_ON && !rows[i].is_on && rows[i].class;
            assert_int_equal(!!strstr(found, "; not confined: 00:02.0"), is_named);
        }
}

static void init__display_beside_another_device__is_on(void **state)
{
    (void)state;
    n = DMAR_BYTES;
    put(0, 2), put(32, 2), put(0, 4), put(0xFED90000, 8), put_scope(5), put_scope(2);
    put_unit(1, 0xFED91000, -1);
    classes[5][0] = DISPLAY;
    init(IOMMU_ON);
    assert_true(is_on(0));
    power_on(NULL);
    n = DMAR_BYTES;
    put(0, 2), put(32, 2), put(0, 4), put(0xFED90000, 8), put_scope(5), put_scope(6);
    put_unit(1, 0xFED91000, -1);
    classes[5][0] = DISPLAY, classes[6][0] = MULTIMEDIA, classes[6][1] = HD_AUDIO;
    init(IOMMU_ON);
    assert_false(is_on(0));
    assert_non_null(strstr(found, "; not confined: 00:05.0 00:06.0"));
}

/* A device that only ACPI describes, and one in a segment that configuration space does not reach, may
 * do DMA, so that their units are on. */
static void init__device_that_cannot_be_looked_at__keeps_its_unit_on(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        power_on(NULL);
        classes[2][0] = DISPLAY;
        n = DMAR_BYTES;
        if (i == 0) {
            put(0, 2), put(32, 2), put(0, 4), put(0xFED90000, 8), put_scope(2);
            put(5 | 8 << 8, 4), put(1, 1), put(0, 1), put(0x15, 2);
        } else {
            put(0, 2), put(24, 2), put(0, 2), put(1, 2), put(0xFED90000, 8), put_scope(2);
        }
        put_unit(1, 0xFED91000, -1);
        init(IOMMU_ON);
        assert_true(is_on(0));
    }
}

static void init__reserved_memory_of_other_devices__is_mapped_for_them(void **state)
{
    (void)state;
    put_reserved(0x8F000000, 0x8F000FFF, USB);
    put_reserved(0x1000000, 0x1000FFF, USB); /* our RAM */
    put_reserved(0x8E000000, 0x8E000FFF, 5); /* absent */
    put_reserved(0x8D000000, 0x8D000FFF, 2); /* below the unit that stays off */
    put_reserved(0x8C000000, 0x8C000FFF, 3); /* may become a port */
    classes[2][0] = DISPLAY;
    init(IOMMU_ON);
    assert_int_equal(translate(1, USB << 3, 0x8F000000).paddr, 0x8F000000);
    assert_int_equal(translate(1, USB << 3, 0x8F000000).rights, DMA_READ_WRITE);
    assert_int_equal(translate(1, USB << 3, 0x8F001000).rights, 0);
    assert_int_equal(translate(1, USB << 3, 0x1000000).rights, 0);
    assert_int_equal(translate(1, 5 << 3, 0x8E000000).rights, 0);
    assert_int_equal(translate(1, 3 << 3, 0x8C000000).rights, 0);
    assert_non_null(strstr(log_text, "00:14.0: firmware reserves 0x8f000000 to 0x8f000fff for it"));
    assert_non_null(strstr(log_text, "00:14.0: reserved memory 0x1000000 to 0x1000fff overlaps"));
    assert_null(strstr(log_text, "0x8d000000"));
    iommu_seal(); /* the network function is no port */
    assert_int_equal(translate(1, 3 << 3, 0x8C000000).rights, DMA_READ_WRITE);
}

static void quirks__host_bridges_with_wrong_capabilities__are_known(void **state)
{
    (void)state;
    static const struct {
        uint16_t device;
        uint8_t revision;
        bool wants_flush, remaps;
    } rows[] = {
        {0x1237, 0, false, true},     {0x2A40, 7, true, true},      {0x2E00, 0, true, true},
        {0x2E10, 3, true, true},      {0x2E20, 3, true, true},      {0x2E30, 3, true, true},
        {0x2E40, 3, true, true},      {0x2E90, 3, true, true},      {0x3403, 0x13, false, false},
        {0x3403, 0x22, false, true},  {0x3406, 0x12, false, false}, {0x3406, 0x22, false, true},
        {0x3405, 0x22, false, false},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        power_on(NULL);
        fakes[1].ecap |= 8; /* IR */
        bridge.device = rows[i].device, bridge.revision = rows[i].revision;
        init(IOMMU_ON);
        assert_int_equal(iommu_units[1].vtd.wants_flush, rows[i].wants_flush);
        assert_int_equal(iommu_units[1].vtd.can_remap_interrupts, rows[i].remaps);
    }
}

static void init__unit_for_all_at_0__is_a_warning_or_refuses_the_cards(void **state)
{
    (void)state;
    struct dma_domain *three;
    load("dmar_gfx_ok_include_all_at_0"); /* 00:1d.0 alone has a unit that answers */
    classes[0x1D][0] = DISPLAY;
    init(IOMMU_ON);
    assert_non_null(
        strstr(log_text, "a unit of ACPI's DMAR table has its registers at address 0; not used"));
    assert_non_null(
        strstr(found, "cards may touch all memory: no unit that may have cards below it works; "
                      "iommu=require would refuse that"));
    assert_int_equal(iommu_confine(&card_3, 1, &three), OK);
    assert_null(three);
    assert_int_equal(translated_bits, 0);
    /* The same if the good unit has another device, which is confined. */
    power_on(NULL);
    load("dmar_gfx_ok_include_all_at_0");
    classes[0x1D][0] = 0x0C;
    init(IOMMU_ON);
    assert_true(is_on(0));
    assert_int_equal(iommu_confine(&card_3, 1, &three), OK);
    assert_null(three);
    assert_int_equal(translated_bits, 0);
    power_on(NULL);
    load("dmar_gfx_ok_include_all_at_0");
    classes[0x1D][0] = DISPLAY;
    init(IOMMU_REQUIRE);
    assert_int_equal(iommu_confine(&card_3, 1, &three), ERR_NO_DEVICE);
}

static void init__zeroes_or_damage_behind_the_units__leave_them_in_use(void **state)
{
    (void)state;
    struct dma_domain *three;
    load("dmar_trailing_zeros");
    init(IOMMU_REQUIRE);
    assert_int_equal(iommu_confine(&card_3, 1, &three), OK);
    assert_non_null(three);
    assert_null(strstr(log_text, "length"));
    power_on(NULL);
    put(1, 2), put(3, 2);
    init(IOMMU_REQUIRE);
    assert_int_equal(iommu_confine(&card_3, 1, &three), OK);
    assert_non_null(three);
    assert_non_null(
        strstr(log_text, "has a structure with an invalid length at offset 88; what follows is not "
                         "used"));
}

static void init__no_unit_works__is_reported_or_refused(void **state)
{
    (void)state;
    struct dma_domain *two;
    fakes[0].is_dead = fakes[1].is_dead = true;
    init(IOMMU_ON);
    assert_non_null(strstr(found, "cards may touch all memory"));
    assert_int_equal(iommu_confine(&card_2, 0, &two), OK);
    assert_null(two);
    assert_int_equal(translated_bits, 0);
    power_on(NULL);
    n = 0;
    if (setjmp(end) == 0) {
        init(IOMMU_REQUIRE);
        fail_msg("iommu=require went on without an IOMMU");
    }
}

static void init__off__disables_translation(void **state)
{
    (void)state;
    fakes[1].gsts = 1u << 31 | 1u << 30; /* a loader's translation */
    init(IOMMU_OFF);
    assert_int_equal(fakes[1].gsts >> 31, 0);
    assert_int_equal(translated_bits, 0);
    assert_false(iommu_is_on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(confine__unit_that_names_the_card__gets_its_context_entry),
        TEST(card_addresses__below_4_gib__are_where_nothing_else_is),
        TEST(confine__reserved_memory__is_mapped_only_for_its_card),
        TEST(map__write_only__needs_zlr),
        TEST(map__after_start__panics),
        TEST(confine__unit_that_is_dead__refuses_its_card_if_required),
        TEST(confine__unit_that_is_dead__lets_its_card_run_with_a_warning),
        TEST(init__unit_of_displays_or_audio__stays_off_unless_required),
        TEST(init__display_beside_another_device__is_on),
        TEST(init__device_that_cannot_be_looked_at__keeps_its_unit_on),
        TEST(init__reserved_memory_of_other_devices__is_mapped_for_them),
        TEST(quirks__host_bridges_with_wrong_capabilities__are_known),
        TEST(init__unit_for_all_at_0__is_a_warning_or_refuses_the_cards),
        TEST(init__zeroes_or_damage_behind_the_units__leave_them_in_use),
        TEST(init__no_unit_works__is_reported_or_refused),
        TEST(init__off__disables_translation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
