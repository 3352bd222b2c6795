# SPDX-License-Identifier: BSD-2-Clause
"""HACKING.md's recipe for a new application, followed to the letter: the file and the row of the page
are put into a copy of the tree, the image is built there and booted, and frames are sent through it."""
import os
import re
import shutil
import subprocess

from conftest import balanced
from machine import ROOT

FILE = "net/app/swap9.c"
PEER = bytes.fromhex("5254000000aa")


def recipe():
    """The blocks of the section "An application": (source of the file, rows for kernel/README.md)."""
    with open(f"{ROOT}/HACKING.md", encoding="utf-8") as f:
        section = re.search(r"^## An application$(.*?)^## ", f.read(), re.M | re.S)[1]
    blocks = dict(re.findall(r"^```(c|text)\n(.*?)^```$", section, re.M | re.S))
    assert FILE in section and "kernel/README.md" in section
    return blocks["c"], blocks["text"]


def udp(to_mac, target_port, payload=bytes(range(32))):
    header = bytes.fromhex("4500") + (28 + len(payload)).to_bytes(2, "big") \
        + bytes.fromhex("00000000" "4011" "0000" "c0000201" "c0000202")
    return to_mac + PEER + b"\x08\0" + header + bytes.fromhex("c350") + target_port.to_bytes(2, "big") \
        + (8 + len(payload)).to_bytes(2, "big") + b"\0\0" + payload


def copy_of_tree(to):
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True,
                           capture_output=True).stdout.decode().split("\0")
    for name in filter(None, names):
        if name.startswith("tests/data/") or not os.path.isfile(f"{ROOT}/{name}"):
            continue
        os.makedirs(os.path.dirname(f"{to}/{name}"), exist_ok=True)
        shutil.copy2(f"{ROOT}/{name}", f"{to}/{name}")


def test_the_recipe_for_an_application_builds_boots_and_forwards(boot, tmp_path):
    source, rows = recipe()
    assert source.count("\n") + rows.count("\n") <= 60, "the page promises 60 lines"
    copy_of_tree(tmp_path)
    with open(tmp_path / FILE, "w", encoding="utf-8") as f:
        f.write(source)
    page = (tmp_path / "kernel/README.md").read_text(encoding="utf-8")
    anchor = re.search(r"^\| `show sink`.*\n", page, re.M)
    (tmp_path / "kernel/README.md").write_text(page[:anchor.end()] + rows + page[anchor.end():],
                                               encoding="utf-8")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "-A"], cwd=tmp_path, check=True)
    for command in (["make", "-j2", "build/ferrule.elf"],
                    ["/usr/bin/python3", "-B", "tests/lint/layers.py"],
                    ["/usr/bin/python3", "-B", "tests/lint/commands.py"]):
        done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]

    machine = boot(boot=["-kernel", str(tmp_path / "build/ferrule.elf"), "-append", "app=swap9"])
    for wire, port in zip(machine.wires, machine.json("show ports -j")):
        mac = bytes.fromhex(port["mac"].replace(":", ""))
        ours, other = udp(mac, 9), udp(mac, 10)
        wire.send(ours, other, ours)
        assert wire.receive(2) == [PEER + mac + ours[12:]] * 2
    assert balanced(machine)["drops"]["udp_no_port"] == 2
    lines = machine.run("show swap9").splitlines()
    assert sum(int(re.fullmatch(r"core \d+: (\d+) swapped", line)[1]) for line in lines) == 4
    assert machine.poweroff() == 0
