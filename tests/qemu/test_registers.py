# SPDX-License-Identifier: BSD-2-Clause
"""The registers that ferrule leaves after bring-up beside those that Debian's ixgbe leaves on the same
card, with 1 and 4 queues: each difference has a line with its reason in tests/data/registers.txt,
and each line is a difference. register_state.py says what is compared; after a change on purpose,

    /usr/bin/python3 tests/tools/registers.py --write

writes the table anew and marks each line whose reason must be looked at.
"""
import pytest

import register_state as state
from conftest import LOGS


@pytest.fixture(scope="module")
def linux():
    found, guest = state.linux_registers(f"{LOGS}/registers-linux")
    yield found, guest
    guest.stop()


def test_linux_leaves_the_card_without_complaint_or_alarm(linux):
    _, guest = linux
    assert guest.complaints() == []
    assert guest.alarms() == []


@pytest.mark.parametrize("cores", state.CORES)
def test_each_difference_from_linux_has_a_reason(boot, linux, cores):
    ours = state.ferrule_registers(boot, cores)
    found = {line[1:4]: line for line in state.differences(ours, linux[0][cores], cores)}
    stated = {line[1:4]: line for line in state.table() if cores in line.cores}
    assert found, "nothing differs: what was compared?"
    wrong = [f"no line: {line}" for what, line in found.items() if what not in stated] + \
        [f"no difference: {line}" for what, line in stated.items() if what not in found] + \
        [f"no reason: {line}" for line in stated.values() if not line.why or line.why.startswith("?")]
    assert wrong == [], "\n".join(wrong)
