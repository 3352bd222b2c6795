# SPDX-License-Identifier: BSD-2-Clause
"""gdb on a running image: `make qemu-gdb` in one terminal; in another

    gdb build/ferrule.elf -x tests/tools/gdb_x540.py -ex 'target remote build/gdb.socket'

    ports              the ports: link, counters, where their registers are mapped
    lanes              every lane: state, positions, drops, invalid head words
    ring LANE [N]      N descriptors (default 8), starting at the lane's next one
    reg PORT OFFSET    a register of the card, by its datasheet offset (reading may clear it)

Read next: net/lane/ring.h, which explains these structures.
"""
import gdb

SLOTS = 512


def value(text):
    return gdb.parse_and_eval(text)


def registers(port):
    """The address at which the port's registers are mapped."""
    state = port["driver_state"].cast(gdb.lookup_type("struct x540").pointer())
    return int(state.dereference()["regs"]["base"])


class Ports(gdb.Command):
    """List the ports."""

    def __init__(self):
        super().__init__("ports", gdb.COMMAND_DATA)

    def invoke(self, _arguments, _from_tty):
        for i in range(int(value("ports_n"))):
            port = value(f"ports[{i}]")
            mac = ":".join(f"{int(port['mac'][k]):02x}" for k in range(6))
            print(f"port{i} {port['pci'].string()} {mac} "
                  f"{'up' if port['link_is_up'] else 'down'} {int(port['speed_mbps'])} Mb/s"
                  f"{' gone' if port['is_gone'] else ''}{' out of service' if port['is_down'] else ''}"
                  f", registers at {registers(port):#x}")
            print("    " + " ".join(f"{f.name}={int(port['count'][f.name])}"
                                    for f in port["count"].type.fields()
                                    if int(port["count"][f.name])))


class Lanes(gdb.Command):
    """List the lanes."""

    def __init__(self):
        super().__init__("lanes", gdb.COMMAND_DATA)

    def invoke(self, _arguments, _from_tty):
        for i in range(int(value("lanes_n"))):
            lane = value(f"lanes[{i}]")
            drops = sum(int(lane["count"]["drops"][k])
                        for k in range(lane["count"]["drops"].type.range()[1] + 1))
            print(f"lane {i}: core {int(lane['core'])} "
                  f"port{int(lane['in'].dereference()['index'])} -> "
                  f"port{int(lane['out'].dereference()['index'])} {lane['state']} "
                  f"next {int(lane['next'])} done {int(lane['done'])} "
                  f"head {int(lane['head'].dereference())} drops {drops} "
                  f"bad heads {int(lane['count']['head_bad'])}")


class Ring(gdb.Command):
    """Show descriptors of a lane."""

    def __init__(self):
        super().__init__("ring", gdb.COMMAND_DATA)

    def invoke(self, arguments, _from_tty):
        words = gdb.string_to_argv(arguments)
        if not words:
            raise gdb.GdbError("ring LANE [N]")
        lane, n = value(f"lanes[{int(words[0])}]"), int(words[1]) if len(words) > 1 else 8
        quads = lane["ring"].cast(gdb.lookup_type("unsigned long").pointer())
        for k in range(n):
            i = (int(lane["next"]) + k) % SLOTS
            low, high = int((quads + 2 * i).dereference()), int((quads + 2 * i + 1).dereference())
            print(f"slot {i:3}: address {low:#018x} length {high & 0xFFFF:5} "
                  f"status/command {high >> 16:#014x}{'  DD' if high >> 32 & 1 else ''}")


class Register(gdb.Command):
    """Read a register of a port's card."""

    def __init__(self):
        super().__init__("reg", gdb.COMMAND_DATA)

    def invoke(self, arguments, _from_tty):
        words = gdb.string_to_argv(arguments)
        if len(words) != 2:
            raise gdb.GdbError("reg PORT OFFSET")
        at = registers(value(f"ports[{int(words[0])}]")) + int(words[1], 16)
        print(f"{int(words[1], 16):#07x} = {int(value(f'*(unsigned int *){at:#x}')):#010x}")


Ports()
Lanes()
Ring()
Register()
