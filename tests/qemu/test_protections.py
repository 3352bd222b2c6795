# SPDX-License-Identifier: BSD-2-Clause
"""The protections of the image, each tested by a violation: selftest= commits it, and the panic that
follows must name the fault and its place. Then the live page tables, and unusual machines: CPUs
without a feature, the least and the most memory, other platforms, other serial ports."""
import os
import re
import struct
import subprocess

import pytest

from machine import ROOT

MODULE = ["-initrd", f"{ROOT}/LICENSE"]  # any file
EXIT = ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
PHYSMAP = 0xFFFF800000000000
PANIC_STATUS = 3  # isa-debug-exit: (1 << 1) | 1

# Selftest, first line of the panic, its line about the address, the function in the backtrace.
SELFTESTS = [
    ("null", "page fault: read of a page that is not present", "the null page; not mapped",
     "read_null"),
    ("physical", "page fault: read of a page that is not present",
     "the lower half, which is never mapped; is it a physical address?; not mapped",
     "read_physical"),
    ("write-text", "page fault: write to a page that does not allow it",
     "code of the image; mapped r-x", "write_"),
    ("write-rodata", "page fault: write to a page that does not allow it",
     "constants of the image; mapped r--", "write_"),
    ("write-sealed", "page fault: write to a page that does not allow it",
     "data sealed after start; mapped r--", "write_"),
    ("write-physmap", "page fault: write to a page that is not present",
     "the map of physical memory; not mapped", "write_"),
    ("write-module", "page fault: write to a page that does not allow it",
     "the map of physical memory; mapped r--", "write_"),
    ("write-idt", "page fault: write to a page that does not allow it",
     "data sealed after start; mapped r--", "selftest_write_idt"),
    ("write-gdt", "page fault: write to a page that does not allow it",
     "data sealed after start; mapped r--", "selftest_write_gdt"),
    ("write-tss", "page fault: write to a page that does not allow it",
     "data sealed after start; mapped r--", "selftest_write_tss"),
    ("write-root", "page fault: write to a page that does not allow it",
     "the map of physical memory; mapped r--", "selftest_write_root"),
    ("write-table", "page fault: write to a page that does not allow it",
     "the map of physical memory; mapped r--", "selftest_write_table"),
    ("write-new-table", "page fault: write to a page that does not allow it",
     "the map of physical memory; mapped r--", "selftest_write_new_table"),
    ("write-table-of-tables", "page fault: write to a page that does not allow it",
     "the map of physical memory; mapped r--", "selftest_write_table_of_tables"),
    ("write-firmware", "page fault: write to a page that does not allow it",
     "the map of physical memory; mapped r--", "selftest_write_firmware"),
    ("smep", "page fault: execution of a page that does not allow it",
     "the lower half, which is never mapped; is it a physical address?; mapped r-x",
     "selftest_run_user_page"),
    ("smap", "page fault: read of a page that does not allow it",
     "the lower half, which is never mapped; is it a physical address?; mapped r--",
     "selftest_read_user_page"),
    ("umip", "double fault", None, "0x0000000070000000"),  # user code was running
    ("run-data", "page fault: execution of a page that does not allow it",
     "data of the image; mapped rw-", "run_"),
    ("run-heap", "page fault: execution of a page that does not allow it",
     "the map of physical memory; mapped rw-", "run_"),
    ("run-stack", "page fault: execution of a page that does not allow it",
     "data of the image; mapped rw-", "run_"),
    ("stack", "double fault", "the guard page of the boot stack: stack overflow; not mapped",
     "overflow_stack"),
    ("canary", "a stack canary was overwritten", None, "write_array"),
    ("opcode", "invalid opcode", None, "selftest_invalid_opcode"),
    ("divide", "divide error", None, "selftest_divide_by_zero"),
    ("sse", "invalid opcode", None, "selftest_use_sse"),
    ("check", "not so: 1 + 1 == 3", None, "failed_check"),
]


def check_selftest_panics(boot, row, patience_s=60):
    """Boot with selftest= and check the text of the panic. A selftest that does not panic is followed
    by a power-off."""
    selftest, what, address, function = row
    extra = EXIT + (MODULE if "module" in selftest else [])
    extra += ["-cpu", "max"] if selftest in ("smep", "smap", "umip") else []
    machine = boot(f"panic=exit selftest={selftest} run=poweroff", wires=0, prompt=False, extra=extra)
    code = machine.wait_exit(patience_s)
    assert code == PANIC_STATUS, f"exit code {code}"
    text = machine.console_text.replace("\r", "")
    assert re.search(rf"^PANIC: .*{re.escape(what)}", text, re.M), text
    if address:
        assert re.search(rf"^address 0x[0-9a-f]{{16}}: {re.escape(address)}", text, re.M), text
    backtrace = text[text.index("backtrace:"):text.index("last log lines:")]
    assert function in backtrace, backtrace
    assert "kmain" in backtrace or selftest == "canary", backtrace  # the overflow of "canary" overwrites the frame
    assert f"selftest: {selftest}" in text[text.index("last log lines:"):]
    assert "was not stopped" not in text


@pytest.mark.parametrize("row", SELFTESTS, ids=[row[0] for row in SELFTESTS])
def test_a_violation_ends_in_a_panic_that_names_it(boot, row):
    check_selftest_panics(boot, row)


def test_an_unknown_selftest_is_named_and_the_boot_continues(boot):
    machine = boot("selftest=nothing", wires=0)
    assert '"nothing" is unknown' in machine.console_text


@pytest.mark.parametrize("cpu", ["qemu64", "max"])
def test_no_page_is_writable_and_executable(boot, cpu):
    machine = boot("selftest=map", wires=0, extra=["-cpu", cpu])
    rows = re.findall(r"map 0x([0-9a-f]{16}) +(\d+) KiB (r[w-][x-])( uncached| combining)?",
                      machine.console_text)
    assert "0 runs of pages are writable and executable" in machine.console_text
    assert {row[2] for row in rows} == {"rw-", "r-x", "r--"}
    assert [row[2] for row in rows].count("r-x") == 1
    starts = [int(row[0], 16) for row in rows]
    assert min(starts) >= 0xFFFF800000000000, "the lower half is mapped"
    for start, kib, rights, uncached in rows:
        is_device = 0xFFFFC00000000000 <= int(start, 16) < 0xFFFFD00000000000
        assert bool(uncached) == is_device, (start, kib, rights)
    # Five stacks, each with an unmapped gap of at least a page below it.
    tail = [(int(s, 16), int(k) * 1024) for s, k, _, _ in rows][-6:]
    for (start, size), (following, _) in zip(tail, tail[1:]):
        assert following - (start + size) >= 4096


class Tables:
    """The page tables of a stopped machine, read from its memory."""

    def __init__(self, machine, megabytes):
        path = f"{machine.folder}/memory.bin"
        machine.qmp("pmemsave", val=0, size=megabytes << 20, filename=path)
        with open(path, "rb") as f:
            self.memory = f.read()
        os.unlink(path)
        text = machine.qmp("human-monitor-command", command_line="info registers -a")
        roots = {int(value, 16) & ~0xFFF for value in re.findall(r"CR3=([0-9a-f]+)", text)}
        assert len(roots) == 1, text
        self.root, = roots
        self.descriptors = [int(base, 16) for base in re.findall(r"(?:GDT|IDT)= +([0-9a-f]+)", text)]
        self.descriptors += [int(base, 16) for base in re.findall(r"TR =\w+ ([0-9a-f]+)", text)]
        self.wp = [int(value, 16) >> 16 & 1 for value in re.findall(r"CR0=([0-9a-f]+)", text)]
        self.all = self._below(self.root, 4)

    def _entry(self, table, i):
        return struct.unpack_from("<Q", self.memory, table + 8 * i)[0]

    def _below(self, table, level):
        found = {table}
        for i in range(512) if level > 1 else ():
            entry = self._entry(table, i)
            if entry & 1 and not (level < 4 and entry & 0x80):
                found |= self._below(entry & 0xFFFFFFFFFF000, level - 1)
        return found

    def rights(self, va):
        table, all_writable = self.root, True
        for level in (4, 3, 2, 1):
            entry = self._entry(table, va >> 12 + 9 * (level - 1) & 511)
            if not entry & 1:
                return None
            all_writable &= bool(entry & 2)
            if level == 1 or level < 4 and entry & 0x80:
                return "rw" if all_writable else "r"
            table = entry & 0xFFFFFFFFFF000


@pytest.mark.parametrize("options", [
    {"cores": 4}, {"cores": 4, "iommu": True}, {"cores": 30, "wires": 0},
    {"cores": 2, "extra": ["-cpu", "max"]}, {"cores": 1, "memory_mb": 16}],
    ids=lambda o: " ".join(f"{k} {v}" for k, v in o.items()))
def test_page_tables_and_descriptor_tables_of_all_cores_are_read_only(boot, options):
    """At the prompt: those made after the seal too, for the stacks of cores and the cards' registers."""
    machine = boot("app=forward", **options)
    machine.qmp("stop")
    tables = Tables(machine, options.get("memory_mb", 256))
    cores = options["cores"]
    assert len(tables.all) > 12 and len(tables.descriptors) == 3 * cores and tables.wp == [1] * cores
    assert [hex(t) for t in tables.all if tables.rights(PHYSMAP + t) != "r"] == []
    assert [hex(d) for d in tables.descriptors if tables.rights(d) != "r"] == []
    # Each core has its own GDT and TSS, and no page of them is writable by the physmap.
    assert len(set(tables.descriptors)) == 2 * cores + 1
    machine.qmp("cont")
    assert machine.poweroff() == 0


def test_a_panic_shows_each_lane(boot):
    """A machine check during traffic: the panic prints positions and counters of both lanes after the
    log."""
    machine = boot("app=forward panic=exit", cores=1, extra=EXIT)
    machine.wires[0].send(*[bytes(range(60))] * 7)
    machine.wires[1].receive(7)
    machine.qmp("human-monitor-command",
                command_line="mce 0 3 0xa400000000000145 5 0x12345000 0")
    assert machine.wait_exit() == PANIC_STATUS
    text = machine.console_text.replace("\r", "")
    tail = text[text.index("last log lines:"):]
    assert re.search(r"^core 0, port0 to port1: running, next 7, done [0-7], head 7 \(last [0-7]\), "
                     r"7 received, [0-7] sent, [0-7] held, 0 consumed, 0 dropped$", tail, re.M), tail
    assert re.search(r"^core 0, port1 to port0: running, next 0, .* 0 received", tail, re.M), tail


def test_descriptor_tables_and_acpi_results_are_in_the_sealed_data(symbols=f"{ROOT}/build/ferrule.elf"):
    """IDT, GDT with TSS, the boot line and the results of ACPI's tables are on the pages that
    selftest=write-sealed shows to be read-only."""
    at = {}
    for row in subprocess.run(["nm", symbols], stdout=subprocess.PIPE, text=True,
                              check=True).stdout.splitlines():
        at.setdefault(row.split()[-1], []).append(int(row.split()[0], 16))
    start, end = at["image_sealed_start"][0], at["image_sealed_end"][0]
    for name in ("idt", "boot_area", "acpi", "line", "power", "__stack_chk_guard"):
        assert any(start <= address < end for address in at[name]), name


def canary_of(boot, *options):
    machine = boot("", wires=0, cores=1, extra=options)
    at = subprocess.run(["nm", f"{ROOT}/build/ferrule.elf"], stdout=subprocess.PIPE, text=True, check=True).stdout
    address = re.search(r"^(\w+) \w __stack_chk_guard$", at, re.M)[1]
    text = machine.qmp("human-monitor-command", command_line=f"x /1gx 0x{address}")
    assert machine.poweroff() == 0
    return int(text.split(":")[1], 16)


# Instructions are the clock, so that the TSC is the same in each boot.
SAME_TIME = ["-icount", "shift=3,sleep=off"]


def test_the_canary_depends_on_the_tsc_and_on_rdrand_where_there_is_one(boot):
    without = [canary_of(boot, "-cpu", "qemu64") for _ in range(2)]
    same_time = [canary_of(boot, "-cpu", "qemu64", *SAME_TIME) for _ in range(2)]
    seeds = [canary_of(boot, "-cpu", "max", "-seed", seed, *SAME_TIME) for seed in ("1", "1", "2")]
    assert all(canary and canary & 0xFF == 0 for canary in without + seeds)
    assert without[0] != without[1], "two boots"
    assert same_time[0] == same_time[1], "the time is not the same: the next two lines would show nothing"
    assert seeds[0] == seeds[1] != seeds[2], "RDRAND, which QEMU's seed determines, is not in it"


def test_panic_halt_keeps_the_machine_halted(boot):
    machine = boot("selftest=null", wires=0, prompt=False)
    machine.expect(r"^halted")
    assert machine.process.poll() is None


def test_panic_reboot_resets_the_machine(boot):
    machine = boot("panic=reboot selftest=null", wires=0, prompt=False)
    machine.expect(r"^panic=reboot")
    assert machine.wait_exit() == 0  # by -no-reboot


def test_reboot_command_restarts_the_machine(boot):
    machine = boot("", wires=0)
    machine.send("reboot\r")
    assert machine.wait_exit() == 0  # by -no-reboot


# ---- unusual machines ----

def test_a_cpu_without_nx_is_refused_with_a_message(boot):
    machine = boot("", wires=0, prompt=False, extra=["-cpu", "qemu64,-nx"])
    machine.expect(r"^.*ferrule: this CPU cannot mark pages non-executable")


def test_a_cpu_without_long_mode_is_refused_with_a_message(boot):
    machine = boot("", wires=0, prompt=False, extra=["-cpu", "qemu64,-lm"])
    machine.expect(r"^.*ferrule: this CPU has no 64-bit mode")


def test_four_mebibytes_are_enough_for_a_prompt(boot):
    machine = boot("", wires=0, memory_mb=4)
    assert machine.poweroff() == 0


def test_memory_beyond_512_gib_is_used(boot):
    machine = boot("", wires=0, memory_mb=700 << 10, extra=[
        "-object", "memory-backend-ram,id=ram,size=700G,reserve=off", "-machine",
        "memory-backend=ram"])
    assert int(re.search(r"memory +(\d+) MiB of RAM", machine.console_text)[1]) > 700 * 1024 - 64
    assert machine.poweroff() == 0


def test_a_pc_without_mcfg_is_scanned_by_ports(boot):
    machine = boot("", wires=0, extra=["-M", "pc"])
    assert re.search(r"pci .* by ports", machine.console_text)
    assert machine.poweroff() == 0


def test_a_pc_without_acpi_boots_and_names_what_is_missing(boot):
    machine = boot("", wires=0, extra=["-M", "pc,acpi=off"])
    assert "acpi: no root pointer" in machine.console_text
    assert "by PIT" in machine.console_text
    machine.send("poweroff\r")
    machine.expect("unsupported, as ACPI has no S5")


def test_hardware_reduced_acpi_switches_off_by_its_sleep_register(boot):
    """QEMU's microvm has no PM1 registers, PM timer or HPET."""
    machine = boot("", wires=0, extra=["-M", "microvm,acpi=on,pit=on,pic=on,rtc=on"])
    assert re.search(r"power +S5 is sleep type 5 at address 0x[0-9a-f]+, no PM timer",
                     machine.console_text)
    assert machine.poweroff() == 0


def test_functions_behind_bridges_and_on_other_root_buses_are_found(boot):
    machine = boot("", wires=0, extra=[
        "-device", "pcie-root-port,id=rp0,chassis=1", "-device", "e1000e,bus=rp0",
        "-device", "pxb-pcie,bus_nr=64,id=px,bus=pcie.0",
        "-device", "pcie-root-port,bus=px,id=rp1,chassis=2", "-device", "e1000e,bus=rp1"])
    # Four functions of q35, two root ports, two cards, and the pxb.
    assert re.search(r"pci +9 functions \(2 bridges\) by ECAM", machine.console_text), \
        machine.console_text


def test_a_console_on_another_serial_port_is_used(boot, folder):
    second = f"{folder}/second.txt"
    machine = boot("console=ttyS1,9600 run=poweroff", wires=0, prompt=False, extra=[
        "-chardev", f"file,id=second,path={second}", "-device",
        "isa-serial,iobase=0x2f8,irq=3,chardev=second"])
    assert machine.wait_exit() == 0
    with open(second, encoding="utf-8") as f:
        text = f.read()
    assert "at port 0x2f8, 9600 baud" in text and "power off" in text
    assert "power off" not in machine.console_text


def test_a_console_on_an_absent_port_falls_back_to_the_first(boot):
    machine = boot("console=ttyS3", wires=0)
    assert "serial: console=: port 0x2e8: no UART answers there; the line stays" in machine.console_text


def test_without_a_serial_port_the_image_runs(boot):
    machine = boot("run=poweroff", wires=0, prompt=False, extra=["-global", "isa-serial.iobase=0x100"])
    assert machine.wait_exit() == 0
    assert "ferrule" not in machine.console_text


def test_a_machine_check_names_bank_and_address(boot):
    """QEMU's monitor injects one: bank 3, uncorrected, with an address (status bits 63, 61, 58)."""
    machine = boot("panic=exit", wires=0, cores=1, extra=EXIT)
    assert machine.qmp("human-monitor-command",
                       command_line="mce 0 3 0xa400000000000145 5 0x12345000 0") == ""
    assert machine.wait_exit() == PANIC_STATUS
    text = machine.console_text.replace("\r", "")
    assert re.search(r"^PANIC: machine check", text, re.M), text
    assert "bank 3: error code 0x0145, model's 0x0000, uncorrected, address 0x12345000" in text
