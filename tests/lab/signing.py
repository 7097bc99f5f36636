# SPDX-License-Identifier: GPL-3.0-or-later
"""A drive that signs what its firmware is: QEMU 10 hands what comes to its mailbox to a scripted
responder on this machine. Its own capture, manifests and images; and what such a drive can lie
about."""
import contextlib
import hashlib
import json
import pathlib
import shutil
import socket
import struct
import sys
import threading
import time

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import build
import golden
import image
import qemu
import transcript
from outcome import Failed, need

RESPONDER = build.ROOT / "tests/spdm"
sys.path.insert(0, str(RESPONDER))
import device  # noqa: E402
import wire  # noqa: E402

lock = threading.Lock()
broken = []  # why the drive could not be prepared
PLACE = golden.OWN_PORT  # the drive that signs: alone below a root port
IDENTITY = "Vendor=1B36:Device=0010:CC=010802:REV=02:SSVID=1AF4:SSID=1100"
OTHER = IDENTITY.replace("0010", "0011")
ANCHOR = "lab-drives"
SCOPE = b"vendor = 1b36\ndevice = 0010\n"
VFIO = ["irqbypass", "vfio_virqfd", "vfio", "vfio_iommu_type1", "vfio-pci-core", "vfio-pci"]
LOCKED = "lockdown=integrity"
IMAGES = {  # name: (modules more, words of the command line, whether the drive's root is in it)
    "spdm": ((), "", True), "spdm-no-anchor": ((), "", False),
    "spdm-vfio": (VFIO, LOCKED, True), "spdm-locked": ((), LOCKED, True)}
SHUTDOWN = 0xFFFE
DOE_SPDM = 1
UNSIGNED = wire.CAP_CERT | wire.CAP_CHAL | wire.CAP_MEAS_UNSIGNED
ALTERED = dict(device.MEASUREMENTS, **{"2": {"type": device.FIRMWARE, "of": "firmware 7.1, and an implant"}})


# ---- the other end of the mailbox ----
class Responder:
    """Serves one machine on a free port. answer(message): bytes, or raises device.Close. It never
    stays silent: QEMU would stand still with all of its guest."""

    def __init__(self, answer):
        self.answer = answer
        self.problem = None
        self.conversation = []  # (request, answer), hex
        self.seconds = 0.0  # spent in answering
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.connection = None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            self.connection = self.listener.accept()[0]
        except OSError:
            return
        try:
            with self.connection, self.connection.makefile("rb") as stream:
                self.serve(stream)
        except device.Close:
            pass
        except (ConnectionError, OSError):
            pass
        except Exception as error:  # whatever it is: the scenario says so
            self.problem = f"{type(error).__name__}: {error}"

    def serve(self, stream):
        while len(head := stream.read(12)) == 12:
            command, transport, size = struct.unpack(">III", head)
            frame = stream.read(size)
            if command == SHUTDOWN:
                return
            begin = time.monotonic()
            said = self.answer(frame[8:])
            self.seconds += time.monotonic() - begin
            self.conversation.append((frame[8:].hex(), said.hex()))
            said += bytes(-len(said) % 4)
            body = struct.pack("<HBBI", 1, DOE_SPDM, 0, 2 + len(said) // 4) + said
            self.connection.sendall(struct.pack(">III", command, transport, len(body)) + body)

    def close(self):
        self.listener.close()
        if self.connection:
            try:
                self.connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.thread.join(5)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Lie:
    """Tells the truth; others bend it."""

    def before(self, responder, request, raw):
        return NotImplemented

    def alter(self, responder, request, message):
        pass

    def sealed(self, responder, request, message, before, data):
        pass

    def spoil(self, responder, request, data):
        return data


class Garbage(Lie):
    """Bytes of nothing where its certificates are asked for."""

    def before(self, responder, request, raw):
        return bytes(range(0x80, 0xC0)) if request["code"] == wire.GET_CERTIFICATE else NotImplemented


class Resets(Lie):
    """Forgets everything whenever it is to prove that it has the key."""

    def before(self, responder, request, raw):
        return responder.error(wire.RESYNCH) if request["code"] == wire.CHALLENGE else NotImplemented


class HangsUp(Lie):
    def before(self, responder, request, raw):
        if request["code"] == wire.CHALLENGE:
            raise device.Close
        return NotImplemented


class ChangesLater(Lie):
    """Genuine firmware in the first conversation, another in the next."""
    conversations = 0

    def before(self, responder, request, raw):
        self.conversations += request["code"] == wire.GET_VERSION
        if self.conversations > 1:
            responder.device.measurements = ALTERED
        return NotImplemented


class Recorded:
    """Says again what was said once, to whoever asks the same kind of question."""

    def __init__(self, conversation):
        self.answers = {}
        for request, answer in conversation:
            self.answers.setdefault(self.kind(bytes.fromhex(request)), []).append(bytes.fromhex(answer))

    @staticmethod
    def kind(request):
        return request[1:8] if request[1] == wire.GET_CERTIFICATE else request[1:4]

    def __call__(self, message):
        waiting = self.answers[self.kind(message)]
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]


class RepeatsItself:
    """Signs in the first conversation, and says the same in the next."""

    def __init__(self, truth):
        self.truth, self.said, self.begun = truth, [], 0

    def __call__(self, message):
        self.begun += message[1] == wire.GET_VERSION
        if self.begun > 1:
            return self.again(message)
        answer = self.truth(message)
        self.said.append((message.hex(), answer.hex()))
        self.again = Recorded(self.said)
        return answer


def drive(lab, owner="lab", lies=(), **more):
    """The drive's responder. Its certificates were made once: another chain is another drive.
    owner: whose root."""
    settings = dict(directory=str(lab.dir / f"spdm-{owner}"), versions=(0x10, 0x11, 0x12, 0x13),
                    algorithm="ecdsa-p384", hash_name="sha-384", identity=IDENTITY)
    settings.update(more)
    made = device.Device(**settings)
    certificates = pathlib.Path(settings["directory"]) / (
        hashlib.sha256(repr(sorted((key, repr(value)) for key, value in more.items()
                                   if key in ("sans", "algorithm"))).encode()).hexdigest()[:8] + ".der")
    for slot, chain in made.slots.items():
        file = certificates.with_suffix(f".{slot}.der")
        if not file.exists():
            file.write_bytes(chain.der())
        chain.certificates = [x509.load_der_x509_certificate(each) for each in transcript.split(file.read_bytes())]
        chain.root = chain.certificates[0]
        made.blobs[slot] = chain.blob(made.hash_name)
    return device.Responder(made, [lie() for lie in lies]).handle


# ---- what boots ----
def one_signs(host, port):
    """The second drive leaves the switch for a root port of its own, and gets a mailbox."""
    del host.devices["nvme1"]
    speaks = f",spdm_port={port}" if port else ""
    host.devices["signs"] = f"nvme,serial=LABSIGNS,drive=data,bus=rp4,addr=0x0{speaks}"


def machine(lab, out, responder, agent, store, words="", **more):
    host = qemu.Host()
    one_signs(host, responder.port if responder else 0)
    if LOCKED in words:
        host.machine = "q35,kernel-irqchip=off"
        host.remapping = True
    return qemu.Machine(out, host, kernel=lab.kernel, initrd=lab.agent(agent),
                        command_line=(build.COMMAND_LINE + " " + words).strip(), store=lab.store(store),
                        data=lab.data_disk, tpm_state=lab.tpm_state, program=build.qemu10(), **more)


def state():
    """Names what the drive and its images are made from."""
    digest = hashlib.sha256()
    for path in [pathlib.Path(__file__), *sorted(RESPONDER.glob("*.py"))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


class Maker:
    """Once per state of the inputs: certificates, a capture boot, manifests, images."""

    def __init__(self, lab, out):
        self.lab, self.out = lab, out
        self.owner = {"owner.pem": (lab.dir / "anchors/owner.pem").read_bytes()}

    def make(self):
        need(not broken, f"the drive could not be prepared: {broken and broken[0]}")
        try:
            self.make_all()
        except (Failed, build.LabError, qemu.TimedOut) as error:
            broken.append(str(error))  # once is enough to know
            raise

    def make_all(self):
        done = self.lab.dir / "spdm-complete"
        if done.exists() and done.read_text() == state():
            return
        for owner in ("lab", "stranger"):
            shutil.rmtree(self.lab.dir / f"spdm-{owner}", ignore_errors=True)
        self.anchors()
        self.capture()
        self.sources()
        self.images()
        done.write_text(state())

    def anchors(self):
        drive(self.lab)
        root = next(pathlib.Path(self.lab.dir / "spdm-lab").glob("*.0.der"))
        root = x509.load_der_x509_certificate(transcript.split(root.read_bytes())[0])
        self.devices = {f"{ANCHOR}.pem": root.public_bytes(serialization.Encoding.PEM), f"{ANCHOR}.conf": SCOPE}
        for name, (_, _, anchored) in IMAGES.items():
            directory = self.lab.dir / f"anchors-{name}"
            shutil.rmtree(directory, ignore_errors=True)
            (directory / "device").mkdir(parents=True)
            for file, data in self.owner.items():
                (directory / file).write_bytes(data)
            for file, data in self.devices.items() if anchored else ():
                (directory / "device" / file).write_bytes(data)

    def capture(self):
        """As every golden host: a boot with no manifests is held, and all is measured."""
        lab = self.lab
        image.write_if_changed(lab.agent("spdm-capture"), build.agent_image(self.owner, {}, devices=self.devices))
        with Responder(drive(lab)) as responder, \
                machine(lab, self.out, responder, "spdm-capture", "empty") as held:
            match = held.wait_for(qemu.RESULT, r"Kernel panic.*\n")
            need(match and "cause=manifest-missing" in match.group(0),
                 "the capture boot was not held for want of manifests")
            held.wait_for(build.END, stream="evidence")
            text = build.evidence_json(held.evidence)
            need(not responder.problem, f"the responder: {responder.problem}")
        (lab.dir / "spdm-recorded.json").write_text(json.dumps(responder.conversation))
        (lab.dir / "spdm-capture.json").write_text(text)
        golden.unpack(lab.dir / "spdm-capture.json", lab.dir / "spdm-capture")

    def sources(self):
        """Manifests as the operator makes them: the drive's rule demands that it signs."""
        lab, sources = self.lab, self.lab.dir / "spdm-sources"
        shutil.rmtree(sources, ignore_errors=True)
        build.ctl("manifest", "create", "--from", lab.dir / "spdm-capture", "--out", sources,
                  "--driver", "nvme")
        for path in sources.glob(f"{golden.NVME}*.json"):
            golden.Lab.list_drive(path, build.qemu_version(build.qemu10()))
        self.signed = {}
        for path in sorted(sources.glob("*.json")):
            content = json.loads(path.read_text())
            for rule in content.get("rules", []):
                if rule.get("place") == PLACE:
                    rule["least_method"] = "signed"
            self.signed[f"{path.stem}.corim"] = lab.signed(content, f"spdm-{path.stem}")

    def images(self):
        lab = self.lab
        for name, (modules, words, anchored) in IMAGES.items():
            image.write_if_changed(lab.agent(name), build.agent_image(
                self.owner, self.signed, more_modules=modules, devices=self.devices if anchored else None))
            lists = lab._image_list(name, command_line=(build.COMMAND_LINE + " " + words).strip())
            trusted = lab.dir / f"trusted-{name}"
            shutil.rmtree(trusted, ignore_errors=True)
            trusted.mkdir()
            for file, data in {**self.signed, "images.corim": lists}.items():
                (trusted / file).write_bytes(data)
            image.write_if_changed(lab.store(name), build.store_image(
                {"images.corim": lists, "root.squashfs": (lab.dir / "root.squashfs").read_bytes()}))


def runner(**how):
    """A scenario's runner. how: what drive() takes; nobody: there is no mailbox at all; recorded: the
    conversation of another boot; repeats: RepeatsItself."""
    def run(run):
        build.qemu10()  # skips where there is none
        with lock:
            Maker(run.lab, build.OUT / "out/spdm-capture").make()
        scenario = run.scenario
        with other_end(run.lab, how) as responder, \
                machine(run.lab, run.out, responder, scenario.image, scenario.store, scenario.words,
                        echo=run.echo) as run.machine:
            run.wait_for_result()
            run.judge()
            need(not (responder and responder.problem), f"the responder: {responder and responder.problem}")
    return run


def other_end(lab, how):
    how = dict(how)
    if how.pop("nobody", False):
        return contextlib.nullcontext()
    if how.pop("recorded", False):
        return Responder(Recorded(json.loads((lab.dir / "spdm-recorded.json").read_text())))
    if how.pop("repeats", False):
        return Responder(RepeatsItself(drive(lab, **how)))
    return Responder(drive(lab, **how))


# ---- what must be true ----
def transcripts(evidence):
    return cbor2.loads((pathlib.Path(evidence) / "transcripts.cbor").read_bytes())


def drive_said(run):
    """{mkey: measurement} of the drive that signs."""
    for part in run.report()["parts"]:
        if part["path"] == PLACE:
            return {each["mkey"]: each for each in part["functions"][0]["measurements"]}
    raise Failed("the evidence has no drive that signs")


def nonces(evidence, count, again):
    """Those that had to be used in this boot, computed here from what the evidence holds."""
    boot_key = (evidence / "boot-key.der").read_bytes()
    challenge = (evidence / "nonce.bin").read_bytes() if again else b""
    start = (b"holdfast-spdm\0" + bytes([2 if again else 1, len(challenge)]) + challenge +
             hashlib.sha256(boot_key).digest() + PLACE.encode() + b".0\0")
    return [hashlib.sha256(start + struct.pack(">I", n)).digest() for n in range(count)]


def check_signed(run):
    """The drive signed, and nobody has to take our word for it."""
    evidence = run.out / "evidence"
    said = drive_said(run)
    need(said["spdm/identity"].get("text") == "bound", "the certificate does not name this drive")
    need(said["spdm/2"]["method"] == "signed", "the firmware's measurement is not signed")
    second_opinion(evidence, said)
    check_files(run)
    check_flipped(run)


def second_opinion(evidence, said):
    """Nothing of ours reads the conversations, makes the nonces and verifies the signatures."""
    both = [transcript.Conversation(data) for data in transcripts(evidence)]
    need(len(both) == 2, f"{len(both)} transcripts, not two")
    for number, conversation in enumerate(both):
        need(len(conversation.signatures) >= 1 and all(each.holds() for each in conversation.signatures),
             "a signature in a transcript does not hold")
        used = list(dict.fromkeys(conversation.nonces))
        need(used == nonces(evidence, len(used), number == 1), "the nonces are not those of this boot")
        value = conversation.blocks[2][1].hex()
        need(value in said["spdm/2"]["digests"].values(), "the transcript shows another firmware than the claims")


def check_files(run):
    """Each conversation as a file of its own, for an operator without the rest."""
    directory = run.out / "transcripts"
    shutil.rmtree(directory, ignore_errors=True)
    build.ctl("evidence", "show", "--transcripts", directory, run.out / "evidence")
    files = sorted(directory.iterdir())
    need(len(files) == 2, f"{len(files)} files of transcripts, not two")
    for file in files:
        build.run(build.BIN / "holdfast", "spdm", f"file:{file}",
                  "--anchors", run.lab.dir / f"anchors-{run.scenario.image}")


def check_flipped(run):
    """One byte of a transcript that is another: refused, each for its reason."""
    for name, at in (("signature", -8), ("middle", None)):
        copy = run.out / f"flipped-{name}"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(run.out / "evidence", copy)
        data = transcripts(copy)
        offset = at if at else len(data[0]) // 2
        changed = bytearray(data[0])
        changed[offset] ^= 1
        (copy / "transcripts.cbor").write_bytes(cbor2.dumps([bytes(changed), *data[1:]]))
        code, words = golden.verify(run.lab, copy, run.scenario)
        (run.out / f"verify-{name}.txt").write_text(words)
        need(code == 3 and "transcript-" in words, f"a flipped byte ({name}) is not refused: exit {code}")
    (copy / "transcripts.cbor").unlink()
    code, words = golden.verify(run.lab, copy, run.scenario)
    need(code == 3 and "transcript-missing" in words, f"evidence without transcripts is not refused: exit {code}")


def check_vfio(run):
    check_signed(run)
    need(drive_said(run)["spdm/way"].get("text") == "vfio-pci", "the drive was not asked through vfio-pci")
    host = next(part for part in run.report()["parts"] if part["path"] == "host")
    found = {each["mkey"]: each for each in host["measurements"]}
    need(found["lockdown"].get("text") == "integrity", "the evidence does not say lockdown")


def check_found(words, stage="appraise"):
    """The screen says what was found; and whoever has to sign and does not gets no driver."""
    def check(run):
        screen = " ".join(run.held_screen().split())
        need(words in screen, f"the screen does not say {words}")
        need(f"stage={stage}" in run.result.split(), f"not held at {stage}: {run.result}")
        if stage == "appraise":
            need("driver-1" not in build.ctl("evidence", "show", run.out / "evidence"), "a driver was bound")
    return check


def check_cxl(run):
    """The mailbox of CXL memory says what it speaks, and gives its table."""
    found = {}
    for part in run.report()["parts"]:
        for function in part["functions"]:
            if (function["vendor"], function["device"]) == ("8086", "0d93"):
                found = {each["mkey"]: each for each in function["measurements"]}
    need(found, "there is no CXL memory")
    need("0001/00" in found.get("doe/0x190", {}).get("text", ""), f"doe/0x190 is {found.get('doe/0x190')}")
    need("1e98/02" in found["doe/0x190"]["text"], "the mailbox does not speak CDAT")
    need("digests" in found.get("doe/cdat", {}), f"doe/cdat is {found.get('doe/cdat')}")


def cxl(host, _lab):
    host.machine = "q35,cxl=on,cxl-fmw.0.targets.0=cxl.1,cxl-fmw.0.size=4G"
    host.memory = f"{qemu.MEMORY_MIB},maxmem=4G,slots=4"
    host.objects += ["memory-backend-ram,id=cxl-memory,share=on,size=256M",
                     "memory-backend-ram,id=cxl-labels,share=on,size=256K"]
    host.devices.update({
        "cxl-bridge": "pxb-cxl,bus_nr=64,bus=pcie.0,id=cxl.1",
        "cxl-port": "cxl-rp,port=0,bus=cxl.1,id=crp0,chassis=30,slot=30",
        "cxl": "cxl-type3,bus=crp0,id=c0,memdev=cxl-memory,lsa=cxl-labels",
    })
