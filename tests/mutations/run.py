#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prove the tests: break the program's own checks one at a time; a test must notice.

Usage: tests/mutations/run.py [NAME ...]     (no NAME: all of mutations.def)

Works on a copy of the tracked files in build/mutation, so the checkout is never
touched. mutations.def holds blocks:

    name: what is removed
    file: path
    test: shell command that must fail (run in the copy)
    <<<<
    text that occurs exactly once in the file
    ====
    text that takes its place
    >>>>
"""
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COPY = os.path.join(ROOT, "build/mutation")
TEST_SECONDS = 60
BLOCK = re.compile(r"^name: ([^\n]+)\nfile: ([^\n]+)\ntest: ([^\n]+)\n<<<<\n(.*?)====\n(.*?)>>>>\n",
                   re.M | re.S)


def sh(command, timeout=300):
    return subprocess.run(["timeout", "-k", "5", str(timeout), "bash", "-c", command], cwd=COPY,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")


def targets(test):
    """What make has to build for a test: the unit test it runs, or the programs."""
    return " ".join(re.findall(r"build/\S+/test_\w+", test)) or "all"


def refresh_copy():
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True,
                           capture_output=True, text=True).stdout.split("\n")
    for name in filter(None, files):
        source, target = os.path.join(ROOT, name), os.path.join(COPY, name)
        if not os.path.isfile(source):
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not os.path.exists(target) or open(source, "rb").read() != open(target, "rb").read():
            shutil.copy(source, target)


def main():
    text = open(os.path.join(ROOT, "tests/mutations/mutations.def")).read()
    blocks = BLOCK.findall(text)
    if len(blocks) != len(re.findall(r"^name: ", text, re.M)):
        sys.exit("mutations.def: a block is not of the expected form")
    refresh_copy()
    os.environ.setdefault("HOLDFAST_CORPUS", os.path.join(ROOT, "../shared/data"))
    os.environ["CMOCKA_MESSAGE_OUTPUT"] = "TAP"
    wanted = sys.argv[1:]
    blocks = [b for b in blocks if not wanted or b[0] in wanted]
    # A test that fails without any mutation proves nothing.
    status, broken = 0, set()
    for test in sorted({b[2] for b in blocks}):
        result = sh(f"make -j2 {targets(test)}", 900)
        if result.returncode == 0:	# as long as a mutated one gets, or the time says nothing
            result = sh(test, TEST_SECONDS)
        if result.returncode != 0:
            print(result.stdout[-2000:])
            broken.add(test)
    for name, path, test, old, new in blocks:
        if test in broken:
            print(f"not ok {name}: its test fails without the mutation: {test}", flush=True)
            status = 1
            continue
        target = os.path.join(COPY, path)
        source = open(target).read()
        if source.count(old) != 1:
            print(f"not ok {name}: its text occurs {source.count(old)} times in {path}", flush=True)
            status = 1
            continue
        with open(target, "w") as out:
            out.write(source.replace(old, new))
        try:
            built = sh(f"make -j2 {targets(test)}")
            if built.returncode != 0:
                print(built.stdout[-2000:])
                print(f"not ok {name}: does not compile", flush=True)
                status = 1
                continue
            result = sh(test, TEST_SECONDS)	# one that loops for ever is noticed too
            noticed = result.returncode != 0
            print(f"{'ok' if noticed else 'not ok'} {name}"
                  f"{'' if noticed else ': no test noticed: ' + test}", flush=True)
            status |= not noticed
        finally:
            with open(target, "w") as out:
                out.write(source)
    sys.exit(status)


if __name__ == "__main__":
    main()
