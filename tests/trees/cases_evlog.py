# SPDX-License-Identifier: GPL-3.0-or-later
"""holdfastctl log against tpm2_eventlog's own fixtures: each log of the corpus beside which
its YAML lies says the same to both. Where tpm2_eventlog is wrong, that is said here:

- it takes shim's certificate for a signature with an owner: the GUID in front is DER;
- of an image-load event whose length of the path is zero, it takes what follows as path;
- version 5.4 replays EV_NO_ACTION, which extends nothing.
"""
import glob
import hashlib
import json
import os
import re
import struct
import uuid

from harness import ROOT, Skip, case, need, read

FOLDER = os.path.join(os.environ.get("HOLDFAST_CORPUS", os.path.join(ROOT, "../shared/data")),
                      "eventlogs")
SHIM = "605dab50-e046-4300-abb6-3dd810dd8b23"
KEYS = ("PK", "KEK", "db", "dbx")


def fixtures():
    """(log, YAML) of every YAML in the corpus."""
    if not os.path.isdir(FOLDER):
        raise Skip("no corpus: HOLDFAST_CORPUS")
    for path in sorted(glob.glob(f"{FOLDER}/*.yaml")):
        name = os.path.basename(path)[:-len(".yaml")].replace("__event-raw__", "__")
        yield os.path.join(FOLDER, name), path


def scalar(text):
    text = text.strip()
    if text[:1] not in ("'", '"') or len(text) < 2 or text[-1] != text[0]:
        return text
    return re.sub(r"\\(x..|.)", lambda m: chr(int(m[1][1:], 16)) if m[1][0] == "x" else
                  {"0": "\0", "n": "\n", "t": "\t"}.get(m[1], m[1]), text[1:-1])


def lines_of(path):
    """Its lines; a text that goes on behind a backslash is one line."""
    whole = ""
    for line in open(path, encoding="utf-8", errors="surrogateescape"):
        whole += line.strip() if whole else line.rstrip("\n")
        if whole.endswith("\\"):
            whole = whole[:-1]
            continue
        yield whole
        whole = ""


def read_yaml(path):
    """Events as lists of (key, value) in their order, and the PCRs by (bank, number). No
    general YAML: what tpm2_eventlog writes, of which its SHA-1 form is not even that."""
    events, pcrs, bank, in_pcrs, block = [], {}, None, False, False
    for line in lines_of(path):
        if line == "pcrs:":
            in_pcrs = True
        elif in_pcrs:
            if match := re.match(r"  (\w+):$", line):
                bank = match[1]
            elif match := re.match(r"\s+(\d+)\s*:\s*0x([0-9a-f]+)$", line):
                pcrs[bank, int(match[1])] = match[2]
        elif match := re.match(r"(\s*)(?:- )?([A-Za-z]\w*)\s*:(.*)$", line) if not block or \
                not line.startswith("    ") else None:
            block = match[3].strip() == "|-"
            if match[2] == "PCRIndex":
                events.append([])
            if events:
                events[-1].append((match[2], scalar(match[3])))
        elif block and events:  # a text on lines of its own
            events[-1][-1] = ("Event", line.strip())
            block = False
    return events, pcrs


def first(event, key):
    return next((value for name, value in event if name == key), None)


def every(event, key):
    return [value for name, value in event if name == key]


# ---- device paths, written again from UEFI 2.10, section 10.6 ----

def guid(data):
    return str(uuid.UUID(bytes_le=data))


def node_text(kind, sub, data):
    if (kind, sub) == (1, 1):
        return f"Pci(0x{data[1]:X},0x{data[0]:X})"
    if (kind, sub) in ((1, 4), (3, 10), (4, 3)):
        name = {1: "VenHw", 3: "VenMsg", 4: "VenMedia"}[kind]
        return f"{name}({guid(data[:16])}{',' if data[16:] else ''}{data[16:].hex()})"
    if (kind, sub) == (2, 1):
        number, unique = struct.unpack("<II", data)
        return {0x0a0341d0: f"PciRoot(0x{unique:X})", 0x0a0841d0: f"PcieRoot(0x{unique:X})"}.get(
            number, f"Acpi(PNP{number >> 16:04X},0x{unique:X})")
    if (kind, sub) == (3, 1):
        lun, = struct.unpack("<H", data[2:])
        return (f"Ata({'Secondary' if data[0] else 'Primary'},"
                f"{'Slave' if data[1] else 'Master'},0x{lun:X})")
    if (kind, sub) == (3, 2):
        return "Scsi(0x%X,0x%X)" % struct.unpack("<HH", data)
    if (kind, sub) == (3, 5):
        return f"USB(0x{data[0]:X},0x{data[1]:X})"
    if (kind, sub) == (3, 11):
        return f"MAC({data[:6].hex()},0x{data[32]:X})"
    if (kind, sub) == (3, 12):
        return "IPv4(%d.%d.%d.%d,%d.%d.%d.%d)" % (*data[4:8], *data[:4])
    if (kind, sub) == (3, 13):
        return f"IPv6({data[16:32].hex()},{data[:16].hex()})"
    if (kind, sub) == (3, 18):
        return "Sata(0x%X,0x%X,0x%X)" % struct.unpack("<HHH", data)
    if (kind, sub) == (3, 23):
        return f"NVMe(0x{int.from_bytes(data[:4], 'little'):X},{data[:3:-1].hex('-').upper()})"
    if (kind, sub) == (4, 1):
        number, start, size = struct.unpack("<IQQ", data[:20])
        return f"HD({number},GPT,{guid(data[20:36])},0x{start:X},0x{size:X})"
    if (kind, sub) == (4, 4):
        return data.decode("utf-16-le").split("\0")[0]
    if (kind, sub) in ((4, 6), (4, 7)):
        return f"{'FvFile' if sub == 6 else 'Fv'}({guid(data)})"
    if (kind, sub) == (4, 8):
        return "Offset(0x%X,0x%X)" % struct.unpack("<QQ", data[4:])
    if (kind, sub) == (5, 1):
        return f"BBS(0x{data[0]:X},{data[4:].split(bytes(1))[0].decode()},0x{data[2]:X})"
    return f"Path({kind},{sub},{data.hex()})"


def path_text(data):
    text, between = "", ""
    while data:
        kind, sub, size = struct.unpack("<BBH", data[:4])
        if kind == 0x7f and sub == 0xff:
            return text
        if kind == 0x7f:
            between = ","
        else:
            text, between = text + between + node_text(kind, sub, data[4:size]), "/"
        data = data[size:]
    return text


# ---- one event ----

def same_variable(theirs, ours, where, counts):
    decoded = ours["decoded"]
    need(decoded["guid"] == first(theirs, "VariableName"), f"{where}: namespace\n{ours}")
    need(decoded["name"] == first(theirs, "UnicodeName"), f"{where}: name\n{ours}")
    size = int(first(theirs, "VariableDataLength"))
    need(decoded["value-size"] == size, f"{where}: size\n{ours}")
    value = first(theirs, "VariableData")
    start = 32 + 2 * int(first(theirs, "UnicodeNameLength"))
    mine = bytes.fromhex(ours["data"])[start:start + size]
    need(decoded["value-sha256"] == hashlib.sha256(mine).hexdigest(), f"{where}: value")
    if value:
        need(bytes.fromhex(value) == mine, f"{where}: value")
        counts["values"] += 1
    name = decoded["name"]
    if name == "SecureBoot" and (enabled := first(theirs, "Enabled")):
        need(decoded["enabled"] == (enabled == "Yes"), f"{where}: enabled")
        counts["states"] += 1
    if (description := first(theirs, "Description")) is not None:
        option = decoded["boot-option"]
        need(option["description"] == description, f"{where}: description {option}")
        need(option["active"] == (first(theirs, "Enabled") == "Yes"), f"{where}: active {option}")
        path = bytes.fromhex(first(theirs, "DevicePath"))
        path = path[:int(first(theirs, "FilePathListLength"))]  # it prints what follows, too
        want = path_text(path)
        # two paths in one list: ours is the first, then a cause
        need(option["device-path"] == want, f"{where}: {option['device-path']}, not {want}")
        counts["boot options"] += 1
    if name in KEYS and first(theirs, "SignatureOwner"):
        same_signatures(theirs, ours, where, counts)


def same_signatures(theirs, ours, where, counts):
    owners, data = every(theirs, "SignatureOwner"), every(theirs, "SignatureData")
    data = [d for d in data if d]
    if ours["type-name"] == "EV_EFI_VARIABLE_AUTHORITY":  # one entry without its list
        need(len(owners) == 1, f"{where}: {owners}")
        return
    found = ours["decoded"]["signatures"]
    need([s["owner"] for s in found] == owners, f"{where}: owners")
    need(len(data) == len(found), f"{where}: {len(data)} signatures, not {len(found)}")
    for text, signature in zip(data, found):
        raw = bytes.fromhex(text)
        need(signature["size"] == len(raw), f"{where}: size of a signature")
        need(signature.get("digest", "") == text or
             signature.get("sha256") == hashlib.sha256(raw).hexdigest(), f"{where}: {signature}")
        counts["signatures"] += 1


def same_image(theirs, ours, where, counts):
    decoded = ours["decoded"]
    for key, name in (("ImageLocationInMemory", "address"), ("ImageLengthInMemory", "length"),
                      ("ImageLinkTimeAddress", "link-address")):
        need(int(first(theirs, key), 0) == int(decoded[name], 0), f"{where}: {name}")
    length, path = int(first(theirs, "LengthOfDevicePath")), first(theirs, "DevicePath") or ""
    path = bytes.fromhex(path)
    if length == 0 and path:  # tpm2_eventlog is wrong: these bytes are behind the path
        need(decoded["trailing-bytes"] == len(path) and decoded["device-path"] == "",
             f"{where}: {decoded}")
        counts["not paths"] += 1
        return
    need(path[:length] == bytes.fromhex(ours["data"])[32:32 + length], f"{where}: path")
    want = path_text(path[:length])
    need(decoded["device-path"] == want, f"{where}: {decoded['device-path']}, not {want}")
    hops = re.findall(r"Pci\(0x(\w+),0x(\w+)\)", want)
    if want.startswith("PciRoot(") and "USB" not in want:
        need([f"{int(d, 16):02x}.{int(f, 16):x}" for d, f in hops] == decoded["pci-hops"],
             f"{where}: {decoded}")
        counts["pci paths"] += 1
    need(ours["bound"] == "none", f"{where}: an image is said to be bound")
    counts["images"] += 1


def same_gpt(theirs, ours, where, counts):
    decoded = ours["decoded"]
    need(decoded["disk"] == first(theirs, "DiskGUID"), f"{where}: disk")
    found = [(p["type"], p["guid"], int(p["first-block"], 0), int(p["last-block"], 0), p["name"])
             for p in decoded["partitions"]]
    want = list(zip(every(theirs, "PartitionTypeGUID"), every(theirs, "UniquePartitionGUID"),
                    (int(v, 0) for v in every(theirs, "StartingLBA")),
                    (int(v, 0) for v in every(theirs, "EndingLBA")),
                    every(theirs, "PartitionName")))
    need(found == want and len(want) == int(first(theirs, "NumberOfPartitions")),
         f"{where}: {found}, not {want}")
    counts["partitions"] += len(found)


def same_text(text, ours, where, counts):
    raw = text.encode("latin-1", "surrogateescape")
    if len(raw) > 1 and raw[1] == 0:
        raw = raw[:len(raw) & ~1].decode("utf-16-le").encode()  # some end in half a NUL
    text = re.sub(r"[\n\t]", " ", raw.split(b"\0")[0].decode())
    if len(text) < 500:
        need(ours.get("text") == text, f"{where}: {ours.get('text')!r}, not {text!r}")
    else:
        need(ours["text"].endswith("...") and text.startswith(ours["text"][:-3]), where)
    counts["texts"] += 1


def same_event(theirs, ours, where, counts):
    need(ours["pcr"] == int(first(theirs, "PCRIndex")), f"{where}: PCR\n{ours}")
    need(ours["type-name"] == first(theirs, "EventType"), f"{where}: type\n{ours}")
    need(ours["size"] == int(first(theirs, "EventSize")), f"{where}: size\n{ours}")
    banks = every(theirs, "AlgorithmId")
    need(ours["digests"] == dict(zip(banks, every(theirs, "Digest"))), f"{where}: digests\n{ours}")
    need(ours["cause"] is None, f"{where}: {ours}")
    if first(theirs, "VariableName"):
        if first(theirs, "VariableName") == SHIM and first(theirs, "SignatureOwner"):
            counts["not owners"] += 1  # tpm2_eventlog is wrong: this is a certificate
        same_variable(theirs, ours, where, counts)
    elif first(theirs, "ImageLocationInMemory"):
        same_image(theirs, ours, where, counts)
    elif first(theirs, "DiskGUID"):
        same_gpt(theirs, ours, where, counts)
    elif first(theirs, "BlobBase"):
        need(int(ours["decoded"]["base"], 0) == int(first(theirs, "BlobBase"), 0) and
             int(ours["decoded"]["length"], 0) == int(first(theirs, "BlobLength"), 0), where)
        counts["blobs"] += 1
    elif (text := first(theirs, "String")) is not None:
        same_text(text, ours, where, counts)
    elif event := first(theirs, "Event"):
        if re.fullmatch(r"(?:[0-9a-f]{2})+", event):
            need(ours["data"] == event, f"{where}: data")
            counts["raw"] += 1
        else:
            same_text(event, ours, where, counts)


@case
def evlog_agrees_with_tpm2_eventlog(t):
    counts = dict.fromkeys(("events", "values", "states", "boot options", "signatures", "images",
                            "pci paths", "partitions", "blobs", "texts", "raw", "pcrs",
                            "not paths", "not owners"), 0)
    files = 0
    for log, path in fixtures():
        name = os.path.basename(log)
        result = t.ctl("log", "show", "--json", log)
        if name.endswith("specid-vendordata.bin"):  # vendor data beyond the event: refused
            t.refused(result, "log-header")
            continue
        document = json.loads(result.out)
        theirs, pcrs = read_yaml(path)
        agile = document["form"] != "sha1"
        if agile:  # number 0, the Spec ID event
            need(first(theirs[0], "EventType") == "EV_NO_ACTION", f"{name}: {theirs[0]}")
            need(document["banks"] == every(theirs[0], "algorithmId"), f"{name}: banks")
            theirs = theirs[1:]
        need(len(theirs) == len(document["events"]), f"{name}: {len(theirs)} events, not "
             f"{len(document['events'])}")
        for number, (their, ours) in enumerate(zip(theirs, document["events"])):
            need(ours["number"] == number + agile, f"{name}: number {ours['number']}")
            same_event(their, ours, f"{name}, event {ours['number']}", counts)
            counts["events"] += 1
        replay = json.loads(t.ctl("log", "replay", "--json", log, code=0).out)["banks"]
        for (bank, pcr), value in pcrs.items():
            need(replay[bank]["pcrs"][str(pcr)] == value, f"{name}: {bank} PCR {pcr}")
            counts["pcrs"] += 1
        for bank, values in replay.items():
            need({p for b, p in pcrs if b == bank} == set(values["extended"]), f"{name}: {bank}")
        files += 1
    need(files == 11, f"{files} files")
    lacking = [name for name, count in counts.items() if not count]
    need(not lacking, f"nothing compared: {lacking}")
    need(counts["events"] > 400 and counts["pcrs"] > 100, str(counts))


# ---- what extends nothing ----

def extend(value, *datas):
    for data in datas:
        value = hashlib.sha256(value + hashlib.sha256(data).digest()).digest()
    return value


@case
def evlog_replays_no_action_nowhere(t):
    """tpm2_eventlog 5.4 replays EV_NO_ACTION; whoever compares with it must know."""
    log = f"{FOLDER}/synthetic-quirks/noaction_pcr8.bin"
    if not os.path.exists(log):
        raise Skip("no corpus: HOLDFAST_CORPUS")
    events = json.loads(t.ctl("log", "show", "--json", log, code=0).out)["events"]
    need([e["use"] for e in events].count("note") == 1, str(events))
    zero = bytes(32)
    right, wrong = zero, zero
    for event in events:
        digest = bytes.fromhex(event["digests"]["sha256"])
        wrong = hashlib.sha256(wrong + digest).digest()
        if event["type-name"] != "EV_NO_ACTION":
            right = hashlib.sha256(right + digest).digest()
    bank = json.loads(t.ctl("log", "replay", "--json", log, code=0).out)["banks"]["sha256"]
    need(bank["pcrs"]["8"] == right.hex() != wrong.hex(), f"{bank['pcrs']['8']}")
    tool = t.run("tpm2_eventlog", log).text
    found = re.search(r"\n  sha256:\n    8 +: 0x([0-9a-f]+)", tool)
    need(found and found[1] in (right.hex(), wrong.hex()), tool)


def agile(*events):
    """A SHA-256 log of (PCR, type, data, digest or None for H(data))."""
    log = struct.pack("<II20xI", 0, 3, 33) + b"Spec ID Event03\0" + struct.pack(
        "<IBBBBIHHB", 0, 0, 2, 106, 2, 1, 0xb, 32, 0)
    for pcr, kind, data, digest in events:
        log += struct.pack("<IIIH", pcr, kind, 1, 0xb) + (
            hashlib.sha256(data).digest() if digest is None else digest)
        log += struct.pack("<I", len(data)) + data
    return log


def spdm(vendor, device):
    path = bytes.fromhex("02010c00d041030a00000000010106000003" "7fff0400")
    block = bytes.fromhex("12000100000000000101040000010000") + b"\1" * 8
    context = struct.pack("<HHHHB3sHH", 0, 16, vendor, device, 3, b"\0\x02\x03", 0x1af4, 0x1100)
    body = struct.pack("<HBBIIIIQQ", 2, 0, 0, 0, 1, 0, len(block), 7, len(path)) + path + block
    return b"SPDM Device Sec2" + body + context


@case
def evlog_marks_nv_indices_and_padding(t):
    """EV_NO_ACTION with an NV index in the PCR field, and padding, are shown, not replayed."""
    instance = b"NvIndexInstance\0" + struct.pack("<H6x", 1) + spdm(0x10de, 0x2330)
    dynamic = b"NvIndexDynamic\0\0" + struct.pack("<H6xQH", 1, 7, 5) + b"nonce" + struct.pack(
        "<H", 4) + b"\1\2\3\4"
    log = t.path("log")
    with open(log, "wb") as file:
        file.write(agile((0x01c40200, 3, instance, bytes(32)),
                         (0x01c40201, 3, dynamic, bytes(32)),
                         (2, 0x800000e1, spdm(0x10de, 0x2330), None),
                         (0xffffffff, 0xd, b"padding", None),
                         (24, 4, bytes(4), None),
                         (2, 4, bytes(4), None)))
    events = json.loads(t.ctl("log", "show", "--json", log, code=0).out)["events"]
    need([e["use"] for e in events] == ["nv-index", "nv-index", "extends", "no-such-pcr",
                                        "no-such-pcr", "extends"], str(events))
    need([e["kind"] for e in events[:3]] == ["nv-index-instance", "nv-index-dynamic", "spdm"],
         str(events))
    need(events[2]["bound"] == "data" and events[0]["bound"] == "none", str(events))
    decoded = events[2]["decoded"]
    need(decoded["pci-id"] == "10de:2330" and decoded["pci-class"] == "030200" and
         decoded["auth"] == "success" and decoded["device-path"] == "PciRoot(0x0)/Pci(0x3,0x0)",
         str(decoded))
    bank = json.loads(t.ctl("log", "replay", "--json", log, code=0).out)["banks"]["sha256"]
    need(bank["extended"] == [2], str(bank["extended"]))
    need(bank["pcrs"]["2"] == extend(bytes(32), spdm(0x10de, 0x2330), bytes(4)).hex(), "PCR 2")
    text = t.ctl("log", "show", log, code=0).text
    t.narrow(text)
    need("  1  NV 0x01c40200  EV_NO_ACTION\n     extends nothing: nv-index\n" in text, text)
    need("  4  PCR 0xffffffff  EV_IPL\n     extends nothing: no-such-pcr\n" in text, text)


@case
def evlog_text_is_narrow_for_every_log(t):
    """Every log of the corpus shows within 80 columns and replays, or names why not."""
    if not os.path.isdir(FOLDER):
        raise Skip("no corpus: HOLDFAST_CORPUS")
    shown = 0
    for path in sorted(glob.glob(f"{FOLDER}/**/*", recursive=True)):
        if os.path.isdir(path) or path.endswith((".yaml", ".md", ".warn", ".json", ".txt", ".pem",
                                                 "README")):
            continue
        result = t.ctl("log", "show", path)
        t.narrow(result.text)
        need(" \n" not in result.text, f"blanks at an end: {path}")
        need(result.code in (0, 3), result.describe())
        need(result.code == 0 or "[log-" in result.errors, result.describe())
        need(t.ctl("log", "replay", path).code == result.code, path)
        shown += result.code == 0
    need(shown > 50, f"{shown} logs")


@case
def evlog_says_what_is_bound(t):
    """A variable with its digest, one with the digest of its value, one with neither."""
    def variable(name, value):
        return (uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c").bytes_le +
                struct.pack("<QQ", len(name), len(value)) + name.encode("utf-16-le") + value)

    on = variable("SecureBoot", b"\1")
    order = variable("BootOrder", b"\1\0\2\0")
    log = t.path("log")

    def states(*events):
        with open(log, "wb") as file:
            file.write(agile(*events))
        document = json.loads(t.ctl("log", "show", "--json", log, code=0).out)
        return [e["bound"] for e in document["events"]], document.get("secure-boot")

    end = (7, 4, bytes(4), None)
    bound, boot = states((7, 0x80000001, on, None), end,
                         (1, 0x80000002, order, hashlib.sha256(b"\1\0\2\0").digest()))
    need(bound == ["data", "data", "value"] and boot["state"] == "on", f"{bound} {boot}")
    bound, boot = states((7, 0x80000001, on, b"\1" * 32), end)
    need(bound == ["none", "data"] and boot["state"] == "ambiguous" and
         boot["cause"] == "log-digest" and boot["event"] == 1, f"{bound} {boot}")
    need("secure boot: ambiguous [log-digest], by sha256" in t.ctl("log", "show", log).text, "")
    _, boot = states((7, 0x80000001, on, None))
    need(boot["cause"] == "log-grammar", str(boot))


@case
def evlog_reads_a_confidential_guest(t):
    log = f"{FOLDER}/google_go-eventlog__CCEL_unpadded.data.bin"
    if not os.path.exists(log):
        raise Skip("no corpus: HOLDFAST_CORPUS")
    document = json.loads(t.ctl("log", "show", "--json", log, code=0).out)
    need(document["form"] == "confidential-guest" and "secure-boot" not in document, str(document))
    replay = json.loads(t.ctl("log", "replay", "--json", log, code=0).out)["banks"]["sha384"]
    need("pcrs" not in replay and replay["registers"]["1"].startswith("8083cd6898cc52a9"),
         str(replay))
    text = t.ctl("log", "replay", log, code=0).text
    need("    RTMR0: 0x8083CD6898CC52A9" in text and "    17" not in text, text)
    need(len(read(log)) < 4096, "another file")
