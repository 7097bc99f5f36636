#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build everything and run every test. The last line counts them.

Usage: tests/check.py [STEP ...]      (no STEP: all of them, in this order)

A test program reports one line a test: TAP ("ok 1 - name", "not ok 1 - name",
"ok 1 - name # SKIP why") or the same without the number ("ok name", "not ok name",
"skip name why"). A program that dies, hangs or reports nothing is itself a failure.
"""
import concurrent.futures
import glob
import os
import re
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SLOW_UNITS = {"test_measure", "test_spdm_flips", "test_efi_decompress", "test_efi_image"}
TAP = re.compile(r"^(ok|not ok|skip)\b\s*(?:\d+\s*-?\s*)?(.*)$")
passed, failed, skipped = 0, [], []
counting = threading.Lock()


def note(kind, name):
    with counting:
        count(kind, name)


def count(kind, name):
    global passed
    if kind == "ok":
        passed += 1
    elif kind == "not ok":
        failed.append(name)
    else:
        skipped.append(name)


def run(name, argv, timeout, env=None, quiet=True, needs_lines=True):
    """Run one test program; count the lines it reports; show what went wrong."""
    full_env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP", **(env or {}))
    output, seen, bad = [], 0, False
    process = subprocess.Popen(
        ["timeout", "-k", "10", str(timeout)] + argv, cwd=ROOT, env=full_env, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        errors="replace")
    for line in process.stdout:
        output.append(line)
        if not quiet:
            sys.stdout.write("    " + line)
            sys.stdout.flush()
        match = TAP.match(line)
        if not match:
            continue
        kind, text = match.groups()
        text = text.strip()
        if "# SKIP" in text:	# cmocka says "not ok N # SKIP name"
            kind = "skip"
        seen += 1
        bad |= kind == "not ok"
        note(kind, f"{name}: {text}")
    code = process.wait()
    if code == 124 or code == 137:
        note("not ok", f"{name}: no end within {timeout} s")
        bad = True
    elif code != 0 and not bad:
        note("not ok", f"{name}: exit {code}")
        bad = True
    elif needs_lines and not seen:
        note("not ok", f"{name}: reported no test")
        bad = True
    elif not needs_lines and not bad and not seen:
        note("ok", name)
    if bad and quiet:
        sys.stdout.write("".join("    " + l for l in output[-60:]))


def make(name, *args):
    run(name, ["make", "--no-print-directory", "-k", "-j%d" % (os.cpu_count() or 2), *args],
        1200, needs_lines=False)


def step_build():
    make("build: gcc", "WERROR=1", "all", "units")
    make("build: clang", "MODE=clang", "WERROR=1", "all", "units")


def unit_tests(mode):
    names = [os.path.basename(source)[:-2]
             for source in sorted(glob.glob(os.path.join(ROOT, "tests/unit/test_*.c")))]
    # What takes longest first, so that all end together.
    names.sort(key=lambda name: name not in SLOW_UNITS)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        list(pool.map(lambda name: run(f"{mode}/{name}", [f"build/{mode}/tests/unit/{name}"], 300),
                      names))


def step_unit():
    make("build: units", "units")
    unit_tests("release")


def step_asan():
    make("build: ASan and UBSan", "MODE=asan", "all", "units")
    unit_tests("asan")


def step_style():
    run("includes", ["python3", "tests/include_check.py"], 60)
    for script in sorted(glob.glob(os.path.join(ROOT, "tests/docs_*.py"))):
        run(os.path.basename(script), ["python3", script, "--check"], 60)


def step_tree():
    run("tree", ["tests/trees/run.sh"], 1200, quiet=False)


def step_server():
    run("server", ["python3", "tests/server/run.py"], 1200, quiet=False)


def step_packages():
    run("packages", ["python3", "tests/packages/run.py"], 900, quiet=False)


def step_fault():
    run("fault", ["python3", "tests/fault/run.py"], 1800, quiet=False)


def step_fuzz():
    make("build: fuzz targets", "fuzzers")
    run("fuzz", ["tests/fuzz/run.sh", "build/fuzz", os.environ.get("FUZZ_SECONDS", "2")], 1800,
        quiet=False)


def step_lab():
    run("lab", ["python3", "tests/lab/lab.py", "all"], 3600, quiet=False)


def step_mutations():
    run("mutations", ["python3", "tests/mutations/run.py"], 3000, quiet=False)


STEPS = {
    "build": step_build, "style": step_style, "unit": step_unit, "asan": step_asan,
    "tree": step_tree, "server": step_server, "packages": step_packages, "fault": step_fault, "fuzz": step_fuzz, "lab": step_lab,
    "mutations": step_mutations,
}


def main():
    wanted = sys.argv[1:] or list(STEPS)
    unknown = [name for name in wanted if name not in STEPS]
    if unknown:
        sys.exit(f"unknown step {unknown[0]}; steps: {' '.join(STEPS)}")
    for name in wanted:
        start = time.monotonic()
        print(f"== {name}", flush=True)
        before = passed, len(failed), len(skipped)
        STEPS[name]()
        print(f"== {name}: {passed - before[0]} passed, {len(failed) - before[1]} failed, "
              f"{len(skipped) - before[2]} skipped in {time.monotonic() - start:.0f} s", flush=True)
    for name in skipped:
        print(f"skipped: {name}")
    for name in failed:
        print(f"FAILED: {name}")
    print(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
