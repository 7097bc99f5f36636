# SPDX-License-Identifier: GPL-3.0-or-later
"""A rehearsal of the gate: etc, store, software TPM with a measured boot, captured tree."""
import json
import os
import re
import shutil

import firmware
import sources
import trees
from harness import need, read, write
from sources import Owner

FIRMWARE_LOG = "kernel/security/tpm0/binary_bios_measurements"
OWNER, LOCKOUT = "owner-value-1", "lockout-value-1"


class Host:
    """The lab host, ready to boot; change what the test is about, then call boot()."""

    def __init__(self, t, description=None, model=None, manifests=True, owner=None):
        self.t = t
        self.tree = trees.Tree(t.path("tree"), description or trees.lab())
        self.golden = trees.Tree(t.path("golden"), trees.lab())
        self.owner = owner or Owner(t)
        self.etc, self.store, self.evidence = t.path("etc"), t.path("store"), t.path("evidence")
        self.tpm = t.tpm()
        self.owner.trust(f"{self.etc}/anchors")
        os.makedirs(f"{self.etc}/manifests.d", exist_ok=True)
        if manifests:
            self.owner.sign_all(f"{self.etc}/manifests.d",
                                sources.components(self.golden) + [model or sources.model()])
        self.configure()
        for name, data in sources.TENANT.items():
            write(f"{self.store}/{name}", data)
        self.owner.sign(sources.images(), f"{self.store}/images.corim")
        self.measured(firmware.good())

    def configure(self, text="", policy="local"):
        write(f"{self.etc}/holdfast.conf",
              f"# rehearsal\npolicy = {policy}\nstore = {self.store}\n{text}")

    def measured(self, events, log=None):
        """The firmware's log; the TPM is extended when the host boots."""
        self.events = events
        write(f"{self.tree.sys}/{FIRMWARE_LOG}", firmware.log(events) if log is None else log)

    def boot(self, cause, code, tcti=None, extend=True, capped=True):
        if extend and tcti is None:
            firmware.extend(self.tpm, self.events)
        result = self.t.holdfast("boot", "--sysfs", self.tree.sys, "--tcti", tcti or self.tpm.tcti,
                                 "--etc", self.etc, "--evidence", self.evidence, code=code)
        both = result.text + result.errors
        need(f"cause={cause}" in both, f"wanted cause={cause}\n{result.describe()}")
        need("HELD" in both and "next step" in both, result.describe())
        self.t.narrow(self.t.normalise(both))
        if capped and tcti is None:
            self.check_capped()
        return result

    def check_capped(self, pcr=13):
        values = self.tpm.pcrs(pcr)
        need(len(values) == 4, f"banks: {values}")
        for bank, value in values.items():
            need(int(value, 16) != 0, f"PCR {pcr} of {bank} is zero after HELD")

    def log_text(self):
        return self.t.ctl("log", "show", f"{self.evidence}/holdfast.evlog", code=0).text

    def events_of_log(self):
        """Tags of our log's events, read with tpm2-tools."""
        text = self.tpm.tool("tpm2_eventlog", f"{self.evidence}/holdfast.evlog")
        return len(re.findall(r"EventType: EV_EVENT_TAG", text))

    def check_replays(self, pcr=13):
        """The evidence's log gives the TPM's PCR in every bank, CAP included or not."""
        text = self.tpm.tool("tpm2_eventlog", f"{self.evidence}/holdfast.evlog")
        text = text[text.index("\npcrs:"):]
        real, bank, seen = self.tpm.pcrs(pcr), None, 0
        for line in text.splitlines():
            if match := re.match(r"\s+(sha\d+):$", line):
                bank = match[1]
            elif match := re.match(rf"\s+{pcr}\s*:\s*0x([0-9a-f]+)$", line):
                need(real[bank].lower() == match[1], f"{bank}: log {match[1]}, PCR {real[bank]}")
                seen += 1
        need(seen == 4, f"the log replays {seen} banks")


def manifests_from_evidence(host, **model):
    """What an operator does with a golden host: create, read, sign."""
    made = host.t.path("made")
    host.t.ctl("manifest", "create", "--from", host.evidence, "--out", made, "--generation", "1",
               code=0)
    names = sorted(os.listdir(made))
    need(names, "manifest create made nothing")
    for name in names:
        source = json.loads(read(os.path.join(made, name)))
        if "model" in source:
            source.update(model)
        if "images" not in source:
            host.owner.sign(source, f"{host.etc}/manifests.d/{name}.corim")


def next_boot(host, number):
    """The same host after a reset: a fresh TPM, another directory for the evidence."""
    again = Host.__new__(Host)
    again.__dict__.update(host.__dict__, tpm=host.t.tpm(f"tpm{number}"),
                          evidence=host.t.path(f"evidence{number}"))
    return again


def timeless(text):
    """Without what changes from run to run: times, random names, digests."""
    text = re.sub(r"^ *\d+ ms ", "<at> ms ", text, flags=re.M)
    text = re.sub(r" *\+ *\d+ ms", " +<n> ms", text)
    text = re.sub(r"after \d+ ms", "after <n> ms", text)
    text = re.sub(r"firmware [\d.]+$", "firmware <version>", text, flags=re.M)
    text = re.sub(r"^ +[0-9a-f]{4}$", "             <digest>", text, flags=re.M)
    text = re.sub(r"place=/\S+", "place=<directory>", text)
    return re.sub(r"[0-9a-f]{16,}(\.\.\.)?", "<digest>", text)


def verify(host, *argv, code=None, evidence=None):
    """holdfastctl evidence verify, with the verifier's own copy of the manifests."""
    folder = host.t.path("verifier")
    if not os.path.isdir(folder):
        shutil.copytree(f"{host.etc}/manifests.d", folder)
        shutil.copy(f"{host.store}/images.corim", folder)
    return host.t.ctl("evidence", "verify", evidence or host.evidence, "--manifests", folder,
                      "--anchors", f"{host.etc}/anchors", *argv, code=code)


def quote_checks(host):
    """The quote by tpm2-tools: nonce is the digest of the boot key."""
    nonce = firmware.sha256(read(f"{host.evidence}/boot-key.der"))
    host.tpm.tool("tpm2_checkquote", "-u", f"{host.evidence}/ak.pem",
                  "-m", f"{host.evidence}/quote.attest", "-s", f"{host.evidence}/quote.sig",
                  "-f", f"{host.evidence}/quote.pcrs", "-g", "sha256", "-q", nonce)


def provision(host, *argv, owner=OWNER, lockout=LOCKOUT, code=0):
    write(host.t.path("owner.auth"), owner + "\n")
    write(host.t.path("lockout.auth"), lockout)
    files = ["--owner-auth-file", host.t.path("owner.auth")]
    if "--raise" not in argv:
        files += ["--lockout-auth-file", host.t.path("lockout.auth")]
    return host.t.holdfast("provision", *files, "--tcti", host.tpm.tcti, *argv, code=code)
