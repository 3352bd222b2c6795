# SPDX-License-Identifier: BSD-2-Clause
"""What a frame costs the whole image: every instruction that the guest executes in rounds of the
loop that handle frames, from the beginning of such a round to that of the next: the loop, the clock,
mailbox, console and whatever interrupts. Rounds that find nothing are counted apart: how many there
are depends on the host. The figures go to build/size.json, and from there into `make bench`."""
import re

import pytest
from scapy.all import Ether, IP, UDP

from test_size import COUNTER, keep, symbol

MAC = "02:00:00:00:00:01"


def question(i):
    frame = Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / IP(src="192.0.2.9", dst="192.0.2.1") / \
        UDP(sport=40000 + i, dport=7) / bytes(18)
    return frame


def counted(boot, app, busy, n, bursts, frame_of, way):
    """Instructions a frame: bursts of n frames in at port 0, waiting for each burst to come out."""
    extra = ["-plugin", f"{COUNTER},round={symbol('run_round')},busy={symbol(busy)}"]
    machine = boot(f"{app} poll=always", cores=1, extra=extra)
    frames = frame_of(machine)
    for _ in range(bursts):
        machine.wires[0].send(*frames[:n])
        assert len(machine.wires[way].receive(n)) == n
    assert machine.poweroff() == 0
    rounds = {kind: (int(k), int(total)) for k, kind, total in
              re.findall(r"^rounds: (\d+) (\w+), (\d+) instructions", machine.errors(), re.M)}
    return rounds["busy"][1] / (n * bursts), rounds["idle"][1] / rounds["idle"][0]


def test_forward(boot):
    plain = [bytes(range(60))] * 32
    per_frame, idle = counted(boot, "app=forward", "forward_poll_busy", 32, 40, lambda _: plain, 1)
    keep(whole_forward_32=round(per_frame, 1), whole_idle_round=round(idle, 1))


@pytest.mark.parametrize("n, most", [(32, 150), (1, 400)])
def test_echo(boot, n, most):
    def questions(machine):
        mac = machine.json("show ports -j")[0]["mac"]
        out = []
        for i in range(n):
            frame = question(i)
            frame.dst = mac
            out.append(bytes(frame))
        return out

    per_frame, _ = counted(boot, "app=echo port0.ip=192.0.2.1/24", "echo_poll_busy", n,
                           40 if n > 1 else 300, questions, 0)
    keep(**{f"whole_echo_{n}": round(per_frame, 1)})
    assert per_frame <= most
