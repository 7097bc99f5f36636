# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL of one test's own: Debian's, in a temporary directory, on a UNIX socket.

    with postgres.Postgres() as database:
        database.url        postgresql://... for holdfastd --store
        database.fresh()    the URL of a new, empty database in it
        database.restart()  as after a crash: pg_ctl restart -m immediate
        database.sql("...") as the owner; the rows as lists of texts

It does not run as root: then it becomes user postgres. It ends with the process that made it, also
if that one is killed.
"""
import ctypes
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.parse

PR_SET_PDEATHSIG = 1


def bin_dir():
    """The newest server that is installed; None: none is."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[4]))
    return found[-1] if found else None


class Postgres:
    def __init__(self, settings=()):
        self.bin = bin_dir()
        if not self.bin:
            raise FileNotFoundError("PostgreSQL is not installed: tests/deps.sh")
        self.user = pwd.getpwnam("postgres") if os.getuid() == 0 else None
        self.dir = tempfile.mkdtemp(prefix="hf-pg-", dir="/tmp")  # a socket's path is short
        self.data, self.count, self.server = os.path.join(self.dir, "data"), 0, None
        self.settings = ["listen_addresses=", f"unix_socket_directories={self.dir}", "shared_buffers=32MB",
                         "max_connections=200", "logging_collector=off", *settings]
        try:
            if self.user:
                os.chown(self.dir, self.user.pw_uid, self.user.pw_gid)
            self.run("initdb", "-D", self.data, "-U", "holdfast", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
            self.start()
        except BaseException:
            self.stop()
            raise
        self.url = self.address("postgres")

    def address(self, name):
        return f"postgresql:///{name}?host={urllib.parse.quote(self.dir, safe='')}&user=holdfast"

    def become(self):
        if self.user:
            os.setgroups([])
            os.setgid(self.user.pw_gid)
            os.setuid(self.user.pw_uid)

    def become_and_die_with(self, parent):
        os.setsid()  # a terminal's ^C is ours to handle
        self.become()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)
        if os.getppid() != parent:
            os._exit(1)

    def run(self, program, *args, check=True):
        done = subprocess.run([os.path.join(self.bin, program), *args], preexec_fn=self.become, cwd="/",
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if check and done.returncode:
            raise RuntimeError(f"{program}: {done.stdout[-2000:]}")
        return done.stdout

    def start(self):
        parent = os.getpid()
        argv = [os.path.join(self.bin, "postgres"), "-D", self.data]
        for setting in self.settings:
            argv += ["-c", setting]
        with open(os.path.join(self.dir, "log"), "ab") as log:
            self.server = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                                           preexec_fn=lambda: self.become_and_die_with(parent))
        for _ in range(600):
            if self.server.poll() is not None:
                raise RuntimeError("postgres: " + open(os.path.join(self.dir, "log")).read()[-2000:])
            ready = subprocess.run([os.path.join(self.bin, "pg_isready"), "-q", "-h", self.dir], cwd="/")
            if ready.returncode == 0:
                return
            time.sleep(0.05)
        raise RuntimeError("postgres: not ready in 30 s")

    def crash(self):
        """All of its processes end at once, with nothing written that was not written."""
        self.server.send_signal(signal.SIGQUIT)
        self.server.wait()

    def restart(self):
        self.crash()
        self.start()

    def fresh(self):
        self.count += 1
        self.sql(f"CREATE DATABASE store{self.count}")
        return self.address(f"store{self.count}")

    def sql(self, text, url=None):
        out = self.run("psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d",
                       url or self.address("postgres"), "-c", text)
        return [line.split("\t") for line in out.splitlines()]

    def stop(self):
        if self.server and self.server.poll() is None:
            self.crash()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
