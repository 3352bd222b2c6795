# SPDX-License-Identifier: BSD-2-Clause
"""Every way in, each up to frames forwarded both ways: firmware, loader, medium. What each boot
showed is a row of build/boot-paths.json, from which tests/tools/boot_matrix.py makes the table in
boot/README.md."""
import json
import os
import re

import pytest

from boot_media import EFI, ISO, ROOT, clean, fat, uefi, usb
from conftest import balanced

ROWS = f"{ROOT}/build/boot-paths.json"


@pytest.fixture
def forwards(request):
    """forwards(machine, name) checks that frames pass both ways, and keeps the row."""
    def check(machine, name):
        for there, back in ((0, 1), (1, 0)):
            frames = [bytes([there, i]) + bytes(range(62)) for i in range(40)]
            machine.wires[there].send(*frames)
            assert machine.wires[back].receive(40) == frames
        assert balanced(machine)["sent"] == 80
        shown = machine.console_text.replace("\r", "")
        path = re.search(r'boot +(\w+), loader "([^"]*)"', shown)
        rsdp = re.search(r"found through ([\w ]+) \(", shown)
        rows = {}
        if os.path.exists(ROWS):
            with open(ROWS, encoding="utf-8") as f:
                rows = json.load(f)
        rows[name] = {"protocol": path[1], "loader": path[2], "acpi": rsdp[1],
                      "test": request.node.name}
        with open(ROWS, "w", encoding="utf-8") as f:
            json.dump(rows, f, indent=1)
        assert machine.poweroff() == 0
        clean(machine.folder)
    return check


def test_firmware_starts_bootx64_efi_with_ferrule_cfg_and_a_module(boot, folder, forwards):
    stick = fat(folder, {"EFI/BOOT/BOOTX64.EFI": EFI, "EFI/BOOT/routes.txt": b"10.0.0.0/8\n",
                         "EFI/BOOT/ferrule.cfg": b"# two lines\r\napp=forward\r\nloglevel=debug\r\n"
                                                 b"module=routes.txt\r\nmodule=none.txt\r\n"})
    machine = boot(boot=uefi(folder) + usb(stick))
    assert "1 modules" in machine.console_text
    forwards(machine, "UEFI, BOOTX64.EFI on a FAT volume")


def test_uefi_shell_gives_bootx64_efi_its_boot_line(boot, folder, forwards):
    """The shell's start-up script passes load options; ferrule.cfg is then not read."""
    stick = fat(folder, {"FERRULE.EFI": EFI, "ferrule.cfg": b"app=none-of-them\n",
                         "startup.nsh": b"fs0:\r\nFERRULE.EFI app=forward loglevel=info\r\n"})
    machine = boot(boot=uefi(folder) + usb(stick))
    assert "2 words, 0 not understood" in machine.console_text
    forwards(machine, "UEFI shell, BOOTX64.EFI with load options")
