# SPDX-License-Identifier: GPL-3.0-or-later
"""holdfast rom: ROM files made here, so that every number in the answer is known."""
import hashlib
import json
import os
import random
import re
import struct
import sys

from harness import Skip, case, need, read, rom_labels, write, IPXE, ROOT
from make_tree import pe_headers
sys.path += [os.path.join(ROOT, "tests"), os.path.join(ROOT, "tests/lab")]
from efi_compress import compress  # noqa: E402
from pe import authenticode  # noqa: E402

PROGRAM = pe_headers(4096) + bytes(i * 7 & 0xff for i in range(4096 - 0x180))


def image(blocks=1, vendor=0x8086, device=0x10d3, code=0, last=True, length=None, fill=0x11,
          signature=0xaa55, pcir=0x1c, magic=b"PCIR"):
    """One option ROM image: PCI Firmware Specification 3.3, section 5.1."""
    data = bytearray([fill]) * (blocks * 512)
    struct.pack_into("<H", data, 0, signature)
    struct.pack_into("<H", data, 0x18, pcir)
    header = magic + struct.pack("<HHHHB3sHHBBH", vendor, device, 0, 24, 3, b"\0\0\2",
                                 blocks if length is None else length, 0, code,
                                 0x80 if last else 0, 0)
    data[0x1c:0x1c + len(header)] = header
    return bytes(data)


def efi(blocks=2, program=PROGRAM, **more):
    data = bytearray(image(blocks, code=3, **more))
    struct.pack_into("<HIHHH", data, 2, blocks, 0x0ef1, 0xb, 0x8664, 1)
    struct.pack_into("<H", data, 0x16, 0x40)
    packed = compress(program)
    data[0x40:0x40 + len(packed)] = packed
    need(len(data) == blocks * 512, f"{len(packed)} bytes do not fit")
    return bytes(data)


def rom(t, data, *argv, code=None):
    write(t.path("card.rom"), data)
    return t.holdfast("rom", "card.rom", *argv, code=code)


@case
def rom_two_images(t):
    first, second = image(2, last=False), efi(blocks=3)
    window = first + second + b"\xff" * 512
    rom_labels(t.labels, "window", window)
    rom_labels(t.labels, "image 0", first)
    rom_labels(t.labels, "image 1", second)
    for algorithm in ("sha256", "sha384"):
        t.labels[authenticode(PROGRAM, algorithm)] = f"<{algorithm} of the program>"
    result = rom(t, window, code=0)
    for data in (window, first, second):
        for algorithm in ("sha256", "sha384"):
            digest = hashlib.new(algorithm, data).hexdigest()
            need(digest[:64] in result.text, f"no {algorithm} {digest}\n{result.describe()}")
    t.narrow(result.text)
    t.golden("rom-two-images.txt", result.text.replace("\n           ", ""))
    found = json.loads(rom(t, window, "--json", code=0).out)
    need([(i["offset"], i["size"], i["type"]) for i in found["images"]] ==
         [(0, 1024, "PC-AT"), (1024, 1536, "EFI")], str(found))
    need(found["digests"]["sha384"] == hashlib.sha384(window).hexdigest(), str(found))
    need(found["images"][1]["digests"]["sha256"] == hashlib.sha256(second).hexdigest(), str(found))
    need(found["images"][1]["efi"]["machine"] == 0x8664, str(found))
    need(found["images"][1]["efi"]["compressed"] is True, str(found))
    program = found["images"][1]["program"]
    need(program["size"] == 4096 and program["problem"] is None and program["signer"] is None,
         str(program))
    need(program["authenticode"]["sha384"] == authenticode(PROGRAM, "sha384"), str(program))
    need("program" not in found["images"][0], str(found))
    need(found["padding"] == 512 and found["problem"] is None, str(found))
    need(found["images"][0]["vendor"] == "8086" and found["images"][0]["device"] == "10d3", "ids")


@case
def rom_malformed_are_named(t):
    good = image(2, last=False)
    for name, data, cause in (
            ("empty", b"", "rom-truncated"),
            ("one byte", b"\x55", "rom-truncated"),
            ("zeros", bytes(512), "rom-signature"),
            ("all ones", b"\xff" * 512, "rom-signature"),
            ("signature", image(signature=0xaa56), "rom-signature"),
            ("no PCIR", image(magic=b"PCIX"), "rom-signature"),
            ("PCIR outside", image(pcir=0xfff0), "rom-truncated"),
            ("PCIR cut", image()[:0x20], "rom-truncated"),
            ("length zero", image(length=0), "rom-image-length"),
            ("length past the end", image(length=2), "rom-image-length"),
            ("length far past the end", image(length=0xffff), "rom-image-length"),
            ("no last image", good, "rom-no-last-image"),
            ("no last image, then zeros", good + bytes(512), "rom-no-last-image"),
            ("second cut", good + image(2)[:700], "rom-image-length"),
            ("33 images", image(last=False) * 32 + image(), "rom-too-many-images")):
        result = rom(t, data, code=4)
        need(f"[{cause}]" in result.errors, f"{name}: wanted [{cause}]\n{result.describe()}")
        need(hashlib.sha256(data).hexdigest() in result.text,
             f"{name}: the window's digest is not there\n{result.describe()}")
        t.narrow(result.text + t.normalise(result.errors))
        found = json.loads(rom(t, data, "--json", code=4).out)
        need(found["problem"] == cause, f"{name}: {found}")
    need(len(json.loads(rom(t, good, "--json", code=4).out)["images"]) == 1,
         "the image before the problem is gone")


@case
def rom_gaps_tails_and_unannounced_images(t):
    gap, between, hidden = b"NVGI" + bytes(508), b"\x5a" * 1024, image(1, fill=0x44)
    first, second = image(2, last=False), image(1, fill=0x33)
    tail = b"\xff" * 512 + hidden + b"\xff" * 512
    window = gap + first + between + second + tail
    result = rom(t, window, code=0)
    t.narrow(result.text)
    found = json.loads(rom(t, window, "--json", code=0).out)
    need([i["offset"] for i in found["images"]] == [512, 2560], str(found))
    need([(g["offset"], g["size"], g["blank"]) for g in found["gaps"]] ==
         [(0, 512, False), (1536, 1024, False)], str(found["gaps"]))
    need([u["offset"] for u in found["unlisted"]] == [3584], str(found["unlisted"]))
    need(found["chain_size"] == 2560 and found["tail"]["size"] == len(tail), str(found))
    for part, entry in ((gap, found["gaps"][0]), (between, found["gaps"][1]), (tail, found["tail"]),
                        (hidden, found["unlisted"][0])):
        digest = hashlib.sha256(part).hexdigest()
        need(entry["digests"]["sha256"] == digest, str(entry))
        need(digest in result.text, f"no {digest}\n{result.describe()}")


@case
def rom_a_program_that_firmware_would_not_load(t):
    good = efi()
    for name, at, cause in (("not compressed after all", 0x42, "rom-compression"),
                            ("no room for it", 0x46, "rom-compression")):
        bad = bytearray(good)
        bad[at] ^= 0xff
        result = rom(t, bytes(bad), code=4)
        need(f"[{cause}]" in result.errors, f"{name}\n{result.describe()}")
    result = rom(t, efi(program=b"no program"), code=4)
    need("[pe-shape]" in result.errors, result.describe())
    t.narrow(result.out.decode())
    need(not re.search(r" $", result.out.decode(), re.M), f"blanks at an end\n{result.describe()}")
    found = json.loads(rom(t, efi(program=b"no program"), "--json", code=4).out)
    need(found["images"][0]["program"]["problem"] == "pe-shape" and found["problem"] is None, str(found))


@case
def rom_extract(t):
    first, second = image(2, last=False), efi()
    write(t.path("card.rom"), first + second)
    t.holdfast("rom", "card.rom", "--extract", t.path("parts"), code=0)
    need(sorted(os.listdir(t.path("parts"))) == ["image-0.bin", "image-1.bin", "image-1.efi"],
         str(os.listdir(t.path("parts"))))
    need(read(t.path("parts/image-0.bin")) == first and read(t.path("parts/image-1.bin")) == second,
         "images")
    need(read(t.path("parts/image-1.efi")) == PROGRAM, "program")
    again = t.holdfast("rom", "card.rom", "--extract", t.path("parts"), code=1)
    t.refused(again, "output-failed")
    need("parts/image-0.bin" in again.errors.replace("\n", ""), f"which file?\n{again.describe()}")
    os.makedirs(t.path("linked"))
    os.symlink(t.path("victim"), t.path("linked/image-0.bin"))
    t.refused(t.holdfast("rom", "card.rom", "--extract", t.path("linked"), code=1), "output-failed")
    need(not os.path.exists(t.path("victim")), "written through a link")


@case
def rom_32_images_are_allowed(t):
    found = json.loads(rom(t, image(last=False) * 31 + image(), "--json", code=0).out)
    need(len(found["images"]) == 32, str(len(found["images"])))


@case
def rom_larger_than_16_mib(t):
    with open(t.path("big.rom"), "wb") as file:
        file.write(image())
        file.truncate((16 << 20) + 1)
    t.refused(t.holdfast("rom", "big.rom", code=4), "rom-too-large")
    with open(t.path("big.rom"), "r+b") as file:
        file.truncate(16 << 20)
    t.holdfast("rom", "big.rom", code=0)


@case
def rom_a_byte_changes_its_digest_alone(t):
    first, second = image(2, last=False), image(2, fill=0x22)
    before = json.loads(rom(t, first + second, "--json", code=0).out)
    changed = bytearray(first + second)
    changed[1024 + 900] ^= 1
    after = json.loads(rom(t, bytes(changed), "--json", code=0).out)
    need(before["digests"] != after["digests"], "window")
    need(before["images"][0] == after["images"][0], "first image")
    need(before["images"][1]["digests"] != after["images"][1]["digests"], "second image")


@case
def rom_garbage_never_ends_badly(t):
    rng = random.Random(2)
    for _ in range(40):
        data = bytearray(image(2, last=False) + efi(blocks=2))
        for _ in range(rng.randrange(1, 9)):
            data[rng.choice((rng.randrange(64), 1024 + rng.randrange(64)))] = rng.randrange(256)
        result = rom(t, bytes(data)[:rng.randrange(1, 2049)], "--json")
        need(result.code in (0, 4), result.describe())
        json.loads(result.out)


@case
def rom_installed_ipxe(t):
    """Real ROMs: legacy image, then EFI image."""
    if not os.path.exists(f"{IPXE}/efi-e1000e.rom"):
        raise Skip(f"no {IPXE}")
    data = read(f"{IPXE}/efi-e1000e.rom")
    result = t.holdfast("rom", "--json", f"{IPXE}/efi-e1000e.rom", code=0)
    found = json.loads(result.out)
    need([i["type"] for i in found["images"]] == ["PC-AT", "EFI"], str(found))
    for entry in found["images"]:
        part = data[entry["offset"]:entry["offset"] + entry["size"]]
        need(entry["digests"]["sha256"] == hashlib.sha256(part).hexdigest(), str(entry))
    efi_entry = found["images"][1]
    start = efi_entry["offset"] + efi_entry["efi"]["image_offset"]
    program = data[start:efi_entry["offset"] + efi_entry["size"]]
    need(efi_entry["program"]["authenticode"]["sha256"] == authenticode(program), str(efi_entry))
    need(found["images"][0]["version"].startswith("iPXE"), str(found["images"][0]))
