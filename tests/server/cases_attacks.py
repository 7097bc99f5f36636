# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that lie to a real holdfastd over TLS, one lie each (tests/fleet/lies.c), and exactly the
reason for which it refuses each of them. What the enrolled key did not sign changes nothing: the
host that meant well gets its ticket afterwards. What it did sign holds the host until somebody
reclaims it."""
import fleet_lab

UNSIGNED = {     # lie: reason
    "relayed": "boot-key-differs",
    "owner-hierarchy": "ak-hierarchy",
    "other-nonce": "quote-nonce",
    "bad-signature": "quote-signature",
}
SIGNED = {
    "golden-log": "quote-pcr-digest",
    "capped": "log-after-end",
    "forged-image": "agent-kernel-changed",
    "other-driver": "boot-driver-unknown",
    "other-rom": "firmware-unknown",
    "changed-claim": "claims-digest",
    "local-policy": "agent-policy",
    "audit-mode": "ticket-other-policy",
    "other-chassis": "chassis-differs",
}


def lie(fleet, host, name):
    numbers = fleet.generate("run", "--first", str(host), "--hosts", "1", "--boot", "1", "--lie", name, may_fail=True)
    return numbers


def refused_for(numbers, cause):
    assert numbers["tickets"] == 0 and numbers["causes"] == {cause: 1}, numbers


def meant_well(fleet, host):
    return fleet.generate("run", "--first", str(host), "--hosts", "1", "--boot", "2", may_fail=True)


def what_no_key_signed():
    with fleet_lab.Fleet(len(UNSIGNED)) as fleet:
        store = fleet.dir + "/store.sqlite"
        fleet.add(store)
        fleet.seed_store(store)
        for host, (name, cause) in enumerate(UNSIGNED.items()):
            refused_for(lie(fleet, host, name), cause)
            numbers = meant_well(fleet, host)
            assert numbers["tickets"] == 1, (name, numbers)
        assert "audit intact" in fleet.verify_audit(store)


def what_the_key_signed():
    with fleet_lab.Fleet(len(SIGNED)) as fleet:
        store = fleet.dir + "/store.sqlite"
        fleet.add(store)
        fleet.seed_store(store)
        for host, (name, cause) in enumerate(SIGNED.items()):
            refused_for(lie(fleet, host, name), cause)
            refused_for(meant_well(fleet, host), "host-not-reclaimed")
        fleet.seed_store(store)
        numbers = fleet.generate("run", "--boot", "3", may_fail=True)
        assert numbers["tickets"] == len(SIGNED), numbers
        assert "audit intact" in fleet.verify_audit(store)


def a_key_that_signs_anything():
    """It is refused before anything else is done for it, enrolment too."""
    with fleet_lab.Fleet(1) as fleet:
        store = fleet.dir + "/store.sqlite"
        fleet.add(store)
        fleet.seed_store(store)
        refused_for(lie(fleet, 0, "unrestricted-key"), "ak-template")
        assert meant_well(fleet, 0)["tickets"] == 1


def what_the_agent_thinks_counts_for_nothing():
    """A good host that says so is released for what it shows; nothing else in verdict.json is read."""
    with fleet_lab.Fleet(1) as fleet:
        store = fleet.dir + "/store.sqlite"
        fleet.add(store)
        fleet.seed_store(store)
        assert lie(fleet, 0, "verdict-says-accepted")["tickets"] == 1


MAKE = ["holdfastd", "holdfastctl", "tests/fleet/fleet"]
CASES = [("attacks: " + f.__name__.replace("_", " "), f) for f in (
    what_no_key_signed, what_the_key_signed, a_key_that_signs_anything, what_the_agent_thinks_counts_for_nothing)]
