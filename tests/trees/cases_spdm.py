# SPDX-License-Identifier: GPL-3.0-or-later
"""`holdfast spdm` against a device that tells the truth: every version and algorithm, both
framings, slots, portions, pieces; its saved conversation is as good as the device was."""
import random
import re
import shlex

import spdm
from harness import case, need, read, write
from mailboxes import host, live, nic
from spdm import Device, Within, problem

import crypto  # of tests/spdm, as those below
import lies
from device import IDENTITY, MEASUREMENTS, value_of

DIGEST = {"ecdsa-p256": "sha-256", "ecdsa-p384": "sha-384", "ecdsa-p521": "sha-512",
          "ed25519": "sha-256", "rsassa-2048": "sha-256", "rsapss-2048": "sha-256",
          "rsassa-3072": "sha-384", "rsapss-3072": "sha-384", "rsassa-4096": "sha-512",
          "rsapss-4096": "sha-512"}
MANY = [f"--measurement={i}=" + '{"type":1,"of":"block %d"}' % i for i in range(20, 250, 7)]


def good(t, device, *argv):
    """The report of a conversation in which nothing is wrong."""
    found, result = device.ask(*argv)
    need(found and result.code == 0 and found["problem"] is None, result.describe())
    return found


def values_are(found, hash_name, measurements, raw=False):
    """Each measurement is there, signed, and what the device has."""
    want = {int(i): value_of(entry, hash_name, raw) for i, entry in measurements.items()}
    have = {m["index"]: (m["type"] | (0x80 if m["raw"] else 0), bytes.fromhex(m["value"]))
            for m in found["measurements"]}
    need(have == want, f"{have}\n{want}")
    need(all(m["signed"] for m in found["measurements"]), f"not signed: {found}")


def whole(found, version, algorithm):
    hash_name = DIGEST[algorithm]
    need((found["version"], found["signature_algorithm"], found["hash_algorithm"],
          found["measurement_hash"]) == (version, algorithm, hash_name, hash_name), f"{found}")
    need(found["fresh"] and found["negotiation_signed"] and found["measured_slot"] == 0, f"{found}")
    need(found["signatures"] == 2, f"{found}")
    slot, = found["slots"]
    need(slot["slot"] == 0 and slot["challenged"] and slot["anchor"] and
         slot["names_device"] == IDENTITY and len(slot["certificates"]) == 3, f"{slot}")
    need(slot["dice"][0]["svn"] == 7 and slot["dice"][0]["fwids"], f"{slot['dice']}")
    values_are(found, hash_name, MEASUREMENTS)


def messages_of(data):
    """[(where its bytes begin in the file, bytes)] of a saved conversation."""
    at, out = 24, []
    while at < len(data):
        length = int.from_bytes(data[at + 8:at + 12], "little")
        out.append((at + 24, data[at + 24:at + 16 + length]))
        at += 16 + length
    return out


def again(t, device, path):
    """What the file says, judged by the same anchor."""
    return t.holdfast("spdm", f"file:{path}", "--json", "--anchor", device.anchors[0])


def is_as_good(t, device, path, found):
    """The file says what the device said, but for when."""
    result = again(t, device, path)
    need(result.code == 0, result.describe())
    seen = spdm.report(result)
    need(seen["fresh"] is False, "a file is fresh")
    for key in ("version", "signature_algorithm", "slots", "measurements", "measured_slot",
                "signatures", "content", "problem"):
        need(seen[key] == found[key], f"{key}: {seen[key]}\n{found[key]}")


def flips_show(t, device, path, places):
    data = read(path)
    for at in places:
        write(t.path("flipped"), data[:at] + bytes([data[at] ^ 1]) + data[at + 1:])
        result = again(t, device, t.path("flipped"))
        need(result.code in (3, 4) and problem(result), f"byte {at}\n{result.describe()}")


def one_of_each(data, version):
    """A place in each message that a signature covers (before 1.2: not the digests' request)."""
    return [start + (len(body) - 4) // 2 + 4 if len(body) > 8 else start + 3
            for start, body in messages_of(data)][0 if version >= "1.2" else -2:]


def conversation(t, version, algorithm, *argv, framing="doe"):
    device = Device(t, "--version", version, "--algorithm", algorithm, "--hash", DIGEST[algorithm],
                    "--framing", framing, *argv)
    path = t.path("transcript")
    found = good(t, device, "--framing", framing, "--transcript", path)
    whole(found, version, algorithm)
    is_as_good(t, device, path, found)
    flips_show(t, device, path, one_of_each(read(path), version)[-3:])


@case
def spdm_every_version(t):
    for version in spdm.VERSIONS:
        for algorithm in ("ecdsa-p256", "ecdsa-p384", "ecdsa-p521"):
            conversation(t, version, algorithm)
    for version in ("1.2", "1.3", "1.4"):
        conversation(t, version, "ed25519")


@case
def spdm_every_version_rsa(t):
    for version in spdm.VERSIONS:
        for algorithm in ("rsassa-2048", "rsapss-2048", "rsassa-3072", "rsapss-3072"):
            conversation(t, version, algorithm)


@case
def spdm_rsa_4096(t):
    conversation(t, "1.1", "rsassa-4096")
    conversation(t, "1.2", "rsapss-4096")


@case
def spdm_mctp(t):
    for version in spdm.VERSIONS:
        conversation(t, version, "ecdsa-p384", framing="mctp")


@case
def spdm_no_ed25519_before_1_2(t):
    found, result = Device(t, "--version", "1.1", "--algorithm", "ed25519").ask(code=3)
    need(found["problem"] == "spdm-algorithm", result.describe())


@case
def spdm_speaks_the_newest(t):
    """It takes the best that both know, and says what else there was."""
    for lie in ("", "versions-more"):
        found = good(t, Device(t, "--version", "1.1,1.3,1.0", "--lie", lie))
        need(found["version"] == "1.3", f"{found['version']}")
        need({"1.0", "1.1", "1.3"} <= set(found["versions"]), f"{found['versions']}")


@case
def spdm_every_slot_is_challenged(t):
    for version in spdm.VERSIONS:
        device = Device(t, "--version", version, "--slots", "0,1,5")
        found = good(t, device)
        need([(s["slot"], s["challenged"]) for s in found["slots"]] ==
             [(0, True), (1, True), (5, True)], f"{found['slots']}")
        need([bool(s["anchor"]) for s in found["slots"]] == [True, False, False], "each has a root")
        need(found["signatures"] == 4 and found["measured_slot"] == 0, f"{found}")
    found, _ = device.ask("--slot", "5", code=3)
    need((found["measured_slot"], found["problem"]) == (5, "device-chain-untrusted"), f"{found}")
    found, _ = device.ask("--slot", "5", "--anchor", device.anchors[2], anchor=False, code=0)
    need((found["measured_slot"], found["problem"]) == (5, None), f"{found}")


@case
def spdm_slot_that_is_bad_counts_for_nothing(t):
    """Measurements are signed by the lowest slot that is good, and the bad one is named."""
    device = Device(t, "--slots", "0,1")
    device.port.responder.device.blobs[0] = device.port.responder.device.blobs[0][:-1] + b"\0"
    found, result = device.ask(code=3)
    need(found["problem"] == "device-chain-invalid" and found["measured_slot"] == 1,
         result.describe())


@case
def spdm_portions(t):
    for more in ("--portion 1", "--portion 13", "--portion 60000", "--intermediates 50",
                 "--intermediates 0", "--version 1.4 --large-certificates --intermediates 50",
                 "--root-absent", "--leaf-padding 5000", "--no-dice", "--opaque 0a0b0c",
                 "--opaque " + "00" * 1024, "--transfer-size 42"):
        good(t, Device(t, *shlex.split(more)))


@case
def spdm_pieces(t):
    for version in ("1.2", "1.3", "1.4"):
        for size in (42, 61, 500):
            device = Device(t, "--version", version, "--chunk-size", str(size))
            path = t.path("transcript")
            found = good(t, device, "--transcript", path)
            values_are(found, "sha-256", MEASUREMENTS)
            is_as_good(t, device, path, found)
    need("CHUNK_GET" in device.requests(), "there were no pieces")
    good(t, Device(t, "--chunk-size", "200", "--intermediates", "40", *MANY))


@case
def spdm_measurements(t):
    """Many, few, zeros, raw, in any order; and as digests of another algorithm."""
    for more in ([], ["--measurement=200="], MANY, ["--lie", "block-order"],
                 ["--measurement=9=" + '{"type":1,"digest":"%s"}' % ("00" * 32)]):
        device = Device(t, *more)
        values_are(good(t, device), "sha-256", device.port.responder.device.measurements)
    found = good(t, Device(t, "--raw-only"))
    values_are(found, "sha-256", MEASUREMENTS, raw=True)
    need(found["measurement_hash"] == "raw", f"{found['measurement_hash']}")
    zeros = good(t, Device(t, "--lie", "blocks-zero"))["measurements"]
    need(not any(int(m["value"], 16) for m in zeros) and len(zeros) == 8, f"{zeros}")
    changed = good(t, Device(t, '--measurement=2={"type":1,"of":"evil"}'))["measurements"]
    need(changed[1]["value"] == crypto.digest("sha-256", b"evil").hex(), f"{changed}")


@case
def spdm_one_by_one(t):
    """Some refuse to show all at once (Alveo's): each index is asked, and a signature covers it."""
    for version in spdm.VERSIONS:
        device = Device(t, "--version", version, "--lie", "refuse-all")
        path = t.path("transcript")
        found = good(t, device, "--transcript", path)
        values_are(found, "sha-256", MEASUREMENTS)
        is_as_good(t, device, path, found)
    for trouble in ("busy=measurements:3", "not-ready=measurements:3"):
        values_are(good(t, Device(t, "--lie", f"refuse-all,{trouble}")), "sha-256", MEASUREMENTS)
    good(t, Device(t, "--lie", "refuse-one"))


@case
def spdm_cannot_sign(t):
    for capabilities, shown in (("cert,meas-unsigned", 8), ("cert,chal,meas-unsigned", 8),
                                ("chal,meas", 8), ("cert", 0), ("meas-unsigned", 8), ("meas", 8),
                                ("", 0)):
        found, result = Device(t, "--capabilities", capabilities).ask(code=4)
        need(found["problem"] == "spdm-cannot-sign" and len(found["measurements"]) == shown and
             not any(m["signed"] for m in found["measurements"]), result.describe())
    for capabilities, shown in (("cert,meas", 8), ("cert,chal", 0)):
        found = good(t, Device(t, "--capabilities", capabilities))
        need(len(found["measurements"]) == shown and found["negotiation_signed"], f"{found}")
    found = good(t, Device(t, "--capabilities", "cert,meas", "--version", "1.1"))
    need(not found["negotiation_signed"], "before 1.2 measurements cover nothing else")


@case
def spdm_trust(t):
    device = Device(t)
    stranger = Device(t, "--algorithm", "ecdsa-p384", "--hash", "sha-384")
    found, result = device.ask(anchor=False, code=0)
    need(not found["anchors_given"] and found["slots"][0]["anchor"] is None, result.describe())
    for more in ([], ["--root-absent"]):
        found, result = Device(t, *more).ask("--anchor", stranger.anchors[0], anchor=False, code=3)
        need(found["problem"] == "device-chain-untrusted", result.describe())
    write(t.path("anchors/device/maker.pem"), read(device.anchors[0]))
    write(t.path("anchors/device/maker.conf"), "vendor = 8086\n")
    found, result = device.ask("--anchors", t.path("anchors"), anchor=False, code=0)
    need(found["slots"][0]["anchor"], result.describe())


@case
def spdm_names_in_certificates(t):
    """What the leaf says it is of; over TCP nobody can compare that."""
    for more, name in (([], IDENTITY), (["--serial", "1122334455667788"],
                                        IDENTITY + ":1122334455667788"), (["--identity", ""], None)):
        found = good(t, Device(t, *more))["slots"][0]
        need(found["names_device"] == name, f"{found}")
        need(found["binding"] == ("not-compared" if name else "unbound"), f"{found}")


HERE = "Vendor=1b36:Device=0010:CC=010802:REV=00:SSVID=0000:SSID=0000"
NAMES = (  # what the leaf says, and what that makes of it for the device of the simulated mailbox
    ("bound", HERE), ("bound", HERE.replace("1b36", "1B36")), ("bound", HERE, HERE),
    ("other", HERE.replace("1b36", "1b37")), ("other", HERE.replace("=0010", "=0011")),
    ("other", HERE.replace("010802", "020000")), ("other", HERE.replace("REV=00", "REV=01")),
    ("other", HERE.replace("SSVID=0000", "SSVID=0001")), ("other", HERE[:-1] + "1"),
    ("other", HERE + ":1122334455667788"), ("other", HERE, HERE[:-1] + "1"),
    ("other", HERE[:-1] + "1", HERE), ("unbound", HERE[:-10]), ("unbound", HERE + ":"),
    ("unbound", HERE[:-1]), ("unbound", HERE + ":REV=00"), ("unbound", "1b36:0010"),
    ("unbound", HERE.replace("Vendor=1b36:", "")), ("unbound", HERE, "anything"),
    ("unbound", HERE + "\0"), ("unbound", " " + HERE), ("other", "Device=0011"),
)


@case
def spdm_names_bind(t):
    """Through a mailbox it is known which device it is: right, another's, or no name for it."""
    tree = host(t)
    for want, *names in NAMES:
        device = Device(t, "--framing", "doe", *(w for name in names for w in ("--san", name)))
        result = t.holdfast("spdm", nic(0), "--json", "--sysfs", tree.sys, "--anchor",
                            device.anchors[0], env=live(tree, **{nic(0): f"tcp:{device.number}"}))
        slot, = spdm.report(result)["slots"]
        need(slot["binding"] == want, f"{names}: wanted {want}\n{result.describe()}")
        need((result.code, problem(result)) == ((3, "device-identity-wrong") if want == "other"
                                                else (0, None)), f"{names}\n{result.describe()}")


@case
def spdm_later_and_again(t):
    """Busy, not ready, forgotten: patience pays."""
    for step in lies.STEPS:
        more = [f"busy={step}:2", f"resynch={step}"]
        if step != "version":
            more.append(f"not-ready={step}:2:5:1")
        for lie in more:
            device, path = Device(t, "--lie", lie), t.path("transcript")
            found = good(t, device, "--transcript", path)
            values_are(found, "sha-256", MEASUREMENTS)
            is_as_good(t, device, path, found)
    for lie in ("error=capabilities:01:1", "error=certificate:01:1", "error=measurements:01:1"):
        values_are(good(t, Device(t, "--lie", lie)), "sha-256", MEASUREMENTS)
    found = good(t, Device(t, "--version", "1.1,1.2", "--lie", "error=capabilities:41:1"))
    need(found["version"] == "1.1", f"{found['version']}")  # visible, for a rule to refuse


@case
def spdm_content_changed(t):
    device = Device(t, "--lie", "content-changed=once")
    need(good(t, device)["content"] == "same", "it was asked again")
    need(device.requests().count("GET_MEASUREMENTS") == 2, f"{device.requests()}")
    found, result = Device(t, "--lie", "content-changed=always").ask(code=3)
    need(found["problem"] == "spdm-content-changed", result.describe())
    need(good(t, Device(t, "--version", "1.1"))["content"] == "unknown", "1.1 cannot say")


@case
def spdm_a_recording_is_no_device(t):
    for version in spdm.VERSIONS:
        device = Device(t, "--version", version)
        good(t, device, "--transcript", t.path("transcript"))
        replay = Device(t, "--replay", t.path("transcript"))
        found, result = replay.ask("--anchor", device.anchors[0], code=3)
        need(found["problem"] == "spdm-signature-invalid" and not found["signatures"],
             result.describe())


@case
def spdm_any_byte_of_a_transcript(t):
    """Since 1.2 a signature covers every message, the requests too."""
    for version in ("1.2", "1.4"):
        device, path = Device(t, "--version", version), t.path("transcript")
        good(t, device, "--transcript", path)
        data = read(path)
        places = [start + i for start, body in messages_of(data) for i in range(len(body))]
        chance = random.Random(f"transcript {version}")
        flips_show(t, device, path, one_of_each(data, version) + chance.sample(places, 60))


@case
def spdm_any_byte_of_an_answer(t):
    chance = random.Random("answers")
    for _ in range(60):
        step = chance.choice(list(lies.STEPS))
        device = Device(t, "--version", "1.3", "--lie", f"flip={step}:{chance.randrange(600)}")
        _, result = device.ask("--framing", "mctp", "--seconds", "2")
        need(result.code in (3, 4) and problem(result),
             f"{device.port.options.lie}\n{result.describe()}")


@case
def spdm_transcript_that_is_cut(t):
    device, path = Device(t), t.path("transcript")
    good(t, device, "--transcript", path)
    data = read(path)
    ends = [start + len(body) for start, body in messages_of(data)]
    for at in [0, 3, 23, 24, 30] + [end - 1 for end in ends]:
        write(t.path("cut"), data[:at])
        result = again(t, device, t.path("cut"))
        need(result.code != 0, f"cut at {at}\n{result.describe()}")
    for end in ends[:-1]:  # whole packets: nothing is malformed, and little is shown
        write(t.path("cut"), data[:end])
        result = again(t, device, t.path("cut"))
        found = spdm.report(result)
        need(result.code != 0 or found["signatures"] == 1, f"cut at {end}\n{result.describe()}")
        need(not found or not any(m["signed"] for m in found["measurements"]), result.describe())


def words(device, text):
    """The text, without what is another in every run."""
    text = text.replace(str(device.number), "PORT")
    return re.sub(r"\d{4}-\d\d-\d\d", "DATE", text)


@case
def spdm_text(t):
    for name, more in (("good", ["--version", "1.2,1.1", "--slots", "0,1"]),
                       ("flipped", ["--lie", "measurements-flipped"]),
                       ("broken-link", ["--chain-flaw", "broken-link"])):
        device = Device(t, *more)
        result = t.holdfast("spdm", f"tcp:127.0.0.1:{device.number}", "--anchor", device.anchors[0],
                            code=0 if name == "good" else 3)
        t.narrow(result.text)
        t.golden(f"spdm-{name}.txt", words(device, result.text + result.errors))


@case
def spdm_nobody_there(t):
    with Within(5, "a port where nobody listens"):
        result = t.holdfast("spdm", "tcp:127.0.0.1:1", code=4)
    t.refused(result, "responder-unreachable")
    for address in ("tcp:", "tcp:127.0.0.1", "tcp:127.0.0.1:0", "tcp:127.0.0.1:70000", "tcp:[::1:5"):
        need(t.holdfast("spdm", address).code in (1, 2, 4), address)
    write(t.path("empty"), b"")
    t.refused(t.holdfast("spdm", f"file:{t.path('empty')}", code=3), "transcript-shape")


@case
def spdm_wrong_framing(t):
    with Within(10, "another framing than the device's"):
        found, result = Device(t, "--framing", "mctp").ask("--framing", "doe", "--seconds", "2")
    need(result.code == 4 and found["problem"] in ("responder-unreachable", "timed-out"),
         result.describe())
