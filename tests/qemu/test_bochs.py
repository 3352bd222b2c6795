# SPDX-License-Identifier: BSD-2-Clause
"""The ISO boots on a second emulator, Bochs: another BIOS, another interpretation of the CPU (Skylake-X with
x2APIC, SMEP and SMAP), its own APICs and clocks. It has no X540, so no port comes up."""
import re

import pytest

from bochs import Bochs


@pytest.fixture
def bochs(folder):
    """bochs(cores=…) -> Bochs with a prompt; stopped at the end of the test."""
    started = []

    def start(**options):
        machine = Bochs(folder, **options)
        started.append(machine)
        machine.expect("highlighted entry will be executed")
        machine.send("\r")
        machine.expect("^ferrule> ")
        return machine

    yield start
    for machine in started:
        machine.stop()


@pytest.mark.parametrize("cores", [1, 3])
def test_the_iso_boots_on_bochs(bochs, cores):
    machine = bochs(cores=cores)
    text = machine.console_text.replace("\r", "")
    assert re.search(r"cpu +Intel\(R\) Core\(TM\) i7-7800X .* SMEP SMAP x2APIC NX WP", text), text
    assert re.search(r"irq +x2APIC, timer at", text), text
    assert re.search(rf"cores +{cores} of {cores} run", text), text
    assert "no port: no working X540" in text, text

    # The TSC of Bochs counts instructions: the CPU's CPUID says 3500 MHz, any clock says 50.
    rate, source = re.search(r"clock +TSC at ([\d.]+) MHz by (.*) \(", text).groups()
    assert source in ("HPET", "ACPI PM timer", "PIT"), text
    assert 49.5 < float(rate) < 50.5, text

    boot = machine.run("show boot")
    for step in ("traps", "memory", "acpi", "clock", "irq", "pci", "iommu", "cores", "prompt"):
        assert re.search(rf"^{step} +\d+ +\d+$", boot, re.M), boot
    shown = machine.run("show cores")
    assert len(re.findall(r"^ +\d+ +\d+ running ", shown, re.M)) == cores, shown

    machine.send("poweroff\r")
    machine.wait_exit()
    assert "ACPI control: soft power off" in machine.errors(), machine.errors()
