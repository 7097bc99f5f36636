# SPDX-License-Identifier: GPL-3.0-or-later
"""Enrolment at a real holdfastd: software TPMs with their maker's certificates, tpm2-tools in the
agent's place, so that two readings of the protocol agree."""
import concurrent.futures
import contextlib
import csv
import io
import json
import os
import shutil
import subprocess
import tempfile

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

import harness
import sources
from controller import ROOT, MODE, Controller, Setup
from scripted import Authority

MAKE = ["holdfastd", "holdfast"]
AGENT = os.path.join(ROOT, "build", MODE, "holdfast")
DONE, REFUSED, CREDENTIAL = 0, 1, 4
TEMPLATE = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign"
TOOLS = {"L-1": "rsa", "L-2": "ecc", "H-3": "ecc384"}


def need(condition, words):
    if not condition:
        raise AssertionError(words)


class Machine:
    """A software TPM as its maker delivers it, its CAs in .roots."""

    def __init__(self, folder):
        self.folder, self.roots = folder, os.path.join(folder, "roots")
        os.makedirs(os.path.join(folder, "ca"))
        os.makedirs(self.roots)
        self.write("opts", "")
        self.write("ca.conf", f"statedir = {folder}/ca\nsigningkey = {folder}/ca/key.pem\n"
                              f"issuercert = {self.roots}/issuer.pem\ncertserial = {folder}/ca/serial\n")
        self.write("setup.conf", "create_certs_tool=/usr/bin/swtpm_localca\n"
                                 f"create_certs_tool_config={folder}/ca.conf\n"
                                 f"create_certs_tool_options={folder}/opts\n")
        os.makedirs(os.path.join(folder, "tpm"))
        subprocess.run(["swtpm_setup", "--tpm2", "--tpmstate", f"{folder}/tpm", "--create-ek-cert",
                        "--config", f"{folder}/setup.conf"], check=True, capture_output=True)
        shutil.copy(f"{folder}/ca/swtpm-localca-rootca-cert.pem", self.roots)
        self.tpm = harness.Tpm.__new__(harness.Tpm)
        self.tpm.directory, self.tpm.process = f"{folder}/tpm", None
        self.tpm.start()
        self.facts = json.loads(self.agent("--json"))
        self.eks = {ek["profile"]: ek for ek in self.facts["eks"]}
        self.ak = bytes.fromhex(self.facts["ak"]["public"])

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="ascii") as file:
            file.write(text)

    def agent(self, *argv):
        return subprocess.run([AGENT, "identity", "--tcti", self.tpm.tcti, *argv], check=True, text=True,
                              capture_output=True).stdout

    def line(self, host, profile=None):
        """Its line of an inventory, with the EK of that profile."""
        header, row = csv.reader(io.StringIO(self.agent("--csv", "--id", host, "--model", "lab")))
        if profile:
            row[header.index("ek-sha256")] = self.eks[profile]["ek-sha256"]
        return ",".join(header) + "\n" + ",".join(row) + "\n"

    def request(self, ak=None, eks=None, serial=None):
        chosen = self.facts["eks"] if eks is None else eks
        message = {1: 1, 2: ak or self.ak, 3: [[bytes.fromhex(ek["public"]),
                                                bytes.fromhex(ek["certificate"] or "")] for ek in chosen]}
        if serial is not None:
            message[4] = serial
        return message

    def make_ak(self, hierarchy="e", attributes=TEMPLATE, scheme="ecc256:ecdsa-sha256:null"):
        path = os.path.join(self.folder, "ak")
        self.tpm.tool("tpm2_createprimary", "-C", hierarchy, "-G", scheme, "-g", "sha256", "-a", attributes,
                      "-c", path + ".ctx")
        self.tpm.tool("tpm2_readpublic", "-c", path + ".ctx", "-o", path + ".pub")
        self.tpm.tool("tpm2_flushcontext", "-t")
        with open(path + ".pub", "rb") as file:
            return file.read()[2:]

    def open(self, reply, profile, hierarchy="e"):
        """The secret, by the tools; None where the TPM refuses."""
        def path(name):
            return os.path.join(self.folder, name)

        self.make_ak(hierarchy)
        with open(path("cred"), "wb") as file:
            file.write(bytes.fromhex("badcc0de00000001") + reply[6] + reply[7])
        self.tpm.tool("tpm2_createek", "-G", TOOLS[profile], "-c", path("ek.ctx"), "-u", path("ek.pub"))
        self.tpm.tool("tpm2_flushcontext", "-t")
        self.tpm.tool("tpm2_startauthsession", "--policy-session", "-S", path("session"),
                      "-g", "sha384" if profile == "H-3" else "sha256")
        with contextlib.suppress(FileNotFoundError):
            os.remove(path("secret"))
        try:
            self.tpm.tool("tpm2_policysecret", "-S", path("session"), "-c", "e")
            if profile == "H-3":
                policy_or(self, path("session"))
            self.tpm.tool("tpm2_activatecredential", "-c", path("ak.ctx"), "-C", path("ek.ctx"), "-i",
                          path("cred"), "-o", path("secret"), "-P", f"session:{path('session')}", ok=False)
        finally:
            self.tpm.tool("tpm2_flushcontext", path("session"))
            self.tpm.tool("tpm2_flushcontext", "-t")
        if not os.path.exists(path("secret")):
            return None
        with open(path("secret"), "rb") as file:
            return file.read() or None


def policy_or(machine, session):
    """PolicyB of the TCG's profile: A, or C, which is for updates."""
    values = ("8bbf2266537c171cb56e403c4dc1d4b64f432611dc386e6f532050c3278c930e143e8bb1133824ccb431053871c6db53",
              "d6032ce61f2fb3c240eb3cf6a33237ef2b6a16f4293c22b455e261cffd217ad5b4947c2d73e63005eed2dc2b3593d165")
    names = []
    for i, value in enumerate(values):
        names.append(os.path.join(machine.folder, f"policy{i}"))
        with open(names[-1], "wb") as file:
            file.write(bytes.fromhex(value))
    machine.tpm.tool("tpm2_policyor", "-S", session, f"sha384:{','.join(names)}")


def check_signed(setup, message):
    """COSE_Sign1 by the ticket key, read without any of our code."""
    protected, _, payload, signature = cbor2.loads(message).value
    data = cbor2.dumps(["Signature1", protected, b"", payload])
    half = len(signature) // 2
    numbers = [int.from_bytes(part, "big") for part in (signature[:half], signature[half:])]
    with open(setup.ticket_anchor, "rb") as file:
        key = serialization.load_pem_public_key(file.read())
    try:
        key.verify(encode_dss_signature(*numbers), data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as why:
        raise AssertionError("a refusal that nobody signed") from why
    return payload


class Site:
    """A controller, and two machines of two makers; the first one's CAs are trusted."""

    def __init__(self, folder, controller, machines):
        self.c, self.machines = controller, machines
        self.tls = controller.tls(*Authority(os.path.join(folder, "agent")).issue("agent"))

    def post(self, what, message, controller=None):
        status, headers, body = (controller or self.c).ask(
            "POST", f"/v1/agent/{what}", cbor2.dumps(message, canonical=True), role=None, tls=self.tls,
            media="application/cbor")
        need(status == 200 and headers["Content-Type"] == "application/cbor", f"{what}: {status} {body!r}")
        reply = cbor2.loads(body)
        need(reply[1] == 1, str(reply))
        return reply

    def refused(self, cause, what, message):
        reply = self.post(what, message)
        need(reply[2] == REFUSED, f"{what} was not refused: {reply}")
        payload = check_signed(self.c.setup, reply[3])
        need(cause.encode() in payload, f"{what}: not {cause}: {payload!r}")

    def known(self, machine, host="host-1", profile=None, reclaim=True):
        status, _, body = self.c.ask("POST", "/v1/hosts", machine.line(host, profile).encode(), media="text/csv")
        need(status == 200, f"import: {status} {body!r}")
        if reclaim:
            self.reclaim(host)

    def reclaim(self, host="host-1"):
        self.c.api("POST", f"/v1/hosts/{host}/reclaim", {"lease": "L", "power-cycled": True})

    def host(self, host="host-1"):
        return self.c.api("GET", f"/v1/hosts/{host}")

    def credential(self, machine, **changed):
        reply = self.post("enrol", machine.request(**changed))
        need(reply[2] == CREDENTIAL, f"no credential: {reply}\n{self.c.words()}")
        return reply, machine.facts["eks"][reply[5]]["profile"]

    def enrol(self, machine):
        reply, profile = self.credential(machine)
        secret = machine.open(reply, profile)
        need(secret and len(secret) == 32, "the TPM did not open what was made for it")
        done = {1: 1, 2: machine.ak, 3: reply[4], 4: secret}
        need(self.post("activate", done)[2] == DONE, f"activation\n{self.c.words()}")
        return done, profile


@contextlib.contextmanager
def site(machines=1):
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-enrol."))
        context = stack.enter_context(harness.Context("owner", folder))
        made = []
        for i in range(machines):
            made.append(Machine(os.path.join(folder, f"machine{i}")))
            stack.callback(made[-1].tpm.stop)
        owner = sources.Owner(context)
        anchors, manifests = os.path.join(folder, "anchors"), os.path.join(folder, "manifests")
        os.makedirs(manifests)
        owner.trust(anchors)
        owner.sign(sources.images(), os.path.join(manifests, "images.corim"))
        controller = stack.enter_context(
            Controller(Setup(folder, anchors, manifests), None, "--ek-roots", made[0].roots))
        yield Site(folder, controller, made)


def every_kind():
    with site() as s:
        machine = s.machines[0]
        for profile in machine.eks:
            s.known(machine, f"host-{profile}", profile)
            _, used = s.enrol(machine)
            need(used == profile, f"{used} in place of {profile}")
            shown = s.host(f"host-{profile}")
            need(shown["ak-name"] == machine.facts["ak"]["name"], str(shown))
            s.c.ask("DELETE", f"/v1/hosts/host-{profile}")


def once():
    with site() as s:
        machine = s.machines[0]
        s.known(machine)
        done, _ = s.enrol(machine)
        s.refused("challenge-unknown", "activate", done)
        reply, profile = s.credential(machine)
        secret = machine.open(reply, profile)
        s.refused("ak-not-enrolled", "activate", {1: 1, 2: machine.ak, 3: reply[4], 4: bytes(32)})
        s.refused("challenge-unknown", "activate", {1: 1, 2: machine.ak, 3: reply[4], 4: secret})


def side_by_side():
    """Eight at once with one secret: it counts once."""
    with site() as s:
        machine = s.machines[0]
        s.known(machine)
        reply, profile = s.credential(machine)
        done = {1: 1, 2: machine.ak, 3: reply[4], 4: machine.open(reply, profile)}
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            kinds = sorted(r[2] for r in pool.map(lambda _: s.post("activate", done), range(8)))
        need(kinds == [DONE] + 7 * [REFUSED], str(kinds))


def killed_between():
    """What was promised to an agent outlives the process that did it."""
    with site() as s:
        machine = s.machines[0]
        s.known(machine)
        reply, profile = s.credential(machine)
        secret = machine.open(reply, profile)
        s.c.kill()
        s.c.start()
        need(s.post("activate", {1: 1, 2: machine.ak, 3: reply[4], 4: secret})[2] == DONE, s.c.words())
        need(s.host()["ak-name"] == machine.facts["ak"]["name"], str(s.host()))


def another_controller():
    """One makes the credential, another on the same store takes the secret."""
    with site() as s:
        machine = s.machines[0]
        s.known(machine)
        reply, profile = s.credential(machine)
        with Controller(s.c.setup, s.c.store, "--ek-roots", machine.roots) as other:
            done = {1: 1, 2: machine.ak, 3: reply[4], 4: machine.open(reply, profile)}
            need(s.post("activate", done, other)[2] == DONE, other.words())
        s.refused("challenge-unknown", "activate", done)


def foreign():
    """Genuine, and not ours; ours, with the endorsement key of another; by another maker."""
    with site(2) as s:
        ours, theirs = s.machines
        s.known(ours)
        s.refused("host-unknown", "enrol", theirs.request())
        reply, profile = s.credential(ours, ak=theirs.ak)
        need(theirs.open(reply, profile) is None, "a TPM opened what was made for another")
        need(ours.open(reply, profile) is None, "opened for a key that the TPM does not have")
        s.known(theirs, "host-2")
        s.refused("ek-certificate", "enrol", theirs.request())
        need(not s.host("host-2")["ak-name"], "enrolled without a maker")


def other_keys():
    with site() as s:
        machine = s.machines[0]
        s.known(machine)
        unrestricted = machine.make_ak(attributes=TEMPLATE.replace("restricted|", ""))
        s.refused("not restricted", "enrol", machine.request(ak=unrestricted))
        s.refused("ak-template", "enrol", machine.request(ak=unrestricted))
        s.enrol(machine)
        # of our template, in the owner's hierarchy: TPM2_Clear makes another of it
        of_owner = machine.make_ak("o")
        need(of_owner != machine.ak, "the same key")
        s.refused("ak-not-enrolled", "enrol", machine.request(ak=of_owner))


def states():
    with site() as s:
        machine = s.machines[0]
        s.known(machine, reclaim=False)
        s.refused("host-not-reclaimed", "enrol", machine.request())
        s.reclaim()
        s.c.api("POST", "/v1/hosts/host-1/hold", {"why": "test"})
        s.refused("host-not-reclaimed", "enrol", machine.request())
        s.reclaim()
        s.enrol(machine)


def first_use():
    with site() as s:
        machine = s.machines[0]
        lines = b"id,serial,model,first-use-until\nhost-1,SN1,lab,9999-12-31\nhost-2,SN2,lab,2020-01-01\n"
        need(s.c.ask("POST", "/v1/hosts", lines, media="text/csv")[0] == 200, s.c.words())
        s.reclaim("host-1")
        s.reclaim("host-2")
        s.refused("host-unknown", "enrol", machine.request(serial="SN2"))
        s.refused("host-unknown", "enrol", machine.request())
        reply, profile = s.credential(machine, serial="SN1")
        done = {1: 1, 2: machine.ak, 3: reply[4], 4: machine.open(reply, profile)}
        need(s.post("activate", done)[2] == DONE, s.c.words())
        need(s.host()["ek-sha256"] == machine.eks[profile]["ek-sha256"], str(s.host()))


def repaired():
    """A new board: nothing but the operator's word puts another TPM in the place of the old one."""
    with site(2) as s:
        old, new = s.machines
        shutil.copytree(new.roots, os.path.join(old.roots, "new"))
        s.c.kill()
        s.c.start()
        s.known(old)
        s.enrol(old)
        s.refused("host-unknown", "enrol", new.request())
        status, _, body = s.c.ask("POST", "/v1/hosts", new.line("host-1").encode(), media="text/csv")
        need(status in (400, 409) and b"state-changed" in body, f"{status} {body!r}")
        s.c.api("POST", "/v1/hosts/host-1/re-enrol", {"ek-sha256": new.facts["eks"][0]["ek-sha256"]})
        s.refused("host-not-reclaimed", "enrol", new.request())
        s.reclaim()
        s.refused("host-unknown", "enrol", old.request())
        s.enrol(new)
        need(s.host()["ak-name"] == new.facts["ak"]["name"], str(s.host()))
        status, _, audit = s.c.ask("GET", "/v1/audit?limit=100")
        need(status == 200 and b"re-enrol" in audit and b"enrol-refused" in audit, f"{status} {audit!r}")


CASES = [("enrol-every-kind-of-key", every_kind), ("enrol-a-secret-counts-once", once),
         ("enrol-side-by-side", side_by_side), ("enrol-killed-between", killed_between),
         ("enrol-at-another-controller", another_controller), ("enrol-foreign-tpms", foreign),
         ("enrol-other-attestation-keys", other_keys), ("enrol-states", states), ("enrol-first-use", first_use),
         ("enrol-repaired-host", repaired)]
