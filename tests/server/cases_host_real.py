# SPDX-License-Identifier: GPL-3.0-or-later
"""holdfastctl host and audit as an operator uses them: a real holdfastd, simulated hosts, and the
life of a host from the inventory to its next lease."""
import json
import os
import sqlite3
import subprocess

import fleet_lab


class Operator:
    def __init__(self, fleet):
        self.fleet = fleet

    def __call__(self, *words, code=0, has=()):
        done = subprocess.run(
            [os.path.join(fleet_lab.BUILD, "holdfastctl"), *words], capture_output=True, text=True, check=False,
            env={"PATH": os.environ["PATH"], "HOLDFAST_URL": self.fleet.controllers[0].url,
                 "HOLDFAST_CA": self.fleet.ca.ca, "HOLDFAST_TOKEN_FILE": self.fleet.dir + "/token"})
        text = done.stdout + done.stderr
        assert done.returncode == code, f"{words}: exit {done.returncode}: {text}"
        flat = " ".join(text.split())
        for word in has:
            assert word in flat, f"{word!r} is not in: {text}"
        if "--json" not in words and words[:2] not in (("host", "result"), ("audit", "show"), ("host", "evidence")):
            assert max(map(len, text.splitlines()), default=0) <= 80, text
        return done.stdout


def the_life_of_a_host():
    with fleet_lab.Fleet(3) as fleet:
        with open(fleet.dir + "/seal", "wb") as f:
            f.write(os.urandom(32))
        os.chmod(fleet.dir + "/seal", 0o600)
        fleet.add(fleet.dir + "/store.sqlite", "--secret-key", fleet.dir + "/seal")
        ctl = Operator(fleet)
        anchor = fleet.ticket + ".pem"
        ctl("host", "import", fleet.dir + "/inventory.csv", has=["3 hosts, 3 of them new"])
        ctl("host", "import", fleet.dir + "/inventory.csv", has=["3 hosts, 0 of them new"])
        ctl("host", "show", "host-0", has=["HELD", "none yet", "not yet; the gate does it by itself"])
        ctl("host", "result", "host-0", "--verify", "--anchor", anchor, code=3)
        assert fleet.generate("run", may_fail=True)["causes"] == {"host-not-reclaimed": 3}
        for host in ("host-0", "host-1", "host-2"):
            ctl("host", "reclaim", host, "--lease", "L1", "--power-cycled", has=["RECLAIMED", "not given"])
        ctl("host", "secret", "host-0", "--file", fleet.dir + "/token", has=["sealed"])
        assert fleet.generate("run", "--receipt")["tickets"] == 3
        listing = ctl("host", "list", "--state", "in-use")
        assert len(listing.splitlines()) == 4, listing
        ctl("host", "show", "host-0", has=["IN-USE", "ticket given", "for the tenant image", "receipt 20"])
        ctl("host", "result", "host-0", "--verify", "--anchor", anchor, has=["affirming", "receipt came"])
        jwt = ctl("host", "result", "host-0", "--format", "jwt")
        assert jwt.strip().count(".") == 2, jwt
        ctl("host", "verdicts", "host-0", has=["lease L1", "affirming"])
        ctl("host", "drift", "host-0", has=["0 changes"])
        name = json.loads(ctl("host", "show", "host-0", "--json"))["ak-name"]
        source = json.loads(ctl("waiver", "create", "--name", "move", "--id", "host-0", "--generation", "7",
                                "--boots", "3", "--json"))
        assert source["host"] == name and source["boots"]["to"] - source["boots"]["from"] == 2, source
        tried = json.loads(ctl("manifest", "test", fleet.dir + "/manifests", "--controller", "--anchors",
                               fleet.dir + "/anchors", "--json"))
        assert tried["counts"]["hosts"] == 3 and tried["counts"]["admitted"] == 3, tried["counts"]
        assert not tried["counts"]["worse"] and not tried["counts"]["not_judged"], tried["counts"]
        ctl("manifest", "test", fleet.dir + "/manifests", "--controller", "--state", "reclaimed", code=2,
            has=["nothing was tried"])
        forget_evidence(fleet, "host-2")
        tried = json.loads(ctl("manifest", "test", fleet.dir + "/manifests", "--controller", "--json", code=3))
        assert (tried["counts"]["admitted"], tried["counts"]["not_judged"]) == (2, 1), tried["counts"]
        ctl("waiver", "create", "--name", "move", "--id", "nobody", "--generation", "7", "--boots", "3", code=3,
            has=["[host-unknown, HTTP 404]"])
        ctl("host", "secret", "host-0", "--file", fleet.dir + "/token", code=3, has=["host-not-reclaimed"])
        next_lease(fleet, ctl, anchor)


def forget_evidence(fleet, host):
    """As when others of its kind came since."""
    with sqlite3.connect(fleet.dir + "/store.sqlite", timeout=20) as store:
        assert store.execute("DELETE FROM evidence WHERE host = ?", (host,)).rowcount, "no evidence of " + host


def next_lease(fleet, ctl, anchor):
    said = ctl("host", "evidence", "host-0", "--out", fleet.dir + "/evidence")
    nonce = said.split("--nonce ")[1].strip()
    ctl("evidence", "verify", fleet.dir + "/evidence", "--anchors", fleet.dir + "/anchors", "--manifests",
        fleet.dir + "/manifests", "--nonce", nonce, has=["affirmed"])
    ctl("host", "reclaim", "host-0", "--lease", "L2", "--power-cycled",
        has=["RECLAIMED", "none yet; before: affirming, lease L1"])
    ctl("host", "result", "host-0", "--verify", "--anchor", anchor, code=3)
    ctl("host", "hold", "host-0", "--why", "smoke in rack 4", has=["HELD", "smoke in rack 4, by token:fleet"])
    ctl("host", "result", "host-0", "--verify", "--anchor", anchor, code=3, has=["[held-by-operator]"])
    assert fleet.generate("run", "--hosts", "1", "--boot", "5", may_fail=True)["causes"] == {"held-by-operator": 1}
    ctl("host", "re-enrol", "host-1", "--ek-sha256", "ab" * 32, has=["HELD", "ab" * 32])
    ctl("host", "remove", "host-1", has=["removed"])
    ctl("host", "show", "host-1", code=3, has=["[host-unknown, HTTP 404]", "next: import it"])
    assert [h["id"] for h in json.loads(ctl("host", "list", "--json"))["hosts"]] == ["host-0", "host-2"]
    ctl("audit", "show", "--host", "host-0", has=["token:fleet hold host-0", "verdict host-0"])
    ctl("audit", "verify", has=["the audit is whole"])


def lists_of_many_hosts():
    with fleet_lab.Fleet(1203) as fleet:
        fleet.add(fleet.dir + "/store.sqlite")
        ctl = Operator(fleet)
        ctl("host", "import", fleet.dir + "/inventory.csv", has=["1203 of them new"])
        listing = ctl("host", "list").splitlines()[1:]
        assert len({line.split()[0] for line in listing}) == 1203 and len(listing) == 1203
        assert len(ctl("host", "list", "--state", "held").splitlines()) == 1204
        assert len(ctl("host", "list", "--state", "in-use").splitlines()) == 1


MAKE = ["holdfastd", "holdfastctl", "tests/fleet/fleet"]
CASES = [("host cli real: " + f.__name__.replace("_", " "), f) for f in (the_life_of_a_host, lists_of_many_hosts)]
