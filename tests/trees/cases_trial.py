# SPDX-License-Identifier: GPL-3.0-or-later
"""manifest test: what new manifests would make of hosts that were measured before, and that its
verdicts are those of the gate, of verify and of the offline verifier."""
import json
import os
import shutil

import sources
import trees
from harness import case, need, read, write
from rehearsal import Host, next_boot, verify
from sources import Owner, components, model


def tried(t, new, *argv, code=None, parse=True):
    result = t.ctl("manifest", "test", new, *argv, *(["--json"] if parse else []), code=code)
    return json.loads(result.out) if parse else result


def scans(t, count, tampered=()):
    """Captures of one model, some with a flipped ROM."""
    folder = t.path("scans")
    for number in range(count):
        tree = trees.Tree(t.path(f"host-{number}"), trees.lab())
        if number in tampered:
            tree.flip("0000:01:00.0", 0x8000)
        write(f"{folder}/host-{number:02d}.json", t.holdfast("scan", "--json", "--sysfs", tree.sys, code=0).out)
    return folder


def lists(t, name="new", change=None):
    """Sources of the golden host in a folder, unsigned as an author has them."""
    golden = trees.Tree(t.path("golden-" + name), trees.lab())
    for source in components(golden) + [model()]:
        if change:
            change(source)
        write(t.path(name, (source.get("component") or source["model"]) + ".json"), json.dumps(source))
    return t.path(name)


@case
def trial_of_scans_names_the_odd_ones(t):
    new, folder = lists(t), scans(t, 6, tampered=(2, 4))
    found = tried(t, new, "--against", folder, code=0)	# nothing to be worse than
    need(found["counts"]["admitted"] == 4 and found["counts"]["held"] == 2, f"{found['counts']}")
    held = [os.path.basename(h["host"]) for h in found["hosts"] if h["after"]["outcome"] == "held"]
    need(held == ["host-02.json", "host-04.json"], f"{held}")
    text = tried(t, new, "--against", folder, code=0, parse=False)
    need("2 hosts: held" in text.text and "firmware-unknown" in text.text, text.describe())
    need(text.text.count("firmware-unknown") == 1, "one reason is told once for each host")
    need(max(map(len, text.text.splitlines())) <= 80, text.text)


@case
def trial_tells_what_concerns_most_hosts_first(t):
    """Two reasons: three hosts of one, one of the other, whatever their names."""
    new, folder = lists(t), t.path("scans")
    for number, (address, offset) in enumerate((("0000:00:01.0", 0x8000), *[("0000:01:00.0", 0x8000)] * 3)):
        tree = trees.Tree(t.path(f"host-{number}"), trees.lab())
        tree.flip(address, offset)
        write(f"{folder}/host-{number:02d}.json", t.holdfast("scan", "--json", "--sysfs", tree.sys, code=0).out)
    text = tried(t, new, "--against", folder, code=0, parse=False).text
    need(0 < text.find("3 hosts: held") < text.find("1 host: held"), text)
    need(text.find("host-01") < text.find("host-02") < text.find("host-03") < text.find("host-00"), text)


@case
def trial_against_the_current_ones(t):
    """What would get worse is exit 3, each host with its reason; what gets better is not."""
    def without_release(source):
        if source.get("component") == "e1000e":
            for release in source["releases"]:
                release["state"] = "revoked"

    current, folder = lists(t, "current"), scans(t, 3)
    new = lists(t, "new", without_release)
    worse = tried(t, new, "--against", folder, "--current", current, code=3)
    need(worse["counts"]["worse"] == 3 and worse["counts"]["held"] == 3, f"{worse['counts']}")
    first = worse["hosts"][0]
    need(first["worse"] and first["before"]["outcome"] == "admitted" and
         first["after"]["cause"] == "firmware-revoked" and first["after"]["place"], f"{first}")
    better = tried(t, current, "--against", folder, "--current", new, code=0)
    need(better["counts"]["better"] == 3 and better["counts"]["worse"] == 0, f"{better['counts']}")
    same = tried(t, current, "--against", folder, "--current", current, code=0)
    need(same["counts"]["better"] == 0 and same["counts"]["worse"] == 0, f"{same['counts']}")


@case
def trial_verdict_is_the_gates(t):
    """The same evidence: END of the gate, `evidence verify`, `verify` of the tree, and this."""
    for name, change in (("golden", None), ("flipped", lambda tree: tree.flip("0000:01:00.0", 0x8000)),
                         ("board", lambda tree: tree.flip("0000:00:01.0", 0x8000))):
        with t.sub(name) as inner:
            host = Host(inner)
            if change:
                change(host.tree)
            firmware_cause = "captured-tree" if not change else "firmware-unknown"
            host.boot(firmware_cause, 3)
            offline = json.loads(verify(host, "--json").out)["report"]["verdict"]
            folder = inner.path("verifier")
            mine = tried(inner, folder, "--against", host.evidence)["hosts"][0]
            if name == "golden":
                need(mine["after"]["outcome"] == "admitted" and mine["after"]["cause"] is None, f"{mine}")
                need(offline["status"] == "accepted", f"{offline}")
            else:
                need(mine["after"]["outcome"] == "held", f"{mine}")
                need((mine["after"]["cause"], mine["after"]["place"]) == (offline["cause"], offline["place"]),
                     f"{mine} {offline}")
                need(mine["before"]["outcome"] == "held" and mine["before"]["cause"] == offline["cause"], f"{mine}")
            need(mine["worse"] is False, f"{mine}")
            live = json.loads(inner.holdfast("verify", "--json", "--sysfs", host.tree.sys, "--manifests",
                                             f"{host.etc}/manifests.d", "--anchors", f"{host.etc}/anchors").out)
            need(live["verdict"]["cause"] == mine["after"]["cause"], f"{live['verdict']['cause']} {mine}")


@case
def trial_of_another_pcr(t):
    """The gate's log lies where its configuration says, and the controller finds it there."""
    host = Host(t)
    host.configure("pcr = 15\n")
    host.boot("captured-tree", 3, capped=False)
    verify(host, "--pcr", "15")
    found = tried(t, t.path("verifier"), "--against", host.evidence, code=0)
    need(found["counts"]["admitted"] == 1, f"{found}")


@case
def trial_of_an_enforced_model(t):
    """The recorded verdict is the yardstick: a host that was admitted in audit mode and would be held."""
    host = Host(t, model=model(mode="audit"))
    host.tree.flip("0000:01:00.0", 0x8000)
    host.boot("captured-tree", 3)
    verify(host)	# makes the folder of the verifier
    audit = tried(t, t.path("verifier"), "--against", host.evidence, code=0)
    need(audit["hosts"][0]["after"]["outcome"] == "would-hold", f"{audit}")
    for name in os.listdir(t.path("verifier")):
        if "lab-q35" in name:
            host.owner.sign(model(), t.path("verifier", name))
    enforce = tried(t, t.path("verifier"), "--against", host.evidence, code=3)
    need(enforce["hosts"][0]["before"]["outcome"] == "would-hold" and
         enforce["hosts"][0]["after"]["outcome"] == "held", f"{enforce}")


@case
def trial_of_what_is_no_evidence(t):
    """Nothing is passed over in silence: altered evidence, garbage, an empty folder."""
    host = Host(t)
    host.boot("captured-tree", 3)
    verify(host)
    folder, new = t.path("many"), t.path("verifier")
    shutil.copytree(host.evidence, f"{folder}/a-good")
    shutil.copytree(host.evidence, f"{folder}/b-altered")
    claims = bytearray(read(f"{folder}/b-altered/claims.cbor"))
    claims[len(claims) // 2] ^= 1
    write(f"{folder}/b-altered/claims.cbor", bytes(claims))
    write(f"{folder}/c-garbage.json", b"\x1b[2J{")
    found = tried(t, new, "--against", folder, code=3)
    need(found["counts"]["admitted"] == 1 and found["counts"]["not_judged"] == 2, f"{found['counts']}")
    text = tried(t, new, "--against", folder, code=3, parse=False)
    need("NOT JUDGED" in text.text and "\x1b" not in text.text, text.describe())
    os.makedirs(t.path("empty"))
    need("nothing was" in tried(t, new, "--against", t.path("empty"), code=2, parse=False).errors, "empty")
    need("manifest-missing" in tried(t, t.path("empty"), "--against", folder, code=3, parse=False).errors, "no manifests")
    tried(t, new, code=2, parse=False)


@case
def trial_demands_signatures_where_it_is_told_to(t):
    owner, new = Owner(t), lists(t)
    folder = scans(t, 1)
    anchors = owner.trust(t.path("anchors"))
    result = tried(t, new, "--against", folder, "--anchors", anchors, code=3, parse=False)
    need("manifest-unsigned" in result.errors, result.describe())
    signed = owner.sign_all(t.path("signed"), [json.loads(read(os.path.join(new, n))) for n in sorted(os.listdir(new))])
    tried(t, signed, "--against", folder, "--anchors", anchors, code=0)
