# SPDX-License-Identifier: GPL-3.0-or-later
"""The shipped program and mailboxes in configuration space: what they say, and each way in
which they can keep it from saying it. Every one ends, with a name for what went wrong."""
import fcntl
import hashlib
import json
import os
import struct
import time

import spdm
from cases_hang import nothing_stays
from harness import case, need, read, snapshot
from mailboxes import doe_config, host, live, nic

SPDM = "0001/00 0001/01 0001/02"


def scan(t, tree, *argv, code=None, **words):
    start = time.monotonic()
    result = t.holdfast("scan", "--json", "--sysfs", tree.sys, *argv, code=code,
                        env=live(tree, **{nic(int(k[1:])): v for k, v in words.items()}), timeout=60)
    need(result.out, result.describe())
    return json.loads(result.text), time.monotonic() - start, result


def found(report, address=nic(0)):
    """What the reader of mailboxes says of a function: mkey -> measurement."""
    for part in report["parts"]:
        for function in part["functions"]:
            if function["address"] == address:
                return {m["mkey"]: m for m in function["measurements"] if m["mkey"].startswith("doe")}
    need(False, f"no {address}")


def causes(measurements):
    return {k: m.get("cause") for k, m in measurements.items()}


@case
def doe_protocols(t):
    """What a mailbox speaks is a claim; the same each time; the capture is not written to."""
    tree = host(t)
    before = snapshot(tree.sys)
    first, _, _ = scan(t, tree, "--mailboxes", n0="spdm")
    again, _, _ = scan(t, tree, "--mailboxes", n0="spdm")
    need(found(first)["doe/0x200"]["text"] == SPDM, found(first))
    need(found(first)["doe/0x200"]["method"] == "version", found(first))
    need(found(first) == found(again), "two passes differ")
    need(list(found(first)) == ["doe/0x200"], found(first))
    need(snapshot(tree.sys) == before, "somebody wrote to the capture")


@case
def doe_not_asked(t):
    """Nobody said so: nothing is written, and the claim says that nothing was asked."""
    tree = host(t)
    report, _, _ = scan(t, tree, n0="hang-write", code=0)
    need(causes(found(report)) == {"doe": "not-measured"}, found(report))
    plain = t.holdfast("scan", "--json", "--sysfs", tree.sys, code=0)
    need(causes(found(json.loads(plain.text))) == {"doe": "not-measured"}, plain.describe())
    plain = t.holdfast("scan", "--json", "--mailboxes", "--sysfs", tree.sys, code=0)
    need(causes(found(json.loads(plain.text))) == {"doe": "captured-tree"}, plain.describe())


@case
def doe_no_mailbox(t):
    """A function without one has no claim, and a virtual function never has one."""
    tree = host(t, config={})
    report, _, _ = scan(t, tree, "--mailboxes", code=0)
    need(found(report) == {}, found(report))
    tree = host(t, name="virtual", vfs=[{"distance": 1}, {"distance": 2}])
    report, _, _ = scan(t, tree, "--mailboxes", n0="spdm")
    virtual = [f for p in report["parts"] for f in p["functions"] if "vf" in f["path"]]
    need(len(virtual) == 2, "no virtual functions")
    for function in virtual:
        need(not [m for m in function["measurements"] if m["mkey"].startswith("doe")], function)


@case
def doe_table(t):
    """A CXL device's table, digested as it comes."""
    tree = host(t)
    report, _, _ = scan(t, tree, "--mailboxes", n0="cdat")
    table = struct.pack("<10I", 40, 1, 0, 0, 0x00100000, 0x11111111, 0x22222222, 0x33333333,
                        0x00080004, 0x44444444)
    got = found(report)["doe/cdat"]
    need(got["method"] == "bytes" and got["size"] == 40, got)
    text = json.dumps(got)
    for algorithm in ("sha256", "sha384"):
        need(hashlib.new(algorithm, table).hexdigest() in text, text)
    need(found(report)["doe/0x200"]["text"] == "0001/00 1e98/02", found(report))


@case
def doe_several(t):
    """Several mailboxes of one function, each by its place; one that fails takes no other along."""
    tree = host(t, config=doe_config(count=3))
    report, _, result = scan(t, tree, "--mailboxes", n0="spdm")
    got = found(report)
    need(list(got) == ["doe/0x200", "doe/0x218", "doe/0x230"], got)
    need(got["doe/0x200"]["text"] == SPDM, got)
    # the other two are plain registers of the capture, in which nothing ever happens
    need(got["doe/0x218"]["cause"] == "timed-out", got)
    need(result.code == 4, result.describe())


def wrong(t, word, cause, most):
    tree = host(t, name=f"tree-{word}")
    report, took, result = scan(t, tree, "--mailboxes", "--device-seconds", 2, n0=word, code=4)
    got = causes(found(report))
    need(cause in got.values(), f"{word}: {got}")
    t.refused(result, cause)
    need(took < most, f"{word}: {took:.1f} s")
    return got


@case
def doe_silent(t):
    """Never ready, busy for ever, an abort that never ends, slow: each ends by its own clock."""
    need(wrong(t, "silent", "timed-out", 10)["doe/0x200"] == "timed-out", "silent")
    need(wrong(t, "busy", "mailbox-busy", 15)["doe/0x200"] == "mailbox-busy", "busy")
    need(wrong(t, "stuck", "mailbox-busy", 15)["doe/0x200"] == "mailbox-busy", "stuck")


@case
def doe_hangs(t):
    """An access that never returns costs its worker alone, once for all that hang together."""
    tree = host(t, count=6)
    report, took, result = scan(t, tree, "--mailboxes", "--device-seconds", 2, code=4, n0="hang", n1="spdm",
                                n2="hang-go", n3="hang-write", n4="spdm", n5="cdat")
    t.refused(result, "timed-out")
    need(took < 12, f"{took:.1f} s")
    for number in (0, 2, 3):
        need(causes(found(report, nic(number))) == {"doe": "timed-out"}, found(report, nic(number)))
        part = [p for p in report["parts"] for f in p["functions"] if f["address"] == nic(number)][0]
        kept = [m["mkey"] for f in part["functions"] for m in f["measurements"]]
        need("config/masked-1" in kept, kept)
    for number in (1, 4):
        need(found(report, nic(number))["doe/0x200"]["text"] == SPDM, found(report, nic(number)))
    need("doe/cdat" in found(report, nic(5)), found(report, nic(5)))
    nothing_stays(t)


@case
def doe_wrong(t):
    """Errors, other types, lengths without end, indexes that go round, a device that goes."""
    need(wrong(t, "error", "mailbox-error", 10)["doe/0x200"] == "mailbox-error", "error")
    need(wrong(t, "garbage", "mailbox-shape", 10)["doe/0x200"] == "mailbox-shape", "garbage")
    need(wrong(t, "long", "mailbox-shape", 10)["doe/0x200"] == "mailbox-shape", "long")
    need(wrong(t, "loop", "mailbox-shape", 10)["doe/0x200"] == "mailbox-shape", "loop")
    need(wrong(t, "gone", "device-gone", 10)["doe/0x200"] == "device-gone", "gone")


@case
def doe_lockdown(t):
    """The kernel refuses writes: its own reason, in words; through vfio-pci there is none here."""
    tree = host(t)
    report, _, result = scan(t, tree, "--mailboxes", n0="eperm", code=4)
    t.refused(result, "mailbox-refused")
    got = found(report)
    need(got["doe"]["cause"] == "mailbox-refused", got)
    need("lockdown" in got["doe/detail"]["text"], got)
    report, _, result = scan(t, tree, "--vfio", n0="eperm", code=4)
    t.refused(result, "vfio-unusable")
    got = found(report)
    need(got["doe"]["cause"] == "vfio-unusable" and "IOMMU" in got["doe/detail"]["text"], got)


@case
def doe_put_back(t):
    """A worker that was lost over a mailbox may have bound vfio-pci: the parent takes it off."""
    tree = host(t, count=2)
    overrides = [tree.file(nic(i), "driver_override") for i in (0, 1)]

    def lose(*argv, first="vfio-pci\n"):
        for path, text in zip(overrides, (first, "vfio-pci\n")):
            with open(path, "w") as f:
                f.write(text)
        scan(t, tree, *argv, "--device-seconds", 1, n0="hang", n1="spdm", code=4)
        return [open(path).read() for path in overrides]

    lost, other = lose("--vfio")
    need(lost.startswith("\n"), f"the override of the function whose worker was lost: {lost!r}")
    need(other == "vfio-pci\n", f"the other function's: {other!r}")
    need(lose("--mailboxes") == ["vfio-pci\n"] * 2, "nobody was allowed to bind vfio-pci")
    need(lose("--vfio", first="mine\n")[0] == "mine\n", "somebody else's override")


@case
def doe_in_use(t):
    """Somebody else: another process of ours, or a driver that asks the mailbox itself."""
    tree = host(t)
    with open(tree.file(nic(0), "config"), "rb") as config:
        fcntl.flock(config, fcntl.LOCK_EX)
        report, _, result = scan(t, tree, "--mailboxes", n0="spdm", code=4)
    t.refused(result, "mailbox-in-use")
    need("locked" in found(report)["doe/detail"]["text"], found(report))
    for driver in ("cxl_pci", "vfio-pci"):
        tree = host(t, name=driver, driver=driver)
        report, _, result = scan(t, tree, "--mailboxes", n0="spdm", code=4)
        got = found(report)
        need(got["doe"]["cause"] == "mailbox-in-use" and driver in got["doe/detail"]["text"], got)
    tree = host(t, name="tsm")
    os.makedirs(os.path.dirname(tree.file(nic(0), "tsm/connect")))
    tree.put(nic(0), "tsm/connect", "\n")
    report, _, _ = scan(t, tree, "--mailboxes", n0="spdm")
    need(found(report)["doe/0x200"]["text"] == SPDM, "a group that is not connected is in nobody's way")
    tree.put(nic(0), "tsm/connect", "tsm0\n")
    report, _, _ = scan(t, tree, "--mailboxes", n0="spdm", code=4)
    need("tsm0" in found(report)["doe/detail"]["text"], found(report))
    tree = host(t, name="nvme", driver="nvme")
    report, _, _ = scan(t, tree, "--mailboxes", n0="spdm")
    need(found(report)["doe/0x200"]["text"] == SPDM, "a driver that knows nothing of mailboxes")


@case
def doe_refuses_options(t):
    """--readers reads no host."""
    t.holdfast("scan", "--readers", "--mailboxes", code=2)
    need(b"--vfio" in t.holdfast("scan", "--help", code=0).out, "no help")


@case
def doe_in_a_capture(t):
    """The capture's own bytes stay what they are under each word."""
    tree = host(t)
    before = read(tree.file(nic(0), "config"))
    for word in ("spdm", "error", "garbage"):
        scan(t, tree, "--mailboxes", n0=word)
    need(read(tree.file(nic(0), "config")) == before, "written to")


# ---- SPDM through it ----

IDENTITY = "Vendor=1b36:Device=0010:CC=010802:REV=00:SSVID=0000:SSID=0000"


def signed(report, address=nic(0)):
    for part in report["parts"]:
        for function in part["functions"]:
            if function["address"] == address:
                return {m["mkey"]: m for m in function["measurements"] if m["mkey"].startswith("spdm")}
    need(False, f"no {address}")


def behind(t, *argv, name="device"):
    """A device that signs, behind a mailbox of a tree: (Device, Tree, word of the shim)."""
    device = spdm.Device(t, "--framing", "doe", "--identity", IDENTITY, *argv)
    return device, host(t, name=name), f"tcp:{device.number}"


@case
def doe_spdm(t):
    """A whole conversation through registers, in every version; twice with the same findings."""
    device, tree, word = behind(t, "--version", spdm.ALL_VERSIONS, "--slots", "0,1")
    first, _, _ = scan(t, tree, "--mailboxes", n0=word)
    again, _, _ = scan(t, tree, "--mailboxes", n0=word)
    one, two = signed(first), signed(again)
    need(one["spdm/1"]["method"] == "signed", one["spdm/1"])
    need(one["spdm/way"]["text"] == "config", one)
    need(found(first)["doe/0x200"]["text"] == SPDM, found(first))
    need("CHALLENGE" in " ".join(device.requests()), device.requests())
    need(one.pop("spdm/transcript") != two.pop("spdm/transcript"), "the nonces are the same")
    need(one == two, "two passes differ")


@case
def doe_spdm_one_by_one(t):
    """All at once refused, with gaps between the indexes: how many there are is signed too."""
    _, tree, word = behind(t, "--lie", "refuse-all")
    seen = signed(scan(t, tree, "--mailboxes", n0=word)[0])
    need("spdm/total" not in seen, seen)
    need(all(seen[f"spdm/{i}"]["method"] == "signed" for i in (1, 2, 3, 4, 16, 17, 253, 254)), seen)


@case
def doe_spdm_objects(t):
    """Objects that are not what they say to be: of another type, vendor or length."""
    for lie in ("doe-type", "doe-vendor", "doe-length", "doe-length=1", "doe-length=0", "doe-padding=more"):
        _, tree, word = behind(t, "--lie", lie, name=lie.replace("=", "-"))
        report, took, result = scan(t, tree, "--mailboxes", n0=word, code=4)
        causes_seen = {m.get("cause") for m in signed(report).values()}
        need(causes_seen & {"mailbox-shape", "limit-exceeded", "spdm-shape"}, f"{lie}: {signed(report)}")
        need(took < 20, f"{lie}: {took:.1f} s")
        need(not [m for m in signed(report).values() if m["method"] == "signed"], f"{lie}: {signed(report)}")


@case
def doe_spdm_silent(t):
    """It stops answering at each point of the conversation: it ends, and the host goes on."""
    for after in (0, 2, 5):
        _, tree, word = behind(t, "--lie", f"silent-after={after}", name=f"silent-{after}")
        report, took, result = scan(t, tree, "--mailboxes", n0=word, code=4)
        need(signed(report)["spdm"]["cause"] == "timed-out", f"{after}: {signed(report)}")
        need(took < 40, f"{after}: {took:.1f} s")
    _, tree, word = behind(t, "--lie", "close=challenge", name="close")
    report, took, result = scan(t, tree, "--mailboxes", n0=word, code=4)
    need(signed(report)["spdm"]["cause"] == "timed-out", signed(report))


def ask(t, tree, word, *argv, code=None):
    """What `holdfast spdm` says of the function, and how long that took."""
    start = time.monotonic()
    result = t.holdfast("spdm", nic(0), "--sysfs", tree.sys, *argv, code=code,
                        env=live(tree, **{nic(0): word}), timeout=60)
    return result, time.monotonic() - start


@case
def doe_spdm_command(t):
    """The command by itself, through the mailbox: what is signed, and each way it cannot be."""
    device, tree, word = behind(t, "--version", "1.2")
    result, _ = ask(t, tree, word, "--anchor", device.anchors[0], "--json", code=0)
    need(json.loads(result.text)["problem"] is None, result.describe())
    for word, cause, code in (("eperm", "mailbox-refused", 4), ("error", "mailbox-error", 4),
                              ("busy", "mailbox-busy", 4), ("silent", "timed-out", 4),
                              ("gone", "device-gone", 4), ("garbage", "mailbox-shape", 3),
                              ("loop", "mailbox-shape", 3), ("hang", "timed-out", 4),
                              ("hang-go", "timed-out", 4), ("hang-write", "timed-out", 4)):
        result, took = ask(t, tree, word, code=code)
        t.refused(result, cause)
        need(took < 15, f"{word}: {took:.1f} s")
    result, _ = ask(t, tree, "eperm", "--vfio", code=4)
    t.refused(result, "vfio-unusable")
    need("IOMMU" in result.errors, result.describe())
    nothing_stays(t)
