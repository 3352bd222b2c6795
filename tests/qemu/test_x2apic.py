# SPDX-License-Identifier: BSD-2-Clause
"""Cores and interrupts in x2APIC mode, which needs a QEMU that emulates it (conftest.py, newer_qemu).
test_flows.py and test_sharing.py cover frames on several cores in that mode."""
import re
import time

import pytest

from machine import PATIENCE_S, ROOT

X2APIC = ["-cpu", "qemu64,+x2apic"]
OVMF = "/usr/share/ovmf/OVMF.fd"


def cores_line(machine):
    return re.search(r"cores +(\d+) of (\d+) run", machine.console_text).groups()


@pytest.mark.parametrize("cores", [1, 2, 4, 8, 24])
def test_all_cores_start_in_x2apic_mode(boot, newer_qemu, cores):
    machine = boot("", wires=0, cores=cores, extra=X2APIC, emulator=newer_qemu)
    assert re.search(r"irq +x2APIC, timer at \d+", machine.console_text)
    assert cores_line(machine) == (str(cores), str(cores))
    assert machine.poweroff() == 0


@pytest.mark.parametrize("bios", [[], ["-bios", OVMF]], ids=["bios", "uefi"])
def test_x2apic_from_the_iso(boot, newer_qemu, bios):
    machine = boot(wires=0, cores=4, extra=X2APIC, emulator=newer_qemu,
                   boot=bios + ["-cdrom", f"{ROOT}/build/ferrule.iso"])
    assert "x2APIC, timer" in machine.console_text
    assert cores_line(machine) == ("4", "4")
    assert machine.poweroff() == 0


def test_no_wake_up_is_lost_in_x2apic_mode(boot, newer_qemu):
    machine = boot("selftest=wake", wires=0, cores=2, extra=X2APIC, emulator=newer_qemu)
    assert re.search(r"selftest: wake (\d+) of \1 calls ran, 0 lost", machine.console_text)
    assert machine.poweroff() == 0


def test_a_silent_core_is_named_in_x2apic_mode(boot, newer_qemu):
    machine = boot("panic=exit selftest=core-silent", wires=0, cores=3, prompt=False,
                   emulator=newer_qemu, extra=X2APIC + ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"])
    assert machine.wait_exit() == 3
    text = machine.console_text.replace("\r", "")
    # On a busy host the core may answer later, to the panic.
    assert re.search(r"core 1 has been silent for \d+ ms; it is at\n.*spin_forever", text) or (
        re.search(r"core 1 has been silent for \d+ ms and does not answer", text)
        and re.search(r"core 1 was at\n.*spin_forever", text)), text


def test_typing_wakes_core_0_in_x2apic_mode(boot, newer_qemu):
    machine = boot("", wires=0, cores=2, extra=X2APIC, emulator=newer_qemu)
    # Only a byte that arrives while core 0 is asleep causes an interrupt: type until one does.
    limit, count = time.monotonic() + PATIENCE_S, 0
    while count == 0 and time.monotonic() < limit:
        time.sleep(0.05)
        irqs = machine.json("show irqs -j")
        count = sum(i["count"] for i in irqs if i["name"] == "serial")
    assert count > 0
    assert machine.poweroff() == 0
