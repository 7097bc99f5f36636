# SPDX-License-Identifier: GPL-3.0-or-later
"""The readers that go through a driver, and vital product data, on captured trees."""
import hashlib
import json
import os
import re

import drivers
import trees
from harness import ROOT, case, need, read, snapshot, write

AT = "0000:01:00.0"


def tree(t, name="tree", **device):
    """One card behind a root port."""
    card = {"at": "00.0", "vendor": "8086", "device": "10d3", "class": "020000"} | device
    port = {"at": "02.0", "vendor": "1b36", "device": "000c", "kind": "root-port", "slot": True,
            "below": [card]}
    made = trees.Tree(t.path(name), {"roots": [{"domain": "0000", "bus": "00", "devices": [port]}]})
    made.before = snapshot(made.root)
    return made


def scan(t, made, code=0):
    """{mkey: measurement} of the card; the capture is as it was."""
    result = t.holdfast("scan", "--sysfs", made.sys, "--json", code=code)
    text = t.holdfast("scan", "--sysfs", made.sys, code=code)
    t.narrow(text.text)
    need(b"\x1b" not in text.out + text.err + result.out, "an escape reached the terminal")
    for part in json.loads(result.out)["parts"]:
        for function in part["functions"]:
            if function["address"] == AT:
                return {m["mkey"]: m for m in function["measurements"]}
    need(False, f"no {AT}\n{result.describe()}")


def look(t, made, code=0):
    found = scan(t, made, code)
    need(snapshot(made.root) == made.before, "a captured tree was written to")
    return found


def text(found, mkey, want, advisory=False, code=False):
    need(mkey in found, f"no {mkey} in {sorted(found)}")
    m = found[mkey]
    need(m["kind"] == "text" and m["text"] == want, f"{mkey}: wanted {want!r}, found {m}")
    need(m["method"] == "version", f"{mkey}: {m}")
    need(m["advisory"] == advisory and m["code"] == code, f"{mkey}: {m}")


def failed(found, mkey, cause, advisory=False):
    need(mkey in found, f"no {mkey} in {sorted(found)}")
    need(found[mkey]["kind"] == "failure" and found[mkey]["cause"] == cause and
         found[mkey]["advisory"] == advisory, f"{mkey}: wanted {cause}, found {found[mkey]}")


def absent(found, *mkeys):
    for mkey in mkeys:
        need(mkey not in found, f"{mkey}: {found.get(mkey)}")


def digests(found, mkey, data, code, advisory=False):
    need(mkey in found, f"no {mkey} in {sorted(found)}")
    m = found[mkey]
    need(m["kind"] == "digests" and m["size"] == len(data) and m["code"] == code and
         m["advisory"] == advisory, f"{mkey}: {m}")
    for algorithm in ("sha256", "sha384"):
        need(m["digests"][algorithm] == hashlib.new(algorithm, data).hexdigest(), f"{mkey}: {m}")


# ---- the table

@case
def readers_table_is_documented(t):
    """Every reader of the table is in docs/readers.md, with the words that the table has."""
    with open(os.path.join(ROOT, "docs/readers.md"), encoding="utf-8") as file:
        docs = file.read()
    plain = re.sub(r"\s+", " ", docs)
    listed = json.loads(t.holdfast("scan", "--readers", "--json", code=0).out)["readers"]
    need(len(listed) >= 8, f"only {len(listed)} readers")
    for reader in listed:
        row = rf"^\| {reader['name']} \| {reader['method']} \| {'yes' if reader['needs_driver'] else 'no'} \|"
        need(re.search(row, docs, re.M), f"docs/readers.md has no row {row}")
        need(re.search(rf"^## {reader['name']}$", docs, re.M), f"no section {reader['name']}")
        for word in ("touches", "proves"):
            need(reader[word] in plain, f"docs/readers.md does not say: {reader[word]}")
    rows = re.findall(r"^\| (\w+) \| (?:none|identity|version|bytes|signed) \| (?:yes|no) \|", docs, re.M)
    need(rows == [r["name"] for r in listed], f"docs/readers.md lists {rows}")


@case
def readers_text_is_narrow(t):
    result = t.holdfast("scan", "--readers", code=0)
    t.narrow(result.text)
    for reader in json.loads(t.holdfast("scan", "--readers", "--json", code=0).out)["readers"]:
        need(re.search(rf"^{reader['name']} +{reader['method']}, ", result.text, re.M), reader["name"])
    t.holdfast("scan", "--readers", "--sysfs", "/nowhere", code=2)
    t.holdfast("scan", "--readers", "--rom=all", code=2)


# ---- nvme

NVME = {"class": "010802", "vendor": "144d", "device": "a824", "driver": "nvme"}


@case
def readers_nvme_agrees(t):
    found = look(t, tree(t, **NVME, nvme={"model": "Drive 9", "serial": "S9", "firmware": "2.0",
                                          "active": 2, "revisions": {"1": "1.0", "2": "2.0"}}))
    text(found, "nvme/firmware", "2.0")
    text(found, "nvme/model", "Drive 9", advisory=True)
    text(found, "nvme/serial", "S9", advisory=True)
    text(found, "nvme/slot/1", "1.0", advisory=True)
    text(found, "nvme/slot/2", "2.0", advisory=True)
    need(found["nvme/slots"]["number"] == 3, found["nvme/slots"])
    absent(found, "nvme/slot/3", "firmware/pending", "nvme/active-slot")


@case
def readers_nvme_pending(t):
    slots = {"1": "1.0", "2": "2.0"}
    for name, more, want in (
            ("other", {"next": 2}, "slot 2: 2.0; running 1.0 from slot 1"),
            ("empty", {"next": 3}, "slot 3, which is empty; running 1.0 from slot 1"),
            ("itself", {"next": 1}, None),
            ("same revision", {"next": 3, "revisions": {"1": "1.0", "3": "1.0"}}, None),
            ("in place", {"next": 1, "revisions": {"1": "1.1"}},
             "slot 1: 1.1; running 1.0 from slot 1"),
            ("unprintable", {"next": 2, "revisions": {"1": "1.0", "2": "\x1b[31m"}},
             "slot 2: ?????; running 1.0 from slot 1")):
        found = look(t, tree(t, **NVME, nvme={"firmware": "1.0", "revisions": slots} | more))
        text(found, "nvme/firmware", "1.0")
        absent(found, "nvme/active-slot")
        if want:
            text(found, "firmware/pending", want)
        else:
            need("firmware/pending" not in found, f"{name}: {found}")


@case
def readers_nvme_active_slot(t):
    """Another image in the active slot, and no word about a reset: a release has to list it."""
    for revisions, want in (({"1": "9.9"}, "9.9"), ({}, "(empty)")):
        found = look(t, tree(t, **NVME, nvme={"firmware": "1.0", "revisions": revisions}))
        text(found, "nvme/firmware", "1.0")
        text(found, "nvme/active-slot", want, code=True)
        absent(found, "firmware/pending")


@case
def readers_nvme_contradictions(t):
    """Answers that no drive gives, and one that is not what the kernel was told."""
    for name, nvme in (("kernel", {"identify_firmware": "3.0"}), ("no slots", {"slots": 0}),
                       ("nothing active", {"active": 0, "revisions": {}}), ("beyond", {"active": 4}),
                       ("next beyond", {"next": 4}), ("no firmware", {"identify_firmware": ""}),
                       ("escape", {"identify_firmware": "1.\x1b[31m"})):
        found = look(t, tree(t, **NVME, nvme={"firmware": "1.0"} | nvme), code=4)
        failed(found, "nvme/firmware", "nvme-shape")
        text(found, "nvme/serial", "S1", advisory=True)
        absent(found, "firmware/pending", "nvme/slots", "nvme/slot/1")
        need(name, name)


@case
def readers_nvme_cut_answers(t):
    for name, size in (("identify", 4095), ("identify", 4097), ("firmware_log", 0),
                       ("firmware_log", 513)):
        made = tree(t, **NVME, nvme={"firmware": "1.0"})
        data = read(made.file(AT, f"nvme/nvme0/{name}"))
        made.put(AT, f"nvme/nvme0/{name}", (data + bytes(2))[:size])
        failed(scan(t, made, code=4), "nvme/firmware", "nvme-shape")


@case
def readers_nvme_plain_capture(t):
    """A copy of /sys without the answers: what the kernel was told is all there is."""
    found = look(t, tree(t, **NVME, nvme={"firmware": "1.0", "answers": False}))
    text(found, "nvme/firmware", "1.0")
    absent(found, "nvme/slots", "firmware/pending")


@case
def readers_nvme_without_controller(t):
    made = tree(t, **NVME)
    failed(look(t, made, code=4), "nvme/firmware", "read-failed")
    for driver in (None, "vfio-pci"):  # no driver that would know
        card = dict(NVME, driver=driver) if driver else {k: v for k, v in NVME.items() if k != "driver"}
        found = look(t, tree(t, **card, nvme={"firmware": "1.0"}))
        absent(found, "nvme/firmware", "nvme/model")
    two = tree(t, **NVME, nvme={"firmware": "1.0"})  # two controllers for one function
    two.put(AT, "nvme/nvme1/firmware_rev", "1.0\n")
    failed(scan(t, two, code=4), "nvme/firmware", "read-failed")


# ---- net

NIC = {"driver": "ice", "class": "020000"}


@case
def readers_net_ethtool(t):
    found = look(t, tree(t, **NIC, net=[{"name": "eth0", "firmware": "4.2 0x80", "boot": "1.3"},
                                        {"name": "eth1", "firmware": ""}]))
    text(found, "net/firmware", "4.2 0x80")
    text(found, "net/option-rom-version", "1.3", advisory=True)
    absent(found, "firmware/pending", "net/devlink")


@case
def readers_net_virtio(t):
    made = tree(t, driver="virtio-pci", **{"class": "020000"})
    made.put(AT, "virtio0/net/eth0/drvinfo", drivers.drvinfo("77", "", AT))
    text(scan(t, made), "net/firmware", "77")
    empty = tree(t, driver="virtio-pci", **{"class": "020000"})
    empty.put(AT, "virtio0/net/eth0/drvinfo", drivers.drvinfo("", "", AT))
    absent(scan(t, empty), "net/firmware")


@case
def readers_net_wrong_device(t):
    """The answer is about another function, two interfaces disagree, or it is cut."""
    for net in ([{"name": "eth0", "firmware": "1", "bus_info": "0000:02:00.0"}],
                [{"name": "eth0", "firmware": "1"}, {"name": "eth1", "firmware": "2"}],
                [{"name": "eth0", "firmware": "1"}, {"name": "eth1", "firmware": "1", "bus_info": ""}]):
        failed(look(t, tree(t, **NIC, net=net), code=4), "net/firmware", "read-failed")
    made = tree(t, **NIC, net=[{"name": "eth0", "firmware": "1"}])
    made.put(AT, "net/eth0/drvinfo", read(made.file(AT, "net/eth0/drvinfo"))[:-1])
    failed(scan(t, made, code=4), "net/firmware", "read-failed")


@case
def readers_net_hostile_names(t):
    for name in ("eth0 evil", "a\x1b[31m", "x" * 100):
        made = tree(t, **NIC)
        write(made.file(AT, f"net/{name}/drvinfo"), drivers.drvinfo("1", "", AT))
        failed(scan(t, made, code=4), "net/firmware", "read-failed")
    made = tree(t, **NIC)
    for i in range(257):
        os.makedirs(made.file(AT, f"net/eth{i}"))
    failed(scan(t, made, code=4), "net/firmware", "device-flooded")


@case
def readers_net_unprintable(t):
    """What is no text is kept as bytes, so nothing that a device says gets lost."""
    made = tree(t, **NIC)
    made.put(AT, "net/eth0/drvinfo", drivers.drvinfo("\x1b[31m", "", AT))
    found = scan(t, made)
    need(found["net/firmware"]["kind"] == "bytes" and
         found["net/firmware"]["bytes"] == b"\x1b[31m".hex(), found["net/firmware"])


@case
def readers_net_devlink(t):
    found = look(t, tree(t, **NIC, devlink=[
        ["serial", "00-01"], ["fixed", "board.id", "K1"], ["running", "fw.mgmt", "5.1"],
        ["running", "fw.undi", "1.2"], ["stored", "fw.mgmt", "5.1"], ["stored", "fw.undi", "1.2"],
        ["stored", "fw.bundle", "9"]]))
    text(found, "net/fixed/board.id", "K1")
    text(found, "net/running/fw.mgmt", "5.1")
    text(found, "net/stored/fw.mgmt", "5.1", advisory=True)
    text(found, "net/stored/fw.bundle", "9", advisory=True)
    absent(found, "firmware/pending")
    found = look(t, tree(t, **NIC, devlink=[["running", "fw", "1"], ["stored", "fw", "2"],
                                            ["stored", "a", "1"], ["running", "a", "1"]]))
    text(found, "firmware/pending", "fw: running 1, stored 2")


@case
def readers_net_devlink_absent_or_broken(t):
    for error in (2, 19, 22, 95):  # ENOENT, ENODEV, EINVAL, EOPNOTSUPP: there is none
        absent(look(t, tree(t, **NIC, devlink=error)), "net/devlink")
    failed(look(t, tree(t, **NIC, devlink=1), code=4), "net/devlink", "kernel-refused")
    failed(look(t, tree(t, **NIC, devlink=[["running", "fw", "1"], ["running", "fw", "2"]]), code=4),
           "net/devlink", "read-failed")
    failed(look(t, tree(t, **NIC, devlink=[["running", f"fw{i}", "1"] for i in range(129)]), code=4),
           "net/devlink", "device-flooded")
    whole = drivers.devlink_reply([["running", "fw", "1.2.3"]])
    for cut in (0, 3, 15, 19, 40, len(whole) - 4):
        made = tree(t, **NIC)
        made.put(AT, "devlink_info", whole[:cut])
        failed(scan(t, made, code=4), "net/devlink", "read-failed")
    made = tree(t, **NIC)
    made.put(AT, "devlink_info", bytes(32769))
    failed(scan(t, made, code=4), "net/devlink", "device-flooded")


@case
def readers_net_infiniband(t):
    found = look(t, tree(t, driver="mlx5_core", **{"class": "020700"},
                         texts={"infiniband/mlx5_0/fw_ver": "20.31.1014"}))
    text(found, "net/firmware", "20.31.1014")


# ---- drives

AHCI = {"driver": "ahci", "class": "010601"}


def sata(port, unit="0:0:0", **more):
    return {"path": f"ata{port}/host{port}/target{port}:{unit[:3]}/{port}:{unit}"} | more


@case
def readers_drives_sata(t):
    """Places are ports of this function, whatever number the kernel gave the first one."""
    ata = {"model": "Example SSD 1", "serial": "A1", "firmware": "FW123456"}
    plans = []
    for first in (1, 9):
        drives = [sata(first, ata=ata, model="Example SSD", rev="FW12"),
                  sata(first + 2, ata=dict(ata, serial="A2"), rev="FW12"),
                  sata(first + 2, "1:0:0", rev="0.1", serial="  PM1 ")]
        made = tree(t, **AHCI, drives=drives)
        os.makedirs(made.file(AT, f"ata{first + 1}/host{first + 1}"))
        plans.append(scan(t, made))
    for found in plans:
        text(found, "drive/port0/firmware", "FW123456")
        text(found, "drive/port0/model", "Example SSD 1", advisory=True)
        text(found, "drive/port0/serial", "A1", advisory=True)
        text(found, "drive/port2/serial", "A2", advisory=True)
        text(found, "drive/port2-1:0:0/firmware", "0.1")
        text(found, "drive/port2-1:0:0/serial", "PM1", advisory=True)
        absent(found, "drive/port1/model", "drive")
    need(sorted(plans[0]) == sorted(plans[1]), "places depend on the kernel's counters")


@case
def readers_drives_scsi(t):
    """SAS with an expander, two hosts of one function, virtio-scsi."""
    for base in ("host4/port-4:0/expander-4:0/port-4:0:3/end_device-4:0:3/target4:0:3/4:0:3:1",
                 "host4/target4:0:3/4:0:3:1", "virtio0/host4/target4:0:3/4:0:3:1",
                 "host4/rport-4:0-2/target4:0:3/4:0:3:1"):
        found = look(t, tree(t, driver="mpt3sas", **{"class": "010700"}, drives=[
            {"path": base, "vendor": "SEAGATE", "model": "ST1", "rev": "E002", "serial": "Z1"}]))
        text(found, "drive/0:3:1/firmware", "E002")
        text(found, "drive/0:3:1/model", "SEAGATE ST1", advisory=True)
        text(found, "drive/0:3:1/serial", "Z1", advisory=True)
    found = look(t, tree(t, driver="x", **{"class": "010000"}, drives=[
        {"path": f"host{h}/target{h}:0:0/{h}:0:0:0", "rev": f"r{h}"} for h in (9, 10)]))
    text(found, "drive/0:0:0/firmware", "r9")
    text(found, "drive/host1-0:0:0/firmware", "r10")


@case
def readers_drives_only_below_storage(t):
    drive = [{"path": "host0/target0:0:0/0:0:0:0"}]
    for card in ({"class": "010601"}, {"class": "010802", "driver": "x"}, {"class": "0c0330", "driver": "x"}):
        absent(look(t, tree(t, drives=drive, **card)), "drive/0:0:0/firmware", "drive")


@case
def readers_drives_broken_pages(t):
    good = drivers.ata_page("M", "S", "F")
    for page in (b"", good[:571], good[:1] + b"\x80" + good[2:], good[:60 + 47] + b"!" + good[60 + 48:]):
        made = tree(t, **AHCI, drives=[sata(1)])
        made.put(AT, "ata1/host1/target1:0:0/1:0:0:0/vpd_pg89", page)
        found = scan(t, made, code=0 if not page else 4)
        if page:
            failed(found, "drive/port0/firmware", "drive-shape")
            absent(found, "drive/port0/serial")
        else:  # an empty file: the kernel has no such page
            text(found, "drive/port0/firmware", "1.0")
    made = tree(t, **AHCI, drives=[sata(1)])
    made.put(AT, "ata1/host1/target1:0:0/1:0:0:0/vpd_pg80", b"\0\x80\0\xff" + b"x")
    found = scan(t, made)
    failed(found, "drive/port0/serial", "drive-shape", advisory=True)
    text(found, "drive/port0/firmware", "1.0")


@case
def readers_drives_too_many(t):
    drives = [{"path": f"host0/target0:0:{i}/0:0:{i}:0", "rev": "1"} for i in range(201)]
    found = look(t, tree(t, driver="x", **{"class": "010700"}, drives=drives[:200]))
    absent(found, "drive")
    text(found, "drive/0:199:0/firmware", "1")
    found = look(t, tree(t, driver="x", **{"class": "010700"}, drives=drives), code=4)
    failed(found, "drive", "device-flooded")
    text(found, "drive/0:0:0/firmware", "1")


@case
def readers_drives_loops_and_depth(t):
    """Links are not followed, and nobody goes down for ever."""
    made = tree(t, **AHCI, drives=[sata(1)])
    os.symlink("..", made.file(AT, "ata1/host9"))
    text(scan(t, made), "drive/port0/firmware", "1.0")
    os.makedirs(made.file(AT, "/".join(["host0"] * 14)))
    failed(scan(t, made, code=4), "drive", "device-flooded")
    twice = tree(t, **AHCI, drives=[{"path": f"host0/target0:0:{i}/0:0:0:0"} for i in range(2)])
    failed(look(t, twice, code=4), "drive", "read-failed")


# ---- mtd

SPI = {"class": "0c8000", "driver": "intel-spi"}


@case
def readers_mtd(t):
    """Larger than any option ROM may be: hashed as it comes."""
    regions = [{"path": f"spi_master/spi0/spi0.0/mtd/mtd{i}", "name": name, "size": size, "seed": name}
               for i, (name, size) in enumerate((("BIOS", 33 << 20), ("a b/c", 4096), ("empty", 0)))]
    found = look(t, tree(t, **SPI, mtd=regions))
    digests(found, "mtd/BIOS", drivers.noise("BIOS", 33 << 20), code=True)
    digests(found, "mtd/a_b_c", drivers.noise("a b/c", 4096), code=True)
    digests(found, "mtd/empty", b"", code=True)
    absent(found, "firmware", "mtd", "mtd/BIOS/partial")


@case
def readers_mtd_failures(t):
    region = {"path": "mtd/mtd0", "name": "BIOS", "size": 8192}
    failed(look(t, tree(t, **SPI, mtd=[region]), code=0), "mtd/BIOS", "not-measured")
    made = tree(t, **SPI, mtd=[dict(region, seed="x")])  # less than it says it has
    made.put(AT, "mtd/mtd0/bytes", drivers.noise("x", 8191))
    found = scan(t, made, code=4)
    failed(found, "mtd/BIOS", "read-failed")
    digests(found, "mtd/BIOS/partial", drivers.noise("x", 8191), code=False, advisory=True)
    with open(made.file(AT, "mtd/mtd0/bytes"), "r+b") as file:
        file.truncate((64 << 20) + 1)
    failed(scan(t, made, code=4), "mtd/BIOS", "device-flooded")
    made = tree(t, **SPI, mtd=[dict(region, seed="x"), dict(region, path="mtd/mtd1", seed="y")])
    found = look(t, made, code=4)
    digests(found, "mtd/BIOS", drivers.noise("x", 8192), code=True)
    failed(found, "mtd/region/1", "read-failed")
    # a name that looks like such a number takes nothing from the others
    made = tree(t, **SPI, mtd=[dict(region, name="1", seed="x"), dict(region, path="mtd/mtd1", name="", seed="y"),
                               dict(region, path="mtd/mtd2", name="0", seed="y"),
                               dict(region, path="mtd/mtd3", name="region/1", seed="x")])
    found = look(t, made, code=4)
    digests(found, "mtd/1", drivers.noise("x", 8192), code=True)
    failed(found, "mtd/region/1", "read-failed")
    digests(found, "mtd/region_1", drivers.noise("x", 8192), code=True)
    many = [dict(region, path=f"mtd/mtd{i}", name=f"r{i}", seed="z", size=512) for i in range(33)]
    found = look(t, tree(t, **SPI, mtd=many), code=4)
    failed(found, "mtd", "device-flooded")
    digests(found, "mtd/r31", drivers.noise("z", 512), code=True)


# ---- vpd

CARD_VPD = {"identifier": "Example NIC", "read_only": {"PN": "PART-1", "SN": " 001 ", "EC": "A",
                                                       "MN": "1028", "V0": "x", "VZ": "y", "ZZ": "z"},
            "read_write": {"YA": "asset", "V1": "of the owner"}}


@case
def readers_vpd(t):
    made = tree(t, vpd=CARD_VPD)
    found = look(t, made)
    digests(found, "vpd", read(made.file(AT, "vpd")), code=False, advisory=True)
    for mkey, want in (("identifier", "Example NIC"), ("part-number", "PART-1"), ("serial", "001"),
                       ("engineering-level", "A"), ("manufacturer", "1028"), ("V0", "x"), ("VZ", "y")):
        text(found, f"vpd/{mkey}", want, advisory=True)
    absent(found, "vpd/ZZ", "vpd/V1", "vpd/list")
    need(found["firmware"]["cause"] == "no-reader", "product data passed for firmware")


@case
def readers_vpd_is_hashed_before_it_is_parsed(t):
    """Whatever it holds, the bytes are in the claims; nothing about it keeps a host."""
    good = drivers.vpd(**CARD_VPD)
    flipped = bytearray(good)
    flipped[20] ^= 1
    for data in (bytes(flipped), good[:-1], b"\xff" * 100, drivers.vpd("x" * 300, {})[:100]):
        found = look(t, tree(t, vpd=data.hex()))
        digests(found, "vpd", data, code=False, advisory=True)
        failed(found, "vpd/list", "vpd-shape", advisory=True)
        absent(found, "vpd/serial")
    data = good + bytes(32768 - len(good))
    text(look(t, tree(t, vpd=data.hex())), "vpd/part-number", "PART-1", advisory=True)
    found = look(t, tree(t, vpd=(data + b"\0").hex()))
    failed(found, "vpd", "device-flooded", advisory=True)
    digests(found, "vpd/partial", data, code=False, advisory=True)


@case
def readers_vpd_that_is_not_there(t):
    made = tree(t, vpd=CARD_VPD)
    made.remove(AT, "vpd")
    failed(scan(t, made), "vpd", "not-measured", advisory=True)
    absent(look(t, tree(t)), "vpd")  # no capability: nothing to say


# ---- versions

@case
def readers_versions(t):
    for card, texts, mkey, want in (
            ({"class": "038000", "driver": "amdgpu"}, {"vbios_version": "113-D67301-063"},
             "gpu/vbios-version", "113-D67301-063"),
            ({"class": "010700", "driver": "mpt3sas"},
             {"host3/scsi_host/host3/version_fw": "16.00.12.00"}, "hba/firmware", "16.00.12.00"),
            ({"class": "0c0400", "driver": "lpfc"}, {"host3/scsi_host/host3/fwrev": "12.8, sli-4"},
             "hba/firmware", "12.8, sli-4"),
            ({"class": "050210", "driver": "cxl_pci"}, {"mem0/firmware_version": "BWFW 1"},
             "cxl/firmware", "BWFW 1")):
        text(look(t, tree(t, **card, texts=texts)), mkey, want, advisory=True)
        other = {k: v for k, v in card.items() if k != "driver"}
        absent(look(t, tree(t, **other, texts=texts)), mkey)


