#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a captured tree: a directory that looks like /sys as far as holdfast reads it.

Usage: make_tree.py [--gap N] DESCRIPTION.json OUT     a described machine
       make_tree.py --lspci DUMP OUT                   an `lspci -xxxx` dump
       make_tree.py --server OUT                       two sockets, 8 GPUs, 60 parts, 350 functions
       make_tree.py --scale N --rom-bytes B OUT        N functions, B bytes of option ROM in all

OUT must not exist, or be empty. The same arguments make the same bytes.

A description is {"dmi": {"vendor", "product"}, "roots": [{"domain": "0000", "bus": "00",
"devices": [DEVICE...]}]}. A DEVICE has "at": "1c.0" and any of
  "vendor" "device" "class" "subsystem" "revision"   hex text ("subsystem": "8086:a01f")
  "kind"      endpoint (default), conventional, root-port, upstream, downstream, bridge
  "slot"      true, or its number: a slot       "serial"  hex, the device serial number
  "rom"       {"file": PATH} | {"hex": ".."} | {"images": [{"code": 3, "size": 65536}],
              "pad": 131072, "seed": "text"}   (code 0 PC-AT, 3 EFI)
  "driver"    name           "boot_vga" true        "config" {"0x40": "hex bytes"} laid over
  "config_len" 64, 256 or 4096 (default 4096; conventional 256)
  "vfs"       [{"distance": 16}]: virtual functions, on this bus or the next
  "below"     [DEVICE...]    behind this bridge
and what its driver shows and the device answers: see drivers.py.
Bus numbers are handed out depth first; --gap N leaves N numbers free between them.
"""
import argparse
import hashlib
import json
import os
import re
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import drivers  # noqa: E402

PORT_TYPE = {"endpoint": 0, "root-port": 4, "upstream": 5, "downstream": 6}
BRIDGES = ("root-port", "upstream", "downstream", "bridge")


def noise(seed, n):
    return hashlib.shake_128(seed.encode()).digest(n)


def number(device, key, default):
    return int(str(device.get(key, default)), 16)


# ---- option ROMs

def pe_headers(size):
    """The first 0x180 bytes of a PE32+ program of one section (PE/COFF 8.3, section 3)."""
    head = bytearray(0x180)
    head[0:2], head[0x3c] = b"MZ", 0x40
    struct.pack_into("<4sHHIIIHH", head, 0x40, b"PE\0\0", 0x8664, 1, 0, 0, 0, 112 + 6 * 8, 0x22)
    struct.pack_into("<H", head, 0x58, 0x20b)
    struct.pack_into("<IIHHHHHHIIIIHH", head, 0x58 + 32, 0x1000, 0x200, 0, 0, 0, 0, 0, 0, 0,
                     0x1000 + size, 0x180, 0, 0x0b, 0)
    struct.pack_into("<I", head, 0x58 + 108, 6)
    struct.pack_into("<8sIIII", head, 0x58 + 112 + 48, b".text", size - 0x180, 0x1000, size - 0x180,
                     0x180)
    return bytes(head)


def rom_image(code, size, vendor, device, klass, last, seed):
    """One image, PCI Firmware Specification 3.3, 5.1: header, PCI data structure, noise."""
    if size % 512 or not 512 <= size <= 0xffff * 512:
        sys.exit(f"an image of {size} bytes cannot be described")
    data = bytearray(noise(seed, size))
    data[0:0x1a] = bytes(0x1a)
    data[0:2] = b"\x55\xaa"
    data[0x18:0x1a] = struct.pack("<H", 0x1c)
    if code == 3:
        data[2:4] = struct.pack("<H", size // 512)
        data[4:0xe] = struct.pack("<IHHH", 0x0ef1, 0x0b, 0x8664, 0)
        data[0x16:0x18] = struct.pack("<H", 0x50)
        data[0x50:0x50 + 0x180] = pe_headers(size - 0x50)
    else:
        data[2] = min(size // 512, 255)
    data[0x1c:0x34] = struct.pack("<4sHHHHB3sHHBBH", b"PCIR", vendor, device, 0, 0x18, 3,
                                  klass.to_bytes(3, "little"), size // 512, 1, code,
                                  0x80 if last else 0, 0)
    return bytes(data)


def rom_bytes(device, where):
    rom = device["rom"]
    if "file" in rom:
        with open(rom["file"], "rb") as f:
            data = f.read()
    elif "hex" in rom:
        data = bytes.fromhex(rom["hex"])
    else:
        images = rom["images"]
        data = b"".join(
            rom_image(image.get("code", 3), image["size"], number(device, "vendor", "1af4"),
                      number(device, "device", "1000"), number(device, "class", "020000"),
                      i == len(images) - 1, f"{rom.get('seed', where)}/{i}")
            for i, image in enumerate(images))
    return data + b"\xff" * (rom.get("pad", 0) - len(data))


# ---- configuration space

def config_bytes(device, buses):
    kind = device.get("kind", "endpoint")
    bridge = kind in BRIDGES
    express = kind in PORT_TYPE
    c = bytearray(4096)
    klass = number(device, "class", "060400" if bridge else "020000")
    subsystem = [int(x, 16) for x in device.get("subsystem", "0:0").split(":")]
    struct.pack_into("<HHHHB3s", c, 0, number(device, "vendor", "1af4"),
                     number(device, "device", "1000"), 6, 0x10,
                     number(device, "revision", "0"), klass.to_bytes(3, "little"))
    c[0x0e] = (1 if bridge else 0) | (0x80 if device.get("multi") else 0)
    c[0x34] = 0x40
    if bridge:
        c[0x18:0x1b] = bytes(buses)
        c[0x1c:0x26] = bytes.fromhex("f00000000000f0ff0000")
    else:
        struct.pack_into("<I", c, 0x10, 0xfe000000)
        struct.pack_into("<HH", c, 0x2c, *subsystem)
    if "rom" in device:
        struct.pack_into("<I", c, 0x38 if bridge else 0x30, 0xfd000000)
    # power management, then MSI, then subsystem ids of a bridge, then PCI Express
    struct.pack_into("<BBHHH", c, 0x40, 0x01, 0x48, 0x0003, 0, 0)
    struct.pack_into("<BBHQH", c, 0x48, 0x05, 0x58 if bridge else 0x60 if express else 0,
                     0x0080, 0, 0)
    if bridge:
        struct.pack_into("<BBHHH", c, 0x58, 0x0d, 0x60 if express else 0, 0, *subsystem)
    if express:
        slot = 0x100 if device.get("slot") else 0
        struct.pack_into("<BBH", c, 0x60, 0x10, 0, 2 | PORT_TYPE[kind] << 4 | slot)
        if device.get("slot") is not True:
            struct.pack_into("<I", c, 0x74, (device.get("slot") or 0) << 19)
        struct.pack_into("<IHHI", c, 0x64, 0x8fc1, 0x2810, 0, 0x00400d03)
        at = 0x140 if "serial" in device else 0x160 if "vfs" in device else 0
        struct.pack_into("<I", c, 0x100, 0x0001 | 2 << 16 | at << 20)
        if "serial" in device:
            following = 0x160 if "vfs" in device else 0
            struct.pack_into("<IQ", c, 0x140, 0x0003 | 1 << 16 | following << 20,
                             int(device["serial"], 16))
        if "vfs" in device:
            struct.pack_into("<I", c, 0x160, 0x0010 | 1 << 16)
            struct.pack_into("<H", c, 0x160 + 0x1a, number(device, "vf_device", "1001"))
    drivers.config(device, c)
    for offset, text in device.get("config", {}).items():
        data = bytes.fromhex(text)
        c[int(offset, 16):int(offset, 16) + len(data)] = data
    return bytes(c[:device.get("config_len", 4096 if express else 256)])


# ---- the directory

class Tree:
    def __init__(self, out):
        self.out = out
        if os.path.isdir(out) and os.listdir(out):
            sys.exit(f"{out}: is not empty")
        for sub in ("bus/pci/devices", "bus/pci/drivers", "devices"):
            os.makedirs(os.path.join(out, sub), exist_ok=True)
        self.write("bus/pci/drivers_autoprobe", "1\n")
        self.write("devices/system/cpu/online", "0\n")
        self.write("devices/system/cpu/present", "0\n")

    def write(self, path, data):
        path = os.path.join(self.out, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())

    def dmi(self, vendor, product):
        self.write("class/dmi/id/sys_vendor", vendor + "\n")
        self.write("class/dmi/id/product_name", product + "\n")

    def function(self, parent, address, config, rom=None, driver=None, boot_vga=None,
                 physical=None, slot=None):
        """One function below parent ("devices/pci0000:00/..."); returns its own directory."""
        here = f"{parent}/{address}"
        depth = here.count("/")
        head = config[:64].ljust(64, b"\0")
        self.write(f"{here}/config", config)
        for name, at in (("vendor", 0), ("device", 2), ("subsystem_vendor", 0x2c),
                         ("subsystem_device", 0x2e)):
            self.write(f"{here}/{name}", f"0x{struct.unpack_from('<H', head, at)[0]:04x}\n")
        self.write(f"{here}/class", f"0x{int.from_bytes(head[9:12], 'little'):06x}\n")
        self.write(f"{here}/revision", f"0x{head[8]:02x}\n")
        self.write(f"{here}/irq", "0\n")
        self.write(f"{here}/numa_node", "-1\n")
        self.write(f"{here}/enable", "0\n")
        self.write(f"{here}/resource", "0x0000000000000000 0x0000000000000000 "
                                       "0x0000000000000000\n" * 13)
        if rom is not None:
            self.write(f"{here}/rom", rom)
        if boot_vga is not None:
            self.write(f"{here}/boot_vga", f"{int(boot_vga)}\n")
        up = "../" * depth
        if driver:
            os.makedirs(os.path.join(self.out, "bus/pci/drivers", driver), exist_ok=True)
            os.symlink(f"{up}../bus/pci/drivers/{driver}",
                       os.path.join(self.out, here, "driver"))
        if physical:
            os.symlink(f"../{physical}", os.path.join(self.out, here, "physfn"))
        os.symlink(f"../../../{here}", os.path.join(self.out, "bus/pci/devices", address))
        return here


class Builder:
    """Walk a description depth first and hand out bus numbers."""

    def __init__(self, tree, gap):
        self.tree, self.gap, self.count = tree, gap, 0

    def root(self, root):
        self.domain = int(root.get("domain", "0"), 16)
        self.bus = int(root.get("bus", "0"), 16)
        name = f"pci{self.domain:04x}:{self.bus:02x}"
        self.devices(root["devices"], self.bus, f"devices/{name}")

    def devices(self, devices, bus, parent):
        for device in devices:
            self.device(device, bus, parent)

    def device(self, device, bus, parent):
        address = f"{self.domain:04x}:{bus:02x}:{device['at']}"
        buses = (bus, 0, 0)
        here = f"{parent}/{address}"
        if device.get("kind") in BRIDGES:
            self.bus += 1 + self.gap
            secondary = self.bus
            if secondary > 255:
                sys.exit(f"{address}: no bus number left")
            self.devices(device.get("below", []), secondary, here)
            buses = (bus, secondary, self.bus)
        config = config_bytes(device, buses)
        rom = rom_bytes(device, address) if "rom" in device else None
        vga = device.get("boot_vga", False if number(device, "class", "0") >> 8 == 0x300 else None)
        here = self.tree.function(parent, address, config, rom, device.get("driver"), vga)
        drivers.add(self.tree, here, address, device)
        self.count += 1
        for vf in device.get("vfs", []):
            self.virtual(vf, address, parent, config)

    def virtual(self, vf, physical, parent, config):
        _, bus, rest = physical.split(":")
        rid = (int(bus, 16) << 8 | int(rest[:2], 16) << 3 | int(rest[3])) + vf["distance"]
        address = f"{self.domain:04x}:{rid >> 8:02x}:{rid >> 3 & 31:02x}.{rid & 7}"
        config = b"\xff\xff\xff\xff" + config[4:0x30] + bytes(4) + config[0x34:]
        self.tree.function(parent, address, config, physical=physical)
        self.bus = max(self.bus, rid >> 8)
        self.count += 1


def build(tree, description, gap=0):
    dmi = description.get("dmi", {})
    tree.dmi(dmi.get("vendor", "Example"), dmi.get("product", "Captured Host"))
    builder = Builder(tree, gap)
    for root in description["roots"]:
        builder.root(root)
    return builder.count


# ---- lspci dumps

def lspci(tree, path):
    tree.dmi("Example", os.path.basename(path))
    head = re.compile(r"^((?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) ")
    line = re.compile(r"^([0-9a-f]{2,3}):((?: [0-9a-f]{2})+)\s*$")
    functions, current = {}, None
    with open(path, encoding="latin-1") as dump:
        for text in dump:
            if found := head.match(text):
                address = found[1] if found[1].count(":") == 2 else "0000:" + found[1]
                current = functions.setdefault(address, bytearray())
            elif current is not None and (found := line.match(text)):
                data = bytes.fromhex(found[2])
                at = int(found[1], 16)
                if len(current) < at:
                    current.extend(bytes(at - len(current)))
                current[at:at + len(data)] = data
    for address, config in sorted(functions.items()):
        tree.function(f"devices/pci{address[:-5]}", address, bytes(config))
    return len(functions)


# ---- generated machines

def efi_rom(seed, size=65536, legacy=0, pad=0):
    images = ([{"code": 0, "size": legacy}] if legacy else []) + [{"code": 3, "size": size}]
    return {"images": images, "seed": seed, "pad": pad}


def root_port(at, below, slot=True, device="352a"):
    return {"at": at, "vendor": "8086", "device": device, "kind": "root-port", "slot": slot,
            "subsystem": "8086:0000", "driver": "pcieport", "below": below}


def nic(name, functions, vendor="15b3", device="101b"):
    cards = []
    for i in range(functions):
        card = {"at": f"00.{i}", "vendor": vendor, "device": device, "class": "020000",
                "subsystem": f"{vendor}:0007", "multi": functions > 1,
                "serial": f"{int(hashlib.sha256(name.encode()).hexdigest()[:12], 16):x}"}
        card["rom"] = efi_rom(f"nic {vendor}:{device}", legacy=32768, pad=131072)
        cards.append(card)
    return cards


def nvme(name):
    return [{"at": "00.0", "vendor": "144d", "device": "a824", "class": "010802",
             "subsystem": "144d:aa0a",
             "serial": f"{int(hashlib.sha256(name.encode()).hexdigest()[:12], 16):x}"}]


def gpu(name):
    return [{"at": "00.0", "vendor": "10de", "device": "2330", "class": "030200",
             "subsystem": "10de:16c1", "rom": efi_rom("gpu 10de:2330", size=131072, pad=262144),
             "serial": f"{int(hashlib.sha256(name.encode()).hexdigest()[:12], 16):x}"}]


def switch(ports):
    """An upstream port and one downstream port with a slot per entry."""
    down = [{"at": f"{i:02x}.0", "vendor": "1000", "device": "c030", "kind": "downstream",
             "slot": True, "subsystem": "1000:c030", "driver": "pcieport", "below": below}
            for i, below in enumerate(ports)]
    return [{"at": "00.0", "vendor": "1000", "device": "c030", "kind": "upstream",
             "subsystem": "1000:c030", "driver": "pcieport", "below": down},
            {"at": "00.1", "vendor": "1000", "device": "02b2", "class": "010700", "multi": True,
             "subsystem": "1000:c030"}]


def uncore(at, index):
    return {"at": at, "vendor": "8086", "device": f"{0x3250 + index % 48:04x}",
            "class": "088000" if index % 3 else "110100", "kind": "conventional",
            "subsystem": "8086:0000"}


def server():
    """Five root buses a socket, one segment a socket, drives of one stack behind a VMD domain."""
    stacks = []
    for socket in range(2):
        for bus in ("00", "15", "37", "59", "7b"):
            stacks.append({"domain": f"{socket:04x}", "bus": bus, "devices": []})
    for s in (1, 2, 6, 7):     # a switch: two GPUs, two NICs, two drives
        name = f"stack {s}"
        stacks[s]["devices"].append(root_port("01.0", switch(
            [gpu(name + "a"), gpu(name + "b"), nic(name + "a", 2), nic(name + "b", 2),
             nvme(name + "a"), nvme(name + "b")])))
    for s in (3, 8):           # a switch of drives, and a NIC
        name = f"stack {s}"
        stacks[s]["devices"].append(root_port("01.0", switch(
            [nvme(f"{name} {i}") for i in range(8 if s == 3 else 6)])))
        stacks[s]["devices"].append(root_port("03.0", nic(name, 4, "8086", "1593")))
    for s in (4, 9):           # NVSwitches
        for i in range(2):
            stacks[s]["devices"].append(root_port(f"0{1 + 2 * i}.0", [
                {"at": "00.0", "vendor": "10de", "device": "22a3", "class": "068000",
                 "subsystem": "10de:1796"}]))
    stacks[0]["devices"].append(root_port("1c.0", [
        {"at": "00.0", "vendor": "1a03", "device": "1150", "kind": "bridge",
         "subsystem": "1a03:1150", "below": [
             {"at": "00.0", "vendor": "1a03", "device": "2000", "class": "030000",
              "kind": "conventional", "subsystem": "1a03:2000", "boot_vga": True}]}], slot=False))
    stacks[0]["devices"].append(root_port("1c.4", nvme("boot 0"), slot=False))
    stacks[0]["devices"].append(root_port("1c.5", nvme("boot 1"), slot=False))
    stacks[0]["devices"].append(root_port("1d.0", nic("management", 2, "8086", "1521")))
    stacks[5]["devices"].append(root_port("01.0", nic("storage", 4, "14e4", "1751")))
    stacks[5]["devices"].append(root_port("03.0", [
        {"at": "00.0", "vendor": "1000", "device": "10e2", "class": "010400",
         "subsystem": "1000:4010", "rom": efi_rom("raid", legacy=16384, pad=131072)}]))
    vmd = {"domain": "10000", "bus": "00",
           "devices": [root_port(f"0{i}.0", nvme(f"vmd {i}")) for i in range(2, 5)]}
    roots = stacks + [vmd]
    fill(roots, stacks, 350)
    return {"dmi": {"vendor": "Example", "product": "Two-Socket 8-GPU Server"}, "roots": roots}


def count(devices):
    return sum(1 + count(d.get("below", [])) for d in devices)


def fill(roots, stacks, total):
    """Uncore functions on the root buses until the whole server has total functions."""
    missing = total - sum(count(r["devices"]) for r in roots)
    places = [f"{d:02x}.{f}" for d in (0, 8, 9, 10, 11, 12, 13, 14, 15, 30) for f in range(8)]
    for i in range(missing):
        stacks[i % len(stacks)]["devices"].append(uncore(places[i // len(stacks)], i))
    if missing < 0:
        sys.exit(f"the server has {-missing} functions too many")


def scale(functions, rom_total):
    """Root ports with eight functions each; each endpoint's ROM is one image that fills it."""
    ports, left = [], functions
    while left > 1:
        below = min(8, left - 1)
        ports.append(below)
        left -= 1 + below
    endpoints = sum(ports)
    blocks, roots, made = rom_total // 512, [], 0
    for first in range(0, len(ports), 240):
        devices = []
        for i, below in enumerate(ports[first:first + 240]):
            cards = []
            for f in range(below):
                card = {"at": f"00.{f}", "vendor": "8086", "device": "10d3", "multi": True,
                        "class": "020000", "subsystem": "8086:a01f",
                        "serial": f"{0x1000000 + (first + i) * 8 + f:x}"}
                size = blocks // endpoints + (made < blocks % endpoints)
                if size:
                    card["rom"] = efi_rom(f"scale {made}", size=size * 512)
                cards.append(card)
                made += 1
            devices.append(root_port(f"{i // 8 + 1:02x}.{i % 8}", cards))
        roots.append({"domain": f"{len(roots):04x}", "bus": "00", "devices": devices})
    if left:
        roots = roots or [{"domain": "0000", "bus": "00", "devices": []}]
        roots[0]["devices"].append({"at": "00.0", "vendor": "8086", "device": "29c0",
                                    "class": "060000", "kind": "conventional"})
    return {"dmi": {"vendor": "Example", "product": "Scale"}, "roots": roots}


def main():
    parser = argparse.ArgumentParser(description="Make a captured tree.")
    parser.add_argument("--lspci", metavar="DUMP")
    parser.add_argument("--server", action="store_true")
    parser.add_argument("--scale", type=int, metavar="N")
    parser.add_argument("--rom-bytes", type=int, default=0, metavar="B")
    parser.add_argument("--gap", type=int, default=0, metavar="N")
    parser.add_argument("paths", nargs="+", metavar="[DESCRIPTION] OUT")
    options = parser.parse_args()
    described = not (options.lspci or options.server or options.scale)
    if len(options.paths) != (2 if described else 1):
        parser.error("wants " + ("DESCRIPTION.json OUT" if described else "OUT"))
    tree = Tree(options.paths[-1])
    if options.lspci:
        made = lspci(tree, options.lspci)
    elif options.server:
        made = build(tree, server(), options.gap)
    elif options.scale:
        made = build(tree, scale(options.scale, options.rom_bytes), options.gap)
    else:
        with open(options.paths[0], encoding="utf-8") as f:
            made = build(tree, json.load(f), options.gap)
    print(f"{made} functions")


if __name__ == "__main__":
    main()
