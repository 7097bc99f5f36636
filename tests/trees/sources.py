# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests for the lab host, written by hand as an operator would, and signed.

The digests are computed here, from the ROM files: what the agent says of a ROM is compared
with what hashlib says of it, not with what the agent said before.
"""
import hashlib
import json
import os

import firmware
import trees
from harness import need, write

TENANT = {"kernel": b"tenant kernel", "initrd": b"tenant initrd"}
TENANT_COMMAND_LINE = "root=/dev/ram0 quiet"


def window(rom):
    return {"option-rom/window": {"sha256": hashlib.sha256(rom).hexdigest(),
                                  "sha384": hashlib.sha384(rom).hexdigest()}}


def function(ids, class_code, rom=None, count=1, **more):
    vendor, device = ids.split(":")
    found = {"vendor": vendor, "device": device, "class": class_code, "count": count, **more}
    if rom is not None:
        found["measurements"] = window(rom)
    return found


def component(name, *functions, state="allowed", release="1.0"):
    return {"format": 1, "component": name,
            "releases": [{"name": release, "state": state, "functions": list(functions),
                          "provenance": "made by hand for the lab"}]}


def components(tree):
    """What the lab host is made of, with the ROMs of this tree as the genuine ones."""
    return [
        component("lab-board",
                  function("8086:29c0", "060000"),
                  function("1234:1111", "030000", tree.rom("0000:00:01.0")),
                  function("1b36:000c", "060400", count=4),
                  function("8086:2918", "060100", revision="02", subsystem="1af4:1100")),
        component("e1000e", function("8086:10d3", "020000", tree.rom("0000:01:00.0"))),
        component("virtio-net", function("1af4:1041", "020000", tree.rom("0000:02:00.0"))),
        component("switch", function("104c:8232", "060400"),
                  function("104c:8233", "060400", count=2)),
        component("drive", function("1b36:0010", "010802")),
    ]


def rule(name, what, place, method="bytes", **more):
    return {"name": name, "component": what, "place": place, "presence": "required", "count": 1,
            "least_method": method, "action": "hold", **more}


def model(**more):
    return {
        "format": 1, "model": "lab-q35", "vendor": "QEMU",
        "product": "Standard PC (Q35 + ICH9, 2009)", "generation": 7, "mode": "enforce",
        "tpm": "required", "unknown": "hold", "drivers": [],
        "boot_code": [{"name": "card-driver", "sha256": firmware.sha256(firmware.DRIVER)}],
        "rules": [rule("board", "lab-board", "board"),
                  rule("nic-1", "e1000e", trees.NIC1), rule("nic-2", "virtio-net", trees.VIRTIO),
                  rule("nic-3", "e1000e", trees.NIC2),
                  rule("switch", "switch", "pci0000:00/02.2/00", "identity"),
                  rule("drive", "drive", trees.DRIVE, "identity")],
        **more}


def images():
    return {"format": 1, "images": [firmware.agent_image(), {
        "role": "tenant", "kind": "kexec", "name": "tenant-1",
        "kernel": firmware.sha256(TENANT["kernel"]), "initrd": firmware.sha256(TENANT["initrd"]),
        "command_line_text": TENANT_COMMAND_LINE}]}


class Owner:
    """A signing key, and a directory of anchors that trusts it."""

    def __init__(self, t, name="owner"):
        self.t, self.name = t, name
        os.makedirs(t.path(f"keys-{name}"))
        t.ctl("keygen", "--out", t.path(f"keys-{name}", name), code=0)
        self.key, self.public = (t.path(f"keys-{name}", f"{name}.{x}") for x in ("key", "pem"))

    def trust(self, folder):
        with open(self.public, "rb") as file:
            write(os.path.join(folder, "owner", f"{self.name}.pem"), file.read())
        return folder

    def sign(self, source, out):
        """JSON -> CoRIM -> signed CoRIM."""
        os.makedirs(os.path.dirname(out), exist_ok=True)
        write(out + ".json", json.dumps(source, indent=1))
        self.t.ctl("manifest", "build", out + ".json", "--out", out + ".cbor", code=0)
        self.t.ctl("manifest", "sign", out + ".cbor", "--key", self.key, "--signer", self.name,
                   "--out", out, code=0)
        for leftover in (".json", ".cbor"):
            os.unlink(out + leftover)
        return out

    def sign_all(self, folder, sources):
        for number, source in enumerate(sources):
            name = source.get("component") or source.get("model") or "images"
            self.sign(source, os.path.join(folder, f"{number:02d}-{name}.corim"))
        return folder


def judge(t, tree, golden, *argv, code, owner=None, sources=None):
    """holdfast verify of tree by manifests that describe golden."""
    owner = owner or Owner(t)
    folder = owner.sign_all(t.path("manifests.d"), sources or components(golden) + [model()])
    anchors = owner.trust(t.path("anchors"))
    result = t.holdfast("verify", "--manifests", folder, "--anchors", anchors,
                        "--sysfs", tree.sys, *argv, code=code)
    if "--json" not in argv:
        t.narrow(result.text + t.normalise(result.errors))
    need(result.out or result.err, result.describe())
    return result
