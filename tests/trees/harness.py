# SPDX-License-Identifier: GPL-3.0-or-later
"""What tree tests share: programs to run, a software TPM, trees to alter, golden files."""
import difflib
import glob
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, "build", os.environ.get("MODE", "release"))
UPDATE = os.environ.get("UPDATE") == "1"
IPXE = "/usr/lib/ipxe/qemu"
sys.dont_write_bytecode = True

CASES = []  # (name, function)


class Skip(Exception):
    pass


def python_with(*modules):
    """Debian's packages are for Debian's python3, which need not be the first in PATH."""
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-c", f"import {', '.join(modules)}"],
                          capture_output=True).returncode == 0:
            return python
    raise Skip(f"python3 has no {' or no '.join(modules)}")


class Failed(Exception):
    pass


def case(function):
    """A test: its name is the function's, its one argument a Context."""
    CASES.append((function.__name__.replace("_", "-"), function))
    return function


def need(condition, words):
    if not condition:
        raise Failed(words)


class Result:
    def __init__(self, argv, code, out, err):
        self.argv, self.code, self.out, self.err = argv, code, out, err

    @property
    def text(self):
        return self.out.decode("utf-8", "replace")

    @property
    def errors(self):
        return self.err.decode("utf-8", "replace")

    def describe(self):
        return (f"{' '.join(self.argv)}\nexit {self.code}\n--- stdout\n{self.text[-3000:]}"
                f"\n--- stderr\n{self.errors[-3000:]}")


class Tpm:
    """A software TPM on a UNIX socket, in its own directory, freshly manufactured."""

    def __init__(self, directory):
        self.directory = directory
        self.process = None
        os.makedirs(directory)
        self.start()

    @property
    def tcti(self):
        return f"swtpm:path={self.directory}/sock"

    def listens(self):
        """Of one that was killed the socket lies there still."""
        with open("/proc/net/unix", encoding="utf-8") as file:
            return any(line.endswith(f" {self.directory}/sock\n") and line.split()[3] == "00010000"
                       for line in file)

    def start(self):
        for name in ("sock", "sock.ctrl"):
            if os.path.exists(f"{self.directory}/{name}"):
                os.unlink(f"{self.directory}/{name}")
        self.process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--server", f"type=unixio,path={self.directory}/sock",
             "--ctrl", f"type=unixio,path={self.directory}/sock.ctrl",
             "--tpmstate", f"dir={self.directory}", "--flags", "not-need-init,startup-clear"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(1000):
            if self.listens():
                return
            time.sleep(0.02)
        raise Failed("swtpm did not start")

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def tool(self, *argv, ok=True):
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                              env=dict(os.environ, TPM2TOOLS_TCTI=self.tcti))
        if ok and done.returncode != 0:
            raise Failed(f"{' '.join(argv)}: {done.stderr.decode()}")
        return done.stdout.decode()

    def pcrs_allocated(self):
        return re.findall(r"(sha\d+): \[ 0", self.tool("tpm2_getcap", "pcrs"))

    def pcrs(self, pcr):
        """Bank name to value of one PCR, for every allocated bank."""
        text = self.tool("tpm2_pcrread", "+".join(
            f"{bank}:{pcr}" for bank in ("sha1", "sha256", "sha384", "sha512")))
        return dict(re.findall(r"(sha\d+):\s+\d+\s*:\s*0x([0-9A-Fa-f]+)", text))


class Context:
    def __init__(self, name, work):
        self.name = name
        self.dir = os.path.join(work, name)
        self.work = work
        self.tpms = []
        self.below = []
        self.labels = {}  # bytes that depend on installed packages -> a name for them
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def tpm(self, name="tpm"):
        tpm = Tpm(self.path(name))
        self.tpms.append(tpm)
        return tpm

    def sub(self, name):
        """A context below this one, for one of several trials in a test."""
        inner = Context(name, self.dir)
        self.below.append(inner)
        return inner

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for inner in self.below:
            inner.close()
        for tpm in self.tpms:
            tpm.stop()

    def run(self, program, *argv, code=None, timeout=120, env=None):
        """Run a program of ours (or any other); check its exit code."""
        path = os.path.join(BUILD, program)
        full = [path if program in ("holdfast", "holdfastctl") else program, *map(str, argv)]
        try:
            done = subprocess.run(full, stdin=subprocess.DEVNULL, capture_output=True,
                                  timeout=timeout, cwd=self.dir,
                                  env=dict(os.environ, **(env or {})))
        except subprocess.TimeoutExpired as late:
            raise Failed(f"{' '.join(full)}: no end in {timeout} s\n{late.stdout}") from late
        result = Result(full, done.returncode, done.stdout, done.stderr)
        if code is not None:
            need(done.returncode == code, f"wanted exit {code}\n{result.describe()}")
        return result

    def holdfast(self, *argv, code=None, **more):
        return self.run("holdfast", *argv, code=code, **more)

    def ctl(self, *argv, code=None, **more):
        return self.run("holdfastctl", *argv, code=code, **more)

    def refused(self, result, cause):
        """The named reason, with a next step, in what a person reads."""
        both = result.text + result.errors
        need(f"[{cause}]" in both or f"reason={cause}" in both or f'"{cause}"' in both,
             f"wanted [{cause}]\n{result.describe()}")

    def normalise(self, text):
        text = text.replace(self.dir, "DIR").replace(self.work, "WORK").replace(ROOT, "SOURCE")
        for value, label in self.labels.items():
            text = text.replace(value, label)
        return text

    def golden(self, name, text):
        """Compare with tests/trees/golden/NAME; no line of it is wider than a screen."""
        text = self.normalise(text)
        path = os.path.join(HERE, "golden", name)
        if UPDATE:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        need(os.path.exists(path), f"there is no {path}: UPDATE=1 writes it\n{text}")
        with open(path, encoding="utf-8") as file:
            want = file.read()
        if want != text:
            diff = difflib.unified_diff(want.splitlines(), text.splitlines(), path, "found",
                                        lineterm="")
            raise Failed("\n".join(diff))

    def narrow(self, text):
        for line in text.splitlines():
            need(len(line) <= 80, f"wider than 80 columns: {line}")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def snapshot(directory):
    """Everything in a tree, to show that nobody wrote to it."""
    seen = {}
    for folder, dirs, names in os.walk(directory):
        for name in dirs + names:
            path = os.path.join(folder, name)
            if os.path.islink(path):
                seen[path] = os.readlink(path)
            elif os.path.isfile(path):
                seen[path] = hashlib.sha256(read(path)).hexdigest() + str(os.stat(path).st_mtime_ns)
            else:
                seen[path] = "directory"
    return seen


def rom_labels(labels, name, data):
    for algorithm in ("sha256", "sha384"):
        labels[hashlib.new(algorithm, data).hexdigest()] = f"<{algorithm} of {name}>"


def all_trees():
    return sorted(glob.glob(os.path.join(HERE, "*.tree")))
