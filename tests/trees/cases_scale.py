# SPDX-License-Identifier: GPL-3.0-or-later
"""A two-socket server with 8 GPUs, 60 parts and 350 functions: sizes, not times."""
import json
import os
import re
import sys
import time

import firmware
import make_tree
from harness import ROOT, case, need, read, write
from mailboxes import doe_config, live
from relay import PCR_EXTEND, Relay
from rehearsal import Host, manifests_from_evidence, next_boot
from sources import Owner

sys.path.insert(0, os.path.join(ROOT, "tests"))
import independent_eventlog  # noqa: E402

LOG_LIMIT, EXTEND_LIMIT, CONSOLE_LIMIT = 60 * 1024, 80, 8 * 1024
COMMAND_MS, TPM_LIMIT_MS = 5, 1000	# what a command costs on a slow real part; all of them


def server(t):
    made = make_tree.build(make_tree.Tree(t.path("tree/sys")), make_tree.server())
    need(made == 350, f"{made} functions")
    write(t.path("tree/proc/cmdline"), "console=ttyS0\n")
    return t.path("tree/sys")


@case
def scale_scan_reports_all_350(t):
    sys = server(t)
    result = t.holdfast("scan", "--sysfs", sys, code=0)
    t.narrow(result.text)
    for address in os.listdir(f"{sys}/bus/pci/devices"):
        need(address in result.text, f"{address} is not reported")
    found = json.loads(t.holdfast("scan", "--sysfs", sys, "--json", code=0).out)
    need(json.dumps(found).count('"address"') >= 350, "the JSON lists fewer functions")


@case
def scale_attest_stays_small(t):
    sys, tpm = server(t), t.tpm()
    t.holdfast("attest", "--nonce", "00" * 16, "--out", t.path("ev"), "--sysfs", sys,
               "--tcti", tpm.tcti, code=0)
    log = read(t.path("ev/holdfast.evlog"))
    need(len(log) < LOG_LIMIT, f"the log has {len(log)} bytes")
    events = tpm.tool("tpm2_eventlog", t.path("ev/holdfast.evlog")).count("EV_EVENT_TAG")
    need(60 <= events <= EXTEND_LIMIT, f"{events} extends")


@case
def scale_rehearsal_stays_small(t):
    """The gate itself on that server: no manifest, so it measures all and is held."""
    sys, tpm, etc = server(t), t.tpm(), t.path("etc")
    Owner(t).trust(f"{etc}/anchors")
    os.makedirs(f"{etc}/manifests.d")
    write(f"{etc}/holdfast.conf", "policy = local\n")
    result = t.holdfast("boot", "--sysfs", sys, "--tcti", tpm.tcti, "--etc", etc,
                        "--evidence", t.path("ev"), code=3)
    need("cause=manifest-missing" in result.text, result.describe())
    t.narrow(result.text)
    need(len(result.out) < CONSOLE_LIMIT, f"the console got {len(result.out)} bytes")
    log = read(t.path("ev/holdfast.evlog"))
    need(len(log) < LOG_LIMIT, f"the log has {len(log)} bytes")
    events = tpm.tool("tpm2_eventlog", t.path("ev/holdfast.evlog")).count("EV_EVENT_TAG")
    need(60 <= events <= EXTEND_LIMIT, f"{events} extends")
    for bank, value in tpm.pcrs(13).items():
        need(int(value, 16) != 0, f"{bank} is zero after HELD")


@case
def scale_golden_and_tampered_stay_small(t):
    """Admitted by manifests made from its own evidence; then eight GPUs with another ROM."""
    host = Host(t, make_tree.server(), manifests=False)
    host.boot("manifest-missing", 3)
    manifests_from_evidence(host)
    good, bad = next_boot(host, 2), next_boot(host, 3)
    results = [(good, good.boot("captured-tree", 3))]
    gpus = [path for path in sorted(os.listdir(f"{host.tree.sys}/bus/pci/devices"))
            if read(host.tree.file(path, "config"))[:4] == b"\xde\x10\x30\x23"]
    need(len(gpus) == 8, f"{len(gpus)} GPUs")
    for address in gpus:
        host.tree.flip(address, 0x1000)
    results.append((bad, bad.boot("firmware-unknown", 3)))
    for which, result in results:
        need(len(result.out) < CONSOLE_LIMIT, f"the console got {len(result.out)} bytes")
        log = read(f"{which.evidence}/holdfast.evlog")
        need(len(log) < LOG_LIMIT, f"the log has {len(log)} bytes")
        need(60 <= which.events_of_log() <= EXTEND_LIMIT, f"{which.events_of_log()} extends")
        which.check_replays()


@case
def scale_audit_mode_stays_small(t):
    """Eight GPUs with another ROM, and the host goes on: findings, the WOULD HOLD screen, the rest."""
    first = Host(t, make_tree.server(), manifests=False)
    first.boot("manifest-missing", 3)
    manifests_from_evidence(first, mode="audit")
    host = next_boot(first, 2)
    for address in sorted(os.listdir(f"{host.tree.sys}/bus/pci/devices")):
        if read(host.tree.file(address, "config"))[:4] == b"\xde\x10\x30\x23":
            host.tree.flip(address, 0x1000)
    result = host.boot("captured-tree", 3)
    need(len(result.out) < CONSOLE_LIMIT, f"the console got {len(result.out)} bytes")
    need(result.text.count("==== WOULD HOLD") == 1 and "31 more; 8 parts in all" in result.text, result.describe())
    need("\nHELD " not in result.text, "a finding that holds nobody is called HELD")


@case
def scale_2000_functions(t):
    made = make_tree.build(make_tree.Tree(t.path("tree/sys")), make_tree.scale(2000, 1 << 20))
    need(made == 2000, f"{made} functions")
    found = json.loads(t.holdfast("scan", "--sysfs", t.path("tree/sys"), "--json", code=0).out)
    need(json.dumps(found).count('"address"') >= 2000, "functions are lost")


@case
def scale_more_parts_than_the_log_holds(t):
    """251 parts in four banks: a named refusal, a cap that still fits, no quote of half."""
    host = Host(t, make_tree.scale(2000, 1 << 20), manifests=False)
    host.boot("log-full", 3)
    need(len(read(f"{host.evidence}/holdfast.evlog")) <= LOG_LIMIT, "the log is too long")
    host.check_replays()
    tpm = t.tpm("another")
    result = t.holdfast("attest", "--nonce", "00" * 16, "--out", t.path("ev"), "--sysfs",
                        host.tree.sys, "--tcti", tpm.tcti, code=3)
    t.refused(result, "log-full")
    need(not os.path.exists(t.path("ev")), "evidence of half a host")


# ---- demonstration 5: kernel lockdown and a slow TPM ----

GPUS = 8


def boot_slowly(t, host, delay):
    """One boot of the locked-down server with a TPM that takes so long a command: figures."""
    codes = []

    def before(code, _):
        codes.append(code)
        time.sleep(delay)

    write(f"{host.tree.root}/sys/kernel/security/lockdown", "none [integrity] confidentiality\n")
    firmware.extend(host.tpm, host.events)
    relay = Relay(f"{host.tpm.directory}/sock", t.path("relay"), before)
    result = host.boot("captured-tree", 3, tcti=relay.tcti, extend=False)
    host.check_capped()
    return {"result": result, "console": len(result.out), "commands": len(codes),
            "extends": codes.count(PCR_EXTEND), "log": read(f"{host.evidence}/holdfast.evlog")}


def demonstrate(t, delay=0.0):
    """The server is measured, described by its own evidence, and boots again by that."""
    first = Host(t, make_tree.server(), manifests=False)
    first.boot("manifest-missing", 3)
    manifests_from_evidence(first)
    host = next_boot(first, 2)
    return host, boot_slowly(t, host, delay)


def parts_with_a_rom(sys_dir):
    """Counted in the tree alone: whoever shares a place is one part; the board is one."""
    bus, parts = f"{sys_dir}/bus/pci/devices", set()
    for address in os.listdir(bus):
        place = os.path.dirname(os.path.realpath(f"{bus}/{address}"))
        if os.path.exists(f"{bus}/{address}/rom"):
            parts.add(place)
    return len(parts)


def coverage(text):
    """The line about coverage, as numbers."""
    words = " ".join(text.split())
    found = re.search(r"(\d+) parts: (\d+) by bytes, (?:(\d+) by version, )?(\d+) by identity, "
                      r"(\d+) signed(.*?); not covered: (.*?); here: ([^=]*?NVLink)", words)
    need(found, f"no line about coverage: {words[-900:]}")
    parts, by_bytes, version, identity, signed, rest, _, here = found.groups()
    return {"parts": int(parts), "bytes": int(by_bytes), "version": int(version or 0),
            "identity": int(identity), "signed": int(signed), "rest": rest, "here": here}


def check_foreign_readers(host, log):
    """tpm2_eventlog, and a reader that was written from the specification alone."""
    host.check_replays()
    values, events = independent_eventlog.replay(log)
    for bank, value in host.tpm.pcrs(13).items():
        need(values[bank, 13].hex() == value.lower(), f"{bank}: {values[bank, 13].hex()}, PCR {value}")
    need({pcr for _, pcr in values} == {13}, "events of another PCR")
    for event in events:
        independent_eventlog.tagged(event)
    return len(events)


@case
def scale_locked_down_server_with_a_slow_tpm(t):
    """Counts and sizes: what a TPM of 5 ms costs is counted in commands, never by a clock."""
    host, seen = demonstrate(t)
    need(len(seen["log"]) < LOG_LIMIT, f"the log has {len(seen['log'])} bytes")
    need(60 <= seen["extends"] <= EXTEND_LIMIT, f"{seen['extends']} extends")
    need(seen["console"] < CONSOLE_LIMIT, f"the console got {seen['console']} bytes")
    need(seen["commands"] * COMMAND_MS < TPM_LIMIT_MS, f"{seen['commands']} commands")
    events = check_foreign_readers(host, seen["log"])
    need(events == seen["extends"], f"{events} events, {seen['extends']} extends")
    said = coverage(seen["result"].text)
    need(said["parts"] == 60 and said["bytes"] == parts_with_a_rom(host.tree.sys) and said["signed"] == 0 and
         said["bytes"] + said["version"] + said["identity"] == said["parts"] and said["rest"] == "", f"{said}")
    need(said["here"] == "1 RAID controller, 1 BMC, 12 parts on NVLink", f"{said}")
    shown = t.ctl("evidence", "show", "--json", host.evidence, code=0).text
    need('"integrity"' in shown, "the evidence does not say that the kernel was locked down")


@case
def scale_mailboxes_refused_by_lockdown_count_for_nothing(t):
    """GPUs that would sign, and a kernel that lets nobody ask them: a claim each, none signed."""
    description = make_tree.server()
    for root in description["roots"]:
        for port in root["devices"]:
            for card in (c for s in port.get("below", []) for p in s.get("below", [])
                         for c in p.get("below", []) if c["vendor"] == "10de"):
                card["config"] = {**card.get("config", {}), **doe_config()}
    make_tree.build(make_tree.Tree(t.path("tree/sys")), description)
    write(t.path("tree/proc/cmdline"), "console=ttyS0\n")
    bus = t.path("tree/sys/bus/pci/devices")
    gpus = [a for a in sorted(os.listdir(bus)) if read(f"{bus}/{a}/config")[:4] == b"\xde\x10\x30\x23"]
    need(len(gpus) == GPUS, f"{len(gpus)} GPUs")
    tree = type("Tree", (), {"sys": t.path("tree/sys")})
    result = t.holdfast("scan", "--json", "--mailboxes", "--sysfs", tree.sys,
                        env=live(tree, **{a: "eperm" for a in gpus}))
    found = json.loads(result.out)
    refused = [f["address"] for p in found["parts"] for f in p["functions"]
               if any(m.get("cause") == "mailbox-refused" for m in f["measurements"])]
    need(sorted(refused) == gpus, f"refused: {refused}")
    need(found["coverage"]["by_method"]["signed"] == 0 and
         found["coverage"]["by_method"]["signed-unbound"] == 0, found["coverage"])
