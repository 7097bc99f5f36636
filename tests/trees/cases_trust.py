# SPDX-License-Identifier: GPL-3.0-or-later
"""What an owner takes back, and for whom a vendor speaks, from the gate's point of view."""
import datetime
import hashlib
import os

import sources
from harness import case, need, read, write
from rehearsal import Host
from sources import Owner, model

NOTE = "CVE-2026-0001: flash is writable"


def revoke(host, name, *entries, generation=1, owner=None):
    """A list in manifests.d; the name says before or after which files it is read."""
    source = {"format": 1, "revocations": "taken back", "generation": generation,
              "revoke": list(entries)}
    return (owner or host.owner).sign(source, f"{host.etc}/manifests.d/{name}.corim")


@case
def trust_release_revoked(t):
    """Read before or after what it takes back; the note reaches the screen."""
    for name in ("000-first", "zz-last"):
        with t.sub(name) as inner:
            host = Host(inner)
            revoke(host, name, {"component": "e1000e", "release": "1.0", "note": NOTE})
            result = host.boot("firmware-revoked", 3)
            need("CVE-2026-0001" in result.text + result.errors, result.describe())
            host.check_replays()


@case
def trust_digest_revoked(t):
    host = Host(t)
    digest = sources.window(host.golden.rom("0000:01:00.0"))["option-rom/window"]["sha384"]
    revoke(host, "50-list", {"digest": digest, "note": NOTE})
    host.boot("firmware-revoked", 3)


@case
def trust_manifest_revoked(t):
    host = Host(t)
    path = f"{host.etc}/manifests.d/05-lab-q35.corim"
    revoke(host, "zz-list", {"manifest": hashlib.sha256(read(path)).hexdigest()})
    host.boot("manifest-revoked", 3)
    host.check_replays()


@case
def trust_key_rotated(t):
    """Old and new key side by side; then the old one is taken back, and its files with it."""
    for stage, cause in (("overlap", "captured-tree"), ("revoked", "signer-revoked"),
                         ("signed again", "captured-tree")):
        with t.sub(stage.replace(" ", "-")) as inner:
            new = Owner(inner, "new")
            host = Host(inner)
            new.trust(f"{host.etc}/anchors")
            new.sign(model(), f"{host.etc}/manifests.d/05-lab-q35.corim")
            if stage == "signed again":
                new.sign_all(f"{host.etc}/manifests.d", sources.components(host.golden) + [model()])
                new.sign(sources.images(), f"{host.store}/images.corim")
            if stage != "overlap":
                der = inner.path("old.der")
                need(os.system(f"openssl pkey -pubin -in {host.owner.public} -outform DER "
                               f"-out {der}") == 0, "openssl pkey")
                revoke(host, "000-list", {"key": hashlib.sha256(read(der)).hexdigest(),
                                          "note": "rotated"}, owner=new)
            host.boot(cause, 3)


@case
def trust_list_of_revocations_is_demanded(t):
    for generation, cause in ((None, "manifest-generation"), (1, "manifest-generation"),
                              (2, "captured-tree")):
        with t.sub(f"generation-{generation}") as inner:
            host = Host(inner)
            host.configure("revocations = 2\n")
            if generation:
                revoke(host, "zz-list", {"component": "none", "release": "0"},
                       generation=generation)
            host.boot(cause, 3)


@case
def trust_store_takes_nothing_back(t):
    """A list beside the tenant would come after the parts were judged; one in the image counts
    for the store too."""
    for where, cause in (("store", "signer-scope"), ("image", "tenant-image-unknown")):
        with t.sub(where) as inner:
            host = Host(inner)
            folder = host.store if where == "store" else f"{host.etc}/manifests.d"
            digest = next(i["kernel"] for i in sources.images()["images"] if i["role"] == "tenant")
            host.owner.sign({"format": 1, "revocations": "r", "generation": 1,
                             "revoke": [{"digest": digest}]}, f"{folder}/zz-list.corim")
            host.boot(cause, 3)


@case
def trust_vendor_without_a_scope(t):
    host = Host(t)
    vendor = Owner(t, "maker")
    anchor = f"{host.etc}/anchors/vendor/maker"
    write(f"{anchor}.pem", read(vendor.public))
    host.boot("anchor-scope", 3)


@case
def trust_vendor_within_its_scope(t):
    """The vendor signs the card's component; the scope decides, and BEGIN records it."""
    for conf, cause in (("vendor = 8086\n", "captured-tree"), ("vendor = 15b3\n", "signer-scope")):
        with t.sub(cause) as inner:
            host = Host(inner)
            vendor = Owner(inner, "maker")
            anchor = f"{host.etc}/anchors/vendor/maker"
            write(f"{anchor}.pem", read(vendor.public))
            write(f"{anchor}.conf", conf)
            for source in sources.components(host.golden):
                if source["component"] == "e1000e":
                    vendor.sign(source, f"{host.etc}/manifests.d/01-e1000e.corim")
            host.boot(cause, 3)
            host.check_replays()
            log = read(f"{host.evidence}/holdfast.evlog")
            need(b"fscopes" in log and hashlib.sha256(conf.encode()).digest() in log,
                 "BEGIN does not record the scope")


def root_of_devices():
    """A maker's root as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Maker's devices")])
    builder = (x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
               .public_key(key.public_key()).not_valid_before(datetime.datetime(2020, 1, 1))
               .not_valid_after(datetime.datetime(9999, 12, 31, 23, 59, 59))
               .add_extension(x509.BasicConstraints(True, None), True))
    return builder.sign(key, hashes.SHA384()).public_bytes(serialization.Encoding.PEM)


@case
def trust_root_of_devices(t):
    """It needs a scope, has no dialect, and BEGIN records it like any other anchor."""
    for conf, cause in ((None, "anchor-scope"), ("vendor = 8086\n", "captured-tree"),
                        ("vendor = 8086\ndialect = nvidia-nic\n", "anchor-scope")):
        with t.sub(f"{cause}-{'none' if conf is None else len(conf)}") as inner:
            host = Host(inner)
            anchor = f"{host.etc}/anchors/device/maker"
            write(f"{anchor}.pem", root_of_devices())
            if conf is not None:
                write(f"{anchor}.conf", conf)
            host.boot(cause, 3)
            if cause == "captured-tree":
                host.check_replays()
                log = read(f"{host.evidence}/holdfast.evlog")
                need(b"fscopes" in log and hashlib.sha256(conf.encode()).digest() in log,
                     "BEGIN does not record the scope")
                need(log.count(b"emaker") == 2, "BEGIN does not record the anchor")


@case
def trust_owner_approved(t):
    rules = [{**r, "approved": "owner"} for r in model()["rules"]]
    for signer, cause in (("owner", "captured-tree"), ("vendor", "part-unknown")):
        with t.sub(signer) as inner:
            host = Host(inner, model=model(rules=rules))
            vendor = Owner(inner, "maker")
            anchor = f"{host.etc}/anchors/vendor/maker"
            write(f"{anchor}.pem", read(vendor.public))
            write(f"{anchor}.conf", "vendor = 8086\n")
            for source in sources.components(host.golden):
                if source["component"] == "e1000e" and signer == "vendor":
                    vendor.sign(source, f"{host.etc}/manifests.d/01-e1000e.corim")
            host.boot(cause, 3)
