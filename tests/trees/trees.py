# SPDX-License-Identifier: GPL-3.0-or-later
"""Captured trees for tests, and ways to tamper with them."""
import copy
import json
import os
import shutil
import struct

import make_tree
from harness import HERE, IPXE, Skip, need, read, write

COMMAND_LINE = "console=ttyS0 maxcpus=2 panic=0"
NIC1, NIC2 = "pci0000:00/02.0/00", "pci0000:00/02.2/00.0/00.0/00"
VIRTIO, DRIVE = "pci0000:00/02.1/00", "pci0000:00/02.2/00.0/01.0/00"
FACTS = {
    "sys/class/dmi/id/board_name": "lab-board",
    "sys/class/dmi/id/product_serial": "LAB0001",
    "sys/kernel/security/lockdown": "[none] integrity confidentiality",
    "sys/class/tpm/tpm0/tpm_version_major": "2",
    "sys/devices/system/cpu/present": "0-1",
    "proc/cmdline": COMMAND_LINE,
    "proc/sys/kernel/osrelease": "6.1.0-lab",
}


def lab():
    """The lab host's description, to be altered before it is made into a tree."""
    if not os.path.exists(f"{IPXE}/efi-e1000e.rom"):
        raise Skip(f"no {IPXE}: install ipxe-qemu")
    with open(os.path.join(HERE, "lab.json"), encoding="utf-8") as file:
        return json.load(file)


def device(description, *places):
    """The device below a chain of places: device(d, "02.2", "00.0")."""
    devices = description["roots"][0]["devices"]
    for place in places:
        found = [d for d in devices if d["at"] == place][0]
        devices = found.setdefault("below", [])
    return found


class Tree:
    def __init__(self, root, description, gap=0):
        self.root, self.sys = root, os.path.join(root, "sys")
        shutil.rmtree(root, ignore_errors=True)
        os.makedirs(root)
        make_tree.build(make_tree.Tree(self.sys), copy.deepcopy(description), gap)
        for path, text in FACTS.items():
            write(os.path.join(root, path), text + "\n")

    def file(self, address, name):
        return os.path.join(self.sys, "bus/pci/devices", address, name)

    def put(self, address, name, data):
        need(os.path.exists(self.file(address, "config")), f"no function {address}")
        write(self.file(address, name), data)

    def rom(self, address):
        return read(self.file(address, "rom"))

    def flip(self, address, offset, name="rom"):
        data = bytearray(read(self.file(address, name)))
        data[offset] ^= 0x01
        self.put(address, name, bytes(data))

    def remove(self, address, name):
        os.unlink(self.file(address, name))


def smbios_structure(kind, body, strings=()):
    """One structure with its strings (SMBIOS 3.7, 6.1.2 and 6.1.3)."""
    text = b"".join(s.encode("latin-1") + b"\0" for s in strings) or b"\0"
    return struct.pack("<BBH", kind, 4 + len(body), 0x100 + kind) + body + text + b"\0"


def smbios_slot(label, bus, devfn, segment=0):
    return smbios_structure(9, struct.pack("<BBBBBHBBHBB", 1, 0xa5, 0xd, 4, 4, 0, 4, 1, segment, bus,
                                           devfn), [label])


def smbios_onboard(label, bus, devfn, segment=0):
    return smbios_structure(41, struct.pack("<BBBHBB", 1, 0x85, 1, segment, bus, devfn), [label])


def put_smbios(sys, structures, end=True):
    """The table and its 64-bit entry point, as the kernel shows them."""
    table = b"".join(structures) + (smbios_structure(127, b"") if end else b"")
    entry = bytearray(struct.pack("<5sBBBBBBBIQ", b"_SM3_", 0, 24, 3, 7, 0, 1, 0, len(table), 0))
    entry[5] = -sum(entry) & 0xff
    write(f"{sys}/firmware/dmi/tables/DMI", table)
    write(f"{sys}/firmware/dmi/tables/smbios_entry_point", bytes(entry))


def rom_images(rom):
    """Offset and length of each image."""
    found, at = [], 0
    while True:
        pcir = at + struct.unpack_from("<H", rom, at + 0x18)[0]
        need(rom[pcir:pcir + 4] == b"PCIR", "not a ROM")
        length = struct.unpack_from("<H", rom, pcir + 16)[0] * 512
        found.append((at, length))
        if rom[pcir + 21] & 0x80:
            return found
        at += length


def rom_with_third_image(rom):
    """A well-formed chain with one image more, in the room that padding left."""
    images = rom_images(rom)
    at, length = images[-1]
    end = at + length
    data = bytearray(rom)
    pcir = at + struct.unpack_from("<H", rom, at + 0x18)[0]
    data[pcir + 21] &= 0x7f
    vendor, device_id = struct.unpack_from("<HH", rom, pcir + 4)
    extra = make_tree.rom_image(3, 4096, vendor, device_id, 0x020000, True, "third")
    need(set(data[end:end + len(extra)]) == {0xff}, "no room for a third image")
    data[end:end + len(extra)] = extra
    return bytes(data)
