# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices that hang, vanish, flood: each costs its deadline and yields a claim."""
import json
import os
import stat
import subprocess
import time

import trees
from harness import case, need, read
from rehearsal import Host

SLACK = 6  # seconds beyond the deadline, for a machine that does other things too
NICS = 40


def many(t, count=NICS):
    """A host of many NICs with ROMs, each in a part of its own."""
    devices = [{"at": f"{1 + i // 8:02x}.{i % 8}", "kind": "root-port", "slot": True,
                "below": [{"at": "00.0", "vendor": "8086", "device": "10d3",
                           "rom": {"images": [{"code": 3, "size": 4096}]}}]} for i in range(count)]
    return trees.Tree(t.path("tree"), {"dmi": {"vendor": "V", "product": "P"},
                                       "roots": [{"devices": devices}]})


def fifo(tree, address, name):
    """A file of which no read ever returns."""
    path = tree.file(address, name)
    if os.path.exists(path):
        os.unlink(path)
    os.mkfifo(path)


def nic(number):
    return f"0000:{1 + number:02x}:00.0"


def scan(t, tree, *argv, code=None):
    start = time.monotonic()
    result = t.holdfast("scan", "--json", "--device-seconds", 1, "--sysfs", tree.sys, *argv, code=code)
    return json.loads(result.text), time.monotonic() - start, result


def claims(report):
    """Address -> mkey -> cause, or None where there is a value."""
    out = {}
    for part in report["parts"]:
        for function in part["functions"]:
            out[function["address"]] = {m["mkey"]: m.get("cause") for m in function["measurements"]}
    return out


def nothing_stays(t):
    """No process of ours is left: neither reading nor a zombie."""
    for _ in range(100):
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if t.dir in os.readlink(f"/proc/{pid}/cwd"):
                    found.append(pid)
            except OSError:
                pass
        if not found:
            return
        time.sleep(0.05)
    need(False, f"processes stay behind: {found}")


@case
def hang_rom(t):
    """Many ROMs that hang cost one deadline together; every other device is measured."""
    tree = many(t)
    before, _, _ = scan(t, tree, code=0)
    hung = [nic(i) for i in range(0, NICS, 2)]
    for address in hung:
        fifo(tree, address, "rom")
    report, took, result = scan(t, tree, code=4)
    t.refused(result, "timed-out")
    want, got = claims(before), claims(report)
    need(want.keys() == got.keys(), "a function is missing")
    for address, found in got.items():
        if address in hung:
            need(found == {"config": None, "config/masked-1": None, "option-rom/window": "timed-out"},
                 f"{address}: {found}")
        else:
            need(found == want[address], f"{address}: {found}")
    need(1 <= took < 1 + SLACK, f"{len(hung)} hung devices took {took:.1f} s")
    nothing_stays(t)


@case
def hang_one_port_of_four(t):
    """The other ports of the same card keep their claims."""
    port = {"vendor": "8086", "device": "1521", "rom": {"images": [{"code": 3, "size": 4096}]}}
    description = {"dmi": {"vendor": "V", "product": "P"}, "roots": [{"devices": [
        {"at": "01.0", "kind": "root-port", "slot": True,
         "below": [dict(port, at=f"00.{i}") for i in range(4)]}]}]}
    tree = trees.Tree(t.path("tree"), description)
    fifo(tree, "0000:01:00.2", "rom")
    report, _, _ = scan(t, tree, code=4)
    got = claims(report)
    need(got["0000:01:00.2"]["option-rom/window"] == "timed-out", str(got))
    for i in (0, 1, 3):
        found = got[f"0000:01:00.{i}"]
        need(found["option-rom/0"] is None and "timed-out" not in found.values(), str(found))


@case
def hang_config(t):
    """Configuration space that does not answer: said of that function, the rest is measured."""
    tree = many(t)
    hung = [nic(3), nic(4), nic(20)]
    for address in hung:
        fifo(tree, address, "config")
        fifo(tree, address, "rom")	# it is left alone after that
    report, took, result = scan(t, tree, code=4)
    t.refused(result, "timed-out")
    got = claims(report)
    for address in hung:
        need(got[address]["config"] == "timed-out", str(got[address]))
        need("option-rom/window" not in got[address], str(got[address]))
    need(sum("option-rom/0" in found for found in got.values()) == NICS - len(hung), "ROMs are missing")
    need(took < 2 + SLACK, f"{took:.1f} s")
    nothing_stays(t)


@case
def hang_config_of_a_bridge(t):
    """What is below it has no place, and is there all the same."""
    tree = many(t, 4)
    fifo(tree, "0000:00:01.1", "config")
    report, _, _ = scan(t, tree, code=4)
    got = claims(report)
    need(got["0000:00:01.1"]["config"] == "timed-out", str(got))
    need(got[nic(1)]["option-rom/0"] is None and got[nic(2)]["option-rom/0"] is None, str(got))
    need(len(got) == 8, str(got.keys()))


@case
def hang_flood(t):
    """A ROM without end is cut off at its limit."""
    tree = many(t, 4)
    os.unlink(tree.file(nic(2), "rom"))
    os.symlink("/dev/zero", tree.file(nic(2), "rom"))
    report, _, result = scan(t, tree, code=4)
    t.refused(result, "rom-too-large")
    got = claims(report)
    need(got[nic(2)]["option-rom/window"] == "rom-too-large", str(got[nic(2)]))
    need(got[nic(1)]["option-rom/0"] is None, str(got[nic(1)]))


@case
def hang_vanished(t):
    """All ones between two that answer."""
    tree = many(t, 4)
    tree.put(nic(2), "config", b"\xff" * 4096)
    report, took, _ = scan(t, tree, code=4)
    got = claims(report)
    need(got[nic(2)]["config"] == "device-gone", str(got[nic(2)]))
    need(got[nic(1)]["option-rom/0"] is None and got[nic(3)]["option-rom/0"] is None, str(got))
    need(took < SLACK, f"{took:.1f} s")


@case
def hang_options(t):
    tree = many(t, 1)
    for value in ("0", "61", "x", "-1", "1s"):
        for command in (["scan"], ["verify", "--manifests", "x", "--anchors", "x"],
                        ["attest", "--nonce", "00" * 8, "--out", "x"]):
            result = t.holdfast(*command, "--sysfs", tree.sys, "--device-seconds", value, code=2)
            need("--device-seconds is 1 to 60" in result.errors, result.describe())


@case
def hang_slow_is_no_hang(t):
    """A ROM that comes slowly and comes is measured, past several deadlines."""
    tree = many(t, 4)
    rom = read(tree.file(nic(1), "rom"))
    path = tree.file(nic(1), "rom")
    fifo(tree, nic(1), "rom")
    need(stat.S_ISFIFO(os.stat(path).st_mode), "no FIFO")
    writer = subprocess.Popen(["python3", "-c", f"""
import os, time
data = open({tree.file(nic(2), "rom")!r}, "rb").read()
with open({path!r}, "wb", buffering=0) as out:
    for i in range(8):
        out.write(data[i * 512:(i + 1) * 512])
        time.sleep(0.4)
"""])
    report, took, _ = scan(t, tree, code=0)
    writer.wait()
    need(took > 2.5, f"{took:.1f} s")
    got = claims(report)[nic(1)]
    need(got["option-rom/0"] is None and got["option-rom/window"] is None, str(got))
    need(len(rom) == 4096, str(len(rom)))


@case
def hang_of_the_gate(t):
    """A part that hangs: HELD, named, within the deadline, and every part is recorded."""
    host = Host(t)
    host.configure("device-seconds = 1\n")
    good = host.boot("captured-tree", 3)
    parts = host.log_text().count("pci0000:")
    host = Host(t.sub("hung"), owner=host.owner)
    host.configure("device-seconds = 1\n")
    fifo(host.tree, "0000:01:00.0", "rom")
    start = time.monotonic()
    result = host.boot("measurement-missing", 3)
    took = time.monotonic() - start
    need("timed-out" in result.text and trees.NIC1 in result.text, result.describe())
    need(took < 1 + SLACK, f"{took:.1f} s")
    log = host.log_text()
    need(log.count("pci0000:") == parts, f"parts of the log: {log}")
    for part in (trees.NIC1, trees.NIC2, trees.VIRTIO, trees.DRIVE):
        need(part in log, f"{part} is not in the log\n{log}")
    host.check_replays()
    need(good.code == 3, good.describe())
    nothing_stays(t)


@case
def hang_says_how_far_it_is(t):
    """Long work tells on standard error, and only there, that it goes on."""
    tree = many(t, 4)
    quick = t.holdfast("scan", "--json", "--sysfs", tree.sys, code=0)
    need("functions" not in quick.errors, quick.describe())
    fifo(tree, nic(2), "rom")
    slow = t.holdfast("scan", "--json", "--device-seconds", 3, "--sysfs", tree.sys, code=4)
    need("of 8 functions" in slow.errors, slow.describe())
    json.loads(slow.text)
