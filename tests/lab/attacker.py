# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody with root on the host, its TPM and the network: what he asks of the controller. In the
machine runs relay.c, which lends the TPM at its second serial port; the rest is here: tpm2-tools,
cbor2 and cryptography by docs/wire.md and docs/evidence.md, and not a line of holdfast's.

    attacker.py SOCKET      for tpm2-tools (TCTI cmd): commands from stdin to the relay, and back
"""
import hashlib
import os
import pathlib
import socket
import struct
import subprocess
import sys
import threading


def forward(path):
    """One tool's connection: TPM commands on stdin, answers on stdout."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(path)
        while True:
            head = sys.stdin.buffer.read(10)
            if len(head) < 10:
                return
            line.sendall(head + sys.stdin.buffer.read(int.from_bytes(head[2:6], "big") - 10))
            answer = whole(line)
            if not answer:
                return
            sys.stdout.buffer.write(answer)
            sys.stdout.buffer.flush()


def whole(line):
    """A TPM command or answer, which says its own length; empty: no more come."""
    data = b""
    while len(data) < 10 or len(data) < int.from_bytes(data[2:6], "big"):
        more = line.recv(4096)
        if not more:
            return b""
        data += more
    return data


if __name__ == "__main__":
    forward(sys.argv[1])
    sys.exit(0)

import cbor2  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, utils  # noqa: E402
from cryptography import x509  # noqa: E402

from outcome import need  # noqa: E402

DONE, REFUSED, CHALLENGED, MUST_ENROL, CREDENTIAL, TICKET = range(6)
RESTRICTED = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign"
ANYTHING = RESTRICTED.replace("restricted|", "")
PCRS = "sha256:0,1,2,3,4,5,6,7,9,11,12,13,14"
BANKS = {4: "sha1", 11: "sha256", 12: "sha384", 13: "sha512"}
BEGIN = 0x48466201
TYPES = {
    "firmware.evlog": "application/vnd.holdfast.firmware-log", "holdfast.evlog": "application/vnd.holdfast.log",
    "claims.cbor": "application/vnd.holdfast.claims+cbor", "quote.attest": "application/vnd.holdfast.tpms-attest",
    "quote.sig": "application/vnd.holdfast.tpmt-signature", "ak.pub": "application/vnd.holdfast.tpmt-public",
    "nonce.bin": "application/octet-stream", "boot-key.der": "application/vnd.holdfast.spki",
    "receipt.attest": "application/vnd.holdfast.tpms-attest", "receipt.sig": "application/vnd.holdfast.tpmt-signature",
}
LOG, END = 0xfffffffe, 0xffffffff  # relay.c's own


def read_log(log):
    """(its head, [(pcr, kind, data)]) of a crypto-agile log in four banks."""
    at = 32 + struct.unpack_from("<I", log, 28)[0]
    head, events = log[:at], []
    while at < len(log):
        pcr, kind, count = struct.unpack_from("<III", log, at)
        at += 12
        for _ in range(count):
            at += 2 + hashlib.new(BANKS[struct.unpack_from("<H", log, at)[0]]).digest_size
        size = struct.unpack_from("<I", log, at)[0]
        events.append((pcr, kind, log[at + 4:at + 4 + size]))
        at += 4 + size
    return head, events


def write_event(pcr, kind, data):
    digests = b"".join(struct.pack("<H", bank) + hashlib.new(name, data).digest() for bank, name in BANKS.items())
    return struct.pack("<III", pcr, kind, len(BANKS)) + digests + struct.pack("<I", len(data)) + data


class Attacker:
    def __init__(self, run, golden):
        """golden: evidence of a good boot of this host, as its tenant finds it."""
        self.site, self.machine = run.site, run.machine
        self.dir = pathlib.Path(self.site.dir) / "attacker"
        self.dir.mkdir(exist_ok=True)
        self.golden = {name: (golden / name).read_bytes() for name in TYPES if (golden / name).exists()}
        self.certificate, self.key = self.site.setup.authority.issue("attacker", "holdfast")
        public = x509.load_pem_x509_certificate(pathlib.Path(self.certificate).read_bytes()).public_key()
        self.spki = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.said = []  # (what he tried, what he was told)
        self.listener = socket.socket(socket.AF_UNIX)
        self.path = f"{self.machine.sockets}/relay"

    def __enter__(self):
        need(self.machine.wait_for(r"^RELAY-READY", r"^RELAY-FAILED.*", r"^TENANT-DONE").group(0) == "RELAY-READY",
             "the host's TPM is not lent")
        self.listener.bind(self.path)
        self.listener.listen(1)
        threading.Thread(target=self._relay, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()
        if self.machine.streams:
            self.machine.exchange(struct.pack(">HII", 0x8001, 10, END), answered=False)

    def _relay(self):
        """While a tool runs, nobody else listens to the machine."""
        while True:
            try:
                line = self.listener.accept()[0]
            except OSError:
                return
            with line:
                while True:
                    command = whole(line)
                    if not command:
                        break
                    line.sendall(self.machine.exchange(command))

    # ---- the TPM ----
    def tool(self, *argv, fails=False):
        argv = [str(arg) for arg in argv]
        done = subprocess.run(argv, capture_output=True, cwd=self.dir, timeout=60, check=False, env=dict(
            os.environ, TPM2TOOLS_TCTI=f"cmd:{sys.executable} {os.path.abspath(__file__)} {self.path}"))
        need((done.returncode != 0) == fails, f"{' '.join(argv)}: exit {done.returncode}: "
                                              + done.stderr.decode(errors="replace")[-400:])
        if argv[0] != "tpm2_flushcontext" and "session" not in argv:  # the relay keeps what tools leave behind
            self.tool("tpm2_flushcontext", "-t")

    def firmware_log(self):
        return self.machine.exchange(struct.pack(">HII", 0x8001, 10, LOG))[10:]

    def make_key(self, hierarchy="e", attributes=RESTRICTED):
        """A primary key of the shape of an attestation key: its public area."""
        self.tool("tpm2_createprimary", "-C", hierarchy, "-G", "ecc256:ecdsa-sha256:null", "-g", "sha256", "-a",
                  attributes, "-c", "ak.ctx")
        self.tool("tpm2_readpublic", "-c", "ak.ctx", "-o", "ak.pub")
        self.ak = (self.dir / "ak.pub").read_bytes()[2:]
        return self.ak

    def extend(self, data):
        self.tool("tpm2_pcrextend", "13:" + ",".join(f"{name}={hashlib.new(name, data).hexdigest()}"
                                                     for name in BANKS.values()))

    # ---- the controller ----
    def post(self, what, message):
        controller = self.site.controller
        status, _, body = controller.ask("POST", f"/v1/agent/{what}", cbor2.dumps(message, canonical=True), role=None,
                                         media="application/cmw+cbor" if what == "evidence" else "application/cbor",
                                         tls=controller.tls(self.certificate, self.key))
        need(status == 200, f"{what}: {status} {body[:200]!r}")
        return cbor2.loads(body)

    def payload(self, statement):
        """Of what the controller signed, and nobody else."""
        protected, _, payload, signature = cbor2.loads(statement).value
        r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
        self.site.setup.ticket_key.public_key().verify(
            utils.encode_dss_signature(r, s), cbor2.dumps(["Signature1", protected, b"", payload]),
            ec.ECDSA(hashes.SHA256()))
        return cbor2.loads(payload)

    def refused(self, what, cause, reply):
        """No ticket, no secret, and exactly this reason."""
        need(reply[2] == REFUSED and 8 not in reply, f"{what}: not refused: {reply[2]}")
        own = self.payload(reply[3])[266]["host"][-70000]
        self.said.append((what, own.get(13), own.get(15, "")))
        need(own[10] == "nothing" and own.get(13) == cause, f"{what}: refused for {own.get(13)} ({own.get(15)}), "
                                                            f"not {cause}")

    def enrol(self, ak):
        """The credential opened by the host's own TPM, where it does."""
        self.tool("tpm2_createek", "-G", "ecc", "-c", "ek.ctx", "-u", "ek.pub")
        ek = (self.dir / "ek.pub").read_bytes()[2:]
        reply = self.post("enrol", {1: 1, 2: ak, 3: [[ek, b""]]})
        if reply[2] != CREDENTIAL:
            return reply
        (self.dir / "credential").write_bytes(bytes.fromhex("badcc0de00000001") + reply[6] + reply[7])
        self.tool("tpm2_startauthsession", "--policy-session", "-S", "session")
        self.tool("tpm2_policysecret", "-S", "session", "-c", "e")
        self.tool("tpm2_activatecredential", "-c", "ak.ctx", "-C", "ek.ctx", "-i", "credential", "-o", "secret", "-P",
                  "session:session")
        self.tool("tpm2_flushcontext", "session")
        return self.post("activate", {1: 1, 2: ak, 3: reply[4], 4: (self.dir / "secret").read_bytes()})

    def challenge(self):
        """(nonce, reclaim)"""
        reply = self.post("challenge", {1: 1, 2: self.ak, 3: "holdfast 0.4.0"})
        need(reply[2] == CHALLENGED, f"no challenge: {reply[2]}")
        payload = self.payload(reply[3])
        return payload[1], payload[3]

    def attest(self, **changes):
        """The good boot's evidence with changes, and a quote of what the TPM says now."""
        nonce, _ = self.challenge()
        self.tool("tpm2_quote", "-c", "ak.ctx", "-l", PCRS, "-q", nonce.hex(), "-m", "msg", "-s", "sig", "-f", "tss", "-g",
                  "sha256")
        files = {**{name: data for name, data in self.golden.items() if not name.startswith("receipt")},
                 "ak.pub": self.ak, "nonce.bin": nonce, "quote.attest": (self.dir / "msg").read_bytes(),
                 "quote.sig": (self.dir / "sig").read_bytes(), "boot-key.der": self.spki, **changes}
        return self.send(files)

    def send(self, files):
        return self.post("evidence", {"__cmwc_t": "tag:holdfast.invalid,2026:evidence",
                                      **{name: [TYPES[name], data, 4] for name, data in files.items() if data}})

    def my_events(self):
        """The good boot's log up to END, in which the boot key is his."""
        events = []
        for pcr, kind, data in read_log(self.golden["holdfast.evlog"])[1]:
            tag = struct.unpack_from("<I", data)[0]
            if tag == BEGIN:
                begin = cbor2.loads(data[8:])
                begin["boot-key"] = hashlib.sha256(self.spki).digest()
                payload = cbor2.dumps(begin)
                data = struct.pack("<II", BEGIN, len(payload)) + payload
            events.append((pcr, kind, data))
        return events[:-1]  # without CAP

    def my_log(self):
        return b"".join(write_event(*event) for event in self.my_events())

    def replay(self):
        """Extends the PCR as the gate would have: the events as bytes of a log."""
        for _, _, data in self.my_events():
            self.extend(data)
        return self.my_log()

    def head(self):
        return read_log(self.golden["holdfast.evlog"])[0]
