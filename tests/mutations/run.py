#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prove the tests: break the program's own checks one at a time; a test must notice.

Usage: tests/mutations/run.py [NAME ...]     (no NAME: all of tests/mutations/*.def)

Works on copies of the tracked files in build/mutation-0, -1, ..., one for each
processor, so the checkout is never touched and as many mutations are tried side by side.
MUTATION_JOBS says how many instead. A mutation is over as soon as its unit test says "not ok":
what the other cases of that test would say changes nothing. Files *.def, one for each
field, hold blocks:

    name: what is removed
    file: path
    test: shell command that must fail (run in the copy)
    <<<<
    text that occurs exactly once in the file
    ====
    text that takes its place
    >>>>
"""
import concurrent.futures
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
JOBS = int(os.environ.get("MUTATION_JOBS", "0")) or os.cpu_count() or 2
TEST_SECONDS = 150
# What is compiled for one look needs no debug information.
BUILD = "make -j1 CFLAGS=-g0"
FAILED = re.compile(r"^not ok\b(?!.*# SKIP)")
BLOCK = re.compile(r"^name: ([^\n]+)\nfile: ([^\n]+)\ntest: ([^\n]+)\n<<<<\n(.*?)====\n(.*?)>>>>\n",
                   re.M | re.S)
printing = threading.Lock()


def say(text):
    with printing:
        print(text, flush=True)


def copy_of(worker):
    return os.path.join(ROOT, f"build/mutation-{worker}")


def sh(copy, command, timeout=300):
    return subprocess.run(["timeout", "-k", "5", str(timeout), "bash", "-c", command], cwd=copy,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")


def fails(copy, test):
    """Whether a test fails; one that loops for ever does. A unit test ends at its first failure."""
    if not re.fullmatch(r"build/\S+/test_\w+", test):
        return sh(copy, test, TEST_SECONDS).returncode != 0
    with subprocess.Popen(["timeout", "-k", "5", str(TEST_SECONDS), "stdbuf", "-oL", test], cwd=copy,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True, errors="replace", start_new_session=True) as process:
        failed = any(FAILED.match(line) for line in process.stdout)
        if failed:	# with what it started
            os.killpg(process.pid, signal.SIGTERM)
    return failed or process.returncode != 0


def targets(test):
    """What make has to build for a test: the unit test it runs, or the programs."""
    return " ".join(re.findall(r"build/\S+/test_\w+", test)) or "all"


def refresh(copy):
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True,
                           capture_output=True, text=True).stdout.split("\n")
    for name in filter(None, files):
        source, target = os.path.join(ROOT, name), os.path.join(copy, name)
        if not os.path.isfile(source):
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not os.path.exists(target) or open(source, "rb").read() != open(target, "rb").read():
            shutil.copy(source, target)


def prepare(jobs, tests):
    """Build once; the other copies are copies of the first, with what was built in it."""
    refresh(copy_of(0))
    sh(copy_of(0), "make -k -j%d %s" % (os.cpu_count() or 2, " ".join(sorted(map(targets, tests)))), 1200)
    for worker in range(1, jobs):
        shutil.rmtree(copy_of(worker), ignore_errors=True)
        subprocess.run(["cp", "-a", copy_of(0), copy_of(worker)], check=True)


def unmutated(copy, test):
    """A test that fails without any mutation proves nothing. None: it passes."""
    result = sh(copy, f"make -j1 {targets(test)}", 900)
    if result.returncode == 0:	# run exactly as a mutated one is, or it says nothing
        if not fails(copy, test):
            return None
        result = sh(copy, test, TEST_SECONDS)	# again, for what it says
    return result.stdout[-2000:] or f"{test}: failed once"


def mutate(copy, block):
    """One mutation: True if a test noticed."""
    name, path, test, old, new = block
    target = os.path.join(copy, path)
    source = open(target).read()
    if source.count(old) != 1:
        say(f"not ok {name}: its text occurs {source.count(old)} times in {path}")
        return False
    with open(target, "w") as out:
        out.write(source.replace(old, new))
    try:
        built = sh(copy, f"{BUILD} {targets(test)}")
        if built.returncode != 0:
            say(f"{built.stdout[-2000:]}\nnot ok {name}: does not compile")
            return False
        noticed = fails(copy, test)
    finally:
        with open(target, "w") as out:
            out.write(source)
    say(f"{'ok' if noticed else 'not ok'} {name}{'' if noticed else ': no test noticed: ' + test}")
    return noticed


def side_by_side(jobs, items, work):
    """work(copy, item) for each of the items, in turn, by as many as there are copies."""
    left, lock = iter(items), threading.Lock()

    def worker(number):
        done = []
        while True:
            with lock:
                item = next(left, None)
            if item is None:
                return done
            done.append((item, work(copy_of(number), item)))

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        return [pair for done in pool.map(worker, range(jobs)) for pair in done]


def main():
    blocks = []
    for path in sorted(glob.glob(os.path.join(ROOT, "tests/mutations/*.def"))):
        text = open(path).read()
        found = BLOCK.findall(text)
        if len(found) != len(re.findall(r"^name: ", text, re.M)):
            sys.exit(f"{path}: a block is not of the expected form")
        blocks += found
    os.environ.setdefault("HOLDFAST_CORPUS", os.path.join(ROOT, "../shared/data"))
    os.environ["CMOCKA_MESSAGE_OUTPUT"] = "TAP"
    wanted = sys.argv[1:]
    if unknown := set(wanted) - {b[0] for b in blocks}:	# else nothing is tried, and all is well
        sys.exit(f"no block is named {', '.join(sorted(unknown))}")
    blocks = [b for b in blocks if not wanted or b[0] in wanted]
    tests = sorted({b[2] for b in blocks})
    jobs = max(1, min(JOBS, len(blocks)))
    prepare(jobs, tests)
    broken = {test: why for test, why in side_by_side(jobs, tests, unmutated) if why is not None}
    for why in broken.values():
        say(why)
    for name, _, test, _, _ in blocks:
        if test in broken:
            say(f"not ok {name}: its test fails without the mutation: {test}")
    # What concerns one file comes together: it is compiled once for two mutations in turn.
    sound = sorted((b for b in blocks if b[2] not in broken), key=lambda b: (b[1], b[2]))
    files = [[b for b in sound if b[1] == path] for path in dict.fromkeys(b[1] for b in sound)]
    files.sort(key=len, reverse=True)	# the long ones first, so that all end together

    results = side_by_side(jobs, files, lambda copy, file: [mutate(copy, b) for b in file])
    sys.exit(0 if not broken and all(noticed for _, file in results for noticed in file) else 1)


if __name__ == "__main__":
    main()
