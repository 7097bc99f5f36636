# SPDX-License-Identifier: GPL-3.0-or-later
"""Initramfs images: newc archives, shared libraries, kernel modules."""
import os
import pathlib
import re
import stat
import subprocess


class Archive:
    """A newc cpio archive with no owner, no time and a fixed order: the same files give
    the same bytes."""

    def __init__(self):
        self.entries = {}

    def _parents(self, path):
        for parent in reversed(pathlib.PurePosixPath(path).parents):
            name = str(parent)
            if name != "." and name not in self.entries:
                self.entries[name] = (stat.S_IFDIR | 0o755, b"", 0)

    def directory(self, path):
        self._parents(path)
        self.entries.setdefault(path, (stat.S_IFDIR | 0o755, b"", 0))

    def file(self, path, data, mode=0o644):
        self._parents(path)
        self.entries[path] = (stat.S_IFREG | mode, data, 0)

    def link(self, path, target):
        self._parents(path)
        self.entries[path] = (stat.S_IFLNK | 0o777, target.encode(), 0)

    def device(self, path, major, minor):
        self._parents(path)
        self.entries[path] = (stat.S_IFCHR | 0o600, b"", (major << 8) | minor)

    def copy(self, path, source, mode=0o755):
        self.file(path, pathlib.Path(source).read_bytes(), mode)

    def add(self, other):
        self.entries.update(other.entries)

    def bytes(self):
        out = bytearray()
        names = sorted(self.entries)
        for inode, name in enumerate(names + ["TRAILER!!!"], 1):
            mode, data, device = self.entries.get(name, (0, b"", 0))
            links = 2 if stat.S_ISDIR(mode) else 1
            fields = (inode, mode, 0, 0, links, 0, len(data), 0, 0,
                      device >> 8, device & 255, len(name.encode()) + 1, 0)
            out += b"070701" + b"".join(b"%08X" % field for field in fields)
            out += name.encode() + b"\0"
            out += b"\0" * (-len(out) % 4)
            out += data
            out += b"\0" * (-len(out) % 4)
        out += b"\0" * (-len(out) % 512)
        return bytes(out)


def libraries(program, extra=()):
    """Files that the loader needs for program, as (path in the image, path here). extra:
    libraries that are opened at run time."""
    found = {}
    for name in (program, *extra):
        listing = subprocess.run(["ldd", str(name)], check=True, capture_output=True, text=True).stdout
        for line in listing.splitlines():
            match = re.search(r"(/\S+) \(0x", line)
            if match:
                found[match.group(1)] = os.path.realpath(match.group(1))
    for name in extra:
        found[str(name)] = os.path.realpath(name)
    return sorted(found.items())


class Modules:
    """Kernel modules of an unpacked kernel package."""

    def __init__(self, kernel_dir):
        self.root = pathlib.Path(kernel_dir)
        self.version = next((self.root / "lib/modules").iterdir()).name
        self.base = self.root / "lib/modules" / self.version
        self.needs = {}
        for line in (self.base / "modules.dep").read_text().splitlines():
            path, _, rest = line.partition(":")
            self.needs[path] = rest.split()
        self.by_name = {self._name(path): path for path in self.needs}

    @staticmethod
    def _name(path):
        return pathlib.PurePosixPath(path).name.split(".ko")[0].replace("-", "_")

    def closure(self, names):
        wanted = []
        for name in names:
            path = self.by_name.get(name.replace("-", "_"))
            if path is None:
                continue  # built in, or another kernel's name
            for each in [path] + self.needs[path]:
                if each not in wanted:
                    wanted.append(each)
        return sorted(wanted)

    def add_to(self, archive, names):
        paths = self.closure(names)
        prefix = f"lib/modules/{self.version}"
        for path in paths:
            archive.copy(f"{prefix}/{path}", self.base / path, 0o644)
        index = "".join(f"{path}: {' '.join(self.needs[path])}".rstrip() + "\n" for path in paths)
        archive.file(f"{prefix}/modules.dep", index.encode())
        # which devices a driver takes: the gate binds nothing without it
        kept = {self._name(path) for path in paths}
        alias = "".join(line + "\n" for line in (self.base / "modules.alias").read_text().splitlines()
                        if line.rpartition(" ")[2] in kept)
        archive.file(f"{prefix}/modules.alias", alias.encode())
        for name in ("modules.builtin", "modules.order"):
            if (self.base / name).exists():
                archive.copy(f"{prefix}/{name}", self.base / name, 0o644)


def write_if_changed(path, data):
    path = pathlib.Path(path)
    if path.exists() and path.read_bytes() == data:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + f".{os.getpid()}.new")
    temporary.write_bytes(data)
    temporary.rename(path)
    return path
