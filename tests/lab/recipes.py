# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways to the gate and from it that docs/recipes.md tells: booted from a disk, left by a reset, a step of
somebody else's initramfs, in one file with its kernel."""
import pathlib
import shutil
import subprocess

import build
import esp
import pe
import qemu
from outcome import Skipped, need

SECOND = "Tenant"
UKI = "EFI/holdfast/holdfast.efi"
STUB = pathlib.Path("/usr/lib/systemd/boot/efi/linuxx64.efi.stub")
BUILD_UKI = build.ROOT / "examples/uki/build.sh"
SECOND_ENTRY = esp.entry(SECOND, esp.TENANT, "\\EFI\\BOOT\\BOOTX64.EFI")


def second_started(run):
    """The second boot option runs: after the gate had let it, by a reset, and once."""
    machine = run.machine
    need("result=released" in run.result and "by=next-boot" in run.result, f"not released: {run.result}")
    match = machine.wait_for("SECOND-BOOT-STARTED", r"Shell>", r"Kernel panic")
    need(match and match.group(0) == "SECOND-BOOT-STARTED", "the second boot option did not start")
    console = machine.console
    need(console.index(run.result) < console.index("SECOND-BOOT-STARTED"), "it started before the gate had its say")
    need(machine.qmp.events.count("RESET") == 1, f"{machine.qmp.events.count('RESET')} resets, not one")
    names = esp.live((run.out / "vars.fd").read_bytes())
    need("BootNext" not in names, "BootNext is still there")
    need(names.count("BootOrder") == 1, "BootOrder is gone")


def site_of(run):
    site = run.out.with_name(run.out.name + ".site")
    shutil.rmtree(site, ignore_errors=True)
    site.mkdir(parents=True)
    return site


def signed_list(run, site, *words):
    """The image list of one run, and the manifests that a verifier judges by."""
    build.ctl("image", "measure", *words, "--out", site / "images.json")
    run.scenario.trusted = trusted = site / "manifests"
    shutil.copytree(run.lab.dir / "trusted-golden", trusted)
    return run.lab._sign(site / "images.json", "owner", trusted / "images.corim")


# ---- in one file with its kernel, from a disk; left by a reset ----
def make(run, tenant_entry, line):
    """What boots has this command line; what is listed is the lab's."""
    lab, site = run.lab, site_of(run)
    for name, words in (("listed", build.COMMAND_LINE), ("boots", line)):
        build.run(BUILD_UKI, lab.kernel, lab.agent("golden"), words, site / f"{name}.efi")
    (site / "boot-entry").write_bytes(SECOND_ENTRY)
    images = signed_list(run, site, "--uki", site / "listed.efi", "--name", "lab-uki", "--tenant-boot-entry",
                         site / "boot-entry")
    (site / "store.img").write_bytes(build.store_image({"images.corim": images, "boot-entry": tenant_entry}))
    esp.disk(site / "esp.img", {UKI: site / "boots.efi"})
    esp.disk(site / "tenant.img", {"EFI/BOOT/BOOTX64.EFI": lab.dir / "BOOTX64.EFI"})
    return site


def from_disk(tenant_entry=SECOND_ENTRY, line=build.COMMAND_LINE):
    """Firmware starts the gate by the first of its boot entries, from the disk at the first SATA port."""
    def runner(run):
        if not STUB.exists():
            raise Skipped("no systemd-boot-efi (make deps)")
        site = make(run, tenant_entry, line)
        host = esp.Host({esp.GATE: site / "esp.img", esp.TENANT: site / "tenant.img"})
        gate = esp.entry("Holdfast", esp.GATE, "\\" + UKI.replace("/", "\\"))
        with qemu.Machine(run.out, host, kernel=None, initrd=None, command_line=None, store=site / "store.img",
                          data=run.lab.data_disk, tpm_state=run.lab.tpm_state, echo=run.echo,
                          variables=esp.boots(gate)) as run.machine:
            run.wait_for_result()
            if run.scenario.released:
                second_started(run)
                check_uki(run)
            else:
                run.expect_held(run.scenario.cause)
                need("sections" in (run.out / "verify.txt").read_text(), "nobody says that the stub measured others")
    return runner


def check_uki(run):
    """A verifier names the image by the digests that were predicted, and not by others."""
    run.verify(0)
    need("lab-uki" in (run.out / "verify.txt").read_text(), "the evidence's agent image has no name")


# ---- a step of somebody else's initramfs ----
STEP_INIT = """#!/bin/sh
PATH=/bin:/sbin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs devtmpfs /dev; mount -t tmpfs tmpfs /run
exec </dev/console >/dev/console 2>&1
holdfast boot --exit
code=$?
[ $code = 0 ] && { echo STEP-WENT-ON; exec /sbin/init; }
echo "STEP-HALTED $code"
exec halt -f
"""


def step_image(run):
    """An initramfs of busybox: its /init runs the gate, and the lab's tenant if that says 0."""
    owner = {"owner.pem": (run.lab.dir / "anchors/owner.pem").read_bytes()}
    manifests = {path.name: path.read_bytes() for path in sorted((run.lab.dir / "trusted-golden").glob("*.corim"))
                 if path.name != "images.corim"}
    around = build.tenant_tree("exit-tenant")
    around.copy("bin/holdfast", build.OUT / "holdfast.stripped")
    around.link("bin/halt", "busybox")
    around.file("init", STEP_INIT.encode(), 0o755)
    build.modules().add_to(around, [*build.GATE_MODULES, *build.TENANT_MODULES])
    return build.agent_image(owner, manifests) + around.bytes()


def step(*allowed):
    """allowed: what the image list says besides which image this is."""
    def runner(run):
        site = site_of(run)
        initrd, kernel = site / "initrd", site / "kernel"
        initrd.write_bytes(step_image(run))
        kernel.write_bytes(pe.qemu_patched_kernel(run.lab.kernel.read_bytes(), initrd.stat().st_size, qemu.MEMORY_MIB))
        images = signed_list(run, site, "--kernel", kernel, "--initrd", initrd, "--command-line",
                             pe.loaded_command_line(build.COMMAND_LINE), "--name", "lab-step", *allowed)
        (site / "images.corim").write_bytes(images)
        store = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=site, input=b"images.corim\n",
                               stdout=subprocess.PIPE, check=True).stdout  # as docs/recipes.md writes it
        (site / "store.img").write_bytes(store + bytes(-len(store) % (1 << 20)))
        with run.start(initrd=initrd, store=site / "store.img"):
            run.wait_for_result()
            if not run.scenario.released:
                match = run.machine.wait_for(r"^STEP-HALTED (\d+)", "STEP-WENT-ON")
                need(match and match.group(0) == "STEP-HALTED 3", f"it says {match and match.group(0)}, not 3")
            run.judge()
    return runner
