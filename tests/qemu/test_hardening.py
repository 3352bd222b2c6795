# SPDX-License-Identifier: BSD-2-Clause
"""Mutation tests of test_protections.py: each protection is removed from a copy of the sources in
build/mutants, and its test must then fail: one selftest, the walk of the page tables, or the check of
the file's segments. Only what changed is compiled again."""
import os
import shutil
import subprocess

import pytest

import test_boot
import test_protections as protections
from machine import ROOT

TREE = f"{ROOT}/build/mutants"
SOURCES = ("Makefile", "linker.ld", "boot", "arch", "kernel", "drivers", "net")
ROWS = {row[0]: row for row in protections.SELFTESTS}

SEALED_IDT = [("static READ_ONLY_AFTER_BOOT struct gate idt[256]", "static struct gate idt[256]")]
SEALED_GDT = [("static READ_ONLY_AFTER_BOOT struct gdt_area", "static struct gdt_area")]
PAGING, FEATURES = "arch/paging.c", "arch/features.c"
WRITABLE = [("    if (rights & PAGING_WRITE)\n        flags |= PTE_WRITE;", "    flags |= PTE_WRITE;")]
EXECUTABLE = [("    if (!(rights & PAGING_EXECUTE))\n        flags |= PTE_NO_EXECUTE;", "")]
NO_SEAL = [("*entry_for((uintptr_t)page, &level) &= ~PTE_WRITE;",
            "*entry_for((uintptr_t)page, &level) &= ~0ull;")]
FLAG = "    if (found.has_{0})\n        cr4 |= CR4_{1};\n"

# Name, file, replacements in it, and the selftest (or other check) that must fail.
MUTANTS = [
    ("text-writable", PAGING, WRITABLE, "write-text"),
    ("constants-writable", PAGING, WRITABLE, "write-rodata"),
    ("module-writable", PAGING, WRITABLE, "write-module"),
    ("firmware-writable", PAGING, WRITABLE, "write-firmware"),
    ("data-executable", PAGING, EXECUTABLE, "run-data"),
    ("heap-executable", PAGING, EXECUTABLE, "run-heap"),
    ("stack-executable", PAGING, EXECUTABLE, "run-stack"),
    ("no-sealing", PAGING, NO_SEAL, "write-sealed"),
    ("idt-not-sealed", "arch/idt.c", SEALED_IDT, "write-idt"),
    ("gdt-not-sealed", "arch/gdt.c", SEALED_GDT, "write-gdt"),
    ("tss-not-sealed", "arch/gdt.c", SEALED_GDT, "write-tss"),
    ("root-not-sealed", PAGING, [("    enum err e = protect(root.v);", "    enum err e = OK;")], "write-root"),
    ("tables-not-sealed", PAGING, [("        enum err e = protect(table[i] & PTE_ADDRESS);",
                                    "        enum err e = OK;")], "write-table"),
    ("tables-of-tables-not-sealed", PAGING, [("        enum err e = protect(table[i] & PTE_ADDRESS);",
                                              "        enum err e = OK;")], "write-table-of-tables"),
    ("new-tables-not-sealed", PAGING, [("(is_sealed && protect(page.v) != OK)", "false")],
     "write-new-table"),
    ("acpi-not-sealed", "kernel/steps.c", [("static READ_ONLY_AFTER_BOOT struct acpi acpi", "static struct acpi acpi")],
     "sealed data"),
    ("no-guard", PAGING, [("{image_data_start, stack_boot_guard,", "{image_data_start, stack_boot_bottom,")],
     "stack"),
    ("null-mapped", PAGING, [("static enum err map_part(", """static enum err map_null(void)
{
    return paging_map(0, (paddr_t){0}, PAGE_BYTES, PAGING_READ);
}
static enum err map_part("""), ("    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {",
                                "    if (map_null() != OK)\n        return ERR_BUSY;\n"
                                "    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {")], "null"),
    ("image-in-physmap", "kernel/memory/memory.c", [
        ("    ranges_remove(&ram, (uintptr_t)image_start_paddr, (uintptr_t)image_end_paddr);\n", ""),
        ("    spare = ram;\n    low = ram;\n", "    spare = ram;\n    ranges_remove(&spare, "
         "(uintptr_t)image_start_paddr, (uintptr_t)image_end_paddr);\n    low = ram;\n")],
     "write-physmap"),
    ("no-canary", "kernel/selftest/run.c", [("static __attribute__((noinline)) void write_array",
                                         "static __attribute__((noinline, no_stack_protector)) "
                                         "void write_array")], "canary"),
    ("no-smep", FEATURES, [(FLAG.format("smep", "SMEP"), "")], "smep"),
    ("no-smap", FEATURES, [(FLAG.format("smap", "SMAP"), "")], "smap"),
    ("no-umip", FEATURES, [(FLAG.format("umip", "UMIP"), "")], "umip"),
    ("map-w-and-x", PAGING, EXECUTABLE, "walk"),
    ("segment-rwx", "linker.ld", [("text   PT_LOAD FLAGS(5)", "text   PT_LOAD FLAGS(7)")],
     "segments"),
]


@pytest.fixture(scope="module")
def tree():
    """A copy of the sources and of the objects with their times, so that make finds it up to date."""
    shutil.rmtree(TREE, ignore_errors=True)
    os.makedirs(f"{TREE}/build")
    for name in SOURCES:
        copy = shutil.copytree if os.path.isdir(f"{ROOT}/{name}") else shutil.copy2
        copy(f"{ROOT}/{name}", f"{TREE}/{name}")
    shutil.copytree(f"{ROOT}/build/image", f"{TREE}/build/image")
    shutil.copy2(f"{ROOT}/build/ferrule.elf", f"{TREE}/build/ferrule.elf")
    yield
    shutil.rmtree(TREE)


def build_mutant(path, edits):
    """The path of the mutant's image; the source and its object are restored before this returns."""
    with open(f"{ROOT}/{path}", encoding="utf-8") as f:
        text = f.read()
    for old, new in edits:
        assert text.count(old) == 1, f"{path} has changed: {old!r} occurs {text.count(old)} times"
        text = text.replace(old, new)
    with open(f"{TREE}/{path}", "w", encoding="utf-8") as f:
        f.write(text)
    done = subprocess.run(["make", "-s", "-C", TREE, "build/ferrule.elf"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    shutil.copy2(f"{ROOT}/{path}", f"{TREE}/{path}")
    compiled = f"build/image/{path[:-2]}.o"
    if os.path.exists(f"{ROOT}/{compiled}"):
        shutil.copy2(f"{ROOT}/{compiled}", f"{TREE}/{compiled}")
    os.utime(f"{TREE}/build/image/first.elf", (0, 0))  # old: linked again for the next mutant
    assert done.returncode == 0, done.stdout
    return f"{TREE}/build/ferrule.elf"


@pytest.mark.parametrize("name,path,edits,check", MUTANTS, ids=[m[0] for m in MUTANTS])
def test_a_check_fails_when_its_protection_is_removed(tree, boot, monkeypatch, name, path, edits, check):
    image = build_mutant(path, edits)
    monkeypatch.setattr("machine.IMAGE", image)
    monkeypatch.setattr("test_boot.IMAGE", image)
    if check == "segments":
        with pytest.raises(AssertionError):
            test_boot.test_no_segment_of_the_image_is_both_writable_and_executable()
        return
    if check == "walk":
        with pytest.raises(AssertionError):
            protections.test_no_page_is_writable_and_executable(boot, "max")
        return
    if check == "sealed data":
        with pytest.raises(AssertionError):
            protections.test_descriptor_tables_and_acpi_results_are_in_the_sealed_data(
                f"{TREE}/build/ferrule.elf")
        return
    # Most selftests then return, and the machine powers off. Two hang: the selftest has begun, and no
    # panic follows before the limit. One panics elsewhere.
    how = {"stack": r"(?s)^QEMU still runs.*selftest: stack$", "canary": "PANIC: (?!a stack canary)",
           "umip": r"(?s)^QEMU still runs.*selftest: umip$"}.get(check, "^exit code 0")
    with pytest.raises(AssertionError, match=how):
        protections.check_selftest_panics(boot, ROWS[check], patience_s=20)
