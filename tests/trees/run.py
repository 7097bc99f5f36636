#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the tree tests: one line a test, "ok NAME", "not ok NAME" or "skip NAME reason".

run.py [NAME...]: only these. UPDATE=1 writes the golden files; KEEP=1 keeps what was made.
"""
import glob
import importlib
import os
import shutil
import sys
import tempfile
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import harness  # noqa: E402

MODULES = sorted(os.path.basename(p)[:-3] for p in glob.glob(os.path.join(harness.HERE, "cases_*.py")))


def run_one(name, function, work):
    context = harness.Context(name, work)
    try:
        function(context)
    except harness.Skip as why:
        print(f"skip {name} {why}", flush=True)
        return None
    except harness.Failed as why:
        print("\n".join(f"  {line}" for line in str(why).splitlines()))
        print(f"not ok {name}", flush=True)
        return False
    except Exception:  # a test that breaks is a test that failed
        traceback.print_exc(file=sys.stdout)
        print(f"not ok {name}", flush=True)
        return False
    finally:
        context.close()
    print(f"ok {name}", flush=True)
    return True


def main():
    missing = [p for p in ("holdfast", "holdfastctl")
               if not os.path.exists(os.path.join(harness.BUILD, p))]
    if missing:
        print(f"not ok tree-tests: {missing[0]} is not built: make all")
        return 1
    for module in MODULES:
        importlib.import_module(module)
    wanted = sys.argv[1:]
    names = [name for name, _ in harness.CASES]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        sys.exit(f"no test {unknown[0]}; tests: {' '.join(names)}")
    work = tempfile.mkdtemp(prefix="holdfast-trees-")
    results = [run_one(name, function, work) for name, function in harness.CASES
               if not wanted or name in wanted]
    if os.environ.get("KEEP") == "1":
        print(f"kept: {work}")
    else:
        shutil.rmtree(work, ignore_errors=True)
    return 0 if False not in results else 1


if __name__ == "__main__":
    sys.exit(main())
