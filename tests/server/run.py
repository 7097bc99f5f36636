#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's tests with real processes and databases: one line a test.

run.py [WORD...]: only those with one of these words in their name. V=1 shows what a test says.
A module cases_*.py has CASES, pairs of name and function, and MAKE, what it needs of build/MODE.
A function fails by an exception, skips by unittest.SkipTest, and may return lines to be shown.
Most cases wait for others most of the time: SERVER_JOBS of them run side by side (twice as many as
there are processors), each in a process of its own, whose words are shown together when it ends.
Those of ALONE measure: they come last, one by one.
"""
import glob
import importlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
MODE = os.environ.get("MODE", "release")
JOBS = int(os.environ.get("SERVER_JOBS", "0")) or 2 * (os.cpu_count() or 1)
ALONE = ("http-too-fast",)  # requests a second
CASE_SECONDS = 600  # a case that has not ended then never will
sys.path[:0] = [HERE, os.path.dirname(HERE)]
sys.path.append(os.path.join(os.path.dirname(HERE), "trees"))

import debian_python  # noqa: E402  (beside this folder)


def run_one(name, function):
    try:
        said = function()
    except unittest.SkipTest as why:
        print(f"skip {name} {why}", flush=True)
        return True
    except Exception:  # a test that breaks is a test that failed
        traceback.print_exc(file=sys.stdout)
        print(f"not ok {name}", flush=True)
        return False
    for line in said or [] if os.environ.get("V") == "1" else []:
        print(f"  {line}")
    print(f"ok {name}", flush=True)
    return True


class Running:
    """A case in a process and a group of its own, with a folder for what it makes."""

    def __init__(self, name, function):
        self.name, self.text = name, tempfile.TemporaryFile("w+", errors="replace")
        self.folder = tempfile.TemporaryDirectory(prefix="hf-case-")
        os.chmod(self.folder.name, 0o755)  # for what does not run as root
        sys.stdout.flush()
        self.process = multiprocessing.get_context("fork").Process(target=self._run, args=(function,))
        self.process.start()
        self.begin = time.monotonic()

    def _run(self, function):
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.dup2(self.text.fileno(), 1)
        os.dup2(self.text.fileno(), 2)
        os.environ["TMPDIR"] = tempfile.tempdir = self.folder.name
        good = run_one(self.name, function)
        sys.stdout.flush()
        os._exit(0 if good else 1)

    def end(self):
        """Shows what it said; whether it was good. Nothing that it started outlives it."""
        late = self.process.is_alive()
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        self.process.join()
        self.text.seek(0)
        print(self.text.read(), end="")
        if late or self.process.exitcode not in (0, 1):
            print(f"not ok {self.name}: " +
                  (f"ended after {time.monotonic() - self.begin:.0f} s" if late else
                   f"its process ended with {self.process.exitcode}"))
        sys.stdout.flush()
        self.text.close()
        self.folder.cleanup()
        return self.process.exitcode == 0


def run_all(cases, jobs):
    left, running, results = list(cases), [], []
    try:
        while left or running:
            while left and len(running) < jobs:
                running.append(Running(*left.pop(0)))
            multiprocessing.connection.wait([case.process.sentinel for case in running], 1)
            over = [case for case in running if not case.process.is_alive() or time.monotonic() > case.begin + CASE_SECONDS]
            running = [case for case in running if case not in over]
            results += [case.end() for case in over]
    finally:
        for case in running:
            case.end()
    return results


def main():
    missing = debian_python.need("cbor2", "cryptography")
    if missing:
        print(f"not ok server: this python3 has no {' and no '.join(missing)}")
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # with the cases that are under way
    words = sys.argv[1:]
    modules = [importlib.import_module(os.path.basename(path)[:-3])
               for path in sorted(glob.glob(os.path.join(HERE, "cases_*.py")))]
    chosen = [(module, name, function) for module in modules for name, function in module.CASES
              if not words or any(word in name for word in words)]
    needed = sorted({f"build/{MODE}/{target}" for module, _, _ in chosen for target in getattr(module, "MAKE", [])})
    subprocess.run(["make", "--no-print-directory", f"-j{os.cpu_count() or 2}", f"MODE={MODE}", *needed], cwd=ROOT,
                   check=True, stdout=subprocess.DEVNULL)
    together = [case[1:] for case in chosen if case[1] not in ALONE]
    alone = [case[1:] for case in chosen if case[1] in ALONE]
    results = run_all(together, JOBS) + run_all(alone, 1)
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
