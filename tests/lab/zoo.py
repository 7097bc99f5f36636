# SPDX-License-Identifier: GPL-3.0-or-later
"""A live host with one of everything that QEMU has, and a driver for each: what the readers
make of it. No gate, no TPM: `holdfast scan`, as on a host at work."""
import base64
import gzip
import hashlib
import json
import pathlib
import re

import build
import image
import pe
import qemu
import roms
from outcome import need

STARTED = "ZOO-SCAN"
MODULES = ("nvme e1000e virtio_pci virtio_net virtio_blk virtio_scsi xhci_pci usb_storage ahci sd_mod sr_mod "
           "megaraid_sas sym53c8xx bochs cxl_pci vmxnet3").split()
APPLETS = ("sh mount modprobe readlink ls grep tr cp cmp head cat gzip base64 mkdir usleep stty "
           "poweroff wc").split()
NVME_PF, IGB_PF = "0000:01:00.0", "0000:02:00.0"
NVME_VFS, IGB_VFS = 4, 7
SERIAL = "ZOO%04d"


# what is to be read of each kind, through the driver that is bound: measurement and value
SAID = {
    "1b36:0010": {"nvme/firmware": r"\S+", "nvme/model": "QEMU NVMe Ctrl", "nvme/serial": SERIAL % 1,
                  "nvme/slot/1": r"1\.0"},
    "8086:10d3": {"net/firmware": r"\d\S+"},
    "8086:10c9": {"net/firmware": r"\d\S+"},
    "1af4:1048": {"drive/0:0:0/firmware": "ZV01", "drive/0:0:0/serial": SERIAL % 3},
    "1000:0060": {r"drive/\d:0:0/firmware": "ZM01", "not-covered/raid-drives": None},
    "1000:0012": {r"drive/\d:0:0/firmware": "ZL01", r"drive/\d:0:0/serial": SERIAL % 6},
    "8086:2922": {r"drive/port0/firmware": "ZA01", r"drive/port0/serial": SERIAL % 7},
    "8086:0d93": {"cxl/firmware": r"\S.*"},
}


class Host(qemu.Host):
    """More kinds of devices than the gate's host has, each in a place of its own."""
    machine = ("q35,cxl=on,cxl-fmw.0.targets.0=cxl.1,cxl-fmw.0.size=4G")
    memory = "1024,maxmem=6G,slots=4"
    cpus = 1

    def __init__(self, out, newer):
        super().__init__()
        self.newer = newer  # QEMU 10
        self.disk = out / "disk.img"
        rom = qemu.ROM_DIR
        self.ports = {f"rp{i}": 0x3 + i for i in range(8)}
        virtual = (f"sriov_max_vfs={NVME_VFS},sriov_vq_flexible={2 * NVME_VFS},sriov_vi_flexible={NVME_VFS},"
                   f"max_ioqpairs={2 + 2 * NVME_VFS},msix_qsize={2 + NVME_VFS}")
        self.devices = {
            "subsystem": "nvme-subsys,id=ss0,nqn=ss0",
            "nvme": f"nvme,serial={SERIAL % 1},bus=rp0,subsys=ss0,{virtual}",
            "namespace": "nvme-ns,drive=d0,nsid=1",
            "e1000e": f"e1000e,bus=rp2,romfile={rom}/efi-e1000e.rom",
            "virtio-net": f"virtio-net-pci,bus=rp3,romfile={rom}/efi-virtio.rom",
            "virtio-blk": f"virtio-blk-pci,bus=rp4,drive=d1,serial={SERIAL % 2}",
            "virtio-scsi": "virtio-scsi-pci,id=vs,bus=rp5",
            "virtio-disk": f"scsi-hd,bus=vs.0,drive=d2,serial={SERIAL % 3},ver=ZV01",
            "xhci": "qemu-xhci,id=xhci,bus=rp6",
            "stick": f"usb-storage,bus=xhci.0,drive=d3,serial={SERIAL % 4}",
            "megasas": "megasas,id=ms,bus=pcie.0,addr=0x10",
            "megasas-disk": f"scsi-hd,bus=ms.0,drive=d4,serial={SERIAL % 5},ver=ZM01",
            "scsi": "lsi53c895a,id=ls,bus=pcie.0,addr=0x11",
            "scsi-disk": f"scsi-hd,bus=ls.0,drive=d5,serial={SERIAL % 6},ver=ZL01",
            "sata-disk": f"ide-hd,bus=ide.0,drive=d6,serial={SERIAL % 7},ver=ZA01",
            "vga": "VGA,bus=pcie.0,addr=0x2",
            "display": "bochs-display,bus=pcie.0,addr=0x12",
            "cxl-bridge": "pxb-cxl,bus_nr=64,bus=pcie.0,id=cxl.1",
            "cxl-port": "cxl-rp,port=0,bus=cxl.1,id=crp0,chassis=30,slot=30",
            "cxl": "cxl-type3,bus=crp0,id=c0,sn=0x1234," +
                   ("volatile-memdev=cm0" if newer else "memdev=cm0,lsa=cm1"),
        }
        self.modules = list(MODULES)
        self.virtual = {NVME_PF: NVME_VFS}
        if newer:
            self.devices["igb"] = "igb,bus=rp1"
            self.modules.append("igb")
            self.virtual[IGB_PF] = IGB_VFS
        self.drives = 7  # NVMe controller, virtio-blk, five SCSI and ATA disks

    def arguments(self, _store, _data):
        with open(self.disk, "wb") as file:
            file.truncate(8 << 20)
        args = []
        for i in range(7):
            args += ["-drive", f"file={self.disk},if=none,format=raw,id=d{i},snapshot=on"]
        for name, size in (("cm0", "256M"),) + (() if self.newer else (("cm1", "256K"),)):
            if self.newer:
                args += ["-object", f"memory-backend-ram,id={name},share=on,size={size}"]
            else:
                path = self.disk.with_name(f"{name}.mem")
                args += ["-object", f"memory-backend-file,id={name},share=on,mem-path={path},size={size}"]
        for name, slot in self.ports.items():
            args += ["-device", f"pcie-root-port,id={name},bus=pcie.0,addr={slot:#x},chassis={slot},slot={slot}"]
        for device in self.devices.values():
            args += ["-device", device]
        return args


def system(host):
    """busybox, the agent as an ordinary program, every driver."""
    archive = image.Archive()
    for path in ("proc", "sys", "dev", "run", "tmp"):
        archive.directory(path)
    archive.copy("bin/busybox", build.BUSYBOX)
    for applet in APPLETS:
        archive.link(f"bin/{applet}", "busybox")
    archive.copy("bin/holdfast", build.BIN / "holdfast")
    for path, source in image.libraries(build.BIN / "holdfast"):
        archive.copy(path.lstrip("/"), source)
    archive.copy("init", build.LAB / "zoo-init")
    archive.device("dev/console", 5, 1)
    words = {"MODULES": " ".join(host.modules), "DRIVES": host.drives,
             "VIRTUAL": " ".join(f"{pf}={count}" for pf, count in host.virtual.items())}
    archive.file("etc/zoo", "".join(f"{name}='{value}'\n" for name, value in words.items()).encode())
    build.modules().add_to(archive, host.modules)
    return archive.bytes()


def files(text):
    """{name: text} of what came over the second serial port."""
    return {name: gzip.decompress(base64.b64decode(packed)).decode()
            for name, packed in re.findall(r"^ZOO-FILE (\S+)\n(.*?)^ZOO-END \1$", text, re.M | re.S)}


def run(run, newer):
    """A scenario's runner: boot, scan, look."""
    program = build.qemu10() if newer else "qemu-system-x86_64"
    run.out.mkdir(parents=True, exist_ok=True)
    side = run.lab.dir / f"zoo-{'newer' if newer else 'old'}"
    side.mkdir(exist_ok=True)
    host = Host(side, newer)
    initrd = image.write_if_changed(side / "zoo.cpio", system(host))
    with qemu.Machine(run.out, host, kernel=run.lab.kernel, initrd=initrd, program=program,
                      command_line="console=ttyS0 no_timer_check quiet panic=-1", store=None, data=None,
                      uefi=False, echo=run.echo, seconds=150) as run.machine:
        need(run.machine.wait_for(r"^ZOO-DONE", r"Kernel panic.*\n"), "the host did not finish")
        run.machine.wait_off()
        console, said = run.machine.console, files(run.machine.evidence)
    for name, text in said.items():
        (run.out / name).write_text(text)
    Zoo(host, console, said).check()


class Zoo:
    """What was said, and what must be true of it."""

    def __init__(self, host, console, said):
        self.host, self.console, self.said = host, console, said
        self.present = {found[0]: found[1:] for found in re.findall(
            r"^ZOO-DEVICE (\S+) driver=(\S*) physfn=(\S*) rom=(\S*)$", console, re.M)}

    def check(self):
        problems = re.findall(r"^ZOO-PROBLEM (.*)$", self.console, re.M)
        need(not problems, "the host itself: " + "; ".join(problems))
        for name in ("scan.txt", "scan.json", "all.json", "all.txt"):
            match = re.search(rf"^ZOO-SCAN {re.escape(name)} exit=(\d+)", self.console, re.M)
            need(match and name in self.said, f"{name} did not come")
            need(match.group(1) in ("0", "4"), f"{name}: exit {match.group(1)}")
        self.live = self.functions("scan.json")
        self.all = self.functions("all.json")
        self.everything_is_there()
        self.nothing_was_written()
        self.drivers_were_asked(self.live)
        self.drivers_were_asked(self.all)
        self.roms_were_read()
        self.coverage()

    def functions(self, name):
        """{address: (part, function)}"""
        found = {}
        for part in json.loads(self.said[name])["parts"]:
            for function in part["functions"]:
                need(function["address"] not in found, f"{function['address']} is in two parts")
                found[function["address"]] = (part, function)
        return found

    def everything_is_there(self):
        need(len(self.present) >= 28, f"only {len(self.present)} devices in sysfs")
        for name, found in (("scan.json", self.live), ("all.json", self.all)):
            need(set(found) == set(self.present),
                 f"{name} and sysfs differ in {sorted(set(found) ^ set(self.present))}")
        virtual = {address: physfn for address, (_, physfn, _) in self.present.items() if physfn}
        need(len(virtual) == sum(self.host.virtual.values()), f"{len(virtual)} virtual functions")
        for address, physical in virtual.items():
            need(self.live[address][0]["path"] == self.live[physical][0]["path"],
                 f"virtual function {address} is not in the part of {physical}")
        for address in set(self.present) - set(virtual):
            need(address in self.said["scan.txt"], f"the text does not list {address}")
        for physical, count in self.host.virtual.items():	# folded into the one that they belong to
            after = self.said["scan.txt"].split(physical, 1)[1]
            need(f"{count} virtual functions of it" in after.split("\ncard ", 1)[0],
                 f"the text does not count the virtual functions of {physical}")

    def nothing_was_written(self):
        changed = re.findall(r"^ZOO-CHANGED (.*)$", self.console, re.M)
        need(not changed, "config space differs after two scans: " + "; ".join(changed))
        for address, (_, function) in self.live.items():
            for each in function["measurements"]:
                need(not each["mkey"].startswith(("option-rom", "rom-bar")) or "digests" not in each,
                     f"{address}: a ROM was read without --rom=all")

    def drivers_were_asked(self, found):
        """Each kind that is there and no virtual function says what it has to say."""
        kinds = {}
        for address, (_, function) in found.items():
            if not self.present[address][1]:
                kinds[f"{function['vendor']}:{function['device']}"] = function["measurements"]
        for kind, wanted in SAID.items():
            if kind not in kinds:
                need(kind == "8086:10c9" and not self.host.newer, f"there is no {kind}")
                continue
            for mkey, value in wanted.items():
                said = [each for each in kinds[kind] if re.fullmatch(mkey, each["mkey"])]
                need(said, f"{kind} has no {mkey}")
                if value is None:
                    need(said[0].get("cause") == "not-covered", f"{kind}: {mkey} is no failure")
                else:
                    need(re.fullmatch(value, said[0].get("text", "")), f"{kind}: {mkey} is {said[0]}")

    def measurement(self, found, address, mkey):
        for each in found[address][1]["measurements"]:
            if each["mkey"] == mkey:
                return each
        return None

    def roms_were_read(self):
        for address, (_, function) in self.all.items():
            name = {("8086", "10d3"): "efi-e1000e.rom", ("1af4", "1041"): "efi-virtio.rom"}.get(
                (function["vendor"], function["device"]))
            if not name:
                continue
            rom = roms.genuine(name)
            window = self.measurement(self.all, address, "option-rom/window")
            need(window and window["digests"]["sha256"] == hashlib.sha256(rom).hexdigest(),
                 f"{address}: the ROM is not {name}")
            found = self.measurement(self.all, address, "option-rom/1/authenticode")
            need(found and found["digests"]["sha256"] == pe.authenticode(roms.driver(rom)),
                 f"{address}: no Authenticode digest of the driver in {name}")

    def coverage(self):
        need(re.search(r"^\d+ parts: .*not covered", self.said["scan.txt"], re.M), "no coverage line")


def scenario_runner(newer):
    return lambda its_run: run(its_run, newer)
