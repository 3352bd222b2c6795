# SPDX-License-Identifier: BSD-2-Clause
"""Invalid information from firmware and loaders: memory maps with overlaps, holes, unknown types and
ranges beyond the CPU's addresses; modules outside RAM; ACPI without a root pointer or with wrong
checksums. gdb stops the machine at the kernel's first instruction and changes the loader's information.
Then machines that lack a device or CPU feature. Each boots and forwards, or ends with a line that gives
the reason."""
import re
import struct
import subprocess

import pytest

from boot_media import ISO, clean, uefi
from conftest import forwards_both_ways
from machine import IMAGE, PATIENCE_S, ROOT, wait_until
from test_screen import pixel_text, vga_text

# For gdb: access to the loader's PVH information. At kernel_start the first 4 GiB are identity-mapped.
SCRIPT = '''
import gdb, struct
cpu = gdb.selected_inferior()
def get(at, form):
    return struct.unpack(form, cpu.read_memory(at, struct.calcsize(form)).tobytes())
def put(at, form, *values):
    cpu.write_memory(at, struct.pack(form, *values))
info = int(gdb.parse_and_eval("$rsi"))
modules, = get(info + 16, "<Q")
rsdp, = get(info + 32, "<Q")
map_at, n_map = get(info + 40, "<QI")
ranges = [get(map_at + 24 * i, "<QQI") for i in range(n_map)]
def set_map(*rows):
    for i, row in enumerate(rows):
        put(map_at + 24 * i, "<QQII", *row, 0)
    put(info + 48, "<I", len(rows))
def table(name):
    rsdt, = get(rsdp + 16, "<I")
    length, = get(rsdt + 4, "<I")
    for i in range((length - 36) // 4):
        at, = get(rsdt + 36 + 4 * i, "<I")
        if cpu.read_memory(at, 4).tobytes() == name:
            return at
    raise ValueError(name)
def fixed(at):
    """The table's checksum is right again."""
    length, = get(at + 4, "<I")
    put(at + 9, "<B", 0)
    put(at + 9, "<B", -sum(cpu.read_memory(at, length).tobytes()) & 0xFF)
def install(name, data):
    """Another table in place of one: in memory that SeaBIOS reserves, listed by the root table."""
    old, new = table(name), 0x0FFF0000
    cpu.write_memory(new, data)
    put(new + 4, "<I", len(data))
    fixed(new)
    rsdt, = get(rsdp + 16, "<I")
    for at in range(rsdt + 36, rsdt + get(rsdt + 4, "<I")[0], 4):
        if get(at, "<I")[0] == old:
            put(at, "<I", new)
    fixed(rsdt)
def damage(at):
    put(at, "<B", get(at, "<B")[0] ^ 0xFF)
ram = max((r for r in ranges if r[2] == 1), key=lambda r: r[1])
'''


@pytest.fixture
def damaged(boot, tmp_path):
    """damaged(Python code for gdb, append, ...) -> the machine, continued after the code ran."""
    def start(code, append="app=forward", words=SCRIPT, at="kernel_start", **options):
        path, script = f"{tmp_path}/gdb", f"{tmp_path}/code.py"
        with open(script, "w", encoding="utf-8") as f:
            f.write(words + code + "\nprint('damaged')\n")
        options["extra"] = options.get("extra", []) + ["-gdb", f"unix:{path},server=on,wait=off"]
        machine = boot(append, paused=True, prompt=False, **options)
        text = subprocess.run(
            ["gdb", "-nx", "-batch", f"{ROOT}/build/ferrule.elf", "-ex", f"target remote {path}",
             "-ex", f"break *{at}", "-ex", "continue", "-ex", "delete",
             "-ex", f"source {script}", "-ex", "detach"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE_S,
            check=False).stdout
        assert "damaged" in text, text
        return machine
    return start


def forwards(machine):
    """Check that the machine reaches the prompt and forwards frames both ways. Returns its console's text."""
    machine.prompt()
    machine.wait_links()
    forwards_both_ways(machine)
    return machine.console_text


# ---- memory maps ----

def test_a_map_of_overlaps_holes_unknown_types_and_impossible_ranges(damaged):
    """Of two overlapping ranges the less usable type counts; RAM beyond the CPU's addresses is left out."""
    text = forwards(damaged("""
set_map((0, 0x9F000, 1), (0x100000, ram[1] // 2, 1), (0x200000, ram[1] - 0x300000, 1),
        (0x4000000, 0x1000, 2), (0x4000800, 0x10, 77), (0x5000000, 0, 1), (0x6000000, 0x3000, 0),
        (1 << 51, 1 << 40, 1), ((1 << 64) - 0x1000, 0x2000, 1), (0x7000123, 0x456, 0xFFFFFFFF),
        (0xF0000, 0x10000, 2), (ram[0] + ram[1], 0x20000, 3))
"""))
    assert "a memory range wraps around the end of the address space" in text
    assert re.search(r"memory: \d+ MiB lie beyond the \d+ address bits", text)


def test_a_map_of_many_small_pieces(damaged):
    """More than are kept, each a page followed by a hole."""
    text = forwards(damaged("""
rows = [(0x8000000 + 0x2000 * i, 0x1000, 1) for i in range(400)]
at = 0x6000000
for i, row in enumerate([(0x100000, 0x5000000, 1)] + rows):
    put(at + 24 * i, "<QQII", *row, 0)
put(info + 40, "<QI", at, 401)
"""))
    assert "memory: the map has too many ranges" in text


def test_a_map_with_too_little_ram_reports_what_does_not_fit(damaged):
    machine = damaged("set_map((0x100000, 0x15C000, 1))", links=False)
    machine.expect(r"^.*error: dma: no \d+ KiB aligned to 4 KiB left")
    machine.expect(r"^.*error: port0: no lane to port1 on core 0")
    machine.expect(r"^.*port1 -> port0: 0 lanes")
    machine.prompt()
    assert machine.poweroff() == 0


@pytest.mark.parametrize("rows", ["", "(0x100000, 0x8000000, 2)", "((1 << 51), 1 << 30, 1)"])
def test_a_map_without_enough_ram_panics_with_the_reason(damaged, rows):
    machine = damaged(f"set_map({rows and rows + ','})", "app=forward panic=exit", links=False,
                      extra=["-device", "isa-debug-exit,iobase=0xf4,iosize=4"])
    machine.expect(r"^PANIC: memory: (the loader's map has no usable RAM|\d+ KiB of RAM do not hold)")
    assert machine.wait_exit() == 3


def test_a_map_that_claims_four_thousand_million_ranges(damaged):
    machine = damaged('put(info + 48, "<I", 0xFFFFFFFF)', "panic=exit", wires=0, extra=[
        "-device", "isa-debug-exit,iobase=0xf4,iosize=4"])
    machine.expect(r"PVH memory map (claims too many ranges|cannot be read to its end)")


def test_information_of_neither_protocol_panics_with_the_reason(damaged):
    machine = damaged('put(info, "<I", 0)', "panic=exit", wires=0,
                      extra=["-device", "isa-debug-exit,iobase=0xf4,iosize=4"])
    machine.expect(r"^PANIC: booted neither by multiboot2 nor by PVH: eax 0x[0-9a-f]{8}, ebx 0x")


# The same for multiboot2, at the image's entry: paging is off; tag(type) is the address of that tag.
BY_MULTIBOOT2 = SCRIPT[:SCRIPT.index("info =")] + """
info = int(gdb.parse_and_eval("$ebx"))
def tag(kind):
    at = info + 8
    while get(at, "<I")[0] != kind:
        at += (get(at + 4, "<I")[0] + 7) & ~7
    return at
"""


def test_a_map_without_ram_is_reported_on_a_frame_buffer_too(damaged, folder):
    """UEFI and GRUB: every range of the map is reserved; the panic is read from the frame buffer."""
    with open(IMAGE, "rb") as f:
        entry, = struct.unpack_from("<Q", f.read(), 24)
    machine = damaged("""
at = tag(6)
for i in range(at + 16, at + get(at + 4, "<I")[0], 24):
    put(i + 16, "<I", 2)
""", words=BY_MULTIBOOT2, at=f"{entry:#x} if $eax == 0x36d76289",
                      boot=uefi(folder) + ["-cdrom", ISO], wires=0, extra=["-device", "VGA"])
    machine.expect(r"^PANIC: memory: the loader's map has no usable RAM")
    machine.expect(r"^halted")
    rows = pixel_text(machine)
    assert any(row.startswith("PANIC: memory: the loader's map has no usable RAM") for row in rows), rows
    clean(folder)


# ---- modules ----

@pytest.mark.parametrize("start,size", [("ram[0] + ram[1] - 0x1000", "0x100000"), ("1 << 45", "0x1000"),
                                        ("0x100000", "0x1000"), ("0xA0000", "0x100"),
                                        ("(1 << 52) - 0x1000", "0x1000")],
                         ids=["cut by the end of RAM", "nowhere", "the image", "no RAM", "too high"])
def test_a_module_outside_free_ram_is_left_out_with_a_line(damaged, start, size):
    text = forwards(damaged(f'put(modules, "<QQ", {start}, {size})',
                            extra=["-initrd", f"{ROOT}/LICENSE"]))
    assert re.search(r"module +0 .* not all in free RAM; left out", text), text


def test_modules_that_are_empty_or_wrap_are_reported(damaged):
    text = forwards(damaged('put(modules, "<QQ", 0x2000000, (1 << 64) - 5)',
                            extra=["-initrd", f"{ROOT}/LICENSE"]))
    assert "a boot module is empty or wraps" in text


# ---- ACPI ----

def test_no_root_pointer_anywhere(damaged):
    text = forwards(damaged("""
put(info + 32, "<Q", 0)
for at in range(0xE0000, 0x100000, 16):
    if cpu.read_memory(at, 8).tobytes() == b"RSD PTR ":
        damage(at)
"""))
    assert "acpi: no root pointer; without tables: PCI by ports" in text


def test_a_root_pointer_that_the_loader_does_not_know_is_found_in_bios_memory(damaged):
    assert "found through BIOS memory" in forwards(damaged('put(info + 32, "<Q", 0)'))


def test_a_root_pointer_outside_memory(damaged):
    assert "found through BIOS memory" in forwards(damaged('put(info + 32, "<Q", (1 << 52) - 8)'))


@pytest.mark.parametrize("name", ["APIC", "FACP", "MCFG", "HPET"])
def test_a_table_with_a_wrong_checksum_is_reported_and_used(damaged, name):
    text = forwards(damaged(f'damage(table(b"{name}") + 20)'))
    assert re.search(rf"acpi: ACPI table {name} at 0x[0-9a-f]+ has a wrong checksum; used all "
                     "the same", text)
    assert len(re.findall("wrong checksum", text)) == 1, text


def test_a_root_table_with_a_wrong_checksum(damaged):
    text = forwards(damaged('damage(get(rsdp + 16, "<I")[0] + 20)'))
    assert re.search(r"ACPI table [RX]SDT .* has a wrong checksum; used all the same", text)


@pytest.mark.parametrize("length", [0, 8, 35, 0xFFFFFFFF])
def test_a_table_with_an_impossible_length(damaged, length):
    text = forwards(damaged(f'put(table(b"APIC") + 4, "<I", {length})'))
    assert "ACPI table APIC" in text and "has an invalid length; not used" in text


def test_an_s5_in_an_ssdt_is_used(damaged):
    """Two SSDTs, the second of a real machine, and a DSDT whose \\_S5 is renamed: sleep type 2."""
    aml = f"{ROOT}/tests/data/acpi/aml"
    text = forwards(damaged("""
fadt = table(b"FACP")
dsdt, = get(fadt + 40, "<I")
length, = get(dsdt + 4, "<I")
code = cpu.read_memory(dsdt, length).tobytes()
put(dsdt + code.index(b"_S5_"), "<4s", b"_S9_")
""", extra=["-acpitable", "sig=SSDT,data=/dev/null",
            "-acpitable", f"file={aml}/dell-t3500-t7500-ssdt-with-s5.aml"]))
    assert "S5 is sleep type 2 at port 0x604" in text


# cpus: (APIC id, enabled).
MADT = """
def set_madt(cpus):
    entries = b"".join(struct.pack("<BBBBI", 0, 8, i & 0xFF, at, on) if at < 255 else
                       struct.pack("<BBHIII", 9, 16, 0, at, on, i) for i, (at, on) in enumerate(cpus))
    entries += struct.pack("<BBBBII", 1, 12, 0, 0, 0xFEC00000, 0)
    new = b"APIC" + struct.pack("<IBB6s8sIII", 0, 3, 0, b"FERRUL", b"MADTTEST", 1, 1, 1)
    install(b"APIC", new + struct.pack("<II", 0xFEE00000, 1) + entries)
"""


# The MCFG's entries: (segment, first bus, last bus), all at QEMU's window.
MCFG = """
def set_mcfg(rows):
    at = table(b"MCFG")
    base, = get(at + 44, "<Q")
    install(b"MCFG", cpu.read_memory(at, 44).tobytes() + b"".join(
        struct.pack("<QHBBI", base, *row, 0) for row in rows))
"""


@pytest.mark.parametrize("rows,how", [
    ([(0, 0, 0), (0, 1, 255)], "2 ECAM windows"),            # as mcfg_two_entries_segment0.bin
    ([(0, 0, 0)], "ECAM"),                                   # the card's bus has no window
    ([(0, 4, 255)], "ECAM"),                                 # bus 0 has none
    ([(0, 0, 255), (0, 0, 255), (0, 3, 9)], "ECAM"),         # repeated
], ids=["two windows", "bus 0 alone", "not bus 0", "repeated"])
def test_buses_are_found_in_every_window_and_outside_of_them(damaged, rows, how):
    """Two cards, each below a root port: neither is on bus 0."""
    ports = [x for i in (1, 2) for x in ("-device", f"pcie-root-port,id=rp{i},chassis={i}")]
    text = forwards(damaged(f"set_mcfg({rows})", words=SCRIPT + MCFG,
                            devices=["bus=rp1", "bus=rp2"],
                            boot=ports + ["-kernel", IMAGE, "-append", "app=forward"]))
    assert re.search(rf"pci +\d+ functions \(\d+ bridges\) by {how};", text)
    assert text.count("repeats buses of segment 0; not used") == (2 if len(rows) == 3 else 0)


@pytest.mark.parametrize("bogus", [0x100, 0x101, 0x1FF, 0xFFFFFFFF, 0xFF], ids=hex)
def test_an_apic_id_that_xapic_mode_cannot_address_gets_no_interrupt(damaged, bogus):
    """Its low byte is that of a core that runs, or means all cores."""
    text = forwards(damaged(f"set_madt([(0, 1), (1, 1), ({bogus}, 1)])", words=SCRIPT + MADT, cores=2))
    assert f"cores: APIC id {bogus} does not start: interrupts cannot be sent to this id" in text
    assert re.search(r"cores +2 of 3 run", text)


def test_a_madt_without_the_boot_cpu_starts_the_others(damaged):
    text = forwards(damaged("set_madt([(1, 1)])", words=SCRIPT + MADT, cores=2))
    assert re.search(r"cores +2 of 2 run", text)


def test_cores_that_never_answer_hold_up_the_boot_once(damaged):
    """64 of 66 cores do not exist. The time for one that does not answer is shared by all in a row."""
    text = forwards(damaged("set_madt([(0, 1)] + [(i, 1) for i in range(100, 164)] + [(1, 1)])",
                            words=SCRIPT + MADT, cores=2))
    assert re.search(r"cores +2 of 66 run", text)
    assert "cores: 56 more APIC ids do not start" in text
    took_us = int(re.search(r"cores +2 of 66 run \((\d+) us\)", text)[1])
    assert took_us < 1_000_000 + 64 * 30_000, "a second, then 10 ms for each, and as much for a busy host"


def made(signature, name):
    """gdb's words for a table of tests/data/acpi/made in the place of the machine's."""
    return f"install({signature!r}, open({f'{ROOT}/tests/data/acpi/made/{name}.bin'!r}, 'rb').read())"


def test_a_madt_with_an_apic_id_of_256_boots(damaged):
    text = forwards(damaged(made(b"APIC", "madt_x2apic_256"), cores=2))
    assert re.search(r"cores +2 of 3 run", text)


def test_both_cards_are_found_by_an_mcfg_of_two_entries(damaged):
    """Each is below a root port: on a bus of the second entry."""
    ports = [x for i in (1, 2) for x in ("-device", f"pcie-root-port,id=rp{i},chassis={i}")]
    machine = damaged(made(b"MCFG", "mcfg_two_entries_segment0"), devices=["bus=rp1", "bus=rp2"],
                      boot=ports + ["-kernel", IMAGE, "-append", "app=forward"])
    forwards(machine)
    assert [row["pci"] for row in machine.ports()] == ["0000:01:00.0", "0000:02:00.0"]


def test_a_madt_of_300_cores_is_cut_with_a_line(damaged):
    text = forwards(damaged("set_madt([(i, i < 2) for i in range(255)] + [(i, 0) for i in range(255, 300)])",
                            words=SCRIPT + MADT, cores=2))
    assert re.search(r"cores +2 of 2 run", text)
    text = forwards(damaged("set_madt([(i, i < 2 or i > 255) for i in range(512)])",
                            words=SCRIPT + MADT, cores=2))
    assert "the MADT has too many structures" in text


# ---- machines that lack a device or CPU feature ----

@pytest.mark.parametrize("options", [
    {"cores": 1}, {"extra": ["-cpu", "qemu64"]}, {"extra": ["-cpu", "max"]},
    {"extra": ["-cpu", "max,-x2apic"]}, {"extra": ["-cpu", "qemu64,-x2apic"], "cores": 1},
    {"extra": ["-M", "acpi=off"]}, {"extra": ["-M", "hpet=off"]}, {"memory_mb": 16, "cores": 1},
    {"memory_mb": 24}], ids=lambda o: " ".join(f"{k} {v}" for k, v in o.items()))
def test_a_machine_without_a_device_or_feature_forwards(boot, options):
    forwards(boot("app=forward", prompt=False, **options))


def test_without_a_serial_port_the_log_is_on_the_screen(boot):
    """None of the four serial ports exists: the log is on the screen, and frames pass."""
    machine = boot("app=forward", prompt=False,
                   extra=["-global", "isa-serial.iobase=0x100", "-device", "VGA"])
    wait_until(lambda: vga_text(machine),
               lambda rows: any(re.search(r"links +all up, \d+ us after entry", row) for row in rows),
               "the screen shows that the links are up")
    machine.wires[0].send(bytes(range(60)))
    assert machine.wires[1].receive(1) == [bytes(range(60))]
    assert "ferrule" not in machine.console_text


def test_a_refusal_is_on_the_screen_too(boot):
    machine = boot(wires=0, prompt=False, extra=["-cpu", "qemu64,-nx", "-device", "VGA"])
    line = "ferrule: this CPU cannot mark pages non-executable (NX)"
    machine.expect(re.escape(line))

    def shown():
        answer = machine.qmp("human-monitor-command", command_line="xp /80xh 0xb8000")
        return "".join(chr(int(word, 16) & 0x7F) for word in re.findall(r" 0x([0-9a-f]{4})", answer))
    wait_until(shown, lambda text: line in text, "the line is on the screen")
