# SPDX-License-Identifier: BSD-2-Clause
"""gdb on a running image with tests/tools/gdb_x540.py: ports, lanes, a ring, a register.
From the first function on, by `make qemu-gdb`: test_boot_page.py."""
import re
import subprocess

from machine import PATIENCE_S, ROOT, wait_until


def test_gdb_shows_ports_lanes_rings_and_registers(boot, tmp_path):
    path = f"{tmp_path}/gdb"
    machine = boot("app=forward", cores=1, extra=["-gdb", f"unix:{path},server=on,wait=off"])
    machine.wires[0].send(*[bytes(range(60))] * 5)
    machine.wires[1].receive(5)
    wait_until(lambda: machine.ports()[1], lambda port: port["tx_packets"] >= 5,
               "the card's counters, collected now and then, show 5 frames")
    command = ["gdb", "-nx", "-batch", f"{ROOT}/build/ferrule.elf",
               "-x", f"{ROOT}/tests/tools/gdb_x540.py", "-ex", f"target remote {path}"]
    for words in ("ports", "lanes", "ring 0 2", "reg 0 0x042A4"):
        command += ["-ex", words]
    text = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=PATIENCE_S, check=False).stdout
    assert re.search(r"^port1 .* up 10000 Mb/s", text, re.M) and "tx_packets=5" in text, text
    assert re.search(r"^lane 0: core 0 port0 -> port1 LANE_RUNNING next 5", text, re.M), text
    assert re.search(r"^slot   5: address 0x[0-9a-f]{16} ", text, re.M), text
    link = re.search(r"^0x042a4 = 0x([0-9a-f]{8})$", text, re.M)
    assert int(link[1], 16) & 1 << 30, text  # LINKS: link up
    assert machine.poweroff() == 0
