# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab host: a q35 machine with OVMF, a TPM and a fixed set of devices."""
import contextlib
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import qmp
import swtpm

MEMORY_MIB = 640
CPUS = 3
OVMF_CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
OVMF_VARS = "/usr/share/OVMF/OVMF_VARS_4M.fd"
ROM_DIR = "/usr/lib/ipxe/qemu"
# made by build.compressed_rom()
COMPRESSED_ROM = pathlib.Path(__file__).resolve().parents[2] / "build/lab/compressed-virtio.rom"
ESCAPES = re.compile(r"\x1b(\[[0-9;=?]*[A-Za-z]|[()][A-Z0-9])|\r")


class Host:
    """What is plugged in where. A scenario changes the entries it is about; addresses
    are fixed, so a place keeps its name."""
    machine = "q35"
    memory = str(MEMORY_MIB)
    cpus = CPUS

    def __init__(self):
        self.iommu = True
        self.remapping = False  # of interrupts, without which the kernel gives vfio no device
        self.objects = []  # memory behind devices
        self.netdev = None  # what a card is connected to
        self.ports = {  # name of the root port: (slot on the root bus, chassis)
            "rp0": 0x3, "rp1": 0x4, "rp2": 0x5, "rp3": 0x6, "rp4": 0x7}
        self.devices = {
            "vga": "VGA,bus=pcie.0,addr=0x2",
            "nic0": f"e1000e,bus=rp0,addr=0x0,mac=52:54:00:00:00:10,romfile={ROM_DIR}/efi-e1000e.rom",
            "nic1": f"virtio-net-pci,bus=rp1,addr=0x0,mac=52:54:00:00:00:11,romfile={COMPRESSED_ROM}",
            "nic2": f"vmxnet3,bus=rp3,addr=0x0,mac=52:54:00:00:00:12,romfile={ROM_DIR}/efi-vmxnet3.rom",
            "up0": "x3130-upstream,id=up0,bus=rp2,addr=0x0",
            "dn0": "xio3130-downstream,id=dn0,bus=up0,addr=0x0,chassis=20,slot=0",
            "dn1": "xio3130-downstream,id=dn1,bus=up0,addr=0x1,chassis=21,slot=0",
            "store": "nvme,serial=LABSTORE,drive=store,bus=dn0,addr=0x0",
            "nvme1": "nvme,serial=LABDATA,drive=data,bus=dn1,addr=0x0",
        }

    def set(self, device, old, new):
        assert old in self.devices[device]
        self.devices[device] = self.devices[device].replace(old, new)

    def arguments(self, store, data):
        remap = "on" if self.remapping else "off"
        args = ["-device", f"intel-iommu,intremap={remap}"] if self.iommu else []
        for each in self.objects:
            args += ["-object", each]
        if self.netdev:
            args += ["-netdev", self.netdev]
        for name, slot in self.ports.items():
            args += ["-device", f"pcie-root-port,id={name},bus=pcie.0,addr={slot:#x},"
                                f"chassis={slot},slot={slot}"]
        for name, path in (("store", store), ("data", data)):
            if any(f"drive={name}," in device for device in self.devices.values()):
                args += ["-drive", f"file={path},if=none,format=raw,id={name},snapshot=on"]
        for device in self.devices.values():
            args += ["-device", device]
        return args


# the gate's closing line, once all of it is there
RESULT = r"^holdfast result=(?:released|held)\b[^\n]*\n"


GATHER = 0.01  # seconds


class TimedOut(Exception):
    pass


LIVE = set()  # machines under way


def kill_all():
    """For the way out by a signal: no machine, TPM or socket outlives the lab."""
    for machine in list(LIVE):
        machine.kill()


class Machine:
    """One running machine. Everything it says arrives through one select loop."""

    def __init__(self, out_dir, host, *, kernel, initrd, command_line, store, data,
                 tpm_state=None, second_boot=None, debug=False, seconds=300, echo=None,
                 netboot=None, product="Q35 Lab Host", variables=None, program="qemu-system-x86_64",
                 uefi=True, rtc=None):
        """netboot: a directory of files for iPXE, which SeaBIOS starts in place of OVMF.
        variables(store): OVMF's variable store as somebody left it. program: which QEMU. rtc: what
        the machine's clock says at its start."""
        self.out = pathlib.Path(out_dir)
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir(parents=True)
        self.sockets = tempfile.mkdtemp(prefix="holdfast-lab.")
        self.echo = echo
        self.deadline = time.monotonic() + seconds
        self.console = ""  # ttyS0, cleaned of terminal control
        self.evidence = ""  # ttyS1
        self.frame = None  # what comes there in place of evidence: exchange()
        self.tpm = self.process = self.qmp = None
        self.streams = {}
        self.stamps = []  # (seconds, length of console) for timing
        self.listeners = []
        self.commands = 0
        LIVE.add(self)
        try:
            self._start(host, kernel, initrd, command_line, store, data, tpm_state,
                        second_boot, debug, seconds, netboot, product, variables, program, uefi, rtc)
        except BaseException:
            self.close()
            raise

    def _listen(self, name):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(f"{self.sockets}/{name}")
        listener.listen(1)
        listener.settimeout(20)
        self.listeners.append((name, listener))
        return f"socket,id={name},path={self.sockets}/{name}"

    def _start(self, host, kernel, initrd, command_line, store, data, tpm_state,
               second_boot, debug, seconds, netboot, product, variables, program, uefi, rtc):
        args = [
            "timeout", "-k", "3", str(seconds + 5), str(program),
            # One thread for all processors: with one each, a waiting one now and then misses its
            # timer and the guest stands still. With MWAIT on offer every waiting one spins here.
            "-machine", host.machine, "-accel", "tcg,thread=single", "-cpu", "max,-monitor", "-m", host.memory,
            "-smp", str(host.cpus), "-nodefaults", "-no-user-config", "-display", "none",
            "-chardev", self._listen("s0"), "-serial", "chardev:s0",
            "-chardev", self._listen("s1"), "-serial", "chardev:s1",
            "-chardev", self._listen("qmp"), "-mon", "chardev=qmp,mode=control",
            "-smbios", f"type=1,manufacturer=Holdfast Lab,product={product},serial=LAB0001",
            "-smbios", "type=2,manufacturer=Holdfast Lab,product=Q35 Lab Board",
        ]
        if netboot:
            args += ["-netdev", f"user,id=boot,restrict=on,tftp={netboot},bootfile=boot.ipxe"]
        elif uefi:
            saved = pathlib.Path(OVMF_VARS).read_bytes()
            (self.out / "vars.fd").write_bytes(variables(saved) if variables else saved)
            args += ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={OVMF_CODE}",
                     "-drive", f"if=pflash,unit=1,format=raw,file={self.out}/vars.fd"]
        if rtc:
            args += ["-rtc", f"base={rtc}"]
        if tpm_state:
            self.tpm = swtpm.Tpm(tpm_state, self.out, self.sockets)
            args += self.tpm.arguments()
        if debug:
            self.gdb_path = f"{self.sockets}/gdb"
            args += ["-chardev", f"socket,id=gdb,path={self.gdb_path},server=on,wait=off",
                     "-gdb", "chardev:gdb"]
        if kernel:
            args += ["-kernel", str(kernel), "-initrd", str(initrd), "-append", command_line]
        args += host.arguments(store, data)
        if second_boot:
            args += ["-drive", f"file={second_boot},if=none,format=raw,id=second,snapshot=on",
                     "-device", "ide-hd,drive=second,bus=ide.0,bootindex=1"]
        (self.out / "command").write_text("\n".join(args) + "\n")
        with open(self.out / "qemu.stderr", "wb") as errors:
            self.process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=errors,
                                            stderr=errors, start_new_session=True)
        for name, listener in self.listeners:
            self.streams[self._accept(listener)] = name
            if name == "qmp":
                self.qmp = qmp.Qmp(list(self.streams)[-1])

    def _accept(self, listener):
        while True:
            if self.process.poll() is not None:
                raise RuntimeError("QEMU did not start: " +
                                   (self.out / "qemu.stderr").read_text().strip()[-300:])
            if select.select([listener], [], [], 0.2)[0]:
                return listener.accept()[0]
            if time.monotonic() > self.deadline:
                raise TimedOut("QEMU did not connect")

    def _pump(self, wait):
        """Reads what is there. False: the machine is off."""
        if not self.streams:
            return False
        ready = select.select(list(self.streams), [], [], wait)[0]
        if any(self.streams[stream] == "s1" for stream in ready) and self.frame is None:
            time.sleep(GATHER)  # a hundred thousand bytes come by a few: each few would wake us
        for stream in ready:
            try:
                data = stream.recv(1 << 16)
            except ConnectionError:
                data = b""
            name = self.streams[stream]
            if not data:
                del self.streams[stream]
                stream.close()
            elif name == "qmp":
                self.qmp.feed(data)
            elif name == "s1" and self.frame is not None:
                self.frame += data
            elif name == "s1":
                self.evidence += data.decode("latin-1").replace("\r", "")
            else:
                self._hear(data)
        return bool(self.streams)

    def _hear(self, data):
        self.raw = getattr(self, "raw", "") + data.decode("utf-8", "replace")
        # a control sequence may be cut in two by the end of the chunk
        cut = self.raw.rfind("\x1b")
        keep = "" if cut < 0 or len(self.raw) - cut > 16 or ESCAPES.match(self.raw[cut:]) \
            else self.raw[cut:]
        text = ESCAPES.sub("", self.raw[: len(self.raw) - len(keep)])
        self.raw = keep
        self.console += text
        self.stamps.append((time.monotonic(), len(self.console)))
        if self.echo:
            self.echo(text)

    def wait_for(self, *patterns, stream="console"):
        """The match of the first pattern that appears; TimedOut when none does, None when
        the machine went off without one."""
        compiled = [re.compile(pattern, re.M) for pattern in patterns]
        while True:
            text = self.console if stream == "console" else self.evidence
            for pattern in compiled:
                match = pattern.search(text)
                if match:
                    return match
            left = self.deadline - time.monotonic()
            if left <= 0:
                self.look_inside()
                raise TimedOut(f"{patterns[0]!r} did not appear")
            if not self._pump(min(left, 1.0)):
                return None

    def linger(self, seconds):
        """Keeps listening, to see that nothing more happens. False: the machine is off."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            if not self._pump(min(0.2, max(0.0, limit - time.monotonic()))):
                return False
        return True

    def exchange(self, data, answered=True):
        """A TPM command for relay.c at the second serial port, and the answer."""
        line = next(stream for stream, name in self.streams.items() if name == "s1")
        self.frame = b""
        line.sendall(data)
        while answered and (len(self.frame) < 10 or len(self.frame) < int.from_bytes(self.frame[2:6], "big")):
            if not self._pump(1.0) or time.monotonic() > self.deadline:
                raise TimedOut("nobody answers at the second serial port")
        reply, self.frame = self.frame, None
        return reply

    def command(self, name, **arguments):
        """A command to QEMU that has to work: what it returns."""
        self.commands += 1
        self.qmp.send(name, self.commands, **arguments)
        while True:
            for answer in self.qmp.answers:
                if answer.get("id") == self.commands:
                    if "error" in answer:
                        raise RuntimeError(f"QEMU's {name}: {answer['error'].get('desc')}")
                    return answer["return"]
            if not self._pump(1.0):
                raise RuntimeError(f"the machine went off at {name}")
            if time.monotonic() > self.deadline:
                raise TimedOut(f"QEMU did not answer {name}")

    def wait_event(self, name, seconds):
        """True when the event comes, or came, in time."""
        limit = time.monotonic() + seconds
        while name not in self.qmp.events:
            if time.monotonic() > limit or not self._pump(0.2):
                return name in self.qmp.events
        return True

    @contextlib.contextmanager
    def stopped(self):
        """No processor of the guest runs inside."""
        self.command("stop")
        yield
        self.command("cont")

    def look_inside(self):
        """Where every processor is, for a machine that said nothing more."""
        try:
            before = len(self.qmp.answers)
            for command in ("info cpus", "info registers -a"):
                self.qmp.send("human-monitor-command", **{"command-line": command})
            self.linger(2)
            text = "\n".join(str(answer.get("return", answer)) for answer in self.qmp.answers[before:])
            (self.out / "processors.txt").write_text(text)
        except (OSError, AttributeError):
            pass

    def wait_off(self):
        while self._pump(1.0):
            if time.monotonic() > self.deadline:
                raise TimedOut("the machine did not switch off")

    def seconds_at(self, position):
        """When the console had grown to this length."""
        for when, length in self.stamps:
            if length >= position:
                return when
        return time.monotonic()

    def kill(self):
        if self.process and self.process.poll() is None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
        if self.tpm:
            self.tpm.close()
        shutil.rmtree(self.sockets, ignore_errors=True)

    def close(self):
        """Ends what was started here, whatever state it is in; keeps what was said."""
        LIVE.discard(self)
        self.kill()
        for stream in list(self.streams):
            stream.close()
        self.streams = {}
        for _, listener in self.listeners:
            listener.close()
        (self.out / "console.txt").write_text(self.console)
        if self.evidence:
            (self.out / "ttyS1.txt").write_text(self.evidence)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
