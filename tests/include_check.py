#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may include whom, who alone may include a library, and the licence line.

measure <- pcie <- manifests <- {agent, controller}: leftwards only; agent and controller
never include each other. Prints one ok / not ok line a rule; exits 1 if any failed.
"""
import fnmatch
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MAY_INCLUDE = {
    "measure": {"measure"},
    "pcie": {"measure", "pcie"},
    "manifests": {"measure", "pcie", "manifests"},
    "agent": {"measure", "pcie", "manifests", "agent"},
    "controller": {"measure", "pcie", "manifests", "controller"},
}
SOLE = {  # library header -> the files that may include it
    "pci/": ["pcie/enumerate.c"],
    "tss2/": ["agent/tpm*.c", "agent/tpm_internal.h"],
    "cbor.h": ["measure/cbor.c"],
    "cbor/": ["measure/cbor.c"],
    "openssl/": ["measure/digest.c", "measure/cose.c", "measure/attest.c", "measure/key.c",
                 "measure/chain.c", "measure/cose_sign.c", "measure/key_token.c",
                 "pcie/pe_signer.c", "pcie/spdm_sign.c", "pcie/device_chain.c",
                 "pcie/device_chain_names.c", "pcie/device_chain_rules.c",
                 "pcie/device_chain_verify.c",
                 "agent/bootkey.c", "agent/link_openssl.h", "agent/link_tls.c",
                 "agent/link_certificate.c", "measure/credential.c",
                 "controller/server/ek_*.c", "controller/server/ek_internal.h",
                 "controller/server/seal.c"],
    "jansson.h": ["*_json.c", "measure/evidence.c", "controller/*"],
    "zlib.h": [], "sqlite3.h": ["controller/server/db_sqlite.c"],
    "libpq-fe.h": ["controller/server/db_postgres*.[ch]"],
    "microhttpd.h": ["controller/server/http*.c"], "gnutls/": ["controller/server/http*.c"],
    "curl/": ["controller/http_client.c", "controller/server/webhook.c"],
}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)
LICENCE = "SPDX-License-Identifier: GPL-3.0-or-later"
SOURCES = (".c", ".h", ".def", ".py", ".sh", ".tree", ".1", ".8")
SKIP_DIRS = {".git", "build", "__pycache__"}
RULES = ("arrows", "sole includers", "include paths", "licence line", "no machine path")


def check(path, text, exists=lambda name: os.path.exists(os.path.join(ROOT, name))):
    """Complaints about one file: (rule, words)."""
    folder = path.split("/")[0] if "/" in path else ""
    lines = text.split("\n", 3)
    if LICENCE not in lines[0] and not (lines[0].startswith("#!") and LICENCE in lines[1]):
        yield "licence line", f"{path}: the first line does not name the licence"
    if re.search(r"/work/(?!\.)[a-z]|/home/[a-z]", text) and path != "tests/include_check.py":
        yield "no machine path", f"{path}: names a path of one machine"
    for kind, name in INCLUDE.findall(text):
        target = name.split("/")[0] if "/" in name else ""
        if kind == '"' and not exists(name):
            yield "include paths", f'{path}: "{name}" is no file, seen from the root'
        if kind == '"' and folder in MAY_INCLUDE and target not in MAY_INCLUDE[folder]:
            yield "arrows", f'{path}: {folder} may not include "{name}"'
        if kind == "<" and folder in MAY_INCLUDE:
            for library, owners in SOLE.items():
                if (name.startswith(library) if library.endswith("/") else name == library) \
                        and not any(fnmatch.fnmatch(path, owner) for owner in owners):
                    yield "sole includers", f"{path}: may not include <{name}>"


def own_test():
    """Each rule must be able to fail."""
    licence = f"/* {LICENCE} */\n"
    samples = {
        "arrows": ("measure/x.c", licence + '#include "pcie/host.h"\n'),
        "sole includers": ("agent/x.c", licence + "#include <tss2/tss2_esys.h>\n"),
        "include paths": ("agent/x.c", licence + '#include "agent/not-there.h"\n'),
        "licence line": ("agent/x.c", "int x;\n"),
        "no machine path": ("agent/x.c", licence + '"/' + 'home/somebody"\n'),
    }
    for rule, (path, text) in samples.items():
        if rule not in [found for found, _ in check(path, text)]:
            yield rule
    for path, header in (("agent/x.c", "controller/commands.h"), ("controller/x.c", "agent/tpm.h")):
        if not any(rule == "arrows" for rule, _ in check(path, f'{licence}#include "{header}"\n')):
            yield "arrows"


def sources():
    for folder, dirs, names in os.walk(ROOT):
        dirs[:] = sorted(set(dirs) - SKIP_DIRS)
        for name in sorted(names):
            path = os.path.relpath(os.path.join(folder, name), ROOT)
            if name == "Makefile" or name.endswith(SOURCES):
                yield path


def main():
    complaints = {rule: [] for rule in RULES}
    count = 0
    for path in sources():
        count += 1
        with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as file:
            for rule, words in check(path, file.read()):
                complaints[rule].append(words)
    blind = list(own_test())
    for rule in RULES:
        for words in complaints[rule]:
            print(f"  {words}")
        print(f"{'not ok' if complaints[rule] else 'ok'} {rule}")
    print(f"{'not ok' if blind else 'ok'} every rule notices a breach{''.join(' ' + b for b in blind)}")
    print(f"{'ok' if count > 20 else 'not ok'} {count} files looked at")
    return 1 if blind or count <= 20 or any(complaints.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
