# SPDX-License-Identifier: BSD-2-Clause
"""app=route on four ports, each of which sends to all four, itself included: every datagram arrives
once, in the order of its flow, and unchanged but for MAC addresses, TTL and checksum. A port whose far
end stops reading costs named drops, and the others nothing. FERRULE_LONG=1: the mesh for 60 s instead of
5."""
import os
import struct
import threading
import time

from conftest import balanced, settled
from machine import PATIENCE_S, Failure, Wire, wait_until

MESH_S = 60 if os.environ.get("FERRULE_LONG") else 5
PORTS = 4
LINE = "app=route " + " ".join(f"port{i}.ip=10.0.{i}.1/24" for i in range(PORTS))
FLOWS = 4      # from each port to each: more than one core has some
WINDOW = 12    # datagrams of each flow before their arrival is awaited: together less than a ring
SIZES = (60, 61, 64, 90, 128, 300, 594, 1200, 1514)


def mac_of(port):
    return bytes((2, 0, 0, 0, port, 10))


def host_of(port):
    return bytes((10, 0, port, 10))


def checksum(header):
    total = sum(struct.unpack(">10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - ((total & 0xFFFF) + (total >> 16))


def datagram(macs, source, target, flow, number):
    """Number `number` of a flow from port `source` to the host at port `target`. Its sender is not of the
    port's subnet, so that one back to the same port causes no redirect."""
    length = SIZES[number % len(SIZES)]
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, length - 14, number & 0xFFFF, 0, 64, 17, 0,
                       bytes((172, 16, source, 9)), host_of(target))
    head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
    body = struct.pack(">HHHHQ", 5000 + flow, 7000, length - 34, 0, number)
    return macs[source] + mac_of(source) + b"\x08\x00" + head + body.ljust(length - 34, b"%c" % (number & 0xFF))


def forwarded(macs, frame, target):
    """The frame as it must arrive."""
    head = frame[14:22] + bytes((frame[22] - 1,)) + frame[23:24] + b"\0\0" + frame[26:34]
    return mac_of(target) + macs[target] + frame[12:14] + head[:10] + struct.pack(">H", checksum(head)) \
        + head[12:] + frame[34:]


class Host:
    """The host behind a port: answers ARP, and keeps the datagrams that came."""

    def __init__(self, wire, port, router_mac):
        self.wire, self.port, self.router_mac = wire, port, router_mac
        self.news, self.came, self.is_over = threading.Condition(), [], False
        self.thread = threading.Thread(target=self._take, daemon=True)
        self.thread.start()

    def _take(self):
        while not self.is_over:
            try:
                frame = self.wire.receive(1, 0.5)[0]
            except Failure:
                continue
            if frame[12:14] == b"\x08\x06" and frame[38:42] == host_of(self.port):
                self.wire.send((frame[6:12] + mac_of(self.port) + frame[12:20] + b"\0\x02" + mac_of(self.port)
                                + host_of(self.port) + frame[22:32]).ljust(60, b"\0"))
            elif frame[12:14] == b"\x08\x00":
                with self.news:
                    self.came.append(frame)
                    self.news.notify()

    def take(self, n):
        """The next n datagrams."""
        limit = time.monotonic() + PATIENCE_S
        with self.news:
            while len(self.came) < n:
                if not self.news.wait(limit - time.monotonic()) and time.monotonic() > limit:
                    raise Failure(f"port{self.port}: {len(self.came)} of {n} datagrams arrived")
            frames, self.came = self.came[:n], self.came[n:]
        self.wire.forget()
        return frames


def start(boot, wires):
    """A machine whose hosts are all known to it."""
    machine = boot(LINE, wires, cores=4, devices=["backpressure=off"] * PORTS)
    macs = [bytes.fromhex(row["mac"].replace(":", "")) for row in machine.ports()]
    hosts = [Host(wire, i, macs[i]) for i, wire in enumerate(machine.wires)]
    for host in hosts:
        source = (host.port + 1) % PORTS
        frame = datagram(macs, source, host.port, 0, 0)
        hosts[source].wire.send(frame)
        assert host.take(1) == [forwarded(macs, frame, host.port)]
    return machine, macs, hosts


def exchange(macs, hosts, first, ports):
    """Numbers first to first + WINDOW - 1 of each flow between these ports; returns how many datagrams."""
    for source in ports:
        hosts[source].wire.send(*[datagram(macs, source, target, flow, number)
                                  for number in range(first, first + WINDOW)
                                  for flow in range(FLOWS) for target in ports])
    for target in ports:
        frames = hosts[target].take(len(ports) * FLOWS * WINDOW)
        due = {(source, flow): first for source in ports for flow in range(FLOWS)}
        for frame in frames:
            source, flow = frame[28], struct.unpack_from(">H", frame, 34)[0] - 5000
            number = due[source, flow]
            due[source, flow] += 1
            sent = datagram(macs, source, target, flow, number)
            assert frame == forwarded(macs, sent, target), \
                f"port{source} to port{target}, flow {flow}: number {number} expected, {frame.hex()}"
    return len(ports) ** 2 * FLOWS * WINDOW


def end(hosts):
    for host in hosts:
        host.is_over = True


def test_full_mesh_of_four_ports_loses_nothing_and_keeps_the_order(boot):
    machine, macs, hosts = start(boot, PORTS)
    two, mesh, number = 0, 0, 1
    limit = time.monotonic() + MESH_S / 5
    while time.monotonic() < limit:
        two += exchange(macs, hosts, number, (0, 1))
        number += WINDOW
    limit = time.monotonic() + MESH_S
    while time.monotonic() < limit:
        mesh += exchange(macs, hosts, number, range(PORTS))
        number += WINDOW
    ledger = settled(machine)
    end(hosts)
    print(f"two ports: {two} datagrams in {MESH_S / 5:g} s; four: {mesh} in {MESH_S} s")
    assert mesh > 2 * PORTS ** 2 * FLOWS * WINDOW
    assert not any(ledger["drops"].values()), ledger
    for row in machine.ports():
        assert row["rx_dropped"] == row["rx_missed_errors"] == row["rx_errors"] == 0, row
    # What a port sends for others is generated here, what it sends for its partner is not.
    assert ledger["generated"] >= mesh * 3 // 4
    assert sum(row["rx_packets"] > 0 for row in machine.cores()) >= 3
    assert machine.poweroff() == 0


class LazyWire(Wire):
    """A wire whose far end reads only while `reads` is set."""

    def __init__(self):
        super().__init__()
        self.reads = threading.Event()
        self.reads.set()

    def _read(self):
        whole = self.ours

        class Gate:
            def recv(_, size):
                self.reads.wait()
                return whole.recv(min(size, 4096))

            def __getattr__(_, name):
                return getattr(whole, name)
        self.ours = Gate()
        super()._read()


def test_an_output_that_takes_nothing_costs_named_drops_and_the_others_nothing(boot):
    """Ports 0 and 1 go on exchanging datagrams while both send to port 3, whose far end reads nothing."""
    lazy = LazyWire()
    machine, macs, hosts = start(boot, [Wire(), Wire(), Wire(), lazy])
    lazy.reads.clear()
    number, others, into = 1, 0, 0

    def dropped():
        return balanced(machine)["drops"]["side_full"]

    limit = time.monotonic() + PATIENCE_S
    while dropped() < 1000:
        assert time.monotonic() < limit, "the queues to port 3 never filled"
        for _ in range(8):
            for source in (0, 1):
                hosts[source].wire.send(*[datagram(macs, source, 3, flow, n)
                                          for n in range(number, number + 50) for flow in range(FLOWS)])
                into += 50 * FLOWS
            others += exchange(macs, hosts, number, (0, 1))
            number += 50
    drops = balanced(machine)["drops"]
    assert sum(drops.values()) == drops["side_full"], drops
    lost = dropped()
    lazy.reads.set()
    wait_until(lambda: len(hosts[3].came), lambda n: n == into - lost, "what was queued arrives")
    due = {}
    for frame in hosts[3].take(into - lost):
        key = frame[28], struct.unpack_from(">H", frame, 34)[0] - 5000
        n = struct.unpack_from(">Q", frame, 42)[0]
        assert n > due.get(key, 0), f"flow {key}: {n} after {due[key]}"
        due[key] = n
        assert frame == forwarded(macs, datagram(macs, key[0], 3, key[1], n), 3)
    exchange(macs, hosts, number, range(PORTS))
    ledger = settled(machine)
    end(hosts)
    print(f"{into} datagrams to the stalled port, {lost} dropped; {others} between the others, none lost")
    assert sum(ledger["drops"].values()) == ledger["drops"]["side_full"] == lost, ledger
    for row in machine.ports():
        assert row["rx_dropped"] == row["rx_missed_errors"] == row["rx_errors"] == 0, row
    assert machine.poweroff() == 0
