# SPDX-License-Identifier: GPL-3.0-or-later
"""holdfast attest --controller: a host that runs, asked and judged by a real holdfastd."""
import contextlib
import json
import os
import tempfile

import harness
import sources
import trees
from controller import Controller, Setup
from scripted import Authority

MAKE = ["holdfast", "holdfastctl", "holdfastd"]


def words_of(result):
    """Standard error without its line ends."""
    return " ".join(result.errors.split())


def need(condition, words):
    if not condition:
        raise AssertionError(words)


class Lab:
    """One host with a TPM, and the controller that has it in its inventory."""

    def __init__(self, t, folder):
        self.t = t
        self.tree, self.tpm = trees.Tree(t.path("tree"), trees.lab()), t.tpm()
        owner = sources.Owner(t)
        owner.trust(f"{folder}/anchors")
        owner.sign_all(f"{folder}/manifests", sources.components(self.tree) + [sources.model()])
        self.setup = Setup(folder, f"{folder}/anchors", f"{folder}/manifests")

    def import_host(self, controller):
        """As an operator does: holdfast identity, and the key taken by hand."""
        lines = self.t.holdfast("identity", "--csv", "--id", "host-1", "--sysfs", self.tree.sys, "--tcti",
                                self.tpm.tcti, code=0).text.splitlines()
        host = dict(zip(lines[0].split(","), lines[1].split(",")))
        host = {"id": "host-1", "ek-sha256": host["ek-sha256"], "ek-accepted": True}
        controller.api("POST", "/v1/hosts", [host])
        self.reclaim(controller)

    @staticmethod
    def reclaim(controller):
        controller.api("POST", "/v1/hosts/host-1/reclaim", {"lease": "lease-1", "power-cycled": True})

    def attest(self, controller, *more, code, url=None, ca=None):
        return self.t.holdfast("attest", "--controller", url or controller.url, "--ca", ca or self.setup.ca,
                               "--sysfs", self.tree.sys, "--tcti", self.tpm.tcti, *more, code=code, timeout=120)


@contextlib.contextmanager
def lab():
    with tempfile.TemporaryDirectory(prefix="holdfast-attest.") as folder, \
            harness.Context("attest", folder) as t:
        made = Lab(t, folder)
        with Controller(made.setup) as controller:
            yield made, controller


def asked_and_judged():
    with lab() as (host, c):
        unknown = host.attest(c, "--ticket-anchor", host.setup.ticket_anchor, code=3)
        need("host-unknown" in unknown.errors, unknown.describe())
        host.import_host(c)
        first = host.attest(c, "--ticket-anchor", host.setup.ticket_anchor, "--out", host.t.path("ev"), code=3)
        need("the controller's result:" in first.text and "host-1" in first.text, first.describe())
        need("pcr-refused" in first.text, f"a diagnosis was judged as if it were the gate's\n{first.describe()}")
        need("enrolled" in first.text and "good, by the ticket anchor" in first.text, first.describe())
        need("never earns a release" in first.text, first.describe())
        need(os.path.getsize(host.t.path("ev", "boot-key.der")) > 0, "no boot key in the evidence")
        # taken for the gate's evidence, and refused: the host is held
        held = host.attest(c, "--ticket-anchor", host.setup.ticket_anchor, code=3)
        need("host-not-reclaimed" in held.errors, held.describe())
        host.reclaim(c)
        again = host.attest(c, "--ticket-anchor", host.setup.ticket_anchor, "--json", code=3)
        need(again.text, again.describe())
        result = json.loads(again.text)
        need(result["host"] == "host-1" and result["verified"] and not result["enrolled"], again.text)
        need(result["status"] == "contraindicated" and result["cause"] == "pcr-refused", again.text)
        state = c.api("GET", "/v1/hosts/host-1")
        need(not state["ticketed"], f"a ticket for a diagnosis: {state}")


def without_an_anchor_nobody_checks():
    with lab() as (host, c):
        host.import_host(c)
        shown = host.attest(c, code=3)
        need("NOT CHECKED" in shown.text, shown.describe())
        host.reclaim(c)
        result = json.loads(host.attest(c, "--json", code=3).text)
        need(not result["verified"], result)


def by_another_key():
    with lab() as (host, c):
        host.import_host(c)
        other = host.t.path("other.pem")
        host.t.ctl("keygen", "--out", host.t.path("other"), code=0)
        for name in os.listdir(host.t.path()):
            if name.startswith("other") and "PUBLIC" in open(host.t.path(name), encoding="ascii").read():
                other = host.t.path(name)
        shown = host.attest(c, "--ticket-anchor", other, code=6)
        need("ticket-signer" in words_of(shown), shown.describe())


def controllers_that_fail():
    with lab() as (host, c):
        stranger = Authority(host.t.path("stranger"))
        shown = host.attest(c, ca=stranger.ca, code=6)
        need("controller-tls" in words_of(shown), shown.describe())
        url = c.url
        c.stop()
        shown = host.attest(c, "--controller-seconds", "1", url=url, code=6)
        need("controller-unreachable" in words_of(shown) and "connection refused by 127.0.0.1" in words_of(shown),
             shown.describe())
        c.start()


def words_that_are_wrong():
    with lab() as (host, c):
        for words in (["--nonce", "00" * 16], ["--ticket-anchor", "/nonexistent"], ["--controller-seconds", "0"],
                      ["--controller-name", "*.example"]):
            shown = host.attest(c, *words, code=None)
            need(shown.code in (2, 6), f"{words}: {shown.describe()}")
        for url in ("https://controller.example:1", "http://127.0.0.1:1", "127.0.0.1"):
            need("literal address" in words_of(host.attest(c, url=url, code=2)), url)


CASES = [("attest-asked-and-judged", asked_and_judged), ("attest-without-an-anchor", without_an_anchor_nobody_checks),
         ("attest-by-another-key", by_another_key), ("attest-controllers-that-fail", controllers_that_fail),
         ("attest-words-that-are-wrong", words_that_are_wrong)]
