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
