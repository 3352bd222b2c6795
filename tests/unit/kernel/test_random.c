/* SPDX-License-Identifier: BSD-2-Clause
 * arch/random.c: RDSEED is preferred to RDRAND; each is asked a bounded number of times; implausible
 * words are refused; without either the words still differ; equal inputs give different words.
 *
 * links: arch/random.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch/cpu.h"
#include "arch/features.h"
#include "arch/random.h"

uint64_t machine_clock_ns;
static uint64_t step_ns;
static struct features cpu;
static unsigned seeds, rands, seeds_fail; /* the first seeds_fail calls fail */
static uint64_t seed_word, rand_word;
static bool rand_works;

void machine_wait_ns(uint64_t ns)
{
    (void)ns;
    machine_clock_ns += step_ns;
}
const struct features *features(void)
{
    return &cpu;
}
bool cpu_rdseed(uint64_t *word)
{
    *word = seed_word;
    return seeds++ >= seeds_fail;
}
bool cpu_rdrand(uint64_t *word)
{
    rands++;
    *word = rand_word;
    return rand_works;
}

static int start(void **state)
{
    (void)state;
    cpu = (struct features){0};
    seeds = rands = seeds_fail = 0;
    seed_word = 0x1234, rand_word = 0x5678, rand_works = true;
    step_ns = 0;
    return 0;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* With the same input each time, a generator without state would repeat itself. */
static void assert_words_differ(void)
{
    static uint64_t words[4096];
    unsigned ones = 0;
    for (unsigned i = 0; i < 4096; i++) {
        words[i] = random_u64();
        ones += (unsigned)__builtin_popcountll(words[i]);
    }
    qsort(words, 4096, sizeof *words, compare);
    for (unsigned i = 1; i < 4096; i++)
        assert_true(words[i] != words[i - 1]);
    /* 262,144 bits, standard deviation 256. */
    assert_in_range(ones, 131072 - 8 * 256, 131072 + 8 * 256);
}

static void word__cpu_has_both__asks_rdseed_alone(void **state)
{
    (void)state;
    cpu.has_rdseed = cpu.has_rdrand = true;
    (void)random_u64();
    assert_int_equal(seeds, 1);
    assert_int_equal(rands, 0);
}

static void word__rdseed_is_empty__asks_rdrand(void **state)
{
    (void)state;
    cpu.has_rdseed = cpu.has_rdrand = true;
    seeds_fail = UINT32_MAX;
    (void)random_u64();
    assert_int_equal(seeds, 1);
    assert_int_equal(rands, 1);
}

static void word__rdseed_fails_at_first__is_asked_again(void **state)
{
    (void)state;
    cpu.has_rdseed = true;
    seeds_fail = RANDOM_TRIES - 1;
    (void)random_u64();
    assert_int_equal(seeds, RANDOM_TRIES);
    assert_int_equal(rands, 0); /* CPUID does not list it */
}

static void word__generator_never_ready__ends_after_ten_tries(void **state)
{
    (void)state;
    cpu.has_rdseed = cpu.has_rdrand = true;
    seeds_fail = UINT32_MAX, rand_works = false;
    (void)random_u64();
    assert_int_equal(seeds, RANDOM_TRIES);
    assert_int_equal(rands, RANDOM_TRIES);
}

static void word__generator_delivers_all_ones__is_refused(void **state)
{
    (void)state;
    cpu.has_rdrand = true;
    rand_word = UINT64_MAX;
    (void)random_u64();
    assert_int_equal(rands, RANDOM_TRIES);
}

static void words__cpu_has_neither__differ_even_if_time_stands_still(void **state)
{
    (void)state;
    assert_words_differ();
    assert_int_equal(seeds + rands, 0);
}

static void words__generator_repeats_itself__differ(void **state)
{
    (void)state;
    cpu.has_rdrand = true;
    assert_words_differ();
}

/* The low byte of the next word, drawn in a child process, so that each starts from the same pool. */
static int next_low_byte(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit((int)(random_u64() & 0xFF));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void word__same_time_and_pool__depends_on_the_generator(void **state)
{
    (void)state;
    bool is_seen[256] = {false};
    unsigned different = 0;
    cpu.has_rdrand = true;
    assert_int_equal(next_low_byte(), next_low_byte());
    for (rand_word = 1; rand_word <= 64; rand_word++) {
        int byte = next_low_byte();
        different += !is_seen[byte];
        is_seen[byte] = true;
    }
    assert_in_range(different, 40, 64); /* 57 expected */
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup(test, start)
    const struct CMUnitTest tests[] = {
        ROW(word__cpu_has_both__asks_rdseed_alone),
        ROW(word__rdseed_is_empty__asks_rdrand),
        ROW(word__rdseed_fails_at_first__is_asked_again),
        ROW(word__generator_never_ready__ends_after_ten_tries),
        ROW(word__generator_delivers_all_ones__is_refused),
        ROW(words__cpu_has_neither__differ_even_if_time_stands_still),
        ROW(words__generator_repeats_itself__differ),
        ROW(word__same_time_and_pool__depends_on_the_generator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
