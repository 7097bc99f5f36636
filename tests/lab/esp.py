# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines that firmware boots from a disk, by a boot entry in its own variable store: no -kernel, so
that a reset goes where BootNext or BootOrder say."""
import os
import pathlib
import struct
import threading

import build
import efivars
import qemu

# q35's SATA controller
DEVICE, FUNCTION = 0x1F, 2
GATE, TENANT = 0, 1  # its ports


def disk(path, files):
    """A FAT disk with these files: {path on it: path here}."""
    size = sum(pathlib.Path(source).stat().st_size for source in files.values())
    new = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}.new")
    new.unlink(missing_ok=True)
    build.run("mkfs.vfat", "-i", "4c414231", "-C", new, str((size >> 10) + 4096), env={
        **os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})
    made = set()
    for name, source in files.items():
        for parent in reversed(pathlib.PurePosixPath(name).parents[:-1]):
            if parent not in made:
                build.run("mmd", "-i", new, f"::/{parent}")
                made.add(parent)
        build.run("mcopy", "-i", new, source, f"::/{name}")
    new.rename(path)
    return path


def entry(words, port, path, options=""):
    """An EFI_LOAD_OPTION for a file on the disk at this port, with its LoadOptions."""
    option = efivars.load_option(words, efivars.sata_file(DEVICE, FUNCTION, port, path))
    return option + ((options + "\0").encode("utf-16-le") if options else b"")


def boots(*entries):
    """What qemu.Machine does to the variable store: these entries, in this order."""
    def change(store):
        for number, option in enumerate(entries):
            store = efivars.add(store, f"Boot{number:04X}", option)
        return efivars.add(store, "BootOrder", struct.pack(f"<{len(entries)}H", *range(len(entries))))
    return change


def live(store):
    """Names of the variables that are in force."""
    at, names = efivars.STORE + efivars.STORE_HEADER, []
    while struct.unpack_from("<H", store, at)[0] == efivars.STARTED:
        fields = efivars.VARIABLE.unpack_from(store, at)
        at += efivars.VARIABLE.size
        if fields[1] == efivars.ADDED:
            names.append(store[at : at + fields[7]].decode("utf-16-le").rstrip("\0"))
        at += fields[7] + fields[8]
        at += -at % 4
    return names


class Host(qemu.Host):
    """The lab host with disks at its SATA ports. Whoever has them changes nothing of what is judged: their
    controller is the board's, and no driver of theirs is bound."""

    def __init__(self, disks):
        super().__init__()
        self.disks = disks  # {port: path}
        for port in disks:
            self.devices[f"sata{port}"] = f"ide-hd,drive=sata{port},bus=ide.{port}"

    def arguments(self, store, data):
        args = []
        for port, path in self.disks.items():
            args += ["-drive", f"file={path},if=none,format=raw,id=sata{port},snapshot=on"]
        return args + super().arguments(store, data)
