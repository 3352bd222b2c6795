# SPDX-License-Identifier: BSD-2-Clause
"""Finds ACPI tables, and builds our parsers as programs that print their results. Used by test_dmar.py
and test_madt.py."""
import glob
import os
import subprocess

ROOT = os.path.abspath(os.path.dirname(os.path.abspath(__file__)) + "/../..")


def tables(signature):
    """The distinct tables of a kind in tests/data/acpi and in the folders of FERRULE_ACPI (separated
    by colons), searched recursively, as {path: bytes}."""
    found = {}
    for folder in [f"{ROOT}/tests/data/acpi"] + os.environ.get("FERRULE_ACPI", "").split(":"):
        for path in sorted(glob.glob(f"{folder}/**/*", recursive=True)) if folder else []:
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    data = f.read()
                if data[:4] == signature:
                    found.setdefault(data, path)
    return {path: data for data, path in found.items()}


def build(name, *sources):
    """Build tests/tables/NAME_dump.c with these sources (none: kernel/firmware/NAME.c) and the sanitizers.
    Returns the path."""
    program = f"{ROOT}/build/tables/{name}_dump"
    os.makedirs(os.path.dirname(program), exist_ok=True)
    subprocess.run(["gcc", "-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-I.",
                    "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-o", program,
                    f"tests/tables/{name}_dump.c", *(sources or [f"kernel/firmware/{name}.c"]),
                    "kernel/firmware/acpi.c", "kernel/lib/fmt.c"],
                   cwd=ROOT, check=True)
    return program


def printed(program, paths):
    """The program's output for these files."""
    return subprocess.run([program, *paths], check=True, stdout=subprocess.PIPE,
                          encoding="latin-1").stdout
