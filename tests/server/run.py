#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's tests with real processes and databases: one line a test.

run.py [WORD...]: only those with one of these words in their name. V=1 shows what a test says.
A module cases_*.py has CASES, pairs of name and function, and MAKE, what it needs of build/MODE.
A function fails by an exception, skips by unittest.SkipTest, and may return lines to be shown.
"""
import glob
import importlib
import os
import subprocess
import sys
import traceback
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
MODE = os.environ.get("MODE", "release")
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


def main():
    missing = debian_python.need("cbor2", "cryptography")
    if missing:
        print(f"not ok server: this python3 has no {' and no '.join(missing)}")
        return 1
    words = sys.argv[1:]
    modules = [importlib.import_module(os.path.basename(path)[:-3])
               for path in sorted(glob.glob(os.path.join(HERE, "cases_*.py")))]
    chosen = [(module, name, function) for module in modules for name, function in module.CASES
              if not words or any(word in name for word in words)]
    needed = sorted({f"build/{MODE}/{target}" for module, _, _ in chosen for target in getattr(module, "MAKE", [])})
    subprocess.run(["make", "--no-print-directory", f"-j{os.cpu_count() or 2}", f"MODE={MODE}", *needed], cwd=ROOT,
                   check=True, stdout=subprocess.DEVNULL)
    results = [run_one(name, function) for _, name, function in chosen]
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
