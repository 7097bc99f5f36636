# SPDX-License-Identifier: GPL-3.0-or-later
"""The example controller (examples/controllers/minimal.py) against the agent itself: it releases the lab
host, and what its header says it checks, it checks."""
import glob
import json
import os
import subprocess

import sources
from controllers import Led
from harness import ROOT, Failed, case, need, python_with, read, write

EXAMPLE = f"{ROOT}/examples/controllers/minimal.py"
KEYS = f"{ROOT}/examples/controllers/README.md"


class Minimal:
    """Made as its README says, on loopback."""

    def __init__(self, t):
        self.dir, self.python, self.process = t.path("state"), python_with("cbor2", "cryptography"), None
        text = read(KEYS).decode()
        block = text[text.index("    mkdir state"):text.index("    cd ..")].replace("192.0.2.1", "127.0.0.1")
        subprocess.run(["sh", "-ec", block], cwd=t.path(), check=True, capture_output=True)
        for name in ("kernel", "initrd"):
            write(t.path(name), sources.TENANT[name])
        self.run("image", "tenant-1", t.path("kernel"), t.path("initrd"), sources.TENANT_COMMAND_LINE)
        self.run("reclaim", "host-1")

    def run(self, *argv):
        self.stop()
        subprocess.run([self.python, EXAMPLE, argv[0], self.dir, *argv[1:]], check=True, capture_output=True)

    def start(self):
        self.stop()
        with open(os.path.join(self.dir, "errors"), "ab") as errors:
            self.process = subprocess.Popen([self.python, EXAMPLE, "serve", self.dir, "127.0.0.1",
                                             str(getattr(self, "port", 0))], stdout=subprocess.PIPE, stderr=errors)
        line = self.process.stdout.readline().decode()
        if not line.startswith("port "):
            raise Failed(self.errors())
        self.port = int(line.split()[1])
        return self

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
        self.process = None

    def errors(self):
        return read(os.path.join(self.dir, "errors")).decode()

    def asked(self):
        return [line.split("/v1/agent/")[1].split()[0] for line in self.errors().splitlines() if "POST" in line]

    def host(self):
        return json.loads(read(os.path.join(self.dir, "state.json")))["hosts"]["host-1"]

    def change(self, what):
        """Its state, by somebody else's hand."""
        self.stop()
        state = json.loads(read(os.path.join(self.dir, "state.json")))
        what(state)
        write(os.path.join(self.dir, "state.json"), json.dumps(state).encode())

    def forget(self):
        write(os.path.join(self.dir, "errors"), b"")


def led(t):
    return Led(t, controller=Minimal(t).start())


def again(host, number, reclaim=True):
    """The same TPM's next boot, after a reclaim or without."""
    if reclaim:
        host.controller.run("reclaim", "host-1")
    host.controller.start().forget()
    host.tpm.stop()
    os.unlink(f"{host.tpm.directory}/sock")
    host.tpm.start()
    host.evidence = host.t.path(f"evidence{number}")
    return host


@case
def minimal_controller_releases_the_lab_host(t):
    with led(t) as host:
        result = host.boot("captured-tree", 3)	# what a rehearsal ends with after a ticket
        need(host.controller.asked() == ["challenge", "enrol", "activate", "challenge", "evidence", "held"],
             host.controller.errors())
        need(os.path.getsize(f"{host.evidence}/ticket.cose") > 0, result.describe())
        known = host.controller.host()
        need(known["ak"] == read(f"{host.evidence}/ak.pub").hex() and known["reclaim"] is None, str(known))
        need(len(glob.glob(f"{host.controller.dir}/kept-*")) == 1, "the report of the held host is not kept")
        again(host, 2).boot("captured-tree", 3)
        need(host.controller.asked() == ["challenge", "evidence", "held"], host.controller.errors())


@case
def minimal_controller_gives_one_ticket_for_one_reclaim(t):
    with led(t) as host:
        host.boot("captured-tree", 3)
        again(host, 2, reclaim=False).boot("host-not-reclaimed", 3)
        need(not os.path.exists(f"{host.evidence}/ticket.cose"), "a ticket")


@case
def minimal_controller_pins_the_first_boot(t):
    with led(t) as host:
        host.boot("captured-tree", 3)
        host.controller.change(lambda state: state["hosts"]["host-1"]["pins"].update({"9": "00" * 32}))
        result = again(host, 2).boot("agent-image-unmeasured", 3)
        need("first boot" in result.text + result.errors, result.describe())
        need(host.controller.host()["reclaim"], "the reclaim is used up")


@case
def minimal_controller_knows_other_keys_and_images(t):
    with led(t) as host:
        host.controller.change(lambda state: state["images"]["tenant-1"].__setitem__(1, "00" * 32))
        host.controller.start()
        host.boot("ticket-other-image", 3)
    with led(t.sub("other")) as host:
        host.controller.stop()
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
                        f"{host.controller.dir}/ticket.key"], check=True, capture_output=True)
        host.controller.start()
        host.boot("ticket-signer", 6)


@case
def minimal_controller_is_short(t):
    text = read(EXAMPLE).decode()
    need(len(text.splitlines()) < 200, f"{len(text.splitlines())} lines")
    need("does NOT check" in text, "it does not say what it does not check")
