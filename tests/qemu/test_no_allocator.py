# SPDX-License-Identifier: BSD-2-Clause
"""Once the loops run, nobody takes memory or maps a page: in the image's machine code no way leads from
there to a function that does. A way is a call, a jump, or a function's address in an instruction, which
stands for a call through a pointer; what is called through tables is named below."""
import bisect
import re
import subprocess

from machine import IMAGE

TAKERS = ["memory_take", "memory_take_as_is", "memory_take_low", "dma_alloc", "dma_alloc_frames",
          "paging_map", "paging_map_device", "paging_map_firmware"]
# Members of tables that are called while the machine starts, and then no more.
AT_START = {"app": ["configure", "prepare", "output"], "x540_ops": ["irq_set"]}
# Handed over while the machine starts, and called by the loops.
HANDED_OVER = ["send_aside", "link_event", "write_log", "write_out", "udp_echo", "udp_discard", "udp_twamp"]


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


class Code:
    """The kernel's functions and where each leads. One leads to its .cold part in any case: a jump table
    may name a place there, and what is in tables is not followed."""

    def __init__(self):
        self.names, self.leads_to, here = {}, {}, None
        mentioned = {}
        for line in output("objdump", "-d", "--no-show-raw-insn", IMAGE).splitlines():
            head = re.match(r"([0-9a-f]{16}) <(.+)>:$", line)
            if head:
                here = int(head[1], 16)
                self.names[here] = head[2]
                mentioned[here] = set()
            elif here:
                mentioned[here] |= {int(word, 16) for word in re.findall(r"f{8}[0-9a-f]{8}", line[18:])}
        self.starts = sorted(self.names)
        for start, name in self.names.items():
            for cold in self.starts:
                if self.names[cold] == name + ".cold":
                    mentioned[start].add(cold)
        for function, places in mentioned.items():
            self.leads_to[function] = {self.starts[bisect.bisect(self.starts, place) - 1]
                                       for place in places if place >= self.starts[0]}

    def of_name(self, name):
        found = [start for start in self.starts if self.names[start] == name]
        assert len(found) == 1, f"{len(found)} functions are called {name}"
        return found[0]

    def reached(self, roots):
        """Every function that a way leads to, each with the one before it."""
        before = dict.fromkeys(roots)
        ahead = list(roots)
        while ahead:
            function = ahead.pop()
            for target in self.leads_to[function] - before.keys():
                before[target] = function
                ahead.append(target)
        return before

    def way(self, before, function):
        names = []
        while function is not None:
            names.append(self.names[function])
            function = before[function]
        return " <- ".join(names)


def table(symbol, kind):
    """Functions in a struct that the loops call."""
    fields = re.findall(r"(\w+) = (0x[0-9a-f]+) <\w+>", output("gdb", "-batch", "-ex", f"p {symbol}", IMAGE))
    assert set(AT_START[kind]) <= {name for name, _ in re.findall(
        r"(\w+) = (0x[0-9a-f]+)", output("gdb", "-batch", "-ex", f"p {symbol}", IMAGE))}
    return [int(at, 16) for name, at in fields if name not in AT_START[kind]]


def commands():
    """Functions in the tables that the linker collects for the console."""
    rows = re.findall(r"0x[0-9a-f]+ <\w+>", output(
        "gdb", "-batch", "-ex", "x/1000ga commands_start", IMAGE).split("<configs_end>")[0])
    return [int(row.split()[0], 16) for row in rows]


def test_no_way_leads_from_the_loops_to_who_takes_memory():
    code = Code()
    takers = [code.of_name(name) for name in TAKERS]
    at_boot = code.reached([code.of_name("kmain")])
    assert not [code.names[taker] for taker in takers if taker not in at_boot], "the graph has holes"

    apps = re.findall(r" (app_\w+)$", output("nm", IMAGE), re.M)
    assert len(apps) >= 5
    roots = {code.of_name("net_run"), *map(code.of_name, HANDED_OVER), *table("x540_ops", "x540_ops")}
    for app in apps:
        roots |= set(table(app, "app"))
    of_commands = {at for at in commands() if at in code.names}
    assert len(of_commands) >= 30 and code.of_name("show_ports") in of_commands
    roots |= of_commands
    in_loops = code.reached(roots)
    for name in ("core_loop", "forward_poll_busy", "echo_poll_busy", "route_poll_busy", "router_input",
                 "generate_poll", "netif_input", "lane_aside", "side_send", "console_poll", "port_restart"):
        assert code.of_name(name) in in_loops, f"{name} is not among what the loops reach"
    ways = [code.way(in_loops, taker) for taker in takers if taker in in_loops]
    assert not ways, "\n".join(ways)
