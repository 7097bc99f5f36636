# SPDX-License-Identifier: GPL-3.0-or-later
"""3 a.m. (make demo-3am): one of three controllers on one PostgreSQL is killed while 200 hosts boot at once,
and docs/runbook.md is done to a host that is held, as it stands there."""
import json
import os
import shutil
import time

import night
import trees
from harness import need

HOSTS = int(os.environ.get("FLEET_HOSTS", "200"))
CARD = "0000:01:00.0"
UNTIL = "2199-12-31"


def released(n, lease):
    """Everything but the release itself, which a captured tree never gets."""
    shown = n.show()
    need(shown["state"] == "in-use" and shown["ticketed"] and shown["lease"] == lease, f"{shown}")
    return shown


def spare_card(n):
    """A tenant had the host; then its first card was replaced, with firmware that nobody listed."""
    n.enter()
    n.boot("captured-tree")
    released(n, "lease-1")
    n.host.tree.flip(CARD, 0x8000)
    n.reclaim("lease-2")
    n.boot("firmware-unknown")
    n.steps = n.steps[-1:]


def look(n):
    shown = n.runbook("look")
    for words in ("it holds itself, and says so", "[firmware-unknown, suspect]", trees.NIC1, "lease-1",
                  "option-rom/window"):
        need(words in " ".join(shown.split()), f"host show lacks {words}\n{shown}")
    kept = n.runbook("keep")
    need("firmware-unknown" in kept and "nonce is the boot key's digest" in " ".join(kept.split()), kept)


def waive(n, **more):
    words = {"part": trees.NIC1, "ticket": "INC-4711", "until": UNTIL, "lease": "lease-3", **more}
    said = n.runbook("waiver", **words)
    need("waives firmware-unknown of option-rom/window" in said, said)
    return words


def waived_by_the_runbook():
    """HELD, looked at, waived, released; and every use is seen."""
    with night.night(2) as n:
        spare_card(n)
        look(n)
        words = waive(n)
        said = n.boot("captured-tree")
        need("WAIVED" in said and "waived by INC-4711" in said, said)
        released(n, "lease-3")
        shown = n.runbook("waived", **words)
        need(f"firmware-unknown at {trees.NIC1}, by waiver INC-4711" in " ".join(shown.split()), shown)
        n.stopwatch("a waiver, from HELD to its ticket")
        log = n.ctl("log", "show", f"{n.host.evidence}/holdfast.evlog")
        need(f"INC-4711 {trees.NIC1} firmware-unknown" in log, log)
        used = n.ctl("host", "evidence", night.HOST, "--out", "used")
        nonce = used.split("--nonce ")[1].strip()
        verified = n.ctl("evidence", "verify", "used", "--anchors", f"{n.fleet.dir}/anchors", "--manifests",
                         f"{n.fleet.dir}/manifests", "--nonce", nonce)
        need("waived by INC-4711" in verified and "affirmed" in verified, verified)


def waivers_that_do_not_hold():
    """The same waiver on another host, for other firmware in the part, and after its day."""
    with night.night(2) as n:
        spare_card(n)
        look(n)
        waive(n)
        other = n.t.tpm("other-tpm")
        said = n.boot("firmware-unknown", tpm=other)
        need("waived by" not in said, said)
        n.host.tree.flip(CARD, 0x8001)   # other bytes than those that were waived
        said = n.boot("firmware-unknown")
        need("does not apply: it is for another value" in " ".join(said.split()), said)
        n.host.tree.flip(CARD, 0x8001)
        n.boot("captured-tree")
        released(n, "lease-3")
        ended(n)


def ended(n):
    """Yesterday's waiver: the host has no clock until the controller gave it one, and then it ends."""
    n.reclaim("lease-4")
    source = json.loads(open(n.t.path("INC-4711.json"), encoding="utf-8").read())
    source["until"] = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 2 * 86400))
    for folder in (f"{n.host.etc}/manifests.d", f"{n.fleet.dir}/manifests"):
        n.shift.sign(source, f"{folder}/INC-4711.corim")
    n.t.run("sh", "-c", n.site() + f"to_controllers {n.host.etc}/manifests.d/INC-4711.corim", code=0)
    said = n.boot("firmware-unknown")
    need("waived by" not in said.split("stage       ")[-1] and not n.show()["ticketed"], said)


def without_a_controller():
    """All controllers are down: HELD; the owner's release and its one boot; and with a card replaced on top."""
    with night.night(2) as n:
        night.rehearsal.provision(n.host, "--generation", "7")
        n.enter()
        n.boot("captured-tree")
        released(n, "lease-1")
        for controller in n.fleet.controllers:
            controller.kill()
        n.listen(seconds=5)
        n.boot("controller-unreachable")
        n.steps = n.steps[-1:]
        words = {"ticket": "INC-4712", "generation": "7", "evidence": n.host.evidence, "part": trees.NIC1,
                 "until": UNTIL, "component": "01-e1000e"}
        n.runbook("break-glass", **words)
        said = n.boot("captured-tree")
        need("FALLBACK: the owner's release INC-4712" in said, said)
        n.runbook("break-glass seen", **{**words, "evidence": n.host.evidence, "manifests": verifiers(n)})
        n.stopwatch("the owner's release, from HELD controller-unreachable to CAP")
        n.boot("owner-release-refused")   # the boot after it is nobody's
        os.unlink(f"{n.host.etc}/manifests.d/INC-4712.corim")
        n.host.tree.flip(CARD, 0x8000)
        n.boot("firmware-unknown")
        n.steps = n.steps[-1:]
        words = {**words, "ticket": "INC-4713", "evidence": n.host.evidence}
        n.runbook("both", **words)
        n.runbook("break-glass", **words)
        need("FALLBACK: the owner's release INC-4713" in n.boot("captured-tree"), "both")
        n.stopwatch("a replaced card and no controller, by the owner")
        back(n)


def verifiers(n):
    """A verifier's copy: what the host has, and the image lists."""
    folder = n.t.path("verifier")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(f"{n.host.etc}/manifests.d", folder)
    shutil.copy(f"{n.host.store}/images.corim", folder)
    return folder


def back(n):
    """The controller is there again: boots that it did not challenge show in the TPM's count."""
    before = n.show_later()["reset-count"]
    n.listen()
    n.reclaim("lease-2")
    os.unlink(f"{n.host.etc}/manifests.d/INC-4713.corim")
    n.boot("captured-tree")
    shown = released(n, "lease-2")
    need(shown["reset-count"] > before + 1, f"{before} -> {shown['reset-count']}")


def one_controller_killed():
    """200 hosts at once, the second of three controllers dies meanwhile and stays dead; and a host that is
    held is waived on the two that are left."""
    with night.postgres_or_skip() as database, night.night(HOSTS, 3, database) as n:
        n.fleet.seed_store(n.store)
        spare_card(n)
        night.say("", f"== {HOSTS} hosts boot at once; {len(n.fleet.controllers)} controllers, one PostgreSQL")
        run = n.fleet.begin("run", "--receipt", "--connections", str(min(HOSTS, 200)))
        tickets = wait_for_some(n, database, run)
        n.fleet.controllers[1].kill()
        night.say(f"   after {tickets} tickets: controller 2 killed")
        need(run.poll() is None, "the run was over before a controller was killed: give it more FLEET_HOSTS")
        numbers = n.fleet.end(run)
        night.say(f"   {numbers['tickets']} tickets, {numbers['lost']} lost, {numbers['twice']} twice, "
                  f"{numbers['retries']} went to another controller, {numbers['seconds']:.1f} s")
        for name, value in (("tickets", HOSTS), ("lost", 0), ("twice", 0), ("refused", 0), ("bad-ticket", 0)):
            need(numbers[name] == value, f"{name}: {numbers}")
        rows = database.sql("SELECT count(*), count(DISTINCT host) FROM verdicts WHERE kind = 0 AND "
                            "host LIKE 'host-%'", n.store)
        need(rows == [[str(HOSTS), str(HOSTS)]], f"verdicts, hosts: {rows}")
        night.say(f"   by the database itself: {HOSTS} hosts, {HOSTS} verdicts, {HOSTS} tickets")
        look(n)
        words = waive(n)
        n.boot("captured-tree")
        n.runbook("waived", **words)
        released(n, "lease-3")
        n.stopwatch("the held host, from HELD to its ticket, with two of three controllers")
        need("audit intact" in n.fleet.verify_audit(n.store), "the audit")


def wait_for_some(n, database, run):
    deadline = time.monotonic() + 60
    while True:
        count = int(database.sql("SELECT count(*) FROM verdicts WHERE release <> 0 AND host LIKE 'host-%'",
                                 n.store)[0][0])
        if count >= HOSTS // 20 or run.poll() is not None or time.monotonic() > deadline:
            return count
        time.sleep(0.05)


MAKE = ["holdfast", "holdfastd", "holdfastctl", "tests/fleet/fleet"]
CASES = [("night: " + f.__name__.replace("_", " "), f) for f in (
    one_controller_killed, waived_by_the_runbook, waivers_that_do_not_hold, without_a_controller)]
