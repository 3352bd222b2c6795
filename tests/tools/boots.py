#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""make boots: boots of 16 cores on a busy host, each with a port reset as soon as the loops run; after each,
every flow must pass in both directions. Prints one line a boot that fails, and a last line of sums.

    boots.py [--count N] [--load N]"""
import argparse
import os
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f"{ROOT}/tests/qemu/lib")
import boots  # noqa: E402
from machine import Failure, Machine, Wire  # noqa: E402


def one(folder):
    """A boot; returns how many orders cores have missed in it."""
    machine = Machine(folder, boots.APPEND, [Wire(), Wire()], cores=boots.CORES,
                      memory_mb=boots.MEMORY_MB)
    try:
        missed = boots.check(machine)
        ledger = machine.ledger()
        assert ledger["balanced"], ledger
    finally:
        machine.stop()
    complaints = machine.complaints()
    assert not complaints, complaints
    return missed


def main():
    words = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    words.add_argument("--count", type=int, default=200)
    words.add_argument("--load", type=int, default=2, help="processes that use up the host's CPUs")
    options = words.parse_args()
    failed, late, missed, began = 0, 0, 0, time.monotonic()
    with boots.Load(options.load):
        for n in range(options.count):
            try:
                orders = one(f"{ROOT}/build/logs/boots/{n}")
                missed += orders
                late += orders > 0
            except (Failure, AssertionError) as error:
                failed += 1
                print(f"boot {n}: {error}", flush=True)
    print(f"{options.count} boots, {failed} failed; in {late} of them cores missed an order "
          f"({missed} in all); {time.monotonic() - began:.0f} s")
    return failed != 0


sys.exit(main())
