# SPDX-License-Identifier: BSD-2-Clause
"""Devices that firmware left on (tests/model/x540_qemu_left_on.c) are silenced without harm: no request is
refused by a bridge above them, no SMI finds a USB controller without bus mastering, and they are silent
before the first line of the log."""
import json
import subprocess

import pytest

from boot_media import ROOT
from machine import PATIENCE_S

BELOW = ["-device", "pcie-root-port,id=rp,chassis=9", "-device", "x3130-upstream,id=up,bus=rp",
         "-device", "xio3130-downstream,id=down,bus=up,chassis=10"]


def truth(machine, name="live"):
    return json.loads(machine.qmp("qom-get", path=f"/machine/peripheral/{name}", property="truth"))


def test_a_live_device_below_bridges_has_no_request_refused(boot):
    machine = boot("", wires=0, extra=BELOW + ["-device", "left-on,id=live,bus=down"])
    assert "3 bridges" in machine.console_text
    after = truth(machine)
    assert after["requests"] > 10 and not after["is_master"], after
    assert after["refused"] == 0 and after["nmis"] == 0, after
    assert truth(machine)["requests"] == after["requests"]
    assert machine.poweroff() == 0


def test_usb_is_taken_from_firmware_before_it_loses_bus_mastering(boot):
    machine = boot("", wires=0, extra=["-device", "left-on,id=live,usb=on"])
    after = truth(machine)
    assert after["stalls"] == 0 and after["requests"] > 10, after
    assert not (after["is_master"] or after["firmware_owns"] or after["smis"]), after
    assert "usb " not in machine.console_text
    assert machine.poweroff() == 0


def test_firmware_that_keeps_its_usb_controller_costs_a_line(boot):
    machine = boot("", wires=0, extra=["-device", "left-on,id=live,usb=on,stubborn=on"])
    assert machine.console_text.count("firmware does not let go of it: reads 0x01010001") == 1
    after = truth(machine)
    assert after["stalls"] == 0 and not (after["is_master"] or after["smis"]), after
    assert machine.poweroff() == 0


@pytest.mark.parametrize("place", [[], BELOW])
def test_devices_are_silent_before_the_first_line_of_the_log(boot, folder, place):
    path = f"{folder}/gdb"
    device = "left-on,id=live" + (",bus=down" if place else "")
    machine = boot("", wires=0, paused=True, prompt=False, extra=place + [
        "-device", device, "-gdb", f"unix:{path},server=on,wait=off"])
    text = subprocess.run(
        ["gdb", "-nx", "-batch", f"{ROOT}/build/ferrule.elf", "-ex", f"target remote {path}",
         "-ex", "hbreak log_line", "-ex", "continue", "-ex", "monitor qom-get /machine/peripheral/live truth",
         "-ex", "delete", "-ex", "detach"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE_S, check=False).stdout
    assert '"is_master": 0' in text.replace("\\", ""), text
    assert '"requests": 0,' not in text.replace("\\", ""), text
    machine.prompt()
    assert machine.poweroff() == 0
