# SPDX-License-Identifier: GPL-3.0-or-later
"""A small fleet of simulated hosts against real controllers: enrolment that really opens its
credential, whole evidences of 64 parts, and controllers that are killed meanwhile. Whatever happens,
a host has one verdict and one ticket for one reclaim, and everybody who saw it is told the same.
FLEET_HOSTS says how many hosts."""
import os
import time

import fleet_lab
import postgres

HOSTS = int(os.environ.get("FLEET_HOSTS", "200"))


def expect(numbers, **want):
    for name, value in want.items():
        is_ = numbers[name.replace("_", "-")]
        assert is_ == value, f"{name} is {is_}, not {value}: {numbers}"


def one_verdict_each(sql, hosts, boots):
    """By the database itself, whatever the controllers say: (host, gate's verdicts, tickets)."""
    rows = sql("SELECT host, count(*), sum(CASE WHEN release <> 0 THEN 1 ELSE 0 END) FROM verdicts WHERE kind = 0 "
               "GROUP BY host ORDER BY host")
    assert len(rows) == hosts, f"{len(rows)} hosts of {hosts} have a verdict"
    wrong = [row for row in rows if row[1:] != [str(boots), str(boots)]]
    assert not wrong, f"host, verdicts, tickets: {wrong[:5]}"
    twice = sql("SELECT reclaim, count(*) FROM verdicts WHERE release <> 0 GROUP BY reclaim HAVING count(*) > 1")
    assert not twice, f"reclaims with two tickets: {twice[:5]}"


def one_controller():
    """On SQLite: the same evidence again gives the same ticket, the tenant's gives none."""
    with fleet_lab.Fleet(20) as fleet:
        store = fleet.dir + "/store.sqlite"
        fleet.add(store)
        fleet.seed_store(store)
        numbers = fleet.generate("run", "--again", "2", "--receipt")
        expect(numbers, tickets=20, enrolled=20, receipts=20, lost=0, twice=0, refused=0, again_same=10,
               again_refused=10)
        numbers = fleet.generate("run", "--boot", "9", may_fail=True)
        expect(numbers, tickets=0, refused=20)
        assert numbers["causes"] == {"host-in-use": 20}, numbers
        fleet.seed_store(store)     # the next lease; the resets of before are too few
        numbers = fleet.generate("run", "--boot", "1", may_fail=True)
        expect(numbers, tickets=0, refused=20)
        assert numbers["causes"] == {"reset-count-not-risen": 20}, numbers
        fleet.seed_store(store)
        expect(fleet.generate("run", "--boot", "99"), tickets=20, enrolled=0, lost=0)
        assert fleet.controllers[0].stop() == 0
        assert "audit intact" in fleet.verify_audit(store)


def foreign_tpms():
    """Whose TPM is not the inventory's opens nothing and enrols nothing."""
    with fleet_lab.Fleet(4) as fleet:
        store = fleet.dir + "/store.sqlite"
        fleet.add(store)
        fleet.seed_store(store)
        numbers = fleet.generate("run", "--seed", "another", may_fail=True)
        expect(numbers, tickets=0, enrolled=0, refused=4)
        assert set(numbers["causes"]) == {"host-unknown"}, numbers
        expect(fleet.generate("run"), tickets=4, enrolled=4)


def three_controllers_one_killed():
    with postgres.Postgres() as database, fleet_lab.Fleet(HOSTS) as fleet:
        store = database.fresh()
        for _ in range(3):
            fleet.add(store)
        fleet.seed_store(store)
        run = fleet.begin("run", "--again", "5", "--receipt", "--connections", "8")
        victim, killed = fleet.controllers[1], 0
        while run.poll() is None:
            time.sleep(0.3)
            if run.poll() is None and killed < 3:
                victim.kill()
                killed += 1
                time.sleep(0.2)
                victim.start()
        numbers = fleet.end(run)
        assert killed, "the run was over before anybody was killed: give it more FLEET_HOSTS"
        expect(numbers, tickets=HOSTS, lost=0, twice=0, bad_ticket=0, refused=0)
        one_verdict_each(lambda text: database.sql(text, store), HOSTS, 1)
        assert [c.stop() for c in fleet.controllers] == [0, 0, 0]
        said = fleet.verify_audit(store)
        assert "audit intact" in said
        return [f"killed {killed} times: {numbers}", said.strip()]


def database_restarts():
    """As after a power cut of the database's machine, with two controllers at work."""
    with postgres.Postgres() as database, fleet_lab.Fleet(HOSTS // 2) as fleet:
        store = database.fresh()
        fleet.add(store)
        fleet.add(store)
        fleet.seed_store(store)
        run = fleet.begin("run", "--connections", "8")
        time.sleep(0.4)
        under_way = run.poll() is None
        database.restart()
        numbers = fleet.end(run)
        assert under_way, "the run was over before the database was stopped: give it more FLEET_HOSTS"
        expect(numbers, tickets=HOSTS // 2, lost=0, twice=0, refused=0)
        one_verdict_each(lambda text: database.sql(text, store), HOSTS // 2, 1)
        assert "audit intact" in fleet.verify_audit(store)


MAKE = ["holdfastd", "holdfastctl", "tests/fleet/fleet"]
CASES = [("fleet: " + f.__name__.replace("_", " "), f) for f in (
    one_controller, foreign_tpms, three_controllers_one_killed, database_restarts)]
