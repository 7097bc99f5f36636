# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory needs of a host: holdfast identity, judged by tpm2-tools and openssl."""
import csv
import hashlib
import io
import json

import trees
from cryptography.hazmat.primitives.serialization import (Encoding, PublicFormat,
                                                          load_pem_public_key)
from harness import case, need, read


def identity(t, tpm, *argv, code=0):
    tree = trees.Tree(t.path("tree"), trees.lab())
    return t.holdfast("identity", "--tcti", tpm.tcti, "--sysfs", tree.sys, *argv, code=code)


def tools_key(t, tpm, kind):
    """SHA-256 of the key that the tools make by the TCG's template, as everybody computes it."""
    pem = t.path(f"{kind}.pem")
    tpm.tool("tpm2_createek", "-G", kind, "-c", t.path("ek.ctx"), "-u", pem, "-f", "pem")
    tpm.tool("tpm2_flushcontext", "-t")
    key = load_pem_public_key(read(pem) if isinstance(read(pem), bytes) else read(pem).encode())
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


@case
def identity_is_what_the_tools_say(t):
    tpm = t.tpm()
    facts = json.loads(identity(t, tpm, "--json").text)
    eks = {ek["profile"]: ek for ek in facts["eks"]}
    need(set(eks) == {"L-1", "L-2"}, str(set(eks)))
    need(eks["L-1"]["ek-sha256"] == tools_key(t, tpm, "rsa"), str(eks))
    need(eks["L-2"]["ek-sha256"] == tools_key(t, tpm, "ecc"), str(eks))
    need(eks["L-1"]["certificate"] is None and eks["L-1"]["kind"] == "RSA 2048", str(eks))
    name = "000b" + hashlib.sha256(bytes.fromhex(facts["ak"]["public"])).hexdigest()
    need(facts["ak"]["name"] == name, str(facts["ak"]))
    need(facts["banks"] == "sha1+sha256+sha384+sha512", facts["banks"])
    for what in ("handles-transient", "handles-loaded-session", "handles-persistent"):
        need(tpm.tool("tpm2_getcap", what) == "", what)


@case
def identity_as_a_line(t):
    tpm = t.tpm()
    text = identity(t, tpm, "--csv", "--id", "rack1-03", "--model", "lab").text
    header, row = list(csv.reader(io.StringIO(text)))
    need(header == ["id", "ek-sha256", "serial", "model", "banks"], text)
    row = dict(zip(header, row))
    facts = json.loads(identity(t, tpm, "--json").text)
    need(row["id"] == "rack1-03" and row["model"] == "lab", text)
    need(row["ek-sha256"] == facts["eks"][0]["ek-sha256"], text)
    need(row["serial"] == facts["host"]["serial"] and row["banks"] == facts["banks"], text)


@case
def identity_for_people(t):
    tpm = t.tpm()
    text = identity(t, tpm).text
    t.narrow(text)
    need("endorsement key L-2, ECC P-256" in text and "endorsement key L-1, RSA 2048" in text, text)
    need("none in the TPM" in text, text)


@case
def identity_refuses(t):
    tpm = t.tpm()
    need("one of them" in identity(t, tpm, "--json", "--csv", code=2).errors, "both")
    need("go with --csv" in identity(t, tpm, "--id", "x", code=2).errors, "id")
    tpm.tool("tpm2_changeauth", "-c", "e", "tenant")
    need("tpm-auth-set" in identity(t, tpm, code=5).errors, "auth")
    tpm.stop()
    need("tpm-missing" in identity(t, tpm, code=5).errors, "missing")
