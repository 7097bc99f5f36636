# SPDX-License-Identifier: GPL-3.0-or-later
"""A firmware that measured its boot: an event log and the extends that go with it.

TCG PC Client Platform Firmware Profile 1.05, section 10. What UEFI firmware and the
kernel's stub leave behind when the gate's image was booted: one driver from a device's
ROM in PCR 2, the kernel in PCR 4, initrd and command line in PCR 9, separators.
"""
import hashlib
import struct

BANKS = (("sha1", 4), ("sha256", 11), ("sha384", 12), ("sha512", 13))
EV_NO_ACTION, EV_SEPARATOR, EV_EVENT_TAG, EV_CRTM_VERSION = 3, 4, 6, 8
EV_VARIABLE, EV_APPLICATION, EV_DRIVER, EV_ACTION = 0x80000001, 0x80000003, 0x80000004, 0x80000007
TAG_INITRD, TAG_LOAD_OPTIONS = 0x8f3b22ec, 0x8f3b22ed

DRIVER = b"UEFI driver in the card's ROM"
KERNEL = b"kernel with the EFI stub"
INITRD = b"the gate's initrd"
COMMAND_LINE = "console=ttyS0 maxcpus=2 panic=0".encode("utf-16-le") + b"\0\0"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def tagged(tag, text):
    return struct.pack("<II", tag, len(text)) + text


def event(pcr, kind, data, hashed=None):
    """(pcr, type, bytes that were hashed, event data)"""
    return pcr, kind, data if hashed is None else hashed, data


GLOBAL = bytes.fromhex("61dfe48bca93d211aa0d00e098032b8c")
SECURITY = bytes.fromhex("cbb219d73a3d9645a3bcdad00e67656f")  # of db and dbx


def variable(name, value, guid=GLOBAL):
    """UEFI_VARIABLE_DATA: section 10.2.6."""
    return guid + struct.pack("<QQ", len(name), len(value)) + name.encode("utf-16-le") + value


def image_load(path=bytes.fromhex("7fff0400")):
    """UEFI_IMAGE_LOAD_EVENT: section 10.2.3; not what is hashed."""
    return struct.pack("<QQQQ", 0x1000, 0x2000, 0, len(path)) + path


def pci_path(*hops):
    """PciRoot(0)/Pci(device,function)/.../Offset(range in its ROM): UEFI 2.10, section 10.3."""
    path = bytes.fromhex("02010c00") + struct.pack("<II", 0x0a0341d0, 0)
    for hop in hops:
        device, function = (int(number, 16) for number in hop.split("."))
        path += bytes([1, 1, 6, 0, function, device])
    path += bytes.fromhex("04081800") + struct.pack("<IQQ", 0, 0x12638, 0x3cfff)
    return path + bytes.fromhex("7fff0400")


def pcrs(events):
    """PCRs 0-7 of the SHA-256 bank after these events, as the log's reader has to find them."""
    values = {pcr: bytes(32) for pcr in range(8)}
    for pcr, _, hashed, _ in events:
        if pcr in values:
            values[pcr] = hashlib.sha256(values[pcr] + hashlib.sha256(hashed).digest()).digest()
    return {str(pcr): value.hex() for pcr, value in values.items()}


def secure_boot(on=True, db=b"owner's db"):
    """The good boot of a platform that says what Secure Boot trusts."""
    told = [event(7, EV_VARIABLE, variable("SecureBoot", bytes([on]))),
            event(7, EV_VARIABLE, variable("PK", b"owner")),
            event(7, EV_VARIABLE, variable("KEK", b"owner's")),
            event(7, EV_VARIABLE, variable("db", db, SECURITY)),
            event(7, EV_VARIABLE, variable("dbx", b"", SECURITY))]
    return [told_or_good for one in good()
            for told_or_good in (told if one[0] == 7 and one[1] == EV_VARIABLE else [one])]


def good():
    events = [event(0, EV_CRTM_VERSION, "1.0".encode("utf-16-le") + b"\0\0"),
              event(7, EV_VARIABLE, variable("SecureBoot", b"\0"))]
    events.append(event(2, EV_DRIVER, image_load(), DRIVER))
    events += [event(pcr, EV_SEPARATOR, bytes(4)) for pcr in range(8)]
    events.append(event(4, EV_ACTION, b"Calling EFI Application from Boot Option"))
    events.append(event(4, EV_APPLICATION, image_load(), KERNEL))
    events.append(event(9, EV_EVENT_TAG, tagged(TAG_LOAD_OPTIONS, b"LOADED_IMAGE::LoadOptions"),
                        COMMAND_LINE))
    events.append(event(9, EV_EVENT_TAG, tagged(TAG_INITRD, b"Linux initrd"), INITRD))
    return events


def altered(**what):
    """The good boot with other bytes hashed: driver=, kernel=, initrd=, command_line=."""
    was = {"driver": DRIVER, "kernel": KERNEL, "initrd": INITRD, "command_line": COMMAND_LINE}
    swap = {was[key]: value for key, value in what.items()}
    return [(pcr, kind, swap.get(hashed, hashed), data) for pcr, kind, hashed, data in good()]


def log(events):
    spec = b"Spec ID Event03\0" + struct.pack("<IBBBBI", 0, 0, 2, 105, 2, len(BANKS))
    for name, number in BANKS:
        spec += struct.pack("<HH", number, hashlib.new(name).digest_size)
    spec += b"\0"
    out = struct.pack("<II20sI", 0, EV_NO_ACTION, bytes(20), len(spec)) + spec
    for pcr, kind, hashed, data in events:
        out += struct.pack("<III", pcr, kind, len(BANKS))
        for name, number in BANKS:
            out += struct.pack("<H", number) + hashlib.new(name, hashed).digest()
        out += struct.pack("<I", len(data)) + data
    return out


def extend(tpm, events):
    words = [f"{pcr}:" + ",".join(f"{name}={hashlib.new(name, hashed).hexdigest()}"
                                  for name, _ in BANKS) for pcr, _, hashed, _ in events]
    for at in range(0, len(words), 8):
        tpm.tool("tpm2_pcrextend", *words[at:at + 8])


def agent_image():
    return {"role": "agent", "name": "gate-1", "kernel": sha256(KERNEL),
            "initrd": sha256(INITRD), "command_line": sha256(COMMAND_LINE)}
