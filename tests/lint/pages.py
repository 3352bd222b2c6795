#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks the pages against the tree: targets of links exist, files and folders that are named exist, each
file of the image's folders is on its folder's page, and each function of the README's call list is
defined in the file next to it."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../tools")
import tap  # noqa: E402


ROOMS = ("boot", "arch", "kernel", "kernel/lib", "kernel/firmware", "kernel/log", "kernel/memory",
         "kernel/iommu", "kernel/console", "kernel/selftest", "drivers", "drivers/x540", "net",
         "net/stack", "net/lane", "net/route", "net/trial", "net/console")


def exists(path):
    return os.path.exists(f"{tap.ROOT}/{path}")


def names_on(page):
    """Names of files on a page; x.[ch] is both."""
    text = re.sub(r"([\w/]+)\.\[ch\]", r"\1.c \1.h", tap.read(page))
    return {n for kind in (r"[\w-]+\.\w+", r"[\w/-]+\.\w+") for n in re.findall(kind, text)}


def main():
    report = tap.Report()
    pages = tap.files(r"(.*/)?README\.md")
    dead, calls = [], []
    for page in pages:
        folder = os.path.dirname(page)
        for target in re.findall(r"\]\(([^)#]+)\)", tap.read(page)):
            if "://" not in target and not exists(os.path.normpath(f"{folder}/{target}".lstrip("/"))):
                dead.append(f"{page}: {target}")
    report.check("the target of every link exists", dead)

    listed = re.findall(r"^    +(\w+) +((?:boot|arch|kernel|drivers|net)/[\w./]+\.\w+) ",
                        tap.read("README.md"), re.M)
    for function, path in listed:
        definition = rf"^(\w[^;\n]*\b{function}\([^;\n]*|LANE_LOOP\({function},.*|{function}:)$"
        if not exists(path) or not re.search(definition, tap.read(path), re.M):
            calls.append(f"README.md: {function} is not defined in {path}")
    report.check("the call list names the file of each function",
                 calls or ([] if len(listed) > 10 else [f"only {len(listed)} calls found"]))

    named = [f"{page}: {path}" for page in pages
             for path in re.findall(r"`((?:boot|arch|kernel|drivers|net|tests)/[\w./]+)`",
                                    tap.read(page)) if not exists(path.rstrip("."))]
    report.check("files and folders that pages name exist", named)

    unnamed = []
    for room in ROOMS:
        above = room if exists(f"{room}/README.md") else room.split("/")[0]
        unnamed += [path for path in tap.files(rf"{room}/[\w.-]+") if not path.endswith("README.md")
                    and not {path, os.path.relpath(path, above)} & names_on(f"{above}/README.md")]
    report.check("every file of a folder is on its page", unnamed)
    report.end()


if __name__ == "__main__":
    main()
