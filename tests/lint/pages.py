#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The pages are true to the tree: links lead somewhere, files and folders that are named exist, each
file of the image's folders stands on its folder's page, and each function of the README's call list is
in the file that stands beside it."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../tools")
import tap  # noqa: E402


LAYERS = ("boot", "arch", "kernel", "drivers", "drivers/x540", "net")


def exists(path):
    return os.path.exists(f"{tap.ROOT}/{path}")


def names_on(page):
    """Names of files on a page; x.[ch] is both."""
    text = re.sub(r"(\w+)\.\[ch\]", r"\1.c \1.h", tap.read(page))
    return set(re.findall(r"[\w-]+\.\w+", text))


def main():
    report = tap.Report()
    pages = tap.files(r"(.*/)?README\.md")
    dead, calls = [], []
    for page in pages:
        folder = os.path.dirname(page)
        for target in re.findall(r"\]\(([^)#]+)\)", tap.read(page)):
            if "://" not in target and not exists(os.path.normpath(f"{folder}/{target}".lstrip("/"))):
                dead.append(f"{page}: {target}")
    report.check("every link of a page leads somewhere", dead)

    listed = re.findall(r"^    +(\w+) +((?:boot|arch|kernel|drivers|net)/[\w./]+\.\w+) ",
                        tap.read("README.md"), re.M)
    for function, path in listed:
        made = rf"^(\w[^;\n]*\b{function}\([^;\n]*|LANE_LOOP\({function},.*|{function}:)$"
        if not exists(path) or not re.search(made, tap.read(path), re.M):
            calls.append(f"README.md: {function} is not made in {path}")
    report.check("the call list names functions where they are",
                 calls or ([] if len(listed) > 10 else [f"only {len(listed)} calls found"]))

    named = [f"{page}: {path}" for page in pages
             for path in re.findall(r"`((?:boot|arch|kernel|drivers|net|tests)/[\w./]+)`",
                                    tap.read(page)) if not exists(path.rstrip("."))]
    report.check("files and folders that pages name are there", named)

    unnamed = [path for folder in LAYERS for path in tap.files(rf"{folder}/[\w.-]+")
               if not path.endswith("README.md")
               and os.path.basename(path) not in names_on(f"{folder}/README.md")]
    report.check("every file of a layer is on its folder's page", unnamed)
    report.end()


if __name__ == "__main__":
    main()
