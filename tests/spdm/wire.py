# SPDX-License-Identifier: GPL-3.0-or-later
"""SPDM messages (DMTF DSP0274, 1.0 to 1.4) as dictionaries and back, and what carries them:
DOE objects, spdm-emu's socket frames, pcap files.

A layout is a generator of (name, size): an integer of so many bytes, or with [size] bytes.
encode() writes what it is given and checks nothing, so that a liar can say anything.
"""
import struct

GET_DIGESTS, GET_CERTIFICATE, CHALLENGE, GET_VERSION = 0x81, 0x82, 0x83, 0x84
CHUNK_GET, GET_MEASUREMENTS, GET_CAPABILITIES, NEGOTIATE = 0x86, 0xe0, 0xe1, 0xe3
RESPOND_IF_READY = 0xff
DIGESTS, CERTIFICATE, CHALLENGE_AUTH, VERSION = 0x01, 0x02, 0x03, 0x04
CHUNK_RESPONSE, MEASUREMENTS, CAPABILITIES, ALGORITHMS, ERROR = 0x06, 0x60, 0x61, 0x63, 0x7f
NAMES = {code: name for name, code in list(globals().items()) if name.isupper()}

CAP_CERT, CAP_CHAL, CAP_MEAS_UNSIGNED, CAP_MEAS_SIGNED = 1 << 1, 1 << 2, 1 << 3, 2 << 3
CAP_MEAS_FRESH, CAP_CHUNK, CAP_ALIAS, CAP_LARGE = 1 << 5, 1 << 17, 1 << 18, 1 << 31

INVALID_REQUEST, BUSY, UNEXPECTED, UNSPECIFIED, UNSUPPORTED = 0x01, 0x03, 0x04, 0x05, 0x07
LARGE_RESPONSE, VERSION_MISMATCH, NOT_READY, RESYNCH = 0x0f, 0x41, 0x42, 0x43

DMTF_PCI_DOE = 292  # link type of a pcap
DOE_DISCOVERY, DOE_SPDM, DOE_SECURED = 0, 1, 2
TRANSPORT_MCTP, TRANSPORT_DOE = 1, 2
NORMAL, SHUTDOWN, CONTINUE, TEST = 0x0001, 0xfffe, 0xfffd, 0xdead


class Malformed(Exception):
    pass


class Terms:
    """What both sides agreed on so far: it decides how long fields are."""

    def __init__(self, version=0x10, hash_size=0, signature_size=0):
        self.version = version
        self.hash_size = hash_size
        self.signature_size = signature_size
        self.summary = False  # the CHALLENGE that is answered asked for one
        self.signed = False  # and the GET_MEASUREMENTS for a signature

    def saw_request(self, m):
        if m["code"] == CHALLENGE:
            self.summary = m["summary"] != 0
        if m["code"] == GET_MEASUREMENTS:
            self.signed = bool(m["attributes"] & 1)


def plain(terms, m):
    yield "param1", 1
    yield "param2", 1


def version_response(terms, m):
    yield from plain(terms, m)
    yield "reserved", 1
    yield "count", 1
    yield "entries", [2 * m["count"]]


def capabilities(terms, m, request):
    yield from plain(terms, m)
    if request and terms.version < 0x11:
        return
    yield "reserved", 1
    yield "exponent", 1
    yield "reserved2", 2
    yield "flags", 4
    if terms.version >= 0x12:
        yield "transfer_size", 4
        yield "message_max", 4


def get_capabilities(terms, m):
    return capabilities(terms, m, True)


def capabilities_response(terms, m):
    return capabilities(terms, m, False)


def algorithms(terms, m, request):
    yield "tables", 1
    yield "param2", 1
    yield "length", 2
    yield "spec", 1
    yield "other", 1
    if not request:
        yield "measurement_hash", 4
    yield "asym", 4
    yield "hash", 4
    if terms.version >= 0x14:
        yield "pqc", 4
        yield "reserved", [8]
    else:
        yield "reserved", [12]
    yield "extended_asym_count", 1
    yield "extended_hash_count", 1
    yield "reserved2", 1
    yield "mel", 1
    yield "extended", [4 * (m["extended_asym_count"] + m["extended_hash_count"])]
    for i in range(m["tables"]):
        yield f"table{i}_type", 1
        yield f"table{i}_counts", 1
        counts = m[f"table{i}_counts"]
        yield f"table{i}", [(counts >> 4) + 4 * (counts & 15)]


def negotiate(terms, m):
    return algorithms(terms, m, True)


def algorithms_response(terms, m):
    return algorithms(terms, m, False)


def digests(terms, m):
    yield "supported", 1
    yield "slots", 1
    yield "digests", [terms.hash_size * bin(m["slots"]).count("1")]


def get_certificate(terms, m):
    yield "slot", 1
    yield "param2", 1
    yield "offset", 2
    yield "length", 2
    if terms.version >= 0x14 and m["slot"] & 0x80:
        yield "large_offset", 4
        yield "large_length", 4


def certificate(terms, m):
    yield "slot", 1
    yield "param2", 1
    yield "portion", 2
    yield "remainder", 2
    if terms.version >= 0x14 and m["slot"] & 0x80:
        yield "large_portion", 4
        yield "large_remainder", 4
        yield "data", [m["large_portion"]]
    else:
        yield "data", [m["portion"]]


def challenge(terms, m):
    yield "slot", 1
    yield "summary", 1
    yield "nonce", [32]
    if terms.version >= 0x13:
        yield "context", [8]


def opaque(terms, m):
    yield "opaque_length", 2
    yield "opaque", [m["opaque_length"]]
    if terms.version >= 0x13:
        yield "context", [8]


def challenge_auth(terms, m):
    yield "slot", 1
    yield "mask", 1
    yield "chain_hash", [terms.hash_size]
    yield "nonce", [32]
    yield "summary", [terms.hash_size if terms.summary else 0]
    yield from opaque(terms, m)
    yield "signature", [terms.signature_size]


def get_measurements(terms, m):
    yield "attributes", 1
    yield "index", 1
    if m["attributes"] & 1:
        yield "nonce", [32]
        if terms.version >= 0x11:
            yield "slot", 1
    if terms.version >= 0x13:
        yield "context", [8]


def measurements(terms, m):
    yield "total", 1
    yield "slot", 1
    yield "blocks", 1
    yield "record_length", 3
    yield "record", [m["record_length"]]
    yield "nonce", [32]
    yield from opaque(terms, m)
    if terms.signed:
        yield "signature", [terms.signature_size]


def error(terms, m):
    yield "error", 1
    yield "data", 1
    yield "extended", None  # all of the rest


def respond_if_ready(terms, m):
    yield "request", 1
    yield "token", 1


def chunk_get(terms, m):
    yield "param1", 1
    yield "handle", 1
    yield "number", 4 if terms.version >= 0x14 else 2


def chunk_response(terms, m):
    yield "attributes", 1
    yield "handle", 1
    yield "number", 4 if terms.version >= 0x14 else 2
    if terms.version < 0x14:
        yield "reserved", 2
    yield "size", 4
    if m["number"] == 0:
        yield "large_size", 4
    yield "data", [m["size"]]


LAYOUTS = {
    GET_VERSION: plain, VERSION: version_response, GET_CAPABILITIES: get_capabilities,
    CAPABILITIES: capabilities_response, NEGOTIATE: negotiate, ALGORITHMS: algorithms_response,
    GET_DIGESTS: plain, DIGESTS: digests, GET_CERTIFICATE: get_certificate,
    CERTIFICATE: certificate, CHALLENGE: challenge, CHALLENGE_AUTH: challenge_auth,
    GET_MEASUREMENTS: get_measurements, MEASUREMENTS: measurements, ERROR: error,
    RESPOND_IF_READY: respond_if_ready, CHUNK_GET: chunk_get, CHUNK_RESPONSE: chunk_response,
}


def decode(data, terms):
    """One message and what is left behind its end."""
    if len(data) < 4:
        raise Malformed("no header")
    m, at = {"version": data[0], "code": data[1]}, 2
    if m["code"] not in LAYOUTS:
        raise Malformed(f"code {m['code']:02x}")
    for name, size in LAYOUTS[m["code"]](terms, m):
        length = len(data) - at if size is None else size if isinstance(size, int) else size[0]
        part = data[at:at + length]
        if len(part) != length:
            raise Malformed(f"{NAMES[m['code']]}: cut at {name}")
        m[name] = int.from_bytes(part, "little") if isinstance(size, int) else part
        at += length
    return m, data[at:]


def fields(m, terms):
    """[(name, bytes)] of a message; what is not said is 0."""
    out = [("version", bytes([m["version"]])), ("code", bytes([m["code"]]))]
    for name, size in LAYOUTS[m["code"]](terms, m):
        if isinstance(size, int):
            out.append((name, m.setdefault(name, 0).to_bytes(size, "little")))
        else:
            out.append((name, m.setdefault(name, bytes(size[0]) if size else b"")))
    return out


def encode(m, terms):
    return b"".join(data for _, data in fields(m, terms))


def unpad(data, terms):
    """A message as it came out of a DOE object, without the bytes that fill the last dword."""
    rest = decode(data, terms)[1]
    if len(rest) > 3 or any(rest):
        raise Malformed("bytes behind the end")
    return data[:len(data) - len(rest)]


def block(index, kind, value, *, spec=1, size=None, value_size=None):
    """A measurement block of the DMTF's format."""
    inner = struct.pack("<BH", kind, len(value) if value_size is None else value_size) + value
    return struct.pack("<BBH", index, spec, len(inner) if size is None else size) + inner


def blocks(record):
    """{index: (kind, value)} of a measurement record; strict."""
    found, at = {}, 0
    while at < len(record):
        if at + 7 > len(record):
            raise Malformed("a block is cut")
        index, spec, size, kind, length = struct.unpack_from("<BBHBH", record, at)
        value = record[at + 7:at + 7 + length]
        if spec != 1 or size != length + 3 or len(value) != length or index in found:
            raise Malformed(f"block {index}")
        found[index] = (kind, value)
        at += 7 + length
    return found


# ---- what carries messages ----

def doe(data, kind=DOE_SPDM, vendor=1):
    """A whole data object: header, message, zeros up to a dword."""
    data = data + bytes(-len(data) % 4)
    return struct.pack("<HBBI", vendor, kind, 0, 2 + len(data) // 4) + data


def undoe(data):
    """Vendor, type, body of one whole object."""
    if len(data) < 8:
        raise Malformed("no DOE header")
    vendor, kind, _, length = struct.unpack_from("<HBBI", data)
    if (length & 0x3ffff) * 4 != len(data):
        raise Malformed("DOE length")
    return vendor, kind, data[8:]


def frame(command, transport, payload):
    return struct.pack(">III", command, transport, len(payload)) + payload


def pcap(messages):
    """A file of link type 292: every message as a DOE object, one packet each."""
    out = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 0x240000, DMTF_PCI_DOE)
    for message in messages:
        packet = doe(message)
        out += struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet
    return out


def unpcap(data):
    """[(vendor, type, body)] of every packet."""
    magic, link = struct.unpack_from("<I", data)[0], struct.unpack_from("<I", data, 20)[0]
    if magic != 0xa1b2c3d4 or link != DMTF_PCI_DOE:
        raise Malformed("not a pcap of DOE objects")
    at, out = 24, []
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        out.append(undoe(data[at + 16:at + 16 + length]))
        at += 16 + length
    return out


def conversation(data):
    """[(request, response)] of SPDM in a pcap, still padded."""
    messages = [body for vendor, kind, body in unpcap(data) if (vendor, kind) == (1, DOE_SPDM)]
    return list(zip(messages[::2], messages[1::2]))
