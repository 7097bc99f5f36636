# SPDX-License-Identifier: GPL-3.0-or-later
"""holdfastctl evidence export: what other verifiers take, tried with those that are installed, and with
readers that share no line with ours."""
import json
import os
import subprocess

import firmware
from cases_attest import make, replayed
from harness import ROOT, case, need, python_with, read, write
from rehearsal import Host

WORDS = "a nonce that is a text, as Keylime has it"


def attest(t, tree, tpm, nonce):
    return t.holdfast("attest", "--nonce", nonce.hex(), "--out", t.path("ev"), "--sysfs", tree.sys,
                      "--tcti", tpm.tcti, code=0)


def exported(t, source, *argv, code=0):
    return t.ctl("evidence", "export", source, *argv, code=code)


def keylime(t, path):
    done = subprocess.run([python_with("cryptography"), f"{ROOT}/tests/independent_keylime.py", path],
                          capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def with_quote(t):
    """Evidence of a diagnosis, with a firmware's log; the nonce is a text."""
    tree, tpm = make(t), t.tpm()
    log = firmware.log(firmware.good())
    write(f"{tree.sys}/kernel/security/tpm0/binary_bios_measurements", log)
    firmware.extend(tpm, firmware.good())
    attest(t, tree, tpm, WORDS.encode())
    tpm.tool("tpm2_createek", "-c", t.path("ek.ctx"), "-G", "ecc", "-u", t.path("ek.pub"))
    tpm.tool("tpm2_flushcontext", "-t")
    return tpm


@case
def export_for_tpm2_tools(t):
    tpm = with_quote(t)
    out = t.path("out")
    exported(t, t.path("ev"), "--format", "tpm2-tools", "--out", out)
    need(sorted(os.listdir(out)) == ["ak.pem", "eventlog", "nonce.hex", "quote.msg", "quote.pcrs", "quote.sig"],
         str(os.listdir(out)))
    nonce = read(f"{out}/nonce.hex").decode().strip()
    argv = ["tpm2_checkquote", "-u", f"{out}/ak.pem", "-m", f"{out}/quote.msg", "-s", f"{out}/quote.sig",
            "-f", f"{out}/quote.pcrs", "-g", "sha256", "-q"]
    tpm.tool(*argv, nonce)
    need(bytes.fromhex(nonce) == WORDS.encode(), nonce)
    values = replayed(tpm, f"{out}/eventlog")
    for pcr in (0, 2, 4, 16):
        real = tpm.pcrs(pcr)["sha256"]
        need(values["sha256", pcr] == real.lower(), f"PCR {pcr}: the merged log replays to something else")
    # The tools notice what is changed.
    for name in ("quote.msg", "quote.sig", "quote.pcrs"):
        whole = read(f"{out}/{name}")
        data = bytearray(whole)
        data[150 if name == "quote.pcrs" else -1] ^= 1
        write(f"{out}/{name}", bytes(data))
        try:
            tpm.tool(*argv, nonce)
        except Exception as refused:
            need("tpm2_checkquote" in str(refused), str(refused))
        else:
            need(False, f"tpm2_checkquote accepts another {name}")
        write(f"{out}/{name}", whole)


@case
def export_of_a_gate_ends_where_its_quote_does(t):
    """After END comes CAP, which no quote covers; what firmware pads its log with is left out, too."""
    host = Host(t)
    host.measured(host.events, firmware.log(host.events) + b"\xff" * 4096)
    host.boot("captured-tree", 3)
    out = t.path("out")
    exported(t, host.evidence, "--format", "tpm2-tools", "--out", out)
    need(b"captured-tree" in read(f"{host.evidence}/holdfast.evlog"), "the log has no CAP: this shows nothing")
    need(b"captured-tree" not in read(f"{out}/eventlog"), "CAP is in what is exported")
    argv = ["tpm2_checkquote", "-u", f"{out}/ak.pem", "-m", f"{out}/quote.msg", "-s", f"{out}/quote.sig",
            "-f", f"{out}/quote.pcrs", "-g", "sha256", "-q", read(f"{out}/nonce.hex").decode().strip()]
    host.tpm.tool(*argv, "-e", f"{out}/eventlog")
    for log in (host.evidence + "/holdfast.evlog", host.evidence + "/firmware.evlog"):
        host.tpm.tool(*argv)
        try:
            host.tpm.tool(*argv, "-e", log)
        except Exception as refused:
            need("tpm2_checkquote" in str(refused), str(refused))
        else:
            need(False, f"{log} alone satisfies the quote")


@case
def export_without_the_hosts_own_values(t):
    """quote.pcrs is derived; without it the logs say the same."""
    with_quote(t)
    exported(t, t.path("ev"), "--format", "tpm2-tools", "--out", t.path("a"))
    os.unlink(t.path("ev/quote.pcrs"))
    exported(t, t.path("ev"), "--format", "tpm2-tools", "--out", t.path("b"))
    need(read(t.path("a/quote.pcrs")) == read(t.path("b/quote.pcrs")), "the values differ")


@case
def export_for_keylime(t):
    with_quote(t)
    exported(t, t.path("ev"), "--format", "keylime", "--ek", t.path("ek.pub"), "--out", t.path("out"))
    path = t.path("out/evidence.json")
    code, said = keylime(t, path)
    need(code == 0, said)
    said = json.loads(said)
    need(said["nonce"] == WORDS and said["wrong"] == [] and 16 in said["pcrs"] and said["events"] > 10, str(said))
    request = json.load(open(path))
    for name in ("quote", "nonce", "mb_log"):	# and this reader notices
        changed = json.loads(json.dumps(request))
        text = changed["data"][name]
        at = 40 if name != "nonce" else 3
        changed["data"][name] = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1:]
        json.dump(changed, open(t.path("changed.json"), "w"))
        code, said = keylime(t, t.path("changed.json"))
        need(code != 0 or json.loads(said)["wrong"], f"another {name} is accepted")


@case
def export_tells_what_keylime_cannot_take(t):
    tree, tpm = make(t), t.tpm()
    attest(t, tree, tpm, b"\xff" * 32)
    tpm.tool("tpm2_createek", "-c", t.path("ek.ctx"), "-G", "rsa", "-u", t.path("ek.pub"))
    argv = ("--format", "keylime", "--ek", t.path("ek.pub"), "--out", t.path("out"))
    result = exported(t, t.path("ev"), *argv, code=3)
    need("text" in result.errors and "evidence-shape" in result.errors, result.describe())
    write(t.path("no.pub"), b"\0\2ab")
    result = exported(t, t.path("ev"), "--format", "keylime", "--ek", t.path("no.pub"), "--out", t.path("out"),
                      code=5)
    need("ek-unusable" in result.errors, result.describe())
    os.unlink(t.path("ev/quote.sig"))
    result = exported(t, t.path("ev"), "--format", "tpm2-tools", "--out", t.path("out"), code=3)
    need("no quote" in result.errors, result.describe())


@case
def export_is_asked_rightly(t):
    for argv, words in ((("ev",), "--format and --out"), (("ev", "--format", "x", "--out", "o"), "no format"),
                        (("ev", "--format", "keylime", "--out", "o"), "--ek"),
                        (("ev", "--format", "tpm2-tools", "--ek", "e", "--out", "o"), "--ek"),
                        ((), "1 name")):
        result = t.ctl("evidence", "export", *argv, code=2)
        need(words in result.errors, result.describe())
    result = t.ctl("evidence", "show", "ev", "--out", "o", code=2)
    need("go with export" in result.errors, result.describe())
