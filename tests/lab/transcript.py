# SPDX-License-Identifier: GPL-3.0-or-later
"""A saved SPDM conversation, read by nothing of holdfast's: what was signed in it, by whom, and
whether it holds. For the lab, which asks a second opinion, and for the benchmark's floor.

Usage: transcript.py FILE.pcap     exit code 3: a signature does not hold
"""
import struct
import sys

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

LINKTYPE_DOE = 292
HASHES = {1: hashes.SHA256, 2: hashes.SHA384, 4: hashes.SHA512}
RSA = {0x1: 256, 0x2: 256, 0x4: 384, 0x8: 384, 0x20: 512, 0x40: 512}
PSS = 0x2 | 0x8 | 0x40
ECDSA = {0x10: 32, 0x80: 48, 0x100: 66}
EDDSA = {0x400: 64, 0x800: 114}
ERROR = 0x7F


def objects(data):
    """Every DOE object of a pcap file."""
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    if struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF != LINKTYPE_DOE:
        raise ValueError("not a capture of DOE objects")
    at = 24
    while at < len(data):
        size = struct.unpack_from(order + "I", data, at + 8)[0]
        yield data[at + 16:at + 16 + size]
        at += 16 + size


def messages(data):
    """(request, answer) of every SPDM exchange, padding and all."""
    spdm = [each[8:] for each in objects(data) if each[:3] == b"\x01\x00\x01"]
    return list(zip(spdm[::2], spdm[1::2]))


class Signed:
    """One signature: who made it (a public key), over what."""

    def __init__(self, what, key, asym, algorithm, data, signature):
        self.what, self.key, self.asym, self.algorithm = what, key, asym, algorithm
        self.data, self.signature = data, signature

    def der(self):
        """An ECDSA signature as libraries want it."""
        if self.asym not in ECDSA:
            return self.signature
        half = len(self.signature) // 2
        return utils.encode_dss_signature(int.from_bytes(self.signature[:half], "big"),
                                          int.from_bytes(self.signature[half:], "big"))

    def holds(self):
        try:
            if self.asym in EDDSA:
                self.key.verify(self.signature, self.data)
            elif self.asym in ECDSA:
                self.key.verify(self.der(), self.data, ec.ECDSA(self.algorithm()))
            elif self.asym & PSS:
                self.key.verify(self.signature, self.data, padding.PSS(
                    padding.MGF1(self.algorithm()), self.algorithm.digest_size), self.algorithm())
            else:
                self.key.verify(self.signature, self.data, padding.PKCS1v15(), self.algorithm())
        except InvalidSignature:
            return False
        return True

    def spki(self):
        return self.key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


class Conversation:
    """signatures: every one of an answer; certificates: {slot: [DER, root first]}; blocks:
    {index: (type, value)}; nonces: those of the requests, in order."""

    def __init__(self, data):
        self.version = self.asym = self.hash_bit = 0
        self.a = self.b = self.l = b""
        self.chains, self.certificates, self.blocks = {}, {}, {}
        self.signatures, self.nonces = [], []
        for request, answer in messages(data):
            self.take(request, answer)

    @property
    def hash(self):
        return HASHES[self.hash_bit]

    def signature_len(self):
        return RSA.get(self.asym) or EDDSA.get(self.asym) or 2 * ECDSA[self.asym]

    def take(self, request, answer):
        code = request[1]
        if answer[1] == ERROR:
            if code == 0xE0:
                self.l = b""
            return
        handler = {0x84: self.take_version, 0xE1: self.take_capabilities, 0xE3: self.take_algorithms,
                   0x81: self.take_digests, 0x82: self.take_certificate, 0x83: self.take_challenge,
                   0xE0: self.take_measurements}.get(code)
        if not handler:
            raise ValueError(f"request {code:#x} is not known here")
        handler(request, answer)

    def take_version(self, request, answer):
        self.a, self.b, self.l, self.chains = request[:4] + answer[:6 + 2 * answer[5]], b"", b"", {}

    def take_capabilities(self, request, answer):
        self.version = request[0]
        sizes = (4, 12) if self.version == 0x10 else (12, 12) if self.version == 0x11 else (20, 20)
        self.a += request[:sizes[0]] + answer[:sizes[1]]

    def take_algorithms(self, request, answer):
        self.a += request[:struct.unpack_from("<H", request, 4)[0]] + answer[:struct.unpack_from("<H", answer, 4)[0]]
        self.asym, self.hash_bit = struct.unpack_from("<II", answer, 12)

    def take_digests(self, request, answer):
        slots = bin(answer[3]).count("1")
        self.b += request[:4] + answer[:4 + slots * self.hash.digest_size]

    def take_certificate(self, request, answer):
        portion = struct.unpack_from("<H", answer, 4)[0]
        slot, offset = request[2] & 0xF, struct.unpack_from("<H", request, 4)[0]
        self.b += request[:8] + answer[:8 + portion]
        blob = self.chains.get(slot, b"") if offset else b""
        self.chains[slot] = blob[:offset] + answer[8:8 + portion]
        if struct.unpack_from("<H", answer, 6)[0] == 0:
            self.certificates[slot] = split(self.chains[slot][4 + self.hash.digest_size:])

    def key(self, slot):
        return x509.load_der_x509_certificate(self.certificates[slot][-1]).public_key()

    def signed(self, what, slot, message, signature):
        if self.version >= 0x12:
            context = f"responder-{what} signing".encode()
            prefix = (f"dmtf-spdm-v{self.version >> 4}.{self.version & 15}.*".encode() * 4)
            digest = hashes.Hash(self.hash())
            digest.update(message)
            message = prefix + bytes(100 - len(prefix) - len(context)) + context + digest.finalize()
        self.signatures.append(Signed(what, self.key(slot), self.asym, self.hash, message, signature))

    def opaque(self, answer, at):
        at += 2 + struct.unpack_from("<H", answer, at)[0]
        return at + (8 if self.version >= 0x13 else 0)

    def take_challenge(self, request, answer):
        context = 8 if self.version >= 0x13 else 0
        self.nonces.append(request[4:36])
        summary = self.hash.digest_size if request[3] else 0
        end = self.opaque(answer, 4 + self.hash.digest_size + 32 + summary)
        self.signed("challenge_auth", request[2] & 0xF, self.a + self.b + request[:36 + context] + answer[:end],
                    answer[end:end + self.signature_len()])
        self.b = b""

    def take_measurements(self, request, answer):
        asks, context = request[2] & 1, 8 if self.version >= 0x13 else 0
        length = 4 + (32 + (self.version >= 0x11) if asks else 0) + context
        record = int.from_bytes(answer[5:8], "little")
        end = self.opaque(answer, 8 + record + 32)
        self.l += request[:length] + answer[:end]
        self.take_blocks(answer[8:8 + record])
        if not asks:
            return
        self.nonces.append(request[4:36])
        slot = request[36] & 0xF if self.version >= 0x11 else 0
        self.signed("measurements", slot, (self.a if self.version >= 0x12 else b"") + self.l,
                    answer[end:end + self.signature_len()])
        self.l = b""

    def take_blocks(self, record):
        while record:
            index, _, size = struct.unpack_from("<BBH", record)
            kind, length = struct.unpack_from("<BH", record, 4)
            self.blocks[index] = (kind, record[7:7 + length])
            record = record[4 + size:]

    def of_certificates(self):
        """The signature of each certificate whose issuer is in the chain."""
        found = []
        for chain in self.certificates.values():
            chain = [x509.load_der_x509_certificate(der) for der in chain]
            for issuer, each in zip([chain[0], *chain], chain):
                if each.issuer == issuer.subject:
                    found.append((issuer.public_key(), each))
        return found


def split(der):
    """DER certificates that lie one behind the other."""
    found = []
    while der:
        if der[1] < 0x80:
            size = 2 + der[1]
        else:
            count = der[1] & 0x7F
            size = 2 + count + int.from_bytes(der[2:2 + count], "big")
        found.append(der[:size])
        der = der[size:]
    return found


def show(path):
    """What is in the file, for people. It is not checked to whom the first certificate belongs."""
    with open(path, "rb") as file:
        conversation = Conversation(file.read())
    print(f"SPDM {conversation.version >> 4}.{conversation.version & 15}, {conversation.hash().name}")
    for slot, chain in sorted(conversation.certificates.items()):
        for der in chain:
            print(f"slot {slot}: {x509.load_der_x509_certificate(der).subject.rfc4514_string()}")
    for index, (kind, value) in sorted(conversation.blocks.items()):
        print(f"measurement {index}, type {kind:#04x}: {value.hex()}")
    for each in conversation.signatures:
        print(f"signature of {each.what}: {'holds' if each.holds() else 'DOES NOT HOLD'}")
    return 0 if conversation.signatures and all(each.holds() for each in conversation.signatures) else 3


if __name__ == "__main__":
    sys.exit(show(sys.argv[1]) if len(sys.argv) == 2 else __doc__)
