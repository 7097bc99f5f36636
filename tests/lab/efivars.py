# SPDX-License-Identifier: GPL-3.0-or-later
"""UEFI variables put into OVMF's variable store while the machine is off, as somebody with
root puts them there while it runs."""
import struct
import uuid

# EDK II MdeModulePkg/Include/Guid/VariableFormat.h: the authenticated format
STORE = 0x48  # behind the header of the firmware volume
STORE_HEADER = 0x1C
VARIABLE = struct.Struct("<HBBIQ16sIII16s")
STARTED, ADDED = 0x55AA, 0x3F
BOOT_ATTRIBUTES = 0x7  # non-volatile, seen by boot services and at run time
GLOBAL = uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
AUTHENTICATED = uuid.UUID("aaf32c78-947b-439a-a180-2e144ec37792")


def add(store, name, value, vendor=GLOBAL):
    """The variable store with one more variable behind those that are in it."""
    if store[STORE : STORE + 16] != AUTHENTICATED.bytes_le:
        raise ValueError("not a variable store in the authenticated format")
    at = STORE + STORE_HEADER
    while struct.unpack_from("<H", store, at)[0] == STARTED:
        fields = VARIABLE.unpack_from(store, at)
        at += VARIABLE.size + fields[7] + fields[8]
        at += -at % 4
    text = (name + "\0").encode("utf-16-le")
    record = VARIABLE.pack(STARTED, ADDED, 0, BOOT_ATTRIBUTES, 0, bytes(16), 0, len(text), len(value),
                           vendor.bytes_le) + text + value
    if set(store[at : at + len(record)]) != {0xFF}:
        raise ValueError("no room for a variable")
    return store[:at] + record + store[at + len(record) :]


# UEFI 2.10 section 10.3: nodes of a device path
def node(kind, subtype, body=b""):
    return struct.pack("<BBH", kind, subtype, 4 + len(body)) + body


def sata_file(device, function, port, path):
    """A file on the FAT disk at a port of a SATA controller on the first root bus."""
    return (node(2, 1, struct.pack("<II", 0x0A0341D0, 0)) + node(1, 1, bytes((function, device)))
            + node(3, 0x12, struct.pack("<HHH", port, 0xFFFF, 0))
            + node(4, 4, (path + "\0").encode("utf-16-le")) + node(0x7F, 0xFF))


def load_option(words, path):
    """UEFI 2.10 section 3.1.3; 1: active."""
    return struct.pack("<IH", 1, len(path)) + (words + "\0").encode("utf-16-le") + path


def with_driver(store, words, path):
    """Firmware is to load this driver, and no other, before anything boots."""
    store = add(store, "Driver0001", load_option(words, path))
    return add(store, "DriverOrder", struct.pack("<H", 1))
