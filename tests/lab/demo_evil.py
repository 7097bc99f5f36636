# SPDX-License-Identifier: GPL-3.0-or-later
"""A tenant with root flashes a network card: make demo-evil-tenant. The first try leaves the altered ROM there;
the second puts the genuine one back once firmware has run it. Both are held by slot, the controller says
since which lease, and the evidence that it kept is verified without it."""
import json
import re
import shutil
import time

import beside
import build
import pe
import qemu
import roms
from outcome import need

LEASE, CARD = "tenant-17", "nic2"


def evil():
    return roms.evil_driver(roms.genuine(roms.NIC2_ROM))


def report(run, cause):
    """The host's own, as the controller has it: over the card that is still accepted."""
    end, newest = time.monotonic() + 90, {}
    while newest.get("kind") != "held" or newest.get("cause") != cause:
        need(time.monotonic() < end, f"the controller was not told of {cause}: {newest}")
        time.sleep(1)
        verdicts = json.loads(run.site.ctl("host", "verdicts", beside.HOST, "--json"))["verdicts"]
        newest = verdicts[0] if verdicts else {}
    return newest


def exported(run, number, name):
    """From the controller, verified with its manifests and none of its words; the quote by tpm2-tools."""
    site, folder = run.site, run.site.dir / name
    site.ctl("host", "evidence", beside.HOST, "--verdict", str(number), "--out", folder)
    done = build.subprocess.run([build.BIN / "holdfastctl", "evidence", "verify", folder, "--anchors",
                                 site.dir / "anchors", "--manifests", site.trusted], capture_output=True, text=True)
    need(done.returncode == 3, f"evidence verify gives {done.returncode}: {done.stdout}{done.stderr}")
    nonce = (folder / "nonce.bin").read_bytes().hex()
    build.run("tpm2_checkquote", "-u", folder / "ak.pem", "-m", folder / "quote.attest", "-s", folder / "quote.sig",
              "-f", folder / "quote.pcrs", "-g", "sha256", "-q", nonce)
    return folder, done.stdout


def held(run, cause):
    """Held by its slot, with the lease in which it changed."""
    run.wait_for_result()
    need(f"cause={cause}" in run.result.split(), f"not held for {cause}: {run.result}")
    need("0-5" in run.held_screen() and "15ad:07b0" in run.held_screen(), "the screen does not name slot and card")
    number = report(run, cause)["id"]
    run.nothing_started()
    shown = run.site.ctl("host", "show", beside.HOST)
    (run.out.parent / f"evil-tenant.{cause}.txt").write_text(run.held_screen() + "\n\n" + shown)
    return number, " ".join(shown.split())


def same_tpm(run):
    """The machine's TPM goes on counting its boots: a report of an earlier one tells nobody anything."""
    folder = run.site.dir / "tpm"
    folder.mkdir(exist_ok=True)
    shutil.copy(run.out / "tpm/tpm2-00.permall", folder)
    return folder


def start(run):
    return run.start(initrd=run.site.agent, store=run.site.store, tpm_state=same_tpm(run))


def first_try(run):
    """He flashes it and leaves it so."""
    with start(run):
        number, shown = held(run, "firmware-unknown")
        need("changed since the boot of" in shown and f"lease {LEASE}" in shown and "option-rom/window" in shown,
             f"host show does not say since when: {shown}")
    _, words = exported(run, number, "first-try")
    need("firmware-unknown" in words and roms.NIC2 in words, words)


def second_try(run):
    """He has it put the genuine one back after POST: PCR 2 still has what ran."""
    with start(run) as machine:
        need(machine.wait_for(roms.KERNEL_OR_GATE, qemu.RESULT), "the machine went off")
        with machine.stopped():
            need(not re.search(r"^ *\d+ ms  enumerate\b", machine.console, re.M), "the machine was stopped too late")
            roms.swap(machine, evil(), roms.genuine(roms.NIC2_ROM))
        number, _ = held(run, "rom-swapped")
    folder, words = exported(run, number, "second-try")
    need("rom-swapped" in words, words)
    logged = roms.logged_drivers(folder)
    need(pe.authenticode(roms.driver(evil())) in logged, "firmware did not run the altered driver")


def runner(run):
    site = run.site = beside.Site(run, "static")
    with site.controller:
        site.make_images()
        site.reload()
        site.enter()
        site.ctl("host", "reclaim", beside.HOST, "--lease", LEASE, "--power-cycled")
        run.scenario.trusted, change = site.trusted, run.scenario.change
        beside.boot_before(run)
        run.scenario.change = lambda host, lab: (change(host, lab), roms.romfile(
            host, CARD, lab.scratch("evil-nic2.rom", evil())))
        try:
            for lease, attempt in (("tenant-18", first_try), ("tenant-19", second_try)):
                site.ctl("host", "reclaim", beside.HOST, "--lease", lease, "--power-cycled")
                attempt(run)
        finally:
            run.scenario.change = change
