# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything the lab boots: kernel, agent images, tenants, store disks, and the road from
a golden host to signed manifests. Made once per state of the inputs, under build/lab."""
import base64
import hashlib
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import threading

import image
import pe
import qemu
import swtpm
from outcome import Skipped

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAB = ROOT / "tests/lab"
OUT = ROOT / "build/lab"
BIN = ROOT / "build/release"
EFI_COMPRESS = ROOT / "tests/efi_compress.py"
BUSYBOX = "/bin/busybox"
# no_timer_check is the lab's own: on a busy machine without KVM the kernel's test of its timer
# fails now and then, and what it falls back to can hang.
COMMAND_LINE = ("console=ttyS0 maxcpus=2 panic=0 efi=disable_early_pci_dma pcie_ports=compat "
                "intel_iommu=on iommu.passthrough=0 iommu.strict=1 init_on_free=1 no_timer_check quiet")
TENANT_COMMAND_LINE = "console=ttyS0 no_timer_check quiet"
CONF = """# The lab's agent: judges by itself, finds its tenant on an NVMe drive.
policy = local
pcr = 13
store = /dev/nvme0n1
evidence = /dev/ttyS1
generation = 1
"""
GATE_MODULES = ["nvme", "loop", "squashfs", "efivarfs"]
TENANT_MODULES = ["nvme", "e1000e", "virtio_pci", "virtio_net", "vmxnet3"]
BANKS = "sha1,sha256,sha384,sha512"
BEGIN = "-----BEGIN HOLDFAST EVIDENCE-----"
END = "-----END HOLDFAST EVIDENCE-----"
fetching = threading.Lock()
newer = {}  # QEMU 10: its path, or why there is none


# what only runs the machines: a change here changes no image
DRIVERS = {"scenarios.py", "roms.py", "rommem.py", "zoo.py", "zoo-init", "outcome.py", "efivars.py", "lab.py",
           "qmp.py", "gdbstub.py", "swtpm.py", "demo.sh", "fetch_qemu.sh", "signing.py", "transcript.py",
           "esp.py", "recipes.py", "beside.py", "attacks.py", "attacker.py", "relay.c", "demo_evil.py"}


class LabError(Exception):
    pass


def run(*args, **kwargs):
    """A command that has to work; its words are in the error when it does not."""
    args = [str(arg) for arg in args]
    done = subprocess.run(args, capture_output=True, text=True, **kwargs)
    if done.returncode:
        raise LabError(f"{' '.join(args)}: exit {done.returncode}\n{done.stdout}{done.stderr}".strip())
    return done.stdout


def qemu_version(program="qemu-system-x86_64"):
    """As its devices say it: "7.2.22"."""
    return re.search(r"version (\S+)", run(program, "--version")).group(1)


def ctl(*args):
    return run(BIN / "holdfastctl", *args)


def kernel():
    run(LAB / "fetch_kernel.sh", OUT / "kernel")
    return next((OUT / "kernel/boot").glob("vmlinuz-*"))


def qemu10():
    """The newer QEMU, which lies beside the installed one. Fetched once, and asked for once
    where it cannot be had."""
    with fetching:
        if "path" not in newer:
            try:
                run(LAB / "fetch_qemu.sh", OUT / "qemu10")
                newer["path"] = OUT / "qemu10/run"
            except LabError as error:
                newer["path"] = None
                newer["why"] = "no QEMU 10: " + str(error).strip().splitlines()[-1]
    if not newer["path"]:
        raise Skipped(newer["why"])
    return newer["path"]


def modules():
    kernel()
    return image.Modules(OUT / "kernel")


def inputs_digest():
    """Names a state of everything the images are made from."""
    digest = hashlib.sha256()
    files = [BIN / "holdfast", BIN / "holdfastctl", kernel(), pathlib.Path(BUSYBOX),
             pathlib.Path(qemu.OVMF_CODE), EFI_COMPRESS, *sorted(LAB.rglob("*"))]
    for path in files:
        if path.is_file() and "__pycache__" not in path.parts and path.name not in DRIVERS:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def evidence_json(text):
    """The last complete evidence that came over the second serial port."""
    found = re.findall(f"{BEGIN}\n(.*?)\n?{END}", text, re.S)
    if not found:
        raise LabError("no evidence came over the second serial port")
    return found[-1].replace("\n", "") + "\n"


def flip(data, offset):
    changed = bytearray(data)
    changed[offset] ^= 0x01
    return bytes(changed)


def tenant_tree(name):
    """A system of busybox, a few drivers and one script."""
    tree = image.Archive()
    for path in ("proc", "sys", "dev", "run", "tmp", "mnt"):
        tree.directory(path)
    tree.copy("bin/busybox", BUSYBOX)
    applets = ("sh cat mount modprobe insmod readlink grep ls stat tr poweroff sort").split()
    for applet in applets:
        tree.link(f"bin/{applet}", "busybox")
    tree.copy("sbin/init", LAB / "tenant/init")
    tree.link("init", "sbin/init")
    tree.file("etc/tenant-release", name.encode() + b"\n")
    tree.device("dev/console", 5, 1)
    modules().add_to(tree, TENANT_MODULES)
    return tree


def squashfs(tree, path):
    """Written with fixed times and owners: the same tree gives the same image."""
    staging = path.with_suffix(".tree")
    shutil.rmtree(staging, ignore_errors=True)
    for name, (mode, data, _) in sorted(tree.entries.items()):
        target = staging / name
        kind = mode & 0o170000
        if kind == 0o040000:
            target.mkdir(parents=True, exist_ok=True)
        elif kind == 0o120000:
            target.symlink_to(data.decode())
        elif kind == 0o100000:
            target.write_bytes(data)
            target.chmod(mode & 0o7777)
    path.unlink(missing_ok=True)
    run("mksquashfs", staging, path, "-all-root", "-all-time", "0", "-mkfs-time", "0", "-no-xattrs",
        "-noappend", "-quiet", "-no-progress")
    shutil.rmtree(staging)
    return path.read_bytes()


def compiled(source, output, *flags):
    if not output.exists() or output.stat().st_mtime < source.stat().st_mtime:
        output.parent.mkdir(parents=True, exist_ok=True)
        run("cc", *flags, "-o", output, source)
    return output


def second_boot_disk(directory):
    """A FAT disk whose default boot program only says that it was started."""
    path = directory / "second-boot.img"
    if path.exists():
        return path
    program = compiled(LAB / "secondboot.c", directory / "secondboot.o", "-c", "-O1",
                       "-ffreestanding", "-fno-stack-protector", "-fshort-wchar",
                       "-mno-red-zone", "-fno-pic", "-fno-asynchronous-unwind-tables",
                       "-fcf-protection=none", "-fno-ident")
    run("ld", "-m", "i386pep", "--subsystem", "10", "-e", "efi_main", "--image-base", "0x10000",
        "-s", "-o", directory / "BOOTX64.EFI", program)
    return fat_disk(path, "EFI/BOOT/BOOTX64.EFI", directory / "BOOTX64.EFI")


def fat_disk(path, name, source):
    """A FAT disk of 2 MiB with one file."""
    new = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}.new")
    new.write_bytes(bytes(2 << 20))
    run("mformat", "-i", new, "-h", "64", "-s", "32", "-t", "2", "::")
    directories = [f"::/{parent}" for parent in reversed(pathlib.PurePosixPath(name).parents[:-1])]
    if directories:
        run("mmd", "-i", new, *directories)
    run("mcopy", "-i", new, source, f"::/{name}")
    new.rename(path)
    return path


def agent_image(anchors, manifests, conf=CONF, more_modules=(), devices=None, more=None, programs=()):
    """The initramfs of the gate. anchors and manifests: {file name: bytes}; devices: what
    stands behind devices that sign, likewise; more: other anchors, by role/name."""
    archive = image.Archive()
    for path in ("proc", "sys", "dev", "run", "etc/holdfast/anchors/owner", "etc/holdfast/manifests.d"):
        archive.directory(path)
    stripped = OUT / "holdfast.stripped"
    with_pid = stripped.with_suffix(f".{os.getpid()}.{threading.get_ident()}")
    run("strip", "-o", with_pid, BIN / "holdfast")
    with_pid.rename(stripped)
    archive.copy("init", stripped)
    tcti = "/usr/lib/x86_64-linux-gnu/libtss2-tcti-device.so.0"
    for path, source in image.libraries(BIN / "holdfast", [tcti]):
        archive.copy(path.lstrip("/"), source)
    archive.device("dev/console", 5, 1)
    archive.device("dev/null", 1, 3)
    archive.file("etc/holdfast/holdfast.conf", conf.encode())
    for name, data in anchors.items():
        archive.file(f"etc/holdfast/anchors/owner/{name}", data)
    for path in programs:
        archive.copy(path.lstrip("/"), path)
    for name, data in (more or {}).items():
        archive.file(f"etc/holdfast/anchors/{name}", data)
    for name, data in (devices or {}).items():
        archive.file(f"etc/holdfast/anchors/device/{name}", data)
    for name, data in manifests.items():
        archive.file(f"etc/holdfast/manifests.d/{name}", data)
    modules().add_to(archive, [*GATE_MODULES, *more_modules])
    return archive.bytes()


def compressed_rom():
    """A NIC's genuine ROM with its EFI driver compressed, as many cards ship it. QEMU's own
    are not."""
    data = (pathlib.Path(qemu.ROM_DIR) / "efi-virtio.rom").read_bytes()
    pcir = struct.unpack_from("<H", data, 0x18)[0]
    begin = struct.unpack_from("<H", data, pcir + 0x10)[0] * 512
    program = data[begin + struct.unpack_from("<H", data, begin + 0x16)[0] :]
    vendor, device = struct.unpack_from("<HH", data, pcir + 4)
    sys.path.insert(0, str(EFI_COMPRESS.parent))
    import efi_compress  # found once its folder is in the path
    packed = efi_compress.rom(program, vendor, device)
    return image.write_if_changed(qemu.COMPRESSED_ROM, data[:begin] + packed)


def store_image(files):
    archive = image.Archive()
    for name, data in files.items():
        archive.file(name, data)
    data = archive.bytes()
    return data + bytes(-len(data) % (1 << 20))
