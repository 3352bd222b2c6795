#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A QEMU that emulates x2APIC (9 or later; Debian 12 has 7.2). Prints the words that start it: the
# installed one if it is new enough, else Debian's backport, unpacked into build/newer-qemu and not
# installed. apt's words go to build/logs/newer-qemu.log. Exit code 1: there is none.
set -eu
cd "$(dirname "$0")/../.."
emulator=qemu-system-x86_64
packages="qemu-system-x86 qemu-system-common qemu-system-data seabios"
folder="$PWD/build/newer-qemu"
log=build/logs/newer-qemu.log

installed=$($emulator --version 2>/dev/null | sed -n 's/.*version \([0-9]*\).*/\1/p' | head -n 1)
if [ "${installed:-0}" -ge 9 ]; then
    echo $emulator
    exit 0
fi

fetch() {
    # The machine's own mirror, with the suite of backports beside the suite it has.
    . /etc/os-release
    mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
        sed -n "s/ $VERSION_CODENAME\$//p" | head -n 1)
    [ -n "$mirror" ] || return 1
    mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial" "$folder/parts"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $VERSION_CODENAME-backports main" \
        >"$folder/parts/backports.list"
    apt_here="-o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts=$folder/parts
        -o Dir::State::lists=$folder/lists -o Dir::Cache=$folder/cache"
    apt-get -q $apt_here update || return 1
    cd "$folder"
    apt-get -q $apt_here download $packages || return 1
    for package in *.deb; do
        dpkg-deb -x "$package" tree.new || return 1
    done
    mv tree.new tree
    rm -rf ./*.deb lists cache
}

if [ ! -d "$folder/tree" ]; then
    mkdir -p build/logs
    rm -rf "$folder"
    (fetch) </dev/null >"$log" 2>&1 || exit 1
fi
"$folder/tree/usr/bin/$emulator" --version >>"$log" 2>&1 || exit 1 # its libraries are the installed ones
echo "$folder/tree/usr/bin/$emulator -L $folder/tree/usr/share/qemu -L $folder/tree/usr/share/seabios"
