#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prove the tests: break the program's own checks one at a time; a test must notice.

Usage: tests/mutations/run.py [NAME ...]     (no NAME: all of tests/mutations/*.def)

Works on copies of the tracked files in build/mutation-0, -1, ..., one for each
processor, so the checkout is never touched and as many mutations are tried side by side.
MUTATION_JOBS says how many instead. A mutation is over as soon as its test says "not ok": what the
other cases of that test would say changes nothing. As root, each test has a /tmp of its own.
Files *.def, one for each field, hold blocks:

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
import functools
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
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
under_way = set()	# (process, its folder)


def say(text):
    with printing:
        print(text, flush=True)


def copy_of(worker):
    return os.path.join(ROOT, f"build/mutation-{worker}")


# The first argument is the folder.
OWN_TMP = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /tmp && exec "$@"']


@functools.cache
def own_tmp():
    """Tests that end early leave what they made in /tmp. Root can give each a /tmp of its own."""
    if any(os.path.realpath(path).startswith("/tmp/") for path in (ROOT, os.environ["HOLDFAST_CORPUS"])):
        return False
    try:
        return subprocess.run([*OWN_TMP, ROOT, "true"], capture_output=True).returncode == 0
    except OSError:
        return False


def end_all(process, folder):
    """timeout makes a group in the session that Popen began, and tests make sessions: whoever is of
    this one ends, and whoever has the folder in his environment."""
    for pid in [int(name) for name in os.listdir("/proc") if name.isdigit()]:
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                ours = f"HOLDFAST_MUTATION={folder}\0".encode() in file.read()
            if ours or os.getsid(pid) == process.pid:
                os.kill(pid, signal.SIGKILL)
        except OSError:	# it is over already
            pass


def run(copy, argv, timeout, watch=None):
    """(exit code, output). What it started, and what it made in /tmp, ends and goes with it.
    watch(line): True ends it at once; then the code is None."""
    with tempfile.TemporaryDirectory(prefix="hf-mut-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o1777)
        process = subprocess.Popen([*(OWN_TMP + [folder] if own_tmp() else []),
                                    "timeout", "-k", "5", str(timeout), *argv], cwd=copy,
                                   env=dict(os.environ, TMPDIR="/tmp" if own_tmp() else folder, HOLDFAST_MUTATION=folder),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   text=True, errors="replace", start_new_session=True)

        def when_over():
            process.wait()
            end_all(process, folder)	# also so that nobody keeps its output open

        under_way.add((process, folder))
        waiter = threading.Thread(target=when_over)
        waiter.start()
        said, ended = [], False
        with process.stdout:
            for line in process.stdout:
                said.append(line)
                ended = bool(watch and watch(line))
                if ended:
                    end_all(process, folder)
                    break
        waiter.join()
        under_way.discard((process, folder))
        return None if ended else process.returncode, "".join(said)


def stop(*_):
    for process, folder in list(under_way):
        end_all(process, folder)
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(143)


def sh(copy, command, timeout=300):
    return run(copy, ["bash", "-c", command], timeout)


def fails(copy, test):
    """Whether a test fails; one that loops for ever does. It is over at its first failure."""
    unit = re.fullmatch(r"build/\S+/test_\w+", test)
    argv = ["stdbuf", "-oL", test] if unit else ["bash", "-c", test]
    return run(copy, argv, TEST_SECONDS, FAILED.match)[0] != 0


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
    code, said = sh(copy, f"make -j1 {targets(test)}", 900)
    if code == 0:	# run exactly as a mutated one is, or it says nothing
        if not fails(copy, test):
            return None
        said = sh(copy, test, TEST_SECONDS)[1]	# again, for what it says
    return said[-2000:] or f"{test}: failed once"


def made_from(copy, path):
    """The objects in a copy that are made from a file: (object, whether it is newer than all it is made of)."""
    for name in glob.glob(os.path.join(copy, "build/**/*.d"), recursive=True):
        with open(name) as file:
            used = file.read().split("\n\n")[0].replace("\\\n", " ").partition(":")[2].partition("\n")[0].split()
        made, parts = name[:-2] + ".o", [os.path.join(copy, part) for part in used]
        if path in used and os.path.exists(made):
            yield made, all(os.path.exists(part) and os.stat(part).st_mtime_ns <= os.stat(made).st_mtime_ns
                            for part in parts)


class Kept:
    """A file, and the objects made from it, as they are now: put back, nothing has to be compiled
    but what the next mutation changes. The objects are then new, so that what is linked of them is."""

    def __init__(self, copy, path):
        self.copy, self.name, self.path = copy, path, os.path.join(copy, path)
        self.times, self.objects = os.stat(self.path), {}
        for name, fresh in made_from(copy, path):
            if fresh:
                with open(name, "rb") as file:
                    self.objects[name] = file.read()
        with open(self.path) as file:
            self.text = file.read()

    def back(self):
        for name, _ in list(made_from(self.copy, self.name)):
            if name not in self.objects:
                os.remove(name)
        for name, content in self.objects.items():
            with open(name, "wb") as out:
                out.write(content)
        with open(self.path, "w") as out:	# last: who is interrupted before compiles it again
            out.write(self.text)
        os.utime(self.path, ns=(self.times.st_atime_ns, self.times.st_mtime_ns))


def mutate(copy, block):
    """One mutation: True if a test noticed."""
    name, path, test, old, new = block
    kept = Kept(copy, path)
    if kept.text.count(old) != 1:
        say(f"not ok {name}: its text occurs {kept.text.count(old)} times in {path}")
        return False
    try:
        with open(kept.path, "w") as out:
            out.write(kept.text.replace(old, new))
        code, said = sh(copy, f"{BUILD} {targets(test)}")
        if code != 0:
            say(f"{said[-2000:]}\nnot ok {name}: does not compile")
            return False
        noticed = fails(copy, test)
    finally:
        kept.back()
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
    unknown = [name for name in wanted if name not in {b[0] for b in blocks}]
    if unknown:
        sys.exit(f"no mutation is named \"{unknown[0]}\": tests/mutations/*.def")
    blocks = [b for b in blocks if not wanted or b[0] in wanted]
    signal.signal(signal.SIGTERM, stop)
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
