# SPDX-License-Identifier: GPL-3.0-or-later
"""QEMU's gdb server: just enough to look at registers and to change one."""
import socket
import struct

# g packet, x86-64: 16 general registers, rip (8 bytes each), eflags, cs, ... (4 each)
RIP = 16 * 8
CS = RIP + 8 + 4
FS_BASE = CS + 6 * 4
# Where Debian 12's C library keeps a thread's own number, from there on.
TID = 0x2d0


class Gdb:
    """Connecting stops the machine; resume() lets it go on."""

    def __init__(self, path):
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.settimeout(20)
        self.connection.connect(str(path))
        self.connection.sendall(b"+")
        self.command("qSupported:xmlRegisters=i386")

    def _send(self, text):
        data = text.encode()
        self.connection.sendall(b"$%s#%02x" % (data, sum(data) & 255))

    def _byte(self):
        data = self.connection.recv(1)
        if not data:
            raise ConnectionError("the gdb server went away")
        return data

    def _receive(self):
        while self._byte() != b"$":
            pass
        data = b""
        while True:
            byte = self._byte()
            if byte == b"#":
                break
            data += byte
        self._byte(), self._byte()
        self.connection.sendall(b"+")
        return data.decode("latin-1")

    def command(self, text):
        self._send(text)
        answer = self._receive()
        while answer.startswith("T"):  # that the machine stopped, said unasked
            answer = self._receive()
        return answer

    def threads(self):
        answer, found = self.command("qfThreadInfo"), []
        while answer.startswith("m"):
            found += answer[1:].split(",")
            answer = self.command("qsThreadInfo")
        return found

    def _thread_number(self, registers):
        """What the C library of the program that is in user mode takes itself for."""
        base = struct.unpack_from("<Q", registers, FS_BASE)[0]
        answer = self.command(f"m{base + TID:x},4")
        return int.from_bytes(bytes.fromhex(answer), "little") if len(answer) == 8 else 0

    def crash_init(self):
        """Sends PID 1 to address 0, if a CPU runs it in user mode; its children look alike, but
        for their numbers. False: none does."""
        for thread in self.threads():
            self.command("Hg" + thread)
            registers = bytes.fromhex(self.command("g"))
            if struct.unpack_from("<I", registers, CS)[0] & 3 != 3 or \
                    self._thread_number(registers) != 1:
                continue
            changed = registers[:RIP] + bytes(8) + registers[RIP + 8 :]
            return self.command("G" + changed.hex()) == "OK"
        return False

    def resume(self):
        self._send("c")

    def interrupt(self):
        self.connection.sendall(b"\x03")
        self._receive()

    def close(self):
        """Detach: the machine goes on."""
        try:
            self._send("D")
        except OSError:
            pass
        self.connection.close()
