# SPDX-License-Identifier: GPL-3.0-or-later
"""A rehearsal of a gate with policy controller: a host whose image trusts a scripted controller
that listens on loopback (tests/scripted_controller.py)."""
import json
import os
import subprocess

import firmware
import sources
from harness import Failed, need, python_with, read, write
from rehearsal import Host

SCRIPT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "scripted_controller.py")
SERVICE = {"service-kernel": b"service kernel", "service-initrd": b"service initrd"}
SERVICE_COMMAND_LINE = "root=/dev/ram0 service"
SECONDS = 5  # until nobody answers; what takes longer than that is a failure of the test's host


def digests(kernel, initrd, line):
    return [firmware.sha256(kernel), firmware.sha256(initrd), firmware.sha256(line.encode())]


TENANT_IMAGE = ["tenant-1", *digests(sources.TENANT["kernel"], sources.TENANT["initrd"], sources.TENANT_COMMAND_LINE)]
SERVICE_IMAGE = ["service-1", *digests(SERVICE["service-kernel"], SERVICE["service-initrd"], SERVICE_COMMAND_LINE)]


def images():
    source = sources.images()
    source["images"].append({
        "role": "service", "kind": "kexec", "name": "service-1",
        "kernel": firmware.sha256(SERVICE["service-kernel"]), "initrd": firmware.sha256(SERVICE["service-initrd"]),
        "command_line_text": SERVICE_COMMAND_LINE})
    return source


class Controller:
    def __init__(self, t, name="controller"):
        self.dir = t.path(name)
        self.python = python_with("cbor2", "cryptography")
        self.process = None
        done = subprocess.run([self.python, SCRIPT, "make", self.dir], capture_output=True)
        need(done.returncode == 0, done.stderr.decode())
        self.says()

    def start(self):
        self.process = subprocess.Popen([self.python, SCRIPT, "serve", self.dir], stdout=subprocess.PIPE,
                                        stderr=open(os.path.join(self.dir, "errors"), "wb"))
        line = self.process.stdout.readline().decode()
        if not line.startswith("port "):
            raise Failed(read(os.path.join(self.dir, "errors")).decode())
        self.port = int(line.split()[1])
        return self

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
        self.process = None

    def says(self, **script):
        """Otherwise than an honest controller; what is not named it says as it should."""
        script = {"images": [TENANT_IMAGE, SERVICE_IMAGE][:1], **script}
        write(os.path.join(self.dir, "script.json.new"), json.dumps(script))
        os.rename(os.path.join(self.dir, "script.json.new"), os.path.join(self.dir, "script.json"))

    def heard(self):
        """What was asked of it, in order."""
        path = os.path.join(self.dir, "log.jsonl")
        return [json.loads(line) for line in read(path).splitlines()] if os.path.exists(path) else []

    def asked(self):
        return [entry["what"] for entry in self.heard()]

    def forget(self):
        path = os.path.join(self.dir, "log.jsonl")
        if os.path.exists(path):
            os.unlink(path)


class Led(Host):
    """A host that has a controller; stop() ends it."""

    def __init__(self, t, controller=None, url=None, **more):
        super().__init__(t, **more)
        self.controller = controller or Controller(t).start()
        for name, role in (("ca.pem", "controller"), ("ticket.pem", "ticket")):
            write(f"{self.etc}/anchors/{role}/{name}", read(os.path.join(self.controller.dir, name)))
        for name, data in SERVICE.items():
            write(f"{self.store}/{name}", data)
        self.owner.sign(images(), f"{self.store}/images.corim")
        self.url = url or f"https://127.0.0.1:{self.controller.port}"
        self.configure()

    def configure(self, text="", policy="controller"):
        if not hasattr(self, "url"):
            return super().configure(text, policy)
        return super().configure(f"controller = {self.url}\ncontroller-seconds = {SECONDS}\n{text}", policy)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.controller.stop()


def all_evidence(host):
    """Every byte that the host left behind."""
    return b"".join(read(os.path.join(host.evidence, name)) for name in sorted(os.listdir(host.evidence)))
