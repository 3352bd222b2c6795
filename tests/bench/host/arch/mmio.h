/* SPDX-License-Identifier: BSD-2-Clause
 * Benchmarks use the image's own loads and stores of registers, where other host builds use
 * tests/host/arch/mmio.h, so that the counted code is the image's. tests/bench/bar.c handles them.
 */
#include "../../../../arch/mmio.h"
