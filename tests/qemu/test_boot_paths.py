# SPDX-License-Identifier: BSD-2-Clause
"""Every way in, each up to frames forwarded both ways: firmware, loader, medium. What each boot
showed is a row of build/boot-paths.json, from which tests/tools/boot_matrix.py makes the table in
boot/README.md."""
import json
import os
import re
import shutil
import subprocess
import threading

import pytest

from boot_media import EFI, IMAGE, ISO, ROOT, WebServer, clean, fat, network, run, uefi, usb, web_boot
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


def has_module(machine, name, content):
    """The first boot module, whole: name, bytes and the sum that sum(1) prints."""
    total = 0
    for byte in content:
        total = ((total >> 1) + (total & 1) * 0x8000 + byte) & 0xFFFF
    assert machine.json("show modules -j")[0] == {"module": name, "bytes": len(content),
                                                  "sum": total}


def page_block(begin, indent=4):
    """The lines of boot/README.md's block whose first line begins so."""
    with open(f"{ROOT}/boot/README.md", encoding="utf-8") as f:
        lines = f.read().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(" " * indent + begin))
    end = next(i for i in range(at, len(lines)) if not lines[i].startswith(" " * indent))
    return "\n".join(line.strip() for line in lines[at:end])


def page_commands(first):
    return page_block(first, 8)


def test_a_stick_made_by_the_pages_commands_boots_on_uefi(boot, folder, forwards):
    stick = f"{folder}/stick"
    shutil.rmtree(stick, ignore_errors=True)
    run(["sh", "-ec", page_commands("make efi")], cwd=ROOT, env={**os.environ, "STICK": stick})
    machine = boot(boot=uefi(folder) + usb(f"fat:rw:{stick}"))
    assert "2 words, 0 not understood" in machine.console_text
    forwards(machine, "UEFI, BOOTX64.EFI and ferrule.cfg copied to a stick")
    shutil.rmtree(stick)


def test_firmware_starts_bootx64_efi_with_ferrule_cfg_and_a_module(boot, folder, forwards):
    stick = fat(folder, {"EFI/BOOT/BOOTX64.EFI": EFI, "EFI/BOOT/routes.txt": b"10.0.0.0/8\n",
                         "EFI/BOOT/ferrule.cfg": b"# two lines\r\napp=forward\r\nloglevel=debug\r\n"
                                                 b"module=routes.txt\r\nmodule=none.txt\r\n"})
    machine = boot(boot=uefi(folder) + usb(stick))
    has_module(machine, "routes.txt", b"10.0.0.0/8\n")
    forwards(machine, "UEFI, BOOTX64.EFI on a FAT volume")


def test_uefi_shell_gives_bootx64_efi_its_boot_line(boot, folder, forwards):
    """The shell's start-up script passes load options; ferrule.cfg is then not read."""
    stick = fat(folder, {"FERRULE.EFI": EFI, "ferrule.cfg": b"app=none-of-them\n",
                         "startup.nsh": b"fs0:\r\nFERRULE.EFI app=forward loglevel=info\r\n"})
    machine = boot(boot=uefi(folder) + usb(stick))
    assert "2 words, 0 not understood" in machine.console_text
    forwards(machine, "UEFI shell, BOOTX64.EFI with load options")


def page_qemu_commands():
    """The whole commands of boot/README.md that begin with QEMU's name."""
    with open(f"{ROOT}/boot/README.md", encoding="utf-8") as f:
        text = f.read().replace("\\\n", " ")
    return [line.strip() for line in text.splitlines()
            if line.startswith("    qemu-system-x86_64 ")]


@pytest.mark.parametrize("command", page_qemu_commands(), ids=lambda c: re.sub(r"\W+", "-", c)[-40:])
def test_the_pages_qemu_commands_lead_to_the_prompt(command):
    process = subprocess.Popen(command, shell=True, cwd=ROOT, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    guard = threading.Timer(120, process.kill)
    guard.start()
    shown = b""
    try:
        while b"ferrule> " not in shown:
            byte = process.stdout.read(1)
            assert byte, f"ended without a prompt: {shown[-2000:]}"
            shown += byte
        process.stdin.write(b"poweroff\r")
        process.stdin.flush()
        process.stdout.read()
        assert process.wait(30) == 0
    finally:
        guard.cancel()
        process.kill()
        process.wait()


def test_dnsmasq_takes_the_pages_command():
    command = page_block("dnsmasq -d").replace("\\\n", " ").replace("dnsmasq", "/usr/sbin/dnsmasq")
    assert "syntax check OK" in run(["sh", "-ec", command + " --test"], cwd=ROOT)


def test_qemu_kernel_by_pvh(boot, forwards):
    forwards(boot("app=forward"), "QEMU -kernel")


def test_a_boot_module_by_pvh(boot, folder):
    """QEMU passes one, and no name with it."""
    content = bytes(range(256)) * 40
    with open(f"{folder}/content", "wb") as f:
        f.write(content)
    has_module(boot("", wires=0, extra=["-initrd", f"{folder}/content"]), "", content)


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_boot_modules_by_grub(boot, folder, firmware):
    """Two of them, the first longer than a page; the boot line of the page is tried by this."""
    tree = f"{folder}/iso"
    shutil.rmtree(tree, ignore_errors=True)
    os.makedirs(f"{tree}/boot/grub")
    shutil.copy(IMAGE, f"{tree}/boot/ferrule.elf")
    content = bytes(range(255)) * 31
    for name, data in (("routes.txt", content), ("none.txt", b"#")):
        with open(f"{tree}/boot/{name}", "wb") as f:
            f.write(data)
    with open(f"{tree}/boot/grub/grub.cfg", "w", encoding="utf-8") as f:
        f.write("multiboot2 /boot/ferrule.elf loglevel=info\n"
                "module2 /boot/routes.txt routes.txt\nmodule2 /boot/none.txt\nboot\n")
    run(["grub-mkrescue", "-o", f"{folder}/modules.iso", tree])
    shutil.rmtree(tree)
    machine = boot(boot=(uefi(folder) if firmware == "uefi" else []) +
                   ["-cdrom", f"{folder}/modules.iso"], wires=0)
    has_module(machine, "routes.txt", content)
    assert len(machine.json("show modules -j")) == 2
    clean(folder)


def test_the_iso_as_a_cd_on_bios(boot, forwards):
    forwards(boot(boot=["-cdrom", ISO]), "BIOS, ISO as a CD")


def test_the_iso_as_a_cd_on_uefi(boot, folder, forwards):
    forwards(boot(boot=uefi(folder) + ["-cdrom", ISO]), "UEFI, ISO as a CD")


def test_the_iso_on_a_usb_stick_on_bios_with_the_boot_line_edited(boot, folder, forwards):
    """GRUB's menu on the serial line: e, the end of the third line, more words, Ctrl-X."""
    image = f"{folder}/stick.img"
    run(["sh", "-ec", page_commands("make iso").replace("/dev/sdX", image)], cwd=ROOT)
    machine = boot(boot=usb(image), prompt=False)
    machine.expect("Press enter to boot the selected OS")
    machine.send("e")
    machine.expect("Ctrl-x|C-x|F10")
    machine.expect("multiboot2")
    machine.send("\x0e\x0e\x05 loglevel=debug cpus=1\x18")
    machine.expect(r"line +3 words, 0 not understood")
    machine.prompt()
    machine.wait_links()
    forwards(machine, "BIOS, ISO on a USB stick")


def test_the_iso_on_a_usb_stick_on_uefi(boot, folder, forwards):
    forwards(boot(boot=uefi(folder) + usb(ISO)), "UEFI, ISO on a USB stick")


def test_network_boot_of_grub_on_bios(boot, forwards):
    machine = boot(boot=network("boot/grub/i386-pc/core.0"))
    forwards(machine, "BIOS, PXE and TFTP, GRUB")


def test_network_boot_by_ipxe_on_bios(boot, forwards):
    forwards(boot(boot=network("ferrule.ipxe")), "BIOS, iPXE script, then GRUB")


def test_network_boot_by_ipxe_over_http_on_bios(boot, forwards):
    """Without TFTP: the script and the ISO, sector by sector, over HTTP."""
    with WebServer() as url:
        forwards(boot(boot=web_boot(f"{url}/ferrule-http.ipxe")), "BIOS, iPXE over HTTP, the ISO")


def test_network_boot_by_ipxe_over_http_on_uefi(boot, folder, forwards):
    """iPXE for UEFI, from a stick since newer firmware keeps a card's network boot for itself; it gives
    BOOTX64.EFI its boot line. It drives X540s too, and resets them in its own way."""
    stick = fat(folder, {"EFI/BOOT/BOOTX64.EFI": "/usr/lib/ipxe/ipxe.efi"})
    with WebServer() as url:
        card = web_boot(f"{url}/ferrule-http.ipxe", "romfile=")
        machine = boot(boot=uefi(folder) + card + usb(stick), complaints=False)
        assert "1 words, 0 not understood" in machine.console_text
        forwards(machine, "UEFI, iPXE over HTTP, BOOTX64.EFI")
    rules = {re.search(r"rule ([\w-]+)", line)[1] for line in machine.complaints()}
    assert rules <= {"reset-without-master-disable"}, machine.complaints()


def test_grub_takes_the_kernel_over_http_on_bios(boot, folder, forwards):
    """GRUB itself comes by TFTP; its menu names the kernel on a web server."""
    tree = f"{folder}/netboot"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(f"{ROOT}/build/netboot", tree, ignore=shutil.ignore_patterns("*.iso", "*.elf"))
    with WebServer() as url:
        server = url.split("//")[1]
        with open(f"{tree}/boot/grub/grub.cfg", "w", encoding="utf-8") as f:
            f.write(f"insmod http\nmultiboot2 (http,{server})/boot/ferrule.elf app=forward\nboot\n")
        boot_file = ["-netdev", f"user,id=boot,tftp={tree},bootfile=boot/grub/i386-pc/core.0",
                     "-device", "e1000,netdev=boot,bootindex=0"]
        forwards(boot(boot=boot_file), "BIOS, PXE, GRUB, kernel over HTTP")
    shutil.rmtree(tree)


def test_network_boot_of_grub_on_uefi(boot, folder, forwards):
    machine = boot(boot=uefi(folder) + network("boot/grub/x86_64-efi/core.efi"))
    forwards(machine, "UEFI, PXE and TFTP, GRUB")


def test_network_boot_of_bootx64_efi(boot, folder, forwards):
    """No load options and no volume: the boot line is empty, and the default application runs."""
    machine = boot(boot=uefi(folder) + network("BOOTX64.EFI"))
    assert "0 words, 0 not understood" in machine.console_text
    forwards(machine, "UEFI, PXE and TFTP, BOOTX64.EFI")


def test_the_pages_table_is_what_these_tests_saw(request):
    names = {row["test"] for row in json.load(open(ROWS, encoding="utf-8")).values()}
    ran = {item.name for item in request.session.items if item.module is request.module}
    if not names <= ran:
        pytest.skip("only a part of the boot paths was run")
    run(["/usr/bin/python3", f"{ROOT}/tests/tools/boot_matrix.py", "--check"])
