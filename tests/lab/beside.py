# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy controller in the lab: a real holdfastd beside the machine, which reaches it over its first
network card and QEMU's user network. The agent's image names the controller's port, so image, image
list and store are made for each run; keys, tenants and the golden manifests are the lab's own."""
import contextlib
import hashlib
import ipaddress
import json
import os
import pathlib
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

from cryptography import x509

import build
import pe
import qemu
import swtpm
from outcome import need

sys.path.append(str(build.ROOT / "tests/server"))
import controller  # noqa: E402  (the harness of the controller's own tests)
import attacks  # noqa: E402  (which uses this)

HOST = "lab-host"
SERIAL = "LAB0001"  # as qemu.py has it
INSIDE, INSIDE6 = "10.0.2.2", "fec0::2"  # our loopback, as the guest sees it
DRIVER = "e1000e"
ADDRESSES = {"static": (INSIDE, "ip=10.0.2.15:::255.255.255.0:::off"), "dhcp": (INSIDE, "dhcp"),
             "slaac": (f"[{INSIDE6}]", "slaac")}
KLIBC = ("/usr/lib/klibc/bin/ipconfig", *sorted(map(str, pathlib.Path("/lib").glob("klibc-*.so"))))


def by_network(host, _lab=None):
    """The first card is on QEMU's user network."""
    host.devices["nic0"] += ",netdev=net0"
    host.netdev = "user,id=net0"


def endorsement_key(state):
    """SHA-256 of the machine's endorsement key, as `holdfast identity` says it, read from a copy
    of its TPM's state."""
    folder = tempfile.mkdtemp(prefix="hf-lab-ek.")
    shutil.copy(pathlib.Path(state) / "tpm2-00.permall", folder)
    path = f"{folder}/s"
    process = subprocess.Popen(
        ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder}", "--server", f"type=unixio,path={path}", "--ctrl",
         f"type=unixio,path={path}.ctrl", "--flags", "not-need-init,startup-clear"], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while not os.path.exists(path):
            need(time.monotonic() < deadline, "swtpm did not start")
            time.sleep(0.01)
        said = json.loads(build.run(build.BIN / "holdfast", "identity", "--json", "--tcti", f"swtpm:path={path}"))
        return re.search(r'"(?:ek-)?sha256": "([0-9a-f]{64})"', json.dumps(said)).group(1)
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


class Meddler:
    """Somebody between the machine and the controller: meddle(number, client, server) says what he
    does to the connection of that number, and whether it goes on: bytes until it is cut, or None."""

    def __init__(self, port, meddle):
        self.to, self.meddle, self.count, self.cuts = port, meddle, 0, 0
        self.listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.count += 1
            threading.Thread(target=self._serve, args=(client, self.count), daemon=True).start()

    def _serve(self, client, number):
        with client, socket.create_connection(("::1", self.to)) as server:
            left, sent = self.meddle(number), 0
            while True:
                for side in select.select([client, server], [], [])[0]:
                    try:
                        data = side.recv(65536)
                        if side is client and left is not None:
                            data, sent = data[: max(0, left - sent)], sent + len(data)
                        if not data:
                            self.cuts += left is not None and sent > left
                            return
                        (server if side is client else client).sendall(data)
                    except OSError:
                        return

    def close(self):
        self.listener.close()


def cut_evidence(number):
    """The second connection brings the evidence: it ends within it, and so does the third."""
    return 9000 if number in (2, 3) else None


def slow(_number):
    """Nobody hears anything of a connection for so long."""
    time.sleep(4)


class Liar:
    """In the controller's place, with its keys: tests/scripted_controller.py, and what it says."""

    def __init__(self, site, script):
        self.dir = site.dir / "liar"
        self.dir.mkdir()
        for name, path in (("server.pem", site.setup.certificate), ("server.key", site.setup.key),
                           ("ticket.key", site.setup.ticket), ("other.key", site.setup.ticket)):
            shutil.copy(path, self.dir / name)
        (self.dir / "script.json").write_text(json.dumps(script))
        self.process = subprocess.Popen([sys.executable, build.ROOT / "tests/scripted_controller.py", "serve", self.dir],
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])

    def asked(self):
        return [json.loads(line)["what"] for line in (self.dir / "log.jsonl").read_text().splitlines()]

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Site:
    """The operator's side of one run. lie: what is otherwise than the image expects, or a Liar's script.
    starts: "root", "kexec", "bad-root": the tenant means no good; "service", "service-root": a card's firmware
    is old, and beside the tenant lies an image that would update it. seconds: the agent's patience. owner: his
    release lies in the image. maker(site): the CAs of TPM makers."""

    def __init__(self, run, how, lie=None, meddle=None, starts="root", seconds=40, owner=False, maker=None):
        self.lie, self.meddle, self.meddler, self.starts, self.seconds = lie, meddle, None, starts, seconds
        self.lab, self.dir = run.lab, run.out.with_name(run.out.name + ".site")
        self.address, self.plan = ADDRESSES[how]
        shutil.rmtree(self.dir, ignore_errors=True)
        self.trusted = self.dir / "manifests"
        self.trusted.mkdir(parents=True)
        shutil.copytree(self.lab.dir / "anchors", self.dir / "anchors")
        self.setup = controller.Setup(str(self.dir), str(self.dir / "anchors"), str(self.trusted), [
            x509.IPAddress(ipaddress.ip_address(each)) for each in (INSIDE, INSIDE6, "127.0.0.1", "::1")])
        self._manifests()
        self.root = self.lab.dir / "root.squashfs"
        if starts == "bad-root":
            self.root = attacks.bad_root(self)
        if owner:
            self._owners_release()
        roots = ("--ek-roots", maker(self)) if maker else ()
        self.controller = controller.Controller(self.setup, None, "--agent-rate", "0", *roots, listen="[::]:0")

    def _manifests(self):
        """The golden ones; the card's driver is among those that the gate may bind."""
        for path in sorted((self.lab.dir / "trusted-golden").glob("*.corim")):
            shutil.copy(path, self.trusted)
        source = next(path for path in sorted((self.lab.dir / "sources").glob("*.json"))
                      if "model" in json.loads(path.read_text()))
        content = json.loads(source.read_text())
        content["drivers"] = ["nvme", DRIVER]
        self.model, self.generation = content["model"], content["generation"]
        (self.dir / "model.json").write_text(json.dumps(content, indent=1))
        self.lab._sign(self.dir / "model.json", "owner", self.trusted / f"{source.stem}.corim")
        if self.starts.startswith("service"):
            self._make_old()

    def _make_old(self):
        """The card that nothing here needs: virtio-net."""
        for path in sorted((self.lab.dir / "sources").glob("*.json")):
            content = json.loads(path.read_text())
            if not any(f["vendor"] + f["device"] == "1af41041" for r in content.get("releases", [])
                       for f in r["functions"]):
                continue
            content["releases"][0]["state"] = "update"
            (self.dir / "old.json").write_text(json.dumps(content, indent=1))
            self.lab._sign(self.dir / "old.json", "owner", self.trusted / f"{path.stem}.corim")
            return
        need(False, "the lab has no virtio-net card")

    def _owners_release(self):
        """For this TPM's key and its very next boot, of which each scenario's is one."""
        capture = self.lab.dir / "capture"
        name = "000b" + hashlib.sha256((capture / "ak.pub").read_bytes()).hexdigest()
        count = re.search(r"resetCount: (\d+)", build.run("tpm2_print", "-t", "TPMS_ATTEST", capture / "quote.attest"))
        (self.dir / "owner.json").write_text(json.dumps({
            "format": 1, "waiver": "lab-move", "host": name, "generation": self.generation,
            "boots": {"from": int(count.group(1)) + 1, "to": int(count.group(1)) + 1},  # after provisioned()
            "findings": [{"place": "controller", "reason": "controller-unreachable"}]}))
        self.lab._sign(self.dir / "owner.json", "owner", self.trusted / "owners-release.corim")

    def _service(self):
        if self.starts == "service":
            return ("--service-kernel", self.lab.kernel, "--service-initrd", self.lab.dir / "tenant.cpio",
                    "--service-command-line", build.TENANT_COMMAND_LINE)
        return ("--service-root", self.root) if self.starts == "service-root" else ()

    def make_images(self):
        """The image that knows the port, the list that knows the image, the store with the list."""
        if self.meddle:
            self.meddler = Meddler(self.controller.port, self.meddle)
        if isinstance(self.lie, dict):
            self.meddler = Liar(self, self.lie)
        port = (self.meddler or self.controller).port
        conf = build.CONF.replace("policy = local", "policy = controller") + (
            f"controller = https://{self.address}:{port}\nlink = auto\naddress = {self.plan}\n"
            f"controller-seconds = {self.seconds}\n")
        other = controller.Setup(str(self.dir / "other"), "", "")
        ticket = (other if self.lie == "ticket-key" else self.setup).ticket_anchor
        ca = (other if self.lie == "ca" else self.setup).ca
        owner = {"owner.pem": (self.dir / "anchors/owner.pem").read_bytes()}
        manifests = {path.name: path.read_bytes() for path in sorted(self.trusted.glob("*.corim"))
                     if path.name != "images.corim"}
        self.agent = self.dir / "agent.cpio"
        self.agent.write_bytes(build.agent_image(
            owner, manifests, conf, [DRIVER], programs=KLIBC if self.plan == "dhcp" else (), more={
                "ticket/ticket.pem": pathlib.Path(ticket).read_bytes(),
                "controller/ca.pem": pathlib.Path(ca).read_bytes()}))
        patched = self.dir / "kernel"
        patched.write_bytes(pe.qemu_patched_kernel(self.lab.kernel.read_bytes(), self.agent.stat().st_size,
                                                   qemu.MEMORY_MIB))
        build.ctl("image", "measure", "--kernel", patched, "--initrd", self.agent, "--command-line",
                  pe.loaded_command_line(build.COMMAND_LINE), "--name", "lab-agent", "--tenant-kernel",
                  self.lab.kernel, "--tenant-initrd", self.lab.dir / "tenant.cpio", "--tenant-command-line",
                  build.TENANT_COMMAND_LINE, "--tenant-root", self.root, "--out", self.dir / "images.json",
                  *self._service())
        images = self.lab._sign(self.dir / "images.json", "owner", self.trusted / "images.corim")
        self.store = self.dir / "store.img"
        kernel, initrd = (path.read_bytes() for path in (self.lab.kernel, self.lab.dir / "tenant.cpio"))
        root = {"root.squashfs": self.root.read_bytes()}
        self.store.write_bytes(build.store_image({"images.corim": images, **{
            "root": root, "bad-root": root, "kexec": {"kernel": kernel, "initrd": initrd},
            "service": {**root, "service-kernel": kernel, "service-initrd": initrd},
            "service-root": {"kernel": kernel, "initrd": initrd, "service.squashfs": self.root.read_bytes()},
        }[self.starts]}))

    def reload(self):
        self.controller.process.send_signal(1)
        self.controller.wait_for("reloaded")

    def ctl(self, *words):
        return build.ctl(*words, "--url", f"https://127.0.0.1:{self.controller.port}", "--ca", self.setup.ca,
                         "--token-file", self.setup.token_file("admin"))

    def enter(self):
        """Inventory out of band: whose TPM, which chassis, which model."""
        key = endorsement_key(self.lab.tpm_state)
        (self.dir / "inventory.csv").write_text("id,ek-sha256,serial,model,banks,ek-accepted\n"
            f"{HOST},{key},{SERIAL},{self.model},{build.BANKS.replace(',', '+')},yes\n")
        self.ctl("host", "import", self.dir / "inventory.csv")

    def reclaim(self):
        self.ctl("host", "reclaim", HOST, "--lease", "lab", "--power-cycled")

    def host(self):
        return json.loads(self.ctl("host", "show", HOST, "--json"))


SITE = ("lie", "meddle", "starts", "seconds", "owner", "maker")


def provisioned(run):
    """A TPM that no tenant can clear: else the owner's release does not hold."""
    site = run.site
    return swtpm.provisioned(site.lab.tpm_state, site.dir / "provisioned", build.BIN / "holdfast", site.generation)


def runner(how="static", before=None, reclaimed=True, **more):
    """before(run): what is done once all is ready, and before the machine starts. more: for the site,
    else for the machine; what can be called is asked of the run when it starts."""
    def once(run):
        site = run.site = Site(run, how, **{name: value for name, value in more.items() if name in SITE})
        with contextlib.ExitStack() as stack:
            stack.enter_context(site.controller)
            site.make_images()
            site.reload()
            if site.meddler:
                stack.callback(site.meddler.close)
            site.enter()
            if reclaimed:
                site.reclaim()
            run.scenario.trusted = site.trusted
            if before:
                before(run)
            machine = {name: value(run) if callable(value) else value for name, value in more.items()
                       if name not in SITE}
            with run.start(initrd=site.agent, store=site.store, **machine):
                run.wait_for_result()
                run.judge()
    return once


def boot_before(run):
    """The host had its ticket, and its tenant runs: whoever boots the gate again is that tenant."""
    with run.start(initrd=run.site.agent, store=run.site.store) as machine:
        run.wait_for_result()
        need("result=released" in run.result, f"the first boot: {run.result}")
        need(machine.wait_for(r"^TENANT-DONE", r"Kernel panic"), "the tenant did not finish")


OTHER_HOST = {"ticket": {"ak_name": "hex:000b" + "5a" * 32, "host": "another-host"},
              "images": [["lab-agent-root", "5a" * 32]]}
SECRET = "a secret of the lab's tenant, 44 bytes of it."


def give_secret(run):
    """What the next tenant gets with its ticket."""
    (run.site.dir / "secret").write_text(SECRET)
    run.site.ctl("host", "secret", HOST, "--file", run.site.dir / "secret")


def secret_is_kept(run):
    need(SECRET not in run.machine.console, "the secret is on the console")
    for path in (run.out / "evidence").iterdir():
        need(SECRET.encode() not in path.read_bytes(), f"the secret is in {path.name}")


def check_secret(run):
    """It lies where the hand-over does, and nowhere else."""
    check_released(run)
    need(f"TENANT-FOUND /.extra/holdfast/secret {len(SECRET)}" in run.machine.console, "the tenant has no secret")
    secret_is_kept(run)


def check_told(run):
    """The host enrolled, then held itself: the controller hears of that over the card, afterwards."""
    end, said = time.monotonic() + 60, {}
    while said.get("kind") != "held":
        need(time.monotonic() < end, f"the controller was not told: {said}")
        time.sleep(1)
        verdicts = json.loads(run.site.ctl("host", "verdicts", HOST, "--json"))["verdicts"]
        said = verdicts[0] if verdicts else {}
    need(said["cause"] == "ticket-signer", f"the controller was told {said}")


def check_service(run):
    """Old firmware: the service image, by a ticket for it, and without what is the tenant's."""
    need(" service=" in run.result, run.result)
    need("/holdfast/secret " not in run.machine.console, "the service image found a secret")
    secret_is_kept(run)
    verdict = run.site.host()["last-verdict"]
    need(verdict["release"] == "service" and verdict["cause"] == "firmware-old", f"the controller: {verdict}")


def down(run):
    run.site.controller.kill()


def check_untouched(run):
    """Nobody proved to be this host: it is as the operator left it."""
    need(run.site.host()["state"] == "reclaimed", f"the controller says {run.site.host()['state']}")


def check_fallback(run):
    """Up to CAP and the tenant's start, and everybody says by whose word."""
    need("NO CONTROLLER (controller-unreachable): the owner's release lab-move" in run.machine.console,
         "the screen does not say that no controller answered")
    need("FALLBACK" in (run.out / "verify.txt").read_text(), "the evidence does not say FALLBACK")
    log = build.ctl("log", "show", run.out / "evidence/holdfast.evlog")
    need("lab-move" in log and "fallback" in log, "the log does not name the owner's release")


def check_other_host(run):
    """The liar was asked for a ticket and told of the end; the true controller was never asked."""
    check_untouched(run)
    need("evidence" in run.site.meddler.asked(), f"the liar was asked {run.site.meddler.asked()}")


def check_cut(run):
    check_released(run)
    need(run.site.meddler.cuts >= 1, "no connection was cut")
    said = json.loads(run.site.ctl("host", "verdicts", HOST, "--json"))["verdicts"]
    need(len(said) == 1, f"{len(said)} verdicts of one boot")


def check_released(run):
    """Both sides say the same."""
    host = run.site.host()
    verdict = host["last-verdict"]
    need(host["state"] == "in-use" and host["ticketed"], f"the controller says {host['state']}")
    need(verdict["status"] in ("affirming", "warning") and verdict["release"] == "tenant",
         f"the controller's verdict: {verdict}")
    need(host["receipt-at"] > 0, "no receipt came")
    shown = run.site.ctl("host", "show", HOST)
    (run.out / "host.txt").write_text(shown)
    need("IN-USE" in shown and "ticket given" in shown, f"host show: {shown}")
    need(run.site.setup and "audit" in run.site.ctl("audit", "verify"), "the audit is broken")


def check_held(cause):
    """The gate held the host, and the controller knows for what."""
    def check(run):
        host = run.site.host()
        need(host["state"] == "held", f"the controller says {host['state']}")
        need((host.get("last-verdict") or {}).get("cause") == cause, f"the controller's verdict: {host['last-verdict']}")
    return check
