#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every key that the JSON reports use is described in docs/json.md, and no other."""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOG_KEY = r'set(?:_\w+)?\(\w+, (?:[^"();]+, )?"([\w-]+)"'
SOURCES = {"manifests/report_json.c": r'(?:hf_json_say(?:_\w+)?|hf_json_key|findings)\(&?o, "(\w+)"',
           "agent/readers_json.c": r'"(\w+)",\s', "agent/rom_json.c": r'"(\w+)",\s',
           "agent/spdm_json.c": r'(?<=[\s(])"(\w+)",\s', "agent/attest_link_json.c": LOG_KEY,
           "controller/evidence_print.c": r'(?<=[\s(])(?<!: )"(\w+)",\s',
           "controller/evidence_devices.c": r'(?<=[\s(])(?<!: )"(\w+)",\s',
           "controller/evidence_transcripts.c": r'(?<=[\s(])(?<!: )"(\w+)",\s',
           "controller/census_json.c": r'set\(&?o, \w+, "(\w+)"',
           "controller/cmd_log.c": LOG_KEY, "controller/log_json.c": LOG_KEY,
           "controller/event_json.c": LOG_KEY, "controller/secure_boot_json.c": LOG_KEY}


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as f:
        return f.read()


def main():
    used = {key for name, pattern in SOURCES.items() for key in re.findall(pattern, read(name))}
    described = {key for row in re.findall(r"^\| (`.*?) \|", read("docs/json.md"), re.M)
                 for key in re.findall(r"`([\w-]+)`", row)}
    problems = [f"docs/json.md does not describe {key}" for key in sorted(used - described)]
    problems += [f"docs/json.md describes {key}, which no report has"
                 for key in sorted(described - used)]
    for problem in problems:
        print(f"  {problem}")
    print("not ok" if problems or not used else "ok", f"docs/json.md ({len(used)} keys)")
    sys.exit(1 if problems or not used else 0)


main()
