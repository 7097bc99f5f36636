# SPDX-License-Identifier: GPL-3.0-or-later
"""Option ROMs: what they hold, and what is done to them before and after firmware ran them."""
import hashlib
import pathlib
import re
import struct

import build
import efivars
import pe
import qemu
import rommem
from outcome import Failed, need

EFI = 3  # PCIR's code type of an image for UEFI
LAST = 0x80  # PCIR's indicator
EFI_LEN_BLOCKS, EFI_OFFSET = 2, 0x16  # of the EFI image's header
NIC0_ROM = "efi-e1000e.rom"
NIC2_ROM = "efi-vmxnet3.rom"
VGA_ROM = "/usr/share/seabios/vgabios-stdvga.bin"
NIC0, NIC1, NIC2 = "pci0000:00/03.0/00", "pci0000:00/04.0/00", "pci0000:00/06.0/00"
# what comes between the last of firmware and the first stage of the gate
KERNEL_OR_GATE = r"ima: Can not allocate|this host is held until it is judged"


def genuine(name=NIC0_ROM):
    return pathlib.Path(qemu.ROM_DIR, name).read_bytes()


def images(data):
    """(offset, PCIR offset, length) of each image in the chain."""
    found, offset = [], 0
    while True:
        pcir = offset + struct.unpack_from("<H", data, offset + 0x18)[0]
        length = struct.unpack_from("<H", data, pcir + 0x10)[0] * 512
        found.append((offset, pcir, length))
        if data[pcir + 0x15] & LAST:
            return found
        offset += length


def driver_at(data):
    """(begin, end) of the EFI driver, uncompressed, in a ROM."""
    for offset, pcir, length in images(data):
        if data[pcir + 0x14] == EFI:
            return offset + struct.unpack_from("<H", data, offset + EFI_OFFSET)[0], offset + length
    raise ValueError("no EFI image")


def driver(data):
    begin, end = driver_at(data)
    return data[begin:end]


def evil_driver(data):
    """The same ROM with one letter in a text of its EFI driver changed: it runs as before,
    and firmware logs another digest."""
    begin, end = driver_at(data)
    return build.flip(data, data.index(b"ipxe.org", begin, end))


def romfile(host, device, path):
    old = host.devices[device].rsplit("romfile=", 1)[1]
    host.set(device, "romfile=" + old, "romfile=" + str(path))


# ---- before firmware runs ----
def flipped(host, lab):
    """One bit, in the image for BIOS that UEFI never runs."""
    romfile(host, "nic0", lab.scratch("flipped.rom", build.flip(genuine(), 0x4000)))


def third_image(host, lab):
    """A small third image, properly chained behind the two genuine ones."""
    data = bytearray(genuine())
    chain = images(data)
    assert len(chain) == 2
    offset, pcir, length = chain[-1]
    data[pcir + 0x15] &= ~LAST & 0xFF
    rom = bytes(data[: offset + length]) + small_image(data, b"added behind the genuine images.")
    romfile(host, "nic0", lab.scratch("third.rom", rom))


def small_image(rom, text):
    """A well-formed image of 2 KiB for the device that rom is for, the last of its chain."""
    added = bytearray(2048)
    added[0:4] = b"\x55\xaa\x04\xcb"
    struct.pack_into("<H", added, 0x18, 0x1C)
    vendor, device = struct.unpack_from("<HH", rom, struct.unpack_from("<H", rom, 0x18)[0] + 4)
    struct.pack_into("<4sHHHHB3sHHBBHH", added, 0x1C, b"PCIR", vendor, device, 0, 0x18, 0,
                     b"\x00\x00\x02", 4, 1, 0, LAST, 0, 0)
    added[0x100 : 0x100 + len(text)] = text
    return bytes(added)


def hidden_tail(host, lab):
    """The genuine ROM, and behind the end of its chain, which the kernel's `rom` file does
    not pass, one more image that nothing announces."""
    data = genuine()
    romfile(host, "nic0", lab.scratch("hidden.rom", data + small_image(data, b"behind the end of the chain.")))


def gone(host, _lab):
    romfile(host, "nic0", "")


def evil_at_post(host, lab):
    romfile(host, "nic0", lab.scratch("evil.rom", evil_driver(genuine())))


# ---- while the machine runs ----
def swap(machine, old, new):
    rommem.swap(rommem.child(machine.process.pid), old, new)


def run_swapped_after_post(run):
    """Firmware ran the altered driver; before the gate looks, the device shows the genuine
    ROM again."""
    with run.start() as machine:
        need(machine.wait_for(KERNEL_OR_GATE, qemu.RESULT), "the machine went off")
        with machine.stopped():
            need(not re.search(r"^ *\d+ ms  enumerate\b", machine.console, re.M), "the machine was stopped too late")
            swap(machine, evil_driver(genuine()), genuine())
        run.wait_for_result()
        run.judge()


def run_swapped_after_measure(run):
    """The genuine ROM when firmware ran it and when the gate measured it; another one when
    it looks again."""
    with run.start() as machine:
        need(machine.wait_for(r"^ *\d+ ms  measure\b", qemu.RESULT), "the machine went off")
        with machine.stopped():
            need(not re.search(r"^ *\d+ ms  challenge\b", machine.console, re.M), "the machine was stopped too late")
            swap(machine, genuine(), evil_driver(genuine()))
        run.wait_for_result()
        run.judge()


def without_nic2(host, _lab):
    del host.devices["nic2"]


def run_driver_from_disk(run):
    """The card was taken out, and its driver, which the manifests know, is loaded by
    firmware from a disk: a boot variable says so."""
    program = run.lab.scratch("vmxnet3.efi", driver(genuine(NIC2_ROM)))
    disk = build.fat_disk(run.lab.dir / "driver-disk.img", "DRIVER.EFI", program)

    def variables(store):
        return efivars.with_driver(store, "left by a tenant", efivars.sata_file(0x1F, 2, 0, "\\DRIVER.EFI"))

    with run.start(second_boot=disk, variables=variables):
        run.wait_for_result()
        run.judge()


# ---- what must be true ----
def check_driver_from_disk(run):
    need(pe.authenticode(driver(genuine(NIC2_ROM))) in logged_drivers(run.out / "evidence"),
         "firmware did not load the driver from the disk")


def logged_drivers(evidence):
    """SHA-256 digests of the drivers that firmware logged in PCR 2."""
    text = build.ctl("log", "show", evidence / "firmware.evlog")
    return re.findall(r"PCR 2 +EV_EFI_BOOT_SERVICES_DRIVER\n +sha256 ([0-9a-f]{64})", text)


def check_display(run):
    """OVMF gives the display's ROM no address. What is said of it is its bytes, or that
    they could not be read; never the bytes of something else."""
    rom = pathlib.Path(VGA_ROM).read_bytes()
    wanted = hashlib.sha256(rom.ljust(1 << (len(rom) - 1).bit_length(), b"\0")).hexdigest()
    for function in part(run, "board")["functions"]:
        for each in function["measurements"]:
            need(each["mkey"] != "rom-bar/rest" or "digests" not in each or
                 each["digests"]["sha256"] == wanted, f"{function['address']}: these are not the ROM's bytes")


def check_lockdown(run):
    """What the kernel refused is said, function by function."""
    host = {each["mkey"]: each for each in part(run, "host")["measurements"]}
    need(host["lockdown"].get("text") == "integrity", "the evidence does not say lockdown")
    need(host["hold/bus-master"].get("cause") == "kernel-refused", "bus masters could be switched off")
    for path in (NIC0, NIC1, NIC2):
        found = measurements(run, path)
        need(found["rom-bar/rest"].get("cause") == "rom-rest-unread", f"{path}: the rest of the ROM was read")
        need("digests" in found["option-rom/1/authenticode"], f"{path}: no digest of the driver")


def check_drivers(run):
    """What firmware logged for each NIC's driver is what we found in its ROM, also where
    firmware and we had to unpack it first."""
    logged = logged_drivers(run.out / "evidence")
    found = set()
    for path in (NIC0, NIC1, NIC2):
        digests = [each["digests"]["sha256"] for mkey, each in measurements(run, path).items()
                   if mkey.endswith("/authenticode") and "digests" in each]
        need(len(digests) == 1, f"{path} has {len(digests)} Authenticode digests, not one")
        need(digests[0] in logged, f"firmware did not log the driver of {path}")
        found.add(digests[0])
    need(set(logged) == found, "firmware logged a driver that no NIC carries")
    plain = genuine("efi-virtio.rom")
    need(pe.authenticode(driver(plain)) in found, "the driver of the compressed ROM was not found")
    need(driver(plain) not in qemu.COMPRESSED_ROM.read_bytes(), "the ROM is not compressed")


def check_swapped_after_post(run):
    """What firmware logged is the altered driver, what the gate measured is the genuine
    ROM: nobody but the comparison of both can tell."""
    logged = logged_drivers(run.out / "evidence")
    need(pe.authenticode(driver(evil_driver(genuine()))) in logged, "firmware did not run the altered driver")
    need(pe.authenticode(driver(genuine())) not in logged, "firmware ran the genuine driver")
    window = measurements(run, NIC0)["option-rom/window"]["digests"]["sha256"]
    need(window == hashlib.sha256(genuine()).hexdigest(), "the gate did not measure the genuine ROM")


def part(run, path):
    for each in run.report()["parts"]:
        if each["path"] == path:
            return each
    raise Failed(f"the evidence has no part at {path}")


def measurements(run, path):
    """{mkey: measurement} of the first function of the part at path."""
    return {each["mkey"]: each for each in part(run, path)["functions"][0]["measurements"]}
