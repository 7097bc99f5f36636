# SPDX-License-Identifier: GPL-3.0-or-later
"""holdfastctl census: what a fleet is made of, what stands out, drafts that hold it."""
import glob
import json
import os
import re
import shutil
import subprocess

import captures
import schema
import trees
from harness import BUILD, ROOT, Skip, case, need, read, write
from sources import Owner


def census(t, directory, *argv, code=None):
    result = t.ctl("census", directory, *argv, code=code)
    need(b"\x1b" not in result.out + result.err, "an escape reached the terminal")
    if "--json" not in argv:
        t.narrow(result.text + t.normalise(result.errors))
    return result


def report(t, directory, *argv, code=None):
    return json.loads(census(t, directory, "--json", *argv, code=code).text)


def signed(t, owner, drafts, out):
    os.makedirs(out)
    t.ctl("manifest", "check", *sorted(glob.glob(f"{drafts}/*.json")), code=0)
    t.ctl("manifest", "sign", *sorted(glob.glob(f"{drafts}/*.json")), "--key", owner.key, "--signer",
          owner.name, "--out", out, code=0)
    return out


def judged(t, manifests, anchors, files):
    """{file: status} by the gate's own appraisal of each capture."""
    subprocess.run(["make", "-s", f"MODE={os.environ.get('MODE', 'release')}",
                    f"{BUILD.removeprefix(ROOT + '/')}/tests/census/judge"], cwd=ROOT, check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=300)
    done = t.run(f"{BUILD}/tests/census/judge", manifests, anchors, *files, code=0)
    found = dict(line.split(" ")[:2] for line in done.text.splitlines())
    need(len(found) == len(files), done.describe())
    return {os.path.basename(f)[:-5]: status for f, status in found.items()}


@case
def census_finds_four_odd_cards_among_a_thousand(t):
    """The whole way: captures, outliers, drafts, signatures, and the gate's verdict on each."""
    directory = t.path("captures")
    odd = captures.make(directory, 1000)
    found = report(t, directory, "--out", t.path("drafts"), "--mode", "enforce", code=3)
    need(found["hosts"] == 1000 and not found["skipped"], found["hosts"])
    need(len(found["models"]) == 3, [m["model"] for m in found["models"]])
    need({o["host"]: "moved" if o["name"] == "moved" else "tampered" for o in found["outliers"]} == odd
         and len(found["outliers"]) == 4, [(o["host"], o["name"]) for o in found["outliers"]])
    for outlier in found["outliers"][:3]:
        need(outlier["name"] == "same-version-other-bytes" and outlier["class"] == "suspect" and
             outlier["subject"] == "option-rom/window" and outlier["slot"].startswith("PCIE") and
             outlier["found_hosts"] == 1 and outlier["other_hosts"] > 100 and outlier["next_step"] and
             outlier["found"] != outlier["others"], outlier)
    moved = found["outliers"][3]
    need((moved["slot"], moved["place"], moved["belongs"]) ==
         ("PCIE4", "pci0000:00/04.0/00", "pci0000:00/02.0/00"), moved)
    for kind in found["components"]:
        states = [v["state"] for v in kind["values"] if v["host_count"] > 3]
        need(all(s == "drafted" for s in states), f"{kind['component']}: {states}")
        need(sum(v["host_count"] for v in kind["values"]) == kind["host_count"], kind["component"])
        need(all(len(v["hosts"]) == v["host_count"] for v in kind["values"]), kind["component"])
    owner = Owner(t)
    anchors = owner.trust(t.path("anchors"))
    manifests = signed(t, owner, t.path("drafts"), t.path("signed"))
    verdicts = judged(t, manifests, anchors, sorted(glob.glob(f"{directory}/*.json")))
    need({h for h, status in verdicts.items() if status != "accepted"} == set(odd), verdicts)
    need(all(verdicts[h] == "held" for h in odd), [(h, verdicts[h]) for h in odd])
    # the agent says the same of the trees that the last captures were made of
    machines = sorted(glob.glob(f"{directory}.trees/*"))
    need(len(machines) == 7, machines)
    for machine in machines:
        code = 3 if machine.endswith("moved") else 0
        t.holdfast("verify", "--sysfs", f"{machine}/sys", "--manifests", manifests, "--anchors", anchors,
                   code=code)
    check_provenance(t, found)


@case
def census_demo(t):
    """make demo-census, of a smaller fleet: it ends well only if the four are the four."""
    done = t.run(f"{ROOT}/tests/census/demo.sh", code=0, env={"HOSTS": "120", "KEEP": t.path("demo")})
    need("accepted: 116 hosts" in done.text, done.describe())
    t.narrow(done.text.split("==", 2)[2])


def check_provenance(t, found):
    """Every drafted value says how many hosts are behind it, and hosts.txt names them all."""
    hosts = read(t.path("drafts/hosts.txt")).decode().splitlines()
    drafted = 0
    for kind in found["components"]:
        source = json.loads(read(t.path(f"drafts/{kind['component']}.json")))
        for value in (v for v in kind["values"] if v["state"] == "drafted"):
            drafted += 1
            release = [r for r in source["releases"] if r["name"] == value["release"]][0]
            words = f"{value['host_count']} of {kind['host_count']} hosts"
            need(words in release["provenance"] and value["hosts"][0] in release["provenance"],
                 release["provenance"])
            at = hosts.index(f"{kind['component']}, {value['release']}: {words}")
            need(hosts[at + 1:at + 1 + value["host_count"]] == [f"  {h}" for h in value["hosts"]],
                 f"hosts.txt: {kind['component']}, {value['release']}")
        names = [v["release"] for v in kind["values"] if v["state"] == "drafted"]
        need(names == [r["name"] for r in source["releases"]], f"{names} in {kind['component']}")
    need(drafted == 13, f"{drafted} values are drafted")


@case
def census_for_people(t):
    captures.make(t.path("captures"), 60)
    found = census(t, t.path("captures"), code=3)
    t.golden("census.txt", found.text)
    need(found.text.index("OUTLIERS") < found.text.index("MODELS") < found.text.index("PARTS"),
         "outliers do not come first")


@case
def census_of_a_clean_fleet(t):
    captures.make(t.path("captures"), 30, clean=True)
    found = census(t, t.path("captures"), "--out", t.path("drafts"), code=0)
    need("OUTLIERS: none" in found.text, found.describe())
    for path in glob.glob(t.path("drafts/*.json")):
        source = json.loads(read(path))
        kind = "model" if "model" in source else "component"
        problems = schema.problems(kind, source) if hasattr(schema, "problems") else []
        need(not problems, f"{path}: {problems}")
        if kind == "model":
            need(source["mode"] == "audit" and source["unknown"] == "hold", path)
            need(set(source["drivers"]) == ({"nic"} if "storage" in path else {"nic", "nvme"}),
                 f"{path}: {source['drivers']}")
    # what another census drafted is not signed with this one's
    t.refused(census(t, t.path("captures"), "--out", t.path("drafts"), code=2), "usage")


@case
def census_names_what_it_skips(t):
    """A bad file never stops the count, and is never passed over in silence."""
    directory = t.path("captures")
    captures.make(directory, 18, clean=True)
    good = read(f"{directory}/rack01-01.json")
    bad = {
        "truncated.json": (good[:len(good) // 2], "scan-shape"),
        "empty.json": (b"", "scan-shape"),
        "noise.json": (bytes(range(256)) * 40, "scan-shape"),
        "other.json": (b'{"format": 1, "component": "card", "releases": []}', "scan-shape"),
        "later.json": (b'{"format": 2, "parts": []}', "scan-shape"),
        "no-parts.json": (b'{"format": 1, "parts": []}', "claims-missing"),
        "twice.json": (b'{"format": 1, "format": 1, "parts": []}', "scan-shape"),
        "deep.json": (b"[" * 300000, "scan-shape"),
        "many.json": (b'{"format":1,"parts":[' + b"[]," * 500000 + b"[]]}", "limit-exceeded"),
        "members.json": (b'{"format":1,"parts":[' + b"1," * 2100000 + b"1]}", "limit-exceeded"),
        "large.json": (b" " * (16 << 20) + good, "file-too-large"),
        "\x1b[31mred\x07.json": (b"{", "scan-shape"),
        "bad-path.json": (good.replace(b'"path": "board"', b'"path": "bo\\u001bard"'), "scan-shape"),
        "long-name.json": (good.replace(b'"mkey": "option-rom/window"', b'"mkey": "' + b"x" * 65 + b'"'),
                           "scan-shape"),
        "long-text.json": (good.replace(b"Compute 1U", b"C" * 5000), "scan-shape"),
    }
    for name, (data, _) in bad.items():
        write(f"{directory}/{name}", data)
    os.mkfifo(f"{directory}/pipe.json")
    os.symlink("nowhere", f"{directory}/gone.json")
    os.mkdir(f"{directory}/folder")
    found = report(t, directory, code=4)
    causes = {s["file"]: s["cause"] for s in found["skipped"]}
    want = {name.replace("\x1b", "?").replace("\x07", "?"): cause for name, (_, cause) in bad.items()}
    want.update({"pipe.json": "file-unreadable", "gone.json": "file-unreadable",
                 "folder": "claims-missing"})
    need(causes == want, {k: (causes.get(k), want.get(k)) for k in {*causes, *want}
                          if causes.get(k) != want.get(k)})
    need(found["hosts"] == 18 and not found["outliers"], found["hosts"])
    text = census(t, directory, code=4)
    need(f"SKIPPED: {len(want)} files" in text.text, text.describe())
    for name, _ in want.items():
        need(name in text.text, f"{name} is not named")
    for name in want:	# nothing but bad ones: refused, and says so
        path = f"{directory}/{name}"
        if os.path.exists(path) and name not in ("pipe.json", "gone.json", "folder"):
            os.unlink(path)
    for path in glob.glob(f"{directory}/rack*.json"):
        os.unlink(path)
    need(census(t, directory).code in (2, 3), "no capture at all passed for a fleet")
    t.refused(census(t, t.path("none"), code=2), "file-unreadable")
    for argv in (("--min-hosts", "0"), ("--min-hosts", "x"), ("--mode", "off"), ("--generation", "-1"),
                 ("--nonsense",), (directory,)):
        t.refused(census(t, directory, *argv, code=2), "usage")


@case
def census_hostile_words(t):
    """What a capture says is text: on the terminal, in the drafts, in what is signed."""
    directory = t.path("captures")
    captures.make(directory, 9, clean=True)
    for path in glob.glob(f"{directory}/*.json"):
        data = json.loads(read(path))
        for part in data["parts"]:
            for m in part["measurements"]:
                if m["mkey"] in ("smbios/vendor", "smbios/product"):
                    m["text"] = "Ev\u001b]0;il\u0007 \u202e\u009b31m" + "/../" + m["text"]
                if m["mkey"] == "slot":
                    m["text"] = "\u001b[2J../1"
        write(path, json.dumps(data).encode())
    found = census(t, directory, "--out", t.path("drafts"))
    need(found.code in (0, 3, 4), found.describe())
    need(not re.search(rb"[\x00-\x08\x0b-\x1f\x7f-\xff]", found.out + found.err), found.describe())
    for path in glob.glob(t.path("drafts/**"), recursive=True):
        if os.path.isfile(path):
            need(not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", read(path)), f"{path}: control bytes")
        need(os.path.dirname(path) == t.path("drafts") or os.path.isdir(path), path)


@case
def census_notices_who_was_captured_twice(t):
    directory = t.path("captures")
    captures.make(directory, 24, clean=True)
    shutil.copy(f"{directory}/rack01-01.json", f"{directory}/again.json")
    found = report(t, directory, code=0)
    again = [c for c in found["captures"] if c["again"]]
    need(found["hosts"] == 24 and len(again) == 1, again)
    need(not again[0]["differs"] and {again[0]["file"], again[0]["host"]} ==
         {"rack01-01.json", "again"}, again)
    # the same host with other firmware: never hidden behind the good capture
    data = json.loads(read(f"{directory}/again.json"))
    for part in data["parts"]:
        for function in part["functions"]:
            for m in function["measurements"]:
                if m["mkey"].startswith("option-rom") and "digests" in m:
                    m["digests"] = {k: "00" + v[2:] for k, v in m["digests"].items()}
    write(f"{directory}/zagain.json", json.dumps(data).encode())
    found = report(t, directory, code=3)
    need(found["hosts"] == 24, found["hosts"])
    names = [o["name"] for o in found["outliers"]]
    need("same-version-other-bytes" in names and "captures-differ" in names, names)
    need("the same host as" in census(t, directory, code=3).text, "not said to people")
    # SMBIOS that says nothing, or the same in a whole fleet: devices tell hosts apart
    for path in glob.glob(f"{directory}/*.json"):
        if os.path.basename(path).startswith("rack"):
            write(path, re.sub(rb'"text": "SN-\w+"', b'"text": "SAME-0001"',
                               re.sub(rb'"text": "\w{8}-\w{4}-\w{4}-\w{4}-\w{12}"',
                                      b'"text": "11223344-5566-7788-99aa-bbccddeeff00"', read(path))))
        else:
            os.unlink(path)
    found = report(t, directory, code=0)
    need(found["hosts"] == 24, f"{found['hosts']} hosts where one serial number is in all of them")


def edit_roms(data, change):
    for part in data["parts"]:
        for function in part["functions"]:
            for m in function["measurements"]:
                if m["mkey"].startswith("option-rom") and "digests" in m:
                    m["digests"] = {k: change(v) for k, v in m["digests"].items()}


@case
def census_same_version_is_never_drafted_by_itself(t):
    """As many hosts as there like may show other bytes under a version: a person decides."""
    directory = t.path("captures")
    captures.make(directory, 60, clean=True)
    changed = 0
    for path in sorted(glob.glob(f"{directory}/*.json")):
        data = json.loads(read(path))
        if data["host"]["product"] == "Compute 1U" and changed < 8:
            edit_roms(data, lambda v: "00" + v[2:])
            write(path, json.dumps(data).encode())
            changed += 1
    found = report(t, directory, code=3)
    loud = [o for o in found["outliers"] if o["name"] == "same-version-other-bytes"]
    need(len(loud) == changed == len(found["outliers"]), [o["name"] for o in found["outliers"]])
    kind = [k for k in found["components"] if k["component"].startswith("card-15b3")][0]
    states = sorted(v["state"] for v in kind["values"])
    need(states.count("drafted") == 2 and set(states) <= {"drafted", "same-version", "rare"}, states)
    found = report(t, directory, "--same-version", "--min-hosts", "1", code=0)
    kind = [k for k in found["components"] if k["component"].startswith("card-15b3")][0]
    need({v["state"] for v in kind["values"]} == {"drafted"}, kind["values"])


@case
def census_min_hosts(t):
    """What fewer hosts have is listed, and in no draft; a rare model has none."""
    directory = t.path("captures")
    captures.make(directory, 60)
    for limit, drafted in (("2", 13), ("20", 6)):
        out = t.path(f"drafts-{limit}")
        found = report(t, directory, "--min-hosts", limit, "--out", out, code=3)
        listed = [v for k in found["components"] for v in k["values"]]
        need(all((v["state"] == "drafted") == (v["host_count"] >= int(limit)) for v in listed),
             [(v["state"], v["host_count"]) for v in listed])
        releases = [r for p in glob.glob(f"{out}/*.json") for r in json.loads(read(p)).get("releases", [])]
        need(len(releases) == sum(v["state"] == "drafted" for v in listed) and
             (limit == "20" or len(releases) == drafted), f"{limit}: {len(releases)}")
    found = report(t, directory, "--min-hosts", "21", "--out", t.path("none"))
    need(not glob.glob(t.path("none/model-*.json")), "a model of 20 hosts was drafted")
    need("not drafted" in census(t, directory, "--min-hosts", "21").text, "not said to people")


@case
def census_without_roms_says_so(t):
    """Hosts whose ROMs nobody read are none of their own, and the drafts' gap is named."""
    directory = t.path("captures")
    captures.make(directory, 24, clean=True)
    machine = captures.Machine(t.path("machine"), 0, 0)
    for number in range(100, 106):
        machine.capture(captures.host_name(number), f"{directory}/{captures.host_name(number)}.json",
                        "--rom=none")
    found = report(t, directory, code=0)
    kind = [k for k in found["components"] if k["component"].startswith("card-15b3")][0]
    need([v["host_count"] for v in kind["values"] if v["state"] == "partial"] == [6], kind["values"])
    need(all(not v["unread"] for v in kind["values"] if v["state"] == "drafted"), kind["values"])
    need("--rom=all" in census(t, directory, code=0).text, "no next step for what was not read")
    # a device that was asked and did not answer is another matter
    path = f"{directory}/{captures.host_name(103)}.json"
    write(path, read(path).replace(b'"cause": "not-measured"', b'"cause": "timed-out"'))
    found = report(t, directory, code=3)
    need([o["name"] for o in found["outliers"]] == ["unreadable"], found["outliers"])


@case
def census_of_places(t):
    """A part that is missing, one too many, and another kind in its place."""
    directory = t.path("captures")
    captures.make(directory, 30, clean=True)
    hosts = sorted(p for p in glob.glob(f"{directory}/*.json")
                   if json.loads(read(p))["host"]["product"] == "Storage 2U")
    for path, what in zip(hosts, ("missing", "extra", "other")):
        data = json.loads(read(path))
        parts = data["parts"]
        at = [i for i, p in enumerate(parts) if p["path"] == "pci0000:00/02.0/00"][0]
        if what == "missing":
            del parts[at]
        elif what == "extra":
            parts.append(json.loads(json.dumps(parts[at]).replace("00/02.0/00", "00/04.0/00")))
        else:
            parts[at] = json.loads(json.dumps(parts[at]).replace('"10e2"', '"0097"'))
        write(path, json.dumps(data).encode())
    found = report(t, directory, "--out", t.path("drafts"), "--mode", "enforce", code=3)
    need([(o["host"], o["name"], o["place"]) for o in found["outliers"]] ==
         [(os.path.basename(hosts[i])[:-5], name, f"pci0000:00/{place}/00")
          for i, name, place in ((2, "other-part", "02.0"), (1, "extra-part", "04.0"),
                                 (0, "missing-part", "02.0"))], found["outliers"])
    owner = Owner(t)
    verdicts = judged(t, signed(t, owner, t.path("drafts"), t.path("signed")),
                      owner.trust(t.path("anchors")), sorted(glob.glob(f"{directory}/*.json")))
    need({h for h, status in verdicts.items() if status != "accepted"} ==
         {os.path.basename(p)[:-5] for p in hosts[:3]}, verdicts)


@case
def census_takes_evidence_too(t):
    """A host's own evidence, as a directory and as a collection, beside scans."""
    from rehearsal import Host
    host = Host(t)
    directory = t.path("captures")
    captures.make(directory, 3, clean=True)
    t.holdfast("boot", "--sysfs", host.tree.sys, "--tcti", host.tpm.tcti, "--etc", host.etc,
               "--evidence", host.evidence)
    shutil.copytree(host.evidence, f"{directory}/lab")
    found = report(t, directory, "--min-hosts", "1")
    need(found["hosts"] == 4 and not found["skipped"], found["skipped"])
    need([m["product"] for m in found["models"] if "Q35" in m["product"]], found["models"])


@case
def census_scan_says_what_is_needed(t):
    """Model, serial, slot, place and coverage, without a search; virtual functions in their card."""
    lab = trees.lab()
    trees.device(lab, "02.0")["below"][0]["vfs"] = [{"distance": n} for n in range(1, 5)]
    tree = trees.Tree(t.path("tree"), lab)
    trees.put_smbios(tree.sys, [trees.smbios_slot("PCIe 3", 1, 0)])
    found = json.loads(t.holdfast("scan", "--json", "--sysfs", tree.sys, code=0).text)
    need(found["host"] == {"vendor": "QEMU", "product": "Standard PC (Q35 + ICH9, 2009)",
                           "serial": "LAB0001", "uuid": None}, found["host"])
    need(found["coverage"]["parts"] == 6 and found["coverage"]["by_method"]["bytes"] == 4,
         found["coverage"])
    card = [p for p in found["parts"] if p["path"] == trees.NIC1][0]
    need(card["slot"] == "PCIe 3", card["slot"])
    need([f["virtual"] for f in card["functions"]] == [False] + [True] * 4, card["functions"])
    text = t.holdfast("scan", "--sysfs", tree.sys, code=0).text
    need("4 virtual functions of it" in text and text.count("8086:10d3") == 2, text)


@case
def census_virtual_functions_hold_nobody(t):
    """How many a host has enabled is no firmware: neither for drafts nor for the verdict."""
    import sources
    golden = trees.Tree(t.path("golden"), trees.lab())
    lab = trees.lab()
    trees.device(lab, "02.0")["below"][0]["vfs"] = [{"distance": n} for n in range(1, 5)]
    tree = trees.Tree(t.path("tree"), lab)
    sources.judge(t, tree, golden, code=0)
    write(t.path("a.json"), t.holdfast("scan", "--json", "--sysfs", golden.sys, code=0).out)
    write(t.path("b.json"), t.holdfast("scan", "--json", "--sysfs", tree.sys, code=0).out)
    same = t.ctl("manifest", "diff", "--json", t.path("a.json"), t.path("b.json"), code=0)
    need(json.loads(same.text) == [], "virtual functions are a difference")


HARMLESS = re.compile(r"^(/dev/null|/dev/urandom|/dev/shm.*)$")
OPEN = re.compile(r'(?:open|openat|openat2|creat)\((?:[^,"]+, )?"([^"]*)", ?([^)]*)')
WRITES = re.compile(r"\b(write|pwrite64|writev|pwritev|pwritev2|sendfile|splice|copy_file_range)\((\d+)<([^>]*)>")
NEVER = re.compile(r"\b(mkdir|mkdirat|unlink|unlinkat|rename|renameat|renameat2|link|linkat|symlink|"
                   r"symlinkat|truncate|ftruncate|mknod|mknodat|chmod|fchmod|fchmodat|chown|fchown|"
                   r"setxattr|mount|init_module|finit_module|delete_module|kexec_load)\(")


def disturbs(line):
    """Why a system call of a scan may change the host, or None."""
    if NEVER.search(line):
        return "changes a file system or the kernel"
    if (found := OPEN.search(line)) and re.search(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND|creat",
                                                  found[2]) and not HARMLESS.match(found[1]):
        return f"opens {found[1]} for writing"
    if (found := WRITES.search(line)) and not re.match(r"pipe:|socket:|UNIX|/dev/null", found[3]) and \
            found[2] not in ("1", "2"):
        return f"writes to {found[3]}"
    return None


@case
def census_scan_writes_nothing(t):
    """Every system call of a scan of this live machine, and of a tree, as the kernel saw it."""
    if not shutil.which("strace"):
        raise Skip("strace is not installed")
    probe = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True)
    if probe.returncode:
        raise Skip("strace may not trace here")
    for line, bad in (('openat(5, "rom", O_WRONLY|O_CLOEXEC) = 7', True),
                      ('openat(5</sys/devices>, "rom", O_RDWR|O_CLOEXEC) = 7', True),
                      ('open("/dev/nvme0", O_RDWR) = 7', True), ('write(7</sys/x/rom>, "1", 1) = 1', True),
                      ('unlinkat(3, "x", 0) = 0', True), ('write(1<pipe:[5]>, "x", 1) = 1', False),
                      ('write(6<pipe:[5]>, "x", 1) = 1', False),
                      ('openat(AT_FDCWD, "/sys/x", O_RDONLY|O_CLOEXEC) = 3', False)):
        need(bool(disturbs(line)) == bad, f"the test itself is blind: {line}")
    tree = trees.Tree(t.path("tree"), trees.lab())
    live = [()] if glob.glob("/sys/bus/pci/devices/*") else []
    for argv in live + [("--sysfs", tree.sys)]:
        t.run("strace", "-f", "-y", "-o", t.path("calls"), "-e",
              "trace=%file,%desc,%memory,init_module,finit_module,delete_module,kexec_load",
              f"{BUILD}/holdfast", "scan", "--json", *argv, code=0)
        calls = read(t.path("calls")).decode("utf-8", "replace").splitlines()
        need(any("config" in c for c in calls), "strace saw no read of configuration space")
        bad = [f"{why}: {c}" for c in calls if (why := disturbs(c))]
        need(not bad, "\n".join(bad[:10]))
    if not live:
        raise Skip("no PCI bus on this machine: a tree only")
