#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller beside the floor of its cryptography, and 20,000 simulated hosts with one of three
controllers killed. The hosts (tests/fleet) run on the same processors, so a rate says what is left;
CPU is holdfastd's own, from /proc.

    controller.py [--hosts N] [--fleet N]     (0: not that part)
"""
import argparse
import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests/server"), os.path.join(ROOT, "tests")]
sys.dont_write_bytecode = True

import debian_python  # noqa: E402

MISSING = debian_python.need("cryptography", "cbor2")
if MISSING:
    sys.exit(f"skip the controller: this python3 has no {' and no '.join(MISSING)}")

import fleet_lab  # noqa: E402
import postgres  # noqa: E402

# What one attestation cannot do without on the controller's side, over two connections, as the
# network card is unbound between challenge and evidence, and sessions are not resumed. A key pair
# counts as an agreement: both are one multiplication, and openssl speed measures only the latter.
# Bytes are those of the log and the claims, each once: hashed as a whole (the verdict names their
# digest), the claims by part (SHA-384, as the log has them), decrypted. What hangs on their number
# (extends of the replay, keys of TLS) is left out: the floor is rather too low than too high.
FLOOR = (("x25519", 4, "two handshakes: a key pair and an agreement each"),
         ("sign", 4, "two handshakes, the challenge, the ticket"),
         ("verify", 3, "the boot key in two handshakes, the quote"))
FLOOR_BYTES = (("sha256", ("log", "claims"), "the evidence's digest"),
               ("sha384", ("claims",), "each part's claims"),
               ("aes-256-gcm", ("log", "claims"), "TLS: the evidence"))
RECEIPT = {"verify": 1}  # the quote after CAP, where it is sent over the same connection


def row(label, *cells):
    print(f"  {label:<46}" + "".join(f"{cell:>14}" for cell in cells), flush=True)


def openssl_speed():
    """On one processor: operations per second ("x25519", "sign", "verify"), bytes per second (the others)."""
    def said(*what):
        return subprocess.run(["openssl", "speed", "-seconds", "2", *what], capture_output=True, text=True,
                              check=True).stdout

    def rate(name):
        return float(re.findall(r"([\d.]+)k\s*$", said("-bytes", "16384", "-evp", name), re.M)[-1]) * 1000
    ecdsa = re.search(r"ecdsa \(nistp256\)\s+\S+s\s+\S+s\s+([\d.]+)\s+([\d.]+)", said("ecdsap256"))
    x25519 = re.search(r"ecdh \(X25519\)\s+\S+s\s+([\d.]+)", said("ecdhx25519"))
    return {"sign": float(ecdsa.group(1)), "verify": float(ecdsa.group(2)), "x25519": float(x25519.group(1)),
            **{name: rate(name) for name, _, _ in FLOOR_BYTES}}


def floor_rows(speed, sizes):
    for name, count, why in FLOOR:
        yield f"{count} x {name} at {speed[name]:.0f}/s", 1000 * count / speed[name], why
    for name, what, why in FLOOR_BYTES:
        size = sum(sizes[w] for w in what)
        yield f"{name}, {size} bytes at {speed[name] / 1e6:.0f} MB/s", 1000 * size / speed[name], why


def floor_ms(speed, sizes, receipt=False):
    more = sum(1000 * count / speed[name] for name, count in RECEIPT.items()) if receipt else 0
    return sum(ms for _, ms, _ in floor_rows(speed, sizes)) + more


def bench_quote(fleet, speed):
    numbers = fleet.generate("speed")
    print(f"\nQuotes and evidences of a host of {numbers['parts']} parts (log {numbers['log']}, claims "
          f"{numbers['claims']} bytes), one processor")
    row("", "a second", "of raw verify")
    row("P-256 verify (openssl speed)", f"{speed['verify']:.0f}", "1.00")
    row("quote verified (hf_quote_verify)", f"{numbers['quotes-per-second']:.0f}",
        f"{numbers['quotes-per-second'] / speed['verify']:.2f}")
    row("whole evidence appraised (hf_verify_evidence)", f"{numbers['evidences-per-second']:.0f}",
        f"{numbers['evidences-per-second'] / speed['verify']:.2f}")
    return numbers


def bench_rate(fleet, store, what, speed, sizes):
    controller = fleet.add(store)
    fleet.seed_store(store)
    cells = []
    for boot in range(1, 5):
        if boot > 1:
            fleet.seed_store(store)
        cpu = controller.cpu_seconds()
        numbers = fleet.generate("run", "--connections", "8", "--boot", str(boot),
                                 *(["--receipt"] if boot == 4 else []))
        cpu = (controller.cpu_seconds() - cpu) / fleet.hosts * 1000
        cells.append((numbers["tickets"] / numbers["seconds"], cpu, numbers["p50"] * 1000, numbers["p99"] * 1000,
                      controller.rss_kib() / 1024))
    for name, cell in zip(("enrol and attest", "attest", "attest again", "attest, with the receipt"), cells):
        floor = floor_ms(speed, sizes, name.endswith("receipt"))
        row(f"{what}, {name}", f"{cell[0]:.0f}", f"{cell[1]:.2f}", f"{cell[1] / floor:.1f}",
            f"{cell[2]:.0f} / {cell[3]:.0f}", f"{cell[4]:.0f}")
    controller.stop()
    fleet.controllers.remove(controller)


def bench_rates(hosts, speed, sizes):
    print(f"\nFull attestations, {hosts} hosts, one controller: challenge, evidence, appraisal, ticket, durable "
          "record")
    row("", "a second", "CPU ms each", "of the floor", "p50/p99 ms", "RSS MiB")
    row("floor of the cryptography (openssl speed)", "", f"{floor_ms(speed, sizes):.2f}", "1.0", "", "")
    for name, ms, why in floor_rows(speed, sizes):
        row(f"  {name}", "", f"{ms:.3f}", "  " + why)
    with fleet_lab.Fleet(hosts) as fleet:
        bench_rate(fleet, fleet.dir + "/store.sqlite", "SQLite", speed, sizes)
    if not postgres.bin_dir():
        print("  skip PostgreSQL: it is not installed")
        return
    with postgres.Postgres() as database, fleet_lab.Fleet(hosts) as fleet:
        bench_rate(fleet, database.fresh(), "PostgreSQL", speed, sizes)


def bench_fleet(hosts):
    """Three controllers on one PostgreSQL; the second is killed in the middle, and comes back."""
    if not postgres.bin_dir():
        return
    print(f"\n{hosts} hosts enrol and attest, three controllers on one PostgreSQL, one killed by SIGKILL")
    with postgres.Postgres() as database, fleet_lab.Fleet(hosts) as fleet:
        store = database.fresh()
        for _ in range(3):
            fleet.add(store)
        fleet.seed_store(store)
        memory, killed = [], 0
        run, begin = fleet.begin("run", "--connections", "12", "--seconds", "600"), time.monotonic()
        while run.poll() is None:
            time.sleep(1)
            memory.append(max(c.rss_kib() for c in fleet.controllers))
            done = int(database.sql("SELECT count(*) FROM verdicts", store)[0][0])
            if not killed and done > hosts // 2:
                fleet.controllers[1].kill()
                time.sleep(3)
                fleet.controllers[1].start()
                killed = done
        numbers = fleet.end(run)
        rows = database.sql("SELECT count(*), count(DISTINCT host), count(DISTINCT reclaim) FROM verdicts "
                            "WHERE release <> 0", store)[0]
        row("minutes until the last had its ticket", f"{(time.monotonic() - begin) / 60:.1f}")
        row("hosts / tickets that hosts hold", f"{numbers['hosts']} / {numbers['tickets']}")
        row("verdicts recorded / of hosts / of reclaims", " / ".join(rows))
        row("lost / two tickets / refused", f"{numbers['lost']} / {numbers['twice']} / {numbers['refused']}")
        row("killed after so many verdicts; retries", f"{killed}", f"{numbers['retries']}")
        if len(memory) > 9:
            third = len(memory) // 3
            row("RSS MiB: largest in each third of the run",
                " / ".join(f"{max(memory[i * third:(i + 1) * third]) / 1024:.0f}" for i in range(3)))
        row("audit", fleet.verify_audit(store).strip())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=int, default=1500)
    parser.add_argument("--fleet", type=int, default=20000)
    options = parser.parse_args()
    subprocess.run(["make", "--no-print-directory", "-C", ROOT, "build/release/holdfastd", "build/release/holdfastctl",
                    "build/release/tests/fleet/fleet"], check=True, stdout=subprocess.DEVNULL)
    speed = openssl_speed()
    with fleet_lab.Fleet(2) as fleet:
        sizes = bench_quote(fleet, speed)
    if options.hosts:
        bench_rates(options.hosts, speed, sizes)
    if options.fleet:
        bench_fleet(options.fleet)


if __name__ == "__main__":
    main()
