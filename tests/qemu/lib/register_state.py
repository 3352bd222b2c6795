# SPDX-License-Identifier: BSD-2-Clause
"""The registers in which two drivers leave the same card: ferrule's, after bring-up, and those of
Debian's ixgbe, an interface up with its link up. The model shows its register file as a property,
so nothing is read through the card. tests/data/registers.txt holds one line for each difference and
its reason; tests/tools/registers.py writes the lines anew. Read next: test_registers.py.
"""
import json
import re
from typing import NamedTuple

from linux_guest import LinuxGuest, joined_ports, kernel
from machine import ROOT, wait_until
from test_linux_ixgbe import Ports

TABLE = f"{ROOT}/tests/data/registers.txt"
CORES = (1, 4)
MACS = ("02:00:00:00:00:01", "02:00:00:00:00:02")

# Registers that are not compared, and why.
LEFT_OUT = {
    "RDBAL RDBAH TDBAL TDBAH TDWBAL TDWBAH": "where a driver found memory",
    "RDLEN TDLEN": "a size of choice",
    "RDH RDT TDH TDT": "move with every frame",
    "RSSRK FDIRHKEY FDIRSKEY": "keys, random in Linux",
    "FDIRHASH FDIRCMD FDIRFREE FDIRLEN": "move with the flows that Linux samples",
    "MSCA EERD EEWR RTTDQSEL": "what was asked for last",
    "HICR FLEX_MNG FWSTS": "mailbox of the firmware: Linux tells it the driver's version",
    "SYSTIML SYSTIMH RXSTMPL RXSTMPH TXSTMPL TXSTMPH": "clock and time stamps",
    "FTQF SAQF DAQF SDPQF L34T_IMIR": "undefined after reset: Linux leaves the junk, ferrule clears "
                                      "FTQF bit 31 (the model's rule ftqf-not-cleared)",
}
_LEFT_OUT = {name for names in LEFT_OUT for name in names.split()}
# Four bytes a register, each the place of one queue: a driver's values differ from word to word.
MAPS = ("IVAR", "RQSMR", "TQSM")
# Rows of the model's table that go on with an array of another row: the array, the first index.
CONTINUED = {"EITR_H": ("EITR", 24)}


class Line(NamedTuple):
    """One difference. register: "MRQC", "RXDCTL[0-3]"; ferrule, linux: eight hexadecimal digits, or more
    such words, which are repeated until the end of the range."""
    cores: tuple
    register: str
    ferrule: str
    linux: str
    why: str = ""

    def __str__(self):
        cores = " ".join(map(str, self.cores))
        return f"{cores:<3} | {self.register:<18} | {self.ferrule} | {self.linux} | {self.why}".rstrip()


def compared(text):
    """{(name, index): value} of all registers that are compared; index 0 where there is one only, 0 for
    what a register holds without a meaning. text: the property of the model."""
    found, names = {}, set()
    for word, value in json.loads(text).items():
        name, index = re.fullmatch(r"(\w+?)(?:\[(\d+)\])?", word).groups()
        at = int(index or 0)
        if name.endswith("_64"):
            name, at = name.removesuffix("_64"), at + 64
        elif name in CONTINUED:
            name, at = CONTINUED[name][0], at + CONTINUED[name][1]
        names.add(name)
        if name not in _LEFT_OUT:
            found[name, at] = value
    assert _LEFT_OUT <= names, f"left out, but not in the model: {_LEFT_OUT - names}"
    has_rss = found["MRQC", 0] & 0xF
    for (name, at), value in found.items():
        if name in ("IVAR", "IVAR_MISC"):  # four vectors with a bit each that says whether it counts
            found[name, at] = sum(value & 0xFF << i for i in (0, 8, 16, 24) if value >> i & 0x80)
        elif name == "RETA" and not has_rss:
            found[name, at] = 0
    return found


def settled(read):
    """The registers when they stay as they are: interrupt masks move while a handler runs. read()
    returns the property of the model."""
    seen = []

    def look():
        seen.append(compared(read()))
        return seen[-4:]
    return wait_until(look, lambda last: len(last) == 4 and all(one == last[0] for one in last),
                      "the card's registers stay the same")[0]


def _repeated(values):
    """The values as words, without what only repeats the first ones."""
    period = next(n for n in range(1, len(values) + 1)
                  if all(value == values[i % n] for i, value in enumerate(values)))
    return " ".join(f"{value:08x}" for value in values[:period])


def differences(ferrule, linux, cores):
    """Lines without reasons; neighbours of an array that differ in the same way share one."""
    assert ferrule.keys() == linux.keys()
    counts = {}
    for name, _ in ferrule:
        counts[name] = counts.get(name, 0) + 1
    runs = []  # name, first index, ferrule's values, Linux's value
    for (name, index), ours in ferrule.items():
        theirs = linux[name, index]
        if ours == theirs:
            continue
        if runs and runs[-1][0] == name and runs[-1][1] + len(runs[-1][2]) == index \
                and runs[-1][3] == theirs and (runs[-1][2][-1] == ours or name in MAPS):
            runs[-1][2].append(ours)
        else:
            runs.append([name, index, [ours], theirs])
    lines = []
    for name, first, ours, theirs in runs:
        last = first + len(ours) - 1
        place = "" if counts[name] == 1 else f"[{first}]" if first == last else f"[{first}-{last}]"
        lines.append(Line((cores,), name + place, _repeated(ours), f"{theirs:08x}"))
    return lines


def joined(lines, names):
    """Lines that hold for several numbers of cores become one. names: the registers in their order."""
    cores = {}
    for line in lines:
        cores.setdefault(line[1:4], []).append(line.cores[0])
    made = [Line(tuple(held), *what) for what, held in cores.items()]
    return sorted(made, key=lambda line: (names.index(line.register.split("[")[0]), line.cores))


def table():
    """The lines of the table."""
    lines = []
    with open(TABLE, encoding="utf-8") as f:
        for row in f:
            if row.strip() and not row.startswith("#"):
                cores, register, ferrule, linux, why = [word.strip() for word in row.split("|", 4)]
                lines.append(Line(tuple(map(int, cores.split())), register, ferrule, linux, why))
    return lines


def ferrule_registers(boot, cores):
    """Of port 0. boot: as the fixture of that name."""
    machine = boot(f"app=forward cpus={cores}", devices=[f"mac={mac}" for mac in MACS])
    return settled(lambda: machine.card(0, "registers"))


def linux_registers(folder):
    """{number of queues: of port 0}, and the guest, which the caller stops. Linux takes a queue for each
    processor, and fewer when told to. Its interrupt moderation would adapt to what few frames there are:
    here it stands at 10 us."""
    guest = LinuxGuest(folder, kernel(), joined_ports("x540"), cores=max(CORES))
    try:
        ports = Ports(guest)
        ports.make()
        found = {}
        for queues in sorted(CORES, reverse=True):
            if queues != max(CORES):
                ports.on(0, f"ethtool -L eth0 combined {queues}")
            ports.on(0, "ethtool -C eth0 rx-usecs 10")
            ports.both_up()
            found[queues] = settled(lambda: guest.qmp("qom-get", path="/machine/peripheral/port0",
                                                      property="registers"))
        return found, guest
    except BaseException:
        guest.stop()
        raise
