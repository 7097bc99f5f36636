# SPDX-License-Identifier: GPL-3.0-or-later
"""SPDM's algorithms and its two ways to sign (DSP0274, signature generation)."""
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

HASHES = {"sha-256": (1, "sha256"), "sha-384": (2, "sha384"), "sha-512": (4, "sha512")}
HASH_OF = {bit: name for name, (bit, _) in HASHES.items()}
CURVES = {"ecdsa-p256": ec.SECP256R1, "ecdsa-p384": ec.SECP384R1, "ecdsa-p521": ec.SECP521R1}
ALGORITHMS = {  # name -> (BaseAsymSel, bytes of a signature)
    "rsassa-2048": (0x1, 256), "rsapss-2048": (0x2, 256),
    "rsassa-3072": (0x4, 384), "rsapss-3072": (0x8, 384),
    "ecdsa-p256": (0x10, 64), "rsassa-4096": (0x20, 512), "rsapss-4096": (0x40, 512),
    "ecdsa-p384": (0x80, 96), "ecdsa-p521": (0x100, 132), "ed25519": (0x400, 64),
}
ASYM_OF = {bit: name for name, (bit, _) in ALGORITHMS.items()}
OF_CHALLENGE = b"responder-challenge_auth signing"
OF_MEASUREMENTS = b"responder-measurements signing"
_CLASSES = {"sha-256": hashes.SHA256, "sha-384": hashes.SHA384, "sha-512": hashes.SHA512}


def digest(name, data):
    return hashlib.new(HASHES[name][1], data).digest()


def hash_size(name):
    return len(digest(name, b""))


def hash_class(name):
    return _CLASSES[name]()


def make_key(algorithm):
    if algorithm in CURVES:
        return ec.generate_private_key(CURVES[algorithm]())
    if algorithm == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, int(algorithm[-4:]))


def to_be_signed(version, hash_name, context, transcript):
    """The bytes that the algorithm itself hashes."""
    if version < 0x12:
        return transcript
    words = f"dmtf-spdm-v{version >> 4}.{version & 15}.*".encode() * 4
    prefix = words + bytes(100 - len(words) - len(context)) + context
    return prefix + digest(hash_name, transcript)


def _pad(algorithm, hash_name):
    if algorithm.startswith("rsassa"):
        return padding.PKCS1v15()
    return padding.PSS(padding.MGF1(hash_class(hash_name)), hash_class(hash_name).digest_size)


def sign(key, algorithm, hash_name, data):
    if algorithm == "ed25519":
        return key.sign(data)
    if algorithm not in CURVES:
        return key.sign(data, _pad(algorithm, hash_name), hash_class(hash_name))
    half = ALGORITHMS[algorithm][1] // 2
    r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(hash_class(hash_name))))
    return r.to_bytes(half, "big") + s.to_bytes(half, "big")


def verifies(key, algorithm, hash_name, data, signature):
    """By the public key of a leaf."""
    try:
        if algorithm == "ed25519":
            key.verify(signature, data)
        elif algorithm not in CURVES:
            key.verify(signature, data, _pad(algorithm, hash_name), hash_class(hash_name))
        else:
            half = len(signature) // 2
            der = utils.encode_dss_signature(int.from_bytes(signature[:half], "big"),
                                             int.from_bytes(signature[half:], "big"))
            key.verify(der, data, ec.ECDSA(hash_class(hash_name)))
    except InvalidSignature:
        return False
    return True
