#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Install missing packages through apt, after listing them: `setup.sh run` for building and booting,
# `setup.sh test` for the tests too. Prints nothing if no package is missing. apt's own output goes to
# build/logs/setup.log. FERRULE_SETUP=no installs nothing.
set -eu
cd "$(dirname "$0")/../.."

# The image: gcc and nasm. The model for QEMU is compiled with the headers of the installed QEMU
# version, from Debian's source package: dpkg-dev, xz-utils, python3, pkg-config, glib.
run="gcc libc6-dev make nasm qemu-system-x86 dpkg-dev xz-utils python3 pkg-config libglib2.0-dev"

# libcmocka: unit tests. clang and its runtime: fuzzers. clang-format: lint. valgrind: `make bench`. grub, xorriso,
# mtools: the ISO; gnu-efi, ovmf: UEFI; ipxe, ipxe-qemu, dnsmasq-base: network boot. iproute2,
# iputils-ping, ethtool, iperf3, traceroute: Linux hosts on both sides. gdb: its script for rings and
# lanes. busybox: a Linux guest that drives the model. dpdk-dev, libdpdk-dev, qemu-user, matplotlib:
# `make bench`. scapy: an independent packet builder. libpcap, tcpdump, text2pcap (wireshark-common):
# comparison of filters and captures. pexpect: simulates a person at the console. nmap, hping3,
# arping: probes of an unknown host. bochs: a second emulator for the ISO, with its display in a terminal.
test="libcmocka-dev clang llvm libclang-rt-dev valgrind grub-common grub-pc-bin grub-efi-amd64-bin
    clang-format dpdk-dev libdpdk-dev python3-matplotlib qemu-user
    acpica-tools xorriso mtools gnu-efi ovmf ipxe ipxe-qemu dnsmasq-base iproute2 iputils-ping
    ethtool iperf3 traceroute busybox-static python3-pytest python3-scapy gdb
    libpcap-dev tcpdump wireshark-common python3-pexpect nmap hping3 iputils-arping
    bochs bochsbios bochs-term vgabios"

case "${1:-}" in
run) wanted="$run" ;;
test) wanted="$run $test" ;;
*)
    echo "usage: setup.sh run|test" >&2
    exit 2
    ;;
esac
[ "${FERRULE_SETUP:-yes}" != no ] || exit 0

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    echo "setup: no apt here (this is made for Debian 12 and 13); needed, by Debian's names:" >&2
    echo $wanted | fold -s -w 90 | sed 's/^/    /' >&2
    echo "setup: with all of that in place, run again with FERRULE_SETUP=no" >&2
    exit 1
fi

missing=
for package in $wanted; do
    status=$(dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | head -n 1) || true
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null; then
    as_root=sudo
    [ -t 0 ] || as_root="sudo -n"
else
    echo "setup: missing packages, and neither root nor sudo to install them. As root:" >&2
    echo "    apt-get update && apt-get install --no-install-recommends$missing" >&2
    exit 1
fi

log=build/logs/setup.log
mkdir -p build/logs
echo "setup: installing through apt:$missing"
apt_get() {
    $as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -q -y \
        -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" </dev/null >>"$log" 2>&1 && return
    echo "setup: apt-get $1 failed; the end of $log:" >&2
    tail -n 15 "$log" >&2
    exit 1
}
: >"$log"
apt_get update
apt_get install --no-install-recommends $missing
