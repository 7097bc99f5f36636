# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with a card that signs: captured, described, and judged by what was described. Each
test starts from a host that is accepted and has the card do one thing else."""
import json
import os

import mailboxes
import spdm
from harness import case, need, read, write
from mailboxes import live, nic
from sources import Owner

IDENTITY = "Vendor=1b36:Device=0010:CC=010802:REV=00:SSVID=0000:SSID=0000"
OTHER = IDENTITY.replace("Device=0010", "Device=0011")
PLACE = "pci0000:00/01.0/00"


class Signed:
    """What the owner signed of a golden host, and how a host is judged by it."""

    def __init__(self, t, *argv, change=None, root=True):
        self.t = t
        self.owner = Owner(t)
        self.tree = mailboxes.host(t)
        self.first = self.device(*argv)
        scan = self.holdfast("scan", self.first, code=0)
        write(t.path("scan.json"), scan.text)
        self.created = t.ctl("manifest", "create", "--from", t.path("scan.json"), "--out",
                             t.path("made"), code=0)
        self.sources = {name[:-5]: json.loads(read(t.path("made", name)))
                        for name in os.listdir(t.path("made"))}
        if change:
            change(self.sources)
        self.folder = self.owner.sign_all(t.path("manifests.d"), self.sources.values())
        self.anchors = self.owner.trust(t.path("anchors"))
        if root:
            self.trust(self.first)

    def device(self, *argv):
        return spdm.Device(self.t, "--framing", "doe", "--identity", IDENTITY, *argv)

    def trust(self, device, vendor="1b36"):
        write(os.path.join(self.anchors, "device", "maker.pem"), read(device.anchors[0]))
        write(os.path.join(self.anchors, "device", "maker.conf"), f"vendor = {vendor}\n")

    def holdfast(self, command, device, *argv, code=None):
        word = device if isinstance(device, str) else f"tcp:{device.number}"
        return self.t.holdfast(command, "--json", "--sysfs", self.tree.sys, "--mailboxes", *argv,
                               env=live(self.tree, **{nic(0): word}), code=code)

    def judge(self, device, *argv):
        result = self.holdfast("verify", device, "--manifests", self.folder, "--anchors",
                               self.anchors, *argv)
        need(result.text.startswith("{"), result.describe())
        return json.loads(result.text)["verdict"], result

    def accepted(self, device):
        verdict, result = self.judge(device)
        need(verdict["status"] == "accepted" and result.code == 0, result.describe())
        return verdict

    def held(self, device, cause, mkey=None):
        verdict, result = self.judge(device)
        need(verdict["cause"] == cause, f"wanted {cause}\n{json.dumps(verdict, indent=1)[:3000]}")
        need(verdict["status"] == "held" and result.code in (3, 4), result.describe())
        need(verdict["place"] == PLACE and (mkey is None or verdict["mkey"] == mkey), verdict)
        return next(p for p in verdict["parts"] if p["place"] == PLACE)["findings"][0]


def card(sources):
    return next(s for name, s in sources.items() if name.startswith("card-"))


def rule(sources):
    return next(r for r in sources["model"]["rules"] if r["place"] == PLACE)


@case
def spdm_policy_golden(t):
    """What create makes of a scan is accepted, and demands what was seen."""
    host = Signed(t)
    need(rule(host.sources)["least_method"] == "signed", rule(host.sources))
    measurements = card(host.sources)["releases"][0]["functions"][0]["measurements"]
    need({"spdm/version", "spdm/algorithms", "spdm/slot/0/root", "spdm/1"} <= set(measurements),
         measurements)
    need(not [m for m in measurements if "chain" in m or "dice" in m or m.startswith("doe") or
              "transcript" in m], measurements)
    need("anchors/device" in host.created.errors, host.created.describe())
    verdict = host.accepted(host.first)
    part = next(p for p in verdict["parts"] if p["place"] == PLACE)
    need(part["method"] == "signed" and verdict["coverage"]["by_method"]["signed"] == 1, verdict)
    host.accepted(host.device())    # another conversation of the same card
    checked = t.ctl("manifest", "check", *(os.path.join(host.folder, n) for n in os.listdir(host.folder)),
                    "--anchors", host.anchors, "--agent-version", "0.2.0", code=3)
    need("measurements of devices that sign" in " ".join((checked.text + checked.errors).split()),
         checked.describe())


@case
def spdm_policy_anchor(t):
    """No anchor, one of another maker, or the maker's with another scope."""
    host = Signed(t, root=False)
    finding = host.held(host.first, "device-chain-untrusted")
    need(finding["found"] == "version (device-chain-untrusted)", finding)
    host.trust(host.first, vendor="10de")
    host.held(host.first, "device-chain-untrusted")
    host.trust(host.first)
    host.accepted(host.first)


@case
def spdm_policy_root_changed(t):
    """A card with keys of another maker, who is trusted too: the release lists which one."""
    host = Signed(t)
    other = host.device("--keys", t.path("other-keys"))
    host.trust(other)
    host.held(other, "device-chain-changed", "spdm/slot/0/root")


@case
def spdm_policy_firmware_changed(t):
    host = Signed(t)
    host.held(host.device("--measurement", '1={"type":1,"of":"evil"}'), "firmware-unknown", "spdm/1")
    host.held(host.device("--measurement", '9={"type":1,"of":"more"}'), "uncovered", "spdm/9")
    host.held(host.device("--measurement", "1="), "measurement-missing", "spdm/1")


@case
def spdm_policy_identity(t):
    """The certificate of another card, whose maker is trusted."""
    host = Signed(t)
    other = host.device("--keys", t.path("other-keys"), "--identity", OTHER)
    host.trust(other)
    host.held(other, "device-identity-wrong", "spdm/identity")


@case
def spdm_policy_unbound(t):
    """A maker whose certificates name no device: signed-unbound, and signed is too much."""
    host = Signed(t, "--identity", "")
    need(rule(host.sources)["least_method"] == "signed-unbound", rule(host.sources))
    need(host.accepted(host.first)["coverage"]["by_method"]["signed-unbound"] == 1, "coverage")


@case
def spdm_policy_unbound_is_not_signed(t):
    host = Signed(t, "--identity", "", change=lambda s: rule(s).update(least_method="signed"))
    finding = host.held(host.first, "method-too-weak")
    need(finding["found"].startswith("signed-unbound (its certificate"), finding)


@case
def spdm_policy_unsigned(t):
    """A card that no longer signs; one that no longer answers; one that nobody asked."""
    host = Signed(t)
    host.held(host.device("--capabilities", "cert,chal,meas-unsigned"), "method-too-weak")
    host.held("silent-spdm", "part-unreadable", "spdm")
    verdict, _ = host.judge("eperm")
    need(verdict["cause"] == "measurement-missing", verdict)
    finding = next(p for p in verdict["parts"] if p["place"] == PLACE)["findings"][0]
    need(finding["found"].startswith("mailbox-refused"), finding)


@case
def spdm_policy_downgrade(t):
    """The same card by an older version, and by a weaker hash."""
    host = Signed(t, "--version", "1.2,1.1")
    host.held(host.device("--version", "1.1"), "spdm-downgrade", "spdm/version")
    host.accepted(host.device("--version", "1.2"))


@case
def spdm_policy_lies(t):
    """Where nothing is listed and nothing is demanded, a lie is a refusal all the same."""
    def bare(sources):
        rule(sources)["least_method"] = "identity"
        card(sources)["releases"][0]["functions"][0]["measurements"] = {}

    host = Signed(t, "--measurements", write_measurements(t), change=bare, root=False)
    host.accepted(host.first)
    for lie, cause in (("measurements-flipped", "spdm-signature-invalid"),
                       ("content-changed", "spdm-content-changed")):
        host.held(host.device("--measurements", t.path("blocks.json"), "--lie", lie), cause)


def write_measurements(t):
    """A configuration alone: no code that somebody would have to list."""
    write(t.path("blocks.json"), json.dumps({"3": {"type": 3, "of": "settings"}}))
    return t.path("blocks.json")
