# SPDX-License-Identifier: GPL-3.0-or-later
"""The held screen as a technician reads it at three in the morning: one golden file for each
way in which a rehearsal can be held (golden/held-NAME.txt). UPDATE=1 writes them: then read
each as somebody who has never seen the host and stands before it."""
import glob
import json
import os
import re
import shutil

import firmware
import sources
import trees
from cases_recheck import leave, reidentified
from controllers import Led
from harness import HERE, ROOT, case, need, read, write
from relay import PCR_EXTEND, QUOTE, Relay
from rehearsal import FIRMWARE_LOG, Host
from sources import Owner, component, function, model, rule

ROWS, COLUMNS = 24, 80
NIC, VIRTIO, DRIVE = "0000:01:00.0", "0000:02:00.0", "0000:06:00.0"
CARD = {"identifier": "Gigabit Adapter", "read_only": {"PN": "E1G42ET-00", "SN": "CN74A0913"}}


def chassis():
    """The lab host with numbers on its slots and a card that knows what is printed on it."""
    description = trees.lab()
    for places, number in ((("02.0",), 3), (("02.1",), 7), (("02.2",), 1), (("02.3",), 4),
                           (("02.2", "00.0", "00.0"), 11), (("02.2", "00.0", "01.0"), 12)):
        trees.device(description, *places)["slot"] = number
    trees.device(description, "02.0", "00.0")["vpd"] = CARD
    return description


def label(host):
    """What firmware and kernel call the slots: types 9 and 41 of SMBIOS, ACPI."""
    trees.put_smbios(host.tree.sys, [trees.smbios_slot("PCIe Slot 3 (CPU1)", 1, 0),
                                     trees.smbios_onboard("Onboard VGA", 0, 0x08)])
    write(f"{host.tree.sys}/bus/pci/slots/7/address", "0000:02:00\n")


class Screen:
    """How a host comes to be held: change(host) after it was made; description and Host's own."""

    def __init__(self, name, cause, code, change=None, describe=None, made=Host, at=None, **more):
        self.name, self.cause, self.code, self.change = name, cause, code, change
        self.describe, self.made, self.at, self.more = describe, made, at, more

    def host(self, t):
        description = chassis()
        if self.describe:
            self.describe(description)
        host = self.made(t, description=description, **self.more)
        label(host)
        if self.change:
            self.change(host)
        return host

    def boot(self, t, host):
        """What is shown; at = (command, n): the host changes when the TPM gets the nth of them."""
        if not self.at:
            return host.boot(self.cause, self.code).text
        command, number, change = self.at
        seen = []

        def before(code, _):
            if code == command:
                seen.append(code)
                if len(seen) == number:
                    change(host)

        relay = Relay(f"{host.tpm.directory}/sock", t.path("relay"), before)
        firmware.extend(host.tpm, host.events)
        return host.boot(self.cause, self.code, tcti=relay.tcti, extend=False).text


# ---- what goes wrong ----

def below(description, *places):
    return trees.device(description, *places).setdefault("below", [])


def empty(description):
    below(description, "02.0").clear()


def move(description):
    below(description, "02.3").append(below(description, "02.0").pop())


def add(description):
    below(description, "02.3").append({"at": "00.0", "vendor": "10de", "device": "2330", "class": "030200",
                                       "subsystem": "10de:16c1"})


def both(description):
    add(description)
    empty(description)


def flip(address):
    return lambda host: host.tree.flip(address, 0x8000)


def without(*names):
    def change(host):
        for name in names:
            os.unlink(name.format(etc=host.etc, store=host.store, sys=host.tree.sys))
    return change


def sign(source, name="01-e1000e"):
    return lambda host: host.owner.sign(source(host), f"{host.etc}/manifests.d/{name}.corim")


def state(word):
    def changed(host):
        made = sources.components(host.golden)[1]
        made["releases"][0]["state"] = word
        if word != "update":
            made["releases"][0]["note"] = "CVE-2026-0001"
        return made
    return sign(changed)


def with_rule(number, **more):
    made = model()
    made["rules"][number].update(more)
    return made


def anywhere(name, what):
    made = rule(name, what, "")
    del made["place"]
    return made


def one_more(host):
    host.owner.sign(model(model="second"), f"{host.etc}/manifests.d/99-second.corim")


def altered(name):
    def change(host):
        data = bytearray(read(f"{host.etc}/manifests.d/{name}"))
        data[len(data) // 2] ^= 1
        write(f"{host.etc}/manifests.d/{name}", bytes(data))
    return change


def stranger(host):
    Owner(host.t, "stranger").sign(model(), f"{host.etc}/manifests.d/05-lab-q35.corim")


def measured(**what):
    return lambda host: host.measured(firmware.altered(**what))


def extended(host):
    host.tpm.tool("tpm2_pcrextend", "13:sha256=" + "11" * 32)


def says(**script):
    return lambda host: host.controller.says(**script)


SCREENS = {
    "suspect": (
        Screen("firmware-unknown", "firmware-unknown", 3, flip(NIC)),
        Screen("firmware-unknown-in-a-numbered-slot", "firmware-unknown", 3, flip(VIRTIO)),
        Screen("firmware-unknown-on-the-board", "firmware-unknown", 3, flip("0000:00:01.0")),
        Screen("firmware-revoked", "firmware-revoked", 3, state("revoked")),
        Screen("uncovered", "uncovered", 3,
               lambda h: h.tree.put(DRIVE, "rom", trees.rom_with_third_image(h.tree.rom(NIC)))),
        Screen("rom-empty", "measurement-missing", 3, lambda h: h.tree.put(NIC, "rom", b"")),
        Screen("measurement-missing", "measurement-missing", 3, lambda h: h.tree.remove(NIC, "rom")),
        Screen("method-too-weak", "method-too-weak", 3, model=with_rule(5, least_method="bytes")),
        Screen("recheck-different", "recheck-different", 3, at=(PCR_EXTEND, 3, flip(NIC))),
        Screen("recheck-part-left", "recheck-different", 3, at=(PCR_EXTEND, 3, leave)),
        Screen("last-look-different", "last-look-different", 3,
               at=(QUOTE, 1, lambda h: h.tree.put(NIC, "config", reidentified(h)))),
        Screen("boot-driver-unknown", "boot-driver-unknown", 3, measured(driver=b"implant")),
        Screen("agent-initrd-changed", "agent-initrd-changed", 3, measured(initrd=b"another initrd")),
        Screen("firmware-log-replay", "firmware-log-replay", 3,
               lambda h: h.measured(h.events, log=firmware.log(h.events[:-1]))),
        Screen("command-line-refused", "command-line-refused", 3,
               lambda h: write(h.t.path("tree/proc/cmdline"), "console=ttyS0 holdfast.mode=audit\n")),
        Screen("signer-unknown", "signer-unknown", 3, stranger),
        Screen("signature-invalid", "signature-invalid", 3, altered("00-lab-board.corim")),
        Screen("manifest-generation", "manifest-generation", 3, lambda h: h.configure("generation = 8\n")),
        Screen("tenant-image-unknown", "tenant-image-unknown", 3,
               lambda h: write(f"{h.store}/initrd", b"another initrd")),
        Screen("pcr-not-zero", "pcr-not-zero", 5, extended),
        Screen("ticket-signer", "ticket-signer", 6, says(lies=["ticket-other-key"]), made=Led),
    ),
    "update": (
        Screen("firmware-old", "firmware-old", 3, state("update")),
    ),
    "parts": (
        Screen("part-missing", "part-missing", 3, describe=empty),
        Screen("part-moved", "part-moved", 3, describe=move),
        Screen("part-unknown", "part-unknown", 3, describe=add),
        Screen("part-unknown-and-one-missing", "part-unknown", 3, describe=both),
        Screen("part-extra", "part-extra", 3,
               model=model(rules=[r for r in model()["rules"] if r["name"] not in ("nic-1", "nic-3")] +
                           [anywhere("nics", "e1000e")])),
        Screen("part-forbidden", "part-forbidden", 3,
               model=with_rule(5, presence="forbidden")),
    ),
    "unreadable": (
        Screen("device-gone", "part-unreadable", 3, lambda h: h.tree.put(DRIVE, "config", b"\xff" * 4096)),
    ),
    "setup": (
        Screen("manifest-missing", "manifest-missing", 3, manifests=False),
        Screen("model-none", "model-none", 3, model=model(product="Another PC")),
        Screen("model-ambiguous", "model-ambiguous", 3, one_more),
        Screen("anchor-missing", "anchor-missing", 3, without("{etc}/anchors/owner/owner.pem")),
        Screen("config-syntax", "config-syntax", 2, lambda h: h.configure("frobnicate = yes\n")),
        Screen("firmware-log-missing", "firmware-log-missing", 3, without("{sys}/" + FIRMWARE_LOG)),
        Screen("fence-impossible", "fence-impossible", 3, flip(NIC), model=with_rule(1, action="fence")),
        Screen("image-list-missing", "image-list-missing", 3, without("{store}/images.corim")),
        Screen("tenant-missing", "tenant-missing", 3, without("{store}/kernel", "{store}/initrd")),
        Screen("controller-unreachable", "controller-unreachable", 6, lambda h: h.controller.stop(),
               made=Led),
        Screen("controller-refused", "host-not-reclaimed", 3, says(refuse={"challenge": "host-not-reclaimed"}),
               made=Led),
        Screen("captured-tree", "captured-tree", 3),
    ),
    "audit": (   # each shows what would have held it, and goes on
        Screen("audit-firmware-unknown", "captured-tree", 3, flip(NIC), model=model(mode="audit")),
        Screen("audit-part-missing", "captured-tree", 3, describe=empty, model=model(mode="audit")),
    ),
}


# ---- reading it ----

def stable(text):
    """Without times, digests and directories; serial numbers stay."""
    text = re.sub(r"after \d+ ms", "after <n> ms", text)
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:<port>", text)
    text = re.sub(r"(sha\d+:)[0-9a-f]{48,}", r"\1<digest>", text)
    text = re.sub(r"^ {13}[0-9a-f]{4,}\n", "             <the rest of it>\n", text, flags=re.M)
    text = re.sub(r"^ place       DIR\S*", " place       DIR/<path>", text, flags=re.M)
    return re.sub(r" place=(DIR|/)\S*", "", text)  # fits or not: the directory's name is of any length


def screens(text):
    """Each held or would-hold screen, from its empty line to its last line."""
    return [match[0] for match in re.finditer(r"\n==== (?:HELD|WOULD HOLD).*?\nholdfast result=\S.*?\n",
                                              text, re.S)]


def fits(screen):
    lines = screen.splitlines()
    need(len(lines) <= ROWS, f"{len(lines)} lines\n{screen}")
    for line in lines:
        need(len(line) <= COLUMNS and re.fullmatch(r"[ -~]*", line), f"not for a screen: {line!r}")


def check(t, screen):
    with t.sub(screen.name) as inner:
        host = screen.host(inner)
        shown = screens(screen.boot(inner, host))
        if screen.made is Led:
            host.controller.stop()
        need(shown, f"{screen.name}: no screen")
        for one in shown:
            fits(one)
        wanted = shown[0] if screen.name.startswith("audit-") else shown[-1]
        inner.golden(f"held-{screen.name}.txt", stable(inner.normalise(wanted)))


def check_all(t, kind):
    for screen in SCREENS[kind]:
        check(t, screen)


KEYS = {"result", "cause", "class", "slot", "stage", "address", "place"}
ORDER = ("reason", "code", "slot", "part", "serial", "address", "place", "next step", "stage", "TPM")


def fields(screen):
    """{label: text} of a screen; what goes on is joined."""
    found, last = {}, None
    for line in screen.splitlines()[2:-1]:
        name, text = line[1:11].strip(), line[13:]
        last = name or last
        found[last] = f"{found[last]} {text}" if last in found else text
    return found


def scraped(line):
    """As a scraper that knows docs/held.md and nothing else reads a last line."""
    words = line.split(" ")
    need(words[0] == "holdfast", line)
    pairs = [word.split("=", 1) for word in words[1:]]
    need(all(len(p) == 2 and p[0] and p[1] for p in pairs), f"no key=value: {line}")
    need(len({p[0] for p in pairs}) == len(pairs), f"a key twice: {line}")
    return dict(pairs)


@case
def held_screens_are_read_by_machines(t):
    """The last line of each golden screen, by what docs/held.md says of its keys."""
    with open(os.path.join(ROOT, "docs/held.md"), encoding="utf-8") as file:
        documented = set(re.findall(r"^\| `(\w+)` \|", file.read(), re.M))
    need(documented == KEYS | {"by", "ms", "tenant", "service", "verdict", "word"}, f"docs/held.md: {sorted(documented)}")
    with open(os.path.join(ROOT, "measure/causes.def"), encoding="utf-8") as file:
        classes = dict(re.findall(r'^HF_CAUSE\(\w+, \d+, "([^"]+)", (\w+)', file.read(), re.M))
    goldens = sorted(glob.glob(os.path.join(HERE, "golden", "held-*.txt")))
    names = {f"held-{s.name}.txt" for screens in SCREENS.values() for s in screens}
    need(names == {os.path.basename(g) for g in goldens}, "a golden that no test writes, or none")
    seen = set()
    for golden in goldens:
        screen = read(golden).decode()
        found, line = fields(screen), scraped(screen.splitlines()[-1])
        need(set(line) <= KEYS and {"result", "cause", "class"} <= set(line), f"{golden}: {line}")
        need(line["result"] == ("would-hold" if "audit-" in golden else "held"), f"{golden}: {line}")
        need(line["cause"] == found["code"] and line["class"] == classes[line["cause"]].lower() and
             line["class"] in screen.splitlines()[1], f"{golden}: {line}")
        need("slot" not in line or line["slot"] in found["slot"].replace(" ", "_"), f"{golden}: {line}")
        seen.add(line["class"])
    need(seen == {"suspect", "update", "parts", "unreadable", "setup"}, f"no golden for {seen}")


@case
def held_screens_name_the_part_before_its_address(t):
    """What is printed on chassis and card, then the address; and the next step names both."""
    for golden in sorted(glob.glob(os.path.join(HERE, "golden", "held-*.txt"))):
        screen = read(golden).decode()
        found = fields(screen)
        labels = [name for name in found if name in ORDER]
        need(labels == [name for name in ORDER if name in found], f"{golden}: {labels}")
        step = found["next step"]
        if "slot" in found:
            where = found["slot"].split(" (its port")[0].replace("none: on the board, called ", "")
            need(where in step, f"{golden}: {step!r} does not say {where!r}")
            part = found["part"].split(",")[0]
            need(part in step or "the board" in step, f"{golden}: {step!r} does not say {part!r}")
        need("the named device" not in step, f"{golden}: {step!r} names nothing")


@case
def held_screens_suspect(t):
    check_all(t, "suspect")


@case
def held_screens_update(t):
    check_all(t, "update")


@case
def held_screens_parts(t):
    check_all(t, "parts")


@case
def held_screens_unreadable(t):
    check_all(t, "unreadable")


@case
def held_screens_setup(t):
    check_all(t, "setup")


@case
def held_screens_of_audit_mode(t):
    check_all(t, "audit")
