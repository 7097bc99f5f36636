# SPDX-License-Identifier: GPL-3.0-or-later
"""What bound drivers show in sysfs, and the raw answers of devices that a capture may hold
beside it (docs/readers.md, "Captures"). Keys of a DEVICE in a description:

  "nvme"     {"model", "serial", "firmware", "answers": false, "identify_firmware", "slots": 3,
              "active": 1, "next": 0, "revisions": {"1": ".."}}: a controller; answers false:
              attributes alone
  "net"      [{"name": "eth0", "firmware", "boot", "bus_info"}]
  "devlink"  [["running" | "fixed" | "stored", NAME, VALUE]]    or a number: the kernel's errno
  "drives"   [{"path": "ata1/host0/target0:0:0/0:0:0:0", "vendor", "model", "rev", "serial",
              "ata": {"model", "serial", "firmware"}}]
  "vpd"      hex | {"identifier", "read_only": {"PN": ".."}, "read_write": {..}}
  "mtd"      [{"path": "mtd/mtd0", "name", "size", "seed"}]
  "texts"    {"vbios_version": "text"}: any file
"""
import hashlib
import struct

DEVLINK = {"driver": 98, "serial": 99, "fixed": 100, "running": 101, "stored": 102, "name": 103,
           "value": 104}
DEVLINK_FAMILY = 0x15


def padded(text, length):
    return text.encode("latin-1").ljust(length)[:length]


# ---- NVMe

def nvme_identify(model, serial, firmware, slots=3):
    data = bytearray(4096)
    struct.pack_into("<HH20s40s8s", data, 0, 0x144d, 0x144d, padded(serial, 20), padded(model, 40),
                     padded(firmware, 8))
    data[260] = slots << 1 | 1
    return bytes(data)


def nvme_log(active=1, following=0, revisions=None):
    data = bytearray(512)
    data[0] = active | following << 4
    for slot, revision in (revisions or {}).items():
        at = 8 * int(slot)
        data[at:at + 8] = padded(revision, 8)
    return bytes(data)


def add_nvme(tree, here, nvme):
    at = f"{here}/nvme/nvme0"
    model, serial = nvme.get("model", "Example Drive"), nvme.get("serial", "S1")
    firmware = nvme["firmware"]
    tree.write(f"{at}/model", model.ljust(40) + "\n")
    tree.write(f"{at}/serial", serial.ljust(20) + "\n")
    tree.write(f"{at}/firmware_rev", firmware.ljust(8) + "\n")
    if not nvme.get("answers", True):
        return
    tree.write(f"{at}/identify", nvme_identify(model, serial, nvme.get("identify_firmware", firmware),
                                               nvme.get("slots", 3)))
    active = nvme.get("active", 1)
    tree.write(f"{at}/firmware_log", nvme_log(active, nvme.get("next", 0),
                                              nvme.get("revisions", {str(active): firmware})))


# ---- network

def drvinfo(firmware, boot, bus_info):
    """struct ethtool_drvinfo."""
    return struct.pack("=I32s32s32s32s32s12s5I", 3, b"driver", b"6.1", firmware.encode(),
                       bus_info.encode(), boot.encode(), b"", 0, 0, 0, 0, 0)


def attribute(kind, data):
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def devlink_reply(versions, sequence=2, family=DEVLINK_FAMILY):
    """The kernel's answer to DEVLINK_CMD_INFO_GET, or its error."""
    if isinstance(versions, int):
        body = struct.pack("=i", -versions) + struct.pack("=IHHII", 36, family, 1, sequence, 0)
        return struct.pack("=IHHII", 16 + len(body), 2, 0, sequence, 0) + body
    body = struct.pack("=BBH", 51, 1, 0) + attribute(1, b"pci\0") + attribute(2, b"0000:01:00.0\0")
    body += attribute(DEVLINK["driver"], b"driver\0")
    for kind, *words in versions:
        if kind == "serial":
            body += attribute(DEVLINK[kind], words[0].encode() + b"\0")
            continue
        nested = attribute(DEVLINK["name"], words[0].encode() + b"\0")
        nested += attribute(DEVLINK["value"], words[1].encode() + b"\0")
        body += attribute(DEVLINK[kind] | 0x8000, nested)
    return struct.pack("=IHHII", 16 + len(body), family, 0, sequence, 0) + body


# ---- drives

def ata_page(model, serial, firmware):
    """VPD page 89h: SAT header, then identify data."""
    identify = bytearray(512)
    for word, length, text in ((10, 20, serial), (23, 8, firmware), (27, 40, model)):
        raw = padded(text, length)
        for i in range(length):
            identify[2 * word + (i ^ 1)] = raw[i]
    identify[510] = 0xa5
    identify[511] = -sum(identify) & 0xff
    page = struct.pack(">BBH4x8s16s4s20sB3x", 0, 0x89, 568, b"linux   ", b"libata          ", b"6.1 ",
                       b"", 0xec)
    return page + bytes(identify)


def add_drive(tree, here, drive):
    at = f"{here}/{drive['path']}"
    tree.write(f"{at}/vendor", drive.get("vendor", "ATA").ljust(8) + "\n")
    tree.write(f"{at}/model", drive.get("model", "Disk").ljust(16) + "\n")
    tree.write(f"{at}/rev", drive.get("rev", "1.0").ljust(4) + "\n")
    if "serial" in drive:
        raw = drive["serial"].encode()
        tree.write(f"{at}/vpd_pg80", struct.pack(">BBH", 0, 0x80, len(raw)) + raw)
    if "ata" in drive:
        tree.write(f"{at}/vpd_pg89", ata_page(**drive["ata"]))


# ---- vital product data

def vpd_fields(fields):
    return b"".join(k.encode() + bytes([len(v)]) + v.encode("latin-1") for k, v in fields.items())


def vpd(identifier="Example card", read_only=None, read_write=None):
    raw = identifier.encode()
    fields = vpd_fields(read_only or {})
    out = b"\x82" + struct.pack("<H", len(raw)) + raw
    out += b"\x90" + struct.pack("<H", len(fields) + 4) + fields + b"RV\x01"
    out += bytes([-sum(out) & 0xff])
    if read_write is not None:
        rest = vpd_fields(read_write) + b"RW\x02\0\0"
        out += b"\x91" + struct.pack("<H", len(rest)) + rest
    return out + b"\x78"


def config(device, data):
    """Capabilities that go with it: a VPD capability in front of the others."""
    if "vpd" in device:
        struct.pack_into("<BBHI", data, 0xe0, 0x03, data[0x34], 0, 0)
        data[0x34] = 0xe0


def noise(seed, n):
    return hashlib.shake_128(seed.encode()).digest(n)


def add(tree, here, address, device):
    if "nvme" in device:
        add_nvme(tree, here, device["nvme"])
    for net in device.get("net", []):
        tree.write(f"{here}/net/{net['name']}/drvinfo", drvinfo(
            net.get("firmware", ""), net.get("boot", ""), net.get("bus_info", address)))
    if "devlink" in device:
        tree.write(f"{here}/devlink_info", devlink_reply(device["devlink"]))
    for drive in device.get("drives", []):
        add_drive(tree, here, drive)
    if "vpd" in device:
        given = device["vpd"]
        tree.write(f"{here}/vpd", bytes.fromhex(given) if isinstance(given, str) else vpd(**given))
    for region in device.get("mtd", []):
        at = f"{here}/{region['path']}"
        tree.write(f"{at}/name", region["name"] + "\n")
        tree.write(f"{at}/size", f"{region['size']}\n")
        if "seed" in region:
            tree.write(f"{at}/bytes", noise(region["seed"], region["size"]))
    for name, text in device.get("texts", {}).items():
        tree.write(f"{here}/{name}", text + "\n")
