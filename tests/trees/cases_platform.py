# SPDX-License-Identifier: GPL-3.0-or-later
"""The host itself: SMBIOS, firmware of drivers; and what is not covered, said aloud."""
import collections
import glob
import json
import os
import struct

import make_tree
import sources
import trees
from harness import ROOT, Skip, case, need, read, write
from rehearsal import Host

CORPUS = os.environ.get("HOLDFAST_CORPUS", os.path.join(ROOT, "../shared/data"))


def scan(t, sys, code=0):
    return json.loads(t.holdfast("scan", "--sysfs", sys, "--json", code=code).out)


def functions(found):
    return {f["address"]: f for part in found["parts"] for f in part.get("functions", [])}


def mkeys(holder):
    return {m["mkey"]: m for m in holder["measurements"]}


def host_of(found):
    return mkeys([p for p in found["parts"] if p["kind"] == "host"][0])


def uncovered(function):
    return [m["mkey"] for m in function["measurements"] if m["mkey"].startswith("not-covered/")]


# ---- not covered

DEVICES = [  # ids, class, what is said of it
    ("1000:10e2", "010400", "raid-drives"), ("9005:028f", "010400", "raid-drives"),
    ("8086:201d", "010400", "vmd-drives"), ("8086:28c0", "010400", "vmd-drives"),
    ("8086:a77f", "010400", "vmd-drives"), ("8086:7d0b", "088000", "vmd-drives"),
    ("8086:2822", "010400", "raid-drives"),     # RST, no VMD
    ("15b3:a2d2", "020000", "dpu"), ("15b3:a2d6", "020000", "dpu"),
    ("15b3:a2dc", "020000", "dpu"), ("15b3:c2d5", "080100", "dpu"),
    ("1dd8:1002", "020000", "dpu"), ("8086:1452", "020000", "dpu"), ("177d:b900", "020000", "dpu"),
    ("1a03:2000", "030000", "bmc"), ("102b:0536", "030000", "bmc"), ("102b:0534", "030000", "bmc"),
    ("102b:0538", "030000", "bmc"), ("103c:3306", "088000", "bmc"), ("103c:3307", "088000", "bmc"),
    ("10de:22a3", "068000", "nvlink"), ("10de:2330", "030200", "nvlink"),
    ("10de:20b2", "030200", "nvlink"), ("10de:2901", "030200", "nvlink"),
    # and what has nothing of the kind
    ("8086:10d3", "020000", None), ("15b3:101d", "020000", None), ("15b3:1021", "020000", None),
    ("1000:0097", "010700", None), ("144d:a824", "010802", None), ("10de:2331", "030200", None),
    ("10de:10fa", "040300", None), ("10de:0269", "068000", None), ("102b:0521", "030000", None), ("1a03:1160", "020000", None),
    ("8086:0680", "068000", None), ("8086:2922", "010601", None), ("177d:0005", "0b4000", None),
    ("1dd8:1000", "060400", None), ("103c:1303", "070000", None),
]


def described(devices):
    made = []
    for i, (ids, klass, _) in enumerate(devices):
        vendor, device = ids.split(":")
        made.append({"at": f"{i // 8:02x}.{i % 8}", "vendor": vendor, "device": device,
                     "class": klass, "kind": "conventional", "subsystem": "1234:0001"})
    return {"roots": [{"devices": made}]}


@case
def platform_not_covered_by_class_and_ids(t):
    make_tree.build(make_tree.Tree(t.path("tree/sys")), described(DEVICES))
    result = t.holdfast("scan", "--sysfs", t.path("tree/sys"), code=0)
    found = functions(scan(t, t.path("tree/sys")))
    for i, (ids, klass, what) in enumerate(DEVICES):
        function = found[f"0000:00:{i // 8:02x}.{i % 8}"]
        want = [f"not-covered/{what}"] if what else []
        need(uncovered(function) == want, f"{ids} of class {klass}: {uncovered(function)}")
        for key in want:
            claim = mkeys(function)[key]
            need((claim["kind"], claim["cause"], claim["method"]) ==
                 ("failure", "not-covered", "none"), f"{ids}: {claim}")
    text = " ".join(result.text.split())
    need("; here: 3 RAID controllers, 4 VMDs, 1 DPU, 1 BMC, 1 part on NVLink" in text, text[-400:])
    t.narrow(result.text)


@case
def platform_coverage_line_without_any(t):
    tree = trees.Tree(t.path("tree"), trees.lab())
    text = " ".join(t.holdfast("scan", "--sysfs", tree.sys, code=0).text.split())
    need(text.endswith("not covered: BMC, drives behind RAID or VMD, NVLink, CPLDs"), text[-200:])


@case
def platform_server_says_what_lies_behind(t):
    made = make_tree.Tree(t.path("tree/sys"))
    make_tree.build(made, make_tree.server())
    text = " ".join(t.holdfast("scan", "--sysfs", t.path("tree/sys"), code=0).text.split())
    need("; here: 1 RAID controller, 1 BMC, 12 parts on NVLink" in text, text[-300:])
    found = functions(scan(t, t.path("tree/sys")))
    behind = [a for a in found if a.startswith("10000:")]
    need(len(behind) == 6, f"functions of the VMD domain: {sorted(behind)}")
    for address in behind:
        need("config/masked-1" in mkeys(found[address]), f"{address} went through no reader")


@case
def platform_vmd_hides_drives_until_its_driver_binds(t):
    """Bound, its functions are on the bus in a domain of their own, and are read like others."""
    description = make_tree.server()
    description["roots"][0]["devices"].append(
        {"at": "1f.7", "vendor": "8086", "device": "28c0", "class": "010400",
         "kind": "conventional", "subsystem": "8086:0000"})
    hidden = {"roots": [r for r in description["roots"] if r.get("domain") != "10000"]}
    make_tree.build(make_tree.Tree(t.path("hidden/sys")), hidden)
    found = functions(scan(t, t.path("hidden/sys")))
    need(uncovered(found["0000:00:1f.7"]) == ["not-covered/vmd-drives"], "hidden drives")
    text = " ".join(t.holdfast("scan", "--sysfs", t.path("hidden/sys"), code=0).text.split())
    need("1 RAID controller, 1 VMD, 1 BMC" in text, text[-300:])
    for driver, want in (("vmd", []), ("vfio-pci", ["not-covered/vmd-drives"])):
        description["roots"][0]["devices"][-1]["driver"] = driver
        make_tree.build(make_tree.Tree(t.path(f"{driver}/sys")), description)
        found = functions(scan(t, t.path(f"{driver}/sys")))
        need(uncovered(found["0000:00:1f.7"]) == want, f"bound to {driver}")
    need("0000:00:1f.7" in found and any(a.startswith("10000:") for a in found), "the domain")


@case
def platform_virtual_functions_fold_into_their_own(t):
    """Of a DPU with virtual functions: one part, one claim, and the VFs are in the part."""
    description = {"roots": [{"devices": [make_tree.root_port("01.0", [
        {"at": "00.0", "vendor": "15b3", "device": "a2dc", "class": "020000",
         "subsystem": "15b3:0001", "vf_device": "101e",
         "vfs": [{"distance": n} for n in (2, 3, 9, 300)]}])]}]}
    make_tree.build(make_tree.Tree(t.path("tree/sys")), description)
    found = scan(t, t.path("tree/sys"))
    cards = [p for p in found["parts"] if p["kind"] == "card"]
    need(len(cards) == 1, f"{len(cards)} cards")
    paths = [f["path"] for f in cards[0]["functions"]]
    need(len(paths) == 5 and sum("/vf" in p for p in paths) == 4, str(paths))
    claims = [c for f in cards[0]["functions"] for c in uncovered(f)]
    need(claims == ["not-covered/dpu"], f"{claims}")
    text = " ".join(t.holdfast("scan", "--sysfs", t.path("tree/sys"), code=0).text.split())
    need("here: 1 DPU" in text, text[-200:])


@case
def platform_not_covered_does_not_hold_by_itself(t):
    """A rule that asks for identity accepts a RAID controller; the claim is there to be read."""
    description = trees.lab()
    trees.device(description, "02.2", "00.0", "01.0")["below"] = [
        {"at": "00.0", "vendor": "1b36", "device": "0010", "class": "010400", "revision": "02",
         "subsystem": "1af4:1100"}]
    tree = trees.Tree(t.path("tree"), description)
    good = [c for c in sources.components(tree) if c["component"] != "drive"]
    good.append(sources.component("drive", sources.function("1b36:0010", "010400")))
    result = sources.judge(t, tree, tree, code=0, sources=good + [sources.model()])
    need("not-covered/raid-drives" in result.text and "here: 1 RAID controller" in
         " ".join(result.text.split()), result.describe())


# ---- real machines

@case
def platform_corpus_every_function_has_claims(t):
    """Every lspci dump of pciutils: no crash, claims for each function, and the same counts."""
    dumps = sorted(d for d in glob.glob(f"{CORPUS}/pci/pciutils/*") if os.path.isfile(d))
    if not dumps:
        raise Skip("no corpus: HOLDFAST_CORPUS")
    lines = []
    for dump in dumps:
        name = os.path.basename(dump)
        root = t.path(f"{name}/sys")
        made = make_tree.lspci(make_tree.Tree(root), dump)
        if not made:
            lines.append(f"{name}: nothing")
            continue
        result = t.holdfast("scan", "--sysfs", root, "--json")
        need(result.code in (0, 4), f"{name}\n{result.describe()}")
        found = json.loads(result.out)
        listed = functions(found)
        need(len(listed) == made, f"{name}: {len(listed)} of {made} functions")
        for address, function in listed.items():
            need(function["measurements"], f"{name}: {address} has no claim")
        what = collections.Counter(c.split("/")[1] for f in listed.values() for c in uncovered(f))
        parts = sum(p["kind"] != "host" for p in found["parts"])
        lines.append(f"{name}: {made} functions, {parts} parts" +
                     "".join(f", {n} {k}" for k, n in sorted(what.items())))
    t.golden("corpus-pciutils.txt", "\n".join(lines) + "\n")


def real_table(t, name):
    path = f"{CORPUS}/inventory/smbios/{name}"
    if not os.path.exists(path):
        raise Skip("no corpus: HOLDFAST_CORPUS")
    dump = read(path)
    tree = trees.Tree(t.path(name), trees.lab())
    write(f"{tree.sys}/firmware/dmi/tables/smbios_entry_point",
          dump[:24] if dump[3:4] == b"3" else dump[:31])
    write(f"{tree.sys}/firmware/dmi/tables/DMI", dump[32:])
    return tree


@case
def platform_real_smbios_tables(t):
    for name, wanted in (
            ("uroot_SuperMicro-X9DBL.bin", {
                "smbios/structures": "115, SMBIOS 2.7", "smbios/bios-version": "3.00",
                "smbios/board-serial": "VM147S018307",
                "smbios/uuid": "00000000-0000-0000-0000-0cc47a133878",
                "smbios/processor/0": "Intel(R) Xeon(R) CPU E5-2403 v2 @ 1.80GHz"}),
            ("uroot_GigaByte-X399.bin", {"smbios/bios-vendor": "American Megatrends Inc."}),
            ("HP-Z600.bin", {"smbios/bios-date": "11/02/2011",
                             "smbios/processors": "2 in 2 sockets"})):
        host = host_of(scan(t, real_table(t, name).sys))
        for key, text in wanted.items():
            need(host[key].get("text") == text, f"{name}: {key}: {host.get(key)}")
        # the lab's class/dmi/id is another machine's
        need("smbios/vendor" in host["smbios/contradiction"]["text"], f"{name}: no contradiction")
        need(host["smbios/table"]["kind"] == "digests", f"{name}: no digest")
        need(host["smbios/vendor"]["text"] == "QEMU", f"{name}: the model's key has changed")


@case
def platform_labels_of_onboard_devices(t):
    tree = trees.Tree(t.path("tree"), trees.lab())
    trees.put_smbios(tree.sys, [
        trees.smbios_onboard("Onboard Video", 0, 0x08), trees.smbios_onboard("Second name", 0, 0x08),
        trees.smbios_onboard("LAN 2", 2, 0), trees.smbios_onboard("Not here", 9, 0),
        trees.smbios_onboard("a\x1bb", 1, 0), trees.smbios_slot("PCIe 4", 1, 0)])
    result = t.holdfast("scan", "--sysfs", tree.sys, code=0)
    found = scan(t, tree.sys)
    labels = {a: mkeys(f)["onboard"]["text"] for a, f in functions(found).items()
              if "onboard" in mkeys(f)}
    need(labels == {"0000:00:01.0": "Onboard Video", "0000:02:00.0": "LAN 2"}, str(labels))
    need(mkeys(functions(found)["0000:00:01.0"])["onboard"]["advisory"], "a label decides")
    need("Onboard Video" in result.text, result.describe())
    slots = [m["text"] for p in found["parts"] for m in p.get("measurements", [])
             if m["mkey"] == "slot"]
    need(slots == ["PCIe 4"], str(slots))


@case
def platform_bad_smbios_table(t):
    """A table that breaks off is a claim; what stood before keeps its label."""
    tree = trees.Tree(t.path("tree"), trees.lab())
    trees.put_smbios(tree.sys, [trees.smbios_slot("PCIe 4", 1, 0), b"\x01\x02\x03"], end=False)
    found = scan(t, tree.sys)
    host = host_of(found)
    need(host["smbios/structures"]["cause"] == "smbios-shape", str(host["smbios/structures"]))
    need(host["smbios/table"]["kind"] == "digests", "the table was not hashed")
    need('"PCIe 4"' in json.dumps(found), "the label is gone")


# ---- firmware of drivers

def module(info):
    """A kernel module as far as its .modinfo goes."""
    names = b"\0.modinfo\0.shstrtab\0"
    head = bytearray(64)
    head[:7] = b"\x7fELF\x02\x01\x01"
    struct.pack_into("<Q", head, 0x28, 64 + len(names) + len(info))
    struct.pack_into("<HHH", head, 0x3a, 64, 3, 2)

    def section(name, kind, offset, size):
        return struct.pack("<IIQQQQIIQQ", name, kind, 0, 0, offset, size, 0, 0, 1, 0)
    return (bytes(head) + names + info + bytes(64) + section(1, 1, 64 + len(names), len(info)) +
            section(10, 3, 64, len(names)))


@case
def platform_firmware_of_the_models_drivers(t):
    """In the gate: what the allowed drivers ask for, out of the image, on the host part."""
    host = Host(t, model=sources.model(drivers=["nic", "gone"]))
    base = t.path("tree/lib/modules/6.1.0-lab")
    write(f"{base}/modules.dep", "kernel/nic.ko:\n")
    write(f"{base}/kernel/nic.ko", module(b"firmware=nic/fw.bin\0firmware=nic/no.bin\0"))
    write(t.path("tree/lib/firmware/nic/fw.bin"), b"firmware")
    host.boot("captured-tree", 3)
    shown = json.loads(t.ctl("evidence", "show", "--json", host.evidence, code=0).out)
    text = json.dumps(shown)
    need('"driver-firmware/nic/fw.bin"' in text, "no claim of a file that is there")
    need('"driver-firmware/nic/no.bin"' in text and '"absent"' in text, "none of one that is not")
    need('"driver-firmware/gone.ko"' in text, "none of a driver without a module")
    need('"tpm/vendor"' in text and "IBM" in text, "the TPM did not speak")
    need('"sha1 sha256 sha384 sha512"' in text, "no banks")
