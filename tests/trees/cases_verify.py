# SPDX-License-Identifier: GPL-3.0-or-later
"""holdfast verify: the lab host judged by hand-written manifests, good and tampered."""
import json
import os
import re

import make_tree
import sources
import trees
from harness import case, need, read, snapshot, write
from sources import Owner, components, judge, model


def golden(t):
    return trees.Tree(t.path("golden"), trees.lab())


def tree(t, description=None, **more):
    return trees.Tree(t.path("tree"), description or trees.lab(), **more)


def held(t, altered, cause, *argv, code=3, **more):
    result = judge(t, altered, golden(t), *argv, code=code, **more)
    need(cause in result.text + result.errors, f"wanted {cause}\n{result.describe()}")
    need("next" in result.text + result.errors, f"no next step\n{result.describe()}")
    return result


@case
def verify_golden_is_accepted(t):
    good = tree(t)
    before = snapshot(t.path("tree"))
    result = judge(t, good, good, code=0)
    need(before == snapshot(t.path("tree")), "verify wrote to the captured tree")
    t.golden("verify-lab.txt", re.sub(r"[0-9a-f]{16}\.\.\.", "<digest>", result.text))


@case
def verify_golden_json(t):
    good = tree(t)
    found = json.loads(judge(t, good, good, "--json", code=0).out)
    text = json.dumps(found)
    need('"accepted"' in text and '"held"' not in text, text[:2000])


@case
def verify_other_bus_numbers_are_the_same_host(t):
    judge(t, tree(t, gap=2), golden(t), code=0)


@case
def verify_single_files(t):
    good, owner = tree(t), Owner(t)
    files = [owner.sign(s, t.path("single", f"{n}.corim"))
             for n, s in enumerate(components(good) + [model()])]
    anchors = owner.trust(t.path("anchors"))
    t.holdfast("verify", "--anchors", anchors, "--sysfs", good.sys, "--manifest", *files, code=0)
    result = t.holdfast("verify", "--anchors", anchors, "--sysfs", good.sys, "--manifest",
                        *files[:-1], code=3)
    t.refused(result, "model-none")


@case
def verify_rom_byte_flipped(t):
    """Any byte: header, first image, second image, padding."""
    good = golden(t)
    owner = Owner(t)
    folder = owner.sign_all(t.path("m"), components(good) + [model()])
    anchors = owner.trust(t.path("anchors"))
    images = trees.rom_images(good.rom("0000:01:00.0"))
    size = len(good.rom("0000:01:00.0"))
    last_end = sum(images[-1])
    need(last_end < size, "no padding to flip")
    for offset in (0x30, images[0][1] - 1, images[1][0] + 0x200, last_end - 1, last_end, size - 1):
        bad = tree(t)
        bad.flip("0000:01:00.0", offset)
        result = t.holdfast("verify", "--manifests", folder, "--anchors", anchors,
                            "--sysfs", bad.sys)
        need(result.code in (3, 4), f"offset {offset}\n{result.describe()}")
        both = result.text + result.errors
        need("firmware-unknown" in both or "uncovered" in both,
             f"offset {offset}\n{result.describe()}")
        need(trees.NIC1 in both, f"offset {offset}: the part is not named\n{result.describe()}")
        need(both.count("held") >= 1, result.describe())


@case
def verify_rom_byte_flipped_report(t):
    bad = tree(t)
    bad.flip("0000:01:00.0", 0x8000)
    result = held(t, bad, "firmware-unknown")
    t.golden("verify-rom-flipped.txt", re.sub(r"[0-9a-f]{16,}", "<digest>", result.text))
    found = json.loads(judge(t, bad, golden(t), "--json", code=3,
                             owner=Owner(t, "second")).out)
    need("firmware-unknown" in json.dumps(found), "the JSON does not say why")


@case
def verify_flip_below_the_switch(t):
    bad = tree(t)
    bad.flip("0000:05:00.0", 0x8000)
    need(trees.NIC2 in held(t, bad, "firmware-unknown").text, "the wrong part is named")


@case
def verify_flip_on_the_board(t):
    bad = tree(t)
    bad.flip("0000:00:01.0", 0x8000)
    held(t, bad, "firmware-unknown")


@case
def verify_third_image(t):
    """A well-formed chain that is one image longer."""
    bad = tree(t)
    bad.put("0000:01:00.0", "rom", trees.rom_with_third_image(bad.rom("0000:01:00.0")))
    result = judge(t, bad, golden(t), code=3)
    need("firmware-unknown" in result.text or "uncovered" in result.text, result.describe())


@case
def verify_rom_where_none_belongs(t):
    """Code for which there is no reference value: extras are not ignored."""
    description = trees.lab()
    drive = trees.device(description, "02.2", "00.0", "01.0", "00.0")
    drive["rom"] = {"images": [{"code": 3, "size": 4096}], "seed": "implant"}
    held(t, tree(t, description), "uncovered")


@case
def verify_rom_gone(t):
    """The file is gone, or the device has no ROM register any more."""
    bad = tree(t)
    bad.remove("0000:01:00.0", "rom")
    result = judge(t, bad, golden(t), code=None)
    need(result.code in (3, 4), result.describe())
    description = trees.lab()
    del trees.device(description, "02.0", "00.0")["rom"]
    result = judge(t, tree(t, description), golden(t), code=None, owner=Owner(t, "second"))
    need(result.code in (3, 4) and "measurement-missing" in result.text, result.describe())


@case
def verify_roms_not_read(t):
    """What was not measured does not pass."""
    result = judge(t, tree(t), golden(t), "--rom=none", code=None)
    need(result.code in (3, 4), result.describe())


@case
def verify_roms_swapped(t):
    """Two genuine ROMs, each on the other's card."""
    bad = tree(t)
    one, two = bad.rom("0000:01:00.0"), bad.rom("0000:02:00.0")
    bad.put("0000:01:00.0", "rom", two)
    bad.put("0000:02:00.0", "rom", one)
    held(t, bad, "firmware-unknown")


def plug(description, port, card):
    trees.device(description, port)["below"] = [card]


@case
def verify_one_too_many(t):
    description = trees.lab()
    plug(description, "02.3", dict(trees.device(description, "02.0", "00.0"),
                                   serial="525400ffff123403"))
    result = judge(t, tree(t, description), golden(t), code=3)
    need("part-extra" in result.text or "part-unknown" in result.text, result.describe())
    need("pci0000:00/02.3/00" in result.text, result.describe())


@case
def verify_one_missing(t):
    description = trees.lab()
    plug(description, "02.1", {})
    trees.device(description, "02.1")["below"] = []
    result = held(t, tree(t, description), "part-missing")
    need(trees.VIRTIO in result.text, f"the empty place is not named\n{result.describe()}")


@case
def verify_moved(t):
    description = trees.lab()
    card = trees.device(description, "02.1", "00.0")
    trees.device(description, "02.1")["below"] = []
    plug(description, "02.3", card)
    held(t, tree(t, description), "part-moved")


@case
def verify_two_cards_swapped_places(t):
    description = trees.lab()
    one, two = (trees.device(description, port)["below"] for port in ("02.0", "02.1"))
    trees.device(description, "02.0")["below"], trees.device(description, "02.1")["below"] = two, one
    result = judge(t, tree(t, description), golden(t), code=3)
    need("part-" in result.text, result.describe())


@case
def verify_unknown_part(t):
    description = trees.lab()
    plug(description, "02.3", {"at": "00.0", "vendor": "1af4", "device": "1050",
                               "class": "030000"})
    held(t, tree(t, description), "part-unknown")


@case
def verify_hidden_function(t):
    """A second function on a genuine card."""
    description = trees.lab()
    card = trees.device(description, "02.0", "00.0")
    card["multi"] = True
    trees.device(description, "02.0")["below"].append(
        dict(card, at="00.1", device="0d57", serial="1"))
    result = judge(t, tree(t, description), golden(t), code=3)
    need("[" in result.text, result.describe())


@case
def verify_malformed_rom_is_held(t):
    for name, rom in (("noise", make_tree.noise("x", 4096)), ("cut", b"\x55\xaa"),
                      ("zeros", bytes(65536))):
        bad = tree(t)
        bad.put("0000:01:00.0", "rom", rom)
        result = judge(t, bad, golden(t), code=None, owner=Owner(t, f"owner-{name}"))
        need(result.code in (3, 4), f"{name}\n{result.describe()}")
        need(trees.NIC1 in result.text, result.describe())


@case
def verify_unreadable_devices_are_held(t):
    for name, config, cause in (("short", None, "config-short"),
                                ("gone", b"\xff" * 4096, "device-gone")):
        bad = tree(t)
        config = config or read(bad.file("0000:06:00.0", "config"))[:64]
        bad.put("0000:06:00.0", "config", config)
        result = judge(t, bad, golden(t), code=None, owner=Owner(t, f"owner-{name}"))
        need(result.code in (3, 4), f"{name}\n{result.describe()}")
        need(cause in result.text + result.errors or "part-missing" in result.text,
             f"{name}: wanted {cause}\n{result.describe()}")


@case
def verify_old_and_revoked_releases(t):
    good = tree(t)
    for state, cause in (("update", "firmware-old"), ("revoked", "firmware-revoked")):
        changed = components(good) + [model()]
        changed[1]["releases"][0].update(state=state, note="a bug in it")
        result = judge(t, good, good, code=3, owner=Owner(t, state), sources=changed)
        need(cause in result.text, result.describe())


@case
def verify_method_too_weak(t):
    good = tree(t)
    demanding = model()
    demanding["rules"][-1]["least_method"] = "bytes"
    result = judge(t, good, good, code=3, sources=components(good) + [demanding])
    need("method-too-weak" in result.text, result.describe())


@case
def verify_warned_is_admitted(t):
    """The owner's own rule may warn in place of holding, and says so."""
    bad = tree(t)
    bad.flip("0000:01:00.0", 0x8000)
    lenient = model()
    lenient["rules"][1]["action"] = "warn"
    result = judge(t, bad, golden(t), code=0, sources=components(golden(t)) + [lenient])
    need("firmware-unknown" in result.text and "warned" in result.text, result.describe())


# ---- manifests themselves


def with_manifests(t, cause, change=None, code=3, sign=None, **more):
    """Good host, good manifests, then something is done to the folder."""
    good, owner = tree(t), Owner(t)
    folder = owner.sign_all(t.path("manifests.d"),
                            more.get("sources") or components(good) + [model()])
    if change:
        change(folder, owner)
    anchors = more.get("anchors") or owner.trust(t.path("anchors"))
    result = t.holdfast("verify", "--manifests", folder, "--anchors", anchors,
                        "--sysfs", good.sys, code=code)
    t.refused(result, cause)
    t.narrow(t.normalise(result.errors))
    return result


def first(folder):
    return os.path.join(folder, sorted(os.listdir(folder))[0])


@case
def verify_manifest_signed_by_another_key(t):
    def change(folder, owner):
        stranger = Owner(t, "stranger")
        stranger.sign(model(), os.path.join(folder, "99-model.corim"))
    with_manifests(t, "signer-unknown", change)


@case
def verify_manifest_byte_flipped(t):
    """Wherever it is flipped, it is refused; in the payload the signature says so."""
    good, owner = tree(t), Owner(t)
    folder = owner.sign_all(t.path("manifests.d"), components(good) + [model()])
    anchors = owner.trust(t.path("anchors"))
    path = first(folder)
    data = read(path)
    for offset in sorted({0, 1, 2, 8, len(data) // 2, len(data) - 100, len(data) - 1}):
        changed = bytearray(data)
        changed[offset] ^= 0x01
        write(path, bytes(changed))
        result = t.holdfast("verify", "--manifests", folder, "--anchors", anchors,
                            "--sysfs", good.sys, code=3)
        need("[" in result.errors and os.path.basename(path) in t.normalise(result.errors),
             f"offset {offset}\n{result.describe()}")
        if offset == len(data) // 2:
            t.refused(result, "signature-invalid")


@case
def verify_manifest_truncated(t):
    def change(folder, owner):
        data = read(first(folder))
        write(first(folder), data[:len(data) // 2])
    with_manifests(t, "cbor-truncated", change)


@case
def verify_manifest_with_a_tail(t):
    def change(folder, owner):
        write(first(folder), read(first(folder)) + b"\0")
    with_manifests(t, "cbor-trailing-bytes", change)


@case
def verify_manifest_is_garbage(t):
    for name, data in (("noise", make_tree.noise("garbage", 4096)), ("text", b"hello\n"),
                       ("empty", b""), ("deep", b"\x81" * 5000), ("bomb", b"\x9b" + b"\xff" * 8)):
        good, owner = tree(t), Owner(t, name)
        folder = owner.sign_all(t.path(f"m-{name}"), components(good) + [model()])
        write(os.path.join(folder, "00-bad.corim"), data)
        result = t.holdfast("verify", "--manifests", folder, "--anchors",
                            owner.trust(t.path(f"a-{name}")), "--sysfs", good.sys, code=3)
        need("[" in result.errors and "00-bad.corim" in t.normalise(result.errors),
             f"{name}\n{result.describe()}")


@case
def verify_manifest_oversized(t):
    def change(folder, owner):
        with open(first(folder), "r+b") as file:
            file.truncate((8 << 20) + 1)
    with_manifests(t, "file-too-large", change, code=None)


@case
def verify_manifest_unsigned(t):
    good, owner = tree(t), Owner(t)
    folder = t.path("m")
    write(t.path("model.json"), json.dumps(model()))
    os.makedirs(folder)
    t.ctl("manifest", "build", t.path("model.json"), "--out", f"{folder}/model.corim", code=0)
    result = t.holdfast("verify", "--manifests", folder, "--anchors",
                        owner.trust(t.path("anchors")), "--sysfs", good.sys, code=3)
    need("manifest-unsigned" in result.errors or "cose-shape" in result.errors, result.describe())


@case
def verify_manifest_missing(t):
    good, owner = tree(t), Owner(t)
    os.makedirs(t.path("empty"))
    result = t.holdfast("verify", "--manifests", t.path("empty"), "--anchors",
                        owner.trust(t.path("anchors")), "--sysfs", good.sys, code=3)
    t.refused(result, "manifest-missing")


@case
def verify_without_anchors(t):
    os.makedirs(t.path("none"))
    with_manifests(t, "anchor-missing", anchors=t.path("none"))


@case
def verify_two_models(t):
    good = tree(t)
    with_manifests(t, "model-ambiguous",
                   sources=components(good) + [model(), model(model="lab-q35-again")])


@case
def verify_no_model_for_this_host(t):
    good = tree(t)
    with_manifests(t, "model-none", sources=components(good) + [model(product="Another PC")])


@case
def verify_model_without_smbios(t):
    """A capture that does not say what it is matches no model, not even an empty one."""
    good, owner = tree(t), Owner(t)
    folder = owner.sign_all(t.path("m"), components(good) + [model()])
    os.unlink(f"{good.sys}/class/dmi/id/product_name")
    result = t.holdfast("verify", "--manifests", folder, "--anchors",
                        owner.trust(t.path("anchors")), "--sysfs", good.sys, code=3)
    t.refused(result, "model-none")


@case
def verify_audit_mode_still_says_what_it_would_do(t):
    bad = tree(t)
    bad.flip("0000:01:00.0", 0x8000)
    result = judge(t, bad, golden(t), code=3,
                   sources=components(golden(t)) + [model(mode="audit")])
    need("audit" in result.text and "firmware-unknown" in result.text, result.describe())
