# SPDX-License-Identifier: GPL-3.0-or-later
"""What other people's devices said, in recordings: `holdfast spdm file:` and `report:` find in
each what an independent look found (INDEX.tsv), and lead it to the right root."""
import glob
import json
import os
import re
import subprocess

import spdm
from harness import case, need, read, write
from spdm import corpus, problem

import wire  # of tests/spdm

ROOTS = {"p256": "ecp256", "p384": "ecp384", "p521": "ecp521", "ed25519": "ed25519",
         "rsapss3072": "rsa3072", "rsassa3072": "rsa3072"}
SHOWN = [1, 2, 3, 4, 16, 17, 253, 254]


def pem(t, name, which="root"):
    """A root of the corpus as PEM; root1: that of slot 1."""
    path, source = t.path(f"{name}.{which}.pem"), corpus("roots", f"{name}.{which}.der")
    if not os.path.exists(path):
        subprocess.run(["openssl", "x509", "-inform", "DER", "-in", source, "-out", path], check=True,
                       stdin=subprocess.DEVNULL)
    return path


def index():
    """Name -> {word: value} of what the independent look found."""
    found = {}
    for line in read(corpus("pcap", "INDEX.tsv")).decode().splitlines():
        columns = line.split("\t")
        found[columns[0]] = dict(re.findall(r"(\w+)=(\[.*?\]|\S+)", columns[5]))
    return found


def root_of(path, report):
    """The corpus names the key's kind in the file; else what was negotiated says it."""
    kind = re.search("p256|p384|p521|ed25519|rsa...?3072", os.path.basename(path))
    word = kind.group(0) if kind else report["signature_algorithm"].replace("ecdsa-", "")
    return ROOTS[word]


def seen(t, path):
    """The report with the right root, and the Result."""
    first = spdm.report(t.holdfast("spdm", f"file:{path}", "--json"))
    need(first, f"{path}: no report")
    anchor = pem(t, root_of(path, first), "root1" if first["measured_slot"] == 1 else "root")
    result = t.holdfast("spdm", f"file:{path}", "--json", "--anchor", anchor)
    return spdm.report(result), result


def as_recorded(name, found, result, known):
    """Signatures, measurements, exit code: as INDEX.tsv says."""
    challenges = sum(slot["challenged"] for slot in found["slots"])
    need(bool(challenges) == (known["challenge"] == "True"), f"{name}: challenge\n{result.describe()}")
    need((found["signatures"] > challenges) == (int(known["meas_signed"]) > 0),
         f"{name}: signatures\n{result.describe()}")
    need([m["index"] for m in found["measurements"]] == json.loads(known["indices"]),
         f"{name}: measurements\n{result.describe()}")
    signed = known["challenge"] == "True" or int(known["meas_signed"]) > 0
    if int(known["unsigned"]) and not int(known["meas_signed"]):
        need(not any(m["signed"] for m in found["measurements"]), f"{name}: unsigned")
        signed = False
    need((result.code, found["problem"]) == ((0, None) if signed else (4, "spdm-cannot-sign")),
         f"{name}: {found['problem']}\n{result.describe()}")


@case
def spdm_corpus_recordings(t):
    known = index()
    paths = sorted(glob.glob(corpus("pcap") + "/*.pcap"))
    need(len(paths) > 50, f"{len(paths)} recordings")
    for path in paths:
        name = os.path.basename(path)[:-5]
        found, result = seen(t, path)
        if name in known:
            as_recorded(name, found, result, known[name])
            continue
        need(result.code == 0 and [m["index"] for m in found["measurements"]] == SHOWN and
             all(m["signed"] for m in found["measurements"]), f"{name}\n{result.describe()}")


@case
def spdm_corpus_wrong_root(t):
    """The same recordings lead to nobody else's root."""
    for name in ("v12_p256_chal-sig-all", "v14_p384_sig-all", "v10_rsassa3072_chal-sig-all"):
        result = t.holdfast("spdm", f"file:{corpus('pcap', name + '.pcap')}", "--json", "--anchor",
                            pem(t, "ecp521"), code=3)
        need(problem(result) == "device-chain-untrusted", result.describe())


def converted(t, path):
    """A recording in JSON as a file that holdfast reads."""
    recorded = json.loads(read(path))
    messages = [bytes.fromhex(e[side]) for e in recorded["exchanges"] for side in ("req", "rsp")]
    name = t.path(os.path.basename(path) + ".pcap")
    write(name, wire.pcap(messages))
    return recorded, name


@case
def spdm_corpus_json(t):
    for path in sorted(glob.glob(corpus("requester-transcripts") + "/*.json")):
        recorded, name = converted(t, path)
        found, result = seen(t, name)
        need(result.code == 0 and found["version"] == recorded["version"] and
             found["slots"][0]["challenged"], f"{path}\n{result.describe()}")
        have = {m["index"] for m in found["measurements"] if m["signed"]}
        need(have | {17} == set(SHOWN), f"{path}: {have}")  # one recording leaves 17 out


def hopper(t, name):
    """A GPU's report, out of its hexadecimal digits."""
    path = t.path("report")
    write(path, bytes.fromhex(read(corpus("nvidia-hopper", name)).decode().strip()))
    return path


def told_of_hopper(t, name, code):
    return t.holdfast("spdm", f"report:{hopper(t, name)}", "--json", "--chain",
                      corpus("nvidia-hopper", "hopperCertChain.txt"), "--anchor",
                      corpus("nvidia-hopper", "nvtrust_verifier_device_root.pem"), code=code)


@case
def spdm_corpus_hopper(t):
    found = spdm.report(told_of_hopper(t, "hopperAttestationReport.txt", 0))
    need(len(found["measurements"]) == 64 and all(m["signed"] for m in found["measurements"]),
         f"{len(found['measurements'])} measurements")
    need(found["slots"][0]["anchor"] and found["signature_algorithm"] == "ecdsa-p384", f"{found}")
    result = told_of_hopper(
        t, "sample_attestation_data_gpu_hopperAttestationReportInvalidSignature.txt", 3)
    need(problem(result) == "spdm-signature-invalid", result.describe())
    data = read(hopper(t, "hopperAttestationReport.txt"))
    for at in range(0, len(data), 97):
        write(t.path("report"), data[:at] + bytes([data[at] ^ 4]) + data[at + 1:])
        result = t.holdfast("spdm", f"report:{t.path('report')}", "--json", "--chain",
                            corpus("nvidia-hopper", "hopperCertChain.txt"))
        need(result.code in (3, 4), f"byte {at}\n{result.describe()}")
