# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host does to a real controller that is not what it says: its tenant, another image, another
TPM. The reason that the controller gives is exactly the one that is named here."""
import json
import shutil
import subprocess

import beside
import build
import image
from attacker import ANYTHING, Attacker
from outcome import need

HOST = beside.HOST


def relay():
    return build.compiled(build.LAB / "relay.c", build.OUT / "relay", "-static", "-Os", "-s")


def bad_root(site):
    """The tenant's system with relay.c in it."""
    tree = build.tenant_tree("switch-root-tenant")
    tree.copy("bin/relay", relay())
    build.squashfs(tree, site.dir / "root.squashfs")
    return site.dir / "root.squashfs"


def forged_image(site):
    """Another agent: of the size of the true one, since QEMU writes that into the kernel (PCR 4)."""
    archive = image.Archive()
    archive.directory("dev")
    archive.device("dev/console", 5, 1)
    archive.copy("init", relay())
    data = archive.bytes()
    path = site.dir / "forged.cpio"
    path.write_bytes(data + bytes(site.agent.stat().st_size - len(data)))
    return path


def state(run, wanted, cause=None):
    host = run.site.host()
    need(host["state"] == wanted, f"the controller says {host['state']}, not {wanted}")
    verdict = host.get("last-verdict") or {}
    need(cause is None or verdict.get("cause") == cause, f"the controller's verdict: {verdict}")
    return host


def re_enrol(run):
    """The operator's act: key and counters are forgotten."""
    site = run.site
    site.ctl("host", "re-enrol", HOST, "--ek", beside.endorsement_key(site.lab.tpm_state))
    site.reclaim()


# ---- the tenant: root on the released host ----
def tenant_in_use(run, a):
    """One reclaim gave one ticket; what comes from a host that is let gives none."""
    verdicts = lambda: json.loads(run.site.ctl("host", "verdicts", HOST, "--json"))["verdicts"]  # noqa: E731
    before = len(verdicts())
    a.refused("the gate's own evidence a second time", "boot-key-differs", a.send(
        {name: data for name, data in a.golden.items() if not name.startswith("receipt")}))
    need(len(verdicts()) == before, "a verdict was recorded for it")
    a.tool("tpm2_createprimary", "-C", "e", "-c", "none.ctx", fails=True)  # the gate switched that off
    a.tool("tpm2_clear", "-c", "l")
    need(a.make_key() == a.golden["ak.pub"], "after TPM2_Clear it is another key")
    _, reclaim = a.challenge()
    need(reclaim == b"", "a host that is let was challenged for a ticket")
    a.refused("evidence of a host that is let", "boot-key-differs", a.attest())
    state(run, "in-use")


def tenant_reclaimed(run, a):
    """The operator reclaims, and does not power-cycle. The PCR was capped, and goes on."""
    run.site.reclaim()
    log = a.golden["holdfast.evlog"]
    more = a.replay()
    a.refused("a log that goes on after CAP", "log-after-end", a.attest(**{"holdfast.evlog": log + more}))
    state(run, "held", "log-after-end")
    run.site.reclaim()
    a.refused("what was before CAP left out", "quote-pcr-digest", a.attest(**{"holdfast.evlog": a.head() + more}))
    state(run, "held", "quote-pcr-digest")


def tenant_sets_auths(_run, a):
    for hierarchy in "oel":
        a.tool("tpm2_changeauth", "-c", hierarchy, "the tenant's")


def tenant(run):
    """The host is released, with a secret; then its tenant tries."""
    site = run.site
    beside.give_secret(run)
    with run.start(initrd=site.agent, store=site.store) as machine:
        run.wait_for_result()
        need("result=released" in run.result, f"the first boot: {run.result}")
        golden = run.unpack()
        with Attacker(run, golden) as a:
            for tries in (tenant_in_use, tenant_reclaimed, tenant_sets_auths):
                tries(run, a)
        need(machine.wait_for(r"^TENANT-DONE", r"Kernel panic"), "the tenant did not finish")
        need(f"TENANT-FOUND /run/holdfast/secret {len(beside.SECRET)}" in machine.console, "the tenant has no secret")
        beside.secret_is_kept(run)
        machine.wait_off()
    site.said = a.said
    site.tpm_state = site.dir / "tpm"
    site.tpm_state.mkdir()
    shutil.copy(run.out / "tpm/tpm2-00.permall", site.tpm_state)
    return a.golden


# ---- another image ----
def forged_keys(run, a):
    """Keys that a genuine TPM makes, and that must not speak for a host."""
    a.refused("a key that signs anything", "ak-template", a.enrol(a.make_key(attributes=ANYTHING)))
    re_enrol(run)
    need(a.enrol(a.make_key("o"))[2] == 0, "the owner hierarchy's key has the template, and lies in this TPM")
    a.refused("a key below the owner's seed", "ak-hierarchy", a.attest(**{"holdfast.evlog": a.head() + a.my_log()}))
    state(run, "challenged")
    re_enrol(run)
    need(a.enrol(a.make_key())[2] == 0, "the true key was not enrolled")


def forged_log(run, a):
    """The good boot's events in the PCR; firmware measured what really ran."""
    log = a.head() + a.replay()
    a.refused("the good boot's logs", "quote-pcr-digest", a.attest(**{"holdfast.evlog": log}))
    state(run, "held", "quote-pcr-digest")
    run.site.reclaim()
    a.refused("the gate's log, and what firmware measured", "agent-initrd-changed",
              a.attest(**{"holdfast.evlog": log, "firmware.evlog": a.firmware_log()}))
    state(run, "held", "agent-initrd-changed")


def forged(run, golden):
    run.site.reclaim()
    with run.start(initrd=forged_image(run.site), store=run.site.store) as machine:
        folder = run.site.dir / "golden"
        folder.mkdir()
        for name, data in golden.items():
            (folder / name).write_bytes(data)
        with Attacker(run, folder) as a:
            forged_keys(run, a)
            forged_log(run, a)
        need(machine.wait_for(r"^RELAY-ENDED"), "the forged image did not end")
    run.site.said += a.said


def kept_tpm(run):
    """As its tenant left it: what he set outlives a reset."""
    return run.site.tpm_state


def tenant_then_forged(run):
    forged(run, tenant(run))
    re_enrol(run)


def check_auths(run):
    """The gate cannot make its key; what was refused before is kept for people."""
    state(run, "reclaimed")
    (run.out / "said.json").write_text(json.dumps(run.site.said, indent=1))


# ---- the same host again ----
def in_use_then_restored(run):
    """Its tenant boots the gate again; then its TPM is put back to what it was."""
    site = run.site
    beside.boot_before(run)
    with run.start(initrd=site.agent, store=site.store):
        run.wait_for_result()
        run.expect_held("host-in-use")
        state(run, "in-use")
    site.reclaim()


# ---- another TPM ----
def maker(site):
    """A TPM as its maker delivers it, made beside the CAs that vouch for it."""
    folder = site.dir / "maker"
    roots = folder / "roots"
    roots.mkdir(parents=True)
    (folder / "ca").mkdir()
    (folder / "opts").write_text("")
    (folder / "ca.conf").write_text(f"statedir = {folder}/ca\nsigningkey = {folder}/ca/key.pem\n"
                                    f"issuercert = {roots}/issuer.pem\ncertserial = {folder}/ca/serial\n")
    (folder / "setup.conf").write_text("create_certs_tool=/usr/bin/swtpm_localca\n"
                                       f"create_certs_tool_config={folder}/ca.conf\n"
                                       f"create_certs_tool_options={folder}/opts\n")
    tpm = folder / "tpm"
    tpm.mkdir()
    subprocess.run(["swtpm_setup", "--tpm2", "--tpmstate", str(tpm), "--create-ek-cert", "--pcr-banks", build.BANKS,
                    "--config", f"{folder}/setup.conf"], check=True, capture_output=True)
    shutil.copy(folder / "ca/swtpm-localca-rootca-cert.pem", roots)
    site.foreign = tpm
    return roots


def foreign(run):
    return run.site.foreign
