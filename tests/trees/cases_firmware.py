# SPDX-License-Identifier: GPL-3.0-or-later
"""What firmware ran, against what devices show now; the platform's own firmware by its PCRs."""
import hashlib
import json
import os

import firmware
import trees
from harness import Skip, case, need, read
from rehearsal import Host, manifests_from_evidence, next_boot, verify
from sources import components, model

NIC1_HOPS = ("02.0", "00.0")


def platform(events=None, name="2.19", state="allowed", which=("0", "7"), **more):
    """An entry for the platform that boots so."""
    values = firmware.pcrs(events or firmware.secure_boot())
    return {"name": name, "state": state, "pcrs": {pcr: values[pcr] for pcr in which}, **more}


def lab(t, *entries, events=None):
    host = Host(t, model=model(firmware=list(entries)) if entries else model())
    host.measured(events or firmware.secure_boot())
    return host


def other_code():
    return [firmware.event(pcr, kind, data, b"an implant") if kind == firmware.EV_CRTM_VERSION
            else (pcr, kind, hashed, data) for pcr, kind, hashed, data in firmware.secure_boot()]


def told(result, *words):
    text = " ".join((result.text + result.errors).split())
    for word in words:
        need(word in text, f"{word} is not there\n{result.describe()}")


# ---- the platform's firmware


@case
def firmware_listed_platform_is_admitted(t):
    host = lab(t, platform(state="revoked", events=other_code(), name="2.18"), platform())
    told(host.boot("captured-tree", 3), "root-of-trust: secure-boot, policy local")
    result = verify(host, "--json", code=3)
    report = json.loads(result.text)
    checks = {c["check"]: c for c in report["checks"]}
    need(checks["boot"]["outcome"] == "ok", str(checks["boot"]))
    need(report["report"]["verdict"]["platform_firmware"] == "2.19", str(report["report"]["verdict"]["boot"]))
    evidence = json.loads(read(f"{host.evidence}/verdict.json"))
    need(evidence["root-of-trust"] == "secure-boot", str(evidence["root-of-trust"]))


@case
def firmware_of_an_unknown_platform(t):
    host = lab(t, platform(), events=other_code())
    result = host.boot("platform-firmware-unknown", 3)
    told(result, "root-of-trust: none")
    told(verify(host, code=3), "pcr-0", "release 2.19", "platform-firmware-unknown")


@case
def firmware_with_other_secure_boot_keys(t):
    """By PCR 7, and by the variable where the owner lists that alone."""
    thief = firmware.secure_boot(db=b"a thief's db")
    with t.sub("pcr") as one:
        host = lab(one, platform(), events=thief)
        host.boot("secure-boot-changed", 3)
        told(verify(host, code=3), "pcr-7", "release 2.19")
    entry = platform(which=("0",), secure_boot="on", db=hashlib.sha256(b"owner's db").hexdigest())
    with t.sub("variable") as one:
        host = lab(one, entry, events=thief)
        host.boot("secure-boot-changed", 3)
        told(verify(host, code=3), "secure-boot/db", entry["db"][:16])
    with t.sub("off") as one:
        host = lab(one, entry, events=firmware.secure_boot(on=False))
        host.boot("secure-boot-changed", 3)
        told(verify(host, code=3), "found off", "expected on, release 2.19")
    with t.sub("good") as one:	# the same entry, the owner's keys
        told(lab(one, entry).boot("captured-tree", 3), "root-of-trust: none")


@case
def firmware_old_and_revoked_platforms(t):
    with t.sub("old") as one:
        host = lab(one, platform(state="update"), platform(name="2.20", events=other_code()))
        host.boot("platform-firmware-old", 3)
        told(verify(host, code=3), "found 2.19", "expected 2.20")
    with t.sub("revoked") as one:	# a deny wins over what else fits
        host = lab(one, platform(which=("0",)), platform(name="bad", state="revoked", note="CVE-0000"))
        host.boot("platform-firmware-revoked", 3)
        told(verify(host, code=3), "found bad", "expected CVE-0000")


@case
def firmware_of_a_created_model(t):
    """A captured host lists its own platform, and another is then refused."""
    host = Host(t, manifests=False)
    host.measured(firmware.secure_boot())
    host.boot("manifest-missing", 3)
    manifests_from_evidence(host)
    made = json.loads(read(t.path("made/model.json")))
    values = firmware.pcrs(firmware.secure_boot())
    need(made["firmware"] == [{"name": "as-found", "state": "allowed", "pcrs": {"0": values["0"], "7": values["7"]},
                               "from": made["firmware"][0]["from"]}], str(made["firmware"]))
    # another model beside it would be one too many
    for name in os.listdir(f"{host.etc}/manifests.d"):
        need(name.endswith(".json.corim"), name)
    next_boot(host, 1).boot("captured-tree", 3)
    again = next_boot(host, 2)
    again.measured(other_code())
    again.boot("platform-firmware-unknown", 3)


@case
def firmware_lists_are_diffed_and_checked(t):
    host = lab(t)
    documents = components(host.golden)

    def write_set(name, *entries):
        folder = t.path(name)
        os.makedirs(folder)
        for number, document in enumerate(documents + [model(firmware=list(entries)) if entries else model()]):
            with open(f"{folder}/{number}.json", "w", encoding="utf-8") as file:
                json.dump(document, file)
        return folder

    def differ(a, b):
        result = t.ctl("manifest", "diff", a, b)
        return " ".join(result.text.split())
    old, new = write_set("old", platform()), write_set("new", platform(events=other_code()), platform(name="x"))
    need("firmware 2.19 of model lab-q35: pcrs 0 changes from" in differ(old, new), differ(old, new))
    need("new firmware x of model lab-q35" in differ(old, new), differ(old, new))
    none = write_set("none")
    need("new firmware 2.19 of model lab-q35: allowed" in differ(none, old), differ(none, old))
    host.boot("captured-tree", 3)
    need("firmware" not in differ(old, host.evidence), differ(old, host.evidence))
    need("firmware" not in differ(none, host.evidence), differ(none, host.evidence))
    bad = write_set("bad", platform(events=other_code()))
    need("new firmware as-found" in differ(bad, host.evidence), differ(bad, host.evidence))

    def check(*entries, code=0, argv=()):
        number = len(os.listdir(t.path("")))
        folder = write_set(f"check{number}", *entries)
        result = t.ctl("manifest", "check", *sorted(f"{folder}/{n}" for n in os.listdir(folder)), *argv, code=code)
        return " ".join(result.text.split())
    need("firmware" not in check(platform()), check(platform()))
    twice = check(platform(), platform(name="same", state="revoked", note="x"), code=3)
    need("firmware 2.19 (allowed) and same (revoked) say the same" in twice, twice)
    need("no firmware of its platform is allowed" in check(platform(state="update")), "nothing allowed")
    need("PCR 5 also measures the boot disk's partitions" in check(platform(which=("0", "5"))), "PCR 5")
    need("revoked without a note" in check(platform(), platform(name="b", which=("0",), state="revoked")), "note")
    skew = check(platform(), code=3, argv=("--agent-version", "0.1.0"))
    need("does not know platform firmware in a model, which came with 0.2.0" in skew, skew)


# ---- drivers and the ROMs they came from


def drivers_of(host):
    """Authenticode digests that the scan finds, by function."""
    report = json.loads(host.t.holdfast("scan", "--json", "--rom=all", "--sysfs", host.tree.sys).out)
    found = {f["path"]: m["digests"]["sha256"] for p in report["parts"] for f in p["functions"]
             for m in f["measurements"] if m["mkey"].endswith("/authenticode") and m["kind"] == "digests"}
    if trees.NIC1 + ".0" not in found:
        raise Skip("this agent finds no driver in the ROM of the lab's NIC")
    return found


def with_driver(events, digest, hops):
    """The boot with one more driver, of which the SHA-256 digest alone is known."""
    data = firmware.image_load(firmware.pci_path(*hops))
    return [events[0], (2, firmware.EV_DRIVER, bytes.fromhex(digest), data)] + events[1:]


def known_digest(log, digest):
    """In place of the hash of a digest: the digest itself, in the bank that is judged."""
    return log.replace(hashlib.sha256(bytes.fromhex(digest)).digest(), bytes.fromhex(digest))


class Carried(Host):
    """A host whose firmware ran a driver of the NIC's own ROM."""

    def ran(self, digest, hops=NIC1_HOPS):
        events = [e for e in firmware.good() if e[0] != 2 or e[1] != firmware.EV_DRIVER]
        self.digest = digest
        events = with_driver(events, digest, hops)
        self.measured(events, log=known_digest(firmware.log(events), digest))

    def boot(self, *args, **more):
        word = "sha256=" + hashlib.sha256(bytes.fromhex(self.digest)).hexdigest()
        tool = self.tpm.tool

        def extend(*argv):
            return tool(*(a.replace(word, "sha256=" + self.digest) for a in argv))
        self.tpm.tool = extend
        try:
            return super().boot(*args, **more)
        finally:
            self.tpm.tool = tool


def carried(t, **more):
    return Carried(t, model=model(boot_code=[], **more))


@case
def firmware_ran_a_driver_that_a_rom_carries(t):
    host = carried(t)
    host.ran(drivers_of(host)[trees.NIC1 + ".0"])
    host.boot("captured-tree", 3)
    told(verify(host, code=3), "ok boot")


@case
def firmware_ran_what_the_rom_does_not_hold(t):
    host = carried(t)
    here = drivers_of(host)[trees.NIC1 + ".0"]
    host.ran("ab" * 32)
    host.boot("rom-swapped", 3)
    result = verify(host, code=3)
    told(result, "rom-swapped", "device 0000:01:00.0 8086:10d3", f"sha256:{'ab' * 8}", f"sha256:{here[:16]}")
    told(result, "ok parts")


@case
def firmware_ran_a_driver_that_no_device_carries(t):
    """Known from a release: its component is named; else nobody knows it."""
    known = components(trees.Tree(t.path("known"), trees.lab()))
    known[1]["releases"].append({**json.loads(json.dumps(known[1]["releases"][0])), "name": "0.9", "state": "update"})
    known[1]["releases"][1]["functions"][0]["measurements"] = {
        "option-rom/window": {"sha256": "cd" * 32}, "option-rom/1/authenticode": {"sha256": "ef" * 32}}
    host = carried(t)
    drivers_of(host)
    host.owner.sign(known[1], f"{host.etc}/manifests.d/01-e1000e.corim")
    host.ran("ef" * 32, hops=("1f.7",))
    host.boot("boot-driver-unowned", 3)
    told(verify(host, code=3), "known the value found is that of e1000e, release 0.9, update")


@case
def firmware_ran_a_refused_cards_driver(t):
    """The card says why; its driver adds nothing. A waiver for the card would leave the driver
    without an owner, and whoever prepares one hears of it."""
    host = carried(t)
    driver = drivers_of(host)[trees.NIC1 + ".0"]
    host.ran(driver)
    host.tree.flip("0000:01:00.0", 0x100)
    host.boot("firmware-unknown", 3)
    told(verify(host, code=3), "ok boot")
    common = ("manifest", "accept", "--from", host.evidence, "--part", trees.NIC1, "--anchors",
              f"{host.etc}/anchors", "--manifests", f"{host.etc}/manifests.d")
    result = t.ctl(*common, "--waiver", "a", "--out", t.path("waiver.json"), code=0)
    told(result, "not enough: firmware ran this part's driver", driver)
    t.narrow(result.errors)
    need("not enough" not in t.ctl(*common, "--release", "2.0", code=0).errors, "a release owns the driver")


@case
def firmware_drivers_of_a_created_model(t):
    """What a ROM carries is in its release, with a word that firmware ran it; not in the model."""
    host = Carried(t, manifests=False)
    digest = drivers_of(host)[trees.NIC1 + ".0"]
    host.ran(digest)
    host.boot("manifest-missing", 3)
    manifests_from_evidence(host)
    made = json.loads(read(t.path("made/model.json")))
    need(made["boot_code"] == [], str(made["boot_code"]))
    need("1 driver(s) of PCR 2 are in ROMs" in made["provenance"], made["provenance"])
    values = [m for name in os.listdir(t.path("made")) if name.startswith("card")
              for r in json.loads(read(t.path("made", name)))["releases"] for f in r["functions"]
              for m in f["measurements"].values() if m.get("sha256") == digest]
    need(values and all("firmware ran it (PCR 2)" in m["from"] for m in values), str(values))
    again = next_boot(host, 1)
    again.__class__ = Carried
    again.boot("captured-tree", 3)
