# SPDX-License-Identifier: GPL-3.0-or-later
"""The scripted SPDM responder is one: a requester of its own, which shares nothing with the
programs under test, believes it; its codec writes the bytes that others wrote."""
import csv
import glob
import json
import os
import re

import spdm
from harness import case, need, read
from spdm import corpus

import crypto  # of tests/spdm, as those below
import lies
import requester
import wire

FAST = (("ecdsa-p256", "sha-256"), ("ecdsa-p384", "sha-384"), ("ecdsa-p521", "sha-512"),
        ("ed25519", "sha-512"), ("ecdsa-p256", "sha-384"))


def attested(device, version, transport=wire.TRANSPORT_DOE, **more):
    """What the requester saw."""
    way = requester.Tcp(device.number, transport)
    doe = transport == wire.TRANSPORT_DOE
    roots = [chain.root.public_bytes(lies_der()) for chain in
             device.port.responder.device.slots.values()]
    asked = requester.Requester(way, roots=roots, padded=doe, **more)
    asked.attest(version)
    way.close()
    return asked


def lies_der():
    from cryptography.hazmat.primitives.serialization import Encoding
    return Encoding.DER


def as_number(version):
    return int(version[0]) << 4 | int(version[2])


@case
def spdm_responder_every_version(t):
    for algorithm, digest in FAST:
        device = spdm.Device(t, "--version", spdm.ALL_VERSIONS, "--algorithm", algorithm, "--hash",
                             digest, "--slots", "0,3")
        for version in spdm.VERSIONS:
            seen = attested(device, as_number(version))
            need([s for s in seen.signatures if s[0] == "challenge"] ==
                 [("challenge", 0), ("challenge", 3)], f"{version} {algorithm} {seen.signatures}")
            need(len(seen.signatures) == 2 + 1 + 8 and len(seen.blocks) == seen.total == 8,
                 f"{version} {algorithm} {seen.signatures} {seen.blocks}")


@case
def spdm_responder_rsa(t):
    for algorithm in ("rsassa-2048", "rsapss-2048"):
        device = spdm.Device(t, "--algorithm", algorithm, "--version", "1.0,1.3")
        for version in (0x10, 0x13):
            need(len(attested(device, version).signatures) == 10, algorithm)


@case
def spdm_responder_ways(t):
    """MCTP; portions; pieces; the large form; what comes later; without a root."""
    device = spdm.Device(t, "--version", "1.2,1.4", "--portion", "7")
    need(attested(device, 0x12, wire.TRANSPORT_MCTP).signatures, "MCTP")
    device = spdm.Device(t, "--version", "1.2,1.4", "--chunk-size", "60", "--intermediates", "3")
    for version in (0x12, 0x14):
        seen = attested(device, version, chunks=True)
        need(len(seen.signatures) == 10, f"pieces, {version:x}")
    device = spdm.Device(t, "--version", "1.4", "--large-certificates", "--intermediates", "50",
                         "--portion", "40000")
    need(attested(device, 0x14, large=True, portion=0x7fffffff).signatures, "large form")
    device = spdm.Device(t, "--root-absent", "--lie", "not-ready=challenge:1,not-ready=measurements:1")
    need(len(attested(device, 0x12).signatures) == 10, "later")
    device = spdm.Device(t, "--capabilities", "cert,meas-unsigned")
    seen = attested(device, 0x12)
    need(not seen.signatures and seen.unsigned == 10, f"unsigned {seen.signatures} {seen.unsigned}")


@case
def spdm_responder_lies_are_lies(t):
    """Each of these is found out by the other requester too."""
    for lie in ("challenge-flipped", "measurements-flipped", "measurements-old-nonce",
                "challenge-other-key", "measurements-other-context", "challenge-partly",
                "digest-wrong", "chain-changed", "root-hash-wrong", "block-twice", "record-length",
                "algorithm-other", "certificate-other-slot", "challenge-zero", "chain-longer"):
        device = spdm.Device(t, "--lie", lie)
        try:
            attested(device, 0x12)
        except (requester.Wrong, wire.Malformed, KeyError, ValueError):
            continue
        need(False, f"{lie} was believed")


@case
def spdm_responder_names_its_lies(t):
    result = t.run("python3", os.path.join(spdm.ROOT, "tests/spdm/responder.py"), "--lie", "help",
                   code=0)
    need(result.text.split() == sorted(lies.ALL), result.describe())


def index():
    """Name -> what the corpus says of a recording."""
    with open(corpus("pcap", "INDEX.tsv"), encoding="utf-8") as file:
        return {row[0]: row[5] for row in csv.reader(file, delimiter="\t")}


def encoded_again(watcher, name):
    for raw in watcher.messages:
        message, rest = wire.decode(raw, watcher.terms)
        need(wire.encode(message, watcher.terms) + rest == raw, f"{name}: {raw.hex()}")


def watched(name, pairs):
    """Every message decoded, encoded again, and every signature checked."""
    watcher = requester.Watcher()
    for request, response in pairs:
        if watcher.take(request, response)["code"] != wire.ERROR:
            encoded_again(watcher, name)
    return watcher


@case
def spdm_responder_corpus(t):
    known, summaries = index(), 0
    for path in sorted(glob.glob(corpus("pcap") + "/*.pcap")):
        name = os.path.basename(path)[:-5]
        seen = watched(name, wire.conversation(read(path)))
        challenges = [s for s in seen.signatures if s[0] == "challenge"]
        need(not seen.summary or not seen.records or
             seen.summary == crypto.digest(seen.hash, seen.records[-1]), f"{name}: summary")
        summaries += bool(seen.summary and seen.records)
        found = (f"challenge={bool(challenges) or None} meas_signed="
                 f"{len(seen.signatures) - len(challenges)} unsigned={seen.unsigned} "
                 f"errors={seen.errors} indices={sorted(seen.blocks)}")
        need(name not in known or found in known[name], f"{name}: {found}\n{known.get(name)}")
    need(summaries, "no summary of measurements was compared")


@case
def spdm_responder_corpus_json(t):
    for path in sorted(glob.glob(corpus("requester-transcripts") + "/*.json")):
        recorded = json.loads(read(path))
        seen = watched(path, [(bytes.fromhex(e["req"]), bytes.fromhex(e["rsp"]))
                              for e in recorded["exchanges"]])
        need({*seen.blocks, 17} == {1, 2, 3, 4, 16, 17, 253, 254}, path)
        need(seen.asym.replace("ecdsa-", "") == recorded["asym"], path)
        need(re.sub("-", "", seen.hash) == recorded["hash"], path)
        need(bool(seen.signatures) and crypto.ALGORITHMS[seen.asym], path)
