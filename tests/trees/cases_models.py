# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model can say beyond one part in one place; files of this release in later ones."""
import glob
import json
import os
import re

import sources
import trees
from harness import ROOT, case, need, read, write
from rehearsal import Host
from sources import components, judge, model, rule

FROZEN = os.path.join(ROOT, "tests/fixtures/frozen-")


def lab_tree(t, name="tree"):
    return trees.Tree(t.path(name), trees.lab())


def with_rules(good, change, **more):
    """The lab's manifests with its model's rules changed."""
    made = model(**more)
    rules = {r["name"]: r for r in made["rules"]}
    change(rules)
    made["rules"] = list(rules.values())
    return components(good) + [made]


def slot(tree, name, address):
    """As the kernel names a slot with an ACPI or native number."""
    write(f"{tree.sys}/bus/pci/slots/{name}/address", f"{address}\n")


@case
def model_names_a_slot(t):
    """By the kernel's name or, before it, by the board's own label."""
    good = lab_tree(t)

    def by_slot(label):
        def change(rules):
            del rules["nic-1"]["place"]
            rules["nic-1"]["slot"] = label
        return change
    slot(good, "7", "0000:01:00")
    with t.sub("right") as one:
        judge(one, good, good, code=0, sources=with_rules(good, by_slot("7")))
    with t.sub("wrong") as one:
        result = judge(one, good, good, code=3, sources=with_rules(good, by_slot("8")))
        one.refused(result, "part-moved")
        need("PCIe slot 7" in result.text, result.describe())
    trees.put_smbios(good.sys, [trees.smbios_slot("PCIe Slot 3 (CPU1)", 1, 0)])
    with t.sub("board") as one:
        judge(one, good, good, code=0, sources=with_rules(good, by_slot("PCIe Slot 3 (CPU1)")))
    with t.sub("kernel") as one:
        one.refused(judge(one, good, good, code=3, sources=with_rules(good, by_slot("7"))),
                    "part-moved")


@case
def model_slot_labels_that_lie(t):
    """A label is a place and nothing more; what is no label gives none."""
    good = lab_tree(t)
    write(f"{good.sys}/bus/pci/slots/1/address", "nonsense\n")
    write(f"{good.sys}/bus/pci/slots/2/address", "0000:01:00.0.0\n")
    trees.put_smbios(good.sys, [trees.smbios_slot("a\x1bb", 1, 0), trees.smbios_slot("  ", 1, 0),
                                trees.smbios_slot("x" * 65, 1, 0)])
    with t.sub("none") as one:
        judge(one, good, good, code=0)
        parts = json.loads(one.holdfast("scan", "--json", "--sysfs", good.sys, code=0).out)["parts"]
        need(all(p["slot"] is None for p in parts) and
             all(m["mkey"] != "slot" for p in parts for m in p["measurements"]), "nonsense became a label")
    slot(good, "9", "0000:01:00")

    def change(rules):
        del rules["nic-1"]["place"]
        rules["nic-1"]["slot"] = "9"
    good.flip("0000:01:00.0", 0x8000)
    with t.sub("flipped") as one:
        golden = lab_tree(t, "golden")
        one.refused(judge(one, good, golden, code=3, sources=with_rules(golden, change)),
                    "firmware-unknown")


@case
def model_identical_parts_in_many_places(t):
    good = lab_tree(t)

    def change(rules):
        rules["nic-1"]["places"] = [rules["nic-1"].pop("place"), rules.pop("nic-3")["place"]]
        rules["nic-1"].pop("count")
    with t.sub("good") as one:
        judge(one, good, good, code=0, sources=with_rules(good, change))
    description = trees.lab()
    trees.device(description, "02.1")["below"] = trees.device(description, "02.1")["below"]
    trees.device(description, "02.0")["below"] = []
    with t.sub("missing") as one:
        lacking = trees.Tree(one.path("tree"), description)
        result = judge(one, lacking, good, code=3, sources=with_rules(good, change))
        one.refused(result, "part-missing")
        need(trees.NIC1 in result.text, result.describe())


@case
def model_any_of_a_class(t):
    good = lab_tree(t)

    def change(rules):
        for name in ("nic-1", "nic-2", "nic-3"):
            del rules[name]
        rules["nics"] = {"name": "nics", "class": "0200", "count": 3, "least_method": "bytes"}
    with t.sub("good") as one:
        judge(one, good, good, code=0, sources=with_rules(good, change))
    with t.sub("flipped") as one:
        bad = lab_tree(one)
        bad.flip("0000:02:00.0", 0x8000)
        one.refused(judge(one, bad, good, code=3, sources=with_rules(good, change)),
                    "firmware-unknown")

    def too_few(rules):
        change(rules)
        rules["nics"]["count"] = 2
    with t.sub("extra") as one:
        one.refused(judge(one, good, good, code=3, sources=with_rules(good, too_few)),
                    "part-extra")


@case
def model_audit_for_one_rule(t):
    """The rule's part would hold the host and does not; another part still does."""
    host = Host(t, model=model(rules=[
        dict(r, mode="audit") if r["name"] == "nic-1" else r for r in model()["rules"]]))
    host.tree.flip("0000:01:00.0", 0x8000)
    result = host.boot("captured-tree", 3)
    need("WOULD HOLD  " + trees.NIC1 in result.text, result.describe())
    with t.sub("other") as one:
        other = Host(one, model=model(rules=[
            dict(r, mode="audit") if r["name"] == "nic-1" else r for r in model()["rules"]]))
        other.tree.flip("0000:02:00.0", 0x8000)
        other.boot("firmware-unknown", 3)


@case
def model_allowed_until(t):
    """A host without a trusted clock goes on and says so; the offline verifier has one."""
    good = lab_tree(t)
    for name, until, code in (("later", "2199-12-31", 0), ("past", "2020-01-01", 0)):
        made = components(good) + [model()]
        made[1]["releases"][0].update(state="allowed-until", until=until)
        with t.sub(name) as one:
            result = judge(one, good, good, code=code, sources=made)
            need("date-unchecked" in result.text and until in result.text, result.describe())


@case
def model_refusal_explains_itself(t):
    good, bad = lab_tree(t), lab_tree(t, "bad")
    made = components(good)
    for name, state in (("1.1", "allowed"), ("0.9", "revoked")):
        other = json.loads(json.dumps(made[1]["releases"][0]))
        other.update(name=name, state=state)
        for function in other["functions"]:
            function["measurements"] = sources.window(name.encode())
        made[1]["releases"].append(other)
    made[1]["releases"][-1]["note"] = "leaks keys"
    bad.flip("0000:01:00.0", 0x8000)
    result = judge(t, bad, good, "--json", code=3, sources=made + [model()])
    part = [p for p in json.loads(result.text)["verdict"]["parts"] if p["place"] == trees.NIC1][0]
    finding = part["findings"][0]
    need(part["component"] == "e1000e" and part["rule"] == "nic-1", str(part))
    need(finding["release"] == "1.0" and finding["mkey"] == "option-rom/window", str(finding))
    need([a["release"] for a in finding["allowed"]] == ["1.0", "1.1"], str(finding))
    need(finding["allowed_count"] == 2 and finding["found"] != finding["expected"], str(finding))


def frozen_files(t, release, count):
    """Signed once, with a key that is gone: every later version has to say the same of them."""
    files = sorted(glob.glob(f"{FROZEN}{release}/*.corim"))
    need(len(files) >= count, f"{FROZEN}{release}: {files}")
    for path in files:
        shown = t.ctl("manifest", "show", path, "--anchors", f"{FROZEN}{release}/anchors", code=0)
        with open(path[:-6] + ".json", encoding="utf-8") as file:
            want = file.read()
        need(shown.text == want, f"{path}: it means something else now\n{shown.text}")
        need("note:" not in shown.errors, shown.describe())
        rebuilt = t.path("again.cbor")
        t.ctl("manifest", "build", path[:-6] + ".json", "--out", rebuilt, code=0)
        need(read(rebuilt) in read(path), f"{path}: its source builds to other bytes now")


@case
def frozen_files_of_release_0_1_mean_the_same(t):
    frozen_files(t, "0.1", 7)


@case
def frozen_files_of_release_0_2_mean_the_same(t):
    frozen_files(t, "0.2", 1)


@case
def frozen_files_of_release_0_3_mean_the_same(t):
    """What devices sign: blocks by number, bytes under a mask, SHA-512, signed-unbound."""
    frozen_files(t, "0.3", 2)


@case
def frozen_files_of_release_0_4_mean_the_same(t):
    """Service images, and the owner's release of a host."""
    frozen_files(t, "0.4", 2)
