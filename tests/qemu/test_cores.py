# SPDX-License-Identifier: BSD-2-Clause
"""Cores: all that firmware describes start, with -kernel, BIOS and UEFI; cpus= limits them; a fault of one
core is reported by another. selftest= causes the faults, see kernel/selftest/cores.c."""
import re
import subprocess
import time

import pytest

from conftest import balanced
from machine import PATIENCE_S, ROOT

EXIT = ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
PANIC_STATUS = 3
OVMF = "/usr/share/ovmf/OVMF.fd"


def cores_line(machine):
    return re.search(r"cores +(\d+) of (\d+) run", machine.console_text).groups()


@pytest.mark.parametrize("cores", [1, 2, 4, 8])
def test_all_cores_start(boot, cores):
    machine = boot("", wires=0, cores=cores)
    assert cores_line(machine) == (str(cores), str(cores)), machine.console_text
    assert "does not start" not in machine.console_text
    assert machine.poweroff() == 0


@pytest.mark.parametrize("limit,cores", [(1, 1), (3, 3), (9, 4), (0, 1)])
def test_cpus_limits_how_many(boot, limit, cores):
    machine = boot(f"cpus={limit}", wires=0, cores=4)
    assert cores_line(machine) == (str(cores), "4")
    assert machine.poweroff() == 0


@pytest.mark.parametrize("bios", [[], ["-bios", OVMF]], ids=["bios", "uefi"])
def test_cores_start_from_the_iso(boot, bios):
    machine = boot(wires=0, cores=4, memory_mb=256,
                   boot=bios + ["-cdrom", f"{ROOT}/build/ferrule.iso"])
    assert cores_line(machine) == ("4", "4")
    assert machine.poweroff() == 0


def test_a_cpu_without_apic_runs_as_one_core(boot):
    machine = boot("", wires=0, cores=1, extra=["-cpu", "qemu64,-apic"])
    assert "no usable LAPIC" in machine.console_text
    assert cores_line(machine)[0] == "1"
    assert machine.poweroff() == 0


def test_all_cores_start_despite_holes_in_the_apic_ids(boot):
    # Three cores a socket: their ids use two bits, so one value stays unused.
    machine = boot("", wires=0, cores="6,sockets=2,cores=3,threads=1")
    assert cores_line(machine) == ("6", "6")
    assert machine.poweroff() == 0


def test_cores_beyond_a_cards_queues_stay_parked(boot):
    machine = boot("app=forward", cores=18, memory_mb=512)
    assert cores_line(machine) == ("18", "18")
    assert "port0 -> port1: 16 lanes of 512 slots" in machine.console_text
    machine.wires[0].send(bytes(range(64)))
    assert machine.wires[1].receive(1) == [bytes(range(64))]
    rows = machine.cores()
    assert [row["state"] for row in rows] == ["running"] * 16 + ["parked"] * 2
    assert sum(row["rx_packets"] for row in rows) == 1 and not any(row["polls"] for row in rows[16:])
    balanced(machine)
    assert machine.poweroff() == 0


def panic_text(boot, selftest, cores, more=()):
    machine = boot(f"panic=exit selftest={selftest}", wires=0, prompt=False, cores=cores,
                   extra=[*EXIT, *more])
    assert machine.wait_exit() == PANIC_STATUS
    return machine.console_text.replace("\r", "")


def test_a_panic_on_another_core_names_it_and_stops_the_rest(boot):
    text = panic_text(boot, "core-null", 4)
    assert re.search(r"^PANIC: page fault: read of a page that is not present.*\n"
                     r"on core 1 of 4\n.*the null page", text, re.M), text
    assert "read_null_on_a_core" in text
    for core in (0, 2, 3):
        assert re.search(rf"^core {core} was at\n  0x", text, re.M), text
    assert text.count("PANIC") == 1


def test_a_stack_overflow_on_another_core_hits_its_guard_page(boot):
    text = panic_text(boot, "core-stack", 2)
    assert re.search(r"^PANIC: double fault.*\non core 1 of 2\n"
                     r"address 0xffffe\w+: a guard page of a core's stacks: stack overflow; "
                     r"not mapped", text, re.M), text


def test_the_last_error_of_a_panic_on_another_core_is_printed(boot):
    """Without the device that panic=exit needs, a line says so, also on a core other than core 0."""
    machine = boot("panic=exit selftest=core-null", wires=0, prompt=False, cores=2)
    machine.expect(r"exit: no isa-debug-exit device at port 0xf4; halted")


@pytest.mark.parametrize("table,where", [("gdt", "the map of physical memory"), ("tss", "the map of physical memory"),
                                         ("idt", "data sealed after start")])
def test_the_descriptor_tables_of_another_core_are_read_only(boot, table, where):
    text = panic_text(boot, f"core-{table}", 2)
    assert re.search(rf"^PANIC: page fault: write to a page that does not allow it.*\non core 1 of 2\n"
                     rf"address 0xffff\w+: {where}; mapped r--", text, re.M), text
    assert f"write_{table}_on_a_core" in text


def test_a_silent_core_is_named_with_a_backtrace_within_a_second(boot):
    text = panic_text(boot, "core-silent", 3)
    found = re.search(r"core 1 has been silent for (\d+) ms; it is at\n.*spin_forever", text)
    assert found, text
    assert int(found[1]) < 1500  # a second, with a margin for a busy host
    assert text.count("has been silent") == text.count("core 1 has been silent")


def write_code(path, address, code):
    """Write bytes over the image's code, as gdb does: read-only pages do not prevent it."""
    script = [f"set {{unsigned char}}({address} + {i}) = {byte}" for i, byte in enumerate(code)]
    command = ["gdb", "-nx", "-batch", f"{ROOT}/build/ferrule.elf", "-ex", f"target remote {path}"]
    for line in [*script, "detach"]:
        command += ["-ex", line]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE_S,
                          check=False)
    assert done.returncode == 0, done.stdout


def code_at(name, n):
    """The first n bytes of a function of the image."""
    with open(f"{ROOT}/build/ferrule.elf", "rb") as f:
        elf = f.read()
    rows = subprocess.run(["nm", f"{ROOT}/build/ferrule.elf"], stdout=subprocess.PIPE, text=True, check=True).stdout
    address = next(int(row.split()[0], 16) for row in rows.splitlines() if row.endswith(f" T {name}"))
    header = subprocess.run(["readelf", "-WS", f"{ROOT}/build/ferrule.elf"], stdout=subprocess.PIPE, text=True,
                            check=True).stdout
    start, offset = (int(field, 16) for field in
                     re.search(r" \.text +PROGBITS +(\w+) (\w+)", header).groups())
    return elf[offset + address - start:][:n]


@pytest.mark.parametrize("poll", ["adaptive", "always"])
def test_core_1_names_a_silent_core_0_with_a_backtrace(boot, tmp_path, poll):
    """The first instruction of console_poll becomes a jump to itself, and later what it was. Core 1 sleeps
    meanwhile, or polls."""
    path, saved = f"{tmp_path}/gdb", code_at("console_poll", 2)
    machine = boot(f"app=forward poll={poll}", cores=2, extra=["-gdb", f"unix:{path},server=on,wait=off"])
    machine.wires[0].send(bytes(range(64)))
    assert machine.wires[1].receive(1) == [bytes(range(64))]
    write_code(path, "console_poll", b"\xeb\xfe")
    found = machine.expect(r"core 0 has been silent for (\d+) ms; it is at\r?\n.* console_poll\+0x0")
    assert int(found[1]) >= 3000
    write_code(path, "console_poll", saved)
    machine.expect("core 0 responds again")
    assert machine.console_text.count("core 0 has been silent") == 1
    balanced(machine)
    assert machine.poweroff() == 0


# Port 61h, where the chipset shows the cause of an NMI, is here the line status register of an idle UART,
# which reads 60h: an I/O channel check, an error of a board in a slot.
IOCHK = ["-chardev", "null,id=unused", "-device", "isa-serial,chardev=unused,iobase=0x5c,irq=10"]


def test_an_nmi_with_an_error_on_the_board_panics(boot):
    text = panic_text(boot, "nmi", 2, IOCHK)
    assert "PANIC: non-maskable interrupt" in text
    assert re.search(r"^core 1 was at\n", text, re.M)


def test_an_nmi_of_the_board_on_every_core_stops_each_at_once(boot):
    """Each core is in its NMI handler then, where another core's NMI does not arrive."""
    machine = boot("panic=exit", wires=0, cores=3, extra=[*EXIT, *IOCHK])
    machine.qmp("inject-nmi")
    assert machine.wait_exit() == PANIC_STATUS
    text = machine.console_text.replace("\r", "")
    assert text.count("PANIC: non-maskable interrupt") == 1, text
    assert len(re.findall(r"^core \d was at\n  0x", text, re.M)) == 2, text
    assert "does not stop" not in text


def nmis(machine):
    return {row["core"]: row["count"] for row in machine.json("show irqs -j") if row["vector"] == 2}


def test_an_nmi_without_a_cause_is_logged_and_counted(boot):
    machine = boot("selftest=nmi", wires=0, cores=2)
    machine.expect("core 0: 1 unexpected NMIs; at the last one it was at")
    machine.expect(r"kmain\+0x")
    assert nmis(machine) == {0: 1}
    assert machine.poweroff() == 0


def test_the_platforms_nmi_reaches_every_core(boot):
    machine = boot(wires=0, cores=2)
    machine.qmp("inject-nmi")
    cores = [machine.expect(r"core (\d): 1 unexpected NMIs")[1] for _ in range(2)]
    assert sorted(cores) == ["0", "1"]
    for count in (1, 2, 3):
        limit = time.monotonic() + PATIENCE_S
        while nmis(machine) != {0: count, 1: count}:
            assert time.monotonic() < limit, nmis(machine)
        machine.qmp("inject-nmi")
    assert machine.poweroff() == 0


def test_no_wake_up_is_lost(boot):
    machine = boot("selftest=wake", wires=0, cores=2)
    found = re.search(r"selftest: wake (\d+) of (\d+) calls ran, (\d+) lost, (\d+) sleeps.*loop ended",
                      machine.console_text)
    assert found, machine.console_text
    assert found[1] == found[2] and found[3] == "0"
    assert int(found[4]) > 100  # the core did sleep
    took = re.search(r"10 sleeps of 2 ms took (\d+) us", machine.console_text)
    assert int(took[1]) >= 19000
    assert machine.poweroff() == 0


def test_an_nmi_between_sti_and_hlt_does_not_lose_the_wake_up(boot):
    """TCG takes the NMI at the next block, which begins with the hlt. If it returned to the hlt, the
    pending wake-up would be taken first, and the core would sleep until its timer, a second later."""
    machine = boot("selftest=nmi-halt", wires=0, cores=1)
    found = re.search(r"selftest: an NMI came before hlt at try \d+; slept (\d+) us", machine.console_text)
    assert found, machine.console_text
    assert int(found[1]) < 500000
    assert machine.poweroff() == 0


def test_show_cores_and_show_irqs(boot):
    machine = boot("", wires=2, cores=4)
    cores = machine.cores()
    assert [c["core"] for c in cores] == [0, 1, 2, 3]
    assert len({c["apic"] for c in cores}) == 4
    for core in cores:
        assert core["state"] == "running"
        assert {"rx_packets", "tx_packets", "polls", "empty_polls", "interrupts",
                "stall_max_ns", "stall_max_cause"} <= core.keys()
        assert core["stall_max_ns"] > 0 and core["stall_max_cause"]
        assert core["empty_polls"] <= core["polls"]
    assert re.search(r"^core 3: longest time between two polls \d+ us: \w", machine.run("show cores"), re.M)
    irqs = machine.json("show irqs -j")
    assert any(i["core"] == 0 and i["name"] == "serial" for i in irqs), irqs
    places = [(i["core"], i["vector"]) for i in irqs]
    assert len(set(places)) == len(places)
    for row in machine.run("show cores").splitlines() + machine.run("show irqs").splitlines():
        assert len(row) <= 80, row
    assert machine.poweroff() == 0


def test_typing_wakes_core_0(boot):
    machine = boot("", wires=2, cores=2)

    def serial():
        return [i["count"] for i in machine.json("show irqs -j") if i["name"] == "serial"][0]

    # Only a byte that arrives while core 0 is asleep causes an interrupt: type until one does.
    before, limit = serial(), time.monotonic() + PATIENCE_S
    while serial() == before and time.monotonic() < limit:
        time.sleep(0.05)
        assert "core" in machine.run("show cores")
    assert serial() > before
    assert machine.poweroff() == 0


def test_the_tsc_is_measured_with_the_best_available_clock(boot):
    """Time is counted in instructions, a nanosecond each: no host's load changes a rate."""
    for clock, extra in (("HPET", []), ("ACPI PM timer", ["-machine", "hpet=off"]),
                         ("PIT", ["-M", "pc,acpi=off,hpet=off"])):
        machine = boot("", wires=0, cores=1, extra=[*extra, "-icount", "shift=0,sleep=off"])
        found = re.search(r"clock +TSC at ([\d.]+) MHz by (.*) \(", machine.console_text)
        assert found[2] == clock
        assert abs(float(found[1]) - 1000) < 0.2, found[0]
        machine.stop()
