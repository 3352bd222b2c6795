# SPDX-License-Identifier: BSD-2-Clause
"""iPXE as a judge of the X540 model: Debian's packaged ipxe.lkrn with its own driver for 8086:1528, on
a machine that has no other card. It polls, has one queue each way with advanced descriptors, writes
SRRCTL after RXDCTL.ENABLE and TXDCTL.ENABLE before DMATXCTL.TE, and never sets a buffer's size.

Covered: an address by DHCP and a file by TFTP, in many times the frames that its rings hold; ferrule,
booted by iPXE over the modelled card and then in charge of that same card.
"""
import os
import re

from scapy.all import ARP, Ether

from boot_media import ROOT, run
from machine import Wire

IPXE = "/usr/lib/ipxe/ipxe.lkrn"
FILE_BYTES = 300000

# What iPXE leaves out, or does, on every card that it drives.
KNOWN = {"reset-without-master-disable", "crc-strip-mismatch", "rdrxctl-required-bits", "no-snoop-disable"}


def user_network(folder, bootfile):
    """QEMU's own DHCP and TFTP servers on the far side of port 0's wire."""
    return f"user,id=n0,tftp={folder},bootfile={bootfile}"


def start(boot, wires, **options):
    """iPXE writes to the screen: graphics=off has the firmware put it on the serial line."""
    return boot(boot=["-kernel", IPXE], wires=wires, links=False, complaints=False,
                extra=["-M", "graphics=off"], **options)


def broken_rules(machine):
    return {re.search(r"rule ([\w-]+)", line)[1] for line in machine.complaints()}


def test_ipxe_gets_an_address_and_a_file_with_its_own_driver(boot, folder):
    tree = f"{folder}/tftp"
    os.makedirs(tree, exist_ok=True)
    with open(f"{tree}/boot.ipxe", "w", encoding="utf-8") as f:
        f.write("#!ipxe\necho driver ${net0/chip} busid ${net0/busid} address ${net0/ip} end\n"
                "imgfetch tftp://${next-server}/file.bin\nimgstat\nreboot\n")
    with open(f"{tree}/file.bin", "wb") as f:
        f.write(bytes(range(250)) * (FILE_BYTES // 250))
    machine = start(boot, [user_network(tree, "boot.ipxe")], prompt=False)
    machine.expect(r"Configuring \(net0 [0-9a-f:]+\)\.* ok")
    found = machine.expect(r"driver (\S+) busid (\S+) address (\S+) end")
    assert found.groups() == ("x540t", "01:80:86:15:28", "10.0.2.15")
    machine.expect(r"file\.bin\.\.\. ok")
    machine.expect(rf"file\.bin : {FILE_BYTES} bytes")
    assert machine.wait_exit() == 0
    assert broken_rules(machine) <= KNOWN, machine.complaints()


def test_ipxe_boots_ferrule_over_the_card_that_ferrule_then_drives(boot):
    """A host at port 1 asks for QEMU's user network, which is at port 0: the question leaves by the card
    that brought the image, and the answer comes in by it."""
    run(["make", "-s", "netboot"], cwd=ROOT)
    machine = start(boot, [user_network(f"{ROOT}/build/netboot", "ferrule.ipxe"), Wire()])
    machine.wait_links()
    fetched = machine.truth(0)["bytes_to_host"]
    assert fetched > os.path.getsize(f"{ROOT}/build/netboot/boot/ferrule.elf")
    machine.wires[1].send(bytes(Ether(src="02:00:00:00:00:09", dst="ff:ff:ff:ff:ff:ff") /
                                ARP(op=1, hwsrc="02:00:00:00:00:09", psrc="10.0.2.9", pdst="10.0.2.2")))
    answer = Ether(machine.wires[1].receive_where(lambda frame: ARP in Ether(frame)))
    assert (answer[ARP].op, answer[ARP].psrc, answer[ARP].pdst) == (2, "10.0.2.2", "10.0.2.9")
    assert broken_rules(machine) <= KNOWN, machine.complaints()
