# SPDX-License-Identifier: GPL-3.0-or-later
"""Command lines: what is not understood is refused with words that help."""
import os
import re
import subprocess

from harness import case, need, BUILD, ROOT

COMMANDS = ("boot", "scan", "verify", "attest", "identity", "provision", "rom", "spdm")


@case
def cli_help_and_version(t):
    usage = t.holdfast("--help", code=0)
    for command in COMMANDS:
        need(f"  {command} " in usage.text, usage.describe())
        one = t.holdfast(command, "--help", code=0)
        need(one.text.startswith(f"usage: holdfast {command}"), one.describe())
        t.narrow(one.text)
    t.narrow(usage.text)
    need(t.holdfast("--version", code=0).text == "holdfast 0.5.0\n", "version")
    t.narrow(t.ctl("--help", code=0).text)


@case
def cli_bad_lines_exit_2(t):
    lines = [
        [], ["frobnicate"], ["--frobnicate"], ["scan", "--frobnicate"], ["scan", "word"],
        ["scan", "--rom=some"], ["scan", "--rom"], ["scan", "--sysfs"], ["scan", "--sysfs="],
        ["scan", "--json=yes"], ["scan", "--json", "--json"], ["verify"],
        ["scan", "--initramfs-step", ""], ["scan", "--initramfs-step", "a b"],
        ["scan", "--initramfs-step", "a" * 33], ["scan", "--readers", "--initramfs-step", "dracut"],
        ["verify", "--manifests", "m"], ["verify", "--anchors", "a"],
        ["verify", "--manifests", "m", "--manifest", "f", "--anchors", "a"],
        ["attest"], ["attest", "--nonce", "00"], ["attest", "--out", "x"],
        ["attest", "--nonce", "00112233", "--out", "x"],
        ["attest", "--nonce", "0011223344556677889", "--out", "x"],
        ["attest", "--nonce", "zz11223344556677", "--out", "x"],
        ["attest", "--nonce", "00" * 65, "--out", "x"],
        ["rom"], ["rom", "a", "b"], ["rom", "--frob", "a"], ["boot", "--frob"],
    ]
    for line in lines:
        result = t.holdfast(*line, code=2)
        need(not result.out, f"something on stdout\n{result.describe()}")
        need("usage" in result.errors, f"no word of help\n{result.describe()}")
        t.narrow(t.normalise(result.errors))
    for program in (t.holdfast, t.ctl):
        result = program("frob\x1bnicate", code=2)
        need("no command frob?nicate" in result.errors and "next: " in result.errors, result.describe())
    need(not os.path.exists(t.path("x")), "a refused attest made its directory")


@case
def cli_ctl_bad_lines_exit_2(t):
    for line in ([], ["frobnicate"], ["manifest"], ["manifest", "frobnicate"], ["log"],
                 ["evidence"], ["image"], ["keygen", "--frobnicate"]):
        result = t.ctl(*line, code=2)
        need(result.errors.strip(), f"no word of help\n{result.describe()}")


@case
def cli_words_are_made_printable(t):
    result = t.holdfast("scan", "--\x1b[31m", code=2)
    need(b"\x1b" not in result.err, "an escape reached the terminal")
    result = t.holdfast("rom", t.path("\x1b[31m"), code=2)
    need(b"\x1b" not in result.err, "an escape reached the terminal")


@case
def cli_missing_files_name_themselves(t):
    for line in (["scan", "--sysfs", "nowhere"], ["rom", "nowhere"],
                 ["verify", "--manifests", "nowhere", "--anchors", "nowhere"]):
        result = t.holdfast(*line)
        need(result.code in (2, 3, 4) and "nowhere" in result.errors, result.describe())
        need("next:" in result.errors, result.describe())


@case
def cli_boot_is_for_the_first_process(t):
    t.refused(t.holdfast("boot", code=2), "not-pid1")


@case
def cli_init_is_boot_and_drops_its_arguments(t):
    os.symlink(os.path.join(BUILD, "holdfast"), t.path("init"))
    result = t.run(t.path("init"), "scan", "--sysfs", "x", code=2)
    t.refused(result, "not-pid1")


@case
def cli_output_that_is_lost_is_an_error(t):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([os.path.join(BUILD, "holdfast"), "--help"], stdout=full,
                              stderr=subprocess.PIPE, timeout=20)
    need(done.returncode == 1 and b"[output-failed]" in done.stderr, str(done))


def options(text):
    return set(re.findall(r"(?<![-\w])--([a-z][a-z-]+)", text))


@case
def cli_man_pages_match_the_help(t):
    """Every option of every command's help is in its man page, and the other way round."""
    manifest = re.findall(r"^  ([a-z-]+) ", t.ctl("manifest", "--help", code=0).text, re.M)
    need("diff" in manifest and "sign" in manifest, str(manifest))
    ctl = [["manifest", name] for name in manifest]
    ctl += [[name] for name in re.findall(r"^  ([a-z]+) ", t.ctl("--help", code=0).text, re.M)]
    helps = {
        "holdfast.8": [t.holdfast(c, "--help", code=0).text for c in COMMANDS],
        "holdfastctl.1": [t.ctl(*c, "--help", code=0).text for c in ctl],
    }
    for page, texts in helps.items():
        with open(os.path.join(ROOT, "docs/man", page), encoding="utf-8") as file:
            man = set(re.findall(r"\bFl -([a-z][a-z-]+)", file.read())) - {"help", "version"}
        code = options("\n".join(texts)) - {"help", "version"}
        need(man == code, f"{page}: only there {sorted(man - code)}, missing {sorted(code - man)}")


@case
def cli_every_cause_is_complete(t):
    """A sentence without a full stop, an imperative next step, both short of a screen."""
    with open(os.path.join(ROOT, "measure/causes.def"), encoding="utf-8") as file:
        rows = re.findall(r'^HF_CAUSE\((\w+), (\d+), "([^"]+)", (\w+), (\w+), "([^"]+)", "([^"]+)"\)',
                          file.read(), re.M)
    need(len(rows) > 100, f"{len(rows)} causes")
    for column, name in ((0, "symbol"), (1, "number"), (2, "name")):
        values = [row[column] for row in rows]
        twice = {v for v in values if values.count(v) > 1}
        need(not twice, f"{name} used twice: {twice}")
    for row in rows:
        need(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", row[2]), f"name {row[2]}")
        need(not row[5].endswith(".") and not row[6].endswith("."), f"full stop in {row[2]}")
