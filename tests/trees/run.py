#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the tree tests: one line a test, "ok NAME", "not ok NAME" or "skip NAME reason".

run.py [NAME...]: only these. UPDATE=1 writes the golden files; KEEP=1 keeps what was made.
As many tests run side by side as there are processors (TREE_JOBS), each in a directory of its
own; those that measure time come last, one after the other.
"""
import concurrent.futures
import contextlib
import glob
import importlib
import io
import multiprocessing
import os
import shutil
import sys
import tempfile
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import harness  # noqa: E402

JOBS = int(os.environ.get("TREE_JOBS", "0")) or os.cpu_count() or 1
ALONE = ("cases_hang", "cases_scale")  # what they measure is time and memory
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


def run_quietly(index, work):
    """In a process of its own: what was printed, and the result."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        result = run_one(*harness.CASES[index], work)
    return text.getvalue(), result


def run_all(wanted, work):
    chosen = [i for i, (name, _) in enumerate(harness.CASES) if not wanted or name in wanted]
    alone = [i for i in chosen if JOBS == 1 or len(chosen) == 1 or
             harness.CASES[i][1].__module__ in ALONE]
    results = []
    with concurrent.futures.ProcessPoolExecutor(
            JOBS, multiprocessing.get_context("fork")) as pool:  # forked: the cases are imported
        side_by_side = [pool.submit(run_quietly, i, work) for i in chosen if i not in alone]
        for done in side_by_side:
            text, result = done.result()
            print(text, end="", flush=True)
            results.append(result)
    return results + [run_one(*harness.CASES[i], work) for i in alone]


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
    results = run_all(wanted, work)
    if os.environ.get("KEEP") == "1":
        print(f"kept: {work}")
    else:
        shutil.rmtree(work, ignore_errors=True)
    return 0 if False not in results else 1


if __name__ == "__main__":
    sys.exit(main())
