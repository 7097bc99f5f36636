#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each man page has every command and every option that --help names, and no other; --help and
--version of the programs agree; the completion offers them.

For each command: the options of its --help are those of its part of SYNOPSIS (where that says
"option ..." the ones described stand in), and each is described in the section of its command,
of its group, or of several commands. An option described and in no --help is an error.
"""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build/release")
PAGES = {"holdfast": "holdfast.8", "holdfastctl": "holdfastctl.1", "holdfastd": "holdfastd.8"}
OPTION = re.compile(r"(?<![\w-])--([a-z][a-z0-9-]*)")
MAN_OPTION = re.compile(r"Fl -([a-z][a-z0-9-]*)")
# Every program and every command has it; the page says so once.
EVERYWHERE = {"help", "version"}


def said(program, *words):
    """--help of a command: exit code 0, on standard output."""
    done = subprocess.run([os.path.join(BUILD, program), *words, "--help"], capture_output=True,
                          text=True, check=False)
    if done.returncode or done.stderr or not done.stdout:
        raise SystemExit(f"  {program} {' '.join(words)} --help: exit {done.returncode}, "
                         f"standard error {done.stderr!r}\nnot ok man pages")
    # What another program prints is no option of this one.
    other = r"`?holdfast (scan|attest) --\w+`?|: holdfastctl manifest accept --waiver$" \
        r"|options\s+of holdfastctl host \(--url, --ca, \.\.\.\)"
    return re.sub(other, "", done.stdout, flags=re.M) if program != "holdfast" else done.stdout


def listed(text):
    """Commands in the list of a --help: "  scan      what is on this host"."""
    body = text.split("\n\n", 1)[1].split("\n\n")[0] if "\n\n" in text else ""
    return re.findall(r"^  ([a-z][a-z-]*) ", body, re.M)


def usages(text, program, words):
    """{command: options} by the lines of a usage, where a --help has several commands."""
    head = text.split("\n\n", 1)[0]
    start = re.escape(" ".join([program, *words]))
    parts = re.split(rf"(?:usage:)? +{start}(?= |$)", head)[1:]
    found = {}
    for part in parts:
        word = re.match(r" ([a-z][a-z-]*)(?=[ \n]|$)", part)
        found.setdefault(word.group(1) if word else "", set()).update(OPTION.findall(part))
    return found


def commands(program):
    """{("manifest", "sign"): options of its --help} for all commands of a program."""
    top = said(program)
    if program == "holdfastd":
        return {(): set(OPTION.findall(top))}
    result = {}
    for name in listed(top):
        text = said(program, name)
        group = usages(text, program, [name])
        if listed(text) and not OPTION.search(text.split("\n\n")[0]):	# a group, with a page each
            for sub in listed(text):
                result[name, sub] = set(OPTION.findall(said(program, name, sub)))
        elif set(group) - {""}:
            common = set(OPTION.findall(text)) - set().union(*group.values())
            for sub, options in group.items():
                result[name, sub] = options
            result[name, "*"] = common	# described once for all
        else:
            result[name,] = set(OPTION.findall(text))
    return {key: options - EVERYWHERE for key, options in result.items()}


def page(name):
    with open(os.path.join(ROOT, "docs/man", name), encoding="utf-8") as f:
        return f.read()


def section(text, title):
    match = re.search(rf"^\.Sh {title}\n(.*?)(?=^\.Sh |\Z)", text, re.M | re.S)
    return match.group(1) if match else ""


def synopsis(text):
    """{command: options} of a SYNOPSIS."""
    found = {}
    for part in re.split(r"^\.Nm\b.*\n", section(text, "SYNOPSIS"), flags=re.M)[1:]:
        name = re.match(r"\.Cm ([a-z -]+)\n", part)
        key = tuple(name.group(1).split()) if name else ()
        found.setdefault(key, [set(), False])
        found[key][0].update(MAN_OPTION.findall(part))
        found[key][1] |= "Ar option" in part
    return found


def described(text):
    """{title of a section: options that it describes}, outside of SYNOPSIS."""
    rest = text.replace(section(text, "SYNOPSIS"), "")
    parts = re.split(r"^\.S[sh] (.*)\n", rest, flags=re.M)
    found = {}
    for title, part in zip(parts[1::2], parts[2::2]):
        found.setdefault(title, set()).update(MAN_OPTION.findall(part))
    return found


def told_of(key, sections):
    """The options that a reader of this command finds described: in the section of its name, of
    its group, and in that of several commands."""
    names = {" ".join(word for word in key if word != "*"), key[0] if key else "", "OPTIONS",
             "Options of several commands"}
    if key and key[0] in ("host", "ring", "audit", "waiver"):
        names.add("Options of host, ring, audit and waiver create")
    return set().union(*(options for title, options in sections.items()
                         if title in names or names & set(title.split(", "))))


def compare(program, complain):
    text = page(PAGES[program])
    helps, summary, sections = commands(program), synopsis(text), described(text)
    for key, options in sorted(helps.items()):
        name = " ".join((program,) + key)
        for option in sorted(options - told_of(key, sections)):
            complain(f"{PAGES[program]}: --{option} of {name} is not described")
        if key[-1:] == ("*",):
            continue
        if key not in summary:
            complain(f"{PAGES[program]}: {name} is not in its SYNOPSIS")
            continue
        shown, abridged = summary[key]
        for option in sorted(options - shown if not abridged else ()):
            complain(f"{PAGES[program]}: --{option} of {name} is not in its SYNOPSIS")
        for option in sorted(shown - options - helps.get((key[:1] + ("*",)), set()) - EVERYWHERE):
            complain(f"{name} --help: does not name --{option}, which SYNOPSIS has")
    everything = set().union(EVERYWHERE, *helps.values())
    for option in sorted(set().union(*sections.values()) - everything):
        complain(f"{PAGES[program]}: describes --{option}, which no --help names")
    for key in sorted(set(summary) - set(helps) - {()}):
        complain(f"{PAGES[program]}: SYNOPSIS has {' '.join(key)}, which --help does not")
    return len(helps), len(everything)


def completed(*line):
    """What bash offers for a line."""
    script = ('source docs/completion/holdfast.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
              '_holdfast; printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", script, "-", *line], capture_output=True, text=True,
                          cwd=ROOT, check=True,
                          env=dict(os.environ, PATH=BUILD + ":" + os.environ["PATH"]))
    return set(done.stdout.split())


def check_completion(program, complain):
    helps = commands(program)
    for key, options in sorted(helps.items()):
        words = [word for word in key if word != "*"]
        offered = completed(program, *words, "--")
        for option in sorted(options - {word[2:] for word in offered}):
            complain(f"completion: {program} {' '.join(words)} does not offer --{option}")
    for depth, place in [(0, ())] + [(1, (name,)) for name in sorted({k[0] for k in helps if k})]:
        want = {key[depth] for key in helps if key[:depth] == place and len(key) > depth} - {"*"}
        got = completed(program, *place, "") if want else set()
        for word in sorted(want - got):
            complain(f"completion: {program} {' '.join(place)} does not offer {word}")
        for word in sorted(got - want):
            complain(f"completion: {program} {' '.join(place)} offers {word}, which is no command")


def check_version(program, complain):
    with open(os.path.join(ROOT, "Makefile"), encoding="utf-8") as f:
        version = re.search(r"^VERSION := (\S+)$", f.read(), re.M).group(1)
    done = subprocess.run([os.path.join(BUILD, program), "--version"], capture_output=True,
                          text=True, check=False)
    if done.stdout != f"{program} {version}\n" or done.returncode:
        complain(f"{program} --version says {done.stdout!r}, the Makefile {version}")
    with open(os.path.join(ROOT, "examples/debian/changelog"), encoding="utf-8") as f:
        first = f.readline()
    if not first.startswith(f"holdfast ({version})"):
        complain(f"examples/debian/changelog begins with {first.strip()!r}, the Makefile says {version}")
    for line in said(program).splitlines():
        if len(line.expandtabs()) > 80:
            complain(f"{program} --help: more than 80 columns: {line}")


def check_form(complain):
    """mandoc's own opinion, where it is installed; groff's else."""
    for name in sorted(os.listdir(os.path.join(ROOT, "docs/man"))):
        done = subprocess.run(["groff", "-mandoc", "-ww", "-z", "-Tutf8",
                               os.path.join(ROOT, "docs/man", name)], capture_output=True, text=True,
                              check=False)
        for line in done.stderr.splitlines():
            complain(line.replace(ROOT + "/", ""))


def main():
    subprocess.run(["make", "--no-print-directory", "-j2", "all"], cwd=ROOT, check=True,
                   stdout=subprocess.DEVNULL)
    problems = []
    counts = [compare(program, problems.append) for program in PAGES]
    for program in PAGES:
        check_version(program, problems.append)
        check_completion(program, problems.append)
    check_form(problems.append)
    for problem in problems:
        print(f"  {problem}")
    total = f"{sum(c for c, _ in counts)} commands, {sum(o for _, o in counts)} options"
    print("not ok" if problems or not all(c for c, _ in counts) else "ok", f"man pages ({total})")
    sys.exit(1 if problems else 0)


main()
