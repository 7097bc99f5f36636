# SPDX-License-Identifier: GPL-3.0-or-later
"""holdfast spdm as an operator meets it: recorded conversations, a responder on a port, a
device of the host, and what is said where it does not do."""
import json
import os
import struct

import spdm
from cases_doe import behind
from cases_hang import nothing_stays
from harness import case, need, read, write
from mailboxes import host, live, nic
from spdm import Within, corpus, problem, report

DMTF_ROOT = ("roots", "ecp256.root.der")
FIRMWARE = bytes.fromhex("c6f392711fffabbea598")  # index 2 of the samples, by SHA-256


def pem(der):
    import base64
    lines = base64.encodebytes(der).decode().replace("\n", "")
    body = "\n".join(lines[i:i + 64] for i in range(0, len(lines), 64))
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n".encode()


def recorded(t, name, *argv, code=None):
    write(t.path(f"{name}.pcap"), read(corpus("pcap", f"{name}.pcap")))
    return t.holdfast("spdm", f"file:{name}.pcap", *argv, code=code)


def causes(result):
    """Those that standard error names."""
    return [word.strip("[]") for word in result.errors.split() if word[0] == "[" and word[-1] == "]"]


@case
def spdm_show_recorded(t):
    """Golden texts: everything signed; a device whose measurements are not; one by one."""
    for name, code in (("v12_p256_sig-all", 0), ("v10_p384_chal-sig-all", 0), ("v10_p256_nosig-all", 4)):
        result = recorded(t, name, code=code)
        t.narrow(result.text)
        t.golden(f"spdm-{name}", result.text)


@case
def spdm_show_anchor(t):
    """The root that made the device's certificates, and another one, which did not."""
    write(t.path("root.pem"), pem(read(corpus(*DMTF_ROOT))))
    write(t.path("other.pem"), pem(read(corpus("roots", "ecp384.root.der"))))
    good = recorded(t, "v12_p256_sig-all", "--anchor", t.path("root.pem"), code=0)
    need("slot 0's certificates lead to anchor given" in good.text, good.describe())
    bad = recorded(t, "v12_p256_sig-all", "--anchor", t.path("other.pem"), code=3)
    need(causes(bad) == ["device-chain-untrusted"], bad.describe())
    found = report(recorded(t, "v12_p256_sig-all", "--anchor", t.path("other.pem"), "--json"))
    need(found["problem"] == "device-chain-untrusted" and found["result"] is None, found["problem"])
    need(found["anchors_given"] and not found["slots"][0]["anchor"], found["slots"][0])
    # in a directory, with a scope, which is not asked of a recording: no function is known
    os.makedirs(t.path("anchors", "device"))
    write(t.path("anchors", "device", "dmtf.pem"), read(t.path("root.pem")))
    write(t.path("anchors", "device", "dmtf.conf"), b"vendor = 1b36\n")
    good = recorded(t, "v12_p256_sig-all", "--anchors", t.path("anchors"), code=0)
    need("lead to anchor dmtf" in good.text, good.describe())


@case
def spdm_show_flipped(t):
    """A byte of a signature, of a measurement, of a certificate, which was read twice there and
    is then another one; half of the file; not a file."""
    data = read(corpus("pcap", "v12_p256_sig-all.pcap"))
    for at, cause in ((len(data) - 20, "spdm-signature-invalid"), (data.rindex(FIRMWARE), "spdm-signature-invalid"),
                      (data.index(b"responder cert"), "spdm-shape")):
        write(t.path("x.pcap"), data[:at] + bytes([data[at] ^ 1]) + data[at + 1:])
        result = t.holdfast("spdm", "file:x.pcap", code=3)
        need(causes(result) == [cause], f"{at}: {result.describe()}")
    write(t.path("x.pcap"), data[:len(data) // 2])
    need(causes(t.holdfast("spdm", "file:x.pcap", code=3)) == ["transcript-shape"], "half a file")
    write(t.path("x.pcap"), b"")
    need(causes(t.holdfast("spdm", "file:x.pcap", code=3)) == ["transcript-shape"], "an empty file")
    need(causes(t.holdfast("spdm", "file:none.pcap", code=2)) == ["file-unreadable"], "no file")


@case
def spdm_show_report(t):
    """A GPU's own report, as its maker's tool writes it, and with bytes; one that was bent."""
    chain, root = corpus("nvidia-hopper", "hopperCertChain.txt"), corpus("nvidia-hopper",
                                                                        "nvtrust_verifier_device_root.pem")
    text = corpus("nvidia-hopper", "hopperAttestationReport.txt")
    argv = ["--chain", chain, "--anchor", root, "--json"]
    first = t.holdfast("spdm", f"report:{text}", *argv, code=0)
    found = report(first)
    need(found["version"] == "1.1" and found["signature_algorithm"] == "ecdsa-p384", found["version"])
    need(len(found["measurements"]) == 64 and all(m["signed"] for m in found["measurements"]), "64 blocks")
    need(found["slots"][0]["anchor"] == "given" and len(found["slots"][0]["certificates"]) == 5, "chain")
    need(not found["negotiation_signed"] and not found["fresh"], found)
    data = bytes.fromhex(read(text).decode().strip())
    write(t.path("report.bin"), data)
    second = report(t.holdfast("spdm", "report:report.bin", *argv, code=0))
    need(dict(second, source=0) == dict(found, source=0), "bytes say something else than digits")
    for at in (5, 100, len(data) // 2, len(data) - 1):
        write(t.path("bent.bin"), data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1:])
        bent = t.holdfast("spdm", "report:bent.bin", *argv, code=3)
        need(problem(bent) in ("spdm-signature-invalid", "spdm-shape", "transcript-shape"), bent.describe())
    cut = t.holdfast("spdm", f"report:{text}", "--chain", root, code=3)
    need(causes(cut), cut.describe())


@case
def spdm_show_transcript(t):
    """What is kept says the same again, but for when; it is kept also where it ended badly."""
    device = spdm.Device(t, "--version", "1.2", "--slots", "0,1")
    first, _ = device.ask("--transcript", t.path("t.pcap"), code=0)
    again = report(t.holdfast("spdm", "file:t.pcap", "--json", "--anchor", device.anchors[0], code=0))
    need(first["fresh"] and not again["fresh"], "when")
    for found in (first, again):
        for key in ("source", "way", "fresh"):
            found.pop(key)
    need(first == again, "the transcript says something else")
    for lie, cause in (("measurements-flipped", "spdm-signature-invalid"), ("close=measurements", None),
                       ("chain-garbage", "device-chain-invalid")):
        bad = spdm.Device(t, "--version", "1.2", "--lie", lie)
        bad.ask("--transcript", t.path("bad.pcap"))
        result = t.holdfast("spdm", "file:bad.pcap", "--json")
        need(result.code in (3, 4), result.describe())
        need(cause is None or problem(result) == cause, f"{lie}: {result.describe()}")
        os.unlink(t.path("bad.pcap"))
    refused = spdm.Device(t).ask("--transcript", t.path("no", "such", "t.pcap"))[1]
    need(refused.code == 1 and "output-failed" in refused.errors, refused.describe())


@case
def spdm_show_ways(t):
    """Both framings; one that is not the responder's ends with a name."""
    for framing in ("doe", "mctp"):
        device = spdm.Device(t, "--framing", framing)
        found, result = device.ask("--framing", framing, code=0)
        need(found["way"] == "tcp" and found["measured_slot"] == 0, result.describe())
        other = "mctp" if framing == "doe" else "doe"
        with Within(20, "the wrong framing"):
            wrong = device.ask("--framing", other)[1]
        need(wrong.code in (3, 4), wrong.describe())
    nobody = t.holdfast("spdm", "tcp:127.0.0.1:1", code=4)
    need(causes(nobody) == ["responder-unreachable"] and not nobody.text, nobody.describe())


@case
def spdm_show_one_by_one(t):
    """A device that refuses all at once, with gaps between its indexes, busy in between: every
    measurement is covered by a signature in the end."""
    for version in ("1.0", "1.1", "1.2", "1.4"):
        for lies in ("refuse-all", "refuse-all,busy=measurements:2"):
            device = spdm.Device(t, "--version", version, "--lie", lies)
            found, result = device.ask(code=0)
            need(found["measured_slot"] == 0, result.describe())
            need([m["index"] for m in found["measurements"]] == [1, 2, 3, 4, 16, 17, 253, 254],
                 f"{version} {lies}: {found['measurements']}")
            need(all(m["signed"] for m in found["measurements"]), f"{version} {lies}: not all signed")
            need(len(device.requests()) < 300, f"{len(device.requests())} requests")


@case
def spdm_show_slots(t):
    """The slot that is to sign; one that cannot; a device that challenges for slot 0 only."""
    device = spdm.Device(t, "--slots", "0,2")
    found, _ = device.ask("--slot", 2, anchor=False, code=0)
    need(found["measured_slot"] == 2, found["measured_slot"])
    found, result = device.ask("--slot", 5, anchor=False)
    need(result.code == 4 and found["measured_slot"] is None, result.describe())
    need([s["challenged"] for s in found["slots"]] == [True, True], found["slots"])


@case
def spdm_show_restarts(t):
    """It forgets everything: once, and each time."""
    found, result = spdm.Device(t, "--lie", "resynch=measurements").ask(code=0)
    need(found["measured_slot"] == 0, result.describe())
    changed = spdm.Device(t, "--lie", "content-changed")
    need(problem(changed.ask(code=3)[1]) == "spdm-content-changed", "content changed")
    need(changed.requests().count("GET_MEASUREMENTS") == 2, changed.requests())


@case
def spdm_show_device(t):
    """A device of this host, through its mailbox: the certificate names it, or another one."""
    device, tree, word = behind(t, "--slots", "0,1")
    result = t.holdfast("spdm", nic(0), "--json", "--sysfs", tree.sys, "--anchor", device.anchors[0],
                        "--transcript", t.path("t.pcap"), env=live(tree, **{nic(0): word}), code=0)
    found = report(result)
    need(found["way"] == "config" and found["fresh"], found["way"])
    need(found["slots"][0]["binding"] == "bound" and found["measured_slot"] == 0, found["slots"][0])
    need(report(t.holdfast("spdm", "file:t.pcap", "--json", code=0))["slots"][0]["binding"] ==
         "not-compared", "a file is of no function")
    device, tree, word = behind(t, "--identity",
                                "Vendor=8086:Device=0001:CC=010802:REV=01:SSVID=8086:SSID=0002", name="other")
    result = t.holdfast("spdm", nic(0), "--json", "--sysfs", tree.sys, "--anchor", device.anchors[0],
                        env=live(tree, **{nic(0): word}), code=3)
    need(problem(result) == "device-identity-wrong", result.describe())
    need(report(result)["slots"][0]["binding"] == "other", result.describe())
    nothing_stays(t)


@case
def spdm_show_scope(t):
    """A root in a directory stands behind the devices of its scope only."""
    device, tree, word = behind(t)
    os.makedirs(t.path("anchors", "device"))
    write(t.path("anchors", "device", "maker.pem"), read(device.anchors[0]))
    for vendor, code in ((struct.unpack("<H", read(config_of(tree))[:2])[0], 0), (0x8086, 3)):
        write(t.path("anchors", "device", "maker.conf"), f"vendor = {vendor:04x}\n".encode())
        result = t.holdfast("spdm", nic(0), "--sysfs", tree.sys, "--anchors", t.path("anchors"),
                            env=live(tree, **{nic(0): word}), code=code)
        need(code == 0 or causes(result) == ["device-chain-untrusted"], result.describe())


def config_of(tree):
    return os.path.join(tree.sys, "bus/pci/devices", nic(0), "config")


@case
def spdm_show_mailbox_hangs(t):
    """Through the mailbox there is an end too, whatever hangs, and nothing stays behind."""
    tree = host(t)
    for word, most in (("hang-read", 20), ("hang-write", 20), ("busy", 20)):
        with Within(most, word):
            result = t.holdfast("spdm", nic(0), "--sysfs", tree.sys, env=live(tree, **{nic(0): word}),
                                timeout=60)
        need(result.code == 4 and causes(result), f"{word}: {result.describe()}")
    result = t.holdfast("spdm", nic(0), "--sysfs", tree.sys, code=3)
    need(causes(result) == ["captured-tree"], result.describe())
    plain = host(t, name="plain", config={})
    result = t.holdfast("spdm", nic(0), "--sysfs", plain.sys, env=live(plain), code=4)
    need("no mailbox" in result.errors, result.describe())
    result = t.holdfast("spdm", "0000:7f:00.0", "--sysfs", tree.sys, env=live(tree))
    need(result.code != 0 and causes(result), result.describe())


@case
def spdm_show_usage(t):
    """What has no effect is refused, not ignored."""
    for argv in ([], ["a", "b"], ["03:00.0"], ["tcp:host"], ["tcp:::1:2323"], ["tcp:1.2.3.4:"],
                 ["file:x", "--slot", "1"], ["file:x", "--vfio"], ["file:x", "--transcript", "y"],
                 ["file:x", "--chain", "y"], ["report:x"], ["tcp:h:1", "--sysfs", "/"],
                 ["0000:00:00.0", "--framing", "doe"], ["tcp:h:1", "--framing", "tls"],
                 ["tcp:h:1", "--slot", "8"], ["tcp:h:1", "--slot", "-1"], ["tcp:h:1", "--slot", "0x1"],
                 ["tcp:h:1", "--seconds", "0"], ["tcp:h:1", "--seconds", "61"],
                 ["file:x", "--anchors", "a", "--anchor", "b"], ["file:x", "--nonsense"]):
        result = t.holdfast("spdm", *argv, code=2)
        need(not result.text and causes(result), f"{argv}: {result.describe()}")
    write(t.path("x"), b"")
    write(t.path("key.pem"), b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    need(causes(t.holdfast("spdm", "file:x", "--anchor", "key.pem", code=2)) == ["key-invalid"], "anchor")
    os.makedirs(t.path("none"))
    result = t.holdfast("spdm", "file:x", "--anchors", t.path("none"))
    need(causes(result) == ["anchor-missing"] and result.code != 0, result.describe())


@case
def spdm_show_json_is_json(t):
    """Whatever a device says, its names among them, JSON stays JSON."""
    device = spdm.Device(t, "--measurement", '17={"type":6,"raw":"1b5b324a22c3"}')
    found, result = device.ask()
    need(found is not None and json.loads(result.text), result.describe())
    text = t.holdfast("spdm", f"tcp:127.0.0.1:{device.number}")
    need("\x1b" not in text.text + text.errors, "control bytes reach the terminal")
