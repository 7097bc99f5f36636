#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""make bench: the agent beside its floor and beside the shell pipeline people write.

Prints tables and asserts nothing. Every comparison is made in the same run, in turn.
    bench.py [--rounds N] [--functions N] [--rom-mib N] [--pipeline N]
             [--only-appraise | --only-rom | --only-hang | --only-spdm | --only-census |
              --only-controller]
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests/trees"), os.path.join(ROOT, "tests")]
sys.dont_write_bytecode = True

import debian_python  # noqa: E402
from relay import Relay  # noqa: E402

HOLDFAST = os.path.join(ROOT, "build/release/holdfast")
WORK = os.path.join(ROOT, "build/bench")
STAGE = re.compile(r"^\s*\d+ ms\s+([a-z-]+)\s+\+\s*(\d+) ms")


class Swtpm:
    """A software TPM on a UNIX socket, started afresh: every PCR is zero."""

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="hf-bench-")
        self.path = os.path.join(self.dir, "s")
        self.process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.dir}",
             "--server", f"type=unixio,path={self.path}", "--ctrl", f"type=unixio,path={self.path}.ctrl",
             "--flags", "not-need-init,startup-clear"], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not os.path.exists(self.path):
            if time.monotonic() > deadline:
                sys.exit("swtpm did not start")
            time.sleep(0.005)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def slow_tpm(swtpm, delay):
    """A software TPM that takes delay seconds longer for each command."""
    return Relay(swtpm.path, os.path.join(swtpm.dir, "slow"), lambda *_: time.sleep(delay))


def timed(argv):
    """(wall, cpu) seconds of one run with all that it starts, its output, its peak memory in KiB."""
    read, write = os.pipe()
    process = subprocess.Popen([sys.executable, os.path.join(ROOT, "tests/bench/whole.py"), str(write), *argv],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, pass_fds=(write,),
                               stderr=subprocess.STDOUT, text=True, errors="replace")
    os.close(write)
    output = process.stdout.read()
    process.wait()
    with os.fdopen(read) as answer:
        words = answer.read().split()
    if len(words) != 4:
        sys.exit(f"{argv[0]}: {output}")
    return float(words[0]), float(words[1]), output, int(words[2]), int(words[3])


def row(label, *cells):
    print(f"  {label:<34}" + "".join(f"{cell:>15}" for cell in cells))


def spread(values, unit=1000.0, digits=1):
    return (f"{statistics.median(values) * unit:.{digits}f}"
            f" ({min(values) * unit:.{digits}f}-{max(values) * unit:.{digits}f})")


def tree(name, *args):
    path = os.path.join(WORK, name)
    stamp = path + ".args"
    if not os.path.exists(stamp) or open(stamp).read() != repr(args):
        shutil.rmtree(path, ignore_errors=True)
        subprocess.run([sys.executable, os.path.join(ROOT, "tests/trees/make_tree.py"), *args, path],
                       check=True)
        with open(stamp, "w") as out:
            out.write(repr(args))
    return path


def rehearse(path, tcti, evidence):
    shutil.rmtree(evidence, ignore_errors=True)
    etc = os.path.join(WORK, "etc")
    os.makedirs(etc, exist_ok=True)
    with open(os.path.join(etc, "holdfast.conf"), "w") as conf:
        conf.write("policy = local\n")
    return timed([HOLDFAST, "boot", "--sysfs", path, "--tcti", tcti, "--etc", etc,
                  "--evidence", evidence])


def extends_in(evidence):
    out = subprocess.run([os.path.join(ROOT, "build/release/holdfastctl"), "log", "show", "--json",
                          os.path.join(evidence, "holdfast.evlog")], capture_output=True, text=True)
    try:
        return max(0, len(json.loads(out.stdout)["events"]) - 1)
    except (ValueError, KeyError):
        return 0


def bench_scale(options):
    path = tree("scale", "--scale", str(options.functions), "--rom-bytes", str(options.rom_mib << 20))
    floor = os.path.join(WORK, "floor")
    subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", floor,
                    os.path.join(ROOT, "tests/bench/floor.c"), "-lcrypto"], check=True)
    evidence = os.path.join(WORK, "evidence")
    print(f"\n{options.functions} functions, {options.rom_mib} MiB of option ROM, software TPM; "
          f"{options.rounds} rounds in turn, median (min-max)")
    agent, base, memory, stages = [], [], 0, {}
    extends = 0
    for number in range(options.rounds + 1):
        with Swtpm() as tpm:
            wall, cpu, output, peak, _ = rehearse(path, f"swtpm:path={tpm.path}", evidence)
        extends = extends or extends_in(evidence)
        with Swtpm() as tpm:
            floor_wall, floor_cpu, floor_out, _, code = timed([floor, path, tpm.path, str(extends)])
            if code:
                sys.exit(floor_out)
        if number == 0:
            continue	# warm-up: page cache
        agent.append((wall, cpu))
        base.append((floor_wall, floor_cpu))
        memory = max(memory, peak)
        for line in output.splitlines():
            if match := STAGE.match(line):
                stages.setdefault(match.group(1), []).append(float(match.group(2)) / 1000)
    row("", "wall ms", "", "CPU ms")
    row("agent, whole rehearsed boot", spread([a[0] for a in agent]), "", spread([a[1] for a in agent]))
    row("floor: read, hash, raw extends", spread([b[0] for b in base]), "", spread([b[1] for b in base]))
    row("ratio, pair by pair", spread([a[0] / b[0] for a, b in zip(agent, base)], 1, 3), "",
        spread([a[1] / b[1] for a, b in zip(agent, base)], 1, 3))
    print(f"  floor: {floor_out.strip()}; agent's peak memory {memory / 1024:.1f} MiB")
    print("  every ROM here is an EFI driver: the agent hashes it twice, as bytes and as firmware logs a program")
    for name, values in stages.items():
        row(f"stage {name}", spread(values))
    return path, statistics.median(a[0] for a in agent)


def bench_pipeline(options, path, agent_wall):
    count = min(options.pipeline, options.functions)
    part = os.path.join(WORK, "pipeline/bus/pci/devices")
    shutil.rmtree(os.path.join(WORK, "pipeline"), ignore_errors=True)
    os.makedirs(part)
    devices = sorted(os.listdir(os.path.join(path, "bus/pci/devices")))[:count]
    for name in devices:
        os.symlink(os.path.realpath(os.path.join(path, "bus/pci/devices", name)), os.path.join(part, name))
    with Swtpm() as tpm:
        wall, cpu, output, _, code = timed([os.path.join(ROOT, "tests/bench/pipeline.sh"),
                                            os.path.join(WORK, "pipeline"), f"swtpm:path={tpm.path}"])
    if code:
        print(f"  the pipeline failed: {output[-300:]}")
        return
    scaled = wall / count * options.functions
    print(f"\nThe shell pipeline (lspci, sha256sum, tpm2_pcrextend per device, tpm2_quote), {count} devices run")
    row("wall, per device", f"{wall / count * 1000:.1f} ms")
    row(f"wall, for {options.functions} (scaled up)", f"{scaled:.1f} s")
    row("pipeline / agent, wall", f"{scaled / agent_wall:.0f} x")


HUNG, DEADLINE = 20, 2


def bench_hang(options):
    """The same host with and without devices that hang; the others must not pay for them."""
    args = ("--scale", str(options.functions), "--rom-bytes", str(options.rom_mib << 20))
    trees = {"all answer": tree("scale", *args), f"{HUNG} hang": tree("hang", *args)}
    devices = os.path.join(trees[f"{HUNG} hang"], "bus/pci/devices")
    roms = sorted(d for d in os.listdir(devices) if os.path.exists(os.path.join(devices, d, "rom")))
    for name in roms[::max(1, len(roms) // HUNG)][:HUNG]:
        path = os.path.join(devices, name, "rom")
        os.unlink(path)
        os.mkfifo(path)
    print(f"\n{options.functions} functions measured, of which {HUNG} hang in their ROM; deadline "
          f"{DEADLINE} s; {options.rounds} rounds in turn, median (min-max)")
    walls = {name: [] for name in trees}
    parts = 1
    for number in range(options.rounds + 1):
        for name, path in trees.items():
            wall, _, output, _, code = timed([HOLDFAST, "scan", "--json", "--sysfs", path,
                                              "--device-seconds", str(DEADLINE)])
            if code not in (0, 4):
                sys.exit(output[-2000:])
            parts = output.count('"option-rom/window"') or parts
            hung = output.count('"timed-out"')
            if hung != (0 if name == "all answer" else HUNG):
                sys.exit(f"{name}: {hung} timed out")
            if number:
                walls[name].append(wall)
    row("", "wall ms", "", "deadlines")
    for name, values in walls.items():
        row(name, spread(values), "", f"{statistics.median(values) / DEADLINE:.2f}")
    row("a part with a ROM, side by side", f"{statistics.median(walls['all answer']) / parts * 1000:.3f} ms")
    shutil.rmtree(trees[f"{HUNG} hang"])	# the FIFOs are for nobody else
    os.unlink(trees[f"{HUNG} hang"] + ".args")


def bench_server(_options):
    path = tree("server", "--server")
    evidence = os.path.join(WORK, "evidence-server")
    with Swtpm() as tpm:
        slow = slow_tpm(tpm, 0.005)
        wall, cpu, output, peak, _ = rehearse(path, f"swtpm:path={slow.path}", evidence)
        time.sleep(0.05)
    log = os.path.getsize(os.path.join(evidence, "holdfast.evlog"))
    print("\nTwo sockets, 8 GPUs, 350 functions, a TPM of 5 ms per command")
    row("TPM commands", slow.commands)
    row("TPM time", f"{slow.seconds * 1000:.0f} ms")
    row("extends", extends_in(evidence))
    row("log", f"{log} B")
    row("console", f"{len(output)} B")
    row("wall / CPU", f"{wall * 1000:.0f} ms", f"{cpu * 1000:.0f} ms")
    row("peak memory", f"{peak / 1024:.1f} MiB")


def appraise(values, parts, rounds):
    """(verify, load, appraise) in milliseconds and the bytes of the signed file."""
    program = os.path.join(WORK, "appraise")
    out = subprocess.run([program, str(values), str(parts), str(rounds)], capture_output=True, text=True)
    if out.returncode:
        sys.exit(f"appraise {values} {parts}: {out.stderr}")
    *times, size = out.stdout.split()
    return [float(t) / 1000 for t in times] + [int(size)]


def bench_appraise(options):
    libs = [os.path.join(ROOT, f"build/release/lib{name}.a") for name in ("manifests", "pcie", "measure")]
    subprocess.run(["cc", "-O2", "-std=c11", "-D_GNU_SOURCE", f"-I{ROOT}", "-o",
                    os.path.join(WORK, "appraise"), os.path.join(ROOT, "tests/bench/appraise.c"),
                    *libs, "-lcrypto", "-lcbor", "-ljansson"], check=True)
    rounds = max(5, options.rounds * 4)
    verify, load, judge, size = appraise(2000, 500, rounds)
    print(f"\n2,000 reference values, 500 parts, one signed file of {size} bytes (ES384); "
          f"median of {rounds} rounds")
    row("signature alone", f"{verify:.2f} ms")
    row("load: signature, decode, scope", f"{load:.2f} ms", f"{load / verify:.1f} x")
    row("appraise", f"{judge:.2f} ms", f"{judge / verify:.1f} x")
    print("\nGrowth with the parts of a host, a rule for each in its place, 2,000 reference values")
    print("  (a host has at most 2,048 parts and its log would hold no more: 10,000 are 5 hosts)")
    row("parts", "load ms", "appraise ms", "us per part")
    # loading 2,000 values costs the same for every host: the growth is what parts and rules add
    for hosts, parts in ((1, 10), (1, 100), (1, 1000), (5, 2000)):
        _, load, judge, _ = appraise(2000, parts, rounds)
        row(f"{hosts * parts}", f"{hosts * load:.2f}", f"{hosts * judge:.3f}",
            f"{judge * 1000 / parts:.2f}")


def card_tree(name, rom, count):
    """A host whose cards all have this ROM."""
    source = os.path.join(WORK, f"{name}.rom")
    with open(source, "wb") as out:
        out.write(rom)
    ports = [{"at": f"{1 + i:02x}.0", "kind": "root-port", "slot": True,
              "below": [{"at": "00.0", "vendor": "8086", "device": "10d3", "rom": {"file": source}}]}
             for i in range(count)]
    description = os.path.join(WORK, f"{name}.json")
    with open(description, "w") as out:
        json.dump({"dmi": {"vendor": "V", "product": "P"}, "roots": [{"devices": ports}]}, out)
    path = os.path.join(WORK, name)
    shutil.rmtree(path, ignore_errors=True)
    subprocess.run([sys.executable, os.path.join(ROOT, "tests/trees/make_tree.py"), description, path],
                   check=True, stdout=subprocess.DEVNULL)
    return path


def bench_rom(options):
    from efi_compress import rom as efi_rom
    source = "/usr/lib/ipxe/qemu/efi-e1000e.rom"
    if not os.path.exists(source):
        print(f"\nROM parse and digests: skipped, no {source}")
        return
    libs = [os.path.join(ROOT, f"build/release/lib{name}.a") for name in ("pcie", "measure")]
    program = os.path.join(WORK, "rom")
    subprocess.run(["cc", "-O2", "-std=c11", "-D_GNU_SOURCE", f"-I{ROOT}", "-o", program,
                    os.path.join(ROOT, "tests/bench/rom.c"), *libs, "-lpci", "-lcrypto", "-lcbor"],
                   check=True)
    with open(source, "rb") as file:
        both = file.read()
    end = both[2] * 512
    legacy, efi = bytearray(both[:end]), both[end:]
    legacy[int.from_bytes(legacy[0x18:0x1a], "little") + 21] |= 0x80    # the last image
    body = efi[int.from_bytes(efi[0x16:0x18], "little"):]
    rounds = max(5, options.rounds * 4)
    print(f"\nROM reader (window, chain, images, Authenticode digests) beside reading and hashing the same"
          f" bytes once;\n20 cards, median of {rounds} rounds in turn")
    row("ROM", "bytes", "hash once ms", "reader ms", "ratio")
    for name, rom in (("legacy and EFI image", both), ("legacy image alone", legacy),
                      ("EFI image alone", efi), ("EFI image, compressed", efi_rom(body, 0x8086, 0x10d3))):
        path = card_tree("rom-" + name.replace(" ", "-").replace(",", ""), rom, 20)
        out = subprocess.run([program, path, str(rounds)], capture_output=True, text=True)
        if out.returncode:
            sys.exit(f"rom {name}: {out.stderr}")
        base, ours, size = out.stdout.split()
        row(name, size, f"{float(base) / 1000:.2f}", f"{float(ours) / 1000:.2f}",
            f"{float(ours) / float(base):.2f} x")


SPDM_ALGORITHMS = (("ecdsa-p256", "sha-256"), ("ecdsa-p384", "sha-384"), ("rsassa-3072", "sha-384"))


def run_spdm(*argv):
    """{first word: rest of the line}, and the phases, of one run of the program."""
    out = subprocess.run([os.path.join(WORK, "spdm"), *map(str, argv)], capture_output=True, text=True)
    if out.returncode:
        sys.exit(f"spdm {argv[0]}: {out.stderr}")
    said, phases = {}, {}
    for line in out.stdout.splitlines():
        if match := re.match(r'phase "(.*)" (\d+) (\S+) (\S+)', line):
            phases[match.group(1)] = (int(match.group(2)), float(match.group(3)), float(match.group(4)))
        else:
            word, value = line.split()
            said[word] = float(value)
    return said, phases


def write_signatures(transcript, path):
    """Every signature in the conversation, of an answer or a certificate, for the floor."""
    from cryptography.hazmat.primitives import serialization
    from transcript import PSS, Conversation
    conversation = Conversation(open(transcript, "rb").read())
    records = [("ap" if each.asym & PSS else "a-", each.algorithm.name, each.spki(), each.data, each.der())
               for each in conversation.signatures]
    for key, each in conversation.of_certificates():
        spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        records.append(("c-", each.signature_hash_algorithm.name, spki, each.tbs_certificate_bytes, each.signature))
    with open(path, "wb") as out:
        for kind, digest, *fields in records:
            for field in ((kind + digest).encode(), *fields):
                out.write(len(field).to_bytes(4, "little") + field)


def record_spdm(algorithm, hash_name):
    """One conversation over TCP with the scripted responder: what was said, by phase, and the
    seconds that the responder itself took."""
    from signing import Responder, device
    made = device.Device(directory=os.path.join(WORK, "spdm-keys"), versions=(0x12,), algorithm=algorithm,
                         hash_name=hash_name)
    transcript = os.path.join(WORK, f"spdm-{algorithm}.pcap")
    with Responder(device.Responder(made).handle) as responder:
        _, phases = run_spdm("ask", f"127.0.0.1:{responder.port}", transcript)
    if responder.problem:
        sys.exit(f"the responder: {responder.problem}")
    return transcript, phases, responder.seconds


class Work:
    """What a tree test gives its helpers: a place for files."""

    @staticmethod
    def path(name):
        return os.path.join(WORK, name)


def spdm_scan(count, rounds):
    """Wall seconds of `holdfast scan --mailboxes` over so many drives that sign, without and with
    the questions."""
    import mailboxes
    shutil.rmtree(os.path.join(WORK, f"signs-{count}"), ignore_errors=True)
    tree = mailboxes.host(Work, count, name=f"signs-{count}")
    ports = os.path.join(WORK, "spdm-ports")
    if os.path.exists(ports):
        os.unlink(ports)
    responder = subprocess.Popen(
        [sys.executable, os.path.join(ROOT, "tests/spdm/responder.py"), "--count", str(count), "--port-file", ports,
         "--keys", os.path.join(WORK, "spdm-keys-scan"), "--version", "1.2", "--algorithm", "ecdsa-p384",
         "--hash", "sha-384", "--framing", "doe", "--forever", "--identity",
         "Vendor=1b36:Device=0010:CC=010802:REV=00:SSVID=0000:SSID=0000"], stdout=subprocess.DEVNULL)
    walls = {}
    try:
        while not os.path.exists(ports) or open(ports).read().count("\n") < count:
            if responder.poll() is not None:
                sys.exit("the responder did not start")
            time.sleep(0.05)
        words = {mailboxes.nic(i): f"tcp:{port}" for i, port in enumerate(open(ports).read().split())}
        env = dict(os.environ, **mailboxes.live(tree, **words))
        for number in range(rounds + 1):
            for name, asked in (("plain", []), ("asked", ["--mailboxes"])):
                start = time.monotonic()
                out = subprocess.run([HOLDFAST, "scan", "--json", "--sysfs", tree.sys, *asked], env=env,
                                     capture_output=True, text=True)
                wall = time.monotonic() - start
                signed = out.stdout.count('"spdm/transcript"')
                if signed != (count if asked else 0):
                    sys.exit(f"{signed} of {count} drives signed: {out.stderr[-500:]}")
                if number:
                    walls.setdefault(name, []).append(wall)
    finally:
        responder.kill()
        responder.wait()
    return [statistics.median(walls[name]) for name in ("plain", "asked")]


def spdm_replays(options, rounds):
    """(algorithm, what replay printed, us of the same conversation without a device) of each."""
    replays = []
    for algorithm, hash_name in SPDM_ALGORITHMS:
        transcript, phases, seconds = record_spdm(algorithm, hash_name)
        played, again = run_spdm("play", transcript, rounds)
        print(f"\nOne device, SPDM 1.2, {algorithm}, three certificates; waiting in wall time, the rest in"
              f" processor time:\nover TCP once, then the same answers from a file ({rounds} rounds, median)")
        row("phase, ms", "exchanges", "waiting", "own, TCP", "own, file")
        for name, (exchanges, waited, own) in phases.items():
            row(name, exchanges, f"{waited / 1000:.2f}", f"{own / 1000:.2f}", f"{again[name][2] / 1000:.3f}")
        row("all", sum(each[0] for each in phases.values()), f"{sum(each[1] for each in phases.values()) / 1000:.2f}",
            f"{sum(each[2] for each in phases.values()) / 1000:.2f}", f"{played['total'] / 1000:.3f}")
        row("the responder itself (Python)", "", f"{seconds * 1000:.2f}")
        write_signatures(transcript, transcript + ".signatures")
        replays.append((algorithm, run_spdm("replay", transcript, transcript + ".signatures", rounds)[0],
                        played["total"]))
    return replays


def print_replays(replays, rounds):
    print(f"\nThe same conversation verified offline, beside its bare signatures (EVP_DigestVerify, keys at hand)"
          f" and beside\nthese with the certificates read (d2i_X509, public key); processor time, {rounds} rounds in turn, median")
    row("ms", "signatures", "read too", "all of it", "to the two")
    for algorithm, said, live in replays:
        floor = said["floor-answers"] + said["floor-certificates"]
        both = floor + said["floor-reading"]
        row(f"{algorithm}: {said['signatures']:.0f} + {said['certificates']:.0f} signatures", f"{floor / 1000:.3f}",
            f"{both / 1000:.3f}", f"{said['replay'] / 1000:.3f}",
            f"{said['replay'] / floor:.2f} {said['replay'] / both:.2f} x")
        row("  asked and verified, no waiting", "", "", f"{live / 1000:.3f}",
            f"{live / floor:.2f} {live / both:.2f} x")


def bench_spdm(options):
    """Who signs its firmware: a conversation by phase, its verification beside the bare
    signatures, and many devices beside one."""
    if options.lacking:
        print(f"\nDevices that sign: skipped, no python3 module {' '.join(options.lacking)}")
        return
    sys.path.append(os.path.join(ROOT, "tests/lab"))
    libs = [os.path.join(ROOT, f"build/release/lib{name}.a") for name in ("manifests", "pcie", "measure")]
    subprocess.run(["cc", "-O2", "-std=c11", "-D_GNU_SOURCE", f"-I{ROOT}", "-o", os.path.join(WORK, "spdm"),
                    os.path.join(ROOT, "tests/bench/spdm.c"), *libs, "-lpci", "-lcrypto", "-lcbor", "-ljansson"],
                   check=True)
    rounds = max(20, options.rounds * 10)
    print_replays(spdm_replays(options, rounds), rounds)
    print(f"\nMany beside one, ecdsa-p384, through the agent's pool; mailboxes made up in registers, answers at hand,"
          f" each after so long;\nmedian of {options.rounds} rounds")
    transcript = os.path.join(WORK, "spdm-ecdsa-p384.pcap")
    row("devices", "answers after", "wall ms", "ms a device", "to one")
    for latency_ms in (0, 2, 50):
        one = None
        for devices in (1, 64):
            wall = statistics.median(run_spdm("pool", transcript, devices, latency_ms * 1000)[0]["wall"] / 1000
                                     for _ in range(options.rounds))
            one = one or wall
            row(devices, f"{latency_ms} ms", f"{wall:.1f}", f"{wall / devices:.2f}", f"{wall / one:.1f} x")
    print(f"\nThe shipped program, scan --mailboxes: config files that act as mailboxes, one responder in Python for"
          f" all;\nmedian of {options.rounds} rounds")
    row("devices", "not asked, ms", "asked, ms", "ms a device")
    for devices in (1, 64):
        plain, asked = spdm_scan(devices, options.rounds)
        row(devices, f"{plain * 1000:.1f}", f"{asked * 1000:.1f}", f"{(asked - plain) * 1000 / devices:.2f}")


def large_captures(out, count):
    """A server of 350 functions, scanned once and told apart by its serial number."""
    path = tree("server", "--server")
    os.makedirs(os.path.join(path, "class/dmi/id"), exist_ok=True)
    with open(os.path.join(path, "class/dmi/id/product_serial"), "w") as file:
        file.write("SERIAL-00000\n")
    scan = subprocess.run([HOLDFAST, "scan", "--json", "--sysfs", path], capture_output=True).stdout
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    for number in range(count):
        with open(os.path.join(out, f"host{number:05d}.json"), "wb") as file:
            file.write(scan.replace(b"SERIAL-00000", b"SERIAL-%05d" % number))


def bench_census(options):
    import captures
    small, large = os.path.join(WORK, "captures"), os.path.join(WORK, "captures-large")
    captures.make(small, 1000)
    large_captures(large, 100)
    print(f"\nholdfastctl census; {options.rounds} rounds in turn, median (min-max); the acceptance is "
          "1,000 captures in 10 s")
    row("", "wall ms", "CPU ms", "cat ms", "peak MiB")
    for name, directory in (("1,000 small hosts", small), ("100 of 350 functions", large)):
        ours, floor, memory = [], [], 0
        for number in range(options.rounds + 1):
            wall, cpu, _, peak, code = timed([os.path.join(ROOT, "build/release/holdfastctl"), "census", directory])
            base, _, _, _, _ = timed(["/bin/sh", "-c", f"cat {directory}/*.json >/dev/null"])
            if code not in (0, 3):
                sys.exit(f"census of {directory}: exit {code}")
            if number:
                ours.append((wall, cpu))
                floor.append(base)
                memory = max(memory, peak)
        size = sum(e.stat().st_size for e in os.scandir(directory)) / (1 << 20)
        row(f"{name}, {size:.0f} MiB", spread([o[0] for o in ours], digits=0), spread([o[1] for o in ours], digits=0),
            spread(floor, digits=0), f"{memory / 1024:.0f}")


def bench_lab(_options):
    print("\nIn the lab (QEMU without KVM, OVMF, software TPM)", flush=True)
    subprocess.run([sys.executable, os.path.join(ROOT, "tests/lab/lab.py"), "bench"], cwd=ROOT)


def bench_controller(_options):
    print("\nThe controller", flush=True)
    subprocess.run([sys.executable, os.path.join(ROOT, "tests/bench/controller.py")], cwd=ROOT)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--functions", type=int, default=1000)
    parser.add_argument("--rom-mib", type=int, default=64)
    parser.add_argument("--pipeline", type=int, default=200, help="devices to run the pipeline over")
    parser.add_argument("--no-lab", action="store_true")
    parser.add_argument("--only-appraise", action="store_true", help="judging alone")
    parser.add_argument("--only-hang", action="store_true", help="devices that hang alone")
    parser.add_argument("--only-rom", action="store_true", help="the ROM reader alone")
    parser.add_argument("--only-spdm", action="store_true", help="devices that sign alone")
    parser.add_argument("--only-census", action="store_true", help="counting captures alone")
    parser.add_argument("--only-controller", action="store_true", help="the controller alone, with 20,000 hosts")
    options = parser.parse_args()
    options.lacking = debian_python.need("cbor2", "cryptography")
    os.makedirs(WORK, exist_ok=True)
    if options.only_appraise:
        bench_appraise(options)
        return
    if options.only_hang:
        bench_hang(options)
        return
    if options.only_rom:
        bench_rom(options)
        return
    if options.only_spdm:
        bench_spdm(options)
        return
    if options.only_census:
        bench_census(options)
        return
    if options.only_controller:
        bench_controller(options)
        return
    path, agent_wall = bench_scale(options)
    bench_hang(options)
    bench_pipeline(options, path, agent_wall)
    bench_server(options)
    bench_appraise(options)
    bench_rom(options)
    bench_spdm(options)
    bench_census(options)
    bench_controller(options)
    if not options.no_lab:
        bench_lab(options)


if __name__ == "__main__":
    main()
