# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests written, signed, compared and checked by their author."""
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess

import schema
import sources
import trees
from harness import ROOT, Skip, case, need, python_with, read, write
from rehearsal import Host
from sources import Owner, components, model

SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"


def openssl(t, *argv):
    done = subprocess.run(["openssl", *argv], capture_output=True, cwd=t.dir, timeout=60)
    need(done.returncode == 0, f"openssl {argv}: {done.stderr.decode()}")
    return done.stdout


def keys(t):
    """Key kinds by name: how OpenSSL makes one and how it signs a file with it."""
    for name, make, sign in (
            ("es256", ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"), ("-sha256",)),
            ("es384", ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"), ("-sha384",)),
            ("es512", ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"), ("-sha512",)),
            ("ps256", ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
             ("-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest")),
            ("ed25519", ("-algorithm", "ED25519"), None)):
        openssl(t, "genpkey", *make, "-out", f"{name}.key")
        openssl(t, "pkey", "-in", f"{name}.key", "-pubout", "-out", f"{name}.pem")
        yield name, sign


def sign_elsewhere(t, name, how):
    if how is None:
        openssl(t, "pkeyutl", "-sign", "-inkey", f"{name}.key", "-rawin", "-in", "tbs", "-out", "sig")
    else:
        openssl(t, "dgst", *how, "-sign", f"{name}.key", "-out", "sig", "tbs")
    return read(t.path("sig"))


def raw_ecdsa(der, half):
    """r || s of a DER signature."""
    def integer(at):
        need(der[at] == 2, "no INTEGER")
        return der[at + 2:at + 2 + der[at + 1]], at + 2 + der[at + 1]
    r, at = integer(3 if der[1] == 0x81 else 2)
    s, _ = integer(at)
    return b"".join(int.from_bytes(x, "big").to_bytes(half, "big") for x in (r, s))


@case
def author_sign_detached(t):
    """The bytes go out, a signature made by somebody else comes back, in either form."""
    write(t.path("m.json"), json.dumps(model()))
    common = ("--signer", "hsm", t.path("m.json"))
    for name, how in keys(t):
        anchor = ("--anchor", t.path(f"{name}.pem"))
        said = t.ctl("manifest", "sign", *anchor, *common, "--detached-out", t.path("tbs"), code=0)
        if how:
            digest = openssl(t, "dgst", how[0], "-r", "tbs").decode().split()[0]
            need(digest in said.text, f"{name}: {said.text} is not {digest}")
        signature = sign_elsewhere(t, name, how)
        forms = [signature]
        if name.startswith("es"):
            forms.append(raw_ecdsa(signature, {"es256": 32, "es384": 48, "es512": 66}[name]))
        shutil.rmtree(t.path("anchors"), ignore_errors=True)
        write(t.path("anchors/owner/a.pem"), read(t.path(f"{name}.pem")))
        made = set()
        for form in forms:
            write(t.path("sig"), form)
            t.ctl("manifest", "sign", *anchor, *common, "--attach", t.path("sig"),
                  "--out", t.path("m.corim"), code=0)
            made.add(read(t.path("m.corim")))
            t.ctl("manifest", "show", t.path("m.corim"), "--anchors", t.path("anchors"), code=0)
        need(len(made) == 1, f"{name}: r || s and DER give different files")
        os.unlink(t.path("m.corim"))
        for words, bad in (("cut", forms[-1][:-1]), ("longer", forms[-1] + b"\0"), ("empty", b""),
                           ("other", forms[-1][:-1] + bytes([forms[-1][-1] ^ 1]))):
            write(t.path("sig"), bad)
            t.refused(t.ctl("manifest", "sign", *anchor, *common, "--attach", t.path("sig"),
                            "--out", t.path("m.corim"), code=3), "signature-invalid")
            need(not os.path.exists(t.path("m.corim")), f"{name}, {words}: a file was written")
        write(t.path("sig"), forms[-1])
        t.refused(t.ctl("manifest", "sign", *anchor, "--signer", "other", t.path("m.json"),
                        "--attach", t.path("sig"), "--out", t.path("m.corim"), code=3),
                  "signature-invalid")
    for words in (("--key", t.path("es256.key"), "--detached-out", t.path("x")),
                  ("--anchor", t.path("es256.pem"), "--out", t.path("x")),
                  ("--anchor", t.path("es256.pem"), "--detached-out", t.path("x"), "--attach",
                   t.path("sig")),
                  ("--anchor", t.path("es256.pem"), "--attach", t.path("sig"))):
        t.refused(t.ctl("manifest", "sign", *common, *words, code=2), "usage")
        need(not os.path.exists(t.path("x")), f"{words}: a file was written")


@case
def author_sign_with_a_token(t):
    """A key that never leaves its PKCS#11 token signs what its public half verifies."""
    for tool in ("softhsm2-util", "pkcs11-tool"):
        if not shutil.which(tool):
            raise Skip(f"{tool} is not installed")
    if not os.path.exists(SOFTHSM) or not glob.glob("/usr/lib/*/engines-3/pkcs11.so") + \
            glob.glob("/usr/lib/*/ossl-modules/pkcs11.so"):
        raise Skip("OpenSSL has neither a pkcs11 engine nor a provider")
    os.makedirs(t.path("tokens"))
    write(t.path("softhsm2.conf"), f"directories.tokendir = {t.path('tokens')}\n"
          "objectstore.backend = file\nlog.level = ERROR\n")
    write(t.path("pin"), "1234")
    env = {"SOFTHSM2_CONF": t.path("softhsm2.conf"), "PKCS11_MODULE_PATH": SOFTHSM}
    t.run("softhsm2-util", "--init-token", "--free", "--label", "holdfast", "--pin", "1234",
          "--so-pin", "5678", code=0, env=env)
    t.run("pkcs11-tool", "--module", SOFTHSM, "--login", "--pin", "1234", "--token-label", "holdfast",
          "--keypairgen", "--key-type", "EC:prime256v1", "--label", "owner", "--id", "01", code=0, env=env)
    t.run("pkcs11-tool", "--module", SOFTHSM, "--token-label", "holdfast", "--read-object", "--type",
          "pubkey", "--id", "01", "--output-file", t.path("public.der"), code=0, env=env)
    openssl(t, "pkey", "-pubin", "-inform", "DER", "-in", "public.der", "-out", "public.pem")
    write(t.path("anchors/owner/token.pem"), read(t.path("public.pem")))
    write(t.path("m.json"), json.dumps(model()))
    uri = "pkcs11:token=holdfast;object=owner;type=private?"
    sign = ("manifest", "sign", t.path("m.json"), "--signer", "token", "--out", t.path("m.corim"))
    t.run("holdfastctl", *sign, "--key", f"{uri}pin-source=file:{t.path('pin')}", code=0, env=env)
    t.ctl("manifest", "show", t.path("m.corim"), "--anchors", t.path("anchors"), code=0)
    os.unlink(t.path("m.corim"))
    for words, key in (("wrong PIN", f"{uri}pin-value=9999"), ("no PIN", uri[:-1]),
                       ("no such key", "pkcs11:token=holdfast;object=nobody?pin-value=1234")):
        result = t.run("holdfastctl", *sign, "--key", key, code=2, env=env)
        t.refused(result, "key-token")
        need("9999" not in result.errors, f"{words}: the PIN is on the screen")
        need(not os.path.exists(t.path("m.corim")), f"{words}: a file was written")
    t.refused(t.run("holdfastctl", *sign, "--key", uri, code=2,
                    env={**env, "OPENSSL_ENGINES": t.dir, "OPENSSL_MODULES": t.dir}), "key-token")


def decoded(t, owner, path, source_path, code=0):
    """A signed file says what its source says, as somebody else's software reads it."""
    result = t.run(python_with("cbor2", "cryptography"),
                   os.path.join(ROOT, "tests/independent_decoder.py"), path, owner.public,
                   source_path, code=code)
    need(code or f"signed by {owner.name}," in result.text, result.describe())


@case
def author_independent_decoder_reads_the_examples(t):
    owner = Owner(t)
    for path in sorted(glob.glob(os.path.join(ROOT, "examples/manifests/*.json"))):
        out = owner.sign(json.loads(read(path)), t.path(os.path.basename(path)[:-5] + ".corim"))
        decoded(t, owner, out, path)
        data = bytearray(read(out))
        for at in (len(data) // 2, len(data) - 1):
            write(t.path("bad"), bytes(data[:at]) + bytes([data[at] ^ 1]) + bytes(data[at + 1:]))
            decoded(t, owner, t.path("bad"), path, code=1)
        other = json.loads(read(path).replace(b'"allowed"', b'"revoked"').replace(
            b'"enforce"', b'"audit"').replace(b'"agent"', b'"tenant"'))
        write(t.path("other.json"), json.dumps(other))
        decoded(t, owner, out, t.path("other.json"), code=1)


@case
def author_independent_decoder_reads_everything(t):
    """Dates, security versions, lists, slots and classes in the CDDL's own terms."""
    owner = Owner(t)
    wide = model()
    wide["rules"][1] = {"name": "r", "components": ["a", "b"], "places": ["x", "y"], "class": "0200",
                        "slots": ["1", "2"], "count": 4, "least_method": "bytes", "mode": "audit",
                        "approved": "owner"}
    wide["rules"][2] = {"name": "s", "class": "02", "slot": "7", "least_method": "signed"}
    wide["boot_code"][0]["from"] = "a log"
    dated = components(trees.Tree(t.path("tree"), trees.lab()))[1]
    dated["releases"][0].update(state="allowed-until", until="2032-02-29", note="n")
    dated["releases"][0]["functions"][0].update(
        subsystem="8086:a01f", revision="0b", serial="0123456789abcdef", count=0, measurements={
            "a": {"svn": 3}, "b": {"minimum_svn": 4, "from": "z"}, "c": {"text": "x", "from": "y"}})
    for number, document in enumerate((wide, dated)):
        write(t.path(f"{number}.json"), json.dumps(document))
        decoded(t, owner, owner.sign(document, t.path(f"{number}.corim")), t.path(f"{number}.json"))


@case
def author_independent_decoder_reads_a_created_set(t):
    """From a golden host's evidence to signed files, read back by other software."""
    host = Host(t)
    host.boot("captured-tree", 3)
    t.ctl("manifest", "create", "--from", host.evidence, "--out", t.path("made"),
          "--driver", "nvme", code=0)
    made = sorted(glob.glob(t.path("made", "*.json")))
    need(len(made) >= 5, f"{made}")
    t.ctl("manifest", "sign", *made, "--key", host.owner.key, "--signer", host.owner.name,
          "--out", t.path("made"), code=0)
    froms = 0
    for path in made:
        source = json.loads(read(path))
        decoded(t, host.owner, path[:-5] + ".corim", path)
        for release in source.get("releases", ()):
            for function in release["functions"]:
                for name, value in function["measurements"].items():
                    need(value["from"], f"{path}: {name} does not say where it comes from")
                    froms += 1
    need(froms > 3, f"{froms} values with their origin")


def differ(t, a, b, code=3):
    """The sentences of manifest diff, and the same as JSON."""
    plain = t.ctl("manifest", "diff", a, b, code=code)
    changes = json.loads(t.ctl("manifest", "diff", a, b, "--json", code=code).text)
    # sentences are wrapped at 80 columns
    text = plain.text.replace("\n  ", " ")
    if code:
        need([c["text"] for c in changes] == text.splitlines(), f"{text}\n{changes}")
    else:
        need(not changes and "no difference" in text, plain.describe())
    t.narrow(plain.text)
    return text.splitlines(), changes


@case
def author_diff_in_a_reviewers_words(t):
    good = trees.Tree(t.path("tree"), trees.lab())
    card, base = components(good)[1], model()
    card["releases"].append(json.loads(json.dumps(card["releases"][0])))
    card["releases"][1].update(name="0.9", state="update")
    write(t.path("a/card.json"), json.dumps(card))
    write(t.path("a/model.json"), json.dumps(base))
    before = card["releases"][0]["functions"][0]["measurements"]["option-rom/window"]["sha256"]

    def changed(change, want, kind="changed"):
        pair = json.loads(json.dumps([card, base]))
        change(*pair)
        write(t.path("b/card.json"), json.dumps(pair[0]))
        write(t.path("b/model.json"), json.dumps(pair[1]))
        sentences, changes = differ(t, t.path("a"), t.path("b"))
        need(sentences == [want], f"wanted {want}\n{sentences}")
        need(changes[0]["kind"] == kind, str(changes))
        return changes[0]

    def window(c, _):
        found = c["releases"][0]["functions"][0]["measurements"]["option-rom/window"]
        found["sha256"] = "ab" * 32
    one = changed(window, "function 8086:10d3 of release 1.0 of e1000e: option-rom/window sha256 changes "
                  f"from {before[:12]}... to abababababab...")
    need((one["from"], one["to"]) == (before, "ab" * 32), str(one))
    changed(lambda c, _: c["releases"][1].update(state="revoked"),
            "release 0.9 of e1000e: state changes from update to revoked")
    changed(lambda c, _: c["releases"][0].update(note="seen"),
            "release 1.0 of e1000e: note is now seen")
    changed(lambda c, _: c["releases"].pop(), "release 0.9 of e1000e is gone", "removed")
    changed(lambda c, _: c["releases"].append({**c["releases"][0], "name": "2.0"}),
            "new release 2.0 of e1000e: allowed", "added")
    changed(lambda c, _: c["releases"][0]["functions"][0].update(revision="03"),
            "function 8086:10d3 of release 1.0 of e1000e: revision is now 03")
    changed(lambda c, _: c["releases"][0]["functions"][0]["measurements"].update(
        {"option-rom/0": {"sha256": "cd" * 32}}),
        "function 8086:10d3 of release 1.0 of e1000e: option-rom/0 is new", "added")
    changed(lambda _, m: m["rules"][1].update(place="pci0000:00/1c.7/00"),
            f"rule nic-1 of model lab-q35: place moves from {trees.NIC1} to pci0000:00/1c.7/00")
    changed(lambda _, m: m["rules"][1].pop("place"),
            f"rule nic-1 of model lab-q35: place was {trees.NIC1} and is left out")
    changed(lambda _, m: m["rules"][2].update(action="warn"),
            "rule nic-2 of model lab-q35: action changes from hold to warn")
    changed(lambda _, m: m["rules"].insert(3, sources.rule("spare", "e1000e", None, presence="optional")
                                           | {"place": "pci0000:00/1d.0/00"}),
            "new rule spare of model lab-q35: e1000e", "added")
    changed(lambda _, m: m["rules"].reverse(), "model lab-q35: the order of its rules changes")
    changed(lambda _, m: m.update(generation=8), "model lab-q35: generation changes from 7 to 8")
    changed(lambda _, m: m.update(drivers=["nvme"]), "model lab-q35: drivers change from nothing to nvme")
    changed(lambda _, m: m["boot_code"].pop(), "boot_code card-driver of model lab-q35 is gone", "removed")
    os.unlink(t.path("b/card.json"))
    write(t.path("b/model.json"), json.dumps(base))
    need(differ(t, t.path("a"), t.path("b"))[0] == ["component e1000e is gone"], "component")


@case
def author_diff_compares_meaning(t):
    """Spelling, defaults, order of files and signatures are no difference."""
    owner = Owner(t)
    source = model()
    write(t.path("a.json"), json.dumps(source))
    source["rules"][1].pop("presence")
    source["rules"][1].pop("action")
    source["boot_code"][0]["sha256"] = source["boot_code"][0]["sha256"].upper()
    source.pop("tpm")
    write(t.path("b.json"), json.dumps(source, indent=7, sort_keys=True))
    differ(t, t.path("a.json"), t.path("b.json"), code=0)
    t.ctl("manifest", "build", t.path("b.json"), "--out", t.path("b.cbor"), code=0)
    differ(t, t.path("a.json"), t.path("b.cbor"), code=0)
    owner.sign(source, t.path("c.corim"))
    differ(t, t.path("c.corim"), t.path("b.cbor"), code=0)
    for name, data, cause in (("text", b"hello", "cose-shape"), ("other", b'{"format": 1}', "manifest-source"),
                              ("cut", read(t.path("c.corim"))[:-1], "cbor-truncated")):
        write(t.path(name), data)
        result = t.ctl("manifest", "diff", t.path("a.json"), t.path(name))
        need(result.code in (2, 3) and f"[{cause}]" in result.errors, result.describe())
    t.refused(t.ctl("manifest", "diff", t.path("a.json"), t.path("none"), code=2), "file-unreadable")


@case
def author_diff_of_a_host_and_its_manifests(t):
    """Evidence and scans are compared with manifests in the manifests' own words."""
    host = Host(t)
    host.boot("captured-tree", 3)
    owned = components(host.golden) + [model(), sources.images(), {
        **components(host.golden)[1], "component": "spare"}]
    older = json.loads(json.dumps(owned[1]["releases"][0]))
    older.update(name="0.9", state="revoked")
    older["functions"][0]["measurements"]["option-rom/window"] = {"sha256": "ab" * 32}
    owned[1]["releases"].append(older)
    owned[-1]["releases"] = [older]
    for number, source in enumerate(owned):
        write(t.path("owned", f"{number}.json"), json.dumps(source))
    write(t.path("scan.json"),
          t.holdfast("scan", "--json", "--rom=all", "--sysfs", host.tree.sys).out)
    differ(t, host.evidence, host.evidence, code=0)
    differ(t, t.path("owned"), host.evidence, code=0)
    other = Host(t.sub("flipped"))
    other.tree.flip("0000:01:00.0", 0x8000)
    other.boot("firmware-unknown", 3)
    sentences, _ = differ(t, t.path("owned"), other.evidence)
    # one of the two cards of this kind is as it should be: the other is a new release
    need(any("e1000e" in line for line in sentences), str(sentences))
    need(not any("virtio" in line or "lab-board" in line for line in sentences), str(sentences))
    sentences, _ = differ(t, host.evidence, other.evidence)
    need(any("option-rom" in line or "release" in line for line in sentences), str(sentences))
    sentences, _ = differ(t, host.evidence, t.path("scan.json"))
    # a scan says nothing of what firmware ran
    need(all("boot_code" in line or "firmware as-found" in line for line in sentences), str(sentences))


@case
def author_check_sorts_errors_from_warnings(t):
    """Each lint is an error, with exit code 3, or a warning, in text and in JSON."""
    good = trees.Tree(t.path("tree"), trees.lab())

    def run(change, *argv):
        documents = json.loads(json.dumps(components(good) + [model()]))
        change(documents[1], documents[-1])
        paths = []
        for number, document in enumerate(documents):
            paths.append(t.path(f"{number}.json"))
            write(paths[-1], json.dumps(document, indent=1))
        result = t.ctl("manifest", "check", *paths, "--json", *argv)
        found = json.loads(result.text)
        plain = t.ctl("manifest", "check", *paths, *argv, code=result.code)
        text = plain.text.replace("\n  ", " ")
        need(all(f"{f['severity']}: {f['text']}" in text for f in found), f"{text}\n{found}")
        t.narrow(plain.text)
        errors = [f for f in found if f["severity"] == "error"]
        need(result.code == (3 if errors else 0), result.describe())
        return {f["text"] for f in found}, errors

    base, errors = run(lambda c, m: None)
    need(not errors, str(errors))

    def finds(change, text, error, *argv):
        found, errors = run(change, *argv)
        new = found - base
        need(any(text in words for words in new), f"{text} is not in {new}")
        need(bool(errors) == error, f"{text}: {errors}")
        return errors

    copy = lambda c, **more: c["releases"].append({**json.loads(json.dumps(c["releases"][0])), **more})
    finds(lambda c, m: m["rules"][0].update(action="fence"), "the board cannot be fenced", True)
    finds(lambda c, m: m["rules"][1].update(least_method="identity"), "list digests, and method identity", False)
    finds(lambda c, m: m["rules"][1].update(component="nobody"), "describes component nobody", True)
    finds(lambda c, m: (m["rules"].pop(3), m["rules"].pop(1)), "e1000e: no rule uses it", False)
    finds(lambda c, m: copy(c, name="0.9", state="revoked", note="x"),
          "releases 1.0 (allowed) and 0.9 (revoked) have the same digest", True)
    finds(lambda c, m: copy(c, name="0.9", state="update"),
          "releases 1.0 (allowed) and 0.9 (update) have the same digest", False)
    finds(lambda c, m: c["releases"][0].update(state="allowed-until", until="2020-01-31"),
          "its last day was 2020-01-31", False)
    finds(lambda c, m: None, "an agent of version 0.0.9 does not know", True, "--agent-version", "0.0.9")
    need(not run(lambda c, m: None, "--agent-version", "0.1.0")[1], "this version is known")
    located = finds(lambda c, m: m["rules"][2].update(action="admit"), "rules[2].action", True)
    need(located[0]["file"].startswith(t.path("5.json:")), str(located))
    line = read(t.path("5.json")).decode().splitlines()[int(located[0]["file"].rsplit(":", 1)[1]) - 1]
    need("admit" in line, f"the line named is {line}")
    for version in ("1", "1.2", "a.b.c", "01.2.3", "0.0.0", "1.2.3.4", "-1.0.0", "300.1.1"):
        t.refused(t.ctl("manifest", "check", t.path("0.json"), "--agent-version", version, code=2), "usage")


@case
def author_add_rom_admits_the_host_that_has_it(t):
    """A release made from the vendor's file alone accepts a host that was flashed with it."""
    old, new = (trees.Tree(t.path(name), trees.lab()) for name in ("old", "new"))
    for tree in (old, new):  # sysfs shows the images and no padding behind them
        for address in os.listdir(os.path.join(tree.sys, "bus/pci/devices")):
            if os.path.exists(tree.file(address, "rom")):
                data = tree.rom(address)
                end = sum(trees.rom_images(data)[-1])
                carrier = read(tree.file(address, "config"))[:4] == bytes.fromhex("8680d310")
                tree.put(address, "rom", data[:end])
                if tree is new and carrier:
                    tree.flip(address, 0x8000)
    flashed = new.rom("0000:01:00.0")
    write(t.path("82574-2.0.rom"), flashed + b"\xff" * 777)
    known = components(old)
    known[1]["releases"][0]["functions"][0]["measurements"]["fw-version"] = {"text": "1.2"}
    write(t.path("card.json"), json.dumps(known[1]))
    result = t.ctl("manifest", "add-rom", t.path("82574-2.0.rom"), "--component", t.path("card.json"),
                   "--release", "2.0", code=0)
    need("the last 777 are not measured" in result.errors and "fw-version is not copied" in
         result.errors, result.describe())
    made = json.loads(read(t.path("card.json")))
    need([r["name"] for r in made["releases"]] == ["2.0", "1.0"], str(made))
    found = made["releases"][0]["functions"][0]["measurements"]
    need(found["option-rom/window"]["sha256"] == hashlib.sha256(flashed).hexdigest(), str(found))
    images = trees.rom_images(flashed)
    need(set(found) == {"option-rom/window", "option-rom/1/authenticode",
                        *(f"option-rom/{i}" for i in range(len(images)))}, str(list(found)))
    need(all("82574-2.0.rom" in value["from"] for value in found.values()), str(found))
    need("82574-2.0.rom" in made["releases"][0]["provenance"], str(made))
    made["releases"].pop()
    sources.judge(t.sub("flashed"), new, old, code=0, sources=[known[0], made, *known[2:], model()])
    sources.judge(t.sub("before"), old, old, code=3, sources=[known[0], made, *known[2:], model()])


@case
def author_add_rom_refuses_by_name(t):
    good = trees.Tree(t.path("tree"), trees.lab())
    rom = good.rom("0000:01:00.0")
    rom = rom[:sum(trees.rom_images(rom)[-1])]
    card = t.path("card.json")
    write(card, json.dumps(components(good)[1]))
    before = read(card)

    def refused(data, cause, code, *more, component=card, release="2.0"):
        write(t.path("new.rom"), data)
        result = t.ctl("manifest", "add-rom", t.path("new.rom"), "--component", component,
                       "--release", release, *more, code=code)
        need(f"[{cause}]" in result.errors, result.describe())
        need(read(card) == before, f"{cause}: the source was changed")

    refused(b"", "rom-truncated", 4)
    refused(b"PK\x03\x04" + rom, "rom-signature", 4)
    refused(b"NVGI" + bytes(508) + rom, "rom-signature", 4)
    refused(rom[:-512], "rom-image-length", 4)
    refused(rom[:40], "rom-truncated", 4)
    at = trees.rom_images(rom)[1][0]
    at += int.from_bytes(rom[at + 0x16:at + 0x18], "little")	# its program
    refused(rom[:at] + b"XX" + rom[at + 2:], "pe-shape", 2)
    refused(rom, "duplicate-name", 3, release="1.0")
    refused(rom, "usage", 2, "--function", "8086:9999")
    refused(rom, "usage", 2, "--function", "10d3")
    refused(rom, "usage", 2, release="a/b")
    refused(good.rom("0000:02:00.0"), "usage", 2)
    write(t.path("model.json"), json.dumps(model()))
    refused(rom, "usage", 2, component=t.path("model.json"))
    write(t.path("bad.json"), b'{"format": 1,\n"component": "a/b"}')
    refused(rom, "manifest-source", 2, component=t.path("bad.json"))
    write(t.path("new.rom"), good.rom("0000:02:00.0"))
    t.ctl("manifest", "add-rom", t.path("new.rom"), "--component", card, "--release", "2.0",
          "--function", "8086:10D3", "--out", t.path("other.json"), code=0)
    need(read(card) == before and b'"2.0"' in read(t.path("other.json")), "--out")


def schemas():
    return {os.path.basename(path).split(".")[0]: json.loads(read(path))
            for path in sorted(glob.glob(os.path.join(ROOT, "docs/schema/*.json")))}


def schema_for(document):
    kind = next((kind for kind in schemas() if kind in document), "component")
    return schemas()[kind]


def waiver(**more):
    return {"format": 1, "waiver": "w", "host": "000b" + "ab" * 32, "until": "2030-01-31",
            "findings": [{"place": "board", "reason": "firmware-unknown", "measurement": "option-rom/window",
                          "found": "ab" * 32}], **more}


def bearer(**more):
    """An owner's release for when no controller answers."""
    return {**waiver(), "generation": 7, "boots": {"from": 41, "to": 43},
            "findings": [{"place": "controller", "reason": "controller-unreachable"}], **more}


def with_service():
    image = {**sources.images()["images"][1], "role": "service", "name": "update-1"}
    unified = {**sources.images()["images"][0], "name": "gate-in-one-file", "uki": "5a" * 32, "sections": "a5" * 32}
    return {"format": 1, "images": [*sources.images()["images"], image, unified]}


def with_firmware(**more):
    """A model that lists a release of its platform's firmware."""
    return model(firmware=[{"name": "2.19.1", "state": "allowed", "pcrs": {"0": "ab" * 32, "7": "cd" * 32},
                            **more}])


def revocations(**more):
    return {"format": 1, "revocations": "r", "generation": 1, **{"revoke": [
        {"key": "ab" * 32}, {"component": "nic", "release": "1.0", "note": "x"}], **more}}


@case
def author_schemas_accept_what_the_tool_accepts(t):
    good = trees.Tree(t.path("tree"), trees.lab())
    documents = [json.loads(read(path)) for path in
                 sorted(glob.glob(os.path.join(ROOT, "examples/manifests/*.json")))]
    documents += components(good) + [model(), sources.images(), with_service(), waiver(), bearer(), revocations()]
    wide = model()
    wide["rules"][1] = {"name": "r", "components": ["a", "b"], "class": "0200", "slots": ["1", "2"],
                        "least_method": "bytes", "mode": "audit"}
    dated = components(good)[1]
    dated["releases"][0].update(state="allowed-until", until="2030-02-28")
    dated["releases"][0]["functions"][0].update(subsystem="8086:A01F", serial="00" * 8, measurements={
        "a": {"svn": 3}, "b": {"minimum_svn": 4}, "c": {"text": "x", "from": "y"}})
    firm = with_firmware(secure_boot="on", pk="01" * 32, kek="02" * 32, db="0A" * 32, dbx="04" * 32,
                         note="x", **{"from": "a golden host"})
    for number, document in enumerate(documents + [wide, dated, firm, with_firmware(state="revoked")]):
        need(schema.valid(schema_for(document), document), f"{number}: {json.dumps(document)}")
        write(t.path("one.json"), json.dumps(document))
        t.ctl("manifest", "build", t.path("one.json"), "--out", t.path("one"), code=0)
        shown = json.loads(t.ctl("manifest", "show", t.path("one"), code=0).text)
        need(schema.valid(schema_for(shown), shown), f"{number}: shown {json.dumps(shown)}")


@case
def author_schemas_know_every_member(t):
    """A member that the sources' reader takes is in the schema of its kind, and no other."""
    text = "".join(read(os.path.join(ROOT, f"controller/{name}.c")).decode()
                   for name in ("source_json", "source_model_json"))
    taken = [set("".join(re.findall(r'"([^"]*)"', call)).split())
             for call in re.findall(r"hf_source_members\(s, \w+, &?\w+,\s*((?:\"[^\"]*\"\s*)+)\)", text)]
    described = []

    def walk(value):
        if isinstance(value, dict):
            if value.get("additionalProperties") is False:
                described.append(set(value["properties"]))
            for below in value.values():
                walk(below)
    for each in schemas().values():
        walk(each)
    need(len(taken) >= 12, f"{len(taken)} calls of hf_source_members")
    for members in taken:
        need(members in described, f"no schema describes {sorted(members)}")


@case
def author_schemas_are_json_schema(t):
    """Somebody else's validator knows them and says the same of the examples."""
    python = python_with("jsonschema")
    script = ("import json, sys, jsonschema\n"
              "s = json.load(open(sys.argv[1])); v = jsonschema.Draft202012Validator\n"
              "v.check_schema(s)\n"
              "sys.exit(0 if v(s).is_valid(json.load(open(sys.argv[2]))) else 3)\n")
    for path in sorted(glob.glob(os.path.join(ROOT, "examples/manifests/*.json"))):
        document = json.loads(read(path))
        kind = next((kind for kind in schemas() if kind in document), "component")
        which = os.path.join(ROOT, f"docs/schema/{kind}.schema.json")
        t.run(python, "-c", script, which, path, code=0)
        write(t.path("bad.json"), json.dumps({**document, "frobnicate": 1}))
        t.run(python, "-c", script, which, t.path("bad.json"), code=3)


@case
def author_what_a_schema_refuses_the_tool_refuses(t):
    good = trees.Tree(t.path("tree"), trees.lab())
    card = components(good)[1]

    def function(c):
        return c["releases"][0]["functions"][0]

    def measured(c):
        return function(c)["measurements"]["option-rom/window"]
    table = (
        (card, lambda c: c.pop("format")), (card, lambda c: c.update(format=2)),
        (card, lambda c: c.update(format="1")), (card, lambda c: c.update(zz=1)),
        (card, lambda c: c.update(component="a/b")), (card, lambda c: c.update(component="x" * 97)),
        (card, lambda c: c.update(component=" a")), (card, lambda c: c.update(releases=[])),
        (card, lambda c: c.update(releases={})), (card, lambda c: c["releases"][0].pop("name")),
        (card, lambda c: c["releases"][0].update(state="fine")),
        (card, lambda c: c["releases"][0].update(until="2030-01-01")),
        (card, lambda c: c["releases"][0].update(state="allowed-until")),
        (card, lambda c: c["releases"][0].update(state="allowed-until", until="2030-13-01")),
        (card, lambda c: c["releases"][0].update(state="allowed-until", until="soon")),
        (card, lambda c: c["releases"][0].update(functions=[])),
        (card, lambda c: c["releases"][0].update(provenance="")),
        (card, lambda c: c["releases"][0].update(note="a\nb")),
        (card, lambda c: function(c).pop("class")), (card, lambda c: function(c).update(vendor="808")),
        (card, lambda c: function(c).update(vendor=8086)), (card, lambda c: function(c).update(device="10dz")),
        (card, lambda c: function(c).update(subsystem="1028")), (card, lambda c: function(c).update(revision="0")),
        (card, lambda c: function(c).update(serial="12")), (card, lambda c: function(c).update(count=-1)),
        (card, lambda c: function(c).update(count=1 << 32)), (card, lambda c: function(c).update(count="1")),
        (card, lambda c: function(c).update(measurements=[])),
        (card, lambda c: function(c).update(measurements={"": {"text": "x"}})),
        (card, lambda c: function(c).update(measurements={"x" * 65: {"text": "x"}})),
        (card, lambda c: measured(c).clear()), (card, lambda c: measured(c).update(text="x")),
        (card, lambda c: measured(c).update(svn=1)), (card, lambda c: measured(c).update(sha1="00" * 20)),
        (card, lambda c: measured(c).update(sha256="00")), (card, lambda c: measured(c).update(sha384="zz" * 48)),
        (card, lambda c: measured(c).update({"from": ""})),
        (model(), lambda m: m.pop("mode")), (model(), lambda m: m.update(mode="lenient")),
        (model(), lambda m: m.pop("generation")), (model(), lambda m: m.update(generation=-1)),
        (model(), lambda m: m.update(generation=1.5)), (model(), lambda m: m.update(vendor="")),
        (model(), lambda m: m.update(tpm="yes")), (model(), lambda m: m.update(unknown="admit")),
        (model(), lambda m: m.update(drivers=[7])), (model(), lambda m: m.update(drivers=["a/b"])),
        (model(), lambda m: m.update(rules=[])), (model(), lambda m: m["boot_code"][0].pop("sha256")),
        (model(), lambda m: m["rules"][0].pop("component")), (model(), lambda m: m["rules"][0].pop("least_method")),
        (model(), lambda m: m["rules"][0].update(components=["a"])),
        (model(), lambda m: m["rules"][0].update(places=["a"])),
        (model(), lambda m: m["rules"][0].update(place="x" * 121)),
        (model(), lambda m: m["rules"][0].update(slots=["a", "a"])),
        (model(), lambda m: m["rules"][0].update(slot="")), (model(), lambda m: m["rules"][0].update({"class": "020"})),
        (model(), lambda m: m["rules"][0].update({"class": "0G"})), (model(), lambda m: m["rules"][0].update(count=0)),
        (model(), lambda m: m["rules"][0].update(presence="maybe")),
        (model(), lambda m: m["rules"][0].update(least_method="none")),
        (model(), lambda m: m["rules"][0].update(action="admit")), (model(), lambda m: m["rules"][0].update(mode="enforce")),
        (with_firmware(), lambda m: m.update(firmware=[])), (with_firmware(), lambda m: m.update(firmware={})),
        (with_firmware(), lambda m: m["firmware"][0].pop("name")),
        (with_firmware(), lambda m: m["firmware"][0].pop("state")),
        (with_firmware(), lambda m: m["firmware"][0].pop("pcrs")),
        (with_firmware(), lambda m: m["firmware"][0].update(pcrs={})),
        (with_firmware(), lambda m: m["firmware"][0].update(pcrs=["ab" * 32])),
        (with_firmware(), lambda m: m["firmware"][0]["pcrs"].update({"8": "ab" * 32})),
        (with_firmware(), lambda m: m["firmware"][0]["pcrs"].update({"00": "ab" * 32})),
        (with_firmware(), lambda m: m["firmware"][0]["pcrs"].update({"0": "ab"})),
        (with_firmware(), lambda m: m["firmware"][0].update(state="allowed-until")),
        (with_firmware(), lambda m: m["firmware"][0].update(secure_boot=True)),
        (with_firmware(), lambda m: m["firmware"][0].update(db="00")),
        (with_firmware(), lambda m: m["firmware"][0].update(until="2030-01-01")),
        (sources.images(), lambda i: i.update(images=[])), (sources.images(), lambda i: i["images"][0].pop("initrd")),
        (sources.images(), lambda i: i["images"][0].update(kind="kexec")),
        (sources.images(), lambda i: i["images"][0].update(root="00" * 32)),
        (sources.images(), lambda i: i["images"][0].update(uki="00" * 32)),
        (sources.images(), lambda i: i["images"][0].update(sections="00" * 32)),
        (sources.images(), lambda i: i["images"][1].update(uki="00" * 32, sections="00" * 32)),
        (sources.images(), lambda i: i["images"][1].pop("kind")), (sources.images(), lambda i: i["images"][1].update(kind="root")),
        (sources.images(), lambda i: i["images"][1].update(role="guest")),
        (waiver(), lambda w: w.pop("until")), (waiver(), lambda w: w.update(host="00")),
        (waiver(), lambda w: w.update(findings=[])), (waiver(), lambda w: w["findings"][0].pop("place")),
        (waiver(), lambda w: w["findings"][0].update(reason="Firmware")),
        (bearer(), lambda w: w.pop("generation")), (bearer(), lambda w: w["boots"].pop("to")),
        (bearer(), lambda w: w["boots"].update({"from": -1})), (bearer(), lambda w: w["boots"].update(to=1 << 32)),
        (bearer(), lambda w: w["boots"].update(last=43)), (bearer(), lambda w: w.update(boots=43)),
        (bearer(), lambda w: w["findings"].append(waiver()["findings"][0])),
        (bearer(), lambda w: w.update(findings=waiver()["findings"])),
        (bearer(), lambda w: w["findings"][0].update(place="board")),
        (bearer(), lambda w: w["findings"][0].update(found="x")),
        (revocations(), lambda r: r.pop("generation")), (revocations(), lambda r: r.update(revoke=[])),
        (revocations(), lambda r: r["revoke"][0].update(key="00")),
        (revocations(), lambda r: r["revoke"][0].update(digest="00" * 32)),
        (revocations(), lambda r: r["revoke"][1].pop("release")),
        (revocations(), lambda r: r["revoke"][0].update(release="1.0")),
    )
    for number, (source, change) in enumerate(table):
        document = json.loads(json.dumps(source))
        need(schema.valid(schema_for(document), document), f"{number}: the source is refused unchanged")
        change(document)
        text = json.dumps(document)
        need(not schema.valid(schema_for(source), document), f"{number}: the schema accepts {text}")
        write(t.path("bad.json"), text)
        result = t.ctl("manifest", "build", t.path("bad.json"), "--out", t.path("out"))
        need(result.code in (2, 3) and "[manifest-source]" in result.errors,
             f"{number}: {text}\n{result.describe()}")
        need(not os.path.exists(t.path("out")), f"{number}: something was written")
