# SPDX-License-Identifier: GPL-3.0-or-later
"""Captured trees whose functions have live mailboxes: a library that is preloaded into the
shipped program stands in for the kernel and the devices (mailbox_shim.c)."""
import os
import subprocess

import trees
from harness import BUILD, ROOT, need

AT = 0x200


def make_shim():
    path = os.path.join(BUILD, "tests/trees/mailbox_shim.so")
    done = subprocess.run(["make", f"MODE={os.environ.get('MODE', 'release')}",
                           os.path.relpath(path, ROOT)], cwd=ROOT, capture_output=True, check=False)
    need(done.returncode == 0, f"no {path}: {done.stderr.decode()}")
    return path


def doe_config(at=AT, count=1, **more):
    """Laid over a function's configuration space: so many mailboxes, the first one at."""
    config = {"0x100": (0x0001 | 2 << 16 | at << 20).to_bytes(4, "little").hex()}
    for i in range(count):
        following = at + 0x18 if i + 1 < count else 0
        config[hex(at)] = (0x002e | 1 << 16 | following << 20).to_bytes(4, "little").hex()
        at += 0x18
    return dict(config, **more)


def nic(number):
    return f"0000:{1 + number:02x}:00.0"


def host(t, count=1, name="tree", **more):
    """A host of so many cards with a mailbox, each in a part of its own."""
    devices = [{"at": f"{1 + i // 8:02x}.{i % 8}", "kind": "root-port", "slot": True,
                "below": [dict({"at": "00.0", "vendor": "1b36", "device": "0010", "class": "010802",
                                "config": doe_config()}, **more)]} for i in range(count)]
    return trees.Tree(t.path(name), {"dmi": {"vendor": "V", "product": "P"},
                                     "roots": [{"devices": devices}]})


def live(tree, **words):
    """The environment in which the tree is live and NUMBER's (or _ADDRESS's) mailbox does WORD."""
    items = [f"{address}={word}" for address, word in words.items()]
    return {"LD_PRELOAD": make_shim(), "HF_SHIM_TREE": tree.sys, "HF_SHIM": ",".join(items),
            "ASAN_OPTIONS": "verify_asan_link_order=0:" + os.environ.get("ASAN_OPTIONS", "")}
