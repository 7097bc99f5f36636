# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet of simulated hosts (tests/fleet) and the controllers that it talks to, in a directory of
their own; everything ends with Fleet."""
import ctypes
import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

import scripted

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build", os.environ.get("MODE", "release"))
GENERATOR = os.path.join(BUILD, "tests/fleet/fleet")
TOKEN = "fleet-operator-token"
PR_SET_PDEATHSIG = 1


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Controller:
    """One holdfastd. It may be killed and started again; port 0 the first time."""

    def __init__(self, fleet, number, store, more=()):
        self.fleet, self.number, self.store, self.more = fleet, number, store, more
        self.port, self.process, self.cpu_before = 0, None, 0.0
        self.log = os.path.join(fleet.dir, f"holdfastd-{number}.log")
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            begin = log.tell()
            self.process = subprocess.Popen(
                [os.path.join(BUILD, "holdfastd"), "--store", self.store, "--listen", f"127.0.0.1:{self.port}",
                 "--certificate", self.fleet.cert, "--key", self.fleet.key, "--ticket-key", self.fleet.ticket + ".key",
                 "--anchors", self.fleet.dir + "/anchors", "--manifests", self.fleet.dir + "/manifests",
                 "--tokens", self.fleet.dir + "/tokens", "--name", f"controller-{self.number}",
                 "--agent-rate", "0", *self.more],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent)
        deadline = time.monotonic() + 30
        while True:
            with open(self.log, "rb") as log:
                log.seek(begin)
                lines = [line for line in log.read().decode().splitlines() if '"listening"' in line]
            if lines:
                self.port = int(json.loads(lines[0])["port"])
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                with open(self.log, encoding="utf-8") as log:
                    raise AssertionError("holdfastd did not start: " + log.read()[-2000:])
            time.sleep(0.02)

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def proc(self, name):
        with open(f"/proc/{self.process.pid}/{name}", encoding="ascii") as f:
            return f.read()

    def cpu_seconds(self):
        fields = self.proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_kib(self):
        return int(self.proc("status").split("VmRSS:")[1].split()[0])

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """As systemd does it; its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode


class Fleet:
    def __init__(self, hosts, seed="1"):
        self.dir = tempfile.mkdtemp(prefix="hf-fleet-")
        self.hosts, self.seed, self.controllers = hosts, seed, []
        self.ca = scripted.Authority(self.dir + "/ca")
        self.cert, self.key = self.ca.issue("holdfastd")
        self.ticket = self.dir + "/keys/ticket"
        self.call([os.path.join(BUILD, "holdfastctl"), "keygen", "--out", self.ticket, "--alg", "es256"])
        self.write("token", TOKEN + "\n")
        self.write("tokens", f"fleet admin token:{hashlib.sha256(TOKEN.encode()).hexdigest()}\n")
        self.generate("prepare")

    def write(self, name, text):
        with open(os.path.join(self.dir, name), "w", encoding="utf-8") as f:
            f.write(text)

    @staticmethod
    def call(argv, timeout=1800, may_fail=False):
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT if may_fail and "holdfastctl" in argv[0] else None, text=True, check=False, timeout=timeout,
                              stdin=subprocess.DEVNULL)
        assert may_fail or done.returncode == 0, f"{argv[:3]}: exit {done.returncode}: {done.stdout}"
        return done.stdout

    def arguments(self, mode, *more):
        urls = [c.url for c in self.controllers] or ["https://127.0.0.1:1"]
        return [GENERATOR, mode, "--hosts", str(self.hosts), "--seed", self.seed, "--ca", self.ca.ca, "--ticket-key",
                self.ticket + ".pem", "--token-file", self.dir + "/token",
                *([] if "--url" in more else ["--url", ",".join(urls)]), *more, self.dir]

    def generate(self, mode, *more, may_fail=False):
        return json.loads(self.call(self.arguments(mode, *more), may_fail=may_fail) or "{}")

    def begin(self, mode, *more):
        """The same under way, for whoever does something meanwhile; end() has its numbers."""
        return subprocess.Popen(self.arguments(mode, *more), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                text=True, preexec_fn=die_with_parent)

    @staticmethod
    def end(process):
        text = process.communicate(timeout=1800)[0]
        assert text.strip(), f"the generator ended with {process.returncode}"
        return json.loads(text)

    def add(self, store, *more):
        self.controllers.append(Controller(self, len(self.controllers) + 1, store, more))
        return self.controllers[-1]

    def seed_store(self, store):
        return self.generate("seed", "--url", store)

    def ctl(self, *words, may_fail=False):
        return self.call([os.path.join(BUILD, "holdfastctl"), *words, "--url", self.controllers[0].url, "--ca",
                          self.ca.ca, "--token-file", self.dir + "/token"], may_fail=may_fail)

    def verify_audit(self, store):
        return self.call([os.path.join(BUILD, "holdfastd"), "--store", store, "--verify-audit"])

    def drop(self):
        for controller in self.controllers:
            controller.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.drop()
