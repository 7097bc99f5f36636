#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet's captures: what `holdfast scan --json` prints on each of many generated hosts.

Usage: captures.py [--hosts N] [--clean] OUT

Three models; the firmware of each model's cards in two genuine releases. In each capture of
1,000 there are, unless --clean, three hosts with a tampered ROM and one with a card in the
wrong slot: OUT.odd.json names them. The trees lie beside OUT while it is made. The same
arguments make the same captures.
"""
import argparse
import concurrent.futures
import copy
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import make_tree  # noqa: E402
import trees  # noqa: E402
from harness import BUILD, read, write  # noqa: E402

SERIAL_AT = 0x144	# in the configuration space that make_tree makes
RELEASES = ("22.31.1014", "22.34.4002")


def stable(text, length=12):
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def nic(ids, subsystem, release, functions=2):
    vendor, device = ids.split(":")
    cards = []
    for i in range(functions):
        card = {"at": f"00.{i}", "vendor": vendor, "device": device, "class": "020000",
                "subsystem": subsystem, "multi": functions > 1, "serial": "1", "driver": "nic",
                "net": [{"name": f"eth{i}", "firmware": RELEASES[release]}]}
        if i == 0:
            card["rom"] = {"images": [{"code": 0, "size": 8192}, {"code": 3, "size": 16384}],
                           "pad": 32768, "seed": f"{ids} {release}"}
        cards.append(card)
    return cards


def raid(release):
    return [{"at": "00.0", "vendor": "1000", "device": "10e2", "class": "010400", "serial": "1",
             "subsystem": "1000:4010", "revision": "01",
             "rom": {"images": [{"code": 3, "size": 16384}], "seed": f"raid {release}"}}]


def drive(release):
    return [{"at": "00.0", "vendor": "144d", "device": "a824", "class": "010802", "serial": "1",
             "subsystem": "144d:aa0a", "driver": "nvme",
             "nvme": {"firmware": ("GDC5302Q", "GDC5602Q")[release], "serial": "S1",
                      "answers": False}}]


def port(at, below):
    return make_tree.root_port(at, below)


def board(*ports):
    return [{"at": "00.0", "vendor": "8086", "device": "09a2", "class": "088000",
             "kind": "conventional", "subsystem": "8086:0000"},
            {"at": "1f.0", "vendor": "8086", "device": "1b81", "class": "060100",
             "kind": "conventional", "subsystem": "8086:7270"}, *ports]


def compute(release):
    return board(port("01.0", nic("15b3:101b", "15b3:0007", release)), port("02.0", drive(release)),
                 port("03.0", drive(release)), port("04.0", []))


def storage(release):
    return board(port("01.0", nic("15b3:101b", "15b3:0007", release)), port("02.0", raid(release)),
                 port("03.0", nic("8086:1593", "8086:0005", release)), port("04.0", []))


def edge(release):
    return board(port("01.0", nic("8086:1593", "8086:0005", release, 4)), port("02.0", drive(release)),
                 port("03.0", []))


MODELS = (("Example", "Compute 1U", compute), ("Example", "Storage 2U", storage),
          ("Sample Corp.", "Edge (rev. B)", edge))


class Machine:
    """One tree, shown as one host after another: serial numbers are what hosts differ in."""

    def __init__(self, root, model, release, change=None):
        vendor, product, devices = MODELS[model]
        description = {"dmi": {"vendor": vendor, "product": product},
                       "roots": [{"domain": "0000", "bus": "00", "devices": devices(release)}]}
        if change:
            change(description["roots"][0]["devices"])
        self.tree = trees.Tree(root, description)
        # a slot's address is that of the card in it: behind the port, on a bus of its own
        labels = [trees.smbios_slot(f"PCIE{i + 1}", i + 1, 0)
                  for i, d in enumerate(range(1, 5)) if self.has(f"0000:00:{d:02x}.0")]
        trees.put_smbios(self.tree.sys, labels)
        self.numbered = [a for a in sorted(os.listdir(f"{self.tree.sys}/bus/pci/devices"))
                         if len(c := read(self.tree.file(a, "config"))) > SERIAL_AT + 8
                         and c[0x140:0x142] == b"\x03\0"]

    def has(self, address):
        return os.path.exists(self.tree.file(address, "config"))

    def capture(self, name, out, *options):
        write(f"{self.tree.sys}/class/dmi/id/product_serial", f"SN-{stable(name, 8)}\n")
        digits = stable(name, 32)
        write(f"{self.tree.sys}/class/dmi/id/product_uuid", "-".join(
            (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])) + "\n")
        for address in self.numbered:
            with open(self.tree.file(address, "config"), "r+b") as config:
                config.seek(SERIAL_AT)
                config.write(struct.pack("<Q", int(stable(f"{name} {address[:-2]}"), 16)))
        with open(out, "wb") as file:
            done = subprocess.run([os.path.join(BUILD, "holdfast"), "scan", "--json", "--sysfs",
                                   self.tree.sys, *options], stdout=file, stderr=subprocess.PIPE,
                                  stdin=subprocess.DEVNULL)
        if done.returncode:
            sys.exit(f"scan of {name}: {done.stderr.decode()}")


def host_name(number):
    return f"rack{number // 40 + 1:02d}-{number % 40 + 1:02d}"


def kind_of(number):
    """Model and release of a host: two in five have the old one."""
    return number % 3, number // 3 % 5 > 1


def odd_hosts(hosts):
    """Three tampered ROMs, one of them in a model's second card, and a card moved to slot 4."""
    first = [n for n in range(hosts) if n % 3 == 0]
    second = [n for n in range(hosts) if n % 3 == 1]
    return {first[len(first) // 3]: ("tampered", "0000:01:00.0"),
            first[len(first) // 2]: ("tampered", "0000:01:00.0"),
            second[len(second) // 2]: ("tampered", "0000:03:00.0"),
            second[len(second) // 4]: ("moved", None)}


def move_card(devices):
    """What sat in slot 2 sits in slot 4."""
    ports = {d["at"]: d for d in devices}
    ports["04.0"]["below"], ports["02.0"]["below"] = ports["02.0"]["below"], []


def group(work, out, model, release, members, odd):
    """One after the other: they share a tree."""
    machine = Machine(f"{work}/{model}-{int(release)}", model, release)
    for number in members:
        path = f"{out}/{host_name(number)}.json"
        what, address = odd.get(number, (None, None))
        if what == "moved":
            Machine(f"{work}/moved", model, release, move_card).capture(host_name(number), path)
            continue
        if what == "tampered":
            genuine = machine.tree.rom(address)
            machine.tree.flip(address, 9000 + number)
        machine.capture(host_name(number), path)
        if what == "tampered":
            machine.tree.put(address, "rom", genuine)


def make(out, hosts=1000, clean=False):
    """Returns {host: what is wrong with it}."""
    work = out + ".trees"
    for directory in (out, work):
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory)
    odd = {} if clean else odd_hosts(hosts)
    groups = {}
    for number in range(hosts):
        groups.setdefault(kind_of(number), []).append(number)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for done in [pool.submit(group, work, out, *kind, members, copy.copy(odd))
                     for kind, members in groups.items()]:
            done.result()
    return {host_name(number): what for number, (what, _) in odd.items()}


def main():
    parser = argparse.ArgumentParser(description="Make captures of a fleet.")
    parser.add_argument("--hosts", type=int, default=1000, metavar="N")
    parser.add_argument("--clean", action="store_true")
    parser.add_argument("out", metavar="OUT")
    options = parser.parse_args()
    odd = make(options.out, options.hosts, options.clean)
    with open(options.out + ".odd.json", "w", encoding="utf-8") as file:
        json.dump(odd, file, indent=1)
    shutil.rmtree(options.out + ".trees")
    print(f"{options.hosts} captures in {options.out}; odd: {', '.join(sorted(odd)) or 'none'}")


if __name__ == "__main__":
    main()
