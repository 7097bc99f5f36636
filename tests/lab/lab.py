#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab: boots the gate on a virtual host with real firmware, TPM and kernel.

Usage: lab.py list | run NAME... | all | demo | bench   [--jobs N] [--show]

Prints one line a scenario: "ok NAME (seconds)", "not ok NAME why", "skip NAME why".
Everything a run said stays in build/lab/out/NAME.
"""
import argparse
import concurrent.futures
import gzip
import os
import re
import shutil
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.append(os.path.dirname(sys.path[0]))
import debian_python  # noqa: E402

LACKING = debian_python.need("cbor2", "cryptography")
if LACKING:
    print(f"skip lab missing: python3 modules {' '.join(LACKING)} (make deps)")
    sys.exit(0)
import build  # noqa: E402
import golden  # noqa: E402
import scenarios  # noqa: E402

TOOLS = ("qemu-system-x86_64", "swtpm", "swtpm_setup", "mksquashfs", "mformat", "mcopy", "cc", "ld", "ldd", "strip",
         "tpm2_checkquote", "tpm2_eventlog")
printing = threading.Lock()


def say(text):
    with printing:
        print(text, flush=True)


def stop(number, _frame):
    scenarios.qemu.kill_all()
    os._exit(128 + number)


def missing_tools():
    found = [tool for tool in TOOLS if not shutil.which(tool)]
    return found + [path for path in (build.BUSYBOX, scenarios.qemu.OVMF_CODE,
                                      scenarios.qemu.ROM_DIR) if not os.path.exists(path)]


def first_lines(error):
    text = str(error).strip() or type(error).__name__
    return " | ".join(line.strip() for line in text.splitlines()[:6])[:600]


def run_one(lab, scenario, echo=None):
    """(kind, seconds, why)"""
    begin = time.monotonic()
    try:
        run = scenarios.Run(lab, scenario, echo)
        seconds = run.run()
    except scenarios.Skipped as why:
        say(f"skip {scenario.name} {why}")
        return "skip", 0.0, str(why)
    except Exception as error:  # whatever went wrong is this scenario's failure
        why = first_lines(error)
        if not isinstance(error, (scenarios.Failed, build.LabError, scenarios.qemu.TimedOut)):
            why = f"{type(error).__name__}: {why}"
        say(f"not ok {scenario.name} {why}")
        return "not ok", time.monotonic() - begin, why
    again = "; the machine itself hung and was started once more" if run.again else ""
    say(f"ok {scenario.name} ({seconds:.1f} s){again}")
    return "ok", seconds, ""


def run_many(wanted, jobs, echo=None):
    try:
        lab = golden.Lab(say)
    except (build.LabError, scenarios.qemu.TimedOut, OSError) as error:
        why = first_lines(error)
        say(f"not ok preparation {why}")
        return {scenario.name: ("not ok", 0.0, "the lab could not be prepared") for scenario in wanted}
    results = {}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        futures = {pool.submit(run_one, lab, scenario, echo): scenario
                   for scenario in sorted(wanted, key=lambda each: -each.boots)}  # or the last one ends alone
        for future in concurrent.futures.as_completed(futures):
            results[futures[future].name] = future.result()
    return results


def table(wanted, results):
    rows = [("scenario", "what was done", "result", "s")]
    for scenario in wanted:
        kind, seconds, why = results[scenario.name]
        if kind == "ok":
            result = scenario.expect.replace("released by ", "RELEASED ").replace("held ", "HELD ")
            if scenario.image.endswith("audit"):
                result += ", WOULD HOLD"
        else:
            result = f"{'SKIPPED' if kind == 'skip' else 'FAILED'}: {why[:60]}"
        rows.append((scenario.name, scenario.what, result, f"{seconds:.0f}"))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = []
    for i, row in enumerate(rows):
        lines.append("  ".join(cell.ljust(width) for cell, width in zip(row, widths)) + f"  {row[3]:>3}")
        if i == 0:
            lines.append("  ".join("-" * width for width in widths) + "  ---")
    return "\n".join(lines)


def demo(jobs):
    """The golden host and two tampered ones in full view, then some of each kind."""
    def show(text):
        with printing:
            sys.stdout.write(text)
            sys.stdout.flush()

    first = [scenarios.BY_NAME[name] for name in
             ("released-switch-root", "rom-flipped", "rom-swapped-after-post")]
    results = {}
    for scenario in first:
        say(f"\n##### {scenario.name}: {scenario.what}\n")
        results.update(run_many([scenario], 1, show))
    rest = [scenarios.BY_NAME[name] for name in
            ("released-kexec", "controller-golden", "controller-other-ca", "device-moved", "manifest-other-key",
             "initrd-differs", "tenant-differs", "rom-swapped-after-measure", "audit-rom-flipped", "uki-differs")]
    say(f"\n##### {len(rest)} further scenarios, {jobs} at a time; what they say is in build/lab/out\n")
    results.update(run_many(rest, jobs))
    say("\n" + table(first + rest, results))
    say(f"all {len(scenarios.ALL)} scenarios: python3 tests/lab/lab.py all; one: make lab SCENARIO=NAME\n")
    return results


STAGE = re.compile(r"^ *(\d+) ms +(\S+) +([+-]\d+) ms(?: +(.*))?$", re.M)


def part_ms(rows, name):
    """Milliseconds of stage measure for each part of the host."""
    console = (build.OUT / "out" / name / "console.txt").read_text()
    match = re.search(r"enumerate .* in (\d+) parts$", console, re.M)
    return f"{rows['measure'][1] / int(match.group(1)):.1f}" if match and "measure" in rows else "-"


def bench():
    """Milliseconds by stage as the gate itself prints them; sizes; peak memory."""
    wanted = [scenarios.BY_NAME["released-switch-root"], scenarios.BY_NAME["released-kexec"]]
    results = run_many(wanted, 1)
    consoles = {}
    for scenario in wanted:
        console = (build.OUT / "out" / scenario.name / "console.txt").read_text()
        consoles[scenario.name] = {name: (int(at), int(took)) for at, name, took, _ in STAGE.findall(console)}
        peak = re.search(r"\bpeak[= ](\d+ ?Ki?B)", console)
        if peak:
            consoles[scenario.name]["peak"] = peak.group(1)
    names = list(consoles[wanted[0].name])
    print(f"  {'milliseconds from /init, by stage':<34}" + "".join(f"{s.name[9:]:>15}" for s in wanted))
    for name in names:
        if name != "peak":
            cells = [consoles[s.name].get(name) for s in wanted]
            print(f"  {name:<34}" + "".join(f"{cell[1]:>15}" if cell else f"{'-':>15}" for cell in cells))
    print(f"  {'measure, a part':<34}" + "".join(f"{part_ms(consoles[s.name], s.name):>15}" for s in wanted))
    for label, pick in (("until release", lambda rows: max(v[0] for k, v in rows.items() if k != "peak")),):
        print(f"  {label:<34}" + "".join(f"{pick(consoles[s.name]):>15}" if consoles[s.name] else f"{'-':>15}"
                                         for s in wanted))
    print(f"  {'peak memory of the agent':<34}" + "".join(f"{consoles[s.name].get('peak', '-'):>15}" for s in wanted))
    initrd = golden.Lab(say).agent("golden").read_bytes()
    print(f"  {'initramfs, plain':<34}{len(initrd) / 2**20:>11.1f} MiB")
    print(f"  {'initramfs, gzip -6':<34}{len(gzip.compress(initrd, 6)) / 2**20:>11.1f} MiB")
    print(f"  {'the agent itself, stripped':<34}{(build.OUT / 'holdfast.stripped').stat().st_size / 2**10:>11.0f} KiB")
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("list", "run", "all", "demo", "bench"))
    parser.add_argument("names", nargs="*")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--show", action="store_true", help="show what the machine says")
    args = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, stop)

    if args.command == "list":
        for scenario in scenarios.ALL:
            print(f"{scenario.name:22} {scenario.what}  ->  {scenario.expect}")
        return 0
    missing = missing_tools()
    if missing:
        print(f"skip lab missing: {' '.join(missing)} (make deps)")
        return 0
    if args.command == "demo":
        results = demo(args.jobs)
    elif args.command == "bench":
        results = bench()
    else:
        unknown = [name for name in args.names if name not in scenarios.BY_NAME]
        if unknown:
            parser.error(f"unknown scenario {unknown[0]}; see: lab.py list")
        wanted = [scenarios.BY_NAME[name] for name in args.names] or \
            (scenarios.ALL if args.command == "all" else [])
        if not wanted:
            parser.error("which scenario? see: lab.py list")
        begin = time.monotonic()
        results = run_many(wanted, args.jobs if not args.show else 1,
                           (lambda text: (sys.stdout.write(text), sys.stdout.flush())) if args.show else None)
        kinds = [kind for kind, _, _ in results.values()]
        print(f"# {kinds.count('ok')} passed, {kinds.count('not ok')} failed, {kinds.count('skip')} skipped "
              f"in {time.monotonic() - begin:.0f} s")
    return 1 if any(kind == "not ok" for kind, _, _ in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
