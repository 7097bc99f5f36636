# SPDX-License-Identifier: GPL-3.0-or-later
"""A device that answers SPDM: what it is (Device), and what it says to each request
(Responder). It tells the truth; lies bend it."""
import os

import crypto
import keys
import wire
from wire import INVALID_REQUEST, LARGE_RESPONSE, NOT_READY, RESYNCH, UNEXPECTED, UNSUPPORTED

IDENTITY = "Vendor=8086:Device=0001:CC=010802:REV=01:SSVID=8086:SSID=0002"
ROM, FIRMWARE, HARDWARE_CONFIG, FIRMWARE_CONFIG, MANIFEST, MODE, VERSION_TEXT, SVN = range(8)
RAW = 0x80
MEASUREMENTS = {  # index -> what it says; "of": a digest of these bytes, shown raw on demand
    "1": {"type": ROM, "of": "immutable rom 1"},
    "2": {"type": FIRMWARE, "of": "firmware 7.1"},
    "3": {"type": HARDWARE_CONFIG, "of": "straps"},
    "4": {"type": FIRMWARE_CONFIG, "of": "settings"},
    "16": {"type": SVN, "number": 7},
    "17": {"type": VERSION_TEXT, "text": "7.1.0"},
    "253": {"type": MANIFEST, "text": "what is in here"},
    "254": {"type": MODE, "raw": "03000000070000000300000003000000"},
}
RESPONSE_TOO_LARGE = 0x0d


class Close(Exception):
    """The device hangs up."""


def value_of(entry, hash_name, raw):
    """(type byte, value) of one entry of MEASUREMENTS."""
    kind = entry["type"]
    if "of" in entry:
        data = entry["of"].encode()
        return (kind | RAW, data) if raw else (kind, crypto.digest(hash_name, data))
    if "digest" in entry:
        return kind, bytes.fromhex(entry["digest"])
    if "number" in entry:
        return kind | RAW, entry["number"].to_bytes(8, "little")
    if "text" in entry:
        return kind | RAW, entry["text"].encode()
    return kind | RAW, bytes.fromhex(entry["raw"])


class Device:
    """What does not change while it runs. slots: number -> (keys.Chain, blob)."""

    def __init__(self, *, directory, versions=(0x12,), algorithm="ecdsa-p256", hash_name="sha-256",
                 identity=IDENTITY, serial=None, measurements=None, slots=(0,), portion=0x400,
                 transfer_size=0x1200, message_max=None, raw_only=False, with_root=True,
                 intermediates=1, flaw=None, dice=True, sans=None, padding=0, opaque=b"",
                 capabilities=None):
        self.versions, self.algorithm, self.hash_name = list(versions), algorithm, hash_name
        self.measurement_hash = hash_name
        self.raw_only = raw_only
        self.measurements = dict(MEASUREMENTS if measurements is None else measurements)
        self.portion, self.opaque = portion, opaque
        self.transfer_size = transfer_size
        self.message_max = message_max or transfer_size
        self.capabilities = (wire.CAP_CERT | wire.CAP_CHAL | wire.CAP_MEAS_SIGNED |
                             wire.CAP_MEAS_FRESH if capabilities is None else capabilities)
        self.chunk_size = None  # larger answers go in pieces of this
        san = identity + (f":{serial:016x}" if serial is not None else "")
        self.slots = {}
        for slot in slots:
            tcb = keys.tcb_info("Example", "Part", "7.1.0", 7, crypto.digest(
                hash_name, b"firmware 7.1")) if dice else None
            chain = keys.Chain(directory, f"slot{slot}", algorithm, hash_name,
                               san=[san] if sans is None else sans, intermediates=intermediates,
                               dice=tcb, flaw=flaw, padding=padding)
            self.slots[slot] = chain
        self.blobs = {slot: chain.blob(hash_name, with_root) for slot, chain in self.slots.items()}

    def value(self, index, raw=False):
        return value_of(self.measurements[str(index)], self.measurement_hash,
                        raw or self.raw_only)

    def indexes(self):
        return sorted(int(i) for i in self.measurements)

    def block(self, index, raw=False):
        return wire.block(index, *self.value(index, raw))

    def summary(self, which):
        """Of the trusted computing base (1) or of everything (ff)."""
        kinds = (ROM, FIRMWARE) if which == 1 else range(128)
        record = b"".join(self.block(i) for i in self.indexes() if self.value(i)[0] & 0x7f in kinds)
        return crypto.digest(self.hash_name, record)


class Responder:
    """One conversation after another. lies: objects with before, alter and spoil (lie.py)."""

    def __init__(self, device, lies=()):
        self.device, self.lies = device, list(lies)
        self.seen = {}  # of each request code, how many so far
        self.forget()

    def forget(self):
        self.terms = wire.Terms()
        self.a = self.b = self.l = b""
        self.peer_flags, self.peer_transfer = 0, 0xffffffff
        self.negotiated = False
        self.pending = {}  # token -> request
        self.large, self.handle_number = None, 0

    # ---- one request ----

    def handle(self, message):
        """The answer; None: silence. Raises Close."""
        if len(message) < 4:
            return self.error(INVALID_REQUEST)
        code = message[1]
        if code == wire.GET_VERSION:
            self.forget()
        if code == wire.GET_CAPABILITIES and not self.negotiated and \
                message[0] in self.device.versions:
            self.terms.version = message[0]  # it decides how long this one is
        try:
            request, rest = wire.decode(message, self.terms)
        except wire.Malformed:
            return self.error(UNSUPPORTED if code not in wire.LAYOUTS else INVALID_REQUEST, code)
        raw = message[:len(message) - len(rest)]
        self.seen[code] = self.seen.get(code, 0) + 1
        for lie in self.lies:
            answer = lie.before(self, request, raw)
            if answer is not NotImplemented:
                return answer
        return self.answer(request, raw)

    def answer(self, request, raw):
        self.terms.saw_request(request)
        code = request["code"]
        if code not in (wire.GET_MEASUREMENTS, wire.RESPOND_IF_READY, wire.CHUNK_GET):
            self.l = b""
        if request["version"] != self.terms.version:
            return self.error(wire.VERSION_MISMATCH)
        maker = {
            wire.GET_VERSION: self.say_version, wire.GET_CAPABILITIES: self.say_capabilities,
            wire.NEGOTIATE: self.say_algorithms, wire.GET_DIGESTS: self.say_digests,
            wire.GET_CERTIFICATE: self.say_certificate, wire.CHALLENGE: self.say_challenge,
            wire.GET_MEASUREMENTS: self.say_measurements,
            wire.RESPOND_IF_READY: self.say_when_ready, wire.CHUNK_GET: self.say_chunk,
        }.get(code)
        data = maker(request, raw) if maker else self.error(UNSUPPORTED, code)
        if code in (wire.RESPOND_IF_READY, wire.CHUNK_GET):
            return data
        for lie in self.lies:
            data = lie.spoil(self, request, data)
        return self.in_pieces(data)

    def error(self, code, data=0, extended=b""):
        """Most of them empty the transcript of measurements, on both sides."""
        if code not in (NOT_READY, LARGE_RESPONSE):
            self.l = b""
        if code == RESYNCH:
            self.forget()
        return wire.encode({"version": self.terms.version, "code": wire.ERROR, "error": code,
                            "data": data, "extended": extended}, self.terms)

    def make(self, request, m):
        """Lets the lies bend a message, and encodes it."""
        m = {"version": self.terms.version, **m}
        for lie in self.lies:
            lie.alter(self, request, m)
        return wire.encode(m, self.terms), m

    # ---- what is agreed on ----

    def say_version(self, request, raw):
        entries = b"".join((v << 8).to_bytes(2, "little") for v in self.device.versions)
        data, _ = self.make(request, {"code": wire.VERSION, "version": 0x10, "entries": entries,
                                      "count": len(self.device.versions)})
        self.a = raw + data
        return data

    def say_capabilities(self, request, raw):
        d = self.device
        if request["version"] not in d.versions:
            return self.error(wire.VERSION_MISMATCH)
        self.peer_flags = request.get("flags", 0)
        self.peer_transfer = request.get("transfer_size", 0xffffffff)
        data, _ = self.make(request, {
            "code": wire.CAPABILITIES, "exponent": 18, "flags": d.capabilities,
            "transfer_size": d.transfer_size, "message_max": d.message_max})
        self.a += raw + data
        return data

    def say_algorithms(self, request, raw):
        d = self.device
        bit, signature_size = crypto.ALGORITHMS[d.algorithm]
        hash_bit = crypto.HASHES[d.hash_name][0]
        measures = d.capabilities & (wire.CAP_MEAS_UNSIGNED | wire.CAP_MEAS_SIGNED)
        m = {"code": wire.ALGORITHMS, "spec": request["spec"] & 1 if measures else 0,
             "other": request["other"] & 2 if self.terms.version >= 0x12 else 0,
             "measurement_hash": 0 if not measures else 1 if d.raw_only else hash_bit << 1,
             "asym": request["asym"] & bit, "hash": request["hash"] & hash_bit, "length": 36}
        data, _ = self.make(request, m)
        self.terms.hash_size = crypto.hash_size(d.hash_name)
        self.terms.signature_size = signature_size
        self.negotiated = True
        self.a += raw + data
        return data

    # ---- certificates ----

    def say_digests(self, request, raw):
        d = self.device
        if not d.capabilities & wire.CAP_CERT:
            return self.error(UNSUPPORTED, request["code"])
        mask = sum(1 << slot for slot in d.blobs)
        digests = b"".join(crypto.digest(d.hash_name, d.blobs[slot]) for slot in sorted(d.blobs))
        data, _ = self.make(request, {
            "code": wire.DIGESTS, "slots": mask, "digests": digests,
            "supported": mask if self.terms.version >= 0x13 else 0})
        self.b = raw + data
        return data

    def say_certificate(self, request, raw):
        d, slot = self.device, request["slot"] & 0x0f
        if slot not in d.blobs or not d.capabilities & wire.CAP_CERT:
            return self.error(INVALID_REQUEST)
        large = self.terms.version >= 0x14 and bool(request["slot"] & 0x80)
        offset = request["large_offset"] if large else request["offset"]
        length = request["large_length"] if large else request["length"]
        if large and not d.capabilities & wire.CAP_LARGE or offset >= len(d.blobs[slot]):
            return self.error(INVALID_REQUEST)
        room = min(d.portion, 1 << 20 if self.peer_flags & d.capabilities & wire.CAP_CHUNK else
                   self.peer_transfer - (16 if large else 8))
        part = d.blobs[slot][offset:offset + min(length, room)]
        remainder = len(d.blobs[slot]) - offset - len(part)
        m = {"code": wire.CERTIFICATE, "slot": slot, "data": part,
             "param2": 1 if self.terms.version >= 0x13 else 0}
        if large:
            m.update(slot=slot | 0x80, large_portion=len(part), large_remainder=remainder)
        else:
            m.update(portion=len(part), remainder=remainder)
        data, _ = self.make(request, m)
        self.b += raw + data
        return data

    # ---- what is signed ----

    def signature(self, slot, context, transcript):
        d = self.device
        data = crypto.to_be_signed(self.terms.version, d.hash_name, context, transcript)
        return crypto.sign(d.slots[slot].leaf_key, d.algorithm, d.hash_name, data)

    def seal(self, request, slot, context, before, m):
        """A message with its signature over everything before it."""
        self.terms.signature_size, size = 0, self.terms.signature_size
        data, m = self.make(request, m)
        self.terms.signature_size = size
        m["signature"] = self.signature(slot, context, before + data)
        for lie in self.lies:
            lie.sealed(self, request, m, before, data)
        return data + m["signature"]

    def say_challenge(self, request, raw):
        d, slot = self.device, request["slot"] & 0x0f
        if not d.capabilities & wire.CAP_CHAL:
            return self.error(UNSUPPORTED, request["code"])
        if slot not in d.blobs:
            return self.error(INVALID_REQUEST)
        m = {"code": wire.CHALLENGE_AUTH, "slot": slot, "mask": sum(1 << s for s in d.blobs),
             "chain_hash": crypto.digest(d.hash_name, d.blobs[slot]), "nonce": os.urandom(32),
             "summary": d.summary(request["summary"]) if request["summary"] else b"",
             "opaque_length": len(d.opaque), "opaque": d.opaque,
             "context": request.get("context", b"")}
        data = self.seal(request, slot, crypto.OF_CHALLENGE, self.a + self.b + raw, m)
        self.b = b""
        return data

    def record(self, request):
        """(how many blocks, their bytes), or None: there is no such index."""
        d, raw = self.device, bool(request["attributes"] & 2)
        if request["index"] == 0:
            return 0, b""
        wanted = d.indexes() if request["index"] == 0xff else [request["index"]]
        if not set(wanted) <= set(d.indexes()):
            return None
        return len(wanted), b"".join(d.block(i, raw) for i in wanted)

    def say_measurements(self, request, raw):
        d = self.device
        signed, slot = request["attributes"] & 1, request.get("slot", 0) & 0x0f
        if not d.capabilities & (wire.CAP_MEAS_UNSIGNED | wire.CAP_MEAS_SIGNED):
            return self.error(UNSUPPORTED, request["code"])
        found = self.record(request)
        if found is None or signed and (slot not in d.slots or
                                        not d.capabilities & wire.CAP_MEAS_SIGNED):
            return self.error(INVALID_REQUEST)
        m = {"code": wire.MEASUREMENTS, "total": len(d.measurements) if request["index"] == 0 else 0,
             "slot": (slot if signed else 0) | (0x20 if self.terms.version >= 0x12 and signed else 0),
             "blocks": found[0], "record": found[1], "record_length": len(found[1]),
             "nonce": os.urandom(32), "opaque_length": len(d.opaque), "opaque": d.opaque,
             "context": request.get("context", b"")}
        if not signed:
            data, _ = self.make(request, m)
            self.l += raw + data
            return data
        first = self.a if self.terms.version >= 0x12 else b""
        data = self.seal(request, slot, crypto.OF_MEASUREMENTS, first + self.l + raw, m)
        self.l = b""
        return data

    # ---- later, and in pieces ----

    def not_ready(self, raw, exponent=0, factor=1):
        """Says that the answer to raw comes later."""
        token = len(self.pending) + 1
        self.pending[token] = raw
        return self.error(NOT_READY, 0, bytes([exponent, raw[1], token, factor]))

    def say_when_ready(self, request, raw):
        waiting = self.pending.get(request["token"])
        if waiting is None or waiting[1] != request["request"]:
            return self.error(UNEXPECTED)
        return self.answer(wire.decode(waiting, self.terms)[0], waiting)

    def in_pieces(self, data):
        if data is None:
            return None
        limit = min(self.peer_transfer, self.device.chunk_size or 0xffffffff)
        if len(data) <= limit or self.terms.version < 0x12:
            return data
        if not self.peer_flags & self.device.capabilities & wire.CAP_CHUNK:
            return data if len(data) <= self.peer_transfer else self.error(RESPONSE_TOO_LARGE)
        self.handle_number = (self.handle_number + 1) & 0xff
        self.large, self.limit = data, limit
        return self.error(LARGE_RESPONSE, 0, bytes([self.handle_number]))

    def say_chunk(self, request, raw):
        if self.large is None or request["handle"] != self.handle_number:
            return self.error(UNEXPECTED)
        number = request["number"]
        room, first = self.limit - 12, self.limit - 16
        at = 0 if number == 0 else first + (number - 1) * room
        part = self.large[at:at + (room if number else first)]
        if not part:
            return self.error(INVALID_REQUEST)
        last = at + len(part) == len(self.large)
        data, _ = self.make(request, {
            "code": wire.CHUNK_RESPONSE, "attributes": int(last), "handle": self.handle_number,
            "number": number, "size": len(part), "large_size": len(self.large), "data": part})
        for lie in self.lies:
            data = lie.spoil(self, request, data)
        if last:
            self.large = None
        return data
