#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a signed manifest without a line of ours: cbor2 and cryptography.

    independent_decoder.py FILE.corim ANCHOR.pem                what it says, as JSON
    independent_decoder.py FILE.corim ANCHOR.pem SOURCE.json    and fails if the source says
                                                                something else
Written from docs/manifests.md. The tests compare what this finds in a signed file with the
source that was signed.
"""
import datetime
import hashlib
import io
import json
import sys

import cbor2
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

PROFILE = bytes.fromhex("6983fef9cfc0abeeba8c8fafe097c89588d6b754")
ECDSA = {-7: (ec.SECP256R1, hashes.SHA256, 32), -35: (ec.SECP384R1, hashes.SHA384, 48),
         -36: (ec.SECP521R1, hashes.SHA512, 66)}
STATES = ("allowed", "update", "revoked", "allowed-until")
PRESENCE = ("required", "optional", "forbidden")
ACTIONS = ("hold", "fence", "warn")
METHODS = (None, "identity", "version", "bytes", "signed", "signed-unbound")
DIGESTS = {-16: "sha256", -43: "sha384", 1: "sha256", 7: "sha384"}


class Wrong(Exception):
    pass


def need(condition, words):
    if not condition:
        raise Wrong(words)


def strict(data):
    """One CBOR item, nothing behind it, in the one encoding that RFC 8949 4.2.1 allows."""
    file = io.BytesIO(data)
    value = cbor2.CBORDecoder(file, tag_hook=lambda _, tag: tag).decode()
    need(file.tell() == len(data), "bytes after the item")
    return value


def deterministic(data):
    """Shortest heads and sorted, unique keys: written again canonically, the same bytes."""
    need(cbor2.dumps(strict(data), canonical=True, timezone=None) == data or same_keys(data),
         "not deterministic")


def same_keys(data):
    # cbor2 sorts by length first (RFC 7049); walk the maps by RFC 8949 instead.
    def walk(value):
        if isinstance(value, dict):
            keys = [cbor2.dumps(k) for k in value]
            need(keys == sorted(keys), f"keys out of order: {list(value)}")
            for v in value.values():
                walk(v)
        elif isinstance(value, (list, tuple)):
            for v in value:
                walk(v)
        elif isinstance(value, cbor2.CBORTag):
            walk(value.value)
    value = strict(data)
    walk(value)
    # plain dumps keeps the order of keys that it read and writes the shortest heads
    return cbor2.dumps(value) == data


def open_envelope(data, anchor_pem):
    """The payload, once the signature over it verifies; and the signer's name."""
    message = strict(data)
    need(isinstance(message, cbor2.CBORTag) and message.tag == 18, "no tag 18")
    need(len(message.value) == 4, "no COSE_Sign1")
    protected, unprotected, payload, signature = message.value
    need(unprotected == {}, "something is not protected")
    header = strict(protected)
    key = serialization.load_pem_public_key(anchor_pem)
    spki = key.public_bytes(serialization.Encoding.DER,
                            serialization.PublicFormat.SubjectPublicKeyInfo)
    need(header[4] == hashlib.sha256(spki).digest(), "the key id is another key's")
    need(header[3] == "application/rim+cbor", "content type")
    tbs = cbor2.dumps(["Signature1", protected, b"", payload])
    if header[1] == -8:
        need(isinstance(key, ed25519.Ed25519PublicKey), "the key does not fit")
        key.verify(signature, tbs)
    else:
        curve, digest, half = ECDSA[header[1]]
        need(isinstance(key.curve, curve) and len(signature) == 2 * half, "the key does not fit")
        r, s = (int.from_bytes(x, "big") for x in (signature[:half], signature[half:]))
        key.verify(utils.encode_dss_signature(r, s), tbs, ec.ECDSA(digest()))
    return payload, strict(header[8])[0][0]


def digests(values):
    return {DIGESTS[alg]: value.hex() for alg, value in values}


def day(tag):
    need(tag.tag == 100, "date")
    return str(datetime.date(1970, 1, 1) + datetime.timedelta(days=tag.value))


def class_of(environment):
    """Vendor=8086:Device=10d3:CC=020000[:REV=00][:SSVID=8086:SSID=a01f]"""
    klass = environment[0]
    need(klass[0].tag == 560, "class id")
    pairs = dict(pair.split("=") for pair in klass[0].value.decode().split(":"))
    found = {"vendor": pairs["Vendor"], "device": pairs["Device"], "class": pairs["CC"]}
    need((klass[1], klass[2]) == (found["vendor"], found["device"]), "class and names differ")
    if "REV" in pairs:
        found["revision"] = pairs["REV"]
    if "SSVID" in pairs:
        found["subsystem"] = f"{pairs['SSVID']}:{pairs['SSID']}"
    if 1 in environment:
        found["serial"] = environment[1].value.hex()
    return found


def measured(values):
    found = {}
    if 2 in values:
        found.update(digests(values[2]))
    elif 0 in values:
        found["text"] = values[0][0]
    elif 1 in values:
        found[{552: "svn", 553: "minimum_svn"}[values[1].tag]] = values[1].value
    if -256 in values:
        found["from"] = values[-256]
    return found


def release(name, triples):
    found = {"name": name, "functions": []}
    for environment, measurements in triples:
        facts = measurements[0][1]
        need(0 not in measurements[0], "facts have a name")
        found["state"] = STATES[facts[-1]]
        for key, word in ((-2, "note"), (-4, "provenance")):
            if key in facts:
                found[word] = facts[key]
        if -18 in facts:
            found["until"] = day(facts[-18])
        function = class_of(environment)
        function["count"] = facts[-3]
        function["measurements"] = {m[0]: measured(m[1]) for m in measurements[1:]}
        found["functions"].append(function)
    return found


def platform_firmware(values):
    found = {"name": values[11], "state": STATES[values[-1]], "pcrs": {}}
    for register, value in values[14].items():
        need(len(value) == 1, f"register {register}: {value}")
        if isinstance(register, int):
            found["pcrs"][str(register)] = digests(value)["sha256"]
        else:
            found[register.lower()] = digests(value)["sha256"]
    if -2 in values:
        found["note"] = values[-2]
    if -27 in values:
        found["secure_boot"] = "on" if values[-27] else "off"
    if -256 in values:
        found["from"] = values[-256]
    return found


def model(name, triples):
    need(len(triples) == 1, "one triple")
    environment, measurements = triples[0]
    facts = measurements[0][1]
    found = {"model": name, "vendor": environment[0][1], "product": environment[0][2],
             "generation": facts[-5], "mode": ("enforce", "audit")[facts[-6]],
             "tpm": "required" if facts[-7] else "optional", "unknown": ACTIONS[facts[-8]],
             "drivers": facts[-9], "boot_code": [], "rules": []}
    if -4 in facts:
        found["provenance"] = facts[-4]
    for m in measurements[1:]:
        values = m[1]
        if m[0] == f"boot-code/{len(found['boot_code'])}":
            found["boot_code"].append({"name": values[11], **measured(values)})
            continue
        if m[0] == f"platform-firmware/{len(found.get('firmware', []))}":
            found.setdefault("firmware", []).append(platform_firmware(values))
            continue
        need(m[0] == f"rule/{len(found['rules'])}", f"what is {m[0]}")
        rule = {"name": values[11], "presence": PRESENCE[values[-12]], "count": values[-13],
                "least_method": METHODS[values[-14]], "action": ACTIONS[values[-15]]}
        for one, many, key, more in (("component", "components", -10, -19), ("place", "places", -11, -20)):
            if values.get(key):
                rule.update({many: [values[key], *values[more]]} if more in values else
                            {one: values[key]})
        if -21 in values:
            rule["class"] = values[-21]
        if -22 in values:
            rule.update({"slots": values[-22]} if len(values[-22]) > 1 else {"slot": values[-22][0]})
        if -26 in values:
            rule["approved"] = ("owner",)[values[-26]]
        if -6 in values:
            rule["mode"] = ("enforce", "audit")[values[-6]]
        found["rules"].append(rule)
    return found


def image(role, name, triples):
    need(len(triples) == 1, "one triple")
    found = {"role": role, "name": name}
    for m in triples[0][1]:
        if 0 in m:
            found[m[0].replace("-", "_")] = digests(m[1][2])["sha256"]
            continue
        if -4 in m[1]:
            found["provenance"] = m[1][-4]
        if -16 in m[1]:
            found["kind"] = ("kexec", "root", "next-boot", "exit")[m[1][-16]]
        if -17 in m[1]:
            found["command_line_text"] = m[1][-17]
    return found


def decode(data, anchor_pem):
    """The documents of one signed file, as their author would write them in full."""
    payload, signer = open_envelope(data, anchor_pem)
    deterministic(payload)
    corim = strict(payload)
    need(corim.tag == 501, "no CoRIM")
    need(corim.value[3].tag == 111 and corim.value[3].value == PROFILE, "another profile")
    documents, components, images = [], {}, []
    for tag in corim.value[1]:
        need(tag.tag == 506, "no CoMID")
        deterministic(tag.value)
        comid = strict(tag.value)
        tag_id, triples = comid[1][0], comid[4][0]
        kind, rest = tag_id.split("/", 1)
        if kind == "component":
            name, which = rest.split("/")
            if name not in components:
                components[name] = {"component": name, "releases": []}
                documents.append(components[name])
            components[name]["releases"].append(release(which, triples))
        elif kind == "model":
            documents.append(model(rest, triples))
        elif kind == "image":
            images.append(image(*rest.split("/", 1), triples))
        else:
            raise Wrong(f"what is {tag_id}")
    if images:
        documents.append({"images": images})
    return documents, signer


def differences(source, found, at=""):
    """Where the source says something that was not found, with defaults filled in."""
    if isinstance(found, dict):
        for key in sorted(set(source) | set(found)):
            if key == "format":
                continue
            if key not in found:
                yield f"{at}.{key}: not in the signed file"
            elif key in source:
                yield from differences(source[key], found[key], f"{at}.{key}")
            elif found[key] != DEFAULTS.get(key):
                yield f"{at}.{key}: not in the source: {found[key]}"
    elif isinstance(found, list):
        if len(source) != len(found):
            yield f"{at}: {len(source)} in the source, {len(found)} in the signed file"
        for number, (a, b) in enumerate(zip(source, found)):
            yield from differences(a, b, f"{at}[{number}]")
    elif (source.lower() if isinstance(source, str) and source != found else source) != found:
        yield f"{at}: {source} in the source, {found} in the signed file"


DEFAULTS = {"presence": "required", "count": 1, "action": "hold", "tpm": "required",
            "unknown": "hold", "drivers": [], "boot_code": [], "measurements": {}}


def main():
    with open(sys.argv[1], "rb") as corim, open(sys.argv[2], "rb") as anchor:
        documents, signer = decode(corim.read(), anchor.read())
    if len(sys.argv) == 3:
        json.dump({"signer": signer, "documents": documents}, sys.stdout, indent=2)
        print()
        return 0
    with open(sys.argv[3], "rb") as source:
        wanted = json.load(source)
    need(len(documents) == 1, f"{len(documents)} documents")
    wrong = list(differences(wanted, documents[0]))
    print("\n".join(wrong) or f"signed by {signer}, and says what the source says")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
