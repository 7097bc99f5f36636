# SPDX-License-Identifier: GPL-3.0-or-later
"""Waivers: an exception for one host, one part, one reason and one value, for a time."""
import json
import os
import re
import shutil

import trees
from harness import case, need, read, write
from rehearsal import Host, verify
from sources import Owner, model


def restart(host, other=False):
    """Power-cycled; other: the same disk in another machine."""
    shutil.rmtree(host.evidence, ignore_errors=True)
    shutil.rmtree(host.t.path("verifier"), ignore_errors=True)
    if other:
        host.tpm = host.t.tpm("other-tpm")
        return host
    host.tpm.stop()
    for name in ("sock", "sock.ctrl"):
        if os.path.exists(f"{host.tpm.directory}/{name}"):
            os.unlink(f"{host.tpm.directory}/{name}")
    host.tpm.start()
    return host


def held(t):
    """A host whose first network card shows other firmware, and the waiver prepared for it."""
    host = Host(t)
    host.tree.flip("0000:01:00.0", 0x8000)
    host.boot("firmware-unknown", 3)
    result = t.ctl("manifest", "accept", "--from", host.evidence, "--part", trees.NIC1,
                   "--manifests", f"{host.etc}/manifests.d", "--anchors", f"{host.etc}/anchors",
                   "--waiver", "spare-card", "--note", "replaced by the field", "--out",
                   t.path("waiver.json"), code=0)
    need("for this host alone" in result.errors and "waives firmware-unknown" in result.errors,
         result.describe())
    t.narrow(result.errors)
    return host, json.loads(read(t.path("waiver.json")))


def give(host, waiver, owner=None, **changes):
    waiver = {k: v for k, v in {**waiver, **changes}.items() if v is not None}
    path = f"{host.etc}/manifests.d/90-waiver.corim"
    (owner or host.owner).sign(waiver, path)
    return path


@case
def waiver_admits_what_it_names(t):
    host, waiver = held(t)
    need(waiver["generation"] == 7 and len(waiver["host"]) == 68, str(waiver))
    give(host, waiver)
    result = restart(host).boot("captured-tree", 3)
    need("WAIVED" in result.text and "waived by spare-card" in result.text, result.describe())
    findings = [f for p in json.loads(read(f"{host.evidence}/verdict.json"))["report"]["verdict"]["parts"]
                for f in p["findings"]]
    need([f["waived_by"] for f in findings if f["cause"] == "firmware-unknown"]
         == ["spare-card"] * len(findings), str(findings))
    need("waivers" in host.log_text() and "spare-card" in host.log_text(), host.log_text())
    host.check_replays()
    text = verify(host, code=3).text  # a capture is never affirmed; its parts are in order
    need(re.search(r"^  ok +parts\b", text, re.M), text)
    os.unlink(f"{t.path('verifier')}/90-waiver.corim")  # a verifier that knows no waiver
    text = verify(host, code=3).text
    need(re.search(r"^  failed +parts\b", text, re.M), text)


@case
def waiver_of_another_host(t):
    host, waiver = held(t)
    give(host, waiver)
    restart(host, other=True).boot("firmware-unknown", 3)


@case
def waiver_of_something_else(t):
    """Another value, another reason, another part: each alone and the host is held."""
    host, waiver = held(t)
    item = waiver["findings"][0]
    for change in ({"found": item["found"][:-1] + ("0" if item["found"][-1] != "0" else "1")},
                   {"reason": "uncovered"}, {"place": trees.NIC2}, {"measurement": "vpd"}):
        give(host, waiver, findings=[{**item, **change}])
        restart(host).boot("firmware-unknown", 3)
    give(host, waiver)
    host.tree.flip("0000:01:00.0", 0x8001)  # changed once more after it was waived
    result = restart(host).boot("firmware-unknown", 3)
    need("does not apply: it is for another value" in " ".join(result.text.split()),
         result.describe())


@case
def waiver_that_ended(t):
    """Of another generation; by a date that the host's clock cannot know; for a verifier."""
    host, waiver = held(t)
    give(host, waiver, generation=6)
    restart(host).boot("firmware-unknown", 3)
    give(host, waiver, generation=None, until="2199-12-31")
    result = restart(host).boot("firmware-unknown", 3)
    need("no clock here can be trusted" in " ".join(result.text.split()), result.describe())
    give(host, waiver, until="2020-01-01")
    restart(host).boot("captured-tree", 3)  # the generation bounds it; the verifier has a clock
    text = verify(host, code=3).text
    need(re.search(r"^  failed +parts\b", text, re.M), text)


@case
def waiver_signers(t):
    """An owner or a waiver's key; the latter signs nothing else."""
    host, waiver = held(t)
    person = Owner(t, "shift-lead")
    give(host, waiver, owner=person)
    restart(host).boot("signer-unknown", 3)
    write(f"{host.etc}/anchors/waiver/shift-lead.pem", read(person.public))
    restart(host).boot("captured-tree", 3)
    path = f"{host.etc}/manifests.d/05-lab-q35.corim"
    owners = read(path)
    person.sign(model(mode="audit"), path)
    restart(host).boot("signer-scope", 3)
    write(path, owners)
    os.rename(f"{host.etc}/anchors/waiver", f"{host.etc}/anchors/ticket")
    restart(host).boot("signer-scope", 3)


@case
def waiver_cannot_be_prepared_for_a_deny(t):
    host = Host(t)
    host.tree.flip("0000:01:00.0", 0x8000)
    host.boot("firmware-unknown", 3)
    common = ("manifest", "accept", "--from", host.evidence, "--anchors", f"{host.etc}/anchors",
              "--manifests", f"{host.etc}/manifests.d")
    t.ctl(*common, "--part", trees.NIC1, code=2)
    t.ctl(*common, "--part", trees.NIC1, "--waiver", "a", "--release", "b", code=2)
    t.ctl(*common, "--part", trees.VIRTIO, "--waiver", "a", code=2)  # nothing to waive
    t.ctl(*common, "--part", "pci0000:00/09.0/00", "--waiver", "a", code=2)
    t.ctl(*common, "--part", trees.NIC1, "--waiver", "a", "--until", "2026-02-30", code=2)
    t.ctl(*common, "--part", trees.NIC1, "--waiver", "a", "--host", "00", code=2)


@case
def accept_one_release_more(t):
    """The change to the firmware list admits the part on every host once it is signed."""
    host = Host(t)
    host.tree.flip("0000:01:00.0", 0x8000)
    host.boot("firmware-unknown", 3)
    result = t.ctl("manifest", "accept", "--from", host.evidence, "--part", trees.NIC1,
                   "--manifests", f"{host.etc}/manifests.d", "--anchors", f"{host.etc}/anchors",
                   "--release", "2.0", "--out", t.path("e1000e.json"), code=0)
    t.narrow(result.errors)
    need("firmware log" not in result.errors, result.describe())  # it is about this part alone
    need("+ option-rom/window" in result.errors and "- option-rom/window" in result.errors,
         result.describe())
    made = json.loads(read(t.path("e1000e.json")))
    need([r["name"] for r in made["releases"]] == ["1.0", "2.0"], str(made))
    host.owner.sign(made, f"{host.etc}/manifests.d/01-e1000e.corim")
    restart(host, other=True).boot("captured-tree", 3)
    t.ctl("manifest", "accept", "--from", host.evidence, "--part", trees.NIC1, "--manifests",
          f"{host.etc}/manifests.d", "--anchors", f"{host.etc}/anchors", "--release", "3.0", code=2)
