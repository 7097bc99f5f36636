# SPDX-License-Identifier: GPL-3.0-or-later
"""holdfastctl: what an operator does with keys, sources, logs and images."""
import base64
import hashlib
import json
import os
import re
import shutil

import sources
import trees
from harness import ROOT, case, need, python_with, read, write
from rehearsal import Host, verify
from sources import Owner, components, model


@case
def ctl_keygen_guards_keys(t):
    for alg in ("es256", "es384", "ed25519"):
        t.ctl("keygen", "--out", t.path(alg), "--alg", alg, code=0)
        mode = os.stat(t.path(f"{alg}.key")).st_mode & 0o777
        need(mode == 0o600, f"{alg}: the private key has mode {mode:o}")
        need(b"PRIVATE" not in read(t.path(f"{alg}.pem")), "a private key in the public file")
        before = read(t.path(f"{alg}.key"))
        t.refused(t.ctl("keygen", "--out", t.path(alg), "--alg", alg, code=1), "output-failed")
        need(read(t.path(f"{alg}.key")) == before, "an existing key was replaced")
    t.ctl("keygen", "--out", t.path("x"), "--alg", "rsa1024", code=2)
    need(not os.path.exists(t.path("x.key")), "a refused keygen left a key")


@case
def ctl_every_key_kind_signs(t):
    good = trees.Tree(t.path("tree"), trees.lab())
    for alg in ("es256", "es384", "ed25519"):
        with t.sub(alg) as inner:
            owner = Owner.__new__(Owner)
            owner.t, owner.name = inner, alg
            inner.ctl("keygen", "--out", inner.path("k"), "--alg", alg, code=0)
            owner.key, owner.public = inner.path("k.key"), inner.path("k.pem")
            sources.judge(inner, good, good, code=0, owner=owner)


@case
def ctl_build_is_deterministic_and_show_gives_it_back(t):
    good = trees.Tree(t.path("tree"), trees.lab())
    for number, source in enumerate(components(good) + [model(), sources.images()]):
        path = t.path(f"{number}.json")
        write(path, json.dumps(source))
        t.ctl("manifest", "build", path, "--out", t.path("a"), code=0)
        write(path, json.dumps(source, indent=3, sort_keys=True))
        t.ctl("manifest", "build", path, "--out", t.path("b"), code=0)
        need(read(t.path("a")) == read(t.path("b")), f"{path}: two builds differ")
        shown = t.ctl("manifest", "show", t.path("a"), code=0)
        write(path, shown.out)
        t.ctl("manifest", "build", path, "--out", t.path("b"), code=0)
        need(read(t.path("a")) == read(t.path("b")), f"{path}: show gives something else back")
        need("not" in shown.errors, f"nothing was verified and it does not say so: {shown.errors}")


@case
def ctl_bad_sources_name_the_member(t):
    good = trees.Tree(t.path("tree"), trees.lab())

    def wrong(change, source=None):
        source = json.loads(json.dumps(source or model()))
        change(source)
        return json.dumps(source)

    cases = (
        ("not json", "{", "json"), 
        ("unknown member", wrong(lambda m: m.update(frobnicate=1)), "frobnicate"),
        ("format", wrong(lambda m: m.update(format=2)), "format"),
        ("no format", wrong(lambda m: m.pop("format")), "format"),
        ("mode", wrong(lambda m: m.update(mode="lenient")), "mode"),
        ("generation", wrong(lambda m: m.update(generation=-1)), "generation"),
        ("rule", wrong(lambda m: m["rules"][2].update(action="ignore")), "rules[2]"),
        ("method", wrong(lambda m: m["rules"][0].update(least_method="trust")), "least_method"),
        ("digest", wrong(lambda m: m["boot_code"][0].update(sha256="00")), "boot_code[0]"),
        ("class", wrong(lambda c: c["releases"][0]["functions"][0].pop("class"),
                        components(good)[1]), "class"),
        ("vendor", wrong(lambda c: c["releases"][0]["functions"][0].update(vendor="xyz"),
                         components(good)[1]), "vendor"),
        ("state", wrong(lambda c: c["releases"][0].update(state="fine"), components(good)[1]),
         "state"),
        ("duplicate key", '{"format": 1, "format": 1, "model": "x"}', "json"),
        ("deep", '{"format": ' + "[" * 100000, "json"))
    for name, text, word in cases:
        write(t.path("bad.json"), text)
        result = t.ctl("manifest", "build", t.path("bad.json"), "--out", t.path("out"), code=2)
        need("[manifest-source]" in result.errors, f"{name}\n{result.describe()}")
        need(word in result.errors, f"{name}: {word} is not named\n{result.describe()}")
        need(not os.path.exists(t.path("out")), f"{name}: something was written")


@case
def ctl_sign_refuses_a_public_key(t):
    owner = Owner(t)
    write(t.path("m.json"), json.dumps(model()))
    result = t.ctl("manifest", "sign", t.path("m.json"), "--key", owner.public, "--signer", "x",
                   "--out", t.path("m.corim"), code=2)
    t.refused(result, "key-invalid")
    need(not os.path.exists(t.path("m.corim")), "something was written")


@case
def ctl_check_finds_what_cannot_mean_what_it_says(t):
    good = trees.Tree(t.path("tree"), trees.lab())
    owner = Owner(t)
    folder = owner.sign_all(t.path("m"), components(good) + [model()])
    files = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    anchors = owner.trust(t.path("anchors"))
    t.ctl("manifest", "check", *files, "--anchors", anchors, code=0)
    broken = model()
    broken["rules"][0]["component"] = "nobody"
    owner.sign(broken, f"{folder}/05-lab-q35.corim")
    result = t.ctl("manifest", "check", *files, "--anchors", anchors, code=3)
    need("nobody" in result.text + result.errors, result.describe())
    stranger = Owner(t, "stranger")
    stranger.sign(model(), f"{folder}/05-lab-q35.corim")
    t.refused(t.ctl("manifest", "check", *files, "--anchors", anchors, code=3), "signer-unknown")


@case
def ctl_log_replay_is_what_the_tpm_holds(t):
    host = Host(t)
    host.boot("captured-tree", 3)
    for log, pcrs in (("holdfast.evlog", (13,)), ("firmware.evlog", (0, 2, 4, 7, 9))):
        text = t.ctl("log", "replay", f"{host.evidence}/{log}", code=0).text
        found, bank = {}, None
        for line in text.splitlines():
            if match := re.match(r"\s*(sha\d+):", line):
                bank = match[1]
            elif match := re.match(r"\s*(\d+)\s*:\s*0x([0-9A-Fa-f]+)", line):
                found[bank, int(match[1])] = match[2].lower()
        for pcr in pcrs:
            for name, value in host.tpm.pcrs(pcr).items():
                need(found.get((name, pcr)) == value.lower(), f"{log}: {name} PCR {pcr}\n{text}")


@case
def ctl_log_malformed(t):
    host = Host(t)
    host.boot("captured-tree", 3)
    good = read(f"{host.evidence}/holdfast.evlog")
    for name, data in (("cut", good[:-3]), ("text", b"hello"), ("header alone", good[:20])):
        write(t.path("bad.evlog"), data)
        result = t.ctl("log", "show", t.path("bad.evlog"), code=3)
        need("[log-" in result.errors + result.text, f"{name}\n{result.describe()}")


@case
def ctl_image_measure_tenant_is_what_the_gate_finds(t):
    """An image list made with the tool admits the tenant files it was made from."""
    host = Host(t)
    result = t.ctl("image", "measure", "--name", "tenant-2", "--out", t.path("list.json"),
                   "--tenant-kernel", f"{host.store}/kernel",
                   "--tenant-initrd", f"{host.store}/initrd",
                   "--tenant-command-line", "quiet", code=0)
    made = json.loads(read(t.path("list.json")))
    need(made["images"][0]["kernel"] == hashlib.sha256(sources.TENANT["kernel"]).hexdigest(),
         result.describe())
    made["images"].append(sources.firmware.agent_image())
    host.owner.sign(made, f"{host.store}/images.corim")
    need("tenant-2" in host.boot("captured-tree", 3).text, "the tenant is not named")


MEDIA = {"evlog": "application/vnd.holdfast.log", "cbor": "application/vnd.holdfast.claims+cbor",
         "attest": "application/vnd.holdfast.tpms-attest",
         "sig": "application/vnd.holdfast.tpmt-signature",
         "pub": "application/vnd.holdfast.tpmt-public", "bin": "application/octet-stream",
         "der": "application/vnd.holdfast.spki", "json": "application/json", "txt": "text/plain",
         "pcrs": "application/vnd.holdfast.tpm2-tools-pcrs", "pem": "application/x-pem-file"}


def collection(folder):
    """A CMW collection made by hand from a directory of evidence."""
    made = {"__cmwc_t": "tag:holdfast.invalid,2026:evidence"}
    for name in sorted(os.listdir(folder)):
        media = MEDIA[name.split(".")[-1]]
        if name == "firmware.evlog":
            media = "application/vnd.holdfast.firmware-log"
        data = base64.urlsafe_b64encode(read(os.path.join(folder, name))).decode().rstrip("=")
        made[name] = [media, data, 4]
    return json.dumps(made)


@case
def ctl_evidence_in_every_form(t):
    """A directory, a collection, a console capture of one: the same verdict."""
    host = Host(t)
    host.tree.flip("0000:01:00.0", 0x8000)
    host.boot("firmware-unknown", 3)
    plain = verify(host, code=3)
    t.refused(plain, "firmware-unknown")
    made = collection(host.evidence)
    write(t.path("one.json"), made)
    need(verify(host, evidence=t.path("one.json"), code=3).text == plain.text, "the collection")
    console = ("[    0.0] noise\r\n-----BEGIN HOLDFAST EVIDENCE-----\r\n{cut off\r\n"
               f"-----BEGIN HOLDFAST EVIDENCE-----\r\n{made}\r\n"
               "-----END HOLDFAST EVIDENCE-----\r\nlogin: ")
    write(t.path("console.log"), console)
    need(verify(host, evidence=t.path("console.log"), code=3).text == plain.text, "the console")
    t.ctl("evidence", "unpack", t.path("console.log"), t.path("unpacked"), code=0)
    for name in os.listdir(host.evidence):
        need(read(t.path("unpacked", name)) == read(f"{host.evidence}/{name}"), name)


@case
def ctl_evidence_that_is_none(t):
    host = Host(t)
    host.boot("captured-tree", 3)
    made = collection(host.evidence)
    t.refused(verify(host, evidence=t.path("nowhere"), code=2), "file-unreadable")
    for name, data in (("empty", ""), ("object", "{}"), ("list", "[]"), ("cut", made[:len(made) // 2]),
                       ("console without an end", "-----BEGIN HOLDFAST EVIDENCE-----\n" + made),
                       ("bad base64", made.replace('tpmt-public", "', 'tpmt-public", "!', 1)),
                       ("deep", "[" * 100000)):
        write(t.path("junk.json"), data)
        result = verify(host, evidence=t.path("junk.json"))
        need(result.code in (2, 3) and "[" in result.errors + result.text,
             f"{name}\n{result.describe()}")


SIGNED = os.path.join(ROOT, "tests/fixtures/signed")  # by tests/unit/test_controller_evidence_devices.c


@case
def ctl_evidence_of_a_drive_that_signs(t):
    def check(evidence, code, *argv):
        return t.ctl("evidence", "verify", evidence, "--manifests", f"{SIGNED}/manifests", "--anchors",
                     f"{SIGNED}/anchors", *argv, code=code)
    text = check(f"{SIGNED}/e", 0).text
    need("an anchor stands behind 1" in text and "names this device" in text, text)
    copy = shutil.copytree(f"{SIGNED}/e", t.path("copy"))
    data = bytearray(read(f"{copy}/transcripts.cbor"))
    data[len(data) // 2] ^= 1
    write(f"{copy}/transcripts.cbor", bytes(data))
    t.refused(check(copy, 3), "transcript-missing")
    need(json.loads(check(copy, 3, "--json").out)["cause"] == "transcript-missing", "a changed byte")
    os.remove(f"{copy}/transcripts.cbor")
    need(json.loads(check(copy, 3, "--json").out)["cause"] == "transcript-missing", "no transcripts")
    t.ctl("evidence", "show", f"{SIGNED}/e", "--transcripts", t.path("pcaps"), code=0)
    need(sorted(os.listdir(t.path("pcaps"))) == ["pci0000_00_02.0_00.0.measure.pcap",
                                                "pci0000_00_02.0_00.0.recheck.pcap"],
         str(os.listdir(t.path("pcaps"))))


@case
def ctl_transcripts_by_an_independent_reader(t):
    python = python_with("cbor2", "cryptography")
    reader = os.path.join(ROOT, "tests/independent_transcripts.py")
    found = json.loads(t.run(python, reader, f"{SIGNED}/e", code=0).out)
    need([(f["path"], f["pass"]) for f in found] == [("pci0000:00/02.0/00.0", 1), ("pci0000:00/02.0/00.0", 2)],
         str(found))
    need(found[0]["measured"] == found[1]["measured"] and len(found[0]["measured"]) == 2, str(found))
    copy = shutil.copytree(f"{SIGNED}/e", t.path("copy"))
    write(f"{copy}/nonce.bin", b"another challenge")
    need("nonces of pass 2" in t.run(python, reader, copy, code=1).errors, "another challenge")
