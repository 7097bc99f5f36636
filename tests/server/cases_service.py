# SPDX-License-Identifier: GPL-3.0-or-later
"""holdfastd as its systemd unit runs it, as far as a machine without systemd as its first process
can try it: the unit is one that systemd takes, the program does without whatever the unit denies
(user, capabilities, files, system calls), and says to its manager what Type=notify waits for. And a
ticket key that lies in a PKCS#11 token."""
import concurrent.futures
import contextlib
import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

import cbor2
from cryptography.hazmat.primitives import serialization

import harness
import sources
from controller import MODE, PROGRAM, ROOT, Controller, Setup

MAKE = ["holdfast", "holdfastd", "holdfastctl", "tests/fleet/fleet"]
UNIT = os.path.join(ROOT, "controller/systemd/holdfastd.service")
NOBODY = 65534
SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"


def need(condition, words):
    if not condition:
        raise AssertionError(words)


def need_tools(*names):
    for name in names:
        if not shutil.which(name):
            raise unittest.SkipTest(f"{name} is not installed")


@contextlib.contextmanager
def set_up():
    with tempfile.TemporaryDirectory(prefix="holdfast-unit.") as folder, harness.Context("owner", folder) as context:
        owner = sources.Owner(context)
        anchors, manifests = os.path.join(folder, "anchors"), os.path.join(folder, "manifests")
        os.makedirs(manifests)
        owner.trust(anchors)
        owner.sign(sources.images(), os.path.join(manifests, "images.corim"))
        yield Setup(folder, anchors, manifests)


def systemd_takes_it():
    """As it is installed, beside this machine's own units."""
    need_tools("systemd-analyze")
    with tempfile.TemporaryDirectory(prefix="holdfast-unit.") as folder:
        subprocess.run(["make", "--no-print-directory", f"MODE={MODE}", "install", f"PREFIX={folder}"], cwd=ROOT,
                       check=True, stdout=subprocess.DEVNULL)
        unit = os.path.join(folder, "lib/systemd/system/holdfastd.service")
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, timeout=60)
        told = [line for line in done.stderr.splitlines() if "holdfastd" in line]
        need(done.returncode == 0 and not told, done.stderr)
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=15", unit],
                              capture_output=True, text=True, timeout=60)
        need(done.returncode == 0, f"exposed more than 1.5 of 10:\n{done.stdout[-600:]}")


def setting(name):
    with open(UNIT, encoding="ascii") as f:
        return [line.split("=", 1)[1].strip() for line in f if line.startswith(name + "=")]


def permitted():
    """The names of SystemCallFilter=, as systemd itself expands them."""
    def members(group):
        text = subprocess.run(["systemd-analyze", "syscall-filter", group], check=True, capture_output=True,
                              text=True).stdout
        found = set()
        for word in re.findall(r"^ {4}([@\w-]+)$", text, re.M):
            found |= members(word) if word[0] == "@" else {word}
        return found

    allowed, denied = setting("SystemCallFilter")
    need(denied[0] == "~", denied)
    return set().union(*map(members, allowed.split())) - set().union(*map(members, denied[1:].split()))


class Manager:
    """What systemd listens on for Type=notify."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o666)
        self.socket.settimeout(30)

    def told(self):
        return self.socket.recv(4096).decode().split()


def as_its_unit_runs_it():
    """As nobody, without capabilities, on a file system of which only its state can be written; and
    whatever it calls, the unit permits."""
    need_tools("strace", "setpriv", "unshare", "systemd-analyze")
    if os.getuid() != 0:
        raise unittest.SkipTest("only root can become nobody")
    with set_up() as setup:
        state = os.path.join(setup.folder, "state")
        trace, program = os.path.join(state, "trace"), os.path.join(setup.folder, "as-the-unit")
        manager = Manager(setup.folder)
        os.makedirs(state)
        for at, _, files in os.walk(setup.folder):
            for name in [".", *files]:
                os.chown(os.path.join(at, name), NOBODY, NOBODY)
        with open(program, "w", encoding="ascii") as f:
            f.write(f"#!/bin/sh -e\nexport NOTIFY_SOCKET={manager.path}\nexec unshare -m sh -e -c '\n"
                    f"mount --make-rprivate /; mount --bind {state} {state}; mount -o remount,ro,bind /\n"
                    f"exec setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups --bounding-set=-all --inh-caps=-all "
                    f"--no-new-privs strace -f -qq -o {trace} {PROGRAM} \"$@\"' sh \"$@\"\n")
        os.chmod(program, 0o755)
        done = subprocess.run([program, *setup.arguments(f"{state}/store.sqlite"), "--listen", "127.0.0.1:0", "--check"],
                              capture_output=True, text=True, timeout=60)
        if "permitted" in done.stderr and "holdfastd:" not in done.stderr:
            raise unittest.SkipTest(f"no namespaces here: {done.stderr.strip()[-200:]}")
        need(done.returncode == 0, f"ExecStartPre: {done}")
        need(subprocess.run([PROGRAM, *setup.arguments(f"{setup.folder}/no/store.sqlite"), "--check"],
                            capture_output=True, check=False).returncode != 0, "--check takes everything")
        c = Controller(setup, f"{state}/store.sqlite", "--webhook", "http://localhost:9/", program=program)
        with c:
            need(manager.told() == ["READY=1"], "what systemd waits for")
            c.api("POST", "/v1/hosts", [{"id": "host-1", "model": "m"}])
            c.api("POST", "/v1/hosts/host-1/reclaim", {"lease": "L", "power-cycled": True})
            for path in ("/v1/hosts/host-1/result", "/metrics", "/v1/audit/verify", "/v1/ready"):
                need(c.ask("GET", path)[0] == 200, path)
            need(c.ask("PUT", "/v1/hosts/host-1/secret", b"x", media="application/octet-stream")[0] == 204, "secret")
            c.wait_for("webhook-failed")
            # to the program itself: what is here is strace
            child = int(open(f"/proc/{c.process.pid}/task/{c.process.pid}/children", encoding="ascii").read().split()[0])
            os.kill(child, signal.SIGHUP)
            c.wait_for("reloaded")
            need(manager.told() == ["RELOADING=1"] and manager.told() == ["READY=1"], "a reload")
            os.kill(child, signal.SIGTERM)
            need(c.process.wait(30) == 0, "its end")
        need(manager.told() == ["STOPPING=1"], "an end")
        check_calls(trace, permitted())


def check_calls(trace, allowed):
    with open(trace, encoding="utf-8", errors="replace") as f:
        text = f.read()
    # its own first call is systemd's, before the filter; how ptrace shows a restarted one
    called = set(re.findall(r"^\d+ +(\w+)\(", text, re.M)) - {"restart_syscall"}
    need({"epoll_wait", "poll"} & called and "sendto" in called and len(called) > 30, f"{sorted(called)}")
    need(called <= allowed, f"the unit denies {sorted(called - allowed)}")
    both = [line for line in text.splitlines() if re.search(r"\b(mmap|mprotect)\(", line) and
            "PROT_WRITE" in line and "PROT_EXEC" in line]
    need(not both, f"MemoryDenyWriteExecute: {both[:3]}")
    families = set(re.findall(r"\bsocket\((AF_\w+|PF_\w+)", text)) - {"AF_NETLINK"}  # glibc asks, and does without
    permitted_families = set(setting("RestrictAddressFamilies")[0].split())
    need(families <= permitted_families, f"{families - permitted_families}")


@contextlib.contextmanager
def token(setup):
    """A token with the ticket key in it: (environment, URI, public half as PEM)."""
    need_tools("softhsm2-util", "pkcs11-tool")
    if not os.path.exists(SOFTHSM) or not glob.glob("/usr/lib/*/engines-3/pkcs11.so") + \
            glob.glob("/usr/lib/*/ossl-modules/pkcs11.so"):
        raise unittest.SkipTest("OpenSSL has neither a pkcs11 engine nor a provider")
    folder = os.path.join(setup.folder, "tokens")
    os.makedirs(folder)
    with open(f"{setup.folder}/softhsm2.conf", "w", encoding="ascii") as f:
        f.write(f"directories.tokendir = {folder}\nobjectstore.backend = file\nlog.level = ERROR\n")
    with open(f"{setup.folder}/pin", "w", encoding="ascii") as f:
        f.write("1234")
    more = {"SOFTHSM2_CONF": f"{setup.folder}/softhsm2.conf", "PKCS11_MODULE_PATH": SOFTHSM}

    def run(*words):
        subprocess.run(words, check=True, env={**os.environ, **more}, capture_output=True, timeout=60)

    run("softhsm2-util", "--init-token", "--free", "--label", "holdfast", "--pin", "1234", "--so-pin", "5678")
    run("pkcs11-tool", "--module", SOFTHSM, "--login", "--pin", "1234", "--token-label", "holdfast", "--keypairgen",
        "--key-type", "EC:prime256v1", "--label", "ticket", "--id", "01")
    run("pkcs11-tool", "--module", SOFTHSM, "--token-label", "holdfast", "--read-object", "--type", "pubkey", "--id", "01",
        "--output-file", f"{setup.folder}/public.der")
    with open(f"{setup.folder}/public.der", "rb") as f:
        public = serialization.load_der_public_key(f.read())
    yield more, f"pkcs11:token=holdfast;object=ticket;type=private?pin-source=file:{setup.folder}/pin", public


def a_ticket_key_in_a_token():
    """Many requests at once, each signed by it; a wrong PIN is no start, and nobody reads it."""
    with set_up() as setup, token(setup) as (more, uri, public):
        before = {name: os.environ.get(name) for name in more}
        os.environ.update(more)
        try:
            for wrong in (uri.replace("object=ticket", "object=nobody"), uri.partition("?")[0] + "?pin-value=9876"):
                done = subprocess.run([PROGRAM, *setup.arguments(f"{setup.folder}/s"), "--listen", "127.0.0.1:0",
                                       "--ticket-key", wrong, "--check"], capture_output=True, text=True, timeout=60)
                need(done.returncode == 2 and "[key-token]" in done.stderr and "9876" not in done.stderr, f"{done}")
            with Controller(setup, None, "--ticket-key", uri, "--threads", "4") as c:
                with concurrent.futures.ThreadPoolExecutor(4) as pool:
                    replies = list(pool.map(lambda n: c.ask("GET", f"/v1/hosts/h{n}/result"), range(60)))
                verify_all(replies, public)
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})


def verify_all(replies, public):
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils
    for status, _, body in replies:
        need(status == 200, f"{status}")
        protected, _, payload, signature = cbor2.loads(body).value
        der = utils.encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
        public.verify(der, cbor2.dumps(["Signature1", protected, b"", payload]), ec.ECDSA(hashes.SHA256()))


def the_way_that_is_documented():
    """docs/controller.md, "Try it without a host", word for word but for the port."""
    with open(os.path.join(ROOT, "docs/controller.md"), encoding="utf-8") as f:
        section = f.read().partition("\n## Try it without a host\n")[2].partition("\n## ")[0]
    script = "".join(line[4:] + "\n" for line in section.splitlines() if line.startswith("    "))
    need(script.count("127.0.0.1:8443") == 2 and script.rstrip().endswith("kill %1"), script)
    script = script.replace("127.0.0.1:8443", "127.0.0.1:0", 1).replace(
        "127.0.0.1:8443", "127.0.0.1:$(sed -n 's/.*\"listening\".*\"port\":\"\\([0-9]*\\)\".*/\\1/p' log)")
    build = os.path.join(ROOT, "build", MODE)
    with tempfile.TemporaryDirectory(prefix="holdfast-try.") as folder:
        head = 'set -u\ntrap "kill $(jobs -p) 2>/dev/null || true" EXIT\n'.replace("$(jobs", "\\$(jobs")
        done = subprocess.run(["timeout", "60", "bash", "-c", f"{head}{script}wait %1"], cwd=folder, capture_output=True,
                              text=True, timeout=90,
                              env={**os.environ, "PATH": f"{build}:{build}/tests/fleet:{os.environ['PATH']}"})
        need(done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        for words in ("host-1 is IN-USE", "host-0 is HELD", "host-1: affirming", "verified with the given anchor",
                      '"tickets":1,'):
            need(words in done.stdout, f"no {words!r}: {done.stdout}")
        others = [name for name in os.listdir(folder) if os.stat(os.path.join(folder, name)).st_mode & 0o077 and
                  name.endswith((".key", ".token"))]
        need(not others, f"others may read {others}")


CASES = [("service-the-way-that-is-documented", the_way_that_is_documented),
         ("service-systemd-takes-it", systemd_takes_it), ("service-as-its-unit-runs-it", as_its_unit_runs_it),
         ("service-a-ticket-key-in-a-token", a_ticket_key_in_a_token)]
