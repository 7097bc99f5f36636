#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/wire.md says the same as the headers: keys, kinds, endpoints, media types, limits.

    docs_wire.py            one "ok"/"not ok" line each; fails if one differs
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DOC = "docs/wire.md"
REQUESTS = ("challenge_request", "enrol_request", "activate_request", "receipt_request")
failed = False


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def check(name, a, b):
    global failed
    failed |= a != b
    print(f"ok {name}" if a == b else f"not ok {name}: the document has {a}, the sources have {b}")


def rule(doc, name):
    """The body of a map in the CDDL."""
    return re.search(rf"^{name} = *\{{(.*?)(?:^\}}| \}}$)", doc.replace("} ", "}  "), re.M | re.S).group(1)


def keys(body):
    """{number: word}: optional ones have a "?" before the word."""
    out = {}
    for optional, number, word in re.findall(r"^\s*(\? )?(\d+): [^;\n]*; *([\w-]+)", body, re.M):
        out[int(number)] = ("?" if optional else "") + word.lower().replace("_", "-")
    return out


def header_request(wire, name):
    comment = re.search(rf"struct hf_wire_{name} \{{\s*/\* \{{(.*?)\}} \*/", wire, re.S).group(1)
    out = {}
    for optional, number, word in re.findall(r"(\? )?(\d+): ([\w \[\+\]]+)", comment):
        word = {"[+ ek]": "eks", "id": "id", "CAP payload": "cap"}.get(word.strip(), word.strip())
        out[int(number)] = ("?" if optional else "") + word.replace(" ", "-").lower()
    return out


def constants(*texts):
    out = {}
    for name, value in re.findall(r'#define (HF_\w+) ("[^"\n]*"|[^\n/]+)', "\n".join(texts)):
        value = re.sub(r"(?<=\d)u\b", "", value.strip()).strip("()")
        if re.fullmatch(r"[\d <]+", value):
            out[name] = eval(value, {})
        elif value.startswith('"'):
            out[name] = value.strip('"')
    return out


def main():
    doc, wire, result = read(DOC), read("measure/wire.h"), read("measure/result.h")
    const = constants(wire, result, read("measure/credential.h"))
    for name in REQUESTS:
        check(name, keys(rule(doc, name.replace("_", "-"))), header_request(wire, name))
    challenge = re.search(r"struct hf_challenge \{(.*?)\n\};", wire, re.S).group(1)
    check("challenge", {k: v.strip("?") for k, v in keys(rule(doc, "challenge")).items()},
          {int(n): field.replace("_", "-")
           for field, n in re.findall(r"(\w+);\s*/\* (\d): ", challenge)})
    enum = re.search(r"enum hf_wire_kind \{(.*?)\};", wire, re.S).group(1)
    kinds = {name: i for i, name in enumerate(re.findall(r"HF_WIRE_(\w+),", enum))}
    check("kinds", {name: int(re.search(r"2: (\d)", rule(doc, name.lower().replace("_", "-"))).group(1))
                    for name in kinds}, kinds)
    comments = re.findall(r"HF_WIRE_(\w+),\s*/\* (.*?) \*/", enum)
    check("fields of kinds", {name: sorted({int(n) for n in re.findall(r"(\d): ", rule(
        doc, name.lower().replace("_", "-")))} - {1, 2}) for name, _ in comments},
        {name: sorted(int(n) for n in re.findall(r"(\d): ", text)) for name, text in comments})
    own = re.search(r"enum hf_result_key \{.*?\n(.*?)\};", result, re.S).group(1)
    check("our claims", {k: v.strip("?") for k, v in keys(rule(doc, "own")).items()},
          {i + 1: name.lower().replace("_", "-")
           for i, name in enumerate(re.findall(r"HF_RESULT_(\w+)", own))})
    statuses = re.findall(r"HF_EAR_(\w+) = (\d+)", result)
    found = re.search(r"^status = ([^;]+); (.+)$", doc, re.M)
    check("status", list(zip(found.group(2).split(", "), (n.strip() for n in found.group(1).split("/")))),
          [(name.lower(), number) for name, number in statuses])
    numbers = dict(re.findall(r"(CLAIM_\w+|EAR_\w+) = (-?\d+)", read("measure/result_keys.h")))
    check("claims", sorted({int(n) for n in re.findall(r"^\s*(?:\? )?(\d+):", rule(doc, "result"), re.M)}),
          sorted(int(v) for k, v in numbers.items() if k.startswith("CLAIM")))
    check("private claim", "-70000: own" in doc, numbers["EAR_OWN"] == "-70000")
    check("endpoints", sorted(set(re.findall(r"^\| `(/v1/agent/\w+)`", doc, re.M))),
          sorted(v for v in const.values() if isinstance(v, str) and v.startswith("/v1/agent/")))
    for name in ("HF_WIRE_TYPE", "HF_WIRE_EVIDENCE_TYPE", "HF_WIRE_CHALLENGE_TYPE", "HF_RESULT_TYPE",
                 "HF_RESULT_PROFILE"):
        check(name, const[name] in doc, True)
    jwt = constants(read("controller/server/result_jwt.h"))
    check("JWT", all(jwt[n] in doc for n in ("HF_RESULT_JWT_TYPE", "HF_RESULT_JWT_OWN")), True)
    limits = re.findall(r"^\| [^|]+ \| (\d+)[^|]*\| (HF_\w+) \|$", doc, re.M)
    check("limits", {n: int(v) for v, n in limits}, {n: const.get(n) for _, n in limits})
    check("some limits", len(limits) >= 10, True)
    return 1 if failed else 0


sys.exit(main())
