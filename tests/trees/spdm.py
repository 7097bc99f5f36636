# SPDX-License-Identifier: GPL-3.0-or-later
"""The scripted SPDM responder (tests/spdm) inside a test, and `holdfast spdm` against it."""
import json
import os
import sys
import threading
import time

from harness import ROOT, Skip, need, write

sys.path.insert(0, os.path.join(ROOT, "tests", "spdm"))

import responder  # noqa: E402
import wire  # noqa: E402

CORPUS = os.path.join(os.environ.get("HOLDFAST_CORPUS", os.path.join(ROOT, "..", "shared", "data")),
                      "spdm")
VERSIONS = ("1.0", "1.1", "1.2", "1.3", "1.4")
ALL_VERSIONS = ",".join(VERSIONS)


def corpus(*parts):
    path = os.path.join(CORPUS, *parts)
    if not os.path.exists(path):
        raise Skip(f"there is no {path}")
    return path


class Device:
    """One that listens; its arguments are those of responder.py."""

    def __init__(self, t, *argv):
        self.t = t
        options = responder.arguments(["--keys", os.path.join(t.work, "spdm-keys"), *argv])
        self.port = responder.ports_of(options)[0]
        self.number = self.port.number
        self.anchors = []
        device = getattr(self.port.responder, "device", None)
        for slot, chain in device.slots.items() if device else ():
            path = t.path(f"root-{self.number}-{slot}.pem")
            write(path, chain.root_pem())
            self.anchors.append(path)
        threading.Thread(target=self.port.serve, daemon=True).start()

    def requests(self):
        """Names of the requests so far."""
        return [wire.NAMES.get(m[1], "?") for m in self.port.messages[::2]]

    def ask(self, *argv, anchor=True, code=None, timeout=60):
        """What `holdfast spdm` says: (report or None, Result)."""
        anchors = ["--anchor", self.anchors[0]] if anchor and self.anchors else []
        result = self.t.holdfast("spdm", f"tcp:127.0.0.1:{self.number}", "--json", *anchors, *argv,
                                 code=code, timeout=timeout)
        return report(result), result


def report(result):
    return json.loads(result.text) if result.text.startswith("{") else None


def problem(result):
    """The cause's name, or None: all is well."""
    found = report(result)
    need(found is not None, f"no report\n{result.describe()}")
    return found["problem"]


class Within:
    """with Within(5, "silence"): ends in that many seconds."""

    def __init__(self, seconds, words):
        self.seconds, self.words = seconds, words

    def __enter__(self):
        self.start = time.monotonic()

    def __exit__(self, kind, *_):
        spent = time.monotonic() - self.start
        if kind is None:
            need(spent <= self.seconds, f"{self.words}: {spent:.1f} s, not {self.seconds}")
