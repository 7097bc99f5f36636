# SPDX-License-Identifier: GPL-3.0-or-later
"""A night: three controllers on one PostgreSQL, 200 simulated hosts, and one host that is real as far
as it can be here: the shipped agent on a captured tree with a software TPM (a rehearsal: its release is
HELD captured-tree, when everything before it was in order). The runbook's own commands are run as they
stand in docs/runbook.md, by a shell, and a stopwatch says how long each step took."""
import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time

import firmware
import fleet_lab
import harness
import postgres
import rehearsal
import sources
from harness import need

HOST = "rack1-host1"
RUNBOOK = os.path.join(harness.ROOT, "docs/runbook.md")


def say(*lines):
    if os.environ.get("V") == "1":
        print("\n".join(lines), flush=True)


def block(name):
    """The commands of the runbook below the comment with that name, without its indentation."""
    with open(RUNBOOK, encoding="utf-8") as f:
        text = f.read()
    found = re.findall(rf"<!-- tried: {re.escape(name)} -->\n\n((?:    .*\n|\n(?=    ))+)", text)
    need(len(found) == 1, f"docs/runbook.md has {len(found)} blocks of commands called {name}")
    return re.sub(r"^    ", "", found[0], flags=re.M)


class Night:
    """Where it happens. host: the one that is held; shell: what the runbook tells somebody to type."""

    def __init__(self, t, fleet, store):
        self.t, self.fleet, self.store, self.boots, self.steps = t, fleet, store, 0, []
        self.host = rehearsal.Host(t)
        for name in ("owner", "waiver"):
            os.makedirs(f"{fleet.dir}/anchors/{name}", exist_ok=True)
        self.shift = sources.Owner(t, "shift-lead")   # may sign waivers, and nothing else
        for anchors in (f"{self.host.etc}/anchors", f"{fleet.dir}/anchors"):
            os.makedirs(f"{anchors}/waiver", exist_ok=True)
            shutil.copy(self.shift.public, f"{anchors}/waiver/")
        shutil.copy(self.host.owner.public, f"{fleet.dir}/anchors/owner/")
        for name in os.listdir(f"{self.host.etc}/manifests.d"):
            shutil.copy(f"{self.host.etc}/manifests.d/{name}", f"{fleet.dir}/manifests/")
        shutil.copy(f"{self.host.store}/images.corim", f"{fleet.dir}/manifests/")
        for role, path in (("controller", fleet.ca.ca), ("ticket", fleet.ticket + ".pem")):
            os.makedirs(f"{self.host.etc}/anchors/{role}")
            shutil.copy(path, f"{self.host.etc}/anchors/{role}/{role}.pem")

    # ---- the site: what the runbook's three functions stand for ----
    def site(self):
        """As a site would write it with scp, systemctl and ipmitool."""
        f, h = self.fleet, self.host
        running = " ".join(str(c.process.pid) for c in f.controllers if c.process.poll() is None)
        return (f"to_controllers() {{ cp \"$1\" {f.dir}/manifests/; "
                f"{f'kill -HUP {running}; sleep 1' if running else ':'}; }}\n"
                f"to_image() {{ cp \"$1\" {h.etc}/manifests.d/; }}\n"
                f"power_cycle() {{ echo \"$1\" >>{self.t.path('cycled')}; }}\n")

    def environment(self):
        up = [c for c in self.fleet.controllers if c.process.poll() is None] or self.fleet.controllers
        return {"PATH": f"{harness.BUILD}:/usr/bin:/bin", "HOLDFAST_URL": up[0].url, "HOLDFAST_CA": self.fleet.ca.ca,
                "HOLDFAST_TOKEN_FILE": self.fleet.dir + "/token", "host": HOST,
                "anchors": self.fleet.dir + "/anchors", "manifests": self.fleet.dir + "/manifests",
                "lead_key": self.shift.key, "owner_key": self.host.owner.key}

    def runbook(self, name, code=0, **more):
        """One block of it; what it printed."""
        text = block(name)
        say("", f"== {name}", *[f"   $ {line}" if not line.startswith(" ") else f"     {line}"
                                for line in text.rstrip().splitlines()])
        begin = time.monotonic()
        done = subprocess.run(["sh", "-eu", "-c", self.site() + text], cwd=self.t.path(), text=True, check=False,
                              env={**self.environment(), **more}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=120)
        self.took(f"typed: {name}", begin)
        say(*[f"     {line}" for line in done.stdout.rstrip().splitlines()])
        need(done.returncode == code, f"{name}: exit {done.returncode}, not {code}\n{text}\n{done.stdout}")
        return done.stdout

    def took(self, what, begin):
        self.steps.append((what, time.monotonic() - begin))

    def stopwatch(self, title):
        say("", f"== stopwatch: {title}", *[f"   {seconds:6.1f} s  {what}" for what, seconds in self.steps],
            f"   {sum(s for _, s in self.steps):6.1f} s  in all, without the machine's own POST and without thinking")
        self.steps = []

    # ---- the host ----
    def listen(self, seconds=20, policy="controller"):
        urls = " ".join(c.url for c in self.fleet.controllers)
        self.host.configure(f"controller = {urls}\ncontroller-seconds = {seconds}\n", policy=policy)

    def enter(self):
        """Into the inventory, by its own endorsement key, and reclaimed."""
        said = json.loads(self.t.holdfast("identity", "--json", "--sysfs", self.host.tree.sys, "--tcti",
                                          self.host.tpm.tcti, code=0).text)
        key = said["eks"][0]["ek-sha256"]
        with open(self.t.path("host.csv"), "w", encoding="ascii") as f:
            f.write(f"id,ek-sha256,serial,model,banks,ek-accepted\n{HOST},{key},LAB0001,lab-q35,,yes\n")
        self.ctl("host", "import", self.t.path("host.csv"))
        self.reclaim("lease-1")

    def reclaim(self, lease):
        self.ctl("host", "reclaim", HOST, "--lease", lease, "--power-cycled")

    def ctl(self, *words, code=0):
        done = subprocess.run(["holdfastctl", *words], env=self.environment(), cwd=self.t.path(), text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        need(done.returncode == code, f"{words}: exit {done.returncode}\n{done.stdout}")
        return done.stdout

    def show(self):
        return json.loads(self.ctl("host", "show", HOST, "--json"))

    def show_later(self):
        """With the controllers started again."""
        for controller in self.fleet.controllers:
            controller.start()
        return self.show()

    def boot(self, cause, tpm=None):
        """One boot after a reset; its console."""
        self.boots += 1
        if self.boots > 1 and not tpm:
            self.reset()
        tpm = tpm or self.host.tpm
        self.host.evidence = self.t.path(f"boot{self.boots}")
        firmware.extend(tpm, self.host.events)
        begin = time.monotonic()
        result = self.t.holdfast("boot", "--sysfs", self.host.tree.sys, "--tcti", tpm.tcti, "--etc", self.host.etc,
                                 "--evidence", self.host.evidence)
        self.took(f"boot {self.boots}, gate alone: {cause}", begin)
        need(f"cause={cause}" in result.text + result.errors, f"wanted {cause}\n{result.describe()}")
        return result.text + result.errors

    def reset(self):
        tpm = self.host.tpm
        tpm.tool("tpm2_shutdown", "-c", ok=False)
        tpm.stop()
        for name in ("sock", "sock.ctrl"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{tpm.directory}/{name}")
        tpm.start()


@contextlib.contextmanager
def night(hosts, controllers=1, database=None):
    """database: a Postgres; without it one controller on SQLite."""
    with tempfile.TemporaryDirectory(prefix="holdfast-night.") as folder, harness.Context("night", folder) as t, \
            fleet_lab.Fleet(hosts) as fleet:
        store = database.fresh() if database else fleet.dir + "/store.sqlite"
        n = Night(t, fleet, store)
        for _ in range(controllers):
            fleet.add(store)
        n.listen()
        yield n


def postgres_or_skip():
    return postgres.Postgres()
