# SPDX-License-Identifier: GPL-3.0-or-later
"""The shipped agent rehearses on a captured tree with a software TPM and asks a real holdfastd:
import, reclaim, enrol, challenge, evidence, ticket. A rehearsal ends HELD after that, always."""
import contextlib
import json
import os
import shutil
import tempfile

import firmware
import harness
import rehearsal
import sources
from controller import Controller, Setup
from cutter import Cutter
from harness import need

MAKE = ["holdfast", "holdfastctl", "holdfastd"]
HOST = "rack1-host1"
EVIDENCE = 12000  # bytes; no other request is so large


class Fleet:
    """One host, ready to be booted, and what its controllers need."""

    def __init__(self, t):
        self.t = t
        self.host = rehearsal.Host(t)
        manifests = t.path("controller-manifests")
        shutil.copytree(f"{self.host.etc}/manifests.d", manifests)
        shutil.copy(f"{self.host.store}/images.corim", manifests)
        self.setup = Setup(t.path("controller"), t.path("controller-anchors"), manifests)
        shutil.copytree(f"{self.host.etc}/anchors", self.setup.anchors)
        for role, source in (("ticket", self.setup.ticket_anchor), ("controller", self.setup.ca)):
            os.makedirs(f"{self.host.etc}/anchors/{role}")
            shutil.copy(source, f"{self.host.etc}/anchors/{role}/{role}.pem")

    def ask(self, *controllers, text=""):
        urls = " ".join(c.url for c in controllers)
        self.host.configure(f"controller = {urls}\ncontroller-seconds = 20\n{text}", policy="controller")

    def identity(self):
        return json.loads(self.t.holdfast("identity", "--json", "--sysfs", self.host.tree.sys,
                                          "--tcti", self.host.tpm.tcti, code=0).text)

    def inventory(self, **more):
        key = self.identity()["eks"][0]
        return {"id": HOST, "ek-sha256": key["ek-sha256"], "ek-accepted": True, "model": self.model(),
                "serial": "LAB0001", **more}

    def model(self):
        return sources.model()["model"]

    def next_boot(self, number):
        """A reset: the PCRs begin anew, the reset count rises."""
        self.host.tpm.tool("tpm2_shutdown", "-c", ok=False)
        self.host.tpm.stop()
        shutil.rmtree(self.host.tpm.directory + "/sock", ignore_errors=True)
        for name in ("sock", "sock.ctrl"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self.host.tpm.directory}/{name}")
        self.host.tpm.start()
        self.host.evidence = self.t.path(f"evidence{number}")

    def boot(self, cause):
        firmware.extend(self.host.tpm, self.host.events)
        result = self.t.holdfast("boot", "--sysfs", self.host.tree.sys, "--tcti", self.host.tpm.tcti,
                                 "--etc", self.host.etc, "--evidence", self.host.evidence)
        need(f"cause={cause}" in result.text + result.errors, f"wanted {cause}\n{result.describe()}")
        return result


@contextlib.contextmanager
def fleet():
    with tempfile.TemporaryDirectory(prefix="holdfast-fleet.") as folder, \
            harness.Context("fleet", folder) as t:
        yield Fleet(t)


def golden():
    with fleet() as f, Controller(f.setup) as c:
        f.ask(c)
        c.api("POST", "/v1/hosts", [f.inventory()])
        result = f.boot("host-not-reclaimed")
        c.api("POST", f"/v1/hosts/{HOST}/reclaim", {"lease": "lease-1", "power-cycled": True})
        f.next_boot(2)
        result = f.boot("captured-tree")
        shown = c.api("GET", f"/v1/hosts/{HOST}")
        need(shown["state"] == "in-use" and shown["ticketed"], f"{shown}\n{result.describe()}\n{c.words()}")
        # let now: what it shows is its tenant's
        f.next_boot(3)
        f.boot("host-in-use")
        need(c.api("GET", f"/v1/hosts/{HOST}")["state"] == "in-use", "a tenant's evidence changed the lease")


def one_ticket_for_one_reset():
    """Reclaimed without a power cycle: the TPM's count tells."""
    with fleet() as f, Controller(f.setup) as c:
        f.ask(c)
        c.api("POST", "/v1/hosts", [f.inventory()])
        c.api("POST", f"/v1/hosts/{HOST}/reclaim", {"lease": "lease-1", "power-cycled": True})
        f.boot("captured-tree")
        c.api("POST", f"/v1/hosts/{HOST}/reclaim", {"lease": "lease-2", "power-cycled": True})
        f.boot("pcr-not-zero")
        f.next_boot(3)
        f.boot("captured-tree")
        need(c.api("GET", f"/v1/hosts/{HOST}")["lease"] == "lease-2", "the second lease")


def nobody_answers():
    with fleet() as f:
        with Controller(f.setup) as c:
            f.ask(c)
            f.host.configure(f"controller = {c.url}\ncontroller-seconds = 5\n", policy="controller")
        f.boot("controller-unreachable")


def another_controller():
    """One whose CA is another; and one whose ticket key is another."""
    with fleet() as f:
        other = Setup(f.t.path("other"), f.setup.anchors, f.setup.manifests)
        with Controller(other) as c:
            f.ask(c)
            f.boot("controller-tls")
        other.certificate, other.key = f.setup.certificate, f.setup.key
        with Controller(other) as c:
            c.setup.ca = f.setup.ca
            f.ask(c)
            c.api("POST", "/v1/hosts", [f.inventory()])
            c.api("POST", f"/v1/hosts/{HOST}/reclaim", {"lease": "lease-1", "power-cycled": True})
            f.next_boot(2)
            f.boot("ticket-signer")


def lost_reply():
    """The verdict is recorded, the reply is lost and its controller killed: another one gives the
    same ticket, and there is one verdict."""
    with fleet() as f:
        dying = Controller(f.setup).start()
        with Controller(f.setup, dying.store) as other, Cutter(dying.port, EVIDENCE, dying.kill) as relay:
            f.ask(relay, other)
            other.api("POST", "/v1/hosts", [f.inventory()])
            other.api("POST", f"/v1/hosts/{HOST}/reclaim", {"lease": "lease-1", "power-cycled": True})
            result = f.boot("captured-tree")
            need(relay.cuts == 1, "the reply was not cut")
            shown = other.api("GET", f"/v1/hosts/{HOST}")
            need(shown["state"] == "in-use" and shown["ticketed"], f"{shown}\n{result.describe()}")
            verdicts = other.api("GET", f"/v1/hosts/{HOST}/verdicts")["verdicts"]
            need([v["kind"] for v in verdicts].count("gate") == 1, f"{verdicts}")
            # its own words for it are those that were recorded before the other was killed
            signed = other.ask("GET", f"/v1/hosts/{HOST}/evidence")
            need(signed[0] == 200, f"{signed[:2]}")
            need(other.api("GET", "/v1/audit/verify")["intact"], "the audit")


def cut_again_and_again():
    """Each connection dies once the evidence is sent: HELD, and the host had one ticket at most."""
    with fleet() as f, Controller(f.setup) as c, Cutter(c.port, EVIDENCE, times=1000) as relay:
        f.host.configure(f"controller = {relay.url}\ncontroller-seconds = 5\n", policy="controller")
        c.api("POST", "/v1/hosts", [f.inventory()])
        c.api("POST", f"/v1/hosts/{HOST}/reclaim", {"lease": "lease-1", "power-cycled": True})
        f.boot("controller-unreachable")
        need(relay.cuts > 1, "it was not tried again")
        verdicts = c.api("GET", f"/v1/hosts/{HOST}/verdicts")["verdicts"]
        need([v["kind"] for v in verdicts].count("gate") == 1, f"{verdicts}")


CASES = [("end-to-end-lost-reply", lost_reply), ("end-to-end-cut", cut_again_and_again),
         ("end-to-end-golden", golden), ("end-to-end-reset-count", one_ticket_for_one_reset),
         ("end-to-end-nobody-answers", nobody_answers), ("end-to-end-another-controller", another_controller)]
