# SPDX-License-Identifier: BSD-2-Clause
"""The cost of a frame in the whole image: every instruction that the guest executes in rounds of the loop
that handle frames, from the beginning of such a round to that of the next: the loop, the clock, mailbox,
console and interrupts. Idle rounds are counted apart, since their number depends on the host. The
figures go to build/size.json, and from there to `make bench`, which sends the same traffic to Linux
(tests/bench/whole.py)."""
import re
import sys
import time

import pytest

from machine import PATIENCE_S, ROOT
from test_size import COUNTER, keep, symbol

sys.path.insert(0, f"{ROOT}/tests/bench")
import limits  # noqa: E402
import whole  # noqa: E402

BOOT_LINES = {
    "forward": "app=forward",
    "route": "app=route port0.ip=192.0.2.1/24 port1.ip=198.51.100.1/24 "
             f"route=203.0.113.0/24,{whole.GATEWAY_IP}",
    "echo": "app=echo port0.ip=192.0.2.1/24",
}


@pytest.mark.parametrize("n", whole.BURSTS)
@pytest.mark.parametrize("work", whole.WORKS)
def test_the_cost_of_a_frame(boot, work, n):
    extra = ["-plugin", f"{COUNTER},round={symbol('run_round')},busy={symbol(f'{work}_poll_busy')}"]
    machine = boot(f"{BOOT_LINES[work]} poll=always", cores=1, extra=extra)
    frames, expected, way = whole.traffic(work, [p["mac"] for p in machine.json("show ports -j")], n)
    if work == "route":
        whole.answer_arp(machine.wires)
        limit = time.monotonic() + PATIENCE_S
        while machine.json(f"show routes {whole.GATEWAY_IP} -j")[0]["mac"] is None:
            assert time.monotonic() < limit, "the gateway's ARP reply was not accepted"
    for _ in range(whole.BURSTS[n]):
        whole.burst(machine.wires, work, frames, expected, way)
    assert machine.poweroff() == 0
    rounds = {kind: (int(k), int(total)) for k, kind, total in
              re.findall(r"^rounds: (\d+) (\w+), (\d+) instructions", machine.errors(), re.M)}
    per_frame = round(rounds["busy"][1] / (n * whole.BURSTS[n]), 1)
    figure = f"whole_{work}_{n}"
    keep(**{figure: per_frame})
    if (work, n) == ("forward", 32):
        keep(whole_idle_round=round(rounds["idle"][1] / rounds["idle"][0], 1))
    assert per_frame <= limits.WHOLE_ECHO.get(figure, per_frame)
