# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel images as firmware sees them: Authenticode, and what QEMU changes first."""
import hashlib
import struct


def authenticode(image, algorithm="sha256"):
    """The digest that UEFI firmware logs in PCR 2 and 4: everything but CheckSum, the
    certificate table's directory entry and the certificates themselves."""
    pe = struct.unpack_from("<I", image, 0x3C)[0]
    if image[pe : pe + 4] != b"PE\0\0":
        raise ValueError("not a PE image")
    optional = pe + 24
    magic = struct.unpack_from("<H", image, optional)[0]
    directories = optional + (112 if magic == 0x20B else 96)
    checksum = optional + 64
    headers = struct.unpack_from("<I", image, optional + 60)[0]
    hashed = hashlib.new(algorithm, image[:checksum])
    cert_size = 0
    if struct.unpack_from("<I", image, directories - 4)[0] > 4:
        cert = directories + 4 * 8
        cert_size = struct.unpack_from("<I", image, cert + 4)[0]
        hashed.update(image[checksum + 4 : cert])
        hashed.update(image[cert + 8 : headers])
    else:
        hashed.update(image[checksum + 4 : headers])
    table = optional + struct.unpack_from("<H", image, pe + 20)[0]
    sections = []
    for i in range(struct.unpack_from("<H", image, pe + 6)[0]):
        size, offset = struct.unpack_from("<II", image, table + 40 * i + 16)
        if size:
            sections.append((offset, size))
    end = headers
    for offset, size in sorted(sections):
        hashed.update(image[offset : offset + size])
        end += size
    hashed.update(image[end : len(image) - cert_size])
    return hashed.hexdigest()


# x86_load_linux() in QEMU 7.2 hw/i386/x86.c: where it puts things for the legacy
# protocol, which it writes into the setup header even when UEFI firmware loads the file.
QEMU_COMMAND_LINE = 0x20000
QEMU_REAL_MODE = 0x10000
QEMU_ACPI_DATA = 0x20000 + 0x8000


def qemu_patched_kernel(kernel, initrd_size, memory_mib):
    """What `-kernel` hands to the firmware: the file with its setup header filled in.
    Depends on the size of the initrd and of the memory below 4 GiB."""
    image = bytearray(kernel)
    if image[0x202:0x206] != b"HdrS":
        raise ValueError("not a Linux kernel")
    image[0x210] = 0xB0  # type_of_loader: QEMU
    image[0x211] |= 0x80  # loadflags: CAN_USE_HEAP
    struct.pack_into("<H", image, 0x224, QEMU_COMMAND_LINE - QEMU_REAL_MODE - 0x200)
    struct.pack_into("<I", image, 0x228, QEMU_COMMAND_LINE)
    last = (memory_mib << 20) - QEMU_ACPI_DATA - 1
    struct.pack_into("<II", image, 0x218, (last - initrd_size) & ~4095, initrd_size)
    return bytes(image)


def loaded_command_line(text):
    """What the firmware passes on: OVMF names the initrd at the end."""
    return text + " initrd=initrd"


def command_line_digest(text):
    """The kernel's stub measures LoadOptions: UTF-16LE with the terminating NUL."""
    return hashlib.sha256((text + "\0").encode("utf-16-le")).hexdigest()
