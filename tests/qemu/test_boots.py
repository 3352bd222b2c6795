# SPDX-License-Identifier: BSD-2-Clause
"""A few of the boots of `make boots`, which does many: 16 cores on a busy host, and a port reset as soon as
the loops run. See lib/boots.py."""
import boots
from conftest import settled


def test_every_lane_receives_after_a_port_was_reset_at_once(boot):
    with boots.Load(2):
        for _ in range(3):
            machine = boot(boots.APPEND, cores=boots.CORES, memory_mb=boots.MEMORY_MB, links=False,
                           prompt=False)
            boots.check(machine)
            settled(machine)
            machine.stop()
