# SPDX-License-Identifier: BSD-2-Clause
"""Cores share no written cache lines: no line that one core writes is accessed by the loop of another
core, while every core forwards flows."""
import pytest

from sharing import Watch
from test_flows import exchange_flows
from test_x2apic import X2APIC


@pytest.mark.parametrize("cores", [2, 8])
@pytest.mark.parametrize("mode", ["xAPIC", "x2APIC"])
def test_no_core_writes_a_line_that_another_cores_loop_accesses(request, boot, folder, mode, cores):
    more, options, headers = [], {}, None
    if mode == "x2APIC":
        options["emulator"] = request.getfixturevalue("newer_qemu")
        more, headers = X2APIC, options["emulator"].headers
    watch = Watch(folder, ["forward_poll", "forward_poll_busy"], ("run_service_step", 200), headers)
    machine = boot("app=forward", cores=cores, extra=more + watch.options, **options)
    assert f" {mode}, timer" in machine.console_text
    watch.wait_begun()
    flows, each = 64, 10
    exchange_flows(machine, flows, each)
    assert machine.poweroff() == 0
    seen = watch.totals()
    # The plugin did record: the descriptors alone are a quarter of a line per frame.
    assert seen["loop_lines"] > flows * each / 4 and seen["accesses"] > 10 * flows * each, seen
