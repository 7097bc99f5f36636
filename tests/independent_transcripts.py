#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what devices signed out of a directory of evidence without a line of ours.

    independent_transcripts.py DIR        who signed what, as JSON; fails where a nonce or a
                                          signature does not hold
    independent_transcripts.py --nonce PASS CHALLENGE BOOT-ID PATH N     in hexadecimal

Written from docs/evidence.md and DSP0274; SPDM 1.2 and later with ECDSA, like most devices.
"""
import hashlib
import io
import json
import struct
import sys

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

HASHES = {1: hashes.SHA256, 2: hashes.SHA384, 4: hashes.SHA512}
CHALLENGE, GET_CERTIFICATE, GET_MEASUREMENTS, NEGOTIATE = 0x83, 0x82, 0xE0, 0xE3
GET_VERSION, GET_CAPABILITIES = 0x84, 0xE1


class Wrong(Exception):
    pass


def need(condition, words):
    if not condition:
        raise Wrong(words)


def strict(data):
    file = io.BytesIO(data)
    value = cbor2.load(file)
    need(file.tell() == len(data), "bytes after the item")
    return value


def nonce(which, challenge, boot_id, path, number):
    need(len(challenge) <= 64 and len(boot_id) == 32, "challenge or boot key")
    return hashlib.sha256(b"holdfast-spdm\0" + bytes([which, len(challenge)]) + challenge + boot_id +
                          path.encode("ascii") + b"\0" + struct.pack(">I", number)).digest()


def conversation(pcap):
    """Pairs of request and answer, with the mailbox's padding."""
    magic, major, minor, _, _, link = struct.unpack_from("<IHHQII", pcap)
    need((magic, major, minor, link) == (0xA1B2C3D4, 2, 4, 292), "no capture of a mailbox")
    at, messages = 24, []
    while at < len(pcap):
        _, kept, length = struct.unpack_from("<QII", pcap, at)
        vendor, kind, _, dwords = struct.unpack_from("<HBBI", pcap, at + 16)
        need(kept == length == 4 * dwords and at + 16 + kept <= len(pcap), "lengths")
        need((vendor, kind) == (1, 1), "not SPDM")
        messages.append(pcap[at + 24:at + 16 + kept])
        at += 16 + kept
    need(len(messages) % 2 == 0, "a question without an answer")
    return list(zip(messages[::2], messages[1::2]))


class Device:
    """What follows from one conversation."""

    def __init__(self, pcap):
        self.nonces, self.negotiated, self.l1, self.chain = [], b"", b"", b""
        self.signed, self.measured, self.hash, self.size = 0, {}, None, 0
        for request, answer in conversation(pcap):
            need(request[1] & 0x80 and not answer[1] & 0x80, "who asks?")
            if answer[1] != 0x7F:
                self.take(request, answer)
            self.count(request)

    def count(self, request):
        if request[1] == CHALLENGE or (request[1] == GET_MEASUREMENTS and request[2] & 1):
            if request[4:36] not in self.nonces:
                self.nonces.append(request[4:36])

    def take(self, request, answer):
        code = request[1]
        if code == GET_VERSION:
            self.negotiated = request[:4] + answer[:6 + 2 * answer[5]]
        elif code == GET_CAPABILITIES:
            need(request[0] >= 0x12, "an older version than this reads")
            self.version, self.negotiated = request[0], self.negotiated + request[:20] + answer[:20]
        elif code == NEGOTIATE:
            length = struct.unpack_from("<H", request, 4)[0], struct.unpack_from("<H", answer, 4)[0]
            self.negotiated += request[:length[0]] + answer[:length[1]]
            self.hash = HASHES[struct.unpack_from("<I", answer, 16)[0]]
            self.size = self.hash().digest_size
        elif code == GET_CERTIFICATE and request[2] & 15 == 0:
            portion = struct.unpack_from("<H", answer, 4)[0]
            offset = struct.unpack_from("<H", request, 4)[0]
            self.chain = self.chain[:offset] + answer[8:8 + portion]
        elif code == GET_MEASUREMENTS:
            self.measurements(request, answer)

    def leaf(self):
        at, der = 4 + self.size, b""
        while at < len(self.chain):
            need(self.chain[at:at + 2] == b"\x30\x82", "no certificate")
            length = 4 + struct.unpack_from(">H", self.chain, at + 2)[0]
            der, at = self.chain[at:at + length], at + length
        return x509.load_der_x509_certificate(der)

    def measurements(self, request, answer):
        is_signed = request[2] & 1
        context = 8 if self.version >= 0x13 else 0
        record = answer[8:8 + int.from_bytes(answer[5:8], "little")]
        at = 8 + len(record) + 32
        at += 2 + struct.unpack_from("<H", answer, at)[0] + context
        self.l1 += request[:(37 if is_signed else 4) + context] + answer[:at]
        while record:
            index, kind, length = record[0], record[4], struct.unpack_from("<H", record, 5)[0]
            self.measured[index] = (kind, record[7:7 + length].hex())
            record = record[7 + length:]
        if not is_signed:
            return
        key = self.leaf().public_key()
        half = (key.curve.key_size + 7) // 8
        r, s = (int.from_bytes(answer[at + i * half:at + (i + 1) * half], "big") for i in (0, 1))
        words = b"responder-measurements signing"
        version = f"{self.version >> 4}.{self.version & 15}"
        prefix = f"dmtf-spdm-v{version}.*".encode() * 4
        context_of = prefix + b"\0" * (36 - len(words)) + words
        digest = hashes.Hash(self.hash())
        digest.update(self.negotiated + self.l1)
        key.verify(utils.encode_dss_signature(r, s), context_of + digest.finalize(), ec.ECDSA(self.hash()))
        self.signed, self.l1 = self.signed + 1, b""


def read(folder, name):
    with open(f"{folder}/{name}", "rb") as file:
        return file.read()


def named(claims):
    """(path, pass, SHA-384) of each transcript that the claims or the note name."""
    for part in claims:
        for function in part.get(2, ()):
            for m in function.get(4, ()):
                if m[0] == "spdm/transcript" and 4 in m:
                    yield function[1], 1, m[4][-43]
        if part[0] == 0 and part[1] == "spdm":
            for m in part.get(3, ()):
                path, digest = m[6].split(" sha384:")
                yield path, 2, bytes.fromhex(digest)


def check(folder):
    claims = [strict(part) for part in strict(read(folder, "claims.cbor"))]
    files = {hashlib.sha384(pcap).digest(): pcap for pcap in strict(read(folder, "transcripts.cbor"))}
    boot_id, challenge = hashlib.sha256(read(folder, "boot-key.der")).digest(), read(folder, "nonce.bin")
    found = []
    for path, which, digest in named(claims):
        need(digest in files, f"{path}: no transcript in pass {which}")
        device = Device(files.pop(digest))
        wanted = [nonce(which, challenge if which == 2 else b"", boot_id, path, n)
                  for n in range(len(device.nonces))]
        need(device.nonces and device.nonces == wanted, f"{path}: nonces of pass {which}")
        need(device.signed, f"{path}: nothing signed")
        found.append({"path": path, "pass": which, "signatures": device.signed,
                      "nonces": len(device.nonces), "subject": device.leaf().subject.rfc4514_string(),
                      "measured": {str(k): v[1] for k, v in sorted(device.measured.items())}})
    need(not files, "a transcript that nobody names")
    return found


def main():
    if sys.argv[1] == "--nonce":
        which, challenge, boot_id, path, number = sys.argv[2:7]
        print(nonce(int(which), bytes.fromhex(challenge), bytes.fromhex(boot_id), path, int(number)).hex())
        return
    json.dump(check(sys.argv[1]), sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
