# SPDX-License-Identifier: GPL-3.0-or-later
"""`holdfast spdm` against a device that lies: each lie has its reason, its exit code, an end in
time; and the conversation that was kept says the same as the device did."""
import shlex

import spdm
from harness import Failed, case, need, read
from spdm import Device, Within, problem

import lies  # of tests/spdm, as those below
import requester
import wire

UNREADABLE = {"spdm-error", "spdm-busy", "spdm-reset", "spdm-version", "spdm-cannot-sign",
              "timed-out", "responder-unreachable"}
NO_ANSWER = {"timed-out", "responder-unreachable", "spdm-busy", "limit-exceeded"}
SECONDS = 15  # for one run, however busy the machine is
NEGOTIATION = """
spdm-shape --lie versions-many
spdm-shape --lie versions-many=33
spdm-shape --lie versions-none
spdm-shape --lie versions-count
spdm-shape --lie versions-count=1 --version 1.2,1.1
spdm-version --lie versions-unknown
spdm-shape --lie set=capabilities:transfer_size:41
spdm-shape --lie set=capabilities:transfer_size:0
spdm-shape --lie set=capabilities:message_max:100
spdm-shape --lie set=capabilities:flags:0x1e
spdm-cannot-sign --lie set=capabilities:flags:0
spdm-algorithm --lie algorithm-other
spdm-algorithm --lie algorithm-other=sm2
spdm-algorithm --lie algorithm-two
spdm-algorithm --lie algorithm-none
spdm-algorithm --lie set=algorithms:pqc:1 --version 1.4
spdm-shape --lie algorithm-swapped=ecdsa-p384
spdm-shape --lie algorithm-swapped=rsassa-2048
spdm-signature-invalid --lie algorithm-swapped=ed25519
spdm-signature-invalid --lie algorithm-swapped=rsassa-2048 --algorithm rsapss-2048
spdm-signature-invalid --lie algorithm-swapped=rsapss-2048 --algorithm rsassa-2048 --version 1.1
spdm-algorithm --lie hash-other
spdm-algorithm --lie hash-two
spdm-algorithm --lie hash-none
spdm-algorithm --lie measurement-hash-two
spdm-algorithm --lie measurement-hash-other
spdm-algorithm --lie measurement-hash-none
spdm-shape --lie set=algorithms:measurement_hash:4
spdm-algorithm --lie spec-two
spdm-algorithm --lie set=algorithms:spec:2
spdm-algorithm --lie set=algorithms:other:1
spdm-shape --lie algorithms-length
spdm-shape --lie algorithms-length=35
spdm-shape --lie algorithms-length=37
spdm-shape --lie extended-algorithm
spdm-shape --lie algorithms-tables
spdm-shape --lie set=algorithms:tables:255
"""
CERTIFICATES = """
device-chain-invalid --chain-flaw leaf-no-signing
device-chain-invalid --chain-flaw leaf-is-ca
device-chain-invalid --chain-flaw intermediate-not-ca
device-chain-invalid --chain-flaw broken-link
certificate-expired --chain-flaw leaf-expired
certificate-expired --chain-flaw leaf-not-yet
certificate-expired --chain-flaw intermediate-expired
device-chain-invalid --intermediates 63
device-chain-invalid --leaf-padding 20000
device-chain-invalid --lie root-hash-wrong
device-chain-untrusted --lie root-hash-wrong --root-absent
device-chain-invalid --lie chain-length=0
device-chain-invalid --lie chain-length=65535
device-chain-invalid --lie chain-length=4294967295 --version 1.4
device-chain-invalid --lie chain-longer
device-chain-invalid --lie chain-cut
device-chain-invalid --lie chain-empty
device-chain-invalid --lie chain-garbage
device-chain-invalid --lie chain-tiny
device-chain-invalid --lie digest-wrong
device-chain-invalid --lie chain-changed
device-chain-invalid --lie chain-changed --version 1.0
spdm-cannot-sign --lie slots-none
spdm-shape --lie slots-claimed
spdm-shape --lie set=digests:slots:0
spdm-shape --lie set=digests:supported:2 --version 1.3
spdm-shape --lie certificate-other-slot
spdm-shape --lie certificate-endless
limit-exceeded --lie certificate-remainder
spdm-shape --lie certificate-remainder=1 --portion 100
spdm-shape --lie certificate-nothing
device-chain-invalid --lie certificate-early --portion 100
spdm-shape --lie certificate-portion
spdm-shape --lie certificate-portion=0
spdm-shape --lie certificate-more
limit-exceeded --lie certificate-huge-large --version 1.4 --large-certificates
spdm-shape --lie set=certificate:large_portion:0xffffffff --version 1.4 --large-certificates
"""
SIGNATURES = """
spdm-signature-invalid --lie STEP-flipped
spdm-signature-invalid --lie STEP-zero
spdm-signature-invalid --lie STEP-other-key
spdm-signature-invalid --lie STEP-partly
spdm-signature-invalid --lie STEP-old-nonce
spdm-shape --lie STEP-other-slot
spdm-shape --lie STEP-opaque-long
spdm-shape --lie STEP-opaque-length
"""
SINCE_1_2 = """
spdm-signature-invalid --lie STEP-other-context
spdm-signature-invalid --lie STEP-old-style
"""
SINCE_1_3 = "spdm-shape --lie STEP-context"
CHALLENGE = """
device-chain-invalid --lie challenge-chain-hash
spdm-shape --lie challenge-mutual
spdm-shape --lie challenge-mask
spdm-signature-invalid --lie set=challenge:opaque_length:1
"""
MEASUREMENTS = """
spdm-shape --measurement-hash sha-384
spdm-shape --lie block-twice
spdm-shape --lie block-zero
spdm-shape --lie block-ff
spdm-shape --lie block-size
spdm-shape --lie block-size=4
spdm-shape --lie value-size
spdm-shape --lie value-size=3
spdm-shape --lie block-spec
spdm-shape --lie block-spec=0
spdm-shape --lie digest-short
spdm-shape --lie record-tail
spdm-shape --lie record-length
spdm-shape --lie record-length=10
spdm-shape --lie block-count
spdm-shape --lie block-count=0
spdm-shape --lie block-count=1
spdm-shape --lie block-count=255
spdm-shape --lie set=measurements:slot:0x30
spdm-shape --lie unsigned-answer
spdm-shape --lie refuse-all,total-wrong=0
spdm-shape --lie refuse-all,total-wrong=255
spdm-shape --lie refuse-all,index-other
spdm-content-changed --lie refuse-all,measurement-differs
spdm-content-changed --lie content-changed=always
spdm-error --lie refuse-one,refuse-all
spdm-error --lie error=measurements:01
"""
PIECES = """
spdm-shape --lie chunk-handle
spdm-shape --lie chunk-number
spdm-shape --lie chunk-size
spdm-shape --lie chunk-size=0
limit-exceeded --lie chunk-total
limit-exceeded --lie chunk-total=131073
spdm-shape --lie chunk-total=10
spdm-shape --lie chunk-total=100000
spdm-shape --lie chunk-empty
spdm-shape --lie chunk-never-last
spdm-shape --lie chunk-early-last
"""
STEPS = """
responder-unreachable --lie close=STEP
spdm-shape --lie garbage=STEP:3
spdm-shape --lie garbage=STEP:4
spdm-shape --lie garbage=STEP:500
spdm-shape --lie garbage=STEP:4000
spdm-shape --lie ones=STEP
spdm-shape --lie zeros=STEP
spdm-shape --lie empty=STEP
spdm-shape --lie extra=STEP:1
spdm-shape --lie extra=STEP:100
spdm-shape --lie header-version=STEP:13
spdm-shape --lie header-version=STEP:00
spdm-shape --lie code=STEP:60,code=STEP:01,code=STEP:84
spdm-shape --lie not-ready-short=STEP
spdm-shape --lie not-ready-other=STEP
spdm-reset --lie resynch=STEP:forever
"""
INSTEAD = {  # at this step the same lie is another one
    "ones=digests": "device-chain-invalid", "zeros=digests": "device-chain-invalid",
    "zeros=challenge": "device-chain-invalid", "zeros=version": "spdm-shape",
}
FRAMES = """
doe spdm-shape --lie doe-length
doe spdm-shape --lie doe-length=0
doe spdm-shape --lie doe-length=1
doe spdm-shape --lie doe-length=3
doe spdm-shape --lie doe-type
doe spdm-shape --lie doe-vendor
doe spdm-shape --lie doe-padding=more
mctp spdm-shape --lie mctp-type
mctp limit-exceeded --lie frame-size
doe limit-exceeded --lie frame-size
doe limit-exceeded --lie frame-size=5000000
doe spdm-shape --lie frame-size=0
mctp spdm-shape --lie frame-size=0
doe spdm-shape --lie frame-twice
mctp spdm-shape --lie frame-twice
doe spdm-shape --lie frame-command
doe spdm-shape --lie frame-transport
"""


def lines(text):
    return [line.partition(" ")[::2] for line in text.strip().splitlines()]


def told(t, want, argv, *more, seconds=6, limit=SECONDS):
    """One lie, with its reason and its end."""
    device, path = Device(t, *argv), t.path("transcript")
    with Within(limit, " ".join(argv)):
        _, result = device.ask("--seconds", seconds, "--transcript", path, *more, timeout=limit + 20)
    try:
        need(problem(result) == want, f"wanted {want}, not {problem(result)}")
        need(result.code == (4 if want in UNREADABLE else 3), f"exit {result.code}")
        if "extra=measurements:1" in argv:
            return  # its file is whole: one byte more is where the last dword is filled
        kept(t, device, path, want, exactly=not {"mctp", "doe"} & set(more) and
             want not in NO_ANSWER)
    except Failed as why:
        raise Failed(f"{' '.join(argv)}: {why}\n{result.describe()}") from why


def kept(t, device, path, want, exactly):
    """Whoever reads the file comes to the same end as whoever talked to the device, if the
    answer is in it as it came: no frame that was none, no padding, no answer that is missing."""
    result = t.holdfast("spdm", f"file:{path}", "--json", "--anchor", device.anchors[0])
    need(result.code != 0, f"the file says that all is well\n{result.describe()}")
    need(not exactly or problem(result) == want, f"the file says {problem(result)}, not {want}")


def all_told(t, text, *more):
    for want, argv in lines(text):
        told(t, want, [*shlex.split(argv), *more])


@case
def spdm_lies_in_negotiation(t):
    all_told(t, NEGOTIATION)


@case
def spdm_lies_in_certificates(t):
    all_told(t, CERTIFICATES)


@case
def spdm_lies_in_signatures(t):
    for step in ("challenge", "measurements"):
        for version in spdm.VERSIONS:
            texts = [SIGNATURES, SINCE_1_2 if version >= "1.2" else "",
                     SINCE_1_3 if version >= "1.3" else ""]
            for text in texts:
                if version == "1.0" and step == "measurements":
                    text = text.replace("spdm-shape --lie STEP-other-slot\n", "")  # no slot in it
                all_told(t, text.replace("STEP", step), "--version", version)
        for algorithm, digest in (("ecdsa-p521", "sha-512"), ("ed25519", "sha-256"),
                                  ("rsassa-2048", "sha-256"), ("rsapss-2048", "sha-256")):
            for lie in ("flipped", "zero", "other-key", "old-nonce"):
                told(t, "spdm-signature-invalid", ["--algorithm", algorithm, "--hash", digest,
                                                   "--lie", f"{step}-{lie}"])
    all_told(t, CHALLENGE)


@case
def spdm_lies_in_measurements(t):
    all_told(t, MEASUREMENTS)


@case
def spdm_lies_in_pieces(t):
    for version in ("1.2", "1.4"):
        all_told(t, PIECES, "--chunk-size", "60", "--version", version)
    for step in ("digests", "certificate", "challenge", "measurements"):
        told(t, "spdm-shape", ["--lie", f"large-without-chunks={step}"])
        told(t, "spdm-shape", ["--lie", f"replace={step}:127f42"])


@case
def spdm_lies_at_every_step(t):
    """Without padding, where a byte too many or too few is one."""
    for step in lies.STEPS:
        for want, argv in lines(STEPS.replace("STEP", step)):
            told(t, INSTEAD.get(argv.split()[1], want), shlex.split(argv), "--framing", "mctp")


def answers(t, version):
    """Step -> (the last whole answer of it, the terms that it was made under)."""
    device = Device(t, "--version", version, "--opaque", "0a0b")
    need(device.ask("--framing", "mctp")[1].code == 0, "the device is no good one")
    watcher, found = requester.Watcher(padded=False), {}
    for request, answer in zip(device.port.messages[::2], device.port.messages[1::2]):
        message = watcher.take(request, answer)
        step = next(name for name, code in lies.STEPS.items() if code - 0x80 == message["code"])
        found.setdefault(step, wire.fields(message, watcher.terms))
    return found


@case
def spdm_lies_cut_at_every_field(t):
    for version in ("1.0", "1.3"):
        for step, fields in answers(t, version).items():
            at = 0
            for name, data in fields:
                if data:
                    told(t, "spdm-shape", ["--version", version, "--opaque", "0a0b", "--lie",
                                           f"cut={step}:{at}"], "--framing", "mctp")
                at += len(data)
            told(t, "spdm-shape", ["--version", version, "--opaque", "0a0b", "--lie",
                                   f"cut={step}:{at - 1}"], "--framing", "mctp")


@case
def spdm_lies_of_frames(t):
    for framing, line in lines(FRAMES):
        want, _, argv = line.partition(" ")
        told(t, want, shlex.split(argv), "--framing", framing)
    device = Device(t, "--lie", "doe-padding")  # what fills the last dword is nobody's business
    need(device.ask(code=0)[0]["problem"] is None, "padding")


@case
def spdm_silence(t):
    """At each step, in the middle of a frame, byte by byte: it ends when it was told to."""
    for step in lies.STEPS:
        told(t, "timed-out", ["--lie", f"silent={step}"], seconds=1, limit=5)
    told(t, "timed-out", ["--lie", "silent-after=6"], seconds=1, limit=5)
    told(t, "timed-out", ["--lie", "frame-half"], seconds=1, limit=5)
    told(t, "timed-out", ["--lie", "drip=0.1"], seconds=1, limit=5)
    told(t, "timed-out", ["--chunk-size", "60", "--lie", "chunk-silent"], seconds=1, limit=5)
    told(t, "timed-out", ["--lie", "slow=algorithms:3"], seconds=2, limit=6)
    # it says that its signatures take half an hour: nobody waits longer than allowed
    told(t, "timed-out", ["--lie", "set=capabilities:exponent:31,silent=challenge"], seconds=2,
         limit=6)


@case
def spdm_never_ready(t):
    for step in lies.STEPS:
        told(t, "spdm-busy", ["--lie", f"busy={step}:forever"], seconds=1, limit=6)
        if step != "version":
            told(t, "spdm-busy", ["--lie", f"never-ready={step}"], seconds=2, limit=6)
            told(t, "spdm-busy", ["--lie", f"not-ready={step}:1:31:255"], seconds=2, limit=6)
    told(t, "spdm-shape", ["--lie", "not-ready=version:1"])
    told(t, "spdm-error", ["--lie", "too-large=certificate"])


@case
def spdm_every_error(t):
    """At a step that cannot be left out; busy, not ready, large and resynch have their own."""
    for code in (0x00, 0x01, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x10,
                 0x40, 0x41, 0x44, 0x7f, 0xfe, 0xff):
        for step in ("version", "algorithms", "certificate", "measurements"):
            told(t, "spdm-error", ["--lie", f"error={step}:{code:02x}"])
        device = Device(t, "--lie", f"error=challenge:{code:02x}")
        found, result = device.ask()
        need(result.code == 0 and not found["slots"][0]["challenged"] and
             found["slots"][0]["challenge_problem"] == "spdm-error", result.describe())


@case
def spdm_lies_in_a_slot_that_nobody_needs(t):
    """Seven slots of which nothing can be read: each has its trouble, and none of it counts."""
    found, result = Device(t, "--lie", "slots-many").ask()
    need(result.code == 0 and [s["problem"] for s in found["slots"]] ==
         [None] + ["spdm-error"] * 7, result.describe())


@case
def spdm_oddities(t):
    """What is strange and does no harm: it is signed as it is, or says nothing."""
    for lie in ("summary-wrong", "refuse-all,total-wrong=9", "versions-many=32",
                "block-order", "slow=challenge:0.3", "drip=0.0001"):
        found, result = Device(t, "--lie", lie).ask()
        need(result.code == 0 and len(found["measurements"]) == 8, f"{lie}\n{result.describe()}")
    found, result = Device(t, "--lie", "refuse-all,total-wrong=3").ask()
    need(len(found["measurements"]) == 3, "it says that it has three")  # a release lists eight


@case
def spdm_lies_have_tests(t):
    """No lie in the list that nobody tells."""
    from harness import HERE
    text = "".join(read(f"{HERE}/{name}").decode() for name in (
        "cases_spdm.py", "cases_spdm_lies.py", "cases_spdm_responder.py"))
    for name in lies.ALL:
        _, _, kind = name.partition("-")
        need(name in text or f"STEP-{kind}" in text, f"nobody tells {name}")
