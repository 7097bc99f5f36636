# SPDX-License-Identifier: GPL-3.0-or-later
"""A boot as many fleets do it: SeaBIOS, iPXE out of a card's ROM, one image for all hosts
and a second one, appended, that holds the manifests."""
import json
import pathlib
import shutil
import threading

import build
import golden
import image
import qemu

lock = threading.Lock()
EXAMPLE = build.ROOT / "examples/ipxe/boot.ipxe"
BASE = "capture"  # the agent's image with anchors and configuration, and no manifests


def boot_by_network(host):
    host.devices["nic0"] += ",netdev=boot,bootindex=0"
    return host


def served(lab, name, manifests):
    """What the TFTP server has: kernel, base image, and the manifests in an archive of
    their own (or none)."""
    directory = lab.dir / f"tftp-{name}"
    directory.mkdir(exist_ok=True)
    lines = EXAMPLE.read_text().splitlines()
    lines.insert(lines.index("kernel vmlinuz ${line}"), f"set line {build.COMMAND_LINE}")
    for link, target in (("vmlinuz", lab.kernel), ("gate.img", lab.agent(BASE))):
        (directory / link).unlink(missing_ok=True)
        (directory / link).symlink_to(pathlib.Path(target).resolve())
    if manifests:
        archive = image.Archive()
        for file, data in manifests.items():
            archive.file(f"etc/holdfast/manifests.d/{file}", data)
        (directory / "manifests.img").write_bytes(archive.bytes())
    else:
        lines.remove("initrd manifests.img")
    (directory / "boot.ipxe").write_text("\n".join(lines) + "\n")
    return directory


def machine(lab, out, tftp, store, **more):
    return qemu.Machine(out, boot_by_network(qemu.Host()), kernel=None, initrd=None,
                        command_line=None, store=store, data=lab.data_disk, netboot=tftp,
                        tpm_state=lab.tpm_state, **more)


def capture(lab, out):
    """The same road as with OVMF: a boot without manifests, its evidence, their sources."""
    with machine(lab, out, served(lab, "capture", {}), lab.store("empty")) as held:
        match = held.wait_for(qemu.RESULT, r"Kernel panic.*\n")
        if not match or "cause=manifest-missing" not in match.group(0):
            raise build.LabError("the capture boot by iPXE was not held for want of manifests: "
                                 + (match.group(0) if match else "it went off"))
        held.wait_for(build.END, stream="evidence")
        text = build.evidence_json(held.evidence)
    (lab.dir / "ipxe.json").write_text(text)
    golden.unpack(lab.dir / "ipxe.json", lab.dir / "ipxe")
    build.ctl("manifest", "create", "--from", lab.dir / "ipxe", "--out", lab.dir / "ipxe-sources",
              "--driver", "nvme")


def prepare(lab, out):
    """Once per state of the inputs: manifests for this host as SeaBIOS starts it."""
    with lock:
        if (lab.dir / "ipxe-complete").exists():
            return
        shutil.rmtree(lab.dir / "ipxe-sources", ignore_errors=True)
        capture(lab, out)
        for mode in ("audit", "enforce"):
            if mode == "enforce":	# audit goes on with a drive whose firmware nobody listed
                drive = next((lab.dir / "ipxe-sources").glob(f"{golden.NVME}*.json"))
                lab.list_drive(drive, build.qemu_version())
            trusted = lab.dir / f"trusted-ipxe-{mode}"
            shutil.rmtree(trusted, ignore_errors=True)
            trusted.mkdir()
            for source in sorted((lab.dir / "ipxe-sources").glob("*.json")):
                content = json.loads(source.read_text())
                if "model" in content:
                    content["mode"] = mode
                (trusted / f"{source.stem}.corim").write_bytes(
                    lab.signed(content, f"ipxe-{mode}-{source.stem}"))
            served(lab, mode, {file.name: file.read_bytes() for file in sorted(trusted.iterdir())})
            shutil.copy(lab.dir / "trusted-golden/images.corim", trusted)
        (lab.dir / "ipxe-complete").touch()


def run(run):
    """A scenario's runner: prepare, boot, judge."""
    prepare(run.lab, run.out / "capture")
    with machine(run.lab, run.out, run.lab.dir / f"tftp-{run.scenario.image[5:]}",
                 run.lab.store(run.scenario.store), echo=run.echo) as run.machine:
        run.wait_for_result()
        run.judge()
