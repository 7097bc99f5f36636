# SPDX-License-Identifier: GPL-3.0-or-later
"""Rings: two controllers on one store, the shipped agent, and a set of manifests on its way from
observe to enforce. Nothing bites before it was tried, and nobody is judged by another's ring."""
import copy
import json
import os
import signal
import subprocess
import time
import urllib.parse

import postgres
import sources
from cases_end_to_end import HOST, fleet
from controller import ROOT, Controller
from harness import need

MAKE = ["holdfast", "holdfastctl", "holdfastd"]
CPIO = "application/x-cpio"
CTL = os.path.join(ROOT, "build", os.environ.get("MODE", "release"), "holdfastctl")


def newc(files, folder="etc/holdfast/manifests.d/"):
    """An archive as the kernel's documentation has it, by hand."""
    out = b""
    for name, data in [*((folder + n, d) for n, d in sorted(files.items())), ("TRAILER!!!", b"")]:
        text = name.encode() + b"\0"
        mode = 0o100644 if data else 0
        fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(text), 0)
        out += b"070701" + b"".join(b"%08x" % f for f in fields) + text
        out += b"\0" * (-len(out) % 4) + data
        out += b"\0" * (-len(out) % 4)
    return out


def files_of(archive):
    """The regular files of an archive that the controller made, by their own names: as the kernel
    unpacks it, folders come before what is in them."""
    found, at, folders = {}, 0, set()
    while True:
        fields = [int(archive[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        need(archive[at:at + 6] == b"070701", f"no header at {at}")
        name = archive[at + 110:at + 110 + fields[11] - 1].decode()
        at += -(-(110 + fields[11]) // 4) * 4
        data = archive[at:at + fields[6]]
        at += -(-fields[6] // 4) * 4
        if name == "TRAILER!!!":
            return found
        if fields[1] & 0o170000 == 0o040000:
            folders.add(name)
            continue
        need(os.path.dirname(name) in folders and name.startswith("etc/holdfast/manifests.d/"), name)
        found[os.path.basename(name)] = data


class Rings:
    """A fleet of one host; sets of manifests as its owner would sign them."""

    def __init__(self, f):
        self.f, self.number, self.boots = f, 0, 1

    def manifests(self, generation, mode="enforce", spoil=False):
        """spoil: a list that does not know the card's ROM."""
        parts = sources.components(self.f.host.golden)
        if spoil:
            parts = copy.deepcopy(parts)
            values = parts[1]["releases"][0]["functions"][0]["measurements"]["option-rom/window"]
            values.update({name: "00" * (len(text) // 2) for name, text in values.items()})
        folder = self.f.t.path(f"ring-{self.number}")
        self.number += 1
        self.f.host.owner.sign_all(folder, parts + [sources.model(generation=generation, mode=mode), sources.images()])
        return folder

    @staticmethod
    def reload(c):
        before = len(c.events)
        c.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 30
        while not any(event["event"].startswith("reload") for event in c.events[before:]):
            need(time.monotonic() < deadline, f"no reload\n{c.words()}")
            time.sleep(0.05)
        need(any(event["event"] == "reloaded" for event in c.events[before:]), c.words())

    @staticmethod
    def archive(folder):
        found = {}
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), "rb") as file:
                found[name] = file.read()
        return newc(found)

    def put(self, c, folder, stage, status=200, why=None, role="admin", ring="canary"):
        body = folder if isinstance(folder, bytes) else self.archive(folder)
        more = "&accept-worse=" + urllib.parse.quote(why) if why else ""
        got, _, data = c.ask("PUT", f"/v1/rings/{ring}?stage={stage}{more}", body, role, CPIO)
        need(got == status, f"put {stage}: {got}, wanted {status}: {data[:600]!r}\n{c.words()}")
        return json.loads(data)

    def boot(self, c, cause):
        c.api("POST", f"/v1/hosts/{HOST}/reclaim", {"lease": f"lease-{self.boots}", "power-cycled": True})
        self.boots += 1
        self.f.next_boot(self.boots)
        result = self.f.boot(cause)
        shown = c.api("GET", f"/v1/hosts/{HOST}")
        need(shown["ticketed"] == (cause == "captured-tree"), f"{shown}\n{result.describe()}\n{c.words()}")
        return shown

    def bring(self, c):
        """What a boot server does: the archive of this host's ring behind its image."""
        got, headers, data = c.ask("GET", f"/v1/hosts/{HOST}/manifests", role="relying-party")
        need(got == 200 and headers["Content-Type"] == CPIO, f"{got} {headers} {data[:300]!r}")
        again = c.ask("GET", f"/v1/hosts/{HOST}/manifests", role="relying-party",
                      headers={"If-None-Match": headers["ETag"]})
        need(again[0] == 304 and not again[2] and again[1]["ETag"] == headers["ETag"], f"{again[:2]}")
        other = c.ask("GET", f"/v1/hosts/{HOST}/manifests", role="relying-party", headers={"If-None-Match": '"0"'})
        need(other[0] == 200 and other[2] == data, f"{other[:2]}")
        found = files_of(data)
        folder = f"{self.f.host.etc}/manifests.d"
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))
        for name, content in found.items():
            if "images" in name:  # the host's store has its own
                continue
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)
        return headers["ETag"]


def from_observe_to_enforce(store=None):
    with fleet() as f, Controller(f.setup, store) as one, Controller(f.setup, store or one.store) as two:
        r = Rings(f)
        f.ask(one, two)
        got, _, said = one.ask("POST", "/v1/hosts", json.dumps([f.inventory(ring="canary")]).encode())
        need(got == 404 and b"ring-unknown" in said, f"a host of no ring: {got} {said!r}")
        before = files_of(one.ask("GET", "/v1/rings/default/manifests")[2])
        need(len(before) == len(os.listdir(f.setup.manifests)), f"the default ring's archive: {sorted(before)}")
        need(r.put(one, r.manifests(8, spoil=True), "observe")["ring"]["hosts"] == 0, "a new ring")
        two.api("POST", "/v1/hosts", [f.inventory(ring="canary")])
        tag = r.bring(two)

        shown = r.boot(two, "captured-tree")  # judged by the default ring; the other one only looks
        verdict = shown["last-verdict"]
        need(shown["ring"] == "canary" and verdict["ring"] == "canary", f"{shown}")
        need(verdict["observed"] == "held" and "firmware-unknown" in verdict["observed-why"], f"{verdict}")
        told = [e for c in (one, two) for e in c.events if e["event"] == "verdict" and e.get("observed")]
        need(told and told[0]["ring"] == "canary" and "firmware-unknown" in told[0]["observed-why"], f"{told}")
        metrics = one.ask("GET", "/metrics")[2].decode()
        need('holdfast_ring_hosts{ring="canary",observed="held"} 1' in metrics, "no ring among the metrics")

        worse = r.put(two, r.manifests(8, spoil=True), "enforce", 409)  # promotion by the other controller
        need(worse["cause"] == "ring-worse" and worse["tried"]["worse"] == 1, f"{worse}")
        need(worse["worse"][0]["host"] == HOST and worse["worse"][0]["after"] == "held" and
             worse["worse"][0]["before"] == "admitted" and worse["worse"][0]["cause"] == "firmware-unknown", f"{worse}")
        need(one.api("GET", "/v1/rings/canary")["stage"] == "observe", "a refused ring was put")
        need(r.put(one, r.manifests(8), "audit", 400)["cause"] == "ring-stage", "a model that enforces in an audit")

        good = r.manifests(8)
        tried = r.put(one, good, "enforce")["tried"]
        need(tried == {"hosts": 1, "tried": 1, "better": 0, "worse": 0}, f"{tried}")
        ring = two.api("GET", "/v1/rings/canary")
        need(ring["stage"] == "enforce" and ring["hosts"] == 1 and ring["models"] ==
             [{"name": "lab-q35", "generation": 8, "mode": "enforce"}], f"{ring}")
        shown = r.boot(two, "ticket-other-policy")  # it brought the generation of before
        detail = shown["last-verdict"]["detail"]
        need("generation 7" in detail and "ring canary wants generation 8" in detail, detail)
        need(r.bring(one) not in (tag, None), "the same tag for another generation")
        r.boot(one, "captured-tree")
        r.boot(two, "captured-tree")

        down = r.put(two, r.manifests(7), "enforce", 409)
        need(down["worse"] == [{"model": "lab-q35", "cause": "manifest-generation", "before": 8, "after": 7}], f"{down}")
        r.put(two, r.manifests(7), "enforce", why="8 was withdrawn: ticket 4711")
        audit = one.ask("GET", "/v1/audit?limit=20")[2]
        need(b"8 was withdrawn: ticket 4711" in audit, "the reason is not in the audit")
        need(one.api("DELETE", "/v1/rings/canary", status=409)["cause"] == "ring-in-use", "a ring with hosts in it")
        moved = one.api("PUT", f"/v1/hosts/{HOST}/ring", {"ring": "default"})
        need(moved["moved"] == 1 and moved["ring"] is None, f"{moved}")
        one.api("DELETE", "/v1/rings/canary", status=204)
        need(two.api("GET", "/v1/rings")["rings"] == [], "a ring that was removed")
        need(two.api("GET", "/v1/audit/verify")["intact"], "the audit")


def on_postgres():
    with postgres.Postgres() as database:
        from_observe_to_enforce(database.fresh())


def moves_are_tried():
    """A ring that nobody is in can hold anything: what brings a host into it is tried as well."""
    with fleet() as f, Controller(f.setup) as c:
        r = Rings(f)
        f.ask(c)
        c.api("POST", "/v1/hosts", [f.inventory()])
        r.boot(c, "captured-tree")
        r.put(c, r.manifests(8, spoil=True), "enforce")
        for method, path, body in (("PUT", f"/v1/hosts/{HOST}/ring", {"ring": "canary"}),
                                   ("POST", "/v1/rings/canary/assign", {"model": "lab-q35"})):
            said = c.api(method, path, body, status=409)
            need(said["cause"] == "ring-worse" and said["worse"][0]["host"] == HOST, f"{said}")
        need(c.api("GET", f"/v1/hosts/{HOST}")["ring"] == "default", "a refused move")
        got, _, said = c.ask("POST", "/v1/hosts", json.dumps([f.inventory(ring="canary")]).encode())
        need(got == 409 and b"holdfastctl host ring" in said, f"moved by an import: {got} {said!r}")
        c.api("POST", "/v1/hosts", [f.inventory()])
        said = c.api("PUT", f"/v1/hosts/{HOST}/ring", {"ring": "canary", "accept-worse": "a drill"})
        need(said["moved"] == 1 and said["tried"]["worse"] == 1, f"{said}")
        c.api("POST", "/v1/hosts", [f.inventory()])  # says nothing of a ring: it stays
        need(c.api("GET", f"/v1/hosts/{HOST}")["ring"] == "canary", "an import took a host out of its ring")
        need(c.api("POST", "/v1/rings/default/assign", {"model": "lab-q35"})["moved"] == 1, "back")
        c.api("PUT", f"/v1/hosts/{HOST}/ring", {"ring": "nowhere"}, status=404)


def no_way_back_to_an_older_generation():
    """Hosts remember the greatest that they saw: neither a move nor a promotion may surprise them."""
    with fleet() as f, Controller(f.setup) as c:
        r = Rings(f)
        f.ask(c)
        c.api("POST", "/v1/hosts", [f.inventory()])
        r.boot(c, "captured-tree")  # by the default ring's generation 7
        r.put(c, r.manifests(8), "enforce")
        said = c.api("PUT", f"/v1/hosts/{HOST}/ring", {"ring": "canary"})
        need(said["tried"] == {"hosts": 1, "tried": 1, "better": 0, "worse": 0}, f"{said}")
        for method, path, body in (("PUT", f"/v1/hosts/{HOST}/ring", {"ring": "default"}),
                                   ("POST", "/v1/rings/default/assign", {"model": "lab-q35"})):
            said = c.api(method, path, body, status=409)
            need([(w["host"], w["after"], w["cause"]) for w in said["worse"]] ==
                 [(HOST, "held", "manifest-generation")], f"{said}")
        said = r.put(c, r.manifests(6), "observe", 409)  # the default ring gates again, by 7
        need(said["worse"] == [{"model": "lab-q35", "cause": "manifest-generation", "before": 8, "after": 7}], f"{said}")
        c.api("PUT", f"/v1/hosts/{HOST}/ring", {"ring": "default", "accept-worse": "a drill"})
        r.put(c, r.manifests(6), "observe", why="nobody is in it")
        c.api("PUT", f"/v1/hosts/{HOST}/ring", {"ring": "canary"})
        said = r.put(c, r.manifests(6), "enforce", 409)
        need(said["worse"] == [{"model": "lab-q35", "cause": "manifest-generation", "before": 7, "after": 6}], f"{said}")


def what_is_no_ring():
    """Nobody but an admin, nothing unsigned, nothing that is no file of manifests."""
    with fleet() as f, Controller(f.setup) as c:
        r = Rings(f)
        folder = r.manifests(8)
        good, files = r.archive(folder), {}
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), "rb") as file:
                files[name] = file.read()
        for role in ("relying-party", "viewer", "operator"):
            r.put(c, good, "enforce", 403, role=role)
        stranger = sources.Owner(f.t, "stranger")
        folder = f.t.path("theirs")
        stranger.sign_all(folder, [sources.model(generation=9)])
        need(r.put(c, folder, "enforce", 400)["cause"] == "signer-unknown", "a stranger's manifest")
        model = next(name for name in files if "lab-q35" in name)
        spoilt = dict(files, **{model: files[model][:-1] + bytes([files[model][-1] ^ 1])})
        r.put(c, newc(spoilt), "enforce", 400)
        for body, word in ((b"", "no newc archive"), (good[:-200], "archive"), (newc({}), "no manifest"),
                           (newc(files, "etc/"), "is no file"), (newc({"../../x.corim": b"x"}), "is no file"),
                           (newc({".x.corim": b"x"}), "is no file"), (newc({"x.sh": b"x"}), "is no file"),
                           (newc(files)[:-124] + newc(files), "there twice"),
                           (newc({n: d for n, d in files.items() if n != model}), "no model")):
            said = r.put(c, body, "enforce", 400)
            need(word in said["detail"], f"wanted {word}: {said}")
        r.put(c, good, "asleep", 400)
        r.put(c, good, "enforce", 400, ring="default")
        r.put(c, good, "enforce", 400, why="x" * 201)
        need(c.ask("PUT", "/v1/rings/canary?stage=enforce", good, "admin", "application/json")[0] == 400, "media type")
        need(c.api("GET", "/v1/rings")["rings"] == [], "a refused ring is there")
        r.put(c, good, "enforce")
        need(files_of(c.ask("GET", "/v1/rings/canary/manifests", role="relying-party")[2]) == files, "other files came back")
        c.api("GET", "/v1/rings/canary", role="relying-party", status=403)
        c.api("GET", "/v1/rings/nowhere", status=404)


def what_is_revoked():
    """What the owner takes back in the default ring is taken back in all of them; and a ring whose signer
    nobody trusts any more judges nobody, to the good or to the bad."""
    with fleet() as f, Controller(f.setup) as c:
        r = Rings(f)
        f.host.configure(f"controller = {c.url}\ncontroller-seconds = 5\n", policy="controller")
        second = sources.Owner(f.t, "second")
        second.trust(f.setup.anchors)
        r.reload(c)
        folder = f.t.path("by-second")
        second.sign_all(folder, sources.components(f.host.golden) + [sources.model(), sources.images()])
        r.put(c, folder, "enforce")
        c.api("POST", "/v1/hosts", [f.inventory(ring="canary")])
        r.boot(c, "captured-tree")

        taken_back = f"{f.setup.manifests}/99-revocations.corim"
        f.host.owner.sign({"format": 1, "revocations": "recall", "generation": 1, "revoke": [
            {"component": "e1000e", "release": "1.0", "note": "recalled"}]}, taken_back)
        r.reload(c)
        shown = r.boot(c, "firmware-revoked")
        need(shown["last-verdict"]["ring"] == "canary", f"{shown}")
        os.unlink(taken_back)
        r.reload(c)
        r.boot(c, "captured-tree")

        os.unlink(f"{f.setup.anchors}/owner/second.pem")
        r.reload(c)
        r.boot(c, "controller-")
        verdicts = c.api("GET", f"/v1/hosts/{HOST}/verdicts")["verdicts"]
        need(len([v for v in verdicts if v["kind"] == "gate"]) == 3, f"a verdict by no manifests: {verdicts}")
        need(c.wait_for("request-failed")["cause"] == "signer-unknown", "another cause")
        tried = r.put(c, r.manifests(7), "enforce")["tried"]  # what let nobody through keeps no other out
        need(tried["tried"] == 1 and tried["better"] == 1 and not tried["worse"], f"{tried}")
        r.boot(c, "captured-tree")


def by_hand():
    """As an operator does it."""
    with fleet() as f, Controller(f.setup) as c:
        r = Rings(f)
        f.ask(c)
        c.api("POST", "/v1/hosts", [f.inventory()])
        r.boot(c, "captured-tree")
        env = {"PATH": os.environ["PATH"], "HOLDFAST_URL": c.url, "HOLDFAST_CA": f.setup.ca,
               "HOLDFAST_TOKEN_FILE": f.setup.token_file("admin")}

        def ctl(*words, code=0, has=()):
            done = subprocess.run([CTL, *words], capture_output=True, text=True, check=False, env=env)
            text = done.stdout + done.stderr
            need(done.returncode == code, f"{words}: exit {done.returncode}: {text}")
            need("--json" in words or max(map(len, text.splitlines()), default=0) <= 80, text)
            flat = " ".join(text.split())
            for word in has:
                need(word in flat, f"{word!r} is not in: {text}")
            return text

        spoilt, good = r.manifests(8, spoil=True), r.manifests(8)
        ctl("ring", "list", has=["no rings yet"])
        ctl("ring", "put", "canary", "--stage", "observe", "--manifests", spoilt, has=["stage observe, 0 hosts"])
        ctl("ring", "list", has=["canary observe 0 lab-q35 generation 8 (enforce)"])
        ctl("ring", "assign", "canary", "--model", "lab-q35", has=["1 hosts moved", "1 of 1 hosts"])
        r.boot(c, "captured-tree")
        ctl("host", "show", HOST, has=["ring canary WOULD HOLD it (firmware-unknown", "ring canary"])
        ctl("ring", "put", "canary", "--stage", "enforce", "--manifests", spoilt, code=3,
            has=["[ring-worse, HTTP 409]", f"{HOST}: held, now admitted [firmware-unknown]"])
        ctl("ring", "put", "canary", "--stage", "enforce", "--manifests", good, has=["0 better off, 0 worse"])
        ctl("ring", "show", "canary", has=["stage enforce, 1 hosts", "file"])
        ctl("host", "ring", HOST, "default", code=3, has=["manifest-generation", "generation 7, now 8"])
        ctl("host", "ring", HOST, "default", "--accept-worse", "never booted by 8", has=["1 hosts moved"])
        ctl("host", "ring", HOST, code=2, has=["ID RING is missing"])
        ctl("ring", "put", "canary", "--manifests", good, code=2, has=["--stage"])
        ctl("ring", "manifests", "canary", "--out", f.t.path("ring.cpio"), has=["bytes"])
        with open(f.t.path("ring.cpio"), "rb") as file:
            need(len(files_of(file.read())) == len(os.listdir(good)), "the archive")
        ctl("ring", "remove", "canary", has=["removed"])
        ctl("ring", "show", "canary", code=3, has=["[ring-unknown, HTTP 404]"])


CASES = [("rings-from-observe-to-enforce", from_observe_to_enforce), ("rings-on-postgresql", on_postgres),
         ("rings-moves-are-tried", moves_are_tried), ("rings-no-way-back", no_way_back_to_an_older_generation),
         ("rings-what-is-none", what_is_no_ring), ("rings-what-is-revoked", what_is_revoked),
         ("rings-by-hand", by_hand)]
