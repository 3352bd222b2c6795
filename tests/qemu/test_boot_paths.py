# SPDX-License-Identifier: BSD-2-Clause
"""Every way in, each up to frames forwarded both ways: firmware, loader, medium. What each boot
showed is a row of build/boot-paths.json, from which tests/tools/boot_matrix.py makes the table in
boot/README.md."""
import json
import os
import re
import shutil

import pytest

from boot_media import (EFI, IMAGE, ISO, ROOT, WebServer, clean, fat, grub_disc, network, run, uefi, usb,
                        web_boot)
from boot_page import of_page
from conftest import forwards_both_ways
from hosts import Host
from machine import wait_until
from test_screen import vga_text

ROWS = f"{ROOT}/build/boot-paths.json"


@pytest.fixture
def forwards(request):
    """forwards(machine, name) checks that frames pass both ways, and keeps the row."""
    def check(machine, name):
        forwards_both_ways(machine)
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


@of_page("make efi", "mkdir", "cp", "echo", "show ports", "show ledger")
def test_a_stick_made_by_the_pages_commands_boots_on_uefi(boot, folder, forwards, page):
    stick = f"{folder}/stick"
    shutil.rmtree(stick, ignore_errors=True)
    run(["sh", "-ec", "\n".join(page[:4])], cwd=ROOT, env={**os.environ, "STICK": stick})
    machine = boot(boot=uefi(folder) + usb(f"fat:rw:{stick}"))
    assert "2 words, 0 invalid" in machine.console_text
    assert re.search(r"^port1 +up +10G ", machine.run(page[4]), re.M)
    assert "balance" in machine.run(page[5])
    forwards(machine, "UEFI, BOOTX64.EFI and ferrule.cfg copied to a stick")
    shutil.rmtree(stick)


@of_page("ferrule.cfg:")
def test_firmware_starts_bootx64_efi_with_ferrule_cfg_and_a_module(boot, folder, forwards, page):
    module = page[0].split()[1].encode()
    stick = fat(folder, {"EFI/BOOT/BOOTX64.EFI": EFI, "EFI/BOOT/routes.txt": b"10.0.0.0/8\n",
                         "EFI/BOOT/ferrule.cfg": b"# two lines\r\napp=forward\r\nloglevel=debug\r\n" +
                                                 module + b"\r\nmodule=none.txt\r\n"})
    machine = boot(boot=uefi(folder) + usb(stick))
    has_module(machine, "routes.txt", b"10.0.0.0/8\n")
    forwards(machine, "UEFI, BOOTX64.EFI on a FAT volume")


def test_uefi_shell_gives_bootx64_efi_its_boot_line(boot, folder, forwards):
    """The shell's start-up script passes load options; ferrule.cfg is then not read."""
    stick = fat(folder, {"FERRULE.EFI": EFI, "ferrule.cfg": b"app=none-of-them\n",
                         "startup.nsh": b"fs0:\r\nFERRULE.EFI app=forward loglevel=info\r\n"})
    machine = boot(boot=uefi(folder) + usb(stick))
    assert "2 words, 0 invalid" in machine.console_text
    forwards(machine, "UEFI shell, BOOTX64.EFI with load options")


def test_qemu_kernel_by_pvh(boot, forwards):
    forwards(boot("app=forward"), "QEMU -kernel")


@of_page("QEMU -kernel:")
def test_a_boot_module_by_pvh(boot, folder, page):
    """QEMU passes one, and no name with it."""
    option, name = page[0].split()[2:4]
    content = bytes(range(256)) * 40
    with open(f"{folder}/{name}", "wb") as f:
        f.write(content)
    has_module(boot("", wires=0, extra=[option, f"{folder}/{name}"]), "", content)


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
@of_page("GRUB:", "show modules")
def test_boot_modules_by_grub(boot, folder, firmware, page):
    """Two of them, the first longer than a page; its line in the menu is the page's."""
    content = bytes(range(255)) * 31
    with open(IMAGE, "rb") as f:
        image = f.read()
    disc = grub_disc(folder, "multiboot2 /boot/ferrule.elf loglevel=info\n"
                     f"{page[0].split(maxsplit=1)[1]}\nmodule2 /boot/none.txt\nboot\n",
                     {"boot/ferrule.elf": image, "boot/routes.txt": content, "boot/none.txt": b"#"})
    machine = boot(boot=(uefi(folder) if firmware == "uefi" else []) +
                   ["-cdrom", disc], wires=0)
    has_module(machine, "routes.txt", content)
    assert "  routes.txt\n" in machine.run(page[1])
    assert len(machine.json("show modules -j")) == 2
    clean(folder)


def test_the_iso_as_a_cd_on_bios(boot, forwards):
    forwards(boot(boot=["-cdrom", ISO]), "BIOS, ISO as a CD")


def test_the_iso_as_a_cd_on_uefi(boot, folder, forwards):
    forwards(boot(boot=uefi(folder) + ["-cdrom", ISO]), "UEFI, ISO as a CD")


@of_page("make iso", "dd ")
def test_the_iso_on_a_usb_stick_on_bios_with_the_boot_line_edited(boot, folder, forwards, page):
    """GRUB's menu on the serial line: e, the end of the third line, more words, Ctrl-X. The screen shows
    the same."""
    image = f"{folder}/stick.img"
    run(["sh", "-ec", "\n".join(page).replace("/dev/sdX", image)], cwd=ROOT)
    machine = boot(boot=usb(image), prompt=False, extra=["-device", "VGA"])
    machine.expect("Press enter to boot the selected OS")
    machine.send("e")
    machine.expect("Ctrl-x|C-x|F10")
    machine.expect("multiboot2")
    wait_until(lambda: vga_text(machine),
               lambda rows: any("multiboot2 /boot/ferrule.elf app=forward" in row for row in rows),
               "GRUB shows the entry on the screen")
    machine.send("\x0e\x0e\x05 loglevel=debug cpus=1\x18")
    machine.expect(r"line +3 words, 0 invalid")
    machine.prompt()
    machine.wait_links()
    forwards(machine, "BIOS, ISO on a USB stick")


def test_the_iso_on_a_usb_stick_on_uefi(boot, folder, forwards):
    forwards(boot(boot=uefi(folder) + usb(ISO)), "UEFI, ISO on a USB stick")


def dnsmasq_host(commands):
    """A Linux host whose interface is called as on the page, where the page's commands have been run:
    DHCP and TFTP. Its wire is for the card that boots."""
    host = Host("server")
    try:
        host.run("ip", "link", "set", "tap0", "down")
        host.run("ip", "link", "set", "tap0", "name", "eth1")
        text = "\n".join(commands[:-1] + ["exec " + commands[-1]])
        server = host.start("sh", "-ec", f"cd {ROOT}; PATH=$PATH:/usr/sbin:/sbin\n{text}")
        for line in server.stdout:
            if "TFTP root is" in line:
                return host, server
        raise AssertionError(f"dnsmasq ended, exit code {server.wait(10)}")
    except BaseException:
        host.close()
        raise


@of_page("make netboot", "ip ", "dnsmasq ")
def test_network_boot_by_the_pages_dnsmasq(boot, forwards, page):
    """In a network namespace. The client is the iPXE that QEMU's e1000 has as its ROM."""
    run(["sh", "-ec", page[0]], cwd=ROOT)
    host, server = dnsmasq_host(page[1:])
    try:
        machine = boot(boot=["-netdev", host.netdev("boot"), "-device",
                             "e1000,netdev=boot,bootindex=0"], inherit=host.fds())
        host.started()
        forwards(machine, "BIOS, PXE by dnsmasq, GRUB")
    finally:
        host.close()
    said = server.stdout.read()
    assert re.search(r"DHCPACK\(eth1\) 192\.0\.2\.1\d\d ", said), said
    assert re.search(r"sent .*/build/netboot/boot/ferrule\.elf to 192\.0\.2\.", said), said


def test_network_boot_of_grub_on_bios(boot, forwards):
    machine = boot(boot=network("boot/grub/i386-pc/core.0"))
    forwards(machine, "BIOS, PXE and TFTP, GRUB")


def test_network_boot_by_ipxe_on_bios(boot, forwards):
    forwards(boot(boot=network("ferrule.ipxe")), "BIOS, iPXE script, then GRUB")


def test_network_boot_by_ipxe_over_http_on_bios(boot, forwards):
    """Without TFTP: the script and the ISO, sector by sector, over HTTP."""
    with WebServer() as url:
        forwards(boot(boot=web_boot(f"{url}/ferrule-http.ipxe")), "BIOS, iPXE over HTTP, the ISO")


def ipxe_only(machine):
    """What the model complains about is iPXE's way to reset a card."""
    rules = {re.search(r"rule ([\w-]+)", line)[1] for line in machine.complaints()}
    assert rules <= {"reset-without-master-disable"}, machine.complaints()


def test_network_boot_by_ipxe_over_http_on_uefi(boot, folder, forwards):
    """iPXE for UEFI, from a stick since newer firmware keeps a card's network boot for itself; it gives
    BOOTX64.EFI its boot line. It drives X540s too, and resets them in its own way."""
    stick = fat(folder, {"EFI/BOOT/BOOTX64.EFI": "/usr/lib/ipxe/ipxe.efi"})
    with WebServer() as url:
        card = web_boot(f"{url}/ferrule-http.ipxe", "romfile=")
        machine = boot(boot=uefi(folder) + card + usb(stick), complaints=False)
        assert "1 words, 0 invalid" in machine.console_text
        forwards(machine, "UEFI, iPXE over HTTP, BOOTX64.EFI")
    ipxe_only(machine)


def test_network_boot_by_ipxe_on_uefi(boot, folder, forwards):
    """The same from the TFTP server."""
    stick = fat(folder, {"EFI/BOOT/BOOTX64.EFI": "/usr/lib/ipxe/ipxe.efi"})
    card = network("ferrule.ipxe")
    card[3] = "e1000,netdev=boot,romfile="
    machine = boot(boot=uefi(folder) + card + usb(stick), complaints=False)
    assert "1 words, 0 invalid" in machine.console_text
    forwards(machine, "UEFI, iPXE script over TFTP, BOOTX64.EFI")
    ipxe_only(machine)


@pytest.mark.parametrize("firmware,core", [("BIOS", "i386-pc/core.0"), ("UEFI", "x86_64-efi/core.efi")])
@of_page("insmod", "multiboot2 ")
def test_grub_takes_the_kernel_over_http(boot, folder, forwards, page, firmware, core):
    """GRUB itself comes by TFTP; its menu names the kernel on a web server."""
    tree = f"{folder}/netboot"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(f"{ROOT}/build/netboot", tree, ignore=shutil.ignore_patterns("*.iso", "*.elf"))
    with WebServer() as url:
        server = url.split("//")[1]
        with open(f"{tree}/boot/grub/grub.cfg", "w", encoding="utf-8") as f:
            f.write("\n".join(page).replace("SERVER:PORT", server) + " app=forward\nboot\n")
        boot_file = ["-netdev", f"user,id=boot,tftp={tree},bootfile=boot/grub/{core}",
                     "-device", "e1000,netdev=boot,bootindex=0", "-device", "virtio-rng-pci"]
        forwards(boot(boot=(uefi(folder) if firmware == "UEFI" else []) + boot_file),
                 f"{firmware}, PXE, GRUB, kernel over HTTP")
    shutil.rmtree(tree)


def test_network_boot_of_grub_on_uefi(boot, folder, forwards):
    machine = boot(boot=uefi(folder) + network("boot/grub/x86_64-efi/core.efi"))
    forwards(machine, "UEFI, PXE and TFTP, GRUB")


def test_network_boot_of_bootx64_efi(boot, folder, forwards):
    """No load options and no volume: the boot line is empty, and the default application runs."""
    machine = boot(boot=uefi(folder) + network("BOOTX64.EFI"))
    assert "0 words, 0 invalid" in machine.console_text
    forwards(machine, "UEFI, PXE and TFTP, BOOTX64.EFI")


def test_the_pages_table_is_what_these_tests_saw(request):
    names = {row["test"] for row in json.load(open(ROWS, encoding="utf-8")).values()}
    ran = {item.name for item in request.session.items if item.module is request.module}
    if not names <= ran:
        pytest.skip("only a part of the boot paths was run")
    run(["/usr/bin/python3", f"{ROOT}/tests/tools/boot_matrix.py", "--check"])
