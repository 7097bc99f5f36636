#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a signed result in both of its forms without a line of ours, and compare them.

    independent_result.py RESULT.cose RESULT.jwt KEY.pem      what both say, as JSON

Written from docs/wire.md. Fails (1) where a signature does not verify, or one form says
something that the other does not.
"""
import base64
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import debian_python

debian_python.need("cbor2", "cryptography")
import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

PROFILE = "tag:github.com,2023:veraison/ear"
OWN_CBOR, OWN_JSON = -70000, "tag:holdfast.invalid,2026:result"
STATUS = {0: "none", 2: "affirming", 32: "warning", 96: "contraindicated"}
OWN = {1: "host", 2: "reclaim", 3: "ak-name", 4: "boot-key", 5: "quote", 6: "agent-image", 7: "manifests",
       8: "generation", 9: "mode", 10: "release", 11: "images", 12: "seconds", 13: "cause", 14: "place",
       15: "detail", 16: "kind", 17: "lease", 18: "parts", 19: "omitted", 20: "fallback"}
ECDSA = {"ES256": (hashes.SHA256, 32), "ES384": (hashes.SHA384, 48), "ES512": (hashes.SHA512, 66)}
COSE = {-7: "ES256", -35: "ES384", -36: "ES512", -8: "EdDSA"}


def need(condition, words):
    if not condition:
        sys.exit(f"not ok: {words}")


def verify(key, alg, message, signature):
    try:
        if alg == "EdDSA":
            need(isinstance(key, ed25519.Ed25519PublicKey), "the algorithm is the key's")
            return key.verify(signature, message)
        need(isinstance(key, ec.EllipticCurvePublicKey), "the algorithm is the key's")
        digest, half = ECDSA[alg]
        need((key.curve.key_size + 7) // 8 == half and len(signature) == 2 * half, "the signature's length")
        pair = utils.encode_dss_signature(*(int.from_bytes(signature[i:i + half], "big") for i in (0, half)))
        return key.verify(pair, message, ec.ECDSA(digest()))
    except InvalidSignature:
        sys.exit("not ok: the signature")


def unbase64(text):
    need("=" not in text, "no padding")
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    need(base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == text, "one text for one value")
    return raw


def of_cose(data, key):
    message = cbor2.loads(data)
    need(message.tag == 18, "COSE_Sign1")
    protected, unprotected, payload, signature = message.value
    header = cbor2.loads(protected)
    need(unprotected == {} and header[3] == "application/eat+cwt", "headers")
    verify(key, COSE[header[1]], cbor2.dumps(["Signature1", protected, b"", payload]), signature)
    claims = cbor2.loads(payload)
    need(cbor2.dumps(claims, canonical=True) == payload, "deterministic encoding")
    need(claims[265] == PROFILE and claims[1004][0] == "holdfast", "profile and verifier")
    own = dict(claims[266]["host"][OWN_CBOR])
    said = {OWN[k]: hexed(v) for k, v in own.items()}
    if 11 in own:
        said["images"] = [image(i) for i in own[11]]
    return {"time": claims[6], "nonce": claims.get(10, b"").hex(), "verifier": claims[1004][1], "own": said,
            "status": {name: STATUS[value[1000]] for name, value in claims[266].items()}}


def hexed(value):
    return value.hex() if isinstance(value, bytes) else [hexed(v) for v in value] if isinstance(value, list) else value


def image(item):
    names = ("kernel", "initrd", "command-line") if len(item) == 4 else ("root",)
    return {"name": item[0], **{name: digest.hex() for name, digest in zip(names, item[1:])}}


def of_jwt(text, key):
    header, payload, signature = text.split(".")
    fields = json.loads(unbase64(header))
    need(sorted(fields) == ["alg", "kid", "typ"] and fields["typ"] == "eat+jwt", "header")
    need(len(unbase64(fields["kid"])) == 32, "key id")
    verify(key, fields["alg"], f"{header}.{payload}".encode(), unbase64(signature))
    claims = json.loads(unbase64(payload))
    need(claims["eat_profile"] == PROFILE and claims["ear.verifier-id"]["developer"] == "holdfast",
         "profile and verifier")
    return {"time": claims["iat"], "nonce": unbase64(claims.get("eat_nonce", "")).hex(),
            "verifier": claims["ear.verifier-id"]["build"], "own": claims["submods"]["host"][OWN_JSON],
            "status": {name: value["ear.status"] for name, value in claims["submods"].items()}}


def main():
    key = serialization.load_pem_public_key(open(sys.argv[3], "rb").read())
    a, b = of_cose(open(sys.argv[1], "rb").read(), key), of_jwt(open(sys.argv[2]).read(), key)
    need(a == b, f"both forms say the same: {a} {b}")
    print(json.dumps(a, sort_keys=True))


main()
