# SPDX-License-Identifier: BSD-2-Clause
"""ACPI tables at hand, and our parsers as programs that print what they see in them. Used by
test_dmar.py and test_madt.py."""
import glob
import os
import subprocess

ROOT = os.path.abspath(os.path.dirname(os.path.abspath(__file__)) + "/../..")


def tables(signature):
    """The distinct tables of a kind in tests/data/acpi and in the folders of FERRULE_ACPI (separated
    by colons), searched to the bottom, as {path: bytes}."""
    found = {}
    for folder in [f"{ROOT}/tests/data/acpi"] + os.environ.get("FERRULE_ACPI", "").split(":"):
        for path in sorted(glob.glob(f"{folder}/**/*", recursive=True)) if folder else []:
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    data = f.read()
                if data[:4] == signature:
                    found.setdefault(data, path)
    return {path: data for data, path in found.items()}


def build(name):
    """tests/tables/NAME_dump.c with kernel/firmware/NAME.c, under the sanitizers. Returns the program's path."""
    program = f"{ROOT}/build/tables/{name}_dump"
    os.makedirs(os.path.dirname(program), exist_ok=True)
    subprocess.run(["gcc", "-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-I.",
                    "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-o", program,
                    f"tests/tables/{name}_dump.c", f"kernel/firmware/{name}.c", "kernel/firmware/acpi.c", "kernel/lib/fmt.c"],
                   cwd=ROOT, check=True)
    return program


def printed(program, paths):
    """What it says of these files."""
    return subprocess.run([program, *paths], check=True, stdout=subprocess.PIPE,
                          encoding="latin-1").stdout
