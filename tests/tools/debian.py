# SPDX-License-Identifier: BSD-2-Clause
"""Downloads source and binary packages from the archives in this machine's own apt configuration, without
installing them and without changing anything outside the build folder.

The machine's enabled entries for binaries are read (one-line .list and deb822 .sources) and converted
to a private sources list: of type deb-src for a source package, of another suite for a newer package.
Keys, proxies and options stay as configured; this project contains no address of a mirror. Works as
root and as an ordinary user.

Used by tests/model/qemu_build.py (QEMU's headers), tests/tools/newer_qemu.py (a newer QEMU) and
tests/qemu/lib/linux_guest.py (Debian kernels).
"""

import os
import re
import subprocess
from pathlib import Path


class Failure(Exception):
    """Has a message of one line for the user."""


def run(command, **more):
    """Run and return standard output; a failure becomes one line with the last line of stderr."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              errors="replace", **more)
    except FileNotFoundError:
        raise Failure(f"{command[0]} is not installed") from None
    if done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["no message"]
        raise Failure(f"{' '.join(map(str, command[:3]))} …: {words[-1]}")
    return done.stdout


def release():
    """("debian", "bookworm"), from /etc/os-release."""
    text = Path("/etc/os-release").read_text(encoding="utf-8")
    fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return fields.get("ID", "").strip('"'), fields.get("VERSION_CODENAME", "").strip('"')


def _setting(name):
    text = run(["apt-config", "shell", "VALUE", name])
    return text.split("'")[1] if "'" in text else ""


def _stanza_entries(text, kind, suite):
    """The enabled deb stanzas of a .sources file as stanzas of the wanted kind."""
    for stanza in re.split(r"\n\s*\n", text):
        lines = [line for line in stanza.splitlines() if line.strip() and line[0] != "#"]
        fields = {line.split(":", 1)[0].lower(): line.split(":", 1)[1].strip()
                  for line in lines if ":" in line and not line[0].isspace()}
        if "deb" not in fields.get("types", "").split():
            continue
        if fields.get("enabled", "yes").lower() in ("no", "false", "without", "off", "disable"):
            continue
        dropped = ["types"]
        if kind == "deb-src":
            dropped.append("architectures")
        if suite:
            if release()[1] not in fields.get("suites", "").split():
                continue
            dropped.append("suites")
        body = [line for line in lines if line.split(":", 1)[0].lower() not in dropped]
        head = [f"Types: {kind}"] + ([f"Suites: {suite}"] if suite else [])
        yield ".sources", "\n".join(head + body) + "\n"


def _line_entries(text, kind, suite):
    """The deb lines of a .list file as lines of the wanted kind."""
    for line in text.splitlines():
        found = re.match(r"\s*deb\s+(\[[^]]*\]\s+)?(\S+)\s+(\S+)([^#]*)", line)
        if not found:
            continue
        options, uri, its_suite, components = found.groups()
        if suite and its_suite != release()[1]:
            continue
        if kind == "deb-src":
            options = re.sub(r"\barch[+-]?=[^\s\]]+", "", options or "")
        options = (options or "").strip()
        options = "" if re.fullmatch(r"\[\s*\]", options) else options + " " if options else ""
        yield ".list", f"{kind} {options}{uri} {suite or its_suite} {components.strip()}\n"


def entries(kind, suite=None):
    """The machine's enabled entries as (file suffix, text) pairs. suite: only entries of the release
    itself, changed to another suite of the same archive."""
    files = [Path(_setting("Dir::Etc::sourcelist/f"))]
    parts = Path(_setting("Dir::Etc::sourceparts/d"))
    if parts.is_dir():
        files += sorted(p for p in parts.iterdir() if p.suffix in (".list", ".sources"))
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
        except OSError:
            continue
        yield from (_stanza_entries if path.suffix == ".sources" else _line_entries)(
            text, kind, suite)


def _where_offered(package):
    """[(uri, suite)] of the archives that offer the package, according to apt's lists."""
    try:
        lines = run(["apt-cache", "madison", package]).splitlines()
    except Failure:
        return []
    places = [line.split("|")[-1].split() for line in lines]
    return [(words[0].rstrip("/"), words[1].split("/")[0]) for words in places if len(words) > 1]


class Apt:
    """apt with its own lists and caches below a folder. kind: deb or deb-src. package: use only the
    entries that offer it, if apt knows them. suite: see entries()."""

    def __init__(self, folder, kind, package, suite=None):
        self.folder = Path(folder).resolve()
        for name in ("lists/partial", "cache/archives/partial", "sources.d"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for old in (self.folder / "sources.d").iterdir():
            old.unlink()
        found = list(entries(kind, suite))
        if not found:
            raise Failure("apt has no enabled 'deb' entry" + (f" for {release()[1]}" if suite else "")
                          + ": no archive to download packages from")
        places = _where_offered(package)
        chosen = [entry for entry in found
                  if any(uri in entry[1] and (suite or its) in entry[1] for uri, its in places)]
        for i, (suffix, text) in enumerate(chosen or found):
            (self.folder / "sources.d" / f"entry{i}{suffix}").write_text(text, encoding="utf-8")
        self._options = [
            "-o", "Dir::Etc::sourcelist=/dev/null",
            "-o", f"Dir::Etc::sourceparts={self.folder / 'sources.d'}",
            "-o", f"Dir::State::lists={self.folder / 'lists'}",
            "-o", f"Dir::Cache={self.folder / 'cache'}",
            "-o", "Acquire::Languages=none", "-o", "Acquire::Retries=2",
        ]
        if os.geteuid() == 0:  # apt's sandbox user cannot write below our folder
            self._options += ["-o", "APT::Sandbox::User=root"]
        # An entry may fail as long as another one has the package.
        update = subprocess.run(["apt-get", *self._options, "update"], capture_output=True,
                                text=True, errors="replace")
        self._trouble = [line for line in update.stderr.splitlines()
                         if line.startswith(("E:", "W:"))]

    def _failure(self, what):
        return Failure(what + (f" ({self._trouble[0]})" if self._trouble else ""))

    def query(self, *words):
        """apt-cache over these entries; empty text if it fails."""
        return subprocess.run(["apt-cache", *self._options, *words], capture_output=True,
                              text=True, errors="replace").stdout

    def source(self, name, version):
        """Download a source package. Returns the path of its .dsc; its other files are in the same folder."""
        offered = re.findall(r"^Version: (\S+)", self.query("showsrc", "--only-source", name),
                             re.MULTILINE)
        if not offered:
            raise self._failure(f"the apt sources offer no deb-src with {name}")
        if version not in offered:
            raise Failure(f"source {name} {version} is no longer offered, only "
                          f"{', '.join(offered)}: update the installed package")
        run(["apt-get", *self._options, "source", "--download-only", f"{name}={version}"],
            cwd=self.folder)
        return self.folder / f"{name}_{version.split(':')[-1]}.dsc"

    def dependency(self, package, pattern):
        """The first dependency of a package that matches, for example the current kernel."""
        for name in re.findall(r"Depends: (\S+)", self.query("depends", package)):
            if re.fullmatch(pattern, name):
                return name
        raise self._failure(f"the apt sources offer no {package}")

    def binary(self, package):
        """Download a binary package, named as apt-get takes it. Returns its path."""
        run(["apt-get", *self._options, "download", package], cwd=self.folder)
        return max(self.folder.glob(f"{package.split('=')[0]}_*.deb"), key=os.path.getmtime)

    def with_dependencies(self, packages):
        """Download binary packages and all that they depend on, as if nothing were installed.
        Returns the paths."""
        status = self.folder / "no-status"
        status.write_text("")
        run(["apt-get", *self._options, "-o", f"Dir::State::status={status}",
             "-o", "Debug::NoLocking=1", "-y", "--no-install-recommends", "--download-only",
             "install", *packages])
        return sorted((self.folder / "cache/archives").glob("*.deb"))
