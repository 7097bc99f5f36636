#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build everything and run every test. The last line counts them.

Usage: tests/check.py [STEP ...]      (no STEP: all of them, in the order of GROUPS)

A test program reports one line a test: TAP ("ok 1 - name", "not ok 1 - name",
"ok 1 - name # SKIP why") or the same without the number ("ok name", "not ok name",
"skip name why"). A program that dies, hangs or reports nothing is itself a failure.
Steps of one group run side by side: what the second says is shown when it ends. After
CHECK_SECONDS (4800) what is under way is ended and named, and nothing more is begun.
"""
import concurrent.futures
import contextlib
import glob
import os
import re
import signal
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIMIT = int(os.environ.get("CHECK_SECONDS", "4800"))
# What takes longest first, so that all end together.
SLOW_UNITS = ("test_spdm_flips", "test_device_chain", "test_measure", "test_credential", "test_efi_decompress",
              "test_efi_image", "test_agent_tpm_ek", "test_device_corpus", "test_spdm_sign")
# They wait for a network or for controllers that are silent: beside those that compute.
WAITING_UNITS = ("test_agent_net", "test_agent_link", "test_agent_link_child")
TAP = re.compile(r"^(ok|not ok|skip)\b\s*(?:\d+\s*-?\s*)?(.*)$")
here = threading.local()	# .step: whose test this thread runs
lock = threading.Lock()
under_way = set()
over = threading.Event()	# the time is


class Step:
    def __init__(self, name, held):
        self.name, self.held, self.text = name, held, []
        self.passed, self.failed, self.skipped, self.cpu = 0, [], [], 0.0

    def say(self, text):
        if self.held:
            self.text.append(text)
        else:
            sys.stdout.write(text)
            sys.stdout.flush()

    def note(self, kind, name):
        with lock:
            if kind == "ok":
                self.passed += 1
            elif kind == "not ok":
                self.failed.append(name)
            else:
                self.skipped.append(name)

    def run(self):
        here.step, start = self, time.monotonic()
        self.say(f"== {self.name}\n")
        try:
            STEPS[self.name]()
        except Exception as why:  # a step that breaks has failed; what is beside it goes on
            self.note("not ok", f"{self.name}: {why!r}")
        self.say(f"== {self.name}: {self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped "
                 f"in {time.monotonic() - start:.0f} s ({self.cpu:.0f} s of a processor)\n")
        return self


def begin(argv, timeout, env):
    with lock:
        if over.is_set():
            return None
        process = subprocess.Popen(
            ["timeout", "-k", "10", str(timeout)] + argv, cwd=ROOT, env=env, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            errors="replace")
        under_way.add(process)
        return process


def wait(process):
    """Its exit code, and the seconds that it and what it waited for had of a processor."""
    _, status, usage = os.wait4(process.pid, 0)
    with lock:
        under_way.discard(process)
        process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    return process.returncode, usage.ru_utime + usage.ru_stime


def end_all():
    with lock:
        over.set()
        for process in under_way:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGTERM)	# timeout passes it on, and kills after 10 s


def run(name, argv, timeout, env=None, quiet=True, needs_lines=True):
    """Run one test program; count the lines it reports; show what went wrong."""
    step, output, seen, bad = here.step, [], 0, False
    process = begin(argv, timeout, dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP", **(env or {})))
    if not process:
        step.note("not ok", f"{name}: not begun: {LIMIT} s were over")
        return
    for line in process.stdout:
        output.append(line)
        if not quiet:
            step.say("    " + line)
        match = TAP.match(line)
        if not match:
            continue
        kind, text = match.groups()
        text = text.strip()
        if "# SKIP" in text:	# cmocka says "not ok N # SKIP name"
            kind = "skip"
        seen += 1
        bad |= kind == "not ok"
        step.note(kind, f"{name}: {text}")
    code, cpu = wait(process)
    with lock:
        step.cpu += cpu
    if over.is_set() and code != 0:
        step.note("not ok", f"{name}: ended: {LIMIT} s were over")
        bad = True
    elif code in (124, 137, -9):
        step.note("not ok", f"{name}: no end within {timeout} s")
        bad = True
    elif code != 0 and not bad:
        step.note("not ok", f"{name}: exit {code}")
        bad = True
    elif needs_lines and not seen:
        step.note("not ok", f"{name}: reported no test")
        bad = True
    elif not needs_lines and not bad and not seen:
        step.note("ok", name)
    if bad and quiet:
        step.say("".join("    " + l for l in output[-60:]))


def make(name, *args):
    run(name, ["make", "--no-print-directory", "-k", "-j%d" % (os.cpu_count() or 2), *args],
        1200, needs_lines=False)


def step_build():
    make("build: gcc", "WERROR=1", "all", "units")
    make("build: clang", "MODE=clang", "WERROR=1", "all", "units")


def unit_tests(mode):
    names = [os.path.basename(source)[:-2]
             for source in sorted(glob.glob(os.path.join(ROOT, "tests/unit/test_*.c")))]
    names.sort(key=lambda name: SLOW_UNITS.index(name) if name in SLOW_UNITS else len(SLOW_UNITS))
    step = here.step

    def one(name):
        here.step = step
        run(f"{mode}/{name}", [f"build/{mode}/tests/unit/{name}"], 300)

    waiting = [name for name in names if name in WAITING_UNITS]
    with concurrent.futures.ThreadPoolExecutor(len(WAITING_UNITS)) as beside, \
            concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        done = [beside.submit(one, name) for name in waiting]
        done += [pool.submit(one, name) for name in names if name not in waiting]
    for each in done:
        each.result()


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
    "tree": step_tree, "server": step_server, "packages": step_packages, "fault": step_fault,
    "fuzz": step_fuzz, "lab": step_lab, "mutations": step_mutations,
}


# What waits much beside what computes much; what measures time is alone.
GROUPS = (("build",), ("style",), ("unit",), ("asan", "server"), ("tree",), ("packages",), ("fault",), ("fuzz",),
          ("lab",), ("mutations",))
assert sorted(name for group in GROUPS for name in group) == sorted(STEPS)	# none is left out unseen


def run_group(names):
    """The steps of a group that are wanted, each in a thread: the first is shown as it goes."""
    steps = [Step(name, held=i > 0) for i, name in enumerate(names)]
    threads = [threading.Thread(target=step.run) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for step in steps:
        sys.stdout.write("".join(step.text))
    sys.stdout.flush()
    return steps


def main():
    wanted = sys.argv[1:] or list(STEPS)
    unknown = [name for name in wanted if name not in STEPS]
    if unknown:
        sys.exit(f"unknown step {unknown[0]}; steps: {' '.join(STEPS)}")
    start, steps = time.monotonic(), []
    timer = threading.Timer(LIMIT, end_all)
    timer.daemon = True
    timer.start()
    try:
        for group in GROUPS:
            if any(name in wanted for name in group):
                steps += run_group([name for name in group if name in wanted])
    except BaseException:
        end_all()
        raise
    finally:
        timer.cancel()
    for name in [name for step in steps for name in step.skipped]:
        print(f"skipped: {name}")
    failed = [name for step in steps for name in step.failed]
    for name in failed:
        print(f"FAILED: {name}")
    passed = sum(step.passed for step in steps)
    seconds, cpu = time.monotonic() - start, sum(step.cpu for step in steps)
    print(f"all steps: {seconds:.0f} s ({cpu:.0f} s of a processor)")
    print(f"{passed} passed, {len(failed)} failed, {sum(len(step.skipped) for step in steps)} skipped")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
