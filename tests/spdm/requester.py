# SPDX-License-Identifier: GPL-3.0-or-later
"""A requester of its own, small and strict: it shows that the scripted responder is one, and
nothing of it is shared with the program under test but the wire."""
import os
import socket
import struct

from cryptography import x509

import crypto
import wire


class Wrong(Exception):
    pass


def need(condition, words):
    if not condition:
        raise Wrong(words)


class Tcp:
    def __init__(self, port, transport=wire.TRANSPORT_DOE):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.transport = transport

    def __call__(self, message):
        doe = self.transport == wire.TRANSPORT_DOE
        payload = wire.doe(message) if doe else b"\5" + message
        self.socket.sendall(wire.frame(wire.NORMAL, self.transport, payload))
        command, transport, size = struct.unpack(">III", self.receive(12))
        need((command, transport) == (wire.NORMAL, self.transport), "frame")
        payload = self.receive(size)
        if doe:
            vendor, kind, body = wire.undoe(payload)
            need((vendor, kind) == (1, wire.DOE_SPDM), "DOE type")
            return body
        need(payload[:1] == b"\5", "MCTP type")
        return payload[1:]

    def receive(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            need(part, "closed")
            data += part
        return data

    def close(self):
        self.socket.sendall(wire.frame(wire.SHUTDOWN, self.transport, b""))
        self.socket.close()


class Watcher:
    """Follows a conversation pair by pair, keeps the transcripts, and checks what is signed."""

    def __init__(self, padded=True, roots=()):
        self.padded, self.roots = padded, list(roots)
        self.signatures, self.blocks, self.total = [], {}, None
        self.errors, self.unsigned = 0, 0
        self.summary, self.records = b"", []  # of a challenge; of all measurements
        self.hash = self.asym = None
        self.messages = []  # of the last pair, without padding
        self.begin()

    def begin(self):
        self.terms = wire.Terms()
        self.a = self.b = self.l = b""
        self.blobs, self.digests, self.leaf = {}, {}, {}

    def take(self, request, response):
        """The answer as a dictionary."""
        if request[1] == wire.GET_VERSION:
            self.begin()
        if request[1] == wire.GET_CAPABILITIES:
            self.terms.version = request[0]
        q, _ = wire.decode(request, self.terms)
        request = wire.unpad(request, self.terms) if self.padded else request
        if q["code"] not in (wire.GET_MEASUREMENTS, wire.CHUNK_GET, wire.RESPOND_IF_READY):
            self.l = b""
        self.terms.saw_request(q)
        if response[1] == wire.ERROR:
            need(response[0] == self.terms.version, "version of an ERROR")
            self.errors += 1
            if response[2] not in (wire.NOT_READY, wire.LARGE_RESPONSE):
                self.l = b""
            return wire.decode(response, self.terms)[0]
        m, rest = wire.decode(response, self.terms)
        need(len(rest) <= (3 if self.padded else 0), "bytes behind the end")
        response = response[:len(response) - len(rest)]
        self.messages = [request, response]
        need(m["code"] == q["code"] - 0x80, f"code {m['code']:02x}")
        need(m["version"] == self.terms.version, f"version {m['version']:02x}")
        step = {wire.VERSION: self.vca, wire.CAPABILITIES: self.vca, wire.ALGORITHMS: self.vca,
                wire.DIGESTS: self.saw_digests, wire.CERTIFICATE: self.saw_certificate,
                wire.CHALLENGE_AUTH: self.saw_challenge,
                wire.MEASUREMENTS: self.saw_measurements}[m["code"]]
        step(q, m, request, response)
        return m

    def vca(self, q, m, request, response):
        self.a += request + response
        if m["code"] == wire.ALGORITHMS:
            self.asym, self.hash = crypto.ASYM_OF[m["asym"]], crypto.HASH_OF[m["hash"]]
            need(q["asym"] & m["asym"] and q["hash"] & m["hash"], "not offered")
            self.terms.hash_size = crypto.hash_size(self.hash)
            self.terms.signature_size = crypto.ALGORITHMS[self.asym][1]

    def saw_digests(self, q, m, request, response):
        slots = [i for i in range(8) if m["slots"] >> i & 1]
        size = self.terms.hash_size
        self.digests = {slot: m["digests"][i * size:(i + 1) * size] for i, slot in enumerate(slots)}
        self.b = request + response
        self.blobs = {}

    def saw_certificate(self, q, m, request, response):
        large = "large_portion" in m
        slot, left = m["slot"] & 15, m["large_remainder" if large else "remainder"]
        need(slot == q["slot"] & 15, "slot")
        asked = q["large_offset" if large else "offset"]
        if asked == 0:
            self.blobs[slot] = b""
        need(asked == len(self.blobs[slot]), "offset")
        self.blobs[slot] += m["data"]
        self.b += request + response
        if left == 0:
            self.check_chain(slot)

    def check_chain(self, slot):
        blob = self.blobs[slot]
        need(int.from_bytes(blob[:4], "little") == len(blob), "length of the chain")
        if slot in self.digests:
            need(crypto.digest(self.hash, blob) == self.digests[slot], "digest of the chain")
        size = self.terms.hash_size
        root_hash, rest, chain = blob[4:4 + size], blob[4 + size:], []
        while rest:
            length = 4 + int.from_bytes(rest[2:4], "big") if rest[1] == 0x82 else 2 + rest[1] \
                if rest[1] < 0x80 else 3 + rest[2]
            chain.append(x509.load_der_x509_certificate(rest[:length]))
            rest = rest[length:]
        if self.roots:
            root = next((r for r in self.roots if crypto.digest(self.hash, r) == root_hash), None)
            need(root, "no such root")
            above = x509.load_der_x509_certificate(root)
            for cert in chain:
                need(signed_by(cert, above), f"{cert.subject} is not signed by {above.subject}")
                above = cert
        self.leaf[slot] = chain[-1].public_key()

    def check(self, slot, context, transcript, signature):
        data = crypto.to_be_signed(self.terms.version, self.hash, context, transcript)
        need(slot in self.leaf, f"nothing read of slot {slot}")
        need(crypto.verifies(self.leaf[slot], self.asym, self.hash, data, signature), "signature")

    def saw_challenge(self, q, m, request, response):
        slot = q["slot"] & 15
        need(m["slot"] & 15 == slot, "slot")
        need(m["chain_hash"] == crypto.digest(self.hash, self.blobs[slot]), "hash of the chain")
        need(m.get("context") == q.get("context"), "context")
        body = response[:-self.terms.signature_size]
        self.check(slot, crypto.OF_CHALLENGE, self.a + self.b + request + body, m["signature"])
        self.signatures.append(("challenge", slot))
        self.summary = m["summary"]
        self.b = b""

    def saw_measurements(self, q, m, request, response):
        found = wire.blocks(m["record"])
        need(len(found) == m["blocks"], "number of blocks")
        if q["index"] == 0:
            self.total = m["total"]
        elif q["index"] == 0xff:
            self.records.append(m["record"])
        else:
            need(list(found) == [q["index"]], "another index")
        self.blocks.update(found)
        if not self.terms.signed:
            self.l += request + response
            self.unsigned += 1
            return
        need(m.get("context") == q.get("context"), "context")
        first = self.a if self.terms.version >= 0x12 else b""
        body = response[:-self.terms.signature_size]
        slot = q.get("slot", 0) & 15
        self.check(slot, crypto.OF_MEASUREMENTS, first + self.l + request + body, m["signature"])
        self.signatures.append(("measurements", slot))
        self.l = b""


def signed_by(certificate, above):
    """Also by itself, for a root."""
    key = above.public_key()
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    data, signature = certificate.tbs_certificate_bytes, certificate.signature
    if isinstance(key, rsa.RSAPublicKey):
        arguments = (signature, data, padding.PKCS1v15(), certificate.signature_hash_algorithm)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        arguments = (signature, data, ec.ECDSA(certificate.signature_hash_algorithm))
    else:
        arguments = (signature, data)
    try:
        key.verify(*arguments)
    except crypto.InvalidSignature:
        return False
    return True


class Requester(Watcher):
    """Asks everything, over a callable that exchanges messages."""

    def __init__(self, exchange, *, roots=(), padded=True, transfer_size=0x1200, portion=0x400,
                 chunks=False, large=False):
        super().__init__(padded, roots)
        self.exchange, self.transfer_size, self.portion = exchange, transfer_size, portion
        self.large = large
        self.flags = (wire.CAP_CHUNK if chunks else 0) | (wire.CAP_LARGE if large else 0)

    def ask(self, m):
        request = wire.encode({"version": self.terms.version, **m}, self.terms)
        response = self.exchange(request)
        answer = self.take(request, response)
        if answer["code"] == wire.ERROR and answer["error"] == wire.NOT_READY:
            token = answer["extended"][2]
            later = wire.encode({"version": self.terms.version, "code": wire.RESPOND_IF_READY,
                                 "request": m["code"], "token": token}, self.terms)
            return self.take(request, self.exchange(later))
        if answer["code"] == wire.ERROR and answer["error"] == wire.LARGE_RESPONSE:
            return self.take(request, self.in_pieces(answer["extended"][0]))
        return answer

    def in_pieces(self, handle):
        data, number, total = b"", 0, None
        while total is None or len(data) < total:
            m, rest = wire.decode(self.exchange(wire.encode(
                {"version": self.terms.version, "code": wire.CHUNK_GET, "handle": handle,
                 "number": number}, self.terms)), self.terms)
            need(m["code"] == wire.CHUNK_RESPONSE and m["number"] == number and len(rest) < 4,
                 "chunk")
            total = m.get("large_size", total)
            data, number = data + m["data"], number + 1
        need(m["attributes"] & 1 and len(data) == total, "last chunk")
        return data

    def good(self, m):
        answer = self.ask(m)
        need(answer["code"] != wire.ERROR, f"ERROR {answer.get('error', 0):02x}")
        return answer

    def negotiate(self, version):
        self.begin()
        listed = self.good({"code": wire.GET_VERSION, "version": 0x10})["entries"]
        need(bytes([0, version]) in [listed[i:i + 2] for i in range(0, len(listed), 2)], "version")
        self.terms.version = version
        found = self.good({"code": wire.GET_CAPABILITIES, "flags": self.flags,
                           "transfer_size": self.transfer_size, "message_max": 1 << 17
                           if self.flags & wire.CAP_CHUNK else self.transfer_size})
        self.good({"code": wire.NEGOTIATE, "length": 32, "spec": 1, "other": 2 if version > 0x11
                   else 0, "asym": 0x5ff, "hash": 7})
        return found["flags"]

    def read_chain(self, slot):
        left = 1
        while left:
            have = len(self.blobs.get(slot, b""))
            if self.large:
                left = self.good({"code": wire.GET_CERTIFICATE, "slot": slot | 0x80, "large_offset":
                                  have, "large_length": self.portion})["large_remainder"]
            else:
                left = self.good({"code": wire.GET_CERTIFICATE, "slot": slot, "offset": have,
                                  "length": self.portion})["remainder"]

    def attest(self, version):
        """Everything that the device can."""
        flags = self.negotiate(version)
        slots = []
        if flags & wire.CAP_CERT:
            self.good({"code": wire.GET_DIGESTS})
            slots = sorted(self.digests)
        for slot in slots:
            if slot:
                self.good({"code": wire.GET_DIGESTS})
            self.read_chain(slot)
            if flags & wire.CAP_CHAL:
                self.good({"code": wire.CHALLENGE, "slot": slot, "summary": 0xff,
                           "nonce": os.urandom(32), "context": b"12345678"})
        signed = 1 if flags & wire.CAP_MEAS_SIGNED and slots else 0
        for index in (0, 0xff, *range(1, 0xff)):
            if flags & (wire.CAP_MEAS_SIGNED | wire.CAP_MEAS_UNSIGNED) and index in (
                    0, 0xff, *self.blocks):
                slot = slots[-1] if slots and version > 0x10 else 0
                if signed and slot not in self.leaf:
                    self.read_chain(slot)
                self.ask({"code": wire.GET_MEASUREMENTS, "attributes": signed if index else 0,
                          "index": index, "slot": slot, "nonce": os.urandom(32) if signed and index
                          else b"", "context": b"abcdefgh"})
