#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/lab.md names every scenario of the lab, and no other."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main():
    listed = subprocess.run([sys.executable, os.path.join(ROOT, "tests/lab/lab.py"), "list"],
                            stdout=subprocess.PIPE, text=True, check=True).stdout
    scenarios = {line.split()[0] for line in listed.splitlines() if " -> " in line}
    with open(os.path.join(ROOT, "docs/lab.md")) as f:
        text = f.read()
    tables = re.findall(r"(?m)^\| scenario \|.*\n(?:\|.*\n)+", text)
    rows = [row for table in tables for row in re.findall(r"(?m)^\| (`[^|]*) \|", table)]
    named = {name for row in rows for name in re.findall(r"`([a-z0-9-]+)`", row)}
    wrong = [f"{name}: not in docs/lab.md" for name in sorted(scenarios)
             if f"`{name}`" not in text]
    wrong += [f"{name}: no scenario" for name in sorted(named - scenarios)]
    print("\n".join(wrong + [f"{'not ok' if wrong or not scenarios else 'ok'} docs/lab.md "
                             f"({len(scenarios)} scenarios)"]))
    sys.exit(1 if wrong or not scenarios else 0)


if __name__ == "__main__":
    main()
