# SPDX-License-Identifier: BSD-2-Clause
"""How the cards are left when the machine ends. Covered: poweroff and reboot typed at the console, with
frames under way: every card is quiet (receive and all queues off, interrupts masked, DRV_LOAD and bus
mastering 0), and the reset finds nothing running; a panic, however it ends, takes bus mastering from
every card; a port taken out of service drops its link, unless its management controller forbids that.
QEMU stops there instead of ending (-no-shutdown), so that the cards can be looked at.
"""
import pytest

from machine import Wire, wait_until

COMMAND, COMMAND_MASTER = 4, 1 << 2
RXEN, QUEUE_ENABLE, DRV_LOAD = 1 << 0, 1 << 25, 1 << 28
FRAME = bytes(range(60))
MACHINE_CHECK = "mce 0 3 0xa400000000000145 5 0x12345000 0"


def still_on(machine, port):
    """What of a card is not off, by name."""
    registers = machine.registers(port)
    found = {name: value for name, value in registers.items()
             if name.startswith(("RXDCTL", "TXDCTL")) and value & QUEUE_ENABLE
             or name.startswith("EIMS") and value}
    for name, bits in (("RXCTRL", RXEN), ("CTRL_EXT", DRV_LOAD)):
        if registers[name] & bits:
            found[name] = registers[name]
    return found


def is_master(machine, port):
    return bool(machine.config(port, COMMAND) & COMMAND_MASTER)


def wait_stopped(machine):
    wait_until(lambda: machine.qmp("query-status")["status"], lambda status: status == "shutdown",
               "QEMU stops where the machine ended")


@pytest.mark.parametrize("cores", [1, 4])
@pytest.mark.parametrize("command", ["poweroff", "reboot"])
def test_leaving_by_a_command_leaves_every_card_quiet(boot, command, cores):
    machine = boot("app=forward", [Wire(), Wire(), None], links=False, cores=cores, extra=["-no-shutdown"])
    for port in (0, 1):
        machine.wait_link(port, True)
    assert all({"RXCTRL", "CTRL_EXT", "RXDCTL[0]", "TXDCTL[0]"} <= still_on(machine, port).keys()
               for port in range(2)), "looked at the wrong bits"
    machine.wires[0].send(*[FRAME] * 100)
    machine.wires[1].receive(100)
    machine.wires[0].send(*[FRAME] * 100)
    machine.send(f"{command}\r")
    wait_stopped(machine)
    assert [still_on(machine, port) for port in range(3)] == [{}] * 3
    assert [is_master(machine, port) for port in range(3)] == [False] * 3


@pytest.mark.parametrize("how", ["command", "outside"])
def test_a_reset_finds_no_card_running_unless_it_comes_from_outside(boot, how):
    """By the model's rule left-running, which is looked at when the machine resets its cards."""
    machine = boot("app=forward", extra=["-action", "reboot=reset"])
    if how == "command":
        machine.send("reboot\r")
    else:
        machine.qmp("system_reset")
    machine.expect(r"\btraps\b")  # the first line that the next start writes
    assert ("rule left-running" in machine.errors()) == (how == "outside")


def test_reboot_starts_the_image_again(boot):
    machine = boot("app=forward", extra=["-action", "reboot=reset"])
    machine.send("reboot\r")
    machine.expect(r"\btraps\b")
    machine.prompt()
    machine.wait_links()
    machine.wires[0].send(FRAME)
    assert machine.wires[1].receive(1) == [FRAME]
    assert machine.poweroff() == 0


@pytest.mark.parametrize("core", [0, 2])
@pytest.mark.parametrize("end,said", [("exit", r"^panic=exit"), ("halt", r"^halted"),
                                      ("reboot", r"^panic=reboot")])
def test_a_panic_takes_bus_mastering_from_every_card(boot, end, said, core):
    """The one thing that a panic can do to a card without waiting for it."""
    machine = boot(f"app=forward panic={end}", cores=4, extra=["-no-shutdown"])
    machine.wires[0].send(FRAME)
    machine.wires[1].receive()
    assert [is_master(machine, port) for port in range(2)] == [True] * 2
    machine.qmp("human-monitor-command", command_line=MACHINE_CHECK.replace("0", str(core), 1))
    machine.expect(said)
    if end == "reboot":
        wait_stopped(machine)
    assert [is_master(machine, port) for port in range(2)] == [False] * 2


def test_a_port_out_of_service_has_no_link(boot):
    machine = boot("app=forward")
    machine.run("set port 1 down")
    # The line may come before the prompt.
    wait_until(lambda: machine.console_text, lambda text: "port1: link down" in text, "the link goes down")
    machine.run("set port 1 up")
    machine.wait_links()
    machine.wires[0].send(bytes(100))
    machine.wires[1].receive(1)
    assert machine.poweroff() == 0


def test_a_link_under_veto_stays_up_with_a_line(boot):
    machine = boot("app=forward")
    machine.card(1, "evil", "veto:1")
    machine.run("set port 1 down")
    assert ("port1: link stays up: its management controller forbids dropping it"
            in machine.console_text)
    machine.run("set port 1 up")
    assert machine.poweroff() == 0


EXIT = ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]


@pytest.mark.parametrize("typed,status", [("exit", 1), ("exit 0", 1), ("exit 5", 11), ("exit 127", 255)])
def test_exit_sets_qemus_status(boot, typed, status):
    machine = boot("app=forward", links=False, extra=EXIT)
    assert "usage: exit" in machine.run("exit 128") and "usage: exit" in machine.run("exit now")
    machine.send(f"{typed}\r")
    assert machine.wait_exit() == status


@pytest.mark.parametrize("line", ["run-fail=exit", "panic=exit"])
@pytest.mark.parametrize("commands", ["show memory; show prots; poweroff", "run nothing; poweroff",
                                      "ping 10.0.0.9 1; poweroff"])
def test_a_command_of_run_that_fails_ends_qemu(boot, line, commands):
    machine = boot(f'app=echo port0.ip=10.0.0.1/24 {line} run="{commands}"', prompt=False, links=False, extra=EXIT)
    assert machine.wait_exit() == 3
    assert "not run: poweroff" in machine.console_text


@pytest.mark.parametrize("line", ["", "run-fail=prompt panic=exit"])
def test_a_command_of_run_that_fails_leads_to_the_prompt(boot, line):
    machine = boot(f'app=forward {line} run="show prots; poweroff"', links=False, prompt=False, extra=EXIT)
    machine.expect(r"^not run: poweroff\r?$")
    machine.prompt()
    assert "usage" not in machine.run("show memory")
    machine.send("show prots\rpoweroff\r")  # only those of run= have the consequence
    assert machine.wait_exit() == 0
