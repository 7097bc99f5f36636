# SPDX-License-Identifier: GPL-3.0-or-later
"""The road from a golden host to a signed set of manifests, walked with holdfastctl as an
operator would, and the images and disks that come of it."""
import json
import pathlib
import shutil
import subprocess
import threading

import build
import image
import pe
import qemu
import swtpm

lock = threading.Lock()
# sets of manifests that somebody else can judge by
JUDGED = ("golden", "audit", "fence", "fence-shared", "bundle", "port-acs", "drive-firmware", "locked", "spare")
LOCKED = build.COMMAND_LINE + " lockdown=integrity"  # a scenario's words come last
NIC0 = "pci0000:00/03.0/00"
NIC2 = "pci0000:00/06.0/00"
SWITCH = "pci0000:00/05.0/00"  # two drives sit in its slots
STORE, DATA = SWITCH + ".0/00.0/00", SWITCH + ".0/01.0/00"
NVME = "card-1b36-0010"  # its component
OWN_PORT = "pci0000:00/07.0/00"  # rp4: a root port with ACS


def unpack(file, directory):
    shutil.rmtree(directory, ignore_errors=True)
    build.ctl("evidence", "unpack", file, directory)


def verify(lab, directory, scenario):
    """(exit code, words) of an offline verification with the manifests of this scenario."""
    variant = scenario.image if (lab.dir / f"trusted-{scenario.image}").exists() else "golden"
    anchors = lab.dir / f"anchors-{variant}"
    words = []
    if scenario.trusted and (directory / "nonce.bin").exists():  # a controller asked
        words = ["--nonce", (directory / "nonce.bin").read_bytes().hex()]
    done = subprocess.run(
        [build.BIN / "holdfastctl", "evidence", "verify", directory,
         "--anchors", anchors if anchors.exists() else lab.dir / "anchors",
         "--manifests", scenario.trusted or lab.dir / f"trusted-{variant}", *words], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


class Lab:
    """All that scenarios boot. Made once per state of the inputs."""

    def __init__(self, say):
        self.say = say
        self.kernel = build.kernel()
        self.dir = build.OUT / "golden" / build.inputs_digest()
        build.compressed_rom()
        self.tpm_state = swtpm.manufacture(build.OUT / "tpm", build.BANKS)
        if not (self.dir / "complete").exists():
            self._make()
        self.data_disk = self.dir / "data.img"
        self.second_boot = self.dir / "second-boot.img"

    def agent(self, name):
        return self.dir / f"agent-{name}.cpio"

    def store(self, name):
        return self.dir / f"store-{name}.img"

    def scratch(self, name, data):
        with lock:
            return image.write_if_changed(self.dir / name, data)

    def _make(self):
        for old in (build.OUT / "golden").glob("*"):
            shutil.rmtree(old)
        self.dir.mkdir(parents=True)
        (self.dir / "data.img").write_bytes(bytes(1 << 20))
        build.second_boot_disk(self.dir)
        self._tenants()
        self._keys()
        self._capture()
        self._manifests()
        self._images()
        (self.dir / "complete").touch()

    def _tenants(self):
        self.say("# tenant images")
        self.root = build.squashfs(build.tenant_tree("switch-root-tenant"), self.dir / "root.squashfs")
        initrd = build.tenant_tree("kexec-tenant").bytes()
        (self.dir / "tenant.cpio").write_bytes(initrd)

    def _keys(self):
        (self.dir / "anchors").mkdir()
        (self.dir / "keys").mkdir()
        for name in ("owner", "stranger"):
            build.ctl("keygen", "--out", self.dir / "keys" / name)
        shutil.copy(self.dir / "keys/owner.pem", self.dir / "anchors/owner.pem")

    def _anchors(self):
        return {"owner.pem": (self.dir / "anchors/owner.pem").read_bytes()}

    def _capture(self):
        """A first boot with no manifests: held, but everything is measured."""
        self.say("# capture boot of the golden host")
        image.write_if_changed(self.agent("capture"), build.agent_image(self._anchors(), {}))
        image.write_if_changed(self.store("empty"), build.store_image({}))
        with qemu.Machine(build.OUT / "out/capture", qemu.Host(), kernel=self.kernel,
                          initrd=self.agent("capture"), command_line=build.COMMAND_LINE,
                          store=self.store("empty"), data=self.dir / "data.img",
                          tpm_state=self.tpm_state) as machine:
            match = machine.wait_for(qemu.RESULT, r"Kernel panic.*\n")
            if not match or "cause=manifest-missing" not in match.group(0):
                raise build.LabError("the capture boot was not held for want of manifests: "
                                     + (match.group(0) if match else "it went off"))
            machine.wait_for(build.END, stream="evidence")
            text = build.evidence_json(machine.evidence)
        (self.dir / "capture.json").write_text(text)
        unpack(self.dir / "capture.json", self.dir / "capture")

    def _sign(self, source, key, target):
        """JSON source to signed CoRIM."""
        build.ctl("manifest", "sign", "--key", self.dir / "keys" / f"{key}.key",
                  "--signer", "holdfast lab", source, "--out", target)
        return target.read_bytes()

    def _manifests(self):
        self.say("# manifests from the golden host")
        sources = self.dir / "sources"
        build.ctl("manifest", "create", "--from", self.dir / "capture", "--out", sources,
                  "--driver", "nvme")
        drive = next(path for path in sources.glob("*.json") if path.stem.startswith(NVME))
        self.list_drive(drive, build.qemu_version())
        signed = self.dir / "signed"
        signed.mkdir()
        self.sets = {"golden": {}, "other-key": {}}
        for source in sorted(sources.glob("*.json")):
            name = source.stem + ".corim"
            self.sets["golden"][name] = self._sign(source, "owner", signed / name)
            self.sets["other-key"][name] = self._sign(source, "stranger", signed / f"stranger-{name}")
        model = next(source for source in sorted(sources.glob("*.json"))
                     if "model" in json.loads(source.read_text()))
        model_name = model.stem + ".corim"
        content = json.loads(model.read_text())
        self.sets["audit"] = self._with_model(content, model_name, "audit", mode="audit")
        rules = [dict(rule, action="fence" if rule.get("place") == NIC0 else rule["action"])
                 for rule in content["rules"]]
        # an isolated NIC owns no driver: the owner says that firmware may have run this one
        self.sets["fence"] = self._with_model(content, model_name, "fence", rules=rules,
                                              boot_code=content["boot_code"] + self._ran(sources))
        rules = [dict(rule, action="fence", least_method="signed") if rule.get("place") == SWITCH
                 else rule for rule in content["rules"]]
        self.sets["fence-shared"] = self._with_model(content, model_name, "fence-shared", rules=rules)
        rules = [dict(rule, presence="optional") if rule.get("place") == NIC2 else rule
                 for rule in content["rules"]]
        self.sets["spare"] = self._with_model(content, model_name, "spare", rules=rules)
        self.sets["locked"] = self.sets["golden"]
        rules = [dict(rule, place=OWN_PORT) if rule.get("place") == STORE else rule
                 for rule in content["rules"] if rule.get("place") != DATA]
        self.sets["port-acs"] = self._with_model(content, model_name, "port-acs", rules=rules)
        self.list_drive(drive, "0.9")
        self.sets["drive-firmware"] = dict(self.sets["golden"], **{
            drive.stem + ".corim": self._sign(drive, "owner", signed / "drive-firmware.corim")})
        cut = self.sets["golden"][model_name]
        self.sets["truncated"] = dict(self.sets["golden"], **{model_name: cut[: len(cut) - 40]})
        second = self.signed(dict(content, model=content["model"] + "-b"), "second-model")
        self.sets["two-models"] = dict(self.sets["golden"], **{"second-model.corim": second})
        self.sets["bundle"] = dict(self.sets["golden"], **self.neighbours(content))

    @staticmethod
    def _ran(sources):
        """Drivers of the captured ROMs that firmware ran, as boot code."""
        digests = set()
        for path in sorted(sources.glob("*.json")):
            for release in json.loads(path.read_text()).get("releases", []):
                for function in release["functions"]:
                    for name, value in function["measurements"].items():
                        if name.endswith("/authenticode") and "firmware ran it" in value.get("from", ""):
                            digests.add(value["sha256"])
        return [{"name": f"carried-{number}", "sha256": digest}
                for number, digest in enumerate(sorted(digests))]

    def neighbours(self, content):
        """39 models more, of hosts that differ from this one in their product name."""
        models = {}
        for number in range(1, 40):
            name = f"lab-host-{number}"
            models[f"{name}.corim"] = self.signed(
                dict(content, model=name, product=f"{content['product']} {number}"), name)
        return models

    def signed(self, content, name):
        source = self.dir / f"{name}.json"
        source.write_text(json.dumps(content, indent=1))
        return self._sign(source, "owner", self.dir / "signed" / f"{name}.corim")

    def _with_model(self, content, model_name, variant, **changes):
        signed = self.signed(dict(content, **changes), f"{variant}-model")
        return dict(self.sets["golden"], **{model_name: signed})

    @staticmethod
    def list_drive(source, version):
        """What only a bound driver can read, and the capture boot binds none. QEMU's drive says
        its own version is running and 1.0 lies in the slot it came from."""
        content = json.loads(source.read_text())
        for function in (each for release in content["releases"] for each in release["functions"]):
            function["measurements"]["nvme/firmware"] = {"text": version}
            function["measurements"]["nvme/active-slot"] = {"text": "1.0"}
        source.write_text(json.dumps(content, indent=1))

    def _images(self):
        self.say("# agent images, image lists and store disks")
        anchors = self._anchors()
        for name, manifests in self.sets.items():
            image.write_if_changed(self.agent(name), build.agent_image(anchors, manifests))
        other = build.CONF.replace("by itself", "by ITSELF")
        image.write_if_changed(self.agent("initrd-differs"),
                               build.agent_image(anchors, self.sets["golden"], other))
        tenant_kernel = self.kernel.read_bytes()
        tenant_initrd = (self.dir / "tenant.cpio").read_bytes()
        for variant in JUDGED:
            images = self._image_list(variant, command_line=LOCKED if variant == "locked" else build.COMMAND_LINE)
            trusted = self.dir / f"trusted-{variant}"
            trusted.mkdir()
            for name, data in {**self.sets[variant], "images.corim": images}.items():
                (trusted / name).write_bytes(data)
            root = {"images.corim": images, "root.squashfs": self.root}
            kexec = {"images.corim": images, "kernel": tenant_kernel, "initrd": tenant_initrd}
            if variant != "golden":
                image.write_if_changed(self.store(variant), build.store_image(root))
            if variant == "fence":  # the same tenant kernel, without and with its hot-plug drivers
                image.write_if_changed(self.store("fence-hot-plug"), build.store_image(kexec))
                kexec["images.corim"] = self._image_list(
                    variant, "fence-kexec", build.TENANT_COMMAND_LINE + " pcie_ports=compat")
                image.write_if_changed(self.store("fence-kexec"), build.store_image(kexec))
            if variant != "golden":
                continue
            image.write_if_changed(self.store("root"), build.store_image(root))
            image.write_if_changed(self.store("kexec"), build.store_image(kexec))
            root["root.squashfs"] = build.flip(self.root, len(self.root) // 2)
            image.write_if_changed(self.store("differs"), build.store_image(root))

    def _image_list(self, variant, name=None, tenant_command_line=build.TENANT_COMMAND_LINE,
                    command_line=build.COMMAND_LINE):
        name = name or variant
        initrd = self.agent(variant)
        patched = self.dir / f"kernel-{variant}"
        patched.write_bytes(pe.qemu_patched_kernel(self.kernel.read_bytes(), initrd.stat().st_size,
                                                   qemu.MEMORY_MIB))
        source = self.dir / f"images-{name}.json"
        build.ctl("image", "measure", "--kernel", patched, "--initrd", initrd, "--command-line",
                  pe.loaded_command_line(command_line), "--name", f"lab-agent-{variant}",
                  "--tenant-kernel", self.kernel, "--tenant-initrd", self.dir / "tenant.cpio",
                  "--tenant-command-line", tenant_command_line,
                  "--tenant-root", self.dir / "root.squashfs", "--out", source)
        return self._sign(source, "owner", self.dir / "signed" / f"images-{name}.corim")

    def pre_extend_image(self):
        """Another system, which holds the gate's kernel and image as files."""
        with lock:
            path = self.dir / "pre-extend.cpio"
            program = build.compiled(build.LAB / "preextend.c", self.dir / "preextend", "-static", "-Os", "-s")
            archive = image.Archive()
            archive.directory("dev")
            archive.device("dev/console", 5, 1)
            archive.copy("init", program)
            archive.copy("gate/kernel", self.kernel)
            archive.copy("gate/initrd", self.agent("golden"))
            archive.file("gate/cmdline", build.COMMAND_LINE.replace(" quiet", " earlyprintk=serial,ttyS0").encode())
            return image.write_if_changed(path, archive.bytes())
