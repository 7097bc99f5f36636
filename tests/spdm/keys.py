# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of a device, made at test time: root, intermediates, leaf; good ones, and with
one thing wrong. Keys are kept in a directory, for those of RSA take seconds to make.
"""
import datetime
import fcntl
import hashlib
import os

from cryptography import x509
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import NameOID

import crypto

CMA = x509.ObjectIdentifier("2.23.147")
TCB_INFO = x509.ObjectIdentifier("2.23.133.5.4.1")
FLAWS = ("leaf-no-signing", "leaf-is-ca", "leaf-expired", "leaf-not-yet", "intermediate-not-ca",
         "intermediate-expired", "broken-link")


def der(tag, *parts):
    body = b"".join(parts)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def number(tag, value):
    return der(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def tcb_info(vendor, model, version, svn, fwid=b"", layer=0, flags=0):
    """DICE TcbInfo; its fields are tagged in the order of the specification."""
    body = [der(0x80, vendor.encode()), der(0x81, model.encode()), der(0x82, version.encode()),
            number(0x83, svn), number(0x84, layer)]
    if fwid:
        oid = bytes.fromhex("06096086480165030402") + bytes([{32: 1, 48: 2, 64: 3}[len(fwid)]])
        body.append(der(0xa6, der(0x30, oid, der(0x04, fwid))))
    if flags:
        value = int(f"{flags:04b}"[::-1], 2)  # bit 0 is the first one of a BIT STRING
        body.append(der(0x87, bytes([4, value << 4])))
    return der(0x30, *body)


def name_of(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def key_in(directory, name, algorithm):
    """A private key, made at first use."""
    kind = "rsa-" + algorithm[-4:] if algorithm.startswith("rsa") else algorithm
    path = os.path.join(directory, f"{name}.{kind}.key")
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path):
            data = crypto.make_key(algorithm).private_bytes(
                ser.Encoding.PEM, ser.PrivateFormat.PKCS8, ser.NoEncryption())
            with open(path + ".new", "wb") as file:
                file.write(data)
            os.rename(path + ".new", path)
    with open(path, "rb") as file:
        return ser.load_pem_private_key(file.read(), None)


class Chain:
    """root, intermediates and leaf of one slot.

    san: list of texts (SAN otherName 2.23.147), as CMA demands exactly one. flaw: of FLAWS.
    """

    def __init__(self, directory, name, algorithm, hash_name, *, san=(), intermediates=1,
                 dice=None, flaw=None, padding=0):
        self.directory, self.name, self.algorithm = directory, name, algorithm
        self.hash = None if algorithm == "ed25519" else crypto.hash_class(hash_name)
        self.san, self.dice, self.flaw, self.padding = list(san), dice, flaw, padding
        key = self.key("root")
        self.root = self.issue(key, key, f"{name} root", f"{name} root", ca=True)
        self.certificates, issuer = [self.root], f"{name} root"
        for i in range(intermediates):
            below = self.key("intermediate" if i % 2 == 0 else "intermediate-b")
            subject = f"{name} intermediate {i + 1}"
            self.certificates.append(self.issue(below, key, subject, issuer, ca=True, place=i + 1))
            key, issuer = below, subject
        self.leaf_key = self.key("leaf")
        self.certificates.append(self.issue(self.leaf_key, key, f"{name} device", issuer, ca=False))

    def key(self, who):
        if self.algorithm.startswith("rsa") and who not in ("leaf", "stranger"):
            who = "ca"  # one for all of them: large ones take seconds to make
        return key_in(self.directory, f"{self.name}-{who}", self.algorithm)

    @property
    def stranger(self):
        """A key that nobody certified."""
        return self.key("stranger")

    def dates(self, ca, place):
        now = datetime.datetime.utcnow().replace(microsecond=0)
        day = datetime.timedelta(days=1)
        first, last = now - 30 * day, now + 3650 * day
        if self.flaw == "leaf-expired" and not ca or self.flaw == "intermediate-expired" and place:
            last = now - day
        if self.flaw == "leaf-not-yet" and not ca:
            first = now + 30 * day
        return first, last

    def extensions(self, builder, ca):
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
        signs = not ca and self.flaw != "leaf-no-signing"
        builder = builder.add_extension(x509.KeyUsage(
            digital_signature=signs, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=not ca and not signs, key_cert_sign=ca,
            crl_sign=ca, encipher_only=False, decipher_only=False), critical=True)
        return builder

    def issue(self, key, signer, subject, issuer, *, ca, place=0, fresh=False):
        """A certificate; the same one again for the same device, as long as its keys are kept."""
        matters = self.flaw if self.flaw and self.flaw.startswith(
            "intermediate" if ca and place else "nothing" if ca else ("leaf", "broken")) else None
        what = repr((self.algorithm, self.hash and self.hash.name, subject, issuer, ca, place,
                     matters, *(() if ca else (self.san, self.dice, self.padding))))
        path = os.path.join(self.directory, f"{self.name}-" +
                            hashlib.sha256(what.encode()).hexdigest()[:16] + ".der")
        if not ca and self.flaw == "broken-link":
            signer = self.stranger
        if fresh:
            return self.make(key, signer, subject, issuer, ca, place)
        with open(os.path.join(self.directory, "lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.path.exists(path):
                made = self.make(key, signer, subject, issuer, ca, place)
                with open(path + ".new", "wb") as file:
                    file.write(made.public_bytes(ser.Encoding.DER))
                os.rename(path + ".new", path)
            with open(path, "rb") as file:
                return x509.load_der_x509_certificate(file.read())

    def make(self, key, signer, subject, issuer, ca, place):
        leaf = not ca
        if leaf and self.flaw == "leaf-is-ca":
            ca = True
        if place == 1 and self.flaw == "intermediate-not-ca":
            ca = False
        first, last = self.dates(not leaf, place)
        builder = x509.CertificateBuilder(
        ).subject_name(name_of(subject)).issuer_name(name_of(issuer)).public_key(key.public_key()
        ).serial_number(x509.random_serial_number()).not_valid_before(first).not_valid_after(last)
        builder = self.extensions(builder, ca)
        if leaf and self.san:
            builder = builder.add_extension(x509.SubjectAlternativeName(
                [x509.OtherName(CMA, der(0x0c, text.encode())) for text in self.san]), False)
        if leaf and self.dice is not None:
            builder = builder.add_extension(x509.UnrecognizedExtension(TCB_INFO, self.dice), True)
        if leaf and self.padding:
            builder = builder.add_extension(x509.UnrecognizedExtension(
                x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), der(0x04, bytes(self.padding))), False)
        ed = isinstance(signer, ed25519.Ed25519PrivateKey)
        return builder.sign(signer, None if ed else self.hash)

    def der(self, with_root=True):
        return b"".join(c.public_bytes(ser.Encoding.DER)
                        for c in self.certificates[0 if with_root else 1:])

    def blob(self, hash_name, with_root=True, root_hash=None):
        """What GET_CERTIFICATE reads: total length, hash of the root, certificates."""
        certificates = self.der(with_root)
        if root_hash is None:
            root_hash = crypto.digest(hash_name, self.root.public_bytes(ser.Encoding.DER))
        total = 4 + len(root_hash) + len(certificates)
        return total.to_bytes(4, "little") + root_hash + certificates

    def root_pem(self):
        return self.root.public_bytes(ser.Encoding.PEM)
