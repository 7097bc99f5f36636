#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packages and the portable tar, as somebody gets them: one line a test.

run.py [WORD...]: only those with one of these words in their name. Needs root (chroot) and, for
Debian's own files, the Debian archive that apt uses; where that cannot be reached, what needs it
is skipped and says so. HOLDFAST_TREES: a folder with fresh.tar and older.tar, made before, in place
of the archive (for whoever works on this). No service is started and nothing outside of build/packages is written.
"""
import glob
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import threading
import time
import traceback
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.append(os.path.join(os.path.dirname(HERE), "trees"))
from harness import Tpm  # noqa: E402

WORK = os.path.join(ROOT, "build/packages")
DEB = os.path.join(ROOT, "build/deb")
NONCE = "00112233445566778899aabbccddeeff"
BUILDERS = ("initramfs-tools-core", "dracut-core")
LAST_CALL = 332  # statx: Linux 4.11, older than any kernel that is still maintained
PACKAGES = ("holdfast", "holdfastctl", "holdfast-controller", "holdfast-initramfs")
# What dpkg, apt and ldconfig write for themselves, whatever is installed.
NOT_OURS = ("var/lib/dpkg", "var/lib/apt", "var/cache", "var/log", "proc", "sys", "dev", "tmp", "run",
            "deb", "etc/ld.so.cache", "etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-",
            "var/lib/systemd/deb-systemd-helper")
# What our dependencies leave behind when they are purged.
THEIRS = ("etc/kernel", "etc/initramfs-tools", "var/lib/initramfs-tools", "etc/ssl", "usr/local",
          "etc/ca-certificates", "etc/machine-id", "etc/systemd", "var/lib/systemd", "etc/ldap",
          "etc/modules", "etc/modprobe.d", "var/lib/dbus", "boot", "etc/udev", "etc/init.d", "lib/modules",
          "usr/lib/modules")


def need(condition, words):
    if not condition:
        raise AssertionError(words)


def run(argv, code=0, **more):
    """Its output, both streams in one; any other exit code than expected is a failure."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
                          cwd=more.pop("cwd", ROOT), timeout=300, **more)
    need(done.returncode == code, f"{' '.join(argv)}\nexit {done.returncode}, not {code}\n{done.stdout[-4000:]}")
    return done.stdout


PLAIN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive", "HOME": "/root"}


def inside(root, *argv, code=0, under=()):
    return run([*under, "chroot", root, *argv], code, cwd="/", env=PLAIN)


def put(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


# ---- the archive, asked once

class Archive:
    """Trees of Debian's own files, each made once, in a thread of its own."""

    def __init__(self):
        self.threads, self.failures = {}, {}

    @staticmethod
    def source(suite):
        for path in glob.glob("/etc/apt/sources.list.d/*.sources"):
            for paragraph in read(path).split("\n\n"):
                fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line[1:])
                if "bookworm" in fields.get("Suites", "") and "main" in fields.get("Components", ""):
                    uri = fields["URIs"].split()[0]
                    break
            else:
                continue
            break
        else:
            uri = next((line.split()[1] for path in ["/etc/apt/sources.list"] if os.path.exists(path)
                        for line in read(path).splitlines()
                        if line.startswith("deb http") and " bookworm " in line), "http://deb.debian.org/debian")
        return f"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {uri} {suite} main"

    def start(self, name, suite, *options):
        def make():
            shutil.rmtree(os.path.join(WORK, name), ignore_errors=True)
            saved = os.path.join(os.environ.get("HOLDFAST_TREES", "/nonexistent"), name + ".tar")
            if os.path.exists(saved):
                run(["mkdir", "-p", os.path.join(WORK, name)])
                run(["tar", "-C", os.path.join(WORK, name), "-xpf", saved])
                return
            done = subprocess.run(["mmdebstrap", "--mode=root", "--quiet", *options, suite,
                                   os.path.join(WORK, name), self.source(suite)], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            if done.returncode:
                self.failures[name] = done.stdout.strip().splitlines()[-1:] or ["mmdebstrap failed"]
        self.threads[name] = threading.Thread(target=make)
        self.threads[name].start()

    def tree(self, name):
        self.threads[name].join()
        if name in self.failures:
            raise unittest.SkipTest(f"no Debian archive: {self.failures[name][0]}")
        return os.path.join(WORK, name)


archive = Archive()


# ---- the portable tar

def portable():
    return glob.glob(os.path.join(ROOT, "build/holdfast-*-x86_64.tar.gz"))[0]


def unpack(root, folder):
    """The tar as `folder` of an otherwise untouched root."""
    os.makedirs(root, exist_ok=True)
    with tarfile.open(portable()) as tar:
        tar.extractall(root)
        top = tar.getnames()[0].split("/")[0]
    target = os.path.join(root, folder)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    os.rename(os.path.join(root, top), target)
    return "/" + folder + "/holdfast"


def live_commands(root, program, under=()):
    """scan, verify, attest and identity in a root, on a captured tree and a TPM of their own."""
    run([sys.executable, "tests/trees/make_tree.py", "tests/trees/lab.json", os.path.join(root, "capture")])
    tpm = Tpm(os.path.join(root, "tpm"))
    tcti = ["--tcti", "swtpm:path=/tpm/sock"]

    def holdfast(*words, code=0):
        return inside(root, program, *words, code=code, under=under)
    try:
        need(holdfast("--version").startswith("holdfast "), "version")
        text = holdfast("scan", "--sysfs", "/capture")
        need("not covered: BMC" in text and "8086:10d3" in text, text)
        text = holdfast("attest", "--sysfs", "/capture", "--nonce", NONCE, "--out", "/evidence", *tcti)
        need("quoted with PCR 16" in text, text)
        need("parts   7 recorded" in run(["build/release/holdfastctl", "evidence", "show", os.path.join(root, "evidence")]),
             "no evidence")
        text = holdfast("identity", "--sysfs", "/capture", *tcti)
        need("endorsement key" in text and "ek-sha256" in text, text)
        text = holdfast("verify", "--sysfs", "/capture", "--manifests", "/m", "--anchors", "/a", code=3)
        need("next:" in text, text)
    finally:
        tpm.stop()


def fresh(name):
    root = os.path.join(WORK, name)
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root)
    return root


def portable_is_the_same_twice():
    first = hashlib.sha256(open(portable(), "rb").read()).hexdigest()
    time.sleep(1.1)  # another second: no time of today may be in it
    run(["make", "--no-print-directory", "portable"])
    need(hashlib.sha256(open(portable(), "rb").read()).hexdigest() == first, "the same inputs gave other bytes")
    changed = dict(os.environ, SOURCE_DATE_EPOCH="1000000000")
    out = os.path.join(WORK, "dated.tar.gz")
    version = run(["build/release/holdfast", "--version"]).split()[1]
    run(["agent/portable/pack.sh", "build/release/holdfast", "build/release/starter", version, out], env=changed)
    with tarfile.open(out) as tar:
        need({m.mtime for m in tar} == {1000000000}, "SOURCE_DATE_EPOCH is not the time of every file")
        need({(m.uid, m.gid, m.uname) for m in tar} == {(0, 0, "")}, "an owner of this machine is in it")


def portable_runs_in_an_empty_root():
    root = fresh("empty")
    program = unpack(root, "any where/it lies")
    need(sorted(os.listdir(root)) == ["any where"], "the root is not empty")
    live_commands(root, program)
    os.symlink("any where/it lies/holdfast", os.path.join(root, "hf"))
    need(inside(root, "/hf", "--version").startswith("holdfast "), "through a link")


def portable_takes_nothing_of_the_host():
    """Every library of it, the loader and OpenSSL's settings lie in the root as garbage too."""
    root = fresh("hostile")
    program = unpack(root, "opt/holdfast")
    for name in os.listdir(os.path.join(root, "opt/holdfast/lib")):
        for folder in ("lib", "lib64", "usr/lib", "lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"):
            put(os.path.join(root, folder, name), "garbage\n")
    put(os.path.join(root, "etc/ld.so.preload"), "/lib/libc.so.6\n")
    put(os.path.join(root, "etc/ld.so.cache"), "garbage")
    put(os.path.join(root, "usr/lib/ssl/openssl.cnf"), "openssl_conf = [broken\n")
    live_commands(root, program)
    # Not by chroot(8), which these variables would bewilder before the program is reached.
    text = run([program, "--version"], cwd="/", preexec_fn=lambda: (os.chroot(root), os.chdir("/")),
               env={"LD_PRELOAD": "/lib/libc.so.6", "LD_LIBRARY_PATH": "/lib", "OPENSSL_CONF": "/x",
                    "LD_DEBUG": "files", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    need(text == run(["build/release/holdfast", "--version"]), f"a variable of the host was used:\n{text}")


def portable_runs_on_an_older_distribution():
    root = archive.tree("older")
    version = read(os.path.join(root, "etc/debian_version")).strip()
    program = unpack(root, "opt/holdfast")
    # The program itself cannot run there: the test would prove nothing if it could.
    text = run(["chroot", root, "/opt/holdfast/lib/holdfast", "--version"], 127, cwd="/")
    need("cannot open shared object" in text, text)
    live_commands(root, program)
    return [f"below Debian {version}, kernel {os.uname().release}"]


def portable_needs_no_recent_kernel():
    """Where later calls than those of Linux 4.11 do not exist."""
    root = fresh("older-kernel")
    live_commands(root, unpack(root, "holdfast"), [sys.executable, os.path.join(HERE, "older_kernel.py"), str(LAST_CALL)])


# ---- the packages

def debs():
    return sorted(path for path in glob.glob(os.path.join(DEB, "*.deb")) if "-dbgsym_" not in path)


def packages_are_clean_under_lintian():
    changes = glob.glob(os.path.join(DEB, "*.changes"))
    text = run(["lintian", "--allow-root", "--fail-on", "error,warning", changes[0]])
    need(not [line for line in text.splitlines() if line[:2] in ("E:", "W:")], text)


def packages_are_the_same_twice():
    before = {os.path.basename(path): hashlib.sha256(open(path, "rb").read()).hexdigest() for path in debs()}
    time.sleep(1.1)
    run(["make", "--no-print-directory", "deb"])
    after = {os.path.basename(path): hashlib.sha256(open(path, "rb").read()).hexdigest() for path in debs()}
    need(before == after and len(after) == 4, f"{before}\n{after}")


def snapshot(root):
    """{path: what it is} of all that an installation may leave."""
    found = {}
    for folder, folders, files in os.walk(root):
        relative = os.path.relpath(folder, root)
        folders[:] = [name for name in folders
                      if os.path.normpath(os.path.join(relative, name)) not in NOT_OURS + THEIRS]
        for name in folders + files:
            path = os.path.normpath(os.path.join(relative, name))
            if path in NOT_OURS + THEIRS or name == "__pycache__":
                continue
            status = os.lstat(os.path.join(root, path))
            found[path] = (stat.S_IFMT(status.st_mode), status.st_mode & 0o7777, status.st_uid)
    return found


def install(root, *files, others=()):
    shutil.rmtree(os.path.join(root, "deb"), ignore_errors=True)
    os.makedirs(os.path.join(root, "deb"))
    for path in files:
        shutil.copy(path, os.path.join(root, "deb"))
    return inside(root, "apt-get", "install", "-y", "-q", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0",
                  "-o", "Dpkg::Options::=--force-confold", *("/deb/" + os.path.basename(path) for path in files), *others)


def newer(path):
    """The same package as a later version, whose configuration says one thing more."""
    work = os.path.join(WORK, "newer")
    shutil.rmtree(work, ignore_errors=True)
    run(["dpkg-deb", "-R", path, work])
    control = os.path.join(work, "DEBIAN/control")
    put(control, read(control).replace("\nVersion: ", "\nVersion: 9:"))
    for conf in glob.glob(os.path.join(work, "etc/holdfast/*.conf")):
        put(conf, read(conf) + "# of the newer package\n")
    out = os.path.join(WORK, os.path.basename(path).replace("_", "_9%3a", 1))
    run(["dpkg-deb", "--root-owner-group", "-b", work, out])
    return out


def use_agent(root):
    need(inside(root, "holdfast", "--version") == run(["build/release/holdfast", "--version"]), "version")
    live_commands(root, "/usr/sbin/holdfast")
    # As docs/start.md has it typed, on a capture in place of /sys, which a chroot has not.
    typed = (newcomer("look") + newcomer("judge")).replace("holdfast scan", "holdfast scan --sysfs /capture")
    type_in(root, "cd /root\n" + typed.replace("holdfast verify", "holdfast verify --sysfs /capture"))
    shutil.rmtree(os.path.join(root, "root/lab"))
    os.unlink(os.path.join(root, "root/scan.json"))


def use_controller(root):
    """What docs/start.md has a newcomer type, up to the start."""
    user = ["setpriv", "--reuid=holdfast", "--regid=holdfast", "--clear-groups"]
    check = [*user, "holdfastd", "--config", "/etc/holdfast/holdfastd.conf", "--check"]
    conf = os.lstat(os.path.join(root, "etc/holdfast/holdfastd.conf"))
    group = inside(root, "getent", "group", "holdfast").split(":")[2]
    need((conf.st_uid, str(conf.st_gid), conf.st_mode & 0o777) == (0, group, 0o640), "the configuration's owner")
    need("nologin" in inside(root, "getent", "passwd", "holdfast"), "the user can log in")
    text = run(["chroot", root, "sh", "-c", '"$@"; echo "code $?"', "-", *check], cwd="/")
    need("/etc/holdfast/controller/" in text and "next:" in text and "code 0" not in text, text)
    type_in(root, newcomer("controller").replace("holdfast scan", "holdfast scan --sysfs /capture"))
    inside(root, "install", "-d", "-o", "holdfast", "-g", "holdfast", "-m", "700", "/var/lib/holdfast")
    inside(root, *check)
    unit = read(os.path.join(root, "lib/systemd/system/holdfastd.service"))
    need("ExecStart=/usr/sbin/holdfastd --config /etc/holdfast/holdfastd.conf" in unit, "the unit's program")
    need(not glob.glob(os.path.join(root, "etc/systemd/system/*/holdfastd*")), "enabled before it was set up")


def type_in(root, commands):
    done = subprocess.run(["chroot", root, "sh", "-eux"], input=commands, text=True, cwd="/", env=PLAIN,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    need(done.returncode == 0, done.stdout[-3000:])


def newcomer(title):
    """The commands of a section of docs/start.md that carry no other mark than four blanks."""
    text = read(os.path.join(ROOT, "docs/start.md"))
    part = text.split(f"<!-- tried: {title} -->", 1)[1].split("<!-- end -->", 1)[0]
    return "".join(line[4:] + "\n" for line in part.splitlines() if line.startswith("    "))


def use_initramfs(root):
    """An initramfs of either kind holds the step, before udev, and the agent runs in it."""
    put(os.path.join(root, "lib/modules/6.1.0-test/modules.order"), "")
    put(os.path.join(root, "lib/modules/6.1.0-test/modules.builtin"),
        "kernel/drivers/nvme/host/nvme.ko\nkernel/fs/efivarfs/efivarfs.ko\n")
    put(os.path.join(root, "boot/config-6.1.0-test"), "CONFIG_RD_GZIP=y\n")
    inside(root, "depmod", "6.1.0-test")
    put(os.path.join(root, "etc/holdfast/manifests.d/x.corim"), "not signed")
    put(os.path.join(root, "etc/holdfast/anchors/owner/owner.pem"), "-----BEGIN PUBLIC KEY-----\n")
    put(os.path.join(root, "etc/holdfast/anchors/owner/oops.pem"), "-----BEGIN PRIVATE KEY-----\n")
    text = inside(root, "mkinitramfs", "-o", "/tmp/initrd", "6.1.0-test")
    need("oops.pem holds a private key" in text, text)
    inside(root, "unmkinitramfs", "/tmp/initrd", "/tmp/image")
    order = read(os.path.join(root, "tmp/image/scripts/init-top/ORDER"))
    need(0 <= order.find("00-holdfast") < order.find("/udev ") or "/udev" not in order, order)
    need(order.index("/00-holdfast") == order.index("/scripts/init-top/") + len("/scripts/init-top"), order)
    check_image(os.path.join(root, "tmp/image"))
    text = inside(root, "dracut", "--force", "--no-hostonly", "--no-kernel", "--modules", "base holdfast",
                  "/tmp/dracut.img", "6.1.0-test")
    need("oops.pem holds a private key" in text, text)
    os.makedirs(os.path.join(root, "tmp/dracut"))
    inside(root, "sh", "-c", "cd /tmp/dracut && lsinitrd --unpack /tmp/dracut.img")
    need(glob.glob(os.path.join(root, "tmp/dracut/**/hooks/pre-udev/*pre-udev.sh"), recursive=True), "no pre-udev hook")
    check_image(os.path.join(root, "tmp/dracut"))
    use_gate(root)
    for path in ("etc/holdfast/manifests.d", "etc/holdfast/anchors"):
        shutil.rmtree(os.path.join(root, path))
    shutil.rmtree(os.path.join(root, "lib/modules/6.1.0-test"))


def use_gate(root):
    """The image of docs/start.md: /init starts, and refuses to be anything but the first process."""
    shutil.rmtree(os.path.join(root, "tmp/gate"), ignore_errors=True)
    os.makedirs(os.path.join(root, "tmp/gate/image"))
    type_in(root, "cd /tmp/gate; kernel=6.1.0-test\n" + newcomer("gate") + "sha256sum gate.img >first; sleep 1\n"
            "touch gate/holdfast.conf; holdfast-gate-image gate $kernel gate.img nvme efivarfs; sha256sum -c first\n"
            "! holdfast-gate-image gate $kernel none.img no-such-module; test ! -e none.img\n"
            "cp owner.key gate/anchors/; ! holdfast-gate-image gate $kernel none.img; test ! -e none.img\n"
            "cd image; cpio --quiet -id <../gate.img\n")
    image = os.path.join(root, "tmp/gate/image")
    programs = [path for path in ("init", "bin", "sbin", "usr/bin", "usr/sbin") if os.path.exists(os.path.join(image, path))]
    need(programs == ["init"], f"programs in it: {programs}")
    need("not-pid1" in run(["chroot", image, "/init"], 2, cwd="/"), "what /init says")
    need(os.path.exists(os.path.join(image, "etc/holdfast/anchors/owner/owner.pem")), "anchor")


def check_image(image):
    need(run(["chroot", image, "/usr/sbin/holdfast", "--version"], cwd="/").startswith("holdfast "), "agent")
    for path in ("usr/lib/holdfast/initramfs-step", "etc/holdfast/initramfs.conf",
                 "etc/holdfast/manifests.d/x.corim", "etc/holdfast/anchors/owner/owner.pem"):
        need(os.path.exists(os.path.join(image, path)), f"no {path}")
    need(not os.path.exists(os.path.join(image, "etc/holdfast/anchors/owner/oops.pem")), "a private key")
    found = [name for _, _, files in os.walk(image) for name in files if name.startswith("libtss2-tcti-device")]
    need(found, "tpm2-tss finds no way to the TPM in it")


def upgrade(root):
    """A configuration that was changed stays, with its owner; one that was not is renewed."""
    conf, untouched = (os.path.join(root, "etc/holdfast", name) for name in ("holdfastd.conf", "initramfs.conf"))
    with open(conf, "a", encoding="utf-8") as f:
        f.write("name = mine\n")
    before = os.lstat(conf)
    put(os.path.join(root, "var/lib/holdfast/kept"), "")
    install(root, *(newer(path) for path in debs() if "controller" in path or "initramfs" in path))
    after = os.lstat(conf)
    need("name = mine" in read(conf) and "newer" not in read(conf), "the administrator's lines are gone")
    need((before.st_mode, before.st_uid, before.st_gid) == (after.st_mode, after.st_uid, after.st_gid), "owner")
    need("newer" in read(untouched), "an untouched configuration was not renewed")
    need(os.path.exists(os.path.join(root, "var/lib/holdfast/kept")), "the store is gone")


def packages_install_run_upgrade_and_purge():
    root = archive.tree("fresh")
    before = snapshot(root)
    install(root, *debs(), others=BUILDERS)
    left = [name for name in ("holdfast", "holdfastctl", "holdfastd") if
            "holdfast" not in inside(root, "sh", "-c", f"command -v {name}")]
    need(not left, f"not in PATH: {left}")
    use_agent(root)
    use_controller(root)
    use_initramfs(root)
    upgrade(root)
    inside(root, "apt-get", "remove", "-y", "-q", *PACKAGES)
    need(os.path.exists(os.path.join(root, "etc/holdfast/holdfastd.conf")), "remove took the configuration")
    inside(root, "apt-get", "purge", "-y", "-q", "--auto-remove", *PACKAGES, *BUILDERS)
    for name in ("capture", "evidence", "tpm"):
        shutil.rmtree(os.path.join(root, name))
    after = snapshot(root)
    kept = sorted(path for path in after if path not in before)
    need(not [path for path in kept if "holdfast" in path], f"left behind: {kept}")
    need(not kept, f"left behind by what it depends on: {kept}")
    gone = sorted(path for path in before if path not in after)
    need(not gone, f"taken away: {gone}")
    changed = sorted(path for path in before if before[path] != after[path])
    need(not changed, f"changed: {changed}")
    text = inside(root, "dpkg-query", "-W", "-f", "${Package} ${Status}\n")
    need("holdfast" not in text, text)


# ---- the step of an initramfs, without one

def step(root, code=0, **settings):
    """Run it below a root of its own; a stand-in for the agent says what it was asked."""
    put(os.path.join(root, "etc/holdfast/initramfs.conf"),
        "# a comment\n\n" + "".join(f"{key.replace('_', '-')} = {value}\n" for key, value in settings.items()))
    put(os.path.join(root, "proc/sys/kernel/random/uuid"), "01234567-89ab-cdef-0123-456789abcdef\n")
    tool = os.path.join(root, "bin/holdfast")
    put(tool, '#!/bin/sh\necho "$@" >>"$HOLDFAST_ROOT/asked"\n'
        "printf '%s\\n' 'said by a device: \\033[2J'\n"
        '[ "$1" != "$FAIL" ] || exit "$FAIL_CODE"\n')
    put(os.path.join(root, "bin/sleep"), "#!/bin/sh\nkill $PPID\nexit 1\n")
    for name in ("holdfast", "sleep"):
        os.chmod(os.path.join(root, "bin", name), 0o755)
    return lambda fail="", fail_code=1: run(
        ["sh", "agent/initramfs/step", "test"], code,
        env={"HOLDFAST_ROOT": root, "PATH": os.path.join(root, "bin") + ":" + os.environ["PATH"],
             "FAIL": fail, "FAIL_CODE": str(fail_code)})


def step_measures_and_goes_on():
    root = fresh("step")
    text = step(root)()
    asked = read(os.path.join(root, "asked")).splitlines()
    need(len(asked) == 1 and asked[0].startswith("attest --initramfs-step test --nonce 0123456789abcdef"), asked)
    need("--rom=all" in asked[0] and "is no gate" in text, text)
    need(read(os.path.join(root, "run/holdfast/initramfs/verdict.exit")) == "0\n", "verdict")
    os.unlink(os.path.join(root, "asked"))
    text = step(root, rom="none")("attest", 5)
    asked = read(os.path.join(root, "asked")).splitlines()
    need([line.split()[0] for line in asked] == ["attest", "scan"] and "--rom=none" in asked[1], asked)
    need("no TPM answers" in text, text)


def step_says_or_stops_what_is_refused():
    root = fresh("step-refused")
    put(os.path.join(root, "etc/holdfast/manifests.d/m.corim"), "")
    need("WOULD REFUSE" in step(root, on_refusal="warn")("verify", 3), "warn says nothing")
    need("WOULD REFUSE" not in step(root, on_refusal="warn")(), "warn says too much")
    for settings in ({"on_refusal": "stop"}, {"on_refusal": "stpo"}, {"on_refusal": "stop now"}):
        for code in (1, 3, 4, 126):  # whatever keeps the judge from saying yes
            text = step(root, -15, **settings)("verify", code)	# the stand-in for sleep kills it: nothing else ends it
            need("REFUSED: this host starts nothing" in text and "WOULD" not in text, text)
            need("by a device: \\033[2J" in text and "\x1b" not in text, repr(text))
    os.rename(os.path.join(root, "run"), os.path.join(root, "ran"))
    put(os.path.join(root, "run"), "no folder can be made here\n")
    need("nothing was measured" in step(root, -15, on_refusal="stop")(), "stop goes on where nothing can be written")
    os.unlink(os.path.join(root, "run"))
    need("REFUSED" not in step(root, on_refusal="stop")(), "an accepted host is stopped")
    os.unlink(os.path.join(root, "etc/holdfast/manifests.d/m.corim"))
    need("no manifest is in this" in step(root, -15, on_refusal="stop")(), "stop without manifests goes on")


CASES = [
    ("portable-is-the-same-twice", portable_is_the_same_twice),
    ("portable-runs-in-an-empty-root", portable_runs_in_an_empty_root),
    ("portable-takes-nothing-of-the-host", portable_takes_nothing_of_the_host),
    ("portable-needs-no-recent-kernel", portable_needs_no_recent_kernel),
    ("step-measures-and-goes-on", step_measures_and_goes_on),
    ("step-says-or-stops-what-is-refused", step_says_or_stops_what_is_refused),
    ("packages-are-clean-under-lintian", packages_are_clean_under_lintian),
    ("portable-runs-on-an-older-distribution", portable_runs_on_an_older_distribution),
    ("packages-install-run-upgrade-and-purge", packages_install_run_upgrade_and_purge),
    ("packages-are-the-same-twice", packages_are_the_same_twice),
]


def run_one(name, function):
    try:
        said = function()
    except unittest.SkipTest as why:
        print(f"skip {name} {why}", flush=True)
        return True
    except Exception:  # a test that breaks is a test that failed
        traceback.print_exc(file=sys.stdout)
        print(f"not ok {name}", flush=True)
        return False
    print(f"ok {name}" + "".join(f" ({line})" for line in said or []), flush=True)
    return True


def main():
    chosen = [(name, function) for name, function in CASES
              if not sys.argv[1:] or any(word in name for word in sys.argv[1:])]
    if os.getuid() != 0:
        print("skip packages chroot needs root")
        return 0
    os.makedirs(WORK, exist_ok=True)
    names = " ".join(name for name, _ in chosen)
    if "install" in names:
        archive.start("fresh", "bookworm", "--variant=minbase", "--skip=cleanup/apt/lists",
                      "--include=systemd-standalone-sysusers,openssl")
    if "older" in names:
        archive.start("older", "bullseye", "--variant=extract", "--include=bash,coreutils,libc6")
    run(["make", "--no-print-directory", f"-j{os.cpu_count() or 2}", "portable"])
    run(["make", "--no-print-directory", "deb"])
    results = [run_one(name, function) for name, function in chosen]
    for thread in archive.threads.values():
        thread.join()
    for name in archive.threads:
        shutil.rmtree(os.path.join(WORK, name), ignore_errors=True)
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
