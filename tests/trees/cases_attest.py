# SPDX-License-Identifier: GPL-3.0-or-later
"""holdfast attest: a diagnosis that other people's tools verify and no gate accepts."""
import json
import os
import re
import shutil

import firmware
import trees
from cases_doe import behind
from harness import case, need, read, snapshot, write
from mailboxes import live, nic
from rehearsal import Host, verify
from sources import Owner, model

NONCE = "00112233445566778899aabbccddeeff"


def make(t):
    return trees.Tree(t.path("tree"), trees.lab())


def attest(t, tree, tpm, *argv, code=0, out="ev"):
    return t.holdfast("attest", "--nonce", NONCE, "--out", t.path(out), "--sysfs", tree.sys,
                      "--tcti", tpm.tcti if tpm else f"swtpm:path={t.path('no')}", *argv,
                      code=code)


def replayed(tpm, log):
    """PCR values by bank and number as tpm2_eventlog replays them."""
    text = tpm.tool("tpm2_eventlog", log)
    found = {}
    bank = None
    for line in text[text.index("\npcrs:"):].splitlines():
        if match := re.match(r"\s+(sha\d+):$", line):
            bank = match[1]
        elif match := re.match(r"\s+(\d+)\s*:\s*0x([0-9a-f]+)$", line):
            found[bank, int(match[1])] = match[2]
    return found


def checkquote(tpm, folder, nonce):
    """The quote, by tpm2-tools alone."""
    return tpm.tool("tpm2_checkquote", "-u", f"{folder}/ak.pem", "-m", f"{folder}/quote.attest",
                    "-s", f"{folder}/quote.sig", "-f", f"{folder}/quote.pcrs", "-g", "sha256",
                    "-q", nonce)


@case
def attest_evidence_satisfies_tpm2_tools(t):
    tree, tpm = make(t), t.tpm()
    before = snapshot(t.path("tree"))
    result = attest(t, tree, tpm)
    t.narrow(t.normalise(result.text))
    need("never earns a release" in result.text, result.describe())
    need(before == snapshot(t.path("tree")), "attest wrote to the captured tree")
    folder = t.path("ev")
    for name in ("holdfast.evlog", "claims.cbor", "quote.attest", "quote.sig", "ak.pub", "ak.pem",
                 "nonce.bin", "quote.pcrs"):
        need(os.path.getsize(f"{folder}/{name}") > 0, f"{name} is empty")
    need(read(f"{folder}/nonce.bin").hex() == NONCE, "the nonce is not verbatim")
    need(bytes.fromhex(NONCE) in read(f"{folder}/quote.attest"), "the nonce is not in the quote")
    checkquote(tpm, folder, NONCE)
    values = replayed(tpm, f"{folder}/holdfast.evlog")
    real = tpm.pcrs(16)
    need(len(real) == 4, f"banks: {real}")
    for bank, value in real.items():
        need(int(value, 16) != 0, f"PCR 16 of {bank} is zero")
        need(values[bank, 16] == value.lower(), f"{bank}: the log replays to something else")


@case
def attest_checkquote_can_fail(t):
    """The check above notices another nonce and another value."""
    tree, tpm = make(t), t.tpm()
    attest(t, tree, tpm)
    folder = t.path("ev")
    for change in ("nonce", "quote"):
        if change == "quote":
            data = bytearray(read(f"{folder}/quote.attest"))
            data[-1] ^= 1
            write(f"{folder}/quote.attest", bytes(data))
        try:
            checkquote(tpm, folder, "00" * 16 if change == "nonce" else NONCE)
        except Exception as refused:
            need("tpm2_checkquote" in str(refused), str(refused))
            continue
        need(False, f"tpm2_checkquote accepts another {change}")


@case
def attest_never_touches_the_gates_pcr(t):
    tree, tpm = make(t), t.tpm()
    attest(t, tree, tpm)
    for pcr in (10, 13, 14, 15, 23):
        for bank, value in tpm.pcrs(pcr).items():
            need(int(value, 16) == 0, f"PCR {pcr} of {bank} is {value}")


@case
def attest_twice_starts_from_zero(t):
    tree, tpm = make(t), t.tpm()
    attest(t, tree, tpm)
    first = tpm.pcrs(16)
    tpm.tool("tpm2_pcrextend", "16:sha256=" + "11" * 32)
    attest(t, tree, tpm, out="ev2")
    need(first == tpm.pcrs(16), "the second diagnosis stands on the first")


@case
def attest_log_says_what_it_is(t):
    tree, tpm = make(t), t.tpm()
    attest(t, tree, tpm)
    text = t.ctl("log", "show", t.path("ev/holdfast.evlog"), code=0).text
    need("diagnosis" in text, text)
    order = re.findall(r"\b(BEGIN|END|CAP)\b", text)
    need(order[:1] == ["BEGIN"] and "END" in order and "CAP" not in order, str(order))


@case
def attest_carries_the_firmware_log(t):
    tree, tpm = make(t), t.tpm()
    log = firmware.log(firmware.good())
    write(f"{tree.sys}/kernel/security/tpm0/binary_bios_measurements", log)
    firmware.extend(tpm, firmware.good())
    attest(t, tree, tpm)
    need(read(t.path("ev/firmware.evlog")) == log, "the firmware's log was changed")
    values = replayed(tpm, t.path("ev/firmware.evlog"))
    for pcr in (0, 2, 4, 7, 9):
        for bank, value in tpm.pcrs(pcr).items():
            need(values[bank, pcr] == value.lower(), f"made firmware log: {bank} PCR {pcr}")


@case
def attest_evidence_is_never_accepted(t):
    """A diagnosis of a good host, with good manifests and the right nonce, is no boot."""
    host = Host(t)
    firmware.extend(host.tpm, host.events)
    attest(t, host.tree, host.tpm)
    t.refused(verify(host, code=3, evidence=t.path("ev")), "log-pcr")
    result = verify(host, "--pcr", "16", "--nonce", NONCE, code=3, evidence=t.path("ev"))
    for check in ("firmware-log", "log", "claims", "key", "quote"):
        need(re.search(rf"^  ok +{check}\b", result.text, re.M), f"{check}\n{result.describe()}")
    other = verify(host, "--pcr", "16", "--nonce", "00" * 16, code=3, evidence=t.path("ev"))
    t.refused(other, "quote-nonce")


@case
def attest_without_a_tpm(t):
    t.refused(attest(t, make(t), None, code=5), "tpm-missing")
    need(not os.path.exists(t.path("ev")), "evidence without a TPM")


@case
def attest_with_a_foreign_endorsement_auth(t):
    tree, tpm = make(t), t.tpm()
    tpm.tool("tpm2_changeauth", "-c", "e", "x")
    t.refused(attest(t, tree, tpm, code=5), "tpm-auth-set")
    need(not os.path.exists(t.path("ev/quote.sig")), "evidence without a quote")


@case
def attest_without_the_sha256_bank(t):
    tree, tpm = make(t), t.tpm()
    tpm.tool("tpm2_pcrallocate", "sha256:none+sha1:all+sha384:all")
    tpm.stop()
    for name in ("sock", "sock.ctrl"):
        if os.path.exists(f"{tpm.directory}/{name}"):
            os.unlink(f"{tpm.directory}/{name}")
    tpm.start()
    need("sha256" not in tpm.pcrs_allocated(), "the bank is still there")
    t.refused(attest(t, tree, tpm, code=5), "bank-missing")


@case
def attest_where_nothing_can_be_written(t):
    tree, tpm = make(t), t.tpm()
    write(t.path("ev"), "a file")
    result = attest(t, tree, tpm, code=None)
    need(result.code in (1, 2) and "next:" in result.errors, result.describe())


@case
def attest_reports_what_did_not_answer(t):
    tree, tpm = make(t), t.tpm()
    tree.put("0000:01:00.0", "config", b"\xff" * 4096)
    t.refused(attest(t, tree, tpm, code=4), "device-gone")
    need(os.path.getsize(t.path("ev/quote.sig")) > 0, "no quote of what was found")


def transcripts_check(t, folder, nonce, code=3):
    """What evidence verify says of what was signed: (outcome, cause, devices)."""
    report = json.loads(t.ctl("evidence", "verify", folder, "--anchors", t.path("anchors"), "--manifests",
                              t.path("manifests"), "--pcr", "16", "--nonce", nonce, "--json", code=code).out)
    need(not report["affirmed"], "a diagnosis was affirmed")
    check = next(c for c in report["checks"] if c["check"] == "transcripts")
    return check["outcome"], check["cause"], report["devices"]


@case
def attest_of_a_device_that_signs(t):
    """Through registers, for the nonce: a recording of yesterday's is none for today's."""
    device, tree, word = behind(t, "--version", "1.2")
    owner, tpm = Owner(t), t.tpm()
    owner.trust(t.path("anchors"))
    write(t.path("anchors", "device", "root.pem"), read(device.anchors[0]))
    write(t.path("anchors", "device", "root.conf"), "vendor = 1b36\n")
    owner.sign_all(t.path("manifests"), [model()])

    def make_evidence(nonce, out):
        t.holdfast("attest", "--nonce", nonce, "--out", t.path(out), "--sysfs", tree.sys, "--tcti", tpm.tcti,
                   "--mailboxes", "--rom=none", env=live(tree, **{nic(0): word}), timeout=60)
        return t.path(out)
    today, yesterday = make_evidence(NONCE, "today"), make_evidence(NONCE[::-1], "yesterday")
    outcome, cause, devices = transcripts_check(t, today, NONCE)
    need((outcome, cause) == ("ok", None), f"{outcome} {cause}")
    need(len(devices) == 1 and devices[0]["method"] == "signed" and devices[0]["anchor"] == "root", devices)
    need(devices[0]["transcript"] and not devices[0]["transcript_again"], devices)
    need(transcripts_check(t, today, NONCE[::-1])[:2] == ("failed", "spdm-nonce"), "another challenge")
    need(transcripts_check(t, yesterday, NONCE[::-1])[0] == "ok", "yesterday's, yesterday")
    # the host claims what was signed today and shows what was signed yesterday
    for name in ("claims.cbor", "transcripts.cbor"):
        shutil.copy(f"{yesterday}/{name}", f"{today}/{name}")
    need(transcripts_check(t, today, NONCE)[0] != "ok", "yesterday's transcripts")
    t.ctl("evidence", "show", yesterday, "--transcripts", t.path("pcaps"), code=0)
    captures = os.listdir(t.path("pcaps"))
    need(len(captures) == 1, captures)
    again = t.holdfast("spdm", f"file:{t.path('pcaps', captures[0])}", "--anchor", device.anchors[0])
    need(again.code == 0, again.describe())


@case
def verify_counts_what_a_device_signs(t):
    """From a golden host to manifests to a verdict, by an anchor of anchors/device and no other."""
    device, tree, word = behind(t, "--version", "1.2")
    owner, tpm = Owner(t), t.tpm()
    owner.trust(t.path("anchors"))

    def run(*argv, **more):
        return t.holdfast(*argv, "--mailboxes", "--sysfs", tree.sys, env=live(tree, **{nic(0): word}),
                          timeout=60, **more)
    run("attest", "--nonce", NONCE, "--out", t.path("golden"), "--tcti", tpm.tcti, "--rom=none")
    t.ctl("manifest", "create", "--from", t.path("golden"), "--out", t.path("made"), "--generation", "1", code=0)
    for name in sorted(os.listdir(t.path("made"))):
        source = json.loads(read(t.path("made", name)))
        for rule in source.get("rules", []):
            rule.update({"least_method": "signed"} if "1b36" in json.dumps(rule) else {})
        if "images" not in source:
            owner.sign(source, t.path("manifests", f"{name}.corim"))

    def verdict(code):
        return run("verify", "--manifests", t.path("manifests"), "--anchors", t.path("anchors"), "--rom=none",
                   code=code)
    t.refused(verdict(3), "device-chain-untrusted")
    write(t.path("anchors", "device", "root.pem"), read(device.anchors[0]))
    write(t.path("anchors", "device", "root.conf"), "vendor = 1b36\n")
    result = verdict(None)
    need(result.code == 0, result.describe())
    write(t.path("anchors", "device", "root.conf"), "vendor = 15b3\n")  # of another's devices
    t.refused(verdict(3), "device-chain-untrusted")
