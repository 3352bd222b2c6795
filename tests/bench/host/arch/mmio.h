/* SPDX-License-Identifier: BSD-2-Clause
 * Benchmarks take the image's own loads and stores of registers, where other host builds take
 * tests/host/arch/mmio.h: what is counted is what ships. tests/bench/bar.c answers them.
 */
#include "../../../../arch/mmio.h"
