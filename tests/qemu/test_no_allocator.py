# SPDX-License-Identifier: BSD-2-Clause
"""Once the loops run, no code allocates memory or maps a page: the call graph of the image's machine
code has no path from the loops to a function that does. Its edges are calls, jumps, and function
addresses in instructions (for calls through pointers); calls through tables are listed below."""
import bisect
import re
import subprocess

from machine import IMAGE

ALLOCATORS = ["memory_alloc", "memory_alloc_uninitialized", "memory_alloc_low", "dma_alloc", "dma_alloc_frames",
          "paging_map", "paging_map_device", "paging_map_firmware"]
# Members of tables that are called only while the machine starts.
AT_START = {"app": ["configure", "prepare", "output"], "x540_ops": ["irq_set"]}
# Callbacks that are registered while the machine starts and called by the loops.
CALLBACKS = ["send_by_side", "link_event", "write_log", "write_out", "udp_echo", "udp_discard", "udp_twamp"]


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


class Code:
    """The call graph of the kernel. A function also leads to its .cold part: a jump table may name a place
    there, and what is in tables is not followed."""

    def __init__(self):
        self.names, self.callees, here = {}, {}, None
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
            self.callees[function] = {self.starts[bisect.bisect(self.starts, place) - 1]
                                       for place in places if place >= self.starts[0]}

    def of_name(self, name):
        found = [start for start in self.starts if self.names[start] == name]
        assert len(found) == 1, f"{len(found)} functions are called {name}"
        return found[0]

    def reached(self, roots):
        """{function: its caller} of every function that is reachable from the roots."""
        caller_of = dict.fromkeys(roots)
        ahead = list(roots)
        while ahead:
            function = ahead.pop()
            for target in self.callees[function] - caller_of.keys():
                caller_of[target] = function
                ahead.append(target)
        return caller_of

    def path(self, caller_of, function):
        names = []
        while function is not None:
            names.append(self.names[function])
            function = caller_of[function]
        return " <- ".join(names)


def table(symbol, kind):
    """The functions in a struct that the loops call."""
    fields = re.findall(r"(\w+) = (0x[0-9a-f]+) <\w+>", output("gdb", "-batch", "-ex", f"p {symbol}", IMAGE))
    assert set(AT_START[kind]) <= {name for name, _ in re.findall(
        r"(\w+) = (0x[0-9a-f]+)", output("gdb", "-batch", "-ex", f"p {symbol}", IMAGE))}
    return [int(at, 16) for name, at in fields if name not in AT_START[kind]]


def commands():
    """The functions in the tables that the linker collects for the console."""
    rows = re.findall(r"0x[0-9a-f]+ <\w+>", output(
        "gdb", "-batch", "-ex", "x/1000ga commands_start", IMAGE).split("<configs_end>")[0])
    return [int(row.split()[0], 16) for row in rows]


def test_no_call_path_leads_from_the_loops_to_an_allocator():
    code = Code()
    allocators = [code.of_name(name) for name in ALLOCATORS]
    at_boot = code.reached([code.of_name("kmain")])
    assert not [code.names[allocator] for allocator in allocators if allocator not in at_boot], "the graph is incomplete"

    apps = re.findall(r" (app_\w+)$", output("nm", IMAGE), re.M)
    assert len(apps) >= 5
    roots = {code.of_name("net_run"), *map(code.of_name, CALLBACKS), *table("x540_ops", "x540_ops")}
    for app in apps:
        roots |= set(table(app, "app"))
    of_commands = {at for at in commands() if at in code.names}
    assert len(of_commands) >= 30 and code.of_name("show_ports") in of_commands
    roots |= of_commands
    in_loops = code.reached(roots)
    for name in ("core_loop", "forward_poll_busy", "echo_poll_busy", "route_poll_busy", "router_input",
                 "generate_poll", "netif_input", "lane_slow_path", "side_send", "console_poll",
                 "port_restart"):
        assert code.of_name(name) in in_loops, f"{name} is not reachable from the loops"
    paths = [code.path(in_loops, allocator) for allocator in allocators if allocator in in_loops]
    assert not paths, "\n".join(paths)
