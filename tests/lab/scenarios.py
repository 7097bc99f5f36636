# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's scenarios: what is done to the host, and what the gate must make of it."""
import json
import re
import time

import attacks
import beside
import build
import demo_evil
import gdbstub
import golden
import ipxe
import qemu
import recipes
import roms
import signing
import zoo
from outcome import Failed, Skipped, need  # noqa: F401

AGENT_STARTED = "this host is held until it is judged"
CAUSES = {}


def causes():
    """What every cause says on the screen, from the one place that defines it."""
    if not CAUSES:
        text = (build.ROOT / "measure/causes.def").read_text()
        pattern = r'HF_CAUSE\(\w+, \d+, "([^"]+)", (\w+), \w+, "([^"]+)", "([^"]+)"\)'
        for name, kind, sentence, step in re.findall(pattern, text):
            CAUSES[name] = (kind.lower(), sentence, step)
    return CAUSES


class Scenario:
    """One boot. what: the line for people. expect: "released by HOW" or "held CAUSE".
    image: which agent image; store: which store disk; change(host): what is done to the
    hardware. check(run): what else must be true."""

    def __init__(self, name, what, expect, *, image="golden", store="root", change=None,
                 words="", tpm=True, check=None, evidence=True, verify=None, runner=None,
                 without=(), boots=1):
        self.name, self.what, self.expect = name, what, expect
        self.image, self.store, self.change, self.words = image, store, change, words
        self.tpm, self.check, self.evidence, self.verify = tpm, check, evidence, verify
        self.runner = runner
        self.without = without  # drivers for which the tenant must find no device
        self.boots = boots  # of many scenarios those with most are begun first: lab.py
        self.trusted = None  # manifests of this run alone: beside.py

    @property
    def released(self):
        return self.expect.startswith("released")

    @property
    def cause(self):
        return None if self.released else self.expect.split()[1]


class Run:
    """A scenario under way: the machine's words and what was made of them."""

    def __init__(self, lab, scenario, echo=None):
        self.lab, self.scenario, self.echo = lab, scenario, echo
        self.out = build.OUT / "out" / scenario.name
        self.machine = None
        self.result = ""  # the gate's closing line
        self.again = False  # the machine hung, not what runs on it, and was started once more

    def start(self, **more):
        scenario = self.scenario
        host = qemu.Host()
        if scenario.change:
            scenario.change(host, self.lab)
        settings = dict(
            kernel=self.lab.kernel, initrd=self.lab.agent(scenario.image),
            command_line=(build.COMMAND_LINE + " " + scenario.words).strip(),
            store=self.lab.store(scenario.store), data=self.lab.data_disk,
            tpm_state=self.lab.tpm_state if scenario.tpm else None, echo=self.echo)
        settings.update(more)
        self.machine = qemu.Machine(self.out, host, **settings)
        return self.machine

    def wait_for_result(self):
        match = self.machine.wait_for(qemu.RESULT, r"Kernel panic - .*\n")
        need(match, "the machine switched off without a result")
        self.result = match.group(0).strip()

    def judge(self):
        if self.scenario.released:
            self.expect_released()
        else:
            self.expect_held(self.scenario.cause)
        if self.scenario.check:
            self.scenario.check(self)

    # ---- released ----
    def expect_released(self):
        how = self.scenario.expect.split()[-1]
        need("result=released" in self.result, f"not released: {self.result}")
        need(f"by={how}" in self.result, f"released in another way: {self.result}")
        need(self.machine.wait_for(r"^TENANT-DONE", r"Kernel panic"), "the tenant did not finish")
        self.machine.wait_off()
        console = self.machine.console
        problem = re.search(r"^TENANT-PROBLEM .*", console, re.M)
        need(not problem, problem and problem.group(0))
        match = re.search(r"^TENANT-STARTED name=(\S+) cpus=(\d+) drivers=(\S*) unbound=(\S*)$", console, re.M)
        need(match, "the tenant did not say that it started")
        name, cpus, drivers, unbound = match.groups()
        need(name == f"{how}-tenant", f"another tenant started: {name}")
        need(int(cpus) == qemu.CPUS, f"the tenant has {cpus} of {qemu.CPUS} processors")
        need(not unbound, f"the tenant has devices without driver: {unbound}")
        for driver in ("e1000e", "virtio-pci", "vmxnet3", "nvme"):
            if driver in self.scenario.without:
                need(driver not in drivers.split(","), f"the tenant has {driver}: {drivers}")
            else:
                need(driver in drivers.split(","), f"the tenant lacks {driver}: {drivers}")
        for file in ("holdfast.evlog", "claims.cbor", "verdict.json", "quote.attest"):
            match = re.search(rf"^TENANT-FOUND \S+/{re.escape(file)} (\d+)$", console, re.M)
            need(match and int(match.group(1)) > 0, f"the tenant does not find {file}")
        match = re.search(r"^TENANT-PCR13 ([0-9A-F]{64})$", console, re.M)
        need(match and match.group(1).strip("0"), "the tenant finds the gate's PCR empty")
        self.verify(self.scenario.verify or 0)
        self.others_agree(match.group(1).lower())

    def others_agree(self, tenant_pcr):
        """tpm2-tools read our log and check our quote; the log replays to the PCR that the
        tenant saw."""
        evidence = self.out / "evidence"
        build.run("tpm2_checkquote", "-u", evidence / "ak.pem", "-m", evidence / "quote.attest",
                  "-s", evidence / "quote.sig", "-f", evidence / "quote.pcrs", "-g", "sha256",
                  "-q", (evidence / "nonce.bin").read_bytes().hex())
        build.run("tpm2_eventlog", evidence / "firmware.evlog")
        replay = build.run("tpm2_eventlog", evidence / "holdfast.evlog")
        match = re.search(r"^pcrs:.*?^  sha256:.*?^    13\s*:\s*0x([0-9a-fA-F]{64})$", replay, re.M | re.S)
        need(match and match.group(1).lower() == tenant_pcr,
             "tpm2_eventlog does not replay the log to the PCR that the tenant saw")

    # ---- held ----
    def expect_held(self, cause):
        need("result=held" in self.result, f"not held: {self.result}")
        need(f"cause={cause}" in self.result.split(), f"held for another reason: {self.result}")
        kind, sentence, step = causes()[cause]
        screen = self.held_screen()
        lines = screen.split("\n")
        need(all(len(line) <= 80 for line in lines), "a line of the held screen is over 80 columns")
        need(len([line for line in lines if line]) <= 24, "the held screen is over 24 lines")
        words = " ".join(screen.split())
        need(kind in words, f"the screen lacks the class {kind}")
        need(sentence in words, f"the screen lacks the sentence: {sentence}")
        # with the part's own name and slot in the place of these words: docs/held.md
        pieces = re.split(r"the (?:named device(?: or file)?|extra part|part|device|drive)\b|this part", step)
        need(re.search(".+?".join(map(re.escape, pieces)), words), f"the screen lacks the next step: {step}")
        need(self.machine.linger(1.0), "the machine went off although it was held")
        self.nothing_started()
        if self.scenario.evidence:
            self.verify(self.scenario.verify or 3, cause)

    def held_screen(self):
        console = self.machine.console
        end = console.index(self.result) + len(self.result)
        begin = console.rfind("==== HELD", 0, end)
        need(begin >= 0, "there is no held screen")
        return console[begin:end]

    def nothing_started(self):
        need("TENANT-STARTED" not in self.machine.console, "the tenant started")
        need("SECOND-BOOT-STARTED" not in self.machine.console, "the second boot option started")
        need("RESET" not in self.machine.qmp.events, "the machine was reset")

    # ---- evidence ----
    def unpack(self):
        self.machine.wait_for(re.escape(build.END), stream="evidence")
        text = build.evidence_json(self.machine.evidence)
        (self.out / "evidence.json").write_text(text)
        directory = self.out / "evidence"
        golden.unpack(self.out / "evidence.json", directory)
        return directory

    def verify(self, expected, cause=None):
        directory = self.unpack()
        code, words = golden.verify(self.lab, directory, self.scenario)
        (self.out / "verify.txt").write_text(words)
        need(code == expected, f"evidence verify gives {code}, not {expected}: "
                               + " | ".join(words.strip().splitlines()[-3:]))
        if expected == 3 and cause and self.scenario.verify is None:
            need(cause in words, f"evidence verify does not name {cause}")

    def report(self):
        """What the evidence says that was found."""
        return json.loads(build.ctl("evidence", "show", "--json", self.out / "evidence"))["report"]

    def once(self):
        if self.scenario.runner:
            self.scenario.runner(self)
            return
        with self.start():
            self.wait_for_result()
            self.judge()

    def machine_failed(self):
        """Before /init it is the machine that hung, not the gate. The zoo's live host may also
        hang later, when its kernel says itself that its timer does not come any more."""
        said = self.machine.console if self.machine else AGENT_STARTED
        if zoo.STARTED in said:
            return bool(re.search(r"rcu: .*(?:timer handling issue|kthread starved)", said))
        return AGENT_STARTED not in said

    def run(self):
        begin = time.monotonic()
        try:
            try:
                self.once()
            except qemu.TimedOut:
                if not self.machine_failed():
                    raise
                self.out.rename(build.OUT / "out" / f"{self.scenario.name}.hung-{int(time.time())}")
                self.again = True
                self.once()
        finally:
            self.seconds = time.monotonic() - begin
        return self.seconds


# ---- what is done to the host ----
def device_extra(host, lab):
    host.devices["extra"] = host.devices["nic0"].replace("bus=rp0", "bus=rp4").replace(":10,", ":1f,")


def device_missing(host, lab):
    del host.devices["nic2"]


def device_moved(host, lab):
    host.set("nic2", "bus=rp3", "bus=rp4")


def nic2_by_name(host, _lab):
    host.devices["nic2"] += ",id=nic2"


def no_iommu(host, lab):
    host.iommu = False


def store_at_own_port(host, lab):
    """No IOMMU; the store is alone below a root port with ACS, the other drive is out."""
    no_iommu(host, lab)
    host.set("store", "bus=dn0", "bus=rp4")
    del host.devices["nvme1"]


# ---- runs that are more than one boot and a look ----
def run_vanished(run):
    """A card goes away once it was measured: the guest's ACPI ejects it from its slot."""
    with run.start() as machine:
        need(machine.wait_for(r"^ *\d+ ms  measure\b", qemu.RESULT), "the machine went off")
        machine.command("device_del", id="nic2")
        need(machine.wait_event("DEVICE_DELETED", 20), "the card was not ejected")
        run.wait_for_result()
        run.judge()


def run_pre_extended(run):
    """Boots another system first; it extends the gate's PCR and starts the gate by kexec."""
    first = build.COMMAND_LINE.replace("maxcpus=2", "maxcpus=1")
    with run.start(initrd=run.lab.pre_extend_image(), command_line=first):
        need(run.machine.wait_for(r"^PREEXTEND-DONE", r"^PREEXTEND-FAILED.*$").group(0) == "PREEXTEND-DONE",
             "the first system could not do its part")
        run.wait_for_result()
        run.judge()


def run_killed(run):
    """Stops the machine once the gate has measured, and sends PID 1 to address 0: not one of its
    children, whose death is a part's, not the gate's."""
    second = run.lab.second_boot
    with qemu.Machine(run.out, qemu.Host(), kernel=None, initrd=None, command_line=None,
                      store=run.lab.store("root"), data=run.lab.data_disk, second_boot=second,
                      seconds=60) as alone:
        need(alone.wait_for("SECOND-BOOT-STARTED", "Shell>").group(0) == "SECOND-BOOT-STARTED",
             "the second boot option does not work even alone")
    with run.start(second_boot=second, debug=True) as machine:
        need(machine.wait_for(r"^ *\d+ ms  measure\b", qemu.RESULT), "the gate did not get there")
        gdb = gdbstub.Gdb(machine.gdb_path)
        try:
            for _ in range(2000):
                if gdb.crash_init():
                    break
                gdb.resume()
                machine.linger(0.01)
                gdb.interrupt()
            else:
                raise Failed("the gate was never seen in user mode")
        finally:
            gdb.close()
        match = machine.wait_for(qemu.RESULT, r"Kernel panic - not syncing.*\n")
        need(match, "the machine went off after the crash")
        if "panic" in match.group(0):
            need(machine.linger(5), "the machine went off after the panic")
            run.result = match.group(0).strip()
        else:
            run.wait_for_result()
            run.expect_held("agent-crashed")
            last = machine.wait_for(r"no quote, PCR (?:not )?capped")
            need(last and "not" not in last.group(0), "the crash left the PCR uncapped")
            need(machine.linger(5), "the machine went off after the crash")
        run.nothing_started()


def check_fenced(run):
    """Not in the tenant's view, not after its own rescan either; and everybody says so."""
    console = run.machine.console
    match = re.search(r"^TENANT-RESCAN (\S+)$", console, re.M)
    need(match, "the tenant did not look again")
    need("8086:10d3" not in match.group(1).split(","), "the tenant finds the isolated NIC")
    need("15ad:07b0" in match.group(1).split(","), "the tenant's list of devices is empty")
    need(re.search(rf"{re.escape(golden.NIC0)} isolated\s+slot-power at pci0000:00/03\.0", console),
         "the screen does not say that the NIC is isolated")
    need(re.search(r'^TENANT-VERDICT .*"status": ?"isolated"', console, re.M),
         "the hand-over does not say that a part is isolated")
    need(re.search(r"^TENANT-FENCED .*" + re.escape(golden.NIC0), console, re.M),
         "the hand-over does not list the isolated part")
    need("isolated" in (run.out / "verify.txt").read_text(), "the evidence does not say isolated")


def check_bound(how):
    """What isolated each drive is in our log."""
    def check(run):
        claims = " ".join(build.ctl("evidence", "show", run.out / "evidence").split())
        need(f" nvme {how}" in claims, f"the evidence does not say that a drive was bound {how}")
    return check


def check_drive_read(run):
    """What the driver read was accepted, and the evidence has it."""
    claims = " ".join(build.ctl("evidence", "show", run.out / "evidence").split())
    need("nvme/firmware" in claims, "the evidence does not say what the driver read")
    check_bound("iommu DMA")(run)


def check_drive_refused(run):
    """The first drive lost its driver at once; the second never got one."""
    screen = " ".join(run.held_screen().split())
    need("nvme/firmware" in screen and build.qemu_version() in screen, "the screen does not name what was found")
    claims = " ".join(build.ctl("evidence", "show", run.out / "evidence").split())
    need(f"{golden.STORE}.0 nvme iommu DMA refused" in claims, "the drive kept its driver")
    need("driver-2" not in claims, "another driver was bound after the refusal")


def check_not_isolated(run):
    screen = " ".join(run.held_screen().split())
    need(golden.STORE in screen, "the screen does not name the part")
    claims = build.ctl("evidence", "show", run.out / "evidence")
    need("driver-1" not in claims, "a driver was bound")


def check_golden(run):
    check_drive_read(run)
    roms.check_drivers(run)
    roms.check_display(run)


def check_hot_plug(run):
    need("pcie_ports=compat" in " ".join(run.held_screen().split()), "the screen does not name the remedy")


def check_audit(run):
    need("WOULD HOLD" in run.machine.console, "the screen does not say WOULD HOLD")
    need(re.search(r'^TENANT-VERDICT .*firmware-unknown', run.machine.console, re.M),
         "the hand-over does not name the refusal")
    need("audit" in (run.out / "verify.txt").read_text(), "the evidence does not say audit")


def check_audit_not_isolated(run):
    """The host went on, and nobody who reads what it left behind takes it for a good one."""
    need("WOULD HOLD (audit): driver-not-isolated" in run.machine.console, "the screen does not say WOULD HOLD")
    claims = " ".join(build.ctl("evidence", "show", run.out / "evidence").split())
    need(f"{golden.STORE}.0 nvme not-isolated" in claims, "the note does not say that nothing isolated the drive")
    log = build.ctl("log", "show", run.out / "evidence/holdfast.evlog")
    need("driver-not-isolated" in log, "END does not say why the host would be held")
    need("driver-not-isolated" in (run.out / "verify.txt").read_text(), "the evidence is not refused for it")


def check_appended(run):
    """The manifests of the appended archive were found and judged by: they are in our log's
    first event, and nothing was wrong with any part."""
    log = build.ctl("log", "show", run.out / "evidence/holdfast.evlog")
    sent = run.lab.dir / f"tftp-{run.scenario.image[5:]}"
    names = [file.name for file in (run.lab.dir / f"trusted-{run.scenario.image}").iterdir()
             if file.name != "images.corim"]
    need((sent / "manifests.img").exists() and len(names) > 5, "no manifests were sent")
    for name in names:
        need(name in log, f"the log's first event does not list {name}")
    verdict = (run.out / "evidence/verdict.json").read_text()
    need("agent-image-unmeasured" in verdict, "the verdict does not say what was not measured")
    if run.scenario.released:
        need("WOULD HOLD" in run.machine.console, "the screen does not say WOULD HOLD")


def bundle(product, name, expect, model):
    """One image for 40 models of host; SMBIOS says which one this is."""
    def runner(run):
        with run.start(product=product):
            run.wait_for_result()
            run.judge()

    def check(run):
        need(not model or f"{model} generation 1" in run.machine.console,
             f"the screen does not name the model {model}")

    return Scenario(name, f"40 models in the image; this is '{product}'", expect, image="bundle",
                    store="bundle", runner=runner, check=check)


def signs(name, what, expect, check=None, image="spdm", **how):
    """A drive that signs, its responder on this machine; how it lies: signing.runner()."""
    return Scenario(name, what, expect, image=image, store=image, words=signing.IMAGES[image][1], check=check,
                    runner=signing.runner(**how))


def controlled(name, what, expect, check=beside.check_released, boots=1, **how):
    """A real controller beside the machine: beside.runner()."""
    verify = 3 if how.get("starts", "").startswith("service") else None
    return Scenario(name, what, expect, change=beside.by_network, check=check, runner=beside.runner(**how),
                    verify=verify, boots=boots)


ALL = [
    Scenario("released-switch-root", "golden host, tenant is a RAM image", "released by switch-root",
             check=check_golden),
    Scenario("drive-not-isolated", "no IOMMU; the drives share a switch without ACS", "held driver-not-isolated",
             change=no_iommu, check=check_not_isolated),
    Scenario("drive-firmware", "a drive that runs another revision than the listed one",
             "held firmware-unknown", image="drive-firmware", check=check_drive_refused),
    Scenario("drive-at-own-port", "no IOMMU; the drive is alone below a root port with ACS",
             "released by switch-root", image="port-acs", store="port-acs", change=store_at_own_port,
             check=check_bound(f"port-acs {golden.OWN_PORT[:-3]} set")),
    Scenario("released-kexec", "golden host, tenant is a kernel and initrd", "released by kexec", store="kexec"),
    Scenario("rom-flipped", "one bit of a NIC's ROM flipped", "held firmware-unknown", change=roms.flipped),
    Scenario("rom-third-image", "a third ROM image behind two genuine ones", "held uncovered", change=roms.third_image),
    Scenario("rom-hidden-tail", "an image in a NIC's ROM BAR behind the chain, where the kernel does not look",
             "held uncovered", change=roms.hidden_tail),
    Scenario("lockdown", "the golden host under a kernel that locks itself", "released by switch-root",
             image="locked", store="locked", words="lockdown=integrity", check=roms.check_lockdown),
    Scenario("driver-unowned", "a known card's driver out of a disk, and no such card", "held boot-driver-unowned",
             image="spare", store="spare", change=roms.without_nic2, runner=roms.run_driver_from_disk,
             check=roms.check_driver_from_disk),
    Scenario("rom-gone", "a NIC without its ROM", "held measurement-missing", change=roms.gone),
    Scenario("rom-swapped-after-post", "a NIC's driver altered, and the genuine ROM back before the gate looks",
             "held rom-swapped", change=roms.evil_at_post, runner=roms.run_swapped_after_post,
             check=roms.check_swapped_after_post),
    Scenario("rom-swapped-after-measure", "a NIC's ROM replaced once the gate has measured it",
             "held recheck-different", runner=roms.run_swapped_after_measure, verify=3),
    Scenario("device-extra", "one NIC too many", "held part-extra", change=device_extra),
    Scenario("device-missing", "a NIC taken out", "held part-missing", change=device_missing),
    Scenario("device-vanished", "a NIC taken out once it was measured", "held recheck-different",
             change=nic2_by_name, runner=run_vanished),
    Scenario("device-moved", "a NIC in another slot", "held part-moved", change=device_moved),
    Scenario("manifest-other-key", "manifests signed by another key", "held signer-unknown", image="other-key"),
    Scenario("manifest-truncated", "a manifest cut short", "held cbor-truncated", image="truncated"),
    Scenario("models-two", "two models for this host", "held model-ambiguous", image="two-models"),
    Scenario("tpm-none", "no TPM", "held tpm-missing", tpm=False),
    Scenario("pcr-not-zero", "somebody extended the PCR first", "held pcr-not-zero", runner=run_pre_extended),
    Scenario("tenant-differs", "one bit of the tenant's image flipped", "held tenant-image-unknown", store="differs"),
    Scenario("initrd-differs", "another initrd (PCR 9)", "held agent-initrd-changed", image="initrd-differs"),
    Scenario("command-line-differs", "one word more (PCR 9)", "held agent-command-line-changed", words="loglevel=3"),
    Scenario("agent-killed", "the gate dies once it has measured", "held agent-crashed", runner=run_killed,
             evidence=False, boots=2),
    Scenario("audit-rom-flipped", "the flipped ROM under a signed audit mode", "released by switch-root",
             image="audit", store="audit", change=roms.flipped, check=check_audit, verify=3),
    Scenario("audit-not-isolated", "no IOMMU, under a signed audit mode", "released by switch-root",
             image="audit", store="audit", change=no_iommu, check=check_audit_not_isolated, verify=3),
    Scenario("fenced-nic", "the flipped ROM under a rule that says fence", "released by switch-root",
             image="fence", store="fence", change=roms.flipped, check=check_fenced, without=("e1000e",)),
    Scenario("fenced-nic-kexec", "the same, tenant is a kernel that leaves slots alone", "released by kexec",
             image="fence", store="fence-kexec", change=roms.flipped, check=check_fenced, without=("e1000e",)),
    Scenario("fenced-nic-hot-plug", "the same, tenant's kernel would switch the slot on", "held fence-impossible",
             image="fence", store="fence-hot-plug", change=roms.flipped, check=check_hot_plug, verify=3),
    Scenario("fence-shared-port", "a switch to be fenced that carries other parts", "held fence-impossible",
             image="fence-shared"),
    Scenario("mode-by-command-line", "audit asked for on the command line", "held command-line-refused",
             words="holdfast.mode=audit"),
    Scenario("ipxe-manifests-enforce", "SeaBIOS, iPXE; manifests in an appended cpio",
             "held agent-image-unmeasured", image="ipxe-enforce", runner=ipxe.run, check=check_appended),
    Scenario("ipxe-manifests-audit", "the same under a signed audit mode", "released by switch-root",
             image="ipxe-audit", runner=ipxe.run, check=check_appended, verify=3),
    bundle("Q35 Lab Host 17", "bundle-of-models", "released by switch-root", "lab-host-17"),
    Scenario("zoo", "a live host with one of everything, and a driver for each", "scanned",
             runner=zoo.scenario_runner(False)),
    Scenario("zoo-qemu10", "the same by QEMU 10, with igb and its virtual functions", "scanned",
             runner=zoo.scenario_runner(True)),
    bundle("Q35 Lab Host 40", "bundle-without-this-host", "held model-none", None),
    signs("spdm-signed", "a drive that signs its firmware", "released by switch-root", signing.check_signed),
    signs("spdm-firmware", "it signs another firmware", "held firmware-unknown",
          signing.check_found("spdm/2"), measurements=signing.ALTERED),
    signs("spdm-other-root", "its certificates are of another root", "held device-chain-changed",
          signing.check_found("spdm/slot/0/root"), owner="stranger"),
    signs("spdm-no-anchor", "nobody vouches for its root", "held device-chain-untrusted",
          signing.check_found("signed"), image="spdm-no-anchor"),
    signs("spdm-other-device", "its certificate names another device", "held device-identity-wrong",
          signing.check_found("spdm/identity"), sans=[signing.OTHER]),
    signs("spdm-garbage", "its certificates are noise", "held spdm-shape",
          signing.check_found("spdm-shape"), lies=[signing.Garbage]),
    signs("spdm-reset", "it forgets the conversation again and again", "held part-unreadable",
          signing.check_found("spdm-reset"), lies=[signing.Resets]),
    signs("spdm-hung-up", "it answers no more in the middle", "held part-unreadable",
          signing.check_found("timed-out"), lies=[signing.HangsUp]),
    signs("spdm-recorded", "it says what it said in another boot", "held spdm-signature-invalid",
          signing.check_found("spdm-signature-invalid"), recorded=True),
    signs("spdm-repeated", "asked again, it says the same again", "held recheck-different",
          signing.check_found("recheck-different", stage="recheck"), repeats=True),
    signs("spdm-changed-later", "asked again, it signs another firmware", "held recheck-different",
          signing.check_found("spdm/2", stage="recheck"), lies=[signing.ChangesLater]),
    signs("spdm-downgrade", "it speaks an older version of SPDM", "held spdm-downgrade",
          signing.check_found("1.1"), versions=(0x10, 0x11)),
    signs("spdm-unsigned", "it measures and does not sign", "held method-too-weak",
          signing.check_found("spdm-cannot-sign"), capabilities=signing.UNSIGNED),
    signs("spdm-gone", "it has no mailbox any more", "held method-too-weak", signing.check_found("signed"), nobody=True),
    signs("spdm-vfio", "a kernel that locks itself, and vfio-pci", "released by switch-root", signing.check_vfio,
          image="spdm-vfio"),
    signs("spdm-locked", "a kernel that locks itself, and no vfio-pci", "held method-too-weak",
          signing.check_found("mailbox-refused"), image="spdm-locked"),
    Scenario("cxl-mailbox", "memory with a mailbox that has a table", "held manifest-missing", image="capture",
             store="empty", change=signing.cxl, check=signing.check_cxl),
    Scenario("next-boot", "one file with its kernel, from a disk; the tenant is another disk's boot entry",
             "released by next-boot", runner=recipes.from_disk()),
    Scenario("uki-differs", "the same with one word more in its command line", "held agent-kernel-changed",
             runner=recipes.from_disk(line=build.COMMAND_LINE + " loglevel=3")),
    Scenario("exit", "a step of busybox's initramfs, which goes on", "released by exit",
             runner=recipes.step("--tenant-exit")),
    Scenario("exit-unlisted", "the same, and no image of kind exit is listed", "held ran-as-step",
             runner=recipes.step()),
    Scenario("exit-rom-flipped", "the same, listed; one bit of a NIC's ROM flipped", "held firmware-unknown",
             change=roms.flipped, runner=recipes.step("--tenant-exit")),
    controlled("controller-golden", "enrols, is challenged, attests and is released, by a real controller",
               "released by switch-root"),
    controlled("controller-slaac", "the same over IPv6, the address by router advertisement; the clock says 1970",
               "released by switch-root", how="slaac", rtc="1970-01-02T00:00:00"),
    controlled("controller-dhcp", "the same, the address by DHCP; every connection is slow; the clock says 2100",
               "released by switch-root", how="dhcp", rtc="2100-01-01T00:00:00", meddle=beside.slow),
    controlled("controller-cut", "the connection is cut twice while the evidence goes out", "released by switch-root",
               check=beside.check_cut, meddle=beside.cut_evidence),
    controlled("controller-secret", "the tenant's secret comes with the ticket, into memory", "released by kexec",
               check=beside.check_secret, before=beside.give_secret, starts="kexec"),
    controlled("controller-service", "a card's firmware is old: a service image starts, without the secret",
               "released by kexec", check=beside.check_service, before=beside.give_secret, starts="service"),
    controlled("controller-service-root", "the same, the service image is a RAM image", "released by switch-root",
               check=beside.check_service, before=beside.give_secret, starts="service-root"),
    controlled("controller-down", "nobody answers", "held controller-unreachable", check=None, before=beside.down,
               seconds=5),
    controlled("controller-down-release", "nobody answers, and the owner released this boot beforehand",
               "released by switch-root", check=beside.check_fallback, before=beside.down, seconds=5, owner=True,
               tpm_state=beside.provisioned),
    controlled("controller-other-ca", "somebody else answers", "held controller-tls", check=beside.check_untouched,
               lie="ca"),
    controlled("controller-other-key", "the answers are signed by a key that the image does not know",
               "held ticket-signer", check=beside.check_told, lie="ticket-key"),
    controlled("controller-other-host", "a controller that lies: a ticket, well signed, for another host",
               "held ticket-other-key", check=beside.check_other_host, lie=beside.OTHER_HOST),
    controlled("controller-not-reclaimed", "no operator reclaimed the host", "held host-not-reclaimed", check=None,
               reclaimed=False),
    controlled("controller-in-use", "the gate boots again while its tenant has the host; then with its TPM put back",
               "held reset-count-not-risen", check=beside.check_held("reset-count-not-risen"),
               before=attacks.in_use_then_restored, boots=3),
    controlled("controller-foreign-tpm", "another genuine TPM, with its maker's certificate, in the host's place",
               "held host-unknown", check=beside.check_untouched, maker=attacks.maker, tpm_state=attacks.foreign),
    controlled("controller-attacks", "its tenant has root, TPM and network; then a forged image; then values set in "
               "the TPM", "held tpm-auth-set", check=attacks.check_auths, before=attacks.tenant_then_forged,
               starts="bad-root", tpm_state=attacks.kept_tpm, boots=3),
    Scenario("evil-tenant", "a tenant flashes a card; then has the genuine ROM put back after POST",
             "held rom-swapped", change=beside.by_network, runner=demo_evil.runner, boots=3),
]
BY_NAME = {scenario.name: scenario for scenario in ALL}
