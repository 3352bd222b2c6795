/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/memory/module.c: a module is found by its first word, with and without folders; one
 * without a name is found if no other matches; one that could not be kept is not found.
 *
 * links: kernel/memory/module.c kernel/lib/json.c kernel/lib/out.c kernel/lib/fmt.c
 * kernel/console/command.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/paging.h"
#include "boot/bootinfo.h"
#include "kernel/memory/module.h"

static struct bootinfo info;

static void add(const char *name, uint64_t start, uint64_t bytes)
{
    struct boot_module *m = &info.modules[info.n_modules++];
    *m = (struct boot_module){.start = start, .bytes = bytes};
    strncpy(m->name, name, sizeof m->name - 1);
}

static int setup(void **state)
{
    (void)state;
    info = (struct bootinfo){0};
    module_init(&info);
    return 0;
}

static void assert_found(const char *name, uint64_t start, size_t bytes)
{
    size_t n = 0;
    assert_ptr_equal(module_find(name, &n), paging_pointer((paddr_t){start}));
    assert_int_equal(n, bytes);
}

static void assert_missing(const char *name)
{
    size_t n;
    assert_null(module_find(name, &n));
}

static void find__no_modules__returns_null(void **state)
{
    (void)state;
    assert_missing("routes");
    assert_missing("");
}

static void find__several__matches_first_word_or_file_name(void **state)
{
    (void)state;
    add("/boot/routes.txt more words", 0x1000, 11);
    add("filter", 0x2000, 12);
    add("filter", 0x3000, 13);
    add("myfilter2", 0x4000, 14);
    assert_found("routes.txt", 0x1000, 11);
    assert_found("/boot/routes.txt", 0x1000, 11);
    assert_found("filter", 0x2000, 12);
    assert_missing("more");
    assert_missing("filter2");
    assert_missing("filte");
    assert_missing("");
}

static void find__nameless__is_found_if_no_other_matches(void **state)
{
    (void)state;
    add("filter", 0x1000, 11);
    add("", 0x2000, 12);
    add("routes", 0x3000, 13);
    assert_found("filter", 0x1000, 11);
    assert_found("routes", 0x3000, 13);
    assert_found("other", 0x2000, 12);
}

static void find__not_kept__is_not_found(void **state)
{
    (void)state;
    add("routes", 0x1000, 0);
    assert_missing("routes");
    add("routes", 0x2000, 5);
    assert_found("routes", 0x2000, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(find__no_modules__returns_null, setup),
        cmocka_unit_test_setup(find__several__matches_first_word_or_file_name, setup),
        cmocka_unit_test_setup(find__nameless__is_found_if_no_other_matches, setup),
        cmocka_unit_test_setup(find__not_kept__is_not_found, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
