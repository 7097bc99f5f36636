#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what `holdfastctl evidence export --format keylime` wrote, as Keylime's verifier reads it.

    independent_keylime.py EVIDENCE.json      what it says, as JSON; fails where Keylime would

Keylime itself is no Debian package. This follows the format that its verifier documents in
code (a quote string, PCR values as tpm2-tools hold them in memory, nonce as text), and shares no
line with ours. Unlike some of its releases it refuses a signature that does not verify.
"""
import base64
import hashlib
import json
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import debian_python

debian_python.need("cryptography")
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

SHA256, ECDSA, ECC, P256 = 0x0b, 0x18, 0x23, 3
ZERO = bytes(32)


def need(condition, words):
    if not condition:
        sys.exit(f"not ok: {words}")


def unbase64(text):
    return base64.b64decode(text, validate=True)


def public_key(data):
    """TPM2B_PUBLIC of an ECC P-256 key that signs."""
    size, kind, name_alg, _, policy = struct.unpack_from(">HHHIH", data)
    need(size == len(data) - 2 and kind == ECC and name_alg == SHA256, "tpm_ak")
    at = 12 + policy
    symmetric, scheme, digest, curve, kdf, n = struct.unpack_from(">HHHHHH", data, at)
    need((symmetric, scheme, digest, curve, kdf, n) == (0x10, ECDSA, SHA256, P256, 0x10, 32), "tpm_ak's scheme")
    x = data[at + 12:at + 44]
    need(struct.unpack_from(">H", data, at + 44) == (32,) and len(data) == at + 78, "tpm_ak's point")
    y = data[at + 46:]
    return ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"),
                                         ec.SECP256R1()).public_key()


def check_signature(key, blob, message):
    kind, digest, n = struct.unpack_from(">HHH", blob)
    need((kind, digest) == (ECDSA, SHA256), "signature's kind")
    r, (m,) = blob[6:6 + n], struct.unpack_from(">H", blob, 6 + n)
    s = blob[8 + n:]
    need(len(s) == m, "signature's length")
    try:
        key.verify(utils.encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big")), message,
                   ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        sys.exit("not ok: the signature")


def quote_of(blob):
    """extraData, selected PCRs, digest."""
    magic, kind, n = struct.unpack_from(">IHH", blob)
    need(magic == 0xff544347 and kind == 0x8018, "TPMS_ATTEST")
    at = 8 + n
    (n,) = struct.unpack_from(">H", blob, at)
    extra = blob[at + 2:at + 2 + n]
    at += 2 + n + 17 + 8		# clock info, firmware version
    count, bank, size = struct.unpack_from(">IHB", blob, at)
    need((count, bank, size) == (1, SHA256, 3), "one selection, of SHA-256")
    pcrs = int.from_bytes(blob[at + 7:at + 10], "little")
    need(struct.unpack_from(">H", blob, at + 10) == (32,) and len(blob) == at + 44, "digest")
    return extra, pcrs, blob[at + 12:]


def values_of(blob):
    """As tpm2-tools hold them: TPML_PCR_SELECTION, then TPML_DIGESTs of eight."""
    (count,) = struct.unpack_from("<I", blob)
    need(count == 1, "one bank")
    selected, at = {}, 4
    for _ in range(16):
        bank, size = struct.unpack_from("<HB", blob, at)
        need(size in (0, 3), "size of a selection")
        if size:
            selected[bank] = int.from_bytes(blob[at + 3:at + 6], "little")
        at += 8
    (lists,), values = struct.unpack_from("<I", blob, at), []
    at += 4
    for _ in range(lists):
        at += 4
        for _ in range(8):
            (size,) = struct.unpack_from("<H", blob, at)
            if size:
                values.append(blob[at + 2:at + 2 + size])
            at += 66
    need(at == len(blob), "nothing after the values")
    numbers = [i for i in range(24) if selected[SHA256] >> i & 1]
    need(len(numbers) == len(values), "as many values as PCRs")
    return dict(zip(numbers, values))


def replay(log):
    """SHA-256 PCRs of a crypto-agile log, as tpm2_eventlog does."""
    (size,) = struct.unpack_from("<I", log, 28)
    need(log[32:48] == b"Spec ID Event03\0", "Spec ID event")
    (n,) = struct.unpack_from("<I", log, 32 + 24)
    sizes = dict(struct.unpack_from("<HH", log, 60 + 4 * i) for i in range(n))
    at, pcrs, kinds = 32 + size, {}, []
    while at < len(log):
        pcr, kind, count = struct.unpack_from("<III", log, at)
        at += 12
        for _ in range(count):
            (bank,) = struct.unpack_from("<H", log, at)
            need(bank in sizes, "every digest's bank is declared")
            if bank == SHA256 and kind != 3:
                pcrs[pcr] = hashlib.sha256(pcrs.get(pcr, ZERO) + log[at + 2:at + 34]).digest()
            at += 2 + sizes[bank]
        (size,) = struct.unpack_from("<I", log, at)
        at += 4 + size
        kinds.append((pcr, kind))
    need(at == len(log), "the log ends with an event")
    return pcrs, kinds


def main():
    request = json.load(open(sys.argv[1]))
    need(sorted(request) == ["data", "type"] and request["type"] == "tpm", "the request")
    data = request["data"]
    for name in ("quote", "nonce", "hash_alg", "tpm_ek", "tpm_ak", "tpm_policy", "mb_log"):
        need(isinstance(data.get(name), str) and data[name], f"{name} is missing")
    need(data["hash_alg"] == "sha256" and data["quote"][0] == "r", "sha256, a raw quote")
    quote, signature, values = (unbase64(part) for part in data["quote"][1:].split(":"))
    check_signature(public_key(unbase64(data["tpm_ak"])), signature, quote)
    extra, pcrs, digest = quote_of(quote)
    need(extra.decode("utf-8") == data["nonce"], "the nonce")
    found = values_of(values)
    need(sum(1 << n for n in found) == pcrs, "the values are those of the quote's PCRs")
    need(hashlib.sha256(b"".join(found[n] for n in sorted(found))).digest() == digest, "the values' digest")
    ek = unbase64(data["tpm_ek"])
    need(struct.unpack_from(">H", ek) == (len(ek) - 2,), "tpm_ek")
    json.loads(data["tpm_policy"])
    from_log, kinds = replay(unbase64(data["mb_log"]))
    boot = [n for n in (*range(10), *range(11, 16)) if n in found]
    wrong = [n for n in boot if from_log.get(n, ZERO) != found[n]]
    print(json.dumps({"pcrs": sorted(found), "wrong": wrong, "events": len(kinds), "nonce": data["nonce"]}))


main()
