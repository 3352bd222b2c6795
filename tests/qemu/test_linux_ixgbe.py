# SPDX-License-Identifier: BSD-2-Clause
"""Linux's ixgbe as the judge of the X540 model: Debian's packaged kernel and driver, unmodified,
on two ports of the model whose wires are joined, each port in a network namespace of its own.

Covered, in the order in which a user meets it: the probe (NVM, PHY, semaphores, interrupts), link
at 10 Gb/s and its loss, ping, checksum and segmentation offload as seen on the wire, TCP and UDP
both ways at MTU 1500 and 9000 and through VLANs, receive queues over all CPUs, ethtool's tests and
dumps, flow director's perfect filters, a stream of frames, closing and opening, loading and
unloading, and all of it behind a strict IOMMU with interrupt remapping.

The kernel must stay without alarm (linux_guest.ALARMS) and the model without complaint in every
one. FERRULE_LONG=1 runs more: a million frames and, a second time, a current kernel from
Debian's backports.
"""
import os
import re

import pytest
from scapy.all import IP, TCP, UDP, PcapReader

from conftest import LOGS
from linux_guest import LinuxGuest, iperf3, joined_ports, kernel
from machine import wait_until
from rss import MICROSOFT_KEY, queue_of

LONG = bool(os.environ.get("FERRULE_LONG"))
CPUS = 4
ADDRESSES = ("10.9.0.1", "10.9.0.2")
VLAN_ADDRESSES = ("10.9.7.1", "10.9.7.2")


class Ports:
    """The guest and its two ports: port i is eth0 in namespace n<i>."""

    def __init__(self, guest):
        self.guest = guest

    def make(self):
        """Load the driver, and put each port into its namespace."""
        self.guest.check("modprobe ixgbe", 120)
        names = self.guest.check("ls /sys/bus/pci/drivers/ixgbe/*:*/net | grep eth").split()
        assert len(names) == 2, names
        for i, name in enumerate(names):
            self.guest.check(f"ip netns add n{i} 2>/dev/null; ip link set {name} netns n{i} && "
                             f"ip -n n{i} link set {name} name eth0 && "
                             f"ip -n n{i} link set lo up")

    def on(self, i, command, timeout_s=60):
        return self.guest.check(f"ip netns exec n{i} {command}", timeout_s)

    def up(self, i):
        self.on(i, f"ip addr replace {ADDRESSES[i]}/24 dev eth0")
        self.on(i, "ip link set eth0 up")

    def wait_link(self, i, is_up=True):
        self.guest.wait_for(f"ip -n n{i} link show eth0",
                            r"[<,]LOWER_UP" if is_up else r"NO-CARRIER")

    def both_up(self):
        for i in (0, 1):
            self.up(i)
        for i in (0, 1):
            self.wait_link(i)

    def ping(self, i, to, size=56, count=5, more=""):
        text = self.on(i, f"ping -n -i 0.05 -c {count} -s {size} -M do {more} {to}", 60)
        assert f"{count} received" in text, (text, [self.lost(i) for i in (0, 1)])

    def statistics(self, i):
        rows = re.findall(r"^\s+([^:\s][^:]*): (\d+)$", self.on(i, "ethtool -S eth0"), re.M)
        assert len(rows) > 80, rows
        return {name: int(value) for name, value in rows}

    def lost(self, i):
        """What a port and its host count as lost, for the words of a failure."""
        counts = {name: value for name, value in self.statistics(i).items()
                  if value and re.search("miss|drop|err|no_buf|no_dma|fail|restart|busy", name)}
        return counts, self.on(i, "sh -c 'grep -h Icmp /proc/net/snmp; ip neigh | head -4'")

    def set_mtu(self, mtu):
        for i in (0, 1):
            self.on(i, f"ip link set eth0 mtu {mtu}")
        self.both_up()

    def iperf(self, to=ADDRESSES[1], seconds=2, more=""):
        """Port 0 to whoever listens at port 1. Returns what iperf3 says at its end."""
        length = "" if "-n" in more.split() else f"-t {seconds}"
        return iperf3(self.guest, self.guest, to, f"{length} {more}",
                      client_prefix="ip netns exec n0", server_prefix="ip netns exec n1")

    def tcp(self, to=ADDRESSES[1], more=""):
        for direction in ("", "-R"):
            end = self.iperf(to, more=f"{direction} {more}")
            moved = end["sum_received"]["bytes"]
            assert moved > 1e6, f"TCP {direction or 'out'}: {end['sum_received']}"

    def udp(self, to=ADDRESSES[1], size=1400, rates=("20M", "10M", "4M")):
        """At one of the rates, for what an emulated machine can carry depends on its host's load:
        what the model took must arrive, but for what a guest's socket had no room for."""
        for direction in ("", "-R"):
            for rate in rates:
                end = self.iperf(to, more=f"-u -l {size} -b {rate} {direction}")["sum"]
                if end["lost_packets"] <= end["packets"] // 50:
                    break
            assert end["packets"] > 100, end
            assert end["lost_packets"] <= end["packets"] // 50, f"UDP {direction or 'out'}: {end}"

    def pktgen(self, count, udp_port, size=60, to="10.9.0.254"):
        """Port 0 sends so many frames to port 1, from many addresses, as fast as it can: for a host
        that port 1's does not know. Many for its own address it would answer as unreachable, to
        senders who do not exist; what waits for those takes the room of later echo replies
        (OutErrors in /proc/net/snmp)."""
        self.guest.check("modprobe pktgen")
        self.on(0, "sh -c 'echo add_device eth0@0 >/proc/net/pktgen/kpktgend_0'")
        for setting in (f"count {count}", f"pkt_size {size}", "delay 0", "clone_skb 0",
                        f"dst {to}", "dst_mac 02:00:00:00:00:02",
                        f"udp_dst_min {udp_port}", f"udp_dst_max {udp_port}",
                        "src_min 10.9.0.10", "src_max 10.9.0.200", "queue_map_min 0",
                        f"queue_map_max {CPUS - 1}"):
            self.on(0, f"sh -c 'echo {setting} >/proc/net/pktgen/eth0@0'")
        self.on(0, "sh -c 'echo start >/proc/net/pktgen/pgctrl'", 600)
        result = self.on(0, "cat /proc/net/pktgen/eth0@0")
        self.on(0, "sh -c 'echo rem_device_all >/proc/net/pktgen/kpktgend_0'")
        return result


def kernels():
    return ["stock", "backports"] if LONG else ["stock"]


@pytest.fixture(scope="module", params=kernels())
def guest(request):
    linux = kernel(suite=None if request.param == "stock" else "backports")
    folder = f"{LOGS}/linux-{request.param}"
    dumps = []
    for i in (0, 1):
        dumps += ["-object", f"filter-dump,id=dump{i},netdev=n{i},file={folder}/port{i}.pcap,"
                             "maxlen=10000,status=off"]
    guest = LinuxGuest(folder, linux, joined_ports("x540"), cores=CPUS, extra=dumps)
    yield guest
    guest.stop()


@pytest.fixture(scope="module")
def ports(guest):
    made = Ports(guest)
    made.make()
    made.both_up()
    return made


@pytest.fixture(autouse=True)
def quiet(request):
    """After each test: neither the kernel nor the model had anything to complain of."""
    if "guest" not in request.fixturenames:
        yield
        return
    guest = request.getfixturevalue("guest")
    yield
    assert guest.complaints() == []
    assert guest.alarms() == []


# ---- Probe and link ----

def test_probe_finds_two_ports_and_a_queue_for_each_cpu(ports):
    log = ports.guest.console_text
    assert len(re.findall(r"ixgbe .*: Intel\(R\) 10 Gigabit Network Connection", log)) == 2, log
    assert len(re.findall(rf"Multiqueue Enabled: Rx Queue count = {CPUS}, "
                          rf"Tx Queue count = {CPUS}", log)) == 2, log
    assert len(re.findall(r"MAC: 3, PHY: 0, PBA No: \S+", log)) == 2, log
    assert len(re.findall(r"32\.000 Gb/s available PCIe bandwidth", log)) == 2, log
    for i in (0, 1):
        assert f"02:00:00:00:00:0{i + 1}" in ports.on(i, "ip link show eth0")


def test_link_comes_up_at_10_gigabit(ports):
    ports.both_up()
    assert len(re.findall(r"NIC Link is Up 10 Gbps", ports.guest.console_text)) >= 2
    for i in (0, 1):
        text = ports.on(i, "ethtool eth0")
        assert "Speed: 10000Mb/s" in text and "Link detected: yes" in text, text
        assert "Port: Twisted Pair" in text, text


def test_link_follows_the_cable(ports):
    ports.both_up()
    ports.guest.qmp("set_link", name="n0", up=False)
    ports.wait_link(0, False)
    ports.guest.qmp("set_link", name="n0", up=True)
    ports.wait_link(0)
    ports.ping(0, ADDRESSES[1])


# ---- Frames ----

@pytest.mark.parametrize("size", [0, 1, 18, 56, 1000, 1472])
def test_ping_passes(ports, size):
    ports.both_up()
    ports.ping(0, ADDRESSES[1], size)
    ports.ping(1, ADDRESSES[0], size)


def test_offloads_leave_right_frames_on_the_wire(ports):
    ports.both_up()
    features = ports.on(0, "ethtool -k eth0")
    assert "tcp-segmentation-offload: on" in features, features
    assert "tx-checksumming: on" in features and "rx-checksumming: on" in features, features
    before = ports.statistics(1)
    for i in (0, 1):
        ports.guest.qmp("qom-set", path=f"/objects/dump{i}", property="status", value="on")
    ports.iperf(more="-n 2M")
    ports.iperf(more="-u -b 5M -l 300")
    for i in (0, 1):
        ports.guest.qmp("qom-set", path=f"/objects/dump{i}", property="status", value="off")
    seen = {TCP: 0, UDP: 0}
    with PcapReader(f"{ports.guest.folder}/port0.pcap") as frames:
        for frame in frames:
            if IP not in frame:
                continue
            data = bytes(frame)
            assert 60 <= len(data) <= 1514, frame.summary()
            ip_again = frame[IP].copy()
            kind = TCP if TCP in frame else UDP if UDP in frame else None
            if kind is None:
                continue
            seen[kind] += 1
            sums = ip_again.chksum, ip_again[kind].chksum
            del ip_again.chksum, ip_again[kind].chksum
            ip_again = IP(bytes(ip_again))
            assert sums == (ip_again.chksum, ip_again[kind].chksum), frame.summary()
    assert seen[TCP] > 300 and seen[UDP] > 300, seen
    after = ports.statistics(1)
    assert after["rx_csum_offload_errors"] == before["rx_csum_offload_errors"]


@pytest.mark.parametrize("mtu", [1500, 9000])
def test_tcp_and_udp_flow_both_ways(ports, mtu):
    ports.set_mtu(mtu)
    ports.ping(0, ADDRESSES[1], mtu - 28)
    ports.tcp()
    ports.udp(size=mtu - 28)
    for i in (0, 1):
        counted = ports.statistics(i)
        for name in ("rx_crc_errors", "rx_length_errors", "rx_csum_offload_errors",
                     "rx_long_length_errors", "tx_timeout_count", "hw_rsc_flushed"):
            assert counted.get(name, 0) == 0, (name, counted[name])


def test_vlans_pass_tagged(ports):
    ports.set_mtu(1500)
    ports.guest.check("modprobe 8021q")
    for i in (0, 1):
        ports.on(i, "ip link add link eth0 name eth0.7 type vlan id 7")
        ports.on(i, f"ip addr replace {VLAN_ADDRESSES[i]}/24 dev eth0.7")
        ports.on(i, "ip link set eth0.7 up")
    ports.ping(0, VLAN_ADDRESSES[1], 1472)
    ports.tcp(VLAN_ADDRESSES[1])
    ports.udp(VLAN_ADDRESSES[1])
    for i in (0, 1):  # tags by software this time
        ports.on(i, "ethtool -K eth0 rxvlan off txvlan off")
    ports.ping(0, VLAN_ADDRESSES[1])
    for i in (0, 1):
        ports.on(i, "ethtool -K eth0 rxvlan on txvlan on")
    # A tag that nobody joined is filtered by the card.
    ports.on(0, "ip link add link eth0 name eth0.9 type vlan id 9")
    ports.on(0, "ip link set eth0.9 up")
    ports.on(0, "ip addr add 10.9.9.1/24 dev eth0.9")
    before = [ports.statistics(i) for i in (0, 1)]
    ports.guest.run("ip netns exec n0 ping -n -b -i 0.02 -c 50 -W 1 10.9.9.255")
    after = [ports.statistics(i) for i in (0, 1)]
    assert after[0]["tx_packets"] - before[0]["tx_packets"] >= 50
    assert after[1]["rx_packets"] - before[1]["rx_packets"] < 10
    for i in (0, 1):
        ports.on(i, "ip link del eth0.7")
    ports.on(0, "ip link del eth0.9")


def test_every_receive_queue_has_its_share(ports):
    """UDP from pktgen's addresses, in turn, which the driver hashes by addresses alone; with a known key, so
    that each queue's share can be told before."""
    each = 20
    sources = [f"10.9.0.{n}" for n in range(10, 201)]
    shares = [sum(each for source in sources if queue_of(MICROSOFT_KEY, CPUS, source, "10.9.0.254") == queue)
              for queue in range(CPUS)]
    assert min(shares) > each * len(sources) / CPUS / 2, shares
    ports.both_up()
    ports.on(1, f"ethtool -X eth0 hkey {bytes.fromhex(MICROSOFT_KEY).hex(':')}")
    before = ports.statistics(1)
    ports.pktgen(each * len(sources), 9)

    def moved():
        after = ports.statistics(1)
        return [after[name] - before[name] for name in (f"rx_queue_{q}_packets" for q in range(CPUS))]

    came = wait_until(moved, lambda counts: sum(counts) >= sum(shares), f"queues count {shares}")
    # No more than a few other frames (neighbour discovery) may have come meanwhile.
    assert all(share <= count <= share + 20 for share, count in zip(shares, came)), (shares, came)
    table = ports.guest.check("grep -c eth0-TxRx /proc/interrupts")
    assert int(table) == 2 * CPUS, table


def test_flow_director_follows_the_flows_that_the_driver_samples(ports):
    """Signature filters, which the driver sets by itself from the TCP that it sends."""
    ports.both_up()
    before = ports.statistics(0)
    ports.iperf(seconds=2)
    after = ports.statistics(0)
    assert after["fdir_match"] - before["fdir_match"] > 20, after
    assert after["rx_packets"] > before["rx_packets"]


def test_interrupts_come_no_faster_than_the_moderation_allows(ports):
    ports.both_up()

    def counts():
        """(seconds since boot, interrupts of each queue vector)"""
        text = ports.guest.check("cat /proc/uptime /proc/interrupts")
        rows = re.findall(r"^ *(\d+):((?: +\d+)+) .*eth\d-TxRx", text, re.M)
        assert len(rows) == 2 * CPUS, text
        return float(text.split()[0]), {number: sum(map(int, row.split())) for number, row in rows}

    for i in (0, 1):
        ports.on(i, "ethtool -C eth0 rx-usecs 1000")
    began, before = counts()
    ports.pktgen(60000, 9)
    ended, after = counts()
    for i in (0, 1):
        ports.on(i, "ethtool -C eth0 rx-usecs 1")
    moved = {number: after[number] - before[number] for number in after}
    assert max(moved.values()) > 20, moved
    assert max(moved.values()) < 1000 * (ended - began) * 1.1 + 20, (moved, ended - began)


# ---- ethtool ----

@pytest.mark.parametrize("kind", ["online", "offline"])
def test_ethtool_selftest_passes(ports, kind):
    ports.both_up()
    for i in (0, 1):
        text = ports.on(i, f"ethtool -t eth0 {kind}", 120)
        assert "The test result is PASS" in text, text
        assert all(int(value) == 0 for value in re.findall(r"\)\s+(-?\d+)$", text, re.M)), text
    ports.both_up()
    ports.ping(0, ADDRESSES[1])


def test_ethtool_shows_what_is_there(ports):
    ports.both_up()
    assert "driver: ixgbe" in ports.on(0, "ethtool -i eth0")
    registers = ports.on(0, "ethtool -d eth0", 120)
    assert re.search(r"0x042A4: LINKS .*0x[0-9A-F]+", registers), registers[:3000]
    eeprom = ports.on(0, "ethtool -e eth0 length 128")
    words = [bytes.fromhex(row) for row in re.findall(r"^0x[0-9a-f]+:\s+(.*?)\s*$", eeprom, re.M)]
    nvm = b"".join(words)
    assert len(nvm) == 128, eeprom
    assert "rx-flow-hash" not in ports.on(0, "ethtool -k eth0")
    assert "RX rings available" in ports.on(0, "ethtool -n eth0")
    hashing = ports.on(0, "ethtool -n eth0 rx-flow-hash tcp4")
    assert "L4 bytes 0 & 1" in hashing, hashing
    assert "RX:\t\t\t" in ports.on(0, "ethtool -g eth0").replace("RX:\t\t", "RX:\t\t\t")
    assert f"with {CPUS} RX ring(s)" in ports.on(0, "ethtool -x eth0")
    ports.on(0, "ethtool -a eth0")
    ports.on(0, "ethtool -c eth0")
    ports.on(0, "ethtool -T eth0")


def test_statistics_agree_at_both_ends_of_the_wire(ports):
    ports.both_up()
    before = [ports.statistics(i) for i in (0, 1)]
    ports.iperf(more="-n 4M")
    after = [ports.statistics(i) for i in (0, 1)]

    def moved(i, name):
        return after[i][name] - before[i][name]

    for sender, taker in ((0, 1), (1, 0)):
        assert moved(sender, "tx_packets") > 20
        assert abs(moved(sender, "tx_pkts_nic") - moved(taker, "rx_pkts_nic")) <= 4
        assert moved(taker, "rx_missed_errors") == 0


def test_perfect_filters_steer_and_drop(ports):
    ports.both_up()
    ports.on(1, "ethtool -K eth0 ntuple on")
    ports.both_up()
    ports.ping(0, ADDRESSES[1])
    for place, (port, action) in enumerate(((7001, 1), (7002, 3), (7003, -1)), 10):
        ports.on(1, f"ethtool -N eth0 flow-type udp4 dst-ip {ADDRESSES[1]} dst-port {port} "
                    f"action {action} loc {place}")
    assert "Total 3 rules" in ports.on(1, "ethtool -n eth0")

    def burst(port, counter):
        """200 frames; what port 1 has counted when the counter says so many."""
        before = ports.statistics(1)
        ports.pktgen(200, port, to=ADDRESSES[1])
        return wait_until(
            lambda: {name: n - before[name] for name, n in ports.statistics(1).items() if n != before[name]},
            lambda moved: moved.get(counter, 0) >= 200, f"port 1 counts 200 frames as {counter}")

    burst(7001, "rx_queue_1_packets")
    burst(7002, "rx_queue_3_packets")
    dropped = burst(7003, "fdir_match")
    assert sum(dropped.get(f"rx_queue_{q}_packets", 0) for q in range(CPUS)) < 20, dropped
    for place in (10, 11, 12):
        ports.on(1, f"ethtool -N eth0 delete {place}")
    assert "Total 0 rules" in ports.on(1, "ethtool -n eth0")
    ports.on(1, "ethtool -K eth0 ntuple off")
    ports.both_up()
    ports.ping(0, ADDRESSES[1])


# ---- Endurance ----

def test_a_stream_of_frames_ends_without_alarm(ports):
    ports.both_up()
    count = 1000000 if LONG else 100000
    before = ports.statistics(1)
    result = ports.pktgen(count, 9)
    assert re.search(rf"Result: OK.* {count} \(", result), result
    after = wait_until(lambda: ports.statistics(1),
                       lambda now: now["rx_pkts_nic"] - before["rx_pkts_nic"] >= count,
                       f"port 1's card counts {count} frames")
    assert after["rx_missed_errors"] == before["rx_missed_errors"]


def test_closing_and_opening_ten_times_leaves_no_trace(ports):
    for _ in range(10):
        for i in (0, 1):
            ports.on(i, "ip link set eth0 down")
        ports.both_up()
    ports.ping(0, ADDRESSES[1])


def test_unloading_and_loading_ten_times_leaves_no_trace(ports):
    def free_kb():
        """Free memory with what waits in lists of each CPU."""
        zones = ports.guest.check("echo 3 >/proc/sys/vm/drop_caches; sleep 0.5; cat /proc/zoneinfo")
        return 4 * (sum(map(int, re.findall(r"nr_free_pages (\d+)", zones)))
                    + sum(map(int, re.findall(r"^\s+count: (\d+)", zones, re.M))))

    free = []
    for _ in range(10):
        ports.guest.check("rmmod ixgbe", 120)
        free.append(free_kb())
        assert "ixgbe" not in ports.guest.check("cat /proc/interrupts /proc/modules")
        ports.make()
        ports.both_up()
    ports.ping(0, ADDRESSES[1])
    # The first rounds fill caches; what the later ones lose would be a leak.
    assert free[2] - free[-1] < 1024, free


def test_strict_iommu_and_interrupt_remapping_show_no_fault(request):
    name = kernels()[-1]
    guest = LinuxGuest(f"{LOGS}/linux-iommu", kernel(suite=None if name == "stock" else name),
                       joined_ports("x540"), cores=CPUS, iommu=True)
    try:
        ports = Ports(guest)
        ports.make()
        ports.both_up()
        assert "DMAR: IOMMU enabled" in guest.console_text
        assert re.search(r"IR-PCI-MSI.*eth\d-TxRx-0", guest.check("cat /proc/interrupts"))
        groups = guest.check("ls -d /sys/bus/pci/drivers/ixgbe/*:*/iommu_group/type")
        assert "DMA" in guest.check(f"cat {groups.split()[0]}")
        ports.ping(0, ADDRESSES[1], 1472)
        ports.tcp()
        ports.udp()
        ports.set_mtu(9000)
        ports.ping(0, ADDRESSES[1], 8972)
        for _ in range(3):
            ports.on(0, "ip link set eth0 down")
            ports.both_up()
        guest.check("rmmod ixgbe", 120)
        ports.make()
        ports.both_up()
        ports.ping(0, ADDRESSES[1])
        assert guest.alarms() == []
        assert guest.complaints() == []
        assert "DMAR: [" not in guest.console_text
    finally:
        guest.stop()
