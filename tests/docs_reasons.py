#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/reasons.md is made from measure/causes.def; --check fails when they differ."""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEF = os.path.join(ROOT, "measure/causes.def")
DOC = os.path.join(ROOT, "docs/reasons.md")
STRING = r'"((?:[^"\\]|\\.)*)"'
LINE = re.compile(rf"HF_CAUSE\((\w+), (\d+), {STRING}, (\w+), (\w+), {STRING}, {STRING}\)$")
BLOCK = re.compile(r"/\* (\d+-\d+): (.*) \*/$")
EXITS = {"OK": 0, "INTERNAL": 1, "USAGE": 2, "REFUSED": 3, "DEVICE": 4, "TPM": 5,
         "CONTROLLER": 6}
HEAD = """<!-- SPDX-License-Identifier: GPL-3.0-or-later -->
<!-- made by tests/docs_reasons.py from measure/causes.def: change that, run this -->
# Reasons

Every way in which a host is held, a file refused or a command fails has one name. The held
screen, the log, `--json` and the last line `holdfast result=...` all use it. Names and numbers
are never reused. The class says whose pager it is:

| class | who has to act |
|---|---|
| suspect | security: bytes are unknown or changed |
| update | whoever runs firmware updates: known, old |
| parts | the data-centre floor: missing, moved, extra |
| unreadable | whoever owns the device's path: it could not be read |
| setup | whoever owns keys, manifests, TPMs and services |

*Exit* is what a command returns: 1 internal, 2 usage, 3 judged and refused, 4 a device could not
be read, 5 TPM, 6 controller.
"""


def causes(text):
    """Blocks in order: (title, [(name, number, class, exit, sentence, next step)])."""
    blocks, rest = [], []
    for line in text.splitlines():
        if line.startswith("HF_CAUSE("):
            match = LINE.match(line)
            if not match:
                rest.append(line)
                continue
            _, number, name, kind, code, sentence, step = match.groups()
            unescape = [s.replace('\\"', '"').replace("\\\\", "\\") for s in (sentence, step)]
            blocks[-1][1].append((name, int(number), kind.lower(), EXITS[code], *unescape))
        elif match := BLOCK.match(line):
            blocks.append((match.group(2), []))
    return blocks, rest


def document(blocks):
    out = [HEAD]
    for title, rows in blocks:
        out.append(f"## {title[0].upper()}{title[1:]}\n")
        out.append("| reason | number | class | exit | what was found | next step |")
        out.append("|---|---|---|---|---|---|")
        for name, number, kind, code, sentence, step in rows:
            cells = [f"`{name}`", str(number), kind, str(code), sentence, step]
            out.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
        out.append("")
    return "\n".join(out)


def main():
    with open(DEF, encoding="ascii") as f:
        blocks, rest = causes(f.read())
    rows = [row for _, block in blocks for row in block]
    problems = [f"not understood: {line}" for line in rest]
    for column, what in ((0, "name"), (1, "number")):
        seen = [row[column] for row in rows]
        problems += [f"{what} {x} is used twice" for x in sorted(set(seen)) if seen.count(x) > 1]
    wanted = document(blocks)
    if "--check" not in sys.argv:
        with open(DOC, "w", encoding="ascii") as f:
            f.write(wanted)
    if not os.path.exists(DOC):
        problems.append("docs/reasons.md is not there: run tests/docs_reasons.py")
    else:
        with open(DOC, encoding="ascii") as f:
            if f.read() != wanted:
                problems.append("docs/reasons.md is not what measure/causes.def says: "
                                "run tests/docs_reasons.py")
    for problem in problems:
        print(f"  {problem}")
    print("not ok" if problems else "ok", f"docs/reasons.md ({len(rows)} reasons)")
    sys.exit(1 if problems else 0)


main()
