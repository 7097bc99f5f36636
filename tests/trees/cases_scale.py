# SPDX-License-Identifier: GPL-3.0-or-later
"""A two-socket server with 8 GPUs, 60 parts and 350 functions: sizes, not times."""
import json
import os

import make_tree
from harness import case, need, read, write
from rehearsal import Host, manifests_from_evidence, next_boot
from sources import Owner

LOG_LIMIT, EXTEND_LIMIT, CONSOLE_LIMIT = 60 * 1024, 80, 8 * 1024


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
