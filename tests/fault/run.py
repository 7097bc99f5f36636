#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fail every fallible call of the programs, one at a time.

Each job is a command on the lab host's tree. It is run once to count the fallible calls
it makes, then once for each of them, with that one call failing. The oracle:
  - it ends by itself, without a signal and without a sanitizer's complaint (leaks too);
  - it is never affirmed: exit 0 is wrong, and a tampered host never reaches release;
  - it names a cause.
FAULT_RUNS (default 120) bounds the runs of one job: beyond it, they are spread evenly over
the calls, and the line says so. FAULT_RUNS=0: every call.
"""
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../trees"))
os.environ["MODE"] = "fault"
sys.dont_write_bytecode = True

import firmware  # noqa: E402
import harness  # noqa: E402
import mailboxes  # noqa: E402
import spdm  # noqa: E402
import trees  # noqa: E402
from rehearsal import Host  # noqa: E402

DRIVERS = [  # a device for each reader that goes through a driver
    {"at": "01.0", "class": "010802", "driver": "nvme", "nvme": {"firmware": "1.0", "next": 2}},
    {"at": "02.0", "class": "020000", "driver": "ice", "net": [{"name": "eth0", "firmware": "1"}],
     "devlink": [["running", "fw", "1"], ["stored", "fw", "2"]], "vpd": {"read_only": {"SN": "1"}}},
    {"at": "03.0", "class": "010601", "driver": "ahci", "drives": [
        {"path": "ata1/host1/target1:0:0/1:0:0:0", "serial": "1",
         "ata": {"model": "M", "serial": "S", "firmware": "F"}},
        {"path": "ata2/host2/target2:0:0/2:0:0:0", "serial": "2"}]},
    {"at": "04.0", "class": "0c8000", "driver": "intel-spi", "mtd": [
        {"path": "mtd/mtd0", "name": "BIOS", "size": 65537, "seed": "x"}]},
    {"at": "05.0", "class": "030000", "driver": "amdgpu", "texts": {"vbios_version": "1"}},
]
RUNS = int(os.environ.get("FAULT_RUNS", "120"))
CAUSE = re.compile(r"\[([a-z0-9-]+)\]|cause=([a-z0-9-]+)")
SANITIZER = ("AddressSanitizer", "LeakSanitizer", "runtime error:")


def cause_names():
    text = open(os.path.join(harness.ROOT, "measure/causes.def")).read()
    return set(re.findall(r'^HF_CAUSE\(\w+, \d+, "([^"]+)"', text, re.M))


class Job:
    """argv: {tpm} and {out} are filled in for each run. may_affirm: exit 0 is a good end
    when the failed call did not matter (the host is genuine)."""

    def __init__(self, name, host, argv, may_affirm=False, tampered=False, tpm=False, least=20,
                 env=None):
        self.name, self.host, self.argv = name, host, argv
        self.may_affirm, self.tampered, self.tpm = may_affirm, tampered, tpm
        self.env = env or {}
        self.least = least  # calls; fewer: the wrapping does not work
        self.causes = cause_names()

    def run(self, number):
        work = tempfile.mkdtemp(prefix="hf-fault-")
        tpm = None
        try:
            fill = {"tpm": "", "out": os.path.join(work, "out")}
            if self.tpm:
                tpm = harness.Tpm(os.path.join(work, "tpm"))
                firmware.extend(tpm, self.host.events)
                fill["tpm"] = tpm.tcti
            count = os.path.join(work, "count")
            argv = [os.path.join(harness.BUILD, self.argv[0])] + [a.format(**fill) for a in self.argv[1:]]
            env = dict(os.environ, HOLDFAST_FAIL=str(number), HOLDFAST_FAIL_COUNT=count, **self.env)
            env["ASAN_OPTIONS"] = ("exitcode=99:detect_leaks=1:allocator_may_return_null=1:"
                                   "verify_asan_link_order=0")
            try:
                done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, env=env,
                                      timeout=60, cwd=work)
            except subprocess.TimeoutExpired:
                return 0, "?", None, "no end in 60 s"
            text = (done.stdout + done.stderr).decode("utf-8", "replace")
            calls, name = 0, ""
            if os.path.exists(count):
                calls, _, name = open(count).read().strip().partition(" ")
            return int(calls), name, done.returncode, text
        finally:
            if tpm:
                tpm.stop()
            shutil.rmtree(work, ignore_errors=True)

    def wrong(self, code, text):
        """Why this end is not acceptable; None: it is."""
        if code is None:
            return text
        if code == 99 or any(word in text for word in SANITIZER):
            return "a sanitizer complained\n" + text[-1500:]
        if code < 0 or code > 6:
            return f"exit {code}\n" + text[-800:]
        if code == 0:
            return None if self.may_affirm else "exit 0"
        if "RELEASED" in text:
            return "RELEASED"
        named = {a or b for a, b in CAUSE.findall(text)} & self.causes
        if not named:
            return "no cause is named\n" + text[-800:]
        if self.tampered and "captured-tree" in named:
            return "a tampered host reached release\n" + text[-1500:]
        return None


def run_job(job, pool):
    calls, _, code, text = job.run(0)
    why = job.wrong(code, text)
    if calls < job.least or why:
        print(f"not ok {job.name}: without a failure: {calls} calls, {why}", flush=True)
        return False
    step = 1 if not RUNS else max(1, -(-calls // RUNS))
    numbers = range(1, calls + 1, step)
    bad = 0
    for number, (_, name, code, text) in zip(numbers, pool.map(job.run, numbers)):
        why = job.wrong(code, text)
        if why:
            bad += 1
            if bad <= 5:
                print(f"  call {number} ({name or 'not reached'}): {why}", flush=True)
    words = f"{len(numbers)} of {calls} calls failed in turn"
    print(f"{'not ok' if bad else 'ok'} {job.name} ({words}{f', {bad} ended badly' if bad else ''})",
          flush=True)
    return not bad


def jobs(t):
    good, bad = Host(t), None
    other = harness.Context("tampered", t.work)
    bad = Host(other, owner=good.owner)
    bad.tree.flip("0000:01:00.0", 0x8000)
    for context in (t, other):
        context.close()

    def boot(host):
        return ["holdfast", "boot", "--sysfs", host.tree.sys, "--tcti", "{tpm}", "--etc", host.etc,
                "--evidence", "{out}"]

    def verify(host):
        return ["holdfast", "verify", "--sysfs", host.tree.sys, "--manifests",
                f"{host.etc}/manifests.d", "--anchors", f"{host.etc}/anchors"]

    # The controller: what the store and the handlers do when a call fails in the middle.
    for step in ("challenge", "evidence", "again", "receipt", "held", "activate"):
        yield Job(f"controller, {step}", good, ["tests/fault/controller_steps", step, "genuine"], may_affirm=True,
                  env={"HOLDFAST_FAIL_LATER": "1"})
    yield Job("controller, evidence of a tampered host", good,
              ["tests/fault/controller_steps", "evidence", "tampered"], env={"HOLDFAST_FAIL_LATER": "1"})
    yield Job("boot, genuine host", good, boot(good), tpm=True)
    yield Job("boot, tampered host", bad, boot(bad), tampered=True, tpm=True)
    yield Job("verify, genuine host", good, verify(good), may_affirm=True)
    yield Job("verify, tampered host", bad, verify(bad))
    yield Job("scan as JSON", good, ["holdfast", "scan", "--json", "--sysfs", good.tree.sys],
              may_affirm=True)
    drivers = trees.Tree(os.path.join(t.work, "drivers"),
                         {"roots": [{"domain": "0000", "bus": "00", "devices": DRIVERS}]})
    yield Job("scan of what drivers show", good, ["holdfast", "scan", "--json", "--sysfs", drivers.sys],
              may_affirm=True)
    asked = mailboxes.host(t, count=2, name="mailboxes")
    yield Job("scan of mailboxes", good, ["holdfast", "scan", "--json", "--mailboxes", "--sysfs", asked.sys],
              may_affirm=True,
              env=mailboxes.live(asked, **{mailboxes.nic(0): "cdat", mailboxes.nic(1): "cdat"}))
    yield Job("scan of mailboxes that may not be written to", good,
              ["holdfast", "scan", "--json", "--vfio", "--sysfs", asked.sys],
              env=mailboxes.live(asked, **{mailboxes.nic(0): "eperm", mailboxes.nic(1): "eperm"}))
    recorded = os.path.join(spdm.CORPUS, "pcap", "v12_p256_sig-all.pcap")
    if os.path.exists(recorded):
        for words in ([], ["--json"]):
            yield Job(f"spdm of a recording {' '.join(words)}".strip(), good,
                      ["holdfast", "spdm", f"file:{recorded}", *words], may_affirm=True, least=15)
    yield Job("attest", good, ["holdfast", "attest", "--nonce", "00" * 16, "--sysfs", good.tree.sys,
                               "--tcti", "{tpm}", "--out", "{out}"], may_affirm=True, tpm=True)
    for name in ("owner", "lockout"):
        harness.write(os.path.join(t.work, f"{name}.auth"), f"{name}-value")
    yield Job("provision", good, ["holdfast", "provision", "--owner-auth-file",
                                  os.path.join(t.work, "owner.auth"), "--lockout-auth-file",
                                  os.path.join(t.work, "lockout.auth"), "--tcti", "{tpm}"],
              may_affirm=True, tpm=True, least=15)
    for name, host in (("genuine", good), ("tampered", bad)):
        evidence = os.path.join(t.work, f"evidence-{name}")
        references = shutil.copytree(f"{host.etc}/manifests.d", os.path.join(t.work, f"manifests-{name}"))
        shutil.copy(f"{host.store}/images.corim", references)
        tpm = harness.Tpm(os.path.join(t.work, f"tpm-{name}"))
        firmware.extend(tpm, host.events)
        subprocess.run([os.path.join(harness.BUILD, "holdfast"), "boot", "--sysfs", host.tree.sys,
                        "--tcti", tpm.tcti, "--etc", host.etc, "--evidence", evidence],
                       capture_output=True, stdin=subprocess.DEVNULL, check=False)
        tpm.stop()
        yield Job(f"evidence verify, {name} host", host,
                  ["holdfastctl", "evidence", "verify", evidence, "--manifests", references,
                   "--anchors", f"{host.etc}/anchors"])
    signed = os.path.join(harness.ROOT, "tests/fixtures/signed")
    yield Job("evidence verify, devices that sign", good,
              ["holdfastctl", "evidence", "verify", f"{signed}/e", "--manifests", f"{signed}/manifests",
               "--anchors", f"{signed}/anchors"], may_affirm=True)
    yield Job("evidence show, devices that sign", good,
              ["holdfastctl", "evidence", "show", f"{signed}/e", "--transcripts", "{out}"], may_affirm=True)


def main():
    if os.uname().machine != "x86_64":
        print("skip fault: the trampolines are for x86-64")
        return 0
    subprocess.run(["make", "--no-print-directory", "-j2", "MODE=fault", "all",
                    "build/fault/tests/fault/controller_steps"], cwd=harness.ROOT,
                   check=True, stdout=subprocess.DEVNULL)
    work = tempfile.mkdtemp(prefix="hf-fault-jobs-")
    context = harness.Context("genuine", work)
    wanted, results = sys.argv[1:], []
    try:
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
            for job in jobs(context):
                if not wanted or any(word in job.name for word in wanted):
                    results.append(run_job(job, pool))
    finally:
        context.close()
        shutil.rmtree(work, ignore_errors=True)
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
