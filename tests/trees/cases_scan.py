# SPDX-License-Identifier: GPL-3.0-or-later
"""holdfast scan: what is there, whatever it answers."""
import glob
import hashlib
import json
import os
import re

import trees
from harness import ROOT, Skip, case, need, read, rom_labels, snapshot, write


def scan(t, tree, *argv, code=None):
    result = t.holdfast("scan", "--sysfs", tree.sys, *argv, code=code)
    if "--json" not in argv:
        t.narrow(result.text + t.normalise(result.errors))
    return result


def make(t, description=None, **more):
    return trees.Tree(t.path("tree"), description or trees.lab(), **more)


def label_roms(t, tree):
    """Short forms too: the readable tree prints the first digits."""
    for path in sorted(glob.glob(f"{tree.sys}/bus/pci/devices/*/rom")):
        rom = read(path)
        rom_labels(t.labels, f"ROM of {path.split('/')[-2]}", rom)
    t.labels.update({k[:16] + "...": v for k, v in list(t.labels.items()) if len(k) == 64})


@case
def scan_lab_host(t):
    tree = make(t)
    before = snapshot(t.path("tree"))
    result = scan(t, tree, code=0)
    need(before == snapshot(t.path("tree")), "scan wrote to the captured tree")
    need(not result.err, result.describe())
    # ROM contents come from an installed package: their digests are not for a golden file
    t.golden("scan-lab.txt", re.sub(r"[0-9a-f]{16}\.\.\.", "<digest>", result.text))


@case
def scan_says_that_an_initramfs_ran_it(t):
    tree = make(t)
    plain = scan(t, tree, code=0).text
    need("initramfs" not in plain, plain)
    said = scan(t, tree, "--initramfs-step", "dracut", code=0).text
    need("initramfs-step" in said and "ran from an initramfs step: dracut" in said, said)
    need("earns no ticket" in said, said)
    found = json.loads(scan(t, tree, "--json", "--initramfs-step", "dracut", code=0).out)
    need('"initramfs-step"' in json.dumps(found), "not in the JSON")


@case
def scan_json_tells_the_same(t):
    tree = make(t)
    found = json.loads(scan(t, tree, "--json", code=0).out)
    text = json.dumps(found)
    for address in os.listdir(f"{tree.sys}/bus/pci/devices"):
        need(address in text, f"{address} is not in the JSON")
        path = tree.file(address, "rom")
        if os.path.exists(path):
            need(hashlib.sha256(read(path)).hexdigest() in text, f"{address}: SHA-256 of its ROM")
            need(hashlib.sha384(read(path)).hexdigest() in text, f"{address}: SHA-384 of its ROM")


@case
def scan_paths_do_not_depend_on_bus_numbers(t):
    plain = scan(t, make(t), code=0).text
    gap = scan(t, make(t, gap=3), code=0).text
    strip = re.compile(r"^ +[0-9a-f]{4}:[0-9a-f]{2}:", re.M)
    need(plain != gap, "the gap changed no address")
    need(strip.sub("", plain) == strip.sub("", gap), "a path depends on bus numbers")


@case
def scan_rom_none_says_not_measured(t):
    result = scan(t, make(t), "--rom=none", code=0)
    need(result.text.count("not-measured") >= 4, result.describe())
    need("sha256" not in result.text, result.describe())


@case
def scan_malformed_roms_are_hashed_and_named(t):
    for name, rom, cause in (
            ("elevens", b"\x11" * 1024, "rom-signature"),
            ("cut", b"\x55\xaa" + bytes(10), "rom-truncated"),
            ("length zero", None, "rom-image-length"),
            ("noise", bytes(range(256)) * 8, "rom-signature")):
        tree = make(t)
        if rom is None:
            rom = bytearray(tree.rom("0000:01:00.0"))
            pcir = int.from_bytes(rom[0x18:0x1a], "little")
            rom[pcir + 16:pcir + 18] = b"\0\0"
            rom = bytes(rom)
        tree.put("0000:01:00.0", "rom", rom)
        result = scan(t, tree, code=4)
        need(f"({cause})" in result.text.replace("\n", " ") or cause in result.text,
             f"{name}: wanted {cause}\n{result.describe()}")
        found = scan(t, tree, "--json", code=4).text
        need(hashlib.sha256(rom).hexdigest() in found, f"{name}: the window is not hashed")


@case
def scan_rom_too_large(t):
    tree = make(t)
    with open(tree.file("0000:01:00.0", "rom"), "r+b") as file:
        file.truncate((16 << 20) + 1)
    result = scan(t, tree, code=4)
    need("rom-too-large" in result.text, result.describe())


@case
def scan_empty_rom(t):
    """A register without a ROM behind it is a fact of its own, not trouble."""
    for rom in (b"", bytes(1024), b"\xff" * 1024):
        tree = make(t)
        tree.put("0000:01:00.0", "rom", rom)
        result = scan(t, tree, code=0)
        need("rom-empty" in result.text, result.describe())


@case
def scan_short_config(t):
    """64 bytes: what everybody but root gets to read."""
    tree = make(t)
    config = read(tree.file("0000:01:00.0", "config"))
    tree.put("0000:01:00.0", "config", config[:64])
    result = scan(t, tree, code=4)
    t.refused(result, "config-short")
    need("8086:10d3" in result.text, "the identity is readable and is gone")


@case
def scan_device_of_all_ones(t):
    tree = make(t)
    tree.put("0000:01:00.0", "config", b"\xff" * 4096)
    result = scan(t, tree, code=4)
    t.refused(result, "device-gone")
    need("0000:01:00.0" in result.text, "the device has vanished from the report")
    need("0000:02:00.0" in result.text, "another device has vanished from the report")


@case
def scan_text_files_lie(t):
    """Identity comes from configuration bytes: sysfs's text files have no say."""
    tree = make(t)
    plain = scan(t, tree, code=0).text
    for junk in (b"0xzz\n", b"\x1b[31m\n", b"", b"0x1234\n" * 999):
        tree.put("0000:01:00.0", "vendor", junk)
        result = scan(t, tree)
        need(b"\x1b" not in result.out + result.err, "an escape reached the terminal")
        need(result.text == plain and result.code == 0,
             f"vendor text {junk[:8]!r} changed the answer\n{result.describe()}")


@case
def scan_hostile_facts(t):
    """Text about the host is text: no escape reaches a terminal, no length overflows."""
    tree = make(t)
    write(f"{tree.sys}/class/dmi/id/sys_vendor", b"\x1b]0;owned\x07\n")
    write(f"{tree.sys}/class/dmi/id/product_name", b"A" * 9000 + b"\n")
    write(t.path("tree/proc/cmdline"), b"a" * 5000)
    write(f"{tree.sys}/kernel/security/lockdown", b"[[[[\n")
    for argv in ([], ["--json"]):
        result = t.holdfast("scan", "--sysfs", tree.sys, *argv)
        need(result.code in (0, 4), result.describe())
        need(b"\x1b" not in result.out + result.err, "an escape reached the terminal")
        if argv:
            json.loads(result.out)


@case
def scan_stray_names_on_the_bus(t):
    tree = make(t)
    write(f"{tree.sys}/bus/pci/devices/not-a-device/config", bytes(64))
    result = scan(t, tree)
    need(result.code in (0, 4), result.describe())
    if result.code == 0:
        need("0000:02:00.0" in result.text, "a stray name hid a device")
    else:
        need("[" in result.errors, result.describe())


@case
def scan_no_devices_at_all(t):
    os.makedirs(t.path("tree/sys"))
    result = t.holdfast("scan", "--sysfs", t.path("tree/sys"))
    need(result.code != 0, f"an empty directory passed for a host\n{result.describe()}")
    need("next:" in result.errors, result.describe())


@case
def scan_corpus_of_real_machines(t):
    """Every lspci dump that pciutils ships: all functions reported, no wide line."""
    import make_tree
    corpus = os.environ.get("HOLDFAST_CORPUS", os.path.join(ROOT, "../shared/data"))
    dumps = sorted(glob.glob(f"{corpus}/pci/pciutils/*"))
    dumps = [d for d in dumps if os.path.isfile(d)]
    if not dumps:
        raise Skip("no corpus: HOLDFAST_CORPUS")
    seen = 0
    for number, dump in enumerate(dumps):
        root = t.path(f"dump{number}/sys")
        if not make_tree.lspci(make_tree.Tree(root), dump):
            continue
        addresses = os.listdir(f"{root}/bus/pci/devices")
        result = t.holdfast("scan", "--sysfs", root)
        need(result.code in (0, 4), f"{dump}\n{result.describe()}")
        t.narrow(result.text)
        for address in addresses:
            need(address in result.text, f"{dump}: {address} is not reported")
        seen += len(addresses)
    need(seen > 100, f"only {seen} functions in the corpus")


@case
def scan_live_host(t):
    """This machine, if it has a PCI bus: nothing is written, no ROM is enabled."""
    if not glob.glob("/sys/bus/pci/devices/*"):
        raise Skip("no PCI bus on this machine")
    result = t.holdfast("scan")
    need(result.code in (0, 4), result.describe())
    t.narrow(t.normalise(result.errors))
    need("option-rom/window" not in result.text or "not-measured" in result.text,
         "a ROM was read on a live host without being asked for")
